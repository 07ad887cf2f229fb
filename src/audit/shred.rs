//! Destroys the key of a person in a log that no gateway writes, and says so in the log.
//!
//! The order: a file that says that it was begun, durable, from which on the key is never used;
//! the key's file overwritten and removed; a `shred` record under a signed checkpoint; a file
//! that says that it was done. Killed in between, no gateway starts until it is finished; the
//! record may then stand there twice.

use std::io;

use super::log::{OpenError, Options};
use super::purge;
use super::recover::Note;
use super::retention::Hold;
use super::storage::Storage as _;
use super::subjects::{Pending, Sealer, SubjectError, Subjects, destroy};

/// Why no key was destroyed, or not all was done.
#[derive(Debug, thiserror::Error)]
pub enum ShredError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The keys cannot be used.
    #[error(transparent)]
    Subjects(#[from] SubjectError),
    /// It must stay.
    #[error("the legal hold `{0}` needs records of this person: nothing is destroyed")]
    Held(String),
    /// There is nothing to destroy.
    #[error("this person has no key: no record is sealed under that name")]
    Unknown,
    /// The record of the destruction would name the person.
    #[error("the reason, or who asks, names the person: the log would keep that for good")]
    Names,
    /// The log cannot be written.
    #[error("the record of the destruction cannot be written: {0}; run it again with `--finish`")]
    Io(#[from] io::Error),
}

/// A key that was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shredded {
    /// Its id.
    pub key: String,
    /// The record that says so.
    pub seq: u64,
}

/// A step, or the last before a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Begun,
    Destroyed,
    Recorded,
    Signed,
}

/// Destroys the key of `subject`: what is sealed under it can never be read again.
///
/// # Errors
/// [`ShredError`].
pub fn shred(
    options: &Options,
    subjects: &Subjects,
    (subject, reason, by): (&str, &str, &str),
    holds: &[Hold],
) -> Result<Vec<Shredded>, ShredError> {
    let names = |text: &str| text.to_lowercase().contains(&subject.to_lowercase());
    if subject.is_empty() || names(reason) || names(by) {
        return Err(ShredError::Names);
    }
    // A hold without a name may need anybody's records.
    let reaches = |hold: &&Hold| match (&hold.principal, &hold.subject) {
        (None, None) => true,
        (principal, person) => [principal, person].iter().any(|n| n.as_deref() == Some(subject)),
    };
    if let Some(hold) = holds.iter().find(reaches) {
        return Err(ShredError::Held(hold.id.clone()));
    }
    run(options, subjects, Some((subject, reason, by)), &mut |_| Ok(()))
}

/// Finishes what was begun.
///
/// # Errors
/// [`ShredError`].
pub fn finish_shredding(
    options: &Options,
    subjects: &Subjects,
) -> Result<Vec<Shredded>, ShredError> {
    run(options, subjects, None, &mut |_| Ok(()))
}

pub(super) fn run(
    options: &Options,
    subjects: &Subjects,
    order: Option<(&str, &str, &str)>,
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> Result<Vec<Shredded>, ShredError> {
    if !options.dir.is_dir() {
        return Err(ShredError::Io(io::ErrorKind::NotFound.into()));
    }
    let (mut disk, signer, mut found) = purge::open(options)?;
    let sealer = Sealer::locked(subjects)?;
    let mut all = sealer.pending()?;
    if let Some((subject, reason, by)) = order {
        let begun = sealer.begin(subject, reason, by)?;
        all.push(begun.ok_or(ShredError::Unknown)?);
    }
    at(At::Begun)?;
    let mut done = Vec::new();
    for pending in &all {
        destroy(&sealer, pending)?;
        at(At::Destroyed)?;
        let Pending { id, reason, by, .. } = pending;
        found.add(&mut disk, &Note::Shred { key: id, reason, by })?;
        at(At::Recorded)?;
        disk.add_checkpoint(&signer.checkpoint(&found.end.tree))?;
        disk.save_state(&signer.state(&found.end, found.place).encode())?;
        at(At::Signed)?;
        sealer.finish(pending)?;
        done.push(Shredded { key: id.clone(), seq: found.end.head.seq });
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;
    use crate::audit::{Log, Trust, verify};

    const BODY: &str = r#"{"timestamp":"2026-11-23T06:00:00.000000Z","kind":"call","phase":"document","request_id":"r1","user_id":"alice"}"#;

    #[tokio::test]
    async fn shredding_that_was_cut_short_at_any_step_keeps_the_gateway_off_until_it_is_finished() {
        for stop in [At::Begun, At::Destroyed, At::Recorded, At::Signed] {
            let folder = crate::config::testing::Folder::new();
            let path = folder.path();
            let subjects = Subjects { keys: path.join("keys"), master_key: path.join("master") };
            fs::write(&subjects.master_key, "7e".repeat(32)).unwrap();
            let owner = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&subjects.master_key, owner).unwrap();
            let options = Options::new(path.join("audit"));
            let sealing = Options { subjects: Some(subjects.clone()), ..options.clone() };
            let log = Log::open(&sealing).unwrap();
            log.append_durable(BODY, Duration::from_secs(60)).await.unwrap();
            log.close().await;
            drop(log);

            let order = Some(("alice", "asked", "officer"));
            let mut cut = |at| if at == stop { Err(io::Error::other("killed")) } else { Ok(()) };
            run(&options, &subjects, order, &mut cut).unwrap_err();
            let refused = Log::open(&sealing).unwrap_err().to_string();
            assert!(refused.contains("--finish"), "{stop:?}: {refused}");
            assert_eq!(finish_shredding(&options, &subjects).unwrap().len(), 1, "{stop:?}");
            assert!(finish_shredding(&options, &subjects).unwrap().is_empty(), "{stop:?}");
            let left = fs::read_dir(&subjects.keys).unwrap().map(|e| e.unwrap().path());
            let keys = left.filter(|path| path.extension().is_some_and(|end| end == "key"));
            assert_eq!(keys.count(), 0, "{stop:?}");
            let report = verify(&options.dir, &Trust::default(), |_| {}).unwrap();
            assert_eq!(report.exit_code(), 0, "{stop:?}: {report}");
            // The same person may come again, under another key.
            let log = Log::open(&sealing).unwrap();
            log.append_durable(BODY, Duration::from_secs(60)).await.unwrap();
            log.close().await;
        }
    }
}
