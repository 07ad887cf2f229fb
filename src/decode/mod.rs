//! What is asked: the whole body, read strictly, once, and turned into one [`Call`].
//!
//! Assumes an authenticated caller: nobody else gets the JSON parser or the buffers. Owns the
//! witness [`Decoded`] and with it the plan of the upstream request. Guarantees one
//! interpretation: what is judged from here on is exactly what the upstream receives, because the
//! plan is built from the parsed parts and the body that was parsed is the body that is sent.

mod batch;
mod body;
mod purse;
mod session;
mod traced;

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{HeaderMap, Method};

pub use batch::{Batch, One};
pub use body::{BodyBudget, Lease, whole};
use purse::Purse;
pub use purse::{seal_cursor, seal_state, seal_task};
pub use session::Session;

use crate::authn::Authenticated;
use crate::call::{Action, Arguments, Call, Resource};
use crate::config::{Profile, Server, ServerRequest};
use crate::exchange::Exchange;
use crate::face::Hub;
use crate::hygiene::Target;
use crate::json::Document;
use crate::mcp::headers;
use crate::mcp::message::{Id, Kind};
use crate::mcp::params::{self, Known, Mirrors};
use crate::mcp::trace::{self, Parent};
use crate::mcp::version::{self, Revision};
use crate::peer::Peer;
use crate::reject::{Code, Rejection};
use crate::session::{Caller, Claim, Sessions};
use crate::ticket::Tickets;
use crate::{mcp, rest};
use session::{agreed, push_session, resumable};
use traced::Traced;

/// A request that was understood.
#[derive(Debug)]
pub struct Decoded {
    base: Authenticated,
    call: Call,
    expect: Expect,
    revision: Option<Revision>,
    session: Option<Session>,
    claim: Option<Claim>,
    plan: Plan,
    unmirrored: Option<Box<HeaderMap>>,
    continued: Option<Parent>,
    peer: Arc<Peer>,
    // Held as long as the exchange, because the body is.
    _lease: Option<Lease>,
}

/// What a request turned out to be.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart at once; a box would cost every request an allocation"
)]
pub enum Read {
    /// One message, understood.
    Message(Exchange<Decoded>),
    /// Several, each to go its own way.
    Batch(Box<Batch>),
}

/// What kind of answer fits.
#[derive(Debug, Clone)]
pub enum Expect {
    /// The answer to this request id, as JSON or inside an event stream.
    Response {
        /// The id as it came.
        id: Id,
    },
    /// 202 without a body: a notification or a client's answer.
    Accepted,
    /// The stream on which the server speaks unasked.
    Stream,
    /// The end of a session.
    Ended,
    /// Whatever the REST profile answers.
    Rest,
}

/// The upstream request, from parsed parts alone.
#[derive(Debug)]
pub struct Plan {
    /// Method.
    pub method: Method,
    /// Path and query; `None` is the endpoint itself.
    pub path_and_query: Option<String>,
    /// Every header that goes, besides the forwarder's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body that was parsed.
    pub body: Bytes,
}

impl Deref for Decoded {
    type Target = Authenticated;

    fn deref(&self) -> &Authenticated {
        &self.base
    }
}

impl Decoded {
    /// What is asked.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// What kind of answer fits.
    #[must_use]
    pub fn expect(&self) -> &Expect {
        &self.expect
    }

    /// The protocol revision; none in the REST profile.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// Whether the request speaks 2026-07-28 or later: stateless, no sessions.
    #[must_use]
    pub fn is_modern(&self) -> bool {
        self.revision.is_some_and(Revision::is_modern)
    }

    /// The caller's session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The request of the server that this message answers.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// Who asks, for what belongs to sessions.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        Caller {
            principal: self.principal(),
            client: self.client_ip(),
            peer: &self.peer,
            server: &self.server().name,
        }
    }

    /// The upstream request.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The `Mcp-Param-*` of a tool call that nobody has checked, because no list told yet which
    /// arguments the tool wants mirrored.
    #[must_use]
    pub fn unmirrored(&self) -> Option<&HeaderMap> {
        self.unmirrored.as_deref()
    }

    /// The trace that `_meta` names, where the gateway traces: it counts before the header's.
    #[must_use]
    pub fn continued(&self) -> Option<Parent> {
        self.continued
    }

    /// The raw id of a JSON-RPC request.
    #[must_use]
    pub fn rpc_id(&self) -> Option<&Bytes> {
        match &self.expect {
            Expect::Response { id } => Some(id.raw()),
            Expect::Accepted | Expect::Stream | Expect::Ended | Expect::Rest => None,
        }
    }
}

/// Decodes the requests of one route.
#[derive(Debug)]
pub struct Decoder {
    server: Arc<Server>,
    sessions: Arc<Sessions>,
    tickets: Arc<Tickets>,
    mirrors: Arc<Known>,
    budget: BodyBudget,
}

/// What the protocol's own reading of a request yields.
struct Parts {
    call: Call,
    expect: Expect,
    revision: Option<Revision>,
    session: Option<Session>,
    claim: Option<Claim>,
    plan: Plan,
    unmirrored: Option<Box<HeaderMap>>,
    continued: Option<Parent>,
}

impl Decoder {
    /// For one route; the body budget is the process's own.
    #[must_use]
    pub fn new(
        server: Arc<Server>,
        sessions: Arc<Sessions>,
        tickets: Arc<Tickets>,
        mirrors: Arc<Known>,
        budget: BodyBudget,
    ) -> Self {
        Self { server, sessions, tickets, mirrors, budget }
    }

    /// Reads and understands a request. What an HTTP+SSE client posts belongs to the stream `hub`,
    /// whose session upstream it never sees.
    ///
    /// # Errors
    /// 408, 413, 503 for bodies; 400 and 404 for what cannot be understood (S-21 to S-29);
    /// 404 for sessions that are not the caller's.
    pub async fn decode(
        &self,
        mut ex: Exchange<Authenticated>,
        hub: Option<&Hub>,
    ) -> Result<Read, Rejection> {
        let (bytes, lease) = whole(&mut ex, self.server.body_bytes_max, &self.budget).await?;
        let may_be_batch = self.server.batches && hub.is_none() && ex.part().is_none();
        if may_be_batch && *ex.method() == Method::POST && batch::is_array(&bytes) {
            return Ok(Read::Batch(Box::new(self.batch(ex, bytes, lease)?)));
        }
        let parts = match ex.target() {
            Target::Rest => self.rest(&ex, bytes)?,
            Target::Mcp
            | Target::Sse
            | Target::Metadata(_)
            | Target::Oauth(_)
            | Target::Preflight => self.mcp(&ex, bytes, hub)?,
        };
        let Parts { call, expect, revision, session, claim, plan, unmirrored, continued } = parts;
        let peer = Arc::clone(ex.peer());
        Ok(Read::Message(ex.advance(|base| Decoded {
            base,
            call,
            expect,
            revision,
            session,
            claim,
            plan,
            unmirrored,
            continued,
            peer,
            _lease: lease,
        })))
    }

    fn mcp(
        &self,
        ex: &Exchange<Authenticated>,
        bytes: Bytes,
        hub: Option<&Hub>,
    ) -> Result<Parts, Rejection> {
        match *ex.method() {
            Method::POST => self.message(ex, bytes, hub),
            Method::GET => self.bodyless(ex, &bytes, Action::SessionListen, Expect::Stream),
            Method::DELETE => self.bodyless(ex, &bytes, Action::SessionClose, Expect::Ended),
            _ => Err(Rejection::new(Code::MethodNotAllowed, "no such method on an MCP endpoint")),
        }
    }

    /// One JSON-RPC message.
    fn message(
        &self,
        ex: &Exchange<Authenticated>,
        bytes: Bytes,
        hub: Option<&Hub>,
    ) -> Result<Parts, Rejection> {
        let Traced { document, header, continued } = traced::read(bytes, ex.trace())?;
        let purse =
            Purse { tickets: &self.tickets, caller: ex.principal().key, server: &self.server.name };
        let read = mcp::read(ex.headers(), document, &purse)?;
        let mcp::Inbound { message, revision, mut call, body } = read;
        // From here on a refusal can name the request that it answers.
        let named = |mut rejection: Rejection| {
            rejection.rpc_id = message.request_id().map(|id| id.raw().clone());
            rejection
        };
        // MCP 2025-03-26, Lifecycle: the handshake is never part of a batch.
        if ex.part().is_some() && &*call.operation == "initialize" {
            let why = "a handshake inside a batch";
            return Err(named(Rejection::new(Code::MessageInvalid, why)));
        }
        let claimed = headers::claimed_version(ex.headers())?;
        let session = match (revision.is_modern(), hub) {
            (false, _) => self.session(ex, hub).map_err(named)?,
            (true, None) => None,
            (true, Some(_)) => {
                let why = "a modern message on a transport of 2024";
                return Err(named(Rejection::new(Code::VersionUnsupported, why)));
            }
        };
        let revision = agreed(revision, claimed, session.as_ref()).map_err(named)?;
        let claim = match call.action {
            Action::SessionAnswer if ex.vouched().is_none() => {
                Some(self.claim(ex, &message, session.as_ref()).map_err(named)?)
            }
            _ => None,
        };
        // What a person filled in is looked at like the arguments of a call.
        if claim.as_ref().is_some_and(|claim| claim.kind() == ServerRequest::Elicitation) {
            call.arguments = Arguments::Answer;
        }
        let expect = match (message.kind(), message.id()) {
            (Kind::Request, Some(id)) => Expect::Response { id: id.clone() },
            (Kind::Request | Kind::Notification | Kind::Result | Kind::Error, _) => {
                Expect::Accepted
            }
        };
        let mut out = headers::upstream_headers(&message, revision);
        let header = header.or_else(|| trace::parent(ex.headers()).cloned());
        out.extend(header.map(|value| (trace::TRACEPARENT, value)));
        let unmirrored = match self.mirrored(ex.headers(), revision, &call).map_err(named)? {
            Some(mirrored) => {
                out.extend(mirrored);
                None
            }
            None => Some(Box::new(params::claims(ex.headers()))),
        };
        push_session(&mut out, session.as_ref())?;
        // Before the handshake is done a client names no version, and neither do we. Clients of
        // HTTP+SSE need not know the header; the session knows the version.
        let known = hub.is_some()
            && session.as_ref().and_then(Session::revision).is_some_and(|r| r.has_version_header());
        if !revision.is_modern() && (claimed.is_some() || known) {
            out.push((headers::PROTOCOL_VERSION, HeaderValue::from_static(revision.date())));
        }
        let plan = Plan { method: Method::POST, path_and_query: None, headers: out, body };
        let revision = Some(revision);
        Ok(Parts { call, expect, revision, session, claim, plan, unmirrored, continued })
    }

    /// `Mcp-Param-*` of a modern tool call, written anew from its arguments (checklist 12, 13);
    /// `None` when no list told yet which there are.
    fn mirrored(
        &self,
        claims: &HeaderMap,
        revision: Revision,
        call: &Call,
    ) -> Result<Option<Vec<(HeaderName, HeaderValue)>>, Rejection> {
        if !revision.is_modern() || &*call.operation != "tools/call" {
            return Ok(Some(Vec::new()));
        }
        let tool = call.resource.name();
        let Some((mirrors, doubted)) = self.mirrors.of(tool) else { return Ok(None) };
        if *mirrors == Mirrors::Invalid {
            return Err(Rejection::new(Code::Denied, "the tool's annotations are not valid"));
        }
        match mirrors.verify(claims, call.json_arguments()) {
            Ok(mirrored) => Ok(Some(mirrored)),
            // The server is asked before the call is sent.
            Err(_) if doubted => Ok(None),
            Err(error) => {
                self.mirrors.doubt(tool);
                Err(error.into())
            }
        }
    }

    /// GET and DELETE of the 2025 revisions: a session and no body.
    fn bodyless(
        &self,
        ex: &Exchange<Authenticated>,
        bytes: &Bytes,
        action: Action,
        expect: Expect,
    ) -> Result<Parts, Rejection> {
        if !bytes.is_empty() {
            return Err(Rejection::new(Code::MessageInvalid, "a body where none may be"));
        }
        let claimed = headers::claimed_version(ex.headers())?;
        let revision = version::classify(claimed, None, "")?;
        if revision.is_modern() {
            let mut refusal = Rejection::new(Code::MethodNotAllowed, "this revision has POST only");
            refusal.allow = Some("POST");
            return Err(refusal);
        }
        if ex.target() == Target::Sse {
            return Ok(stream_of_old_client(ex.method()));
        }
        let session = self.session(ex, None)?;
        let revision = agreed(revision, claimed, session.as_ref())?;
        let mut out = Vec::with_capacity(4);
        if claimed.is_some() {
            out.push((headers::PROTOCOL_VERSION, HeaderValue::from_static(revision.date())));
        }
        if action == Action::SessionListen {
            out.push((ACCEPT, HeaderValue::from_static("text/event-stream")));
            if let Some(last) = ex.headers().get(LAST_EVENT_ID) {
                resumable(last, session.as_ref())?;
                out.push((LAST_EVENT_ID, last.clone()));
            }
        }
        push_session(&mut out, session.as_ref())?;
        let call = Call {
            action,
            resource: Resource::Server,
            also: Vec::new(),
            operation: ex.method().as_str().into(),
            subject: None,
            message: None,
            arguments: Arguments::None,
        };
        let plan = Plan {
            method: ex.method().clone(),
            path_and_query: None,
            headers: out,
            body: Bytes::new(),
        };
        let (revision, claim, unmirrored, continued) = (Some(revision), None, None, None);
        Ok(Parts { call, expect, revision, session, claim, plan, unmirrored, continued })
    }

    fn rest(&self, ex: &Exchange<Authenticated>, bytes: Bytes) -> Result<Parts, Rejection> {
        let Profile::Rest(routes) = &self.server.profile else {
            return Err(Rejection::new(Code::Internal, "a REST target on an MCP route"));
        };
        let body = bytes.clone();
        let document = if bytes.is_empty() {
            None
        } else {
            Some(
                Document::parse(bytes, &mcp::REQUEST)
                    .map_err(|e| Rejection::new(Code::JsonInvalid, e.to_string()))?,
            )
        };
        let read = rest::read(routes, ex.method(), ex.uri(), document)?;
        let plan = Plan {
            method: ex.method().clone(),
            path_and_query: Some(read.upstream_target),
            headers: vec![(ACCEPT, HeaderValue::from_static("application/json"))],
            body,
        };
        let (expect, revision, session, claim) = (Expect::Rest, None, None, None);
        let (call, unmirrored, continued) = (read.call, None, None);
        Ok(Parts { call, expect, revision, session, claim, plan, unmirrored, continued })
    }
}

/// The stream of an HTTP+SSE client; nothing of it goes upstream.
fn stream_of_old_client(method: &Method) -> Parts {
    let call = Call {
        action: Action::SessionListen,
        resource: Resource::Server,
        also: Vec::new(),
        operation: "GET (HTTP+SSE)".into(),
        subject: None,
        message: None,
        arguments: Arguments::None,
    };
    let (path_and_query, headers, body) = (None, Vec::new(), Bytes::new());
    Parts {
        call,
        expect: Expect::Stream,
        revision: Some(Revision::V2024_11_05),
        session: None,
        claim: None,
        plan: Plan { method: method.clone(), path_and_query, headers, body },
        unmirrored: None,
        continued: None,
    }
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
