//! `sallyport doctor`: looks at everything around a gateway, and says what to do.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{ConfigFile, FAILED, USAGE, print, run, say};
use crate::config;
use crate::doctor::{self, Options, Outcome, Report, show};
use crate::limits::FILE_BYTES_MAX;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    file: ConfigFile,
    /// How the answer looks
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// Exit with 1 for warnings too
    #[arg(long)]
    strict: bool,
    /// Start servers that are programs, to speak with them, and end them again
    #[arg(long)]
    start: bool,
    /// The ports of servers are closed to others by a firewall or network policy, which cannot be
    /// seen from here: warn about open ones instead of failing
    #[arg(long)]
    firewalled: bool,
    /// Authority of the gateway's certificate, PEM, where this system does not trust it
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Doctor {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let ca_pem = self.ca.as_ref().map(authority).transpose()?;
        // Dates of certificates are among what is looked at: they must not hide everything else.
        let checked = match config::load_undated(&self.file.config) {
            Ok(checked) => checked,
            Err(problems) => {
                match self.output {
                    Form::Text => say(&problems.to_string()),
                    Form::Json => self.print(&doctor::unusable(&problems.list))?,
                }
                return Ok(ExitCode::from(USAGE));
            }
        };
        let options = Options { start_processes: self.start, firewalled: self.firewalled, ca_pem };
        let runtime = run::runtime()?;
        let examined =
            runtime.block_on(doctor::examine(checked.config, &checked.warnings, options));
        // What did not end in time is not waited for.
        runtime.shutdown_background();
        let report = examined.context("the client for issuers cannot be set up")?;
        self.print(&report)?;
        Ok(self.verdict(&report))
    }

    fn verdict(&self, report: &Report) -> ExitCode {
        let warned = self.strict && report.count(Outcome::Warning) > 0;
        if report.count(Outcome::Failed) > 0 || warned {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        let text = match self.output {
            Form::Text => show::text(report),
            Form::Json => format!("{:#}\n", show::json(report)),
        };
        print(&text).map(drop)
    }
}

fn authority(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?
        .len();
    anyhow::ensure!(
        usize::try_from(size).is_ok_and(|size| size <= FILE_BYTES_MAX),
        "`{}` is larger than {FILE_BYTES_MAX} bytes",
        path.display()
    );
    std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))
}
