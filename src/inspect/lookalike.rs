//! Characters that read as ASCII, or that nobody sees.
//!
//! Owns the table of them. The promise, held over all code points by the tests: a decimal
//! digit of any script, a dash, a space, and whatever compatibility decomposition turns
//! into one ASCII character is read as that character; what is ignorable by default is
//! left out. Letters of other alphabets stay what they are, however much they resemble
//! Latin ones: an address is found in any alphabet.

/// What a detector reads in place of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Normal {
    /// The character.
    Itself,
    /// An ASCII character.
    Ascii(u8),
    /// A digit, unless it follows an ordinary one: there it is a footnote or a power.
    Raised(u8),
    /// Punctuation if it follows a digit; a letter or an ornament elsewhere.
    AfterDigit(u8),
    /// Nothing if it follows a digit; part of a letter elsewhere.
    OverDigit,
    /// Nothing.
    Nothing,
}

/// How a character is read.
pub(super) fn normal(character: char) -> Normal {
    let code = u32::from(character);
    if is_plain(code) {
        return Normal::Itself;
    }
    // The forms that are met most.
    if let 0xFF01..=0xFF5E = code {
        return Normal::Ascii(b'!' + low_byte(code - 0xFF01));
    }
    let after = RUNS.partition_point(|run| run.first <= code);
    let run = after.checked_sub(1).and_then(|index| RUNS.get(index));
    let Some(run) = run.filter(|run| code <= run.last) else {
        return Normal::Itself;
    };
    let distance = code - run.first;
    match run.reads {
        Reads::As(byte) => Normal::Ascii(byte),
        Reads::From(byte) => Normal::Ascii(byte.saturating_add(low_byte(distance))),
        Reads::Letters => Normal::Ascii(letter(distance % 52)),
        Reads::Digits => Normal::Ascii(b'0' + low_byte(distance % 10)),
        Reads::Raised(byte) => Normal::Raised(byte.saturating_add(low_byte(distance))),
        Reads::AfterDigit(byte) => Normal::AfterDigit(byte),
        Reads::OverDigit => Normal::OverDigit,
        Reads::Nothing => Normal::Nothing,
    }
}

/// Whether a text could hold characters that [`normal`] reads as something else. Cheap and
/// generous: looks at the first bytes of characters only, and is written without an early
/// exit inside a block, so that it compiles to vector instructions. Texts in Greek,
/// Cyrillic, most of Latin, Chinese characters and Hangul have none of those bytes.
pub(super) fn has_lookalikes(bytes: &[u8]) -> bool {
    let first = |byte: u8| matches!(byte, 0xC2 | 0xCB..=0xCD | 0xD6 | 0xD8..=0xDB | 0xDF..=0xE3 | 0xEA | 0xEF..);
    bytes.chunks(1024).any(|block| block.iter().fold(false, |any, byte| any | first(*byte)))
}

/// The great alphabets that hold none of the characters of the table: ASCII, Latin, Greek and
/// Cyrillic, Chinese characters, Kana, Hangul.
fn is_plain(code: u32) -> bool {
    matches!(code, ..0x80 | 0xC0..=0x2D6 | 0x370..=0x589 | 0x3031..=0x309F | 0x30A1..=0x30FA)
        || matches!(code, 0x30FD..=0x3163 | 0x3165..=0xA61F | 0xAC00..=0xFB28)
}

/// The letters of the mathematical alphabets: 26 capitals, then 26 small ones.
fn letter(place: u32) -> u8 {
    match low_byte(place) {
        capital @ 0..26 => b'A' + capital,
        small => b'a' + (small - 26) % 26,
    }
}

fn low_byte(code: u32) -> u8 {
    code.to_le_bytes()[0]
}

/// Characters that follow each other and are read alike.
struct Run {
    first: u32,
    last: u32,
    reads: Reads,
}

#[derive(Clone, Copy)]
enum Reads {
    /// All of them as this character.
    As(u8),
    /// The first one as this character, the next one as the next.
    From(u8),
    /// As the Latin alphabet, capitals before small letters, over and over.
    Letters,
    /// As the ten digits, over and over.
    Digits,
    /// As [`Reads::From`], as [`Normal::Raised`].
    Raised(u8),
    AfterDigit(u8),
    OverDigit,
    Nothing,
}

const fn run(first: u32, last: u32, reads: Reads) -> Run {
    Run { first, last, reads }
}

const fn one(code: u32, reads: Reads) -> Run {
    Run { first: code, last: code, reads }
}

const fn digits(zero: u32) -> Run {
    Run { first: zero, last: zero + 9, reads: Reads::Digits }
}

/// Sorted. Source: the Unicode Character Database, version 17: General_Category Nd, Pd, Zs,
/// Default_Ignorable_Code_Point, and compatibility decompositions into one ASCII character.
/// Beyond these: separators that stand in numbers (U+00B7, U+066B, U+2022, U+30FB, U+30FC and
/// their like), controls, annotation marks, marks over digits.
const RUNS: &[Run] = &[
    run(0x80, 0x84, Reads::Nothing),
    one(0x85, Reads::As(b'\n')),
    run(0x86, 0x9F, Reads::Nothing),
    one(0xA0, Reads::As(b' ')),
    one(0xAD, Reads::Nothing),
    run(0xB2, 0xB3, Reads::Raised(b'2')),
    one(0xB7, Reads::AfterDigit(b'.')),
    one(0xB9, Reads::Raised(b'1')),
    one(0x2D7, Reads::As(b'-')),
    run(0x300, 0x34E, Reads::OverDigit),
    one(0x34F, Reads::Nothing),
    run(0x350, 0x36F, Reads::OverDigit),
    one(0x58A, Reads::As(b'-')),
    one(0x5BE, Reads::As(b'-')),
    one(0x60C, Reads::As(b',')),
    one(0x61B, Reads::As(b';')),
    one(0x61C, Reads::Nothing),
    digits(0x660),
    one(0x66B, Reads::As(b'.')),
    one(0x66C, Reads::As(b',')),
    one(0x6D4, Reads::As(b'.')),
    digits(0x6F0),
    digits(0x7C0),
    digits(0x966),
    digits(0x9E6),
    digits(0xA66),
    digits(0xAE6),
    digits(0xB66),
    digits(0xBE6),
    digits(0xC66),
    digits(0xCE6),
    digits(0xD66),
    digits(0xDE6),
    digits(0xE50),
    digits(0xED0),
    digits(0xF20),
    digits(0x1040),
    digits(0x1090),
    run(0x115F, 0x1160, Reads::Nothing),
    one(0x1400, Reads::As(b'-')),
    one(0x1680, Reads::As(b' ')),
    run(0x17B4, 0x17B5, Reads::Nothing),
    digits(0x17E0),
    one(0x1806, Reads::As(b'-')),
    run(0x180B, 0x180F, Reads::Nothing),
    digits(0x1810),
    digits(0x1946),
    digits(0x19D0),
    digits(0x1A80),
    digits(0x1A90),
    digits(0x1B50),
    digits(0x1BB0),
    digits(0x1C40),
    digits(0x1C50),
    one(0x1FEF, Reads::As(b'`')),
    run(0x2000, 0x200A, Reads::As(b' ')),
    run(0x200B, 0x200F, Reads::Nothing),
    run(0x2010, 0x2015, Reads::As(b'-')),
    one(0x2022, Reads::AfterDigit(b'.')),
    one(0x2024, Reads::As(b'.')),
    one(0x2027, Reads::As(b'.')),
    run(0x2028, 0x2029, Reads::As(b'\n')),
    run(0x202A, 0x202E, Reads::Nothing),
    one(0x202F, Reads::As(b' ')),
    one(0x2043, Reads::As(b'-')),
    one(0x2044, Reads::As(b'/')),
    one(0x205F, Reads::As(b' ')),
    run(0x2060, 0x206F, Reads::Nothing),
    one(0x2070, Reads::Raised(b'0')),
    run(0x2074, 0x2079, Reads::Raised(b'4')),
    one(0x207A, Reads::As(b'+')),
    one(0x207B, Reads::As(b'-')),
    one(0x207C, Reads::As(b'=')),
    run(0x207D, 0x207E, Reads::From(b'(')),
    run(0x2080, 0x2089, Reads::Raised(b'0')),
    one(0x208A, Reads::As(b'+')),
    one(0x208B, Reads::As(b'-')),
    one(0x208C, Reads::As(b'=')),
    run(0x208D, 0x208E, Reads::From(b'(')),
    run(0x20D0, 0x20F0, Reads::OverDigit),
    one(0x2102, Reads::As(b'C')),
    one(0x210A, Reads::As(b'g')),
    run(0x210B, 0x210D, Reads::As(b'H')),
    one(0x210E, Reads::As(b'h')),
    run(0x2110, 0x2111, Reads::As(b'I')),
    one(0x2112, Reads::As(b'L')),
    one(0x2113, Reads::As(b'l')),
    one(0x2115, Reads::As(b'N')),
    run(0x2119, 0x211B, Reads::From(b'P')),
    run(0x211C, 0x211D, Reads::As(b'R')),
    one(0x2124, Reads::As(b'Z')),
    one(0x2128, Reads::As(b'Z')),
    one(0x212A, Reads::As(b'K')),
    run(0x212C, 0x212D, Reads::From(b'B')),
    one(0x212F, Reads::As(b'e')),
    run(0x2130, 0x2131, Reads::From(b'E')),
    one(0x2133, Reads::As(b'M')),
    one(0x2134, Reads::As(b'o')),
    one(0x2139, Reads::As(b'i')),
    one(0x2145, Reads::As(b'D')),
    run(0x2146, 0x2147, Reads::From(b'd')),
    run(0x2148, 0x2149, Reads::From(b'i')),
    one(0x2212, Reads::As(b'-')),
    one(0x2215, Reads::As(b'/')),
    one(0x2219, Reads::AfterDigit(b'.')),
    one(0x2236, Reads::As(b':')),
    one(0x22C5, Reads::AfterDigit(b'.')),
    run(0x2460, 0x2468, Reads::Raised(b'1')),
    run(0x2474, 0x247C, Reads::Raised(b'1')),
    run(0x2488, 0x2490, Reads::Raised(b'1')),
    run(0x24B6, 0x24E9, Reads::Letters),
    one(0x24EA, Reads::Raised(b'0')),
    run(0x24F5, 0x24FD, Reads::Raised(b'1')),
    one(0x24FF, Reads::Raised(b'0')),
    run(0x2776, 0x277E, Reads::Raised(b'1')),
    run(0x2780, 0x2788, Reads::Raised(b'1')),
    run(0x278A, 0x2792, Reads::Raised(b'1')),
    one(0x2795, Reads::As(b'+')),
    one(0x2796, Reads::As(b'-')),
    one(0x2800, Reads::As(b' ')),
    one(0x2E17, Reads::As(b'-')),
    one(0x2E1A, Reads::As(b'-')),
    run(0x2E3A, 0x2E3B, Reads::As(b'-')),
    one(0x2E40, Reads::As(b'-')),
    one(0x2E5D, Reads::As(b'-')),
    one(0x3000, Reads::As(b' ')),
    one(0x3001, Reads::As(b',')),
    one(0x3002, Reads::As(b'.')),
    one(0x301C, Reads::As(b'-')),
    one(0x3030, Reads::As(b'-')),
    one(0x30A0, Reads::As(b'-')),
    one(0x30FB, Reads::AfterDigit(b'.')),
    one(0x30FC, Reads::AfterDigit(b'-')),
    one(0x3164, Reads::Nothing),
    digits(0xA620),
    one(0xA789, Reads::As(b':')),
    digits(0xA8D0),
    digits(0xA900),
    digits(0xA9D0),
    digits(0xA9F0),
    digits(0xAA50),
    digits(0xABF0),
    one(0xFB29, Reads::As(b'+')),
    run(0xFE00, 0xFE0F, Reads::Nothing),
    one(0xFE10, Reads::As(b',')),
    run(0xFE13, 0xFE14, Reads::From(b':')),
    one(0xFE15, Reads::As(b'!')),
    one(0xFE16, Reads::As(b'?')),
    run(0xFE31, 0xFE32, Reads::As(b'-')),
    run(0xFE33, 0xFE34, Reads::As(b'_')),
    run(0xFE35, 0xFE36, Reads::From(b'(')),
    one(0xFE37, Reads::As(b'{')),
    one(0xFE38, Reads::As(b'}')),
    one(0xFE47, Reads::As(b'[')),
    one(0xFE48, Reads::As(b']')),
    run(0xFE4D, 0xFE4F, Reads::As(b'_')),
    one(0xFE50, Reads::As(b',')),
    one(0xFE52, Reads::As(b'.')),
    one(0xFE54, Reads::As(b';')),
    one(0xFE55, Reads::As(b':')),
    one(0xFE56, Reads::As(b'?')),
    one(0xFE57, Reads::As(b'!')),
    one(0xFE58, Reads::As(b'-')),
    run(0xFE59, 0xFE5A, Reads::From(b'(')),
    one(0xFE5B, Reads::As(b'{')),
    one(0xFE5C, Reads::As(b'}')),
    one(0xFE5F, Reads::As(b'#')),
    one(0xFE60, Reads::As(b'&')),
    run(0xFE61, 0xFE62, Reads::From(b'*')),
    one(0xFE63, Reads::As(b'-')),
    one(0xFE64, Reads::As(b'<')),
    one(0xFE65, Reads::As(b'>')),
    one(0xFE66, Reads::As(b'=')),
    one(0xFE68, Reads::As(b'\\')),
    run(0xFE69, 0xFE6A, Reads::From(b'$')),
    one(0xFE6B, Reads::As(b'@')),
    one(0xFEFF, Reads::Nothing),
    run(0xFF01, 0xFF5E, Reads::From(b'!')),
    one(0xFF61, Reads::As(b'.')),
    one(0xFF64, Reads::As(b',')),
    one(0xFF65, Reads::AfterDigit(b'.')),
    one(0xFF70, Reads::AfterDigit(b'-')),
    one(0xFFA0, Reads::Nothing),
    run(0xFFF0, 0xFFFB, Reads::Nothing),
    digits(0x104A0),
    digits(0x10D30),
    digits(0x10D40),
    one(0x10D6E, Reads::As(b'-')),
    one(0x10EAD, Reads::As(b'-')),
    digits(0x11066),
    digits(0x110F0),
    digits(0x11136),
    digits(0x111D0),
    digits(0x112F0),
    digits(0x11450),
    digits(0x114D0),
    digits(0x11650),
    digits(0x116C0),
    run(0x116D0, 0x116E3, Reads::Digits),
    digits(0x11730),
    digits(0x118E0),
    digits(0x11950),
    digits(0x11BF0),
    digits(0x11C50),
    digits(0x11D50),
    digits(0x11DA0),
    digits(0x11DE0),
    digits(0x11F50),
    digits(0x16130),
    digits(0x16A60),
    digits(0x16AC0),
    digits(0x16B50),
    digits(0x16D70),
    run(0x1BCA0, 0x1BCA3, Reads::Nothing),
    run(0x1CCD6, 0x1CCEF, Reads::From(b'A')),
    digits(0x1CCF0),
    run(0x1D173, 0x1D17A, Reads::Nothing),
    run(0x1D400, 0x1D6A3, Reads::Letters),
    run(0x1D7CE, 0x1D7FF, Reads::Digits),
    digits(0x1E140),
    digits(0x1E2F0),
    digits(0x1E4F0),
    digits(0x1E5F1),
    digits(0x1E950),
    run(0x1F130, 0x1F149, Reads::From(b'A')),
    run(0x1F150, 0x1F169, Reads::From(b'A')),
    run(0x1F170, 0x1F189, Reads::From(b'A')),
    digits(0x1FBF0),
    run(0xE0000, 0xE0FFF, Reads::Nothing),
];

#[cfg(test)]
mod tests {
    use regex::Regex;
    use unicode_normalization::UnicodeNormalization;

    use super::{Normal, RUNS, has_lookalikes, normal};

    fn beyond_ascii() -> impl Iterator<Item = char> {
        (0x80..=0x0010_FFFF).filter_map(char::from_u32)
    }

    fn all_of(class: &str) -> impl Iterator<Item = char> {
        let class = Regex::new(&format!("^{class}$")).unwrap();
        beyond_ascii().filter(move |c| class.is_match(c.encode_utf8(&mut [0; 4])))
    }

    #[test]
    fn runs_are_sorted_and_do_not_overlap() {
        assert!(RUNS.iter().all(|run| run.first <= run.last));
        assert!(RUNS.windows(2).all(|pair| pair[0].last < pair[1].first));
    }

    #[test]
    fn a_text_with_any_of_the_characters_is_looked_at() {
        for character in beyond_ascii().filter(|c| normal(*c) != Normal::Itself) {
            assert!(has_lookalikes(character.to_string().as_bytes()), "{character:?}");
        }
    }

    #[test]
    fn the_shortcut_for_great_alphabets_passes_over_nothing() {
        for run in RUNS {
            for code in [run.first, run.last].into_iter().filter_map(char::from_u32) {
                assert_ne!(normal(code), Normal::Itself, "{code:?}");
            }
        }
    }

    #[test]
    fn ordinary_text_in_other_alphabets_is_not_looked_at() {
        for text in ["Łódź, Ærø, ça, İstanbul, Đà", "Ελλάδα", "Київ, Москва", "北京電話", "서울"]
        {
            assert!(!has_lookalikes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn digits_of_all_scripts_are_digits() {
        let mut place = 0;
        let mut previous = 0;
        for character in all_of(r"\p{Nd}") {
            let code = u32::from(character);
            // The standard keeps the digits of a script together, in order from zero.
            place = if code == previous + 1 { (place + 1) % 10 } else { 0 };
            previous = code;
            assert_eq!(normal(character), Normal::Ascii(b'0' + place), "{character:?}");
        }
    }

    #[test]
    fn dashes_spaces_and_what_is_ignorable_are_read_so() {
        for character in all_of(r"\p{Pd}") {
            assert_eq!(normal(character), Normal::Ascii(b'-'), "{character:?}");
        }
        for character in all_of(r"\p{Zs}") {
            assert_eq!(normal(character), Normal::Ascii(b' '), "{character:?}");
        }
        for character in all_of(r"\p{Default_Ignorable_Code_Point}") {
            assert_eq!(normal(character), Normal::Nothing, "{character:?}");
        }
    }

    #[test]
    fn what_decomposes_into_one_ascii_character_is_read_as_it() {
        // Letters that ordinary text holds as such: ordinals, the long s, modifier letters,
        // Roman numerals; and the Greek question mark.
        let kept = |c: char| {
            matches!(c, 'ª' | 'º' | 'ſ' | '\u{37E}' | '\u{2B0}'..='\u{2E3}' | 'ᴬ'..='ᶻ')
                || matches!(c, 'ⁱ' | 'ⁿ' | 'ₐ'..='ₜ' | '\u{209D}'..='\u{209F}' | 'Ⅰ'..='ⅿ')
                || matches!(c, 'ⱼ' | 'ⱽ' | '\u{A7F1}'..='\u{A7F4}' | '\u{107A5}' | '🄫' | '🄬')
        };
        for character in beyond_ascii().filter(|c| !kept(*c)) {
            let mut form = character.nfkc();
            if let (Some(ascii), None) = (form.next(), form.next())
                && let Ok(byte) = u8::try_from(ascii)
                && byte.is_ascii()
            {
                let read = normal(character);
                let expected = [Normal::Ascii(byte), Normal::Raised(byte)];
                assert!(expected.contains(&read), "{character:?} {read:?}");
            }
        }
    }
}
