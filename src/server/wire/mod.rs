//! The wire guard: refuses what an HTTP/1.1 parser would repair in silence.
//!
//! Owns [`Scanner`], a pure incremental reader of a client's bytes, and [`guard::Guarded`], which
//! puts it between a socket and hyper. Assumes nothing of the bytes and does no I/O. Guarantees
//! that hyper sees only messages which two readers cannot understand differently: one way to say
//! where a body ends, CRLF and nothing else as line end, exactly one Host, HTTP/1.1 alone, no
//! upgrade, no trailer fields, and all of it within the bounds of [`crate::limits`]. A byte at or
//! behind a violation is never handed on.
//!
//! Stricter than RFC 9112 where leniency has been an attack: HTTP/1.0, empty lines before a
//! request, obsolete line folding, blanks around chunk sizes and characters that RFC 3986 does
//! not allow in a target are refused. A load balancer's health check must speak HTTP/1.1.
//! HTTP/2 needs no such guard: its framing is binary and checked by crate `h2`.

mod body;
mod bytes;
pub mod guard;
mod head;
#[cfg(test)]
mod tests;

use crate::limits::ERROR_DEPTH_MAX;
use std::error::Error;
use std::io;

use self::body::Body;
pub(super) use self::bytes::{is_host, is_target};
use self::head::Head;
use crate::reject::Code;

/// Why a connection is refused, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Violation {
    /// The row of the refusal table.
    pub code: Code,
    /// What is wrong, for log and audit; never a byte of the message.
    pub detail: &'static str,
    /// Bytes of the connection before the offending one.
    pub offset: u64,
    /// Which part of a message it spoils.
    pub place: Place,
}

/// Which part of a message a violation spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The head: the message never becomes a request.
    Head,
    /// The body: the request is already being judged, and its body ends in an error.
    Body,
}

impl Violation {
    /// The violation behind an error that a request body ended with, where there is one.
    ///
    /// For the reader of the body: such a body was not interrupted, it was malformed.
    #[must_use]
    pub fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        // Bounded: hyper wraps one io::Error in one hyper::Error.
        for _ in 0..ERROR_DEPTH_MAX {
            let error = next?;
            let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = inside.and_then(|e| e.downcast_ref::<Self>()) {
                return Some(*found);
            }
            next = error.source();
        }
        None
    }
}

/// What was found in one piece of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// Leading bytes of the piece that may be handed on.
    pub pass: usize,
    /// Why no more may; the scanner stays refused for ever.
    pub violation: Option<Violation>,
}

/// Follows a client's bytes from message to message.
///
/// The same bytes give the same verdict at the same offset, however they are cut into pieces.
#[derive(Debug, Default)]
pub struct Scanner {
    head: Head,
    body: Option<Body>,
    offset: u64,
    message_start: u64,
    heads: u64,
    refused: Option<Violation>,
}

impl Scanner {
    /// Reads the next piece of input.
    pub fn scan(&mut self, piece: &[u8]) -> Scan {
        if self.refused.is_some() {
            return Scan { pass: 0, violation: self.refused };
        }
        let piece_start = self.offset;
        let mut rest = piece;
        while !rest.is_empty() {
            match self.step(rest) {
                Ok(used) => {
                    self.offset = self.offset.saturating_add(used as u64);
                    rest = rest.get(used..).unwrap_or_default();
                }
                Err(fault) => return self.refuse(fault, piece_start),
            }
        }
        Scan { pass: piece.len(), violation: None }
    }

    /// Complete request heads seen so far.
    #[must_use]
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Moves at least one byte forward.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        if let Some(body) = &mut self.body {
            let used = body.step(rest)?;
            if body.is_done() {
                self.body = None;
            }
            return Ok(used);
        }
        if self.head.is_new() {
            self.message_start = self.offset;
        }
        let used = self.head.step(rest)?;
        if self.head.is_complete() {
            self.body = Body::of(self.head.framing());
            self.head.reset();
            self.heads = self.heads.saturating_add(1);
        }
        Ok(used)
    }

    fn refuse(&mut self, fault: Fault, piece_start: u64) -> Scan {
        let offset = self.offset.saturating_add(fault.at as u64);
        let place = if self.body.is_some() { Place::Body } else { Place::Head };
        let violation = Violation { code: fault.code, detail: fault.detail, offset, place };
        self.refused = Some(violation);
        // A head is judged as a whole: none of it goes on. A body's request is under way already.
        let last = match place {
            Place::Head => self.message_start,
            Place::Body => offset,
        };
        let pass = usize::try_from(last.saturating_sub(piece_start)).unwrap_or(0);
        Scan { pass, violation: Some(violation) }
    }
}

/// A violation as the part that found it knows it.
#[derive(Debug)]
struct Fault {
    code: Code,
    detail: &'static str,
    /// Index of the offending byte in the slice that was given.
    at: usize,
}

impl Fault {
    fn framing(detail: &'static str, at: usize) -> Self {
        Self { code: Code::FramingInvalid, detail, at }
    }

    fn too_large(detail: &'static str, at: usize) -> Self {
        Self { code: Code::HeadTooLarge, detail, at }
    }

    fn upgrade(detail: &'static str, at: usize) -> Self {
        Self { code: Code::UpgradeRefused, detail, at }
    }
}

/// How a message says where its body ends (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    None,
    Length(u64),
    Chunked,
}
