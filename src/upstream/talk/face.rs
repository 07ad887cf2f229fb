//! What a legacy client talks to: Streamable HTTP with sessions (MCP 2025-03-26 to 2025-11-25) in
//! front of a server on any transport.
//!
//! Assumes recorded calls of a legacy revision; an HTTP+SSE client's messages come here too, as the
//! POSTs and the GET of a session. Guarantees: `initialize` opens a conversation of the caller's
//! own under an id of ours; every other message needs one; requests before the handshake is done
//! are refused here, because a server that answers them proves nothing; an answer that comes alone
//! is JSON, all else a stream that ends after the answer; what the route does not let a server ask
//! is refused to the server at once and never shown.
//!
//! A client that goes away cancels nothing: its call goes on for a while, and what the server still
//! asks is said on the session's GET stream. There is one such stream; a new GET takes the place of
//! the one before, because a client whose connection died silently has to get its stream back at
//! once, and a client that runs two sees one of them end in order. Event ids are not offered, so
//! nothing is resumed (MCP 2025-11-25, Transports, "Resumability": optional).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::registry::{Lifetimes, Registry, SessionId};
use super::{AnswerError, Call, Conversation, Reply, ServerRequestId, Told, Unasked, wire};
use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::decode::Expect;
use crate::json::Document;
use crate::limits::{TALK_ALONE_MS, TALK_LEFT_S};
use crate::mcp::error_body::{Answers, render};
use crate::mcp::headers::SESSION_ID;
use crate::mcp::message::{Id, Kind, Message};
use crate::mcp::method::{self, ServerMessage};
use crate::mcp::sse;
use crate::mcp::version::Revision;
use crate::principal::Principal;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::upstream::answer::{PieceStream, Raw, RawBody};
use crate::upstream::link::{Dial, LinkError};

/// What the face of one server needs to know.
#[derive(Debug)]
pub struct Setup {
    /// The way to the server.
    pub dial: Arc<dyn Dial>,
    /// Time to open a conversation, handshake included.
    pub deadline: Duration,
    /// When sessions end.
    pub lifetimes: Lifetimes,
    /// Time.
    pub clock: Clock,
}

/// The face of one server for legacy clients.
#[derive(Debug)]
pub struct Face {
    dial: Arc<dyn Dial>,
    deadline: Duration,
    registry: Registry,
    clock: Clock,
}

/// A request as the face sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) who: &'a Principal,
    pub(super) expect: &'a Expect,
    pub(super) method: &'a str,
    pub(super) message: Option<&'a Document>,
    /// The opened session id.
    pub(super) session: Option<&'a str>,
    /// What the route lets the server ask.
    pub(super) allowed: &'a [ServerRequest],
}

impl Face {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { dial, deadline, lifetimes, clock } = setup;
        Self { dial, deadline, registry: Registry::new(lifetimes), clock }
    }

    /// Carries one message of a legacy client to the server and composes the answer.
    ///
    /// Cancel-safe: a call whose caller goes away goes on for a while, see the module.
    ///
    /// # Errors
    /// 400 without a session, 404 for one that is unknown, over or somebody else's, 403 for an
    /// answer that the server does not wait for, 502 to 504 when the server cannot be used.
    pub async fn carry(&self, call: &Recorded) -> Result<Raw, Rejection> {
        let session = call.plan().headers.iter().find(|(name, _)| *name == SESSION_ID);
        self.serve(Asked {
            who: call.principal(),
            expect: call.expect(),
            method: &call.call().operation,
            message: call.call().message.as_ref(),
            session: session.and_then(|(_, value)| value.to_str().ok()),
            allowed: &call.server().access.server_requests,
        })
        .await
    }

    /// Ends idle and old sessions; called on a timer.
    pub fn sweep(&self) {
        self.registry.sweep(self.clock.monotonic());
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.registry.len()
    }

    pub(super) async fn serve(&self, asked: Asked<'_>) -> Result<Raw, Rejection> {
        match asked.expect {
            Expect::Response { id } if asked.method == "initialize" => self.open(asked, id).await,
            Expect::Response { id } => self.request(asked, id).await,
            Expect::Accepted => self.accept(asked).await,
            Expect::Stream => {
                let unasked = self.conversation(asked)?.listen_instead();
                Ok(unasked_stream(unasked, self.conversation(asked)?, asked.allowed.to_vec()))
            }
            Expect::Ended => {
                let id = session_id(asked)?;
                if self.registry.end(asked.who.key, id) {
                    Ok(empty(StatusCode::OK))
                } else {
                    Err(unknown())
                }
            }
            Expect::Rest => Err(Rejection::new(Code::Internal, "a REST call at an MCP bridge")),
        }
    }

    async fn open(&self, asked: Asked<'_>, id: &Id) -> Result<Raw, Rejection> {
        if asked.session.is_some() {
            return Err(Rejection::new(Code::MessageInvalid, "a handshake within a session"));
        }
        let initialize = asked.message.ok_or_else(no_message)?;
        let place = self.registry.reserve(asked.who.key, self.clock.monotonic())?;
        let opening = async {
            let link = self.dial.dial(asked.who).await?;
            Conversation::open_with(link, initialize, self.deadline).await
        };
        let opened = tokio::time::timeout(self.deadline, opening).await;
        let (conversation, answer) = opened.map_err(|_| LinkError::Timeout)??;
        tracing::trace!(id = id.raw().len(), "a handshake was answered");
        let mut raw = whole(answer.clone());
        // A server that refused the handshake has no session.
        if wire::read(answer).is_some_and(|answer| answer.root().get("result").is_some()) {
            let session = place.fill(conversation).to_string();
            let value = HeaderValue::from_str(&session)
                .map_err(|_| Rejection::new(Code::Internal, "a session id is no header"))?;
            raw.headers.insert(SESSION_ID, value);
        }
        Ok(raw)
    }

    async fn request(&self, asked: Asked<'_>, id: &Id) -> Result<Raw, Rejection> {
        let conversation = self.conversation(asked)?;
        let request = asked.message.ok_or_else(no_message)?;
        if !conversation.is_ready() && asked.method != "ping" {
            return Err(Rejection::new(Code::MessageInvalid, "a request before the handshake"));
        }
        if wire::token_of(request).is_some_and(|token| !wire::is_token(token)) {
            return Err(Rejection::new(Code::ParamsInvalid, "a progress token of no usable form"));
        }
        let call =
            conversation.call(request).await.map_err(|error| unsent(&conversation, error))?;
        let allowed = asked.allowed.to_vec();
        let mut answering =
            Answering { call: Some(call), conversation, allowed, id: id.clone(), first: None };
        let alone = Duration::from_millis(TALK_ALONE_MS);
        match tokio::time::timeout(alone, answering.told()).await {
            Ok(Some(Ok(Told::Answer(answer)))) => return Ok(whole(answer)),
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(Some(Ok(other))) => answering.first = Some(other),
            // Cancelled: the stream ends without an answer, as the client wants it.
            Ok(None) | Err(_) => {}
        }
        Ok(events(Box::pin(unfold(answering, |mut answering| async move {
            let message = answering.event().await?;
            Some((Ok(message), answering))
        }))))
    }

    /// Notifications and answers: nothing comes back.
    async fn accept(&self, asked: Asked<'_>) -> Result<Raw, Rejection> {
        let conversation = self.conversation(asked)?;
        let document = asked.message.ok_or_else(no_message)?;
        let message = Message::read(document)?;
        match message.kind() {
            Kind::Notification if message.method() == "notifications/initialized" => {
                let said = conversation.initialized(Some(document.bytes().clone())).await;
                said.map_err(|error| unsent(&conversation, error))?;
            }
            Kind::Notification => {
                let said = conversation.notify(document).await;
                said.map_err(|error| unsent(&conversation, error))?;
            }
            Kind::Result | Kind::Error => {
                let id = message.id().ok_or_else(no_message)?;
                let id = ServerRequestId::named_by(id);
                conversation.answer(&id, Reply::Message(document)).await?;
            }
            Kind::Request => return Err(no_message()),
        }
        Ok(empty(StatusCode::ACCEPTED))
    }

    fn conversation(&self, asked: Asked<'_>) -> Result<Conversation, Rejection> {
        let id = session_id(asked)?;
        let now = self.clock.monotonic();
        self.registry.find(asked.who.key, id, now).ok_or_else(unknown)
    }
}

/// The call behind one answer. Dropping it leaves the call.
#[derive(Debug)]
struct Answering {
    call: Option<Call>,
    conversation: Conversation,
    allowed: Vec<ServerRequest>,
    id: Id,
    first: Option<Told>,
}

impl Answering {
    /// What the client may see next.
    async fn told(&mut self) -> Option<Result<Told, LinkError>> {
        loop {
            match self.call.as_mut()?.next().await? {
                Ok(told) if !may_pass(&told, &self.allowed, &self.conversation) => {}
                told => return Some(told),
            }
        }
    }

    /// The next event of the stream; the answer, or why there is none, is the last.
    async fn event(&mut self) -> Option<Bytes> {
        let told = match self.first.take() {
            Some(first) => Ok(first),
            None => self.told().await?,
        };
        match told {
            Ok(Told::Notification(message) | Told::Request { message, .. }) => {
                Some(sse::message(&message))
            }
            Ok(Told::Answer(message)) => {
                self.call = None;
                Some(sse::message(&message))
            }
            Err(error) => {
                self.call = None;
                Some(sse::message(&failure(&self.id, error)))
            }
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.leave(Duration::from_secs(TALK_LEFT_S));
        }
    }
}

fn unasked_stream(
    unasked: Unasked,
    conversation: Conversation,
    allowed: Vec<ServerRequest>,
) -> Raw {
    let told = unfold((unasked, conversation, allowed), |mut state| async move {
        loop {
            let (unasked, conversation, allowed) = &mut state;
            let told = unasked.next().await?;
            if !may_pass(&told, allowed, conversation) {
                continue;
            }
            match told {
                Told::Answer(message)
                | Told::Notification(message)
                | Told::Request { message, .. } => return Some((sse::message(&message), state)),
            }
        }
    });
    events(Box::pin(told.map(Ok)))
}

/// Refuses at once what the route does not let the server ask; the response gate would not let it
/// pass either, and the server would wait for an answer that never comes.
fn may_pass(told: &Told, allowed: &[ServerRequest], conversation: &Conversation) -> bool {
    let Told::Request { id, message } = told else { return true };
    let kind = wire::read(message.clone()).and_then(|document| {
        let message = Message::read_answer(&document).ok()?;
        method::from_server(message.method(), Revision::HANDSHAKE)
    });
    match kind {
        Some(ServerMessage::Request(kind)) if allowed.contains(&kind) => true,
        Some(ServerMessage::Request(_) | ServerMessage::Notification) | None => {
            conversation.refuse(id, METHOD_NOT_FOUND, "this may not be asked here");
            false
        }
    }
}

/// What a request gets whose stream is open already.
fn failure(id: &Id, error: LinkError) -> Bytes {
    let why = error.to_string();
    let row = Rejection::from(error).code.row();
    tracing::info!(code = row.code, why, "a call failed when its stream was open");
    render(Answers::Request(id), row.rpc, row.public, None)
}

fn session_id(asked: Asked<'_>) -> Result<SessionId, Rejection> {
    let text = asked
        .session
        .ok_or_else(|| Rejection::new(Code::SessionMissing, "a message without its session"))?;
    SessionId::parse(text).ok_or_else(unknown)
}

/// The same for unknown, foreign and lost sessions (S-18).
fn unknown() -> Rejection {
    Rejection::new(Code::SessionUnknown, "no such session of this caller")
}

/// Nothing was sent. A conversation that is over is a session that is unknown from now on, so that
/// the client opens another one.
fn unsent(conversation: &Conversation, error: LinkError) -> Rejection {
    if conversation.is_closed() { unknown() } else { error.into() }
}

fn no_message() -> Rejection {
    Rejection::new(Code::Internal, "a message that is not what decode said")
}

impl From<AnswerError> for Rejection {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotOutstanding => Self::new(Code::Denied, error.to_string()),
            AnswerError::Malformed => Self::new(Code::MessageInvalid, error.to_string()),
            AnswerError::Link(error) => error.into(),
        }
    }
}

fn whole(message: Bytes) -> Raw {
    Raw { status: StatusCode::OK, headers: media(JSON), body: RawBody::Whole(Some(message)) }
}

fn events(pieces: PieceStream) -> Raw {
    Raw { status: StatusCode::OK, headers: media(EVENTS), body: RawBody::Composed(pieces) }
}

fn empty(status: StatusCode) -> Raw {
    Raw { status, headers: HeaderMap::new(), body: RawBody::Whole(None) }
}

fn media(value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, value)])
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// JSON-RPC 2.0 section 5.1.
const METHOD_NOT_FOUND: i32 = -32601;
