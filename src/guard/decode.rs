//! Undoes the encodings behind which attacks hide, as far as servers undo them.

use crate::limits::ROUNDS_MAX;
use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The text after percent-decoding (up to [`ROUNDS_MAX`] times, `%uXXXX` and `\xXX` too), with overlong
/// UTF-8 and compatibility characters (full-width dots and slashes) as what they stand for, and
/// in lower case.
pub(super) fn unfold(text: &str) -> Cow<'_, str> {
    let mut bytes = Cow::Borrowed(text.as_bytes());
    for _ in 0..ROUNDS_MAX {
        match percent_decoded(&bytes) {
            Some(decoded) => bytes = Cow::Owned(decoded),
            None => break,
        }
    }
    if matches!(bytes, Cow::Borrowed(_)) && text.is_ascii() {
        return lower(Cow::Borrowed(text));
    }
    let short = without_overlong(&bytes);
    let text = String::from_utf8_lossy(&short);
    if text.is_ascii() {
        return lower(Cow::Owned(text.into_owned()));
    }
    let plain: String = text.nfkc().map(plain_separator).collect();
    lower(Cow::Owned(plain))
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    text
}

/// One round; `None` when there is nothing to decode.
fn percent_decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'%', b'\\', bytes)?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut decoded = false;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'\\'
            && matches!(after.first(), Some(b'x' | b'X'))
            && let Some(value) = hex(after, 1, 2)
        {
            out.extend(u8::try_from(value));
            rest = after.get(3..).unwrap_or_default();
            decoded = true;
            continue;
        }
        if *first == b'%' {
            if let Some(value) = hex(after, 0, 2) {
                out.extend(u8::try_from(value));
                rest = after.get(2..).unwrap_or_default();
                decoded = true;
                continue;
            }
            let wide = after.strip_prefix(b"u").or_else(|| after.strip_prefix(b"U"));
            if let Some(value) = wide.and_then(|digits| hex(digits, 0, 4)) {
                let character = char::from_u32(value).unwrap_or('\u{FFFD}');
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after.get(5..).unwrap_or_default();
                decoded = true;
                continue;
            }
        }
        out.push(*first);
    }
    decoded.then_some(out)
}

fn hex(bytes: &[u8], from: usize, digits: usize) -> Option<u32> {
    let digits = bytes.get(from..from + digits)?;
    digits.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}

/// Two- and three-byte forms of ASCII characters, which some decoders still accept, also with a
/// second byte that is no continuation (RFC 3629 section 10).
fn without_overlong(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.iter().any(|b| matches!(b, 0xC0 | 0xC1 | 0xE0 | 0xF0)) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (value, taken) = match (*first, after) {
            (lead @ (0xC0 | 0xC1), [next, ..]) if *next >= 0x80 => {
                ((lead & 1) << 6 | (next & 0x3F), 2)
            }
            (0xC0, [next, ..]) => (*next, 2),
            (0xE0, [0x40 | 0x80, last, ..]) if *last >= 0x80 => (last & 0x3F, 3),
            (0xF0, [0x80, 0x80, last, ..]) => (last & 0x3F, 4),
            (other, _) => (other, 1),
        };
        out.push(value);
        rest = rest.get(taken..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// Separators that compatibility forms leave alone and that file systems of some platforms map.
fn plain_separator(character: char) -> char {
    match character {
        '\u{2044}' | '\u{2215}' | '\u{29F8}' | '\u{EFC8}' | '\u{F025}' => '/',
        '\u{2216}' | '\u{29F5}' | '\u{29F9}' => '\\',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::unfold;

    #[test]
    fn encodings_are_undone() {
        for (text, plain) in [
            ("Plain/Text", "plain/text"),
            ("%2e%2E%2f", "../"),
            ("%252e%252e%255c", "..\\"),
            ("%25252e", "."),
            ("%c0%ae%c0%af", "./"),
            ("%c1%9c", "\\"),
            ("%c0%2e%c0%2f", "./"),
            ("%e0%80%ae", "."),
            ("%f0%80%80%ae", "."),
            ("%u002e%u2215", "./"),
            ("．．／", "../"),
            ("‥∕", "../"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("\\x2e\\x2E\\x2f", "../"),
            ("\\xyz\\x", "\\xyz\\x"),
            ("caf%C3%A9", "café"),
        ] {
            assert_eq!(unfold(text), plain, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_without_percent_sign_and_capitals_is_left_alone(text in "[a-z0-9 /.:_-]{0,40}") {
            prop_assert_eq!(unfold(&text), text.as_str());
        }

        #[test]
        fn unfolding_never_panics(text in "(%[0-9a-fu]{0,5}|.){0,20}") {
            let _ = unfold(&text);
        }
    }
}
