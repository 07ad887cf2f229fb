//! Numbers of Sweden, Norway, Denmark and Finland. All begin with a date of birth.

use super::checks::{
    birthday, day_month_year, full_or_named, is_day, luhn, part, remainder, weighted,
};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    Rule::new(Class::SePersonnummer, "9999999999", se_short, 140)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[6, 4], b"-+", Confidence::Likely)]),
    // 1 in 22,000 of random digits. Compact timestamps look the same and need a name.
    Rule::new(Class::SePersonnummer, "999999999999", se_long, 22_000)
        .covered(Covered::Both)
        .bare(Confidence::Likely)
        .printed(&[Layout::new(&[8, 4], b"-+", Confidence::Likely)]),
    Rule::new(Class::NoFnr, "99999999999", no_fnr, 1_600)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[
            Layout::new(&[6, 5], b" -", Confidence::Likely),
            Layout::new(&[6, 3, 2], b" ", Confidence::Likely),
        ]),
    // 1 in 300 of this layout holds the check digit, 1 in 27 only the date.
    Rule::new(Class::DkCpr, "9999999999", dk_cpr, 300)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[6, 4], b"-", Confidence::Likely)]),
    Rule::new(Class::FiHetu, "999999A999X", fi_hetu, 2_700)
        .covered(Covered::Both)
        .bare(Confidence::Certain),
    // The dash or plus of the other centuries is not among the symbols. 1 in 1,100 fits, whether a
    // digit or a letter is at the end.
    Rule::new(Class::FiHetu, "999999999X", fi_hetu_with_sign, 1_100)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[6, 4], b"-+", Confidence::Likely)]),
];

/// Sweden, Folkbokföringslag (1991:481) § 18: date of birth, serial, the check digit of ISO/IEC
/// 7812. Coordination numbers (Skatteverket, SKV 704) have 60 added to the day.
fn se_short(symbols: &[u8]) -> Option<Fit> {
    se_holds(symbols).then_some(Fit::Full)
}

/// The same with the century. The check digit leaves it out.
fn se_long(symbols: &[u8]) -> Option<Fit> {
    let century = matches!(part(symbols, 0, 2)?, 18..=20);
    // 202401151230: day and time of day.
    let time = part(symbols, 8, 2)? < 24 && part(symbols, 10, 2)? < 60;
    let holds = century && se_holds(symbols.get(2..)?);
    let coordination = part(symbols, 6, 2)? > 60;
    holds.then_some(match (time, coordination, birthday(symbols, 0)?) {
        (false, true, _) => Fit::Common,
        (false, false, true) => Fit::Full,
        _ => Fit::Named,
    })
}

fn se_holds(symbols: &[u8]) -> bool {
    let date = || {
        let day = part(symbols, 4, 2)?;
        let day = if day > 60 { day - 60 } else { day };
        Some(is_day(part(symbols, 0, 2)?, part(symbols, 2, 2)?, day))
    };
    date() == Some(true) && luhn(symbols)
}

/// Norway, Folkeregisterforskriften § 2-2-1: day, month, year, serial, two check digits modulo
/// 11. D numbers have 40 added to the day; numbers with 40 (help numbers of hospitals) or 80
/// (test persons) added to the month are taken beside a name only.
fn no_fnr(symbols: &[u8]) -> Option<Fit> {
    let first = weighted(symbols, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1])?;
    let second = weighted(symbols, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1])?;
    if !first.is_multiple_of(11) || !second.is_multiple_of(11) {
        return None;
    }
    let (day, month) = (part(symbols, 0, 2)?, part(symbols, 2, 2)?);
    let day = if day > 40 { day - 40 } else { day };
    let date = is_day(part(symbols, 4, 2)?, month % 40, day);
    date.then(|| full_or_named(month < 40))
}

/// Denmark, CPR-kontoret, "Personnummeret i CPR": day, month, year, serial. Weights 4, 3, 2, 7 to
/// 1 modulo 11 hold for numbers given before October 2007, and need not since.
fn dk_cpr(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1])?;
    let fit = if sum.is_multiple_of(11) { Fit::Full } else { Fit::Unchecked };
    day_month_year(symbols, 0)?.then_some(fit)
}

/// Finland, Valtioneuvoston asetus 128/2010 as changed in 2023: day, month, year, sign of the
/// century (A to F since 2000; dash, Y to U before; plus before 1900), number, and the
/// remainder modulo 31 as a digit or letter. Numbers from 900 on are for a time.
fn fi_hetu(symbols: &[u8]) -> Option<Fit> {
    let century = matches!(symbols.get(6)?, b'A'..=b'F' | b'U'..=b'Y');
    century.then_some(())?;
    fi_holds(symbols.get(..6)?, symbols.get(7..)?)
}

fn fi_hetu_with_sign(symbols: &[u8]) -> Option<Fit> {
    fi_holds(symbols.get(..6)?, symbols.get(6..)?)
}

fn fi_holds(date: &[u8], rest: &[u8]) -> Option<Fit> {
    let (number, check) = (part(rest, 0, 3)?, rest.get(3)?);
    let remainder = (remainder(date, 31) * 1000 + number) % 31;
    let expected = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(usize::try_from(remainder).ok()?);
    let holds = expected == Some(check) && number > 1 && day_month_year(date, 0)?;
    holds.then(|| full_or_named(number < 900))
}
