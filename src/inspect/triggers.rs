//! Where a value could be: the bytes that can begin or mark one, found at the speed of memory.
//!
//! Owns which bytes those are. Blocks are judged as a whole without a branch, so that they compile
//! to vector instructions, and give a bit for each byte. Guarantees: no byte is left out that
//! [`is_trigger`] knows, but for the five letters, which count only behind the letter that makes
//! them the end of a secret's prefix.

use super::bytes::is_trigger;

/// Reads a text from one trigger to the next.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    /// Where the block begins that was judged last.
    base: usize,
    /// The triggers of that block, from its first byte on.
    bits: u64,
    /// Where the block behind it begins; 0 where none was judged.
    end: usize,
}

impl Triggers {
    /// Where the next trigger stands from a place on. Places are asked for in order.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        // Most texts of a message are short, and have no room for blocks.
        if text.len() <= BLOCK { plain(text, from) } else { self.next_of_blocks(text, from) }
    }

    fn next_of_blocks(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        if at == 0 {
            if text.first().is_some_and(|byte| is_trigger(*byte)) {
                return Some(0);
            }
            at = 1;
        }
        loop {
            if at >= self.end {
                // The last block reaches back, so that it is full.
                let begin = at.min(text.len() - BLOCK);
                if at >= text.len() {
                    return None;
                }
                let window = text.get(begin - 1..)?.first_chunk::<{ BLOCK + 1 }>()?;
                (self.base, self.bits, self.end) = (begin, bits(window), begin + BLOCK);
            }
            // What stands before the place was told or passed over.
            self.bits &= u64::MAX << (at - self.base);
            if self.bits == 0 {
                at = self.end;
                continue;
            }
            let place = self.base + self.bits.trailing_zeros() as usize;
            // A few bytes of the same row of the code are none: see `flag`.
            if text.get(place).is_some_and(|byte| is_trigger(*byte)) {
                return Some(place);
            }
            at = place + 1;
        }
    }
}

/// Where the first byte of a text stands that can begin a value. What escapes stand for
/// counts too: the escapes of all such characters hold digits.
pub(super) fn first_trigger(text: &[u8]) -> Option<usize> {
    Triggers::default().next(text, 0)
}

/// As [`Triggers::next`], byte by byte.
fn plain(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    Some(from + rest.iter().position(|byte| is_trigger(*byte))?)
}

/// A bit for each byte of a block that may be a trigger, for the byte before it and the block.
fn bits(window: &[u8; BLOCK + 1]) -> u64 {
    let (Some(before), Some(block)) = (window.first_chunk::<BLOCK>(), window.last_chunk::<BLOCK>())
    else {
        return u64::MAX;
    };
    let mut flags = [0_u8; BLOCK];
    let mut any = 0;
    for ((slot, byte), before) in flags.iter_mut().zip(block).zip(before) {
        *slot = flag(*byte, *before);
        any |= *slot;
    }
    if any == 0 { 0 } else { packed(&flags) }
}

/// Whether a byte may be a trigger behind another: 1 or 0.
#[inline(always)]
fn flag(byte: u8, before: u8) -> u8 {
    // Digits, `:`, `=`, `>` and `@` stand in one row of the code, with three bytes that are no
    // triggers; `_` and `~` differ in two bits, `%` and `&` in two as well. Few compares keep the
    // loop in registers.
    let single = u8::from(byte.wrapping_sub(b'0') <= b'@' - b'0')
        | u8::from(byte == b'-')
        | u8::from(byte | 0x21 == 0x7F)
        | u8::from(byte.wrapping_sub(b'%') < 2);
    // `Iz` and `yJ` differ in the same bits; the sums of `IA` and `SG` differ in one. Other
    // pairs do as well, and have a letter looked at for nothing.
    let pair = u8::from(byte ^ before == b'I' ^ b'z')
        | u8::from(byte.wrapping_add(before) | 0x10 == b'S' + b'G')
        | (u8::from(before == b'h') & u8::from(byte == b'v'));
    single | pair
}

/// Flags of 0 and 1 as bits, the first one lowest.
fn packed(flags: &[u8; BLOCK]) -> u64 {
    let (words, _) = flags.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        // The product has the flag of each byte in one bit of its highest byte.
        bits << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// Bytes judged at once: four vectors of the baseline of x86-64 and of AArch64.
const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Triggers};
    use crate::inspect::bytes::is_trigger;

    /// The same byte by byte, which is the standard that blocks are held to.
    fn one_by_one(text: &[u8]) -> Vec<usize> {
        let letter = |at: usize| {
            let before = at.checked_sub(1).map_or(0, |before| text[before]);
            matches!(&[before, text[at]], b"IA" | b"Iz" | b"SG" | b"yJ" | b"hv")
        };
        let places = (0..text.len()).filter(|at| is_trigger(text[*at]));
        places.filter(|at| !text[*at].is_ascii_alphabetic() || letter(*at)).collect()
    }

    fn all(text: &[u8], step: usize) -> Vec<usize> {
        let mut triggers = Triggers::default();
        let (mut told, mut at) = (Vec::new(), 0);
        while let Some(place) = triggers.next(text, at) {
            told.push(place);
            at = place + step;
        }
        told
    }

    proptest! {
        #[test]
        fn blocks_tell_every_trigger_and_no_byte_that_is_none(
            text in prop::collection::vec(prop_oneof![
                8 => Just(b'e'), 1 => any::<u8>(), 1 => prop::sample::select(&b"IzAyJSGhv0;<?@%&"[..]),
            ], 0..3 * BLOCK),
        ) {
            let told = all(&text, 1);
            prop_assert!(told.iter().all(|at| is_trigger(text[*at])), "{told:?}");
            for place in one_by_one(&text) {
                prop_assert!(told.contains(&place), "{place} of {told:?}");
            }
        }

        #[test]
        fn what_is_passed_over_is_not_told(
            text in prop::collection::vec(prop::sample::select(&b"e0e@e"[..]), 0..4 * BLOCK),
            step in 1..2 * BLOCK,
        ) {
            let mut expected = Vec::new();
            for place in one_by_one(&text) {
                if expected.last().is_none_or(|last| last + step <= place) {
                    expected.push(place);
                }
            }
            prop_assert_eq!(all(&text, step), expected);
        }
    }
}
