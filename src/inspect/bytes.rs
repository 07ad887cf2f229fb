//! Classes of bytes, one table look-up each: what validators ask for every byte.

/// What the local part of an e-mail address is written with.
pub(super) fn is_local(byte: u8) -> bool {
    has(byte, ALPHANUMERIC | HIGH | LOCAL_MARK)
}

/// What the labels of a host name are written with.
pub(super) fn is_label(byte: u8) -> bool {
    has(byte, ALPHANUMERIC | HIGH | DASH)
}

/// Letters, digits, `-` and `_`.
pub(super) fn is_base64url(byte: u8) -> bool {
    has(byte, ALPHANUMERIC | DASH | UNDERSCORE)
}

/// Whether a byte can begin or mark a value: see [`super::scan`].
pub(super) fn is_trigger(byte: u8) -> bool {
    has(byte, TRIGGER)
}

/// What a text may hold, as bits: [`LINE`], [`OPENING`], [`BRACE`] and [`WRITTEN`]. All of them for
/// texts that are not short: looking for each is faster there.
pub(super) fn held(text: &[u8]) -> u8 {
    if text.len() > SHORT_BYTES {
        return u8::MAX;
    }
    let bits = |byte: &u8| HELD.get(usize::from(*byte)).copied().unwrap_or(u8::MAX);
    text.iter().fold(0, |held, byte| held | bits(byte))
}

/// A line end.
pub(super) const LINE: u8 = 1;
/// `(` or `<`, of which a table in one line needs one.
pub(super) const OPENING: u8 = 2;
/// `{`.
pub(super) const BRACE: u8 = 4;
/// What begins a character that is written in another way: see [`super::written`].
pub(super) const WRITTEN: u8 = 8;

/// Unit: bytes. Longer texts are worth the begin of a vector search.
const SHORT_BYTES: usize = 64;

const HELD: [u8; 256] = held_bits();

#[expect(clippy::indexing_slicing, reason = "compile time")]
const fn held_bits() -> [u8; 256] {
    let mut table = [0; 256];
    table[b'\n' as usize] = LINE;
    let marks = super::written::MARKS;
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] |= WRITTEN;
        at += 1;
    }
    table[b'(' as usize] |= OPENING;
    table[b'<' as usize] |= OPENING;
    table[b'{' as usize] |= BRACE;
    table
}

fn has(byte: u8, classes: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|class| class & classes != 0)
}

const ALPHANUMERIC: u8 = 1;
const HIGH: u8 = 2;
const LOCAL_MARK: u8 = 4;
const DASH: u8 = 8;
const UNDERSCORE: u8 = 16;
const TRIGGER: u8 = 32;

const CLASSES: [u8; 256] = classes();

const fn class(byte: u8) -> u8 {
    let alphanumeric = if byte.is_ascii_alphanumeric() { ALPHANUMERIC } else { 0 };
    let mark = match byte {
        b'-' => LOCAL_MARK | DASH,
        b'_' => LOCAL_MARK | UNDERSCORE,
        b'.' | b'+' | b'\'' | b'~' => LOCAL_MARK,
        0x80.. => HIGH,
        _ => 0,
    };
    let trigger = match byte {
        // A percent-encoded at sign, and one that is an HTML entity, hold digits too.
        b'0'..=b'9' | b'@' | b'%' | b'&' | b':' | b'-' | b'_' | b'=' | b'>' | b'~' => TRIGGER,
        // Where the fixed prefixes of secrets end that end in a letter.
        b'A' | b'z' | b'J' | b'G' | b'v' => TRIGGER,
        _ => 0,
    };
    alphanumeric | mark | trigger
}

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "compile time")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
}
