//! `sallyport policy show`: a set as it decides.

use std::process::ExitCode;

use clap::Args;

use super::more::{chosen, opened};
use super::usage;
use crate::cli::{ConfigFile, print, say};
use crate::policy::replay::Set;
use crate::policy::show::{json, text};

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// Leave out what only speaks of other servers
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// The candidates of `policy.shadow`
    #[arg(long)]
    shadow: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let set = if self.shadow { Set::Shadow } else { Set::Live };
        let Some((config, governance)) = opened(&self.config.config) else { return usage() };
        let Some(policies) = chosen(&governance, set) else { return usage() };
        let server = self.server.as_deref();
        if let Some(name) = server
            && !config.servers.iter().any(|server| *server.name == *name)
        {
            say(&format!("sallyport: there is no server `{name}`"));
            return usage();
        }
        if self.json {
            print(&format!("{:#}\n", json(policies, server)))
        } else {
            print(&text(policies, server))
        }
    }
}
