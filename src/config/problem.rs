//! What is wrong with a configuration, where, and what to do about it.
//!
//! Owns the one form in which every problem is shown, whichever check found it: message, place,
//! source line with carets, help. Guarantees: a literal secret that was found in the file is not
//! repeated in an excerpt, and excerpts are never part of the JSON form, which may end in a log.

use crate::limits::EXCERPT_CHARS_MAX;
pub use crate::limits::PROBLEMS_MAX;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::files::Fingerprint;
use super::tree::Span;

/// Whether a problem stops the configuration from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where in the configuration, such as `servers[0].upstream.url`; empty for the file.
    pub path: String,
    /// File as it was named by the user.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters that are meant.
    #[serde(skip)]
    pub(super) length: usize,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The line of the file, cut around the place.
    #[serde(skip)]
    excerpt: Excerpt,
}

/// Every problem of a configuration that cannot be used, errors and warnings, by line.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    /// By line and column, at most [`PROBLEMS_MAX`].
    pub list: Vec<Problem>,
    /// How many more there are.
    pub left_out: usize,
    /// The files that were read or missed: a watcher follows them, so that a repair is seen.
    pub files: Fingerprint,
}

impl Problem {
    pub(super) fn error(
        path: String,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            path,
            file: String::new(),
            line: span.line,
            column: span.column,
            length: span.length,
            severity: Severity::Error,
            message: message.into(),
            help: help.into(),
            excerpt: Excerpt::default(),
        }
    }

    /// In another file than the configuration, with the line that is meant.
    pub(super) fn of_other(
        file: String,
        (line, column, length): (usize, usize, usize),
        excerpt: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let span = Span { line, column, length };
        let chars: Vec<char> =
            excerpt.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let excerpt = Excerpt::cut(&chars, column, length);
        Self { file, excerpt, ..Self::error(String::new(), span, message, help) }
    }

    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{word}: {}", self.message)?;
        let width = self.line.to_string().len();
        let (file, line, column) = (&self.file, self.line, self.column);
        write!(f, "{:width$}--> {file}:{line}:{column}", "")?;
        if !self.path.is_empty() {
            write!(f, " ({})", self.path)?;
        }
        writeln!(f)?;
        if !self.excerpt.line.is_empty() {
            let carets = "^".repeat(self.excerpt.carets);
            writeln!(f, "{:width$} |", "")?;
            writeln!(f, "{line} | {}", self.excerpt.line)?;
            writeln!(f, "{:width$} | {:2$}{carets}", "", "", self.excerpt.before)?;
        }
        write!(f, "{:width$} = help: {}", "", self.help)
    }
}

impl Problems {
    /// The machine-readable form, also of warnings alone.
    #[must_use]
    pub fn json(list: &[Problem]) -> serde_json::Value {
        serde_json::json!({ "problems": list })
    }

    /// How many of the list are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// A file that could not even be read.
    pub(super) fn of_file(path: PathBuf, message: String, help: &str) -> Self {
        let mut problem = Problem::error(String::new(), Span::START, message, help);
        problem.file = path.display().to_string();
        Self { list: vec![problem], left_out: 0, files: Fingerprint::missing(path) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            writeln!(f, "{problem}\n")?;
        }
        let errors = self.errors();
        let warnings = self.list.len().saturating_sub(errors);
        write!(f, "{}, {}", counted(errors, "error"), counted(warnings, "warning"))?;
        if self.left_out > 0 {
            write!(f, ", {} more not shown", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Sorts problems, names their file, cuts their excerpts and keeps the first [`PROBLEMS_MAX`].
/// Returns how many were left out.
///
/// `hidden` are places of literal secrets: they show as dots.
pub(super) fn finish(list: &mut Vec<Problem>, file: &str, text: &str, hidden: &[Span]) -> usize {
    list.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    let left_out = list.len().saturating_sub(PROBLEMS_MAX);
    list.truncate(PROBLEMS_MAX);
    let lines: Vec<&str> = text.lines().collect();
    for problem in list.iter_mut().filter(|problem| problem.file.is_empty()) {
        file.clone_into(&mut problem.file);
        let line = lines.get(problem.line.saturating_sub(1)).copied().unwrap_or_default();
        let mut chars: Vec<char> =
            line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        for span in hidden.iter().filter(|span| span.line == problem.line) {
            let secret = chars.iter_mut().skip(span.column.saturating_sub(1)).take(span.length);
            secret.for_each(|c| *c = '.');
        }
        problem.excerpt = Excerpt::cut(&chars, problem.column, problem.length);
    }
    left_out
}

/// One line around a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Excerpt {
    line: String,
    /// Characters before the first caret.
    before: usize,
    carets: usize,
}

impl Excerpt {
    fn cut(line: &[char], column: usize, length: usize) -> Self {
        let at = column.saturating_sub(1).min(line.len());
        let start =
            if line.len() > EXCERPT_CHARS_MAX { at.saturating_sub(EXCERPT_LEAD) } else { 0 };
        let mut text: String = line.iter().skip(start).take(EXCERPT_CHARS_MAX).collect();
        let mut before = at - start;
        if start > 0 {
            text.insert(0, '…');
            before += 1;
        }
        if line.len() > start + EXCERPT_CHARS_MAX {
            text.push('…');
        }
        let carets = length.min((text.chars().count() + 1).saturating_sub(before)).max(1);
        Self { line: text, before, carets }
    }
}

/// Characters shown before the place where a long line was cut.
const EXCERPT_LEAD: usize = 40;

#[cfg(test)]
mod tests {
    use super::{PROBLEMS_MAX, Problem, Span, finish};

    fn shown(text: &str, line: usize, column: usize, length: usize, hidden: &[Span]) -> String {
        let span = Span { line, column, length };
        let mut list = vec![Problem::error("a.b".into(), span, "it is wrong", "make it right")];
        finish(&mut list, "s.yaml", text, hidden);
        list[0].to_string()
    }

    #[test]
    fn problem_shows_place_line_caret_and_help() {
        assert_eq!(
            shown("x\n  key: value\n", 2, 8, 5, &[]),
            "error: it is wrong\n --> s.yaml:2:8 (a.b)\n  |\n2 |   key: value\n  |        ^^^^^\n  = help: make it right"
        );
    }

    #[test]
    fn tab_and_line_beyond_the_end_do_not_move_the_caret() {
        assert!(shown("\tkey: v", 1, 2, 3, &[]).contains("1 |  key: v\n  |  ^^^\n"));
        assert!(
            shown("a", 9, 5, 3, &[]).ends_with(" --> s.yaml:9:5 (a.b)\n  = help: make it right")
        );
    }

    #[test]
    fn long_line_is_cut_around_its_place() {
        let text = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let shown = shown(&text, 1, 501, 4, &[]);
        let lines: Vec<&str> = shown.lines().collect();
        let before = lines[3].split("HERE").next().unwrap().chars().count();
        assert_eq!(lines[4].find('^'), Some(before));
        assert!(lines[3].chars().count() < 140);
    }

    #[test]
    fn secret_is_not_repeated() {
        let hidden = [Span { line: 1, column: 8, length: 7 }];
        let shown = shown("value: hunter2", 1, 8, 7, &hidden);
        assert!(!shown.contains("hunter") && shown.contains("value: ......."), "{shown}");
    }

    #[test]
    fn list_ends_at_problems_max() {
        let problem = Problem::error(String::new(), Span::START, "m", "h");
        let mut list = vec![problem; PROBLEMS_MAX + 7];
        assert_eq!(finish(&mut list, "f", "", &[]), 7);
        assert_eq!(list.len(), PROBLEMS_MAX);
    }
}
