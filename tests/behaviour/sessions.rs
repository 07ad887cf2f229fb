//! Sessions of stateful servers, sealed and bound to who opened them.

use std::time::Duration;

use http_body_util::Full;
use sallyport::clock::Clock;
use sallyport::gateway::{Gateway, Options};
use serde_json::json;

use crate::answers::opened as opened_by;
use crate::support::{
    Dir, HOST, RESOURCE, Setup, World, call, initialize, plain, post, with_header,
};
use crate::upstream::{Upstream, rpc, status};

async fn opened(world: &World, token: &str) -> String {
    let reply = world.post(token, &initialize()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("mcp-session-id").to_owned()
}

#[tokio::test]
async fn the_client_gets_a_sealed_id_and_the_upstream_its_own() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &token).await;
    assert!(!sealed.is_empty() && !sealed.contains("upstream-session-1"));
    let request =
        with_header(post(Some(&token), call("echo").to_string()), "mcp-session-id", &sealed);
    assert_eq!(world.send(request).await.status, 200);
    let seen = &world.upstream.calls("tools/call")[0];
    assert_eq!(seen.headers["mcp-session-id"], "upstream-session-1");
}

#[tokio::test]
async fn s18_a_foreign_a_forged_and_an_unknown_id_get_the_same_404() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let owner = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &owner).await;
    let thief =
        world.issuer.token().audience(RESOURCE).subject("thief").scope("mcp.tools.invoke").sign();
    let mut forged = sealed.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let mut answers = Vec::new();
    for (token, id) in [
        (&thief, sealed.as_str()),
        (&owner, forged.as_str()),
        (&owner, "upstream-session-1"),
        (&owner, "x"),
    ] {
        let reply = world
            .send(with_header(post(Some(token), call("echo").to_string()), "mcp-session-id", id))
            .await;
        assert_eq!(reply.status, 404, "{id}");
        let mut json = reply.json();
        json["error"]["data"]["request_id"] = json!(null);
        answers.push(json);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert!(world.upstream.calls("tools/call").is_empty());
}

#[tokio::test]
async fn a_refreshed_token_of_the_same_caller_keeps_the_session() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let sealed = opened(&world, &world.token("mcp.tools.invoke")).await;
    let refreshed = world
        .issuer
        .token()
        .audience(RESOURCE)
        .scope("mcp.tools.invoke extra")
        .expires_in(7200)
        .sign();
    let request =
        with_header(post(Some(&refreshed), call("echo").to_string()), "mcp-session-id", &sealed);
    assert_eq!(world.send(request).await.status, 200);
}

#[tokio::test]
async fn the_trail_knows_the_session_by_a_hash_only() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &token).await;
    let request =
        with_header(post(Some(&token), call("echo").to_string()), "mcp-session-id", &sealed);
    world.send(request).await;
    let closed = world.closed_records(2).await;
    let hash = closed[1]["session_id"].as_str().unwrap();
    assert!(hash.len() >= 16 && !sealed.contains(hash));
    assert!(!serde_json::to_string(&world.records()).unwrap().contains(&sealed));
}

#[tokio::test]
async fn closing_a_session_reaches_the_upstream() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &token).await;
    let request = http::Request::delete("/mcp")
        .header("host", HOST)
        .header("authorization", format!("Bearer {token}"))
        .header("mcp-session-id", &sealed)
        .body(Full::default())
        .unwrap();
    let reply = world.send(request).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    let seen = world.upstream.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.method, "DELETE");
    assert_eq!(last.headers["mcp-session-id"], "upstream-session-1");
}

fn in_session(token: &str, session: &str) -> http::Request<Full<bytes::Bytes>> {
    with_header(post(Some(token), call("echo").to_string()), "mcp-session-id", session)
}

/// A server whose sessions are numbered.
async fn numbered() -> Upstream {
    let next = std::sync::atomic::AtomicU32::new(1);
    Upstream::answering(move |seen| {
        let message = seen.json();
        let Some(id) = message.get("id").cloned() else { return status(202) };
        if message["method"] == "initialize" {
            let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return opened_by(&id, &format!("up-{n}"), "2025-06-18");
        }
        rpc(&id, &plain())
    })
    .await
}

/// Waits until the upstream was told that these sessions are over.
async fn ended_upstream(world: &World, ids: &[&str]) {
    for _ in 0..500 {
        let deletes = world.upstream.seen().into_iter().filter(|s| s.method == "DELETE");
        let told: Vec<_> = deletes.map(|s| s.headers["mcp-session-id"].clone()).collect();
        if told == ids {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not told: {ids:?}");
}

fn with_clock(top: &str) -> (Setup, Clock) {
    let clock = Clock::manual(crate::issuer::NOW);
    (Setup { top: top.to_owned(), clock: Some(clock.clone()), ..Setup::default() }, clock)
}

fn long_token(world: &World) -> String {
    let token = world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
    token.expires_in(400_000).sign()
}

#[tokio::test]
async fn p22_idle_session_ends_here_and_upstream() {
    let (setup, clock) = with_clock("sessions: { idle: 10m }\n");
    let world = World::with(numbered().await, setup).await;
    let token = long_token(&world);
    let sealed = opened(&world, &token).await;
    clock.advance(Duration::from_secs(599));
    assert_eq!(world.send(in_session(&token, &sealed)).await.status, 200);
    clock.advance(Duration::from_secs(599));
    assert_eq!(world.send(in_session(&token, &sealed)).await.status, 200, "use puts it off");
    clock.advance(Duration::from_secs(600));
    let reply = world.send(in_session(&token, &sealed)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "session_unknown"));
    ended_upstream(&world, &["up-1"]).await;
}

#[tokio::test]
async fn sessions_that_end_together_are_all_told_to_the_upstream() {
    let count = sallyport::limits::ERRANDS_AT_ONCE_MAX * 3;
    let (setup, clock) = with_clock("sessions: { idle: 10m }\n");
    let world = World::with(numbered().await, setup).await;
    let token = long_token(&world);
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(opened(&world, &token).await);
    }
    clock.advance(Duration::from_secs(600));
    for sealed in &all {
        assert_eq!(world.send(in_session(&token, sealed)).await.status, 404);
    }
    let told = || world.upstream.seen().iter().filter(|s| s.method == "DELETE").count();
    for _ in 0..500 {
        if told() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} of {count}", told());
}

#[tokio::test]
async fn p22_session_ends_at_its_absolute_lifetime_however_busy() {
    let (setup, clock) = with_clock("sessions: { lifetime: 1h, idle: 40m }\n");
    let world = World::with(numbered().await, setup).await;
    let token = long_token(&world);
    let sealed = opened(&world, &token).await;
    clock.advance(Duration::from_secs(1800));
    assert_eq!(world.send(in_session(&token, &sealed)).await.status, 200);
    clock.advance(Duration::from_secs(1800));
    assert_eq!(world.send(in_session(&token, &sealed)).await.status, 404);
}

#[tokio::test]
async fn p22_over_the_cap_the_oldest_session_of_this_caller_ends() {
    let (setup, clock) = with_clock("sessions: { per_principal: 2 }\n");
    let world = World::with(numbered().await, setup).await;
    let (own, other) = (
        long_token(&world),
        world.issuer.token().audience(RESOURCE).subject("other").scope("mcp.tools.invoke").sign(),
    );
    let foreign = opened(&world, &other).await;
    let mut sealed = Vec::new();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        sealed.push(opened(&world, &own).await);
    }
    ended_upstream(&world, &["up-2"]).await;
    assert_eq!(world.send(in_session(&own, &sealed[0])).await.status, 404);
    assert_eq!(world.send(in_session(&own, &sealed[1])).await.status, 200);
    assert_eq!(world.send(in_session(&own, &sealed[2])).await.status, 200);
    assert_eq!(world.send(in_session(&other, &foreign)).await.status, 200);
}

#[tokio::test]
async fn p21_session_lives_over_a_reload_that_changes_keys_and_ends_when_its_key_is_gone() {
    let world = World::with(numbered().await, Setup::default()).await;
    let token = long_token(&world);
    world.dir.write("a.key", &"aa".repeat(32));
    world.dir.write("b.key", &"bb".repeat(32));
    let with_keys = |keys: &str| {
        let text = world
            .yaml("")
            .replace("servers:", &format!("sessions: {{ keys: [{keys}] }}\nservers:"));
        world.check(&text).unwrap()
    };
    world.gateway().reload(with_keys("{ file: a.key }")).unwrap();
    let old = opened(&world, &token).await;
    world.gateway().reload(with_keys("{ file: b.key }, { file: a.key }")).unwrap();
    assert_eq!(world.send(in_session(&token, &old)).await.status, 200);
    let new = opened(&world, &token).await;
    world.gateway().reload(with_keys("{ file: b.key }")).unwrap();
    assert_eq!(world.send(in_session(&token, &new)).await.status, 200);
    assert_eq!(world.send(in_session(&token, &old)).await.status, 404);
}

#[tokio::test]
async fn p21_another_replica_with_the_key_opens_the_session() {
    let upstream = numbered().await;
    let key = "sessions: { key: { file: shared.key } }\n";
    let first = World::with(upstream.clone(), Setup::default()).await;
    let dir = Dir::new();
    let mut worlds = [first];
    let text = |world: &World| world.yaml("").replace("servers:", &format!("{key}servers:"));
    worlds[0].dir.write("shared.key", &"cc".repeat(32));
    let token = long_token(&worlds[0]);
    let config = worlds[0].check(&text(&worlds[0])).unwrap();
    worlds[0].gateway().reload(config).unwrap();
    let sealed = opened(&worlds[0], &token).await;
    // The second replica: the same file, its own port and audit trail.
    let other = text(&worlds[0]).replace(
        &format!("dir: {}", worlds[0].dir.path().join("audit").display()),
        &format!("dir: {}", dir.path().join("audit").display()),
    );
    let config = worlds[0].check(&other).unwrap();
    let options = Options { clock: Clock::manual(crate::issuer::NOW), ..Options::default() };
    let second = Gateway::start(config, options).await.unwrap();
    let own = worlds[0].gateway.replace(second).unwrap();
    assert_eq!(worlds[0].send(in_session(&token, &sealed)).await.status, 200);
    let thief =
        worlds[0].issuer.token().audience(RESOURCE).subject("thief").scope("mcp.tools.invoke");
    assert_eq!(worlds[0].send(in_session(&thief.sign(), &sealed)).await.status, 404);
    own.stop();
    own.stopped().await;
}

#[tokio::test]
async fn s18_session_that_was_closed_or_lost_is_unknown_from_then_on() {
    let gone = std::sync::atomic::AtomicBool::new(false);
    let upstream = Upstream::answering(move |seen| {
        let message = seen.json();
        let Some(id) = message.get("id").cloned() else { return status(200) };
        match message["method"].as_str() {
            Some("initialize") => opened_by(&id, "up", "2025-06-18"),
            _ if gone.swap(true, std::sync::atomic::Ordering::Relaxed) => rpc(&id, &plain()),
            _ => status(404),
        }
    })
    .await;
    let world = World::new(upstream).await;
    let token = world.token("mcp.tools.invoke");
    let lost = opened(&world, &token).await;
    let closed = opened(&world, &token).await;
    assert_eq!(world.send(in_session(&token, &lost)).await.code(), "session_unknown");
    let calls = world.upstream.calls("tools/call").len();
    assert_eq!(world.send(in_session(&token, &lost)).await.code(), "session_unknown");
    let mut request = in_session(&token, &closed);
    *request.method_mut() = http::Method::DELETE;
    *request.body_mut() = Full::default();
    request.headers_mut().remove("content-type");
    assert!(world.send(request).await.status.is_success());
    assert_eq!(world.send(in_session(&token, &closed)).await.code(), "session_unknown");
    assert_eq!(world.upstream.calls("tools/call").len(), calls, "no byte was forwarded");
}

#[tokio::test]
async fn request_that_claims_another_version_than_its_session_is_refused_with_400() {
    for streamed in [false, true] {
        let upstream = Upstream::answering(move |seen| {
            let message = seen.json();
            let Some(id) = message.get("id").cloned() else { return status(202) };
            if message["method"] != "initialize" {
                return rpc(&id, &plain());
            }
            if !streamed {
                return opened_by(&id, "up", "2025-06-18");
            }
            let (to, from) = tokio::sync::mpsc::unbounded_channel();
            let result = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "m", "version": "1"}});
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
            for piece in ["id: 0\ndata:\n\n".to_owned(), format!("data: {answer}\n\n")] {
                to.send(bytes::Bytes::from(piece)).unwrap();
            }
            let mut reply = crate::upstream::events(from);
            reply.headers_mut().insert("mcp-session-id", "up".parse().unwrap());
            reply
        })
        .await;
        let world = World::new(upstream).await;
        let token = world.token("mcp.tools.invoke");
        let sealed = opened(&world, &token).await;
        for (version, expected) in [("2025-06-18", 200), ("2025-11-25", 400), ("2025-03-26", 400)] {
            let request = with_header(in_session(&token, &sealed), "mcp-protocol-version", version);
            let reply = world.send(request).await;
            assert_eq!(reply.status, expected, "{streamed} {version}: {}", reply.text());
        }
        assert_eq!(
            world.send(in_session(&token, &sealed)).await.status,
            200,
            "older clients name none"
        );
        assert_eq!(world.upstream.calls("tools/call").len(), 2);
    }
}

fn listen(
    token: &str,
    session: Option<&str>,
    last: Option<&str>,
) -> http::Request<Full<bytes::Bytes>> {
    let mut request = http::Request::get("/mcp")
        .header("host", HOST)
        .header("accept", "text/event-stream")
        .header("authorization", format!("Bearer {token}"));
    for (name, value) in [("mcp-session-id", session), ("last-event-id", last)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn p24_stream_is_resumed_in_its_own_session_only_and_filtered_like_the_first_time() {
    let next = std::sync::atomic::AtomicU32::new(1);
    let upstream = Upstream::answering(move |seen| {
        let message = seen.json();
        if seen.method == "GET" {
            // Event ids name a stream of the session that asks, as servers keep them.
            let session = seen.headers["mcp-session-id"].to_str().unwrap();
            let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": format!("of {session}: mail ann@example.com")}});
            let mut reply = crate::upstream::bytes_answer("text/event-stream", format!("id: 8\ndata: {note}\n\n").into());
            reply.headers_mut().insert("cache-control", "no-cache".parse().unwrap());
            return reply;
        }
        let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        opened_by(&message["id"], &format!("up-{n}"), "2025-06-18")
    })
    .await;
    let world = World::server(upstream, "    redact: [email]\n").await;
    let owner = world.token("mcp.tools.invoke");
    let thief = world.issuer.token().audience(RESOURCE).subject("thief").sign();
    let own = opened(&world, &owner).await;
    let other = opened(&world, &thief).await;

    let resumed = world.send(listen(&owner, Some(&own), Some("7"))).await;
    assert_eq!(resumed.status, 200);
    assert!(
        resumed.text().contains("of up-1") && resumed.text().contains("id: 8"),
        "{}",
        resumed.text()
    );
    assert!(!resumed.text().contains("ann@example.com"));
    assert_eq!(world.upstream.seen().last().unwrap().headers["last-event-id"], "7");

    let stolen = world.send(listen(&thief, Some(&own), Some("7"))).await;
    assert_eq!(stolen.code(), "session_unknown");
    let elsewhere = world.send(listen(&thief, Some(&other), Some("7"))).await;
    assert!(elsewhere.text().contains("of up-2") && !elsewhere.text().contains("of up-1"));
    let nowhere = world.send(listen(&owner, None, Some("7"))).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.code().as_str()), (400, "resume_refused"));
    let long = "x".repeat(sallyport::limits::EVENT_ID_BYTES_MAX + 1);
    assert_eq!(world.send(listen(&owner, Some(&own), Some(&long))).await.code(), "resume_refused");
    assert_eq!(world.upstream.seen().iter().filter(|s| s.method == "GET").count(), 2);
}
