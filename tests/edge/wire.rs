//! The wire guard between other messages of the same connection. Single hostile messages are in
//! `tests/hostile`.

use sallyport::reject::Code;
use sallyport::server::Bounds;
use tokio::io::AsyncWriteExt;

use crate::edge::{BIG, Edge, listener, read_all, read_answer, tls};
use crate::pki::Pki;

const BAD: &[u8] = b"GET /bad HTTP/1.1\r\nHost: a\nX: y\r\n\r\n";

#[tokio::test]
async fn s41_request_before_a_refused_one_is_answered_first() {
    let mut edge = Edge::start(listener(None), Bounds::default()).await;
    let mut io = edge.plain().await;
    let good = b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
    io.write_all(&[good, BAD].concat()).await.unwrap();
    edge.waiting().await;
    assert!(edge.refused().is_none(), "refused while an answer is under way");
    edge.echo.gate.notify_one();
    let all = read_all(&mut io).await;
    let (first, second) = all.split_once("open").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{all}");
    assert!(second.starts_with("HTTP/1.1 400 Bad Request"), "{all}");
    assert_eq!(edge.refusal().await.0, Code::FramingInvalid);
    assert_eq!(edge.handled(), 1);
}

#[tokio::test]
async fn s41_refusal_waits_until_the_answer_before_it_is_sent_whole() {
    let edge = Edge::start(listener(None), Bounds::default()).await;
    let mut io = edge.plain().await;
    let good = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
    io.write_all(&[good, BAD].concat()).await.unwrap();
    let all = read_all(&mut io).await;
    assert_eq!(all.bytes().filter(|b| *b == b'x').count(), BIG);
    assert!(all.ends_with("framing_invalid"));
}

#[tokio::test]
async fn s41_kept_alive_connection_is_guarded_from_request_to_request() {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    let mut io = edge.tls(pki.client().build(), "gateway.test").await;
    for round in 0..3 {
        let post =
            format!("POST /{round} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\n");
        io.write_all(post.as_bytes()).await.unwrap();
        assert!(read_answer(&mut io).await.contains(&format!("POST /{round}")));
    }
    io.write_all(BAD).await.unwrap();
    assert!(read_all(&mut io).await.starts_with("HTTP/1.1 400"));
    assert_eq!(edge.handled(), 3);
}

#[tokio::test]
async fn s41_bytes_behind_a_body_are_a_message_of_their_own() {
    let edge = Edge::start(listener(None), Bounds::default()).await;
    let mut io = edge.plain().await;
    let smuggled = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GPOST / HTTP/1.1\n";
    io.write_all(smuggled).await.unwrap();
    let all = read_all(&mut io).await;
    assert!(all.contains("POST /x") && all.contains("HTTP/1.1 400"), "{all}");
    assert_eq!(edge.handled(), 1);
}

#[tokio::test]
async fn s42_http2_preface_on_an_http_1_1_connection_is_refused_not_sniffed() {
    let pki = Pki::new();
    let settings = tls(vec![pki.server(&["gateway.test"])]);
    let edge = Edge::start(listener(Some(settings)), Bounds::default()).await;
    let mut io = edge.tls(pki.client().alpn(&["http/1.1"]).build(), "gateway.test").await;
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    assert!(read_all(&mut io).await.starts_with("HTTP/1.1 400"));
    let mut plain = Edge::start(listener(None), Bounds::default()).await;
    let mut io = plain.plain().await;
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    assert!(read_all(&mut io).await.starts_with("HTTP/1.1 400"));
    assert_eq!(plain.refusal().await.0, Code::FramingInvalid);
    assert_eq!((edge.handled(), plain.handled()), (0, 0));
}
