//! Questions of a server in the middle of a call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::support::{Server, Wire, World, able, events_of, greeting_then, json_of};
use crate::config::ServerRequest;
use crate::limits::{CALL_REQUESTS_MAX, PARKED_S, ROUND_GATHER_MS, ROUND_REQUESTS_MAX};
use crate::reject::{Code, Rejection};

fn elicit(id: &Value, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create",
        "params": {"message": message, "requestedSchema": {"type": "object"}}})
}

fn accept(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}

/// Asks `questions` at once when it is called, and answers with what it was told.
fn asking(questions: Vec<Value>) -> Arc<Server> {
    greeting_then(move |wire, said| {
        if is_call(said) {
            for question in &questions {
                wire.speak(Some(&said["id"]), question);
            }
        } else if said.get("method").is_none() {
            let answered = answers(wire);
            if answered.len() == questions.len() {
                let call = wire.said().into_iter().rfind(is_call).unwrap();
                wire.answer(&call, &json!({"told": answered}));
            }
        }
    })
}

fn is_call(said: &Value) -> bool {
    matches!(said["method"].as_str(), Some("tools/call" | "prompts/get" | "resources/read"))
}

/// What the server's questions were answered with.
fn answers(wire: &Wire) -> Vec<Value> {
    wire.said().into_iter().filter(|said| said.get("method").is_none()).collect()
}

fn state(asked: &Value) -> Value {
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    asked["result"]["requestState"].clone()
}

fn retry(state: &Value, responses: Value) -> Value {
    json!({"name": "t", "arguments": {"a": 1}, "requestState": state, "inputResponses": responses})
}

fn one_question() -> World {
    World::new(asking(vec![elicit(&json!("q-1"), "who?")]))
}

#[tokio::test]
async fn elicitation_makes_the_round_trip_and_the_call_goes_on() {
    let world = one_question();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    assert_eq!(asked["id"], 1);
    assert_eq!(
        asked["result"]["inputRequests"],
        json!({"elicitation-1": {"method": "elicitation/create",
            "params": {"message": "who?", "requestedSchema": {"type": "object"}}}})
    );
    let params = retry(&state(&asked), json!({"elicitation-1": accept("ann"), "extra": {}}));
    let done = json_of(world.ask("ann", 2, "tools/call", params).await).await;
    assert_eq!((&done["id"], &done["result"]["resultType"]), (&json!(2), &json!("complete")));
    let told = &done["result"]["told"];
    assert_eq!(told.as_array().unwrap().len(), 1);
    assert_eq!((&told[0]["id"], &told[0]["result"]), (&json!("q-1"), &accept("ann")));
    let wire = world.server.wire(0);
    assert_eq!(wire.all("tools/call").len(), 1, "one call, continued");
    assert!(wire.all("notifications/cancelled").is_empty());
}

#[tokio::test]
async fn prompts_and_resources_may_ask_too() {
    for (method, params) in
        [("prompts/get", json!({"name": "p"})), ("resources/read", json!({"uri": "x:y"}))]
    {
        let world = one_question();
        let asked = json_of(world.ask("ann", 1, method, params.clone()).await).await;
        let mut again = params;
        again["requestState"] = state(&asked);
        again["inputResponses"] = json!({"elicitation-1": accept("ann")});
        let done = json_of(world.ask("ann", 2, method, again).await).await;
        assert_eq!(done["result"]["told"][0]["result"], accept("ann"));
    }
}

#[tokio::test]
async fn questions_asked_in_parallel_make_one_round() {
    let roots = json!({"jsonrpc": "2.0", "id": 7, "method": "roots/list"});
    let sampling = json!({"jsonrpc": "2.0", "id": 8, "method": "sampling/createMessage",
        "params": {"messages": [], "maxTokens": 5}});
    let world = World::new(asking(vec![elicit(&json!(6), "who?"), roots, sampling]));
    let asked = json_of(world.call("ann", 1, "t").await).await;
    let requests = asked["result"]["inputRequests"].as_object().unwrap();
    let keys: Vec<_> = requests.keys().collect();
    assert_eq!(keys, ["elicitation-1", "roots-2", "sampling-3"]);
    let responses = json!({"sampling-3": {"role": "assistant"}, "elicitation-1": accept("a"),
        "roots-2": {"roots": []}});
    let done = world.ask("ann", 2, "tools/call", retry(&state(&asked), responses)).await;
    let done = json_of(done).await;
    let told = done["result"]["told"].as_array().unwrap();
    let told: Vec<_> = told.iter().map(|told| (&told["id"], &told["result"])).collect();
    assert_eq!(told[0], (&json!(6), &accept("a")));
    assert_eq!(told[1], (&json!(7), &json!({"roots": []})));
    assert_eq!(told[2], (&json!(8), &json!({"role": "assistant"})));
}

#[tokio::test]
async fn several_rounds_follow_each_other() {
    let world = World::new(greeting_then(|wire, said| {
        let answered = answers(wire).len();
        if is_call(said) || (said.get("method").is_none() && answered < 3) {
            let call = wire.said().into_iter().find(is_call).unwrap();
            wire.speak(Some(&call["id"]), &elicit(&json!(answered), "more?"));
        } else if said.get("method").is_none() {
            let call = wire.all("tools/call").remove(0);
            wire.answer(&call, &json!({"rounds": answered}));
        }
    }));
    let mut answer = json_of(world.call("ann", 0, "t").await).await;
    for round in 1..=3 {
        let key = format!("elicitation-{round}");
        assert!(answer["result"]["inputRequests"][&key].is_object(), "{answer}");
        let params = retry(&state(&answer), json!({&key: accept("ann")}));
        answer = json_of(world.ask("ann", round, "tools/call", params).await).await;
    }
    assert_eq!(answer["result"]["rounds"], 3);
}

#[tokio::test]
async fn missing_answers_are_asked_for_again() {
    let questions = vec![elicit(&json!(1), "first?"), elicit(&json!(2), "second?")];
    let world = World::new(asking(questions));
    let asked = json_of(world.call("ann", 1, "t").await).await;
    let first = state(&asked);
    let params = retry(&first, json!({"elicitation-2": accept("b"), "nobody": accept("c")}));
    let again = json_of(world.ask("ann", 2, "tools/call", params).await).await;
    let keys: Vec<_> = again["result"]["inputRequests"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["elicitation-1"]);
    assert_ne!(state(&again), first);
    // Something that is no object is no answer.
    let params = retry(&state(&again), json!({"elicitation-1": "yes"}));
    let again = json_of(world.ask("ann", 3, "tools/call", params).await).await;
    let params = retry(&state(&again), json!({"elicitation-1": accept("a")}));
    let done = json_of(world.ask("ann", 4, "tools/call", params).await).await;
    assert_eq!(done["result"]["told"].as_array().unwrap().len(), 2);
    let reused = retry(&first, json!({"elicitation-1": accept("a"), "elicitation-2": accept("b")}));
    let refused = world.ask("ann", 5, "tools/call", reused).await.unwrap_err();
    assert_eq!(refused.code, Code::StateInvalid);
}

/// A state that continues nothing reaches no server.
async fn refused(world: &World, who: &str, params: Value) -> Rejection {
    let before: Vec<_> = world.server.wires().iter().map(|wire| wire.said().len()).collect();
    let refused = world.ask(who, 9, "tools/call", params).await.unwrap_err();
    let after: Vec<_> = world.server.wires().iter().map(|wire| wire.said().len()).collect();
    assert_eq!(before, after, "nothing is sent");
    assert_eq!(refused.code, Code::StateInvalid);
    assert_eq!((refused.code.row().status, refused.code.row().rpc), (400, -32602));
    refused
}

#[tokio::test]
async fn p17_changed_foreign_expired_and_used_states_continue_nothing() {
    let world = one_question();
    let good = state(&json_of(world.call("ann", 1, "t").await).await);
    let response = || json!({"elicitation-1": accept("x")});
    let text = good.as_str().unwrap();
    let changed = format!("A{}", &text[1..]);
    let changed = if changed == text { format!("B{}", &text[1..]) } else { changed };
    let why = refused(&world, "ann", retry(&json!(changed), response())).await;
    assert!(why.internal.contains("did not seal"), "{}", why.internal);
    let why = refused(&world, "bob", retry(&good, response())).await;
    assert!(why.internal.contains("another caller"), "{}", why.internal);
    let why = refused(&world, "ann", retry(&json!(7), response())).await;
    assert!(why.internal.contains("our form"), "{}", why.internal);
    let why = refused(&world, "ann", retry(&json!("x".repeat(5_000)), response())).await;
    assert!(why.internal.contains("our form"), "{}", why.internal);
    let mut other = retry(&good, response());
    other["arguments"]["a"] = json!(2);
    let why = refused(&world, "ann", other).await;
    assert!(why.internal.contains("another request"), "{}", why.internal);
    let elsewhere = one_question();
    let why = refused(&elsewhere, "ann", retry(&good, response())).await;
    assert!(why.internal.contains("did not seal"), "{}", why.internal);
    // None of them used it up,
    let done = world.ask("ann", 2, "tools/call", retry(&good, response())).await;
    json_of(done).await;
    // and once used it is used.
    let why = refused(&world, "ann", retry(&good, response())).await;
    assert!(why.internal.contains("used before"), "{}", why.internal);
}

#[tokio::test]
async fn parked_s_without_a_retry_cancels_the_call_and_ends_the_state() {
    let world = one_question();
    let good = state(&json_of(world.call("ann", 1, "t").await).await);
    world.clock.advance(Duration::from_secs(PARKED_S - 1));
    world.down.sweep();
    let wire = world.server.wire(0);
    assert!(wire.all("notifications/cancelled").is_empty());
    world.clock.advance(Duration::from_secs(1));
    let why = refused(&world, "ann", retry(&good, json!({}))).await;
    assert!(why.internal.contains("expired"), "{}", why.internal);
    world.down.sweep();
    let call = wire.all("tools/call").remove(0);
    let cancelled = wire.wait_for("notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], call["id"]);
}

#[tokio::test]
async fn parked_call_keeps_its_conversation_open() {
    let world = one_question();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    world.clock.advance(Duration::from_secs(PARKED_S - 1));
    world.down.sweep();
    let params = retry(&state(&asked), json!({"elicitation-1": accept("a")}));
    json_of(world.ask("ann", 2, "tools/call", params).await).await;
}

#[tokio::test]
async fn retry_after_the_server_died_is_told_so() {
    let world = one_question();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    world.server.wire(0).hang_up();
    let params = retry(&state(&asked), json!({"elicitation-1": accept("a")}));
    let refused = world.ask("ann", 2, "tools/call", params).await.unwrap_err();
    assert_eq!(refused.code, Code::ConversationLost);
}

#[tokio::test]
async fn client_without_the_capability_gets_32021_and_the_server_an_error() {
    let world = one_question();
    let params = json!({"name": "t"});
    let answer = world.ask_as("ann", json!({"roots": {}}), 1, "tools/call", params).await;
    let refused = answer.unwrap_err();
    assert_eq!((refused.code.row().status, refused.code.row().rpc), (400, -32021));
    let data = refused.data.unwrap();
    assert_eq!(*data, json!({"requiredCapabilities": {"elicitation": {"form": {}}}}));
    let wire = world.server.wire(0);
    let told = wire.wait(|said| said["id"] == "q-1").await;
    assert_eq!(told["error"]["code"], -32601);
    wire.wait_for("notifications/cancelled").await;
}

#[tokio::test]
async fn s33_question_that_the_route_does_not_allow_never_reaches_the_caller() {
    let server = greeting_then(|wire, said| {
        if is_call(said) {
            wire.speak(Some(&said["id"]), &elicit(&json!("q"), "who?"));
        } else if said["id"] == "q" {
            let call = wire.all("tools/call").remove(0);
            wire.answer(&call, &json!({"told": said["error"]["code"]}));
        }
    });
    let world = World::allowing(server, &[ServerRequest::Roots]);
    let done = json_of(world.call("ann", 1, "t").await).await;
    assert_eq!(done["result"]["told"], -32601);
    let said = world.server.wire(0).said();
    assert_eq!(said[0]["params"]["capabilities"], json!({"roots": {}}), "nor is it announced");
}

#[tokio::test]
async fn questions_where_none_may_be_are_answered_with_an_error() {
    let world = World::new(greeting_then(|wire, said| {
        if said["method"] == "tools/list" {
            wire.speak(Some(&said["id"]), &elicit(&json!("q"), "who?"));
        } else if said["id"] == "q" {
            let call = wire.all("tools/list").remove(0);
            wire.answer(&call, &json!({"tools": [], "told": said["error"]["code"]}));
        }
    }));
    let done = json_of(world.ask("ann", 1, "tools/list", json!({})).await).await;
    assert_eq!(done["result"]["told"], -32601);
    assert_eq!(done["result"]["resultType"], "complete");
}

#[tokio::test]
async fn question_within_a_stream_ends_the_stream() {
    let world = World::new(greeting_then(|wire, said| {
        if is_call(said) {
            let token = &said["params"]["_meta"]["progressToken"];
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": token, "progress": 1}});
            wire.speak(Some(&said["id"]), &progress);
            wire.speak(Some(&said["id"]), &elicit(&json!("q"), "who?"));
        } else if said["id"] == "q" {
            let call = wire.all("tools/call").remove(0);
            let token = &call["params"]["_meta"]["progressToken"];
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": token, "progress": 2}});
            wire.speak(Some(&call["id"]), &progress);
            wire.answer(&call, &json!({}));
        }
    }));
    let mut params = json!({"name": "t", "_meta": {"progressToken": "one"}});
    let mut events = events_of(world.ask("ann", 1, "tools/call", params.clone()).await);
    assert_eq!(events.next().await.unwrap()["params"]["progressToken"], "one");
    let asked = events.next().await.unwrap();
    assert!(events.next().await.is_none());
    params["requestState"] = state(&asked);
    params["inputResponses"] = json!({"elicitation-1": accept("a")});
    params["_meta"] = json!({"progressToken": "two"});
    let mut events = events_of(world.ask("ann", 2, "tools/call", params).await);
    assert_eq!(events.next().await.unwrap()["params"]["progressToken"], "two");
    assert_eq!(events.next().await.unwrap()["id"], 2);
}

#[tokio::test]
async fn capability_that_is_missing_within_a_stream_is_an_error_event() {
    let world = World::new(greeting_then(|wire, said| {
        if is_call(said) {
            let log = json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "error", "data": 1}});
            wire.speak(Some(&said["id"]), &log);
            wire.speak(Some(&said["id"]), &elicit(&json!("q"), "who?"));
        } else if said["method"] == "logging/setLevel" {
            wire.answer(said, &json!({}));
        }
    }));
    let params = json!({"name": "t", "_meta": {"io.modelcontextprotocol/logLevel": "info"}});
    let answer = world.ask_as("ann", json!({}), 4, "tools/call", params).await;
    let mut events = events_of(answer);
    assert_eq!(events.next().await.unwrap()["method"], "notifications/message");
    let error = events.next().await.unwrap();
    assert_eq!((&error["id"], &error["error"]["code"]), (&json!(4), &json!(-32021)));
    let needs = &error["error"]["data"]["requiredCapabilities"];
    assert_eq!(*needs, json!({"elicitation": {"form": {}}}));
    assert!(events.next().await.is_none());
}

fn visiting() -> World {
    World::new(greeting_then(|wire, said| {
        if is_call(said) {
            if wire.all("tools/call").len() == 1 {
                let error = json!({"code": -32042, "message": "visit", "data": {"elicitations": [
                    {"mode": "url", "url": "https://a.example/", "message": "go", "elicitationId": "e"}]}});
                wire.speak(
                    Some(&said["id"]),
                    &json!({"jsonrpc": "2.0", "id": said["id"], "error": error}),
                );
            } else {
                wire.answer(said, &json!({"visited": true}));
            }
        }
    }))
}

#[tokio::test]
async fn address_to_visit_is_asked_and_then_the_call_is_made_again() {
    let world = visiting();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    assert_eq!(
        asked["result"]["inputRequests"]["elicitation-1"],
        json!({"method": "elicitation/create",
            "params": {"mode": "url", "url": "https://a.example/", "message": "go"}})
    );
    let again = world.ask("ann", 2, "tools/call", retry(&state(&asked), json!({}))).await;
    let again = json_of(again).await;
    let params = retry(&state(&again), json!({"elicitation-1": {"action": "accept"}}));
    let done = json_of(world.ask("ann", 3, "tools/call", params).await).await;
    assert_eq!(done["result"]["visited"], true);
    assert_eq!(world.server.wire(0).all("tools/call").len(), 2);
}

#[tokio::test]
async fn address_that_is_declined_calls_nothing() {
    let world = visiting();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    let params = retry(&state(&asked), json!({"elicitation-1": {"action": "decline"}}));
    let refused = world.ask("ann", 2, "tools/call", params).await.unwrap_err();
    assert_eq!(refused.code, Code::AnswerDeclined);
    assert_eq!(world.server.wire(0).all("tools/call").len(), 1);
}

#[tokio::test]
async fn answers_without_a_state_belong_to_no_round() {
    let world = one_question();
    let mut params = json!({"name": "t", "arguments": {"a": 1}});
    params["inputResponses"] = json!({"elicitation-1": accept("a")});
    let asked = json_of(world.ask("ann", 1, "tools/call", params).await).await;
    state(&asked);
    let sent = world.server.wire(0).all("tools/call").remove(0);
    assert!(sent["params"].get("inputResponses").is_none());
}

#[tokio::test(start_paused = true)]
async fn round_requests_max_questions_make_a_round_and_the_rest_the_next() {
    let questions = (0..ROUND_REQUESTS_MAX + 1).map(|n| elicit(&json!(n), "?")).collect();
    let world = World::new(asking(questions));
    let asked_at = tokio::time::Instant::now();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    let count = asked["result"]["inputRequests"].as_object().unwrap().len();
    assert_eq!(count, ROUND_REQUESTS_MAX);
    assert!(asked_at.elapsed() < Duration::from_millis(ROUND_GATHER_MS), "a full round is asked");
    let responses: serde_json::Map<_, _> =
        (1..=ROUND_REQUESTS_MAX).map(|n| (format!("elicitation-{n}"), accept("a"))).collect();
    let params = retry(&state(&asked), Value::Object(responses));
    let asked = json_of(world.ask("ann", 2, "tools/call", params).await).await;
    let keys: Vec<_> = asked["result"]["inputRequests"].as_object().unwrap().keys().collect();
    assert_eq!(keys, [&format!("elicitation-{}", ROUND_REQUESTS_MAX + 1)]);
}

#[tokio::test(start_paused = true)]
async fn call_requests_max_ends_the_questions_of_one_call() {
    let world = World::new(greeting_then(|wire, said| {
        let refused = said["error"].is_object();
        let call = || wire.said().into_iter().find(is_call).unwrap();
        if refused {
            wire.answer(&call(), &json!({"asked": answers(wire).len()}));
        } else if is_call(said) || said.get("method").is_none() {
            let id = json!(answers(wire).len());
            wire.speak(Some(&call()["id"]), &elicit(&id, "more?"));
        }
    }));
    let mut answer = json_of(world.call("ann", 0, "t").await).await;
    let mut rounds = 0;
    while answer["result"]["resultType"] == "input_required" {
        rounds += 1;
        let requests = answer["result"]["inputRequests"].as_object().unwrap();
        let key = requests.keys().next().unwrap().clone();
        let params = retry(&state(&answer), json!({key: accept("a")}));
        answer = json_of(world.ask("ann", rounds, "tools/call", params).await).await;
    }
    assert_eq!(rounds, i64::from(CALL_REQUESTS_MAX));
}

#[tokio::test]
async fn late_answer_of_a_parked_call_reaches_the_retry() {
    let world = one_question();
    let asked = json_of(world.ask_as("ann", able(), 1, "tools/call", retry_free()).await).await;
    let wire = world.server.wire(0);
    let call = wire.all("tools/call").remove(0);
    wire.answer(&call, &json!({"gave": "up"}));
    let params = retry(&state(&asked), json!({"elicitation-1": accept("a")}));
    let done = json_of(world.ask("ann", 2, "tools/call", params).await).await;
    assert_eq!((&done["id"], &done["result"]["gave"]), (&json!(2), &json!("up")));
}

fn retry_free() -> Value {
    json!({"name": "t", "arguments": {"a": 1}})
}

#[tokio::test]
async fn answers_reach_the_server_byte_for_byte() {
    let world = one_question();
    let asked = json_of(world.call("ann", 1, "t").await).await;
    let response = json!({"action": "accept", "content": {"n": 1}});
    let params = retry(&state(&asked), json!({"elicitation-1": response}));
    json_of(world.ask("ann", 2, "tools/call", params).await).await;
    let raw = world.server.wire(0).raw();
    let said = raw.iter().find(|said| !said.message.windows(8).any(|w| w == b"\"method\""));
    let expected = format!(r#"{{"jsonrpc":"2.0","id":"q-1","result":{response}}}"#);
    assert_eq!(said.unwrap().message, Bytes::from(expected));
}
