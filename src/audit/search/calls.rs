//! Joins what was recorded of one call: its intent and its completion.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::AUDIT_QUERY_OPEN_CALLS_MAX;
use super::find::Taker;
use super::query::Query;
use super::seen::{NotARecord, Seen};

/// Gives every call that a query wants to `each`, as one JSON object.
///
/// A call has a term if one of its records has it, and the time of its intent. Calls come in the
/// order of their ends; [`Calls::finish`] gives those that have none.
#[derive(Debug)]
pub struct Calls<'q, F> {
    query: &'q Query,
    /// What both records must meet.
    of_both: Query,
    /// Intents by request id, which sorts by time; at most [`AUDIT_QUERY_OPEN_CALLS_MAX`].
    open: BTreeMap<String, Box<[u8]>>,
    each: F,
}

impl<'q, F: FnMut(&[u8]) -> ControlFlow<()>> Calls<'q, F> {
    /// Of a query.
    pub fn new(query: &'q Query, each: F) -> Self {
        Self { query, of_both: query.of_both(), open: BTreeMap::new(), each }
    }

    /// Gives the calls whose end is not known.
    pub fn finish(mut self) {
        while let Some((_, intent)) = self.open.pop_first() {
            if self.alone(&intent).is_break() {
                return;
            }
        }
    }

    fn alone(&mut self, line: &[u8]) -> ControlFlow<()> {
        match Seen::read(line) {
            Ok(seen) if self.wants(&[&seen]) => self.give(line, None),
            Ok(_) | Err(NotARecord) => ControlFlow::Continue(()),
        }
    }

    /// The first record is the one that says when the call began.
    fn wants(&self, records: &[&Seen<'_>]) -> bool {
        let first = records.first();
        first.is_some_and(|first| self.query.is_in_time(first.timestamp()))
            && self.query.is_met(records)
    }

    fn give(&mut self, first: &[u8], last: Option<&[u8]>) -> ControlFlow<()> {
        match joined(first, last) {
            Some(call) => (self.each)(call.to_string().as_bytes()),
            None => ControlFlow::Continue(()),
        }
    }
}

impl<F: FnMut(&[u8]) -> ControlFlow<()>> Taker for Calls<'_, F> {
    fn terms(&self) -> Vec<u64> {
        self.of_both.hashes()
    }

    fn clear_terms(&self) -> Vec<u64> {
        self.of_both.clear_hashes()
    }

    fn needs(&self, first: &str, last: &str) -> bool {
        // A call that began in time may end at any time.
        self.query.may_begin(last) && (!self.open.is_empty() || self.query.goes_to(first))
    }

    fn take(&mut self, line: &[u8]) -> Result<ControlFlow<()>, NotARecord> {
        let Some(seen) = self.of_both.read(line)? else { return Ok(ControlFlow::Continue(())) };
        let on = ControlFlow::Continue(());
        match &*seen.phase.0 {
            "intent" => {
                if !self.query.is_in_time(seen.timestamp()) {
                    return Ok(on);
                }
                let id = seen.request_id.0.into_owned();
                self.open.insert(id, line.into());
                if self.open.len() > AUDIT_QUERY_OPEN_CALLS_MAX
                    && let Some((_, oldest)) = self.open.pop_first()
                {
                    return Ok(self.alone(&oldest));
                }
                Ok(on)
            }
            "completion" => match self.open.remove(&*seen.request_id.0) {
                Some(intent) => {
                    let began = Seen::read(&intent)?;
                    let wanted = self.wants(&[&began, &seen]);
                    Ok(if wanted { self.give(&intent, Some(line)) } else { on })
                }
                // Its intent is older than what is asked for, or is not in the log.
                None if self.query.has_since() || !self.wants(&[&seen]) => Ok(on),
                None => Ok(self.give(line, None)),
            },
            _ => Ok(if self.wants(&[&seen]) { self.give(line, None) } else { on }),
        }
    }
}

/// One object: the fields of the intent, then those that the completion adds, with `seq` and
/// `timestamp` of the intent; `phase` is `call` where both are there.
fn joined(first: &[u8], last: Option<&[u8]>) -> Option<Value> {
    let mut call: Map<String, Value> = serde_json::from_slice(first).ok()?;
    call.retain(|name, _| !OF_THE_LINE.contains(&name.as_str()));
    let Some(last) = last else { return Some(Value::Object(call)) };
    let last: Map<String, Value> = serde_json::from_slice(last).ok()?;
    for (name, value) in last {
        let name = match name.as_str() {
            "seq" => "completion_seq".to_owned(),
            "timestamp" => "ended".to_owned(),
            "phase" => continue,
            other if OF_THE_LINE.contains(&other) => continue,
            _ => name,
        };
        call.insert(name, value);
    }
    call.insert("phase".to_owned(), "call".into());
    Some(Value::Object(call))
}

/// What binds a line to its place in the log, and says nothing of the call.
const OF_THE_LINE: [&str; 3] = ["v", "prev", "mac"];
