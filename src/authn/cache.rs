//! Remembers verified tokens, so that a signature is checked once and not on every call.
//!
//! Owns the map from tokens to principals. Guarantees (S-10): the key covers the whole token and
//! all facts under which it was accepted, so that a token which is good on one route says nothing
//! about another; the token itself is not kept; the number of entries is bounded. Whether an entry
//! still holds, by time and by the issuer's keys, is the caller's question.
//!
//! A general-purpose cache crate was measured: its lookup alone costs more than this whole hit.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::limits::TOKEN_CACHE_MAX;
use crate::principal::Principal;

/// Verified tokens.
pub struct TokenCache {
    /// Hashes tokens by GMAC under one fixed nonce. That is no way to authenticate messages; it
    /// is a keyed universal hash, and as its values never leave the process, two tokens collide
    /// with a probability below 2^-117, whoever chose them. It costs a sixth of SHA-256.
    hash: LessSafeKey,
    shards: Vec<Mutex<Shard>>,
    /// Entries of one half of one shard.
    half_max: usize,
}

/// The facts under which a route accepts tokens, as a digest: part of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Realm(pub [u8; 16]);

/// Where a token stands in the cache.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CacheKey {
    tag: [u8; 16],
    realm: [u8; 16],
}

/// What was proven by a token, and how long that counts.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// Seconds since the Unix epoch from which the token must be verified again.
    pub trusted_until_s: u64,
    /// Generation of the keys that verified it.
    pub generation: u64,
    /// Which of the route's issuers it is from.
    pub issuer: usize,
}

type Entries = HashMap<CacheKey, Remembered, BuildHasherDefault<TagHasher>>;

/// Two halves: an entry that is asked for moves to the young one; when that is full, the old one
/// is dropped whole. So what is in use stays, without a list to keep in order.
#[derive(Default)]
struct Shard {
    young: Entries,
    old: Entries,
}

impl TokenCache {
    /// An empty cache with a fresh key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, Unspecified> {
        Self::with_capacity(usize::try_from(TOKEN_CACHE_MAX).unwrap_or(usize::MAX))
    }

    fn with_capacity(entries: usize) -> Result<Self, Unspecified> {
        let mut key = [0; 16];
        SystemRandom::new().fill(&mut key)?;
        Ok(Self {
            hash: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            half_max: (entries / SHARDS / 2).max(1),
        })
    }

    /// Where `token` stands under `realm`. `None` if hashing fails: it is then not cached.
    #[must_use]
    pub fn key(&self, realm: Realm, token: &[u8]) -> Option<CacheKey> {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = self.hash.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).ok()?;
        Some(CacheKey { tag: tag.as_ref().try_into().ok()?, realm: realm.0 })
    }

    /// What is remembered of a token.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Remembered> {
        let mut shard = self.shard(key)?;
        if let Some(found) = shard.young.get(key) {
            return Some(found.clone());
        }
        let found = shard.old.remove(key)?;
        shard.keep(*key, found.clone(), self.half_max);
        Some(found)
    }

    /// Remembers a verified token.
    pub fn insert(&self, key: CacheKey, entry: Remembered) {
        if let Some(mut shard) = self.shard(&key) {
            shard.old.remove(&key);
            shard.keep(key, entry, self.half_max);
        }
    }

    /// Forgets a token.
    pub fn remove(&self, key: &CacheKey) {
        if let Some(mut shard) = self.shard(key) {
            shard.young.remove(key);
            shard.old.remove(key);
        }
    }

    /// Forgets what is no longer trusted at `now_s`, so that nobody's facts lie about.
    pub fn sweep(&self, now_s: u64) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.young.retain(|_, entry| entry.trusted_until_s > now_s);
            shard.old.retain(|_, entry| entry.trusted_until_s > now_s);
        }
    }

    /// Tokens remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(lock).map(|s| s.young.len().saturating_add(s.old.len())).sum()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &CacheKey) -> Option<MutexGuard<'_, Shard>> {
        let [.., last] = key.tag;
        self.shards.get(usize::from(last) % SHARDS).map(lock)
    }
}

impl Shard {
    fn keep(&mut self, key: CacheKey, entry: Remembered, half_max: usize) {
        if self.young.len() >= half_max && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic cannot leave a map half-written; at worst an entry is missing.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.tag;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Takes the tag as it is: it is a keyed hash already, so nobody can steer entries together.
#[derive(Default)]
pub(super) struct TagHasher(u64);

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Parts of the cache with a lock each: far more than there are worker threads.
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Realm, Remembered, SHARDS, TOKEN_CACHE_MAX, TokenCache};
    use crate::principal::{AuthMethod, Principal};

    const A: Realm = Realm([1; 16]);
    const B: Realm = Realm([2; 16]);

    fn remembered(trusted_until_s: u64) -> Remembered {
        let principal = Principal::new(AuthMethod::Bearer, Arc::from("i"), Arc::from("s"));
        let principal = Arc::new(principal);
        Remembered { principal, trusted_until_s, generation: 0, issuer: 0 }
    }

    #[test]
    fn token_is_remembered_under_its_realm_only() {
        let cache = TokenCache::new().unwrap();
        cache.insert(cache.key(A, b"token").unwrap(), remembered(9));
        assert!(cache.get(&cache.key(A, b"token").unwrap()).is_some());
        assert!(cache.get(&cache.key(B, b"token").unwrap()).is_none());
        assert!(cache.get(&cache.key(A, b"tokem").unwrap()).is_none());
        assert!(cache.get(&cache.key(A, b"token2").unwrap()).is_none());
    }

    #[test]
    fn two_processes_hash_the_same_token_differently() {
        let (one, two) = (TokenCache::new().unwrap(), TokenCache::new().unwrap());
        assert!(one.key(A, b"token") == one.key(A, b"token"));
        assert!(one.key(A, b"token") != two.key(A, b"token"));
    }

    #[test]
    fn capacity_is_the_bound_of_the_table() {
        let most = TokenCache::new().unwrap().half_max * 2 * SHARDS;
        let bound = usize::try_from(TOKEN_CACHE_MAX).unwrap();
        assert!(most <= bound && most > bound * 9 / 10, "{most}");
    }

    #[test]
    fn cache_never_grows_beyond_its_capacity() {
        let capacity = SHARDS * 2 * 3;
        let cache = TokenCache::with_capacity(capacity).unwrap();
        for n in 0..10_000_u32 {
            cache.insert(cache.key(A, &n.to_be_bytes()).unwrap(), remembered(9));
            assert!(cache.len() <= capacity);
        }
        assert!(cache.len() > capacity / 3);
    }

    #[test]
    fn entry_in_use_outlives_entries_that_are_not() {
        let cache = TokenCache::with_capacity(SHARDS * 2 * 3).unwrap();
        let used = cache.key(A, b"used").unwrap();
        let unused = cache.key(A, b"unused").unwrap();
        cache.insert(used, remembered(9));
        cache.insert(unused, remembered(9));
        for n in 0..10_000_u32 {
            cache.insert(cache.key(A, &n.to_be_bytes()).unwrap(), remembered(9));
            assert!(cache.get(&used).is_some());
        }
        assert!(cache.get(&unused).is_none());
    }

    #[test]
    fn removed_and_swept_entries_are_gone() {
        let cache = TokenCache::new().unwrap();
        let [a, b, c] = [b"a", b"b", b"c"].map(|t| cache.key(A, t).unwrap());
        cache.insert(a, remembered(100));
        cache.insert(b, remembered(50));
        cache.insert(c, remembered(100));
        cache.remove(&c);
        cache.sweep(50);
        assert!(cache.get(&a).is_some());
        assert!(cache.get(&b).is_none() && cache.get(&c).is_none());
        assert_eq!(cache.len(), 1);
    }
}
