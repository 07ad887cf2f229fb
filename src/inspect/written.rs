//! Other ways of writing characters: percent-encoding, character references, escapes of
//! source code and Markdown, quoted-printable, and addresses that people spell out.
//!
//! Gives a text a second reading in which all of these are decoded, nested ones too. It is
//! a reading beside the first one, never in its place: what looks like an escape may be
//! none, and then only the text as it stands holds the value. Guarantees: linear in the
//! text; a text without any such writing costs one pass of vector instructions.

mod codes;
mod marks;
mod names;
#[cfg(test)]
mod tests;

use codes::{escape, octet, octets, percent, reference};
pub(super) use marks::MARKS;
use marks::Marks;

use super::armour::run_around;
use super::view::View;

impl View {
    /// The text with its characters written plainly, or nothing if they are already.
    pub(super) fn written(text: &[u8]) -> Option<View> {
        let mut view = decoded(text, Round::First)?;
        for _ in 1..ROUNDS_MAX {
            match decoded(&view.text, Round::Later) {
                Some(next) => view = next.over(&view),
                None => break,
            }
        }
        Some(view)
    }
}

fn decoded(text: &[u8], round: Round) -> Option<View> {
    let mut sequences = Sequences::new(text, round);
    let mut next = Some(sequences.next()?);
    let mut view = View::default();
    view.text.reserve(text.len());
    let mut copied = 0;
    while let Some(sequence) = next {
        view.text.extend_from_slice(text.get(copied..sequence.start).unwrap_or_default());
        if let Some(character) = sequence.character {
            view.character(character);
        }
        copied = sequence.end;
        view.resume(copied);
        next = sequences.next();
    }
    view.text.extend_from_slice(text.get(copied..).unwrap_or_default());
    Some(view)
}

/// Bytes that stand for one character, or for none.
#[derive(Debug, Clone, Copy)]
struct Sequence {
    start: usize,
    end: usize,
    character: Option<char>,
}

/// Whether a text was decoded before: then a plus may be one that was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    First,
    Later,
}

/// How the last sequence was written, where that decides about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    None,
    Quoted,
}

/// The sequences of a text, in order.
struct Sequences<'t> {
    text: &'t [u8],
    round: Round,
    marks: Marks,
    /// The end of the last sequence.
    floor: usize,
    previous: Writing,
    /// The end of the last spelled-out at sign.
    address_end: usize,
    query: Query,
    /// The end of the text of the last encoded word (RFC 2047).
    word_end: usize,
}

impl Iterator for Sequences<'_> {
    type Item = Sequence;

    fn next(&mut self) -> Option<Sequence> {
        let mut at = self.floor;
        loop {
            at = if at < self.word_end {
                self.mark_of_word(at)
            } else {
                self.marks.next(self.text, at)?
            };
            if let Some(sequence) = self.sequence(at) {
                let quoted = self.text.get(at) == Some(&b'=');
                self.previous = if quoted { Writing::Quoted } else { Writing::None };
                self.floor = sequence.end;
                return Some(sequence);
            }
            at += 1;
        }
    }
}

impl<'t> Sequences<'t> {
    fn new(text: &'t [u8], round: Round) -> Self {
        let (previous, query) = (Writing::None, Query::default());
        Sequences {
            text,
            round,
            marks: Marks::default(),
            floor: 0,
            previous,
            address_end: 0,
            query,
            word_end: 0,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn byte_before(&self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |before| self.byte(before))
    }

    /// The sequence that the mark at a place begins.
    fn sequence(&mut self, at: usize) -> Option<Sequence> {
        let here = |found: Option<(char, usize)>| {
            found.map(|(c, length)| Sequence { start: at, end: at + length, character: Some(c) })
        };
        let blank = || Sequence { start: at, end: at + 1, character: Some(' ') };
        match self.byte(at) {
            b'%' => here(percent(self.text, at)),
            b'&' => here(reference(self.text, at)),
            b'\\' => here(escape(self.text, at)),
            b'+' if self.round == Round::Later => None,
            b'+' => self.query.has_plus(self.text, at).then(blank),
            b'_' => Some(blank()),
            b'=' => self.quoted(at),
            b'?' => self.joined_words(at),
            b'[' | b'(' | b'{' | b'<' => self.bracketed(at),
            _ => self.spelled(at),
        }
    }

    /// The next byte of interest inside an encoded word.
    fn mark_of_word(&self, at: usize) -> usize {
        let rest = self.text.get(at..self.word_end).unwrap_or_default();
        let skip = rest.iter().position(|byte| matches!(byte, b'=' | b'_'));
        skip.map_or(self.word_end, |skip| at + skip)
    }

    /// An octet or a soft line break of quoted-printable (RFC 2045 section 6.7), or the head
    /// of an encoded word (RFC 2047 section 4.2).
    ///
    /// Outside encoded words nothing announces the encoding, and `=` with two digits stands
    /// in every log. Counts what encoders write: no letters and digits by themselves, and
    /// nothing that could be a number.
    fn quoted(&mut self, at: usize) -> Option<Sequence> {
        let rest = self.text.get(at..)?;
        let sequence =
            |length: usize, character| Sequence { start: at, end: at + length, character };
        match rest {
            [_, b'\r', b'\n', ..] | [_, b'\n', ..] => {
                let soft =
                    !matches!(self.byte_before(at), 0..=b' ' | b'=' | b'+' | b':' | b'<'..=b'>');
                let length = if rest.get(1) == Some(&b'\r') { 3 } else { 2 };
                return (soft && !self.is_padding(at)).then(|| sequence(length, None));
            }
            [_, b'?', ..] => {
                let head = head_of_word(rest)?;
                self.open_word(at + head);
                return None;
            }
            _ => {}
        }
        let (character, length) = octets(self.text, at, b"=")?;
        let followed = self.byte(at + length);
        let chained = octet(self.text, at + length, b"=").is_some()
            || self.previous == Writing::Quoted && self.floor == at;
        let alone = || match rest.get(1..3).unwrap_or_default() {
            digits if digits.iter().any(u8::is_ascii_lowercase) => false,
            _ if chained => !character.is_ascii_control(),
            _ if character.is_ascii_alphanumeric() || character.is_ascii_control() => false,
            _ if length > 3 => true,
            // A blank between groups of digits; what reads it so need not be a number.
            b"20" if followed.is_ascii_digit() => self.byte_before(at).is_ascii_digit(),
            [b'0'..=b'9', b'0'..=b'9'] => followed.is_ascii_alphabetic(),
            _ if character.is_ascii() => true,
            _ => followed.is_ascii_lowercase() && self.byte_before(at).is_ascii_alphabetic(),
        };
        let counts = at < self.word_end || alone();
        counts.then(|| sequence(length, Some(character)))
    }

    /// Whether an equals sign at the end of a line pads base64 of a text. Not where the line is
    /// as long as quoted-printable makes them: a run that was cut there goes on in the next.
    fn is_padding(&self, at: usize) -> bool {
        let line = self.text.get(at.saturating_sub(QUOTED_WIDTH)..at).unwrap_or_default();
        let width = line.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        let full = (QUOTED_WIDTH - 3..=QUOTED_WIDTH).contains(&width);
        let run = || run_around(self.text, at.checked_sub(1)?, 0);
        !full && run().is_some_and(|run| run.is_text() && run.end() == at + 1)
    }

    /// What stands between two encoded words: the blank there is not shown.
    fn joined_words(&mut self, at: usize) -> Option<Sequence> {
        let rest = self.text.get(at..)?.strip_prefix(b"?=")?;
        let blanks = rest.iter().take(4).take_while(|b| b.is_ascii_whitespace()).count();
        let head = head_of_word(rest.get(blanks..).filter(|_| blanks > 0)?)?;
        let end = at + 2 + blanks + head;
        self.open_word(end);
        Some(Sequence { start: at, end, character: None })
    }

    /// Notes that the text of an encoded word begins at a place.
    fn open_word(&mut self, start: usize) {
        let word = self.text.get(start..).unwrap_or_default().iter().take(WORD_BYTES_MAX);
        self.word_end = start + word.take_while(|byte| !matches!(byte, b'?' | b' ')).count();
    }

    /// `[at]`, `(dot)`, `[.]` and the like, with the blanks around them.
    fn bracketed(&mut self, at: usize) -> Option<Sequence> {
        let (character, length) = bracketed(self.text.get(at..)?)?;
        let start = at - usize::from(self.byte_before(at) == b' ' && at > self.floor);
        let end = at + length;
        let end = end + usize::from(self.byte(end) == b' ');
        // What stands before may be written in another way itself.
        let joins = is_label(self.byte_before(start)) || start > 0 && start == self.floor;
        if !joins || !is_label(self.byte(end)) {
            return None;
        }
        if character == '@' {
            self.address_end = end;
        }
        Some(Sequence { start, end, character: Some(character) })
    }

    /// ` at ` and ` dot ` between words, where both stand together.
    fn spelled(&mut self, at: usize) -> Option<Sequence> {
        let (character, end) = self.spelled_word(at)?;
        let inside = self.address_end > 0 && at.saturating_sub(self.address_end) < LABEL_BYTES_MAX;
        let counts = match character {
            '@' => self.dot_follows(end),
            _ => inside || self.at_follows(end),
        };
        if !counts || at < self.floor {
            return None;
        }
        if inside || character == '@' {
            self.address_end = end;
        }
        Some(Sequence { start: at, end, character: Some(character) })
    }

    /// The word that stands between blanks at a place, between two labels.
    fn spelled_word(&self, at: usize) -> Option<(char, usize)> {
        let rest = self.text.get(at..)?;
        let (character, length) = if is_word(rest, b" at ") {
            ('@', 4)
        } else if is_word(rest, b" dot ") {
            ('.', 5)
        } else {
            return None;
        };
        let joins = is_label(self.byte_before(at)) && is_label(self.byte(at + length));
        joins.then_some((character, at + length))
    }

    /// Whether a label and a spelled-out dot follow.
    fn dot_follows(&self, at: usize) -> bool {
        let end = self.label_end(at);
        let label = self.text.get(at..end).unwrap_or_default();
        if ARTICLES.iter().any(|article| label.eq_ignore_ascii_case(article)) {
            return false;
        }
        let dot = |found: Option<(char, usize)>| found.is_some_and(|found| found.0 == '.');
        let blank = usize::from(self.byte(end) == b' ');
        end > at
            && (dot(self.spelled_word(end))
                || dot(bracketed(self.text.get(end + blank..).unwrap_or_default())))
    }

    /// Whether a label and a spelled-out at sign with all that belongs to it follow.
    fn at_follows(&self, at: usize) -> bool {
        let end = self.label_end(at);
        let blank = usize::from(self.byte(end) == b' ');
        let sign = bracketed(self.text.get(end + blank..).unwrap_or_default());
        end > at
            && (sign.is_some_and(|sign| sign.0 == '@')
                || self
                    .spelled_word(end)
                    .is_some_and(|(sign, end)| sign == '@' && self.dot_follows(end)))
    }

    fn label_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.iter().take(LABEL_BYTES_MAX).take_while(|byte| is_label(**byte)).count()
    }
}

/// Whether a place is inside the query of a URI, where a plus is a blank (URL Standard,
/// application/x-www-form-urlencoded). Reads on from where it was asked last.
#[derive(Debug, Default)]
struct Query {
    read: usize,
    state: Part,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Outside,
    /// After the question mark.
    Name,
    /// After the first equals sign.
    Value,
}

impl Query {
    fn has_plus(&mut self, text: &[u8], at: usize) -> bool {
        let from = self.read.max(at.saturating_sub(QUERY_BYTES_MAX));
        if from > self.read {
            self.state = Part::Outside;
        }
        let mut rest = text.get(from..at).unwrap_or_default();
        while let Some((byte, after)) = rest.split_first() {
            // Outside of queries nothing but a question mark counts.
            if self.state == Part::Outside {
                let Some(mark) = memchr::memchr(b'?', rest) else { break };
                self.state = Part::Name;
                rest = rest.get(mark + 1..).unwrap_or_default();
                continue;
            }
            self.state = match (byte, self.state) {
                (0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'#' | b'`', _) => Part::Outside,
                (b'=', Part::Name) => Part::Value,
                (_, state) => state,
            };
            rest = after;
        }
        self.read = at;
        self.state == Part::Value
    }
}

/// The length of the head of an encoded word in Q: `=?utf-8?Q?`.
fn head_of_word(text: &[u8]) -> Option<usize> {
    let charset = text.strip_prefix(b"=?")?;
    let is_token = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*');
    let length = charset.iter().take(CHARSET_BYTES_MAX).take_while(is_token).count();
    let is_quoted = matches!(charset.get(length..), Some([b'?', b'q' | b'Q', b'?', ..]));
    (length > 0 && is_quoted).then_some(length + 5)
}

/// What a bracket at the begin of a text and all up to its end stand for.
fn bracketed(text: &[u8]) -> Option<(char, usize)> {
    let (open, rest) = text.split_first()?;
    let close = match open {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        b'<' => b'>',
        _ => return None,
    };
    let blank = usize::from(rest.first() == Some(&b' '));
    let rest = rest.get(blank..)?;
    let (character, length) = match rest {
        [mark @ (b'@' | b'.' | b':' | b'-'), ..] if *open != b'<' => (char::from(*mark), 1),
        [b'a' | b'A', b't' | b'T', ..] => ('@', 2),
        [b'd' | b'D', b'o' | b'O', b't' | b'T', ..] => ('.', 3),
        _ => return None,
    };
    let rest = rest.get(length..)?;
    let after = usize::from(rest.first() == Some(&b' '));
    (rest.get(after) == Some(&close)).then_some((character, 1 + blank + length + after + 1))
}

fn is_word(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | 0x80..)
}

/// Encodings of encodings that are followed. Double encoding is common, a third round shows
/// who tries.
const ROUNDS_MAX: usize = 3;

/// Words that no domain is named by: "look at the dot above".
const ARTICLES: [&[u8]; 4] = [b"a", b"an", b"the", b"this"];

/// Unit: bytes. RFC 1035 section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// Unit: bytes. RFC 2047 section 2 allows a word of 75 in all; senders are generous.
const WORD_BYTES_MAX: usize = 256;

/// Longest line, its equals sign included. Unit: bytes. RFC 2045 section 6.7 rule 5.
const QUOTED_WIDTH: usize = 76;

/// Unit: bytes. The longest registered name has 45 (IANA, Character Sets).
const CHARSET_BYTES_MAX: usize = 45;

/// A plus further behind the question mark is not looked at. Unit: bytes.
const QUERY_BYTES_MAX: usize = 8192;
