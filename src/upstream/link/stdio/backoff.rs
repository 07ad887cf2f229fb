//! When another process may be started after one died early, without I/O.
//!
//! What dies before it has said anything is broken for everybody. What dies later may have died of
//! what its caller said, so that only this caller waits: nobody can keep others out by killing
//! processes of their own. Guarantees: pauses double up to a bound, and what is remembered is
//! bounded.

use std::collections::HashMap;
use std::time::Duration;

use crate::limits::{STDIO_BACKOFF_CALLERS_MAX, STDIO_BACKOFF_MAX_MS, STDIO_BACKOFF_MIN_MS};
use crate::principal::PrincipalKey;

/// The pauses of one server. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    server: Pause,
    callers: HashMap<PrincipalKey, Pause>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Pause {
    failures: u32,
    until: Duration,
}

/// Who waits after a process died early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// It never said anything, or did not start.
    Server,
    /// It had worked before.
    Caller(PrincipalKey),
}

impl Backoff {
    /// Whether a process may be started now.
    pub(super) fn allows(&self, who: PrincipalKey, now: Duration) -> bool {
        let caller = self.callers.get(&who).is_none_or(|pause| now >= pause.until);
        caller && now >= self.server.until
    }

    /// A process died early.
    pub(super) fn died(&mut self, blame: Blame, now: Duration) {
        match blame {
            Blame::Server => self.server.lengthen(now),
            Blame::Caller(who) => {
                self.make_room(who, now);
                self.callers.entry(who).or_default().lengthen(now);
            }
        }
    }

    /// A process did its work to the end.
    pub(super) fn worked(&mut self, who: PrincipalKey) {
        self.server = Pause::default();
        self.callers.remove(&who);
    }

    fn make_room(&mut self, who: PrincipalKey, now: Duration) {
        if self.callers.len() < STDIO_BACKOFF_CALLERS_MAX || self.callers.contains_key(&who) {
            return;
        }
        self.callers.retain(|_, pause| now < pause.until);
        if self.callers.len() >= STDIO_BACKOFF_CALLERS_MAX {
            let first = self.callers.iter().min_by_key(|(_, pause)| pause.until);
            if let Some(who) = first.map(|(who, _)| *who) {
                self.callers.remove(&who);
            }
        }
    }
}

impl Pause {
    fn lengthen(&mut self, now: Duration) {
        let doubled = STDIO_BACKOFF_MIN_MS.checked_shl(self.failures).unwrap_or(u64::MAX);
        let pause = Duration::from_millis(doubled.min(STDIO_BACKOFF_MAX_MS));
        // The exponent stops growing where the pause does.
        self.failures =
            if doubled >= STDIO_BACKOFF_MAX_MS { self.failures } else { self.failures + 1 };
        self.until = self.until.max(now.saturating_add(pause));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, Blame};
    use crate::limits::{STDIO_BACKOFF_CALLERS_MAX, STDIO_BACKOFF_MAX_MS, STDIO_BACKOFF_MIN_MS};
    use crate::principal::PrincipalKey;

    const ADA: PrincipalKey = PrincipalKey([1; 16]);
    const BOB: PrincipalKey = PrincipalKey([2; 16]);

    fn pause_after(backoff: &mut Backoff, blame: Blame, now: Duration) -> u64 {
        backoff.died(blame, now);
        (0..=STDIO_BACKOFF_MAX_MS)
            .find(|ms| backoff.allows(ADA, now + Duration::from_millis(*ms)))
            .unwrap()
    }

    #[test]
    fn pauses_double_from_stdio_backoff_min_ms_to_stdio_backoff_max_ms() {
        let mut backoff = Backoff::default();
        let mut now = Duration::from_secs(1000);
        let mut expected = STDIO_BACKOFF_MIN_MS;
        for _ in 0..200 {
            assert_eq!(pause_after(&mut backoff, Blame::Server, now), expected);
            now += Duration::from_millis(expected);
            expected = (expected * 2).min(STDIO_BACKOFF_MAX_MS);
        }
        backoff.worked(ADA);
        assert_eq!(pause_after(&mut backoff, Blame::Server, now), STDIO_BACKOFF_MIN_MS);
    }

    #[test]
    fn caller_whose_process_died_keeps_nobody_else_out() {
        let mut backoff = Backoff::default();
        backoff.died(Blame::Caller(ADA), Duration::ZERO);
        assert!(!backoff.allows(ADA, Duration::ZERO) && backoff.allows(BOB, Duration::ZERO));
        backoff.died(Blame::Server, Duration::ZERO);
        assert!(!backoff.allows(BOB, Duration::ZERO));
    }

    #[test]
    fn at_most_stdio_backoff_callers_max_are_remembered() {
        let mut backoff = Backoff::default();
        for n in 0..2 * STDIO_BACKOFF_CALLERS_MAX {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&n.to_be_bytes());
            backoff.died(Blame::Caller(PrincipalKey(key)), Duration::from_micros(n as u64));
        }
        assert_eq!(backoff.callers.len(), STDIO_BACKOFF_CALLERS_MAX);
        backoff.died(Blame::Caller(ADA), Duration::from_secs(100));
        assert_eq!(backoff.callers.len(), 1);
    }
}
