//! The pure halves of the bridge: ids, splices, readings, schemas, the table of sessions.

mod lines;
mod messages;
mod mirrored;
mod table;
mod tickets;
mod waits;

use bytes::Bytes;

use crate::json::{Document, KeyRule, Limits};

/// As requests are read.
const STRICT: Limits = Limits { keys: KeyRule::Folded, ..crate::mcp::ANSWER };

fn parsed(text: impl Into<Bytes>) -> Document {
    Document::parse(text.into(), &STRICT).unwrap()
}

fn value(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {bytes:?}"))
}
