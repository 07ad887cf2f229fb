//! An exchange in flight, and what is known of it so far.
//!
//! `Exchange<S>` carries the request head, the unread body and a *witness* `S`: a value with
//! private fields that only the module of one stage can make. A stage consumes `Exchange<S>` and
//! returns `Exchange<T>`; the next stage asks for `T` in its signature. So a request that skipped
//! a check is not an error at run time: it does not compile.
//!
//! Inside one crate privacy is per module, so handing over needs two crate-private doors,
//! [`Exchange::advance`] and [`Exchange::take_body`]; `tests/tidy.rs` counts their call sites.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri, Version};
use hyper::body::Incoming;

use crate::mcp::trace::Parent;
use crate::peer::Peer;
use crate::principal::{Confirmation, Principal};
use crate::unread::Unread;

/// A request on its way through the request gate, with all that is proven of it.
#[derive(Debug)]
pub struct Exchange<S> {
    // Boxed, because the exchange moves through eight stages.
    common: Box<Common>,
    state: S,
}

#[derive(Debug)]
struct Common {
    head: Parts,
    body: Option<RequestBody>,
    peer: Arc<Peer>,
    vouched: Option<Arc<Principal>>,
    part: Option<Part>,
    proven: Option<Confirmation>,
    trace: Option<Parent>,
}

/// What one message of a batch shares with the request that brought it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Request id of the whole batch, for records.
    pub batch: Arc<str>,
    /// The caller, whom the header fields of the one request proved.
    pub principal: Arc<Principal>,
}

/// A body that was not read yet.
#[derive(Debug)]
pub enum RequestBody {
    /// From a client's connection.
    Incoming(Unread),
    /// Written by the gateway itself.
    Whole(Bytes),
}

/// The first state: a request was received, nothing is known.
#[derive(Debug)]
pub struct Received(());

impl Exchange<Received> {
    /// Begins an exchange.
    #[must_use]
    pub fn open(request: Request<Incoming>, peer: Arc<Peer>) -> Self {
        let (head, body) = request.into_parts();
        let body = Some(RequestBody::Incoming(Unread::new(body, head.version)));
        let common =
            Common { head, body, peer, vouched: None, part: None, proven: None, trace: None };
        Self { common: Box::new(common), state: Received(()) }
    }

    /// With the gateway's own span, which the server is told in place of the caller's.
    #[must_use]
    pub fn traced(mut self, own: Option<Parent>) -> Self {
        self.common.trace = own;
        self
    }

    /// Begins an exchange that the gateway runs of itself for a client: it passes every gate like
    /// any other and leaves its own record.
    ///
    /// With `vouched` no token is asked for, because the session that the exchange is about was
    /// opened by this caller, or because the caller was authenticated for the call for which the
    /// exchange is needed; it ends the session, refuses a server's request or lists the server's
    /// tools, and does nothing else ([`Exchange::vouched`]).
    pub(crate) fn of_gateway(
        head: Parts,
        body: Bytes,
        peer: Arc<Peer>,
        vouched: Option<Arc<Principal>>,
    ) -> Self {
        let body = Some(RequestBody::Whole(body));
        let common = Common { head, body, peer, vouched, part: None, proven: None, trace: None };
        Self { common: Box::new(common), state: Received(()) }
    }

    /// Of an exchange of the gateway's own in a caller's name: the keys that the caller proved in
    /// the request that began it. The gateway has no such key and cannot prove it again.
    #[must_use]
    pub(crate) fn with_proven(mut self, proven: Option<Confirmation>) -> Self {
        self.common.proven = proven;
        self
    }
}

impl<S> Exchange<S> {
    /// The request method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.common.head.method
    }

    /// The request target as hyper read it.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.common.head.uri
    }

    /// The header fields of the caller: claims, never relayed.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.common.head.headers
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.common.head.version
    }

    /// The other end of the connection.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.common.peer
    }

    /// Whom the gateway vouches for, in an exchange of its own.
    #[must_use]
    pub fn vouched(&self) -> Option<&Arc<Principal>> {
        self.common.vouched.as_ref()
    }

    /// The batch that this exchange is a part of.
    #[must_use]
    pub fn part(&self) -> Option<&Part> {
        self.common.part.as_ref()
    }

    /// Begins an exchange for one message of a batch that this request brought: the same head and
    /// connection, the caller as proven, every other gate anew.
    pub(crate) fn one_of(&self, message: Bytes, part: Part) -> Exchange<Received> {
        let common = Common {
            head: self.common.head.clone(),
            body: Some(RequestBody::Whole(message)),
            peer: Arc::clone(&self.common.peer),
            vouched: None,
            proven: None,
            part: Some(part),
            trace: None,
        };
        Exchange { common: Box::new(common), state: Received(()) }
    }

    /// The keys that the caller proved in the request for which the gateway runs this exchange.
    #[must_use]
    pub fn proven(&self) -> Option<Confirmation> {
        self.common.proven
    }

    /// The gateway's own span towards the server, where it traces.
    #[must_use]
    pub fn trace(&self) -> Option<Parent> {
        self.common.trace
    }

    /// Hands the exchange to the next state. The closure is the stage's own constructor.
    pub(crate) fn advance<T>(self, next: impl FnOnce(S) -> T) -> Exchange<T> {
        Exchange { common: self.common, state: next(self.state) }
    }

    /// Whether an answer now would leave a body behind that the client may still be sending, on a
    /// connection that cannot go on without it: HTTP/1, where requests follow one another.
    #[must_use]
    pub fn leaves_body(&self) -> bool {
        let unread = self.common.body.as_ref().is_some_and(|body| match body {
            RequestBody::Incoming(body) => body.has_more(),
            RequestBody::Whole(_) => false,
        });
        unread && self.version() <= Version::HTTP_11
    }

    /// Takes the unread body, once; only `decode` does.
    pub(crate) fn take_body(&mut self) -> Option<RequestBody> {
        self.common.body.take()
    }

    /// Ends the request gate: the witness remains, the head is dropped with the caller's headers.
    pub(crate) fn into_state(self) -> S {
        self.state
    }
}

/// What is proven is read through the exchange: `ex.principal()`, `ex.call()`.
impl<S> Deref for Exchange<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}
