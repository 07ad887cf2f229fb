//! An MCP server that answers `tools/call` from memory, over plain HTTP/1.1, in a session or without.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Starts it on the current `LocalSet`; `answer` is asked once for each of [`TOOLS`].
pub async fn start(answer: fn(&str) -> Arc<str>) -> SocketAddr {
    let answers: Arc<Vec<(&str, Bytes)>> = Arc::new(
        TOOLS.iter().map(|tool| (*tool, Bytes::copy_from_slice(answer(tool).as_bytes()))).collect(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let answers = Arc::clone(&answers);
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| reply(Arc::clone(&answers), request));
                // Ends when the peer closes; how is of no interest.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

async fn reply(
    answers: Arc<Vec<(&'static str, Bytes)>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::POST {
        // It has no stream of its own, and forgets no session.
        return Ok(status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let has = |text: &str| memchr::memmem::find(&body, text.as_bytes()).is_some();
    if has("\"method\":\"notifications/") {
        return Ok(status(StatusCode::ACCEPTED));
    }
    if has("\"method\":\"initialize\"") {
        let greeting = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"protocolVersion":"2025-11-25","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"bench","version":"1"}}}}}}"#,
            id(&body)
        );
        let mut response = json(greeting.into());
        response.headers_mut().insert("mcp-session-id", HeaderValue::from_static("bench"));
        return Ok(response);
    }
    let (_, answer) = answers
        .iter()
        .find(|(tool, _)| has(&format!("\"name\":\"{tool}\"")))
        .expect("a call of a known tool");
    let id = id(&body);
    if id == "1" {
        return Ok(json(answer.clone()));
    }
    let rest = std::str::from_utf8(answer).unwrap().strip_prefix(FIRST).expect("a sample");
    Ok(json(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{rest}").into()))
}

/// The id of a request as it was written; a number.
fn id(body: &[u8]) -> String {
    let at = memchr::memmem::find(body, b"\"id\":").expect("a request") + 5;
    body[at..].iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect()
}

fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// How the sample answers begin.
const FIRST: &str = r#"{"jsonrpc":"2.0","id":1,"#;

/// The tools it has.
pub const TOOLS: &[&str] = &["small", "personal", "clean"];
