//! Compares the tree of a log with what was signed of it, as the tree grows.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::audit::checkpoint::{Checkpoint, Notes, Step};
use crate::audit::keys::read_verifiers;
use crate::audit::merkle::Frontier;
use crate::audit::note::{Note, VerifierKey};
use crate::audit::report::{Finding, Report, Witness};
use crate::audit::signer::{DURABILITY, rotation_text};
use crate::audit::storage::CHECKPOINTS_FILE;
use crate::audit::verify::Trust;
use crate::audit::verify::folder::Folder;
use crate::audit::verify::witnesses::Witnesses;

/// Checkpoints beside the log and from outside, and the keys that may sign them.
pub(super) struct Heads {
    sources: Vec<Source>,
    keys: Vec<Trusted>,
    witnesses: Witnesses,
    beside: bool,
    /// The keys are the auditor's own.
    given: bool,
}

/// A key, and until which record it signs.
struct Trusted {
    key: VerifierKey,
    until: Option<u64>,
}

/// One file of checkpoints, read along with the log.
struct Source {
    witness: Witness,
    notes: Option<Notes<BufReader<Box<dyn Read>>>>,
    /// The checkpoint that is met next.
    next: Option<(String, Checkpoint)>,
    /// Sizes may not fall.
    last_size: u64,
    /// The last size whose root agreed.
    agreed: u64,
    /// A root did not agree: later ones cannot either.
    contradicted: bool,
    right: u64,
    seen: u64,
    torn: bool,
}

impl Heads {
    /// Opens the checkpoints of the log in `beside`, if it is a directory, and those from outside.
    pub(super) fn open(beside: Option<&Path>, trust: &Trust) -> Result<Self, (PathBuf, io::Error)> {
        let keys = match beside {
            Some(dir) if trust.keys.is_empty() => {
                read_verifiers(dir).map_err(|source| (dir.to_path_buf(), source))?
            }
            Some(_) | None => trust.keys.clone(),
        };
        let given = !trust.keys.is_empty();
        let (witnesses, cosigned) = Witnesses::open(beside, &trust.witnesses)?;
        let mut sources = Vec::new();
        if let Some(dir) = beside {
            sources.push(Source::open(&dir.join(CHECKPOINTS_FILE), Witness::Checkpoints)?);
        }
        for (name, path) in cosigned {
            sources.push(Source::open(&path, Witness::Cosigned(name))?);
        }
        for path in &trust.anchors {
            let witness = Witness::Anchor(path.display().to_string());
            sources.push(Source::open(path, witness)?);
        }
        let keys = keys.into_iter().map(|key| Trusted { key, until: None }).collect();
        Ok(Self { sources, keys, witnesses, beside: beside.is_some(), given })
    }

    /// The tree has come this far: compares the checkpoints of this size.
    pub(super) fn meet(&mut self, tree: &Frontier, report: &mut Report) {
        let size = tree.size();
        for source in &mut self.sources {
            while let Some((note, checkpoint)) = source.at(size, report) {
                let (keys, witnesses) = (&self.keys, &mut self.witnesses);
                source.judge(keys, witnesses, &note, &checkpoint, Some(tree), report);
            }
        }
    }

    /// The old key hands over to the new one with record `seq`, if it says so itself.
    pub(super) fn rotate(&mut self, seq: u64, old: &str, new: &str, signature: &str) -> bool {
        let (Ok(old), Ok(new)) = (old.parse::<VerifierKey>(), new.parse::<VerifierKey>()) else {
            return false;
        };
        let known = self.keys.iter_mut().find(|known| known.key == old && known.until.is_none());
        let Some(known) = known else { return false };
        let text = rotation_text(seq, &old, &new);
        let note = format!("{text}\n{signature}\n");
        let signed = Note::parse(&note).is_ok_and(|note| note.is_signed_by(&old));
        if !signed || old.name() != new.name() {
            return false;
        }
        known.until = Some(seq);
        if !self.keys.iter().any(|known| known.key == new) {
            self.keys.push(Trusted { key: new, until: None });
        }
        true
    }

    /// The log has ended: what is signed beyond it is missing.
    pub(super) fn finish(&mut self, last_seq: u64, whole: bool, report: &mut Report) {
        for source in &mut self.sources {
            let mut beyond = None;
            while let Some((note, checkpoint)) = source.take(report) {
                let (keys, witnesses) = (&self.keys, &mut self.witnesses);
                let right = source.judge(keys, witnesses, &note, &checkpoint, None, report);
                if right && checkpoint.size > last_seq {
                    beyond = Some(checkpoint.size);
                }
            }
            let witness = || source.witness.clone();
            if let Some(remembered) = beyond {
                report.found(Finding::Truncated { last_seq, remembered, witness: witness() });
            }
            if source.seen == 0 {
                report.found(Finding::AnchorMissing { witness: witness() });
            }
            let (right, covered) = (source.right, if whole { source.agreed } else { 0 });
            match source.witness {
                Witness::Checkpoints => (report.checkpoints, report.covered_seq) = (right, covered),
                Witness::Anchor(_) => {
                    report.anchored += right;
                    report.anchored_seq = report.anchored_seq.max(covered);
                }
                // Of witnesses is told with their keys.
                Witness::Given | Witness::Cosigned(_) | Witness::Cosigner(_) => {}
            }
        }
        self.witnesses.finish(report);
    }

    /// Whether a witness whose key the auditor brought along vouches for a part of the log.
    pub(super) fn vouched(&self) -> bool {
        self.witnesses.vouched()
    }

    /// What was checked, and what could not be.
    pub(super) fn state(
        &self,
        report: &Report,
        checked: &mut Vec<String>,
        not_checked: &mut Vec<String>,
    ) {
        let end = report.head.map_or(0, |head| head.seq);
        for source in &self.sources {
            let (witness, seen, agreed) = (&source.witness, source.seen, source.agreed);
            if report.tree.is_none() && seen > 0 && end > 0 {
                not_checked.push(format!("roots that {witness} signed: not every record is there"));
            } else if seen > 0 {
                checked.push(format!(
                    "{seen} checkpoints of {witness}: signature and root, up to record {agreed}"
                ));
            }
            if source.torn {
                not_checked.push(format!("what is half a checkpoint in {witness}"));
            }
        }
        self.witnesses.state(checked, not_checked);
        if !self.beside {
            not_checked
                .push("signatures and the tree: this is one file, not a log's directory".into());
        } else if report.covered_seq < end {
            let from = report.covered_seq + 1;
            not_checked
                .push(format!("who wrote records {from} to {end}: no checkpoint covers them"));
        }
        if self.beside && !self.given {
            not_checked.push(
                "whether the public key beside the log is the log's: that takes one that you were \
                 given before (--key NAME+HASH+KEY)"
                    .into(),
            );
        }
        if report.checkpoints_written > 0 {
            not_checked.push(format!(
                "whether records were lost with the power: {} checkpoints say that they were \
                 acknowledged before they were on the disk (durability written)",
                report.checkpoints_written
            ));
        }
    }
}

impl Source {
    fn open(path: &Path, witness: Witness) -> Result<Self, (PathBuf, io::Error)> {
        let failed = |source| (path.to_path_buf(), source);
        let notes = match File::open(path) {
            Ok(_) if path.is_dir() => {
                let folder: Box<dyn Read> = Box::new(Folder::open(path).map_err(failed)?);
                Some(Notes::new(BufReader::new(folder)))
            }
            Ok(file) => {
                // What is added while we read is not chased.
                let bytes = file.metadata().map_err(failed)?.len();
                let file: Box<dyn Read> = Box::new(file.take(bytes));
                Some(Notes::new(BufReader::new(file)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self {
            witness,
            notes,
            next: None,
            last_size: 0,
            agreed: 0,
            contradicted: false,
            right: 0,
            seen: 0,
            torn: false,
        })
    }

    /// The next checkpoint, if it is one of `size` records.
    fn at(&mut self, size: u64, report: &mut Report) -> Option<(String, Checkpoint)> {
        self.next = self.take(report);
        self.next.take_if(|(_, checkpoint)| checkpoint.size == size)
    }

    /// The next checkpoint.
    fn take(&mut self, report: &mut Report) -> Option<(String, Checkpoint)> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        loop {
            // A file that cannot be read on is as good as one that ends in half a note.
            let step = self.notes.as_mut()?.step().unwrap_or(Step::Torn);
            let witness = || self.witness.clone();
            let checkpoint = match &step {
                Step::Note(note) => Note::parse(note).ok().and_then(|n| n.text.parse().ok()),
                // A crash may have left half a note where nothing can be cut.
                Step::NoNote if matches!(self.witness, Witness::Anchor(_)) => {
                    self.torn = true;
                    continue;
                }
                Step::NoNote => None,
                Step::Torn | Step::End => {
                    self.torn |= step == Step::Torn;
                    self.notes = None;
                    return None;
                }
            };
            let (Step::Note(note), Some(checkpoint)) = (step, checkpoint) else {
                report.found(Finding::NotACheckpoint { witness: witness() });
                self.notes = None;
                return None;
            };
            let checkpoint: Checkpoint = checkpoint;
            self.seen += 1;
            let (from, to) = (self.last_size, checkpoint.size);
            self.last_size = to;
            if to < from {
                report.found(Finding::RolledBack { from, to, witness: witness() });
                continue;
            }
            return Some((note, checkpoint));
        }
    }

    /// Judges a checkpoint; whether its signature is right.
    fn judge(
        &mut self,
        keys: &[Trusted],
        witnesses: &mut Witnesses,
        note: &str,
        checkpoint: &Checkpoint,
        tree: Option<&Frontier>,
        report: &mut Report,
    ) -> bool {
        let (size, witness) = (checkpoint.size, || self.witness.clone());
        let may = |trusted: &&Trusted| trusted.until.is_none_or(|until| size < until);
        let own = |trusted: &&Trusted| trusted.key.name() == checkpoint.origin;
        let signed = Note::parse(note).ok().filter(|note| {
            keys.iter().filter(may).filter(own).any(|trusted| note.is_signed_by(&trusted.key))
        });
        let Some(note) = signed else {
            report.found(Finding::SignatureInvalid { size, witness: witness() });
            return false;
        };
        let agrees = tree.is_some_and(|tree| tree.root() == checkpoint.root);
        witnesses.look(&note, keys.iter().map(|trusted| &trusted.key), (size, agrees), report);
        if self.witness == Witness::Checkpoints && checkpoint.extension(DURABILITY).is_some() {
            report.checkpoints_written += 1;
        }
        if tree.is_none() {
            return true;
        }
        if agrees {
            self.right += 1;
            self.agreed = size;
        } else if !self.contradicted {
            self.contradicted = true;
            let agreed = self.agreed;
            report.found(Finding::RootMismatch { size, agreed, witness: witness() });
        }
        true
    }
}
