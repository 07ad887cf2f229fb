//! Leases against a store that is arithmetic: no Redis, no clock but the numbers here.

use std::time::Duration;

use proptest::prelude::{prop_assert, proptest};

use super::{Answer, Id, Known, Leases, Question, ask, slice_max};
use crate::config::Rate;
use crate::limits::{SHARED_LEASE_MS, SHARED_LEASES_MAX, SHARED_LIMIT_WAIT_MS, SHARED_SLICE_MAX};

const ALICE: Id = [1; 16];
const FAST: Rate = Rate { count: 1_000, window: Duration::from_secs(1), burst: 160 };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The bucket that Redis keeps of one caller, in whole microseconds.
struct Redis {
    period_us: u64,
    burst: u64,
    full_us: u64,
}

impl Redis {
    fn of(rate: Rate) -> Self {
        let period_us = u64::try_from(rate.window.as_micros()).unwrap() / u64::from(rate.count);
        Self { period_us, burst: rate.burst.into(), full_us: 0 }
    }

    fn take(&mut self, want: u32, now: Duration) -> Answer {
        let now = u64::try_from(now.as_micros()).unwrap();
        let empty = now + self.period_us * self.burst;
        let full = self.full_us.max(now);
        let fits = (empty - full) / self.period_us;
        if fits == 0 {
            return Answer::Over(Duration::from_micros(full + self.period_us - empty));
        }
        let n = fits.min(want.into());
        self.full_us = full + n * self.period_us;
        Answer::Granted(u32::try_from(n).unwrap())
    }
}

/// Judges one call as a replica does; whether it was admitted and whether Redis was asked.
fn call(leases: &mut Leases, redis: &mut Redis, now: Duration) -> (bool, bool) {
    match leases.take(ALICE, now) {
        Known::Admitted => (true, false),
        Known::Over(_) => (false, false),
        Known::Ask(Question { want, owed: _ }) => {
            let answer = redis.take(want, now);
            leases.keep(ALICE, answer, now);
            (matches!(answer, Answer::Granted(_)), true)
        }
    }
}

#[test]
fn slices_are_a_second_of_the_rate_a_sixteenth_of_the_burst_or_shared_slice_max() {
    let rate =
        |count, window_s, burst| Rate { count, window: Duration::from_secs(window_s), burst };
    assert_eq!(slice_max(rate(60, 60, 60)), 1, "a call a second: asked about each");
    assert_eq!(slice_max(rate(1_000, 1, 160)), 10);
    assert_eq!(slice_max(rate(300, 60, 10_000)), 5);
    assert_eq!(slice_max(rate(100_000, 1, 100_000)), SHARED_SLICE_MAX);
    assert_eq!(slice_max(rate(u32::MAX, 0, u32::MAX)), SHARED_SLICE_MAX);
    assert_eq!(slice_max(rate(1, 86_400, 1)), 1);
}

#[test]
fn slice_grows_with_demand_and_calls_within_it_ask_nobody() {
    let (mut leases, mut redis) = (Leases::new(FAST), Redis::of(FAST));
    let asked: Vec<bool> = (0..40).map(|_| call(&mut leases, &mut redis, ms(0)).1).collect();
    let questions = asked.iter().enumerate().filter(|(_, asked)| **asked).map(|(at, _)| at);
    // Slices of 1, 2, 4, 8, 10, 10 and 10 calls.
    assert_eq!(questions.collect::<Vec<_>>(), [0, 1, 3, 7, 15, 25, 35]);
}

#[test]
fn caller_over_its_rate_is_refused_without_asking_until_the_time_that_redis_said() {
    let rate = Rate { count: 10, window: Duration::from_secs(1), burst: 2 };
    let (mut leases, mut redis) = (Leases::new(rate), Redis::of(rate));
    assert_eq!(call(&mut leases, &mut redis, ms(0)), (true, true));
    assert_eq!(call(&mut leases, &mut redis, ms(0)), (true, true));
    assert_eq!(call(&mut leases, &mut redis, ms(0)), (false, true));
    for now in [0, 1, 99] {
        assert_eq!(call(&mut leases, &mut redis, ms(now)), (false, false), "{now}");
    }
    assert_eq!(leases.take(ALICE, ms(60)), Known::Over(ms(40)));
    assert_eq!(call(&mut leases, &mut redis, ms(100)), (true, true));
}

#[test]
fn long_waits_are_asked_about_again_after_shared_lease_ms() {
    let mut leases = Leases::new(FAST);
    let hour = Duration::from_secs(3_600);
    leases.keep(ALICE, Answer::Over(hour), ms(0));
    let last = ms(SHARED_LEASE_MS - 1);
    assert_eq!(leases.take(ALICE, last), Known::Over(hour - last), "the true time is named");
    assert_eq!(leases.take(ALICE, ms(SHARED_LEASE_MS)), ask(1));
}

#[test]
fn of_questions_at_once_one_asks_for_more_than_its_call() {
    let mut leases = Leases::new(FAST);
    for want in [1, 2, 4] {
        assert_eq!(leases.take(ALICE, ms(0)), ask(want));
        leases.keep(ALICE, Answer::Granted(want), ms(0));
        (1..want).for_each(|_| assert_eq!(leases.take(ALICE, ms(0)), Known::Admitted));
    }
    assert_eq!(leases.take(ALICE, ms(0)), ask(8));
    for _ in 0..20 {
        assert_eq!(leases.take(ALICE, ms(0)), ask(1));
        leases.keep(ALICE, Answer::Granted(1), ms(0));
    }
    // Should the one be lost, another one asks in its place.
    assert_eq!(leases.take(ALICE, ms(SHARED_LIMIT_WAIT_MS)), ask(8));
    leases.keep(ALICE, Answer::Granted(8), ms(SHARED_LIMIT_WAIT_MS));
    assert_eq!(leases.take(ALICE, ms(SHARED_LIMIT_WAIT_MS)), Known::Admitted);
}

#[test]
fn what_one_was_lent_is_not_refused_for_another_that_came_too_late() {
    let mut leases = Leases::new(FAST);
    leases.keep(ALICE, Answer::Granted(3), ms(0));
    leases.keep(ALICE, Answer::Over(ms(500)), ms(0));
    assert_eq!(leases.take(ALICE, ms(1)), Known::Admitted);
    assert_eq!(leases.take(ALICE, ms(1)), Known::Admitted);
    assert_eq!(leases.take(ALICE, ms(1)), ask(6));
}

#[test]
fn lease_is_forfeit_after_shared_lease_ms_and_the_next_begins_with_one_call() {
    let mut leases = Leases::new(FAST);
    leases.keep(ALICE, Answer::Granted(8), ms(0));
    assert_eq!(leases.take(ALICE, ms(SHARED_LEASE_MS - 1)), Known::Admitted);
    assert_eq!(leases.take(ALICE, ms(SHARED_LEASE_MS)), ask(1));
    leases.sweep(ms(SHARED_LEASE_MS));
    assert!(leases.callers.is_empty());
}

#[test]
fn at_most_shared_leases_max_callers_are_remembered_and_others_ask_each_time() {
    assert_eq!(Leases::new(FAST).callers_max, SHARED_LEASES_MAX);
    let mut leases = Leases::with_callers_max(FAST, 2);
    for n in 0..10 {
        leases.keep([n; 16], Answer::Granted(1), ms(0));
    }
    assert_eq!(leases.callers.len(), 2);
    assert_eq!(leases.take([1; 16], ms(0)), ask(2));
    assert_eq!(leases.take([9; 16], ms(0)), ask(1), "nothing is taken out in vain");
}

#[test]
fn calls_that_were_made_without_redis_are_owed_to_it_once_and_for_as_long_as_they_count() {
    let mut leases = Leases::new(FAST);
    // Its part is ten calls a second, and three of it are used.
    let alone = |used: u32| (ms(100) * used, ms(100));
    for used in 1..=3 {
        leases.owe(ALICE, 1, alone(used), ms(0));
    }
    assert_eq!(leases.take(ALICE, ms(0)), Known::Ask(Question { want: 1, owed: 3 }));
    assert_eq!(leases.take(ALICE, ms(0)), ask(1), "another one at the same time owes nothing");
    // The question was not answered: it is owed again, less what the time has healed.
    leases.owe(ALICE, 3, alone(3), ms(0));
    assert_eq!(leases.take(ALICE, ms(150)), Known::Ask(Question { want: 1, owed: 2 }));
    leases.owe(ALICE, 2, alone(2), ms(150));
    leases.sweep(ms(349));
    assert_eq!(leases.callers.len(), 1);
    leases.sweep(ms(350));
    assert!(leases.callers.is_empty(), "nothing is owed any more");
    // Who used much before the loss owes no more than was made without Redis.
    leases.owe(ALICE, 1, alone(10), ms(400));
    assert_eq!(leases.take(ALICE, ms(400)), Known::Ask(Question { want: 1, owed: 1 }));
    leases.keep(ALICE, Answer::Granted(1), ms(400));
    assert_eq!(leases.take(ALICE, ms(400)), ask(2));
}

proptest! {
    /// `burst + rate × T + n × S` in any window, `burst + rate × T` since the first call.
    #[test]
    fn admitted_calls_stay_within_the_stated_bound(
        per_s in 1_u32..2_000, burst in 1_u32..1_500, replicas in 1_usize..5,
        steps in proptest::collection::vec((0_usize..5, 0_u64..400, 1_u32..200), 1..60),
    ) {
        let rate = Rate { count: per_s, window: Duration::from_secs(1), burst };
        let mut redis = Redis::of(rate);
        let mut leases: Vec<Leases> = (0..replicas).map(|_| Leases::new(rate)).collect();
        let mut now = Duration::from_secs(5);
        let mut admitted: Vec<(Duration, u64)> = Vec::new();
        for (replica, pause_ms, calls) in steps {
            now += ms(pause_ms);
            let leases = &mut leases[replica % replicas];
            let mut all = (0..calls).map(|_| call(leases, &mut redis, now).0);
            admitted.push((now, all.by_ref().map(u64::from).sum()));
        }
        let held = replicas as u64 * u64::from(slice_max(rate));
        let refill = |t: Duration| u64::try_from(t.as_micros()).unwrap() / redis.period_us + 1;
        for (first, (from, _)) in admitted.iter().enumerate() {
            let more = if first == 0 { 0 } else { held };
            let mut sum = 0;
            for (until, count) in &admitted[first..] {
                sum += count;
                prop_assert!(sum <= u64::from(burst) + refill(*until - *from) + more);
            }
        }
    }

    /// What is taken out and not used is a tenth of the rate and a slice, at most.
    #[test]
    fn replica_forfeits_at_most_a_tenth_of_a_rate(
        per_s in 1_u32..1_000, calls in proptest::collection::vec((0_u64..15_000, 1_u32..100), 1..100),
    ) {
        let rate = Rate { count: per_s, window: Duration::from_secs(1), burst: 100_000 };
        let (mut leases, mut redis) = (Leases::new(rate), Redis::of(rate));
        redis.burst = 10_000_000;
        let (mut now, mut taken, mut used) = (Duration::ZERO, 0_u64, 0_u64);
        for (pause_ms, calls) in calls {
            now += ms(pause_ms);
            for _ in 0..calls {
                used += 1;
                if let Known::Ask(Question { want, owed: _ }) = leases.take(ALICE, now) {
                    let answer = redis.take(want, now);
                    leases.keep(ALICE, answer, now);
                    taken += u64::from(want);
                }
            }
        }
        let tenth = u128::from(per_s) * now.as_millis() / 10_000;
        let bound = u64::try_from(tenth).unwrap() + u64::from(slice_max(rate));
        prop_assert!(taken - used <= bound, "{taken} - {used} > {bound}");
    }
}
