//! The files of a log's keys.
//!
//! Owns `signing.key` (unless the configuration names another place),
//! `verifier.pub` (every key that signed the log, one a line) and
//! `first-mac-key-N`. Guarantees: a private key that others may read is refused,
//! and none is ever replaced by a new one in silence.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::note::{NoteError, SigningKey, VerifierKey};
use crate::hex::hex;
use crate::limits::FILE_BYTES_MAX;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("the key `{path}` can be read by others than its owner (mode {mode:o}): chmod 600 it")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("the key `{path}`: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NoteError,
    },
    /// The system's generator failed.
    #[error("no key could be made: the system has no random numbers")]
    Random,
}

/// Reads the signing key of the log `origin`; nothing if there is no such file.
///
/// # Errors
/// [`KeyError`]: above all, a key that others may read is refused.
pub fn read_signing_key(path: &Path, origin: &str) -> Result<Option<SigningKey>, KeyError> {
    let Some(pem) = read_private(path)? else { return Ok(None) };
    let form = |source| KeyError::Form { path: path.to_path_buf(), source };
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| form(NoteError::SigningKey))?;
    SigningKey::from_pkcs8(origin, der.secret_pkcs8_der()).map(Some).map_err(form)
}

/// Makes a signing key for the log `origin` and stores it, readable by its owner
/// alone. A file in this place is left as it is.
///
/// # Errors
/// [`KeyError`].
pub fn create_signing_key(path: &Path, origin: &str) -> Result<SigningKey, KeyError> {
    let der =
        Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
    let form = |source| KeyError::Form { path: path.to_path_buf(), source };
    let key = SigningKey::from_pkcs8(origin, der.as_ref()).map_err(form)?;
    // 48 bytes: one line of PEM.
    let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
    let label = concat!("PRIVATE ", "KEY");
    let pem =
        Zeroizing::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", *body));
    create_private(path, pem.as_bytes())
        .map_err(|source| KeyError::File { path: path.to_path_buf(), source })?;
    Ok(key)
}

/// Reads a file that must be its owner's alone; nothing if there is none.
///
/// # Errors
/// [`KeyError::File`], [`KeyError::Open`].
pub fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let failed = |source| KeyError::File { path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let found = file.metadata().map_err(failed)?;
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_path_buf(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(PRIVATE_BYTES));
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Makes a file that is its owner's alone, durably; fails if there is one.
pub(super) fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

/// The keys that stand beside the log in `dir`, oldest first. What is no key in the
/// file is passed over: checkpoints decide whom they are signed by.
///
/// # Errors
/// What the system says, but for a missing file.
pub fn read_verifiers(dir: &Path) -> io::Result<Vec<VerifierKey>> {
    let mut text = String::new();
    match File::open(dir.join(VERIFIER_FILE)) {
        Ok(file) => {
            let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
            file.take(bound).read_to_string(&mut text)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Adds a key to those beside the log in `dir`, unless it is there.
///
/// # Errors
/// What the system says.
pub(super) fn add_verifier(dir: &Path, key: &VerifierKey) -> io::Result<()> {
    if read_verifiers(dir)?.contains(key) {
        return Ok(());
    }
    let path = dir.join(VERIFIER_FILE);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o644).open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

/// A name for a log that was given none.
///
/// # Errors
/// [`KeyError::Random`].
pub fn random_origin() -> Result<String, KeyError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(format!("sallyport-{}", hex(&bytes)))
}

/// Where the first key of the MACs from record `index` on is kept until it is taken.
#[must_use]
pub fn first_key_path(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("{FIRST_KEY_PREFIX}{index}"))
}

/// The first keys that still lie in `dir`.
///
/// # Errors
/// What the system says.
pub fn first_key_paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(FIRST_KEY_PREFIX) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The signing key, where the configuration names no other file.
pub const SIGNING_KEY_FILE: &str = "signing.key";
/// Every key that signed the log.
pub const VERIFIER_FILE: &str = "verifier.pub";
/// With the number of the record whose MAC it makes.
const FIRST_KEY_PREFIX: &str = "first-mac-key-";
/// Room for a key file, so that no copy of it is left by growing.
const PRIVATE_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::note::Note;
    use std::os::unix::fs::PermissionsExt as _;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir =
                std::env::temp_dir().join(format!("sallyport-keys-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_that_was_made_is_its_owners_alone_and_reads_back() {
        let dir = Dir::new("made");
        let path = dir.0.join("signing.key");
        assert!(read_signing_key(&path, "gw/audit").unwrap().is_none());
        let made = create_signing_key(&path, "gw/audit").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = read_signing_key(&path, "gw/audit").unwrap().unwrap();
        assert_eq!(read.verifier(), made.verifier());
        let note = read.sign("text\n");
        assert!(Note::parse(&note).unwrap().is_signed_by(made.verifier()));
        let again = create_signing_key(&path, "gw/audit").unwrap_err();
        assert!(matches!(again, KeyError::File { .. }), "a key was replaced: {again}");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_way_out() {
        let dir = Dir::new("open");
        let path = dir.0.join("signing.key");
        create_signing_key(&path, "gw/audit").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_signing_key(&path, "gw/audit").unwrap_err().to_string();
            assert!(
                refused.contains("chmod 600") && refused.contains(&format!("{mode:o}")),
                "{refused}"
            );
        }
    }

    #[test]
    fn what_is_no_ed25519_key_is_refused() {
        let dir = Dir::new("form");
        let path = dir.0.join("signing.key");
        create_private(&path, b"hello").unwrap();
        let refused = read_signing_key(&path, "gw/audit").unwrap_err();
        assert!(matches!(refused, KeyError::Form { .. }), "{refused}");
    }

    #[test]
    fn verifiers_beside_a_log_are_listed_once_each() {
        let dir = Dir::new("verifiers");
        assert_eq!(read_verifiers(&dir.0).unwrap(), []);
        let one = create_signing_key(&dir.0.join("1"), "gw/audit").unwrap();
        let two = create_signing_key(&dir.0.join("2"), "gw/audit").unwrap();
        for key in [&one, &two, &one] {
            add_verifier(&dir.0, key.verifier()).unwrap();
        }
        assert_eq!(
            read_verifiers(&dir.0).unwrap(),
            [one.verifier().clone(), two.verifier().clone()]
        );
    }
}
