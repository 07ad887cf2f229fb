//! `sallyport audit purge` and `audit hold`: what goes, and what stays all the same.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use clap::{Args, Subcommand};

use super::super::progress::Progress;
use super::super::{print, say};
use super::bytes_of;
use crate::audit::{self, HOLDS_FILE, Hold, Options, Order, Purged, Rule};

#[derive(Debug, Args)]
pub(super) struct Purge {
    /// Audit directory
    path: PathBuf,
    /// Records older than this go, `90d`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    older_than: Duration,
    /// Only records of this kind, `call`
    #[arg(long)]
    kind: Option<String>,
    /// Only records of this server
    #[arg(long)]
    server: Option<String>,
    /// Only records of this phase
    #[arg(long)]
    phase: Option<String>,
    /// Name of the rule, as the `purge` record tells it
    #[arg(long, value_name = "NAME", default_value = "command")]
    rule: String,
    /// The file of legal holds; by default `holds` in the directory, where there is one
    #[arg(long, value_name = "FILE")]
    holds: Option<PathBuf>,
    /// The log's signing key, where it is not in the directory
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Only say what would go; a gateway may write the log
    #[arg(long)]
    dry_run: bool,
}

impl Purge {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let Self { path, older_than, kind, server, phase, rule, holds, signing_key, dry_run } =
            self;
        let holds = match &holds {
            Some(named) => audit::load_holds(named, false)?,
            None => audit::load_holds(&path.join(HOLDS_FILE), true)?,
        };
        let order = Order {
            rules: vec![Rule { name: rule, older_than, kind, server, phase }],
            holds,
            now: SystemTime::now(),
            asked_by: "command",
            dry_run,
        };
        let mut progress = Progress::new(bytes_of(&path));
        let options = Options { signing_key, ..Options::new(path) };
        let purged = audit::purge(&options, &order, |bytes| progress.at(bytes));
        progress.clear();
        let Purged { records, held, torn, written, more, .. } = purged?;
        let verb = if dry_run { "would be purged" } else { "purged" };
        print(&format!("{records} records {verb}, {held} are held, {torn} copies of cut bytes\n"))?;
        for seq in written {
            say(&format!("record {seq} says so"));
        }
        if more {
            say("there is more than one purge takes on: ask again");
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Hold records: those that meet every condition stay
    Add {
        #[command(flatten)]
        file: File,
        /// Name of the hold, by which it is released
        #[arg(long)]
        id: String,
        /// Who asks for it
        #[arg(long)]
        who: String,
        /// Why
        #[arg(long)]
        why: String,
        /// Records with this `user_id` or `client`
        #[arg(long)]
        principal: Option<String>,
        /// Records about this person
        #[arg(long)]
        subject: Option<String>,
        /// Records of this server
        #[arg(long)]
        server: Option<String>,
        /// Records from this time on, RFC 3339 in UTC
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Records before this time
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Print the holds, one JSON object a line
    List {
        #[command(flatten)]
        file: File,
    },
    /// Release a hold
    Release {
        #[command(flatten)]
        file: File,
        /// Its name
        #[arg(long)]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct File {
    /// Audit directory
    path: PathBuf,
    /// The file of holds; by default `holds` in the directory
    #[arg(long, value_name = "FILE")]
    holds: Option<PathBuf>,
}

impl File {
    fn path(&self) -> PathBuf {
        self.holds.clone().unwrap_or_else(|| self.path.join(HOLDS_FILE))
    }
}

impl HoldCommand {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add { file, id, who, why, principal, subject, server, from, until } => {
                let hold = Hold { id, who, why, principal, subject, server, from, until };
                add(&file.path(), hold)
            }
            Self::List { file } => {
                for hold in audit::load_holds(&file.path(), true)? {
                    print(&format!("{}\n", serde_json::to_string(&hold)?))?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Release { file, id } => {
                let path = file.path();
                let mut holds = audit::load_holds(&path, false)?;
                let before = holds.len();
                holds.retain(|hold| hold.id != id);
                if holds.len() == before {
                    bail!("`{}` has no hold `{id}`", path.display());
                }
                audit::save_holds(&path, &holds)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn add(path: &Path, hold: Hold) -> anyhow::Result<ExitCode> {
    let mut holds = audit::load_holds(path, true)?;
    if holds.iter().any(|known| known.id == hold.id) {
        bail!("`{}` has a hold `{}` already", path.display(), hold.id);
    }
    holds.push(hold);
    // What would not be read again is not written.
    let lines: Vec<_> = holds.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let holds = audit::read_holds(&lines.join("\n"))?;
    audit::save_holds(path, &holds)?;
    Ok(ExitCode::SUCCESS)
}
