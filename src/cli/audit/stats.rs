//! `sallyport audit stats`: how many calls, how many refused, how long they took.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::super::print;
use super::super::progress::Progress;
use super::filters::{Filters, is_log, teller};
use super::show::cell;
use super::shred::Open;
use super::{INCOMPLETE, usage};
use crate::audit::search::{By, Field, Group, Opened, Plan, Summary, search};

#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    /// Audit directory, or one log file
    path: PathBuf,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    open: Open,
    /// Count by what
    #[arg(long, value_enum)]
    by: Option<Word>,
    /// Show so many groups, those with most records
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Word {
    Server,
    Principal,
    Tool,
    Decision,
    Code,
    Class,
    Hour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One object
    Json,
}

impl Word {
    const fn by(self) -> By {
        match self {
            Self::Server => By::Field(Field::Server),
            Self::Principal => By::Field(Field::Principal),
            Self::Tool => By::Field(Field::Resource),
            Self::Decision => By::Field(Field::Decision),
            Self::Code => By::Field(Field::Code),
            Self::Class => By::Field(Field::Class),
            Self::Hour => By::Hour,
        }
    }
}

impl StatsArgs {
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
        let summary = Summary::new(&query, self.by.map_or(By::All, Word::by));
        let mut summary = Opened::new(sealer.as_ref(), person.as_deref(), summary);
        let mut progress = Progress::new(0);
        let plan = Plan { newest_first: false, indexed: false };
        let found = search(&self.path, plan, &mut summary, &mut teller(&mut progress));
        progress.clear();
        let (found, summary) = (found?, summary.into_inner());
        let groups = summary.groups();
        let shown = groups.get(..self.top).unwrap_or(&groups);
        let hidden = groups.len() - shown.len();
        match self.format {
            Form::Json => {
                let groups: Vec<Value> =
                    shown.iter().map(|(name, g)| object(Some(name), g)).collect();
                let all = json!({
                    "total": object(None, summary.total()),
                    "groups": groups,
                    "groups_left_out": hidden,
                    "lines_left_out": found.bad_lines,
                });
                print(&format!("{all}\n"))?;
            }
            Form::Table => {
                let mut out = HEAD.to_owned();
                for (name, group) in shown {
                    out.push_str(&row(name, group));
                }
                if hidden > 0 {
                    out.push_str(&format!("and {hidden} more\n"));
                }
                out.push_str(&row("all", summary.total()));
                print(&out)?;
            }
        }
        Ok(if found.bad_lines > 0 { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
    }
}

fn object(name: Option<&str>, group: &Group) -> Value {
    let mut object = json!({
        "calls": group.calls,
        "refused": group.refused,
        "refused_share": group.refused_share(),
        "completed": group.completed,
        "records": group.records,
        "latency_ms": {
            "p50": group.latency_ms(0.5),
            "p95": group.latency_ms(0.95),
            "p99": group.latency_ms(0.99),
        },
    });
    if let (Some(name), Some(members)) = (name, object.as_object_mut()) {
        members.shift_insert(0, "name".to_owned(), name.into());
    }
    object
}

fn row(name: &str, group: &Group) -> String {
    let ms = |share| group.latency_ms(share).map_or("-".to_owned(), |ms| format!("{ms:.2}"));
    let refused =
        group.refused_share().map_or("-".to_owned(), |share| format!("{:.2} %", share * 100.0));
    format!(
        "{:<32} {:>10} {:>10} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10}\n",
        cell(name, 32),
        group.calls,
        group.refused,
        refused,
        group.completed,
        group.records,
        ms(0.5),
        ms(0.95),
        ms(0.99),
    )
}

const HEAD: &str = "name                                  calls    refused     share  completed    \
                    records     p50 ms     p95 ms     p99 ms\n";
