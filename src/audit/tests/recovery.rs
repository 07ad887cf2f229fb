//! Opening a log that a crash, or a person, left in some state.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::{AUDIT_TAIL_BYTES, Finding, Log, OpenError, Trust, read_first_key, verify};
use super::{Dir, filled};
use crate::limits::AUDIT_MAC_SKIP_MAX;

fn append(dir: &Dir, bytes: &[u8]) {
    let mut file = fs::read(dir.log()).unwrap();
    file.extend_from_slice(bytes);
    fs::write(dir.log(), file).unwrap();
}

async fn reopen(dir: &Dir) -> Log {
    let log = Log::open(&dir.options()).unwrap();
    log.close().await;
    log
}

#[tokio::test]
async fn a_torn_last_line_is_kept_aside_cut_and_recorded() {
    let dir = filled(3);
    let torn = b"{\"v\":2,\"seq\":4,\"prev\":\"00";
    append(&dir, torn);
    assert_eq!(dir.verify().findings, [Finding::TornTail { bytes: torn.len() as u64 }]);
    let log = reopen(&dir).await;
    assert_eq!(log.opened().cut_bytes, torn.len() as u64);
    assert_eq!(fs::read(dir.file("audit.torn-4")).unwrap(), torn);
    let report = dir.verify();
    assert_eq!((report.records, report.recoveries, report.exit_code()), (4, 1, 0), "{report}");
    let record: serde_json::Value = serde_json::from_str(&dir.lines()[3]).unwrap();
    assert_eq!((&record["kind"], &record["cut_bytes"]), (&"recovery".into(), &torn.len().into()));
}

#[tokio::test]
async fn a_torn_first_line_leaves_a_log_that_begins_with_its_recovery() {
    let dir = filled(0);
    append(&dir, b"{\"v\":2");
    reopen(&dir).await;
    let report = dir.verify();
    assert_eq!((report.records, report.recoveries, report.exit_code()), (1, 1, 0), "{report}");
}

#[tokio::test]
async fn pages_that_were_lost_in_a_crash_are_cut_with_all_behind_them() {
    let dir = filled(3);
    let fourth = fs::read(filled(4).log()).unwrap();
    let fourth = fourth.split(|&byte| byte == b'\n').nth(3).unwrap();
    append(&dir, &[b"\0\0\0\0", fourth, b"\n"].concat());
    assert!(reopen(&dir).await.opened().cut_bytes > 4);
    assert_eq!(dir.verify().exit_code(), 0);
}

#[tokio::test]
async fn a_crash_between_the_cut_and_its_record_still_gets_the_record() {
    let dir = filled(2);
    fs::write(dir.file("audit.torn-3"), "torn").unwrap();
    assert_eq!(reopen(&dir).await.opened().cut_bytes, 4);
    assert_eq!(dir.verify().recoveries, 1);
    // Once it is written, it is not owed any more.
    assert_eq!(reopen(&dir).await.opened().cut_bytes, 0);
}

/// A log of `before` records whose state is kept, then `after` more, and the old state.
/// So a gateway leaves it that is killed before its next checkpoint.
fn killed(before: u64, after: u64) -> Dir {
    let dir = filled(before);
    let state = fs::read(dir.file("state")).unwrap();
    super::fill(&dir.0, after);
    fs::write(dir.file("state"), state).unwrap();
    dir
}

#[tokio::test]
async fn records_behind_the_saved_state_are_checked_and_kept() {
    for (before, after) in [(0, 3), (2, 3)] {
        let dir = killed(before, after);
        let log = reopen(&dir).await;
        assert_eq!((log.opened().last_seq, log.opened().warnings.len()), (before + after, 0));
        let report = dir.verify_with(&dir.with_first_key());
        assert_eq!((report.macs, report.exit_code()), (before + after, 0), "{report}");
    }
}

#[test]
fn a_tail_that_no_crash_leaves_behind_is_refused_and_not_touched() {
    let last_changed = |lines: &mut Vec<String>| {
        let last = lines.pop().unwrap();
        lines.push(last.replace("\"n\":3,", "\"n\":3"));
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<String>));
    let changes: [Change<'_>; 5] = [
        ("changed", &|lines| lines[1] = lines[1].replace("\"n\":2", "\"n\":7")),
        ("last changed", &|lines| lines[2] = lines[2].replace("\"n\":3", "\"n\":7")),
        ("deleted", &|lines| drop(lines.remove(1))),
        ("foreign", &|lines| lines.push("hello".to_owned())),
        ("not JSON", &last_changed),
    ];
    for (what, change) in changes {
        let dir = killed(0, 3);
        let mut lines = dir.lines();
        change(&mut lines);
        dir.write(&lines);
        let before = fs::read(dir.log()).unwrap();
        let refused = Log::open(&dir.options());
        assert!(matches!(refused, Err(OpenError::Tail { .. })), "{what}: {refused:?}");
        assert_eq!(fs::read(dir.log()).unwrap(), before, "{what}");
    }
}

#[tokio::test]
async fn a_log_cut_below_its_saved_state_says_so_for_good() {
    let dir = filled(5);
    let lines = dir.lines();
    dir.write(&lines[..3]);
    let log = reopen(&dir).await;
    assert!(log.opened().warnings[0].contains("record 5"), "{:?}", log.opened().warnings);
    let report = dir.verify_with(&dir.with_first_key());
    let loss = |found: &Finding| matches!(found, Finding::LossRecorded { seq: 4, .. });
    assert!(report.findings.iter().any(loss), "{report}");
    assert_eq!((report.exit_code(), report.macs), (12, 4), "{report}");
    // The keys of what was cut are gone: nobody can write other records 4 and 5.
    assert!(dir.lines()[3].contains("\"mac_key\":6"), "{:?}", dir.lines());
    // It is said once; the next start is clean, and the finding stays.
    assert!(reopen(&dir).await.opened().warnings.is_empty());
    super::fill(&dir.0, 4);
    let report = dir.verify();
    assert!(report.findings.iter().any(loss), "{report}");
    assert_eq!(report.exit_code(), 13, "{report}");
}

#[tokio::test]
async fn a_log_that_was_made_anew_contradicts_its_saved_state() {
    let dir = filled(5);
    let other = filled(6);
    fs::copy(other.log(), dir.log()).unwrap();
    assert!(matches!(dir.verify().findings[..], [Finding::RootMismatch { size: 1, .. }]));
    assert_eq!(reopen(&dir).await.opened().warnings.len(), 1);
    assert_eq!(dir.verify().exit_code(), 13);
}

#[tokio::test]
async fn without_its_state_a_log_is_read_anew_and_its_keys_begin_anew_which_stays_a_finding() {
    for broken in [None, Some("half a st")] {
        let dir = filled(4);
        match broken {
            None => fs::remove_file(dir.file("state")).unwrap(),
            Some(text) => fs::write(dir.file("state"), text).unwrap(),
        }
        let log = reopen(&dir).await;
        assert!(log.opened().warnings[0].contains("keys begin anew"), "{:?}", log.opened());
        let blind = dir.verify();
        assert_eq!(blind.findings, [Finding::MacRestarted { seq: 5 }], "{blind}");
        assert_eq!((blind.exit_code(), blind.covered_seq), (11, 5));
        // With both first keys every MAC is checked; that one was lost is still told.
        let mut trust = dir.with_first_key();
        let second = fs::read_to_string(dir.file("first-mac-key-5")).unwrap();
        trust.first_keys.push(read_first_key(&second).unwrap());
        let report = dir.verify_with(&trust);
        assert_eq!((report.macs, report.findings.len()), (5, 1), "{report}");
    }
}

#[tokio::test]
async fn a_segment_that_was_begun_and_never_written_is_gone_on_with() {
    let dir = filled(3);
    fs::write(dir.file("000000000004.jsonl"), "").unwrap();
    reopen(&dir).await;
    super::fill(&dir.0, 2);
    assert_eq!(fs::read_to_string(dir.file("000000000004.jsonl")).unwrap().lines().count(), 2);
    let report = dir.verify();
    assert_eq!((report.records, report.segments, report.exit_code()), (5, 2, 0), "{report}");
    // One for a record that was then written to the segment before.
    let dir = filled(3);
    fs::write(dir.file("000000000003.jsonl"), "").unwrap();
    super::fill(&dir.0, 2);
    let report = dir.verify();
    assert_eq!((report.records, report.exit_code()), (5, 0), "{report}");
}

#[tokio::test]
async fn a_creation_that_was_cut_short_begins_again() {
    let dir = filled(0);
    fs::remove_file(dir.file("state")).unwrap();
    let log = reopen(&dir).await;
    assert!(log.opened().created);
    super::fill(&dir.0, 2);
    let report = dir.verify_with(&dir.with_first_key());
    assert_eq!((report.macs, report.exit_code()), (2, 0), "{report}");
}

#[test]
fn a_log_of_the_first_format_is_refused_with_the_way_out_and_not_touched() {
    let dir = Dir::new();
    fs::create_dir(&dir.0).unwrap();
    fs::write(dir.file("audit.jsonl"), "{}\n").unwrap();
    let refused = Log::open(&dir.options()).unwrap_err();
    assert!(matches!(refused, OpenError::Old { .. }));
    assert!(refused.to_string().contains("name another"), "{refused}");
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1);
    let unread = verify(&dir.0, &Trust::default(), |_| {}).unwrap_err();
    assert!(unread.to_string().contains("older format"), "{unread}");
}

#[tokio::test]
async fn a_long_tail_is_read_piece_by_piece() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    let state = fs::read(dir.file("state")).unwrap();
    // Eight records that are together a third longer than a piece.
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(AUDIT_TAIL_BYTES as usize / 6));
    for _ in 0..8 {
        let wait = std::time::Duration::from_secs(60);
        log.append_durable(&body, wait).await.unwrap();
    }
    log.close().await;
    // With the state the tail alone is read: a change before it is what `verify` is for.
    let mut lines = dir.lines();
    lines[0] = lines[0].replacen('x', "y", 1);
    dir.write(&lines);
    assert_eq!(reopen(&dir).await.opened().last_seq, 8);
    assert_eq!(dir.verify().exit_code(), 10);
    lines[0] = lines[0].replacen('y', "x", 1);
    dir.write(&lines);
    fs::write(dir.file("state"), state).unwrap();
    assert_eq!(reopen(&dir).await.opened().last_seq, 8);
    assert_eq!(dir.verify().exit_code(), 0);
}

#[test]
fn a_log_of_another_gateway_or_of_another_key_is_refused() {
    let dir = filled(2);
    let mut options = dir.options();
    options.origin = Some("gw.example/other".to_owned());
    let foreign = Log::open(&options).unwrap_err();
    assert!(matches!(foreign, OpenError::Foreign { .. }), "{foreign}");
    let other = filled(0);
    fs::copy(other.file("signing.key"), dir.file("signing.key")).unwrap();
    let other_key = Log::open(&dir.options()).unwrap_err();
    assert!(matches!(other_key, OpenError::OtherKey { .. }), "{other_key}");
    assert!(other_key.to_string().contains("sallyport audit rotate"), "{other_key}");
    fs::remove_file(dir.file("signing.key")).unwrap();
    let gone = Log::open(&dir.options()).unwrap_err();
    assert!(matches!(gone, OpenError::NoKey { .. }), "a new key was made: {gone}");
    fs::remove_file(dir.file("state")).unwrap();
    let gone = Log::open(&dir.options()).unwrap_err();
    assert!(matches!(gone, OpenError::NoKey { .. }), "a new key was made: {gone}");
}

#[test]
fn keys_and_states_that_others_may_read_are_refused() {
    for name in ["signing.key", "state"] {
        let dir = filled(2);
        fs::set_permissions(dir.file(name), fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Log::open(&dir.options()).unwrap_err().to_string();
        assert!(refused.contains(name) && refused.contains("chmod 600"), "{refused}");
    }
}

#[test]
fn states_leave_no_key_behind_in_the_file_that_they_replace() {
    let dir = filled(1);
    let old = fs::File::open(dir.file("state")).unwrap();
    super::fill(&dir.0, 1);
    let text = std::io::read_to_string(old).unwrap();
    assert!(!text.is_empty() && text.bytes().all(|byte| byte == 0), "{text}");
}

#[test]
fn a_record_that_claims_a_key_of_a_far_day_does_not_keep_the_verifier_busy() {
    let dir = filled(1);
    let mut rig = super::Rig::disk(&dir.0);
    let body = format!("{{\"kind\":\"recovery\",\"mac_key\":{}}}", 3 + AUDIT_MAC_SKIP_MAX);
    drop(rig.shared.append(body.as_bytes()).unwrap());
    rig.turn();
    rig.close();
    let report = dir.verify_with(&dir.with_first_key());
    assert_eq!(report.findings, [Finding::MacInvalid { line: 2, seq: 2 }], "{report}");
    assert_eq!((report.macs, report.exit_code()), (1, 11));
}
