//! HTTP over a Unix domain socket, for every transport that speaks HTTP.

use std::convert::Infallible;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sallyport::config::{Endpoint, Transport};
use sallyport::upstream::link::{Connector, LinkError};
use serde_json::json;
use tokio::net::UnixListener;

use crate::support::{Talk, caller, services, upstream};

/// A folder below cargo's own; removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        // Short: a socket's path has 107 bytes.
        let path = std::env::temp_dir().join(format!("sp-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("mcp.sock")
    }

    fn endpoint(&self, url: &str) -> Endpoint {
        Endpoint { url: url.parse().unwrap(), socket: Some(self.socket()) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Answers with the host and the path that it was called by; a GET gets an event stream.
fn serve(listener: UnixListener) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<Incoming>| async move {
                let (head, body) = request.into_parts();
                let host = head.headers["host"].to_str().unwrap().to_owned();
                let target = head.uri.to_string();
                let _ = body.collect().await;
                let answer = if head.method == Method::GET {
                    let text = "event: endpoint\ndata: /post?s=1\n\ndata: {\"x\":1}\n\n";
                    Response::builder()
                        .header("content-type", "text/event-stream")
                        .body(Full::new(Bytes::from_static(text.as_bytes())))
                } else {
                    let body = json!({"host": host, "target": target}).to_string();
                    Response::builder()
                        .header("content-type", "application/json")
                        .body(Full::new(Bytes::from(body)))
                };
                Ok::<_, Infallible>(answer.unwrap())
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
}

#[tokio::test]
async fn streamable_http_goes_through_the_socket() {
    let folder = Folder::new("streamable");
    serve(UnixListener::bind(folder.socket()).unwrap());
    let transport = Transport::Streamable(folder.endpoint("http://localhost/mcp"));
    let mut talk = Talk::open(&Connector::new(&upstream(transport), &services()).unwrap()).await;
    for _ in 0..3 {
        talk.request("tools/list", json!(null)).await;
        let seen = talk.message().await.1;
        assert_eq!(seen, json!({"host": "localhost", "target": "/mcp"}));
        talk.ended().await;
    }
}

#[tokio::test]
async fn event_stream_goes_through_the_socket() {
    let folder = Folder::new("sse");
    serve(UnixListener::bind(folder.socket()).unwrap());
    let transport = Transport::HttpSse(folder.endpoint("http://mcp.internal:81/sse"));
    let mut talk = Talk::open(&Connector::new(&upstream(transport), &services()).unwrap()).await;
    assert_eq!(talk.message().await.1, json!({"x": 1}));
}

#[tokio::test]
async fn socket_that_is_not_there_is_unreachable() {
    let folder = Folder::new("none");
    let transport = Transport::HttpSse(folder.endpoint("http://localhost/mcp"));
    let connector = Connector::new(&upstream(transport), &services()).unwrap();
    let refused = connector.open(&caller(1)).await.unwrap_err();
    assert_eq!(refused, LinkError::Unreachable("no connection"));
}
