//! What an anchor tells of itself, for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// Counters that an anchor moves and anybody reads.
#[derive(Debug, Default)]
pub(super) struct State {
    size: AtomicU64,
    at: AtomicU64,
    /// Since when there is a checkpoint that it has not, in ms since 1970; 0 for none.
    behind_ms: AtomicU64,
    failures: AtomicU64,
    contradicted: AtomicBool,
}

/// The figures of one anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Records that its last checkpoint covers.
    pub size: u64,
    /// When it took that, in seconds since 1970; 0 for never.
    pub at: u64,
    /// Durable records that no checkpoint covers that it has.
    pub lag_records: u64,
    /// For how long there is a checkpoint that it has not, in seconds.
    pub lag_s: f64,
    /// Attempts that failed since the start.
    pub failures: u64,
    /// It knows another log than this one.
    pub contradicted: bool,
}

impl State {
    pub(super) fn has(&self, size: u64, at: u64) {
        self.size.store(size, Relaxed);
        self.at.store(at, Relaxed);
        self.behind_ms.store(0, Relaxed);
    }

    /// There is a checkpoint that it has not.
    pub(super) fn behind(&self) {
        // Only the first time counts.
        let _ = self.behind_ms.compare_exchange(0, unix_ms().max(1), Relaxed, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn contradicted(&self, is: bool) {
        self.contradicted.store(is, Relaxed);
    }

    pub(super) fn status(&self, name: &Arc<str>, durable: u64) -> Status {
        let (size, behind_ms) = (self.size.load(Relaxed), self.behind_ms.load(Relaxed));
        let lag_ms = if behind_ms == 0 { 0 } else { unix_ms().saturating_sub(behind_ms) };
        Status {
            name: Arc::clone(name),
            size,
            at: self.at.load(Relaxed),
            lag_records: durable.saturating_sub(size),
            lag_s: std::time::Duration::from_millis(lag_ms).as_secs_f64(),
            failures: self.failures.load(Relaxed),
            contradicted: self.contradicted.load(Relaxed),
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
