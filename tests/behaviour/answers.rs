//! Requests from server to client: what is delivered, and which answers are accepted.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{RESOURCE, Reply, World, call, initialize, post, with_header};
use crate::upstream::{Answer, Upstream, events, rpc, status};

const ASKS: &str = "    server_requests: [elicitation, sampling, roots]\n    elicitation: { url_hosts: [login.example.com] }\n";

/// A server that opens sessions and asks `requests` on the stream of each call before it answers.
async fn asking(requests: Vec<Value>) -> Upstream {
    let numbered = std::sync::atomic::AtomicU32::new(1);
    Upstream::answering(move |seen| {
        let message = seen.json();
        let Some(id) = message.get("id").cloned() else { return status(202) };
        match message["method"].as_str() {
            Some("initialize") => {
                let n = numbered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                opened(&id, &format!("up-{n}"), "2025-11-25")
            }
            Some(_) => {
                let (to, from) = mpsc::unbounded_channel();
                for request in &requests {
                    to.send(Bytes::from(format!("data: {request}\n\n"))).unwrap();
                }
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}});
                to.send(Bytes::from(format!("data: {answer}\n\n"))).unwrap();
                events(from)
            }
            None => status(202),
        }
    })
    .await
}

/// The answer to a handshake, with a session.
pub fn opened(id: &Value, session: &str, version: &str) -> Answer {
    let result = json!({"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "m", "version": "1"}});
    let mut reply = rpc(id, &result);
    reply.headers_mut().insert("mcp-session-id", session.parse().unwrap());
    reply
}

fn elicit(id: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "elicitation/create", "params": {"message": "which?", "requestedSchema": {"type": "object", "properties": {}}}})
}

fn visit(id: &str, url: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": {"mode": "url", "elicitationId": "e", "message": "go", "url": url}})
}

fn accepted(id: impl Into<Value>, content: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "result": {"action": "accept", "content": content}})
}

async fn session(world: &World, token: &str) -> String {
    world.post(token, &initialize()).await.header("mcp-session-id").to_owned()
}

async fn say(world: &World, token: &str, session: &str, message: &Value) -> Reply {
    let request = post(Some(token), message.to_string());
    let request =
        if session.is_empty() { request } else { with_header(request, "mcp-session-id", session) };
    world.send(request).await
}

/// Answers of clients that reached the server.
fn delivered(world: &World) -> Vec<Value> {
    let all = world.upstream.seen().into_iter().map(|seen| seen.json());
    all.filter(|message| message.get("result").is_some()).collect()
}

#[tokio::test]
async fn p26_answer_to_an_outstanding_request_reaches_the_server_once() {
    let world = World::server(asking(vec![elicit(77)]).await, ASKS).await;
    let token = world.token("mcp.tools.invoke");
    let id = session(&world, &token).await;
    let asked = say(&world, &token, &id, &call("echo")).await;
    assert!(asked.text().contains("elicitation/create"), "{}", asked.text());
    let answer = accepted(77, json!({"colour": "red"}));
    assert_eq!(say(&world, &token, &id, &answer).await.status, 202);
    let again = say(&world, &token, &id, &answer).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (400, "answer_unexpected"));
    assert_eq!(delivered(&world), [answer]);
    let closed = world.closed_records(4).await;
    assert_eq!(closed[1]["server_requests"], json!({"elicitation": 1}));
    assert_eq!(
        (&closed[2]["action"], &closed[2]["status_code"]),
        (&json!("session.answer"), &json!(202))
    );
    assert_eq!(
        (&closed[3]["code"], &closed[3]["phase"]),
        (&json!("answer_unexpected"), &json!("refused"))
    );
}

#[tokio::test]
async fn p26_s37_answers_of_others_to_others_and_to_nothing_are_refused() {
    let world = World::server(asking(vec![elicit("a"), elicit(5)]).await, ASKS).await;
    let owner = world.token("mcp.tools.invoke");
    let other =
        world.issuer.token().audience(RESOURCE).subject("other").scope("mcp.tools.invoke").sign();
    let own = session(&world, &owner).await;
    let second = session(&world, &owner).await;
    let foreign = session(&world, &other).await;
    say(&world, &owner, &own, &call("echo")).await;
    for (token, session, id) in [
        (&owner, &second, json!("a")),
        (&owner, &String::new(), json!("a")),
        (&other, &foreign, json!("a")),
        (&owner, &own, json!("5")),
        (&owner, &own, json!("b")),
    ] {
        let reply = say(&world, token, session, &accepted(id.clone(), json!({}))).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "answer_unexpected"),
            "{id}"
        );
        assert_eq!(reply.json()["id"], Value::Null, "an answer has no answer");
    }
    let error = json!({"jsonrpc": "2.0", "id": "zz", "error": {"code": -1, "message": "no"}});
    assert_eq!(say(&world, &owner, &own, &error).await.code(), "answer_unexpected");
    assert_eq!(delivered(&world), Vec::<Value>::new());
    assert_eq!(say(&world, &owner, &own, &accepted("\u{61}", json!({}))).await.status, 202);
}

#[tokio::test]
async fn answer_that_a_guard_refuses_does_not_arrive_and_may_be_corrected() {
    let world = World::server(asking(vec![elicit(1)]).await, ASKS).await;
    let token = world.token("mcp.tools.invoke");
    let id = session(&world, &token).await;
    say(&world, &token, &id, &call("echo")).await;
    let bad = accepted(1, json!({"path": "../../etc/passwd"}));
    let refused = say(&world, &token, &id, &bad).await;
    assert_eq!(refused.code(), "guard_blocked", "{}", refused.text());
    assert!(delivered(&world).is_empty());
    let good = accepted(1, json!({"path": "notes.txt"}));
    assert_eq!(say(&world, &token, &id, &good).await.status, 202);
    assert_eq!(delivered(&world), [good]);
}

#[tokio::test]
async fn answers_count_against_the_caller_s_rate() {
    let lines = format!("{ASKS}    limits: {{ per_principal: 3/h }}\n");
    let world = World::server(asking(vec![elicit(1)]).await, &lines).await;
    let token = world.token("mcp.tools.invoke");
    let id = session(&world, &token).await;
    say(&world, &token, &id, &call("echo")).await;
    say(&world, &token, &id, &call("echo")).await;
    assert_eq!(say(&world, &token, &id, &accepted(1, json!({}))).await.code(), "rate_limited");
    assert!(delivered(&world).is_empty());
}

/// What the server was told instead of an answer.
async fn refusals(world: &World, count: usize) -> Vec<Value> {
    for _ in 0..500 {
        let all = world.upstream.seen().into_iter().map(|seen| seen.json());
        let told: Vec<Value> = all.filter(|message| message.get("error").is_some()).collect();
        if told.len() >= count {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the server was not told");
}

#[tokio::test]
async fn url_elicitation_passes_to_listed_hosts_only_and_the_server_learns_of_the_refusal() {
    let requests = vec![
        visit("good", "https://login.example.com/consent"),
        visit("evil", "https://login.example.com.evil.example/consent"),
        visit("plain", "http://login.example.com/consent"),
    ];
    let world = World::server(asking(requests).await, ASKS).await;
    let token = world.token("mcp.tools.invoke");
    let id = session(&world, &token).await;
    let seen = say(&world, &token, &id, &call("echo")).await.text();
    assert!(
        seen.contains("\"good\"") && !seen.contains("evil") && !seen.contains("\"plain\""),
        "{seen}"
    );
    let mut ids: Vec<Value> = refusals(&world, 2).await.iter().map(|m| m["id"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, ["evil", "plain"]);
    let refused = accepted("evil", json!({}));
    assert_eq!(say(&world, &token, &id, &refused).await.code(), "answer_unexpected");
    let records = world.closed_records(3).await;
    let called = records.iter().find(|r| r["operation"] == "tools/call").unwrap();
    assert_eq!(called["dropped"], json!({"elicitation_url": 2}));
    let told = world.upstream.seen().into_iter().find(|s| s.json().get("error").is_some()).unwrap();
    assert_eq!(told.headers["mcp-session-id"], "up-1");
    assert!(!told.headers.contains_key("authorization"));
}

#[tokio::test]
async fn kinds_that_are_not_allowed_are_refused_to_the_server() {
    let sampling = json!({"jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}});
    let world = World::new(asking(vec![sampling]).await).await;
    let token = world.token("mcp.tools.invoke");
    let id = session(&world, &token).await;
    let seen = say(&world, &token, &id, &call("echo")).await;
    assert!(!seen.text().contains("sampling"), "{}", seen.text());
    assert_eq!(refusals(&world, 1).await[0]["id"], 9);
}

#[tokio::test]
async fn error_that_sends_people_elsewhere_is_refused() {
    let upstream = Upstream::answering(|seen| {
        let id = seen.json()["id"].clone();
        let url = "https://evil.example/pay";
        crate::upstream::json_answer(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32042, "message": "m",
            "data": {"elicitations": [{"mode": "url", "elicitationId": "1", "url": url, "message": "m"}]}}}))
    })
    .await;
    let world = World::server(upstream, ASKS).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "elicitation_refused"));
    assert!(!reply.text().contains("evil"));
}
