//! E-mail addresses: the part of RFC 5322 that people have, with international letters.

use super::bytes::{is_label, is_local};
use super::display;
use super::scan::Scan;
use crate::class::{Class, Confidence};

/// Judges the address around an at sign, plain or encoded, at `at`; returns where to go on.
pub(super) fn at_sign(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let Some(sign_end) = sign_end(scan, at) else {
        return at + 1;
    };
    let start = local_start(scan, at);
    if start == at || !scan.is_on(Class::Email) {
        return sign_end;
    }
    let Some(end) = domain_end(scan, sign_end) else {
        // What follows may belong to another value.
        scan.findings.pass_over(start, sign_end + DOMAIN_BYTES_MAX);
        return sign_end;
    };
    // `git@host:path` names a repository, not a person.
    let path = scan.text.get(end..).unwrap_or_default();
    let path = path.starts_with(b":") || path.starts_with(b"%3A");
    if scan.text.get(start..at) == Some(b"git") && path {
        return end;
    }
    scan.email_floor = end;
    if scan.is_on(Class::PersonName)
        && let Some((from, to)) = display::name_before(scan.text, start)
    {
        scan.found(Class::PersonName, Confidence::Likely, from, to);
    }
    scan.found(Class::Email, Confidence::Certain, start, end)
}

/// Where the sign at `at` ends: `@`, and its encodings in URIs and HTML.
fn sign_end(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    if scan.byte(at) == b'@' {
        return Some(at + 1);
    }
    let rest = scan.text.get(at..).unwrap_or_default();
    let sign = [&b"%40"[..], b"&#64;"].into_iter().find(|sign| rest.starts_with(sign))?;
    Some(at + sign.len())
}

fn local_start(scan: &Scan<'_, '_>, at: usize) -> usize {
    let from = at.saturating_sub(LOCAL_BYTES_MAX).max(scan.email_floor);
    let before = scan.text.get(from..at).unwrap_or_default();
    let mut start = at - before.iter().rev().take_while(|byte| is_local(**byte)).count();
    // In a URI a plus of the address is encoded, and so is a colon before it.
    while scan.byte_before(start, 1) == b'%' && start > from {
        match scan.text.get(start..start + 2).map(|code| str::from_utf8(code)) {
            Some(Ok("2B" | "2b" | "2D" | "2d" | "2E" | "2e" | "5F" | "5f")) => {
                let before = scan.text.get(from..start - 1).unwrap_or_default();
                start -= 1 + before.iter().rev().take_while(|byte| is_local(**byte)).count();
            }
            Some(Ok(code)) if code.bytes().all(|b| b.is_ascii_hexdigit()) => {
                start += 2;
                break;
            }
            Some(_) | None => break,
        }
    }
    if scan.byte(start) == b'%' {
        // An encoded mark with nothing before it is none of the address.
        start = at.min(start + 3);
    }
    // `\nalice@…`: an escaped line end that nobody decoded.
    if scan.byte_before(start, 1) == b'\\' && matches!(scan.byte(start), b'n' | b'r' | b't') {
        start += 1;
    }
    let opens = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'_';
    let local = scan.text.get(start..at).unwrap_or_default();
    local.iter().position(opens).map_or(at, |skip| start + skip)
}

/// The end of the longest host name from `start` on that ends in a top-level domain.
fn domain_end(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let length = scan.count(start, DOMAIN_BYTES_MAX, |b| is_label(b) || b == b'.');
    let domain = scan.text.get(start..start + length)?;
    let (mut before, mut best, mut at) = (None, None, 0);
    for (index, label) in domain.split(|byte| *byte == b'.').enumerate() {
        if label.is_empty() || label.starts_with(b"-") {
            break;
        }
        if let Some(length) = top_level(label).filter(|_| index > 0) {
            (before, best) = (best, Some((at, length)));
        }
        at += label.len() + 1;
    }
    let (at, length) = best?;
    let is = |endings: &[&[u8]], name: &[u8]| endings.iter().any(|e| name.eq_ignore_ascii_case(e));
    let name = domain.get(at..at + length)?;
    if is(&UNIT_ENDINGS, name) {
        return None;
    }
    if !is(&FILE_ENDINGS, name) {
        return Some(start + at + length);
    }
    // A file that is named by an address, unless it is a picture by its scale: `logo@2x.de.png`.
    let (at, length) = before.filter(|(before, length)| before + length + 1 == at)?;
    let name = domain.get(at..at + length)?;
    let scale = domain.first().is_some_and(u8::is_ascii_digit);
    let counts = length == 2 && name.is_ascii() && !is(&[b"en"], name) || is(&DOMAINS, name);
    (counts && !scale).then_some(start + at + length)
}

/// How much of a label is a top-level domain: all of it, or the letters before a dash.
fn top_level(label: &[u8]) -> Option<usize> {
    if label.len() > 4 && label.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"xn--")) {
        return Some(label.len());
    }
    let letters = label.iter().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    let rest = label.get(letters..).unwrap_or_default();
    (letters >= 2 && (rest.is_empty() || rest.starts_with(b"-"))).then_some(letters)
}

/// What follows the last dot of file names with an at sign (`logo@2x.png`); none of them is a
/// top-level domain.
const FILE_ENDINGS: [&[u8]; 23] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"ico", b"bmp", b"css", b"js", b"jsx",
    b"tsx", b"json", b"html", b"xml", b"yaml", b"yml", b"txt", b"pdf", b"exe", b"dll", b"jar",
    b"whl",
];

/// The same of units of systemd (`getty@tty1.service`).
const UNIT_ENDINGS: [&[u8]; 5] = [b"service", b"socket", b"timer", b"mount", b"target"];

/// What an address in a file name ends in, besides the two letters of a country: domains that are
/// no parts of file names (`app@page.min.js`).
const DOMAINS: [&[u8]; 12] = [
    b"com", b"org", b"net", b"edu", b"gov", b"mil", b"int", b"info", b"biz", b"cloud", b"email",
    b"example",
];

/// Unit: bytes. RFC 5321 section 4.5.3.1.1 allows 64; encoded forms are longer.
const LOCAL_BYTES_MAX: usize = 128;

/// Unit: bytes. RFC 5321 section 4.5.3.1.2.
const DOMAIN_BYTES_MAX: usize = 255;
