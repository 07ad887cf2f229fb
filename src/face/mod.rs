//! Clients of the old transport HTTP+SSE (MCP 2024-11-05): one long stream on which everything
//! comes, and an address to which messages are posted.
//!
//! Owns [`Hubs`], the streams that are open in this process, and [`Hub`], one of them. Assumes that
//! both the stream and each message passed every gate: what is written onto a stream comes out of
//! [`ReplyBody`]s, which only the response gate and the refusals make. Guarantees: a stream's id
//! is sealed for its caller and opens for nobody else; what waits for a client is bounded, and a
//! client that takes nothing loses its stream; when the stream ends, everything that works for it
//! ends, and its session upstream too. A stream lives in one process: messages for it must reach
//! the same replica.

mod queue;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::BodyExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::body::{ByteStream, ReplyBody};
use crate::limits;
use crate::mcp::sse::{self, Decoder, KEEPALIVE};
use crate::mcp::version::Revision;
use crate::reject::{Code, Rejection};
use crate::revocation::Wake;
use crate::session::{Caller, Facts, Hash, InUse, Owner, Purpose, Sessions};
use queue::Queue;

/// The open streams of this process.
#[derive(Debug, Default)]
pub struct Hubs(Mutex<HashMap<Box<str>, Arc<Hub>>>);

/// One stream and its client.
#[derive(Debug)]
pub struct Hub {
    name: Box<str>,
    /// What the client posts to, without the path.
    sealed: Box<str>,
    hash: Hash,
    owner: Owner,
    server: Arc<str>,
    queue: Queue,
    closed: CancellationToken,
    session: Mutex<Option<Learnt>>,
    listening: AtomicBool,
}

/// The session upstream that the client's handshake opened; the client never sees it.
#[derive(Debug)]
pub struct Learnt {
    /// The sealed id.
    pub sealed: Box<str>,
    /// Its hash.
    pub hash: Hash,
    /// The revision that was agreed on.
    pub revision: Option<Revision>,
    /// As long as the stream is open, its session is in use.
    pub in_use: InUse,
}

/// The stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client's stream has ended")]
pub struct Ended;

/// How the body of an answer was carried onto the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// To its end.
    Whole,
    /// It broke off.
    Cut,
}

/// What kind of body an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// One message.
    Json,
    /// Events, each with a message.
    Events,
}

impl Hubs {
    /// Opens a stream for a caller; its first event tells the client where to post.
    ///
    /// # Errors
    /// [`Code::Busy`] when as many streams are open as may be.
    pub fn open(
        &self,
        path: &str,
        sessions: &Sessions,
        caller: Caller<'_>,
    ) -> Result<Arc<Hub>, Rejection> {
        let name = uuid::Uuid::now_v7().simple().to_string().into_boxed_str();
        let facts = Facts {
            purpose: Purpose::Stream,
            upstream_id: &name,
            revision: None,
            caller: caller.principal.key,
            server: caller.server,
        };
        let now_s = sessions.book().clock().unix_s();
        let lifetime = Duration::from_secs(limits::SESSION_S_MAX);
        let sealed = sessions.sealer().seal(&facts, now_s, lifetime)?;
        let hub = Arc::new(Hub {
            name: name.clone(),
            sealed: sealed.id.into(),
            hash: sealed.hash,
            owner: caller.owner(),
            server: Arc::clone(caller.server),
            queue: Queue::new(),
            closed: CancellationToken::new(),
            session: Mutex::default(),
            listening: AtomicBool::new(false),
        });
        hub.queue.put_first(endpoint(path, &hub.sealed));
        let mut hubs = self.lock();
        let own = hubs.values().filter(|h| h.owner == hub.owner && h.server == hub.server);
        if hubs.len() >= limits::STREAMS_MAX || own.count() >= limits::STREAMS_PER_PRINCIPAL_MAX {
            return Err(Rejection::new(Code::Busy, "too many HTTP+SSE streams").retry_after(1));
        }
        hubs.insert(name, Arc::clone(&hub));
        Ok(hub)
    }

    /// The stream that a caller names with the sealed id of its POST address.
    ///
    /// # Errors
    /// [`Code::SessionUnknown`], the same for every reason (S-18).
    pub fn find(
        &self,
        sealed: &str,
        sessions: &Sessions,
        caller: Caller<'_>,
    ) -> Result<Arc<Hub>, Rejection> {
        let now_s = sessions.book().clock().unix_s();
        let key = caller.principal.key;
        let opened = sessions.sealer().open(Purpose::Stream, sealed, key, caller.server, now_s)?;
        let hub = self.lock().get(&opened.upstream_id).cloned();
        hub.filter(|hub| hub.owner == caller.owner() && !hub.closed.is_cancelled())
            .ok_or_else(|| Rejection::new(Code::SessionUnknown, "a stream that has ended"))
    }

    /// The stream is over: nobody finds it any more, and what works for it stops. What its
    /// session was.
    pub fn close(&self, hub: &Hub) -> Option<Learnt> {
        self.lock().remove(&hub.name);
        hub.closed.cancel();
        hub.session().take()
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Hub>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// What stands for the stream in records.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The sealed id of the session upstream, once the handshake opened one.
    #[must_use]
    pub fn session_id(&self) -> Option<Box<str>> {
        self.session().as_ref().map(|learnt| learnt.sealed.clone())
    }

    /// What stands for that session in tables.
    #[must_use]
    pub fn session_hash(&self) -> Option<Hash> {
        self.session().as_ref().map(|learnt| learnt.hash)
    }

    /// The handshake opened a session upstream. The one before it, where there was one.
    pub fn learn(&self, learnt: Learnt) -> Option<Learnt> {
        if self.closed.is_cancelled() {
            return Some(learnt);
        }
        self.session().replace(learnt)
    }

    /// Whether the stream on which the server speaks unasked is to be opened now: once.
    #[must_use]
    pub fn begins_to_listen(&self) -> bool {
        !self.listening.swap(true, Ordering::Relaxed)
    }

    /// Waits until the stream is over.
    pub async fn ended(&self) {
        self.closed.cancelled().await;
    }

    /// Writes one message onto the stream.
    ///
    /// # Errors
    /// The stream is over, or its client took nothing for [`limits::STREAM_STALL_MS`].
    pub async fn say(&self, message: &[u8]) -> Result<(), Ended> {
        let stall = Duration::from_millis(limits::STREAM_STALL_MS);
        let event = sse::message(message);
        let put = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(Ended),
            put = tokio::time::timeout(stall, self.queue.put(event)) => put,
        };
        put.map_err(|_| {
            tracing::info!(server = &*self.server, "an HTTP+SSE client does not read: cut");
            self.closed.cancel();
            Ended
        })
    }

    /// Carries the messages of an answer onto the stream. Event ids stay behind: this transport
    /// has no resumption.
    ///
    /// # Errors
    /// As [`Hub::say`].
    pub async fn carry(&self, mut body: ReplyBody, media: Media) -> Result<Carried, Ended> {
        match media {
            Media::Json => {
                let Ok(whole) = body.collect().await else { return Ok(Carried::Cut) };
                let whole = whole.to_bytes();
                if !whole.is_empty() {
                    self.say(&whole).await?;
                }
                Ok(Carried::Whole)
            }
            Media::Events => {
                let mut decoder = Decoder::new(limits::ANSWER_BYTES_BOUND);
                while let Some(frame) = body.frame().await {
                    let Ok(frame) = frame else { return Ok(Carried::Cut) };
                    decoder.push(frame.into_data().unwrap_or_default());
                    while let Some(event) = decoder.next_event() {
                        let Ok(event) = event else { return Ok(Carried::Cut) };
                        if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                            self.say(&data).await?;
                        }
                    }
                }
                Ok(Carried::Whole)
            }
        }
    }

    /// The bytes of the stream. `may_go_on` is asked again and again, and when `wake` says so; what it refuses with is the
    /// stream's last event.
    pub fn bytes(
        self: &Arc<Self>,
        may_go_on: impl Fn() -> Result<(), Bytes> + Send + 'static,
        wake: Wake,
    ) -> ByteStream {
        let period = Duration::from_millis(limits::RECHECK_MS);
        let mut tick = interval_at(Instant::now() + period, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let state = (Arc::clone(self), (tick, wake), Instant::now(), may_go_on, false);
        Box::pin(unfold(state, |(hub, mut times, mut spoken, may_go_on, over)| async move {
            let (tick, wake) = (&mut times.0, &mut times.1);
            let next = loop {
                if over {
                    return None;
                }
                tokio::select! {
                    biased;
                    () = hub.closed.cancelled() => return None,
                    () = wake.changed() => {
                        if let Err(last) = may_go_on() {
                            break (last, true);
                        }
                    }
                    _ = tick.tick() => {
                        if let Err(last) = may_go_on() {
                            break (last, true);
                        }
                        if spoken.elapsed() >= Duration::from_millis(limits::KEEPALIVE_MS) {
                            break (KEEPALIVE, false);
                        }
                    }
                    event = hub.queue.take() => match may_go_on() {
                        Ok(()) => break (event, false),
                        Err(last) => break (last, true),
                    },
                }
            };
            spoken = Instant::now();
            Some((Ok(next.0), (hub, times, spoken, may_go_on, next.1)))
        }))
    }

    fn session(&self) -> MutexGuard<'_, Option<Learnt>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first event: where messages are posted, relative to the origin, because only the client
/// knows how it names us.
fn endpoint(path: &str, sealed: &str) -> Bytes {
    Bytes::from(format!("event: endpoint\ndata: {path}?session={sealed}\n\n"))
}

#[cfg(test)]
mod tests;
