//! An MCP server that does what a test tells it, and remembers what reached it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A request as the upstream saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

pub type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;
type Answerer = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// A running upstream; stops with the test's runtime.
#[derive(Clone)]
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    /// Answers every request with `answer`.
    pub async fn answering(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::answering_at("127.0.0.1:0", answer).await
    }

    /// The same at another address.
    pub async fn answering_at(
        bind: &str,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(bind).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Answerer = Arc::new(answer);
        let (log, answers) = (Arc::clone(&seen), answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answers));
                tokio::spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await.unwrap().to_bytes();
                            let seen = Seen {
                                method: head.method,
                                target: head.uri.to_string(),
                                headers: head.headers,
                                body,
                            };
                            let reply = answer(&seen);
                            log.lock().unwrap().push(seen);
                            Ok::<_, Infallible>(reply)
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, seen }
    }

    /// A well-behaved MCP server whose tools return `result`.
    pub async fn tool(result: Value) -> Self {
        Self::answering(move |seen| {
            let message = seen.json();
            let Some(id) = message.get("id").cloned() else { return status(202) };
            match message["method"].as_str().unwrap_or_default() {
                "initialize" => {
                    let mut reply = rpc(&id, &json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "mock", "version": "1"}}));
                    reply.headers_mut().insert("mcp-session-id", "upstream-session-1".parse().unwrap());
                    reply
                }
                "tools/list" => rpc(&id, &json!({"tools": [
                    {"name": "echo", "inputSchema": {"type": "object"}},
                    {"name": "crm.read", "inputSchema": {"type": "object"}},
                    {"name": "admin.wipe", "inputSchema": {"type": "object"}}]})),
                _ => rpc(&id, &result),
            }
        })
        .await
    }

    /// Sends these bytes to whoever connects and has sent a head, then does what `after` says.
    pub async fn raw(bytes: &'static [u8], after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut buffer = [0; 4096];
                    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(n) => head.extend_from_slice(&buffer[..n]),
                        }
                    }
                    log.lock().unwrap().push(Seen {
                        method: Method::POST,
                        target: String::new(),
                        headers: HeaderMap::new(),
                        body: Bytes::from(head),
                    });
                    let _ = stream.write_all(bytes).await;
                    match after {
                        After::Close => {}
                        After::Hang => std::future::pending::<()>().await,
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// A port on which nobody listens.
    pub async fn dead() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        Self { address, seen: Arc::default() }
    }

    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What reached it of one JSON-RPC method.
    pub fn calls(&self, method: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|s| s.json()["method"] == method).collect()
    }
}

/// What a raw upstream does after its bytes.
#[derive(Debug, Clone, Copy)]
pub enum After {
    Close,
    Hang,
}

pub fn rpc(id: &Value, result: &Value) -> Answer {
    json_answer(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

pub fn json_answer(value: &Value) -> Answer {
    bytes_answer("application/json", Bytes::from(value.to_string()))
}

pub fn bytes_answer(media: &str, bytes: Bytes) -> Answer {
    Response::builder().header("content-type", media).body(Full::new(bytes).boxed_unsync()).unwrap()
}

pub fn status(code: u16) -> Answer {
    Response::builder().status(code).body(Full::new(Bytes::new()).boxed_unsync()).unwrap()
}

/// An event stream that sends what comes through the channel.
pub fn events(receiver: mpsc::UnboundedReceiver<Bytes>) -> Answer {
    let frames = stream::unfold(receiver, |mut receiver| async move {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), receiver))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(StreamBody::new(frames).boxed_unsync())
        .unwrap()
}
