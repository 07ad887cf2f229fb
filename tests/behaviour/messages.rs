//! One interpretation: a message that two parsers could read differently is refused, and what
//! passes is what was judged.

use bytes::Bytes;
use serde_json::json;

use crate::support::{Setup, World, call, plain, post, with_header};
use crate::upstream::Upstream;

async fn world() -> World {
    World::new(Upstream::tool(plain()).await).await
}

/// Sends a body that must be refused; says with which status and code.
async fn refused(world: &World, body: impl Into<Bytes>) -> (u16, i64) {
    let reply = world.send(post(Some(&world.token("mcp.tools.invoke")), body)).await;
    (reply.status.as_u16(), reply.json()["error"]["code"].as_i64().unwrap_or_default())
}

#[tokio::test]
async fn s21_s22_p06_duplicate_and_lookalike_members_are_refused() {
    let world = world().await;
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"admin.wipe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\u0061me":"admin.wipe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"admin.wipe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name\u0000x":"admin.wipe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"," name":"admin.wipe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{},"params":{"name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":{"b":1,"b":2}}}}"#,
    ] {
        assert_eq!(refused(&world, body).await.0, 400, "{body}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s23_p08_batches_and_other_texts_are_refused() {
    let world = world().await;
    let bodies: [&[u8]; 9] = [
        br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}",
        b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":NaN,\"method\":\"ping\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,/*x*/\"method\":\"ping\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\xffng\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":\"\\ud800\",\"method\":\"ping\"}",
        b"",
    ];
    for body in bodies {
        let (status, _) = refused(&world, Bytes::copy_from_slice(body)).await;
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(body));
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s24_deep_wide_and_large_bodies_are_refused() {
    let world = World::with(
        Upstream::tool(plain()).await,
        Setup { server: "    body_max: 1MiB\n".to_owned(), ..Setup::default() },
    )
    .await;
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(refused(&world, deep).await.0, 400);
    let number = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{{\"a\":{}}}}}",
        "1".repeat(200_000)
    );
    assert_eq!(refused(&world, number).await.0, 400);
    let large = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"a": "x".repeat(2 << 20)}}});
    assert_eq!(refused(&world, large.to_string()).await.0, 413);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s25_p10_numbers_spelling_and_order_reach_the_upstream_byte_for_byte() {
    let world = world().await;
    let body = r#"{ "id" : 9007199254740993, "jsonrpc":"2.0","method":"tools/call", "params":{"arguments":{"z":1E2,"a":123456789012345678901234567890,"u":"\u00e9"},"name":"echo"},"extra":true}"#;
    let reply = world.send(post(Some(&world.token("mcp.tools.invoke")), body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("9007199254740993"));
    assert_eq!(world.upstream.calls("tools/call")[0].body, body);
}

#[tokio::test]
async fn s27_ids_of_wrong_types_are_refused_and_names_the_request_otherwise() {
    let world = world().await;
    for id in ["null", "1.5", "true", "{}", "[]"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(refused(&world, body).await, (400, -32600), "{id}");
    }
    let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(300));
    assert_eq!(refused(&world, long).await, (400, -32600));
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s29_mcp_headers_are_checked_against_the_body_and_regenerated() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let lying = with_header(
        with_header(post(Some(&token), call("echo").to_string()), "mcp-method", "tools/list"),
        "mcp-name",
        "echo",
    );
    let reply = world.send(lying).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"]["code"].as_i64()),
        (400, Some(-32020))
    );
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s34_s52_p07_encoded_bodies_are_refused_with_415() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let gzip =
        with_header(post(Some(&token), call("echo").to_string()), "content-encoding", "gzip");
    assert_eq!(world.send(gzip).await.status, 415);
    let text =
        with_header(post(Some(&token), call("echo").to_string()), "content-type", "text/plain");
    assert_eq!(world.send(text).await.status, 415);
    let charset = with_header(
        post(Some(&token), call("echo").to_string()),
        "content-type",
        "application/json; charset=utf-16",
    );
    assert_eq!(world.send(charset).await.status, 415);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn an_attack_in_a_typed_argument_is_blocked_and_prose_is_not() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let attack = crate::support::call_with("echo", &json!({"path": "../../etc/passwd"}));
    let reply = world.post(&token, &attack).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "guard_blocked"));
    assert!(!reply.text().contains("passwd"));
    let prose = crate::support::call_with(
        "echo",
        &json!({"text": "select the best ../ option; drop me a line"}),
    );
    assert_eq!(world.post(&token, &prose).await.status, 200);
}
