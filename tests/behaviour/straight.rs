//! Modern clients in front of a modern server: the ladder of refusals, mirrored headers, and what
//! a server may offer.

use http::Request;
use http_body_util::Full;
use sallyport::limits::MIRROR_PAGES_MAX;
use serde_json::{Value, json};

use crate::support::{Setup, World, plain, post, with_header};
use crate::upstream::{Answer, Upstream, rpc};

pub const VERSION: &str = "2026-07-28";
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A gateway in front of a server that is known to be modern.
pub async fn world(upstream: Upstream, lines: &str) -> World {
    let way = format!("    upstream: {{ url: '{}', era: modern }}\n", upstream.url());
    let server = lines.to_owned();
    World::with(upstream, Setup { server, server_replaces_upstream: Some(way), ..Setup::default() })
        .await
}

/// A server that answers with what `result` makes of method and parameters.
pub async fn server(result: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> Upstream {
    answering(move |method, message| rpc(&message["id"], &result(method, &message["params"]))).await
}

/// A server that answers as `answer` says.
pub async fn answering(
    answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static,
) -> Upstream {
    Upstream::answering(move |seen| {
        let message = seen.json();
        answer(message["method"].as_str().unwrap_or_default(), &message)
    })
    .await
}

/// A modern message: `params` with the required `_meta`.
pub fn message(method: &str, params: Value) -> Value {
    let mut params = params;
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = json!(VERSION);
    meta["io.modelcontextprotocol/clientCapabilities"] =
        json!({"elicitation": {}, "extensions": {TASKS: {}}});
    json!({"jsonrpc": "2.0", "id": "r-1", "method": method, "params": params})
}

/// The message with the headers that mirror it.
pub fn request(token: &str, message: &Value) -> Request<Full<bytes::Bytes>> {
    let params = &message["params"];
    let name = [&params["name"], &params["uri"], &params["taskId"]];
    let name = name.into_iter().find_map(Value::as_str);
    let mut request = post(Some(token), message.to_string());
    request = with_header(request, "mcp-protocol-version", VERSION);
    request = with_header(request, "mcp-method", message["method"].as_str().unwrap());
    match name {
        Some(name) => with_header(request, "mcp-name", name),
        None => request,
    }
}

pub fn ask(token: &str, method: &str, params: Value) -> Request<Full<bytes::Bytes>> {
    request(token, &message(method, params))
}

pub fn invoke(token: &str, tool: &str, arguments: Value) -> Request<Full<bytes::Bytes>> {
    ask(token, "tools/call", json!({"name": tool, "arguments": arguments}))
}

/// Status and JSON-RPC code.
async fn outcome(world: &World, request: Request<Full<bytes::Bytes>>) -> (u16, i64) {
    let reply = world.send(request).await;
    (reply.status.as_u16(), reply.json()["error"]["code"].as_i64().unwrap_or_default())
}

#[tokio::test]
async fn p11_every_rung_of_the_ladder_answers_before_the_server_is_asked() {
    let world = world(server(|_, _| plain()).await, "").await;
    let token = world.token("mcp.tools.invoke");
    let good = || invoke(&token, "echo", json!({}));
    let body = |text: &str| {
        let mut request = good();
        *request.body_mut() = Full::from(text.to_owned());
        request
    };
    let without = |header: &str| {
        let mut request = good();
        request.headers_mut().remove(header);
        request
    };
    let meta = |key: &str, value: Value| {
        let mut message = message("tools/call", json!({"name": "echo"}));
        message["params"]["_meta"][key] = value;
        request(&token, &message)
    };
    let unsupported = || {
        let request = meta("io.modelcontextprotocol/protocolVersion", json!("2027-01-01"));
        with_header(request, "mcp-protocol-version", "2027-01-01")
    };
    let mut bare = ask(&token, "tools/list", json!({}));
    *bare.body_mut() =
        Full::from(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string());
    for (rung, request, expected) in [
        ("origin", with_header(good(), "origin", "https://evil.example"), (403, 40301)),
        ("media type", with_header(good(), "content-type", "text/plain"), (415, 41500)),
        ("accept", with_header(good(), "accept", "application/json"), (406, 40600)),
        ("not JSON", body("{"), (400, -32700)),
        ("batch", body("[]"), (400, -32600)),
        ("not JSON-RPC", body(r#"{"jsonrpc":"1.0"}"#), (400, -32600)),
        ("version header missing", without("mcp-protocol-version"), (400, -32020)),
        (
            "version differs",
            with_header(good(), "mcp-protocol-version", "2025-11-25"),
            (400, -32020),
        ),
        ("version unknown", unsupported(), (400, -32022)),
        ("no _meta", bare, (400, -32602)),
        (
            "no capabilities",
            meta("io.modelcontextprotocol/clientCapabilities", Value::Null),
            (400, -32602),
        ),
        ("method header missing", without("mcp-method"), (400, -32020)),
        ("method differs", with_header(good(), "mcp-method", "tools/list"), (400, -32020)),
        ("method in capitals", with_header(good(), "mcp-method", "TOOLS/CALL"), (400, -32020)),
        ("name missing", without("mcp-name"), (400, -32020)),
        ("name differs", with_header(good(), "mcp-name", "other"), (400, -32020)),
        ("name undecodable", with_header(good(), "mcp-name", "=?base64?!!?="), (400, -32020)),
        ("unknown method", ask(&token, "unknown/method", json!({})), (404, -32601)),
        ("removed method", ask(&token, "initialize", json!({})), (404, -32601)),
        ("removed task method", ask(&token, "tasks/list", json!({})), (404, -32601)),
        (
            "removed task method with a task",
            without_name(ask(&token, "tasks/result", json!({"taskId": "t"}))),
            (404, -32601),
        ),
    ] {
        assert_eq!(outcome(&world, request).await, expected, "{rung}");
    }
    let refused = world.send(unsupported()).await.json();
    assert_eq!(refused["error"]["data"]["requested"], "2027-01-01");
    assert!(refused["error"]["data"]["supported"].as_array().unwrap().contains(&json!(VERSION)));
    assert_eq!(refused["id"], "r-1");
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.send(good()).await.status, 200);
}

fn without_name(mut request: Request<Full<bytes::Bytes>>) -> Request<Full<bytes::Bytes>> {
    request.headers_mut().remove("mcp-name");
    request
}

#[tokio::test]
async fn p11_a_servers_own_refusal_keeps_its_status_and_code() {
    let upstream = answering(|_, message| {
        let error = json!({"code": -32021, "message": "sampling is needed", "data": {"requiredCapabilities": {"sampling": {}}}});
        let body = json!({"jsonrpc": "2.0", "id": message["id"], "error": error});
        let mut answer = crate::upstream::json_answer(&body);
        *answer.status_mut() = http::StatusCode::BAD_REQUEST;
        answer
    })
    .await;
    let world = world(upstream, "").await;
    let reply = world.send(invoke(&world.token("mcp.tools.invoke"), "echo", json!({}))).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error"]["data"]["requiredCapabilities"], json!({"sampling": {}}));
}

/// A server with a tool that wants its region mirrored.
async fn regional() -> Upstream {
    server(|method, _| match method {
        "tools/list" => json!({"resultType": "complete", "tools": [
            {"name": "deploy", "inputSchema": {"type": "object", "properties": {
                "region": {"type": "string", "x-mcp-header": "Region"},
                "count": {"type": "integer", "x-mcp-header": "Count"}}}},
            {"name": "broken", "inputSchema": {"type": "object", "properties": {
                "region": {"type": "number", "x-mcp-header": "Region"}}}}]}),
        _ => plain(),
    })
    .await
}

#[tokio::test]
async fn s40_p12_p13_mirrored_arguments_are_checked_and_written_anew() {
    let world = world(regional().await, "").await;
    let token = world.token("mcp.tools.invoke");
    let listed = world.send(ask(&token, "tools/list", json!({}))).await.json();
    let names: Vec<_> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["deploy"], "a tool with an annotation that breaks a rule is dropped");

    let call = |arguments: Value| invoke(&token, "deploy", arguments);
    for (arguments, header, value) in [
        (json!({"region": "eu"}), "mcp-param-region", "us"),
        (json!({"region": "eu"}), "mcp-param-other", "eu"),
        (json!({}), "mcp-param-region", "eu"),
        (json!({"region": null}), "mcp-param-region", "eu"),
        (json!({"region": "eu"}), "mcp-param-region", "=?base64?ZXU?="),
        (json!({"count": 42}), "mcp-param-count", "41"),
    ] {
        let request = with_header(call(arguments.clone()), header, value);
        assert_eq!(outcome(&world, request).await, (400, -32020), "{arguments} {header}: {value}");
    }
    assert!(world.upstream.calls("tools/call").is_empty());

    let request = with_header(
        call(json!({"region": "Zürich", "count": 42})),
        "mcp-param-region",
        "=?base64?WsO8cmljaA==?=",
    );
    let request =
        with_header(with_header(request, "mcp-param-count", "42.0"), "mcp-param-else", "x");
    assert_eq!(world.send(request).await.status, 200);
    let sent = &world.upstream.calls("tools/call")[0].headers;
    assert_eq!(sent["mcp-param-region"], "=?base64?WsO8cmljaA==?=");
    assert_eq!(sent["mcp-param-count"], "42");
    assert_eq!(
        (&sent["mcp-name"], &sent["mcp-method"]),
        (&"deploy".parse().unwrap(), &"tools/call".parse().unwrap())
    );
    assert!(!sent.contains_key("mcp-param-else"), "what mirrors nothing is not sent on");

    let broken = invoke(&token, "broken", json!({"region": 1}));
    assert_eq!(outcome(&world, broken).await, (403, 40304), "what is hidden is refused");
}

#[tokio::test]
async fn s40_p12_a_tool_that_no_list_named_is_asked_for_before_it_is_called() {
    let world = world(regional().await, "").await;
    let token = world.token("mcp.tools.invoke");
    let call = |value| {
        with_header(invoke(&token, "deploy", json!({"region": "eu"})), "mcp-param-region", value)
    };
    assert_eq!(outcome(&world, call("us")).await, (400, -32020));
    assert!(world.upstream.calls("tools/call").is_empty());
    assert_eq!(world.send(call("eu")).await.status, 200);
    assert_eq!(world.upstream.calls("tools/call")[0].headers["mcp-param-region"], "eu");
    // An unknown tool is the server's business; it is not asked about once for every call.
    for _ in 0..3 {
        let unknown = with_header(invoke(&token, "unknown", json!({})), "mcp-param-region", "x");
        assert_eq!(world.send(unknown).await.status, 200);
    }
    let lists = world.upstream.calls("tools/list");
    assert_eq!(lists.len(), 1, "MIRROR_ASK_MS has not passed");
    assert!(!lists[0].headers.contains_key("authorization"));
    assert!(!world.upstream.calls("tools/call")[1].headers.contains_key("mcp-param-region"));
}

#[tokio::test]
async fn p12_endless_pages_of_tools_are_given_up() {
    let upstream = server(|method, _| match method {
        "tools/list" => json!({"tools": [], "nextCursor": "again"}),
        _ => plain(),
    })
    .await;
    let world = world(upstream, "").await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.send(invoke(&token, "echo", json!({}))).await.status, 200);
    assert_eq!(world.upstream.calls("tools/list").len(), MIRROR_PAGES_MAX);
}

#[tokio::test]
async fn s46_p14_repeated_and_joined_claims_are_refused() {
    let world = world(server(|_, _| plain()).await, "").await;
    let token = world.token("mcp.tools.invoke");
    for (name, value) in
        [("mcp-name", "echo"), ("mcp-method", "tools/call"), ("mcp-protocol-version", VERSION)]
    {
        let mut twice = invoke(&token, "echo", json!({}));
        twice.headers_mut().append(name, value.parse().unwrap());
        assert_eq!(outcome(&world, twice).await, (400, -32020), "{name} twice");
        let joined =
            with_header(invoke(&token, "echo", json!({})), name, &format!("{value}, {value}"));
        assert_eq!(outcome(&world, joined).await, (400, -32020), "{name} joined");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p15_session_and_event_ids_mean_nothing_to_a_modern_request() {
    let world = world(server(|_, _| plain()).await, "").await;
    let request = invoke(&world.token("mcp.tools.invoke"), "echo", json!({}));
    let request =
        with_header(with_header(request, "mcp-session-id", "nobody's"), "last-event-id", "7");
    let reply = world.send(request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.headers.contains_key("mcp-session-id"));
    let sent = &world.upstream.calls("tools/call")[0].headers;
    assert!(!sent.contains_key("mcp-session-id") && !sent.contains_key("last-event-id"));
}

#[tokio::test]
async fn p16_what_no_gate_understands_is_not_offered() {
    let offer = json!({
        "tools": {"listChanged": true}, "tasks": {"list": {}}, "experimental": {"x": {}}, "resources": {},
        "extensions": {"com.example/secret": {}, TASKS: {}, "io.modelcontextprotocol/ui": {"a": 1}},
        "invented": {}});
    let seen = offer.clone();
    let upstream = server(move |_, _| {
        json!({"supportedVersions": ["2099-01-01", VERSION, "2025-11-25"], "capabilities": seen})
    })
    .await;
    let modern = world(upstream, "").await;
    let reply = modern.send(ask(&modern.token(""), "server/discover", json!({}))).await.json();
    let result = &reply["result"];
    assert_eq!(result["supportedVersions"], json!([VERSION, "2025-11-25"]));
    let kept = json!({"tools": {"listChanged": true}, "resources": {},
                      "extensions": {TASKS: {}, "io.modelcontextprotocol/ui": {"a": 1}}});
    assert_eq!(result["capabilities"], kept);

    let upstream = server(move |_, _| {
        json!({"protocolVersion": "2025-11-25", "capabilities": offer,
               "serverInfo": {"name": "s", "version": "1"}})
    })
    .await;
    let legacy = World::new(upstream).await;
    let reply = legacy.post(&legacy.token(""), &crate::support::initialize()).await;
    let reply = reply.json();
    let kept = json!({"tools": {"listChanged": true}, "resources": {},
                      "extensions": {"io.modelcontextprotocol/ui": {"a": 1}}});
    assert_eq!(reply["result"]["capabilities"], kept, "experimental tasks are not offered");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                      "params": {"name": "echo", "task": {"ttl": 1000}}});
    let reply = legacy.post(&legacy.token("mcp.tools.invoke"), &call).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "params_invalid"));
}
