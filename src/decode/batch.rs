//! An array of messages in one request (MCP 2025-03-26, JSON-RPC 2.0 section 6).
//!
//! Owns the taking apart. Guarantees that no array ever goes upstream: each message becomes an
//! exchange of its own, which passes every gate, is judged, limited and recorded alone, and is
//! forwarded alone. Servers run arrays without asking anybody, so a message that stands beside
//! others must not be looked at less closely than one that stands by itself.

use std::borrow::Cow;
use std::sync::Arc;
use std::vec;

use bytes::Bytes;

use super::{Decoder, Lease};
use crate::authn::Authenticated;
use crate::exchange::{Exchange, Part, Received};
use crate::json::{Document, Kind};
use crate::limits::BATCH_MESSAGES_MAX;
use crate::mcp::headers;
use crate::mcp::version::{self, Revision};
use crate::reject::{Code, Rejection};

/// The messages of one request, not yet judged.
#[derive(Debug)]
pub struct Batch {
    request: Exchange<Authenticated>,
    messages: vec::IntoIter<Message>,
    count: usize,
    awaits: bool,
    // Held until the last message is answered, because the body is.
    _lease: Option<Lease>,
}

#[derive(Debug)]
struct Message {
    bytes: Bytes,
    awaits: bool,
}

/// One message of a batch on its way.
#[derive(Debug)]
pub struct One {
    /// The exchange, at its beginning.
    pub exchange: Exchange<Received>,
    /// Whether the client waits for an answer to this message.
    pub awaits: bool,
}

impl Batch {
    /// How many messages came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether any message is a request, so that the client waits for answers.
    #[must_use]
    pub fn awaits(&self) -> bool {
        self.awaits
    }

    /// The next message, as a part of the request with this id.
    pub fn next(&mut self, request_id: &Arc<str>) -> Option<One> {
        let message = self.messages.next()?;
        let batch = Arc::clone(request_id);
        let principal = Arc::clone(self.request.principal());
        let exchange = self.request.one_of(message.bytes, Part { batch, principal });
        Some(One { exchange, awaits: message.awaits })
    }
}

impl Decoder {
    /// Takes an array of messages apart; nothing in it is judged here.
    ///
    /// # Errors
    /// 400 for what is no array of 1 to [`BATCH_MESSAGES_MAX`] messages, and where the revision or
    /// the session has no batches (MCP 2025-06-18 took them away).
    pub(super) fn batch(
        &self,
        request: Exchange<Authenticated>,
        bytes: Bytes,
        lease: Option<Lease>,
    ) -> Result<Batch, Rejection> {
        let claimed = headers::claimed_version(request.headers())?;
        let claimed = version::classify(claimed, None, "")?;
        let session = self.session(&request, None)?;
        let agreed = session.as_ref().and_then(super::Session::revision).unwrap_or(claimed);
        if !(has_batches(claimed) && has_batches(agreed)) {
            return Err(refused("this revision has no batches"));
        }
        // Read as one, so that depth and size hold for all together; each is read again, alone,
        // by the same reader as every other message.
        let document = Document::parse(bytes, &crate::mcp::REQUEST)
            .map_err(|e| Rejection::new(Code::JsonInvalid, e.to_string()))?;
        let mut messages = Vec::new();
        for item in document.root().items() {
            if item.kind() != Kind::Object || messages.len() == BATCH_MESSAGES_MAX {
                let why = format!("a batch holds 1 to {BATCH_MESSAGES_MAX} messages, objects all");
                return Err(refused(why));
            }
            let awaits = item.get("method").is_some() && item.get("id").is_some();
            let bytes = document.bytes().slice(item.span());
            messages.push(Message { bytes, awaits });
        }
        if messages.is_empty() {
            return Err(refused("an empty batch"));
        }
        let (count, awaits) = (messages.len(), messages.iter().any(|message| message.awaits));
        Ok(Batch { request, messages: messages.into_iter(), count, awaits, _lease: lease })
    }
}

fn has_batches(revision: Revision) -> bool {
    revision.row().batches
}

fn refused(why: impl Into<Cow<'static, str>>) -> Rejection {
    Rejection::new(Code::MessageInvalid, why)
}

/// Whether a body is an array, by its first byte that is not blank (RFC 8259 section 2).
pub(super) fn is_array(bytes: &[u8]) -> bool {
    let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    bytes.iter().find(|byte| !blank(byte)) == Some(&b'[')
}

#[cfg(test)]
mod tests {
    use super::is_array;

    #[test]
    fn array_is_told_by_its_first_byte_that_is_not_blank() {
        for text in ["[]", " \t\r\n[{}]", "["] {
            assert!(is_array(text.as_bytes()), "{text}");
        }
        for text in ["", " ", "{}", "\u{feff}[]", "\u{b}[]", "\"[\""] {
            assert!(!is_array(text.as_bytes()), "{text}");
        }
    }
}
