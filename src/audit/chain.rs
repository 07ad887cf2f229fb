//! The chain: how a record becomes a line, and how a line names its predecessor.
//!
//! Pure: bytes in, bytes out. A line is
//! `{"v":2,"seq":N,"prev":"<64 hex digits>",…,"mac":"<32 hex digits>"}` and a
//! newline. `prev` is the leaf hash of the line before it, without its newline:
//! one hash serves the chain and the tree, and where a body was purged under a
//! rule its leaf hash still links what follows. `mac` is over all bytes of the
//! line before its value. Nothing is ever re-serialised, so nobody has to agree on
//! a canonical JSON to check the chain: the stored bytes are what was hashed.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::merkle::{Frontier, Hash, leaf_hash};
use super::ratchet::{MAC_BYTES, Ratchet};
use crate::hex::{hex, read_hex, write_hex};

/// The end of a chain: the last record's number and the hash of its line.
///
/// Its text form is `SEQ:HASH` (decimal, 64 lower-case hex digits): what
/// `verify` prints, what `audit.head` holds and what an auditor remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the record, counted from 1; 0 names the empty chain.
    pub seq: u64,
    /// Leaf hash of the record's line without its newline.
    pub hash: Hash,
}

impl Head {
    /// The head of a chain without records: what the first record follows.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };

    /// The hash in lower-case hex.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash_hex())
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a head is written as SEQ:HASH, a number and 64 lower-case hex digits")]
pub struct HeadError;

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let (seq, hash) = text.split_once(':').ok_or(HeadError)?;
        if seq.is_empty() || !seq.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(HeadError);
        }
        let seq = seq.parse().map_err(|_| HeadError)?;
        let hash = read_hex(hash.as_bytes()).ok_or(HeadError)?;
        Ok(Self { seq, hash })
    }
}

/// The link that a stored line carries: its number and its predecessor's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The record's number.
    pub seq: u64,
    /// The hash that it states for the line before it.
    pub prev: Hash,
}

/// What the next record builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The last record.
    pub(super) head: Head,
    /// All records.
    pub(super) tree: Frontier,
    /// The key of the next one's MAC.
    pub(super) ratchet: Ratchet,
}

impl End {
    /// Of a log without records.
    pub(super) fn empty(ratchet: Ratchet) -> Self {
        Self { head: Head::EMPTY, tree: Frontier::default(), ratchet }
    }

    /// Fills in what a pushed line lacks; it is the last one now.
    pub(super) fn seal(&mut self, line: &mut [u8], span: Span) {
        if let Some(slot) = line.get_mut(span.prev_at..span.prev_at + HEX_BYTES) {
            write_hex(&self.head.hash, slot);
        }
        if let Some((before, rest)) = line.split_at_mut_checked(span.mac_at()) {
            let tag = self.ratchet.tag(before);
            if let Some(slot) = rest.get_mut(..MAC_HEX_BYTES) {
                write_hex(&tag, slot);
            }
        }
        let hash = leaf_hash(line.strip_suffix(b"\n").unwrap_or(line));
        self.take(hash);
    }

    /// Takes a record that was sealed before.
    pub(super) fn take(&mut self, hash: Hash) {
        self.head = Head { seq: self.head.seq.saturating_add(1), hash };
        self.tree.push(hash);
    }
}

/// Where a pushed line keeps its parts, relative to its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Offset of the 64 bytes that [`End::seal`] fills in.
    prev_at: usize,
    /// Length with the newline.
    bytes: usize,
}

impl Span {
    /// Offset of the 32 bytes that [`End::seal`] fills in last.
    const fn mac_at(self) -> usize {
        self.bytes - MAC_HEX_BYTES - AFTER_MAC.len()
    }
}

/// Length of the line that [`push_line`] makes of a body, with its newline, at most.
pub(super) const fn line_bytes_max(body: &[u8]) -> usize {
    body.len() + ADDED_BYTES_MAX
}

/// What stands between the braces of a body, or `None` when the body cannot be a
/// record: it is not an object, or a line break in it would make two lines.
///
/// This is the framing only. That the bytes are JSON is the caller's promise;
/// parsing them again would cost more than all the rest of an append.
pub(super) fn members(body: &[u8]) -> Option<&[u8]> {
    let members = body.strip_prefix(b"{")?.strip_suffix(b"}")?.trim_ascii();
    let framed = memchr::memchr2(b'\n', b'\r', body).is_none();
    (framed && matches!(members.first(), Some(b'"') | None)).then_some(members)
}

/// Appends the line of record `seq` to `out`, with blanks where [`End::seal`] will
/// put the predecessor's hash and the MAC. `members` comes from [`members`].
pub(super) fn push_line(out: &mut Vec<u8>, seq: u64, members: &[u8]) -> Span {
    let start = out.len();
    out.extend_from_slice(BEFORE_SEQ);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{seq}");
    out.extend_from_slice(BEFORE_PREV);
    let prev_at = out.len() - start;
    out.extend_from_slice(&[b'0'; HEX_BYTES]);
    out.extend_from_slice(b"\",");
    out.extend_from_slice(members);
    if !members.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(BEFORE_MAC);
    out.extend_from_slice(&[b'0'; MAC_HEX_BYTES]);
    out.extend_from_slice(AFTER_MAC);
    Span { prev_at, bytes: out.len() - start }
}

/// Seals the lines one after the other.
pub(super) fn seal(mut lines: &mut [u8], spans: &[Span], end: &mut End) {
    for span in spans {
        let Some((line, after)) = lines.split_at_mut_checked(span.bytes) else { break };
        end.seal(line, *span);
        lines = after;
    }
}

/// The part of a line that its MAC covers, and the MAC; nothing if there is none in
/// its place. The line comes without its newline.
#[must_use]
pub fn mac(line: &[u8]) -> Option<(&[u8], [u8; MAC_BYTES])> {
    let rest = line.strip_suffix(b"\"}")?;
    let (covered, hex) = rest.split_at_checked(rest.len().checked_sub(MAC_HEX_BYTES)?)?;
    covered.ends_with(BEFORE_MAC).then_some((covered, read_hex(hex)?))
}

/// Reads the link at the start of a line, exactly as [`push_line`] wrote it.
///
/// Strict on purpose: one spelling, so no two readers can see two numbers.
#[must_use]
pub fn link(line: &[u8]) -> Option<Link> {
    let rest = line.strip_prefix(BEFORE_SEQ)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    if number.first() == Some(&b'0') {
        return None;
    }
    let seq = std::str::from_utf8(number).ok()?.parse().ok()?;
    let (hex, rest) = rest.strip_prefix(BEFORE_PREV)?.split_at_checked(HEX_BYTES)?;
    rest.starts_with(b"\",").then_some(Link { seq, prev: read_hex(hex)? })
}

const BEFORE_SEQ: &[u8] = b"{\"v\":2,\"seq\":";
const BEFORE_PREV: &[u8] = b",\"prev\":\"";
const BEFORE_MAC: &[u8] = b"\"mac\":\"";
const AFTER_MAC: &[u8] = b"\"}\n";
const HEX_BYTES: usize = 64;
const MAC_HEX_BYTES: usize = MAC_BYTES * 2;
/// What [`push_line`] adds to a body at most: the names, 20 digits, hash and MAC,
/// a quote, two commas and the end, less the body's own braces.
const ADDED_BYTES_MAX: usize = BEFORE_SEQ.len()
    + 20
    + BEFORE_PREV.len()
    + HEX_BYTES
    + BEFORE_MAC.len()
    + MAC_HEX_BYTES
    + AFTER_MAC.len()
    + 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(seq: u64, prev: Hash, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let span = push_line(&mut out, seq, members(body).unwrap());
        let mut end = End::empty(Ratchet::of(seq, [9; 32]));
        end.head.hash = prev;
        seal(&mut out, &[span], &mut end);
        assert_eq!(end.head.hash, leaf_hash(out.trim_ascii_end()));
        out
    }

    #[test]
    fn a_line_carries_its_number_its_link_and_the_untouched_body() {
        let text = String::from_utf8(line(7, [0xab; 32], br#"{"ts":"t","a":[1]}"#)).unwrap();
        let prev = "ab".repeat(32);
        let covered =
            format!("{{\"v\":2,\"seq\":7,\"prev\":\"{prev}\",\"ts\":\"t\",\"a\":[1],\"mac\":\"");
        let tag = Ratchet::of(7, [9; 32]).tag(covered.as_bytes());
        assert_eq!(text, format!("{covered}{}\"}}\n", hex(&tag)));
        assert_eq!(mac(text.trim_end().as_bytes()), Some((covered.as_bytes(), tag)));
    }

    #[test]
    fn an_object_without_members_still_makes_a_json_line() {
        for body in [b"{}".as_slice(), b"{ }"] {
            let out = line(1, [0; 32], body);
            serde_json::from_slice::<serde_json::Value>(&out).unwrap();
            assert_eq!(link(out.trim_ascii_end()).unwrap().seq, 1);
            assert!(mac(out.trim_ascii_end()).is_some());
        }
    }

    #[test]
    fn macs_in_any_other_place_or_spelling_are_not_seen() {
        let good = line(12, [1; 32], br#"{"a":1}"#);
        let good = String::from_utf8(good).unwrap();
        let good = good.trim_end();
        for bad in [
            good.replace("\"mac\"", "\"mac \""),
            good.replace("\"}", "\",\"b\":1}"),
            good.replace("\"}", "0\"}"),
            good[..good.len() - 3].to_owned() + "A\"}",
            good[..good.len() - 2].to_owned(),
            "\"}".to_owned(),
        ] {
            assert_eq!(mac(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn bodies_that_would_break_the_framing_are_refused() {
        for body in
            [&b""[..], b"{", b"[]", b"{1}", b"{,}", b"{\"a\":1", b"{\"a\":\n1}", b" {}", b"}"]
        {
            assert_eq!(members(body), None, "{body:?}");
        }
    }

    #[test]
    fn links_in_any_other_spelling_are_refused() {
        let good = line(12, [1; 32], br#"{"a":1}"#);
        let good = String::from_utf8(good).unwrap();
        assert!(link(good.trim_end().as_bytes()).is_some());
        for (from, to) in [
            ("\"seq\":12", "\"seq\":012"),
            ("\"seq\":12", "\"seq\":-2"),
            ("\"seq\":12", "\"seq\": 12"),
            ("\"seq\":12", "\"seq\":99999999999999999999"),
            ("\"v\":2", "\"v\":1"),
            ("0101\",", "010A\","),
            ("0101\",", "010101\","),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert_eq!(link(bad.trim_end().as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn heads_read_back_what_they_print_and_nothing_else() {
        let head = Head { seq: 42, hash: [0x0f; 32] };
        assert_eq!(head.to_string().parse(), Ok(head));
        assert_eq!(format!("{:020}:{}", 42, head.hash_hex()).parse(), Ok(head));
        let upper = head.to_string().to_uppercase();
        for bad in ["", "42", "42:", ":00", "+42:00", upper.as_str()] {
            assert_eq!(bad.parse::<Head>(), Err(HeadError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_sealed_line_reads_back_its_link(seq in 1..=u64::MAX, prev: [u8; 32], n: u32) {
            let body = format!("{{\"n\":{n}}}");
            let out = line(seq, prev, body.as_bytes());
            prop_assert!(out.len() <= line_bytes_max(body.as_bytes()));
            prop_assert_eq!(link(out.strip_suffix(b"\n").unwrap()), Some(Link { seq, prev }));
        }

        #[test]
        fn no_bytes_make_the_link_reader_panic(bytes: Vec<u8>) {
            let mut line = BEFORE_SEQ.to_vec();
            line.extend_from_slice(&bytes);
            let _ = (link(&bytes), link(&line), mac(&bytes));
        }
    }
}
