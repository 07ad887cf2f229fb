//! What a sink tells of itself, for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// Counters that a sink moves and anybody reads.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last record that is settled.
    at: AtomicU64,
    /// When the first record was made that is read and not settled, in ms since 1970; 0 for none.
    oldest_ms: AtomicU64,
    delivered: AtomicU64,
    retries: AtomicU64,
    rejected: AtomicU64,
}

/// The figures of one sink since it started.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The last record that is settled.
    pub seq: u64,
    /// Durable records that are not settled.
    pub lag_records: u64,
    /// Age of the oldest of them, in seconds.
    pub lag_s: f64,
    /// Records that the receiver has.
    pub delivered: u64,
    /// Tries that failed for reasons outside the records.
    pub retries: u64,
    /// Records that the receiver will never take.
    pub rejected: u64,
}

impl State {
    pub(super) fn at(&self, seq: u64) {
        self.at.store(seq, Relaxed);
    }

    pub(super) fn oldest(&self, unix_ms: Option<u64>) {
        self.oldest_ms.store(unix_ms.unwrap_or(0), Relaxed);
    }

    pub(super) fn delivered(&self, records: u64) {
        self.delivered.fetch_add(records, Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(super) fn rejected(&self, records: u64) {
        self.rejected.fetch_add(records, Relaxed);
    }

    pub(super) fn status(&self, name: &Arc<str>, durable: u64) -> Status {
        let seq = self.at.load(Relaxed);
        let lag_records = durable.saturating_sub(seq);
        let oldest_ms = self.oldest_ms.load(Relaxed);
        let lag_s = if lag_records == 0 || oldest_ms == 0 { 0.0 } else { age_s(oldest_ms) };
        Status {
            name: Arc::clone(name),
            seq,
            lag_records,
            lag_s,
            delivered: self.delivered.load(Relaxed),
            retries: self.retries.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
        }
    }
}

fn age_s(unix_ms: u64) -> f64 {
    let then = UNIX_EPOCH + std::time::Duration::from_millis(unix_ms);
    SystemTime::now().duration_since(then).unwrap_or_default().as_secs_f64()
}
