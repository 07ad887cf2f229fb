//! Strings: where they end, what their escapes mean, and how to write one.

use memchr::memchr2;

use super::JsonError;

/// Where a string ends.
pub(super) struct StringEnd {
    /// Offset of the byte after the closing quote.
    pub(super) after: usize,
    /// Whether a backslash was met.
    pub(super) escaped: bool,
}

/// Whether any byte is a control character below U+0020 (RFC 8259 section 7).
/// Written without an early exit so that it compiles to vector instructions.
pub(super) fn has_controls(bytes: &[u8]) -> bool {
    bytes.chunks(4096).any(|chunk| chunk.iter().fold(false, |any, byte| any | (*byte < 0x20)))
}

/// Finds the end of the string whose first byte after the opening quote is at `start`.
pub(super) fn string_end(
    bytes: &[u8],
    start: usize,
    check_controls: bool,
) -> Result<StringEnd, JsonError> {
    let mut at = start;
    let mut escaped = false;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = quote_or_backslash(rest) else {
            return Err(JsonError::Syntax { offset: bytes.len(), expected: "`\"`" });
        };
        let plain = rest.get(..found).unwrap_or_default();
        if check_controls && has_controls(plain) {
            let offset = at + plain.iter().position(|b| *b < 0x20).unwrap_or(0);
            return Err(JsonError::Syntax { offset, expected: "an escaped control character" });
        }
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return Ok(StringEnd { after: at + 1, escaped });
        }
        escaped = true;
        at += escape(bytes, at)?.1;
    }
}

/// A decoded string piece by piece. In text that [`string_end`] has not accepted, a
/// backslash that begins no escape stands for itself.
pub(crate) struct Pieces<'t> {
    inner: &'t [u8],
    at: usize,
}

/// One stretch of a string.
pub(crate) enum Piece<'t> {
    /// Bytes that stand for themselves.
    Plain(&'t [u8]),
    /// An escape written with so many bytes that stands for this character.
    Escape(usize, char),
}

impl<'t> Pieces<'t> {
    /// Splits the text between the quotes.
    pub(crate) fn new(inner: &'t [u8]) -> Self {
        Pieces { inner, at: 0 }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let start = self.at;
        let rest = self.inner.get(start..).filter(|rest| !rest.is_empty())?;
        if rest.first() == Some(&b'\\') {
            let (character, length) = escape_or_backslash(self.inner, start);
            self.at += length;
            return Some(Piece::Escape(length, character));
        }
        let length = backslash(rest).unwrap_or(rest.len());
        self.at += length;
        Some(Piece::Plain(rest.get(..length).unwrap_or_default()))
    }
}

/// The text that an escaped string stands for.
pub(super) fn decode(inner: &[u8]) -> String {
    let mut out = String::with_capacity(inner.len());
    for piece in Pieces::new(inner) {
        match piece {
            Piece::Plain(bytes) => out.push_str(std::str::from_utf8(bytes).unwrap_or_default()),
            Piece::Escape(_, character) => out.push(character),
        }
    }
    out
}

/// Whether an escaped string stands for `text`.
pub(super) fn decodes_to(inner: &[u8], text: &str) -> bool {
    let mut rest = text.as_bytes();
    for piece in Pieces::new(inner) {
        let mut buffer = [0; 4];
        let bytes = match piece {
            Piece::Plain(bytes) => bytes,
            Piece::Escape(_, character) => character.encode_utf8(&mut buffer).as_bytes(),
        };
        match rest.strip_prefix(bytes) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Appends `s` as a JSON string with its quotes, escaping only what RFC 8259
/// section 7 demands.
pub fn write_string(out: &mut Vec<u8>, s: &str) {
    out.push(b'"');
    write_escaped(out, s);
    out.push(b'"');
}

/// Appends `s` as it stands between the quotes of a JSON string.
pub(crate) fn write_escaped(out: &mut Vec<u8>, s: &str) {
    // Almost every string is plain: looked at without an early exit, which compiles to vector
    // instructions, and copied whole.
    let plain = s.bytes().fold(true, |plain, b| plain & (b >= 0x20) & (b != b'"') & (b != b'\\'));
    if plain {
        return out.extend_from_slice(s.as_bytes());
    }
    for byte in s.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(hex_digit(byte >> 4));
                out.push(hex_digit(byte & 0x0F));
            }
            0x20.. => out.push(byte),
        }
    }
}

/// The escape at `at` (a backslash), or the backslash for itself where none begins.
pub(crate) fn escape_or_backslash(bytes: &[u8], at: usize) -> (char, usize) {
    escape(bytes, at).unwrap_or(('\\', 1))
}

/// Reads the escape at `at` (a backslash): what it stands for and how many bytes it takes.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let simple = match bytes.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{C}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(bytes, at),
        Some(_) | None => {
            return Err(JsonError::Syntax { offset: at + 1, expected: "an escape" });
        }
    };
    Ok((simple, 2))
}

fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let first = hex4(bytes, at + 2)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    // What is no character is a surrogate: only a high one directly before a low one counts.
    let lone = JsonError::LoneSurrogate { offset: at };
    let pair = bytes.get(at + 6..at + 8) == Some(b"\\u");
    if first >= 0xDC00 || !pair {
        return Err(lone);
    }
    let second = hex4(bytes, at + 8)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(lone);
    }
    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(code).map(|character| (character, 12)).ok_or(lone)
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, JsonError> {
    let digits = bytes.get(at..at + 4).unwrap_or_default();
    let value = digits
        .iter()
        .try_fold(0, |value, byte| char::from(*byte).to_digit(16).map(|digit| value << 4 | digit));
    value.filter(|_| digits.len() == 4).ok_or(JsonError::Syntax {
        offset: at.min(bytes.len()),
        expected: "four hexadecimal digits",
    })
}

fn hex_digit(value: u8) -> u8 {
    match value {
        0..10 => b'0' + value,
        10.. => b'a' + (value - 10),
    }
}

/// Most strings end within the first bytes: look at those without a call, eight at a time.
pub(crate) fn quote_or_backslash(rest: &[u8]) -> Option<usize> {
    for at in [0, 8] {
        let Some(word) = rest.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
            return memchr2(b'"', b'\\', rest);
        };
        let word = u64::from_le_bytes(*word);
        let hits = equal_bytes(word, b'"') | equal_bytes(word, b'\\');
        if hits != 0 {
            return usize::try_from(hits.trailing_zeros() / 8).ok().map(|byte| at + byte);
        }
    }
    memchr2(b'"', b'\\', rest.get(16..)?).map(|found| 16 + found)
}

fn backslash(rest: &[u8]) -> Option<usize> {
    if let Some(word) = rest.first_chunk::<8>() {
        let hits = equal_bytes(u64::from_le_bytes(*word), b'\\');
        if hits != 0 {
            return usize::try_from(hits.trailing_zeros() / 8).ok();
        }
    }
    memchr::memchr(b'\\', rest)
}

/// The high bit of the lowest byte of `word` that is `byte`; bits above it mean nothing.
pub(crate) fn equal_bytes(word: u64, byte: u8) -> u64 {
    let ones = u64::from_le_bytes([1; 8]);
    let differing = word ^ (ones * u64::from(byte));
    differing.wrapping_sub(ones) & !differing & (ones << 7)
}
