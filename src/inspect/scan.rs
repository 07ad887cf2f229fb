//! The candidate pass: one walk over a text that stops only where a value could be.
//!
//! Blocks of bytes that hold nothing of interest are passed over by vector instructions;
//! in the others each byte that can begin or mark a value calls that value's validator.
//! Every validator looks a bounded way back and consumes what it accepts, so that the
//! whole stays linear whatever the text holds.

use std::cell::Cell;

use super::bytes::is_trigger;
use super::context::{Hints, Keys, after, before};
use super::{digits, email, net, secrets};
use crate::class::{Class, ClassSet};

/// A value that was found, by its place in the scanned text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: Class,
    /// For numbers: the digits alone, to know the same number elsewhere.
    pub(super) number: Option<Number>,
    /// Whether several values were taken for one.
    pub(super) merged: bool,
}

/// The digits of a number without what separates them; at most 19.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    pub(super) length: u8,
    pub(super) value: u64,
}

/// A number that nothing beside it explains; it counts if it is found elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Undecided {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) number: Number,
}

/// What a scan has to say.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) found: Vec<Found>,
    pub(super) undecided: Vec<Undecided>,
    /// Where values were passed over because of what stands beside them: the bytes that
    /// decided. When some of those turn out to be a value, a second look is due.
    crowded: Vec<(usize, usize)>,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.undecided.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.undecided.clear();
        self.crowded.clear();
    }

    /// Keeps what was found, and nothing else.
    pub(super) fn look_again(&mut self) {
        self.undecided.clear();
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
    /// The member names over it.
    pub(super) keys: Keys<'t>,
    /// Whether it is a JSON number.
    pub(super) numeric: bool,
}

/// One pass over one text.
pub(super) struct Scan<'t, 'f> {
    pub(super) text: &'t [u8],
    keys: Keys<'t>,
    /// What the member names over the text suggest, once somebody asked.
    named: Cell<Option<Hints>>,
    /// Whether the text is a JSON number.
    pub(super) numeric: bool,
    on: ClassSet,
    pub(super) findings: &'f mut Findings,
    /// End of the last finding: what stands before it is no neighbour any more.
    pub(super) floor: usize,
    /// End of the last e-mail address.
    pub(super) email_floor: usize,
}

impl<'t, 'f> Scan<'t, 'f> {
    pub(super) fn new(subject: Subject<'t>, on: ClassSet, findings: &'f mut Findings) -> Self {
        let Subject { text, keys, numeric } = subject;
        Scan { text, keys, named: Cell::new(None), numeric, on, findings, floor: 0, email_floor: 0 }
    }

    /// Looks at the text from a place on that nothing stands before.
    pub(super) fn run(mut self, from: usize) {
        let mut at = from;
        while at < self.text.len() {
            let end = at.saturating_add(BLOCK).min(self.text.len());
            at = if is_dull(self.text, at) { end } else { self.block(at, end) };
        }
    }

    /// Looks at the bytes of one block; returns where to go on, which a value that
    /// reaches beyond the block moves.
    fn block(&mut self, mut at: usize, end: usize) -> usize {
        loop {
            let rest = self.text.get(at..end).unwrap_or_default();
            let Some(skip) = rest.iter().position(|byte| is_trigger(*byte)) else {
                return at.max(end);
            };
            at = self.trigger(at + skip);
        }
    }

    /// Asks the validators of what the byte at a place can begin or mark.
    fn trigger(&mut self, at: usize) -> usize {
        match self.byte(at) {
            b'0'..=b'9' => digits::at_digit(self, at),
            b'@' | b'%' | b'&' => email::at_sign(self, at),
            b':' => net::at_colon(self, at),
            b'-' => secrets::at_dash(self, at),
            _ => secrets::at_prefix(self, at),
        }
    }

    pub(super) fn is_on(&self, class: Class) -> bool {
        self.on.contains(class)
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

    /// Records a value and returns its end.
    pub(super) fn found(&mut self, class: Class, start: usize, end: usize) -> usize {
        self.found_number(class, start, end, None)
    }

    pub(super) fn found_number(
        &mut self,
        class: Class,
        start: usize,
        end: usize,
        number: Option<Number>,
    ) -> usize {
        self.findings.found.push(Found { start, end, class, number, merged: false });
        self.floor = end;
        end
    }

    /// What the member names over the text suggest.
    pub(super) fn named(&self) -> Hints {
        let named = self.named.get().unwrap_or_else(|| self.keys.hints());
        self.named.set(Some(named));
        named
    }

    /// What the member name and the words beside a value suggest.
    ///
    /// The name counts for a value that is most of its text or stands in a short one; in
    /// long prose under a telling name only the words beside a number tell. What directly
    /// follows digits has no word before it.
    pub(super) fn hints(&self, start: usize, end: usize, first: First) -> Hints {
        let most = (end - start).saturating_mul(2) >= self.text.len();
        let named = most || self.text.len() <= SHORT_TEXT_BYTES;
        let named = if named { self.named() } else { Hints::NONE };
        match first {
            First::Yes => named | before(self.text, start) | after(self.text, end),
            First::No => named | after(self.text, end),
        }
    }
}

/// Whether a group of digits is the first of those that stand together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum First {
    Yes,
    No,
}

/// Where the first byte of a text stands that can begin a value. What escapes stand for
/// counts too: the escapes of all such characters hold digits.
pub(super) fn first_trigger(text: &[u8]) -> Option<usize> {
    for (index, block) in text.chunks(BLOCK).enumerate() {
        let at = index * BLOCK;
        if is_dull(text, at) {
            continue;
        }
        if let Some(skip) = block.iter().position(|byte| is_trigger(*byte)) {
            return Some(at + skip);
        }
    }
    None
}

/// Whether no byte of the block at `at` can begin a value. Written without early exits,
/// so that it compiles to vector instructions. The first and the last block of a text
/// are never dull: they have no full neighbourhood.
fn is_dull(text: &[u8], at: usize) -> bool {
    let Some(window) = at.checked_sub(1).and_then(|before| text.get(before..at + BLOCK)) else {
        return false;
    };
    let (Some(before), Some(block)) = (window.first_chunk::<BLOCK>(), window.last_chunk::<BLOCK>())
    else {
        return false;
    };
    let mut any = 0_u8;
    for (byte, before) in block.iter().zip(before) {
        let single = u8::from(byte.wrapping_sub(b'0') < 10)
            | u8::from(matches!(byte, b'@' | b':' | b'_' | b'-'));
        let pair = (u8::from(*before == b'I') & u8::from(matches!(byte, b'A' | b'z')))
            | (u8::from(*before == b'y') & u8::from(*byte == b'J'))
            | (u8::from(*before == b'S') & u8::from(*byte == b'G'))
            | (u8::from(*before == b'h') & u8::from(*byte == b'v'));
        any |= single | pair;
    }
    any == 0
}

/// Bytes before and behind a number that can decide about it: the words beside it.
const CROWD_BEFORE: usize = 64;
const CROWD_AFTER: usize = 24;

/// Places of passed-over values that are kept apart. Unit: places.
const CROWDED_MAX: usize = 32;

/// Bytes judged at once. Two vectors of the baseline of x86-64 and of AArch64.
const BLOCK: usize = 32;

/// In texts up to this length the member name speaks for every number. Unit: bytes.
const SHORT_TEXT_BYTES: usize = 40;
