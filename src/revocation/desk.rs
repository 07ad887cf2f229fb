//! Where operators revoke: checks what they order, makes it durable, puts it into force, records
//! it.
//!
//! Assumes that the one who orders was authenticated. Guarantees: a revocation takes effect here
//! even where its store or the audit trail fails, and the answer says so; undoing one, which lets
//! somebody in again, happens only once it is recorded, and in every store that holds it.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::entry::{Change, Entry, LineError};
use super::record::{self, Phase};
use super::redis::{self, Written};
use super::table::Store;
use super::{Kind, Revocations, StoreState, file};
use crate::audit::Log;
use crate::clock::Clock;
use crate::limits::{AUDIT_WAIT_MS, REVOCATION_HANDS_MAX, REVOCATIONS_LISTED_MAX};
use crate::shared_state::SharedState;

/// The desk of one gateway.
#[derive(Debug)]
pub struct Desk {
    revocations: Arc<Revocations>,
    file: Option<PathBuf>,
    redis: Option<SharedState>,
    log: Log,
    clock: Clock,
}

/// Why an order was not carried out, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The order is not one.
    #[error("this is not a revocation: {0}")]
    Order(#[from] LineError),
    /// There is no room.
    #[error(transparent)]
    Full(#[from] super::Full),
    /// It is in force in this process, and nowhere else.
    #[error("it is in force here, but not stored: a restart and other replicas do not know it")]
    NotStored(Arc<Entry>),
    /// It was not undone: the store cannot be written.
    #[error("it was not undone: its store cannot be written")]
    NotUndone,
    /// It was not undone: the audit trail cannot be written.
    #[error("it was not undone: the audit record cannot be written")]
    NotRecorded,
}

/// A revocation in force.
#[derive(Debug)]
pub struct Revoked {
    /// The entry.
    pub entry: Arc<Entry>,
    /// Where it is kept.
    pub store: Store,
    /// Whether its audit record is durable.
    pub recorded: bool,
}

/// What became of an order to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// It is undone.
    Yes,
    /// There is no such revocation.
    Unknown,
}

impl Desk {
    /// The desk in front of these stores. New entries go to Redis where there is one, else to the
    /// file.
    #[must_use]
    pub fn new(
        revocations: Arc<Revocations>,
        file: Option<PathBuf>,
        redis: Option<SharedState>,
        log: Log,
    ) -> Self {
        let clock = revocations.clock.clone();
        Self { revocations, file, redis, log, clock }
    }

    /// Revokes what `order`, one JSON object, names.
    ///
    /// # Errors
    /// See [`DeskError`]; after [`DeskError::NotStored`] it is in force all the same.
    pub async fn revoke(&self, order: &[u8]) -> Result<Revoked, DeskError> {
        let entry = Entry::ordered(order, self.clock.unix_s())?;
        let _in_hand = self.revocations.take_in_hand(&entry.id);
        let add = || Change::Add(Box::new(entry.clone()));
        // First of all it takes effect; stores may be slow.
        self.revocations.told(Store::Memory, add())?;
        let (store, stored) = self.store(&entry).await;
        if stored && store != Store::Memory {
            self.revocations.told(store, add())?;
            let undo = Change::Undo { id: entry.id.clone(), by: None };
            self.revocations.told(Store::Memory, undo)?;
        }
        let entry = Arc::new(entry);
        let recorded = self.record(Phase::Revoked, &entry, entry.by.as_deref()).await;
        if !recorded {
            tracing::error!(id = &*entry.id, "a revocation is in force without its audit record");
        }
        if !stored {
            return Err(DeskError::NotStored(entry));
        }
        Ok(Revoked { entry, store, recorded })
    }

    /// Undoes a revocation; `by` is who says so.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn undo(&self, id: &str, by: Option<&str>) -> Result<Undone, DeskError> {
        let held = self.revocations.table.stores_of(id);
        let Some((_, entry)) = held.first() else { return Ok(Undone::Unknown) };
        let _in_hand = self.revocations.take_in_hand(id);
        if !self.record(Phase::Undone, entry, by).await {
            return Err(DeskError::NotRecorded);
        }
        for (store, _) in &held {
            let change = Change::Undo { id: id.into(), by: by.map(Box::from) };
            let done = match (store, &self.file, &self.redis) {
                (Store::Memory, _, _) => true,
                (Store::File, Some(path), _) => append(path.clone(), change.clone()).await,
                (Store::Redis, _, Some(redis)) => redis::remove(redis, id).await.is_ok(),
                (Store::File | Store::Redis, _, _) => false,
            };
            if !done {
                return Err(DeskError::NotUndone);
            }
            self.revocations.told(*store, change)?;
        }
        Ok(Undone::Yes)
    }

    /// The revocations in force, newest first, at most [`REVOCATIONS_LISTED_MAX`]; and how many
    /// there are.
    #[must_use]
    pub fn list(&self) -> (Vec<(Store, Arc<Entry>)>, usize) {
        self.revocations.table.list(REVOCATIONS_LISTED_MAX)
    }

    /// How the stores are doing.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreState> {
        self.revocations.stores()
    }

    /// Makes it durable; where, and whether that succeeded.
    async fn store(&self, entry: &Entry) -> (Store, bool) {
        match (&self.redis, &self.file) {
            (Some(redis), _) => {
                let written = redis::put(redis, entry, self.clock.unix_s()).await;
                if let Err(error) = &written {
                    tracing::error!(%error, "a revocation could not be stored");
                }
                (Store::Redis, written == Ok(Written::Yes))
            }
            (None, Some(path)) => {
                let change = Change::Add(Box::new(entry.clone()));
                (Store::File, append(path.clone(), change).await)
            }
            (None, None) => (Store::Memory, true),
        }
    }

    async fn record(&self, phase: Phase, entry: &Entry, by: Option<&str>) -> bool {
        let line = record::line(&self.clock, phase, "admin", entry, by);
        let wait = Duration::from_millis(AUDIT_WAIT_MS);
        self.log.append_durable(line, wait).await.is_ok()
    }
}

impl Revocations {
    /// A change that was made here; its store does not have to be read for it.
    fn told(&self, store: Store, change: Change) -> Result<(), super::Full> {
        let changed = self.take_steps(store, vec![change])?;
        self.remember_sessions(&changed);
        self.reconsider(!changed.is_empty());
        Ok(())
    }

    fn take_in_hand(&self, id: &str) -> InHand<'_> {
        self.hand().now.insert(id.into());
        InHand { revocations: self, id: id.into() }
    }

    /// To be asked before a store is looked at: from when on the desk's own changes may be among
    /// what is found there.
    pub(super) fn begin_look(&self) -> Since {
        Since(self.hand().let_go)
    }

    /// Whether the desk changes this entry, or did since.
    pub(super) fn was_in_hand(&self, id: &str, since: Since) -> bool {
        let hand = self.hand();
        hand.now.contains(id)
            || hand.late.iter().any(|(number, late)| *number >= since.0 && **late == *id)
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries in force by kind, for metrics.
    #[must_use]
    pub fn counts(&self) -> [(Kind, usize); Kind::ALL.len()] {
        Kind::ALL.map(|kind| (kind, self.count(kind)))
    }
}

/// What the desk changes now, and what it let go of late.
#[derive(Debug, Default)]
pub(super) struct Hand {
    now: HashSet<Box<str>>,
    /// Numbered in the order in which they were let go.
    late: VecDeque<(u64, Box<str>)>,
    let_go: u64,
}

/// How many entries the desk had let go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since(u64);

/// Gives an entry back when it is dropped.
struct InHand<'r> {
    revocations: &'r Revocations,
    id: Box<str>,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let mut hand = self.revocations.hand();
        hand.now.remove(&self.id);
        let number = hand.let_go;
        hand.let_go = number.saturating_add(1);
        if hand.late.len() >= REVOCATION_HANDS_MAX {
            hand.late.pop_front();
        }
        hand.late.push_back((number, self.id.clone()));
    }
}

async fn append(path: PathBuf, change: Change) -> bool {
    let written = tokio::task::spawn_blocking(move || file::append(&path, &change)).await;
    match written {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the file of revocations cannot be written");
            false
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::REVOCATION_HANDS_MAX;
    use crate::clock::Clock;
    use crate::revocation::Revocations;

    #[test]
    fn change_by_order_is_known_to_every_look_that_began_before_its_end() {
        let revocations = Revocations::without_stores(Clock::system());
        let before = revocations.begin_look();
        assert!(!revocations.was_in_hand("a", before));
        let held = revocations.take_in_hand("a");
        let during = revocations.begin_look();
        assert!(revocations.was_in_hand("a", before) && revocations.was_in_hand("a", during));
        drop(held);
        let after = revocations.begin_look();
        assert!(revocations.was_in_hand("a", before) && revocations.was_in_hand("a", during));
        assert!(!revocations.was_in_hand("a", after) && !revocations.was_in_hand("b", before));
        for n in 0..REVOCATION_HANDS_MAX {
            drop(revocations.take_in_hand(&n.to_string()));
        }
        assert!(!revocations.was_in_hand("a", before) && revocations.was_in_hand("0", before));
    }
}
