//! A bounded memory in two halves: what is asked for moves to the young one; when that is full, the
//! old one is dropped whole. So what is in use stays, without a list to keep in order.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

/// Remembers at most twice `half_max` values a shard. Keys may be chosen by callers: the hash has
/// a key of its own.
pub struct Memo<K, V> {
    shards: Vec<Mutex<Halves<K, V>>>,
    half_max: usize,
    hasher: RandomState,
}

struct Halves<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// For at most `entries` values.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        let halves = || Mutex::new(Halves { young: HashMap::new(), old: HashMap::new() });
        Self {
            shards: (0..SHARDS).map(|_| halves()).collect(),
            half_max: (entries / SHARDS / 2).max(1),
            hasher: RandomState::new(),
        }
    }

    /// What is remembered under a key, or what `make` makes of it; that is remembered.
    ///
    /// Two who ask at once may both make it: no lock is held meanwhile.
    pub fn of(&self, key: K, make: impl FnOnce() -> V) -> V {
        let hash = self.hasher.hash_one(&key);
        let at = usize::try_from(hash % (SHARDS as u64)).unwrap_or_default();
        let Some(shard) = self.shards.get(at) else { return make() };
        let lock = || shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(&key, self.half_max) {
            return found;
        }
        let made = make();
        lock().keep(key, made.clone(), self.half_max);
        made
    }
}

impl<K: Eq + Hash, V: Clone> Halves<K, V> {
    fn get(&mut self, key: &K, half_max: usize) -> Option<V> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.keep(key, value.clone(), half_max);
        Some(value)
    }

    fn keep(&mut self, key: K, value: V, half_max: usize) {
        if self.young.len() >= half_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

impl<K, V> fmt::Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo(..)")
    }
}

/// Whoever asks waits for a shard only.
const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::Memo;

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_used_stays() {
        let memo: Memo<String, usize> = Memo::new(64);
        let ask = |n: usize| memo.of(n.to_string(), || n);
        assert_eq!(ask(7), 7);
        for n in 100..10_000 {
            assert_eq!(ask(n), n);
            assert_eq!(memo.of("7".into(), || 0), 7, "in use");
        }
        let held: usize = memo
            .shards
            .iter()
            .map(|s| {
                let s = s.lock().unwrap();
                s.young.len() + s.old.len()
            })
            .sum();
        assert!(held <= 64 + super::SHARDS * 2, "{held}");
    }
}
