//! What stands in the place of a value.
//!
//! Guarantees, whatever the value holds: what is written needs no escape in JSON at any depth; it
//! is the same when it is made of itself again; of a secret nothing is left in it.

mod pseudonym;
mod surrogate;
#[cfg(test)]
mod tests;

pub use pseudonym::Pseudonyms;

use crate::class::{Class, Form};
use crate::surrogate::is_reserved;

/// What becomes of the values of one class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'d> {
    pub(super) class: Class,
    pub(super) form: Form,
    /// The name of the class.
    pub(super) label: &'d str,
    /// How many symbols a mask keeps of a number.
    pub(super) keep: usize,
    pub(super) pseudonyms: Option<&'d Pseudonyms>,
}

/// Appends what replaces `value` in text.
pub(super) fn write(out: &mut Vec<u8>, look: &Look<'_>, value: &[u8]) {
    let before = out.len();
    match look.form {
        Form::Mask => mask(out, look, value),
        Form::Surrogate => surrogate::write(out, look.class, value),
        Form::Pseudonym => pseudonym::write(out, look, value),
        Form::Label | Form::Drop | Form::Block | Form::Report => {}
    }
    if out.len() == before {
        out.push(b'[');
        write_label(out, look.label);
        out.push(b']');
    }
}

/// Appends what replaces a JSON number: a number, so that the message still fits its schema.
/// Whole degrees of a place, the number of a pseudonym, and zero.
pub(super) fn write_number(out: &mut Vec<u8>, look: &Look<'_>, number: &[u8]) {
    let before = out.len();
    match (look.form, look.class) {
        (Form::Drop, _) => out.extend_from_slice(b"null"),
        (Form::Pseudonym, _) => pseudonym::write_number(out, look, number),
        (Form::Mask, Class::Geo) => geo(out, number),
        (Form::Mask | Form::Label | Form::Surrogate | Form::Block | Form::Report, _) => {}
    }
    if out.len() == before {
        out.extend_from_slice(NO_NUMBER);
    }
}

/// Whether a value is what [`write`] or [`write_number`] made: nobody's, and left alone.
///
/// Labels with a name that `knows` are; and what would be replaced by itself, or is nobody's
/// ([`is_reserved`]), in classes where no real value can look like that.
pub(super) fn is_made(look: &Look<'_>, value: &[u8], knows: impl Fn(&str) -> bool) -> bool {
    let is_label = |text: &[u8]| {
        // Read as a JSON array, a label has no bracket before it.
        let text = std::str::from_utf8(text.strip_prefix(b"[").unwrap_or(text));
        text.is_ok_and(|text| is_label(text, &knows))
    };
    if let Some(inside) = value.strip_suffix(b"]") {
        return is_label(inside);
    }
    // And a pseudonym may have none behind it either: nothing else is written so.
    if value.contains(&b'#') && is_label(value) {
        return true;
    }
    if value == NO_NUMBER || pseudonym::is_number(value) {
        return true;
    }
    let may_be_real = look.class.is_secret() || matches!(look.class, Class::Custom(_));
    if look.form == Form::Surrogate && surrogate::is_own(look.class, value) {
        return true;
    }
    // Those of a gateway behind this one, or of another form, stay as they are too.
    let reserved = || std::str::from_utf8(value).is_ok_and(is_reserved);
    !may_be_real && (surrogate::is_own(look.class, value) || reserved())
}

/// Whether a JSON number is the pseudonym of one.
pub(super) use pseudonym::is_number as is_made_number;

/// `EMAIL`, `EMAIL_2`, `EMAIL#bcdfghjkmnpqrstvbcdf`
fn is_label(text: &str, knows: impl Fn(&str) -> bool) -> bool {
    let (name, tag) = text.split_once('#').map_or((text, None), |(name, tag)| (name, Some(tag)));
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(upper) {
        return false;
    }
    let numbered = name.rsplit_once('_').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    let names = [Some(name), numbered.map(|(name, _)| name)];
    let known = names.into_iter().flatten().any(|name| knows(&name.to_ascii_lowercase()));
    known && tag.is_none_or(pseudonym::is_tag)
}

fn write_label(out: &mut Vec<u8>, label: &str) {
    out.extend(label.bytes().map(|byte| byte.to_ascii_uppercase()));
}

/// What is harmless stays.
fn mask(out: &mut Vec<u8>, look: &Look<'_>, value: &[u8]) {
    match look.class {
        Class::Email => email(out, value),
        Class::PersonName => initials(out, value),
        Class::DateOfBirth => stars(out, value),
        Class::Ip => ip(out, value),
        Class::Mac => keep_first(out, value),
        Class::Geo => geo(out, value),
        Class::Iban => keep(out, value, IBAN_COUNTRY, look.keep),
        Class::Custom(_) if look.keep == 0 => {}
        class if class.keeps().is_some() => keep(out, value, 0, look.keep),
        // Addresses and secrets: nothing.
        _ => {}
    }
}

/// `j***@***.com`
fn email(out: &mut Vec<u8>, value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    if let Some(first) = text.chars().next().filter(|first| first.is_alphanumeric()) {
        push(out, first);
    }
    out.extend_from_slice(b"***@***");
    let top = text.rsplit_once('.').map_or("", |(_, top)| top);
    if !top.is_empty() && top.chars().all(|c| c.is_alphanumeric() || c == '-') {
        out.push(b'.');
        out.extend_from_slice(top.as_bytes());
    }
}

/// `J*** R***`. In scripts without upper and lower case one character can be a whole name.
fn initials(out: &mut Vec<u8>, value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    for (count, word) in text.split_whitespace().take(NAME_WORDS_MAX).enumerate() {
        if count > 0 {
            out.push(b' ');
        }
        let first = word.chars().next().filter(|c| c.is_uppercase() || c.is_lowercase());
        first.into_iter().for_each(|first| push(out, first));
        out.extend_from_slice(if word.ends_with(',') { b"***," } else { b"***" });
    }
}

/// `****-**-**`, `** *** ****`: months in words are three stars.
fn stars(out: &mut Vec<u8>, value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    let mut in_word = false;
    for c in text.chars() {
        let is_letter = c.is_alphabetic();
        if is_letter && !in_word {
            out.extend_from_slice(b"***");
        } else if c.is_numeric() {
            out.push(b'*');
        } else if !is_letter {
            out.push(u8::try_from(c).map_or(b' ', plain));
        }
        in_word = is_letter;
    }
}

/// `**** **** **** 1111`: separators stay, so that people see what it was. Of `value`, `first`
/// symbols stay and `last`, of the latter never more than half. Stars are symbols, so that a
/// masked value stays what it is.
fn keep(out: &mut Vec<u8>, value: &[u8], first: usize, last: usize) {
    let text = String::from_utf8_lossy(value);
    let is_symbol = |c: char| c.is_alphanumeric() || c == '*';
    let symbols = text.chars().filter(|c| is_symbol(*c)).count();
    let shown_from = symbols - last.min(symbols / 2);
    let mut seen = 0;
    for c in text.chars() {
        let hidden = is_symbol(c) && seen >= first && seen < shown_from;
        seen += usize::from(is_symbol(c));
        match c {
            _ if hidden => out.push(b'*'),
            c if c.is_ascii() => out.push(u8::try_from(c).map_or(b' ', plain)),
            c if c.is_alphanumeric() => push(out, c),
            _ => out.push(b' '),
        }
    }
}

/// `00:1A:2B:**:**:**`: who made the interface (IEEE 802, organizationally unique identifier).
fn keep_first(out: &mut Vec<u8>, value: &[u8]) {
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'*';
    let half = value.iter().filter(|byte| is_symbol(byte)).count() / 2;
    let mut seen = 0;
    for byte in value {
        let hidden = is_symbol(byte) && seen >= half;
        seen += usize::from(is_symbol(byte));
        out.push(if hidden { b'*' } else { plain(*byte) });
    }
}

/// `203.*.*.*` and `2001:*`
fn ip(out: &mut Vec<u8>, value: &[u8]) {
    let first = value.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    out.extend_from_slice(value.get(..first.min(IP_GROUP_BYTES_MAX)).unwrap_or_default());
    out.extend_from_slice(if value.contains(&b':') { b":*" } else { b".*.*.*" });
}

/// `52, -13`: whole degrees, a cell of about 100 km. Only decimal degrees: of other ways to write
/// a place nothing stays.
fn geo(out: &mut Vec<u8>, value: &[u8]) {
    let before = out.len();
    let between = |byte: &u8| matches!(byte, b',' | b' ' | b';');
    let mut fits = false;
    for (count, part) in value.split(between).filter(|part| !part.is_empty()).enumerate() {
        let (whole, fraction) = match part.iter().position(|byte| *byte == b'.') {
            Some(point) => part.split_at(point),
            None => (part, &[][..]),
        };
        let digits = whole.strip_prefix(b"-").unwrap_or(whole);
        let short = (1..=DEGREE_DIGITS).contains(&digits.len()) && count < 2;
        let rest = fraction.get(1..).unwrap_or_default();
        fits = short && digits.iter().chain(rest).all(u8::is_ascii_digit);
        if !fits {
            break;
        }
        if count > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(if digits.iter().all(|d| *d == b'0') { b"0" } else { whole });
    }
    if !fits {
        out.truncate(before);
    }
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Only what needs no escape in JSON.
fn plain(byte: u8) -> u8 {
    if byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' { byte } else { b' ' }
}

/// What takes the place of a JSON number.
const NO_NUMBER: &[u8] = b"0";

/// Symbols of the country in an IBAN (ISO 13616).
const IBAN_COUNTRY: usize = 2;

/// Digits of whole degrees.
const DEGREE_DIGITS: usize = 3;

/// Unit: bytes. The longest group of an IPv6 address.
const IP_GROUP_BYTES_MAX: usize = 4;

/// Words of a name of which a mask shows the initial.
const NAME_WORDS_MAX: usize = 8;
