//! The MCP protocol, pure: messages, methods, revisions, headers, event streams, lists.
//!
//! Owns every word of the protocol, so that the stages need none. Assumes bytes that
//! [`crate::json`] accepted. Does no I/O and keeps no state but that of a stream being decoded.
//!
//! [`read`] is the whole ladder of a POST in one call; the modules are its rungs, and the tools of
//! the response gate ([`sse`], [`catalogue`], [`error_body`]).

use bytes::Bytes;
use http::HeaderMap;

use crate::call::Call;
use crate::json::{Document, KeyRule, Limits};
use crate::limits;
use crate::reject::Rejection;

pub mod catalogue;
pub mod elicitation;
pub mod error_body;
pub mod headers;
pub mod message;
pub mod method;
pub mod outputs;
pub mod params;
pub mod redeem;
pub mod sse;
pub mod trace;
pub mod translate;
pub mod uri;
pub mod version;

#[cfg(test)]
mod tests;

use message::Message;
use redeem::Purse;
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
    /// What is sent to the server: the bytes that were read, with the server's own task ids and
    /// request state in place of the caller's tickets.
    pub body: Bytes,
}

/// Understands one POST body, in the order that MCP 2026-07-28 prescribes: message, version,
/// required `_meta`, mirrored headers, tickets, method, parameters. The body decides; headers are
/// claims that must agree with it, and tickets open for their owner alone.
///
/// # Errors
/// The first rung that does not hold, with the message's id where it was readable.
pub fn read(
    headers: &HeaderMap,
    document: Document,
    purse: &impl Purse,
) -> Result<Inbound, Rejection> {
    let mut message = Message::read(&document)?;
    match climb(headers, &mut message, document, purse) {
        Ok((revision, call, body)) => Ok(Inbound { message, revision, call, body }),
        Err(mut rejection) => {
            rejection.rpc_id = message.request_id().map(|id| id.raw().clone());
            Err(rejection)
        }
    }
}

fn climb(
    headers: &HeaderMap,
    message: &mut Message,
    document: Document,
    purse: &impl Purse,
) -> Result<(Revision, Call, Bytes), Rejection> {
    let header = headers::claimed_version(headers)?;
    let revision = version::classify(header, message.meta_version(), message.method())?;
    version::require_capabilities(&document, revision)?;
    headers::verify_claims(headers, message, revision)?;
    let redeemed = redeem::redeem(document, message, revision, purse)?;
    let body = redeemed.document.bytes().clone();
    let call = translate::to_call(message, revision, redeemed)?;
    Ok((revision, call, body))
}

/// How strictly requests are read.
pub const REQUEST: Limits = Limits {
    depth_max: limits::JSON_DEPTH_MAX,
    nodes_max: limits::JSON_NODES_MAX,
    number_bytes_max: limits::JSON_NUMBER_BYTES_MAX,
    keys: KeyRule::Folded,
};

pub use crate::json::ANSWER;
