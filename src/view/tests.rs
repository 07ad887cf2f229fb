//! What may pass passes as it came, and nothing else passes.

mod copies;
mod naive;
mod namespaces;
mod patterns;
mod places;
mod properties;

use bytes::Bytes;

use super::{Namespaces, Places, Projection, Verdict, View, ViewError};
use crate::json::ANSWER;
use crate::json::Document;
use crate::json::{Edit, apply};

fn projection(patterns: &[&str]) -> Projection {
    Projection::parse(&owned(patterns)).unwrap()
}

fn places(pointers: &[&str]) -> Places {
    Places::parse(&owned(pointers)).unwrap()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn parse(text: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &ANSWER).unwrap()
}

/// What is left of a REST answer.
fn rest(view: View<'_>, text: &str) -> String {
    let document = parse(text);
    applied(&document, &view.cut_rest(document.root()))
}

/// What is left of the result of a tool.
fn result(view: View<'_>, text: &str) -> Result<String, ViewError> {
    let document = parse(text);
    Ok(applied(&document, &view.cut_result(document.root())?))
}

/// What is left when these patterns are named.
fn named(patterns: &[&str], text: &str) -> String {
    rest(View::of_projection(&projection(patterns)), text)
}

/// The edits, as the gate applies them; the outcome is JSON again.
fn applied(document: &Document, edits: &[Edit]) -> String {
    assert!(edits.is_sorted_by(|a, b| a.span.end <= b.span.start), "{edits:?}");
    assert!(edits.iter().all(|edit| edit.span.start <= edit.span.end));
    let out = String::from_utf8(apply(document.bytes(), edits).to_vec()).unwrap();
    parse(&out);
    out
}

/// Namespaces of which a list says what may pass; what it does not name may not.
fn among<'l>(list: &'l [(&str, Verdict)]) -> impl Fn(&str) -> Verdict + 'l {
    |name| list.iter().find(|(it, _)| *it == name).map_or(Verdict::Nothing, |(_, verdict)| *verdict)
}

fn spaces(allowed: &dyn Fn(&str) -> Verdict) -> Namespaces<'_> {
    Namespaces { member: "namespace", allowed }
}
