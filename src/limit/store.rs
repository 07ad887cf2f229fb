//! The Redis that holds shared rates.
//!
//! Owns the algorithm (GCRA, as a script: one round trip), the heartbeat by which replicas count
//! each other, and the knowledge whether Redis answers. Its own clock counts, so that a replica's
//! may jump. Guarantees: no question takes longer than [`SHARED_LIMIT_WAIT_MS`]; from a failure on
//! none is asked until a heartbeat was answered as fast; a key lives no longer than it matters.
//! Redis holds hashes, no names.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::lease::{Answer, Id, Question};
use crate::config::{Rate, SharedLimits};
use crate::limits::{
    SHARED_HEARTBEAT_MS, SHARED_LIMIT_WAIT_MS, SHARED_REPLICA_MS, SHARED_REPLICAS_MAX,
};
use crate::shared_state::{Script, SharedState, SharedStateError};

/// This replica's view of the Redis that holds shared rates; one for the process.
#[derive(Debug)]
pub struct Store {
    redis: SharedState,
    /// The name of this replica among the others.
    id: String,
    up: AtomicBool,
    /// Live replicas when they were counted last; 0 before.
    counted: AtomicU32,
    /// The most that there are, as the operator says.
    stated: Option<u32>,
    leased: AtomicU64,
    asked: AtomicU64,
    degraded: AtomicU64,
    failed: AtomicU64,
}

/// How it stands, and what happened since the start, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreStatus {
    /// Whether Redis answers.
    pub up: bool,
    /// Live replicas when they were counted last; 0 before.
    pub replicas: u32,
    /// Calls that were judged by what Redis had said before.
    pub leased: u64,
    /// Calls that asked it.
    pub asked: u64,
    /// Calls that were judged without it, because it did not answer.
    pub degraded: u64,
    /// Questions and heartbeats that failed.
    pub failed: u64,
}

impl Store {
    /// Counts as lost until the first heartbeat was answered.
    #[must_use]
    pub fn new(redis: SharedState, settings: SharedLimits) -> Arc<Self> {
        let SharedLimits { replicas: stated } = settings;
        Arc::new(Self {
            redis,
            id: uuid::Uuid::now_v7().to_string(),
            up: AtomicBool::new(false),
            counted: AtomicU32::new(0),
            stated,
            leased: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            degraded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// The first heartbeat, so that the first calls are counted with the others. A Redis that does
    /// not answer keeps no gateway from starting.
    pub async fn start(&self) {
        // The first one makes the connection, which may take longer than a call would wait.
        if self.beat().await.is_ok() && !self.is_up() {
            let _ = self.beat().await;
        }
    }

    /// Beats until `stop`; what makes a lost Redis count again.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_millis(SHARED_HEARTBEAT_MS));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                // A failure was noted.
                _ = self.beat() => {}
            }
        }
    }

    /// Tells Redis that this replica lives, once, and counts the others.
    async fn beat(&self) -> Result<(), SharedStateError> {
        let mut script = BEAT.key(REPLICAS_KEY);
        script.arg(&self.id).arg(SHARED_REPLICA_MS).arg(SHARED_REPLICAS_MAX);
        let started = Instant::now();
        let replicas: u32 = self.redis.run(&script).await.inspect_err(|error| self.lost(error))?;
        let before = self.counted.swap(replicas.clamp(1, SHARED_REPLICAS_MAX), Ordering::Relaxed);
        if let Some(stated) = self.stated.filter(|stated| before != replicas && replicas > *stated)
        {
            tracing::warn!(replicas, stated, "more replicas than `limits.shared.replicas` says");
        }
        if started.elapsed() > WAIT {
            self.lost(&SharedStateError::Late);
        } else if !self.up.swap(true, Ordering::Relaxed) {
            tracing::info!(replicas, "rates are shared through Redis");
        }
        Ok(())
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Among how many replicas a rate is divided while Redis is away: no fewer than were counted
    /// last, and no fewer than the operator says. `None` where nobody knows.
    pub(super) fn parts(&self) -> Option<u32> {
        let counted = self.counted.load(Ordering::Relaxed);
        let known = (counted > 0).then_some(counted);
        known.max(self.stated)
    }

    pub(super) fn count_leased(&self) {
        self.leased.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_degraded(&self) {
        self.degraded.fetch_add(1, Ordering::Relaxed);
    }

    /// For metrics.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StoreStatus {
            up: self.is_up(),
            replicas: self.counted.load(Ordering::Relaxed),
            leased: read(&self.leased),
            asked: read(&self.asked),
            degraded: read(&self.degraded),
            failed: read(&self.failed),
        }
    }

    /// Asks for calls of a bucket. `None` when Redis did not answer in time. Cancel-safe:
    /// at worst calls are taken out that nobody makes.
    pub(super) async fn ask(&self, id: Id, rate: Rate, question: Question) -> Option<Answer> {
        let Question { want, owed } = question;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut script = TAKE.key(format!("{PREFIX}{:032x}", u128::from_be_bytes(id)));
        script.arg(period_us(rate)).arg(rate.burst.max(1)).arg(want).arg(owed);
        let answer = match timeout(WAIT, self.redis.run::<(i64, i64)>(&script)).await {
            Ok(Ok(said)) => read(said, want)
                .ok_or_else(|| SharedStateError::Unreachable("it says what it never says".into())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SharedStateError::Late),
        };
        answer.inspect_err(|error| self.lost(error)).ok()
    }

    fn lost(&self, error: &SharedStateError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if self.up.swap(false, Ordering::Relaxed) {
            tracing::warn!(%error, "rates are not shared until Redis answers again");
        }
    }
}

/// `None` for what the script never says.
fn read((granted, wait_us): (i64, i64), want: u32) -> Option<Answer> {
    match (u32::try_from(granted).ok()?, u64::try_from(wait_us).ok()?) {
        (0, 0) => None,
        (0, us) => Some(Answer::Over(Duration::from_micros(us))),
        (granted, _) => (granted <= want).then_some(Answer::Granted(granted)),
    }
}

/// At least one: what is less would be lost beside seconds since 1970 in a double.
fn period_us(rate: Rate) -> f64 {
    (rate.window.as_secs_f64() * 1e6 / f64::from(rate.count.max(1))).max(1.0)
}

const WAIT: Duration = Duration::from_millis(SHARED_LIMIT_WAIT_MS);
const PREFIX: &str = "sallyport:limit:";
const REPLICAS_KEY: &str = "sallyport:limit:replicas";

/// Key: the time at which the bucket is full again, microseconds. Arguments: microseconds for one
/// call, burst, calls wanted, calls made before without asking. Answers calls granted and
/// microseconds to wait. A time that is too far off, because the clock of Redis went back, counts
/// as an empty bucket; more calls than fit were made do no more than empty it.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local t = redis.call('TIME')
         local now = t[1] * 1000000 + t[2]
         local period, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
         local want, owed = tonumber(ARGV[3]), tonumber(ARGV[4])
         local empty = now + period * burst
         local full = tonumber(redis.call('GET', KEYS[1]) or now)
         full = math.min(math.max(full, now) + owed * period, empty)
         local fits = math.floor((empty - full) / period + 0.000001)
         local n = math.min(want, fits)
         full = full + n * period
         if n > 0 or owed > 0 then
           redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.min(math.ceil((full - now) / 1000) + 1, 1e12))
         end
         if n > 0 then return {n, 0} end
         return {0, math.max(1, math.ceil(full + period - empty))}",
    )
});

/// Key: replicas by the time of their last beat. Arguments: id, milliseconds without a beat after
/// which one counts as gone, the number that is counted. Answers how many live.
static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local t = redis.call('TIME')
         local now = t[1] * 1000 + math.floor(t[2] / 1000)
         redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
         redis.call('ZADD', KEYS[1], now, ARGV[1])
         redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
         redis.call('PEXPIRE', KEYS[1], ARGV[2])
         return redis.call('ZCARD', KEYS[1])",
    )
});

#[cfg(test)]
mod tests;
