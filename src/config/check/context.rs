//! What every part of the check shares: where it stands, and where problems go.

use std::path::{Path, PathBuf};

use super::super::files::{FileError, Files, is_world_readable};
use super::super::problem::Problem;
use super::super::structure::short;
use super::super::tree::{Node, Span, Value, join};
use super::super::values::ValueError;
use super::super::{Environment, Strictness};

/// A place in the configuration: the typed value beside its raw form.
#[derive(Debug, Clone)]
pub(in crate::config) struct At<'t> {
    path: String,
    /// The key, where there is one; otherwise the value, otherwise what is above.
    outside: Span,
    node: Option<&'t Node>,
}

impl<'t> At<'t> {
    pub(in crate::config) fn root(node: &'t Node) -> Self {
        Self { path: String::new(), outside: Span::START, node: Some(node) }
    }

    /// The value of a key, also of one that is not there.
    pub(in crate::config) fn key(&self, key: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(key));
        Self {
            path: join(&self.path, key),
            outside: entry.map_or(self.outside, |entry| entry.key_span),
            node: entry.map(|entry| &entry.node),
        }
    }

    /// The value at a position of a list.
    pub(super) fn item(&self, position: usize) -> Self {
        let item = self.node.and_then(|node| node.item(position));
        let number = item.map_or(position, |item| item.number);
        Self {
            path: format!("{}[{number}]", self.path),
            outside: item.map_or(self.outside, |item| item.node.first()),
            node: item.map(|item| &item.node),
        }
    }

    /// The key instead of its value: for names that stand as keys.
    pub(super) fn named(&self) -> Self {
        Self { path: self.path.clone(), outside: self.outside, node: None }
    }

    /// The value as it was typed, bounded, for messages.
    pub(super) fn shown(&self) -> String {
        match self.node.map(|node| &node.value) {
            Some(Value::Text(text)) => short(text.typed.as_ref().unwrap_or(&text.text)),
            Some(other @ (Value::Bool(_) | Value::Integer(_) | Value::Float(_))) => {
                Node { span: Span::START, value: other.clone() }.to_json().to_string()
            }
            Some(Value::Null | Value::List(_) | Value::Map(_) | Value::Unset) | None => {
                String::new()
            }
        }
    }

    /// Line of the place, for problems that name another one.
    pub(super) fn line(&self) -> usize {
        self.span().line
    }

    /// Scalars are underlined themselves, everything else by its key.
    fn span(&self) -> Span {
        match self.node {
            Some(Node { value: Value::List(_) | Value::Map(_), span }) => {
                if self.outside == Span::START { Span { length: 1, ..*span } } else { self.outside }
            }
            Some(node) => node.span,
            None => self.outside,
        }
    }
}

/// State of one check.
pub(in crate::config) struct Context<'a> {
    pub(in crate::config) env: Environment<'a>,
    pub(in crate::config) strictness: Strictness,
    /// Seconds since the Unix epoch, for certificates; without, no date is judged.
    pub(in crate::config) now_s: Option<u64>,
    /// Folder of the configuration file.
    pub(in crate::config) base: PathBuf,
    /// Whether the tree is as it was typed, nothing faulty taken out of it.
    pub(in crate::config) complete: bool,
    pub(in crate::config) files: Files,
    /// Places whose text is never shown.
    pub(in crate::config) hidden: Vec<Span>,
    pub(in crate::config) problems: Vec<Problem>,
}

impl Context<'_> {
    /// Something that is wrong whatever else stands in the file.
    pub(in crate::config) fn error(
        &mut self,
        at: &At<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::error(at.path.clone(), at.span(), message, help));
    }

    /// Keeps a value out of every source line that is shown.
    pub(in crate::config) fn hide(&mut self, at: &At<'_>) {
        if let Some(node) = at.node {
            node.written(&mut self.hidden);
        }
    }

    /// Something that is wrong because something else is missing. Silent while parts of the file
    /// are unreadable: what is missing may be there, spelled wrongly, and is named already.
    pub(in crate::config) fn absent(
        &mut self,
        at: &At<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.complete {
            self.error(at, message, help);
        }
    }

    /// Something that is probably not meant.
    pub(in crate::config) fn warn(
        &mut self,
        at: &At<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::error(at.path.clone(), at.span(), message, help).warning());
    }

    /// Something that gives protection away: a warning, an error of a strict check.
    pub(in crate::config) fn weak(
        &mut self,
        at: &At<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        match self.strictness {
            Strictness::Normal => self.warn(at, message, help),
            Strictness::Strict => self.error(at, message, help),
        }
    }

    /// A parsed value, or its problem.
    pub(in crate::config) fn take<T>(
        &mut self,
        at: &At<'_>,
        parsed: Result<T, ValueError>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(why) => {
                let shown = at.shown();
                let message =
                    if shown.is_empty() { why.to_string() } else { format!("`{shown}`: {why}") };
                self.error(at, message, why.help());
                None
            }
        }
    }

    /// A path as the configuration means it.
    pub(in crate::config) fn resolve(&self, typed: &str) -> PathBuf {
        self.base.join(typed)
    }

    /// Reads a file that may be known.
    pub(in crate::config) fn read(
        &mut self,
        at: &At<'_>,
        path: &Path,
        bytes_max: usize,
    ) -> Option<Vec<u8>> {
        let read = self.files.read(path, bytes_max);
        self.readable(at, path, read)
    }

    /// Reads a file that others must not read.
    pub(in crate::config) fn read_secret(&mut self, at: &At<'_>, path: &Path) -> Option<Vec<u8>> {
        let read = self.files.read_secret(path);
        let bytes = self.readable(at, path, read)?;
        if is_world_readable(path) {
            let message = format!("every user of this machine may read `{}`", path.display());
            self.weak(at, message, format!("chmod 600 {}", path.display()));
        }
        Some(bytes)
    }

    fn readable(
        &mut self,
        at: &At<'_>,
        path: &Path,
        read: Result<Vec<u8>, FileError>,
    ) -> Option<Vec<u8>> {
        match read {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let help = match why {
                    FileError::Missing => "paths are relative to the folder of this file",
                    FileError::Denied => "change its owner or its mode",
                    FileError::Irregular => "name a file, not a folder or a device",
                    FileError::TooLarge { .. } => "is it the right file?",
                    FileError::Other(_) => "check the disk and the mount",
                };
                self.error(at, format!("`{}`: {why}", path.display()), help);
                None
            }
        }
    }
}
