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
