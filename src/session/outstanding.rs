//! Requests of servers that wait for a client's answer.
//!
//! Owns [`Outstanding`]. The response gate registers a server request when it lets it pass; the
//! request gate claims it for the client's answer. Guarantees (checklist 26, S-37): an answer is
//! accepted only for a request that was delivered to the same caller in the same session, and
//! once. Nothing waits for ever: entries are bounded per session, in all, and in time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Hash, Owner};
use crate::config::ServerRequest;
use crate::limits::{OUTSTANDING_MAX, OUTSTANDING_PER_SESSION_MAX, OUTSTANDING_S};

/// Whose answer is awaited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Whose {
    /// The server that asked.
    pub server: Arc<str>,
    /// The caller on whose stream it asked.
    pub owner: Owner,
    /// The session of that stream; `None` with servers that keep none.
    pub session: Option<Hash>,
}

/// Every request of a server that is under way to a client.
#[derive(Debug, Default)]
pub struct Outstanding(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    asked: HashMap<Whose, Vec<Asked>>,
    count: usize,
}

#[derive(Debug)]
struct Asked {
    /// The request's id, in the one form of its value.
    id: Box<[u8]>,
    kind: ServerRequest,
    at_s: u64,
    /// An answer is on its way through the request gate.
    claimed: bool,
}

/// Too many requests wait for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests of the server wait for an answer")]
pub struct Full;

/// The right to answer one request. Dropped before it was [settled](Claim::settle), it gives the
/// request back: an answer that was refused may be sent again.
#[derive(Debug)]
pub struct Claim {
    book: Arc<Outstanding>,
    whose: Whose,
    id: Box<[u8]>,
    kind: ServerRequest,
    settled: AtomicBool,
}

impl Outstanding {
    /// A server request was let through to a client. One that is delivered again, by resumption,
    /// waits once.
    ///
    /// # Errors
    /// [`Full`]; the request must not be delivered then.
    pub fn register(
        &self,
        whose: &Whose,
        id: &[u8],
        kind: ServerRequest,
        now_s: u64,
    ) -> Result<(), Full> {
        let mut table = self.lock();
        if table.count >= OUTSTANDING_MAX {
            table.forget(now_s);
        }
        let Table { asked, count } = &mut *table;
        let own = asked.entry(whose.clone()).or_default();
        let before = own.len();
        own.retain(|other| other.waits(now_s) && *other.id != *id);
        *count = count.saturating_sub(before - own.len());
        if own.len() >= OUTSTANDING_PER_SESSION_MAX || *count >= OUTSTANDING_MAX {
            if own.is_empty() {
                asked.remove(whose);
            }
            return Err(Full);
        }
        own.push(Asked { id: id.into(), kind, at_s: now_s, claimed: false });
        *count += 1;
        Ok(())
    }

    /// The request that an answer with this id would answer; `None` when there is none, or when
    /// another answer to it is on its way.
    #[must_use]
    pub fn claim(self: &Arc<Self>, whose: &Whose, id: &[u8], now_s: u64) -> Option<Claim> {
        let mut table = self.lock();
        let own = table.asked.get_mut(whose)?;
        let asked = own.iter_mut().find(|asked| *asked.id == *id && !asked.claimed)?;
        if !asked.waits(now_s) {
            return None;
        }
        asked.claimed = true;
        Some(Claim {
            book: Arc::clone(self),
            whose: whose.clone(),
            id: id.into(),
            kind: asked.kind,
            settled: AtomicBool::new(false),
        })
    }

    /// A session has ended: nothing of it is awaited any more.
    pub fn end(&self, whose: &Whose) {
        let mut table = self.lock();
        let gone = table.asked.remove(whose).map_or(0, |own| own.len());
        table.count = table.count.saturating_sub(gone);
    }

    /// Forgets what nobody answered in time.
    pub fn sweep(&self, now_s: u64) {
        self.lock().forget(now_s);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().count
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn give_back(&self, whose: &Whose, id: &[u8], settled: bool) {
        let mut table = self.lock();
        let Table { asked, count } = &mut *table;
        let Some(own) = asked.get_mut(whose) else { return };
        let Some(at) = own.iter().position(|asked| *asked.id == *id && asked.claimed) else {
            return;
        };
        if !settled {
            if let Some(asked) = own.get_mut(at) {
                asked.claimed = false;
            }
            return;
        }
        own.swap_remove(at);
        *count = count.saturating_sub(1);
        if own.is_empty() {
            asked.remove(whose);
        }
    }

    /// Each critical section leaves a whole table behind, also when a thread panicked elsewhere.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn forget(&mut self, now_s: u64) {
        self.asked.retain(|_, own| {
            own.retain(|asked| asked.waits(now_s));
            !own.is_empty()
        });
        self.count = self.asked.values().map(Vec::len).sum();
    }
}

impl Asked {
    fn waits(&self, now_s: u64) -> bool {
        now_s.saturating_sub(self.at_s) < OUTSTANDING_S
    }
}

impl Claim {
    /// What the server had asked for.
    #[must_use]
    pub fn kind(&self) -> ServerRequest {
        self.kind
    }

    /// The answer goes to the server now: there is no second one.
    pub fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.book.give_back(&self.whose, &self.id, self.settled.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Full, Outstanding, Whose};
    use crate::config::ServerRequest::{Elicitation, Sampling};
    use crate::limits::{OUTSTANDING_MAX, OUTSTANDING_PER_SESSION_MAX, OUTSTANDING_S};
    use crate::principal::PrincipalKey;
    use crate::session::{Hash, Owner};

    fn whose(caller: u8, session: u16) -> Whose {
        let mut hash = [0; 16];
        hash[..2].copy_from_slice(&session.to_be_bytes());
        Whose {
            server: Arc::from("crm"),
            owner: Owner(PrincipalKey([caller; 16])),
            session: Some(Hash::of_bytes(hash)),
        }
    }

    #[test]
    fn p26_answer_fits_one_request_of_its_own_session_once() {
        let book = Arc::new(Outstanding::default());
        book.register(&whose(1, 1), b"7", Elicitation, 0).unwrap();
        assert!(book.claim(&whose(1, 1), b"\"7\"", 1).is_none(), "a string is not a number");
        assert!(book.claim(&whose(2, 1), b"7", 1).is_none(), "another caller");
        assert!(book.claim(&whose(1, 2), b"7", 1).is_none(), "another session");
        let claim = book.claim(&whose(1, 1), b"7", 1).unwrap();
        assert_eq!(claim.kind(), Elicitation);
        assert!(book.claim(&whose(1, 1), b"7", 1).is_none(), "two at once");
        claim.settle();
        drop(claim);
        assert!(book.claim(&whose(1, 1), b"7", 1).is_none(), "twice");
        assert!(book.is_empty());
    }

    #[test]
    fn refused_answer_may_be_sent_again() {
        let book = Arc::new(Outstanding::default());
        book.register(&whose(1, 1), b"7", Sampling, 0).unwrap();
        drop(book.claim(&whose(1, 1), b"7", 1).unwrap());
        assert!(book.claim(&whose(1, 1), b"7", 1).is_some());
    }

    #[test]
    fn request_that_is_delivered_again_waits_once() {
        let book = Arc::new(Outstanding::default());
        book.register(&whose(1, 1), b"7", Sampling, 0).unwrap();
        book.register(&whose(1, 1), b"7", Sampling, 5).unwrap();
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn request_waits_outstanding_s_and_no_longer() {
        let book = Arc::new(Outstanding::default());
        book.register(&whose(1, 1), b"7", Sampling, 10).unwrap();
        assert!(book.claim(&whose(1, 1), b"7", 10 + OUTSTANDING_S).is_none());
        book.sweep(10 + OUTSTANDING_S);
        assert!(book.is_empty());
    }

    #[test]
    fn outstanding_per_session_max_and_outstanding_max_hold() {
        let book = Arc::new(Outstanding::default());
        let per_session = u16::try_from(OUTSTANDING_PER_SESSION_MAX).unwrap();
        for id in 0..per_session {
            book.register(&whose(1, 1), &id.to_be_bytes(), Sampling, 0).unwrap();
        }
        assert_eq!(book.register(&whose(1, 1), b"more", Sampling, 0), Err(Full));
        let sessions = u16::try_from(OUTSTANDING_MAX / OUTSTANDING_PER_SESSION_MAX).unwrap();
        for session in 2..=sessions {
            for id in 0..per_session {
                book.register(&whose(1, session), &id.to_be_bytes(), Sampling, 0).unwrap();
            }
        }
        assert_eq!(book.register(&whose(2, 1), b"1", Sampling, 0), Err(Full));
        book.end(&whose(1, 1));
        assert_eq!(book.register(&whose(2, 1), b"1", Sampling, 0), Ok(()));
        assert!(book.register(&whose(3, 1), b"1", Sampling, OUTSTANDING_S).is_ok());
    }
}
