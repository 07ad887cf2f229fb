//! Proofs that stand alone: that a record is in the log, and that the log only grew.
//!
//! A proof of a record is a JSON object with the record's line, a C2SP `tlog-proof`
//! (index, path, checkpoint) and the key that signed. Checking one needs neither the
//! log nor this gateway; only the key should come from somewhere else.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::chain;
use super::checkpoint::{self, Checkpoint, Notes};
use super::keys::read_verifiers;
use super::lines::{Step, step};
use super::merkle::{self, Frontier, Gather, Hash, leaf_hash};
use super::note::{Note, VerifierKey};
use super::segments;
use super::storage::CHECKPOINTS_FILE;
use super::stub::{leaf_of, stub};

/// Why nothing can be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No checkpoint covers the record yet.
    #[error("no checkpoint in `{path}` covers record {seq}")]
    Uncovered {
        /// Where it was looked for.
        path: PathBuf,
        /// The record.
        seq: u64,
    },
    /// The record's body is gone.
    #[error("record {seq} was purged: record {by} says under which rule")]
    Purged {
        /// The record.
        seq: u64,
        /// The `purge` record that names it.
        by: u64,
    },
    /// The log is not what was signed.
    #[error("the log does not lead to the root of its checkpoint: see `sallyport audit verify`")]
    Contradiction,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It cannot be read.
    #[error("not a proof: the JSON object that `sallyport audit prove` writes")]
    Form,
    /// The record has another number than its place in the tree.
    #[error("the record is not the one in the place that the proof names")]
    Place,
    /// The path does not lead from the record, or from the old root, to the signed root.
    #[error("the path does not lead to the root that was signed")]
    Path,
    /// None of the keys signed the checkpoint.
    #[error("the checkpoint carries no signature of the key")]
    Signature,
}

impl ProofError {
    /// As [`super::Finding::exit_code`].
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Form | Self::Place => 10,
            Self::Signature => 11,
            Self::Path => 13,
        }
    }
}

/// What a proof file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Proof {
    /// That a record is in the log.
    Inclusion {
        /// The record's line.
        record: String,
        /// Index, path and checkpoint in the form of C2SP `tlog-proof`.
        proof: String,
        /// The key that signed the checkpoint.
        key: String,
    },
    /// That a log is the continuation of what it was.
    Consistency {
        /// The older checkpoint.
        old: String,
        /// The newer checkpoint.
        new: String,
        /// The path between their roots.
        path: Vec<String>,
        /// The keys that signed them.
        keys: Vec<String>,
    },
}

/// What a proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Which log.
    pub origin: String,
    /// The record, or the size of the older tree.
    pub seq: u64,
    /// The size of the signed tree.
    pub size: u64,
    /// The record's line.
    pub record: Option<String>,
    /// Who signed.
    pub keys: Vec<VerifierKey>,
}

/// Proves that record `seq` is in the log in `dir`, under the last checkpoint of
/// `checkpoints` (the log's own, where none is given) that covers it.
///
/// # Errors
/// [`ProveError`].
pub fn prove(
    dir: &Path,
    seq: u64,
    checkpoints: Option<&Path>,
    progress: impl FnMut(u64),
) -> Result<Proof, ProveError> {
    let own = dir.join(CHECKPOINTS_FILE);
    let path = checkpoints.unwrap_or(&own);
    let covers = |size| (1..=size).contains(&seq);
    let uncovered = || ProveError::Uncovered { path: path.to_path_buf(), seq };
    let (note, checkpoint) = last(path, covers)?.ok_or_else(uncovered)?;
    let index = seq.saturating_sub(1);
    let ranges = merkle::inclusion_ranges(index, checkpoint.size).ok_or_else(uncovered)?;
    let (hashes, record) = gather(dir, ranges, &checkpoint, seq, progress)?;
    if let Some(stub) = stub(record.as_bytes()) {
        return Err(ProveError::Purged { seq, by: stub.by });
    }
    let mut proof = format!("{TLOG_PROOF}\nindex {index}\n");
    for hash in hashes {
        // Writing to a string cannot fail.
        let _ = writeln!(proof, "{}", STANDARD.encode(hash));
    }
    let _ = write!(proof, "\n{note}");
    let key = signer(dir, &note)?;
    Ok(Proof::Inclusion { record, proof, key })
}

/// Proves that the log in `dir` under its last checkpoint continues what `old`, a
/// file of checkpoints, last knew of it.
///
/// # Errors
/// [`ProveError`].
pub fn prove_growth(
    dir: &Path,
    old: &Path,
    progress: impl FnMut(u64),
) -> Result<Proof, ProveError> {
    let own = dir.join(CHECKPOINTS_FILE);
    let none = |path: &Path| ProveError::Uncovered { path: path.to_path_buf(), seq: 1 };
    let (old_note, old_head) = last(old, |size| size > 0)?.ok_or_else(|| none(old))?;
    let (new_note, new_head) = last(&own, |size| size > 0)?.ok_or_else(|| none(&own))?;
    let ranges = merkle::consistency_ranges(old_head.size, new_head.size);
    let ranges = ranges.ok_or(ProveError::Contradiction)?;
    let (hashes, _) = gather(dir, ranges, &new_head, new_head.size, progress)?;
    let path = hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
    let mut keys = vec![signer(dir, &old_note)?, signer(dir, &new_note)?];
    keys.dedup();
    Ok(Proof::Consistency { old: old_note, new: new_note, path, keys })
}

/// The last checkpoint of a file whose size is wanted.
fn last(
    path: &Path,
    wanted: impl Fn(u64) -> bool,
) -> Result<Option<(String, Checkpoint)>, ProveError> {
    let failed = |source| ProveError::Io { path: path.to_path_buf(), source };
    let mut notes = Notes::new(BufReader::new(File::open(path).map_err(failed)?));
    let mut found = None;
    loop {
        let note = match notes.step().map_err(failed)? {
            checkpoint::Step::Note(note) => note,
            checkpoint::Step::NoNote => continue,
            checkpoint::Step::Torn | checkpoint::Step::End => return Ok(found),
        };
        let head = Note::parse(&note).ok().and_then(|note| note.text.parse::<Checkpoint>().ok());
        if let Some(head) = head.filter(|head| wanted(head.size)) {
            found = Some((note, head));
        }
    }
}

/// The roots of `ranges`, and the line of record `seq`, of the log under a checkpoint.
fn gather(
    dir: &Path,
    ranges: Vec<Range<u64>>,
    checkpoint: &Checkpoint,
    seq: u64,
    mut progress: impl FnMut(u64),
) -> Result<(Vec<Hash>, String), ProveError> {
    let failed = |path: &Path, source| ProveError::Io { path: path.to_path_buf(), source };
    let mut gather = Gather::new(ranges);
    let mut tree = Frontier::default();
    let mut record = None;
    let (mut line, mut read) = (Vec::new(), 0);
    'files: for path in segments::files(dir).map_err(|source| failed(dir, source))? {
        let file = File::open(&path).map_err(|source| failed(&path, source))?;
        let mut reader = BufReader::with_capacity(READ_BYTES, file);
        loop {
            if tree.size() == checkpoint.size {
                break 'files;
            }
            match step(&mut reader, &mut line, &mut read).map_err(|e| failed(&path, e))? {
                Step::Line => {}
                Step::End => break,
                Step::TooLong | Step::Torn { .. } => return Err(ProveError::Contradiction),
            }
            let leaf = leaf_of(&line);
            gather.push(leaf);
            tree.push(leaf);
            if tree.size() == seq {
                record = String::from_utf8(line.clone()).ok();
            }
            if tree.size() % PROGRESS_RECORDS == 0 {
                progress(read);
            }
        }
    }
    let whole = tree.size() == checkpoint.size && tree.root() == checkpoint.root;
    let gathered = gather.finish().filter(|_| whole).ok_or(ProveError::Contradiction)?;
    Ok((gathered, record.ok_or(ProveError::Contradiction)?))
}

/// The key beside the log that signed a note; none is a contradiction.
fn signer(dir: &Path, note: &str) -> Result<String, ProveError> {
    let failed = |source| ProveError::Io { path: dir.to_path_buf(), source };
    let keys = read_verifiers(dir).map_err(failed)?;
    let note = Note::parse(note).map_err(|_| ProveError::Contradiction)?;
    let key = keys.iter().find(|key| note.is_signed_by(key)).ok_or(ProveError::Contradiction)?;
    Ok(key.to_string())
}

/// Checks a proof. The keys in it are trusted only where `keys` is empty.
///
/// # Errors
/// [`ProofError`]: it proves nothing.
pub fn check_proof(text: &str, keys: &[VerifierKey]) -> Result<Proven, ProofError> {
    let proof: Proof = serde_json::from_str(text).map_err(|_| ProofError::Form)?;
    match proof {
        Proof::Inclusion { record, proof, key } => {
            let keys = trusted(keys, &[key])?;
            inclusion(record, &proof, &keys)
        }
        Proof::Consistency { old, new, path, keys: named } => {
            let keys = trusted(keys, &named)?;
            let path = path.iter().map(|hash| hash_of(hash)).collect::<Option<Vec<_>>>();
            consistency(&old, &new, &path.ok_or(ProofError::Form)?, &keys)
        }
    }
}

fn trusted(given: &[VerifierKey], named: &[String]) -> Result<Vec<VerifierKey>, ProofError> {
    if given.is_empty() {
        let named = named.iter().map(|key| key.parse().map_err(|_| ProofError::Form));
        return named.collect();
    }
    Ok(given.to_vec())
}

fn inclusion(record: String, proof: &str, keys: &[VerifierKey]) -> Result<Proven, ProofError> {
    let rest = proof.strip_prefix(TLOG_PROOF).and_then(|rest| rest.strip_prefix("\nindex "));
    let (head, note) = rest.and_then(|rest| rest.split_once("\n\n")).ok_or(ProofError::Form)?;
    let mut lines = head.split('\n');
    let index = lines.next().and_then(checkpoint::decimal).ok_or(ProofError::Form)?;
    let path = lines.map(hash_of).collect::<Option<Vec<_>>>().ok_or(ProofError::Form)?;
    let (checkpoint, signed_by) = opened(note, keys)?;
    let seq = chain::link(record.as_bytes()).ok_or(ProofError::Form)?.seq;
    if index.checked_add(1) != Some(seq) {
        return Err(ProofError::Place);
    }
    let leaf = leaf_hash(record.as_bytes());
    if !merkle::includes(index, checkpoint.size, &leaf, &path, &checkpoint.root) {
        return Err(ProofError::Path);
    }
    let Checkpoint { origin, size, .. } = checkpoint;
    Ok(Proven { origin, seq, size, record: Some(record), keys: vec![signed_by] })
}

fn consistency(
    old: &str,
    new: &str,
    path: &[Hash],
    keys: &[VerifierKey],
) -> Result<Proven, ProofError> {
    let (old, old_key) = opened(old, keys)?;
    let (new, new_key) = opened(new, keys)?;
    let grown = merkle::consistent((old.size, &old.root), (new.size, &new.root), path);
    if !grown || old.origin != new.origin {
        return Err(ProofError::Path);
    }
    let mut keys = vec![old_key, new_key];
    keys.dedup();
    Ok(Proven { origin: new.origin, seq: old.size, size: new.size, record: None, keys })
}

/// A checkpoint, and which of the keys signed it.
fn opened(note: &str, keys: &[VerifierKey]) -> Result<(Checkpoint, VerifierKey), ProofError> {
    let note = Note::parse(note).map_err(|_| ProofError::Form)?;
    let checkpoint: Checkpoint = note.text.parse().map_err(|_| ProofError::Form)?;
    let own = keys.iter().filter(|key| key.name() == checkpoint.origin);
    let key = own.into_iter().find(|key| note.is_signed_by(key)).ok_or(ProofError::Signature)?;
    Ok((checkpoint, key.clone()))
}

fn hash_of(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// The first line of a C2SP `tlog-proof`.
const TLOG_PROOF: &str = "c2sp.org/tlog-proof@v1";
const READ_BYTES: usize = 256 * 1024;
const PROGRESS_RECORDS: u64 = 8192;
