//! The scorer itself, and what the corpus promises.

use crate::messages::{corpus, marks};
use crate::model::{Layout, Node, Part, Text, What};
use crate::names::NAMES;
use crate::score::score;

const COUNT: usize = 300;

#[test]
fn redactor_that_hides_nothing_scores_recall_zero() {
    let messages = corpus(1, COUNT);
    let score = score(&messages, |_, message| message.to_vec());
    assert_eq!((score.all().recall(), score.all().false_hits), (0.0, 0));
    assert_eq!(score.broken(), 0);
}

#[test]
fn redactor_that_hides_everything_has_next_to_no_precision() {
    fn hide(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => members.values_mut().for_each(hide),
            serde_json::Value::Array(items) => items.iter_mut().for_each(hide),
            other => *other = "[REDACTED]".into(),
        }
    }
    let messages = corpus(1, COUNT);
    let score = score(&messages, |_, message| {
        let mut value = serde_json::from_slice(message).unwrap();
        hide(&mut value);
        value.to_string().into_bytes()
    });
    assert!(score.all().recall() > 0.95);
    assert!(score.all().precision() < 0.5, "{}", score.all().precision());
}

/// Puts a label in the place of every labelled value, at any depth.
fn hide_labels(node: &mut Node, form: &str) {
    let hide = |text: &mut Text| {
        fn inside(text: &mut Text, form: &str) {
            for part in &mut text.parts {
                match part {
                    Part::Mark(mark) => {
                        if let What::Label { class, .. } = mark.what {
                            mark.spelling = form.replace('#', &class.to_uppercase());
                        }
                    }
                    Part::Json(node, _) => hide_labels(node, form),
                    Part::Coded(text, _) => inside(text, form),
                    Part::Plain(_) | Part::Grace(_) => {}
                }
            }
        }
        inside(text, form);
    };
    match node {
        Node::Text(text) => hide(text),
        Node::Bare(text) => {
            let before = text.rendered();
            hide(text);
            if text.rendered() != before {
                *node = Node::Text(text.clone());
            }
        }
        Node::Array(items) => items.iter_mut().for_each(|item| hide_labels(item, form)),
        Node::Object(members) => {
            for (at, (key, value)) in members.iter_mut().enumerate() {
                // Names stay distinct.
                let numbered = form.replace('#', &format!("#_{at}"));
                let mut name = Node::Text(key.clone());
                hide_labels(&mut name, &numbered);
                if let Node::Text(name) = name {
                    *key = name;
                }
                hide_labels(value, form);
            }
        }
    }
}

#[test]
fn oracle_scores_one_whatever_its_labels_look_like() {
    for form in ["[#]", "<#>", "**#**"] {
        let messages = corpus(1, COUNT);
        let score = score(&messages, |at, _| {
            let mut node = messages[at].node.clone();
            hide_labels(&mut node, form);
            node.rendered().into_bytes()
        });
        let notes: Vec<_> = score.misses.iter().chain(&score.false_hits).collect();
        assert!(notes.is_empty(), "{form}: {notes:#?}");
        assert_eq!((score.broken(), score.exact), (0, COUNT), "{form}");
    }
}

fn one(text: Text) -> Vec<crate::messages::Message> {
    let node = Node::object([("k", Node::Text(text))]);
    let bytes = node.rendered().into_bytes();
    vec![crate::messages::Message { kind: "test", node, bytes }]
}

fn label(class: &'static str, spelling: &str) -> Part {
    let what = What::Label { class, canonical: crate::values::canonical(spelling) };
    Part::Mark(crate::model::Mark { what, spelling: spelling.to_owned(), tags: Vec::new() })
}

#[test]
fn value_that_stays_in_another_spelling_or_by_half_is_not_hidden() {
    let text = || Text::of(vec![Part::Plain("to ".into()), label("card", "4111 1111 1111 1111")]);
    let judged = |output: &str| {
        let output = format!("{{\"k\":\"{output}\"}}").into_bytes();
        score(&one(text()), |_, _| output.clone()).all()
    };
    assert_eq!(judged("to 4111111111111111").recall(), 0.0);
    assert_eq!(judged("to 4111%20111111111111").recall(), 0.0);
    assert_eq!(judged("to 4111 1111 [PHONE]").recall(), 0.0);
    assert_eq!(judged("to [CARD] 1111").recall(), 1.0);
    assert_eq!(judged("[CARD]").false_hits, 1);
    assert_eq!(judged("to [CARD]").false_hits, 0);
}

#[test]
fn broken_and_lost_structure_is_counted() {
    let inner = Node::object([("a", Node::Text(Text::of(vec![label("email", "a@b.io")])))]);
    let messages = one(Text::json(inner, Layout::Compact));
    let judged = |output: &str| score(&messages, |_, _| output.as_bytes().to_vec());
    assert_eq!(judged(r#"{"k":"{\"a\":\"[EMAIL]\"}"}"#).broken(), 0);
    assert_eq!(judged(r#"{"k":"{\"a\":[EMAIL]}"}"#).broken_inner, 1);
    assert_eq!(judged(r#"{"k":"{}"}"#).members_changed, 1);
    assert_eq!(judged(r#"{"k":"#).broken_messages, 1);
}

#[test]
fn corpus_is_the_same_for_the_same_seed_and_valid_json() {
    let (first, again, other) = (corpus(3, 60), corpus(3, 60), corpus(4, 60));
    assert!(first.iter().zip(&again).all(|(a, b)| a.bytes == b.bytes));
    assert!(first.iter().zip(&other).any(|(a, b)| a.bytes != b.bytes));
    for message in &first {
        serde_json::from_slice::<serde_json::Value>(&message.bytes).unwrap();
    }
}

#[test]
fn corpus_holds_enough_of_every_class_and_look_alikes() {
    let (mut labels, mut likes) = (std::collections::BTreeMap::<&str, usize>::new(), 0);
    for mark in corpus(5, 3_000).iter().flat_map(|message| marks(&message.node)) {
        match mark.what {
            What::Label { class, .. } => *labels.entry(class).or_default() += 1,
            What::Like { .. } => likes += 1,
        }
    }
    for names in &NAMES {
        assert!(labels[names.class] >= 80, "{}: {}", names.class, labels[names.class]);
    }
    let all: usize = labels.values().sum();
    assert!(likes > all, "{likes} look-alikes for {all} labels");
}
