//! What comes of a stream: what was found, or why it was given up.

use super::lexer::Fault;
use crate::class::Class;
use crate::inspect::redact::{Counts, Plan, Seen};
use crate::limits::{
    FOUND_PLACES_MAX, STREAM_DEPTH_MAX, STREAM_HELD_BYTES_MAX, STREAM_NAMES_BYTES_MAX,
    STREAM_PATHS_BYTES_MAX,
};

/// Why a stream was given up. What was not given out then stays back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The text is not JSON (RFC 8259 section 2).
    #[error("expected {expected} at byte {offset}")]
    Syntax {
        /// Where the reader stood.
        offset: u64,
        /// What would have been accepted there.
        expected: &'static str,
    },
    /// The text is not UTF-8 (RFC 8259 section 8.1).
    #[error("invalid UTF-8 at byte {offset}")]
    Utf8 {
        /// First byte that is not part of a valid sequence.
        offset: u64,
    },
    /// A `\u` escape names half of a surrogate pair (RFC 8259 section 8.2).
    #[error("lone surrogate escape at byte {offset}")]
    LoneSurrogate {
        /// Where the escape begins.
        offset: u64,
    },
    /// More arrays and objects are open than [`STREAM_DEPTH_MAX`].
    #[error("nested deeper than {STREAM_DEPTH_MAX} levels at byte {offset}")]
    Depth {
        /// Where one more is opened.
        offset: u64,
    },
    /// A number has more digits than any reader takes.
    #[error("a number that is too long at byte {offset}")]
    NumberLength {
        /// Where it begins.
        offset: u64,
    },
    /// A member name does not fit what is held back.
    #[error("a member name of more than {STREAM_HELD_BYTES_MAX} bytes at byte {offset}")]
    NameLength {
        /// Where it begins.
        offset: u64,
    },
    /// The names over a value are longer together than [`STREAM_NAMES_BYTES_MAX`].
    #[error("more than {STREAM_NAMES_BYTES_MAX} bytes of names over the value at byte {offset}")]
    Names {
        /// Where the piece begins in which it stands.
        offset: u64,
    },
}

/// What was found in a stream.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Values that were hidden, blocked or only reported, by class.
    pub counts: Counts,
    /// Values that the reader may see, by class.
    pub revealed: Counts,
    /// Where values stood; bounded.
    pub places: Vec<Seen>,
    /// The first class met whose form is [`crate::class::Form::Block`].
    pub blocked: Option<Class>,
}

impl StreamError {
    pub(super) fn of(fault: Fault, offset: u64) -> StreamError {
        match fault {
            Fault::Expected(expected) => StreamError::Syntax { offset, expected },
            Fault::Depth => StreamError::Depth { offset },
            Fault::NumberLength => StreamError::NumberLength { offset },
            Fault::LoneSurrogate => StreamError::LoneSurrogate { offset },
        }
    }
}

impl Summary {
    pub(super) fn book(&mut self, plan: &Plan) {
        self.counts.merge(&plan.counts);
        self.revealed.merge(&plan.revealed);
        self.blocked = self.blocked.or(plan.blocked);
        for seen in plan.places() {
            let places = &mut self.places;
            seen.clone().merge_into(places, FOUND_PLACES_MAX, STREAM_PATHS_BYTES_MAX);
        }
    }
}
