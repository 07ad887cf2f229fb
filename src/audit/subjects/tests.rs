use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::Answer;
use super::store::{Person, Sealer, SubjectError, Subjects};
use crate::limits::{AUDIT_SUBJECT_KEYS_CACHED_MAX, AUDIT_SUBJECT_KEYS_MAX};

struct Keys(PathBuf);

impl Keys {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sallyport-seal-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let keys = Self(dir);
        keys.master('a', 0o600);
        keys
    }

    fn master(&self, digit: char, mode: u32) {
        let path = self.subjects().master_key;
        fs::write(&path, digit.to_string().repeat(64)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn subjects(&self) -> Subjects {
        Subjects { keys: self.0.join("keys"), master_key: self.0.join("master") }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const BODY: &str = r#"{"timestamp":"2026-11-23T06:00:00.000000Z","kind":"call","phase":"intent","request_id":"r1","server":"notes","client":"app","user_id":"alice","action":"tools.invoke","resource":"echo","client_ip":"192.0.2.7","subject":"bob","params":{"q":"for alice and bob"}}"#;

#[test]
fn sealed_body_names_nobody_and_opens_again_whole() {
    let keys = Keys::new();
    let sealed = Sealer::writer(&keys.subjects()).unwrap().seal(BODY.as_bytes()).unwrap();
    let text = String::from_utf8(sealed.clone()).unwrap();
    for name in ["alice", "bob", "192.0.2.7", "\"app\""] {
        assert!(!text.contains(name), "{text}");
    }
    assert!(text.contains("\"resource\":\"echo\"") && text.contains("\"server\":\"notes\""));
    let opened = Sealer::reader(&keys.subjects()).unwrap().open(&sealed);
    let (was, is): (Value, Value) =
        (serde_json::from_str(BODY).unwrap(), serde_json::from_slice(&opened).unwrap());
    assert_eq!(was, is);
}

#[test]
fn end_of_either_key_ends_what_names_both_and_leaves_the_other_person() {
    for (gone, left) in [("alice", "bob"), ("bob", "alice")] {
        let keys = Keys::new();
        let writer = Sealer::writer(&keys.subjects()).unwrap();
        let sealed = writer.seal(BODY.as_bytes()).unwrap();
        let begun = writer.asked(gone.into(), "asked", "officer").unwrap().unwrap();
        writer.begin(&begun).unwrap();
        let again = writer.key("", gone).unwrap();
        assert_ne!(again.id(), begun.id, "used after that");
        drop(writer);
        let writer = Sealer::writer(&keys.subjects()).unwrap();
        assert_eq!(writer.pending().unwrap(), std::slice::from_ref(&begun));
        writer.destroy(&begun).unwrap();
        writer.finish(&begun, 7).unwrap();
        assert_eq!(writer.answer(&begun).unwrap(), Answer::Done(7));
        assert_eq!(writer.key("", gone).unwrap().id(), again.id(), "the later key stays");
        let opened = Sealer::reader(&keys.subjects()).unwrap().open(&sealed);
        let opened = String::from_utf8(opened).unwrap();
        assert!(opened.contains(left) && !opened.contains(gone), "{opened}");
        assert!(!opened.contains("params"), "{opened}");
    }
}

#[test]
fn equal_names_of_two_issuers_are_two_persons_and_a_name_alone_must_be_one() {
    let keys = Keys::new();
    let writer = Sealer::writer(&keys.subjects()).unwrap();
    let at = |issuer: &str| {
        let with = format!("\"issuer\":\"{issuer}\",\"user_id\"");
        writer.seal(BODY.replacen("\"user_id\"", &with, 1).as_bytes()).unwrap()
    };
    let (first, second) = (at("https://one.example"), at("https://two.example"));
    let plain = writer.seal(BODY.as_bytes()).unwrap();
    let person = |issuer| Person { name: "alice", issuer: Some(issuer) };
    let ids: Vec<String> = ["https://one.example", "https://two.example", "none"]
        .into_iter()
        .map(|issuer| writer.id_of(person(issuer)).unwrap().unwrap())
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    let error = writer.id_of("alice").unwrap_err().to_string();
    for issuer in ["https://one.example", "https://two.example", "none"] {
        assert!(error.contains(&format!("`{issuer}`")), "{error}");
    }
    let gone = writer.asked(person("https://one.example"), "asked", "officer").unwrap().unwrap();
    assert!(writer.is_of(&gone, "alice") && !writer.is_of(&gone, "bob"), "a hold knows names");
    writer.begin(&gone).unwrap();
    writer.destroy(&gone).unwrap();
    writer.finish(&gone, 1).unwrap();
    assert_eq!(writer.id_of(person("https://one.example")).unwrap(), None);
    let reader = Sealer::reader(&keys.subjects()).unwrap();
    let names = |sealed: &[u8]| {
        let opened: Value = serde_json::from_slice(&reader.open(sealed)).unwrap();
        opened["user_id"] == "alice"
    };
    assert!(!names(&first) && names(&second) && names(&plain));
}

#[test]
fn key_that_was_made_before_issuers_counted_still_opens() {
    let keys = Keys::new();
    let writer = Sealer::writer(&keys.subjects()).unwrap();
    let sealed = writer.seal(BODY.as_bytes()).unwrap();
    // The files of before have names of 32 digits and no issuer in them.
    for entry in fs::read_dir(keys.subjects().keys).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|end| end == "key") {
            assert_eq!(entry.file_stem().unwrap().len(), 32);
            assert!(!fs::read_to_string(&entry).unwrap().contains("issuer"));
        }
    }
    let now = BODY.replacen("\"user_id\"", "\"issuer\":\"https://one.example\",\"user_id\"", 1);
    writer.seal(now.as_bytes()).unwrap();
    let opened = Sealer::reader(&keys.subjects()).unwrap().open(&sealed);
    assert!(String::from_utf8(opened).unwrap().contains("alice"));
}

#[test]
fn sealed_text_that_was_moved_to_another_record_does_not_open() {
    let keys = Keys::new();
    let sealed = Sealer::writer(&keys.subjects()).unwrap().seal(BODY.as_bytes()).unwrap();
    let moved = String::from_utf8(sealed).unwrap().replace("\"r1\"", "\"r2\"");
    let opened = Sealer::reader(&keys.subjects()).unwrap().open(moved.as_bytes());
    assert!(!String::from_utf8(opened).unwrap().contains("alice"));
}

#[test]
fn key_file_that_came_back_from_a_backup_is_refused() {
    let keys = Keys::new();
    let writer = Sealer::writer(&keys.subjects()).unwrap();
    writer.key("", "alice").unwrap();
    let file = fs::read_dir(keys.subjects().keys)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "key"))
        .unwrap();
    assert!(!file.to_str().unwrap().contains("alice"));
    let kept = fs::read(&file).unwrap();
    let begun = writer.asked("alice".into(), "asked", "officer").unwrap().unwrap();
    writer.begin(&begun).unwrap();
    writer.destroy(&begun).unwrap();
    writer.finish(&begun, 1).unwrap();
    fs::write(&file, kept).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(writer.key("", "alice"), Err(SubjectError::CameBack(_))));
}

#[test]
fn other_open_or_malformed_master_key_and_a_second_writer_are_refused() {
    let keys = Keys::new();
    let subjects = keys.subjects();
    let writer = Sealer::writer(&subjects).unwrap();
    writer.key("", "alice").unwrap();
    assert!(matches!(Sealer::writer(&subjects), Err(SubjectError::Locked(_))));
    drop(writer);
    keys.master('b', 0o600);
    assert!(matches!(Sealer::writer(&subjects), Err(SubjectError::OtherMaster(_))));
    keys.master('x', 0o600);
    assert!(matches!(Sealer::writer(&subjects), Err(SubjectError::NoMaster(_))));
    keys.master('a', 0o640);
    assert!(matches!(Sealer::writer(&subjects), Err(SubjectError::Master(_))));
}

#[test]
fn keys_in_memory_and_on_disk_are_bounded() {
    let keys = Keys::new();
    let writer = Sealer::writer(&keys.subjects()).unwrap();
    let one = writer.key("", "alice").unwrap();
    writer.fill(&one);
    writer.key("", "bob").unwrap();
    assert!(writer.cached() <= AUDIT_SUBJECT_KEYS_CACHED_MAX);
    writer.count(AUDIT_SUBJECT_KEYS_MAX);
    assert!(matches!(writer.key("", "carol"), Err(SubjectError::Full)));
    assert!(writer.key("", "alice").is_ok(), "who has a key keeps it");
}

#[test]
#[ignore = "needs a release build to say something: prints what sealing costs"]
fn cost_of_sealing_a_record() {
    let keys = Keys::new();
    let writer = Sealer::writer(&keys.subjects()).unwrap();
    writer.seal(BODY.as_bytes()).unwrap();
    let start = std::time::Instant::now();
    for _ in 0..100_000 {
        assert!(!writer.seal(BODY.as_bytes()).unwrap().is_empty());
    }
    println!("{} ns a record with two persons", start.elapsed().as_nanos() / 100_000);
}

/// Fields that name nobody who calls, looked at one by one. `by` is an operator.
const CLEAR: &str = "v seq prev timestamp kind phase gateway request_id trace_id batch messages server \
    operation action listener auth_method proof issuer token_check certificate_source \
    params_masked bytes_in decision rule code limit policy guard_hits config generation \
    status_code latency_ms stages_ms bytes_out end redactions revealed shadow_redactions \
    shadow_revealed dropped structured server_requests tools_quarantined tools_changed via \
    revocation by kind_revoked expires_at revoked undone cut_bytes remembered_head refused \
    since lost_with_file mac_key mac_restarted old new signature asked_by before segment \
    count ranges leaves torn purged leaf sealed key mac";

#[test]
fn every_field_of_a_record_is_sealed_or_known_to_name_nobody() {
    let schema = include_str!("../../observe/record/schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let clear: Vec<&str> = CLEAR.split(' ').collect();
    for field in schema["properties"].as_object().unwrap().keys() {
        let sealed = super::names(field, false) != super::Names::Nobody;
        assert_ne!(sealed, clear.contains(&field.as_str()), "`{field}`: whom may it name?");
    }
}
