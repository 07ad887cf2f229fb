//! Keys change while many call: nobody with a good token is refused, nobody with a token of a
//! removed key is let in once the removal is known.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::join_all;
use sallyport::limits::{JWKS_FRESH_S, JWKS_REFRESH_MIN_S};

use crate::issuer::{Issuer, SigningKey};
use crate::keys::{by, setup};
use crate::route::{Process, Route};

const CALLERS: u64 = 8;

/// What the callers hold and what they met.
#[derive(Default)]
struct Traffic {
    calls: AtomicU64,
    false_refusals: AtomicU64,
    stop: AtomicBool,
}

/// Callers who present new and remembered tokens of one key, again and again, until told to stop.
async fn call_on(traffic: &Traffic, route: &Route, issuer: &Issuer, key: &SigningKey, who: u64) {
    let known = by(issuer, key).expires_in(999_999).subject(&format!("known-{who}")).sign();
    let mut next = 0_u64;
    while !traffic.stop.load(Ordering::SeqCst) {
        next += 1;
        let fresh = by(issuer, key).expires_in(999_999).subject(&format!("{who}-{next}")).sign();
        for token in [&known, &fresh] {
            if route.call(token).await.is_err() {
                traffic.false_refusals.fetch_add(1, Ordering::SeqCst);
            }
            traffic.calls.fetch_add(1, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until the callers have made this many more calls.
async fn more(traffic: &Traffic, calls: u64) {
    let until = traffic.calls.load(Ordering::SeqCst) + calls;
    while traffic.calls.load(Ordering::SeqCst) < until {
        tokio::task::yield_now().await;
    }
}

/// A scripted rotation: the new key is published, then signs, then the old one is withdrawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_p29_rotation_under_load_refuses_nobody_and_ends_the_removed_key() {
    let first = SigningKey::es256("key-0");
    let (issuer, process, route) = setup(vec![first.clone()]).await;
    let (issuer, route) = (Arc::new(issuer), Arc::new(route));
    let mut signing = first;
    let mut removed: Vec<SigningKey> = Vec::new();
    let mut accepted_removed = 0_u64;
    let mut calls = 0;
    for round in 1..=6 {
        let next = SigningKey::es256(&format!("key-{round}"));
        let traffic = Arc::new(Traffic::default());
        let start = |key: &SigningKey, who: u64| {
            let (traffic, route) = (Arc::clone(&traffic), Arc::clone(&route));
            let (issuer, key) = (Arc::clone(&issuer), key.clone());
            tokio::spawn(async move { call_on(&traffic, &route, &issuer, &key, who).await })
        };
        let mut callers: Vec<_> = (0..CALLERS).map(|who| start(&signing, who)).collect();
        more(&traffic, 64).await;
        // The new key stands beside the old one; tokens of both come at once.
        issuer.set_keys(vec![next.clone(), signing.clone()]);
        callers.extend((0..CALLERS).map(|who| start(&next, CALLERS + who)));
        more(&traffic, 128).await;
        process.advance(JWKS_FRESH_S);
        process.authn.refresh_due().await;
        more(&traffic, 64).await;
        traffic.stop.store(true, Ordering::SeqCst);
        join_all(callers).await;
        assert_eq!(traffic.false_refusals.load(Ordering::SeqCst), 0, "round {round}");
        calls += traffic.calls.load(Ordering::SeqCst);
        accepted_removed += withdraw(&issuer, &process, &route, &signing, &next).await;
        removed.push(std::mem::replace(&mut signing, next));
        process.advance(JWKS_REFRESH_MIN_S);
    }
    // No removed key comes back, however late its tokens are and whatever was remembered.
    for key in &removed {
        let token = by(&issuer, key).expires_in(999_999).subject("known-1").sign();
        assert!(route.call(&token).await.is_err());
    }
    assert_eq!(accepted_removed, 0);
    println!("{calls} calls in 6 rotations, no false refusal, no removed key accepted");
}

/// Withdraws the old key while callers of both go on. Counts tokens of the old one that were let
/// in by calls that began after the removal was known.
async fn withdraw(
    issuer: &Arc<Issuer>,
    process: &Process,
    route: &Arc<Route>,
    old: &SigningKey,
    new: &SigningKey,
) -> u64 {
    let traffic = Arc::new(Traffic::default());
    let known = Arc::new(AtomicBool::new(false));
    let accepted = Arc::new(AtomicU64::new(0));
    let late = |who: u64| {
        let (traffic, known, accepted) =
            (Arc::clone(&traffic), Arc::clone(&known), Arc::clone(&accepted));
        let (route, issuer, old) = (Arc::clone(route), Arc::clone(issuer), old.clone());
        tokio::spawn(async move {
            let remembered =
                by(&issuer, &old).expires_in(999_999).subject(&format!("known-{who}")).sign();
            let mut next = 0;
            while !traffic.stop.load(Ordering::SeqCst) {
                next += 1;
                let fresh =
                    by(&issuer, &old).expires_in(999_999).subject(&format!("l{who}-{next}")).sign();
                for token in [&remembered, &fresh] {
                    let after = known.load(Ordering::SeqCst);
                    if route.call(token).await.is_ok() && after {
                        accepted.fetch_add(1, Ordering::SeqCst);
                    }
                    traffic.calls.fetch_add(1, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let mut callers: Vec<_> = (0..CALLERS).map(late).collect();
    callers.extend((0..CALLERS).map(|who| {
        let (traffic, route) = (Arc::clone(&traffic), Arc::clone(route));
        let (issuer, new) = (Arc::clone(issuer), new.clone());
        tokio::spawn(async move { call_on(&traffic, &route, &issuer, &new, who).await })
    }));
    more(&traffic, 32).await;
    issuer.set_keys(vec![new.clone()]);
    process.advance(JWKS_FRESH_S);
    process.authn.refresh_due().await;
    known.store(true, Ordering::SeqCst);
    more(&traffic, 128).await;
    traffic.stop.store(true, Ordering::SeqCst);
    join_all(callers).await;
    assert_eq!(traffic.false_refusals.load(Ordering::SeqCst), 0, "a good token beside the old");
    accepted.load(Ordering::SeqCst)
}

/// The load under way read the old set; its end is no answer to a token of the new key.
#[tokio::test]
async fn token_of_a_key_that_was_added_during_a_load_is_not_refused() {
    let old = SigningKey::es256("old");
    let (issuer, process, route) = setup(vec![old.clone()]).await;
    assert!(route.call(&by(&issuer, &old).sign()).await.is_ok());
    let new = SigningKey::es256("new");
    process.advance(JWKS_FRESH_S);
    issuer.hold();
    let token = by(&issuer, &new).expires_in(9_999).sign();
    let call = async {
        issuer.arrived(2).await;
        issuer.set_keys(vec![new.clone(), old.clone()]);
        let mut call = pin!(route.call(&token));
        assert!((&mut call).now_or_never().is_none(), "it waits for the load under way");
        issuer.release();
        call.await
    };
    let ((), answer) = tokio::join!(process.authn.refresh_due(), call);
    assert!(answer.is_ok());
    assert_eq!(issuer.jwks_fetches(), 3);
}
