//! E-mail addresses: the part of RFC 5322 that people have, with international letters.

use super::scan::Scan;
use crate::class::Class;

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
        return sign_end;
    };
    // `git@host:path` names a repository, not a person.
    if scan.text.get(start..at) == Some(b"git") && scan.byte(end) == b':' {
        return end;
    }
    scan.email_floor = end;
    scan.found(Class::Email, start, end)
}

/// Where the sign at `at` ends: `@`, `%40` or `&#64;`.
fn sign_end(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    let rest = scan.text.get(at..).unwrap_or_default();
    SIGNS.iter().find(|sign| rest.starts_with(sign)).map(|sign| at + sign.len())
}

fn local_start(scan: &Scan<'_, '_>, at: usize) -> usize {
    let back = (1..=LOCAL_BYTES_MAX).take_while(|back| {
        let place = at.checked_sub(*back).filter(|place| *place >= scan.email_floor);
        place.is_some_and(|place| is_local(scan.byte(place)))
    });
    let mut start = at - back.count();
    match scan.byte_before(start, 1) {
        // `\nalice@…`: an escaped line end that nobody decoded.
        b'\\' if matches!(scan.byte(start), b'n' | b'r' | b't') => start += 1,
        // `mailto%3Aalice@…`: the address begins after the code of the colon.
        b'%' if scan.byte(start).is_ascii_hexdigit()
            && scan.byte(start + 1).is_ascii_hexdigit() =>
        {
            start += 2;
        }
        _ => {}
    }
    let opens = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'_';
    let local = scan.text.get(start..at).unwrap_or_default();
    local.iter().position(opens).map_or(at, |skip| start + skip)
}

/// The end of the longest host name from `start` on that ends in a top-level domain.
fn domain_end(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let length = scan.count(start, DOMAIN_BYTES_MAX, |b| is_label(b) || b == b'.');
    let domain = scan.text.get(start..start + length)?;
    let (mut best, mut at) = (None, 0);
    for (index, label) in domain.split(|byte| *byte == b'.').enumerate() {
        if label.is_empty() || label.starts_with(b"-") {
            break;
        }
        if let Some(length) = top_level(label).filter(|_| index > 0) {
            best = Some((at, length));
        }
        at += label.len() + 1;
    }
    let (at, length) = best?;
    let name = domain.get(at..at + length)?;
    let is_file = FILE_ENDINGS.iter().any(|ending| name.eq_ignore_ascii_case(ending));
    (!is_file).then_some(start + at + length)
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

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'\'' | b'~')
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'-'
}

/// An at sign, percent-encoded in a URI, and as an HTML entity.
const SIGNS: [&[u8]; 3] = [b"@", b"%40", b"&#64;"];

/// What follows the last dot of file and unit names with an at sign (`logo@2x.png`,
/// `getty@tty1.service`); none of them is a top-level domain.
const FILE_ENDINGS: [&[u8]; 28] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"ico", b"bmp", b"css", b"js", b"jsx",
    b"tsx", b"json", b"html", b"xml", b"yaml", b"yml", b"txt", b"pdf", b"exe", b"dll", b"jar",
    b"whl", b"service", b"socket", b"timer", b"mount", b"target",
];

/// Unit: bytes. RFC 5321 section 4.5.3.1.1 allows 64; encoded forms are longer.
const LOCAL_BYTES_MAX: usize = 128;

/// Unit: bytes. RFC 5321 section 4.5.3.1.2.
const DOMAIN_BYTES_MAX: usize = 255;
