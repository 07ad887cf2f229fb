//! The MCP protocol, pure: messages, methods, revisions, headers, event streams, lists.
//!
//! Owns every word of the protocol, so that the stages need none. Assumes bytes that
//! [`crate::json`] accepted. Does no I/O and keeps no state but that of a stream being decoded.
//!
//! A POST climbs a ladder whose order MCP 2026-07-28 prescribes, and `decode` climbs it: the message
//! ([`message`]), its revision and required `_meta` ([`version`]), its mirrored headers
//! ([`headers`]), its method and parameters ([`translate`]). The body decides; headers are claims
//! that must agree with it. [`sse`], [`catalogue`] and [`error_body`] serve the response gate.

pub mod catalogue;
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
