//! Legacy clients in front of a server that speaks 2026-07-28 alone.

use serde_json::{Value, json};

use crate::legacy::{Client, SCOPES, answer};
use crate::modern::Modern;
use crate::support::{RESOURCE, World, call, call_with, initialize, list_tools, post, with_header};

async fn world(modern: &Modern) -> World {
    World::server(
        modern.upstream.clone(),
        "    server_requests: [ elicitation, sampling, roots ]\n",
    )
    .await
}

#[tokio::test]
async fn bridge_up_handshake_is_answered_by_the_gateway() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let reply = world.post(&world.token(SCOPES), &initialize()).await;
    let result = &reply.json()["result"];
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"], json!({"name": "modern", "version": "3"}));
    assert_eq!(result["instructions"], "be kind");
    assert_eq!(
        result["capabilities"]["resources"],
        json!({"subscribe": true, "listChanged": true})
    );
    assert!(
        result["capabilities"]["extensions"].is_null() && result["capabilities"]["tasks"].is_null()
    );
    let client = Client::open(&world, json!({})).await;
    let reply =
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0));
    assert_eq!(client.result("ping", json!({})).await["result"], json!({}));
    // The server learns of all this only that somebody asked what it is, and once.
    assert_eq!(modern.asked("server/discover").len(), 1);
    assert_eq!(modern.asked("initialize").len(), 1);
    assert!(
        modern.asked("ping").is_empty() && modern.asked("notifications/initialized").is_empty()
    );
}

#[tokio::test]
async fn bridge_up_list_call_resource_prompt_and_completion() {
    let modern = Modern::start().await;
    let world =
        World::server(modern.upstream.clone(), "    tools: [ { match: \"echo\" } ]\n").await;
    let client = Client::open(&world, json!({})).await;
    let list = client.send(&list_tools()).await.json();
    // Filtered for this caller, and no word of the modern revision.
    assert_eq!(
        list,
        json!({"jsonrpc": "2.0", "id": 1, "result": {
        "tools": [{"name": "echo", "inputSchema": {"type": "object"}}],
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "modern", "version": "3"}}}})
    );
    let called = client.send(&call_with("echo", &json!({"x": "y"}))).await.json();
    assert_eq!(called["result"]["structuredContent"]["args"], json!({"x": "y"}));
    assert!(called["result"]["resultType"].is_null());
    let read = client.result("resources/read", json!({"uri": "note:///one"})).await;
    assert_eq!(read["result"]["contents"][0]["text"], "first");
    assert!(read["result"]["ttlMs"].is_null() && read["result"]["cacheScope"].is_null());
    let missing = client.result("resources/read", json!({"uri": "note:///two"})).await;
    assert_eq!(missing["error"]["code"], -32002);
    let prompt = client.result("prompts/get", json!({"name": "greet"})).await;
    assert_eq!(prompt["result"]["messages"][0]["content"]["text"], "hello");
    let complete = json!({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a", "value": "p"}});
    let complete = client.result("completion/complete", complete).await;
    assert_eq!(complete["result"]["completion"]["values"], json!(["paris"]));
    let seen = &modern.upstream.calls("tools/call")[0];
    assert_eq!(seen.headers["mcp-name"], "echo");
    assert!(!seen.headers.contains_key("mcp-session-id"));
    assert_eq!(
        seen.json()["params"]["_meta"]["io.modelcontextprotocol/clientInfo"],
        json!({"name": "t", "version": "1"})
    );
}

#[tokio::test]
async fn p10_bridge_up_leaves_every_byte_that_is_not_of_one_era() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    let text = r#"{ "method":"tools/call","id":9007199254740993 ,"jsonrpc":"2.0","zz":1.50E+3,"params":{"arguments":{"n":123456789012345678901234567890, "s":"\u00e9"},"name":"echo"}}"#;
    let request = with_header(post(Some(&client.token), text), "mcp-session-id", &client.session);
    let reply = world.send(request).await;
    assert!(reply.text().contains("\"id\":9007199254740993"), "{}", reply.text());
    let body = String::from_utf8(modern.upstream.calls("tools/call")[0].body.to_vec()).unwrap();
    let (before, after) = text.split_once("\"arguments\"").unwrap();
    assert!(body.starts_with(before) && body.ends_with(&format!("\"arguments\"{after}")), "{body}");
}

#[tokio::test]
async fn bridge_up_progress_and_log_reach_the_client_s_stream() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    assert_eq!(
        client.result("logging/setLevel", json!({"level": "info"})).await["result"],
        json!({})
    );
    let bad = client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "logging/setLevel", "params": {"level": "loud"}})).await;
    assert_eq!((bad.status.as_u16(), bad.code().as_str()), (400, "params_invalid"));
    let mut message = call("slow");
    message["params"]["_meta"] = json!({"progressToken": "p"});
    let mut events = client.stream(&message).await;
    let open = modern.stream(0).await;
    assert_eq!(open.request["params"]["_meta"]["io.modelcontextprotocol/logLevel"], "info");
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "p", "progress": 1}});
    let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}});
    for said in [&progress, &log] {
        open.say(said);
        assert_eq!(events.next().await, *said);
    }
    // A modern server may not ask on a stream; what it asks reaches nobody.
    open.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
    open.answer(&json!({"content": []}));
    let last = events.next().await;
    assert_eq!((&last["id"], &last["result"]["content"]), (&json!(7), &json!([])));
    assert_eq!(events.next().await, Value::Null);
}

#[tokio::test]
async fn bridge_up_cancellation_closes_the_server_s_stream_and_a_broken_connection_does_not() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    let left = client.stream(&call("slow")).await;
    let first = modern.stream(0).await;
    drop(left);
    let mut message = call("slow");
    message["id"] = json!("two");
    let mut events = client.stream(&message).await;
    let second = modern.stream(1).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "tw\u{6f}"}});
    assert_eq!(client.send(&cancel).await.status, 202);
    second.closed().await;
    assert_eq!(events.next().await, Value::Null);
    // The first one's client has gone, which in its era cancels nothing.
    assert!(!first.is_closed());
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    assert_eq!(client.send(&cancel).await.status, 202);
    first.closed().await;
}

#[tokio::test]
async fn bridge_up_elicitation_takes_two_rounds_of_real_requests() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({"elicitation": {}})).await;
    let mut events = client.stream(&call("ask")).await;
    let first = events.next().await;
    assert_eq!(
        (&first["method"], &first["params"]["message"]),
        (&json!("elicitation/create"), &json!("your name?"))
    );
    let reply =
        client.send(&answer(&first, json!({"action": "accept", "content": {"a": "Ada"}}))).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0));
    let second = events.next().await;
    assert_eq!(second["params"]["message"], "your town?");
    assert_ne!(first["id"], second["id"]);
    client.send(&answer(&second, json!({"action": "accept", "content": {"a": "Oslo"}}))).await;
    let last = events.next().await;
    assert_eq!(last["id"], 7);
    assert_eq!(
        last["result"]["content"][0]["text"],
        r#"two:{"action":"accept","content":{"a":"Ada"}} {"action":"accept","content":{"a":"Oslo"}}"#
    );
    let asked = modern.asked("tools/call");
    assert_eq!(asked.len(), 3);
    assert_eq!(
        asked[0]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
        json!({"elicitation": {"form": {}}})
    );
    let ids: std::collections::HashSet<String> =
        asked.iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "each round has its own id");
}

#[tokio::test]
async fn p26_bridge_up_takes_no_answer_that_was_not_asked_for_or_comes_twice() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({"elicitation": {}})).await;
    let other = Client::open(&world, json!({"elicitation": {}})).await;
    let mut events = client.stream(&call("ask")).await;
    let question = events.next().await;
    let yes = answer(&question, json!({"action": "accept", "content": {"a": "x"}}));
    let wrong = json!({"jsonrpc": "2.0", "id": "sallyport-77", "result": {"action": "accept"}});
    for (who, said) in [(&other, &yes), (&client, &wrong)] {
        let reply = who.send(said).await;
        assert!(reply.status.is_client_error(), "{}", reply.status);
    }
    assert_eq!(client.send(&yes).await.status, 202);
    assert_eq!(events.next().await["params"]["message"], "your town?");
    assert!(client.send(&yes).await.status.is_client_error());
    assert_eq!(modern.asked("tools/call").len(), 2);
}

#[tokio::test]
async fn bridge_up_error_of_the_client_is_a_cancelled_form_and_ends_a_sampling() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({"elicitation": {}, "sampling": {}})).await;
    let refused = |question: &Value| json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "no"}});
    let mut events = client.stream(&call("ask")).await;
    let question = events.next().await;
    client.send(&refused(&question)).await;
    events.next().await;
    assert_eq!(
        modern.asked("tools/call")[1]["params"]["inputResponses"],
        json!({"first": {"action": "cancel"}})
    );
    let mut events = client
        .stream(&{
            let mut it = call("sample");
            it["id"] = json!(8);
            it
        })
        .await;
    let question = events.next().await;
    assert_eq!(question["method"], "sampling/createMessage");
    client.send(&refused(&question)).await;
    let last = events.next().await;
    assert_eq!(
        (&last["id"], &last["error"]["data"]["code"]),
        (&json!(8), &json!("answer_declined"))
    );
    let sampled =
        modern.asked("tools/call").iter().filter(|it| it["params"]["name"] == "sample").count();
    assert_eq!(sampled, 1);
}

#[tokio::test]
async fn bridge_up_asks_no_client_for_what_it_cannot_do_or_the_route_forbids() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let unable = Client::open(&world, json!({"sampling": {}})).await;
    let reply = unable.send(&call("ask")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "capability_missing"));
    assert_eq!(reply.json()["error"]["code"], -32021);
    let strict = World::new(modern.upstream.clone()).await;
    let able = Client::open(&strict, json!({"elicitation": {}})).await;
    assert_eq!(able.send(&call("ask")).await.code(), "capability_missing");
    let declared = &modern.asked("tools/call")[1]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(*declared, json!({}));
}

#[tokio::test]
async fn bridge_up_server_that_asks_without_an_end_is_given_up_after_input_rounds_max() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({"roots": {}})).await;
    let mut events = client.stream(&call("forever")).await;
    let mut rounds = 0;
    let last = loop {
        let message = events.next().await;
        if message["method"] != "roots/list" {
            break message;
        }
        rounds += 1;
        client.send(&answer(&message, json!({"roots": []}))).await;
    };
    assert_eq!(last["error"]["data"]["code"], "upstream_invalid");
    assert_eq!(rounds, sallyport::limits::INPUT_ROUNDS_MAX);
    assert_eq!(modern.asked("tools/call").len(), sallyport::limits::INPUT_ROUNDS_MAX);
}

#[tokio::test]
async fn bridge_up_subscriptions_are_heard_on_the_get_stream() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    let mut events = client.listen().await;
    let first = modern.stream(0).await;
    assert_eq!(
        first.request["params"]["notifications"],
        json!({"toolsListChanged": true, "resourcesListChanged": true})
    );
    first.tell("notifications/tools/list_changed", json!({}));
    assert_eq!(
        events.next().await,
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}})
    );
    assert_eq!(
        client.result("resources/subscribe", json!({"uri": "note:///one"})).await["result"],
        json!({})
    );
    // Made before the other one is broken: the answer came after the acknowledgement.
    let second = modern.stream(1).await;
    assert_eq!(
        second.request["params"]["notifications"]["resourceSubscriptions"],
        json!(["note:///one"])
    );
    first.closed().await;
    second.tell("notifications/resources/updated", json!({"uri": "note:///one"}));
    let updated = events.next().await;
    assert_eq!(
        updated,
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "note:///one"}})
    );
    client.result("resources/unsubscribe", json!({"uri": "note:///one"})).await;
    let third = modern.stream(2).await;
    assert!(third.request["params"]["notifications"]["resourceSubscriptions"].is_null());
    second.closed().await;
    drop(events);
    third.closed().await;
}

#[tokio::test]
async fn bridge_up_end_of_a_session_ends_its_stream_and_its_calls() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    let _listening = client.listen().await;
    let _calling = client.stream(&call("slow")).await;
    let reply = world.send(client.bodyless("DELETE")).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    modern.stream(0).await.closed().await;
    modern.stream(1).await.closed().await;
}

#[tokio::test]
async fn s18_bridge_up_foreign_session_is_answered_like_an_unknown_one() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    let thief = world.issuer.token().audience(RESOURCE).subject("thief").scope(SCOPES).sign();
    let mut answers = Vec::new();
    for session in [client.session.as_str(), "unknown"] {
        let request =
            with_header(post(Some(&thief), call("echo").to_string()), "mcp-session-id", session);
        let reply = world.send(request).await;
        assert_eq!(reply.status, 404);
        let mut json = reply.json();
        json["error"]["data"]["request_id"] = Value::Null;
        answers.push(json);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(modern.asked("tools/call").is_empty());
    let none = world.post(&client.token, &call("echo")).await;
    assert_eq!(none.status, 400);
}

#[tokio::test]
async fn p13_bridge_up_mirrors_arguments_and_learns_of_them_when_it_is_refused() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    for region in ["north", "Zürich"] {
        let called = client.send(&call_with("region", &json!({"region": region}))).await.json();
        assert_eq!(called["result"]["structuredContent"]["args"]["region"], region);
    }
    assert_eq!(modern.asked("tools/list").len(), 1, "once refused, never again");
    let seen = modern.upstream.calls("tools/call");
    assert!(!seen[0].headers.contains_key("mcp-param-region"));
    assert_eq!(seen[1].headers["mcp-param-region"], "north");
    assert_eq!(seen[2].headers["mcp-param-region"], "=?base64?WsO8cmljaA==?=");
}

#[tokio::test]
async fn bridge_up_session_outlives_the_process_that_opened_it() {
    let modern = Modern::start().await;
    let world = world(&modern).await;
    let client = Client::open(&world, json!({})).await;
    // Another upstream as far as the gateway knows: nothing is kept but the session key.
    let url = world.upstream.url();
    let other =
        world.yaml("").replace(&format!("upstream: {url}"), &format!("upstream: '{url}?again'"));
    assert!(other.contains("?again"));
    world.gateway().reload(world.check(&other).unwrap()).unwrap();
    assert_eq!(client.send(&call("echo")).await.status, 200);
}
