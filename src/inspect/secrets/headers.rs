//! Credentials in HTTP fields: `Authorization`, `Cookie`, `X-Api-Key` and their like, as
//! they stand in requests, logs, commands and programs.
//!
//! Only the credential is hidden: names, schemes and attributes stay.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::placeholder::{is_expression, is_placeholder, is_plain_word};
use super::random::{Mix, entropy, is_random};
use super::sets::Set;
use crate::class::{Class, Confidence};
use crate::inspect::scan::Scan;

/// What the name of a field says about its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    /// Scheme and credentials (RFC 9110 section 11.6.2).
    Authorization,
    /// Pairs (RFC 6265 section 5.4).
    Cookie,
    /// One pair and attributes (RFC 6265 section 5.2).
    SetCookie,
    /// One key or token.
    Key,
}

/// Judges the field whose name ends before the `:` or `=` at `at`; returns where to go on.
pub(super) fn at_mark(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let name_end = name_end(scan, at)?;
    let field = field(scan, name_end, scan.byte(at))?;
    let class = if matches!(field, Field::Cookie | Field::SetCookie) {
        Class::Cookie
    } else {
        Class::AuthHeader
    };
    if !scan.is_on(class) {
        return None;
    }
    let start = value_start(scan, at)?;
    let text = scan.text.get(start..)?;
    match field {
        Field::Authorization => {
            let (range, confidence) = credential(text)?;
            Some(record(scan, class, confidence, start, range))
        }
        Field::Key => {
            let value = text.get(..Set::TOKEN68.count(text))?;
            let confidence = key(value).filter(|_| !is_expression(first_word(text)))?;
            Some(record(scan, class, confidence, start, 0..value.len()))
        }
        Field::Cookie | Field::SetCookie => {
            let pairs = if field == Field::SetCookie { 1 } else { COOKIES_MAX };
            cookies(scan, start, text, pairs)
        }
    }
}

/// Judges the word at `start` that stands behind a scheme in running text: `Bearer …`,
/// `Basic …`. Nothing but the word itself tells it from prose.
pub(super) fn after_scheme(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let before = scan.text.get(start.checked_sub(SCHEME_BYTES)?..start)?;
    let is = |word: &[u8]| {
        before
            .len()
            .checked_sub(word.len())
            .and_then(|at| before.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    let (bearer, basic) = (is(b"bearer "), is(b"basic "));
    if !(bearer || basic) || !scan.is_on(Class::AuthHeader) || start < scan.floor {
        return None;
    }
    let rest = scan.text.get(start..)?;
    let rest = rest.get(..VALUE_BYTES_MAX.min(rest.len()))?;
    let value = trimmed(rest.get(..Set::TOKEN68.count(rest))?);
    let confidence = if basic { basic_pair(value)? } else { bearer_token(value)? };
    Some(scan.found(Class::AuthHeader, confidence, start, start + value.len()))
}

fn bearer_token(value: &[u8]) -> Option<Confidence> {
    let long = value.len() >= BEARER_BYTES_MIN;
    (long && is_random(value) && !is_placeholder(value)).then_some(Confidence::Likely)
}

/// User and password in base64 (RFC 7617 section 2).
fn basic_pair(value: &[u8]) -> Option<Confidence> {
    let unpadded = value.len() % 4;
    let whole = value.len() - if unpadded == 1 { 1 } else { 0 };
    let mut padded = value.get(..whole)?.to_vec();
    padded.resize(padded.len().next_multiple_of(4), b'=');
    let pair = STANDARD.decode(padded).ok()?;
    let text = std::str::from_utf8(&pair).ok()?;
    let printable = text.chars().all(|c| !c.is_control());
    (printable && text.contains(':') && text.len() >= 3).then_some(Confidence::Certain)
}

fn record(
    scan: &mut Scan<'_, '_>,
    class: Class,
    confidence: Confidence,
    start: usize,
    range: Range<usize>,
) -> usize {
    scan.found(class, confidence, start + range.start, start + range.end)
}

/// Where the name before a mark ends: before its closing quote and white space.
fn name_end(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    let blanks = (1..=2).take_while(|back| scan.byte_before(at, *back) == b' ').count();
    let mut end = at.checked_sub(blanks)?;
    if matches!(scan.byte_before(end, 1), b'"' | b'\'' | b'`') {
        end -= 1;
        if scan.byte_before(end, 1) == b'\\' {
            end -= 1;
        }
    }
    // The last letters of the names that `field` knows: most names end here.
    let last = [scan.byte_before(end, 2), scan.byte_before(end, 1)].map(|b| b.to_ascii_lowercase());
    matches!(&last, b"on" | b"ie" | b"ey" | b"en" | b"et").then_some(end)
}

fn field(scan: &Scan<'_, '_>, end: usize, mark: u8) -> Option<Field> {
    let from = end.saturating_sub(NAME_BYTES_MAX).max(scan.floor);
    let before = scan.text.get(from..end)?;
    let length = before.iter().rev().take_while(|b| Set::BASE64URL.has(**b)).count();
    let name = before.get(before.len() - length..)?;
    let ends = |word: &[u8]| {
        name.len()
            .checked_sub(word.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| same_name(end, word))
    };
    match name.last().map(u8::to_ascii_lowercase) {
        Some(b'n') if ends(b"authorization") => Some(Field::Authorization),
        Some(b'e') if ends(b"set-cookie") => Some(Field::SetCookie),
        Some(b'e') => (name.len() == b"cookie".len() || ends(b"-cookie"))
            .then(|| ends(b"cookie").then_some(Field::Cookie))
            .flatten(),
        _ => is_key_field(name, mark, ends).then_some(Field::Key),
    }
}

/// `X-Api-Key`, `X-Auth-Token` and their like, and fields that issuers named otherwise.
fn is_key_field(name: &[u8], mark: u8, ends: impl Fn(&[u8]) -> bool) -> bool {
    if matches!(name, [b'x' | b'X', b'-' | b'_', ..]) {
        let public = ends(b"csrf-token") || ends(b"xsrf-token") || ends(b"public-key");
        return !public && (ends(b"key") || ends(b"token") || ends(b"secret"));
    }
    // Where an equals sign follows, names that anything may have are no fields.
    mark == b':' && KEY_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// Names are compared without case, and with `_` for `-` as environments write them.
fn same_name(name: &[u8], lower: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-');
    name.len() == lower.len() && name.iter().zip(lower).all(same)
}

/// Where the value behind a mark begins, behind the quote that opens it.
fn value_start(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    let arrow = usize::from(scan.byte(at) == b'=' && scan.byte(at + 1) == b'>');
    let from = at + 1 + arrow;
    let mut start = from + scan.count(from, BLANKS_MAX, |byte| matches!(byte, b' ' | b'\t'));
    let escaped = scan.byte(start) == b'\\' && matches!(scan.byte(start + 1), b'"' | b'\'');
    start += usize::from(escaped);
    match scan.byte(start) {
        b'"' | b'\'' | b'`' => Some(start + 1),
        0 | b'\n' | b'\r' | b'\\' => None,
        _ => Some(start),
    }
}

/// The credential in the value of an `Authorization` field, and how sure it is one.
pub(super) fn credential(text: &[u8]) -> Option<(Range<usize>, Confidence)> {
    let scheme = text.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    let blanks = text.get(scheme..)?.iter().take_while(|byte| **byte == b' ').count();
    let name = text.get(..scheme)?;
    let known = SCHEMES.iter().any(|known| name.eq_ignore_ascii_case(known));
    if blanks == 0 || !known {
        // The whole value is the credential, or the scheme is nobody's.
        let value = trimmed(text.get(..Set::TOKEN68.count(text))?);
        let after = text.get(value.len()..)?.iter().find(|byte| !matches!(byte, b' ' | b'.'));
        let alone = !after.is_some_and(u8::is_ascii_alphanumeric);
        let random = is_random(value) && value.len() >= BEARER_BYTES_MIN;
        let found = alone && random && !is_placeholder(value);
        return found.then_some((0..value.len(), Confidence::Likely));
    }
    let start = scheme + blanks;
    let rest = text.get(start..)?;
    if let Some(range) = parameter(name, rest) {
        return Some((start + range.start..start + range.end, Confidence::Certain));
    }
    let value = trimmed(rest.get(..Set::TOKEN68.count(rest))?);
    let range = start..start + value.len();
    if name.eq_ignore_ascii_case(b"basic") {
        let confidence = basic_pair(value).or_else(|| bearer_token(value))?;
        return Some((range, confidence));
    }
    let expression = is_expression(first_word(rest));
    let plain = expression || is_plain_word(value) || is_placeholder(value);
    if value.len() < CREDENTIAL_BYTES_MIN || plain || is_prose(value, rest) {
        return None;
    }
    let certain = value.len() >= BEARER_BYTES_MIN && is_random(value);
    Some((range, if certain { Confidence::Certain } else { Confidence::Likely }))
}

/// A word of small letters that other words follow: `Bearer tokens are …`.
fn is_prose(value: &[u8], rest: &[u8]) -> bool {
    let after = rest.get(value.len()..).unwrap_or_default();
    Set::LETTER.holds(value) && matches!(after, [b' ', next, ..] if next.is_ascii_alphabetic())
}

/// The secret parameter of schemes that have several (RFC 7616 section 3.4; AWS, "Signature
/// Version 4"; RFC 5849 section 3.5.1).
fn parameter(scheme: &[u8], rest: &[u8]) -> Option<Range<usize>> {
    let names: &[&[u8]] = if scheme.eq_ignore_ascii_case(b"digest") {
        &[b"response="]
    } else if scheme.eq_ignore_ascii_case(b"oauth") {
        &[b"oauth_signature=", b"oauth_token="]
    } else if scheme.eq_ignore_ascii_case(b"token") {
        &[b"token="]
    } else if scheme.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"aws4")) {
        &[b"signature="]
    } else {
        return None;
    };
    let rest = rest.get(..PARAMETERS_BYTES_MAX.min(rest.len()))?;
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    let rest = rest.get(..end)?;
    names.iter().find_map(|name| {
        let place = rest.windows(name.len()).position(|w| w.eq_ignore_ascii_case(name))?;
        let from = place + name.len();
        let value = rest.get(from..)?;
        let quote = usize::from(value.first() == Some(&b'"'));
        let length = Set::TOKEN68.count(value.get(quote..)?);
        (length >= CREDENTIAL_BYTES_MIN).then_some(from + quote..from + quote + length)
    })
}

/// The begin of a text as far as white space or a quote.
fn first_word(text: &[u8]) -> &[u8] {
    let text = text.get(..WORD_BYTES_MAX.min(text.len())).unwrap_or_default();
    let ends = |byte: &u8| *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`');
    text.get(..text.iter().position(ends).unwrap_or(text.len())).unwrap_or_default()
}

/// Full stops and commas at the end belong to the sentence.
fn trimmed(value: &[u8]) -> &[u8] {
    let stops = value.iter().rev().take_while(|byte| **byte == b'.').count();
    value.get(..value.len() - stops).unwrap_or_default()
}

/// A key that a field of its own carries.
fn key(value: &[u8]) -> Option<Confidence> {
    let value = trimmed(value);
    let mix = Mix::of(value);
    if value.len() < KEY_BYTES_MIN || is_placeholder(value) || is_plain_word(value) {
        return None;
    }
    let random = is_random(value) || (mix.digits > 0 && mix.letters > 0 && entropy(value) >= 2.5);
    let certain = random && value.len() >= BEARER_BYTES_MIN;
    random.then_some(if certain { Confidence::Certain } else { Confidence::Likely })
}

/// Records the values of pairs; returns where to go on.
fn cookies(scan: &mut Scan<'_, '_>, start: usize, text: &[u8], pairs: usize) -> Option<usize> {
    let mut end = None;
    let mut at = 0;
    for _ in 0..pairs {
        at += text.get(at..)?.iter().take_while(|byte| **byte == b' ').count();
        let rest = text.get(at..)?;
        let length = rest.iter().take_while(|byte| is_cookie_name(**byte)).count();
        let (name, rest) = rest.split_at_checked(length)?;
        at += length;
        if let Some(value) = rest.strip_prefix(b"=") {
            let opening = usize::from(value.first() == Some(&b'"'));
            let value = value.get(opening..)?;
            let length = value.iter().take_while(|byte| is_cookie_octet(**byte)).count();
            let value = value.get(..length)?;
            let from = at + 1 + opening;
            at = from + length;
            if length >= COOKIE_BYTES_MIN && !is_placeholder(value) && !is_attribute(name) {
                let (from, to) = (start + from, start + at);
                end = Some(scan.found(Class::Cookie, Confidence::Likely, from, to));
            }
            at += usize::from(opening > 0 && text.get(at) == Some(&b'"'));
        }
        if name.is_empty() || text.get(at) != Some(&b';') {
            break;
        }
        at += 1;
    }
    end
}

/// The tokens of RFC 9110 section 5.6.2, nearly.
fn is_cookie_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"=;,:\"'`\\<>()[]{}@?/".contains(&byte)
}

/// RFC 6265 section 4.1.1, and spaces and commas nowhere.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b',' | b';' | b'\\' | b'<' | b'>')
}

/// Attributes stand behind the pair, but some write them anywhere (RFC 6265 section 5.2).
pub(super) fn is_attribute(name: &[u8]) -> bool {
    ATTRIBUTES.iter().any(|attribute| name.eq_ignore_ascii_case(attribute))
}

/// Attributes without a value.
pub(super) fn is_flag(name: &[u8]) -> bool {
    FLAGS.iter().any(|flag| name.eq_ignore_ascii_case(flag))
}

const ATTRIBUTES: [&[u8]; 6] =
    [b"expires", b"max-age", b"domain", b"path", b"samesite", b"priority"];

const FLAGS: [&[u8]; 3] = [b"secure", b"httponly", b"partitioned"];

/// Names of fields that carry a key and do not begin with `X-`, and their like in logs.
const KEY_FIELDS: [&[u8]; 7] = [
    b"api-key",
    b"private-token",
    b"job-token",
    b"deploy-token",
    b"ocp-apim-subscription-key",
    b"dd-api-key",
    b"dd-application-key",
];

/// The schemes of the registry of HTTP authentication schemes, and what issuers use
/// besides.
const SCHEMES: [&[u8]; 24] = [
    b"bearer",
    b"basic",
    b"token",
    b"digest",
    b"negotiate",
    b"ntlm",
    b"hawk",
    b"dpop",
    b"oauth",
    b"apikey",
    b"api-key",
    b"api-token",
    b"bot",
    b"ssws",
    b"geniekey",
    b"key",
    b"jwt",
    b"gnap",
    b"privatetoken",
    b"splunk",
    b"aws4-hmac-sha256",
    b"snowflake",
    b"deepl-auth-key",
    b"klaviyo-api-key",
];

/// Unit: bytes. `bearer ` is the longest scheme that is looked for in running text.
const SCHEME_BYTES: usize = 7;

/// Unit: bytes. Shorter words behind a scheme in prose are prose.
const BEARER_BYTES_MIN: usize = 16;

/// Unit: bytes. Where a field says that a credential follows, shorter ones count.
const CREDENTIAL_BYTES_MIN: usize = 6;

/// Unit: bytes. Keys are longer than the words that describe them.
const KEY_BYTES_MIN: usize = 8;

/// Unit: bytes. Shorter values of cookies are preferences.
pub(super) const COOKIE_BYTES_MIN: usize = 8;

/// Cookies of one field. Browsers keep about as many for a site.
const COOKIES_MAX: usize = 256;

/// Unit: bytes. Longer names are none.
const NAME_BYTES_MAX: usize = 48;

/// Unit: bytes. Tokens are longer only by mistake.
const VALUE_BYTES_MAX: usize = 8192;

/// Unit: bytes. Expressions show in their begin.
const WORD_BYTES_MAX: usize = 64;

/// Unit: bytes. How far behind its scheme the secret parameter is looked for.
const PARAMETERS_BYTES_MAX: usize = 768;

/// Blanks between a mark and its value.
const BLANKS_MAX: usize = 8;
