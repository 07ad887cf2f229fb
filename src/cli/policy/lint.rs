//! `sallyport policy lint`: what is probably not meant.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::more::opened;
use super::{shown, usage};
use crate::cli::{ConfigFile, print, say};
use crate::config::policy_surroundings;
use crate::policy::lint::lint;
use crate::policy::problem::Problem;

#[derive(Debug, Args)]
pub(super) struct Lint {
    #[command(flatten)]
    config: ConfigFile,
    /// Exit 1 when there is a warning, too
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Lint {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let Some((config, governance)) = opened(&self.config.config) else { return usage() };
        let around = policy_surroundings(config.servers.iter().map(AsRef::as_ref));
        let mut problems = lint(&governance.live, &around);
        if let Some(shadow) = &governance.shadow {
            let more = lint(shadow, &around);
            problems.extend(more.into_iter().filter(|problem| {
                // Roles are in both sets, and so are the tools that nobody may call.
                !governance.live.rules().iter().any(|rule| rule.place.file == problem.place.file)
            }));
        }
        problems.dedup();
        let errors = problems.iter().filter(|problem| !problem.warning).count();
        if self.json {
            let list: Vec<_> = problems.iter().map(value).collect();
            print(&format!("{:#}\n", json!({ "problems": list })))?;
        } else {
            let text =
                problems.iter().map(|problem| format!("{}\n\n", shown(&problem.to_string())));
            print(&text.collect::<String>())?;
            let warnings = problems.len() - errors;
            say(&format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")));
        }
        let bad = errors > 0 || (self.strict && !problems.is_empty());
        Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn value(problem: &Problem) -> serde_json::Value {
    let Problem { place, message, help, warning } = problem;
    json!({
        "file": &*place.file,
        "line": place.line,
        "column": place.column,
        "severity": if *warning { "warning" } else { "error" },
        "message": message,
        "help": help,
    })
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
