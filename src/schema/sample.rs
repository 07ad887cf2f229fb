//! A simple text that a regular expression matches, made from the expression alone.
//!
//! Pure. Guarantees: the text is within the length that was asked for or there is none, and holds
//! nothing but what the expression says; time and memory are bounded by [`PATTERN_STATES_MAX`] and
//! [`SAMPLE_CHARS_MAX`]. Whether the text really fits is the validator's to say: expressions that
//! look around themselves are not read.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::limits::{PATTERN_STATES_MAX, SAMPLE_CHARS_MAX};

/// An expression of a schema.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    hir: Hir,
    /// About how many states its automaton has.
    pub(super) states: u64,
}

/// How many characters a text may have.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// The least.
    pub min: usize,
    /// The most.
    pub max: usize,
}

impl Default for Length {
    fn default() -> Self {
        Self { min: 0, max: SAMPLE_CHARS_MAX }
    }
}

impl Pattern {
    /// Reads an expression in the syntax of ECMA-262; `None` for one that has no automaton, or too
    /// large a one.
    pub(super) fn read(pattern: &str) -> Option<Self> {
        let translated = jsonschema_regex::to_rust_regex(pattern).ok()?;
        let hir = regex_syntax::Parser::new().parse(&translated).ok()?;
        let states = states(&hir);
        (states <= PATTERN_STATES_MAX).then_some(Self { hir, states })
    }

    /// A text that it matches. Other variations give other texts where the expression leaves a
    /// choice: the last digit counts first.
    pub(super) fn sample(&self, length: Length, variation: u32) -> Option<String> {
        let shortest = shortest(&self.hir);
        let max = length.max.min(SAMPLE_CHARS_MAX);
        if shortest > max {
            return None;
        }
        let mut maker = Maker {
            text: Vec::with_capacity(shortest),
            more: length.min.saturating_sub(shortest),
            room: max,
        };
        maker.write(&self.hir)?;
        let mut text = maker.vary(variation);
        // What is open at an end may be longer there.
        let lacking = length.min.saturating_sub(text.chars().count());
        if lacking > 0 {
            let filler = "x".repeat(lacking.min(SAMPLE_CHARS_MAX));
            let properties = self.hir.properties();
            if !properties.look_set_suffix().contains(Look::End) {
                text.push_str(&filler);
            } else if !properties.look_set_prefix().contains(Look::Start) {
                text.insert_str(0, &filler);
            }
        }
        let chars = text.chars().count();
        (length.min <= chars && chars <= max).then_some(text)
    }
}

/// One character of the text, and what else could stand there.
struct Letter {
    char: char,
    choice: Vec<char>,
}

struct Maker {
    text: Vec<Letter>,
    /// How many characters more than the least are wanted.
    more: usize,
    room: usize,
}

impl Maker {
    fn write(&mut self, hir: &Hir) -> Option<()> {
        if self.text.len() > self.room {
            return None;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                self.text.extend(text.chars().map(|char| Letter { char, choice: Vec::new() }));
            }
            HirKind::Class(class) => {
                let choice = choice(class);
                self.text.push(Letter { char: *choice.first()?, choice });
            }
            HirKind::Capture(capture) => self.write(&capture.sub)?,
            HirKind::Concat(parts) => {
                for part in parts {
                    self.write(part)?;
                }
            }
            HirKind::Alternation(parts) => {
                self.write(parts.iter().min_by_key(|part| shortest(part))?)?;
            }
            HirKind::Repetition(repetition) => {
                for _ in 0..repetition.min {
                    self.write(&repetition.sub)?;
                }
                let each = shortest(&repetition.sub);
                let most = repetition.max.unwrap_or(u32::MAX).saturating_sub(repetition.min);
                for _ in 0..most {
                    if each == 0 || self.more < each {
                        break;
                    }
                    self.more -= each;
                    self.write(&repetition.sub)?;
                }
            }
        }
        Some(())
    }

    /// Counts through the choices, the last one fastest.
    fn vary(mut self, variation: u32) -> String {
        let mut left = usize::try_from(variation).unwrap_or(0);
        for letter in self.text.iter_mut().rev() {
            if left == 0 {
                break;
            }
            let choices = letter.choice.len().max(1);
            if let Some(other) = letter.choice.get(left % choices) {
                letter.char = *other;
            }
            left /= choices;
        }
        self.text.iter().map(|letter| letter.char).collect()
    }
}

/// Characters of a class, the plainest first.
fn choice(class: &Class) -> Vec<char> {
    let has = |wanted: char| match class {
        Class::Unicode(class) => {
            class.ranges().iter().any(|range| range.start() <= wanted && wanted <= range.end())
        }
        Class::Bytes(class) => u8::try_from(wanted).is_ok_and(|byte| {
            class.ranges().iter().any(|range| range.start() <= byte && byte <= range.end())
        }),
    };
    let mut plain: Vec<char> = PLAIN.chars().filter(|char| has(*char)).collect();
    if plain.is_empty() {
        let first = match class {
            Class::Unicode(class) => class.ranges().first().map(|range| range.start()),
            Class::Bytes(class) => class.ranges().first().map(|range| char::from(range.start())),
        };
        plain.extend(first);
    }
    plain
}

/// Characters of the shortest text. Saturates.
fn shortest(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).map_or(literal.0.len(), |text| text.chars().count())
        }
        HirKind::Class(_) => 1,
        HirKind::Capture(capture) => shortest(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().map(shortest).fold(0, |sum: usize, part| sum.saturating_add(part))
        }
        HirKind::Alternation(parts) => parts.iter().map(shortest).min().unwrap_or(0),
        HirKind::Repetition(repetition) => {
            let times = usize::try_from(repetition.min).unwrap_or(usize::MAX);
            shortest(&repetition.sub).saturating_mul(times)
        }
    }
}

/// About how many states an automaton of this has. Saturates.
fn states(hir: &Hir) -> u64 {
    let sum = |parts: &[Hir]| parts.iter().map(states).fold(1, u64::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => len(literal.0.len()),
        HirKind::Class(Class::Unicode(class)) => len(class.ranges().len()),
        HirKind::Class(Class::Bytes(class)) => len(class.ranges().len()),
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(1),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            states(&repetition.sub).saturating_add(1).saturating_mul(u64::from(times))
        }
    }
}

fn len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Zeros for digits, then what looks like nobody's.
const PLAIN: &str = "0123456789xyzXYZabcdefABCDEFghijklmnopqrstuvwGHIJKLMNOPQRSTUVW-_*. ";

#[cfg(test)]
mod tests {
    use super::{Length, Pattern};
    use crate::limits::{PATTERN_STATES_MAX, SAMPLE_CHARS_MAX};

    fn sample(pattern: &str, min: usize, max: usize, variation: u32) -> Option<String> {
        Pattern::read(pattern)?.sample(Length { min, max }, variation)
    }

    #[test]
    fn a_sample_is_the_plainest_text_that_matches() {
        for (pattern, text) in [
            (r"^\d{3}-\d{2}-\d{4}$", "000-00-0000"),
            (r"^\+1\d{10}$", "+10000000000"),
            ("^[A-Z]{2}[0-9]{2}$", "XX00"),
            ("^EMP-[0-9]{6}$", "EMP-000000"),
            ("^(cat|horse|ox)$", "ox"),
            (r"^\S+@\S+\.[a-z]{2,}$", "0@0.xx"),
            ("^a?b*c+$", "c"),
            ("ß", "ß"),
            ("", ""),
        ] {
            assert_eq!(sample(pattern, 0, 64, 0).as_deref(), Some(text), "{pattern}");
        }
    }

    #[test]
    fn a_sample_has_the_length_that_is_asked_for() {
        for (pattern, min, max, text) in [
            ("^[a-z]+$", 5, 5, Some("xxxxx")),
            ("^(ab)+$", 6, 7, Some("ababab")),
            ("^[0-9]{2,4}$", 4, 9, Some("0000")),
            ("^[0-9]{2,4}$", 5, 9, None),
            ("^[0-9]{8}$", 0, 7, None),
            ("^id", 6, 6, Some("idxxxx")),
            ("id$", 6, 6, Some("xxxxid")),
        ] {
            assert_eq!(sample(pattern, min, max, 0).as_deref(), text, "{pattern} {min}..{max}");
        }
    }

    #[test]
    fn variations_differ_in_their_last_characters_first() {
        let texts: Vec<_> = (0..3).filter_map(|n| sample("^A-[0-9]{2}$", 0, 9, n)).collect();
        assert_eq!(texts, ["A-00", "A-01", "A-02"]);
        assert_eq!(sample("^A-[0-9]{2}$", 0, 9, 10).as_deref(), Some("A-10"));
        assert_eq!(sample("^fixed$", 0, 9, 3).as_deref(), Some("fixed"));
    }

    #[test]
    fn expressions_without_an_automaton_and_large_ones_are_not_read() {
        for pattern in ["^(?=.*a).{3}$", r"^(a)\1$", "(", r"^(((a{99}){99}){99}){99}$"] {
            assert!(Pattern::read(pattern).is_none(), "{pattern}");
        }
        assert!(Pattern::read("^[a-z]{9}$").unwrap().states < PATTERN_STATES_MAX);
        // Few states, and a text of more characters than anybody needs.
        let long = format!("^a{{{}}}$", SAMPLE_CHARS_MAX + 1);
        assert_eq!(sample(&long, 0, usize::MAX, 0), None);
    }
}
