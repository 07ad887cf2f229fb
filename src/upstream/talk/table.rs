//! Who waits for what in one conversation.
//!
//! Pure: messages and time come as arguments, what is to be sent comes back as [`Effects`].
//! Guarantees: numbers are never used twice; an answer is delivered to the call that has its number
//! while that call waits, and to nobody else; every queue is bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use super::ServerRequestId;
use super::queue::{Item, Queue};
use super::wire::{self, Incoming, Outgoing, cancelled, is_token, refusal, replaced, response};
use crate::json::{Document, Value};
use crate::limits::{
    TALK_CALLS_MAX, TALK_LEFT_CALLS_MAX, TALK_SERVER_REQUEST_S, TALK_SERVER_REQUESTS_MAX,
};
use crate::mcp::message::{Id, Kind};
use crate::upstream::link::LinkError;

/// What is to be done once the lock is released.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Messages for the server.
    pub(super) say: Vec<Bytes>,
    /// Requests of which nothing more is wanted.
    pub(super) forget: Vec<u64>,
}

/// How far the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// Its request is under way.
    #[default]
    Opening,
    /// It was answered.
    Greeted,
    /// The server was told that it is done.
    Ready,
}

/// What was not passed on, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Answers that nobody waits for: wrong id, answered already, on another call's stream (S-37).
    pub answers: u64,
    /// What is no message that can be read.
    pub unreadable: u64,
    /// What was said unasked and not heard in time.
    pub unasked: u64,
    /// What belongs to no call under way: progress of an unknown token, a repeated or withdrawn
    /// request.
    pub strays: u64,
    /// Messages of ours that the server did not take.
    pub errands: u64,
    /// Calls that failed because their caller did not read.
    pub slow_calls: u64,
}

/// A call that was begun and is not said yet.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) tag: u64,
    pub(super) wake: Arc<Notify>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a reader of a call or of the unasked finds.
#[derive(Debug)]
pub(super) enum Found {
    Item(Item),
    Answer(Bytes),
    Failed(LinkError),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    Over,
}

/// The state of one conversation.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) phase: Phase,
    /// `MCP-Protocol-Version`, once it is known.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who listens to the unasked.
    pub(super) listener: Option<u64>,
    pub(super) dropped: Dropped,
    /// Ids, tags and progress tokens come from one counter.
    last: u64,
    /// By number: the newest is the last.
    calls: BTreeMap<u64, Waiting>,
    /// Requests of the server that wait for their answer, oldest first.
    asked: VecDeque<Asked>,
    unasked: Queue,
    over: Option<LinkError>,
}

/// A call that somebody waits for.
#[derive(Debug)]
struct Waiting {
    id: Id,
    token: Option<Bytes>,
    queue: Queue,
    /// The last word.
    end: Option<End>,
    /// Its caller went away without cancelling; until when it may go on.
    left: Option<Instant>,
}

#[derive(Debug)]
enum End {
    Answered(Bytes),
    Failed(LinkError),
    Cancelled,
}

/// A request of the server.
#[derive(Debug)]
struct Asked {
    id: ServerRequestId,
    /// Under which the server wants progress.
    token: Option<Bytes>,
    /// The call that was told.
    told: Option<u64>,
    at: Instant,
}

impl Waiting {
    fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Whether somebody is there to be told.
    fn hears(&self) -> bool {
        self.is_open() && self.left.is_none()
    }

    fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.queue.wake().notify_one();
    }
}

impl Table {
    /// The next number and the headers of a message.
    ///
    /// # Errors
    /// When the conversation is over.
    pub(super) fn number(&mut self) -> Result<(u64, Vec<(HeaderName, HeaderValue)>), LinkError> {
        if let Some(why) = &self.over {
            return Err(why.clone());
        }
        self.last = self.last.wrapping_add(1);
        Ok((self.last, self.headers.clone()))
    }

    /// Begins a call.
    pub(super) fn begin(&mut self, request: Outgoing) -> Result<Begin, LinkError> {
        if self.calls.len() >= TALK_CALLS_MAX {
            return Err(LinkError::Full("too many calls are under way"));
        }
        let (tag, headers) = self.number()?;
        let Outgoing { id, token } = request;
        let queue = Queue::default();
        let wake = Arc::clone(queue.wake());
        self.calls.insert(tag, Waiting { id, token, queue, end: None, left: None });
        Ok(Begin { tag, wake, headers })
    }

    /// What a call's reader gets next.
    pub(super) fn next(&mut self, tag: u64) -> Found {
        let Some(call) = self.calls.get_mut(&tag) else { return Found::Over };
        if let Some(item) = call.queue.pop() {
            return Found::Item(item);
        }
        let Some(end) = call.end.take() else { return Found::Wait };
        self.calls.remove(&tag);
        match end {
            End::Answered(answer) => Found::Answer(answer),
            End::Failed(why) => Found::Failed(why),
            End::Cancelled => Found::Over,
        }
    }

    /// What a listener gets next.
    pub(super) fn next_unasked(&mut self, listener: u64) -> Found {
        if self.listener != Some(listener) {
            return Found::Over;
        }
        match self.unasked.pop() {
            Some(item) => Found::Item(item),
            None if self.over.is_some() => Found::Over,
            None => Found::Wait,
        }
    }

    /// A new listener; the one before hears no more.
    pub(super) fn take_over(&mut self) -> (u64, Arc<Notify>) {
        self.last = self.last.wrapping_add(1);
        self.listener = Some(self.last);
        // Who listened before wakes up and finds that it is over.
        self.unasked.wake().notify_waiters();
        (self.last, Arc::clone(self.unasked.wake()))
    }

    /// A request that was not sent: nobody waits for it.
    pub(super) fn unsent(&mut self, tag: u64) {
        self.calls.remove(&tag);
    }

    /// The caller is gone: the call ends now.
    pub(super) fn abandon(&mut self, tag: u64) -> Effects {
        let mut effects = Effects::default();
        let Some(mut call) = self.calls.remove(&tag) else { return effects };
        self.refuse_queued(call.queue.take(), &mut effects);
        // The handshake is not cancelled (MCP 2025-11-25, Cancellation): its link is ended.
        if call.is_open() && self.phase != Phase::Opening {
            effects.say.push(cancelled(tag));
            effects.forget.push(tag);
        }
        effects
    }

    /// The caller is gone, the call goes on until then; what is still said to it is said unasked.
    pub(super) fn leave(&mut self, tag: u64, until: Instant) -> Effects {
        let Some(call) = self.calls.get_mut(&tag).filter(|call| call.is_open()) else {
            return self.abandon(tag);
        };
        call.left = Some(until);
        let queued = call.queue.take();
        let mut effects = Effects::default();
        for item in queued {
            self.keep_unasked(item, &mut effects);
        }
        let left = |(tag, call): (&u64, &Waiting)| call.left.map(|until| (until, *tag));
        if self.calls.iter().filter_map(left).count() > TALK_LEFT_CALLS_MAX {
            let oldest = self.calls.iter().filter_map(left).min();
            effects.join(oldest.map(|(_, tag)| self.abandon(tag)).unwrap_or_default());
        }
        effects
    }

    /// Ends calls whose caller left and whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Effects {
        let late = |call: &Waiting| call.left.is_some_and(|until| until <= now);
        let over: Vec<u64> =
            self.calls.iter().filter(|(_, call)| late(call)).map(|(tag, _)| *tag).collect();
        let mut effects = Effects::default();
        for tag in over {
            effects.join(self.abandon(tag));
        }
        effects
    }

    /// The client cancels the newest call that it made under this id. Its number, and what else
    /// ends with it.
    pub(super) fn cancel(&mut self, id: &Id) -> Option<(u64, Effects)> {
        if self.phase == Phase::Opening {
            return None;
        }
        let named = |(_, call): &(&u64, &mut Waiting)| call.is_open() && call.id.matches(id);
        let (tag, call) = self.calls.iter_mut().rev().find(named)?;
        let tag = *tag;
        call.finish(End::Cancelled);
        let queued = call.queue.take();
        if call.left.is_some() {
            self.calls.remove(&tag);
        }
        let mut effects = Effects { say: Vec::new(), forget: vec![tag] };
        self.refuse_queued(queued, &mut effects);
        Some((tag, effects))
    }

    /// Takes the request that an answer is for: it is answered once.
    pub(super) fn answered(&mut self, id: &ServerRequestId) -> Option<ServerRequestId> {
        let at = self.asked.iter().position(|asked| asked.id == *id)?;
        self.asked.remove(at).map(|asked| asked.id)
    }

    /// Whether the server wants progress under this token.
    pub(super) fn awaits(&self, token: Value<'_>, of: &Document) -> bool {
        let Ok(token) = Id::read(token, of) else { return false };
        self.asked.iter().any(|asked| asked.token.as_ref().is_some_and(|t| t == token.raw()))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.listener.is_some() || self.calls.values().any(Waiting::is_open)
    }

    /// What the server said.
    pub(super) fn hear(&mut self, tag: Option<u64>, incoming: &Incoming, now: Instant) -> Effects {
        match incoming.message.kind() {
            Kind::Result | Kind::Error => {
                self.hear_answer(tag, incoming);
                Effects::default()
            }
            Kind::Request => self.hear_request(tag, incoming, now),
            Kind::Notification => self.hear_notification(tag, incoming),
        }
    }

    /// Something that cannot be read. Where it is sure enough whose answer it was, that call fails
    /// now and not when its patience ends.
    pub(super) fn unreadable(&mut self, tag: Option<u64>, bytes: &Bytes) {
        self.dropped.unreadable = self.dropped.unreadable.saturating_add(1);
        if let Some(found) = tag.or_else(|| wire::rough_id(bytes)) {
            self.fail(found, LinkError::Malformed("it cannot be read"));
        }
    }

    /// Nothing more comes on the stream of a call.
    pub(super) fn ended(&mut self, tag: u64, error: Option<LinkError>) {
        self.fail(tag, error.unwrap_or(LinkError::Closed("its stream ended without the answer")));
    }

    /// The conversation is over, and every call with it.
    pub(super) fn over(&mut self, why: &LinkError) {
        self.over.get_or_insert_with(|| why.clone());
        self.asked.clear();
        self.unasked.wake().notify_waiters();
        self.unasked.wake().notify_one();
        self.calls.retain(|_, call| call.left.is_none());
        for call in self.calls.values_mut().filter(|call| call.is_open()) {
            call.finish(End::Failed(why.clone()));
        }
    }

    fn hear_answer(&mut self, tag: Option<u64>, incoming: &Incoming) {
        let named = incoming.document.root().get("id").and_then(Incoming::number);
        let unnamed = incoming.message.id().is_none();
        // An error that names no request can only mean the one on whose own stream it comes.
        let found = if unnamed { tag } else { named.filter(|n| tag.is_none_or(|tag| tag == *n)) };
        let call = found.and_then(|tag| self.calls.get_mut(&tag).filter(|call| call.is_open()));
        let (Some(number), Some(call)) = (found, call) else {
            self.dropped.answers = self.dropped.answers.saturating_add(1);
            return;
        };
        if call.left.is_some() {
            // Nobody is there any more to be told.
            self.calls.remove(&number);
        } else {
            let answer = incoming.with_id(&call.id);
            call.finish(End::Answered(answer));
        }
    }

    fn hear_request(&mut self, tag: Option<u64>, incoming: &Incoming, now: Instant) -> Effects {
        let Some(id) = incoming.message.id() else { return Effects::default() };
        let say = |message| Effects { say: vec![message], forget: Vec::new() };
        if incoming.message.method() == "ping" {
            return say(response(id, "result", b"{}"));
        }
        if self.phase == Phase::Opening {
            return say(refusal(id, INVALID_REQUEST, "the handshake is not done"));
        }
        // A copy, so that a waiting request does not hold the whole message.
        let id = ServerRequestId(id.unshared());
        if self.asked.iter().any(|asked| asked.id == id) {
            self.dropped.strays = self.dropped.strays.saturating_add(1);
            return Effects::default();
        }
        let mut effects = Effects::default();
        if self.asked.len() >= TALK_SERVER_REQUESTS_MAX {
            let age = Duration::from_secs(TALK_SERVER_REQUEST_S);
            if self.asked.front().is_none_or(|asked| now.duration_since(asked.at) < age) {
                return say(refusal(&id.0, NO_ANSWER, "too many requests are outstanding"));
            }
            let old = self.asked.pop_front();
            effects.say.extend(old.map(|old| refusal(&old.id.0, NO_ANSWER, "nobody answered")));
        }
        let told = tag.filter(|tag| self.calls.contains_key(tag)).or_else(|| self.newest());
        let told = told.filter(|tag| self.hears(*tag));
        let token = wire::token_of(&incoming.document).filter(|token| is_token(*token));
        let token = token.map(|token| Bytes::copy_from_slice(token.raw()));
        self.asked.push_back(Asked { id: id.clone(), token, told, at: now });
        let item = Item::Request { id, message: incoming.bytes().clone() };
        self.tell(told, item, &mut effects);
        effects
    }

    fn hear_notification(&mut self, tag: Option<u64>, incoming: &Incoming) -> Effects {
        let mut effects = Effects::default();
        let mut message = incoming.bytes().clone();
        let told = match incoming.message.method() {
            "notifications/progress" => {
                let token = incoming.param("progressToken");
                let number = token.and_then(Incoming::number);
                let own = number.and_then(|number| self.calls.get(&number)?.token.clone());
                let (Some(number), Some(token), Some(own)) = (number, token, own) else {
                    self.dropped.strays = self.dropped.strays.saturating_add(1);
                    return effects;
                };
                if !self.hears(number) {
                    return effects;
                }
                message = replaced(&message, token.span(), &own);
                Some(number)
            }
            "notifications/cancelled" => {
                let named = incoming.param("requestId");
                let id = named.and_then(|named| Id::read(named, &incoming.document).ok());
                let at = id.and_then(|id| self.asked.iter().position(|a| a.id.0.matches(&id)));
                let Some(withdrawn) = at.and_then(|at| self.asked.remove(at)) else {
                    self.dropped.strays = self.dropped.strays.saturating_add(1);
                    return effects;
                };
                withdrawn.told
            }
            "notifications/message" => tag.or_else(|| self.newest()),
            _change => tag,
        };
        let told = told.filter(|tag| self.hears(*tag));
        self.tell(told, Item::Notification(message), &mut effects);
        effects
    }

    fn newest(&self) -> Option<u64> {
        // While the handshake is under way it is the only call, and hears nothing but its answer.
        let hears = |(_, call): &(&u64, &Waiting)| call.hears();
        self.calls.iter().rev().find(hears).map(|(tag, _)| *tag)
    }

    fn hears(&self, tag: u64) -> bool {
        self.phase != Phase::Opening && self.calls.get(&tag).is_some_and(Waiting::hears)
    }

    fn tell(&mut self, tag: Option<u64>, item: Item, effects: &mut Effects) {
        let Some(tag) = tag else { return self.keep_unasked(item, effects) };
        let Some(call) = self.calls.get_mut(&tag) else { return };
        if call.queue.has_room(&item) {
            return call.queue.push(item);
        }
        // A caller that does not read loses its call; the others go on.
        self.dropped.slow_calls = self.dropped.slow_calls.saturating_add(1);
        let mut queued = call.queue.take();
        queued.push_back(item);
        self.fail(tag, LinkError::Full("the caller does not read"));
        self.refuse_queued(queued, effects);
        effects.say.push(cancelled(tag));
        effects.forget.push(tag);
    }

    /// Keeps it for whoever listens next; the oldest goes.
    fn keep_unasked(&mut self, item: Item, effects: &mut Effects) {
        while !self.unasked.has_room(&item) {
            self.dropped.unasked = self.dropped.unasked.saturating_add(1);
            if let Some(Item::Request { id, .. }) = self.unasked.pop() {
                self.refuse_one(&id, effects);
            }
        }
        self.unasked.push(item);
    }

    fn refuse_queued(&mut self, queued: VecDeque<Item>, effects: &mut Effects) {
        for item in queued {
            if let Item::Request { id, .. } = item {
                self.refuse_one(&id, effects);
            }
        }
    }

    fn refuse_one(&mut self, id: &ServerRequestId, effects: &mut Effects) {
        if let Some(id) = self.answered(id) {
            effects.say.push(refusal(&id.0, NO_ANSWER, "nobody is there to answer"));
        }
    }

    fn fail(&mut self, tag: u64, why: LinkError) {
        let Some(call) = self.calls.get_mut(&tag).filter(|call| call.is_open()) else { return };
        if call.left.is_some() {
            self.calls.remove(&tag);
        } else {
            call.finish(End::Failed(why));
        }
    }
}

impl Effects {
    fn join(&mut self, other: Self) {
        self.say.extend(other.say);
        self.forget.extend(other.forget);
    }
}

/// JSON-RPC 2.0 section 5.1.
const INVALID_REQUEST: i32 = -32600;

/// JSON-RPC 2.0 section 5.1, "internal error": there is no code for a client that does not answer.
const NO_ANSWER: i32 = -32603;
