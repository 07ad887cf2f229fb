//! The candidate pass: one walk over a text that stops only where a value could be.
//!
//! Blocks of bytes that hold nothing of interest are passed over by vector instructions;
//! in the others each byte that can begin or mark a value calls that value's validator.
//! Every validator looks a bounded way back and consumes what it accepts, so that the
//! whole stays linear whatever the text holds.

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
    /// Whether a value was passed over because of what stands beside it: when that turns
    /// out to be a value itself, a second look is due.
    pub(super) crowded: bool,
}

impl Findings {
    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.undecided.clear();
        self.crowded = false;
    }
}

/// One pass over one text.
pub(super) struct Scan<'t, 'f> {
    pub(super) text: &'t [u8],
    pub(super) keys: Keys<'t>,
    /// Whether the text is a JSON number.
    pub(super) numeric: bool,
    pub(super) on: ClassSet,
    pub(super) findings: &'f mut Findings,
    /// End of the last finding: what stands before it is no neighbour any more.
    pub(super) floor: usize,
    /// End of the last e-mail address.
    pub(super) email_floor: usize,
}

impl<'t, 'f> Scan<'t, 'f> {
    pub(super) fn new(
        text: &'t [u8],
        keys: Keys<'t>,
        on: ClassSet,
        findings: &'f mut Findings,
    ) -> Self {
        Scan { text, keys, numeric: false, on, findings, floor: 0, email_floor: 0 }
    }

    /// Looks at the whole text.
    pub(super) fn run(mut self) {
        let mut at = 0;
        while at < self.text.len() {
            let end = at.saturating_add(BLOCK).min(self.text.len());
            at = if is_dull(self.text, at) { end } else { self.block(at, end) };
        }
    }

    /// Looks at the bytes of one block; returns where to go on, which a value that
    /// reaches beyond the block moves.
    fn block(&mut self, mut at: usize, end: usize) -> usize {
        while let Some(byte) = self.text.get(at).filter(|_| at < end) {
            at = match TRIGGERS.get(usize::from(*byte)).unwrap_or(&Trigger::Nothing) {
                Trigger::Nothing => at + 1,
                Trigger::Digit => digits::at_digit(self, at),
                Trigger::At => email::at_sign(self, at),
                Trigger::Colon => net::at_colon(self, at),
                Trigger::Dash => secrets::at_dash(self, at),
                Trigger::Prefix => secrets::at_prefix(self, at),
            };
        }
        at
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

    /// What the member name and the words beside a value suggest.
    ///
    /// The name counts for a value that is most of its text or stands in a short one; in
    /// long prose under a telling name only the words beside a number tell.
    pub(super) fn hints(&self, start: usize, end: usize) -> Hints {
        let most = (end - start).saturating_mul(2) >= self.text.len();
        let named = most || self.text.len() <= SHORT_TEXT_BYTES;
        let named = if named { self.keys.hints() } else { Hints::NONE };
        named | before(self.text, start) | after(self.text, end)
    }
}

/// What a byte can begin or mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trigger {
    Nothing,
    /// A number of any class, or the check digits of an IBAN.
    Digit,
    /// An e-mail address, also where the sign is percent-encoded.
    At,
    /// An IPv6 address.
    Colon,
    /// A PEM block, or a secret whose fixed prefix ends here.
    Dash,
    /// A secret whose fixed prefix ends here.
    Prefix,
}

/// Whether any byte of a text can begin a value. What escapes stand for counts too: the
/// escapes of all such characters hold digits.
pub(super) fn has_trigger(text: &[u8]) -> bool {
    let stops = |byte: &u8| TRIGGERS.get(usize::from(*byte)) != Some(&Trigger::Nothing);
    let blocks = text.chunks(BLOCK).enumerate();
    let mut lively = blocks.filter(|(index, _)| !is_dull(text, index * BLOCK));
    lively.any(|(_, block)| block.iter().any(stops))
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

const fn trigger(byte: u8) -> Trigger {
    match byte {
        b'0'..=b'9' => Trigger::Digit,
        // A percent-encoded sign holds digits, an entity holds digits or nothing we look for.
        b'@' | b'%' | b'&' => Trigger::At,
        b':' => Trigger::Colon,
        b'-' => Trigger::Dash,
        b'_' | b'A' | b'z' | b'J' | b'G' | b'v' => Trigger::Prefix,
        _ => Trigger::Nothing,
    }
}

const TRIGGERS: [Trigger; 256] = triggers();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "compile time")]
const fn triggers() -> [Trigger; 256] {
    let mut table = [Trigger::Nothing; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = trigger(byte as u8);
        byte += 1;
    }
    table
}

/// Bytes judged at once. Two vectors of the baseline of x86-64 and of AArch64.
const BLOCK: usize = 32;

/// In texts up to this length the member name speaks for every number. Unit: bytes.
const SHORT_TEXT_BYTES: usize = 40;
