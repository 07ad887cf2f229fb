//! Messages as they cross the bridge: read strictly, changed in place.
//!
//! Pure. Guarantees that only the value which is replaced changes; every other byte of a message,
//! unknown members, big integers, key order and number spelling among them, stays as it was. A
//! message that leaves is one line, because a line is a message on stdio.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{Document, Kind as JsonKind, Value, write_string};
use crate::limits;
use crate::mcp::message::{Id, Message};
use crate::upstream::link::one_line;

/// A message of the server, read.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) document: Document,
    pub(super) message: Message,
}

/// A request of ours on its way, and what of it must be restored in what comes back.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: Id,
    /// `params._meta.progressToken` as it was spelled.
    pub(super) token: Option<Bytes>,
}

impl Incoming {
    /// Reads what a server sent; `None` is nothing that one may act upon.
    pub(super) fn read(bytes: Bytes) -> Option<Self> {
        let document = read(bytes)?;
        let message = Message::read_answer(&document).ok()?;
        Some(Self { document, message })
    }

    pub(super) fn bytes(&self) -> &Bytes {
        self.document.bytes()
    }

    /// The message under the id that its caller gave; one that named none gets it too.
    pub(super) fn with_id(&self, id: &Id) -> Bytes {
        let root = self.document.root();
        match root.get("id") {
            Some(value) => replaced(self.bytes(), value.span(), id.raw()),
            None => {
                let at = root.span().start.saturating_add(1);
                let member = [b"\"id\":", id.raw().as_ref(), b","].concat();
                replaced(self.bytes(), at..at, &member)
            }
        }
    }

    /// A member of `params`.
    pub(super) fn param(&self, name: &str) -> Option<Value<'_>> {
        self.document.root().get("params")?.get(name)
    }

    /// A number of ours that the server repeats in its own spelling.
    pub(super) fn number(value: Value<'_>) -> Option<u64> {
        value.as_i64().and_then(|number| u64::try_from(number).ok())
    }
}

impl Outgoing {
    /// What must be kept of a request; `None` where it is none, or its token is no token.
    pub(super) fn read(document: &Document) -> Option<Self> {
        let message = Message::read(document).ok()?;
        document.root().get("method")?;
        let id = message.id()?.clone();
        let token = match token_of(document) {
            None => None,
            Some(value) if is_token(value) => Some(document.bytes().slice(value.span())),
            Some(_) => return None,
        };
        Some(Self { id, token })
    }

    /// The request under a number of ours, which is its progress token too.
    pub(super) fn numbered(document: &Document, number: u64) -> Bytes {
        let number = number.to_string();
        let mut spans: Vec<Range<usize>> = document
            .root()
            .get("id")
            .into_iter()
            .chain(token_of(document))
            .map(|v| v.span())
            .collect();
        // From the back, so that what stands before keeps its place.
        spans.sort_by_key(|span| std::cmp::Reverse(span.start));
        let mut out = document.bytes().clone();
        for span in spans {
            out = replaced(&out, span, number.as_bytes());
        }
        one_line(out)
    }
}

/// The token under which a request asks for progress.
pub(super) fn token_of(document: &Document) -> Option<Value<'_>> {
    document.root().get("params")?.get("_meta")?.get("progressToken")
}

/// Progress tokens are strings or integers (MCP 2025-11-25, Progress), and as long as ids.
pub(super) fn is_token(value: Value<'_>) -> bool {
    let fits = value.raw().len() <= limits::RPC_ID_BYTES_MAX;
    fits && (value.kind() == JsonKind::String || value.is_integer())
}

/// Reads JSON of a server, as the response gate does.
pub(super) fn read(bytes: Bytes) -> Option<Document> {
    Document::parse(bytes, &crate::mcp::ANSWER).ok()
}

/// The text with one span replaced.
pub(super) fn replaced(bytes: &Bytes, span: Range<usize>, with: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(bytes.len().saturating_add(with.len()));
    out.extend_from_slice(bytes.get(..span.start).unwrap_or_default());
    out.extend_from_slice(with);
    out.extend_from_slice(bytes.get(span.end..).unwrap_or_default());
    out.into()
}

/// `notifications/cancelled` for a request of ours.
pub(super) fn cancelled(number: u64) -> Bytes {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{number},\"reason\":\"the caller went away\"}}}}"
    )
    .into()
}

/// The answer to a request of the server.
pub(super) fn response(id: &Id, member: &str, value: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(value.len().saturating_add(64));
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.raw());
    out.push(b',');
    write_string(&mut out, member);
    out.push(b':');
    out.extend_from_slice(value);
    out.push(b'}');
    one_line(out.into())
}

/// A refusal of a request of the server.
pub(super) fn refusal(id: &Id, code: i32, why: &str) -> Bytes {
    let mut error = format!("{{\"code\":{code},\"message\":").into_bytes();
    write_string(&mut error, why);
    error.push(b'}');
    response(id, "error", &error)
}

/// The number of a request that a message which cannot be read most likely answers. Good enough to
/// fail a call early instead of late, never to answer one.
pub(super) fn rough_id(bytes: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(bytes, b"\"id\"")?;
    let rest = bytes.get(at.saturating_add(4)..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}
