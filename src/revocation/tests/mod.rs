//! Promises of revocation, on a hand-moved clock and real files.

mod entries;
mod files;
mod forces;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Change, Entry};

/// 2027-01-15T08:00:00Z.
const NOW: u64 = 1_800_000_000;

/// A file of this test's own, removed with its folder at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sallyport-revocation-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.join("revoked.jsonl"))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn write(&self, bytes: impl AsRef<[u8]>) {
        std::fs::write(&self.0, bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn ordered(order: &str) -> Entry {
    Entry::ordered(order.as_bytes(), NOW).unwrap()
}

fn subject(name: &str) -> Entry {
    ordered(&format!(r#"{{"kind":"subject","value":"{name}"}}"#))
}

fn add(name: &str) -> Change {
    Change::Add(Box::new(subject(name)))
}
