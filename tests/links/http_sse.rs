//! HTTP+SSE of 2024-11-05: one stream, one address for messages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use sallyport::config::Transport;
use sallyport::upstream::link::{Connector, LinkError};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::support::{Talk, caller, endpoint, http_sse, services, upstream};
use crate::upstream::{After, Upstream, bytes_answer, events, status};

type Stream = Arc<Mutex<Option<UnboundedSender<Bytes>>>>;

/// A server whose stream begins with `first`, and that answers on it what is posted to `/post`.
async fn server(first: &'static str) -> (Upstream, Stream) {
    let stream: Stream = Arc::default();
    let own = Arc::clone(&stream);
    let server = Upstream::answering(move |seen| {
        if seen.method == Method::GET {
            let (sender, receiver) = unbounded_channel();
            sender.send(Bytes::from_static(first.as_bytes())).unwrap();
            *own.lock().unwrap() = Some(sender);
            return events(receiver);
        }
        if !seen.target.starts_with("/post?") {
            return status(404);
        }
        let message = seen.json();
        match message["method"].as_str().unwrap_or_default() {
            "refused" => return bytes_answer("text/plain", Bytes::from(vec![b'x'; 1 << 20])),
            "status" => return status(400),
            _ => {}
        }
        if let Some(id) = message.get("id") {
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": message["params"]});
            let event = format!("event: message\r\ndata: {answer}\r\n\r\n");
            own.lock().unwrap().as_ref().unwrap().send(event.into()).unwrap();
        }
        let mut answer = bytes_answer("text/plain", Bytes::from_static(b"Accepted"));
        *answer.status_mut() = StatusCode::ACCEPTED;
        answer
    })
    .await;
    (server, stream)
}

fn send(stream: &Stream, bytes: &str) {
    let bytes = Bytes::copy_from_slice(bytes.as_bytes());
    stream.lock().unwrap().as_ref().unwrap().send(bytes).unwrap();
}

const ENDPOINT: &str = "event: endpoint\ndata: /post?sessionId=5ecret\n\n";

#[tokio::test]
async fn answers_come_on_the_one_stream() {
    let (server, stream) = server(ENDPOINT).await;
    let connector = http_sse(&server.url());
    let mut talk = Talk::open(&connector).await;
    assert!(connector.is_http() && connector.shares_stream());
    talk.notify("notifications/initialized").await;
    assert_eq!(talk.call("tools/list", json!({"a": 1.50})).await, json!({"a": 1.50}));
    send(&stream, ": ping\r\n\r\nevent: endpoint\ndata: /elsewhere\n\nevent: ping\ndata: {}\n\n");
    for byte in "data: {\"method\":\ndata: \"notifications/x\"}\r\r".split_inclusive("") {
        send(&stream, byte);
    }
    assert_eq!(talk.message().await, (None, json!({"method": "notifications/x"})));
    // The address is that of the first event for ever.
    assert_eq!(talk.call("tools/list", json!(2)).await, json!(2));
    let posts: Vec<String> = server.seen()[1..].iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(posts, ["/post?sessionId=5ecret"; 3]);
    assert!(!format!("{:?}{connector:?}", talk.link).contains("5ecret"));
}

#[tokio::test]
async fn s64_stream_that_names_an_address_on_another_host_is_refused() {
    let elsewhere = Upstream::answering(|_| status(202)).await;
    let url: &'static str = elsewhere.url().leak();
    for address in [url, "//169.254.169.254/x", "\\\\evil.example\\x", ""] {
        let first: &'static str = format!("event: endpoint\ndata: {address}\n\n").leak();
        let (server, _) = server(first).await;
        let refused = http_sse(&server.url()).open(&caller(1)).await.unwrap_err();
        let why = "an address for messages that is not its own";
        assert_eq!(refused, LinkError::Malformed(why), "{address}");
        assert_eq!(server.seen().len(), 1);
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn stream_that_begins_otherwise_is_refused() {
    for first in ["data: {\"jsonrpc\":\"2.0\"}\n\n", "event: message\ndata: /post?s=1\n\n"] {
        let (server, _) = server(first).await;
        let refused = http_sse(&server.url()).open(&caller(1)).await.unwrap_err();
        assert!(matches!(refused, LinkError::Malformed(_)), "{refused}");
    }
}

#[tokio::test]
async fn server_without_a_stream_is_refused_with_its_status() {
    let server = Upstream::answering(|_| status(405)).await;
    let refused = http_sse(&server.url()).open(&caller(1)).await.unwrap_err();
    assert_eq!(refused, LinkError::Status(StatusCode::METHOD_NOT_ALLOWED));
    let server = Upstream::answering(|_| bytes_answer("text/html", Bytes::new())).await;
    let refused = http_sse(&server.url()).open(&caller(1)).await.unwrap_err();
    assert!(matches!(refused, LinkError::Malformed(_)));
    let server = Upstream::dead().await;
    let refused = http_sse(&server.url()).open(&caller(1)).await.unwrap_err();
    assert!(matches!(refused, LinkError::Unreachable(_)));
}

#[tokio::test]
async fn server_that_never_names_its_address_is_given_up() {
    for raw in [
        &b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: wait\n\n"[..],
        b"HTTP/1.1 200 OK\r\n",
    ] {
        let server = Upstream::raw(raw, After::Hang).await;
        let mut settings = upstream(Transport::HttpSse(endpoint(&server.url())));
        settings.head_timeout = Duration::from_millis(50);
        let connector = Connector::new(&settings, &services()).unwrap();
        assert_eq!(connector.open(&caller(1)).await.unwrap_err(), LinkError::Timeout);
    }
}

#[tokio::test]
async fn refused_post_is_heard() {
    let (server, _stream) = server(ENDPOINT).await;
    let mut talk = Talk::open(&http_sse(&server.url())).await;
    let tag = talk.request("status", json!(null)).await;
    let expected = LinkError::Status(StatusCode::BAD_REQUEST);
    assert_eq!(talk.ended().await, (tag, Some(expected.clone())));
    let tag = talk.notify("status").await;
    assert_eq!(talk.ended().await, (tag, Some(expected)));
    // A large body beside a good status has no meaning and is not read.
    talk.request("refused", json!(null)).await;
    assert_eq!(talk.call("tools/list", json!(1)).await, json!(1));
}

#[tokio::test]
async fn loss_of_the_stream_ends_the_conversation() {
    let (server, stream) = server(ENDPOINT).await;
    let mut talk = Talk::open(&http_sse(&server.url())).await;
    stream.lock().unwrap().take();
    let why = LinkError::Closed("its event stream ended");
    assert_eq!(talk.closed().await, why);
    assert_eq!(talk.say(1, true, "{}", &[]).await, Err(why));
}

#[tokio::test]
async fn silent_stream_ends_with_a_timeout() {
    let (server, _stream) = server(ENDPOINT).await;
    let mut settings = upstream(Transport::HttpSse(endpoint(&server.url())));
    settings.stream_idle_timeout = Duration::from_millis(50);
    let mut talk = Talk::open(&Connector::new(&settings, &services()).unwrap()).await;
    assert_eq!(talk.closed().await, LinkError::Timeout);
}

#[tokio::test]
async fn huge_event_ends_the_conversation() {
    let (server, stream) = server(ENDPOINT).await;
    let mut settings = upstream(Transport::HttpSse(endpoint(&server.url())));
    settings.answer_bytes_max = 1000;
    let mut talk = Talk::open(&Connector::new(&settings, &services()).unwrap()).await;
    send(&stream, &format!("data: {}", "x".repeat(1000)));
    assert_eq!(talk.closed().await, LinkError::Malformed("an event that is too large"));
}

#[tokio::test]
async fn dropped_link_closes_the_stream() {
    let (server, stream) = server(ENDPOINT).await;
    let talk = Talk::open(&http_sse(&server.url())).await;
    drop(talk);
    let sender = stream.lock().unwrap().clone().unwrap();
    crate::support::within(sender.closed()).await;
}
