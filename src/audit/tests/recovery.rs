//! Opening a log that a crash, or a person, left in some state.

use std::fs;

use super::super::storage::Disk;
use super::super::{AUDIT_TAIL_BYTES, Finding, Log, OpenError};
use super::{Dir, Rig, filled};

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
    let torn = b"{\"v\":1,\"seq\":4,\"prev\":\"00";
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
    append(&dir, b"{\"v\":1");
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

#[test]
fn a_tail_that_no_crash_leaves_behind_is_refused_and_not_touched() {
    let last_changed = |lines: &mut Vec<String>| {
        let last = lines.pop().unwrap();
        lines.push(last.replace("\"n\":3}", "\"n\":3"));
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<String>));
    let changes: [Change<'_>; 4] = [
        ("changed", &|lines| lines[1] = lines[1].replace("\"n\":2", "\"n\":7")),
        ("deleted", &|lines| drop(lines.remove(1))),
        ("foreign", &|lines| lines.push("hello".to_owned())),
        ("not JSON", &last_changed),
    ];
    for (what, change) in changes {
        let dir = filled(3);
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
async fn a_log_cut_below_its_saved_head_says_so_for_good() {
    let dir = filled(5);
    let lines = dir.lines();
    dir.write(&lines[..3]);
    let log = reopen(&dir).await;
    assert!(log.opened().warnings[0].contains("record 5"), "{:?}", log.opened().warnings);
    let report = dir.verify();
    assert!(matches!(report.findings[..], [Finding::LossRecorded { seq: 4, .. }]), "{report}");
    assert_eq!(report.exit_code(), 13);
    // It is said once; the next start is clean, and the finding stays.
    assert!(reopen(&dir).await.opened().warnings.is_empty());
    assert_eq!(dir.verify().findings.len(), 1);
}

#[tokio::test]
async fn a_log_that_was_chained_anew_contradicts_its_saved_head() {
    let dir = filled(5);
    let head = fs::read(dir.file("audit.head")).unwrap();
    let other = Dir::new();
    super::fill(&other.0, 6);
    fs::copy(other.log(), dir.log()).unwrap();
    reopen(&dir).await;
    assert_eq!(dir.verify().exit_code(), 0, "the same history is no contradiction");

    let mut rig = Rig::open(Disk::open(&other.file("anew")).unwrap());
    for n in 101..=106 {
        rig.stored(n).unwrap();
    }
    fs::copy(other.file("anew/audit.jsonl"), dir.log()).unwrap();
    fs::write(dir.file("audit.head"), head).unwrap();
    assert!(matches!(dir.verify().findings[..], [Finding::HeadMismatch { .. }]));
    assert_eq!(reopen(&dir).await.opened().warnings.len(), 1);
    assert_eq!(dir.verify().exit_code(), 13);
}

#[tokio::test]
async fn an_old_log_larger_than_the_tail_is_opened_by_its_tail_alone() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    // Eight records that are together a third longer than the tail.
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(AUDIT_TAIL_BYTES as usize / 6));
    for _ in 0..8 {
        let wait = std::time::Duration::from_secs(60);
        log.append_durable(&body, wait).await.unwrap();
    }
    log.close().await;
    assert_eq!(reopen(&dir).await.opened().last_seq, 8);
    // A change before the tail is not seen here: that is what `verify` is for.
    let mut lines = dir.lines();
    lines[0] = lines[0].replacen('x', "y", 1);
    dir.write(&lines);
    assert_eq!(reopen(&dir).await.opened().last_seq, 8);
    assert_eq!(dir.verify().exit_code(), 10);
}
