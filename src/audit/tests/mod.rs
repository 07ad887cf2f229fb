//! Promises of the audit trail, on real files and on a storage that fails.
#![allow(clippy::cast_possible_truncation)]

mod attacks;
pub(super) mod erasing;
mod faults;
mod growth;
mod keeping;
mod life;
mod mem;
mod proofs;
mod property;
mod purging;
mod recovery;
mod tamper;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::anchor::Publisher;
use super::beside::{Beside, Covered};
use super::identity;
use super::keeper::{Keeper, Retention};
use super::keys::first_key_path;
use super::note::SigningKey;
use super::queue::{AppendError, Bounds, Pending, Shared};
use super::recover;
use super::signer::Signer;
use super::storage::{Disk, Storage};
use super::writer::{Parts, Rhythm, Writer};
use super::{FirstKey, Options, Report, Trust, read_first_key, verify};
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

    /// The first segment.
    fn log(&self) -> PathBuf {
        self.file("000000000001.jsonl")
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
        self.verify_with(&Trust::default())
    }

    fn verify_with(&self, trust: &Trust) -> Report {
        verify(&self.0, trust, |_| {}).unwrap()
    }

    /// What an auditor was given when the log was made.
    fn first_key(&self) -> FirstKey {
        read_first_key(&fs::read_to_string(first_key_path(&self.0, 1)).unwrap()).unwrap()
    }

    /// An auditor with the first key of the MACs.
    fn with_first_key(&self) -> Trust {
        Trust { first_keys: vec![self.first_key()], ..Trust::default() }
    }

    /// The log without its checkpoints, as an auditor may get it: one file.
    fn file_alone(&self) -> Report {
        verify(&self.log(), &Trust::default(), |_| {}).unwrap()
    }

    /// Copies all files to another place.
    fn copy_to(&self, to: &Path) {
        let _ = fs::remove_dir_all(to);
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(&self.0).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
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

/// The same key in every test that has no directory of its own.
fn signer() -> Signer {
    let prefix = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    let der = [prefix.as_slice(), &[42; 32]].concat();
    Signer::new(SigningKey::from_pkcs8("gw.example/test", &der).unwrap(), Durability::Durable)
}

impl Rig<Disk> {
    fn disk(dir: &Path) -> Self {
        let (disk, signer) = disk(dir);
        Self::with(disk, signer, Rhythm::default())
    }
}

fn disk(dir: &Path) -> (Disk, Signer) {
    let mut disk = Disk::open(dir).unwrap();
    let key = identity::key(&mut disk, &Options::new(dir)).unwrap();
    disk.show_verifier(key.verifier()).unwrap();
    (disk, Signer::new(key, Durability::Durable))
}

const BOUNDS: Bounds =
    Bounds { records_max: 1000, bytes_max: 1 << 20, linger: Duration::from_secs(3_600) };

impl<S: Storage> Rig<S> {
    fn open(storage: S) -> Self {
        Self::with(storage, signer(), Rhythm::default())
    }

    fn with(storage: S, signer: Signer, rhythm: Rhythm) -> Self {
        Self::keeping(storage, signer, rhythm, None)
    }

    /// With retention, of the directory that the storage writes.
    fn keeping(
        mut storage: S,
        signer: Signer,
        rhythm: Rhythm,
        retention: Option<(&Path, Retention)>,
    ) -> Self {
        let durability = Durability::Durable;
        let found = recover::recover(&mut storage, durability, &signer).unwrap();
        let shared = Arc::new(Shared::new(BOUNDS, found.end.head));
        let publisher = Publisher::with(Vec::new()).unwrap();
        let covered = Arc::<Covered>::default();
        let beside = Beside::new(shared.clone(), covered.clone());
        let keeper =
            retention.map(|(dir, retention)| Keeper::new(dir.to_path_buf(), retention, beside));
        let parts = Parts {
            shared: shared.clone(),
            storage,
            durability,
            signer,
            publisher,
            rhythm,
            covered,
            keeper,
            eraser: None,
        };
        Self { shared, writer: Writer::new(parts, &found) }
    }

    fn append(&self, n: u64) -> Result<Pending, AppendError> {
        self.shared.append(body(n).as_bytes())
    }

    /// Commits what waits; without that, tries to repair or makes a checkpoint.
    fn turn(&mut self) {
        self.writer.turn(Some(Duration::ZERO));
    }

    fn close(self) {
        self.shared.close();
        self.writer.run();
    }

    /// Appends and commits one record.
    fn stored(&mut self, n: u64) -> Result<u64, AppendError> {
        let pending = self.append(n)?;
        self.turn();
        pending.outcome().unwrap()
    }
}

fn body(n: u64) -> String {
    let server = n % 3;
    format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"server\":\"s{server}\",\"n\":{n}}}")
}

/// A directory whose log holds `records` records, closed cleanly.
fn filled(records: u64) -> Dir {
    let dir = Dir::new();
    fill(&dir.0, records);
    dir
}

fn fill(dir: &Path, records: u64) {
    let mut rig = Rig::disk(dir);
    for n in 1..=records {
        rig.stored(n).unwrap();
    }
    rig.close();
}
