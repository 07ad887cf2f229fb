//! Bounds in time, number and memory.

use std::time::Duration;

use sallyport::body::End;
use sallyport::server::{Bounds, Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::edge::{Edge, SOON, get, http2, listener, read_all, read_answer, tls};
use crate::pki::Pki;

const SHORT: Duration = Duration::from_millis(50);

async fn secure(bounds: Bounds) -> (Pki, Edge) {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), bounds).await;
    (pki, edge)
}

#[tokio::test]
async fn s51_silent_client_is_closed_before_and_after_the_handshake() {
    let bounds = Bounds { handshake: SHORT, ..Bounds::default() };
    let (_pki, mut edge) = secure(bounds).await;
    assert_eq!(read_all(&mut edge.plain().await).await, "");
    edge.event(Event::HandshakeTimeout).await;

    let bounds = Bounds { head: SHORT, preface: SHORT, ..Bounds::default() };
    let (pki, edge) = secure(bounds).await;
    for alpn in ["http/1.1", "h2"] {
        let config = pki.client().alpn(&[alpn]).build();
        let mut io = edge.tls(config, "gateway.test").await;
        assert!(!read_all(&mut io).await.contains("HTTP/1.1"), "{alpn}");
    }
    assert_eq!(edge.handled(), 0);
}

#[tokio::test]
async fn s51_half_sent_head_is_closed_and_so_is_an_idle_connection() {
    let bounds = Bounds { head: SHORT, ..Bounds::default() };
    let edge = Edge::start(listener(None), bounds).await;
    let mut half = edge.plain().await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: gate").await.unwrap();
    assert_eq!(read_all(&mut half).await, "");
    assert_eq!(edge.handled(), 0);
    let mut idle = edge.plain().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_all(&mut idle).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn s51_half_sent_http2_preface_is_closed() {
    let bounds = Bounds { preface: SHORT, ..Bounds::default() };
    let (pki, edge) = secure(bounds).await;
    let mut io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    io.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    io.flush().await.unwrap();
    read_all(&mut io).await;
}

#[tokio::test]
async fn http2_connection_without_streams_is_closed_when_idle() {
    let bounds = Bounds { h2_idle: SHORT, ..Bounds::default() };
    let (pki, mut edge) = secure(bounds).await;
    let io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    let mut sender = http2(io).await;
    sender.send_request(get("/x")).await.unwrap();
    edge.event(Event::Closed).await;
}

#[tokio::test]
async fn http2_peer_that_does_not_answer_pings_is_closed() {
    let bounds = Bounds { h2_ping: SHORT, h2_ping_answer: SHORT, ..Bounds::default() };
    let (pki, mut edge) = secure(bounds).await;
    let mut io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    // The preface and empty settings, then silence.
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    io.flush().await.unwrap();
    edge.event(Event::Closed).await;
}

#[tokio::test]
async fn connections_above_the_cap_wait_until_one_ends() {
    let bounds = Bounds { connections_max: 1, ..Bounds::default() };
    let mut edge = Edge::start(listener(None), bounds).await;
    let mut first = edge.plain().await;
    first.write_all(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut first).await.contains("GET /first"));
    let mut second = edge.plain().await;
    second.write_all(b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.event(Event::Full).await;
    drop(first);
    assert!(read_answer(&mut second).await.contains("GET /second"));
    // The first one ended before the second one began.
    assert_eq!(edge.next_event().await, Event::Closed);
    assert_eq!(edge.next_event().await, Event::Opened);
}

#[tokio::test]
async fn client_that_stops_reading_loses_its_http_1_1_connection() {
    let bounds = Bounds { write_stall: SHORT, ..Bounds::default() };
    let mut edge = Edge::start(listener(None), bounds).await;
    let mut io = edge.plain().await;
    io.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.event(Event::Closed).await;
}

#[tokio::test]
async fn client_that_stops_reading_loses_its_http_2_stream_and_no_other() {
    let bounds = Bounds { write_stall: SHORT, ..Bounds::default() };
    let (pki, mut edge) = secure(bounds).await;
    let io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    let mut sender = http2(io).await;
    let unread = sender.send_request(get("/flood")).await.unwrap();
    let closed = tokio::time::timeout(SOON, edge.closed.recv()).await.unwrap().unwrap();
    assert_eq!(closed.end, End::Dropped);
    drop(unread);
    let answer = sender.send_request(get("/x")).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn early_answer_arrives_although_the_client_is_still_sending() {
    let edge = Edge::start(listener(None), Bounds::default()).await;
    let mut io = edge.plain().await;
    let length = 4 << 20;
    let head = format!("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    io.write_all(head.as_bytes()).await.unwrap();
    io.write_all(&vec![b'x'; length]).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.expect("the answer was lost in a reset");
    assert!(answer.ends_with("early"), "{answer}");
}

#[tokio::test]
async fn panic_ends_its_connection_and_no_other() {
    let mut edge = Edge::start(listener(None), Bounds::default()).await;
    let mut other = edge.plain().await;
    other.write_all(b"GET /before HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_answer(&mut other).await;
    let mut io = edge.plain().await;
    io.write_all(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(read_all(&mut io).await, "");
    edge.event(Event::Closed).await;
    other.write_all(b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut other).await.contains("GET /after"));
}
