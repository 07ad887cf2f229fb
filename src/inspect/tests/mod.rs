//! Promises of the detectors and of redaction.

mod classes;
mod forms;
mod messages;
mod properties;
mod replaced;

use bytes::Bytes;

use super::{Counts, CustomPattern, Detector, Plan, Settings};
use crate::class::{Class, ClassSet, Form};
use crate::json::{Document, KeyRule, Limits};

const LIMITS: Limits =
    Limits { depth_max: 128, nodes_max: 1 << 20, number_bytes_max: 1 << 20, keys: KeyRule::Exact };

/// Every built-in class in one form.
pub(crate) fn detector(form: Form) -> Detector {
    let forms = Class::BUILTIN.into_iter().map(|class| (class, form)).collect();
    Detector::new(&Settings { forms, ..Settings::default() }).unwrap()
}

fn custom(name: &str, pattern: &str, form: Form) -> CustomPattern {
    CustomPattern { name: name.to_owned(), pattern: pattern.to_owned(), form, on: true }
}

/// Free text with labels in the place of values.
fn labelled(text: &str) -> String {
    let mut counts = Counts::default();
    detector(Form::Label).redact_text(text, ClassSet::empty(), &mut counts).into_owned()
}

pub(crate) fn parse(text: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &LIMITS)
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn plan(detector: &Detector, text: &str, reveal: ClassSet) -> (Plan, String) {
    let document = parse(text);
    let plan = detector.plan(document.root(), reveal);
    let out = plan.apply(document.bytes());
    let out = String::from_utf8(out.to_vec()).unwrap();
    parse(&out);
    (plan, out)
}

/// A JSON text with every value in one form.
pub(super) fn redacted(form: Form, text: &str) -> String {
    plan(&detector(form), text, ClassSet::empty()).1
}

/// Asserts that each text is redacted to the text beside it.
fn assert_labelled(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(labelled(text), *expected, "in {text:?}");
    }
}

/// Asserts that none of the texts is touched.
fn assert_untouched(cases: &[&str]) {
    for text in cases {
        assert_eq!(labelled(text), *text);
    }
}
