//! `sallyport policy`: write, test and understand policies, offline.

mod coverage;
mod diff;
mod explain;
mod learn;
mod lint;
mod more;
mod replay;
mod schema;
mod show;
mod test;
mod trail;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::{USAGE, load, say};
use crate::config::{Config, Governance};
use crate::inspect::hidden::spelled_out;
use crate::policy::problem::Problem;

#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

/// One line for each command here, and one in [`Policy::execute`].
#[derive(Debug, Subcommand)]
enum Command {
    /// Run files of cases: what policies must say to which question (exit 1 when a case fails)
    Test(test::Test),
    /// Say which policies decide a question, why, and what would change the answer
    Explain(Box<explain::Explain>),
    #[command(flatten)]
    More(more::More),
}

impl Policy {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Test(test) => test.execute(),
            Command::Explain(explain) => explain.execute(),
            Command::More(more) => more.execute(),
        }
    }
}

/// A configuration with the policies that govern its servers; `None` when it is wrong, which was
/// said then.
fn governed(path: &Path) -> anyhow::Result<Option<(Config, Arc<Governance>)>> {
    let Some(checked) = load(path) else { return Ok(None) };
    // All governed servers share one set.
    let governance = checked.config.servers.iter().find_map(|server| server.policy.clone());
    match governance {
        Some(governance) => Ok(Some((checked.config, governance))),
        None => {
            bail!("no policies govern `{}`: it has neither `policy` nor `roles`", path.display())
        }
    }
}

/// Problems of policies and of files about them, to stderr.
fn say_problems(problems: &[Problem]) {
    for problem in problems {
        say(&shown(&problem.to_string()));
    }
}

/// Wrong usage, or a file that is wrong, which was said.
fn usage() -> anyhow::Result<ExitCode> {
    Ok(ExitCode::from(USAGE))
}

/// Texts that somebody else chose, for a terminal: line by line, what is not seen spelled out.
fn shown(text: &str) -> String {
    let lines = text.lines().map(|line| spelled_out(line, LINE_CHARS));
    lines.collect::<Vec<_>>().join("\n")
}

const LINE_CHARS: usize = 2000;
