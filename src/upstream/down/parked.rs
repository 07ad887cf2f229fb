//! Calls that wait for their caller's answers, bounded and forgotten in time.
//!
//! Pure: handles and time are arguments. Guarantees that a handle opens once, for its owner, before
//! its time is over; that one caller's calls never push out another's; and that what is forgotten
//! is handed out, so that dropping it, which cancels the call at the server, happens outside.

use std::collections::HashMap;

use super::state::Handle;
use crate::limits::{PARKED_MAX, PARKED_PER_PRINCIPAL_MAX};
use crate::principal::PrincipalKey;

/// The parked calls of one server.
#[derive(Debug)]
pub(super) struct Parked<T> {
    spots: HashMap<Handle, Spot<T>>,
    /// Grows with every parked call, so that the oldest one is known.
    count: u64,
}

#[derive(Debug)]
struct Spot<T> {
    owner: PrincipalKey,
    expires_at_s: u64,
    number: u64,
    call: T,
}

/// No room for another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as many calls wait for answers as may")]
pub(super) struct Full;

impl<T> Default for Parked<T> {
    fn default() -> Self {
        Self { spots: HashMap::new(), count: 0 }
    }
}

impl<T> Parked<T> {
    /// Parks a call. A caller with too many of them loses the oldest, which is handed out.
    pub(super) fn park(
        &mut self,
        handle: Handle,
        owner: PrincipalKey,
        expires_at_s: u64,
        call: T,
    ) -> Result<Option<T>, Full> {
        let own = self.spots.values().filter(|spot| spot.owner == owner).count();
        let pushed_out = if own >= PARKED_PER_PRINCIPAL_MAX {
            self.oldest_of(owner).and_then(|handle| self.spots.remove(&handle))
        } else {
            None
        };
        if self.spots.len() >= PARKED_MAX {
            return Err(Full);
        }
        self.count = self.count.wrapping_add(1);
        self.spots.insert(handle, Spot { owner, expires_at_s, number: self.count, call });
        Ok(pushed_out.map(|spot| spot.call))
    }

    /// Takes a call out; somebody else's stays where it is.
    pub(super) fn take(&mut self, handle: &Handle, owner: PrincipalKey, now_s: u64) -> Option<T> {
        let spot = self.spots.get(handle)?;
        if spot.owner != owner || now_s >= spot.expires_at_s {
            return None;
        }
        self.spots.remove(handle).map(|spot| spot.call)
    }

    /// Takes out everything whose time is over.
    pub(super) fn sweep(&mut self, now_s: u64) -> Vec<T> {
        let over =
            |(handle, spot): (&Handle, &Spot<T>)| (now_s >= spot.expires_at_s).then_some(*handle);
        let expired: Vec<Handle> = self.spots.iter().filter_map(over).collect();
        expired.iter().filter_map(|handle| Some(self.spots.remove(handle)?.call)).collect()
    }

    fn oldest_of(&self, owner: PrincipalKey) -> Option<Handle> {
        let own = self.spots.iter().filter(|(_, spot)| spot.owner == owner);
        own.min_by_key(|(_, spot)| spot.number).map(|(handle, _)| *handle)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{Full, Parked};
    use crate::limits::{PARKED_MAX, PARKED_PER_PRINCIPAL_MAX};
    use crate::principal::PrincipalKey;

    fn who(n: usize) -> PrincipalKey {
        PrincipalKey((n as u128).to_be_bytes())
    }

    fn handle(n: usize) -> [u8; 16] {
        (n as u128).to_be_bytes()
    }

    #[test]
    fn handle_opens_once_for_its_owner_in_time() {
        let mut parked = Parked::default();
        parked.park(handle(1), who(1), 100, "call").unwrap();
        assert_eq!(parked.take(&handle(1), who(2), 50), None);
        assert_eq!(parked.take(&handle(2), who(1), 50), None);
        assert_eq!(parked.take(&handle(1), who(1), 100), None);
        assert_eq!(parked.take(&handle(1), who(1), 99), Some("call"));
        assert_eq!(parked.take(&handle(1), who(1), 99), None);
    }

    #[test]
    fn parked_per_principal_max_pushes_out_the_caller_s_own_oldest_call() {
        let mut parked = Parked::default();
        parked.park(handle(9_999), who(2), 100, 9_999).unwrap();
        for n in 0..PARKED_PER_PRINCIPAL_MAX {
            assert_eq!(parked.park(handle(n), who(1), 100, n), Ok(None));
        }
        assert_eq!(parked.park(handle(500), who(1), 100, 500), Ok(Some(0)));
        assert_eq!(parked.take(&handle(9_999), who(2), 0), Some(9_999));
    }

    #[test]
    fn parked_max_refuses_and_takes_from_nobody() {
        let mut parked = Parked::default();
        for n in 0..PARKED_MAX {
            parked.park(handle(n), who(n), 100, n).unwrap();
        }
        assert_eq!(parked.park(handle(PARKED_MAX), who(PARKED_MAX), 100, 0), Err(Full));
        assert_eq!(parked.take(&handle(0), who(0), 0), Some(0));
        assert!(parked.park(handle(PARKED_MAX), who(PARKED_MAX), 100, 0).is_ok());
    }

    #[test]
    fn what_is_over_is_handed_out() {
        let mut parked = Parked::default();
        parked.park(handle(1), who(1), 10, 1).unwrap();
        parked.park(handle(2), who(1), 20, 2).unwrap();
        assert_eq!(parked.sweep(10), [1]);
        assert_eq!(parked.take(&handle(2), who(1), 10), Some(2));
    }

    proptest! {
        #[test]
        fn behaves_as_a_plain_map_with_owners_and_ends(
            steps in prop::collection::vec((0..3u8, 0..12usize, 0..3usize, 0..20u64), 0..60),
        ) {
            let mut parked = Parked::default();
            let mut model: HashMap<usize, (usize, u64)> = HashMap::new();
            let mut now = 0;
            for (kind, n, owner, time) in steps {
                match kind {
                    0 if !model.contains_key(&n) => {
                        prop_assert_eq!(parked.park(handle(n), who(owner), now + time, n), Ok(None));
                        model.insert(n, (owner, now + time));
                    }
                    1 => {
                        let fits = model.get(&n).is_some_and(|(o, end)| *o == owner && now < *end);
                        prop_assert_eq!(parked.take(&handle(n), who(owner), now).is_some(), fits);
                        if fits { model.remove(&n); }
                    }
                    _ => {
                        now += time;
                        let gone = parked.sweep(now).len();
                        let before = model.len();
                        model.retain(|_, (_, end)| now < *end);
                        prop_assert_eq!(gone, before - model.len());
                    }
                }
            }
        }
    }
}
