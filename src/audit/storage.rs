//! Where the log's bytes live: the few operations that can fail.
//!
//! [`Storage`] is what recovery and the writer are written against; [`Disk`] is
//! the real one. The tests have another that fails on demand and loses what was
//! not synced.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::checkpoint;
use super::keys;
use super::note::VerifierKey;
use super::segments::{self, Segment};
use super::state::ENCODED_BYTES_MAX;
use crate::limits::AUDIT_NOTE_BYTES_MAX;

/// The operations of a log's storage. All of them may block.
///
/// One segment is the present one: the last there is, until another is begun.
pub(super) trait Storage: Send + 'static {
    /// The segments, in their order.
    fn segments(&mut self) -> io::Result<Vec<Segment>>;
    /// The bytes of a segment from `from` up to, not including, `to`.
    fn read(&mut self, segment: u64, from: u64, to: u64) -> io::Result<Vec<u8>>;
    /// Makes an empty segment that begins with record `first` the present one, and
    /// its name durable. On failure the present one stays.
    fn begin(&mut self, first: u64) -> io::Result<()>;
    /// Length of the present segment in bytes.
    fn bytes(&mut self) -> io::Result<u64>;
    /// Appends all of `lines` to it. On failure any part of them may have been written.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the present segment to `bytes`.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
    /// Fails unless the segment's name still leads to what is being written and
    /// nobody else changed its length.
    fn check(&mut self, bytes: u64) -> io::Result<()>;
    /// Forgets the handle and opens the present segment anew; says if it is there.
    fn reopen(&mut self) -> io::Result<bool>;
    /// Keeps bytes that will be cut from the log, durably, before the record `seq`.
    fn keep_torn(&mut self, seq: u64, bytes: &[u8]) -> io::Result<()>;
    /// Length of what [`Storage::keep_torn`] kept for `seq`.
    fn torn_bytes(&mut self, seq: u64) -> io::Result<Option<u64>>;
    /// The state that was saved last.
    fn state(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>>;
    /// Puts a state in the place of the last one, durably, and wipes that.
    fn save_state(&mut self, state: &[u8]) -> io::Result<()>;
    /// Adds a checkpoint, durably.
    fn add_checkpoint(&mut self, note: &str) -> io::Result<()>;
    /// Keeps the first key of the MACs from record `index` on, durably.
    fn keep_first_key(&mut self, index: u64, text: &str) -> io::Result<()>;
}

/// A directory that holds one log, locked against a second writer.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    /// The present segment.
    path: PathBuf,
    /// `None` before the first segment, and while [`Disk::reopen`] has failed half-way.
    file: Option<File>,
    /// Device and inode of `file`.
    id: (u64, u64),
    lock: File,
    /// What is written beside the log when the directory had to be made anew.
    verifier: Option<VerifierKey>,
}

impl Disk {
    /// Opens or creates the directory of a log.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        create_dir(dir)?;
        let lock = lock(&dir.join(LOCK_FILE))?;
        let mut disk = Self {
            dir: dir.to_path_buf(),
            path: dir.join(segments::name(1)),
            file: None,
            id: (0, 0),
            lock,
            verifier: None,
        };
        if let Some(last) = segments::list(dir)?.last() {
            disk.path = dir.join(segments::name(last.first));
            disk.attach(open_segment(&disk.path, Create::No)?)?;
        }
        sync_dir(dir)?;
        Ok(disk)
    }

    /// What others than the owner may do with the log, in words, if anything.
    pub(super) fn exposure(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for path in [&self.dir, &self.path] {
            let mode = match fs::metadata(path) {
                Ok(found) => found.mode() & 0o777,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if mode & 0o077 != 0 {
                let path = path.display();
                found.push(format!("`{path}` is open to others than its owner (mode {mode:o})"));
            }
        }
        Ok(found)
    }

    /// Keeps the key beside the log from now on.
    pub(super) fn show_verifier(&mut self, key: &VerifierKey) -> io::Result<()> {
        self.verifier = Some(key.clone());
        keys::add_verifier(&self.dir, key)
    }

    fn attach(&mut self, file: File) -> io::Result<()> {
        self.id = identity(&file.metadata()?);
        self.file = Some(file);
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }

    fn torn_path(&self, seq: u64) -> PathBuf {
        torn_path(&self.dir, seq)
    }
}

impl Storage for Disk {
    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        segments::list(&self.dir)
    }

    fn read(&mut self, segment: u64, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let bytes = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
        let mut read = vec![0; bytes];
        File::open(self.dir.join(segments::name(segment)))?.read_exact_at(&mut read, from)?;
        Ok(read)
    }

    fn begin(&mut self, first: u64) -> io::Result<()> {
        let path = self.dir.join(segments::name(first));
        let file = open_segment(&path, Create::Yes)?;
        // Left by an attempt that did not come this far.
        if file.metadata()?.len() > 0 {
            return Err(io::Error::other(format!("`{}` is there already", path.display())));
        }
        file.sync_all()?;
        sync_dir(&self.dir)?;
        self.path = path;
        self.attach(file)
    }

    fn bytes(&mut self) -> io::Result<u64> {
        Ok(self.file()?.metadata()?.len())
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

    fn reopen(&mut self) -> io::Result<bool> {
        self.file = None;
        create_dir(&self.dir)?;
        let lock_path = self.dir.join(LOCK_FILE);
        let held = identity(&self.lock.metadata()?);
        if fs::metadata(&lock_path).map_or(true, |found| identity(&found) != held) {
            self.lock = lock(&lock_path)?;
        }
        if let Some(key) = &self.verifier {
            keys::add_verifier(&self.dir, key)?;
        }
        let found = match open_segment(&self.path, Create::No) {
            Ok(file) => {
                self.attach(file)?;
                true
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        sync_dir(&self.dir)?;
        Ok(found)
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

    fn state(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        keys::read_private(&self.dir.join(STATE_FILE)).map_err(io::Error::other)
    }

    fn save_state(&mut self, state: &[u8]) -> io::Result<()> {
        let path = self.dir.join(STATE_FILE);
        let fresh = self.dir.join(STATE_FILE_NEW);
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
        file.write_all(state)?;
        file.sync_data()?;
        let old = OpenOptions::new().write(true).open(&path).ok();
        fs::rename(&fresh, &path)?;
        sync_dir(&self.dir)?;
        // The old key must not lie about in free blocks. A file system that copies on
        // write, or a disk that moves blocks, keeps one all the same.
        if let Some(old) = old {
            old.write_all_at(&[0; ENCODED_BYTES_MAX], 0)?;
            old.sync_data()?;
        }
        Ok(())
    }

    fn add_checkpoint(&mut self, note: &str) -> io::Result<()> {
        append_note(&self.dir.join(CHECKPOINTS_FILE), note)
    }

    fn keep_first_key(&mut self, index: u64, text: &str) -> io::Result<()> {
        let path = keys::first_key_path(&self.dir, index);
        match fs::remove_file(&path) {
            // Of a creation that did not come to its end.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        keys::create_private(&path, text.as_bytes())
    }
}

/// Adds a note to a file of notes, durably. A note that a crash left half is cut:
/// nothing rests on it, and its successor covers more.
pub(super) fn append_note(path: &Path, note: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).mode(FILE_MODE).open(path)?;
    let bytes = file.metadata()?.len();
    let from = bytes.saturating_sub(2 * u64::try_from(AUDIT_NOTE_BYTES_MAX).unwrap_or(0));
    let mut end = vec![0; usize::try_from(bytes - from).map_err(io::Error::other)?];
    file.read_exact_at(&mut end, from)?;
    let whole = checkpoint::whole_bytes(&end);
    if whole < end.len() {
        let known = whole > 0 || from == 0;
        let keep = from + u64::try_from(whole).map_err(io::Error::other)?;
        if !known || file.set_len(keep).is_err() {
            // Of a file that can only be appended to; readers pass over half a note.
            file.write_all(b"\n\n")?;
        }
    }
    let mut text = String::with_capacity(note.len() + 1);
    checkpoint::push_note(&mut text, note);
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    if bytes == 0
        && let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty())
    {
        sync_dir(dir)?;
    }
    Ok(())
}

fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Create {
    Yes,
    No,
}

fn open_segment(path: &Path, create: Create) -> io::Result<File> {
    // A link or a device in this place would send the records somewhere else.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("`{}` is not a regular file", path.display())));
    }
    // Appending, so that the file may carry the append-only attribute.
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(create == Create::Yes).mode(FILE_MODE).open(path)
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

/// Where the bytes are kept that were cut before record `seq`.
pub(super) fn torn_path(dir: &Path, seq: u64) -> PathBuf {
    dir.join(format!("{TORN_FILE_PREFIX}{seq}"))
}

/// Puts a file, for the owner's eyes alone, in the place of another: whole or not at all, also
/// after a power loss.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    sync_dir(dir.unwrap_or(Path::new(".")))
}

/// A new name in a directory is durable only when the directory is synced.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// The signed tree heads.
pub(super) const CHECKPOINTS_FILE: &str = "checkpoints";
/// Where the log goes on, with the key of the next MAC.
const STATE_FILE: &str = "state";
const STATE_FILE_NEW: &str = "state.new";
pub(crate) const LOCK_FILE: &str = "audit.lock";
/// With the number of the record that tells of the cut behind it.
const TORN_FILE_PREFIX: &str = "audit.torn-";
const DIR_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;
