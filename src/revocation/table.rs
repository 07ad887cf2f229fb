//! Who is revoked, for quick questions.
//!
//! Owns the entries of all stores. Guarantees: a question costs a few hash lookups, and one load
//! where nothing of a kind is revoked; when all entries of a store are replaced, the new ones
//! count before the old ones go, so that nobody slips through between; at most
//! [`REVOCATIONS_MAX`] entries are held.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::entry::{Entry, Kind};
use crate::limits::REVOCATIONS_MAX;

/// Which store an entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    /// The watched file.
    File,
    /// Redis.
    Redis,
    /// This process alone: no store is configured, or it could not be written.
    Memory,
}

impl Store {
    /// The name in records and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Redis => "redis",
            Self::Memory => "memory",
        }
    }
}

/// There is no room for another entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {REVOCATIONS_MAX} revocations")]
pub struct Full;

/// What a change did.
#[derive(Debug, Default)]
pub struct Changed {
    /// Entries that count now and did not before.
    pub added: Vec<Arc<Entry>>,
    /// Entries that count no longer.
    pub removed: Vec<Arc<Entry>>,
}

impl Changed {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// The entries.
#[derive(Debug, Default)]
pub struct Table {
    /// All entries by store and id; whoever changes anything holds it.
    all: Mutex<Entries>,
    /// Counts additions, so that a reading knows what came after it began.
    added: AtomicU64,
    shards: [Shard; Kind::ALL.len()],
}

type Entries = HashMap<(Store, Box<str>), Held>;

/// One of the entries with the same value.
type Same = (Store, Arc<Entry>);

#[derive(Debug)]
struct Held {
    entry: Arc<Entry>,
    /// Which addition it was.
    number: u64,
}

/// A moment of the table: what was added later is not judged by a reading that began before.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

/// The entries of one kind by their value. Few values have more than one.
#[derive(Debug, Default)]
struct Shard {
    count: AtomicUsize,
    by_value: RwLock<HashMap<Box<str>, Vec<Same>>>,
}

impl Table {
    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.count.load(Ordering::Acquire) == 0)
    }

    /// How many entries of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.shard(kind).map_or(0, |shard| shard.count.load(Ordering::Acquire))
    }

    /// The first entry with this value that `counts`.
    #[must_use]
    pub fn find(
        &self,
        kind: Kind,
        value: &str,
        counts: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<Entry>> {
        let shard = self.shard(kind)?;
        if shard.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let by_value = shard.by_value.read().unwrap_or_else(PoisonError::into_inner);
        let (_, entry) = by_value.get(value)?.iter().find(|(_, entry)| counts(entry))?;
        Some(Arc::clone(entry))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Full`].
    pub fn add(&self, store: Store, entry: Entry) -> Result<Changed, Full> {
        let mut changed = Changed::default();
        self.put(&mut self.lock(), store, entry, &mut changed)?;
        Ok(changed)
    }

    /// Removes an entry.
    pub fn remove(&self, store: Store, id: &str) -> Changed {
        let mut changed = Changed::default();
        let mut all = self.lock();
        if let Some(held) = all.remove(&(store, id.into())) {
            self.forget(store, &held.entry);
            changed.removed.push(held.entry);
        }
        changed
    }

    /// This moment.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.added.load(Ordering::Acquire))
    }

    /// Makes `entries`, of a reading that began at `mark`, all there is of a store, and what was
    /// added since.
    ///
    /// # Errors
    /// [`Full`]: then everything that was there is there still, and some of the new.
    pub fn replace(&self, store: Store, entries: Vec<Entry>, mark: Mark) -> Result<Changed, Full> {
        let mut changed = Changed::default();
        let mut all = self.lock();
        let keep: HashSet<Box<str>> = entries.iter().map(|entry| entry.id.clone()).collect();
        for entry in entries {
            self.put(&mut all, store, entry, &mut changed)?;
        }
        all.retain(|(of, id), held| {
            let stays = *of != store || keep.contains(id) || held.number > mark.0;
            if !stays {
                self.forget(store, &held.entry);
                changed.removed.push(Arc::clone(&held.entry));
            }
            stays
        });
        Ok(changed)
    }

    /// Forgets what has expired.
    pub fn sweep(&self, now_s: u64) {
        self.lock().retain(|(store, _), held| {
            let over = held.entry.has_expired(now_s);
            if over {
                self.forget(*store, &held.entry);
            }
            !over
        });
    }

    /// Every entry with its store, newest first, at most `max`; and how many there are.
    #[must_use]
    pub fn list(&self, max: usize) -> (Vec<(Store, Arc<Entry>)>, usize) {
        let mut all: Vec<_> =
            self.lock().iter().map(|((store, _), h)| (*store, Arc::clone(&h.entry))).collect();
        let count = all.len();
        all.sort_unstable_by(|(_, a), (_, b)| (b.at_s, &b.id).cmp(&(a.at_s, &a.id)));
        all.truncate(max);
        (all, count)
    }

    /// Every entry of a store that was there at `mark`.
    #[must_use]
    pub fn of(&self, store: Store, mark: Mark) -> Vec<Arc<Entry>> {
        let all = self.lock();
        let there = all.iter().filter(|((of, _), held)| *of == store && held.number <= mark.0);
        there.map(|(_, held)| Arc::clone(&held.entry)).collect()
    }

    /// The stores that hold an id.
    #[must_use]
    pub fn stores_of(&self, id: &str) -> Vec<(Store, Arc<Entry>)> {
        let all = self.lock();
        let held = |store: Store| Some((store, Arc::clone(&all.get(&(store, id.into()))?.entry)));
        [Store::File, Store::Redis, Store::Memory].into_iter().filter_map(held).collect()
    }

    fn put(
        &self,
        all: &mut Entries,
        store: Store,
        entry: Entry,
        changed: &mut Changed,
    ) -> Result<(), Full> {
        let key = (store, entry.id.clone());
        let known = all.get(&key);
        if known.is_some_and(|known| *known.entry == entry) {
            return Ok(());
        }
        if known.is_none() && all.len() >= REVOCATIONS_MAX {
            return Err(Full);
        }
        let entry = Arc::new(entry);
        if let Some(shard) = self.shard(entry.kind) {
            let mut by_value = shard.by_value.write().unwrap_or_else(PoisonError::into_inner);
            by_value.entry(entry.value.clone()).or_default().push((store, Arc::clone(&entry)));
            shard.count.fetch_add(1, Ordering::AcqRel);
        }
        let number = self.added.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if let Some(old) = all.insert(key, Held { entry: Arc::clone(&entry), number }) {
            self.forget(store, &old.entry);
            changed.removed.push(old.entry);
        }
        changed.added.push(entry);
        Ok(())
    }

    /// Takes an entry out of its shard.
    fn forget(&self, store: Store, entry: &Arc<Entry>) {
        let Some(shard) = self.shard(entry.kind) else { return };
        let mut by_value = shard.by_value.write().unwrap_or_else(PoisonError::into_inner);
        let Some(same) = by_value.get_mut(&entry.value) else { return };
        let before = same.len();
        same.retain(|(of, other)| *of != store || !Arc::ptr_eq(other, entry));
        shard.count.fetch_sub(before.saturating_sub(same.len()), Ordering::AcqRel);
        if same.is_empty() {
            by_value.remove(&entry.value);
        }
    }

    fn shard(&self, kind: Kind) -> Option<&Shard> {
        self.shards.get(kind as usize)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
