//! Server-sent events, both ways, without I/O.
//!
//! Owns the codec of `text/event-stream` (WHATWG HTML, section 9.2). Assumes nothing about how
//! the bytes are cut. Guarantees: the raw bytes of all events together are the input, so that
//! what is not touched passes byte for byte; an event that lies within one chunk is not copied;
//! no event grows beyond the given bound; and no value that is written can begin another line
//! (S-38).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use crate::reject::{Code, Rejection};

#[cfg(test)]
mod tests;

/// A comment that keeps an idle stream open.
pub const KEEPALIVE: Bytes = Bytes::from_static(b": keepalive\n\n");

/// Cuts a stream of chunks into events. Linear in the input.
#[derive(Debug)]
pub struct Decoder {
    event_bytes_max: usize,
    /// Input that was not looked at yet.
    chunks: VecDeque<Bytes>,
    /// The beginning of an event whose end was in none of the chunks so far.
    partial: BytesMut,
    line: Line,
    /// The first event may begin with a byte order mark.
    first: bool,
    failed: bool,
}

/// Where in a line the decoder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At its first byte.
    Start,
    /// Within it.
    Inside,
    /// Behind a CR that ended the line before: an LF here belongs to that.
    AfterCr,
    /// Behind a CR that ended an event: the same, and the event was already handed out.
    AfterEvent,
}

/// One event, or a block of comments, with the empty line that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The bytes as they came.
    pub raw: Bytes,
    /// All `data` lines joined by LF; `Some` of nothing for a priming event's empty `data:`.
    pub data: Option<Bytes>,
    /// The last `id`.
    pub id: Option<Bytes>,
    /// The last `event`: its type.
    pub event: Option<Bytes>,
    /// The last `retry`, digits only: milliseconds.
    pub retry: Option<Bytes>,
    /// Whether it holds comments and empty lines only.
    pub comment_only: bool,
    /// Whether it holds text that a client ignores: comments, unknown fields, values out of form.
    /// Untouched it would carry that text along; [`Event::known_only`] leaves it behind.
    pub ignored_text: bool,
}

/// The stream cannot be decoded any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event is larger than the bound.
    #[error("an event of more than {limit} bytes")]
    TooLarge {
        /// The bound in force.
        limit: usize,
    },
}

impl From<SseError> for Rejection {
    fn from(error: SseError) -> Self {
        Self::new(Code::UpstreamInvalid, error.to_string())
    }
}

impl Decoder {
    /// A decoder at the beginning of a stream. `event_bytes_max` bounds the raw bytes of one event.
    #[must_use]
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            event_bytes_max,
            chunks: VecDeque::new(),
            partial: BytesMut::new(),
            line: Line::Start,
            first: true,
            failed: false,
        }
    }

    /// Adds input. Call [`Decoder::next_event`] until it has no more before adding again: what is
    /// not yet looked at is kept here.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() && !self.failed {
            self.chunks.push_back(chunk);
        }
    }

    /// The next complete event; `None` until more input comes, and for ever after an error.
    pub fn next_event(&mut self) -> Option<Result<Event, SseError>> {
        while let Some(mut chunk) = self.chunks.pop_front() {
            let end = self.find_end(&chunk);
            let taken = chunk.split_to(end.unwrap_or(chunk.len()));
            if self.partial.len().saturating_add(taken.len()) > self.event_bytes_max {
                self.fail();
                return Some(Err(SseError::TooLarge { limit: self.event_bytes_max }));
            }
            if end.is_none() {
                self.partial.extend_from_slice(&taken);
                continue;
            }
            if !chunk.is_empty() {
                self.chunks.push_front(chunk);
            }
            let raw = if self.partial.is_empty() {
                taken
            } else {
                self.partial.extend_from_slice(&taken);
                self.partial.split().freeze()
            };
            let bom = std::mem::take(&mut self.first);
            return Some(Ok(Event::parse(raw, bom)));
        }
        None
    }

    /// Ends the stream: the bytes of an event that was never completed, which clients discard.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        for chunk in self.chunks.drain(..) {
            self.partial.extend_from_slice(&chunk);
        }
        self.partial.freeze()
    }

    /// Moves over `chunk` up to the end of the event and returns where it is.
    fn find_end(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        if chunk.first() == Some(&b'\n') {
            match self.line {
                // The second half of a CRLF whose first half ended an event: a block of its own.
                Line::AfterEvent => {
                    self.line = Line::Start;
                    return Some(1);
                }
                Line::AfterCr => {
                    self.line = Line::Start;
                    at = 1;
                }
                Line::Start | Line::Inside => {}
            }
        }
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            let Some(length) = memchr2(b'\n', b'\r', rest) else {
                if !rest.is_empty() {
                    self.line = Line::Inside;
                }
                return None;
            };
            let empty = length == 0 && self.line != Line::Inside;
            at += length + 1;
            let cr = rest.get(length) == Some(&b'\r');
            if cr && chunk.get(at) == Some(&b'\n') {
                at += 1;
                self.line = Line::Start;
            } else if cr && at == chunk.len() {
                self.line = if empty { Line::AfterEvent } else { Line::AfterCr };
            } else {
                self.line = Line::Start;
            }
            if empty {
                return Some(at);
            }
        }
    }

    fn fail(&mut self) {
        self.failed = true;
        self.chunks.clear();
        self.partial = BytesMut::new();
    }
}

impl Event {
    /// The event with other data: `id`, `event` and `retry` stay, comments and unknown fields go,
    /// the data stands in one line. A line end in `data` becomes a space, which means the same
    /// in JSON, where it can stand between tokens only.
    #[must_use]
    pub fn encode(&self, data: &[u8]) -> Bytes {
        let mut out = self.head(data.len());
        write_line(&mut out, b"data", data);
        out.extend_from_slice(b"\n");
        out.freeze()
    }

    /// The event without comments, unknown fields and values out of form.
    #[must_use]
    pub fn known_only(&self) -> Bytes {
        let mut out = self.head(self.data.as_ref().map_or(0, Bytes::len));
        if let Some(data) = &self.data {
            for line in data.split(|byte| *byte == b'\n') {
                write_line(&mut out, b"data", line);
            }
        }
        out.extend_from_slice(b"\n");
        out.freeze()
    }

    fn head(&self, data_bytes: usize) -> BytesMut {
        let mut out = BytesMut::with_capacity(data_bytes + 64);
        let fields: [(&[u8], _); 3] =
            [(b"id", &self.id), (b"event", &self.event), (b"retry", &self.retry)];
        for (name, value) in fields {
            if let Some(value) = value {
                write_line(&mut out, name, value);
            }
        }
        out
    }

    fn parse(raw: Bytes, may_have_bom: bool) -> Self {
        let mut event = Self {
            data: None,
            id: None,
            event: None,
            retry: None,
            comment_only: true,
            ignored_text: false,
            raw: raw.clone(),
        };
        let mut joined = BytesMut::new();
        let mut rest: &[u8] = &raw;
        if may_have_bom {
            rest = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
        }
        while !rest.is_empty() {
            let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at_checked(length).unwrap_or((rest, b""));
            rest = after.get(1..).unwrap_or_default();
            event.field(line, &raw, &mut joined);
        }
        if !joined.is_empty() {
            event.data = Some(joined.freeze());
        }
        event
    }

    /// Takes one line in. A CRLF shows as an empty line behind the CR, which changes nothing.
    fn field(&mut self, line: &[u8], raw: &Bytes, joined: &mut BytesMut) {
        let Some(first) = line.first() else {
            return;
        };
        if *first == b':' {
            self.ignored_text = true;
            return;
        }
        self.comment_only = false;
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or((line, b""));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let slice = || Some(raw.slice_ref(value));
        match name {
            b"data" => match self.data.take() {
                None => self.data = slice(),
                Some(earlier) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(&earlier);
                    }
                    joined.extend_from_slice(b"\n");
                    joined.extend_from_slice(value);
                    self.data = Some(Bytes::new());
                }
            },
            b"id" if !value.contains(&0) => self.id = slice(),
            b"event" => self.event = slice(),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = slice();
            }
            _ignored => self.ignored_text = true,
        }
    }
}

/// An event of our own, of type `message`, as MCP's event streams have it.
#[must_use]
pub fn message(data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + 32);
    write_line(&mut out, b"event", b"message");
    write_line(&mut out, b"data", data);
    out.extend_from_slice(b"\n");
    out.freeze()
}

fn write_line(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    let mut rest = value;
    while let Some(length) = memchr2(b'\n', b'\r', rest) {
        out.extend_from_slice(rest.get(..length).unwrap_or_default());
        out.extend_from_slice(b" ");
        rest = rest.get(length + 1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\n");
}
