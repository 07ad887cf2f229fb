//! Takes back what the gateway handed out: tickets around task ids, request states and cursors.
//!
//! Assumes a message whose revision and headers were checked. Guarantees (S-19): a ticket that is
//! not the caller's, or not for this server and this use, refuses the request, with one answer for
//! all of these; task methods are for clients that declare the extension; what goes on is a
//! document with the server's own texts, byte for byte what the server gave (checklist 17), so
//! that what is judged from here on is what the server receives.

use std::ops::Range;

use bytes::Bytes;
use serde_json::json;

use crate::json::{Document, Kind as JsonKind, Value, write_string};
use crate::limits::FILTER_NAMES_MAX;
use crate::reject::{Code, Rejection};

use super::catalogue::Listing;
use super::message::{Kind, META_CAPABILITIES, Message};
use super::method::Place;
use super::version::Revision;

/// Opens a caller's tickets.
pub trait Purse {
    /// The task behind a ticket, when it is this caller's on this server.
    fn task(&self, ticket: &str) -> Option<Task>;

    /// The request state behind a ticket, when it is this caller's for this method and name.
    fn state(&self, method: &str, name: &str, ticket: &str) -> Option<String>;

    /// The cursor behind a ticket, when it is this caller's for the list of this method.
    fn cursor(&self, method: &str, ticket: &str) -> Option<String>;
}

/// A purse without tickets.
#[derive(Debug, Clone, Copy)]
pub struct Empty;

impl Purse for Empty {
    fn task(&self, _ticket: &str) -> Option<Task> {
        None
    }

    fn state(&self, _method: &str, _name: &str, _ticket: &str) -> Option<String> {
        None
    }

    fn cursor(&self, _method: &str, _ticket: &str) -> Option<String> {
        None
    }
}

/// What a ticket for a task holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The tool whose call made the task.
    pub tool: Box<str>,
    /// The server's own id.
    pub id: Box<str>,
}

/// A document in the server's own words.
#[derive(Debug)]
pub struct Redeemed {
    /// The document.
    pub document: Document,
    /// The tools behind the tasks that it names, in their order.
    pub tools: Vec<Box<str>>,
}

impl From<Document> for Redeemed {
    fn from(document: Document) -> Self {
        Self { document, tools: Vec::new() }
    }
}

/// Why a message that carries tickets is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedeemError {
    /// A task method, or a filter with tasks, of a client that does not declare the extension.
    #[error("the client does not declare the extension `{TASKS}`")]
    Undeclared,
    /// A member that holds a ticket is no string, or there are too many.
    #[error("`{0}` is missing or malformed")]
    Param(&'static str),
    /// No task of this caller.
    #[error("a task id that is not the caller's here")]
    Task,
    /// No request state of this caller, or not for this.
    #[error("a request state that is not the caller's here")]
    State,
    /// No cursor of this caller, or not of this list (MCP, Pagination: SHOULD answer −32602).
    #[error("a cursor that is not the caller's here")]
    Cursor,
}

impl From<RedeemError> for Rejection {
    fn from(error: RedeemError) -> Self {
        let code = match error {
            RedeemError::Undeclared => Code::CapabilityMissing,
            RedeemError::Param(_) | RedeemError::Cursor => Code::ParamsInvalid,
            RedeemError::Task => Code::TaskUnknown,
            RedeemError::State => Code::StateUnknown,
        };
        let mut rejection = Self::new(code, error.to_string());
        if error == RedeemError::Undeclared {
            let needed = json!({"requiredCapabilities": {"extensions": {TASKS: {}}}});
            rejection.data = Some(Box::new(needed));
        }
        rejection
    }
}

/// The document with the server's own texts in place of tickets. Legacy requests have those of
/// cursors alone.
///
/// # Errors
/// See [`RedeemError`]; −32021 and −32602.
pub fn redeem(
    document: Document,
    message: &mut Message,
    revision: Revision,
    purse: &impl Purse,
) -> Result<Redeemed, Rejection> {
    let row = message.row().filter(|row| row.exists_in(revision));
    let (Some(row), Kind::Request) = (row, message.kind()) else {
        return Ok(document.into());
    };
    let params = document.root().get("params");
    let mut edits = Edits::default();
    if Listing::of_method(message.method()).is_some()
        && let Some(cursor) = params.and_then(|params| params.get("cursor"))
    {
        let ticket = cursor.as_str().ok_or(RedeemError::Param("cursor"))?;
        let own = purse.cursor(message.method(), &ticket).ok_or(RedeemError::Cursor)?;
        edits.texts.push((cursor.span(), own.into()));
        return edits.apply(document);
    }
    if !revision.is_modern() {
        return Ok(document.into());
    }
    match row.place {
        Place::Task => {
            let id = params.and_then(|params| params.get("taskId"));
            edits.tasks(&document, id.into_iter(), purse)?;
            if let Some((_, own)) = edits.texts.first() {
                message.rename(own);
            }
        }
        Place::Filter => {
            let filter = params.and_then(|params| params.get("notifications"));
            if let Some(ids) = filter.and_then(|filter| filter.get("taskIds")) {
                if ids.kind() != JsonKind::Array {
                    return Err(RedeemError::Param("taskIds").into());
                }
                edits.tasks(&document, ids.items(), purse)?;
            }
        }
        Place::Tool | Place::Prompt | Place::Uri => {
            if let Some(state) = params.and_then(|params| params.get("requestState")) {
                let ticket = state.as_str().ok_or(RedeemError::Param("requestState"))?;
                let name = message.name().unwrap_or_default();
                let own = purse.state(message.method(), name, &ticket).ok_or(RedeemError::State)?;
                edits.texts.push((state.span(), own.into()));
            }
        }
        Place::Server | Place::Reference => {}
    }
    edits.apply(document)
}

/// Whether a request declares the tasks extension (`io.modelcontextprotocol/tasks`, "Capability
/// Negotiation").
#[must_use]
pub fn declares_tasks(document: &Document) -> bool {
    let declared = || {
        let capabilities = document.root().get("params")?.get("_meta")?.get(META_CAPABILITIES)?;
        capabilities.get("extensions")?.get(TASKS)
    };
    declared().is_some_and(|settings| settings.kind() == JsonKind::Object)
}

#[derive(Default)]
struct Edits {
    texts: Vec<(Range<usize>, Box<str>)>,
    tools: Vec<Box<str>>,
}

impl Edits {
    fn tasks<'d>(
        &mut self,
        document: &Document,
        ids: impl Iterator<Item = Value<'d>>,
        purse: &impl Purse,
    ) -> Result<(), RedeemError> {
        if !declares_tasks(document) {
            return Err(RedeemError::Undeclared);
        }
        for id in ids {
            if self.tools.len() >= FILTER_NAMES_MAX {
                return Err(RedeemError::Param("taskIds"));
            }
            let ticket = id.as_str().ok_or(RedeemError::Param("taskId"))?;
            let task = purse.task(&ticket).ok_or(RedeemError::Task)?;
            self.texts.push((id.span(), task.id));
            self.tools.push(task.tool);
        }
        Ok(())
    }

    fn apply(self, document: Document) -> Result<Redeemed, Rejection> {
        let Self { texts, tools } = self;
        if texts.is_empty() {
            return Ok(Redeemed { document, tools });
        }
        let bytes = document.bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (span, text) in texts {
            out.extend_from_slice(bytes.get(at..span.start).unwrap_or_default());
            write_string(&mut out, &text);
            at = span.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        let document = Document::parse(Bytes::from(out), &super::REQUEST)
            .map_err(|error| Rejection::new(Code::JsonInvalid, error.to_string()))?;
        Ok(Redeemed { document, tools })
    }
}

/// The name of the tasks extension.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

#[cfg(test)]
mod tests;
