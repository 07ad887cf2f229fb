//! Keyed token buckets (GCRA) that cannot grow without bound and cannot be used to lock others out.
//!
//! Owns [`Bucket`]. The arithmetic is `governor`'s; the store of states is ours, because
//! governor's own maps grow for ever. Guarantees: at most [`LIMITER_KEYS_MAX`] keys are held; a
//! key that was never seen always starts with a full burst; a key that has used up its burst stays
//! refused whatever other keys do, as long as less exhausted keys exist to be forgotten instead.
//!
//! When a shard of the store is full, the *least used* of a few sampled keys is forgotten. That
//! choice is what makes a flood of invented keys harmless: sharing one overflow bucket would let
//! the flood lock out every new honest caller, refusing new keys would do the same, and forgetting
//! at random would let an exhausted caller wash its own bucket. Forgetting a nearly fresh key gives
//! back at most the few calls that it had used.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::config::Rate;
use crate::limits::{LIMITER_KEYS_MAX, RETRY_AFTER_S_MAX};
use crate::reject::RateLimitHeaders;

/// One rate, applied to each key by itself.
#[derive(Debug)]
pub struct Bucket<K: Hash + Eq + Clone> {
    rate: Rate,
    clock: Clock,
    limiter: RateLimiter<K, Store<K>, Clock, StateInformationMiddleware>,
}

/// Calls that still fit at once after an admitted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining(pub u32);

/// The bucket is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{quota} calls per {window_s} s are used up for {seconds} s")]
pub struct Wait {
    /// Whole seconds until a call fits again, rounded up, at least 1 and at most
    /// [`RETRY_AFTER_S_MAX`].
    pub seconds: u64,
    /// Calls allowed per window.
    pub quota: u32,
    /// The window in seconds, rounded up.
    pub window_s: u64,
}

impl Wait {
    /// The values of the `RateLimit` and `RateLimit-Policy` fields for this refusal.
    #[must_use]
    pub fn headers(self, policy: &'static str) -> RateLimitHeaders {
        RateLimitHeaders {
            policy,
            quota: self.quota,
            window_s: self.window_s,
            reset_s: self.seconds,
        }
    }
}

impl<K: Hash + Eq + Clone> Bucket<K> {
    /// Empty buckets. A `count` or `burst` of zero counts as one: the configuration refuses both.
    #[must_use]
    pub fn new(rate: Rate, clock: &Clock) -> Self {
        Self::with_keys_max(rate, clock, LIMITER_KEYS_MAX)
    }

    fn with_keys_max(rate: Rate, clock: &Clock, keys_max: usize) -> Self {
        let limiter = RateLimiter::new(quota(rate), Store::new(keys_max), clock.clone());
        Self { rate, clock: clock.clone(), limiter }
    }

    /// Takes one call out of the bucket of `key`.
    ///
    /// # Errors
    /// [`Wait`] when it is empty; nothing is taken then.
    pub fn take(&self, key: &K) -> Result<Remaining, Wait> {
        match self.limiter.check_key(key) {
            Ok(snapshot) => Ok(Remaining(snapshot.remaining_burst_capacity())),
            Err(not_until) => Err(Wait {
                seconds: ceil_s(not_until.wait_time_from(self.clock.now()))
                    .clamp(1, RETRY_AFTER_S_MAX),
                quota: self.rate.count,
                window_s: ceil_s(self.rate.window).max(1),
            }),
        }
    }

    /// Whether this bucket counts at `rate`: then its state survives a reload.
    #[must_use]
    pub fn same_as(&self, rate: &Rate) -> bool {
        self.rate == *rate
    }

    /// Forgets the keys whose buckets are full again; called every
    /// [`crate::limits::LIMITER_SWEEP_MS`].
    pub fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    /// Keys held, for metrics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.limiter.len()
    }

    /// Whether no key is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// States of keys in shards, each behind its own lock that is held for one map operation.
#[derive(Debug)]
struct Store<K> {
    /// Picks the shard. Each map has its own random keys besides, so that nobody can aim at one.
    picker: RandomState,
    shards: Vec<Mutex<HashMap<K, Nanos>>>,
    shard_keys_max: usize,
}

impl<K: Hash + Eq> Store<K> {
    fn new(keys_max: usize) -> Self {
        Self {
            picker: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
            shard_keys_max: (keys_max / SHARDS).max(1),
        }
    }

    fn shard(&self, key: &K) -> Option<MutexGuard<'_, HashMap<K, Nanos>>> {
        let spread = self.picker.hash_one(key) % SHARDS as u64;
        let shard = self.shards.get(usize::try_from(spread).unwrap_or_default())?;
        Some(lock(shard))
    }
}

impl<K: Hash + Eq + Clone> StateStore for Store<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Some(mut states) = self.shard(key) else {
            // There is always a shard; without one the call would count as the key's first.
            return judge(None).map(|(outcome, _)| outcome);
        };
        if let Some(state) = states.get_mut(key) {
            let (outcome, next) = judge(Some(*state))?;
            *state = next;
            return Ok(outcome);
        }
        let (outcome, next) = judge(None)?;
        if states.len() >= self.shard_keys_max {
            forget_least_used(&mut states);
        }
        states.insert(key.clone(), next);
        Ok(outcome)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Store<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.shards {
            lock(shard).retain(|_, state| *state > drop_below);
        }
    }

    fn shrink_to_fit(&self) {
        for shard in &self.shards {
            lock(shard).shrink_to_fit();
        }
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The smaller the state (the time at which the bucket is full again), the less is lost with it.
fn forget_least_used<K: Hash + Eq + Clone>(states: &mut HashMap<K, Nanos>) {
    let least = states.iter().take(SAMPLE).min_by_key(|(_, state)| **state);
    if let Some(key) = least.map(|(key, _)| key.clone()) {
        states.remove(&key);
    }
}

/// A panic in another thread leaves whole states behind: each update is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Translates a rate; the burst is cut where `governor`'s arithmetic on 64-bit nanoseconds would
/// overflow.
fn quota(rate: Rate) -> Quota {
    let window_ns = u64::try_from(rate.window.as_nanos()).unwrap_or(u64::MAX).min(HORIZON_NS);
    let period_ns = (window_ns / u64::from(rate.count.max(1))).max(1);
    let burst_max = u32::try_from(HORIZON_NS / period_ns).unwrap_or(u32::MAX);
    let burst = NonZeroU32::new(rate.burst.min(burst_max)).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(Duration::from_nanos(period_ns))
        .unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN))
        .allow_burst(burst)
}

fn ceil_s(d: Duration) -> u64 {
    d.as_secs().saturating_add(u64::from(d.subsec_nanos() > 0))
}

/// Locks of one store; more than the threads that meet in it.
const SHARDS: usize = 16;

/// Keys that are compared when one must go.
const SAMPLE: usize = 16;

/// Longest time that the arithmetic spans, in nanoseconds: 73 years, an eighth of 64 bits.
const HORIZON_NS: u64 = u64::MAX / 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{prop_assert, proptest};

    use super::{Bucket, Clock, LIMITER_KEYS_MAX, Rate, Remaining, SHARDS};
    use crate::limits::RETRY_AFTER_S_MAX;

    const TEN_A_MINUTE: Rate = Rate { count: 10, window: Duration::from_secs(60), burst: 3 };

    fn taken<K: std::hash::Hash + Eq + Clone>(bucket: &Bucket<K>, key: &K) -> usize {
        (0..1000).take_while(|_| bucket.take(key).is_ok()).count()
    }

    #[test]
    fn burst_is_admitted_then_refused_until_the_named_second() {
        let clock = Clock::manual(1_000);
        let bucket = Bucket::new(TEN_A_MINUTE, &clock);
        assert_eq!(bucket.take(&"a"), Ok(Remaining(2)));
        assert_eq!(taken(&bucket, &"a"), 2);
        let wait = bucket.take(&"a").unwrap_err();
        assert_eq!((wait.seconds, wait.quota, wait.window_s), (6, 10, 60));
        clock.advance(Duration::from_millis(5_999));
        assert_eq!(bucket.take(&"a").unwrap_err().seconds, 1);
        clock.advance(Duration::from_millis(1));
        assert!(bucket.take(&"a").is_ok());
        assert!(bucket.take(&"a").is_err());
    }

    #[test]
    fn keys_do_not_share_a_bucket() {
        let bucket = Bucket::new(TEN_A_MINUTE, &Clock::manual(0));
        assert_eq!(taken(&bucket, &1), 3);
        assert_eq!(taken(&bucket, &2), 3);
        assert_eq!(taken(&bucket, &1), 0);
    }

    #[test]
    fn sweep_forgets_full_buckets_only() {
        let clock = Clock::manual(0);
        let bucket = Bucket::new(TEN_A_MINUTE, &clock);
        taken(&bucket, &"exhausted");
        bucket.take(&"once").unwrap();
        clock.advance(Duration::from_secs(12));
        bucket.sweep();
        assert_eq!(bucket.len(), 1);
        assert_eq!(taken(&bucket, &"exhausted"), 2, "its state was kept");
        clock.advance(Duration::from_secs(600));
        bucket.sweep();
        assert!(bucket.is_empty());
    }

    #[test]
    fn s56_flood_of_keys_neither_grows_memory_nor_locks_out_new_callers() {
        let keys_max = SHARDS * 8;
        let bucket = Bucket::with_keys_max(TEN_A_MINUTE, &Clock::manual(0), keys_max);
        for flood in 0..20_000_u32 {
            assert!(bucket.take(&flood).is_ok(), "a new key starts with a full burst");
        }
        assert!(bucket.len() <= keys_max);
    }

    #[test]
    fn s56_exhausted_caller_cannot_wash_its_bucket_with_invented_keys() {
        let bucket = Bucket::with_keys_max(TEN_A_MINUTE, &Clock::manual(0), SHARDS * 8);
        taken(&bucket, &u32::MAX);
        for flood in 0..20_000 {
            bucket.take(&flood).unwrap();
        }
        assert!(bucket.take(&u32::MAX).is_err());
    }

    #[test]
    fn store_holds_no_more_than_limiter_keys_max() {
        let bucket = Bucket::new(TEN_A_MINUTE, &Clock::manual(0));
        for key in 0..LIMITER_KEYS_MAX + 10_000 {
            bucket.take(&key).unwrap();
        }
        assert!(bucket.len() <= LIMITER_KEYS_MAX);
    }

    #[test]
    fn only_an_equal_rate_counts_as_the_same() {
        let bucket: Bucket<u8> = Bucket::new(TEN_A_MINUTE, &Clock::manual(0));
        assert!(bucket.same_as(&TEN_A_MINUTE));
        assert!(!bucket.same_as(&Rate { burst: 4, ..TEN_A_MINUTE }));
    }

    proptest! {
        #[test]
        fn any_rate_admits_a_first_call_and_never_overflows(
            count: u32, burst: u32, window_ns: u64, steps in proptest::collection::vec(0_u64..u64::MAX / 64, 0..20),
        ) {
            let clock = Clock::manual(0);
            let rate = Rate { count, window: Duration::from_nanos(window_ns), burst };
            let bucket = Bucket::new(rate, &clock);
            prop_assert!(bucket.take(&()).is_ok());
            for step in steps {
                clock.advance(Duration::from_nanos(step));
                if let Err(wait) = bucket.take(&()) {
                    prop_assert!((1..=RETRY_AFTER_S_MAX).contains(&wait.seconds));
                }
            }
        }

        #[test]
        fn admitted_calls_never_exceed_burst_plus_refill(
            count in 1_u32..50, window_s in 1_u64..100, burst in 1_u32..20,
            steps_ms in proptest::collection::vec(0_u64..5_000, 1..100),
        ) {
            let clock = Clock::manual(0);
            let bucket = Bucket::new(Rate { count, window: Duration::from_secs(window_s), burst }, &clock);
            let (mut admitted, mut elapsed_ms) = (0_u64, 0);
            for step in steps_ms {
                clock.advance(Duration::from_millis(step));
                elapsed_ms += step;
                admitted += u64::from(bucket.take(&()).is_ok());
                let refill = elapsed_ms * u64::from(count) / (window_s * 1000) + 1;
                prop_assert!(admitted <= u64::from(burst) + refill);
            }
        }
    }
}
