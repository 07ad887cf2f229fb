//! The configuration: as typed, as checked, as used.
//!
//! One path leads from text to [`Config`], for files and for command lines alike: YAML into a
//! tree with places (`tree`), `${…}` replaced (`secrets`), the shape compared with the schema of
//! `raw` (`structure`), the meaning checked (`check`). Guarantees: all problems are found in one
//! run, each with its line, a caret and the way out (`problem`); a [`Config`] exists only without
//! errors; a text is never trusted to be short, flat or finite.

mod check;
pub(crate) mod crl;
mod files;
mod flags;
mod keys;
mod model;
pub mod pins;
mod problem;
mod raw;
mod reference;
mod reload;
mod retention;
mod schema;
mod secrets;
mod structure;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod values;

pub use check::policy_surroundings;
pub use files::Fingerprint;
pub use flags::{Behind, Flags, from_flags};
pub use keys::{KeyFiles, key_files};
pub use model::*;
pub use problem::{PROBLEMS_MAX, Problem, Problems, Severity};
pub use reference::reference_markdown;
pub use reload::{Trigger, Watch, WatchError};
pub use retention::Retention;
pub use schema::schema;

use std::path::{Path, PathBuf};

use check::{At, Context};
use files::Files;

use crate::clock::Clock;
use crate::limits::CONFIG_BYTES_MAX;

/// A configuration text and where it came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its file; paths in the text are relative to its folder. `None` for a text that was made.
    pub path: Option<PathBuf>,
    /// The text, YAML 1.2.
    pub text: String,
}

/// How variables of the environment are found.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How much weakness a check lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// What gives protection away is a warning.
    Normal,
    /// It is an error.
    Strict,
}

/// A configuration without errors.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What is to be used.
    pub config: Config,
    /// What the user should know, by line.
    pub warnings: Vec<Problem>,
    /// What the files held that were read: the beginning of a [`Watch`].
    pub files: Fingerprint,
}

impl Source {
    /// Reads a configuration file of at most [`CONFIG_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// One problem that says why the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let shown = path.display();
        let bytes = files::read(path, CONFIG_BYTES_MAX).map_err(|why| {
            let help = "name the file with `--config FILE`";
            Problems::of_file(path.to_owned(), format!("`{shown}`: {why}"), help)
        })?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let message = format!("`{shown}` is not UTF-8 text");
            Problems::of_file(path.to_owned(), message, "save it as UTF-8")
        })?;
        Ok(Self { path: Some(path.to_owned()), text })
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "command line".into(), |path| path.display().to_string())
    }

    fn folder(&self) -> PathBuf {
        self.path.as_ref().and_then(|path| path.parent()).map(Path::to_owned).unwrap_or_default()
    }
}

/// Reads and checks a file with the environment of this process.
///
/// # Errors
/// Every problem of the file, if any of them is an error.
pub fn load(path: &Path) -> Result<Checked, Problems> {
    check(&Source::read(path)?, &process_environment, Strictness::Normal)
}

/// The environment of this process, for [`check`](fn@check). Variables that are not Unicode count
/// as unset.
#[must_use]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Checks a text. Reads the files that it names, opens no connection.
///
/// # Errors
/// Every problem of the text, if any of them is an error.
pub fn check(
    source: &Source,
    env: Environment<'_>,
    strictness: Strictness,
) -> Result<Checked, Problems> {
    check_at(source, env, strictness, Some(Clock::system().unix_s()))
}

/// As [`load`], but the dates of certificates and revocation lists are left to the caller: whoever
/// looks for what is wrong wants to see the rest too.
///
/// # Errors
/// Every other problem of the file, if any of them is an error.
pub fn load_undated(path: &Path) -> Result<Checked, Problems> {
    check_at(&Source::read(path)?, &process_environment, Strictness::Normal, None)
}

/// The same at a given time, in seconds since the Unix epoch: certificates expire. Without a time
/// no date is judged.
fn check_at(
    source: &Source,
    env: Environment<'_>,
    strictness: Strictness,
    now_s: Option<u64>,
) -> Result<Checked, Problems> {
    let mut files = Files::new();
    files.note_source(source.path.as_deref(), &source.text);
    let mut cx = Context {
        env,
        strictness,
        now_s,
        base: source.folder(),
        complete: true,
        files,
        hidden: Vec::new(),
        problems: Vec::new(),
    };
    let config = read(&mut cx, source);
    let Context { files, hidden, mut problems, .. } = cx;
    let (hash, files) = files.finish();
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    let left_out = problem::finish(&mut problems, &source.name(), &source.text, &hidden);
    match config.filter(|_| !failed) {
        Some(mut config) => {
            config.hash = hash;
            config.files = files.paths().map(Path::to_owned).collect();
            config.warnings = problems.iter().map(|problem| problem.message.clone()).collect();
            Ok(Checked { config, warnings: problems, files })
        }
        None => Err(Problems { list: problems, left_out, files }),
    }
}

/// All steps from text to configuration; problems are in the context.
fn read(cx: &mut Context<'_>, source: &Source) -> Option<Config> {
    if source.text.len() > CONFIG_BYTES_MAX {
        let message = format!("the configuration is larger than {CONFIG_BYTES_MAX} bytes");
        let span = tree::Span::START;
        cx.problems.push(Problem::error(String::new(), span, message, "is it the right file?"));
        return None;
    }
    let mut root = tree::parse(&source.text, &mut cx.problems)?;
    for (name, value) in secrets::interpolate(&mut root, cx.env, &mut cx.problems) {
        cx.files.note_value(&name, &value);
    }
    let found = structure::compare(&root);
    cx.hidden.extend(found.literal_secrets);
    cx.problems.extend(found.problems);
    cx.complete = cx.problems.is_empty();
    let root = structure::prune(root)?;
    let raw: raw::Raw = match serde_json::from_value(root.to_json()) {
        Ok(raw) => raw,
        Err(why) => {
            // What the schema admits and the types do not: a defect, but never a silent one.
            let message = format!("the configuration cannot be read: {why}");
            let help = "please report this with the file";
            let span = tree::Span::START;
            cx.problems.push(Problem::error(String::new(), span, message, help));
            return None;
        }
    };
    check::configuration(cx, raw, &At::root(&root))
}
