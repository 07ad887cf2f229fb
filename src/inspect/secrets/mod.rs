//! Secrets that show what they are: issuers' fixed forms, JSON web tokens, private keys,
//! passwords in addresses, credentials in HTTP fields; and what a name alone explains.
//!
//! The candidate pass calls in at the bytes that can end a prefix or mark a value. Every
//! function here returns where to go on, looks a bounded way back, and either consumes
//! what it read or reads a bounded length, so that the pass stays linear.
//!
//! - `marked`, `words`: fixed forms, by the end of their prefix or the begin of a word;
//! - `rows`, `sets`, `checksum`: how such forms are written down and matched;
//! - `pem`: private keys; `aws`: keys that no prefix marks;
//! - `urls`, `headers`: passwords and credentials whose surroundings show them;
//! - `labelled`, `placeholder`, `random`: values that only a name explains.

mod aws;
mod checksum;
mod headers;
mod labelled;
mod marked;
mod pem;
mod placeholder;
mod random;
mod rows;
mod sets;
mod urls;
mod words;

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

pub(super) use labelled::labelled;

use super::bytes::is_base64url;
use super::scan::Scan;
use crate::class::{Class, Confidence};
use crate::json::{Document, KeyRule, Kind, Limits};
use rows::BODY_BYTES_MAX;
use sets::Set;

/// Judges a dash: the begin of a block of PEM, or the end of a fixed prefix.
pub(super) fn at_dash(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let dashes = scan.count(at, usize::MAX, |byte| byte == b'-');
    if dashes >= pem::DASHES || (dashes == pem::SSH2_DASHES && scan.byte(at + dashes) == b' ') {
        return pem::at_dashes(scan, at, dashes);
    }
    if scan.byte_before(at, 1) == b'Y'
        && scan.byte(at + 1) == b'U'
        && let Some(end) = pem::at_putty(scan, at)
    {
        return end;
    }
    if let Some(end) = behind_hexadecimal(scan, at) {
        return end;
    }
    marked::find(scan, at).unwrap_or(at + 1)
}

/// Judges a `_`, which can end a fixed prefix.
pub(super) fn at_underscore(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    if scan.byte(at + 1) == b'm'
        && let Some(end) = maxmind_end(scan, at)
    {
        return end;
    }
    marked::find(scan, at).unwrap_or(at + 1)
}

/// Judges a letter that ends the prefix of a secret which need not hold a digit.
pub(super) fn at_letter(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let start = match (scan.byte_before(at, 1), scan.byte(at)) {
        (b'y', b'J') => return at_json(scan, at),
        (b'I', b'A') => at.checked_sub(3),
        (b'I', b'z') => at.checked_sub(2),
        (b'S', b'G') | (b'h', b'v') => at.checked_sub(1),
        _ => None,
    };
    start.and_then(|start| words::find(scan, start)).unwrap_or(at + 1)
}

/// Judges a digit: the first one of a word can show what the word is. Returns where to go
/// on if the word is a secret.
pub(super) fn at_digit(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let (second, before) = (scan.byte_before(at, 2), scan.byte_before(at, 1));
    match before {
        // The word was judged at its first digit.
        _ if second.is_ascii_digit() => None,
        b'T' if second == b'/' => urls::slack_webhook(scan, at).or_else(|| in_word(scan, at)),
        b'v' if second == b's' => words::terraform(scan, at).or_else(|| in_word(scan, at)),
        b'A'..=b'Z' | b'a'..=b'z' => in_word(scan, at),
        _ if is_joint(before) && (second.is_ascii_alphabetic() || is_joint(second)) => {
            in_word(scan, at)
        }
        b' ' => match second {
            b'r' | b'R' | b'c' | b'C' => headers::after_scheme(scan, at),
            b'd' => urls::netrc_password(scan, at),
            _ => digit_first(scan, at),
        },
        b'0'..=b'9' => None,
        _ => digit_first(scan, at),
    }
}

/// Secrets that begin with a digit.
fn digit_first(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    match (scan.byte(at), scan.byte(at + 1)) {
        (b'1', b'/') => words::find(scan, at),
        (b'0', b'0') if scan.byte(at + 2) == b'D' => words::find(scan, at),
        (b'0'..=b'9', next) if next.is_ascii_alphanumeric() => whole_word(scan, at),
        _ => None,
    }
}

/// Looks at long words only: most numbers are short.
fn whole_word(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let long = scan.byte(start + 13).is_ascii_alphanumeric();
    if long { words::find_whole(scan, start) } else { None }
}

/// Judges the word around a digit that letters or marks stand before. If another digit
/// stands before those, the word was judged there.
fn in_word(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let least = at.saturating_sub(WORD_BEFORE_BYTES_MAX).max(scan.floor);
    let mut start = at;
    let mut first = true;
    loop {
        while start > least && scan.byte_before(start, 1).is_ascii_alphabetic() {
            start -= 1;
        }
        let before = scan.byte_before(start, 1);
        // What an escape left behind is no part of the word: `\n`, `%2F`, `[32m`.
        if before == b'\\' {
            start += usize::from(matches!(scan.byte(start), b'n' | b'r' | b't'));
        } else if before.is_ascii_digit() {
            start = behind_escape(scan, start).filter(|start| *start <= at)?;
        }
        if let Some(end) = words::find(scan, start) {
            return Some(end);
        }
        if first && let Some(end) = whole_word(scan, start) {
            return Some(end);
        }
        first = false;
        let mut end = start;
        while end > least && is_joint(scan.byte_before(end, 1)) {
            end -= 1;
        }
        if end == start || end <= least || !scan.byte_before(end, 1).is_ascii_alphabetic() {
            break;
        }
        start = end;
    }
    match (scan.byte_before(start, 1), scan.byte_before(start, 2)) {
        (b' ', b'r' | b'R' | b'c' | b'C') => headers::after_scheme(scan, start),
        (b' ', b'd') => urls::netrc_password(scan, start),
        _ => None,
    }
}

/// Where the word begins that ends an escape whose last digit stands before `start`.
fn behind_escape(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let percent = scan.byte_before(start, 2) == b'%' || scan.byte_before(start, 3) == b'%';
    let colour = scan.byte(start) == b'm';
    if !percent && !colour {
        return None;
    }
    [start, start + 1].into_iter().find(|place| !rows::is_glued(scan, *place))
}

/// What joins the parts of a token.
fn is_joint(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_' | b'/' | b'+' | b'~')
}

/// Judges a tilde: client secrets of Microsoft Entra have `Q~` in their fifth and sixth
/// place, after a digit; tokens of OpenShift begin `sha256~`.
pub(super) fn at_tilde(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    if scan.byte_before(at, 1) != b'Q' || !scan.byte_before(at, 2).is_ascii_digit() {
        return None;
    }
    let start = at.checked_sub(5)?;
    let head = scan.text.get(start..at)?;
    let glued = Set::ALNUM.has(scan.byte_before(start, 1));
    if !Set::DOTTED_TILDE.holds(head) || glued || start < scan.floor {
        return None;
    }
    let length = scan.count(at + 1, ENTRA_BYTES_MAX + 1, |byte| Set::DOTTED_TILDE.has(byte));
    let stops = scan.text.get(at + 1..at + 1 + length)?.iter().rev();
    let spare = length.saturating_sub(ENTRA_BYTES_MIN);
    let stops = stops.take(spare).take_while(|byte| **byte == b'.').count();
    let fits = (ENTRA_BYTES_MIN..=ENTRA_BYTES_MAX).contains(&(length - stops));
    let end = at + 1 + length - stops;
    (fits && scan.is_on(Class::ApiKey))
        .then(|| scan.found(Class::ApiKey, Confidence::Certain, start, end))
}

/// Judges a colon before anything else does: an address, a token with a colon in it, a
/// field of HTTP, a pair of name and password. Returns where to go on if one of them is
/// there.
pub(super) fn at_colon(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    match scan.byte(at + 1) {
        b'/' => (scan.byte(at + 2) == b'/').then(|| urls::at_scheme(scan, at)).flatten(),
        b'A' => token_with_colon(scan, at)
            .or_else(|| headers::at_mark(scan, at))
            .or_else(|| urls::at_pair(scan, at)),
        _ => headers::at_mark(scan, at).or_else(|| urls::at_pair(scan, at)),
    }
}

/// Judges an equals sign: a field of HTTP in a variable, a setting of a connection.
/// Returns where to go on if one of them is there.
pub(super) fn at_equals(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    headers::at_mark(scan, at).or_else(|| urls::at_equals(scan, at))
}

/// Tokens of Telegram's bots (8 to 10 digits, a colon, `A` and 34 characters) and server
/// keys of Firebase Cloud Messaging (11 characters, `:APA91b`, 130 or more).
fn token_with_colon(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    if !scan.is_on(Class::ApiKey) {
        return None;
    }
    let body = scan.count(at + 1, BODY_BYTES_MAX, |byte| Set::BASE64URL.has(byte));
    let digits = (1..=11).take_while(|back| scan.byte_before(at, *back).is_ascii_digit()).count();
    let bot = (8..=10).contains(&digits) && (34..=36).contains(&body);
    let word = (1..=12).take_while(|back| Set::BASE64URL.has(scan.byte_before(at, *back))).count();
    let firebase = word == 11 && body >= 130 && scan.text.get(at + 1..)?.starts_with(b"APA91b");
    let start = at - if bot { digits } else { word };
    // Addresses of the interface write `bot` before the token.
    let addressed = scan.text.get(start.saturating_sub(3)..start) == Some(b"bot");
    let glued = scan.byte_before(start, 1).is_ascii_alphanumeric() && !addressed;
    ((bot && !glued) || firebase)
        .then(|| scan.found(Class::ApiKey, Confidence::Certain, start, at + 1 + body))
}

/// Keys that begin with 32 hexadecimal digits and a dash: Mailchimp's name their data
/// centre (`us12`), Mailgun's go on with 8 and 8 digits.
fn behind_hexadecimal(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let hex = |byte: u8| Set::HEX_LOWER.has(byte);
    if ![1, 16, 32].into_iter().all(|back| hex(scan.byte_before(at, back))) {
        return None;
    }
    let centre = scan.byte(at + 1) == b'u' && scan.byte(at + 2) == b's';
    if (!centre && !hex(scan.byte(at + 8))) || !scan.is_on(Class::ApiKey) {
        return None;
    }
    let digits = (1..=33).take_while(|back| hex(scan.byte_before(at, *back))).count();
    let start = at.checked_sub(32)?;
    if digits != 32 || scan.byte_before(start, 1).is_ascii_alphanumeric() {
        return None;
    }
    let end = if centre {
        let number = scan.count(at + 3, 3, |byte| byte.is_ascii_digit());
        (1..=2).contains(&number).then_some(at + 3 + number)?
    } else {
        let group = |from: usize| scan.count(from, 9, hex) == 8;
        (group(at + 1) && scan.byte(at + 9) == b'-' && group(at + 10)).then_some(at + 18)?
    };
    let cut = scan.byte(end).is_ascii_alphanumeric() || scan.byte(end) == b'-';
    (!cut).then(|| scan.found(Class::ApiKey, Confidence::Certain, start, end))
}

/// MaxMind's licence keys: 6 and 29 characters, `_mmk`.
fn maxmind_end(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    if !scan.text.get(at..)?.starts_with(b"_mmk") || !scan.is_on(Class::ApiKey) {
        return None;
    }
    let start = at.checked_sub(6 + 1 + 29)?;
    let (id, key) = (scan.text.get(start..start + 6)?, scan.text.get(start + 7..at)?);
    let end = at + b"_mmk".len();
    let glued = Set::ALNUM.has(scan.byte_before(start, 1)) || Set::ALNUM.has(scan.byte(end));
    let fits = Set::ALNUM.holds(id) && Set::ALNUM.holds(key) && scan.byte(start + 6) == b'_';
    (fits && !glued && start >= scan.floor)
        .then(|| scan.found(Class::ApiKey, Confidence::Certain, start, end))
}

/// Judges `eyJ`, which is `{"` in base64: a JSON web token, a former key of Grafana, a
/// secret token of Mapbox. `at` is the place of the `J`.
fn at_json(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let Some(start) = at.checked_sub(2).filter(|start| scan.byte(*start) == b'e') else {
        return at + 1;
    };
    let marked = matches!(scan.byte_before(start, 1), b'_' | b'-');
    if marked || rows::is_glued(scan, start) || start < scan.floor {
        return at + 1;
    }
    if scan.is_on(Class::Jwt)
        && let Some(end) = jwt_end(scan, start)
    {
        return scan.found(Class::Jwt, Confidence::Certain, start, end);
    }
    if !scan.is_on(Class::ApiKey) {
        return at + 1;
    }
    let rest = scan.text.get(start..).unwrap_or_default();
    let body = scan.count(start, BODY_BYTES_MAX, is_base64url);
    if rest.starts_with(b"eyJrIjoi") && (70..=400).contains(&body) {
        let padding = scan.count(start + body, 2, |byte| byte == b'=');
        let end = start + body + padding;
        return scan.found(Class::ApiKey, Confidence::Certain, start, end);
    }
    let name = start.checked_sub(3).filter(|name| {
        let prefix = scan.text.get(*name..start);
        prefix == Some(b"sk.") && !rows::is_glued(scan, *name)
    });
    let code = scan.count(start + body + 1, 64, is_base64url);
    match name {
        Some(name) if scan.byte(start + body) == b'.' && code >= 20 => {
            let end = start + body + 1 + code;
            scan.found(Class::ApiKey, Confidence::Certain, name, end)
        }
        _ => at + 1,
    }
}

/// The end of the token that begins at `start`: three base64url parts whose first is a
/// JSON object (RFC 7519 section 3), or five when it is encrypted (RFC 7516).
fn jwt_end(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let header_length = scan.count(start, JWT_HEADER_BYTES_MAX, is_base64url);
    let header_end = start + header_length;
    let part = |from: usize| from + scan.count(from, usize::MAX, is_base64url);
    if scan.byte(header_end) != b'.' {
        return None;
    }
    let payload_end = part(header_end + 1);
    if scan.byte(payload_end) != b'.' {
        return None;
    }
    let header = URL_SAFE_NO_PAD.decode(scan.text.get(start..header_end)?).ok()?;
    let document = Document::parse(Bytes::from(header), &JWT_HEADER_LIMITS).ok()?;
    if document.root().kind() != Kind::Object {
        return None;
    }
    let mut end = part(payload_end + 1);
    // Without a payload it stands elsewhere (RFC 7515 appendix F), or with direct
    // encryption the key does (RFC 7516 section 5.1): more parts must tell it from dots.
    if payload_end == header_end + 1 && end < payload_end + 1 + DETACHED_BYTES_MIN {
        return None;
    }
    for _ in 0..2 {
        if scan.byte(end) == b'.' && is_base64url(scan.byte(end + 1)) {
            end = part(end + 1);
        }
    }
    Some(end)
}

/// Unit: bytes. Headers carry a few short members; certificates make them long.
const JWT_HEADER_BYTES_MAX: usize = 8192;

/// Unit: bytes. The shortest initialisation vector (96 bits) in base64url.
const DETACHED_BYTES_MIN: usize = 16;

/// Headers are flat apart from keys.
const JWT_HEADER_LIMITS: Limits =
    Limits { depth_max: 8, nodes_max: 256, number_bytes_max: 64, keys: KeyRule::Exact };

/// Unit: bytes. What follows `Q~`.
const ENTRA_BYTES_MIN: usize = 31;
const ENTRA_BYTES_MAX: usize = 34;

/// Unit: bytes. How far before its first digit a word may begin.
const WORD_BEFORE_BYTES_MAX: usize = 64;
