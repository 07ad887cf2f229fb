//! Numbers that authorities give to people and firms.
//!
//! Owns what each class looks like, its check digits, and how sure one may be of a number that
//! nothing names. Assumes a candidate of upper-case letters and digits whose borders the caller
//! has checked. Guarantees bounded work: a candidate meets the rows of its own length only, and
//! each row costs a pass over at most twenty symbols.
//!
//! How sure (the same for every class; the tables say the odds of each row):
//!
//! - *Beside its name*, in any grouping: certain where check digits or, in classes without
//!   them, a narrow grammar hold; likely where the class also has numbers without check digits
//!   and this may be one; otherwise nothing. Beside a *general* name (tax number, identity
//!   number) the class whose check it fits, certain; see [`general`].
//! - *Without a name, in the groups of the authority*: certain where at most 1 in 300 such
//!   strings fits and the groups are unusual, or where letters and digits stand in groups as
//!   nothing else has them; likely where 1 in 8 fits and the groups are unusual; possible where
//!   phones, order numbers or rows of tables are grouped alike.
//! - *Without a name, digits in one piece*: likely where fewer than 1 in 10,000 random numbers
//!   of the length fits, possible where 1 in 80 does; otherwise nothing. Seconds and
//!   milliseconds since 1970 (10 and 13 digits that begin with 1) are nothing in any case.
//! - *Without a name, letters and digits in one piece*: certain where the letters have a grammar
//!   of their own and 1 in 300 strings of the same pattern of letters and digits fits; likely
//!   where the pattern is unusual and 1 in 20 fits, or grammar alone makes random strings 1 in
//!   10,000; possible where serial numbers have the pattern as well.
//! - What could be a more common thing although it fits ([`Fit::Named`]) needs its name. What
//!   fits a wide part of a class ([`Fit::Common`]) or has no check digit ([`Fit::Unchecked`])
//!   is a step less sure.

mod americas;
mod asia;
pub(super) mod checks;
mod europe_east;
mod europe_north;
mod europe_south;
mod europe_west;
mod general;
mod islands;
mod rule;
mod south;
#[cfg(test)]
mod tests;

use super::candidate::{Around, Candidate, Judged};
use crate::class::{Class, Confidence};
pub(super) use rule::longer_key;
use rule::{Fit, Rule, Slot, layout_bit, layout_key, letters};

/// The class and confidence that fit the candidate best, among the classes looked for.
pub(super) fn judge(candidate: &Candidate<'_>, around: Around) -> Option<Judged> {
    let slot = slot_of(candidate.symbols.len())?;
    let letters = letters(candidate.symbols);
    let key = layout_key(candidate.groups);
    let unnamed = match (candidate.groups.len() > 1, letters) {
        (true, _) if slot.layouts & layout_bit(key) == 0 => 0,
        (true, _) => slot.printed,
        (false, 0) if is_epoch(candidate.symbols) => 0,
        (false, 0) => slot.bare_digits,
        (false, _) => slot.bare_letters,
    };
    let mut best = Best::default();
    for rule in rules(unnamed).filter(|rule| rule.shape.admits(letters)) {
        let sure = match candidate.groups.len() > 1 {
            true => rule.layout(key, candidate.separator).map(|layout| layout.confidence),
            false => rule.bare,
        };
        if let Some(confidence) = sure
            && around.on.contains(rule.class)
            && let Some(confidence) = by_itself(rule, candidate.symbols, confidence)
        {
            best.offer(rule, confidence);
        }
    }
    if around.named.is_empty() {
        return best.judged;
    }
    // Of equally sure ones that of its own name comes first, that of a general name last.
    let judged = [beside_name(candidate, around), best.judged, general::judge(candidate, around)];
    judged.into_iter().flatten().reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// Whether a candidate of so many symbols could be a number that nothing names: in one piece, with
/// letters or without, or in groups with this key. Answers at once where [`judge`] would find nothing.
pub(super) fn may_be_unnamed(symbols: usize, grouped: Option<u32>, lettered: bool) -> bool {
    slot_of(symbols).is_some_and(|slot| match (grouped, lettered) {
        (Some(key), false) => slot.layouts & layout_bit(key) != 0,
        (Some(key), true) => slot.layouts_letters & layout_bit(key) != 0,
        (None, false) => slot.bare_digits != 0,
        (None, true) => slot.bare_letters != 0,
    })
}

/// Of how many random strings of the form of these symbols one passes for the class, and whether
/// that is for check digits or a grammar; `None` where they do not fit.
pub(super) fn odds(class: Class, symbols: &[u8]) -> Option<(u32, bool)> {
    let fits = fitting(symbols).filter(|rule| rule.class == class);
    let fits = fits.filter_map(|rule| Some((rule.one_in, (rule.fits)(symbols)?.holds())));
    fits.max_by_key(|(one_in, holds)| (*holds, *one_in))
}

/// How sure one may be of this class without a name, where its odds allow this confidence.
fn by_itself(rule: &Rule, symbols: &[u8], confidence: Confidence) -> Option<Confidence> {
    match (rule.fits)(symbols)? {
        Fit::Full => Some(confidence),
        Fit::Named => None,
        Fit::Common | Fit::Unchecked => match confidence {
            Confidence::Certain => Some(Confidence::Likely),
            Confidence::Likely => Some(Confidence::Possible),
            Confidence::Possible => None,
        },
    }
}

/// The best of the classes that are named and looked for, general names aside.
fn beside_name(candidate: &Candidate<'_>, around: Around) -> Option<Judged> {
    let mut wanted = around.named.intersection(around.on);
    wanted.remove(Class::NationalId);
    wanted.remove(Class::TaxId);
    if wanted.is_empty() {
        return None;
    }
    let mut best = Best::default();
    let symbols = candidate.symbols;
    for rule in fitting(symbols).filter(|rule| wanted.contains(rule.class)) {
        if let Some(fit) = (rule.fits)(symbols) {
            let certain = if fit.holds() { Confidence::Certain } else { Confidence::Likely };
            best.offer(rule, certain);
        }
    }
    if best.judged.is_some() {
        return best.judged;
    }
    // VAT numbers are the national number behind the country: `PT501964843`.
    if let Some((country, number)) = symbols.split_first_chunk::<2>() {
        best.offer_checked(number, |class| wanted.contains(class) && is_of(class, country));
    }
    // Where numbers are kept as numbers their leading zeros are lost.
    if candidate.groups.len() <= 1 && letters(symbols) == 0 {
        for zeros in 1..=LOST_ZEROS_MAX {
            let mut padded = [b'0'; SYMBOLS_MAX];
            let length = symbols.len() + zeros;
            if let Some(room) = padded.get_mut(zeros..length) {
                room.copy_from_slice(symbols);
                let number = padded.get(..length).unwrap_or_default();
                best.offer_checked(number, |class| wanted.contains(class));
            }
        }
    }
    best.judged
}

/// The rows whose shape these symbols have.
fn fitting(symbols: &[u8]) -> impl Iterator<Item = &'static Rule> {
    let letters = letters(symbols);
    let all = slot_of(symbols.len()).map_or(0, |slot| slot.all);
    rules(all).filter(move |rule| rule.shape.admits(letters))
}

/// Whether the class is of the country with this code (ISO 3166-1, upper case).
fn is_of(class: Class, code: &[u8; 2]) -> bool {
    class.country().as_bytes().eq_ignore_ascii_case(code)
}

/// Whether the digits are seconds or milliseconds since 1970, from 2001 to 2033.
fn is_epoch(digits: &[u8]) -> bool {
    digits.first() == Some(&b'1') && matches!(digits.len(), 10 | 13)
}

/// The best that was offered. Of classes that are equally sure the one that fits by chance least
/// often wins, then the first.
#[derive(Default)]
struct Best {
    judged: Option<Judged>,
    one_in: u32,
}

impl Best {
    fn offer(&mut self, rule: &Rule, confidence: Confidence) {
        let offered = (Some(confidence), rule.one_in);
        if offered > (self.judged.map(|(_, confidence)| confidence), self.one_in) {
            self.judged = Some((rule.class, confidence));
            self.one_in = rule.one_in;
        }
    }

    /// Offers the wanted classes whose check this number holds.
    fn offer_checked(&mut self, number: &[u8], wanted: impl Fn(Class) -> bool) {
        for rule in fitting(number).filter(|rule| wanted(rule.class)) {
            if (rule.fits)(number).is_some_and(Fit::holds) {
                self.offer(rule, Confidence::Certain);
            }
        }
    }
}

/// The rows that these bits stand for.
fn rules(mut bits: u128) -> impl Iterator<Item = &'static Rule> {
    core::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        RULES.get(place)
    })
}

fn slot_of(length: usize) -> Option<&'static Slot> {
    SLOTS.get(length)
}

/// Every row of every region.
static RULES: [Rule; RULES_COUNT] = rule::join(&REGIONS);

/// Which rows are of which length.
static SLOTS: [Slot; SYMBOLS_MAX + 1] = rule::slots(&RULES);

const REGIONS: [&[Rule]; 8] = [
    americas::RULES,
    islands::RULES,
    europe_west::RULES,
    europe_south::RULES,
    europe_north::RULES,
    europe_east::RULES,
    asia::RULES,
    south::RULES,
];

const RULES_COUNT: usize = rule::count(&REGIONS);

// Rows are bits of a `u128`.
const _: () = assert!(RULES_COUNT <= 128);

/// Symbols of the longest number here, behind the code of its country.
const SYMBOLS_MAX: usize = 20;

/// Leading zeros that a number may have lost: births in the years 2000 to 2009 and days before
/// the tenth begin with one, and a third lost zero would pass too much.
const LOST_ZEROS_MAX: usize = 2;
