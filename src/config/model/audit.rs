//! The audit trail: where it is, when it is signed, who gets copies, what is kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{S3, Sink, SinkHttp};
use crate::secret::Secret;
use crate::vkey::WitnessKey;

/// The audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Directory of the log.
    pub dir: PathBuf,
    /// When a record counts as written.
    pub durability: Durability,
    /// The log's name; a new log makes one where there is none.
    pub origin: Option<String>,
    /// The key that signs; a new log makes one where there is none.
    pub signing_key: Option<PathBuf>,
    /// Records after which the tree is signed.
    pub checkpoint_records: u64,
    /// Time after which it is.
    pub checkpoint_interval: Duration,
    /// Bytes at which a segment ends.
    pub segment_bytes: u64,
    /// Age at which it does.
    pub segment_age: Duration,
    /// Where checkpoints go.
    pub anchors: Vec<Anchor>,
    /// Who gets copies of the records.
    pub sinks: Vec<Sink>,
    /// What need not be kept.
    pub retention: Vec<crate::config::Retention>,
    /// The file of legal holds, where one is named.
    pub legal_holds: Option<PathBuf>,
    /// Keys under which names are sealed.
    pub subjects: Option<SubjectKeys>,
}

/// Keys of persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectKeys {
    /// Their folder.
    pub keys: PathBuf,
    /// The file of the key that wraps them.
    pub master_key: PathBuf,
}

/// Where checkpoints go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The gateway's log.
    Log,
    /// Standard output.
    Stdout,
    /// A file that is only appended to.
    File(PathBuf),
    /// A place that is reached over the network.
    Remote(Box<RemoteAnchor>),
}

/// A place over the network that takes checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAnchor {
    /// Name in metrics, in the log and of its files.
    pub name: Arc<str>,
    /// Time for one request.
    pub timeout: Duration,
    /// What it is.
    pub target: AnchorTarget,
}

/// The kinds of such places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorTarget {
    /// A witness (C2SP `tlog-witness`).
    Witness {
        /// Its submission prefix.
        http: SinkHttp,
        /// Whose signatures count.
        key: WitnessKey,
    },
    /// A signed HTTP POST of each checkpoint.
    Webhook {
        /// Where.
        http: SinkHttp,
        /// The key of the signature.
        secret: Secret,
    },
    /// Each checkpoint as an object of its own.
    S3(Box<S3>),
}

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`.
    Durable,
    /// After `write`; a power loss may take the last records.
    Written,
}
