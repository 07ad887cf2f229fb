//! A legacy client as tests play it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sallyport::mcp::sse::Decoder;
use serde_json::{Value, json};

use crate::support::{HOST, Reply, World, initialize, post, with_header};

/// All that a test's client may do.
pub const SCOPES: &str =
    "mcp.tools.invoke mcp.resources.read mcp.resources.subscribe mcp.prompts.get mcp.completion";

/// A legacy client with a session.
pub struct Client<'w> {
    pub world: &'w World,
    pub token: String,
    pub session: String,
}

impl<'w> Client<'w> {
    pub async fn open(world: &'w World, capabilities: Value) -> Self {
        let token = world.token(SCOPES);
        let mut hello = initialize();
        hello["params"]["capabilities"] = capabilities;
        let reply = world.post(&token, &hello).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let session = reply.header("mcp-session-id").to_owned();
        Self { world, token, session }
    }

    pub fn request(&self, message: &Value) -> Request<Full<Bytes>> {
        let request = post(Some(&self.token), message.to_string());
        let request = with_header(request, "mcp-protocol-version", "2025-06-18");
        with_header(request, "mcp-session-id", &self.session)
    }

    pub async fn send(&self, message: &Value) -> Reply {
        self.world.send(self.request(message)).await
    }

    pub async fn result(&self, method: &str, params: Value) -> Value {
        let reply = self
            .send(&json!({"jsonrpc": "2.0", "id": "r-1", "method": method, "params": params}))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub async fn stream(&self, message: &Value) -> Events {
        let response = self.world.open(self.request(message)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events::of(response.into_body())
    }

    /// The stream of what the server says unasked.
    pub async fn listen(&self) -> Events {
        let response = self.world.open(self.bodyless("GET")).await;
        assert_eq!(response.status(), 200);
        Events::of(response.into_body())
    }

    pub fn bodyless(&self, method: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri("/mcp")
            .header("host", HOST)
            .header("accept", "text/event-stream")
            .header("authorization", format!("Bearer {}", self.token))
            .header("mcp-protocol-version", "2025-06-18")
            .header("mcp-session-id", &self.session)
            .body(Full::default())
            .unwrap()
    }
}

/// The messages of an event stream.
pub struct Events {
    body: Incoming,
    decoder: Decoder,
}

impl Events {
    pub fn of(body: Incoming) -> Self {
        Self { body, decoder: Decoder::new(1 << 20) }
    }

    /// The next message; `Null` at the end.
    pub async fn next(&mut self) -> Value {
        loop {
            while let Some(event) = self.decoder.next_event() {
                if let Some(data) = event.unwrap().data.filter(|data| !data.is_empty()) {
                    return serde_json::from_slice(&data).unwrap();
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(10), self.body.frame()).await;
            match frame.expect("an event within ten seconds") {
                Some(frame) => self.decoder.push(frame.unwrap().into_data().unwrap_or_default()),
                None => return Value::Null,
            }
        }
    }
}

/// The client's answer to a question of the server.
pub fn answer(question: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": question["id"], "result": result})
}
