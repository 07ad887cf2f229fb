//! Letters without their accents, so that a word is one word in every keyboard's spelling.

/// The same for the letters of Latin Extended-A, which Polish, Czech and Turkish are written with.
pub(super) fn extended(first: u8, second: u8) -> u8 {
    match (first, second) {
        (0xC4, 0x80..=0x85) => b'a',
        (0xC4, 0x86..=0x8D) => b'c',
        (0xC4, 0x8E..=0x91) => b'd',
        (0xC4, 0x92..=0x9B) => b'e',
        (0xC4, 0x9C..=0xA3) => b'g',
        (0xC4, 0xA8..=0xB1) => b'i',
        (0xC4, 0xB9..=0xBF) | (0xC5, 0x80..=0x82) => b'l',
        (0xC5, 0x83..=0x88) => b'n',
        (0xC5, 0x8C..=0x93) => b'o',
        (0xC5, 0x94..=0x99) => b'r',
        (0xC5, 0x9A..=0xA1) => b's',
        (0xC5, 0xA2..=0xA7) => b't',
        (0xC5, 0xA8..=0xB3) => b'u',
        (0xC5, 0xB9..=0xBE) => b'z',
        _ => b'x',
    }
}

/// The letter that a letter of Latin-1 is written with when accents are left out, by its second
/// byte in UTF-8 after `C3`.
pub(super) fn unaccented(second: u8) -> u8 {
    match second | 0x20 {
        0xA0..=0xA5 => b'a',
        0xA7 => b'c',
        0xA8..=0xAB => b'e',
        0xAC..=0xAF => b'i',
        0xB1 => b'n',
        0xB2..=0xB6 | 0xB8 => b'o',
        0xB9..=0xBC => b'u',
        _ => b's',
    }
}
