//! Running text in pieces: where a window is cut, and what is swallowed behind it.

use std::ops::{Deref, Range};

use memchr::{memmem, memrchr, memrchr3};

use super::lexer::Shape;
use super::{Advance, Kind, Mode, Part, Stream, StreamError, Why};
use crate::class::{Class, ClassSet, Confidence};
use crate::inspect::Detector;
use crate::inspect::armour;
use crate::inspect::bytes::is_base64url;
use crate::inspect::paths::Trail;
use crate::inspect::redact::{Find, Plan};
use crate::inspect::seek::Seeker;
use crate::inspect::table;
use crate::inspect::walk::{Context, Place, Walk};

/// What follows a value that was replaced before its end was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swallow {
    /// Up to what no key or token is written with.
    Token,
    /// Up to the END line of a PEM block.
    Pem,
    /// Up to the end of the line.
    Line,
    /// Up to the end of the text.
    Rest,
}

impl<D: Deref<Target = Detector>> Stream<D> {
    /// Reads a window of running text.
    pub(super) fn read_prose(
        &mut self,
        level: usize,
        part: Part<'_>,
        why: Why,
        out: &mut Vec<u8>,
    ) -> Result<Advance, StreamError> {
        let from = place_of(part, self.context);
        let mut part = part;
        let is_log = self.kind == Kind::Text && level == 0;
        let line = if is_log { json_line(part.text, from) } else { None };
        if line == Some(from) {
            self.set_mode(Mode::Json(Shape::NEW));
            return Ok(Advance::to(self.context));
        }
        if let Some(at) = line {
            let text = part.text.get(..at).unwrap_or_default();
            part = Part { text, ended: false, ..part };
        }
        let mut forced = line;
        if why == Why::Flush && forced.is_none() {
            let rest = part.text.get(from..).unwrap_or_default();
            let Some(line) = memrchr(b'\n', rest) else {
                return Ok(Advance { keep: self.context, ..Advance::to(self.context) });
            };
            forced = Some(from + line + 1);
        }
        let mut plan = self.find(level, part)?;
        if part.ended {
            let range = self.context..part.out(part.text.len());
            plan.confine(&(range.start..usize::MAX));
            self.give(&plan, part.wire, range.clone(), out);
            return Ok(Advance { done: true, ..Advance::to(range.end) });
        }
        let wanted = forced.unwrap_or_else(|| cut_in(part.text, from));
        let cut = before_values(&plan, part.out(wanted));
        if cut > self.context {
            let range = self.context..cut;
            plan.confine(&range);
            self.give(&plan, part.wire, range, out);
            if line.is_some_and(|at| cut == part.out(at)) {
                self.set_mode(Mode::Json(Shape::NEW));
                return Ok(Advance::to(cut));
            }
            let at = place_of(part, cut);
            if let Some(head) = table_head(part.text, at) {
                let head = part.out(head.start)..part.out(head.end);
                if head.len() <= self.window_max / 4 {
                    return Ok(Advance { head: Some(head), ..Advance::to(cut) });
                }
            }
            let keep = self.context_before(part, at);
            return Ok(Advance { keep, ..Advance::to(cut) });
        }
        Ok(self.long_value(part, plan, wanted, out))
    }

    /// Swallows what follows a value that was replaced.
    pub(super) fn read_away(&mut self, part: Part<'_>, swallow: Swallow) -> Advance {
        let text = part.text;
        let end = match swallow {
            Swallow::Token => text.iter().position(|byte| !is_token(*byte)),
            Swallow::Line => memchr::memchr(b'\n', text),
            Swallow::Pem => pem_end(text),
            Swallow::Rest => None,
        };
        if let Some(end) = end {
            self.set_mode(Mode::Prose(None));
            return Advance::to(part.out(end));
        }
        // The END line may be cut off.
        let keep = if swallow == Swallow::Pem && !part.ended { PEM_END_BYTES_MAX } else { 0 };
        let cut = part.out(text.len().saturating_sub(keep));
        Advance { done: part.ended, ..Advance::to(cut) }
    }

    /// What of the text before a place explains what follows it, in bytes of the window.
    pub(super) fn context_before(&self, part: Part<'_>, at: usize) -> usize {
        if at == 0 || part.text.get(at - 1) == Some(&b'\n') {
            return 0;
        }
        let cut = part.out(at);
        let mut bytes = CONTEXT_BYTES;
        loop {
            let keep = cut - part.out(begin_of(part.text, at.saturating_sub(bytes)));
            if keep <= self.window_max / 8 || bytes < 8 {
                return if keep <= self.window_max / 2 { keep } else { 0 };
            }
            bytes /= 2;
        }
    }

    /// Finds what stands in a window.
    fn find(&mut self, level: usize, part: Part<'_>) -> Result<Plan, StreamError> {
        let (over, base) = self
            .readings
            .get(level)
            .map_or((super::Over::default(), 0), |reading| (reading.over, reading.base));
        let keys = self.levels.keys(self.levels.over(over, base));
        let depth = self.nesting(level).saturating_sub(1);
        let names = self.levels.take_names();
        let mut walk = Walk::new(&self.detector, self.reveal, part.wire).reporting();
        walk.steps = self.levels.steps(&names, Shape::NEW);
        walk.siblings = self.levels.siblings();
        walk.json_texts = level;
        self.memory.lend(&mut walk);
        let context = Context { keys, place: Place::Free, depth, trail: Trail::Wire };
        // Before what is found in it: the first edit of a place counts.
        if let Some((start, class)) = open_run(&self.detector, part) {
            let confidence = Confidence::Certain;
            let range = part.out(start)..part.out(part.text.len());
            let find = Find { class, confidence, range: range.clone(), copy: false };
            if let Some(form) = walk.count(find, &Trail::Wire) {
                walk.replace(range, class, form, part.text.get(start..).unwrap_or_default());
            }
        }
        walk.prose(part.text, part.layer, context);
        self.levels.learn(&walk.siblings);
        walk.follow_siblings(0);
        if let Some(seeker) = Seeker::new(&walk.texts) {
            walk.seek(seeker, |walk| walk.prose(part.text, part.layer, context));
        }
        walk.conclude();
        let kept = self.levels.keep(&walk.steps);
        self.memory.keep(&mut walk);
        let plan = walk.plan;
        kept.map_err(|error| self.names(error))?;
        Ok(plan)
    }

    /// The window begins with a value that takes most of it.
    fn long_value(
        &mut self,
        part: Part<'_>,
        mut plan: Plan,
        wanted: usize,
        out: &mut Vec<u8>,
    ) -> Advance {
        let end = part.out(part.text.len());
        let here = self.context..self.context.saturating_add(1);
        let edit = plan.edits_with_class().find(|(range, ..)| range.end > here.start);
        let edit = edit.map(|(range, _, class)| (range, class));
        if let Some((range, _)) = edit.as_ref().filter(|(range, _)| range.end < end) {
            // It ends in the window.
            let range = self.context..range.end;
            plan.confine(&range);
            self.give(&plan, part.wire, range.clone(), out);
            return Advance::to(range.end);
        }
        let by_shape = self.detector.fields.is_empty();
        let swallow = edit.map(|(range, class)| match class {
            Class::PrivateKey if by_shape => Swallow::Pem,
            Class::Jwt | Class::ApiKey | Class::Secret if by_shape => Swallow::Token,
            // A rule may say of a text what it is, whatever stands in it.
            _ if range.start == 0 => Swallow::Rest,
            _ => Swallow::Line,
        });
        let Some(swallow) = swallow else {
            // It may be seen.
            let range = self.context..part.out(wanted).max(self.context + 1);
            plan.confine(&range);
            self.give(&plan, part.wire, range.clone(), out);
            let at = place_of(part, range.end);
            return Advance { keep: self.context_before(part, at), ..Advance::to(range.end) };
        };
        plan.confine(&(self.context..end));
        self.give(&plan, part.wire, self.context..end, out);
        self.set_mode(Mode::Prose(Some(swallow)));
        Advance::to(end)
    }
}

/// Where a run of symbols begins that reaches the end of the window and goes on, and what it counts
/// as. It is a web token for certain when what there is of it would be one with an end. What else
/// is text in base64 or hexadecimal digits could only be decoded as a whole, and is hidden.
fn open_run(detector: &Detector, part: Part<'_>) -> Option<(usize, Class)> {
    let text = part.text;
    let begin = |accept: fn(u8) -> bool| {
        let run = text.iter().rev().take_while(|byte| accept(**byte)).count();
        (run >= text.len() / 2).then(|| text.len() - run)
    };
    if part.ended {
        return None;
    }
    if let Some(start) = begin(is_web_token) {
        let run = text.get(start..)?;
        let token = memmem::find(run, b"eyJ").filter(|at| *at < run.len() / 2);
        let is_known = |at: &usize| {
            let run = run.get(*at..).unwrap_or_default();
            let plan = detector.plan_text(&[run, b"A.A"].concat(), ClassSet::empty());
            plan.counts.of(Class::Jwt) > 0
        };
        if let Some(at) = token.filter(is_known) {
            return Some((start + at, Class::Jwt));
        }
    }
    let start = begin(is_encoded)?;
    let run = armour::run_around(text, start, start)?;
    run.is_text().then_some((run.start(), Class::Secret))
}

/// The last place of a window up to which it is given out. Behind it stands enough to judge what
/// stands before it; no value that separates its parts in a known way stands on both sides.
fn cut_in(text: &[u8], from: usize) -> usize {
    let new = text.len().saturating_sub(from);
    let limit = text.len() - (new / 4).min(AHEAD_BYTES);
    let before = text.get(from..limit).unwrap_or_default();
    let blank = memrchr(b'\n', before).or_else(|| memrchr3(b' ', b'\t', b'\r', before));
    let joins = |byte: &u8| is_token(*byte) || *byte >= 0x80 || b"@:'\"".contains(byte);
    let ends = blank.or_else(|| before.iter().rposition(|byte| !joins(byte)));
    ends.map_or_else(|| begin_of(text, limit).max(from + 1), |at| from + at + 1)
}

/// The cut, or the begin of the value that it would cut.
fn before_values(plan: &Plan, cut: usize) -> usize {
    let mut cut = cut;
    loop {
        let edits = plan.edits().map(|(range, _)| range);
        let finds = plan.found().iter().map(|found| found.range.clone());
        let cuts = |range: &Range<usize>| range.start < cut && range.end > cut;
        let Some(begin) = edits.chain(finds).filter(cuts).map(|range| range.start).min() else {
            return cut;
        };
        cut = begin;
    }
}

/// The lines at the head of a table that goes on behind a place.
fn table_head(text: &[u8], cut: usize) -> Option<Range<usize>> {
    if !table::looks_like_table(text) {
        return None;
    }
    let line_of = |at: usize| memrchr(b'\n', text.get(..at)?).map_or(Some(0), |end| Some(end + 1));
    let (mut head, mut open) = (None, None);
    for part in table::parts(text) {
        match part {
            table::Part::Head { start, .. } if start < cut => {
                head = head.or_else(|| line_of(start));
                open = None;
            }
            table::Part::Cell { start, .. } if start < cut => {
                open = open.or_else(|| Some(head?..line_of(start)?));
            }
            table::Part::Text { start, .. } if start < cut => (head, open) = (None, None),
            table::Part::Cell { .. } | table::Part::Head { .. } | table::Part::Text { .. } => break,
        }
    }
    open.filter(|head| head.start < head.end)
}

/// The first place of the text that stands at a place of the window, or behind it.
fn place_of(part: Part<'_>, wire: usize) -> usize {
    let (mut low, mut high) = (0, part.text.len());
    while low < high {
        let middle = low.midpoint(high);
        if part.out(middle) < wire {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Where the character begins that a place is in.
fn begin_of(text: &[u8], at: usize) -> usize {
    let inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let back = (0..4).take_while(|back| *back < at && inside(at - back)).count();
    at - back
}

/// Where JSON begins at the begin of a line, or behind the name of an event's data (HTML, "Server-
/// sent events").
fn json_line(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let first = from == 0 || text.get(from - 1) == Some(&b'\n');
    let lines = memchr::memchr_iter(b'\n', rest).map(|at| at + 1);
    let begins = first.then_some(0).into_iter().chain(lines);
    begins.filter_map(|at| Some(from + at + json_at(rest.get(at..)?)?)).next()
}

/// Where in a line JSON begins, if nothing but the name of a field stands before it.
fn json_at(line: &[u8]) -> Option<usize> {
    let field = if line.starts_with(b"data:") { 5 } else { 0 };
    let rest = line.get(field..)?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let (bracket, inside) = rest.get(blanks..)?.split_first()?;
    let next = inside.iter().find(|byte| !byte.is_ascii_whitespace());
    let opens = match bracket {
        b'{' => next == Some(&b'"'),
        b'[' => matches!(next, Some(b'{' | b'[' | b'"')),
        _ => false,
    };
    opens.then_some(field + blanks)
}

/// The end of the END line of a PEM block.
fn pem_end(text: &[u8]) -> Option<usize> {
    let line = memmem::find(text, b"-----END ")?;
    let name = line + b"-----END ".len();
    let closing = memmem::find(text.get(name..)?, b"-----")?;
    Some(name + closing + 5)
}

/// What keys and tokens are written with.
fn is_token(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'.' | b'+' | b'/' | b'=' | b'~' | b'%')
}

fn is_encoded(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'+' | b'/')
}

fn is_web_token(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.'
}

/// Unit: bytes. How much of what went out is read again with what follows it: the words before a
/// value, and its digits so far.
const CONTEXT_BYTES: usize = 256;

/// Unit: bytes. How much behind a cut is read before it: the longest value that is not swallowed,
/// and the words behind it.
const AHEAD_BYTES: usize = 1024;

/// Unit: bytes. The longest END line of a PEM block (RFC 7468 section 3).
const PEM_END_BYTES_MAX: usize = 96;
