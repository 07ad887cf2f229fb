//! What is looked for.

use memchr::memmem;

use super::seen::{NotARecord, Seen};

/// A field by which records are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `client` or `user_id`.
    Principal,
    /// `resource`: tool, prompt, URI or namespace.
    Resource,
    /// `subject`: whose data was touched.
    Subject,
    /// `server`.
    Server,
    /// `action` or `operation`.
    Action,
    /// `decision`.
    Decision,
    /// `code`.
    Code,
    /// `request_id`, or the `batch` that the call came in.
    Request,
    /// `session_id`.
    Session,
    /// A class in `redactions`, `revealed` or `argument_places`.
    Class,
    /// `phase`.
    Phase,
    /// `trace_id`.
    Trace,
    /// The key of a person in `sealed`.
    Key,
}

impl Field {
    /// All of them; the place of each is its number in an index.
    pub(super) const ALL: [Self; 13] = [
        Self::Principal,
        Self::Resource,
        Self::Subject,
        Self::Server,
        Self::Action,
        Self::Decision,
        Self::Code,
        Self::Request,
        Self::Session,
        Self::Class,
        Self::Phase,
        Self::Trace,
        Self::Key,
    ];

    /// Whether intent and completion of a call both have it.
    pub(super) const fn in_both(self) -> bool {
        match self {
            Self::Principal
            | Self::Resource
            | Self::Server
            | Self::Action
            | Self::Request
            | Self::Session
            | Self::Trace => true,
            Self::Subject | Self::Decision | Self::Code | Self::Class | Self::Phase | Self::Key => {
                false
            }
        }
    }

    /// Whether a log that seals names seals it.
    pub(super) const fn may_be_sealed(self) -> bool {
        match self {
            Self::Principal | Self::Subject | Self::Session | Self::Resource | Self::Class => true,
            Self::Server
            | Self::Action
            | Self::Decision
            | Self::Code
            | Self::Request
            | Self::Phase
            | Self::Trace
            | Self::Key => false,
        }
    }

    /// What an index keeps of a value: FNV-1a over the field's number and the text. A chance hit
    /// costs a block that is read in vain.
    pub(super) fn hash(self, value: &str) -> u64 {
        let start = (FNV_OFFSET ^ self as u64).wrapping_mul(FNV_PRIME);
        value.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
    }
}

/// Conditions that a record meets all of.
#[derive(Debug, Clone, Default)]
pub struct Query {
    terms: Vec<Term>,
    since: Option<String>,
    until: Option<String>,
}

#[derive(Debug, Clone)]
struct Term {
    field: Field,
    value: String,
    /// How the value stands in a line, where it can stand there in one way only.
    needle: Option<memmem::Finder<'static>>,
}

impl Query {
    /// Adds that a field has a value.
    pub fn add(&mut self, field: Field, value: &str) {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        let needle = value.bytes().all(plain).then(|| format!("\"{value}\""));
        let needle = needle.map(|text| memmem::Finder::new(text.as_bytes()).into_owned());
        self.terms.push(Term { field, value: value.to_owned(), needle });
    }

    /// The earliest `timestamp`, inclusive, as records write it.
    pub fn since(&mut self, stamp: String) {
        self.since = Some(stamp);
    }

    /// The latest `timestamp`, exclusive.
    pub fn until(&mut self, stamp: String) {
        self.until = Some(stamp);
    }

    /// The terms by which both records of a call are found, without the time.
    pub(super) fn of_both(&self) -> Self {
        let terms = self.terms.iter().filter(|term| term.field.in_both());
        Self { terms: terms.cloned().collect(), since: None, until: None }
    }

    pub(super) fn hashes(&self) -> Vec<u64> {
        self.terms.iter().map(|term| term.field.hash(&term.value)).collect()
    }

    /// Without the fields that may be sealed.
    pub(super) fn clear_hashes(&self) -> Vec<u64> {
        let clear = self.terms.iter().filter(|term| !term.field.may_be_sealed());
        clear.map(|term| term.field.hash(&term.value)).collect()
    }

    pub(super) fn has_since(&self) -> bool {
        self.since.is_some()
    }

    /// Whether records between two times may be wanted.
    pub(super) fn may_begin(&self, last: &str) -> bool {
        self.since.as_deref().is_none_or(|since| last >= since)
    }

    /// Whether records from a time on may be wanted.
    pub(super) fn goes_to(&self, first: &str) -> bool {
        self.until.as_deref().is_none_or(|until| first < until)
    }

    /// Whether a line may be wanted, before it is parsed.
    pub(super) fn may_be(&self, line: &[u8]) -> bool {
        let needles = self.terms.iter().filter_map(|term| term.needle.as_ref());
        needles.into_iter().all(|needle| needle.find(line).is_some())
    }

    /// The record of a line, where it is wanted.
    pub(super) fn read<'l>(&self, line: &'l [u8]) -> Result<Option<Seen<'l>>, NotARecord> {
        if !self.may_be(line) {
            return Ok(None);
        }
        let seen = Seen::read(line)?;
        Ok((self.is_in_time(seen.timestamp()) && self.is_met(&[&seen])).then_some(seen))
    }

    // RFC 3339 texts of one zone and precision sort as their times do.
    pub(super) fn is_in_time(&self, stamp: &str) -> bool {
        self.may_begin(stamp) && self.goes_to(stamp)
    }

    /// Whether each term is met by one of the records.
    pub(super) fn is_met(&self, records: &[&Seen<'_>]) -> bool {
        self.terms.iter().all(|term| {
            let mut values = records.iter().flat_map(|record| record.values(term.field));
            values.any(|value| value == term.value)
        })
    }
}

/// Whether a text has the form of a record's `timestamp`: such texts sort as their times do.
#[must_use]
pub fn is_stamp(text: &str) -> bool {
    text.len() == STAMP_FORM.len()
        && text.bytes().zip(STAMP_FORM.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
}

const STAMP_FORM: &str = "0000-00-00T00:00:00.000000Z";
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
