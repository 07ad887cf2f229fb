//! Numbers beside a general name: tax number, identity number.
//!
//! The number may be of a country whose class stands in the tables; then the class is that one.
//! It is the general class where several weak checks fit at once, which says nothing (six
//! checks of nine digits pass half of all numbers), where it is a VAT number, or where it is of
//! a country that has no class: then the name is all there is.

use super::checks::{at, luhn, part, weighted};
use super::fitting;
use super::rule::{Fit, Rule, Shape, layout_key, letters};
use crate::class::{Class, Confidence};
use crate::inspect::candidate::{Around, Candidate, Judged};

/// Judges a candidate beside the name `tax_id` or `national_id`.
pub(super) fn judge(candidate: &Candidate<'_>, around: Around) -> Option<Judged> {
    let general = [Class::TaxId, Class::NationalId];
    let mut named = general.into_iter().filter(|class| around.named.contains(*class));
    let first = named.next()?;
    let wanted = named.next().unwrap_or(first);
    let general = |confidence| {
        let on = [first, wanted].into_iter().find(|class| around.on.contains(*class));
        on.map(|class| (class, confidence))
    };
    let is_tax = around.named.contains(Class::TaxId);
    let structured = is_tax && (is_vat(candidate.symbols) || is_ein(candidate) == Some(true));
    let checked = structured || (is_tax && has_tax_check(candidate.symbols));
    let of_a_country = of_a_country(candidate, [first, wanted]);
    let telling =
        of_a_country.filter(|country| country.printed || (country.is_telling() && !structured));
    match (telling, of_a_country) {
        (Some(country), _) if around.on.contains(country.rule.class) => {
            Some((country.rule.class, Confidence::Certain))
        }
        (None, None) if !checked => general(by_name(candidate)?),
        _ => general(Confidence::Certain),
    }
}

/// The class of a country that fits best.
#[derive(Clone, Copy)]
struct OfACountry {
    rule: &'static Rule,
    /// Whether the groups are those of its authority.
    printed: bool,
    /// How many classes fit.
    fitting: u32,
}

impl OfACountry {
    /// Whether it hardly fits by chance, or no other class fits.
    fn is_telling(&self) -> bool {
        self.fitting == 1 || self.rule.one_in >= TELLING
    }
}

fn of_a_country(candidate: &Candidate<'_>, general: [Class; 2]) -> Option<OfACountry> {
    let symbols = candidate.symbols;
    let covered = |rule: &&Rule| general.into_iter().any(|class| rule.is_covered_by(class));
    let fits = |rule: &&Rule| (rule.fits)(symbols).is_some_and(Fit::holds);
    let mut best: Option<OfACountry> = None;
    let mut fitting_classes = 0;
    for rule in fitting(symbols).filter(covered).filter(fits) {
        fitting_classes += 1;
        let printed = rule.layout(layout_key(candidate.groups), candidate.separator).is_some();
        let rank = (printed, rule.one_in);
        if best.is_none_or(|best| rank > (best.printed, best.rule.one_in)) {
            best = Some(OfACountry { rule, printed, fitting: 0 });
        }
    }
    best.map(|best| OfACountry { fitting: fitting_classes, ..best })
}

/// Whether it holds the check of a tax number that has no class: a French SIREN or SIRET, an
/// Italian VAT number without its country (all ISO/IEC 7812), or a Polish NIP.
fn has_tax_check(symbols: &[u8]) -> bool {
    match symbols.len() {
        9 | 11 | 14 => letters(symbols) == 0 && luhn(symbols),
        10 => letters(symbols) == 0 && is_nip(symbols) == Some(true),
        _ => false,
    }
}

/// Poland, Ministerstwo Finansów (NIP): weights modulo 11.
fn is_nip(symbols: &[u8]) -> Option<bool> {
    Some(weighted(symbols, &[6, 5, 7, 2, 3, 4, 5, 6, 7])? % 11 == at(symbols, 9)?)
}

/// United States, IRS, "How EINs are assigned and valid EIN prefixes": two digits, a dash, seven
/// digits. No check digit.
fn is_ein(candidate: &Candidate<'_>) -> Option<bool> {
    let unused = matches!(
        part(candidate.symbols, 0, 2)?,
        0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97
    );
    Some(candidate.groups == [2, 7] && candidate.separator == b'-' && !unused)
}

/// Whether it is a VAT number behind its country: Council Directive 2006/112/EC, article 215,
/// the structures of the European Commission's VIES, and their neighbours' numbers.
fn is_vat(symbols: &[u8]) -> bool {
    let Some((country, number)) = symbols.split_first_chunk::<2>() else {
        return false;
    };
    let letters = letters(number);
    let patterns = VAT.iter().filter(|(code, _)| *code == country);
    patterns.flat_map(|(_, shapes)| shapes.iter()).any(|shape| {
        let shape = Shape::of(shape);
        shape.length == number.len() && shape.admits(letters)
    })
}

/// What the name alone makes of it. Likely from seven symbols on of which half are digits, in one
/// piece or evenly separated: shorter ones are also years, rooms and counts, and fewer digits
/// words. Everything else of five to twenty symbols with a digit is possible.
fn by_name(candidate: &Candidate<'_>) -> Option<Confidence> {
    let symbols = candidate.symbols;
    let digits = symbols.iter().filter(|symbol| symbol.is_ascii_digit()).count();
    if symbols.len() < NAMED_SYMBOLS_MIN || digits == 0 {
        return None;
    }
    let usual = symbols.len() >= 7 && digits * 2 >= symbols.len() && candidate.separator != b'?';
    Some(if usual { Confidence::Likely } else { Confidence::Possible })
}

/// A class that fits one in this many numbers by chance is the one, whatever else fits.
const TELLING: u32 = 50;

/// Symbols of the shortest number that a general name makes one.
const NAMED_SYMBOLS_MIN: usize = 5;

/// VAT numbers by country: `9` a digit, `A` a letter, `X` either.
const VAT: &[(&[u8; 2], &[&str])] = &[
    (b"AT", &["A99999999"]),
    (b"BE", &["9999999999"]),
    (b"BG", &["999999999", "9999999999"]),
    (b"CH", &["A999999999", "A999999999AAA", "A999999999AAAA"]),
    (b"CY", &["99999999A"]),
    (b"CZ", &["99999999", "999999999", "9999999999"]),
    (b"DE", &["999999999"]),
    (b"DK", &["99999999"]),
    (b"EE", &["999999999"]),
    (b"EL", &["999999999"]),
    (b"ES", &["X9999999X"]),
    (b"FI", &["99999999"]),
    (b"FR", &["XX999999999"]),
    (b"GB", &["999999999", "999999999999", "AA999"]),
    (b"GR", &["999999999"]),
    (b"HR", &["99999999999"]),
    (b"HU", &["99999999"]),
    (b"IE", &["9999999A", "9999999AA", "9A99999A"]),
    (b"IT", &["99999999999"]),
    (b"LT", &["999999999", "999999999999"]),
    (b"LU", &["99999999"]),
    (b"LV", &["99999999999"]),
    (b"MT", &["99999999"]),
    (b"NL", &["999999999A99"]),
    (b"NO", &["999999999", "999999999AAA"]),
    (b"PL", &["9999999999"]),
    (b"PT", &["999999999"]),
    (b"RO", &["99999", "999999", "9999999", "99999999", "999999999", "9999999999"]),
    (b"SE", &["999999999999"]),
    (b"SI", &["99999999"]),
    (b"SK", &["9999999999"]),
    (b"XI", &["999999999", "999999999999", "AA999"]),
];
