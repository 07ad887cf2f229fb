//! `sallyport policy schema`: what policies can speak of.

use std::process::ExitCode;

use clap::Args;

use super::more::opened;
use super::usage;
use crate::cli::{ConfigFile, print, say};
use crate::policy::schema_text;

#[derive(Debug, Args)]
pub(super) struct Schema {
    #[command(flatten)]
    config: ConfigFile,
    /// With the arguments of this tool, out of the server's `tool_schemas`
    #[arg(long, value_name = "SERVER/NAME")]
    tool: Option<String>,
}

impl Schema {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let Some((_, governance)) = opened(&self.config.config) else { return usage() };
        let policies = &governance.live;
        let arguments = match &self.tool {
            None => None,
            Some(name) => match policies.world().tools.get(name.as_str()) {
                Some(tool) => Some(&tool.arguments),
                None => {
                    let why = "write SERVER/NAME; its definition has to be in `tool_schemas`";
                    say(&format!("sallyport: tool `{name}` is not known: {why}"));
                    return usage();
                }
            },
        };
        print(&schema_text(&policies.known().claims, arguments))
    }
}
