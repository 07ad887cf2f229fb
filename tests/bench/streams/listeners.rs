//! Callers: each in a session, some listening, one calling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::request::Builder;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::gateway::HOST;

/// Over which HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// One stream a connection.
    One,
    /// Many.
    Two,
}

impl Http {
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "HTTP/1.1",
            Self::Two => "HTTP/2",
        }
    }
}

/// Somebody with a token and a session.
pub struct Caller {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    token: String,
    session: String,
    calling: http1::SendRequest<Full<Bytes>>,
}

impl Caller {
    pub async fn begin(address: SocketAddr, tls: Arc<ClientConfig>, token: String) -> Self {
        let stream = connect(address, &tls, b"http/1.1").await;
        let (mut calling, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
        let request = posted(&token).body(Full::from(hello)).unwrap();
        let response = calling.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        response.into_body().collect().await.unwrap();
        Self { address, tls, token, session, calling }
    }

    /// Opens so many streams.
    pub async fn listen(&self, http: Http, count: usize) -> Vec<Listening> {
        match http {
            Http::One => {
                let each = (0..count).map(|_| self.listen_alone());
                futures_util::future::join_all(each).await
            }
            Http::Two => vec![self.listen_together(count).await],
        }
    }

    async fn listen_alone(&self) -> Listening {
        let stream = connect(self.address, &self.tls, b"http/1.1").await;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request =
            self.listening("/mcp").header("host", HOST).body(Full::<Bytes>::default()).unwrap();
        Listening { bodies: vec![silent(sender.send_request(request).await.unwrap())], _two: None }
    }

    async fn listen_together(&self, count: usize) -> Listening {
        let stream = connect(self.address, &self.tls, b"h2").await;
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut bodies = Vec::new();
        for _ in 0..count {
            let request = self.listening(&format!("https://{HOST}/mcp"));
            let request = request.body(Full::<Bytes>::default()).unwrap();
            sender.ready().await.unwrap();
            bodies.push(silent(sender.send_request(request).await.unwrap()));
        }
        Listening { bodies, _two: Some(sender) }
    }

    fn listening(&self, uri: &str) -> Builder {
        Request::get(uri)
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", "2025-06-18")
            .header("mcp-session-id", &self.session)
            .header("authorization", format!("Bearer {}", self.token))
    }

    /// Calls a tool so many times, one after the other; how long each took.
    pub async fn calls(&mut self, count: usize) -> Vec<Duration> {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"stock","arguments":{"q":"customer 4711"}}}"#;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let request = posted(&self.token)
                .header("mcp-protocol-version", "2025-06-18")
                .header("mcp-session-id", &self.session)
                .body(Full::from(call))
                .unwrap();
            let started = Instant::now();
            self.calling.ready().await.unwrap();
            let response = self.calling.send_request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            times.push(started.elapsed());
            assert!(body.ends_with(b"}") && memchr::memmem::find(&body, b"in stock").is_some());
        }
        times
    }
}

/// Streams that are open.
pub struct Listening {
    bodies: Vec<Incoming>,
    /// A connection ends with its last sender.
    _two: Option<http2::SendRequest<Full<Bytes>>>,
}

impl Listening {
    pub fn count(&self) -> usize {
        self.bodies.len()
    }

    /// No stream ended meanwhile; comments may have come.
    pub fn is_silent_and_open(&mut self) {
        for body in &mut self.bodies {
            while let Some(frame) = body.frame().now_or_never() {
                let frame = frame.expect("a stream ended").expect("a stream broke");
                assert!(frame.data_ref().is_some_and(|data| data.starts_with(b":")), "{frame:?}");
            }
        }
    }
}

fn silent(response: Response<Incoming>) -> Incoming {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

fn posted(token: &str) -> Builder {
    Request::post("/mcp")
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("authorization", format!("Bearer {token}"))
}

async fn connect(
    address: SocketAddr,
    tls: &Arc<ClientConfig>,
    protocol: &[u8],
) -> TlsStream<TcpStream> {
    let mut config = ClientConfig::clone(tls);
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from(HOST).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}
