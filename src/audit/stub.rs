//! What stands in the place of a record whose body was purged.
//!
//! Pure: bytes in, bytes out. A stub is
//! `{"v":2,"seq":N,"purged":S,"leaf":"<64 hex digits>"}`: its number, the number of
//! the `purge` record that says under which rule it went, and the leaf hash that the
//! record had. It has this one spelling and room for nothing else, so nothing of a
//! body hides in one; the rule's name stands in the `purge` record alone, which the
//! tree covers, while nothing covers a stub but its leaf.

use std::io::Write as _;

use super::merkle::{Hash, leaf_hash};
use crate::hex::{hex, read_hex};

/// What is left of a purged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stub {
    /// The record's number.
    pub seq: u64,
    /// The `purge` record that names it.
    pub by: u64,
    /// The record's leaf hash.
    pub leaf: Hash,
}

impl Stub {
    /// Appends the stub's line, with its newline.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let Self { seq, by, leaf } = self;
        // Writing to a vector cannot fail.
        let _ =
            writeln!(out, "{BEFORE_SEQ}{seq}{BEFORE_BY}{by}{BEFORE_LEAF}{}{AFTER_LEAF}", hex(leaf));
    }
}

/// Reads a stub in its one spelling; the line comes without its newline.
#[must_use]
pub fn stub(line: &[u8]) -> Option<Stub> {
    // Ordinary records leave here, after a few bytes.
    let (seq, rest) = number(line.strip_prefix(BEFORE_SEQ.as_bytes())?)?;
    let (by, rest) = number(rest.strip_prefix(BEFORE_BY.as_bytes())?)?;
    let leaf = rest.strip_prefix(BEFORE_LEAF.as_bytes())?;
    let leaf = read_hex(leaf.strip_suffix(AFTER_LEAF.as_bytes())?)?;
    // A purge is told of before it is made, and behind what it names.
    (by > seq).then_some(Stub { seq, by, leaf })
}

/// The leaf hash of the record that stands, or stood, in a line.
pub(super) fn leaf_of(line: &[u8]) -> Hash {
    stub(line).map_or_else(|| leaf_hash(line), |stub| stub.leaf)
}

/// A number in its one spelling, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    if number.first() == Some(&b'0') {
        return None;
    }
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

const BEFORE_SEQ: &str = "{\"v\":2,\"seq\":";
const BEFORE_BY: &str = ",\"purged\":";
const BEFORE_LEAF: &str = ",\"leaf\":\"";
const AFTER_LEAF: &str = "\"}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_reads_back_and_no_other_spelling_of_it_does() {
        let stubbed = Stub { seq: 12, by: 40, leaf: [0xab; 32] };
        let mut line = Vec::new();
        stubbed.push(&mut line);
        let line = String::from_utf8(line).unwrap();
        let line = line.strip_suffix('\n').unwrap();
        assert_eq!(stub(line.as_bytes()), Some(stubbed));
        assert_eq!(leaf_of(line.as_bytes()), [0xab; 32]);
        for (from, to) in [
            ("12", "012"),
            ("12", "-1"),
            ("12", "40"),
            ("40", "11"),
            ("40", "040"),
            ("40", "40.5"),
            (",\"leaf", ", \"leaf"),
            ("abab", "ABab"),
            ("abab", "ab"),
            ("\"}", "\",\"name\":\"Ada\"}"),
            ("\"purged\"", "\"prev\""),
        ] {
            let bad = line.replacen(from, to, 1);
            assert_ne!(bad, line);
            assert_eq!(stub(bad.as_bytes()), None, "{bad}");
            assert_eq!(leaf_of(bad.as_bytes()), leaf_hash(bad.as_bytes()));
        }
    }
}
