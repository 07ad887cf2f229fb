//! Bundles: a range of a log with all that shows that it is the log's, for one who has not the log.
//!
//! A folder with the range's lines, proofs that the first and the last of them are in the signed
//! tree, a proof that the checkpoint of the range and the log's last one are of one log, all
//! checkpoints and public keys, and the SHA-256 of each file. Each line names the leaf hash of the
//! one before it, so that the last record's proof holds for all of them.

mod cosigned;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::chain;
use super::checkpoint::{self, Checkpoint, Notes};
use super::lines::{Step, step};
use super::merkle::Hash;
use super::note::{Note, VerifierKey};
use super::proof::{ProofError, ProveError, Proven, check_proof, prove, prove_growth};
use super::segments;
use super::storage::CHECKPOINTS_FILE;
use super::stub::{leaf_of, stub};
use super::subjects::Sealer;
use crate::limits::AUDIT_BUNDLE_FILE_BYTES_MAX;
use crate::vkey::WitnessKey;
pub use cosigned::Cosigner;
use cosigned::{COSIGNED, WITNESSES};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The range is empty, or no checkpoint covers it.
    #[error("no checkpoint covers records {from} to {to}")]
    Uncovered {
        /// The first record.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// Nothing can be proven of the log.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

/// Why a bundle shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A file cannot be read.
    #[error("`{0}` cannot be read: {1}")]
    Io(String, io::Error),
    /// A file is not what was put into the bundle.
    #[error("`{0}` is not what the bundle was made with")]
    Changed(String),
    /// A line is no record, or not in its place.
    #[error("record {0} was changed, or stands in the wrong place")]
    Record(u64),
    /// A file or a record is not there.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A proof in it shows nothing.
    #[error("`{0}`: {1}")]
    Proof(&'static str, ProofError),
    /// The proofs are of other records or another log.
    #[error("`{0}` is not about this range")]
    Other(&'static str),
    /// There is no checkpoint in it.
    #[error("there is no checkpoint in the bundle")]
    NoCheckpoint,
    /// A signature in the name of a witness that it did not make.
    #[error("a checkpoint has a signature in the name of `{0}` that it did not make")]
    Cosignature(String),
    /// A witness signed another root for a size than the log did.
    #[error("the witness `{0}` signed other records than these")]
    Contradicted(String),
    /// A witness that was named signed nothing in it.
    #[error("the witness `{0}` signed no checkpoint of the bundle")]
    NotCosigned(String),
}

impl Manifest {
    /// Whether names are open in it that the log seals.
    #[must_use]
    pub fn has_opened(&self) -> bool {
        self.files.contains_key(OPENED)
    }
}

impl CheckError {
    /// As [`super::Finding::exit_code`].
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Io(..) => 1,
            Self::Changed(_) | Self::Record(_) => 10,
            Self::Missing(_) => 12,
            Self::Proof(_, error) => error.exit_code(),
            Self::Cosignature(_) => 11,
            Self::Other(_) | Self::Contradicted(_) => 13,
            Self::NoCheckpoint | Self::NotCosigned(_) => 14,
        }
    }
}

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the bundle's form: 1.
    v: u32,
    /// Which log.
    pub origin: String,
    /// The first record.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// SHA-256 of each file, in hex.
    files: BTreeMap<String, String>,
}

/// What a bundle shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it holds.
    pub manifest: Manifest,
    /// Records of the log under the checkpoint of the proofs.
    pub size: u64,
    /// Who signed that.
    pub keys: Vec<VerifierKey>,
    /// Checkpoints in the bundle that one of the keys signed.
    pub signed: u64,
    /// Those that none of them signed.
    pub unsigned: u64,
    /// Witnesses that signed some of them too.
    pub cosigners: Vec<Cosigner>,
}

/// Writes the records `from` to `to` of the log in `dir` to the new folder `out`; without `to`,
/// those that the last checkpoint covers. With keys, what they open goes beside the records, which
/// stay as they are.
///
/// # Errors
/// [`BundleError`]; what was written until then is left.
pub fn bundle(
    dir: &Path,
    from: u64,
    to: Option<u64>,
    out: &Path,
    opened: Option<&Sealer>,
    mut progress: impl FnMut(u64),
) -> Result<Manifest, BundleError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| BundleError::Io { path, source }
    };
    let own = dir.join(CHECKPOINTS_FILE);
    let notes = notes(&own).map_err(failed(&own))?;
    let last = notes.iter().map(|(_, head)| head.size).max().unwrap_or(0);
    let to = to.unwrap_or(last);
    let uncovered = || BundleError::Uncovered { from, to };
    if from == 0 || from > to {
        return Err(uncovered());
    }
    let (note, head) = notes.iter().find(|(_, head)| head.size >= to).ok_or_else(uncovered)?;

    fs::DirBuilder::new().mode(0o700).create(out).map_err(failed(out))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        create(&path).and_then(|mut file| file.write_all(bytes)).map_err(failed(&path))
    };
    let json = |proof: &super::Proof| serde_json::to_vec(proof).map_err(io::Error::other);
    put(CHECKPOINT, note.as_bytes())?;
    put(
        GROWTH,
        &json(&prove_growth(dir, &out.join(CHECKPOINT), &mut progress)?).map_err(failed(out))?,
    )?;
    put(FIRST, &json(&prove(dir, from, None, &mut progress)?).map_err(failed(out))?)?;
    put(LAST, &json(&prove(dir, to, None, &mut progress)?).map_err(failed(out))?)?;
    for name in [CHECKPOINTS_FILE, KEYS] {
        let bytes = fs::read(dir.join(name)).map_err(failed(&dir.join(name)))?;
        put(name, &bytes)?;
    }
    copy_records(dir, from, to, &out.join(RECORDS), progress)?;
    if let Some(sealer) = opened {
        open_records(sealer, &out.join(RECORDS), &out.join(OPENED)).map_err(failed(out))?;
    }
    put(README, readme(&head.origin, from, to).as_bytes())?;
    let more = cosigned::collect(dir).map_err(failed(dir))?;
    for (name, text) in &more {
        put(name, text.as_bytes())?;
    }
    let more = more.iter().map(|(name, _)| name).chain(opened.is_some().then_some(&OPENED));
    let files = FILES.iter().chain(more).map(|name| {
        let path = out.join(name);
        Ok(((*name).to_owned(), sha256(&path).map_err(failed(&path))?))
    });
    let files = files.collect::<Result<_, BundleError>>()?;
    let manifest = Manifest { v: 1, origin: head.origin.clone(), from, to, files };
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other);
    put(MANIFEST, &bytes.map_err(failed(out))?)?;
    Ok(manifest)
}

/// Checks a bundle. The keys in it are trusted only where `keys` is empty, those of witnesses only
/// where `witnesses` is.
///
/// # Errors
/// [`CheckError`]: it does not show what it says.
pub fn check_bundle(
    folder: &Path,
    keys: &[VerifierKey],
    witnesses: &[WitnessKey],
    progress: impl FnMut(u64),
) -> Result<Checked, CheckError> {
    let text = read(folder, MANIFEST)?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|_| CheckError::Changed(MANIFEST.to_owned()))?;
    let more = [OPENED, COSIGNED, WITNESSES];
    let more = more
        .iter()
        .filter(|name| manifest.files.contains_key(**name) || folder.join(name).exists());
    for name in FILES.iter().chain(more) {
        let found = sha256(&folder.join(name)).map_err(|error| cannot(name, error))?;
        if manifest.files.get(*name) != Some(&found) {
            return Err(CheckError::Changed((*name).to_owned()));
        }
    }
    let proven = |name: &'static str| -> Result<Proven, CheckError> {
        let proven = check_proof(&read(folder, name)?, keys);
        let proven = proven.map_err(|error| CheckError::Proof(name, error))?;
        if proven.origin == manifest.origin { Ok(proven) } else { Err(CheckError::Other(name)) }
    };
    let (first, last, growth) = (proven(FIRST)?, proven(LAST)?, proven(GROWTH)?);
    if first.seq != manifest.from || first.record.is_none() {
        return Err(CheckError::Other(FIRST));
    }
    if last.seq != manifest.to || last.record.is_none() {
        return Err(CheckError::Other(LAST));
    }
    if growth.record.is_some() || growth.seq < manifest.to || growth.size != last.size {
        return Err(CheckError::Other(GROWTH));
    }
    check_records(folder, &manifest, (&first, &last), progress)?;
    let known = if keys.is_empty() { last.keys.as_slice() } else { keys };
    let (mut signed, mut unsigned) = (0, 0);
    let path = folder.join(CHECKPOINTS_FILE);
    for (note, _) in notes(&path).map_err(|error| cannot(CHECKPOINTS_FILE, error))? {
        let by = |note: &Note<'_>| known.iter().any(|key| note.is_signed_by(key));
        let is_signed = Note::parse(&note).is_ok_and(|note| by(&note));
        *if is_signed { &mut signed } else { &mut unsigned } += 1;
    }
    if signed + unsigned == 0 {
        return Err(CheckError::NoCheckpoint);
    }
    let cosigners = cosigned::check(folder, known, witnesses)?;
    let (size, keys) = (last.size, last.keys);
    Ok(Checked { manifest, size, keys, signed, unsigned, cosigners })
}

/// The lines follow each other from the first record to the last, which are those of the proofs.
fn check_records(
    folder: &Path,
    manifest: &Manifest,
    (first, last): (&Proven, &Proven),
    mut progress: impl FnMut(u64),
) -> Result<(), CheckError> {
    let file = File::open(folder.join(RECORDS)).map_err(|error| cannot(RECORDS, error))?;
    let mut reader = BufReader::with_capacity(READ_BYTES, file);
    let (mut line, mut bytes, mut wanted) = (Vec::new(), 0, manifest.from);
    let mut before: Option<Hash> = None;
    loop {
        match step(&mut reader, &mut line, &mut bytes).map_err(|error| cannot(RECORDS, error))? {
            Step::Line => {}
            Step::End if wanted.checked_sub(1) == Some(manifest.to) => return Ok(()),
            Step::End => return Err(CheckError::Missing(format!("record {wanted}"))),
            Step::TooLong | Step::Torn { .. } => return Err(CheckError::Record(wanted)),
        }
        // Of a purged record only its leaf is left, to which the next record leads back.
        let (seq, prev) = match (chain::link(&line), stub(&line)) {
            (Some(link), _) => (link.seq, Some(link.prev)),
            (None, Some(stub)) => (stub.seq, None),
            (None, None) => return Err(CheckError::Record(wanted)),
        };
        if seq > wanted {
            return Err(CheckError::Missing(format!("record {wanted}")));
        }
        let leads_back = before.zip(prev).is_none_or(|(before, prev)| before == prev);
        let follows = leads_back
            && (wanted != manifest.from || is(first, &line))
            && (wanted != manifest.to || is(last, &line));
        if seq != wanted || wanted > manifest.to || !follows {
            return Err(CheckError::Record(wanted));
        }
        before = Some(leaf_of(&line));
        wanted = wanted.saturating_add(1);
        progress(bytes);
    }
}

/// Whether a line is the record of a proof.
fn is(proven: &Proven, line: &[u8]) -> bool {
    proven.record.as_deref().is_some_and(|record| record.as_bytes() == line)
}

fn copy_records(
    dir: &Path,
    from: u64,
    to: u64,
    out: &Path,
    mut progress: impl FnMut(u64),
) -> Result<(), BundleError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| BundleError::Io { path, source }
    };
    let mut written = BufWriter::new(create(out).map_err(failed(out))?);
    let (mut line, mut bytes) = (Vec::new(), 0);
    for path in segments::files(dir).map_err(failed(dir))? {
        let file = File::open(&path).map_err(failed(&path))?;
        let mut reader = BufReader::with_capacity(READ_BYTES, file);
        while step(&mut reader, &mut line, &mut bytes).map_err(failed(&path))? == Step::Line {
            let purged = || stub(&line).map_or(0, |stub| stub.seq);
            let seq = chain::link(&line).map_or_else(purged, |link| link.seq);
            if (from..=to).contains(&seq) {
                line.push(b'\n');
                written.write_all(&line).map_err(failed(out))?;
            }
            if seq > to {
                break;
            }
            progress(bytes);
        }
    }
    written.flush().map_err(failed(out))
}

fn open_records(sealer: &Sealer, records: &Path, out: &Path) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(READ_BYTES, File::open(records)?);
    let mut written = BufWriter::new(create(out)?);
    let (mut line, mut bytes) = (Vec::new(), 0);
    while step(&mut reader, &mut line, &mut bytes)? == Step::Line {
        written.write_all(&sealer.open(&line))?;
        written.write_all(b"\n")?;
    }
    written.flush()
}

/// The checkpoints of a file, as they stand and as they are read.
fn notes(path: &Path) -> io::Result<Vec<(String, Checkpoint)>> {
    let fits = fs::metadata(path)?.len() <= AUDIT_BUNDLE_FILE_BYTES_MAX;
    if !fits {
        return Err(io::Error::other("larger than the checkpoints of a bundle"));
    }
    let mut notes = Notes::new(BufReader::new(File::open(path)?));
    let mut found = Vec::new();
    loop {
        let note = match notes.step()? {
            checkpoint::Step::Note(note) => note,
            checkpoint::Step::NoNote => continue,
            checkpoint::Step::Torn | checkpoint::Step::End => return Ok(found),
        };
        let head = Note::parse(&note).ok().and_then(|note| note.text.parse::<Checkpoint>().ok());
        found.extend(head.filter(|head| head.size > 0).map(|head| (note, head)));
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn cannot(name: &str, error: io::Error) -> CheckError {
    match error.kind() {
        io::ErrorKind::NotFound => CheckError::Missing(name.to_owned()),
        _ => CheckError::Io(name.to_owned(), error),
    }
}

fn read(folder: &Path, name: &str) -> Result<String, CheckError> {
    let file = File::open(folder.join(name)).map_err(|error| cannot(name, error))?;
    let mut text = String::new();
    let mut file = file.take(AUDIT_BUNDLE_FILE_BYTES_MAX);
    file.read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => CheckError::Changed(name.to_owned()),
        _ => cannot(name, error),
    })?;
    Ok(text)
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut reader = BufReader::with_capacity(READ_BYTES, File::open(path)?);
    let mut sum = Context::new(&SHA256);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(crate::hex::hex(sum.finish().as_ref()));
        }
        sum.update(chunk);
        let read = chunk.len();
        reader.consume(read);
    }
}

fn readme(origin: &str, from: u64, to: u64) -> String {
    format!(
        "Records {from} to {to} of the audit trail `{origin}`.\n\n\
         {RECORDS}     the records, one JSON object a line, byte for byte as they are in the log\n\
         {FIRST}, {LAST}  proofs that the first and the last of them are in the signed tree; each\n\
         \u{20}                 record names the SHA-256 of the one before it, so the last one's holds for all\n\
         {CHECKPOINT}        the first signed checkpoint that covers the range\n\
         {GROWTH}       a proof that the log's last checkpoint continues that one\n\
         {CHECKPOINTS_FILE}       all checkpoints of the log\n\
         {KEYS}      the public keys that came with the log\n\
         {COSIGNED}, {WITNESSES}  where there are some: checkpoints that witnesses signed, and their keys\n\
         {MANIFEST}     SHA-256 of each file: finds damage, proves nothing\n\
         {OPENED}      where it is there: the records with names that were sealed; the word of\n\
         \u{20}                 whoever made the bundle, no proof holds for it\n\n\
         To verify, with the public key of the log from somebody you trust, not from here:\n\n\
         \u{20}   sallyport audit check-bundle FOLDER --key KEY\n\n\
         With the key of a witness as well, it says what that saw and when: --witness KEY.\n\n\
         Single proofs, and a checkpoint that you kept from elsewhere:\n\n\
         \u{20}   sallyport audit check-proof {FIRST} --key KEY\n\
         \u{20}   sallyport audit check-proof {GROWTH} --key KEY\n\n\
         To verify the log itself, which also compares it with checkpoints that left the machine:\n\n\
         \u{20}   sallyport audit verify DIRECTORY --key KEY --anchor FILE\n\n\
         Exit codes: 0 verified, 10 changed, 11 signature, 12 something is missing, 13 contradiction,\n\
         14 no checkpoint. It does not show that nothing was recorded before or after the range.\n"
    )
}

const MANIFEST: &str = "manifest.json";
const RECORDS: &str = "records.jsonl";
/// What was sealed in the records, opened.
const OPENED: &str = "opened.jsonl";
const FIRST: &str = "first.json";
const LAST: &str = "last.json";
const GROWTH: &str = "growth.json";
const CHECKPOINT: &str = "checkpoint";
const KEYS: &str = "verifier.pub";
const README: &str = "README.txt";
/// All files but the manifest.
const FILES: &[&str] = &[RECORDS, FIRST, LAST, GROWTH, CHECKPOINT, CHECKPOINTS_FILE, KEYS, README];
const READ_BYTES: usize = 256 * 1024;
