//! The MCP protocol, pure: messages, methods, revisions, headers, event streams, lists.
//!
//! Owns every word of the protocol, so that the stages need none. Assumes bytes that
//! [`crate::json`] accepted. Does no I/O and keeps no state but that of a stream being decoded.
//!
//! [`read`] is the whole ladder of a POST in one call; the modules are its rungs, and the tools of
//! the response gate ([`sse`], [`catalogue`], [`error_body`]).

use http::HeaderMap;

use crate::call::Call;
use crate::json::Document;
use crate::reject::Rejection;

pub mod catalogue;
pub mod elicitation;
pub mod error_body;
pub mod headers;
pub mod message;
pub mod method;
pub mod sse;
pub mod translate;
pub mod uri;
pub mod version;

#[cfg(test)]
mod tests;

use message::Message;
use version::Revision;

/// A message of a client, understood.
#[derive(Debug)]
pub struct Inbound {
    /// The message: its kind, id and method.
    pub message: Message,
    /// The revision it speaks.
    pub revision: Revision,
    /// What it asks for; holds the document.
    pub call: Call,
}

/// Understands one POST body, in the order that MCP 2026-07-28 prescribes: message, version,
/// required `_meta`, mirrored headers, method, parameters. The body decides; headers are claims
/// that must agree with it.
///
/// # Errors
/// The first rung that does not hold, with the message's id where it was readable.
pub fn read(headers: &HeaderMap, document: Document) -> Result<Inbound, Rejection> {
    let message = Message::read(&document)?;
    match climb(headers, &message, document) {
        Ok((revision, call)) => Ok(Inbound { message, revision, call }),
        Err(mut rejection) => {
            rejection.rpc_id = message.request_id().map(|id| id.raw().clone());
            Err(rejection)
        }
    }
}

fn climb(
    headers: &HeaderMap,
    message: &Message,
    document: Document,
) -> Result<(Revision, Call), Rejection> {
    let header = headers::claimed_version(headers)?;
    let revision = version::classify(header, message.meta_version(), message.method())?;
    version::require_capabilities(&document, revision)?;
    headers::verify_claims(headers, message, revision)?;
    let call = translate::to_call(message, revision, document)?;
    Ok((revision, call))
}
