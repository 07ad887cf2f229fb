//! Cards, accounts, wallets.

use super::{Made, Style, grouped, until};
use crate::rng::{HEX, Rng, UPPER};
use crate::{check, hashes};

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    Some(match class {
        "card" => card(rng),
        "card_code" => {
            let length = if rng.chance(20) { 4 } else { 3 };
            Made::new(class, Style::Exact, rng.digits(length))
        }
        "iban" => iban(rng),
        "bank_account" => {
            let length = usize::try_from(rng.range(8, 12)).unwrap();
            Made::new(class, Style::Digits, rng.number(length))
        }
        "us_routing" => {
            let reserve = *rng.pick(&["02", "03", "06", "07", "11", "12", "26", "31", "32"]);
            let routing = until(rng, |rng| check::aba(&format!("{reserve}{}", rng.digits(6))));
            Made::new(class, Style::Digits, routing)
        }
        "crypto_wallet" => wallet(rng),
        _ => return None,
    })
}

/// Issuer ranges and lengths (ISO/IEC 7812 register as the schemes publish it).
fn card(rng: &mut Rng) -> Made {
    let (start, length) = match rng.below(16) {
        0..=4 => ("4".to_owned(), 16),
        5..=6 => (format!("5{}", rng.range(1, 5)), 16),
        7..=8 => (rng.range(2221, 2720).to_string(), 16),
        9..=10 => ((*rng.pick(&["34", "37"])).to_owned(), 15),
        11 => (format!("6011{}", rng.range(2, 4)), 16),
        12 => (rng.range(3528, 3589).to_string(), 16),
        13 => ((*rng.pick(&["300", "305", "36", "38"])).to_owned(), 14),
        14 => (format!("62{}", rng.range(126, 925)), *rng.pick(&[16, 19])),
        _ => ((*rng.pick(&["6304", "6759", "6762", "5018"])).to_owned(), *rng.pick(&[16, 18])),
    };
    let rest = length - 1 - start.len();
    let number = until(rng, |rng| check::luhn(&format!("{start}{}", rng.digits(rest))));
    let pattern = match length {
        15 => "#### ###### #####",
        14 => "#### ###### ####",
        16 => "#### #### #### ####",
        _ => "#### #### #### #### ###",
    };
    let spaced = grouped(&number, pattern);
    let value = match rng.below(8) {
        0..=2 => number,
        3 | 4 => spaced.replace(' ', "-"),
        5 => spaced.replace(' ', "."),
        _ => spaced,
    };
    Made::new("card", Style::Digits, value).free().with_bare()
}

/// Country and shape of the account: `n` digits, `a` upper-case letters, `c` both (SWIFT IBAN
/// registry).
const ACCOUNTS: [(&str, &str); 54] = [
    ("AD", "8n12c"),
    ("AE", "19n"),
    ("AL", "8n16c"),
    ("AT", "16n"),
    ("AZ", "4a20c"),
    ("BA", "16n"),
    ("BE", "12n"),
    ("BG", "4a6n8c"),
    ("BH", "4a14c"),
    ("BR", "23n1a1c"),
    ("CH", "5n12c"),
    ("CR", "18n"),
    ("CY", "8n16c"),
    ("CZ", "20n"),
    ("DE", "18n"),
    ("DE", "18n"),
    ("DK", "14n"),
    ("DO", "4c20n"),
    ("EE", "16n"),
    ("ES", "20n"),
    ("FI", "14n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("GE", "2a16n"),
    ("GI", "4a15c"),
    ("GR", "7n16c"),
    ("HR", "17n"),
    ("HU", "24n"),
    ("IE", "4a14n"),
    ("IL", "19n"),
    ("IS", "22n"),
    ("IT", "1a10n12c"),
    ("JO", "4a4n18c"),
    ("KW", "4a22c"),
    ("KZ", "3n13c"),
    ("LI", "5n12c"),
    ("LT", "16n"),
    ("LU", "3n13c"),
    ("LV", "4a13c"),
    ("MC", "10n11c2n"),
    ("MT", "4a5n18c"),
    ("NL", "4a10n"),
    ("NO", "11n"),
    ("PK", "4a16c"),
    ("PL", "24n"),
    ("PT", "21n"),
    ("QA", "4a21c"),
    ("RO", "4a16c"),
    ("RS", "18n"),
    ("SA", "2n18c"),
    ("SE", "20n"),
    ("SI", "15n"),
    ("SK", "20n"),
    ("TR", "6n16c"),
];

fn iban(rng: &mut Rng) -> Made {
    let (country, shape) = rng.pick(&ACCOUNTS);
    let mut account = String::new();
    let mut length = String::new();
    for c in shape.chars() {
        if c.is_ascii_digit() {
            length.push(c);
            continue;
        }
        let alphabet = match c {
            'n' => "0123456789",
            'a' => UPPER,
            // Most banks use digits where letters would be allowed.
            _ if rng.chance(70) => "0123456789",
            _ => "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ",
        };
        account.push_str(&rng.text(alphabet, length.parse().unwrap()));
        length.clear();
    }
    let compact = check::iban(country, &account);
    let spaced =
        compact.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let value = match rng.below(16) {
        0..=5 => compact,
        6 | 7 => spaced.replace(' ', "-"),
        8 => compact.to_lowercase(),
        _ => spaced,
    };
    Made::new("iban", Style::Digits, value).free().with_bare()
}

fn wallet(rng: &mut Rng) -> Made {
    let bytes = |rng: &mut Rng, n: usize| -> Vec<u8> {
        (0..n).map(|_| u8::try_from(rng.range(0, 255)).unwrap()).collect()
    };
    let hash = bytes(rng, 20);
    let value = match rng.below(10) {
        0 => hashes::base58check(0x00, &hash),
        1 => hashes::base58check(0x05, &hash),
        2 | 3 => hashes::segwit("bc", 0, &hash),
        4 => hashes::segwit("bc", 1, &bytes(rng, 32)),
        5 => hashes::segwit("ltc", 0, &hash),
        6 => hashes::base58check(0x41, &hash),
        7 => hashes::base58check(0x1e, &hash),
        _ => format!("0x{}", hashes::eip55(&rng.text(HEX, 40))),
    };
    Made::new("crypto_wallet", Style::Exact, value).free()
}
