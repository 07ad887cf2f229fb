//! Builds messages out of the raw slices of others.
//!
//! Guarantees that every value which is not replaced keeps its bytes: unknown members, big
//! integers, the spelling of numbers and strings. White space between the members of a rebuilt
//! object is not kept; a message that leaves for a line-based transport is one line.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{Document, JsonError, Value};

/// What becomes of a member of a rebuilt object.
pub(super) enum Keep {
    /// It stays as it stands.
    AsIs,
    /// It goes.
    Drop,
    /// Its value is replaced by these bytes.
    With(Vec<u8>),
}

/// Writes `object` anew, member by member.
pub(super) fn rebuild(
    out: &mut Vec<u8>,
    object: Value<'_>,
    mut keep: impl FnMut(&str, Value<'_>) -> Keep,
) {
    out.push(b'{');
    let mut first = true;
    for (name, value) in object.members() {
        let text = name.as_str().unwrap_or_default();
        let replacement = match keep(&text, value) {
            Keep::Drop => continue,
            Keep::AsIs => None,
            Keep::With(bytes) => Some(bytes),
        };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(name.raw());
        out.push(b':');
        out.extend_from_slice(replacement.as_deref().unwrap_or(value.raw()));
    }
    out.push(b'}');
}

/// Edits of one text, made in any order and applied at once.
#[derive(Debug)]
pub(super) struct Splice<'b> {
    bytes: &'b Bytes,
    edits: Vec<(Range<usize>, Vec<u8>)>,
}

impl<'b> Splice<'b> {
    pub(super) fn new(bytes: &'b Bytes) -> Self {
        Self { bytes, edits: Vec::with_capacity(4) }
    }

    /// Puts `with` in the place of a value.
    pub(super) fn replace(&mut self, value: Value<'_>, with: &[u8]) {
        self.edits.push((value.span(), with.to_vec()));
    }

    /// Adds members, written without braces, at the beginning of an object.
    pub(super) fn prepend(&mut self, object: Value<'_>, members: &[u8]) {
        let at = object.span().start.saturating_add(1);
        let mut with = members.to_vec();
        if object.members().next().is_some() {
            with.push(b',');
        }
        self.edits.push((at..at, with));
    }

    /// The text after the edits. Those at the same place stand in the order in which they came.
    pub(super) fn apply(mut self) -> Bytes {
        if self.edits.is_empty() {
            return self.bytes.clone();
        }
        self.edits.sort_by_key(|(span, _)| span.start);
        let added: usize = self.edits.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(self.bytes.len().saturating_add(added));
        let mut at = 0;
        for (span, with) in &self.edits {
            out.extend_from_slice(self.bytes.get(at..span.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = span.end;
        }
        out.extend_from_slice(self.bytes.get(at..).unwrap_or_default());
        out.into()
    }
}

/// Reads a message of the server as strictly as the response gate does.
pub(super) fn read(bytes: Bytes) -> Result<Document, JsonError> {
    Document::parse(bytes, &crate::mcp::ANSWER)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Keep, Splice, read, rebuild};
    use crate::upstream::link::one_line;

    #[test]
    fn kept_members_keep_every_byte() {
        let text = Bytes::from_static(
            b"{ \"a\" : 1.50e+007,\n\"b\":{\"x\" : \"\\u0041\"} , \"c\":90071992547409931234567 }",
        );
        let document = read(text).unwrap();
        let mut out = Vec::new();
        rebuild(&mut out, document.root(), |name, _| match name {
            "a" => Keep::Drop,
            "b" => Keep::AsIs,
            _ => Keep::With(b"7".to_vec()),
        });
        assert_eq!(out, br#"{"b":{"x" : "\u0041"},"c":7}"#);
    }

    #[test]
    fn edits_apply_in_the_order_of_their_places() {
        let text = Bytes::from_static(br#"{"id":1,"result":{ "x":1.0 },"e":{}}"#);
        let document = read(text).unwrap();
        let mut splice = Splice::new(document.bytes());
        splice.prepend(document.root().get("e").unwrap(), br#""q":0"#);
        splice.prepend(document.root().get("result").unwrap(), br#""a":1"#);
        splice.prepend(document.root().get("result").unwrap(), br#""b":2"#);
        splice.replace(document.root().get("id").unwrap(), br#""new""#);
        let out = splice.apply();
        assert_eq!(out, br#"{"id":"new","result":{"a":1,"b":2, "x":1.0 },"e":{"q":0}}"#.as_slice());
    }

    #[test]
    fn untouched_text_is_the_same_allocation() {
        let text = Bytes::from_static(b"{}");
        assert_eq!(Splice::new(&text).apply().as_ptr(), text.as_ptr());
    }

    #[test]
    fn line_ends_between_tokens_become_spaces() {
        assert_eq!(one_line(Bytes::from_static(b"{\r\n\"a\":\n1}")), b"{  \"a\": 1}".as_slice());
    }
}
