//! Hardware addresses: EUI-48 and EUI-64 of IEEE 802.

use super::{Named, is_one_symbol};
use crate::class::{Class, Confidence};
use crate::inspect::candidate::{Around, Candidate};

/// The end of the hardware address whose first group of hexadecimal digits begins at `at`:
/// six pairs with `:` or `-` (IEEE 802-2014, 8.1.1), three groups of four with `.`. Longer
/// addresses (eight pairs, four groups) count where a name says so, or where they were made
/// of a shorter one (`FF-FE` in the middle: RFC 4291, appendix A).
///
/// Not a part of a longer run of groups, as fingerprints are; not the address of all or of
/// none; without a name, not what reads as date and time.
pub(in crate::inspect) fn mac(text: &[u8], at: usize, around: Around) -> Option<usize> {
    let rest = text.get(at..)?;
    let size = rest.iter().take(5).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let separator = *rest.get(size)?;
    let (short, long) = match (size, separator) {
        (2, b':' | b'-') => (6, 8),
        (4, b'.') => (3, 4),
        _ => return None,
    };
    if !around.on.contains(Class::Mac) || !begins(text.get(..at)?, size, separator) {
        return None;
    }
    let count = groups(rest, size, separator, long + 1);
    let length = (count * (size + 1)).checked_sub(1)?;
    let run = rest.get(..length)?;
    let tail = rest.get(length..)?;
    let goes_on = match tail {
        [next, after, ..] if *next == separator => after.is_ascii_alphanumeric(),
        [next, ..] => next.is_ascii_alphanumeric() || *next == b'_',
        [] => false,
    };
    if goes_on || !(count == short || count == long) {
        return None;
    }
    let named = around.named.contains(Class::Mac);
    let digits = || run.iter().filter(|byte| byte.is_ascii_hexdigit()).copied();
    let middle = digits().skip(6).take(4);
    let widened = middle.map(|digit| digit.to_ascii_uppercase()).eq(*b"FFFE");
    let filled = |fill: u8| digits().all(|digit| digit.eq_ignore_ascii_case(&fill));
    if filled(b'0') || filled(b'f') || (count == long && !named && !widened) {
        return None;
    }
    let decimal = digits().all(|digit| digit.is_ascii_digit());
    let other = decimal && (separator == b'.' || is_date_and_time(run));
    (named || !other).then_some(at + length)
}

/// Twelve hexadecimal digits in one piece or in groups of four with dashes: anything could
/// look like that, so that a name must say it.
pub(super) fn bare(candidate: &Candidate<'_>, named: Named) -> Option<Confidence> {
    let symbols: &[u8; 12] = candidate.symbols.try_into().ok()?;
    let hexadecimal = symbols.iter().all(u8::is_ascii_hexdigit);
    let grouped = matches!(candidate.groups, [12] | [4, 4, 4] | [6, 6] | [2, 2, 2, 2, 2, 2]);
    let sound = hexadecimal && grouped && !is_one_symbol(symbols);
    (named == Named::Yes && sound).then_some(Confidence::Likely)
}

/// Whether an address can begin after this: not inside a word, and not after another group.
fn begins(before: &[u8], size: usize, separator: u8) -> bool {
    let Some((last, before)) = before.split_last() else { return true };
    if last.is_ascii_alphanumeric() || *last == b'_' {
        return false;
    }
    if *last != separator {
        return true;
    }
    let back = before.iter().rev();
    let word = back.take(16).take_while(|byte| byte.is_ascii_alphanumeric());
    let (mut length, mut hexadecimal) = (0, true);
    for byte in word {
        length += 1;
        hexadecimal &= byte.is_ascii_hexdigit();
    }
    // `::` is an IPv6 address; a group of up to four digits could be one of it.
    let group = if separator == b':' { length <= 4 } else { length == size };
    length != 0 && !(group && hexadecimal)
}

/// How many groups of this size the text begins with, up to `max`.
fn groups(text: &[u8], size: usize, separator: u8, max: usize) -> usize {
    let mut count = 0;
    for group in text.chunks(size + 1).take(max) {
        let (digits, after) = group.split_at(size.min(group.len()));
        if digits.len() < size || !digits.iter().all(u8::is_ascii_hexdigit) {
            break;
        }
        count += 1;
        if after != [separator] {
            break;
        }
    }
    count
}

/// `24-01-31-12-30-45`: every pair is in the range of its place.
fn is_date_and_time(run: &[u8]) -> bool {
    let pairs = run.split(|byte| !byte.is_ascii_hexdigit());
    let bounds = [99, 12, 31, 23, 59, 59];
    let within = |(pair, bound): (&[u8], u8)| match pair {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + (ones - b'0') <= bound,
        _ => false,
    };
    let first = pairs.clone().skip(1).take(2).all(|pair| pair != b"00");
    run.len() == 17 && first && pairs.zip(bounds).all(within)
}
