//! Reads one JSON-RPC 2.0 message out of a parsed document.
//!
//! Assumes that the document was parsed strictly ([`crate::json`]). Guarantees that a
//! [`Message`] is exactly one request, notification or response, that no member of its
//! envelope, its parameters or its `_meta` could be taken for another one by a lenient parser
//! (S-22), and that its id is a string or an integer (S-27).

use std::borrow::Cow;

use bytes::Bytes;

use crate::json::{Document, Kind as JsonKind, Value, matches_known_member};
use crate::limits::{NAME_BYTES_MAX, RPC_ID_BYTES_MAX};
use crate::reject::{Code, Rejection};

use super::method::{self, Method};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A method with an id: an answer is expected.
    Request,
    /// A method without an id.
    Notification,
    /// The answer to a request, with a `result`.
    Result,
    /// The answer to a request, with an `error`.
    Error,
}

/// One JSON-RPC 2.0 message. Owns what it says, so that the document can move on.
#[derive(Debug, Clone)]
pub struct Message {
    kind: Kind,
    id: Option<Id>,
    method: Box<str>,
    row: Option<&'static Method>,
    name: Option<Box<str>>,
    version: Option<Box<str>>,
}

/// A JSON-RPC id: the spelling of the wire, so that it can be sent back as it came.
#[derive(Debug, Clone)]
pub struct Id {
    raw: Bytes,
    /// Decoded text of a string that is written with escapes.
    text: Option<Box<str>>,
}

/// Why a document is not one acceptable message. Holds nothing of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// An array: batches were removed in MCP 2025-06-18, and servers that still run them would
    /// run what was not judged.
    #[error("a batch of messages")]
    BatchRefused,
    /// Neither object nor array (JSON-RPC 2.0 section 4).
    #[error("not an object")]
    NotObject,
    /// `jsonrpc` is missing or not the string `2.0` (JSON-RPC 2.0 section 4).
    #[error("`jsonrpc` is not \"2.0\"")]
    Version,
    /// The id is not a string or an integer, or too long (S-27; MCP: MUST NOT be null).
    #[error("the id is not a string or an integer of at most {RPC_ID_BYTES_MAX} bytes")]
    Id,
    /// The method is not a string, empty or too long.
    #[error("the method is not a string of 1 to {NAME_BYTES_MAX} bytes")]
    Method,
    /// `params` is not an object; MCP has no positional parameters.
    #[error("`params` is not an object")]
    Params,
    /// Members of requests and responses mixed, or none of them.
    #[error("neither a request, nor a notification, nor a response")]
    Shape,
    /// A member that a lenient parser would take for one that is known (S-22).
    #[error("a member of `{place}` looks like one that is known")]
    Lookalike {
        /// Which object holds it.
        place: &'static str,
    },
}

/// A message of a server may be an error that answers no request at all, because the request
/// could not be read; a client's message may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

impl Message {
    /// Reads a message that a client sent.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn read(document: &Document) -> Result<Self, MessageError> {
        read(document, Sender::Client)
    }

    /// Reads a message that a server sent: the same, but an error response may lack its id or
    /// name it `null` (JSON-RPC 2.0 section 5).
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn read_answer(document: &Document) -> Result<Self, MessageError> {
        read(document, Sender::Server)
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its id; none for notifications and for errors that answer nothing.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The id under which an answer is awaited: a request's alone. An error that answered a
    /// response by its id would be taken for the answer to a request of the other side.
    #[must_use]
    pub fn request_id(&self) -> Option<&Id> {
        self.id.as_ref().filter(|_| self.kind == Kind::Request)
    }

    /// Its method; empty for responses.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The row of its method, where the protocol has such a method from client to server.
    #[must_use]
    pub fn row(&self) -> Option<&'static Method> {
        self.row
    }

    /// The value that `Mcp-Name` mirrors, where the method has one and the message says it as a
    /// string.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Puts the server's own name in place of the caller's ticket.
    pub(super) fn rename(&mut self, name: &str) {
        self.name = Some(name.into());
    }

    /// `_meta` `io.modelcontextprotocol/protocolVersion`, where it is a string.
    #[must_use]
    pub fn meta_version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl Id {
    /// The id as it stood on the wire, quotes included.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Whether both mean the same id, however their strings are escaped. A string never equals
    /// a number (S-37: an answer to another id is never delivered).
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.comparable() == other.comparable()
    }

    /// The one form of its value, for tables: equal for ids that [match](Id::matches).
    #[must_use]
    pub fn key(&self) -> Box<[u8]> {
        let (is_text, value) = self.comparable();
        let mut key = Vec::with_capacity(value.len() + 1);
        key.push(if is_text { b'"' } else { b'#' });
        key.extend_from_slice(value);
        key.into_boxed_slice()
    }

    /// The same id without the message it came in.
    pub(crate) fn unshared(&self) -> Self {
        Self { raw: Bytes::copy_from_slice(&self.raw), text: self.text.clone() }
    }

    /// Reads an id, also one that stands in parameters.
    pub(crate) fn read(value: Value<'_>, document: &Document) -> Result<Self, MessageError> {
        if value.raw().len() > RPC_ID_BYTES_MAX {
            return Err(MessageError::Id);
        }
        let text = match value.kind() {
            JsonKind::String => value.as_str().and_then(|text| match text {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text.into_boxed_str()),
            }),
            JsonKind::Number if value.is_integer() => None,
            JsonKind::Number
            | JsonKind::Object
            | JsonKind::Array
            | JsonKind::True
            | JsonKind::False
            | JsonKind::Null => return Err(MessageError::Id),
        };
        Ok(Self { raw: document.bytes().slice(value.span()), text })
    }

    fn comparable(&self) -> (bool, &[u8]) {
        let inner = self.raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        match (&self.text, inner) {
            (Some(text), _) => (true, text.as_bytes()),
            (None, Some(inner)) => (true, inner),
            (None, None) => (false, &self.raw),
        }
    }
}

impl From<MessageError> for Rejection {
    fn from(error: MessageError) -> Self {
        Self::new(Code::MessageInvalid, error.to_string())
    }
}

/// The members of the envelope that decide anything.
struct Envelope<'d> {
    id: Option<Value<'d>>,
    method: Option<Value<'d>>,
    params: Option<Value<'d>>,
    result: Option<Value<'d>>,
    error: Option<Value<'d>>,
}

fn read(document: &Document, sender: Sender) -> Result<Message, MessageError> {
    let envelope = envelope(document.root())?;
    let Envelope { id, method, params, result, error } = envelope;
    match (method, result, error) {
        (Some(method), None, None) => call(document, id, method, params),
        (None, Some(_), None) if params.is_none() => {
            let id = Id::read(id.ok_or(MessageError::Id)?, document)?;
            Ok(response(Kind::Result, Some(id)))
        }
        (None, None, Some(error)) if params.is_none() => {
            refuse_lookalikes(error, ERROR_MEMBERS, "error")?;
            let unnamed = id.is_none_or(|id| id.is_null());
            let id = match id {
                _ if unnamed && sender == Sender::Server => None,
                Some(id) => Some(Id::read(id, document)?),
                None => return Err(MessageError::Id),
            };
            Ok(response(Kind::Error, id))
        }
        (Some(_) | None, _, _) => Err(MessageError::Shape),
    }
}

fn envelope(root: Value<'_>) -> Result<Envelope<'_>, MessageError> {
    match root.kind() {
        JsonKind::Object => {}
        JsonKind::Array => return Err(MessageError::BatchRefused),
        JsonKind::String | JsonKind::Number | JsonKind::True | JsonKind::False | JsonKind::Null => {
            return Err(MessageError::NotObject);
        }
    }
    let mut version = None;
    let mut found = Envelope { id: None, method: None, params: None, result: None, error: None };
    for (key, value) in root.members() {
        let key = key.as_str().unwrap_or_default();
        match &*key {
            "jsonrpc" => version = Some(value),
            "id" => found.id = Some(value),
            "method" => found.method = Some(value),
            "params" => found.params = Some(value),
            "result" => found.result = Some(value),
            "error" => found.error = Some(value),
            other if matches_known_member(other, ENVELOPE_MEMBERS) => {
                return Err(MessageError::Lookalike { place: "message" });
            }
            // Unknown members are forwarded as they came: newer revisions may add some.
            _unknown => {}
        }
    }
    if !version.is_some_and(|version| version.is_str("2.0")) {
        return Err(MessageError::Version);
    }
    Ok(found)
}

fn call(
    document: &Document,
    id: Option<Value<'_>>,
    method: Value<'_>,
    params: Option<Value<'_>>,
) -> Result<Message, MessageError> {
    let id = id.map(|id| Id::read(id, document)).transpose()?;
    let method = method
        .as_str()
        .filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len()))
        .ok_or(MessageError::Method)?;
    if params.is_some_and(|params| params.kind() != JsonKind::Object) {
        return Err(MessageError::Params);
    }
    let row = method::from_client(&method);
    let mut version = None;
    let mut name = None;
    if let Some(params) = params {
        refuse_lookalikes(params, PARAMS_MEMBERS, "params")?;
        if let Some(meta) = params.get("_meta") {
            refuse_lookalikes(meta, META_MEMBERS, "_meta")?;
            version = meta.get(META_VERSION).and_then(|version| version.as_str()).map(boxed);
        }
        if let Some(reference) = params.get("ref") {
            refuse_lookalikes(reference, REFERENCE_MEMBERS, "ref")?;
        }
        if let Some(filter) = params.get("notifications") {
            refuse_lookalikes(filter, FILTER_MEMBERS, "notifications")?;
        }
        name = row
            .and_then(|row| row.place.mirrored_member())
            .and_then(|member| params.get(member))
            .and_then(|name| name.as_str())
            .map(boxed);
    }
    let kind = if id.is_some() { Kind::Request } else { Kind::Notification };
    Ok(Message { kind, id, method: boxed(method), row, name, version })
}

fn response(kind: Kind, id: Option<Id>) -> Message {
    Message { kind, id, method: Box::from(""), row: None, name: None, version: None }
}

fn refuse_lookalikes(
    object: Value<'_>,
    known: &[&str],
    place: &'static str,
) -> Result<(), MessageError> {
    for (key, _) in object.members() {
        if key.as_str().is_none_or(|key| matches_known_member(&key, known)) {
            return Err(MessageError::Lookalike { place });
        }
    }
    Ok(())
}

fn boxed(text: Cow<'_, str>) -> Box<str> {
    text.into_owned().into_boxed_str()
}

/// `_meta` key of the protocol version, MCP 2026-07-28, "General fields".
pub(super) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// `_meta` key of the client's capabilities, MCP 2026-07-28, "General fields".
pub(crate) const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

const ENVELOPE_MEMBERS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

const ERROR_MEMBERS: &[&str] = &["code", "message", "data"];

/// Every member of `params` that any revision gives a meaning, from client to server.
const PARAMS_MEMBERS: &[&str] = &[
    "_meta",
    "argument",
    "arguments",
    "capabilities",
    "clientInfo",
    "context",
    "cursor",
    "inputResponses",
    "level",
    "message",
    "name",
    "notifications",
    "progress",
    "progressToken",
    "protocolVersion",
    "reason",
    "ref",
    "requestId",
    "requestState",
    "task",
    "taskId",
    "total",
    "uri",
    "uris",
];

const META_MEMBERS: &[&str] = &[
    META_VERSION,
    META_CAPABILITIES,
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "progressToken",
];

const REFERENCE_MEMBERS: &[&str] = &["type", "name", "uri"];

pub(super) const FILTER_MEMBERS: &[&str] = &[
    "toolsListChanged",
    "promptsListChanged",
    "resourcesListChanged",
    "resourceSubscriptions",
    "taskIds",
];

#[cfg(test)]
mod tests;
