//! What the validator of a class accepted in a value: check digits, number ranges, grammars.
//!
//! Owns sentences, no judgement. Of numbers that authorities give, the odds come from the table
//! by which they are judged.

use crate::class::Class;
use crate::inspect::national;

/// What of a value its validator accepted; `None` where words around it alone explain it.
pub(super) fn proof(class: Class, value: &[u8]) -> Option<String> {
    if let Some(fixed) = fixed(class) {
        return Some(fixed.to_owned());
    }
    let text = String::from_utf8_lossy(value);
    let symbols = text.chars().filter(char::is_ascii_alphanumeric);
    let symbols: String = symbols.map(|symbol| symbol.to_ascii_uppercase()).collect();
    let (one_in, holds) = national::odds(class, symbols.as_bytes())?;
    Some(if holds {
        format!("its number rules: one in {one_in} numbers of the same form passes them")
    } else {
        String::from("its form; numbers of this form have no check digits")
    })
}

/// Where every value of a class is judged alike.
fn fixed(class: Class) -> Option<&'static str> {
    Some(match class {
        Class::Email => "local part, domain and top-level domain (RFC 5322)",
        Class::Phone => "numbering plan: country code and length (ITU-T E.164), or NANP",
        Class::Ip => "address grammar (RFC 791, RFC 4291 section 2.2)",
        Class::Mac => "groups of hexadecimal digits (IEEE 802)",
        Class::Geo => "degrees within their range (ISO 6709)",
        Class::Imei => "length and check digit (3GPP TS 23.003 annex B, Luhn), or its name",
        Class::Imsi => "country and network code (ITU-T E.212)",
        Class::Iccid => "issuer range and check digit (ITU-T E.118, Luhn)",
        Class::Vin => "grammar, check digit or manufacturer (ISO 3779)",
        Class::Card => "issuer range, length and check digit (ISO/IEC 7812-1, Luhn)",
        Class::Iban => "country, length and check digits (ISO 13616, modulo 97)",
        Class::UsRouting => "district and check digit (ANSI X9.13)",
        Class::CryptoWallet => "prefix, length and checksum of its chain",
        Class::UsSsn | Class::UsItin => "area, group and serial within their ranges",
        Class::Jwt => "three parts, of which the first is a header in base64url (RFC 7519)",
        Class::PrivateKey => "the frame of a PEM text (RFC 7468)",
        Class::ApiKey => "the issuer's prefix, length and alphabet",
        Class::ConnectionString => "the place of a password in an address or setting",
        _ => return None,
    })
}
