//! Reads JSON that comes in pieces, without a tree.
//!
//! Owns the grammar of RFC 8259 and where a piece may be cut. Assumes that a piece begins between
//! two tokens. Guarantees: what is known at a cut fits [`Shape`], which is copied; time is linear
//! in the piece.

use crate::json::{escape_or_backslash, quote_or_backslash};
use crate::limits::JSON_NUMBER_BYTES_MAX;

/// What is open between two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// A bit for each level, the innermost lowest: whether it is an object.
    objects: u128,
    pub(super) depth: usize,
    expect: Expect,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value outside all containers, or the end.
    Top,
    Value,
    FirstItem,
    FirstName,
    Name,
    Colon,
    Comma,
}

impl Shape {
    /// Before the first value.
    pub(super) const NEW: Shape = Shape { objects: 0, depth: 0, expect: Expect::Top };

    /// Whether no value is begun.
    pub(super) fn is_between_values(&self) -> bool {
        self.expect == Expect::Top
    }

    /// Whether a member name comes next.
    pub(super) fn wants_name(&self) -> bool {
        matches!(self.expect, Expect::FirstName | Expect::Name)
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects & 1 == 1
    }

    fn open(&mut self, is_object: bool) {
        self.objects = self.objects << 1 | u128::from(is_object);
        self.depth += 1;
        self.expect = if is_object { Expect::FirstName } else { Expect::FirstItem };
    }

    fn close(&mut self) {
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.after_value();
    }

    /// A value is complete.
    pub(super) fn after_value(&mut self) {
        self.expect = if self.depth == 0 { Expect::Top } else { Expect::Comma };
    }

    fn expected(&self) -> &'static str {
        match self.expect {
            Expect::Top | Expect::Value | Expect::FirstItem => "a value",
            Expect::FirstName => "a member name or `}`",
            Expect::Name => "a member name",
            Expect::Colon => "`:`",
            Expect::Comma if self.in_object() => "`,` or `}`",
            Expect::Comma => "`,` or `]`",
        }
    }
}

/// What is done with a part of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Object,
    Array,
    /// The end of an object or array.
    End,
    /// A member name, by its place between the quotes.
    Name,
    /// A string, by its place between the quotes.
    Text,
    Number,
}

/// A part of JSON and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) part: Part,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
}

/// A place between two tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) at: usize,
    pub(super) shape: Shape,
    /// How many parts stand before it.
    pub(super) events: usize,
}

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Expected(&'static str),
    Depth,
    NumberLength,
    LoneSurrogate,
}

/// Why the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Every byte is read.
    End,
    /// A value that stands in no other is complete.
    Value,
    /// The token at the last cut goes on beyond the piece.
    Starved,
    /// At this byte.
    Fault(usize, Fault),
}

/// How to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Whether control characters in strings and lone surrogates are refused.
    pub(super) strict: bool,
    /// Whether nothing follows the piece.
    pub(super) ended: bool,
    /// Whether to stop behind a value that stands in no other.
    pub(super) one: bool,
    /// Levels that may be open.
    pub(super) depth_max: usize,
}

/// A piece that was read.
#[derive(Debug)]
pub(super) struct Lexed {
    pub(super) events: Vec<Event>,
    /// Where it is best cut: as far out as possible in its second half, else as late as possible.
    pub(super) best: Cut,
    /// Behind the last token that is complete.
    pub(super) last: Cut,
    pub(super) stop: Stop,
}

/// Reads a piece as far as it goes.
pub(super) fn lex(text: &[u8], shape: Shape, rules: Rules) -> Lexed {
    let cut = Cut { at: 0, shape, events: 0 };
    let events = Vec::with_capacity(text.len() / BYTES_PER_PART_GUESS);
    let mut lexer = Lexer { text, rules, at: 0, shape, events, best: cut, last: cut };
    let stop = lexer.run();
    Lexed { events: lexer.events, best: lexer.best, last: lexer.last, stop }
}

struct Lexer<'t> {
    text: &'t [u8],
    rules: Rules,
    at: usize,
    shape: Shape,
    events: Vec<Event>,
    best: Cut,
    last: Cut,
}

/// Ends the reading.
type Read<T> = Result<T, Stop>;

impl Lexer<'_> {
    fn run(&mut self) -> Stop {
        let mut begun = !self.shape.is_between_values();
        loop {
            self.skip_space();
            self.mark();
            if self.rules.one && begun && self.shape.is_between_values() {
                return Stop::Value;
            }
            let Some(byte) = self.text.get(self.at).copied() else { return Stop::End };
            if let Err(stop) = self.token(byte) {
                return stop;
            }
            begun = true;
        }
    }

    fn skip_space(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| is_space(**byte)).count();
    }

    /// Notes that the piece may be cut here.
    fn mark(&mut self) {
        let here = Cut { at: self.at, shape: self.shape, events: self.events.len() };
        self.last = here;
        let half = self.text.len() / 2;
        if here.at < half || self.best.at < half || here.shape.depth <= self.best.shape.depth {
            self.best = here;
        }
    }

    fn token(&mut self, byte: u8) -> Read<()> {
        match (self.shape.expect, byte) {
            (Expect::FirstName | Expect::Name, b'"') => {
                self.string(Part::Name)?;
                self.shape.expect = Expect::Colon;
            }
            (Expect::Colon, b':') => {
                self.at += 1;
                self.shape.expect = Expect::Value;
            }
            (Expect::Comma, b',') => {
                self.at += 1;
                let in_object = self.shape.in_object();
                self.shape.expect = if in_object { Expect::Name } else { Expect::Value };
            }
            (Expect::FirstName, b'}') | (Expect::FirstItem, b']') => self.end(),
            (Expect::Comma, b'}') if self.shape.in_object() => self.end(),
            (Expect::Comma, b']') if !self.shape.in_object() => self.end(),
            (Expect::Top | Expect::Value | Expect::FirstItem, _) => self.value(byte)?,
            (Expect::FirstName | Expect::Name | Expect::Colon | Expect::Comma, _) => {
                return Err(self.fault());
            }
        }
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Read<()> {
        match byte {
            b'"' => self.string(Part::Text)?,
            b'{' => return self.open(Part::Object),
            b'[' => return self.open(Part::Array),
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return Err(self.fault()),
        }
        self.shape.after_value();
        Ok(())
    }

    fn open(&mut self, part: Part) -> Read<()> {
        if self.shape.depth >= self.rules.depth_max {
            return Err(Stop::Fault(self.at, Fault::Depth));
        }
        self.push(part, self.at, self.at + 1, false);
        self.at += 1;
        self.shape.open(part == Part::Object);
        Ok(())
    }

    fn end(&mut self) {
        self.push(Part::End, self.at, self.at + 1, false);
        self.at += 1;
        self.shape.close();
    }

    fn string(&mut self, part: Part) -> Read<()> {
        let start = self.at + 1;
        let content = read_string(self.text, start, self.rules.strict);
        match content {
            Content { end: StringEnd::Quote, length, escaped } => {
                self.push(part, start, start + length, escaped);
                self.at = start + length + 1;
                Ok(())
            }
            Content { end: StringEnd::Open, .. } if self.rules.ended && self.rules.strict => {
                Err(Stop::Fault(self.text.len(), Fault::Expected("`\"`")))
            }
            Content { end: StringEnd::Open, .. } => Err(Stop::Starved),
            Content { end: StringEnd::Fault(at, fault), .. } => Err(Stop::Fault(at, fault)),
        }
    }

    fn number(&mut self) -> Read<()> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let is_part = |b: &&u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(is_part).count();
        if length > JSON_NUMBER_BYTES_MAX {
            return Err(Stop::Fault(start, Fault::NumberLength));
        }
        if length == rest.len() && !self.rules.ended {
            return Err(Stop::Starved);
        }
        let number = rest.get(..length).unwrap_or_default();
        let taken = number_length(number);
        if taken != Some(length) {
            let at = start + taken.unwrap_or(0);
            let expected = if taken.is_some() { "the end of the number" } else { "a digit" };
            return Err(Stop::Fault(at, Fault::Expected(expected)));
        }
        self.push(Part::Number, start, start + length, false);
        self.at += length;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Read<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        let cut = word.starts_with(rest) && !self.rules.ended;
        Err(if cut { Stop::Starved } else { self.fault() })
    }

    fn push(&mut self, part: Part, start: usize, end: usize, escaped: bool) {
        self.events.push(Event { part, start, end, escaped });
    }

    fn fault(&self) -> Stop {
        Stop::Fault(self.at, Fault::Expected(self.shape.expected()))
    }
}

/// How much of the content of a string there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    /// Bytes before the closing quote; where there is none, up to the last character or escape
    /// that is complete.
    pub(super) length: usize,
    pub(super) escaped: bool,
    pub(super) end: StringEnd,
}

/// How the content of a string ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringEnd {
    Quote,
    /// It goes on.
    Open,
    /// At this byte.
    Fault(usize, Fault),
}

/// Reads the content of a string from `start` on.
pub(super) fn read_string(text: &[u8], start: usize, strict: bool) -> Content {
    let mut at = start;
    let mut escaped = false;
    let content = |at: usize, escaped, end| Content { length: at - start, escaped, end };
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let found = quote_or_backslash(rest);
        let plain = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
        if strict && plain.iter().fold(false, |any, byte| any | (*byte < 0x20)) {
            let place = at + plain.iter().position(|byte| *byte < 0x20).unwrap_or(0);
            let fault = Fault::Expected("an escaped control character");
            return content(at, escaped, StringEnd::Fault(place, fault));
        }
        at += plain.len();
        if found.is_none() {
            return content(at - cut_character(plain), escaped, StringEnd::Open);
        }
        if text.get(at) == Some(&b'"') {
            return content(at, escaped, StringEnd::Quote);
        }
        escaped = true;
        let rest = text.get(at..).unwrap_or_default();
        let (_, length) = escape_or_backslash(text, at);
        let is_escape = length > 1;
        if !is_escape && is_cut_escape(rest) {
            return content(at, escaped, StringEnd::Open);
        }
        if !is_escape && strict {
            let surrogate = rest.get(1) == Some(&b'u')
                && rest.get(2..6).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
            let fault = if surrogate { Fault::LoneSurrogate } else { Fault::Expected("an escape") };
            return content(at, escaped, StringEnd::Fault(at, fault));
        }
        // Where texts are read leniently, a quote behind a backslash ends nothing even so.
        at += length.max(2).min(rest.len());
    }
}

/// Whether more bytes could make an escape of a text that begins with a backslash.
fn is_cut_escape(rest: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match rest {
        [_] => true,
        [_, b'u', digits @ ..] if digits.len() < 4 => hex(digits),
        // The first half of a surrogate pair.
        [
            _,
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a' | b'b' | b'A' | b'B',
            third,
            fourth,
            low @ ..,
        ] => {
            hex(&[*third, *fourth])
                && match low {
                    [] | [b'\\'] => true,
                    [b'\\', b'u', digits @ ..] => digits.len() < 4 && hex(digits),
                    _ => false,
                }
        }
        _ => false,
    }
}

/// Bytes of a character at the end of a text that is cut off.
pub(super) fn cut_character(text: &[u8]) -> usize {
    let tail = text.iter().rev().take(4);
    let Some(back) = tail.clone().position(|byte| byte & 0xC0 != 0x80) else { return 0 };
    let length = match tail.clone().nth(back) {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF7) => 4,
        Some(_) | None => 1,
    };
    if back + 1 < length { back + 1 } else { 0 }
}

/// How much of a text is a number by the grammar of RFC 8259 section 6.
fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = if text.get(at) == Some(&b'0') { 1 } else { digits(at) };
    if whole == 0 {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Bytes for each part of typical messages: the first allocation, not a bound.
const BYTES_PER_PART_GUESS: usize = 12;
