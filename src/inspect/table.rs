//! Tables in texts: what stands at the head of a column says what the cells below it are.
//!
//! Reads separated values (RFC 4180 and its relatives), tables of Markdown, of database shells
//! and of box-drawing characters, columns under dashes, rows of SQL statements, and tables of
//! HTML. Lines of `key: value` are no tables. Guarantees: the parts of a text are in order and
//! do not overlap, and no letter or digit stands outside them; time is linear in the text;
//! running text is not taken for a table for its commas alone.

mod head;
mod line;
mod markup;
mod sql;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;

use line::Lines;
use markup::Markup;
use sql::{Rows, Statements};

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A value, without quotes and blanks around it.
    Cell {
        start: usize,
        end: usize,
        /// What says what it is: the head of its column, or the name before it in a table of
        /// names and values. Empty where there is none.
        head: Range<usize>,
        /// Counts the rows of all tables of the text, from 1.
        row: usize,
    },
    /// The head of a column.
    Head { start: usize, end: usize },
    /// What is no table.
    Text { start: usize, end: usize },
}

/// Whether a table stands in a text.
pub(super) fn looks_like_table(text: &[u8]) -> bool {
    if text.len() < TEXT_BYTES_MIN {
        return false;
    }
    let has_lines = memchr::memchr(b'\n', text).is_some();
    let has_list = || memchr::memchr(b'(', text).is_some();
    (has_lines && Lines::first(text, 0).is_some())
        || (has_list() && sql::is_in(text))
        || markup::is_in(text)
}

/// The parts of a text.
pub(super) fn parts(text: &[u8]) -> impl Iterator<Item = Part> {
    Parts {
        text,
        at: 0,
        told: 0,
        queue: VecDeque::new(),
        table: None,
        row: 0,
        statements: Statements::default(),
        markup: None,
        lines: None,
    }
}

/// Reads a text part by part.
struct Parts<'t> {
    text: &'t [u8],
    /// What stands before was read.
    at: usize,
    /// What stands before was told.
    told: usize,
    queue: VecDeque<Part>,
    table: Option<Table>,
    row: usize,
    statements: Statements,
    /// Where the next table of the kind begins, once it was looked for; [`NOWHERE`] if none does.
    markup: Option<usize>,
    lines: Option<usize>,
}

/// The table at hand.
enum Table {
    Lines(Lines),
    Sql(Rows),
    Markup(Markup),
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.queue.pop_front() {
                return Some(part);
            }
            match self.table.take() {
                Some(table) => self.table = self.read(table),
                None if self.at < self.text.len() => self.look(),
                None if self.told == 0 => {
                    self.told = self.text.len();
                    let end = self.text.len();
                    return (end > 0).then_some(Part::Text { start: 0, end });
                }
                None if self.told < self.text.len() => self.text_until(self.text.len()),
                None => return None,
            }
        }
    }
}

impl Parts<'_> {
    /// Looks for the next table.
    fn look(&mut self) {
        let (text, at) = (self.text, self.at);
        let ahead = |known: Option<usize>| known.filter(|place| *place >= at);
        let markup = ahead(self.markup).or_else(|| markup::next(text, at)).unwrap_or(NOWHERE);
        let lines = ahead(self.lines).or_else(|| Lines::first(text, at)).unwrap_or(NOWHERE);
        let statement = self.statements.next(text, at).unwrap_or(NOWHERE);
        (self.markup, self.lines) = (Some(markup), Some(lines));
        let nearest = lines.min(statement).min(markup);
        if nearest == NOWHERE {
            self.at = text.len();
        } else if nearest == statement {
            self.at = statement + 1;
            if let Some(rows) = Rows::begin(text, statement) {
                self.at = rows.at();
                self.heads(&rows.heads);
                self.table = Some(Table::Sql(rows));
            }
        } else if nearest == markup {
            self.at = markup;
            self.table = Some(Table::Markup(Markup::begin(markup)));
        } else {
            self.at = line::end_of(text, lines) + 1;
            if let Some((table, behind)) = Lines::begin(text, lines) {
                self.at = behind;
                self.text_until(lines);
                self.heads(&table.heads);
                self.table = Some(Table::Lines(table));
            }
        }
    }

    /// Reads a row of a table, or a cell; gives the table back unless it has ended.
    fn read(&mut self, table: Table) -> Option<Table> {
        match table {
            Table::Lines(mut lines) => {
                self.at = lines.row(self.text, self.at).filter(|_| self.at < self.text.len())?;
                self.cells(&lines.cells, |column| lines.head(column));
                Some(Table::Lines(lines))
            }
            Table::Sql(mut rows) => {
                let Some(cells) = rows.row(self.text) else {
                    self.statements.failed(self.text);
                    return None;
                };
                self.at = rows.at();
                self.cells(&cells, |column| rows.heads.get(column).cloned());
                Some(Table::Sql(rows))
            }
            Table::Markup(mut markup) => {
                let cell = markup.cell(self.text);
                self.at = markup.at();
                let cell = cell?;
                let Range { start, end } = cell.range;
                self.text_until(start);
                self.told = end.max(self.told);
                self.row += usize::from(cell.opens_row);
                if start < end {
                    let row = self.row;
                    self.queue.push_back(match cell.head {
                        Some(head) => Part::Cell { start, end, head, row },
                        None => Part::Head { start, end },
                    });
                }
                Some(Table::Markup(markup))
            }
        }
    }

    fn heads(&mut self, heads: &[Range<usize>]) {
        for &Range { start, end } in heads.iter().filter(|head| !head.is_empty()) {
            self.text_until(start);
            self.queue.push_back(Part::Head { start, end });
            self.told = end;
        }
        self.text_until(self.at);
    }

    fn cells(&mut self, cells: &[Range<usize>], head: impl Fn(usize) -> Option<Range<usize>>) {
        self.row += usize::from(!cells.is_empty());
        let row = self.row;
        for (column, &Range { start, end }) in cells.iter().enumerate() {
            if start < end {
                self.text_until(start);
                let head = head(column).unwrap_or(start..start);
                self.queue.push_back(Part::Cell { start, end, head, row });
                self.told = end;
            }
        }
        self.text_until(self.at);
    }

    /// Tells what stands before a place, unless it only separates.
    fn text_until(&mut self, end: usize) {
        let start = self.told;
        self.told = end.max(start);
        let between = self.text.get(start..end).unwrap_or_default();
        if between.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
            && !markup::is_bare(between)
        {
            self.queue.push_back(Part::Text { start, end });
        }
    }
}

/// A range without the blanks at its ends.
fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let inner = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (inner.len() - inner.trim_ascii_start().len());
    start..start + inner.trim_ascii().len()
}

/// Beyond every text.
const NOWHERE: usize = usize::MAX;

/// Columns that are told apart; what stands further right is one text. Unit: columns.
const COLUMNS_MAX: usize = 256;

/// Shorter texts are no tables with a value in them: `a,b`, a line end, nine digits.
const TEXT_BYTES_MIN: usize = 12;
