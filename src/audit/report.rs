//! What a verification found, what it checked and what it could not check.

mod text;

pub use crate::limits::AUDIT_VERIFY_FINDINGS_MAX;
use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::chain::Head;
use super::merkle::Hash;

/// The result of a verification.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The directory or file that was read.
    pub path: PathBuf,
    /// Segments in it.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that carry a record's link.
    pub records: u64,
    /// Number of the first record.
    pub first_seq: Option<u64>,
    /// The last record: what an auditor should remember.
    pub head: Option<Head>,
    /// The tree over all records, where each of them could be read.
    pub tree: Option<TreeHead>,
    /// Checkpoints beside the log whose signature and root are right.
    pub checkpoints: u64,
    /// Those of them that say that records were acknowledged before a sync.
    pub checkpoints_written: u64,
    /// The last record that a right checkpoint covers.
    pub covered_seq: u64,
    /// Checkpoints from outside whose signature and root are right.
    pub anchored: u64,
    /// The last record that a right checkpoint from outside covers.
    pub anchored_seq: u64,
    /// Witnesses that cosigned the log, as far as their keys are known.
    pub cosigned: Vec<CosignedBy>,
    /// MACs that are right.
    pub macs: u64,
    /// Changes of the signing key, each signed by the key before.
    pub rotations: u64,
    /// What is wrong, in the order of the log.
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
    /// Records whose bodies were purged.
    pub purged: u64,
    /// What was purged under which rule, in the order of the log.
    pub purges: Vec<Purged>,
    /// Purges beyond the bound of the list.
    pub purges_unlisted: u64,
    /// What was checked.
    pub checked: Vec<String>,
    /// What could not be checked, and why.
    pub not_checked: Vec<String>,
}

/// What a witness signed of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CosignedBy {
    /// Its name.
    pub witness: String,
    /// Checkpoints that it signed, and whose root is right.
    pub checkpoints: u64,
    /// The last record that one of them covers.
    pub seq: u64,
    /// When it signed last, RFC 3339.
    pub at: String,
}

/// A tree of records and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TreeHead {
    /// Its records.
    pub size: u64,
    /// Its root.
    #[serde(serialize_with = "base64")]
    pub root: Hash,
}

fn base64<S: Serializer>(root: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(root))
}

/// A purge, as its record tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// The record that says so.
    pub seq: u64,
    /// The rule.
    pub rule: String,
    /// It reached records from before this time.
    pub before: String,
    /// Who asked.
    pub asked_by: String,
    /// How many records it names.
    pub count: u64,
    /// How many of these have no body any more.
    pub gone: u64,
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, rule, before, asked_by, count, gone } = self;
        write!(
            f,
            "record {seq}: rule `{rule}`, before {before}, asked by {asked_by}: {gone} of {count}"
        )
    }
}

/// Who remembered the end of the log at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The caller of the verification, by a head.
    Given,
    /// The checkpoints beside the log.
    Checkpoints,
    /// Checkpoints from outside, by their file.
    Anchor(String),
    /// Checkpoints beside the log that a witness cosigned, by the name of the anchor.
    Cosigned(String),
    /// A witness, by the name of its key.
    Cosigner(String),
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
        /// The last record that was known.
        remembered: u64,
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
    /// A signed root is not the one of the records found: they were changed after it was signed.
    RootMismatch {
        /// Records that the checkpoint covers.
        size: u64,
        /// The last size at which this witness agreed.
        agreed: u64,
        /// Whose checkpoint it is.
        witness: Witness,
    },
    /// A witness knew more of the log before it knew less.
    RolledBack {
        /// What it knew first.
        from: u64,
        /// What it knew then.
        to: u64,
        /// Whose checkpoints they are.
        witness: Witness,
    },
    /// A checkpoint carries no right signature of a key that is trusted for it.
    SignatureInvalid {
        /// Records that it says it covers.
        size: u64,
        /// Whose checkpoint it is.
        witness: Witness,
    },
    /// A file of checkpoints holds something else.
    NotACheckpoint {
        /// Which file.
        witness: Witness,
    },
    /// A record's MAC is not the one that its key makes.
    MacInvalid {
        /// Line, counted from 1.
        line: u64,
        /// The record's number.
        seq: u64,
    },
    /// The keys of the MACs begin anew: who was given the first key cannot check on.
    MacRestarted {
        /// The record from which on.
        seq: u64,
    },
    /// A change of the signing key that the key before did not sign.
    RotationInvalid {
        /// The record that says so.
        seq: u64,
    },
    /// Bodies are gone, and the record that should say under which rule does not name them.
    Unexplained {
        /// The first record.
        from: u64,
        /// The last one.
        to: u64,
        /// The record that they point to.
        by: u64,
    },
    /// A `purge` record that does not say what went, or says something else.
    PurgeInvalid {
        /// The record.
        seq: u64,
    },
    /// A signature in the name of a witness that it did not make.
    CosignatureInvalid {
        /// Records that the checkpoint covers.
        size: u64,
        /// The name of its key.
        witness: String,
    },
    /// A place outside said that it knows another log than this one.
    Refused {
        /// The name of the anchor.
        anchor: String,
        /// When.
        time: String,
        /// Records that it was shown.
        size: u64,
        /// Records that it knew, where it said so.
        known: Option<u64>,
        /// What it said.
        reason: String,
    },
    /// There is no checkpoint where there should be some.
    AnchorMissing {
        /// Where.
        witness: Witness,
    },
}

impl Finding {
    /// The exit code of a verification with this finding: 10 a record was changed or
    /// stands in the wrong place, 11 a signature or MAC is not right, 12 records are
    /// missing, 13 what is there contradicts what was signed or remembered, 14 there is
    /// no checkpoint to compare with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NotARecord { .. }
            | Self::LineTooLong { .. }
            | Self::ChainBroken { .. }
            | Self::OutOfOrder { .. }
            | Self::Unexplained { .. }
            | Self::PurgeInvalid { .. } => 10,
            Self::SignatureInvalid { .. }
            | Self::CosignatureInvalid { .. }
            | Self::NotACheckpoint { .. }
            | Self::MacInvalid { .. }
            | Self::MacRestarted { .. }
            | Self::RotationInvalid { .. } => 11,
            Self::SequenceGap { .. } | Self::TornTail { .. } | Self::Truncated { .. } => 12,
            Self::HeadMismatch { .. }
            | Self::LossRecorded { .. }
            | Self::RootMismatch { .. }
            | Self::RolledBack { .. }
            | Self::Refused { .. } => 13,
            Self::AnchorMissing { .. } => 14,
        }
    }
}

impl Report {
    /// 0 when nothing was found, else the lowest code of the findings: a broken
    /// chain weighs more than a gap, a gap more than a contradiction.
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
