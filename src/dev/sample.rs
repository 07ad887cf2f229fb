//! A sample of the servers that Sallyport is made for: MCP over plain HTTP, stateful, and no
//! security at all. It believes everybody and returns whole customer records.
//!
//! Used by `sallyport demo`. Speaks MCP 2025-06-18, Streamable HTTP, with sessions; answers calls
//! as JSON, or as an event stream where the tool reports progress.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// Serves the sample on a loopback port that the system chooses, until `stop`.
///
/// # Errors
/// When no loopback port can be bound.
pub async fn start(stop: CancellationToken) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept(listener, stop));
    Ok(address)
}

#[derive(Debug, Default)]
struct Sample {
    sessions: Mutex<HashSet<String>>,
}

async fn accept(listener: TcpListener, stop: CancellationToken) {
    let sample = Arc::new(Sample::default());
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            Some(_) = connections.join_next() => continue,
        };
        if connections.len() >= limits::ADMIN_CONNECTIONS_MAX {
            continue;
        }
        // A sample answers whether or not the socket takes the hint.
        let _ = stream.set_nodelay(true);
        let sample = Arc::clone(&sample);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let sample = Arc::clone(&sample);
                async move { Ok::<_, Infallible>(sample.answer(request).await) }
            });
            // A client that goes away is none of a sample's concern.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Sample {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/mcp" {
            return status(StatusCode::NOT_FOUND);
        }
        match *request.method() {
            Method::POST => {}
            Method::DELETE => return status(StatusCode::OK),
            _ => {
                let mut refused = status(StatusCode::METHOD_NOT_ALLOWED);
                refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, DELETE"));
                return refused;
            }
        }
        let session = request
            .headers()
            .get("mcp-session-id")
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        let body = Limited::new(request.into_body(), limits::BODY_BYTES_MAX).collect().await;
        let Some(message) = body.ok().and_then(|b| serde_json::from_slice(&b.to_bytes()).ok())
        else {
            return status(StatusCode::BAD_REQUEST);
        };
        self.message(&message, session.as_deref())
    }

    fn message(&self, message: &Value, session: Option<&str>) -> Response<Full<Bytes>> {
        let method = message["method"].as_str().unwrap_or_default();
        let Some(id) = message.get("id") else { return status(StatusCode::ACCEPTED) };
        if method == "initialize" {
            return self.initialize(id, message.pointer("/params/protocolVersion"));
        }
        let known = session.is_some_and(|s| {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).contains(s)
        });
        if !known {
            return status(StatusCode::NOT_FOUND);
        }
        match method {
            "ping" => rpc(id, &json!({})),
            "tools/list" => rpc(id, &json!({"tools": tools()})),
            "tools/call" => {
                let params = &message["params"];
                call(id, params["name"].as_str().unwrap_or_default(), &params["arguments"])
            }
            _ => error(id, -32601, "method not found"),
        }
    }

    fn initialize(&self, id: &Value, version: Option<&Value>) -> Response<Full<Bytes>> {
        let session = uuid::Uuid::now_v7().to_string();
        let version = version.and_then(Value::as_str).unwrap_or("2025-06-18").to_owned();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            sessions.clear();
        }
        sessions.insert(session.clone());
        let mut response = rpc(
            id,
            &json!({
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "legacy-crm", "version": "0.9"},
            }),
        );
        if let Ok(value) = HeaderValue::from_str(&session) {
            response.headers_mut().insert("mcp-session-id", value);
        }
        response
    }
}

fn call(id: &Value, tool: &str, arguments: &Value) -> Response<Full<Bytes>> {
    match tool {
        "crm.lookup_customer" => {
            let wanted = arguments["name"].as_str().unwrap_or("Ada");
            let found = customers().into_iter().find(|c| {
                c["name"]
                    .as_str()
                    .is_some_and(|n| n.to_lowercase().contains(&wanted.to_lowercase()))
            });
            let record = found.unwrap_or_else(|| json!({"name": null}));
            rpc(id, &tool_result(&record))
        }
        "crm.export_all" => rpc(id, &tool_result(&json!({"customers": customers()}))),
        "notes.search" => rpc(
            id,
            &json!({"content": [{"type": "text", "text":
                "3 notes found; the newest says: renewal call on Thursday, build 1.20.300-rc4."}]}),
        ),
        "admin.delete_customer" => rpc(
            id,
            &json!({"content": [{"type": "text", "text": "deleted, and nobody asked who you are"}]}),
        ),
        _ => error(id, -32602, "unknown tool"),
    }
}

/// The record twice, as servers send it: as text and as structured content.
fn tool_result(record: &Value) -> Value {
    json!({
        "content": [{"type": "text", "text": record.to_string()}],
        "structuredContent": record,
        "isError": false,
    })
}

/// Invented people; numbers are published test values.
fn customers() -> Vec<Value> {
    vec![
        json!({
            "name": "Ada Byron", "email": "ada.byron@example.com", "phone": "+1 212-555-0147",
            "ssn": "219-09-9999", "card": "4111 1111 1111 1111",
            "iban": "GB82 WEST 1234 5698 7654 32", "last_login_ip": "198.51.100.23",
            "order": "20261122-000417", "balance": 1204.5,
        }),
        json!({
            "name": "Grace Hopper", "email": "grace@example.org", "phone": "+44 20 7946 0958",
            "ssn": "078-05-1120", "card": "5500-0000-0000-0004",
            "iban": "DE89370400440532013000", "last_login_ip": "2001:db8::7334",
            "order": "20261120-000388", "balance": 87,
        }),
    ]
}

fn tools() -> Value {
    let record = json!({"type": "object", "properties": {"name": {"type": ["string", "null"]}}});
    let name = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    json!([
        {"name": "crm.lookup_customer", "description": "Finds a customer by name.",
         "inputSchema": name, "outputSchema": record},
        {"name": "crm.export_all", "description": "Returns every customer.",
         "inputSchema": {"type": "object"}},
        {"name": "notes.search", "description": "Searches notes.",
         "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}}},
        {"name": "admin.delete_customer", "description": "Deletes a customer for ever.",
         "inputSchema": name},
    ])
}

fn rpc(id: &Value, result: &Value) -> Response<Full<Bytes>> {
    body(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn error(id: &Value, code: i32, message: &str) -> Response<Full<Bytes>> {
    body(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}))
}

fn body(value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = code;
    response
}

/// Sessions that the sample remembers before it forgets them all.
const SESSIONS_MAX: usize = 1024;
