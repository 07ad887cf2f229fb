//! A conversation with one MCP server, message by message, whatever the transport.
//!
//! Owns [`Link`], what a bridge holds, and [`Transport`], what a transport implements: a child
//! process, HTTP+SSE, Streamable HTTP of either era. A link carries whole JSON-RPC messages as
//! bytes and knows nothing of their meaning. Guarantees: what is heard comes in the order in which
//! the server said it; the inbox is bounded, and a server that is not listened to is not read;
//! dropping the link ends the transport, its process and its connections.
//!
//! The transports: [`stdio`] starts a process, [`sse`] holds the one event stream of HTTP+SSE,
//! [`streamable`] sends each message by a POST of its own. A [`Connector`] opens them.

mod connector;
mod events;
mod inbox;
mod sse;
mod stdio;
mod streamable;
mod wire;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::mpsc;

use crate::principal::Principal;
use crate::reject::{Code, Rejection};

pub use connector::Connector;

/// One conversation: say something, hear what comes.
#[derive(Debug)]
pub struct Link {
    /// Says.
    pub transport: Arc<dyn Transport>,
    /// Hears. Closed when the conversation is over; then [`Transport::why_closed`] tells why.
    pub heard: mpsc::Receiver<Heard>,
}

/// A boxed future, because transports are chosen at run time.
pub type Sending<'t> = Pin<Box<dyn Future<Output = Result<(), LinkError>> + Send + 't>>;

/// A way to a server: a new link whenever a conversation is opened.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Opens a link for this caller; nothing was said on it yet.
    fn dial<'d>(&'d self, who: &'d Principal) -> Dialing<'d>;
}

/// A link that is being opened.
pub type Dialing<'d> = Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send + 'd>>;

/// How messages reach one server.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Hands one message over. Returns once the transport has taken it; what the server says to
    /// it, also that it refused it, is heard.
    fn say(&self, message: Said) -> Sending<'_>;

    /// Opens the stream on which a server speaks unasked, where the transport has one of its own
    /// (GET of Streamable HTTP); nothing to do for the others. Called once the handshake is done.
    fn listen(&self);

    /// Gives up what is still to come for a request: its HTTP stream is closed, which is
    /// cancellation in the modern era, and nothing more is heard of it, also no end. Nothing to do
    /// where all messages share one stream. A server may keep a stream open behind its answer, so
    /// this is also for what was answered.
    fn forget(&self, tag: u64);

    /// Ends the conversation: the process, the connections. Idempotent.
    fn close(&self);

    /// Why the conversation is over, once [`Link::heard`] is closed.
    fn why_closed(&self) -> LinkError;
}

/// A message on its way to the server.
#[derive(Debug, Clone)]
pub struct Said {
    /// Exactly one JSON-RPC message, in one line.
    pub message: Bytes,
    /// The sender's own number for it, unique within the link; comes back in [`Heard`].
    pub tag: u64,
    /// Whether an answer will come (a request) or not (a notification, a response).
    pub wants_answer: bool,
    /// `MCP-Protocol-Version` and `Mcp-*`, where the transport has headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// What comes from the server.
#[derive(Debug, Clone)]
pub enum Heard {
    /// One JSON-RPC message.
    Message {
        /// The request on whose own stream it came; `None` where all messages share one stream,
        /// and for what is said unasked.
        tag: Option<u64>,
        /// The message as the server wrote it; not yet looked at.
        message: Bytes,
    },
    /// Nothing more comes for this request on its own stream. Without an error the stream ended
    /// in order, with or without the answer. Where requests have streams of their own, each one
    /// that is not forgotten ends once, also behind its answer; otherwise only what was refused is
    /// heard of. A JSON-RPC error that came with a status of refusal is heard as a message first.
    Ended {
        /// The request.
        tag: u64,
        /// Why it failed.
        error: Option<LinkError>,
    },
}

/// Why a conversation, or one request of it, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No connection, or the process does not start.
    #[error("cannot reach the server: {0}")]
    Unreachable(&'static str),
    /// The server ended the conversation.
    #[error("the server ended the conversation: {0}")]
    Closed(&'static str),
    /// The server said what no server may say.
    #[error("the server's message is malformed: {0}")]
    Malformed(&'static str),
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    Timeout,
    /// A status that no transport of MCP gives a meaning; 404 on a session means it is lost.
    #[error("the server answered with status {0}")]
    Status(StatusCode),
    /// As many conversations as are allowed are open.
    #[error("no more conversations with this server: {0}")]
    Full(&'static str),
    /// The gateway has nothing to prove itself with.
    #[error("no credential towards the server: {0}")]
    Credential(&'static str),
}

impl From<LinkError> for Rejection {
    fn from(error: LinkError) -> Self {
        let code = match error {
            LinkError::Unreachable(_) => Code::UpstreamUnreachable,
            LinkError::Closed(_) | LinkError::Malformed(_) | LinkError::Status(_) => {
                Code::UpstreamInvalid
            }
            LinkError::Timeout => Code::UpstreamTimeout,
            LinkError::Full(_) => Code::Busy,
            LinkError::Credential(_) => Code::CredentialUnavailable,
        };
        Self::new(code, error.to_string())
    }
}

/// The message in one line. In JSON a line end stands between tokens only, where a space means
/// the same; every other byte stays.
pub(in crate::upstream) fn one_line(message: Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', &message).is_none() {
        return message;
    }
    let mut line = BytesMut::from(message);
    for byte in line.iter_mut() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.freeze()
}
