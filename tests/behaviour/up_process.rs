//! A process that speaks 2026-07-28 alone, behind the gateway, for clients of both eras.

use std::time::Duration;

use serde_json::json;

use crate::legacy::{Client, Events, SCOPES, answer};
use crate::support::{
    Dir, RESOURCE, Reply, Setup, World, call, initialize, list_tools, post, with_header,
};

/// A modern process behind the gateway, and where it writes down what was cancelled.
async fn process() -> (World, Dir) {
    let seen = Dir::new();
    let lines = format!(
        "    upstream:\n      command: [ /bin/sh, '{}/tests/support/modern.sh' ]\n      env: {{ SEEN: '{}/seen' }}\n",
        env!("CARGO_MANIFEST_DIR"),
        seen.path().display()
    );
    let setup = Setup {
        server_replaces_upstream: Some(lines),
        server: "    server_requests: [ elicitation ]\n".to_owned(),
        ..Setup::default()
    };
    (World::with(crate::upstream::Upstream::dead().await, setup).await, seen)
}

#[tokio::test]
async fn bridge_up_modern_process_list_call_elicitation_and_stream() {
    let (world, _seen) = process().await;
    let client = Client::open(&world, json!({"elicitation": {}})).await;
    assert_eq!(client.send(&list_tools()).await.json()["result"]["tools"][0]["name"], "echo");
    let pid = |reply: Reply| reply.json()["result"]["content"][0]["text"].clone();
    let first = pid(client.send(&call("echo")).await);
    assert_eq!(pid(client.send(&call("echo")).await), first, "one process serves a caller");
    let thief = world.issuer.token().audience(RESOURCE).subject("other").scope(SCOPES).sign();
    let other = Client { token: thief, ..Client::open(&world, json!({})).await };
    let hello = world.post(&other.token, &initialize()).await;
    let other = Client { session: hello.header("mcp-session-id").to_owned(), ..other };
    assert_ne!(pid(other.send(&call("echo")).await), first, "and no other caller");
    let mut events = client.stream(&call("ask")).await;
    let question = events.next().await;
    assert_eq!(question["params"]["message"], "name?");
    client.send(&answer(&question, json!({"action": "accept", "content": {}}))).await;
    assert_eq!(events.next().await["result"]["content"][0]["text"], "answered");
    let mut events = client.listen().await;
    let changed = events.next().await;
    assert_eq!(
        changed,
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}})
    );
}

#[tokio::test]
async fn modern_client_speaks_to_a_modern_process_as_it_is_and_its_disconnect_cancels() {
    let (world, seen) = process().await;
    let token = world.token(SCOPES);
    let modern = |name: &str, token_of: &str| {
        let mut message = call(name);
        message["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}, "progressToken": token_of});
        let request = post(Some(&token), message.to_string());
        let request = with_header(request, "mcp-protocol-version", "2026-07-28");
        with_header(with_header(request, "mcp-method", "tools/call"), "mcp-name", name)
    };
    let reply = world.send(modern("echo", "p")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        (&reply.json()["id"], &reply.json()["result"]["resultType"]),
        (&json!(7), &json!("complete"))
    );
    let response = world.open(modern("slow", "p")).await;
    let mut events = Events::of(response.into_body());
    assert_eq!(events.next().await["params"]["progressToken"], "p");
    drop(events);
    let path = seen.path().join("seen");
    for _ in 0..1000 {
        if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("requestId")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the process was not told");
}
