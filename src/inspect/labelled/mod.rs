//! Values that only a name, a column head or a label explains: names of persons, addresses,
//! dates of birth, numbers of documents.
//!
//! Owns what the value of such a class looks like, and where it ends. Assumes that something
//! beside the text says which class it is of, and that the text begins with the value.
//! Guarantees: a value ends at the end of a character and before the label of the next one;
//! what says that there is no value, or hides it, is none; at most [`BYTES_MAX`] bytes of a
//! text are looked at, once for each of a fixed number of questions.
//!
//! How sure it is: a name beside a value that has the shape of its class makes it likely;
//! certain is what could be nothing else; possible what could be many things.

mod address;
mod date;
mod month;
mod native;
mod number;
mod person;
mod shape;
#[cfg(test)]
mod tests;
mod token;
mod words;

use super::candidate::Around;
use super::device;
use crate::class::{Class, ClassSet, Confidence};

/// How a value stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The text is all of a JSON string, number or table cell.
    Whole,
    /// The value begins the text, and ends somewhere in it.
    Begin,
}

/// A value and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Labelled {
    /// Unit: bytes, from the beginning of the text.
    pub(super) length: usize,
    pub(super) confidence: Confidence,
}

/// The value of this class with which the text begins, given that a name or label says
/// that it is one. Of a whole text it may be only the first part: `Jane Roe <jane@…>`.
pub(super) fn judge(class: Class, text: &[u8], extent: Extent) -> Option<Labelled> {
    let text = readable(text);
    let (lead, value) = match extent {
        Extent::Whole if text.len() >= BYTES_MAX => return None,
        Extent::Whole => {
            let value = text.trim_start();
            (text.len() - value.len(), value.trim_end())
        }
        Extent::Begin => (0, text),
    };
    if is_nothing(value, extent) {
        return None;
    }
    let found = match class {
        Class::PersonName => person::judge(value, extent),
        Class::PostalAddress => address::judge(value, extent),
        Class::DateOfBirth => date::judge(value),
        Class::CardCode => number::card_code(value),
        Class::Geo => coordinates(value),
        _ => number::judge(class, value, extent),
    }?;
    Some(Labelled { length: lead + found.length, ..found })
}

/// The text as far as it is UTF-8 and looked at.
fn readable(text: &[u8]) -> &str {
    let text = text.get(..BYTES_MAX).unwrap_or(text);
    match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let valid = text.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    }
}

/// Whether the text says that there is no value, shows a template or a label in its place,
/// or hides it already.
fn is_nothing(text: &str, extent: Extent) -> bool {
    let Some(first) = text.chars().next() else { return true };
    if matches!(first, '[' | '<' | '{' | '$' | '%' | '*' | '\u{2022}' | '?' | '_' | '\\') {
        return true;
    }
    let word = match extent {
        Extent::Whole => text,
        Extent::Begin => {
            let ends = |symbol: char| !symbol.is_alphanumeric() && symbol != '/';
            let length = text.find(ends).unwrap_or(text.len());
            text.get(..length).unwrap_or_default()
        }
    };
    let rest = text.get(word.len()..).unwrap_or_default().trim_start();
    let crosses = text.bytes().take_while(|byte| matches!(byte, b'x' | b'X')).count();
    let crosses = crosses >= 3 || (crosses == 2 && word.len() == 2);
    // `Unknown Road 5` is a value, `unknown, …` is none.
    let alone = !rest.starts_with(|symbol: char| symbol.is_alphanumeric());
    crosses || (alone && words::is_no_value(word))
}

/// A pair of coordinates, or one of them.
fn coordinates(text: &str) -> Option<Labelled> {
    let on: ClassSet = [Class::Geo].into_iter().collect();
    let pair = device::geo(text.as_bytes(), 0, Around { named: on, on });
    let length = pair.or_else(|| device::measure(text.as_bytes()))?;
    Some(Labelled { length, confidence: Confidence::Likely })
}

/// How much of a text is looked at. Unit: bytes. No value here is as long.
const BYTES_MAX: usize = 512;
