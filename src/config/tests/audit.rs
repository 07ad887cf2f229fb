//! The audit trail's keys.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::super::model::Anchor;
use super::{Folder, SERVER, Strictness, accepted, check_in, refused, refused_in, warned_in};
use crate::limits::{
    AUDIT_ANCHORS_MAX, AUDIT_CHECKPOINT_MS, AUDIT_CHECKPOINT_MS_MAX, AUDIT_CHECKPOINT_RECORDS,
    AUDIT_CHECKPOINT_RECORDS_MAX, AUDIT_NAME_BYTES_MAX, AUDIT_RETENTION_AGE_MS_MAX,
    AUDIT_RULES_MAX, AUDIT_SEGMENT_BYTES, AUDIT_SEGMENT_BYTES_MAX, AUDIT_SEGMENT_BYTES_MIN,
    AUDIT_SEGMENT_MS, AUDIT_SEGMENT_MS_MAX,
};

fn with(keys: &str) -> String {
    format!("audit: {{ {keys} }}\n{SERVER}")
}

#[test]
fn a_trail_that_is_told_nothing_has_the_defaults_of_the_manual() {
    let audit = accepted(SERVER).config.audit;
    assert_eq!((audit.origin, audit.signing_key), (None, None));
    assert_eq!(audit.checkpoint_records, AUDIT_CHECKPOINT_RECORDS);
    assert_eq!(audit.checkpoint_interval, Duration::from_millis(AUDIT_CHECKPOINT_MS));
    assert_eq!(audit.segment_bytes, AUDIT_SEGMENT_BYTES as u64);
    assert_eq!(audit.segment_age, Duration::from_millis(AUDIT_SEGMENT_MS));
    assert_eq!(audit.anchors, [Anchor::Log]);
    assert_eq!((AUDIT_CHECKPOINT_RECORDS, AUDIT_CHECKPOINT_MS), (10_000, 10_000));
    assert_eq!((AUDIT_SEGMENT_BYTES >> 20, AUDIT_SEGMENT_MS / 3_600_000), (64, 24));
}

#[test]
fn name_key_rhythm_and_anchors_are_taken() {
    let folder = Folder::new();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let path = folder.write("audit.key", key.serialize_pem());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = with(
        "origin: gw-1.example.com/audit, signing_key: { file: audit.key }, \
         checkpoint: { records: 500, interval: 2s }, segment: { size: 1MiB, age: 7d }, \
         anchors: [log, stdout, { file: kept/checkpoints }]",
    );
    let audit = check_in(&folder, &text, Strictness::Strict).unwrap().config.audit;
    assert_eq!(audit.origin.as_deref(), Some("gw-1.example.com/audit"));
    assert!(audit.signing_key.unwrap().ends_with("audit.key"));
    assert_eq!((audit.checkpoint_records, audit.checkpoint_interval.as_secs()), (500, 2));
    assert_eq!((audit.segment_bytes, audit.segment_age.as_secs()), (1 << 20, 7 * 86_400));
    assert!(
        matches!(&audit.anchors[..], [Anchor::Log, Anchor::Stdout, Anchor::File(file)] if file.ends_with("kept/checkpoints"))
    );
}

#[test]
fn names_that_no_note_can_carry_are_refused() {
    for bad in ["a b", "a+b", ""] {
        refused(&with(&format!("origin: «'{bad}'»")), "cannot name a log", "without spaces");
    }
    let long = "a".repeat(AUDIT_NAME_BYTES_MAX + 1);
    let text = with(&format!("origin: {long}"));
    let problems = check_in(&Folder::new(), &text, Strictness::Normal).unwrap_err();
    assert!(problems.to_string().contains("cannot name a log"), "{problems}");
}

#[test]
fn a_key_of_another_kind_or_open_to_others_is_refused() {
    let folder = Folder::new();
    let other = rcgen::KeyPair::generate().unwrap();
    let path = folder.write("other.key", other.serialize_pem());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = with("signing_key: { file: «other.key» }");
    refused_in(&folder, &text, "no Ed25519 key", "openssl genpkey");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let path = folder.write("open.key", key.serialize_pem());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    refused_in(&folder, &with("signing_key: { file: «open.key» }"), "mode 640", "chmod 600");
}

#[test]
fn rhythms_beyond_their_bounds_are_refused() {
    for records in [0, AUDIT_CHECKPOINT_RECORDS_MAX + 1] {
        let text = with(&format!("checkpoint: {{ records: «{records}» }}"));
        refused(&text, "not a possible number", "1 to 1000000");
    }
    let over = AUDIT_CHECKPOINT_MS_MAX / 1000 + 1;
    refused(&with(&format!("checkpoint: {{ interval: «{over}s» }}")), "not a possible", "3600s");
    let under = AUDIT_SEGMENT_BYTES_MIN / 1024 - 1;
    refused(&with(&format!("segment: {{ size: «{under}KiB» }}")), "too small", "64KiB");
    let over = (AUDIT_SEGMENT_BYTES_MAX >> 30) + 1;
    refused(&with(&format!("segment: {{ size: «{over}GiB» }}")), "not a possible", "MiB");
    let over = AUDIT_SEGMENT_MS_MAX / 86_400_000 + 1;
    refused(&with(&format!("segment: {{ age: «{over}d» }}")), "not a possible", "at most");
}

#[test]
fn no_anchor_gives_protection_away_and_too_many_or_two_the_same_are_told() {
    let none = with("anchors: []");
    assert_eq!(accepted(&none).warnings.len(), 1);
    let refused_strictly = check_in(&Folder::new(), &none, Strictness::Strict).unwrap_err();
    assert_eq!(refused_strictly.errors(), 1, "{refused_strictly}");
    let many = ["log"; AUDIT_ANCHORS_MAX + 1].join(", ");
    refused(&with(&format!("«anchors»: [{many}]")), "too many anchors", "at most");
    warned_in(&Folder::new(), &with("anchors: [log, «log»]"), "the same anchor", "remove");
}

#[test]
fn rules_of_retention_and_the_file_of_holds_are_taken() {
    let folder = Folder::new();
    folder.write("holds", String::new());
    let text = with(
        "retention: [{ name: crm, older_than: 365d, server: crm }, \
         { name: calls, older_than: 90d, kind: call, phase: completion }], legal_holds: holds",
    );
    let audit = check_in(&folder, &text, Strictness::Strict).unwrap().config.audit;
    let day = Duration::from_secs(86_400);
    let (crm, calls) = (&audit.retention[0], &audit.retention[1]);
    assert_eq!((crm.name.as_str(), crm.older_than), ("crm", 365 * day));
    assert_eq!((crm.kind.as_deref(), crm.server.as_deref()), (None, Some("crm")));
    assert_eq!((calls.kind.as_deref(), calls.phase.as_deref()), (Some("call"), Some("completion")));
    assert!(audit.legal_holds.unwrap().ends_with("holds"));
    let none = accepted(SERVER).config.audit;
    assert_eq!((none.retention, none.legal_holds), (Vec::new(), None));
}

#[test]
fn rules_of_retention_that_could_not_be_told_apart_or_never_fit_are_refused() {
    let rule = |rest: &str| with(&format!("retention: [{{ older_than: 1d, {rest} }}]"));
    refused(&rule("name: «\"\"»"), "cannot name a rule", "short name");
    refused(&rule("name: a, kind: «recovery»"), "not a kind", "own records stay");
    let two = "retention: [{ name: a, older_than: 1d }, { name: «a», older_than: 2d }]";
    refused(&with(two), "two rules of retention", "own name");
    let long = AUDIT_RETENTION_AGE_MS_MAX / 1000 + 1;
    let old = format!("retention: [{{ name: a, older_than: «{long}s» }}]");
    refused(&with(&old), "not a possible duration", "at most");
    let rules = (0..=AUDIT_RULES_MAX)
        .fold(String::new(), |text, n| format!("{text}    - {{ name: a{n}, older_than: 1d }}\n"));
    let many = format!("audit:\n  «retention»:\n{rules}{SERVER}");
    refused(&many, "too many rules", "at most");
    let missing = "retention: [{ name: a, older_than: 1d }], legal_holds: «nowhere»";
    warned_in(&Folder::new(), &with(missing), "nothing would be purged", "hold add");
}

#[test]
fn subject_keys_need_a_master_key_of_64_digits_that_is_the_owners_alone() {
    let folder = Folder::new();
    let mode = |mode| {
        let owner = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path().join("master.key"), owner).unwrap();
    };
    let text = with("subjects: { keys: people, master_key: { file: «master.key» } }");
    folder.write("master.key", "5c".repeat(31));
    mode(0o600);
    refused_in(&folder, &text, "64 hexadecimal digits", "openssl rand");
    folder.write("master.key", "5c".repeat(32));
    mode(0o640);
    refused_in(&folder, &text, "mode 640", "chmod 600");
    mode(0o600);
    let plain = text.replace(['«', '»'], "");
    let audit = check_in(&folder, &plain, Strictness::Strict).unwrap().config.audit;
    let subjects = audit.subjects.unwrap();
    assert!(subjects.keys.ends_with("people") && subjects.master_key.ends_with("master.key"));
    assert_eq!(accepted(SERVER).config.audit.subjects, None);
}
