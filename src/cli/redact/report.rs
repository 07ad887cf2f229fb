//! What is said of what was found, to stderr.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::choice::Choice;
use super::engine::Redacted;
use super::{Report, shown};
use crate::cli::say;
use crate::inspect::stream::{StreamError, Summary};
use crate::inspect::{Finding, Why, accepted, needed};

/// Why an input is left out, or what of it.
#[derive(Debug)]
pub(super) enum Left {
    Binary,
    NoFile,
    TooLarge,
    Read(io::Error),
    Broken(StreamError),
}

impl Left {
    /// Whether it should have been redacted.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Left::Binary | Left::NoFile => false,
            Left::TooLarge | Left::Read(_) | Left::Broken(_) => true,
        }
    }

    fn text(&self) -> String {
        match self {
            Left::Binary => String::from("is no text: skipped (name a format to read it)"),
            Left::NoFile => String::from("is no file: skipped"),
            Left::TooLarge => {
                String::from("is too large for --diff and --explain: redact it without them")
            }
            Left::Read(error) => format!("cannot be read: {error}"),
            Left::Broken(error) => format!("is not what --format says, and ends there: {error}"),
        }
    }
}

/// Tells what was found.
pub(super) struct Reporter<'c> {
    choice: &'c Choice,
    report: Report,
    explain: bool,
    values: bool,
    inputs: u64,
    found: u64,
}

impl<'c> Reporter<'c> {
    pub(super) fn new(choice: &'c Choice, report: Report, explain: bool, values: bool) -> Self {
        Reporter { choice, report, explain, values, inputs: 0, found: 0 }
    }

    /// An input that is left out.
    pub(super) fn left(&self, name: &str, left: &Left) {
        match self.report {
            // What is left out is said even so.
            Report::Text | Report::None => say(&format!("{name}: {}", left.text())),
            Report::Json => say(&json!({"file": name, "left_out": left.text()}).to_string()),
        }
    }

    /// An input that was read as a whole.
    pub(super) fn whole(&mut self, name: &str, text: &[u8], redacted: &Redacted) {
        self.count(redacted.finds.len());
        let passed = self.passed_over(text, redacted);
        let page = Page { reporter: self, name, text, lines: lines(text) };
        match self.report {
            Report::None => {}
            Report::Json => say(&page.json(redacted, &passed).to_string()),
            Report::Text if self.explain || self.values => page.each(redacted, &passed),
            Report::Text => page.grouped(redacted),
        }
    }

    /// An input that passed as a stream.
    pub(super) fn stream(&mut self, name: &str, summary: &Summary) {
        let Summary { counts, revealed, places, blocked } = summary;
        let found = counts.total().saturating_add(revealed.total());
        self.count(usize::try_from(found).unwrap_or(usize::MAX));
        let class = |class| self.choice.detector.custom_name(class);
        match self.report {
            Report::None => {}
            Report::Json => {
                let places: Vec<Value> = places
                    .iter()
                    .map(|seen| {
                        json!({"class": class(seen.class), "path": seen.path, "count": seen.count,
                            "revealed": seen.revealed})
                    })
                    .collect();
                let total: BTreeMap<&str, u32> =
                    counts.iter().map(|(c, n)| (class(c), n)).collect();
                let line = json!({"file": name, "read_as": "stream", "found": found,
                    "counts": total, "places": places, "blocked": blocked.map(class)});
                say(&line.to_string());
            }
            Report::Text => {
                say(&format!("{name}: {found} found"));
                for seen in places {
                    let shown = if seen.revealed { "  (revealed)" } else { "" };
                    say(&format!(
                        "{:>7}  {:<18} {}{shown}",
                        seen.count,
                        class(seen.class),
                        seen.path
                    ));
                }
                self.say_blocked(*blocked);
            }
        }
    }

    /// All inputs are done.
    pub(super) fn end(&self) {
        if self.report == Report::Text && self.inputs > 1 {
            say(&format!("{} inputs: {} found", self.inputs, self.found));
        }
    }

    fn count(&mut self, found: usize) {
        self.inputs += 1;
        self.found = self.found.saturating_add(u64::try_from(found).unwrap_or(u64::MAX));
    }

    /// What a detector of everything finds where the chosen one finds nothing.
    fn passed_over(&self, text: &[u8], redacted: &Redacted) -> Vec<Finding> {
        let Some(wide) = self.choice.wide.as_ref().filter(|_| self.explain) else {
            return Vec::new();
        };
        let bytes = bytes::Bytes::copy_from_slice(text);
        let all = super::engine::whole(wide, self.choice.reveal, redacted.format, &bytes);
        // How far the finds up to each one reach: they are in order of their begins.
        let reach: Vec<usize> = redacted
            .finds
            .iter()
            .scan(0, |reach, found| {
                *reach = found.range.end.max(*reach);
                Some(*reach)
            })
            .collect();
        let covered = |found: &Finding| {
            let before = redacted.finds.partition_point(|f| f.range.start < found.range.end);
            let reach = before.checked_sub(1).and_then(|last| reach.get(last));
            reach.is_some_and(|end| *end > found.range.start)
        };
        let finds = all.map(|all| all.finds).unwrap_or_default();
        finds.into_iter().filter(|found| !covered(found)).collect()
    }

    fn say_blocked(&self, blocked: Option<crate::class::Class>) {
        if let Some(class) = blocked {
            let class = self.choice.detector.custom_name(class);
            say(&format!("         an answer that holds {class} is not delivered"));
        }
    }
}

/// Where the lines of a text begin.
fn lines(text: &[u8]) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|at| at + 1)).collect()
}

/// One input and what is said of it.
struct Page<'r> {
    reporter: &'r Reporter<'r>,
    name: &'r str,
    text: &'r [u8],
    lines: Vec<usize>,
}

impl Page<'_> {
    /// Line and column of a byte, counted from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or(0);
        (line, at - start + 1)
    }

    fn class(&self, found: &Finding) -> &str {
        self.reporter.choice.detector.custom_name(found.class)
    }

    fn why(&self, found: &Finding) -> Why {
        self.reporter.choice.detector.why(self.text, found)
    }

    /// What its validator accepted, where that is asked for.
    fn accepted(&self, found: &Finding) -> Option<String> {
        accepted(self.text, found).filter(|_| self.reporter.explain)
    }

    fn value(&self, found: &Finding) -> Option<String> {
        let value = self.text.get(found.range.clone()).filter(|_| self.reporter.values)?;
        Some(shown(&String::from_utf8_lossy(value)))
    }

    /// Finds of one kind at one place of the structure on one line.
    fn grouped(&self, redacted: &Redacted) {
        say(&format!("{}: {} found ({})", self.name, redacted.finds.len(), redacted.format.name()));
        let mut groups: BTreeMap<(String, &str, &str, String), (usize, usize)> = BTreeMap::new();
        for found in &redacted.finds {
            let shown = if found.revealed { "  (revealed)" } else { "" };
            let why = format!("{}{shown}", self.why(found));
            let key = (found.path.clone(), self.class(found), found.confidence.name(), why);
            groups.entry(key).or_insert((0, self.place(found.range.start).0)).0 += 1;
        }
        for ((path, class, confidence, why), (count, line)) in groups {
            say(&format!(
                "{count:>7}  {class:<18} {confidence:<8} {path}  {why}; first in line {line}"
            ));
        }
        self.reporter.say_blocked(redacted.blocked);
    }

    /// Every find on a line of its own, and what was passed over.
    fn each(&self, redacted: &Redacted, passed: &[Finding]) {
        for found in &redacted.finds {
            let (line, column) = self.place(found.range.start);
            let (class, confidence) = (self.class(found), found.confidence.name());
            let shown = if found.revealed { " (revealed)" } else { "" };
            let value = self.value(found).map(|value| format!("  `{value}`")).unwrap_or_default();
            let why = self.why(found);
            let accepted = self.accepted(found);
            let accepted = accepted.map(|what| format!("; accepted: {what}")).unwrap_or_default();
            let path = &found.path;
            say(&format!(
                "{}:{line}:{column}: {class} {confidence} {path}: {why}{accepted}{shown}{value}",
                self.name
            ));
        }
        for found in passed {
            let (line, column) = self.place(found.range.start);
            let (class, confidence) = (found.class.name(), found.confidence.name());
            let value = self.value(found).map(|value| format!("  `{value}`")).unwrap_or_default();
            let path = &found.path;
            let lacks = self.lacks(found);
            say(&format!(
                "{}:{line}:{column}: passed over: {class} {confidence} {path}: {lacks}{value}",
                self.name
            ));
        }
        self.reporter.say_blocked(redacted.blocked);
    }

    /// What a find would have needed.
    fn lacks(&self, found: &Finding) -> String {
        if self.reporter.choice.detector.looks_for(found.class) {
            return format!("not sure enough; it lacks {}", needed(found.class));
        }
        String::from("the class is not looked for")
    }

    fn json(&self, redacted: &Redacted, passed: &[Finding]) -> Value {
        let finds = redacted.finds.iter().map(|found| {
            let why = self.why(found);
            let more = [
                ("reason", Value::from(why.name())),
                ("why", Value::from(why.to_string())),
                ("revealed", Value::from(found.revealed)),
            ];
            let accepted = self.accepted(found).map(|what| ("accepted", Value::from(what)));
            self.object(found, more.into_iter().chain(accepted))
        });
        let passed = passed
            .iter()
            .map(|found| self.object(found, [("lacks", Value::from(self.lacks(found)))]));
        let name = |class| self.reporter.choice.detector.custom_name(class);
        let line = json!({"file": self.name, "read_as": redacted.format.name(),
            "found": redacted.finds.len(), "finds": finds.collect::<Value>(),
            "blocked": redacted.blocked.map(name)});
        let passed = self.reporter.explain.then(|| ("passed_over", passed.collect::<Value>()));
        with(line, passed)
    }

    /// A find, with more said of it.
    fn object(
        &self,
        found: &Finding,
        more: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Value {
        let (line, column) = self.place(found.range.start);
        let one = json!({
            "class": self.class(found), "confidence": found.confidence.name(), "path": found.path,
            "line": line, "column": column, "bytes": [found.range.start, found.range.end],
        });
        let value = self.value(found).map(|value| ("value", Value::from(value)));
        with(one, more.into_iter().chain(value))
    }
}

/// An object with more members.
fn with(object: Value, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let Value::Object(mut members) = object else { return object };
    members.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(members)
}
