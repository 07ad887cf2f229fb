//! `sallyport check FILE`: every problem at once, with line, caret and the way out.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{USAGE, print, say};
use crate::config::{self, Problems, Source, Strictness};
use crate::limits::METRIC_SERIES_WARN;
use crate::observe::budget;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Configuration file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Refuse what is only warned about otherwise: no authentication, redaction off, plain HTTP
    #[arg(long)]
    strict: bool,
    /// Print the problems as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let strictness = if self.strict { Strictness::Strict } else { Strictness::Normal };
        let checked = Source::read(&self.file)
            .and_then(|source| config::check(&source, &config::process_environment, strictness));
        match checked {
            Ok(checked) => {
                let series = budget(&checked.config)?.total();
                if self.json {
                    let mut answer = Problems::json(&checked.warnings);
                    if let Some(members) = answer.as_object_mut() {
                        members.insert("metric_series_max".to_owned(), series.into());
                    }
                    print(&format!("{answer}\n"))?;
                } else {
                    for warning in &checked.warnings {
                        say(&warning.to_string());
                    }
                    if series > METRIC_SERIES_WARN {
                        say(&many_series(series));
                    }
                    say(&summary(&checked.config, series));
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(problems) => {
                if self.json {
                    print(&format!("{}\n", Problems::json(&problems.list)))?;
                } else {
                    say(&problems.to_string());
                }
                Ok(ExitCode::from(USAGE))
            }
        }
    }
}

fn many_series(series: usize) -> String {
    format!(
        "warning: up to {series} metric series, more than {METRIC_SERIES_WARN}\n = help: drop \
         what nobody looks at when it is scraped (`metric_relabel_configs`), or give servers \
         gateways of their own"
    )
}

fn summary(config: &config::Config, series: usize) -> String {
    let servers: Vec<&str> = config.servers.iter().map(|s| s.name.as_ref()).collect();
    format!(
        "ok: {} server{} ({}), {} issuer{}, {} file{} watched, at most {series} metric series",
        servers.len(),
        plural(servers.len()),
        servers.join(", "),
        config.issuers.len(),
        plural(config.issuers.len()),
        config.files.len(),
        plural(config.files.len()),
    )
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
