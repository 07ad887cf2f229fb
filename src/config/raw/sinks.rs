//! The keys of sinks: copies of the audit records for other systems.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CertificateFiles, Duration, FilePath, Pairs, PlainHttp, S3, SecretRef, Size, Url};

/// One receiver of copies of the audit records: a name, and exactly one of `file`, `stdout`,
/// `webhook`, `splunk_hec`, `elasticsearch`, `syslog`, `otlp`, `datadog` and `s3`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// Name in metrics and log lines, and of the files in `sinks` beside the log; unique.
    #[schemars(example = &"siem")]
    pub name: String,
    /// What a record looks like there: the line of the log (`json`), OCSF API Activity (`ocsf`),
    /// Elastic Common Schema (`ecs`) or ArcSight's format (`cef`). Default: `json`; `ecs` for
    /// `elasticsearch`.
    pub format: Option<SinkFormat>,
    /// How names that `audit.subjects` seals go there: `sealed`, or `open`, which no erasure
    /// reaches. Default: `sealed`.
    pub subjects: Option<SinkSubjects>,
    /// Records of one batch, at most 10,000. Default: `500`.
    pub batch_records: Option<u32>,
    /// Bytes of one batch, at most `16MiB`. Default: `1MiB`.
    pub batch_bytes: Option<Size>,
    /// How long a batch that is not full waits for more records, at most `1h`. Default: `200ms`;
    /// `1m` for `s3`.
    pub batch_wait: Option<Duration>,
    /// Time for one request, at most `5m`. Default: `30s`.
    pub timeout: Option<Duration>,
    /// Certificate authorities that are trusted in place of the system's, PEM. Default: the
    /// system's.
    pub ca: Option<FilePath>,
    /// Certificate that the gateway shows. Default: none.
    pub client_certificate: Option<CertificateFiles>,
    /// Whether records may leave the machine without TLS. Default: `loopback`.
    pub plain_http: Option<PlainHttp>,
    /// A file to which lines are appended; one that was moved aside is made anew. Default: none.
    pub file: Option<FilePath>,
    /// Lines on the standard output of the gateway. Default: none.
    pub stdout: Option<On>,
    /// A signed HTTP POST of JSON lines (Standard Webhooks). Default: none.
    pub webhook: Option<WebhookSink>,
    /// Splunk's HTTP Event Collector, with indexer acknowledgement. Default: none.
    pub splunk_hec: Option<SplunkSink>,
    /// The `_bulk` interface of Elasticsearch or OpenSearch. Default: none.
    pub elasticsearch: Option<ElasticsearchSink>,
    /// Syslog (RFC 5424) over TLS (RFC 5425). Default: none.
    pub syslog: Option<SyslogSink>,
    /// OTLP logs over HTTP, in their JSON encoding. Default: none.
    pub otlp: Option<OtlpSink>,
    /// The log intake of Datadog. Default: none.
    pub datadog: Option<DatadogSink>,
    /// Batches as objects in a bucket of S3. Default: none.
    pub s3: Option<S3>,
}

/// How sealed names go to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SinkSubjects {
    /// As they stand in the log.
    Sealed,
    /// In the clear.
    Open,
}

/// What a record looks like at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SinkFormat {
    /// The line of the log.
    Json,
    /// OCSF API Activity.
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
    /// ArcSight Common Event Format.
    Cef,
}

/// The word `on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum On {
    /// Switched on.
    On,
}

/// A signed HTTP POST.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSink {
    /// Address to which records are posted.
    #[schemars(example = "https://siem.example.com/hooks/sallyport")]
    pub url: Url,
    /// Key of the signature, at least 24 bytes; `whsec_` and base64, or as it is.
    pub secret: SecretRef,
}

/// An event collector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplunkSink {
    /// Address of the collector, without `/services/collector`.
    #[schemars(example = "https://splunk.example.com:8088")]
    pub url: Url,
    /// The collector's token; acknowledgement must be switched on for it.
    pub token: SecretRef,
    /// Index of the events. Default: the token's.
    pub index: Option<String>,
    /// Their source. Default: the token's.
    pub source: Option<String>,
    /// Their source type. Default: the token's.
    pub sourcetype: Option<String>,
    /// Their host. Default: the token's.
    pub host: Option<String>,
}

/// A bulk interface.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElasticsearchSink {
    /// Address of the cluster.
    #[schemars(example = "https://search.example.com:9200")]
    pub url: Url,
    /// Index or data stream.
    #[schemars(example = &"logs-sallyport-default")]
    pub index: String,
    /// API key, as the cluster encodes it. Default: none.
    pub api_key: Option<SecretRef>,
    /// User and password with a colon between them, in place of `api_key`. Default: none.
    pub basic: Option<SecretRef>,
}

/// A syslog receiver.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyslogSink {
    /// Host, and a port if it is not 6514.
    #[schemars(example = &"syslog.example.com:6514")]
    pub address: String,
    /// Number of the facility, 0 to 23. Default: `13`, the log audit.
    pub facility: Option<u8>,
}

/// An OTLP receiver.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpSink {
    /// Where, with the path.
    #[schemars(example = "https://otel.example.com:4318/v1/logs")]
    pub url: Url,
    /// Header fields of every request. Default: none.
    pub headers: Option<Pairs<SecretRef>>,
}

/// The intake of Datadog.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatadogSink {
    /// Where, with the path, for other sites than US1.
    /// Default: `https://http-intake.logs.datadoghq.com/api/v2/logs`.
    #[schemars(example = "https://http-intake.logs.datadoghq.eu/api/v2/logs")]
    pub url: Option<Url>,
    /// API key of the organisation.
    pub api_key: SecretRef,
    /// Service of the logs. Default: none.
    pub service: Option<String>,
    /// Tags, with commas between them. Default: none.
    pub tags: Option<String>,
    /// Host of the logs. Default: none.
    pub host: Option<String>,
}
