//! A modern client in front of a stateful legacy server, a real process, through the front door.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sallyport::mcp::sse::Decoder;
use serde_json::{Value, json};

use crate::support::{Reply, Setup, World, post, with_header};
use crate::upstream::Upstream;

const SCOPES: &str =
    "mcp.tools.invoke mcp.resources.read mcp.resources.subscribe mcp.prompts.get mcp.completion";

async fn world() -> World {
    World::with(Upstream::dead().await, setup()).await
}

fn setup() -> Setup {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/behaviour/legacy.py");
    Setup {
        server_replaces_upstream: Some(format!(
            "    upstream: {{ command: ['{}', '{script}'] }}\n",
            python()
        )),
        server: "    server_requests: [elicitation, roots]\n    tools:\n      - match: admin.*\n        deny: true\n      - match: '*'\n"
            .to_owned(),
        ..Setup::default()
    }
}

/// The test's configuration knows no environment, so the program needs its whole path.
fn python() -> String {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|dir| dir.join("python3")).find(|p| p.is_file());
    found.expect("the tests need python3").to_str().unwrap().to_owned()
}

/// A request of 2026-07-28, headers and all.
fn modern(token: &str, id: i64, method: &'static str, mut params: Value) -> Request<Full<Bytes>> {
    let name = params.get("name").or_else(|| params.get("uri")).cloned();
    let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    if meta.get("io.modelcontextprotocol/clientCapabilities").is_none() {
        meta["io.modelcontextprotocol/clientCapabilities"] =
            json!({"elicitation": {"form": {}}, "roots": {}});
    }
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let request = post(Some(token), message.to_string());
    let request = with_header(request, "mcp-protocol-version", "2026-07-28");
    let request = with_header(request, "mcp-method", method);
    match name {
        Some(name) => with_header(request, "mcp-name", name.as_str().unwrap()),
        None => request,
    }
}

async fn ask(world: &World, token: &str, id: i64, method: &'static str, params: Value) -> Reply {
    world.send(modern(token, id, method, params)).await
}

async fn tool(world: &World, token: &str, id: i64, name: &str, arguments: Value) -> Reply {
    ask(world, token, id, "tools/call", json!({"name": name, "arguments": arguments})).await
}

fn value(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let result = &reply.json()["result"];
    assert_eq!(result["resultType"], "complete", "{}", reply.text());
    result["structuredContent"]["value"].clone()
}

/// The messages of a stream that is still open.
struct Stream(Incoming, Decoder);

impl Stream {
    async fn open(world: &World, request: Request<Full<Bytes>>) -> Self {
        let response = world.open(request).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(response.into_body(), Decoder::new(1 << 20))
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.1.next_event() {
                if let Some(data) = event.unwrap().data {
                    return Some(serde_json::from_slice(&data).unwrap());
                }
                continue;
            }
            let frame = self.0.frame().await?.unwrap();
            self.1.push(frame.into_data().unwrap());
        }
    }
}

#[tokio::test]
async fn modern_client_discovers_lists_reads_and_completes_on_a_legacy_process() {
    let world = world().await;
    let token = world.token(SCOPES);
    let discover = ask(&world, &token, 1, "server/discover", json!({})).await.json();
    let result = &discover["result"];
    assert_eq!(result["supportedVersions"][0], "2026-07-28", "{discover}");
    assert_eq!(result["instructions"], "Mind the step.");
    assert!(result["capabilities"].get("tasks").is_none());
    assert_eq!(result["cacheScope"], "private");
    let list = ask(&world, &token, 2, "tools/list", json!({})).await.json();
    let tools = list["result"]["tools"].as_array().unwrap();
    assert_eq!((tools.len(), &tools[0]["name"]), (1, &json!("greet")), "policy filters: {list}");
    assert_eq!(
        (&list["result"]["ttlMs"], &list["result"]["cacheScope"]),
        (&json!(0), &json!("private"))
    );
    let read = ask(&world, &token, 3, "resources/read", json!({"uri": "note://1"})).await.json();
    assert_eq!(read["result"]["resultType"], "complete", "{read}");
    let prompt = ask(&world, &token, 4, "prompts/get", json!({"name": "p"})).await.json();
    assert_eq!(prompt["result"]["resultType"], "complete", "{prompt}");
    let params =
        json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": ""}});
    let complete = ask(&world, &token, 5, "completion/complete", params).await.json();
    assert_eq!(complete["result"]["completion"]["values"], json!(["a"]), "{complete}");
    let unknown = ask(&world, &token, 6, "prompts/list", json!({})).await;
    assert_eq!((unknown.status.as_u16(), &unknown.json()["error"]["code"]), (404, &json!(-32601)));
    world.finish().await;
}

#[tokio::test]
async fn process_remembers_its_caller_and_no_other() {
    let world = world().await;
    let ann = world.token(SCOPES);
    let bob =
        world.issuer.token().audience(crate::support::RESOURCE).scope(SCOPES).subject("bob").sign();
    let mut n = 0;
    for (token, word, expected) in [
        (&ann, "a1", json!(["a1"])),
        (&bob, "b1", json!(["b1"])),
        (&ann, "a2", json!(["a1", "a2"])),
        (&bob, "b2", json!(["b1", "b2"])),
    ] {
        n += 1;
        let reply = tool(&world, token, n, "remember", json!({"word": word})).await;
        assert_eq!(value(&reply), expected);
    }
    world.finish().await;
}

/// Without authentication there are still different people.
#[tokio::test]
async fn process_of_an_open_route_remembers_each_address_and_no_other() {
    let setup = Setup {
        top: "trusted_proxies: [127.0.0.1/32]\n".to_owned(),
        server: "    auth: none\n    scopes: { tools.invoke: [] }\n".to_owned(),
        ..setup()
    };
    let world = World::with(Upstream::dead().await, setup).await;
    for (address, word, expected) in [
        ("192.0.2.1", "a1", json!(["a1"])),
        ("192.0.2.2", "b1", json!(["b1"])),
        ("192.0.2.1", "a2", json!(["a1", "a2"])),
    ] {
        let params = json!({"name": "remember", "arguments": {"word": word}});
        let mut request = modern("", 1, "tools/call", params);
        request.headers_mut().remove("authorization");
        let request = with_header(request, "x-forwarded-for", address);
        assert_eq!(value(&world.send(request).await), expected, "{address}");
    }
    world.finish().await;
}

#[tokio::test]
async fn elicitation_of_a_process_makes_the_round_trip() {
    let world = world().await;
    let token = world.token(SCOPES);
    let asked = tool(&world, &token, 1, "greet", json!({})).await.json();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let requests = &asked["result"]["inputRequests"];
    assert_eq!(requests["elicitation-1"]["params"]["message"], "What is your name?");
    let answer = json!({"action": "accept", "content": {"name": "Ann"}});
    let retry = json!({"name": "greet", "arguments": {},
        "requestState": asked["result"]["requestState"],
        "inputResponses": {"elicitation-1": answer}});
    let done = ask(&world, &token, 2, "tools/call", retry.clone()).await;
    assert_eq!(value(&done), answer);
    assert_eq!(done.json()["id"], 2);
    let again = ask(&world, &token, 3, "tools/call", retry).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (400, "request_state_invalid"));
    assert_eq!(again.json()["error"]["code"], -32602);
    let records = world.closed_records(3).await;
    let refused: Vec<_> =
        records.iter().filter(|record| record["code"] == "request_state_invalid").collect();
    assert_eq!(refused.len(), 1, "{records:#?}");
    world.finish().await;
}

#[tokio::test]
async fn questions_asked_in_parallel_make_one_round_also_over_a_process() {
    let world = world().await;
    let token = world.token(SCOPES);
    let mut reply = tool(&world, &token, 1, "both", json!({})).await;
    let mut id = 1;
    // Two threads of the server ask; mostly within one round, and if not, in two.
    while reply.json()["result"]["resultType"] == "input_required" {
        let asked = reply.json()["result"].clone();
        let mut responses = json!({});
        for (key, request) in asked["inputRequests"].as_object().unwrap() {
            responses[key] = match request["method"].as_str().unwrap() {
                "roots/list" => json!({"roots": []}),
                _ => json!({"action": "decline"}),
            };
        }
        id += 1;
        assert!(id <= 3, "two questions make at most two rounds");
        let retry = json!({"name": "both", "arguments": {},
            "requestState": asked["requestState"], "inputResponses": responses});
        reply = ask(&world, &token, id, "tools/call", retry).await;
    }
    assert_eq!(value(&reply), json!({"name": {"action": "decline"}, "roots": {"roots": []}}));
    world.finish().await;
}

#[tokio::test]
async fn client_without_the_capability_is_told_which_one() {
    let world = world().await;
    let token = world.token(SCOPES);
    let params = json!({"name": "greet", "arguments": {},
        "_meta": {"io.modelcontextprotocol/clientCapabilities": {}}});
    let reply = ask(&world, &token, 1, "tools/call", params).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "capability_missing"));
    let error = &reply.json()["error"];
    assert_eq!(error["code"], -32021);
    assert_eq!(error["data"]["requiredCapabilities"], json!({"elicitation": {"form": {}}}));
    world.finish().await;
}

#[tokio::test]
async fn progress_is_streamed_redacted_and_logs_only_when_asked_for() {
    let world = world().await;
    let token = world.token(SCOPES);
    let params = json!({"name": "slow", "arguments": {}, "_meta": {"progressToken": "mine"}});
    let mut stream = Stream::open(&world, modern(&token, 1, "tools/call", params)).await;
    for step in 1..=2 {
        let event = stream.next().await.unwrap();
        assert_eq!(event["params"]["progressToken"], "mine", "{event}");
        assert_eq!(event["params"]["progress"], step);
        assert!(!event.to_string().contains("ann@example.com"), "{event}");
    }
    assert_eq!(stream.next().await.unwrap()["id"], 1);
    assert!(stream.next().await.is_none());
    world.finish().await;
}

#[tokio::test]
async fn p19_client_that_goes_away_cancels_its_call_at_the_process() {
    let world = world().await;
    let token = world.token(SCOPES);
    let params =
        json!({"name": "slow", "arguments": {"for ever": true}, "_meta": {"progressToken": 1}});
    let mut stream = Stream::open(&world, modern(&token, 1, "tools/call", params)).await;
    stream.next().await.unwrap();
    drop(stream);
    for id in 2.. {
        let seen = value(&tool(&world, &token, id, "who", json!({})).await);
        if seen["cancelled"].as_array().unwrap().len() == 1 {
            break;
        }
        assert!(id < 1_000, "never cancelled: {seen}");
    }
    world.finish().await;
}

#[tokio::test]
async fn listener_is_acknowledged_and_hears_what_it_asked_for() {
    let world = world().await;
    let token = world.token(SCOPES);
    let params = json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": ["note://1"]}});
    let mut stream = Stream::open(&world, modern(&token, 9, "subscriptions/listen", params)).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(
        first["params"]["notifications"],
        json!({"toolsListChanged": true, "resourceSubscriptions": ["note://1"]})
    );
    tool(&world, &token, 1, "change", json!({})).await;
    for method in ["notifications/resources/updated", "notifications/tools/list_changed"] {
        let event = stream.next().await.unwrap();
        assert_eq!(event["method"], method);
        assert_eq!(event["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 9);
    }
    drop(stream);
    world.finish().await;
}

#[tokio::test]
async fn process_that_dies_is_told_of_and_started_anew() {
    let world = world().await;
    let token = world.token(SCOPES);
    let first = value(&tool(&world, &token, 1, "who", json!({})).await);
    let lost = tool(&world, &token, 2, "die", json!({})).await;
    assert_eq!((lost.status.as_u16(), lost.code().as_str()), (502, "conversation_lost"));
    for id in 3.. {
        // The next start waits for its back-off.
        let reply = tool(&world, &token, id, "who", json!({})).await;
        if reply.status == 200 {
            assert_ne!(value(&reply)["pid"], first["pid"]);
            break;
        }
        assert!(id < 1_000 && matches!(reply.status.as_u16(), 502 | 503), "{}", reply.text());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.finish().await;
}
