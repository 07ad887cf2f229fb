//! Carries a cleared and recorded call to the server behind the gateway.
//!
//! Assumes nothing of the caller's request head: the upstream request is built from parsed parts,
//! never relayed, and bears the gateway's own credential. Guarantees that only
//! `Exchange<Recorded>` is forwarded, that every wait has a bound, and that a call is sent at
//! most once.
//!
//! Two ways lead to a server. Where caller and server speak the same era over Streamable HTTP,
//! the judged bytes go straight through ([`http`]). Everywhere else a bridge holds a conversation
//! with the server over a [`link`] and answers the caller in the caller's own era, so that the
//! response gate, which comes after it, sees one vocabulary.

mod answer;
mod client;
pub mod down;
mod http;
pub mod link;
pub mod talk;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use answer::RawBody;
pub use answer::{Answer, BodyBroken, Raw};
pub use client::ClientError;

use crate::config;
use crate::exchange::Exchange;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// Forwards calls to one upstream. Cheap to share; keeps connections and conversations.
#[derive(Debug)]
pub struct Forwarder {
    /// The straight way; `None` where there is none and every call takes a bridge.
    http: Option<Arc<http::Http>>,
    /// The way of the bridges.
    connector: link::Connector,
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
    /// Builds the way to one upstream.
    ///
    /// # Errors
    /// When the CA file, the credential or the address cannot be used.
    pub fn new(upstream: &config::Upstream) -> Result<Self, ClientError> {
        let http = match &upstream.transport {
            config::Transport::Streamable(endpoint) | config::Transport::HttpSse(endpoint) => {
                Some(Arc::new(http::Http::new(upstream, endpoint)?))
            }
            config::Transport::Stdio(_) => None,
        };
        let connector = link::Connector::with_http(upstream, http.clone())?;
        let http = http.filter(|_| !connector.shares_stream());
        Ok(Self { http, connector })
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
        let recorded = ex.into_state();
        let http = self.http.as_ref().ok_or(UpstreamError::Connect)?;
        let raw = http.send(recorded.plan()).await?;
        Ok(Answer::raw(recorded, raw))
    }
}

/// A forwarder that is shared with the next configuration when the upstream did not change.
pub type Shared = Arc<Forwarder>;
