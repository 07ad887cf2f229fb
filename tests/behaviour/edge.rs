//! The outside of a request, through real TLS.

use http_body_util::Full;
use sallyport::limits::{UNREAD_BODY_BYTES_MAX, UNREAD_BODY_MS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, frame, literal, until,
};
use crate::support::{World, call, plain, post, with_header};
use crate::upstream::Upstream;

async fn world() -> World {
    World::new(Upstream::tool(plain()).await).await
}

/// Sends raw bytes over TLS and reads until the server closes.
async fn raw(world: &World, bytes: &[u8]) -> String {
    let mut stream = world.connect().await;
    stream.write_all(bytes).await.unwrap();
    let mut out = Vec::new();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_to_end(&mut out))
        .await;
    String::from_utf8_lossy(&out).into_owned()
}

#[tokio::test]
async fn s41_p04_ambiguous_framing_is_400_closed_recorded_and_nothing_goes_upstream() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let body = call("echo").to_string();
    let auth = format!(
        "Host: gateway.test\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    );
    let length = body.len();
    let heads = [
        format!(
            "POST /mcp HTTP/1.1\r\n{auth}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
        ),
        format!(
            "POST /mcp HTTP/1.1\r\n{auth}Content-Length: {length}\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
        format!("POST /mcp HTTP/1.1\r\n{auth}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        format!(
            "POST /mcp HTTP/1.1\r\nHost: gateway.test\r\n{auth}Content-Length: {length}\r\n\r\n{body}"
        ),
        format!("POST /mcp HTTP/1.1\n{auth}Content-Length: {length}\r\n\r\n{body}"),
    ];
    for (n, head) in heads.iter().enumerate() {
        let answer = raw(&world, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{n}: {answer}");
    }
    let closed = world.closed_records(heads.len()).await;
    assert!(closed.iter().all(|r| r["code"] == "framing_invalid"), "{closed:#?}");
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_before_the_body_says_that_the_connection_closes_and_one_after_it_does_not() {
    let world = world().await;
    let body = call("echo").to_string();
    let head = |auth: &str| {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: gateway.test\r\n{auth}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
    };
    // The body is announced and never sent: the answer may not wait for it.
    let answer = raw(&world, head("").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");

    // Nothing is left behind without a body, or where the body was read.
    let empty = post(None, String::new());
    let reply = world.send(empty).await;
    assert_eq!((reply.status.as_u16(), reply.header("connection")), (401, ""));
    let token = world.token("mcp.context.read");
    let reply = world.post(&token, &call("echo")).await;
    assert_eq!((reply.status.as_u16(), reply.header("connection")), (403, ""));
    assert!(world.upstream.seen().is_empty());
}

/// A refused `POST` over HTTP/2, of which only the head was sent; what came back.
async fn refused_over_http2(world: &World, length: u64) -> TlsStream<TcpStream> {
    let mut io = world.connect_with(world.pki.client().alpn(&["h2"])).await;
    let mut block = vec![0x83, 0x87];
    block.extend(literal(":path", "/mcp"));
    block.extend(literal(":authority", "gateway.test"));
    block.extend(literal("content-type", "application/json"));
    block.extend(literal("content-length", &length.to_string()));
    let head = frame(HEADERS, END_HEADERS, 1, &block);
    io.write_all(&[PREFACE, &head].concat()).await.unwrap();
    io.flush().await.unwrap();
    // The answer does not wait for the body, which is not sent yet.
    let (_, answer) = until(&mut io, &[DATA]).await.expect("an answer");
    assert!(String::from_utf8_lossy(&answer).contains("token_missing"), "{answer:?}");
    io
}

#[tokio::test]
async fn short_body_of_a_refused_http2_request_is_read_so_that_its_stream_is_not_reset() {
    let world = world().await;
    let mut io = refused_over_http2(&world, 3).await;
    let end = frame(DATA, END_STREAM, 1, b"{}\n");
    io.write_all(&[end, frame(PING, 0, 0, &[7; 8])].concat()).await.unwrap();
    io.flush().await.unwrap();
    let (kind, _) = until(&mut io, &[RST_STREAM, PING]).await.expect("a frame");
    assert_eq!(kind, PING, "the stream was reset");

    let mut io = refused_over_http2(&world, UNREAD_BODY_BYTES_MAX + 1).await;
    let (_, reason) = until(&mut io, &[RST_STREAM]).await.expect("a reset that stops the upload");
    assert_eq!(reason, [0; 4]);
}

#[tokio::test]
async fn body_of_a_refused_http2_request_is_not_waited_for_for_ever() {
    let world = world().await;
    let mut io = refused_over_http2(&world, 3).await;
    const { assert!(UNREAD_BODY_MS < 20_000, "the next frame is waited for as long") };
    let (_, reason) = until(&mut io, &[RST_STREAM]).await.expect("a reset");
    assert_eq!(reason, [0; 4]);
}

#[tokio::test]
async fn s43_s44_p02_foreign_hosts_are_421_and_foreign_origins_403_before_authentication() {
    let world = world().await;
    let mut foreign = post(None, call("echo").to_string());
    foreign.headers_mut().insert("host", "evil.test".parse().unwrap());
    assert_eq!(world.send(foreign).await.status, 421);
    let origin = with_header(post(None, call("echo").to_string()), "origin", "https://evil.test");
    let reply = world.send(origin).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "origin_refused"));
}

#[tokio::test]
async fn s45_only_the_exact_path_exists() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    for path in
        ["//mcp", "/mcp/", "/MCP", "/mcp;x", "/%6dcp", "/x/../mcp", "/mcp%2f", "/mcp/..;/mcp", "/"]
    {
        let mut request = post(Some(&token), call("echo").to_string());
        *request.uri_mut() = path.parse().unwrap();
        let status = world.send(request).await.status.as_u16();
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s42_upgrades_are_refused() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let text = format!(
        "GET /mcp HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    assert!(raw(&world, text.as_bytes()).await.starts_with("HTTP/1.1 400"));
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s47_forwarded_headers_of_strangers_change_nothing_and_go_nowhere() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let request =
        with_header(post(Some(&token), call("echo").to_string()), "x-forwarded-for", "10.9.8.7");
    assert_eq!(world.send(request).await.status, 200);
    assert!(world.upstream.calls("tools/call")[0].headers.get("x-forwarded-for").is_none());
    let closed = world.closed_records(1).await;
    assert!(world.records().iter().all(|r| r["client_ip"] != "10.9.8.7"), "{closed:#?}");
}

#[tokio::test]
async fn p05_answers_say_no_store_and_nosniff_and_hsts() {
    let world = world().await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(reply.header("strict-transport-security").starts_with("max-age="));
    for name in ["server", "x-powered-by", "etag"] {
        assert_eq!(reply.header(name), "", "{name}");
    }
    let put =
        http::Request::put("/mcp").header("host", "gateway.test").body(Full::default()).unwrap();
    let refused = world.send(put).await;
    assert_eq!(refused.status, 405);
    assert!(refused.header("allow").contains("POST"));
}
