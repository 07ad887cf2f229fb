//! How messages are read: escapes, Unicode, names, numbers, JSON in strings, twins.

use super::{detector, parse, plan, redacted};
use crate::class::{Class, ClassSet, Form};
use crate::inspect::{Detector, Settings};

/// Asserts what becomes of JSON texts when every value is labelled.
fn assert_redacted(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(redacted(Form::Label, text), *expected, "in {text}");
    }
}

#[test]
fn escapes_are_read_and_only_the_value_is_replaced() {
    assert_redacted(&[
        (
            r#"["a \u0022x\u0022 jane\u0040example.com \/ z"]"#,
            r#"["a \u0022x\u0022 [EMAIL] \/ z"]"#,
        ),
        (r#"["\u0030\u0037\u0038-05-1120\n"]"#, r#"["[US_SSN]\n"]"#),
        (r#"["line\njane@example.com\r\n"]"#, r#"["line\n[EMAIL]\r\n"]"#),
        (r#"["\u0041KIA\u00411B2C3D4E5F6G7H8"]"#, r#"["[API_KEY]"]"#),
        (r#"["\ud835\udfd2111 1111 1111 1111"]"#, r#"["[CARD]"]"#),
        (
            r#"["-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"]"#,
            r#"["[PRIVATE_KEY]\n"]"#,
        ),
    ]);
}

#[test]
fn unicode_forms_are_read() {
    assert_redacted(&[
        ("[\"4111\u{a0}1111\u{2009}1111\u{202f}1111\"]", "[\"[CARD]\"]"),
        ("[\"078\u{2011}05\u{2013}1120 é\"]", "[\"[US_SSN] é\"]"),
        ("[\"é jane＠example．com é\"]", "[\"é [EMAIL] é\"]"),
        ("[\"４１１１１１１１１１１１１１１１\"]", "[\"[CARD]\"]"),
        ("[\"ja\u{200b}ne@exam\u{ad}ple.com\"]", "[\"[EMAIL]\"]"),
        ("[\"078-05\u{200d}-11\u{feff}20\"]", "[\"[US_SSN]\"]"),
        (
            "[\"\u{660}\u{667}\u{668}-\u{660}\u{665}-\u{661}\u{661}\u{662}\u{660}\"]",
            "[\"[US_SSN]\"]",
        ),
        (r#"["078\u201105\u20111120"]"#, r#"["[US_SSN]"]"#),
        ("[\"电话+8613812345678。\"]", "[\"电话[PHONE]。\"]"),
    ]);
}

#[test]
fn member_names_are_carriers_and_stay_distinct() {
    assert_redacted(&[
        (r#"{"jane@example.com":1}"#, r#"{"[EMAIL]":1}"#),
        (
            r#"{"a@b.de":1,"c@d.de":2,"x":3,"e@f.de":4}"#,
            r#"{"[EMAIL]":1,"[EMAIL_2]":2,"x":3,"[EMAIL_3]":4}"#,
        ),
        (r#"[{"a@b.de":1},{"c@d.de":2}]"#, r#"[{"[EMAIL]":1},{"[EMAIL]":2}]"#),
        (r#"{"a@b.de":{"c@d.de":1},"e@f.de":2}"#, r#"{"[EMAIL]":{"[EMAIL]":1},"[EMAIL_2]":2}"#),
        (r#"{"[EMAIL]":1,"a@b.de":2}"#, r#"{"[EMAIL]":1,"[EMAIL_2]":2}"#),
        (
            r#"{"[EMAIL_2]":1,"a@b.de":2,"c@d.de":3}"#,
            r#"{"[EMAIL_2]":1,"[EMAIL_3]":2,"[EMAIL_4]":3}"#,
        ),
        (r#"{"t":"{\"a@b.de\":1,\"c@d.de\":2}"}"#, r#"{"t":"{\"[EMAIL]\":1,\"[EMAIL_2]\":2}"}"#),
        (r#"{"phones":{"2125550147":"home"}}"#, r#"{"phones":{"[PHONE]":"home"}}"#),
    ]);
}

#[test]
fn masked_and_dropped_names_are_labelled() {
    for form in [Form::Mask, Form::Drop] {
        assert_eq!(redacted(form, r#"{"a@b.de":1,"a2@b.de":2}"#), r#"{"[EMAIL]":1,"[EMAIL_2]":2}"#);
    }
}

#[test]
fn numbers_stay_numbers() {
    assert_redacted(&[
        (r#"{"ssn":123456789}"#, r#"{"ssn":0}"#),
        (r#"{"ssn":78051120}"#, r#"{"ssn":0}"#),
        (r#"{"phone": 2125550147 }"#, r#"{"phone": 0 }"#),
        (r#"{"card":4111111111111111}"#, r#"{"card":0}"#),
        (r#"[4111111111111111]"#, "[0]"),
        (r#"{"order_id":4111111111111111}"#, r#"{"order_id":4111111111111111}"#),
        (
            r#"{"n":123456789,"t":1731234567,"x":4111111111111112}"#,
            r#"{"n":123456789,"t":1731234567,"x":4111111111111112}"#,
        ),
        (r#"{"phone":1.25e10,"ssn":12.5}"#, r#"{"phone":1.25e10,"ssn":12.5}"#),
        (
            r#"{"t":"{\"ssn\":123456789,\"n\":[4111111111111111]}"}"#,
            r#"{"t":"{\"ssn\":0,\"n\":[0]}"}"#,
        ),
    ]);
    assert_eq!(redacted(Form::Mask, r#"{"ssn":123456789}"#), r#"{"ssn":0}"#);
    assert_eq!(redacted(Form::Drop, r#"{"ssn":123456789}"#), r#"{"ssn":null}"#);
}

#[test]
fn member_names_explain_bare_digits() {
    assert_redacted(&[
        (r#"{"phone":"2125550147"}"#, r#"{"phone":"[PHONE]"}"#),
        (r#"{"homePhone":"020 7946 0958"}"#, r#"{"homePhone":"[PHONE]"}"#),
        (r#"{"phones":["2125550147","020 79460958"]}"#, r#"{"phones":["[PHONE]","[PHONE]"]}"#),
        (
            r#"{"phone":{"type":"home","number":"2125550147"}}"#,
            r#"{"phone":{"type":"home","number":"[PHONE]"}}"#,
        ),
        (r#"{"SSN":"078051120"}"#, r#"{"SSN":"[US_SSN]"}"#),
        (r#"{"p\u0068one":"2125550147"}"#, r#"{"p\u0068one":"[PHONE]"}"#),
    ]);
    let untouched = [
        r#"{"phone_verified_at":1731234567,"phoneType":"1234567","phone":{"id":"2125550147"}}"#,
        r#"{"order":"2125550147","customer_number":"123456789"}"#,
        r#"{"version":"10.20.30.40","oid":"1.2.3.4","firmwareVersion":"1.2.3.4"}"#,
        r#"{"ssn_last4":"1120","card_last_four":"1111"}"#,
    ];
    for text in untouched {
        assert_eq!(redacted(Form::Label, text), text);
    }
}

#[test]
fn json_in_strings_is_read_as_json() {
    assert_redacted(&[
        (
            r#"{"text":"{\"ssn\":\"078051120\",\"mail\":\"a@b.de\"}"}"#,
            r#"{"text":"{\"ssn\":\"[US_SSN]\",\"mail\":\"[EMAIL]\"}"}"#,
        ),
        (
            r#"{"text":"[{\"phones\":[\"2125550147\"]}]"}"#,
            r#"{"text":"[{\"phones\":[\"[PHONE]\"]}]"}"#,
        ),
        (
            r#"{"text":"{\"m\":\"x\\njane\\u0040example.com\\n\"}"}"#,
            r#"{"text":"{\"m\":\"x\\n[EMAIL]\\n\"}"}"#,
        ),
        (
            r#"{"t":"{\"t\":\"{\\\"ssn\\\":123456789,\\\"m\\\":\\\"a@b.de\\\"}\"}"}"#,
            r#"{"t":"{\"t\":\"{\\\"ssn\\\":0,\\\"m\\\":\\\"[EMAIL]\\\"}\"}"}"#,
        ),
        (r#"{"text":"{\"ssn\":\"078051120\""}"#, r#"{"text":"{\"ssn\":\"[US_SSN]\""}"#),
        (
            r#"{"text":"[INFO] jane@example.com said \"hi"}"#,
            r#"{"text":"[INFO] [EMAIL] said \"hi"}"#,
        ),
        (r#"{"text":"[212-555-0147]"}"#, r#"{"text":"[[PHONE]]"}"#),
        (r#"{"text":"{\"a\":1} then a@b.de"}"#, r#"{"text":"{\"a\":1} then [EMAIL]"}"#),
    ]);
}

#[test]
fn json_in_strings_stays_json() {
    let inner = r#"{"ssn":123456789,"m":"x\nä\u0040 a@b.de","c@d.de":[4111111111111111],"k":"\""}"#;
    for form in [Form::Label, Form::Mask, Form::Drop, Form::Block, Form::Report] {
        let mut text = b"{\"content\":".to_vec();
        crate::json::write_string(&mut text, inner);
        text.push(b'}');
        let out = redacted(form, std::str::from_utf8(&text).unwrap());
        let document = parse(&out);
        parse(&document.root().get("content").unwrap().as_str().unwrap());
    }
}

#[test]
fn number_found_once_is_hidden_everywhere() {
    // The structured copy says what the number is, the text copy does not.
    let text = r#"{"content":[{"type":"text","text":"Jane: 2125550147, 078051120"}],"structuredContent":{"phone":"2125550147","ssn":78051120,"n":[78051121,"2125550147"]}}"#;
    let expected = r#"{"content":[{"type":"text","text":"Jane: [PHONE], 078051120"}],"structuredContent":{"phone":"[PHONE]","ssn":0,"n":[78051121,"[PHONE]"]}}"#;
    assert_redacted(&[
        (text, expected),
        (r#"{"a":"id 078051120","ssn":"078-05-1120"}"#, r#"{"a":"id [US_SSN]","ssn":"[US_SSN]"}"#),
        (
            r#"{"2125550147":1,"x":2125550147,"tel":"(212) 555-0147"}"#,
            r#"{"[PHONE_1000000001]":1,"x":0,"tel":"[PHONE]"}"#,
        ),
    ]);
    let (plan, _) = plan(&detector(Form::Label), text, ClassSet::empty());
    assert_eq!(plan.counts.of(Class::Phone), 3);
}

#[test]
fn twins_in_content_and_structured_content_are_both_clean() {
    let record = r#"{"name":"Jane","email":"jane@example.com","ssn":"078-05-1120","card":4111111111111111,"phone":"2125550147","iban":"DE89370400440532013000","ip":"203.0.113.7"}"#;
    let mut text =
        br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"#.to_vec();
    crate::json::write_string(&mut text, record);
    text.extend_from_slice(format!("}}],\"structuredContent\":{record}}}}}").as_bytes());
    let out = redacted(Form::Label, std::str::from_utf8(&text).unwrap());
    let document = parse(&out);
    let expected = r#"{"name":"[PERSON_NAME]","email":"[EMAIL]","ssn":"[US_SSN]","card":0,"phone":"[PHONE]","iban":"[IBAN]","ip":"[IP]"}"#;
    let root = document.root();
    assert_eq!(root.pointer("/result/content/0/text").unwrap().as_str().unwrap(), expected);
    assert_eq!(root.pointer("/result/structuredContent").unwrap().raw(), expected.as_bytes());
}

#[test]
fn only_what_is_below_the_root_is_planned() {
    let document = parse(r#"{"a":"a@b.de","b":{"c":"c@d.de"}}"#);
    let plan = detector(Form::Label).plan(document.root().get("b").unwrap(), ClassSet::empty());
    assert_eq!(plan.apply(document.bytes()), r#"{"a":"a@b.de","b":{"c":"[EMAIL]"}}"#);
}

#[test]
fn neighbours_that_are_values_hide_nothing() {
    assert_redacted(&[
        (r#"["4111111111111111-078-05-1120"]"#, r#"["[CARD]-[US_SSN]"]"#),
        (r#"["078-05-1120-078-05-1120"]"#, r#"["078-05-1120-078-05-1120"]"#),
        (r#"["a@b.de/212-555-0147/4111111111111111"]"#, r#"["[EMAIL]/[PHONE]/[CARD]"]"#),
    ]);
}

#[test]
fn bare_name_beside_personal_data_stays_where_names_are_not_looked_for() {
    let text = r#"{"name":"Jane Roe","mail":"jane@example.com"}"#;
    let forms = |classes: &[Class]| classes.iter().map(|class| (*class, Form::Label)).collect();
    let settings = |classes: &[Class]| Settings { forms: forms(classes), ..Settings::default() };
    for (classes, expected) in [
        (&[Class::Email][..], r#"{"name":"Jane Roe","mail":"[EMAIL]"}"#),
        (&[Class::Email, Class::PersonName], r#"{"name":"[PERSON_NAME]","mail":"[EMAIL]"}"#),
    ] {
        let detector = Detector::new(&settings(classes)).unwrap();
        assert_eq!(plan(&detector, text, ClassSet::empty()).1, expected);
    }
}

#[test]
fn names_that_are_copies_stay_distinct_from_those_found_by_their_form() {
    let form = format!("{}{}", "gh", "p_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5z");
    let named = "Zx9kQ2mLw7Rt5Yp3Bn8";
    let text = format!(r#"{{"o":{{"{form}":1,"{named}":2}},"api_key":"{named}"}}"#);
    // Reads the outcome again, which refuses members with the same name.
    let (plan, out) = plan(&detector(Form::Label), &text, ClassSet::empty());
    assert!(!out.contains(named) && !out.contains(&form), "{out}");
    assert_eq!(plan.counts.of(Class::ApiKey), 3);
}

#[test]
fn report_says_which_finds_are_copies_of_another() {
    let document = parse(r#"{"password":"Vq7kestrel000Zr","log":"tried Vq7kestrel000Zr twice"}"#);
    let plan = detector(Form::Label).report(document.root(), ClassSet::empty());
    let copies: Vec<bool> = plan.found().iter().map(|found| found.copy).collect();
    assert_eq!(copies, [false, true]);
}

/// Found in a second reading beside what the first one hid, a value was once taken for hidden.
#[test]
fn value_that_a_second_reading_finds_around_another_is_hidden_whole() {
    let text = r#"{"address":"x\\t203.0.113.7, +\\tDE89 3704 0044 0532 0130 00;  -> +1 212 555 0147\\norder"}"#;
    let out = super::redacted(Form::Label, text);
    assert!(!out.contains("3704") && !out.contains("203.0.113"), "{out}");
}
