//! Words as names of persons are made of them.

use super::words::{Word, is_name_particle, is_suffix};

/// A word, with the dot that belongs to it.
#[derive(Clone, Copy)]
pub(super) struct Token<'t> {
    /// Without the dot of an abbreviation.
    pub(super) word: &'t str,
    /// The same for looking it up.
    pub(super) known: Word<'t>,
    /// With it. Unit: bytes.
    pub(super) length: usize,
}

/// What a word is in a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `Dr.`, `Frau`.
    Title,
    Name,
    /// `J.`, `J.R.R.`, `S`.
    Initial,
    /// `van`, `de`.
    Particle,
    /// `Jr.`, `III`, `MD`.
    Suffix,
    Other,
}

impl<'t> Token<'t> {
    /// The word with which the text begins: letters, and hyphens and apostrophes between
    /// letters; a dot behind an initial or an abbreviation.
    pub(super) fn read(text: &'t str) -> Option<Token<'t>> {
        let mut end = 0;
        // Letters since the beginning, or since the last dot.
        let mut letters = 0;
        let mut symbols = text.char_indices().peekable();
        while let Some((at, symbol)) = symbols.next() {
            let next = symbols.peek().map(|(_, next)| *next);
            let letter_next = next.is_some_and(is_letter);
            if is_letter(symbol) {
                letters += 1;
                end = at + symbol.len_utf8();
            } else if is_joint(symbol) && letters > 0 && letter_next {
                if is_possessive(text.get(at..)?) {
                    break;
                }
                letters += 1;
            } else if symbol == '.' && letters == 1 && letter_next {
                letters = 0;
            } else {
                break;
            }
            if end > TOKEN_BYTES_MAX {
                return None;
            }
        }
        let word = text.get(..end).filter(|word| !word.is_empty())?;
        let initial = letters == 1 && word.chars().next_back().is_some_and(char::is_uppercase);
        let known = Word::of(word);
        let dotted = text.get(end..)?.starts_with('.') && {
            initial || known.is_title() || is_suffix(word) || SAINTS.contains(&word)
        };
        Some(Token { word, known, length: end + usize::from(dotted) })
    }

    /// What the word is after so many names, and if another word follows it.
    pub(super) fn kind(&self, names: usize, more: bool) -> Kind {
        let dotted = self.length > self.word.len();
        let title = names == 0 && (self.is_capital() || dotted) && self.known.is_title();
        if title && (more || !GIVEN.contains(&self.word)) {
            return Kind::Title;
        }
        if names > 0 && is_suffix(self.word) {
            return Kind::Suffix;
        }
        if is_name_particle(self.word) {
            return Kind::Particle;
        }
        let segments = || self.word.split('.');
        if segments().all(|letter| letter.chars().count() == 1) && self.is_capital() {
            return Kind::Initial;
        }
        if self.word.split(is_joint).enumerate().all(|(at, part)| is_name(part, at > 0)) {
            return Kind::Name;
        }
        Kind::Other
    }

    /// Whether it begins with a capital, or in a script without them.
    pub(super) fn is_capital(&self) -> bool {
        self.word.chars().next().is_some_and(|first| !first.is_lowercase())
    }

    /// Whether it has several letters and none in lower case, though its script has cases.
    pub(super) fn is_shouted(&self) -> bool {
        self.word.chars().nth(1).is_some()
            && self.word.chars().all(|symbol| !symbol.is_lowercase())
            && self.word.chars().any(char::is_uppercase)
    }
}

/// A part of a name: a capital and small letters, capitals only, or letters without cases.
fn is_name(part: &str, after_joint: bool) -> bool {
    let mut symbols = part.char_indices();
    let Some((_, first)) = symbols.next() else { return false };
    if first.is_lowercase() {
        // `Min-jun`, `Shin'ichi`; `al-Rashid`, `d'Artagnan`.
        return (after_joint || BEFORE_JOINT.contains(&part))
            && part.chars().all(|symbol| !symbol.is_uppercase());
    }
    let rest = part.get(first.len_utf8()..).unwrap_or_default();
    let upper = rest.chars().filter(|symbol| symbol.is_uppercase()).count();
    let lower = rest.chars().any(char::is_lowercase);
    if upper == 0 || !lower {
        return true;
    }
    let inner = symbols.find(|(_, symbol)| symbol.is_uppercase()).map_or(0, |(at, _)| at);
    let (before, after) = part.split_at_checked(inner).unwrap_or_default();
    PREFIXES.contains(&before) && upper == 1 && after.chars().nth(1).is_some_and(char::is_lowercase)
}

/// Letters and the marks that are written with them.
pub(super) fn is_letter(symbol: char) -> bool {
    symbol.is_alphabetic()
        || matches!(symbol,
            '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{5b0}'..='\u{5c7}'
            | '\u{93c}' | '\u{94d}' | '\u{9cd}' | '\u{a4d}' | '\u{acd}' | '\u{bcd}' | '\u{c4d}'
            | '\u{ccd}' | '\u{d4d}' | '\u{dca}' | '\u{e47}'..='\u{e4e}' | '\u{200c}' | '\u{200d}')
}

/// What joins parts of a name.
fn is_joint(symbol: char) -> bool {
    matches!(symbol, '\'' | '’' | 'ʼ' | '`' | '-' | '\u{2010}' | '\u{2011}')
}

/// `'s` at the end of a word.
fn is_possessive(rest: &str) -> bool {
    let mut symbols = rest.chars();
    let apostrophe = matches!(symbols.next(), Some('\'' | '’'));
    apostrophe && symbols.next() == Some('s') && !symbols.next().is_some_and(is_letter)
}

/// Unit: bytes. Longer words are no part of a name.
const TOKEN_BYTES_MAX: usize = 80;

/// Titles that are given names as well.
const GIVEN: [&str; 5] = ["Don", "Gen", "Nat", "Pan", "Phil"];

/// Shortened in names of families.
const SAINTS: [&str; 4] = ["St", "Ste", "Sta", "Sto"];

/// Before a hyphen or an apostrophe in lower case.
const BEFORE_JOINT: [&str; 12] =
    ["al", "el", "ad", "an", "ar", "as", "ul", "abd", "d", "l", "dell", "t"];

/// Before a second capital inside a word.
#[rustfmt::skip]
const PREFIXES: [&str; 25] = [
    "Mc", "Mac", "Fitz", "De", "Di", "Da", "Du", "Del", "Des", "La", "Le", "Lo", "Los", "Van",
    "Von",
    "Vander", "Mary", "Jo", "Ann", "Anna", "Lee", "Ra", "Ja", "Sha", "Ka",
];
