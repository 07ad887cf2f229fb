//! Whose cosignatures stand under the checkpoints, and what places outside said of the log.

use std::io;
use std::path::{Path, PathBuf};

use crate::audit::anchored::{AnchorFiles, Refusal, time_of};
use crate::audit::note::{Cosigned, Note, VerifierKey};
use crate::audit::report::{CosignedBy, Finding, Report, Witness};
use crate::vkey::WitnessKey;

/// The keys of witnesses, and what was found of each.
#[derive(Default)]
pub(super) struct Witnesses {
    known: Vec<Known>,
    refusals: Vec<(String, Refusal)>,
    /// Signatures of keys that nobody named.
    unknown: u64,
}

/// Checkpoints that a witness signed: the name of the anchor, and their file.
pub(super) type Signed = (String, PathBuf);

struct Known {
    key: WitnessKey,
    /// The auditor brought the key along.
    given: bool,
    right: u64,
    seq: u64,
    at: u64,
}

impl Witnesses {
    /// With the keys that the auditor has, those beside the log in `beside`, and what is kept there.
    /// Also says where checkpoints are that witnesses signed.
    pub(super) fn open(
        beside: Option<&Path>,
        given: &[WitnessKey],
    ) -> Result<(Self, Vec<Signed>), (PathBuf, io::Error)> {
        let mut found = Self::default();
        given.iter().for_each(|key| found.add(key, true));
        let mut cosigned = Vec::new();
        let Some(dir) = beside else { return Ok((found, cosigned)) };
        let failed = |source| (dir.to_path_buf(), source);
        for files in AnchorFiles::all(dir).map_err(failed)? {
            files.keys().map_err(failed)?.iter().for_each(|key| found.add(key, false));
            let refusal = files.refusal().map_err(failed)?;
            found.refusals.extend(refusal.map(|refusal| (files.name().to_owned(), refusal)));
            let path = files.cosigned();
            if path.exists() {
                cosigned.push((files.name().to_owned(), path));
            }
        }
        Ok((found, cosigned))
    }

    fn add(&mut self, key: &WitnessKey, given: bool) {
        if !self.known.iter().any(|known| known.key == *key) {
            self.known.push(Known { key: key.clone(), given, right: 0, seq: 0, at: 0 });
        }
    }

    /// Looks at the signatures under a checkpoint of `size` that the log's key signed; they count
    /// where its root is the log's.
    pub(super) fn look<'k>(
        &mut self,
        note: &Note<'_>,
        signers: impl Iterator<Item = &'k VerifierKey>,
        (size, agrees): (u64, bool),
        report: &mut Report,
    ) {
        let mut others = note.signatures();
        for signer in signers {
            others = others.saturating_sub(note.signatures_of(signer.name(), signer.id()));
        }
        for known in &mut self.known {
            others = others.saturating_sub(note.signatures_of(known.key.name(), known.key.id()));
            match note.cosigned_by(&known.key) {
                Cosigned::Not => {}
                Cosigned::Wrongly => {
                    let witness = known.key.name().to_owned();
                    report.found(Finding::CosignatureInvalid { size, witness });
                }
                Cosigned::At(at) if agrees => {
                    known.right += 1;
                    known.seq = known.seq.max(size);
                    known.at = known.at.max(at);
                }
                Cosigned::At(_) => {}
            }
        }
        self.unknown += others as u64;
    }

    /// Whether a witness whose key the auditor brought along vouches for a part of the log.
    pub(super) fn vouched(&self) -> bool {
        self.known.iter().any(|known| known.given && known.right > 0)
    }

    pub(super) fn finish(&self, report: &mut Report) {
        for (anchor, refusal) in &self.refusals {
            let Refusal { time, size, known, reason } = refusal.clone();
            let anchor = anchor.clone();
            report.found(Finding::Refused { anchor, time, size, known, reason });
        }
        for known in &self.known {
            let witness = known.key.name().to_owned();
            if known.given && known.right == 0 {
                let witness = Witness::Cosigner(witness);
                report.found(Finding::AnchorMissing { witness });
            } else if known.right > 0 {
                let (checkpoints, seq, at) = (known.right, known.seq, time_of(known.at));
                report.cosigned.push(CosignedBy { witness, checkpoints, seq, at });
            }
        }
    }

    /// What was checked, and what could not be.
    pub(super) fn state(&self, checked: &mut Vec<String>, not_checked: &mut Vec<String>) {
        for known in self.known.iter().filter(|known| known.right > 0) {
            let (name, right, seq, at) =
                (known.key.name(), known.right, known.seq, time_of(known.at));
            checked.push(format!(
                "{right} cosignatures of the witness `{name}`: it saw records 1 to {seq} as they \
                 are, the last time at {at}"
            ));
            if !known.given {
                not_checked.push(format!(
                    "whether the key of the witness `{name}` beside the log is its own: that takes \
                     one from its operator (--witness NAME+HASH+KEY)"
                ));
            }
            not_checked.push(format!(
                "whether the witness `{name}` saw more than record {seq} since: that takes a copy \
                 of what it signed from elsewhere (--anchor FILE), or the gateway, which asks it \
                 at each start"
            ));
        }
        if self.unknown > 0 {
            let unknown = self.unknown;
            not_checked.push(format!(
                "{unknown} signatures under checkpoints of keys that are not known here (--witness)"
            ));
        }
    }
}
