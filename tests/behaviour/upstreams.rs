//! Dead, slow, lying and half-closed upstreams: a clear error, one record, no leak, no hang.

use bytes::Bytes;
use serde_json::json;

use crate::support::{Setup, World, call};
use crate::upstream::{After, Upstream, bytes_answer, json_answer, status};

async fn answer_of(upstream: Upstream) -> (u16, String, String) {
    let lines = format!(
        "    upstream: {{ url: '{}', head_timeout: 300ms, idle_timeout: 300ms, answer_bytes_max: 64KiB }}\n",
        upstream.url()
    );
    let setup = Setup { server_replaces_upstream: Some(lines), ..Setup::default() };
    let world = World::with(upstream, setup).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    let closed = world.closed_records(1).await;
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0]["status_code"], reply.status.as_u16());
    let report = world.finish().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(report.open_intents.is_empty());
    (reply.status.as_u16(), reply.code(), reply.text())
}

#[tokio::test]
async fn a_dead_upstream_is_502() {
    let (status, code, text) = answer_of(Upstream::dead().await).await;
    assert_eq!((status, code.as_str()), (502, "upstream_unreachable"));
    assert!(text.contains("\"id\":7"), "{text}");
}

#[tokio::test]
async fn a_silent_upstream_is_504() {
    let (status, code, _) = answer_of(Upstream::raw(b"", After::Hang).await).await;
    assert_eq!((status, code.as_str()), (504, "upstream_timeout"));
}

#[tokio::test]
async fn an_upstream_that_stalls_in_its_body_is_504() {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"js";
    let (status, ..) = answer_of(Upstream::raw(head, After::Hang).await).await;
    assert_eq!(status, 504);
}

#[tokio::test]
async fn s53_cut_and_malformed_answers_are_502() {
    let answers: [&[u8]; 6] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"js",
        b"this is not http\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ];
    for bytes in answers {
        let (status, _, text) = answer_of(Upstream::raw(bytes, After::Close).await).await;
        assert_eq!(status, 502, "{}: {text}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn s37_answers_that_do_not_fit_are_502() {
    let bodies = [
        json!({"jsonrpc": "2.0", "id": 8, "result": {"secret": "of another"}}).to_string(),
        json!([{"jsonrpc": "2.0", "id": 7, "result": {"secret": "of another"}}]).to_string(),
        json!({"jsonrpc": "2.0", "id": "7", "result": {"secret": "of another"}}).to_string(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"secret":"of another"},"result":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"secret":"of another"}"#.to_owned(),
        "secret".to_owned(),
    ];
    for body in bodies {
        let sent = Bytes::from(body.clone());
        let upstream =
            Upstream::answering(move |_| bytes_answer("application/json", sent.clone())).await;
        let (status, _, text) = answer_of(upstream).await;
        assert_eq!(status, 502, "{body}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn s54_redirects_challenges_and_other_media_are_not_relayed() {
    let redirect = Upstream::answering(|_| {
        let mut answer = status(307);
        answer.headers_mut().insert("location", "http://169.254.169.254/".parse().unwrap());
        answer
    })
    .await;
    assert_eq!(answer_of(redirect).await.0, 502);
    let challenge = Upstream::answering(|_| {
        let mut answer = json_answer(&json!({"jsonrpc": "2.0", "id": 7, "result": {}}));
        *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
        answer.headers_mut().insert("www-authenticate", "Basic realm=inner".parse().unwrap());
        answer
    })
    .await;
    assert_eq!(answer_of(challenge).await.0, 502);
    let html =
        Upstream::answering(|_| bytes_answer("text/html", Bytes::from_static(b"<h1>hi"))).await;
    assert_eq!(answer_of(html).await.0, 502);
    let gzip = Upstream::answering(|_| {
        let mut answer = json_answer(&json!({"jsonrpc": "2.0", "id": 7, "result": {}}));
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer
    })
    .await;
    assert_eq!(answer_of(gzip).await.0, 502);
}

#[tokio::test]
async fn s52_an_oversized_answer_is_502() {
    let upstream = Upstream::answering(|_| {
        json_answer(&json!({"jsonrpc": "2.0", "id": 7, "result": {"x": "y".repeat(100_000)}}))
    })
    .await;
    assert_eq!(answer_of(upstream).await.0, 502);
}
