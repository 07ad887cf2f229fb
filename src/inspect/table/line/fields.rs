//! The cells of one line, for each way in which cells are set apart.

use std::ops::Range;

use super::super::{COLUMNS_MAX, trimmed};
use super::end_of;

/// How the cells of a line are set apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Tab,
    Comma,
    Semicolon,
    /// `|`, with or without such bars at both ends of the line.
    Bar,
    /// The bars of box-drawing characters.
    Box,
    /// Each begins so many characters behind the begin of the line.
    Columns(Vec<usize>),
}

impl Shape {
    /// Whether a line has a separator of this shape.
    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        match self {
            Shape::Tab => memchr::memchr(b'\t', line).is_some(),
            Shape::Comma => memchr::memchr(b',', line).is_some(),
            Shape::Semicolon => memchr::memchr(b';', line).is_some(),
            Shape::Bar => memchr::memchr(b'|', line).is_some(),
            Shape::Box => memchr::memchr_iter(0xE2, line).any(|at| bar_at(line, at)),
            Shape::Columns(_) => true,
        }
    }

    /// Reads the cells of the line at a place; returns where the next one begins.
    pub(super) fn read(&self, text: &[u8], at: usize, cells: &mut Vec<Range<usize>>) -> usize {
        cells.clear();
        match self {
            Shape::Tab => quoted(text, at, b'\t', cells),
            Shape::Comma => quoted(text, at, b',', cells),
            Shape::Semicolon => quoted(text, at, b';', cells),
            Shape::Bar => {
                let behind = quoted(text, at, b'|', cells);
                without_edges(text, at..behind, cells);
                behind
            }
            Shape::Box => boxed(text, at, cells),
            Shape::Columns(columns) => by_columns(text, at, columns, cells),
        }
    }
}

/// Cells that may stand in quotes, in which separators, line ends and doubled quotes are part of
/// them (RFC 4180 section 2).
fn quoted(text: &[u8], at: usize, separator: u8, cells: &mut Vec<Range<usize>>) -> usize {
    let mut start = at;
    loop {
        let rest = text.get(start..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        let closed = match rest.get(blanks) {
            Some(b'"') => closing(text, start + blanks + 1, separator),
            _ => None,
        };
        let end = separator_from(text, closed.map_or(start, |close| close + 1), separator);
        cells.push(match closed {
            Some(close) => start + blanks + 1..close,
            None => trimmed(text, start..end),
        });
        if text.get(end) != Some(&separator) {
            return end + 1;
        }
        start = end + 1;
        if cells.len() == COLUMNS_MAX {
            return end_of(text, start) + 1;
        }
    }
}

/// The quote that closes a cell: not doubled, and with a separator or a line end behind it.
fn closing(text: &[u8], start: usize, separator: u8) -> Option<usize> {
    let cell = text.get(start..text.len().min(start + CELL_BYTES_MAX))?;
    let mut quotes = memchr::memchr_iter(b'"', cell);
    while let Some(quote) = quotes.next() {
        let behind = cell.get(quote + 1);
        if behind == Some(&b'"') {
            quotes.next();
            continue;
        }
        let ends = behind.is_none_or(|b| *b == separator || matches!(b, b'\n' | b'\r' | b' '));
        return ends.then_some(start + quote);
    }
    None
}

/// Where the next separator or the end of the line is.
fn separator_from(text: &[u8], start: usize, separator: u8) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let escaped = |at: usize| {
        separator == b'|' && at.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'\\')
    };
    let found = memchr::memchr2_iter(separator, b'\n', rest)
        .find(|at| rest.get(*at) == Some(&b'\n') || !escaped(*at));
    found.map_or(text.len().max(start), |at| start + at)
}

/// Without the empty cells that bars at the ends of a line make.
fn without_edges(text: &[u8], line: Range<usize>, cells: &mut Vec<Range<usize>>) {
    let line = text.get(line.start..line.end.min(text.len())).unwrap_or_default().trim_ascii();
    if line.ends_with(b"|") && cells.len() > 1 {
        cells.pop();
    }
    if line.starts_with(b"|") && !cells.is_empty() {
        cells.remove(0);
    }
}

/// Cells between the bars of box-drawing characters.
fn boxed(text: &[u8], at: usize, cells: &mut Vec<Range<usize>>) -> usize {
    let end = end_of(text, at);
    let line = text.get(at..end).unwrap_or_default();
    let mut start = 0;
    for bar in memchr::memchr_iter(0xE2, line).filter(|bar| bar_at(line, *bar)).take(COLUMNS_MAX) {
        let cell = trimmed(text, at + start..at + bar);
        if start > 0 || !cell.is_empty() {
            cells.push(cell);
        }
        start = bar + 3;
    }
    let last = trimmed(text, at + start..end);
    if !last.is_empty() {
        cells.push(last);
    }
    end + 1
}

/// Cells that begin below the groups of dashes of a rule.
fn by_columns(text: &[u8], at: usize, columns: &[usize], cells: &mut Vec<Range<usize>>) -> usize {
    let end = end_of(text, at);
    let line = text.get(at..end).unwrap_or_default();
    let begins = |byte: &u8| *byte & 0xC0 != 0x80;
    let mut characters = line.iter().enumerate().filter(|(_, byte)| begins(byte));
    // What is before the first column belongs to it.
    let mut start = at;
    let mut passed = columns.first().map_or(0, |first| {
        characters.nth(*first);
        first + 1
    });
    for column in columns.iter().skip(1) {
        let next = characters.nth(column - passed).map_or(line.len(), |(next, _)| next);
        passed = column + 1;
        cells.push(trimmed(text, start..at + next));
        start = at + next;
    }
    cells.push(trimmed(text, start..end));
    end + 1
}

/// Whether a bar of box-drawing characters stands at a place: light, heavy or double.
pub(super) fn bar_at(line: &[u8], at: usize) -> bool {
    matches!(line.get(at..at + 3), Some(b"\xE2\x94\x82" | b"\xE2\x94\x83" | b"\xE2\x95\x91"))
}

/// Whether a line only divides others: dashes, and what marks columns in them.
pub(super) fn is_rule(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_drawn = |byte: &u8| {
        matches!(byte, b'-' | b'+' | b'|' | b':' | b'=' | b' ' | b'\t' | b'_' | 0x80..=0xBF | 0xE2)
    };
    // Most lines are told apart by their first byte.
    if !line.iter().all(is_drawn) {
        return false;
    }
    let dashes = line.iter().filter(|byte| matches!(byte, b'-' | b'=' | 0xE2)).count();
    if dashes < 3 {
        return false;
    }
    // Box-drawing characters are U+2500 to U+257F.
    memchr::memchr_iter(0xE2, line).all(|at| matches!(line.get(at + 1), Some(0x94 | 0x95)))
}

/// The number of columns of a rule with bars or crosses; nothing where it has neither.
pub(super) fn rule_columns(rule: &[u8]) -> Option<usize> {
    let divides = |byte: &u8| matches!(byte, b'|' | b'+');
    if !rule.iter().any(divides) {
        return None;
    }
    Some(rule.split(divides).filter(|group| !group.trim_ascii().is_empty()).count())
}

/// Where the groups of a rule of dashes and blanks begin; nothing where it is another rule.
pub(super) fn dash_columns(rule: &[u8]) -> Option<Vec<usize>> {
    let rule = rule.trim_ascii_end();
    if !rule.iter().all(|byte| matches!(byte, b'-' | b'=' | b' ')) {
        return None;
    }
    let begins = |at: &usize| {
        rule.get(*at) != Some(&b' ')
            && at.checked_sub(1).is_none_or(|before| rule.get(before) == Some(&b' '))
    };
    let columns: Vec<_> = (0..rule.len()).filter(begins).take(COLUMNS_MAX).collect();
    (columns.len() > 1).then_some(columns)
}

/// How often what sets cells apart stands in a line.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    tabs: usize,
    bars: usize,
    semicolons: usize,
    commas: usize,
    /// Of the first byte of box-drawing characters, and of quotes: with these the others say
    /// little.
    open: usize,
}

impl Counts {
    /// Counts without branches, so that it compiles to vector instructions.
    pub(super) fn of(line: &[u8]) -> Counts {
        let mut counts = Counts::default();
        for chunk in line.chunks(255) {
            let (mut tabs, mut bars, mut semicolons, mut commas, mut open) = (0, 0, 0, 0, 0_u8);
            for byte in chunk {
                tabs += u8::from(*byte == b'\t');
                bars += u8::from(*byte == b'|');
                semicolons += u8::from(*byte == b';');
                commas += u8::from(*byte == b',');
                open |= u8::from(*byte == 0xE2) | u8::from(*byte == b'"');
            }
            counts.tabs += usize::from(tabs);
            counts.bars += usize::from(bars);
            counts.semicolons += usize::from(semicolons);
            counts.commas += usize::from(commas);
            counts.open += usize::from(open);
        }
        counts
    }

    /// Whether a line and the next one could have as many cells.
    pub(super) fn could_match(&self, next: &Counts) -> bool {
        let is_open = self.open + next.open > 0;
        let pairs = [
            (self.tabs, next.tabs),
            (self.bars, next.bars),
            (self.semicolons, next.semicolons),
            (self.commas, next.commas),
        ];
        is_open || pairs.iter().any(|(here, there)| *here > 0 && here == there)
    }
}

/// A quote that is not closed by then is no quote. Unit: bytes.
const CELL_BYTES_MAX: usize = 32 * 1024;
