//! Vehicle identification numbers.

use super::{Named, is_one_symbol};
use crate::class::Confidence;
use crate::inspect::candidate::Candidate;

/// A vehicle identification number: ISO 3779, 17 symbols without I, O and Q.
///
/// North America (49 CFR 565.15) and China (GB 16735) require the check digit at the ninth
/// place. Elsewhere it is a symbol like any other, so that a known manufacturer or a name
/// beside the number must speak for it.
pub(super) fn vin(candidate: &Candidate<'_>, named: Named) -> Option<Confidence> {
    let symbols: &[u8; 17] = candidate.symbols.try_into().ok()?;
    if is_one_symbol(symbols) {
        return None;
    }
    let checked = check_digit_holds(symbols)?;
    let required = matches!(symbols.first(), Some(b'1'..=b'5' | b'L'));
    match named {
        Named::Yes if checked => Some(Confidence::Certain),
        Named::Yes if required => Some(Confidence::Possible),
        Named::Yes => Some(Confidence::Likely),
        Named::No if candidate.groups.len() != 1 || !is_serial(symbols) => None,
        Named::No if required => checked.then_some(Confidence::Likely),
        Named::No if is_known_manufacturer(symbols) => Some(Confidence::Likely),
        Named::No => checked.then_some(Confidence::Possible),
    }
}

/// Whether the ninth symbol is the check digit; `None` where a symbol is no VIN's.
fn check_digit_holds(symbols: &[u8; 17]) -> Option<bool> {
    let mut sum = 0;
    for (symbol, weight) in symbols.iter().zip(WEIGHTS) {
        sum += value(*symbol)? * weight;
    }
    let check = match sum % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).ok()?,
    };
    Some(symbols.get(8) == Some(&check))
}

/// 49 CFR 565.15(c), table III: the transliteration of EBCDIC's columns.
fn value(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'0'..=b'9' => symbol - b'0',
        b'A'..=b'H' => symbol - b'A' + 1,
        b'J'..=b'N' => symbol - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => symbol - b'S' + 2,
        _ => return None,
    };
    Some(u32::from(value))
}

/// The last four symbols are digits (ISO 3779, 5.3), and what comes before them is not all
/// digits, as it is in dates with milliseconds, or nearly all letters, as in words.
fn is_serial(symbols: &[u8; 17]) -> bool {
    let letters = symbols.iter().filter(|symbol| symbol.is_ascii_alphabetic()).count();
    let serial = symbols.last_chunk::<4>().is_some_and(|serial| super::is_all_digits(serial));
    serial && (2..=12).contains(&letters)
}

fn is_known_manufacturer(symbols: &[u8; 17]) -> bool {
    let begins = |length| symbols.get(..length).unwrap_or_default();
    MANUFACTURERS.binary_search(&begins(3)).is_ok()
        || MANUFACTURERS.binary_search(&begins(2)).is_ok()
}

/// 49 CFR 565.15(c), table IV. The check digit itself does not count.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/// World manufacturer identifiers (ISO 3780) of large makers outside North America and
/// China, from their registrations with SAE International; two symbols where all that
/// begin with them are one maker's. Sorted.
#[rustfmt::skip]
const MANUFACTURERS: [&[u8]; 97] = [
    b"6F", b"6G", b"6T", b"93H", b"93Y", b"9BD", b"9BF", b"9BG", b"9BM", b"9BR", b"9BW",
    b"AAV", b"AFA", b"AHT", b"JA", b"JF", b"JH", b"JM", b"JN", b"JS", b"JT", b"JY", b"KL", b"KM",
    b"KN", b"KPT", b"MA1", b"MA3", b"MAJ", b"MAK", b"MAL", b"MAT", b"MBH", b"MBJ", b"MMB", b"MNT",
    b"MR0", b"NLH", b"NM0", b"NMT", b"SAJ", b"SAL", b"SAR", b"SB1", b"SCA", b"SCB", b"SCC", b"SCF",
    b"SHH", b"SHS", b"SJN", b"TMA", b"TMB", b"TRU", b"TSM", b"U5Y", b"UU1", b"VF1", b"VF2", b"VF3",
    b"VF6", b"VF7", b"VF8", b"VNK", b"VR1", b"VR3", b"VR7", b"VSS", b"VSX", b"VWV", b"W0L", b"W0V",
    b"W1K", b"W1N", b"W1V", b"WAU", b"WBA", b"WBS", b"WBY", b"WDB", b"WDC", b"WDD", b"WDF", b"WF0",
    b"WMA", b"WME", b"WMW", b"WP0", b"WP1", b"WV", b"WVG", b"YS2", b"YS3", b"YV", b"ZA", b"ZCF",
    b"ZF",
];
