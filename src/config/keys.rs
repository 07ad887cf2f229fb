//! What `sallyport keys` needs of a configuration: where the keys are and what they are keyed with.
//!
//! Guarantees: only the section `api_keys` has to be sound, so that keys are managed on machines
//! that hold no private key of the gateway's, and before the first key exists. What weakens the
//! pepper is an error here.

use std::path::PathBuf;

use super::check::{self, At, Context};
use super::files::Files;
use super::problem::{self, Problem, Problems, Severity};
use super::raw::{self, AuthName};
use super::{Environment, Source, Strictness, secrets, structure, tree};
use crate::api_key::Pepper;
use crate::clock::Clock;
use crate::limits::CONFIG_BYTES_MAX;

/// Where the API keys of a configuration are.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    /// The file of hashes; it may not exist yet.
    pub file: PathBuf,
    /// What they are keyed with.
    pub pepper: Pepper,
    /// Names of the servers that accept API keys.
    pub servers: Vec<String>,
}

/// Reads the section `api_keys` of a configuration.
///
/// # Errors
/// Every problem of that section, or of a text that cannot be read at all.
pub fn key_files(source: &Source, env: Environment<'_>) -> Result<KeyFiles, Problems> {
    let mut files = Files::new();
    files.note_source(source.path.as_deref(), &source.text);
    let mut cx = Context {
        env,
        strictness: Strictness::Strict,
        now_s: Some(Clock::system().unix_s()),
        base: source.folder(),
        complete: true,
        files,
        hidden: Vec::new(),
        problems: Vec::new(),
    };
    let found = read(&mut cx, source);
    let Context { files, hidden, mut problems, .. } = cx;
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    let left_out = problem::finish(&mut problems, &source.name(), &source.text, &hidden);
    let (_, files) = files.finish();
    found.filter(|_| !failed).ok_or(Problems { list: problems, left_out, files })
}

fn read(cx: &mut Context<'_>, source: &Source) -> Option<KeyFiles> {
    let refuse = |cx: &mut Context<'_>, message: &str, help: &str| {
        let span = tree::Span::START;
        cx.problems.push(Problem::error(SECTION.into(), span, message, help));
    };
    if source.text.len() > CONFIG_BYTES_MAX {
        refuse(cx, "the configuration is too large", "is it the right file?");
        return None;
    }
    let mut root = tree::parse(&source.text, &mut cx.problems)?;
    secrets::interpolate(&mut root, cx.env, &mut cx.problems);
    let found = structure::compare(&root);
    cx.hidden.extend(found.literal_secrets);
    cx.problems.extend(found.problems);
    // What else is wrong with the file is the business of `sallyport check`.
    cx.problems.retain(|problem| problem.path.starts_with(SECTION));
    let known = structure::prune(root).and_then(|root| {
        serde_json::from_value::<raw::Raw>(root.to_json()).ok().map(|raw| (root, raw))
    });
    let (root, raw) = known?;
    let Some(raw::ApiKeys { file, pepper, header: _ }) = raw.api_keys else {
        if cx.problems.is_empty() {
            refuse(
                cx,
                "the configuration has no `api_keys`",
                "add `api_keys: { file: …, pepper: { file: … } }`",
            );
        }
        return None;
    };
    let at = At::root(&root).key(SECTION).key("pepper");
    let pepper = check::pepper(cx, &at, &pepper)?;
    let accepts = |server: &raw::Server| match &server.auth {
        None => false,
        Some(raw::Auth::Named(name)) => *name == AuthName::ApiKeys,
        Some(raw::Auth::Some(some)) => {
            some.any.as_ref().is_some_and(|any| any.contains(&AuthName::ApiKeys))
        }
    };
    let servers = raw.servers.unwrap_or_default().into_iter().filter(accepts);
    let servers = servers.map(|server| server.name).collect();
    Some(KeyFiles { file: cx.resolve(&file.0), pepper, servers })
}

const SECTION: &str = "api_keys";
