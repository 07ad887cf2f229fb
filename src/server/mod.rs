//! Where clients connect: sockets, TLS, HTTP framing, and nothing of what a request means.
//!
//! Owns the listeners, the [`wire`] guard and the connections. Assumes a checked configuration.
//! Guarantees to its [`Handler`]: a request arrives only over a handshake that the listener
//! demands, in unambiguous framing and within the bounds of heads, fields and streams; the peer's
//! address and certificate are proven facts. Guarantees to the operator: every connection, every
//! wait and every buffer is bounded; the HTTP version is what ALPN settled and is never guessed
//! from bytes; a panic ends one connection; certificates change without a dropped connection.
//!
//! Order of the end: accepting stops once what waited in the queue is accepted (a socket that was
//! handed over leaves its queue to the successor); each answer says that it is the last of its
//! connection; connections that are idle for [`Bounds::farewell`] close; open exchanges get
//! [`Bounds::drain`] to finish, what is left is cut, and only then does
//! [`Listeners::serve`] return.

pub mod admin;
mod admin_revocations;
mod connection;
mod h2_head;
mod inherited;
mod listener;
mod pace;
mod proxy;
mod refusal;
mod reload;
mod streams;
pub mod tls;
pub mod wire;

use crate::limits::H2_IDLE_MS;
use crate::limits::LINGER_MS;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

pub use self::inherited::{Inherited, InheritedError};
pub use self::listener::{Listeners, bind, bind_with};
pub use self::reload::{Prepared, Reloader};
use crate::body::ReplyBody;
use crate::limits;
use crate::net::Peer;
use crate::reject::Code;

/// What happens to requests; implemented by the pipeline.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when the client goes away or the connection is cut.
    fn handle(
        self: &Arc<Self>,
        peer: Arc<Peer>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ReplyBody>> + Send;

    /// Answers a message that never became a request: framing violation, oversized head, upgrade.
    /// Recorded and counted here; the connection is closed after the answer was written
    /// (HTTP/2: the stream). `detail` is for log and audit, never for the client.
    fn refused_on_the_wire(&self, peer: &Peer, code: Code, detail: &'static str)
    -> Response<Bytes>;

    /// Told of what happens to connections, for metrics. Must not block.
    fn observe(&self, listener: &str, event: Event) {
        let _ignored = (listener, event);
    }
}

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A connection was accepted.
    Opened,
    /// An accepted connection ended, however it ended.
    Closed,
    /// The TLS handshake failed, or the client's certificate has unusable names.
    HandshakeFailed,
    /// The TLS handshake was not finished in time.
    HandshakeTimeout,
    /// A trusted proxy sent no PROXY protocol header, a malformed one, or too late.
    ProxyHeaderRefused,
    /// The system could not hand over a connection (file descriptors, memory).
    AcceptFailed,
    /// No connection is accepted until another one ends.
    Full,
}

impl Event {
    /// The label in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::ProxyHeaderRefused => "proxy_header_refused",
            Self::AcceptFailed => "accept_failed",
            Self::Full => "full",
        }
    }
}

/// A listener's address as it really is: port 0 is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Name of the listener.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Why listeners cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("listener `{listener}`: cannot listen on `{address}`: {source}")]
    Address {
        /// Name of the listener.
        listener: Arc<str>,
        /// Its configured address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The socket that was handed over for it listens somewhere else.
    #[error(
        "listener `{listener}`: the socket that was handed over listens on `{address}`, the \
         configuration says `{bind}`: make them the same"
    )]
    Elsewhere {
        /// Name of the listener.
        listener: Arc<str>,
        /// Its configured address.
        bind: SocketAddr,
        /// The socket's.
        address: SocketAddr,
    },
    /// Its TLS settings cannot be used.
    #[error("listener `{listener}`: {source}")]
    Tls {
        /// Name of the listener.
        listener: Arc<str>,
        /// Why.
        source: tls::TlsError,
    },
    /// A reload names other listeners or addresses than the running ones.
    #[error("listener `{listener}`: adding, removing or moving a listener needs a restart")]
    Moved {
        /// Name of the listener.
        listener: Arc<str>,
    },
}

/// Bounds of connections; [`Bounds::default`] takes them from [`crate::limits`]. Tests shorten
/// them.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Open connections of all listeners together.
    pub connections_max: usize,
    /// Time for the PROXY protocol header.
    pub proxy_header: Duration,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time for an HTTP/1.1 head, and the idle limit between two.
    pub head: Duration,
    /// Time for the HTTP/2 preface.
    pub preface: Duration,
    /// Interval of HTTP/2 pings.
    pub h2_ping: Duration,
    /// Time for the answer to one.
    pub h2_ping_answer: Duration,
    /// Time after which an HTTP/2 connection without streams is closed.
    pub h2_idle: Duration,
    /// Time without progress after which a client that does not read is cut.
    pub write_stall: Duration,
    /// Time that a closed connection is still read from, so that the last answer arrives.
    pub linger: Duration,
    /// Time in which a connection without an exchange may still begin its last one in a drain.
    pub farewell: Duration,
    /// Time that open exchanges get to finish.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            proxy_header: Duration::from_millis(limits::PROXY_HEADER_MS),
            handshake: Duration::from_millis(limits::HANDSHAKE_MS),
            head: Duration::from_millis(limits::HEAD_MS),
            preface: Duration::from_millis(limits::PREFACE_MS),
            h2_ping: Duration::from_millis(limits::H2_PING_MS),
            h2_ping_answer: Duration::from_millis(limits::H2_PING_ANSWER_MS),
            h2_idle: Duration::from_millis(H2_IDLE_MS),
            write_stall: Duration::from_millis(limits::WRITE_STALL_MS),
            linger: Duration::from_millis(LINGER_MS),
            farewell: Duration::from_millis(limits::FAREWELL_MS),
            drain: Duration::from_millis(limits::DRAIN_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Event};
    use crate::limits;

    #[test]
    fn bounds_of_production_are_those_of_the_table() {
        let bounds = Bounds::default();
        assert_eq!(bounds.connections_max, limits::CONNECTIONS_MAX);
        let times = [
            (bounds.proxy_header, limits::PROXY_HEADER_MS),
            (bounds.handshake, limits::HANDSHAKE_MS),
            (bounds.head, limits::HEAD_MS),
            (bounds.preface, limits::PREFACE_MS),
            (bounds.h2_ping, limits::H2_PING_MS),
            (bounds.h2_ping_answer, limits::H2_PING_ANSWER_MS),
            (bounds.write_stall, limits::WRITE_STALL_MS),
            (bounds.farewell, limits::FAREWELL_MS),
            (bounds.drain, limits::DRAIN_MS),
        ];
        for (time, ms) in times {
            assert_eq!(time.as_millis(), u128::from(ms));
        }
        // A client that lingers must not outlast the drain.
        assert!(bounds.linger + bounds.farewell < bounds.drain);
        // The successor waits for the trail longer than the drain takes.
        const { assert!(limits::AUDIT_HANDOVER_MS > limits::DRAIN_MS + limits::LINGER_MS) };
        const { assert!(limits::AUDIT_HANDOVER_POLL_MS < limits::FAREWELL_MS) };
    }

    #[test]
    fn events_have_labels_of_their_own() {
        let all = [
            Event::Opened,
            Event::Closed,
            Event::HandshakeFailed,
            Event::HandshakeTimeout,
            Event::ProxyHeaderRefused,
            Event::AcceptFailed,
            Event::Full,
        ];
        let names: std::collections::HashSet<_> = all.iter().map(|event| event.name()).collect();
        assert_eq!(names.len(), all.len());
    }
}
