//! `sallyport policy diff`: which recorded calls flip between two configurations.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::more::{opened, side};
use super::{shown, trail, usage};
use crate::cli::{ConfigFile, print};
use crate::policy::replay;

#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    config: ConfigFile,
    /// The configuration to which the policies would change
    #[arg(long, value_name = "FILE")]
    against: PathBuf,
    /// Audit directory, or one log file
    #[arg(long, value_name = "DIR")]
    audit: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let Some((before, old)) = opened(&self.config.config) else { return usage() };
        let Some((after, new)) = opened(&self.against) else { return usage() };
        let mut diff = replay::Diff::new(side(&before, &old.live), side(&after, &new.live));
        let read = trail::each(&self.audit, |record| {
            diff.take(record);
            Ok::<(), Infallible>(())
        });
        if read.is_none() {
            return usage();
        }
        let found = diff.done();
        if self.json {
            print(&format!("{:#}\n", found.json()))?;
        } else {
            let (from, to) = (self.config.config.display(), self.against.display());
            print(&format!("from {from} to {to}\n{}\n", shown(&found.text())))?;
        }
        Ok(if found.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
