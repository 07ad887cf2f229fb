//! The audit trail, key files, and receivers.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::support::World;
use crate::upstream::Upstream;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A world with a trail that a gateway wrote and left.
async fn with_trail() -> World {
    let world = World::healthy().await;
    let options = sallyport::audit::Options::new(world.pki.path("audit"));
    let log = sallyport::audit::Log::open(&options).unwrap();
    for n in 0..5 {
        let pending = log.append(format!("{{\"kind\":\"note\",\"n\":{n}}}").as_bytes());
        pending.unwrap().durable().await.unwrap();
    }
    log.close().await;
    world
}

/// Every file below a directory with its length and times.
fn state(dir: &Path) -> Vec<(String, u64, i64, i64)> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, about.len(), about.mtime_nsec(), about.ctime_nsec())
        })
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_is_looked_at_and_nothing_of_it_changes() {
    let world = with_trail().await;
    let dir = world.pki.path("audit");
    let before = state(&dir);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('✓', "audit-directory").contains("mode 700"));
    assert!(seen.line('✓', "audit-tail").contains("hold, signed up to record"));
    assert!(seen.line('✓', "audit-writer").contains("nobody writes"));
    seen.line('✓', "audit-key");
    seen.line('✓', "audit-space");
    assert_eq!(state(&dir), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn writer_of_the_trail_is_named() {
    let world = with_trail().await;
    let options = sallyport::audit::Options::new(world.pki.path("audit"));
    let log = sallyport::audit::Log::open(&options).unwrap();
    let seen = world.doctor(&[]).await;
    let line = seen.line('✓', "audit-writer").to_owned();
    assert!(line.contains(&format!("process {} writes", std::process::id())), "{line}");
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_that_others_may_enter_is_warned_about_and_one_that_they_may_change_fails() {
    let world = with_trail().await;
    let dir = world.pki.path("audit");
    mode(&dir, 0o755);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "audit-directory", "others may look into it (mode 755)", "chmod 700");
    mode(&dir, 0o777);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "audit-directory", "others may write in it (mode 777)", "chmod 700");
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_that_was_changed_or_cut_fails() {
    let world = with_trail().await;
    let path = world.pki.path("audit").join("000000000001.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"n\":1", "\"n\":7", 1)).unwrap();
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "audit-tail", "does not fit the one before it", "audit verify");
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&path, lines[..lines.len() - 2].join("\n") + "\n").unwrap();
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "audit-tail", "records were signed", "audit verify");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_key_that_others_may_read_or_that_is_gone_fails() {
    let world = with_trail().await;
    let key = world.pki.path("audit").join("signing.key");
    mode(&key, 0o640);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "audit-key", "mode 640", "chmod 600");
    fs::remove_file(&key).unwrap();
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "audit-key", "is not there", "audit rotate");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_other_users_may_read_fails() {
    let world = World::healthy().await;
    mode(&world.pki.path("server.key"), 0o644);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "key-permissions", "every user of this machine may read", "chmod 600");
    mode(&world.pki.path("server.key"), 0o660);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "key-permissions", "may replace this key (mode 660)", "chmod 600");
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_nobody_reaches_fails_and_no_record_is_sent_to_one_that_is_there() {
    let mut world = World::healthy().await;
    let (there, gone) =
        (Upstream::answering(|_| crate::upstream::status(200)).await, Upstream::dead().await);
    world.pki.write_file("hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    crate::support::close(&world.pki.path("hook.secret"));
    let hook = |name: &str, at: &Upstream| {
        format!(
            "{{ name: {name}, webhook: {{ url: 'http://{}/hook', secret: {{ file: hook.secret }} }} }}",
            at.address
        )
    };
    world.more.push_str(&format!(
        "telemetry: {{ traces: {{ otlp: 'http://{}/v1/traces' }} }}\n",
        gone.address
    ));
    let audit = format!(
        "audit: {{ dir: audit, sinks: [ {}, {} ], anchors: [ {} ] }}\n",
        hook("here", &there),
        hook("away", &gone),
        hook("notary", &gone)
    );
    let config = world
        .pki
        .write_file("sallyport.yaml", world.yaml().replace("audit: { dir: audit }\n", &audit));
    let seen = crate::support::doctor(&config, &[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('✓', "sink-reachable").contains("sink here"));
    seen.says('✗', "sink-reachable", "sink away: no connection", "records wait for it");
    seen.says('✗', "anchor-reachable", "anchor notary: no connection", "start it");
    seen.says('✗', "traces-reachable", "no connection", "start it");
    assert!(there.seen().is_empty());
    assert!(!seen.text.contains("MfKQ9r8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_never_shakes_hands_is_given_up_after_doctor_connect_ms() {
    let mut world = World::healthy().await;
    let silent = Upstream::raw(b"", crate::upstream::After::Hang).await;
    world.more.push_str(&format!(
        "telemetry: {{ traces: {{ otlp: 'https://127.0.0.1:{}/v1/traces' }} }}\n",
        silent.address.port()
    ));
    let begun = std::time::Instant::now();
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    seen.says('✗', "traces-reachable", "in time", "start it");
    let (waited, one) = (begun.elapsed(), sallyport::limits::DOCTOR_CONNECT_MS);
    let one = std::time::Duration::from_millis(one);
    assert!(waited >= one && waited < 2 * one, "{waited:?}");
}

/// What the manual says of the checks, and the checks.
#[test]
fn manual_has_a_row_for_every_check_with_its_meaning() {
    use sallyport::doctor::{Check, Section};
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/doctor.md");
    let manual = fs::read_to_string(manual).unwrap();
    let row = regex::Regex::new(r"(?m)^\| `([a-z][a-z-]+)` \| ([^|]+) \|").unwrap();
    let rows: Vec<(String, String)> = row
        .captures_iter(&manual)
        .map(|row| (row[1].to_owned(), row[2].trim().to_owned()))
        .collect();
    let checks: Vec<(String, String)> = Check::ALL
        .iter()
        .map(|check| (check.name().to_owned(), check.meaning().to_owned()))
        .collect();
    assert_eq!(rows, checks);
    for section in Section::ALL {
        assert!(manual.contains(&format!("\n### {}\n", section.name())), "{}", section.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_force_are_counted_and_tools_that_wait_are_warned_about() {
    let mut world = World::healthy().await;
    world.pki.write_file("own.cedar", "@id(\"all\")\npermit (principal, action, resource);\n");
    world.pki.write_file("pins.json", r#"{ "version": 1, "tools": [] }"#);
    world.more.push_str("policy: { files: [own.cedar] }\n");
    world.server.push_str("    tool_pins: { file: pins.json }\n");
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('✓', "policy-loads").contains("in force"), "{}", seen.text);
    assert!(seen.line('✓', "pins-file").contains("0 definition(s) approved, none waits"));
    let hash = "a".repeat(64);
    let waiting = format!(
        r#"{{ "version": 1, "tools": [ {{ "name": "a", "reason": "new", "hash": "sha256:{hash}" }} ] }}"#
    );
    world.pki.write_file("pins.json.seen", waiting);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "pins-file", "1 definition(s) wait for approval", "pins approve");
}
