//! Whose sessions there are, and how long.

use std::time::Duration;

use super::super::{Conversation, Lifetimes, Registry, SessionId};
use super::{Server, call, ready};
use crate::limits::{SESSION_S, TALK_IDLE_S, TALK_SESSIONS_MAX, TALK_SESSIONS_PER_PRINCIPAL_MAX};
use crate::principal::PrincipalKey;
use crate::upstream::link::LinkError;

const ALICE: PrincipalKey = PrincipalKey([1; 16]);
const BOB: PrincipalKey = PrincipalKey([2; 16]);
const T0: Duration = Duration::from_secs(1_000);

fn after(seconds: u64) -> Duration {
    T0 + Duration::from_secs(seconds)
}

async fn open(
    registry: &Registry,
    owner: PrincipalKey,
    now: Duration,
) -> (SessionId, Conversation, Server) {
    let (conversation, server) = ready().await;
    let id = registry.reserve(owner, now).unwrap().fill(conversation.clone());
    (id, conversation, server)
}

#[tokio::test(start_paused = true)]
async fn s18_a_session_is_found_by_its_own_caller_alone() {
    let registry = Registry::default();
    let (id, conversation, _server) = open(&registry, ALICE, T0).await;
    assert!(registry.find(ALICE, id, T0).is_some());
    assert!(registry.find(BOB, id, T0).is_none());
    assert!(!registry.end(BOB, id) && !conversation.is_closed());
    assert!(registry.end(ALICE, id) && conversation.is_closed());
    assert!(!registry.end(ALICE, id) && registry.find(ALICE, id, T0).is_none());
    assert!(registry.is_empty());
}

#[tokio::test(start_paused = true)]
async fn ids_are_128_bits_in_hex_and_nothing_else_is_one() {
    let registry = Registry::default();
    let (id, _conversation, _server) = open(&registry, ALICE, T0).await;
    let shown = id.to_string();
    assert_eq!(SessionId::parse(&shown), Some(id));
    assert_ne!(open(&registry, ALICE, T0).await.0, id);
    assert_eq!(format!("{id:?}"), "SessionId", "an id opens a session");
    let upper = shown.to_uppercase();
    for other in ["", "+1", &shown[1..], &format!("{shown}0"), &format!("+{}", &shown[1..])] {
        assert_eq!(SessionId::parse(other), None, "{other}");
    }
    assert!(upper == shown || SessionId::parse(&upper).is_none());
}

#[tokio::test(start_paused = true)]
async fn p22_idle_sessions_end_after_talk_idle_s_and_busy_ones_do_not() {
    let registry = Registry::default();
    let (idle, first, _one) = open(&registry, ALICE, T0).await;
    let (busy, second, mut two) = open(&registry, ALICE, T0).await;
    let (listening, third, _three) = open(&registry, BOB, T0).await;
    let (under_way, _) = call(&second, &mut two, "1").await;
    let _unasked = third.listen().unwrap();
    registry.sweep(after(TALK_IDLE_S - 1));
    assert_eq!(registry.len(), 3);
    registry.sweep(after(TALK_IDLE_S));
    assert!(first.is_closed() && registry.find(ALICE, idle, after(TALK_IDLE_S)).is_none());
    assert!(registry.find(ALICE, busy, after(TALK_IDLE_S)).is_some());
    assert!(registry.find(BOB, listening, after(TALK_IDLE_S)).is_some());
    // Idle from its last use on.
    drop(under_way);
    registry.sweep(after(2 * TALK_IDLE_S - 1));
    assert!(!second.is_closed());
    assert!(registry.find(ALICE, busy, after(2 * TALK_IDLE_S)).is_none(), "also before the sweep");
    assert!(second.is_closed());
}

#[tokio::test(start_paused = true)]
async fn p22_no_session_outlives_session_s() {
    let registry = Registry::new(Lifetimes::default());
    let (id, conversation, mut server) = open(&registry, ALICE, T0).await;
    let (_call, _) = call(&conversation, &mut server, "1").await;
    registry.sweep(after(SESSION_S - 1));
    assert!(registry.find(ALICE, id, after(SESSION_S - 1)).is_some());
    registry.sweep(after(SESSION_S));
    assert!(conversation.is_closed() && registry.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_talk_sessions_per_principal_max_loses_the_one_idle_for_longest() {
    let registry = Registry::default();
    let mut own = Vec::new();
    for n in 0..TALK_SESSIONS_PER_PRINCIPAL_MAX {
        own.push(open(&registry, ALICE, after(n as u64)).await);
    }
    let (other, _conversation, _server) = open(&registry, BOB, T0).await;
    // The oldest was used last.
    assert!(registry.find(ALICE, own[0].0, after(100)).is_some());
    own.push(open(&registry, ALICE, after(101)).await);
    assert!(!own[0].1.is_closed() && own[1].1.is_closed());
    assert!(registry.find(BOB, other, after(101)).is_some());
    assert_eq!(registry.len(), TALK_SESSIONS_PER_PRINCIPAL_MAX + 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_sessions_are_all_in_use_gets_no_more() {
    let registry = Registry::default();
    let mut places = Vec::new();
    for _ in 0..TALK_SESSIONS_PER_PRINCIPAL_MAX {
        places.push(registry.reserve(ALICE, T0).unwrap());
    }
    assert!(matches!(registry.reserve(ALICE, T0), Err(LinkError::Full(_))));
    assert!(registry.reserve(BOB, T0).is_ok());
    // Given back by whoever could not open.
    places.pop();
    let (_, conversation, mut server) = open(&registry, ALICE, T0).await;
    let (under_way, _) = call(&conversation, &mut server, "1").await;
    assert!(matches!(registry.reserve(ALICE, T0), Err(LinkError::Full(_))));
    drop(under_way);
    assert!(registry.reserve(ALICE, T0).is_ok());
    assert!(conversation.is_closed());
}

#[test]
fn all_together_have_talk_sessions_max_sessions_and_nobody_ends_another_ones() {
    let registry = Registry::default();
    let owner = |n: usize| PrincipalKey((n as u128).to_be_bytes());
    let places: Vec<_> =
        (0..TALK_SESSIONS_MAX).map(|n| registry.reserve(owner(n), T0).unwrap()).collect();
    assert!(matches!(registry.reserve(ALICE, T0), Err(LinkError::Full(_))));
    drop(places);
    assert!(registry.is_empty() && registry.reserve(ALICE, T0).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_server_died_is_unknown() {
    let registry = Registry::default();
    let (id, conversation, mut server) = open(&registry, ALICE, T0).await;
    server.die();
    conversation.closed().await;
    assert!(registry.find(ALICE, id, T0).is_none());
    assert!(registry.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_registry_ends_all_and_what_comes_late() {
    let registry = Registry::default();
    let (_, conversation, _server) = open(&registry, ALICE, T0).await;
    let place = registry.reserve(ALICE, T0).unwrap();
    drop(registry);
    assert!(conversation.is_closed());
    let (late, _server) = ready().await;
    let _ = place.fill(late.clone());
    assert!(late.is_closed());
}
