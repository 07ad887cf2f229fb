//! Servers.

use std::time::{Duration, Instant};

use sallyport::limits;
use serde_json::json;

use crate::support::{World, issuing, mcp};
use crate::upstream::{After, Upstream, json_answer, rpc, status};

async fn before(upstream: Upstream) -> World {
    World::with(upstream, issuing(None, 0).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn server_of_the_legacy_era_is_greeted_its_pages_are_counted_and_its_session_is_ended() {
    let world = World::healthy().await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('✓', "upstream-handshake").contains("MCP 2025-06-18, legacy era"));
    assert!(seen.line('✓', "upstream-tools").contains("3 tool(s)"));
    let methods: Vec<_> = world.upstream.seen().iter().map(|it| it.method.clone()).collect();
    assert!(methods.contains(&http::Method::DELETE), "{methods:?}");
    assert!(world.upstream.calls("tools/call").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn server_of_the_modern_era_is_known_by_its_discovery() {
    let modern = Upstream::answering(|seen| {
        let message = seen.json();
        let Some(id) = message.get("id") else { return status(202) };
        match message["method"].as_str().unwrap() {
            "server/discover" => rpc(
                id,
                &json!({"resultType": "complete", "supportedVersions": ["2026-07-28"],
                    "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}),
            ),
            "tools/list" => rpc(id, &json!({"resultType": "complete", "tools": []})),
            _ => json_answer(&json!({"jsonrpc": "2.0", "id": id,
                "error": {"code": -32601, "message": "no"}})),
        }
    });
    let world = before(modern.await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    assert!(seen.line('✓', "upstream-handshake").contains("MCP 2026-07-28, modern era"));
    seen.says('!', "upstream-tools", "lists no tool", "may it see any");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_down_fails_and_its_handshake_is_skipped() {
    let world = before(Upstream::dead().await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "upstream-connect", "connection refused", "start the server");
    assert!(seen.line('-', "upstream-handshake").contains("skipped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mcp_server_fails() {
    let page = Upstream::answering(|_| crate::upstream::bytes_answer("text/html", "hello".into()));
    let world = before(page.await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "upstream-handshake", "neither JSON nor events", "the address of an MCP");
    let world = before(Upstream::answering(|_| status(404)).await).await;
    world.doctor(&[]).await.says('✗', "upstream-handshake", "status 404", "stands elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_takes_connections_and_never_answers_ends_in_bounded_time() {
    let world = before(Upstream::raw(b"", After::Hang).await).await;
    let begun = Instant::now();
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    seen.says('✗', "upstream-handshake", "did not answer in time", "is it an MCP server");
    let (waited, one) = (begun.elapsed(), Duration::from_millis(limits::DOCTOR_ANSWER_MS));
    assert!(waited >= one && waited < 2 * one, "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_others_reach_past_the_gateway_fails_and_the_advice_says_how_to_close_it() {
    let open = Upstream::answering_at("0.0.0.0:0", mcp).await;
    let port = open.address.port();
    let own = if_addrs::get_if_addrs().unwrap();
    let Some(other) = own.iter().find(|one| !one.is_loopback() && one.ip().is_ipv4()) else {
        eprintln!("NOT RUN: this machine has no address but loopback");
        return;
    };
    let mut world = before(open).await;
    world.server = world.server.replace("0.0.0.0", "127.0.0.1");
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    let place = format!("{}:{port}", other.ip());
    seen.says('✗', "upstream-closed", &place, "listen on 127.0.0.1 alone");
    let seen = world.doctor(&["--firewalled"]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "upstream-closed", &place, "--firewalled");
    let closed = World::healthy().await;
    let line = closed.doctor(&[]).await.line('✓', "upstream-closed").to_owned();
    assert!(line.contains(&closed.upstream.address.port().to_string()), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_whose_clock_is_off_is_warned_about() {
    let late = Upstream::answering(|seen| {
        let mut answer = mcp(seen);
        let date = http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        answer.headers_mut().insert("date", date);
        answer
    });
    let seen = before(late.await).await.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "upstream-clock", "behind this machine's", "NTP");
}

#[tokio::test(flavor = "multi_thread")]
async fn program_is_started_only_where_that_is_asked_for() {
    let mut world = World::healthy().await;
    let script = r#"#!/bin/sh
touch started
while read -r line; do
  case $line in
    *initialize\"*) echo '{"jsonrpc":"2.0","id":"sallyport","result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}' ;;
    *tools/list*) echo '{"jsonrpc":"2.0","id":"sallyport","result":{"tools":[{"name":"a","inputSchema":{"type":"object"}}]}}' ;;
  esac
done
"#;
    let program = world.pki.write_file("server.sh", script);
    std::process::Command::new("chmod").arg("700").arg(&program).status().unwrap();
    world.server = "servers:\n  - name: notes\n    public_url: https://localhost/mcp\n    \
                    upstream: { command: [./server.sh] }\n"
        .to_owned();
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('-', "upstream-handshake").contains("--start does"));
    assert!(!world.pki.path("started").exists());
    let seen = world.doctor(&["--start"]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('✓', "upstream-tools").contains("1 tool(s)"));
    assert!(world.pki.path("started").exists());
}
