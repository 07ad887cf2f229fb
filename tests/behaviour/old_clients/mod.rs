//! Clients of HTTP+SSE (2024-11-05): a stream and an address to post to, with every gate between.

mod hostile;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::answers::opened as opened_by;
use crate::pins::{PINNED, Shelf, approve, tool};
use crate::support::{
    HOST, RESOURCE, Reply, World, call, call_with, initialize, list_tools, plain,
};
use crate::upstream::{Answer, Seen, Upstream, json_answer, rpc, status};

const SSE: &str = "    http_sse: { path: /sse }\n";

/// A client's open stream.
struct Stream {
    body: Incoming,
    text: String,
    /// Where messages are posted.
    address: String,
}

impl Stream {
    async fn open(world: &World, token: &str) -> Self {
        let response = world.open(get(Some(token))).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut stream =
            Self { body: response.into_body(), text: String::new(), address: String::new() };
        let first = stream.event().await.unwrap();
        let address = first.strip_prefix("event: endpoint\ndata: ").unwrap();
        stream.address = address.trim().to_owned();
        stream
    }

    /// The next event that is no comment; none at the end of the stream.
    async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if !event.starts_with(':') {
                    return Some(event);
                }
                continue;
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame());
            let frame = frame.await.expect("nothing came").and_then(Result::ok)?;
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// The next message.
    async fn message(&mut self) -> Value {
        let event = self.event().await.expect("the stream ended");
        let data = event.strip_prefix("event: message\ndata: ").expect(&event);
        serde_json::from_str(data).unwrap()
    }

    async fn post(&self, world: &World, token: &str, message: &Value) -> Reply {
        world.send(post_to(&self.address, token, message)).await
    }

    /// Shakes hands; the session upstream stays unknown to the client.
    async fn shake_hands(&mut self, world: &World, token: &str) {
        let reply = self.post(world, token, &initialize()).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (202, ""));
        assert!(!reply.headers.contains_key("mcp-session-id"));
        assert_eq!(self.message().await["result"]["protocolVersion"], "2025-06-18");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.post(world, token, &initialized).await.status, 202);
    }
}

fn get(token: Option<&str>) -> Request<Full<Bytes>> {
    let mut request =
        Request::get("/sse").header("host", HOST).header("accept", "text/event-stream");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Full::default()).unwrap()
}

/// As old clients post: no `Accept`.
fn post_to(address: &str, token: &str, message: &Value) -> Request<Full<Bytes>> {
    Request::post(address)
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::new(message.to_string().into()))
        .unwrap()
}

/// A stateful server whose sessions are numbered; `unasked` is said on the stream of each.
async fn stateful(
    result: Value,
    unasked: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> Upstream {
    let next = AtomicU32::new(1);
    Upstream::answering(move |seen| {
        let message = seen.json();
        let session = seen.headers.get("mcp-session-id").map(|id| id.to_str().unwrap());
        if seen.method == "GET" {
            return unasked(session.unwrap_or("none")).unwrap_or_else(|| status(405));
        }
        let Some(id) = message.get("id").filter(|_| message["method"].is_string()) else {
            return status(202);
        };
        match message["method"].as_str().unwrap() {
            "initialize" => {
                opened_by(id, &format!("up-{}", next.fetch_add(1, Ordering::Relaxed)), "2025-06-18")
            }
            "tools/list" => {
                rpc(id, &json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}))
            }
            _ if message["params"]["name"] == "whoami" => {
                rpc(id, &json!({"content": [{"type": "text", "text": session.unwrap_or("none")}]}))
            }
            _ => rpc(id, &result),
        }
    })
    .await
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen");
}

fn deletes(world: &World) -> Vec<Seen> {
    world.upstream.seen().into_iter().filter(|s| s.method == "DELETE").collect()
}

#[tokio::test]
async fn old_client_shakes_hands_lists_calls_and_its_end_ends_the_session_upstream() {
    let world = World::server(stateful(plain(), |_| None).await, SSE).await;
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    assert!(stream.address.starts_with("/sse?session="));
    stream.shake_hands(&world, &token).await;
    assert_eq!(stream.post(&world, &token, &list_tools()).await.status, 202);
    assert_eq!(stream.message().await["result"]["tools"][0]["name"], "echo");
    assert_eq!(stream.post(&world, &token, &call("echo")).await.status, 202);
    assert_eq!(stream.message().await["result"], plain());
    for seen in world.upstream.calls("tools/call") {
        assert_eq!(seen.headers["mcp-session-id"], "up-1");
        assert_eq!(seen.headers["mcp-protocol-version"], "2025-06-18");
        assert!(!seen.headers.contains_key("authorization"));
    }
    assert!(deletes(&world).is_empty());
    drop(stream);
    until("the end of the session", || !deletes(&world).is_empty()).await;
    assert_eq!(deletes(&world)[0].headers["mcp-session-id"], "up-1");
    // Stream, four messages, the server's own stream (405), and the end.
    let records = world.closed_records(7).await;
    let of = |operation: &str| records.iter().filter(|r| r["operation"] == operation).count();
    assert_eq!((of("GET (HTTP+SSE)"), of("initialize"), of("tools/call")), (1, 1, 1));
    assert_eq!((of("GET"), of("DELETE")), (1, 1));
    assert!(!serde_json::to_string(&world.records()).unwrap().contains("session="));
    assert_eq!(world.finish().await.exit_code(), 0);
}

#[tokio::test]
async fn without_the_key_there_is_no_such_address() {
    let world = World::new(stateful(plain(), |_| None).await).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.send(get(Some(&token))).await.code(), "route_unknown");
    let post = post_to("/sse?session=x", &token, &initialize());
    assert_eq!(world.send(post).await.code(), "route_unknown");
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn stream_needs_a_token_and_answers_are_filtered_and_redacted_on_it() {
    let result = json!({"content": [{"type": "text", "text": "mail ann@example.com"}]});
    let lines = format!("{SSE}    tools: [{{ match: echo }}]\n    redact: [email]\n");
    let world = World::server(stateful(result, |_| None).await, &lines).await;
    assert_eq!(world.send(get(None)).await.code(), "token_missing");
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    stream.post(&world, &token, &call("echo")).await;
    let answer = stream.message().await.to_string();
    assert!(answer.contains("mail ") && !answer.contains("ann@example.com"), "{answer}");
}

#[tokio::test]
async fn refused_requests_are_answered_on_the_stream_and_all_else_by_its_status() {
    let lines = format!("{SSE}    tools: [{{ match: echo }}]\n");
    let world = World::server(stateful(plain(), |_| None).await, &lines).await;
    let token = world.token("mcp.tools.invoke");
    let poor = world.token("");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    let denied = stream.post(&world, &token, &call("admin.wipe")).await;
    assert_eq!((denied.status.as_u16(), denied.text().as_str()), (202, ""));
    let told = stream.message().await;
    assert_eq!((&told["id"], &told["error"]["data"]["code"]), (&json!(7), &json!("denied")));
    assert_eq!(stream.post(&world, &poor, &call("echo")).await.status, 202);
    assert_eq!(stream.message().await["error"]["data"]["code"], "insufficient_scope");
    let guarded = call_with("echo", &json!({"path": "../../etc/passwd"}));
    assert_eq!(stream.post(&world, &token, &guarded).await.status, 202);
    assert_eq!(stream.message().await["error"]["data"]["code"], "guard_blocked");
    let unread = Request::post(&stream.address)
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::new(Bytes::from_static(b"[{}]")))
        .unwrap();
    assert_eq!(world.send(unread).await.code(), "message_invalid");
    let modern = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}});
    let mut modern = post_to(&stream.address, &token, &modern);
    for (name, value) in [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")] {
        modern.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(world.send(modern).await.status, 202);
    assert_eq!(stream.message().await["error"]["code"], -32022);
    let unasked = json!({"jsonrpc": "2.0", "id": 9, "result": {}});
    assert_eq!(stream.post(&world, &token, &unasked).await.code(), "answer_unexpected");
    let expired = world.issuer.token().audience(RESOURCE).expires_in(-60).sign();
    let expired = stream.post(&world, &expired, &call("echo")).await;
    assert_eq!((expired.status.as_u16(), expired.code().as_str()), (401, "token_invalid"));
    // Nothing of those stands on the stream: the next message is the next answer.
    stream.post(&world, &token, &json!({"jsonrpc": "2.0", "id": 11, "method": "ping"})).await;
    assert_eq!(stream.message().await["id"], 11);
    assert!(
        world.upstream.calls("tools/call").is_empty()
            && world.upstream.calls("tools/list").is_empty()
    );
}

#[tokio::test]
async fn failures_of_the_server_are_told_on_the_stream() {
    let upstream = Upstream::answering(|seen| match seen.json()["method"].as_str() {
        Some("initialize") => opened_by(&seen.json()["id"], "up-1", "2025-06-18"),
        Some("tools/call") => status(500),
        _ => status(202),
    })
    .await;
    let world = World::server(upstream, SSE).await;
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    assert_eq!(stream.post(&world, &token, &call("echo")).await.status, 202);
    let told = stream.message().await;
    assert_eq!(
        (&told["id"], &told["error"]["data"]["code"]),
        (&json!(7), &json!("upstream_invalid"))
    );
}

#[tokio::test]
async fn server_s_own_stream_is_opened_again_when_the_server_closes_it() {
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let upstream = stateful(plain(), move |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": n}});
        Some(crate::upstream::bytes_answer("text/event-stream", format!("data: {note}\n\n").into()))
    })
    .await;
    let world = World::server(upstream, SSE).await;
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    assert_eq!(stream.message().await["params"]["data"], 0);
    assert_eq!(stream.message().await["params"]["data"], 1);
}

#[tokio::test]
async fn answer_without_a_session_works_too() {
    let upstream = Upstream::answering(|seen| match seen.json().get("id") {
        Some(id) if seen.json()["method"] == "initialize" => rpc(
            id,
            &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "m", "version": "1"}}),
        ),
        Some(id) => json_answer(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": []}})),
        None => status(202),
    })
    .await;
    let world = World::server(upstream, SSE).await;
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    stream.post(&world, &token, &list_tools()).await;
    assert_eq!(stream.message().await["result"]["tools"], json!([]));
}

#[tokio::test]
async fn s36_a_pinned_tool_is_asked_for_and_called_over_the_old_transport() {
    let good = tool("send", "Sends.");
    let lines = format!("{SSE}{PINNED}");
    let shelf = Shelf::of(&[good.clone(), tool("other", "O.")]);
    let world = World::server(shelf.upstream().await, &lines).await;
    approve(&world, &lines, &[&good]);
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    assert_eq!(stream.post(&world, &token, &call("send")).await.status, 202);
    assert!(stream.message().await["result"]["content"].is_array());
    assert_eq!(stream.post(&world, &token, &call("other")).await.status, 202);
    assert_eq!(stream.message().await["error"]["data"]["code"], "denied");
    assert_eq!(world.upstream.calls("tools/call").len(), 1);
}
