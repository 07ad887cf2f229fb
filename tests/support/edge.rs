//! Listeners on loopback with a handler that shows what reached it, and raw clients for them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustls::ClientConfig;
use sallyport::body::{Closed, ReplyBody};
use sallyport::config::{CertificateFiles, ClientAuth, Listener, Tls};
use sallyport::net::Peer;
use sallyport::reject::Code;
use sallyport::server::wire::Violation;
use sallyport::server::{Bounds, Event, Handler, Listeners, Reloader, bind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// Longest wait for something that must happen; only a broken test reaches it.
pub const SOON: Duration = Duration::from_secs(20);

/// Shows what reached it, and misbehaves on request.
pub struct Echo {
    pub handled: AtomicUsize,
    /// Opens `/gate`.
    pub gate: Notify,
    /// Someone waits at `/gate`, or `/hang` was entered.
    pub waiting: Notify,
    events: mpsc::UnboundedSender<Event>,
    refusals: mpsc::UnboundedSender<(Code, &'static str)>,
    closed: mpsc::UnboundedSender<Closed>,
}

impl Handler for Echo {
    async fn handle(
        self: &Arc<Self>,
        peer: Arc<Peer>,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let body = match request.uri().path() {
            "/panic" => panic!("asked to"),
            "/early" => ReplyBody::whole(Bytes::from_static(b"early")),
            "/hang" => {
                self.waiting.notify_one();
                std::future::pending().await
            }
            "/gate" => {
                self.waiting.notify_one();
                self.gate.notified().await;
                ReplyBody::whole(Bytes::from_static(b"open"))
            }
            "/big" => ReplyBody::whole(Bytes::from(vec![b'x'; BIG])),
            "/flood" => {
                let piece = Bytes::from(vec![b'x'; 32 * 1024]);
                ReplyBody::stream(Box::pin(stream::repeat_with(move || Ok(piece.clone()))))
            }
            "/endless" => {
                let event = Bytes::from_static(b"data: x\n\n");
                let first = stream::iter([Ok(event)]);
                ReplyBody::stream(Box::pin(stream::StreamExt::chain(first, stream::pending())))
            }
            _ => return self.echo(&peer, request).await,
        };
        let closed = self.closed.clone();
        Response::new(body.on_close(move |end| closed.send(end).unwrap_or_default()))
    }

    fn refused_on_the_wire(&self, _: &Peer, code: Code, detail: &'static str) -> Response<Bytes> {
        self.refusals.send((code, detail)).unwrap_or_default();
        refusal(code)
    }

    fn observe(&self, _: &str, event: Event) {
        self.events.send(event).unwrap_or_default();
    }
}

/// Bytes of the answer of `/big`.
pub const BIG: usize = 16 << 20;

impl Echo {
    async fn echo(&self, peer: &Peer, request: Request<Incoming>) -> Response<ReplyBody> {
        let line = format!("{} {} {:?}", request.method(), request.uri(), request.version());
        let body = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let code = Violation::behind(&error).map_or(Code::BodyInterrupted, |v| v.code);
                return refusal(code).map(ReplyBody::whole);
            }
        };
        let tls = peer.tls.as_ref().map_or("plain".to_owned(), |tls| {
            let name = tls.presented.as_ref().map_or("-", |c| &*c.name);
            let server = tls.server_name.as_deref().unwrap_or("-");
            format!("{} {} {server} {name}", tls.version, tls.group)
        });
        let text = format!("{line}\n{}\n{tls}\n{}", peer.address, body.escape_ascii());
        Response::new(ReplyBody::whole(Bytes::from(text)))
    }
}

fn refusal(code: Code) -> Response<Bytes> {
    let row = code.row();
    Response::builder().status(row.status).body(Bytes::from_static(row.code.as_bytes())).unwrap()
}

/// Running listeners; the first is the one that clients connect to.
pub struct Edge {
    pub address: SocketAddr,
    pub echo: Arc<Echo>,
    pub reloader: Reloader,
    pub shutdown: CancellationToken,
    pub served: JoinHandle<()>,
    events: mpsc::UnboundedReceiver<Event>,
    refusals: mpsc::UnboundedReceiver<(Code, &'static str)>,
    pub closed: mpsc::UnboundedReceiver<Closed>,
}

impl Edge {
    pub async fn start(listener: Listener, bounds: Bounds) -> Self {
        Self::start_behind(listener, "", bounds).await
    }

    /// With a network of trusted proxies.
    pub async fn start_behind(listener: Listener, trusted: &str, bounds: Bounds) -> Self {
        let trusted: Vec<_> = trusted.parse().into_iter().collect();
        let listeners = bind(&[listener], &trusted, bounds).await.unwrap();
        Self::serve(listeners)
    }

    fn serve(listeners: Listeners) -> Self {
        let (event_tx, events) = mpsc::unbounded_channel();
        let (refusal_tx, refusals) = mpsc::unbounded_channel();
        let (closed_tx, closed) = mpsc::unbounded_channel();
        let echo = Arc::new(Echo {
            handled: AtomicUsize::new(0),
            gate: Notify::new(),
            waiting: Notify::new(),
            events: event_tx,
            refusals: refusal_tx,
            closed: closed_tx,
        });
        let address = listeners.addresses().first().unwrap().address;
        let reloader = listeners.reloader();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(listeners.serve(Arc::clone(&echo), shutdown.clone()));
        Self { address, echo, reloader, shutdown, served, events, refusals, closed }
    }

    /// Waits for an event; earlier ones are passed over.
    pub async fn event(&mut self, wanted: Event) {
        while self.next_event().await != wanted {}
    }

    pub async fn next_event(&mut self) -> Event {
        timeout(SOON, self.events.recv()).await.expect("no event came").unwrap()
    }

    /// Waits until a request stands before the gate, or hangs.
    pub async fn waiting(&self) {
        timeout(SOON, self.echo.waiting.notified()).await.expect("nobody waits");
    }

    /// Whether a refusal has been told that nobody has asked for.
    pub fn refused(&mut self) -> Option<Code> {
        self.refusals.try_recv().ok().map(|(code, _)| code)
    }

    /// The next refusal on the wire.
    pub async fn refusal(&mut self) -> (Code, &'static str) {
        timeout(SOON, self.refusals.recv()).await.expect("no refusal").unwrap()
    }

    pub fn handled(&self) -> usize {
        self.echo.handled.load(Ordering::SeqCst)
    }

    pub async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub async fn tls(&self, config: ClientConfig, name: &str) -> TlsStream<TcpStream> {
        self.try_tls(config, name).await.unwrap()
    }

    pub async fn try_tls(
        &self,
        config: ClientConfig,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        tls_over(self.plain().await, config, name).await
    }

    /// Shuts down and waits for the last task.
    pub async fn stop(self) {
        self.shutdown.cancel();
        timeout(SOON, self.served).await.expect("serve did not return").unwrap();
    }
}

pub async fn tls_over(
    socket: TcpStream,
    config: ClientConfig,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = name.to_owned().try_into().unwrap();
    let connect = TlsConnector::from(Arc::new(config)).connect(name, socket);
    timeout(SOON, connect).await.expect("handshake hangs")
}

/// A listener on a free port of loopback.
pub fn listener(tls: Option<Tls>) -> Listener {
    let bind = "127.0.0.1:0".parse().unwrap();
    Listener { name: Arc::from("test"), bind, tls, proxy_protocol: false, reuse_port: false }
}

pub fn tls(certificates: Vec<CertificateFiles>) -> Tls {
    Tls {
        certificates,
        client_ca: None,
        crl: Vec::new(),
        client_auth: ClientAuth::Off,
        tls13_only: false,
    }
}

/// Everything until the server closes. A reset counts as an end, after what came before it.
pub async fn read_all(io: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let _end = timeout(SOON, io.read_to_end(&mut all)).await.expect("connection stays open");
    String::from_utf8_lossy(&all).into_owned()
}

/// One HTTP/1.1 answer with Content-Length; the connection stays open.
pub async fn read_answer(io: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    loop {
        let byte = timeout(SOON, io.read_u8()).await.expect("no answer").expect("closed");
        all.push(byte);
        let text = String::from_utf8_lossy(&all);
        let last = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
        let Some((head, body)) = last.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
        if body.len() >= length.expect("no length").parse().unwrap() {
            return last.to_owned();
        }
    }
}

/// An HTTP/2 connection over an established TLS stream, driven in the background.
pub async fn http2<IO>(io: IO) -> hyper::client::conn::http2::SendRequest<String>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::Builder::new(executor)
        .initial_stream_window_size(16 * 1024)
        .initial_connection_window_size(64 * 1024)
        .handshake(hyper_util::rt::TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

pub fn get(path: &str) -> Request<String> {
    Request::get(format!("https://gateway.test{path}")).body(String::new()).unwrap()
}
