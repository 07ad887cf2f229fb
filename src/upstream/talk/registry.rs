//! The conversations that clients keep, by the caller who opened them.
//!
//! Assumes nothing of ids: an id means something only together with its owner. Guarantees: a
//! conversation is found by its own caller alone, everybody else finds nothing (S-18); their number
//! is bounded per caller and in all, also while they are being opened; idle ones end, old ones end,
//! those whose server is gone are no longer found. When a caller has as many as may be, the one
//! that was idle for longest ends; when none is idle, no more is opened.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;

use super::Conversation;
use crate::limits::{SESSION_S, TALK_IDLE_S, TALK_SESSIONS_MAX, TALK_SESSIONS_PER_PRINCIPAL_MAX};
use crate::principal::PrincipalKey;
use crate::upstream::link::LinkError;

/// An id of ours: 128 bits that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 16]);

/// When sessions end.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// After this time without use.
    pub idle: Duration,
    /// After this time in any case.
    pub absolute: Duration,
}

/// The sessions with one server.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: Arc<Mutex<Sessions>>,
    lifetimes: Lifetimes,
}

type Sessions = HashMap<SessionId, Session>;

/// A place for a conversation that is being opened; dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    sessions: Arc<Mutex<Sessions>>,
    id: SessionId,
}

#[derive(Debug)]
struct Session {
    owner: PrincipalKey,
    /// `None` while it is being opened.
    conversation: Option<Conversation>,
    opened: Duration,
    used: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { idle: Duration::from_secs(TALK_IDLE_S), absolute: Duration::from_secs(SESSION_S) }
    }
}

impl SessionId {
    fn draw() -> Result<Self, LinkError> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| LinkError::Unreachable("no random numbers"))?;
        Ok(Self(bytes))
    }

    /// From its text; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 || digits.iter().any(|d| !matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|value| Self(value.to_be_bytes()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionId {
    /// Says nothing: an id opens a session, and logs are read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId")
    }
}

impl Registry {
    /// With these lifetimes instead of the default ones.
    #[must_use]
    pub fn new(lifetimes: Lifetimes) -> Self {
        Self { sessions: Arc::default(), lifetimes }
    }

    /// Takes a place for a conversation that this caller is about to open.
    ///
    /// # Errors
    /// [`LinkError::Full`] when as many as may be are open and none of the caller's is idle.
    pub fn reserve(&self, owner: PrincipalKey, now: Duration) -> Result<Place, LinkError> {
        let id = SessionId::draw()?;
        let mut ended = Vec::new();
        let mut sessions = self.sessions();
        let own = |session: &Session| session.owner == owner;
        if sessions.values().filter(|session| own(session)).count()
            >= TALK_SESSIONS_PER_PRINCIPAL_MAX
        {
            ended.push(end_idle(&mut sessions, own).ok_or(FULL_OWN)?);
        }
        if sessions.len() >= TALK_SESSIONS_MAX {
            // Nobody ends a session of somebody else by opening many.
            ended.push(end_idle(&mut sessions, own).ok_or(FULL)?);
        }
        sessions.insert(id, Session { owner, conversation: None, opened: now, used: now });
        drop(sessions);
        for session in ended {
            session.close();
        }
        Ok(Place { sessions: Arc::clone(&self.sessions), id })
    }

    /// The caller's own conversation, which is used now.
    #[must_use]
    pub fn find(&self, owner: PrincipalKey, id: SessionId, now: Duration) -> Option<Conversation> {
        let mut sessions = self.sessions();
        let session = sessions.get_mut(&id).filter(|session| session.owner == owner)?;
        let conversation = session.conversation.clone()?;
        if session.is_over(now, self.lifetimes) {
            sessions.remove(&id);
            drop(sessions);
            conversation.close();
            return None;
        }
        session.used = now;
        Some(conversation)
    }

    /// Ends the caller's own session; whether there was one.
    pub fn end(&self, owner: PrincipalKey, id: SessionId) -> bool {
        let mut sessions = self.sessions();
        if !sessions.get(&id).is_some_and(|session| session.owner == owner) {
            return false;
        }
        let ended = sessions.remove(&id);
        drop(sessions);
        ended.is_some_and(|session| {
            session.conversation.as_ref().inspect(|conversation| conversation.close()).is_some()
        })
    }

    /// Ends what is idle, old or gone, and calls whose caller left long ago; called on a timer.
    pub fn sweep(&self, now: Duration) {
        let mut ended = Vec::new();
        let mut sessions = self.sessions();
        for session in sessions.values_mut() {
            // Who calls or listens uses it, however long that takes.
            if session.is_busy() {
                session.used = now;
            }
        }
        let over: Vec<SessionId> = sessions
            .iter()
            .filter(|(_, session)| session.is_over(now, self.lifetimes))
            .map(|(id, _)| *id)
            .collect();
        ended.extend(over.iter().filter_map(|id| sessions.remove(id)));
        let open: Vec<Conversation> =
            sessions.values().filter_map(|session| session.conversation.clone()).collect();
        drop(sessions);
        for session in ended {
            session.close();
        }
        for conversation in open {
            conversation.sweep();
        }
    }

    /// How many there are, those that are being opened included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let ended = std::mem::take(&mut *self.sessions());
        for session in ended.into_values() {
            session.close();
        }
    }
}

impl Place {
    /// Fills the place. The conversation is found by this id from now on.
    #[must_use]
    pub fn fill(self, conversation: Conversation) -> SessionId {
        let mut sessions = lock(&self.sessions);
        match sessions.get_mut(&self.id) {
            Some(session) => session.conversation = Some(conversation),
            // The registry is gone.
            None => conversation.close(),
        }
        self.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sessions = lock(&self.sessions);
        if sessions.get(&self.id).is_some_and(|session| session.conversation.is_none()) {
            sessions.remove(&self.id);
        }
    }
}

impl Session {
    fn is_busy(&self) -> bool {
        self.conversation.as_ref().is_none_or(Conversation::is_busy)
    }

    fn is_over(&self, now: Duration, lifetimes: Lifetimes) -> bool {
        // What is being opened ends by its own deadline.
        self.conversation.as_ref().is_some_and(|conversation| {
            conversation.is_closed()
                || now.saturating_sub(self.opened) >= lifetimes.absolute
                || (!conversation.is_busy() && now.saturating_sub(self.used) >= lifetimes.idle)
        })
    }

    fn close(&self) {
        if let Some(conversation) = &self.conversation {
            conversation.close();
        }
    }
}

/// Removes the one that was idle for longest.
fn end_idle(sessions: &mut Sessions, of: impl Fn(&Session) -> bool) -> Option<Session> {
    let idle = sessions.iter().filter(|(_, session)| of(session) && !session.is_busy());
    let id = *idle.min_by_key(|(_, session)| session.used)?.0;
    sessions.remove(&id)
}

fn lock(sessions: &Mutex<Sessions>) -> MutexGuard<'_, Sessions> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

const FULL: LinkError = LinkError::Full("all sessions of this server are taken");
const FULL_OWN: LinkError = LinkError::Full("all sessions of this caller are in use");
