use proptest::prelude::*;

use super::{HeaderError, decode, encode, upstream_headers, verify_claims};
use crate::mcp::message::Message;
use crate::mcp::tests::{document, header_map};
use crate::mcp::version::Revision;

fn message(text: &str) -> Message {
    Message::read(&document(text)).unwrap()
}

fn call() -> Message {
    message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get weather"}}"#)
}

fn verify(
    pairs: &[(&'static str, &str)],
    message: &Message,
    revision: Revision,
) -> Result<(), HeaderError> {
    verify_claims(&header_map(pairs), message, revision)
}

#[test]
fn plain_names_travel_as_they_are() {
    for plain in ["echo", "get weather", "file:///a?b=c#d", "=?base64?x", "x?=", "=?BASE64?eA==?="]
    {
        assert_eq!(encode(plain), plain);
        assert_eq!(decode(plain).unwrap(), plain);
    }
}

#[test]
fn specification_examples_are_encoded_as_it_says() {
    for (text, value) in [
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ] {
        assert_eq!(encode(text), value);
        assert_eq!(decode(value).unwrap(), text);
    }
}

#[test]
fn values_that_are_neither_plain_nor_base64_are_undecodable() {
    for value in [
        "=?base64?%%%?=",
        "=?base64?ZWNobw=?=",
        "=?base64?ZWNob x?=",
        "=?base64?/w==?=",
        "a\u{7f}",
        "é",
    ] {
        assert_eq!(decode(value), None, "{value}");
    }
    assert_eq!(decode(&format!("=?base64?{}?=", "QUFB".repeat(4096))), None);
}

#[test]
fn white_space_around_a_value_is_not_part_of_it() {
    let pairs = [("mcp-method", " tools/call\t"), ("mcp-name", "\tget weather ")];
    assert_eq!(verify(&pairs, &call(), Revision::V2026_07_28), Ok(()));
}

#[test]
fn modern_notification_needs_its_method_and_no_name() {
    let note = message(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#);
    assert_eq!(verify(&[("mcp-method", "tools/call")], &note, Revision::V2026_07_28), Ok(()));
    let missing = Err(HeaderError::Missing { name: "mcp-method" });
    assert_eq!(verify(&[], &note, Revision::V2026_07_28), missing);
}

#[test]
fn name_that_the_body_does_not_have_is_a_contradiction() {
    let list = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let mismatch = Err(HeaderError::Mismatch { name: "mcp-name" });
    assert_eq!(verify(&[("mcp-name", "echo")], &list, Revision::V2025_11_25), mismatch);
    let nameless = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#);
    assert_eq!(verify(&[("mcp-name", "7")], &nameless, Revision::V2025_11_25), mismatch);
    assert_eq!(verify(&[], &nameless, Revision::V2025_11_25), Ok(()));
}

#[test]
fn response_has_no_method_to_claim() {
    let answer = message(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert_eq!(verify(&[], &answer, Revision::V2025_11_25), Ok(()));
    let mismatch = Err(HeaderError::Mismatch { name: "mcp-method" });
    assert_eq!(verify(&[("mcp-method", "tools/call")], &answer, Revision::V2025_11_25), mismatch);
}

#[test]
fn s29_upstream_headers_come_from_the_body() {
    let names = |revision| {
        let headers = upstream_headers(&call(), revision);
        headers
            .into_iter()
            .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let own = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    assert_eq!(
        names(Revision::V2026_07_28),
        [
            own("mcp-protocol-version", "2026-07-28"),
            own("mcp-method", "tools/call"),
            own("mcp-name", "get weather"),
        ]
    );
    assert_eq!(names(Revision::V2025_11_25), []);
}

proptest! {
    #[test]
    fn every_text_survives_the_round_trip(text in "\\PC{0,40}|[ -~]{0,40}|(=\\?base64\\?)?.{0,9}(\\?=)?") {
        let value = encode(&text);
        prop_assert!(http::HeaderValue::from_str(&value).is_ok());
        prop_assert_eq!(decode(&value).unwrap(), text.as_str());
    }

    #[test]
    fn decoding_never_panics(value in ".{0,60}|=\\?base64\\?[A-Za-z0-9+/=]{0,40}\\?=") {
        let _ = decode(&value);
    }
}
