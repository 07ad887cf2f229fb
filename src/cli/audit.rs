//! `sallyport audit`: check and read the trail, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{print, say};
use crate::audit::{self, Filter, Head, Records};
use crate::observe::SCHEMA;

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify chain, sequence and head; says what was checked and what could not be
    ///
    /// Exit codes: 0 verified, 10 chain broken, 12 gap or truncation, 13 the head contradicts.
    Verify {
        /// Audit directory, or one log file
        path: PathBuf,
        /// A head that was remembered elsewhere, `SEQ:HASH`: finds truncation and roll-back
        #[arg(long, value_name = "SEQ:HASH")]
        expect_head: Option<Head>,
    },
    /// Print the JSON Schema of the records
    Schema,
    /// Print records, one JSON object a line
    Cat {
        /// Audit directory, or one log file
        path: PathBuf,
        /// Only records of this request
        #[arg(long)]
        request_id: Option<String>,
        /// Only records of this phase
        #[arg(long, value_parser = ["intent", "completion", "refused", "batch", "document"])]
        phase: Option<String>,
    },
}

impl Audit {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Verify { path, expect_head } => {
                let report = audit::verify(&path, expect_head, |_| {})?;
                print(&report.to_string())?;
                Ok(ExitCode::from(report.exit_code()))
            }
            Command::Schema => {
                print(SCHEMA)?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Cat { path, request_id, phase } => {
                let wanted = [("request_id", request_id), ("phase", phase)];
                let equals = wanted
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect();
                let filter = Filter { equals, ..Filter::default() };
                for record in Records::open(&path, filter)? {
                    match record {
                        Ok(record) => print(&format!("{record}\n"))?,
                        Err(error) => {
                            say(&format!("sallyport: {error}"));
                            return Ok(ExitCode::FAILURE);
                        }
                    };
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
