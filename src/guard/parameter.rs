//! What a parameter is for, by its name.

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Words for people or models, code, queries, commands: anything may stand in it.
    Free,
    /// A file or directory.
    Path,
    /// A URL.
    Url,
    /// The URI of a resource, whose scheme may be the server's own (MCP, Resources, "Common URI
    /// Schemes").
    Uri,
    /// A host, an address, a branch, a port: a word without white space or punctuation.
    Word,
    /// A name or an id: a short text.
    Name,
    /// Anything else.
    Other,
}

impl Parameter {
    /// By the last word of the name that says something: `file_path` and `filePath` are paths,
    /// `pathDescription` is text, `branch_name` is a branch.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut whole = Word::new();
        name.bytes().filter(u8::is_ascii_alphanumeric).for_each(|byte| whole.push(byte));
        if whole.is_one_of(RESOURCE_URIS) {
            return Self::Uri;
        }
        if let Some(parameter) = whole.meaning() {
            return parameter;
        }
        let mut found = None;
        let mut words = Words { rest: name.as_bytes() };
        let mut last = None;
        while let Some(word) = words.next_word() {
            if let Some(parameter) = word.meaning() {
                found = match (found, parameter) {
                    // `branch_name`, `url_id`: the name of a thing is written like the thing.
                    (Some(Self::Word), Self::Name) => Some(Self::Word),
                    (_, parameter) => Some(parameter),
                };
                last = Some(parameter);
            } else {
                last = None;
            }
        }
        // A word that says nothing behind one that does (`path_to_check`) changes little; but
        // only what is free text at its end is free.
        match (found, last) {
            (Some(Self::Free), None) => Self::Other,
            (Some(parameter), _) => parameter,
            (None, _) => Self::Other,
        }
    }

    /// For a member of an object that is itself a parameter: free text stays free unless the
    /// member says better.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        match (self, outer) {
            (Self::Other, Self::Free) => Self::Free,
            (own, _) => own,
        }
    }
}

/// The words of a name: split at everything but letters and digits, and before capitals.
struct Words<'n> {
    rest: &'n [u8],
}

impl Words<'_> {
    fn next_word(&mut self) -> Option<Word> {
        let skip = self.rest.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
        self.rest = self.rest.get(skip..).filter(|rest| !rest.is_empty())?;
        let mut word = Word::new();
        let mut before = b'A';
        while let Some((byte, after)) = self.rest.split_first() {
            // `filePath`, `SQLQuery`: a capital after a small letter, or before one.
            let next = after.first().is_some_and(u8::is_ascii_lowercase);
            let begins = byte.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next);
            if !byte.is_ascii_alphanumeric() || (begins && word.length > 0) {
                break;
            }
            word.push(*byte);
            before = *byte;
            self.rest = after;
        }
        Some(word)
    }
}

/// A lower-case word; longer ones than any that is known mean nothing.
struct Word {
    bytes: [u8; WORD_BYTES_MAX],
    length: usize,
}

impl Word {
    fn new() -> Self {
        Self { bytes: [0; WORD_BYTES_MAX], length: 0 }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte.to_ascii_lowercase();
        }
        self.length += 1;
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        let word = self.bytes.get(..self.length);
        word.is_some_and(|word| words.iter().any(|known| known.as_bytes() == word))
    }

    fn meaning(&self) -> Option<Parameter> {
        let word = self.bytes.get(..self.length)?;
        let known = |word: &[u8]| {
            let at = MEANINGS.binary_search_by(|(name, _)| name.as_bytes().cmp(word)).ok()?;
            MEANINGS.get(at).map(|(_, parameter)| *parameter)
        };
        known(word).or_else(|| known(word.strip_suffix(b"s")?))
    }
}

const WORD_BYTES_MAX: usize = 16;

/// Whole names, as `webhook_uri` and the like mean an address on the network.
const RESOURCE_URIS: &[&str] = &["uri", "uris", "resourceuri", "resourceuris"];

use Parameter::{Free, Name, Path, Url};

/// Known words in alphabetical order; a plural `s` is taken off before a second look.
#[rustfmt::skip]
const MEANINGS: &[(&str, Parameter)] = &[
    ("abstract", Free), ("account", Name), ("answer", Free), ("arg", Free), ("args", Free),
    ("argv", Free), ("article", Free), ("bio", Free), ("blob", Free), ("body", Free),
    ("branch", Parameter::Word), ("callback", Url), ("caption", Free), ("cell", Free),
    ("changelog", Free), ("cmd", Free), ("code", Free), ("codec", Free), ("command", Free),
    ("comment", Free), ("commit", Parameter::Word), ("condition", Free),
    ("container", Parameter::Word), ("content", Free), ("context", Free), ("cql", Free),
    ("css", Free), ("csv", Free), ("cwd", Path), ("data", Free), ("delimiter", Free),
    ("desc", Free), ("description", Free), ("dest", Path), ("destination", Path),
    ("detail", Free), ("device", Parameter::Word), ("diff", Free), ("dir", Path),
    ("directories", Path), ("directory", Path), ("document", Free), ("domain", Parameter::Word),
    ("endpoint", Url), ("example", Free), ("explanation", Free), ("expr", Free),
    ("expression", Free), ("file", Path), ("filename", Path), ("filepath", Path),
    ("filter", Free), ("folder", Path), ("format", Free), ("formula", Free), ("function", Free),
    ("glob", Free), ("goal", Free), ("gql", Free), ("graphql", Free), ("group", Name),
    ("headline", Free), ("hint", Free), ("host", Parameter::Word), ("hostname", Parameter::Word),
    ("href", Url), ("html", Free), ("id", Name), ("identifier", Name), ("include", Path),
    ("input", Free), ("instruction", Free), ("interface", Parameter::Word),
    ("ip", Parameter::Word), ("ipaddr", Parameter::Word), ("ipaddress", Parameter::Word),
    ("javascript", Free), ("jq", Free), ("jql", Free), ("js", Free), ("json", Free),
    ("kql", Free), ("label", Free), ("latex", Free), ("line", Free), ("link", Url), ("log", Free),
    ("login", Name), ("lucene", Free), ("markdown", Free), ("markup", Free), ("md", Free),
    ("memo", Free), ("memory", Free), ("message", Free), ("name", Name), ("namespace", Name),
    ("note", Free), ("observation", Free), ("output", Free), ("package", Name), ("page", Path),
    ("paragraph", Free), ("patch", Free), ("path", Path), ("pathname", Path), ("pattern", Free),
    ("plan", Free), ("pod", Parameter::Word), ("port", Parameter::Word), ("predicate", Free),
    ("problem", Free), ("program", Free), ("prompt", Free), ("python", Free), ("query", Free),
    ("question", Free), ("quote", Free), ("reason", Free), ("reasoning", Free), ("redirect", Url),
    ("ref", Parameter::Word), ("regex", Free), ("regexp", Free), ("remark", Free),
    ("replacement", Free), ("reply", Free), ("report", Free), ("response", Free), ("role", Name),
    ("rule", Free), ("schema", Name), ("script", Free), ("selector", Free), ("sentence", Free),
    ("separator", Free), ("server", Parameter::Word), ("service", Parameter::Word),
    ("sha", Parameter::Word), ("site", Url), ("snippet", Free), ("solution", Free),
    ("soql", Free), ("source", Path), ("sparql", Free), ("sql", Free), ("src", Path),
    ("statement", Free), ("stdin", Free), ("step", Free), ("str", Free), ("string", Free),
    ("subject", Free), ("summary", Free), ("svg", Free), ("table", Name), ("task", Free),
    ("template", Free), ("tenant", Name), ("text", Free), ("thought", Free), ("title", Free),
    ("todo", Free), ("tool", Name), ("topic", Free), ("transcript", Free), ("translation", Free),
    ("uri", Url), ("url", Url), ("user", Name), ("username", Name), ("value", Free),
    ("webhook", Url), ("website", Url), ("where", Free), ("workdir", Path), ("xml", Free),
    ("xpath", Free), ("yaml", Free),
];

#[cfg(test)]
mod tests {
    use super::{MEANINGS, Parameter, WORD_BYTES_MAX};

    #[test]
    fn words_are_in_order_and_short_enough() {
        for pair in MEANINGS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
        }
        assert!(MEANINGS.iter().all(|(word, _)| word.len() <= WORD_BYTES_MAX));
    }

    #[test]
    fn last_word_that_says_something_decides() {
        for (name, expected) in [
            ("path", Parameter::Path),
            ("filePath", Parameter::Path),
            ("file_path", Parameter::Path),
            ("FILE-PATH", Parameter::Path),
            ("filenames", Parameter::Path),
            ("pathToCheck", Parameter::Path),
            ("file_content", Parameter::Free),
            ("contentFile", Parameter::Path),
            ("imageURL", Parameter::Url),
            ("webhook_uri", Parameter::Url),
            ("uri", Parameter::Uri),
            ("resourceUri", Parameter::Uri),
            ("resource_uris", Parameter::Uri),
            ("urlDescription", Parameter::Free),
            ("host", Parameter::Word),
            ("hostName", Parameter::Word),
            ("host_name", Parameter::Word),
            ("branch_name", Parameter::Word),
            ("name", Parameter::Name),
            ("userId", Parameter::Name),
            ("SQLQuery", Parameter::Free),
            ("commit_message", Parameter::Free),
            ("city", Parameter::Other),
            ("", Parameter::Other),
            ("text_thing", Parameter::Other),
            ("aVeryLongWordThatMeansNothingAtAll", Parameter::Other),
        ] {
            assert_eq!(Parameter::of(name), expected, "{name}");
        }
    }

    #[test]
    fn members_of_free_text_are_free_unless_they_say_better() {
        assert_eq!(Parameter::of("heading").within(Parameter::Free), Parameter::Free);
        assert_eq!(Parameter::of("path").within(Parameter::Free), Parameter::Path);
        assert_eq!(Parameter::of("heading").within(Parameter::Path), Parameter::Other);
    }
}
