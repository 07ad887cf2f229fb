//! Who may no longer call, although their credentials still verify.
//!
//! Owns the revocations in force ([`Revocations`]), their stores (a watched file, Redis, this
//! process's memory) and the desk at which operators revoke ([`Desk`]). Assumes that callers were
//! authenticated before they are asked about. Guarantees (S-10, S-62):
//!
//! - A change counts for the next request at once and wakes every open stream; between a store's
//!   change and its effect here lie at most its interval (a quarter of a second) and its answer.
//! - A store that cannot be read, that holds a line which cannot be read, or that was never read,
//!   refuses everybody, unless `on_unreadable: last_known` says that what was read before may
//!   count for longer. What was never read refuses in both cases.
//! - Entries count until they expire or are undone, and no longer; their number is bounded.
//! - A Redis that comes back empty or rolled back frees nobody: what is known here is written back.

mod desk;
mod entry;
mod file;
mod record;
mod redis;
mod table;
#[cfg(test)]
mod tests;
mod wake;

pub use desk::{Desk, DeskError, Revoked, Undone};
pub use entry::{Change, Entry, Kind, LineError, time, token_value};
pub use file::{FileStore, Follower, Reading, append, read_whole};
pub use redis::RedisStore;
pub use table::{Full, Store};
pub use wake::Wake;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::OnUnreadable;
use crate::limits::REVOCATIONS_MAX;
use crate::principal::{AuthMethod, Principal};
use desk::Hand;
use table::{Changed, Mark, Table};

/// The revocations in force.
#[derive(Debug)]
pub struct Revocations {
    clock: Clock,
    on_unreadable: OnUnreadable,
    table: Table,
    stores: Mutex<Vec<StoreState>>,
    /// A store does not say who is revoked: nobody may call.
    shut: AtomicBool,
    refused: AtomicU64,
    /// Moves at each change.
    generation: watch::Sender<u64>,
    /// Hashes of sessions that were revoked and have not been ended yet.
    sessions: Mutex<Vec<Box<str>>>,
    /// What the desk changes: it makes the audit records of that.
    in_hand: Mutex<Hand>,
}

/// How a store is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreState {
    /// Which one.
    pub store: Store,
    /// When it was last read whole and sound, seconds since the Unix epoch.
    pub last_read_s: Option<u64>,
    /// Why it cannot be read now.
    pub fault: Option<String>,
}

/// Why a caller may not call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The caller is revoked.
    Revoked {
        /// By which entry.
        id: Box<str>,
        /// By which of its names.
        kind: Kind,
    },
    /// Nobody knows.
    Unreadable,
}

impl Revocations {
    /// Nobody is revoked yet. Each of `stores` has to be read before anybody may call.
    #[must_use]
    pub fn new(clock: Clock, on_unreadable: OnUnreadable, stores: &[Store]) -> Arc<Self> {
        let unread = |store: &Store| StoreState {
            store: *store,
            last_read_s: None,
            fault: Some("it was not read yet".into()),
        };
        Arc::new(Self {
            clock,
            on_unreadable,
            table: Table::default(),
            stores: Mutex::new(stores.iter().map(unread).collect()),
            shut: AtomicBool::new(!stores.is_empty()),
            refused: AtomicU64::new(0),
            generation: watch::Sender::new(0),
            sessions: Mutex::default(),
            in_hand: Mutex::default(),
        })
    }

    /// Without a store: only what this process was told itself.
    #[must_use]
    pub fn without_stores(clock: Clock) -> Arc<Self> {
        Self::new(clock, OnUnreadable::Deny, &[])
    }

    /// Whether this caller may call now.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn judge(&self, principal: &Principal) -> Result<(), Refused> {
        self.open()?;
        if self.table.is_empty() {
            return Ok(());
        }
        let now_s = self.clock.unix_s();
        let counts = |entry: &Entry| entry.holds(principal, now_s);
        let find = |kind: Kind, value: Option<&str>| self.table.find(kind, value?, counts);
        let found = find(Kind::Token, principal.token_id_hash.as_deref())
            .or_else(|| find(Kind::Subject, Some(&principal.subject)))
            .or_else(|| find(Kind::Client, principal.client_id.as_deref()))
            .or_else(|| find(Kind::Session, principal.session.as_deref()))
            .or_else(|| find(Kind::Issuer, Some(&principal.issuer)))
            .or_else(|| self.table.key_of(principal, counts));
        found.map_or(Ok(()), |entry| Err(self.refuse(&entry)))
    }

    /// Whether a session of this gateway, by the hash that records show, may go on.
    ///
    /// # Errors
    /// [`Refused::Revoked`]; an unreadable store is [`Revocations::judge`]'s matter.
    pub fn judge_session(&self, hash: &str) -> Result<(), Refused> {
        let now_s = self.clock.unix_s();
        let found = self.table.find(Kind::Session, hash, |entry| !entry.has_expired(now_s));
        found.map_or(Ok(()), |entry| Err(self.refuse(&entry)))
    }

    /// What wakes a stream when somebody is revoked.
    #[must_use]
    pub fn wake(&self) -> Wake {
        Wake::of(self.generation.subscribe())
    }

    /// How many changes there were.
    #[must_use]
    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// How each store is doing.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreState> {
        self.lock().clone()
    }

    /// Entries of a kind, expired ones that were not swept yet among them.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.table.count(kind)
    }

    /// How often somebody was refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Hashes of sessions that were revoked since the last call: they are to be ended.
    #[must_use]
    pub fn take_sessions(&self) -> Vec<Box<str>> {
        std::mem::take(&mut self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what has expired; called on a timer.
    pub fn sweep(&self) {
        self.table.sweep(self.clock.unix_s());
    }

    /// A store was read: its changes count. With a mark they are all there was in it then.
    ///
    /// # Errors
    /// [`Full`]: the store then counts as unreadable.
    fn took(
        &self,
        store: Store,
        changes: Vec<Change>,
        whole: Option<Mark>,
    ) -> Result<Changed, Full> {
        let taken = match whole {
            Some(mark) => self.table.replace(store, in_force(changes, self.clock.unix_s()), mark),
            None => self.take_steps(store, changes),
        };
        match &taken {
            Ok(changed) => {
                self.remember_sessions(changed);
                self.readable(store, !changed.is_empty());
            }
            Err(full) => self.unreadable(store, full.to_string()),
        }
        taken
    }

    fn take_steps(&self, store: Store, changes: Vec<Change>) -> Result<Changed, Full> {
        let now_s = self.clock.unix_s();
        let mut all = Changed::default();
        for change in changes {
            let mut one = match change {
                Change::Add(entry) if entry.has_expired(now_s) => continue,
                Change::Add(entry) => self.table.add(store, *entry)?,
                Change::Undo { id, by: _ } => self.table.remove(store, &id),
            };
            all.added.append(&mut one.added);
            all.removed.append(&mut one.removed);
        }
        Ok(all)
    }

    fn remember_sessions(&self, changed: &Changed) {
        let sessions = changed.added.iter().filter(|entry| entry.kind == Kind::Session);
        let mut waiting = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let room = REVOCATIONS_MAX.saturating_sub(waiting.len());
        waiting.extend(sessions.take(room).map(|entry| entry.value.clone()));
    }

    /// As long as this lives somebody follows the store.
    fn followed(self: &Arc<Self>, store: Store, stop: &CancellationToken) -> Followed {
        Followed { revocations: Arc::clone(self), store, stop: stop.clone() }
    }

    /// A store was read and is sound.
    fn readable(&self, store: Store, changed: bool) {
        let now_s = self.clock.unix_s();
        let mut recovered = false;
        for state in self.lock().iter_mut().filter(|state| state.store == store) {
            recovered |= state.fault.take().is_some() && state.last_read_s.is_some();
            state.last_read_s = Some(now_s);
        }
        if recovered {
            tracing::info!(store = store.name(), "revocations can be read again");
        }
        self.reconsider(changed);
    }

    /// A store cannot be read, or what it holds cannot be.
    fn unreadable(&self, store: Store, why: String) {
        let mut news = false;
        for state in self.lock().iter_mut().filter(|state| state.store == store) {
            news |= state.fault.as_ref() != Some(&why);
            state.fault = Some(why.clone());
        }
        if news {
            let store = store.name();
            tracing::error!(store, why, "revocations cannot be read");
        }
        self.reconsider(false);
    }

    /// Whether anybody may call at all; wakes every stream when that, or an entry, has changed.
    fn reconsider(&self, changed: bool) {
        let shut = self.lock().iter().any(|state| match self.on_unreadable {
            OnUnreadable::Deny => state.fault.is_some(),
            OnUnreadable::LastKnown => state.last_read_s.is_none(),
        });
        let turned = self.shut.swap(shut, Ordering::AcqRel) != shut;
        if changed || turned {
            self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
        }
    }

    fn open(&self) -> Result<(), Refused> {
        if self.shut.load(Ordering::Acquire) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Refused::Unreadable);
        }
        Ok(())
    }

    fn refuse(&self, entry: &Entry) -> Refused {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Refused::Revoked { id: entry.id.clone(), kind: entry.kind }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<StoreState>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// An entry for one of the keys that this caller proved.
    fn key_of(&self, principal: &Principal, counts: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        if self.count(Kind::Key) == 0 {
            return None;
        }
        let certificate = principal.certificate.as_ref().map(|c| c.fingerprint.as_str());
        // The id of an API key stands where a token has its client.
        let api_key = principal.client_id.as_deref();
        let api_key = api_key.filter(|_| principal.method == AuthMethod::ApiKey);
        let bound = principal.confirmation;
        let hashes = [bound.and_then(|b| b.dpop_key), bound.and_then(|b| b.certificate)];
        let bound = hashes.map(|hash| hash.map(|hash| URL_SAFE_NO_PAD.encode(hash)));
        let bound = bound.iter().filter_map(|key| key.as_deref());
        let keys = certificate.into_iter().chain(api_key).chain(bound);
        keys.filter_map(|key| self.find(Kind::Key, key, &counts)).next()
    }
}

/// Says that a store is unreadable when whoever follows it is gone, for whatever reason: otherwise
/// what was read last would count for ever.
struct Followed {
    revocations: Arc<Revocations>,
    store: Store,
    stop: CancellationToken,
}

impl Drop for Followed {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            self.revocations.unreadable(self.store, "it is not followed any more".into());
        }
    }
}

/// What is left of a store's steps from its beginning.
#[must_use]
pub fn in_force(changes: Vec<Change>, now_s: u64) -> Vec<Entry> {
    let mut left = std::collections::HashMap::new();
    for change in changes {
        match change {
            Change::Add(entry) => drop(left.insert(entry.id.clone(), *entry)),
            Change::Undo { id, by: _ } => drop(left.remove(&id)),
        }
    }
    left.into_values().filter(|entry| !entry.has_expired(now_s)).collect()
}
