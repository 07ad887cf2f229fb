//! Numbers of devices, vehicles, banks and wallets, and where things are.
//!
//! Owns what tells such a number from any other of its length: check digits, number ranges
//! and printed groups. Assumes that the reader found the borders of a run of letters and
//! digits; [`mac`] and [`geo`] find their end themselves, because what separates their
//! parts is what makes them. Guarantees: linear in a candidate, whose length is bounded.

mod bank;
mod base58;
mod bech32;
mod geo;
mod keccak;
mod mac;
mod mobile;
#[cfg(test)]
mod tests;
mod vehicle;
mod wallet;

use std::ops::RangeInclusive;

use super::candidate::{Around, Candidate, Judged};
use crate::class::{Class, Confidence};

pub(super) use geo::{geo, measure};
pub(super) use mac::mac;
pub(super) use wallet::wallet;

/// What the candidate is, if it is a number of a device, vehicle or bank; the surest class
/// where several fit.
pub(super) fn judge(candidate: &Candidate<'_>, around: Around) -> Option<Judged> {
    let mut best: Option<Judged> = None;
    let length = candidate.symbols.len();
    for (class, lengths, validate) in &VALIDATORS {
        if !lengths.contains(&length) || !around.on.contains(*class) {
            continue;
        }
        let found = validate(candidate, Named::of(*class, around));
        let Some(confidence) = found else { continue };
        if best.is_none_or(|(_, other)| confidence > other) {
            best = Some((*class, confidence));
        }
    }
    best
}

/// Whether a candidate of so many symbols could be a number that nothing names, in groups or with
/// so many letters. Answers at once where [`judge`] would find nothing.
pub(super) fn may_be_unnamed(symbols: usize, grouped: bool, letters: usize) -> bool {
    match (grouped, letters) {
        (false, 0) => matches!(symbols, 9 | 14..=17 | 19..=20),
        (true, 0) => matches!(symbols, 14..=16 | 19..=20),
        // The one letter of an ICCID fills its last place.
        (false, 1) => matches!(symbols, 17 | 20),
        (true, 1) => symbols == 20,
        (false, _) => symbols == 17,
        (true, _) => false,
    }
}

/// Whether something beside the candidate says that it is of the class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

impl Named {
    fn of(class: Class, around: Around) -> Named {
        if around.named.contains(class) { Named::Yes } else { Named::No }
    }
}

type Validator = fn(&Candidate<'_>, Named) -> Option<Confidence>;

/// Each with the lengths of its numbers. Where two are as sure, the first one counts.
static VALIDATORS: [(Class, RangeInclusive<usize>, Validator); 6] = [
    (Class::Iccid, 19..=20, mobile::iccid),
    (Class::Imei, 14..=16, mobile::imei),
    (Class::Imsi, 14..=15, mobile::imsi),
    (Class::Vin, 17..=17, vehicle::vin),
    (Class::UsRouting, 9..=9, bank::us_routing),
    (Class::Mac, 12..=12, mac::bare),
];

fn is_all_digits(symbols: &[u8]) -> bool {
    symbols.iter().all(u8::is_ascii_digit)
}

/// `00000000`: fills a field, and is nobody's number.
fn is_one_symbol(symbols: &[u8]) -> bool {
    symbols.first().is_none_or(|first| symbols.iter().all(|symbol| symbol == first))
}
