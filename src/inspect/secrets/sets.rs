//! Sets of bytes that secrets are written with, one table look-up each.

/// A set of bytes, as a union of the groups below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Set(u16);

impl Set {
    pub(super) const DIGIT: Set = Set(1);
    const LOWER_A_F: Set = Set(2);
    const UPPER_A_F: Set = Set(4);
    const LOWER_G_Z: Set = Set(8);
    const UPPER_G_Z: Set = Set(16);
    pub(super) const DASH: Set = Set(32);
    pub(super) const UNDERSCORE: Set = Set(64);
    const DOT: Set = Set(128);
    const PLUS_SLASH: Set = Set(256);
    const EQUALS: Set = Set(512);
    pub(super) const PERCENT: Set = Set(1024);
    const TILDE: Set = Set(2048);

    pub(super) const LOWER: Set = Set::LOWER_A_F.or(Set::LOWER_G_Z);
    pub(super) const UPPER: Set = Set::UPPER_A_F.or(Set::UPPER_G_Z);
    pub(super) const LETTER: Set = Set::LOWER.or(Set::UPPER);
    pub(super) const HEX_LOWER: Set = Set::DIGIT.or(Set::LOWER_A_F);
    pub(super) const HEX: Set = Set::HEX_LOWER.or(Set::UPPER_A_F);
    pub(super) const LOWER_ALNUM: Set = Set::DIGIT.or(Set::LOWER);
    pub(super) const UPPER_ALNUM: Set = Set::DIGIT.or(Set::UPPER);
    pub(super) const ALNUM: Set = Set::DIGIT.or(Set::LETTER);
    /// Groups of hexadecimal digits and dashes (RFC 9562 section 4).
    pub(super) const UUID: Set = Set::HEX.or(Set::DASH);
    /// RFC 4648 section 5.
    pub(super) const BASE64URL: Set = Set::ALNUM.or(Set::DASH).or(Set::UNDERSCORE);
    pub(super) const DOTTED: Set = Set::BASE64URL.or(Set::DOT);
    /// RFC 4648 section 4 without and with padding.
    pub(super) const BASE64_BODY: Set = Set::ALNUM.or(Set::PLUS_SLASH);
    pub(super) const BASE64: Set = Set::BASE64_BODY.or(Set::EQUALS);
    pub(super) const BASE64_ANY: Set = Set::BASE64.or(Set::DASH).or(Set::UNDERSCORE);
    /// Base64 as it stands in the query of a URI (RFC 3986 section 2.1).
    pub(super) const BASE64_PERCENT: Set = Set::BASE64_ANY.or(Set::PERCENT);
    /// The credentials of RFC 9110 section 11.2, which is every alphabet of tokens.
    pub(super) const TOKEN68: Set = Set::DOTTED.or(Set::BASE64).or(Set::TILDE).or(Set::PERCENT);
    /// What client secrets of Microsoft Entra are written with.
    pub(super) const DOTTED_TILDE: Set = Set::DOTTED.or(Set::TILDE);

    pub(super) const fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    #[inline]
    pub(super) fn has(self, byte: u8) -> bool {
        GROUPS.get(usize::from(byte)).is_some_and(|groups| groups & self.0 != 0)
    }

    /// How many bytes at the begin of a text are in the set.
    pub(super) fn count(self, text: &[u8]) -> usize {
        text.iter().take_while(|byte| self.has(**byte)).count()
    }

    pub(super) fn holds(self, text: &[u8]) -> bool {
        text.iter().all(|byte| self.has(*byte))
    }
}

const GROUPS: [u16; 256] = groups();

const fn group(byte: u8) -> Set {
    match byte {
        b'0'..=b'9' => Set::DIGIT,
        b'a'..=b'f' => Set::LOWER_A_F,
        b'A'..=b'F' => Set::UPPER_A_F,
        b'g'..=b'z' => Set::LOWER_G_Z,
        b'G'..=b'Z' => Set::UPPER_G_Z,
        b'-' => Set::DASH,
        b'_' => Set::UNDERSCORE,
        b'.' => Set::DOT,
        b'+' | b'/' => Set::PLUS_SLASH,
        b'=' => Set::EQUALS,
        b'%' => Set::PERCENT,
        b'~' => Set::TILDE,
        _ => Set(0),
    }
}

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "compile time")]
const fn groups() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = group(byte as u8).0;
        byte += 1;
    }
    table
}
