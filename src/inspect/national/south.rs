//! Numbers of Australia, New Zealand, South Africa and Nigeria.

use super::checks::{
    at, full, is_one_symbol, luhn, part, weighted, weighted_symbols, year_month_day,
};
use super::rule::{Covered, Fit, Layout, Rule};
use crate::class::{Class, Confidence};

pub(super) const RULES: &[Rule] =
    &[
        Rule::new(Class::AuTfn, "999999999", au_tfn, 11)
            .covered(Covered::Tax)
            .printed(&[Layout::new(&[3, 3, 3], b" ", Confidence::Possible)]),
        Rule::new(Class::AuTfn, "99999999", au_tfn_eight, 6).covered(Covered::Tax),
        // 1 in 99 fits; 2 3 3 3 is rare.
        Rule::new(Class::AuAbn, "99999999999", au_abn, 99)
            .covered(Covered::Tax)
            .printed(&[Layout::new(&[2, 3, 3, 3], b" ", Confidence::Likely)]),
        Rule::new(Class::AuAcn, "999999999", au_acn, 10)
            .covered(Covered::Tax)
            .printed(&[Layout::new(&[3, 3, 3], b" ", Confidence::Possible)]),
        Rule::new(Class::AuMedicare, "9999999999", au_medicare, 22).printed(&[Layout::new(
            &[4, 5, 1],
            b" -",
            Confidence::Likely,
        )]),
        Rule::new(Class::AuMedicare, "99999999999", au_medicare, 25).printed(&[
            Layout::new(&[4, 5, 1, 1], b" -/?", Confidence::Likely),
            Layout::new(&[4, 5, 2], b" -", Confidence::Likely),
        ]),
        Rule::new(Class::NzIrd, "99999999", nz_ird, 11)
            .covered(Covered::Tax)
            .printed(&[Layout::new(&[2, 3, 3], b"-", Confidence::Possible)]),
        Rule::new(Class::NzIrd, "999999999", nz_ird, 72)
            .covered(Covered::Tax)
            .printed(&[Layout::new(&[3, 3, 3], b"-", Confidence::Possible)]),
        Rule::new(Class::ZaId, "9999999999999", za_id, 910)
            .covered(Covered::Both)
            .bare(Confidence::Possible)
            .printed(&[
                Layout::new(&[6, 4, 3], b" -", Confidence::Likely),
                Layout::new(&[6, 4, 2, 1], b" ", Confidence::Certain),
            ]),
        Rule::new(Class::NgNin, "99999999999", ng_nin, 1).covered(Covered::Both),
    ];

/// Australian Taxation Office: weights modulo 11.
fn au_tfn(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[1, 4, 3, 7, 5, 8, 6, 9, 10])?;
    full(sum > 0 && sum.is_multiple_of(11))
}

/// Old tax file numbers have eight digits. Their weights are given as these or as the first
/// eight of the others; both are taken, as they need a name anyway.
fn au_tfn_eight(symbols: &[u8]) -> Option<Fit> {
    let own = weighted(symbols, &[10, 7, 8, 4, 6, 3, 5, 1])?;
    let sum = weighted(symbols, &[1, 4, 3, 7, 5, 8, 6, 9])?;
    full(sum > 0 && (own.is_multiple_of(11) || sum.is_multiple_of(11)))
}

/// Australian Business Register: two check digits before nine others, modulo 89, with 1 taken
/// from the first.
fn au_abn(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19])?;
    full(symbols.first() != Some(&b'0') && sum % 89 == 10)
}

/// Australian Securities and Investments Commission: weights 8 to 1, modulo 10.
fn au_acn(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[8, 7, 6, 5, 4, 3, 2, 1, 1])?;
    full(sum > 0 && sum.is_multiple_of(10))
}

/// Services Australia, Medicare card: eight digits from 2 on, check digit modulo 10, number of
/// the issue, and sometimes the person's place on the card.
fn au_medicare(symbols: &[u8]) -> Option<Fit> {
    let sum = weighted(symbols, &[1, 3, 7, 9, 1, 3, 7, 9])?;
    let issue = symbols.get(9..)?.iter().all(|digit| *digit != b'0');
    let first = matches!(symbols.first()?, b'2'..=b'6');
    full(first && issue && sum % 10 == at(symbols, 8)?)
}

/// New Zealand, Inland Revenue, "Resident withholding tax specification", appendix on the check
/// digit: eight or nine digits from 10 to 150 million, modulo 11 with weights that change where
/// the first give 10.
fn nz_ird(symbols: &[u8]) -> Option<Fit> {
    let (check, body) = symbols.split_last()?;
    let skip = 8_usize.checked_sub(body.len())?;
    let missing = |weights: [u32; 8]| {
        let weights = weights.get(skip..).unwrap_or_default();
        (11 - weighted_symbols(body, weights) % 11) % 11
    };
    let first = missing([3, 2, 7, 6, 5, 4, 3, 2]);
    let expected = if first == 10 { missing([7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    let given = (10_000_000..150_000_000).contains(&part(symbols, 0, symbols.len())?);
    full(given && u32::from(check.wrapping_sub(b'0')) == expected)
}

/// South Africa, Identification Act 68 of 1997: date of birth, serial, citizen (0), resident (1)
/// or refugee (2), a digit once used for race, the check digit of ISO/IEC 7812.
fn za_id(symbols: &[u8]) -> Option<Fit> {
    let status = matches!(symbols.get(10)?, b'0'..=b'2');
    full(status && year_month_day(symbols, 0)? && luhn(symbols))
}

/// Nigeria, National Identity Management Commission: eleven random digits.
fn ng_nin(symbols: &[u8]) -> Option<Fit> {
    (!is_one_symbol(symbols)).then_some(Fit::Unchecked)
}
