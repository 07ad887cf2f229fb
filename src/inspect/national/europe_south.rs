//! Numbers of Italy, Spain, Portugal and Turkey.

use super::checks::{at, full, is_day, is_one_symbol, luhn_sum, part, remainder, value, weighted};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    Rule::new(Class::ItFiscalCode, "AAAAAAXXAXXAXXXA", it_fiscal_code, 5_400)
        .covered(Covered::Both)
        .bare(Confidence::Certain)
        .printed(&[
            Layout::new(&[3, 3, 5, 5], b" ", Confidence::Certain),
            Layout::new(&[6, 5, 5], b" ", Confidence::Certain),
        ]),
    // Eight digits and a letter, 1 in 26 fits. A date before a Z (20240115Z) does in 1 of 23.
    Rule::new(Class::EsNif, "99999999A", es_dni, 26)
        .covered(Covered::Both)
        .bare(Confidence::Likely)
        .printed(&[
            Layout::new(&[8, 1], b"- ", Confidence::Likely),
            Layout::new(&[2, 3, 3, 1], b"?.", Confidence::Certain),
        ]),
    Rule::new(Class::EsNif, "A9999999A", es_nie, 110)
        .covered(Covered::Both)
        .bare(Confidence::Likely)
        .printed(&[
            Layout::new(&[1, 7, 1], b"- ", Confidence::Likely),
            Layout::new(&[1, 8], b"- ", Confidence::Possible),
        ]),
    // The old CIF: since 2008 companies have a NIF, too. A letter and eight digits is too common
    // a serial number to be taken without a name.
    Rule::new(Class::EsNif, "A9999999X", es_company, 28).covered(Covered::Tax),
    Rule::new(Class::PtNif, "999999999", pt_nif, 12)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[3, 3, 3], b" ", Confidence::Possible)]),
    Rule::new(Class::TrTckn, "99999999999", tr_tckn, 110)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[3, 3, 3, 2], b" ", Confidence::Likely)]),
];

/// Italy, Decreto ministeriale 345 of 23 December 1976: letters of the names, year, month as a
/// letter, day (40 more for women), place, check letter. Where two people would have the same
/// code, digits from the right are written as letters (omocodia).
fn it_fiscal_code(symbols: &[u8]) -> Option<Fit> {
    let (check, body) = symbols.split_last()?;
    let digits = |start: usize| -> Option<u32> {
        Some(it_digit(*symbols.get(start)?)? * 10 + it_digit(*symbols.get(start + 1)?)?)
    };
    let (year, day) = (digits(6)?, digits(9)?);
    let months = b"ABCDEHLMPRST";
    let month = months.iter().position(|month| Some(month) == symbols.get(8))?;
    let month = u32::try_from(month + 1).ok()?;
    let place = symbols.get(12..15)?.iter().all(|symbol| it_digit(*symbol).is_some());
    if !place || !is_day(year, month, if day > 40 { day - 40 } else { day }) {
        return None;
    }
    let mut sum = 0;
    for (index, symbol) in body.iter().enumerate() {
        let even = value(*symbol) - if symbol.is_ascii_digit() { 0 } else { 10 };
        let odd = usize::try_from(even).ok().and_then(|place| IT_ODD.get(place));
        sum += if index % 2 == 0 { *odd? } else { even };
    }
    full(sum % 26 + 10 == value(*check))
}

/// What a digit counts that may be written as a letter.
fn it_digit(symbol: u8) -> Option<u32> {
    let letter = b"LMNPQRSTUV".iter().position(|letter| *letter == symbol);
    match symbol {
        b'0'..=b'9' => Some(value(symbol)),
        _ => u32::try_from(letter?).ok(),
    }
}

/// What 0 to 9 and A to Z count at odd places (counted from 1).
const IT_ODD: [u32; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/// Spain, Real Decreto 1553/2005 (DNI): the letter is the remainder modulo 23.
fn es_dni(symbols: &[u8]) -> Option<Fit> {
    let digits = symbols.get(..8)?;
    full(es_letter(remainder(digits, 23)) == symbols.get(8) && !is_one_symbol(digits))
}

/// Spain, Orden INT/2058/2008 (NIE: X, Y, Z count 0, 1, 2 before the digits), and the numbers
/// K, L, M of Real Decreto 1065/2007, where the letter does not count.
fn es_nie(symbols: &[u8]) -> Option<Fit> {
    let first = match symbols.first()? {
        b'X' | b'K' | b'L' | b'M' => 0,
        b'Y' => 10_000_000 % 23,
        b'Z' => 20_000_000 % 23,
        _ => return None,
    };
    let rest = (remainder(symbols.get(1..8)?, 23) + first) % 23;
    full(es_letter(rest) == symbols.get(8))
}

fn es_letter(rest: u32) -> Option<&'static u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(usize::try_from(rest).ok()?)
}

/// Spain, Orden EHA/451/2008: kind of company, seven digits, the check digit of ISO/IEC 7812
/// as a digit or letter. Which kinds write which is not kept to everywhere.
fn es_company(symbols: &[u8]) -> Option<Fit> {
    let (kind, check) = (symbols.first()?, symbols.get(8)?);
    // The sum of the seven digits before a check digit of 0.
    let mut digits = *symbols.get(1..)?.first_chunk::<8>()?;
    if let Some(last) = digits.last_mut() {
        *last = b'0';
    }
    let expected = usize::try_from((10 - luhn_sum(&digits) % 10) % 10).ok()?;
    let digit = b"0123456789".get(expected) == Some(check);
    let letter = b"JABCDEFGHI".get(expected) == Some(check);
    full(b"ABCDEFGHJNPQRSUVW".contains(kind) && (digit || letter))
}

/// Portugal, Decreto-Lei 14/2013: kinds by the first digits, weights 9 to 2, modulo 11.
fn pt_nif(symbols: &[u8]) -> Option<Fit> {
    let kind = matches!(part(symbols, 0, 2)?, 10..=39 | 45 | 50..=99);
    let check = match weighted(symbols, &[9, 8, 7, 6, 5, 4, 3, 2])? % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    full(kind && check == at(symbols, 8)?)
}

/// Turkey, Law 5490 on population services: the tenth digit checks the odd against the even
/// ones, the eleventh is the sum of all before it.
fn tr_tckn(symbols: &[u8]) -> Option<Fit> {
    // Seven times the odd ones less the even ones, where 9 is -1 modulo 10.
    let tenth = weighted(symbols, &[7, 9, 7, 9, 7, 9, 7, 9, 7])? % 10;
    let last = weighted(symbols, &[1; 10])? % 10;
    let holds = tenth == at(symbols, 9)? && last == at(symbols, 10)?;
    full(symbols.first() != Some(&b'0') && holds)
}
