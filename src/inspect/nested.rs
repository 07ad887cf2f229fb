//! JSON that stands in a string: read leniently, since such texts are cut off, joined
//! together, or only look like JSON. What is no JSON is left to be read as text.

use std::ops::Range;

use super::context::{Hints, Keys};
use super::view::Escapes;
use crate::json::quote_or_backslash;

/// A part of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The name of a member, by its place between the quotes.
    Name,
    /// A string, by its place between the quotes.
    Text,
    /// A number.
    Number,
}

/// A part of a text, where it stands, and the member names over it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) part: Part,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) keys: Keys,
    /// Whether it is written with a backslash.
    pub(super) escapes: Escapes,
}

/// Whether a text is worth reading as JSON.
pub(super) fn looks_like_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start(), [b'{' | b'[', _, ..])
}

/// Reads the parts of a text one by one. When it ends, [`Reader::rest`] tells from where
/// on the text is no JSON.
pub(super) struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    levels: Vec<Level>,
    /// Where the names over the part at hand stand, outermost first; empty for arrays.
    way: Vec<Range<usize>>,
    keys: Keys,
    done: bool,
}

#[derive(Clone, Copy)]
struct Level {
    is_object: bool,
    /// What the names over this container say.
    keys: Keys,
    /// What the name of the member being read says, once it was met.
    name: Option<Hints>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t [u8], keys: Keys) -> Self {
        Reader { text, at: 0, levels: Vec::new(), way: Vec::new(), keys, done: false }
    }

    /// Where the text stops being JSON: its length when it never does.
    pub(super) fn rest(&self) -> usize {
        self.at
    }

    /// Takes what the name says that was read last.
    pub(super) fn named(&mut self, hints: Hints, name: Range<usize>) {
        if let (Some(level), Some(way)) = (self.levels.last_mut(), self.way.last_mut()) {
            level.name = Some(hints);
            *way = name;
        }
    }

    /// Where the names over the part at hand stand, outermost first; empty for items of arrays.
    pub(super) fn way(&self) -> &[Range<usize>] {
        &self.way
    }

    /// How many objects and arrays are open.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    fn keys(&self) -> Keys {
        match self.levels.last() {
            Some(Level { name: Some(name), keys, .. }) => keys.member(*name),
            Some(level) => level.keys,
            None => self.keys,
        }
    }

    /// Takes one byte of structure; ends the reading where it does not fit.
    fn structure(&mut self, byte: u8) {
        let keys = self.keys();
        let depth = self.levels.len();
        let fits = match (byte, self.levels.last_mut()) {
            (b'{' | b'[', _) if depth < LEVELS_MAX => {
                let is_object = byte == b'{';
                self.levels.push(Level { is_object, keys, name: None });
                self.way.push(0..0);
                true
            }
            (b'}' | b']', Some(level)) if level.is_object == (byte == b'}') => {
                self.levels.pop();
                self.way.pop();
                true
            }
            (b',', Some(level)) => {
                level.name = None;
                true
            }
            (b':', Some(level)) => level.is_object && level.name.is_some(),
            _ => false,
        };
        if fits {
            self.at += 1;
        } else {
            self.done = true;
        }
    }

    fn string(&mut self) -> Token {
        let start = self.at + 1;
        let mut end = start;
        let mut escapes = Escapes::Keep;
        loop {
            let rest = self.text.get(end..).unwrap_or_default();
            match quote_or_backslash(rest) {
                Some(found) if rest.get(found) == Some(&b'\\') => {
                    escapes = Escapes::Decode;
                    end += found + 2;
                }
                Some(found) => {
                    end += found;
                    self.at = end + 1;
                    break;
                }
                None => {
                    end = self.text.len();
                    self.at = end;
                    break;
                }
            }
        }
        let end = end.min(self.text.len());
        // The names over a name are those over its object.
        let keys = self.keys();
        let part = match self.levels.last_mut() {
            Some(level) if level.is_object && level.name.is_none() => {
                level.name = Some(Hints::NONE);
                Part::Name
            }
            Some(_) | None => Part::Text,
        };
        Token { part, start, end, keys, escapes }
    }

    /// Reads a number, or ends the reading where it is none: groups of digits in
    /// brackets are text.
    fn number(&mut self) -> Option<Token> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let is_part = |b: &&u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(is_part).count();
        let (number, after) = rest.split_at(length);
        let ended = matches!(after.trim_ascii_start().first(), Some(b',' | b']' | b'}') | None);
        if !ended || !is_number(number) {
            self.done = true;
            return None;
        }
        self.at += length;
        let keys = self.keys();
        Some(Token { part: Part::Number, start, end: self.at, keys, escapes: Escapes::Keep })
    }

    fn word(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word)) {
            Some(word) => self.at += word.len(),
            None => self.done = true,
        }
    }

    /// Whether a value may stand here: in an array, after a name, never outside.
    fn takes_value(&self) -> bool {
        self.levels.last().is_some_and(|level| !level.is_object || level.name.is_some())
    }
}

impl Iterator for Reader<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        while !self.done {
            match self.text.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'"' if !self.levels.is_empty() => return Some(self.string()),
                b'-' | b'0'..=b'9' if self.takes_value() => return self.number(),
                b't' | b'f' | b'n' if self.takes_value() => self.word(),
                byte => self.structure(*byte),
            }
        }
        None
    }
}

/// The grammar of RFC 8259 section 6, as far as text in brackets could meet it.
fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = !matches!(digits, [b'0', b'0'..=b'9', ..]) && !digits.ends_with(b".");
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    plain && value.is_some()
}

/// Nesting beyond which a text is read as text. Unit: levels.
const LEVELS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::context::of_name;
    use super::{Keys, Part, Reader, looks_like_json};
    use crate::class::Class;

    fn read(text: &str) -> (Vec<(Part, &str)>, &str) {
        let mut reader = Reader::new(text.as_bytes(), Keys::NONE);
        let tokens = reader.by_ref().map(|token| (token.part, &text[token.start..token.end]));
        let tokens = tokens.collect();
        (tokens, &text[reader.rest()..])
    }

    #[test]
    fn parts_of_json_are_told_apart() {
        let (tokens, rest) = read(r#"{"a": "x\"y", "b": [12, -3.5e1, true], "c": {"d": null}} "#);
        let expected = [
            (Part::Name, "a"),
            (Part::Text, r#"x\"y"#),
            (Part::Name, "b"),
            (Part::Number, "12"),
            (Part::Number, "-3.5e1"),
            (Part::Name, "c"),
            (Part::Name, "d"),
        ];
        assert_eq!(tokens, expected);
        assert_eq!(rest, "");
    }

    #[test]
    fn what_is_no_json_is_left_over() {
        assert_eq!(read("[INFO] a@b.de"), (vec![], "INFO] a@b.de"));
        assert_eq!(read("[1] and more"), (vec![(Part::Number, "1")], "and more"));
        assert_eq!(read("{\"a\":1}}").1, "}");
        assert_eq!(read("{\"a\":1]").1, "]");
        assert_eq!(read("{12}").1, "12}");
        assert_eq!(read("[212 555 0147]").1, "212 555 0147]");
        assert_eq!(read("[078-05-1120]").1, "078-05-1120]");
        assert_eq!(read("[203.0.113.7]").1, "203.0.113.7]");
        assert_eq!(read("[078051120]").1, "078051120]");
    }

    #[test]
    fn texts_that_are_cut_off_or_joined_are_read_to_the_end() {
        let (tokens, rest) = read("{\"a\":\"jane@exa");
        assert_eq!((tokens.last(), rest), (Some(&(Part::Text, "jane@exa")), ""));
        let (tokens, rest) = read("{\"a\":\"x\\");
        assert_eq!((tokens.last(), rest), (Some(&(Part::Text, "x\\")), ""));
        let (tokens, rest) = read("{\"a\":1}\n{\"a\":2}\n");
        assert_eq!((tokens.len(), rest), (4, ""));
    }

    #[test]
    fn names_above_a_value_are_known() {
        let text = br#"{"phones":[{"number":"1"},"2"],"x":3}"#;
        let mut reader = Reader::new(text, Keys::NONE);
        let mut phones = Vec::new();
        while let Some(token) = reader.next() {
            match token.part {
                Part::Name => {
                    let name = token.start..token.end;
                    reader.named(of_name(&text[name.clone()]), name);
                }
                Part::Text | Part::Number => {
                    phones.push(token.keys.hints().names(Class::Phone));
                }
            }
        }
        assert_eq!(phones, [true, true, false]);
    }

    #[test]
    fn only_objects_and_arrays_are_worth_reading() {
        assert!(looks_like_json(b" {\"a\":1}") && looks_like_json(b"[1]"));
        assert!(!looks_like_json(b"\"a\"") && !looks_like_json(b"{") && !looks_like_json(b"x{"));
    }
}
