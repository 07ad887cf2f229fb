//! Numbers of the United Kingdom and Ireland.

use super::checks::{at, day_month_year, full, full_or_named, part, value, weighted};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    // 3 3 4 with spaces. North American phone numbers are written so too, hence only numbers
    // that no such phone can have: 1 in 110 of this layout fits.
    Rule::new(Class::UkNhs, "9999999999", uk_nhs, 110).printed(&[Layout::new(
        &[3, 3, 4],
        b" ",
        Confidence::Likely,
    )]),
    // No check digit: 1 in 12 of the shape has allowed letters. The shape itself is rare.
    Rule::new(Class::UkNino, "AA999999A", uk_nino, 12)
        .covered(Covered::Both)
        .bare(Confidence::Likely)
        .printed(&[
            Layout::new(&[2, 2, 2, 2, 1], b" -", Confidence::Certain),
            Layout::new(&[2, 6, 1], b" -", Confidence::Likely),
        ]),
    Rule::new(Class::UkNino, "AA999999", uk_nino, 2).covered(Covered::Both),
    Rule::new(Class::UkUtr, "9999999999", uk_utr, 10)
        .covered(Covered::Tax)
        .printed(&[Layout::new(&[5, 5], b" ", Confidence::Possible)]),
    Rule::new(Class::UkUtr, "9999999999A", uk_utr, 260).covered(Covered::Tax),
    // Seven digits and a letter: also short hashes and part numbers; 1 in 26 fits.
    Rule::new(Class::IePps, "9999999A", ie_pps, 26)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[7, 1], b" -", Confidence::Possible)]),
    Rule::new(Class::IePps, "9999999AA", ie_pps, 114)
        .covered(Covered::Both)
        .bare(Confidence::Likely)
        .printed(&[Layout::new(&[7, 2], b" -", Confidence::Likely)]),
];

/// NHS Data Dictionary, "NHS Number": weights 10 to 2, modulo 11; a remainder of 1 has no
/// check digit. England and Wales give numbers from 400 to 499 and 600 to 799 million,
/// Northern Ireland from 320 to 399, Scotland those that begin with a date of birth (CHI).
fn uk_nhs(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1])?;
    // Area code and exchange of the North American plan begin with 2 to 9.
    let phone = at(symbols, 0)? > 1 && at(symbols, 3)? > 1;
    let given = match part(symbols, 0, 2)? {
        32..=49 | 60..=79 => true,
        0..=31 => day_month_year(symbols, 0)?,
        _ => false,
    };
    sum.is_multiple_of(11).then(|| full_or_named(given && !phone))
}

/// HM Revenue & Customs, National Insurance Manual NIM39110: letters that are not used, and a
/// suffix from A to D, which may be missing.
fn uk_nino(symbols: &[u8]) -> Option<Fit> {
    let [first, second, ..] = symbols else {
        return None;
    };
    let unused = b"DFIQUV".contains(first) || b"DFIOQUV".contains(second);
    let withheld = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    let withheld = withheld.iter().any(|pair| **pair == [*first, *second]);
    let suffix = symbols.get(8).is_none_or(|suffix| (b'A'..=b'D').contains(suffix));
    full(!unused && !withheld && suffix)
}

/// HM Revenue & Customs, check of the unique taxpayer reference: the first digit checks the
/// nine others, modulo 11. A K may follow.
fn uk_utr(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols.get(1..)?, &[6, 7, 8, 9, 10, 5, 4, 3, 2])?;
    let check = b"21987654321".get(usize::try_from(sum % 11).ok()?);
    full(check == symbols.first() && symbols.get(10).is_none_or(|suffix| *suffix == b'K'))
}

/// Ireland, Department of Social Protection: weights 8 to 2, and 9 for a second letter that is
/// A, B or H; the check letter is the remainder modulo 23, W for 0.
fn ie_pps(symbols: &[u8]) -> Option<Fit> {
    let second = match symbols.get(8) {
        Some(letter @ (b'A' | b'B' | b'H')) => value(*letter) - 9,
        // Older suffixes are not checked.
        None | Some(b'W' | b'T' | b'X') => 0,
        Some(_) => return None,
    };
    let sum = weighted(symbols.get(..7)?, &[8, 7, 6, 5, 4, 3, 2])? + 9 * second;
    let check = b"WABCDEFGHIJKLMNOPQRSTUV".get(usize::try_from(sum % 23).ok()?);
    full(check == symbols.get(7))
}
