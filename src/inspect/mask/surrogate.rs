//! Values of the same shape that are nobody's, so that what a schema says of a value still holds.
//!
//! Guarantees: what is written holds nothing of the value but its length and what separates its
//! symbols, and of texts not even that.

use std::borrow::Cow;

use super::plain;
use crate::class::Class;

/// Appends the surrogate of a value.
pub(super) fn write(out: &mut Vec<u8>, class: Class, value: &[u8]) {
    match class {
        // RFC 2606 section 2: a name that never exists.
        Class::Email => out.extend_from_slice(EMAIL),
        Class::PersonName => {
            let words = value.trim_ascii().iter().any(u8::is_ascii_whitespace);
            out.extend_from_slice(if words { b"REDACTED REDACTED" } else { WORD });
        }
        Class::DateOfBirth => date(out, value),
        Class::Ip => out.extend_from_slice(if value.contains(&b':') { b"::" } else { b"0.0.0.0" }),
        Class::Mac => zeros(out, or(value, b"00:00:00:00:00:00")),
        Class::Geo => {
            let pair = value.iter().any(|byte| matches!(byte, b',' | b' ' | b';'));
            out.extend_from_slice(if pair { b"0.0, 0.0" } else { b"0.0" });
        }
        Class::CryptoWallet if value.starts_with(b"0x") => {
            out.extend_from_slice(b"0x");
            zeros(out, value.get(2..).unwrap_or_default());
        }
        Class::Phone => shape(out, or(value, b"+00000000000")),
        Class::Card => shape(out, or(value, b"0000 0000 0000 0000")),
        Class::UsSsn => shape(out, or(value, b"000-00-0000")),
        Class::CardCode => shape(out, or(value, b"000")),
        Class::PostalAddress => out.extend_from_slice(WORD),
        class if class.is_secret() => out.extend_from_slice(WORD),
        _ => shape(out, or(value, WORD)),
    }
}

/// Whether a value is its own surrogate.
pub(super) fn is_own(class: Class, value: &[u8]) -> bool {
    // The digits of dates are the only ones that are not zero.
    let real = |byte: &u8| matches!(byte, b'1'..=b'9');
    if class != Class::DateOfBirth && value.iter().any(real) || value.len() > OWN_BYTES_MAX {
        return false;
    }
    let symbols = value.iter().any(|byte| byte.is_ascii_alphanumeric()) || class == Class::Ip;
    let mut own = Vec::with_capacity(value.len());
    write(&mut own, class, value);
    symbols && own == value
}

/// A copy whose value nobody knows has the shape of its class.
fn or<'v>(value: &'v [u8], usual: &'static [u8]) -> &'v [u8] {
    if value.is_empty() { usual } else { value }
}

/// Digits are zeros and letters are X; what separates them stays.
fn shape(out: &mut Vec<u8>, value: &[u8]) {
    for c in text(value).chars() {
        out.push(match c {
            c if c.is_numeric() => b'0',
            c if c.is_lowercase() => b'x',
            c if c.is_alphabetic() => b'X',
            c => u8::try_from(c).map_or(b' ', plain),
        });
    }
}

/// Digits and letters are zeros: both are digits of hexadecimal numbers.
fn zeros(out: &mut Vec<u8>, value: &[u8]) {
    let zero = |byte: &u8| if byte.is_ascii_alphanumeric() { b'0' } else { plain(*byte) };
    out.extend(value.iter().map(zero));
}

/// The first of January 1900 in the layout of the value, at midnight.
fn date(out: &mut Vec<u8>, value: &[u8]) {
    let text = text(or(value, b"1900-01-01"));
    let mut rest: &str = &text;
    let (mut groups, mut months) = (0, 0);
    while let Some(first) = rest.chars().next() {
        let kind = |c: char| (c.is_numeric(), c.is_alphabetic());
        let same = |c: &char| kind(*c) == kind(first);
        let (part, after) = match kind(first) {
            (false, false) => rest.split_at(first.len_utf8()),
            _ => rest.split_at(rest.chars().take_while(same).map(char::len_utf8).sum()),
        };
        let length = part.chars().count();
        match kind(first) {
            (true, _) => {
                groups += 1;
                digits(out, length, groups + months);
            }
            (_, true) if length == 1 => out.push(plain(u8::try_from(first).unwrap_or(b'T'))),
            (_, true) if length == 2 => out.extend_from_slice(b"st"),
            (_, true) => {
                months = 1;
                out.extend_from_slice(if length == 3 { b"Jan" } else { b"January" });
            }
            (false, false) => out.push(u8::try_from(first).map_or(b' ', plain)),
        }
        rest = after;
    }
}

/// One group of digits of a date, which is the `place`-th of its parts; those behind the date are
/// a time.
fn digits(out: &mut Vec<u8>, length: usize, place: usize) {
    match length {
        1 if place <= DATE_PARTS => out.push(b'1'),
        2 if place <= DATE_PARTS => out.extend_from_slice(b"01"),
        4 if place <= DATE_PARTS => out.extend_from_slice(b"1900"),
        8 if place == 1 => out.extend_from_slice(b"19000101"),
        more => out.extend(std::iter::repeat_n(b'0', more)),
    }
}

fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

const EMAIL: &[u8] = b"redacted@redacted.invalid";
const WORD: &[u8] = b"REDACTED";

/// Day, month and year.
const DATE_PARTS: usize = 3;

/// Unit: bytes. Longer values are no surrogates of ours but somebody's filling.
const OWN_BYTES_MAX: usize = 256;
