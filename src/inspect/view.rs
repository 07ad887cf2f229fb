//! The text a detector reads: escapes decoded, Unicode forms brought to ASCII, invisible
//! characters left out, with a map back to the bytes it came from.

use std::cell::Cell;
use std::ops::Range;

use crate::json::{Piece, Pieces, equal_bytes, escape_or_backslash};

/// Whether backslashes of the source are escapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Escapes {
    /// The source stands between the quotes of a JSON string.
    Decode,
    /// The source is plain text.
    Keep,
}

/// A normalised text and where its parts came from.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) text: Vec<u8>,
    segments: Vec<Segment>,
    /// The segment that was asked for last: questions come mostly in order.
    last: Cell<usize>,
}

/// From here in the view, bytes follow each other as they do in the source from there.
#[derive(Debug, Clone, Copy)]
struct Segment {
    view: usize,
    source: usize,
}

impl View {
    /// Reads `source` into the view.
    pub(super) fn new(source: &[u8], escapes: Escapes) -> View {
        let mut view = View::default();
        match escapes {
            Escapes::Decode if source.is_ascii() => view.decoded_ascii(source),
            Escapes::Decode => view.decoded(source),
            Escapes::Keep => {
                view.text.reserve(source.len());
                view.plain(0, source);
            }
        }
        view
    }

    /// Placeholder.
    pub(super) fn written(_: &[u8]) -> Option<View> {
        None
    }

    /// As [`View::decoded`], for what JSON in strings mostly is: short runs of ASCII
    /// between escapes, which are searched and copied as one word.
    fn decoded_ascii(&mut self, source: &[u8]) {
        self.text.reserve(source.len());
        self.segments.reserve(source.len() / BYTES_PER_ESCAPE_GUESS);
        let mut at = 0;
        while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
            let word = rest.first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
            let hits = equal_bytes(word, b'\\');
            let run = if hits == 0 {
                let run = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
                self.text.extend_from_slice(rest.get(..run).unwrap_or_default());
                run
            } else {
                // One store of fixed size, of which the run is what counts.
                self.text.extend_from_slice(&word.to_le_bytes());
                let run = usize::try_from(hits.trailing_zeros() / 8).unwrap_or(0);
                self.text.truncate(self.text.len() - (8 - run));
                run
            };
            at += run;
            if source.get(at) == Some(&b'\\') {
                let (character, length) = escape_or_backslash(source, at);
                at += length;
                self.character(character);
                self.resume(at);
            }
        }
    }

    fn decoded(&mut self, source: &[u8]) {
        self.text.reserve(source.len());
        let mut at = 0;
        for piece in Pieces::new(source) {
            match piece {
                Piece::Plain(bytes) => {
                    self.plain(at, bytes);
                    at += bytes.len();
                }
                Piece::Escape(length, character) => {
                    at += length;
                    self.character(character);
                    self.resume(at);
                }
            }
        }
    }

    /// Appends source bytes that hold no escapes and stand at `from`.
    fn plain(&mut self, from: usize, bytes: &[u8]) {
        if bytes.is_ascii() {
            return self.text.extend_from_slice(bytes);
        }
        // A JSON text inside a string may be cut anywhere; what is no UTF-8 is kept as it is.
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.text.extend_from_slice(bytes);
        };
        for (at, character) in text.char_indices() {
            match normal(character) {
                Normal::Itself => self.push(character),
                Normal::Ascii(byte) => {
                    self.text.push(byte);
                    self.resume(from + at + character.len_utf8());
                }
                Normal::Nothing => self.resume(from + at + character.len_utf8()),
            }
        }
    }

    fn character(&mut self, character: char) {
        if let Some(byte) = u8::try_from(character).ok().filter(u8::is_ascii) {
            return self.text.push(byte);
        }
        match normal(character) {
            Normal::Itself => self.push(character),
            Normal::Ascii(byte) => self.text.push(byte),
            Normal::Nothing => {}
        }
    }

    fn push(&mut self, character: char) {
        self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Where the byte at `at` of the view came from.
    fn source(&self, at: usize) -> usize {
        let follows = |index: usize| self.segments.get(index).is_some_and(|s| s.view <= at);
        let mut after = self.last.get();
        if after > 0 && !follows(after - 1) {
            after = 0;
        }
        let near = (0..NEAR_SEGMENTS).take_while(|step| follows(after + step)).count();
        after += near;
        if near == NEAR_SEGMENTS {
            let rest = self.segments.get(after..).unwrap_or_default();
            after += rest.partition_point(|segment| segment.view <= at);
        }
        self.last.set(after);
        let segment = after.checked_sub(1).and_then(|index| self.segments.get(index));
        segment.map_or(at, |segment| segment.source + (at - segment.view))
    }

    /// From here on the view follows the source from `source`.
    fn resume(&mut self, source: usize) {
        self.segments.push(Segment { view: self.text.len(), source });
    }
}

/// Where a text stands in the text around it, and that one in the bytes on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'l> {
    outer: Option<&'l Layer<'l>>,
    base: usize,
    view: Option<&'l View>,
}

impl<'l> Layer<'l> {
    /// The wire itself.
    pub(super) const WIRE: Layer<'static> = Layer { outer: None, base: 0, view: None };

    /// A text whose bytes stand on the wire as they are, from `base` on.
    pub(super) fn wire(base: usize) -> Layer<'static> {
        Layer { outer: None, base, view: None }
    }

    /// Where a stretch of the text stands on the wire.
    pub(super) fn range(&self, start: usize, end: usize) -> Range<usize> {
        self.out(start)..self.out(end)
    }

    /// The view of the text that this layer describes.
    pub(super) fn viewed(self, view: &'l View) -> Layer<'l> {
        Layer { view: Some(view), ..self }
    }

    /// A part of the text that this layer describes, from `base` on.
    pub(super) fn part(&'l self, base: usize) -> Layer<'l> {
        Layer { outer: Some(self), base, view: None }
    }

    /// Where the byte at `at` of the text stands on the wire.
    ///
    /// Also for the end of a stretch: invisible characters after its last character
    /// then belong to it.
    pub(super) fn out(&self, at: usize) -> usize {
        let here = self.base + self.view.map_or(at, |view| view.source(at));
        self.outer.map_or(here, |outer| outer.out(here))
    }
}

/// Whether a text that holds non-ASCII bytes could hold characters that a detector
/// reads as ASCII, or overlooks. Cheap and generous: looks at first bytes only.
/// Written without an early exit inside a block, so that it compiles to vector
/// instructions.
pub(super) fn has_lookalikes(bytes: &[u8]) -> bool {
    let first = |byte: u8| matches!(byte, 0xC2 | 0xCD | 0xD8..=0xDB | 0xDF..=0xE3 | 0xEA | 0xEF..);
    bytes.chunks(1024).any(|block| block.iter().fold(false, |any, byte| any | first(*byte)))
}

/// What a detector reads in place of a character.
enum Normal {
    Itself,
    Ascii(u8),
    Nothing,
}

fn normal(character: char) -> Normal {
    if character.is_ascii() {
        return Normal::Itself;
    }
    match character {
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => {
            Normal::Ascii(b' ')
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => {
            Normal::Ascii(b'-')
        }
        '\u{3002}' | '\u{FF0E}' | '\u{FF61}' | '\u{2024}' | '\u{FE52}' => Normal::Ascii(b'.'),
        '\u{FF20}' | '\u{FE6B}' => Normal::Ascii(b'@'),
        '\u{FF1A}' => Normal::Ascii(b':'),
        '\u{FF0B}' => Normal::Ascii(b'+'),
        '\u{FF08}' => Normal::Ascii(b'('),
        '\u{FF09}' => Normal::Ascii(b')'),
        '\u{FF3F}' => Normal::Ascii(b'_'),
        '\u{FF21}'..='\u{FF3A}' => shifted(character, 0xFF21, b'A'),
        '\u{FF41}'..='\u{FF5A}' => shifted(character, 0xFF41, b'a'),
        '\u{1D7CE}'..='\u{1D7FF}' => {
            Normal::Ascii(b'0' + low_byte((u32::from(character) - 0x1_D7CE) % 10))
        }
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{180E}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{E0000}'..='\u{E007F}' => Normal::Nothing,
        _ => digit(character),
    }
}

fn digit(character: char) -> Normal {
    let code = u32::from(character);
    let base = DIGIT_ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code));
    base.map_or(Normal::Itself, |zero| Normal::Ascii(b'0' + low_byte(code - zero)))
}

fn shifted(character: char, from: u32, to: u8) -> Normal {
    Normal::Ascii(to + low_byte(u32::from(character) - from))
}

fn low_byte(code: u32) -> u8 {
    code.to_le_bytes()[0]
}

/// The zeros of the decimal digits in wide use (Unicode category Nd): full-width,
/// Arabic-Indic, extended Arabic-Indic, N'Ko, and the scripts of India and South-East Asia.
const DIGIT_ZEROS: [u32; 17] = [
    0xFF10, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0E50, 0x0ED0, 0x1040, 0x17E0,
];

/// Segments that are tried one after the other before the rest is searched.
const NEAR_SEGMENTS: usize = 16;

/// Source bytes per escape in JSON that stands in a string: the first allocation of the
/// map, not a bound.
const BYTES_PER_ESCAPE_GUESS: usize = 12;

#[cfg(test)]
mod tests {
    use super::{Escapes, Layer, View};

    /// The source text that a stretch of the view came from.
    fn back<'s>(source: &'s str, view: &View, part: &str) -> &'s str {
        let text = String::from_utf8(view.text.clone()).unwrap();
        let start = text.find(part).unwrap();
        let layer = Layer::wire(0).viewed(view);
        &source[layer.out(start)..layer.out(start + part.len())]
    }

    #[test]
    fn escapes_are_decoded_and_lead_back() {
        let source = r#"to: a\u0040b.com, \"x\"\n\ud83d\ude00 end"#;
        let view = View::new(source.as_bytes(), Escapes::Decode);
        assert_eq!(view.text, "to: a@b.com, \"x\"\n😀 end".as_bytes());
        assert_eq!(back(source, &view, "a@b.com"), r"a\u0040b.com");
        assert_eq!(back(source, &view, "@"), r"\u0040");
        assert_eq!(back(source, &view, "\"x\""), r#"\"x\""#);
        assert_eq!(back(source, &view, "😀"), r"\ud83d\ude00");
        assert_eq!(back(source, &view, "end"), "end");
    }

    #[test]
    fn backslashes_of_plain_text_stay() {
        let view = View::new(br"C:\new", Escapes::Keep);
        assert_eq!(view.text, br"C:\new");
    }

    #[test]
    fn unicode_forms_become_ascii() {
        let cases = [
            ("１２３", "123"),
            ("\u{ff21}\u{ff5a}＠ｘ．ｄｅ", "Az@x.de"),
            ("078\u{2011}05\u{2013}1120", "078-05-1120"),
            ("4111\u{a0}1111\u{2009}1111\u{202f}1111", "4111 1111 1111 1111"),
            ("a\u{200b}l\u{ad}i\u{feff}ce", "alice"),
            ("\u{661}\u{662}\u{663}", "123"),
            ("\u{96e}\u{1d7d8}", "80"),
            ("żółć 電話", "żółć 電話"),
        ];
        for (source, expected) in cases {
            let view = View::new(source.as_bytes(), Escapes::Keep);
            assert_eq!(String::from_utf8(view.text).unwrap(), expected);
        }
    }

    #[test]
    fn invisible_characters_inside_a_value_are_part_of_it() {
        let source = "é x\u{200b}123\u{200b}45 y";
        let view = View::new(source.as_bytes(), Escapes::Keep);
        assert_eq!(back(source, &view, "12345"), "123\u{200b}45");
    }

    #[test]
    fn layers_lead_through_to_the_wire() {
        // A JSON text in a string that is itself in a JSON string.
        let wire = r#"{\"a\":\"{\\\"mail\\\":\\\"a\\u0040b.de\\\"}\"}"#;
        let first = View::new(wire.as_bytes(), Escapes::Decode);
        let outer = Layer::wire(100).viewed(&first);
        let from = 6;
        let inner = &first.text[from..first.text.len() - 2];
        let second = View::new(inner, Escapes::Decode);
        assert_eq!(second.text, br#"{"mail":"a@b.de"}"#);
        let layer = outer.part(from).viewed(&second);
        let range = layer.out(9) - 100..layer.out(15) - 100;
        assert_eq!(&wire[range], r"a\\u0040b.de");
    }
}
