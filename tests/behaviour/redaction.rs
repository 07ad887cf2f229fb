//! Nothing personal leaves by any door, and everything else is untouched.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Setup, World, call, plain, post};
use crate::upstream::{Upstream, bytes_answer, events, rpc};

const PERSONAL: [&str; 6] = [
    "ada.byron@example.com",
    "219-09-9999",
    "4111 1111 1111 1111",
    "+1 212-555-0147",
    "GB82 WEST 1234 5698 7654 32",
    "AKIAIOSFODNN7EXAMPLE",
];

fn record() -> Value {
    json!({"email": PERSONAL[0], "ssn": PERSONAL[1], "card": PERSONAL[2], "phone": PERSONAL[3],
           "iban": PERSONAL[4], "key": PERSONAL[5], "order": "20261122-000417", "total": 12.50})
}

fn leaks(text: &str) -> Vec<&'static str> {
    PERSONAL.into_iter().filter(|value| text.contains(value)).collect()
}

#[tokio::test]
async fn p43_every_copy_is_masked_in_content_and_structured_content() {
    let result = json!({"content": [{"type": "text", "text": record().to_string()},
        {"type": "resource", "resource": {"uri": "file:///c", "text": record().to_string()}}],
        "structuredContent": record(), "_meta": {"note": PERSONAL[0]}});
    let world = World::new(Upstream::tool(result).await).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(leaks(&reply.text()), Vec::<&str>::new(), "{}", reply.text());
    assert_eq!(reply.json()["result"]["structuredContent"]["order"], "20261122-000417");
    assert_eq!(reply.json()["result"]["structuredContent"]["total"], 12.5);
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
}

#[tokio::test]
async fn a_scope_reveals_its_class_and_no_other() {
    let world =
        World::new(Upstream::tool(json!({"structuredContent": record(), "content": []})).await)
            .await;
    let reply = world.post(&world.token("mcp.tools.invoke pii:email.read"), &call("echo")).await;
    assert_eq!(leaks(&reply.text()), [PERSONAL[0]]);
    let closed = world.closed_records(1).await;
    assert_eq!(closed[0]["revealed"]["email"], 1);
    assert!(closed[0]["redactions"]["us_ssn"].as_u64() >= Some(1));
}

#[tokio::test]
async fn p43_errors_and_descriptions_are_masked_too() {
    let upstream = Upstream::answering(|seen| {
        let id = seen.json()["id"].clone();
        if seen.json()["method"] == "tools/list" {
            return rpc(&id, &json!({"tools": [{"name": "echo", "description": format!("mail {}", PERSONAL[0]), "inputSchema": {"type": "object"}}]}));
        }
        let body = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": format!("no row for {}", PERSONAL[1]), "data": record()}});
        bytes_answer("application/json", Bytes::from(body.to_string()))
    })
    .await;
    let world = World::new(upstream).await;
    let token = world.token("mcp.tools.invoke");
    let error = world.post(&token, &call("echo")).await;
    assert_eq!(leaks(&error.text()), Vec::<&str>::new(), "{}", error.text());
    assert_eq!(error.json()["error"]["code"], -32000);
    let list = world.post(&token, &crate::support::list_tools()).await;
    assert_eq!(leaks(&list.text()), Vec::<&str>::new(), "{}", list.text());
}

#[tokio::test]
async fn an_untouched_answer_passes_byte_for_byte() {
    const BODY: &str = r#"{ "result" : {"content":[ ],"big":12345678901234567890123,"e":1E2,"u":"\u00e9\/"},"id":7,   "jsonrpc":"2.0" }"#;
    let upstream = Upstream::answering(|_| {
        bytes_answer("application/json", Bytes::from_static(BODY.as_bytes()))
    })
    .await;
    let world = World::new(upstream).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!(reply.text(), BODY);
}

#[tokio::test]
async fn p42_streams_are_masked_event_by_event_with_the_same_result_as_json() {
    let upstream = Upstream::answering(|seen| {
        let id = seen.json()["id"].clone();
        let (sender, receiver) = mpsc::unbounded_channel();
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": format!("mail to {}", PERSONAL[0])}});
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"structuredContent": record(), "content": []}});
        let text = format!("id: 1\ndata: \n\nevent: message\ndata: {progress}\n\nevent: message\r\nid: 2\r\ndata: {answer}\r\n\r\n");
        // Cut anywhere: all state is in the decoder.
        for chunk in text.as_bytes().chunks(7) {
            sender.send(Bytes::copy_from_slice(chunk)).unwrap();
        }
        events(receiver)
    })
    .await;
    let world = World::new(upstream).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = reply.text();
    assert_eq!(leaks(&text), Vec::<&str>::new(), "{text}");
    assert!(text.contains("20261122-000417") && text.contains("id: 2"), "{text}");
    let streamed: Value = text
        .lines()
        .filter_map(|l| l.strip_prefix("data: "))
        .filter_map(|l| serde_json::from_str::<Value>(l).ok())
        .find(|m| m["id"] == 7)
        .unwrap();
    let json_world =
        World::new(Upstream::tool(json!({"structuredContent": record(), "content": []})).await)
            .await;
    let whole = json_world.post(&json_world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!(streamed["result"], whole.json()["result"]);
}

#[tokio::test]
async fn a_blocked_class_stops_the_answer_and_says_nothing_of_it() {
    let world = World::server(
        Upstream::tool(json!({"structuredContent": record(), "content": []})).await,
        "    redact: { classes: { us_ssn: block, email: mask } }\n",
    )
    .await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "answer_blocked"));
    assert_eq!(leaks(&reply.text()), Vec::<&str>::new());
}

#[tokio::test]
async fn a_custom_pattern_is_masked() {
    let world = World::server(
        Upstream::tool(
            json!({"content": [{"type": "text", "text": "badge EMP-004217 opened the door"}]}),
        )
        .await,
        "    redact: { custom: [ { name: employee, pattern: 'EMP-\\d{6}', form: label } ] }\n",
    )
    .await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert!(!reply.text().contains("004217"), "{}", reply.text());
}

#[tokio::test]
async fn s59_personal_data_of_arguments_stays_out_of_the_trail_and_the_metrics() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let message = crate::support::call_with(
        "echo",
        &json!({"who": PERSONAL[0], "ssn": PERSONAL[1], "note": PERSONAL[5]}),
    );
    assert_eq!(world.post(&token, &message).await.status, 200);
    world.closed_records(1).await;
    let trail = serde_json::to_string(&world.records()).unwrap();
    assert_eq!(leaks(&trail), Vec::<&str>::new(), "{trail}");
    assert!(!trail.contains(&token));
    assert_eq!(leaks(&world.gateway().metrics_text()), Vec::<&str>::new());
    // What the upstream gets is what the caller sent.
    assert!(
        String::from_utf8_lossy(&world.upstream.calls("tools/call")[0].body).contains(PERSONAL[0])
    );
    assert_eq!(world.send(post(Some(&token), message.to_string())).await.status, 200);
}

/// A key of 32 bytes and two names, as files beside the configuration.
const FILES: [(&str, &str); 2] = [
    ("p.key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    ("names.txt", "Blue Heron\nAcme\n"),
];

async fn with_files(result: Value, lines: &str) -> World {
    let setup = Setup { server: lines.to_owned(), ..Setup::default() };
    World::with_files(Upstream::tool(result).await, setup, &FILES).await
}

#[tokio::test]
async fn fields_and_dictionaries_are_classes_that_scopes_speak_of() {
    let result = json!({"content": [], "structuredContent": {
        "customer": {"remark": "likes tea", "project": "the BLUE HERON account"},
        "remark": "of the order"}});
    let lines = "    redact:\n      fields: [ { path: /customer/remark, name: remark, form: label } ]\n      \
        dictionaries: [ { name: project, file: names.txt, ignore_case: true } ]\n";
    let world = with_files(result, lines).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    let customer = &reply.json()["result"]["structuredContent"]["customer"];
    assert_eq!(customer, &json!({"remark": "[REMARK]", "project": "the [PROJECT] account"}));
    assert_eq!(reply.json()["result"]["structuredContent"]["remark"], "of the order");
    let reply = world.post(&world.token("mcp.tools.invoke pii:remark.read"), &call("echo")).await;
    let customer = &reply.json()["result"]["structuredContent"]["customer"];
    assert_eq!(customer, &json!({"remark": "likes tea", "project": "the [PROJECT] account"}));
    let closed = world.closed_records(2).await;
    assert_eq!(
        (&closed[1]["revealed"]["remark"], &closed[1]["redactions"]["project"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn pseudonyms_are_the_same_in_every_message_and_after_a_restart() {
    let result = json!({"content": [{"type": "text", "text": format!("{} and {}", PERSONAL[0], PERSONAL[0].to_uppercase())}],
        "structuredContent": {"email": PERSONAL[0], "phone": "(212) 555-0147", "other": PERSONAL[3]}});
    let lines = "    redact: { classes: { email: pseudonym, phone: pseudonym }, pseudonyms: { key: { file: p.key } } }\n";
    let mut world = with_files(result, lines).await;
    let token = world.token("mcp.tools.invoke");
    let first = world.post(&token, &call("echo")).await;
    let structured = first.json()["result"]["structuredContent"].clone();
    let email = structured["email"].as_str().unwrap();
    assert!(email.starts_with("[EMAIL#"), "{email}");
    assert_eq!(first.json()["result"]["content"][0]["text"], format!("{email} and {email}"));
    assert_eq!(structured["phone"], structured["other"]);
    world.restart().await;
    let again = world.post(&token, &call("echo")).await;
    assert_eq!(again.json()["result"]["structuredContent"], structured);
    assert_eq!(leaks(&again.text()), Vec::<&str>::new());
}

#[tokio::test]
async fn tools_have_their_own_values_left_alone_and_their_own_profile() {
    let support = "support@example.com";
    let result = json!({"content": [], "structuredContent": {"to": support, "from": PERSONAL[0]}});
    let lines = "    redact:\n      allow: [ { class: email, values: [support@*], tools: [\"crm_*\"] } ]\n      \
        profiles: { strict: { classes: { email: surrogate }, reveal: false } }\n      \
        tools: [ { names: [\"export_*\"], profile: strict } ]\n";
    let world = with_files(result, lines).await;
    let token = world.token("mcp.tools.invoke pii:email.read");
    let seen = async |token: &str, tool: &str| {
        let reply = world.post(token, &call(tool)).await;
        let structured = reply.json()["result"]["structuredContent"].clone();
        [
            structured["to"].as_str().unwrap().to_owned(),
            structured["from"].as_str().unwrap().to_owned(),
        ]
    };
    let plain = world.token("mcp.tools.invoke");
    assert_eq!(seen(&plain, "echo").await, ["s***@***.com", "a***@***.com"]);
    assert_eq!(seen(&plain, "crm_read").await, [support, "a***@***.com"]);
    assert_eq!(seen(&token, "echo").await, [support, PERSONAL[0]]);
    // The profile shows nothing to anybody.
    assert_eq!(seen(&token, "export_all").await, ["redacted@redacted.invalid"; 2]);
}
