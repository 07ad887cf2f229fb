//! The keys of persons, one file each, wrapped by a master key.
//!
//! Owns a folder: `LOOKUP.key` (a wrapped key; the name is a keyed hash of the person's, and one of
//! the issuer's behind it where there is one, so that no name of a person stands on the disk), `master.check` and `lock`; how a key ends is [`super::ending`]'s. A
//! key is durable before anything is sealed with it, and a key whose destruction was begun is
//! never used again, also where its file came back from a backup.
//!
//! Nonces are random (NIST SP 800-38D 8.3 allows 2^32 messages under one key).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::super::keys::{KeyError, read_private};
use super::super::storage::replace;
use super::ending::{SHREDDED, SHREDDING, wipe, with_ending};
use crate::hex::{hex, read_hex};
use crate::limits::{AUDIT_FOLLOW_MS, AUDIT_SUBJECT_KEYS_CACHED_MAX, AUDIT_SUBJECT_KEYS_MAX};

/// Where the keys of persons are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// Their folder.
    pub keys: PathBuf,
    /// The file of the master key: 64 hexadecimal digits.
    pub master_key: PathBuf,
}

/// Why nothing can be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// A file cannot be used.
    #[error("the subject keys in `{path}`: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The master key cannot be read.
    #[error(transparent)]
    Master(#[from] KeyError),
    /// It is none.
    #[error("the master key `{0}` is not 64 hexadecimal digits: `openssl rand -hex 32` makes one")]
    NoMaster(PathBuf),
    /// It is not the one that wrapped the keys.
    #[error("the master key is not the one of the subject keys in `{0}`: give the old one back")]
    OtherMaster(PathBuf),
    /// Another process makes keys there.
    #[error("the subject keys in `{0}` are in use by another gateway")]
    Locked(PathBuf),
    /// No thread takes orders.
    #[error("nobody can take orders to destroy keys: {0}")]
    Thread(io::Error),
    /// A key that was destroyed is there again.
    #[error("the subject key `{0}` was destroyed and is there again: remove that file")]
    CameBack(PathBuf),
    /// A key's file holds something else.
    #[error("the subject key `{0}` is damaged")]
    Damaged(PathBuf),
    /// Several people have that name.
    #[error(
        "more than one person has this name: say which with --issuer, {}",
        .0.iter().map(|issuer| format!("`{issuer}`")).collect::<Vec<_>>().join(" or ")
    )]
    Ambiguous(Vec<String>),
    /// No more keys may be made.
    #[error("there are {AUDIT_SUBJECT_KEYS_MAX} subject keys, and no more are made")]
    Full,
    /// The library refused, or the system has no random numbers.
    #[error("nothing can be sealed")]
    Crypto,
    /// What should be sealed is no record.
    #[error("what should be sealed is not a record")]
    Body,
}

/// A person, as records and commands name one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// `user_id`, or `subject`.
    pub name: &'a str,
    /// Whose word it is, or `none`; without, there must be one person of that name alone.
    pub issuer: Option<&'a str>,
}

impl<'a> From<&'a str> for Person<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, issuer: None }
    }
}

/// The id of a key and the name of its file.
pub(super) type Found = (String, String);

/// One person's key.
pub(in crate::audit) struct SubjectKey {
    id: String,
    aead: RandomizedNonceKey,
}

impl SubjectKey {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn seal(&self, aad: &[u8], text: Vec<u8>) -> Result<Vec<u8>, SubjectError> {
        seal(&self.aead, aad, text)
    }

    pub(super) fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.aead, aad, sealed)
    }
}

/// Seals, and opens, with the keys of one folder.
pub struct Sealer {
    dir: PathBuf,
    names: hmac::Key,
    wrap: RandomizedNonceKey,
    known: Mutex<Known>,
    /// Held while this may make keys; a reader makes none.
    lock: Option<File>,
}

struct Known {
    by_lookup: HashMap<String, Arc<SubjectKey>>,
    /// By the id of the key: all that there were when they were listed, and what was used since.
    files: HashMap<String, PathBuf>,
    count: usize,
    /// When the keys were last listed.
    listed: Option<Instant>,
}

impl Known {
    fn keep(&mut self, file: String, key: &Arc<SubjectKey>) {
        if self.by_lookup.len() >= AUDIT_SUBJECT_KEYS_CACHED_MAX {
            // Rare, and a file read each: simpler than knowing which was used last.
            self.by_lookup.clear();
        }
        self.by_lookup.insert(file, key.clone());
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.dir.display())
    }
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubjectKey({})", self.id)
    }
}

/// A wrapped key on the disk.
#[derive(Serialize, Deserialize)]
pub(super) struct Wrapped {
    pub(super) id: String,
    /// Whose word for the person it is; none for names that no issuer gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<String>,
    key: String,
}

impl Sealer {
    /// For the one that writes: makes keys, and the folder.
    ///
    /// # Errors
    /// [`SubjectError`].
    pub fn writer(subjects: &Subjects) -> Result<Self, SubjectError> {
        let failed = io_at(&subjects.keys);
        DirBuilder::new().recursive(true).mode(0o700).create(&subjects.keys).map_err(&failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(subjects.keys.join("lock")).map_err(&failed)?;
        lock.try_lock().map_err(|_| SubjectError::Locked(subjects.keys.clone()))?;
        Self::load(subjects, Some(lock))
    }

    /// For one that reads.
    ///
    /// # Errors
    /// [`SubjectError`].
    pub fn reader(subjects: &Subjects) -> Result<Self, SubjectError> {
        Self::load(subjects, None)
    }

    fn load(subjects: &Subjects, lock: Option<File>) -> Result<Self, SubjectError> {
        let dir = subjects.keys.clone();
        let master = master(&subjects.master_key)?;
        let part = |what: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*master), what);
        let mut known = Known {
            by_lookup: HashMap::new(),
            files: HashMap::new(),
            count: 0,
            listed: lock.is_none().then(Instant::now),
        };
        for entry in fs::read_dir(&dir).map_err(io_at(&dir))? {
            let path = entry.map_err(io_at(&dir))?.path();
            if path.extension().is_some_and(|end| end == "key") {
                known.count += 1;
                if lock.is_none() && known.count <= AUDIT_SUBJECT_KEYS_MAX {
                    known.files.insert(wrapped(&path)?.id, path);
                }
            }
        }
        let check = dir.join("master.check");
        let ours = hex(part(b"check").as_ref());
        match fs::read_to_string(&check) {
            Ok(found) if found == ours => {}
            Ok(_) => return Err(SubjectError::OtherMaster(dir)),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && lock.is_some()
                    && known.count == 0 =>
            {
                replace(&check, ours.as_bytes()).map_err(io_at(&check))?;
            }
            Err(source) => return Err(SubjectError::Io { path: check, source }),
        }
        let wrap = RandomizedNonceKey::new(&AES_256_GCM, part(b"wrap").as_ref());
        let names = hmac::Key::new(hmac::HMAC_SHA256, part(b"names").as_ref());
        let wrap = wrap.map_err(|_| SubjectError::Crypto)?;
        Ok(Self { dir, names, wrap, known: Mutex::new(known), lock })
    }

    /// Whether the destruction of a key was begun, or done.
    pub(super) fn is_ended(&self, id: &str) -> bool {
        is_id(id) && [SHREDDED, SHREDDING].iter().any(|end| self.mark(id, end).exists())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Maps of whole keys: what a panic left is sound.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file that says how far the end of a key has come.
    pub(super) fn mark(&self, id: &str, ending: &str) -> PathBuf {
        self.dir.join(id).with_extension(ending)
    }

    /// Does something to a key's file, while nobody can fetch the key, and forgets the key.
    pub(super) fn forget<T>(
        &self,
        file: &str,
        act: impl FnOnce() -> Result<T, SubjectError>,
    ) -> Result<T, SubjectError> {
        let mut known = self.known();
        known.by_lookup.remove(file);
        act()
    }

    /// What the names of all files begin with that hold keys of persons of this name.
    pub(super) fn lookup(&self, name: &str) -> String {
        let mut hash = hex(hmac::sign(&self.names, name.as_bytes()).as_ref());
        hash.truncate(LOOKUP_BYTES);
        hash
    }

    /// The name of the file with the key of one person: that of a name without an issuer is as it
    /// was before issuers counted.
    fn file(&self, issuer: &str, name: &str) -> String {
        let mut file = self.lookup(name);
        if !issuer.is_empty() {
            let text = format!("issuer\0{issuer}");
            let mut hash = hex(hmac::sign(&self.names, text.as_bytes()).as_ref());
            hash.truncate(ISSUER_BYTES);
            file.push('-');
            file.push_str(&hash);
        }
        file
    }

    pub(super) fn path(&self, lookup: &str) -> PathBuf {
        self.dir.join(lookup).with_extension("key")
    }

    /// The key of a person, made where there is none.
    pub(super) fn key(&self, issuer: &str, name: &str) -> Result<Arc<SubjectKey>, SubjectError> {
        let lookup = self.file(issuer, name);
        let mut known = self.known();
        if let Some(key) = known.by_lookup.get(&lookup) {
            return Ok(key.clone());
        }
        let path = self.path(&lookup);
        let key = match self.read(&path)? {
            Some(key) => key,
            None if self.lock.is_none() => return Err(SubjectError::Crypto),
            None if known.count >= AUDIT_SUBJECT_KEYS_MAX => return Err(SubjectError::Full),
            None => {
                if path.exists() {
                    // The key that goes, before anybody came to destroy it.
                    wipe(&path)?;
                }
                let key = self.make(&path, issuer)?;
                known.count += 1;
                key
            }
        };
        let key = Arc::new(key);
        known.files.insert(key.id.clone(), path);
        known.keep(lookup, &key);
        Ok(key)
    }

    /// The id of a person's key, where there is one.
    ///
    /// # Errors
    /// [`SubjectError`].
    pub fn id_of<'p>(&self, person: impl Into<Person<'p>>) -> Result<Option<String>, SubjectError> {
        Ok(self.found(person.into())?.map(|(id, _)| id))
    }

    /// The id of a person's key and the name of its file, where there is one.
    pub(super) fn found(&self, person: Person<'_>) -> Result<Option<Found>, SubjectError> {
        if let Some(issuer) = person.issuer {
            let file = self.file(if issuer == NO_ISSUER { "" } else { issuer }, person.name);
            return Ok(self.read(&self.path(&file))?.map(|key| (key.id, file)));
        }
        let (begins, mut all) = (self.lookup(person.name), Vec::new());
        for path in with_ending(&self.dir, KEY, usize::MAX)? {
            let Some(file) = path.file_stem().and_then(OsStr::to_str) else { continue };
            if file.starts_with(&begins)
                && let Some(key) = self.read(&path)?
            {
                all.push((wrapped(&path)?.issuer, (key.id, file.to_owned())));
            }
        }
        if all.len() > 1 {
            let mut issuers: Vec<String> =
                all.into_iter().map(|(at, _)| at.unwrap_or_else(|| NO_ISSUER.to_owned())).collect();
            issuers.sort();
            return Err(SubjectError::Ambiguous(issuers));
        }
        Ok(all.pop().map(|(_, found)| found))
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Arc<SubjectKey>> {
        let mut known = self.known();
        // Whoever makes the keys knows all that came since they were listed.
        let due = known.listed.is_none_or(|at| self.lock.is_none() && at.elapsed() >= RELIST);
        if due && !known.files.contains_key(id) && !self.is_ended(id) {
            known.listed = Some(Instant::now());
            for path in with_ending(&self.dir, KEY, AUDIT_SUBJECT_KEYS_MAX).ok()? {
                known.files.insert(wrapped(&path).ok()?.id, path);
            }
        }
        let path = known.files.get(id)?.clone();
        let file = path.file_stem()?.to_str()?.to_owned();
        if let Some(key) = known.by_lookup.get(&file).filter(|key| key.id == id) {
            return Some(key.clone());
        }
        let key = Arc::new(self.read(&path).ok()??);
        if key.id != id {
            return None;
        }
        known.keep(file, &key);
        Some(key)
    }

    /// The key in a file. One whose destruction was begun is as good as none.
    fn read(&self, path: &Path) -> Result<Option<SubjectKey>, SubjectError> {
        if !path.exists() {
            return Ok(None);
        }
        let Wrapped { id, issuer, key } = wrapped(path)?;
        if self.mark(&id, SHREDDED).exists() {
            return Err(SubjectError::CameBack(path.to_path_buf()));
        }
        if self.mark(&id, SHREDDING).exists() {
            return Ok(None);
        }
        let damaged = || SubjectError::Damaged(path.to_path_buf());
        let key = STANDARD_NO_PAD.decode(key).map_err(|_| damaged())?;
        let key = Zeroizing::new(
            open(&self.wrap, &about(path, &id, issuer.as_deref()), &key).ok_or_else(damaged)?,
        );
        let aead = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| damaged())?;
        Ok(Some(SubjectKey { id, aead }))
    }

    fn make(&self, path: &Path, issuer: &str) -> Result<SubjectKey, SubjectError> {
        let mut id = [0; 8];
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut id).map_err(|_| SubjectError::Crypto)?;
        rand::fill(&mut *key).map_err(|_| SubjectError::Crypto)?;
        let id = hex(&id);
        let aead =
            RandomizedNonceKey::new(&AES_256_GCM, &*key).map_err(|_| SubjectError::Crypto)?;
        let issuer = (!issuer.is_empty()).then(|| issuer.to_owned());
        let sealed = seal(&self.wrap, &about(path, &id, issuer.as_deref()), key.to_vec())?;
        let file = Wrapped { id: id.clone(), issuer, key: STANDARD_NO_PAD.encode(sealed) };
        let text = serde_json::to_vec(&file).map_err(|_| SubjectError::Crypto)?;
        replace(path, &text).map_err(io_at(path))?;
        Ok(SubjectKey { id, aead })
    }
}

/// What a wrapped key is bound to: its file's name, its id, and the issuer where there is one.
fn about(path: &Path, id: &str, issuer: Option<&str>) -> Vec<u8> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let issuer = issuer.map(|issuer| format!("\0{issuer}")).unwrap_or_default();
    format!("{name}\0{id}{issuer}").into_bytes()
}

pub(super) fn wrapped(path: &Path) -> Result<Wrapped, SubjectError> {
    let text = read_private(path)?.ok_or_else(|| SubjectError::Damaged(path.to_path_buf()))?;
    let read: Wrapped =
        serde_json::from_slice(&text).map_err(|_| SubjectError::Damaged(path.to_path_buf()))?;
    // It becomes the name of a file.
    if is_id(&read.id) { Ok(read) } else { Err(SubjectError::Damaged(path.to_path_buf())) }
}

/// Whether a text may be the id of a key.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn master(path: &Path) -> Result<Zeroizing<[u8; 32]>, SubjectError> {
    let none = || SubjectError::NoMaster(path.to_path_buf());
    let text = read_private(path)?.ok_or_else(none)?;
    // People write capitals too.
    let digits = Zeroizing::new(text.trim_ascii().to_ascii_lowercase());
    read_hex(&digits).map(Zeroizing::new).ok_or_else(none)
}

fn seal(key: &RandomizedNonceKey, aad: &[u8], mut text: Vec<u8>) -> Result<Vec<u8>, SubjectError> {
    let nonce = key.seal_in_place_append_tag(Aad::from(aad), &mut text);
    let nonce = nonce.map_err(|_| SubjectError::Crypto)?;
    Ok([nonce.as_ref().as_slice(), &text].concat())
}

fn open(key: &RandomizedNonceKey, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = text.to_vec();
    let bytes = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut text)
        .ok()?
        .len();
    text.truncate(bytes);
    Some(text)
}

pub(super) fn io_at(path: &Path) -> impl Fn(io::Error) -> SubjectError + use<> {
    let path = path.to_path_buf();
    move |source| SubjectError::Io { path: path.clone(), source }
}

const RELIST: Duration = Duration::from_millis(AUDIT_FOLLOW_MS);
const KEY: &str = "key";
/// What stands for no issuer where one is typed.
const NO_ISSUER: &str = "none";
const LOOKUP_BYTES: usize = 32;
const ISSUER_BYTES: usize = 16;
const ID_BYTES: usize = 16;

#[cfg(test)]
impl Sealer {
    /// As if as many keys were in memory as may be.
    pub(super) fn fill(&self, key: &Arc<SubjectKey>) {
        let mut known = self.known();
        for n in 0..AUDIT_SUBJECT_KEYS_CACHED_MAX {
            known.by_lookup.insert(n.to_string(), key.clone());
        }
    }

    pub(super) fn cached(&self) -> usize {
        self.known().by_lookup.len()
    }

    pub(super) fn count(&self, count: usize) {
        self.known().count = count;
    }
}
