//! Without Redis: nobody listens where it should be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Refusal, SharedRate, Sharing, part};
use crate::clock::Clock;
use crate::config::{Allowance, OnStoreLoss, Rate, SharedLimits};
use crate::limit::{Caller, Store};
use crate::limits::SHARED_LIMIT_WAIT_MS;
use crate::net::AddressKey;
use crate::principal::PrincipalKey;
use crate::secret::Secret;
use crate::shared_state::SharedState;

const RATE: Rate = Rate { count: 60, window: Duration::from_secs(60), burst: 30 };

fn store(replicas: Option<u32>) -> Arc<Store> {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let url = format!("redis://127.0.0.1:{port}").parse().unwrap();
    let settings = crate::config::Redis { url, username: None, password: None, ca: None };
    Store::new(SharedState::new(&settings).unwrap(), SharedLimits { replicas })
}

fn rate(store: &Arc<Store>, on_store_loss: OnStoreLoss, clock: &Clock) -> SharedRate {
    let sharing = Sharing::new(store, &[]);
    SharedRate::new(&sharing, &["crm"], Allowance { rate: RATE, on_store_loss }, clock)
}

fn alice() -> Option<Caller> {
    Some(Caller::Principal(PrincipalKey([1; 16])))
}

async fn admitted(rate: &SharedRate, calls: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        admitted += usize::from(rate.take(alice()).await.is_ok());
    }
    admitted
}

#[tokio::test]
async fn replica_that_is_alone_admits_its_part_the_whole_or_nothing() {
    let clock = Clock::manual(0);
    for (on_loss, replicas, first, in_a_minute) in [
        (OnStoreLoss::LocalShare, Some(3), 10, 20),
        (OnStoreLoss::LocalShare, Some(100), 1, 1),
        (OnStoreLoss::Local, Some(3), 30, 30),
        (OnStoreLoss::Deny, Some(3), 0, 0),
        // It never heard of another one, and nobody said how many there are.
        (OnStoreLoss::LocalShare, None, 0, 0),
    ] {
        let rate = rate(&store(replicas), on_loss, &clock);
        assert_eq!(admitted(&rate, 100).await, first, "{on_loss:?} {replicas:?}");
        let mut more = 0;
        for _ in 0..60 {
            clock.advance(Duration::from_secs(1));
            more += admitted(&rate, 2).await;
        }
        // A manual clock counts on; the part of three replicas is twenty a minute.
        let expected = if on_loss == OnStoreLoss::Local { 60 } else { in_a_minute };
        assert!(more.abs_diff(expected) <= 1, "{on_loss:?} {replicas:?}: {more}");
    }
}

#[tokio::test]
async fn refusals_say_whether_the_rate_is_used_up_or_unknown() {
    let clock = Clock::manual(0);
    let share = rate(&store(Some(30)), OnStoreLoss::LocalShare, &clock);
    assert_eq!(share.take(alice()).await, Ok(()));
    let Err(Refusal::Over(wait)) = share.take(alice()).await else { panic!() };
    assert_eq!(wait.seconds, 30, "a call every thirty seconds is its part");
    let deny = rate(&store(Some(3)), OnStoreLoss::Deny, &clock);
    assert_eq!(deny.take(alice()).await, Err(Refusal::Unknown));
}

#[tokio::test]
async fn redis_that_is_not_there_keeps_nobody_waiting_and_is_counted_as_lost() {
    let store = store(Some(2));
    let rate = rate(&store, OnStoreLoss::LocalShare, &Clock::manual(0));
    store.start().await;
    let started = Instant::now();
    assert_eq!(admitted(&rate, 1_000).await, 15);
    assert!(started.elapsed() < Duration::from_millis(10 * SHARED_LIMIT_WAIT_MS));
    let status = store.status();
    assert!(!status.up && status.failed >= 1, "{status:?}");
    assert_eq!((status.degraded, status.asked, status.leased), (1_000, 0, 0));
}

#[tokio::test]
async fn callers_rates_and_keys_have_names_of_their_own() {
    let (store, clock) = (store(None), Clock::manual(0));
    let key = |byte: u8| [Secret::new(vec![byte; 32])];
    let named = |keys: &[Secret], place: &[&str], rate: Rate, caller: Option<Caller>| {
        SharedRate::new(&Sharing::new(&store, keys), place, rate.into(), &clock).id(caller)
    };
    let one = named(&key(1), &["a", "b"], RATE, alice());
    assert_eq!(one, named(&key(1), &["a", "b"], RATE, alice()), "the same in every replica");
    let address = |text: &str| Some(Caller::Address(AddressKey::of(text.parse().unwrap())));
    for other in [
        named(&key(2), &["a", "b"], RATE, alice()),
        named(&[], &["a", "b"], RATE, alice()),
        named(&key(1), &["ab", ""], RATE, alice()),
        named(&key(1), &["a", "b"], Rate { burst: 31, ..RATE }, alice()),
        named(&key(1), &["a", "b"], RATE, None),
        named(&key(1), &["a", "b"], RATE, address("192.0.2.1")),
        named(&key(1), &["a", "b"], RATE, address("2001:db8::1")),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn parts_of_a_rate_add_up_to_no_more_than_the_rate() {
    for parts in 1..100 {
        let part = part(RATE, parts);
        assert!(part.burst * parts <= RATE.burst.max(parts));
        assert_eq!((part.count, part.window), (RATE.count, RATE.window * parts));
    }
}
