//! `sallyport audit tail`: the last records, and those that come.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::progress::Progress;
use super::super::say;
use super::filters::{Filters, is_log, teller};
use super::show::{Format, Show};
use super::shred::Open;
use super::{INCOMPLETE, usage};
use crate::audit::search::{
    AUDIT_FOLLOW_MS, AUDIT_TAIL_RECORDS_MAX, Follow, Opened, Plan, Records, Taker as _, search, seq,
};

#[derive(Debug, Args)]
pub(super) struct TailArgs {
    /// Audit directory
    path: PathBuf,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    open: Open,
    /// Show records that come, until this is interrupted or nobody reads any more
    #[arg(short, long)]
    follow: bool,
    /// How many of those that are there
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = records)]
    lines: usize,
    /// How they are written; by default a table on a terminal, else JSON lines
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Read everything; neither trust nor make indexes
    #[arg(long)]
    no_index: bool,
}

fn records(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > AUDIT_TAIL_RECORDS_MAX {
        return Err(format!("at most {AUDIT_TAIL_RECORDS_MAX}; `audit query` shows more"));
    }
    Ok(number)
}

impl TailArgs {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        if let Err(error) = is_log(&self.path) {
            return usage(&error);
        }
        if self.follow && self.path.is_file() {
            return usage("--follow follows the directory of a log");
        }
        let query = match self.filters.query() {
            Ok(query) => query,
            Err(error) => return usage(&error),
        };
        let (sealer, person) = match self.open.keys()? {
            Ok(keys) => keys,
            Err(code) => return Ok(code),
        };
        let (sealer, person) = (sealer.as_ref(), person.as_deref());
        let mut kept: VecDeque<Box<[u8]>> = VecDeque::new();
        let mut bad_lines = 0;
        // Before the search: what comes meanwhile is shown once, as new.
        let follow = self.follow.then(|| Follow::end_of(&self.path)).transpose();
        let follow = follow.map_err(|source| {
            anyhow::Error::new(source).context(format!("`{}`", self.path.display()))
        })?;
        let until = follow.as_ref().map(Follow::seq);
        if self.lines > 0 {
            let records = Records::new(&query, |line: &[u8]| {
                if until.is_none_or(|until| seq(line) <= until) {
                    kept.push_front(line.into());
                }
                if kept.len() < self.lines {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            let mut records = Opened::new(sealer, person, records);
            let plan = Plan { newest_first: true, indexed: !self.no_index };
            let mut progress = Progress::new(0);
            let found = search(&self.path, plan, &mut records, &mut teller(&mut progress));
            progress.clear();
            bad_lines = found?.bad_lines;
        }
        let mut show = Show::stdout(Format::or_usual(self.format));
        let mut flow = kept.iter().try_for_each(|line| show.record(line));
        if flow.is_continue() {
            flow = show.flush();
        }
        drop(kept);
        if let (Some(mut follow), ControlFlow::Continue(())) = (follow, flow) {
            // What comes is seen at once.
            let each = Records::new(&query, |line: &[u8]| match show.record(line) {
                ControlFlow::Continue(()) => show.flush(),
                gone => gone,
            });
            let mut each = Opened::new(sealer, person, each);
            let mut take = |line: &[u8]| {
                each.take(line).unwrap_or_else(|error| {
                    bad_lines += 1;
                    say(&format!("sallyport: a line of the log is {error}"));
                    ControlFlow::Continue(())
                })
            };
            while follow.step(&mut take)?.is_continue() && is_read()? {}
        }
        show.finish()?;
        Ok(if bad_lines > 0 { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
    }
}

/// Waits for the next look; whether somebody still reads what is shown.
fn is_read() -> io::Result<bool> {
    let out = io::stdout();
    // No event is asked for: that the other end is gone is told all the same.
    let mut asked = [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::empty())];
    let wait =
        Timespec::try_from(Duration::from_millis(AUDIT_FOLLOW_MS)).map_err(io::Error::other)?;
    match poll(&mut asked, Some(&wait)) {
        Ok(0) => Ok(true),
        Ok(_) => Ok(false),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
