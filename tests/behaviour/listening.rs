//! `subscriptions/listen`: each name is judged, and the stream carries what was asked for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::straight::{TASKS, answering, ask, invoke, world};
use crate::support::{Reply, World};
use crate::upstream::{Upstream, events, rpc};

type Streams = Arc<Mutex<Vec<UnboundedSender<Bytes>>>>;

/// A server that opens a stream for every listener and makes a task for every call.
async fn open() -> (Upstream, Streams) {
    let streams = Streams::default();
    let kept = Arc::clone(&streams);
    let upstream = answering(move |method, message| {
        if method == "tools/call" {
            return rpc(
                &message["id"],
                &json!({"resultType": "task", "taskId": "task-1", "status": "working"}),
            );
        }
        if method == "tools/list" {
            return rpc(&message["id"], &json!({"resultType": "complete", "tools": []}));
        }
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        kept.lock().unwrap().push(sender);
        events(receiver)
    })
    .await;
    (upstream, streams)
}

fn say(streams: &Streams, message: &Value) {
    streams.lock().unwrap()[0].send(Bytes::from(format!("data: {message}\n\n"))).unwrap();
}

/// A notification with the tag of the subscription.
fn tagged(method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": "r-1"});
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn acknowledged(filter: Value) -> Value {
    tagged("notifications/subscriptions/acknowledged", json!({"notifications": filter}))
}

async fn listen(world: &World, token: &str, filter: Value) -> Incoming {
    let response =
        world.open(ask(token, "subscriptions/listen", json!({"notifications": filter}))).await;
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// All that comes until the server closes its stream.
async fn heard(streams: &Streams, body: Incoming) -> String {
    streams.lock().unwrap().clear();
    let whole = tokio::time::timeout(Duration::from_secs(10), body.collect()).await.unwrap();
    String::from_utf8(whole.unwrap().to_bytes().to_vec()).unwrap()
}

async fn refused(world: &World, token: &str, filter: Value) -> Reply {
    world.send(ask(token, "subscriptions/listen", json!({"notifications": filter}))).await
}

#[tokio::test]
async fn p18_a_stream_carries_what_was_asked_for_after_the_acknowledgement() {
    let (upstream, streams) = open().await;
    let world = world(upstream, "").await;
    let token = world.token("mcp.resources.subscribe");
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["x:a", "x:b"]});
    let body = listen(&world, &token, filter.clone()).await;
    for message in [
        tagged("notifications/tools/list_changed", json!({"early": 1})),
        acknowledged(filter),
        tagged("notifications/tools/list_changed", json!({"wanted": 1})),
        tagged("notifications/prompts/list_changed", json!({"unasked": 1})),
        tagged("notifications/resources/updated", json!({"uri": "x:b", "wanted": 2})),
        tagged("notifications/resources/updated", json!({"uri": "x:c", "foreign": 1})),
        tagged("notifications/message", json!({"level": "info", "data": "log"})),
        tagged("notifications/tasks", json!({"taskId": "task-9", "status": "working"})),
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"untagged": 1}}),
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed",
               "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": "r-2"}, "other": 1}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {"request": 1}}),
        json!({"jsonrpc": "2.0", "id": "r-1", "result": {"resultType": "complete", "last": 1}}),
    ] {
        say(&streams, &message);
    }
    let text = heard(&streams, body).await;
    assert!(text.find("acknowledged") < text.find("\"wanted\":1"), "{text}");
    for word in ["\"wanted\":1", "\"wanted\":2", "\"last\":1"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    for word in
        ["early", "unasked", "foreign", "\"log\"", "task-9", "untagged", "other", "sampling"]
    {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let dropped = &world.closed_records(1).await[0]["dropped"];
    assert_eq!(dropped["not_subscribed"], 4, "{dropped}");
    assert_eq!(dropped["foreign_subscription"], 2, "{dropped}");
    assert_eq!(dropped["before_acknowledgement"], 1, "{dropped}");
}

#[tokio::test]
async fn p18_an_acknowledgement_of_more_than_was_asked_for_ends_the_stream() {
    for granted in [
        json!({"promptsListChanged": true}),
        json!({"resourceSubscriptions": ["x:a", "x:secret"]}),
        json!({"taskIds": ["task-1"]}),
    ] {
        let (upstream, streams) = open().await;
        let world = world(upstream, "").await;
        let token = world.token("mcp.resources.subscribe");
        let body = listen(&world, &token, json!({"resourceSubscriptions": ["x:a"]})).await;
        say(&streams, &acknowledged(granted.clone()));
        let text = heard(&streams, body).await;
        assert!(
            text.contains("upstream_invalid") && !text.contains("acknowledged"),
            "{granted}: {text}"
        );
    }
}

#[tokio::test]
async fn s33_p18_one_name_that_is_not_allowed_refuses_the_whole_filter() {
    let (upstream, streams) = open().await;
    let rules = "    resources: [ { match: 'x:*' }, { match: 'y:*', scopes: [ more ] }, { match: 'z:*', scopes: [ most ] } ]\n";
    let world = world(upstream, rules).await;
    let token = world.token("mcp.resources.subscribe");
    let reply =
        refused(&world, &token, json!({"resourceSubscriptions": ["x:a", "w:a", "y:a"]})).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "denied"));
    let reply =
        refused(&world, &token, json!({"resourceSubscriptions": ["x:a", "y:a", "z:a"]})).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "insufficient_scope"));
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("more") && challenge.contains("most"), "{challenge}");
    assert!(world.upstream.seen().is_empty() && streams.lock().unwrap().is_empty());
}

#[tokio::test]
async fn p18_a_stream_ends_when_a_reload_takes_one_of_its_names_away() {
    let (upstream, streams) = open().await;
    let world = world(upstream, "").await;
    let token = world.token("mcp.resources.subscribe");
    let filter = json!({"resourceSubscriptions": ["x:a", "y:a"]});
    let body = listen(&world, &token, filter.clone()).await;
    say(&streams, &acknowledged(filter));
    let stricter = world.yaml("    resources: [ { match: 'x:*' } ]\n");
    world.gateway().reload(world.check(&stricter).unwrap()).unwrap();
    let whole = tokio::time::timeout(Duration::from_secs(10), body.collect()).await.unwrap();
    let text = String::from_utf8(whole.unwrap().to_bytes().to_vec()).unwrap();
    assert!(text.contains("stream_revoked"), "{text}");
}

#[tokio::test]
async fn s19_p18_p20_news_of_tasks_reach_their_owner_masked_and_under_their_own_id() {
    let (upstream, streams) = open().await;
    let world = world(upstream, "").await;
    let token = world.token("mcp.tools.invoke");
    let reply = world.send(invoke(&token, "slow", json!({}))).await.json();
    let id = reply["result"]["taskId"].as_str().unwrap().to_owned();
    let body = listen(&world, &token, json!({"taskIds": [id]})).await;
    let asked = world.upstream.calls("subscriptions/listen")[0].json();
    assert_eq!(asked["params"]["notifications"]["taskIds"], json!(["task-1"]));
    let done = json!({"taskId": "task-1", "status": "completed",
        "result": {"content": [{"type": "text", "text": "ask ada.byron@example.com"}]}});
    for message in [
        acknowledged(json!({"taskIds": ["task-1"]})),
        tagged("notifications/tasks", done),
        tagged("notifications/tasks", json!({"taskId": "task-2", "status": "working"})),
        json!({"jsonrpc": "2.0", "id": "r-1", "result": {"resultType": "complete"}}),
    ] {
        say(&streams, &message);
    }
    let text = heard(&streams, body).await;
    assert_eq!(text.matches(&id).count(), 2, "{text}");
    for word in ["task-1", "task-2", "ada.byron"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let foreign = refused(&world, &token, json!({"taskIds": ["task-1"]})).await;
    assert_eq!((foreign.status.as_u16(), foreign.code().as_str()), (400, "task_unknown"));
    assert!(asked["params"]["_meta"].to_string().contains(TASKS));
}

#[tokio::test]
async fn p18_streams_of_one_principal_are_bounded() {
    let (upstream, streams) = open().await;
    let world = world(upstream, "    limits: { concurrency_per_principal: 2 }\n").await;
    let token = world.token("");
    let filter = json!({"toolsListChanged": true});
    let first = listen(&world, &token, filter.clone()).await;
    let second = listen(&world, &token, filter.clone()).await;
    let third = refused(&world, &token, filter).await;
    assert_eq!((third.status.as_u16(), third.code().as_str()), (429, "concurrency_limited"));
    drop((first, second, streams));
}

#[tokio::test]
async fn p19_a_stream_that_ends_without_its_answer_says_so() {
    let (upstream, streams) = open().await;
    let world = world(upstream, "").await;
    let filter = json!({"toolsListChanged": true});
    let body = listen(&world, &world.token(""), filter.clone()).await;
    say(&streams, &acknowledged(filter));
    let text = heard(&streams, body).await;
    assert!(text.contains("upstream_invalid") && text.contains("\"id\":\"r-1\""), "{text}");
    assert_eq!(world.closed_records(1).await[0]["end"], "no_answer");
}
