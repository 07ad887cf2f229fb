//! `sallyport audit bundle`, `check-bundle` and `export`.

use super::*;

/// A log and what an auditor knows of it.
fn bundled(more: &[&str]) -> (Trail, String, String) {
    let trail = Trail::of_calls(600);
    let out = trail.0.join("bundle").to_str().unwrap().to_owned();
    let made = trail.run("bundle", &[&["--out", &out], more].concat());
    assert_eq!(made.status.code(), Some(0), "{}", talk(&made));
    let key = trail.file("verifier.pub").to_str().unwrap().to_owned();
    (trail, out, key)
}

fn check(folder: &str, key: &str) -> Output {
    sallyport(&["audit", "check-bundle", folder, "--key", key])
}

#[test]
fn bundle_of_a_range_is_verified_without_the_log_and_holds_its_records_alone() {
    for (more, from, to) in [
        (&["--from", "300", "--to", "420"][..], 300, 420),
        (&["--from", "1139"], 1139, 1140),
        (&["--to", "1"], 1, 1),
        (&[], 1, 1140),
    ] {
        let (trail, out, key) = bundled(more);
        fs::remove_dir_all(trail.file("index")).ok();
        fs::copy(&key, trail.0.join("key")).unwrap();
        fs::remove_dir_all(trail.file("")).unwrap();
        let checked = check(&out, trail.0.join("key").to_str().unwrap());
        assert_eq!(checked.status.code(), Some(0), "{more:?}: {}", talk(&checked));
        assert!(data(&checked).starts_with(&format!("verified: records {from} to {to} of ")));
        assert!(!talk(&checked).contains("whether that is the log's key"), "{}", talk(&checked));
        let records = lines(&fs::read_to_string(format!("{out}/records.jsonl")).unwrap());
        let seqs: Vec<u64> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (from..=to).collect::<Vec<u64>>());
        let readme = fs::read_to_string(format!("{out}/README.txt")).unwrap();
        assert!(readme.contains("sallyport audit check-bundle FOLDER --key KEY"));
    }
}

#[test]
fn bundle_of_a_time_holds_every_record_of_it() {
    let (_trail, out, key) = bundled(&["--since", &stamp(100), "--until", &stamp(110)]);
    assert_eq!(check(&out, &key).status.code(), Some(0));
    let records = lines(&fs::read_to_string(format!("{out}/records.jsonl")).unwrap());
    let inside = |record: &&Value| {
        let at = record["timestamp"].as_str().unwrap();
        at >= stamp(100).as_str() && at < stamp(110).as_str()
    };
    // Nine calls with an intent, eight of which ended in time, one that ended then, a refusal.
    assert_eq!(records.iter().filter(inside).count(), 19);
    assert!(inside(&records.first().unwrap()) && inside(&records.last().unwrap()));
}

#[test]
fn proofs_of_a_bundle_stand_alone_and_its_checkpoint_is_one_of_the_log() {
    let (trail, out, key) = bundled(&["--from", "10", "--to", "20"]);
    for proof in ["first.json", "last.json", "growth.json"] {
        let checked =
            sallyport(&["audit", "check-proof", &format!("{out}/{proof}"), "--key", &key]);
        assert_eq!(checked.status.code(), Some(0), "{proof}: {}", talk(&checked));
    }
    let anchor = format!("{out}/checkpoint");
    let verified = trail.run("verify", &["--key", &key, "--anchor", &anchor]);
    assert_eq!(verified.status.code(), Some(0), "{}", data(&verified));
}

#[test]
fn every_change_of_a_bundle_is_found_with_its_exit_code() {
    let (trail, out, key) = bundled(&["--from", "300", "--to", "420"]);
    let file = |name: &str| PathBuf::from(&out).join(name);
    let other = Trail::of_calls(20);
    let code = |name: &str, change: &dyn Fn(String) -> String, fixed: bool| {
        let before = fs::read_to_string(file(name)).unwrap();
        let manifest = fs::read_to_string(file("manifest.json")).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "{name}");
        fs::write(file(name), &after).unwrap();
        if fixed {
            // Who changes a file also knows how to count.
            let sum = |text: &str| {
                let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
                sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            };
            let text = manifest.replace(&sum(&before), &sum(&after));
            assert_ne!(text, manifest);
            fs::write(file("manifest.json"), text).unwrap();
        }
        let found = check(&out, &key);
        fs::write(file(name), before).unwrap();
        fs::write(file("manifest.json"), manifest).unwrap();
        (found.status.code().unwrap(), talk(&found))
    };
    let without = |text: String, n: usize| {
        let kept = text.lines().enumerate().filter(|(at, _)| *at != n);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let records = "records.jsonl";
    for name in [records, "first.json", "checkpoints", "verifier.pub", "README.txt"] {
        let (found, text) = code(name, &|text| text + "x", false);
        assert_eq!(found, 10, "{name}: {text}");
    }
    let flip = |text: String| text.replacen("\"status_code\":200", "\"status_code\":201", 1);
    assert_eq!(code(records, &flip, true).0, 10);
    assert_eq!(code(records, &|text| without(text, 50), true).0, 12);
    assert_eq!(code(records, &|text| without(text, 0), true).0, 12);
    assert_eq!(code(records, &|text| without(text, 120), true).0, 12);
    let last = |text: String| text.replacen("\"seq\\\":420", "\"seq\\\":421", 1);
    assert_ne!(code("last.json", &last, true).0, 0);
    let first = fs::read_to_string(file("first.json")).unwrap();
    assert_eq!(code("last.json", &|_| first.clone(), true).0, 13);
    assert_eq!(code("checkpoints", &|_| String::new(), true).0, 14);
    let wider = |text: String| text.replace("\"to\": 420", "\"to\": 421");
    assert_eq!(code("manifest.json", &wider, false).0, 13);

    let foreign = other.file("verifier.pub");
    assert_eq!(check(&out, foreign.to_str().unwrap()).status.code(), Some(11));
    for name in ["growth.json", "manifest.json"] {
        let kept = fs::read(file(name)).unwrap();
        fs::remove_file(file(name)).unwrap();
        assert_eq!(check(&out, &key).status.code(), Some(12), "{name}");
        fs::write(file(name), kept).unwrap();
    }
    assert_eq!(check(&out, &key).status.code(), Some(0));
    drop(trail);
}

#[test]
fn bundle_that_cannot_be_made_says_why() {
    let trail = Trail::of_calls(20);
    let out = trail.0.join("bundle").to_str().unwrap().to_owned();
    for (more, code, part) in [
        (&["--from", "9", "--to", "3"][..], 2, "is behind"),
        (&["--from", "0"], 2, "0 is not in"),
        (&["--since", "2030-01-01T00:00:00Z"], 2, "no record of that time"),
        (&["--since", "1d", "--from", "3"], 2, "cannot be used with"),
        (&["--to", "39"], 1, "no checkpoint covers"),
    ] {
        let made = trail.run("bundle", &[&["--out", &out], more].concat());
        assert_eq!(made.status.code(), Some(code), "{more:?}: {}", talk(&made));
        assert!(talk(&made).contains(part), "{more:?}: {}", talk(&made));
        assert!(fs::metadata(&out).is_err(), "{more:?}");
    }
    fs::create_dir(&out).unwrap();
    let made = trail.run("bundle", &["--out", &out]);
    assert_eq!(made.status.code(), Some(2));
    assert!(talk(&made).contains("is there already"), "{}", talk(&made));
}

#[test]
fn files_of_a_bundle_beyond_audit_bundle_file_bytes_max_are_not_read() {
    let (_trail, out, key) = bundled(&[]);
    let file = fs::File::options().write(true).open(format!("{out}/manifest.json")).unwrap();
    // A hole: it takes no room on the disk.
    file.set_len(sallyport::limits::AUDIT_BUNDLE_FILE_BYTES_MAX + 1).unwrap();
    assert_eq!(check(&out, &key).status.code(), Some(10));
}

#[test]
fn export_writes_the_lines_of_the_log_or_csv_and_never_over_a_file() {
    let trail = Trail::of_calls(300);
    let all = data(&trail.run("export", &["--format", "jsonl"]));
    let log: Vec<String> =
        trail.segments().iter().map(|name| fs::read_to_string(trail.file(name)).unwrap()).collect();
    assert_eq!(all, log.concat());
    let out = trail.0.join("out.csv").to_str().unwrap().to_owned();
    let more = ["--format", "csv", "--decision", "deny", "--out", &out];
    let made = trail.run("export", &more);
    assert_eq!((made.status.code(), data(&made).as_str()), (Some(0), ""), "{}", talk(&made));
    assert!(talk(&made).contains("30 records are in"), "{}", talk(&made));
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 31);
    let again = trail.run("export", &more);
    assert_eq!(again.status.code(), Some(2));
    assert!(talk(&again).contains("is there already"), "{}", talk(&again));
}

#[test]
fn export_speaks_the_languages_of_siems_and_keeps_the_line_in_ocsf() {
    let trail = Trail::of_calls(20);
    let lines_of = |format: &str| {
        let made = trail.run("export", &["--format", format]);
        assert_eq!(made.status.code(), Some(0), "{}", talk(&made));
        data(&made)
    };
    let (log, ocsf) = (lines_of("jsonl"), lines(&lines_of("ocsf")));
    let raw: Vec<_> = ocsf.iter().map(|event| event["raw_data"].as_str().unwrap()).collect();
    assert_eq!(raw, log.lines().collect::<Vec<_>>());
    assert!(ocsf.iter().all(|event| event["class_uid"] == 6003));
    assert!(lines(&lines_of("ecs")).iter().all(|document| document["@timestamp"].is_string()));
    let cef = lines_of("cef");
    assert_eq!(cef.lines().filter(|line| line.starts_with("CEF:0|Sallyport|")).count(), 38);
}
