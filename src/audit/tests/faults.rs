//! What happens when the disk says no: nothing is acknowledged falsely, nothing
//! acknowledged is lost, and the log comes back by itself.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::super::keys::create_private;
use super::super::queue::{AppendError, State};
use super::super::storage::{Disk, Storage};
use super::super::{AUDIT_BACKOFF_MAX_MS, AUDIT_BACKOFF_MIN_MS, Finding, Rhythm};
use super::mem::{Mem, Op};
use super::{Dir, Rig, body};
use crate::limits::AUDIT_CHECKPOINT_MS;

impl<S: Storage> Rig<S> {
    fn reason(&self) -> Option<Arc<str>> {
        match self.shared.state() {
            State::Failing { reason, .. } => Some(reason),
            State::Open | State::Closed => None,
        }
    }
}

/// The records in the storage, parsed; every line must be whole.
fn records(mem: &Mem) -> Vec<serde_json::Value> {
    let file = String::from_utf8(mem.file()).unwrap();
    assert!(file.is_empty() || file.ends_with('\n'), "a torn line is left: {file}");
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_write_that_fails_half_way_is_taken_back_refused_and_recorded() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    rig.stored(1).unwrap();
    mem.fail(&[Op::Write]);
    let lost = rig.append(2).unwrap();
    rig.turn();
    let failed = lost.outcome().unwrap().unwrap_err();
    assert!(matches!(&failed, AppendError::Failed { reason } if reason.contains("injected Write")));
    assert_eq!(records(&mem).len(), 1, "half a record was left");
    assert_eq!(rig.append(3).unwrap_err(), failed, "refused at once while it fails");

    rig.turn();
    assert!(rig.reason().is_some(), "it still fails");
    mem.fail(&[]);
    rig.turn();
    assert_eq!(rig.reason(), None);
    assert_eq!(rig.stored(4), Ok(3));
    let records = records(&mem);
    assert_eq!(records[1]["kind"], "gap");
    assert_eq!(records[1]["refused"], 2);
    assert!(records[1]["reason"].as_str().unwrap().contains("injected Write"));
    assert_eq!(records[2]["n"], 4);
}

#[test]
fn all_waiters_of_a_failed_commit_and_all_behind_it_are_told() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    let batch: Vec<_> = (0..5).map(|n| rig.append(n).unwrap()).collect();
    mem.fail(&[Op::Sync]);
    // One more gathers while the commit is under way.
    mem.hold();
    let shared = rig.shared.clone();
    let writer = std::thread::spawn(move || {
        rig.turn();
        rig
    });
    mem.await_holding();
    let behind = shared.append(body(9).as_bytes()).unwrap();
    mem.release();
    let mut rig = writer.join().unwrap();
    for pending in batch.iter().chain([&behind]) {
        assert!(matches!(pending.outcome(), Some(Err(AppendError::Failed { .. }))));
    }
    mem.fail(&[]);
    rig.turn();
    assert_eq!(records(&mem)[0]["refused"], 6);
    assert_eq!(rig.shared.meter.stats((0, 0, Duration::ZERO), (0, 0)).refused, 6);
}

#[test]
fn after_a_failed_sync_nothing_relies_on_pages_that_the_system_dropped() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    rig.stored(1).unwrap();
    mem.fail(&[Op::Sync]);
    assert!(rig.stored(2).is_err());
    mem.fail(&[]);
    rig.turn();
    assert_eq!(rig.stored(3), Ok(3));
    // Only what was synced is left; a sync that merely was repeated would leave NULs.
    mem.crash(0);
    let records = records(&mem);
    assert_eq!(records.len(), 3);
    assert_eq!((&records[1]["kind"], &records[2]["n"]), (&"gap".into(), &3.into()));
}

#[test]
fn a_truncation_that_fails_too_is_made_up_for_before_anything_is_written() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    rig.stored(1).unwrap();
    mem.fail(&[Op::Write, Op::Truncate]);
    assert!(rig.stored(2).is_err());
    rig.turn();
    assert!(rig.reason().is_some());
    mem.fail(&[Op::Reopen]);
    rig.turn();
    assert!(rig.reason().is_some());
    mem.fail(&[]);
    rig.turn();
    assert_eq!(rig.stored(3), Ok(3));
    let gap = &records(&mem)[1];
    assert!(gap["cut_bytes"].as_u64().unwrap() > 0, "{gap}");
}

#[test]
fn repairs_are_tried_ever_more_rarely_until_a_commit_succeeds() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    mem.fail(&[Op::Write]);
    assert!(rig.stored(1).is_err());
    let mut waits = Vec::new();
    for _ in 0..7 {
        waits.push(rig.writer.wait().unwrap().as_millis() as u64);
        rig.turn();
    }
    assert_eq!(waits[..3], [1, 2, 4].map(|n| n * AUDIT_BACKOFF_MIN_MS));
    assert_eq!(waits[6], AUDIT_BACKOFF_MAX_MS);
    mem.fail(&[]);
    rig.turn();
    // Room for a gap record is not room for a call's: the wait stays long.
    mem.fail(&[Op::Write]);
    assert!(rig.stored(2).is_err());
    assert_eq!(rig.writer.wait().unwrap().as_millis() as u64, AUDIT_BACKOFF_MAX_MS);
    mem.fail(&[]);
    rig.turn();
    rig.stored(3).unwrap();
    mem.fail(&[Op::Write]);
    assert!(rig.stored(4).is_err());
    assert_eq!(rig.writer.wait().unwrap().as_millis() as u64, AUDIT_BACKOFF_MIN_MS);
}

/// How many checkpoints there are, and how many records the last one covers.
fn covered(mem: &Mem) -> (usize, u64) {
    let text = mem.checkpoints();
    let sizes: Vec<u64> = text
        .split("gw.example/test\n")
        .filter_map(|note| note.split('\n').next()?.parse().ok())
        .collect();
    (sizes.len(), *sizes.last().unwrap())
}

#[test]
fn a_checkpoint_is_made_at_the_first_record_and_then_once_in_a_while() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    assert_eq!(covered(&mem), (1, 0), "a new log signs that it is empty");
    assert_eq!(rig.writer.wait(), None, "an empty log has nothing more to sign");
    rig.stored(1).unwrap();
    assert_eq!(covered(&mem), (2, 1));
    rig.stored(2).unwrap();
    assert_eq!(covered(&mem), (2, 1), "not so soon");
    let wait = rig.writer.wait().unwrap();
    assert!(!wait.is_zero() && wait <= Duration::from_millis(AUDIT_CHECKPOINT_MS));
    rig.turn();
    assert_eq!(covered(&mem), (3, 2));
    assert_eq!(rig.writer.wait(), None);
}

#[test]
fn many_records_get_their_checkpoint_before_its_time() {
    let mem = Mem::default();
    let rhythm = Rhythm { checkpoint_records: 10, ..Rhythm::default() };
    let mut rig = Rig::with(mem.clone(), super::signer(), rhythm);
    for n in 1..=30 {
        rig.stored(n).unwrap();
    }
    assert_eq!(covered(&mem), (4, 21), "of 0, 1, 11 and 21 records");
}

#[test]
fn a_checkpoint_that_cannot_be_kept_costs_no_record_and_is_made_up_for() {
    for op in [Op::Checkpoint, Op::State] {
        let mem = Mem::default();
        let mut rig = Rig::open(mem.clone());
        mem.fail(&[op]);
        assert_eq!(rig.stored(1), Ok(1), "{op:?}");
        assert_eq!(rig.reason(), None);
        let stats = rig.shared.meter.stats((0, 0, Duration::ZERO), (0, 0));
        assert_eq!((stats.checkpoints, stats.checkpoints_failed), (0, 1));
        assert!(rig.writer.wait().is_some(), "it is still owed");
        mem.fail(&[]);
        rig.turn();
        assert_eq!(covered(&mem).1, 1);
    }
}

#[test]
fn a_checkpoint_that_cannot_be_kept_is_not_tried_again_with_every_record() {
    let mem = Mem::default();
    let rhythm = Rhythm { checkpoint_records: 1, segment_bytes: 1, ..Rhythm::default() };
    let mut rig = Rig::with(mem.clone(), super::signer(), rhythm);
    mem.fail(&[Op::State]);
    for n in 1..=20 {
        rig.stored(n).unwrap();
    }
    let stats = rig.shared.meter.stats((0, 0, Duration::ZERO), (0, 0));
    assert_eq!(stats.checkpoints_failed, 2, "one for itself, one for the end of the segment");
    mem.fail(&[]);
    rig.turn();
    rig.stored(21).unwrap();
    assert_eq!(covered(&mem).1, 21, "once it works, many records bring it again");
}

#[test]
fn a_segment_that_cannot_be_ended_takes_records_until_it_can() {
    let mem = Mem::default();
    let checkpoint_interval = Duration::ZERO;
    let rhythm = Rhythm { segment_bytes: 1, checkpoint_interval, ..Rhythm::default() };
    let mut rig = Rig::with(mem.clone(), super::signer(), rhythm);
    rig.stored(1).unwrap();
    assert_eq!(mem.segment_count(), 2);
    mem.fail(&[Op::Begin]);
    rig.stored(2).unwrap();
    rig.stored(3).unwrap();
    assert_eq!((mem.segment_count(), rig.reason()), (2, None));
    mem.fail(&[]);
    rig.stored(4).unwrap();
    assert_eq!((mem.segment_count(), records(&mem).len()), (3, 4));
}

#[test]
fn a_failing_log_that_is_closed_tries_once_more_and_ends() {
    for (still, kinds) in [(vec![], vec!["gap"]), (vec![Op::Write], vec![])] {
        let mem = Mem::default();
        let mut rig = Rig::open(mem.clone());
        mem.fail(&[Op::Write]);
        assert!(rig.stored(1).is_err());
        mem.fail(&still);
        rig.shared.close();
        rig.writer.run();
        let found: Vec<_> = records(&mem).iter().map(|r| r["kind"].clone()).collect();
        assert_eq!(found, kinds);
        assert_eq!(rig.shared.append(b"{}").unwrap_err(), AppendError::Closed);
    }
}

#[test]
fn a_removed_directory_is_noticed_before_the_acknowledgement_and_made_anew() {
    let dir = Dir::new();
    let mut rig = Rig::disk(&dir.0);
    rig.stored(1).unwrap();
    rig.stored(2).unwrap();
    let key = fs::read(dir.file("signing.key")).unwrap();
    fs::remove_dir_all(&dir.0).unwrap();
    assert!(matches!(rig.stored(3), Err(AppendError::Failed { .. })));
    rig.turn();
    assert_eq!(rig.stored(4), Ok(4));
    let report = dir.verify();
    // What was removed stays visible: the numbers go on.
    assert_eq!(report.findings, [Finding::SequenceGap { line: 1, expected: 1, found: 3 }]);
    let text = fs::read_to_string(dir.file("000000000003.jsonl")).unwrap();
    assert!(text.contains("\"lost_with_file\":2"), "{text}");
    // And the new directory is locked as the old one was.
    assert!(Disk::open(&dir.0).is_err());
    // With its key it is gone on with.
    rig.close();
    create_private(&dir.file("signing.key"), &key).unwrap();
    super::fill(&dir.0, 1);
    let report = dir.verify();
    assert_eq!((report.records, report.exit_code()), (3, 12), "{report}");
}

#[test]
fn a_segment_moved_away_keeps_only_what_was_acknowledged() {
    let dir = Dir::new();
    let mut rig = Rig::disk(&dir.0);
    rig.stored(1).unwrap();
    fs::rename(dir.log(), dir.file("rotated")).unwrap();
    assert!(rig.stored(2).is_err());
    assert_eq!(fs::read_to_string(dir.file("rotated")).unwrap().lines().count(), 1);
    rig.turn();
    assert_eq!(rig.stored(3), Ok(3));
}

#[test]
fn bytes_that_somebody_else_appended_are_noticed_kept_aside_and_cut() {
    let dir = Dir::new();
    let mut rig = Rig::disk(&dir.0);
    rig.stored(1).unwrap();
    let mut text = fs::read_to_string(dir.log()).unwrap();
    text.push_str("{\"forged\":1}\n");
    fs::write(dir.log(), text).unwrap();
    assert!(matches!(rig.stored(2), Err(AppendError::Failed { .. })));
    rig.turn();
    assert_eq!(rig.stored(3), Ok(3));
    assert!(fs::read_to_string(dir.file("audit.torn-2")).unwrap().contains("forged"));
    let report = dir.verify();
    assert_eq!((report.records, report.exit_code()), (3, 0), "{report}");
}

#[test]
fn a_log_whose_records_were_changed_under_it_is_not_continued() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    rig.stored(1).unwrap();
    rig.stored(2).unwrap();
    let whole = mem.file();
    for tampered in [whole[..whole.len() - 40].to_vec(), {
        let mut flipped = whole.clone();
        // Another number: still JSON, still in its place.
        let at = flipped.len() - 3;
        flipped[at] ^= 1;
        flipped
    }] {
        mem.fail(&[Op::Sync]);
        assert!(rig.stored(3).is_err());
        mem.tamper(|file| file.clone_from(&tampered));
        mem.fail(&[]);
        rig.turn();
        assert!(rig.reason().is_some(), "went on after tampering");
        assert_eq!(mem.file(), tampered, "the evidence was changed");
        mem.tamper(|file| file.clone_from(&whole));
        rig.turn();
        assert_eq!(rig.reason(), None);
        mem.tamper(|file| file.clone_from(&whole));
        rig = Rig::open(mem.clone());
    }
}

#[test]
fn a_vanished_file_of_a_storage_in_trouble_is_still_continued() {
    let mem = Mem::default();
    let mut rig = Rig::open(mem.clone());
    rig.stored(1).unwrap();
    mem.remove();
    mem.fail(&[Op::Write, Op::Truncate]);
    assert!(rig.stored(2).is_err());
    rig.turn();
    mem.fail(&[]);
    rig.turn();
    assert_eq!(rig.stored(3), Ok(3));
    assert_eq!(records(&mem).len(), 2);
}
