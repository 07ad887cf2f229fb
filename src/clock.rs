//! Time as an argument: the system's clock in production, a hand-moved one in tests.
//!
//! Owns nothing global. Guarantees that every decision which depends on time (token expiry, rate
//! limits, session lifetime) can be tested without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use governor::nanos::Nanos;

/// A source of wall-clock and monotonic time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System {
        start: Instant,
    },
    /// Nanoseconds since the Unix epoch; monotonic time is the same number.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System { start: Instant::now() })
    }

    /// A clock that moves only by [`Clock::advance`], starting at `unix_s` seconds after the epoch.
    #[must_use]
    pub fn manual(unix_s: u64) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(unix_s.saturating_mul(NANOS_PER_SECOND)))))
    }

    /// Moves a manual clock forward; a system clock is not moved.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(saturating_nanos(by), Ordering::SeqCst);
        }
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn unix_s(&self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// Wall-clock time since the Unix epoch.
    #[must_use]
    pub fn since_epoch(&self) -> Duration {
        match &self.0 {
            // A clock before 1970 is broken: time zero makes every token "not yet valid" or
            // expired, which is the safe reading.
            Source::System { .. } => {
                SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
            }
            Source::Manual(now) => Duration::from_nanos(now.load(Ordering::SeqCst)),
        }
    }

    /// Wall-clock time for timestamps.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        UNIX_EPOCH + self.since_epoch()
    }

    /// Time that never goes backwards, from an arbitrary start.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { start } => start.elapsed(),
            Source::Manual(now) => Duration::from_nanos(now.load(Ordering::SeqCst)),
        }
    }
}

/// Rate limits read the same clock as everything else.
impl governor::clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.monotonic())
    }
}

fn saturating_nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::{Clock, Duration};

    #[test]
    fn manual_clock_moves_only_when_told() {
        let clock = Clock::manual(1_000);
        assert_eq!(clock.unix_s(), 1_000);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.unix_s(), 1_005);
        assert_eq!(clock.monotonic(), Duration::from_secs(1_005));
    }

    #[test]
    fn system_clock_is_after_2025_and_does_not_go_back() {
        let clock = Clock::system();
        assert!(clock.unix_s() > 1_735_689_600);
        let a = clock.monotonic();
        assert!(clock.monotonic() >= a);
    }
}
