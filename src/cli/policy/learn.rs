//! `sallyport policy learn`: the least that a trail needs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::{trail, usage};
use crate::cli::{print, say};
use crate::policy::learn::{self, Learner};

#[derive(Debug, Args)]
pub(super) struct Learn {
    /// Audit directory, or one log file
    #[arg(long, value_name = "DIR")]
    audit: PathBuf,
    /// Only calls of this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// By what callers are told apart; who has no role is named
    #[arg(long, value_enum, default_value_t = By::Role)]
    by: By,
    /// Write here; a file that is there is not replaced
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// The roles that they have
    Role,
    /// Who they are
    Subject,
}

impl Learn {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let by = match self.by {
            By::Role => learn::By::Role,
            By::Subject => learn::By::Subject,
        };
        let mut learner = Learner::new(by, self.server.as_deref());
        if trail::each(&self.audit, |record| learner.take(record)).is_none() {
            return usage();
        }
        let text = learner.write()?;
        match &self.out {
            None => print(&text)?,
            Some(path) => {
                let write = |path: &PathBuf| {
                    use std::io::Write as _;
                    std::fs::File::create_new(path)?.write_all(text.as_bytes())
                };
                let why = || format!("`{}` cannot be written", path.display());
                write(path).with_context(why)?;
                ExitCode::SUCCESS
            }
        };
        let (policies, left) = (learner.policies(), learner.left_out());
        let plural = if policies == 1 { "policy" } else { "policies" };
        say(&format!("{policies} {plural} learned; {left} records left out"));
        Ok(ExitCode::SUCCESS)
    }
}
