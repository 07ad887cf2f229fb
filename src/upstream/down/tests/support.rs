//! A legacy server without a transport, and a modern client without HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::mcp::sse::Decoder;
use crate::principal::{AuthMethod, Principal};
use crate::reject::Rejection;
use crate::upstream::answer::{Raw, RawBody};
use crate::upstream::down::splice::read;
use crate::upstream::down::{Asked, Down, Setup};
use crate::upstream::link::{Dial, Dialing};
use crate::upstream::link::{Heard, Link, LinkError, Said, Sending, Transport};

pub const NOW_S: u64 = 1_800_000_000;

type React = dyn Fn(&Wire, &Value) + Send + Sync;

/// The server: one wire per conversation.
pub struct Server {
    wires: Mutex<Vec<Arc<Wire>>>,
    react: Box<React>,
    count: watch::Sender<usize>,
    /// Whether a new conversation opens only when the test lets it.
    pub gate: tokio::sync::Semaphore,
}

/// One conversation as the server sees it.
pub struct Wire {
    pub number: usize,
    pub who: Box<str>,
    mouth: Mutex<Option<mpsc::Sender<Heard>>>,
    said: Mutex<Vec<Said>>,
    count: watch::Sender<usize>,
    pub closed: AtomicBool,
    server: std::sync::Weak<Server>,
    /// Whether messages come on the stream of the request that they belong to.
    pub tagged: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire {}", self.number)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    pub fn reacting(react: impl Fn(&Wire, &Value) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            wires: Mutex::default(),
            react: Box::new(react),
            count: watch::channel(0).0,
            gate: tokio::sync::Semaphore::new(1_000_000),
        })
    }

    pub fn wires(&self) -> Vec<Arc<Wire>> {
        self.wires.lock().unwrap().clone()
    }

    pub fn wire(&self, number: usize) -> Arc<Wire> {
        Arc::clone(&self.wires.lock().unwrap()[number])
    }
}

impl Dial for Arc<Server> {
    fn dial<'d>(&'d self, who: &'d Principal) -> Dialing<'d> {
        Box::pin(async move {
            self.gate.acquire().await.unwrap().forget();
            let (mouth, heard) = mpsc::channel(256);
            let mut wires = self.wires.lock().unwrap();
            let wire = Arc::new(Wire {
                number: wires.len(),
                who: who.subject.as_ref().into(),
                mouth: Mutex::new(Some(mouth)),
                said: Mutex::default(),
                count: watch::channel(0).0,
                closed: AtomicBool::new(false),
                server: Arc::downgrade(self),
                tagged: wires.len() % 2 == 1,
            });
            wires.push(Arc::clone(&wire));
            self.count.send_replace(wires.len());
            Ok(Link { transport: wire, heard })
        })
    }
}

impl Transport for Wire {
    fn say(&self, message: Said) -> Sending<'_> {
        Box::pin(async move {
            if self.mouth.lock().unwrap().is_none() {
                return Err(LinkError::Closed("hung up"));
            }
            assert!(!message.message.contains(&b'\n'), "a message is one line");
            let value: Value = serde_json::from_slice(&message.message).unwrap();
            self.said.lock().unwrap().push(message);
            if let Some(server) = self.server.upgrade() {
                (server.react)(self, &value);
            }
            self.count.send_modify(|count| *count += 1);
            Ok(())
        })
    }

    fn listen(&self) {}

    fn forget(&self, _tag: u64) {}

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.mouth.lock().unwrap().take();
    }

    fn why_closed(&self) -> LinkError {
        LinkError::Closed("hung up")
    }
}

impl Wire {
    /// Speaks; to the stream of the request `about`, where the transport has such streams.
    pub fn speak(&self, about: Option<&Value>, message: &Value) {
        let tag = about.filter(|_| self.tagged).and_then(Value::as_u64);
        let message = Bytes::from(message.to_string());
        self.hear(Heard::Message { tag, message });
    }

    pub fn hear(&self, heard: Heard) {
        if let Some(mouth) = self.mouth.lock().unwrap().as_ref() {
            mouth.try_send(heard).unwrap();
        }
    }

    pub fn answer(&self, to: &Value, result: &Value) {
        self.speak(Some(&to["id"]), &json!({"jsonrpc": "2.0", "id": to["id"], "result": result}));
    }

    pub fn fail(&self, to: &Value, code: i32) {
        self.speak(
            Some(&to["id"]),
            &json!({"jsonrpc": "2.0", "id": to["id"], "error": {"code": code, "message": "no"}}),
        );
    }

    pub fn greet(&self, to: &Value) {
        self.answer(to, &greeting());
    }

    /// The server goes away.
    pub fn hang_up(&self) {
        self.mouth.lock().unwrap().take();
    }

    pub fn said(&self) -> Vec<Value> {
        let said = self.said.lock().unwrap();
        said.iter().map(|said| serde_json::from_slice(&said.message).unwrap()).collect()
    }

    pub fn raw(&self) -> Vec<Said> {
        self.said.lock().unwrap().clone()
    }

    pub fn all(&self, method: &str) -> Vec<Value> {
        self.said().into_iter().filter(|said| said["method"] == method).collect()
    }

    /// Waits until something of the kind was said.
    pub async fn wait(&self, found: impl Fn(&Value) -> bool) -> Value {
        let mut count = self.count.subscribe();
        loop {
            if let Some(said) = self.said().into_iter().find(|said| found(said)) {
                return said;
            }
            count.changed().await.unwrap();
        }
    }

    pub async fn wait_for(&self, method: &str) -> Value {
        self.wait(|said| said["method"] == method).await
    }
}

pub fn greeting() -> Value {
    json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {"listChanged": true}, "prompts": {}, "logging": {},
            "resources": {"subscribe": true, "listChanged": true}},
        "serverInfo": {"name": "old", "version": "1"},
    })
}

/// Reacts to a handshake, and with `react` to everything else.
pub fn greeting_then(react: impl Fn(&Wire, &Value) + Send + Sync + 'static) -> Arc<Server> {
    Server::reacting(move |wire, said| match said["method"].as_str() {
        Some("initialize") => wire.greet(said),
        _other => react(wire, said),
    })
}

/// The bridge, its server and their clock.
pub struct World {
    pub down: Arc<Down>,
    pub server: Arc<Server>,
    pub clock: Clock,
}

pub const ALL: [ServerRequest; 3] =
    [ServerRequest::Sampling, ServerRequest::Elicitation, ServerRequest::Roots];

/// What the tests' clients can do.
pub fn able() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}})
}

impl World {
    pub fn new(server: Arc<Server>) -> Self {
        Self::allowing(server, &ALL)
    }

    pub fn allowing(server: Arc<Server>, allowed: &[ServerRequest]) -> Self {
        let clock = Clock::manual(NOW_S);
        let down = Down::new(Setup {
            dial: Arc::new(Arc::clone(&server)),
            server: "crm".into(),
            server_requests: allowed.to_vec(),
            deadline: Duration::from_secs(5),
            clock: clock.clone(),
        });
        Self { down: Arc::new(down.unwrap()), server, clock }
    }

    /// Sends a request of `who`; `params` gets the `_meta` of a modern one.
    pub async fn ask(&self, who: &str, id: i64, method: &str, params: Value) -> Answer {
        self.ask_as(who, able(), id, method, params).await
    }

    pub async fn ask_as(
        &self,
        who: &str,
        capabilities: Value,
        id: i64,
        method: &str,
        params: Value,
    ) -> Answer {
        ask(&self.down, who, capabilities, id, method, params).await
    }

    pub async fn call(&self, who: &str, id: i64, tool: &str) -> Answer {
        self.ask(who, id, "tools/call", json!({"name": tool, "arguments": {"a": 1}})).await
    }
}

pub type Answer = Result<Raw, Rejection>;

pub async fn ask(
    down: &Down,
    who: &str,
    capabilities: Value,
    id: i64,
    method: &str,
    mut params: Value,
) -> Answer {
    let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "c", "version": "1"});
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let document = read(Bytes::from(message.to_string())).unwrap();
    let who = principal(who);
    let asked = Asked { who: &who, document: &document, id: Bytes::from(id.to_string()), method };
    down.serve(asked).await
}

pub fn principal(name: &str) -> Principal {
    Principal::new(AuthMethod::Bearer, "https://issuer.example".into(), name.into())
}

/// An answer in one piece.
pub async fn json_of(answer: Answer) -> Value {
    let mut raw = answer.unwrap();
    assert_eq!(raw.headers["content-type"], "application/json");
    let body = raw.body.data().await.unwrap().unwrap();
    assert!(raw.body.data().await.is_none());
    serde_json::from_slice(&body).unwrap()
}

pub async fn status_and_json(answer: Answer) -> (StatusCode, Value) {
    let status = answer.as_ref().unwrap().status;
    (status, json_of(answer).await)
}

/// An answer in events.
pub struct Events {
    body: RawBody,
    decoder: Decoder,
}

pub fn events_of(answer: Answer) -> Events {
    let raw = answer.unwrap();
    assert_eq!(raw.headers["content-type"], "text/event-stream");
    Events { body: raw.body, decoder: Decoder::new(1 << 20) }
}

impl Events {
    /// The next message; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.decoder.next_event() {
                return Some(serde_json::from_slice(&event.unwrap().data.unwrap()).unwrap());
            }
            let data = self.body.data().await?.unwrap();
            self.decoder.push(data);
        }
    }
}
