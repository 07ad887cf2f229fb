//! A value in which something is hidden, and what may not be said of it.

use serde_json::Value;

use super::Mask;
use crate::class::Class;
use crate::json::Edit;
use crate::schema::{Leaf, Schema};
use crate::surrogate;

/// A leaf that needs a replacement.
pub(super) struct Wanted<'w> {
    pub(super) leaf: &'w Leaf<'w>,
    /// As the server said it.
    pub(super) original: Value,
    /// With the plan's replacements.
    pub(super) planned: Value,
    /// With as many stars as there were characters, where a part of it is not hidden.
    pub(super) starred: Option<Value>,
    /// What is hidden in it, in small letters.
    hidden: Vec<String>,
    pub(super) classes: Vec<Class>,
}

impl<'w> Wanted<'w> {
    pub(super) fn new(leaf: &'w Leaf<'w>, masks: &[&Mask]) -> Self {
        let (span, raw) = (leaf.value.span(), leaf.value.raw());
        let first = masks.partition_point(|mask| mask.edit.span.end <= span.start);
        let here = masks.iter().skip(first).take_while(|mask| mask.edit.span.start < span.end);
        let here: Vec<_> = here.copied().collect();
        let part = |mask: &Mask| {
            let Edit { span: hidden, .. } = &mask.edit;
            hidden.start.saturating_sub(span.start)..hidden.end.saturating_sub(span.start)
        };
        let parts: Vec<_> = here.iter().map(|mask| part(mask)).collect();
        let texts: Vec<_> =
            parts.iter().map(|part| decoded(raw.get(part.clone()).unwrap_or_default())).collect();
        let planned = here.iter().map(|mask| mask.edit.with.as_ref());
        let planned = replaced(raw, parts.iter().zip(planned));
        let stars: Vec<_> = texts.iter().map(|text| "*".repeat(text.chars().count())).collect();
        let starred = replaced(raw, parts.iter().zip(stars.iter().map(|text| text.as_bytes())));
        let original = serde_json::from_slice(raw).unwrap_or_default();
        let whole = parts.iter().any(|part| part.len() + 2 >= raw.len());
        Self {
            starred: Some(starred).filter(|text| !whole && text.is_string() && !is_json(&original)),
            leaf,
            original,
            planned,
            hidden: texts.iter().map(|text| text.to_lowercase()).collect(),
            classes: here.iter().filter_map(|mask| mask.class).collect(),
        }
    }

    /// Whether it has a format of which a surrogate is known. Validators read formats in more than
    /// one way, so that a mask which one of them takes does not do.
    pub(super) fn is_formatted(&self, schema: &Schema) -> bool {
        schema.asks(self.leaf).any(|ask| {
            ask.format().is_some_and(|format| surrogate::of_format(format, 0).is_some())
                && ask.accepts(&self.original)
        })
    }

    /// Whether a value says nothing of what is hidden.
    pub(super) fn is_kept_by(&self, value: &Value) -> bool {
        let Some(text) = value.as_str() else {
            return value.as_f64().is_none_or(|number| Some(number) != self.original.as_f64());
        };
        let text = text.to_lowercase();
        let says = |hidden: &String| hidden.len() >= TELLING && text.contains(hidden.as_str());
        value != &self.original && !self.hidden.iter().any(|hidden| text == *hidden || says(hidden))
    }
}

/// A string with parts of its wire text replaced; `null` where that is no JSON.
fn replaced<'r>(
    raw: &[u8],
    parts: impl Iterator<Item = (&'r std::ops::Range<usize>, &'r [u8])>,
) -> Value {
    let (mut text, mut at) = (Vec::with_capacity(raw.len()), 0);
    for (part, with) in parts {
        text.extend_from_slice(raw.get(at..part.start).unwrap_or_default());
        text.extend_from_slice(with);
        at = part.end;
    }
    text.extend_from_slice(raw.get(at..).unwrap_or_default());
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Wire text of a string, or of a part of one, as its reader sees it.
fn decoded(wire: &[u8]) -> String {
    let quoted = [b"\"", wire, b"\""].concat();
    serde_json::from_slice(wire)
        .or_else(|_| serde_json::from_slice(&quoted))
        .unwrap_or_else(|_| String::from_utf8_lossy(wire).into_owned())
}

/// Whether a text is JSON itself, in which stars would break a number.
fn is_json(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim_start().starts_with(['{', '[']))
}

/// Bytes from which a part of a value tells something of it.
const TELLING: usize = 3;
