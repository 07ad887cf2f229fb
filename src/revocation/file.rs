//! The file of revocations: JSON Lines, only ever appended to, for people and for the gateway.
//!
//! Owns reading ([`Follower`]), watching ([`FileStore`]) and appending ([`append`]). Guarantees:
//! what is acknowledged as written is on the disk; one line that cannot be read makes the whole
//! file unreadable, because nobody knows whom it named; what was read before is read again only
//! where its bytes changed, and then all of it; a change is noticed within [`REVOCATION_POLL_MS`]
//! whatever the system notifies of.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{self, SHA256};
use notify::event::AccessMode;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Revocations;
use super::entry::Change;
use super::record;
use super::table::Store;
use crate::audit::Log;
use crate::limits::{
    REVOCATION_FILE_BYTES_MAX, REVOCATION_LINE_BYTES_MAX, REVOCATION_POLL_MS, REVOCATION_TORN_MS,
};

/// What a look at the file brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nothing since the last look.
    Same,
    /// The file is new, or was changed other than by appending: everything that is in it.
    Whole(Vec<Change>),
    /// What was appended.
    More(Vec<Change>),
}

/// Reads the file as it grows.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    /// What was read of it; none where all of it has to be read.
    read: Option<Extent>,
    /// The file's looks at the last look, and what it brought where it was a fault.
    seen: Option<(Facts, Result<(), String>)>,
    /// Since when the last line is unfinished.
    torn: Option<Instant>,
}

/// How much was read, and what it was.
#[derive(Debug)]
struct Extent {
    bytes: usize,
    lines: u64,
    digest: digest::Digest,
    inode: u64,
}

/// What shows that a file was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Follower {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: None, seen: None, torn: None }
    }

    /// Looks at the file now. Blocks on it.
    ///
    /// # Errors
    /// Why it cannot be read, or which line cannot be; holds nothing of the line.
    pub fn look(&mut self, now: Instant) -> Result<Reading, String> {
        match self.facts_and_bytes() {
            Ok(Some((facts, bytes))) => {
                let reading = self.take(&bytes, facts.inode, now);
                let fault = reading.as_ref().map(|_| ()).map_err(Clone::clone);
                if fault.is_err() {
                    self.read = None;
                }
                // An unfinished line may become too old without any change of the file.
                self.seen = self.torn.is_none().then_some((facts, fault));
                reading
            }
            Ok(None) => match &self.seen {
                Some((_, Err(why))) => Err(why.clone()),
                Some((_, Ok(()))) | None => Ok(Reading::Same),
            },
            Err(error) => {
                (self.read, self.seen, self.torn) = (None, None, None);
                Err(format!("the file cannot be read: {error}"))
            }
        }
    }

    /// `None` where the file looks as it did.
    fn facts_and_bytes(&self) -> io::Result<Option<(Facts, Vec<u8>)>> {
        let before = std::fs::metadata(&self.path)?;
        if !before.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if self.seen.as_ref().is_some_and(|(seen, _)| *seen == Facts::of(&before)) {
            return Ok(None);
        }
        let mut file = File::open(&self.path)?;
        // Of the file that was opened, and from before it was read: what comes later is seen at
        // the next look.
        let facts = Facts::of(&file.metadata()?);
        let mut bytes = Vec::new();
        let bound = u64::try_from(REVOCATION_FILE_BYTES_MAX).unwrap_or(u64::MAX);
        Read::by_ref(&mut file).take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > REVOCATION_FILE_BYTES_MAX {
            return Err(io::Error::other(format!("more than {REVOCATION_FILE_BYTES_MAX} bytes")));
        }
        Ok(Some((facts, bytes)))
    }

    /// Reads what is new in these bytes of the whole file.
    fn take(&mut self, bytes: &[u8], inode: u64, now: Instant) -> Result<Reading, String> {
        let goes_on = |read: &&Extent| {
            let old = bytes.get(..read.bytes);
            let same = |old: &[u8]| digest::digest(&SHA256, old).as_ref() == read.digest.as_ref();
            read.inode == inode && old.is_some_and(same)
        };
        let (from, lines) =
            self.read.as_ref().filter(goes_on).map_or((0, 0), |read| (read.bytes, read.lines));
        let whole = from == 0;
        let new = bytes.get(from..).unwrap_or_default();
        let (changes, used, count) = read_lines(new, lines)?;
        let rest = new.get(used..).unwrap_or_default();
        if rest.is_empty() {
            self.torn = None;
        } else {
            let since = *self.torn.get_or_insert(now);
            let late = now.duration_since(since) >= Duration::from_millis(REVOCATION_TORN_MS);
            if late || rest.len() > REVOCATION_LINE_BYTES_MAX {
                let number = lines.saturating_add(count).saturating_add(1);
                return Err(format!("line {number}: it is not finished"));
            }
        }
        let end = from.saturating_add(used);
        self.read = Some(Extent {
            bytes: end,
            lines: lines.saturating_add(count),
            digest: digest::digest(&SHA256, bytes.get(..end).unwrap_or_default()),
            inode,
        });
        match (whole, changes.is_empty()) {
            (true, _) => Ok(Reading::Whole(changes)),
            (false, true) => Ok(Reading::Same),
            (false, false) => Ok(Reading::More(changes)),
        }
    }
}

impl Facts {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Reads lines: what they say, the bytes and the number of finished ones. A last line without its
/// end counts as finished where it is one already: editors leave the end out, and a JSON object
/// that is cut anywhere is none.
fn read_lines(bytes: &[u8], before: u64) -> Result<(Vec<Change>, usize, u64), String> {
    let (mut changes, mut used, mut count) = (Vec::new(), 0_usize, 0_u64);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let finished = line.ends_with(b"\n");
        let text = line.trim_ascii();
        match Change::read(text) {
            Ok(change) => changes.push(change),
            Err(_) if finished && (text.is_empty() || text.starts_with(b"#")) => {}
            Err(_) if !finished => break,
            Err(why) => {
                let number = before.saturating_add(count).saturating_add(1);
                return Err(format!("line {number}: {why}"));
            }
        }
        used = used.saturating_add(line.len());
        count = count.saturating_add(1);
    }
    Ok((changes, used, count))
}

/// Appends one change and waits until it is on the disk. Blocks on the file. Several processes may
/// append at once: each takes the file's lock.
///
/// # Errors
/// What the system says.
pub fn append(path: &Path, change: &Change) -> io::Result<()> {
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    file.lock()?;
    let mut line = change.line();
    line.push('\n');
    if !ends_with_a_line(&mut file)? {
        line.insert(0, '\n');
    }
    file.write_all(line.as_bytes())?;
    file.sync_data()
    // The lock goes with the file.
}

fn ends_with_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Everything that a file says, once. Blocks on it.
///
/// # Errors
/// As [`Follower::look`].
pub fn read_whole(path: &Path) -> Result<Vec<Change>, String> {
    match Follower::new(path).look(Instant::now())? {
        Reading::Whole(changes) | Reading::More(changes) => Ok(changes),
        Reading::Same => Ok(Vec::new()),
    }
}

/// Makes an empty file where there is none.
fn create(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => {
            tracing::warn!(path = %path.display(), "no file of revocations: an empty one was made");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Keeps the revocations of a file in force.
#[derive(Debug)]
pub struct FileStore {
    revocations: Arc<Revocations>,
    follower: Follower,
    path: PathBuf,
    log: Log,
}

impl FileStore {
    /// Makes the file where there is none, and reads it. Blocks on it. Where it cannot be read
    /// nobody may call, and it is looked at again and again.
    #[must_use]
    pub fn open(path: &Path, revocations: Arc<Revocations>, log: Log) -> Self {
        if let Err(error) = create(path) {
            tracing::error!(path = %path.display(), %error, "the file of revocations cannot be made");
        }
        let follower = Follower::new(path);
        let mut store = Self { revocations, follower, path: path.to_owned(), log };
        store.look(Records::None);
        store
    }

    /// Follows the file until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let _followed = self.revocations.followed(Store::File, &stop);
        // One place is enough: an event only says "look again".
        let (sender, mut events) = mpsc::channel(1);
        let _watcher = self.watch(sender);
        loop {
            let poll = tokio::time::sleep(Duration::from_millis(REVOCATION_POLL_MS));
            tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = events.recv() => {}
                () = poll => {}
            }
            // Reading may block for long on a network file system.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(Records::Each);
                self
            });
            match looked.await {
                Ok(store) => self = store,
                Err(_) => return,
            }
        }
    }

    fn look(&mut self, records: Records) {
        let (mark, begun) = (self.revocations.table.mark(), self.revocations.begin_look());
        let (changes, whole) = match self.follower.look(Instant::now()) {
            Ok(Reading::Same) => return self.revocations.readable(Store::File, false),
            Ok(Reading::Whole(changes)) => (changes, Some(mark)),
            Ok(Reading::More(changes)) => (changes, None),
            Err(why) => return self.revocations.unreadable(Store::File, why),
        };
        match self.revocations.took(Store::File, changes, whole) {
            Ok(changed) if records == Records::Each => {
                record::changes(&self.log, &self.revocations, (Store::File, begun), &changed);
            }
            Ok(_) => {}
            // Everything has to be read again, when there is room.
            Err(_) => self.follower = Follower::new(&self.path),
        }
    }

    /// The folder is watched: a file that is replaced by renaming is another one.
    fn watch(&self, sender: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.as_ref().map_or(true, is_relevant) {
                // A full channel already says it.
                let _ = sender.try_send(());
            }
        });
        let watched = watcher.and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        // What cannot be watched is polled.
        watched.inspect_err(|error| tracing::warn!(%error, "revocations are polled")).ok()
    }
}

/// Our own reading is no news.
fn is_relevant(event: &notify::Event) -> bool {
    use notify::event::AccessKind;
    !matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
}

/// Whether what was found is to be recorded one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Records {
    /// What stood there at the start was recorded when it was made.
    None,
    Each,
}
