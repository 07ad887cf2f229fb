//! Changes of a document by the bytes that they replace; every other byte stays.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::Value;

/// Bytes of the document that are replaced; nothing replaces what is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where, in the document.
    pub span: Range<usize>,
    /// By what.
    pub with: Cow<'static, [u8]>,
}

/// The document after the edits; the same bytes, shared, where there are none.
#[must_use]
pub fn apply(bytes: &Bytes, edits: &[Edit]) -> Bytes {
    if edits.is_empty() {
        return bytes.clone();
    }
    let mut out = BytesMut::with_capacity(bytes.len());
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(bytes.get(at..edit.span.start).unwrap_or_default());
        out.extend_from_slice(&edit.with);
        at = edit.span.end;
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    out.freeze()
}

/// What to remove from an object so that only some of its members stay.
pub fn keep_members(object: Value<'_>, keep: impl Fn(&str) -> bool, edits: &mut Vec<Edit>) {
    let spans: Vec<_> = object
        .members()
        .map(|(key, value)| {
            let kept = key.as_str().is_some_and(|name| keep(&name));
            (key.span().start..value.span().end, kept)
        })
        .collect();
    remove(&spans, edits);
}

/// What to remove from an array so that only some of its items stay.
pub fn keep_items(array: Value<'_>, keep: impl Fn(Value<'_>) -> bool, edits: &mut Vec<Edit>) {
    let spans: Vec<_> = array.items().map(|item| (item.span(), keep(item))).collect();
    remove(&spans, edits);
}

/// Behind a kept span the comma before goes with a removed one, else the comma after.
fn remove(spans: &[(Range<usize>, bool)], edits: &mut Vec<Edit>) {
    let mut kept = false;
    let mut before = None;
    for (at, (span, keep)) in spans.iter().enumerate() {
        if *keep {
            kept = true;
        } else {
            let next = spans.get(at + 1).map(|(next, _)| next.start);
            let gone = match before {
                Some(before) if kept => before..span.end,
                Some(_) | None => span.start..next.unwrap_or(span.end),
            };
            push_removal(edits, gone);
        }
        before = Some(span.end);
    }
}

/// Adds a removal, joined to the one before where they touch.
pub(crate) fn push_removal(edits: &mut Vec<Edit>, span: Range<usize>) {
    match edits.last_mut() {
        Some(last) if last.span.end == span.start && last.with.is_empty() => {
            last.span.end = span.end;
        }
        Some(_) | None => edits.push(Edit { span, with: Cow::Borrowed(b"") }),
    }
}
