//! What a replica knows of callers between two questions to Redis.
//!
//! Owns [`Leases`]; no I/O, and time is an argument. A caller in demand gets a slice of its budget
//! at once, and calls within it ask nobody; what is over its rate waits as it was told and asks
//! nobody either. Guarantees: at most [`slice_max`] calls of one caller are held; a slice grows
//! only as fast as it is used up, and of questions at the same time one asks for more than the call
//! that it is about, so that little is taken out in vain; what is held longer than
//! [`SHARED_LEASE_MS`] is forfeit; at most [`SHARED_LEASES_MAX`] callers are remembered.

use std::collections::HashMap;
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
    /// Redis is to be asked for so many calls.
    Ask(u32),
}

/// The callers of one rate.
#[derive(Debug)]
pub(super) struct Leases {
    slice_max: u32,
    callers: HashMap<Id, Lease>,
    callers_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    left: u32,
    /// Calls of the last slice.
    want: u32,
    /// With calls left: when they are forfeit. Over the rate: until when.
    until: Duration,
    over: bool,
    /// Until then somebody may be asking for the next slice.
    asking: Duration,
}

impl Leases {
    pub(super) fn new(rate: Rate) -> Self {
        Self::with_callers_max(rate, SHARED_LEASES_MAX)
    }

    fn with_callers_max(rate: Rate, callers_max: usize) -> Self {
        Self { slice_max: slice_max(rate), callers: HashMap::new(), callers_max }
    }

    /// Judges a call, or says what to ask for.
    pub(super) fn take(&mut self, id: Id, now: Duration) -> Known {
        let Some(lease) = self.callers.get_mut(&id) else { return Known::Ask(1) };
        if now >= lease.until {
            lease.left = 0;
            lease.want = (lease.want / 2).max(1);
            return Known::Ask(1);
        }
        if lease.over {
            return Known::Over(lease.until.saturating_sub(now));
        }
        if let Some(left) = lease.left.checked_sub(1) {
            lease.left = left;
            return Known::Admitted;
        }
        if now < lease.asking {
            return Known::Ask(1);
        }
        lease.asking = now.saturating_add(Duration::from_millis(SHARED_LIMIT_WAIT_MS));
        Known::Ask(lease.want.saturating_mul(2).min(self.slice_max))
    }

    /// Keeps what is left of an answer when its call was judged by it.
    pub(super) fn keep(&mut self, id: Id, answer: Answer, now: Duration) {
        let held = self.callers.get_mut(&id).filter(|lease| now < lease.until && !lease.over);
        let lease = match (answer, held) {
            (Answer::Granted(granted), Some(held)) => {
                held.left = held.left.saturating_add(granted.saturating_sub(1)).min(self.slice_max);
                held.until = now.saturating_add(LEASE);
                if granted > 1 {
                    (held.want, held.asking) = (granted, Duration::ZERO);
                }
                return;
            }
            // Two asked at once: what one was lent is not refused for the other.
            (Answer::Over(_), Some(held)) if held.left > 0 => return,
            (Answer::Granted(granted), None) => Lease {
                left: granted.saturating_sub(1).min(self.slice_max),
                want: granted,
                until: now.saturating_add(LEASE),
                over: false,
                asking: Duration::ZERO,
            },
            (Answer::Over(wait), Some(_) | None) => Lease {
                left: 0,
                want: 1,
                until: now.saturating_add(wait),
                over: true,
                asking: Duration::ZERO,
            },
        };
        if self.callers.len() < self.callers_max || self.callers.contains_key(&id) {
            self.callers.insert(id, lease);
        }
    }

    /// Forgets what has ended.
    pub(super) fn sweep(&mut self, now: Duration) {
        self.callers.retain(|_, lease| now < lease.until);
        self.callers.shrink_to_fit();
    }
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
