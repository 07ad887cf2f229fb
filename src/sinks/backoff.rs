//! How long to wait after a failure.
//!
//! Pure but for the dice. Guarantees that a wait has a bound, whatever a receiver asks for.

pub use crate::limits::{SINK_BACKOFF_MAX_MS, SINK_BACKOFF_MIN_MS, SINK_RETRY_AFTER_MS_MAX};
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// Waits that double.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// The wait after one more failure: half of it at least, the rest by chance, so that the sinks
    /// of many replicas do not come back at once. What the receiver asked for counts if it is
    /// longer.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.max);
        let own = whole / 2 + (whole / 2).mul_f64(chance());
        asked.map_or(own, |asked| asked.min(RETRY_AFTER_MAX).max(own))
    }

    /// Something was delivered.
    pub(crate) fn reset(&mut self) {
        self.next = self.min;
    }
}

/// A number from 0 to 1; the middle where the system has no randomness.
fn chance() -> f64 {
    let mut bytes = [0; 2];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 0.5,
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // A date in the past asks for no wait.
    Some(http_date(value)?.duration_since(now).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that senders may write.
fn http_date(text: &str) -> Option<SystemTime> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(SystemTime::from(date))
}

const RETRY_AFTER_MAX: Duration = Duration::from_millis(SINK_RETRY_AFTER_MS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_anew_after_a_success() {
        let (min, max) = (
            Duration::from_millis(SINK_BACKOFF_MIN_MS),
            Duration::from_millis(SINK_BACKOFF_MAX_MS),
        );
        let mut backoff = Backoff::new(min, max);
        let mut whole = min;
        for _ in 0..20 {
            let wait = backoff.wait(None);
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(max);
        }
        assert_eq!(whole, max);
        backoff.reset();
        assert!(backoff.wait(None) <= min);
    }

    #[test]
    fn what_the_receiver_asks_for_is_honoured_up_to_a_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(2));
        assert_eq!(backoff.wait(Some(Duration::from_secs(7))), Duration::from_secs(7));
        let year = Duration::from_secs(31_536_000);
        assert_eq!(backoff.wait(Some(year)), Duration::from_millis(SINK_RETRY_AFTER_MS_MAX));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_and_garbage_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_767);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after(date, now + Duration::from_secs(99)), Some(Duration::ZERO));
        for garbage in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(garbage, now), None, "{garbage}");
        }
    }
}
