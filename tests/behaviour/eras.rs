//! Which era a server speaks is found out once.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::modern::Modern;
use crate::support::{Setup, World, call, initialize, plain, post, with_header};
use crate::upstream::{Upstream, rpc, status};

/// A call of 2026-07-28, headers and all.
fn modern_call(token: &str) -> Request<Full<bytes::Bytes>> {
    let mut message = call("echo");
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let request =
        with_header(post(Some(token), message.to_string()), "mcp-protocol-version", "2026-07-28");
    with_header(with_header(request, "mcp-method", "tools/call"), "mcp-name", "echo")
}

fn lines(upstream: &Upstream, era: &str) -> Setup {
    let lines = format!("    upstream: {{ url: '{}', era: {era} }}\n", upstream.url());
    Setup { server_replaces_upstream: Some(lines), ..Setup::default() }
}

#[tokio::test]
async fn fifty_modern_calls_cost_a_modern_server_one_probe() {
    let modern = Modern::start().await;
    let world = World::new(modern.upstream.clone()).await;
    let token = world.token("mcp.tools.invoke");
    let calls = (0..50).map(|_| world.send(modern_call(&token)));
    for reply in futures_util::future::join_all(calls.take(10)).await {
        assert_eq!(reply.status, 200, "{}", reply.text());
        // Straight: the modern words are still there.
        assert_eq!(reply.json()["result"]["resultType"], "complete");
    }
    for _ in 0..40 {
        assert_eq!(world.send(modern_call(&token)).await.status, 200);
    }
    let probes = modern.asked("server/discover");
    assert_eq!(probes.len(), 1);
    let who = &probes[0]["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"];
    assert_eq!(who, "sallyport");
}

#[tokio::test]
async fn fifty_modern_calls_cost_a_legacy_server_one_probe_also_over_a_reload() {
    // Refuses the probe as the Python servers of the legacy era do, and leaks a session by it.
    let legacy = Upstream::answering(|seen| {
        let message = seen.json();
        if message["method"] == "server/discover" {
            let mut refusal = rpc(&json!("server-error"), &Value::Null);
            refusal.headers_mut().insert("mcp-session-id", "leaked".parse().unwrap());
            *refusal.status_mut() = http::StatusCode::BAD_REQUEST;
            return refusal;
        }
        match message.get("id") {
            Some(id) => rpc(id, &plain()),
            None => status(202),
        }
    })
    .await;
    let world = World::new(legacy).await;
    let token = world.token("mcp.tools.invoke");
    for _ in 0..25 {
        world.send(modern_call(&token)).await;
    }
    world.gateway().reload(world.check(&world.yaml("    redact: {}\n")).unwrap()).unwrap();
    for _ in 0..25 {
        world.send(modern_call(&token)).await;
    }
    assert_eq!(world.upstream.calls("server/discover").len(), 1);
}

#[tokio::test]
async fn legacy_client_of_a_legacy_server_causes_no_probe() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.post(&token, &initialize()).await.status, 200);
    for _ in 0..50 {
        assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    }
    assert!(world.upstream.calls("server/discover").is_empty());
}

#[tokio::test]
async fn pinned_modern_server_sees_no_legacy_handshake_and_no_probe() {
    let modern = Modern::start().await;
    let world = World::with(modern.upstream.clone(), lines(&modern.upstream, "modern")).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.send(modern_call(&token)).await.status, 200);
    assert!(modern.asked("server/discover").is_empty());
    assert_eq!(world.post(&token, &initialize()).await.status, 200);
    assert!(modern.asked("initialize").is_empty());
    assert_eq!(modern.asked("server/discover").len(), 1, "what the handshake is made of");
}

#[tokio::test]
async fn dual_era_server_is_spoken_to_in_the_client_s_own_era() {
    let dual = Upstream::answering(move |seen| {
        let message = seen.json();
        let id = message["id"].clone();
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => rpc(&id, &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "d", "version": "1"}})),
            "server/discover" => rpc(&id, &json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {}})),
            _ => rpc(&id, &plain()),
        }
    })
    .await;
    let world = World::new(dual).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.send(modern_call(&token)).await.status, 200);
    let hello = world.post(&token, &initialize()).await;
    assert_eq!(hello.json()["result"]["serverInfo"]["name"], "d");
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    let seen = world.upstream.calls("tools/call");
    assert!(seen[0].headers.contains_key("mcp-method"));
    assert!(!seen[1].headers.contains_key("mcp-method"));
}

#[tokio::test]
async fn unreachable_server_is_not_taken_for_a_legacy_one() {
    let world = World::new(Upstream::dead().await).await;
    let token = world.token("mcp.tools.invoke");
    for _ in 0..2 {
        let reply = world.send(modern_call(&token)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_unreachable"));
    }
}
