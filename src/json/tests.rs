//! Promises of the JSON reader.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value as Tree;

use super::{
    Document, JsonError, KeyRule, Kind, Limits, Value, matches_known_member, write_string,
};

const LIMITS: Limits =
    Limits { depth_max: 64, nodes_max: 200_000, number_bytes_max: 256, keys: KeyRule::Exact };
const FOLDED: Limits = Limits { keys: KeyRule::Folded, ..LIMITS };

fn parse(text: impl AsRef<[u8]>) -> Result<Document, JsonError> {
    Document::parse(Bytes::copy_from_slice(text.as_ref()), &LIMITS)
}

fn parse_folded(text: &str) -> Result<Document, JsonError> {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &FOLDED)
}

#[test]
fn accepts_what_rfc_8259_allows() {
    #[rustfmt::skip] // one table, not one line each
    let cases: [&str; 42] = [
        "0", "-0", "1", "-1", "10", "0.5", "-0.0", "1e5", "1E+5", "1e-05", "0e1", "0.0e+0",
        "123456789012345678901234567890", "1.7976931348623157e309", "true", "false", "null",
        "\"\"", "\"a\"", "\"\\u0000\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\ud83d\\ude00\"",
        "\"\\uD83D\\uDE00\"", "\"\u{7f}\"", "\"\u{2028}\u{2029}\"", "\"\u{10ffff}\"",
        "\"\\uFFFF\"", "[]", "[ ]", "[1,2]", "[[],[[]]]", "[null, true,\t1]", "{}", "{ }",
        "{\"\":0}", "{\"a\":1,\"b\":{\"a\":2}}", "{\"a\" : 1 , \"A\" : 2}", " \t\r\n1 \t\r\n",
        "{\"a\":[{\"b\":[{}]}]}", "[\"]\",\"}\",\",\"]", "\"é\"", "[1,\"\u{feff}\"]",
    ];
    for case in cases {
        assert!(parse(case).is_ok(), "refused {case:?}: {:?}", parse(case).err());
    }
}

#[test]
fn refuses_what_any_two_parsers_could_read_differently() {
    #[rustfmt::skip] // one table, not one line each
    let cases: [&[u8]; 64] = [
        b"", b" ", b"\x1e1", b"\x00", b"nul", b"nulll", b"True", b"NaN", b"Infinity", b"-Infinity",
        b"undefined", b"01", b"-01", b"-", b"+1", b".5", b"1.", b"1.e1", b"1e", b"1e+", b"0x10",
        b"1_000", b"1 2", b"1,", b"1}", b"--1", b"- 1", b"\"", b"\"a", b"\"\\", b"\"\\\"",
        b"\"\\x41\"", b"\"\\'\"", b"\"\\u12\"", b"\"\\u12g4\"", b"\"\\u 123\"", b"\"\\U0041\"",
        b"\"\n\"", b"\"\t\"", b"\"\x00\"", b"\"\x1f\"", b"'a'", b"[", b"]", b"[1", b"[1,]",
        b"[,1]", b"[1 2]", b"[1,,2]", b"[1}", b"{", b"}", b"{\"a\"", b"{\"a\":", b"{\"a\":1",
        b"{\"a\":1,}", b"{,}", b"{a:1}", b"{1:1}", b"{\"a\" 1}", b"{\"a\":1 \"b\":2}",
        b"{\"a\":1]", b"/*c*/1", b"1//c",
    ];
    for case in cases {
        let outcome = parse(case);
        let shown = String::from_utf8_lossy(case);
        assert!(
            matches!(outcome, Err(JsonError::Syntax { .. } | JsonError::Trailing { .. })),
            "{shown:?} gave {outcome:?}"
        );
    }
}

#[test]
fn refuses_two_texts_in_one_body() {
    assert_eq!(parse("{}{}").unwrap_err(), JsonError::Trailing { offset: 2 });
    assert_eq!(parse("{}\n{}").unwrap_err(), JsonError::Trailing { offset: 3 });
    assert_eq!(parse("1\u{0c}").unwrap_err(), JsonError::Trailing { offset: 1 });
    assert_eq!(parse("{}\0").unwrap_err(), JsonError::Trailing { offset: 2 });
}

#[test]
fn refuses_byte_order_marks_and_other_encodings() {
    assert_eq!(parse("\u{feff}{}").unwrap_err(), JsonError::Bom);
    assert_eq!(parse(b"\xff\xfe{\0}\0").unwrap_err(), JsonError::Utf8 { offset: 0 });
    assert_eq!(parse(b"\xfe\xff\0{\0}").unwrap_err(), JsonError::Utf8 { offset: 0 });
    assert!(matches!(parse(b"{\0}\0").unwrap_err(), JsonError::Syntax { offset: 1, .. }));
}

#[test]
fn refuses_invalid_and_overlong_utf8() {
    #[rustfmt::skip] // one table, not one line each
    let cases: [&[u8]; 9] = [
        b"\"\x80\"", b"\"\xc3\"", b"\"\xc0\xaf\"", b"\"\xc1\xbf\"", b"\"\xe0\x80\xaf\"",
        b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\"\xf8\x88\x80\x80\x80\"", b"\"\xff\"",
    ];
    for case in cases {
        assert_eq!(parse(case).unwrap_err(), JsonError::Utf8 { offset: 1 }, "{case:?}");
    }
}

#[test]
fn refuses_lone_surrogates_in_values_and_names() {
    let cases = [
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800x\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"",
        "{\"\\udfff\":1}",
        "[\"\\uDBFF\"]",
    ];
    for case in cases {
        let outcome = parse(case);
        assert!(matches!(outcome, Err(JsonError::LoneSurrogate { .. })), "{case}: {outcome:?}");
    }
}

#[test]
fn refuses_duplicate_names_at_any_depth_and_in_any_spelling() {
    let cases = [
        ("{\"a\":1,\"a\":1}", 7),
        ("{\"a\":1,\"\\u0061\":2}", 7),
        ("{\"\\u0061\":1,\"\\u0061\":2}", 12),
        ("[{\"x\":[{\"k\":{},\"b\":2,\"k\":[]}]}]", 21),
        ("{\"\":1,\"\":1}", 6),
        ("{\"é\":1,\"\\u00e9\":1}", 8),
        ("{\"😀\":1,\"\\ud83d\\ude00\":1}", 10),
        ("{\"a/b\":1,\"a\\/b\":1}", 9),
    ];
    for (case, offset) in cases {
        assert_eq!(parse(case).unwrap_err(), JsonError::DuplicateKey { offset }, "{case}");
    }
}

#[test]
fn same_name_in_different_objects_is_no_duplicate() {
    assert!(parse("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}},\"b\":{\"a\":1}}").is_ok());
}

#[test]
fn duplicates_are_found_among_many_names_too() {
    for count in [2, 15, 16, 17, 18, 40, 1000] {
        let names: Vec<String> = (0..count).map(|n| format!("\"key{n}\":{n}")).collect();
        assert!(parse(format!("{{{}}}", names.join(","))).is_ok(), "{count} distinct names");
        for duplicate in [0, count / 2, count - 1] {
            let text = format!("{{{},\"key{duplicate}\":0}}", names.join(","));
            let outcome = parse(&text).unwrap_err();
            assert!(matches!(outcome, JsonError::DuplicateKey { .. }), "{count}, {duplicate}");
        }
    }
}

#[test]
fn folded_rule_refuses_names_that_lenient_parsers_confuse() {
    let cases = [
        "{\"method\":1,\"Method\":2}",
        "{\"method\":1,\"METHOD\":2}",
        "{\"params\":1,\"param\u{17f}\":2}",
        "{\"task\":1,\"tas\u{212a}\":2}",
        "{\"task\":1,\"tas\\u212a\":2}",
        "{\"id\":1,\"\u{ff49}\u{ff44}\":2}",
        "{\"id\":1,\" id\":2}",
        "{\"id\":1,\"id\\u0009\":2}",
        "{\"id\":1,\"id\u{a0}\":2}",
        "{\"id\":1,\"id\\u0000x\":2}",
        "{\"stra\u{df}e\":1,\"STRASSE\":2}",
        "{\"a\":{\"name\":1,\"NAME\":2}}",
        "{\"\u{3c3}\":1,\"\u{3c2}\":2}",
        "{\"caf\u{e9}\":1,\"cafe\u{301}\":2}",
    ];
    for case in cases {
        let outcome = parse_folded(case).unwrap_err();
        assert!(matches!(outcome, JsonError::LookalikeKey { .. }), "{case}: {outcome:?}");
        assert!(parse(case).is_ok(), "{case} under the exact rule");
    }
}

#[test]
fn folded_rule_still_names_true_duplicates_as_such() {
    for case in ["{\"a\":1,\"a\":2}", "{\"é\":1,\"é\":2}", "{\"a\":1,\"\\u0061\":2}"] {
        let outcome = parse_folded(case).unwrap_err();
        assert!(matches!(outcome, JsonError::DuplicateKey { .. }), "{case}: {outcome:?}");
    }
}

#[test]
fn folded_rule_accepts_names_that_differ() {
    let case = "{\"name\":1,\"names\":2,\"na me\":3,\"na_me\":4,\"\u{e9}\":5,\"e\":6,\"\":7}";
    assert!(parse_folded(case).is_ok());
}

#[test]
fn lookalikes_of_known_members_are_told_from_the_members_themselves() {
    let known = ["method", "params", "id", "tasks"];
    for key in ["Method", "ID", "param\u{17f}", "tas\u{212a}s", " id", "id\0", "ｍethod"] {
        assert!(matches_known_member(key, &known), "{key:?}");
    }
    for key in ["method", "id", "methods", "x", "", "i d", "identity"] {
        assert!(!matches_known_member(key, &known), "{key:?}");
    }
}

#[test]
fn limits_hold_exactly() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(64)).is_ok());
    assert_eq!(parse(nested(65)).unwrap_err(), JsonError::Depth { limit: 64 });
    assert!(parse("9".repeat(256)).is_ok());
    assert_eq!(parse("9".repeat(257)).unwrap_err(), JsonError::NumberLength { limit: 256 });
    let few = Limits { nodes_max: 4, ..LIMITS };
    assert!(Document::parse(Bytes::from_static(b"[1,2,3]"), &few).is_ok());
    let outcome = Document::parse(Bytes::from_static(b"[1,2,3,4]"), &few);
    assert_eq!(outcome.unwrap_err(), JsonError::Nodes { limit: 4 });
    let flat = Limits { depth_max: 0, ..LIMITS };
    assert!(Document::parse(Bytes::from_static(b"1"), &flat).is_ok());
    let outcome = Document::parse(Bytes::from_static(b"[]"), &flat);
    assert_eq!(outcome.unwrap_err(), JsonError::Depth { limit: 0 });
}

/// Quadratic work on any of these would take minutes, which a test run does not survive.
#[test]
fn hostile_shapes_are_answered_in_linear_time() {
    let members = |name: &dyn Fn(u32) -> String| {
        let members: Vec<String> = (0..50_000).map(|n| format!("\"{}\":0", name(n))).collect();
        format!("{{{}}}", members.join(","))
    };
    let depth = Err(JsonError::Depth { limit: 64 });
    let number = Err(JsonError::NumberLength { limit: 256 });
    let cases = [
        ("[".repeat(100_000), depth.clone()),
        ("{\"a\":".repeat(100_000), depth),
        ("9".repeat(200_000), number.clone()),
        (format!("[{}]", "9".repeat(200_000)), number),
        (members(&|n| format!("{}{n:05}", "a".repeat(40))), Ok(())),
        (members(&|n| format!("É{n:05}")), Ok(())),
        (format!("[{}\"\"]", "\"\",".repeat(90_000)), Ok(())),
        (format!("\"{}\"", "\\\\".repeat(500_000)), Ok(())),
        (format!("{{\"{}\":1}}", "e\u{301}".repeat(200_000)), Ok(())),
        (format!("{{\"{}\":1}}", "\u{301}".repeat(200_000)), Ok(())),
    ];
    for (case, expected) in cases {
        assert_eq!(parse(&case).map(drop), expected, "{} bytes", case.len());
        assert_eq!(parse_folded(&case).map(drop), expected, "{} bytes, folded", case.len());
    }
}

#[test]
fn values_are_reached_by_name_index_and_pointer() {
    let text =
        "{\"a\":{\"b\":[10,{\"c~/\":\"x\\u0041\"}]},\"\\u0062\":null,\"t\":true,\"f\":false}";
    let document = parse(text).unwrap();
    let root = document.root();
    assert_eq!(root.kind(), Kind::Object);
    assert_eq!(root.pointer("/a/b/0").and_then(|v| v.as_i64()), Some(10));
    assert_eq!(root.pointer("/a/b/1/c~0~1").and_then(|v| v.as_str()).as_deref(), Some("xA"));
    assert!(root.get("b").is_some_and(|v| v.is_null()));
    assert_eq!(root.get("t").and_then(|v| v.as_bool()), Some(true));
    assert_eq!(root.get("f").and_then(|v| v.as_bool()), Some(false));
    for missing in ["/x", "/a/b/2", "/a/b/00", "/a/b/-", "a", "/a/b/0/0"] {
        assert!(root.pointer(missing).is_none(), "{missing}");
    }
    assert_eq!(root.pointer("").map(|v| v.span()), Some(0..text.len()));
    assert_eq!(root.items().count(), 0, "an object has no items");
    assert_eq!(root.members().count(), 4);
}

#[test]
fn numbers_keep_their_spelling() {
    let document = parse("[9007199254740993,1E2,-0,1.0,-5,99999999999999999999]").unwrap();
    let items: Vec<Value<'_>> = document.root().items().collect();
    let raw: Vec<&[u8]> = items.iter().map(Value::raw).collect();
    assert_eq!(raw[0], b"9007199254740993");
    assert_eq!(raw[1], b"1E2");
    let integers: Vec<bool> = items.iter().map(Value::is_integer).collect();
    assert_eq!(integers, [true, false, true, false, true, true]);
    let values: Vec<Option<i64>> = items.iter().map(Value::as_i64).collect();
    let expected = [Some(9_007_199_254_740_993), None, Some(0), None, Some(-5), None];
    assert_eq!(values, expected);
}

#[test]
fn string_without_escapes_is_borrowed() {
    let document = parse("[\"plain é\",\"esc\\n\"]").unwrap();
    let mut items = document.root().items();
    assert!(matches!(items.next().unwrap().as_str(), Some(std::borrow::Cow::Borrowed("plain é"))));
    assert_eq!(items.next().unwrap().as_str().as_deref(), Some("esc\n"));
}

#[test]
fn debug_shows_no_text_of_the_document() {
    let document = parse("{\"secret\":\"hunter2\"}").unwrap();
    let shown = format!("{document:?} {:?} {:?}", document.root(), parse("{hunter2").unwrap_err());
    assert!(!shown.contains("hunter2") && !shown.contains("secret"), "{shown}");
}

/// Whether the tree of one reader is the tree of the other.
fn same(value: Value<'_>, tree: &Tree) -> bool {
    match (value.kind(), tree) {
        (Kind::Null, Tree::Null) => true,
        (Kind::True, Tree::Bool(b)) => *b,
        (Kind::False, Tree::Bool(b)) => !*b,
        (Kind::Number, Tree::Number(n)) => value.raw() == n.to_string().as_bytes(),
        (Kind::String, Tree::String(s)) => {
            value.as_str().as_deref() == Some(s)
                && value.is_str(s)
                && !value.is_str(&format!("{s}x"))
        }
        (Kind::Array, Tree::Array(items)) => {
            value.items().count() == items.len()
                && value.items().zip(items).all(|(value, tree)| same(value, tree))
        }
        (Kind::Object, Tree::Object(members)) => {
            value.members().count() == members.len()
                && value.members().zip(members).all(|((name, value), (key, tree))| {
                    name.as_str().as_deref() == Some(key) && same(value, tree)
                })
        }
        _ => false,
    }
}

/// Every container is exactly its children and what JSON puts between them.
fn spans_reassemble(value: Value<'_>, text: &[u8]) -> bool {
    let span = value.span();
    let children: Vec<Value<'_>> =
        value.members().flat_map(|(name, value)| [name, value]).chain(value.items()).collect();
    if children.is_empty() {
        return text[span] == *value.raw();
    }
    let mut at = span.start + 1;
    for child in &children {
        let gap = &text[at..child.span().start];
        if !gap.iter().all(|b| b" \t\r\n,:".contains(b)) || !spans_reassemble(*child, text) {
            return false;
        }
        at = child.span().end;
    }
    text[at..span.end - 1].iter().all(|b| b" \t\r\n".contains(b))
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        any::<String>().prop_map(Tree::from),
        "[a-z\\\\\"\\n]{0,40}".prop_map(Tree::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Tree::from),
            prop::collection::vec((any::<String>(), inner.clone()), 0..8)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
            prop::collection::vec(("[a-d]{0,2}", inner), 0..30)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
        ]
    })
}

/// Whether our stricter rules are a reason to refuse what serde_json accepts.
fn is_stricter(error: &JsonError) -> bool {
    matches!(
        error,
        JsonError::DuplicateKey { .. }
            | JsonError::LookalikeKey { .. }
            | JsonError::Depth { .. }
            | JsonError::Nodes { .. }
            | JsonError::NumberLength { .. }
            | JsonError::Bom
    )
}

proptest! {
    #[test]
    fn reads_what_serde_json_writes(tree in trees(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) };
        let text = text.unwrap();
        let document = parse(&text).unwrap();
        prop_assert!(same(document.root(), &tree));
        prop_assert!(spans_reassemble(document.root(), &text));
    }

    #[test]
    fn agrees_with_serde_json_on_mutated_texts(
        tree in trees(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut text = serde_json::to_vec(&tree).unwrap();
        for (place, byte, edit) in edits {
            let at = place.index(text.len() + 1);
            // Bytes that mean something to JSON, so that mutants survive the first character.
            let byte = *b"\"\\{}[],:0123456789eE+-. u\n\x00\x80".get(usize::from(byte) % 32).unwrap_or(&byte);
            match edit {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        let theirs: Result<Tree, _> = serde_json::from_slice(&text);
        match (parse(&text), theirs) {
            (Ok(document), Ok(tree)) => {
                prop_assert_eq!(document.root().items().count(), tree.as_array().map_or(0, Vec::len));
            }
            // The tree of serde_json has no room for such numbers; its grammar does.
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range")),
            (Err(error), Ok(_)) => prop_assert!(is_stricter(&error), "{error:?}"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn any_bytes_are_answered_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = parse_folded(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn written_strings_read_back(text in any::<String>()) {
        let mut out = Vec::new();
        write_string(&mut out, &text);
        let document = parse(&out).unwrap();
        prop_assert!(document.root().is_str(&text));
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
