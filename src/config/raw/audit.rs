//! The keys of the audit trail.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CertificateFiles, Duration, FilePath, PlainHttp, S3, SecretRef, Sink, Size, Url};

/// The audit trail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Folder of the log. Default: `audit`.
    pub dir: Option<FilePath>,
    /// When a record counts as written: on disk (`durable`), or handed to the system (`written`),
    /// so that a power loss may take the last records. Default: `durable`.
    pub durability: Option<Durability>,
    /// The log's name, under which its checkpoints are signed: no space, no plus. A log keeps its
    /// name. Default: a new log makes one.
    #[schemars(example = &"gw-1.example.com/audit")]
    pub origin: Option<String>,
    /// The key that signs checkpoints. Default: a new log makes one in its folder.
    pub signing_key: Option<SigningKey>,
    /// When the log's tree is signed.
    pub checkpoint: Option<Checkpoint>,
    /// When a file of the log ends and the next begins.
    pub segment: Option<Segment>,
    /// Where checkpoints go so that whoever holds the machine cannot change them: `log`,
    /// `stdout`, `{ file: PATH }` of a file that is only appended to, or a place over the network:
    /// a `name` and one of `witness`, `webhook` and `s3`. Default: `[log]`.
    pub anchors: Option<Vec<Anchor>>,
    /// Who gets copies of the records. Default: nobody.
    pub sinks: Option<Vec<Sink>>,
    /// Records that need not be kept: a running gateway removes their bodies and keeps their leaf
    /// hashes; the first rule that fits counts. Default: all are kept.
    pub retention: Option<Vec<Retention>>,
    /// File of the legal holds, which outweigh `retention`. Default: `holds` in the log's folder.
    pub legal_holds: Option<FilePath>,
    /// Keys under which the fields that say who it was are sealed, one for each person, so that
    /// destroying it erases them. Default: they stand in the clear.
    pub subjects: Option<Subjects>,
}

/// Keys of persons.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subjects {
    /// Folder of the keys; made if it does not exist. One gateway's alone.
    pub keys: FilePath,
    /// The key that wraps them.
    pub master_key: MasterKey,
}

/// The key that wraps others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterKey {
    /// 64 hexadecimal digits (`openssl rand -hex 32`), readable by its owner alone.
    pub file: FilePath,
}

/// A rule of retention.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Its name, which the `purge` record tells.
    pub name: String,
    /// Records older than this need not be kept.
    pub older_than: Duration,
    /// Only records of this kind: `call` or `revocation`. Default: of any.
    pub kind: Option<String>,
    /// Only records of this server. Default: of any.
    pub server: Option<String>,
    /// Only records of this phase. Default: of any.
    pub phase: Option<String>,
}

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Durability {
    /// After `fdatasync`.
    Durable,
    /// After `write`.
    Written,
}

/// The key that signs checkpoints.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// An Ed25519 key, PKCS#8 PEM, readable by its owner alone.
    pub file: FilePath,
}

/// When the log's tree is signed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// After so many records. Default: `10000`.
    pub records: Option<u64>,
    /// So long after a record. Default: `10s`.
    pub interval: Option<Duration>,
}

/// When a file of the log ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// At this size. Default: `64MiB`.
    pub size: Option<Size>,
    /// At this age. Default: `24h`.
    pub age: Option<Duration>,
}

/// Where checkpoints go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Anchor {
    /// A stream.
    Stream(StreamAnchor),
    /// A file, or a place over the network.
    Place(Box<AnchorPlace>),
}

/// The word `log` or `stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum StreamAnchor {
    /// An event of the gateway's log.
    Log,
    /// Standard output.
    Stdout,
}

/// A file, or a name and one kind of place over the network.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnchorPlace {
    /// A file that checkpoints are appended to; made if it does not exist. Default: none.
    pub file: Option<FilePath>,
    /// Name of a place over the network in metrics and log lines, and of its files in `anchors`
    /// beside the log; unique. Default: none.
    #[schemars(example = &"witness-1")]
    pub name: Option<String>,
    /// Time for one request, at most `1m`. Default: `10s`.
    pub timeout: Option<Duration>,
    /// Certificate authorities that are trusted in place of the system's, PEM. Default: the
    /// system's.
    pub ca: Option<FilePath>,
    /// Certificate that the gateway shows. Default: none.
    pub client_certificate: Option<CertificateFiles>,
    /// Whether checkpoints may leave the machine without TLS. Default: `loopback`.
    pub plain_http: Option<PlainHttp>,
    /// A witness, which cosigns that the log only grew (C2SP tlog-witness). Default: none.
    pub witness: Option<WitnessAnchor>,
    /// A signed HTTP POST of each checkpoint (Standard Webhooks). Default: none.
    pub webhook: Option<WebhookAnchor>,
    /// Each checkpoint as an object under a lock (S3 with Object Lock). Default: none.
    pub s3: Option<S3>,
}

/// A witness.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessAnchor {
    /// Its submission prefix: what stands before `/add-checkpoint`.
    #[schemars(example = "https://witness.example.com")]
    pub url: Url,
    /// Its public key, `NAME+HASH+KEY`, as its operator publishes it.
    #[schemars(example = &"remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")]
    pub key: String,
}

/// A signed HTTP POST.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookAnchor {
    /// Address to which checkpoints are posted.
    #[schemars(example = "https://evidence.example.com/hooks/gw-1")]
    pub url: Url,
    /// Key of the signature, at least 24 bytes; `whsec_` and base64, or as it is.
    pub secret: SecretRef,
}
