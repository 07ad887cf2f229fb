//! Finds the end of a log that may have been left in the middle of a write, and
//! makes it whole again.
//!
//! What a crash can leave behind the last durable record is bytes of commits
//! that nobody was told of: a line without its end or, when the system lost
//! pages, NUL bytes. They are copied aside, cut, and a record says so. Anything
//! else that is wrong in the tail is not a crash, and the log is not opened.
//!
//! The saved state says where to begin: what follows it is read, its chain and
//! its MACs are checked, and tree and ratchet grow along. A log that does not hold
//! what the state knows is read from its first record, and a record says that it
//! was found so.

use crate::limits::AUDIT_QUEUE_BYTES_MAX;
pub use crate::limits::AUDIT_TAIL_BYTES;
use std::io;
use std::time::SystemTime;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::chain::{self, End, Head};
use super::merkle::leaf_hash;
use super::ratchet::{Ratchet, RatchetError};
use super::segments::Segment;
use super::signer::Signer;
use super::state::{Place, State, first_key_text};
use super::storage::Storage;
use super::stub::{leaf_of, stub};
use crate::config::Durability;

/// The tail of the log is not the end of a chain.
#[derive(Debug, thiserror::Error)]
pub(super) enum TailError {
    #[error("reading it failed: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Random(#[from] RatchetError),
    #[error("the line at byte {at} of segment {segment} is not a record")]
    NotARecord { segment: u64, at: u64 },
    #[error("record {seq} does not follow the line before it")]
    Broken { seq: u64 },
    #[error("record {seq} has a MAC that is not its key's")]
    Forged { seq: u64 },
    #[error("record {seq} hands over to the key {to}: finish that with `sallyport audit rotate`")]
    Rotated { seq: u64, to: Box<str> },
    #[error("segment {segment} does not begin behind record {last}")]
    Segment { segment: u64, last: u64 },
}

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recovered {
    pub(super) end: End,
    pub(super) place: Place,
    /// When the present segment was begun.
    pub(super) since: SystemTime,
    /// The last record that a checkpoint of ours covers.
    pub(super) saved: u64,
    pub(super) cut_bytes: u64,
    pub(super) contradicted: Option<Head>,
    /// The log was there, the key of its next MAC was not.
    pub(super) restarted: bool,
    /// There was no log.
    pub(super) created: bool,
}

impl Recovered {
    /// Adds a record of the log about itself, durably; what is known of its end moves on only then.
    pub(super) fn add<S: Storage>(&mut self, storage: &mut S, note: &Note<'_>) -> io::Result<()> {
        let mut end = self.end.clone();
        let line = note.line(&mut end);
        storage.write(&line)?;
        storage.sync()?;
        self.place.bytes += bytes_of(&line);
        storage.check(self.place.bytes)?;
        self.end = end;
        Ok(())
    }

    /// What an operator should look at.
    pub(super) fn warn(&self, warnings: &mut Vec<String>) {
        if self.cut_bytes > 0 {
            warnings.push(format!("{} bytes of a torn write were cut", self.cut_bytes));
        }
        if let Some(head) = self.contradicted {
            warnings.push(format!("record {} was known and is gone or changed", head.seq));
        }
        if self.restarted {
            let seq = self.end.head.seq;
            warnings.push(format!("the key of the next MAC was gone: keys begin anew at {seq}"));
        }
    }
}

/// Brings a log that is being opened to its last whole record, and writes a
/// record of what had to be done to it.
pub(super) fn recover<S: Storage>(
    storage: &mut S,
    durability: Durability,
    signer: &Signer,
) -> Result<Recovered, TailError> {
    let segments = storage.segments()?;
    // A state that cannot be read is as good as none: its key is gone.
    let state = storage.state()?.and_then(|bytes| State::decode(&bytes));
    if state.is_none() && segments.iter().all(|segment| segment.bytes == 0) {
        return create(storage, signer);
    }
    let walked = match &state {
        Some(state) if holds(storage, &segments, state)? => {
            walk(storage, &segments, state.place, state.end.clone(), Macs::Check)?
        }
        Some(_) | None => rebuild(storage, &segments)?,
    };
    if let Some((seq, to)) = &walked.rotated
        && **to != *signer.verifier().to_string()
    {
        return Err(TailError::Rotated { seq: *seq, to: to.clone() });
    }
    let contradicted = state.as_ref().map(|state| state.end.head);
    let contradicted = contradicted.filter(|head| !walked.checked && head.seq > 0);
    let mut recovered = Recovered {
        saved: if walked.checked { state.as_ref().map_or(0, |s| s.end.head.seq) } else { 0 },
        end: walked.end,
        place: walked.place,
        since: since(&segments, walked.place.segment),
        cut_bytes: 0,
        contradicted,
        restarted: state.is_none(),
        created: false,
    };
    if !walked.checked {
        recovered.end.ratchet = next_key(storage, signer, state, recovered.end.head.seq + 1)?;
    }
    mend(storage, &walked.surplus, &mut recovered)?;
    if durability == Durability::Durable {
        // What is there may still be waiting in memory since the last run.
        storage.sync()?;
    }
    Ok(recovered)
}

/// Makes a log: the first key, the first segment, the signature over nothing.
fn create<S: Storage>(storage: &mut S, signer: &Signer) -> Result<Recovered, TailError> {
    let ratchet = Ratchet::generate(1)?;
    storage.keep_first_key(1, &first_key_text(signer.origin(), &ratchet))?;
    storage.begin(1)?;
    let end = End::empty(ratchet);
    storage.add_checkpoint(&signer.checkpoint(&end.tree))?;
    let place = Place { segment: 1, bytes: 0 };
    // Last: a creation that did not come this far begins again.
    storage.save_state(&signer.state(&end, place).encode())?;
    let since = SystemTime::now();
    Ok(Recovered {
        end,
        place,
        since,
        saved: 0,
        cut_bytes: 0,
        contradicted: None,
        restarted: false,
        created: true,
    })
}

/// The key for a log whose records do not lead to the one that was saved.
fn next_key<S: Storage>(
    storage: &mut S,
    signer: &Signer,
    state: Option<State>,
    seq: u64,
) -> Result<Ratchet, TailError> {
    let Some(state) = state else {
        let key = Ratchet::generate(seq)?;
        storage.keep_first_key(seq, &first_key_text(signer.origin(), &key))?;
        return Ok(key);
    };
    // Keys are never used twice, and no key leads back: those of lost records are passed over.
    let mut key = state.end.ratchet;
    while key.index() < seq {
        key.skip();
    }
    Ok(key)
}

/// Cuts what a crash left behind the last record, and says in a record what was
/// found.
fn mend<S: Storage>(
    storage: &mut S,
    surplus: &[u8],
    recovered: &mut Recovered,
) -> Result<(), TailError> {
    let seq = recovered.end.head.seq + 1;
    recovered.cut_bytes = bytes_of(surplus);
    if recovered.cut_bytes > 0 {
        storage.keep_torn(seq, surplus)?;
        storage.truncate(recovered.place.bytes)?;
    } else {
        // Crashed between the cut and its record: the record is still owed.
        recovered.cut_bytes = storage.torn_bytes(seq)?.unwrap_or_default();
    }
    let index = recovered.end.ratchet.index();
    let note = Note::Recovery {
        cut_bytes: recovered.cut_bytes,
        remembered_head: recovered.contradicted,
        mac_key: (index != seq).then_some(index),
        mac_restarted: recovered.restarted,
    };
    if recovered.cut_bytes > 0 || recovered.contradicted.is_some() || recovered.restarted {
        recovered.add(storage, &note)?;
    }
    Ok(())
}

/// Whether the log has the state's last record in the state's place.
fn holds<S: Storage>(
    storage: &mut S,
    segments: &[Segment],
    state: &State,
) -> Result<bool, TailError> {
    let Place { segment, bytes } = state.place;
    let there = segments.iter().any(|found| found.first == segment && found.bytes >= bytes);
    if state.end.head == Head::EMPTY {
        return Ok(there && bytes == 0);
    }
    if bytes == 0 {
        // Saved when the segment had begun and held nothing yet.
        let before = segments.iter().rfind(|found| found.first < segment && found.bytes > 0);
        let Some(Segment { first, bytes, .. }) = before else { return Ok(false) };
        return Ok(there && last_hash(storage, *first, *bytes)? == Some(state.end.head.hash));
    }
    Ok(there && last_hash(storage, segment, bytes)? == Some(state.end.head.hash))
}

/// The leaf hash of the line that ends at byte `end` of a segment.
pub(super) fn last_hash<S: Storage>(
    storage: &mut S,
    segment: u64,
    end: u64,
) -> io::Result<Option<super::merkle::Hash>> {
    let from = end.saturating_sub(AUDIT_TAIL_BYTES);
    let window = storage.read(segment, from, end)?;
    let Some(lines) = window.strip_suffix(b"\n") else { return Ok(None) };
    let start = memchr::memrchr(b'\n', lines).map_or(0, |at| at + 1);
    Ok(lines.get(start..).map(leaf_of))
}

/// What lies behind a place.
struct Walked {
    end: End,
    /// Where the last record ends.
    place: Place,
    /// What lies behind it.
    surplus: Vec<u8>,
    /// The ratchet grew along.
    checked: bool,
    /// The last record that names a new signing key, and the key.
    rotated: Option<(u64, Box<str>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Macs {
    Check,
    Skip,
}

/// Reads a log from its first record, without its MACs.
fn rebuild<S: Storage>(storage: &mut S, segments: &[Segment]) -> Result<Walked, TailError> {
    let first = segments.iter().find(|segment| segment.bytes > 0).map_or(1, |s| s.first);
    if first != 1 {
        return Err(TailError::Segment { segment: first, last: 0 });
    }
    let start = Place { segment: first, bytes: 0 };
    walk(storage, segments, start, End::empty(Ratchet::of(1, [0; 32])), Macs::Skip)
}

/// Reads the log from `place`, where it stands at `end`, to its last whole record.
fn walk<S: Storage>(
    storage: &mut S,
    segments: &[Segment],
    place: Place,
    end: End,
    macs: Macs,
) -> Result<Walked, TailError> {
    let checked = macs == Macs::Check;
    let mut walked = Walked { end, place, surplus: Vec::new(), checked, rotated: None };
    let behind = segments.iter().filter(|s| s.first >= place.segment && s.bytes > 0);
    let mut behind = behind.peekable();
    while let Some(segment) = behind.next() {
        let from = if segment.first == place.segment { place.bytes } else { 0 };
        let last = walked.end.head.seq;
        if from == 0 && last.checked_add(1) != Some(segment.first) {
            return Err(TailError::Segment { segment: segment.first, last });
        }
        walked.place = Place { segment: segment.first, bytes: from };
        read_on(storage, segment, &mut walked)?;
        if behind.peek().is_some() && walked.place.bytes < segment.bytes {
            // Only the last segment was being written when the power went.
            let at = walked.place.bytes;
            return Err(TailError::NotARecord { segment: segment.first, at });
        }
    }
    let next = walked.end.head.seq + 1;
    let present = segments.last().map(|segment| segment.first);
    if present != Some(walked.place.segment) {
        if !walked.surplus.is_empty() {
            let Place { segment, bytes: at } = walked.place;
            return Err(TailError::NotARecord { segment, at });
        }
        // An empty segment is the last: begun for the next record, or for one that
        // never came.
        if present != Some(next) {
            storage.begin(next)?;
        }
        walked.place = Place { segment: next, bytes: 0 };
    }
    Ok(walked)
}

/// Reads a segment from the walk's place on, piece by piece.
fn read_on<S: Storage>(
    storage: &mut S,
    segment: &Segment,
    walked: &mut Walked,
) -> Result<(), TailError> {
    let mut whole = true;
    loop {
        let from = walked.place.bytes;
        let to = segment.bytes.min(from + AUDIT_TAIL_BYTES);
        let window = storage.read(segment.first, from, to)?;
        let mut rest = window.as_slice();
        while let Some((line, after)) = split_line(rest) {
            if chain::link(line).is_none() && line.contains(&0) {
                break;
            }
            take(line, walked)?;
            whole = serde_json::from_slice::<IgnoredAny>(line).is_ok();
            rest = after;
        }
        if to < segment.bytes && walked.place.bytes > from {
            continue;
        }
        if !whole {
            // Nothing follows the last record, so no hash tells whether it is whole.
            return Err(TailError::NotARecord { segment: segment.first, at: walked.place.bytes });
        }
        let surplus = segment.bytes - walked.place.bytes;
        let too_long = to < segment.bytes && memchr::memchr(0, rest).is_none();
        if too_long || surplus > SURPLUS_BYTES_MAX {
            return Err(TailError::NotARecord { segment: segment.first, at: walked.place.bytes });
        }
        walked.surplus = storage.read(segment.first, walked.place.bytes, segment.bytes)?;
        return Ok(());
    }
}

/// Takes a line as the next record.
fn take(line: &[u8], walked: &mut Walked) -> Result<(), TailError> {
    let Place { segment, bytes: at } = walked.place;
    let wrong = TailError::NotARecord { segment, at };
    if let Some(stub) = stub(line).filter(|_| !walked.checked) {
        // Bodies go from segments before the saved state alone: after it, a stub is forged.
        if walked.end.head.seq.checked_add(1) != Some(stub.seq) {
            return Err(TailError::Broken { seq: stub.seq });
        }
        walked.end.take(stub.leaf);
        walked.place.bytes += bytes_of(line) + 1;
        return Ok(());
    }
    let (Some(link), Some((covered, tag))) = (chain::link(line), chain::mac(line)) else {
        return Err(wrong);
    };
    let last = walked.end.head;
    if last.seq.checked_add(1) != Some(link.seq) || link.prev != last.hash {
        return Err(TailError::Broken { seq: link.seq });
    }
    if walked.checked && !walked.end.ratchet.verifies(covered, &tag) {
        return Err(TailError::Forged { seq: link.seq });
    }
    if let Some(to) = rotation(line) {
        walked.rotated = Some((link.seq, to));
    }
    walked.end.take(leaf_hash(line));
    walked.place.bytes += bytes_of(line) + 1;
    Ok(())
}

/// The key to which a record hands over, if it does.
fn rotation(line: &[u8]) -> Option<Box<str>> {
    memchr::memmem::find(line, b"\"kind\":\"key_rotation\"")?;
    #[derive(Deserialize)]
    struct Members {
        kind: String,
        new: String,
    }
    let members: Members = serde_json::from_slice(line).ok()?;
    (members.kind == "key_rotation").then(|| members.new.into())
}

fn since(segments: &[Segment], first: u64) -> SystemTime {
    let found = segments.iter().find(|segment| segment.first == first);
    found.map_or_else(SystemTime::now, |segment| segment.since)
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, after) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)?)?;
    Some((line, after.get(1..)?))
}

fn bytes_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
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
        /// Which key makes this record's MAC, where keys were passed over.
        #[serde(skip_serializing_if = "Option::is_none")]
        mac_key: Option<u64>,
        /// The keys of the MACs begin anew with this record.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        mac_restarted: bool,
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
    /// From here on another key signs the checkpoints.
    KeyRotation {
        /// The key that signed until here.
        old: String,
        /// The key that signs from here on.
        new: String,
        /// The old key's signature line over what [`super::signer::rotation_text`] says.
        signature: &'a str,
    },
    /// The key of a person was destroyed.
    Shred {
        /// Its id.
        key: &'a str,
        /// Why.
        reason: &'a str,
        /// Who asked.
        by: &'a str,
    },
    /// Bodies of records go, under a rule.
    Purge(&'a super::purge::Purge),
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

    /// The whole line at the end of a log; it is its last one then.
    pub(super) fn line(&self, end: &mut End) -> Vec<u8> {
        let body = self.body();
        let mut line = Vec::with_capacity(chain::line_bytes_max(&body));
        let members = chain::members(&body).unwrap_or_default();
        let span = chain::push_line(&mut line, end.head.seq + 1, members);
        end.seal(&mut line, span);
        line
    }
}

/// What a commit may leave behind: what waited while one was under way.
const SURPLUS_BYTES_MAX: u64 = 2 * AUDIT_QUEUE_BYTES_MAX as u64;

/// RFC 3339 in UTC with microseconds, as every record's `timestamp`.
pub(super) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}
