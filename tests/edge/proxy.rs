//! The PROXY protocol: believed from trusted proxies, required of them, from nobody else.

use std::time::Duration;

use sallyport::config::Listener;
use sallyport::server::{Bounds, Event};
use tokio::io::AsyncWriteExt;

use crate::edge::{Edge, listener, read_all, read_answer, tls, tls_over};
use crate::pki::Pki;

const HEADER: &[u8] = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n";
const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn proxied(listener: Listener) -> Listener {
    Listener { proxy_protocol: true, ..listener }
}

#[tokio::test]
async fn s47_trusted_proxy_names_the_client_before_tls() {
    let pki = Pki::new();
    let listener = proxied(listener(Some(tls(vec![pki.server(&["gateway.test"])]))));
    let edge = Edge::start_behind(listener, "127.0.0.0/8", Bounds::default()).await;
    let mut socket = edge.plain().await;
    socket.write_all(HEADER).await.unwrap();
    let mut io = tls_over(socket, pki.client().build(), "gateway.test").await.unwrap();
    io.write_all(GET).await.unwrap();
    assert!(read_answer(&mut io).await.contains("\n203.0.113.9:4711\n"));
}

#[tokio::test]
async fn s47_trusted_proxy_without_header_is_refused() {
    let bounds = Bounds { proxy_header: Duration::from_millis(50), ..Bounds::default() };
    let mut edge = Edge::start_behind(proxied(listener(None)), "127.0.0.0/8", bounds).await;
    let mut io = edge.plain().await;
    io.write_all(GET).await.unwrap();
    assert_eq!(read_all(&mut io).await, "");
    edge.event(Event::ProxyHeaderRefused).await;
    let mut silent = edge.plain().await;
    assert_eq!(read_all(&mut silent).await, "");
    edge.event(Event::ProxyHeaderRefused).await;
    assert_eq!(edge.handled(), 0);
}

#[tokio::test]
async fn s47_header_of_anybody_else_is_not_believed() {
    let edge = Edge::start_behind(proxied(listener(None)), "10.0.0.0/8", Bounds::default()).await;
    let mut liar = edge.plain().await;
    liar.write_all(&[HEADER, GET].concat()).await.unwrap();
    assert!(read_all(&mut liar).await.starts_with("HTTP/1.1 400"));
    let mut honest = edge.plain().await;
    honest.write_all(GET).await.unwrap();
    assert!(read_answer(&mut honest).await.contains("\n127.0.0.1:"));
}
