//! What holds for every message.

use proptest::prelude::*;
use serde_json::Value as Tree;

use super::{custom, detector, parse, plan};
use crate::class::{Class, ClassSet, Form};
use crate::inspect::walk::PENDING_MAX;
use crate::inspect::{Counts, Detector, Settings};
use crate::json::{Kind, Value};

/// Texts in which values, parts of values and what separates them meet.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "jane.roe@example.com",
            "078-05-1120",
            "078051120",
            "4111 1111 1111 1111",
            "4111111111111111",
            "+1 212 555 0147",
            "(212) 555-0147",
            "2125550147",
            "DE89 3704 0044 0532 0130 00",
            "203.0.113.7",
            "2001:db8::1",
            "@",
            "-",
            ".",
            " ",
            "ssn",
            "phone: ",
            "\n",
            "\\",
            "\"",
            "é",
            "\u{200b}",
            "\u{a0}",
            "７８",
            "{\"",
            "\":\"",
            "\"}",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "%40",
            "_",
            "1",
            "12",
            "123",
            "x",
            "AKIA",
            "eyJ",
            "ghp_",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "[EMAIL]",
            "\\u0040",
            "+",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[0-9]{1,6}",
        "[a-z]{1,4}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        texts().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        (100_000_000_i64..900_000_000).prop_map(Tree::from),
        Just(Tree::from(4_111_111_111_111_111_i64)),
        Just(Tree::Null),
    ];
    let name = || prop_oneof![texts(), "ssn|phone|card|text|[a-c]".prop_map(|name| name)];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::from),
            prop::collection::vec((name(), inner.clone()), 0..5)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
            inner.prop_map(|tree| Tree::from(tree.to_string())),
        ]
    })
}

/// JSON with escapes in place of some characters.
fn escaped(text: &str, every: usize) -> String {
    let mut in_string = false;
    let mut previous = ' ';
    let mut out = String::new();
    for (at, character) in text.chars().enumerate() {
        in_string ^= character == '"' && previous != '\\';
        let plain = character.is_ascii_alphanumeric() && previous != '\\' && !out.ends_with("\\u");
        let literal = !text.contains('\\');
        if in_string && plain && literal && every > 0 && at % every == 0 {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            out.push(character);
        }
        previous = character;
    }
    out
}

fn every_class(form: Form) -> Detector {
    let forms = Class::BUILTIN.into_iter().map(|class| (class, form)).collect();
    let custom = vec![custom("word", "[xé]{2,}", form)];
    Detector::new(&Settings { forms, custom, ..Settings::default() }).unwrap()
}

fn forms() -> impl Strategy<Value = Form> {
    prop::sample::select(Form::ALL.to_vec())
}

/// Whether two values have the same members and items, and the same kinds unless dropped.
fn same_shape(before: Value<'_>, after: Value<'_>) -> bool {
    if after.is_null() {
        return true;
    }
    before.kind() == after.kind()
        && before.members().count() == after.members().count()
        && before.items().count() == after.items().count()
        && before.items().zip(after.items()).all(|(b, a)| same_shape(b, a))
        && before.members().zip(after.members()).all(|((_, b), (_, a))| same_shape(b, a))
}

proptest! {
    #[test]
    fn redacted_message_has_the_same_shape_and_other_bytes_stay(
        tree in trees(),
        form in forms(),
        every in 0..9_usize,
    ) {
        let text = escaped(&tree.to_string(), every);
        let document = parse(&text);
        let plan = every_class(form).plan(document.root(), ClassSet::empty());
        let out = String::from_utf8(plan.apply(document.bytes()).to_vec()).unwrap();
        let redacted = parse(&out);
        prop_assert!(same_shape(document.root(), redacted.root()), "{text} became {out}");
        // Everything between the edits stands in the result as it was.
        let (mut from, mut at) = (0, 0);
        for (range, replacement) in plan.edits() {
            prop_assert!(range.start >= from && range.end > range.start);
            let kept = &text[from..range.start];
            prop_assert_eq!(&out[at..at + kept.len()], kept);
            at += kept.len();
            prop_assert_eq!(&out.as_bytes()[at..at + replacement.len()], replacement);
            at += replacement.len();
            from = range.end;
        }
        prop_assert_eq!(&out[at..], &text[from..]);
        if form == Form::Report {
            prop_assert_eq!(&out, &text);
        }
    }

    #[test]
    fn json_in_a_string_stays_json(tree in trees(), form in forms()) {
        let text = Tree::from(tree.to_string()).to_string();
        let (_, out) = plan(&detector(form), &text, ClassSet::empty());
        let out = parse(&out);
        let is_document = tree.is_object() || tree.is_array();
        if let Some(inner) = out.root().as_str().filter(|_| is_document) {
            parse(&inner);
        }
    }

    #[test]
    fn second_look_finds_nothing_more(tree in trees()) {
        let classes = [Class::Email, Class::UsSsn, Class::Card];
        let forms = classes.into_iter().map(|class| (class, Form::Label)).collect();
        let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
        let (_, once) = plan(&detector, &tree.to_string(), ClassSet::empty());
        let (again, twice) = plan(&detector, &once, ClassSet::empty());
        prop_assert_eq!(again.counts.total(), 0, "{} then {}", once, twice);
    }

    #[test]
    fn whoever_may_see_everything_gets_the_same_bytes(tree in trees()) {
        let text = tree.to_string();
        let (plan, out) = plan(&every_class(Form::Block), &text, ClassSet::all());
        prop_assert_eq!(out, text);
        prop_assert!(plan.is_clean() && plan.counts.is_empty());
    }

    #[test]
    fn any_text_is_answered_without_panic(text in any::<String>(), mixed in texts(), form in forms()) {
        let detector = every_class(form);
        for text in [text, mixed] {
            let mut counts = Counts::default();
            let out = detector.redact_text(&text, ClassSet::empty(), &mut counts);
            prop_assert_eq!(matches!(out, std::borrow::Cow::Borrowed(_)), *out == text);
        }
    }
}

/// Quadratic work on any of these would take minutes, which a test run does not survive.
#[test]
fn hostile_texts_are_answered_in_linear_time() {
    let size = 200_000;
    let pieces = [
        "1",
        "1 ",
        "12-",
        "1.",
        "@",
        "a@",
        "@a.",
        ":",
        "1:",
        "a:",
        "-",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "eyJ",
        "eyJ.",
        "eyJhbGciOiJIUzI1NiJ9.",
        "AKIA",
        "SG.",
        "hvs.",
        "sk-",
        "ghp_",
        "(",
        "+1 ",
        "+",
        "\\\\",
        "\\n",
        "\\\"",
        "\u{200b}",
        "é",
        "{\\\"a\\\":",
        "[",
        "DE89 ",
        "ssn ",
        "4111 1111 1111 111",
        "078-05-1120-",
        "078-05-1120x",
        "a@b.de",
        "phone 1234567 ",
        "%40",
    ];
    let detector = every_class(Form::Label);
    for piece in pieces {
        for begin in ["", "[", "{\\\""] {
            let text = format!("[\"{begin}{}\"]", piece.repeat(size / piece.len()));
            let document = parse(&text);
            let plan = detector.plan(document.root(), ClassSet::empty());
            let out = plan.apply(document.bytes());
            assert_eq!(parse(std::str::from_utf8(&out).unwrap()).root().kind(), Kind::Array);
        }
    }
}

#[test]
fn many_names_and_numbers_are_answered_in_linear_time() {
    let names: Vec<String> =
        (0..50_000).map(|n| format!("\"a{n}@b.de\":{}", 1_000_000 + n)).collect();
    let text = format!("{{\"phone\":\"1000007\",{}}}", names.join(","));
    let (plan, out) = plan(&detector(Form::Label), &text, ClassSet::empty());
    assert_eq!(plan.counts.of(Class::Email), 50_000);
    assert!(out.contains("\"[EMAIL_50000]\":1049999") && out.contains("\"[EMAIL_8]\":0"));
}

#[test]
fn copies_are_remembered_up_to_a_bound() {
    let copy_after = |others: usize| {
        let others: Vec<String> = (0..others).map(|n| (2_000_000 + n).to_string()).collect();
        let text = format!("[{},1234567,{{\"phone\":1234567}}]", others.join(","));
        let (plan, _) = plan(&detector(Form::Label), &text, ClassSet::empty());
        plan.counts.of(Class::Phone)
    };
    assert_eq!(copy_after(PENDING_MAX - 1), 2);
    assert_eq!(copy_after(PENDING_MAX), 1);
}
