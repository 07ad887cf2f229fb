//! Carries a cleared and recorded call to the server behind the gateway.
//!
//! Assumes nothing of the caller's request head: the upstream request is built from parsed parts,
//! never relayed, and bears the gateway's own credential. Guarantees that only
//! `Exchange<Recorded>` is forwarded, that every wait has a bound, and that a call is sent at
//! most once.
//!
//! Which way a call takes is decided by [`Forwarder::forward`] from three facts: how the server is
//! reached, which era the caller speaks, and which eras the server speaks ([`era`]). Where caller
//! and server speak the same era over Streamable HTTP, the judged bytes go straight through
//! ([`straight`]). Everywhere else a bridge answers the caller in the caller's own era, so that
//! the response gate, which comes after it, sees one vocabulary.

mod answer;
mod client;
pub mod down;
mod era;
mod http;
pub mod link;
mod straight;
pub mod talk;
mod up;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use answer::RawBody;
pub use answer::{Answer, BodyBroken, Raw};
pub use client::ClientError;

use ::http::HeaderName;

use era::Speaks;
use straight::Greeted;

use crate::clock::Clock;
use crate::config;
use crate::exchange::Exchange;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// Forwards calls to one upstream. Cheap to share; keeps connections, conversations and what is
/// known of the server, also over reloads that do not change the upstream.
#[derive(Debug)]
pub struct Forwarder {
    era: era::Era,
    /// Over Streamable HTTP; `None` where every call takes a bridge.
    streamable: Option<Streamable>,
    /// Opens the conversations of the two bridges below.
    connector: Arc<link::Connector>,
    /// Modern callers of a legacy server.
    down: down::Down,
    /// Legacy callers of a legacy server that is not reached over Streamable HTTP.
    talk: talk::Face,
}

/// The ways to a server that speaks Streamable HTTP.
#[derive(Debug)]
struct Streamable {
    straight: straight::Straight,
    up: up::Up,
    wire: up::Wire,
}

/// Which way a call takes over Streamable HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Straight through, in the caller's own era.
    Straight,
    /// A modern call straight to a modern server.
    StraightModern,
    /// A legacy handshake, whose answer shows what the server speaks.
    Greet,
    /// A modern call to a legacy server.
    Down,
    /// A legacy call to a modern server.
    Up,
}

/// Why an upstream gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The request could not be built from its parts; a defect of ours.
    #[error("the upstream request could not be built")]
    Request,
    /// No connection.
    #[error("cannot connect to the upstream")]
    Connect,
    /// The connection ended before an answer's head was complete.
    #[error("the upstream closed the connection before it answered")]
    Closed,
    /// The answer's head is not HTTP that we accept.
    #[error("the upstream's answer is malformed: {0}")]
    Malformed(&'static str),
    /// No head in time.
    #[error("the upstream sent no answer within {0:?}")]
    Timeout(Duration),
}

impl From<UpstreamError> for Rejection {
    fn from(error: UpstreamError) -> Self {
        let code = match error {
            UpstreamError::Request => Code::Internal,
            UpstreamError::Connect => Code::UpstreamUnreachable,
            UpstreamError::Closed | UpstreamError::Malformed(_) => Code::UpstreamInvalid,
            UpstreamError::Timeout(_) => Code::UpstreamTimeout,
        };
        Rejection::new(code, error.to_string())
    }
}

impl Forwarder {
    /// Builds the ways to one upstream.
    ///
    /// # Errors
    /// When the CA file, the credential or the address cannot be used.
    pub fn new(server: &config::Server, clock: &Clock) -> Result<Self, ClientError> {
        let upstream = &server.upstream;
        let http = match upstream.endpoint() {
            Some(endpoint) => Some(Arc::new(http::Http::new(upstream, endpoint)?)),
            None => None,
        };
        let connector = Arc::new(link::Connector::with_http(upstream, http.clone())?);
        let streamable = http.filter(|_| !connector.shares_stream()).map(|http| {
            let wire = up::Wire::http(Arc::clone(&http), upstream);
            Streamable {
                straight: straight::Straight::new(http, upstream),
                up: up::Up::new(wire.clone(), clock.clone()),
                wire,
            }
        });
        let dial: Arc<dyn link::Dial> = Arc::clone(&connector) as _;
        let down = down::Down::new(down::Setup {
            dial: Arc::clone(&dial),
            server: Arc::clone(&server.name),
            server_requests: server.access.server_requests.clone(),
            deadline: upstream.head_timeout,
            clock: clock.clone(),
        })
        .map_err(|_| ClientError::Randomness)?;
        let talk = talk::Face::new(talk::Setup {
            dial,
            deadline: upstream.head_timeout,
            lifetimes: talk::Lifetimes::default(),
            clock: clock.clone(),
        });
        let era = era::Era::new(upstream.era, clock.clone());
        Ok(Self { era, streamable, connector, down, talk })
    }

    /// Forgets conversations and sessions that nobody uses; called on a timer.
    pub fn sweep(&self) {
        if let Some(streamable) = &self.streamable {
            streamable.up.sweep();
        }
        self.down.sweep();
        self.talk.sweep();
    }

    /// Opens conversations with the server.
    #[must_use]
    pub fn connector(&self) -> &link::Connector {
        &self.connector
    }

    /// Ends all conversations with the server and waits until nothing of them is left: no process,
    /// no connection. Bounded by the time that a process has to end.
    pub async fn stop(&self) {
        self.connector.stop().await;
    }

    /// Sends the call and waits for the head of the answer.
    ///
    /// Takes a recorded call,
    ///
    /// ```
    /// # use sallyport::{exchange::Exchange, record::Recorded, upstream::Forwarder};
    /// async fn forward(to: &Forwarder, ex: Exchange<Recorded>) {
    ///     let _ = to.forward(ex).await;
    /// }
    /// ```
    ///
    /// and nothing less: a call that was only authenticated does not compile.
    ///
    /// ```compile_fail,E0308
    /// # use sallyport::{authn::Authenticated, exchange::Exchange, upstream::Forwarder};
    /// async fn forward(to: &Forwarder, ex: Exchange<Authenticated>) {
    ///     let _ = to.forward(ex).await;
    /// }
    /// ```
    ///
    /// Cancel-safe: dropping the future, which happens when the client goes away, closes the
    /// upstream connection.
    ///
    /// # Errors
    /// 502 and 504, see [`UpstreamError`].
    pub async fn forward(&self, ex: Exchange<Recorded>) -> Result<Answer<Raw>, Rejection> {
        let call = ex.into_state();
        let raw = match &self.streamable {
            Some(to) => self.over_http(to, &call).await?,
            // Servers on stdio and behind HTTP+SSE keep conversations.
            None if call.is_modern() => self.down.carry(&call).await?,
            None => self.talk.carry(&call).await?,
        };
        Ok(Answer::raw(call, raw))
    }

    /// One call over Streamable HTTP, in whichever way reaches the server.
    async fn over_http(&self, to: &Streamable, call: &Recorded) -> Result<Raw, Rejection> {
        match self.way(to, call).await? {
            Way::Straight => Ok(to.straight.send(call).await?),
            Way::StraightModern => to.straight.modern(call, &self.era).await,
            Way::Greet => self.greet(to, call).await,
            Way::Down => self.down.carry(call).await,
            Way::Up => {
                let carried = to.up.carry(call).await;
                if carried.as_ref().is_err_and(|it| it.code == Code::UpstreamInvalid) {
                    self.era.doubt();
                }
                carried
            }
        }
    }

    /// | caller | server | way |
    /// |---|---|---|
    /// | REST | any | straight |
    /// | modern | modern | straight |
    /// | modern | legacy | down |
    /// | legacy, in a session of the bridge | any | up |
    /// | legacy, without a session | speaks no legacy revision | up |
    /// | legacy, `initialize` | may speak a legacy revision | straight, and its answer is looked at |
    /// | legacy | may speak a legacy revision | straight |
    async fn way(&self, to: &Streamable, call: &Recorded) -> Result<Way, Rejection> {
        if call.revision().is_none() {
            return Ok(Way::Straight);
        }
        if call.is_modern() {
            let modern = self.era.modern(|| to.discover()).await?;
            return Ok(if modern { Way::StraightModern } else { Way::Down });
        }
        let session = call.plan().headers.iter().find(|(name, _)| *name == SESSION_ID);
        let ours = session.map(|(_, id)| id.to_str().is_ok_and(up::is_ours));
        let legacy = self.era.speaks().legacy;
        Ok(match ours {
            Some(true) => Way::Up,
            _ if legacy == Some(false) => Way::Up,
            Some(false) => Way::Straight,
            None if &*call.call().operation == "initialize" => Way::Greet,
            None => Way::Straight,
        })
    }

    /// A legacy handshake: the server's own answer, or ours in front of a modern server.
    async fn greet(&self, to: &Streamable, call: &Recorded) -> Result<Raw, Rejection> {
        match to.straight.greet(call, &self.era).await? {
            Greeted::Answered(raw) => return Ok(raw),
            Greeted::Refused(raw) => {
                if !self.era.modern(|| to.discover()).await? {
                    return Ok(raw);
                }
            }
            Greeted::RefusedByModern => {}
        }
        self.era.saw(Speaks { modern: Some(true), legacy: Some(false) });
        to.up.carry(call).await
    }
}

impl Streamable {
    /// Asks the server in the gateway's own name whether it is a modern one.
    async fn discover(&self) -> Result<bool, Rejection> {
        self.wire.is_modern(&era::own_meta()).await
    }
}

const SESSION_ID: HeaderName = crate::mcp::headers::SESSION_ID;

/// A forwarder that is shared with the next configuration when the upstream did not change.
pub type Shared = Arc<Forwarder>;
