//! Lists of words and phrases, found in texts at word borders.
//!
//! Owns [`Dictionary`]. Assumes nothing of the texts. Guarantees: time linear in the text, whatever
//! text and list hold; the list itself is not kept, only 64 bits of each phrase, so that a list of
//! a million names takes about 20 MiB.
//!
//! A word is a run of letters and digits; up to three blanks, dashes, dots, apostrophes or
//! underscores join two words of a phrase. Two phrases that differ in those only are the same one.

use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::limits::{DICTIONARY_ENTRIES_MAX, DICTIONARY_ENTRY_BYTES_MAX, DICTIONARY_WORDS_MAX};

/// Whether upper and lower case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `Ann` is not `ann`.
    Exact,
    /// They are.
    Ignored,
}

/// Why a list is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// There is nothing in it.
    #[error("it holds no word")]
    Empty,
    /// Too many lines.
    #[error("it holds more than {DICTIONARY_ENTRIES_MAX} phrases")]
    TooMany,
    /// A line is no phrase.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Words and phrases.
pub struct Dictionary {
    case: Case,
    /// Open addressing: hashes of phrases; 0 where there is none.
    phrases: Box<[u64]>,
    /// By the hash of a first word: how many words the phrases have that begin with it, a bit for
    /// each. Words that share a place share their bits.
    firsts: Box<[u8]>,
    entries: usize,
}

impl Dictionary {
    /// Reads a list: a phrase on each line; empty lines and those that begin with `#` are passed
    /// over.
    ///
    /// # Errors
    /// The first line that is no phrase: too long, of too many words, or of one symbol, which
    /// would be found everywhere.
    pub fn new(text: &str, case: Case) -> Result<Self, DictionaryError> {
        let mut all: Vec<(u64, u64, u8)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if all.len() >= DICTIONARY_ENTRIES_MAX {
                return Err(DictionaryError::TooMany);
            }
            let phrase = phrase(line, case);
            all.push(phrase.map_err(|why| DictionaryError::Line { line: number + 1, why })?);
        }
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return Err(DictionaryError::Empty);
        }
        let slots = (all.len() + all.len() / 2 + 1).next_power_of_two();
        let mut made = Self {
            case,
            phrases: vec![0; slots].into(),
            firsts: vec![0; (all.len() * FIRSTS_PER_ENTRY).next_power_of_two()].into(),
            entries: all.len(),
        };
        for (hash, first, words) in all {
            made.insert(hash);
            let at = place(first, made.firsts.len());
            made.firsts.get_mut(at).into_iter().for_each(|bits| *bits |= 1 << (words - 1));
        }
        Ok(made)
    }

    /// How many different phrases it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Always false: a list without phrases is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.phrases) + size_of_val(&*self.firsts)
    }

    /// Tells the place of every phrase, the longest that begins at a word; none overlaps another.
    pub fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let mut words = Words { text, at: 0, case: self.case };
        while let Some(first) = words.next() {
            let bits = self.firsts.get(place(first.hash, self.firsts.len())).copied();
            let Some(bits) = bits.filter(|bits| *bits != 0) else { continue };
            if let Some(end) = self.longest(first, bits, words.clone()) {
                found(first.start, end);
                words.at = end;
            }
        }
    }

    /// Where the longest phrase ends that begins with a word. `bits` says how many words the
    /// phrases have that may begin so: no more of what is `behind` it is looked at.
    fn longest(&self, first: Word, bits: u8, mut behind: Words<'_>) -> Option<usize> {
        let (mut hash, mut best) = (join(0, first.hash), None);
        let mut end = first.end;
        for count in 0.. {
            if bits >> count & 1 == 1 && self.contains(hash) {
                best = Some(end);
            }
            if bits.checked_shr(count + 1).unwrap_or(0) == 0 {
                break;
            }
            let Some(word) = behind.next().filter(|word| word.joined) else { break };
            (hash, end) = (join(hash, word.hash), word.end);
        }
        best
    }

    fn contains(&self, hash: u64) -> bool {
        around(hash, self.phrases.len())
            .map_while(|at| self.phrases.get(at).filter(|held| **held != 0))
            .any(|held| *held == some(hash))
    }

    /// Takes the first free place. A table has more places than phrases, so that there is one; in
    /// a full one nobody looks for it twice around.
    fn insert(&mut self, hash: u64) {
        let takes = |held: &u64| *held == 0 || *held == some(hash);
        let mut around = around(hash, self.phrases.len());
        let free = around.find(|at| self.phrases.get(*at).is_some_and(takes));
        let free = free.and_then(|at| self.phrases.get_mut(at));
        free.into_iter().for_each(|free| *free = some(hash));
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dictionary({} phrases)", self.entries)
    }
}

/// The hashes of a phrase and of its first word, and how many words it has.
fn phrase(line: &str, case: Case) -> Result<(u64, u64, u8), &'static str> {
    if line.len() > DICTIONARY_ENTRY_BYTES_MAX {
        return Err("the phrase is too long");
    }
    let words = Words { text: line.as_bytes(), at: 0, case };
    let (mut hash, mut first, mut count) = (0, None, 0_u8);
    for word in words {
        if first.is_some() && !word.joined {
            return Err("only blanks, `-`, `.`, `'` and `_` may stand between words");
        }
        first.get_or_insert(word);
        hash = join(hash, word.hash);
        count = count.saturating_add(1);
    }
    let Some(first) = first else { return Err("there is no letter or digit") };
    if line.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return Err("one letter or digit is found everywhere");
    }
    if usize::from(count) > DICTIONARY_WORDS_MAX {
        return Err("the phrase has too many words");
    }
    Ok((hash, first.hash, count))
}

/// A word of a text.
#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    hash: u64,
    /// Whether it belongs to the word before it where a phrase has both.
    joined: bool,
}

/// The words of a text, one after the other.
#[derive(Clone)]
struct Words<'t> {
    text: &'t [u8],
    at: usize,
    case: Case,
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let gap_from = self.at;
        let rest = self.text.get(gap_from..)?;
        let start = gap_from + gap(rest);
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let ascii = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let (length, hash) = match rest.get(ascii) {
            Some(0x80..) => wide(rest, self.case),
            Some(_) | None => (ascii, hashed(rest.get(..ascii).unwrap_or_default(), self.case)),
        };
        let end = start + length.max(1);
        let between = self.text.get(gap_from..start).unwrap_or_default();
        let joined = gap_from > 0 && is_joint(between);
        self.at = end;
        Some(Word { start, end, hash, joined })
    }
}

/// Bytes before the next word.
fn gap(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let ascii = |byte: &&u8| byte.is_ascii() && !byte.is_ascii_alphanumeric();
        let more = rest.get(at..).unwrap_or_default();
        at += more.iter().take_while(ascii).count();
        // At a letter, at the end, or at what is not ASCII.
        if rest.get(at).is_none_or(u8::is_ascii) {
            return at;
        }
        match character(rest.get(at..).unwrap_or_default()) {
            Some(c) if is_letter(c) => return at,
            Some(c) => at += c.len_utf8(),
            None => at += 1,
        }
    }
}

/// A word with letters beyond ASCII: how long it is, and its hash in NFC.
fn wide(rest: &[u8], case: Case) -> (usize, u64) {
    let mut length = 0;
    while let Some(c) = rest.get(length..).and_then(character).filter(|c| is_letter(*c)) {
        length += c.len_utf8();
    }
    let word = rest.get(..length).unwrap_or_default();
    // Nobody's dictionary has longer ones; they need not be folded.
    let Some(text) = std::str::from_utf8(word).ok().filter(|w| w.len() <= WORD_BYTES_MAX) else {
        return (length, 0);
    };
    let text = match case {
        Case::Ignored => text.to_lowercase(),
        Case::Exact => text.to_owned(),
    };
    let text = if is_nfc(&text) { text } else { text.nfc().collect() };
    (length, hashed(text.as_bytes(), Case::Exact))
}

/// Marks belong to the letter before them.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

/// The character at the begin of a text; `None` where it is no UTF-8.
fn character(rest: &[u8]) -> Option<char> {
    let bytes = rest.get(..rest.len().min(4))?;
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
    };
    valid.chars().next()
}

/// Whether what stands between two words joins them.
fn is_joint(between: &[u8]) -> bool {
    // The right single quotation mark (U+2019) is an apostrophe.
    let blank =
        |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'-' | b'.' | b'\'' | b'_');
    between == "\u{2019}".as_bytes()
        || (1..=JOINT_BYTES_MAX).contains(&between.len()) && between.iter().all(blank)
}

fn hashed(word: &[u8], case: Case) -> u64 {
    let fold = |byte: &u8| match case {
        Case::Ignored => byte.to_ascii_lowercase(),
        Case::Exact => *byte,
    };
    let hash =
        word.iter().map(fold).fold(SEED, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(MIX));
    join(SEED, hash)
}

/// A hash of two.
fn join(hash: u64, more: u64) -> u64 {
    let mixed = (hash.rotate_left(29) ^ more).wrapping_mul(MIX);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(MIX);
    mixed ^ (mixed >> 29)
}

/// Where in a table of `slots`, a power of two, a hash belongs.
fn place(hash: u64, slots: usize) -> usize {
    let mask = u64::try_from(slots).unwrap_or(1).saturating_sub(1);
    usize::try_from(hash & mask).unwrap_or(0)
}

/// Every place of a table of `slots` once, from where a hash belongs: the search for a hash that a
/// full table does not hold ends, too.
fn around(hash: u64, slots: usize) -> impl Iterator<Item = usize> {
    let begin = place(hash, slots);
    (0..slots).map(move |step| (begin + step) & (slots - 1))
}

/// A hash that is not that of an empty place.
fn some(hash: u64) -> u64 {
    hash.max(1)
}

/// Odd numbers with bits all over.
const MIX: u64 = 0x9FB2_1C65_1E98_DF25;
const SEED: u64 = 0xD6E8_FEB8_6659_FD93;

/// Places for first words, for each phrase: three in four words of other texts meet none.
const FIRSTS_PER_ENTRY: usize = 4;

/// Unit: bytes. What joins two words of a phrase.
const JOINT_BYTES_MAX: usize = 3;

/// Unit: bytes.
const WORD_BYTES_MAX: usize = 4 * DICTIONARY_ENTRY_BYTES_MAX;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Case, Dictionary, DictionaryError};
    use crate::limits::{DICTIONARY_ENTRIES_MAX, DICTIONARY_ENTRY_BYTES_MAX, DICTIONARY_WORDS_MAX};

    fn found<'t>(list: &str, case: Case, text: &'t str) -> Vec<&'t str> {
        let mut all = Vec::new();
        Dictionary::new(list, case).unwrap().find(text.as_bytes(), |start, end| {
            all.push(&text[start..end]);
        });
        all
    }

    #[test]
    fn phrases_are_found_at_word_borders_and_nowhere_else() {
        let list = "# customers\nJane Roe\n\nAcme\nO'Brien\nAcme Blue Heron\n";
        let text = "Jane Roe, JaneRoe, Jane  Roe; Jane: Roe, Acmeist, Acme Blue Heron of Acme-Blue";
        let expected = ["Jane Roe", "Jane  Roe", "Acme Blue Heron", "Acme"];
        assert_eq!(found(list, Case::Exact, text), expected);
        let expected = ["O\u{2019}Brien", "O'Brien", "O-Brien"];
        assert_eq!(found(list, Case::Exact, "O\u{2019}Brien O'Brien O-Brien o'brien"), expected);
        assert_eq!(found(list, Case::Ignored, "JANE_ROE, acme."), ["JANE_ROE", "acme"]);
    }

    #[test]
    fn letters_of_every_script_are_compared_in_one_form() {
        let list = "Zoë Müller\nŁódź\n王小明\n";
        let text = "Zoe\u{308} Mu\u{308}ller in ŁÓDŹ, Łódź: 王小明。Zoë Müllers";
        assert_eq!(found(list, Case::Exact, text), ["Zoe\u{308} Mu\u{308}ller", "Łódź", "王小明"]);
        assert_eq!(found(list, Case::Ignored, "ZOË MÜLLER ŁÓDŹ"), ["ZOË MÜLLER", "ŁÓDŹ"]);
    }

    #[test]
    fn lists_without_sense_are_refused() {
        let new = |text: &str| Dictionary::new(text, Case::Exact).map(|_| ()).unwrap_err();
        assert_eq!(new("# only\n\n"), DictionaryError::Empty);
        let line = |text: &str| match new(text) {
            DictionaryError::Line { line, why } => (line, why),
            other => panic!("{other}"),
        };
        assert_eq!(line("ok\na"), (2, "one letter or digit is found everywhere"));
        assert_eq!(line("--"), (1, "there is no letter or digit"));
        assert_eq!(line("Roe, Jane").0, 1);
        assert_eq!(line(&"a".repeat(DICTIONARY_ENTRY_BYTES_MAX + 1)).1, "the phrase is too long");
        let words = |count: usize| vec!["ab"; count].join(" ");
        assert_eq!(line(&words(DICTIONARY_WORDS_MAX + 1)).1, "the phrase has too many words");
        assert!(Dictionary::new(&words(DICTIONARY_WORDS_MAX), Case::Exact).is_ok());
    }

    /// A table that one phrase fills once made every other word a search without an end.
    #[test]
    fn list_of_one_phrase_answers_words_that_it_does_not_hold() {
        let text: String = (0..1000).map(|n| format!("word{n} ")).collect();
        for list in ["ab", "Blue Heron", "a1 a2 a3 a4 a5 a6 a7 a8"] {
            let dictionary = Dictionary::new(list, Case::Ignored).unwrap();
            assert!(dictionary.phrases.contains(&0), "no place is free");
            dictionary.find(text.as_bytes(), |start, end| panic!("{}", &text[start..end]));
            assert_eq!(found(list, Case::Ignored, list), [list]);
        }
    }

    #[test]
    fn full_table_takes_no_more_and_is_searched_once_around() {
        let mut full = Dictionary::new("ab\ncd\nef", Case::Exact).unwrap();
        full.phrases.iter_mut().zip(1..).for_each(|(place, hash)| *place = hash);
        let before = full.phrases.clone();
        full.insert(u64::MAX);
        assert_eq!(full.phrases, before);
        assert!(!full.contains(u64::MAX) && full.contains(1));
        let words = full.phrases.len();
        assert_eq!(super::around(u64::MAX, words).count(), words);
    }

    #[test]
    fn a_million_phrases_take_some_20_bytes_each_and_one_more_is_too_many() {
        let list = |count: usize| {
            (0..count).map(|n| format!("name{n} of{}\n", n % 1000)).collect::<String>()
        };
        let text = list(DICTIONARY_ENTRIES_MAX);
        let dictionary = Dictionary::new(&text, Case::Ignored).unwrap();
        assert_eq!(dictionary.len(), DICTIONARY_ENTRIES_MAX);
        assert!(dictionary.bytes() <= 21 * 1024 * 1024, "{}", dictionary.bytes());
        let mut count = 0;
        dictionary.find(b"Name77 of77, name77 of78 and NAME999999 of999", |_, _| count += 1);
        assert_eq!(count, 2);
        let more = Dictionary::new(&list(DICTIONARY_ENTRIES_MAX + 1), Case::Ignored);
        assert_eq!(more.map(|_| ()).unwrap_err(), DictionaryError::TooMany);
    }

    proptest! {
        #[test]
        fn every_phrase_is_found_in_any_text_around_it(
            phrase in "[A-Za-zäß]{2,8}( [A-Za-z0-9]{1,8}){0,3}",
            before in "\\PC{0,20}",
            after in "\\PC{0,20}",
        ) {
            let text = format!("{before}, {phrase}, {after}");
            let mut places = Vec::new();
            let dictionary = Dictionary::new(&phrase, Case::Exact).unwrap();
            dictionary.find(text.as_bytes(), |start, end| places.push(&text[start..end]));
            prop_assert!(places.contains(&phrase.as_str()), "{text}");
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let dictionary = Dictionary::new("ab\nab cd ef", Case::Ignored).unwrap();
            let mut last = 0;
            dictionary.find(&bytes, |start, end| {
                assert!(start >= last && end > start && end <= bytes.len());
                last = end;
            });
        }
    }
}
