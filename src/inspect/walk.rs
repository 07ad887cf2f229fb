//! The way through a message: every string, number and member name is looked at, JSON
//! that stands in strings included, and what is found becomes edits of the plan.

pub(super) use crate::limits::PENDING_MAX;
use std::mem;
use std::ops::Range;

use super::Detector;
use super::context::Keys;
use super::mask;
use super::nested::{Part, Reader, Token, looks_like_json};
use super::redact::Plan;
use super::scan::{Findings, Found, Number, Subject, Undecided, first_trigger};
use super::view::{Escapes, Layer, View, has_lookalikes};
use crate::class::{Class, ClassSet, Form};
use crate::json::{Items, Kind, Members, Value};

/// One message on its way to a plan.
pub(super) struct Walk<'m> {
    detector: &'m Detector,
    reveal: ClassSet,
    /// The wire text of all that is looked at.
    wire: &'m [u8],
    plan: Plan,
    findings: Findings,
    /// Numbers that were hidden: the same digits are hidden everywhere.
    known: Vec<(Number, Class)>,
    undecided: Vec<Pending>,
    /// Redacted names of the object at hand.
    labelled: u32,
    /// What numbering of redacted names begins after, once it was needed.
    first_label: Option<u32>,
}

/// What a text is in the message around it: decides what a replacement may look like.
#[derive(Debug, Clone, Copy)]
enum Place<'l> {
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
struct Span<'l> {
    layer: &'l Layer<'l>,
    start: usize,
    end: usize,
}

impl Span<'_> {
    fn wire(&self) -> Range<usize> {
        self.layer.range(self.start, self.end)
    }
}

/// A number that counts only if it was found elsewhere.
struct Pending {
    number: Number,
    /// Where its digits stand.
    range: Range<usize>,
    place: PendingPlace,
}

/// As [`Place`], on the wire.
enum PendingPlace {
    Text(Range<usize>),
    Number(Range<usize>),
    Name,
    Free,
}

/// A container whose children are being visited.
struct Frame<'d> {
    children: Children<'d>,
    keys: Keys<'d>,
    labelled: u32,
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
            known: Vec::new(),
            undecided: Vec::new(),
            labelled: 0,
            first_label: None,
        }
    }

    /// Plans for a JSON value and all below it. Keeps its own stack: nesting is bounded
    /// by the reader, not by ours.
    pub(super) fn value(mut self, root: Value<'m>) -> Plan {
        let mut stack: Vec<Frame<'m>> = Vec::new();
        self.visit(root, Keys::NONE, &mut stack);
        while let Some(frame) = stack.last_mut() {
            let keys = frame.keys;
            let next = match &mut frame.children {
                Children::Items(items) => items.next().map(|value| (None, value)),
                Children::Members(members) => members.next().map(|(name, v)| (Some(name), v)),
            };
            match next {
                Some((None, value)) => self.visit(value, keys, &mut stack),
                Some((Some(name), value)) => {
                    self.labelled = frame.labelled;
                    self.string(name, keys, Place::Name);
                    frame.labelled = self.labelled;
                    let keys = keys.member(name.string_inner().unwrap_or_default());
                    self.visit(value, keys, &mut stack);
                }
                None => drop(stack.pop()),
            }
        }
        self.finish()
    }

    /// Plans for free text.
    pub(super) fn text(mut self, text: &'m [u8]) -> Plan {
        self.source(text, Layer::wire(0), Escapes::Keep, Context::free());
        self.finish()
    }

    fn visit(&mut self, value: Value<'m>, keys: Keys<'m>, stack: &mut Vec<Frame<'m>>) {
        let children = match value.kind() {
            Kind::Object => Children::Members(value.members()),
            Kind::Array => Children::Items(value.items()),
            Kind::String => {
                let Range { start, end } = value.span();
                let place = Place::Text(Span { layer: &Layer::WIRE, start, end });
                return self.string(value, keys, place);
            }
            Kind::Number => return self.number(value, keys),
            Kind::True | Kind::False | Kind::Null => return,
        };
        stack.push(Frame { children, keys, labelled: 0 });
    }

    fn string(&mut self, value: Value<'m>, keys: Keys<'m>, place: Place<'_>) {
        let inner = value.string_inner().unwrap_or_default();
        let escapes = if value.is_escaped() { Escapes::Decode } else { Escapes::Keep };
        let layer = Layer::wire(value.span().start + 1);
        self.source(inner, layer, escapes, Context { keys, place, depth: 0 });
    }

    fn number(&mut self, value: Value<'m>, keys: Keys<'m>) {
        let Range { start, end } = value.span();
        if end - start < NUMBER_BYTES_MIN && !self.detector.has_custom() {
            return;
        }
        let place = Place::Number(Span { layer: &Layer::WIRE, start, end });
        self.scan(value.raw(), &Layer::wire(start), Context { keys, place, depth: 0 });
    }

    /// Looks at a text as it stands in its source.
    fn source(&mut self, source: &[u8], layer: Layer<'_>, escapes: Escapes, context: Context<'_>) {
        let lookalikes = !source.is_ascii() && has_lookalikes(source);
        if escapes == Escapes::Keep && !lookalikes {
            return self.content(source, &layer, context);
        }
        if lookalikes || self.detector.has_custom() || first_trigger(source).is_some() {
            let view = View::new(source, escapes);
            self.content(&view.text, &layer.viewed(&view), context);
        }
    }

    /// Looks at a text as a reader sees it.
    fn content(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let is_value = !matches!(context.place, Place::Name) && context.depth < NESTING_MAX;
        if !is_value || !looks_like_json(text) {
            return self.scan(text, layer, context);
        }
        let rest = self.nested(text, layer, context);
        if let Some(rest_text) = text.get(rest..).filter(|rest| !rest.is_empty()) {
            self.scan(rest_text, &layer.part(rest), context);
        }
    }

    /// Looks at the parts of a JSON text in a string; returns where it stops being JSON.
    fn nested(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) -> usize {
        let mut reader = Reader::new(text, context.keys);
        // The objects of a nested text share one numbering of redacted names.
        let outer = mem::replace(&mut self.labelled, 0);
        for token in reader.by_ref() {
            let Token { part, start, end, keys, escapes } = token;
            let part_text = text.get(start..end).unwrap_or_default();
            let closed = text.get(end) == Some(&b'"');
            let place = match part {
                Part::Name => Place::Name,
                Part::Number => Place::Number(Span { layer, start, end }),
                Part::Text if closed => Place::Text(Span { layer, start: start - 1, end: end + 1 }),
                Part::Text => Place::Free,
            };
            let inner = Context { keys, place, depth: context.depth + 1 };
            self.source(part_text, layer.part(start), escapes, inner);
        }
        self.labelled = outer;
        reader.rest()
    }

    /// Finds what stands in a text and turns it into edits.
    fn scan(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let numeric = matches!(context.place, Place::Number(_));
        self.findings.clear();
        let subject = Subject { text, keys: context.keys, numeric };
        self.detector.find(subject, &mut self.findings);
        if self.findings.is_empty() {
            return;
        }
        let mut findings = mem::take(&mut self.findings);
        if findings.found.len() > 1 {
            self.resolve(&mut findings.found);
        }
        self.edit(text, layer, context.place, &findings.found);
        self.remember(layer, context.place, &findings);
        self.findings = findings;
    }

    /// Keeps the numbers that only a find elsewhere can explain.
    fn remember(&mut self, layer: &Layer<'_>, place: Place<'_>, findings: &Findings) {
        for Undecided { start, end, number } in &findings.undecided {
            let next = findings.found.partition_point(|found| found.end <= *start);
            let taken = findings.found.get(next).is_some_and(|found| found.start < *end);
            if !taken && self.undecided.len() < PENDING_MAX {
                let place = match place {
                    Place::Text(span) => PendingPlace::Text(span.wire()),
                    Place::Number(span) => PendingPlace::Number(span.wire()),
                    Place::Name => PendingPlace::Name,
                    Place::Free => PendingPlace::Free,
                };
                let range = layer.range(*start, *end);
                self.undecided.push(Pending { number: *number, range, place });
            }
        }
    }

    /// Brings findings into order and leaves no two that overlap. What must be hidden
    /// wins over what may be shown; between equals the longer one gives the class, and
    /// both are covered.
    fn resolve(&self, found: &mut Vec<Found>) {
        let order = |f: &Found| (f.start, usize::MAX - f.end);
        if !found.is_sorted_by_key(order) {
            found.sort_unstable_by_key(order);
        }
        found.dedup_by(|next, last| {
            if next.start >= last.end {
                return false;
            }
            let (weak, strong) = (self.weight(last.class), self.weight(next.class));
            if weak < strong {
                *last = *next;
            } else if weak == strong && next.end > last.end {
                let longer = next.end - next.start > last.end - last.start;
                let class = if longer { next.class } else { last.class };
                let (start, end) = (last.start, next.end);
                *last = Found { start, end, class, number: None, merged: true };
            }
            true
        });
    }

    /// Shown to this reader, counted only, or hidden.
    fn weight(&self, class: Class) -> u8 {
        match self.detector.form(class) {
            _ if self.reveal.contains(class) => 0,
            Form::Report => 1,
            Form::Mask | Form::Label | Form::Drop | Form::Block => 2,
        }
    }

    fn edit(&mut self, text: &[u8], layer: &Layer<'_>, place: Place<'_>, found: &[Found]) {
        for found in found {
            if let Some(form) = self.count(found.class) {
                if let Some(number) = found.number {
                    self.known.push((number, found.class));
                }
                let form = if found.merged && form == Form::Mask { Form::Label } else { form };
                let value = text.get(found.start..found.end).unwrap_or_default();
                let range = layer.range(found.start, found.end);
                match place {
                    Place::Text(span) if form == Form::Drop => self.drop_value(span.wire()),
                    Place::Number(span) => self.replace_number(span.wire(), form),
                    Place::Name => self.replace_name(range, found.class),
                    Place::Text(_) | Place::Free => self.replace(range, found.class, form, value),
                }
            }
        }
    }

    /// Counts a value; returns the form it is to be given if it is to be hidden.
    fn count(&mut self, class: Class) -> Option<Form> {
        if self.reveal.contains(class) {
            self.plan.revealed.add(class);
            return None;
        }
        self.plan.counts.add(class);
        let form = self.detector.form(class);
        if form == Form::Block {
            self.plan.blocked.get_or_insert(class);
        }
        (form != Form::Report).then_some(form)
    }

    fn drop_value(&mut self, value: Range<usize>) {
        self.plan.replace(value, |out| out.extend_from_slice(b"null"));
    }

    /// A number stays one, so that the message still fits its schema.
    fn replace_number(&mut self, value: Range<usize>, form: Form) {
        let text: &[u8] = if form == Form::Drop { b"null" } else { b"0" };
        self.plan.replace(value, |out| out.extend_from_slice(text));
    }

    /// A name is labelled in every form, and stays distinct in its object by a number.
    fn replace_name(&mut self, range: Range<usize>, class: Class) {
        let label = self.detector.label(class);
        let text = match self.next_label() {
            1 => format!("[{label}]"),
            number => format!("[{label}_{number}]"),
        };
        self.plan.replace(range, |out| out.extend_from_slice(text.as_bytes()));
    }

    fn replace(&mut self, range: Range<usize>, class: Class, form: Form, value: &[u8]) {
        let label = self.detector.label(class);
        self.plan.replace(range, |out| mask::write(out, class, form, label, value));
    }

    /// The number of the next redacted name of the object at hand. Begins at 1, or above
    /// every number in labels that the message brought with it.
    fn next_label(&mut self) -> u32 {
        let wire = self.wire;
        let first = *self.first_label.get_or_insert_with(|| greatest_label(wire));
        self.labelled = self.labelled.saturating_add(1);
        first.saturating_add(self.labelled)
    }

    /// Hides the numbers that nothing beside them explained but that were found elsewhere.
    fn finish(mut self) -> Plan {
        if !self.undecided.is_empty() {
            self.known.sort_unstable();
        }
        for (at, pending) in mem::take(&mut self.undecided).into_iter().enumerate() {
            let same = self.known.binary_search_by_key(&pending.number, |known| known.0);
            let Some((_, class)) = same.ok().and_then(|index| self.known.get(index)).copied()
            else {
                continue;
            };
            let Some(form) = self.count(class) else {
                continue;
            };
            let Pending { number, range, place } = pending;
            let digits = format!("{:0width$}", number.value, width = usize::from(number.length));
            match place {
                PendingPlace::Text(value) if form == Form::Drop => self.drop_value(value),
                PendingPlace::Number(value) => self.replace_number(value, form),
                PendingPlace::Text(_) | PendingPlace::Free => {
                    self.replace(range, class, form, digits.as_bytes());
                }
                PendingPlace::Name => {
                    // Its object is long closed: a number that no object reaches.
                    let late = u32::try_from(at).unwrap_or(u32::MAX);
                    self.labelled = LATE_LABELS.saturating_add(late);
                    self.replace_name(range, class);
                }
            }
        }
        self.plan.settle();
        self.plan
    }
}

/// Where a text stands and what is known about it.
#[derive(Clone, Copy)]
struct Context<'k> {
    keys: Keys<'k>,
    place: Place<'k>,
    /// How many JSON texts in strings are around it.
    depth: usize,
}

impl Context<'_> {
    fn free() -> Context<'static> {
        Context { keys: Keys::NONE, place: Place::Free, depth: 0 }
    }
}

/// The greatest number of labels such as `[EMAIL_2]` that stand in a message already; 1
/// where there are labels without one, 0 without any.
fn greatest_label(wire: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b']', wire).filter_map(|end| wire.get(..end));
    let numbers = ends.filter_map(|before| {
        let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (rest, digits) = before.split_at(before.len() - digits);
        let is_label = rest.last().is_some_and(|b| b.is_ascii_uppercase() || *b == b'_');
        let number = std::str::from_utf8(digits).ok()?.parse::<u32>().unwrap_or(1);
        // Greater numbers than a message has names cannot meet ours.
        is_label.then_some(if number < LATE_LABELS { number.max(1) } else { 1 })
    });
    numbers.max().unwrap_or(0)
}

/// JSON in JSON in JSON is read so many levels deep; below that it is read as text.
const NESTING_MAX: usize = 4;

/// Shorter numbers are nobody's.
const NUMBER_BYTES_MIN: usize = 7;

/// Numbers of labels for names whose object is closed begin after this.
const LATE_LABELS: u32 = 1_000_000_000;
