//! `sallyport audit bundle` and `check-bundle`: a part of the log for an auditor.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::super::progress::Progress;
use super::super::{print, say};
use super::filters::{is_log, stamp, teller};
use super::shred::Open;
use super::{bytes_of, usage};
use crate::audit::search::{Plan, Query, Records, search, seq};
use crate::audit::{self, CheckError, Cosigner};
use crate::vkey::WitnessKey;

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// Audit directory
    path: PathBuf,
    /// Folder to make; it must not be there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// From which record on
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// To which one; by default to the last that a checkpoint covers
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    /// From the first record of this time on: RFC 3339, or how long ago: `2h`, `3d`
    #[arg(long, value_name = "TIME", value_parser = stamp, conflicts_with_all = ["from", "to"])]
    since: Option<String>,
    /// To the last record before this time
    #[arg(long, value_name = "TIME", value_parser = stamp, conflicts_with_all = ["from", "to"])]
    until: Option<String>,
    /// Put the records with sealed names opened beside them; needs the keys
    #[arg(long, requires = "subject_keys")]
    open: bool,
    #[command(flatten)]
    keys: Open,
}

#[derive(Debug, Args)]
pub(super) struct CheckBundleArgs {
    /// The bundle
    folder: PathBuf,
    /// The log's public key, `NAME+HASH+KEY`, or a file of some; may be repeated
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// The public key of a witness, `NAME+HASH+KEY`, or a file of some; may be repeated
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
}

impl BundleArgs {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        if let Err(error) = is_log(&self.path) {
            return usage(&error);
        }
        if !self.path.is_dir() && self.path.exists() {
            return usage("a bundle is made of a log's directory, which holds its checkpoints");
        }
        if self.out.exists() {
            return usage(&format!("`{}` is there already", self.out.display()));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return usage(&format!("--from {from} is behind --to {to}"));
        }
        let range = match (self.since, self.until) {
            (None, None) => (self.from.unwrap_or(1), self.to),
            (since, until) => match of_time(&self.path, since, until)? {
                Some((from, to)) => (from, Some(to)),
                None => return usage("the log has no record of that time"),
            },
        };
        if self.keys.is_asked() && !self.open {
            return usage("keys are of use with --open alone: a bundle stays sealed without it");
        }
        let (sealer, None) = (match self.keys.keys()? {
            Ok(keys) => keys,
            Err(code) => return Ok(code),
        }) else {
            return usage("--person chooses nothing here: a bundle is a range of records");
        };
        let mut progress = Progress::new(bytes_of(&self.path));
        let (path, (from, to), sealer) = (&self.path, range, sealer.as_ref());
        let made = audit::bundle(path, from, to, &self.out, sealer, |n| progress.at(n));
        progress.clear();
        let made = made?;
        let (origin, from, to) = (&made.origin, made.from, made.to);
        let out = self.out.display();
        if made.has_opened() {
            say("names that the log seals stand open in `opened.jsonl`: no erasure reaches it");
        }
        print(&format!("records {from} to {to} of `{origin}` are in `{out}`\n"))
    }
}

/// The first and the last record of a time. Between them may be records of other times: a
/// completion is dated by its end, its intent by its start.
fn of_time(
    path: &Path,
    since: Option<String>,
    until: Option<String>,
) -> anyhow::Result<Option<(u64, u64)>> {
    let mut query = Query::default();
    if let Some(since) = since {
        query.since(since);
    }
    if let Some(until) = until {
        query.until(until);
    }
    let mut range: Option<(u64, u64)> = None;
    let mut records = Records::new(&query, |line: &[u8]| {
        let seq = seq(line);
        range = Some(range.map_or((seq, seq), |(from, to)| (from.min(seq), to.max(seq))));
        ControlFlow::Continue(())
    });
    // What is handed out is chosen by the log alone, not by an index.
    let plan = Plan { newest_first: false, indexed: false };
    let mut progress = Progress::new(0);
    let found = search(path, plan, &mut records, &mut teller(&mut progress));
    progress.clear();
    found?;
    Ok(range)
}

impl CheckBundleArgs {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let (keys, witnesses) = (super::keys(&self.key)?, super::keys(&self.witness)?);
        if !self.folder.is_dir() {
            return Err(anyhow::anyhow!("`{}` is no folder", self.folder.display()));
        }
        let mut progress = Progress::new(bytes_of(&self.folder.join("records.jsonl")));
        let checked = audit::check_bundle(&self.folder, &keys, &witnesses, |n| progress.at(n));
        progress.clear();
        match checked {
            Ok(checked) => {
                let (from, to) = (checked.manifest.from, checked.manifest.to);
                let (origin, size) = (&checked.manifest.origin, checked.size);
                print(&format!(
                    "verified: records {from} to {to} of `{origin}`, a log of {size} records\n"
                ))?;
                checked.keys.iter().for_each(|key| say(&format!("signed by {key}")));
                let (signed, unsigned) = (checked.signed, checked.unsigned);
                say(&format!("{signed} checkpoints of the log are signed by these keys"));
                if unsigned > 0 {
                    say(&format!("NOT checked: {unsigned} checkpoints that other keys signed"));
                }
                if keys.is_empty() {
                    say("NOT checked: whether that is the log's key (--key NAME+HASH+KEY)");
                }
                if checked.manifest.has_opened() {
                    say("NOT checked: whether `opened.jsonl` says what is sealed in the records");
                }
                cosigned(&checked.cosigners, &witnesses);
                say("NOT checked: checkpoints from outside (sallyport audit verify --anchor)");
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                let error: CheckError = error;
                say(&format!("sallyport: {error}"));
                Ok(ExitCode::from(error.exit_code()))
            }
        }
    }
}

/// What witnesses signed of the log.
fn cosigned(cosigners: &[Cosigner], given: &[WitnessKey]) {
    for Cosigner { key, checkpoints, size, at } in cosigners {
        say(&format!(
            "{checkpoints} of them are cosigned by {key}: it saw {size} records, the last time at {at}"
        ));
        if !given.contains(key) {
            say("NOT checked: whether that is the witness's key (--witness NAME+HASH+KEY)");
        }
    }
}
