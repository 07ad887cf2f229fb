//! What words say about values.

use proptest::prelude::*;

use super::{Hints, Keys, Labels, before, by_last_word, label_start, meaning, of_name};
use crate::class::Class;

fn one(class: Class) -> Hints {
    Hints::of(&[class])
}

#[test]
fn names_are_split_and_understood() {
    let cases: [(&str, Hints); 36] = [
        ("ssn", one(Class::UsSsn)),
        ("customerSSN", one(Class::UsSsn) | Hints::SOMEBODY),
        ("SSNNumber", one(Class::UsSsn)),
        ("social_security_number", one(Class::UsSsn)),
        ("socialSecurity", one(Class::UsSsn)),
        ("s\\u0073n", one(Class::UsSsn)),
        ("phone", one(Class::Phone)),
        ("homePhone_2", one(Class::Phone)),
        ("PHONE-NUMBER", one(Class::Phone)),
        ("phonenumber", one(Class::Phone)),
        ("mobile", one(Class::Phone)),
        ("t\u{e9}l\u{e9}phone", one(Class::Phone)),
        ("creditCard", one(Class::Card)),
        ("dateOfBirth", one(Class::DateOfBirth)),
        ("Date of birth", one(Class::DateOfBirth)),
        ("D.O.B.", one(Class::DateOfBirth)),
        ("passportNo", one(Class::Passport)),
        ("N\u{fa}mero de pasaporte", one(Class::Passport)),
        ("\u{8eab}\u{4efd}\u{8bc1}\u{53f7}", one(Class::CnResidentId)),
        ("db_password", one(Class::Password)),
        ("password_policy", Hints::ABOUT),
        ("patientName", one(Class::PersonName)),
        ("customer_name", one(Class::PersonName)),
        ("server_name", Hints::NAME | Hints::SOMETHING),
        ("username", Hints::NONE),
        ("phone_verified", Hints::ABOUT),
        ("phoneType", Hints::ABOUT),
        ("ssnLast4", Hints::ABOUT),
        ("card_last_four", Hints::ABOUT),
        ("phoneId", Hints::ABOUT),
        ("order", Hints::SERIAL),
        ("number", Hints::GENERIC),
        ("name", Hints::NAME),
        ("microphone", Hints::NONE),
        ("x[phone].y", Hints::NONE),
        ("phone[0]", one(Class::Phone)),
    ];
    for (name, hints) in cases {
        let found = of_name(name.as_bytes());
        let found_ = (found.classes, found.has(Hints::ABOUT), found == Hints::GENERIC);
        let hints_ = (hints.classes, hints.has(Hints::ABOUT), hints == Hints::GENERIC);
        assert_eq!(found_, hints_, "{name}: {found:?}");
    }
}

#[test]
fn generic_name_takes_the_meaning_of_the_name_around_it() {
    let keys = |own: &str, outer: &str| {
        Keys::NONE.member(of_name(outer.as_bytes())).member(of_name(own.as_bytes())).hints()
    };
    assert_eq!(keys("number", "phone"), one(Class::Phone));
    assert_eq!(keys("customer", "phone").classes, Hints::NONE.classes);
    assert_eq!(keys("type", "phone"), Hints::ABOUT);
    assert!(keys("name", "patient").names(Class::PersonName));
    assert!(!keys("name", "server").names(Class::PersonName));
}

#[test]
fn words_joined_to_the_value_count() {
    let cases = [
        ("SSN: ", one(Class::UsSsn)),
        ("ssn=", one(Class::UsSsn)),
        ("my SSN is ", one(Class::UsSsn)),
        ("social security number: ", one(Class::UsSsn)),
        ("Date of birth: ", one(Class::DateOfBirth)),
        ("\"homePhone\":\"", one(Class::Phone)),
        ("{\\\"phone\\\": \\\"", one(Class::Phone)),
        ("call me at ", one(Class::Phone)),
        ("Tel. no ", one(Class::Phone)),
        ("Tel.: ", one(Class::Phone)),
        ("phone model XR ", Hints::NONE),
        ("phone_verified_at: ", Hints::ABOUT),
        ("the ssn field, then ", Hints::NONE),
        ("security ", Hints::NONE),
        ("", Hints::NONE),
    ];
    for (text, hints) in cases {
        assert_eq!(before(text.as_bytes(), text.len(), &Labels::default()), hints, "{text:?}");
    }
}

const WORDS: [&str; 24] = [
    "card", "Number", "phone", "medicare", "No", "name", "customer", "SSN", "order", "from",
    "birth", "of", "date", "ID", "tax", "holder", "Home", "Passport", "policy", "last", "4", "é",
    "Call", "sim",
];

proptest! {
    #[test]
    fn last_word_decides_alone_only_where_the_whole_label_says_the_same(
        parts in prop::collection::vec(
            (prop_oneof![2 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => "[A-Z]?[a-z]{1,9}"],
             prop::sample::select(&["", " ", " ", ".", ". ", "/", "_", "-", ", "][..])),
            1..7,
        ),
    ) {
        let mut text: String = parts.iter().map(|(word, joint)| format!("{word}{joint}")).collect();
        text.truncate(text.trim_end_matches([' ', '.', '/', ',']).len());
        if let Some(hints) = by_last_word(text.as_bytes()) {
            let label = &text.as_bytes()[label_start(text.as_bytes())..];
            prop_assert_eq!(hints, meaning(label), "{}", text);
        }
    }
}
