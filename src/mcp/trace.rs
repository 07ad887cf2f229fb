//! The trace of a caller, and ours in it, towards the server.
//!
//! Only `traceparent`, and only in its one exact form (W3C Trace Context, section 3.2): three
//! random-looking numbers and a flag carry nothing else. `tracestate` and `baggage` are free text
//! of strangers and stay behind. The copies in `_meta` (MCP 2026-07-28, "Trace Context") are part
//! of the message and go where it goes, unless the gateway traces: then its own span stands in
//! `_meta.traceparent`, and the free text beside it goes.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hex::{hex, read_hex};
use crate::json::{Edit, Kind, Value, keep_members};

/// `traceparent`.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A span, as others refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Of the whole trace.
    pub trace: [u8; 16],
    /// Of the span.
    pub span: [u8; 8],
    /// Whether whoever made it records it.
    pub sampled: bool,
}

impl Parent {
    /// Reads `00-{32 hex}-{16 hex}-{2 hex}`, lower case, neither number zero.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|byte| *byte == b'-');
        let mut part = |length| parts.next().filter(|part| part.len() == length);
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let (trace, span) = (read_hex(trace)?, read_hex(span)?);
        let [flags] = read_hex(flags)?;
        let sound = version == b"00" && trace != [0; 16] && span != [0; 8];
        let sampled = flags & 1 == 1;
        (sound && parts.next().is_none()).then_some(Self { trace, span, sampled })
    }

    /// The value of a `traceparent`.
    #[must_use]
    pub fn text(&self) -> String {
        let flags = if self.sampled { "01" } else { "00" };
        format!("00-{}-{}-{flags}", hex(&self.trace), hex(&self.span))
    }
}

/// The caller's trace, where it is in form and stands there once. Anything else is left behind,
/// which the standard asks for.
#[must_use]
pub fn parent(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let value = values.next()?;
    let alone = values.next().is_none();
    (alone && Parent::read(value.as_bytes()).is_some()).then_some(value)
}

/// The trace that `_meta` of a message names, where it is in form.
#[must_use]
pub fn meta_parent(message: Value<'_>) -> Option<Parent> {
    let value = meta(message)?.get("traceparent")?;
    Parent::read(value.as_str()?.as_bytes())
}

/// What makes a message that carries a trace carry ours: none where it carries none.
#[must_use]
pub fn meta_edits(message: Value<'_>, own: Parent) -> Vec<Edit> {
    let mut edits = Vec::new();
    let Some(meta) = meta(message) else { return edits };
    keep_members(meta, |key| key != "tracestate" && key != "baggage", &mut edits);
    if let Some(value) = meta.get("traceparent") {
        let with = Cow::Owned(format!("\"{}\"", own.text()).into_bytes());
        edits.push(Edit { span: value.span(), with });
        edits.sort_by_key(|edit| edit.span.start);
    }
    edits
}

fn meta(message: Value<'_>) -> Option<Value<'_>> {
    message.get("params")?.get("_meta").filter(|meta| meta.kind() == Kind::Object)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{TRACEPARENT, parent};

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn carried(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        parent(&headers).is_some()
    }

    #[test]
    fn p48_trace_in_its_exact_form_is_continued() {
        assert!(carried(&[SOUND]));
    }

    #[test]
    fn p48_anything_else_is_left_behind() {
        for value in [
            "",
            "forged-value",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(!carried(&[value]), "{value}");
        }
        assert!(!carried(&[SOUND, SOUND]) && !carried(&[]));
    }
}
