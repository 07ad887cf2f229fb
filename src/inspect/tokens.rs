//! Runs of letters and digits, alone or in groups: identity numbers, device numbers, wallets.
//!
//! Owns where a candidate begins and ends; whether it is somebody's number is asked of
//! [`super::national`] and [`super::device`].

use super::candidate::{Around, Candidate};
use super::context::Hints;
use super::digits::{Group, Left, Window};
use super::scan::{Same, Scan, Undecided};
use super::{device, labels, national, net};
use crate::class::{Class, Confidence};

/// Judges the run of letters and digits around the digit at `at`; `None` where it holds no
/// letter. Returns where to go on.
pub(super) fn at_digit(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let from = at.saturating_sub(TOKEN_BYTES_MAX).max(scan.floor);
    let before = scan.text.get(from..at).unwrap_or_default();
    let back = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let start = at - back + coded(scan, at - back).min(back);
    let back = at - start;
    let end = at + scan.count(at, usize::MAX, |byte| byte.is_ascii_alphanumeric());
    let token = scan.text.get(start..end)?;
    let lettered = token.iter().any(u8::is_ascii_alphabetic);
    if !lettered && !letters_beside(scan, start, end) {
        return None;
    }
    if token.len() > TOKEN_BYTES_MAX || is_hex_digest(token) || in_base64(scan, start, end) {
        scan.findings.run(start);
        return lettered.then_some(end);
    }
    if let Some(end) = uuid_end(scan, start, end) {
        return Some(end);
    }
    // A hardware address that begins with a letter.
    if back > 0
        && matches!((token.len(), scan.byte(end)), (2, b':' | b'-') | (4, b'.'))
        && let Some(end) = net::mac(scan, end)
    {
        return Some(end);
    }
    if let Some(end) = judge(scan, start, end).or_else(|| labelled(scan, start)) {
        return Some(end);
    }
    if !lettered {
        return None;
    }
    if token.len() >= RUN_BYTES_MIN {
        scan.findings.run(start);
    }
    // Digits that a letter ends may still begin a number: `4111…x`, `20GB`.
    let same = Same::of(token).filter(|_| token.iter().filter(|b| b.is_ascii_digit()).count() > 2);
    if let Some(same) = same {
        scan.findings.undecided.push(Undecided { start, end, same });
    }
    (back > 0).then_some(end)
}

/// Judges the value that holds a token, where a word before it says what it is.
pub(super) fn labelled(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let from = start.saturating_sub(VALUE_BACK_BYTES).max(scan.floor);
    let before = scan.text.get(from..start).unwrap_or_default();
    let joined = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-./_".contains(byte);
    let begin = start - before.iter().rev().take_while(joined).count();
    // A short group of capitals before a blank may begin the value: `M 114 CW`.
    let group = scan.text.get(from..begin.saturating_sub(1)).unwrap_or_default();
    let letters = group.iter().rev().take_while(|byte| byte.is_ascii_uppercase()).count();
    let lettered = (1..=LETTERS_MAX).contains(&letters) && scan.byte_before(begin, 1) == b' ';
    let first = if lettered { begin - 1 - letters } else { begin };
    labels::at_value(scan, begin)
        .or_else(|| if first == begin { None } else { labels::at_value(scan, first) })
}

/// How many bytes of a run belong to what is written before it: the code of a percent-encoded
/// byte, the letter of an escape that nobody decoded.
fn coded(scan: &Scan<'_, '_>, start: usize) -> usize {
    match scan.byte_before(start, 1) {
        b'%' => 2,
        b'\\' if matches!(scan.byte(start), b'n' | b'r' | b't') => 1,
        _ => 0,
    }
}

/// Whether short groups of letters stand beside a group of digits: `AB 12 34 56 C`.
fn letters_beside(scan: &Scan<'_, '_>, start: usize, end: usize) -> bool {
    let joins = |byte: u8| is_joint(byte);
    let before =
        joins(scan.byte_before(start, 1)) && scan.byte_before(start, 2).is_ascii_uppercase();
    // A letter among the groups behind it, or at their end: `16.495.330-Y`, `1 75 03 2B 011`.
    let rest = scan.text.get(end..).unwrap_or_default();
    let mut letters = 0;
    for byte in rest.iter().take(AHEAD_BYTES) {
        match byte {
            b'A'..=b'Z' => letters += 1,
            byte if byte.is_ascii_digit() || joins(*byte) => {
                if (1..=2).contains(&letters) {
                    return true;
                }
                letters = 0;
            }
            byte if byte.is_ascii_lowercase() => return before,
            _ => break,
        }
    }
    before || (1..=2).contains(&letters)
}

/// Judges the groups around a token, the longest candidate first.
fn judge(scan: &mut Scan<'_, '_>, start: usize, end: usize) -> Option<usize> {
    if end - start >= WALLET_BYTES_MIN {
        let around = Around { named: scan.named.classes, on: scan.on() };
        let raw = scan.text.get(start..end)?;
        if let Some((class, confidence)) = device::wallet(raw, around)
            && scan.wants(class, confidence)
        {
            return Some(scan.found(class, confidence, start, end));
        }
    }
    let mut groups = [Group::default(); TOKEN_GROUPS_MAX];
    let (count, first) = read(scan, start, end, &mut groups);
    let groups = groups.get(..count)?;
    for from in (0..=first).rev() {
        let rest = groups.get(from..)?;
        let head = rest.first()?.start;
        if !begins_alone(scan, head) {
            continue;
        }
        let mut lead = None;
        let lengths = Lengths::of(scan, rest, |group| digits_in(scan, group));
        let mut symbols = None;
        for (last, (length, group)) in lengths.all().zip(rest).enumerate().skip(first - from).rev()
        {
            let (count, tail, digits) = (last + 1, group.end, usize::from(length.digits));
            let bytes = tail - head;
            let few = digits < LETTERED_DIGITS_MIN && !(digits > 0 && (9..=11).contains(&bytes));
            if bytes < SYMBOLS_MIN || few || !ends_alone(scan, tail) {
                continue;
            }
            let lead = *lead.get_or_insert_with(|| scan.before(head));
            let hints = lead | scan.named(head, tail) | scan.after(tail);
            let unnamed = !hints.has(Hints::SERIAL) && length.may_be_unnamed(count);
            if hints.classes.is_empty() && !unnamed {
                continue;
            }
            let symbols = symbols.get_or_insert_with(|| Symbols::of(scan, rest));
            let Some(candidate) = symbols.candidate(count, length) else { continue };
            if let Some((class, confidence)) = judged(scan, &candidate, hints)
                && (!hints.has(Hints::SERIAL) || hints.names(class))
            {
                return Some(scan.found(class, confidence, head, tail));
            }
        }
    }
    None
}

/// The digits of a group that holds letters too.
fn digits_in(scan: &Scan<'_, '_>, group: &Group) -> usize {
    let text = scan.text.get(group.start..group.end).unwrap_or_default();
    text.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Reads up to two groups of letters before the token and the groups behind it; returns how many
/// there are and which is the token.
fn read(
    scan: &Scan<'_, '_>,
    start: usize,
    end: usize,
    groups: &mut [Group; TOKEN_GROUPS_MAX],
) -> (usize, usize) {
    let mut before = [Group::default(); 2];
    let (mut found, mut at) = (0, start);
    for slot in &mut before {
        let from = at.saturating_sub(1 + LETTERS_MAX).max(scan.floor);
        let text = scan.text.get(from..at.saturating_sub(1)).unwrap_or_default();
        let letters = text.iter().rev().take_while(|b| b.is_ascii_uppercase()).count();
        let begin = at.saturating_sub(1 + letters);
        if letters == 0
            || !is_joint(scan.byte_before(at, 1))
            || scan.byte_before(begin, 1).is_ascii_alphanumeric()
        {
            break;
        }
        *slot = Group { start: begin, end: begin + letters };
        (found, at) = (found + 1, begin);
    }
    let before = before.get(..found).unwrap_or_default();
    let own = [Group { start, end }];
    let mut count = 0;
    for (slot, group) in groups.iter_mut().zip(before.iter().rev().chain(&own)) {
        *slot = *group;
        count += 1;
    }
    let mut last = end;
    let mut symbols = end - start;
    // What makes a candidate longer than any number is, is no part of one.
    while symbols <= DIGITS_MAX
        && let Some(slot) = groups.get_mut(count)
    {
        let gap = scan.count(last, 2, |byte| is_joint(byte) || matches!(byte, b'(' | b')'));
        let from = last + gap;
        let length = scan.count(from, GROUP_BYTES_MAX + 1, |byte| byte.is_ascii_alphanumeric());
        let group = scan.text.get(from..from + length).unwrap_or_default();
        // Words of a sentence are no groups of a number.
        let fits = gap > 0
            && (1..=GROUP_BYTES_MAX).contains(&length)
            && (group.iter().any(u8::is_ascii_digit)
                || (length <= LETTERS_MAX && group.iter().all(u8::is_ascii_uppercase)));
        if !fits {
            break;
        }
        *slot = Group { start: from, end: from + length };
        last = from + length;
        symbols += length;
        count += 1;
    }
    (count, found)
}

/// Asks the validators about a candidate beside which words suggest something.
fn judged(
    scan: &Scan<'_, '_>,
    candidate: &Candidate<'_>,
    hints: Hints,
) -> Option<(Class, Confidence)> {
    let around = Around { named: hints.classes, on: scan.on() };
    let judged = national::judge(candidate, around).or_else(|| device::judge(candidate, around));
    judged.filter(|(class, confidence)| scan.wants(*class, *confidence))
}

/// The symbols of groups that stand beside each other, of which the first few can be a candidate
/// each: read once for all of them.
struct Symbols {
    symbols: [u8; DIGITS_MAX],
    /// How many symbols each group has.
    lengths: [u8; TOKEN_GROUPS_MAX],
}

impl Symbols {
    /// Reads groups up to the first that makes them longer than any number is.
    fn of(scan: &Scan<'_, '_>, groups: &[Group]) -> Symbols {
        let mut read = Symbols { symbols: [0; DIGITS_MAX], lengths: [0; TOKEN_GROUPS_MAX] };
        let mut symbols = 0;
        for (group, length) in groups.iter().zip(&mut read.lengths) {
            let text = scan.text.get(group.start..group.end).unwrap_or_default();
            let Some(room) = read.symbols.get_mut(symbols..symbols + text.len()) else { break };
            room.iter_mut().zip(text).for_each(|(to, from)| *to = from.to_ascii_uppercase());
            symbols += text.len();
            // Small: see the room above.
            *length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        }
        read
    }

    /// The first few groups as a candidate.
    fn candidate(&self, count: usize, length: &Length) -> Option<Candidate<'_>> {
        let symbols = self.symbols.get(..usize::from(length.symbols))?;
        let groups = self.lengths.get(..count)?;
        Some(Candidate { symbols, groups, separator: length.separator })
    }
}

/// How groups that stand beside each other are laid out, for each number of the first few: told
/// before their symbols are read, since most are no number for that alone.
struct Lengths {
    sums: [Length; TOKEN_GROUPS_MAX],
    count: usize,
}

/// How some groups are laid out.
#[derive(Clone, Copy, Default)]
struct Length {
    symbols: u8,
    digits: u8,
    /// What stands between them as [`Candidate::separator`] wants it.
    separator: u8,
    /// Their lengths, as the tables of numbers pack them.
    key: u32,
}

impl Lengths {
    /// Of groups up to the first that makes them longer than any number is.
    fn of(scan: &Scan<'_, '_>, groups: &[Group], digits_in: impl Fn(&Group) -> usize) -> Lengths {
        let mut lengths = Lengths { sums: [Length::default(); TOKEN_GROUPS_MAX], count: 0 };
        let mut all = Length::default();
        let mut last_end = None;
        let small = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        for (group, sum) in groups.iter().zip(&mut lengths.sums) {
            let length = small(group.length());
            all.symbols = all.symbols.saturating_add(length);
            if usize::from(all.symbols) > DIGITS_MAX {
                break;
            }
            all.digits = all.digits.saturating_add(small(digits_in(group)));
            let between = match last_end {
                Some(end) if group.start - end == 1 => scan.byte(end),
                Some(_) => b'?',
                None => 0,
            };
            let same = lengths.count < 2 || between == all.separator;
            all.separator = if same { between } else { b'?' };
            all.key = national::longer_key(all.key, length);
            last_end = Some(group.end);
            *sum = all;
            lengths.count += 1;
        }
        lengths
    }

    /// The first group, the first two and so on.
    fn all(&self) -> std::slice::Iter<'_, Length> {
        self.sums.get(..self.count).unwrap_or_default().iter()
    }
}

impl Length {
    /// Whether so many groups could be a number that nothing names. Most have no length or layout
    /// of one, and need not be judged.
    fn may_be_unnamed(&self, groups: usize) -> bool {
        let symbols = usize::from(self.symbols);
        let letters = symbols.saturating_sub(usize::from(self.digits));
        national::may_be_unnamed(symbols, (groups > 1).then_some(self.key), letters > 0)
            || device::may_be_unnamed(symbols, groups > 1, letters)
    }
}

/// A number that validators know.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    class: Class,
    confidence: Confidence,
    start: usize,
    end: usize,
    /// Whether a name or word says that it is what it is: then it comes before all others.
    pub(super) named: bool,
}

impl Numbered {
    pub(super) fn found(self, scan: &mut Scan<'_, '_>) -> usize {
        scan.found(self.class, self.confidence, self.start, self.end)
    }
}

/// Asks the validators about the digit groups of a window, the longest candidate first.
pub(super) fn numbered(scan: &Scan<'_, '_>, window: &Window<'_>, left: Left) -> Option<Numbered> {
    let rest = window.rest();
    let rest = rest.get(..rest.len().min(TOKEN_GROUPS_MAX)).unwrap_or_default();
    let head = rest.first()?.start;
    if !begins_alone(scan, head) {
        return None;
    }
    let lengths = Lengths::of(scan, rest, Group::length);
    let mut lead = None;
    let mut symbols = None;
    let mut unnamed = None;
    for (last, (length, group)) in lengths.all().zip(rest).enumerate().rev() {
        let (count, end) = (last + 1, group.end);
        if usize::from(length.digits) < SYMBOLS_MIN {
            // Fewer groups have fewer digits.
            break;
        }
        if !ends_alone(scan, end) {
            continue;
        }
        let lead = *lead.get_or_insert_with(|| window.lead(scan, head));
        let hints = lead | scan.named(head, end) | scan.after(end);
        let alone = unnamed.is_none() && left == Left::Free && !hints.has(Hints::SERIAL);
        // What nothing names has the length and groups of a number, or need not be read.
        if hints.classes.is_empty() && !(alone && length.may_be_unnamed(count)) {
            continue;
        }
        // The longest one counts that nothing is joined to.
        let counts = alone && !window.is_part_of_more(scan, count, length.separator);
        if hints.classes.is_empty() && !counts {
            continue;
        }
        let symbols = symbols.get_or_insert_with(|| Symbols::of(scan, rest));
        let candidate = symbols.candidate(count, length)?;
        let Some((class, confidence)) = judged(scan, &candidate, hints) else { continue };
        let named = hints.names(class);
        let found = Numbered { class, confidence, start: head, end, named };
        if named {
            return Some(found);
        }
        if counts {
            unnamed = Some(found);
        }
    }
    unnamed
}

/// Whether no letter or digit is joined to the begin of a candidate.
fn begins_alone(scan: &Scan<'_, '_>, start: usize) -> bool {
    let before = scan.byte_before(start, 1);
    let escaped = matches!(before, b'n' | b'r' | b't') && scan.byte_before(start, 2) == b'\\';
    !(before.is_ascii_alphanumeric() || before == b'_') || escaped
}

/// Whether no letter or digit is joined to the end of a candidate, and no decimals are.
fn ends_alone(scan: &Scan<'_, '_>, end: usize) -> bool {
    let after = scan.byte(end);
    let decimals = matches!(after, b'.' | b',') && scan.byte(end + 1).is_ascii_digit();
    !(after.is_ascii_alphanumeric() || after == b'_' || decimals)
}

/// The end of the UUID that begins with a token (RFC 9562 section 4): it is nobody's number.
fn uuid_end(scan: &Scan<'_, '_>, start: usize, end: usize) -> Option<usize> {
    if end - start != 8 || scan.byte(end) != b'-' {
        return None;
    }
    let text = scan.text.get(start..start + UUID_BYTES)?;
    let shape = text.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let alone = !scan.byte(start + UUID_BYTES).is_ascii_alphanumeric();
    (shape && alone).then_some(start + UUID_BYTES)
}

/// Whether a token is a piece of encoded data: `+` or `/` joins it to long others.
fn in_base64(scan: &Scan<'_, '_>, start: usize, end: usize) -> bool {
    let symbol = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let before = scan.text.get(start.saturating_sub(DATA_BYTES_MIN).max(scan.floor)..start);
    let before = before.unwrap_or_default().iter().rev().take_while(symbol).count();
    let after = scan.text.get(end..).unwrap_or_default().iter().take(DATA_BYTES_MIN);
    let after = after.take_while(symbol).count();
    let joined = before > 0 || after > 0;
    joined && before + after + (end - start) >= DATA_BYTES_MIN
}

/// The lengths of common digests in hexadecimal digits, and longer.
fn is_hex_digest(token: &[u8]) -> bool {
    matches!(token.len(), 32 | 40 | 56..) && token.iter().all(u8::is_ascii_hexdigit)
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'+')
}

/// Unit: bytes. Longer runs are keys or encoded data.
const TOKEN_BYTES_MAX: usize = 95;

/// Unit: bytes. Runs of base64 with marks in them that are longer are no paths.
const DATA_BYTES_MIN: usize = 60;

/// Unit: bytes. Shorter runs are no encoded text.
const RUN_BYTES_MIN: usize = 20;

/// Unit: bytes. The shortest address of a crypto currency.
const WALLET_BYTES_MIN: usize = 25;

/// Symbols of the shortest number that validators know, and its digits where it has letters.
const SYMBOLS_MIN: usize = 7;
const LETTERED_DIGITS_MIN: usize = 4;

/// Digits of the longest number without letters (ITU-T E.118).
const DIGITS_MAX: usize = 20;

/// Groups of one candidate.
const TOKEN_GROUPS_MAX: usize = 8;

/// Unit: bytes. The longest group that stands beside others.
const GROUP_BYTES_MAX: usize = 12;

/// Letters that may stand alone in a group.
const LETTERS_MAX: usize = 4;

/// Unit: bytes. How far behind a group of digits a letter of the same number stands.
const AHEAD_BYTES: usize = 24;

/// Unit: bytes. How far before its first digit a value begins.
const VALUE_BACK_BYTES: usize = 24;

/// Unit: bytes.
const UUID_BYTES: usize = 36;
