//! Where a value may be cut in two: between texts that a reader sees one after the other, such
//! as content blocks of one result or messages of one log.
//!
//! Pure and bounded: looks at the last bytes of the one and the first of the other.

use std::ops::Range;

use super::lookalike::{Normal, normal};

/// Whether a value may begin in the first text and end in the second.
pub(super) fn may_be_cut(before: &[u8], after: &[u8]) -> bool {
    let tail = before.get(before.len().saturating_sub(EDGE_BYTES)..).unwrap_or_default();
    let head = after.get(..EDGE_BYTES).unwrap_or(after);
    let (left, left_blank) = visible(tail, Side::Last);
    let (right, right_blank) = visible(head, Side::First);
    match (left_blank, right_blank) {
        (0, 0) => joins(left) && joins(right),
        // The groups of a number may be set apart by one blank.
        (0, 1) | (1, 0) => opens_group(left) && opens_group(right),
        _ => false,
    }
}

/// The end of the first text and the begin of the second that may hold such a value: each at
/// most [`WINDOW_BYTES`], cut where no value is cut, if there is such a place.
pub(super) fn window(before: &[u8], after: &[u8]) -> (Range<usize>, Range<usize>) {
    let from = before.len().saturating_sub(WINDOW_BYTES);
    let tail = before.get(from..).unwrap_or_default();
    let start = if from == 0 { 0 } else { from + first_border(tail) };
    let head = after.get(..WINDOW_BYTES).unwrap_or(after);
    let end = if head.len() == after.len() { head.len() } else { last_border(head) };
    (start..before.len(), 0..end)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Last,
}

/// The first or last character that is seen, as a detector reads it, and how many blanks stand
/// outside it.
fn visible(text: &[u8], side: Side) -> (u8, usize) {
    let mut blanks = 0;
    let mut judge = |character: char| {
        let byte = match normal(character) {
            Normal::Nothing => return None,
            Normal::Ascii(byte) | Normal::Raised(byte) | Normal::AfterDigit(byte) => byte,
            Normal::OverDigit => b'a',
            Normal::Itself => u8::try_from(character).ok().filter(u8::is_ascii).unwrap_or(b'a'),
        };
        if byte == b' ' {
            blanks += 1;
            return None;
        }
        Some(byte)
    };
    let found = match side {
        Side::First => {
            let valid = text.utf8_chunks().next().map(|chunk| chunk.valid());
            valid.unwrap_or_default().chars().find_map(&mut judge)
        }
        Side::Last => {
            let valid = text.utf8_chunks().last().filter(|chunk| chunk.invalid().is_empty());
            valid.map(|chunk| chunk.valid()).unwrap_or_default().chars().rev().find_map(&mut judge)
        }
    };
    (found.unwrap_or(0), blanks)
}

/// What values are written with, without blanks.
fn joins(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'@' | b'.' | b'-' | b'_' | b'+' | b'/' | b'=' | b':' | b'%' | b'~')
}

/// What the groups of a number end and begin with.
fn opens_group(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'(' | b')' | b'-' | b'+')
}

/// Behind the first byte that ends a value, or the begin of the first whole character.
fn first_border(text: &[u8]) -> usize {
    let blank = text.iter().position(|byte| byte.is_ascii_whitespace());
    let whole = text.iter().take_while(|byte| is_continuation(**byte)).count();
    blank.map_or(whole, |blank| blank + 1)
}

/// The last byte that ends a value, or the end of the last whole character.
fn last_border(text: &[u8]) -> usize {
    let blank = text.iter().rposition(|byte| byte.is_ascii_whitespace());
    let cut = text.iter().rev().take_while(|byte| **byte >= 0x80).count();
    let whole = std::str::from_utf8(text.get(text.len() - cut..).unwrap_or_default());
    let whole = whole.map_or_else(|error| text.len() - cut + error.valid_up_to(), |_| text.len());
    blank.unwrap_or(whole)
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Longer values are secrets with a prefix, or encoded text. Unit: bytes.
const WINDOW_BYTES: usize = 256;

/// Bytes at an edge in which something is to be seen.
const EDGE_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{WINDOW_BYTES, may_be_cut, window};

    #[test]
    fn values_that_go_on_behind_the_edge_may_be_cut() {
        for (before, after) in [
            ("mail jane.roe@", "example.com now"),
            ("mail jane", "@example.com"),
            ("ssn 078-05", "-1120"),
            ("card 4111 1111", " 1111 1111"),
            ("card 4111 1111 ", "1111 1111"),
            ("call (212)", " 555-0147"),
            ("token ghp_abc", "DEF"),
            ("０７８", "０５"),
            ("078\u{200b}", "\u{feff}05"),
            ("jürg", "én@example.com"),
        ] {
            assert!(may_be_cut(before.as_bytes(), after.as_bytes()), "{before}|{after}");
        }
    }

    #[test]
    fn texts_that_end_are_not_cut() {
        for (before, after) in [
            ("all done. ", "Next step"),
            ("one", " two"),
            ("line\n", "line"),
            ("1,", "2"),
            ("4111  ", "1111"),
            ("4111 ", " 1111"),
            ("", "x"),
            ("x", ""),
            ("\"a\"", "\"b\""),
        ] {
            assert!(!may_be_cut(before.as_bytes(), after.as_bytes()), "{before}|{after}");
        }
    }

    #[test]
    fn a_window_begins_and_ends_between_values() {
        let before = format!("{} 4111", "x".repeat(100)).repeat(4);
        let (tail, head) = window(before.as_bytes(), before.as_bytes());
        assert!(before[..tail.start].ends_with(' ') && before[head.end..].starts_with(' '));
        assert_eq!(window(b"ab", b"cd"), (0..2, 0..2));
        let whole = "é".repeat(400);
        let (tail, head) = window(whole.as_bytes(), whole.as_bytes());
        assert!(whole.get(tail).is_some() && whole.get(head).is_some());
    }

    proptest! {
        #[test]
        fn a_window_is_bounded_and_touches_the_seam(
            before in prop::collection::vec(any::<u8>(), 0..600),
            after in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let (tail, head) = window(&before, &after);
            prop_assert!(tail.len() <= WINDOW_BYTES && head.len() <= WINDOW_BYTES);
            prop_assert_eq!((tail.end, head.start), (before.len(), 0));
            prop_assert!(head.end <= after.len());
            may_be_cut(&before, &after);
        }

        #[test]
        fn a_window_of_text_is_text(before in "\\PC{0,300}", after in "\\PC{0,300}") {
            let (tail, head) = window(before.as_bytes(), after.as_bytes());
            prop_assert!(before.get(tail).is_some() && after.get(head).is_some());
        }
    }
}
