//! What happens in legacy sessions while they are used: calls under way, questions that wait for
//! the client's answer, the log level, the subscriptions.
//!
//! Owns the table. A session's identity stands in its id ([`super::ticket`]); only what no id can
//! hold is here, in this process. Guarantees: entries are found by caller *and* session, so that
//! nobody reaches another's; each list of an entry and the table itself are bounded; what nobody
//! uses goes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::listen::Change;
use super::ticket::NUMBER_BYTES;
use crate::limits::{
    BRIDGED_CALLS_MAX, BRIDGED_SESSION_IDLE_S, BRIDGED_SESSIONS_MAX, INPUT_REQUESTS_MAX,
    SUBSCRIPTIONS_MAX,
};
use crate::mcp::message::Id;
use crate::principal::PrincipalKey;
use crate::reject::{Code, Rejection};

/// A session and whose it is.
pub(super) type Key = (PrincipalKey, [u8; NUMBER_BYTES]);

/// Every session of one server that is in use in this process.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    table: Mutex<HashMap<Key, Arc<Session>>>,
    asked: AtomicU64,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    used_s: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    level: Option<&'static str>,
    subscriptions: Vec<Subscription>,
    listener: Option<mpsc::Sender<Change>>,
    calls: Vec<(Id, CancellationToken)>,
    waiting: Vec<(Box<str>, oneshot::Sender<Reply>)>,
}

/// A resource that the client wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    /// Its canonical URI, by which policy decided.
    pub(super) uri: Box<str>,
    /// The URI as the client wrote it, quotes included.
    pub(super) raw: Bytes,
}

/// What a client answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `result`, as it was written.
    Result(Bytes),
    /// It answered with an error.
    Refused,
}

/// As many as are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many {0}")]
pub(super) struct Full(pub(super) &'static str);

impl From<Full> for Rejection {
    fn from(full: Full) -> Self {
        Self::new(Code::Busy, full.to_string())
    }
}

impl Sessions {
    /// The session's entry, made where there is none.
    ///
    /// # Errors
    /// [`Full`] when all entries are in use.
    pub(super) fn of(&self, key: Key, now_s: u64) -> Result<Arc<Session>, Full> {
        let mut table = lock(&self.table);
        if let Some(session) = table.get(&key) {
            session.used_s.store(now_s, Ordering::Relaxed);
            return Ok(Arc::clone(session));
        }
        if table.len() >= BRIDGED_SESSIONS_MAX {
            table.retain(|_, session| !session.is_idle(now_s, 1));
        }
        if table.len() >= BRIDGED_SESSIONS_MAX {
            return Err(Full("sessions"));
        }
        let session = Arc::new(Session { used_s: AtomicU64::new(now_s), state: Mutex::default() });
        table.insert(key, Arc::clone(&session));
        Ok(session)
    }

    /// The client has ended the session: its calls are cancelled, its stream ends.
    pub(super) fn end(&self, key: Key) {
        let session = lock(&self.table).remove(&key);
        if let Some(session) = session {
            let state = std::mem::take(&mut *lock(&session.state));
            for (_, token) in state.calls {
                token.cancel();
            }
        }
    }

    /// Forgets what nobody has used for long.
    pub(super) fn sweep(&self, now_s: u64) {
        lock(&self.table).retain(|_, session| !session.is_idle(now_s, BRIDGED_SESSION_IDLE_S));
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.table).len()
    }

    /// An id for a question to a client, never used before in this process.
    pub(super) fn question_id(&self) -> Box<str> {
        format!("sallyport-{}", self.asked.fetch_add(1, Ordering::Relaxed)).into()
    }
}

impl Session {
    /// The level of log messages that the client wants.
    pub(super) fn level(&self) -> Option<&'static str> {
        lock(&self.state).level
    }

    /// Sets it.
    pub(super) fn set_level(&self, level: &'static str) {
        lock(&self.state).level = Some(level);
    }

    /// What the client has subscribed to.
    pub(super) fn subscriptions(&self) -> Vec<Subscription> {
        lock(&self.state).subscriptions.clone()
    }

    /// Adds a subscription; whether it is new.
    ///
    /// # Errors
    /// [`Full`]
    pub(super) fn subscribe(&self, new: Subscription) -> Result<bool, Full> {
        let mut state = lock(&self.state);
        if state.subscriptions.iter().any(|old| old.uri == new.uri) {
            return Ok(false);
        }
        if state.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(Full("subscriptions of one session"));
        }
        state.subscriptions.push(new);
        Ok(true)
    }

    /// Ends a subscription; whether there was one.
    pub(super) fn unsubscribe(&self, uri: &str) -> bool {
        let mut state = lock(&self.state);
        let before = state.subscriptions.len();
        state.subscriptions.retain(|old| &*old.uri != uri);
        state.subscriptions.len() < before
    }

    /// The stream that hears of changes to the subscriptions.
    pub(super) fn listener(&self) -> Option<mpsc::Sender<Change>> {
        lock(&self.state).listener.clone()
    }

    /// A new stream takes the place of the one before, which ends: a client that comes back has
    /// lost the other one.
    pub(super) fn listen(&self, listener: mpsc::Sender<Change>) {
        lock(&self.state).listener = Some(listener);
    }

    /// A call begins.
    ///
    /// # Errors
    /// [`Full`], also when another call with this id is under way: its answer could not be told
    /// apart.
    pub(super) fn begin(
        self: &Arc<Self>,
        id: &Id,
        token: &CancellationToken,
    ) -> Result<Running, Full> {
        let mut state = lock(&self.state);
        if state.calls.iter().any(|(other, _)| other.matches(id)) {
            return Err(Full("calls with one id"));
        }
        if state.calls.len() >= BRIDGED_CALLS_MAX {
            return Err(Full("calls of one session"));
        }
        state.calls.push((id.clone(), token.clone()));
        Ok(Running { session: Arc::clone(self), id: id.clone() })
    }

    /// Cancels the call for which `is` holds; whether there was one.
    pub(super) fn cancel(&self, is: impl Fn(&Id) -> bool) -> bool {
        let state = lock(&self.state);
        let found = state.calls.iter().find(|(id, _)| is(id));
        if let Some((_, token)) = found {
            token.cancel();
        }
        found.is_some()
    }

    /// A question goes to the client.
    ///
    /// # Errors
    /// [`Full`]
    pub(super) fn wait_for(&self, id: Box<str>) -> Result<oneshot::Receiver<Reply>, Full> {
        let mut state = lock(&self.state);
        // What its call has given up on is no longer asked.
        state.waiting.retain(|(_, sender)| !sender.is_closed());
        if state.waiting.len() >= BRIDGED_CALLS_MAX * INPUT_REQUESTS_MAX {
            return Err(Full("questions to one client"));
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push((id, sender));
        Ok(receiver)
    }

    /// A client's answer; whether somebody had asked. Each question is answered once.
    pub(super) fn answer(&self, id: &str, reply: Reply) -> bool {
        let mut state = lock(&self.state);
        let Some(at) = state.waiting.iter().position(|(other, _)| &**other == id) else {
            return false;
        };
        let (_, sender) = state.waiting.swap_remove(at);
        sender.send(reply).is_ok()
    }

    fn is_idle(&self, now_s: u64, after_s: u64) -> bool {
        let state = lock(&self.state);
        let listens = state.listener.as_ref().is_some_and(|listener| !listener.is_closed());
        !listens
            && state.calls.is_empty()
            && now_s.saturating_sub(self.used_s.load(Ordering::Relaxed)) >= after_s
    }
}

/// A call that is under way; dropped when it is over.
#[derive(Debug)]
pub(super) struct Running {
    session: Arc<Session>,
    id: Id,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.session.state).calls.retain(|(id, _)| !id.matches(&self.id));
    }
}

/// Each critical section leaves whole data behind, also when a thread panicked elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
