//! Open, append, wait, close: the log as its callers use it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use super::super::queue::AppendError;
use super::super::{AUDIT_LINE_BYTES_MAX, Filter, Health, Log, OpenError, Options, Records, Trust};
use super::mem::Mem;
use super::{Dir, body, filled};
use crate::limits::AUDIT_LINGER_MS;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn appended_records_are_numbered_chained_and_verify() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    for n in 1..=20 {
        let receipt = log.append_durable(body(n), LONG).await.unwrap();
        assert_eq!(receipt.seq(), n);
    }
    log.close().await;
    let report = dir.verify();
    assert_eq!((report.records, report.exit_code()), (20, 0), "{report}");
    assert_eq!(report.first_seq, Some(1));
    let records: Vec<_> =
        Records::open(&dir.0, Filter::default()).unwrap().map(Result::unwrap).collect();
    assert!(records.iter().zip(1..).all(|(record, n)| record["n"] == n && record["seq"] == n));
}

#[tokio::test]
async fn a_log_that_is_opened_again_continues_its_chain() {
    let dir = filled(3);
    let log = Log::open(&dir.options()).unwrap();
    assert_eq!(log.opened().last_seq, 3);
    assert_eq!(log.opened().warnings, Vec::<String>::new());
    assert_eq!(log.append_durable(body(4), LONG).await.unwrap().seq(), 4);
    log.close().await;
    let report = dir.verify();
    assert_eq!((report.records, report.recoveries, report.exit_code()), (4, 0, 0), "{report}");
}

#[tokio::test]
async fn sixty_four_callers_share_one_commit() {
    let mem = Mem::default();
    let options = Dir::new().options();
    let log = Log::start(mem.clone(), &options, super::signer(), Vec::new()).unwrap();
    mem.hold();
    let first = log.append(body(0)).unwrap();
    mem.await_holding();
    let callers: Vec<_> = (1..=64).map(|n| log.append(body(n)).unwrap().durable()).collect();
    assert_eq!(log.stats().queue_records, 64);
    mem.release();
    assert_eq!(first.durable().await.unwrap().seq(), 1);
    for (caller, seq) in callers.into_iter().zip(2..) {
        assert_eq!(caller.await.unwrap().seq(), seq);
    }
    let stats = log.stats();
    assert_eq!((stats.records, stats.commits, stats.queue_records), (65, 2, 0));
    log.close().await;
}

#[tokio::test]
async fn record_that_nobody_waits_for_shares_the_commit_of_the_next_that_somebody_does() {
    let options = Options { linger: Duration::from_secs(3_600), ..Dir::new().options() };
    let log = Log::start(Mem::default(), &options, super::signer(), Vec::new()).unwrap();
    drop(log.append_soon(body(0)).unwrap());
    drop(log.append_soon(body(1)).unwrap());
    assert_eq!(log.append_durable(body(2), LONG).await.unwrap().seq(), 3);
    let stats = log.stats();
    assert_eq!((stats.records, stats.commits), (3, 1));
    // Nothing that was taken is lost when nobody ever waits.
    drop(log.append_soon(body(3)).unwrap());
    log.close().await;
    assert_eq!(log.stats().records, 4);
}

#[tokio::test]
async fn record_that_nobody_waits_for_is_durable_after_audit_linger_ms_at_the_latest() {
    let options = Dir::new().options();
    assert_eq!(options.linger, Duration::from_millis(AUDIT_LINGER_MS));
    let log = Log::start(Mem::default(), &options, super::signer(), Vec::new()).unwrap();
    let alone = log.append_soon(body(0)).unwrap();
    assert_eq!(alone.durable().await.unwrap().seq(), 1);
    log.close().await;
}

#[tokio::test]
async fn queue_that_is_half_full_of_what_nobody_waits_for_is_committed() {
    let mut options = Options { linger: Duration::from_secs(3_600), ..Dir::new().options() };
    options.queue_records_max = 4;
    let log = Log::start(Mem::default(), &options, super::signer(), Vec::new()).unwrap();
    let all: Vec<_> = (0..3).map(|n| log.append_soon(body(n)).unwrap()).collect();
    for (pending, seq) in all.into_iter().zip(1..) {
        assert_eq!(pending.durable().await.unwrap().seq(), seq);
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_on_a_real_disk_are_all_durable() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    log.append_durable(body(caller * 100 + n), LONG).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    // Before the log is closed: an acknowledged record is in the file already.
    let report = dir.verify();
    assert_eq!((report.records, report.exit_code()), (1280, 0), "{report}");
    assert!(log.stats().commits <= 1280);
    log.close().await;
}

#[tokio::test]
async fn closing_writes_what_nobody_waited_for() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    for n in 1..=100 {
        drop(log.append(body(n)).unwrap());
    }
    log.close().await;
    log.close().await;
    let report = dir.verify();
    assert_eq!((report.records, report.exit_code()), (100, 0), "{report}");
    assert_eq!(report.covered_seq, 100, "the last checkpoint covers all");
    assert_eq!(log.append(b"{}").unwrap_err(), AppendError::Closed);
    assert!(matches!(log.health(), Health::Failing { .. }));
}

#[tokio::test]
async fn a_second_writer_is_refused_until_the_first_has_closed() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    assert!(matches!(Log::open(&dir.options()), Err(OpenError::Locked { .. })));
    log.close().await;
    Log::open(&dir.options()).unwrap().close().await;
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_or_after_the_wait_and_takes_again() {
    let mem = Mem::default();
    let mut options = Dir::new().options();
    options.queue_records_max = 2;
    let log = Log::start(mem.clone(), &options, super::signer(), Vec::new()).unwrap();
    mem.hold();
    let _running = log.append(body(0)).unwrap();
    mem.await_holding();
    let _waiting = [log.append(b"{}").unwrap(), log.append(b"{}").unwrap()];
    assert_eq!(log.append(b"{}").unwrap_err(), AppendError::Full);
    let short = Duration::from_millis(1);
    assert_eq!(log.append_wait(b"{}", short).await.unwrap_err(), AppendError::Full);
    let (taken, ()) = tokio::join!(log.append_wait(b"{}", LONG), async { mem.release() });
    assert_eq!(taken.unwrap().durable().await.unwrap().seq(), 4);
    log.close().await;
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_too() {
    let mem = Mem::default();
    let mut options = Dir::new().options();
    options.queue_bytes_max = 380;
    let log = Log::start(mem.clone(), &options, super::signer(), Vec::new()).unwrap();
    mem.hold();
    let _running = log.append(body(0)).unwrap();
    mem.await_holding();
    let _waiting = [log.append(b"{}").unwrap(), log.append(b"{}").unwrap()];
    assert_eq!(log.append(body(1)).unwrap_err(), AppendError::Full);
    let never = format!("{{\"a\":\"{}\"}}", "x".repeat(400));
    assert!(matches!(log.append(never), Err(AppendError::TooLong { .. })));
    mem.release();
    log.close().await;
}

#[tokio::test]
async fn a_disk_that_does_not_answer_in_time_makes_its_callers_late() {
    let mem = Mem::default();
    let log = Log::start(mem.clone(), &Dir::new().options(), super::signer(), Vec::new()).unwrap();
    mem.hold();
    let late = log.append_durable(b"{}", Duration::from_millis(1)).await;
    assert_eq!(late, Err(AppendError::Late));
    mem.release();
    log.close().await;
}

#[tokio::test]
async fn bodies_that_are_not_one_line_of_json_object_or_too_long_are_refused() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    for bad in [&b""[..], b"[]", b"{\"a\":\n1}", b"{\"a\":1}\n"] {
        assert_eq!(log.append(bad).unwrap_err(), AppendError::Malformed);
    }
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(AUDIT_LINE_BYTES_MAX));
    assert!(matches!(log.append(long), Err(AppendError::TooLong { .. })));
    assert_eq!(log.append_durable(b"{}", LONG).await.unwrap().seq(), 1);
    log.close().await;
    assert_eq!(dir.verify().exit_code(), 0);
}

#[tokio::test]
async fn files_are_for_their_owner_alone_and_a_wider_mode_is_told() {
    let dir = Dir::new();
    let log = Log::open(&dir.options()).unwrap();
    log.append_durable(b"{}", LONG).await.unwrap();
    log.close().await;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.0.clone()), 0o700);
    for name in [
        "000000000001.jsonl",
        "checkpoints",
        "state",
        "signing.key",
        "first-mac-key-1",
        "audit.lock",
    ] {
        assert_eq!(mode(dir.file(name)), 0o600, "{name}");
    }
    fs::set_permissions(dir.log(), fs::Permissions::from_mode(0o644)).unwrap();
    let log = Log::open(&dir.options()).unwrap();
    let warnings = &log.opened().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("mode 644"), "{warnings:?}");
    log.close().await;
}

#[test]
fn a_link_in_the_place_of_the_log_is_refused() {
    let dir = Dir::new();
    fs::create_dir(&dir.0).unwrap();
    symlink("/dev/null", dir.log()).unwrap();
    let refused = Log::open(&dir.options()).unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused}");
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_with_its_name() {
    let dir = Dir::new();
    fs::write(&dir.0, "a file").unwrap();
    let text = Log::open(&dir.options()).unwrap_err().to_string();
    assert!(text.contains(dir.0.to_str().unwrap()), "{text}");
    fs::remove_file(&dir.0).unwrap();
}

#[test]
fn records_can_be_filtered_by_member_and_time() {
    let dir = filled(5);
    let mut filter = Filter { equals: vec![("n".into(), "3".into())], ..Filter::default() };
    let found: Vec<_> =
        Records::open(&dir.log(), filter.clone()).unwrap().map(Result::unwrap).collect();
    assert_eq!(found.iter().map(|record| record["seq"].as_u64()).collect::<Vec<_>>(), [Some(3)]);
    filter.until = Some("2026-11-22T00:00:00Z".into());
    assert_eq!(Records::open(&dir.0, filter).unwrap().count(), 0);
    let since = Some("2026-11-22T00:00:00Z".into());
    let filter = Filter { since, ..Filter::default() };
    assert_eq!(Records::open(&dir.0, filter).unwrap().count(), 5);
}

#[test]
fn a_log_that_is_missing_is_an_error_not_an_empty_log() {
    let dir = Dir::new();
    assert!(Records::open(&dir.0, Filter::default()).is_err());
    assert!(super::verify(&dir.0, &Trust::default(), |_| {}).is_err());
    fs::create_dir(&dir.0).unwrap();
    assert!(Records::open(&dir.0, Filter::default()).is_err());
    assert!(super::verify(&dir.0, &Trust::default(), |_| {}).is_err());
}
