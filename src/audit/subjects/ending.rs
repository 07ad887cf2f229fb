//! The end of a person's key: begun, destroyed, done.
//!
//! Owns `ID.shredding` (a destruction that was begun), `ID.shredded` (one that was done, with the
//! number of the record that says so) and the folder `orders`, through which a command asks the
//! gateway that holds the keys: `ID.order`, which becomes `ID.shredding` by being renamed, and
//! `ID.refused`, the answer where nothing was begun. None of them holds a name.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::keys::read_private;
use super::super::storage::{replace, sync_dir};
use super::store::{Person, Sealer, SubjectError, io_at, is_id, wrapped};
use crate::limits::AUDIT_SHRED_ORDERS_MAX;

/// A destruction that was begun, or asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::audit) struct Pending {
    /// The key.
    pub(in crate::audit) id: String,
    /// Name of its file.
    pub(super) file: String,
    pub(in crate::audit) reason: String,
    pub(in crate::audit) by: String,
}

/// Why a gateway did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::audit) enum Refused {
    /// This hold needs the person's records.
    Held(String),
    /// Something is in the way.
    Failed(String),
}

/// What became of an order.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::audit) enum Answer {
    /// Nobody took it yet.
    Waiting,
    /// The key goes, or is gone; the record that says so is not in the log yet.
    Begun,
    /// All is done, and this record says so.
    Done(u64),
    /// Nothing was begun.
    Refused(Refused),
}

#[derive(Serialize, Deserialize)]
struct Done {
    seq: u64,
}

impl Sealer {
    /// Destructions that were begun.
    pub(in crate::audit) fn pending(&self) -> Result<Vec<Pending>, SubjectError> {
        let mut all = Vec::new();
        for path in with_ending(self.dir(), SHREDDING, usize::MAX)? {
            all.extend(read_pending(&path)?);
        }
        Ok(all)
    }

    /// What is to be destroyed for a person to be forgotten. Nothing where there is no key.
    pub(in crate::audit) fn asked(
        &self,
        person: Person<'_>,
        reason: &str,
        by: &str,
    ) -> Result<Option<Pending>, SubjectError> {
        let Some((id, file)) = self.found(person)? else { return Ok(None) };
        Ok(Some(Pending { id, file, reason: reason.to_owned(), by: by.to_owned() }))
    }

    /// Begins to destroy a key: from here on nobody uses it.
    pub(in crate::audit) fn begin(&self, pending: &Pending) -> Result<(), SubjectError> {
        let path = self.mark(&pending.id, SHREDDING);
        let text = serde_json::to_vec(pending).map_err(|_| SubjectError::Crypto)?;
        self.forget(&pending.file, || replace(&path, &text).map_err(io_at(&path)))
    }

    /// Overwrites and removes the key's file, also where that was begun before.
    pub(in crate::audit) fn destroy(&self, pending: &Pending) -> Result<(), SubjectError> {
        self.forget(&pending.file, || {
            let path = self.path(&pending.file);
            // A new key of the same person is not the one that goes.
            if !path.exists() || wrapped(&path).is_ok_and(|found| found.id != pending.id) {
                return Ok(());
            }
            wipe(&path)
        })
    }

    /// Says that all was done, and which record says so.
    pub(in crate::audit) fn finish(&self, pending: &Pending, seq: u64) -> Result<(), SubjectError> {
        let done = self.mark(&pending.id, SHREDDED);
        let text = serde_json::to_vec(&Done { seq }).map_err(|_| SubjectError::Crypto)?;
        replace(&done, &text).map_err(io_at(&done))?;
        let begun = self.mark(&pending.id, SHREDDING);
        remove(&begun).map_err(io_at(&begun))
    }

    /// Makes the folder of orders: from here on somebody takes them.
    pub(in crate::audit) fn open_orders(&self) -> Result<(), SubjectError> {
        let path = self.dir().join(ORDERS);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.and_then(|()| sync_dir(self.dir())).map_err(io_at(&path))
    }

    /// Asks the gateway that holds the keys.
    pub(in crate::audit) fn place(&self, order: &Pending) -> Result<(), SubjectError> {
        let refused = self.order(&order.id, REFUSED);
        if refused.exists() {
            remove(&refused).map_err(io_at(&refused))?;
        }
        let path = self.order(&order.id, ORDER);
        let text = serde_json::to_vec(order).map_err(|_| SubjectError::Crypto)?;
        replace(&path, &text).map_err(io_at(&path))
    }

    /// Takes an order back; false where somebody took it.
    pub(in crate::audit) fn withdraw(&self, order: &Pending) -> Result<bool, SubjectError> {
        let path = self.order(&order.id, ORDER);
        match remove(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(SubjectError::Io { path, source }),
        }
    }

    /// What became of an order.
    pub(in crate::audit) fn answer(&self, order: &Pending) -> Result<Answer, SubjectError> {
        let done = self.mark(&order.id, SHREDDED);
        if let Some(text) = read_private(&done)? {
            let damaged = |_| SubjectError::Damaged(done.clone());
            return serde_json::from_slice(&text)
                .map(|Done { seq }| Answer::Done(seq))
                .map_err(damaged);
        }
        if self.mark(&order.id, SHREDDING).exists() {
            return Ok(Answer::Begun);
        }
        let refused = self.order(&order.id, REFUSED);
        let Some(text) = read_private(&refused)? else { return Ok(Answer::Waiting) };
        let why =
            serde_json::from_slice(&text).map_err(|_| SubjectError::Damaged(refused.clone()))?;
        remove(&refused).map_err(io_at(&refused))?;
        Ok(Answer::Refused(why))
    }

    /// Orders that wait. What is no order is removed.
    pub(in crate::audit) fn orders(&self) -> Result<Vec<Pending>, SubjectError> {
        let mut all = Vec::new();
        for path in with_ending(&self.dir().join(ORDERS), ORDER, AUDIT_SHRED_ORDERS_MAX)? {
            match read_pending(&path) {
                // Withdrawn in between.
                Ok(None) => {}
                Ok(Some(order)) if self.order(&order.id, ORDER) == path => all.push(order),
                Ok(Some(_)) | Err(SubjectError::Damaged(_)) => {
                    tracing::warn!("a file in the orders of the subject keys is none: removed");
                    remove(&path).map_err(io_at(&path))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Begins what was ordered; false where the order was withdrawn, or the key is not there.
    pub(in crate::audit) fn take(&self, order: &Pending) -> Result<bool, SubjectError> {
        let (from, to) = (self.order(&order.id, ORDER), self.mark(&order.id, SHREDDING));
        self.forget(&order.file, || {
            match fs::rename(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                Err(source) => return Err(SubjectError::Io { path: from, source }),
            }
            sync_dir(self.dir()).map_err(io_at(&to))?;
            Ok(true)
        })
    }

    /// Answers that nothing was begun.
    pub(in crate::audit) fn refuse(
        &self,
        order: &Pending,
        why: &Refused,
    ) -> Result<(), SubjectError> {
        let path = self.order(&order.id, REFUSED);
        let text = serde_json::to_vec(why).map_err(|_| SubjectError::Crypto)?;
        replace(&path, &text).map_err(io_at(&path))?;
        self.withdraw(order).map(drop)
    }

    /// Whether this is the key of a person of that name, whoever the issuer is.
    pub(in crate::audit) fn is_of(&self, pending: &Pending, name: &str) -> bool {
        pending.file.starts_with(&self.lookup(name))
    }

    /// Whether the key's file is there.
    pub(in crate::audit) fn is_there(&self, order: &Pending) -> bool {
        wrapped(&self.path(&order.file)).is_ok_and(|found| found.id == order.id)
    }

    fn order(&self, id: &str, ending: &str) -> PathBuf {
        self.dir().join(ORDERS).join(id).with_extension(ending)
    }
}

/// Files of a folder with an ending, at most `most`.
pub(super) fn with_ending(
    dir: &Path,
    ending: &str,
    most: usize,
) -> Result<Vec<PathBuf>, SubjectError> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_at(dir))? {
        let path = entry.map_err(io_at(dir))?.path();
        if path.extension().is_some_and(|end| end == ending) {
            all.push(path);
            if all.len() >= most {
                break;
            }
        }
    }
    Ok(all)
}

fn read_pending(path: &Path) -> Result<Option<Pending>, SubjectError> {
    let Some(text) = read_private(path)? else { return Ok(None) };
    let damaged = || SubjectError::Damaged(path.to_path_buf());
    let read: Pending = serde_json::from_slice(&text).map_err(|_| damaged())?;
    // Both become names of files.
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_id(&read.id) && plain(&read.file) { Ok(Some(read)) } else { Err(damaged()) }
}

/// Overwrites and removes a file.
pub(super) fn wipe(path: &Path) -> Result<(), SubjectError> {
    let wiped = || -> io::Result<()> {
        let bytes = fs::metadata(path)?.len();
        let mut file = OpenOptions::new().write(true).open(path)?;
        io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
        file.flush()?;
        file.sync_all()?;
        remove(path)
    };
    wiped().map_err(io_at(path))
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

pub(super) const SHREDDING: &str = "shredding";
pub(super) const SHREDDED: &str = "shredded";
const ORDERS: &str = "orders";
const ORDER: &str = "order";
const REFUSED: &str = "refused";
