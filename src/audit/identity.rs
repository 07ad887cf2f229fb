//! Whose log it is: its name, its key, and that both are those it always had.

use std::path::Path;

use super::keys::{self, SIGNING_KEY_FILE, VERIFIER_FILE};
use super::log::{OpenError, Options};
use super::note::{SigningKey, VerifierKey};
use super::state::State;
use super::storage::{Disk, Storage as _};

/// The signing key of the log in `options.dir`; made where the log is new.
///
/// # Errors
/// When the key is missing, open to others or another one, or when the log is
/// another gateway's.
pub(super) fn key(disk: &mut Disk, options: &Options) -> Result<SigningKey, OpenError> {
    let dir = || options.dir.clone();
    let io = |source| OpenError::Io { dir: dir(), source };
    let state = disk.state().map_err(io)?.and_then(|bytes| State::decode(&bytes));
    let known = match state {
        Some(state) => Some(state.verifier),
        // Without a state the keys beside the log say whose it is.
        None => keys::read_verifiers(&options.dir).map_err(io)?.pop(),
    };
    let origin = match (&known, &options.origin) {
        (Some(known), Some(wanted)) if known.name() != wanted => {
            let (found, wanted) = (known.name().to_owned(), wanted.clone());
            return Err(OpenError::Foreign { dir: dir(), found, wanted });
        }
        (Some(known), _) => known.name().to_owned(),
        (None, Some(wanted)) => wanted.clone(),
        (None, None) => keys::random_origin()?,
    };
    let default = options.dir.join(SIGNING_KEY_FILE);
    let path = options.signing_key.as_ref().unwrap_or(&default);
    let key = match keys::read_signing_key(path, &origin)? {
        Some(key) => key,
        // Only a new log may have a new key, and only where none was named.
        None if known.is_none() && options.signing_key.is_none() => {
            keys::create_signing_key(path, &origin)?
        }
        None => return Err(OpenError::NoKey { dir: dir(), path: path.clone() }),
    };
    match known {
        Some(known) if known != *key.verifier() => Err(OpenError::OtherKey {
            dir: dir(),
            found: Box::new(known),
            wanted: Box::new(key.verifier().clone()),
        }),
        Some(_) | None => Ok(key),
    }
}

/// Says loudly what was made, and what should become of it.
pub(super) fn announce(dir: &Path, verifier: &VerifierKey) {
    let public = dir.join(VERIFIER_FILE);
    let first_key = keys::first_key_path(dir, 1);
    tracing::warn!(
        public_key = %verifier,
        public_key_file = %public.display(),
        first_mac_key_file = %first_key.display(),
        "a new audit log was made: give its public key to whoever will verify it, and take the \
         first MAC key away with `sallyport audit key --take`: beside the log it proves nothing"
    );
}

/// Says again what should have been done since the log was made.
pub(super) fn remind(dir: &Path) {
    // A directory that cannot be listed was told of when it was opened.
    for file in keys::first_key_paths(dir).unwrap_or_default() {
        tracing::warn!(
            file = %file.display(),
            "the audit log's first MAC key still lies beside it, where it proves nothing: take it \
             away with `sallyport audit key --take`"
        );
    }
}
