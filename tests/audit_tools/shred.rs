//! `sallyport audit shred`: whose key is destroyed is found in no byte of any file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use sallyport::audit::Subjects;

use super::*;

/// A log of two callers, with calls that were allowed and refused, sealed.
fn sealed() -> (Trail, Subjects) {
    sealed_with(|_| None)
}

/// As [`sealed`], with the issuer that a number's call has.
fn sealed_with(issuer: impl Fn(u64) -> Option<&'static str>) -> (Trail, Subjects) {
    let trail = Trail::empty();
    fs::create_dir_all(&trail.0).unwrap();
    let subjects = Subjects { keys: trail.0.join("keys"), master_key: trail.0.join("master") };
    fs::write(&subjects.master_key, "5c".repeat(32)).unwrap();
    fs::set_permissions(&subjects.master_key, fs::Permissions::from_mode(0o600)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { subjects: Some(subjects.clone()), ..trail.options() };
        let log = Log::open(&options).unwrap();
        for n in 0..300 {
            let user = if n % 2 == 0 { ALICE } else { BOB };
            let phase = if n % 5 == 0 { "refused" } else { "intent" };
            let mut body = json!({
                "timestamp": format!("2026-11-23T06:00:00.{n:06}Z"), "kind": "call",
                "phase": phase, "request_id": format!("r{n}"), "server": "notes",
                "client": user, "user_id": user, "action": "tools.invoke", "resource": "echo",
                "client_ip": "192.0.2.7", "session_id": "5e55", "params": {"about": user},
                "reason": format!("`{user}` may not"), "certificate": format!("CN={user}"),
            });
            if let Some(issuer) = issuer(n) {
                body["issuer"] = issuer.into();
            }
            log.append_durable(body.to_string(), Duration::from_secs(60)).await.unwrap();
        }
        log.close().await;
    });
    (trail, subjects)
}

/// Files below `dir` in which a text stands, plain or written otherwise.
fn holding(dir: &Path, text: &str) -> Vec<PathBuf> {
    let base64 = |skip: usize| {
        // Whatever stands before it, one of three alignments fits; the ends may differ.
        let padded = [&vec![0; skip], text.as_bytes()].concat();
        let all = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        all[4 * skip.min(1)..all.len() - 2].to_owned()
    };
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let forms = [text.to_owned(), hex, escaped, base64(0), base64(1), base64(2)];
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let holds = |form: &String| {
            bytes.windows(form.len()).any(|w| w.eq_ignore_ascii_case(form.as_bytes()))
        };
        if forms.iter().any(holds) {
            found.push(path);
        }
    }
    found
}

fn shred(trail: &Trail, subjects: &Subjects, more: &[&str]) -> Output {
    let (keys, master) = (subjects.keys.to_str().unwrap(), subjects.master_key.to_str().unwrap());
    let given = ["--subject-keys", keys, "--master-key", master];
    trail.run("shred", &[&given[..], more].concat())
}

fn query(trail: &Trail, subjects: &Subjects, person: &str) -> Output {
    let (keys, master) = (subjects.keys.to_str().unwrap(), subjects.master_key.to_str().unwrap());
    let given = ["--subject-keys", keys, "--master-key", master, "--person", person];
    trail.run("query", &[&given[..], &["--format", "jsonl"]].concat())
}

#[test]
fn shredded_person_is_in_no_byte_of_any_file_and_everything_else_stands() {
    let (trail, subjects) = sealed();
    let lines = |person: &str| data(&query(&trail, &subjects, person)).lines().count();
    assert_eq!((lines(ALICE), lines(BOB)), (150, 150));
    assert!(data(&query(&trail, &subjects, ALICE)).contains("may not"));
    let order = ["--subject", ALICE, "--reason", "asked under article 17", "--by", "officer"];

    let named = ["--subject", ALICE, "--reason", &format!("{ALICE} asked"), "--by", "officer"];
    assert_eq!(shred(&trail, &subjects, &named).status.code(), Some(1), "names her for good");
    fs::write(
        trail.file("holds"),
        format!("{{\"id\":\"case\",\"who\":\"a\",\"why\":\"b\",\"principal\":\"{ALICE}\"}}\n"),
    )
    .unwrap();
    assert_eq!(shred(&trail, &subjects, &order).status.code(), Some(4), "held");
    fs::remove_file(trail.file("holds")).unwrap();
    assert_eq!(lines(ALICE), 150, "a refused shredding destroys nothing");

    // The search finds what there is to find.
    let control = trail.0.join("control");
    for skip in 0..3 {
        let text = format!("{}{ALICE}", "x".repeat(skip));
        fs::write(&control, base64::engine::general_purpose::STANDARD.encode(text)).unwrap();
        assert_eq!(holding(&trail.0, ALICE), std::slice::from_ref(&control), "{skip}");
    }
    fs::remove_file(control).unwrap();

    let done = shred(&trail, &subjects, &order);
    assert!(done.status.success(), "{}", talk(&done));
    assert_eq!(holding(&trail.0, ALICE), Vec::<PathBuf>::new());
    let gone = query(&trail, &subjects, ALICE);
    assert_eq!(gone.status.code(), Some(2), "{}", talk(&gone));
    let opened = data(&query(&trail, &subjects, BOB));
    assert!(opened.lines().count() == 150 && opened.lines().all(|line| line.contains(BOB)));
    assert!(trail.records("query", &[]).iter().any(|r| r["kind"] == "shred"));

    let verified = trail.run("verify", &[]);
    assert!(verified.status.success(), "{}", data(&verified));
    let proof = trail.run("prove", &["1"]);
    assert!(proof.status.success(), "{}", talk(&proof));
    let path = trail.0.join("proof.json");
    fs::write(&path, &proof.stdout).unwrap();
    let checked = sallyport(&["audit", "check-proof", path.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", talk(&checked));

    let purged = trail.run("purge", &["--older-than", "1s", "--kind", "call"]);
    assert!(purged.status.success(), "{}", talk(&purged));
    assert!(trail.run("verify", &[]).status.success());
    assert_eq!(shred(&trail, &subjects, &order).status.code(), Some(1), "there is no key any more");
}

#[test]
fn equal_names_of_two_issuers_are_erased_one_by_one() {
    let (trail, subjects) =
        sealed_with(|n| [None, None, Some(ONE), Some(TWO), None][usize::try_from(n % 5).unwrap()]);
    let order = ["--person", ALICE, "--reason", "asked", "--by", "officer"];
    let which = shred(&trail, &subjects, &order);
    assert_eq!(which.status.code(), Some(2), "{}", talk(&which));
    for issuer in [ONE, TWO, "none"] {
        assert!(talk(&which).contains(&format!("`{issuer}`")), "{}", talk(&which));
    }
    let nobody = shred(&trail, &subjects, &[&order[..], &["--issuer", "https://x"]].concat());
    assert_eq!(nobody.status.code(), Some(1), "{}", talk(&nobody));
    assert!(shred(&trail, &subjects, &[&order[..], &["--issuer", ONE]].concat()).status.success());
    let of = |issuer: &str| {
        let (keys, master) =
            (subjects.keys.to_str().unwrap(), subjects.master_key.to_str().unwrap());
        let given = ["--subject-keys", keys, "--master-key", master, "--person", ALICE];
        let found = trail.run("query", &[&given[..], &["--issuer", issuer]].concat());
        (found.status.code(), data(&found).lines().filter(|line| line.contains(ALICE)).count())
    };
    assert_eq!(of(ONE), (Some(2), 0), "erased");
    assert_eq!(of(TWO), (Some(0), 30));
    assert_eq!(of("none"), (Some(0), 90));
}

#[test]
fn tail_stats_export_and_bundle_open_names_with_the_keys_and_say_what_stays_shut() {
    let (trail, subjects) = sealed();
    let (keys, master) = (subjects.keys.to_str().unwrap(), subjects.master_key.to_str().unwrap());
    let with = |command: &str, more: &[&str]| {
        let given = ["--subject-keys", keys, "--master-key", master];
        let output = trail.run(command, &[&given[..], more].concat());
        assert!(output.status.success(), "{command}: {}", talk(&output));
        data(&output)
    };
    let order = ["--person", ALICE, "--reason", "asked", "--by", "officer"];
    assert!(shred(&trail, &subjects, &order).status.success());

    let shut = data(&trail.run("tail", &["-n", "4", "--format", "table"]));
    assert!(shut.contains("(sealed)") && !shut.contains(BOB_CUT), "{shut}");
    let open = with("tail", &["-n", "4", "--format", "table"]);
    assert!(open.contains(BOB_CUT) && open.contains("(erased)"), "{open}");
    assert!(with("tail", &["--format", "jsonl"]).contains("\"state\":\"erased\""));
    let one = with("tail", &["-n", "500", "--format", "jsonl", "--person", BOB]);
    assert_eq!(one.lines().count(), 150);
    let found = with("query", &["--format", "jsonl", "--principal", BOB]);
    assert_eq!(found.lines().count(), 150, "conditions reach what is opened");

    let shut = data(&trail.run("stats", &["--by", "principal"]));
    assert!(shut.contains("(sealed)") && !shut.contains(BOB), "{shut}");
    let open = with("stats", &["--by", "principal", "--format", "json"]);
    let open: Value = serde_json::from_str(&open).unwrap();
    let records = |name: &str| {
        let groups = open["groups"].as_array().unwrap();
        groups.iter().find(|group| group["name"] == name).map(|group| group["records"].clone())
    };
    assert_eq!((records(BOB), records("(erased)")), (Some(json!(150)), Some(json!(150))), "{open}");

    assert!(!data(&trail.run("export", &["--format", "csv"])).contains(BOB));
    let csv = with("export", &["--format", "csv"]);
    assert!(csv.contains(BOB) && csv.contains("(erased)") && !csv.contains(ALICE));
    let given = ["--subject-keys", keys, "--master-key", master, "--format", "ocsf"];
    assert_eq!(trail.run("export", &given).status.code(), Some(2), "it carries the line's hash");

    let bundle = |name: &str| trail.0.join(name).to_str().unwrap().to_owned();
    let plain = bundle("plain");
    assert!(trail.run("bundle", &["--out", &plain]).status.success());
    assert!(!Path::new(&plain).join("opened.jsonl").exists());
    let refused = bundle("refused");
    let given = ["--subject-keys", keys, "--master-key", master, "--out", &refused];
    assert_eq!(trail.run("bundle", &given).status.code(), Some(2), "keys without --open");
    let open = bundle("open");
    with("bundle", &["--out", &open, "--open"]);
    let file = Path::new(&open).join("opened.jsonl");
    let opened = fs::read_to_string(&file).unwrap();
    assert!(opened.contains(BOB) && !opened.contains(ALICE) && opened.contains("erased"));
    for folder in [&plain, &open] {
        let checked = sallyport(&["audit", "check-bundle", folder]);
        assert!(checked.status.success(), "{}", talk(&checked));
        assert_eq!(talk(&checked).contains("NOT checked: whether `opened.jsonl`"), folder == &open);
    }
    fs::write(&file, opened.replace(BOB, "mallory")).unwrap();
    let checked = sallyport(&["audit", "check-bundle", &open]);
    assert_eq!(checked.status.code(), Some(10), "{}", talk(&checked));
}

#[test]
fn hold_by_name_keeps_sealed_records_that_may_be_the_held_ones() {
    let (trail, _) = sealed();
    let held = "{\"id\":\"case\",\"who\":\"a\",\"why\":\"b\",\"principal\":\"somebody\"}\n";
    fs::write(trail.file("holds"), held).unwrap();
    let purged = trail.run("purge", &["--older-than", "1s", "--kind", "call"]);
    assert!(data(&purged).starts_with("0 records purged, 300 are held"), "{}", data(&purged));
}

const ALICE: &str = "alice.liddell@wonder.example";
const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";
/// As a column of a table has it.
const BOB_CUT: &str = "bob.builder@works.e";
const BOB: &str = "bob.builder@works.example";
