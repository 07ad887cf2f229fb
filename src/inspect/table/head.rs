//! Whether cells are the heads of columns: names, not sentences, numbers or code.

use std::ops::Range;

/// How much else says that this is a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A line of dashes.
    Rule,
    /// A separator that running text does not have: a tabulator, a bar.
    Separator,
    /// Commas or semicolons.
    Comma,
}

/// Whether all of the cells are heads.
pub(super) fn are_heads(text: &[u8], cells: &[Range<usize>], evidence: Evidence) -> bool {
    let empty = cells.iter().filter(|cell| cell.is_empty()).count();
    // The column of numbers that statistics programs write has no name.
    let empty_max = match evidence {
        Evidence::Rule => cells.len().saturating_sub(1),
        Evidence::Separator | Evidence::Comma => usize::from(cells.len() > 2),
    };
    let spaced = || {
        cells.windows(2).any(|pair| match pair {
            [left, right] => text.get(left.end..right.start).is_some_and(|gap| gap.contains(&b' ')),
            _ => false,
        })
    };
    let words_max = match evidence {
        Evidence::Rule => 8,
        Evidence::Separator => 5,
        Evidence::Comma if spaced() => 2,
        Evidence::Comma => 4,
    };
    let mut filled = cells.iter().filter(|cell| !cell.is_empty());
    empty <= empty_max
        && filled.all(|c| is_head(text.get(c.clone()).unwrap_or_default(), words_max, evidence))
}

fn is_head(cell: &[u8], words_max: usize, evidence: Evidence) -> bool {
    let Some(first) = cell.first().filter(|_| cell.len() <= HEAD_BYTES_MAX) else {
        return false;
    };
    if evidence == Evidence::Rule {
        return words(cell) <= words_max;
    }
    let count = |accept: fn(&u8) -> bool| cell.iter().filter(|byte| accept(byte)).count();
    let letters = count(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let begins = first.is_ascii_alphabetic() || matches!(first, b'_' | b'#' | 0x80..);
    let strange = count(|byte| {
        matches!(byte, b'@' | b'=' | b'!' | b';' | b':' | b'"' | b'\\' | b'`' | b'*')
            || matches!(byte, b'{' | b'}' | b'<' | b'>' | 0..=31)
    });
    begins
        && (letters > count(u8::is_ascii_digit) || *first == b'#')
        && count(|byte| *byte == b'(') == count(|byte| *byte == b')')
        && strange == 0
        && !cell.ends_with(b".")
        && words(cell) <= words_max
}

fn words(cell: &[u8]) -> usize {
    cell.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count()
}

/// Whether the heads of two columns say that each row is a name and its value.
pub(super) fn are_pairs(text: &[u8], heads: &[Range<usize>]) -> bool {
    let [name, value] = heads else { return false };
    let is_one_of = |head: &Range<usize>, words: &[&[u8]]| {
        let head = text.get(head.clone()).unwrap_or_default();
        let is_mark = |byte: &u8| matches!(byte, b'*' | b'_');
        let from = head.iter().take_while(|byte| is_mark(byte)).count();
        let head = head.get(from..).unwrap_or_default();
        let marks = head.iter().rev().take_while(|byte| is_mark(byte)).count();
        let head = head.get(..head.len() - marks).unwrap_or_default();
        words.iter().any(|word| head.eq_ignore_ascii_case(word))
    };
    is_one_of(value, VALUES) || is_one_of(name, NAMES)
}

/// Heads of columns of values, in the languages in which such tables are met most.
const VALUES: &[&[u8]] = &[
    b"value",
    b"values",
    b"data",
    b"details",
    b"detail",
    b"content",
    b"information",
    b"info",
    b"answer",
    b"entry",
    b"current value",
    b"wert",
    b"inhalt",
    b"angabe",
    b"angaben",
    b"valeur",
    b"valor",
    b"valore",
    b"waarde",
];

/// Heads of columns of names of values.
const NAMES: &[&[u8]] = &[
    b"field",
    b"field name",
    b"key",
    b"property",
    b"attribute",
    b"parameter",
    b"setting",
    b"variable",
    b"variable_name",
    b"feld",
    b"merkmal",
    b"eigenschaft",
    b"champ",
    b"campo",
];

/// Longer heads are sentences. Unit: bytes.
const HEAD_BYTES_MAX: usize = 64;
