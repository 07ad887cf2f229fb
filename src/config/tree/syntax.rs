//! Broken YAML in words that lead out of it.

use serde_saphyr::granit_parser::ErrorKind;

use super::{CONFIG_DEPTH_MAX, Problem, Span};

/// The parser's own words, with the way out of the mistakes that people make.
pub(super) fn problem(span: Span, kind: &ErrorKind, info: &str, text: &str) -> Problem {
    let line = text.lines().nth(span.line.saturating_sub(1)).unwrap_or_default();
    let (span, message, help) = match kind {
        ErrorKind::RecursionLimitExceeded => (
            span,
            format!("nested deeper than {CONFIG_DEPTH_MAX} levels"),
            "the configuration needs no more than six",
        ),
        ErrorKind::DirectiveDisallowed => (
            span,
            "YAML directives are not supported".to_owned(),
            "remove the line that begins with `%`",
        ),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => (
            indenting_tab(span, text),
            "a tab stands where YAML wants spaces".to_owned(),
            "indent with spaces",
        ),
        _ if line.contains("${") => (
            span,
            format!("not valid YAML: {info}"),
            "between `{ }` and `[ ]`, put a value with `${NAME}` in quotes",
        ),
        _ => (
            span,
            format!("not valid YAML: {info}"),
            "check the indentation, the quotes and the brackets up to this place",
        ),
    };
    Problem::error(String::new(), span, message, help)
}

/// The parser names the value that a tab interrupts; people look for the tab.
fn indenting_tab(span: Span, text: &str) -> Span {
    let from = span.line.saturating_sub(1);
    let found = text.lines().enumerate().skip(from).find_map(|(line, content)| {
        let tab = content.chars().take_while(|c| c.is_whitespace()).position(|c| c == '\t')?;
        Some(Span { line: line + 1, column: tab + 1, length: 1 })
    });
    found.unwrap_or(span)
}
