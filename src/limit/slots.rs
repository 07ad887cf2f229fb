//! Calls in flight, counted per caller and in all.
//!
//! Owns [`Slots`] and the guard [`Slot`]. Guarantees that a count is given back exactly once, when
//! the slot is dropped, and that the map holds callers in flight only: it cannot outgrow
//! [`crate::limits::IN_FLIGHT_MAX`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Caller;

/// The counts of one route. Shared by the configurations that follow each other, so that a reload
/// forgets nobody who is in flight.
#[derive(Debug, Default)]
pub struct Slots(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: u32,
    callers: HashMap<Caller, u32>,
}

/// The right to be in flight; dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub struct Slot(Option<(Arc<Slots>, Caller)>);

/// How many may be in flight; `None` is not bounded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Calls of one caller.
    pub of_caller: Option<u32>,
    /// Calls of all callers.
    pub of_route: Option<u32>,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The caller has as many calls in flight as it may.
    #[error("{0} calls of this caller are in flight")]
    Caller(u32),
    /// The route has.
    #[error("{0} calls of this route are in flight")]
    Route(u32),
}

impl Slots {
    /// Takes a slot under both caps, or neither.
    ///
    /// # Errors
    /// [`Full`] with the cap that is reached.
    pub fn take(self: &Arc<Self>, caller: Caller, caps: Caps) -> Result<Slot, Full> {
        let mut counts = self.lock();
        if let Some(cap) = caps.of_route.filter(|cap| counts.all >= *cap) {
            return Err(Full::Route(cap));
        }
        let of_caller = counts.callers.get(&caller).copied().unwrap_or(0);
        if let Some(cap) = caps.of_caller.filter(|cap| of_caller >= *cap) {
            return Err(Full::Caller(cap));
        }
        counts.all = counts.all.saturating_add(1);
        counts.callers.insert(caller, of_caller.saturating_add(1));
        Ok(Slot(Some((Arc::clone(self), caller))))
    }

    /// Calls in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.lock().all
    }

    fn give_back(&self, caller: Caller) {
        let mut counts = self.lock();
        counts.all = counts.all.saturating_sub(1);
        if let Entry::Occupied(mut entry) = counts.callers.entry(caller) {
            match entry.get().saturating_sub(1) {
                0 => drop(entry.remove()),
                left => *entry.get_mut() = left,
            }
        }
    }

    /// A panic elsewhere leaves whole counts behind: each critical section only adds or subtracts.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The slot of a call that is not counted.
    pub fn free() -> Self {
        Self(None)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((slots, caller)) = self.0.take() {
            slots.give_back(caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{Caps, Full, Slots};
    use crate::limit::Caller;
    use crate::principal::PrincipalKey;

    const CAPS: Caps = Caps { of_caller: Some(2), of_route: Some(3) };

    fn caller(n: u8) -> Caller {
        Caller::Principal(PrincipalKey([n; 16]))
    }

    #[test]
    fn caps_hold_per_caller_and_in_all_until_a_slot_is_dropped() {
        let slots = Arc::new(Slots::default());
        let first = slots.take(caller(1), CAPS).unwrap();
        let _second = slots.take(caller(1), CAPS).unwrap();
        assert_eq!(slots.take(caller(1), CAPS).unwrap_err(), Full::Caller(2));
        let _other = slots.take(caller(2), CAPS).unwrap();
        assert_eq!(slots.take(caller(3), CAPS).unwrap_err(), Full::Route(3));
        drop(first);
        assert!(slots.take(caller(3), CAPS).is_ok());
    }

    #[test]
    fn map_holds_callers_in_flight_only() {
        let slots = Arc::new(Slots::default());
        for n in 0..=255 {
            drop(slots.take(caller(n), CAPS).unwrap());
        }
        assert!(slots.lock().callers.is_empty());
        assert_eq!(slots.in_flight(), 0);
    }

    proptest! {
        #[test]
        fn counts_equal_the_slots_that_live(steps in proptest::collection::vec((0_u8..4, any::<bool>()), 0..200)) {
            let slots = Arc::new(Slots::default());
            let mut live: Vec<(u8, super::Slot)> = Vec::new();
            for (n, takes) in steps {
                if takes {
                    match slots.take(caller(n), CAPS) {
                        Ok(slot) => live.push((n, slot)),
                        Err(Full::Route(_)) => prop_assert_eq!(live.len(), 3),
                        Err(Full::Caller(_)) => {
                            prop_assert_eq!(live.iter().filter(|(of, _)| *of == n).count(), 2);
                        }
                    }
                } else if let Some(at) = live.iter().position(|(of, _)| *of == n) {
                    drop(live.remove(at));
                }
                prop_assert_eq!(slots.in_flight() as usize, live.len());
                prop_assert!(live.len() <= 3);
            }
        }
    }
}
