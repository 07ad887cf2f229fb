//! `subscriptions/listen`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::{Server, World, events_of, greeting_then, json_of};
use crate::limits::{LISTENER_MESSAGES_MAX, LISTENS_PER_PRINCIPAL_MAX};
use crate::reject::Code;

fn server() -> Arc<Server> {
    greeting_then(|wire, said| match said["method"].as_str() {
        Some("resources/subscribe") if said["params"]["uri"] == "x:secret" => {
            wire.fail(said, -32602);
        }
        Some("resources/subscribe" | "resources/unsubscribe") => wire.answer(said, &json!({})),
        Some("tools/list") => wire.answer(said, &json!({"tools": []})),
        Some("tools/call") => {
            wire.speak(Some(&said["id"]), &changed("tools"));
            wire.answer(said, &json!({}));
        }
        _ => {}
    })
}

fn changed(what: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": format!("notifications/{what}/list_changed")})
}

fn updated(uri: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}})
}

fn tag(message: &Value) -> &Value {
    &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"]
}

fn filter(notifications: Value) -> Value {
    json!({ "notifications": notifications })
}

#[tokio::test]
async fn p18_acknowledged_first_then_only_what_was_asked_for_each_tagged() {
    let world = World::new(server());
    let asked = filter(json!({"toolsListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": ["x:1", "x:secret"]}));
    let mut events = events_of(world.ask("ann", 41, "subscriptions/listen", asked).await);
    let first = events.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"]["notifications"],
        json!({"toolsListChanged": true, "resourceSubscriptions": ["x:1"]}),
        "the server has no prompt changes and refused the secret"
    );
    assert_eq!(tag(&first), 41);
    let wire = world.server.wire(0);
    for said in [
        changed("prompts"),
        changed("resources"),
        updated("x:2"),
        updated("x:secret"),
        json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error"}}),
        changed("tools"),
        updated("x:1"),
    ] {
        wire.speak(None, &said);
    }
    let one = events.next().await.unwrap();
    assert_eq!((&one["method"], tag(&one)), (&changed("tools")["method"], &json!(41)));
    let two = events.next().await.unwrap();
    assert_eq!((&two["params"]["uri"], tag(&two)), (&json!("x:1"), &json!(41)));
}

#[tokio::test]
async fn listeners_of_one_conversation_share_its_stream_and_subscriptions() {
    let world = World::new(server());
    let one = filter(json!({"resourceSubscriptions": ["x:1"], "toolsListChanged": true}));
    let two = filter(json!({"resourceSubscriptions": ["x:1"]}));
    let mut first = events_of(world.ask("ann", 1, "subscriptions/listen", one).await);
    let mut second = events_of(world.ask("ann", 2, "subscriptions/listen", two).await);
    first.next().await.unwrap();
    second.next().await.unwrap();
    let wire = world.server.wire(0);
    assert_eq!(world.server.wires().len(), 1);
    assert_eq!(wire.all("resources/subscribe").len(), 1, "counted, not repeated");
    wire.speak(None, &changed("tools"));
    wire.speak(None, &updated("x:1"));
    assert_eq!(tag(&first.next().await.unwrap()), 1);
    assert_eq!(tag(&first.next().await.unwrap()), 1);
    let heard = second.next().await.unwrap();
    assert_eq!((&heard["params"]["uri"], tag(&heard)), (&json!("x:1"), &json!(2)));
    drop(first);
    json_of(world.ask("ann", 3, "tools/list", json!({})).await).await;
    assert!(wire.all("resources/unsubscribe").is_empty(), "somebody still listens");
    drop(second);
    let gone = wire.wait_for("resources/unsubscribe").await;
    assert_eq!(gone["params"]["uri"], "x:1");
}

#[tokio::test]
async fn change_told_on_a_call_s_stream_is_for_listeners() {
    let world = World::new(server());
    let asked = filter(json!({"toolsListChanged": true}));
    let mut events = events_of(world.ask("ann", 1, "subscriptions/listen", asked).await);
    events.next().await.unwrap();
    let answer = json_of(world.call("ann", 2, "t").await).await;
    assert_eq!(answer["id"], 2, "the caller gets its answer and nothing else");
    assert_eq!(tag(&events.next().await.unwrap()), 1);
}

#[tokio::test]
async fn principals_hear_only_their_own_conversation() {
    let world = World::new(server());
    let asked = || filter(json!({"toolsListChanged": true}));
    let mut ann = events_of(world.ask("ann", 1, "subscriptions/listen", asked()).await);
    let mut bob = events_of(world.ask("bob", 1, "subscriptions/listen", asked()).await);
    ann.next().await.unwrap();
    bob.next().await.unwrap();
    let canary = |who: &str| {
        let mut message = changed("tools");
        message["params"] = json!({"for": who});
        message
    };
    for wire in world.server.wires() {
        wire.speak(None, &canary(&wire.who));
    }
    assert_eq!(ann.next().await.unwrap()["params"]["for"], "ann");
    assert_eq!(bob.next().await.unwrap()["params"]["for"], "bob");
}

#[tokio::test]
async fn stream_ends_in_order_when_the_server_does() {
    let world = World::new(server());
    let asked = filter(json!({"toolsListChanged": true}));
    let mut events = events_of(world.ask("ann", 7, "subscriptions/listen", asked).await);
    events.next().await.unwrap();
    world.server.wire(0).hang_up();
    let end = events.next().await.unwrap();
    assert_eq!(end["id"], 7);
    assert_eq!(end["result"]["resultType"], "complete");
    assert_eq!(end["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn listens_per_principal_max_bounds_one_caller_alone() {
    let world = World::new(server());
    let mut open = Vec::new();
    let asked = || filter(json!({"toolsListChanged": true}));
    for id in 0..LISTENS_PER_PRINCIPAL_MAX {
        let id = i64::try_from(id).unwrap();
        open.push(events_of(world.ask("ann", id, "subscriptions/listen", asked()).await));
    }
    let refused = world.ask("ann", 99, "subscriptions/listen", asked()).await.unwrap_err();
    assert_eq!(refused.code, Code::ConcurrencyLimited);
    events_of(world.ask("bob", 1, "subscriptions/listen", asked()).await);
    drop(open.pop());
    events_of(world.ask("ann", 99, "subscriptions/listen", asked()).await);
}

#[tokio::test]
async fn listener_messages_max_ends_the_stream_of_who_does_not_read() {
    let world = World::new(server());
    let asked = || filter(json!({"toolsListChanged": true}));
    let mut slow = events_of(world.ask("ann", 1, "subscriptions/listen", asked()).await);
    let mut quick = events_of(world.ask("ann", 2, "subscriptions/listen", asked()).await);
    slow.next().await.unwrap();
    quick.next().await.unwrap();
    for _ in 0..=LISTENER_MESSAGES_MAX {
        world.server.wire(0).speak(None, &changed("tools"));
        quick.next().await.unwrap();
    }
    let mut heard = 0;
    let last = loop {
        let message = slow.next().await.unwrap();
        if message.get("id").is_some() {
            break message;
        }
        heard += 1;
    };
    assert_eq!((heard, &last["id"]), (LISTENER_MESSAGES_MAX, &json!(1)));
}
