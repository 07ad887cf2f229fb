//! An MCP server that answers `tools/call` from memory, over plain HTTP/1.1.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
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
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let (_, answer) = answers
        .iter()
        .find(|(tool, _)| {
            memchr::memmem::find(&body, format!("\"name\":\"{tool}\"").as_bytes()).is_some()
        })
        .expect("a call of a known tool");
    let mut response = Response::new(Full::new(answer.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The tools it has.
pub const TOOLS: &[&str] = &["small", "personal", "clean"];
