//! `sallyport audit query`.

use super::*;

const CALLS: u64 = 1_000;

#[test]
fn every_filter_finds_what_reading_everything_finds_with_new_kept_and_no_indexes() {
    let trail = Trail::of_calls(CALLS);
    assert!(trail.segments().len() > 5, "{:?}", trail.segments());
    let request = id(77);
    let (since, until) = (stamp(100), stamp(130));
    for filter in [
        &["--principal", "user-7"][..],
        &["--principal", "client-3"],
        &["--tool", "tool-2"],
        &["--resource", "tool-2", "--server", "srv-1"],
        &["--subject", "person-42"],
        &["--action", "tools/call"],
        &["--action", "tools.invoke"],
        &["--decision", "deny"],
        &["--code", "limit_reached"],
        &["--request-id", &request],
        &["--session", "session-9"],
        &["--class", "email"],
        &["--phase", "completion"],
        &["--since", &since, "--until", &until],
        &["--since", "2026-11-23T01:03:00+01:00", "--principal", "user-7"],
        &["--principal", "nobody"],
        &[],
    ] {
        let everything: Vec<Value> = (0..CALLS)
            .flat_map(super::records)
            .map(|body| serde_json::from_str(&body).unwrap())
            .collect();
        let wanted = everything.into_iter().filter(|record| is_wanted(record, filter)).count();
        let first = trail.records("query", filter);
        assert_eq!(first.len(), wanted, "{filter:?}");
        assert_eq!(first, trail.records("query", filter), "{filter:?} with the indexes");
        let plain = trail.records("query", &[filter, &["--no-index"]].concat());
        assert_eq!(first, plain, "{filter:?} without indexes");
        let mut backwards = trail.records("query", &[filter, &["--reverse"]].concat());
        backwards.reverse();
        assert_eq!(first, backwards, "{filter:?} backwards");
        assert!(filter.is_empty() || wanted < 2_000);
    }
    assert_eq!(trail.names("index").len(), trail.segments().len() - 1);
}

/// The same question, asked plainly.
fn is_wanted(record: &Value, filter: &[&str]) -> bool {
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    filter.chunks(2).all(|pair| {
        let value = pair[1];
        match pair[0] {
            "--principal" => text("client") == value || text("user_id") == value,
            "--tool" | "--resource" => text("resource") == value,
            "--action" => text("action") == value || text("operation") == value,
            "--request-id" => text("request_id") == value,
            "--session" => text("session_id") == value,
            "--class" => !record["redactions"][value].is_null(),
            "--since" if value.ends_with("+01:00") => text("timestamp") >= stamp(180),
            "--since" => text("timestamp").as_str() >= value,
            "--until" => text("timestamp").as_str() < value,
            other => text(&other[2..]) == value,
        }
    })
}

#[test]
fn calls_are_intent_and_completion_in_one_and_meet_conditions_together() {
    let trail = Trail::of_calls(200);
    let filter = ["--calls", "--subject", "person-41", "--class", "email", "--decision", "allow"];
    let found = trail.records("query", &filter);
    assert_eq!(found.len(), 1);
    let call = &found[0];
    assert_eq!(call["phase"], "call");
    assert_eq!((&call["timestamp"], &call["ended"]), (&stamp(41).into(), &stamp(42).into()));
    assert_eq!((&call["subject"], &call["status_code"]), (&"person-41".into(), &200.into()));
    assert!(call["completion_seq"].as_u64() > call["seq"].as_u64() && call["mac"].is_null());
    // A call belongs to the time of its intent, whenever it ended.
    let time = ["--calls", "--since", &stamp(41), "--until", &stamp(42)];
    assert_eq!(trail.records("query", &time), found);
    assert_eq!(trail.records("query", &["--calls"]).len(), 200);
    assert_eq!(trail.records("query", &["--calls", "--limit", "3"]).len(), 3);
}

#[test]
fn call_without_completion_is_shown_as_an_intent_also_beside_a_limit() {
    let trail = Trail::of_calls(20);
    trail.write(vec![super::records(21).remove(0), super::records(22).remove(0)]);
    let found = trail.records("query", &["--calls", "--since", &stamp(20)]);
    let phases: Vec<_> = found.iter().map(|call| call["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["intent", "intent"]);
    assert_eq!(
        trail.records("query", &["--calls", "--since", &stamp(20), "--limit", "1"]).len(),
        1
    );
}

#[test]
fn limit_keeps_the_first_records_or_the_last() {
    let trail = Trail::of_calls(300);
    let seqs = |more: &[&str]| {
        let found = trail.records("query", more);
        found.iter().map(|record| record["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs(&["--limit", "3"]), [1, 2, 3]);
    assert_eq!(seqs(&["--limit", "2", "--reverse"]), [570, 569]);
}

#[test]
fn index_that_is_damaged_or_of_another_segment_is_made_anew() {
    let trail = Trail::of_calls(CALLS);
    let filter = ["--request-id", &id(77)];
    let found = trail.records("query", &filter);
    assert_eq!(found.len(), 2);
    let names = trail.names("index");
    let (first, second) =
        (trail.file("index").join(&names[0]), trail.file("index").join(&names[1]));
    let good = fs::read(&first).unwrap();
    for bad in [fs::read(&second).unwrap(), good[..good.len() / 2].to_vec(), Vec::new()] {
        fs::write(&first, bad).unwrap();
        assert_eq!(trail.records("query", &filter), found);
        assert_eq!(fs::read(&first).unwrap(), good);
    }
}

#[test]
fn index_of_a_segment_that_was_written_on_is_not_used() {
    let trail = Trail::of_calls(CALLS);
    trail.records("query", &[]);
    let (kept, segment) = (trail.names("index")[0].clone(), trail.file(&trail.segments()[0]));
    let before = fs::read(trail.file("index").join(&kept)).unwrap();
    let text = fs::read_to_string(&segment).unwrap();
    // The last line is another one, of the same length.
    let at = text.rfind("srv-").unwrap() + 4;
    fs::write(&segment, format!("{}x{}", &text[..at], &text[at + 1..])).unwrap();
    assert_eq!(trail.records("query", &["--server", "srv-x"]).len(), 1);
    assert_ne!(fs::read(trail.file("index").join(&kept)).unwrap(), before);
}

#[test]
fn directory_that_cannot_be_written_is_searched_all_the_same() {
    let trail = Trail::of_calls(CALLS);
    // A file where the folder should be: that no right of the one who tests overcomes.
    fs::write(trail.file("index"), "").unwrap();
    let output = trail.run("query", &["--format", "jsonl", "--request-id", &id(77)]);
    assert_eq!((output.status.code(), lines(&data(&output)).len()), (Some(0), 2));
    assert!(talk(&output).contains("no index is kept"), "{}", talk(&output));
}

#[test]
fn line_that_is_no_record_is_named_and_the_end_is_3() {
    let trail = Trail::of_calls(20);
    let segment = trail.file(&trail.segments()[0]);
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("\"seq\":2,", "\"seq\":2;", 1)).unwrap();
    let output = trail.run("query", &["--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(lines(&data(&output)).len(), 37);
    assert!(talk(&output).contains("no whole record at byte"), "{}", talk(&output));
}

#[test]
fn half_a_line_at_the_end_is_the_gateway_at_work_and_no_error() {
    use std::io::Write as _;
    let trail = Trail::of_calls(20);
    let segment = trail.file(trail.segments().last().unwrap());
    let mut file = fs::OpenOptions::new().append(true).open(segment).unwrap();
    file.write_all(b"{\"v\":2,\"seq\":").unwrap();
    assert_eq!(trail.records("query", &[]).len(), 38);
}

#[test]
fn wrong_use_ends_with_2_and_says_what_is_wrong() {
    let trail = Trail::of_calls(20);
    for (arguments, part) in [
        (&["--since", "yesterday"][..], "neither a time"),
        (&["--since", "2h", "--until", "3h"], "is not before"),
        (&["--decision", "maybe"], "possible values: allow, deny"),
        (&["--limit", "0"], "0 is not in"),
        (&["--principal", ""], "finds nothing"),
        (&["--calls", "--reverse"], "cannot be used with"),
        (&["--format", "xml"], "possible values"),
    ] {
        let output = trail.run("query", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", talk(&output));
        assert!(talk(&output).contains(part), "{arguments:?}: {}", talk(&output));
    }
    let missing = sallyport(&["audit", "query", "no-such-trail"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(talk(&missing).contains("`no-such-trail` cannot be read"), "{}", talk(&missing));
    let empty = sallyport(&["audit", "query", "src"]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(talk(&empty).contains("holds no segment"), "{}", talk(&empty));
}

#[test]
fn table_and_csv_hold_a_head_and_nothing_that_a_caller_could_make_of_a_field() {
    let trail = Trail::of_calls(11);
    let hostile = json!({
        "timestamp": stamp(99), "kind": "call", "phase": "refused", "request_id": id(99),
        "resource": "=1+1\u{1b}[2J", "status_code": 403, "code": "x",
    });
    trail.write(vec![hostile.to_string()]);
    let table = data(&trail.run("query", &["--format", "table"]));
    assert!(table.starts_with("seq      timestamp "), "{table}");
    assert_eq!(table.lines().count(), 1 + 21);
    assert!(!table.contains('\u{1b}'));
    let csv = data(&trail.run("query", &["--format", "csv"]));
    assert!(csv.starts_with("seq,timestamp,kind,phase,request_id,"), "{csv}");
    assert!(csv.contains(",\"'=rate, \"\"all\"\"\",") && csv.contains(",'=1+1"), "{csv}");
}

#[test]
fn reader_that_goes_away_ends_a_query_quietly() {
    let trail = Trail::of_calls(CALLS);
    let output = read_one_line(&["audit", "query", &trail.dir()]);
    assert!(data(&output).starts_with("{\"v\":2,\"seq\":1,"));
    assert_eq!((output.status.code(), talk(&output).as_str()), (Some(0), ""));
}
