//! IP addresses. Versions, object identifiers and section numbers look like IPv4;
//! times, paths of code and hardware addresses look like IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::candidate::Around;
use super::context::Hints;
use super::device;
use super::digits::{Left, Window};
use super::scan::Scan;
use crate::class::{Class, Confidence};

/// Four groups of up to three digits with dots, each at most 255.
pub(super) fn v4(scan: &mut Scan<'_, '_>, window: &Window<'_>, left: Left) -> Option<usize> {
    let [a, b, c, d] = *window.rest().first_chunk::<4>()?;
    let dotted = |left: usize, right: usize| right - left == 1 && scan.byte(left) == b'.';
    if !dotted(a.end, b.start) || !dotted(b.end, c.start) || !dotted(c.end, d.start) {
        return None;
    }
    let more_before = window.is_dotted_before(scan);
    let more_after = scan.byte(d.end) == b'.' && scan.byte(d.end + 1).is_ascii_digit();
    if more_before || more_after || left != Left::Free || !scan.is_on(Class::Ip) {
        return None;
    }
    let address = text(scan, a.start, d.end)?.parse::<Ipv4Addr>().ok()?;
    let next = scan.byte(d.end);
    let joined_after = next.is_ascii_alphanumeric()
        || next == b'_'
        || (next == b'-' && scan.byte(d.end + 1).is_ascii_alphabetic());
    if joined_after || is_version(scan, a.start) || !is_somebody_v4(address) {
        return None;
    }
    let named = scan.before(a.start) | scan.named;
    if named.has(Hints::VERSION) {
        return None;
    }
    Some(scan.found(Class::Ip, Confidence::Likely, a.start, d.end))
}

/// `Chrome/120.0.0.0`, `§1.2.3.4`.
fn is_version(scan: &Scan<'_, '_>, start: usize) -> bool {
    let length = (2..PRODUCT_BYTES_MAX)
        .take_while(|back| scan.byte_before(start, *back).is_ascii_alphanumeric())
        .count();
    let product = scan.byte_before(start, 1) == b'/'
        && length > 0
        && scan.byte_before(start, length + 1).is_ascii_uppercase();
    // The last byte of `§` in UTF-8.
    let blank = usize::from(scan.byte_before(start, 1) == b' ');
    product || scan.byte_before(start, 1 + blank) == 0xA7
}

/// Judges the run of hexadecimal digits and colons whose first colon is at `at`.
pub(super) fn at_colon(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let colons = scan.count(at, V6_BYTES_MAX, |byte| byte == b':');
    let back = (1..=5).take_while(|back| scan.byte_before(at, *back).is_ascii_hexdigit()).count();
    let start = at - back;
    let before = scan.byte_before(start, 1);
    let opens = !before.is_ascii_alphanumeric() && !matches!(before, b'_' | b'.' | b':');
    // Later colons of a run have a colon or letters before them, and are not looked at.
    if back > 4 || !opens || !scan.is_on(Class::Ip) {
        return at + colons;
    }
    let length = scan.count(at, V6_BYTES_MAX, is_v6_byte);
    let run = scan.text.get(start..at + length).unwrap_or_default();
    let after = scan.byte(at + length);
    if after.is_ascii_alphanumeric() || after == b'_' {
        return at + colons;
    }
    // A full stop or colon that ends the sentence is no part of the address.
    let stops = run.iter().rev().take_while(|byte| **byte == b'.').count();
    let end = start + run.len() - stops;
    let shorter = if scan.byte_before(end, 1) == b':' { end - 1 } else { end };
    match [end, shorter].into_iter().find(|end| is_v6(scan, start, *end)) {
        Some(end) => scan.found(Class::Ip, Confidence::Likely, start, end),
        None => at + colons,
    }
}

/// Judges the hardware address whose first separator is at `at`.
pub(super) fn mac(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let back = (1..=4).take_while(|back| scan.byte_before(at, *back).is_ascii_hexdigit()).count();
    if !matches!(back, 2 | 4) || !scan.is_on(Class::Mac) {
        return None;
    }
    let start = at - back;
    let before = scan.byte_before(start, 1);
    if before.is_ascii_alphanumeric() || matches!(before, b':' | b'-' | b'.' | b'_') {
        return None;
    }
    let around = Around { named: scan.named.classes, on: scan.on() };
    let end = device::mac(scan.text, start, around)?;
    Some(scan.found(Class::Mac, Confidence::Likely, start, end))
}

/// Judges the hardware address that begins with the digit at `at`.
pub(super) fn mac_at_digit(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let length = scan.count(at, 5, |byte| byte.is_ascii_hexdigit());
    let separated = matches!((length, scan.byte(at + length)), (2, b':' | b'-') | (4, b'.'));
    if separated { mac(scan, at + length) } else { None }
}

fn is_v6(scan: &Scan<'_, '_>, start: usize, end: usize) -> bool {
    let Some(text) = text(scan, start, end) else {
        return false;
    };
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    // Eight pairs are a hardware address; `a::b` without digits is a path in code sooner than an address.
    let pairs = text.len() == 23 && text.split(':').all(|group| group.len() == 2);
    // Reading the address costs most, and comes last.
    let address = || text.parse::<Ipv6Addr>();
    digits
        && colons >= 2
        && !pairs
        && address().is_ok_and(|a| !a.is_loopback() && !a.is_unspecified())
}

/// Loopback, unspecified and mask-like addresses belong to nobody.
fn is_somebody_v4(address: Ipv4Addr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && address.octets()[0] != 255
}

fn text<'t>(scan: &Scan<'t, '_>, start: usize, end: usize) -> Option<&'t str> {
    std::str::from_utf8(scan.text.get(start..end)?).ok()
}

fn is_v6_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

/// Unit: bytes. Longer words before a slash are no product names.
const PRODUCT_BYTES_MAX: usize = 32;

/// Unit: bytes. An IPv6 address with an IPv4 tail is at most 45 long (RFC 4291 2.2); one
/// more shows that a run is longer than that.
const V6_BYTES_MAX: usize = 48;
