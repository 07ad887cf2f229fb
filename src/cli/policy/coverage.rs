//! `sallyport policy coverage` and `unused`: which policies decided something, and which nothing.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::more::{opened, side};
use super::{shown, trail, usage};
use crate::cli::{ConfigFile, print};
use crate::policy::replay;

#[derive(Debug, Args)]
struct Asked {
    #[command(flatten)]
    config: ConfigFile,
    /// Audit directory, or one log file
    #[arg(long, value_name = "DIR")]
    audit: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Coverage {
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, Args)]
pub(super) struct Unused {
    #[command(flatten)]
    asked: Asked,
}

impl Coverage {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        self.asked.answer(|found| {
            let text = if self.asked.json { pretty(&found.json()) } else { shown(&found.text()) };
            (text, ExitCode::SUCCESS)
        })
    }
}

impl Unused {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        self.asked.answer(|found| {
            let json = || pretty(&found.unused_json());
            let text = if self.asked.json { json() } else { shown(&found.unused_text()) };
            let none = found.unused().is_empty();
            (text, if none { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }
}

impl Asked {
    fn answer(
        &self,
        say: impl FnOnce(&replay::Coverage<'_>) -> (String, ExitCode),
    ) -> anyhow::Result<ExitCode> {
        let Some((config, governance)) = opened(&self.config.config) else { return usage() };
        let mut found = replay::Coverage::new(side(&config, &governance.live));
        let read = trail::each(&self.audit, |record| {
            found.take(record);
            Ok::<(), Infallible>(())
        });
        if read.is_none() {
            return usage();
        }
        let (text, code) = say(&found);
        print(&format!("{text}\n"))?;
        Ok(code)
    }
}

fn pretty(json: &serde_json::Value) -> String {
    format!("{json:#}")
}
