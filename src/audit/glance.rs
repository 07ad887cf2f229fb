//! A quick look at the end of a log, without reading it all and without taking its lock.
//!
//! Opens files for reading only. Says less than [`super::verify`], which reads everything; what it
//! does say is true of the last [`AUDIT_TAIL_BYTES`] of records and of the last checkpoint.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::chain;
use super::checkpoint::{Checkpoint, Notes, Step as NoteStep};
use super::keys::{self, KeyError, SIGNING_KEY_FILE};
use super::lines::{Step, step};
use super::merkle::Hash;
use super::note::Note;
use super::segments;
use super::storage::CHECKPOINTS_FILE;
use super::stub::leaf_of;
use super::stub::stub;
use crate::limits::{AUDIT_NOTE_BYTES_MAX, AUDIT_TAIL_BYTES};

/// What stands at the end of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Number of the last record; 0 in a log that has none.
    pub last: u64,
    /// Records that were looked at.
    pub looked_at: u64,
    /// Bytes behind the last whole record: being written, or left by a crash.
    pub torn_bytes: u64,
    /// Records that the last checkpoint covers; `None` where none was signed yet.
    pub signed: Option<u64>,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

/// Looks at the end of the log in `dir`; `None` where there is no log.
///
/// # Errors
/// What the system says.
pub fn glance(dir: &Path) -> io::Result<Option<Glance>> {
    let mut found = Glance::default();
    // Before the records, so that a log that is being written cannot be behind its checkpoint.
    let note = last_note(dir)?;
    let files = segments::files(dir)?;
    let Some(last) = files.last() else { return Ok(None) };
    records(last, &mut found)?;
    if let Some(note) = note {
        checkpoint(dir, &note, &mut found)?;
    }
    Ok(Some(found))
}

/// The end of one segment: numbers without holes, each hash that of the line before.
fn records(path: &Path, found: &mut Glance) -> io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(AUDIT_TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::new(file.take(length.saturating_sub(from)));
    let (mut line, mut read) = (Vec::new(), 0);
    // Where one begins in the middle, the first piece is no line.
    if from > 0 {
        step(&mut reader, &mut line, &mut read)?;
    }
    let mut before: Option<(u64, Hash)> = None;
    loop {
        match step(&mut reader, &mut line, &mut read)? {
            Step::End => return Ok(()),
            Step::Torn { bytes } => found.torn_bytes = bytes,
            Step::TooLong => {
                found.faults.push(format!("the line behind record {} is too long", found.last));
                before = None;
            }
            Step::Line => {
                let linked = chain::link(&line).map(|link| (link.seq, Some(link.prev)));
                let Some((seq, prev)) = linked.or_else(|| stub(&line).map(|it| (it.seq, None)))
                else {
                    found.faults.push(format!("the line behind record {} is none", found.last));
                    before = None;
                    continue;
                };
                if let Some((last, hash)) = before {
                    if seq != last.saturating_add(1) {
                        found.faults.push(format!("record {last} is followed by record {seq}"));
                    } else if prev.is_some_and(|prev| prev != hash) {
                        found.faults.push(format!("record {seq} does not fit the one before it"));
                    }
                }
                before = Some((seq, leaf_of(&line)));
                found.last = seq;
                found.looked_at = found.looked_at.saturating_add(1);
            }
        }
    }
}

fn last_note(dir: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(dir.join(CHECKPOINTS_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let most = u64::try_from(AUDIT_NOTE_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(2);
    let length = file.metadata()?.len();
    let from = length.saturating_sub(most);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    // The cut may go through a letter; half a note in front is passed over all the same.
    let text = String::from_utf8_lossy(&bytes);
    let mut notes = Notes::new(text.as_bytes());
    let mut last = None;
    loop {
        match notes.step()? {
            NoteStep::Note(note) => last = Some(note),
            NoteStep::NoNote | NoteStep::Torn => {}
            NoteStep::End => return Ok(last),
        }
    }
}

fn checkpoint(dir: &Path, text: &str, found: &mut Glance) -> io::Result<()> {
    let verifiers = keys::read_verifiers(dir)?;
    let note = Note::parse(text).ok();
    let signed = note.as_ref().filter(|note| verifiers.iter().any(|key| note.is_signed_by(key)));
    let Some(signed) = signed else {
        found.faults.push("the last checkpoint is not signed by a key of this log".into());
        return Ok(());
    };
    let Ok(checkpoint) = signed.text.parse::<Checkpoint>() else {
        found.faults.push("the last checkpoint cannot be read".into());
        return Ok(());
    };
    if checkpoint.size > found.last {
        let (size, last) = (checkpoint.size, found.last);
        found.faults.push(format!("{size} records were signed, and {last} are there"));
    }
    found.signed = Some(checkpoint.size);
    Ok(())
}

/// Whether the key that signs a log can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It is there, and it is the log's.
    Good,
    /// There is none, and no log: the first start makes it.
    NotYet,
    /// There is none, although there is a log.
    Missing,
    /// It is not the one that signed the log.
    Other,
}

/// Reads the key that signs the log in `dir`.
///
/// # Errors
/// [`KeyError`], above all where others may read the key.
pub fn signing_key_state(
    dir: &Path,
    signing_key: Option<&Path>,
) -> Result<SigningKeyState, KeyError> {
    let own = dir.join(SIGNING_KEY_FILE);
    let path = signing_key.unwrap_or(&own);
    let verifiers = keys::read_verifiers(dir)
        .map_err(|source| KeyError::File { path: dir.to_path_buf(), source })?;
    let name = verifiers.last().map_or("doctor", |key| key.name());
    Ok(match (keys::read_signing_key(path, name)?, verifiers.last()) {
        (Some(key), Some(last)) if key.verifier() != last => SigningKeyState::Other,
        (Some(_), _) => SigningKeyState::Good,
        (None, None) if signing_key.is_none() => SigningKeyState::NotYet,
        (None, _) => SigningKeyState::Missing,
    })
}
