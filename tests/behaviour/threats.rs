//! Statements of the threat chapter that no other module shows through the front door.

use bytes::Bytes;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::support::{World, call, call_with, plain, post, with_header};
use crate::upstream::{Upstream, bytes_answer, events};

async fn world() -> World {
    World::new(Upstream::tool(plain()).await).await
}

/// A request of revision 2026-07-28, headers and all.
fn modern(
    token: &str,
    method: &'static str,
    name: &'static str,
    params: &str,
) -> http::Request<http_body_util::Full<Bytes>> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"t","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let request = post(Some(token), body);
    let request = with_header(request, "mcp-protocol-version", "2026-07-28");
    with_header(with_header(request, "mcp-method", method), "mcp-name", name)
}

#[tokio::test]
async fn s31_p36_a_list_in_an_event_stream_is_filtered_whatever_its_layout() {
    let text = "data: {\"jsonrpc\":\"2.0\",\"id\":7,\rdata:\"result\":{\"tools\":[{\"name\":\"ec\\u0068o\",\
                \"inputSchema\":{}},\r\ndata: {\"name\":\"admin.wi\\u0070e\",\"inputSchema\":{}}]}}\n\n";
    let upstream = Upstream::answering(move |_| {
        bytes_answer("text/event-stream", Bytes::from_static(text.as_bytes()))
    })
    .await;
    let world = World::server(upstream, "    tools: [ { match: echo } ]\n").await;
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
    let text = world.post(&world.token("mcp.tools.invoke"), &list).await.text();
    assert!(text.contains("ec\\u0068o"), "{text}");
    assert!(!text.contains("wi\\u0070e") && !text.contains("admin"), "{text}");
}

#[tokio::test]
async fn s32_p40_no_spelling_of_a_uri_leaves_its_allowed_prefix() {
    let rules = "    resources: [ { match: \"file:///public/*\" } ]\n";
    let world = World::server(Upstream::tool(json!({"contents": []})).await, rules).await;
    let token = world.token("mcp.resources.read");
    let read = |uri: &str| json!({"jsonrpc": "2.0", "id": 7, "method": "resources/read", "params": {"uri": uri}});
    assert_eq!(world.post(&token, &read("file:///public/a")).await.status, 200);
    for uri in [
        "file:///secret",
        "file:///public/../secret",
        "file:///public/%2e%2e/secret",
        "file:///public/..%2fsecret",
        "file:///public\\..\\secret",
        "file://evil/public/a",
        "FILE:///secret",
        "file:///public//../secret",
    ] {
        let reply = world.post(&token, &read(uri)).await;
        assert!([400, 403].contains(&reply.status.as_u16()), "{uri}: {}", reply.text());
    }
    assert_eq!(world.upstream.calls("resources/read").len(), 1);
}

#[tokio::test]
async fn s46_repeated_security_headers_are_refused_not_joined() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("content-type", "application/json".to_owned()),
        ("mcp-session-id", "x".to_owned()),
        ("mcp-protocol-version", "2025-06-18".to_owned()),
        ("origin", "https://gateway.test".to_owned()),
    ] {
        let mut request = post(Some(&token), call("echo").to_string());
        request.headers_mut().remove(name);
        for _ in 0..2 {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let reply = world.send(request).await;
        // A repeated claim about the message is answered like a false one.
        let code =
            if name == "mcp-protocol-version" { "header_mismatch" } else { "header_invalid" };
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, code), "{name}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p48_the_callers_trace_reaches_the_upstream_and_its_baggage_does_not() {
    let world = world().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut request = post(Some(&world.token("mcp.tools.invoke")), call("echo").to_string());
    for (name, value) in
        [("traceparent", trace), ("tracestate", "vendor=secret"), ("baggage", "user=ada")]
    {
        request = with_header(request, name, value);
    }
    assert_eq!(world.send(request).await.status, 200);
    let seen = &world.upstream.calls("tools/call")[0];
    assert_eq!(seen.headers.get("traceparent").unwrap(), trace);
    assert!(!seen.headers.contains_key("tracestate") && !seen.headers.contains_key("baggage"));
}

#[tokio::test]
async fn s47_p05_the_upstream_sees_no_header_that_a_caller_invents() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let mut request = post(Some(&token), call("echo").to_string());
    for name in [
        "forwarded",
        "x-forwarded-host",
        "x_forwarded_for",
        "x-real-ip",
        "x-original-url",
        "x-http-method-override",
        "x-remote-user",
        "x-client-cert",
        "cookie",
        "via",
        "traceparent",
    ] {
        request = with_header(request, name, "forged-value");
    }
    assert_eq!(world.send(request).await.status, 200);
    let seen = &world.upstream.calls("tools/call")[0];
    let forged = |v: &http::HeaderValue| v.to_str().is_ok_and(|v| v.contains("forged-value"));
    assert!(!seen.headers.values().any(forged), "{:?}", seen.headers);
    assert!(seen.headers.get("authorization").is_none());
}

#[tokio::test]
async fn s48_p04_a_body_that_never_completes_reaches_no_upstream() {
    let world = world().await;
    let (token, body) = (world.token("mcp.tools.invoke"), call("echo").to_string());
    let mut stream = world.connect().await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len() + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let closed = world.closed_records(1).await;
    assert_ne!(closed[0]["decision"], "allow", "{closed:#?}");
    assert!(world.records().iter().all(|r| r["phase"] != "intent"));
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s58_a_value_in_pieces_and_in_escapes_is_masked() {
    let upstream = Upstream::answering(|_| {
        let (sender, receiver) = mpsc::unbounded_channel();
        let text = r#"data: {"jsonrpc":"2.0","id":7,"result":{"content":[],"structuredContent":{"a":"ada.byron@example.com","b":"ada\u002ebyron\u0040example.com","c":"{\"ssn\":\"219-09-9999\"}"}}}"#;
        for byte in format!("{text}\n\n").into_bytes() {
            sender.send(Bytes::copy_from_slice(&[byte])).unwrap();
        }
        events(receiver)
    })
    .await;
    let world = World::new(upstream).await;
    let text = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await.text();
    assert!(text.contains("structuredContent"), "{text}");
    for value in ["byron", "219-09"] {
        assert!(!text.contains(value), "{text}");
    }
}

#[tokio::test]
async fn s58_an_event_that_cannot_be_read_is_not_passed_on() {
    let upstream = Upstream::answering(|_| {
        let text = "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"mail\":\"ada.byron@example.com\"\n\n";
        bytes_answer("text/event-stream", Bytes::from_static(text.as_bytes()))
    })
    .await;
    let world = World::new(upstream).await;
    let text = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await.text();
    assert!(!text.contains("byron"), "{text}");
    assert!(text.contains("\"error\""), "{text}");
}

#[tokio::test]
async fn s59_no_value_of_a_request_forges_a_record() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let forged = "x\n{\"v\":1,\"seq\":1,\"phase\":\"intent\"}\r\n\u{2028}";
    assert_eq!(world.post(&token, &call_with("echo", &json!({"note": forged}))).await.status, 200);
    world.post(&token, &call(forged)).await;
    let closed = world.closed_records(2).await;
    assert_eq!(closed.len(), 2);
    let records = world.records();
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], n as u64 + 1);
    }
    assert_eq!(world.finish().await.exit_code(), 0);
}

#[tokio::test]
async fn s63_an_answer_of_the_current_revision_is_private_to_its_caller() {
    let result = json!({"contents": [{"uri": "x:a", "text": "hello"}], "cacheScope": "public", "ttlMs": 60000});
    let world = World::new(Upstream::tool(result).await).await;
    let token = world.token("mcp.resources.read");
    let reply = world.send(modern(&token, "resources/read", "x:a", r#""uri":"x:a""#)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["result"]["cacheScope"], "private");
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn s64_nothing_in_a_request_chooses_the_upstream() {
    let world = world().await;
    let other = Upstream::tool(plain()).await;
    let token = world.token("mcp.tools.invoke");
    let mut target = post(Some(&token), call("echo").to_string());
    *target.uri_mut() = format!("/mcp?upstream={}", other.url()).parse().unwrap();
    assert!(world.send(target).await.status.is_client_error());
    let mut absolute = post(Some(&token), call("echo").to_string());
    *absolute.uri_mut() = other.url().parse().unwrap();
    assert!(world.send(absolute).await.status.is_client_error());
    for name in ["x-upstream-url", "x-forwarded-host", "x-mcp-server"] {
        let request = post(Some(&token), call("echo").to_string());
        assert_eq!(
            world.send(with_header(request, name, &other.url())).await.status,
            200,
            "{name}"
        );
    }
    assert!(other.seen().is_empty());
}
