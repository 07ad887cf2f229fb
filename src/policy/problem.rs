//! What is wrong with a policy, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A place in a policy text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters that are meant, in this line.
    pub length: usize,
    /// The line.
    pub excerpt: Box<str>,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Whether the set can be used all the same.
    pub warning: bool,
}

impl Place {
    /// The place of a range of bytes in a text.
    #[must_use]
    pub fn of(file: &Arc<str>, text: &str, range: Range<usize>) -> Self {
        let start = (0..=range.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let (before, after) = text.split_at_checked(start.unwrap_or(0)).unwrap_or(("", text));
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        let rest = after.lines().next().unwrap_or_default();
        let meant = after.get(..range.len().min(rest.len())).unwrap_or(rest);
        Self {
            file: Arc::clone(file),
            line: before.matches('\n').count() + 1,
            column: in_line.chars().count() + 1,
            length: meant.chars().count().max(1),
            excerpt: format!("{in_line}{rest}").into(),
        }
    }
}

impl Problem {
    /// Something that makes the set unusable.
    pub fn error(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: help.into(), warning: false }
    }

    /// The same as something that is probably not meant.
    #[must_use]
    pub fn warn(self) -> Self {
        Self { warning: true, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column, length, excerpt } = &self.place;
        let word = if self.warning { "warning" } else { "error" };
        writeln!(f, "{word}: {}", self.message)?;
        let width = line.to_string().len();
        writeln!(f, "{:width$}--> {file}:{line}:{column}", "")?;
        let excerpt: String = excerpt.chars().take(EXCERPT_CHARS).collect();
        writeln!(f, "{:width$} |\n{line} | {excerpt}", "")?;
        let before = column.saturating_sub(1).min(EXCERPT_CHARS);
        let carets = "^".repeat((*length).min(EXCERPT_CHARS - before).max(1));
        writeln!(f, "{:width$} | {:before$}{carets}", "", "")?;
        write!(f, "{:width$} = help: {}", "", self.help)
    }
}

/// Longer lines are cut.
const EXCERPT_CHARS: usize = 160;

#[cfg(test)]
mod tests {
    use super::{Place, Problem};

    #[test]
    fn place_counts_lines_and_characters_from_one() {
        let text = "é;\n  ab cd\n";
        let at = text.find("cd").unwrap();
        let place = Place::of(&"f".into(), text, at..at + 2);
        assert_eq!((place.line, place.column, place.length), (2, 6, 2));
        let shown = Problem::error(place, "no", "yes").to_string();
        assert!(shown.contains("--> f:2:6") && shown.contains("2 |   ab cd\n"), "{shown}");
        assert!(shown.contains("|      ^^"), "{shown}");
    }

    #[test]
    fn place_beyond_the_end_or_inside_a_character_does_no_harm() {
        assert_eq!(Place::of(&"f".into(), "é", 1..9).line, 1);
        assert_eq!(Place::of(&"f".into(), "a", 99..100).column, 2);
    }
}
