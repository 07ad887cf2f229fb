//! Arguments that are mirrored in headers.

use serde_json::{Value, json};

use super::super::params::Shown;
use super::parsed;
use crate::limits::{MIRRORED_CALLERS_MAX, MIRRORED_DEPTH_MAX, MIRRORED_MAX};
use crate::principal::PrincipalKey;

const ALICE: PrincipalKey = PrincipalKey([1; 16]);
const BOB: PrincipalKey = PrincipalKey([2; 16]);

fn page(tools: &Value) -> crate::json::Document {
    parsed(json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string())
}

fn tool(name: &str, properties: &Value) -> Value {
    json!({"name": name, "inputSchema": {"type": "object", "properties": properties}})
}

fn headers(
    shown: &Shown,
    caller: PrincipalKey,
    name: &str,
    arguments: &str,
) -> Vec<(String, String)> {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
    );
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let all = shown.headers(caller, &parsed(call)).into_iter();
    all.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

#[test]
fn annotated_arguments_are_mirrored_as_they_are_encoded() {
    let shown = Shown::default();
    let properties = json!({
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "in": {"type": "object", "properties": {"deep": {"type": "string", "x-mcp-header": "Deep"}}},
        "plain": {"type": "string"}});
    shown.learn(ALICE, &page(&json!([tool("t", &properties)])), true);
    let found = headers(
        &shown,
        ALICE,
        "t",
        r#"{"region":"Zürich","count":42,"dry":false,"in":{"deep":"x"},"plain":"p"}"#,
    );
    let expected = [
        ("mcp-param-region", "=?base64?WsO8cmljaA==?="),
        ("mcp-param-count", "42"),
        ("mcp-param-dry", "false"),
        ("mcp-param-deep", "x"),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(headers(&shown, ALICE, "t", r#"{"region":null,"count":1.5}"#).is_empty());
    assert!(headers(&shown, ALICE, "other", r#"{"region":"x"}"#).is_empty());
}

#[test]
fn what_one_caller_was_shown_counts_for_nobody_else() {
    let shown = Shown::default();
    let properties = json!({"a": {"type": "string", "x-mcp-header": "A"}});
    shown.learn(ALICE, &page(&json!([tool("t", &properties)])), true);
    assert_eq!(headers(&shown, ALICE, "t", r#"{"a":"x"}"#).len(), 1);
    assert!(headers(&shown, BOB, "t", r#"{"a":"x"}"#).is_empty());
}

#[test]
fn further_pages_add_and_a_new_list_replaces() {
    let shown = Shown::default();
    let properties = json!({"a": {"type": "string", "x-mcp-header": "A"}});
    shown.learn(ALICE, &page(&json!([tool("one", &properties)])), true);
    shown.learn(ALICE, &page(&json!([tool("two", &properties)])), false);
    for name in ["one", "two"] {
        assert_eq!(headers(&shown, ALICE, name, r#"{"a":"x"}"#).len(), 1, "{name}");
    }
    shown.learn(ALICE, &page(&json!([])), true);
    assert!(headers(&shown, ALICE, "one", r#"{"a":"x"}"#).is_empty());
}

#[test]
fn tool_with_an_invalid_annotation_is_not_mirrored() {
    for properties in [
        json!({"a": {"type": "number", "x-mcp-header": "A"}}),
        json!({"a": {"x-mcp-header": "A"}}),
        json!({"a": {"type": "string", "x-mcp-header": ""}}),
        json!({"a": {"type": "string", "x-mcp-header": "two words"}}),
        json!({"a": {"type": "string", "x-mcp-header": 1}}),
        json!({"a": {"type": "string", "x-mcp-header": "Same"}, "b": {"type": "string", "x-mcp-header": "same"}}),
    ] {
        let shown = Shown::default();
        shown.learn(ALICE, &page(&json!([tool("t", &properties)])), true);
        assert!(headers(&shown, ALICE, "t", r#"{"a":"x","b":"y"}"#).is_empty(), "{properties}");
    }
}

#[test]
fn tables_stay_within_mirrored_max_and_mirrored_callers_max() {
    let shown = Shown::default();
    let properties = json!({"a": {"type": "string", "x-mcp-header": "A"}});
    let tools: Vec<Value> =
        (0..=MIRRORED_MAX).map(|n| tool(&format!("t{n}"), &properties)).collect();
    shown.learn(ALICE, &page(&json!(tools)), true);
    assert_eq!(headers(&shown, ALICE, &format!("t{}", MIRRORED_MAX - 1), r#"{"a":"x"}"#).len(), 1);
    assert!(headers(&shown, ALICE, &format!("t{MIRRORED_MAX}"), r#"{"a":"x"}"#).is_empty());
    let one = page(&json!([tool("t", &properties)]));
    for n in 0..MIRRORED_CALLERS_MAX + 5 {
        let mut key = [9; 16];
        key[..8].copy_from_slice(&(n as u64).to_be_bytes());
        shown.learn(PrincipalKey(key), &one, true);
    }
    assert_eq!(shown.callers(), MIRRORED_CALLERS_MAX);
}

#[test]
fn nesting_is_followed_down_to_mirrored_depth_max() {
    let nested = |depth: usize| {
        let mut schema = json!({"type": "string", "x-mcp-header": "A"});
        let mut argument = json!("x");
        for _ in 1..depth {
            schema = json!({"type": "object", "properties": {"a": schema}});
            argument = json!({"a": argument});
        }
        let shown = Shown::default();
        shown.learn(ALICE, &page(&json!([tool("t", &json!({"a": schema}))])), true);
        headers(&shown, ALICE, "t", &json!({"a": argument}).to_string()).len()
    };
    assert_eq!((nested(MIRRORED_DEPTH_MAX), nested(MIRRORED_DEPTH_MAX + 1)), (1, 0));
}
