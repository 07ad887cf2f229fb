//! Callers and their credentials are bounded; the rest is promised in `tests/behaviour`.

use std::sync::Arc;
use std::time::Duration;

use super::Callers;
use crate::clock::Clock;
use crate::limits::{CREDENTIAL_CALLERS_MAX, CREDENTIAL_IDLE_S};
use crate::principal::{AuthMethod, Principal};

fn caller(n: usize) -> Principal {
    Principal::new(AuthMethod::Bearer, "https://issuer.example".into(), n.to_string().into())
}

#[test]
fn callers_are_bounded_and_the_one_who_came_longest_ago_makes_room() {
    let clock = Clock::manual(1_800_000_000);
    let callers = Callers::new(clock.clone());
    for n in 0..CREDENTIAL_CALLERS_MAX {
        clock.advance(Duration::from_millis(1));
        assert!(callers.slot(&caller(n)).is_some());
    }
    clock.advance(Duration::from_millis(1));
    drop(callers.slot(&caller(0)));
    drop(callers.slot(&caller(CREDENTIAL_CALLERS_MAX)));
    let slots = callers.slots.lock().unwrap();
    assert_eq!(slots.len(), CREDENTIAL_CALLERS_MAX);
    assert!(slots.contains_key(&caller(0).key) && !slots.contains_key(&caller(1).key));
}

#[test]
fn caller_who_stays_away_is_forgotten_unless_a_conversation_goes_on() {
    let clock = Clock::manual(1_800_000_000);
    let callers = Callers::new(clock.clone());
    let held = callers.slot(&caller(1)).unwrap();
    drop(callers.slot(&caller(2)));
    clock.advance(Duration::from_secs(CREDENTIAL_IDLE_S));
    callers.sweep();
    assert!(Arc::ptr_eq(&held, &callers.slot(&caller(1)).unwrap()));
    assert_eq!(callers.slots.lock().unwrap().len(), 1);
}
