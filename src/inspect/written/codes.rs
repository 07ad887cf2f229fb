//! Characters written as codes: percent-encoding, references of HTML and XML, escapes of source
//! code and of Markdown. Each function reads one sequence that begins at a place and says what it
//! stands for and how many bytes it takes.

use super::names;

/// `%40`, `%C3%A9` (RFC 3986 section 2.1), and the older `%u0040`.
pub(super) fn percent(text: &[u8], at: usize) -> Option<(char, usize)> {
    if text.get(at + 1) == Some(&b'u') {
        return utf16(text, at, b"%u");
    }
    octets(text, at, b"%")
}

/// `&#64;`, `&#x40;`, `&commat;` (HTML section 13.2.5.72).
pub(super) fn reference(text: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = text.get(at + 1..)?;
    let Some(number) = rest.strip_prefix(b"#") else {
        let length =
            rest.iter().take(NAME_BYTES_MAX).take_while(|b| b.is_ascii_alphanumeric()).count();
        let (name, after) = rest.split_at_checked(length)?;
        let character =
            after.first().filter(|end| **end == b';').and_then(|_| names::named(name))?;
        return Some((character, length + 2));
    };
    let (digits, radix, before) = match number {
        [b'x' | b'X', digits @ ..] => (digits, 16, 3),
        digits => (digits, 10, 2),
    };
    let (code, length) = number_at(digits, radix)?;
    let end = usize::from(digits.get(length) == Some(&b';'));
    let character = match code {
        // Two of windows-1252, as all browsers read them.
        0x96 => '\u{2013}',
        0x97 => '\u{2014}',
        code => char::from_u32(code).filter(|c| *c != '\0')?,
    };
    Some((character, before + length + end))
}

/// `\u0040`, `\u{40}`, `\U00000040`, `\x40`, `\n` and its like, which would be the first letter of
/// a label or value, and what Markdown escapes (CommonMark section 2.4).
pub(super) fn escape(text: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = text.get(at + 1..)?;
    match rest {
        [b'u', b'{', digits @ ..] => {
            let (code, length) = number_at(digits, 16)?;
            let closed = digits.get(length) == Some(&b'}');
            closed.then_some(char::from_u32(code)).flatten().map(|c| (c, length + 4))
        }
        [b'u', ..] => utf16(text, at, b"\\u"),
        [b'U', digits @ ..] => {
            let (code, length) = number_at(digits.get(..8)?, 16)?;
            (length == 8).then_some(char::from_u32(code)).flatten().map(|c| (c, 10))
        }
        [b'x', b'{', digits @ ..] => {
            let (code, length) = number_at(digits, 16)?;
            let closed = digits.get(length) == Some(&b'}');
            closed.then_some(char::from_u32(code)).flatten().map(|c| (c, length + 4))
        }
        [b'x', ..] => octets(text, at, b"\\x"),
        [b'n', ..] => line(text, at, '\n'),
        [b'r', ..] => line(text, at, '\r'),
        [b't', ..] => line(text, at, '\t'),
        [b'3', ..] => octal(text, at),
        [mark @ (b'_' | b'-' | b'.' | b'@' | b'+' | b'(' | b')'), ..] => {
            Some((char::from(*mark), 2))
        }
        _ => None,
    }
}

/// A line end or tab, unless a path of Windows reaches up to it: `C:\new\temp`.
fn line(text: &[u8], at: usize, character: char) -> Option<(char, usize)> {
    let before = text.get(at.saturating_sub(PATH_BYTES_MAX)..at)?;
    let ends = |byte: &u8| *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b'(');
    let word = before.iter().rposition(ends).map_or(0, |end| end + 1);
    let rooted = matches!(before.get(word..)?, [drive, b':', ..] if drive.is_ascii_alphabetic());
    (!rooted).then_some((character, 2))
}

/// `\303\251`: a character of several octets of UTF-8, as git and C write it.
fn octal(text: &[u8], at: usize) -> Option<(char, usize)> {
    let octet = |at: usize| match *text.get(at..)?.first_chunk::<4>()? {
        [b'\\', high @ b'2'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7'] => {
            Some(((high - b'0') << 6) | ((middle - b'0') << 3) | (low - b'0'))
        }
        _ => None,
    };
    let mut bytes = [0; 4];
    for index in 0..bytes.len() {
        *bytes.get_mut(index)? = octet(at + index * 4)?;
        if let Ok(character) = str::from_utf8(bytes.get(..=index)?) {
            return Some((character.chars().next()?, (index + 1) * 4));
        }
    }
    None
}

/// A code unit of UTF-16 after its marker, or two that belong together.
fn utf16(text: &[u8], at: usize, marker: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix(marker)?.get(..4)?;
        let (code, length) = number_at(digits, 16)?;
        (length == 4).then(|| u16::try_from(code).ok()).flatten()
    };
    let length = marker.len() + 4;
    let first = unit(at)?;
    let units = [first, unit(at + length).unwrap_or(0)];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, length * character.len_utf16()))
}

/// The character whose octets are written one by one after a marker each: as UTF-8, and
/// what is none as ISO 8859-1.
pub(super) fn octets(text: &[u8], at: usize, marker: &[u8]) -> Option<(char, usize)> {
    let first = octet(text, at, marker)?;
    let step = marker.len() + 2;
    let count = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Some((char::from(first), step)),
    };
    let mut bytes = [first, 0, 0, 0];
    for (index, byte) in bytes.iter_mut().enumerate().take(count).skip(1) {
        match octet(text, at + index * step, marker) {
            Some(next) => *byte = next,
            None => return Some((char::from(first), step)),
        }
    }
    let character = bytes.get(..count).and_then(|b| str::from_utf8(b).ok()?.chars().next());
    Some(character.map_or((char::from(first), step), |character| (character, count * step)))
}

pub(super) fn octet(text: &[u8], at: usize, marker: &[u8]) -> Option<u8> {
    let [high, low] = *text.get(at..)?.strip_prefix(marker)?.first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A number at the begin of a text and how many digits it has.
fn number_at(text: &[u8], radix: u32) -> Option<(u32, usize)> {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let length = text.iter().take(CODE_DIGITS_MAX).take_while(is_digit).count();
    let digits = str::from_utf8(text.get(..length)?).ok()?;
    Some((u32::from_str_radix(digits, radix).ok()?, length))
}

/// Unit: bytes. The longest of the names of interest has 21.
const NAME_BYTES_MAX: usize = 24;

/// Unit: bytes. How far back the begin of a path is looked for.
const PATH_BYTES_MAX: usize = 128;

/// Unit: digits. `&#0000000064;` is as good as `&#64;`.
const CODE_DIGITS_MAX: usize = 10;
