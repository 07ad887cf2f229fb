//! The way through a message: every string, number and member name is looked at, JSON
//! that stands in strings included, and what is found becomes edits of the plan.

pub(super) use crate::limits::PENDING_MAX;
use std::mem;
use std::ops::Range;

use super::Detector;
use super::bytes::{BRACE, LINE, OPENING, WRITTEN, held};
use super::context::{Hints, Keys, Names};
use super::lookalike::has_lookalikes;
use super::nested::{Part, Reader, Token, looks_like_json};
use super::paths::{Step, Trail};
use super::redact::Plan;
use super::scan::{Findings, Same};
use super::seams::Ended;
use super::seek::{Known, Seeker};
use super::siblings::Siblings;
use super::table;
use super::view::{Escapes, Layer, View};
use crate::class::{Class, ClassSet};
use crate::json::{Items, Kind, Members, Value};

/// One message on its way to a plan.
pub(super) struct Walk<'m> {
    pub(super) detector: &'m Detector,
    pub(super) reveal: ClassSet,
    /// The wire text of all that is looked at.
    pub(super) wire: &'m [u8],
    pub(super) plan: Plan,
    pub(super) findings: Findings,
    /// What member names mean.
    pub(super) names: Names,
    /// Member names in which nothing was found.
    clean_names: CleanNames<'m>,
    /// The way to the value at hand.
    pub(super) steps: Vec<Step<'m>>,
    /// Values that were hidden: the same letters and digits are hidden everywhere.
    pub(super) known: Vec<(Same, Class)>,
    /// Texts that were hidden, which only a name explained.
    pub(super) texts: Known,
    /// Set on the second way through a message: what to look for.
    pub(super) seeker: Option<Seeker>,
    /// Set while a text is read in a second way: which edits the first way made.
    pub(super) again: Option<Range<usize>>,
    pub(super) undecided: Vec<Pending>,
    /// The text block before the one at hand.
    pub(super) ended: Option<Ended<'m>>,
    /// What stands beside the value at hand in its object.
    pub(super) siblings: Siblings,
    /// Redacted names of the object at hand.
    pub(super) labelled: u32,
    /// What numbering of redacted names begins after, once it was needed.
    pub(super) first_label: Option<u32>,
    /// Names that were redacted after their object was closed.
    pub(super) late: u32,
    /// JSON texts around all that is looked at.
    pub(super) json_texts: usize,
    /// How many encoded texts are around this one.
    pub(super) wrapped: usize,
    /// Whether a text was read in a second way: see [`super::written`].
    pub(super) rewritten: bool,
    /// Bytes of encoded text that may still be decoded.
    pub(super) budget: usize,
}

/// What a text is in the message around it: decides what a replacement may look like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'l> {
    /// A string, quotes included.
    Text(Span<'l>),
    /// A number.
    Number(Span<'l>),
    /// A member name.
    Name,
    /// Text outside JSON.
    Free,
}

/// A stretch of a text. Where it stands on the wire is computed only when it is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'l> {
    layer: &'l Layer<'l>,
    start: usize,
    end: usize,
}

impl<'l> Span<'l> {
    pub(super) fn new(layer: &'l Layer<'l>, start: usize, end: usize) -> Self {
        Span { layer, start, end }
    }

    pub(super) fn wire(&self) -> Range<usize> {
        self.layer.range(self.start, self.end)
    }
}

/// A value that counts only if it was found elsewhere.
pub(super) struct Pending {
    pub(super) same: Same,
    /// Where its letters and digits stand.
    pub(super) range: Range<usize>,
    pub(super) place: PendingPlace,
}

/// As [`Place`], on the wire.
#[derive(Debug, Clone)]
pub(super) enum PendingPlace {
    Text(Range<usize>),
    Number(Range<usize>),
    Name,
    Free,
}

/// A container whose children are being visited.
struct Frame<'d> {
    children: Children<'d>,
    keys: Keys,
    labelled: u32,
    /// Steps of the way to it.
    steps: usize,
}

enum Children<'d> {
    Members(Members<'d>),
    Items(Items<'d>),
}

impl<'m> Walk<'m> {
    /// Starts on a message whose wire text is `wire`.
    pub(super) fn new(detector: &'m Detector, reveal: ClassSet, wire: &'m [u8]) -> Self {
        Walk {
            detector,
            reveal,
            wire,
            plan: Plan::default(),
            findings: Findings::default(),
            names: Names::default(),
            clean_names: CleanNames::default(),
            steps: Vec::new(),
            known: Vec::new(),
            texts: Known::default(),
            seeker: None,
            again: None,
            ended: None,
            undecided: Vec::new(),
            siblings: Siblings::default(),
            labelled: 0,
            first_label: None,
            late: 0,
            json_texts: 0,
            wrapped: 0,
            rewritten: false,
            budget: wire.len().saturating_mul(DECODED_PER_BYTE).max(DECODED_BYTES_MIN),
        }
    }

    /// Keeps every find for a report.
    pub(super) fn reporting(self) -> Self {
        Walk { plan: Plan::reporting(), ..self }
    }

    /// Plans for a JSON value and all below it.
    pub(super) fn value(mut self, root: Value<'m>) -> Plan {
        self.json_texts = 1;
        self.tree(root);
        if let Some(seeker) = Seeker::new(&self.texts) {
            self.seek(seeker, |walk| walk.tree(root));
        }
        self.finish()
    }

    /// Plans for free text.
    pub(super) fn text(mut self, text: &'m [u8], keys: Keys) -> Plan {
        self.plain(text, keys);
        self.finish()
    }

    /// Looks at free text, and again for what only a name explained somewhere in it.
    pub(super) fn plain(&mut self, text: &'m [u8], keys: Keys) {
        let context = Context { keys, place: Place::Free, depth: 0, trail: Trail::Wire };
        self.source(text, Layer::wire(0), Escapes::Keep, context);
        self.follow_siblings(0);
        if let Some(seeker) = Seeker::new(&self.texts) {
            self.seek(seeker, |walk| walk.source(text, Layer::wire(0), Escapes::Keep, context));
        }
    }

    /// Goes through the message once more, for other copies of what a name explained once.
    pub(super) fn seek(&mut self, seeker: Seeker, again: impl FnOnce(&mut Self)) {
        self.plan.settle();
        let plain = !self.rewritten
            && memchr::memchr(b'\\', self.wire).is_none()
            && (self.wire.is_ascii() || !has_lookalikes(self.wire));
        // Then every text stands on the wire as it is read, and so does every copy.
        if plain && !seeker.is_in(self.wire, |range| self.plan.hides(&range)) {
            return;
        }
        self.seeker = Some(seeker);
        self.clean_names = CleanNames::default();
        again(self);
        self.seeker = None;
    }

    /// Visits a JSON value and all below it. Keeps its own stack: nesting is bounded by the
    /// reader, not by ours.
    fn tree(&mut self, root: Value<'m>) {
        let mut stack: Vec<Frame<'m>> = Vec::new();
        self.visit(root, Keys::NONE, 0, &mut stack);
        while let Some(frame) = stack.last_mut() {
            let keys = frame.keys;
            let next = match &mut frame.children {
                Children::Items(items) => items.next().map(|value| (None, value)),
                Children::Members(members) => members.next().map(|(name, v)| (Some(name), v)),
            };
            match next {
                Some((None, value)) => self.visit(value, keys, self.steps.len(), &mut stack),
                Some((Some(name), value)) => {
                    let inner = name.string_inner().unwrap_or_default();
                    let (hash, hints) = self.names.hints(inner);
                    if !self.clean_names.has(hash, inner, keys) {
                        self.labelled = frame.labelled;
                        self.string(name, keys, Place::Name);
                        frame.labelled = self.labelled;
                        if self.seeker.is_none() && self.findings.is_empty() {
                            self.clean_names.add(hash, inner, keys);
                        }
                    }
                    let name = inner;
                    let steps = self.steps.len();
                    self.steps.push(Step { name: Some(name), hash });
                    let open = stack.len();
                    self.visit(value, keys.member(hints), steps, &mut stack);
                    if stack.len() == open {
                        self.steps.truncate(steps);
                    }
                }
                None => {
                    self.steps.truncate(frame.steps);
                    stack.pop();
                    self.follow_siblings(stack.len());
                }
            }
        }
    }

    fn visit(&mut self, value: Value<'m>, keys: Keys, steps: usize, stack: &mut Vec<Frame<'m>>) {
        let children = match value.kind() {
            Kind::Object => Children::Members(value.members()),
            Kind::Array => {
                self.steps.push(Step::ITEM);
                Children::Items(value.items())
            }
            Kind::String => {
                let Range { start, end } = value.span();
                let place = Place::Text(Span { layer: &Layer::WIRE, start, end });
                self.string(value, keys, place);
                return self.seam(value);
            }
            Kind::Number => return self.number(value, keys),
            Kind::True | Kind::False | Kind::Null => return,
        };
        self.siblings.open(value.kind() == Kind::Object);
        stack.push(Frame { children, keys, labelled: 0, steps });
    }

    fn string(&mut self, value: Value<'m>, keys: Keys, place: Place<'_>) {
        let inner = value.string_inner().unwrap_or_default();
        let escapes = if value.is_escaped() { Escapes::Decode } else { Escapes::Keep };
        let layer = Layer::wire(value.span().start + 1);
        let context = Context { keys, place, depth: 0, trail: Trail::Wire };
        self.source(inner, layer, escapes, context);
    }

    fn number(&mut self, value: Value<'m>, keys: Keys) {
        let Range { start, end } = value.span();
        let telling = !keys.hints().classes.is_empty();
        if end - start < NUMBER_BYTES_MIN && !telling && !self.detector.asks_every_value() {
            return;
        }
        let place = Place::Number(Span { layer: &Layer::WIRE, start, end });
        let context = Context { keys, place, depth: 0, trail: Trail::Wire };
        self.scan(value.raw(), &Layer::wire(start), context);
    }

    /// Looks at a text as it stands in its source.
    pub(super) fn source(
        &mut self,
        source: &[u8],
        layer: Layer<'_>,
        escapes: Escapes,
        context: Context<'_>,
    ) {
        let lookalikes = !source.is_ascii() && has_lookalikes(source);
        if escapes == Escapes::Keep && !lookalikes {
            return self.content(source, &layer, context);
        }
        let view = View::new(source, escapes);
        self.content(&view.text, &layer.viewed(&view), context);
    }

    /// Looks at a text as a reader sees it.
    fn content(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let is_value = !matches!(context.place, Place::Name) && context.depth < NESTING_MAX;
        if !is_value {
            return self.scan(text, layer, context);
        }
        if looks_like_json(text) {
            let rest = self.nested(text, layer, context);
            let Some(rest_text) = text.get(rest..).filter(|rest| !rest.is_empty()) else { return };
            return self.prose(rest_text, &layer.part(rest), context);
        }
        self.prose(text, layer, context);
    }

    /// Looks at running text and at the tables in it.
    pub(super) fn prose(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let before = self.plan.len();
        let held = held(text);
        if held & (LINE | OPENING) != 0 && table::looks_like_table(text) {
            self.cells(text, layer, context);
        } else if held & BRACE != 0 {
            self.running(text, layer, context);
        } else if !text.is_empty() {
            self.scan(text, layer, context);
        }
        let readable = held & WRITTEN != 0 && context.depth < NESTING_MAX;
        let written = if readable { View::written(text) } else { None };
        if let Some(view) = written {
            self.rewritten = true;
            let context = Context { depth: context.depth + 1, ..context };
            self.plan.order(before);
            let again = self.again.replace(before..self.plan.len());
            self.content(&view.text, &layer.part(0).viewed(&view), context);
            self.again = again;
        }
    }

    /// Looks at running text and at the JSON texts in it: log lines end with them.
    fn running(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let mut from = 0;
        for _ in 0..OBJECTS_MAX {
            let rest = text.get(from..).unwrap_or_default();
            let Some(found) = object(rest) else { break };
            let at = from + found;
            let inner = Context { depth: context.depth + 1, ..context };
            if found > 0 {
                self.scan(text.get(from..at).unwrap_or_default(), &layer.part(from), context);
            }
            let object = text.get(at..).unwrap_or_default();
            let read = self.nested(object, &layer.part(at), inner);
            // One byte at least, so that every round gets further.
            from = at + read.max(1);
        }
        if from < text.len() {
            self.scan(text.get(from..).unwrap_or_default(), &layer.part(from), context);
        }
    }

    /// Looks at the cells of the tables in a text, of which the heads say what they are.
    fn cells(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let mut row = 0;
        let open = self.siblings.depth();
        self.siblings.open(true);
        for part in table::parts(text) {
            match part {
                table::Part::Cell { start, end, head, row: its_row } => {
                    if its_row != row {
                        row = its_row;
                        self.follow_siblings(open);
                        self.siblings.open(true);
                    }
                    let head = text.get(head).unwrap_or_default();
                    let (_, hints) = self.names.hints(head);
                    let keys = context.keys.member(hints);
                    let trail = Trail::Cell(&context.trail, head);
                    let place = Place::Free;
                    let depth = context.depth + 1;
                    let cell = text.get(start..end).unwrap_or_default();
                    let context = Context { keys, place, depth, trail };
                    self.content(cell, &layer.part(start), context);
                }
                table::Part::Head { start, end } | table::Part::Text { start, end } => {
                    let part = text.get(start..end).unwrap_or_default();
                    let depth = NESTING_MAX;
                    self.scan(part, &layer.part(start), Context { depth, ..context });
                }
            }
        }
        self.follow_siblings(open);
    }

    /// Looks at the parts of a JSON text in a string; returns where it stops being JSON.
    fn nested(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) -> usize {
        let mut reader = Reader::new(text, context.keys);
        // The objects of a nested text share one numbering of redacted names.
        let outer = mem::replace(&mut self.labelled, 0);
        let open = self.siblings.depth();
        while let Some(token) = reader.next() {
            let Token { part, start, end, keys, escapes } = token;
            self.follow_siblings(open + reader.depth());
            let part_text = text.get(start..end).unwrap_or_default();
            let closed = text.get(end) == Some(&b'"');
            let place = match part {
                Part::Name => Place::Name,
                Part::Number => Place::Number(Span { layer, start, end }),
                Part::Text if closed => Place::Text(Span { layer, start: start - 1, end: end + 1 }),
                Part::Text => Place::Free,
            };
            let trail = Trail::Nested(&context.trail, text, reader.way());
            let inner = Context { keys, place, depth: context.depth + 1, trail };
            self.source(part_text, layer.part(start), escapes, inner);
            if part == Part::Name {
                let (_, hints) = self.names.hints(part_text);
                reader.named(hints, start..end);
            }
        }
        self.follow_siblings(open);
        self.labelled = outer;
        reader.rest()
    }
}

/// Member names in which nothing was found, with what the names over them say: records repeat them.
#[derive(Default)]
struct CleanNames<'m> {
    names: [(&'m [u8], Hints); CLEAN_NAMES],
}

impl<'m> CleanNames<'m> {
    fn has(&self, hash: u64, name: &[u8], keys: Keys) -> bool {
        let slot = self.names.get(Self::place(hash));
        slot.is_some_and(|slot| !name.is_empty() && slot.0 == name && slot.1 == keys.hints())
    }

    fn add(&mut self, hash: u64, name: &'m [u8], keys: Keys) {
        let slot = self.names.get_mut(Self::place(hash));
        slot.into_iter().for_each(|slot| *slot = (name, keys.hints()));
    }

    fn place(hash: u64) -> usize {
        usize::try_from(hash >> 40).unwrap_or(0) % CLEAN_NAMES
    }
}

/// Where an object begins in a text.
fn object(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'{', text).take(BRACES_MAX).find(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.iter().take(INDENT_BYTES_MAX).find(|b| !b.is_ascii_whitespace()) == Some(&b'"')
    })
}

/// Where a text stands and what is known about it.
#[derive(Clone, Copy)]
pub(super) struct Context<'k> {
    pub(super) keys: Keys,
    pub(super) place: Place<'k>,
    /// How many texts are around it that are read as something else: JSON, tables, encodings.
    pub(super) depth: usize,
    pub(super) trail: Trail<'k>,
}

/// JSON in JSON in JSON is read so many levels deep; below that it is read as text.
pub(super) const NESTING_MAX: usize = 4;

/// Member names that are remembered as clean.
const CLEAN_NAMES: usize = 32;

/// Braces of one text that are looked at before the rest counts as running text.
const BRACES_MAX: usize = 4096;

/// Unit: bytes. What may stand between an object's brace and its first name.
const INDENT_BYTES_MAX: usize = 64;

/// JSON texts in one running text that are read as JSON.
const OBJECTS_MAX: usize = 256;

/// Shorter numbers are nobody's unless a name says so.
pub(super) const NUMBER_BYTES_MIN: usize = 7;

/// Bytes of encoded text that are decoded for each byte of a message, and for a small one.
const DECODED_PER_BYTE: usize = 2;
const DECODED_BYTES_MIN: usize = 4096;
