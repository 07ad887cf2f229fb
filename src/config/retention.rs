//! What the audit trail need not keep.

use std::time::Duration;

/// A rule of retention; a condition that is missing fits all records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Its name.
    pub name: String,
    /// Records older than this go.
    pub older_than: Duration,
    /// Only records of this kind.
    pub kind: Option<String>,
    /// Only records of this server.
    pub server: Option<String>,
    /// Only records of this phase.
    pub phase: Option<String>,
}
