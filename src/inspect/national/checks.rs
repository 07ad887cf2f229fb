//! Arithmetic that check digits are made of, and dates inside numbers.
//!
//! Assumes letters in upper case and digits. A letter counts as 10 (A) to 35 (Z), as in
//! ISO/IEC 7064 and ICAO 9303, unless a function says otherwise.

use super::rule::Fit;

/// What a symbol counts.
pub(super) fn value(symbol: u8) -> u32 {
    match symbol {
        b'A'..=b'Z' => u32::from(symbol - b'A') + 10,
        _ => u32::from(symbol.wrapping_sub(b'0')),
    }
}

/// What the symbol at this place counts.
pub(super) fn at(symbols: &[u8], place: usize) -> Option<u32> {
    symbols.get(place).map(|symbol| value(*symbol))
}

/// The number that some of the digits are: at most nine of them.
pub(super) fn part(digits: &[u8], start: usize, length: usize) -> Option<u32> {
    let digits = digits.get(start..start + length)?.iter();
    Some(digits.fold(0, |number: u32, digit| {
        number.wrapping_mul(10).wrapping_add(u32::from(digit & 0x0f))
    }))
}

/// The remainder of the number that all the digits are.
pub(super) fn remainder(digits: &[u8], modulus: u32) -> u32 {
    digits.iter().fold(0, |rest, digit| (rest * 10 + u32::from(digit & 0x0f)) % modulus)
}

/// The sum of the first digits times their weights.
#[inline]
pub(super) fn weighted<const N: usize>(digits: &[u8], weights: &[u32; N]) -> Option<u32> {
    // As many digits as weights, so that the compiler writes it out.
    let digits = digits.first_chunk::<N>()?;
    Some(digits.iter().zip(weights).map(|(digit, weight)| u32::from(digit & 0x0f) * weight).sum())
}

/// The same of symbols that may be letters, as far as there are weights.
pub(super) fn weighted_symbols(symbols: &[u8], weights: &[u32]) -> u32 {
    symbols.iter().zip(weights).map(|(symbol, weight)| value(*symbol) * weight).sum()
}

/// `Full` where it holds.
pub(super) fn full(holds: bool) -> Option<Fit> {
    holds.then_some(Fit::Full)
}

/// `Full` where nothing more common looks the same, else `Named`.
pub(super) fn full_or_named(telling: bool) -> Fit {
    if telling { Fit::Full } else { Fit::Named }
}

/// The sum of the digits of a number below 100.
pub(super) fn cross_sum(number: u32) -> u32 {
    number / 10 + number % 10
}

/// The sum of ISO/IEC 7812-1 annex B: every second digit from the right counts double, by its
/// cross sum.
pub(super) fn luhn_sum(digits: &[u8]) -> u32 {
    let weights = [1, 2].iter().cycle();
    digits.iter().rev().zip(weights).map(|(d, weight)| cross_sum(value(*d) * weight)).sum()
}

/// ISO/IEC 7812-1 annex B.
pub(in crate::inspect) fn luhn(digits: &[u8]) -> bool {
    luhn_sum(digits).is_multiple_of(10)
}

/// The same over digits and letters to the base 36.
pub(super) fn luhn_36(symbols: &[u8]) -> bool {
    let weights = [1, 2].iter().cycle();
    let products = symbols.iter().rev().zip(weights).map(|(s, weight)| value(*s) * weight);
    products.map(|product| product / 36 + product % 36).sum::<u32>().is_multiple_of(36)
}

/// ISO/IEC 7064, MOD 11,10.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last() else {
        return false;
    };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (product + value(*digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + value(*check)) % 10 == 1
}

/// ISO/IEC 7064, MOD 11-2: the check symbol may be an X, which counts 10.
pub(super) fn mod_11_2(symbols: &[u8]) -> bool {
    let Some((check, rest)) = symbols.split_last() else {
        return false;
    };
    let check = if *check == b'X' { 10 } else { value(*check) };
    let sum = rest.iter().fold(0, |sum, digit| (sum + value(*digit)) * 2 % 11);
    check <= 10 && (sum + check) % 11 == 1
}

/// J. Verhoeff, Error detecting decimal codes (1969): the dihedral group of ten elements, and
/// a permutation applied as often as the place from the right says.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    let mut check = 0;
    for (place, digit) in digits.iter().rev().enumerate() {
        let row = VERHOEFF.get(place % VERHOEFF.len());
        let permuted = usize::try_from(value(*digit)).ok();
        let Some(turned) = row.and_then(|row| row.get(permuted?)) else {
            return false;
        };
        check = dihedral(check, *turned);
    }
    check == 0
}

/// Multiplication in the dihedral group: 0 to 4 are turns, 5 to 9 are mirrored.
fn dihedral(left: u32, right: u32) -> u32 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right) % 5,
        (false, true) => 5 + (left + 5 - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// The permutation (1 5 8 9 4 2 7 0)(3 6) to the powers 0 to 7.
const VERHOEFF: [[u32; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Whether all symbols are the same: such numbers are typed to fill a field, and fit many
/// checks.
pub(super) fn is_one_symbol(symbols: &[u8]) -> bool {
    symbols.windows(2).all(|pair| pair.first() == pair.last())
}

/// Whether the calendar has this day in a year of which the last two digits are known.
pub(super) fn is_day(year: u32, month: u32, day: u32) -> bool {
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        // The year 00 may be 2000, which had the day.
        2 => 28 + u32::from(year.is_multiple_of(4)),
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether six digits from `start` on are year, month and day.
pub(super) fn year_month_day(symbols: &[u8], start: usize) -> Option<bool> {
    let (year, month) = (part(symbols, start, 2)?, part(symbols, start + 2, 2)?);
    Some(is_day(year, month, part(symbols, start + 4, 2)?))
}

/// Whether six digits from `start` on are day, month and year.
pub(super) fn day_month_year(symbols: &[u8], start: usize) -> Option<bool> {
    let (day, month) = (part(symbols, start, 2)?, part(symbols, start + 2, 2)?);
    Some(is_day(part(symbols, start + 4, 2)?, month, day))
}

/// Whether eight digits from `start` on are a date on which somebody who lives can be born.
pub(super) fn birthday(symbols: &[u8], start: usize) -> Option<bool> {
    let year = part(symbols, start, 4)?;
    Some(BIRTH_YEARS.contains(&year) && year_month_day(symbols, start + 2)?)
}

/// Years of birth. There is no clock here: the end leaves room.
const BIRTH_YEARS: core::ops::RangeInclusive<u32> = 1900..=2040;

#[cfg(test)]
mod tests {
    use super::{is_day, luhn, luhn_36, mod_11_2, mod_11_10, verhoeff};

    /// The examples of the standards, of Verhoeff's and Luhn's descriptions, and of ORCID.
    #[test]
    fn check_digits_hold_for_published_examples_and_for_no_other_last_symbol() {
        type Check = fn(&[u8]) -> bool;
        let examples: [(Check, &str); 6] = [
            (luhn, "79927398713"),
            (verhoeff, "2363"),
            (verhoeff, "123451"),
            (mod_11_10, "07945"),
            (mod_11_2, "07940"),
            (mod_11_2, "000000021694233X"),
        ];
        for (check, example) in examples {
            assert!(check(example.as_bytes()), "{example}");
            let (body, last) = example.split_at(example.len() - 1);
            for other in "0123456789X".chars().filter(|other| !last.contains(*other)) {
                assert!(other == 'X' || !check(format!("{body}{other}").as_bytes()), "{example}");
            }
        }
        assert!(luhn_36(b"27AAPFU0939F1ZV") && !luhn_36(b"27AAPFU0939F1ZO"));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert!(is_day(4, 2, 29) && is_day(0, 2, 29) && !is_day(3, 2, 29));
        assert!(is_day(99, 12, 31) && !is_day(99, 11, 31));
        assert!(!is_day(99, 0, 1) && !is_day(99, 13, 1) && !is_day(99, 1, 0));
    }
}
