//! Anchors before strict receivers, over real sockets, with real logs.

mod moto;
mod objects;
#[path = "../../../tests/support/witness.rs"]
mod strict;
mod webhook;
mod witness;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Anchors, Pace, Status};
use crate::audit::{Log, Options, Rhythm, Trust, verify};
use crate::config::testing::Folder;
use crate::config::{AnchorTarget, RemoteAnchor};
use crate::limits::{ANCHOR_BACKOFF_MAX_MS, ANCHOR_BACKOFF_MIN_MS, ANCHOR_POLL_MS};

/// A log that signs after each commit.
fn open(dir: &Path) -> Log {
    let rhythm = Rhythm { checkpoint_records: 1, ..Rhythm::default() };
    let origin = Some("gw.example/audit".to_owned());
    Log::open(&Options { rhythm, origin, ..Options::new(dir) }).unwrap()
}

/// Writes records that no other log has.
async fn write(log: &Log, records: u64) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    for _ in 0..records {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let body = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"n\":{n}}}");
        log.append_durable(body, Duration::from_secs(20)).await.unwrap();
    }
}

/// Writes so many records to the log in `dir` and closes it.
async fn grow(dir: &Path, records: u64) {
    let log = open(dir);
    write(&log, records).await;
    log.close().await;
}

fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace { poll: ms(5), backoff_min: ms(1), backoff_max: ms(8) }
}

fn remote(target: AnchorTarget) -> RemoteAnchor {
    RemoteAnchor { name: "w1".into(), timeout: Duration::from_millis(800), target }
}

fn start(dir: &Path, anchor: &RemoteAnchor) -> Anchors {
    Anchors::start(dir, std::slice::from_ref(anchor), &quick()).unwrap()
}

/// The figures of the one anchor, once they are as wanted.
async fn until(anchors: &Anchors, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
    let began = Instant::now();
    loop {
        let status = anchors.status(0).remove(0);
        if wanted(&status) {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: {status:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn has(anchors: &Anchors, size: u64) -> Status {
    until(anchors, "size", |status| status.size == size).await
}

/// Copies a log with all that lies beside it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn waits_are_those_of_the_table() {
    let pace = Pace::default();
    assert_eq!(pace.poll.as_millis(), u128::from(ANCHOR_POLL_MS));
    assert_eq!(pace.backoff_min.as_millis(), u128::from(ANCHOR_BACKOFF_MIN_MS));
    assert_eq!(pace.backoff_max.as_millis(), u128::from(ANCHOR_BACKOFF_MAX_MS));
}
