//! Patterns for names: `*` is any run of characters, `?` is any one, all else is itself.
//!
//! Owns [`Glob`]. Names are compared byte for byte (S-26): no case folding, no Unicode forms, and
//! `*` also spans `/`. Guarantees (S-57) a time linear in the name for patterns without `?`, and at
//! most name times pattern with it, whatever the name: there is no backtracking over `*`.

/// A compiled pattern. Every text is one; there are no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: Box<str>,
    /// What stands before the first `*`, or the whole pattern.
    first: Piece,
    /// What stands between and after the stars; empty when there is none.
    rest: Vec<Piece>,
}

/// Characters in a row without `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    text: Box<str>,
    /// Whether `?` is among them.
    any: bool,
}

impl Glob {
    /// Compiles a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut pieces = pattern.split('*').map(Piece::new);
        let first = pieces.next().unwrap_or_else(|| Piece::new(""));
        Self { pattern: pattern.into(), first, rest: pieces.collect() }
    }

    /// The pattern as configured.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the whole name fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some(name) = self.first.strip_start(name) else { return false };
        let Some((last, middle)) = self.rest.split_last() else { return name.is_empty() };
        let Some(mut name) = last.strip_end(name) else { return false };
        // The leftmost place of each piece leaves the most for those behind it.
        for piece in middle {
            match piece.find_end(name) {
                Some(rest) => name = rest,
                None => return false,
            }
        }
        true
    }
}

impl Piece {
    fn new(text: &str) -> Self {
        Self { text: text.into(), any: text.contains('?') }
    }

    /// What follows the piece at the start of `name`.
    fn strip_start<'n>(&self, name: &'n str) -> Option<&'n str> {
        if !self.any {
            return name.strip_prefix(&*self.text);
        }
        let mut rest = name.chars();
        for wanted in self.text.chars() {
            if !fits(wanted, rest.next()?) {
                return None;
            }
        }
        Some(rest.as_str())
    }

    /// What precedes the piece at the end of `name`.
    fn strip_end<'n>(&self, name: &'n str) -> Option<&'n str> {
        if !self.any {
            return name.strip_suffix(&*self.text);
        }
        let mut rest = name.chars();
        for wanted in self.text.chars().rev() {
            if !fits(wanted, rest.next_back()?) {
                return None;
            }
        }
        Some(rest.as_str())
    }

    /// What follows the leftmost place of the piece in `name`.
    fn find_end<'n>(&self, name: &'n str) -> Option<&'n str> {
        if !self.any {
            return name.split_once(&*self.text).map(|(_, rest)| rest);
        }
        let mut from = name.chars();
        loop {
            if let Some(rest) = self.strip_start(from.as_str()) {
                return Some(rest);
            }
            from.next()?;
        }
    }
}

fn fits(wanted: char, found: char) -> bool {
    wanted == '?' || wanted == found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::Glob;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).matches(name)
    }

    /// The definition, without any thought of speed.
    fn defined(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', p @ ..], n) => (0..=n.len()).any(|skip| defined(p, &n[skip..])),
            (['?', p @ ..], [_, n @ ..]) => defined(p, n),
            ([c, p @ ..], [d, n @ ..]) if c == d => defined(p, n),
            _ => false,
        }
    }

    #[test]
    fn stars_and_question_marks_match_runs_and_single_characters() {
        assert!(matches("read_*", "read_file") && matches("read_*", "read_"));
        assert!(matches("*", "") && matches("*", "a/b") && matches("", ""));
        assert!(matches("a*b*c", "a-b-b-c") && matches("?", "é") && matches("a?c", "abc"));
        assert!(matches("file:///public/*", "file:///public/a/b"));
        assert!(!matches("read_*", "xread_") && !matches("", "a") && !matches("?", ""));
        assert!(!matches("a*b", "a") && !matches("ab*ba", "aba"), "pieces do not overlap");
    }

    #[test]
    fn s26_names_are_compared_byte_for_byte() {
        for other in ["Read", "read ", "read\0", "re\u{200b}ad", "ｒｅａｄ", "rea\u{0501}"] {
            assert!(!matches("read", other), "{other:?}");
        }
        assert!(!matches("caf\u{e9}", "cafe\u{301}"));
        assert!(matches("a.c", "a.c") && !matches("a.c", "abc") && matches("[a]", "[a]"));
    }

    #[test]
    fn s57_hostile_names_take_no_time() {
        let glob = Glob::new("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
        assert!(!glob.matches(&"a".repeat(1_000_000)));
    }

    proptest! {
        #[test]
        fn matcher_agrees_with_the_definition(pattern in "[abé*?]{0,8}", name in "[abé]{0,10}") {
            let (p, n): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(matches(&pattern, &name), defined(&p, &n));
        }
    }
}
