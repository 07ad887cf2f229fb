//! Proofs that stand alone, keys that change hands, checkpoints that leave the machine.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;

use super::super::checkpoint::{Notes, Step};
use super::super::storage::append_note;
use super::super::{
    Destination, Finding, Log, OpenError, Options, Proof, ProofError, ProveError, Trust,
    check_proof, prove, prove_growth, read_verifiers, rotate,
};
use super::{Dir, body, fill, filled};
use crate::config::Durability;
use crate::limits::AUDIT_CHECKPOINT_RECORDS;

fn text(proof: &Proof) -> String {
    serde_json::to_string(proof).unwrap()
}

#[test]
fn every_record_of_a_log_of_several_segments_can_be_proven_alone() {
    let dir = filled(5);
    fs::write(dir.file("000000000006.jsonl"), "").unwrap();
    fill(&dir.0, 4);
    let keys = read_verifiers(&dir.0).unwrap();
    for seq in 1..=9 {
        let proof = prove(&dir.0, seq, None, |_| {}).unwrap();
        let proven = check_proof(&text(&proof), &keys).unwrap();
        assert_eq!((proven.seq, proven.size), (seq, 9));
        assert!(proven.record.unwrap().contains(&format!("\"seq\":{seq},")));
    }
    for seq in [0, 10] {
        let none = prove(&dir.0, seq, None, |_| {}).unwrap_err();
        assert!(matches!(none, ProveError::Uncovered { .. }), "{none}");
    }
}

#[test]
fn a_proof_holds_a_c2sp_tlog_proof() {
    let dir = filled(3);
    let Proof::Inclusion { proof, .. } = prove(&dir.0, 2, None, |_| {}).unwrap() else {
        panic!("another proof")
    };
    let lines: Vec<&str> = proof.lines().collect();
    assert_eq!(lines[..2], ["c2sp.org/tlog-proof@v1", "index 1"]);
    assert_eq!((lines[4], lines[6]), ("", "3"), "two hashes, then the checkpoint of three records");
}

#[test]
fn a_changed_proof_proves_nothing_and_says_why() {
    let dir = filled(6);
    let keys = read_verifiers(&dir.0).unwrap();
    let good = text(&prove(&dir.0, 3, None, |_| {}).unwrap());
    let other = text(&prove(&dir.0, 4, None, |_| {}).unwrap());
    let record_of_other = {
        let (Proof::Inclusion { record, .. }, Proof::Inclusion { proof, key, .. }) =
            (serde_json::from_str(&other).unwrap(), serde_json::from_str(&good).unwrap())
        else {
            panic!("another proof")
        };
        text(&Proof::Inclusion { record, proof, key })
    };
    for (bad, error) in [
        (good.replacen("\\\"n\\\":3", "\\\"n\\\":4", 1), ProofError::Path),
        (good.replacen("index 2", "index 3", 1), ProofError::Place),
        (good.replacen("\\n6\\n", "\\n7\\n", 1), ProofError::Signature),
        (record_of_other, ProofError::Place),
        (good.replacen("tlog-proof@v1", "tlog-proof@v2", 1), ProofError::Form),
        ("{}".to_owned(), ProofError::Form),
    ] {
        assert_ne!(bad, good, "{error}");
        assert_eq!(check_proof(&bad, &keys), Err(error), "{bad}");
    }
    let stranger = read_verifiers(&filled(0).0).unwrap();
    assert_eq!(check_proof(&good, &stranger), Err(ProofError::Signature));
    assert!(check_proof(&good, &[]).is_ok(), "with the key in the proof");
}

#[test]
fn nothing_is_proven_of_a_log_that_was_changed() {
    let dir = filled(4);
    let mut lines = dir.lines();
    lines[0] = lines[0].replace("\"n\":1", "\"n\":2");
    dir.write(&lines);
    let refused = prove(&dir.0, 3, None, |_| {}).unwrap_err();
    assert!(matches!(refused, ProveError::Contradiction), "{refused}");
}

#[test]
fn growth_is_proven_from_a_checkpoint_that_was_kept_elsewhere() {
    let dir = filled(5);
    let old = dir.0.with_extension("old");
    fs::copy(dir.file("checkpoints"), &old).unwrap();
    fill(&dir.0, 6);
    let keys = read_verifiers(&dir.0).unwrap();
    let good = text(&prove_growth(&dir.0, &old, |_| {}).unwrap());
    let proven = check_proof(&good, &keys).unwrap();
    assert_eq!((proven.seq, proven.size, proven.record), (5, 11, None));
    let other = filled(5);
    fs::copy(other.file("checkpoints"), &old).unwrap();
    assert!(prove_growth(&dir.0, &old, |_| {}).is_err(), "another log's checkpoint");
    fs::remove_file(&old).unwrap();
    let Proof::Consistency { old, new, mut path, keys: named } =
        serde_json::from_str(&good).unwrap()
    else {
        panic!("another proof")
    };
    path.swap(0, 1);
    let bad = text(&Proof::Consistency { old, new, path, keys: named });
    assert_eq!(check_proof(&bad, &keys), Err(ProofError::Path));
}

#[test]
fn a_key_hands_over_in_a_record_of_the_log_and_signs_no_more() {
    let dir = filled(3);
    let old_key = fs::read(dir.file("signing.key")).unwrap();
    let first = read_verifiers(&dir.0).unwrap();
    let rotated = rotate(&Options::new(&dir.0), None).unwrap();
    assert_eq!((rotated.seq, &rotated.old), (4, &first[0]));
    fill(&dir.0, 3);
    // Who knows the first key alone is led to the second by the log.
    let trust = Trust { keys: first, ..dir.with_first_key() };
    let report = dir.verify_with(&trust);
    assert_eq!((report.exit_code(), report.rotations, report.macs), (0, 1, 7), "{report}");
    assert_eq!(report.covered_seq, 7);
    // Whoever finds the old key cannot sign what came after it.
    let new_key = fs::read(dir.file("signing.key")).unwrap();
    fs::write(dir.file("signing.key"), old_key).unwrap();
    let refused = Log::open(&dir.options()).unwrap_err();
    assert!(matches!(refused, OpenError::OtherKey { .. }), "{refused}");
    fs::write(dir.file("signing.key"), new_key).unwrap();
    let line = dir.lines()[3].replace("gw", "gx").replace(&rotated.new.to_string(), "x");
    let mut lines = dir.lines();
    lines[3] = line;
    dir.write(&lines);
    let report = dir.verify_with(&trust);
    assert!(report.findings.contains(&Finding::RotationInvalid { seq: 4 }), "{report}");
}

#[test]
fn a_hand_over_that_was_cut_short_is_finished_by_the_same_command() {
    let dir = filled(3);
    let [state, key, checkpoints] =
        ["state", "signing.key", "checkpoints"].map(|name| fs::read(dir.file(name)).unwrap());
    rotate(&Options::new(&dir.0), None).unwrap();
    // As if it had ended after the record.
    fs::rename(dir.file("signing.key"), dir.file("signing.key.new")).unwrap();
    super::super::keys::create_private(&dir.file("signing.key"), &key).unwrap();
    fs::write(dir.file("state"), state).unwrap();
    fs::write(dir.file("checkpoints"), checkpoints).unwrap();
    let refused = Log::open(&dir.options()).unwrap_err().to_string();
    assert!(refused.contains("finish that with `sallyport audit rotate`"), "{refused}");
    let rotated = rotate(&Options::new(&dir.0), None).unwrap();
    assert_eq!(rotated.seq, 4, "no second record");
    fill(&dir.0, 2);
    let report = dir.verify_with(&dir.with_first_key());
    assert_eq!((report.exit_code(), report.rotations, report.covered_seq), (0, 1, 6), "{report}");
}

#[tokio::test]
async fn checkpoints_reach_a_file_outside_and_verification_compares_with_it() {
    let dir = Dir::new();
    let anchor = dir.0.with_extension("outside");
    let mut options = dir.options();
    options.anchors = vec![Destination::File(anchor.clone())];
    options.rhythm.checkpoint_records = 4;
    let log = Log::open(&options).unwrap();
    for n in 1..=10 {
        log.append_durable(body(n), Duration::from_secs(60)).await.unwrap();
    }
    log.close().await;
    let trust = Trust { anchors: vec![anchor.clone()], ..Trust::default() };
    let report = dir.verify_with(&trust);
    assert_eq!((report.exit_code(), report.anchored_seq), (0, 10), "{report}");
    assert!(report.anchored >= 3, "{report}");
    fs::remove_file(anchor).unwrap();
    assert_eq!(dir.verify_with(&trust).exit_code(), 14);
    assert!(options.rhythm.checkpoint_records < AUDIT_CHECKPOINT_RECORDS);
}

#[test]
fn half_a_checkpoint_that_a_crash_left_is_cut_or_passed_over() {
    // A file with more in it than is looked at for its end.
    let dir = filled(2);
    let whole = fs::read_to_string(dir.file("checkpoints")).unwrap();
    let note = whole.split_inclusive("\n\n").take(2).collect::<String>();
    let long = whole.repeat(200);
    for before in ["", &whole, &long] {
        let path = dir.file("anchor");
        fs::write(&path, format!("{before}{}", &note[..60])).unwrap();
        append_note(&path, note.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}{note}"));
    }
    // Where nothing can be cut, as in a file with the append-only attribute.
    let anchor = dir.file("anchor");
    fs::write(&anchor, format!("{}\n\n{whole}", &note[..60])).unwrap();
    let trust = Trust { anchors: vec![anchor], ..Trust::default() };
    let report = dir.verify_with(&trust);
    assert_eq!((report.exit_code(), report.anchored_seq), (0, 2), "{report}");
    assert!(report.to_string().contains("NOT checked: what is half a checkpoint"), "{report}");
}

#[tokio::test]
async fn a_log_that_is_not_synced_says_so_in_every_checkpoint() {
    let dir = Dir::new();
    let options = Options { durability: Durability::Written, ..dir.options() };
    let log = Log::open(&options).unwrap();
    log.append_durable(body(1), Duration::from_secs(60)).await.unwrap();
    log.close().await;
    let notes = fs::read_to_string(dir.file("checkpoints")).unwrap();
    let signed = notes.matches("\u{2014} ").count();
    assert!(signed > 1 && notes.matches("durability written\n").count() == signed, "{notes}");
    let report = dir.verify();
    assert_eq!(report.checkpoints_written as usize, signed);
    assert!(report.to_string().contains("(durability written)"), "{report}");
    let durable = filled(1);
    let notes = fs::read_to_string(durable.file("checkpoints")).unwrap();
    assert!(!notes.contains("durability") && notes.contains("\ntime 20"), "{notes}");
}

#[tokio::test]
async fn segments_end_by_size_and_by_age_and_verify_as_one_log() {
    for (bytes, age) in [(1_000, Duration::from_secs(3600)), (u64::MAX, Duration::ZERO)] {
        let dir = Dir::new();
        let mut options = dir.options();
        options.rhythm.segment_bytes = bytes;
        options.rhythm.segment_age = age;
        let log = Log::open(&options).unwrap();
        for n in 1..=20 {
            log.append_durable(body(n), Duration::from_secs(60)).await.unwrap();
        }
        log.close().await;
        let report = dir.verify_with(&dir.with_first_key());
        assert!(report.segments >= 4, "{report}");
        assert_eq!((report.records, report.macs, report.exit_code()), (20, 20, 0), "{report}");
        let records = super::super::Records::open(&dir.0, super::super::Filter::default()).unwrap();
        assert!(records.map(Result::unwrap).zip(1..).all(|(record, n)| record["n"] == n));
    }
}

proptest! {
    #[test]
    fn no_bytes_of_a_proof_or_of_notes_make_the_readers_panic(
        text: String, at: prop::sample::Index, byte: u8,
    ) {
        static PROOF: OnceLock<String> = OnceLock::new();
        let good = PROOF.get_or_init(text_of_a_proof);
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        let changed = bytes[at] != byte;
        bytes[at] = byte;
        let proven = String::from_utf8(bytes).ok().and_then(|t| check_proof(&t, &[]).ok());
        // What still proves something proves the same: only JSON's own freedom is left.
        if let Some(proven) = proven.filter(|_| changed) {
            prop_assert_eq!(proven.seq, 2);
        }
        prop_assert!(check_proof(&text, &[]).is_err());
        let mut notes = Notes::new(text.as_bytes());
        while !matches!(notes.step(), Ok(Step::End | Step::Torn) | Err(_)) {}
    }
}

fn text_of_a_proof() -> String {
    text(&prove(&filled(5).0, 2, None, |_| {}).unwrap())
}
