//! Characters that people do not see and models read.
//!
//! Owns the one table of them (S-36; "Trojan Source", ASCII smuggling). Two readers differ in what
//! they forgive: the values of a call, where anything may have been pasted ([`hides`]), and the
//! definition of a tool, which somebody wrote for models to follow ([`hides_in_definition`],
//! [`hides_in_name`]). Guarantees: linear in the text; emoji sequences, variation selectors on
//! symbols, and the joiners of Arabic, Persian and Indic scripts are ordinary text to all of them.

use std::fmt::Write;

/// Whether a text hides something: direction overrides, embeddings and isolates, tag characters,
/// runs of zero-width characters and of variation selectors.
#[must_use]
pub fn hides(text: &str) -> bool {
    let mut invisible_run = 0_usize;
    let mut selector_run = 0_usize;
    let mut flag = Flag::Outside;
    for character in text.chars() {
        if is_directing(character) || flag.sees(character) == Tag::Stray {
            return true;
        }
        invisible_run = if is_invisible(character) { invisible_run + 1 } else { 0 };
        selector_run = if is_selector(character) { selector_run + 1 } else { 0 };
        if invisible_run >= INVISIBLE_RUN || selector_run >= SELECTOR_RUN {
            return true;
        }
    }
    false
}

/// Whether the definition of a tool hides something: what [`hides`] finds, control characters
/// (terminals obey them), zero-width characters inside a word of Latin letters or digits or
/// scattered over such text, and variation selectors on letters.
#[must_use]
pub fn hides_in_definition(text: &str) -> bool {
    // Almost every text is plain; the control characters alone are then of interest.
    if text.is_ascii() {
        return text.chars().any(is_control);
    }
    if hides(text) || text.chars().any(is_control) {
        return true;
    }
    let mut scattered = 0_usize;
    let mut before = None;
    let mut between = 0_usize;
    for character in text.chars() {
        if is_selector(character) {
            // Digits, `#` and `*` are the bases of keycaps.
            if before.is_some_and(|c: char| c.is_ascii() && !is_keycap(c)) {
                return true;
            }
        } else if is_zero_width(character) {
            between += 1;
        } else {
            if between > 0 && before.is_none_or(|c| c.is_ascii()) && character.is_ascii() {
                let in_word = before.is_some_and(|c| c.is_ascii_alphanumeric());
                if in_word && character.is_ascii_alphanumeric() {
                    return true;
                }
                scattered += between;
            }
            between = 0;
            before = Some(character);
        }
        if scattered >= SCATTERED {
            return true;
        }
    }
    false
}

/// Whether the name of a tool hides something: what [`hides_in_definition`] finds, direction marks,
/// and zero-width characters anywhere but between letters beyond ASCII.
#[must_use]
pub fn hides_in_name(name: &str) -> bool {
    if hides_in_definition(name) {
        return true;
    }
    if name.is_ascii() {
        return false;
    }
    let unseen = |c: char| is_zero_width(c) || is_invisible(c);
    let mut before = None;
    let mut between = false;
    for character in name.chars().filter(|c| !is_selector(*c)) {
        if matches!(character, '\u{200E}' | '\u{200F}' | '\u{061C}') {
            return true;
        }
        if unseen(character) {
            between = true;
            if before.is_none_or(|c: char| c.is_ascii()) {
                return true;
            }
        } else {
            if between && character.is_ascii() {
                return true;
            }
            between = false;
            before = Some(character);
        }
    }
    between
}

/// Whether a character is one that this module's table holds: for forms of names in which it does
/// not count.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    is_invisible(character)
        || is_selector(character)
        || is_directing(character)
        || is_control(character)
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{E0000}'..='\u{E007F}')
}

/// A text for a terminal or a log: what is not seen is spelled out, and what is too long is cut.
#[must_use]
pub fn spelled_out(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(chars_max));
    for (count, character) in text.chars().enumerate() {
        if count >= chars_max {
            out.push('…');
            break;
        }
        if is_unseen(character) || character.is_control() {
            // Writing into a text cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// Where a tag character stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// In a flag, or it is none.
    Fine,
    /// Anywhere else.
    Stray,
}

/// The flags of England, Scotland and Wales and their like: a black flag, the code of the region in
/// tag letters, and the tag that ends it (UTS #51, ED-14a). The only use of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Outside,
    Inside { letters: usize },
}

impl Flag {
    fn sees(&mut self, character: char) -> Tag {
        *self = match (*self, character) {
            (_, '\u{1F3F4}') => Self::Inside { letters: 0 },
            (Self::Inside { letters }, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}')
                if letters < REGION_LETTERS =>
            {
                Self::Inside { letters: letters + 1 }
            }
            (Self::Inside { letters }, '\u{E007F}') if letters > 0 => Self::Outside,
            (_, '\u{E0000}'..='\u{E007F}') => return Tag::Stray,
            (Self::Inside { .. } | Self::Outside, _) => Self::Outside,
        };
        Tag::Fine
    }
}

/// Embeddings, overrides and isolates, and the interlinear annotation characters.
fn is_directing(character: char) -> bool {
    matches!(
        character,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFF9}'..='\u{FFFB}'
    )
}

/// Zero-width characters. One or two in a row join emoji and letters of many scripts.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00AD}' | '\u{034F}' | '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}'
            | '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{3164}' | '\u{115F}' | '\u{1160}'
    )
}

/// The same without the soft hyphen, which stands in words by its nature.
fn is_zero_width(character: char) -> bool {
    is_invisible(character) && character != '\u{00AD}'
}

fn is_selector(character: char) -> bool {
    matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_keycap(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, '#' | '*')
}

/// Control characters without those that end lines and make columns.
fn is_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\t'..='\r' | '\u{85}')
}

/// That many zero-width characters in a row carry a message.
const INVISIBLE_RUN: usize = 3;

/// A character has at most one variation selector (Unicode, section 23.4).
const SELECTOR_RUN: usize = 2;

/// Letters and digits of a region's code.
const REGION_LETTERS: usize = 6;

/// That many zero-width characters in Latin text are no accident of pasting.
const SCATTERED: usize = 8;

#[cfg(test)]
mod tests {
    use super::{hides, hides_in_definition, hides_in_name, spelled_out};

    /// Ordinary texts of many scripts; none may hit.
    const ORDINARY: &[&str] = &[
        "Reads a file.\n\tReturns its text.\r\n",
        "family 👨\u{200D}👩\u{200D}👧\u{200D}👦, pride 🏳\u{FE0F}\u{200D}🌈, heart ❤\u{FE0F}",
        "keycaps 1\u{FE0F}\u{20E3} #\u{FE0F}\u{20E3}, gear ⚙\u{FE0F} settings",
        "a runner 🏃🏽\u{200D}♀\u{FE0F}\u{200D}➡\u{FE0F}",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} England",
        "يقرأ ملفًا ويعيد نصه \u{200F}(UTF-8)\u{200F}.",
        "می\u{200C}خواهم فایل\u{200C}ها را بخوانم",
        "क्\u{200D}ष और र्\u{200D}य, क्\u{200C}ष",
        "ශ්\u{200D}රී ලංකා",
        "ภาษาไทย\u{200B}อ่าน\u{200B}ไฟล์\u{200B}และ\u{200B}ส่ง\u{200B}คืน\u{200B}ข้อ\u{200B}ความ\u{200B}ทั้ง\u{200B}หมด",
        "葛\u{E0100}飾区",
        "Silben\u{00AD}trennung und Donau\u{00AD}dampf\u{00AD}schiff\u{00AD}fahrt",
        "\u{FEFF}saved with a byte order mark",
        "pasted from a page:\u{200B} first\u{200B}\n\u{200B} second",
        "naïve café — “quotes” … 50 °C, 日本語、한국어, Ελληνικά, Русский",
    ];

    #[test]
    fn s36_ordinary_text_of_many_scripts_hides_nothing() {
        for text in ORDINARY {
            assert!(!hides(text), "{text:?}");
            assert!(!hides_in_definition(text), "{text:?}");
        }
        for name in
            ["read_file", "файл.читать", "می\u{200C}خواهم", "क्\u{200D}ष", "👨\u{200D}👩\u{200D}👧"]
        {
            assert!(!hides_in_name(name), "{name:?}");
        }
    }

    #[test]
    fn s36_what_people_do_not_see_in_a_definition_is_found() {
        for text in [
            "Adds.\u{202E}secret\u{202C}",
            "Adds.\u{2066}x\u{2069}",
            "Adds.\u{E0049}\u{E0067}\u{E006E}",
            "\u{1F3F4}\u{E0069}\u{E0067}\u{E006E}\u{E006F}\u{E0072}\u{E0065}\u{E0061}\u{E007F}",
            "\u{1F3F4}\u{E0049}\u{E007F}",
            "Adds.\u{200B}\u{200C}\u{200B}",
            "del\u{200B}ete",
            "a\u{FE01}b\u{FE05}",
            "x😀\u{FE01}\u{FE02}",
            "\u{1B}[8mhidden\u{1B}[0m",
            "back\u{8}space",
            "c1 \u{9b}2J",
            "a \u{200B} b \u{200C} c \u{2060} d \u{200B} e \u{200B} f \u{200B} g \u{200B} h \u{200B} i",
        ] {
            assert!(hides_in_definition(text), "{text:?}");
        }
    }

    #[test]
    fn s36_names_are_read_more_strictly() {
        for name in [
            "read_file\u{200B}",
            "\u{FEFF}read_file",
            "read\u{00AD}file",
            "read\u{200F}file",
            "read_\u{200D}file",
        ] {
            assert!(hides_in_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_unseen_character_and_has_an_end() {
        assert_eq!(spelled_out("a\u{202E}b\u{1B}[0m\n", 80), "a\\u{202e}b\\u{1b}[0m\\u{a}");
        assert_eq!(spelled_out("aaaa", 3), "aaa…");
    }
}
