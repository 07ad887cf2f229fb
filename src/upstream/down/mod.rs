//! A modern client (2026-07-28, stateless) in front of a legacy server, which keeps a conversation.
//!
//! Owns what such a client cannot see: the handshake, the conversations and the calls that wait for
//! their caller's answers. Assumes recorded calls of a modern revision. Guarantees: conversations
//! are never shared between principals; what the caller gets is modern, message by message, and is
//! judged by the response gate like any other answer; what the bridge has no opinion on keeps its
//! bytes; a caller that goes away cancels its call; state that a lost conversation took along is
//! never papered over.
//!
//! [`pool`] keeps conversations, [`flow`] is one call, [`hub`] fans out what a server says unasked;
//! the other modules are pure.

mod answer;
mod discover;
mod filter;
mod flow;
mod hub;
mod notice;
mod parked;
mod pool;
mod question;
mod request;
mod splice;
mod state;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, unfold};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};

use self::filter::{Filter, ended};
use self::flow::{Facts, Flow, Lobby, Resumed, Step, unsaid};
use self::hub::Ear;
use self::pool::{Open, Pool};
use self::request::Request;
use super::answer::{PieceStream, Raw, RawBody};
use super::link::{Dial, LinkError};
use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::json::{Document, write_string};
use crate::limits::{KEEPALIVE_MS, LISTENS_PER_PRINCIPAL_MAX};
use crate::mcp::sse;
use crate::principal::{Principal, PrincipalKey};
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// What the bridge to one server needs to know.
#[derive(Debug)]
pub struct Setup {
    /// The way to the server.
    pub dial: Arc<dyn Dial>,
    /// The server's name in the configuration.
    pub server: Arc<str>,
    /// What the route lets the server ask its clients.
    pub server_requests: Vec<ServerRequest>,
    /// Time to open a conversation, and for the answer to a request of the gateway's own.
    pub deadline: Duration,
    /// Time.
    pub clock: Clock,
}

/// The bridge to one server.
#[derive(Debug)]
pub struct Down {
    pool: Pool,
    lobby: Arc<Lobby>,
    listens: Arc<Listens>,
    deadline: Duration,
}

/// How many streams each caller listens on.
#[derive(Debug, Default)]
struct Listens(Mutex<HashMap<PrincipalKey, usize>>);

/// One of a caller's listening streams.
#[derive(Debug)]
struct Listening {
    listens: Arc<Listens>,
    who: PrincipalKey,
}

/// A request as the bridge sees it.
struct Asked<'a> {
    who: &'a Principal,
    document: &'a Document,
    id: Bytes,
    method: &'a str,
}

impl Down {
    /// The bridge to one server; opens nothing.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(setup: Setup) -> Result<Self, Rejection> {
        let Setup { dial, server, server_requests, deadline, clock } = setup;
        Ok(Self {
            pool: Pool::new(dial, server_requests.clone(), deadline, clock.clone()),
            lobby: Arc::new(Lobby::new(&server, server_requests, clock)?),
            listens: Arc::default(),
            deadline,
        })
    }

    /// Carries a modern request to the server and composes the answer in the caller's own era.
    ///
    /// Cancel-safe: dropping the future, or the body of its answer, cancels the call at the server.
    ///
    /// # Errors
    /// When the server cannot be reached or used, when a request state is not the caller's to use
    /// (−32602), when the server needs what the client cannot do (−32021).
    pub async fn carry(&self, call: &Recorded) -> Result<Raw, Rejection> {
        let internal = |why: &'static str| Rejection::new(Code::Internal, why);
        let asked = Asked {
            who: call.principal(),
            document: call.call().message.as_ref().ok_or_else(|| internal("no message"))?,
            id: call.rpc_id().cloned().ok_or_else(|| internal("no request"))?,
            method: &call.call().operation,
        };
        self.serve(asked).await
    }

    /// Closes idle conversations and ends the calls that nobody came back for; called on a timer.
    pub fn sweep(&self) {
        self.pool.sweep();
        self.lobby.sweep();
    }

    async fn serve(&self, asked: Asked<'_>) -> Result<Raw, Rejection> {
        let request = Request::read(asked.document);
        match asked.method {
            "server/discover" => {
                let open = self.pool.open(asked.who, &request.client).await?;
                Ok(whole(StatusCode::OK, open.greeting.discover(&asked.id)))
            }
            "subscriptions/listen" => self.listen(asked, &request).await,
            method if CARRIED.contains(&method) => self.call(asked, request).await,
            // Tasks have another shape in the legacy era, and nobody knows there whose they are.
            _other => Err(Rejection::new(Code::MethodUnknown, "not carried to a legacy server")),
        }
    }

    async fn call(&self, asked: Asked<'_>, request: Request) -> Result<Raw, Rejection> {
        let Asked { who, document, id, method } = asked;
        let state = request.state.clone().filter(|_| answer::may_ask(method));
        let body = document.bytes().clone();
        let facts = Facts { id, method: method.into(), owner: who.key, request, body };
        let facts = match state {
            None => facts,
            Some(state) => match self.lobby.resume(facts, state.as_deref()).await? {
                Resumed::Flow(flow) => return reply(*flow).await,
                Resumed::Asked(message) => return Ok(whole(StatusCode::OK, message)),
                Resumed::Anew(facts) => *facts,
            },
        };
        reply(self.send(who, facts).await?).await
    }

    /// Sends a request, once. Only where nothing was sent, because the conversation was found dead,
    /// it goes to a new one.
    async fn send(&self, who: &Principal, facts: Facts) -> Result<Flow, Rejection> {
        let (request, level) = (&facts.request, facts.request.log_level);
        let open = self.pool.open(who, &request.client).await?;
        let sent = open.call(request.forward.clone(), level, self.deadline).await;
        let (open, call) = match sent {
            Ok(call) => (open, call),
            Err(LinkError::Closed(_)) => {
                open.conversation.close();
                let open = self.pool.open(who, &request.client).await?;
                let call = open.call(request.forward.clone(), level, self.deadline).await;
                let call = call.map_err(|error| unsaid(&open, error))?;
                (open, call)
            }
            Err(error) => return Err(unsaid(&open, error)),
        };
        Ok(Flow::begin(Arc::clone(&self.lobby), facts, open, call))
    }

    async fn listen(&self, asked: Asked<'_>, request: &Request) -> Result<Raw, Rejection> {
        let place = Listens::enter(&self.listens, asked.who.key)?;
        let open: Arc<Open> = self.pool.open(asked.who, &request.client).await?;
        let filter = Filter::read(asked.document);
        let ear = Ear::open(&open, asked.id.clone(), &filter, self.deadline).await;
        let first = sse::message(&ear.granted().acknowledgement(&asked.id));
        let told = unfold(Some((ear, asked.id, place)), |state| async move {
            let (mut ear, id, place) = state?;
            match ear.next().await {
                Some(message) => Some((sse::message(&message), Some((ear, id, place)))),
                None => Some((sse::message(&ended(&id)), None)),
            }
        });
        let pieces = stream::once(std::future::ready(first)).chain(told).map(Ok);
        Ok(events(Box::pin(pieces)))
    }
}

impl Listens {
    fn enter(listens: &Arc<Self>, who: PrincipalKey) -> Result<Listening, Rejection> {
        let mut counts = listens.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(who).or_default();
        if *count >= LISTENS_PER_PRINCIPAL_MAX {
            let why = "as many listening streams as one caller may have";
            return Err(Rejection::new(Code::ConcurrencyLimited, why));
        }
        *count = count.saturating_add(1);
        Ok(Listening { listens: Arc::clone(listens), who })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut counts = self.listens.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.who) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.who);
            }
        }
    }
}

/// Composes the answer: JSON where nothing comes before it, else a stream. A server that stays
/// silent gets a stream too, so that the caller sees signs of life.
async fn reply(flow: Flow) -> Result<Raw, Rejection> {
    let mut steps = Box::pin(unfold(flow, |mut flow| async move {
        let step = flow.step().await?;
        let id = flow.facts().id.clone();
        Some(((step, id), flow))
    }));
    let patience = Duration::from_millis(KEEPALIVE_MS);
    let first = match tokio::time::timeout(patience, steps.next()).await {
        Err(_) => None,
        Ok(None) => return Err(Rejection::new(Code::Internal, "a call without an end")),
        Ok(Some((Step::Done { message, method_unknown }, _))) => {
            let status = if method_unknown { StatusCode::NOT_FOUND } else { StatusCode::OK };
            return Ok(whole(status, message));
        }
        Ok(Some((Step::Refused(rejection), _))) => return Err(*rejection),
        Ok(Some((Step::Event(message), _))) => Some(Ok(sse::message(&message))),
    };
    let rest = steps.map(|(step, id)| {
        Ok(match step {
            Step::Event(message) | Step::Done { message, .. } => sse::message(&message),
            Step::Refused(rejection) => sse::message(&refusal(&id, &rejection)),
        })
    });
    Ok(events(Box::pin(stream::iter(first).chain(rest))))
}

/// A refusal that comes when the stream is already open.
fn refusal(id: &[u8], rejection: &Rejection) -> Bytes {
    let row = rejection.code.row();
    tracing::info!(code = row.code, why = rejection.internal.as_ref(), "refused within a stream");
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id);
    out.extend_from_slice(format!(r#","error":{{"code":{},"message":"#, row.rpc).as_bytes());
    write_string(&mut out, row.public);
    out.extend_from_slice(br#","data":{"origin":"gateway","code":"#);
    write_string(&mut out, row.code);
    if let Some(serde_json::Value::Object(data)) = rejection.data.as_deref() {
        for (name, value) in data {
            out.push(b',');
            write_string(&mut out, name);
            out.push(b':');
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
    out.extend_from_slice(b"}}}");
    out.into()
}

fn whole(status: StatusCode, message: Bytes) -> Raw {
    Raw { status, headers: media(JSON), body: RawBody::Whole(Some(message)) }
}

fn events(pieces: PieceStream) -> Raw {
    Raw { status: StatusCode::OK, headers: media(EVENTS), body: RawBody::Composed(pieces) }
}

fn media(value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, value)])
}

/// Methods that both eras have, in the same meaning.
const CARRIED: [&str; 8] = [
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
