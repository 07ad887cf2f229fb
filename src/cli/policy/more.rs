//! Commands that look at whole sets of policies, and at what a trail says of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use super::governed;
use super::{coverage, diff, learn, lint, replay, schema, show};
use crate::cli::{say, whole};
use crate::config::{Config, Governance};
use crate::policy::Policies;
use crate::policy::replay::{Set, Side};

#[derive(Debug, Subcommand)]
pub(super) enum More {
    /// Print a whole set as it decides, roles of the configuration included, as Cedar
    Show(show::Show),
    /// Print the schema that policies are checked against
    Schema(schema::Schema),
    /// Find policies that are probably not meant (exit 1 when one is an error)
    Lint(lint::Lint),
    /// Say which recorded calls another configuration would decide otherwise (exit 1 when some)
    Diff(diff::Diff),
    /// Ask all recorded calls again and compare with what was decided (exit 1 when some differ)
    Replay(replay::Replay),
    /// Say how many recorded calls each policy decided
    Coverage(coverage::Coverage),
    /// Name the policies that decided no recorded call (exit 1 when there are some)
    Unused(coverage::Unused),
    /// Write the least policies that would have allowed what a trail says happened
    Learn(learn::Learn),
}

impl More {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Show(show) => show.execute(),
            Self::Schema(schema) => schema.execute(),
            Self::Lint(lint) => lint.execute(),
            Self::Diff(diff) => diff.execute(),
            Self::Replay(replay) => replay.execute(),
            Self::Coverage(coverage) => coverage.execute(),
            Self::Unused(unused) => unused.execute(),
            Self::Learn(learn) => learn.execute(),
        }
    }
}

/// A configuration with its policies; `None` where there is none that can be used, which was said.
/// That is wrong usage: a bad end of these commands says something about policies.
pub(super) fn opened(path: &Path) -> Option<(Config, Arc<Governance>)> {
    governed(path).unwrap_or_else(|error| {
        say(&format!("sallyport: {}", whole(&error)));
        None
    })
}

/// The set that is meant; `None` where there are no candidates, which was said.
pub(super) fn chosen(governance: &Governance, set: Set) -> Option<&Policies> {
    match set {
        Set::Live => Some(&governance.live),
        Set::Shadow => {
            let shadow = governance.shadow.as_deref();
            if shadow.is_none() {
                say("sallyport: there is nothing in `policy.shadow`");
            }
            shadow
        }
    }
}

/// A set with the servers that it governs.
pub(super) fn side<'p>(config: &Config, policies: &'p Policies) -> Side<'p> {
    let governed = config.servers.iter().filter(|server| server.policy.is_some());
    let governs: BTreeSet<Arc<str>> = governed.map(|server| Arc::clone(&server.name)).collect();
    Side { policies, governs }
}
