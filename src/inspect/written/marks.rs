//! Where a text could hold characters that are written in another way: found at the speed of
//! memory, since almost no text holds any.

use super::LABEL_BYTES_MAX;

/// Reads a text from one mark to the next.
///
/// What is written in codes or brackets shows a byte that prose seldom holds, and a spelled-out dot
/// shows itself: those are searched for. A spelled-out at sign stands before one of them and within
/// reach, so that it is looked for there alone.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where the next one of each kind stands; `None` before it was looked for.
    ahead: [Option<usize>; 4],
    /// Where the last one stood that was searched for.
    last: usize,
    /// Up to where the text is read byte by byte, since marks stand close together there.
    crowded: usize,
}

impl Marks {
    /// Where the next byte stands, from a place on, that looks like the begin of a sequence. Places
    /// are asked for in order.
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        // Not worth the begin of four searches.
        if text.len() <= SHORT_BYTES {
            return plain(text, from);
        }
        let mut from = from;
        loop {
            let crowd = text.get(from..self.crowded.min(text.len())).unwrap_or_default();
            if let Some(skip) = first(crowd, text, from) {
                return Some(from + skip);
            }
            from += crowd.len();
            let mark = self.strong(text, from)?;
            if mark < self.last.max(self.crowded).saturating_add(CROWD_BYTES) {
                self.crowded = mark.saturating_add(BLOCK);
            }
            self.last = mark;
            let reach = mark.saturating_sub(REACH_BYTES).max(from);
            // Between blanks and dots stand letters alone, so that codes bring no at sign.
            let spells = matches!(text.get(mark), Some(b' ' | b'[' | b'(' | b'{' | b'<'));
            if spells && let Some(sign) = spelled_at(text.get(reach..text.len().min(mark + AHEAD))?)
            {
                return Some(reach + sign);
            }
            if begins(text, mark) {
                return Some(mark);
            }
            from = mark + 1;
        }
    }

    /// The next mark that stands by itself.
    fn strong(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        for (slot, find) in self.ahead.iter_mut().zip(KINDS) {
            if slot.is_none_or(|at| at < from) {
                *slot = Some(find(rest).map_or(usize::MAX, |at| from + at));
            }
        }
        self.ahead.iter().flatten().min().copied().filter(|at| *at < text.len())
    }
}

type Search = fn(&[u8]) -> Option<usize>;

/// The searches for marks, one for each kind.
const KINDS: [Search; 4] = [
    |text| memchr::memchr3(b'%', b'&', b'\\', text),
    |text| memchr::memchr3(b'+', b'=', b'<', text),
    |text| memchr::memchr3(b'[', b'(', b'{', text),
    spelled_dot,
];

/// As [`Marks::next`], byte by byte.
fn plain(text: &[u8], from: usize) -> Option<usize> {
    first(text.get(from..)?, text, from).map(|skip| from + skip)
}

/// Where the first mark stands in a piece of a text that begins at a place.
fn first(piece: &[u8], text: &[u8], from: usize) -> Option<usize> {
    let mut marks = piece.iter().enumerate().filter(|(_, byte)| is_mark(**byte));
    marks.find(|(skip, _)| begins(text, from + skip)).map(|(skip, _)| skip)
}

/// Where the blank before a spelled-out dot stands, as far as three letters tell.
fn spelled_dot(text: &[u8]) -> Option<usize> {
    let dot = |place: &[u8]| matches!(place, [b' ', b'd' | b'D', b'o' | b'O', b't' | b'T', ..]);
    let mut at = 0;
    while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        if has_dot(window) {
            // The block behind it repeats what a window at its end would need.
            let places = window.windows(1 + AHEAD);
            if let Some(skip) = places.enumerate().find_map(|(skip, p)| dot(p).then_some(skip)) {
                return Some(at + skip);
            }
        }
        at += BLOCK;
    }
    text.get(at..)?.windows(1 + AHEAD).position(dot).map(|skip| at + skip)
}

/// Where a spelled-out at sign stands between blanks.
fn spelled_at(text: &[u8]) -> Option<usize> {
    text.windows(4).position(|place| matches!(place, [b' ', b'a' | b'A', b't' | b'T', b' ']))
}

/// The bytes with which sequences begin: those of codes, and the blank before a spelled-out sign.
pub(in super::super) const MARKS: [u8; 13] = *b"%&'()*+<=[{\\ ";

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'%' | b'&' | b'\\' | b'+' | b'=' | b'[' | b'(' | b'{' | b'<' | b' ')
}

/// Whether what follows a mark fits it.
fn begins(text: &[u8], at: usize) -> bool {
    let lower = |ahead: usize| text.get(at + ahead).map_or(0, |byte| byte | 0x20);
    let next = text.get(at + 1).copied().unwrap_or(0);
    match text.get(at) {
        Some(b'%') => next.is_ascii_hexdigit() || next == b'u',
        Some(b'&') => next.is_ascii_alphabetic() || next == b'#',
        Some(b'=') => matches!(next, b'0'..=b'9' | b'A'..=b'F' | b'\r' | b'\n' | b'?'),
        Some(b' ') => match lower(1) {
            b'a' => lower(2) == b't' && text.get(at + 3) == Some(&b' '),
            b'd' => lower(2) == b'o' && lower(3) == b't',
            _ => false,
        },
        Some(b'[' | b'(' | b'{' | b'<') => {
            matches!(next, b'@' | b'.' | b':' | b'-' | b' ')
                || lower(1) == b'a' && lower(2) == b't'
                || lower(1) == b'd' && lower(2) == b'o' && lower(3) == b't'
        }
        Some(b'\\' | b'+') => true,
        _ => false,
    }
}

/// Whether `dot` is in a block behind its first byte, in any case. Written without a branch, so
/// that it compiles to vector instructions.
fn has_dot(window: &[u8; BLOCK + AHEAD]) -> bool {
    let from = |by: usize| window.get(by..).and_then(<[u8]>::first_chunk::<BLOCK>);
    let (Some(first), Some(second), Some(third)) = (from(1), from(2), from(3)) else {
        return true;
    };
    let mut any = 0;
    for ((first, second), third) in first.iter().zip(second).zip(third) {
        any |= u8::from(*first | 0x20 == b'd')
            & u8::from(*second | 0x20 == b'o')
            & u8::from(*third | 0x20 == b't');
    }
    any != 0
}

/// Bytes judged at once: four vectors of the baseline of x86-64 and of AArch64.
const BLOCK: usize = 64;

/// Bytes behind a byte that decide about it.
const AHEAD: usize = 3;

/// Unit: bytes. Shorter texts are read byte by byte.
const SHORT_BYTES: usize = 64;

/// Unit: bytes. Marks that stand closer together are not worth a search each.
const CROWD_BYTES: usize = 32;

/// Unit: bytes. How far before the dot of its address, or the bracket around it, a spelled-out at
/// sign begins: itself, a label, a blank.
const REACH_BYTES: usize = b" at ".len() + LABEL_BYTES_MAX + 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Marks, plain};
    use crate::inspect::written::LABEL_BYTES_MAX;

    fn all(text: &[u8]) -> Vec<usize> {
        let mut marks = Marks::default();
        let (mut told, mut at) = (Vec::new(), 0);
        while let Some(mark) = marks.next(text, at) {
            told.push(mark);
            at = mark + 1;
        }
        told
    }

    proptest! {
        #[test]
        fn searches_tell_what_reading_byte_by_byte_tells(
            parts in prop::collection::vec(prop_oneof![
                6 => "[a-z]{1,9}", 1 => Just(String::from(" At ")), 1 => Just(String::from(" dOt ")),
                1 => "[%&=+\\\\<({\\[][ a-f0-9@]{0,2}", 2 => "[ .,\n']", 1 => "[x]{60,80}",
            ], 0..60),
        ) {
            let text = parts.concat().into_bytes();
            let told = all(&text);
            let (mut at, mut wanted) = (0, Vec::new());
            while let Some(mark) = plain(&text, at) {
                at = mark + 1;
                // An at sign alone is none: a dot or a bracket must be in reach.
                let sign = text[mark..].to_ascii_lowercase().starts_with(b" at ");
                let label = text.iter().skip(mark + 4).take_while(|byte| byte.is_ascii_lowercase());
                let end = mark + 4 + label.take(LABEL_BYTES_MAX + 1).count();
                let rest = text[end.min(text.len())..].to_ascii_lowercase();
                let bracket = rest.strip_prefix(b" ").unwrap_or(&rest).first();
                let follows = rest.starts_with(b" dot ")
                    || bracket.is_some_and(|byte| b"[({<".contains(byte));
                if !sign || (follows && end - mark - 4 <= LABEL_BYTES_MAX) {
                    wanted.push(mark);
                }
            }
            for mark in &wanted {
                prop_assert!(told.contains(mark), "{mark} of {:?}", String::from_utf8_lossy(&text));
            }
            prop_assert!(told.is_sorted());
        }
    }
}
