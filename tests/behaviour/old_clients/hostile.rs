//! Thieves, floods and clients that leave: what a stream must survive, and what must not survive it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use sallyport::clock::Clock;
use serde_json::json;
use tokio::sync::mpsc;

use super::{SSE, Stream, deletes, post_to, stateful, until};
use crate::answers::opened as opened_by;
use crate::support::{RESOURCE, Setup, World, call, initialize, plain};
use crate::upstream::{Seen, Upstream, events, status};

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
    let held = std::sync::Mutex::new(Vec::new());
    let upstream = stateful(plain(), move |session| {
        let (to, from) = mpsc::unbounded_channel();
        let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": format!("canary of {session}")}});
        to.send(Bytes::from(format!("data: {note}\n\n"))).unwrap();
        // Stays open as long as the test runs.
        held.lock().unwrap().push(to);
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
    let held = std::sync::Mutex::new(Vec::new());
    let upstream = stateful(plain(), move |_| {
        let (to, from) = mpsc::unbounded_channel();
        to.send(Bytes::from(format!("id: 1\ndata: {asked}\n\n"))).unwrap();
        held.lock().unwrap().push(to);
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
