//! Text that stands in a text as base64 or as hexadecimal digits.
//!
//! Finds the run around a place, tells at once whether text is in it, decodes it, and writes
//! what became of it in the same alphabet, padding and lines. Images, keys, digests and words
//! that look like a run are told from text by their first bytes: [`Run::decode`] then gives
//! nothing. Guarantees: a run is found in time linear in its length, so that a caller who goes
//! on behind it stays linear; nothing beyond the head is decoded unless it is text.

mod charset;
mod extent;
#[cfg(test)]
mod tests;

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};

use charset::Charset;
use extent::{Extent, Wrap};

/// A run of symbols, and what is known of the text in it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    start: usize,
    end: usize,
    /// Symbols without line ends and padding.
    symbols: usize,
    code: Code,
    /// Whether padding stands behind it, or would if it were needed.
    padded: bool,
    wrap: Option<Wrap>,
    /// What its first bytes are written in; nothing where they are no text.
    charset: Option<Charset>,
}

/// What the symbols are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// RFC 4648 section 4.
    Base64,
    /// RFC 4648 section 5.
    Base64Url,
    /// RFC 4648 section 8, in small letters.
    Hex,
    /// The same in capitals.
    HexUpper,
}

/// The run around a place, not before `floor`. Nothing where there are too few symbols to
/// hold a value.
pub(super) fn run_around(text: &[u8], at: usize, floor: usize) -> Option<Run> {
    let extent = extent::around(text, at, floor)?;
    let symbols = text.get(extent.start..extent.end).unwrap_or_default();
    let least = if is_announced(text, extent.start) { ANNOUNCED_MIN } else { SYMBOLS_MIN };
    if extent.symbols < least {
        return None;
    }
    if let Some(run) = hex(&extent, symbols).filter(Run::is_text) {
        return Some(run);
    }
    let run = base64(text, &extent);
    if run.is_text() {
        return Some(run);
    }
    Some(piece(text, &extent, at).unwrap_or(run))
}

impl Run {
    /// Where it begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Where it ends, padding included.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Whether its first bytes are text. One that is too long for a budget can then be hidden
    /// as a whole.
    pub(super) fn is_text(&self) -> bool {
        self.charset.is_some()
    }

    /// The text in it, in UTF-8 if it can be: nothing if it is no text, or has more than
    /// `budget` bytes.
    pub(super) fn decode(&self, text: &[u8], budget: usize) -> Option<Vec<u8>> {
        let charset = self.charset.filter(|_| self.symbols / 4 * 3 <= budget)?;
        let written = text.get(self.start..self.end)?;
        let decoded = decode(self.code, written)?;
        let decoded = charset.decode(decoded);
        (decoded.len() <= budget).then_some(decoded)
    }

    /// Writes a text as this one was written.
    pub(super) fn encode_like(&self, replaced: &[u8]) -> Vec<u8> {
        let bytes = self.charset.unwrap_or(Charset::Bytes).encode(replaced);
        let digits = |digits: &[u8; 16]| {
            let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or(b'0');
            bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
        };
        let symbols: Vec<u8> = match self.code {
            Code::Hex => digits(b"0123456789abcdef"),
            Code::HexUpper => digits(b"0123456789ABCDEF"),
            Code::Base64 | Code::Base64Url => {
                engine(self.code, self.padded).encode(bytes).into_bytes()
            }
        };
        self.wrap.map_or_else(|| symbols.clone(), |wrap| wrap.apply(&symbols))
    }
}

/// The run of an extent, read as base64.
fn base64(text: &[u8], extent: &Extent) -> Run {
    let Extent { start, end, symbols, url, wrap } = *extent;
    let code = if url { Code::Base64Url } else { Code::Base64 };
    let rest = text.get(end..).unwrap_or_default();
    let padding = rest.iter().take(2).take_while(|byte| **byte == b'=').count();
    let (end, symbols, padded) = match symbols % 4 {
        // A symbol too many, which is none of it.
        1 => (end - 1, symbols - 1, false),
        // Nobody knows, so what is usual for the alphabet.
        0 => (end, symbols, code == Code::Base64),
        odd if padding > 0 && padding + odd == 4 => (end + padding, symbols, true),
        _ => (end, symbols, false),
    };
    let charset = charset_of(code, text.get(start..end).unwrap_or_default());
    Run { start, end, symbols, code, padded, wrap, charset }
}

/// Text in a part of a run: behind the path of a URI, or an identifier.
fn piece(text: &[u8], extent: &Extent, at: usize) -> Option<Run> {
    let before = text.get(extent.start..at).filter(|_| extent.wrap.is_none())?;
    let mark = |byte: &u8| matches!(byte, b'/' | b'-' | b'_' | b'+');
    let starts = before.iter().enumerate().filter(|(_, byte)| mark(byte)).take(PIECES_MAX);
    let mut pieces = starts.map(|(index, _)| {
        let start = extent.start + index + 1;
        base64(text, &Extent { start, symbols: extent.end - start, ..*extent })
    });
    pieces.find(|piece| piece.symbols >= SYMBOLS_MIN && piece.is_text())
}

/// The run of an extent, read as hexadecimal digits in one case.
fn hex(extent: &Extent, symbols: &[u8]) -> Option<Run> {
    let prefix = if symbols.starts_with(b"0x") { 2 } else { 0 };
    let symbols = symbols.get(prefix..).filter(|digits| digits.len().is_multiple_of(2))?;
    let (start, end) = (extent.start + prefix, extent.end);
    // Most runs are told apart by their first symbols.
    let digits = |symbols: &[u8]| symbols.iter().all(u8::is_ascii_hexdigit);
    if !digits(symbols.get(..HEX_MIN)?) || !digits(symbols) {
        return None;
    }
    let lower = symbols.iter().any(u8::is_ascii_lowercase);
    if lower && symbols.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let code = if lower { Code::Hex } else { Code::HexUpper };
    let charset = charset_of(code, symbols);
    Some(Run { start, end, symbols: symbols.len(), code, padded: false, wrap: None, charset })
}

/// What the first bytes of a run are written in.
fn charset_of(code: Code, written: &[u8]) -> Option<Charset> {
    // A head of whole quanta, line ends and all.
    let head = written.get(..HEAD_SYMBOLS).unwrap_or(written);
    let head = if head.len() < written.len() { &without_line_ends(head) } else { head };
    let whole = head.len() - head.len() % 4;
    let head = if head.len() < written.len() { head.get(..whole)? } else { head };
    Charset::of(&decode(code, head)?)
}

fn decode(code: Code, written: &[u8]) -> Option<Vec<u8>> {
    match code {
        Code::Base64 | Code::Base64Url if written.contains(&b'\n') => {
            engine(code, true).decode(without_line_ends(written)).ok()
        }
        Code::Base64 | Code::Base64Url => engine(code, true).decode(written).ok(),
        Code::Hex | Code::HexUpper => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let pairs = written.chunks_exact(2).map(|pair| {
                let (high, low) = (digit(pair.first()?)?, digit(pair.last()?)?);
                u8::try_from(high * 16 + low).ok()
            });
            pairs.collect()
        }
    }
}

fn without_line_ends(written: &[u8]) -> Vec<u8> {
    written.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

fn engine(code: Code, padded: bool) -> GeneralPurpose {
    let alphabet = match code {
        Code::Base64Url => &alphabet::URL_SAFE,
        Code::Base64 | Code::Hex | Code::HexUpper => &alphabet::STANDARD,
    };
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padded)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

/// Whether what stands before a run says that it is one: a data URI (RFC 2397), an encoded
/// word (RFC 2047), credentials of HTTP (RFC 7617).
fn is_announced(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(7)..start).unwrap_or_default();
    let ends = |mark: &[u8]| {
        let from = before.len().checked_sub(mark.len());
        from.and_then(|from| before.get(from..)).is_some_and(|b| b.eq_ignore_ascii_case(mark))
    };
    ends(b"base64,") || ends(b"?B?") || ends(b"Basic ")
}

/// Fewer symbols hold no value by themselves: twelve bytes.
const SYMBOLS_MIN: usize = 16;

/// As [`SYMBOLS_MIN`], where it is said that this is base64.
const ANNOUNCED_MIN: usize = 8;

/// Fewer hexadecimal digits are numbers. Unit: digits.
const HEX_MIN: usize = 32;

/// Symbols that are decoded to see whether text is in a run: 66 bytes.
const HEAD_SYMBOLS: usize = 88;

/// Begins that are tried in one run.
const PIECES_MAX: usize = 8;
