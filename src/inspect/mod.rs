//! Finds personal data and secrets in messages and plans their redaction.
//!
//! Owns what a value looks like and what takes its place. Pure: no I/O, no clock, no
//! randomness. Assumes messages were read by [`crate::json`]. Guarantees: a plan only
//! replaces what was found, and every other byte stays; the result is valid JSON with
//! the same members in the same order; time is linear in the message, whatever it
//! holds, except for the configuration's own patterns (see [`CustomPattern`]).
//!
//! How it reads: escapes are decoded and Unicode forms brought to ASCII in a view with a
//! map back to the wire (`view`); JSON in strings is read as JSON (`nested`); member
//! names and the words beside a number say what it is (`context`). One pass over bytes
//! stops only where a value could be (`scan`); a validator for each class decides.
//! A number that was found once is hidden everywhere in its message.

mod armour;
mod bytes;
mod candidate;
mod context;
mod device;
mod digits;
mod edits;
mod email;
mod fields;
pub mod hidden;
mod iban;
mod labelled;
mod labels;
mod lookalike;
mod mask;
mod national;
mod nested;
mod net;
mod paths;
mod phone;
mod redact;
mod scan;
mod seam;
mod seams;
mod secrets;
mod seek;
mod siblings;
mod table;
mod tokens;
mod view;
mod vocabulary;
mod walk;
mod written;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::limits::CUSTOM_CACHE_BYTES_MAX;
pub use crate::limits::CUSTOM_MATCHES_MAX;
pub use crate::limits::CUSTOM_NAME_BYTES_MAX;
pub use crate::limits::CUSTOM_PATTERN_BYTES_MAX;
use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

pub use fields::{Allowed, FieldRule};
pub use redact::{Counts, Found as Finding, Plan, Seen};
pub use seams::Across;

use crate::class::{CUSTOM_CLASSES_MAX, Class, ClassSet, Confidence, Form};
use crate::json::Value;
use context::{Keys, of_name};
use fields::{Allow, Fields};
use scan::{Findings, Found, Scan, Subject, Wanted, first_trigger};
use walk::Walk;

/// What a detector looks for.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The built-in classes that are on, and what takes the place of their values.
    pub forms: Vec<(Class, Form)>,
    /// How sure one must be of a value of a class that it counts. Others count when they are
    /// [`Confidence::Likely`].
    pub least: Vec<(Class, Confidence)>,
    /// Patterns of the configuration. The first one is [`Class::Custom`]`(0)`.
    pub custom: Vec<CustomPattern>,
    /// Values that their path explains.
    pub fields: Vec<FieldRule>,
    /// Values that are left alone.
    pub allow: Vec<Allowed>,
}

/// A pattern of the configuration.
///
/// It is matched against every string, number and member name as a reader sees them:
/// escapes decoded, full-width forms as ASCII, invisible characters left out. One search
/// is linear in the text; after [`CUSTOM_MATCHES_MAX`] matches the rest of a text counts
/// as one value.
#[derive(Debug, Clone)]
pub struct CustomPattern {
    /// Lower-case letters, digits and `_`, beginning with a letter, at most
    /// [`CUSTOM_NAME_BYTES_MAX`] bytes. The label is its upper case.
    pub name: String,
    /// A regular expression in the syntax of the crate `regex`. It must not match the
    /// empty text.
    pub pattern: String,
    /// What takes the place of a match. [`Form::Mask`] keeps nothing: nobody knows what
    /// is harmless in it.
    pub form: Form,
}

/// Why settings make no detector.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// More patterns than classes.
    #[error("more than {CUSTOM_CLASSES_MAX} custom patterns")]
    TooMany,
    /// The name of a pattern cannot be a label and a metric value.
    #[error("`{name}` is no pattern name: use lower-case letters, digits and `_`")]
    Name {
        /// The name as configured.
        name: String,
    },
    /// Two patterns, or a pattern and a built-in class, have the same name.
    #[error("the class `{name}` is defined twice")]
    Twice {
        /// The name as configured.
        name: String,
    },
    /// The pattern cannot be compiled, or is too large.
    #[error("pattern `{name}`: {source}")]
    Pattern {
        /// The name as configured.
        name: String,
        /// What the compiler says.
        source: Box<regex::Error>,
    },
    /// The pattern matches the empty text, and so everywhere.
    #[error("pattern `{name}` matches the empty text")]
    MatchesNothing {
        /// The name as configured.
        name: String,
    },
    /// A custom class among the built-in ones: it has no pattern.
    #[error("class number {index} is not built in")]
    NotBuiltIn {
        /// The class's index.
        index: usize,
    },
}

/// Finds values of the classes that are on. Compiled once for a route; shared freely.
#[derive(Debug)]
pub struct Detector {
    wanted: Wanted,
    fields: Fields,
    allow: Allow,
    forms: [Form; Class::BUILTIN.len()],
    custom: Vec<Custom>,
}

#[derive(Debug)]
struct Custom {
    class: Class,
    name: String,
    pattern: Regex,
    form: Form,
}

impl Detector {
    /// Compiles the settings.
    ///
    /// # Errors
    /// The first setting that makes no sense. A built-in class that is named twice takes
    /// no silent last word: it is refused.
    pub fn new(settings: &Settings) -> Result<Detector, DetectorError> {
        let mut detector = Detector {
            wanted: Wanted::default(),
            fields: Fields::new(&settings.fields),
            allow: Allow::new(&settings.allow),
            forms: [Form::Label; Class::BUILTIN.len()],
            custom: Vec::with_capacity(settings.custom.len()),
        };
        for (class, form) in &settings.forms {
            let index = class.index();
            let slot = detector.forms.get_mut(index).ok_or(DetectorError::NotBuiltIn { index })?;
            if detector.wanted.on.contains(*class) {
                return Err(DetectorError::Twice { name: class.name().to_owned() });
            }
            *slot = *form;
            let least = settings.least.iter().find(|(other, _)| other == class);
            detector.wanted.add(*class, least.map_or(Confidence::Likely, |(_, least)| *least));
        }
        for (number, custom) in settings.custom.iter().enumerate() {
            if detector.custom.iter().any(|other| other.name == custom.name) {
                return Err(DetectorError::Twice { name: custom.name.clone() });
            }
            detector.custom.push(Custom::new(number, custom)?);
        }
        Ok(detector)
    }

    /// The name of a class in audit and metrics: a custom one has the name of its pattern.
    pub fn custom_name(&self, class: Class) -> &str {
        self.custom_of(class).map_or(class.name(), |custom| &custom.name)
    }

    /// Whether the detector looks for anything at all.
    pub fn is_idle(&self) -> bool {
        self.wanted.on.is_empty() && self.custom.is_empty() && self.fields.is_empty()
    }

    /// Plans the redaction of a JSON value and all below it, for a reader who may see
    /// the classes in `reveal`.
    pub fn plan(&self, root: Value<'_>, reveal: ClassSet) -> Plan {
        Walk::new(self, reveal, root.raw()).value(root)
    }

    /// Redacts free text: header values, log lines, comments of event streams. Borrowed
    /// when nothing is hidden; what is hidden or reported is added to `counts`.
    ///
    /// There is no value to drop and no answer to withhold here: [`Form::Drop`] and
    /// [`Form::Block`] put a label in the place of the value.
    pub fn redact_text<'t>(
        &self,
        text: &'t str,
        reveal: ClassSet,
        counts: &mut Counts,
    ) -> Cow<'t, str> {
        self.redact_named("", text, reveal, counts)
    }

    /// As [`Detector::redact_text`], for a value whose name says what it is: a query argument, a
    /// header field.
    pub fn redact_named<'t>(
        &self,
        name: &str,
        text: &'t str,
        reveal: ClassSet,
        counts: &mut Counts,
    ) -> Cow<'t, str> {
        let keys = Keys::NONE.member(of_name(name.as_bytes()));
        let plan = Walk::new(self, reveal, text.as_bytes()).text(text.as_bytes(), keys);
        counts.merge(&plan.counts);
        if plan.edits().next().is_none() {
            return Cow::Borrowed(text);
        }
        let redacted = String::from_utf8(plan.splice(text.as_bytes()));
        Cow::Owned(redacted.unwrap_or_else(|_| String::from("[REDACTED]")))
    }

    /// Plans as [`Detector::plan`] does, and keeps every find for a report.
    pub fn report(&self, root: Value<'_>, reveal: ClassSet) -> Plan {
        Walk::new(self, reveal, root.raw()).reporting().value(root)
    }

    /// Plans for free text, and keeps every find for a report. The edits are of the text.
    pub fn report_text(&self, text: &[u8], reveal: ClassSet) -> Plan {
        Walk::new(self, reveal, text).reporting().text(text, Keys::NONE)
    }

    /// Whether every value must be looked at, also those that hold nothing of interest.
    fn asks_every_value(&self) -> bool {
        !self.custom.is_empty() || !self.fields.is_empty()
    }

    /// Whether the configuration leaves this value alone.
    fn allows(&self, class: Class, value: &[u8]) -> bool {
        self.allow.has(class, value)
    }

    fn custom_of(&self, class: Class) -> Option<&Custom> {
        let number = class.index().checked_sub(Class::BUILTIN.len())?;
        self.custom.get(number)
    }

    fn form(&self, class: Class) -> Form {
        let built_in = self.forms.get(class.index()).copied();
        built_in.or_else(|| self.custom_of(class).map(|custom| custom.form)).unwrap_or(Form::Label)
    }

    /// Finds all values of a text; they may overlap, and are in no order.
    fn find(&self, subject: Subject<'_>, findings: &mut Findings) {
        if !self.wanted.on.is_empty() {
            if !subject.named.classes.is_empty() && !subject.is_name {
                labels::whole(&mut Scan::new(subject, &self.wanted, findings));
            }
            if let Some(from) = first_trigger(subject.text) {
                Scan::new(subject, &self.wanted, findings).run(from);
            }
        }
        for custom in &self.custom {
            custom.find(subject.text, &mut findings.found);
        }
        if findings.is_crowded(0) {
            self.find_again(subject, findings);
        }
    }

    /// Looks again where a value was passed over for what stood beside it, now that
    /// some of that turned out to be values themselves.
    fn find_again(&self, subject: Subject<'_>, findings: &mut Findings) {
        let mut blanked = subject.text.to_vec();
        for _ in 0..ROUNDS_MAX {
            let seen = findings.found.len();
            for Found { start, end, .. } in &findings.found {
                // As in a label: what stands beside it begins and ends a word.
                blanked.get_mut(*start..*end).unwrap_or_default().fill(b']');
            }
            findings.look_again();
            Scan::new(Subject { text: &blanked, ..subject }, &self.wanted, findings).run(0);
            if !findings.is_crowded(seen) {
                return;
            }
        }
    }
}

impl Custom {
    fn new(number: usize, settings: &CustomPattern) -> Result<Custom, DetectorError> {
        let CustomPattern { name, pattern, form } = settings;
        let class = Class::from_index(Class::BUILTIN.len() + number);
        let class = class.ok_or(DetectorError::TooMany)?;
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let begins = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !begins || name.len() > CUSTOM_NAME_BYTES_MAX || !name.bytes().all(letters) {
            return Err(DetectorError::Name { name: name.clone() });
        }
        if Class::from_name(name).is_some() {
            return Err(DetectorError::Twice { name: name.clone() });
        }
        let compiled = RegexBuilder::new(pattern)
            .size_limit(CUSTOM_PATTERN_BYTES_MAX)
            .dfa_size_limit(CUSTOM_CACHE_BYTES_MAX)
            .build();
        let pattern = compiled.map_err(|source| DetectorError::Pattern {
            name: name.clone(),
            source: Box::new(source),
        })?;
        if pattern.is_match(b"") {
            return Err(DetectorError::MatchesNothing { name: name.clone() });
        }
        Ok(Custom { class, name: name.clone(), pattern, form: *form })
    }

    fn find(&self, text: &[u8], found: &mut Vec<Found>) {
        for (count, hit) in self.pattern.find_iter(text).enumerate() {
            if hit.is_empty() {
                continue;
            }
            // A text of nothing but matches could make many long searches: hide the rest.
            let last = count + 1 >= CUSTOM_MATCHES_MAX;
            let end = if last { text.len() } else { hit.end() };
            let (start, class) = (hit.start(), self.class);
            let confidence = Confidence::Certain;
            found.push(Found { start, end, class, confidence, same: None, merged: false });
            if last {
                return;
            }
        }
    }
}

/// Second looks at one text. Each finds at least one value that the one before it did
/// not; texts that need more are made for it.
const ROUNDS_MAX: usize = 4;
