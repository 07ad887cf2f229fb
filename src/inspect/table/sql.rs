//! Rows of SQL: `INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')`.

use std::ops::Range;

use super::{COLUMNS_MAX, NOWHERE, trimmed};

/// The rows of a statement.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) heads: Vec<Range<usize>>,
    at: usize,
}

/// Whether such a statement stands in a text.
pub(super) fn is_in(text: &[u8]) -> bool {
    let mut statements = Statements::default();
    let mut from = 0;
    while let Some(at) = statements.next(text, from) {
        if Rows::begin(text, at).is_some() {
            return true;
        }
        from = at + 1;
    }
    false
}

/// The places of a text where statements may begin.
#[derive(Debug, Default)]
pub(super) struct Statements {
    /// Where the word stands next in small letters and in capitals, once it was looked for.
    lower: Option<usize>,
    upper: Option<usize>,
    /// Bytes that were read as rows and are none.
    failed: usize,
}

impl Statements {
    /// The next one from a place on.
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        if self.failed > text.len().saturating_mul(FAILED_MAX) {
            return None;
        }
        // The first letter may be a capital in both.
        let rest = text.get(from..)?;
        let find = |known: Option<usize>, word: &[u8]| match known {
            Some(place) if place >= from => place,
            _ => memchr::memmem::find(rest, word).map_or(NOWHERE, |place| from + place),
        };
        let lower = *self.lower.insert(find(self.lower, b"nsert "));
        let upper = *self.upper.insert(find(self.upper, b"NSERT "));
        let found = lower.min(upper);
        (found != NOWHERE).then(|| found.saturating_sub(1).max(from))
    }

    /// Notes that what followed a statement was no row.
    pub(super) fn failed(&mut self, text: &[u8]) {
        self.failed += ROW_BYTES_MAX.min(text.len());
    }
}

impl Rows {
    /// The rows of the statement at a place; nothing where it does not name its columns.
    pub(super) fn begin(text: &[u8], at: usize) -> Option<Rows> {
        let mut reader = Reader { text, at };
        reader.word(b"insert")?;
        if reader.word(b"ignore").is_none() {
            reader.word(b"or").and_then(|()| reader.name());
        }
        reader.word(b"into")?;
        reader.name()?;
        let heads = reader.columns()?;
        reader.word(b"values")?;
        (reader.byte() == Some(b'(')).then_some(Rows { heads, at: reader.at })
    }

    /// Behind the last row that was read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The cells of the next row; nothing where the statement has ended.
    pub(super) fn row(&mut self, text: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut reader = Reader { text, at: self.at };
        reader.blanks();
        if reader.byte() == Some(b',') {
            reader.at += 1;
            reader.blanks();
        }
        let cells = reader.list()?;
        self.at = reader.at;
        Some(cells.into_iter().map(|cell| unquoted(text, cell)).collect())
    }
}

/// A value without the quotes around it.
fn unquoted(text: &[u8], range: Range<usize>) -> Range<usize> {
    match text.get(range.clone()).unwrap_or_default() {
        [b'\'', .., b'\''] | [b'"', .., b'"'] | [b'`', .., b'`'] | [b'[', .., b']'] => {
            range.start + 1..range.end - 1
        }
        [b'N' | b'E', b'\'', .., b'\''] => range.start + 2..range.end - 1,
        _ => range,
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    /// A word in letters of any case, and the blanks behind it.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        let here = self.rest().get(..word.len())?;
        let behind = self.rest().get(word.len());
        let ends = behind.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        if !ends || !here.eq_ignore_ascii_case(word) {
            return None;
        }
        self.at += word.len();
        self.blanks();
        Some(())
    }

    /// The name of a table, and the blanks behind it.
    fn name(&mut self) -> Option<()> {
        let is_part = |byte: &&u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'.' | b'"' | b'`' | b'[' | b']' | b'$' | 0x80..)
        };
        let length = self.rest().iter().take(NAME_BYTES_MAX).take_while(is_part).count();
        self.at += length;
        self.blanks();
        (length > 0).then_some(())
    }

    /// The names of columns in parentheses, and the blanks behind them.
    fn columns(&mut self) -> Option<Vec<Range<usize>>> {
        let list = self.rest().strip_prefix(b"(")?;
        let is_part = |byte: &&u8| {
            byte.is_ascii_alphanumeric()
                || byte.is_ascii_whitespace()
                || matches!(byte, b'_' | b'"' | b'`' | b'[' | b']' | b'$' | b',' | b'-' | 0x80..)
        };
        let length = list.iter().take_while(is_part).count();
        if list.get(length) != Some(&b')') {
            return None;
        }
        let mut start = self.at + 1;
        let mut columns = Vec::new();
        for column in list.get(..length)?.split(|byte| *byte == b',').take(COLUMNS_MAX) {
            let range = trimmed(self.text, start..start + column.len());
            columns.push(unquoted(self.text, range));
            start += column.len() + 1;
        }
        self.at += length + 2;
        self.blanks();
        Some(columns)
    }

    /// What stands in parentheses, separated by commas, and the blanks behind it. Moves only if
    /// they are closed, within bounds.
    fn list(&mut self) -> Option<Vec<Range<usize>>> {
        let list = self.rest().strip_prefix(b"(")?;
        let list = list.get(..ROW_BYTES_MAX).unwrap_or(list);
        let base = self.at + 1;
        let mut items = Vec::new();
        let (mut start, mut depth, mut at) = (0, 0_usize, 0);
        loop {
            match list.get(at)? {
                quote @ (b'\'' | b'"' | b'`') => at += quoted_length(list.get(at + 1..)?, *quote)?,
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b')' => break,
                b',' if depth == 0 && items.len() < COLUMNS_MAX => {
                    items.push(trimmed(self.text, base + start..base + at));
                    start = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        items.push(trimmed(self.text, base + start..base + at));
        self.at = base + at + 1;
        self.blanks();
        Some(items)
    }
}

/// The length of a quoted text with the quote that closes it: doubled quotes and, as MySQL has it,
/// those behind a backslash are part of it.
fn quoted_length(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(quote, b'\\', text.get(at..)?)?;
        let is_quote = text.get(at) == Some(&quote);
        if is_quote && text.get(at + 1) != Some(&quote) {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Unit: bytes. PostgreSQL has 63, MySQL 64, SQL Server 128, each for one part of a name.
const NAME_BYTES_MAX: usize = 256;

/// A longer row is no row. Unit: bytes.
const ROW_BYTES_MAX: usize = 16 * 1024;

/// Texts full of statements without rows are read so many times over.
const FAILED_MAX: usize = 8;
