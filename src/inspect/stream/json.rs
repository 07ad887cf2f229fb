//! JSON in pieces: each is lexed, its parts are given to a [`Walk`] with the names over them, and
//! what may go out goes out.

use std::ops::Deref;

use bytes::Bytes;

use super::levels::{Levels, Over};
use super::lexer::{Cut, Event, Lexed, Part as Token, Rules, Shape, Stop, lex};
use super::{Advance, Mode, Part, Reading, Stream, StreamError, Why};
use crate::inspect::Detector;
use crate::inspect::edits::{LATE_LABELS, greatest_label};
use crate::inspect::paths::{Step, Trail};
use crate::inspect::seek::Seeker;
use crate::inspect::view::Escapes;
use crate::inspect::walk::{Context, NESTING_MAX, NUMBER_BYTES_MIN, Place, Span, Walk};
use crate::json::{Document, KeyRule, Limits};
use crate::limits::{JSON_NUMBER_BYTES_MAX, STREAM_DEPTH_MAX, STREAM_HELD_BYTES_MAX};

/// The tokens of a piece and what is around them.
struct Piece<'p> {
    part: Part<'p>,
    events: &'p [Event],
    over: Over,
    base: usize,
    depth: usize,
}

impl<D: Deref<Target = Detector>> Stream<D> {
    /// Reads a piece of JSON.
    pub(super) fn read_json(
        &mut self,
        level: usize,
        part: Part<'_>,
        shape: Shape,
        why: Why,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        let strict = self.is_strict(level);
        if strict && shape == Shape::NEW && starts_with_space(part.text) {
            return Ok(skip_space(part, out));
        }
        let base = self.readings.get(level).map_or(0, |reading| reading.base);
        let depth_max = STREAM_DEPTH_MAX.saturating_sub(base);
        let ended = part.ended;
        let lexed = lex(part.text, shape, Rules { strict, ended, one: strict, depth_max });
        let Lexed { last, stop, .. } = lexed;
        if strict {
            self.refuse_broken(part, &lexed)?;
        }
        match stop {
            Stop::Value => self.document(part, shape, &lexed, out),
            _ if why == Why::Flush => Ok(Advance::default()),
            Stop::End if ended => {
                self.piece(level, part, shape, (&lexed, last), out)?;
                Ok(Advance { done: true, ..Advance::to(part.out(last.at)) })
            }
            Stop::Fault(..) => self.give_up(level, part, shape, &lexed, out),
            Stop::Starved if ended => self.give_up(level, part, shape, &lexed, out),
            Stop::End | Stop::Starved if lexed.best.at > 0 => {
                self.piece(level, part, shape, (&lexed, lexed.best), out)?;
                self.set_mode(Mode::Json(lexed.best.shape));
                Ok(Advance::to(part.out(lexed.best.at)))
            }
            Stop::End | Stop::Starved => self.long_token(level, part, shape, &lexed, out),
        }
    }

    /// What is no JSON ends a stream of JSON.
    fn refuse_broken(&self, part: Part<'_>, lexed: &Lexed) -> Result<(), StreamError> {
        if let Stop::Fault(at, fault) = lexed.stop {
            return Err(self.fault(at, fault));
        }
        let Cut { at, shape, .. } = lexed.last;
        if part.ended && !shape.is_between_values() {
            return Err(self.syntax(at, "the rest of the value"));
        }
        let read = part.wire.get(..at).unwrap_or_default();
        std::str::from_utf8(read).map_err(|error| {
            let offset = self.at(error.valid_up_to());
            StreamError::Utf8 { offset }
        })?;
        Ok(())
    }

    /// A JSON text is complete: what is remembered of it is forgotten.
    fn document(
        &mut self,
        part: Part<'_>,
        shape: Shape,
        lexed: &Lexed,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        let cut = lexed.last.at;
        let text = part.text.get(..cut).unwrap_or_default();
        let is_whole = self.whole && shape == Shape::NEW;
        let whole = if is_whole { parse(text) } else { None };
        if let Some(document) = whole {
            let plan = self.detector.plan(document.root(), self.reveal);
            self.give(&plan, part.wire, 0..cut, out);
        } else {
            self.piece(0, part, shape, (lexed, lexed.last), out)?;
        }
        self.levels = Levels::default();
        self.memory = super::Memory::default();
        self.set_mode(Mode::Json(Shape::NEW));
        Ok(Advance::to(cut))
    }

    /// Reads as text what turned out to be no JSON.
    fn give_up(
        &mut self,
        level: usize,
        part: Part<'_>,
        shape: Shape,
        lexed: &Lexed,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        self.piece(level, part, shape, (lexed, lexed.last), out)?;
        let base = self.readings.get(level).map_or(0, |reading| reading.base);
        self.levels.truncate(base);
        self.set_mode(Mode::Prose(None));
        let at = lexed.last.at;
        let is_new_line = lexed.last.shape.is_between_values();
        let keep = if is_new_line { 0 } else { self.context_before(part, at) };
        Ok(Advance { keep, ..Advance::to(part.out(at)) })
    }

    /// The piece begins with a token that does not end in it.
    fn long_token(
        &mut self,
        level: usize,
        part: Part<'_>,
        shape: Shape,
        lexed: &Lexed,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        let is_string = part.text.first() == Some(&b'"');
        let strict = self.is_strict(level);
        if strict && (shape.wants_name() || !is_string) {
            return Err(StreamError::NameLength { offset: self.offset });
        }
        if shape.wants_name() || !is_string || level >= NESTING_MAX {
            return self.give_up(level, part, shape, lexed, out);
        }
        let (base, over) = self
            .readings
            .get(level)
            .map_or((0, Over::default()), |reading| (reading.base, reading.over));
        let over = self.levels.over(over, base);
        let base = self.levels.depth();
        self.readings.reserve_exact(1);
        self.readings.push(Reading { mode: Mode::Start, base, over });
        let cut = part.out(1);
        out.extend_from_slice(part.wire.get(..cut).unwrap_or_default());
        Ok(Advance::to(cut))
    }

    /// Redacts the tokens before a cut.
    fn piece(
        &mut self,
        level: usize,
        part: Part<'_>,
        shape: Shape,
        (lexed, cut): (&Lexed, Cut),
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let events = lexed.events.get(..cut.events).unwrap_or_default();
        let (over, base) = self
            .readings
            .get(level)
            .map_or((Over::default(), 0), |reading| (reading.over, reading.base));
        let piece = Piece { part, events, over, base, depth: self.nesting(level) };
        let labels =
            piece.texts().filter(|(token, text)| *token == Token::Name && text.ends_with(b"]"));
        let greatest = labels.map(|(_, text)| greatest_label(text)).max().unwrap_or(0);
        self.memory.greatest_label = self.memory.greatest_label.max(greatest);
        let names = self.levels.take_names();
        let mut walk = Walk::new(&self.detector, self.reveal, part.wire);
        walk.steps = self.levels.steps(&names, shape);
        walk.siblings = self.levels.siblings();
        walk.json_texts = level + 1;
        self.memory.lend(&mut walk);
        piece.read(&mut walk, &mut self.levels);
        self.levels.learn(&walk.siblings);
        walk.follow_siblings(0);
        if let Some(seeker) = Seeker::new(&walk.texts) {
            walk.seek(seeker, |walk| piece.read_again(walk));
        }
        walk.conclude();
        let kept = self.levels.keep(&walk.steps);
        self.memory.keep(&mut walk);
        let plan = walk.plan;
        kept.map_err(|error| self.names(error))?;
        self.give(&plan, part.wire, 0..part.out(cut.at), out);
        Ok(())
    }
}

impl<'p> Piece<'p> {
    fn text(&self, event: &Event) -> &'p [u8] {
        self.part.text.get(event.start..event.end).unwrap_or_default()
    }

    fn texts(&self) -> impl Iterator<Item = (Token, &'p [u8])> {
        self.events.iter().map(|event| (event.part, self.text(event)))
    }

    /// Looks at every name, string and number.
    fn read(&self, walk: &mut Walk<'p>, levels: &mut Levels) {
        for event in self.events {
            match event.part {
                Token::Object | Token::Array => {
                    let is_object = event.part == Token::Object;
                    let over = levels.over(self.over, self.base);
                    walk.steps.truncate(levels.depth());
                    levels.open(is_object, over);
                    walk.siblings.open(is_object);
                    if !is_object {
                        walk.steps.push(Step::ITEM);
                    }
                }
                Token::End => {
                    levels.close();
                    walk.steps.truncate(levels.depth());
                    walk.follow_siblings(levels.depth());
                }
                Token::Name => self.name(event, walk, levels),
                Token::Text | Token::Number => {
                    let over = levels.over(self.over, self.base);
                    self.value(event, walk, levels, over);
                }
            }
        }
    }

    fn name(&self, event: &Event, walk: &mut Walk<'p>, levels: &mut Levels) {
        let keys = levels.keys(levels.over_names());
        let name = self.text(event);
        walk.steps.truncate(levels.depth().saturating_sub(1));
        walk.labelled = levels.labelled().map_or(0, |count| *count);
        let context = Context { keys, place: Place::Name, depth: self.depth, trail: Trail::Wire };
        self.source(event, walk, context);
        if let Some(count) = levels.labelled() {
            *count = walk.labelled;
        }
        let (hash, hints) = walk.names.hints(name);
        levels.name(hints);
        walk.steps.push(Step { name: Some(name), hash });
    }

    fn value(&self, event: &Event, walk: &mut Walk<'p>, levels: &Levels, over: Over) {
        let keys = levels.keys(over);
        let Event { start, end, .. } = *event;
        let layer = self.part.layer;
        let place = if event.part == Token::Number {
            Place::Number(Span::new(layer, start, end))
        } else {
            Place::Text(Span::new(layer, start - 1, end + 1))
        };
        let context = Context { keys, place, depth: self.depth, trail: Trail::Wire };
        if event.part == Token::Number && self.depth == 0 {
            let telling = !keys.hints().classes.is_empty() || walk.detector.asks_every_value();
            if end - start >= NUMBER_BYTES_MIN || telling {
                walk.scan(self.text(event), &layer.part(start), context);
            }
            return;
        }
        self.source(event, walk, context);
    }

    fn source(&self, event: &Event, walk: &mut Walk<'p>, context: Context<'_>) {
        let escapes = if event.escaped { Escapes::Decode } else { Escapes::Keep };
        walk.source(self.text(event), self.part.layer.part(event.start), escapes, context);
    }

    /// Looks for copies of what was hidden.
    fn read_again(&self, walk: &mut Walk<'p>) {
        let keys = crate::inspect::context::Keys::NONE;
        for event in self.events {
            let layer = self.part.layer;
            let Event { start, end, .. } = *event;
            let place = match event.part {
                Token::Object | Token::Array | Token::End => continue,
                Token::Number => Place::Number(Span::new(layer, start, end)),
                Token::Text => Place::Text(Span::new(layer, start - 1, end + 1)),
                Token::Name => {
                    // The names of its object are numbered already.
                    walk.labelled = LATE_LABELS.saturating_add(walk.late);
                    walk.late = walk.late.saturating_add(1);
                    Place::Name
                }
            };
            let trail = Trail::Elsewhere;
            self.source(event, walk, Context { keys, place, depth: self.depth, trail });
        }
    }
}

fn starts_with_space(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| b" \t\n\r".contains(byte))
}

/// Gives out the white space before a text, so that the text begins its window.
fn skip_space(part: Part<'_>, out: &mut Vec<u8>) -> Advance {
    let space = part.text.iter().take_while(|byte| b" \t\n\r".contains(byte)).count();
    out.extend_from_slice(part.text.get(..space).unwrap_or_default());
    Advance::to(space)
}

/// Reads a text that fits the window. One with duplicate names is read as in a longer text.
fn parse(text: &[u8]) -> Option<Document> {
    let limits = Limits {
        depth_max: STREAM_DEPTH_MAX,
        nodes_max: STREAM_HELD_BYTES_MAX,
        number_bytes_max: JSON_NUMBER_BYTES_MAX,
        keys: KeyRule::Exact,
    };
    Document::parse(Bytes::copy_from_slice(text), &limits).ok()
}
