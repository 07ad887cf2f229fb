//! What holds for every answer and every pattern.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Places, Projection, Verdict, View, Wanted, is_namespace};
use super::naive::{self, Fits};
use super::{applied, parse, rest, result, spaces};

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Patterns and what they mean.
fn patterns() -> impl Strategy<Value = (Vec<String>, Vec<Vec<Fits>>)> {
    prop::collection::vec(naive::pattern(), 1..5).prop_map(|patterns| {
        let texts = patterns.iter().map(|(path, closed)| naive::text_of(path, *closed)).collect();
        let paths = patterns.iter().flat_map(|(path, closed)| naive::paths_of(path, *closed));
        (texts, paths.collect())
    })
}

fn compiled(texts: &[String], items_max: Option<usize>) -> Projection {
    let projection = Projection::parse(texts).unwrap();
    match items_max {
        Some(items_max) => projection.with_items_max(items_max),
        None => projection,
    }
}

/// Verdicts at random, but the same for the same name.
fn at_random(seed: u64) -> impl Fn(&str) -> Verdict {
    move |name| {
        let seed = name
            .bytes()
            .fold(seed, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        match naive::dice(seed)() % 4 {
            0 => Verdict::Nothing,
            1 => Verdict::Whole,
            2 => Verdict::Each,
            _ => Verdict::Descend,
        }
    }
}

fn trees() -> impl Strategy<Value = Value> {
    let name = || prop::sample::select(&["s", "t", "u", "s.t", "t.u.s", "", "é", "t."]);
    let leaf = prop_oneof![Just(json!(1)), Just(json!([{"namespace":"s"}])), Just(Value::Null)];
    let object = move |inner: BoxedStrategy<Value>| {
        prop::collection::vec((name(), inner), 0..5).prop_map(|members| {
            Value::Object(members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect())
        })
    };
    let below = leaf.prop_recursive(4, 32, 5, move |inner| object(inner.boxed()));
    object(below.boxed())
}

fn record_lists() -> impl Strategy<Value = Vec<Value>> {
    let name = prop::sample::select(&["s", "t", "s.t", "s.u", "t.u.s", "", "s..t", "é"]);
    let record = (name, 0..9).prop_map(|(name, value)| json!({"value": value, "namespace": name}));
    let other = naive::json_value();
    prop::collection::vec(prop_oneof![4 => record, 1 => other], 0..8)
}

/// A value in which every string and name that is not of the protocol says so.
fn junk() -> impl Strategy<Value = Value> {
    prop::sample::select(&[
        r#""CANARY""#,
        r#"{"CANARY":"CANARY"}"#,
        r#"["CANARY"]"#,
        r#"{"type":"text","text":"CANARY","id":"CANARY"}"#,
        r#"{"text":"{\"CANARY\":1}","blob":"CANARY"}"#,
        r#"{"audience":["CANARY"],"priority":"CANARY"}"#,
        "null",
    ])
    .prop_map(read)
}

fn junk_members(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let members = prop::collection::vec((prop::sample::select(names), junk()), 0..6);
    members.prop_map(|members| {
        Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

proptest! {
    #[test]
    fn no_unlisted_path_ever_leaves_and_every_listed_one_does(
        value in naive::container(), (texts, paths) in patterns(),
        items_max in prop::option::weighted(0.3, 0..4_usize), seed in any::<u64>(),
    ) {
        let projection = compiled(&texts, items_max);
        let text = naive::written(&value, &mut naive::dice(seed));
        let out = rest(View::of_projection(&projection), &text);
        let expected = naive::project(&value, &mut Vec::new(), &paths, items_max);
        prop_assert_eq!(Some(read(&out)), expected, "{:?}", texts);
    }

    #[test]
    fn what_stays_is_what_came_without_the_rest(
        value in naive::container(), (texts, _) in patterns(), seed in any::<u64>(),
    ) {
        let projection = compiled(&texts, None);
        let document = parse(&naive::written(&value, &mut naive::dice(seed)));
        let edits = View::of_projection(&projection).cut_rest(document.root());
        prop_assert!(edits.iter().all(|edit| edit.with.is_empty() && !edit.span.is_empty()));
        // Cut again, nothing more goes: all that is left may pass.
        let mentions_index = texts.iter().any(|text| text.contains(['0', '1']));
        if !mentions_index {
            let out = parse(&applied(&document, &edits));
            prop_assert_eq!(View::of_projection(&projection).cut_rest(out.root()), vec![]);
        }
    }

    #[test]
    fn namespaces_pass_as_the_definition_says(
        value in trees(), seed in any::<u64>(), layout in any::<u64>(),
    ) {
        let allowed = at_random(seed);
        let text = naive::written(&value, &mut naive::dice(layout));
        let out = rest(View::of_namespaces(spaces(&allowed)), &text);
        prop_assert_eq!(read(&out), naive::tree(value.as_object().unwrap(), &[], &allowed));
    }

    #[test]
    fn records_pass_as_the_definition_says(
        items in record_lists(), seed in any::<u64>(), layout in any::<u64>(),
    ) {
        let allowed = at_random(seed);
        let text = naive::written(&Value::Array(items.clone()), &mut naive::dice(layout));
        let out = rest(View::of_namespaces(spaces(&allowed)), &text);
        prop_assert_eq!(read(&out), naive::records(&items, &allowed));
    }

    #[test]
    fn both_layouts_show_the_same_namespaces(
        names in prop::collection::btree_set("[st](\\.[stu]){0,2}", 0..8), seed in any::<u64>(),
    ) {
        // A name that leads to others holds no value in a nested tree.
        let leaves: BTreeSet<_> = names.iter()
            .filter(|name| !names.iter().any(|other| other.starts_with(&format!("{name}."))))
            .collect();
        let records = leaves.iter().map(|name| json!({"namespace": name})).collect();
        let dotted = leaves.iter().map(|name| ((*name).clone(), json!(1))).collect();
        let mut nested = json!({});
        for name in &leaves {
            let mut at = &mut nested;
            for segment in name.split('.') {
                at = &mut at[segment];
            }
            *at = json!(1);
        }
        // Of a record nothing inside can be told apart, so there the layouts differ.
        let random = at_random(seed);
        let allowed = |name: &str| match random(name) {
            Verdict::Each => Verdict::Descend,
            other => other,
        };
        let left = |value: &Value| read(&rest(View::of_namespaces(spaces(&allowed)), &value.to_string()));
        let listed = left(&Value::Array(records));
        let listed: BTreeSet<String> =
            listed.as_array().unwrap().iter().map(|item| item["namespace"].as_str().unwrap().to_owned()).collect();
        let flat = left(&Value::Object(dotted));
        let flat: BTreeSet<String> = flat.as_object().unwrap().keys().cloned().collect();
        let nested = left(&nested);
        let present = |name: &String| nested.pointer(&format!("/{}", name.replace('.', "/"))).is_some();
        let nested: BTreeSet<String> = leaves.iter().map(|name| (*name).clone()).filter(present).collect();
        prop_assert_eq!(&listed, &flat);
        prop_assert_eq!(&listed, &nested);
    }

    #[test]
    fn both_cuts_together_are_one_after_the_other(
        value in trees(), (texts, paths) in patterns(), seed in any::<u64>(),
    ) {
        let allowed = at_random(seed);
        let projection = compiled(&texts, None);
        let out = rest(View::of_both(&projection, spaces(&allowed)), &value.to_string());
        let first = naive::tree(value.as_object().unwrap(), &[], &allowed);
        let expected = naive::project(&first, &mut Vec::new(), &paths, None);
        prop_assert_eq!(Some(read(&out)), expected);
    }

    #[test]
    fn every_copy_shows_the_same_data(
        value in naive::container(), (texts, paths) in patterns(),
        items_max in prop::option::of(0..3_usize), seed in any::<u64>(),
    ) {
        let projection = compiled(&texts, items_max);
        let mut dice = naive::dice(seed);
        let mut copy = || Value::from(naive::written(&value, &mut dice));
        let answer = json!({
            "content": [
                {"type": "text", "text": copy()},
                {"type": "image", "data": "aGk="},
                {"type": "resource", "resource": {"uri": "a:b", "text": copy()}},
            ],
            "structuredContent": value,
        });
        let text = naive::written(&answer, &mut dice);
        let out = read(&result(View::of_projection(&projection), &text).unwrap());
        let expected = naive::project(&value, &mut Vec::new(), &paths, items_max).unwrap();
        prop_assert_eq!(&out["structuredContent"], &expected);
        prop_assert_eq!(&read(out["content"][0]["text"].as_str().unwrap()), &expected);
        prop_assert_eq!(&read(out["content"][1]["resource"]["text"].as_str().unwrap()), &expected);
        prop_assert_eq!(out["content"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_text_of_a_copy_is_the_text_cut_by_itself(
        value in naive::container(), (texts, _) in patterns(), seed in any::<u64>(),
    ) {
        let projection = compiled(&texts, None);
        let view = View::of_projection(&projection);
        let mut dice = naive::dice(seed);
        let inner = naive::written(&value, &mut dice);
        let answer = json!({"content": [{"type": "text", "text": inner}]});
        let out = result(view, &naive::written(&answer, &mut dice)).unwrap();
        let expected = rest(view, &inner);
        prop_assert_eq!(&read(&out)["content"][0]["text"], &expected);
    }

    #[test]
    fn nothing_beside_the_data_brings_anything_along(
        beside in junk_members(&["CANARY", "content", "structuredContent", "isError", "ttlMs", "_meta"]),
        block in junk_members(&["CANARY", "type", "text", "resource", "annotations", "_meta", "data"]),
        text in junk_members(&["CANARY", "annotations", "_meta", "blob", "resource"]),
        resource in junk_members(&["CANARY", "uri", "mimeType", "_meta", "title", "text"]),
    ) {
        let mut answer = beside;
        let mut text = text;
        text["type"] = json!("text");
        text["text"] = json!(r#"{"id":1,"CANARY":2}"#);
        let embedded = json!({"type": "resource", "resource": resource});
        if answer.get("content").is_none() {
            answer["content"] = json!([text, block, embedded, {"type": "text", "text": "CANARY"}]);
        }
        let projection = compiled(&["/id/**".to_owned()], None);
        let out = result(View::of_projection(&projection), &answer.to_string()).unwrap();
        prop_assert!(!out.contains("CANARY"), "{}", out);
    }

    #[test]
    fn no_text_makes_the_reader_of_patterns_panic(
        wild in any::<String>(), close in "[/ab*{},~01.]{0,40}", value in naive::container(),
    ) {
        for text in [&wild, &close] {
            let slashed = format!("/{text}");
            for text in [text, &slashed] {
                let texts = std::slice::from_ref(text);
                if let Ok(projection) = Projection::parse(texts) {
                    rest(View::of_projection(&projection), &value.to_string());
                }
                if let Ok(places) = Places::parse(texts) {
                    let all = compiled(&["/**".to_owned()], None);
                    let out = rest(View::of_projection(&all).at(&places), &value.to_string());
                    let found = value.pointer(text).filter(|at| at.is_object() || at.is_array());
                    let left = read(&out);
                    if !text.contains(['0', '1']) {
                        prop_assert_eq!(left.pointer(text).filter(|_| found.is_some()), found);
                    }
                }
                let _ = Wanted::parse([&**text]).map(|wanted| wanted.meets(text));
            }
        }
    }

    #[test]
    fn what_is_wanted_is_met_as_the_definition_says(
        wanted in prop::collection::vec("[ab](\\.[ab]{1,2}){0,2}", 1..4), name in "[ab](\\.[ab]{1,2}){0,3}",
    ) {
        let below = |outer: &str, inner: &str| {
            let (outer, inner): (Vec<_>, Vec<_>) = (outer.split('.').collect(), inner.split('.').collect());
            inner.starts_with(&outer)
        };
        let expected = if wanted.iter().any(|wanted| below(wanted, &name)) {
            Verdict::Whole
        } else if wanted.iter().any(|wanted| below(&name, wanted)) {
            Verdict::Descend
        } else {
            Verdict::Nothing
        };
        prop_assert!(is_namespace(&name));
        prop_assert_eq!(Wanted::parse([&*wanted.join(",")]).unwrap().meets(&name), expected);
        prop_assert_eq!(Wanted::parse(wanted.iter().map(|name| &**name)).unwrap().meets(&name), expected);
    }
}
