//! The reader: bytes to tape in one pass, without recursion.
//!
//! While a container is open, its node's `next` holds the index of the container
//! around it, so that nesting needs no stack of its own.

use std::str;

use super::keys::refuse_duplicates;
use super::text::{self, StringEnd};
use super::{JsonError, Kind, Limits, Node, widen};

/// Reads one JSON text into a tape whose first node is the whole value.
pub(super) fn tape(bytes: &[u8], limits: &Limits) -> Result<Vec<Node>, JsonError> {
    if bytes.starts_with(BOM) {
        return Err(JsonError::Bom);
    }
    if u32::try_from(bytes.len()).is_err() {
        return Err(JsonError::Length { limit: widen(u32::MAX) });
    }
    if let Err(error) = str::from_utf8(bytes) {
        return Err(JsonError::Utf8 { offset: error.valid_up_to() });
    }
    let capacity = (bytes.len() / BYTES_PER_NODE_GUESS + 8).min(limits.nodes_max);
    let mut reader = Reader {
        bytes,
        at: 0,
        nodes: Vec::with_capacity(capacity),
        open: NONE,
        depth: 0,
        has_controls: text::has_controls(bytes),
        limits: *limits,
    };
    reader.document()?;
    Ok(reader.nodes)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Index of the innermost open container, or [`NONE`].
    open: u32,
    depth: usize,
    /// Whether the text holds any byte below U+0020; most compact JSON has none,
    /// and its strings need not be looked at again.
    has_controls: bool,
    limits: Limits,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), JsonError> {
        self.value()?;
        while self.open != NONE {
            self.element()?;
        }
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(JsonError::Trailing { offset: self.at });
        }
        Ok(())
    }

    /// Reads what may stand after a complete value inside a container: a comma and
    /// the next element, or the end.
    fn element(&mut self) -> Result<(), JsonError> {
        let in_object = self.container().kind == Kind::Object;
        self.skip_space();
        match (self.peek(), in_object) {
            (Some(b','), true) => {
                self.at += 1;
                self.member_name("a member name")?;
                self.value()
            }
            (Some(b','), false) => {
                self.at += 1;
                self.value()
            }
            (Some(b'}'), true) | (Some(b']'), false) => self.close(),
            (_, true) => Err(self.syntax("`,` or `}`")),
            (_, false) => Err(self.syntax("`,` or `]`")),
        }
    }

    /// Reads a value; of a container, everything up to and including its first scalar
    /// or its end, leaving it open for [`Reader::element`].
    fn value(&mut self) -> Result<(), JsonError> {
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => return self.string(),
                Some(b'{') => {
                    self.enter(Kind::Object)?;
                    if self.peek() == Some(b'}') {
                        return self.close();
                    }
                    self.member_name("a member name or `}`")?;
                }
                Some(b'[') => {
                    self.enter(Kind::Array)?;
                    if self.peek() == Some(b']') {
                        return self.close();
                    }
                }
                Some(b'-' | b'0'..=b'9') => return self.number(),
                Some(b't') => return self.literal(b"true", Kind::True),
                Some(b'f') => return self.literal(b"false", Kind::False),
                Some(b'n') => return self.literal(b"null", Kind::Null),
                Some(_) | None => return Err(self.syntax("a value")),
            }
        }
    }

    fn enter(&mut self, kind: Kind) -> Result<(), JsonError> {
        if self.depth >= self.limits.depth_max {
            return Err(JsonError::Depth { limit: self.limits.depth_max });
        }
        let index = self.index()?;
        let start = self.at;
        self.at += 1;
        self.push(kind, start, false)?;
        if let Some(node) = self.nodes.last_mut() {
            node.next = self.open;
        }
        self.open = index;
        self.depth += 1;
        self.skip_space();
        Ok(())
    }

    fn close(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        let end = offset(self.at)?;
        let next = self.index()?;
        let closed = self.open;
        let Some(node) = self.nodes.get_mut(widen(closed)) else {
            return Err(self.syntax("a value"));
        };
        let kind = node.kind;
        self.open = node.next;
        node.end = end;
        node.next = next;
        self.depth -= 1;
        if kind == Kind::Object {
            let members = self.nodes.get(widen(closed) + 1..).unwrap_or_default();
            refuse_duplicates(self.bytes, members, closed + 1, self.limits.keys)?;
        }
        Ok(())
    }

    fn member_name(&mut self, expected: &'static str) -> Result<(), JsonError> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(self.syntax(expected));
        }
        self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.syntax("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let StringEnd { after, escaped } =
            text::string_end(self.bytes, start + 1, self.has_controls)?;
        self.at = after;
        self.push(Kind::String, start, escaped)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            // A further digit is then met as something that is not a comma: no leading zeros.
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.at - start > self.limits.number_bytes_max {
            return Err(JsonError::NumberLength { limit: self.limits.number_bytes_max });
        }
        self.push(Kind::Number, start, false)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.syntax("a digit"));
        }
        self.at += count;
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        if !self.bytes.get(start..).unwrap_or_default().starts_with(word) {
            return Err(self.syntax("a value"));
        }
        self.at += word.len();
        self.push(kind, start, false)
    }

    /// Appends a value that ends where the reader stands.
    fn push(&mut self, kind: Kind, start: usize, escaped: bool) -> Result<(), JsonError> {
        if self.nodes.len() >= self.limits.nodes_max {
            return Err(JsonError::Nodes { limit: self.limits.nodes_max });
        }
        let next = self.index()?.saturating_add(1);
        self.nodes.push(Node { start: offset(start)?, end: offset(self.at)?, next, kind, escaped });
        Ok(())
    }

    /// The index of the next node.
    fn index(&self) -> Result<u32, JsonError> {
        u32::try_from(self.nodes.len())
            .map_err(|_| JsonError::Nodes { limit: self.limits.nodes_max })
    }

    fn container(&self) -> Node {
        self.nodes.get(widen(self.open)).copied().unwrap_or(Node::NULL)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn syntax(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax { offset: self.at, expected }
    }
}

fn offset(at: usize) -> Result<u32, JsonError> {
    u32::try_from(at).map_err(|_| JsonError::Length { limit: widen(u32::MAX) })
}

/// No container is open.
const NONE: u32 = u32::MAX;

/// U+FEFF in UTF-8.
const BOM: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Bytes per value in typical messages: the tape's first allocation, not a bound.
const BYTES_PER_NODE_GUESS: usize = 16;
