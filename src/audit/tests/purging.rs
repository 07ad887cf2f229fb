//! Purged bodies are gone from every byte of the directory, and the log still verifies.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use super::super::purge::{At, run as run_purge};
use super::super::stub::Stub;
use super::super::{
    Filter, Finding, Order, ProveError, PurgeError, Purged, Records, Report, Rule, Trust,
    check_proof, prove, purge, read_holds, read_verifiers, segments,
};
use super::super::{merkle::leaf_hash, recover};
use super::{Dir, Durability, Rig, disk};
use crate::limits::{
    AUDIT_CHECKPOINT_MS_MAX, AUDIT_HOLD_CALLS_MAX, AUDIT_HOLDS_MAX, AUDIT_LINE_BYTES_MAX,
    AUDIT_PURGE_RANGES_MAX, AUDIT_PURGE_RUN_RANGES_MAX, AUDIT_RETENTION_MS,
    AUDIT_RETENTION_REST_MS, AUDIT_RETENTION_WAIT_MS, AUDIT_RULES_MAX,
};

const DAY: u64 = 86_400;

pub(super) fn at(time: &str) -> SystemTime {
    humantime::parse_rfc3339(time).unwrap()
}

/// A call of one person on one day, with what must not be found afterwards.
fn call(rig: &mut Rig<super::Disk>, day: &str, who: &str, server: &str) {
    for phase in ["intent", "completion"] {
        let secret = if phase == "intent" { format!("secret-{who}-{server}") } else { "-".into() };
        let body = format!(
            r#"{{"timestamp":"{day}T12:00:00.000000Z","kind":"call","phase":"{phase}","request_id":"{who}-{day}-{server}","server":"{server}","client":"app","user_id":"{who}","{}":"{secret}"}}"#,
            if phase == "intent" { "subject" } else { "end" }
        );
        let pending = rig.shared.append(body.as_bytes()).unwrap();
        rig.turn();
        pending.outcome().unwrap().unwrap();
    }
}

/// Calls of January and of November: two finished segments and a present one.
pub(super) fn year() -> Dir {
    let dir = Dir::new();
    let mut rig = Rig::disk(&dir.0);
    for who in ["ada", "bob"] {
        call(&mut rig, "2026-01-10", who, "crm");
        call(&mut rig, "2026-01-11", who, "hr");
    }
    rig.close();
    fs::write(dir.file("000000000009.jsonl"), "").unwrap();
    let mut rig = Rig::disk(&dir.0);
    call(&mut rig, "2026-01-12", "eve", "crm");
    call(&mut rig, "2026-11-20", "fay", "crm");
    rig.close();
    dir
}

pub(super) fn rule(days: u64) -> Rule {
    Rule {
        name: format!("after-{days}-days"),
        older_than: Duration::from_secs(days * DAY),
        kind: None,
        server: None,
        phase: None,
    }
}

pub(super) fn order(rule: Rule) -> Order {
    Order {
        rules: vec![rule],
        holds: Vec::new(),
        now: at("2026-11-23T00:00:00Z"),
        asked_by: "command",
        dry_run: false,
    }
}

/// Purges up to the step that the test lets fail.
pub(super) fn run(dir: &Dir, order: &Order, steps: usize) -> Result<Purged, PurgeError> {
    let (mut disk, signer) = disk(&dir.0);
    let mut found = recover::recover(&mut disk, Durability::Durable, &signer).unwrap();
    let mut left = steps;
    let mut fail = |at: At| {
        left = left.checked_sub(1).ok_or_else(|| io::Error::other(format!("killed at {at:?}")))?;
        Ok(())
    };
    run_purge(&dir.0, &mut disk, &signer, &mut found, order, &mut |_| {}, &mut fail)
}

/// Which files hold a text.
pub(super) fn holding(dir: &Dir, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir.0).unwrap().map(Result::unwrap) {
        let bytes = fs::read(entry.path()).unwrap();
        if memchr::memmem::find(&bytes, text.as_bytes()).is_some() {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found
}

/// An auditor with everything, from before the purge.
pub(super) fn auditor(dir: &Dir) -> (Trust, Dir) {
    let outside = Dir::new();
    fs::create_dir_all(&outside.0).unwrap();
    fs::copy(dir.file("checkpoints"), outside.file("anchor")).unwrap();
    let keys = read_verifiers(&dir.0).unwrap();
    let first_keys = vec![dir.first_key()];
    let anchors = vec![outside.file("anchor")];
    (Trust { keys, anchors, first_keys, ..Trust::default() }, outside)
}

pub(super) fn fine(report: &Report) {
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(report.tree.is_some(), "{report}");
}

#[test]
fn a_purged_log_verifies_and_holds_no_byte_of_what_went() {
    let dir = year();
    let (trust, _outside) = auditor(&dir);
    let proof = serde_json::to_string(&prove(&dir.0, 11, None, |_| {}).unwrap()).unwrap();
    let head = dir.verify().head;
    let purged = purge(&dir.options(), &order(rule(90)), |_| {}).unwrap();
    assert_eq!((purged.records, purged.held, purged.more), (10, 0, false));
    assert_eq!(purged.by_rule, [("after-90-days".to_owned(), 10)]);
    assert_eq!(purged.written, [13, 14], "one record for each segment");
    for gone in ["secret-ada", "secret-bob", "secret-eve", "\"eve\"", "2026-01-1"] {
        assert_eq!(holding(&dir, gone), [""; 0], "{gone}");
    }
    assert_eq!(holding(&dir, "secret-fay"), ["000000000009.jsonl"]);
    let all = dir.verify_with(&Trust { head, ..trust });
    for report in [dir.verify(), dir.verify_with(&dir.with_first_key()), all] {
        fine(&report);
        assert_eq!((report.records, report.purged), (14, 10));
        let text = report.to_string();
        for part in [
            "purged: 10 records",
            "record 13: rule `after-90-days`, before 2026-08-25T00:00:00.000000Z, asked by command: 8 of 8",
            "whether each of 10 purged records is named by a `purge` record",
            "NOT checked: what 10 purged records said, and their MACs",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    }
    assert_eq!(dir.verify_with(&dir.with_first_key()).macs, 4);
    // What was proven before is still proven, and can be proven anew.
    check_proof(&proof, &[]).unwrap();
    let again = serde_json::to_string(&prove(&dir.0, 11, None, |_| {}).unwrap()).unwrap();
    assert_eq!(check_proof(&again, &[]).unwrap().seq, 11);
    let gone = prove(&dir.0, 3, None, |_| {});
    assert!(matches!(gone, Err(ProveError::Purged { seq: 3, by: 13 })), "{gone:?}");
}

#[test]
fn a_purged_log_goes_on_and_is_purged_again_only_where_there_is_more() {
    let dir = year();
    let (trust, _outside) = auditor(&dir);
    purge(&dir.options(), &order(rule(90)), |_| {}).unwrap();
    let before = dir.verify().records;
    let again = purge(&dir.options(), &order(rule(90)), |_| {}).unwrap();
    assert_eq!((again.records, again.written.len()), (0, 0));
    assert_eq!(dir.verify().records, before, "nothing to say");
    super::fill(&dir.0, 2);
    fine(&dir.verify_with(&trust));
    // Without the state all is read again, stubs too.
    fs::remove_file(dir.file("state")).unwrap();
    super::fill(&dir.0, 1);
    let report = dir.verify();
    assert_eq!(report.records, 18, "{report}");
    assert!(
        matches!(report.findings[..], [Finding::MacRestarted { .. }]),
        "the chain is whole: {report}"
    );
    let records = Records::open(&dir.0, Filter::default()).unwrap();
    let stubs = records.map(Result::unwrap).filter(|record| record["purged"].is_u64());
    assert_eq!(stubs.count(), 10);
}

#[test]
fn rules_choose_by_class_and_the_first_that_fits_counts() {
    let dir = year();
    let crm = Rule { server: Some("crm".into()), name: "crm".into(), ..rule(30) };
    let ends = Rule { phase: Some("completion".into()), name: "ends".into(), ..rule(30) };
    let other = Rule { kind: Some("revocation".into()), name: "other".into(), ..rule(0) };
    let order = Order { rules: vec![crm, ends, other], ..order(rule(1)) };
    let dry = purge(&dir.options(), &Order { dry_run: true, ..order.clone() }, |_| {}).unwrap();
    assert_eq!(holding(&dir, "secret-ada-crm").len(), 1, "a dry run changes nothing");
    let done = purge(&dir.options(), &order, |_| {}).unwrap();
    let counts: Vec<u64> = done.by_rule.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [6, 2, 0]);
    assert_eq!((dry.by_rule, dry.records), (done.by_rule, done.records));
    assert_eq!(holding(&dir, "secret-ada-crm"), [""; 0]);
    assert_eq!(holding(&dir, "secret-ada-hr").len(), 1);
    let report = dir.verify();
    fine(&report);
    assert_eq!((report.purged, report.completions_without_intent), (8, 0));
}

#[test]
fn what_is_held_stays_with_the_whole_of_its_call() {
    let dir = year();
    let line = r#"{"id":"case-7","who":"legal","why":"suit","subject":"secret-ada-hr"}"#;
    let holds = read_holds(&format!("{line}\n\n")).unwrap();
    let purged = purge(&dir.options(), &Order { holds, ..order(rule(90)) }, |_| {}).unwrap();
    assert_eq!((purged.records, purged.held), (8, 2), "intent and completion");
    assert_eq!(holding(&dir, "ada-2026-01-11-hr").len(), 1);
    assert_eq!(holding(&dir, "ada-2026-01-10-crm"), [""; 0]);
    fine(&dir.verify());
    // Released, it goes.
    let purged = purge(&dir.options(), &order(rule(90)), |_| {}).unwrap();
    assert_eq!((purged.records, purged.held), (2, 0));
    // Quoted: three letters alone may stand in a hash.
    assert_eq!(holding(&dir, "\"ada\""), [""; 0]);
    fine(&dir.verify());
}

#[test]
fn holds_fit_by_principal_server_and_time_and_anything_else_is_refused() {
    let hold = |rest: &str| {
        let text = format!(r#"{{"id":"a","who":"b","why":"c"{rest}}}"#);
        read_holds(&text)
    };
    for (rest, held) in [
        ("", 10),
        (r#","principal":"ada""#, 4),
        (r#","principal":"app""#, 10),
        (r#","server":"hr""#, 4),
        (r#","server":"hr","principal":"bob""#, 2),
        (r#","from":"2026-01-11T12:00:00Z""#, 6),
        (r#","until":"2026-01-11T12:00:00Z""#, 4),
        (r#","from":"2026-01-11T12:00:00Z","until":"2026-01-12T00:00:00Z""#, 4),
        (r#","principal":"nobody""#, 0),
    ] {
        let dir = year();
        let order = Order { holds: hold(rest).unwrap(), dry_run: true, ..order(rule(90)) };
        assert_eq!(purge(&dir.options(), &order, |_| {}).unwrap().held, held, "{rest}");
    }
    for bad in [r#","from":"yesterday""#, r#","nobody":"x""#, r#","server":1"#] {
        assert!(hold(bad).is_err(), "{bad}");
    }
    assert!(read_holds("{\"id\":\"a\"}").is_err());
    let many = "{\"id\":\"a\",\"who\":\"b\",\"why\":\"c\"}\n".repeat(AUDIT_HOLDS_MAX + 1);
    assert!(read_holds(&many).is_err());
}

#[test]
fn a_kill_at_any_step_leaves_a_log_that_verifies_and_a_purge_that_is_finished() {
    let order = order(rule(90));
    let mut steps = 0;
    loop {
        let dir = year();
        let (trust, _outside) = auditor(&dir);
        fs::write(dir.file("audit.torn-2"), "secret-torn").unwrap();
        let outcome = run(&dir, &order, steps);
        let report = dir.verify_with(&trust);
        fine(&report);
        // The gateway goes on before anybody purges again.
        super::fill(&dir.0, 1);
        fine(&dir.verify_with(&trust));
        let rest = purge(&dir.options(), &order, |_| {}).unwrap();
        for gone in ["secret-ada", "secret-bob", "secret-eve"] {
            assert_eq!(holding(&dir, gone), [""; 0], "{gone} after {steps} steps");
        }
        assert!(
            fs::read_dir(&dir.0).unwrap().all(|entry| {
                !entry.unwrap().file_name().to_str().unwrap().ends_with(".purging")
            })
        );
        let report = dir.verify_with(&trust);
        fine(&report);
        assert_eq!(report.purged, 10, "{report}");
        let named: u64 = report.purges.iter().map(|purge| purge.count).sum();
        assert_eq!(named, 10, "no record is named twice: {report}");
        if outcome.is_ok() {
            assert_eq!(rest.records, 0);
            break;
        }
        steps += 1;
    }
    assert!(steps >= 10, "only {steps} steps were tried");
}

#[test]
fn stubs_forged_by_hand_are_found_by_whoever_has_the_public_key() {
    let forge = |seq: u64, by: u64| {
        let dir = year();
        let (trust, outside) = auditor(&dir);
        purge(&dir.options(), &order(Rule { server: Some("hr".into()), ..rule(90) }), |_| {})
            .unwrap();
        let name = segments::name(if seq < 9 { 1 } else { 9 });
        let text = fs::read_to_string(dir.file(&name)).unwrap();
        let mut out = Vec::new();
        for line in text.lines() {
            if line.starts_with(&format!("{{\"v\":2,\"seq\":{seq},")) {
                Stub { seq, by, leaf: leaf_hash(line.as_bytes()) }.push(&mut out);
            } else {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
            }
        }
        fs::write(dir.file(&name), out).unwrap();
        let _kept = &outside;
        let key = Trust { keys: trust.keys.clone(), ..Trust::default() };
        [dir.verify_with(&key), dir.verify_with(&trust)]
    };
    // Pointing to the purge that was, to a record that is none, and to none at all.
    for (seq, by) in [(1, 13), (2, 13), (1, 5), (1, 12), (1, 99), (12, 13)] {
        for report in forge(seq, by) {
            let found = Finding::Unexplained { from: seq, to: seq, by };
            assert!(report.findings.contains(&found), "{seq} by {by}: {report}");
            assert_eq!(report.exit_code(), 10, "{report}");
        }
    }
}

#[test]
fn a_purge_record_that_says_something_else_is_found() {
    for (from, to) in [
        ("\"count\":8", "\"count\":7"),
        ("[[1,8]]", "[[2,9]]"),
        ("[[1,8]]", "[[8,1]]"),
        ("\"leaves\":\"", "\"leaves\":\"0"),
    ] {
        let dir = year();
        purge(&dir.options(), &order(rule(90)), |_| {}).unwrap();
        let path = dir.file("000000000013.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let report = dir.verify();
        let found = |found: &Finding| match found {
            Finding::PurgeInvalid { seq: 13 } => from != "[[1,8]]" || to == "[[8,1]]",
            Finding::Unexplained { from: 1, to: 1, by: 13 } => to == "[[2,9]]",
            _ => false,
        };
        assert!(report.findings.iter().any(found), "{to}: {report}");
        assert_eq!(report.exit_code(), 10);
    }
}

#[test]
fn a_log_that_was_tampered_with_is_not_purged() {
    type Tamper = fn(&Dir);
    let tampers: [Tamper; 3] = [
        |dir| {
            let text = fs::read_to_string(dir.log()).unwrap();
            fs::write(dir.log(), text.replacen("secret-bob", "secret-rob", 1)).unwrap();
        },
        |dir| {
            let mut lines = dir.lines();
            let mut stub = Vec::new();
            Stub { seq: 2, by: 9, leaf: [7; 32] }.push(&mut stub);
            lines[1] = String::from_utf8(stub).unwrap().trim_end().to_owned();
            dir.write(&lines);
        },
        |dir| {
            let mut lines = dir.lines();
            lines.truncate(7);
            dir.write(&lines);
        },
    ];
    for tamper in tampers {
        let dir = year();
        tamper(&dir);
        let before = fs::read(dir.log()).unwrap();
        let refused = purge(&dir.options(), &order(rule(90)), |_| {});
        assert!(matches!(refused, Err(PurgeError::Contradiction { .. })), "{refused:?}");
        assert_eq!(fs::read(dir.log()).unwrap(), before, "the evidence stays");
    }
}

#[test]
fn the_logs_own_records_stay_and_copies_of_cut_bytes_go() {
    let dir = year();
    // A crash left half a record, now years ago.
    let mut text = fs::read_to_string(dir.file("000000000009.jsonl")).unwrap();
    text.push_str("{\"v\":2,\"seq\":13,\"secret-torn");
    fs::write(dir.file("000000000009.jsonl"), text).unwrap();
    super::fill(&dir.0, 1);
    assert_eq!(holding(&dir, "secret-torn"), ["audit.torn-13"]);
    let later = Order { now: at("2037-01-01T00:00:00Z"), ..order(rule(90)) };
    let hold = read_holds(r#"{"id":"a","who":"b","why":"c","principal":"zoe"}"#).unwrap();
    let held = Order { holds: hold, ..later.clone() };
    assert_eq!(purge(&dir.options(), &held, |_| {}).unwrap().torn, 0, "a hold keeps it");
    assert_eq!(holding(&dir, "secret-torn").len(), 1);
    let purged = purge(&dir.options(), &later, |_| {}).unwrap();
    assert_eq!(purged.torn, 1);
    assert_eq!(holding(&dir, "secret"), [""; 0]);
    let report = dir.verify();
    fine(&report);
    assert_eq!((report.recoveries, report.purged), (1, 13), "{report}");
}

#[test]
fn a_log_that_a_gateway_writes_is_refused_but_for_a_dry_run() {
    let dir = year();
    let rig = Rig::disk(&dir.0);
    let refused = purge(&dir.options(), &order(rule(90)), |_| {});
    assert!(matches!(refused, Err(PurgeError::Open(super::super::OpenError::Locked { .. }))));
    let dry = Order { dry_run: true, ..order(rule(90)) };
    assert_eq!(purge(&dir.options(), &dry, |_| {}).unwrap().records, 10);
    rig.close();
}

#[test]
fn one_file_of_a_purged_log_says_that_its_rules_are_elsewhere() {
    let dir = year();
    purge(&dir.options(), &order(rule(90)), |_| {}).unwrap();
    let report = dir.file_alone();
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(report.to_string().contains("NOT checked: under which rule 8 records"), "{report}");
}

#[test]
fn a_purge_record_with_the_most_ranges_fits_a_line() {
    let widest = format!("[{0},{0}],", u64::MAX).len() * AUDIT_PURGE_RANGES_MAX;
    assert!(widest + 4096 < AUDIT_LINE_BYTES_MAX);
    let bounds = (AUDIT_PURGE_RUN_RANGES_MAX, AUDIT_HOLD_CALLS_MAX, AUDIT_RULES_MAX);
    assert_eq!(bounds, (1_000_000, 1_000_000, 64));
    assert_eq!(AUDIT_RETENTION_WAIT_MS - AUDIT_CHECKPOINT_MS_MAX, 60_000);
    assert_eq!(AUDIT_RETENTION_REST_MS, 24 * AUDIT_RETENTION_MS);
}
