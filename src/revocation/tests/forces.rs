//! Who is refused, from when, until when.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Change, Full, Kind, Refused, Revocations, Store};
use super::{NOW, ordered, subject};
use crate::clock::Clock;
use crate::config::OnUnreadable;
use crate::limits::{
    REVOCATION_POLL_MS, REVOCATION_RESYNC_MS, REVOCATION_STALE_MS, REVOCATION_SYNC_MS,
    REVOCATIONS_LISTED_MAX, REVOCATIONS_MAX, SHARED_STATE_ANSWER_MS, SHARED_STATE_CONNECT_MS,
};
use crate::principal::{
    AuthMethod, CertificateIdentity, CertificateSource, Confirmation, Names, Principal,
};

fn alice() -> Principal {
    Principal {
        client_id: Some("web".into()),
        session: Some("sid-1".into()),
        token_id_hash: Some("ba7816bf8f01cfea".into()),
        issued_at_s: Some(NOW - 60),
        confirmation: Some(Confirmation { dpop_key: Some([7; 32]), certificate: None }),
        certificate: Some(Arc::new(CertificateIdentity::new(
            Names { dns: vec!["alice.example".into()], ..Names::default() },
            "ab".repeat(32),
            CertificateSource::Tls,
        ))),
        ..Principal::new(AuthMethod::Bearer, "https://issuer.example".into(), "alice".into())
    }
}

fn revoked(order: &str, principal: &Principal) -> bool {
    let revocations = Revocations::without_stores(Clock::manual(NOW));
    tell(&revocations, order);
    revocations.judge(principal).is_err()
}

fn tell(revocations: &Revocations, order: &str) -> Box<str> {
    let entry = ordered(order);
    let id = entry.id.clone();
    let add = Change::Add(Box::new(entry));
    revocations.took(Store::Memory, vec![add], None).unwrap();
    id
}

#[test]
fn holder_of_an_api_key_is_found_by_the_id_of_the_key() {
    let holder = Principal {
        client_id: Some("k3yId0123456".into()),
        ..Principal::new(AuthMethod::ApiKey, "".into(), "ci".into())
    };
    assert!(revoked(r#"{"kind":"key","value":"k3yId0123456"}"#, &holder));
    assert!(!revoked(r#"{"kind":"key","value":"k3yId0123457"}"#, &holder));
    let token = Principal { method: AuthMethod::Bearer, ..holder };
    assert!(!revoked(r#"{"kind":"key","value":"k3yId0123456"}"#, &token));
}

#[test]
fn caller_is_found_by_each_of_its_names_and_by_no_other() {
    let key = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, [7; 32]);
    for (kind, value) in [
        (Kind::Token, "ba7816bf8f01cfea"),
        (Kind::Subject, "alice"),
        (Kind::Client, "web"),
        (Kind::Session, "sid-1"),
        (Kind::Issuer, "https://issuer.example"),
        (Kind::Key, &"ab".repeat(32)),
        (Kind::Key, &key),
    ] {
        let order =
            |kind: Kind, value: &str| format!(r#"{{"kind":"{}","value":"{value}"}}"#, kind.name());
        assert!(revoked(&order(kind, value), &alice()), "{kind:?}");
        for other in Kind::ALL.into_iter().filter(|k| *k != kind && *k != Kind::Token) {
            assert!(!revoked(&order(other, value), &alice()), "{kind:?} as {other:?}");
        }
        let nobody = Principal::new(AuthMethod::Anonymous, "".into(), "anonymous".into());
        assert!(!revoked(&order(kind, value), &nobody));
    }
}

#[test]
fn intervals_leave_room_for_the_promise_of_a_second() {
    const { assert!(REVOCATION_POLL_MS * 2 < 1_000) };
    // The worst case: a lost notification, and an answer that takes as long as it may.
    const { assert!(REVOCATION_SYNC_MS + SHARED_STATE_ANSWER_MS < 1_000) };
    // A question that fails and another one fit before Redis counts as unreadable.
    const { assert!((SHARED_STATE_CONNECT_MS + SHARED_STATE_ANSWER_MS) < REVOCATION_STALE_MS) };
    const { assert!(REVOCATION_RESYNC_MS >= 10 * REVOCATION_STALE_MS) };
}

#[test]
fn issuer_and_time_of_issue_narrow_an_entry() {
    let of = r#"{"kind":"subject","value":"alice","issuer":"https://issuer.example"}"#;
    let of_other = r#"{"kind":"subject","value":"alice","issuer":"https://other.example"}"#;
    assert!(revoked(of, &alice()) && !revoked(of_other, &alice()));
    let before = r#"{"kind":"subject","value":"alice","issued_before":"2027-01-15T08:00:00Z"}"#;
    assert!(revoked(before, &alice()));
    let later = Principal { issued_at_s: Some(NOW), ..alice() };
    assert!(!revoked(before, &later), "who signed in again is let in");
    let unsaid = Principal { issued_at_s: None, ..alice() };
    assert!(revoked(before, &unsaid), "what does not say when it was issued is old");
}

#[test]
fn entry_counts_until_it_expires_and_is_forgotten_then() {
    let clock = Clock::manual(NOW);
    let revocations = Revocations::without_stores(clock.clone());
    tell(&revocations, r#"{"kind":"subject","value":"alice","expires_at":"2027-01-15T08:01:00Z"}"#);
    clock.advance(Duration::from_secs(59));
    assert!(matches!(revocations.judge(&alice()), Err(Refused::Revoked { .. })));
    clock.advance(Duration::from_secs(1));
    assert_eq!(revocations.judge(&alice()), Ok(()));
    assert_eq!(revocations.count(Kind::Subject), 1);
    revocations.sweep();
    assert_eq!(revocations.count(Kind::Subject), 0);
}

#[test]
fn two_entries_for_one_value_are_undone_one_by_one() {
    let revocations = Revocations::without_stores(Clock::manual(NOW));
    let order = r#"{"kind":"subject","value":"alice"}"#;
    for id in [tell(&revocations, order), tell(&revocations, order)] {
        assert!(revocations.judge(&alice()).is_err());
        let undo = Change::Undo { id, by: None };
        revocations.took(Store::Memory, vec![undo], None).unwrap();
    }
    assert_eq!(revocations.judge(&alice()), Ok(()));
}

#[tokio::test]
async fn each_change_moves_the_generation_once_and_wakes_who_waits() {
    let revocations = Revocations::without_stores(Clock::manual(NOW));
    let mut wake = revocations.wake();
    let before = revocations.generation();
    tell(&revocations, r#"{"kind":"session","value":"00"}"#);
    assert_eq!(revocations.generation(), before + 1);
    wake.changed().await;
    assert_eq!(revocations.take_sessions(), [Box::from("00")]);
    assert!(revocations.take_sessions().is_empty());
    // The same again is no change.
    revocations.readable(Store::Memory, false);
    assert_eq!(revocations.generation(), before + 1);
    drop(revocations);
    let never = tokio::time::timeout(Duration::from_millis(1), wake.changed()).await;
    assert!(never.is_err(), "the end of everything is no change");
}

#[test]
fn s13_store_that_was_not_read_or_cannot_be_refuses_everybody() {
    for policy in [OnUnreadable::Deny, OnUnreadable::LastKnown] {
        let revocations =
            Revocations::new(Clock::manual(NOW), policy, &[Store::File, Store::Redis]);
        assert_eq!(revocations.judge(&alice()), Err(Refused::Unreadable));
        revocations.took(Store::File, Vec::new(), Some(revocations.table.mark())).unwrap();
        assert_eq!(revocations.judge(&alice()), Err(Refused::Unreadable), "one is not both");
        revocations.took(Store::Redis, Vec::new(), Some(revocations.table.mark())).unwrap();
        assert_eq!(revocations.judge(&alice()), Ok(()));
        let generation = revocations.generation();
        revocations.unreadable(Store::Redis, "gone".into());
        let shut = policy == OnUnreadable::Deny;
        assert_eq!(revocations.judge(&alice()).is_err(), shut, "{policy:?}");
        assert_eq!(revocations.generation() > generation, shut, "streams ask at once");
        revocations.readable(Store::Redis, false);
        assert_eq!(revocations.judge(&alice()), Ok(()));
    }
}

#[test]
fn s13_store_that_nobody_follows_any_more_refuses_everybody() {
    let stores = [Store::File];
    let revocations = Revocations::new(Clock::manual(NOW), OnUnreadable::Deny, &stores);
    let stop = tokio_util::sync::CancellationToken::new();
    let followed = revocations.followed(Store::File, &stop);
    revocations.took(Store::File, Vec::new(), Some(revocations.table.mark())).unwrap();
    assert_eq!(revocations.judge(&alice()), Ok(()));
    drop(followed);
    assert_eq!(revocations.judge(&alice()), Err(Refused::Unreadable));
}

#[test]
fn reading_that_began_before_an_addition_does_not_take_it_away() {
    let revocations = Revocations::without_stores(Clock::manual(NOW));
    let mark = revocations.table.mark();
    tell(&revocations, r#"{"kind":"subject","value":"alice"}"#);
    revocations.took(Store::Memory, Vec::new(), Some(mark)).unwrap();
    assert!(revocations.judge(&alice()).is_err());
    let mark = revocations.table.mark();
    revocations.took(Store::Memory, Vec::new(), Some(mark)).unwrap();
    assert_eq!(revocations.judge(&alice()), Ok(()));
}

#[test]
fn table_holds_revocations_max_and_a_store_with_more_is_unreadable() {
    let stores = [Store::File];
    let revocations = Revocations::new(Clock::manual(NOW), OnUnreadable::Deny, &stores);
    let many = |count: usize| {
        let entry = |n: usize| {
            Change::Add(Box::new(super::Entry { id: n.to_string().into(), ..subject("bob") }))
        };
        (0..count).map(entry).collect::<Vec<_>>()
    };
    let mark = revocations.table.mark();
    revocations.took(Store::File, many(REVOCATIONS_MAX), Some(mark)).unwrap();
    assert_eq!(revocations.judge(&alice()), Ok(()));
    assert_eq!(revocations.table.list(REVOCATIONS_LISTED_MAX).0.len(), REVOCATIONS_LISTED_MAX);
    let mark = revocations.table.mark();
    let full = revocations.took(Store::File, many(REVOCATIONS_MAX + 1), Some(mark));
    assert_eq!(full.unwrap_err(), Full);
    assert_eq!(revocations.judge(&alice()), Err(Refused::Unreadable));
}
