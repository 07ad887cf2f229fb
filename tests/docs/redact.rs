//! What `sallyport redact` promises: where the result goes, what the report says, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use sallyport::limits::{REDACT_FOLDERS_MAX, REDACT_READ_BYTES, REDACT_WHOLE_BYTES_MAX};
use serde_json::Value;

use super::{Dir, data, sallyport, talk};

const RECORD: &str = r#"{"customer": {"mail": "jane.roe@example.com", "ssn": 219099999}}"#;
const REDACTED: &str = r#"{"customer": {"mail": "[EMAIL]", "ssn": 0}}"#;

fn piped(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .arg("redact")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that ends on wrong usage reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn path(dir: &Dir, name: &str) -> String {
    dir.0.join(name).to_str().unwrap().to_owned()
}

#[test]
fn stdin_is_redacted_to_stdout_and_the_report_goes_to_stderr() {
    let output = piped(&[], RECORD);
    assert_eq!((output.status.code(), data(&output).as_str()), (Some(0), REDACTED));
    let text = talk(&output);
    for part in ["-: 2 found (json)", "us_ssn", "/customer/ssn", "the name `ssn` says so", "line 1"]
    {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("jane") && !text.contains("219"), "{text}");
    let quiet = piped(&["--report", "none", "-"], RECORD);
    assert_eq!((data(&quiet).as_str(), talk(&quiet).as_str()), (REDACTED, ""));
}

#[test]
fn report_for_programs_is_one_object_a_line() {
    let dir = Dir::new();
    let file = dir.write("a.json", RECORD);
    let output = sallyport(&["redact", "--report", "json", &file, &file]);
    assert_eq!(data(&output), REDACTED.repeat(2));
    let lines: Vec<Value> =
        talk(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["file"], file);
    let find = &lines[1]["finds"][1];
    assert_eq!((&find["class"], &find["reason"]), (&"us_ssn".into(), &"name".into()));
    assert_eq!((&find["path"], &find["confidence"]), (&"/customer/ssn".into(), &"certain".into()));
    assert_eq!((&find["line"], &find["column"]), (&1.into(), &54.into()));
    assert_eq!(find.get("value"), None);
}

#[test]
fn check_prints_nothing_and_ends_with_1_when_something_is_found() {
    let dir = Dir::new();
    let folder = path(&dir, "in");
    fs::create_dir_all(dir.0.join("in/deeper")).unwrap();
    dir.write("in/clean.txt", "order 4111 of room 12\n");
    let clean = sallyport(&["redact", "--check", &folder]);
    assert_eq!((clean.status.code(), data(&clean).as_str()), (Some(0), ""));
    dir.write("in/deeper/a.json", RECORD);
    let found = sallyport(&["redact", "--check", &folder]);
    assert_eq!((found.status.code(), data(&found).as_str()), (Some(1), ""));
    assert!(talk(&found).contains("2 inputs: 2 found"), "{}", talk(&found));
}

#[test]
fn folders_are_walked_and_what_is_no_text_is_skipped_and_said() {
    let dir = Dir::new();
    fs::create_dir_all(dir.0.join("in/deeper")).unwrap();
    dir.write("in/a.json", RECORD);
    dir.write("in/deeper/b.csv", "id,ssn,city\n1,219099999,Bonn\n2,219099999,Ulm\n");
    dir.write("in/image.png", "\u{1}\0PNG jane.roe@example.com");
    std::os::unix::fs::symlink("/etc/hostname", dir.0.join("in/link")).unwrap();
    let (folder, out) = (path(&dir, "in"), path(&dir, "out"));
    let output = sallyport(&["redact", "--out", &out, &folder]);
    assert_eq!((output.status.code(), data(&output).as_str()), (Some(0), ""), "{}", talk(&output));
    let read = |name: &str| fs::read_to_string(dir.0.join("out").join(name)).unwrap();
    assert_eq!(read("a.json"), REDACTED);
    assert_eq!(read("deeper/b.csv"), "id,ssn,city\n1,[US_SSN],Bonn\n2,[US_SSN],Ulm\n");
    assert!(!dir.0.join("out/image.png").exists() && !dir.0.join("out/link").exists());
    let text = talk(&output);
    assert!(text.contains("image.png: is no text: skipped"), "{text}");
    assert!(text.contains("link: is no file: skipped"), "{text}");
    // Nothing is overwritten, and no folder is read while it is written.
    assert_eq!(sallyport(&["redact", "--out", &out, &folder]).status.code(), Some(1));
    let inside = format!("{folder}/deeper");
    assert_eq!(sallyport(&["redact", "--out", &inside, &folder]).status.code(), Some(2));
    assert_eq!(sallyport(&["redact", &folder]).status.code(), Some(2));
}

#[test]
fn folders_that_are_too_deep_are_said_and_left() {
    let dir = Dir::new();
    let deep = dir.0.join("d/".repeat(REDACT_FOLDERS_MAX + 1));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("a.json"), RECORD).unwrap();
    let output = sallyport(&["redact", "--check", &path(&dir, "d")]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(talk(&output).contains("is no file: skipped"), "{}", talk(&output));
}

#[test]
fn file_that_is_too_large_for_a_whole_one_passes_as_a_stream() {
    let dir = Dir::new();
    let count = REDACT_WHOLE_BYTES_MAX / RECORD.len() + 1;
    let file = dir.write("large.json", &format!("[{}]", vec![RECORD; count].join(",\n")));
    let output = sallyport(&["redact", &file]);
    assert_eq!(output.status.code(), Some(0));
    assert!(data(&output) == format!("[{}]", vec![REDACTED; count].join(",\n")));
    assert!(talk(&output).contains(&format!("{count}  us_ssn")), "{}", talk(&output));
    let diff = sallyport(&["redact", "--diff", &file]);
    assert_eq!(diff.status.code(), Some(3));
    assert!(talk(&diff).contains("too large for --diff"), "{}", talk(&diff));
}

#[test]
fn stream_gives_out_each_line_as_it_comes() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["redact", "--stream", "--report", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        input.write_all(b"mail from jane.roe@example.com\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "mail from [EMAIL]");
    }
    // More than is read at once.
    let many = "jane.roe@example.com\n".repeat(REDACT_READ_BYTES / 10);
    let writer = std::thread::spawn(move || input.write_all(many.as_bytes()).unwrap());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    writer.join().unwrap();
    assert!(rest.len() == REDACT_READ_BYTES / 10 && rest.iter().all(|line| line == "[EMAIL]"));
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_str(&talk(&output)).unwrap();
    assert_eq!(report["counts"]["email"], REDACT_READ_BYTES / 10 + 3);
}

#[test]
fn diff_shows_what_would_change() {
    let dir = Dir::new();
    let file = dir.write("a.txt", "one\nto jane.roe@example.com\nthree\n");
    let output = sallyport(&["redact", "--diff", &file]);
    let expected = format!(
        "--- {file}\n+++ {file} (redacted)\n@@ -1,3 +1,3 @@\n one\n-to jane.roe@example.com\n\
         +to [EMAIL]\n three\n"
    );
    assert_eq!((output.status.code(), data(&output)), (Some(0), expected));
}

#[test]
fn explanation_says_what_spoke_for_a_find_and_what_others_lack() {
    let text = "write to jane.roe@example.com\nssn: 219099999\n9 digits 219099998\n";
    let output = piped(&["--explain", "--classes", "email,us_ssn"], text);
    let said = talk(&output);
    for part in [
        "-:1:10: email certain /: nothing else is written like it",
        "-:2:6: us_ssn certain /: the words before it say so",
    ] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
    assert!(!said.contains("jane") && !said.contains("219099999"), "{said}");
    let only = piped(&["--explain", "--classes", "us_ssn", "--show-values"], text);
    let said = talk(&only);
    assert!(
        said.contains("passed over: email certain /: the class is not looked for  `jane.roe@"),
        "{said}"
    );
    let json = piped(&["--explain", "--classes", "us_ssn", "--report", "json"], text);
    let report: Value = serde_json::from_str(&talk(&json)).unwrap();
    assert_eq!(report["passed_over"][0]["class"], "email");
}

#[test]
fn explanation_says_what_a_validator_accepted() {
    let text = "card 4111 1111 1111 1111, Steuer-ID 26 954 371 827, password: hunter2xK9";
    let said = talk(&piped(&["--explain"], text));
    for part in ["accepted: issuer range, length and check digit", "accepted: its number rules"] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
    assert_eq!(said.matches("accepted: ").count(), 2, "{said}");
    let json = talk(&piped(&["--explain", "--report", "json"], text));
    let report: Value = serde_json::from_str(&json).unwrap();
    assert!(report["finds"][0]["accepted"].as_str().unwrap().contains("Luhn"), "{json}");
    assert_eq!(report["finds"][2].get("accepted"), None);
    assert!(!talk(&piped(&[], text)).contains("accepted"));
}

#[test]
fn a_configuration_redacts_as_its_server_does() {
    let dir = Dir::new();
    let config = "issuers:\n  - issuer: https://idp.example.com\nservers:\n  - name: crm\n    \
                  public_url: http://localhost:8443/mcp\n    upstream: http://127.0.0.1:8080/mcp\n    \
                  redact:\n      classes: { email: mask }\n      \
                  custom:\n        - { name: case_number, pattern: \"CASE-[0-9]{6}\" }\n";
    let config = dir.write("sallyport.yaml", config);
    let text = "CASE-123456 of jane.roe@example.com from 203.0.113.7";
    let output = piped(&["--config", &config, "--server", "crm"], text);
    assert_eq!(data(&output), "[CASE_NUMBER] of j***@***.com from 203.0.113.7");
    assert!(talk(&output).contains("the configuration says so"), "{}", talk(&output));
    let shown = piped(&["--config", &config, "--reveal", "case_number"], text);
    assert_eq!(data(&shown), "CASE-123456 of j***@***.com from 203.0.113.7");
    assert!(talk(&shown).contains("(revealed)"), "{}", talk(&shown));
    let other = piped(&["--config", &config, "--server", "notes"], text);
    assert_eq!((other.status.code(), data(&other).as_str()), (Some(2), ""));
    assert!(talk(&other).contains("name one with --server: crm"), "{}", talk(&other));
}

#[test]
fn what_is_not_in_its_format_is_left_out_and_said() {
    let text = format!("{RECORD}\n[1, 2");
    let output = piped(&["--format", "json"], &text);
    assert_eq!(output.status.code(), Some(3));
    let said = talk(&output);
    assert!(said.contains("expected the rest of the value at byte 70"), "{said}");
    assert_eq!(data(&output), format!("{REDACTED}\n"));
    // Any text is read without a format.
    let output = piped(&[], &text);
    assert_eq!((output.status.code(), data(&output)), (Some(0), format!("{REDACTED}\n[1, 2")));
    assert_eq!(sallyport(&["redact", "no-such-file"]).status.code(), Some(3));
}

#[test]
fn wrong_usage_is_told_and_ends_with_2() {
    let unknown = piped(&["--classes", "emails"], RECORD);
    assert_eq!((unknown.status.code(), data(&unknown).as_str()), (Some(2), ""));
    assert!(talk(&unknown).contains("`emails` is not a class"), "{}", talk(&unknown));
    for arguments in [
        ["--form", "stars"],
        ["--confidence", "sure"],
        ["--diff", "--check"],
        ["--stream", "--explain"],
        ["--server", "crm"],
    ] {
        assert_eq!(piped(&arguments, RECORD).status.code(), Some(2), "{arguments:?}");
    }
    let chosen =
        piped(&["--classes", "us_ssn", "--form", "mask", "--confidence", "certain"], RECORD);
    assert!(data(&chosen).contains("jane.roe") && data(&chosen).contains("\"ssn\": 0"));
}

/// `021000021` alone may be anybody's number: only `pii-strict` is content with that.
#[test]
fn presets_and_countries_are_named_as_in_the_configuration() {
    let text = "a 021000021 of jane.roe@example.com from Germany, 26 954 371 827";
    let out = |arguments: &[&str]| {
        let output = piped(arguments, text);
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        data(&output)
    };
    let strict = out(&["--classes", "pii-strict"]);
    assert!(!strict.contains("021000021") && strict.contains("[EMAIL]"), "{strict}");
    let default = out(&["--classes", "pii-default"]);
    assert!(default.contains("021000021") && default.contains("[EMAIL]"), "{default}");
    // The flag counts before what presets say, and a preset before other names.
    assert_eq!(out(&["--classes", "pii-strict", "--confidence", "likely"]), default);
    assert_eq!(out(&["--classes", "pii-default", "--confidence", "possible"]), strict);
    assert_eq!(out(&["--classes", "secrets,us_routing,pii-strict"]), strict);
    assert_eq!(out(&["--preset", "all,pii-strict"]), strict);
    let german = out(&["--classes", "country:de,pci"]);
    assert_eq!(german, text.replace("26 954 371 827", "[DE_TAX_ID]"));
    // A preset makes nobody surer of classes that it does not have.
    let narrow = out(&["--classes", "secrets,us_routing"]);
    assert_eq!(narrow, text);
    let unknown = piped(&["--classes", "pii_strict"], text);
    assert_eq!((unknown.status.code(), data(&unknown).as_str()), (Some(2), ""));
    for name in ["pii-strict", "country:de", "us_ssn", "all"] {
        assert!(talk(&unknown).contains(name), "{name} in {}", talk(&unknown));
    }
}

/// What the command takes for a preset is what a configuration of that preset gives.
#[test]
fn preset_on_the_command_line_is_that_of_the_configuration() {
    let dir = Dir::new();
    let text = "card 4111 1111 1111 1111, a 021000021, IMEI 490154203237518, 943 476 5919, \
                a@b.de, 26 954 371 827, 078051120, (212) 555-0147, token: q7Zx91LmPw4sTf0aKd83";
    for preset in ["pii-default", "pii-strict", "gdpr", "hipaa", "secrets", "pci"] {
        let redact = format!("redact:\n      classes: {{ {preset}: label }}\n");
        let config = format!(
            "issuers:\n  - issuer: https://idp.example.com\nservers:\n  - name: crm\n    \
             public_url: http://localhost:8443/mcp\n    upstream: http://127.0.0.1:8080/mcp\n    \
             {redact}"
        );
        let config = dir.write(&format!("{preset}.yaml"), &config);
        let configured = piped(&["--config", &config], text);
        assert_eq!(configured.status.code(), Some(0), "{}", talk(&configured));
        assert_eq!(data(&piped(&["--classes", preset], text)), data(&configured), "{preset}");
    }
}
