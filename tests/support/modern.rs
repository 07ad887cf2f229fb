//! A server of MCP 2026-07-28 and nothing else: it refuses what the specification tells it to
//! refuse, and does what a test asks of its tools.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::upstream::{Answer, Seen, Upstream, events, json_answer, status};

const VERSION: &str = "2026-07-28";
const META: &str = "io.modelcontextprotocol/";

/// A stream that the server keeps open.
#[derive(Debug, Clone)]
pub struct Open {
    /// The request that opened it.
    pub request: Value,
    sender: UnboundedSender<Bytes>,
}

impl Open {
    /// Says one message on it.
    pub fn say(&self, message: &Value) {
        let _ = self.sender.send(event(message));
    }

    /// Says a notification of a subscription, tagged as it must be.
    pub fn tell(&self, method: &str, params: Value) {
        let mut params = params;
        params["_meta"][format!("{META}subscriptionId")] = self.request["id"].clone();
        self.say(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Answers the request.
    pub fn answer(&self, result: &Value) {
        self.say(&done(&self.request["id"], result));
    }

    /// Waits until the other end has closed it.
    pub async fn closed(&self) {
        tokio::time::timeout(std::time::Duration::from_secs(10), self.sender.closed())
            .await
            .expect("the stream was closed");
    }

    /// Whether the other end has closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// A running modern server.
#[derive(Clone)]
pub struct Modern {
    pub upstream: Upstream,
    streams: Arc<Mutex<Vec<Open>>>,
}

impl Modern {
    pub async fn start() -> Self {
        let streams = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&streams);
        let upstream = Upstream::answering(move |seen| answer(seen, &kept)).await;
        Self { upstream, streams }
    }

    /// The n-th stream that was kept open, once there is one.
    pub async fn stream(&self, n: usize) -> Open {
        for _ in 0..1000 {
            if let Some(open) = self.streams.lock().unwrap().get(n) {
                return open.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("no stream {n}");
    }

    /// Bodies of the requests of one method.
    pub fn asked(&self, method: &str) -> Vec<Value> {
        self.upstream.calls(method).iter().map(Seen::json).collect()
    }
}

fn event(message: &Value) -> Bytes {
    Bytes::from(format!("data: {message}\n\n"))
}

fn done(id: &Value, result: &Value) -> Value {
    let mut result = result.clone();
    if result["resultType"].is_null() {
        result["resultType"] = json!("complete");
    }
    result["_meta"][format!("{META}serverInfo")] = json!({"name": "modern", "version": "3"});
    json!({"result": result, "id": id, "jsonrpc": "2.0"})
}

fn refusal(code: u16, id: &Value, error: i64, data: Value) -> Answer {
    let body = json!({"jsonrpc": "2.0", "id": id, "error": {"code": error, "message": "refused", "data": data}});
    let mut answer = json_answer(&body);
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
    answer
}

/// The ladder of the specification, then the method.
fn answer(seen: &Seen, streams: &Mutex<Vec<Open>>) -> Answer {
    if seen.method != http::Method::POST {
        return status(405);
    }
    let message = seen.json();
    let id = &message["id"];
    let header = |name: &str| seen.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    let meta = &message["params"]["_meta"];
    let claimed = meta[format!("{META}protocolVersion")].as_str();
    let method = message["method"].as_str().unwrap_or_default();
    let name = match method {
        "resources/read" => message["params"]["uri"].as_str(),
        "tools/call" | "prompts/get" => message["params"]["name"].as_str(),
        _ => None,
    };
    match (header("mcp-protocol-version").as_deref(), claimed) {
        (Some(VERSION), Some(VERSION)) => {}
        (None | Some("2024-11-05" | "2025-03-26" | "2025-06-18" | "2025-11-25"), None) => {
            return refusal(400, id, -32022, json!({"supported": [VERSION], "requested": ""}));
        }
        _ => return refusal(400, id, -32020, json!({})),
    }
    let region = message["params"]["arguments"]["region"].as_str();
    let mirrored = header("mcp-param-region");
    let mirrored = mirrored.as_deref().and_then(sallyport::mcp::headers::decode);
    let mirrors = name != Some("region") || mirrored.as_deref() == region;
    if header("mcp-method").as_deref() != Some(method)
        || header("mcp-name").as_deref() != name
        || !mirrors
    {
        return refusal(400, id, -32020, json!({}));
    }
    if !meta[format!("{META}clientCapabilities")].is_object() {
        return refusal(400, id, -32602, json!({}));
    }
    match method {
        "tools/call" => call(&message, streams),
        "subscriptions/listen" => listen(&message, streams),
        _ => match simple(method, &message["params"]) {
            Ok(result) => json_answer(&done(id, &result)),
            Err((code, error)) => refusal(code, id, error, json!({})),
        },
    }
}

fn simple(method: &str, params: &Value) -> Result<Value, (u16, i64)> {
    let cached = |mut result: Value| {
        result["ttlMs"] = json!(60_000);
        result["cacheScope"] = json!("public");
        Ok(result)
    };
    let schema = json!({"type": "object"});
    match method {
        "server/discover" => cached(
            json!({"supportedVersions": [VERSION], "instructions": "be kind", "capabilities": {
            "tools": {"listChanged": true}, "prompts": {}, "resources": {"subscribe": true, "listChanged": true},
            "logging": {}, "completions": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}}),
        ),
        "tools/list" => cached(json!({"tools": [
            {"name": "echo", "inputSchema": schema}, {"name": "ask", "inputSchema": schema},
            {"name": "admin.wipe", "inputSchema": schema},
            {"name": "region", "inputSchema": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}}]})),
        "resources/list" => cached(json!({"resources": [{"uri": "note:///one", "name": "one"}]})),
        "resources/read" if params["uri"] == "note:///one" => {
            cached(json!({"contents": [{"uri": "note:///one", "text": "first"}]}))
        }
        "resources/read" => Err((400, -32602)),
        "prompts/list" => cached(json!({"prompts": [{"name": "greet"}]})),
        "prompts/get" => Ok(
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": "hello"}}]}),
        ),
        "completion/complete" => Ok(json!({"completion": {"values": ["paris"]}})),
        _ => Err((404, -32601)),
    }
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}], "isError": false})
}

fn call(message: &Value, streams: &Mutex<Vec<Open>>) -> Answer {
    let (id, params) = (&message["id"], &message["params"]);
    let needs = |key: &str, request: Value, state: &str| {
        json_answer(&done(
            id,
            &json!({"resultType": "input_required", "requestState": state, "inputRequests": {key: request}}),
        ))
    };
    let given = &params["inputResponses"];
    let form = |message: &str| json!({"method": "elicitation/create", "params": {"message": message, "requestedSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}});
    match params["name"].as_str().unwrap_or_default() {
        // Two rounds, and the state of the first comes back changed by nobody.
        "ask" => match params["requestState"].as_str() {
            None => needs("first", form("your name?"), "round/one+=\u{e9}"),
            Some("round/one+=\u{e9}") => {
                needs("second", form("your town?"), &format!("two:{}", given["first"]))
            }
            Some(state) => json_answer(&done(id, &text(&format!("{state} {}", given["second"])))),
        },
        "sample" => match given["s"].is_null() {
            true => needs(
                "s",
                json!({"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}),
                "s",
            ),
            false => json_answer(&done(id, &text(&given["s"].to_string()))),
        },
        "forever" => needs("q", json!({"method": "roots/list"}), "again"),
        // Kept open: the test speaks.
        "slow" => open(message, streams).0,
        _ => json_answer(&done(
            id,
            &json!({"content": [], "structuredContent": {"big": 7, "args": params["arguments"]},
            "level": params["_meta"][format!("{META}logLevel")]}),
        )),
    }
}

fn listen(message: &Value, streams: &Mutex<Vec<Open>>) -> Answer {
    let (answer, open) = open(message, streams);
    let filter = message["params"]["notifications"].clone();
    open.tell("notifications/subscriptions/acknowledged", json!({"notifications": filter}));
    answer
}

fn open(message: &Value, streams: &Mutex<Vec<Open>>) -> (Answer, Open) {
    let (sender, receiver): (_, UnboundedReceiver<Bytes>) = unbounded_channel();
    let open = Open { request: message.clone(), sender };
    streams.lock().unwrap().push(open.clone());
    (events(receiver), open)
}
