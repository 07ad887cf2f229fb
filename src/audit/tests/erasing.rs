//! Keys that a running log destroys: a process that is killed at each step, and the next start.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Instant;

use super::*;
use crate::audit::shred::At;
use crate::audit::subjects::{Sealer, Subjects};
use crate::audit::{Log, Request, shred};
use crate::limits::{
    AUDIT_SHRED_AGAIN_MS, AUDIT_SHRED_ORDERS_MAX, AUDIT_SHRED_POLL_MS, AUDIT_SHRED_WAIT_MS,
};

fn subjects(dir: &Path) -> Subjects {
    Subjects { keys: dir.join("keys"), master_key: dir.join("master") }
}

fn options(dir: &Path) -> Options {
    Options { subjects: Some(subjects(dir)), ..Options::new(dir.join("audit")) }
}

fn call(n: u64, user: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-23T06:00:00.{n:06}Z\",\"kind\":\"call\",\"phase\":\"refused\",\
         \"request_id\":\"r{n}\",\"user_id\":\"{user}\",\"reason\":\"`{user}` may not\"}}"
    )
}

/// Ends the process as `kill -9` does, where the test that started it said so.
pub(in crate::audit) fn die_at(step: At) {
    if std::env::var(STEP).is_ok_and(|wanted| wanted == format!("{step:?}")) {
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
}

#[test]
#[ignore = "run by the test below in a process of its own, which is killed"]
fn writes_calls_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { panic!("{DIR} names no directory") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Log::open(&options(Path::new(&dir))).unwrap();
        for n in 0.. {
            let user = if n % 2 == 0 { ALICE } else { BOB };
            log.append_durable(call(n, user), Duration::from_secs(60)).await.unwrap();
        }
    });
}

#[test]
fn gateway_killed_at_any_step_of_a_shredding_finishes_it_and_leaves_no_byte_of_the_person() {
    for step in [At::Begun, At::Destroyed, At::Signed, At::Finished] {
        let dir = Dir::new();
        fs::create_dir_all(&dir.0).unwrap();
        let (subjects, options) = (subjects(&dir.0), options(&dir.0));
        fs::write(&subjects.master_key, "5c".repeat(32)).unwrap();
        fs::set_permissions(&subjects.master_key, fs::Permissions::from_mode(0o600)).unwrap();
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--ignored",
                "audit::tests::erasing::writes_calls_until_it_is_killed",
            ])
            .env(DIR, &dir.0)
            .env(STEP, format!("{step:?}"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let id = loop {
            assert!(Instant::now() < until, "no call of both was recorded");
            let id = |name| Sealer::reader(&subjects).ok()?.id_of(name).ok()?;
            match (id(ALICE), id(BOB)) {
                (Some(id), Some(_)) => break id,
                _ => std::thread::yield_now(),
            }
        };
        let asks = {
            let (options, subjects) = (options.clone(), subjects.clone());
            std::thread::spawn(move || {
                let request = Request { person: ALICE.into(), reason: "asked", by: "officer" };
                shred(&options, &subjects, request, &[])
            })
        };
        assert_eq!(writer.wait().unwrap().signal(), Some(9), "{step:?}");
        // The next start: what was begun is finished, and the one who asked is answered.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let log = Log::open(&options).unwrap();
            let done = tokio::task::spawn_blocking(|| asks.join().unwrap()).await.unwrap().unwrap();
            assert_eq!((done.len(), &*done[0].key), (1, &*id), "{step:?}");
            log.append_durable(call(1, BOB), Duration::from_secs(60)).await.unwrap();
            log.close().await;
        });
        let report = verify(&options.dir, &Trust::default(), |_| {}).unwrap();
        assert_eq!(report.exit_code(), 0, "{step:?}: {report}");
        let sealer = Sealer::reader(&subjects).unwrap();
        let mut bobs = 0;
        for line in fs::read(options.dir.join("000000000001.jsonl")).unwrap().split(|b| *b == 10) {
            let opened = String::from_utf8(sealer.open(line)).unwrap();
            // Who was still calling has another key, under which the calls after that are.
            assert!(!opened.contains(ALICE) || !opened.contains(&id), "{step:?}: {opened}");
            bobs += usize::from(opened.contains(BOB));
        }
        assert!(bobs > 1, "{step:?}: what is sealed under another key opens");
        for file in files_below(&dir.0) {
            let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
            assert!(!text.contains(ALICE) && !text.contains(BOB), "{step:?}: {file:?}");
        }
        let ids = fs::read_dir(&subjects.keys).unwrap().map(|e| e.unwrap().path());
        let key_of = |path: &PathBuf| path.extension().is_some_and(|end| end == "key");
        for key in ids.filter(key_of) {
            assert!(!fs::read_to_string(key).unwrap().contains(&id), "{step:?}: the key is left");
        }
    }
}

#[test]
fn orders_are_looked_at_so_many_at_a_time_and_what_is_none_is_removed() {
    let dir = Dir::new();
    fs::create_dir_all(&dir.0).unwrap();
    let subjects = subjects(&dir.0);
    fs::write(&subjects.master_key, "5c".repeat(32)).unwrap();
    fs::set_permissions(&subjects.master_key, fs::Permissions::from_mode(0o600)).unwrap();
    let sealer = Sealer::writer(&subjects).unwrap();
    sealer.open_orders().unwrap();
    let orders = subjects.keys.join("orders");
    for n in 0..=AUDIT_SHRED_ORDERS_MAX {
        fs::write(orders.join(format!("{n:016x}.order")), "{}").unwrap();
    }
    let modes = fs::read_dir(&orders).unwrap().map(|entry| entry.unwrap().path());
    modes.for_each(|p| fs::set_permissions(p, fs::Permissions::from_mode(0o600)).unwrap());
    assert_eq!(sealer.orders().unwrap(), []);
    assert_eq!(fs::read_dir(&orders).unwrap().count(), 1, "the rest waits for the next look");
    const { assert!(AUDIT_SHRED_POLL_MS < 1_000, "`within a second`, as the manual says") };
    const { assert!(AUDIT_SHRED_AGAIN_MS < AUDIT_SHRED_WAIT_MS, "tried again while one waits") };
    assert_eq!(AUDIT_SHRED_WAIT_MS, 60_000, "`a minute`, as the manual says");
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (dirs, mut files): (Vec<_>, Vec<_>) =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).partition(|p| p.is_dir());
    files.extend(dirs.iter().flat_map(|dir| files_below(dir)));
    files
}

const ALICE: &str = "alice.liddell@wonder.example";
const BOB: &str = "bob.builder@works.example";
const DIR: &str = "SALLYPORT_ERASING_DIR";
const STEP: &str = "SALLYPORT_ERASING_STEP";
