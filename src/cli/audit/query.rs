//! `sallyport audit query`: records, or calls, that meet some conditions.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::super::progress::Progress;
use super::filters::{Filters, is_log, teller};
use super::show::{Format, Show};
use super::shred::Open;
use super::{INCOMPLETE, usage};
use crate::audit::search::{Calls, Opened, Plan, Records, search};

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// Audit directory, or one log file
    path: PathBuf,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    open: Open,
    /// Join intent and completion: one object for each call
    #[arg(long, conflicts_with_all = ["reverse", "phase", "person"])]
    calls: bool,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// The newest first
    #[arg(long)]
    reverse: bool,
    /// How they are written; by default a table on a terminal, else JSON lines
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Read everything; neither trust nor make indexes
    #[arg(long)]
    no_index: bool,
}

impl QueryArgs {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        if let Err(error) = is_log(&self.path) {
            return usage(&error);
        }
        let query = match self.filters.query() {
            Ok(query) => query,
            Err(error) => return usage(&error),
        };
        let (sealer, person) = match self.open.keys()? {
            Ok(keys) => keys,
            Err(code) => return Ok(code),
        };
        let plan = Plan { newest_first: self.reverse, indexed: !self.no_index };
        let mut show = Show::stdout(Format::or_usual(self.format));
        let mut left = self.limit.unwrap_or(u64::MAX);
        let each = |line: &[u8]| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            match show.record(line) {
                ControlFlow::Continue(()) if left > 0 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        let mut progress = Progress::new(0);
        let found = if self.calls {
            let mut calls = Opened::new(sealer.as_ref(), None, Calls::new(&query, each));
            let found = search(&self.path, plan, &mut calls, &mut teller(&mut progress));
            found.inspect(|_| calls.into_inner().finish())
        } else {
            let records = Records::new(&query, each);
            let mut records = Opened::new(sealer.as_ref(), person.as_deref(), records);
            search(&self.path, plan, &mut records, &mut teller(&mut progress))
        };
        progress.clear();
        show.finish()?;
        Ok(if found?.bad_lines > 0 { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
    }
}
