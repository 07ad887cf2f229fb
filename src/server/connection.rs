//! One client connection, from the accepted socket to its last byte.
//!
//! Owns the order of its steps: PROXY protocol, TLS, HTTP by ALPN, the refusal that hyper cannot
//! write, the close. Assumes to run in a task of its own that holds a connection permit.
//! Guarantees that each step has a deadline, that a drain ends the connection gracefully and
//! that dropping the task ends it at once.

use crate::limits::H1_BUFFER_BYTES;
use crate::limits::H2_CONNECTION_WINDOW_BYTES;
use crate::limits::H2_HEADER_LIST_BYTES;
use crate::limits::H2_STREAM_WINDOW_BYTES;
use crate::limits::LINGER_BYTES_MAX;
use crate::limits::TCP_KEEPALIVE_MS;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{self, pin};
use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::pace::Paced;
use super::reload::{Live, Slot};
use super::streams::{Pieces, Streams};
use super::wire::guard::{Answers, Guarded};
use super::{Bounds, Event, Handler, h2_head, proxy, refusal, tls};
use crate::body::ReplyBody;
use crate::limits::{
    H2_LOCAL_RESETS_MAX, H2_PENDING_RESETS_MAX, H2_SEND_BUFFER_BYTES_MAX, H2_STREAMS_MAX,
    HEADERS_MAX,
};
use crate::net::Peer;

/// What all connections of all listeners share.
pub(super) struct Shared<H> {
    pub(super) handler: Arc<H>,
    pub(super) bounds: Bounds,
    pub(super) tracker: TaskTracker,
    /// Finish what is open, begin nothing.
    pub(super) draining: CancellationToken,
    /// Stop now.
    pub(super) cut: CancellationToken,
}

/// Serves an accepted socket to its end. It counts as open from the call, not from the first poll.
pub(super) fn run<H: Handler>(
    shared: Arc<Shared<H>>,
    slot: Arc<Slot>,
    socket: TcpStream,
    from: SocketAddr,
) -> impl Future<Output = ()> + Send {
    let open = Open::new(shared, slot);
    async move {
        let Open { shared, slot } = &open;
        tokio::select! {
            () = shared.cut.cancelled() => {}
            () = establish(shared, slot, socket, from) => {}
        }
    }
}

/// Finds out who is there, and serves him in the protocol that was settled.
async fn establish<H: Handler>(
    shared: &Arc<Shared<H>>,
    slot: &Arc<Slot>,
    mut socket: TcpStream,
    from: SocketAddr,
) {
    // A socket that refuses an option is closed already, and the next read tells.
    let _closed_already = options(&socket, &shared.bounds);
    let live = slot.live();
    // A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d; rules are written for a.b.c.d.
    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
    let Some(address) = address(shared, slot, &live, &mut socket, from).await else { return };
    let listener = Arc::clone(&slot.name);
    let Some(ready) = &live.tls else {
        let peer = Arc::new(Peer { listener, address, tls: None });
        return Box::pin(serve_http1(shared, peer, socket)).await;
    };
    let Some(stream) = handshake(shared, slot, ready, socket).await else { return };
    let facts = match tls::facts(stream.get_ref().1, slot, &live) {
        Ok(facts) => facts,
        Err(error) => {
            tracing::debug!(listener = %slot.name, %error, "client certificate refused");
            return shared.handler.observe(&slot.name, Event::HandshakeFailed);
        }
    };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(tls::H2);
    let peer = Arc::new(Peer { listener, address, tls: Some(facts) });
    // In boxes: a connection would keep the room of the larger one for as long as it lives.
    if is_h2 {
        Box::pin(serve_http2(shared, peer, stream)).await;
    } else {
        Box::pin(serve_http1(shared, peer, stream)).await;
    }
}

fn options(socket: &TcpStream, bounds: &Bounds) -> std::io::Result<()> {
    // Without it the first event of a stream waits 40 ms for the peer's delayed acknowledgement.
    socket.set_nodelay(true)?;
    // A peer that vanished without a word takes small writes into the kernel's buffer for a
    // quarter of an hour; these make the kernel find out.
    let socket = SockRef::from(socket);
    let alive = Duration::from_millis(TCP_KEEPALIVE_MS);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(alive).with_interval(alive))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(bounds.write_stall))?;
    #[cfg(not(target_os = "linux"))]
    let _only_on_linux = bounds;
    Ok(())
}

/// The client's address: the socket's own, or the one that a trusted proxy names.
async fn address<H: Handler>(
    shared: &Shared<H>,
    slot: &Slot,
    live: &Live,
    socket: &mut TcpStream,
    from: SocketAddr,
) -> Option<SocketAddr> {
    if !live.expects_proxy_header(from.ip()) {
        return Some(from);
    }
    match timeout(shared.bounds.proxy_header, proxy::client_address(socket)).await {
        Ok(Ok(named)) => {
            let named = named.map(|a| SocketAddr::new(a.ip().to_canonical(), a.port()));
            Some(named.unwrap_or(from))
        }
        Ok(Err(error)) => {
            tracing::debug!(listener = %slot.name, peer = %from, %error, "proxy header refused");
            shared.handler.observe(&slot.name, Event::ProxyHeaderRefused);
            None
        }
        Err(_late) => {
            tracing::debug!(listener = %slot.name, peer = %from, "proxy header came too late");
            shared.handler.observe(&slot.name, Event::ProxyHeaderRefused);
            None
        }
    }
}

/// Ends a while after a drain began: what a client sent before it could know is still served.
async fn farewell<H: Handler>(shared: &Shared<H>) {
    shared.draining.cancelled().await;
    tokio::time::sleep(shared.bounds.farewell).await;
}

async fn handshake<H: Handler>(
    shared: &Shared<H>,
    slot: &Slot,
    ready: &tls::Ready,
    socket: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    let accept = timeout(shared.bounds.handshake, TlsAcceptor::from(ready.config()).accept(socket));
    let result = tokio::select! {
        () = farewell(shared) => return None,
        result = accept => result,
    };
    match result {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            if ready.says_list_has_ended(&error) {
                tracing::warn!(listener = %slot.name, %error, "clients are refused: a revocation list is missing or has ended");
            }
            tracing::debug!(listener = %slot.name, %error, "TLS handshake failed");
            shared.handler.observe(&slot.name, Event::HandshakeFailed);
            None
        }
        Err(_late) => {
            shared.handler.observe(&slot.name, Event::HandshakeTimeout);
            None
        }
    }
}

/// HTTP/1.1 behind the wire guard.
async fn serve_http1<H: Handler, IO: Transport>(shared: &Arc<Shared<H>>, peer: Arc<Peer>, io: IO) {
    let answers = Answers::default();
    let io = Guarded::new(Paced::new(io, shared.bounds.write_stall), answers.clone());
    let handler = Arc::clone(&shared.handler);
    let service_peer = Arc::clone(&peer);
    let draining = shared.draining.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, peer) = (Arc::clone(&handler), Arc::clone(&service_peer));
        let (answers, draining) = (answers.clone(), draining.clone());
        async move {
            let mut answer = handler.handle(peer, request).await;
            if draining.is_cancelled() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|body| answers.wrap(body)))
        }
    });
    let mut connection = http1_builder(&shared.bounds).serve_connection(TokioIo::new(io), service);
    // A client may send its next request before it hears of the end: that one is answered too,
    // with `Connection: close`, and none is met by a closed door.
    let mut drained = pin!(farewell(shared));
    let result = tokio::select! {
        biased;
        result = &mut connection => result,
        () = drained.as_mut() => {
            pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Err(error) = result {
        tracing::debug!(peer = %peer.address, %error, "HTTP/1.1 connection ended");
    }
    let guarded = connection.into_parts().io.into_inner();
    let refused = guarded.unanswered();
    let mut io = guarded.into_inner();
    if let Some(violation) = refused {
        let answer = shared.handler.refused_on_the_wire(&peer, violation.code, violation.detail);
        if refusal::send(&mut io, &answer).await.is_err() {
            return;
        }
    }
    close(io, &shared.bounds).await;
}

/// HTTP/2, over TLS only and only where ALPN settled it.
async fn serve_http2<H: Handler>(
    shared: &Arc<Shared<H>>,
    peer: Arc<Peer>,
    io: TlsStream<TcpStream>,
) {
    let bounds = &shared.bounds;
    let io = Paced::new(io, bounds.write_stall).with_first_bytes(PREFACE_BYTES, bounds.preface);
    let streams = Streams::new(shared.tracker.clone(), bounds.write_stall);
    let handler = Arc::clone(&shared.handler);
    let service_peer = Arc::clone(&peer);
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, peer) = (Arc::clone(&handler), Arc::clone(&service_peer));
        async move {
            let answer = match h2_head::judge(&request) {
                Ok(()) => handler.handle(peer, request).await,
                Err((code, detail)) => {
                    handler.refused_on_the_wire(&peer, code, detail).map(ReplyBody::whole)
                }
            };
            Ok::<_, Infallible>(answer.map(Pieces::new))
        }
    });
    let connection =
        http2_builder(streams.clone(), bounds).serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = shared.draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = streams.idle(bounds.h2_idle) => {
            connection.as_mut().graceful_shutdown();
            // Data that the client never fetched would keep the connection open for ever.
            timeout(bounds.write_stall, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(peer = %peer.address, %error, "HTTP/2 connection ended");
    }
}

fn http1_builder(bounds: &Bounds) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(H1_BUFFER_BYTES)
        .max_headers(HEADERS_MAX)
        .half_close(false)
        .keep_alive(true);
    builder
}

fn http2_builder(streams: Streams, bounds: &Bounds) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_pending_accept_reset_streams(H2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(H2_LOCAL_RESETS_MAX)
        .max_header_list_size(H2_HEADER_LIST_BYTES)
        .max_send_buf_size(H2_SEND_BUFFER_BYTES_MAX)
        .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(bounds.h2_ping)
        .keep_alive_timeout(bounds.h2_ping_answer);
    builder
}

/// Says that nothing more comes, then reads what the client still sends: unread bytes would make
/// the kernel reset the connection, and the reset can overtake the last answer.
async fn close<IO: Transport>(mut io: Paced<IO>, bounds: &Bounds) {
    if io.shutdown().await.is_err() {
        return;
    }
    let mut io = io.into_inner();
    let socket = io.socket();
    let mut left = LINGER_BYTES_MAX;
    // On the heap, because an array here would make every open connection's task larger.
    let mut sink = vec![0; LINGER_PIECE_BYTES];
    let discard = async {
        while left > 0 {
            match socket.read(&mut sink).await {
                Ok(0) | Err(_) => break,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    };
    // Late or not, the connection is over.
    let _late = timeout(bounds.linger, discard).await;
}

/// A byte stream over a TCP socket.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    fn socket(&mut self) -> &mut TcpStream;
}

impl Transport for TcpStream {
    fn socket(&mut self) -> &mut TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn socket(&mut self) -> &mut TcpStream {
        self.get_mut().0
    }
}

/// Reports the end of a connection, also when its task panics or is dropped.
struct Open<H: Handler> {
    shared: Arc<Shared<H>>,
    slot: Arc<Slot>,
}

impl<H: Handler> Open<H> {
    fn new(shared: Arc<Shared<H>>, slot: Arc<Slot>) -> Self {
        shared.handler.observe(&slot.name, Event::Opened);
        Self { shared, slot }
    }
}

impl<H: Handler> Drop for Open<H> {
    fn drop(&mut self) {
        self.shared.handler.observe(&self.slot.name, Event::Closed);
    }
}

/// Length of the HTTP/2 client preface (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;
/// Bytes that are dropped at once.
const LINGER_PIECE_BYTES: usize = 4096;
