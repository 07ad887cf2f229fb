//! Which kinds of characters a text has: one pass, so that clean values cost next to nothing.

/// A set of kinds of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs(u16);

impl Signs {
    /// Blanks.
    pub(super) const SPACE: Self = Self(1);
    /// `'`, `"` and the back-tick.
    pub(super) const QUOTE: Self = Self(1 << 1);
    /// `;`, `|`, `&`, `$`, `<`, `>`, braces and brackets of a shell.
    pub(super) const SHELL: Self = Self(1 << 2);
    /// `/` and `\`.
    pub(super) const SLASH: Self = Self(1 << 3);
    /// `.`
    pub(super) const DOT: Self = Self(1 << 4);
    /// `:`
    pub(super) const COLON: Self = Self(1 << 5);
    /// `%`
    pub(super) const PERCENT: Self = Self(1 << 6);
    /// `~`
    pub(super) const TILDE: Self = Self(1 << 7);
    /// Control characters, line ends among them.
    pub(super) const CONTROL: Self = Self(1 << 8);
    /// Everything beyond ASCII.
    pub(super) const WIDE: Self = Self(1 << 9);
    /// Operators and comment signs: `#`, `=`, `*`, `-`, `+`, `@`, `!`, `?`.
    pub(super) const OPERATOR: Self = Self(1 << 10);

    /// The kinds that occur in a text.
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |all, byte| {
            all | TABLE.get(usize::from(byte)).copied().unwrap_or(Self::WIDE.0)
        }))
    }

    /// Whether only characters beyond ASCII matter, and there are some.
    pub(super) fn of_free(text: &str) -> Self {
        if text.is_ascii() { Self(0) } else { Self::WIDE }
    }

    /// The kinds of both sets.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are none.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any kind is in both sets.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The kind of each ASCII byte.
const TABLE: [u16; 128] = table();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, indexes below 128")]
#[expect(clippy::cast_possible_truncation, reason = "evaluated at compile time, indexes below 128")]
const fn table() -> [u16; 128] {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 128 {
        table[at] = match at as u8 {
            b' ' => Signs::SPACE.0,
            b'\'' | b'"' | b'`' => Signs::QUOTE.0,
            b';' | b'|' | b'&' | b'$' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' => Signs::SHELL.0,
            b'/' | b'\\' => Signs::SLASH.0,
            b'.' => Signs::DOT.0,
            b':' => Signs::COLON.0,
            b'%' => Signs::PERCENT.0,
            b'~' => Signs::TILDE.0,
            b'#' | b'=' | b'*' | b'-' | b'+' | b'@' | b'!' | b'?' => Signs::OPERATOR.0,
            0..0x20 | 0x7F => Signs::CONTROL.0,
            _ => 0,
        };
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::Signs;

    #[test]
    fn words_have_no_signs() {
        assert_eq!(Signs::of("Berlin_42,[x]^"), Signs(0));
    }

    #[test]
    fn every_kind_is_seen() {
        for (text, sign) in [
            (" ", Signs::SPACE),
            ("'", Signs::QUOTE),
            (";", Signs::SHELL),
            ("\\", Signs::SLASH),
            (".", Signs::DOT),
            (":", Signs::COLON),
            ("%", Signs::PERCENT),
            ("~", Signs::TILDE),
            ("\n", Signs::CONTROL),
            ("é", Signs::WIDE),
            ("#", Signs::OPERATOR),
        ] {
            assert_eq!(Signs::of(&format!("a{text}b")), sign, "{text}");
        }
        assert!(Signs::of_free("é").meets(Signs::WIDE) && !Signs::of_free("'").meets(Signs::WIDE));
    }
}
