//! Tables of which each row is a line.

mod fields;

use std::ops::Range;

use super::head::{Evidence, are_heads, are_pairs};
use fields::{Counts, Shape, bar_at, dash_columns, is_rule, rule_columns};

/// A table of lines.
#[derive(Debug)]
pub(super) struct Lines {
    shape: Shape,
    pub(super) heads: Vec<Range<usize>>,
    /// Whether each row is a name and its value.
    pairs: bool,
    /// Whether the lines may begin with the mark of a diff.
    marked: bool,
    /// The cells of the last row; none where the line only divides others.
    pub(super) cells: Vec<Range<usize>>,
}

impl Lines {
    fn new(shape: Shape, heads: Vec<Range<usize>>, pairs: bool) -> Lines {
        Lines { shape, heads, pairs, marked: false, cells: Vec::new() }
    }

    /// Where the first table from a place on begins.
    pub(super) fn first(text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        let mut end = end_of(text, at);
        let mut counts = Counts::of(text.get(at..end)?);
        // The last line is nobody's head.
        while end < text.len() {
            let line = text.get(at..end)?;
            let next_end = end_of(text, end + 1);
            let next = text.get(end + 1..next_end)?;
            let next_counts = Counts::of(next);
            let could_be = counts.could_match(&next_counts) || is_rule(next) || is_special(line);
            if could_be && could_be_head(line) && Lines::begin(text, at).is_some() {
                return Some(at);
            }
            (at, end, counts) = (end + 1, next_end, next_counts);
        }
        None
    }

    /// The table whose head is the line at a place, and where its rows begin.
    pub(super) fn begin(text: &[u8], at: usize) -> Option<(Lines, usize)> {
        let end = end_of(text, at);
        let line = text.get(at..end)?;
        let behind = (end + 1).min(text.len());
        if let Some(heads) = copied_columns(line, at) {
            return Some((Lines::new(Shape::Tab, heads, false), behind));
        }
        if line.starts_with(RECORD) {
            return Some((Lines::new(Shape::Bar, Vec::new(), true), behind));
        }
        let next_end = end_of(text, behind);
        let next = text.get(behind..next_end)?;
        let (shape, heads, behind) = if is_rule(next) {
            let (shape, heads) = under_rule(text, at, line, next)?;
            (shape, heads, (next_end + 1).min(text.len()))
        } else {
            let (shape, heads) = separated(text, at, line)?;
            (shape, heads, behind)
        };
        let pairs = are_pairs(text, &heads);
        let marked = mark_of_diff(line) > 0 || line.starts_with(b" ");
        Some((Lines { marked, ..Lines::new(shape, heads, pairs) }, behind))
    }

    /// Reads the line at a place; returns where the next one begins, and nothing where the table
    /// has ended.
    pub(super) fn row(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let end = end_of(text, at);
        let line = text.get(at..end)?;
        let shown = line.trim_ascii();
        if shown.is_empty() || shown == b"\\." {
            return None;
        }
        if is_rule(line) || line.starts_with(RECORD) {
            self.cells.clear();
            return Some((end + 1).min(text.len()));
        }
        let mark = if self.marked { mark_of_diff(line) } else { 0 };
        let behind = self.shape.read(text, at + mark, &mut self.cells);
        let fits = match self.heads.len() {
            1 => shown.starts_with(b"|") || bar_at(shown, 0),
            columns => self.cells.len() >= (columns / 2).max(2),
        };
        fits.then(|| behind.min(text.len()))
    }

    /// What is at the head of a cell of a row.
    pub(super) fn head(&self, column: usize) -> Option<Range<usize>> {
        match self.cells.first() {
            // The name of a value is no value.
            Some(name) if self.pairs => (column > 0).then(|| name.clone()),
            Some(_) | None => self.heads.get(column).cloned(),
        }
    }
}

/// A table whose head has a line of dashes below it.
fn under_rule(
    text: &[u8],
    at: usize,
    line: &[u8],
    rule: &[u8],
) -> Option<(Shape, Vec<Range<usize>>)> {
    if let Some(columns) = dash_columns(rule) {
        let shape = Shape::Columns(columns);
        let mut heads = Vec::new();
        shape.read(text, at, &mut heads);
        let fits = heads.len() > 1 && are_heads(text, &heads, Evidence::Rule);
        return fits.then_some((shape, heads));
    }
    let shape = if memchr::memchr(b'|', line).is_some() { Shape::Bar } else { Shape::Box };
    let mut heads = Vec::new();
    let mark = mark_of_diff(line);
    shape.read(text, at + mark, &mut heads);
    let rule = rule.get(mark_of_diff(rule)..).unwrap_or_default();
    let shown = line.get(mark..).unwrap_or_default().trim_ascii_start();
    let least = if shown.starts_with(b"|") || bar_at(shown, 0) { 1 } else { 2 };
    let columns = rule_columns(rule).unwrap_or(heads.len());
    let fits = heads.len() >= least && columns == heads.len();
    (fits && are_heads(text, &heads, Evidence::Rule)).then_some((shape, heads))
}

/// A table whose rows have as many separators as its head.
fn separated(text: &[u8], at: usize, line: &[u8]) -> Option<(Shape, Vec<Range<usize>>)> {
    let shapes = [Shape::Tab, Shape::Bar, Shape::Box, Shape::Semicolon, Shape::Comma];
    let (mut heads, mut cells) = (Vec::new(), Vec::new());
    let mark = mark_of_diff(line);
    for shape in shapes.into_iter().filter(|shape| shape.is_in(line)) {
        let evidence = match shape {
            Shape::Semicolon | Shape::Comma => Evidence::Comma,
            Shape::Tab | Shape::Bar | Shape::Box | Shape::Columns(_) => Evidence::Separator,
        };
        let behind = shape.read(text, at + mark, &mut heads);
        // The head of a table is one line.
        let one_line = behind == at + line.len() + 1;
        if heads.len() < 2 || !one_line || !are_heads(text, &heads, evidence) {
            continue;
        }
        let second = shape.read(text, behind, &mut cells);
        if cells.len() != heads.len() {
            continue;
        }
        let ends = text.get(second..).is_none_or(|t| matches!(t, [] | [b'\n' | b'\r', ..]));
        let word = |head: &Range<usize>| !text.get(head.clone()).is_some_and(|h| h.contains(&b' '));
        let telling = evidence == Evidence::Separator || heads.len() > 2 && heads.iter().all(word);
        shape.read(text, second, &mut cells);
        if ends && telling || !ends && cells.len() == heads.len() {
            return Some((shape, heads));
        }
    }
    None
}

/// Whether a line begins a table by itself.
fn is_special(line: &[u8]) -> bool {
    line.starts_with(RECORD) || line.starts_with(b"COPY ")
}

/// Judges a line by its first byte and its length.
fn could_be_head(line: &[u8]) -> bool {
    let first = line.trim_ascii_start().first();
    let begins = first.is_some_and(|byte| {
        byte.is_ascii_alphabetic()
            || matches!(byte, b'"' | b'|' | b'_' | b'#' | b'-' | b'+' | b',' | b'\t' | 0x80..)
    });
    begins && line.len() <= HEAD_LINE_BYTES_MAX
}

/// The length of what marks a line as added or removed (unified format of `diff`), where cells
/// follow and no item of a list or rule.
fn mark_of_diff(line: &[u8]) -> usize {
    let marks = matches!(line, [b'+' | b'-', behind, ..] if !matches!(behind, b' ' | b'-' | b'+'));
    usize::from(marks)
}

/// The columns of `COPY table (a, b) FROM stdin;`, which rows with tabulators follow
/// (PostgreSQL, `COPY`).
fn copied_columns(line: &[u8], at: usize) -> Option<Vec<Range<usize>>> {
    let rest = line.strip_prefix(b"COPY ")?;
    let open = memchr::memchr(b'(', rest)? + 1;
    let close = memchr::memchr(b')', rest)?;
    let list = rest.get(open..close)?;
    if !rest.get(close..)?.starts_with(b") FROM stdin") {
        return None;
    }
    let mut start = at + 5 + open;
    let columns = list.split(|byte| *byte == b',').map(|column| {
        let blanks = column.len() - column.trim_ascii_start().len();
        let range = start + blanks..start + column.len();
        start += column.len() + 1;
        range
    });
    Some(columns.collect())
}

/// Where the line that a place stands in ends.
pub(super) fn end_of(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len().max(at), |length| at + length)
}

/// The head of a record that psql shows expanded.
const RECORD: &[u8] = b"-[ RECORD ";

/// A longer first line is no head. Unit: bytes.
const HEAD_LINE_BYTES_MAX: usize = 16 * 1024;
