//! Legacy streams that break and are taken up again, and what broken servers say of sessions.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::support::{HOST, RESOURCE, World, call, initialize, list_tools, post, with_header};
use crate::upstream::{Answer, Seen, Upstream, bytes_answer, rpc, status};

/// A server whose calls end before their answer, which waits for whoever comes back.
async fn interrupted() -> Upstream {
    Upstream::answering(|seen| {
        let message = seen.json();
        match message["method"].as_str() {
            Some("initialize") => handshake(&message),
            Some(_) => stream("id: 7\nretry: 10\ndata: \n\n"),
            None if seen.headers.contains_key("last-event-id") => stream(&resumed()),
            None => status(202),
        }
    })
    .await
}

fn resumed() -> String {
    let tools = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "echo"}, {"name": "admin.wipe"}]}});
    let mail = json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": "ask ada.byron@example.com"}]}});
    let foreign = json!({"jsonrpc": "2.0", "id": 8, "result": {"foreign": 1}});
    format!(
        "id: 8\ndata: {tools}\n\nid: 9\ndata: {mail}\n\nid: 10\ndata: {foreign}\n\nid: 11\ndata: {mail}\n\n"
    )
}

fn handshake(message: &Value) -> Answer {
    let mut reply = rpc(
        &message["id"],
        &json!({"protocolVersion": "2025-06-18", "capabilities": {},
        "serverInfo": {"name": "mock", "version": "1"}}),
    );
    reply.headers_mut().insert("mcp-session-id", "upstream-1".parse().unwrap());
    reply
}

fn stream(text: &str) -> Answer {
    bytes_answer("text/event-stream", Bytes::from(text.to_owned()))
}

async fn opened(world: &World, token: &str) -> String {
    let reply = world.post(token, &initialize()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("mcp-session-id").to_owned()
}

fn in_session(token: &str, session: &str, message: &Value) -> Request<Full<Bytes>> {
    with_header(post(Some(token), message.to_string()), "mcp-session-id", session)
}

fn resume(token: &str, session: &str) -> Request<Full<Bytes>> {
    Request::get("/mcp")
        .header("host", HOST)
        .header("accept", "text/event-stream")
        .header("authorization", format!("Bearer {token}"))
        .header("mcp-session-id", session)
        .header("last-event-id", "7")
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn p23_priming_events_ids_and_retry_times_pass_as_they_are() {
    let world = World::new(interrupted().await).await;
    let token = world.token("mcp.tools.invoke");
    let session = opened(&world, &token).await;
    let reply = world.send(in_session(&token, &session, &call("echo"))).await;
    assert_eq!(
        reply.text(),
        "id: 7\nretry: 10\ndata: \n\n",
        "nothing is added: the client comes back"
    );
}

#[tokio::test]
async fn p24_s37_an_answer_on_a_resumed_stream_is_filtered_like_the_first_time_and_comes_once() {
    let rules = "    tools: [ { match: echo } ]\n";
    let world = World::server(interrupted().await, rules).await;
    let token = world.token("mcp.tools.invoke");
    let session = opened(&world, &token).await;
    let unasked = world.send(resume(&token, &session)).await;
    assert!(!unasked.text().contains("\"result\""), "{}", unasked.text());
    for message in [list_tools(), call("echo")] {
        world.send(in_session(&token, &session, &message)).await;
    }
    let text = world.send(resume(&token, &session)).await.text();
    assert!(text.contains("\"echo\"") && text.contains("ask "), "{text}");
    assert_eq!(text.matches("ask ").count(), 1, "once: {text}");
    for word in ["admin.wipe", "ada.byron", "foreign"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let seen = world.upstream.seen();
    assert_eq!(seen.last().unwrap().headers["last-event-id"], "7");
}

#[tokio::test]
async fn p24_s18_a_stream_is_taken_up_by_its_own_session_alone() {
    let world = World::new(interrupted().await).await;
    let token = world.token("mcp.tools.invoke");
    let session = opened(&world, &token).await;
    world.send(in_session(&token, &session, &call("echo"))).await;
    let thief =
        world.issuer.token().audience(RESOURCE).subject("thief").scope("mcp.tools.invoke").sign();
    assert_eq!(world.send(resume(&thief, &session)).await.status, 404);
    let own = opened(&world, &thief).await;
    let text = world.send(resume(&thief, &own)).await.text();
    assert!(!text.contains("ask "), "{text}");
    let second = opened(&world, &token).await;
    let text = world.send(resume(&token, &second)).await.text();
    assert!(!text.contains("ask "), "{text}");
}

#[tokio::test]
async fn p24_an_answer_that_the_caller_may_not_have_any_more_does_not_come() {
    let world = World::new(interrupted().await).await;
    let token = world.token("mcp.tools.invoke");
    let session = opened(&world, &token).await;
    world.send(in_session(&token, &session, &call("echo"))).await;
    let stricter = world.yaml("    tools: [ { match: 'crm.*' } ]\n");
    world.gateway().reload(world.check(&stricter).unwrap()).unwrap();
    let text = world.send(resume(&token, &session)).await.text();
    assert!(!text.contains("ask "), "{text}");
}

#[tokio::test]
async fn p19_a_stream_without_event_ids_that_ends_without_its_answer_says_so() {
    let upstream = Upstream::answering(|_| stream("data: \n\n: half a")).await;
    let world = World::new(upstream).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert!(
        reply.text().contains("upstream_invalid") && reply.text().contains("\"id\":7"),
        "{}",
        reply.text()
    );
}

/// A server that forgot every session, and says so with the wrong status.
async fn forgetful(refusal: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Upstream {
    Upstream::answering(move |seen| {
        let message = seen.json();
        if message["method"] == "initialize" { handshake(&message) } else { refusal(seen) }
    })
    .await
}

fn bad(media: &str, body: &str) -> Answer {
    let mut answer = bytes_answer(media, Bytes::from(body.to_owned()));
    *answer.status_mut() = http::StatusCode::BAD_REQUEST;
    answer
}

#[tokio::test]
async fn p25_400_for_an_unknown_session_becomes_404_and_other_400_do_not() {
    let lost = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}"#;
    let other = r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"no such cursor"},"id":7}"#;
    for (media, body, expected) in [
        ("application/json", lost, 404),
        ("text/plain", "Invalid or missing session ID", 404),
        ("application/json", other, 400),
    ] {
        let world = World::new(forgetful(move |_| bad(media, body)).await).await;
        let token = world.token("mcp.tools.invoke");
        let session = opened(&world, &token).await;
        let reply = world.send(in_session(&token, &session, &call("echo"))).await;
        assert_eq!(reply.status.as_u16(), expected, "{body}: {}", reply.text());
        if expected == 404 {
            assert_eq!(reply.code(), "session_unknown");
            assert_eq!(world.send(resume(&token, &session)).await.status, 404);
        }
    }
}

#[tokio::test]
async fn p23_a_second_stream_of_a_session_is_a_conflict() {
    let upstream = forgetful(|_| {
        let mut answer = bytes_answer("application/json", Bytes::from_static(b"{}"));
        *answer.status_mut() = http::StatusCode::CONFLICT;
        answer
    })
    .await;
    let world = World::new(upstream).await;
    let token = world.token("");
    let session = opened(&world, &token).await;
    let response = world.open(resume(&token, &session)).await;
    assert_eq!(response.status(), 409);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("stream_conflict"));
}
