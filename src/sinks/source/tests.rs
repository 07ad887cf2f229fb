//! What a follower promises.

use std::fs;

use super::{Batch, Follower, SINK_LOG_FILES_MAX, Source, Want, number};
use crate::limits::AUDIT_LINE_BYTES_MAX;
use crate::sinks::testing::{Dir, line};

fn lines(range: std::ops::RangeInclusive<u64>) -> String {
    range.map(|seq| format!("{}\n", line(seq))).collect()
}

fn want(from: u64, durable: u64) -> Want {
    Want { from, durable, records_max: 1000, bytes_max: 1 << 20 }
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.records.iter().map(|record| record.seq).collect()
}

#[test]
fn nothing_above_the_durable_number_is_read() {
    let dir = Dir::new();
    dir.write("audit.jsonl", &lines(1..=9));
    let mut log = Follower::new(dir.path());
    assert_eq!(numbers(&log.take(want(1, 4)).unwrap()), [1, 2, 3, 4]);
    assert_eq!(log.take(want(5, 4)).unwrap(), Batch::default());
    assert_eq!(numbers(&log.take(want(5, 9)).unwrap()), [5, 6, 7, 8, 9]);
}

#[test]
fn what_was_taken_back_and_written_anew_is_read_as_it_stands_then() {
    let dir = Dir::new();
    dir.write("audit.jsonl", &format!("{}{{\"v\":1,\"seq\":3,\"half", lines(1..=2)));
    let mut log = Follower::new(dir.path());
    assert_eq!(numbers(&log.take(want(1, 2)).unwrap()), [1, 2]);
    let new = format!("{}{{\"v\":1,\"seq\":3,\"prev\":\"\",\"kind\":\"gap\"}}\n", lines(1..=2));
    dir.write("audit.jsonl", &new);
    let batch = log.take(want(3, 3)).unwrap();
    assert!(batch.records[0].line.ends_with(b"\"gap\"}"));
}

#[test]
fn segments_and_one_growing_file_read_alike() {
    let dir = Dir::new();
    dir.write("000000000001.jsonl", &lines(1..=3));
    dir.write("000000000004.jsonl", &lines(4..=6));
    dir.write("notes.txt", "not a log");
    dir.write("empty.jsonl", "");
    let mut log = Follower::new(dir.path());
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let next = seen.len() as u64 + 1;
        seen.extend(numbers(&log.take(want(next, 6)).unwrap()));
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    dir.write("000000000007.jsonl", &lines(7..=7));
    assert_eq!(numbers(&log.take(want(7, 7)).unwrap()), [7]);
}

#[test]
fn file_that_was_moved_aside_is_still_found_and_the_new_one_after_it() {
    let dir = Dir::new();
    dir.write("audit.jsonl", &lines(1..=4));
    let mut log = Follower::new(dir.path());
    assert_eq!(numbers(&log.take(Want { records_max: 2, ..want(1, 4) }).unwrap()), [1, 2]);
    fs::rename(dir.path().join("audit.jsonl"), dir.path().join("old.jsonl")).unwrap();
    dir.write("audit.jsonl", &lines(5..=6));
    assert_eq!(numbers(&log.take(want(3, 6)).unwrap()), [3, 4]);
    assert_eq!(numbers(&log.take(want(5, 6)).unwrap()), [5, 6]);
    assert_eq!(numbers(&Follower::new(dir.path()).take(want(2, 6)).unwrap()), [2, 3, 4]);
}

#[test]
fn purged_records_are_counted_and_the_next_one_is_read() {
    let dir = Dir::new();
    dir.write("000000000001.jsonl", &lines(1..=2));
    dir.write("000000000009.jsonl", &lines(9..=10));
    let mut log = Follower::new(dir.path());
    assert_eq!(numbers(&log.take(want(1, 10)).unwrap()), [1, 2]);
    let batch = log.take(want(3, 10)).unwrap();
    assert_eq!((numbers(&batch), batch.missing), (vec![9, 10], 6));
}

/// What stands in the place of purged records.
fn stubs(range: std::ops::RangeInclusive<u64>) -> String {
    let leaf = "ab".repeat(32);
    let stub = |seq| format!("{{\"v\":2,\"seq\":{seq},\"purged\":99,\"leaf\":\"{leaf}\"}}\n");
    range.map(stub).collect()
}

#[test]
fn purged_records_are_passed_over_and_counted_like_those_whose_file_is_gone() {
    let dir = Dir::new();
    dir.write("000000000001.jsonl", &format!("{}{}{}", lines(1..=2), stubs(3..=4), lines(5..=5)));
    dir.write("000000000006.jsonl", &stubs(6..=8));
    dir.write("000000000009.jsonl", &format!("{}{}", stubs(9..=9), lines(10..=11)));
    let mut log = Follower::new(dir.path());
    let batch = log.take(want(1, 11)).unwrap();
    assert_eq!((numbers(&batch), batch.missing), (vec![1, 2, 5], 2));
    let batch = log.take(want(6, 11)).unwrap();
    assert_eq!((numbers(&batch), batch.missing), (vec![10, 11], 4));
    // Where a cursor stands on a purged record, there is no line to compare it with.
    let batch = Follower::new(dir.path()).take(want(7, 11)).unwrap();
    assert_eq!((numbers(&batch), batch.missing), (vec![10, 11], 3));
}

#[test]
fn record_that_is_nowhere_is_an_error_and_no_end() {
    let dir = Dir::new();
    dir.write("audit.jsonl", &lines(1..=2));
    let mut log = Follower::new(dir.path());
    let error = log.take(want(3, 5)).unwrap_err().to_string();
    assert_eq!(error, "no file of the log holds record 3 or a later one");
}

#[test]
fn batches_are_bounded_by_count_and_bytes_and_one_record_always_fits() {
    let dir = Dir::new();
    dir.write("audit.jsonl", &lines(1..=9));
    let mut log = Follower::new(dir.path());
    let few = Want { records_max: 4, ..want(1, 9) };
    assert_eq!(numbers(&log.take(few).unwrap()), [1, 2, 3, 4]);
    let bytes_max = 2 * line(5).len() + 1;
    assert_eq!(numbers(&log.take(Want { bytes_max, ..want(5, 9) }).unwrap()), [5, 6]);
    assert_eq!(numbers(&log.take(Want { bytes_max: 1, ..want(7, 9) }).unwrap()), [7]);
}

#[test]
fn line_that_is_no_record_hides_none_behind_it() {
    let dir = Dir::new();
    let long = "x".repeat(3 * AUDIT_LINE_BYTES_MAX);
    dir.write("audit.jsonl", &format!("{}garbage\n{long}\n{}", lines(1..=2), lines(3..=4)));
    let mut log = Follower::new(dir.path());
    let first = Want { bytes_max: 200, ..want(1, 4) };
    let mut seen = numbers(&log.take(first).unwrap());
    while seen.len() < 4 {
        let from = seen.last().unwrap() + 1;
        seen.extend(numbers(&log.take(Want { from, ..first }).unwrap()));
    }
    assert_eq!(seen, [1, 2, 3, 4]);
}

#[test]
fn every_number_of_a_large_file_is_found_from_a_fresh_start() {
    let dir = Dir::new();
    let pad = "p".repeat(700);
    let text: String =
        (1..=2000).map(|n| format!("{{\"v\":1,\"seq\":{n},\"prev\":\"{pad}\"}}\n")).collect();
    dir.write("audit.jsonl", &text);
    for from in (1..=2000).step_by(37).chain([1999, 2000]) {
        let mut log = Follower::new(dir.path());
        let batch = log.take(Want { records_max: 1, ..want(from, 2000) }).unwrap();
        assert_eq!(numbers(&batch), [from]);
    }
}

#[test]
fn numbers_are_read_from_every_version_of_a_line_and_from_nothing_else() {
    assert_eq!(number(b"{\"v\":2,\"seq\":17,\"prev\":\"\"}"), Some(17));
    for bad in [
        "",
        "{}",
        "{\"seq\":1,",
        "{\"v\":1,\"seq\":0,",
        "{\"v\":1,\"seq\":,",
        "{\"v\":1,\"seq\":1}",
    ] {
        assert_eq!(number(bad.as_bytes()), None, "{bad}");
    }
    // More files than this are none of a log.
    assert_eq!(SINK_LOG_FILES_MAX, 100_000);
}
