//! HTTP/2, with frames made by hand where a client library would not send them.

use sallyport::server::{Bounds, Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::edge::{Edge, SOON, get, http2, listener, read_all, tls};
use crate::pki::Pki;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;

async fn connect() -> (Pki, Edge, TlsStream<TcpStream>) {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    let io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    (pki, edge, io)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that HPACK does not index, both parts literal (RFC 7541 section 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], part(name), part(value)].concat()
}

/// `GET /` over https, and more fields.
fn request(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x82, 0x84, 0x87];
    block.extend(literal(":authority", "gateway.test"));
    fields.iter().for_each(|(name, value)| block.extend(literal(name, value)));
    block
}

/// Reads frames until one of these kinds; `None` when the connection ends first.
async fn until(io: &mut TlsStream<TcpStream>, kinds: &[u8]) -> Option<(u8, Vec<u8>)> {
    let find = async {
        loop {
            let mut head = [0; 9];
            io.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            io.read_exact(&mut payload).await.ok()?;
            if kinds.contains(&head[3]) {
                return Some((head[3], payload));
            }
        }
    };
    timeout(SOON, find).await.expect("no such frame")
}

#[tokio::test]
async fn s49_ambiguous_heads_are_stream_errors_or_refused_and_never_handled() {
    let cases: [&[(&str, &str)]; 8] = [
        &[("transfer-encoding", "chunked")],
        &[("connection", "keep-alive")],
        &[("upgrade", "websocket")],
        &[("te", "gzip")],
        &[("x", "a\rb")],
        &[("x", "a\0b")],
        &[("X-Upper", "a")],
        &[("content-length", "5")],
    ];
    for fields in cases {
        let (_pki, edge, mut io) = connect().await;
        io.write_all(&[PREFACE, &frame(HEADERS, WHOLE, 1, &request(fields))].concat())
            .await
            .unwrap();
        io.flush().await.unwrap();
        let reset = until(&mut io, &[RST_STREAM, GOAWAY]).await;
        assert!(reset.is_some(), "{fields:?}");
        assert_eq!(edge.handled(), 0, "{fields:?}");
    }
}

#[tokio::test]
async fn s49_heads_that_h2_accepts_and_http_1_1_would_not_are_refused() {
    let (_pki, mut edge, mut io) = connect().await;
    let head = request(&[("host", "other.test")]);
    io.write_all(&[PREFACE, &frame(HEADERS, WHOLE, 1, &head)].concat()).await.unwrap();
    io.flush().await.unwrap();
    until(&mut io, &[HEADERS]).await.expect("an answer");
    let (_, detail) = edge.refusal().await;
    assert_eq!((detail, edge.handled()), ("Host contradicts :authority", 0));
}

#[tokio::test]
async fn s50_rapid_resets_end_in_goaway() {
    let (_pki, mut edge, mut io) = connect().await;
    let mut flood = PREFACE.to_vec();
    for number in 0..200 {
        let stream = number * 2 + 1;
        flood.extend(frame(HEADERS, WHOLE, stream, &request(&[])));
        flood.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    // The server may close while the flood is still being written.
    let _closed = io.write_all(&flood).await;
    let _closed = io.flush().await;
    let (_, payload) = until(&mut io, &[GOAWAY]).await.expect("goaway");
    assert_eq!(payload[4..8], [0, 0, 0, 11], "ENHANCE_YOUR_CALM");
    edge.event(Event::Closed).await;
}

#[tokio::test]
async fn http_1_1_on_an_http2_connection_is_not_served() {
    let (_pki, edge, mut io) = connect().await;
    io.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(!read_all(&mut io).await.contains("HTTP/1.1"));
    assert_eq!(edge.handled(), 0);
}

#[tokio::test]
async fn panic_resets_its_stream_and_the_connection_goes_on() {
    let (_pki, _edge, io) = connect().await;
    let mut sender = http2(io).await;
    assert!(sender.send_request(get("/panic")).await.is_err());
    assert_eq!(sender.send_request(get("/x")).await.unwrap().status(), 200);
}
