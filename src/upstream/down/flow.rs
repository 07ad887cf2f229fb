//! One call of a modern client at a legacy server, from its request to its answer or its questions.
//!
//! Guarantees: a server's questions end the caller's request with `input_required` while the call
//! goes on waiting; the retry that brings the answers continues that very call, for its own caller
//! and request only, once; a call that nobody comes back for is cancelled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::answer::{Translated, may_ask, translate};
use super::notice::{Notice, NoticeKind};
use super::parked::Parked;
use super::pool::Open;
use super::question::{NoQuestion, Question, input_required};
use super::request::{Request, digest};
use super::splice::read;
use super::state::{Claims, StateError, StateSealer};
use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::limits::{CALL_REQUESTS_MAX, PARKED_S, ROUND_GATHER_MS, ROUND_REQUESTS_MAX};
use crate::principal::PrincipalKey;
use crate::reject::{Code, Rejection};
use crate::upstream::link::LinkError;
use crate::upstream::talk::{AnswerError, Call, Reply, ServerRequestId, Told};

/// Calls that wait for their callers, and what decides about them.
#[derive(Debug)]
pub(super) struct Lobby {
    sealer: StateSealer,
    parked: Mutex<Parked<Stay>>,
    allowed: Vec<ServerRequest>,
    clock: Clock,
}

/// A request and who sent it.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) id: Bytes,
    pub(super) method: Box<str>,
    pub(super) owner: PrincipalKey,
    pub(super) request: Request,
    /// The caller's own message; what a retry must have in common with it is found when needed.
    pub(super) body: Bytes,
}

/// What happens next in a call.
#[derive(Debug)]
pub(super) enum Step {
    /// A notification for the caller.
    Event(Bytes),
    /// The last message, and whether it says that there is no such method.
    Done { message: Bytes, method_unknown: bool },
    /// No answer.
    Refused(Box<Rejection>),
}

impl Step {
    fn refused(rejection: Rejection) -> Self {
        Self::Refused(Box::new(rejection))
    }
}

/// A call under way, on behalf of the request that is open now.
#[derive(Debug)]
pub(super) struct Flow {
    lobby: Arc<Lobby>,
    facts: Facts,
    held: Option<Held>,
}

/// A call at the server.
#[derive(Debug)]
struct Held {
    // Before the conversation, because dropping it tells the server.
    call: Call,
    open: Arc<Open>,
    waiting: Vec<Waiting>,
    /// Questions so far, all rounds together.
    asked: u32,
}

/// A question that waits for its answer.
#[derive(Debug)]
struct Waiting {
    key: Box<str>,
    question: Question,
    id: ServerRequestId,
}

/// What stays behind while a caller looks for answers.
#[derive(Debug)]
enum Stay {
    /// The call itself.
    Call(Held),
    /// The server wants the same call again, once these addresses were visited.
    Again(Vec<(Box<str>, Question)>),
}

/// What a request with a state leads to.
#[derive(Debug)]
pub(super) enum Resumed {
    /// The call goes on.
    Flow(Box<Flow>),
    /// Answers are missing: asked again.
    Asked(Bytes),
    /// The server is to be called anew.
    Anew(Box<Facts>),
}

impl Lobby {
    pub(super) fn new(
        server: &str,
        allowed: Vec<ServerRequest>,
        clock: Clock,
    ) -> Result<Self, StateError> {
        let sealer = StateSealer::new(server)?;
        Ok(Self { sealer, parked: Mutex::default(), allowed, clock })
    }

    /// Ends the calls that nobody came back for.
    pub(super) fn sweep(&self) {
        let gone = self.parked().sweep(self.clock.unix_s());
        // Dropped outside the lock: each is cancelled at the server.
        drop(gone);
    }

    /// Opens the state of a retry and continues what it leads to.
    pub(super) async fn resume(
        self: &Arc<Self>,
        facts: Facts,
        state: Option<&str>,
    ) -> Result<Resumed, Rejection> {
        let now_s = self.clock.unix_s();
        let state = state.ok_or(StateError::Malformed)?;
        let claims = self.sealer.open(state, facts.owner, now_s)?;
        if claims.digest != facts.digest()? {
            return Err(StateError::OtherRequest.into());
        }
        let stay = self.parked().take(&claims.handle, facts.owner, now_s);
        match stay.ok_or(StateError::Used)? {
            Stay::Call(held) => self.answer(facts, held).await,
            Stay::Again(asked) => self.again(facts, asked),
        }
    }

    /// Hands the answers to the server; what is missing is asked again.
    async fn answer(self: &Arc<Self>, facts: Facts, held: Held) -> Result<Resumed, Rejection> {
        let Held { call, open, waiting, asked } = held;
        let mut missing = Vec::new();
        for question in waiting {
            match facts.response(&question.key) {
                Some(response) => {
                    let said =
                        open.conversation.answer(&question.id, Reply::Result(response)).await;
                    match said {
                        // Withdrawn by the server while the caller looked for the answer.
                        Ok(()) | Err(AnswerError::NotOutstanding) => {}
                        Err(AnswerError::Malformed) => {
                            return Err(Rejection::new(Code::Internal, "an answer of no form"));
                        }
                        Err(AnswerError::Link(error)) => return Err(unsaid(&open, error)),
                    }
                }
                None => missing.push(question),
            }
        }
        let ask_again = !missing.is_empty();
        let held = Held { call, open, waiting: missing, asked };
        let mut flow = Flow { lobby: Arc::clone(self), facts, held: Some(held) };
        if ask_again {
            return flow.park().map(Resumed::Asked);
        }
        Ok(Resumed::Flow(Box::new(flow)))
    }

    /// A server that wants addresses to be visited has ended the call: it is made again when
    /// the person went to all of them.
    fn again(&self, facts: Facts, asked: Vec<(Box<str>, Question)>) -> Result<Resumed, Rejection> {
        let mut missing = false;
        for (key, _) in &asked {
            match facts.response(key).and_then(|response| read(response.clone()).ok()) {
                None => missing = true,
                Some(response) => {
                    let action = response.root().get("action");
                    if !action.is_some_and(|action| action.is_str("accept")) {
                        return Err(Rejection::new(
                            Code::AnswerDeclined,
                            "the person did not visit the address",
                        ));
                    }
                }
            }
        }
        if missing {
            return self.stay_for(&facts, asked, None).map(Resumed::Asked);
        }
        Ok(Resumed::Anew(Box::new(facts)))
    }

    fn stay_for(
        &self,
        facts: &Facts,
        asked: Vec<(Box<str>, Question)>,
        server_info: Option<&[u8]>,
    ) -> Result<Bytes, Rejection> {
        let (claims, state) = self.seal(facts)?;
        let questions = asked.iter().map(|(key, question)| (&**key, question));
        let message = input_required(&facts.id, questions, &state, server_info);
        self.keep(facts, &claims, Stay::Again(asked))?;
        Ok(message)
    }

    fn seal(&self, facts: &Facts) -> Result<(Claims, String), Rejection> {
        let claims = Claims {
            handle: StateSealer::draw()?,
            digest: facts.digest()?,
            expires_at_s: self.clock.unix_s().saturating_add(PARKED_S),
        };
        let state = self.sealer.seal(&claims, facts.owner)?;
        Ok((claims, state))
    }

    fn keep(&self, facts: &Facts, claims: &Claims, stay: Stay) -> Result<(), Rejection> {
        let now_s = self.clock.unix_s();
        let (gone, kept) = {
            let mut parked = self.parked();
            let gone = parked.sweep(now_s);
            (gone, parked.park(claims.handle, facts.owner, claims.expires_at_s, stay))
        };
        drop(gone);
        let pushed_out = kept.map_err(|full| Rejection::new(Code::Busy, full.to_string()))?;
        drop(pushed_out);
        Ok(())
    }

    fn parked(&self) -> MutexGuard<'_, Parked<Stay>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    fn digest(&self) -> Result<[u8; 32], Rejection> {
        let document = read(self.body.clone())
            .map_err(|_| Rejection::new(Code::Internal, "a judged request cannot be read again"))?;
        Ok(digest(&document))
    }

    fn response(&self, key: &str) -> Option<&Bytes> {
        let mut responses = self.request.responses.iter();
        responses.find(|(found, _)| **found == *key).map(|(_, response)| response)
    }
}

impl Flow {
    /// Begins a call that was just sent.
    pub(super) fn begin(lobby: Arc<Lobby>, facts: Facts, open: Arc<Open>, call: Call) -> Self {
        let held = Held { call, open, waiting: Vec::new(), asked: 0 };
        Self { lobby, facts, held: Some(held) }
    }

    /// The request that is open now.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What happens next; `None` after the end. Cancel-safe.
    pub(super) async fn step(&mut self) -> Option<Step> {
        loop {
            let held = self.held.as_mut()?;
            if held.waiting.len() >= ROUND_REQUESTS_MAX {
                return Some(self.ask_the_caller());
            }
            let told = if held.waiting.is_empty() {
                held.call.next().await
            } else {
                let gather = Duration::from_millis(ROUND_GATHER_MS);
                match tokio::time::timeout(gather, held.call.next()).await {
                    Ok(told) => told,
                    Err(_) => return Some(self.ask_the_caller()),
                }
            };
            if let Some(step) = self.told(told) {
                return Some(step);
            }
        }
    }

    fn told(&mut self, told: Option<Result<Told, LinkError>>) -> Option<Step> {
        match told {
            Some(Ok(Told::Notification(message))) => self.noticed(message).map(Step::Event),
            Some(Ok(Told::Request { id, message })) => self.asked(id, message),
            Some(Ok(Told::Answer(answer))) => Some(self.answered(answer)),
            Some(Err(error)) => Some(self.failed(error)),
            None => Some(self.failed(LinkError::Closed("the call was lost"))),
        }
    }

    fn noticed(&self, message: Bytes) -> Option<Bytes> {
        let notice = Notice::read(message)?;
        match notice.kind {
            NoticeKind::Changed(_) | NoticeKind::Updated(_) => {
                self.held.as_ref()?.open.hub.offer(&notice);
                None
            }
            NoticeKind::Progress | NoticeKind::Log(_) | NoticeKind::Other => {
                let request = &self.facts.request;
                notice.for_request(request.progress_token.as_ref(), request.log_level)
            }
        }
    }

    /// The server asks something: a question for the caller, or an error for the server.
    fn asked(&mut self, id: ServerRequestId, message: Bytes) -> Option<Step> {
        let held = self.held.as_mut()?;
        if !may_ask(&self.facts.method) || held.asked >= CALL_REQUESTS_MAX {
            held.open.conversation.refuse(&id, NOT_NOW, "nothing may be asked now");
            return None;
        }
        let capabilities = &self.facts.request.client.capabilities;
        match Question::of_request(message, &self.lobby.allowed, capabilities) {
            Ok(question) => {
                held.asked = held.asked.saturating_add(1);
                let key = question.key(held.asked);
                held.waiting.push(Waiting { key, question, id });
                None
            }
            Err(why) => {
                held.open.conversation.refuse(&id, why.code(), &why.to_string());
                match why {
                    NoQuestion::Incapable(lacks) => Some(self.incapable(lacks)),
                    NoQuestion::Malformed | NoQuestion::Unknown | NoQuestion::NotAllowed => None,
                }
            }
        }
    }

    fn answered(&mut self, answer: Bytes) -> Step {
        let Some(held) = self.held.take() else { return internal() };
        let info = held.open.server_info();
        match translate(answer, &self.facts.id, &self.facts.method, info) {
            Ok(Translated::Message { bytes, method_unknown }) => {
                Step::Done { message: bytes, method_unknown }
            }
            Ok(Translated::UrlsRequired(urls)) => self.visit(urls, info),
            Err(error) => Step::refused(Rejection::new(Code::UpstreamInvalid, error.to_string())),
        }
    }

    /// −32042: the addresses become questions, the call is made again after their answers.
    fn visit(&mut self, urls: Vec<Bytes>, info: Option<&[u8]>) -> Step {
        let capabilities = &self.facts.request.client.capabilities;
        let mut asked = Vec::new();
        for (number, params) in (1..).zip(urls.into_iter().take(ROUND_REQUESTS_MAX)) {
            match Question::of_url(params, &self.lobby.allowed, capabilities) {
                Ok(question) => asked.push((question.key(number), question)),
                Err(NoQuestion::Incapable(lacks)) => return self.incapable(lacks),
                Err(why) => {
                    return Step::refused(Rejection::new(Code::Denied, why.to_string()));
                }
            }
        }
        done(self.lobby.stay_for(&self.facts, asked, info))
    }

    fn ask_the_caller(&mut self) -> Step {
        done(self.park())
    }

    /// Parks the call and asks what waits for an answer.
    fn park(&mut self) -> Result<Bytes, Rejection> {
        let held = self.held.take();
        let held = held.ok_or_else(|| Rejection::new(Code::Internal, "no call to park"))?;
        let (claims, state) = self.lobby.seal(&self.facts)?;
        let questions = held.waiting.iter().map(|waiting| (&*waiting.key, &waiting.question));
        let info = held.open.server_info();
        let message = input_required(&self.facts.id, questions, &state, info);
        self.lobby.keep(&self.facts, &claims, Stay::Call(held))?;
        Ok(message)
    }

    /// MCP 2026-07-28, "Missing Required Client Capability": −32021, and what is missing.
    fn incapable(&mut self, lacks: &'static str) -> Step {
        self.held = None;
        let why = "the server asks for what the client did not say that it can do";
        let mut rejection = Rejection::new(Code::CapabilityMissing, why);
        let lacks = serde_json::from_str(lacks).unwrap_or(serde_json::Value::Null);
        rejection.data = Some(Box::new(serde_json::json!({ "requiredCapabilities": lacks })));
        Step::refused(rejection)
    }

    fn failed(&mut self, error: LinkError) -> Step {
        match self.held.take() {
            Some(held) => Step::refused(lost(&held.open, error)),
            None => internal(),
        }
    }
}

/// A conversation that is lost takes its state along: the caller is told, and the next request
/// opens another one.
pub(super) fn lost(open: &Open, error: LinkError) -> Rejection {
    let gone = match &error {
        LinkError::Closed(_) => open.conversation.is_closed(),
        LinkError::Status(status) => *status == http::StatusCode::NOT_FOUND,
        LinkError::Unreachable(_)
        | LinkError::Malformed(_)
        | LinkError::Timeout
        | LinkError::Full(_)
        | LinkError::Credential(_) => false,
    };
    if !gone {
        return error.into();
    }
    open.conversation.close();
    Rejection::new(Code::ConversationLost, error.to_string())
}

/// The same for what could not even be said: a link that takes nothing more is over.
pub(super) fn unsaid(open: &Open, error: LinkError) -> Rejection {
    if matches!(error, LinkError::Closed(_)) {
        open.conversation.close();
    }
    lost(open, error)
}

impl From<StateError> for Rejection {
    fn from(error: StateError) -> Self {
        let code = match error {
            StateError::Malformed
            | StateError::Forged
            | StateError::ForeignCaller
            | StateError::ForeignServer
            | StateError::Expired
            | StateError::OtherRequest
            | StateError::Used => Code::StateInvalid,
            StateError::Crypto => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

fn done(asked: Result<Bytes, Rejection>) -> Step {
    match asked {
        Ok(message) => Step::Done { message, method_unknown: false },
        Err(rejection) => Step::refused(rejection),
    }
}

fn internal() -> Step {
    Step::refused(Rejection::new(Code::Internal, "a call that is over goes on"))
}

/// The JSON-RPC code with which a server is told that nobody answers now.
const NOT_NOW: i32 = -32601;
