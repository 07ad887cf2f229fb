//! What the audit trail tells of itself, as metrics.
//!
//! The trail keeps sums of its own, because its writer knows no metrics. Guarantees that what two
//! scrapes at one time read is booked once.

use std::sync::PoisonError;

use super::Metrics;
use crate::audit::Stats;

/// What was booked so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    commits: u64,
    commit_ns: u64,
    bytes: u64,
}

impl Metrics {
    /// Books how the trail stands.
    pub fn audit(&self, stats: &Stats, is_healthy: bool) {
        let records = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.audit_queue_depth.set(records(stats.queue_records));
        self.audit_queue_capacity.set(records(stats.queue_records_max));
        self.audit_lag_s.set(seconds(stats.lag_ns));
        self.audit_healthy.set(i64::from(is_healthy));
        let signed = i64::try_from(stats.last_checkpoint_unix_s).unwrap_or(i64::MAX);
        self.audit_last_checkpoint.set(signed);
        let mut told = self.audit_told.lock().unwrap_or_else(PoisonError::into_inner);
        self.audit_commits.inc_by(stats.commits.saturating_sub(told.commits));
        self.audit_commit_s.inc_by(seconds(stats.commit_ns_sum.saturating_sub(told.commit_ns)));
        self.audit_bytes.inc_by(stats.bytes.saturating_sub(told.bytes));
        *told = Told {
            commits: stats.commits.max(told.commits),
            commit_ns: stats.commit_ns_sum.max(told.commit_ns),
            bytes: stats.bytes.max(told.bytes),
        };
    }
}

fn seconds(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_the_trail_are_booked_once_however_often_and_late_they_are_read() {
        let metrics = Metrics::new().unwrap();
        let at = |commits, lag_ns| Stats {
            commits,
            commit_ns_sum: commits * 500_000_000,
            bytes: commits * 100,
            lag_ns,
            queue_records: 3,
            queue_records_max: 8,
            ..Stats::default()
        };
        for stats in [at(2, 0), at(5, 250_000_000), at(5, 250_000_000), at(4, 250_000_000)] {
            metrics.audit(&stats, true);
        }
        let text = metrics.text();
        for line in [
            "sallyport_audit_commits_total 5",
            "sallyport_audit_commit_seconds_total 2.5",
            "sallyport_audit_written_bytes_total 500",
            "sallyport_audit_lag_seconds 0.25",
            "sallyport_audit_queue_depth 3",
            "sallyport_audit_queue_capacity 8",
            "sallyport_audit_healthy 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
