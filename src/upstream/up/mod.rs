//! Legacy clients in front of a modern server.
//!
//! Owns the legacy face: the gateway answers the handshake and the session's upkeep itself, and
//! carries every other request over as a modern one. Assumes calls that were judged, recorded and
//! found to need this bridge ([`super::era`]). Guarantees: no store of sessions (the sealed id
//! carries the handshake, [`ticket`]), every byte of a message that is not of one era alone stays
//! as it came ([`splice`]), and what the server asks of the client goes only to the client whose
//! call it is ([`call`]).
//!
//! Not bridged, and so not promised in the handshake: the tasks of 2025-11-25, extensions, and
//! resumption (a modern stream has no event ids). A client's answer must reach the replica that
//! asked.

mod call;
mod hello;
mod lines;
mod listen;
mod params;
mod pass;
mod reading;
mod sessions;
mod splice;
mod ticket;
mod wire;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderMap, StatusCode};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use call::Call;
use hello::{Discovery, Keep};
use listen::{Change, Listener};
use reading::{Asked, Said};
use sessions::{Key, Reply, Session, Sessions, Subscription};
use ticket::{NUMBER_BYTES, Ticket};
use wire::{Heard, OWN_ID, Question};

pub(in crate::upstream) use hello::is_discovery;
pub(in crate::upstream) use lines::Lines;
pub(in crate::upstream) use pass::pass;
pub(in crate::upstream) use ticket::is_ours;
pub(in crate::upstream) use wire::{Wire, own_question};

use super::answer::{Raw, RawBody};
use crate::call::Action;
use crate::clock::Clock;
use crate::decode::Expect;
use crate::json::{Document, Value};
use crate::limits;
use crate::mcp::headers;
use crate::mcp::message::{Id, Kind, Message};
use crate::mcp::version::Revision;
use crate::principal::Principal;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// The legacy face of one modern server. Its calls end when it is dropped.
#[derive(Debug)]
pub(in crate::upstream) struct Up {
    inner: Arc<Inner>,
    _stop: DropGuard,
}

/// What the calls and streams of one server share.
#[derive(Debug)]
struct Inner {
    wire: Wire,
    clock: Clock,
    sessions: Sessions,
    shown: params::Shown,
    discovery: Mutex<Option<(Duration, Arc<Discovery>)>>,
    stop: CancellationToken,
}

impl Up {
    /// In front of the server at the end of `wire`.
    pub(in crate::upstream) fn new(wire: Wire, clock: Clock) -> Self {
        let stop = CancellationToken::new();
        let inner = Inner {
            wire,
            clock,
            sessions: Sessions::default(),
            shown: params::Shown::default(),
            discovery: Mutex::default(),
            stop: stop.clone(),
        };
        Self { inner: Arc::new(inner), _stop: stop.drop_guard() }
    }

    /// Forgets sessions that nobody uses; called on a timer.
    pub(in crate::upstream) fn sweep(&self) {
        self.inner.sessions.sweep(self.inner.clock.unix_s());
        self.inner.wire.sweep();
    }

    /// Ends all calls and streams; the gateway is stopping.
    pub(in crate::upstream) fn stop(&self) {
        self.inner.stop.cancel();
    }

    /// Carries one call of a legacy client.
    ///
    /// # Errors
    /// 400 without a session, 404 with one that this bridge did not open, 405 for a GET where the
    /// server tells nothing unasked, 502 and 504 for what the server does.
    pub(in crate::upstream) async fn carry(&self, call: &Recorded) -> Result<Raw, Rejection> {
        if &*call.call().operation == "initialize" {
            return self.initialize(call).await;
        }
        let at = self.place(call)?;
        match (call.expect(), call.call().action) {
            (Expect::Ended, _) => {
                self.inner.sessions.end(at.key);
                Ok(empty(StatusCode::OK))
            }
            (Expect::Stream, _) => self.listen(&at, call).await,
            (Expect::Accepted, Action::SessionAnswer) => at.take_answer(call),
            (Expect::Accepted, _) => at.take_notice(call),
            (Expect::Response { id }, _) => self.request(&at, call, id).await,
            (Expect::Rest, _) => {
                Err(Rejection::new(Code::Internal, "a REST call on the way to an MCP server"))
            }
        }
    }

    /// Which session a call belongs to.
    fn place(&self, call: &Recorded) -> Result<Place, Rejection> {
        let opened = call.plan().headers.iter().find(|(name, _)| *name == headers::SESSION_ID);
        let Some((_, id)) = opened else {
            // MCP 2025-11-25, Transports, "Session Management": 400 without the id.
            return Err(Rejection::new(Code::SessionMissing, "no session id after the handshake"));
        };
        let ticket = id.to_str().ok().and_then(Ticket::decode).ok_or_else(|| {
            Rejection::new(Code::SessionUnknown, "a session that this bridge did not open")
        })?;
        let key = (call.principal().key, ticket.number);
        let session = self.inner.sessions.of(key, self.inner.clock.unix_s())?;
        let revision = call.revision().unwrap_or(Revision::ASSUMED);
        let allowed = &call.server().access.server_requests;
        let able = ticket.able.limited_to(allowed, revision);
        Ok(Place { key, ticket, able, session })
    }

    /// The handshake, of which the server knows nothing.
    async fn initialize(&self, call: &Recorded) -> Result<Raw, Rejection> {
        let (Some(document), Expect::Response { id }) = (&call.call().message, call.expect())
        else {
            return Err(Rejection::new(Code::MessageInvalid, "a handshake that is no request"));
        };
        let mut number = [0; NUMBER_BYTES];
        aws_lc_rs::rand::fill(&mut number)
            .map_err(|_| Rejection::new(Code::Internal, "no random numbers for a session"))?;
        let ticket = Ticket::of(document, number);
        let allowed = &call.server().access.server_requests;
        let able = ticket.able.limited_to(allowed, ticket.revision);
        let discovery = self.inner.discover(call.principal(), &ticket.meta(able, None)).await?;
        let mut raw = call::json(discovery.initialized(id.raw(), &ticket, &call.server().name));
        let sealed = HeaderValue::from_str(&ticket.encode())
            .map_err(|_| Rejection::new(Code::Internal, "a session id is not a header value"))?;
        raw.headers.insert(headers::SESSION_ID, sealed);
        Ok(raw)
    }

    /// A request: the session's upkeep here, everything else at the server.
    async fn request(&self, at: &Place, call: &Recorded, id: &Id) -> Result<Raw, Rejection> {
        let done = || Ok(call::json(result(id)));
        match &*call.call().operation {
            "ping" => done(),
            "logging/setLevel" => {
                let level = param(call, "level").and_then(|it| it.as_str()).and_then(known_level);
                let Some(level) = level else {
                    return Err(Rejection::new(Code::ParamsInvalid, "`level` is not a log level"));
                };
                at.session.set_level(level);
                done()
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                self.subscribe(at, call).await?;
                done()
            }
            _carried => self.carried(at, call, id)?.answer().await,
        }
    }

    /// A request as the server will read it.
    fn carried(&self, at: &Place, call: &Recorded, id: &Id) -> Result<Call, Rejection> {
        let document = call.call().message.as_ref();
        let document =
            document.ok_or_else(|| Rejection::new(Code::Internal, "a request without a body"))?;
        let message = Message::read(document)?;
        let meta = at.ticket.meta(at.able, at.session.level());
        let first = splice::request(document, None, &meta, b"")
            .map_err(|error| Rejection::new(Code::ParamsInvalid, error.to_string()))?;
        let headers = headers::upstream_headers(&message, Revision::V2026_07_28);
        let mut mirrored = headers.clone();
        if call.call().action == Action::ToolsInvoke {
            mirrored.extend(self.inner.shown.headers(call.principal().key, document));
        }
        Ok(Call {
            inner: Arc::clone(&self.inner),
            who: Arc::clone(call.principal()),
            session: Arc::clone(&at.session),
            able: at.able,
            operation: call.call().operation.clone(),
            id: id.clone(),
            first: Question { message: first, headers: mirrored },
            message: document.bytes().clone(),
            meta,
            headers,
            first_page: param(call, "cursor").is_none(),
        })
    }

    /// The stream of what the server says unasked.
    async fn listen(&self, at: &Place, call: &Recorded) -> Result<Raw, Rejection> {
        let meta = at.ticket.meta(at.able, at.session.level());
        let offers = self.inner.discover(call.principal(), &meta).await?.offers;
        let nothing = offers == hello::Offers::default();
        if nothing {
            // MCP 2025-11-25, Transports, "Listening for Messages": a server may offer none.
            return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let listener = Listener {
            inner: Arc::clone(&self.inner),
            who: Arc::clone(call.principal()),
            session: Arc::clone(&at.session),
            meta,
            offers,
        };
        listener.open().await
    }

    /// Changes what the session hears of; returns once the server has taken note, where the
    /// client has a stream to hear on.
    async fn subscribe(&self, at: &Place, call: &Recorded) -> Result<(), Rejection> {
        let uri = call.call().resource.name();
        let raw = param(call, "uri").map(|uri| Bytes::copy_from_slice(uri.raw()));
        let raw = raw.ok_or_else(|| Rejection::new(Code::ParamsInvalid, "no `uri`"))?;
        let adds = &*call.call().operation == "resources/subscribe";
        let changed = if adds {
            at.session.subscribe(Subscription { uri: uri.into(), raw })?
        } else {
            at.session.unsubscribe(uri)
        };
        let Some(listener) = at.session.listener().filter(|_| changed) else { return Ok(()) };
        let (told, tells) = oneshot::channel();
        if listener.send(Change(told)).await.is_err() {
            // The stream has gone: the next one begins with what is subscribed now.
            return Ok(());
        }
        let patience = Duration::from_millis(limits::ACKNOWLEDGE_MS);
        let outcome = match timeout(patience, tells).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(Rejection::new(Code::UpstreamTimeout, "no acknowledgement in time")),
        };
        if outcome.is_err() && adds {
            at.session.unsubscribe(uri);
        }
        outcome
    }
}

impl Inner {
    /// What the server says of itself; kept as long as it allows for everybody, else for nobody.
    async fn discover(&self, who: &Principal, meta: &[u8]) -> Result<Arc<Discovery>, Rejection> {
        let now = self.clock.monotonic();
        if let Some((until, known)) = &*self.discovery()
            && now < *until
        {
            return Ok(Arc::clone(known));
        }
        let document = self.own(who, "server/discover", meta, b"").await?;
        let discovery = Discovery::read(&document).ok_or_else(|| {
            Rejection::new(Code::UpstreamInvalid, "the server does not say what it is")
        })?;
        let discovery = Arc::new(discovery);
        let keep = match discovery.keep {
            Keep::Shared(lasts) => Some((now.saturating_add(lasts), Arc::clone(&discovery))),
            Keep::No => None,
        };
        *self.discovery() = keep;
        Ok(discovery)
    }

    fn discovery(&self) -> std::sync::MutexGuard<'_, Option<(Duration, Arc<Discovery>)>> {
        self.discovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the caller's list of tools for what it says of mirrored arguments.
    async fn refresh(&self, who: &Principal, meta: &[u8]) -> Result<(), Rejection> {
        let mut params = Vec::new();
        for page in 0..limits::LIST_PAGES_MAX {
            let document = self.own(who, "tools/list", meta, &params).await?;
            self.shown.learn(who.key, &document, page == 0);
            let cursor = document.root().pointer("/result/nextCursor").map(|it| it.raw().to_vec());
            let Some(cursor) = cursor else { return Ok(()) };
            params = b",\"cursor\":".to_vec();
            params.extend_from_slice(&cursor);
        }
        Ok(())
    }

    /// A request of the gateway's own; `params` are further members, each behind a comma.
    async fn own(
        &self,
        who: &Principal,
        method: &'static str,
        meta: &[u8],
        params: &[u8],
    ) -> Result<Document, Rejection> {
        let question = own_question(method, meta, params);
        let mut answers = self.wire.ask(who, question).await?;
        while let Some(heard) = answers.next().await {
            let Heard::Message(message) = heard? else { continue };
            match reading::read(message, Asked::Anew(OWN_ID)) {
                Ok(Said::Final(answer)) if answer.error.is_none() => return Ok(answer.document),
                Ok(Said::Notification(_) | Said::Foreign) => {}
                Ok(Said::Final(_) | Said::Needs(_)) => break,
                Err(error) => return Err(Rejection::new(Code::UpstreamInvalid, error.to_string())),
            }
        }
        Err(Rejection::new(Code::UpstreamInvalid, "the server does not answer the gateway"))
    }
}

/// Where a call stands: its session, and what its client can do.
#[derive(Debug)]
struct Place {
    key: Key,
    ticket: Ticket,
    able: ticket::Abilities,
    session: Arc<Session>,
}

impl Place {
    /// The client's answer to a question of this session; nothing else is one (S-37).
    fn take_answer(&self, call: &Recorded) -> Result<Raw, Rejection> {
        let unasked = || Rejection::new(Code::Denied, "no request of the server is outstanding");
        let document = call.call().message.as_ref().ok_or_else(unasked)?;
        let message = Message::read(document)?;
        let reply = match (message.kind(), document.root().get("result")) {
            (Kind::Result, Some(result)) => Reply::Result(document.bytes().slice(result.span())),
            (Kind::Result | Kind::Error | Kind::Request | Kind::Notification, _) => Reply::Refused,
        };
        let id = document.root().get("id").and_then(|id| id.as_str()).ok_or_else(unasked)?;
        if !self.session.answer(&id, reply) {
            return Err(unasked());
        }
        Ok(empty(StatusCode::ACCEPTED))
    }

    /// A notification: of all that a legacy client tells, a modern server understands only that
    /// it gives up on a call, and that by its closed stream.
    fn take_notice(&self, call: &Recorded) -> Result<Raw, Rejection> {
        if &*call.call().operation == "notifications/cancelled"
            && let Some(id) = param(call, "requestId")
        {
            self.session.cancel(|running| same_id(running, id));
        }
        Ok(empty(StatusCode::ACCEPTED))
    }
}

fn param<'c>(call: &'c Recorded, name: &str) -> Option<Value<'c>> {
    call.call().message.as_ref()?.root().get("params")?.get(name)
}

/// Whether a value in a message means this id, however a string is escaped.
fn same_id(id: &Id, value: Value<'_>) -> bool {
    let spelled = Document::parse(id.raw().clone(), &crate::mcp::ANSWER).ok();
    match (spelled.as_ref().and_then(|it| it.root().as_str()), value.as_str()) {
        (Some(id), Some(value)) => id == value,
        (None, None) => id.raw() == value.raw(),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn known_level(level: Cow<'_, str>) -> Option<&'static str> {
    LEVELS.into_iter().find(|known| **known == *level)
}

/// The empty result.
fn result(id: &Id) -> Bytes {
    let mut out = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    out.extend_from_slice(id.raw());
    out.extend_from_slice(b",\"result\":{}}");
    out.into()
}

fn empty(status: StatusCode) -> Raw {
    Raw { status, headers: HeaderMap::new(), body: RawBody::Whole(None) }
}

/// RFC 5424 section 6.2.1, by the names that MCP uses.
const LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
