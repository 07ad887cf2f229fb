//! Conversations with the server, kept between the requests of a client that keeps none.
//!
//! Guarantees: a conversation belongs to one principal and one set of capabilities and is never
//! shared beyond them; it is opened when it is first needed, once for all who wait for it; one that
//! ended is replaced by the next request and never resumed in silence; idle ones are closed, the
//! longest idle first, and their number is bounded per principal and in all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::discover::{Greeting, initialize};
use super::hub::Hub;
use super::request::{Client, Level, set_level};
use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::limits::{CONVERSATION_IDLE_S, CONVERSATIONS_MAX, CONVERSATIONS_PER_PRINCIPAL_MAX};
use crate::principal::{Principal, PrincipalKey};
use crate::upstream::link::Dial;
use crate::upstream::link::LinkError;
use crate::upstream::talk::{Call, Conversation, Told};

/// The conversations with one server.
#[derive(Debug)]
pub(super) struct Pool {
    dial: Arc<dyn Dial>,
    allowed: Vec<ServerRequest>,
    deadline: Duration,
    clock: Clock,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// Whose conversation it is, and what the server was told in its handshake.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    owner: PrincipalKey,
    handshake: [u8; 32],
}

#[derive(Debug)]
struct Slot {
    open: tokio::sync::Mutex<Option<Arc<Open>>>,
    used_at_s: AtomicU64,
}

/// An open conversation. As long as somebody holds it, it is not idle.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) conversation: Conversation,
    pub(super) greeting: Greeting,
    pub(super) hub: Hub,
    /// What the server was last asked to log.
    level: tokio::sync::Mutex<Option<Level>>,
}

impl Pool {
    pub(super) fn new(
        dial: Arc<dyn Dial>,
        allowed: Vec<ServerRequest>,
        deadline: Duration,
        clock: Clock,
    ) -> Self {
        Self { dial, allowed, deadline, clock, slots: Mutex::default() }
    }

    /// The conversation of this caller with these capabilities, opened when there is none.
    /// Cancel-safe: who goes on waiting opens it then.
    ///
    /// # Errors
    /// When it cannot be opened in time, or as many as may be are open and in use.
    pub(super) async fn open(
        &self,
        who: &Principal,
        client: &Client,
    ) -> Result<Arc<Open>, LinkError> {
        let handshake = initialize(client, &self.allowed);
        let slot = self.slot(who.key, &handshake)?;
        let opening = async {
            let mut place = slot.open.lock().await;
            if let Some(open) = place.as_ref().filter(|open| !open.conversation.is_closed()) {
                return Ok(Arc::clone(open));
            }
            // Whatever the old one knew is gone with it.
            *place = None;
            let open = Arc::new(self.greet(who, handshake).await?);
            *place = Some(Arc::clone(&open));
            Ok(open)
        };
        tokio::time::timeout(self.deadline, opening).await.map_err(|_| LinkError::Timeout)?
    }

    /// Closes what nobody has used for a while.
    pub(super) fn sweep(&self) {
        let now_s = self.clock.monotonic().as_secs();
        let idle = {
            let mut slots = self.slots();
            let over: Vec<Key> = slots
                .iter()
                .filter(|(_, slot)| slot.idle_s(now_s).is_some_and(|s| s >= CONVERSATION_IDLE_S))
                .map(|(key, _)| key.clone())
                .collect();
            over.iter().filter_map(|key| slots.remove(key)).collect::<Vec<_>>()
        };
        // Outside the lock: what ends may have a process to end.
        drop(idle);
    }

    async fn greet(&self, who: &Principal, handshake: Bytes) -> Result<Open, LinkError> {
        let link = self.dial.dial(who).await?;
        let (conversation, answer) = Conversation::open(link, handshake, self.deadline).await?;
        let greeting = Greeting::read(answer).map_err(|error| {
            tracing::debug!(%error, "a server's handshake cannot be used");
            LinkError::Malformed("its answer to the handshake")
        })?;
        conversation.initialized(None).await?;
        let hub = Hub::of(&conversation);
        Ok(Open { conversation, greeting, hub, level: tokio::sync::Mutex::default() })
    }

    fn slot(&self, owner: PrincipalKey, handshake: &[u8]) -> Result<Arc<Slot>, LinkError> {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest(&SHA256, handshake).as_ref()) {
            *to = *from;
        }
        let key = Key { owner, handshake: hash };
        let now_s = self.clock.monotonic().as_secs();
        let mut slots = self.slots();
        if let Some(slot) = slots.get(&key) {
            slot.used_at_s.store(now_s, Ordering::Relaxed);
            return Ok(Arc::clone(slot));
        }
        let mut ended = Vec::new();
        let own = |key: &Key| key.owner == owner;
        if slots.keys().filter(|key| own(key)).count() >= CONVERSATIONS_PER_PRINCIPAL_MAX {
            ended.push(end_longest_idle(&mut slots, now_s, own).ok_or(FULL_OWN)?);
        }
        if slots.len() >= CONVERSATIONS_MAX {
            ended.push(end_longest_idle(&mut slots, now_s, |_| true).ok_or(FULL)?);
        }
        let slot = Arc::new(Slot {
            open: tokio::sync::Mutex::default(),
            used_at_s: AtomicU64::new(now_s),
        });
        slots.insert(key, Arc::clone(&slot));
        drop(slots);
        drop(ended);
        Ok(slot)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// For how long nobody has used it; `None` while somebody does. Asked under the lock of the
    /// map, which everybody who gets hold of a slot takes.
    fn idle_s(self: &Arc<Self>, now_s: u64) -> Option<u64> {
        // The map's own handle is the one that remains.
        if Arc::strong_count(self) > 1 {
            return None;
        }
        let open = self.open.try_lock().ok()?;
        let held = open.as_ref().is_some_and(|open| Arc::strong_count(open) > 1);
        (!held).then(|| now_s.saturating_sub(self.used_at_s.load(Ordering::Relaxed)))
    }
}

fn end_longest_idle(
    slots: &mut HashMap<Key, Arc<Slot>>,
    now_s: u64,
    of: impl Fn(&Key) -> bool,
) -> Option<Arc<Slot>> {
    let idle = slots.iter().filter(|(key, _)| of(key));
    let idle = idle.filter_map(|(key, slot)| Some((slot.idle_s(now_s)?, key)));
    let key = idle.max_by_key(|(idle_s, _)| *idle_s)?.1.clone();
    slots.remove(&key)
}

impl Open {
    /// Sends a request of our own and waits for its answer.
    pub(super) async fn ask(&self, request: Bytes, within: Duration) -> Result<Bytes, LinkError> {
        let asking = async {
            let mut call = self.conversation.call_bytes(request).await?;
            loop {
                match call.next().await {
                    Some(Ok(Told::Answer(answer))) => return Ok(answer),
                    Some(Ok(Told::Notification(_))) => {}
                    Some(Ok(Told::Request { id, .. })) => {
                        self.conversation.refuse(&id, -32601, "nothing may be asked now");
                    }
                    Some(Err(error)) => return Err(error),
                    None => return Err(LinkError::Closed("no answer")),
                }
            }
        };
        tokio::time::timeout(within, asking).await.map_err(|_| LinkError::Timeout)?
    }

    /// Sends a caller's request, after the server was asked to log what the caller wants to be
    /// told. The level only ever falls: calls at the same time share it, and what one of them did
    /// not ask for is kept from it by its own level.
    ///
    /// # Errors
    /// Nothing was sent.
    pub(super) async fn call(
        &self,
        request: Bytes,
        level: Option<Level>,
        within: Duration,
    ) -> Result<Call, LinkError> {
        if let Some(wanted) = level.filter(|_| self.greeting.can.log) {
            let mut current = self.level.lock().await;
            if current.is_none_or(|current| wanted < current) {
                self.ask(set_level(wanted), within).await?;
                *current = Some(wanted);
            }
        }
        self.conversation.call_bytes(request).await
    }

    /// `serverInfo` of the handshake.
    pub(super) fn server_info(&self) -> Option<&[u8]> {
        self.greeting.server_info.as_deref()
    }
}

/// Its end does not wait for the tasks that still hold it.
impl Drop for Open {
    fn drop(&mut self) {
        self.conversation.close();
    }
}

const FULL: LinkError = LinkError::Full("all are in use");
const FULL_OWN: LinkError = LinkError::Full("all of this caller's are in use");
