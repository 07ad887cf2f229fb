//! Names of persons.
//!
//! What tells a name from a product, a branch or a sentence: up to five words that begin with
//! capitals, in any script, with particles, initials, titles and suffixes; and that it ends
//! where punctuation, another label or ordinary words begin.

use super::native;
use super::token::{Kind, Token};
use super::words::Word;
use super::{Extent, Labelled};
use crate::class::Confidence;

/// The name, or in a whole text the list of names, with which the text begins.
pub(super) fn judge(text: &str, extent: Extent) -> Option<Labelled> {
    if text.chars().next().is_some_and(native::is_native) {
        let length = native::name(text)?;
        return Some(Labelled { length, confidence: Confidence::Likely });
    }
    let first = Name::read(text).filter(|name| name.names > 0);
    let Some(first) = first else { return in_small_letters(text, extent) };
    let found = first.extended(text);
    if extent == Extent::Begin {
        return found.labelled(extent);
    }
    // All of it, or the names up to what cannot belong to them.
    let (mut end, mut stop) = (found.end, found.stop);
    for _ in 0..NAMES_MAX {
        let rest = text.get(end..)?;
        let Some(next) = after_connector(rest).filter(|next| !next.is_empty()) else { break };
        let name = Name::read(next).filter(|name| name.names > 0 && name.stop != Stop::Prose);
        let Some(name) = name else { break };
        let name = name.extended(next);
        (end, stop) = (text.len() - next.len() + name.end, name.stop);
    }
    Name { end, stop, ..found }.labelled(extent)
}

/// What ended a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stop {
    #[default]
    End,
    Mark(char),
    /// A word that begins a label.
    Label,
    /// A number.
    Digit,
    /// A word of a sentence.
    Prose,
}

#[derive(Clone, Copy, Debug, Default)]
struct Name {
    end: usize,
    /// Names and initials; titles, particles and suffixes do not count.
    words: usize,
    /// Those that are more than an initial.
    names: usize,
    titled: bool,
    /// Every letter in upper case, and more than an initial.
    shouted: bool,
    stop: Stop,
}

impl Name {
    fn read(text: &str) -> Option<Name> {
        let mut name = Name { shouted: true, ..Name::default() };
        let (mut roles, mut at) = (0, 0);
        for _ in 0..TOKENS_MAX {
            let rest = text.get(at..)?;
            let Some(token) = Token::read(rest) else {
                name.stop = stop_at(rest);
                break;
            };
            let after = rest.get(token.length..)?;
            let kind = token.kind(name.words, next_word(after).is_some());
            if kind != Kind::Title && begins_label(&token, after, name.words) {
                name.stop = Stop::Label;
                break;
            }
            match kind {
                Kind::Title => name.titled = true,
                Kind::Particle => {}
                Kind::Suffix => name.end = at + token.length,
                Kind::Initial | Kind::Name if token.known.is_organisation() => return None,
                Kind::Initial | Kind::Name => {
                    name.words += 1;
                    name.end = at + token.length;
                    name.shouted &= token.is_shouted();
                    name.names += usize::from(kind == Kind::Name);
                    roles += usize::from(token.known.is_role() || token.known.is_prose());
                }
                Kind::Other => {
                    name.stop = Stop::Prose;
                    break;
                }
            }
            at += token.length;
            match next_word(after) {
                _ if name.words > WORDS_MAX => return None,
                Some(space) => at += space,
                None => {
                    name.stop = stop_at(after);
                    break;
                }
            }
        }
        let ends = ends_naturally(text.get(name.end..)?);
        (name.words > 0 && name.words <= WORDS_MAX && roles < name.words && ends).then_some(name)
    }

    /// With the suffixes after a comma (`Jane Roe, MD`), and with the given names where the
    /// surname stands first (`Roe, Jane`).
    fn extended(mut self, text: &str) -> Name {
        let mut surname = self.words == 1 && !self.titled;
        for _ in 0..SUFFIXES_MAX {
            let Some(rest) = text.get(self.end..).and_then(|rest| rest.strip_prefix(", ")) else {
                break;
            };
            let start = text.len() - rest.len();
            let suffix = Token::read(rest).filter(|token| token.kind(1, true) == Kind::Suffix);
            if let Some(token) = suffix {
                self.end = start + token.length;
                surname = false;
                continue;
            }
            let given = Name::read(rest).filter(|name| {
                surname && name.words <= GIVEN_MAX && !name.titled && name.stop != Stop::Digit
            });
            let Some(given) = given else { break };
            self = Name { end: start + given.end, words: self.words + given.words, ..given };
            surname = false;
        }
        self
    }

    fn labelled(&self, extent: Extent) -> Option<Labelled> {
        let bounded = match self.stop {
            Stop::End | Stop::Label => true,
            Stop::Mark(mark) => mark != ':',
            Stop::Digit | Stop::Prose => false,
        };
        let single = self.words == 1;
        let confidence = match (extent, bounded) {
            _ if self.titled => Confidence::Certain,
            // A sentence under a name's key is hardly one.
            (Extent::Whole, false) if single => return None,
            (Extent::Whole, _) if self.stop == Stop::Prose => Confidence::Possible,
            (_, false) if single => Confidence::Possible,
            _ if single && self.shouted => Confidence::Possible,
            _ => Confidence::Likely,
        };
        Some(Labelled { length: self.end, confidence })
    }
}

/// Two or three words in lower case that end where a value ends: somebody was in a hurry.
/// In a whole text one is enough. More than possible it cannot be.
fn in_small_letters(text: &str, extent: Extent) -> Option<Labelled> {
    if !begins_small(text) {
        return None;
    }
    let end = text.find(VALUE_ENDS).unwrap_or(text.len());
    let value = text.get(..end)?.trim_end();
    if value.len() > WORDS_MAX * WORD_BYTES {
        return None;
    }
    let words = value.split(' ').count();
    let least = if extent == Extent::Whole { 1 } else { 2 };
    let name = |word: &str| {
        let known = Word::of(word);
        word.chars().count() > 1
            && word.chars().all(char::is_lowercase)
            && !(known.is_prose() || known.is_role())
            && !(known.is_organisation() || known.is_label())
    };
    let sound = (least..=3).contains(&words) && value.split(' ').all(name);
    sound.then_some(Labelled { length: value.len(), confidence: Confidence::Possible })
}

/// Whether the first word is in lower case: most values end the search for names here, before
/// their end is looked for.
fn begins_small(text: &str) -> bool {
    let rest = text.trim_start_matches(char::is_lowercase);
    rest.len() < text.len()
        && rest.chars().next().is_none_or(|next| next.is_whitespace() || VALUE_ENDS.contains(&next))
}

/// The length of one space before another word.
fn next_word(after: &str) -> Option<usize> {
    let mut symbols = after.chars();
    let space = symbols.next().filter(|symbol| matches!(symbol, ' ' | '\u{a0}'))?;
    symbols.next().filter(|symbol| !symbol.is_whitespace())?;
    Some(space.len_utf8())
}

fn stop_at(rest: &str) -> Stop {
    match rest.trim_start_matches([' ', '\u{a0}']).chars().next() {
        None => Stop::End,
        Some(symbol) if symbol.is_numeric() => Stop::Digit,
        Some(symbol) => Stop::Mark(symbol),
    }
}

/// Whether the word begins what stands after the name: `MRN 12345`, `Phone:`, `DOB`.
fn begins_label(token: &Token<'_>, after: &str, names: usize) -> bool {
    let number = || {
        let rest = after.trim_start_matches([' ', '#', '-', ':']);
        rest.starts_with(|symbol: char| symbol.is_ascii_digit())
    };
    // `Adam Driver`: some are surnames as well, where nothing follows them.
    let telling = names == 0 || token.is_shouted() || after.starts_with([' ', '\u{a0}', '.']);
    let short = (2..=5).contains(&token.word.len());
    let suffix = || token.kind(1, true) == Kind::Suffix;
    after.starts_with([':', '=', '#', '：'])
        || (telling && token.is_capital() && token.known.is_label())
        || (token.is_shouted() && short && number() && !suffix())
}

/// Whether a name can end before this.
fn ends_naturally(rest: &str) -> bool {
    let mut symbols = rest.chars();
    let Some(first) = symbols.next() else { return true };
    let next = symbols.next();
    match first {
        '.' | '/' | ':' | '-' => !next.is_some_and(|next| next.is_alphanumeric() || next == '/'),
        ',' | ';' | ')' | ']' | '}' | '<' | '>' | '"' | '\'' | '|' | '!' | '?' | '\\' => true,
        '’' | '”' | '“' | '»' | '…' | '–' | '—' | '（' | '）' | '，' | '、' | '；' | '。' => {
            true
        }
        _ => first.is_whitespace(),
    }
}

/// What stands behind a comma, or another word or mark that joins names.
fn after_connector(rest: &str) -> Option<&str> {
    if let Some(rest) = rest.strip_prefix("  ") {
        return Some(rest.trim_start());
    }
    let rest = rest.trim_start_matches([' ', '\u{a0}']);
    let next = CONNECTORS.iter().find_map(|connector| rest.strip_prefix(connector))?;
    Some(next.trim_start())
}

const CONNECTORS: [&str; 13] =
    [",", ";", "&", "/", "|", "\n", "\r\n", "and ", "und ", "et ", "och ", "、", "，"];

/// What ends a value of words.
const VALUE_ENDS: [char; 9] = [',', ';', '|', '\t', '\n', '\r', '<', '(', '"'];

/// Words of one name. Longer ones are titles of things.
const WORDS_MAX: usize = 5;

/// Words of one name with its titles, particles and suffixes.
const TOKENS_MAX: usize = 16;

/// Unit: bytes. The average word of a name at most.
const WORD_BYTES: usize = 24;

/// Given names after a surname.
const GIVEN_MAX: usize = 3;

/// Commas inside one name.
const SUFFIXES_MAX: usize = 4;

/// Names of one list.
const NAMES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::class::Confidence;
    use crate::inspect::labelled::Extent;

    fn begin(text: &str) -> Option<&str> {
        judge(text, Extent::Begin).and_then(|found| text.get(..found.length))
    }

    fn whole(text: &str) -> Option<&str> {
        judge(text, Extent::Whole).and_then(|found| text.get(..found.length))
    }

    #[test]
    fn names_of_many_kinds_are_names() {
        for text in [
            "Jane Roe",
            "Jane",
            "JANE ROE",
            "Jean-Luc Dupont",
            "Jean DUPONT",
            "Siobhán O'Brien",
            "Conan O’Brien",
            "Ludwig van Beethoven",
            "José Ortega y Gasset",
            "Oscar de la Renta",
            "von Neumann",
            "J. R. R. Tolkien",
            "J.R.R. Tolkien",
            "John F. Kennedy",
            "Harry S Truman",
            "Martin Luther King Jr.",
            "John Smith III",
            "Jane Roe, MD, PhD",
            "Roe, Jane",
            "Roe, Jane Q.",
            "van der Berg, Anna",
            "Dr. Jane Roe",
            "Frau Dr. Erika Mustermann",
            "Sra. María García",
            "Ronald McDonald",
            "Angus MacDonald",
            "Robert De Niro",
            "Kim Min-jun",
            "Ali al-Rashid",
            "Иван Петрович Сидоров",
            "Γιώργος Παπαδόπουλος",
            "محمد علي",
            "प्रिया शर्मा",
            "สมชาย ใจดี",
            "王小明",
            "山田 太郎",
            "山田太郎様",
            "김민준",
            "マイケル・ジョンソン",
            "Đặng Thị Hà",
            "Łukasz Żak",
            "Adam Driver",
            "Phil",
            "Phil Collins",
            "St. John",
            "Herrn Dr. med. Max Mustermann",
            "Roe, J.",
        ] {
            assert_eq!(begin(text), Some(text));
            assert_eq!(whole(text), Some(text));
        }
        for text in ["Jane Roe, John Doe", "Jane Roe and Max Mustermann", "Jane Roe; John Doe"] {
            assert_eq!(whole(text), Some(text));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "checkout-service",
            "Checkout-service2",
            "my_app",
            "README.md",
            "MAX_RETRIES",
            "GitHub",
            "TypeScript",
            "camelCase",
            "jane.roe@example.com",
            "https://example.com/Jane",
            "Admin",
            "System",
            "Test User",
            "Service Account",
            "Support Team",
            "Acme Corp",
            "Roe Consulting GmbH",
            "University of Somewhere",
            "v1.2.3",
            "12345",
            "main(",
            "R&D",
            "Error: not found",
            "The Quick Brown Fox Jumps Over Lazy Dogs",
            "is not allowed to do that",
            "管理员",
            "不明",
            "이름 없음",
        ] {
            assert_eq!(begin(text), None, "{text}");
            assert_eq!(whole(text), None, "{text}");
        }
        for text in ["Jane was admitted", "Search files in folders", "Windows 11"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn name_ends_before_the_next_label() {
        for (text, name) in [
            ("Jane Roe, DOB: 1987-02-13", "Jane Roe"),
            ("Jane Roe MRN 12345", "Jane Roe"),
            ("JANE ROE MRN 12345", "JANE ROE"),
            ("Jane Roe DOB 02/13/1987", "Jane Roe"),
            ("Jane Roe Date of Birth: 1987", "Jane Roe"),
            ("Jane Roe XYZ 12", "Jane Roe"),
            ("Jane Roe Street: 12 Main St", "Jane Roe"),
            ("Jane Roe was admitted", "Jane Roe"),
            ("Jane Roe, was admitted", "Jane Roe"),
            ("Jane Roe (admin)", "Jane Roe"),
            ("Jane Roe <jane@example.com>", "Jane Roe"),
            ("Jane Roe's card", "Jane Roe"),
            ("Jane Roe.", "Jane Roe"),
            ("Jane Roe. She is", "Jane Roe"),
            ("Jane Roe\nDOB", "Jane Roe"),
            ("Jane Roe | 1987", "Jane Roe"),
            ("Jane Roe\t1987", "Jane Roe"),
            ("Jane Roe  42", "Jane Roe"),
            ("Jane Roe\"}", "Jane Roe"),
            ("Jane Roe</name>", "Jane Roe"),
            ("Roe, Jane, DOB", "Roe, Jane"),
            ("Roe, Jane MRN 12", "Roe, Jane"),
            ("Jane Roe, MD, Attending", "Jane Roe, MD"),
            ("Jane, Status: open", "Jane"),
            ("Dr. Jane Roe examined", "Dr. Jane Roe"),
            ("王小明，男", "王小明"),
        ] {
            assert_eq!(begin(text), Some(name), "{text}");
        }
        for (text, name) in [
            ("Jane Roe <jane@example.com>", "Jane Roe"),
            ("Jane Roe (admin)", "Jane Roe"),
            ("Jane Roe, CEO at Acme", "Jane Roe"),
        ] {
            assert_eq!(whole(text), Some(name), "{text}");
        }
    }

    #[test]
    fn confidence_follows_how_much_of_a_name_there_is() {
        let sure = |text, extent| judge(text, extent).map(|found| found.confidence);
        for (text, whole, begin) in [
            ("Dr. Jane Roe", Some(Confidence::Certain), Some(Confidence::Certain)),
            ("Jane Roe", Some(Confidence::Likely), Some(Confidence::Likely)),
            ("Jane", Some(Confidence::Likely), Some(Confidence::Likely)),
            ("PENDING", Some(Confidence::Possible), Some(Confidence::Possible)),
            ("jane roe", Some(Confidence::Possible), Some(Confidence::Possible)),
            ("jane", Some(Confidence::Possible), None),
            ("Contract is due", None, None),
            ("Jane is due", None, Some(Confidence::Possible)),
        ] {
            assert_eq!(sure(text, Extent::Whole), whole, "{text}");
            assert_eq!(sure(text, Extent::Begin), begin, "{text}");
        }
    }
}
