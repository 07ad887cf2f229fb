//! The whole ladder, rung by rung, and the limits that the tests of this module parse with.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::{Inbound, headers, read};
use crate::call::{Action, Resource};
use crate::json::{Document, KeyRule, Limits};
use crate::limits;
use crate::reject::{Code, Rejection};

pub(crate) const LIMITS: Limits = Limits {
    depth_max: limits::JSON_DEPTH_MAX,
    nodes_max: limits::JSON_NODES_MAX,
    number_bytes_max: limits::JSON_NUMBER_BYTES_MAX,
    keys: KeyRule::Folded,
};

pub(crate) const ANSWER_LIMITS: Limits =
    Limits { nodes_max: limits::JSON_ANSWER_NODES_MAX, keys: KeyRule::Exact, ..LIMITS };

pub(crate) fn document(text: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &LIMITS).unwrap()
}

pub(crate) fn header_map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

/// A modern request with its mirror headers, before the test spoils one of them.
fn modern(method: &str, params: &str) -> String {
    let comma = if params.is_empty() { "" } else { "," };
    format!(
        r#"{{"jsonrpc":"2.0","id":"r-1","method":"{method}","params":{{{params}{comma}"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}

const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

fn understood(pairs: &[(&'static str, &str)], body: &str) -> Inbound {
    match read(&header_map(pairs), document(body), &super::redeem::Empty) {
        Ok(inbound) => inbound,
        Err(refused) => panic!("{body}: {refused:?}"),
    }
}

fn refused(pairs: &[(&'static str, &str)], body: &str) -> Rejection {
    match read(&header_map(pairs), document(body), &super::redeem::Empty) {
        Ok(inbound) => panic!("{body}: understood as {:?}", inbound.call),
        Err(refused) => refused,
    }
}

fn code(pairs: &[(&'static str, &str)], body: &str) -> Code {
    refused(pairs, body).code
}

#[test]
fn modern_tool_call_is_understood() {
    let body = modern("tools/call", r#""name":"echo","arguments":{"x":1}"#);
    let inbound = understood(&[VERSION, ("mcp-method", "tools/call"), ("mcp-name", "echo")], &body);
    assert!(inbound.revision.is_modern());
    assert_eq!(inbound.call.action, Action::ToolsInvoke);
    assert_eq!(inbound.call.resource, Resource::Tool("echo".into()));
    assert_eq!(inbound.call.json_arguments().unwrap().raw(), br#"{"x":1}"#);
    assert_eq!(inbound.message.id().unwrap().raw(), &br#""r-1""#[..]);
}

#[test]
fn legacy_tool_call_needs_no_headers() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    let inbound = understood(&[], body);
    assert_eq!(inbound.revision.date(), "2025-03-26");
    assert!(inbound.call.json_arguments().is_none());
}

#[test]
fn s29_header_that_contradicts_the_body_is_refused_in_every_revision() {
    let body = modern("tools/call", r#""name":"echo""#);
    let method = ("mcp-method", "tools/call");
    let name = ("mcp-name", "echo");
    for pairs in [
        &[VERSION, name][..],
        &[VERSION, method],
        &[VERSION, ("mcp-method", "tools/list"), name],
        &[VERSION, ("mcp-method", "Tools/Call"), name],
        &[VERSION, method, ("mcp-name", "other")],
        &[VERSION, method, ("mcp-name", "Echo")],
        &[VERSION, method, name, name],
        &[VERSION, method, method, name],
        &[VERSION, VERSION, method, name],
        &[VERSION, method, ("mcp-name", "echo,echo")],
        &[VERSION, method, ("mcp-name", "=?base64?ZWNobw=?=")],
        &[VERSION, method, ("mcp-name", "=?BASE64?ZWNobw==?=")],
        &[("mcp-protocol-version", "2025-11-25"), method, name],
        &[method, name],
    ] {
        assert_eq!(code(pairs, &body), Code::HeaderMismatch, "{pairs:?}");
    }
    understood(&[VERSION, method, ("mcp-name", "=?base64?ZWNobw==?=")], &body);
    let legacy = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    understood(&[method, name], legacy);
    assert_eq!(code(&[("mcp-method", "tools/list")], legacy), Code::HeaderMismatch);
    assert_eq!(code(&[("mcp-name", "x")], legacy), Code::HeaderMismatch);
}

#[test]
fn modern_request_without_its_meta_is_refused_as_invalid_params_with_its_id() {
    for params in ["", r#","params":{}"#, r#","params":{"_meta":{}}"#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":101,"method":"server/discover"{params}}}"#);
        let refused = refused(&[VERSION, ("mcp-method", "server/discover")], &body);
        assert_eq!(refused.code, Code::ParamsInvalid);
        assert_eq!(refused.rpc_id.unwrap(), &b"101"[..]);
    }
    let no_capabilities = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    assert_eq!(
        code(&[VERSION, ("mcp-method", "server/discover")], no_capabilities),
        Code::ParamsInvalid
    );
}

#[test]
fn removed_and_unknown_methods_are_unknown_on_a_modern_request() {
    for method in
        ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list", "x/y"]
    {
        let body = modern(method, r#""uri":"x:y""#);
        let mut pairs = vec![VERSION, ("mcp-method", method)];
        if method == "resources/subscribe" {
            pairs.push(("mcp-name", "x:y"));
        }
        assert_eq!(code(&pairs, &body), Code::MethodUnknown, "{method}");
    }
}

#[test]
fn modern_methods_are_unknown_to_legacy_requests() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
    assert_eq!(code(&[], body), Code::MethodUnknown);
}

#[test]
fn unsupported_version_is_refused_before_anything_is_looked_at() {
    let body = modern("tools/call", r#""name":"x""#).replace("2026-07-28", "2099-01-01");
    let refused = refused(&[("mcp-protocol-version", "2099-01-01")], &body);
    assert_eq!(refused.code, Code::VersionUnsupported);
    assert!(refused.data.is_some() && refused.rpc_id.is_some());
}

#[test]
fn batch_is_refused_without_an_id() {
    let refused = refused(&[], r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#);
    assert_eq!(refused.code, Code::MessageInvalid);
    assert!(refused.rpc_id.is_none());
}

#[test]
fn upstream_headers_pass_the_checks_that_the_upstream_makes() {
    for (method, params) in [
        ("tools/call", r#""name":"caf\u00e9 \n""#),
        ("resources/read", r#""uri":"file:///a%20b""#),
        ("prompts/get", r#""name":"=?base64?x?=""#),
        ("tools/list", ""),
    ] {
        let document = document(&modern(method, params));
        let message = super::message::Message::read(&document).unwrap();
        let revision = super::Revision::V2026_07_28;
        let map: HeaderMap = headers::upstream_headers(&message, revision).into_iter().collect();
        let again = read(&map, document, &super::redeem::Empty)
            .unwrap_or_else(|e| panic!("{method}: {e:?}"));
        assert_eq!(again.revision, revision);
    }
}

proptest! {
    #[test]
    fn no_message_makes_the_ladder_panic(
        method in prop_oneof!["tools/call", "resources/read", "completion/complete", "subscriptions/listen", ".{0,8}"],
        member in prop_oneof!["name", "uri", "ref", "notifications", "arguments", "_meta", ".{0,6}"],
        value in prop_oneof![Just("null"), Just("7"), Just("\"x:y\""), Just("{}"), Just("[\"a:b\"]"), Just("{\"type\":\"ref/resource\",\"uri\":\"a:{b}\"}")],
        id in prop_oneof![Just("1"), Just("\"a\""), Just("null"), Just("1.5"), Just("{}")],
        version in proptest::option::of("2026-07-28|2025-06-18|.{0,6}"),
    ) {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{},\"params\":{{{}:{value}}}}}",
            serde_json::to_string(&method).unwrap(), serde_json::to_string(&member).unwrap(),
        );
        let mut map = HeaderMap::new();
        if let Some(Ok(value)) = version.map(|v| HeaderValue::from_str(&v)) {
            map.append("mcp-protocol-version", value);
        }
        if let Ok(document) = Document::parse(Bytes::from(body), &LIMITS) {
            let _ = read(&map, document, &super::redeem::Empty);
        }
    }
}
