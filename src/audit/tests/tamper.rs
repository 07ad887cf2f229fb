//! What the chain alone shows: every manipulation of a stored file has its finding.
//! What the tree, the signatures and the MACs show beyond it stands in `attacks.rs`.

use std::fmt::Write as _;
use std::fs;

use super::super::{
    AUDIT_LINE_BYTES_MAX, AUDIT_VERIFY_FINDINGS_MAX, AUDIT_VERIFY_OPEN_INTENTS_MAX, Finding, Head,
    Report, Trust, verify,
};
use super::{Dir, Rig, filled};

/// The report on a log of eight records after `change`.
fn after(change: impl FnOnce(&mut Vec<String>)) -> Report {
    let dir = filled(8);
    let mut lines = dir.lines();
    change(&mut lines);
    dir.write(&lines);
    dir.file_alone()
}

fn flip(line: &mut String, at: usize) {
    let mut bytes = std::mem::take(line).into_bytes();
    bytes[at] ^= 1;
    *line = String::from_utf8(bytes).unwrap();
}

#[test]
fn an_untouched_log_has_no_findings() {
    let report = after(|_| {});
    assert_eq!((report.findings.len(), report.exit_code()), (0, 0), "{report}");
}

#[test]
fn any_flipped_bit_of_any_record_but_the_last_is_a_broken_chain() {
    let dir = filled(4);
    let whole = fs::read(dir.log()).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap();
    for at in 0..last {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(dir.log(), bytes).unwrap();
        let report = dir.file_alone();
        assert_eq!(report.exit_code(), 10, "byte {at}: {report}");
    }
}

fn remembered(dir: &Dir, head: Option<Head>) -> Report {
    verify(&dir.log(), &Trust { head, ..Trust::default() }, |_| {}).unwrap()
}

#[test]
fn a_changed_last_record_takes_a_remembered_head_to_be_found_in_a_file_alone() {
    let dir = filled(4);
    let head = dir.verify().head;
    let mut lines = dir.lines();
    lines[3] = lines[3].replace("\"n\":4", "\"n\":5");
    dir.write(&lines);
    let report = remembered(&dir, head);
    assert!(matches!(report.findings[..], [Finding::HeadMismatch { .. }]), "{report}");
    assert_eq!(report.exit_code(), 13);
    let blind = dir.file_alone();
    assert_eq!(blind.exit_code(), 0);
    assert!(blind.to_string().contains("NOT checked: whether the end was cut off"), "{blind}");
    assert!(blind.to_string().contains("NOT checked: signatures and the tree"), "{blind}");
}

#[test]
fn a_deleted_record_is_a_gap() {
    let report = after(|lines| drop(lines.remove(3)));
    assert_eq!(report.findings, [Finding::SequenceGap { line: 4, expected: 4, found: 5 }]);
    assert_eq!(report.exit_code(), 12);
    assert!(report.to_string().contains("line 4: 1 records missing, 4 to 4"), "{report}");
}

#[test]
fn records_missing_at_the_beginning_are_a_gap() {
    let report = after(|lines| drop(lines.drain(..2)));
    assert_eq!(report.findings, [Finding::SequenceGap { line: 1, expected: 1, found: 3 }]);
}

#[test]
fn a_deleted_record_whose_numbers_were_closed_up_is_a_broken_chain() {
    let report = after(|lines| {
        lines.remove(3);
        for (line, seq) in lines.iter_mut().zip(1..) {
            let (_, rest) = line.split_once(",\"prev\"").unwrap();
            *line = format!("{{\"v\":2,\"seq\":{seq},\"prev\"{rest}");
        }
    });
    assert_eq!(report.exit_code(), 10, "{report}");
}

#[test]
fn swapped_duplicated_and_inserted_records_break_the_chain() {
    let swapped = after(|lines| lines.swap(2, 3));
    let duplicated = after(|lines| lines.insert(4, lines[3].clone()));
    let inserted = after(|lines| lines.insert(4, lines[4].replace("\"n\":5", "\"n\":99")));
    let foreign = after(|lines| lines.insert(4, "{\"n\":99}".to_owned()));
    for report in [&swapped, &duplicated, &inserted, &foreign] {
        assert_eq!(report.exit_code(), 10, "{report}");
    }
    let late = Finding::OutOfOrder { line: 5, expected: 5, found: 4 };
    assert_eq!(duplicated.findings, [late]);
}

#[test]
fn a_cut_tail_takes_a_remembered_head_to_be_found_in_a_file_alone() {
    let dir = filled(8);
    let head = dir.verify().head;
    let lines = dir.lines();
    dir.write(&lines[..6]);
    let report = remembered(&dir, head);
    assert!(matches!(report.findings[..], [Finding::Truncated { last_seq: 6, .. }]), "{report}");
    assert_eq!(report.exit_code(), 12);
    assert_eq!(dir.file_alone().exit_code(), 0, "without any memory nothing can show it");
}

#[test]
fn the_head_of_an_earlier_day_still_fits_a_longer_log() {
    let dir = filled(3);
    let head = dir.verify().head;
    super::fill(&dir.0, 3);
    let report = dir.verify_with(&Trust { head, ..Trust::default() });
    assert_eq!((report.records, report.exit_code()), (6, 0), "{report}");
    assert!(report.to_string().contains("NOT checked: whether records 4 to 6"), "{report}");
}

#[test]
fn a_member_named_twice_is_refused_because_two_readers_could_differ() {
    for (member, again) in
        [("seq", "1"), ("prev", "\"x\""), ("phase", "\"intent\""), ("v", "1"), ("mac", "\"x\"")]
    {
        let report = after(|lines| {
            let line = lines.last_mut().unwrap();
            let twice = format!(",\"{member}\":{again},\"{member}\":{again},\"n\"");
            *line = line.replace(",\"n\"", &twice);
        });
        assert_eq!(report.findings, [Finding::NotARecord { line: 8 }], "{member}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_not_a_record() {
    let dir = filled(1);
    let mut bytes = fs::read(dir.log()).unwrap();
    let at = bytes.iter().position(|&byte| byte == b'T').unwrap();
    bytes[at] = 0xff;
    fs::write(dir.log(), bytes).unwrap();
    assert_eq!(dir.verify().findings[0], Finding::NotARecord { line: 1 });
}

#[test]
fn a_line_longer_than_any_record_is_a_finding_and_takes_no_memory() {
    let report = after(|lines| lines[3] = "x".repeat(3 * AUDIT_LINE_BYTES_MAX));
    assert_eq!(report.findings, [Finding::LineTooLong { line: 4 }]);
    assert_eq!((report.records, report.exit_code()), (7, 10));
}

#[test]
fn findings_are_listed_up_to_a_bound_and_counted_beyond() {
    let dir = Dir::new();
    fs::create_dir(&dir.0).unwrap();
    fs::write(dir.log(), "x\n".repeat(AUDIT_VERIFY_FINDINGS_MAX + 5)).unwrap();
    let report = dir.file_alone();
    assert_eq!((report.findings.len(), report.findings_unlisted), (AUDIT_VERIFY_FINDINGS_MAX, 5));
}

#[test]
fn calls_without_a_recorded_end_are_named_in_the_order_of_the_log() {
    let dir = Dir::new();
    let mut rig = Rig::disk(&dir.0);
    for (phase, id) in [
        ("intent", "a"),
        ("intent", "b"),
        ("refused", "c"),
        ("intent", "d"),
        ("completion", "a"),
        ("completion", "e"),
    ] {
        let body = format!("{{\"phase\":\"{phase}\",\"request_id\":\"{id}\"}}");
        drop(rig.shared.append(body.as_bytes()).unwrap());
    }
    rig.turn();
    let report = dir.verify();
    assert_eq!(report.open_intents, ["b", "d"]);
    assert_eq!((report.intents, report.completions, report.refusals), (3, 2, 1));
    assert_eq!(report.completions_without_intent, 1);
    assert_eq!(report.exit_code(), 0, "open calls are a fact, not a manipulation");
}

#[test]
fn more_open_calls_than_the_bound_are_not_followed_and_the_report_says_so() {
    let dir = Dir::new();
    let mut rig = Rig::disk(&dir.0);
    for n in 0..=AUDIT_VERIFY_OPEN_INTENTS_MAX {
        let body = format!("{{\"phase\":\"intent\",\"request_id\":\"{n}\"}}");
        drop(rig.shared.append(body.as_bytes()).unwrap());
        if n % 500 == 0 {
            rig.turn();
        }
    }
    rig.turn();
    let report = dir.verify();
    assert_eq!(report.open_intents.len(), AUDIT_VERIFY_OPEN_INTENTS_MAX);
    assert!(
        report.to_string().contains("NOT checked: which calls have no"),
        "{:?}",
        report.not_checked
    );
    assert_eq!(report.exit_code(), 0);
}

#[test]
fn progress_tells_the_bytes_read_and_ends_with_all() {
    let dir = Dir::new();
    fs::create_dir(&dir.0).unwrap();
    let mut text = String::new();
    for n in 0..100_000 {
        writeln!(text, "{{\"a filler line of some length\":\"{n:060}\"}}").unwrap();
    }
    fs::write(dir.log(), &text).unwrap();
    let mut seen = Vec::new();
    let report = verify(&dir.0, &Trust::default(), |bytes| seen.push(bytes)).unwrap();
    assert!(seen.len() > 2 && seen.is_sorted());
    assert_eq!(seen.last(), Some(&report.bytes));
    assert_eq!(report.bytes, text.len() as u64);
}

#[test]
fn the_printed_head_is_what_a_later_verification_takes() {
    let dir = filled(2);
    let text = dir.verify().to_string();
    let head = text.lines().find_map(|line| line.strip_prefix("head ")).unwrap();
    let head: Head = head.parse().unwrap();
    assert_eq!(dir.verify_with(&Trust { head: Some(head), ..Trust::default() }).exit_code(), 0);
}

#[test]
fn a_flipped_link_of_the_first_record_is_found() {
    let report = after(|lines| flip(&mut lines[0], 25));
    assert_eq!(report.exit_code(), 10, "{report}");
}
