//! What a search looks at in a record, read without a copy where the text has no escapes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::subjects::ERASED;
use super::query::Field;

/// The line is no record: not JSON, or its fields have other types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole record")]
pub struct NotARecord;

/// The fields of a record by which it is found or counted.
#[derive(Debug, Deserialize)]
pub(super) struct Seen<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub(super) phase: Text<'a>,
    #[serde(borrow, default)]
    pub(super) request_id: Text<'a>,
    #[serde(borrow, default)]
    batch: Text<'a>,
    #[serde(borrow, default)]
    trace_id: Text<'a>,
    #[serde(borrow, default)]
    server: Text<'a>,
    #[serde(borrow, default)]
    client: Text<'a>,
    #[serde(borrow, default)]
    user_id: Text<'a>,
    #[serde(borrow, default)]
    operation: Text<'a>,
    #[serde(borrow, default)]
    action: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
    #[serde(borrow, default)]
    session_id: Text<'a>,
    #[serde(borrow, default)]
    subject: Text<'a>,
    #[serde(borrow, default)]
    decision: Text<'a>,
    #[serde(borrow, default)]
    code: Text<'a>,
    pub(super) latency_ms: Option<f64>,
    #[serde(borrow, default)]
    redactions: BTreeMap<Text<'a>, IgnoredAny>,
    #[serde(borrow, default)]
    revealed: BTreeMap<Text<'a>, IgnoredAny>,
    #[serde(borrow, default)]
    argument_places: Vec<Place<'a>>,
    #[serde(borrow, default)]
    sealed: Vec<Part<'a>>,
}

/// A newtype, because serde borrows in `Cow` only where it is a field itself.
#[derive(Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Debug, Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    class: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow, default)]
    also: Text<'a>,
    /// Why it was not opened; a line of the log does not say.
    #[serde(borrow, default)]
    state: Text<'a>,
}

impl<'a> Seen<'a> {
    pub(super) fn read(line: &'a [u8]) -> Result<Self, NotARecord> {
        serde_json::from_slice(line).map_err(|_| NotARecord)
    }

    pub(super) fn timestamp(&self) -> &str {
        &self.timestamp.0
    }

    /// What stands for a name that is not there because it is sealed.
    pub(super) fn shut(&self, field: Field) -> Option<&'static str> {
        let sealed = field == Field::Principal && !self.sealed.is_empty();
        let erased = || self.sealed.iter().any(|part| part.state.0 == ERASED);
        sealed.then(|| if erased() { "(erased)" } else { "(sealed)" })
    }

    /// Every value of a field; a text that is not there is none.
    pub(super) fn values(&self, field: Field) -> impl Iterator<Item = &str> {
        let (first, second) = match field {
            Field::Principal => (Some(&self.client), Some(&self.user_id)),
            Field::Resource => (Some(&self.resource), None),
            Field::Subject => (Some(&self.subject), None),
            Field::Server => (Some(&self.server), None),
            Field::Action => (Some(&self.action), Some(&self.operation)),
            Field::Decision => (Some(&self.decision), None),
            Field::Code => (Some(&self.code), None),
            Field::Request => (Some(&self.request_id), Some(&self.batch)),
            Field::Session => (Some(&self.session_id), None),
            Field::Trace => (Some(&self.trace_id), None),
            Field::Phase => (Some(&self.phase), None),
            Field::Class | Field::Key => (None, None),
        };
        let classes = (field == Field::Class).then(|| {
            let places = self.argument_places.iter().map(|place| &place.class);
            self.redactions.keys().chain(self.revealed.keys()).chain(places)
        });
        let keys = (field == Field::Key)
            .then(|| self.sealed.iter().flat_map(|part| [&part.key, &part.also]));
        let classes = classes.into_iter().flatten().chain(keys.into_iter().flatten());
        let texts = first.into_iter().chain(second).chain(classes);
        texts.map(|text| &*text.0).filter(|text| !text.is_empty())
    }
}
