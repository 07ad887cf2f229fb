//! What the words around a number say about it: member names and the words beside a
//! value. Bare digits are a phone number only when something calls them one.

mod fold;
mod remembered;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;
use std::ops::BitOr;

use super::vocabulary;
use crate::class::{Class, ClassSet};
use crate::json::{Piece, Pieces};
pub(super) use remembered::{Labels, Names};
use words::{Split, identifier_at_the_end, is_identifier};

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

/// What a member name or identifier suggests; splits at case, digits and punctuation.
pub(super) fn of_name(name: &[u8]) -> Hints {
    if name.len() > NAME_BYTES_MAX {
        return Hints::NONE;
    }
    Split::of(&unescaped(name)).all()
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
        Some(first) if first.is_ascii_alphabetic() || *first >= 0x80 => {
            Some((before, labels.of(name)))
        }
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

/// What all words of a label say together.
fn meaning(label: &[u8]) -> Hints {
    Split::of(label).at_the_end()
}

/// What the label says with which a text ends, where its last word decides alone: most do, and
/// need not be taken apart.
fn by_last_word(text: &[u8]) -> Option<Hints> {
    let word = text.get(text.len() - identifier_at_the_end(text)..)?;
    let mut lower = [0; LAST_WORD_BYTES_MAX];
    let lower = lower.get_mut(..word.len())?;
    for (to, from) in lower.iter_mut().zip(word) {
        *to = from.to_ascii_lowercase();
    }
    let (first, rest) = word.split_first()?;
    // One word: written in small letters behind the first, or in capitals.
    let small = rest.iter().all(u8::is_ascii_lowercase);
    let one = first.is_ascii_alphabetic() && (small || word.iter().all(u8::is_ascii_uppercase));
    if one { vocabulary::by_last_word(lower).map(Hints::settled) } else { None }
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

/// Unit: bytes. Longer words are taken apart.
const LAST_WORD_BYTES_MAX: usize = 16;

/// Unit: bytes. Longer names are sentences, not names.
const NAME_BYTES_MAX: usize = 128;

/// Unit: bytes. Longer words before the last one of a label are none of it.
const LABEL_WORD_BYTES_MAX: usize = 32;

/// Words of a label in running text that are looked at.
const LABEL_WORDS: usize = 5;

/// How far before a value its telling word may begin. Unit: bytes.
const BEFORE_BYTES: usize = 96;

/// How many words before a value are looked at.
const BEFORE_WORDS: usize = 3;

/// Tags that may stand between a telling word and its value.
const BEFORE_TAGS: usize = 4;

/// How far after a value its telling word may end. Unit: bytes.
const AFTER_BYTES: usize = 16;
