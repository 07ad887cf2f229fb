//! Percent-encoding, strictly both ways (RFC 3986 section 2.1).

use std::fmt::Write;

/// Decodes escapes; `None` when a `%` begins none or the result is not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        out.push(u8::try_from(digit(0)? << 4 | digit(1)?).ok()?);
        rest = after.get(2..)?;
    }
    String::from_utf8(out).ok()
}

/// Decodes one path segment; `None` when it is empty, a dot segment, or holds what servers
/// resolve once more: separators, `%`, control characters.
pub(super) fn decode_segment(segment: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b';' | b'?' | b'#');
    if !segment.bytes().all(plain) {
        return None;
    }
    decode(segment).filter(|value| {
        !matches!(value.as_str(), "" | "." | "..")
            && !value.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '%' | ';'))
    })
}

/// Whether every character stands for itself in any part of a URL (RFC 3986 section 2.3).
pub(super) fn is_unreserved(text: &str) -> bool {
    text.bytes().all(unreserved)
}

/// Appends `text` with everything but unreserved characters encoded.
pub(super) fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if unreserved(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, decode_segment, push_encoded};

    #[test]
    fn segments_that_servers_resolve_again_are_refused() {
        for segment in [
            "", ".", "..", "%2e", "%2E%2e", ".%2e", "a%2fb", "a%5cb", "a\\b", "a%00", "%0a", "%7f",
            "a%", "a%2", "a%zz", "%ff", "%c0%ae", "a%252e", "a;b", "a%3bb", "a b", "é", "a?b",
        ] {
            assert_eq!(decode_segment(segment), None, "{segment}");
        }
    }

    #[test]
    fn segments_are_decoded_once() {
        for (segment, value) in
            [("a", "a"), ("a%20b", "a b"), ("caf%C3%A9", "café"), ("a+b", "a+b"), ("...", "...")]
        {
            assert_eq!(decode_segment(segment).as_deref(), Some(value));
        }
    }

    proptest! {
        #[test]
        fn encoded_text_decodes_to_itself(text in "\\PC{0,30}") {
            let mut out = String::new();
            push_encoded(&mut out, &text);
            prop_assert!(out.is_ascii() && !out.contains(['/', '?', '#', '&', ' ', ';', '+']));
            prop_assert_eq!(decode(&out), Some(text));
        }
    }
}
