//! The seal: for whom it opens, and what it hides.

use std::time::Duration;

use proptest::prelude::*;

use super::{Facts, KeyError, Opened, Purpose, SEALED_BYTES_MAX, Sealer, SessionError};
use crate::limits::{NAME_BYTES_MAX, SESSION_ID_BYTES_MAX, SESSION_KEYS_MAX};
use crate::mcp::version::Revision;
use crate::principal::PrincipalKey;
use crate::reject::{Code, Rejection};
use crate::secret::Secret;

const NOW_S: u64 = 1_800_000_000;
const HOUR: Duration = Duration::from_secs(3600);
const ALICE: PrincipalKey = PrincipalKey([1; 16]);
const BOB: PrincipalKey = PrincipalKey([2; 16]);

fn sealer(byte: u8) -> Sealer {
    ring(&[byte])
}

fn ring(bytes: &[u8]) -> Sealer {
    let keys: Vec<Secret> = bytes.iter().map(|byte| Secret::new(vec![*byte; 32])).collect();
    Sealer::new(&keys).unwrap()
}

fn facts<'f>(upstream_id: &'f str, caller: PrincipalKey, server: &'f str) -> Facts<'f> {
    let revision = Some(Revision::V2025_06_18);
    Facts { purpose: Purpose::Session, upstream_id, revision, caller, server }
}

fn open(
    sealer: &Sealer,
    id: &str,
    caller: PrincipalKey,
    server: &str,
    now_s: u64,
) -> Result<Opened, SessionError> {
    sealer.open(Purpose::Session, id, caller, server, now_s)
}

fn sealed() -> String {
    sealer(7).seal(&facts("up-1", ALICE, "crm"), NOW_S, HOUR).unwrap().id
}

#[test]
fn id_opens_for_its_caller_on_its_server() {
    let made = sealer(7).seal(&facts("up-1", ALICE, "crm"), NOW_S, HOUR).unwrap();
    let expected = Opened {
        upstream_id: "up-1".into(),
        revision: Some(Revision::V2025_06_18),
        opened_at_s: NOW_S,
        expires_at_s: NOW_S + 3600,
        hash: made.hash,
    };
    assert_eq!(open(&sealer(7), &made.id, ALICE, "crm", NOW_S + 3599), Ok(expected));
}

#[test]
fn every_revision_and_an_unknown_one_survive_the_seal() {
    for revision in Revision::ALL.map(Some).into_iter().chain([None]) {
        let facts = Facts { revision, ..facts("up-1", ALICE, "crm") };
        let id = sealer(7).seal(&facts, NOW_S, HOUR).unwrap().id;
        assert_eq!(open(&sealer(7), &id, ALICE, "crm", NOW_S).unwrap().revision, revision);
    }
}

#[test]
fn p21_old_keys_open_what_they_sealed_and_the_first_key_seals() {
    let old = sealed();
    let rotated = ring(&[8, 7]);
    let opened = open(&rotated, &old, ALICE, "crm", NOW_S).unwrap();
    assert_eq!(opened.hash, open(&sealer(7), &old, ALICE, "crm", NOW_S).unwrap().hash);
    let new = rotated.seal(&facts("up-2", ALICE, "crm"), NOW_S, HOUR).unwrap().id;
    assert!(open(&sealer(8), &new, ALICE, "crm", NOW_S).is_ok());
    assert_eq!(open(&sealer(7), &new, ALICE, "crm", NOW_S), Err(SessionError::Forged));
    assert_eq!(open(&sealer(8), &old, ALICE, "crm", NOW_S), Err(SessionError::Forged));
}

#[test]
fn keys_beyond_the_bound_are_refused() {
    let keys: Vec<Secret> = (0..=SESSION_KEYS_MAX).map(|_| Secret::new(vec![1; 32])).collect();
    assert_eq!(Sealer::new(&keys).unwrap_err(), KeyError::Many);
}

#[test]
fn s18_foreign_expired_forged_and_unknown_ids_are_answered_alike() {
    let id = sealed();
    let stream = Facts { purpose: Purpose::Stream, ..facts("up-1", ALICE, "crm") };
    let stream = sealer(7).seal(&stream, NOW_S, HOUR).unwrap().id;
    for (error, expected) in [
        (open(&sealer(7), &id, BOB, "crm", NOW_S), SessionError::ForeignCaller),
        (open(&sealer(7), &id, ALICE, "erp", NOW_S), SessionError::ForeignServer),
        (open(&sealer(7), &stream, ALICE, "crm", NOW_S), SessionError::ForeignKind),
        (open(&sealer(7), &id, ALICE, "crm", NOW_S + 3600), SessionError::Expired),
        (open(&sealer(8), &id, ALICE, "crm", NOW_S), SessionError::Forged),
        (open(&sealer(7), "up-1", ALICE, "crm", NOW_S), SessionError::Forged),
        (open(&sealer(7), "", ALICE, "crm", NOW_S), SessionError::Malformed),
        (open(&sealer(7), &format!("{id}="), ALICE, "crm", NOW_S), SessionError::Malformed),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error, expected);
        assert_eq!(Rejection::from(error).code, Code::SessionUnknown);
    }
}

#[test]
fn s18_two_ids_for_the_same_session_have_nothing_in_common() {
    let (a, b) = (sealed(), sealed());
    assert_ne!(a, b);
    assert!(!a.contains("up-1"));
    assert!(a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
}

#[test]
fn upstream_ids_out_of_form_are_not_sealed() {
    let long = "x".repeat(SESSION_ID_BYTES_MAX + 1);
    for id in ["", "a b", "a\n", "é", "a\u{7f}", &long] {
        let error = sealer(7).seal(&facts(id, ALICE, "crm"), NOW_S, HOUR).unwrap_err();
        assert_eq!(error, SessionError::UpstreamId, "{id}");
        assert_eq!(Rejection::from(error).code, Code::UpstreamInvalid);
    }
}

#[test]
fn longest_id_stays_within_sealed_bytes_max_and_opens() {
    let (id, server) = ("x".repeat(SESSION_ID_BYTES_MAX), "s".repeat(NAME_BYTES_MAX));
    let sealed = sealer(7).seal(&facts(&id, ALICE, &server), NOW_S, HOUR).unwrap().id;
    assert!(sealed.len() <= SEALED_BYTES_MAX);
    let opened = open(&sealer(7), &sealed, ALICE, &server, NOW_S).unwrap();
    assert_eq!(&*opened.upstream_id, id);
    let longer = "A".repeat(SEALED_BYTES_MAX + 1);
    assert_eq!(open(&sealer(7), &longer, ALICE, "crm", NOW_S), Err(SessionError::Malformed));
}

#[test]
fn drawn_keys_differ_and_short_keys_are_refused() {
    let drawn = Sealer::new(&[]).unwrap();
    let id = drawn.seal(&facts("u", ALICE, "crm"), NOW_S, HOUR).unwrap().id;
    let other = Sealer::new(&[]).unwrap();
    assert_eq!(open(&other, &id, ALICE, "crm", NOW_S), Err(SessionError::Forged));
    let short = [Secret::new(vec![1; 32]), Secret::new(vec![1; 31])];
    assert_eq!(Sealer::new(&short).unwrap_err(), KeyError::Length { found: 31 });
}

#[test]
fn hash_is_stable_keyed_and_short() {
    let hash = |byte, id| sealer(byte).first.hash(id);
    assert_eq!(hash(7, "id"), hash(7, "id"));
    assert_ne!(hash(7, "id"), hash(8, "id"));
    assert_ne!(hash(7, "id"), hash(7, "ie"));
    let text = hash(7, "id").to_string();
    assert!(text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn key_does_not_show_in_debug_output() {
    let key = Secret::new(b"0123456789abcdef0123456789abcdef".to_vec());
    let shown = format!("{:?}", Sealer::new(&[key]));
    assert!(!shown.contains("0123") && !shown.contains("48, 49"), "{shown}");
}

proptest! {
    #[test]
    fn any_changed_character_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let id = sealed();
        let at = at.index(id.len());
        let mut changed = id.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != id);
        prop_assert!(open(&sealer(7), &changed, ALICE, "crm", NOW_S).is_err());
    }

    #[test]
    fn any_cut_is_refused(at in any::<prop::sample::Index>()) {
        let id = sealed();
        let cut = id.get(..at.index(id.len())).unwrap();
        prop_assert!(open(&sealer(7), cut, ALICE, "crm", NOW_S).is_err());
    }

    #[test]
    fn every_visible_id_survives(id in "[!-~]{1,100}", server in "[a-z-]{1,20}", caller: [u8; 16]) {
        let caller = PrincipalKey(caller);
        let sealed = sealer(7).seal(&facts(&id, caller, &server), NOW_S, HOUR).unwrap().id;
        let opened = open(&sealer(7), &sealed, caller, &server, NOW_S).unwrap();
        prop_assert_eq!(&*opened.upstream_id, &id);
    }

    #[test]
    fn opening_never_panics(id in "[A-Za-z0-9_-]{0,100}|.{0,30}") {
        let _ = open(&sealer(7), &id, ALICE, "crm", NOW_S);
    }
}
