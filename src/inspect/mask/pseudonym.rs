//! Keyed pseudonyms: the same value has the same one in every message, replica and run, and
//! nobody without the key can tell which value it is, or try values until one fits.
//!
//! HMAC-SHA256 (RFC 2104) over tenant, class and the value in one spelling, each with its length
//! before it. Letters alone are written: no detector takes them for a number.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::hmac;
use unicode_normalization::UnicodeNormalization;

use super::{Look, write_label};
use crate::class::Class;

/// The key of one tenant.
#[derive(Clone)]
pub struct Pseudonyms {
    key: hmac::Key,
    tenant: Box<str>,
}

impl Pseudonyms {
    /// With a key of 32 bytes. Values of different tenants have different pseudonyms.
    pub fn new(key: &[u8], tenant: &str) -> Pseudonyms {
        Pseudonyms { key: hmac::Key::new(hmac::HMAC_SHA256, key), tenant: tenant.into() }
    }

    fn tag(&self, label: &str, canonical: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [VERSION, self.tenant.as_bytes(), label.as_bytes(), canonical] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonyms({})", self.tenant)
    }
}

/// Appends `[EMAIL#…]`; nothing where the value is not known.
pub(super) fn write(out: &mut Vec<u8>, look: &Look<'_>, value: &[u8]) {
    let canonical = canonical(look.class, value);
    let Some(pseudonyms) = look.pseudonyms.filter(|_| !canonical.is_empty()) else { return };
    let tag = pseudonyms.tag(look.label, &canonical);
    out.push(b'[');
    write_label(out, look.label);
    out.push(b'#');
    for byte in tag.as_ref().iter().take(TAG_BYTES) {
        for half in [byte >> 4, byte & 15] {
            out.extend(LETTERS.get(usize::from(half)));
        }
    }
    out.push(b']');
}

/// Whether this is what stands behind the `#`.
pub(super) fn is_tag(text: &str) -> bool {
    text.len() == 2 * TAG_BYTES && text.bytes().all(|byte| LETTERS.contains(&byte))
}

/// Appends a number below -2^52 with 52 bits of the hash, exact in IEEE 754 doubles. It is
/// negative, because no number of a person or thing is.
pub(super) fn write_number(out: &mut Vec<u8>, look: &Look<'_>, number: &[u8]) {
    let canonical = canonical(look.class, number);
    let Some(pseudonyms) = look.pseudonyms.filter(|_| !canonical.is_empty()) else { return };
    let tag = pseudonyms.tag(look.label, &canonical);
    let bits = tag.as_ref().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let number = NUMBER_MIN + (bits & (NUMBER_MIN - 1));
    out.extend_from_slice(format!("-{number}").as_bytes());
}

/// Whether a text is a number that [`write_number`] writes.
pub(in crate::inspect) fn is_number(text: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(b"-").filter(|d| d.len() == NUMBER_DIGITS) else {
        return false;
    };
    let plain = digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
    plain && number.is_some_and(|number| (NUMBER_MIN..2 * NUMBER_MIN).contains(&number))
}

/// One spelling for all spellings of a value.
pub(super) fn canonical(class: Class, value: &[u8]) -> Vec<u8> {
    match class {
        Class::Email => email(value),
        Class::Phone => phone(value),
        Class::Ip => match std::str::from_utf8(value).unwrap_or_default().parse::<IpAddr>() {
            Ok(address) => address.to_canonical().to_string().into_bytes(),
            Err(_) => text(value),
        },
        // Base 58 tells upper from lower case, hexadecimal digits and bech32 do not.
        Class::CryptoWallet if value.starts_with(b"0x") || value.starts_with(b"bc1") => {
            value.to_ascii_lowercase()
        }
        Class::CryptoWallet | Class::PersonName | Class::PostalAddress => text(value),
        Class::Custom(_) => text(value),
        class if class.is_secret() => value.trim_ascii().to_vec(),
        // Numbers, coordinates, dates: what separates the symbols does not count.
        _ => symbols(value),
    }
}

/// Lower case, with `%40` and `&#64;` as the sign that they stand for.
fn email(value: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(value).to_lowercase();
    for (written, sign) in ENCODED {
        if text.contains(written) {
            text = text.replace(written, sign);
        }
    }
    text.nfc().collect::<String>().into_bytes()
}

/// The digits of an international number; North American ones without their code are given it
/// (ITU-T E.164, NANP). Of other national numbers nobody knows the country: those are the same
/// with and without the zero before them, but not with a country code.
fn phone(value: &[u8]) -> Vec<u8> {
    let trunk = memchr::memmem::find(value, b"(0)");
    let (head, tail) = match trunk.and_then(|at| value.split_at_checked(at)) {
        // `+44 (0)20 …`: not dialled from abroad.
        Some((head, tail)) if !head.is_empty() => (head, tail.get(3..).unwrap_or_default()),
        Some(_) | None => (value, &[][..]),
    };
    let mut digits: Vec<u8> =
        head.iter().chain(tail).filter(|byte| byte.is_ascii_digit()).copied().collect();
    if value.contains(&b'+') {
        return digits;
    }
    let abroad = [&b"011"[..], b"00"].iter().find_map(|prefix| digits.strip_prefix(*prefix));
    if let Some(rest) = abroad.filter(|rest| rest.len() >= ABROAD_DIGITS_MIN) {
        return rest.to_vec();
    }
    let begins = |at: usize| digits.get(at).is_some_and(|digit| matches!(digit, b'2'..=b'9'));
    if digits.len() == 10 && begins(0) && begins(3) {
        digits.insert(0, b'1');
    } else if let Some(rest) = digits.strip_prefix(b"0") {
        return rest.to_vec();
    }
    digits
}

/// Letters in upper case and digits.
fn symbols(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let symbols = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase);
    symbols.collect::<String>().into_bytes()
}

/// NFC, without blanks around it and with one between words.
fn text(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").nfc().collect::<String>().into_bytes()
}

/// What changes when the spelling of values does.
const VERSION: &[u8] = b"sallyport pseudonym 1";

/// Unit: bytes: 80 bits. Two of a million values meet with a chance of one in 10^12.
const TAG_BYTES: usize = 10;

/// Consonants: no words, no digits.
const LETTERS: [u8; 16] = *b"bcdfghjkmnpqrstv";

/// 2^52.
const NUMBER_MIN: u64 = 1 << 52;

/// Decimal digits of all numbers from 2^52 to 2^53.
const NUMBER_DIGITS: usize = 16;

/// Signs of addresses as URIs and HTML write them.
const ENCODED: [(&str, &str); 6] =
    [("%40", "@"), ("&#64;", "@"), ("%2b", "+"), ("%2d", "-"), ("%2e", "."), ("%5f", "_")];

/// Digits behind an exit code, the country code among them.
const ABROAD_DIGITS_MIN: usize = 9;
