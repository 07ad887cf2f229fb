//! What becomes of what was found: which finds count, and the edits that hide them.
//!
//! Owns the second half of [`Walk`]: from the findings of one text to the plan.

use std::mem;
use std::ops::Range;

use super::armour;
use super::labels;
use super::mask;
use super::paths::Trail;
use super::redact::{Find, Plan};
use super::scan::{Findings, Found, Subject, Undecided};
use super::siblings::Name;
use super::view::Layer;
use super::walk::{Context, PENDING_MAX, Pending, PendingPlace, Place, Walk};
use crate::class::{Class, Confidence, Family, Form};

impl<'m> Walk<'m> {
    /// Finds what stands in a text and turns it into edits.
    pub(super) fn scan(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        if self.seeker.is_some() {
            return self.seek_in(text, layer, context);
        }
        let numeric = matches!(context.place, Place::Number(_));
        let mut findings = mem::take(&mut self.findings);
        findings.clear();
        let named = context.keys.hints();
        let is_name = matches!(context.place, Place::Name);
        self.detector.find(Subject { text, named, numeric, is_name }, &mut findings);
        self.fields(text, context, &mut findings);
        if context.keys.is_name() && !matches!(context.place, Place::Name) && labels::is_name(text)
        {
            findings.perhaps(0, text.len());
        }
        if findings.is_empty() {
            self.findings = findings;
            return;
        }
        if findings.found.len() > 1 {
            self.resolve(&mut findings.found);
        }
        self.edit(text, layer, context, &findings.found);
        self.remember(layer, context.place, &findings);
        for (start, end) in &findings.names {
            let range = layer.range(*start, *end);
            self.siblings.name(Name::new(text, range, *start..*end, context));
        }
        self.unwrap(text, layer, context, &findings);
        self.findings = findings;
    }

    /// Looks for copies of what was hidden.
    fn seek_in(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>) {
        let hits = self.seeker.as_ref().map(|seeker| seeker.find(text)).unwrap_or_default();
        for (start, end, class) in hits {
            let range = layer.range(start, end);
            if !self.plan.hides(&range) {
                let confidence = Confidence::Likely;
                let found = Found { start, end, class, confidence, same: None, merged: false };
                self.edit(text, layer, context, &[found]);
            }
        }
    }

    /// Values that a rule of the configuration names by their path.
    fn fields(&mut self, text: &[u8], context: Context<'_>, findings: &mut Findings) {
        if self.detector.fields.is_empty() || matches!(context.place, Place::Name) {
            return;
        }
        let path = context.trail.segments(&self.steps);
        if let Some(class) = self.detector.fields.class_at(&path).filter(|_| !text.is_empty()) {
            findings.found.clear();
            let (start, end, confidence) = (0, text.len(), Confidence::Certain);
            findings.found.push(Found { start, end, class, confidence, same: None, merged: false });
        }
    }

    /// Reads encoded text in a text, and encodes anew what was hidden in it.
    fn unwrap(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>, found: &Findings) {
        if self.wrapped >= WRAPPED_MAX || matches!(context.place, Place::Number(_)) {
            return;
        }
        let mut floor = 0;
        for at in &found.runs {
            if *at < floor {
                continue;
            }
            let Some(run) = armour::run_around(text, *at, floor) else { continue };
            floor = run.end();
            let inside = found.found.iter().any(|f| f.start <= run.start() && f.end >= run.end());
            let Some(decoded) = run.decode(text, self.budget).filter(|_| !inside) else { continue };
            self.budget = self.budget.saturating_sub(decoded.len());
            let mut inner = Walk::new(self.detector, self.reveal, &decoded);
            if self.plan.is_report() {
                inner = inner.reporting();
            }
            inner.wrapped = self.wrapped + 1;
            inner.budget = self.budget;
            let plan = inner.inner(&decoded, context.keys);
            let range = layer.range(run.start(), run.end());
            self.plan.take_counts(&plan, &range);
            self.siblings.note(plan.counts.total() > 0);
            if let Some(class) = plan.first_class() {
                let encoded = run.encode_like(&plan.splice(&decoded));
                let levels = self.json_texts + context.trail.levels();
                let encoded = with_line_ends(&encoded, levels);
                self.plan.replace(range, class, |out| out.extend_from_slice(&encoded));
            }
        }
    }

    /// Plans for a text that was encoded inside another.
    fn inner(mut self, text: &'m [u8], keys: super::context::Keys) -> Plan {
        self.plain(text, keys);
        self.finish()
    }

    /// Keeps the values that only a find elsewhere can explain.
    fn remember(&mut self, layer: &Layer<'_>, place: Place<'_>, findings: &Findings) {
        for Undecided { start, end, same } in &findings.undecided {
            let next = findings.found.partition_point(|found| found.end <= *start);
            let taken = findings.found.get(next).is_some_and(|found| found.start < *end);
            if !taken && self.undecided.len() < PENDING_MAX {
                let range = layer.range(*start, *end);
                let place = PendingPlace::of(place);
                self.undecided.push(Pending { same: *same, range, place });
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
                let (start, end, confidence) = (last.start, next.end, last.confidence);
                *last = Found { start, end, class, confidence, same: None, merged: true };
            }
            true
        });
    }

    /// Shown to this reader, counted only, or hidden.
    fn weight(&self, class: Class) -> u8 {
        match self.detector.form(class) {
            _ if self.reveal.contains(class) => 0,
            Form::Report => 1,
            Form::Mask
            | Form::Label
            | Form::Surrogate
            | Form::Pseudonym
            | Form::Drop
            | Form::Block => 2,
        }
    }

    fn edit(&mut self, text: &[u8], layer: &Layer<'_>, context: Context<'_>, found: &[Found]) {
        for found in found {
            let value = text.get(found.start..found.end).unwrap_or_default();
            if self.detector.allows(found.class, value) {
                continue;
            }
            let personal = found.class.family().is_some_and(|family| family != Family::Secret);
            self.siblings.note(personal && found.class != Class::Ip);
            let range = layer.range(found.start, found.end);
            // Read in a second way, what the first way hid is no find of its own.
            if self.again.as_ref().is_some_and(|made| self.plan.hides_by(made, &range)) {
                continue;
            }
            let find = Find {
                class: found.class,
                confidence: found.confidence,
                range: range.clone(),
                copy: self.seeker.is_some(),
            };
            let Some(form) = self.count(find, &context.trail) else { continue };
            if let Some(same) = found.same {
                self.known.push((same, found.class));
            }
            if labels::LABELLED.contains(&found.class) && self.seeker.is_none() {
                self.texts.add(value, found.class);
            }
            let form = if found.merged && form == Form::Mask { Form::Label } else { form };
            match context.place {
                Place::Text(span) if form == Form::Drop => {
                    self.drop_value(span.wire(), found.class)
                }
                Place::Number(span) => self.replace_number(span.wire(), found.class, form),
                Place::Name => self.replace_name(range, found.class),
                Place::Text(_) | Place::Free => self.replace(range, found.class, form, value),
            }
        }
    }

    /// Counts a value; returns the form it is to be given if it is to be hidden.
    pub(super) fn count(&mut self, find: Find, trail: &Trail<'_>) -> Option<Form> {
        let class = find.class;
        let shown = self.reveal.contains(class);
        let way = trail.hash(&self.steps);
        let steps = &self.steps;
        self.plan.note(find, shown, way, || trail.path(steps));
        if shown {
            return None;
        }
        let form = self.detector.form(class);
        if form == Form::Block {
            self.plan.blocked.get_or_insert(class);
        }
        (form != Form::Report).then_some(form)
    }

    fn drop_value(&mut self, value: Range<usize>, class: Class) {
        self.plan.replace(value, class, |out| out.extend_from_slice(b"null"));
    }

    /// A number stays one, so that the message still fits its schema.
    fn replace_number(&mut self, value: Range<usize>, class: Class, form: Form) {
        let look = self.detector.look(class, form);
        let number = self.wire.get(value.clone()).unwrap_or_default();
        self.plan.replace(value, class, |out| mask::write_number(out, &look, number));
    }

    /// A name is labelled in every form, and stays distinct in its object by a number.
    fn replace_name(&mut self, range: Range<usize>, class: Class) {
        // The second way through a message does not know the numbers of the first.
        if self.seeker.is_some() {
            self.number_late();
        }
        let label = self.detector.custom_name(class).to_ascii_uppercase();
        let text = match self.next_label() {
            1 => format!("[{label}]"),
            number => format!("[{label}_{number}]"),
        };
        self.plan.replace(range, class, |out| out.extend_from_slice(text.as_bytes()));
    }

    pub(super) fn replace(&mut self, range: Range<usize>, class: Class, form: Form, value: &[u8]) {
        let look = self.detector.look(class, form);
        self.plan.replace(range, class, |out| mask::write(out, &look, value));
    }

    /// The number of the next redacted name of the object at hand. Begins at 1, or above
    /// every number in labels that the message brought with it.
    fn next_label(&mut self) -> u32 {
        let wire = self.wire;
        let first = *self.first_label.get_or_insert_with(|| greatest_label(wire));
        self.labelled = self.labelled.saturating_add(1);
        first.saturating_add(self.labelled)
    }

    /// Closes objects until so many are open: names in them count if personal data stood there.
    pub(super) fn follow_siblings(&mut self, depth: usize) {
        while self.siblings.depth() < depth {
            self.siblings.open(true);
        }
        while self.siblings.depth() > depth {
            let names = self.siblings.close();
            let wanted = self.detector.looks_for(Class::PersonName);
            for name in names.into_iter().filter(|_| wanted) {
                self.late(Class::PersonName, name.range, name.place, &name.text);
            }
        }
    }

    /// Hides what turned out to count after its text was read.
    fn late(&mut self, class: Class, range: Range<usize>, place: PendingPlace, value: &[u8]) {
        if self.detector.allows(class, value) {
            return;
        }
        let (confidence, copy) = (Confidence::Likely, true);
        let find = Find { class, confidence, range: range.clone(), copy };
        let Some(form) = self.count(find, &Trail::Elsewhere) else { return };
        if labels::LABELLED.contains(&class) {
            self.texts.add(value, class);
        }
        match place {
            PendingPlace::Text(value) if form == Form::Drop => self.drop_value(value, class),
            PendingPlace::Number(value) => self.replace_number(value, class, form),
            PendingPlace::Text(_) | PendingPlace::Free => self.replace(range, class, form, value),
            PendingPlace::Name => {
                self.number_late();
                self.replace_name(range, class);
            }
        }
    }

    /// Gives the next name, whose object is long closed, a number that no object reaches.
    fn number_late(&mut self) {
        self.labelled = LATE_LABELS.saturating_add(self.late);
        self.late = self.late.saturating_add(1);
    }

    /// Hides the values that nothing beside them explained but that were found elsewhere.
    pub(super) fn finish(mut self) -> Plan {
        self.conclude();
        self.plan
    }

    /// As [`Walk::finish`], for who still asks what was remembered.
    pub(super) fn conclude(&mut self) {
        self.follow_siblings(0);
        let mut undecided = mem::take(&mut self.undecided);
        if !undecided.is_empty() {
            self.known.sort_unstable();
            self.plan.settle();
            // As a copy of a text it may be hidden, and counted, by now.
            undecided.retain(|pending| !self.plan.hides(&pending.range));
        }
        for Pending { same, range, place } in undecided {
            let found = self.known.binary_search_by_key(&same, |known| known.0);
            let Some((_, class)) = found.ok().and_then(|index| self.known.get(index)).copied()
            else {
                continue;
            };
            let wire = self.wire.get(range.clone()).unwrap_or_default();
            let plain = wire.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
            let value = if plain { wire.to_vec() } else { Vec::new() };
            self.late(class, range, place, &value);
        }
        self.plan.settle();
    }
}

impl PendingPlace {
    pub(super) fn of(place: Place<'_>) -> PendingPlace {
        match place {
            Place::Text(span) => PendingPlace::Text(span.wire()),
            Place::Number(span) => PendingPlace::Number(span.wire()),
            Place::Name => PendingPlace::Name,
            Place::Free => PendingPlace::Free,
        }
    }
}

/// Encoded text as it is written in so many JSON texts around each other.
fn with_line_ends(text: &[u8], levels: usize) -> Vec<u8> {
    let backslashes = match levels {
        0 => return text.to_vec(),
        levels => 1_usize << (levels - 1).min(LEVELS_MAX),
    };
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        let letter = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            byte => {
                out.push(*byte);
                continue;
            }
        };
        out.extend(std::iter::repeat_n(b'\\', backslashes));
        out.push(letter);
    }
    out
}

/// The greatest number of labels such as `[EMAIL_2]` that stand in a message already; 1
/// where there are labels without one, 0 without any.
pub(super) fn greatest_label(wire: &[u8]) -> u32 {
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

/// Numbers of labels for names whose object is closed begin after this.
pub(super) const LATE_LABELS: u32 = 1_000_000_000;

/// JSON texts around each other that are read as JSON.
const LEVELS_MAX: usize = super::walk::NESTING_MAX;

/// Encoded text in encoded text is read so many levels deep.
const WRAPPED_MAX: usize = 3;
