//! What a verification found, what it checked and what it could not check.

pub use crate::limits::AUDIT_VERIFY_FINDINGS_MAX;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::chain::Head;

/// The result of a verification.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The file that was read.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Lines that carry a record's link.
    pub records: u64,
    /// Number of the first record.
    pub first_seq: Option<u64>,
    /// The last record: what an auditor should remember.
    pub head: Option<Head>,
    /// What is wrong, in the order of the file.
    pub findings: Vec<Finding>,
    /// Findings beyond the bound of the list.
    pub findings_unlisted: u64,
    /// Calls whose record was written before they were forwarded.
    pub intents: u64,
    /// Calls whose end was recorded.
    pub completions: u64,
    /// Calls that were refused, one record each.
    pub refusals: u64,
    /// Request ids of calls without a recorded end, oldest first: their outcome
    /// is unknown, never success. Still running, or cut off by a crash.
    pub open_intents: Vec<String>,
    /// Ends of calls whose beginning is not in this file.
    pub completions_without_intent: u64,
    /// Records about times when the log could not be written.
    pub gaps: u64,
    /// Calls refused in those times.
    pub refused_in_gaps: u64,
    /// Records about repairs at start-up.
    pub recoveries: u64,
    /// What was checked.
    pub checked: Vec<String>,
    /// What could not be checked, and why.
    pub not_checked: Vec<String>,
}

/// Who remembered a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The caller of the verification.
    Given,
    /// The file beside the log.
    HeadFile,
}

/// Something that an untouched log does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// The line is not a record.
    NotARecord {
        /// Line, counted from 1.
        line: u64,
    },
    /// The line is longer than any record.
    LineTooLong {
        /// Line, counted from 1.
        line: u64,
    },
    /// The record does not state the hash of the line before it: one of them was changed.
    ChainBroken {
        /// Line, counted from 1.
        line: u64,
        /// The record's number.
        seq: u64,
    },
    /// The record comes too late or twice.
    OutOfOrder {
        /// Line, counted from 1.
        line: u64,
        /// The number that should stand here.
        expected: u64,
        /// The number that stands here.
        found: u64,
    },
    /// Records are missing before this one.
    SequenceGap {
        /// Line, counted from 1.
        line: u64,
        /// The number that should stand here.
        expected: u64,
        /// The number that stands here.
        found: u64,
    },
    /// The file ends in a line without an end.
    TornTail {
        /// Its length.
        bytes: u64,
    },
    /// The log is older than a remembered head: its end was cut off, or it was rolled back.
    Truncated {
        /// Number of the last record found.
        last_seq: u64,
        /// What was remembered.
        remembered: Head,
        /// By whom.
        witness: Witness,
    },
    /// A remembered record is not the one in the log: the log was rewritten.
    HeadMismatch {
        /// What was remembered.
        remembered: Head,
        /// What the log has under this number.
        found: Head,
        /// By whom it was remembered.
        witness: Witness,
    },
    /// A gateway that was started found that a record which it knew was gone, and said so.
    LossRecorded {
        /// The record that says so.
        seq: u64,
        /// What was known.
        remembered: String,
    },
    /// The file beside the log that should hold a head holds something else.
    HeadFileUnreadable,
}

impl Finding {
    /// The exit code of a verification with this finding: 10 a broken chain,
    /// 11 (reserved) an invalid signature, 12 a gap or truncation, 13 a
    /// contradiction with a remembered head.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NotARecord { .. }
            | Self::LineTooLong { .. }
            | Self::ChainBroken { .. }
            | Self::OutOfOrder { .. } => 10,
            Self::SequenceGap { .. } | Self::TornTail { .. } | Self::Truncated { .. } => 12,
            Self::HeadMismatch { .. } | Self::LossRecorded { .. } | Self::HeadFileUnreadable => 13,
        }
    }
}

impl Report {
    /// 0 when nothing was found, else the lowest code of the findings: a broken
    /// chain weighs more than a gap, a gap more than a contradicted head.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.findings.iter().map(Finding::exit_code).min().unwrap_or(0)
    }

    /// Adds a finding, within the bound of the list.
    pub(super) fn found(&mut self, finding: Finding) {
        if self.findings.len() < AUDIT_VERIFY_FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_unlisted += 1;
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "the given head",
            Self::HeadFile => "the head file beside the log",
        })
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
            Self::TornTail { bytes } => {
                write!(f, "end: {bytes} bytes of a line that was not finished")
            }
            Self::Truncated { last_seq, remembered, witness } => write!(
                f,
                "end: {witness} knows record {}, but the log ends with record {last_seq}",
                remembered.seq
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
            Self::HeadFileUnreadable => write!(f, "the head file beside the log holds no head"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let (records, bytes) = (self.records, self.bytes);
        match (self.first_seq, self.head) {
            (Some(first), Some(head)) => {
                let last = head.seq;
                writeln!(f, "{path}: {records} records, {first} to {last}, {bytes} bytes")?;
                writeln!(f, "head {head}")?;
            }
            _ => writeln!(f, "{path}: no records, {bytes} bytes")?,
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
