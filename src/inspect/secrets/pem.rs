//! Private keys: PEM blocks (RFC 7468), those of OpenPGP and SSH, PuTTY's files.
//!
//! Guarantees: a block is found with its body, also where line ends were escaped, joined
//! or percent-encoded, and where its end is missing. Public keys and certificates stay.
//! Linear: what is read for a block is consumed with it, or is of bounded length.

use memchr::memmem;

use super::sets::Set;
use crate::class::{Class, Confidence};
use crate::inspect::scan::Scan;

/// Judges the line of dashes at `at`, of which there are `dashes`; returns where to go on.
pub(super) fn at_dashes(scan: &mut Scan<'_, '_>, at: usize, dashes: usize) -> usize {
    // A line of dashes is looked at once, whatever its length.
    let label = at + dashes;
    if !scan.is_on(Class::PrivateKey) {
        return label;
    }
    match block_end(scan.text, label) {
        Some(end) => {
            scan.found(Class::PrivateKey, Confidence::Certain, label - dashes.min(DASHES), end)
        }
        None => label,
    }
}

/// Judges the begin of a PuTTY file, whose first dash is at `at`.
pub(super) fn at_putty(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let start = at.checked_sub(b"PuTTY".len())?;
    let rest = scan.text.get(start..)?;
    if !rest.starts_with(b"PuTTY-User-Key-File-") || !scan.is_on(Class::PrivateKey) {
        return None;
    }
    // The code over the file ends it; a file that was cut has none.
    let end = memmem::find(rest, b"Private-MAC:").map_or(rest.len(), |code| {
        let value = rest.get(code + b"Private-MAC:".len()..).unwrap_or_default();
        let blanks = value.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let digits = Set::HEX.count(value.get(blanks..).unwrap_or_default());
        rest.len() - value.len() + blanks + digits
    });
    Some(scan.found(Class::PrivateKey, Confidence::Certain, start, start + end))
}

/// Where the private key ends whose label begins at `label`. What is no private key has no
/// end here.
fn block_end(text: &[u8], label: usize) -> Option<usize> {
    let rest = text.get(label..)?;
    let name = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"BEGIN")?;
    let name = name.get(..LABEL_BYTES_MAX.min(name.len()))?;
    let label_end = memmem::find(name, b"----")?;
    let private = memmem::find(name.get(..label_end)?, b"PRIVATE")?;
    memmem::find(name.get(private..label_end)?, b"KEY")?;
    let body = rest.len() - rest.strip_prefix(b" ").unwrap_or(rest).len() + b"BEGIN".len();
    let body = body + label_end;
    let rest = rest.get(body..)?;
    let dashes = rest.iter().take_while(|byte| **byte == b'-').count();
    let body = label + body + dashes;
    Some(end_line(text, body).unwrap_or_else(|| body_end(text, body)))
}

/// The end of the block's END line. There is none if another block begins before it.
fn end_line(text: &[u8], body: usize) -> Option<usize> {
    let rest = text.get(body..)?;
    let mut from = 0;
    loop {
        let dashes = from + memmem::find(rest.get(from..)?, b"----")?;
        let run = rest.get(dashes..)?.iter().take_while(|byte| **byte == b'-').count();
        let after = rest.get(dashes + run..)?;
        let after = after.strip_prefix(b" ").unwrap_or(after);
        if after.starts_with(b"END") {
            let tail = after.get(..LABEL_BYTES_MAX.min(after.len()))?;
            let Some(close) = memmem::find(tail, b"----") else {
                return Some(text.len().min(body + rest.len() - after.len() + tail.len()));
            };
            let closing = tail.get(close..)?.iter().take_while(|byte| **byte == b'-').count();
            return Some(body + rest.len() - after.len() + close + closing.min(DASHES));
        }
        if after.starts_with(b"BEGIN") {
            return None;
        }
        from = dashes + run;
    }
}

/// The end of a body that nothing closes: as far as its words are base64, or a header.
fn body_end(text: &[u8], body: usize) -> usize {
    let rest = text.get(body..).unwrap_or_default();
    let (mut at, mut end) = (0, 0);
    let mut header = false;
    let mut short = false;
    while let Some(word) = rest.get(at..).filter(|rest| !rest.is_empty()) {
        let gap = gap_length(word);
        let broken = word.get(..gap).unwrap_or_default();
        header &= !broken.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'\\'));
        let word = word.get(gap..).unwrap_or_default();
        let length = word.iter().take_while(|byte| !is_gap(**byte)).count();
        let word = word.get(..length).unwrap_or_default();
        let is_base64 = Set::BASE64.holds(word);
        let long = is_base64 && length >= LINE_BYTES_MIN;
        let starts_header = word.ends_with(b":") && !is_base64;
        // A block has one short line: its last.
        if word.is_empty() || !(header || starts_header || long || (is_base64 && !short)) {
            break;
        }
        short |= is_base64 && !long && !header;
        header |= starts_header;
        at += gap + length;
        end = at;
        if short && !header {
            break;
        }
    }
    body + end
}

/// How many bytes at the begin of a text separate the lines of a body: white space, and
/// what surrounds lines in code and escaped text.
fn gap_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some([first, rest @ ..]) = text.get(length..) {
        match (first, rest.first()) {
            (b'\\', Some(b'n' | b'r' | b't' | b'"' | b'\\')) => length += 2,
            _ if is_gap(*first) => length += 1,
            _ => break,
        }
    }
    length
}

fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'"' | b'\'' | b',' | b'|' | b'>' | b'`')
}

/// Dashes around the label of a PEM block (RFC 7468 section 2). SSH2 has four and a space
/// (RFC 4716 section 3.2).
pub(super) const DASHES: usize = 5;

/// See [`DASHES`].
pub(super) const SSH2_DASHES: usize = 4;

/// Unit: bytes. The longest label in use is `SSH2 ENCRYPTED PRIVATE KEY`; percent-encoded
/// spaces make it longer.
const LABEL_BYTES_MAX: usize = 80;

/// Unit: bytes. Lines of a body have 64, in some encoders 48; shorter ones are the last.
const LINE_BYTES_MIN: usize = 24;
