//! Promises of what stands in the place of a value.

use proptest::prelude::*;

use super::{Look, Pseudonyms, is_made, pseudonym, write, write_number};
use crate::class::{Class, Form};

fn look(class: Class, form: Form) -> Look<'static> {
    let keep = class.keeps().unwrap_or(0);
    Look { class, form, label: class.name(), keep, pseudonyms: None }
}

fn written(look: &Look<'_>, value: &str) -> String {
    let mut out = Vec::new();
    write(&mut out, look, value.as_bytes());
    String::from_utf8(out).unwrap()
}

fn number(look: &Look<'_>, value: &str) -> String {
    let mut out = Vec::new();
    write_number(&mut out, look, value.as_bytes());
    String::from_utf8(out).unwrap()
}

fn assert_written(form: Form, cases: &[(Class, &str, &str)]) {
    for (class, value, expected) in cases {
        assert_eq!(written(&look(*class, form), value), *expected, "{class:?}");
    }
}

#[test]
fn masks_keep_what_is_harmless_and_nothing_else() {
    assert_written(
        Form::Mask,
        &[
            (Class::Email, "jane.roe@mail.example.com", "j***@***.com"),
            (Class::Email, "élan@exämple.de", "é***@***.de"),
            (Class::Email, "no \"address\".at\"all", "n***@***"),
            (Class::Card, "4111 1111 1111 1234", "**** **** **** 1234"),
            (Class::Card, "378282246310005", "***********0005"),
            (Class::CardCode, "123", "[CARD_CODE]"),
            (Class::UsSsn, "078-05-1120", "***-**-1120"),
            (Class::Phone, "+1 (212) 555-0147", "+* (***) ***-**47"),
            (Class::Iban, "DE89 3704 0044 0532 0130 00", "DE** **** **** **** **30 00"),
            (Class::Ip, "203.0.113.7", "203.*.*.*"),
            (Class::Ip, "2001:db8::1", "2001:*"),
            (Class::Mac, "00:1A:2B:3C:4D:5E", "00:1A:2B:**:**:**"),
            (Class::Mac, "001a.2b3c.4d5e", "001a.2b**.****"),
            (Class::Geo, "52.520008, 13.404954", "52, 13"),
            (Class::Geo, "-33.8688,151.2093", "-33, 151"),
            (Class::Geo, "52°31'12\"N 13°24'18\"E", "[GEO]"),
            (Class::Imei, "49-015420-323751-8", "**-******-***751-8"),
            (Class::Vin, "1M8GDM9AXKP042788", "*************2788"),
            (Class::PersonName, "Jane Roe", "J*** R***"),
            (Class::PersonName, "Roe, Élan", "R***, É***"),
            (Class::PersonName, "王小明", "***"),
            (Class::PostalAddress, "1 Main Street, Springfield", "[POSTAL_ADDRESS]"),
            (Class::DateOfBirth, "1980-03-12", "****-**-**"),
            (Class::DateOfBirth, "12 March 1980", "** *** ****"),
            (Class::SePersonnummer, "811228-9874", "******-****"),
            (Class::InAadhaar, "2345 6789 0124", "**** **** 0124"),
            (Class::UkNino, "AB 12 34 56 C", "** ** *4 56 C"),
            (Class::Jwt, "eyJx.eyJy.z", "[JWT]"),
            (Class::ApiKey, "sk_live_1234", "[API_KEY]"),
            (Class::PrivateKey, "-----BEGIN", "[PRIVATE_KEY]"),
            (Class::Custom(0), "EMP-004217", "[CUSTOM]"),
        ],
    );
}

#[test]
fn mask_keeps_as_many_symbols_as_are_asked_for_and_never_more_than_half() {
    let keep = |keep, class, value| written(&Look { keep, ..look(class, Form::Mask) }, value);
    assert_eq!(keep(0, Class::Card, "4111 1111 1111 1234"), "**** **** **** ****");
    assert_eq!(keep(6, Class::UsSsn, "078-05-1120"), "***-**-1120");
    assert_eq!(keep(4, Class::Custom(0), "EMP-004217"), "***-**4217");
    assert_eq!(keep(4, Class::Custom(0), "abc"), "**c");
    assert_eq!(keep(0, Class::Iban, "DE89370400440532013000"), "DE********************");
}

#[test]
fn labels_name_the_class_and_keep_nothing() {
    for class in Class::BUILTIN {
        let name = class.name().to_uppercase();
        for form in [Form::Label, Form::Block, Form::Drop, Form::Pseudonym] {
            assert_eq!(written(&look(class, form), "a1b2"), format!("[{name}]"));
        }
    }
}

#[test]
fn surrogates_have_the_shape_of_the_value_and_are_nobodys() {
    assert_written(
        Form::Surrogate,
        &[
            (Class::Email, "jane.roe@mail.example.com", "redacted@redacted.invalid"),
            (Class::Phone, "+1 (212) 555-0147", "+0 (000) 000-0000"),
            (Class::Phone, "", "+00000000000"),
            (Class::UsSsn, "078051120", "000000000"),
            (Class::UsSsn, "", "000-00-0000"),
            (Class::Card, "4111-1111-1111-1111", "0000-0000-0000-0000"),
            (Class::Iban, "DE89 3704 0044 0532 0130 00", "XX00 0000 0000 0000 0000 00"),
            (Class::Ip, "203.0.113.7", "0.0.0.0"),
            (Class::Ip, "2001:db8::1", "::"),
            (Class::Mac, "00:1a:2b:3c:4d:5e", "00:00:00:00:00:00"),
            (Class::Geo, "52.520008, 13.404954", "0.0, 0.0"),
            (
                Class::CryptoWallet,
                "0x52908400098527886E0F7030069857D2",
                "0x00000000000000000000000000000000",
            ),
            (Class::Vin, "1M8GDM9AXKP042788", "0X0XXX0XXXX000000"),
            (Class::PersonName, "Jane Q. Roe", "REDACTED REDACTED"),
            (Class::PersonName, "Jane", "REDACTED"),
            (Class::PostalAddress, "1 Main Street", "REDACTED"),
            (Class::Jwt, "eyJx.eyJy.z", "REDACTED"),
            (Class::Password, "hunter2", "REDACTED"),
            (Class::CardCode, "737", "000"),
            (Class::DateOfBirth, "1980-03-12", "1900-01-01"),
            (Class::DateOfBirth, "12.3.1980", "01.1.1900"),
            (Class::DateOfBirth, "03/12/80", "01/01/01"),
            (Class::DateOfBirth, "19800312", "19000101"),
            (Class::DateOfBirth, "12th March 1980", "01st January 1900"),
            (Class::DateOfBirth, "Mar 12, 1980", "Jan 01, 1900"),
            (Class::DateOfBirth, "1980-03-12T08:30:00.000Z", "1900-01-01T00:00:00.000Z"),
            (Class::SePersonnummer, "811228-9874", "000000-0000"),
            (Class::Custom(0), "EMP-004217", "XXX-000000"),
        ],
    );
}

#[test]
fn numbers_stay_numbers() {
    let places =
        [(Class::Geo, Form::Mask, "-73.985", "-73"), (Class::Geo, Form::Label, "1.5", "0")];
    for (class, form, value, expected) in places {
        assert_eq!(number(&look(class, form), value), expected);
    }
    assert_eq!(number(&look(Class::Geo, Form::Mask), "-0.25"), "0");
    for form in Form::ALL {
        let expected = if form == Form::Drop { "null" } else { "0" };
        assert_eq!(number(&look(Class::UsSsn, form), "123456789"), expected);
    }
}

fn pseudonym(tenant: &str, class: Class, value: &str) -> String {
    let pseudonyms = Pseudonyms::new(&[7; 32], tenant);
    let look = Look { pseudonyms: Some(&pseudonyms), ..look(class, Form::Pseudonym) };
    written(&look, value)
}

#[test]
fn every_spelling_of_a_value_has_one_pseudonym() {
    let same = [
        (
            Class::Email,
            vec!["Jane.Roe@Example.com", "jane.roe@example.com", "jane.roe%40example.com"],
        ),
        (
            Class::Phone,
            vec![
                "+1 212-555-0147",
                "(212) 555-0147",
                "1.212.555.0147",
                "001 212 555 0147",
                "2125550147",
            ],
        ),
        (Class::Phone, vec!["+44 20 7946 0958", "+44 (0)20 7946 0958", "0044 20 79460958"]),
        (Class::Phone, vec!["030 1234567", "(030) 123 45 67", "0301234567"]),
        (Class::Card, vec!["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"]),
        (Class::Iban, vec!["DE89 3704 0044 0532 0130 00", "de89370400440532013000"]),
        (Class::PersonName, vec!["Zoë  Roe", " Zoe\u{308} Roe "]),
        (Class::Ip, vec!["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"]),
        (Class::DateOfBirth, vec!["1980-03-12", "19800312"]),
    ];
    for (class, spellings) in same {
        let first = pseudonym("t", class, spellings[0]);
        for spelling in spellings {
            assert_eq!(pseudonym("t", class, spelling), first, "{spelling}");
        }
    }
}

#[test]
fn pseudonyms_differ_by_value_class_tenant_and_key() {
    let one = pseudonym("t", Class::Email, "a@b.de");
    assert_eq!(one.len(), "[EMAIL#]".len() + 20);
    assert_ne!(one, pseudonym("t", Class::Email, "c@b.de"));
    assert_ne!(one, pseudonym("u", Class::Email, "a@b.de"));
    let tail = |text: &str| text.split_once('#').unwrap().1.to_owned();
    let other = tail(&pseudonym("t", Class::PersonName, "a@b.de"));
    assert_ne!(tail(&one), other);
    // Secrets differ by case; where one part ends and the next begins counts.
    assert_ne!(pseudonym("t", Class::Password, "Ab"), pseudonym("t", Class::Password, "ab"));
    let keyed = |key: u8| {
        let pseudonyms = Pseudonyms::new(&[key; 32], "t");
        written(
            &Look { pseudonyms: Some(&pseudonyms), ..look(Class::Email, Form::Pseudonym) },
            "a@b.de",
        )
    };
    assert_ne!(keyed(1), keyed(2));
    assert_eq!(keyed(7), one);
}

/// A pseudonym is public API: data that was stored with it must be found again.
#[test]
fn pseudonyms_stay_the_same_in_every_release() {
    assert_eq!(pseudonym("crm", Class::Email, "jane.roe@example.com"), PINNED);
}

#[test]
fn pseudonyms_of_numbers_are_negative_numbers_that_doubles_hold() {
    let pseudonyms = Pseudonyms::new(&[7; 32], "t");
    let look = Look { pseudonyms: Some(&pseudonyms), ..look(Class::UsSsn, Form::Pseudonym) };
    let made = number(&look, "123456789");
    assert!(pseudonym::is_number(made.as_bytes()), "{made}");
    assert_eq!(made.parse::<f64>().unwrap().to_string(), made);
    assert_ne!(made, number(&look, "123456780"));
    for no in
        ["4503599627370496", "-4503599627370495", "-9007199254740992", "-1", "-45035996273704.6"]
    {
        assert!(!pseudonym::is_number(no.as_bytes()), "{no}");
    }
    assert!(pseudonym::is_number(b"-9007199254740991"));
}

#[test]
fn what_was_made_is_known_again_and_what_may_be_real_is_not() {
    let knows = |name: &str| Class::from_name(name).is_some();
    let made = |class, form, value: &str| is_made(&look(class, form), value.as_bytes(), knows);
    for own in ["[EMAIL]", "[EMAIL_2]", "[US_SSN]", "[EMAIL#bcdfghjkmnpqrstvbcdf]", "EMAIL]"] {
        assert!(made(Class::Password, Form::Mask, own), "{own}");
    }
    // As the value of a name whose bracket was read as that of an array.
    assert!(made(Class::Password, Form::Pseudonym, "PASSWORD#bcdfghjkmnpqrstvbcdf"));
    assert!(!made(Class::Password, Form::Pseudonym, "PASSWORD#bcdfghjkmnpqrstvbcdfx"));
    for no in [
        "[JOHN]",
        "[email]",
        "[EMAIL#x]",
        "[EMAIL",
        "EMAIL",
        "[]",
        "[EMAIL] x",
        "[#bcdfghjkmnpqrstvbcdf]",
    ] {
        assert!(!made(Class::Email, Form::Mask, no), "{no}");
    }
    assert!(made(Class::Email, Form::Mask, "redacted@redacted.invalid"));
    assert!(made(Class::UsSsn, Form::Mask, "000-00-0000"));
    // A code or password of zeros may be somebody's.
    assert!(
        !made(Class::CardCode, Form::Mask, "000") && made(Class::CardCode, Form::Surrogate, "000")
    );
    assert!(!made(Class::Password, Form::Mask, "REDACTED"));
    assert!(!made(Class::Custom(0), Form::Label, "000000"));
    // What stands for a value in another form, or was made by a gateway behind this one.
    assert!(made(Class::UsSsn, Form::Label, "000-00-0001"));
    assert!(made(Class::Email, Form::Label, "redacted-7@redacted.invalid"));
    assert!(!made(Class::Password, Form::Label, "redacted"));
    assert!(!made(Class::UsSsn, Form::Surrogate, "000-01-0001"));
    assert!(!made(Class::UsSsn, Form::Surrogate, "-"));
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,24}",
        "[0-9A-Za-z .:+()/-]{0,30}",
        any::<String>(),
        "[0-9]{1,4}[-./ ][0-9A-Za-zä]{1,9}[-./ ][0-9]{1,4}",
    ]
}

proptest! {
    #[test]
    fn what_is_written_needs_no_escape_and_is_the_same_made_of_itself(
        at in 0..=Class::BUILTIN.len(),
        form in prop::sample::select(Form::ALL.to_vec()),
        value in values(),
        keep in 0..9_usize,
    ) {
        let class = Class::from_index(at).unwrap();
        let pseudonyms = Pseudonyms::new(&[7; 32], "t");
        let look = Look { keep, pseudonyms: Some(&pseudonyms), ..look(class, form) };
        let once = written(&look, &value);
        prop_assert!(!once.is_empty());
        prop_assert!(!once.chars().any(|c| c.is_control() || c == '"' || c == '\\'), "{once}");
        let knows = |name: &str| Class::from_name(name).is_some() || name == "custom";
        if form == Form::Mask || form == Form::Surrogate {
            let own = is_made(&look, once.as_bytes(), knows);
            prop_assert!(own || written(&look, &once) == once, "{} of {}", written(&look, &once), once);
        } else {
            prop_assert!(is_made(&look, once.as_bytes(), knows), "{once}");
        }
        if form == Form::Surrogate {
            let digits = once.chars().filter(|c| matches!(c, '2'..='8')).count();
            prop_assert_eq!(digits, 0, "of {}", value);
        }
    }
}

/// Computed apart from this code, with the HMAC of another library.
const PINNED: &str = "[EMAIL#qbpptdpjvhjgrcmpvpkb]";
