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
mod display;
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
pub mod stream;
mod table;
mod tokens;
mod triggers;
mod view;
mod vocabulary;
mod walk;
mod why;
mod written;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::limits::CUSTOM_CACHE_BYTES_MAX;
pub use crate::limits::CUSTOM_MATCHES_MAX;
pub use crate::limits::CUSTOM_NAME_BYTES_MAX;
pub use crate::limits::CUSTOM_PATTERN_BYTES_MAX;
pub use crate::limits::KEEP_SYMBOLS_MAX;
use std::borrow::Cow;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

pub use fields::{Allowed, FieldRule};
pub use mask::Pseudonyms;
pub use redact::{Counts, Found as Finding, Plan, Seen};
pub use seams::Across;
pub use why::{Why, accepted, needed};

use crate::class::{CLASSES_MAX, CUSTOM_CLASSES_MAX, Class, ClassSet, Confidence, Form};
use crate::dictionary::Dictionary;
use crate::json::Value;
use context::{Keys, of_name};
use fields::{Allow, Fields};
use mask::Look;
use scan::{Findings, Found, Scan, Subject, Wanted};
use triggers::first_trigger;
use walk::Walk;

/// What a detector looks for.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The built-in classes that are on, and what takes the place of their values.
    pub forms: Vec<(Class, Form)>,
    /// How sure one must be of a value of a class that it counts. Others count when they are
    /// [`Confidence::Likely`].
    pub least: Vec<(Class, Confidence)>,
    /// How many symbols at its end the mask of a number keeps, where not [`Class::keeps`].
    pub keep: Vec<(Class, usize)>,
    /// Patterns of the configuration. The first one is [`Class::Custom`]`(0)`.
    pub custom: Vec<CustomPattern>,
    /// Dictionaries of the configuration; their classes follow those of the patterns.
    pub dictionaries: Vec<CustomDictionary>,
    /// Classes that only a field rule has; they follow those of the dictionaries.
    pub named: Vec<CustomName>,
    /// Values that their path explains.
    pub fields: Vec<FieldRule>,
    /// Values that are left alone.
    pub allow: Vec<Allowed>,
    /// What makes pseudonyms; without it they are labels.
    pub pseudonyms: Option<Pseudonyms>,
}

/// Words and phrases of the configuration, looked for wherever patterns are.
#[derive(Debug, Clone)]
pub struct CustomDictionary {
    /// As that of a [`CustomPattern`].
    pub name: String,
    /// The phrases.
    pub words: Arc<Dictionary>,
    /// What takes the place of a phrase.
    pub form: Form,
    /// Whether phrases are looked for; the class has its place and name also where not.
    pub on: bool,
}

/// A class of the configuration that is found by field rules alone.
#[derive(Debug, Clone)]
pub struct CustomName {
    /// As that of a [`CustomPattern`].
    pub name: String,
    /// What takes the place of a value.
    pub form: Form,
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
    /// What takes the place of a match. [`Form::Mask`] keeps nothing unless told so: nobody
    /// knows what is harmless in it.
    pub form: Form,
    /// Whether it is looked for; the class has its place and name also where not.
    pub on: bool,
}

/// Why settings make no detector.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// More patterns than classes.
    #[error("more than {CUSTOM_CLASSES_MAX} custom classes")]
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
#[derive(Debug, Clone)]
pub struct Detector {
    wanted: Wanted,
    fields: Arc<Fields>,
    allow: Allow,
    forms: [Form; Class::BUILTIN.len()],
    keep: [u8; CLASSES_MAX],
    custom: Vec<Custom>,
    pseudonyms: Option<Pseudonyms>,
}

#[derive(Debug, Clone)]
struct Custom {
    class: Class,
    name: String,
    finder: Finder,
    form: Form,
}

/// How values of a custom class are found.
#[derive(Debug, Clone)]
enum Finder {
    Pattern(Regex),
    Words(Arc<Dictionary>),
    /// By field rules, or not at all.
    Fields,
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
            fields: Arc::new(Fields::new(&settings.fields)),
            allow: Allow::new(&settings.allow),
            forms: [Form::Label; Class::BUILTIN.len()],
            keep: kept(&settings.keep),
            custom: Vec::new(),
            pseudonyms: settings.pseudonyms.clone(),
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
        for CustomPattern { name, pattern, form, on } in &settings.custom {
            let finder = |name: &str| compiled(name, pattern).map(Finder::Pattern);
            detector.add(
                name,
                *form,
                |name| if *on { finder(name) } else { Ok(Finder::Fields) },
            )?;
        }
        for CustomDictionary { name, words, form, on } in &settings.dictionaries {
            let finder = if *on { Finder::Words(Arc::clone(words)) } else { Finder::Fields };
            detector.add(name, *form, |_| Ok(finder))?;
        }
        for CustomName { name, form } in &settings.named {
            detector.add(name, *form, |_| Ok(Finder::Fields))?;
        }
        Ok(detector)
    }

    /// The same, with more values that are left alone.
    #[must_use]
    pub fn allowing(&self, more: &[Allowed]) -> Detector {
        Detector { allow: self.allow.with(more), ..self.clone() }
    }

    /// Adds a class of the configuration.
    fn add(
        &mut self,
        name: &str,
        form: Form,
        finder: impl FnOnce(&str) -> Result<Finder, DetectorError>,
    ) -> Result<(), DetectorError> {
        let class = Class::from_index(Class::BUILTIN.len() + self.custom.len());
        let class = class.ok_or(DetectorError::TooMany)?;
        let name = name.to_owned();
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let begins = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !begins || name.len() > CUSTOM_NAME_BYTES_MAX || !name.bytes().all(letters) {
            return Err(DetectorError::Name { name });
        }
        let taken = self.custom.iter().any(|other| other.name == name);
        if taken || Class::from_name(&name).is_some() {
            return Err(DetectorError::Twice { name });
        }
        let finder = finder(&name)?;
        self.custom.push(Custom { class, name, finder, form });
        Ok(())
    }

    /// The name of a class in audit and metrics: a custom one has the name of its pattern.
    pub fn custom_name(&self, class: Class) -> &str {
        self.custom_of(class).map_or(class.name(), |custom| &custom.name)
    }

    /// Whether a class is looked for.
    pub fn looks_for(&self, class: Class) -> bool {
        self.wanted.on.contains(class) || self.custom_of(class).is_some()
    }

    /// Whether the detector looks for anything at all.
    pub fn is_idle(&self) -> bool {
        self.wanted.on.is_empty() && !self.asks_every_value()
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
        let plan = self.plan_named(name, text, reveal);
        counts.merge(&plan.counts);
        if plan.edits().next().is_none() {
            return Cow::Borrowed(text);
        }
        let redacted = String::from_utf8(plan.splice(text.as_bytes()));
        Cow::Owned(redacted.unwrap_or_else(|_| String::from("[REDACTED]")))
    }

    /// Plans the redaction of a text whose name says what it is, as [`Detector::redact_named`]
    /// does it; forms are those of the classes.
    pub fn plan_named(&self, name: &str, text: &str, reveal: ClassSet) -> Plan {
        let keys = Keys::NONE.member(of_name(name.as_bytes()));
        Walk::new(self, reveal, text.as_bytes()).text(text.as_bytes(), keys)
    }

    /// Plans the redaction of free text, as [`Detector::redact_text`] does it.
    fn plan_text(&self, text: &[u8], reveal: ClassSet) -> Plan {
        Walk::new(self, reveal, text).text(text, Keys::NONE)
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
        !self.fields.is_empty() || self.custom.iter().any(Custom::searches)
    }

    /// What becomes of values of a class that are given a form.
    fn look(&self, class: Class, form: Form) -> Look<'_> {
        let keep = self.keep.get(class.index()).copied().map_or(0, usize::from);
        let (label, pseudonyms) = (self.custom_name(class), self.pseudonyms.as_ref());
        Look { class, form, label, keep, pseudonyms }
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
        if subject.numeric && mask::is_made_number(subject.text) {
            return;
        }
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
    fn searches(&self) -> bool {
        !matches!(self.finder, Finder::Fields)
    }

    fn find(&self, text: &[u8], found: &mut Vec<Found>) {
        let (class, confidence) = (self.class, Confidence::Certain);
        let at = |start, end| Found { start, end, class, confidence, same: None, merged: false };
        match &self.finder {
            Finder::Pattern(pattern) => matches(pattern, text, |s, e| found.push(at(s, e))),
            Finder::Words(words) => words.find(text, |start, end| found.push(at(start, end))),
            Finder::Fields => {}
        }
    }
}

/// Tells where a pattern of the configuration matches.
fn matches(pattern: &Regex, text: &[u8], mut found: impl FnMut(usize, usize)) {
    for (count, hit) in pattern.find_iter(text).enumerate() {
        if hit.is_empty() {
            continue;
        }
        // A text of nothing but matches could make many long searches: hide the rest.
        let last = count + 1 >= CUSTOM_MATCHES_MAX;
        found(hit.start(), if last { text.len() } else { hit.end() });
        if last {
            return;
        }
    }
}

fn compiled(name: &str, pattern: &str) -> Result<Regex, DetectorError> {
    let compiled = RegexBuilder::new(pattern)
        .size_limit(CUSTOM_PATTERN_BYTES_MAX)
        .dfa_size_limit(CUSTOM_CACHE_BYTES_MAX)
        .build();
    let pattern = compiled.map_err(|source| DetectorError::Pattern {
        name: name.to_owned(),
        source: Box::new(source),
    })?;
    if pattern.is_match(b"") {
        return Err(DetectorError::MatchesNothing { name: name.to_owned() });
    }
    Ok(pattern)
}

/// How many symbols masks keep, by class.
fn kept(own: &[(Class, usize)]) -> [u8; CLASSES_MAX] {
    let mut kept = [0; CLASSES_MAX];
    let usual = Class::BUILTIN.iter().filter_map(|class| Some((*class, class.keeps()?)));
    for (class, symbols) in usual.chain(own.iter().copied()) {
        // PCI DSS v4.0 requirement 3.4.1: no more than the last four digits.
        let most = if class == Class::Card { CARD_DIGITS_MAX } else { KEEP_SYMBOLS_MAX };
        let symbols = u8::try_from(symbols.min(most)).unwrap_or(0);
        kept.get_mut(class.index()).into_iter().for_each(|slot| *slot = symbols);
    }
    kept
}

/// Digits of a card that a mask may keep.
const CARD_DIGITS_MAX: usize = 4;

/// Second looks at one text. Each finds at least one value that the one before it did
/// not; texts that need more are made for it.
const ROUNDS_MAX: usize = 4;
