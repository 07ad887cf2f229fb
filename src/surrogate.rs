//! Values that name nobody: what stands in a value's place where its shape must stay.
//!
//! Owns the one table of them. Pure. Guarantees: no one was ever given such an address, number or
//! key, because the authority of its kind keeps it back; [`is_reserved`] knows every one of them,
//! so that a second look at a redacted message finds nothing new.

/// The surrogate of a class, by the class's name; values that differ get different numbers, where
/// the form has room for one.
#[must_use]
pub fn of_class(class: &str, number: u32) -> Option<String> {
    match class {
        "email" => Some(email(number)),
        // ITU-T E.164, section 6.2.1: no country code begins with 0.
        "phone" => Some(format!("+{:011}", number.min(SERIAL_MAX))),
        // 20 CFR 422.103: no social security number has the area 000.
        "us_ssn" | "us_itin" => Some(format!("000-00-{:04}", number.min(SERIAL_MAX))),
        // ISO/IEC 7812-1: no issuer of payment cards has a number that begins with 0000.
        "card" => Some(format!("{:016}", number.min(SERIAL_MAX))),
        // ISO 3166-1: XX is left to users, so that no country's banks have it.
        "iban" => Some(format!("XX00{:018}", number.min(SERIAL_MAX))),
        "ip" => Some(ipv4(number)),
        // IEEE 802: 00:00:00 is Xerox's, and its first address was never given to a device.
        "mac" => Some("00:00:00:00:00:00".to_owned()),
        "date_of_birth" => Some(DATE.to_owned()),
        _other => None,
    }
}

/// A shorter one for places that have no room for the other.
#[must_use]
pub fn short_of_format(format: &str, number: u32) -> Option<String> {
    let email = matches!(format, "email" | "idn-email");
    email.then(|| format!("r{}@r.invalid", number.saturating_add(1)))
}

/// The surrogate of a JSON Schema format (2020-12, Validation, section 7.3) and of the names that
/// the validator of the TypeScript SDK adds.
#[must_use]
pub fn of_format(format: &str, number: u32) -> Option<String> {
    let fixed = match format {
        "email" | "idn-email" => return Some(email(number)),
        "ipv4" => return Some(ipv4(number)),
        "uri" | "iri" | "uri-reference" | "iri-reference" | "uri-template" | "url" => {
            return Some(match number {
                0 => URI.to_owned(),
                number => format!("{URI}{number}"),
            });
        }
        "uuid" => {
            return Some(format!("{NIL}{:012}", number.min(SERIAL_MAX)));
        }
        "date" => DATE,
        "time" | "iso-time" => "00:00:00Z",
        "date-time" | "iso-date-time" => "1900-01-01T00:00:00Z",
        "duration" => "P0D",
        "hostname" | "idn-hostname" => HOST,
        "ipv6" => "::",
        "json-pointer" => "/redacted",
        "relative-json-pointer" => "0",
        "regex" => "redacted",
        "byte" => "AAAA",
        _other => return None,
    };
    Some(fixed.to_owned())
}

/// Whether a text is one of these values, and so names nobody whatever finds it.
#[must_use]
pub fn is_reserved(text: &str) -> bool {
    let serial = |rest: &str, digits: usize| {
        rest.len() == digits
            && rest.bytes().all(|b| b.is_ascii_digit())
            && rest.parse().is_ok_and(|number: u32| number <= SERIAL_MAX)
    };
    let local =
        text.strip_suffix("@redacted.invalid").and_then(|rest| rest.strip_prefix("redacted-"));
    let short = text.strip_suffix("@r.invalid").and_then(|rest| rest.strip_prefix('r'));
    local.or(short).is_some_and(is_number)
        || text.strip_prefix(URI).is_some_and(|rest| rest.is_empty() || is_number(rest))
        || text.strip_prefix("0.0.0.").is_some_and(|rest| rest.parse::<u8>().is_ok())
        || text.strip_prefix('+').is_some_and(|rest| serial(rest, 11))
        || text.strip_prefix("000-00-").is_some_and(|rest| serial(rest, 4))
        || text.strip_prefix("XX00").is_some_and(|rest| serial(rest, 18))
        || text.strip_prefix(NIL).is_some_and(|rest| serial(rest, 12))
        || serial(text, 16)
        || is_nothing(text)
        || FIXED.contains(&text)
}

/// RFC 6761, section 6.4: `invalid` is no domain's.
fn email(number: u32) -> String {
    format!("redacted-{}@{HOST}", number.saturating_add(1))
}

/// RFC 6890, section 2.2.2: 0.0.0.0/8 is nobody's address.
fn ipv4(number: u32) -> String {
    format!("0.0.0.{}", number.min(255))
}

/// A number of nothing but zeros, however it is grouped.
fn is_nothing(text: &str) -> bool {
    let zeros = text.bytes().filter(|b| *b == b'0').count();
    zeros >= ZEROS_MIN && text.bytes().all(|b| b == b'0' || SEPARATORS.contains(&b))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit())
}

const HOST: &str = "redacted.invalid";
const URI: &str = "https://redacted.invalid/";
const DATE: &str = "1900-01-01";
/// RFC 9562, section 5.9: the nil UUID is nobody's; nor are those of version 0 beside it.
const NIL: &str = "00000000-0000-0000-0000-";
/// What the last four digits can say.
const SERIAL_MAX: u32 = 9_999;
/// Fewer zeros may be a count, or a time.
const ZEROS_MIN: usize = 7;
const SEPARATORS: &[u8] = b"+-.,:/() ";
const FIXED: &[&str] = &[
    DATE,
    HOST,
    "00:00:00:00:00:00",
    "00:00:00Z",
    "1900-01-01T00:00:00Z",
    "P0D",
    "::",
    "/redacted",
    "0",
    "redacted",
    "AAAA",
];

#[cfg(test)]
mod tests {
    use super::{is_reserved, of_class, of_format, short_of_format};

    const CLASSES: &[&str] =
        &["email", "phone", "us_ssn", "us_itin", "card", "iban", "ip", "mac", "date_of_birth"];
    const FORMATS: &[&str] = &[
        "email",
        "ipv4",
        "ipv6",
        "uri",
        "url",
        "uuid",
        "date",
        "time",
        "date-time",
        "duration",
        "hostname",
        "json-pointer",
        "relative-json-pointer",
        "regex",
        "byte",
    ];

    #[test]
    fn every_surrogate_is_known_again_whatever_its_number() {
        for number in [0, 1, 7, 255, 256, 9_999, 10_000, u32::MAX] {
            for class in CLASSES {
                let value = of_class(class, number).unwrap();
                assert!(is_reserved(&value), "{class} {value}");
            }
            for format in FORMATS {
                let value = of_format(format, number).unwrap();
                assert!(is_reserved(&value), "{format} {value}");
                assert!(short_of_format(format, number).is_none_or(|value| is_reserved(&value)));
            }
        }
    }

    #[test]
    fn a_number_of_zeros_is_nobodys_however_it_is_grouped() {
        for value in
            ["(000) 000-0000", "+0 000 000 00 00", "0000 0000 0000 0000 000", "000.000.000-00"]
        {
            assert!(is_reserved(value), "{value}");
        }
        for value in ["00:00:00", "0.0.0", "000-0001", "0000000a"] {
            assert!(!is_reserved(value), "{value}");
        }
    }

    #[test]
    fn values_of_people_are_not_reserved() {
        for value in [
            "ada@example.com",
            "redacted-1@example.com",
            "redacted-x@redacted.invalid",
            "+12125550147",
            "+00000012345",
            "219-09-9999",
            "4111111111111111",
            "0000000000010000",
            "198.51.100.7",
            "0.0.0.256",
            "GB82WEST12345698765432",
            "1990-01-01",
            "https://redacted.invalid/x",
            "",
        ] {
            assert!(!is_reserved(value), "{value}");
        }
    }

    #[test]
    fn names_without_a_surrogate_have_none() {
        assert_eq!(of_class("jwt", 0), None);
        assert_eq!(of_format("color", 0), None);
    }
}
