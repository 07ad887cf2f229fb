//! Where audit records are copied to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// One receiver of copies of the audit records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Name in metrics, in the log and of its files.
    pub name: Arc<str>,
    /// What a record looks like there.
    pub format: SinkFormat,
    /// Whether names that the log seals are told there.
    pub subjects: SinkSubjects,
    /// Records of one batch.
    pub batch_records: usize,
    /// Bytes of one batch, as the records stand in the log.
    pub batch_bytes: usize,
    /// How long a batch waits to fill, where the kind does not decide it.
    pub batch_wait: Option<Duration>,
    /// Time for one request.
    pub timeout: Duration,
    /// Where they go.
    pub target: SinkTarget,
}

/// How names that the log seals stand in a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkSubjects {
    /// As in the log.
    Sealed,
    /// For everybody there, also after an erasure.
    Open,
}

/// What a record looks like at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFormat {
    /// The line of the log, byte for byte.
    Json,
    /// OCSF API Activity.
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
    /// ArcSight Common Event Format.
    Cef,
}

/// Where the records of a sink go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkTarget {
    /// A file that is only appended to.
    File(PathBuf),
    /// The standard output of the gateway.
    Stdout,
    /// A signed HTTP POST of JSON lines.
    Webhook {
        /// Where.
        http: SinkHttp,
        /// The key of the signature.
        secret: Secret,
    },
    /// Splunk's HTTP Event Collector.
    Splunk {
        /// Its base address.
        http: SinkHttp,
        /// The collector's token.
        token: Secret,
        /// Members of every event: `index`, `source`, `sourcetype`, `host`.
        labels: Vec<(&'static str, String)>,
    },
    /// The `_bulk` interface of Elasticsearch and OpenSearch.
    Elasticsearch {
        /// Its base address.
        http: SinkHttp,
        /// Index or data stream.
        index: String,
        /// The whole `Authorization` field, where there is one.
        authorization: Option<Secret>,
    },
    /// Syslog over TLS.
    Syslog {
        /// Host and port.
        host: String,
        /// The port.
        port: u16,
        /// Whom to trust, and who we are.
        tls: SinkTls,
        /// The facility's number.
        facility: u8,
    },
    /// OTLP logs over HTTP.
    Otlp {
        /// Where, with the path.
        http: SinkHttp,
        /// Header fields.
        headers: Vec<(String, Secret)>,
    },
    /// Objects in a bucket.
    S3(Box<super::S3>),
    /// The intake of Datadog.
    Datadog {
        /// Where, with the path.
        http: SinkHttp,
        /// The API key.
        api_key: Secret,
        /// Members of every log: `service`, `ddtags`, `hostname`.
        labels: Vec<(&'static str, String)>,
    },
}

/// An HTTP receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkHttp {
    /// Where.
    pub url: Url,
    /// Whom to trust, and who we are.
    pub tls: SinkTls,
}

/// TLS towards a receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkTls {
    /// The only authorities that are trusted, PEM; without, those of the system.
    pub ca_pem: Option<Arc<[u8]>>,
    /// The gateway's certificate chain and key, PEM.
    pub identity: Option<(Arc<[u8]>, Secret)>,
}
