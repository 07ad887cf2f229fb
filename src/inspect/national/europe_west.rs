//! Numbers of Germany, Austria, Switzerland, France, Belgium and the Netherlands.

use super::checks::{
    at, cross_sum, day_month_year, full, full_or_named, is_day, is_one_symbol, mod_11_10, part,
    remainder, value, weighted, weighted_symbols,
};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    Rule::new(Class::DeTaxId, "99999999999", de_tax_id, 290)
        .covered(Covered::Tax)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[2, 3, 3, 3], b" ", Confidence::Likely)]),
    Rule::new(Class::DeIdCard, "AXXXXXXXX9", de_id_card, 265)
        .covered(Covered::Person)
        .bare(Confidence::Possible),
    Rule::new(Class::DeIdCard, "AXXXXXXXX", de_id_card, 26).covered(Covered::Person),
    Rule::new(Class::DeIdCard, "9999999999", de_id_card_until_2010, 10).covered(Covered::Person),
    Rule::new(Class::DeIdCard, "9999999999A", de_id_card_until_2010, 260).covered(Covered::Person),
    // Eight digits, a letter, three digits: rare by itself, and 1 in 80 fits.
    Rule::new(Class::DeInsurance, "99999999A999", de_pension, 80).bare(Confidence::Likely).printed(
        &[
            Layout::new(&[2, 6, 1, 3], b" ", Confidence::Certain),
            Layout::new(&[2, 6, 1, 2, 1], b" ", Confidence::Certain),
        ],
    ),
    // A letter and nine digits is a common serial number; 1 in 10 fits.
    Rule::new(Class::DeInsurance, "A999999999", de_health, 10).bare(Confidence::Possible),
    Rule::new(Class::AtSvnr, "9999999999", at_svnr, 330)
        .covered(Covered::Person)
        .bare(Confidence::Possible)
        .printed(&[
            Layout::new(&[4, 6], b" -", Confidence::Likely),
            Layout::new(&[4, 2, 2, 2], b" ", Confidence::Likely),
        ]),
    Rule::new(Class::ChAhv, "9999999999999", ch_ahv, 10_000)
        .covered(Covered::Person)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[3, 4, 4, 2], b". ", Confidence::Certain)]),
    // 1 in 4,300 of random digits: not rare enough for 15 digits in one piece.
    Rule::new(Class::FrNir, "999999999999999", fr_nir, 4_300)
        .covered(Covered::Person)
        .bare(Confidence::Possible)
        .printed(FR_NIR_LAYOUTS),
    Rule::new(Class::FrNir, "999999A99999999", fr_nir, 500_000)
        .covered(Covered::Person)
        .bare(Confidence::Likely)
        .printed(FR_NIR_LAYOUTS),
    Rule::new(Class::FrNir, "9999999999999", fr_nir_without_key, 42).covered(Covered::Person),
    Rule::new(Class::FrNir, "999999A999999", fr_nir_without_key, 5_500).covered(Covered::Person),
    Rule::new(Class::BeNrn, "99999999999", be_nrn, 460)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[
            Layout::new(&[2, 2, 2, 3, 2], b"?.- ", Confidence::Certain),
            Layout::new(&[6, 3, 2], b"?.- ", Confidence::Likely),
        ]),
    // 1 in 11 fits; 4.2.3 is written nowhere else.
    Rule::new(Class::NlBsn, "999999999", nl_bsn, 11)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[4, 2, 3], b".", Confidence::Likely)]),
];

const FR_NIR_LAYOUTS: &[Layout] = &[
    Layout::new(&[1, 2, 2, 2, 3, 3, 2], b" .-?", Confidence::Certain),
    Layout::new(&[1, 2, 2, 2, 6, 2], b" ?", Confidence::Certain),
    Layout::new(&[13, 2], b" -/", Confidence::Likely),
];

/// Germany, § 139b Abgabenordnung: MOD 11,10; of the ten digits before the check digit one is
/// there twice or three times, the others at most once, and the first is not 0.
fn de_tax_id(symbols: &[u8]) -> Option<Fit> {
    let body = symbols.get(..10)?;
    let counts = (b'0'..=b'9').map(|digit| body.iter().filter(|symbol| **symbol == digit).count());
    let mut repeated = counts.filter(|count| *count > 1);
    let once = matches!(repeated.next(), Some(2 | 3)) && repeated.next().is_none();
    full(symbols.first() != Some(&b'0') && once && mod_11_10(symbols))
}

/// Germany, Personalausweisverordnung, and ICAO 9303-3, 4.9: nine symbols of an alphabet
/// without vowels and without what is easily confused, first a letter of the authority; weights
/// 7, 3, 1. The check digit is printed in the machine-readable lines only.
fn de_id_card(symbols: &[u8]) -> Option<Fit> {
    let number = symbols.get(..9)?;
    let alphabet = |symbol: &u8| b"0123456789CFGHJKLMNPRTVWXYZ".contains(symbol);
    let first = b"LMNPRTVWXY".contains(symbols.first()?);
    let digits = number.iter().filter(|symbol| symbol.is_ascii_digit()).count();
    if !first || digits == 0 || !number.iter().all(alphabet) {
        return None;
    }
    match at(symbols, 9) {
        None => Some(Fit::Unchecked),
        Some(check) => full(icao_sum(number) % 10 == check),
    }
}

/// Cards given until October 2010: four digits of the authority, five more, the same check
/// digit, and a D for the nationality.
fn de_id_card_until_2010(symbols: &[u8]) -> Option<Fit> {
    let nationality = symbols.get(10).is_none_or(|letter| *letter == b'D');
    full(nationality && icao_sum(symbols.get(..9)?) % 10 == at(symbols, 9)?)
}

fn icao_sum(symbols: &[u8]) -> u32 {
    weighted_symbols(symbols, &[7, 3, 1, 7, 3, 1, 7, 3, 1])
}

/// Germany, Versicherungsnummernverordnung § 2 (VKVV): area, date of birth, initial, serial,
/// check digit of weighted cross sums. Where serials of a day run out, 32 is added to the day;
/// day and month are 0 where they are not known.
fn de_pension(symbols: &[u8]) -> Option<Fit> {
    let (area, day) = (part(symbols, 0, 2)?, part(symbols, 2, 2)?);
    let month = part(symbols, 4, 2)?;
    let date = day % 32 == 0 || month == 0 || is_day(part(symbols, 6, 2)?, month, day % 32);
    // The initial counts as two digits, its place in the alphabet.
    let initial = at(symbols, 8)?.checked_sub(9)?;
    let sum = cross_sums(symbols.get(..8)?, &[2, 1, 2, 5, 7, 1, 2, 1])
        + cross_sum(initial / 10 * 2)
        + initial % 10
        + cross_sums(symbols.get(9..11)?, &[2, 1]);
    full(area > 1 && month <= 12 && date && sum % 10 == at(symbols, 11)?)
}

/// Germany, § 290 SGB V, the part that never changes: a letter, which counts as its two-digit
/// place in the alphabet, eight digits, check digit of weights 1 and 2 by cross sums.
fn de_health(symbols: &[u8]) -> Option<Fit> {
    let letter = at(symbols, 0)?.checked_sub(9)?;
    let sum = letter / 10
        + cross_sum(letter % 10 * 2)
        + cross_sums(symbols.get(1..9)?, &[1, 2, 1, 2, 1, 2, 1, 2]);
    full(sum % 10 == at(symbols, 9)?)
}

/// The cross sums of the digits times their weights.
fn cross_sums(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| cross_sum(value(*digit) * weight)).sum()
}

/// Austria, Dachverband der Sozialversicherungsträger: three digits, check digit modulo 11, day,
/// month and year of birth. Months 13 to 15 stand where the numbers of a day ran out.
fn at_svnr(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6])?;
    let holds = sum % 11 == at(symbols, 3)? && symbols.first() != Some(&b'0');
    let date = day_month_year(symbols, 4)?;
    holds.then(|| full_or_named(date))
}

/// Switzerland, AHV-Nummer since 2008: 756 (ISO 3166-1), and the check digit of GS1 numbers.
fn ch_ahv(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1])?;
    full(symbols.starts_with(b"756") && sum.is_multiple_of(10))
}

/// France, INSEE, Décret 82-103: sex, year, month, place of birth, serial, and a key that
/// completes to 97. Corsica's departments are 2A and 2B, which count as 19 and 18.
fn fr_nir(symbols: &[u8]) -> Option<Fit> {
    let (rest, telling) = fr_structure(symbols)?;
    (rest + part(symbols, 13, 2)? == 97).then(|| full_or_named(telling))
}

/// The same as it stands in forms that have a field of their own for the key.
fn fr_nir_without_key(symbols: &[u8]) -> Option<Fit> {
    let (_, telling) = fr_structure(symbols)?;
    telling.then_some(Fit::Unchecked)
}

/// The remainder of the thirteen symbols, and whether sex, month and place are the usual ones.
fn fr_structure(symbols: &[u8]) -> Option<(u32, bool)> {
    let mut number = *symbols.first_chunk::<13>()?;
    let corsica = match number {
        [_, _, _, _, _, b'2', b'A', ..] => Some(b'9'),
        [_, _, _, _, _, b'2', b'B', ..] => Some(b'8'),
        [_, _, _, _, _, _, b'A'..=b'Z', ..] => return None,
        _ => None,
    };
    if let (Some(second), [_, _, _, _, _, tens, units, ..]) = (corsica, &mut number) {
        (*tens, *units) = (b'1', second);
    }
    let (sex, month) = (number.first()?, part(&number, 3, 2)?);
    let department = matches!(part(&number, 5, 2)?, 1..=95 | 97..=99);
    // 20 and above stand for months that are not known, 7 and 8 for numbers given for a time.
    let known = matches!(sex, b'1'..=b'4' | b'7' | b'8') && matches!(month, 1..=12 | 20..=99);
    let telling = matches!(sex, b'1' | b'2') && month <= 12 && department;
    known.then(|| (remainder(&number, 97), telling))
}

/// Belgium, Koninklijk besluit of 3 April 1984: date of birth, serial, and 97 less the remainder
/// of the nine digits, with a 2 before them for births since 2000. In BIS numbers the month has
/// 20 or 40 added; what is not known of the date is 0.
fn be_nrn(symbols: &[u8]) -> Option<Fit> {
    let (body, check) = (symbols.get(..9)?, part(symbols, 9, 2)?);
    // A leading 2 is 2,000,000,000, of which the remainder is 68.
    let (before, since) = (remainder(body, 97), (remainder(body, 97) + 68) % 97);
    let holds = before + check == 97 || since + check == 97;
    let (year, month) = (part(symbols, 0, 2)?, part(symbols, 2, 2)?);
    let day = part(symbols, 4, 2)?;
    if !holds || month > 52 || month % 20 > 12 || day > 31 {
        return None;
    }
    let date = is_day(year, month % 20, day);
    (date || month % 20 == 0 || day == 0).then(|| full_or_named(date))
}

/// Netherlands, Wet algemene bepalingen burgerservicenummer: weights 9 to 2 and -1, modulo 11.
fn nl_bsn(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[9, 8, 7, 6, 5, 4, 3, 2, 10])?;
    full(sum.is_multiple_of(11) && !is_one_symbol(symbols))
}
