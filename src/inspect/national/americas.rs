//! Numbers of the Americas.

use super::checks::{
    at, full, full_or_named, is_day, is_one_symbol, luhn, luhn_sum, part, value, weighted,
    year_month_day,
};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    // 3-2-4 with dashes is the layout of social security numbers; with spaces it may be three
    // columns of a table. One of 23 such numbers is in the ranges.
    Rule::new(Class::UsItin, "999999999", us_itin, 23).covered(Covered::Tax).printed(&[
        Layout::new(&[3, 2, 4], b"-", Confidence::Likely),
        Layout::new(&[3, 2, 4], b" ", Confidence::Possible),
    ]),
    // Ten digits that begin with 1 are also seconds since 1970.
    Rule::new(Class::UsNpi, "9999999999", us_npi, 50),
    // Two letters and seven digits are passports and part numbers too, and 1 in 14 fits.
    Rule::new(Class::UsDea, "AA9999999", us_dea, 14).bare(Confidence::Possible),
    Rule::new(Class::UsDea, "A99999999", us_dea, 137),
    // No check digit; but of random strings of eleven symbols only 1 in 10,000 has four letters
    // and five digits at these places, and then 1 in 5 the right letters.
    Rule::new(Class::UsMbi, "9AX9AX9AA99", us_mbi, 5)
        .bare(Confidence::Likely)
        .printed(&[Layout::new(&[4, 3, 4], b"- ", Confidence::Certain)]),
    Rule::new(Class::CaSin, "999999999", ca_sin, 12)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[3, 3, 3], b" -", Confidence::Possible)]),
    Rule::new(Class::BrCpf, "99999999999", br_cpf, 100)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[
            Layout::new(&[3, 3, 3, 2], b"?", Confidence::Likely),
            Layout::new(&[9, 2], b"-", Confidence::Possible),
        ]),
    // 1 in 1,000,000 with branch 0001, the main one; 1 in 100 with others.
    Rule::new(Class::BrCnpj, "XXXXXXXXXXXX99", br_cnpj, 1_000_000)
        .covered(Covered::Tax)
        .bare(Confidence::Likely)
        .printed(&[
            Layout::new(&[2, 3, 3, 4, 2], b"?", Confidence::Certain),
            Layout::new(&[8, 4, 2], b"?", Confidence::Certain),
        ]),
    Rule::new(Class::ArCuit, "99999999999", ar_cuit, 83)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[2, 8, 1], b"-", Confidence::Likely)]),
    // One in 11 fits; dots before and a dash after are written nowhere else.
    Rule::new(Class::ClRut, "9999999X", cl_rut, 36).covered(Covered::Both).printed(&[
        Layout::new(&[1, 3, 3, 1], b"?", Confidence::Likely),
        Layout::new(&[7, 1], b"-", Confidence::Possible),
    ]),
    Rule::new(Class::ClRut, "99999999X", cl_rut, 36).covered(Covered::Both).printed(&[
        Layout::new(&[2, 3, 3, 1], b"?", Confidence::Likely),
        Layout::new(&[8, 1], b"-", Confidence::Possible),
    ]),
    Rule::new(Class::MxCurp, "AAAA999999AAAAAAX9", mx_curp, 600_000)
        .covered(Covered::Person)
        .bare(Confidence::Certain),
    // Without its check digit only as good as the date: 1 in 27 of the shape.
    Rule::new(Class::MxRfc, "AAAA999999XXX", mx_rfc, 1_200)
        .covered(Covered::Tax)
        .bare(Confidence::Likely)
        .printed(&[Layout::new(&[4, 6, 3], b" -", Confidence::Certain)]),
    Rule::new(Class::MxRfc, "AAA999999XXX", mx_rfc, 1_200)
        .covered(Covered::Tax)
        .bare(Confidence::Likely)
        .printed(&[Layout::new(&[3, 6, 3], b" -", Confidence::Certain)]),
];

/// Internal Revenue Manual 3.21.263: nine digits, the first a 9, the fourth and fifth in
/// ranges. No check digit.
fn us_itin(symbols: &[u8]) -> Option<Fit> {
    let group = matches!(part(symbols, 3, 2)?, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    full(symbols.first() == Some(&b'9') && group)
}

/// 45 CFR 162.406: ten digits, the first 1 or 2, with the check digit of ISO/IEC 7812 over the
/// number behind 80840, which adds 24 to the sum.
fn us_npi(symbols: &[u8]) -> Option<Fit> {
    let first = matches!(symbols.first()?, b'1' | b'2');
    full(first && (luhn_sum(symbols) + 24).is_multiple_of(10))
}

/// Drug Enforcement Administration, Diversion Control Division: kind of registrant, first
/// letter of the name or 9, six digits, and the last of the sum of the odd ones and twice the
/// even ones.
fn us_dea(symbols: &[u8]) -> Option<Fit> {
    let (kind, digits) = (symbols.first()?, symbols.get(2..)?);
    let sum = weighted(digits, &[1, 2, 1, 2, 1, 2])?;
    let known = b"ABCDEFGHJKLMNPRSTUX".contains(kind);
    let named = symbols.get(1).is_some_and(|s| s.is_ascii_uppercase() || *s == b'9');
    full(known && named && sum % 10 == at(digits, 6)?)
}

/// Centers for Medicare & Medicaid Services, "Understanding the Medicare Beneficiary Identifier
/// Format": the first digit is not 0, letters are none of S, L, O, I, B, Z.
fn us_mbi(symbols: &[u8]) -> Option<Fit> {
    let excluded = symbols.iter().any(|symbol| b"SLOIBZ".contains(symbol));
    full(symbols.first() != Some(&b'0') && !excluded)
}

/// Canada, Social Insurance Number Code of Practice: the check digit of ISO/IEC 7812; none
/// begins with 0 or 8 but examples in forms.
fn ca_sin(symbols: &[u8]) -> Option<Fit> {
    let given = !matches!(symbols.first()?, b'0' | b'8');
    (luhn(symbols) && !is_one_symbol(symbols)).then(|| full_or_named(given))
}

/// Receita Federal, Instrução Normativa 1.548/2015 (CPF): two check digits modulo 11.
fn br_cpf(symbols: &[u8]) -> Option<Fit> {
    let first = weighted(symbols, &[10, 9, 8, 7, 6, 5, 4, 3, 2])?;
    let second = weighted(symbols, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])?;
    let holds = eleven_less(first) == at(symbols, 9)? && eleven_less(second) == at(symbols, 10)?;
    full(holds && !is_one_symbol(symbols))
}

/// Receita Federal, Instrução Normativa 2.229/2024 (CNPJ): eight symbols, four of the branch,
/// two check digits modulo 11. From July 2026 on the twelve may be letters, which count by
/// their ASCII code less 48.
fn br_cnpj(symbols: &[u8]) -> Option<Fit> {
    let sum = |weights: &[u32]| -> u32 {
        let values = symbols.iter().map(|symbol| u32::from(symbol.wrapping_sub(b'0')));
        values.zip(weights).map(|(value, weight)| value * weight).sum()
    };
    let first = eleven_less(sum(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
    let second = eleven_less(sum(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
    let holds = first == at(symbols, 12)? && second == at(symbols, 13)?;
    let is_main = symbols.get(8..12) == Some(b"0001");
    let fit = if is_main { Fit::Full } else { Fit::Common };
    (holds && !is_one_symbol(symbols)).then_some(fit)
}

/// The check digit of Brazil: what is missing to a multiple of 11, and 0 instead of 10 and 11.
fn eleven_less(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

/// Argentina, AFIP/ARCA, Resolución General 10/97 (CUIT, CUIL): kind, number, check digit
/// modulo 11.
fn ar_cuit(symbols: &[u8]) -> Option<Fit> {
    let kind = matches!(part(symbols, 0, 2)?, 20 | 23..=27 | 30 | 33 | 34 | 50 | 51 | 55);
    let check = match weighted(symbols, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2])? % 11 {
        0 => 0,
        1 => 9,
        rest => 11 - rest,
    };
    full(kind && check == at(symbols, 10)?)
}

/// Chile, Servicio de Registro Civil e Identificación (RUT, RUN): weights 2 to 7 from the
/// right, modulo 11; 10 is written K.
fn cl_rut(symbols: &[u8]) -> Option<Fit> {
    let (check, digits) = symbols.split_last()?;
    let weights = [2, 3, 4, 5, 6, 7].iter().cycle();
    let sum: u32 = digits.iter().rev().zip(weights).map(|(digit, w)| value(*digit) * w).sum();
    let expected = match sum % 11 {
        0 => b'0',
        1 => b'K',
        rest => b"0123456789".get(usize::try_from(11 - rest).ok()?).copied()?,
    };
    full(expected == *check && !is_one_symbol(digits))
}

/// Mexico, RENAPO, "Instructivo Normativo para la Asignación de la CURP" (Diario Oficial,
/// 18 October 2021): letters of the name with a vowel second, date of birth, sex, state,
/// consonants, a symbol for the century, check digit modulo 10.
fn mx_curp(symbols: &[u8]) -> Option<Fit> {
    let vowel = b"AEIOUX".contains(symbols.get(1)?);
    let sex = matches!(symbols.get(10)?, b'H' | b'M' | b'X');
    let state = symbols.get(11..13)?;
    let known = MX_STATES.as_chunks::<2>().0.iter().any(|known| known == state);
    let consonants = symbols.get(13..16)?.iter().all(|letter| !b"AEIOU".contains(letter));
    let weights = [18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = (10 - mx_sum(symbols, &weights) % 10) % 10;
    let grammar = vowel && sex && known && consonants && year_month_day(symbols, 4)?;
    full(grammar && check == at(symbols, 17)?)
}

/// Mexico, SAT (RFC): letters of the name, date, two symbols that tell homonyms apart, check
/// digit modulo 11, where 10 is written A. About 1.5 % in use have another check digit.
fn mx_rfc(symbols: &[u8]) -> Option<Fit> {
    let letters = symbols.len().checked_sub(9)?;
    let (year, month) = (part(symbols, letters, 2)?, part(symbols, letters + 2, 2)?);
    let date = is_day(year, month, part(symbols, letters + 4, 2)?);
    let (check, rest) = symbols.split_last()?;
    let ending = check.is_ascii_digit() || *check == b'A';
    // The symbols that tell homonyms apart are from 1 to V and from 1 to Z.
    let homonym = matches!(symbols.get(letters + 6)?, b'1'..=b'9' | b'A'..=b'V')
        && symbols.get(letters + 7) != Some(&b'0');
    // The name of a company is a letter shorter; a space, which counts 37, comes before it.
    let weights = [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum = match letters {
        3 => 37 * 13 + mx_sum(rest, weights.get(1..)?),
        _ => mx_sum(rest, &weights),
    };
    let holds = homonym && (sum + value(*check)).is_multiple_of(11);
    (date && ending).then_some(if holds { Fit::Full } else { Fit::Unchecked })
}

/// Weighted sum in which letters behind N count one more: the Ñ stands between.
fn mx_sum(symbols: &[u8], weights: &[u32]) -> u32 {
    let values = symbols.iter().map(|symbol| value(*symbol) + u32::from(*symbol > b'N'));
    values.zip(weights).map(|(value, weight)| value * weight).sum()
}

/// States of Mexico as in the CURP, Mexico City in both writings, and NE for births abroad.
const MX_STATES: &[u8] = b"ASBCBSCCCSCHCLCMCXDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNE";
