//! The candidate pass: one walk over a text that stops only where a value could be.
//!
//! Bytes that hold nothing of interest are passed over by vector instructions (`triggers`);
//! each byte that can begin or mark a value calls that value's validator.
//! Every validator looks a bounded way back and consumes what it accepts, so that the
//! whole stays linear whatever the text holds.

use std::cell::Cell;
use std::ops::Range;

use super::context::{Hints, Labels, after, before};
use super::triggers::Triggers;
use super::{digits, email, labels, net, secrets};
use crate::class::{Class, ClassSet, Confidence};

/// A value that was found, by its place in the scanned text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: Class,
    pub(super) confidence: Confidence,
    /// Letters and digits alone, to know the same value elsewhere.
    pub(super) same: Option<Same>,
    /// Whether several values were taken for one.
    pub(super) merged: bool,
}

/// A value as one knows it again, whatever separates its letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Same {
    length: u8,
    hash: u64,
}

impl Same {
    /// The letters and digits of a text; none for those too short or too long to tell.
    pub(super) fn of(text: &[u8]) -> Option<Same> {
        let (mut length, mut hash) = (0_u8, 0_u64);
        for byte in text.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            length = length.checked_add(1)?;
            let symbol = u64::from(byte.to_ascii_uppercase());
            hash = (hash ^ symbol).wrapping_mul(SAME_SEED).rotate_left(31);
        }
        (length >= SAME_SYMBOLS_MIN).then_some(Same { length, hash })
    }
}

/// A value that nothing beside it explains; it counts if it is found elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Undecided {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) same: Same,
}

/// What a scan has to say.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) found: Vec<Found>,
    pub(super) undecided: Vec<Undecided>,
    /// What looks like a name behind a label that says no more than that it is one; it counts
    /// beside personal data.
    pub(super) names: Vec<(usize, usize)>,
    /// Where runs of letters and digits begin that may be encoded text.
    pub(super) runs: Vec<usize>,
    /// Where values were passed over because of what stands beside them: the bytes that
    /// decided. When some of those turn out to be a value, a second look is due.
    crowded: Vec<(usize, usize)>,
    /// What labels suggest; outlives the text at hand.
    pub(super) labels: Labels,
}

impl Findings {
    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.undecided.clear();
        self.names.clear();
        self.runs.clear();
        self.crowded.clear();
    }

    /// Whether there is nothing to say about a text.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
            && self.undecided.is_empty()
            && self.names.is_empty()
            && self.runs.is_empty()
    }

    /// Notes what may be a name.
    pub(super) fn perhaps(&mut self, start: usize, end: usize) {
        if self.names.len() < NAMES_MAX {
            self.names.push((start, end));
        }
    }

    /// Notes where encoded text may begin.
    pub(super) fn run(&mut self, start: usize) {
        if self.runs.len() < RUNS_MAX && self.runs.last() != Some(&start) {
            self.runs.push(start);
        }
    }

    /// Keeps what was found, and nothing else.
    pub(super) fn look_again(&mut self) {
        self.undecided.clear();
        self.names.clear();
        self.runs.clear();
        self.crowded.clear();
    }

    /// Notes that the value from `start` to `end` was passed over for its neighbours.
    pub(super) fn pass_over(&mut self, start: usize, end: usize) {
        let place = (start.saturating_sub(CROWD_BEFORE), end.saturating_add(CROWD_AFTER));
        let full = self.crowded.len() >= CROWDED_MAX;
        match self.crowded.last_mut() {
            // Too many to keep apart, or beside the last one: one place for both.
            Some((from, to)) if full || place.0 <= *to => {
                *from = place.0.min(*from);
                *to = place.1.max(*to);
            }
            Some(_) | None => self.crowded.push(place),
        }
    }

    /// Whether a value that was found after the first `seen` ones stands where another was
    /// passed over for it.
    pub(super) fn is_crowded(&self, seen: usize) -> bool {
        let new = self.found.get(seen..).unwrap_or_default();
        let meets =
            |(from, to): &(usize, usize)| new.iter().any(|f| f.start < *to && f.end > *from);
        self.crowded.iter().any(meets)
    }
}

/// A text and what is known about it before it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'t> {
    pub(super) text: &'t [u8],
    /// What the member names over it say.
    pub(super) named: Hints,
    /// Whether it is a JSON number.
    pub(super) numeric: bool,
    /// Whether it is a member name itself.
    pub(super) is_name: bool,
}

/// What is looked for, and how sure of it one must be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) on: ClassSet,
    /// Those of them that are found by names and labels alone.
    labelled: ClassSet,
    least: [Confidence; Class::BUILTIN.len()],
}

impl Default for Wanted {
    fn default() -> Self {
        let least = [Confidence::Likely; Class::BUILTIN.len()];
        Wanted { on: ClassSet::empty(), labelled: ClassSet::empty(), least }
    }
}

impl Wanted {
    /// Every class, however unsure.
    #[cfg(test)]
    pub(super) fn everything() -> Wanted {
        let mut wanted = Wanted::default();
        Class::BUILTIN.into_iter().for_each(|class| wanted.add(class, Confidence::Possible));
        wanted
    }

    /// Looks for a class too.
    pub(super) fn add(&mut self, class: Class, least: Confidence) {
        if let Some(place) = self.least.get_mut(class.index()) {
            *place = least;
            self.on.insert(class);
            if labels::LABELLED.contains(&class) {
                self.labelled.insert(class);
            }
        }
    }

    fn wants(&self, class: Class, confidence: Confidence) -> bool {
        let least = self.least.get(class.index());
        self.on.contains(class) && least.is_some_and(|least| confidence >= *least)
    }
}

/// One pass over one text.
pub(super) struct Scan<'t, 'f> {
    pub(super) text: &'t [u8],
    /// What the member names over the text suggest.
    pub(super) named: Hints,
    /// Whether the text is a JSON number.
    pub(super) numeric: bool,
    wanted: &'t Wanted,
    pub(super) findings: &'f mut Findings,
    /// End of the last finding: what stands before it is no neighbour any more.
    pub(super) floor: usize,
    /// End of the last e-mail address.
    pub(super) email_floor: usize,
    /// What the words before a place say, for the places that were asked about last: several
    /// validators ask about the same one.
    asked: [Cell<(usize, Hints)>; ASKED],
}

impl<'t, 'f> Scan<'t, 'f> {
    pub(super) fn new(
        subject: Subject<'t>,
        wanted: &'t Wanted,
        findings: &'f mut Findings,
    ) -> Self {
        let Subject { text, named, numeric, is_name: _ } = subject;
        let asked = [const { Cell::new((usize::MAX, Hints::NONE)) }; ASKED];
        Scan { text, named, numeric, wanted, findings, floor: 0, email_floor: 0, asked }
    }

    /// Looks at the text from a place on that nothing stands before.
    pub(super) fn run(mut self, from: usize) {
        let mut triggers = Triggers::default();
        let mut at = from;
        while let Some(next) = triggers.next(self.text, at) {
            at = self.trigger(next);
        }
    }

    /// Asks the validators of what the byte at a place can begin or mark.
    fn trigger(&mut self, at: usize) -> usize {
        match self.byte(at) {
            b'0'..=b'9' => at_digit(self, at),
            b'@' | b'%' | b'&' => email::at_sign(self, at),
            b':' => at_colon(self, at),
            b'=' => at_equals(self, at),
            b'~' => secrets::at_tilde(self, at).unwrap_or(at + 1),
            b'-' => at_dash(self, at),
            b'>' => labels::at_tag(self, at).unwrap_or(at + 1),
            b'_' => secrets::at_underscore(self, at),
            _ => secrets::at_letter(self, at),
        }
    }

    /// Whether a class is looked for at all.
    pub(super) fn is_on(&self, class: Class) -> bool {
        self.wanted.on.contains(class)
    }

    /// Whether a value of a class that is found with so much confidence counts.
    pub(super) fn wants(&self, class: Class, confidence: Confidence) -> bool {
        self.wanted.wants(class, confidence)
    }

    /// Whether anything is looked for that only a name or label explains.
    pub(super) fn looks_for_labelled(&self) -> bool {
        !self.wanted.labelled.is_empty()
    }

    /// Those of some classes that are looked for and that only a name or label explains.
    pub(super) fn labelled(&self, named: ClassSet) -> ClassSet {
        named.intersection(self.wanted.labelled)
    }

    /// The classes that are looked for.
    pub(super) fn on(&self) -> ClassSet {
        self.wanted.on
    }

    /// The byte at a place, or NUL outside the text.
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The byte so far before a place, or NUL at the begin of the text. What belongs to
    /// the last finding reads as the bracket of its label.
    pub(super) fn byte_before(&self, at: usize, distance: usize) -> u8 {
        match at.checked_sub(distance) {
            Some(before) if before < self.floor => b']',
            Some(before) => self.byte(before),
            None => 0,
        }
    }

    /// How many bytes from `at` on fulfil a condition, up to `limit`.
    pub(super) fn count(&self, at: usize, limit: usize, accept: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.iter().take(limit).take_while(|byte| accept(**byte)).count()
    }

    /// Records a value and returns its end. One that is not sure enough for what is wanted is
    /// passed over.
    pub(super) fn found(
        &mut self,
        class: Class,
        confidence: Confidence,
        start: usize,
        end: usize,
    ) -> usize {
        let value = self.text.get(start..end).filter(|value| value.len() <= SAME_BYTES_MAX);
        self.found_as(class, confidence, start..end, value.and_then(Same::of))
    }

    /// As [`Scan::found`], for a value that is known again by other symbols than its own.
    pub(super) fn found_as(
        &mut self,
        class: Class,
        confidence: Confidence,
        place: Range<usize>,
        same: Option<Same>,
    ) -> usize {
        let Range { start, end } = place;
        if self.wants(class, confidence) {
            let found = Found { start, end, class, confidence, same, merged: false };
            self.findings.found.push(found);
            self.floor = end;
        }
        end
    }

    /// What the member name and the words beside a value suggest.
    ///
    /// The name counts for a value that is most of its text or stands in a short one; in
    /// long prose under a telling name only the words beside a number tell. What directly
    /// follows digits has no word before it.
    pub(super) fn hints(&self, start: usize, end: usize, first: First) -> Hints {
        let named = self.named(start, end);
        match first {
            First::Yes => named | self.before(start) | self.after(end),
            First::No => named | self.after(end),
        }
    }

    /// What the member name suggests of a value.
    #[inline]
    pub(super) fn named(&self, start: usize, end: usize) -> Hints {
        if self.named == Hints::NONE {
            return Hints::NONE;
        }
        let most = (end - start).saturating_mul(2) >= self.text.len();
        if most || self.text.len() <= SHORT_TEXT_BYTES { self.named } else { Hints::NONE }
    }

    /// What the words directly behind a place suggest.
    #[inline]
    pub(super) fn after(&self, end: usize) -> Hints {
        // They stand in parentheses: hardly any do.
        match self.byte(end) {
            b'(' | b' ' => after(self.text, end),
            _ => Hints::NONE,
        }
    }

    /// What the words directly before a place suggest.
    pub(super) fn before(&self, start: usize) -> Hints {
        let ask = || before(self.text, start, &self.findings.labels);
        let Some(slot) = self.asked.get(start % ASKED) else { return ask() };
        let (asked, hints) = slot.get();
        if asked == start {
            return hints;
        }
        let hints = ask();
        slot.set((start, hints));
        hints
    }
}

/// A digit stands in a number, or in the fixed begin of a secret.
fn at_digit(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let known = scan.findings.found.len();
    match secrets::at_digit(scan, at) {
        Some(end) if scan.findings.found.len() > known => end,
        Some(_) | None => digits::at_digit(scan, at),
    }
}

/// A colon ends a label, stands in an address or behind the scheme of a URL.
fn at_colon(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    secrets::at_colon(scan, at)
        .or_else(|| net::mac(scan, at))
        .or_else(|| labels::at_sign(scan, at))
        .unwrap_or_else(|| net::at_colon(scan, at))
}

/// A dash joins the parts of addresses and keys; between blanks it ends a label.
fn at_dash(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    let label = scan.byte(at + 1) == b' ' && scan.byte_before(at, 1) == b' ';
    let end = if label { labels::at_sign(scan, at) } else { net::mac(scan, at) };
    end.unwrap_or_else(|| secrets::at_dash(scan, at))
}

/// An equals sign ends a label.
fn at_equals(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    secrets::at_equals(scan, at).or_else(|| labels::at_sign(scan, at)).unwrap_or(at + 1)
}

/// Whether a group of digits is the first of those that stand together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum First {
    Yes,
    No,
}

/// Places of which the words before them are remembered.
const ASKED: usize = 4;

/// Bytes before and behind a number that can decide about it: the words beside it.
const CROWD_BEFORE: usize = 64;
const CROWD_AFTER: usize = 24;

/// Places of passed-over values that are kept apart. Unit: places.
const CROWDED_MAX: usize = 32;

/// In texts up to this length the member name speaks for every number. Unit: bytes.
const SHORT_TEXT_BYTES: usize = 40;

/// Symbols of the shortest value that is known again: shorter ones are everywhere.
const SAME_SYMBOLS_MIN: u8 = 6;

/// Values longer than this are not looked for elsewhere by their symbols. Unit: bytes.
const SAME_BYTES_MAX: usize = 64;

/// An odd number with bits all over.
const SAME_SEED: u64 = 0x9FB2_1C65_1E98_DF25;

/// Names of one text that wait for personal data beside them.
const NAMES_MAX: usize = 64;

/// Runs of one text that are looked at for encoded text.
const RUNS_MAX: usize = 1024;
