//! Words in records and labels.

use super::{Deeds, End};

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
