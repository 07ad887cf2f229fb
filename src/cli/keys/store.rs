//! Changes the file of keys: one writer at a time, whole or not at all.
//!
//! Guarantees: whoever reads the file sees the old or the new one, never a part; it is readable by
//! its owner alone, who stays the same; a file that would not be read again is not written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::api_key::{API_KEYS_BYTES_MAX, Entry, PEPPER_BYTES, Pepper, Table};
use crate::limits::API_KEYS_LOCK_MS;

/// Reads all keys; a file that does not exist yet has none.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let shown = path.display();
    let bytes = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("`{shown}` cannot be read")),
        Ok(facts) if !facts.is_file() => bail!("`{shown}` is not a regular file"),
        Ok(facts) if usize::try_from(facts.len()).is_ok_and(|n| n <= API_KEYS_BYTES_MAX) => {
            fs::read(path).with_context(|| format!("`{shown}` cannot be read"))?
        }
        Ok(_) => bail!("`{shown}` is larger than {API_KEYS_BYTES_MAX} bytes"),
    };
    let table = Table::parse(&bytes).with_context(|| format!("`{shown}` cannot be used"))?;
    Ok(table.entries().iter().map(|entry| Entry::clone(entry)).collect())
}

/// Changes the keys under the lock.
pub(super) fn edit<T>(
    path: &Path,
    change: impl FnOnce(&mut Vec<Entry>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let path = real(path)?;
    let _lock = lock(&path)?;
    let mut entries = read(&path)?;
    let done = change(&mut entries)?;
    write(&path, &entries).with_context(|| format!("`{}` cannot be written", path.display()))?;
    Ok(done)
}

/// Where the file is behind links: a link that is replaced would leave the file as it was.
fn real(path: &Path) -> anyhow::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
    }
}

/// A file of its own: the file of keys is replaced, and a lock on it would go with the old one.
fn lock(path: &Path) -> anyhow::Result<File> {
    let beside = beside(path, "lock")?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(OWNER_ONLY)
        .open(&beside)
        .with_context(|| format!("`{}` cannot be made", beside.display()))?;
    let mut waited_ms = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waited_ms < API_KEYS_LOCK_MS => {
                std::thread::sleep(Duration::from_millis(PAUSE_MS));
                waited_ms += PAUSE_MS;
            }
            Err(TryLockError::WouldBlock) => {
                bail!("another `sallyport keys` holds `{}`", beside.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error)
                    .with_context(|| format!("`{}` cannot be locked", beside.display()));
            }
        }
    }
}

fn write(path: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&entry.to_line()?);
        text.push('\n');
    }
    Table::parse(text.as_bytes())?;
    let new = beside(path, &format!("new-{}", std::process::id()))?;
    let written = create_new(&new, text.as_bytes())
        .and_then(|()| keep_owner(path, &new))
        .and_then(|()| Ok(fs::rename(&new, path)?));
    if written.is_err() {
        // What is left of it helps nobody.
        let _ = fs::remove_file(&new);
    }
    written?;
    // The rename itself must survive a power loss.
    File::open(folder(path))?.sync_all()?;
    Ok(())
}

/// A gateway that runs as another user than the operator must go on reading the file.
fn keep_owner(old: &Path, new: &Path) -> anyhow::Result<()> {
    let Ok(old) = fs::metadata(old) else { return Ok(()) };
    let own = fs::metadata(new)?;
    if (old.uid(), old.gid()) != (own.uid(), own.gid()) {
        std::os::unix::fs::chown(new, Some(old.uid()), Some(old.gid()))
            .context("the file belongs to another user")?;
    }
    Ok(())
}

/// Writes a file that only its owner reads, and that was not there before.
pub(super) fn create_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

/// A pepper that passes its own check.
pub(super) fn random_pepper() -> anyhow::Result<Zeroizing<[u8; PEPPER_BYTES]>> {
    let mut bytes = Zeroizing::new([0; PEPPER_BYTES]);
    SystemRandom::new().fill(&mut *bytes).ok().context("the system has no randomness")?;
    Pepper::new(&*bytes).context("the system's randomness is none")?;
    Ok(bytes)
}

/// A day, for people.
pub(super) fn date(seconds: u64) -> String {
    let time =
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds.min(LATEST_S))).unwrap_or(UNIX_EPOCH);
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

fn beside(path: &Path, end: &str) -> anyhow::Result<PathBuf> {
    let name = path.file_name().context("the path names no file")?.to_string_lossy();
    Ok(folder(path).join(format!(".{name}.{end}")))
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

const OWNER_ONLY: u32 = 0o600;

/// Unit: milliseconds. Between two tries to get the lock.
const PAUSE_MS: u64 = 50;

/// The end of the year 9999.
const LATEST_S: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::thread;

    use super::{API_KEYS_LOCK_MS, beside, edit, random_pepper, read};
    use crate::api_key::{ApiKey, Entry, Pepper, Servers};

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new() -> Self {
            let path =
                std::env::temp_dir().join(format!("sallyport-keys-{}", uuid::Uuid::now_v7()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn entry() -> Entry {
        let key = ApiKey::draw().unwrap();
        Entry {
            id: key.id(),
            name: "ci".into(),
            hash: key.hash(&Pepper::new(&*random_pepper().unwrap()).unwrap()),
            previous: None,
            scopes: Vec::new(),
            roles: Vec::new(),
            tenant: None,
            servers: Servers::All,
            networks: Vec::new(),
            created_at_s: 1,
            expires_at_s: None,
            disabled: false,
            comment: None,
        }
    }

    fn add(path: &std::path::Path, entry: Entry) -> anyhow::Result<()> {
        edit(path, |all| {
            all.push(entry);
            Ok(())
        })
    }

    #[test]
    fn writers_at_the_same_time_lose_no_key() {
        const { assert!(API_KEYS_LOCK_MS >= 1000) };
        let folder = Arc::new(Folder::new());
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let folder = Arc::clone(&folder);
                thread::spawn(move || {
                    for _ in 0..3 {
                        add(&folder.0.join("keys"), entry()).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(read(&folder.0.join("keys")).unwrap().len(), 24);
    }

    #[test]
    fn file_is_its_owners_and_a_change_that_fails_changes_nothing() {
        let folder = Folder::new();
        let path = folder.0.join("keys");
        add(&path, entry()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = std::fs::read(&path).unwrap();
        let refused = edit(&path, |all| -> anyhow::Result<()> {
            all.clear();
            anyhow::bail!("no")
        });
        assert!(refused.is_err());
        let twice = add(&path, read(&path).unwrap().remove(0));
        assert!(twice.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let left = std::fs::read_dir(&folder.0).unwrap().count();
        assert_eq!(left, 2, "the keys and the lock");
    }

    #[test]
    fn link_stays_a_link_and_its_file_is_changed() {
        let folder = Folder::new();
        let (file, link) = (folder.0.join("keys"), folder.0.join("link"));
        add(&file, entry()).unwrap();
        std::os::unix::fs::symlink("keys", &link).unwrap();
        add(&link, entry()).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&file).unwrap().len(), 2);
        assert!(beside(&file, "lock").unwrap().exists());
    }
}
