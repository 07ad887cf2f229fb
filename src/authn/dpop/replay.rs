//! Proofs that were used: none counts twice (RFC 9449 section 11.1).
//!
//! Owns the memory of this process and, where there is a Redis, the one that replicas share.
//! Guarantees (S-08) that of two uses of one proof at most one is the first, however they race and
//! wherever they arrive; that the memory is bounded; and that a proof is refused when the memory is
//! full or cannot be asked, or when the proof may have been used before the memory began. Assumes
//! that Redis keeps what it was told: one that forgets frees proofs at the replicas that did not
//! see them, never at the one that did.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::{DPOP_REPLAY_BUCKET_S, DPOP_REPLAY_MAX, DPOP_REPLAY_SHARDS, DPOP_SHARED_S};
use crate::shared_state::{SharedState, SharedStateError};

/// What the keys of used proofs in Redis begin with.
const PREFIX: &str = "sallyport:dpop:";

/// The memory of used proofs, for the life of the process.
#[derive(Debug)]
pub struct Replay {
    store: ReplayStore,
    /// The longest age that any server has accepted so far, in seconds: as long is remembered.
    longest_s: AtomicU64,
    /// Of proofs made before this moment it is not known whether they were used.
    since_s: AtomicU64,
}

/// Where used proofs are remembered. A further store is a variant here and an arm in
/// [`ReplayStore::use_once`]; it has to set a key that is not there, with its time to live, in one
/// step.
#[derive(Debug)]
pub enum ReplayStore {
    /// In this process.
    Local(Local),
    /// In this process first, then in the Redis that replicas share.
    Shared(Local, Box<SharedState>),
}

/// A proof that passed every other check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// The thumbprint of its key.
    pub key: [u8; 32],
    /// Its name: a hash over key, server and `jti`, the same in every replica.
    pub id: [u8; 16],
    /// When it was made, seconds since the Unix epoch: as long as a proof of that age is accepted,
    /// it has to be remembered.
    pub issued_s: u64,
}

/// Which use of a proof it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The first.
    First,
    /// Another one.
    Again,
}

/// Why it is not known whether a proof was used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The memory holds no further proof.
    #[error("the memory of used proofs is full")]
    Full,
    /// A shared store does not answer, or refuses to remember.
    #[error("the store of used proofs cannot be reached: {0}")]
    Unreachable(#[from] SharedStateError),
}

impl Replay {
    /// Remembers in this process. What was used before `now_s`, in a process before this one, is
    /// not known: proofs that were made before are refused.
    #[must_use]
    pub fn local(now_s: u64) -> Self {
        let store = ReplayStore::Local(Local::with_capacity(DPOP_REPLAY_MAX));
        Self { store, longest_s: AtomicU64::new(0), since_s: AtomicU64::new(now_s) }
    }

    /// Remembers in Redis too, with every other replica. What was used before, in whatever process,
    /// is known there.
    #[must_use]
    pub fn shared(redis: SharedState) -> Self {
        let store = ReplayStore::Shared(Local::with_capacity(DPOP_REPLAY_MAX), Box::new(redis));
        Self { store, longest_s: AtomicU64::new(0), since_s: AtomicU64::new(0) }
    }

    /// From `now_s` on some server accepts proofs of this age.
    ///
    /// Where that is longer than before, older ones have been forgotten: those made before are
    /// refused until they are too old anyway.
    pub fn remember_for(&self, age_s: u64, now_s: u64) {
        let before = self.longest_s.fetch_max(age_s, Ordering::SeqCst);
        // At the start nothing has been forgotten since the start.
        if (1..age_s).contains(&before) {
            self.since_s.fetch_max(now_s.saturating_sub(before), Ordering::SeqCst);
        }
    }

    /// Whether a proof that was made at `issued_s` may have been used and forgotten.
    #[must_use]
    pub fn forgot(&self, issued_s: u64) -> bool {
        issued_s < self.since_s.load(Ordering::SeqCst)
    }

    /// The name of a proof.
    #[must_use]
    pub fn used(&self, key: [u8; 32], origin: &str, jti: &str, issued_s: u64) -> Used {
        let mut hash = Context::new(&SHA256);
        hash.update(&key);
        for part in [origin, jti] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Used { key, id, issued_s }
    }

    /// Remembers a proof, unless it is remembered already.
    ///
    /// # Errors
    /// When neither is certain; the proof must be refused.
    pub async fn use_once(&self, proof: &Used, now_s: u64) -> Result<Use, ReplayError> {
        self.store.use_once(proof, self.oldest(now_s)).await
    }

    /// Forgets what is too old to be used again.
    pub fn sweep(&self, now_s: u64) {
        match &self.store {
            ReplayStore::Local(local) | ReplayStore::Shared(local, _) => {
                local.sweep(self.oldest(now_s));
            }
        }
    }

    /// What was made before this moment is too old for every server.
    fn oldest(&self, now_s: u64) -> u64 {
        now_s.saturating_sub(self.longest_s.load(Ordering::SeqCst))
    }
}

impl ReplayStore {
    /// Remembers a proof, unless it is remembered already. Those made before `oldest_s` may be
    /// forgotten; a store that takes a time to live takes [`DPOP_SHARED_S`], because a
    /// configuration may raise the age. Cancel-safe: at worst a proof counts as used whose request
    /// was not served.
    async fn use_once(&self, proof: &Used, oldest_s: u64) -> Result<Use, ReplayError> {
        match self {
            Self::Local(local) => local.use_once(proof, oldest_s),
            Self::Shared(local, redis) => match local.use_once(proof, oldest_s)? {
                // Whatever Redis would say, which may have lost its memory.
                Use::Again => Ok(Use::Again),
                // An answer that was lost leaves the proof used, here and perhaps there.
                Use::First => use_once_of_all(redis, proof).await,
            },
        }
    }
}

/// One round trip: the first of all replicas wins.
async fn use_once_of_all(redis: &SharedState, proof: &Used) -> Result<Use, ReplayError> {
    let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(proof.id));
    let first = redis.set_new(&key, "1", Duration::from_secs(DPOP_SHARED_S)).await?;
    Ok(if first { Use::First } else { Use::Again })
}

/// The memory of one process. Sharded by key: who floods it fills the part of its own key.
#[derive(Debug)]
pub struct Local {
    /// Chooses the shard of a key; drawn anew in each process, so that nobody can choose it.
    hash: RandomState,
    shards: Vec<Mutex<Shard>>,
    shard_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// In no order; few, because they cover the longest age and no more.
    buckets: VecDeque<Bucket>,
    proofs: usize,
}

/// Proofs that are forgotten together.
#[derive(Debug)]
struct Bucket {
    /// `issued_s` of its proofs, divided by the length of a bucket.
    number: u64,
    ids: HashSet<[u8; 16]>,
}

impl Local {
    fn with_capacity(proofs: usize) -> Self {
        let shards = (0..DPOP_REPLAY_SHARDS).map(|_| Mutex::default()).collect();
        let shard_max = (proofs / DPOP_REPLAY_SHARDS).max(1);
        Self { hash: RandomState::new(), shards, shard_max }
    }

    fn use_once(&self, proof: &Used, oldest_s: u64) -> Result<Use, ReplayError> {
        let shard = self.hash.hash_one(proof.key) % self.shards.len().max(1) as u64;
        let shard = usize::try_from(shard).ok().and_then(|at| self.shards.get(at));
        let mut shard = lock(shard.ok_or(ReplayError::Full)?);
        shard.forget(oldest_s);
        // In every bucket: the same `jti` at another time is a replay too.
        if shard.buckets.iter().any(|bucket| bucket.ids.contains(&proof.id)) {
            return Ok(Use::Again);
        }
        if shard.proofs >= self.shard_max {
            return Err(ReplayError::Full);
        }
        shard.proofs = shard.proofs.saturating_add(1);
        let number = proof.issued_s / DPOP_REPLAY_BUCKET_S;
        match shard.buckets.iter_mut().find(|bucket| bucket.number == number) {
            Some(bucket) => {
                bucket.ids.insert(proof.id);
            }
            None => {
                let ids = HashSet::from([proof.id]);
                shard.buckets.push_back(Bucket { number, ids });
            }
        }
        Ok(Use::First)
    }

    fn sweep(&self, oldest_s: u64) {
        for shard in &self.shards {
            lock(shard).forget(oldest_s);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).proofs).sum()
    }
}

impl Shard {
    /// Drops whole buckets: those of which every proof was made before `oldest_s`.
    fn forget(&mut self, oldest_s: u64) {
        let oldest = oldest_s / DPOP_REPLAY_BUCKET_S;
        self.buckets.retain(|bucket| bucket.number >= oldest);
        self.proofs = self.buckets.iter().map(|bucket| bucket.ids.len()).sum();
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic cannot leave a set half-written.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Local, Replay, ReplayError, Use, Used};
    use crate::limits::{
        DPOP_AGE_S_MAX, DPOP_AHEAD_S, DPOP_REPLAY_BUCKET_S, DPOP_REPLAY_MAX, DPOP_REPLAY_SHARDS,
        DPOP_SHARED_S,
    };
    use crate::shared_state::SharedState;

    const NOW: u64 = 1_800_000_000;

    fn proof(key: u8, number: u64, issued_s: u64) -> Used {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Used { key: [key; 32], id, issued_s }
    }

    #[test]
    fn proof_is_first_once_and_again_ever_after() {
        let local = Local::with_capacity(DPOP_REPLAY_MAX);
        assert_eq!(local.use_once(&proof(1, 1, NOW), NOW - 60), Ok(Use::First));
        // Up to the last second in which it would be accepted.
        for oldest in [NOW - 60, NOW] {
            assert_eq!(local.use_once(&proof(1, 1, NOW), oldest), Ok(Use::Again));
        }
        assert_eq!(local.use_once(&proof(1, 1, NOW + 29), NOW), Ok(Use::Again), "another `iat`");
        assert_eq!(local.use_once(&proof(1, 2, NOW), NOW), Ok(Use::First));
    }

    #[test]
    fn what_is_too_old_is_forgotten_whole_buckets_at_a_time() {
        let local = Local::with_capacity(DPOP_REPLAY_MAX);
        for number in 0..100 {
            let issued = NOW + number * 10;
            assert_eq!(local.use_once(&proof(1, number, issued), issued - 60), Ok(Use::First));
            assert!(local.len() as u64 <= (60 + DPOP_REPLAY_BUCKET_S) / 10 + 1);
        }
        local.sweep(NOW + 100 * 10 + DPOP_REPLAY_BUCKET_S);
        assert_eq!(local.len(), 0);
        let buckets = (DPOP_AGE_S_MAX + DPOP_AHEAD_S) / DPOP_REPLAY_BUCKET_S + 2;
        assert!(buckets < 16, "a lookup asks each");
    }

    #[test]
    fn full_memory_refuses_and_only_for_the_keys_of_its_part() {
        let local = Local::with_capacity(DPOP_REPLAY_SHARDS * 4);
        for number in 0..4 {
            assert_eq!(local.use_once(&proof(1, number, NOW), NOW), Ok(Use::First));
        }
        assert_eq!(local.use_once(&proof(1, 4, NOW), NOW), Err(ReplayError::Full));
        assert_eq!(local.use_once(&proof(1, 3, NOW), NOW), Ok(Use::Again));
        let others = (2..=255).filter(|key| local.use_once(&proof(*key, 0, NOW), NOW).is_ok());
        assert!(others.count() > 64, "other keys have parts of their own");
        let later = NOW + DPOP_REPLAY_BUCKET_S;
        assert_eq!(local.use_once(&proof(1, 5, later), later), Ok(Use::First));
    }

    #[tokio::test]
    async fn of_many_uses_at_once_one_is_the_first() {
        let replay = std::sync::Arc::new(Replay::local(NOW));
        replay.remember_for(60, NOW);
        let used = replay.used([7; 32], "https://mcp.example", "jti", NOW);
        let racers = (0..32).map(|_| {
            let replay = std::sync::Arc::clone(&replay);
            std::thread::spawn(move || {
                futures_util::FutureExt::now_or_never(replay.use_once(&used, NOW)).unwrap()
            })
        });
        let racers: Vec<_> = racers.collect();
        let outcomes = racers.into_iter().map(|racer| racer.join().unwrap().unwrap());
        assert_eq!(outcomes.filter(|outcome| *outcome == Use::First).count(), 1);
    }

    #[test]
    fn name_of_a_proof_covers_key_server_and_jti() {
        let replay = Replay::local(NOW);
        let id = |key: u8, origin: &str, jti: &str| replay.used([key; 32], origin, jti, NOW).id;
        let one = id(1, "https://a", "b");
        assert_eq!(one, id(1, "https://a", "b"));
        for other in [id(2, "https://a", "b"), id(1, "https://ab", ""), id(1, "https://a", "c")] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn what_may_have_been_forgotten_counts_as_used() {
        let replay = Replay::local(NOW);
        replay.remember_for(60, NOW);
        assert!(replay.forgot(NOW - 1), "before this process began");
        assert!(!replay.forgot(NOW));
        // A reload with the same age, or a shorter one, forgets nothing.
        replay.remember_for(60, NOW + 500);
        replay.remember_for(30, NOW + 500);
        assert!(!replay.forgot(NOW));
        // One with a longer age: what is older than the old one is gone.
        replay.remember_for(300, NOW + 1000);
        assert!(replay.forgot(NOW + 939) && !replay.forgot(NOW + 940));
    }

    #[tokio::test]
    async fn raised_age_keeps_what_is_remembered_for_longer() {
        let replay = Replay::local(NOW);
        replay.remember_for(60, NOW);
        let used = replay.used([7; 32], "https://mcp.example", "jti", NOW);
        assert_eq!(replay.use_once(&used, NOW).await, Ok(Use::First));
        replay.remember_for(300, NOW + 10);
        replay.sweep(NOW + 299);
        assert_eq!(replay.use_once(&used, NOW + 300).await, Ok(Use::Again));
    }

    /// Shares with a Redis at a port where nobody listens.
    fn shared_with_nobody() -> Replay {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let url = format!("redis://127.0.0.1:{port}").parse().unwrap();
        let settings = crate::config::Redis { url, username: None, password: None, ca: None };
        Replay::shared(SharedState::new(&settings).unwrap())
    }

    #[tokio::test]
    async fn store_that_cannot_be_reached_refuses_and_a_second_use_is_known_without_it() {
        let replay = shared_with_nobody();
        replay.remember_for(60, NOW);
        let used = replay.used([7; 32], "https://mcp.example", "jti", NOW);
        let refused = replay.use_once(&used, NOW).await;
        assert!(matches!(refused, Err(ReplayError::Unreachable(_))), "{refused:?}");
        assert_eq!(replay.use_once(&used, NOW).await, Ok(Use::Again), "this replica saw it");
        assert!(!replay.forgot(NOW - 60), "replicas remember what came before this process");
    }

    #[test]
    fn shared_proofs_live_longer_than_any_replica_accepts_them() {
        // The first use may be `DPOP_AHEAD_S` before the proof's time, the last one in the second
        // that is `DPOP_AGE_S_MAX` after it, until that second ends.
        let longest_s = DPOP_AHEAD_S + DPOP_AGE_S_MAX + 1;
        assert!(DPOP_SHARED_S > longest_s);
        // By what is left the clocks of two replicas, or of Redis, may differ.
        assert!(DPOP_SHARED_S - longest_s >= DPOP_AHEAD_S - 1);
    }
}
