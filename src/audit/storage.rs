//! Where the log's bytes live: the few operations that can fail.
//!
//! [`Storage`] is what recovery and the writer are written against; [`Disk`] is
//! the real one. The tests have another that fails on demand and loses what was
//! not synced.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::chain::Head;

/// The operations of a log's storage. All of them may block.
pub(super) trait Storage: Send + 'static {
    /// Length of the log in bytes.
    fn bytes(&mut self) -> io::Result<u64>;
    /// The bytes from `from` up to, not including, `to`.
    fn read(&mut self, from: u64, to: u64) -> io::Result<Vec<u8>>;
    /// Appends all of `lines`. On failure any part of them may have been written.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the log to `bytes`.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
    /// Fails unless the log's name still leads to what is being written and
    /// nobody else changed its length.
    fn check(&mut self, bytes: u64) -> io::Result<()>;
    /// Forgets the handle and opens the log anew, creating it if it is gone.
    fn reopen(&mut self) -> io::Result<()>;
    /// Keeps bytes that will be cut from the log, durably, before the record `seq`.
    fn keep_torn(&mut self, seq: u64, bytes: &[u8]) -> io::Result<()>;
    /// Length of what [`Storage::keep_torn`] kept for `seq`.
    fn torn_bytes(&mut self, seq: u64) -> io::Result<Option<u64>>;
    /// The head that was saved last.
    fn head(&mut self) -> io::Result<Option<Head>>;
    /// Saves the head: a hint for those who verify, so it need not be durable.
    fn save_head(&mut self, head: Head) -> io::Result<()>;
}

/// A directory that holds one log, locked against a second writer.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    path: PathBuf,
    /// `None` only while [`Disk::reopen`] has failed half-way.
    file: Option<File>,
    /// Device and inode of `file`.
    id: (u64, u64),
    lock: File,
}

impl Disk {
    /// Opens or creates the log in `dir`.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        create_dir(dir)?;
        let lock = lock(&dir.join(LOCK_FILE))?;
        let path = dir.join(LOG_FILE);
        let file = open_log(&path)?;
        let id = identity(&file.metadata()?);
        sync_dir(dir)?;
        Ok(Self { dir: dir.to_path_buf(), path, file: Some(file), id, lock })
    }

    /// What others than the owner may do with the log, in words, if anything.
    pub(super) fn exposure(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for path in [&self.dir, &self.path] {
            let mode = fs::metadata(path)?.mode() & 0o777;
            if mode & 0o077 != 0 {
                let path = path.display();
                found.push(format!("`{path}` is open to others than its owner (mode {mode:o})"));
            }
        }
        Ok(found)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }

    fn torn_path(&self, seq: u64) -> PathBuf {
        self.dir.join(format!("{TORN_FILE_PREFIX}{seq}"))
    }
}

impl Storage for Disk {
    fn bytes(&mut self) -> io::Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }

    fn read(&mut self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let bytes = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
        let mut read = vec![0; bytes];
        self.file()?.read_exact_at(&mut read, from)?;
        Ok(read)
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file()?.write_all(lines)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.file()?.set_len(bytes)
    }

    fn check(&mut self, bytes: u64) -> io::Result<()> {
        let found = fs::symlink_metadata(&self.path)?;
        if identity(&found) != self.id {
            return Err(io::Error::other("the file was replaced by another"));
        }
        if found.len() != bytes {
            let text = format!("the file has {} bytes where {bytes} were written", found.len());
            return Err(io::Error::other(text));
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        create_dir(&self.dir)?;
        let lock_path = self.dir.join(LOCK_FILE);
        let held = identity(&self.lock.metadata()?);
        if fs::metadata(&lock_path).map_or(true, |found| identity(&found) != held) {
            self.lock = lock(&lock_path)?;
        }
        let file = open_log(&self.path)?;
        self.id = identity(&file.metadata()?);
        self.file = Some(file);
        sync_dir(&self.dir)
    }

    fn keep_torn(&mut self, seq: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.torn_path(seq);
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_dir(&self.dir)
    }

    fn torn_bytes(&mut self, seq: u64) -> io::Result<Option<u64>> {
        match fs::metadata(self.torn_path(seq)) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn head(&mut self) -> io::Result<Option<Head>> {
        read_head(&self.dir)
    }

    fn save_head(&mut self, head: Head) -> io::Result<()> {
        let text = format!("{:0HEAD_DIGITS$}:{}\n", head.seq, head.hash_hex());
        let path = self.dir.join(HEAD_FILE);
        // One short write over the old text, which has the same length: a
        // reader, also after a crash, finds the old head or the new one.
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    }
}

/// The head that was saved in `dir`, if any; an error if it cannot be read as one.
pub(super) fn read_head(dir: &Path) -> io::Result<Option<Head>> {
    let file = match File::open(dir.join(HEAD_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(HEAD_BYTES_MAX).read_to_string(&mut text)?;
    text.trim_end().parse().map(Some).map_err(io::Error::other)
}

fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)
}

fn open_log(path: &Path) -> io::Result<File> {
    // A link or a device in this place would send the records somewhere else.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("`{}` is not a regular file", path.display())));
    }
    // Appending, so that the file may carry the append-only attribute.
    OpenOptions::new().read(true).append(true).create(true).mode(FILE_MODE).open(path)
}

/// Takes the advisory lock, which the system drops with the process.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A new name in a directory is durable only when the directory is synced.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// The records.
pub(super) const LOG_FILE: &str = "audit.jsonl";
/// `SEQ:HASH` of a recent record.
pub(super) const HEAD_FILE: &str = "audit.head";
const LOCK_FILE: &str = "audit.lock";
/// With the number of the record that tells of the cut behind it.
const TORN_FILE_PREFIX: &str = "audit.torn-";
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// More than a head ever has: what is longer is none.
const HEAD_BYTES_MAX: u64 = 128;
/// Enough for every u64, so that a saved head always has the same length.
const HEAD_DIGITS: usize = 20;
