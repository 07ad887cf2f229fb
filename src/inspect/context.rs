//! What the words around a number say about it: member names and the words beside a
//! value. Bare digits are a phone number only when something calls them one.

mod fold;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::ops::BitOr;

use super::vocabulary;
use crate::class::{Class, ClassSet};
use crate::json::{Piece, Pieces};
use fold::{extended, unaccented};

/// What the surroundings of a value suggest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Hints {
    /// Classes that the words name.
    pub(super) classes: ClassSet,
    says: u8,
}

impl Hints {
    pub(super) const NONE: Hints = Hints { classes: ClassSet::empty(), says: 0 };
    /// A number about something else, such as an order or a device.
    pub(super) const SERIAL: Hints = Hints::says(1);
    /// Dotted numbers that are no addresses.
    pub(super) const VERSION: Hints = Hints::says(2);
    /// Says something about a value (`phone_verified`), and so is not the value.
    pub(super) const ABOUT: Hints = Hints::says(4);
    /// Says nothing by itself (`number`): the name around it counts.
    pub(super) const GENERIC: Hints = Hints::says(8);
    /// A name of somebody or something (`name`).
    pub(super) const NAME: Hints = Hints::says(16);
    /// Somebody (`customer`).
    pub(super) const SOMEBODY: Hints = Hints::says(32);
    /// Something that has names and is nobody (`host`).
    pub(super) const SOMETHING: Hints = Hints::says(64);

    const fn says(says: u8) -> Hints {
        Hints { classes: ClassSet::empty(), says }
    }

    /// Exactly these classes.
    pub(super) fn of(classes: &[Class]) -> Hints {
        Hints { classes: classes.iter().copied().collect(), says: 0 }
    }

    /// Whether the words say any of this.
    pub(super) fn has(self, other: Hints) -> bool {
        self.says & other.says != 0
    }

    /// Whether the words name this class.
    pub(super) fn names(self, class: Class) -> bool {
        self.classes.contains(class)
    }

    /// The words of one name together: what only says something about a value names nothing,
    /// and a name is a person's where the words beside it mean one.
    fn settled(mut self) -> Hints {
        if self.has(Hints::ABOUT) {
            let says = Hints::ABOUT.says | Hints::SERIAL.says | Hints::VERSION.says;
            return Hints::says(self.says & says);
        }
        if self.has(Hints::NAME) && self.has(Hints::SOMEBODY) && !self.has(Hints::SOMETHING) {
            self.classes.insert(Class::PersonName);
        }
        if self != Hints::GENERIC {
            self.says &= !Hints::GENERIC.says;
        }
        self
    }
}

impl BitOr for Hints {
    type Output = Hints;

    fn bitor(self, other: Hints) -> Hints {
        Hints { classes: self.classes.union(other.classes), says: self.says | other.says }
    }
}

/// What the member names over a value say: the nearest one, and the one around that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keys {
    own: Hints,
    /// What the name of the object around says, which counts when `own` says nothing.
    outer: Hints,
}

impl Keys {
    /// No names: free text.
    pub(super) const NONE: Keys = Keys { own: Hints::NONE, outer: Hints::NONE };

    /// The names over a member of an object that itself has these names.
    pub(super) fn member(self, name: Hints) -> Keys {
        Keys { own: name, outer: self.own }
    }

    /// What the names suggest.
    pub(super) fn hints(self) -> Hints {
        let outer_is_somebody =
            self.outer.has(Hints::SOMEBODY) && !self.outer.has(Hints::SOMETHING);
        if self.own == Hints::GENERIC {
            return self.outer;
        }
        if self.own == Hints::NAME && outer_is_somebody {
            return Hints::of(&[Class::PersonName]);
        }
        self.own
    }

    /// Whether the nearest name is `name`, of which others must say whose.
    pub(super) fn is_name(self) -> bool {
        self.own == Hints::NAME
    }
}

/// What names mean, remembered for the next record with the same names.
#[derive(Debug)]
pub(super) struct Names {
    seen: [(u64, Hints); 2 * NAMES_KEPT],
}

impl Default for Names {
    fn default() -> Self {
        Names { seen: [(0, Hints::NONE); 2 * NAMES_KEPT] }
    }
}

impl Names {
    /// A hash of a member name, and what it suggests. `name` is as written between the quotes.
    pub(super) fn hints(&mut self, name: &[u8]) -> (u64, Hints) {
        let hash = vocabulary::hash(name);
        let place = usize::try_from(hash >> 48).unwrap_or(0) % NAMES_KEPT;
        // Two places for each name, of which the first has the one that was asked for last.
        let (places, _) = self.seen.as_chunks_mut::<2>();
        let Some([first, second]) = places.get_mut(place) else { return (hash, of_name(name)) };
        if first.0 != hash {
            std::mem::swap(first, second);
        }
        if first.0 != hash {
            *first = (hash, of_name(name));
        }
        *first
    }
}

/// What a member name or identifier suggests; splits at case, digits and punctuation.
pub(super) fn of_name(name: &[u8]) -> Hints {
    if name.len() > NAME_BYTES_MAX {
        return Hints::NONE;
    }
    let name = unescaped(name);
    let mut split = Split::default();
    (Words { rest: &name }).for_each(|word| split.push(word));
    let mut hints = Hints::NONE;
    let mut at = 0;
    while at < split.count {
        let (taken, found) = split.longest_at(at);
        hints = hints | found;
        at += taken;
    }
    hints.settled()
}

/// What the words directly before `start` suggest: `SSN: 123…`, `"homePhone":"212…`,
/// `<td>SSN</td><td>123…`. Only what is joined to the value by punctuation, tags and filler
/// words counts.
pub(super) fn before(text: &[u8], start: usize, labels: &Labels) -> Hints {
    let from = start.saturating_sub(BEFORE_BYTES);
    let mut rest = text.get(from..start).unwrap_or_default();
    for _ in 0..BEFORE_TAGS {
        match without_tag(rest, labels) {
            Some((_, hints)) if !matches!(hints, Hints::NONE | Hints::GENERIC) => return hints,
            Some((before, _)) => rest = before,
            None => break,
        }
    }
    for _ in 0..BEFORE_WORDS {
        let joins = rest.iter().rposition(|byte| !is_joining(*byte)).map_or(0, |at| at + 1);
        rest = rest.get(..joins).unwrap_or_default();
        let length = identifier_at_the_end(rest);
        let (before, word) = rest.split_at(rest.len() - length);
        if word.is_empty() {
            return Hints::NONE;
        }
        if is(word, b"value")
            && let Some(name) = attribute(before)
        {
            return labels.of(name);
        }
        if !is_filler(word) {
            return if vocabulary::may_end(word) { labels.of(rest) } else { Hints::NONE };
        }
        rest = before;
    }
    Hints::NONE
}

/// A text without the tag with which it ends, and what the name of an element's start tag says.
fn without_tag<'t>(text: &'t [u8], labels: &Labels) -> Option<(&'t [u8], Hints)> {
    let text = text.trim_ascii_end();
    if let Some(before) = text.strip_suffix(b"<![CDATA[") {
        return Some((before, Hints::NONE));
    }
    let inner = text.strip_suffix(b">")?;
    let open = inner.iter().rposition(|byte| *byte == b'<')?;
    let (before, tag) = inner.split_at(open);
    let tag = tag.get(1..).unwrap_or_default();
    let name = tag.split(|byte| *byte == b' ').next().unwrap_or_default();
    match name.first() {
        Some(b'/') => Some((before, Hints::NONE)),
        Some(first) if first.is_ascii_alphabetic() || *first >= 0x80 => Some((before, labels.of(name))),
        Some(_) | None => None,
    }
}

/// What the attribute before `value` holds: `name="phone" value="…"`.
fn attribute(before: &[u8]) -> Option<&[u8]> {
    let before = before.trim_ascii_end();
    let quote = *before.last().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let inner = before.get(..before.len() - 1)?;
    let open = inner.iter().rposition(|byte| *byte == quote)?;
    inner.get(open + 1..)
}

/// What labels suggest, remembered for the next line or record with the same ones.
#[derive(Debug, Default)]
pub(super) struct Labels {
    seen: OnceCell<Box<[Cell<Known>; LABELS_KEPT]>>,
}

/// A label and what it suggests.
#[derive(Debug, Clone, Copy)]
struct Known {
    length: usize,
    text: [u8; LABEL_KEPT_BYTES],
    hints: Hints,
}

impl Labels {
    /// What the label with which a text ends suggests: its last words, of which the very last
    /// counts.
    pub(super) fn of(&self, text: &[u8]) -> Hints {
        let label = text.get(label_start(text)..).unwrap_or_default();
        let seen = self.seen.get_or_init(|| Box::new([const { Cell::new(NONE_KNOWN) }; LABELS_KEPT]));
        let place = usize::try_from(vocabulary::hash(label) >> 48).unwrap_or(0) % LABELS_KEPT;
        let Some(slot) = seen.get(place).filter(|_| label.len() <= LABEL_KEPT_BYTES) else {
            return meaning(label);
        };
        let known = slot.get();
        if known.text.get(..known.length) == Some(label) {
            return known.hints;
        }
        let mut known = Known { length: label.len(), hints: meaning(label), ..NONE_KNOWN };
        known.text.iter_mut().zip(label).for_each(|(to, from)| *to = *from);
        slot.set(known);
        known.hints
    }
}

const NONE_KNOWN: Known = Known { length: 0, text: [0; LABEL_KEPT_BYTES], hints: Hints::NONE };

/// What all words of a label say together.
fn meaning(label: &[u8]) -> Hints {
    let mut split = Split::default();
    (Words { rest: label }).for_each(|word| split.push(word));
    split.at_the_end()
}

/// Where the label begins with which a text ends.
fn label_start(text: &[u8]) -> usize {
    let mut from = text.len();
    for _ in 0..LABEL_WORDS {
        let rest = text.get(..from).unwrap_or_default();
        let length = identifier_at_the_end(rest);
        // Keys and hashes are no words of a label, and would fill the room for those that are.
        let word = rest.get(from - length..).unwrap_or_default();
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        if from < text.len() && (length > LABEL_WORD_BYTES_MAX || digits > 2) {
            break;
        }
        from -= length;
        // Words of one label stand a blank or a dot apart: `D.O.B.`, `date of birth`.
        let blank = rest.get(..from).is_some_and(|rest| matches!(rest, [.., b' ' | b'.' | b'/']));
        if length == 0 || !blank || from < 2 {
            break;
        }
        from -= 1;
        // `Tel. no`
        if text.get(..from).is_some_and(|rest| rest.ends_with(b".")) {
            from -= 1;
        }
    }
    from
}

/// What the word directly after `end` suggests: `123456789 (SSN)`.
pub(super) fn after(text: &[u8], end: usize) -> Hints {
    let rest = text.get(end..text.len().min(end + AFTER_BYTES)).unwrap_or_default();
    let Some(rest) = rest.strip_prefix(b" (").or_else(|| rest.strip_prefix(b"(")) else {
        return Hints::NONE;
    };
    let length = rest.iter().take_while(|b| is_identifier(**b)).count();
    of_name(rest.get(..length).unwrap_or_default())
}

/// The words of a name, in lower case and without accents, and where they end.
struct Split {
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
    fn at_the_end(&self) -> Hints {
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

fn is(word: &[u8], lower: &[u8]) -> bool {
    word.eq_ignore_ascii_case(lower)
}

/// A name may be written with escapes; those that carry none are used as they are.
fn unescaped(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.contains(&b'\\') {
        return Cow::Borrowed(name);
    }
    let mut out = Vec::with_capacity(name.len());
    for piece in Pieces::new(name) {
        match piece {
            Piece::Plain(bytes) => out.extend_from_slice(bytes),
            Piece::Escape(_, character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Cow::Owned(out)
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

fn is_identifier(byte: u8) -> bool {
    KINDS.get(usize::from(byte)).is_some_and(|kind| *kind >= IN_IDENTIFIER)
}

/// How many bytes at the end of a text are of an identifier.
fn identifier_at_the_end(text: &[u8]) -> usize {
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

/// Words that may stand between a telling word and the value.
fn is_filler(word: &[u8]) -> bool {
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    match word {
        [a, b] => matches!(
            &[lower(a), lower(b)],
            b"is" | b"at" | b"on" | b"me" | b"us" | b"my" | b"es" | b"to" | b"as" | b"of" | b"eq"
        ),
        [a, b, c] => {
            matches!(&[lower(a), lower(b), lower(c)], b"was" | b"the" | b"are" | b"ist" | b"est")
        }
        _ => is(word, b"jest") || is(word, b"lautet"),
    }
}

/// Punctuation that joins a telling word to its value.
fn is_joining(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b':' | b'=' | b'#' | b'(' | b'[')
        || matches!(byte, b'{' | b'\\' | b'*' | b'+' | b'.' | b'>')
}

/// Unit: bytes. Longer names are sentences, not names.
const NAME_BYTES_MAX: usize = 128;

/// Words of one name that are looked at.
const SPLIT_WORDS: usize = 12;

/// Words of the longest phrase of the vocabulary.
const PHRASE_WORDS: usize = 4;

/// Unit: bytes. Longer words before the last one of a label are none of it.
const LABEL_WORD_BYTES_MAX: usize = 32;

/// Labels whose meaning is kept while a message is read.
const LABELS_KEPT: usize = 32;

/// Unit: bytes. Labels that are longer are seldom met twice.
const LABEL_KEPT_BYTES: usize = 32;

/// Words of a label in running text that are looked at.
const LABEL_WORDS: usize = 5;

/// Pairs of names whose meaning is kept while a message is read.
const NAMES_KEPT: usize = 32;

/// How far before a value its telling word may begin. Unit: bytes.
const BEFORE_BYTES: usize = 96;

/// How many words before a value are looked at.
const BEFORE_WORDS: usize = 3;

/// Tags that may stand between a telling word and its value.
const BEFORE_TAGS: usize = 4;

/// How far after a value its telling word may end. Unit: bytes.
const AFTER_BYTES: usize = 16;
