//! Requests and answers between the eras.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::super::hello::{Discovery, Keep, Offers};
use super::super::reading::{Asked, Said, Unreadable, read, retry_members};
use super::super::splice::{self, SpliceError};
use super::super::ticket::{NUMBER_BYTES, Ticket};
use super::{parsed, value};
use crate::limits::{DISCOVERY_MS_MAX, INPUT_REQUESTS_MAX};
use crate::mcp::message::{Id, Message};
use std::time::Duration;

const META: &[u8] = br#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;

fn carried(text: &str) -> String {
    let out = splice::request(&parsed(text.to_owned()), None, META, b"").unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

fn id(raw: &str) -> Id {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{raw},"method":"ping"}}"#);
    Message::read(&parsed(text)).unwrap().id().unwrap().clone()
}

fn said(text: &str) -> Result<Said, Unreadable> {
    read(Bytes::from(text.to_owned()), Asked::As(&id("7")))
}

fn legacy(text: &str, operation: &str) -> String {
    let Ok(Said::Final(answer)) = said(text) else { panic!("not final: {text}") };
    String::from_utf8(answer.to_legacy(b"7", operation).to_vec()).unwrap()
}

#[test]
fn request_gets_its_meta_and_keeps_every_other_byte() {
    let meta = std::str::from_utf8(META).unwrap();
    for (from, to) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
            format!(
                r#"{{"params":{{"_meta":{{{meta}}}}},"jsonrpc":"2.0","id":1,"method":"tools/list"}}"#
            ),
        ),
        (
            r#"{"params": { } ,"jsonrpc":"2.0","id":1,"method":"x"}"#,
            format!(
                r#"{{"params": {{"_meta":{{{meta}}} }} ,"jsonrpc":"2.0","id":1,"method":"x"}}"#
            ),
        ),
        (
            r#"{"params":{"a":1.50e3},"id":1,"jsonrpc":"2.0","method":"x"}"#,
            format!(
                r#"{{"params":{{"_meta":{{{meta}}},"a":1.50e3}},"id":1,"jsonrpc":"2.0","method":"x"}}"#
            ),
        ),
        (
            r#"{"params":{"_meta":{"progressToken":9007199254740993}},"id":1,"jsonrpc":"2.0","method":"x"}"#,
            format!(
                r#"{{"params":{{"_meta":{{{meta},"progressToken":9007199254740993}}}},"id":1,"jsonrpc":"2.0","method":"x"}}"#
            ),
        ),
        (
            r#"{"params":{"_meta":{}},"id":1,"jsonrpc":"2.0","method":"x"}"#,
            format!(r#"{{"params":{{"_meta":{{{meta}}}}},"id":1,"jsonrpc":"2.0","method":"x"}}"#),
        ),
    ] {
        assert_eq!(carried(from), to);
    }
}

#[test]
fn client_cannot_speak_for_the_gateway() {
    let out = carried(
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"a":1,"io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"io.modelcontextprotocol/logLevel":"debug","b":2,"io.modelcontextprotocol/protocolVersion":"2025-06-18"}}}"#,
    );
    let meta = &value(out.as_bytes())["params"]["_meta"];
    assert_eq!(
        *meta,
        json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "a": 1, "b": 2})
    );
    for member in ["inputResponses", "requestState"] {
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"{member}":"s"}}}}"#);
        let refused = splice::request(&parsed(text), None, META, b"");
        assert!(matches!(refused, Err(SpliceError::Foreign(_))), "{member}");
    }
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":[]}}"#;
    assert_eq!(splice::request(&parsed(text), None, META, b""), Err(SpliceError::Meta));
}

#[test]
fn retry_has_its_own_id_the_answers_and_the_state_byte_for_byte() {
    let document =
        parsed(r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}"#);
    let answers = [
        (
            Bytes::from_static(br#""q\u0031""#),
            Bytes::from_static(br#"{"action":"accept","content":{"n":1.0}}"#),
        ),
        (Bytes::from_static(br#""r""#), Bytes::from_static(b"{}")),
    ];
    let state = Bytes::from_static(br#""\u0041/+=\/""#);
    let members = retry_members(&answers, Some(&state));
    let out = splice::request(&document, Some(br#""sallyport-retry-1""#), META, &members).unwrap();
    let text = std::str::from_utf8(&out).unwrap();
    assert!(text.contains(r#""inputResponses":{"q\u0031":{"action":"accept","content":{"n":1.0}},"r":{}},"requestState":"\u0041/+=\/","#), "{text}");
    assert_eq!(value(&out)["id"], "sallyport-retry-1");
    assert_eq!(retry_members(&[], Some(&state)), br#""requestState":"\u0041/+=\/""#);
}

#[test]
fn answer_loses_only_what_is_modern() {
    let text = r#"{"result":{"resultType":"complete", "big":123456789012345678901234567890,"x":{"resultType":"kept"},"ttlMs":0 ,"cacheScope":"public","_meta":{"a":1e2}},"jsonrpc":"2.0","id":7}"#;
    let expected = r#"{"result":{"big":123456789012345678901234567890,"x":{"resultType":"kept"},"_meta":{"a":1e2}},"jsonrpc":"2.0","id":7}"#;
    assert_eq!(legacy(text, "tools/call"), expected);
    let only = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete"}}"#;
    assert_eq!(legacy(only, "tools/call"), r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
}

#[test]
fn missing_resource_has_the_code_of_its_era_and_other_errors_stay() {
    let error = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no such","data":{"uri":"a:b"}}}"#;
    assert_eq!(legacy(error, "resources/read"), error.replace("-32602", "-32002"));
    assert_eq!(legacy(error, "tools/call"), error);
    let unnamed = r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"x"}}"#;
    assert_eq!(value(legacy(unnamed, "tools/call").as_bytes())["id"], 7);
    let null = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"x"}}"#;
    assert_eq!(value(legacy(null, "tools/call").as_bytes())["id"], 7);
}

#[test]
fn s37_only_the_answer_to_this_request_counts_and_requests_are_nobody_s() {
    for text in [
        r#"{"jsonrpc":"2.0","id":8,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"7","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":8,"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}"#,
    ] {
        assert!(matches!(said(text), Ok(Said::Foreign)), "{text}");
    }
    let spelled = read(
        Bytes::from_static(br#"{"jsonrpc":"2.0","id":"\u0061","result":{}}"#),
        Asked::As(&id("\"a\"")),
    );
    assert!(matches!(spelled, Ok(Said::Final(_))));
    for text in ["[]", "{", r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"task"}}"#] {
        assert!(said(text).is_err(), "{text}");
    }
}

#[test]
fn input_required_is_read_whole_or_not_at_all() {
    let needs = |inner: &str| {
        said(&format!(
            r#"{{"jsonrpc":"2.0","id":7,"result":{{"resultType":"input_required"{inner}}}}}"#
        ))
    };
    let two = r#","inputRequests":{"k\u0031":{"method":"elicitation/create","params":{"message":"hi","n":1.0}},"r":{"method":"roots/list"}},"requestState":"s\/""#;
    let Ok(Said::Needs(read)) = needs(two) else { panic!("not read") };
    assert_eq!(read.asks.len(), 2);
    assert_eq!(read.asks[0].key, br#""k\u0031""#.as_slice());
    assert_eq!(read.state.as_deref(), Some(br#""s\/""#.as_slice()));
    assert_eq!(
        read.asks[0].to_request("q1"),
        br#"{"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"message":"hi","n":1.0}}"#.as_slice()
    );
    assert_eq!(
        read.asks[1].to_request("q2"),
        br#"{"jsonrpc":"2.0","id":"q2","method":"roots/list"}"#.as_slice()
    );
    for bad in [
        "",
        r#","inputRequests":{}"#,
        r#","inputRequests":[]"#,
        r#","inputRequests":{"k":{"method":"tools/call"}}"#,
        r#","requestState":1"#,
    ] {
        assert!(needs(bad).is_err(), "{bad}");
    }
    let many = |count: usize| {
        let all: Vec<String> =
            (0..count).map(|n| format!(r#""{n}":{{"method":"roots/list"}}"#)).collect();
        needs(&format!(r#","inputRequests":{{{}}}"#, all.join(",")))
    };
    assert!(many(INPUT_REQUESTS_MAX).is_ok() && many(INPUT_REQUESTS_MAX + 1).is_err());
}

#[test]
fn address_to_visit_gets_the_elicitation_id_that_its_era_wants() {
    let text = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{"u":{"method":"elicitation/create","params":{"mode":"url","url":"https://a.example/","message":"go"}}}}}"#;
    let Ok(Said::Needs(needs)) = said(text) else { panic!("not read") };
    let request = value(&needs.asks[0].to_request("q1"));
    assert_eq!(
        request["params"],
        json!({"elicitationId": "q1", "mode": "url", "url": "https://a.example/", "message": "go"})
    );
}

#[test]
fn subscription_tag_goes_and_nothing_else() {
    for (from, to) in [
        (
            r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b","_meta":{"io.modelcontextprotocol/subscriptionId":"x"}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1,"k":1.0}}}"#,
            r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"k":1.0}}}"#,
        ),
        (r#"{"jsonrpc":"2.0","method":"m"}"#, r#"{"jsonrpc":"2.0","method":"m"}"#),
    ] {
        assert_eq!(splice::untagged(&parsed(from)), to.as_bytes());
    }
}

fn discovered(result: serde_json::Value) -> Option<Discovery> {
    Discovery::read(&parsed(json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string()))
}

#[test]
fn handshake_promises_what_crosses_the_bridge() {
    let discovery = discovered(json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 5, "cacheScope": "public",
        "capabilities": {"tools": {"listChanged": true}, "resources": {"subscribe": true}, "logging": {},
            "extensions": {"io.modelcontextprotocol/tasks": {}}, "tasks": {}, "experimental": {"x": {}}},
        "instructions": "be kind", "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "2", "title": "S"}}}))
    .unwrap();
    let hello = parsed(
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#,
    );
    let ticket = Ticket::of(&hello, [0; NUMBER_BYTES]);
    let answer = value(&discovery.initialized(b"\"i\"", &ticket, "crm"));
    assert_eq!(
        answer,
        json!({"jsonrpc": "2.0", "id": "i", "result": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {"listChanged": true}, "resources": {"subscribe": true}, "logging": {}},
        "serverInfo": {"name": "s", "version": "2", "title": "S"}, "instructions": "be kind"}})
    );
    assert_eq!(discovery.offers, Offers { tools: true, updates: true, ..Offers::default() });
    assert_eq!(discovery.keep, Keep::Shared(Duration::from_millis(5)));
}

#[test]
fn discovery_is_kept_only_where_it_is_everybody_s_and_never_longer_than_discovery_ms_max() {
    let kept = |scope: &str, ttl: serde_json::Value| {
        discovered(
            json!({"supportedVersions": [], "capabilities": {}, "ttlMs": ttl, "cacheScope": scope}),
        )
        .unwrap()
        .keep
    };
    assert_eq!(kept("private", json!(1000)), Keep::No);
    assert_eq!(kept("public", json!(0)), Keep::No);
    assert_eq!(kept("public", json!(-1)), Keep::No);
    assert_eq!(
        kept("public", json!(u64::MAX / 4)),
        Keep::Shared(Duration::from_millis(DISCOVERY_MS_MAX))
    );
    assert!(discovered(json!({"protocolVersion": "2025-06-18", "capabilities": {}})).is_none());
}

#[test]
fn server_that_does_not_name_itself_goes_by_its_route() {
    let hello = parsed(r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#);
    let ticket = Ticket::of(&hello, [0; NUMBER_BYTES]);
    let discovery =
        discovered(json!({"supportedVersions": [], "capabilities": {}, "serverInfo": {"name": 1}}))
            .unwrap();
    let answer = value(&discovery.initialized(b"1", &ticket, "crm"));
    assert_eq!(answer["result"]["serverInfo"], json!({"name": "crm", "version": ""}));
}

/// Any JSON of a few levels, with numbers in spellings that no float keeps.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        "\"([a-z ]|\\\\u00e9|\\\\n){0,8}\"",
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[ {}]", all.join(" , "))),
            prop::collection::btree_map("[a-z]{3,6}", inner, 0..4).prop_map(|all| {
                let all: Vec<String> =
                    all.into_iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect();
                format!("{{ {} }}", all.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn splices_of_requests_keep_every_other_byte(arguments in json_text(), other in json_text()) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1, "zz": {other},"method":"tools/call","params":{{"name":"t" ,"arguments":{arguments},"_meta":{{"k":{other}}}}}}}"#);
        let out = carried(&text);
        let added = format!("{},", std::str::from_utf8(META).unwrap());
        prop_assert_eq!(out.replacen(&added, "", 1), text);
    }

    #[test]
    fn splices_of_answers_keep_every_other_byte(content in json_text(), at in 0..3_usize) {
        let mut members = vec![format!("\"content\" : {content}"), format!("\"other\":{content}")];
        members.insert(at.min(members.len()), "\"resultType\":\"complete\"".to_owned());
        let text = format!(r#"{{"id":7,"result":{{{}}},"jsonrpc":"2.0"}}"#, members.join(","));
        members.retain(|member| !member.contains("resultType\""));
        let expected = format!(r#"{{"id":7,"result":{{{}}},"jsonrpc":"2.0"}}"#, members.join(","));
        prop_assert_eq!(legacy(&text, "tools/call"), expected);
    }

    #[test]
    fn removing_any_members_leaves_json_with_the_others(all in prop::collection::btree_map("[a-e]", 0..9_u8, 0..6), gone in prop::collection::btree_set("[a-e]", 0..6)) {
        let members: Vec<String> = all.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
        let document = parsed(format!("{{{}}}", members.join(" ,")));
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        let mut splices = splice::Splices::new();
        splices.members(document.root(), b"\"new\":1", &gone);
        let mut expected: serde_json::Map<String, serde_json::Value> = all.iter().filter(|(k, _)| !gone.contains(&k.as_str())).map(|(k, v)| (k.clone(), json!(v))).collect();
        expected.insert("new".to_owned(), json!(1));
        prop_assert_eq!(value(&splices.apply(&document)), serde_json::Value::Object(expected));
    }

    #[test]
    fn reading_never_panics(text in ".{0,200}") {
        let _ = said(&text);
    }
}
