//! Every attack on a stored log, what finds it, and the exit code: a table of the manual.

use std::fmt::Write as _;
use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::super::stub::{Stub, leaf_of};
use super::super::{Finding, Order, Report, Rule, Trust, purge};
use super::{Dir, disk, fill, filled};

/// What the auditor has beside the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auditor {
    /// The public key that the log's holder showed before.
    Key,
    /// Also the first MAC key.
    MacKey,
    /// Also a checkpoint that left the machine in time.
    Anchor,
}

/// A log of two segments of six records, and what an auditor was given of it.
struct Scene {
    dir: Dir,
    /// The directory after the sixth record.
    older: Dir,
    anchor: PathBuf,
    trust: Trust,
}

impl Scene {
    fn new() -> Self {
        let dir = filled(6);
        let older = Dir::new();
        dir.copy_to(&older.0);
        fs::write(dir.file("000000000007.jsonl"), "").unwrap();
        fill(&dir.0, 6);
        let keys = super::super::read_verifiers(&dir.0).unwrap();
        let trust = Trust { keys, first_keys: vec![dir.first_key()], ..Trust::default() };
        let anchor = dir.0.with_extension("anchor");
        fs::copy(dir.file("checkpoints"), &anchor).unwrap();
        fs::remove_file(dir.file("first-mac-key-1")).unwrap();
        fs::remove_file(older.file("first-mac-key-1")).unwrap();
        Self { dir, older, anchor, trust }
    }

    fn verify(&self, auditor: Auditor) -> Report {
        let mut trust = Trust { keys: self.trust.keys.clone(), ..Trust::default() };
        if auditor != Auditor::Key {
            trust.first_keys.clone_from(&self.trust.first_keys);
        }
        if auditor == Auditor::Anchor {
            trust.anchors.push(self.anchor.clone());
        }
        self.dir.verify_with(&trust)
    }

    fn edit(&self, segment: u64, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.dir.file(&super::super::segments::name(segment));
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(path, lines.iter().fold(String::new(), |text, line| text + line + "\n")).unwrap();
    }

    /// Who has every key that is on the machine now writes another history with them.
    fn rewrite(&self) {
        let kept = ["signing.key", "verifier.pub", "audit.lock"];
        for entry in fs::read_dir(&self.dir.0).unwrap().map(Result::unwrap) {
            if !kept.contains(&entry.file_name().to_str().unwrap()) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        self.write(101..=112);
    }

    /// Records that nobody wrote before.
    fn write(&self, numbers: RangeInclusive<u64>) {
        let mut rig = super::Rig::disk(&self.dir.0);
        for n in numbers {
            rig.stored(n).unwrap();
        }
        rig.close();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.anchor);
    }
}

type Attack = (&'static str, fn(&Scene), [u8; 3]);

/// What is done, how, and the exit codes for the three auditors.
const ATTACKS: [Attack; 18] = [
    ("nothing", |_| {}, [0, 0, 0]),
    (
        "flip: one digit of a record is changed",
        |scene| scene.edit(1, |lines| lines[2] = lines[2].replace("\"n\":3", "\"n\":4")),
        [10, 10, 10],
    ),
    (
        "flip: one digit of the last record is changed",
        |scene| scene.edit(7, |lines| lines[5] = lines[5].replace("\"n\":6", "\"n\":7")),
        [13, 11, 11],
    ),
    (
        "delete: a record is taken out",
        |scene| scene.edit(1, |lines| drop(lines.remove(3))),
        [12, 12, 12],
    ),
    (
        "delete: a whole segment is taken away",
        |scene| fs::remove_file(scene.dir.log()).unwrap(),
        [12, 12, 12],
    ),
    (
        "insert: a copy of a record is put in",
        |scene| scene.edit(1, |lines| lines.insert(3, lines[2].clone())),
        [10, 10, 10],
    ),
    (
        "reorder: two records change places",
        |scene| scene.edit(1, |lines| lines.swap(2, 3)),
        [10; 3],
    ),
    (
        "reorder: two segments change names",
        |scene| {
            let (one, two, other) = (scene.dir.log(), scene.dir.file("000000000007.jsonl"), "x");
            fs::rename(&one, scene.dir.file(other)).unwrap();
            fs::rename(&two, &one).unwrap();
            fs::rename(scene.dir.file(other), &two).unwrap();
        },
        [10, 10, 10],
    ),
    (
        "truncate: the last records are cut off",
        |scene| scene.edit(7, |lines| lines.truncate(2)),
        [12, 12, 12],
    ),
    (
        "truncate: records and checkpoints are cut off together",
        |scene| {
            scene.edit(7, |lines| lines.truncate(1));
            let text = fs::read_to_string(scene.dir.file("checkpoints")).unwrap();
            let keep = text.match_indices("\n\n").nth(5).map(|(at, _)| at + 2).unwrap();
            fs::write(scene.dir.file("checkpoints"), &text[..keep]).unwrap();
        },
        [0, 0, 12],
    ),
    (
        "replay: a segment is replaced by an older file",
        |scene| {
            let old = fs::read(scene.older.log()).unwrap();
            fs::write(scene.dir.file("000000000007.jsonl"), old).unwrap();
        },
        [10, 10, 10],
    ),
    (
        "roll back: the directory is replaced by an older copy of it",
        |scene| scene.older.copy_to(&scene.dir.0),
        [0, 0, 12],
    ),
    (
        "roll back: an older copy, and the gateway goes on from there",
        |scene| {
            scene.older.copy_to(&scene.dir.0);
            scene.write(201..=209);
        },
        [0, 0, 13],
    ),
    ("rewrite: everything anew with the keys that are on the machine", Scene::rewrite, [0, 11, 11]),
    (
        "forge: everything anew with a key of one's own",
        |scene| {
            fs::remove_file(scene.dir.file("signing.key")).unwrap();
            fs::remove_file(scene.dir.file("verifier.pub")).unwrap();
            fs::remove_file(scene.dir.file("state")).unwrap();
            fs::remove_file(scene.dir.file("checkpoints")).unwrap();
            for name in super::super::segments::files(&scene.dir.0).unwrap() {
                fs::remove_file(name).unwrap();
            }
            fill(&scene.dir.0, 12);
        },
        [11, 11, 11],
    ),
    (
        "stubs: every record becomes the stub of a purge that no record tells of",
        |scene| {
            for segment in [1, 7] {
                scene.edit(segment, |lines| {
                    for (line, seq) in lines.iter_mut().zip(segment..) {
                        let mut text = Vec::new();
                        Stub { seq, by: 99, leaf: leaf_of(line.as_bytes()) }.push(&mut text);
                        *line = String::from_utf8(text).unwrap().trim_end().to_owned();
                    }
                });
            }
        },
        [10, 10, 10],
    ),
    (
        "future: a checkpoint of records that never were is added, signed with the machine's key",
        |scene| {
            let other = Dir::new();
            scene.dir.copy_to(&other.0);
            fill(&other.0, 3);
            fs::copy(other.file("checkpoints"), scene.dir.file("checkpoints")).unwrap();
        },
        [12, 12, 12],
    ),
    (
        "strip: the checkpoints are taken away",
        |scene| fs::remove_file(scene.dir.file("checkpoints")).unwrap(),
        [14, 14, 14],
    ),
];

#[test]
fn every_attack_is_found_as_the_manual_says() {
    let mut table = String::from(
        "| what is done to the directory | public key | and first MAC key | and a checkpoint from outside |\n\
         |---|---|---|---|\n",
    );
    let mut wrong = String::new();
    for (name, attack, codes) in ATTACKS {
        let scene = Scene::new();
        attack(&scene);
        let found = [Auditor::Key, Auditor::MacKey, Auditor::Anchor].map(|auditor| {
            let report = scene.verify(auditor);
            let shown = if report.exit_code() == 0 {
                "not seen".to_owned()
            } else {
                report.exit_code().to_string()
            };
            (report.exit_code(), shown, report)
        });
        for ((code, _, report), expected) in found.iter().zip(codes) {
            if *code != expected {
                writeln!(wrong, "{name}: {code}, not {expected}: {report}").unwrap();
            }
        }
        let [key, mac, anchor] = found.map(|(_, shown, _)| shown);
        if name != "nothing" {
            assert_ne!(anchor, "not seen", "{name}");
            writeln!(table, "| {name} | {key} | {mac} | {anchor} |").unwrap();
        }
    }
    assert_eq!(wrong, "");
    in_the_manual(&table);
}

/// The table stands in the manual as it was found here.
fn in_the_manual(table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/audit.md");
    let text = fs::read_to_string(path).unwrap_or_default();
    let (begin, end) =
        ("<!-- attacks: generated by src/audit/tests/attacks.rs -->\n", "<!-- end -->\n");
    let from = text.find(begin).map(|at| at + begin.len());
    let to = text.find(end);
    let (Some(from), Some(to)) = (from, to) else {
        panic!("the manual has no place for the table")
    };
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        fs::write(path, format!("{}{table}{}", &text[..from], &text[to..])).unwrap();
    } else {
        assert!(text[from..to] == *table, "run UPDATE_MANUAL=1 cargo test --lib attacks");
    }
}

#[test]
fn every_attack_on_a_log_that_was_purged_is_found_as_well() {
    for (name, attack, before) in ATTACKS {
        let scene = Scene::new();
        let rule = Rule {
            name: "a third".to_owned(),
            older_than: Duration::ZERO,
            kind: None,
            server: Some("s2".to_owned()),
            phase: None,
        };
        let order = Order {
            rules: vec![rule],
            holds: Vec::new(),
            now: std::time::SystemTime::now(),
            asked_by: "command",
            dry_run: false,
        };
        let order = Order { now: order.now + Duration::from_secs(86_400 * 365), ..order };
        assert_eq!(purge(&scene.dir.options(), &order, |_| {}).unwrap().records, 4, "{name}");
        fs::copy(scene.dir.file("checkpoints"), &scene.anchor).unwrap();
        attack(&scene);
        for (auditor, before) in
            [Auditor::Key, Auditor::MacKey, Auditor::Anchor].into_iter().zip(before)
        {
            let report = scene.verify(auditor);
            assert!(
                (report.exit_code() != 0) == (name != "nothing") || before == 0,
                "{name}: {report}"
            );
        }
    }
}

#[test]
fn who_knows_nothing_but_the_directory_is_told_what_that_is_worth() {
    let scene = Scene::new();
    let text = scene.dir.verify().to_string();
    for part in [
        "NOT checked: whether the public key beside the log is the log's",
        "NOT checked: the MACs",
        "NOT checked: whether the end was cut off or all was made anew",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let all = scene.verify(Auditor::Anchor).to_string();
    assert!(!all.contains("NOT checked"), "{all}");
    for part in ["tree 12 ", "MACs of 12 records", "the anchor `"] {
        assert!(all.contains(part), "no `{part}` in {all}");
    }
}

#[test]
fn an_anchor_that_is_missing_empty_or_of_another_log_has_its_finding() {
    let scene = Scene::new();
    let with = |text: Option<&str>| {
        match text {
            Some(text) => fs::write(&scene.anchor, text).unwrap(),
            None => fs::remove_file(&scene.anchor).unwrap(),
        }
        scene.verify(Auditor::Anchor)
    };
    let missing = with(None);
    assert!(matches!(missing.findings[..], [Finding::AnchorMissing { .. }]), "{missing}");
    assert_eq!(with(Some("")).exit_code(), 14);
    assert_eq!(with(Some("hello\nworld\n")).exit_code(), 14);
    assert_eq!(with(Some("hello\n\n\u{2014} world\n")).exit_code(), 11);
    let other = fs::read_to_string(filled(3).file("checkpoints")).unwrap();
    let foreign = with(Some(&other));
    assert!(matches!(foreign.findings[0], Finding::SignatureInvalid { .. }), "{foreign}");
    assert_eq!(foreign.exit_code(), 11);
}

#[test]
fn a_checkpoint_of_records_that_are_still_to_come_is_a_missing_end() {
    let scene = Scene::new();
    fill(&scene.dir.0, 3);
    fs::copy(scene.dir.file("checkpoints"), &scene.anchor).unwrap();
    scene.older.copy_to(&scene.dir.0);
    let report = scene.verify(Auditor::Anchor);
    let cut =
        |found: &Finding| matches!(found, Finding::Truncated { last_seq: 6, remembered: 15, .. });
    assert!(report.findings.iter().any(cut), "{report}");
}

#[test]
fn an_anchor_that_saw_both_histories_of_a_log_that_was_rolled_back_proves_it() {
    let scene = Scene::new();
    scene.older.copy_to(&scene.dir.0);
    scene.write(201..=202);
    let both = fs::read_to_string(&scene.anchor).unwrap()
        + &fs::read_to_string(scene.dir.file("checkpoints")).unwrap();
    fs::write(&scene.anchor, both).unwrap();
    let report = scene.verify(Auditor::Anchor);
    let rolled = |found: &Finding| matches!(found, Finding::RolledBack { from: 12, .. });
    assert!(report.findings.iter().any(rolled), "{report}");
}

#[test]
fn any_flipped_bit_of_the_checkpoints_is_found() {
    let dir = filled(3);
    let keys = super::super::read_verifiers(&dir.0).unwrap();
    let trust = Trust { keys, ..Trust::default() };
    let whole = fs::read(dir.file("checkpoints")).unwrap();
    for at in 0..whole.len() - 1 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(dir.file("checkpoints"), bytes).unwrap();
        let report = dir.verify_with(&trust);
        assert!(report.exit_code() >= 11, "byte {at}: {report}");
    }
}

#[test]
fn a_thief_of_todays_keys_cannot_go_on_from_yesterday() {
    let scene = Scene::new();
    // Yesterday's records with today's state: the keys between are gone.
    let today = fs::read(scene.dir.file("state")).unwrap();
    scene.older.copy_to(&scene.dir.0);
    fs::write(scene.dir.file("state"), today).unwrap();
    let (mut disk, signer) = disk(&scene.dir.0);
    let found = super::recover::recover(&mut disk, super::Durability::Durable, &signer).unwrap();
    assert_eq!(found.contradicted.map(|head| head.seq), Some(12));
    drop(disk);
    let report = scene.verify(Auditor::MacKey);
    let loss = |found: &Finding| matches!(found, Finding::LossRecorded { seq: 7, .. });
    assert!(report.findings.iter().any(loss), "{report}");
}
