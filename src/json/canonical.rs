//! One text for one meaning: what is hashed of a JSON value, and what people are shown of it.
//!
//! Owns two writings of a [`Value`]. Guarantees: [`canonical`] does not depend on white space, on
//! the order of members or on how a string is escaped, and differs for any two values that differ
//! otherwise; both keep every number as it is spelled, so that nothing is lost that a server's
//! reader might see. Depth is bounded by the reader.

use std::borrow::Cow;

use super::text::write_escaped;
use super::{Kind, Value};

/// The value without white space, members sorted by their decoded names in UTF-8, strings with the
/// fewest escapes, numbers as they are spelled.
///
/// It is RFC 8785 (JCS) but for two things: names are sorted by UTF-8 rather than UTF-16, and
/// numbers are not brought to the form of ECMAScript, because `1e2` and `100` are read differently
/// by some readers, and because doubles cannot hold them all.
#[must_use]
pub fn canonical(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.raw().len());
    compact(value, &mut out);
    out
}

/// The same on several lines, indented by two blanks below `indent` of them, for people and diffs.
/// The first line is not indented.
pub fn pretty(value: Value<'_>, indent: usize, out: &mut Vec<u8>) {
    let inner = indent + STEP;
    match value.kind() {
        Kind::Object => {
            let members = sorted(value);
            brackets(b"{}", members, indent, out, |(name, member), out| {
                string(name, out);
                out.extend_from_slice(b": ");
                pretty(*member, inner, out);
            });
        }
        Kind::Array => {
            let items = value.items().collect();
            brackets(b"[]", items, indent, out, |item, out| pretty(*item, inner, out));
        }
        Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => scalar(value, out),
    }
}

fn compact(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Object => {
            out.push(b'{');
            for (at, (name, member)) in sorted(value).iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                string(name, out);
                out.push(b':');
                compact(*member, out);
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            for (at, item) in value.items().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                compact(item, out);
            }
            out.push(b']');
        }
        Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => scalar(value, out),
    }
}

/// Texts are compared as their bytes in UTF-8.
fn sorted(object: Value<'_>) -> Vec<(Cow<'_, str>, Value<'_>)> {
    let mut members = Vec::new();
    for (name, value) in object.members() {
        members.push((name.as_str().unwrap_or_default(), value));
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    members
}

fn brackets<T>(
    pair: &[u8; 2],
    items: Vec<T>,
    indent: usize,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&T, &mut Vec<u8>),
) {
    let [open, close] = *pair;
    out.push(open);
    let empty = items.is_empty();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        line(indent + STEP, out);
        write(item, out);
    }
    if !empty {
        line(indent, out);
    }
    out.push(close);
}

fn line(indent: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + indent, b' ');
}

fn scalar(value: Value<'_>, out: &mut Vec<u8>) {
    match value.as_str() {
        Some(text) => string(&text, out),
        None => out.extend_from_slice(value.raw()),
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

const STEP: usize = 2;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::{canonical, pretty};
    use crate::json::Document;
    use crate::mcp::ANSWER;

    fn text(json: &str) -> String {
        let document = Document::parse(Bytes::copy_from_slice(json.as_bytes()), &ANSWER).unwrap();
        String::from_utf8(canonical(document.root())).unwrap()
    }

    fn lines(json: &str) -> String {
        let document = Document::parse(Bytes::copy_from_slice(json.as_bytes()), &ANSWER).unwrap();
        let mut out = Vec::new();
        pretty(document.root(), 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn order_of_members_white_space_and_escapes_make_no_difference() {
        let one = text(r#"{"b":[1, {"y":"\u00e9\/","x":null}],"a":"\u0041"}"#);
        assert_eq!(one, r#"{"a":"A","b":[1,{"x":null,"y":"é/"}]}"#);
        assert_eq!(text(" { \"a\" : \"A\", \"b\":[1,{\"x\":null , \"y\":\"é/\"}]}\n"), one);
    }

    #[test]
    fn order_of_items_and_spelling_of_numbers_make_one() {
        assert_ne!(text("[1,2]"), text("[2,1]"));
        assert_ne!(text("1.0"), text("1"));
        assert_ne!(text("1e2"), text("100"));
        assert_eq!(text("[1e400,-0]"), "[1e400,-0]");
    }

    #[test]
    fn shown_on_lines_it_means_the_same() {
        let json = r#"{"b":[],"a":{"x":[1.0,{}]}}"#;
        assert_eq!(
            lines(json),
            "{\n  \"a\": {\n    \"x\": [\n      1.0,\n      {}\n    ]\n  },\n  \"b\": []\n}"
        );
        assert_eq!(text(&lines(json)), text(json));
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(Json::from),
            ".{0,6}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec((".{0,3}", inner), 0..4)
                    .prop_map(|members| { Json::Object(members.into_iter().collect()) }),
            ]
        })
    }

    /// The same value with the members of every object the other way round.
    fn turned(value: &Json) -> Json {
        match value {
            Json::Object(members) => Json::Object(
                members.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect(),
            ),
            Json::Array(items) => Json::Array(items.iter().map(turned).collect()),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn s36_equal_values_have_one_text_and_different_values_have_two(
            one in any_json(), other in any_json(),
        ) {
            let compact = text(&one.to_string());
            prop_assert_eq!(&compact, &text(&turned(&one).to_string()));
            prop_assert_eq!(&compact, &text(&serde_json::to_string_pretty(&one).unwrap()));
            prop_assert_eq!(&compact, &text(&lines(&one.to_string())));
            prop_assert_eq!(&compact, &text(&compact));
            let read: Json = serde_json::from_str(&compact).unwrap();
            prop_assert_eq!(&read, &one);
            prop_assert_eq!(compact == text(&other.to_string()), one == other);
        }
    }
}
