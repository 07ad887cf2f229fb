//! Destroys the key of a person and says so in the log, or asks the gateway that writes it to.
//!
//! The order: a file that says that it was begun, durable, from which on the key is never used;
//! the key's file overwritten and removed; a `shred` record under a signed checkpoint; a file
//! that says that it was done. Killed in between, the next start of a gateway finishes it, or
//! [`finish_shredding`]; the record may then stand there twice.
//!
//! Where a gateway writes the log it does all of that ([`super::eraser`]), and this waits for it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::log::{OpenError, Options};
use super::purge;
use super::recover::Note;
use super::retention::Hold;
use super::storage::Storage as _;
use super::subjects::{Answer, Pending, Person, Refused, Sealer, SubjectError, Subjects};
use crate::limits::{AUDIT_SHRED_POLL_MS, AUDIT_SHRED_WAIT_MS};

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
    /// The gateway that writes the log did not do it.
    #[error("the gateway that writes the log refused: {0}; nothing is destroyed")]
    Refused(String),
    /// It took no order.
    #[error(
        "somebody writes the log and took no order in {} s: nothing is destroyed; it is no gateway \
         with `audit.subjects`, has other keys, or hangs", AUDIT_SHRED_WAIT_MS / 1000
    )]
    NotTaken,
    /// It is not done yet.
    #[error(
        "the gateway began to destroy the key {key} and is not done after {s} s: it goes on, also \
         after a restart, and its log says why", s = AUDIT_SHRED_WAIT_MS / 1000
    )]
    Late {
        /// The key's id.
        key: String,
    },
    /// The log cannot be written.
    #[error("the record of the destruction cannot be written: {0}; run it again with `--finish`")]
    Io(#[from] io::Error),
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The person.
    pub person: Person<'a>,
    /// Why, as the log tells it.
    pub reason: &'a str,
    /// Who asks.
    pub by: &'a str,
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
    Finished,
}

/// Destroys the key of a person: what is sealed under it can never be read again.
///
/// # Errors
/// [`ShredError`].
pub fn shred(
    options: &Options,
    subjects: &Subjects,
    request: Request<'_>,
    holds: &[Hold],
) -> Result<Vec<Shredded>, ShredError> {
    let Request { person, reason, by } = request;
    let subject = person.name;
    let names = |text: &str| text.to_lowercase().contains(&subject.to_lowercase());
    if subject.is_empty() || names(reason) || names(by) {
        return Err(ShredError::Names);
    }
    if let Some(hold) = holds.iter().find(|hold| hold.forbids_erasure(|name| name == subject)) {
        return Err(ShredError::Held(hold.id.clone()));
    }
    match run(options, subjects, Some(request), &mut |_| Ok(())) {
        Err(ShredError::Open(OpenError::Locked { .. })) => ask(subjects, request),
        done => done,
    }
}

/// Asks the gateway that writes the log, and waits for it.
fn ask(subjects: &Subjects, request: Request<'_>) -> Result<Vec<Shredded>, ShredError> {
    let sealer = Sealer::reader(subjects)?;
    let Request { person, reason, by } = request;
    let order = sealer.asked(person, reason, by)?.ok_or(ShredError::Unknown)?;
    match sealer.place(&order) {
        // Whoever takes orders has made the folder for them.
        Err(SubjectError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(ShredError::NotTaken);
        }
        placed => placed?,
    }
    let until = Instant::now() + Duration::from_millis(AUDIT_SHRED_WAIT_MS);
    loop {
        let late = Instant::now() >= until;
        match sealer.answer(&order)? {
            Answer::Done(seq) => return Ok(vec![Shredded { key: order.id, seq }]),
            Answer::Refused(Refused::Held(hold)) => return Err(ShredError::Held(hold)),
            Answer::Refused(Refused::Failed(why)) => return Err(ShredError::Refused(why)),
            Answer::Waiting if late && sealer.withdraw(&order)? => {
                return Err(ShredError::NotTaken);
            }
            Answer::Waiting | Answer::Begun if late => {
                return Err(ShredError::Late { key: order.id });
            }
            Answer::Waiting | Answer::Begun => {}
        }
        thread::sleep(Duration::from_millis(AUDIT_SHRED_POLL_MS));
    }
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
    order: Option<Request<'_>>,
    at: &mut dyn FnMut(At) -> io::Result<()>,
) -> Result<Vec<Shredded>, ShredError> {
    if !options.dir.is_dir() {
        return Err(ShredError::Io(io::ErrorKind::NotFound.into()));
    }
    let (mut disk, signer, mut found) = purge::open(options)?;
    let sealer = Sealer::writer(subjects)?;
    let mut all = sealer.pending()?;
    if let Some(Request { person, reason, by }) = order {
        let asked = sealer.asked(person, reason, by)?.ok_or(ShredError::Unknown)?;
        sealer.begin(&asked)?;
        all.push(asked);
    }
    at(At::Begun)?;
    let mut done = Vec::new();
    for pending in &all {
        sealer.destroy(pending)?;
        at(At::Destroyed)?;
        let Pending { id, reason, by, .. } = pending;
        found.add(&mut disk, &Note::Shred { key: id, reason, by })?;
        at(At::Recorded)?;
        disk.add_checkpoint(&signer.checkpoint(&found.end.tree))?;
        disk.save_state(&signer.state(&found.end, found.place).encode())?;
        at(At::Signed)?;
        let seq = found.end.head.seq;
        sealer.finish(pending, seq)?;
        at(At::Finished)?;
        done.push(Shredded { key: id.clone(), seq });
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
    async fn shredding_that_was_cut_short_at_any_step_is_finished_by_the_command_or_the_next_start()
    {
        let all = [At::Begun, At::Destroyed, At::Recorded, At::Signed];
        for (stop, by_command) in all.into_iter().flat_map(|at| [(at, true), (at, false)]) {
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

            let order = Some(Request { person: "alice".into(), reason: "asked", by: "officer" });
            let mut cut = |at| if at == stop { Err(io::Error::other("killed")) } else { Ok(()) };
            run(&options, &subjects, order, &mut cut).unwrap_err();
            if by_command {
                assert_eq!(finish_shredding(&options, &subjects).unwrap().len(), 1, "{stop:?}");
                assert!(finish_shredding(&options, &subjects).unwrap().is_empty(), "{stop:?}");
            } else {
                let log = Log::open(&sealing).unwrap();
                assert_eq!(keys(&subjects, "key"), 0, "{stop:?}: before anything is recorded");
                while keys(&subjects, "shredding") > 0 {
                    tokio::task::yield_now().await;
                }
                log.close().await;
            }
            assert_eq!(keys(&subjects, "key"), 0, "{stop:?}");
            let report = verify(&options.dir, &Trust::default(), |_| {}).unwrap();
            assert_eq!(report.exit_code(), 0, "{stop:?}: {report}");
            let text = fs::read_to_string(options.dir.join("000000000001.jsonl")).unwrap();
            assert!(text.contains("\"kind\":\"shred\""), "{stop:?}");
            // The same person may come again, under another key.
            let log = Log::open(&sealing).unwrap();
            log.append_durable(BODY, Duration::from_secs(60)).await.unwrap();
            log.close().await;
        }
    }

    fn keys(subjects: &Subjects, ending: &str) -> usize {
        let left = fs::read_dir(&subjects.keys).unwrap().map(|e| e.unwrap().path());
        left.filter(|path| path.extension().is_some_and(|end| end == ending)).count()
    }
}
