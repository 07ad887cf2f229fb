//! Postal addresses.
//!
//! Countries agree on little: there is a number beside a street, a box, or a postcode beside
//! a town. A whole value under an address's name may be any of that; in a text it goes on as
//! long as its words could belong to it.

use super::native::is_native;
use super::shape::is_one_of;
use super::words::Word;
use super::{Extent, Labelled, date};
use crate::class::Confidence;

/// The address with which the text begins.
pub(super) fn judge(text: &str, extent: Extent) -> Option<Labelled> {
    let first = text.chars().next()?;
    if is_native(first) || first == '〒' {
        return native(text, extent);
    }
    match extent {
        Extent::Whole => whole(text).map(|confidence| (text.len(), confidence)),
        Extent::Begin => begin(text),
    }
    .map(|(length, confidence)| Labelled { length, confidence })
}

/// A word of an address, without what stands around it.
struct Part<'t> {
    text: &'t str,
    known: Word<'t>,
    /// With a digit in it.
    number: bool,
    /// Beginning with a small letter.
    small: bool,
}

impl<'t> Part<'t> {
    /// The part in a word as written, if there is anything but marks.
    fn of(word: &'t str) -> Option<Part<'t>> {
        let text = word.trim_matches(EDGES);
        let first = text.chars().next()?;
        let number = text.bytes().any(|byte| byte.is_ascii_digit());
        Some(Part { text, known: Word::of(text), number, small: first.is_lowercase() })
    }

    /// Whether it can stand in an address: a number that is no date, a name, a kind of street,
    /// or a small word between those.
    fn belongs(&self) -> bool {
        if self.number {
            let sound = |symbol: char| symbol.is_alphanumeric() || JOINTS.contains(&symbol);
            let short = self.text.len() <= NUMBER_BYTES && self.text.chars().all(sound);
            return short && !date::is_date(self.text);
        }
        if self.known.is_contact() || !self.text.starts_with(char::is_alphabetic) {
            return false;
        }
        if self.small {
            return self.known.is_address_particle() || self.known.is_street();
        }
        // `ON` and `IN` are a province and a state.
        let shouted = || self.text.chars().all(|symbol| !symbol.is_lowercase());
        !self.known.is_prose() || self.known.is_address_particle() || shouted()
    }

    /// Whether an address can begin with it.
    fn opens(&self) -> bool {
        !self.small || self.known.is_street() || self.text == "c/o"
    }

    fn is_postcode(&self) -> bool {
        if self.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return (4..=6).contains(&self.text.len());
        }
        let short = (3..=10).contains(&self.text.len()) && self.number;
        short && (is_one_of(&POSTCODES, self.text) || is_one_of(&POSTCODE_PARTS, self.text))
    }
}

/// What the words of an address add up to.
#[derive(Default)]
struct Evidence {
    words: usize,
    numbers: usize,
    commas: usize,
    capitals: usize,
    prose: usize,
    street: bool,
    postcode: bool,
}

impl Evidence {
    fn add(&mut self, part: &Part<'_>) {
        let Part { text, known, number, small } = part;
        let letters = text.chars().filter(|symbol| symbol.is_alphabetic()).take(2).count();
        // The first number of an address is a house's.
        self.postcode |= self.words + self.numbers > 0 && part.is_postcode();
        self.street |= known.is_street();
        self.numbers += usize::from(*number);
        self.words += usize::from(!number && letters > 1);
        self.capitals += usize::from(!number && !small);
        self.prose += usize::from(*small && known.is_prose() && !known.is_address_particle());
    }

    /// Nothing but an address has a number, a kind of street and a place.
    fn is_certain(&self) -> bool {
        self.street && self.numbers > 0 && self.words > 1 && (self.postcode || self.commas > 0)
    }
}

/// All of a value: anything with a number and a word, or with several words.
fn whole(text: &str) -> Option<Confidence> {
    if text.contains(['@', '=', '{', '_', '\\']) || text.contains("://") {
        return None;
    }
    let mut evidence = Evidence::default();
    let lines = text.split(['\n', ',']).filter(|part| !part.trim().is_empty());
    evidence.commas = lines.count().saturating_sub(1);
    let separator =
        |symbol: char| symbol.is_whitespace() || matches!(symbol, ',' | ';' | '|' | '/');
    let mut parts = text.split(separator).filter_map(Part::of);
    for part in parts.by_ref().take(WORDS_MAX) {
        evidence.add(&part);
    }
    // A longer text is something else that holds an address at best.
    if parts.next().is_some() || evidence.prose > 1 {
        return None;
    }
    let telling = evidence.capitals > 0 || evidence.street;
    match evidence {
        _ if evidence.is_certain() => Some(Confidence::Certain),
        Evidence { numbers: 1.., words: 1.., .. } => Some(Confidence::Likely),
        Evidence { words: 2.., .. } if evidence.commas > 0 || evidence.street => {
            Some(Confidence::Likely)
        }
        Evidence { words: 2.., .. } => telling.then_some(Confidence::Possible),
        // A street, a town or a postcode alone.
        Evidence { words: 1, numbers: 0, .. } => {
            let known = Word::of(text);
            let other = known.is_label() || known.is_role() || known.is_prose();
            (telling && !other).then_some(Confidence::Possible)
        }
        _ => is_one_of(&POSTCODES, &text.to_uppercase()).then_some(Confidence::Possible),
    }
}

/// The beginning of a text, up to a word that cannot belong to an address.
fn begin(text: &str) -> Option<(usize, Confidence)> {
    let bounded = text.find(BOUNDS).map_or(text, |end| text.get(..end).unwrap_or_default());
    let bounded = bounded.split("  ").next().unwrap_or_default();
    let mut evidence = Evidence::default();
    let (mut at, mut end, mut after_comma) = (0, 0, false);
    let mut stop = Stop::Bound;
    for word in bounded.split(' ').take(WORDS_MAX) {
        let start = at;
        at += word.len() + 1;
        if word.ends_with([':', '=']) || word.contains(['=', '@']) || word.contains("://") {
            stop = Stop::Label;
            break;
        }
        let Some(part) = Part::of(word) else { continue };
        if !part.belongs() || is_telephone(word) || (end == 0 && !part.opens()) {
            stop = if part.known.is_contact() { Stop::Label } else { Stop::Prose };
            break;
        }
        evidence.commas += usize::from(after_comma);
        evidence.add(&part);
        after_comma = word.ends_with(',');
        if !(part.small && part.known.is_address_particle()) {
            let closed = word.contains('(') && word.ends_with(')');
            let tail = if closed { 0 } else { word.len() - word.trim_end_matches(EDGES).len() };
            end = start + word.len() - tail;
        }
        if ends_sentence(word, &part, bounded.get(at..).unwrap_or_default()) {
            break;
        }
    }
    let value = bounded.get(..end)?;
    let value = if stop == Stop::Label { without_label(value) } else { value };
    let confidence = evidence.confidence(stop)?;
    (!value.is_empty()).then_some((value.len(), confidence))
}

/// What ended an address in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Bound,
    Label,
    Prose,
}

impl Evidence {
    /// How sure an address is in a text, whose first words may be of a sentence.
    fn confidence(&self, stop: Stop) -> Option<Confidence> {
        let placed = self.commas > 0 || self.postcode || self.street || stop != Stop::Prose;
        match self {
            _ if self.is_certain() => Some(Confidence::Certain),
            Evidence { numbers: 1.., words: 1.., .. } if placed => Some(Confidence::Likely),
            Evidence { numbers: 1.., words: 1.., .. } => Some(Confidence::Possible),
            Evidence { street: true, words: 2.., .. } => Some(Confidence::Likely),
            Evidence { words: 2.., commas: 1.., .. } => Some(Confidence::Possible),
            _ => None,
        }
    }
}

/// `(555)`: the area code of a telephone number.
fn is_telephone(word: &str) -> bool {
    let inside = word.strip_prefix('(').and_then(|word| word.strip_suffix(')'));
    inside.is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a full stop behind a word ends the sentence, and not an abbreviation.
fn ends_sentence(word: &str, part: &Part<'_>, rest: &str) -> bool {
    let short = part.text.chars().count() <= 3 && !part.number;
    let goes_on = rest.starts_with(|symbol: char| symbol.is_lowercase() || symbol.is_numeric());
    word.ends_with('.') && !goes_on && !short && !part.known.is_street()
}

/// Takes off the first words of a label whose last one ended the address: `… Date of`.
fn without_label(value: &str) -> &str {
    let mut value = value;
    for _ in 0..LABEL_WORDS_MAX {
        let trimmed = value.trim_end_matches(|symbol: char| !symbol.is_alphanumeric());
        let last = trimmed.rsplit(' ').next().unwrap_or_default();
        let known = Word::of(last);
        let label = known.is_label() || known.is_address_particle();
        if last.len() == trimmed.len() || !label {
            break;
        }
        value = trimmed.get(..trimmed.len() - last.len()).unwrap_or_default();
    }
    value.trim_end_matches([',', ' '])
}

/// Addresses in Chinese, Japanese and Korean, from the largest part to the smallest.
fn native(text: &str, extent: Extent) -> Option<Labelled> {
    let bound = |symbol: char| BOUNDS.contains(&symbol) || matches!(symbol, '。' | '；' | '、');
    let bounded = text.find(bound).map_or(text, |end| text.get(..end).unwrap_or_default());
    let label = bounded.find([':', '：']);
    let value = match label {
        None => bounded,
        // The word before the colon is the next label.
        Some(colon) => {
            let value = bounded.get(..colon)?;
            value.get(..value.rfind([' ', ',', '，'])?)?
        }
    };
    let value = value.trim_end_matches([' ', ',', '，', '.']);
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    let marks = value.chars().filter(|symbol| DIVISIONS.contains(*symbol)).count();
    let count = value.chars().count();
    if !(2..=NATIVE_MAX).contains(&count) || !value.chars().any(is_native) {
        return None;
    }
    let confidence = match (digits, marks) {
        (true, 2..) => Confidence::Certain,
        (true, 1) | (false, 2..) => Confidence::Likely,
        _ if extent == Extent::Whole => Confidence::Possible,
        _ => return None,
    };
    Some(Labelled { length: value.len(), confidence })
}

/// What ends a value in a text for certain.
const BOUNDS: [char; 13] = ['\n', '\r', '\t', '|', ';', '"', '<', '>', '{', '}', '[', ']', '\\'];

/// What stands around a word without being a part of it.
const EDGES: [char; 13] = [',', '.', '(', ')', '\'', '’', '‘', '“', '”', '–', '—', '-', '#'];

/// Inside numbers of houses and postcodes: `12-14`, `3/4`, `2º`.
const JOINTS: [char; 8] = ['-', '/', '.', '#', 'º', 'ª', '°', '–'];

/// Postcodes as the Universal Postal Union's "Postal addressing systems" shows them: four to
/// six digits in most countries; US with four more; PL, PT, JP, BR; GB, CA, NL, SE with the
/// space; with a country's letter before it.
#[rustfmt::skip]
const POSTCODES: [&str; 14] = [
    "99999", "99999-9999", "999999", "9999", "99-999", "9999-999", "999-9999", "99999-999",
    "Aa9n-9AA", "A9A-9A9", "9999-AA", "999-99", "Aa-999900", "〒999-9999",
];

/// The second words of postcodes.
const POSTCODE_PARTS: [&str; 2] = ["9AA", "9A9"];

/// Divisions of countries and towns in East Asian addresses.
const DIVISIONS: &str =
    "省市区區县縣镇鎮乡鄉村路街道号號楼樓室弄巷都府県郡町丁番地시도군구동읍면로길층호";

/// Unit: words. Longer values are something else.
const WORDS_MAX: usize = 30;

/// Unit: bytes. Numbers of houses, flats and postcodes.
const NUMBER_BYTES: usize = 14;

/// Unit: words. `Date of`, `Home`.
const LABEL_WORDS_MAX: usize = 3;

/// Unit: characters.
const NATIVE_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::class::Confidence;
    use crate::inspect::labelled::Extent;

    #[test]
    fn addresses_of_many_countries_are_found_whole_and_at_the_beginning() {
        for text in [
            "1600 Pennsylvania Avenue NW, Washington, DC 20500",
            "742 Evergreen Terrace, Springfield",
            "12 Main St., Apt. 4B, Springfield, IL 62701-1234",
            "P.O. Box 1234, Reno, NV 89501",
            "10 Downing Street, London SW1A 2AA",
            "Flat 2, 221b Baker Street, London",
            "Hauptstraße 5, 10115 Berlin",
            "Am Alten Markt 7a, D-50667 Köln",
            "Postfach 1234, 8001 Zürich",
            "12 bis, rue de la Paix, 75002 Paris",
            "Calle de Alcalá 45, 2º B, 28014 Madrid",
            "Via Roma 12, 00184 Roma RM",
            "Rua Augusta 1500, São Paulo - SP, 01305-100",
            "Prinsengracht 263, 1016 GV Amsterdam",
            "ul. Marszałkowska 10/12, 00-950 Warszawa",
            "Drottninggatan 5, 111 51 Stockholm",
            "24 Sussex Drive, Ottawa, ON K1M 1M4",
            "1 Macquarie Street, Sydney NSW 2000",
        ] {
            for extent in [Extent::Whole, Extent::Begin] {
                let found = judge(text, extent).map(|found| found.length);
                assert_eq!(found, Some(text.len()), "{text} {extent:?}");
            }
        }
        for text in [
            "東京都千代田区丸の内1-9-1",
            "〒100-0005 東京都千代田区丸の内1丁目",
            "北京市朝阳区建国路88号",
            "서울특별시 강남구 테헤란로 123",
        ] {
            for extent in [Extent::Whole, Extent::Begin] {
                let found = judge(text, extent).map(|found| found.length);
                assert_eq!(found, Some(text.len()), "{text} {extent:?}");
            }
        }
    }

    #[test]
    fn address_ends_before_what_does_not_belong_to_it() {
        for (text, address) in [
            (
                "12 Main St, Springfield, IL 62701, Phone: 555-0100",
                "12 Main St, Springfield, IL 62701",
            ),
            ("12 Main St, Springfield Date of Birth: 1987", "12 Main St, Springfield"),
            ("12 Main St, Springfield Home Phone: 555", "12 Main St, Springfield"),
            ("12 Main Street was sold", "12 Main Street"),
            ("12 Main Street. She moved", "12 Main Street"),
            ("12 Main St. Springfield | next", "12 Main St. Springfield"),
            ("12 Main St, Springfield; DOB 1987", "12 Main St, Springfield"),
            ("12 Main St, Springfield DOB 02/13/1987", "12 Main St, Springfield"),
            ("Hauptstraße 5, 10115 Berlin\nTel. 030", "Hauptstraße 5, 10115 Berlin"),
            ("Hauptstraße 5, 10115 Berlin. Bitte klingeln", "Hauptstraße 5, 10115 Berlin"),
            ("12 Main St</address>", "12 Main St"),
            ("12 Main St\",\"city\"", "12 Main St"),
            ("12 Main St jane@example.com", "12 Main St"),
            ("北京市朝阳区建国路88号，电话：010", "北京市朝阳区建国路88号"),
        ] {
            let found = judge(text, Extent::Begin).and_then(|found| text.get(..found.length));
            assert_eq!(found, Some(address), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_address_is_refused() {
        for text in [
            "10.0.0.1",
            "jane@example.com",
            "https://example.com/12 Main St",
            "0x1f",
            "primary",
            "Billing",
            "62",
            "node-5",
            "my_address 5",
            "we have to deliver it to the back door at 5",
        ] {
            assert_eq!(judge(text, Extent::Whole), None, "{text}");
        }
        for text in ["the 5 issues", "of the server is", "Berlin", "5", "range 1", "is 12 Main St"]
        {
            assert_eq!(judge(text, Extent::Begin), None, "{text}");
        }
    }

    #[test]
    fn parts_of_an_address_are_no_more_than_possible() {
        for text in ["Berlin", "Hauptstraße", "New York", "62701", "SW1A 1AA", "K1M 1M4"] {
            let found = judge(text, Extent::Whole).map(|found| found.confidence);
            assert_eq!(found, Some(Confidence::Possible), "{text}");
        }
        for text in ["Hauptstraße 5", "Rose Cottage, Little Snoring", "Springfield, IL 62701"] {
            let found = judge(text, Extent::Whole).map(|found| found.confidence);
            assert_eq!(found, Some(Confidence::Likely), "{text}");
        }
    }
}
