//! Redacts JSON and text of any size as it passes.
//!
//! Owns what of a stream is held back, and for how long. Pure, as all of [`super`]. Guarantees:
//!
//! - at most [`STREAM_HELD_BYTES_MAX`] bytes are held back, and at most [`STREAM_STATE_BYTES_MAX`]
//!   are kept between two chunks, whatever the size of the stream;
//! - the same bytes give the same result however they are cut into chunks ([`Stream::flush`]
//!   apart);
//! - what is not redacted stays as it is, byte for byte;
//! - a JSON text, a line of NDJSON or a plain text that fits what is held back gives what
//!   [`Detector::plan`] and [`Detector::redact_text`] give.
//!
//! What does not fit is read in pieces that end between two values, between records where that is
//! possible; a string that is longer is itself read in pieces, as JSON where it is JSON, else up to
//! line ends and blanks. A secret longer than that is replaced as soon as it is known for one, and
//! swallowed to its end. What cannot be known in pieces:
//!
//! - a copy is hidden only behind the value that explains it (and beside it in the same piece), and
//!   of values found earlier only the latest are remembered;
//! - a bare `name` counts where personal data stood before it in its object, or in the same piece;
//! - a value that is cut in two by content blocks is not put together;
//! - encoded text longer than a piece is not decoded: where its first bytes are text, it is hidden
//!   as a [`Class::Secret`];
//! - of a long text no value is dropped: [`Form::Drop`] puts a label there, as in plain text;
//! - duplicate member names are not refused.
//!
//! What comes after a finding of a class whose form is [`Form::Block`] is the caller's to stop: see
//! [`Summary::blocked`].
//!
//! [`Form::Drop`]: crate::class::Form::Drop
//! [`Form::Block`]: crate::class::Form::Block

mod json;
mod levels;
mod lexer;
mod memory;
mod outcome;
mod prose;

#[cfg(test)]
mod tests;

use std::mem;
use std::ops::{Deref, Range};

use super::Detector;
use super::lookalike::has_lookalikes;
use super::nested::looks_like_json;
use super::redact::{Plan, Seen};
use super::view::{Escapes, Layer, View};
use super::walk::NESTING_MAX;
use crate::class::ClassSet;
use crate::limits::STREAM_HELD_BYTES_MAX;
use levels::{Levels, Over, TooLong};
use lexer::{Fault, Shape, StringEnd};
use memory::Memory;
pub use outcome::{StreamError, Summary};
use prose::Swallow;

#[cfg(doc)]
use crate::{class::Class, limits::STREAM_STATE_BYTES_MAX};

/// How a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON texts, one or several with white space between them (NDJSON). What is no JSON is an
    /// error.
    Json,
    /// Any text: logs, event streams, CSV. JSON in it is read as JSON as far as it is.
    Text,
}

/// A redactor of one stream.
#[derive(Debug)]
pub struct Stream<D> {
    detector: D,
    reveal: ClassSet,
    kind: Kind,
    /// The window: what is not judged yet, behind what went out already and explains it.
    held: Vec<u8>,
    /// What of `held` is done with.
    start: usize,
    /// How much of the window went out already.
    context: usize,
    /// Bytes of the stream before the window.
    offset: u64,
    /// The texts that are read at this place, each standing in a string of the one before.
    readings: Vec<Reading>,
    levels: Levels,
    memory: Memory,
    summary: Summary,
    failed: Option<StreamError>,
    /// Bytes that are held back at most.
    window_max: usize,
    /// Whether a JSON text that fits the window is read as a whole.
    whole: bool,
}

/// One text that is read in pieces.
#[derive(Debug)]
struct Reading {
    mode: Mode,
    /// Levels that are open around it.
    base: usize,
    /// The names over it.
    over: Over,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Nothing of it was read.
    Start,
    Json(Shape),
    Prose(Option<Swallow>),
}

/// A part of the window as it is read: what is between the quotes of strings around it, decoded.
#[derive(Clone, Copy)]
struct Part<'w> {
    /// The window.
    wire: &'w [u8],
    text: &'w [u8],
    layer: &'w Layer<'w>,
    /// Whether the text ends where it ends here.
    ended: bool,
}

impl<'w> Part<'w> {
    /// Where a place of the text stands in the window.
    fn out(&self, at: usize) -> usize {
        self.layer.out(at)
    }
}

/// How far a step went.
#[derive(Debug, Clone, Default)]
struct Advance {
    /// Bytes of the window that are done with.
    cut: usize,
    /// How many of them are kept, since they explain what follows.
    keep: usize,
    /// The head of a table that goes on: kept in the place of these.
    head: Option<Range<usize>>,
    /// Whether the innermost text came to its end.
    done: bool,
}

impl Advance {
    /// Up to a place of the window, of which nothing explains what follows.
    fn to(cut: usize) -> Advance {
        Advance { cut, ..Advance::default() }
    }
}

/// Why the stream is read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The window is full.
    Full,
    /// What is complete is asked for.
    Flush,
    /// Nothing follows.
    End,
}

impl<D: Deref<Target = Detector>> Stream<D> {
    /// Starts on a stream for a reader who may see the classes in `reveal`.
    pub fn new(detector: D, reveal: ClassSet, kind: Kind) -> Self {
        let mode = match kind {
            Kind::Json => Mode::Json(Shape::NEW),
            Kind::Text => Mode::Start,
        };
        Stream {
            detector,
            reveal,
            kind,
            held: Vec::new(),
            start: 0,
            context: 0,
            offset: 0,
            readings: vec![Reading { mode, base: 0, over: Over::default() }],
            levels: Levels::default(),
            memory: Memory::default(),
            summary: Summary::default(),
            failed: None,
            window_max: STREAM_HELD_BYTES_MAX,
            whole: true,
        }
    }

    /// Takes a chunk and appends what may go out.
    ///
    /// # Errors
    /// The text is no JSON though it must be, or too deep. The same error is returned from then
    /// on, and nothing more goes out.
    pub fn push(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        self.refuse()?;
        while !chunk.is_empty() {
            self.held.drain(..mem::take(&mut self.start));
            // Short streams take no more than they need.
            let wanted = self.held.len().saturating_add(chunk.len()).min(self.window_max);
            self.held.reserve_exact(wanted - self.held.len());
            let (now, later) =
                chunk.split_at_checked(wanted - self.held.len()).unwrap_or((chunk, &[]));
            self.held.extend_from_slice(now);
            chunk = later;
            self.run(Why::Full, out)?;
        }
        Ok(())
    }

    /// Appends what can go out without waiting for more: JSON texts that are complete, lines of
    /// text. For sources that pause. Where a text is flushed decides what is read together, as
    /// chunks do not.
    ///
    /// # Errors
    /// As [`Stream::push`].
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        self.refuse()?;
        self.run(Why::Flush, out)
    }

    /// Appends the rest and tells what was found.
    ///
    /// # Errors
    /// As [`Stream::push`], and when JSON ends before it is complete.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, StreamError> {
        self.refuse()?;
        self.run(Why::End, out)?;
        Ok(self.summary)
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Bytes of the state between two chunks, with what is held back.
    pub fn state_bytes(&self) -> usize {
        let paths = self.summary.places.iter().map(|seen| seen.path.capacity()).sum::<usize>();
        size_of::<Self>()
            + self.held.capacity()
            + self.readings.capacity() * size_of::<Reading>()
            + self.summary.places.capacity() * size_of::<Seen>()
            + paths
            + self.levels.size()
            + self.memory.size()
    }

    fn refuse(&self) -> Result<(), StreamError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn run(&mut self, why: Why, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let mut idle = 0;
        loop {
            let waits = self.held.len() - self.start < self.window_max;
            if why == Why::Full && waits {
                return Ok(());
            }
            let held = mem::take(&mut self.held);
            let window = held.get(self.start..).unwrap_or_default();
            let advance = self.step(window, why, out);
            let Advance { cut, keep, head, done } = match advance {
                Ok(advance) => advance,
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            };
            self.held = held;
            self.start += cut - keep;
            self.offset += u64::try_from(cut - keep).unwrap_or(u64::MAX);
            self.context = keep;
            let all = self.held.len() == self.start + keep;
            if let Some(head) = head {
                self.begin_with(cut, head);
            }
            let cut = cut - keep;
            if (done && self.readings.len() == 1) || (why == Why::Flush && cut == 0) {
                return Ok(());
            }
            // A step that takes nothing changes how the next one reads; many of them are ours.
            idle = if cut == 0 && !all { idle + 1 } else { 0 };
            if idle > IDLE_STEPS_MAX {
                let error = self.syntax(0, "text that can be read in pieces");
                self.failed = Some(error.clone());
                return Err(error);
            }
        }
    }

    /// Puts the head of a table, which stood in the window before its cut, before the rest.
    fn begin_with(&mut self, cut: usize, head: Range<usize>) {
        let window = self.start - cut;
        let head = self.held.get(window + head.start..window + head.end);
        let head = head.unwrap_or_default().to_vec();
        self.context = head.len();
        self.offset = self.offset.saturating_sub(u64::try_from(head.len()).unwrap_or(0));
        self.held.splice(..self.start, head);
        self.start = 0;
    }

    fn step(&mut self, window: &[u8], why: Why, out: &mut Vec<u8>) -> Result<Advance, StreamError> {
        let ended = why == Why::End;
        let part = Part { wire: window, text: window, layer: &Layer::WIRE, ended };
        match self.kind {
            Kind::Json => self.descend(0, part, why, out),
            Kind::Text => {
                let cut = if ended { 0 } else { lexer::cut_character(window) };
                let text = window.get(..window.len() - cut).unwrap_or_default();
                if text.is_ascii() || !has_lookalikes(text) {
                    return self.descend(0, Part { text, ..part }, why, out);
                }
                let view = View::new(text, Escapes::Keep);
                let layer = Layer::wire(0).viewed(&view);
                let part = Part { text: &view.text, layer: &layer, ..part };
                self.descend(0, part, why, out)
            }
        }
    }

    /// Goes down to the innermost text and reads it.
    fn descend(
        &mut self,
        level: usize,
        part: Part<'_>,
        why: Why,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        if level + 1 >= self.readings.len() {
            return self.read(level, part, why, out);
        }
        let strict = self.is_strict(level);
        let content = lexer::read_string(part.text, 0, strict);
        if let StringEnd::Fault(at, fault) = content.end {
            return Err(self.fault(at, fault));
        }
        let closed = content.end == StringEnd::Quote;
        if part.ended && strict && !closed {
            return Err(self.syntax(part.text.len(), "`\"`"));
        }
        let source = part.text.get(..content.length).unwrap_or_default();
        if strict && let Err(error) = std::str::from_utf8(source) {
            return Err(StreamError::Utf8 { offset: self.at(error.valid_up_to()) });
        }
        let view = View::new(source, if content.escaped { Escapes::Decode } else { Escapes::Keep });
        let outer = part.layer.part(0);
        let layer = outer.viewed(&view);
        let ended = part.ended || closed;
        let inner = Part { wire: part.wire, text: &view.text, layer: &layer, ended };
        let advance = self.descend(level + 1, inner, why, out)?;
        if !advance.done {
            return Ok(advance);
        }
        // The string is read; its quote is the last of it.
        if let Some(reading) = self.readings.pop() {
            self.levels.truncate(reading.base);
        }
        if let Some(Reading { mode: Mode::Json(shape), .. }) = self.readings.last_mut() {
            shape.after_value();
        }
        let from = part.out(content.length);
        let cut = part.out(content.length + usize::from(closed));
        out.extend_from_slice(part.wire.get(from..cut).unwrap_or_default());
        Ok(Advance::to(cut))
    }

    /// Reads the innermost text.
    fn read(
        &mut self,
        level: usize,
        part: Part<'_>,
        why: Why,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        let first = self.offset == 0 && self.start == 0 && self.context == 0;
        let Some(reading) = self.readings.get_mut(level) else { return Ok(Advance::default()) };
        if why == Why::Flush && level > 0 {
            return Ok(Advance::default());
        }
        if let Mode::Start = reading.mode {
            if level == 0 && why == Why::End && first && self.whole {
                return self.whole_text(part, out);
            }
            let is_json =
                looks_like_json(part.text) && level + usize::from(level == 0) <= NESTING_MAX;
            reading.mode = if is_json { Mode::Json(Shape::NEW) } else { Mode::Prose(None) };
        }
        match reading.mode {
            Mode::Json(shape) => self.read_json(level, part, shape, why, out),
            Mode::Prose(Some(swallow)) => Ok(self.read_away(part, swallow)),
            Mode::Start | Mode::Prose(None) => self.read_prose(level, part, why, out),
        }
    }

    /// A text that fits the window.
    fn whole_text(&mut self, part: Part<'_>, out: &mut Vec<u8>) -> Result<Advance, StreamError> {
        let plan = self.detector.plan_text(part.wire, self.reveal);
        self.give(&plan, part.wire, 0..part.wire.len(), out);
        self.set_mode(Mode::Prose(None));
        Ok(Advance { done: true, ..Advance::to(part.wire.len()) })
    }

    /// Gives out a range of the window with its edits, and books what was found.
    fn give(&mut self, plan: &Plan, wire: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
        let mut at = range.start;
        for (edit, replacement) in plan.edits().filter(|(edit, _)| edit.start < range.end) {
            if edit.end <= at {
                continue;
            }
            out.extend_from_slice(wire.get(at..edit.start).unwrap_or_default());
            out.extend_from_slice(replacement);
            at = edit.end;
        }
        out.extend_from_slice(wire.get(at..range.end).unwrap_or_default());
        self.summary.book(plan);
    }

    fn set_mode(&mut self, mode: Mode) {
        if let Some(reading) = self.readings.last_mut() {
            reading.mode = mode;
        }
    }

    /// How many texts are around the values at this level: see [`super::walk::Context`].
    fn nesting(&self, level: usize) -> usize {
        level + usize::from(self.kind == Kind::Text)
    }

    fn is_strict(&self, level: usize) -> bool {
        level == 0 && self.kind == Kind::Json
    }

    /// Where a place of the window stands in the stream.
    fn at(&self, at: usize) -> u64 {
        self.offset.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
    }

    fn syntax(&self, at: usize, expected: &'static str) -> StreamError {
        StreamError::Syntax { offset: self.at(at), expected }
    }

    fn fault(&self, at: usize, fault: Fault) -> StreamError {
        StreamError::of(fault, self.at(at))
    }

    fn names(&self, _: TooLong) -> StreamError {
        StreamError::Names { offset: self.offset }
    }
}

/// Steps in a row that take nothing: more than any way of reading gives up in turn.
const IDLE_STEPS_MAX: usize = 8;
