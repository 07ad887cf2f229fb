//! The caller's trace, continued towards the server.
//!
//! Only `traceparent`, and only in its one exact form (W3C Trace Context, section 3.2): three
//! random-looking numbers and a flag carry nothing else. `tracestate` and `baggage` are free text
//! of strangers and stay behind. The copies in `_meta` (MCP 2026-07-28, "Trace Context") are part
//! of the message and go where it goes.

use http::{HeaderMap, HeaderName, HeaderValue};

/// `traceparent`.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The caller's trace, where it is in form: `00-{32 hex}-{16 hex}-{2 hex}`, lower case, neither
/// number zero. Anything else is left behind, which the standard asks for.
#[must_use]
pub fn parent(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let value = values.next()?;
    let mut parts = value.as_bytes().split(|byte| *byte == b'-');
    let mut part = |length| parts.next().filter(|part| part.len() == length && is_hex(part));
    let (version, trace, span, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let is_zero = |number: &[u8]| number.iter().all(|byte| *byte == b'0');
    let sound = version == b"00" && !is_zero(trace) && !is_zero(span);
    (sound && parts.next().is_none() && values.next().is_none()).then_some(value)
}

fn is_hex(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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
