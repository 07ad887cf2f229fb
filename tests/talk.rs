//! A conversation with a real process: what the pure tests promise holds over pipes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[path = "links/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
#[path = "support/upstream.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod upstream;

use bytes::Bytes;
use sallyport::upstream::link::{Connector, LinkError};
use sallyport::upstream::talk::{Call, Conversation, Reply, Told};
use support::{caller, command, stdio, within};

/// A conversation with the server beside this file; the connector keeps its process.
async fn open() -> (Connector, Conversation) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/talk/server.py");
    let connector = stdio(command(&["/usr/bin/env", "python3", "-u", script]));
    let link = connector.open(&caller(1)).await.unwrap();
    let initialize = r#"{"jsonrpc":"2.0","id":"in\u0069t","method":"initialize","params":{}}"#;
    let deadline = std::time::Duration::from_secs(60);
    let opened = Conversation::open(link, Bytes::from_static(initialize.as_bytes()), deadline);
    let (conversation, greeting) = opened.await.unwrap();
    assert!(text(&greeting).contains(r#""id": "in\u0069t", "result""#), "{}", text(&greeting));
    conversation.initialized(None).await.unwrap();
    (connector, conversation)
}

async fn call(on: &Conversation, id: &str, params: &str) -> Call {
    let request = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\n\"method\":\"tools/call\",\"params\":{params}}}"
    );
    on.call_bytes(request.into()).await.unwrap()
}

async fn tool(on: &Conversation, id: &str, name: &str) -> Call {
    call(on, id, &format!(r#"{{"name":"{name}"}}"#)).await
}

/// The answer of a call that is told nothing else.
async fn answer(call: &mut Call) -> String {
    match within(call.next()).await {
        Some(Ok(Told::Answer(message))) => text(&message),
        other => panic!("no answer but {other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn s37_answers_in_any_order_reach_their_callers_under_their_own_ids() {
    let (connector, conversation) = open().await;
    let ids = ["7", r#""7""#, r#""\u0037""#, "123456789012345678901234567890"];
    let mut calls = Vec::new();
    for id in ids {
        calls.push(tool(&conversation, id, "wait").await);
    }
    let mut last = tool(&conversation, "7", "release").await;
    assert!(answer(&mut last).await.contains(r#""id": 7,"#));
    let mut results = std::collections::HashSet::new();
    for (call, id) in calls.iter_mut().zip(ids) {
        let answer = answer(call).await;
        assert!(answer.contains(&format!("\"id\": {id}, \"result\": \"released ")), "{answer}");
        assert!(results.insert(answer.rsplit_once("released ").unwrap().1.to_owned()));
    }
    let mut twice = tool(&conversation, "1", "twice").await;
    assert!(answer(&mut twice).await.contains("first"));
    let mut echo = call(&conversation, "2", r#"{"name":"echo","arguments":[1]}"#).await;
    assert!(answer(&mut echo).await.contains("[1]"));
    assert_eq!(conversation.dropped().answers, 1);
    connector.stop().await;
}

#[tokio::test]
async fn progress_and_questions_come_to_their_call_and_the_answer_goes_back() {
    let (connector, conversation) = open().await;
    let params = r#"{"name":"progress","_meta":{"progressToken":"t\u006f"}}"#;
    let mut progress = call(&conversation, "1", params).await;
    for _ in 0..3 {
        let Some(Ok(Told::Notification(told))) = within(progress.next()).await else { panic!() };
        assert!(text(&told).contains(r#""progressToken": "t\u006f","#), "{}", text(&told));
    }
    assert!(answer(&mut progress).await.contains("done"));
    let mut ask = tool(&conversation, "2", "ask").await;
    let Some(Ok(Told::Request { id, .. })) = within(ask.next()).await else { panic!() };
    conversation.answer(&id, Reply::Result(br#"{"roots":[]}"#)).await.unwrap();
    assert!(conversation.answer(&id, Reply::Result(b"{}")).await.is_err());
    assert!(answer(&mut ask).await.contains(r#""result": {"roots": []}"#));
    connector.stop().await;
}

#[tokio::test]
async fn p19_a_dropped_call_is_cancelled_at_the_process() {
    let (connector, conversation) = open().await;
    let gone = tool(&conversation, "1", "wait").await;
    drop(gone);
    // Pipes keep the order, but the cancellation leaves by itself: ask until it was there.
    loop {
        let ask = r#"{"jsonrpc":"2.0","id":1,"method":"cancelled"}"#;
        let mut asking = conversation.call_bytes(Bytes::from_static(ask.as_bytes())).await.unwrap();
        if answer(&mut asking).await.contains(r#""result": 1"#) {
            break;
        }
    }
    connector.stop().await;
}

#[tokio::test]
async fn a_process_that_dies_in_the_middle_of_a_line_fails_all_calls() {
    let (connector, conversation) = open().await;
    let mut waits = tool(&conversation, "1", "wait").await;
    let mut dies = tool(&conversation, "2", "die").await;
    for call in [&mut waits, &mut dies] {
        assert!(matches!(within(call.next()).await, Some(Err(LinkError::Closed(_)))));
        assert!(within(call.next()).await.is_none());
    }
    within(conversation.closed()).await;
    connector.stop().await;
}
