//! `sallyport audit`: check, prove and read the trail, offline.

mod retention;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

mod bundle;
mod export;
mod filters;
mod query;
mod show;
mod shred;
mod stats;
mod tail;

use super::progress::Progress;
use super::{FAILED, USAGE, print, say};
use crate::audit::{self, Filter, FirstKey, Head, Options, Records, Trust, VerifierKey};
use crate::observe::SCHEMA;
use crate::sinks::Files;

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify chain, tree, signatures, MACs and anchors; says what was checked and what could not be
    ///
    /// Exit codes: 0 verified, 10 chain broken, 11 signature or MAC invalid, 12 gap or truncation,
    /// 13 contradiction with what was signed or remembered, 14 no checkpoint to compare with.
    Verify {
        /// Audit directory, or one log file
        path: PathBuf,
        /// The log's public key, `NAME+HASH+KEY`, or a file of some; may be repeated
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
        /// Checkpoints that the log's holder could not change: a file, a folder of files, or a log
        /// of the gateway
        #[arg(long, value_name = "FILE")]
        anchor: Vec<PathBuf>,
        /// The public key of a witness, `NAME+HASH+KEY`, or a file of some; may be repeated
        #[arg(long, value_name = "KEY")]
        witness: Vec<String>,
        /// The log's first MAC key, as it was given away when the log was made
        #[arg(long, value_name = "FILE")]
        mac_key: Vec<PathBuf>,
        /// A head that was remembered elsewhere, `SEQ:HASH`: finds truncation and roll-back
        #[arg(long, value_name = "SEQ:HASH")]
        expect_head: Option<Head>,
    },
    /// Print a proof, for one who has not the log, that a record is in it
    Prove {
        /// Audit directory
        path: PathBuf,
        /// Number of the record
        seq: u64,
        /// Checkpoints under which it is proven; the log's own by default
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
    },
    /// Print a proof that the log continues what a kept checkpoint knew of it
    ProveGrowth {
        /// Audit directory
        path: PathBuf,
        /// File with the older checkpoint
        old: PathBuf,
    },
    /// Check a proof; needs neither the log nor a gateway
    ///
    /// Exit codes: 0 proven, 10 not a proof, 11 signature invalid, 13 it does not lead to the root.
    CheckProof {
        /// The proof
        file: PathBuf,
        /// The log's public key, `NAME+HASH+KEY`, or a file of some; may be repeated
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
    },
    /// Print the public keys of a log, and its first MAC key while it is still there
    Key {
        /// Audit directory
        path: PathBuf,
        /// Remove the first MAC key: keep what is printed where no thief of this machine comes
        #[arg(long)]
        take: bool,
    },
    /// Hand a log that no gateway writes over to another signing key
    Rotate {
        /// Audit directory
        path: PathBuf,
        /// The present signing key, where it is not in the directory
        #[arg(long, value_name = "FILE")]
        signing_key: Option<PathBuf>,
        /// The new one, PKCS#8 in PEM; by default one is made in the directory
        #[arg(long, value_name = "FILE")]
        new: Option<PathBuf>,
    },
    /// Let a sink send records again that its receiver lost, also while the gateway runs
    ///
    /// Records go out again from SEQ on. A number behind the sink's cursor is refused: it would
    /// leave records out.
    Resend {
        /// Audit directory
        path: PathBuf,
        /// Name of the sink in the configuration
        #[arg(long, value_name = "NAME")]
        sink: String,
        /// Number of the first record that is wanted
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
        from: u64,
    },
    /// Remove the bodies of old records from a log that no gateway writes; their leaf hashes stay
    Purge(retention::Purge),
    /// Destroy the key of a person: what is sealed under it can never be read again
    ///
    /// Where a gateway writes the log, it is asked to do it and waited for, a minute at most. Exit
    /// codes: 0 destroyed, 1 not, or not all is done, 2 wrong usage, 4 a legal hold forbids it.
    Shred(Box<shred::Shred>),
    /// Legal holds: records that no purge removes
    #[command(subcommand)]
    Hold(retention::HoldCommand),
    /// Print the JSON Schema of the records
    Schema,
    /// Find records by who, what, when and how it ended
    ///
    /// Exit codes: 0 found or not, 1 a file cannot be read, 2 wrong usage, 3 lines were passed over
    /// that are no records.
    Query(Box<query::QueryArgs>),
    /// Write records for other programs
    Export(Box<export::ExportArgs>),
    /// Write a part of the log, with all that shows that it is the log's, to a folder
    Bundle(bundle::BundleArgs),
    /// Check a bundle; needs neither the log nor a gateway
    ///
    /// Exit codes: 0 verified, 10 changed, 11 signature invalid, 12 something is missing,
    /// 13 contradiction with what was signed, 14 no checkpoint.
    CheckBundle(bundle::CheckBundleArgs),
    /// Show the last records, and those that come
    Tail(Box<tail::TailArgs>),
    /// Count calls and refusals, and say how long calls took
    Stats(Box<stats::StatsArgs>),
    /// Print records, one JSON object a line
    Cat {
        /// Audit directory, or one log file
        path: PathBuf,
        /// Only records of this request
        #[arg(long)]
        request_id: Option<String>,
        /// Only records of this phase
        #[arg(long, value_parser = ["intent", "completion", "refused", "batch", "document"])]
        phase: Option<String>,
    },
}

impl Audit {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Verify { path, key, anchor, witness, mac_key, expect_head } => {
                let first_keys =
                    mac_key.iter().map(|file| first_key(file)).collect::<Result<_, _>>()?;
                let trust = Trust {
                    keys: keys(&key)?,
                    anchors: anchor,
                    witnesses: keys(&witness)?,
                    first_keys,
                    head: expect_head,
                };
                verify(&path, &trust)
            }
            Command::Resend { path, sink, from } => resend(&Files::new(&path, &sink), &sink, from),
            Command::Prove { path, seq, checkpoints } => {
                let mut progress = Progress::new(bytes_of(&path));
                let proof = audit::prove(&path, seq, checkpoints.as_deref(), |n| progress.at(n));
                progress.clear();
                print(&format!("{}\n", serde_json::to_string(&proof?)?))
            }
            Command::ProveGrowth { path, old } => {
                let mut progress = Progress::new(bytes_of(&path));
                let proof = audit::prove_growth(&path, &old, |n| progress.at(n));
                progress.clear();
                print(&format!("{}\n", serde_json::to_string(&proof?)?))
            }
            Command::CheckProof { file, key } => check_proof(&file, &keys(&key)?),
            Command::Key { path, take } => key_of(&path, take),
            Command::Rotate { path, signing_key, new } => {
                let options = Options { signing_key, ..Options::new(path) };
                let done = audit::rotate(&options, new.as_deref())?;
                say(&format!("record {} hands over; the new public key is", done.seq));
                print(&format!("{}\n", done.new))
            }
            Command::Purge(purge) => purge.execute(),
            Command::Shred(shred) => shred.execute(),
            Command::Hold(hold) => hold.execute(),
            Command::Schema => print(SCHEMA),
            Command::Query(query) => query.execute(),
            Command::Export(export) => export.execute(),
            Command::Bundle(bundle) => bundle.execute(),
            Command::CheckBundle(check) => check.execute(),
            Command::Tail(tail) => tail.execute(),
            Command::Stats(stats) => stats.execute(),
            Command::Cat { path, request_id, phase } => cat(&path, request_id, phase),
        }
    }
}

fn usage(error: &str) -> anyhow::Result<ExitCode> {
    say(&format!("sallyport: {error}"));
    Ok(ExitCode::from(USAGE))
}

/// Some of the input was left out.
const INCOMPLETE: u8 = 3;

fn verify(path: &Path, trust: &Trust) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new(bytes_of(path));
    let report = audit::verify(path, trust, |bytes| progress.at(bytes));
    progress.clear();
    let report = report?;
    print(&report.to_string())?;
    Ok(ExitCode::from(report.exit_code()))
}

fn check_proof(file: &Path, keys: &[VerifierKey]) -> anyhow::Result<ExitCode> {
    let text = read(file)?;
    match audit::check_proof(&text, keys) {
        Ok(proven) => {
            let (origin, seq, size) = (&proven.origin, proven.seq, proven.size);
            if let Some(record) = &proven.record {
                print(&format!("{record}\n"))?;
                say(&format!(
                    "proven: this is record {seq} of `{origin}`, a log of {size} records"
                ));
            } else {
                say(&format!("proven: `{origin}` with {size} records continues its first {seq}"));
            }
            proven.keys.iter().for_each(|key| say(&format!("signed by {key}")));
            if keys.is_empty() {
                say("NOT checked: whether that is the log's key (--key NAME+HASH+KEY)");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(&format!("sallyport: {error}"));
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}

fn key_of(path: &Path, take: bool) -> anyhow::Result<ExitCode> {
    let read_dir = || format!("`{}` cannot be read", path.display());
    for key in audit::read_verifiers(path).with_context(read_dir)? {
        print(&format!("{key}\n"))?;
    }
    let first = audit::first_key_paths(path).with_context(read_dir)?;
    if first.is_empty() {
        say("the first MAC key was taken away");
    }
    for file in first {
        print(&read(&file)?)?;
        if take {
            std::fs::remove_file(&file)
                .with_context(|| format!("removing `{}`", file.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn cat(path: &Path, request_id: Option<String>, phase: Option<String>) -> anyhow::Result<ExitCode> {
    let wanted = [("request_id", request_id), ("phase", phase)];
    let equals =
        wanted.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let filter = Filter { equals, ..Filter::default() };
    for record in Records::open(path, filter)? {
        match record {
            Ok(record) => print(&format!("{record}\n"))?,
            Err(error) => {
                say(&format!("sallyport: {error}"));
                return Ok(ExitCode::FAILURE);
            }
        };
    }
    Ok(ExitCode::SUCCESS)
}

/// Keys as they are typed, or in files.
fn keys<K>(typed: &[String]) -> anyhow::Result<Vec<K>>
where
    K: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let mut keys = Vec::new();
    for text in typed {
        if let Ok(key) = text.parse() {
            keys.push(key);
            continue;
        }
        for line in read(Path::new(text))?.lines().filter(|line| !line.trim().is_empty()) {
            let key = line.trim().parse();
            keys.push(key.with_context(|| format!("`{text}` holds something else than keys"))?);
        }
    }
    Ok(keys)
}

fn first_key(file: &Path) -> anyhow::Result<FirstKey> {
    let text = read(file)?;
    // What `audit key` prints has the public keys before it.
    let found = text.lines().find_map(audit::read_first_key);
    let Some(key) = found else { bail!("`{}` holds no first MAC key", file.display()) };
    Ok(key)
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}

/// Bytes of a log, for the progress bar.
fn bytes_of(path: &Path) -> u64 {
    Records::open(path, Filter::default()).map_or(0, |records| records.bytes_total())
}

/// Orders a sink that has a cursor to go back.
fn resend(files: &Files, sink: &str, from: u64) -> anyhow::Result<ExitCode> {
    let Some(cursor) = files.cursor()? else {
        say(&format!("sallyport: no sink `{sink}` has sent anything from this log"));
        return Ok(ExitCode::from(FAILED));
    };
    if from > cursor.seq {
        let seq = cursor.seq;
        say(&format!("sallyport: `{sink}` is at record {seq}: it has not sent {from} yet"));
        return Ok(ExitCode::from(FAILED));
    }
    files.order_again(from)?;
    print(&format!("{sink}: from record {from} on, {} records again\n", cursor.seq - from + 1))
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::{Files, resend};
    use crate::config::testing::Folder;

    #[test]
    fn sink_is_sent_back_to_a_record_it_has_sent_and_to_no_other() {
        let folder = Folder::new();
        let files = Files::new(folder.path(), "siem");
        let order = || std::fs::read_to_string(folder.path().join("sinks/siem.resend")).ok();
        let code = |from| resend(&files, "siem", from).unwrap();
        assert_eq!((code(1), order()), (ExitCode::FAILURE, None), "nothing was sent yet");
        std::fs::create_dir(folder.path().join("sinks")).unwrap();
        folder.write("sinks/siem.cursor", "{\"seq\":7,\"sha256\":\"\"}");
        assert_eq!((code(8), order()), (ExitCode::FAILURE, None), "8 was not sent yet");
        assert_eq!((code(3), order()), (ExitCode::SUCCESS, Some("3".to_owned())));
    }
}
