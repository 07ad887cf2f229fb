//! Why a view cannot be made or used.

use crate::limits::{
    JSON_DEPTH_MAX, NAMESPACE_BYTES_MAX, NAMESPACES_WANTED_BYTES_MAX, NAMESPACES_WANTED_MAX,
    PROJECTION_PATTERN_BYTES_MAX, PROJECTION_PATTERNS_MAX, PROJECTION_STEPS_MAX, SHOWN_CHARS_MAX,
};

/// Why a pattern, a place or a list of namespaces was refused, or a result cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// A pattern cannot be read.
    #[error("pattern `{pattern}`: {fault} at byte {at}")]
    Pattern {
        /// The beginning of the pattern.
        pattern: String,
        /// Where in the pattern.
        at: usize,
        /// What is wrong there.
        fault: Fault,
    },
    /// A place is no JSON pointer.
    #[error("place `{place}`: {fault} at byte {at}")]
    Place {
        /// The beginning of the pointer.
        place: String,
        /// Where in the pointer.
        at: usize,
        /// What is wrong there.
        fault: Fault,
    },
    /// A place stands in another one, where it could have no effect.
    #[error("place `{place}` stands in or is another place")]
    Within {
        /// The beginning of the pointer.
        place: String,
    },
    /// Without patterns or places nothing could pass.
    #[error("an empty list of patterns or places")]
    Empty,
    /// More patterns or places than one view may have.
    #[error("more than {} patterns or places", PROJECTION_PATTERNS_MAX)]
    TooMany,
    /// Patterns that cross each other so often that they cannot be held together.
    #[error("the patterns together have more than {} steps", PROJECTION_STEPS_MAX)]
    Together,
    /// What a caller asks for is no namespace.
    #[error(
        "`{name}` is no namespace: 1 to {} bytes of letters, digits, `_`, `-`, `:`, with dots between",
        NAMESPACE_BYTES_MAX
    )]
    Namespace {
        /// The beginning of the name.
        name: String,
    },
    /// A caller asks for more namespaces than it may at once.
    #[error(
        "more than {} namespaces or {} bytes of their names",
        NAMESPACES_WANTED_MAX,
        NAMESPACES_WANTED_BYTES_MAX
    )]
    Wanted,
    /// The result of a tool is no object.
    #[error("a result that is no object")]
    Unreadable,
}

/// What is wrong with a pattern or a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing is written.
    #[error("an empty pattern")]
    Empty,
    /// Longer than it may be.
    #[error("more than {} bytes", PROJECTION_PATTERN_BYTES_MAX)]
    Long,
    /// It does not begin with a slash.
    #[error("expected `/`")]
    NoSlash,
    /// Two slashes in a row, one at the end, or an alternative without a name.
    #[error("an empty segment")]
    Segment,
    /// No answer is nested that deep.
    #[error("more than {} levels", JSON_DEPTH_MAX)]
    Deep,
    /// `{` without `}`.
    #[error("a brace that is not closed")]
    Unclosed,
    /// `}` without `{`.
    #[error("a closing brace that was not opened")]
    Unopened,
    /// `{}`.
    #[error("empty braces")]
    Braces,
    /// A name directly before or behind braces.
    #[error("braces are a segment of their own")]
    Beside,
    /// A comma that separates no alternatives.
    #[error("a comma outside of braces")]
    Comma,
    /// A star in a name.
    #[error("`*` and `**` are segments of their own")]
    Star,
    /// Something behind `**`.
    #[error("`**` ends its path")]
    Behind,
    /// `~` without `0` or `1` (RFC 6901 section 3).
    #[error("expected `~0` or `~1`")]
    Escape,
    /// Too many alternatives, multiplied out.
    #[error("more than {} steps, alternatives multiplied out", PROJECTION_STEPS_MAX)]
    Steps,
}

/// As much of what was written as fits a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).take(SHOWN_CHARS_MAX).collect()
}
