//! Tokens that were refused a moment ago, so that nobody is asked about them again at once.
//!
//! Guarantees that their number is bounded, and that nothing of a token is kept.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::cache::{CacheKey, TagHasher};
use super::super::error::TokenError;

/// Refused tokens. Two halves, as in the cache of accepted ones: when the young one is full, the
/// old one is dropped whole.
pub(super) struct Refused {
    halves: Mutex<[Half; 2]>,
    half_max: usize,
}

type Half = HashMap<CacheKey, (u64, TokenError), BuildHasherDefault<TagHasher>>;

impl Refused {
    pub(super) fn new(tokens_max: usize) -> Self {
        Self { halves: Mutex::default(), half_max: (tokens_max / 2).max(1) }
    }

    /// Why the token is refused at `now_s`, if that is still known.
    pub(super) fn get(&self, key: &CacheKey, now_s: u64) -> Option<TokenError> {
        let halves = self.lock();
        let found = halves.iter().find_map(|half| half.get(key));
        found.filter(|(until_s, _)| now_s < *until_s).map(|(_, why)| why.clone())
    }

    pub(super) fn insert(&self, key: CacheKey, until_s: u64, why: TokenError) {
        let mut halves = self.lock();
        let [young, old] = &mut *halves;
        if young.len() >= self.half_max {
            *old = mem::take(young);
        }
        old.remove(&key);
        young.insert(key, (until_s, why));
    }

    pub(super) fn sweep(&self, now_s: u64) {
        for half in &mut *self.lock() {
            half.retain(|_, (until_s, _)| now_s < *until_s);
        }
    }

    /// Tokens that are remembered now.
    pub(super) fn len(&self) -> usize {
        self.lock().iter().map(HashMap::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, [Half; 2]> {
        // A panic cannot leave a map half-written.
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("len", &self.len()).finish_non_exhaustive()
    }
}
