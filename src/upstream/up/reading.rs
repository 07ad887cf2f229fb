//! What a modern server's message means for the legacy client that waits for it.
//!
//! Pure: one message in, its meaning out. Guarantees (S-37) that only the answer to the request
//! that was sent counts as one, and that a server's requests are never passed on: a modern server
//! asks by `input_required` alone.

use bytes::Bytes;

use super::splice;
use super::ticket::Abilities;
use crate::config::ServerRequest;
use crate::json::{Document, Kind as JsonKind, Value, write_string};
use crate::limits;
use crate::mcp::message::{Id, Kind, Message};

/// One message of the server.
#[derive(Debug)]
pub(super) enum Said {
    /// A notification, for the client as it is.
    Notification(Notice),
    /// The last word on the request.
    Final(Final),
    /// The server needs something of the client first.
    Needs(Needs),
    /// Not for this request, or nothing that a modern server may say.
    Foreign,
}

/// A notification.
#[derive(Debug)]
pub(super) struct Notice {
    /// Its method.
    pub(super) method: Box<str>,
    /// It, parsed.
    pub(super) document: Document,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct Final {
    /// It, parsed.
    pub(super) document: Document,
    /// The code, where it is an error.
    pub(super) error: Option<i64>,
}

impl Final {
    /// The answer in the words of a legacy revision.
    ///
    /// A missing resource is −32602 since 2026-07-28 and −32002 before; in `resources/read`,
    /// whose only parameter is the URI that the gateway has read itself, −32602 means nothing
    /// else.
    pub(super) fn to_legacy(&self, id: &[u8], operation: &str) -> Bytes {
        let missing = operation == "resources/read" && self.error == Some(INVALID_PARAMS);
        splice::answer(&self.document, id, missing.then_some("-32002"))
    }
}

/// What an `input_required` result asks for (MCP 2026-07-28, "Multi Round-Trip").
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// What to ask the client.
    pub(super) asks: Vec<Ask>,
    /// `requestState`, quotes included, to be repeated byte for byte.
    pub(super) state: Option<Bytes>,
}

/// One request to the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// The server's name for it, quotes included.
    pub(super) key: Bytes,
    /// What is asked for.
    pub(super) kind: ServerRequest,
    /// What the client must be able to do.
    pub(super) needs: Abilities,
    /// The parameters, as the server wrote them.
    params: Option<Bytes>,
}

/// A message that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the modern server's message is malformed: {0}")]
pub(super) struct Unreadable(pub(super) &'static str);

/// Under which id a request was sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    /// The client's own, which the server may spell with other escapes.
    As(&'a Id),
    /// One that the gateway made: plain, quotes included.
    Anew(&'a str),
}

impl Asked<'_> {
    /// The id as it is sent.
    pub(super) fn raw(&self) -> &[u8] {
        match self {
            Self::As(id) => id.raw(),
            Self::Anew(id) => id.as_bytes(),
        }
    }

    fn is(&self, found: &Id) -> bool {
        match self {
            Self::As(id) => found.matches(id),
            Self::Anew(id) => found.raw() == id.as_bytes(),
        }
    }
}

/// Reads one message, which comes where the answer to `asked` is expected.
///
/// # Errors
/// What is no JSON-RPC message, no result that this bridge knows, or asks for more than a client
/// is asked at once.
pub(super) fn read(bytes: Bytes, asked: Asked<'_>) -> Result<Said, Unreadable> {
    let document =
        Document::parse(bytes, &crate::mcp::ANSWER).map_err(|_| Unreadable("not JSON"))?;
    let message =
        Message::read_answer(&document).map_err(|_| Unreadable("not one JSON-RPC message"))?;
    match message.kind() {
        Kind::Notification => {
            Ok(Said::Notification(Notice { method: message.method().into(), document }))
        }
        Kind::Request => Ok(Said::Foreign),
        Kind::Error => {
            // An error that names no request can only mean this one.
            if message.id().is_some_and(|found| !asked.is(found)) {
                return Ok(Said::Foreign);
            }
            let code = document.root().pointer("/error/code").and_then(|code| code.as_i64());
            Ok(Said::Final(Final { document, error: Some(code.unwrap_or_default()) }))
        }
        Kind::Result => {
            if message.id().is_none_or(|found| !asked.is(found)) {
                return Ok(Said::Foreign);
            }
            let result = document.root().get("result");
            let kind = result.and_then(|result| result.get("resultType"));
            match (result, kind) {
                (Some(result), Some(kind)) if kind.is_str("input_required") => {
                    Ok(Said::Needs(needs(&document, result)?))
                }
                (_, Some(kind)) if !kind.is_str("complete") => Err(Unreadable("its result type")),
                (_, Some(_) | None) => Ok(Said::Final(Final { document, error: None })),
            }
        }
    }
}

fn needs(document: &Document, result: Value<'_>) -> Result<Needs, Unreadable> {
    let slice = |value: Value<'_>| document.bytes().slice(value.span());
    let state = result.get("requestState");
    if state.is_some_and(|state| state.kind() != JsonKind::String) {
        return Err(Unreadable("`requestState`"));
    }
    let mut asks = Vec::new();
    if let Some(requests) = result.get("inputRequests") {
        if requests.kind() != JsonKind::Object {
            return Err(Unreadable("`inputRequests`"));
        }
        for (key, request) in requests.members() {
            if asks.len() == limits::INPUT_REQUESTS_MAX {
                return Err(Unreadable("too many input requests"));
            }
            let params = request.get("params").filter(|it| it.kind() == JsonKind::Object);
            let method = request.get("method").and_then(|method| method.as_str());
            let (kind, needs) = meaning(method.as_deref().unwrap_or_default(), params)
                .ok_or(Unreadable("an input request of unknown kind"))?;
            asks.push(Ask { key: slice(key), kind, needs, params: params.map(slice) });
        }
    }
    if asks.is_empty() && state.is_none() {
        return Err(Unreadable("input is required, but none is named"));
    }
    Ok(Needs { asks, state: state.map(slice) })
}

/// What an input request asks for, and what the client must be able to do.
fn meaning(method: &str, params: Option<Value<'_>>) -> Option<(ServerRequest, Abilities)> {
    match method {
        "elicitation/create" => {
            let url = params.and_then(|it| it.get("mode")).is_some_and(|mode| mode.is_str("url"));
            let needs = if url { Abilities::URL } else { Abilities::FORM };
            Some((ServerRequest::Elicitation, needs))
        }
        "sampling/createMessage" => Some((ServerRequest::Sampling, Abilities::SAMPLING)),
        "roots/list" => Some((ServerRequest::Roots, Abilities::ROOTS)),
        _unknown => None,
    }
}

impl Ask {
    /// The request as a legacy client reads it, under an id of the gateway.
    ///
    /// Elicitation of an address carries an `elicitationId` in 2025-11-25 and none since; the
    /// request's own id serves.
    pub(super) fn to_request(&self, id: &str) -> Bytes {
        let method = match self.kind {
            ServerRequest::Elicitation => "elicitation/create",
            ServerRequest::Sampling => "sampling/createMessage",
            ServerRequest::Roots => "roots/list",
            ServerRequest::Ping => "ping",
        };
        let mut out = Vec::with_capacity(96 + self.params.as_ref().map_or(0, Bytes::len));
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        write_string(&mut out, id);
        out.extend_from_slice(b",\"method\":");
        write_string(&mut out, method);
        if let Some(params) = &self.params {
            out.extend_from_slice(b",\"params\":");
            let inner = params.strip_prefix(b"{");
            match inner.filter(|_| self.needs == Abilities::URL && !self.names_itself()) {
                // An elicitation of an address has members: its mode at least.
                Some(inner) => {
                    out.extend_from_slice(b"{\"elicitationId\":");
                    write_string(&mut out, id);
                    out.push(b',');
                    out.extend_from_slice(inner);
                }
                None => out.extend_from_slice(params),
            }
        }
        out.push(b'}');
        out.into()
    }

    fn names_itself(&self) -> bool {
        let parsed =
            self.params.clone().and_then(|it| Document::parse(it, &crate::mcp::ANSWER).ok());
        parsed.is_some_and(|document| document.root().get("elicitationId").is_some())
    }
}

/// Members of `params` that a retry adds: the clients' answers by the server's names, and the
/// server's own state.
pub(super) fn retry_members(answers: &[(Bytes, Bytes)], state: Option<&Bytes>) -> Vec<u8> {
    let mut out = Vec::new();
    if !answers.is_empty() {
        out.extend_from_slice(b"\"inputResponses\":{");
        for (at, (key, answer)) in answers.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            out.push(b':');
            out.extend_from_slice(answer);
        }
        out.push(b'}');
    }
    if let Some(state) = state {
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"\"requestState\":");
        out.extend_from_slice(state);
    }
    out
}

/// JSON-RPC 2.0 section 5.1.
const INVALID_PARAMS: i64 = -32602;
/// MCP 2026-07-28, "Error Codes": the headers do not mirror the body.
pub(super) const HEADER_MISMATCH: i64 = -32020;
/// MCP 2026-07-28, "Error Codes": the version is not supported.
pub(super) const VERSION_UNSUPPORTED: i64 = -32022;
