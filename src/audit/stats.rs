//! What the log tells about itself: figures for metrics, health for readiness.

pub use crate::limits::AUDIT_STALL_MS;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Figures of a log since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records that wait for the next commit.
    pub queue_records: usize,
    /// Bytes that wait for the next commit.
    pub queue_bytes: usize,
    /// Bound of `queue_records`.
    pub queue_records_max: usize,
    /// Bound of `queue_bytes`.
    pub queue_bytes_max: usize,
    /// Age of the oldest record that is not durable, in nanoseconds; 0 where all are.
    pub lag_ns: u64,
    /// Records stored.
    pub records: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Commits that stored them: one write and one sync each.
    pub commits: u64,
    /// Commits that failed.
    pub commits_failed: u64,
    /// Time spent in successful commits, in nanoseconds.
    pub commit_ns_sum: u64,
    /// The longest successful commit, in nanoseconds.
    pub commit_ns_max: u64,
    /// Appends refused because the log could not be written.
    pub refused: u64,
    /// When the last commit succeeded, in seconds since 1970; 0 for never.
    pub last_write_unix_s: u64,
    /// Checkpoints made.
    pub checkpoints: u64,
    /// Checkpoints that could not be kept.
    pub checkpoints_failed: u64,
    /// When the last checkpoint was made, in seconds since 1970; 0 for never.
    pub last_checkpoint_unix_s: u64,
}

/// Whether records can be written at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Records are written.
    Ok,
    /// Every append is refused, or would wait without end.
    Failing {
        /// What failed, as the system said it.
        reason: Arc<str>,
        /// Since when.
        since: SystemTime,
    },
}

/// Counters that the writer and the callers move without a lock.
#[derive(Debug)]
pub(super) struct Meter {
    opened: Instant,
    records: AtomicU64,
    bytes: AtomicU64,
    commits: AtomicU64,
    commits_failed: AtomicU64,
    commit_ns_sum: AtomicU64,
    commit_ns_max: AtomicU64,
    refused: AtomicU64,
    last_write_unix_s: AtomicU64,
    checkpoints: AtomicU64,
    checkpoints_failed: AtomicU64,
    last_checkpoint_unix_s: AtomicU64,
    /// When the running commit began, in ms since `opened`, plus one; 0 for none.
    running_since: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            opened: Instant::now(),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            commits_failed: AtomicU64::new(0),
            commit_ns_sum: AtomicU64::new(0),
            commit_ns_max: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last_write_unix_s: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            checkpoints_failed: AtomicU64::new(0),
            last_checkpoint_unix_s: AtomicU64::new(0),
            running_since: AtomicU64::new(0),
        }
    }
}

impl Meter {
    /// A commit, or an attempt at recovery, begins.
    pub(super) fn begin(&self) -> Instant {
        let now = Instant::now();
        let since = now.saturating_duration_since(self.opened).as_millis();
        self.running_since.store(u64::try_from(since).unwrap_or(u64::MAX - 1) + 1, Relaxed);
        now
    }

    /// A commit that began at `began` stored `records` in `bytes`.
    pub(super) fn stored(&self, began: Instant, records: u64, bytes: u64) {
        let ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.running_since.store(0, Relaxed);
        self.records.fetch_add(records, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.commit_ns_sum.fetch_add(ns, Relaxed);
        self.commit_ns_max.fetch_max(ns, Relaxed);
        self.last_write_unix_s.store(unix_s(), Relaxed);
    }

    /// A checkpoint was made, or could not be.
    pub(super) fn checkpoint(&self, made: bool) {
        if made {
            self.checkpoints.fetch_add(1, Relaxed);
            self.last_checkpoint_unix_s.store(unix_s(), Relaxed);
        } else {
            self.checkpoints_failed.fetch_add(1, Relaxed);
        }
    }

    /// A commit failed.
    pub(super) fn failed(&self) {
        self.running_since.store(0, Relaxed);
        self.commits_failed.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self, records: u64) {
        self.refused.fetch_add(records, Relaxed);
    }

    /// How long the running commit takes already, if longer than `bound`.
    pub(super) fn stalled_for(&self, bound: Duration) -> Option<Duration> {
        self.running().filter(|running| *running > bound)
    }

    /// How long the running commit takes already.
    fn running(&self) -> Option<Duration> {
        let began = Duration::from_millis(self.running_since.load(Relaxed).checked_sub(1)?);
        self.opened.elapsed().checked_sub(began)
    }

    pub(super) fn stats(&self, depth: (usize, usize, Duration), capacity: (usize, usize)) -> Stats {
        let lag = depth.2.max(self.running().unwrap_or_default());
        Stats {
            queue_records: depth.0,
            queue_bytes: depth.1,
            queue_records_max: capacity.0,
            queue_bytes_max: capacity.1,
            lag_ns: u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX),
            records: self.records.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            commits: self.commits.load(Relaxed),
            commits_failed: self.commits_failed.load(Relaxed),
            commit_ns_sum: self.commit_ns_sum.load(Relaxed),
            commit_ns_max: self.commit_ns_max.load(Relaxed),
            refused: self.refused.load(Relaxed),
            last_write_unix_s: self.last_write_unix_s.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
            checkpoints_failed: self.checkpoints_failed.load(Relaxed),
            last_checkpoint_unix_s: self.last_checkpoint_unix_s.load(Relaxed),
        }
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_stalled_while_it_runs_beyond_the_bound_and_not_after() {
        let meter = Meter::default();
        assert_eq!(meter.stalled_for(Duration::ZERO), None);
        let began = meter.begin();
        assert!(meter.stalled_for(Duration::ZERO).is_some());
        assert_eq!(meter.stalled_for(Duration::from_millis(AUDIT_STALL_MS)), None);
        meter.stored(began, 3, 300);
        assert_eq!(meter.stalled_for(Duration::ZERO), None);
        meter.begin();
        meter.failed();
        assert_eq!(meter.stalled_for(Duration::ZERO), None);
        let stats = meter.stats((1, 2, Duration::from_secs(9)), (3, 4));
        assert_eq!(stats.lag_ns, 9_000_000_000);
        assert_eq!(
            (stats.records, stats.bytes, stats.commits, stats.commits_failed),
            (3, 300, 1, 1)
        );
        assert!(stats.last_write_unix_s > 0 && stats.commit_ns_max == stats.commit_ns_sum);
    }
}
