//! Words in records and labels.

use super::{Deeds, End, Record};
use crate::reject::{Rejection, Severity};

/// What became of a record.
pub(super) fn queued_name(queued: bool) -> &'static str {
    if queued { "queued" } else { "lost" }
}

/// How an answer ended.
pub(super) fn end_name(end: End, outcome: &Deeds) -> &'static str {
    match (end, outcome.cut) {
        (_, Some(reason)) => reason,
        (End::Complete, None) => "complete",
        (End::Failed, None) => "failed",
        (End::Dropped, None) => "client_gone",
    }
}

impl Record {
    /// Says in the log that an exchange was refused.
    pub(super) fn log_refusal(&self, rejection: &Rejection, queued: bool) {
        let row = rejection.code.row();
        let server = self.server.as_deref().unwrap_or("");
        let id = self.request_id.as_ref();
        let trace_id = self.trace_id.as_deref();
        // Where the record seals names, the log must not tell them.
        let why = if self.log.seals() { "sealed" } else { rejection.internal.as_ref() };
        if !queued {
            tracing::error!(request_id = id, trace_id, "the audit record of a refusal was lost");
        }
        match row.severity {
            Severity::Info => {
                tracing::info!(request_id = id, trace_id, server, code = row.code, why, "refused")
            }
            Severity::Warn => {
                tracing::warn!(request_id = id, trace_id, server, code = row.code, why, "refused")
            }
            Severity::Error => {
                tracing::error!(request_id = id, trace_id, server, code = row.code, why, "refused")
            }
        }
    }
}
