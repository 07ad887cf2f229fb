//! Routing numbers of banks in the United States.

use super::{Named, is_all_digits, is_one_symbol};
use crate::class::Confidence;
use crate::inspect::candidate::Candidate;

/// A routing transit number: ANSI X9.13 and the Accredited Standards Committee's key to
/// routing numbers. One number of nine digits in seventeen passes by chance, so that one
/// without a name is hardly more than possible.
pub(super) fn us_routing(candidate: &Candidate<'_>, named: Named) -> Option<Confidence> {
    let symbols: &[u8; 9] = candidate.symbols.try_into().ok()?;
    let sound = is_all_digits(symbols) && !is_one_symbol(symbols);
    if !sound || !is_district(*symbols) || !check_digit_holds(symbols) {
        return None;
    }
    match named {
        Named::Yes => Some(Confidence::Certain),
        // Numbers padded with zeros are everywhere; those of the government are printed rarely.
        Named::No if candidate.groups.len() > 1 || symbols.starts_with(b"00") => None,
        Named::No => Some(Confidence::Possible),
    }
}

/// Weights 3, 7, 1 and a sum that ten divides.
fn check_digit_holds(symbols: &[u8; 9]) -> bool {
    let weighted = symbols.iter().zip([3, 7, 1].into_iter().cycle());
    let sum: u32 = weighted.map(|(symbol, weight)| u32::from(symbol - b'0') * weight).sum();
    sum.is_multiple_of(10)
}

/// The first two digits: the government, the twelve Federal Reserve districts, the same for
/// thrift institutions (+20) and electronic transfers (+60), and traveller's cheques.
fn is_district(symbols: [u8; 9]) -> bool {
    let [tens, ones, ..] = symbols;
    matches!((tens - b'0') * 10 + (ones - b'0'), 0..=12 | 21..=32 | 61..=72 | 80)
}
