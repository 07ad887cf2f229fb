//! An MCP server whose event streams stay open and say nothing.

use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

/// Prints its address, then serves until it is killed.
pub async fn serve() {
    // The queue of the standard library is too short for thousands at once.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(4096).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr().unwrap()).unwrap();
    out.flush().unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            // Ends when the peer closes; how is of no interest.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(reply))
                .await;
        });
    }
}

/// Answers, or a stream that says nothing.
enum Reply {
    Whole(Full<Bytes>),
    Silence,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Silence => Poll::Pending,
        }
    }
}

async fn reply(request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
    if request.method() == Method::GET {
        return Ok(of("text/event-stream", Reply::Silence));
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let result = match message["method"].as_str() {
        Some("initialize") => {
            r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}"#
        }
        Some("tools/call") => r#"{"content":[{"type":"text","text":"4711 is in stock"}]}"#,
        _ => {
            let mut accepted = Response::new(Reply::Whole(Full::default()));
            *accepted.status_mut() = StatusCode::ACCEPTED;
            return Ok(accepted);
        }
    };
    let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, message["id"]);
    let mut response = of("application/json", Reply::Whole(Full::new(text.into())));
    if message["method"] == "initialize" {
        response.headers_mut().insert("mcp-session-id", HeaderValue::from_static("bench"));
    }
    Ok(response)
}

fn of(media: &'static str, body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
