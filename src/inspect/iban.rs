//! International bank account numbers: ISO 13616, lengths by the SWIFT registry.

use super::scan::Scan;
use crate::class::{Class, Confidence};

/// Judges the IBAN whose check digits begin at `at`; returns its end.
pub(super) fn at_check_digits(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let start = at.checked_sub(2).filter(|start| *start >= scan.floor)?;
    let country =
        [scan.byte(start).to_ascii_uppercase(), scan.byte(start + 1).to_ascii_uppercase()];
    let letters = country.iter().all(u8::is_ascii_uppercase);
    if !letters || !scan.byte(at + 1).is_ascii_digit() || !scan.is_on(Class::Iban) {
        return None;
    }
    let row = LENGTHS.binary_search_by_key(&country, |row| row.0).ok()?;
    let length = usize::from(LENGTHS.get(row)?.1);
    let before = scan.byte_before(start, 1);
    if before.is_ascii_alphanumeric() {
        return None;
    }
    let end = end_of(scan, start, length)?;
    if scan.byte(end).is_ascii_alphanumeric() {
        scan.findings.pass_over(start, end);
        return None;
    }
    // ISO 7064 yields 02 to 98.
    if matches!((scan.byte(at), scan.byte(at + 1)), (b'0', b'0' | b'1') | (b'9', b'9')) {
        return None;
    }
    if !check_digits_hold(scan.text.get(start..end).unwrap_or_default()) {
        return None;
    }
    Some(scan.found(Class::Iban, Confidence::Certain, start, end))
}

/// Where the account number ends: so many letters and digits with single separators.
fn end_of(scan: &Scan<'_, '_>, start: usize, length: usize) -> Option<usize> {
    let (mut at, mut taken, mut gap) = (start, 0, 0);
    while taken < length {
        if scan.byte(at).is_ascii_alphanumeric() {
            taken += 1;
            gap = 0;
        } else {
            gap += 1;
            if !is_separator(scan.byte(at)) || gap > GAP_BYTES_MAX {
                return None;
            }
        }
        at += 1;
    }
    Some(at)
}

/// The remainder of the rearranged number by 97 is 1 (ISO 7064, MOD 97-10).
fn check_digits_hold(text: &[u8]) -> bool {
    let symbols = || text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let rearranged = symbols().skip(4).chain(symbols().take(4));
    let remainder = rearranged.fold(0_u64, |number, symbol| {
        let (shift, value) = match symbol {
            b'0'..=b'9' => (10, u64::from(symbol - b'0')),
            _ => (100, u64::from(symbol.to_ascii_uppercase() - b'A') + 10),
        };
        // Reduced only when the next symbol might not fit: division is what costs here.
        let number = if number < REDUCE_AT { number } else { number % 97 };
        number * shift + value
    });
    remainder % 97 == 1
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.')
}

/// Bytes that may stand between two groups: ` - `.
const GAP_BYTES_MAX: usize = 3;

/// A number that still fits 64 bits with one more symbol.
const REDUCE_AT: u64 = u64::MAX / 1000;

/// Country and length, from the SWIFT IBAN registry. Sorted by country.
#[rustfmt::skip]
const LENGTHS: [([u8; 2], u8); 89] = [
    (*b"AD", 24), (*b"AE", 23), (*b"AL", 28), (*b"AT", 20), (*b"AZ", 28), (*b"BA", 20),
    (*b"BE", 16), (*b"BG", 22), (*b"BH", 22), (*b"BI", 27), (*b"BR", 29), (*b"BY", 28),
    (*b"CH", 21), (*b"CR", 22), (*b"CY", 28), (*b"CZ", 24), (*b"DE", 22), (*b"DJ", 27),
    (*b"DK", 18), (*b"DO", 28), (*b"EE", 20), (*b"EG", 29), (*b"ES", 24), (*b"FI", 18),
    (*b"FK", 18), (*b"FO", 18), (*b"FR", 27), (*b"GB", 22), (*b"GE", 22), (*b"GI", 23),
    (*b"GL", 18), (*b"GR", 27), (*b"GT", 28), (*b"HN", 28), (*b"HR", 21), (*b"HU", 28),
    (*b"IE", 22), (*b"IL", 23), (*b"IQ", 23), (*b"IS", 26), (*b"IT", 27), (*b"JO", 30),
    (*b"KW", 30), (*b"KZ", 20), (*b"LB", 28), (*b"LC", 32), (*b"LI", 21), (*b"LT", 20),
    (*b"LU", 20), (*b"LV", 21), (*b"LY", 25), (*b"MC", 27), (*b"MD", 24), (*b"ME", 22),
    (*b"MK", 19), (*b"MN", 20), (*b"MR", 27), (*b"MT", 31), (*b"MU", 30), (*b"NI", 28),
    (*b"NL", 18), (*b"NO", 15), (*b"OM", 23), (*b"PK", 24), (*b"PL", 28), (*b"PS", 29),
    (*b"PT", 25), (*b"QA", 29), (*b"RO", 24), (*b"RS", 22), (*b"RU", 33), (*b"SA", 24),
    (*b"SC", 31), (*b"SD", 18), (*b"SE", 24), (*b"SI", 19), (*b"SK", 24), (*b"SM", 27),
    (*b"SO", 23), (*b"ST", 25), (*b"SV", 28), (*b"TL", 23), (*b"TN", 24), (*b"TR", 26),
    (*b"UA", 29), (*b"VA", 22), (*b"VG", 24), (*b"XK", 20),
    (*b"YE", 30),
];
