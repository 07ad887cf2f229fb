//! Streams flow at once, are judged throughout, and end when they must.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use sallyport::clock::Clock;
use serde_json::json;
use tokio::sync::mpsc;

use crate::support::{HOST, Setup, World, call, post};
use crate::upstream::{Upstream, events};

pub type Sender = mpsc::UnboundedSender<Bytes>;

/// An upstream that answers every request with a stream which the test feeds.
pub async fn fed() -> (Upstream, Arc<Mutex<Vec<Sender>>>) {
    let senders = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&senders);
    let upstream = Upstream::answering(move |_| {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(Bytes::from_static(b"id: 0\ndata: \n\n")).unwrap();
        kept.lock().unwrap().push(sender);
        events(receiver)
    })
    .await;
    (upstream, senders)
}

fn feed(senders: &Arc<Mutex<Vec<Sender>>>, message: &serde_json::Value) {
    let bytes = Bytes::from(format!("data: {message}\n\n"));
    senders.lock().unwrap()[0].send(bytes).unwrap();
}

/// The next event with a message in it.
async fn next_event(body: &mut hyper::body::Incoming) -> String {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        let frame = frame.expect("an event in time").expect("an open stream").expect("no cut");
        let text = String::from_utf8_lossy(frame.data_ref().unwrap()).into_owned();
        if text.contains("jsonrpc") {
            return text;
        }
    }
}

#[tokio::test]
async fn p44_p46_events_arrive_one_by_one_and_unbuffered_before_the_stream_ends() {
    let (upstream, senders) = fed().await;
    let world = World::new(upstream).await;
    let response =
        world.open(post(Some(&world.token("mcp.tools.invoke")), call("echo").to_string())).await;
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut body = response.into_body();
    for n in 0..3 {
        feed(
            &senders,
            &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": n}}),
        );
        assert!(next_event(&mut body).await.contains(&format!("\"progress\":{n}")));
    }
}

#[tokio::test]
async fn s37_foreign_second_and_unasked_messages_never_reach_the_client() {
    let (upstream, senders) = fed().await;
    let world = World::new(upstream).await;
    let response =
        world.open(post(Some(&world.token("mcp.tools.invoke")), call("echo").to_string())).await;
    for message in [
        json!({"jsonrpc": "2.0", "id": 99, "result": {"foreign": true}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {"unasked": true}}),
        json!({"jsonrpc": "2.0", "method": "notifications/invented", "params": {"unknown": true}}),
        json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [], "wanted": true}}),
        json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [], "second": true}}),
    ] {
        feed(&senders, &message);
    }
    senders.lock().unwrap().clear();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("wanted"), "{text}");
    for word in ["foreign", "unasked", "unknown", "second"] {
        assert!(!text.contains(word), "{text}");
    }
    let closed = world.closed_records(1).await;
    assert_eq!(closed[0]["dropped"]["foreign_response"], 1);
    assert_eq!(closed[0]["dropped"]["second_response"], 1);
    assert_eq!(closed[0]["dropped"]["server_request"], 1);
}

#[tokio::test]
async fn p33_a_stream_ends_with_an_error_event_when_its_token_expires() {
    let (upstream, senders) = fed().await;
    let clock = Clock::manual(crate::issuer::NOW);
    let world =
        World::with(upstream, Setup { clock: Some(clock.clone()), ..Setup::default() }).await;
    let token = world
        .issuer
        .token()
        .audience(crate::support::RESOURCE)
        .scope("mcp.tools.invoke")
        .expires_in(60)
        .sign();
    let response = world.open(post(Some(&token), call("echo").to_string())).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    clock.advance(Duration::from_secs(61));
    feed(
        &senders,
        &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}),
    );
    let event = next_event(&mut body).await;
    assert!(
        event.contains("stream_revoked") && !event.contains("notifications/progress"),
        "{event}"
    );
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_when_a_reload_takes_its_permission_away() {
    let (upstream, senders) = fed().await;
    let world = World::new(upstream).await;
    let response =
        world.open(post(Some(&world.token("mcp.tools.invoke")), call("echo").to_string())).await;
    let mut body = response.into_body();
    let stricter = world.check(&world.yaml("    tools: [ { match: \"crm.*\" } ]\n")).unwrap();
    world.gateway().reload(stricter).unwrap();
    let event = next_event(&mut body).await;
    assert!(event.contains("stream_revoked"), "{event}");
    drop(senders);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_upstream_and_is_recorded() {
    let (upstream, senders) = fed().await;
    let world = World::new(upstream).await;
    let response =
        world.open(post(Some(&world.token("mcp.tools.invoke")), call("echo").to_string())).await;
    drop(response);
    // The upstream's sender notices that its receiver is gone.
    let sender = senders.lock().unwrap()[0].clone();
    tokio::time::timeout(Duration::from_secs(10), sender.closed())
        .await
        .expect("upstream cancelled");
    let closed = world.closed_records(1).await;
    assert_eq!(closed[0]["end"], "client_gone");
}

#[tokio::test]
async fn the_listening_stream_is_relayed_and_judged() {
    let (upstream, senders) = fed().await;
    let world = World::new(upstream).await;
    let request = http::Request::get("/mcp")
        .header("host", HOST)
        .header("accept", "text/event-stream")
        .header("authorization", format!("Bearer {}", world.token("")))
        .body(Full::default())
        .unwrap();
    let response = world.open(request).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    feed(&senders, &json!({"jsonrpc": "2.0", "id": 1, "result": {"unasked": 1}}));
    feed(
        &senders,
        &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "mail ada.byron@example.com"}}),
    );
    let event = next_event(&mut body).await;
    assert!(event.contains("notifications/message") && !event.contains("ada.byron"), "{event}");
}
