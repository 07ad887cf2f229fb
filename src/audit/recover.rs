//! Finds the end of a log that may have been left in the middle of a write, and
//! makes it whole again.
//!
//! What a crash can leave behind the last durable record is bytes of commits
//! that nobody was told of: a line without its end or, when the system lost
//! pages, NUL bytes. They are copied aside, cut, and a record says so. Anything
//! else that is wrong in the tail is not a crash, and the log is not opened.

pub use crate::limits::AUDIT_TAIL_BYTES;
use std::io;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::IgnoredAny;

use super::chain::{self, Hash, Head, Link};
use super::storage::Storage;
use crate::config::Durability;

/// The tail of the log is not the end of a chain.
#[derive(Debug, thiserror::Error)]
pub(super) enum TailError {
    #[error("reading it failed: {0}")]
    Io(#[from] io::Error),
    #[error("the last {AUDIT_TAIL_BYTES} bytes hold no whole record")]
    NoRecord,
    #[error("the line at byte {at} is not a record")]
    NotARecord { at: u64 },
    #[error("record {seq} does not follow the line before it")]
    Broken { seq: u64 },
}

/// The end of a log.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last whole record.
    pub(super) head: Head,
    /// Where it ends.
    pub(super) bytes: u64,
    /// What lies behind it.
    pub(super) surplus: Vec<u8>,
    /// The remembered head is not part of this log.
    pub(super) contradicted: bool,
}

/// Reads the last records up to byte `end` and checks that each follows the other.
pub(super) fn inspect<S: Storage>(
    storage: &mut S,
    end: u64,
    remembered: Option<Head>,
) -> Result<Tail, TailError> {
    let from = end.saturating_sub(AUDIT_TAIL_BYTES);
    let window = storage.read(from, end)?;
    let mut rest = window.as_slice();
    let mut at = from;
    if from > 0 {
        // The window begins somewhere in a line.
        let (line, after) = split_line(rest).ok_or(TailError::NoRecord)?;
        at += bytes_of(line) + 1;
        rest = after;
    }
    let mut last = None;
    let mut contradicted = false;
    while let Some((line, after)) = split_line(rest) {
        let Some(link) = chain::link(line) else {
            if line.contains(&0) {
                break;
            }
            return Err(TailError::NotARecord { at });
        };
        if !follows(last, &link) {
            return Err(TailError::Broken { seq: link.seq });
        }
        let head = Head { seq: link.seq, hash: chain::hash(line) };
        contradicted |= remembered.is_some_and(|known| known.seq == head.seq && known != head);
        last = Some((head, line, at));
        at += bytes_of(line) + 1;
        rest = after;
    }
    let Some((head, line, line_at)) = last else {
        let contradicted = remembered.is_some_and(|known| known.seq > 0);
        let empty = Tail { head: Head::EMPTY, bytes: 0, surplus: rest.to_vec(), contradicted };
        return if from == 0 { Ok(empty) } else { Err(TailError::NoRecord) };
    };
    // Nothing follows the last record, so no hash tells whether it is whole.
    if serde_json::from_slice::<IgnoredAny>(line).is_err() {
        return Err(TailError::NotARecord { at: line_at });
    }
    contradicted |= remembered.is_some_and(|known| known.seq > head.seq);
    Ok(Tail { head, bytes: at, surplus: rest.to_vec(), contradicted })
}

/// Whether `link` may come after `last`. Of the first line that is in sight only
/// the very first record of a log can be judged.
fn follows(last: Option<(Head, &[u8], u64)>, link: &Link) -> bool {
    match last {
        Some((head, ..)) => head.seq.checked_add(1) == Some(link.seq) && link.prev == head.hash,
        None => link.seq > 1 || (link.seq == 1 && link.prev == Head::EMPTY.hash),
    }
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, after) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)?)?;
    Some((line, after.get(1..)?))
}

fn bytes_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recovered {
    pub(super) head: Head,
    pub(super) bytes: u64,
    pub(super) cut_bytes: u64,
    pub(super) contradicted: Option<Head>,
}

/// Brings a log that is being opened to its last whole record, and writes a
/// record of what had to be done to it.
pub(super) fn recover<S: Storage>(
    storage: &mut S,
    durability: Durability,
) -> Result<Recovered, TailError> {
    let end = storage.bytes()?;
    // A head that cannot be read is no evidence; `verify` reports it.
    let remembered = storage.head().unwrap_or_default();
    let tail = inspect(storage, end, remembered)?;
    let seq = tail.head.seq + 1;
    let mut cut_bytes = bytes_of(&tail.surplus);
    if cut_bytes > 0 {
        storage.keep_torn(seq, &tail.surplus)?;
        storage.truncate(tail.bytes)?;
    } else {
        // Crashed between the cut and its record: the record is still owed.
        cut_bytes = storage.torn_bytes(seq)?.unwrap_or_default();
    }
    let contradicted = remembered.filter(|_| tail.contradicted);
    let mut recovered = Recovered { head: tail.head, bytes: tail.bytes, cut_bytes, contradicted };
    if cut_bytes > 0 || contradicted.is_some() {
        let note = Note::Recovery { cut_bytes, remembered_head: contradicted };
        let (line, head) = note.line(tail.head);
        storage.write(&line)?;
        storage.sync()?;
        recovered.bytes += bytes_of(&line);
        storage.check(recovered.bytes)?;
        recovered.head = head;
    } else if durability == Durability::Durable {
        // What is there may still be waiting in memory since the last run.
        storage.sync()?;
    }
    Ok(recovered)
}

/// A record that the log writes about itself.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Note<'a> {
    /// The log was repaired when it was opened.
    Recovery {
        /// Bytes behind the last whole record; a copy is beside the log.
        cut_bytes: u64,
        /// A head that was saved and is not part of the log found.
        #[serde(skip_serializing_if = "Option::is_none")]
        remembered_head: Option<Head>,
    },
    /// The log could not be written for a while.
    Gap {
        /// Appends that were refused, each with its call.
        refused: u64,
        /// What failed first.
        reason: &'a str,
        /// When, RFC 3339.
        since: String,
        /// Bytes behind the last durable record that were not ours to keep.
        cut_bytes: u64,
        /// Records before this one that are gone with their file.
        lost_with_file: u64,
    },
}

#[derive(Serialize)]
struct Stamped<'a> {
    timestamp: String,
    #[serde(flatten)]
    note: &'a Note<'a>,
}

impl Note<'_> {
    /// The body of the record.
    pub(super) fn body(&self) -> Vec<u8> {
        let stamped = Stamped { timestamp: timestamp(SystemTime::now()), note: self };
        // Plain fields and a vector: there is nothing to fail.
        serde_json::to_vec(&stamped).unwrap_or_else(|_| b"{\"kind\":\"note\"}".to_vec())
    }

    /// The whole line behind `head`, and the head that it makes.
    pub(super) fn line(&self, head: Head) -> (Vec<u8>, Head) {
        let body = self.body();
        let seq = head.seq + 1;
        let mut line = Vec::with_capacity(chain::line_bytes_max(&body));
        let span = chain::push_line(&mut line, seq, chain::members(&body).unwrap_or(b"}"));
        let hash: Hash = chain::seal(&mut line, &[span], head.hash);
        (line, Head { seq, hash })
    }
}

/// RFC 3339 in UTC with microseconds, as every record's `timestamp`.
pub(super) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}
