//! HTTP/2, with frames made by hand where a client library would not send them.

use std::collections::HashMap;

use sallyport::limits::{
    H2_LOCAL_RESETS_MAX, H2_PENDING_RESETS_MAX, H2_STREAMS_MAX, HEAD_BYTES_MAX,
};
use sallyport::server::{Bounds, Event};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::edge::{Edge, get, http2, listener, read_all, tls};
use crate::frames::{
    DATA, END_HEADERS, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, WHOLE, WINDOW_UPDATE, frame,
    literal, until,
};
use crate::pki::Pki;

async fn connect() -> (Pki, Edge, TlsStream<TcpStream>) {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    let io = edge.tls(pki.client().alpn(&["h2"]).build(), "gateway.test").await;
    (pki, edge, io)
}

/// `GET /` over https, and more fields.
fn request(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x82, 0x84, 0x87];
    block.extend(literal(":authority", "gateway.test"));
    fields.iter().for_each(|(name, value)| block.extend(literal(name, value)));
    block
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
    // Twice the bound: some streams are accepted before their reset is read.
    for number in 0..2 * u32::try_from(H2_PENDING_RESETS_MAX + 100).unwrap() {
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

#[tokio::test]
async fn s50_streams_and_heads_of_one_connection_are_bounded_by_settings() {
    let (_pki, _edge, mut io) = connect().await;
    io.write_all(PREFACE).await.unwrap();
    io.flush().await.unwrap();
    let (_, payload) = until(&mut io, &[SETTINGS]).await.unwrap();
    let settings: HashMap<u16, u32> = payload
        .chunks_exact(6)
        .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
        .collect();
    let (streams, push, header_list) = (3, 2, 6);
    assert_eq!(settings.get(&streams), Some(&H2_STREAMS_MAX));
    assert!(settings[&header_list] as usize >= HEAD_BYTES_MAX, "{settings:?}");
    assert!(!settings.contains_key(&8), "extended CONNECT is not offered");
    assert_ne!(settings.get(&push), Some(&1));
}

#[tokio::test]
async fn s50_errors_that_make_the_server_reset_streams_end_in_goaway() {
    let (_pki, mut edge, mut io) = connect().await;
    let mut flood = PREFACE.to_vec();
    for number in 0..=u32::try_from(H2_LOCAL_RESETS_MAX).unwrap() {
        let stream = number * 2 + 1;
        // The request is whole, then its window grows by nothing: a stream error, RFC 9113
        // section 6.9, that costs the client one frame (CVE-2025-8671).
        flood.extend(frame(HEADERS, WHOLE, stream, &request(&[])));
        flood.extend(frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 0]));
    }
    let _closed = io.write_all(&flood).await;
    let _closed = io.flush().await;
    until(&mut io, &[GOAWAY]).await.expect("goaway");
    edge.event(Event::Closed).await;
}

#[tokio::test]
async fn early_answer_is_whole_before_the_reset_that_stops_the_upload() {
    let (_pki, _edge, mut io) = connect().await;
    let mut block = vec![0x83, 0x87];
    block.extend(literal(":path", "/early"));
    block.extend(literal(":authority", "gateway.test"));
    let upload = frame(DATA, 0, 1, &[0; 1000]);
    io.write_all(&[PREFACE, &frame(HEADERS, END_HEADERS, 1, &block), &upload].concat())
        .await
        .unwrap();
    io.flush().await.unwrap();
    let wanted = [HEADERS, DATA, RST_STREAM];
    let mut found = Vec::new();
    for _ in wanted {
        found.push(until(&mut io, &wanted).await.expect("a frame"));
    }
    assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), wanted);
    assert_eq!(found[1].1, b"early");
    // RFC 9113 section 8.1: NO_ERROR, so that the client keeps the answer.
    assert_eq!(found[2].1, [0, 0, 0, 0]);
}
