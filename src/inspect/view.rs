//! The text a detector reads: escapes decoded, Unicode forms brought to ASCII, invisible
//! characters left out, with a map back to the bytes it came from. Which characters those
//! are is owned by [`super::lookalike`]; other ways of writing them by [`super::written`].

use std::cell::Cell;
use std::ops::Range;

use super::lookalike::{Normal, normal};
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
    /// The end of the last digit that was written raised.
    raised_end: usize,
}

/// What became of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// It stands in the view as in the source.
    Itself,
    /// Something else stands in its place, or nothing.
    Changed,
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

    /// Appends source bytes that hold no escapes and stand at `from`. What is no UTF-8 is
    /// kept as it is: a text may be cut anywhere.
    fn plain(&mut self, from: usize, bytes: &[u8]) {
        if bytes.is_ascii() {
            return self.text.extend_from_slice(bytes);
        }
        let mut at = from;
        for chunk in bytes.utf8_chunks() {
            self.characters(at, chunk.valid());
            self.text.extend_from_slice(chunk.invalid());
            at += chunk.valid().len() + chunk.invalid().len();
        }
    }

    fn characters(&mut self, from: usize, text: &str) {
        // Up to here the characters were appended; those that are kept wait for company.
        let mut copied = 0;
        for (at, character) in text.char_indices() {
            if character.is_ascii() || normal(character) == Normal::Itself {
                continue;
            }
            self.text.extend_from_slice(text.get(copied..at).unwrap_or_default().as_bytes());
            copied = at + character.len_utf8();
            if self.character(character) == Read::Changed {
                self.resume(from + copied);
            }
        }
        self.text.extend_from_slice(text.get(copied..).unwrap_or_default().as_bytes());
    }

    /// Appends what a character is read as.
    pub(super) fn character(&mut self, character: char) -> Read {
        let length = self.text.len();
        let after_digit = self.text.last().is_some_and(u8::is_ascii_digit);
        match normal(character) {
            Normal::Raised(_) if after_digit && self.raised_end != length => {}
            Normal::Raised(byte) => {
                self.raised_end = length + 1;
                self.text.push(byte);
                return Read::Changed;
            }
            Normal::Ascii(byte) => {
                self.text.push(byte);
                return Read::Changed;
            }
            Normal::AfterDigit(byte) if after_digit => {
                self.text.push(byte);
                return Read::Changed;
            }
            Normal::OverDigit if after_digit => return Read::Changed,
            Normal::Nothing => return Read::Changed,
            Normal::Itself | Normal::AfterDigit(_) | Normal::OverDigit => {}
        }
        self.push(character);
        Read::Itself
    }

    fn push(&mut self, character: char) {
        self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Whether a stretch of the view stands in the source just as it is. Errs towards no.
    #[cfg(test)]
    pub(super) fn is_verbatim(&self, start: usize, end: usize) -> bool {
        let before = self.segments.partition_point(|segment| segment.view <= start);
        self.segments.get(before).is_none_or(|segment| segment.view > end)
    }

    /// This view of another view's text as a view of that one's source.
    pub(super) fn over(self, inner: &View) -> View {
        let count = self.segments.len() + inner.segments.len() + 1;
        let mut segments = Vec::with_capacity(count);
        // What stands at the very end of the inner view belongs to the last run.
        let ends = self.segments.iter().map(|next| next.view).chain([self.text.len() + 1]);
        let mut rest = inner.segments.iter().peekable();
        for (run, end) in [Segment { view: 0, source: 0 }].iter().chain(&self.segments).zip(ends) {
            segments.push(Segment { view: run.view, source: inner.source(run.source) });
            while rest.next_if(|segment| segment.view <= run.source).is_some() {}
            let within = |segment: &Segment| segment.view - run.source < end - run.view;
            while let Some(segment) = rest.next_if(|segment| within(segment)) {
                let view = run.view + (segment.view - run.source);
                segments.push(Segment { view, source: segment.source });
            }
        }
        View { text: self.text, segments, ..View::default() }
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
    pub(super) fn resume(&mut self, source: usize) {
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
            ("𝟎𝟕𝟖-⓪⑤-₁₁₂₀ ²³", "078-05-1120 23"),
            ("078-05-1120² 10⁻³ m²", "078-05-1120² 10-3 m2"),
            ("０３ー１２３４ー５６７８ データ", "03-1234-5678 データ"),
            ("212·555•0147 col·lega •x", "212.555.0147 col·lega •x"),
            ("0\u{336}7\u{336}8\u{336} 1\u{fe0f}\u{20e3} e\u{301}", "078 1 e\u{301}"),
            ("ｊａｎｅ﹫ｘ．ｄｅ 𝗃𝖺𝗇𝖾 Ⓙⓐ", "jane@x.de jane Ja"),
        ];
        for (source, expected) in cases {
            let view = View::new(source.as_bytes(), Escapes::Keep);
            assert_eq!(String::from_utf8(view.text).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_utf_8_keeps_nothing_else_from_being_read() {
        let view = View::new(b"\xFF\xEF\xBC\x91 \xC3", Escapes::Keep);
        assert_eq!(view.text, b"\xFF1 \xC3");
        let layer = Layer::wire(0).viewed(&view);
        assert_eq!([0, 1, 2, 3].map(|at| layer.out(at)), [0, 1, 4, 5]);
    }

    #[test]
    fn a_view_of_a_view_leads_back_to_the_first_source() {
        let first = View::new(r"a\\u0040b\t１".as_bytes(), Escapes::Decode);
        let second = View::new(&first.text, Escapes::Decode);
        let both = second.over(&first);
        assert_eq!(both.text, b"a@b\t1");
        let layer = Layer::wire(0).viewed(&both);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|at| layer.out(at)), [0, 1, 8, 9, 11, 14]);
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
