//! Clients of HTTP+SSE (2024-11-05): a stream and an address to post to, with every gate between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sallyport::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::answers::opened as opened_by;
use crate::support::{
    HOST, RESOURCE, Reply, Setup, World, call, call_with, initialize, list_tools, plain,
};
use crate::upstream::{Answer, Seen, Upstream, events, json_answer, rpc, status};

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
async fn s18_stolen_foreign_forged_and_ended_streams_get_the_same_404() {
    let world = World::server(stateful(plain(), |_| None).await, SSE).await;
    let owner = world.token("mcp.tools.invoke");
    let thief =
        world.issuer.token().audience(RESOURCE).subject("thief").scope("mcp.tools.invoke").sign();
    let mut stream = Stream::open(&world, &owner).await;
    stream.shake_hands(&world, &owner).await;
    let ended = Stream::open(&world, &owner).await;
    let ended_address = ended.address.clone();
    drop(ended);
    // The record of a stream closes when it is over.
    until("the end of the stream", || {
        world
            .records()
            .iter()
            .any(|r| r["phase"] == "completion" && r["operation"] == "GET (HTTP+SSE)")
    })
    .await;
    let session = world.post(&owner, &initialize()).await.header("mcp-session-id").to_owned();
    let mut forged = stream.address.clone();
    forged.push('A');
    let mut answers = Vec::new();
    for (token, address) in [
        (&thief, stream.address.clone()),
        (&owner, forged),
        (&owner, format!("/sse?session={session}")),
        (&owner, "/sse?session=up-1".to_owned()),
        (&owner, ended_address),
    ] {
        let reply = world.send(post_to(&address, token, &call("echo"))).await;
        assert_eq!(reply.status, 404, "{address}");
        let mut json = reply.json();
        json["error"]["data"]["request_id"] = json!(null);
        answers.push(json);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    let id = stream.address.strip_prefix("/sse?session=").unwrap();
    let mut elsewhere = post_to("/mcp", &owner, &call("echo"));
    elsewhere.headers_mut().insert("mcp-session-id", id.parse().unwrap());
    elsewhere
        .headers_mut()
        .insert("accept", "application/json, text/event-stream".parse().unwrap());
    assert_eq!(world.send(elsewhere).await.code(), "session_unknown");
    for query in ["/sse", "/sse?", "/sse?session=", "/sse?session=a&session=b", "/sse?a=b"] {
        let reply = world.send(post_to(query, &owner, &call("echo"))).await;
        assert_eq!(reply.code(), "route_unknown", "{query}");
    }
    assert!(world.upstream.calls("tools/call").is_empty());
}

#[tokio::test]
async fn two_callers_never_see_each_other_s_answers_or_notifications() {
    let upstream = stateful(plain(), |session| {
        let (to, from) = mpsc::unbounded_channel();
        let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": format!("canary of {session}")}});
        to.send(Bytes::from(format!("data: {note}\n\n"))).unwrap();
        // Stays open as long as the test runs.
        std::mem::forget(to);
        Some(events(from))
    })
    .await;
    let world = Arc::new(World::server(upstream, SSE).await);
    let mut tasks = Vec::new();
    for subject in ["ann", "bob", "cyd"] {
        let world = Arc::clone(&world);
        tasks.push(tokio::spawn(async move {
            let token = world.issuer.token().audience(RESOURCE).subject(subject);
            let token = token.scope("mcp.tools.invoke").sign();
            let mut stream = Stream::open(&world, &token).await;
            stream.shake_hands(&world, &token).await;
            let mut seen = Vec::new();
            for n in 0..20 {
                let mut asked = call("whoami");
                asked["id"] = json!(n);
                assert_eq!(stream.post(&world, &token, &asked).await.status, 202);
            }
            while seen.len() < 21 {
                seen.push(stream.message().await);
            }
            let text = serde_json::to_string(&seen).unwrap();
            let own: Vec<&str> =
                ["up-1", "up-2", "up-3"].into_iter().filter(|id| text.contains(id)).collect();
            assert_eq!(own.len(), 1, "{subject} sees {own:?}");
            assert!(text.contains(&format!("canary of {}", own[0])), "{text}");
            own[0].to_owned()
        }));
    }
    let mut sessions = Vec::new();
    for task in tasks {
        sessions.push(task.await.unwrap());
    }
    sessions.sort();
    assert_eq!(sessions, ["up-1", "up-2", "up-3"]);
}

#[tokio::test]
async fn p26_server_asks_on_the_stream_and_the_posted_answer_arrives_once() {
    let asked = json!({"jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": {"message": "which?", "requestedSchema": {"type": "object", "properties": {}}}});
    let upstream = stateful(plain(), move |_| {
        let (to, from) = mpsc::unbounded_channel();
        to.send(Bytes::from(format!("id: 1\ndata: {asked}\n\n"))).unwrap();
        std::mem::forget(to);
        Some(events(from))
    })
    .await;
    let lines = format!("{SSE}    server_requests: [elicitation]\n");
    let world = World::server(upstream, &lines).await;
    let token = world.token("mcp.tools.invoke");
    let thief = world.issuer.token().audience(RESOURCE).subject("thief").sign();
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    assert_eq!(stream.message().await["method"], "elicitation/create");
    let answer = json!({"jsonrpc": "2.0", "id": "q1", "result": {"action": "accept", "content": {"colour": "red"}}});
    let mut other = Stream::open(&world, &thief).await;
    other.shake_hands(&world, &thief).await;
    let _own = other.message().await;
    assert_eq!(stream.post(&world, &thief, &answer).await.code(), "session_unknown");
    assert_eq!(stream.post(&world, &token, &answer).await.status, 202);
    assert_eq!(stream.post(&world, &token, &answer).await.code(), "answer_unexpected");
    let told: Vec<Seen> =
        world.upstream.seen().into_iter().filter(|s| s.json().get("result").is_some()).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].json(), &told[0].headers["mcp-session-id"]),
        (answer, &"up-1".parse().unwrap())
    );
}

#[tokio::test]
async fn client_that_leaves_in_the_middle_of_a_call_leaves_nothing_behind() {
    let (held, release) = mpsc::unbounded_channel::<Bytes>();
    let release = std::sync::Mutex::new(Some(release));
    let upstream = Upstream::answering(move |seen| {
        let message = seen.json();
        match message["method"].as_str() {
            Some("initialize") => opened_by(&message["id"], "up-1", "2025-06-18"),
            Some("tools/call") => events(release.lock().unwrap().take().unwrap()),
            _ => status(202),
        }
    })
    .await;
    let world = World::server(upstream, SSE).await;
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    assert_eq!(stream.post(&world, &token, &call("echo")).await.status, 202);
    until("the call", || !world.upstream.calls("tools/call").is_empty()).await;
    drop(stream);
    until("the end of the session", || !deletes(&world).is_empty()).await;
    // The upstream's stream was closed: nobody takes what it says.
    until("the end of the upstream's stream", || held.is_closed()).await;
    let records = world.closed_records(6).await;
    let called = records.iter().find(|r| r["operation"] == "tools/call").unwrap();
    assert_ne!(called["end"], "complete", "{called}");
}

#[tokio::test]
async fn endless_server_and_a_client_that_does_not_read_hold_a_bounded_number_of_bytes() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    let upstream = stateful(plain(), move |_| {
        let (to, from) = mpsc::unbounded_channel();
        let counted = Arc::clone(&counted);
        let text = "x".repeat(64 * 1024);
        let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": text}});
        let event = Bytes::from(format!("data: {note}\n\n"));
        for _ in 0..4096 {
            to.send(event.clone()).unwrap();
        }
        let watched = futures_util::stream::unfold(from, move |mut from: mpsc::UnboundedReceiver<Bytes>| {
            let counted = Arc::clone(&counted);
            async move {
                let bytes = from.recv().await?;
                counted.fetch_add(1, Ordering::Relaxed);
                Some((Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(bytes)), from))
            }
        });
        let body = http_body_util::StreamBody::new(watched).boxed_unsync();
        Some(http::Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
    })
    .await;
    let world = World::server(upstream, SSE).await;
    let token = world.token("mcp.tools.invoke");
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    until("the flood", || sent.load(Ordering::Relaxed) > 0).await;
    // It stands still once queue and socket buffers are full, far below the 256 MiB on offer.
    let mut before = 0;
    until("the standstill", || {
        let now = sent.load(Ordering::Relaxed);
        let still = now == before && now > 16;
        std::thread::sleep(Duration::from_millis(50));
        before = now;
        still
    })
    .await;
    assert!(before < 1024, "{before} events of 64 KiB were taken");
    // Others are served meanwhile.
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
}

#[tokio::test]
async fn stream_is_cut_when_the_token_expires_and_when_the_policy_takes_it_away() {
    let clock = Clock::manual(crate::issuer::NOW);
    let setup = Setup { server: SSE.to_owned(), clock: Some(clock.clone()), ..Setup::default() };
    let world = World::with(stateful(plain(), |_| None).await, setup).await;
    let token =
        world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke").expires_in(600).sign();
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    clock.advance(Duration::from_secs(601));
    let last = stream.message().await;
    assert_eq!(last["error"]["data"]["code"], "stream_revoked");
    assert_eq!(stream.event().await, None);
    until("the end of the session", || !deletes(&world).is_empty()).await;

    let token = world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
    let token = token.expires_in(7200).sign();
    let mut stream = Stream::open(&world, &token).await;
    stream.shake_hands(&world, &token).await;
    let stricter = world.yaml(&format!("{SSE}    scopes: {{ session.listen: [listen] }}\n"));
    world.gateway().reload(world.check(&stricter).unwrap()).unwrap();
    assert_eq!(stream.message().await["error"]["data"]["code"], "stream_revoked");
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn session_that_ends_over_the_cap_cuts_the_stream_that_it_belongs_to() {
    let setup = Setup {
        server: SSE.to_owned(),
        top: "sessions: { per_principal: 1 }\n".to_owned(),
        ..Setup::default()
    };
    let world = World::with(stateful(plain(), |_| None).await, setup).await;
    let token = world.token("mcp.tools.invoke");
    let mut first = Stream::open(&world, &token).await;
    first.shake_hands(&world, &token).await;
    let mut second = Stream::open(&world, &token).await;
    second.shake_hands(&world, &token).await;
    assert_eq!(first.message().await["error"]["data"]["code"], "stream_revoked");
    assert_eq!(second.post(&world, &token, &call("echo")).await.status, 202);
    assert_eq!(second.message().await["result"], plain());
    until("the end of the session", || !deletes(&world).is_empty()).await;
    assert_eq!(deletes(&world)[0].headers["mcp-session-id"], "up-1");
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
