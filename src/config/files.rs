//! Reading files that the configuration names, and remembering what was read.
//!
//! Owns the [`Fingerprint`] that a reload compares, and the public hash of a configuration.
//! Guarantees: only regular files are opened, at most a stated number of bytes is read, and the
//! public hash cannot be used to guess a short secret quickly.

use crate::limits::SECRET_STRETCH_ROUNDS;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use aws_lc_rs::{digest, pbkdf2};

use crate::hex::hex;
use crate::limits::{DICTIONARY_BYTES_MAX, FILE_BYTES_MAX, PINS_FILE_BYTES_MAX};

/// What each file held when it was read: SHA-256, or nothing where it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<PathBuf, Option<Digest>>);

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

impl Fingerprint {
    /// The files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The same files as they are now.
    #[must_use]
    pub fn now(&self) -> Self {
        let read = |path: &PathBuf| {
            let bytes = read(path, READ_BYTES_MAX).ok();
            (path.clone(), bytes.map(|bytes| sha256(&bytes)))
        };
        Self(self.0.keys().map(read).collect())
    }

    /// One file that could not be read.
    pub(super) fn missing(path: PathBuf) -> Self {
        Self(BTreeMap::from([(path, None)]))
    }
}

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileError {
    #[error("the file does not exist")]
    Missing,
    #[error("the file may not be read by this user")]
    Denied,
    #[error("this is not a regular file")]
    Irregular,
    #[error("the file is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the file cannot be read: {0}")]
    Other(ErrorKind),
}

/// Reads files for one check and remembers them.
pub(super) struct Files {
    seen: Fingerprint,
    hash: digest::Context,
}

impl Files {
    pub(super) fn new() -> Self {
        Self { seen: Fingerprint::default(), hash: digest::Context::new(&digest::SHA256) }
    }

    /// Remembers the configuration's own text.
    pub(super) fn note_source(&mut self, path: Option<&Path>, text: &str) {
        if let Some(path) = path {
            self.seen.0.insert(path.to_owned(), Some(sha256(text.as_bytes())));
        }
        self.part("text", text.as_bytes());
    }

    /// Remembers a value that came from the environment.
    pub(super) fn note_value(&mut self, name: &str, value: &str) {
        self.part(name, value.as_bytes());
    }

    /// Remembers a secret value: what enters the hash is stretched, because the hash is published
    /// and everything else in it may be known.
    pub(super) fn note_secret(&mut self, name: &str, value: &[u8]) {
        let mut stretched = Digest::default();
        let rounds = NonZeroU32::MIN.saturating_add(SECRET_STRETCH_ROUNDS);
        let salt = b"sallyport configuration hash";
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, value, &mut stretched);
        self.part(name, &stretched);
    }

    /// Remembers a private key: too long to be guessed, so it need not be stretched.
    pub(super) fn note_key(&mut self, key: &[u8]) {
        self.part("key", &sha256(key));
    }

    /// Reads a file that may be known.
    pub(super) fn read(&mut self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        let bytes = self.read_unhashed(path, bytes_max)?;
        self.part(&path.to_string_lossy(), &bytes);
        Ok(bytes)
    }

    /// Reads a file that holds a secret; pass what is used of it to [`Files::note_secret`].
    pub(super) fn read_secret(&mut self, path: &Path) -> Result<Vec<u8>, FileError> {
        self.read_unhashed(path, FILE_BYTES_MAX)
    }

    /// The public hash, lower-case hex, and the files.
    pub(super) fn finish(self) -> (String, Fingerprint) {
        (hex(self.hash.finish().as_ref()), self.seen)
    }

    fn read_unhashed(&mut self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        let result = read(path, bytes_max);
        let digest = result.as_ref().ok().map(|bytes| sha256(bytes));
        self.seen.0.insert(path.to_owned(), digest);
        result
    }

    /// Lengths are hashed too, so that two parts never run together.
    fn part(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.hash.update(&(part.len() as u64).to_be_bytes());
            self.hash.update(part);
        }
    }
}

/// Whether every user of the machine may read the file.
#[cfg(unix)]
pub(super) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o004 != 0)
}

/// Whether users other than the owner may write the file.
pub(super) fn is_writable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o022 != 0)
}

/// Where files have no such permissions nothing is known.
#[cfg(not(unix))]
pub(super) fn is_world_readable(_: &Path) -> bool {
    false
}

/// Reads a regular file of at most `bytes_max` bytes.
pub(super) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
    let why = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileError::Missing,
        ErrorKind::PermissionDenied => FileError::Denied,
        kind => FileError::Other(kind),
    };
    // Asked before opening: to open a named pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(why)?.is_file() {
        return Err(FileError::Irregular);
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(why)?.take(bound).read_to_end(&mut bytes).map_err(why)?;
    if bytes.len() > bytes_max { Err(FileError::TooLarge { bytes_max }) } else { Ok(bytes) }
}

/// Unit: bytes. The largest of all files that a configuration can name.
const READ_BYTES_MAX: usize = DICTIONARY_BYTES_MAX;
const _: () = assert!(READ_BYTES_MAX >= FILE_BYTES_MAX && READ_BYTES_MAX >= PINS_FILE_BYTES_MAX);

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = Digest::default();
    out.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(a, b)| *a = *b);
    out
}

#[cfg(test)]
mod tests {
    use super::{FileError, Files, read};
    use crate::config::testing::Folder;

    #[test]
    fn file_is_read_up_to_its_bound_and_no_further() {
        let folder = Folder::new();
        let path = folder.write("f", "12345");
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4), Err(FileError::TooLarge { bytes_max: 4 }));
        assert_eq!(read(&folder.path().join("g"), 4), Err(FileError::Missing));
        assert_eq!(read(folder.path(), 4), Err(FileError::Irregular));
    }

    #[test]
    fn fingerprint_changes_with_the_content_and_with_a_file_that_comes_or_goes() {
        let folder = Folder::new();
        let path = folder.write("f", "one");
        let mut files = Files::new();
        files.read(&path, 10).unwrap();
        assert_eq!(files.read(&folder.path().join("late"), 10), Err(FileError::Missing));
        let (_, seen) = files.finish();
        assert_eq!(seen.now(), seen);
        folder.write("f", "two");
        let changed = seen.now();
        assert_ne!(changed, seen);
        folder.write("late", "x");
        assert_ne!(changed.now(), changed);
    }

    #[test]
    fn hash_depends_on_every_part_and_on_secrets() {
        let hash = |secret: &[u8], value: &str| {
            let mut files = Files::new();
            files.note_source(None, "text");
            files.note_value("NAME", value);
            files.note_secret("KEY", secret);
            files.finish().0
        };
        assert_eq!(hash(b"s", "v").len(), 64);
        assert_eq!(hash(b"s", "v"), hash(b"s", "v"));
        assert_ne!(hash(b"s", "v"), hash(b"s", "w"));
        assert_ne!(hash(b"s", "v"), hash(b"t", "v"));
    }
}
