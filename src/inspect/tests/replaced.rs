//! What was put in the place of a value is nobody's: a second look leaves it alone.

use super::{custom, plan};
use crate::class::{Class, ClassSet, Confidence, Form};
use crate::dictionary::{Case, Dictionary};
use crate::inspect::{
    Allowed, Counts, CustomDictionary, CustomName, Detector, FieldRule, KEEP_SYMBOLS_MAX,
    Pseudonyms, Settings,
};

/// Every class in one form, with a pattern, a dictionary and a field of one's own.
fn settings(form: Form) -> Settings {
    let words = Dictionary::new("Blue Heron\nAcme", Case::Ignored).unwrap();
    Settings {
        forms: Class::BUILTIN.into_iter().map(|class| (class, form)).collect(),
        custom: vec![custom("employee", r"EMP-\d{6}|\b\d{5}-\d{5}\b", form)],
        dictionaries: vec![CustomDictionary {
            name: "project".into(),
            words: words.into(),
            form,
            on: true,
        }],
        named: vec![CustomName { name: "remark".into(), form }],
        fields: vec![
            FieldRule { path: "/note".into(), class: Class::Custom(2) },
            FieldRule { path: "**.who".into(), class: Class::PersonName },
            FieldRule { path: "**.born".into(), class: Class::DateOfBirth },
            FieldRule { path: "**.tax".into(), class: Class::TaxId },
        ],
        pseudonyms: Some(Pseudonyms::new(&[7; 32], "t")),
        ..Settings::default()
    }
}

fn detector(form: Form) -> Detector {
    Detector::new(&settings(form)).unwrap()
}

const RECORDS: [&str; 12] = [
    r#"{"mail":"jane.roe@example.com","phone":"+1 (212) 555-0147","ssn":"078-05-1120"}"#,
    r#"["write to jane.roe@example.com or call 212-555-0147, 203.0.113.7, 2001:db8::1"]"#,
    r#"{"card":"4111 1111 1111 1111","iban":"DE89 3704 0044 0532 0130 00"}"#,
    r#"["078-05-1120 4111 1111 1111 1111 and GB82 WEST 1234 5698 7654 32."]"#,
    r#"{"ssn":123456789,"phone":2125550147,"card":4111111111111111}"#,
    r#"{"note":"anything \"at\" all\n","note2":["Blue Heron","EMP-004217","12345-67890"]}"#,
    r#"{"who":"Jane Roe","born":"12 March 1980","tax":11223344,"x":{"who":["王小明",7]}}"#,
    r#"["{\"who\":\"Roe, Jane\",\"tax\":11223344,\"note\":\"a\\\"b\"}"]"#,
    r#"{"jane.roe@example.com":1,"c@d.de":"BLUE heron of acme","+1 212 555 0147":null}"#,
    r#"{"key":"AKIAIOSFODNN7EXAMPLE","token":"ghp_a1B2c3a1B2c3a1B2c3a1B2c3a1B2c3a1B2c3"}"#,
    r#"["a\u0040b.de is ａ＠ｂ．ｄｅ, 4111\u00a01111\u00a01111\u00a01111 is 4111111111111111"]"#,
    r#"["eyJhbGciOiJIUzI1NiJ9.e30.c2ln","-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"]"#,
];

#[test]
fn second_look_leaves_what_was_put_in_the_place_of_values() {
    for form in [Form::Mask, Form::Label, Form::Surrogate, Form::Pseudonym, Form::Drop] {
        let detector = detector(form);
        for record in RECORDS {
            let (first, once) = plan(&detector, record, ClassSet::empty());
            assert!(first.counts.total() > 0, "{record}");
            let (second, twice) = plan(&detector, &once, ClassSet::empty());
            assert_eq!(twice, once, "{form:?} of {record}");
            // A mask shows a part, which under a rule for its field is masked to itself.
            let clean = form == Form::Mask || second.counts.is_empty();
            assert!(clean, "{form:?} of {record}: {once}, then {:?}", second.counts);
        }
    }
}

#[test]
fn second_gateway_leaves_what_the_first_one_wrote() {
    let labels = detector(Form::Label);
    for form in [Form::Label, Form::Surrogate, Form::Pseudonym] {
        for record in RECORDS.into_iter().filter(|record| !record.contains("note")) {
            let (_, once) = plan(&detector(form), record, ClassSet::empty());
            let (second, _) = plan(&labels, &once, ClassSet::empty());
            let secrets = form == Form::Surrogate && record.contains("who");
            assert!(second.counts.is_empty() || secrets, "{form:?} of {record}: {once}");
        }
    }
}

#[test]
fn surrogates_and_pseudonyms_in_messages() {
    let surrogate = detector(Form::Surrogate);
    let out = plan(&surrogate, RECORDS[0], ClassSet::empty()).1;
    let expected =
        r#"{"mail":"redacted@redacted.invalid","phone":"+0 (000) 000-0000","ssn":"000-00-0000"}"#;
    assert_eq!(out, expected);
    let pseudonym = detector(Form::Pseudonym);
    let text =
        r#"["Jane.Roe@example.com","x jane.roe@EXAMPLE.com y","{\"m\":\"jane.roe@example.com\"}"]"#;
    let out = plan(&pseudonym, text, ClassSet::empty()).1;
    let first = out.split('"').nth(1).unwrap().to_owned();
    assert!(first.starts_with("[EMAIL#") && out.matches(&first).count() == 3, "{out}");
    let numbers = r#"{"ssn":123456789,"a":{"ssn":123456789},"b":{"ssn":123456788}}"#;
    let out = plan(&pseudonym, numbers, ClassSet::empty()).1;
    let made: Vec<&str> =
        out.split(['{', '}', ',', ':']).filter(|part| part.starts_with('-')).collect();
    assert!(made.len() == 3 && made[0] == made[1] && made[0] != made[2], "{out}");
}

#[test]
fn dictionaries_are_found_where_patterns_are() {
    let detector = detector(Form::Label);
    let text = r#"{"Acme":["ab BLUE\u0020Heron, blueheron"],"t":"{\"p\":\"acme\"}"}"#;
    let (plan, out) = plan(&detector, text, ClassSet::empty());
    assert_eq!(out, r#"{"[PROJECT]":["ab [PROJECT], blueheron"],"t":"{\"p\":\"[PROJECT]\"}"}"#);
    assert_eq!(plan.counts.of(Class::Custom(1)), 3);
    assert_eq!(detector.custom_name(Class::Custom(1)), "project");
    let mut counts = Counts::default();
    let shown = ClassSet::from_iter([Class::Custom(1)]);
    assert_eq!(detector.redact_text("of Acme", shown, &mut counts), "of Acme");
}

#[test]
fn fields_have_classes_of_their_own() {
    let detector = detector(Form::Label);
    let text = r#"{"note":"free text","deep":{"note":"stays"},"who":"x y"}"#;
    let hidden = plan(&detector, text, ClassSet::empty()).1;
    assert_eq!(hidden, r#"{"note":"[REMARK]","deep":{"note":"stays"},"who":"[PERSON_NAME]"}"#);
    let shown = plan(&detector, text, ClassSet::from_iter([Class::Custom(2)])).1;
    assert_eq!(shown, r#"{"note":"free text","deep":{"note":"stays"},"who":"[PERSON_NAME]"}"#);
}

#[test]
fn keep_and_least_are_of_their_class_alone() {
    let forms = vec![(Class::Card, Form::Mask), (Class::UsSsn, Form::Mask)];
    let keep = vec![(Class::Card, KEEP_SYMBOLS_MAX), (Class::UsSsn, 2)];
    let least = vec![(Class::UsSsn, Confidence::Certain)];
    let settings = Settings { forms, keep, ..Settings::default() };
    let text = r#"["4111 1111 1111 1111","ssn 078-05-1120"]"#;
    let out = plan(&Detector::new(&settings).unwrap(), text, ClassSet::empty()).1;
    // PCI DSS allows no more than four of a card.
    assert_eq!(out, r#"["**** **** **** 1111","ssn ***-**-**20"]"#);
    let strict = Detector::new(&Settings { least, ..settings }).unwrap();
    assert!(plan(&strict, text, ClassSet::empty()).1.contains("**** **** **** 1111"));
}

#[test]
fn more_values_can_be_left_alone() {
    let base = detector(Form::Label);
    let value = String::from("*@example.com");
    let more = base.allowing(&[Allowed { class: Some(Class::Email), value }]);
    let text = r#"["a@example.com b@example.org"]"#;
    assert_eq!(plan(&base, text, ClassSet::empty()).1, r#"["[EMAIL] [EMAIL]"]"#);
    assert_eq!(plan(&more, text, ClassSet::empty()).1, r#"["a@example.com [EMAIL]"]"#);
}

#[test]
fn names_of_classes_are_all_different() {
    let twice = |named: &str| {
        let mut settings = settings(Form::Label);
        settings.named.push(CustomName { name: named.into(), form: Form::Label });
        Detector::new(&settings).is_err()
    };
    assert!(twice("employee") && twice("project") && twice("remark") && twice("email"));
    assert!(!twice("other"));
}
