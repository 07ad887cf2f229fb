//! Promises of the audit trail, on real files and on a storage that fails.
#![allow(clippy::cast_possible_truncation)]

mod faults;
mod life;
mod mem;
mod property;
mod recovery;
mod tamper;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::queue::{AppendError, Pending, Shared};
use super::recover;
use super::storage::{Disk, Storage};
use super::writer::Writer;
use super::{Options, Report, verify};
use crate::config::Durability;

/// A directory of this test's own, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "sallyport-audit-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self(std::env::temp_dir().join(name))
    }

    fn options(&self) -> Options {
        Options::new(&self.0)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn log(&self) -> PathBuf {
        self.file("audit.jsonl")
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.log()).unwrap().lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        let mut text = lines.join("\n");
        text.push('\n');
        fs::write(self.log(), text).unwrap();
    }

    fn verify(&self) -> Report {
        verify(&self.0, None, |_| {}).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A writer without its thread: the test decides when it works, so no test waits.
struct Rig<S> {
    shared: Arc<Shared>,
    writer: Writer<S>,
}

impl<S: Storage> Rig<S> {
    fn open(mut storage: S) -> Self {
        let found = recover::recover(&mut storage, Durability::Durable).unwrap();
        let shared = Arc::new(Shared::new(1000, 1 << 20, found.head));
        let writer = Writer::new(shared.clone(), storage, Durability::Durable, &found);
        Self { shared, writer }
    }

    fn append(&self, n: u64) -> Result<Pending, AppendError> {
        self.shared.append(body(n).as_bytes())
    }

    /// Commits what waits; without that, tries to repair or saves the head.
    fn turn(&mut self) {
        self.writer.turn(Some(Duration::ZERO));
    }

    /// Appends and commits one record.
    fn stored(&mut self, n: u64) -> Result<u64, AppendError> {
        let pending = self.append(n)?;
        self.turn();
        pending.outcome().unwrap()
    }
}

fn body(n: u64) -> String {
    format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"n\":{n}}}")
}

/// A directory whose log holds `records` records, closed cleanly.
fn filled(records: u64) -> Dir {
    let dir = Dir::new();
    fill(&dir.0, records);
    dir
}

fn fill(dir: &Path, records: u64) {
    let mut rig = Rig::open(Disk::open(dir).unwrap());
    for n in 1..=records {
        rig.stored(n).unwrap();
    }
    rig.shared.close();
    rig.writer.run();
}
