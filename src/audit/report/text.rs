//! A verification in words, for people.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Finding, Report, TreeHead, Witness};

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("the given head"),
            Self::Checkpoints => f.write_str("the checkpoints beside the log"),
            Self::Anchor(file) => write!(f, "the anchor `{file}`"),
            Self::Cosigned(name) => write!(f, "the checkpoints that `{name}` cosigned"),
            Self::Cosigner(name) => write!(f, "the witness `{name}`"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecord { line } => write!(f, "line {line}: not a record"),
            Self::LineTooLong { line } => write!(f, "line {line}: longer than any record"),
            Self::ChainBroken { line, seq } => write!(
                f,
                "line {line}: record {seq} does not fit the line before it; one of them was changed"
            ),
            Self::OutOfOrder { line, expected, found } => {
                write!(f, "line {line}: record {found} stands where {expected} should")
            }
            Self::SequenceGap { line, expected, found } => {
                let missing = found.saturating_sub(*expected);
                write!(f, "line {line}: {missing} records missing, {expected} to {}", found - 1)
            }
            Self::TornTail { bytes } => write!(f, "end: {bytes} bytes of an unfinished line"),
            Self::Truncated { last_seq, remembered, witness } => write!(
                f,
                "end: {witness} has known record {remembered}, but the log ends with record {last_seq}"
            ),
            Self::HeadMismatch { remembered, found, witness } => write!(
                f,
                "record {}: {witness} has hash {}, the log has {}",
                found.seq,
                remembered.hash_hex(),
                found.hash_hex()
            ),
            Self::LossRecorded { seq, remembered } => write!(
                f,
                "record {seq}: says that the log no longer held {remembered} at that start"
            ),
            Self::RootMismatch { size, agreed, witness } => write!(
                f,
                "records {} to {size}: {witness} signed others; one of these was changed",
                agreed + 1
            ),
            Self::RolledBack { from, to, witness } => {
                write!(f, "{witness}: record {from} was signed before record {to} was the last")
            }
            Self::SignatureInvalid { size, witness } => {
                write!(f, "{witness}: the checkpoint of {size} records has no right signature")
            }
            Self::NotACheckpoint { witness } => {
                write!(f, "{witness}: something else than checkpoints is in there")
            }
            Self::MacInvalid { line, seq } => {
                write!(f, "line {line}: record {seq} has a MAC that its key did not make")
            }
            Self::MacRestarted { seq } => write!(
                f,
                "record {seq}: says that the keys of the MACs begin anew, because the last was gone"
            ),
            Self::RotationInvalid { seq } => {
                write!(f, "record {seq}: names a new signing key that the old one did not sign")
            }
            Self::Unexplained { from, to, by } => write!(
                f,
                "records {from} to {to}: the bodies are gone, and record {by} does not name them as purged"
            ),
            Self::PurgeInvalid { seq } => write!(
                f,
                "record {seq}: says that records were purged, but not those that are gone"
            ),
            Self::CosignatureInvalid { size, witness } => forged(f, *size, witness),
            Self::Refused { anchor, time, size, known, reason } => {
                let known = known.map_or(String::new(), |known| format!(" (it knew {known})"));
                write!(f, "the anchor `{anchor}`, shown {size} records at {time}: {reason}{known}")
            }
            Self::AnchorMissing { witness } => write!(f, "{witness}: there is no checkpoint"),
        }
    }
}

fn forged(f: &mut fmt::Formatter<'_>, size: u64, witness: &str) -> fmt::Result {
    write!(
        f,
        "the checkpoint of {size} records has a signature in the name of `{witness}` that it did \
         not make"
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let (records, bytes) = (self.records, self.bytes);
        match (self.first_seq, self.head) {
            (Some(first), Some(head)) => {
                let last = head.seq;
                let segments = self.segments;
                writeln!(
                    f,
                    "{path}: {records} records, {first} to {last}, {segments} segments, {bytes} bytes"
                )?;
                writeln!(f, "head {head}")?;
            }
            _ => writeln!(f, "{path}: no records, {bytes} bytes")?,
        }
        if let Some(TreeHead { size, root }) = &self.tree {
            writeln!(f, "tree {size} {}", STANDARD.encode(root))?;
        }
        writeln!(
            f,
            "calls: {} begun, {} ended, {} refused, {} without a recorded end",
            self.intents,
            self.completions,
            self.refusals,
            self.open_intents.len()
        )?;
        list(f, "  open", &self.open_intents, OPEN_SHOWN_MAX)?;
        if self.completions_without_intent > 0 {
            writeln!(f, "calls whose beginning is missing: {}", self.completions_without_intent)?;
        }
        if self.gaps > 0 {
            let (gaps, refused) = (self.gaps, self.refused_in_gaps);
            writeln!(f, "times without a writable log: {gaps}, {refused} records refused")?;
        }
        if self.recoveries > 0 {
            writeln!(f, "repairs at start-up: {}", self.recoveries)?;
        }
        if self.purged > 0 {
            writeln!(f, "purged: {} records; their leaf hashes are left", self.purged)?;
        }
        list(f, "  purge", &self.purges, OPEN_SHOWN_MAX)?;
        list(f, "checked", &self.checked, usize::MAX)?;
        list(f, "NOT checked", &self.not_checked, usize::MAX)?;
        if self.findings.is_empty() {
            return writeln!(f, "result: nothing wrong was found in what was checked");
        }
        list(f, "FOUND", &self.findings, usize::MAX)?;
        let all = self.findings.len() as u64 + self.findings_unlisted;
        writeln!(f, "result: {all} findings, exit code {}", self.exit_code())
    }
}

fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    shown_max: usize,
) -> fmt::Result {
    for item in items.iter().take(shown_max) {
        writeln!(f, "{title}: {item}")?;
    }
    match items.len().checked_sub(shown_max) {
        Some(more @ 1..) => writeln!(f, "{title}: and {more} more"),
        Some(0) | None => Ok(()),
    }
}

/// Open intents in the printed report; the report itself has all.
const OPEN_SHOWN_MAX: usize = 20;
