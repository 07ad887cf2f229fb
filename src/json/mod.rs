//! Reads JSON once, strictly, and keeps only where each value stands.
//!
//! Owns the one parse of every request body, answer and SSE event. The result is a
//! tape of spans over the caller's bytes: nothing is copied, no number is converted,
//! and the wire text of any value can be forwarded byte for byte.
//!
//! Assumes nothing about the bytes. Guarantees that an accepted text is RFC 8259
//! JSON which no two parsers read differently: UTF-8 without BOM, no lone
//! surrogates, no duplicate member names at any depth (compared decoded, and for
//! requests also folded: see [`KeyRule`]), no bytes after the value, and within
//! [`Limits`]. Time and memory are linear in the input, whatever it holds.

mod canonical;
mod edit;
mod keys;
mod parse;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

use bytes::Bytes;

use crate::limits::{JSON_ANSWER_NODES_MAX, JSON_DEPTH_MAX, JSON_NUMBER_BYTES_MAX};

pub use canonical::{canonical, pretty};
pub(crate) use edit::push_removal;
pub use edit::{Edit, apply, keep_items, keep_members};
pub use keys::{lookalike_form, matches_known_member};
pub use text::write_string;
pub(crate) use text::{Piece, Pieces, equal_bytes, escape_or_backslash, quote_or_backslash};

/// What a document may cost its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many arrays and objects may be open at once; `0` allows scalars only.
    pub depth_max: usize,
    /// How many values a document may hold, member names included.
    pub nodes_max: usize,
    /// How many bytes one number may be written with.
    pub number_bytes_max: usize,
    /// When two member names of one object count as the same.
    pub keys: KeyRule,
}

/// How strictly messages of servers are read, by the response gate and by all that reads them
/// before it: exact duplicates are refused, look-alikes are data.
pub const ANSWER: Limits = Limits {
    depth_max: JSON_DEPTH_MAX,
    nodes_max: JSON_ANSWER_NODES_MAX,
    number_bytes_max: JSON_NUMBER_BYTES_MAX,
    keys: KeyRule::Exact,
};

impl Limits {
    /// For what issuers say and sign: tokens, key sets, metadata, answers about tokens.
    #[must_use]
    pub const fn of_issuer(nodes_max: usize) -> Self {
        let number_bytes_max = JSON_NUMBER_BYTES_MAX;
        Self { depth_max: 16, nodes_max, number_bytes_max, keys: KeyRule::Exact }
    }
}

/// When two member names of one object count as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// Equal after decoding escapes. The rule for answers.
    Exact,
    /// Equal after decoding, cutting at NUL, NFKC, full case folding and trimming
    /// white space: what lenient parsers of servers do. The rule for requests (S-22).
    Folded,
}

/// Why a text was refused. Holds offsets in bytes and limits, never input text.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum JsonError {
    /// The text is not UTF-8 (RFC 8259 section 8.1).
    #[error("invalid UTF-8 at byte {offset}")]
    Utf8 {
        /// First byte that is not part of a valid sequence.
        offset: usize,
    },
    /// The text begins with a byte order mark (RFC 8259 section 8.1).
    #[error("byte order mark before the JSON text")]
    Bom,
    /// The text is not JSON (RFC 8259 section 2).
    #[error("expected {expected} at byte {offset}")]
    Syntax {
        /// Where the reader stood.
        offset: usize,
        /// What would have been accepted there.
        expected: &'static str,
    },
    /// A member name occurs twice in one object (RFC 8259 section 4 calls that unpredictable).
    #[error("duplicate member name at byte {offset}")]
    DuplicateKey {
        /// Where the second name begins.
        offset: usize,
    },
    /// A member name differs from another of its object only by case, Unicode form,
    /// white space or what follows a NUL ([`KeyRule::Folded`]).
    #[error("member name at byte {offset} looks like another of its object")]
    LookalikeKey {
        /// Where the second name begins.
        offset: usize,
    },
    /// A `\u` escape names half of a surrogate pair (RFC 8259 section 8.2).
    #[error("lone surrogate escape at byte {offset}")]
    LoneSurrogate {
        /// Where the escape begins.
        offset: usize,
    },
    /// More arrays and objects are open than [`Limits::depth_max`].
    #[error("nested deeper than {limit} levels")]
    Depth {
        /// The limit in force.
        limit: usize,
    },
    /// More values than [`Limits::nodes_max`].
    #[error("more than {limit} values")]
    Nodes {
        /// The limit in force.
        limit: usize,
    },
    /// A number is longer than [`Limits::number_bytes_max`].
    #[error("a number of more than {limit} bytes")]
    NumberLength {
        /// The limit in force.
        limit: usize,
    },
    /// The text is longer than a tape can address (4 GiB).
    #[error("a text of more than {limit} bytes")]
    Length {
        /// The limit in force.
        limit: usize,
    },
    /// Something other than white space follows the value.
    #[error("unexpected bytes after the value at byte {offset}")]
    Trailing {
        /// First byte after the value that is not white space.
        offset: usize,
    },
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`, member names included.
    String,
    /// A number in any spelling.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// A parsed text: the caller's bytes and a tape of where its values stand.
#[derive(Clone)]
pub struct Document {
    bytes: Bytes,
    nodes: Vec<Node>,
}

impl Document {
    /// Reads `bytes` as one JSON text.
    ///
    /// # Errors
    /// The first violation met, in reading order; the byte order mark and UTF-8 are
    /// judged before anything else.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Document, JsonError> {
        let nodes = parse::tape(&bytes, limits)?;
        Ok(Document { bytes, nodes })
    }

    /// The one value of the text.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, index: 0 }
    }

    /// The whole text as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn node(&self, index: u32) -> Node {
        // Indexes come from the tape itself, so the fallback is never taken.
        self.nodes.get(widen(index)).copied().unwrap_or(Node::NULL)
    }
}

impl fmt::Debug for Document {
    /// Shows sizes only: a document may hold what must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes, {} values)", self.bytes.len(), self.nodes.len())
    }
}

/// One value of a [`Document`]; cheap to copy.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    document: &'d Document,
    index: u32,
}

impl<'d> Value<'d> {
    /// What the value is.
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Where the value stands in [`Document::bytes`], quotes and brackets included.
    pub fn span(&self) -> Range<usize> {
        let node = self.node();
        widen(node.start)..widen(node.end)
    }

    /// The wire text of the value, quotes and brackets included.
    pub fn raw(&self) -> &'d [u8] {
        self.document.bytes.get(self.span()).unwrap_or_default()
    }

    /// The member called `key`, when this is an object that has it; names are
    /// compared decoded.
    pub fn get(&self, key: &str) -> Option<Value<'d>> {
        self.members().find(|(name, _)| name.is_str(key)).map(|(_, value)| value)
    }

    /// The members of an object as (name, value) in wire order; empty for other kinds.
    pub fn members(&self) -> Members<'d> {
        Members { rest: self.children(Kind::Object) }
    }

    /// The items of an array in order; empty for other kinds.
    pub fn items(&self) -> Items<'d> {
        self.children(Kind::Array)
    }

    /// The decoded text of a string, borrowed when it is written without escapes.
    pub fn as_str(&self) -> Option<Cow<'d, str>> {
        let inner = self.string_inner()?;
        if self.node().escaped {
            return Some(Cow::Owned(text::decode(inner)));
        }
        std::str::from_utf8(inner).ok().map(Cow::Borrowed)
    }

    /// Whether this is a string whose decoded text is `text`; never allocates.
    pub fn is_str(&self, text: &str) -> bool {
        match self.string_inner() {
            Some(inner) if self.node().escaped => text::decodes_to(inner, text),
            Some(inner) => inner == text.as_bytes(),
            None => false,
        }
    }

    /// The value of a number that is written as an integer and fits.
    pub fn as_i64(&self) -> Option<i64> {
        if !self.is_integer() {
            return None;
        }
        std::str::from_utf8(self.raw()).ok()?.parse().ok()
    }

    /// The value of `true` and `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            Kind::Object | Kind::Array | Kind::String | Kind::Number | Kind::Null => None,
        }
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether this is a number spelled with an optional `-` and digits only, of any size.
    pub fn is_integer(&self) -> bool {
        self.kind() == Kind::Number && self.raw().iter().all(|b| b.is_ascii_digit() || *b == b'-')
    }

    /// Follows an RFC 6901 pointer (`""` is the value itself, `/a/0` an item).
    pub fn pointer(&self, pointer: &str) -> Option<Value<'d>> {
        if pointer.is_empty() {
            return Some(*self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(*self, |at, token| at.step(token))
    }

    /// The text between the quotes, still escaped.
    pub(crate) fn string_inner(&self) -> Option<&'d [u8]> {
        let raw = self.raw();
        match self.kind() {
            Kind::String => raw.get(1..raw.len().saturating_sub(1)),
            Kind::Object | Kind::Array | Kind::Number | Kind::True | Kind::False | Kind::Null => {
                None
            }
        }
    }

    /// Whether a string is written with at least one backslash.
    pub(crate) fn is_escaped(&self) -> bool {
        self.node().escaped
    }

    fn step(&self, token: &str) -> Option<Value<'d>> {
        match self.kind() {
            Kind::Object if token.contains('~') => {
                self.get(&token.replace("~1", "/").replace("~0", "~"))
            }
            Kind::Object => self.get(token),
            Kind::Array => {
                let digits = token.bytes().all(|b| b.is_ascii_digit());
                let canonical = digits && (token == "0" || !token.starts_with('0'));
                let index: usize = token.parse().ok().filter(|_| canonical)?;
                self.items().nth(index)
            }
            Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => None,
        }
    }

    fn children(&self, of: Kind) -> Items<'d> {
        let node = self.node();
        let at = self.index.saturating_add(1);
        let end = if node.kind == of { node.next } else { at };
        Items { document: self.document, at, end }
    }

    fn node(&self) -> Node {
        self.document.node(self.index)
    }
}

impl fmt::Debug for Value<'_> {
    /// Shows kind and place only: a value may be what must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.span())
    }
}

/// The items of an array; see [`Value::items`].
#[derive(Debug, Clone)]
pub struct Items<'d> {
    document: &'d Document,
    at: u32,
    end: u32,
}

impl<'d> Iterator for Items<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { document: self.document, index: self.at };
        self.at = value.node().next;
        Some(value)
    }
}

impl FusedIterator for Items<'_> {}

/// The members of an object; see [`Value::members`].
#[derive(Debug, Clone)]
pub struct Members<'d> {
    rest: Items<'d>,
}

impl<'d> Iterator for Members<'d> {
    type Item = (Value<'d>, Value<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.rest.next()?, self.rest.next()?))
    }
}

impl FusedIterator for Members<'_> {}

/// One value on the tape; 16 bytes. The children of a container follow it directly.
#[derive(Debug, Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// Index of the first node after this value and all it holds.
    next: u32,
    kind: Kind,
    /// For strings: written with at least one backslash.
    escaped: bool,
}

impl Node {
    const NULL: Node = Node { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, escaped: false };
}

/// Tape indexes and offsets are `u32`; every supported target has wider pointers.
fn widen(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
