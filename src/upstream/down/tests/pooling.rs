//! Whose conversation it is, and how many there are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::support::{World, able, events_of, greeting_then, json_of, principal};
use crate::limits::{CONVERSATION_IDLE_S, CONVERSATIONS_MAX, CONVERSATIONS_PER_PRINCIPAL_MAX};
use crate::reject::Code;

/// Every answer holds whose conversation it came from and what was asked.
fn canary() -> World {
    World::new(greeting_then(|wire, said| match said["method"].as_str() {
        Some("tools/call") => {
            let token = &said["params"]["_meta"]["progressToken"];
            let owner = &*wire.who;
            wire.speak(
                Some(&said["id"]),
                &json!({"jsonrpc": "2.0", "method": "notifications/progress",
                    "params": {"progressToken": token, "progress": 1, "message": owner}}),
            );
            wire.answer(said, &json!({"owner": owner, "asked": said["params"]["name"]}));
        }
        Some("tools/list") => wire.answer(said, &json!({"tools": []})),
        _ => {}
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_principals_never_hear_of_each_other() {
    let world = canary();
    let calls = (0..400).map(|n| {
        let who = if n % 2 == 0 { "ann" } else { "bob" };
        let world = &world;
        async move {
            let params = json!({"name": format!("{who}-{n}"), "_meta": {"progressToken": n}});
            let mut events = events_of(world.ask(who, n, "tools/call", params).await);
            let mut seen = 0;
            while let Some(event) = events.next().await {
                let text = event.to_string();
                assert!(text.contains(who), "{text}");
                let other = if who == "ann" { "bob" } else { "ann" };
                assert!(!text.contains(other), "{text}");
                if event["method"] == "notifications/progress" {
                    assert_eq!(event["params"]["progressToken"], n);
                } else {
                    assert_eq!(event["id"], n);
                    assert_eq!(event["result"]["asked"], format!("{who}-{n}"));
                }
                seen += 1;
            }
            assert_eq!(seen, 2);
        }
    });
    join_all(calls).await;
    let wires = world.server.wires();
    assert_eq!(wires.len(), 2);
    assert_ne!(wires[0].who, wires[1].who);
}

#[tokio::test]
async fn conversation_is_opened_once_for_all_who_wait_for_it() {
    let world = canary();
    world.server.gate.forget_permits(1_000_000);
    let asking = join_all((0..20).map(|n| world.ask("ann", n, "tools/list", json!({}))));
    let opening = async {
        tokio::task::yield_now().await;
        world.server.gate.add_permits(20);
    };
    let (answers, ()) = tokio::join!(asking, opening);
    for answer in answers {
        json_of(answer).await;
    }
    assert_eq!(world.server.wires().len(), 1);
}

#[tokio::test]
async fn who_gives_up_waiting_does_not_stop_the_others() {
    let world = canary();
    world.server.gate.forget_permits(1_000_000);
    let mut first = Box::pin(world.ask("ann", 1, "tools/list", json!({})));
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = world.ask("ann", 2, "tools/list", json!({}));
    drop(first);
    world.server.gate.add_permits(1);
    json_of(second.await).await;
    assert_eq!(world.server.wires().len(), 1);
}

#[tokio::test]
async fn capabilities_that_the_server_would_be_told_part_conversations() {
    let world = canary();
    for capabilities in [json!({}), json!({"roots": {}}), json!({"roots": {"listChanged": true}})] {
        let answer = world.ask_as("ann", capabilities, 1, "tools/list", json!({})).await;
        json_of(answer).await;
    }
    assert_eq!(world.server.wires().len(), 2, "what is not told makes no difference");
    let told: Vec<_> = world.server.wires().iter().map(|wire| wire.said()[0].clone()).collect();
    assert_eq!(told[0]["params"]["capabilities"], json!({}));
    assert_eq!(told[1]["params"]["capabilities"], json!({"roots": {}}));
}

#[tokio::test]
async fn conversations_per_principal_max_ends_the_caller_s_own_longest_idle_one() {
    let world = canary();
    json_of(world.ask("bob", 0, "tools/list", json!({})).await).await;
    for n in 0..CONVERSATIONS_PER_PRINCIPAL_MAX {
        let capabilities = json!({"sampling": {"n": n}});
        json_of(world.ask_as("ann", capabilities, 1, "tools/list", json!({})).await).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let open = |world: &World| {
        let wires = world.server.wires();
        wires.iter().map(|wire| !wire.closed.load(Ordering::SeqCst)).collect::<Vec<_>>()
    };
    assert!(open(&world).iter().all(|open| *open));
    json_of(world.ask_as("ann", able(), 1, "tools/list", json!({})).await).await;
    let open = open(&world);
    assert!(open[0], "somebody else's stays");
    assert!(!open[1] && open[2..].iter().all(|open| *open), "{open:?}");
}

#[tokio::test]
async fn conversation_in_use_is_never_ended_for_another() {
    let world = canary();
    let mut held = Vec::new();
    for n in 0..CONVERSATIONS_PER_PRINCIPAL_MAX {
        let capabilities = json!({"sampling": {"n": n}});
        let params = json!({"notifications": {}});
        let listening = world.ask_as("ann", capabilities, 1, "subscriptions/listen", params).await;
        held.push(events_of(listening));
    }
    let refused = world.ask_as("ann", able(), 1, "tools/list", json!({})).await.unwrap_err();
    assert_eq!(refused.code, Code::Busy);
    json_of(world.ask("bob", 1, "tools/list", json!({})).await).await;
    drop(held.pop());
    json_of(world.ask_as("ann", able(), 1, "tools/list", json!({})).await).await;
}

#[tokio::test]
async fn conversation_idle_s_without_use_closes_a_conversation() {
    let world = canary();
    json_of(world.ask("ann", 1, "tools/list", json!({})).await).await;
    world.clock.advance(Duration::from_secs(CONVERSATION_IDLE_S - 1));
    json_of(world.ask("bob", 1, "tools/list", json!({})).await).await;
    world.down.sweep();
    assert!(!world.server.wire(0).closed.load(Ordering::SeqCst));
    world.clock.advance(Duration::from_secs(1));
    world.down.sweep();
    assert!(world.server.wire(0).closed.load(Ordering::SeqCst));
    assert!(!world.server.wire(1).closed.load(Ordering::SeqCst));
    json_of(world.ask("ann", 2, "tools/list", json!({})).await).await;
    assert_eq!(world.server.wires().len(), 3);
}

#[tokio::test]
async fn conversations_max_bounds_all_callers_together() {
    let world = canary();
    for n in 0..=CONVERSATIONS_MAX {
        let who = format!("caller-{n}");
        assert_eq!(&*principal(&who).subject, who);
        json_of(world.ask(&who, 1, "tools/list", json!({})).await).await;
    }
    let wires = world.server.wires();
    let open = wires.iter().filter(|wire| !wire.closed.load(Ordering::SeqCst)).count();
    assert_eq!((wires.len(), open), (CONVERSATIONS_MAX + 1, CONVERSATIONS_MAX));
}
