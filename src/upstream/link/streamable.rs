//! Streamable HTTP of both eras: each message is a POST of its own.
//!
//! A message whose `MCP-Protocol-Version` names a modern revision is sent without a session
//! (MCP 2026-07-28, Transports); every other one belongs to the legacy session, whose id is taken
//! from the first accepted answer that bears one (MCP 2025-11-25, Transports, "Session
//! Management"). Guarantees: requests in flight are bounded; each request that is not forgotten
//! gets exactly one [`Heard::Ended`]; what is refused is heard with its status, behind the JSON-RPC
//! error that came with it; a stream that breaks off before its answer is taken up again where the
//! server gave event ids, a bounded number of times; a lost session ends the link.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::events::{Cursor, End, Events, message};
use super::inbox::{DROPPED, Inbox, Over};
use super::wire::{self, BROKEN, Media, Wire};
use super::{Heard, Link, LinkError, Said, Sending, Transport};
use crate::json::Document;
use crate::limits::{
    LINK_DELETE_MS, LINK_ERROR_BYTES_MAX, LINK_LISTENS_MAX, LINK_REQUESTS_MAX, LINK_RESUMES_MAX,
    LINK_RETRY_MAX_MS, SESSION_ID_BYTES_MAX,
};
use crate::mcp::headers::{PROTOCOL_VERSION, SESSION_ID};
use crate::mcp::version::Revision;
use crate::upstream::answer::{Raw, RawBody};

/// Opens a conversation; nothing is sent before the first message.
pub(super) fn open(
    wire: Arc<Wire>,
    tasks: &TaskTracker,
    all: &CancellationToken,
    slot: OwnedSemaphorePermit,
) -> Link {
    let (inbox, heard) = Inbox::new(all);
    let core = Arc::new(Core {
        wire,
        inbox,
        tasks: tasks.clone(),
        slots: Arc::new(Semaphore::new(LINK_REQUESTS_MAX)),
        state: Mutex::default(),
        listening: AtomicBool::new(false),
    });
    tasks.spawn(keep(Arc::clone(&core), slot));
    Link { transport: Arc::new(Streamable(core)), heard }
}

/// The transport; dropping it ends the conversation.
#[derive(Debug)]
struct Streamable(Arc<Core>);

#[derive(Debug)]
struct Core {
    wire: Arc<Wire>,
    inbox: Inbox,
    tasks: TaskTracker,
    /// Requests in flight.
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    listening: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    session: Option<HeaderValue>,
    /// The server does not know the session any more: there is nothing to delete.
    lost: bool,
    /// What the last legacy message said, for GET and DELETE.
    version: Option<HeaderValue>,
    /// Requests under way, by tag.
    open: HashMap<u64, CancellationToken>,
}

impl Transport for Streamable {
    fn say(&self, message: Said) -> Sending<'_> {
        Box::pin(self.0.clone().say(message))
    }

    fn listen(&self) {
        if !self.0.listening.swap(true, Ordering::SeqCst) {
            let core = Arc::clone(&self.0);
            let token = core.inbox.token().clone();
            self.0.tasks.spawn(async move {
                token.run_until_cancelled(core.listen()).await;
            });
        }
    }

    fn forget(&self, tag: u64) {
        if let Some(token) = self.0.state().open.remove(&tag) {
            token.cancel();
        }
    }

    fn close(&self) {
        self.0.inbox.end(DROPPED);
    }

    fn why_closed(&self) -> LinkError {
        self.0.inbox.why()
    }
}

impl Drop for Streamable {
    fn drop(&mut self) {
        self.close();
    }
}

/// Holds the place of the conversation until it is over, and says goodbye.
async fn keep(core: Arc<Core>, slot: OwnedSemaphorePermit) {
    core.inbox.over().await;
    let (session, version) = {
        let mut state = core.state();
        let session = state.session.take().filter(|_| !state.lost);
        (session, state.version.take())
    };
    if let Some(session) = session {
        let mut headers = vec![(SESSION_ID, session)];
        headers.extend(version.map(|version| (PROTOCOL_VERSION, version)));
        let uri = core.wire.http.endpoint().clone();
        let request = wire::request(Method::DELETE, uri, &headers, Bytes::new());
        // Best effort: 405 is allowed, and a server that does not answer keeps its session.
        let _ = core.wire.send(request, Duration::from_millis(LINK_DELETE_MS)).await;
    }
    drop(slot);
}

impl Core {
    async fn say(self: Arc<Self>, said: Said) -> Result<(), LinkError> {
        self.inbox.check()?;
        let slots = Arc::clone(&self.slots);
        let slot = slots.try_acquire_owned().map_err(|_| LinkError::Full("too many requests"))?;
        let token = self.inbox.token().child_token();
        let wants_answer = said.wants_answer;
        if wants_answer {
            self.state().open.insert(said.tag, token.clone());
        }
        let core = Arc::clone(&self);
        let task = self.tasks.spawn(async move {
            let tag = said.tag;
            let done = token.run_until_cancelled(core.exchange(said)).await;
            drop(slot);
            // What was forgotten is not heard of again.
            if let Some(result) = done {
                core.state().open.remove(&tag);
                core.settle(tag, wants_answer, result).await;
            }
        });
        // A notification goes before what is said after it; the answer to a request is not waited
        // for, it may take long.
        if !wants_answer {
            let _ = task.await;
        }
        Ok(())
    }

    async fn settle(&self, tag: u64, wants_answer: bool, result: Result<(), Failed>) {
        let (error, lost) = match result {
            Ok(()) => (None, false),
            Err(Failed::Request(error)) => (Some(error), false),
            Err(Failed::Session) => (Some(LinkError::Status(StatusCode::NOT_FOUND)), true),
            Err(Failed::Over) => return,
        };
        if wants_answer || error.is_some() {
            let _ = self.inbox.hear(Heard::Ended { tag, error }).await;
        }
        if lost {
            self.lost();
        }
    }

    /// One message and everything that comes back on its own answer.
    async fn exchange(&self, said: Said) -> Result<(), Failed> {
        let Said { message, tag, wants_answer, mut headers } = said;
        let legacy = !is_modern(&headers);
        let session = if legacy { self.enter(&headers) } else { None };
        headers.extend(session.clone().map(|session| (SESSION_ID, session)));
        let uri = self.wire.http.endpoint().clone();
        let request = wire::request(Method::POST, uri, &headers, message);
        let Raw { status, headers, body } = self.wire.send(request, self.wire.head).await?;
        let media = Media::of(&headers);
        if !status.is_success() {
            return self.refused(Refusal { status, media, session, tag, wants_answer }, body).await;
        }
        if legacy {
            self.adopt(&headers)?;
        }
        if !wants_answer || status == StatusCode::ACCEPTED || status == StatusCode::NO_CONTENT {
            wire::drain(body).await;
            return Ok(());
        }
        match media {
            Media::Json => {
                let message = self.wire.whole(body, self.wire.answer_bytes_max).await?;
                Ok(self.inbox.hear(Heard::Message { tag: Some(tag), message }).await?)
            }
            Media::Events => self.answer_stream(tag, legacy, body).await,
            Media::Absent | Media::Other => {
                Err(LinkError::Malformed("an answer that is neither JSON nor events").into())
            }
        }
    }

    /// The session of a legacy message; its version is kept for GET and DELETE.
    fn enter(&self, headers: &[(HeaderName, HeaderValue)]) -> Option<HeaderValue> {
        let mut state = self.state();
        if let Some((_, version)) = headers.iter().find(|(name, _)| *name == PROTOCOL_VERSION) {
            state.version = Some(version.clone());
        }
        state.session.clone()
    }

    /// Takes the session id of the first accepted answer that bears one. It is visible ASCII.
    fn adopt(&self, headers: &HeaderMap) -> Result<(), LinkError> {
        let mut state = self.state();
        let Some(id) = headers.get(SESSION_ID).filter(|_| state.session.is_none()) else {
            return Ok(());
        };
        let sound = !id.is_empty()
            && id.len() <= SESSION_ID_BYTES_MAX
            && id.as_bytes().iter().all(u8::is_ascii_graphic)
            && headers.get_all(SESSION_ID).iter().count() == 1;
        if !sound {
            return Err(LinkError::Malformed("a session id that is none"));
        }
        let mut id = id.clone();
        id.set_sensitive(true);
        state.session = Some(id);
        Ok(())
    }

    async fn refused(&self, refusal: Refusal, body: RawBody) -> Result<(), Failed> {
        let Refusal { status, media, session, tag, wants_answer } = refusal;
        if status == StatusCode::NOT_FOUND && session.is_some() {
            return Err(Failed::Session);
        }
        if wants_answer && media == Media::Json {
            // The error may be the answer; where it cannot be read, the status says enough.
            let read = self.wire.whole(body, LINK_ERROR_BYTES_MAX).await;
            if let Some(message) = read.ok().filter(|read| read.trim_ascii().starts_with(b"{")) {
                self.inbox.hear(Heard::Message { tag: Some(tag), message }).await?;
            }
        } else {
            wire::drain(body).await;
        }
        Err(LinkError::Status(status).into())
    }

    /// The event stream that answers a request, taken up again where it breaks off.
    async fn answer_stream(&self, tag: u64, legacy: bool, body: RawBody) -> Result<(), Failed> {
        let mut cursor = Cursor::new();
        let mut body = Some(body);
        for _ in 0..=LINK_RESUMES_MAX {
            if let Some(body) = body.take() {
                let (last, end) = self.relay(Some(tag), body, &mut cursor).await?;
                if cursor.last_id.is_none() || !legacy {
                    return match end {
                        End::Complete => Ok(()),
                        End::Broken => Err(BROKEN.into()),
                    };
                }
                if last.is_some_and(is_response) {
                    return Ok(());
                }
            }
            // MCP 2025-11-25, Transports, "Resumability and Redelivery": also after an orderly
            // end, because a server may close a stream that it wants to be polled.
            tokio::time::sleep(cursor.retry).await;
            body = match self.stream(cursor.last_id.clone()).await {
                Ok(body) => Some(body),
                Err(Failed::Request(LinkError::Unreachable(_) | LinkError::Closed(_))) => None,
                Err(failed) => return Err(failed),
            };
        }
        Err(LinkError::Closed("its stream ended before the answer").into())
    }

    /// Hands on every message of one stream; returns the last one and how the stream ended.
    async fn relay(
        &self,
        tag: Option<u64>,
        body: RawBody,
        cursor: &mut Cursor,
    ) -> Result<(Option<Bytes>, End), Failed> {
        let mut events = Events::new(body, self.wire.event_bytes_max(), self.wire.stream_idle);
        let mut last = None;
        loop {
            let event = match events.next().await? {
                Ok(event) => event,
                Err(end) => return Ok((last, end)),
            };
            cursor.note(&event);
            if let Some(message) = message(&event) {
                last = Some(message.clone());
                self.inbox.hear(Heard::Message { tag, message }).await?;
            }
        }
    }

    /// Opens a stream by GET, from the beginning or behind an event.
    async fn stream(&self, last_id: Option<HeaderValue>) -> Result<RawBody, Failed> {
        let mut request = wire::stream_request(self.wire.http.endpoint().clone());
        let session = {
            let state = self.state();
            let headers = request.headers_mut();
            if let Some(session) = &state.session {
                headers.insert(SESSION_ID, session.clone());
            }
            if let Some(version) = &state.version {
                headers.insert(PROTOCOL_VERSION, version.clone());
            }
            if let Some(id) = last_id {
                headers.insert(LAST_EVENT_ID, id);
            }
            state.session.is_some()
        };
        // Some servers send the head with the first event only.
        let Raw { status, headers, body } = self.wire.send(request, self.wire.stream_idle).await?;
        if status == StatusCode::NOT_FOUND && session {
            return Err(Failed::Session);
        }
        wire::accepted(status)?;
        if Media::of(&headers) != Media::Events {
            return Err(LinkError::Malformed("a stream that is none").into());
        }
        Ok(body)
    }

    /// The stream on which the server speaks unasked; come back to as long as it is there.
    async fn listen(&self) {
        let mut cursor = Cursor::new();
        let mut failures = 0;
        while failures < LINK_LISTENS_MAX {
            let heard = match self.stream(cursor.last_id.clone()).await {
                Ok(body) => self.relay(None, body, &mut cursor).await.map(|(last, _)| last),
                Err(failed) => Err(failed),
            };
            match heard {
                Err(Failed::Over) => return,
                Err(Failed::Session) => return self.lost(),
                // No such stream: allowed.
                Err(Failed::Request(LinkError::Status(StatusCode::METHOD_NOT_ALLOWED))) => return,
                Ok(Some(_)) => failures = 0,
                Ok(None) | Err(Failed::Request(_)) => failures += 1,
            }
            let longest = Duration::from_millis(LINK_RETRY_MAX_MS);
            let wait = cursor.retry.saturating_mul(1 << failures.min(LINK_LISTENS_MAX));
            tokio::time::sleep(wait.min(longest)).await;
        }
        tracing::warn!("a server's stream for what it says unasked cannot be held open");
    }

    fn lost(&self) {
        self.state().lost = true;
        self.inbox.end(LinkError::Status(StatusCode::NOT_FOUND));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Refusal {
    status: StatusCode,
    media: Media,
    session: Option<HeaderValue>,
    tag: u64,
    wants_answer: bool,
}

/// Why an exchange came to nothing.
#[derive(Debug)]
enum Failed {
    /// This one.
    Request(LinkError),
    /// The server does not know the session any more.
    Session,
    /// The conversation is over.
    Over,
}

impl From<LinkError> for Failed {
    fn from(error: LinkError) -> Self {
        Self::Request(error)
    }
}

impl From<Over> for Failed {
    fn from(_: Over) -> Self {
        Self::Over
    }
}

fn is_modern(headers: &[(HeaderName, HeaderValue)]) -> bool {
    let version = headers.iter().find(|(name, _)| *name == PROTOCOL_VERSION);
    let date = version.and_then(|(_, value)| value.to_str().ok());
    date.and_then(Revision::from_date).is_some_and(Revision::is_modern)
}

/// Whether a message is an answer: looked at only where a stream that could be taken up again
/// ended, so that it is known whether there is something to come back for.
fn is_response(message: Bytes) -> bool {
    Document::parse(message, &crate::mcp::ANSWER).is_ok_and(|document| {
        let root = document.root();
        root.get("method").is_none()
            && (root.get("result").is_some() || root.get("error").is_some())
    })
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
