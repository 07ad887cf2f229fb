//! What holds for the values of every class.

use proptest::prelude::*;

use super::{BYTES_MAX, Extent, judge};
use crate::class::{Class, Confidence};

const CLASSES: [Class; 13] = [
    Class::PersonName,
    Class::PostalAddress,
    Class::DateOfBirth,
    Class::LicencePlate,
    Class::CardCode,
    Class::BankAccount,
    Class::Passport,
    Class::DriverLicence,
    Class::MedicalRecord,
    Class::HealthPlan,
    Class::NationalId,
    Class::TaxId,
    Class::Geo,
];

#[test]
fn what_says_that_there_is_no_value_is_none() {
    for text in [
        "",
        " ",
        "null",
        "None",
        "N/A",
        "n/a",
        "-",
        "--",
        "TBD",
        "unknown",
        "Unknown",
        "true",
        "false",
        "***",
        "****1234",
        "xxxx",
        "XXX-XX-1234",
        "[REDACTED]",
        "[PERSON_NAME]",
        "[PASSPORT_1]",
        "<name>",
        "{{name}}",
        "${NAME}",
        "%s",
        "%(name)s",
        "?",
        "...",
        "redacted",
        "Redacted",
        "J*** R***",
        "●●●●",
        "••••1234",
        "same as above",
        "not provided",
        "\\u0000",
    ] {
        for class in CLASSES {
            for extent in [Extent::Whole, Extent::Begin] {
                let found = judge(class, text.as_bytes(), extent);
                assert_eq!(found, None, "{} {text:?} {extent:?}", class.name());
            }
        }
    }
}

#[test]
fn class_that_stands_for_itself_has_no_labelled_values() {
    for class in [Class::Email, Class::Card, Class::Iban, Class::Password, Class::Custom(0)] {
        assert_eq!(judge(class, b"4111111111111111", Extent::Whole), None);
    }
}

#[test]
fn space_around_a_whole_value_does_not_matter() {
    let found = judge(Class::PersonName, b"  Jane Roe ", Extent::Whole).unwrap();
    assert_eq!(found.length, "  Jane Roe".len());
    assert_eq!(judge(Class::PersonName, b" Jane Roe", Extent::Begin), None);
}

#[test]
fn whole_value_that_is_too_long_is_none() {
    let text = "Jane Roe, ".repeat(BYTES_MAX / 10 + 1);
    assert_eq!(judge(Class::PersonName, text.as_bytes(), Extent::Whole), None);
}

#[test]
fn text_that_is_not_utf_8_ends_there() {
    let found = judge(Class::Passport, b"C01X00T47\xff", Extent::Begin).unwrap();
    assert_eq!(found.length, 9);
    assert_eq!(judge(Class::PersonName, b"\xff", Extent::Begin), None);
}

#[test]
fn coordinates_are_pairs_or_single_numbers() {
    for (text, length) in [
        ("52.520008", Some(9)),
        ("-13.40", Some(6)),
        ("52.52, 13.40", Some(12)),
        ("52°31'12\"N 13°24'18\"E", Some(23)),
        ("52°31'12\"N", Some(11)),
        ("52", None),
        ("200.123", None),
        ("52.5abc", None),
    ] {
        let found = judge(Class::Geo, text.as_bytes(), Extent::Whole);
        assert_eq!(found.map(|found| found.length), length, "{text}");
    }
}

#[test]
fn value_and_the_label_after_it_are_told_apart() {
    for (class, text, value) in [
        (Class::PersonName, "Jane Roe, DOB: 1987-02-13", "Jane Roe"),
        (Class::DateOfBirth, "1987-02-13 Name: Jane", "1987-02-13"),
        (Class::MedicalRecord, "0012345 Jane Roe", "0012345"),
        (Class::Passport, "C01X00T47 Nationality: DE", "C01X00T47"),
        (Class::CardCode, "123 Exp: 12/30", "123"),
        (Class::Geo, "52.5200, 13.4050 Name: x", "52.5200, 13.4050"),
    ] {
        let found = judge(class, text.as_bytes(), Extent::Begin).unwrap();
        assert_eq!(text.get(..found.length), Some(value), "{text}");
    }
}

#[test]
fn number_of_a_json_value_is_judged_as_it_stands() {
    for (class, text) in [
        (Class::DateOfBirth, "19870213"),
        (Class::Passport, "533380006"),
        (Class::BankAccount, "12345678"),
        (Class::CardCode, "123"),
        (Class::Geo, "52.520008"),
    ] {
        let found = judge(class, text.as_bytes(), Extent::Whole).unwrap();
        assert_eq!(found.length, text.len());
        assert!(found.confidence >= Confidence::Likely);
    }
}

/// Texts in which parts of values, labels and punctuation meet.
fn texts() -> impl Strategy<Value = String> {
    let parts = vec![
        "Jane",
        "Roe",
        "jane",
        "DUPONT",
        "van",
        "de",
        "Dr.",
        "Jr.",
        "J.",
        "O'Brien",
        "MRN",
        "DOB:",
        "1987-02-13",
        "13.02.1987",
        "Feb",
        "T00:00:00Z",
        "12",
        "Main",
        "Street",
        "Hauptstraße",
        "10115",
        "C01X00T47",
        "AB12",
        "CDE",
        "52.520008",
        "°",
        "'",
        "’",
        "王小明",
        "丸の内",
        "김",
        "年",
        "昭和",
        "〒",
        "・",
        " ",
        " ",
        " ",
        ",",
        ", ",
        ".",
        ":",
        ";",
        "|",
        "-",
        "/",
        "\n",
        "\t",
        "\"",
        "<",
        "*",
        "_",
        "xxx",
        "0000",
        "\u{a0}",
        "\u{301}",
        "\u{200d}",
        "İ",
        "ß",
        "ﬁ",
        "#",
    ];
    let piece = prop_oneof![
        6 => prop::sample::select(parts).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[0-9]{1,6}",
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn length_is_the_end_of_a_character_of_the_text(text in texts()) {
        for class in CLASSES {
            for extent in [Extent::Whole, Extent::Begin] {
                if let Some(found) = judge(class, text.as_bytes(), extent) {
                    prop_assert!(found.length > 0);
                    prop_assert!(text.is_char_boundary(found.length), "{} {text:?}", class.name());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_judged(text in prop::collection::vec(any::<u8>(), 0..64)) {
        for class in CLASSES {
            for extent in [Extent::Whole, Extent::Begin] {
                let found = judge(class, &text, extent);
                prop_assert!(found.is_none_or(|found| found.length <= text.len()));
            }
        }
    }

    /// What stands far behind a value changes nothing.
    #[test]
    fn value_at_the_beginning_does_not_depend_on_the_rest(text in texts(), tail in texts()) {
        for class in CLASSES {
            let one = format!("{text}\n{}", "x".repeat(BYTES_MAX));
            let other = format!("{one}{tail}");
            let found = judge(class, one.as_bytes(), Extent::Begin);
            prop_assert_eq!(found, judge(class, other.as_bytes(), Extent::Begin));
        }
    }
}
