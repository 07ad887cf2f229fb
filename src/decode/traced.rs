//! A message in a trace of the gateway: what it continues, and what the server is told instead.

use bytes::Bytes;
use http::HeaderValue;

use crate::json::{Document, apply};
use crate::mcp;
use crate::mcp::trace::{self, Parent};
use crate::reject::{Code, Rejection};

/// A message, read.
pub(super) struct Traced {
    pub(super) document: Document,
    /// The value of `traceparent` towards the server, where the gateway traces.
    pub(super) header: Option<HeaderValue>,
    /// The context in `_meta`, which counts before that of the connection.
    pub(super) continued: Option<Parent>,
}

/// Reads a message strictly. Where the gateway traces and the message carries a context, ours
/// takes its place; every other byte stays.
pub(super) fn read(bytes: Bytes, own: Option<Parent>) -> Result<Traced, Rejection> {
    let parse = |bytes| {
        Document::parse(bytes, &mcp::REQUEST)
            .map_err(|e| Rejection::new(Code::JsonInvalid, e.to_string()))
    };
    let document = parse(bytes)?;
    let Some(own) = own else { return Ok(Traced { document, header: None, continued: None }) };
    let continued = trace::meta_parent(document.root());
    let own = continued.map_or(own, |parent| Parent { trace: parent.trace, ..own });
    let header = HeaderValue::try_from(own.text()).ok();
    let edits = trace::meta_edits(document.root(), own);
    let edited = (!edits.is_empty()).then(|| apply(document.bytes(), &edits));
    let document = match edited {
        None => document,
        Some(bytes) => parse(bytes)?,
    };
    Ok(Traced { document, header, continued })
}
