//! Check digits of identity, tax, health and account numbers, from the standards and the
//! authorities' own descriptions. Each function takes a number without its check digits and gives
//! the whole number, or nothing where the issuer would skip that number.

fn digit(c: char) -> u32 {
    c.to_digit(10).unwrap()
}

/// Digits as themselves, letters from A = 10.
fn alnum(c: char) -> u32 {
    c.to_digit(36).unwrap()
}

fn symbol(value: u32) -> char {
    char::from_digit(value, 36).unwrap().to_ascii_uppercase()
}

fn weighted(body: &str, weights: &[u32]) -> u32 {
    body.chars().zip(weights).map(|(c, w)| alnum(c) * w).sum()
}

fn nth(table: &str, at: u32) -> char {
    table.chars().nth(usize::try_from(at).unwrap()).unwrap()
}

fn remainder(body: &str, modulus: u64) -> u64 {
    body.chars().fold(0, |r, c| (r * 10 + u64::from(digit(c))) % modulus)
}

/// One digit, if the value has only one.
fn ending(body: &str, check: u32) -> Option<String> {
    (check < 10).then(|| format!("{body}{check}"))
}

/// ISO/IEC 7812-1, annex B.
pub fn luhn(body: &str) -> Option<String> {
    let doubled =
        |(i, c)| if i % 2 == 0 { digit(c) * 2 / 10 + digit(c) * 2 % 10 } else { digit(c) };
    let sum: u32 = body.chars().rev().enumerate().map(doubled).sum();
    ending(body, (10 - sum % 10) % 10)
}

/// ISO/IEC 7064, MOD 11,10: German tax ids, Croatian OIB.
pub fn mod11_10(body: &str) -> Option<String> {
    let product = body.chars().fold(10, |p, c| match (p + digit(c)) % 10 {
        0 => 20 % 11,
        sum => sum * 2 % 11,
    });
    ending(body, (11 - product) % 10)
}

/// Verhoeff 1969: the dihedral group of order ten.
pub fn verhoeff(body: &str) -> Option<String> {
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let permuted =
        |times: usize, d| (0..times).fold(d, |d, _| nth("1576283094", d).to_digit(10).unwrap());
    let digits = body.chars().rev().map(digit).enumerate();
    let product = digits.fold(0, |c, (i, d)| times(c, permuted((i + 1) % 8, d)));
    ending(body, (0..10).find(|d| times(product, *d) == 0)?)
}

/// ISO 13616: two digits after the country make the rest congruent 1 modulo 97.
pub fn iban(country: &str, account: &str) -> String {
    let moved = format!("{account}{country}00");
    let number: String = moved.chars().map(|c| alnum(c).to_string()).collect();
    format!("{country}{:02}{account}", 98 - remainder(&number, 97))
}

/// ISO 3779 and 49 CFR 565.15: the ninth of seventeen is the check digit.
pub fn vin(body: &str) -> Option<String> {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |c: char| {
        c.to_digit(10).unwrap_or_else(|| digit(nth("12345678012345070923456789", alnum(c) - 10)))
    };
    let sum: u32 = body.chars().zip(WEIGHTS).map(|(c, w)| value(c) * w).sum();
    let mut vin: Vec<char> = body.chars().collect();
    vin[8] = nth("0123456789X", sum % 11);
    Some(vin.into_iter().collect())
}

/// American Bankers Association: weights 3, 7, 1.
pub fn aba(body: &str) -> Option<String> {
    ending(body, (10 - weighted(body, &[3, 7, 1, 3, 7, 1, 3, 7]) % 10) % 10)
}

/// 45 CFR 162.406: Luhn with the issuer 80840 before it.
pub fn npi(body: &str) -> Option<String> {
    luhn(&format!("80840{body}")).map(|all| all.trim_start_matches("80840").to_owned())
}

/// 21 CFR 1301: two letters, six digits, check.
pub fn dea(body: &str) -> Option<String> {
    let d: Vec<u32> = body.chars().skip(2).map(digit).collect();
    ending(body, (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10)
}

/// NHS Data Dictionary: modulus 11.
pub fn nhs(body: &str) -> Option<String> {
    ending(body, (11 - weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11)
}

/// HMRC: the first of ten digits checks the others.
pub fn utr(body: &str) -> Option<String> {
    let sum = weighted(body, &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    Some(format!("{}{body}", nth("21987654321", sum % 11)))
}

/// Australian Taxation Office: weights 1 4 3 7 5 8 6 9 10, modulus 11.
pub fn tfn(body: &str) -> Option<String> {
    let sum = weighted(body, &[1, 4, 3, 7, 5, 8, 6, 9]);
    ending(body, sum % 11)
}

/// Australian Business Register: two digits before an ACN-like nine, modulus 89.
pub fn abn(body: &str) -> Option<String> {
    let sum = weighted(body, &[3, 5, 7, 9, 11, 13, 15, 17, 19]);
    Some(format!("{}{body}", 99 - sum % 89))
}

/// Australian Securities and Investments Commission.
pub fn acn(body: &str) -> Option<String> {
    ending(body, (10 - weighted(body, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10)
}

/// Services Australia: the ninth digit checks the first eight.
pub fn au_medicare(body: &str) -> Option<String> {
    ending(body, weighted(body, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10)
}

/// Inland Revenue: two rounds of weights, modulus 11.
pub fn ird(body: &str) -> Option<String> {
    let eight = format!("{body:0>8}");
    let check = |weights: &[u32]| (11 - weighted(&eight, weights) % 11) % 11;
    let first = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    ending(body, if first < 10 { first } else { check(&[7, 4, 3, 2, 5, 2, 7, 6]) })
}

/// GSTN: base 36, weights 1 and 2, sum of quotient and remainder.
pub fn gstin(body: &str) -> Option<String> {
    let one = |(i, c): (usize, char)| {
        let product = alnum(c) * if i % 2 == 0 { 1 } else { 2 };
        product / 36 + product % 36
    };
    let sum: u32 = body.chars().enumerate().map(one).sum();
    Some(format!("{body}{}", symbol((36 - sum % 36) % 36)))
}

/// Deutsche Rentenversicherung: the letter counts as its two-digit place in the alphabet.
pub fn rvnr(body: &str) -> Option<String> {
    let spread = spread_letters(body);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let cross = |v: u32| v / 10 + v % 10;
    let sum: u32 = spread.chars().zip(weights).map(|(c, w)| cross(digit(c) * w)).sum();
    ending(body, sum % 10)
}

/// Health insurance numbers (SGB V, section 290): the letter as two digits, weights 1 and 2.
pub fn kvnr(body: &str) -> Option<String> {
    let cross = |v: u32| v / 10 + v % 10;
    let weights = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2];
    let sum: u32 =
        spread_letters(body).chars().zip(weights).map(|(c, w)| cross(digit(c) * w)).sum();
    ending(body, sum % 10)
}

fn spread_letters(body: &str) -> String {
    let one = |c: char| if c.is_ascii_digit() { c.into() } else { format!("{:02}", alnum(c) - 9) };
    body.chars().map(one).collect()
}

/// ICAO Doc 9303: weights 7 3 1. German identity cards.
pub fn icao(body: &str) -> Option<String> {
    ending(body, weighted(body, &[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10)
}

/// INSEE: 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18.
pub fn nir(body: &str) -> Option<String> {
    let number = body.replacen("2A", "19", 1).replacen("2B", "18", 1);
    Some(format!("{body}{:02}", 97 - remainder(&number, 97)))
}

/// Decreto ministeriale of 23 December 1976: odd and even places by tables, modulus 26.
pub fn fiscal_code(body: &str) -> Option<String> {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let place = |c: char| if c.is_ascii_digit() { digit(c) } else { alnum(c) - 10 };
    let odd = |c| ODD[usize::try_from(place(c)).unwrap()];
    let value = |(i, c)| if i % 2 == 0 { odd(c) } else { place(c) };
    let sum: u32 = body.chars().enumerate().map(value).sum();
    Some(format!("{body}{}", symbol(sum % 26 + 10)))
}

/// Ministerio del Interior: the number modulo 23; X, Y and Z of foreigners count as 0, 1, 2.
pub fn nif_es(body: &str) -> Option<String> {
    let number = body.replace('X', "0").replace('Y', "1").replace('Z', "2");
    let at = u32::try_from(remainder(&number, 23)).ok()?;
    Some(format!("{body}{}", nth("TRWAGMYFPDXBNJZSQVHLCKE", at)))
}

/// Portuguese taxpayers: weights 9 to 2, modulus 11.
pub fn nif_pt(body: &str) -> Option<String> {
    let rest = weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    ending(body, if rest < 2 { 0 } else { 11 - rest })
}

/// Dutch eleven test.
pub fn bsn(body: &str) -> Option<String> {
    ending(body, weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11)
}

/// Belgian national register: 97 less the number modulo 97, with a 2 before it from 2000 on.
pub fn nrn(body: &str, born_from_2000: &str) -> Option<String> {
    Some(format!("{body}{:02}", 97 - remainder(&format!("{born_from_2000}{body}"), 97)))
}

/// GS1 General Specifications 7.9: EAN-13, which Swiss AHV numbers and ISBN share.
pub fn ean(body: &str) -> Option<String> {
    ending(body, (10 - weighted(body, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10)
}

/// Austrian social insurance: three digits and a date; the check digit goes between them.
pub fn svnr(body: &str) -> Option<String> {
    let check = weighted(body, &[3, 7, 9, 5, 8, 4, 2, 1, 6]) % 11;
    let (serial, date) = body.split_at(3);
    (check < 10).then(|| format!("{serial}{check}{date}"))
}

/// Irish PPS: modulus 23; the second letter of numbers since 2013 counts nine times.
pub fn pps(body: &str, second: &str) -> Option<String> {
    let extra = second.chars().next().map_or(0, |c| if c == 'W' { 0 } else { (alnum(c) - 9) * 9 });
    let sum = weighted(body, &[8, 7, 6, 5, 4, 3, 2]) + extra;
    Some(format!("{body}{}{second}", nth("WABCDEFGHIJKLMNOPQRSTUV", sum % 23)))
}

/// PESEL: weights 1 3 7 9, modulus 10.
pub fn pesel(body: &str) -> Option<String> {
    ending(body, (10 - weighted(body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10)
}

/// Norwegian birth number: two modulus-11 digits over nine.
pub fn fnr(body: &str) -> Option<String> {
    let one = ending(body, (11 - weighted(body, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11)?;
    let sum = weighted(&one, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    ending(&one, (11 - sum % 11) % 11)
}

/// Finnish personal identity code: the nine digits modulo 31.
pub fn hetu(date: &str, sign: &str, serial: &str) -> Option<String> {
    let at = u32::try_from(remainder(&format!("{date}{serial}"), 31)).ok()?;
    let check = nth("0123456789ABCDEFHJKLMNPRSTUVWXY", at);
    Some(format!("{date}{sign}{serial}{check}"))
}

/// Czech and Slovak birth numbers since 1954: divisible by 11.
pub fn birth_number(body: &str) -> Option<String> {
    let rest = remainder(&format!("{body}0"), 11);
    ending(body, u32::try_from((11 - rest) % 11).ok()?)
}

/// Romanian CNP: weights 279146358279, modulus 11, ten is written 1.
pub fn cnp(body: &str) -> Option<String> {
    let check = weighted(body, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    ending(body, if check == 10 { 1 } else { check })
}

/// Bulgarian EGN: powers of two modulo 11, ten is written 0.
pub fn egn(body: &str) -> Option<String> {
    ending(body, weighted(body, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10)
}

/// Turkish identity number: seven times the odd places less the even ones, then the sum.
pub fn tckn(body: &str) -> Option<String> {
    let d: Vec<u32> = body.chars().map(digit).collect();
    let odd: u32 = d.iter().step_by(2).sum();
    let even: u32 = d.iter().skip(1).step_by(2).sum();
    let one = ending(body, (odd * 7 + 90 - even) % 10)?;
    let sum: u32 = one.chars().map(digit).sum();
    ending(&one, sum % 10)
}

/// Receita Federal, companies and persons: two modulus-11 digits. Since July 2026 companies may
/// have letters, which count as their ASCII code less 48.
pub fn brazil(body: &str, cycle: usize) -> Option<String> {
    let value = |c: char| u32::from(c) - 48;
    let mut all = body.to_owned();
    for _ in 0..2 {
        let weights = (2..u32::try_from(cycle).ok()? + 2).cycle();
        let sum: u32 = all.chars().rev().zip(weights).map(|(c, w)| value(c) * w).sum();
        let check = if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
        all = ending(&all, check)?;
    }
    Some(all)
}

pub fn cpf(body: &str) -> Option<String> {
    brazil(body, 10)
}

pub fn cnpj(body: &str) -> Option<String> {
    brazil(body, 8)
}

/// Argentine CUIT and CUIL: modulus 11.
pub fn cuit(body: &str) -> Option<String> {
    let sum = weighted(body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    ending(body, (11 - sum % 11) % 11)
}

/// Chilean RUT: modulus 11, ten is written K.
pub fn rut(body: &str) -> Option<String> {
    let weights = (2..8).cycle();
    let sum: u32 = body.chars().rev().zip(weights).map(|(c, w)| digit(c) * w).sum();
    Some(format!("{body}{}", nth("0123456789K", (11 - sum % 11) % 11)))
}

/// Registro Nacional de Población: weights 18 to 2, modulus 10.
pub fn curp(body: &str) -> Option<String> {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
    let value = |c| u32::try_from(ALPHABET.chars().position(|a| a == c)?).ok();
    let sum: u32 = body.chars().zip((2..=18).rev()).filter_map(|(c, w)| Some(value(c)? * w)).sum();
    ending(body, (10 - sum % 10) % 10)
}

/// Servicio de Administración Tributaria, annex 1 of the RFC procedure.
pub fn rfc(body: &str) -> Option<String> {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";
    let value = |c| u32::try_from(ALPHABET.chars().position(|a| a == c)?).ok();
    let sum: u32 = body.chars().zip((2..=13).rev()).filter_map(|(c, w)| Some(value(c)? * w)).sum();
    Some(format!("{body}{}", nth("0123456789A", (11 - sum % 11) % 11)))
}

/// Korean resident registration: weights 2 to 9 and 2 to 5, modulus 11.
pub fn rrn(body: &str) -> Option<String> {
    let sum = weighted(body, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    ending(body, (11 - sum % 11) % 10)
}

/// Singapore NRIC and FIN: the series shifts the sum and chooses the letters.
pub fn nric(body: &str) -> Option<String> {
    let (series, digits) = body.split_at(1);
    let sum = weighted(digits, &[2, 7, 6, 5, 4, 3, 2]);
    let (shift, letters) = match series {
        "S" => (0, "JZIHGFEDCBA"),
        "T" => (4, "JZIHGFEDCBA"),
        "F" => (0, "XWUTRQPNMLK"),
        "G" => (4, "XWUTRQPNMLK"),
        _ => (3, "XWUTRQPNJLK"),
    };
    Some(format!("{body}{}", nth(letters, (sum + shift) % 11)))
}

/// Thai identity card: weights 13 to 2, modulus 11.
pub fn thai(body: &str) -> Option<String> {
    let sum = weighted(body, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    ending(body, (11 - sum % 11) % 10)
}

/// GB 11643 with ISO/IEC 7064, MOD 11-2.
pub fn china(body: &str) -> Option<String> {
    let sum = weighted(body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    Some(format!("{body}{}", nth("10X98765432", sum % 11)))
}

/// My Number: ordinance of the Ministry of Internal Affairs 85 of 2014, article 5.
pub fn my_number(body: &str) -> Option<String> {
    let rest = weighted(body, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    ending(body, if rest < 2 { 0 } else { 11 - rest })
}

/// Taiwan: the letter is a number of two digits, weights 1 9 8 … 1.
pub fn taiwan(body: &str) -> Option<String> {
    let at = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(body.chars().next()?)? + 10;
    let number = format!("{at}{}", body.split_at(1).1);
    ending(body, (10 - weighted(&number, &[1, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10)
}

/// Hong Kong: one or two letters, six digits; weights 9 to 2, a missing letter counts as 36.
pub fn hong_kong(body: &str) -> Option<String> {
    let missing = if body.len() == 7 { 36 * 9 } else { 0 };
    let weights: Vec<u32> = (2..=9).rev().skip(8 - body.len()).collect();
    let sum = missing + weighted(body, &weights);
    Some(format!("{body}{}", nth("0123456789A", (11 - sum % 11) % 11)))
}

/// Gives the whole number for one without its check digits.
type Complete = fn(&str) -> Option<String>;

/// Lengths and checks of numbers that are digits alone.
const DIGIT_CHECKS: [(usize, Complete); 23] = [
    (9, luhn),
    (10, luhn),
    (13, luhn),
    (15, luhn),
    (19, luhn),
    (9, aba),
    (10, npi),
    (10, nhs),
    (9, tfn),
    (9, acn),
    (12, verhoeff),
    (11, mod11_10),
    (15, nir),
    (9, nif_pt),
    (9, bsn),
    (11, pesel),
    (13, cnp),
    (10, egn),
    (11, tckn),
    (11, cpf),
    (14, cnpj),
    (13, thai),
    (12, my_number),
];

/// Whether a run of digits is, by accident, a valid number of some issuer.
pub fn is_valid_somewhere(digits: &str) -> bool {
    let ends = |body: usize, complete: Complete| {
        complete(digits.split_at(body).0).is_some_and(|whole| whole == digits)
    };
    let checked = |(length, complete): &(usize, Complete)| {
        let tail = if *length == 15 && digits.len() == 15 { 13 } else { length - 1 };
        let tail =
            if [11, 14].contains(length) && digits.len() == *length { length - 2 } else { tail };
        digits.len() == *length && (ends(length - 1, *complete) || ends(tail, *complete))
    };
    let card = (12..=19).contains(&digits.len()) && ends(digits.len() - 1, luhn);
    card || DIGIT_CHECKS.iter().any(checked) || digits.len() == 18 && ends(17, china)
}
