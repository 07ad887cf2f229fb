//! Secret access keys of AWS: 40 characters of base64 that no prefix marks.
//!
//! Beside an access key id one is likely; alone, a random value of just this length is
//! possible. Under a name that says so it is found by that name.

use super::random::{Mix, entropy};
use super::sets::Set;
use crate::class::{Class, Confidence};
use crate::inspect::scan::Scan;

/// Records the secret that stands a little behind the access key id that ends at `end`.
pub(super) fn secret_beside(scan: &mut Scan<'_, '_>, end: usize) {
    let window = scan.text.get(end..).unwrap_or_default();
    let window = window.get(..BESIDE_BYTES_MAX.min(window.len())).unwrap_or_default();
    let mut at = 0;
    while let Some(rest) = window.get(at..).filter(|rest| !rest.is_empty()) {
        let length = Set::BASE64_BODY.count(rest);
        let value = rest.get(..length).unwrap_or_default();
        let cut = at + length >= window.len() && end + window.len() < scan.text.len();
        if !cut && is_secret(value) {
            record(scan, Confidence::Likely, end + at, end + at + length);
            return;
        }
        at += length + 1;
    }
}

/// The secret around the word that begins at `start`, if nothing else is in its run.
pub(super) fn bare_secret(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let back = (1..=SECRET_BYTES)
        .take_while(|back| Set::BASE64_BODY.has(scan.byte_before(start, *back)))
        .count();
    let from = start - back;
    let length = scan.count(from, SECRET_BYTES + 1, |byte| Set::BASE64_BODY.has(byte));
    let value = scan.text.get(from..from + length)?;
    let joined = matches!(scan.byte(from + length), b'=' | b'-' | b'_' | b'.');
    if joined || !is_secret(value) || is_identifier(value) {
        return None;
    }
    if matches!(scan.byte_before(from, 1), b'-' | b'_' | b'.') {
        return None;
    }
    Some(scan.found(Class::ApiKey, Confidence::Possible, from, from + length))
}

/// Forty characters in which capitals, small letters and digits alternate.
pub(super) fn is_secret(value: &[u8]) -> bool {
    if value.len() != SECRET_BYTES {
        return false;
    }
    let mix = Mix::of(value);
    mix.kinds() >= 3
        && mix.upper > 0
        && mix.lower > 0
        && mix.digits > 0
        && mix.changes * 6 >= value.len()
        && entropy(value) >= ENTROPY_MIN
}

/// Names of programs are made of words: long stretches of small letters, few digits. Of the
/// values drawn by lot one in thirty looks so.
fn is_identifier(value: &[u8]) -> bool {
    let mut stretches = value.split(|byte| !byte.is_ascii_lowercase());
    stretches.any(|stretch| stretch.len() >= WORD_BYTES_MIN) || Mix::of(value).digits < 2
}

/// Records without moving on: other values may stand between.
fn record(scan: &mut Scan<'_, '_>, confidence: Confidence, start: usize, end: usize) {
    let floor = scan.floor;
    scan.found(Class::ApiKey, confidence, start, end);
    scan.floor = floor;
}

/// Unit: bytes.
const WORD_BYTES_MIN: usize = 8;

/// Unit: bytes.
const SECRET_BYTES: usize = 40;

/// Unit: bytes. Both stand in one record: a line of CSV, an object, two lines of a file.
const BESIDE_BYTES_MAX: usize = 160;

/// Unit: bits a byte. Forty characters drawn from 64 have 4.7 on average; one draw in
/// ten thousand has less than this.
const ENTROPY_MIN: f64 = 4.2;
