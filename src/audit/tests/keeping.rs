//! Retention beside a writer, and the file of holds.

use std::fs;
use std::time::Duration;

use super::super::{Now, Retention, load_holds, read_holds, save_holds, segments};
use super::purging::{at, auditor, fine, holding, order, rule, run, year};
use super::{Dir, Rig, disk};
use crate::limits::FILE_BYTES_MAX;

/// A gateway that writes `dir` on 2026-11-23 and keeps nothing for longer than 90 days.
fn keeping(dir: &Dir, holds_may_be_missing: bool) -> Rig<super::Disk> {
    let (disk, signer) = disk(&dir.0);
    let retention = Retention {
        rules: vec![rule(90)],
        holds: dir.file("holds"),
        holds_may_be_missing,
        now: Now::new(|| at("2026-11-23T00:00:00Z")),
    };
    Rig::keeping(disk, signer, super::Rhythm::default(), Some((&dir.0, retention)))
}

/// Lets the writer work until the log has so many stubs.
fn until_purged(dir: &Dir, rig: &mut Rig<super::Disk>, purged: u64) {
    for _ in 0..1000 {
        if dir.verify().purged == purged {
            return;
        }
        rig.writer.turn(Some(Duration::from_millis(10)));
    }
    panic!("nothing was purged: {}", dir.verify());
}

#[test]
fn a_running_gateway_purges_its_finished_segments_while_it_writes() {
    let dir = year();
    let (trust, _outside) = auditor(&dir);
    let mut rig = keeping(&dir, true);
    assert_eq!(rig.writer.wait(), Some(Duration::ZERO), "due at the start");
    until_purged(&dir, &mut rig, 8);
    assert_eq!(rig.stored(1), Ok(14), "it takes records all the same");
    assert!(rig.writer.wait().is_some(), "and looks again");
    rig.close();
    assert_eq!(holding(&dir, "secret-bob"), [""; 0]);
    assert_eq!(holding(&dir, "secret-eve").len(), 1, "of the present segment nothing goes");
    let report = dir.verify_with(&trust);
    fine(&report);
    assert!(report.to_string().contains("asked by retention: 8 of 8"), "{report}");
    // What was the present segment is finished by now.
    fs::write(dir.file("000000000015.jsonl"), "").unwrap();
    let mut rig = keeping(&dir, true);
    until_purged(&dir, &mut rig, 10);
    rig.close();
    fine(&dir.verify_with(&trust));
}

#[test]
fn a_running_gateway_finishes_the_purge_that_was_killed() {
    for steps in 1..20 {
        let dir = year();
        let (trust, _outside) = auditor(&dir);
        let killed = run(&dir, &order(rule(90)), steps);
        let segments = segments::list(&dir.0).unwrap().len() as u64;
        let mut rig = keeping(&dir, true);
        until_purged(&dir, &mut rig, if segments > 2 { 10 } else { 8 });
        rig.close();
        fine(&dir.verify_with(&trust));
        if killed.is_ok() {
            return;
        }
    }
    panic!("the purge takes more steps than were tried");
}

#[test]
fn without_the_file_of_holds_that_was_named_nothing_is_purged() {
    for text in [None, Some("half a ho")] {
        let dir = year();
        if let Some(text) = text {
            fs::write(dir.file("holds"), text).unwrap();
        }
        let mut rig = keeping(&dir, false);
        for _ in 0..10 {
            rig.turn();
        }
        rig.close();
        assert_eq!(dir.verify().purged, 0);
        let error = load_holds(&dir.file("holds"), text.is_some()).unwrap_err();
        assert!(error.to_string().contains("holds"), "{error}");
    }
}

#[test]
fn holds_are_kept_in_a_file_that_reads_back() {
    let dir = year();
    let path = dir.file("holds");
    assert_eq!(load_holds(&path, true), Ok(Vec::new()));
    let line = r#"{"id":"case-7","who":"legal","why":"suit","server":"hr"}"#;
    let holds = read_holds(line).unwrap();
    save_holds(&path, &holds).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{line}\n"));
    assert_eq!(load_holds(&path, false), Ok(holds));
    fs::write(&path, " ".repeat(FILE_BYTES_MAX + 1)).unwrap();
    assert!(load_holds(&path, false).is_err());
}
