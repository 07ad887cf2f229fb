//! Streamable HTTP: sessions, answers as JSON and as streams, what is taken up again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use sallyport::config::Transport;
use sallyport::limits::{
    LINK_DELETE_MS, LINK_ERROR_BYTES_MAX, LINK_LISTENS_MAX, LINK_REQUESTS_MAX, LINK_RESUMES_MAX,
    LINKS_MAX,
};
use sallyport::upstream::link::{Connector, LinkError};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::support::{Talk, caller, endpoint, services, streamable, until, upstream, within};
use crate::upstream::{
    After, Answer, Seen, Upstream, bytes_answer, events, json_answer, rpc, status,
};

fn event_stream(text: impl Into<Bytes>) -> Answer {
    bytes_answer("text/event-stream; charset=utf-8", text.into())
}

fn header<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    seen.headers.get(name).map(|value| value.to_str().unwrap())
}

/// A stateful server, as the SDKs of the legacy era are.
async fn stateful() -> Upstream {
    Upstream::answering(|seen| {
        let message = seen.json();
        match (&seen.method, message["method"].as_str()) {
            (&Method::DELETE, _) => status(200),
            (&Method::GET, _) => status(405),
            (_, Some("initialize")) => {
                let mut answer = rpc(&message["id"], &json!({}));
                answer.headers_mut().insert("mcp-session-id", "s-1".parse().unwrap());
                answer
            }
            _ if header(seen, "mcp-session-id") != Some("s-1") => status(400),
            (_, Some("lost")) => status(404),
            (_, Some("notifications/bad")) => status(400),
            (_, Some(method)) if method.starts_with("notifications/") => status(202),
            _ => rpc(&message["id"], &message["params"]),
        }
    })
    .await
}

async fn initialized(server: &Upstream) -> (Connector, Talk) {
    let connector = streamable(&server.url());
    let mut talk = Talk::open(&connector).await;
    let tag = talk.request("initialize", json!({})).await;
    assert_eq!(talk.message().await.0, Some(tag));
    assert_eq!(talk.ended().await, (tag, None));
    (connector, talk)
}

#[tokio::test]
async fn legacy_session_and_version_are_sent_on_and_deleted_at_the_end() {
    let server = stateful().await;
    let (connector, mut talk) = initialized(&server).await;
    assert!(connector.is_http() && !connector.shares_stream());
    talk.notify("notifications/initialized").await;
    let tag = talk.request_as("2025-06-18", "tools/list").await;
    assert_eq!(talk.message().await.0, Some(tag));
    assert_eq!(talk.ended().await, (tag, None));
    drop(talk);
    within(connector.stop()).await;
    let seen = server.seen();
    let of = |name: &str| seen.iter().map(|s| header(s, name)).collect::<Vec<_>>();
    assert_eq!(of("mcp-session-id"), [None, Some("s-1"), Some("s-1"), Some("s-1")]);
    assert_eq!(of("mcp-protocol-version")[2..], [Some("2025-06-18"); 2]);
    assert_eq!(of("accept")[0], Some("application/json, text/event-stream"));
    assert_eq!(seen[3].method, Method::DELETE);
}

#[tokio::test]
async fn modern_message_has_no_session_and_there_is_nothing_to_delete() {
    let server = Upstream::answering(|seen| {
        let mut answer = rpc(&seen.json()["id"], &json!({"resultType": "complete"}));
        answer.headers_mut().insert("mcp-session-id", "trap".parse().unwrap());
        answer
    })
    .await;
    let connector = streamable(&server.url());
    let mut talk = Talk::open(&connector).await;
    for _ in 0..2 {
        let tag = talk.request_as("2026-07-28", "tools/list").await;
        assert_eq!(talk.message().await.0, Some(tag));
        assert_eq!(talk.ended().await, (tag, None));
    }
    drop(talk);
    within(connector.stop()).await;
    assert_eq!(server.seen().len(), 2);
    assert!(server.seen().iter().all(|seen| header(seen, "mcp-session-id").is_none()));
}

#[tokio::test]
async fn refused_notification_is_heard_and_an_accepted_one_is_not() {
    let server = stateful().await;
    let (_connector, mut talk) = initialized(&server).await;
    talk.notify("notifications/initialized").await;
    let tag = talk.notify("notifications/bad").await;
    let status = LinkError::Status(StatusCode::BAD_REQUEST);
    assert_eq!(talk.ended().await, (tag, Some(status)));
}

#[tokio::test]
async fn lost_session_ends_the_conversation_with_404_and_nothing_is_deleted() {
    let server = stateful().await;
    let (connector, mut talk) = initialized(&server).await;
    let tag = talk.request("lost", json!(null)).await;
    let status = LinkError::Status(StatusCode::NOT_FOUND);
    assert_eq!(talk.ended().await, (tag, Some(status.clone())));
    assert_eq!(talk.closed().await, status);
    within(connector.stop()).await;
    assert!(server.seen().iter().all(|seen| seen.method == Method::POST));
}

#[tokio::test]
async fn error_that_comes_with_a_status_is_heard_before_it() {
    let server = Upstream::answering(|seen| {
        let message = seen.json();
        let error = json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32022}});
        let mut answer = match message["method"].as_str().unwrap() {
            "huge" => {
                let text = format!("{{\"x\":\"{}\"}}", "x".repeat(LINK_ERROR_BYTES_MAX));
                bytes_answer("application/json", text.into())
            }
            "text" => bytes_answer("text/plain", Bytes::from_static(b"{}")),
            _ => json_answer(&error),
        };
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        answer
    })
    .await;
    let mut talk = Talk::open(&streamable(&server.url())).await;
    let status = Some(LinkError::Status(StatusCode::BAD_REQUEST));
    let tag = talk.request_as("2026-07-28", "server/discover").await;
    assert_eq!(talk.message().await.1["error"]["code"], -32022);
    assert_eq!(talk.ended().await, (tag, status.clone()));
    for method in ["huge", "text"] {
        let tag = talk.request(method, json!(null)).await;
        assert_eq!(talk.ended().await, (tag, status.clone()));
    }
}

#[tokio::test]
async fn stream_of_an_answer_is_heard_event_by_event_with_its_tag() {
    let text = "id: 0\r\ndata:\r\n\r\n: keepalive\n\nevent: message\ndata: {\"method\":\"notifications/progress\"}\n\ndata: {\"result\":{},\ndata: \"id\":1}\n\n";
    let server = Upstream::answering(move |_| event_stream(text)).await;
    let mut talk = Talk::open(&streamable(&server.url())).await;
    let tag = talk.request("tools/call", json!(null)).await;
    let progress = json!({"method": "notifications/progress"});
    assert_eq!(talk.message().await, (Some(tag), progress));
    assert_eq!(talk.message().await, (Some(tag), json!({"result": {}, "id": 1})));
    assert_eq!(talk.ended().await, (tag, None));
}

#[tokio::test]
async fn answers_that_are_none_are_malformed() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://evil.example/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: a b\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: a\r\nmcp-session-id: b\r\n\r\n{}",
        b"NONSENSE\r\n\r\n",
    ] {
        let server = Upstream::raw(answer, After::Close).await;
        let mut talk = Talk::open(&streamable(&server.url())).await;
        let tag = talk.request("initialize", json!(null)).await;
        let (ended, error) = talk.ended().await;
        assert_eq!(ended, tag);
        assert!(matches!(error, Some(LinkError::Malformed(_))), "{error:?}");
    }
}

#[tokio::test]
async fn server_that_is_not_there_or_never_ends_is_heard_as_such() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let stream =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let servers = [
        (Upstream::dead().await, LinkError::Unreachable("no connection")),
        (Upstream::raw(b"", After::Close).await, LinkError::Closed("the connection broke off")),
        (Upstream::raw(b"", After::Hang).await, LinkError::Timeout),
        (Upstream::raw(cut, After::Close).await, LinkError::Closed("the connection broke off")),
        (Upstream::raw(cut, After::Hang).await, LinkError::Timeout),
        (Upstream::raw(stream, After::Close).await, LinkError::Closed("the connection broke off")),
        (Upstream::raw(stream, After::Hang).await, LinkError::Timeout),
    ];
    for (server, expected) in servers {
        let mut settings = upstream(Transport::Streamable(endpoint(&server.url())));
        settings.head_timeout = Duration::from_millis(100);
        settings.idle_timeout = Duration::from_millis(100);
        settings.stream_idle_timeout = Duration::from_millis(100);
        let mut talk = Talk::open(&Connector::new(&settings, &services()).unwrap()).await;
        let tag = talk.request("tools/call", json!(null)).await;
        assert_eq!(talk.ended().await, (tag, Some(expected)));
    }
}

/// A server whose POST streams begin and break off, and that goes on by GET.
async fn polling(first: &'static str, then: Vec<Answer>) -> Upstream {
    let then = Mutex::new(then);
    Upstream::answering(move |seen| {
        if seen.method == Method::POST {
            return event_stream(first);
        }
        then.lock().unwrap().pop().unwrap_or_else(|| status(500))
    })
    .await
}

#[tokio::test]
async fn stream_that_ends_before_its_answer_is_taken_up_again() {
    let then = vec![
        event_stream("id: 3\ndata: {\"id\":1,\"result\":{}}\n\n"),
        event_stream("id: 2\ndata:\n\n"),
    ];
    let server = polling("id: 1\nretry: 1\ndata:\n\n", then).await;
    let mut talk = Talk::open(&streamable(&server.url())).await;
    let tag = talk.request("tools/call", json!(null)).await;
    assert_eq!(talk.message().await, (Some(tag), json!({"id": 1, "result": {}})));
    assert_eq!(talk.ended().await, (tag, None));
    let ids: Vec<_> =
        server.seen().iter().map(|s| header(s, "last-event-id").map(str::to_owned)).collect();
    assert_eq!(ids, [None, Some("1".to_owned()), Some("2".to_owned())]);
}

#[tokio::test]
async fn stream_with_its_answer_or_without_ids_is_not_taken_up_again() {
    let answered = "id: 1\ndata: {\"id\":1,\"error\":{}}\n\n";
    for (first, messages) in [(answered, 1), ("data: {\"method\":\"x\"}\n\n", 1), ("", 0)] {
        let server = polling(first, Vec::new()).await;
        let mut talk = Talk::open(&streamable(&server.url())).await;
        let tag = talk.request("tools/call", json!(null)).await;
        for _ in 0..messages {
            talk.message().await;
        }
        assert_eq!(talk.ended().await, (tag, None));
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn stream_is_taken_up_again_link_resumes_max_times_and_no_more() {
    let server = Upstream::answering(|_| event_stream("id: 1\nretry: 0\ndata:\n\n")).await;
    let mut talk = Talk::open(&streamable(&server.url())).await;
    let tag = talk.request("tools/call", json!(null)).await;
    let why = LinkError::Closed("its stream ended before the answer");
    assert_eq!(talk.ended().await, (tag, Some(why)));
    assert_eq!(server.seen().len(), 1 + usize::try_from(LINK_RESUMES_MAX).unwrap() + 1);
}

#[tokio::test]
async fn unasked_messages_come_on_the_stream_of_listen() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let server = Upstream::answering(move |seen| {
        assert_eq!(seen.method, Method::GET);
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => event_stream("id: 7\nretry: 1\ndata: {\"method\":\"a\"}\n\n"),
            1 => event_stream("data: {\"method\":\"b\"}\n\n"),
            _ => status(405),
        }
    })
    .await;
    let mut talk = Talk::open(&streamable(&server.url())).await;
    talk.link.transport.listen();
    talk.link.transport.listen();
    assert_eq!(talk.message().await, (None, json!({"method": "a"})));
    assert_eq!(talk.message().await, (None, json!({"method": "b"})));
    until("405 ends it", || connections.load(Ordering::SeqCst) == 3).await;
    let ids: Vec<_> =
        server.seen().iter().map(|s| header(s, "last-event-id").map(str::to_owned)).collect();
    assert_eq!(ids, [None, Some("7".to_owned()), Some("7".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn stream_of_listen_is_given_up_after_link_listens_max_failures() {
    let server = Upstream::answering(|_| status(409)).await;
    let talk = Talk::open(&streamable(&server.url())).await;
    talk.link.transport.listen();
    let expected = usize::try_from(LINK_LISTENS_MAX).unwrap();
    // Time is skipped whenever nothing else is to be done.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    // A wait for a connection may be skipped, too.
    assert!((1..=expected).contains(&server.seen().len()), "{}", server.seen().len());
}

#[tokio::test]
async fn lost_session_is_noticed_by_the_stream_of_listen() {
    let server = Upstream::answering(|seen| {
        if seen.method == Method::GET {
            return status(404);
        }
        let mut answer = rpc(&seen.json()["id"], &json!({}));
        answer.headers_mut().insert("mcp-session-id", "s-1".parse().unwrap());
        answer
    })
    .await;
    let (_connector, mut talk) = initialized(&server).await;
    talk.link.transport.listen();
    assert_eq!(talk.closed().await, LinkError::Status(StatusCode::NOT_FOUND));
}

/// A server whose answers never end; the other ends of its streams.
async fn endless() -> (Upstream, Arc<Mutex<Vec<UnboundedSender<Bytes>>>>) {
    let streams: Arc<Mutex<Vec<_>>> = Arc::default();
    let own = Arc::clone(&streams);
    let server = Upstream::answering(move |_| {
        let (sender, receiver) = unbounded_channel();
        own.lock().unwrap().push(sender);
        events(receiver)
    })
    .await;
    (server, streams)
}

#[tokio::test]
async fn p19_forgotten_request_closes_its_stream_and_is_not_heard_of_again() {
    let (server, streams) = endless().await;
    let mut talk = Talk::open(&streamable(&server.url())).await;
    let (one, two) = (talk.request("a", json!(null)).await, talk.request("b", json!(null)).await);
    until("both are open", || streams.lock().unwrap().len() == 2).await;
    talk.link.transport.forget(one);
    talk.link.transport.forget(99);
    let number = if server.seen()[0].json()["id"] == one { 0 } else { 1 };
    let senders = streams.lock().unwrap().clone();
    within(senders[number].closed()).await;
    senders[1 - number].send(Bytes::from_static(b"data: {}\n\n")).unwrap();
    assert_eq!(talk.message().await, (Some(two), json!({})));
    talk.link.transport.close();
    assert!(talk.heard().await.is_none());
    within(senders[1 - number].closed()).await;
}

#[tokio::test]
async fn requests_and_conversations_are_bounded_in_number() {
    let (server, _streams) = endless().await;
    let connector = streamable(&server.url());
    let mut talk = Talk::open(&connector).await;
    for _ in 0..LINK_REQUESTS_MAX {
        talk.request("a", json!(null)).await;
    }
    let full = talk.say(999, true, "{}", &[]).await;
    assert_eq!(full, Err(LinkError::Full("too many requests")));
    talk.link.transport.forget(1);
    until("its place is free", || {
        futures_util::FutureExt::now_or_never(talk.say(999, true, "{}", &[])) == Some(Ok(()))
    })
    .await;
    let mut more = Vec::new();
    for _ in 1..LINKS_MAX {
        more.push(connector.open(&caller(1)).await.unwrap());
    }
    let full = connector.open(&caller(1)).await.unwrap_err();
    assert_eq!(full, LinkError::Full("too many conversations"));
}

#[tokio::test]
async fn server_that_does_not_answer_the_goodbye_holds_it_up_for_link_delete_ms() {
    let hello = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: s-1\r\ncontent-length: 2\r\n\r\n{}";
    // The connection is kept, and nothing more comes on it.
    let server = Upstream::raw(hello, After::Hang).await;
    let (connector, talk) = initialized(&server).await;
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    drop(talk);
    connector.stop().await;
    let waited = before.elapsed().as_millis();
    // Timers are as coarse as a millisecond.
    assert!(waited.abs_diff(u128::from(LINK_DELETE_MS)) < 5, "{waited}");
}
