//! `sallyport audit tail` and `stats`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout};

use super::*;

/// A tail that follows; killed with its test.
struct Tail(Child, BufReader<ChildStdout>);

impl Tail {
    fn of(trail: &Trail, more: &[&str]) -> Self {
        let dir = trail.dir();
        let arguments = [&["audit", "tail", &dir, "--follow"], more].concat();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn seqs(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.next()["seq"].as_u64().unwrap()).collect()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn tail_shows_the_last_records_that_meet_the_conditions_in_their_order() {
    let trail = Trail::of_calls(500);
    let seqs = |more: &[&str]| {
        let found = trail.records("tail", more);
        found.iter().map(|record| record["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs(&["-n", "3"]), [948, 949, 950]);
    assert_eq!(seqs(&[]).len(), 10);
    assert_eq!(seqs(&["-n", "0"]), [0_u64; 0]);
    assert_eq!(seqs(&["-n", "2", "--decision", "deny"]), [913, 932]);
}

#[test]
fn tail_follows_from_one_segment_to_the_next_and_misses_and_repeats_nothing() {
    let trail = Trail::of_calls(10);
    let segments = trail.segments().len();
    let mut tail = Tail::of(&trail, &["-n", "2"]);
    assert_eq!(tail.seqs(2), [18, 19]);
    trail.grow(10..600);
    assert!(trail.segments().len() > segments + 2, "{:?}", trail.segments());
    let last = 600 * 2 - 60;
    assert_eq!(tail.seqs(last - 19), (20..=last as u64).collect::<Vec<_>>());
}

#[test]
fn tail_shows_of_what_comes_only_what_meets_the_conditions() {
    let trail = Trail::of_calls(10);
    let mut tail = Tail::of(&trail, &["-n", "1", "--decision", "deny"]);
    assert_eq!(tail.next()["request_id"], id(0));
    trail.grow(10..40);
    let found: Vec<Value> = (0..3).map(|_| tail.next()["request_id"].clone()).collect();
    assert_eq!(found, [id(10), id(20), id(30)]);
}

#[test]
fn tail_ends_quietly_when_its_reader_goes_away_although_nothing_comes() {
    let trail = Trail::of_calls(10);
    let output = read_one_line(&["audit", "tail", &trail.dir(), "--follow"]);
    assert_eq!((output.status.code(), talk(&output).as_str()), (Some(0), ""));
    assert_eq!(lines(&data(&output))[0]["seq"], 10);
}

#[test]
fn tail_refuses_what_it_cannot_hold_or_follow() {
    let trail = Trail::of_calls(10);
    let most = (sallyport::limits::AUDIT_TAIL_RECORDS_MAX + 1).to_string();
    let output = trail.run("tail", &["-n", &most]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("at most 10000"), "{}", talk(&output));
    let file = trail.file(&trail.segments()[0]);
    let file = sallyport(&["audit", "tail", file.to_str().unwrap(), "--follow"]);
    assert_eq!(file.status.code(), Some(2));
    assert_eq!(sallyport(&["audit", "tail", "no-such-trail", "--follow"]).status.code(), Some(1));
}

fn stats(trail: &Trail, more: &[&str]) -> Value {
    let output = trail.run("stats", &[&["--format", "json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    serde_json::from_str(&data(&output)).unwrap()
}

#[test]
fn stats_count_calls_refusals_and_latencies() {
    let trail = Trail::of_calls(1_000);
    let all = stats(&trail, &[]);
    let total = &all["total"];
    assert_eq!((&total["calls"], &total["refused"]), (&1_000.into(), &100.into()));
    assert_eq!((&total["completed"], &total["records"]), (&900.into(), &1_900.into()));
    assert_eq!(total["refused_share"], 0.1);
    // Call n took n milliseconds.
    for (name, want) in [("p50", 500.0), ("p95", 950.0), ("p99", 990.0)] {
        let found = total["latency_ms"][name].as_f64().unwrap();
        assert!((found / want - 1.0).abs() < 0.03, "{name} {found}");
    }
    assert_eq!(stats(&trail, &["--decision", "deny"])["total"]["calls"], 100);
    assert_eq!(stats(&trail, &["--since", &stamp(900)])["total"]["refused"], 10);
}

#[test]
fn stats_group_by_every_word_and_show_the_largest() {
    let trail = Trail::of_calls(400);
    for (by, name, groups) in [
        ("server", "srv-0", 3),
        ("principal", "client-1", 7),
        ("tool", "tool-1", 5),
        ("decision", "allow", 3),
        ("code", "limit_reached", 2),
        ("class", "email", 2),
        ("hour", "2026-11-23T00", 1),
    ] {
        let found = stats(&trail, &["--by", by, "--top", "50"]);
        let found = found["groups"].as_array().unwrap().clone();
        assert_eq!(found.len(), groups, "{by}");
        assert!(found.iter().any(|group| group["name"] == name), "{by}: {found:?}");
        let records: u64 = found.iter().map(|group| group["records"].as_u64().unwrap()).sum();
        assert_eq!(records, 400 * 2 - 40, "{by}");
    }
    let top = stats(&trail, &["--by", "principal", "--top", "2"]);
    assert_eq!((top["groups"].as_array().unwrap().len(), &top["groups_left_out"]), (2, &5.into()));
    let table = data(&trail.run("stats", &["--by", "server"]));
    assert_eq!(table.lines().count(), 1 + 3 + 1, "{table}");
}
