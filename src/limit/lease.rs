//! What a replica knows of callers between two questions to Redis.
//!
//! Owns [`Leases`]; no I/O, and time is an argument. A caller in demand gets a slice of its budget
//! at once, and calls within it ask nobody; who is over its rate waits as it was told and asks
//! nobody either, for [`SHARED_LEASE_MS`] at most. Guarantees: at most [`slice_max`] calls of one caller are held; a slice grows
//! only as fast as it is used up, and of questions at the same time one asks for more than the call
//! that it is about, so that little is taken out in vain; what is held longer than
//! [`SHARED_LEASE_MS`] is forfeit; at most [`SHARED_LEASES_MAX`] callers are remembered.
//!
//! Calls that were admitted while Redis was away are owed to it: it went on to fill the caller's
//! bucket as if there had been none. The first question after it names them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::config::Rate;
use crate::limits::{SHARED_LEASE_MS, SHARED_LEASES_MAX, SHARED_LIMIT_WAIT_MS, SHARED_SLICE_MAX};

/// The name of a caller's bucket, the same in every replica.
pub(super) type Id = [u8; 16];

/// What Redis said of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many calls were taken out, at least one.
    Granted(u32),
    /// None fits before this time has passed.
    Over(Duration),
}

/// What is known without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The call is admitted.
    Admitted,
    /// It is not, for this time.
    Over(Duration),
    /// Redis is to be asked.
    Ask(Question),
}

/// What Redis is asked about a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    /// Calls that are wanted.
    pub(super) want: u32,
    /// Calls that were made without asking.
    pub(super) owed: u32,
}

/// The callers of one rate.
#[derive(Debug)]
pub(super) struct Leases {
    slice_max: u32,
    /// In which this replica alone regains one call.
    alone_period: Duration,
    callers: HashMap<Id, Lease>,
    callers_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    left: u32,
    /// Calls of the last slice.
    want: u32,
    /// When calls that are left are forfeit, and Redis is asked again about who is over.
    until: Duration,
    /// Over the rate: until when, as Redis said.
    over: Option<Duration>,
    /// Until then somebody may be asking for the next slice.
    asking: Duration,
    owed: Owed,
}

/// What Redis does not know yet.
#[derive(Debug, Clone, Copy, Default)]
struct Owed {
    calls: u32,
    /// When the caller's part of the rate is whole again, and nothing is owed.
    until: Duration,
}

impl Leases {
    pub(super) fn new(rate: Rate) -> Self {
        Self::with_callers_max(rate, SHARED_LEASES_MAX)
    }

    fn with_callers_max(rate: Rate, callers_max: usize) -> Self {
        let alone_period = Duration::MAX;
        Self { slice_max: slice_max(rate), alone_period, callers: HashMap::new(), callers_max }
    }

    /// Judges a call, or says what to ask for.
    pub(super) fn take(&mut self, id: Id, now: Duration) -> Known {
        let Some(lease) = self.callers.get_mut(&id) else { return ask(1) };
        let owed = std::mem::take(&mut lease.owed).at(now, self.alone_period);
        if owed > 0 {
            return Known::Ask(Question { want: 1, owed });
        }
        if now >= lease.until {
            lease.left = 0;
            lease.want = (lease.want / 2).max(1);
            return ask(1);
        }
        if let Some(over) = lease.over {
            return Known::Over(over.saturating_sub(now));
        }
        if let Some(left) = lease.left.checked_sub(1) {
            lease.left = left;
            return Known::Admitted;
        }
        if now < lease.asking {
            return ask(1);
        }
        lease.asking = now.saturating_add(Duration::from_millis(SHARED_LIMIT_WAIT_MS));
        ask(lease.want.saturating_mul(2).min(self.slice_max))
    }

    /// Notes calls that were admitted without Redis, where it takes `whole` until the caller's part
    /// of the rate is whole again, and `period` for each call of it.
    pub(super) fn owe(
        &mut self,
        id: Id,
        calls: u32,
        (whole, period): (Duration, Duration),
        now: Duration,
    ) {
        self.alone_period = period;
        if let Some(lease) = self.entry(id, now) {
            lease.owed.calls = lease.owed.calls.saturating_add(calls);
            lease.owed.until = now.saturating_add(whole);
        }
    }

    /// The entry of a caller, where there is one or room for one.
    fn entry(&mut self, id: Id, now: Duration) -> Option<&mut Lease> {
        let room = self.callers.len() < self.callers_max;
        match self.callers.entry(id) {
            Entry::Occupied(held) => Some(held.into_mut()),
            Entry::Vacant(_) if !room => None,
            Entry::Vacant(free) => Some(free.insert(Lease {
                left: 0,
                want: 1,
                until: now,
                over: None,
                asking: Duration::ZERO,
                owed: Owed::default(),
            })),
        }
    }

    /// Keeps what is left of an answer when its call was judged by it.
    pub(super) fn keep(&mut self, id: Id, answer: Answer, now: Duration) {
        let slice_max = self.slice_max;
        let Some(lease) = self.entry(id, now) else { return };
        let held = now < lease.until && lease.over.is_none();
        match answer {
            Answer::Granted(granted) => {
                let left = if held { lease.left } else { 0 };
                lease.left = left.saturating_add(granted.saturating_sub(1)).min(slice_max);
                lease.until = now.saturating_add(LEASE);
                if granted > 1 || !held {
                    (lease.want, lease.asking) = (granted, Duration::ZERO);
                }
                lease.over = None;
            }
            // Two asked at once: what one was lent is not refused for the other.
            Answer::Over(_) if held && lease.left > 0 => {}
            Answer::Over(wait) => {
                (lease.left, lease.want, lease.asking) = (0, 1, Duration::ZERO);
                // A Redis that was emptied by hand counts anew everywhere soon.
                lease.until = now.saturating_add(wait.min(LEASE));
                lease.over = Some(now.saturating_add(wait));
            }
        }
    }

    /// Forgets what has ended.
    pub(super) fn sweep(&mut self, now: Duration) {
        self.callers.retain(|_, lease| now < lease.until || now < lease.owed.until);
        self.callers.shrink_to_fit();
    }
}

impl Owed {
    /// Calls that are still missing from the caller's part of the rate; no more than were made.
    fn at(self, now: Duration, period: Duration) -> u32 {
        let missing = self.until.saturating_sub(now).as_nanos().div_ceil(period.as_nanos().max(1));
        self.calls.min(u32::try_from(missing).unwrap_or(u32::MAX))
    }
}

fn ask(want: u32) -> Known {
    Known::Ask(Question { want, owed: 0 })
}

/// Calls of one caller's budget that one replica may hold: as many as the rate gives in a second,
/// a sixteenth of the burst, or [`SHARED_SLICE_MAX`], whichever is least. Below two it holds none,
/// and Redis is asked about every call.
#[must_use]
pub fn slice_max(rate: Rate) -> u32 {
    let window_ms = rate.window.as_millis().max(1);
    let second = u128::from(rate.count).saturating_mul(1_000) / window_ms;
    let second = u32::try_from(second).unwrap_or(u32::MAX);
    (rate.burst / 16).min(second).clamp(1, SHARED_SLICE_MAX)
}

const LEASE: Duration = Duration::from_millis(SHARED_LEASE_MS);

#[cfg(test)]
mod tests;
