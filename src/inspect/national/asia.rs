//! Numbers of India, Korea, China, Japan, Taiwan, Hong Kong, Singapore, Thailand and Israel.

use super::checks::{
    at, birthday, full, full_or_named, is_one_symbol, luhn, luhn_36, mod_11_2, part, value,
    verhoeff, weighted, weighted_symbols, year_month_day,
};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] = &[
    // 1 in 12 of this layout fits. Spaces are how it is printed; with dashes it may be anything.
    Rule::new(Class::InAadhaar, "999999999999", in_aadhaar, 12).covered(Covered::Person).printed(
        &[
            Layout::new(&[4, 4, 4], b" ", Confidence::Likely),
            Layout::new(&[4, 4, 4], b"-", Confidence::Possible),
        ],
    ),
    // The check letter's rule is not published: 2 in 5 of the shape have an allowed fourth
    // letter. The shape itself is rare.
    Rule::new(Class::InPan, "AAAAA9999A", in_pan, 2).covered(Covered::Tax).bare(Confidence::Likely),
    // Three letters and seven digits are part numbers too; 1 in 10 fits.
    Rule::new(Class::InVoter, "AAA9999999", in_voter, 10)
        .covered(Covered::Person)
        .bare(Confidence::Possible),
    Rule::new(Class::InGstin, "99AAAAA9999AXAX", in_gstin, 5_000)
        .covered(Covered::Tax)
        .bare(Confidence::Certain),
    Rule::new(Class::KrRrn, "9999999999999", kr_rrn, 340)
        .covered(Covered::Both)
        .bare(Confidence::Possible)
        .printed(&[Layout::new(&[6, 7], b"-", Confidence::Likely)]),
    Rule::new(Class::CnResidentId, "99999999999999999X", cn_resident, 180_000)
        .covered(Covered::Both)
        .bare(Confidence::Certain)
        .printed(&[
            Layout::new(&[6, 8, 4], b" -", Confidence::Certain),
            Layout::new(&[6, 4, 4, 4], b" ", Confidence::Certain),
        ]),
    Rule::new(Class::CnResidentId, "999999999999999", cn_resident_until_1999, 77)
        .covered(Covered::Both),
    Rule::new(Class::JpMyNumber, "999999999999", jp_my_number, 10)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[4, 4, 4], b" ", Confidence::Possible)]),
    // A letter and nine digits is a common serial number; 1 in 25 fits.
    Rule::new(Class::TwId, "A999999999", tw_id, 25)
        .covered(Covered::Both)
        .bare(Confidence::Possible),
    Rule::new(Class::TwId, "AA99999999", tw_id, 65)
        .covered(Covered::Both)
        .bare(Confidence::Possible),
    // 1 in 11 fits; one digit in parentheses behind is telling, behind a dash less so.
    Rule::new(Class::HkId, "A999999X", hk_id, 36).covered(Covered::Both).printed(&[
        Layout::new(&[7, 1], b"(?", Confidence::Likely),
        Layout::new(&[7, 1], b"- ", Confidence::Possible),
    ]),
    Rule::new(Class::HkId, "AA999999X", hk_id, 36).covered(Covered::Both).printed(&[
        Layout::new(&[8, 1], b"(?", Confidence::Likely),
        Layout::new(&[8, 1], b"- ", Confidence::Possible),
    ]),
    // One letter before and one behind seven digits is rare, and 1 in 135 fits.
    Rule::new(Class::SgNric, "A9999999A", sg_nric, 135)
        .covered(Covered::Both)
        .bare(Confidence::Likely),
    // 1 in 12 fits; five groups of these lengths are unusual.
    Rule::new(Class::ThId, "9999999999999", th_id, 12)
        .covered(Covered::Both)
        .printed(&[Layout::new(&[1, 4, 5, 2, 1], b"- ", Confidence::Likely)]),
    Rule::new(Class::IlId, "999999999", il_id, 10).covered(Covered::Both),
];

/// India, UIDAI, "Demographic Data Standards and Verification Procedure": twelve digits, the
/// first not 0 or 1, Verhoeff's check digit.
fn in_aadhaar(symbols: &[u8]) -> Option<Fit> {
    let first = !matches!(symbols.first()?, b'0' | b'1');
    let mirrored = symbols.iter().eq(symbols.iter().rev());
    // 2019 2020 2021
    let is_year = |start| part(symbols, start, 4).is_some_and(|n| (1900..2100).contains(&n));
    let years = is_year(0) && is_year(4) && is_year(8);
    (first && !mirrored && verhoeff(symbols)).then(|| full_or_named(!years))
}

/// India, Income Tax Department: three letters, kind of holder, initial, four digits from 0001
/// on, a check letter.
fn in_pan(symbols: &[u8]) -> Option<Fit> {
    let kind = b"ABCFGHJKLPT".contains(symbols.get(3)?);
    full(kind && part(symbols, 5, 4)? > 0)
}

/// India, Election Commission (EPIC): three letters of the constituency, six digits, the check
/// digit of ISO/IEC 7812. Old series were numbered otherwise.
fn in_voter(symbols: &[u8]) -> Option<Fit> {
    Some(if luhn(symbols.get(3..)?) { Fit::Full } else { Fit::Unchecked })
}

/// India, Central Goods and Services Tax Rules 2017: state, the holder's account number (PAN),
/// count, Z, check symbol to the base 36.
fn in_gstin(symbols: &[u8]) -> Option<Fit> {
    let state = matches!(part(symbols, 0, 2)?, 1..=38 | 97 | 99);
    let count = symbols.get(12) != Some(&b'0') && symbols.get(13) == Some(&b'Z');
    in_pan(symbols.get(2..12)?)?;
    full(state && count && luhn_36(symbols))
}

/// Korea, Resident Registration Act: date of birth, sex and century, six digits. Until October
/// 2020 the last one checks the others modulo 11; since then they are random.
fn kr_rrn(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])?;
    let century = symbols.get(6)?;
    let since = matches!(century, b'3' | b'4' | b'7' | b'8') && part(symbols, 0, 4)? >= 2010;
    if !matches!(century, b'1'..=b'8') || !year_month_day(symbols, 0)? {
        return None;
    }
    match (11 - sum % 11) % 10 == at(symbols, 12)? {
        true => Some(Fit::Full),
        false => since.then_some(Fit::Unchecked),
    }
}

/// China, GB 11643-1999: region, date of birth, serial, MOD 11-2.
fn cn_resident(symbols: &[u8]) -> Option<Fit> {
    full(cn_region(symbols)? && birthday(symbols, 6)? && mod_11_2(symbols))
}

/// The fifteen digits until 1999: the year without its century, no check digit.
fn cn_resident_until_1999(symbols: &[u8]) -> Option<Fit> {
    (cn_region(symbols)? && year_month_day(symbols, 6)?).then_some(Fit::Unchecked)
}

/// GB/T 2260: the first two digits of provinces, and 83 for residents from Taiwan.
fn cn_region(symbols: &[u8]) -> Option<bool> {
    let province = matches!(
        part(symbols, 0, 2)?,
        11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91
    );
    Some(province)
}

/// Japan, order 85 of 2014 of the Ministry of Internal Affairs and Communications: eleven
/// digits, check digit modulo 11.
fn jp_my_number(symbols: &[u8]) -> Option<Fit> {
    let check = match weighted(symbols, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2])? % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    full(check == at(symbols, 11)? && !is_one_symbol(symbols))
}

/// Taiwan, National Immigration Agency and Department of Household Registration: a letter that
/// counts as two digits, 1 and 2 (residents from abroad: 8 and 9, formerly A to D) for the sex,
/// seven digits, check digit modulo 10.
fn tw_id(symbols: &[u8]) -> Option<Fit> {
    let letters = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let place = letters.iter().position(|letter| Some(letter) == symbols.first())?;
    let area = u32::try_from(place + 10).ok()?;
    let sex = match symbols.get(1)? {
        digit @ (b'1' | b'2' | b'8' | b'9') => value(*digit),
        letter @ b'A'..=b'D' => value(*letter) - 10,
        _ => return None,
    };
    let digits = weighted(symbols.get(2..)?, &[7, 6, 5, 4, 3, 2, 1, 1])?;
    full((area / 10 + area % 10 * 9 + sex * 8 + digits).is_multiple_of(10))
}

/// Hong Kong, Immigration Department: one or two letters, six digits, check digit modulo 11,
/// where 10 is written A. A missing first letter counts 36.
fn hk_id(symbols: &[u8]) -> Option<Fit> {
    let (check, body) = symbols.split_last()?;
    let weights = [9, 8, 7, 6, 5, 4, 3, 2];
    let sum = match body.len() {
        7 => 36 * 9 + weighted_symbols(body, weights.get(1..)?),
        _ => weighted_symbols(body, &weights),
    };
    let ending = check.is_ascii_digit() || *check == b'A';
    full(ending && (sum + value(*check)).is_multiple_of(11))
}

/// Singapore, Immigration & Checkpoints Authority: S and T for citizens, F, G and M for
/// foreigners, seven digits, a check letter modulo 11.
fn sg_nric(symbols: &[u8]) -> Option<Fit> {
    let (offset, letters) = match symbols.first()? {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return None,
    };
    let sum = offset + weighted(symbols.get(1..)?, &[2, 7, 6, 5, 4, 3, 2])?;
    full(letters.get(usize::try_from(sum % 11).ok()?) == symbols.get(8))
}

/// Thailand, Department of Provincial Administration: the first digit is a kind from 1 to 8,
/// weights 13 to 2, modulo 11.
fn th_id(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2])?;
    let kind = matches!(symbols.first()?, b'1'..=b'8');
    full(kind && (11 - sum % 11) % 10 == at(symbols, 12)?)
}

/// Israel, Population and Immigration Authority: the check digit of ISO/IEC 7812.
fn il_id(symbols: &[u8]) -> Option<Fit> {
    full(luhn(symbols) && !is_one_symbol(symbols))
}
