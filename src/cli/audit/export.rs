//! `sallyport audit export`: records for other programs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, ValueEnum};

use super::super::progress::Progress;
use super::super::say;
use super::filters::{Filters, is_log, teller};
use super::show::{Format, Show};
use super::shred::Open;
use super::{INCOMPLETE, usage};
use crate::audit::search::{Opened, Plan, Records, search};
use crate::config::SinkFormat;
use crate::sinks::format::convert;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Audit directory, or one log file
    path: PathBuf,
    /// What the records become
    #[arg(long, value_enum)]
    format: To,
    /// New file for them; standard output by default
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    open: Open,
    /// Read everything; neither trust nor make indexes
    #[arg(long)]
    no_index: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum To {
    /// The records' own lines
    Jsonl,
    /// For spreadsheets
    Csv,
    /// OCSF API Activity (6003), with the line and its hash
    Ocsf,
    /// ArcSight Common Event Format
    Cef,
    /// Elastic Common Schema
    Ecs,
}

impl To {
    /// What stands in each line, and what becomes of the record before.
    const fn form(self) -> (Format, Option<SinkFormat>) {
        match self {
            Self::Jsonl => (Format::Jsonl, None),
            Self::Csv => (Format::Csv, None),
            Self::Ocsf => (Format::Jsonl, Some(SinkFormat::Ocsf)),
            Self::Cef => (Format::Jsonl, Some(SinkFormat::Cef)),
            Self::Ecs => (Format::Jsonl, Some(SinkFormat::Ecs)),
        }
    }
}

impl ExportArgs {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        if let Err(error) = is_log(&self.path) {
            return usage(&error);
        }
        if let Some(out) = self.out.as_deref().filter(|out| out.exists()) {
            return usage(&format!("`{}` is there already", out.display()));
        }
        let query = match self.filters.query() {
            Ok(query) => query,
            Err(error) => return usage(&error),
        };
        if self.open.is_asked() && matches!(self.format, To::Ocsf | To::Ecs) {
            return usage(
                "`ocsf` and `ecs` carry the line as the log has it, with its hash: export them \
                 without the keys, or as `jsonl`, `csv` or `cef`",
            );
        }
        let (sealer, person) = match self.open.keys()? {
            Ok(keys) => keys,
            Err(code) => return Ok(code),
        };
        let out: Box<dyn Write> = match &self.out {
            // As secret as the log.
            Some(path) => Box::new(
                File::options()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .with_context(|| format!("`{}` cannot be made", path.display()))?,
            ),
            None => Box::new(io::stdout()),
        };
        let (format, becomes) = self.format.form();
        let mut show = Show::new(BufWriter::new(out), format);
        let mut count = 0_u64;
        let records = Records::new(&query, |line: &[u8]| {
            count += 1;
            match becomes.map(|format| convert(format, &Bytes::copy_from_slice(line))) {
                None => show.record(line),
                Some(Ok(line)) => show.record(&line),
                // A line that was found is an object.
                Some(Err(_)) => ControlFlow::Continue(()),
            }
        });
        let mut records = Opened::new(sealer.as_ref(), person.as_deref(), records);
        let plan = Plan { newest_first: false, indexed: !self.no_index };
        let mut progress = Progress::new(0);
        let found = search(&self.path, plan, &mut records, &mut teller(&mut progress));
        progress.clear();
        show.finish()?;
        let found = found?;
        if let Some(path) = &self.out {
            say(&format!("{count} records are in `{}`", path.display()));
        }
        Ok(if found.bad_lines > 0 { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
    }
}
