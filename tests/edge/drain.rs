//! How everything ends.

use std::time::Duration;

use http_body_util::BodyExt;
use sallyport::body::End;
use sallyport::server::Bounds;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::edge::{Edge, SOON, get, http2, listener, read_all, read_answer, tls, tls_over};
use crate::pki::Pki;

/// Connects until nobody listens any more.
async fn refused(edge: &Edge) {
    let until = async { while TcpStream::connect(edge.address).await.is_ok() {} };
    timeout(SOON, until).await.expect("still accepting");
}

#[tokio::test]
async fn open_exchange_finishes_during_the_drain_and_nothing_new_is_accepted() {
    let edge = Edge::start(listener(None), Bounds::default()).await;
    let mut io = edge.plain().await;
    io.write_all(b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.waiting().await;
    edge.shutdown.cancel();
    refused(&edge).await;
    edge.echo.gate.notify_one();
    let answer = read_all(&mut io).await;
    assert!(answer.contains("connection: close") && answer.ends_with("open"), "{answer}");
    drop(io);
    edge.stop().await;
}

#[tokio::test]
async fn request_that_crosses_the_drain_on_the_way_is_answered_as_the_last() {
    let edge = Edge::start(listener(None), Bounds::default()).await;
    let mut used = edge.plain().await;
    used.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(!read_answer(&mut used).await.contains("connection: close"));
    edge.shutdown.cancel();
    refused(&edge).await;
    used.write_all(b"GET /y HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = read_all(&mut used).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    drop(used);
    edge.stop().await;
}

#[tokio::test]
async fn handshake_under_way_is_finished_and_its_request_answered_in_a_drain() {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    let socket = TcpStream::connect(edge.address).await.unwrap();
    edge.shutdown.cancel();
    refused(&edge).await;
    let mut io = tls_over(socket, pki.client().build(), "gateway.test").await.unwrap();
    io.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_all(&mut io).await.starts_with("HTTP/1.1 200"));
    drop(io);
    edge.stop().await;
}

#[tokio::test]
async fn idle_connections_are_closed_soon_by_a_drain() {
    let bounds = Bounds { farewell: Duration::from_millis(50), ..Bounds::default() };
    let edge = Edge::start(listener(None), bounds).await;
    let mut used = edge.plain().await;
    used.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_answer(&mut used).await;
    edge.shutdown.cancel();
    assert_eq!(read_all(&mut used).await, "");
    drop(used);
    edge.stop().await;
}

#[tokio::test]
async fn open_http2_stream_finishes_during_the_drain() {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    let io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    let mut sender = http2(io).await;
    let answer = tokio::spawn(sender.send_request(get("/gate")));
    edge.waiting().await;
    edge.shutdown.cancel();
    refused(&edge).await;
    edge.echo.gate.notify_one();
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "open");
    edge.stop().await;
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut_and_serve_returns() {
    let bounds = Bounds { drain: Duration::from_millis(50), ..Bounds::default() };
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let mut edge = Edge::start(listener(Some(settings)), bounds).await;
    let io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    let mut sender = http2(io).await;
    let mut stream = sender.send_request(get("/endless")).await.unwrap().into_body();
    stream.frame().await.unwrap().unwrap();
    let mut hanging = edge.tls(pki.client().build(), "gateway.test").await;
    hanging.write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.waiting().await;
    edge.shutdown.cancel();
    let end = timeout(SOON, edge.closed.recv()).await.unwrap().unwrap().end;
    assert_eq!(end, End::Dropped);
    assert!(stream.frame().await.is_none_or(|frame| frame.is_err()));
    assert_eq!(read_all(&mut hanging).await, "");
    edge.stop().await;
}
