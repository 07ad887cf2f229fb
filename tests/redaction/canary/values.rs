//! The values that are planted: made up, distinct for each number, valid by their rules.
//!
//! Keys are put together at run time, so that no scanner of this repository finds one.

use super::Class;

/// What kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Email,
    Ssn,
    Card,
    Iban,
    AwsKey,
    GitHubToken,
    Password,
}

/// A value, and how to recognise it.
#[derive(Debug, Clone)]
pub struct Canary {
    pub kind: Kind,
    pub value: String,
    /// The part of its letters and digits, in small letters, that gives it away.
    pub core: String,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Email,
        Kind::Ssn,
        Kind::Card,
        Kind::Iban,
        Kind::AwsKey,
        Kind::GitHubToken,
        Kind::Password,
    ];

    /// The member name that says what it is.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Email => "email",
            Kind::Ssn => "ssn",
            Kind::Card => "card_number",
            Kind::Iban => "iban",
            Kind::AwsKey => "aws_access_key_id",
            Kind::GitHubToken => "github_token",
            Kind::Password => "password",
        }
    }

    /// The class whose readers see it.
    pub fn class(self) -> Class {
        match self {
            Kind::Email => Class::Email,
            Kind::Ssn => Class::UsSsn,
            Kind::Card => Class::Card,
            Kind::Iban => Class::Iban,
            Kind::AwsKey | Kind::GitHubToken => Class::ApiKey,
            Kind::Password => Class::Password,
        }
    }

    /// The value of this number; numbers are small.
    pub fn number(self, number: usize) -> Canary {
        let (value, core) = match self {
            Kind::Email => {
                let local = format!("canary.q{number:03}x");
                (format!("{local}@post{number}.example.org"), format!("canaryq{number:03}x"))
            }
            Kind::Ssn => {
                let (area, group) = (120 + number % 500, 11 + number % 83);
                let serial = 1001 + number * 17 % 8000;
                let core = format!("{group}{serial}");
                (format!("{area}-{group}-{serial}"), core)
            }
            Kind::Card => {
                let digits = with_luhn(&format!("4539{:011}", 20_315_077_001 + number * 100_103));
                let groups: Vec<&str> = (0..4).map(|at| &digits[at * 4..at * 4 + 4]).collect();
                (groups.join(" "), digits[4..12].to_owned())
            }
            Kind::Iban => {
                let account = format!("{:010}", 4_032_013_007 + number * 10_007);
                let digits = format!("37040044{account}");
                let check = 98 - mod_97(&format!("{digits}131400"));
                let joined = format!("DE{check:02}{digits}");
                let groups: Vec<&str> = joined.as_bytes().chunks(4).map(ascii).collect();
                (groups.join(" "), account)
            }
            Kind::AwsKey => {
                let body = random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, number);
                (format!("{}{body}", concat!("AK", "IA")), body[4..].to_lowercase())
            }
            Kind::GitHubToken => {
                let body = random(BASE_62, 30, number);
                let value = format!("{}{body}{}", concat!("gh", "p_"), check_characters(&body));
                (value, body[8..24].to_lowercase())
            }
            Kind::Password => {
                (format!("Vq7!kestrel{number:03}Zr"), format!("kestrel{number:03}zr"))
            }
        };
        Canary { kind: self, value, core }
    }
}

impl Canary {
    /// Its digits alone, where it is a number.
    pub fn digits(&self) -> Option<String> {
        let is_number = matches!(self.kind, Kind::Ssn | Kind::Card);
        is_number.then(|| self.value.chars().filter(char::is_ascii_digit).collect())
    }
}

/// Letters that look random, the same for the same number.
fn random(alphabet: &[u8], length: usize, number: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 11);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(alphabet[(state >> 33) as usize % alphabet.len()])
    };
    (0..length).map(|_| next()).collect()
}

/// Digits with the check digit of ISO/IEC 7812-1, annex B.
fn with_luhn(digits: &str) -> String {
    let weigh = |(at, digit): (usize, u32)| match (at % 2, digit * 2) {
        (0, double) => double / 10 + double % 10,
        (_, _) => digit,
    };
    let sum: u32 = digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate().map(weigh).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// The remainder that ISO 13616 checks.
fn mod_97(digits: &str) -> u32 {
    digits.chars().filter_map(|c| c.to_digit(10)).fold(0, |rest, digit| (rest * 10 + digit) % 97)
}

/// The end of a GitHub token: CRC-32 (ISO-HDLC) of its random part in base 62.
fn check_characters(body: &str) -> String {
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut rest = !crc as usize;
    let mut out = [b'0'; 6];
    for place in out.iter_mut().rev() {
        *place = BASE_62[rest % 62];
        rest /= 62;
    }
    ascii(&out).to_owned()
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

const BASE_62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
