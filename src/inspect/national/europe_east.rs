//! Numbers of Poland, Czechia and Slovakia, Romania, Bulgaria and Croatia.

use super::checks::{
    at, full, full_or_named, is_day, is_one_symbol, mod_11_10, part, remainder, weighted,
    year_month_day,
};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    Rule::new(Class::PlPesel, "99999999999", pl_pesel, 140)
        .covered(Covered::Both)
        .bare(Confidence::Possible),
    // 1 in 69: too many of ten digits in one piece. Six and four around a slash is telling.
    Rule::new(Class::CzBirthNumber, "9999999999", cz_ten, 69)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[6, 4], b"/", Confidence::Likely)]),
    Rule::new(Class::CzBirthNumber, "999999999", cz_nine, 13)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[6, 3], b"/", Confidence::Likely)]),
    Rule::new(Class::RoCnp, "9999999999999", ro_cnp, 550)
        .covered(Covered::Both)
        .bare(Confidence::Possible),
    Rule::new(Class::BgEgn, "9999999999", bg_egn, 140)
        .covered(Covered::Both)
        .bare(Confidence::Possible),
    Rule::new(Class::HrOib, "99999999999", hr_oib, 10).covered(Covered::Both),
];

/// Poland, Ustawa o ewidencji ludności (2010), art. 15 to 18: year, month (20 added since 2000),
/// day, serial, check digit of weights 1, 3, 7, 9.
fn pl_pesel(symbols: &[u8]) -> Option<Fit> {
    let month = part(symbols, 2, 2)?;
    let month = if month > 20 { month - 20 } else { month };
    let sum = weighted(symbols, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1])?;
    let date = is_day(part(symbols, 0, 2)?, month, part(symbols, 4, 2)?);
    full(date && sum.is_multiple_of(10))
}

/// Czechia, Zákon 133/2000 Sb. § 13; Slovakia, Zákon 301/1995 Z. z.: year, month (50 added for
/// women, 20 where serials ran out), day, serial. Ten digits are a multiple of 11; until 1985
/// a few were given where the remainder of nine is 10 and the tenth digit 0.
fn cz_ten(symbols: &[u8]) -> Option<Fit> {
    let (nine, last) = (remainder(symbols.get(..9)?, 11), at(symbols, 9)?);
    full(nine % 10 == last && cz_date(symbols)?)
}

/// Nine digits, without a check digit, for births before 1954.
fn cz_nine(symbols: &[u8]) -> Option<Fit> {
    let before = part(symbols, 0, 2)? < 54;
    let serial = part(symbols, 6, 3)? > 0;
    (before && serial && cz_date(symbols)?).then_some(Fit::Unchecked)
}

fn cz_date(symbols: &[u8]) -> Option<bool> {
    let month = part(symbols, 2, 2)? % 50;
    let month = if month > 20 { month - 20 } else { month };
    Some(is_day(part(symbols, 0, 2)?, month, part(symbols, 4, 2)?))
}

/// Romania, Legea 105/1996: sex and century, year, month, day, county, serial, check digit
/// modulo 11, where 10 becomes 1.
fn ro_cnp(symbols: &[u8]) -> Option<Fit> {
    let county = matches!(part(symbols, 7, 2)?, 1..=48 | 51 | 52 | 70 | 80..=83);
    let sum = weighted(symbols, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9])? % 11;
    let check = if sum == 10 { 1 } else { sum };
    let holds = check == at(symbols, 12)? && year_month_day(symbols, 1)?;
    full(holds && county && symbols.first() != Some(&b'0'))
}

/// Bulgaria, Civil Registration Act, art. 11: year, month (20 added before 1900, 40 since 2000),
/// day, serial, check digit modulo 11, where 10 becomes 0.
fn bg_egn(symbols: &[u8]) -> Option<Fit> {
    let month = part(symbols, 2, 2)?;
    let sum = weighted(symbols, &[2, 4, 8, 5, 10, 9, 7, 3, 6])?;
    let date = is_day(part(symbols, 0, 2)?, month % 20, part(symbols, 4, 2)?) && month < 53;
    let holds = date && sum % 11 % 10 == at(symbols, 9)?;
    // Nobody lives who was born before 1900.
    holds.then(|| full_or_named(!(20..40).contains(&month)))
}

/// Croatia, Zakon o osobnom identifikacijskom broju (2008): MOD 11,10.
fn hr_oib(symbols: &[u8]) -> Option<Fit> {
    full(mod_11_10(symbols) && !is_one_symbol(symbols))
}
