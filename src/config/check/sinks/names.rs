//! Whether a sink gets names that the log seals.

use super::super::super::model::{Sink, SinkFormat, SinkSubjects};
use super::super::super::raw;
use super::super::{At, Context};

/// Whether the log seals names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seals {
    Yes,
    No,
}

/// Names may be opened where they are sealed, and where nothing says that this is the log's line.
pub(super) fn opened(cx: &mut Context<'_>, at: &At<'_>, sink: &Sink, seals: Seals) {
    if sink.subjects == SinkSubjects::Sealed {
        return;
    }
    let at = at.key("subjects");
    if seals == Seals::No {
        let help = "remove it, or seal names with `audit.subjects`";
        cx.error(&at, "nothing is sealed that could be opened", help);
    } else if matches!(sink.format, SinkFormat::Ocsf | SinkFormat::Ecs) {
        let message =
            "this format carries the line of the log with its hash, which an opened one has not";
        cx.error(&at, message, "use `json` or `cef`, or leave the names sealed");
    } else {
        let message = "this sink gets names in the clear, and no erasure reaches them there";
        cx.warn(&at, message, "leave it out where whoever reads there need not know who it was");
    }
}

pub(super) fn subjects_of(raw: Option<raw::SinkSubjects>) -> SinkSubjects {
    match raw {
        Some(raw::SinkSubjects::Open) => SinkSubjects::Open,
        Some(raw::SinkSubjects::Sealed) | None => SinkSubjects::Sealed,
    }
}
