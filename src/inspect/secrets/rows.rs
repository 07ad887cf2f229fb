//! Fixed forms: what a row of the tables says, how it is matched, how it is found.
//!
//! Guarantees: a byte that ends no prefix is turned away after one look-up; a row reads at
//! most [`BODY_BYTES_MAX`] bytes a piece, and what it accepts is consumed.

use super::random::is_random;
use super::sets::Set;
use crate::class::{Class, Confidence};
use crate::inspect::scan::Scan;

/// A part of a form.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// Bytes of a set: fewest and most of them.
    Run(Set, usize, usize),
    /// Exactly this.
    Text(&'static [u8]),
}

/// What makes a match believable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// Nothing else is written so.
    Form,
    /// Little else is written so.
    Weak,
    /// The body ends in check characters; wrong ones leave it likely.
    Checksum,
    /// The prefix is short or shared, so that the body must look random.
    Random,
}

/// What may stand before a prefix besides the begin of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Before {
    /// `-` or `_`: self-hosted instances and variable names put words before a token.
    Mark,
    /// Neither: the prefix is the end of many names.
    NoMark,
}

/// A secret of fixed form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) prefix: &'static [u8],
    /// What follows it.
    pub(super) shape: &'static [Piece],
    class: Class,
    proof: Proof,
    before: Before,
}

/// A row whose form alone is proof.
pub(super) const fn row(prefix: &'static [u8], shape: &'static [Piece]) -> Row {
    Row { prefix, shape, class: Class::ApiKey, proof: Proof::Form, before: Before::Mark }
}

impl Row {
    pub(super) const fn weak(self) -> Row {
        Row { proof: Proof::Weak, ..self }
    }

    pub(super) const fn checksum(self) -> Row {
        Row { proof: Proof::Checksum, ..self }
    }

    pub(super) const fn random(self) -> Row {
        Row { proof: Proof::Random, before: Before::NoMark, ..self }
    }

    pub(super) const fn alone(self) -> Row {
        Row { before: Before::NoMark, ..self }
    }

    pub(super) const fn private_key(self) -> Row {
        Row { class: Class::PrivateKey, ..self }
    }

    #[cfg(test)]
    pub(super) fn must_look_random(&self) -> bool {
        self.proof == Proof::Random
    }

    /// Records the secret that begins at `start`, if there is one; returns its end.
    pub(super) fn judge(&self, scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
        let rest = scan.text.get(start..)?;
        if !rest.starts_with(self.prefix) || !scan.is_on(self.class) || start < scan.floor {
            return None;
        }
        let mark = matches!(scan.byte_before(start, 1), b'_' | b'-');
        if is_glued(scan, start) || (mark && self.before == Before::NoMark) {
            return None;
        }
        let from = start + self.prefix.len();
        // What is turned away is not consumed, so that little of it may be read.
        let begin = scan.text.get(from..self.end(scan, from, JUDGED_BYTES_MAX)?)?;
        if is_filler(begin) || (self.proof == Proof::Random && !is_random(begin)) {
            return None;
        }
        let end = self.end(scan, from, BODY_BYTES_MAX)?;
        let confidence = match self.proof {
            Proof::Form => Confidence::Certain,
            Proof::Checksum if super::checksum::holds(scan.text.get(from..end)?) => {
                Confidence::Certain
            }
            Proof::Weak | Proof::Checksum | Proof::Random => Confidence::Likely,
        };
        Some(scan.found(self.class, confidence, start, end))
    }

    /// The end of the body that begins at `from`, of which at most `limit` bytes beyond the
    /// fewest are read in each piece.
    fn end(&self, scan: &Scan<'_, '_>, from: usize, limit: usize) -> Option<usize> {
        let mut at = from;
        let (last, before) = self.shape.split_last()?;
        for piece in before {
            at = match piece {
                Piece::Text(text) => after(scan, at, text)?,
                Piece::Run(set, least, most) => {
                    let most = (*most).min(limit.max(*least));
                    let length = scan.count(at, most, |byte| set.has(byte));
                    (length >= *least).then_some(at + length)?
                }
            };
        }
        match last {
            Piece::Text(text) => after(scan, at, text),
            Piece::Run(set, least, most) => last_run(scan, at, *set, (*least, *most), limit),
        }
    }
}

fn after(scan: &Scan<'_, '_>, at: usize, text: &[u8]) -> Option<usize> {
    scan.text.get(at..)?.starts_with(text).then_some(at + text.len())
}

/// The end of the run that ends a secret.
fn last_run(
    scan: &Scan<'_, '_>,
    at: usize,
    set: Set,
    (least, most): (usize, usize),
    limit: usize,
) -> Option<usize> {
    let length = scan.count(at, most.min(limit.max(least)), |byte| set.has(byte));
    let end = at + length;
    // A fixed length must not be the begin of something longer.
    let cut = most < BODY_BYTES_MAX && scan.byte(end).is_ascii_alphanumeric();
    if length < least || cut {
        return None;
    }
    // Dots and dashes at the end belong to the sentence, unless the form needs them.
    let spare = scan.text.get(at + least..end).unwrap_or_default();
    let stops = spare.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    Some(end - stops)
}

/// Whether what begins at `start` is the end of a word. What escapes leave behind when
/// nobody decoded them is no word: `\n`, `%3D`, the `m` that ends a terminal's colour.
pub(super) fn is_glued(scan: &Scan<'_, '_>, start: usize) -> bool {
    let before = scan.byte_before(start, 1);
    if !before.is_ascii_alphanumeric() {
        return false;
    }
    let second = scan.byte_before(start, 2);
    let escape = matches!(before, b'n' | b'r' | b't') && second == b'\\';
    let percent = before.is_ascii_hexdigit()
        && second.is_ascii_hexdigit()
        && scan.byte_before(start, 3) == b'%';
    let colour = before == b'm' && {
        let code = (2..COLOUR_BYTES_MAX)
            .take_while(|back| matches!(scan.byte_before(start, *back), b'0'..=b'9' | b';'));
        scan.byte_before(start, 2 + code.count()) == b'['
    };
    !(escape || percent || colour)
}

/// What documentation writes in the place of a key: `xxxx…`, `YOUR-TOKEN-HERE`.
fn is_filler(body: &[u8]) -> bool {
    if FILLERS.iter().any(|filler| contains(body, filler)) {
        return true;
    }
    let mut seen = [0_u64; 4];
    for byte in body {
        if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    let distinct: u32 = seen.iter().map(|word| word.count_ones()).sum();
    distinct < DISTINCT_MIN
}

/// Whether a text holds a word, whatever its case.
pub(super) fn contains(text: &[u8], lower: &[u8]) -> bool {
    let Some((first, rest)) = lower.split_first() else {
        return true;
    };
    let begins = |byte: &u8| byte.to_ascii_lowercase() == *first;
    let mut text = text;
    while let Some(at) = text.iter().position(begins) {
        let after = text.get(at + 1..).unwrap_or_default();
        if after.get(..rest.len()).is_some_and(|word| word.eq_ignore_ascii_case(rest)) {
            return true;
        }
        text = after;
    }
    false
}

/// Rows by a few of their bytes. Rows that share them are tried in the order of the table.
pub(super) struct Index<const ROWS: usize> {
    first: [u8; BUCKETS],
    next: [u8; ROWS],
}

/// Which bytes of a prefix lead to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The last three.
    End,
    /// The first two.
    Start,
}

impl<const ROWS: usize> Index<ROWS> {
    /// The index of a table, made when the program is compiled.
    #[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "compile time")]
    pub(super) const fn new(rows: &[Row; ROWS], key: Key) -> Index<ROWS> {
        assert!(ROWS < NONE as usize, "rows are numbered by bytes");
        let mut index = Index { first: [NONE; BUCKETS], next: [NONE; ROWS] };
        let mut at = ROWS;
        while at > 0 {
            at -= 1;
            let prefix = rows[at].prefix;
            let bucket = match key {
                Key::End => {
                    let end = prefix.len();
                    bucket(prefix[end - 3], prefix[end - 2], prefix[end - 1])
                }
                Key::Start => bucket(0, prefix[0], prefix[1]),
            };
            index.next[at] = index.first[bucket];
            index.first[bucket] = at as u8;
        }
        index
    }

    /// Tries the rows whose prefix ends behind `at`.
    pub(super) fn ending(
        &self,
        rows: &[Row; ROWS],
        scan: &mut Scan<'_, '_>,
        at: usize,
    ) -> Option<usize> {
        let [a, b, c] = *scan.text.get(at.checked_sub(2)?..)?.first_chunk()?;
        let mut number = self.first.get(bucket(a, b, c)).copied()?;
        while let Some(row) = rows.get(usize::from(number)) {
            let start = (at + 1).checked_sub(row.prefix.len());
            if let Some(end) = start.and_then(|start| row.judge(scan, start)) {
                return Some(end);
            }
            number = self.next.get(usize::from(number)).copied()?;
        }
        None
    }

    /// Tries the rows whose prefix begins at `start`.
    pub(super) fn starting(
        &self,
        rows: &[Row; ROWS],
        scan: &mut Scan<'_, '_>,
        start: usize,
    ) -> Option<usize> {
        let [a, b] = *scan.text.get(start..)?.first_chunk()?;
        let mut number = self.first.get(bucket(0, a, b)).copied()?;
        while let Some(row) = rows.get(usize::from(number)) {
            if let Some(end) = row.judge(scan, start) {
                return Some(end);
            }
            number = self.next.get(usize::from(number)).copied()?;
        }
        None
    }
}

/// Spreads three bytes over the buckets; words of letters keep apart.
const fn bucket(a: u8, b: u8, c: u8) -> usize {
    let (a, b, c) = (a as usize, b as usize, c as usize);
    (a.wrapping_mul(37) ^ b.wrapping_mul(5) ^ c.wrapping_mul(257)) & (BUCKETS - 1)
}

/// No row. Above every number of a row.
const NONE: u8 = u8::MAX;

/// A power of two, several times the rows of the longest table.
const BUCKETS: usize = 1024;

/// Unit: bytes. A secret longer than this is cut off here, and what follows it is looked
/// at anew.
pub(super) const BODY_BYTES_MAX: usize = 4096;

/// Unit: bytes. `[38;5;255m` is as long as the codes of colours get.
const COLOUR_BYTES_MAX: usize = 12;

/// Fewer different bytes than this are no random value of any length in the tables.
const DISTINCT_MIN: u32 = 5;

/// Words that stand in the place of a key, long enough to be in no random one.
const FILLERS: [&[u8]; 6] =
    [b"xxxxx", b"your_", b"your-", b"yourtoken", b"placeholder", b"redacted"];

/// Unit: bytes. What is random, or written for a reader, shows it in the begin.
const JUDGED_BYTES_MAX: usize = 128;
