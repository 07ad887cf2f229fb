//! Tables of HTML: `<th>` says what the `<td>` below it, or beside it, are.

use std::ops::Range;

use super::head::{Evidence, are_heads};
use super::{COLUMNS_MAX, trimmed};

/// The cells of a table.
#[derive(Debug, Default)]
pub(super) struct Markup {
    at: usize,
    /// The heads of the columns.
    heads: Vec<Range<usize>>,
    /// The cells of the row at hand.
    row: Vec<Range<usize>>,
    /// How many of them are heads.
    row_heads: usize,
    rows: usize,
}

/// A cell, and what says what it is: nothing if it is a head itself.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) range: Range<usize>,
    pub(super) head: Option<Range<usize>>,
    pub(super) opens_row: bool,
}

/// Whether such a table stands in a text.
pub(super) fn is_in(text: &[u8]) -> bool {
    next(text, 0).is_some()
}

/// Where the next table with cells begins: at its first row.
pub(super) fn next(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    // One pass for all texts without markup.
    let first = memchr::memchr(b'<', rest)?;
    let mut tags = tags(text, from + first);
    let (row, _) = tags.find(|(_, tag)| *tag == Tag::Row)?;
    tags.any(|(_, tag)| tag == Tag::Cell).then_some(row)
}

impl Markup {
    /// The table whose first row begins at a place.
    pub(super) fn begin(at: usize) -> Markup {
        Markup { at, ..Markup::default() }
    }

    /// Behind the last cell that was read, or behind the table.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next cell; nothing where the table has ended.
    pub(super) fn cell(&mut self, text: &[u8]) -> Option<Cell> {
        for (at, tag) in tags(text, self.at) {
            match tag {
                Tag::Row => self.end_row(text),
                Tag::Head | Tag::Cell => return self.content(text, at, tag),
                Tag::Table | Tag::EndTable => {
                    self.at = at + 1;
                    return None;
                }
            }
        }
        self.at = text.len();
        None
    }

    fn content(&mut self, text: &[u8], at: usize, tag: Tag) -> Option<Cell> {
        let opened = text.get(at..)?;
        let start = at + memchr::memchr(b'>', opened)? + 1;
        let end = ends(text, start);
        let range = trimmed(text, start..end);
        self.at = end;
        let column = self.row.len();
        let head = match tag {
            Tag::Head => None,
            _ if self.row_heads == 1 && self.heads.get(column).is_none_or(Range::is_empty) => {
                self.row.first().cloned()
            }
            _ => Some(self.heads.get(column).cloned().unwrap_or(start..start)),
        };
        if column < COLUMNS_MAX {
            self.row.push(range.clone());
            self.row_heads += usize::from(tag == Tag::Head);
        }
        Some(Cell { range, head, opens_row: column == 0 })
    }

    /// A row of heads, or a first row of names, is at the head of those below it.
    fn end_row(&mut self, text: &[u8]) {
        let row = std::mem::take(&mut self.row);
        let all_heads = !row.is_empty() && self.row_heads == row.len();
        let first = self.rows == 0 && self.row_heads == 0 && row.len() > 1;
        if all_heads || first && are_heads(text, &row, Evidence::Separator) {
            self.heads = row;
            self.rows += 1;
        } else if !row.is_empty() {
            self.rows += 1;
        }
        self.row_heads = 0;
    }
}

/// A tag of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Table,
    EndTable,
    Row,
    Head,
    Cell,
}

/// The tags of tables from a place on.
fn tags(text: &[u8], from: usize) -> impl Iterator<Item = (usize, Tag)> {
    let rest = text.get(from..).unwrap_or_default();
    memchr::memchr_iter(b'<', rest).filter_map(move |at| {
        let name = rest.get(at + 1..)?;
        tag(name).map(|tag| (from + at, tag))
    })
}

fn tag(name: &[u8]) -> Option<Tag> {
    let is = |tag: &[u8]| {
        let here = name.get(..tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(tag));
        let behind = name.get(tag.len());
        here && behind.is_some_and(|byte| matches!(byte, b'>' | b'/') || byte.is_ascii_whitespace())
    };
    if !matches!(name.first(), Some(b't' | b'T' | b'/')) {
        return None;
    }
    let tags: [(&[u8], Tag); 5] = [
        (b"td", Tag::Cell),
        (b"th", Tag::Head),
        (b"tr", Tag::Row),
        (b"table", Tag::Table),
        (b"/table", Tag::EndTable),
    ];
    tags.into_iter().find(|(tag, _)| is(tag)).map(|(_, tag)| tag)
}

/// Where the content of a cell ends: at the end of it, of its row or table, or at the next cell.
fn ends(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let found = memchr::memchr_iter(b'<', rest).find(|at| {
        let name = rest.get(at + 1..).unwrap_or_default();
        let closes = name.strip_prefix(b"/").is_some_and(|name| tag(name).is_some());
        closes || tag(name).is_some()
    });
    found.map_or(text.len(), |at| start + at)
}

/// Whether a text is nothing but tags without attributes, and blanks.
pub(super) fn is_bare(text: &[u8]) -> bool {
    let mut rest = text.trim_ascii();
    while let Some(tag) = rest.strip_prefix(b"<") {
        let length = tag.iter().take_while(|b| b.is_ascii_alphabetic() || **b == b'/').count();
        match tag.get(length..) {
            Some([b'>', behind @ ..]) => rest = behind.trim_ascii_start(),
            _ => return false,
        }
    }
    rest.is_empty()
}
