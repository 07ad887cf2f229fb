//! Requests, answers and what comes in between.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{World, events_of, greeting_then, json_of, status_and_json};
use crate::limits::KEEPALIVE_MS;
use crate::reject::Code;
use crate::upstream::link::{Heard, LinkError};

fn echo() -> World {
    World::new(greeting_then(|wire, said| match said["method"].as_str() {
        Some("tools/list") => wire.answer(said, &json!({"tools": [{"name": "t", "n": 1}]})),
        Some("tools/call") => wire.answer(said, &json!({"content": [], "saw": said["params"]})),
        Some("logging/setLevel") => wire.answer(said, &json!({})),
        _ => {}
    }))
}

#[tokio::test]
async fn discover_is_made_of_the_handshake() {
    let world = echo();
    let answer = json_of(world.ask("ann", 1, "server/discover", json!({})).await).await;
    assert_eq!(answer["id"], 1);
    let result = &answer["result"];
    assert_eq!(result["supportedVersions"][0], "2026-07-28");
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "private");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "old");
    let wire = world.server.wire(0);
    let handshake = wire.said();
    assert_eq!(handshake[0]["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(handshake[0]["params"]["clientInfo"]["name"], "c");
    assert_eq!(handshake[1]["method"], "notifications/initialized");
}

#[tokio::test]
async fn list_and_call_speak_each_era_s_own_words() {
    let world = echo();
    let list = json_of(world.ask("ann", 1, "tools/list", json!({})).await).await;
    assert_eq!(
        list["result"],
        json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "old", "version": "1"}},
            "tools": [{"name": "t", "n": 1}]})
    );
    let call = json_of(world.call("ann", 2, "t").await).await;
    assert_eq!((&call["id"], &call["result"]["resultType"]), (&json!(2), &json!("complete")));
    assert_eq!(call["result"]["saw"], json!({"name": "t", "arguments": {"a": 1}}));
    let raw = world.server.wire(0).raw();
    assert!(raw[0].headers.is_empty(), "before the handshake there is no version");
    for said in &raw[1..] {
        assert_eq!(said.headers[0].0, "mcp-protocol-version");
        assert_eq!(said.headers[0].1, "2025-06-18");
    }
    assert_eq!(world.server.wires().len(), 1);
}

#[tokio::test]
async fn method_that_the_server_lacks_is_404_and_other_errors_are_not() {
    let world = World::new(greeting_then(|wire, said| match said["method"].as_str() {
        Some("prompts/list") => wire.fail(said, -32601),
        Some("resources/read") => wire.fail(said, -32002),
        _ => {}
    }));
    let (status, body) = status_and_json(world.ask("a", 1, "prompts/list", json!({})).await).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!(-32601)));
    let params = json!({"uri": "x:y"});
    let (status, body) = status_and_json(world.ask("a", 2, "resources/read", params).await).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (200, &json!(-32602)));
}

fn progress(token: &Value, n: u32) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": token, "progress": n}})
}

fn log(level: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": level, "data": level}})
}

fn chatty() -> World {
    World::new(greeting_then(|wire, said| match said["method"].as_str() {
        Some("tools/call") => {
            let token = &said["params"]["_meta"]["progressToken"];
            if !token.is_null() {
                wire.speak(Some(&said["id"]), &progress(token, 1));
                wire.speak(Some(&said["id"]), &progress(&json!("somebody else's"), 2));
            }
            wire.speak(Some(&said["id"]), &log("debug"));
            wire.speak(Some(&said["id"]), &log("error"));
            wire.answer(said, &json!({"content": []}));
        }
        Some("logging/setLevel") => wire.answer(said, &json!({})),
        _ => {}
    }))
}

#[tokio::test]
async fn progress_comes_before_the_answer_under_the_caller_s_own_token() {
    let world = chatty();
    let params = json!({"name": "t", "_meta": {"progressToken": "mine"}});
    let mut events = events_of(world.ask("ann", 5, "tools/call", params).await);
    let first = events.next().await.unwrap();
    assert_eq!(first["params"], json!({"progressToken": "mine", "progress": 1}));
    let answer = events.next().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]["resultType"]), (&json!(5), &json!("complete")));
    assert!(events.next().await.is_none());
    let sent = &world.server.wire(0).all("tools/call")[0];
    assert_ne!(sent["params"]["_meta"]["progressToken"], "mine", "tokens are the link's own");
}

#[tokio::test]
async fn log_messages_come_only_when_asked_for_and_from_that_level() {
    let world = chatty();
    let quiet = json_of(world.call("ann", 1, "t").await).await;
    assert_eq!(quiet["id"], 1);
    assert!(world.server.wire(0).all("logging/setLevel").is_empty());
    for (id, level, expected) in [(2, "error", 1), (3, "debug", 2), (4, "error", 1)] {
        let params = json!({"name": "t", "_meta": {"io.modelcontextprotocol/logLevel": level}});
        let mut events = events_of(world.ask("ann", id, "tools/call", params).await);
        let mut logs = 0;
        while let Some(event) = events.next().await {
            logs += u32::from(event["method"] == "notifications/message");
        }
        assert_eq!(logs, expected, "{level}");
    }
    let levels: Vec<_> = world.server.wire(0).all("logging/setLevel");
    let levels: Vec<_> = levels.iter().map(|said| said["params"]["level"].clone()).collect();
    assert_eq!(levels, ["error", "debug"], "the level only falls");
}

#[tokio::test]
async fn p19_caller_that_goes_away_cancels_its_call() {
    let world = World::new(greeting_then(|wire, said| {
        if said["method"] == "tools/call" {
            let token = &said["params"]["_meta"]["progressToken"];
            wire.speak(Some(&said["id"]), &progress(token, 1));
        }
    }));
    // Once while the answer's body is read,
    let params = json!({"name": "t", "_meta": {"progressToken": 1}});
    let mut events = events_of(world.ask("ann", 1, "tools/call", params).await);
    events.next().await.unwrap();
    drop(events);
    let wire = world.server.wire(0);
    let sent = wire.wait_for("tools/call").await;
    let cancelled = wire.wait_for("notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], sent["id"]);
    // and once before there is an answer.
    let mut asking = Box::pin(world.ask("ann", 2, "prompts/get", json!({"name": "p"})));
    let sent = tokio::select! {
        _ = &mut asking => panic!("nothing was answered"),
        sent = wire.wait_for("prompts/get") => sent,
    };
    drop(asking);
    wire.wait(|said| said["params"]["requestId"] == sent["id"]).await;
}

#[tokio::test]
async fn answered_call_is_not_cancelled() {
    let world = echo();
    json_of(world.call("ann", 1, "t").await).await;
    json_of(world.call("ann", 2, "t").await).await;
    assert!(world.server.wire(0).all("notifications/cancelled").is_empty());
}

#[tokio::test(start_paused = true)]
async fn p45_silent_server_becomes_a_stream_so_that_the_caller_sees_signs_of_life() {
    let world = World::new(greeting_then(|_, _| {}));
    let asked = tokio::time::Instant::now();
    let mut events = events_of(world.call("ann", 1, "t").await);
    assert!(asked.elapsed() >= Duration::from_millis(KEEPALIVE_MS));
    let wire = world.server.wire(0);
    let sent = wire.wait_for("tools/call").await;
    wire.answer(&sent, &json!({"content": []}));
    assert_eq!(events.next().await.unwrap()["id"], 1);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn s37_answer_to_something_else_is_delivered_to_nobody() {
    let world = World::new(greeting_then(|wire, said| {
        if said["method"] == "tools/call" {
            let stray = json!({"jsonrpc": "2.0", "id": 4711, "result": {"stray": true}});
            wire.speak(None, &stray);
            wire.speak(None, &json!({"jsonrpc": "2.0", "id": "1", "result": {"stray": true}}));
            wire.answer(said, &json!({"right": true}));
            wire.answer(said, &json!({"second": true}));
        }
    }));
    let answer = json_of(world.call("ann", 1, "t").await).await;
    assert_eq!(answer["result"]["right"], true);
}

#[tokio::test]
async fn lost_session_is_told_and_the_next_call_opens_another() {
    let world = World::new(greeting_then(|wire, said| {
        if said["method"] == "tools/call" {
            match wire.number {
                0 => wire.hear(Heard::Ended {
                    tag: said["id"].as_u64().unwrap(),
                    error: Some(LinkError::Status(http::StatusCode::NOT_FOUND)),
                }),
                _ => wire.answer(said, &json!({"wire": wire.number})),
            }
        }
    }));
    let refused = world.call("ann", 1, "t").await.unwrap_err();
    assert_eq!(refused.code, Code::ConversationLost);
    assert_eq!(world.server.wire(0).all("tools/call").len(), 1, "sent once, not again");
    let answer = json_of(world.call("ann", 2, "t").await).await;
    assert_eq!(answer["result"]["wire"], 1);
}

#[tokio::test]
async fn call_in_flight_fails_when_the_server_dies_and_is_not_repeated() {
    let world = World::new(greeting_then(|wire, said| {
        if said["method"] == "tools/call" {
            match wire.number {
                0 => wire.hang_up(),
                _ => wire.answer(said, &json!({"wire": wire.number})),
            }
        }
    }));
    let refused = world.call("ann", 1, "t").await.unwrap_err();
    assert_eq!(refused.code, Code::ConversationLost);
    let answer = json_of(world.call("ann", 2, "t").await).await;
    assert_eq!(answer["result"]["wire"], 1);
}

#[tokio::test]
async fn server_that_died_while_idle_costs_no_call() {
    let world = echo();
    json_of(world.call("ann", 1, "t").await).await;
    world.server.wire(0).hang_up();
    let answer = json_of(world.call("ann", 2, "t").await).await;
    assert_eq!(answer["id"], 2);
    assert_eq!(world.server.wires().len(), 2);
}

#[tokio::test]
async fn handshake_that_fails_is_an_upstream_error_and_is_tried_again() {
    let world = World::new(super::support::Server::reacting(|wire, said| {
        match (said["method"].as_str(), wire.number) {
            (Some("initialize"), 0) => wire.fail(said, -32000),
            (Some("initialize"), 1) => wire.answer(said, &json!({"protocolVersion": "2026-07-28"})),
            (Some("initialize"), _) => wire.greet(said),
            (Some("tools/call"), _) => wire.answer(said, &json!({})),
            _ => {}
        }
    }));
    for id in 0..2 {
        let refused = world.call("ann", id, "t").await.unwrap_err();
        assert_eq!(refused.code, Code::UpstreamInvalid);
    }
    json_of(world.call("ann", 3, "t").await).await;
}

#[tokio::test(start_paused = true)]
async fn server_that_never_greets_is_given_up_in_time() {
    let world = World::new(super::support::Server::reacting(|_, _| {}));
    let refused = world.call("ann", 1, "t").await.unwrap_err();
    assert_eq!(refused.code, Code::UpstreamTimeout);
    assert!(world.server.wire(0).closed.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test]
async fn s33_methods_that_only_one_era_has_reach_no_server() {
    let world = echo();
    for method in ["tasks/get", "tasks/cancel", "ping", "resources/subscribe", "logging/setLevel"] {
        let refused = world.ask("ann", 1, method, json!({"taskId": "t"})).await.unwrap_err();
        assert_eq!(refused.code, Code::MethodUnknown, "{method}");
    }
    assert!(world.server.wires().is_empty());
}

#[tokio::test]
async fn ping_of_the_server_is_answered_by_the_bridge() {
    let world = World::new(greeting_then(|wire, said| {
        if said["method"] == "tools/call" {
            wire.speak(None, &json!({"jsonrpc": "2.0", "id": "p", "method": "ping"}));
        }
        if said["id"] == "p" {
            let call = &wire.all("tools/call")[0];
            wire.answer(call, &json!({"ping": said["result"]}));
        }
    }));
    let answer = json_of(world.call("ann", 1, "t").await).await;
    assert_eq!(answer["result"]["ping"], json!({}));
}
