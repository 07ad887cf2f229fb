//! Plans: which bytes are replaced by what, how often what was found, and the splice.

use std::ops::Range;

use bytes::Bytes;

use crate::class::{CLASSES_MAX, Class, Confidence};
use crate::limits::FOUND_PLACES_MAX;

/// What is to be done to one message so that its reader sees no more than he may.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    edits: Vec<Edit>,
    /// The replacements of all edits, one after the other.
    text: Vec<u8>,
    /// Values that were hidden, blocked or only reported, by class.
    pub counts: Counts,
    /// Values that the reader may see, by class.
    pub revealed: Counts,
    /// The first class met whose form is [`crate::class::Form::Block`]: the message must
    /// not be delivered.
    pub blocked: Option<Class>,
    /// Where values stood, by class and way; at most [`FOUND_PLACES_MAX`].
    places: Vec<Seen>,
    /// Every find, for reports; empty unless they were asked for.
    finds: Option<Vec<Found>>,
}

/// One replacement. Ranges are bytes of the document that was planned.
#[derive(Debug, Clone)]
struct Edit {
    range: Range<usize>,
    text: Range<usize>,
    class: Class,
}

/// A find, before it is known whether it is hidden.
#[derive(Debug, Clone)]
pub(super) struct Find {
    pub(super) class: Class,
    pub(super) confidence: Confidence,
    /// Where it stands on the wire.
    pub(super) range: Range<usize>,
    /// Whether it counts only because the same value was found elsewhere.
    pub(super) copy: bool,
}

/// A value that was found: for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub class: Class,
    /// How sure that is.
    pub confidence: Confidence,
    /// Where it stands, in bytes of the document.
    pub range: Range<usize>,
    /// The names over it, such as `/content/*/text`.
    pub path: String,
    /// Whether the reader may see it.
    pub revealed: bool,
    /// Whether it counts only because the same value was found elsewhere.
    pub copy: bool,
}

/// How many values of a class stood at one place of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What they are.
    pub class: Class,
    /// The names over them; items of arrays are stars.
    pub path: String,
    /// How many.
    pub count: u32,
    /// Whether the reader may see them.
    pub revealed: bool,
    way: u64,
}

impl Seen {
    /// One value at a place.
    fn one(class: Class, path: String, revealed: bool) -> Seen {
        Seen { class, path, count: 1, revealed, way: 0 }
    }

    /// Takes another place into a list that holds each once and at most so many, whose paths
    /// take at most so many bytes.
    pub(super) fn merge_into(self, places: &mut Vec<Seen>, places_max: usize, bytes_max: usize) {
        if let Some(known) = places.iter_mut().find(|known| known.is_same_place(&self)) {
            known.count = known.count.saturating_add(self.count);
            return;
        }
        let bytes = places.iter().map(|known| known.path.len()).sum::<usize>();
        if places.len() < places_max && bytes + self.path.len() <= bytes_max {
            places.push(self);
        }
    }

    /// The same below a place.
    #[must_use]
    pub fn below(&self, place: &str) -> Seen {
        Seen { path: format!("{place}{}", self.path), ..self.clone() }
    }

    /// Whether values of the same class stood at the same place.
    pub fn is_same_place(&self, other: &Seen) -> bool {
        self.class == other.class && self.revealed == other.revealed && self.path == other.path
    }
}

impl Plan {
    /// A plan that keeps every find.
    pub(super) fn reporting() -> Plan {
        Plan { finds: Some(Vec::new()), ..Plan::default() }
    }

    /// Whether the message may go out as it is.
    pub fn is_clean(&self) -> bool {
        self.edits.is_empty() && self.blocked.is_none()
    }

    /// The edits in wire order, disjoint: bytes to replace and their replacement.
    pub fn edits(&self) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        self.edits.iter().map(|edit| (edit.range.clone(), self.replacement(edit)))
    }

    /// As [`Plan::edits`], with the class of what is replaced.
    pub fn edits_with_class(&self) -> impl Iterator<Item = (Range<usize>, &[u8], Class)> {
        self.edits.iter().map(|edit| (edit.range.clone(), self.replacement(edit), edit.class))
    }

    /// Where values stood, by class and path, with how many; values beyond the bound are counted
    /// in [`Plan::counts`] alone.
    pub fn places(&self) -> &[Seen] {
        &self.places
    }

    /// Every find in the order of the message; empty unless the plan is a report.
    pub fn found(&self) -> &[Found] {
        self.finds.as_deref().unwrap_or_default()
    }

    /// The message with every edit applied; `bytes` is the document the plan was made
    /// for. Without edits these are the same bytes, not a copy.
    pub fn apply(&self, bytes: &Bytes) -> Bytes {
        if self.edits.is_empty() {
            return bytes.clone();
        }
        Bytes::from(self.splice(bytes))
    }

    pub(super) fn splice(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + self.text.len());
        let mut at = 0;
        for edit in &self.edits {
            out.extend_from_slice(bytes.get(at..edit.range.start).unwrap_or_default());
            out.extend_from_slice(self.replacement(edit));
            at = edit.range.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        out
    }

    /// Replaces `range` by what `write` appends.
    pub(super) fn replace(
        &mut self,
        range: Range<usize>,
        class: Class,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.text.len();
        write(&mut self.text);
        self.edits.push(Edit { range, text: start..self.text.len(), class });
    }

    /// Counts a find. `way` is equal for equal paths.
    pub(super) fn note(&mut self, find: Find, revealed: bool, way: u64, path: impl Fn() -> String) {
        let Find { class, confidence, range, copy } = find;
        let counts = if revealed { &mut self.revealed } else { &mut self.counts };
        counts.add(class);
        let same = |s: &&mut Seen| s.class == class && s.way == way && s.revealed == revealed;
        if let Some(seen) = self.places.iter_mut().find(same) {
            seen.count = seen.count.saturating_add(1);
        } else if self.places.len() < FOUND_PLACES_MAX {
            self.places.push(Seen { class, path: path(), count: 1, revealed, way });
        }
        if let Some(finds) = &mut self.finds {
            finds.push(Found { class, confidence, range, path: path(), revealed, copy });
        }
    }

    /// Leaves only what begins in a range; the plan must be a settled report.
    pub(super) fn confine(&mut self, within: &Range<usize>) {
        let Some(mut finds) = self.finds.take() else { return };
        finds.retain(|found| within.contains(&found.range.start));
        self.edits.retain(|edit| within.contains(&edit.range.start));
        (self.counts, self.revealed) = (Counts::default(), Counts::default());
        self.places.clear();
        for Found { class, path, revealed, .. } in &finds {
            let counts = if *revealed { &mut self.revealed } else { &mut self.counts };
            counts.add(*class);
            let seen = Seen::one(*class, path.clone(), *revealed);
            self.places.push(seen);
        }
        self.finds = Some(finds);
    }

    /// Whether every find is kept.
    pub(super) fn is_report(&self) -> bool {
        self.finds.is_some()
    }

    /// Adds what was found in an encoded text that stands at a place of this one.
    pub(super) fn take_counts(&mut self, inner: &Plan, at: &Range<usize>) {
        self.counts.merge(&inner.counts);
        self.revealed.merge(&inner.revealed);
        self.blocked = self.blocked.or(inner.blocked);
        for seen in &inner.places {
            if self.places.len() < FOUND_PLACES_MAX {
                self.places.push(seen.clone());
            }
        }
        if let (Some(finds), Some(inside)) = (&mut self.finds, &inner.finds) {
            finds.extend(inside.iter().map(|found| Found { range: at.clone(), ..found.clone() }));
        }
    }

    /// The class of the first edit; `None` where nothing is replaced.
    pub(super) fn first_class(&self) -> Option<Class> {
        self.edits.first().map(|edit| edit.class)
    }

    /// How many edits there are.
    pub(super) fn len(&self) -> usize {
        self.edits.len()
    }

    /// Whether an edit that was made after the first `from` ones replaces bytes of this range.
    pub(super) fn replaces(&self, from: usize, range: &Range<usize>) -> bool {
        let made = self.edits.get(from..).unwrap_or_default();
        made.iter().any(|edit| edit.range.start < range.end && edit.range.end > range.start)
    }

    /// Brings the edits after the first `from` ones into order, for [`Plan::hides_by`].
    pub(super) fn order(&mut self, from: usize) {
        let made = self.edits.get_mut(from..).unwrap_or_default();
        if !made.is_sorted_by_key(|edit| edit.range.start) {
            made.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end));
        }
    }

    /// Whether all of this range is replaced by these edits, which are in order.
    pub(super) fn hides_by(&self, made: &Range<usize>, range: &Range<usize>) -> bool {
        let made = self.edits.get(made.clone()).unwrap_or_default();
        let behind = made.partition_point(|edit| edit.range.start <= range.start);
        let mut at = range.start;
        for edit in made.iter().skip(behind.saturating_sub(1)) {
            if at >= range.end || edit.range.start > at {
                break;
            }
            at = at.max(edit.range.end);
        }
        at >= range.end
    }

    /// Whether all of this range is replaced already, by one edit. The plan must be settled, but
    /// for edits that follow each other behind it.
    pub(super) fn hides(&self, range: &Range<usize>) -> bool {
        let next = self.edits.partition_point(|edit| edit.range.end <= range.start);
        let edit = self.edits.get(next);
        edit.is_some_and(|edit| edit.range.start <= range.start && edit.range.end >= range.end)
    }

    /// Brings edits into wire order. Where two overlap, the first one takes both ranges:
    /// nothing that was found stays.
    pub(super) fn settle(&mut self) {
        if self.edits.is_sorted_by(|a, b| a.range.end <= b.range.start) {
            return;
        }
        self.edits.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end));
        self.edits.dedup_by(|edit, before| {
            let overlap = edit.range.start < before.range.end;
            if overlap {
                before.range.end = before.range.end.max(edit.range.end);
            }
            overlap
        });
    }

    fn replacement(&self, edit: &Edit) -> &[u8] {
        self.text.get(edit.text.clone()).unwrap_or_default()
    }
}

/// How many values of which class. Saturates instead of wrapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts([u32; CLASSES_MAX]);

impl Counts {
    /// Adds one value.
    pub fn add(&mut self, class: Class) {
        if let Some(count) = self.0.get_mut(class.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// How many values of this class.
    pub fn of(&self, class: Class) -> u32 {
        self.0.get(class.index()).copied().unwrap_or(0)
    }

    /// The classes that were found, with how many values each.
    pub fn iter(&self) -> impl Iterator<Item = (Class, u32)> {
        let classes = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        classes.filter_map(|(index, count)| Some((Class::from_index(index)?, *count)))
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Counts) {
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count = count.saturating_add(*more);
        }
    }

    /// How many values of all classes.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }
}

impl Default for Counts {
    fn default() -> Counts {
        Counts([0; CLASSES_MAX])
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Counts, FOUND_PLACES_MAX, Find, Plan};
    use crate::class::{Class, Confidence};

    fn put(plan: &mut Plan, range: std::ops::Range<usize>, text: &str) {
        plan.replace(range, Class::Email, |out| out.extend_from_slice(text.as_bytes()));
    }

    #[test]
    fn splice_replaces_the_ranges_and_nothing_else() {
        let mut plan = Plan::default();
        put(&mut plan, 8..10, "<8>");
        put(&mut plan, 2..4, "");
        plan.settle();
        assert_eq!(plan.apply(&Bytes::from_static(b"0123456789ab")), "014567<8>ab");
    }

    #[test]
    fn overlapping_edits_become_one_that_hides_both() {
        let mut plan = Plan::default();
        put(&mut plan, 4..8, "B");
        put(&mut plan, 2..6, "A");
        put(&mut plan, 3..5, "C");
        plan.settle();
        assert_eq!(plan.apply(&Bytes::from_static(b"0123456789")), "01A89");
    }

    #[test]
    fn range_is_hidden_by_edits_that_leave_no_byte_of_it() {
        let mut plan = Plan::default();
        for range in [20..24, 2..4, 4..8, 9..12] {
            put(&mut plan, range, "");
        }
        plan.order(1);
        let hides = |range| plan.hides_by(&(1..4), &range);
        assert!(hides(2..8) && hides(3..5) && hides(9..12) && hides(5..6));
        assert!(!hides(2..9) && !hides(8..9) && !hides(1..3) && !hides(11..13) && !hides(20..24));
    }

    #[test]
    fn plan_without_edits_returns_the_same_bytes() {
        let bytes = Bytes::from_static(b"{}");
        let out = Plan::default().apply(&bytes);
        assert_eq!(out.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn counts_merge_and_saturate() {
        let mut counts = Counts::default();
        assert!(counts.is_empty());
        counts.add(Class::Email);
        counts.add(Class::Custom(47));
        counts.add(Class::Custom(200));
        let mut sum = counts.clone();
        sum.merge(&counts);
        assert_eq!(sum.iter().collect::<Vec<_>>(), [(Class::Email, 2), (Class::Custom(47), 2)]);
        assert_eq!(sum.total(), 4);
        assert_eq!(sum.of(Class::Email), 2);
    }

    #[test]
    fn places_are_named_up_to_a_bound_and_counted_beyond_it() {
        let mut plan = Plan::default();
        for way in 0..u64::try_from(FOUND_PLACES_MAX * 2).unwrap() {
            let (class, confidence) = (Class::Email, Confidence::Certain);
            let find = Find { class, confidence, range: 0..1, copy: false };
            plan.note(find, false, way, || format!("/{way}"));
        }
        assert_eq!(plan.places().len(), FOUND_PLACES_MAX);
        assert_eq!(plan.counts.total(), u64::try_from(FOUND_PLACES_MAX * 2).unwrap());
    }
}
