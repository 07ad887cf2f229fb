//! `sallyport policy replay`: recorded calls, asked again.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::more::{chosen, opened, side};
use super::{shown, trail, usage};
use crate::cli::{ConfigFile, print};
use crate::policy::replay::{self, Set};

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    config: ConfigFile,
    /// Audit directory, or one log file
    #[arg(long, value_name = "DIR")]
    audit: PathBuf,
    /// Ask the candidates of `policy.shadow`, and compare what comes of it with what was decided
    #[arg(long)]
    shadow: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let set = if self.shadow { Set::Shadow } else { Set::Live };
        let Some((config, governance)) = opened(&self.config.config) else { return usage() };
        let Some(policies) = chosen(&governance, set) else { return usage() };
        let mut replay = replay::Replay::new(side(&config, policies), set);
        let read = trail::each(&self.audit, |record| {
            replay.take(record);
            Ok::<(), Infallible>(())
        });
        if read.is_none() {
            return usage();
        }
        let found = replay.done();
        if self.json {
            print(&format!("{:#}\n", found.json()))?;
        } else {
            print(&format!("{}\n", shown(&found.text())))?;
        }
        Ok(if found.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
