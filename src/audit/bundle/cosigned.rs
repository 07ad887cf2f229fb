//! What witnesses signed, within a bundle.

use std::fs;
use std::io;
use std::path::Path;

use super::{CheckError, cannot, notes, read};
use crate::audit::anchored::{AnchorFiles, time_of};
use crate::audit::note::{Cosigned, Note, VerifierKey};
use crate::audit::storage::CHECKPOINTS_FILE;
use crate::limits::AUDIT_BUNDLE_FILE_BYTES_MAX;
use crate::vkey::WitnessKey;

/// What a witness signed of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    /// Its key.
    pub key: WitnessKey,
    /// Checkpoints that it signed.
    pub checkpoints: u64,
    /// Records of the largest of them.
    pub size: u64,
    /// When it signed last, RFC 3339.
    pub at: String,
}

/// The files of a bundle about witnesses of the log in `dir`; none where there are none.
pub(super) fn collect(dir: &Path) -> io::Result<Vec<(&'static str, String)>> {
    let (mut cosigned, mut keys) = (String::new(), String::new());
    for files in AnchorFiles::all(dir)? {
        let path = files.cosigned();
        if !path.exists() {
            continue;
        }
        if fs::metadata(&path)?.len() > AUDIT_BUNDLE_FILE_BYTES_MAX {
            return Err(io::Error::other("larger than the checkpoints of a bundle"));
        }
        cosigned.push_str(&fs::read_to_string(path)?);
        files.keys()?.iter().for_each(|key| keys.push_str(&format!("{key}\n")));
    }
    Ok(if cosigned.is_empty() { Vec::new() } else { vec![(COSIGNED, cosigned), (WITNESSES, keys)] })
}

/// Who signed what, of the checkpoints that a key of the log signed.
pub(super) fn check(
    folder: &Path,
    signers: &[VerifierKey],
    given: &[WitnessKey],
) -> Result<Vec<Cosigner>, CheckError> {
    let mut witnesses = given.to_vec();
    let there = folder.join(COSIGNED).exists();
    if there && witnesses.is_empty() {
        let keys = read(folder, WITNESSES)?;
        witnesses = keys.lines().filter_map(|line| line.parse().ok()).collect();
    }
    let all = |name: &str| notes(&folder.join(name)).map_err(|error| cannot(name, error));
    let (cosigned, own) =
        if there { (all(COSIGNED)?, all(CHECKPOINTS_FILE)?) } else { Default::default() };
    let new = |key| (Cosigner { key, checkpoints: 0, size: 0, at: String::new() }, 0);
    let mut found: Vec<(Cosigner, u64)> = witnesses.into_iter().map(new).collect();
    for (text, head) in &cosigned {
        let Ok(note) = Note::parse(text) else { continue };
        if !signers.iter().any(|key| note.is_signed_by(key)) {
            continue;
        }
        let other = own.iter().any(|(_, o)| o.size == head.size && o.root != head.root);
        for (cosigner, last) in &mut found {
            let name = || cosigner.key.name().to_owned();
            match note.cosigned_by(&cosigner.key) {
                Cosigned::Not => {}
                Cosigned::Wrongly => return Err(CheckError::Cosignature(name())),
                Cosigned::At(_) if other => return Err(CheckError::Contradicted(name())),
                Cosigned::At(at) => {
                    cosigner.checkpoints += 1;
                    cosigner.size = cosigner.size.max(head.size);
                    *last = at.max(*last);
                    cosigner.at = time_of(*last);
                }
            }
        }
    }
    let mut found: Vec<Cosigner> = found.into_iter().map(|(cosigner, _)| cosigner).collect();
    let silent = found.iter().find(|cosigner| cosigner.checkpoints == 0);
    if let Some(silent) = silent.filter(|silent| given.contains(&silent.key)) {
        return Err(CheckError::NotCosigned(silent.key.name().to_owned()));
    }
    found.retain(|cosigner| cosigner.checkpoints > 0);
    Ok(found)
}

/// Checkpoints with the signatures of witnesses.
pub(super) const COSIGNED: &str = "cosigned";
/// The keys of these witnesses.
pub(super) const WITNESSES: &str = "witnesses.pub";
