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
//! the response gate, which comes after it, sees one vocabulary: [`talk`] for legacy clients of
//! legacy servers that speak no Streamable HTTP, [`down`] for modern clients of legacy servers,
//! [`up`] for legacy clients of modern servers.

mod answer;
mod client;
mod credential;
pub mod down;
mod era;
mod http;
pub mod link;
mod mirror;
pub mod probe;
mod straight;
pub mod talk;
mod up;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use answer::RawBody;
pub use answer::{Answer, BodyBroken, Raw};
pub use client::ClientError;
pub use credential::{Services, key_set};

use ::http::HeaderName;

use era::{Shows, Speaks};
use straight::Greeted;

use crate::authn::bearer;
use crate::config;
use crate::exchange::Exchange;
use crate::mcp::outputs::Outputs;
use crate::mcp::params::Known;
use crate::principal::AuthMethod;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// Forwards calls to one upstream. Cheap to share; keeps connections, conversations and what is
/// known of the server, also over reloads that do not change the upstream.
#[derive(Debug)]
pub struct Forwarder {
    connector: Arc<link::Connector>,
    era: era::Era,
    /// Straight over Streamable HTTP; `None` where a call takes a bridge in any case.
    straight: Option<straight::Straight>,
    /// To a modern server; `None` for HTTP+SSE, which is a transport of the legacy era.
    modern: Option<Modern>,
    talk: talk::Face,
    down: down::Down,
    /// Which arguments of its tools the server wants mirrored in headers.
    mirrors: Arc<Known>,
    outputs: Arc<Outputs>,
    /// What proves the gateway, where anything does.
    authority: Option<Arc<credential::Authority>>,
}

/// The ways to a modern server.
#[derive(Debug)]
struct Modern {
    wire: up::Wire,
    up: up::Up,
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
    /// A legacy call to a modern server.
    Up,
    /// A modern call to a legacy server.
    Down,
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
    /// The gateway has nothing to prove itself with.
    #[error("no credential towards the upstream: {0}")]
    Credential(&'static str),
}

impl From<UpstreamError> for Rejection {
    fn from(error: UpstreamError) -> Self {
        let code = match error {
            UpstreamError::Request => Code::Internal,
            UpstreamError::Connect => Code::UpstreamUnreachable,
            UpstreamError::Closed | UpstreamError::Malformed(_) => Code::UpstreamInvalid,
            UpstreamError::Timeout(_) => Code::UpstreamTimeout,
            UpstreamError::Credential(_) => Code::CredentialUnavailable,
        };
        Rejection::new(code, error.to_string())
    }
}

impl Forwarder {
    /// Builds the ways to the upstream of one server.
    ///
    /// # Errors
    /// When the CA file, the credential or the address cannot be used.
    pub fn new(server: &config::Server, services: &Services) -> Result<Self, ClientError> {
        let (upstream, clock) = (&server.upstream, &services.clock);
        let http = match upstream.endpoint() {
            Some(endpoint) => Some(Arc::new(http::Http::new(upstream, endpoint, services)?)),
            None => None,
        };
        let connector = Arc::new(link::Connector::with_http(upstream, http.clone())?);
        let wire = match (&upstream.transport, &http) {
            (config::Transport::Streamable(_), Some(http)) => {
                Some(up::Wire::http(Arc::clone(http), upstream))
            }
            (config::Transport::Stdio(_), _) => {
                let dial = Arc::clone(&connector) as Arc<dyn link::Dial>;
                let lines = up::Lines::new(dial, clock.clone());
                Some(up::Wire::lines(Arc::new(lines), upstream))
            }
            (config::Transport::Streamable(_) | config::Transport::HttpSse(_), _) => None,
        };
        let modern = wire.map(|wire| Modern { up: up::Up::new(wire.clone(), clock.clone()), wire });
        let authority = http.as_ref().and_then(|http| http.authority()).map(Arc::clone);
        let http = http.filter(|_| !connector.shares_stream());
        let mirrors = Arc::<Known>::default();
        let outputs = Arc::<Outputs>::default();
        let straight =
            http.map(|http| straight::Straight::new(http, upstream, (&mirrors, &outputs)));
        let deadline = upstream.head_timeout;
        let talk = talk::Face::new(talk::Setup {
            dial: Arc::clone(&connector) as Arc<dyn link::Dial>,
            deadline,
            lifetimes: talk::Lifetimes::default(),
            clock: clock.clone(),
        });
        let down = down::Down::new(down::Setup {
            dial: Arc::clone(&connector) as Arc<dyn link::Dial>,
            server: Arc::clone(&server.name),
            server_requests: server.access.server_requests.clone(),
            deadline,
            clock: clock.clone(),
        });
        Ok(Self {
            era: era::Era::new(upstream.era, clock.clone()),
            straight,
            modern,
            talk,
            down: down.map_err(|_| ClientError::Random)?,
            mirrors,
            outputs,
            connector,
            authority,
        })
    }

    /// Whether the ways that were built for `old` serve `new`.
    #[must_use]
    pub fn serves(old: &config::Server, new: &config::Server) -> bool {
        old.upstream == new.upstream && old.access.server_requests == new.access.server_requests
    }

    /// What the server's lists said of mirrored arguments; the response gate adds to it.
    #[must_use]
    pub fn mirrors(&self) -> &Arc<Known> {
        &self.mirrors
    }

    /// What the server's lists said of results; the response gate adds to it.
    #[must_use]
    pub fn outputs(&self) -> &Arc<Outputs> {
        &self.outputs
    }

    /// Opens conversations with the server.
    #[must_use]
    pub fn connector(&self) -> &link::Connector {
        &self.connector
    }

    /// Forgets conversations and sessions that nobody uses; called on a timer.
    pub fn sweep(&self) {
        self.talk.sweep();
        if let Some(authority) = &self.authority {
            authority.sweep();
        }
        self.down.sweep();
        if let Some(modern) = &self.modern {
            modern.up.sweep();
        }
    }

    /// Ends all conversations with the server and waits until nothing of them is left: no process,
    /// no connection. Bounded by the time that a process has to end.
    pub async fn stop(&self) {
        if let Some(modern) = &self.modern {
            modern.up.stop();
        }
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
        if let Some(authority) = self.authority.as_ref().filter(|it| it.wants_tokens()) {
            present_token(authority, &ex);
        }
        let call = ex.into_state();
        let raw = match (&self.straight, &self.modern) {
            (Some(straight), Some(modern)) => self.over_http(straight, modern, &call).await?,
            (_, Some(modern)) => {
                self.check_mirrored(&call)?;
                self.over_lines(modern, &call).await?
            }
            (_, None) => {
                self.check_mirrored(&call)?;
                self.over_link(&call).await?
            }
        };
        Ok(Answer::raw(call, raw))
    }

    /// One call over Streamable HTTP, in whichever way reaches the server.
    async fn over_http(
        &self,
        straight: &straight::Straight,
        to: &Modern,
        call: &Recorded,
    ) -> Result<Raw, Rejection> {
        match self.way(to, call).await? {
            Way::Straight => Ok(straight.send(call).await?),
            Way::StraightModern => straight.modern(call, &self.era).await,
            Way::Greet => self.greet(straight, to, call).await,
            Way::Up => self.doubted(to.up.carry(call).await),
            Way::Down => {
                self.check_mirrored(call)?;
                self.doubted(self.down.carry(call).await)
            }
        }
    }

    /// Where a server has no use for mirrored headers, a caller's false ones are refused all the
    /// same.
    fn check_mirrored(&self, call: &Recorded) -> Result<(), Rejection> {
        let Some(claims) = call.unmirrored() else { return Ok(()) };
        mirror::verify(&self.mirrors, claims, call).map(|_| ())
    }

    /// One call to a process.
    ///
    /// | caller | process | way |
    /// |---|---|---|
    /// | modern | modern | as it is, over the shared stream |
    /// | modern | speaks no modern revision | down |
    /// | legacy, in a session of the bridge | any | up |
    /// | legacy, in a session of a conversation | any | talk |
    /// | legacy, `initialize` | may speak a legacy revision | talk; refused by a modern process, up |
    /// | legacy, without a session | speaks no legacy revision | up |
    async fn over_lines(&self, to: &Modern, call: &Recorded) -> Result<Raw, Rejection> {
        if call.is_modern() {
            let modern = self.is_modern(to, call).await?;
            let way =
                if modern { up::pass(&to.wire, call).await } else { self.down.carry(call).await };
            return self.doubted(way);
        }
        match is_bridged(call) {
            Some(true) => return self.doubted(to.up.carry(call).await),
            Some(false) => return self.talk.carry(call).await,
            None if self.era.speaks().legacy == Some(false) => {
                return self.doubted(to.up.carry(call).await);
            }
            None => {}
        }
        let raw = self.talk.carry(call).await?;
        let RawBody::Whole(Some(answer)) = &raw.body else { return Ok(raw) };
        match era::shown_by(answer) {
            Shows::Legacy => {
                self.era.saw(Speaks { modern: None, legacy: Some(true) });
                return Ok(raw);
            }
            Shows::Modern => {}
            Shows::Either | Shows::Foreign => {
                if !is_handshake(call) || !self.is_modern(to, call).await? {
                    return Ok(raw);
                }
            }
        }
        self.era.saw(Speaks { modern: Some(true), legacy: Some(false) });
        self.doubted(to.up.carry(call).await)
    }

    /// One call to an HTTP+SSE server, which is of the legacy era.
    async fn over_link(&self, call: &Recorded) -> Result<Raw, Rejection> {
        if call.is_modern() { self.down.carry(call).await } else { self.talk.carry(call).await }
    }

    /// Whether the server is a modern one; asked in the gateway's own name where that is not known.
    async fn is_modern(&self, to: &Modern, call: &Recorded) -> Result<bool, Rejection> {
        let (wire, who) = (&to.wire, call.principal());
        self.era.modern(|| async move { wire.is_modern(who, &era::own_meta()).await }).await
    }

    /// An unusable answer on a bridge may mean that the server is not of the era that it was.
    fn doubted(&self, carried: Result<Raw, Rejection>) -> Result<Raw, Rejection> {
        if carried.as_ref().is_err_and(|it| it.code == Code::UpstreamInvalid) {
            self.era.doubt();
        }
        carried
    }

    /// | caller | server | way |
    /// |---|---|---|
    /// | REST | any | straight |
    /// | modern | modern | straight |
    /// | modern | speaks no modern revision | down |
    /// | legacy, in a session of the bridge | any | up |
    /// | legacy, without a session | speaks no legacy revision | up |
    /// | legacy, `initialize` | may speak a legacy revision | straight, and its answer is looked at |
    /// | legacy | may speak a legacy revision | straight |
    async fn way(&self, to: &Modern, call: &Recorded) -> Result<Way, Rejection> {
        if call.revision().is_none() {
            return Ok(Way::Straight);
        }
        if call.is_modern() {
            let modern = self.is_modern(to, call).await?;
            return Ok(if modern { Way::StraightModern } else { Way::Down });
        }
        Ok(match is_bridged(call) {
            Some(true) => Way::Up,
            _ if self.era.speaks().legacy == Some(false) => Way::Up,
            None if is_handshake(call) => Way::Greet,
            Some(false) | None => Way::Straight,
        })
    }

    /// A legacy handshake: the server's own answer, or ours in front of a modern server.
    async fn greet(
        &self,
        straight: &straight::Straight,
        to: &Modern,
        call: &Recorded,
    ) -> Result<Raw, Rejection> {
        match straight.greet(call, &self.era).await? {
            Greeted::Answered(raw) => return Ok(raw),
            Greeted::Refused(raw) => {
                if !self.is_modern(to, call).await? {
                    return Ok(raw);
                }
            }
            Greeted::RefusedByModern => {}
        }
        self.era.saw(Speaks { modern: Some(true), legacy: Some(false) });
        to.up.carry(call).await
    }
}

/// Hands the caller's token to those who exchange it. An errand of the gateway has none; what was
/// handed over before serves it.
fn present_token(authority: &credential::Authority, ex: &Exchange<Recorded>) {
    if ex.principal().method == AuthMethod::Bearer
        && let Ok(credentials) = bearer::credentials(ex.headers())
    {
        authority.note(ex.principal(), credentials.token);
    }
}

/// Whether a call's session is one of the bridge to modern servers; `None` without a session.
fn is_bridged(call: &Recorded) -> Option<bool> {
    let session = call.plan().headers.iter().find(|(name, _)| *name == SESSION_ID);
    session.map(|(_, id)| id.to_str().is_ok_and(up::is_ours))
}

fn is_handshake(call: &Recorded) -> bool {
    &*call.call().operation == "initialize"
}

const SESSION_ID: HeaderName = crate::mcp::headers::SESSION_ID;

/// A forwarder that is shared with the next configuration when the upstream did not change.
pub type Shared = Arc<Forwarder>;
