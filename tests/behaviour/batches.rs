//! Arrays of messages (MCP 2025-03-26): refused, or each message judged alone.

use sallyport::limits::BATCH_MESSAGES_MAX;
use sallyport::mcp::sse::Decoder;
use serde_json::{Value, json};

use crate::support::{Reply, World, call, call_with, initialize, post, with_header};
use crate::upstream::{Upstream, events, json_answer, rpc};

const EACH: &str = "    batches: each\n    redact: [email]\n    tools: [ { match: echo }, { match: mail }, { match: secret, scopes: [extra] } ]\n";

/// Answers each message alone; an array would be answered with what no test expects.
async fn upstream() -> Upstream {
    Upstream::answering(|seen| {
        let message = seen.json();
        if message.is_array() {
            return json_answer(&json!({"a": "batch arrived"}));
        }
        if message["method"] == "initialize" {
            let version = message["params"]["protocolVersion"].clone();
            let hello = json!({"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}});
            let mut answer = rpc(&message["id"], &hello);
            answer.headers_mut().insert("mcp-session-id", "upstream-1".parse().unwrap());
            return answer;
        }
        match message["params"]["name"].as_str() {
            Some("mail") => {
                let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
                let note = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "p", "progress": 1}});
                let text = json!({"content": [{"type": "text", "text": "to jane.roe@corp.example"}]});
                let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": text});
                for message in [note, answer] {
                    sender.send(format!("data: {message}\n\n").into()).unwrap();
                }
                events(receiver)
            }
            _ => rpc(&message["id"], &json!({"content": [{"type": "text", "text": "done"}]})),
        }
    })
    .await
}

async fn world(lines: &str) -> World {
    World::server(upstream().await, lines).await
}

async fn send(world: &World, batch: &Value) -> Reply {
    let token = world.token("mcp.tools.invoke");
    world.send(post(Some(&token), batch.to_string())).await
}

fn answers(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let mut decoder = Decoder::new(1 << 20);
    decoder.push(reply.body.clone());
    let mut all = Vec::new();
    while let Some(event) = decoder.next_event() {
        let data = event.unwrap().data.unwrap();
        all.push(serde_json::from_slice(&data).unwrap());
    }
    all
}

fn numbered(tool: &str, id: u32) -> Value {
    let mut message = call(tool);
    message["id"] = id.into();
    message
}

#[tokio::test]
async fn p08_each_message_of_a_batch_is_judged_forwarded_masked_and_recorded_alone() {
    let world = world(EACH).await;
    let note =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}});
    let batch = json!([
        numbered("echo", 1),
        note,
        numbered("secret", 2),
        numbered("unknown", 3),
        numbered("mail", 4)
    ]);
    let reply = send(&world, &batch).await;
    let answers = answers(&reply);
    assert_eq!(answers.len(), 5, "{answers:#?}");
    assert_eq!(answers[0]["result"]["content"][0]["text"], "done");
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(40303)));
    assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&json!(3), &json!(40304)));
    assert_eq!(answers[3]["method"], "notifications/progress");
    let text = answers[4]["result"]["content"][0]["text"].as_str().unwrap();
    assert!(!text.contains("jane.roe"), "{text}");

    // What was refused never reached the server, and nothing arrived as an array.
    let seen = world.upstream.seen();
    let names: Vec<String> = seen
        .iter()
        .map(|s| s.json()["params"]["name"].as_str().unwrap_or("-").to_owned())
        .collect();
    assert_eq!(names, ["echo", "-", "mail"]);

    let records = world.closed_records(6).await;
    let whole = records.iter().find(|r| r["phase"] == "batch").unwrap();
    assert_eq!((&whole["messages"], &whole["status_code"]), (&json!(5), &json!(200)));
    let parts: Vec<&Value> = records.iter().filter(|r| r["phase"] != "batch").collect();
    assert_eq!(parts.len(), 5);
    assert!(parts.iter().all(|r| r["batch"] == whole["request_id"]), "{parts:#?}");
    assert_eq!(world.finish().await.exit_code(), 0);
}

#[tokio::test]
async fn p08_batch_that_awaits_nothing_is_answered_202_or_with_the_first_refusal() {
    let world = world(EACH).await;
    let note = |method: &str| json!({"jsonrpc": "2.0", "method": method});
    let fine =
        json!([note("notifications/roots/list_changed"), note("notifications/roots/list_changed")]);
    let reply = send(&world, &fine).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (202, ""));
    assert_eq!(world.upstream.seen().len(), 2);
    let stray = json!({"jsonrpc": "2.0", "id": "s-9", "result": {}});
    let reply = send(&world, &json!([note("notifications/roots/list_changed"), stray])).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "answer_unexpected"));
    assert_eq!(world.upstream.seen().len(), 3);
}

#[tokio::test]
async fn p08_batches_are_refused_whole_where_none_may_be() {
    let world = world(EACH).await;
    let one = numbered("echo", 1);
    let many: Vec<Value> = (0..=BATCH_MESSAGES_MAX).map(|_| one.clone()).collect();
    for (what, batch) in [
        ("empty", json!([])),
        ("numbers", json!([1, 2])),
        ("an array within", json!([[one]])),
        ("too many", json!(many)),
    ] {
        let reply = send(&world, &batch).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "message_invalid"),
            "{what}"
        );
    }
    let token = world.token("mcp.tools.invoke");
    for (date, code) in [
        ("2025-06-18", "message_invalid"),
        ("2025-11-25", "message_invalid"),
        ("2026-07-28", "params_invalid"),
    ] {
        let request = post(Some(&token), json!([one]).to_string());
        let reply = world.send(with_header(request, "mcp-protocol-version", date)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, code), "{date}");
    }
    let broken = format!("[{one},{{\"jsonrpc\":\"2.0\",\"id\":2,\"id\":3,\"method\":\"ping\"}}]");
    let reply = world.send(post(Some(&token), broken)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "json_invalid"));
    let reply = world.send(post(None, json!([one]).to_string())).await;
    assert_eq!(reply.status, 401);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p08_handshake_and_other_revisions_are_refused_inside_a_batch() {
    let world = world(EACH).await;
    let mut modern = numbered("echo", 2);
    modern["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let reply = send(&world, &json!([initialize(), modern, numbered("echo", 3)])).await;
    let answers = answers(&reply);
    assert_eq!(answers[0]["error"]["code"], -32600);
    assert_eq!(answers[1]["error"]["code"], -32020);
    assert_eq!(answers[2]["id"], 3);
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn p08_each_message_counts_against_the_limits() {
    let lines = format!("{EACH}    limits: {{ per_principal: 2/m burst 2 }}\n");
    let world = world(&lines).await;
    let reply =
        send(&world, &json!([numbered("echo", 1), numbered("echo", 2), numbered("echo", 3)])).await;
    let answers = answers(&reply);
    assert_eq!(answers[2]["error"]["code"], 42900, "{answers:#?}");
    assert_eq!(world.upstream.calls("tools/call").len(), 2);
}

#[tokio::test]
async fn p08_guards_look_into_each_message() {
    let world = world(EACH).await;
    let mut attack = call_with("echo", &json!({"path": "../../etc/passwd"}));
    attack["id"] = 2.into();
    let reply = send(&world, &json!([numbered("echo", 1), attack])).await;
    assert_eq!(answers(&reply)[1]["error"]["code"], 40305);
    assert_eq!(world.upstream.calls("tools/call").len(), 1);
}

#[tokio::test]
async fn p08_session_that_agreed_on_a_later_revision_has_no_batches() {
    let world = world(EACH).await;
    let token = world.token("mcp.tools.invoke");
    for (date, status) in [("2025-03-26", 200), ("2025-06-18", 400)] {
        let mut hello = initialize();
        hello["params"]["protocolVersion"] = date.into();
        let hello = world.post(&token, &hello).await;
        let session = hello.header("mcp-session-id").to_owned();
        assert!(!session.is_empty());
        let request = post(Some(&token), json!([numbered("echo", 1)]).to_string());
        let reply = world.send(with_header(request, "mcp-session-id", &session)).await;
        assert_eq!(reply.status, status, "{date}: {}", reply.text());
        let request = post(Some(&token), json!([numbered("echo", 1)]).to_string());
        let reply = world.send(with_header(request, "mcp-session-id", "s-unknown")).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "session_unknown"));
    }
}
