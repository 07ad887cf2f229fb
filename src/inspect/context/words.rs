//! The words of names and labels, and the longest phrases of the vocabulary in them.

use super::fold::{extended, unaccented};
use super::{Hints, NAME_BYTES_MAX};
use crate::inspect::vocabulary;

/// The words of a name, in lower case and without accents, and where they end.
pub(super) struct Split {
    text: [u8; NAME_BYTES_MAX],
    ends: [usize; SPLIT_WORDS],
    count: usize,
}

impl Default for Split {
    fn default() -> Self {
        Split { text: [0; NAME_BYTES_MAX], ends: [0; SPLIT_WORDS], count: 0 }
    }
}

impl Split {
    /// The words of a name or label.
    pub(super) fn of(name: &[u8]) -> Split {
        let mut split = Split::default();
        (Words { rest: name }).for_each(|word| split.push(word));
        split
    }

    /// What all of them together mean.
    pub(super) fn all(&self) -> Hints {
        let mut hints = Hints::NONE;
        let mut at = 0;
        while at < self.count {
            let (taken, found) = self.longest_at(at);
            hints = hints | found;
            at += taken;
        }
        hints.settled()
    }

    fn push(&mut self, word: &[u8]) {
        let mut end = self.end_of(self.count);
        let Some(slot) = self.ends.get_mut(self.count) else { return };
        if word.is_ascii() {
            let Some(room) = self.text.get_mut(end..end + word.len()) else { return };
            room.iter_mut().zip(word).for_each(|(to, from)| *to = from.to_ascii_lowercase());
            *slot = end + word.len();
            self.count += 1;
            return;
        }
        let mut bytes = word.iter();
        while let Some(byte) = bytes.next() {
            // Letters of Latin-1 without their accents: `téléphone`, `Straße`.
            let folded = match byte {
                0xC3 => bytes.next().map_or(0xC3, |second| unaccented(*second)),
                // Capitals of Cyrillic, in two rows.
                0xD0 => {
                    let second = bytes.next().copied().unwrap_or(0);
                    let (first, second) = match second {
                        0x90..=0x9F => (0xD0, second + 0x20),
                        0xA0..=0xAF => (0xD1, second - 0x20),
                        _ => (0xD0, second),
                    };
                    if let Some(place) = self.text.get_mut(end) {
                        *place = first;
                        end += 1;
                    }
                    second
                }
                0xC4 | 0xC5 => bytes.next().map_or(*byte, |second| extended(*byte, *second)),
                byte => byte.to_ascii_lowercase(),
            };
            let Some(place) = self.text.get_mut(end) else { return };
            *place = folded;
            end += 1;
        }
        *slot = end;
        self.count += 1;
    }

    /// Where the first `count` words end.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// The words from one on, joined.
    fn joined(&self, from: usize, count: usize) -> &[u8] {
        self.text.get(self.end_of(from)..self.end_of(from + count)).unwrap_or_default()
    }

    /// The longest phrase that begins with a word, and how many words it takes.
    fn longest_at(&self, at: usize) -> (usize, Hints) {
        let most = PHRASE_WORDS.min(self.count - at);
        let phrases = (1..=most).rev().map(|count| (count, self.joined(at, count)));
        let mut found =
            phrases.filter_map(|(count, phrase)| Some((count, vocabulary::of(phrase)?)));
        found.next().unwrap_or_else(|| (1, self.number_hints(at)))
    }

    /// Digits in a name count it (`phone2`), or say which part of a number it is (`last4`).
    fn number_hints(&self, at: usize) -> Hints {
        if !self.joined(at, 1).iter().all(u8::is_ascii_digit) {
            return Hints::NONE;
        }
        let last = at.checked_sub(1).is_some_and(|before| self.joined(before, 1) == b"last");
        if last { Hints::ABOUT } else { Hints::GENERIC }
    }

    /// What the last phrase means that says anything at all.
    pub(super) fn at_the_end(&self) -> Hints {
        let mut end = self.count;
        let mut hints = Hints::NONE;
        while end > 0 {
            let phrases = (1..=PHRASE_WORDS.min(end)).rev().map(|n| (n, self.joined(end - n, n)));
            let found = phrases.filter_map(|(n, phrase)| Some((n, vocabulary::of(phrase)?))).next();
            let Some((taken, found)) = found.or_else(|| {
                let number = self.number_hints(end - 1);
                (number != Hints::NONE).then_some((1, number))
            }) else {
                return hints.settled();
            };
            hints = hints | found;
            // `Medicare card no.` is more than a card's number.
            if taken > 1 && vocabulary::of(self.joined(end - 1, 1)) == Some(Hints::GENERIC) {
                let longer = (taken..=PHRASE_WORDS.min(end - 1)).rev();
                let longer = longer.filter_map(|n| vocabulary::of(self.joined(end - 1 - n, n)));
                hints = longer.fold(hints, |all, more| all | more);
            }
            end -= taken;
            // A generic word leaves the word to those before it; `name` asks whose it is, and
            // `NIF cliente` says it.
            if !matches!(found, Hints::GENERIC | Hints::NAME | Hints::SOMEBODY) {
                return hints.settled();
            }
        }
        hints.settled()
    }
}

/// The words of an identifier: `homePhoneNumber_2` is home, Phone, Number, 2.
struct Words<'n> {
    rest: &'n [u8],
}

impl<'n> Iterator for Words<'n> {
    type Item = &'n [u8];

    fn next(&mut self) -> Option<&'n [u8]> {
        // What stands in brackets is an index, or one of our labels.
        let mut bracket = false;
        let skip = self.rest.iter().position(|byte| {
            bracket = (bracket && *byte != b']') || *byte == b'[';
            !bracket && is_letter(*byte)
        });
        let rest = self.rest.get(skip?..)?;
        let (first, others) = rest.split_first()?;
        let mut before = letter_kind(*first);
        let mut length = 1;
        for byte in others {
            let here = letter_kind(*byte);
            if here == before && here != UPPER {
                length += 1;
                continue;
            }
            let after = rest.get(length + 1).map_or(OTHER, |after| letter_kind(*after));
            if ends_word(before, here, after) {
                break;
            }
            before = here;
            length += 1;
        }
        let (word, rest) = rest.split_at(length);
        self.rest = rest;
        Some(word)
    }
}

fn is_letter(byte: u8) -> bool {
    letter_kind(byte) != OTHER
}

/// What a byte is in a name.
fn letter_kind(byte: u8) -> u8 {
    KINDS.get(usize::from(byte)).map_or(OTHER, |kind| kind & !IN_IDENTIFIER)
}

fn ends_word(before: u8, here: u8, after: u8) -> bool {
    match (before, here) {
        (_, OTHER) | (HIGH | LOWER, UPPER) => true,
        (UPPER, UPPER) => after == LOWER,
        _ => (before == DIGIT) != (here == DIGIT),
    }
}

pub(super) fn is_identifier(byte: u8) -> bool {
    KINDS.get(usize::from(byte)).is_some_and(|kind| *kind >= IN_IDENTIFIER)
}

/// How many bytes at the end of a text are of an identifier.
pub(super) fn identifier_at_the_end(text: &[u8]) -> usize {
    text.iter().rposition(|byte| !is_identifier(*byte)).map_or(text.len(), |at| text.len() - at - 1)
}

const OTHER: u8 = 0;
const LOWER: u8 = 1;
const UPPER: u8 = 2;
const DIGIT: u8 = 3;
const HIGH: u8 = 4;
/// Beside the kind: letters, digits, `_` and `-`.
const IN_IDENTIFIER: u8 = 8;

const KINDS: [u8; 256] = kinds();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "compile time")]
const fn kinds() -> [u8; 256] {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => LOWER | IN_IDENTIFIER,
            b'A'..=b'Z' => UPPER | IN_IDENTIFIER,
            b'0'..=b'9' => DIGIT | IN_IDENTIFIER,
            0x80.. => HIGH | IN_IDENTIFIER,
            b'_' | b'-' => OTHER | IN_IDENTIFIER,
            _ => OTHER,
        };
        byte += 1;
    }
    table
}

/// Words of one name that are looked at.
const SPLIT_WORDS: usize = 12;

/// Words of the longest phrase of the vocabulary.
const PHRASE_WORDS: usize = 4;
