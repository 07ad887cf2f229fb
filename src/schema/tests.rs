//! What is read, what is refused, and what it may cost.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Schema, TooCostly, Unusable};
use crate::json::{ANSWER, Document};
use crate::limits::{
    SCHEMA_HEIGHT_MAX, SCHEMA_NESTING_MAX, SCHEMA_PATTERNS_MAX, SCHEMA_STATES_MAX,
    SCHEMA_STEPS_MAX, SCHEMA_WAYS_MAX,
};

fn document(text: &str) -> Document {
    Document::parse(text.to_owned().into(), &ANSWER).unwrap()
}

fn read(schema: &Value) -> Result<Schema, Unusable> {
    Schema::read(schema.to_string().as_bytes())
}

/// What the parts that judge the value at a pointer ask for, as `(format, accepts it)`.
fn judges(schema: &Value, result: &Value, pointer: &str) -> Vec<(Option<String>, bool)> {
    let schema = read(schema).unwrap();
    let document = document(&result.to_string());
    let span = document.root().pointer(pointer).unwrap().span();
    let (leaves, _) = schema.leaves(document.root(), &[span]).unwrap();
    assert_eq!(leaves.len(), 1, "{pointer}");
    let value = result.pointer(pointer).unwrap();
    let asks = schema.asks(&leaves[0]);
    let mut found: Vec<_> =
        asks.map(|ask| (ask.format().map(str::to_owned), ask.accepts(value))).collect();
    found.sort();
    found
}

#[test]
fn the_parts_that_judge_a_value_are_found_through_every_keyword() {
    let text = json!({"format": "email"});
    let result = json!({"a": [{"b": "x@y.zz"}]});
    for part in [
        json!({"properties": {"b": text}}),
        json!({"patternProperties": {"^b$": text}}),
        json!({"additionalProperties": text}),
        json!({"unevaluatedProperties": text}),
        json!({"allOf": [{"properties": {"b": text}}]}),
        json!({"anyOf": [{"properties": {"b": {"type": "null"}}}, {"properties": {"b": text}}]}),
        json!({"oneOf": [{"properties": {"b": {"allOf": [text]}}}]}),
        json!({"if": {"type": "object"}, "then": {"properties": {"b": text}}}),
        json!({"if": {"type": "array"}, "else": {"properties": {"b": text}}}),
        json!({"dependentSchemas": {"b": {"properties": {"b": text}}}}),
        json!({"$ref": "#/$defs/row"}),
        json!({"$ref": "#/$defs/a~1b"}),
        json!({"$ref": "#anchored"}),
    ] {
        for list in [json!({"items": part}), json!({"prefixItems": [part]})] {
            let schema = json!({"properties": {"a": list}, "$defs": {
                "row": {"properties": {"b": text}},
                "a/b": {"$ref": "#/$defs/row"},
                "other": {"$anchor": "anchored", "properties": {"b": text}}}});
            let found = judges(&schema, &result, "/a/0/b");
            assert!(found.contains(&(Some("email".to_owned()), true)), "{list} {found:?}");
        }
    }
}

#[test]
fn a_part_that_belongs_to_another_value_is_not_asked() {
    let schema = json!({"properties": {"a": {"format": "email"}}, "additionalProperties":
        {"format": "date"}, "items": {"format": "uri"}});
    let result = json!({"a": "x@y.zz", "b": "x@y.zz"});
    assert_eq!(judges(&schema, &result, "/a"), [(Some("email".to_owned()), true)]);
    assert_eq!(judges(&schema, &result, "/b"), [(Some("date".to_owned()), false)]);
}

#[test]
fn formats_are_asserted_and_unknown_ones_say_nothing() {
    for (format, good, bad) in [
        ("email", "a@example.com", "[EMAIL]"),
        ("date", "1990-02-28", "1990-02-30"),
        ("date-time", "1990-02-28T01:02:03Z", "1990-02-28 01:02"),
        ("uuid", "6b29fc40-ca47-1067-b31d-00dd010662da", "6b29fc40"),
        ("ipv4", "198.51.100.7", "198.*.*.*"),
        ("ipv6", "2001:db8::1", "2001"),
        ("uri", "https://example.com/", "[URL]"),
        ("hostname", "example.com", "-"),
    ] {
        let schema = read(&json!({"format": format})).unwrap();
        assert!(schema.accepts(&json!(good)), "{format}");
        assert!(!schema.accepts(&json!(bad)), "{format}");
    }
    assert!(read(&json!({"format": "colour"})).unwrap().accepts(&json!("x")));
}

#[test]
fn a_schema_that_cannot_be_bounded_is_not_read() {
    for (schema, why) in [
        (json!({"$ref": "https://example.com/a.json"}), Unusable::Reference),
        (json!({"$ref": "#/$defs/none"}), Unusable::Reference),
        (json!({"$ref": "#nowhere"}), Unusable::Reference),
        (json!({"$dynamicRef": "#node"}), Unusable::Reference),
        (json!({"properties": {"a": {"$id": "b"}}}), Unusable::Reference),
        (json!({"$ref": "#"}), Unusable::Expansive),
        (json!({"allOf": [{"$ref": "#"}, {"type": "object"}]}), Unusable::Expansive),
        (json!({"pattern": "^(?=.*a)"}), Unusable::Pattern),
        (json!({"pattern": r"^(a)\1$"}), Unusable::Pattern),
        (json!({"pattern": "^(([a-z]{99}){99}){99}$"}), Unusable::Pattern),
        (json!({"patternProperties": {"(": {}}}), Unusable::Pattern),
        (json!({"properties": {"a": 7}}), Unusable::NoSchema),
        (json!({"type": "thing"}), Unusable::Invalid),
        (json!({"$schema": "https://example.com/own"}), Unusable::Invalid),
    ] {
        assert_eq!(read(&schema).unwrap_err(), why, "{schema}");
    }
    assert_eq!(Schema::read(b"{").unwrap_err(), Unusable::Json);
    let many: Map<_, _> =
        (0..=SCHEMA_PATTERNS_MAX).map(|n| (format!("^{n}$"), json!({}))).collect();
    assert_eq!(read(&json!({"patternProperties": many})).unwrap_err(), Unusable::Pattern);
    let large: Map<_, _> =
        (0..=SCHEMA_STATES_MAX / 10_000).map(|n| (format!("^a{n}b{{9999}}$"), json!({}))).collect();
    assert_eq!(read(&json!({"patternProperties": large})).unwrap_err(), Unusable::Pattern);
}

/// Each definition refers to the next one so many times.
fn linked(definitions: usize, times: usize, keyword: &str) -> Value {
    let mut all = Map::new();
    for number in 0..definitions {
        let next = json!({"$ref": format!("#/$defs/d{}", number + 1)});
        all.insert(format!("d{number}"), json!({keyword: vec![next; times]}));
    }
    all.insert(format!("d{definitions}"), json!({"type": "object"}));
    json!({"$ref": "#/$defs/d0", "$defs": all})
}

#[test]
fn references_that_double_or_never_end_are_refused_at_once() {
    let started = Instant::now();
    for keyword in ["allOf", "anyOf", "oneOf"] {
        assert!(read(&linked(7, 2, keyword)).is_ok(), "below {SCHEMA_WAYS_MAX} ways");
        assert_eq!(read(&linked(200, 2, keyword)).unwrap_err(), Unusable::Expansive);
        assert_eq!(read(&linked(2_000, 1, keyword)).unwrap_err(), Unusable::Expansive);
        assert_eq!(read(&linked(SCHEMA_HEIGHT_MAX, 1, keyword)).unwrap_err(), Unusable::Expansive);
    }
    let mut again = linked(12, 2, "allOf");
    again["unevaluatedProperties"] = json!(false);
    assert_eq!(read(&again).unwrap_err(), Unusable::Expansive);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn a_result_that_would_be_judged_too_often_is_not_judged() {
    let whole = |schema: &Value, result: &str| {
        let result = document(result);
        read(schema).unwrap().leaves(result.root(), &[]).map(|(_, steps)| steps)
    };
    // Twice as often on every level.
    let twice = json!({"properties": {"a": {"$ref": "#/$defs/x"}}});
    let schema = json!({"$defs": {"x": {"allOf": [twice, twice]}}, "$ref": "#/$defs/x"});
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(whole(&schema, &nested(8)).unwrap() < SCHEMA_STEPS_MAX);
    assert_eq!(whole(&schema, &nested(60)), Err(TooCostly));
    // A long text against a large automaton.
    let schema = json!({"properties": {"a": {"pattern": "^([a-f]{1,90}){90}$"}}});
    assert!(whole(&schema, r#"{"a":"abc"}"#).unwrap() < SCHEMA_STEPS_MAX);
    let long = format!(r#"{{"a":"{}"}}"#, "a".repeat(100_000));
    assert_eq!(whole(&schema, &long), Err(TooCostly));
    // Parts around parts, as deep as a message can be: the validator's stack.
    let mut tall = linked(12, 1, "allOf");
    tall["$defs"]["d12"] = json!({"properties": {"a": {"$ref": "#/$defs/d0"}}});
    assert!(whole(&tall, &nested(SCHEMA_NESTING_MAX / 50)).is_ok());
    assert_eq!(whole(&tall, &nested(60)), Err(TooCostly));
}

/// A schema with references, unions and members, and values of any shape.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"format": "email"})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!({"$ref": "#/$defs/b"})),
        Just(json!(true)),
        Just(json!({"uniqueItems": true, "pattern": "a+b"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"anyOf": all})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"allOf": all})),
            inner.clone().prop_map(|one| json!({"properties": {"a": one}})),
            inner.clone().prop_map(|one| json!({"items": one})),
            inner.clone().prop_map(|one| json!({"unevaluatedProperties": one})),
            inner.prop_map(|one| json!({"not": one, "additionalProperties": one})),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_counted_can_be_checked_in_that_time(
        (a, b, c) in (any_schema(), any_schema(), any_schema()), depth in 0_usize..30,
    ) {
        let schema = json!({"allOf": [a], "$defs": {"a": b, "b": c}});
        let mut result = json!("x@y.zz");
        for level in 0..depth {
            result = if level % 3 == 0 { json!([result, result]) } else { json!({"a": result}) };
            if result.to_string().len() > 20_000 {
                break;
            }
        }
        if let Ok(schema) = read(&schema) {
            let text = document(&result.to_string());
            if let Ok((_, steps)) = schema.leaves(text.root(), &[]) {
                let started = Instant::now();
                let _fits = schema.accepts(&result);
                // Generous: an unoptimised build on a busy machine.
                let allowed = 2_000 + u128::from(steps) * 20;
                let took = started.elapsed().as_micros();
                prop_assert!(took <= allowed.max(2_000_000), "{took} us for {steps} steps: {schema:?}");
            }
        }
    }
}
