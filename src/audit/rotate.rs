//! Hands a log over from one signing key to another, while no gateway writes it.
//!
//! The old key's last act is a record that names the new one and carries the old
//! one's signature over that; the checkpoint that covers it is the new key's first.
//! Cut short at any point, the same command finishes it.

use std::fs;
use std::io;
use std::path::Path;

use super::identity;
use super::keys::{self, SIGNING_KEY_FILE};
use super::log::{OpenError, Options};
use super::note::{SigningKey, VerifierKey};
use super::recover::{Note, Recovered, TailError, recover};
use super::signer::{Signer, rotation_text};
use super::storage::{Disk, Storage};

/// A hand-over that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The record that says so.
    pub seq: u64,
    /// The key that signed before.
    pub old: VerifierKey,
    /// The key that signs from now on.
    pub new: VerifierKey,
}

/// Makes `new` the signing key of the log. Without one, a key is made and takes the
/// place of the one in the log's directory.
///
/// # Errors
/// As [`super::Log::open`]; a log that is being written is refused.
pub fn rotate(options: &Options, new: Option<&Path>) -> Result<Rotated, OpenError> {
    let dir = || options.dir.clone();
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { dir: dir() },
        _ => OpenError::Io { dir: dir(), source },
    };
    if !options.dir.is_dir() {
        return Err(io(io::ErrorKind::NotFound.into()));
    }
    let mut disk = Disk::open(&options.dir).map_err(io)?;
    let old = identity::key(&mut disk, options)?;
    let fresh = options.dir.join(NEW_KEY_FILE);
    let path = new.unwrap_or(&fresh);
    let origin = old.verifier().name().to_owned();
    let key = match keys::read_signing_key(path, &origin)? {
        Some(key) => key,
        None if new.is_none() => keys::create_signing_key(path, &origin)?,
        None => return Err(OpenError::NoKey { dir: dir(), path: path.to_path_buf() }),
    };
    let rotated = hand_over(&mut disk, options, old, key).map_err(|error| match error {
        TailError::Io(source) => io(source),
        tail => OpenError::Tail { dir: dir(), reason: tail.to_string() },
    })?;
    if new.is_none() {
        fs::rename(&fresh, options.dir.join(SIGNING_KEY_FILE)).map_err(io)?;
    }
    Ok(rotated)
}

fn hand_over(
    disk: &mut Disk,
    options: &Options,
    old: SigningKey,
    new: SigningKey,
) -> Result<Rotated, TailError> {
    let (from, to) = (old.verifier().clone(), new.verifier().clone());
    let (old, new) = (Signer::new(old, options.durability), Signer::new(new, options.durability));
    let found = match recover(disk, options.durability, &old) {
        // The record is there from an attempt that did not come to its end.
        Err(TailError::Rotated { to: named, .. }) if *named == to.to_string() => {
            recover(disk, options.durability, &new)?
        }
        Ok(mut found) => {
            write_record(disk, &mut found, &old, &from, &to)?;
            found
        }
        Err(error) => return Err(error),
    };
    let Recovered { end, place, .. } = found;
    disk.show_verifier(&to)?;
    disk.add_checkpoint(&new.checkpoint(&end.tree))?;
    disk.save_state(&new.state(&end, place).encode())?;
    Ok(Rotated { seq: end.head.seq, old: from, new: to })
}

fn write_record(
    disk: &mut Disk,
    found: &mut Recovered,
    old: &Signer,
    from: &VerifierKey,
    to: &VerifierKey,
) -> Result<(), TailError> {
    // The old key vouches for all that it has seen.
    disk.add_checkpoint(&old.checkpoint(&found.end.tree))?;
    let signature = old.signature_line(&rotation_text(found.end.head.seq + 1, from, to));
    let (old, new) = (from.to_string(), to.to_string());
    Ok(found.add(disk, &Note::KeyRotation { old, new, signature: signature.trim_end() })?)
}

/// The key that is about to take over.
const NEW_KEY_FILE: &str = "signing.key.new";
