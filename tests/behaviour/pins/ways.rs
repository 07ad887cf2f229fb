//! Pins hold on every way to a server.

use serde_json::json;

use super::{Era, PINNED, Shelf, approve, denied, fine, list, names, outcome, tool};
use crate::legacy::Client;
use crate::support::{Dir, Setup, World, call, list_tools};
use crate::upstream::Upstream;

#[tokio::test]
async fn s36_pins_hold_for_legacy_clients_of_a_modern_process() {
    let seen = Dir::new();
    let process = format!(
        "    upstream:\n      command: [ /bin/sh, '{}/tests/support/modern.sh' ]\n      env: {{ SEEN: '{}/seen' }}\n",
        env!("CARGO_MANIFEST_DIR"),
        seen.path().display()
    );
    let setup = Setup {
        server_replaces_upstream: Some(process),
        server: PINNED.to_owned(),
        ..Setup::default()
    };
    let world = World::with(Upstream::dead().await, setup).await;
    let echo = json!({"name": "echo", "inputSchema": {"type": "object"}});
    let client = Client::open(&world, json!({})).await;
    assert_eq!(names(&client.send(&list_tools()).await), Vec::<String>::new());
    assert_eq!(client.send(&call("echo")).await.code(), "denied");
    approve(&world, PINNED, &[&echo]);
    assert_eq!(names(&client.send(&list_tools()).await), ["echo"]);
    assert_eq!(client.send(&call("echo")).await.status, 200);
}

#[tokio::test]
async fn s36_pins_hold_for_clients_of_the_other_era() {
    // A modern client before a legacy server, and a call before any list.
    let good = tool("send", "Sends.");
    let shelf = Shelf::of(&[good.clone(), tool("evil", "E\u{202E}vil\u{202C}")]);
    let upstream = shelf.upstream().await;
    let way = format!("    upstream: {{ url: '{}', era: legacy }}\n", upstream.url());
    let server = PINNED.to_owned();
    let setup = Setup { server, server_replaces_upstream: Some(way), ..Setup::default() };
    let down = World::with(upstream, setup).await;
    assert_eq!(outcome(&down, Era::Modern, "send").await, denied());
    approve(&down, PINNED, &[&good]);
    assert_eq!(outcome(&down, Era::Modern, "send").await, fine());
    assert_eq!(list(&down, Era::Modern).await, ["send"]);
    assert_eq!(outcome(&down, Era::Modern, "evil").await, denied());

    // A legacy client before a modern server.
    let modern = crate::modern::Modern::start().await;
    let echo = json!({"name": "echo", "inputSchema": {"type": "object"}});
    let up = World::server(modern.upstream.clone(), PINNED).await;
    approve(&up, PINNED, &[&echo]);
    let client = Client::open(&up, json!({})).await;
    assert_eq!(client.send(&call("echo")).await.status, 200);
    assert_eq!(names(&client.send(&list_tools()).await), ["echo"]);
    assert_eq!(client.send(&call("ask")).await.code(), "denied");
    assert!(modern.asked("tools/call").iter().all(|it| it["params"]["name"] == "echo"));
}

#[tokio::test]
async fn s36_pins_hold_in_conversations_with_a_legacy_process() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/behaviour/legacy.py");
    let path = std::env::var_os("PATH").unwrap();
    let python = std::env::split_paths(&path).map(|dir| dir.join("python3")).find(|p| p.is_file());
    let python = python.expect("the tests need python3");
    let lines = format!("{PINNED}    server_requests: [ elicitation ]\n");
    let setup = Setup {
        server_replaces_upstream: Some(format!(
            "    upstream: {{ command: ['{}', '{script}'] }}\n",
            python.display()
        )),
        server: lines.clone(),
        ..Setup::default()
    };
    let world = World::with(Upstream::dead().await, setup).await;
    let client = Client::open(&world, json!({"elicitation": {}})).await;
    assert_eq!(client.send(&call("greet")).await.code(), "denied", "the handshake is not done");
    let greet = json!({"name": "greet", "inputSchema": {"type": "object"}});
    approve(&world, &lines, &[&greet]);
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(client.send(&initialized).await.status, 202);
    let mut events = client.stream(&call("greet")).await;
    assert_eq!(events.next().await["method"], "elicitation/create", "the tool runs");
    assert_eq!(client.send(&call("admin.wipe")).await.code(), "denied");
    assert_eq!(names(&client.send(&list_tools()).await), ["greet"]);
}
