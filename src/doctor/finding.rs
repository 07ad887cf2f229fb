//! What a check found, and how a run went as a whole.
//!
//! Guarantees that whatever did not pass ends in what to do, and that no text of another party
//! reaches the terminal with control characters in it, or without a bound.

use super::table::Check;

/// What came out of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What was looked at: a listener, an issuer, a server.
    pub about: String,
    /// How it went.
    pub outcome: Outcome,
    /// What was seen.
    pub message: String,
    /// What to do; empty where nothing is wrong.
    pub advice: String,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// It works, and something is not as it should be.
    Warning,
    /// It does not work, or is not safe.
    Failed,
    /// It could not be looked at, which says nothing.
    Skipped,
}

impl Outcome {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Finding {
    /// As it should be.
    pub fn passed(check: Check, about: &str, message: impl Into<String>) -> Self {
        Self::of(check, about, Outcome::Passed, message.into(), String::new())
    }

    /// It works, but.
    pub fn warning(
        check: Check,
        about: &str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::of(check, about, Outcome::Warning, message.into(), advice.into())
    }

    /// It does not work.
    pub fn failed(
        check: Check,
        about: &str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::of(check, about, Outcome::Failed, message.into(), advice.into())
    }

    /// It could not be looked at.
    pub fn skipped(check: Check, about: &str, message: impl Into<String>) -> Self {
        Self::of(check, about, Outcome::Skipped, message.into(), String::new())
    }

    fn of(check: Check, about: &str, outcome: Outcome, message: String, advice: String) -> Self {
        let [about, message, advice] = [about, &message, &advice].map(plain);
        Self { check, about, outcome, message, advice }
    }
}

/// A run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// By check, and within one check in the order of the configuration.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many checks went like that.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }
}

/// One line without control characters, of a bounded length.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().take(TEXT_CHARS).map(shown).collect();
    if text.chars().nth(TEXT_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// Characters of one text that are shown.
const TEXT_CHARS: usize = 600;

#[cfg(test)]
mod tests {
    use super::{Check, Finding, TEXT_CHARS};

    #[test]
    fn text_of_another_party_cannot_steer_the_terminal_nor_fill_it() {
        let found = Finding::failed(Check::IssuerKeys, "a\nb", "\x1b[2Jx", "y".repeat(5_000));
        assert_eq!((found.about.as_str(), found.message.as_str()), ("a b", " [2Jx"));
        assert_eq!(found.advice.chars().count(), TEXT_CHARS + 1);
    }
}
