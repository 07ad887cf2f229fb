//! Hidden, and still what the schema asks for.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Fit, Fitting, Mask};
use crate::class::{Class, ClassSet, Form};
use crate::inspect::{CustomPattern, Detector, Settings};
use crate::json::{ANSWER, Document, apply};
use crate::limits::STRUCTURED_BYTES_MAX;
use crate::schema::Schema;

const MAIL: &str = "ada.byron@example.com";
const OTHER: &str = "grace@example.org";
const SSN: &str = "219-09-9999";
const CARD: &str = "4111 1111 1111 1111";
const PHONE: &str = "+1 212-555-0147";
const IBAN: &str = "GB82 WEST 1234 5698 7654 32";

fn detector(form: Form) -> Detector {
    let custom = CustomPattern {
        name: "employee".to_owned(),
        pattern: "EMP-[0-9]{6}".to_owned(),
        form: Form::Label,
        on: true,
    };
    let forms = Class::BUILTIN.into_iter().map(|class| (class, form)).collect();
    Detector::new(&Settings { forms, custom: vec![custom], ..Settings::default() }).unwrap()
}

/// A message around a result, what became of it, and the result as it leaves.
fn message(form: Form, schema: &Value, result: &Value) -> (String, Value) {
    let detector = detector(form);
    let text = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [
        {"type": "text", "text": result.to_string()}], "structuredContent": result}});
    let document = Document::parse(Bytes::from(text.to_string()), &ANSWER).unwrap();
    let plan = detector.plan(document.root(), ClassSet::empty());
    let structured = document.root().pointer("/result/structuredContent").unwrap();
    let mut masks = Mask::all(&[], &plan);
    let fitting = Fitting {
        detector: &detector,
        reveal: ClassSet::empty(),
        document: &document,
        structured,
        gates: &[],
    };
    let fit = fitting.fit(&Schema::read(schema.to_string().as_bytes()).unwrap(), &masks);
    let name = fit.name().to_owned();
    if let Fit::Chosen(edits) = fit {
        Mask::replace(&mut masks, edits);
    }
    let edits: Vec<_> = masks.into_iter().map(|mask| mask.edit).collect();
    let out = apply(document.bytes(), &edits);
    let out: Value = serde_json::from_slice(&out).unwrap();
    // `content` keeps what the plan says, whatever was chosen.
    let ordinary: Value = serde_json::from_slice(&plan.apply(document.bytes())).unwrap();
    assert_eq!(out["result"]["content"], ordinary["result"]["content"]);
    (name, out["result"]["structuredContent"].clone())
}

fn fit(schema: &Value, result: &Value) -> (String, Value) {
    message(Form::Mask, schema, result)
}

/// One member with this schema and value.
fn one(name: &str, schema: &Value, value: &Value) -> (String, Value) {
    let (fit, result) = fit(
        &json!({"type": "object", "properties": {name: schema}, "required": [name]}),
        &json!({name: value}),
    );
    (fit, result[name].clone())
}

#[test]
fn what_fits_as_it_is_stays_as_it_is() {
    // Whatever one validator says of a mask, another may not take it for an address.
    assert_eq!(one("mail", &json!({"format": "idn-email"}), &json!(MAIL)).0, "chosen");
    for schema in [json!({}), json!({"type": "string"}), json!({"maxLength": 40})] {
        assert_eq!(one("mail", &schema, &json!(MAIL)).0, "planned", "{schema}");
    }
    assert_eq!(one("ssn", &json!({"type": "integer"}), &json!(219_099_999)), planned(json!(0)));
}

fn planned(value: Value) -> (String, Value) {
    ("planned".to_owned(), value)
}

fn chosen(value: Value) -> (String, Value) {
    ("chosen".to_owned(), value)
}

#[test]
fn classes_and_formats_have_surrogates() {
    for (name, format, value, instead) in [
        ("mail", "email", MAIL, "redacted-1@redacted.invalid"),
        ("mail", "idn-email", MAIL, "redacted-1@redacted.invalid"),
        ("host", "ipv4", "198.51.100.23", "0.0.0.0"),
        ("host", "ipv6", "2001:db8:85a3::8a2e:370:7334", "::"),
        ("link", "uri", "mailto:ada.byron@example.com", "https://redacted.invalid/"),
    ] {
        let schema = json!({"type": "string", "format": format});
        assert_eq!(one(name, &schema, &json!(value)), chosen(json!(instead)), "{format}");
    }
}

#[test]
fn patterns_get_a_plain_text_that_matches() {
    for (name, pattern, value, instead) in [
        ("ssn", r"^\d{3}-\d{2}-\d{4}$", SSN, "000-00-0000"),
        ("card", r"^\d{4}( \d{4}){3}$", CARD, "0000 0000 0000 0000"),
        ("card", r"^\d{13,19}$", "4111111111111111", "0000000000000000"),
        ("phone", r"^\+\d+$", "+12125550147", "+00000000000"),
        ("phone", r"^\+\d{1,3} \d{3}-\d{3}-\d{4}$", PHONE, "+0 000-000-0000"),
        ("iban", "^[A-Z]{2}[0-9]{2}[A-Z0-9 ]+$", IBAN, "XX00000000000000000000"),
        ("mail", r"^[^@]+@example\.com$", MAIL, "0@example.com"),
        ("id", "^EMP-[0-9]{6}$", "EMP-004217", "EMP-000000"),
    ] {
        let schema = json!({"type": "string", "pattern": pattern});
        let (fit, out) = one(name, &schema, &json!(value));
        if pattern == r"^[^@]+@example\.com$" {
            // An address in a real domain may be somebody's.
            assert_eq!(fit, "unfit", "{out}");
            continue;
        }
        assert_eq!((fit, out), chosen(json!(instead)), "{pattern}");
    }
}

#[test]
fn lengths_are_kept() {
    for (schema, value, length) in [
        (json!({"type": "string", "maxLength": 6}), "a@b.co", 6),
        (json!({"type": "string", "minLength": 21, "maxLength": 21}), MAIL, 21),
        (
            json!({"type": "string", "minLength": 11, "maxLength": 11, "pattern": "^[0-9-]+$"}),
            SSN,
            11,
        ),
    ] {
        // Labels are longer, or shorter, than what they stand for.
        let (fit, out) =
            message(Form::Label, &json!({"properties": {"v": schema}}), &json!({"v": value}));
        assert_eq!(fit, "chosen", "{schema}");
        assert_eq!(out["v"].as_str().unwrap().chars().count(), length, "{out}");
    }
}

#[test]
fn text_around_a_value_stays_where_stars_fit() {
    let schema = json!({"properties": {"note": {"type": "string", "maxLength": 24}}});
    let (fit, out) =
        message(Form::Label, &schema, &json!({"note": "to a@b.co, or \u{e9}\"x@y.de\""}));
    assert_eq!((fit, out["note"].clone()), chosen(json!("to ******, or \u{e9}\"******\"")));
}

#[test]
fn enumerations_offer_another_member_and_constants_none() {
    let members = json!({"enum": ["EMP-004217", "nobody"]});
    assert_eq!(one("who", &members, &json!("EMP-004217")), chosen(json!("nobody")));
    // The other one is somebody too.
    let members = json!({"enum": ["EMP-004217", "EMP-004218"]});
    assert_eq!(one("who", &members, &json!("EMP-004217")).0, "unfit");
    assert_eq!(one("who", &json!({"const": "EMP-004217"}), &json!("EMP-004217")).0, "unfit");
    assert_eq!(
        one("who", &json!({"enum": ["EMP-004217", null]}), &json!("EMP-004217")),
        chosen(Value::Null)
    );
}

#[test]
fn numbers_stay_within_their_bounds() {
    let ssn = json!(219_099_999);
    for (schema, instead) in [
        (json!({"type": "integer", "minimum": 1}), json!(1)),
        (json!({"type": "integer", "exclusiveMinimum": 0}), json!(1)),
        (json!({"type": "integer", "minimum": 5, "multipleOf": 3}), json!(6)),
        (
            json!({"type": "integer", "minimum": 100_000_000, "maximum": 999_999_999}),
            json!(100_000_000),
        ),
        (json!({"type": ["integer", "null"], "not": {"const": 0}}), json!(1)),
    ] {
        assert_eq!(one("ssn", &schema, &ssn), chosen(instead), "{schema}");
    }
    // There is no other number.
    let alone = json!({"type": "integer", "minimum": 219_099_999, "maximum": 219_099_999});
    assert_eq!(one("ssn", &alone, &ssn).0, "unfit");
}

#[test]
fn dropped_values_are_null_only_where_null_is_allowed() {
    let of = |kind: Value| {
        let schema = json!({"properties": {"v": {"type": kind}}});
        let (fit, out) = message(Form::Drop, &schema, &json!({"v": MAIL}));
        (fit, out["v"].clone())
    };
    assert_eq!(of(json!(["string", "null"])), planned(Value::Null));
    assert_eq!(of(json!("string")), chosen(json!("redacted-1@redacted.invalid")));
}

#[test]
fn unions_and_references_are_looked_through() {
    let schema = json!({
        "$defs": {"mail": {"type": "string", "format": "email"},
            "person": {"type": "object", "required": ["mail"], "additionalProperties": false,
                "properties": {"mail": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/mail"}]},
                    "boss": {"$ref": "#/$defs/person"}}}},
        "type": "object", "properties": {"people": {"type": "array", "items":
            {"oneOf": [{"$ref": "#/$defs/person"}, {"type": "integer"}]}}}});
    let result = json!({"people": [{"mail": MAIL, "boss": {"mail": OTHER}}, 7, {"mail": MAIL}]});
    let (fit, out) = fit(&schema, &result);
    assert_eq!(fit, "chosen");
    let first = "redacted-1@redacted.invalid";
    let people = json!([{"mail": first, "boss": {"mail": "redacted-2@redacted.invalid"}}, 7,
        {"mail": first}]);
    assert_eq!(out["people"], people, "the same value has the same surrogate");
}

#[test]
fn a_union_may_ask_for_the_same_branch() {
    // The member that comes first would fit both branches, and so none.
    let schema = json!({"properties": {"v": {"oneOf": [
        {"enum": ["EMP-004217", "first", "second"]}, {"enum": ["first"]}]}}});
    let (fit, out) = fit(&schema, &json!({"v": "EMP-004217"}));
    assert_eq!((fit, out["v"].clone()), chosen(json!("second")));
    let schema = json!({"properties": {"v": {"allOf": [{"not": {"pattern": "\\*"}}]}}});
    let (fit, out) = super::tests::fit(&schema, &json!({"v": MAIL}));
    assert_eq!((fit, out["v"].clone()), chosen(json!("redacted-1@redacted.invalid")));
}

#[test]
fn names_of_members_fit_too() {
    let schema = json!({"propertyNames": {"format": "email"}, "additionalProperties":
        {"type": "integer"}});
    let (fit, out) = fit(&schema, &json!({MAIL: 1, OTHER: 2}));
    assert_eq!(fit, "chosen");
    assert_eq!(out, json!({"redacted-1@redacted.invalid": 1, "redacted-2@redacted.invalid": 2}));
    let schema = json!({"patternProperties": {"^EMP-[0-9]{6}$": {"type": "integer"}},
        "additionalProperties": false});
    assert_eq!(
        super::tests::fit(&schema, &json!({"EMP-004217": 1})),
        chosen(json!({"EMP-000000": 1}))
    );
    let required = json!({"required": ["EMP-004217"]});
    assert_eq!(super::tests::fit(&required, &json!({"EMP-004217": 1})).0, "unfit");
}

#[test]
fn different_values_stay_different_where_they_must() {
    let schema = json!({"properties": {"all": {"type": "array", "uniqueItems": true, "items":
        {"type": "string", "pattern": r"^\d{3}-\d{2}-\d{4}$"}}}});
    let (fit, out) = fit(&schema, &json!({"all": [SSN, "219-09-9998"]}));
    assert_eq!((fit, out["all"].clone()), chosen(json!(["000-00-0000", "000-00-0001"])));
}

#[test]
fn what_did_not_fit_before_need_not_fit_now() {
    let schema = json!({"required": ["gone"], "properties": {"mail": {"format": "email"}}});
    let (fit, out) = fit(&schema, &json!({"mail": MAIL}));
    assert_eq!((fit, out["mail"].clone()), chosen(json!("redacted-1@redacted.invalid")));
}

#[test]
fn a_result_that_is_too_large_to_check_keeps_the_ordinary_replacements() {
    let schema = json!({"properties": {"mail": {"format": "email"}}});
    let long = "x".repeat(STRUCTURED_BYTES_MAX);
    let (fit, out) = fit(&schema, &json!({"mail": MAIL, "long": long}));
    assert_eq!((fit.as_str(), &out["mail"]), ("unchecked", &json!("a***@***.com")));
}

#[test]
fn json_in_a_string_stays_json() {
    let schema = json!({"properties": {"v": {"type": "string", "maxLength": 20}}});
    let (_, out) = message(Form::Label, &schema, &json!({"v": r#"{"ssn": 219099999}"#}));
    let text = out["v"].as_str().unwrap();
    assert!(!text.starts_with('{') || serde_json::from_str::<Value>(text).is_ok(), "{text}");
}

/// A schema and a value that fits it, with personal data in it.
fn planted() -> impl Strategy<Value = (Value, Value)> {
    let text = |schema: Value, value: &'static str| Just((schema, json!(value)));
    let leaf = prop_oneof![
        text(json!({"type": "string", "format": "email"}), MAIL),
        text(json!({"type": "string", "format": "email", "maxLength": 21}), MAIL),
        text(json!({"type": "string", "minLength": 3, "maxLength": 22}), OTHER),
        text(json!({"type": "string", "pattern": r"^\d{3}-\d{2}-\d{4}$"}), SSN),
        text(json!({"type": "string", "pattern": r"^[0-9 ]{16,19}$"}), CARD),
        text(json!({"type": "string", "pattern": r"^\+[0-9 -]+$", "maxLength": 16}), PHONE),
        text(json!({"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}"}), IBAN),
        text(json!({"type": "string", "format": "ipv4"}), "198.51.100.23"),
        text(json!({"enum": ["EMP-004217", "nobody"]}), "EMP-004217"),
        text(json!({"const": "EMP-004217"}), "EMP-004217"),
        text(json!({"type": ["string", "null"], "pattern": "^EMP-[0-9]{6}$"}), "EMP-004217"),
        text(json!({"oneOf": [{"format": "email"}, {"type": "integer"}]}), MAIL),
        text(json!({"type": "string", "not": {"pattern": r"[\[*]"}}), MAIL),
        Just((
            json!({"properties": {"ssn": {"type": "integer", "minimum": 1}}}),
            json!({"ssn": 219_099_999})
        )),
        Just((json!({"type": "boolean"}), json!(true))),
        text(json!({"type": "string", "maxLength": 3}), "fix"),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec((prop::sample::select(NAMES), inner.clone()), 1..4).prop_map(
                |members| {
                    let (mut schemas, mut values) = (json!({}), json!({}));
                    for (name, (schema, value)) in members {
                        schemas[name] = schema;
                        values[name] = value;
                    }
                    let required: Vec<_> = values.as_object().unwrap().keys().cloned().collect();
                    let schema = json!({"type": "object", "properties": schemas,
                        "required": required, "additionalProperties": false});
                    (schema, values)
                }
            ),
            (inner.clone(), 1_usize..3).prop_map(|((schema, value), times)| {
                let items = json!({"type": "array", "items": schema, "minItems": 1});
                (items, json!(vec![value; times]))
            }),
            inner.clone().prop_map(|(schema, value)| {
                (json!({"anyOf": [{"type": "null"}, schema]}), value)
            }),
            inner.prop_map(|(schema, value)| (json!({"allOf": [schema, {}]}), value)),
        ]
    })
}

const NAMES: &[&str] = &["mail", "ssn", "card", "phone", "note", "id", "v"];

proptest! {
    #[test]
    fn a_result_fits_after_it_was_redacted_or_does_not_leave(
        (part, value) in planted(), label in any::<bool>(),
    ) {
        let schema = json!({"type": "object", "properties": {"v": {"$ref": "#/$defs/part"}},
            "required": ["v"], "$defs": {"part": part}});
        let result = json!({"v": value});
        let own = Schema::read(schema.to_string().as_bytes()).unwrap();
        prop_assert!(own.accepts(&result), "the test's own: {schema} {result}");
        let form = if label { Form::Label } else { Form::Mask };
        let (fit, out) = message(form, &schema, &result);
        let text = out.to_string();
        if fit != "unfit" {
            prop_assert!(own.accepts(&out), "{fit}: {out} for {schema}");
        }
        for hidden in [MAIL, OTHER, CARD, PHONE, IBAN, SSN, "219099999", "EMP-004217"] {
            prop_assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}
