//! Numbers: runs of digit groups, and which of them are a card, a social security
//! number or a phone number.

use super::candidate::Around;
use super::context::Hints;
use super::scan::{First, Same, Scan, Undecided};
use super::{device, iban, net, phone, tokens};
use crate::class::{Class, Confidence};

/// Consecutive digits.
#[derive(Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Group {
    pub(super) fn length(&self) -> usize {
        self.end - self.start
    }
}

/// The digits of a number without what separates them; at most 19.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) length: u8,
    pub(super) value: u64,
}

/// Judges the run of digit groups that begins at `at` (`4111 1111 1111 1111`,
/// `(212) 555-0147`); returns where to go on.
pub(super) fn at_digit(scan: &mut Scan<'_, '_>, at: usize) -> usize {
    if let Some(end) = iban::at_check_digits(scan, at) {
        return end;
    }
    if let Some(end) = net::mac_at_digit(scan, at) {
        return end;
    }
    if let Some(end) = tokens::at_digit(scan, at) {
        return end;
    }
    if let Some(end) = geo(scan, at) {
        return end;
    }
    let first_end = at + scan.count(at, usize::MAX, |b| b.is_ascii_digit());
    if first_end - at < BARE_DIGITS_MIN && !is_separator(scan.byte(first_end)) {
        // Most numbers are short and alone.
        return tokens::labelled(scan, at).unwrap_or(first_end);
    }
    let mut groups = [Group::default(); GROUPS_MAX];
    let count = read(scan, Group { start: at, end: first_end }, &mut groups);
    let groups = groups.get(..count).unwrap_or_default();
    for (index, group) in groups.iter().enumerate() {
        let window = Window { groups, index };
        if let Some(end) = window.judge(scan, *group) {
            return end;
        }
        // The groups that were read beside this one may go on after the last.
        if count == GROUPS_MAX && index + WINDOW_GROUPS >= GROUPS_MAX {
            return group.end;
        }
    }
    let end = groups.last().map_or(first_end, |last| last.end);
    tokens::labelled(scan, at).unwrap_or(end)
}

/// Judges the pair of coordinates that begins at `at`, or with a sign before it.
fn geo(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    // Most numbers have no decimals, and those that have them mostly fewer.
    let degrees = scan.count(at, 4, |byte| byte.is_ascii_digit());
    let point = at + degrees;
    let decimal = scan.byte(point) == b'.' && scan.byte(point + 4).is_ascii_digit();
    // The first byte of a degree sign in UTF-8.
    if degrees > 3 || !(decimal || scan.byte(point) == 0xC2) || !scan.is_on(Class::Geo) {
        return None;
    }
    let start = if matches!(scan.byte_before(at, 1), b'-' | b'+') { at - 1 } else { at };
    let around = Around { named: scan.named.classes, on: scan.on() };
    let end = device::geo(scan.text, start, around)?;
    Some(scan.found(Class::Geo, Confidence::Likely, start, end))
}

/// Reads the groups that follow the first one; returns how many there are with it.
fn read(scan: &Scan<'_, '_>, first: Group, groups: &mut [Group]) -> usize {
    let mut group = first;
    for (index, slot) in groups.iter_mut().enumerate() {
        *slot = group;
        let start = group.end + scan.count(group.end, SEPARATOR_BYTES, is_separator);
        if start == group.end || !scan.byte(start).is_ascii_digit() {
            return index + 1;
        }
        let end = start + scan.count(start, usize::MAX, |b| b.is_ascii_digit());
        group = Group { start, end };
    }
    groups.len()
}

/// The groups of a run from one of them on.
#[derive(Clone, Copy)]
pub(super) struct Window<'r> {
    groups: &'r [Group],
    index: usize,
}

impl<'r> Window<'r> {
    /// The groups from this one on.
    pub(super) fn rest(&self) -> &'r [Group] {
        self.groups.get(self.index..).unwrap_or_default()
    }

    /// Whether this group is joined to the one before, or the last of `count` groups to
    /// the one after, by the same single byte: then they are one longer number.
    pub(super) fn is_part_of_more(&self, scan: &Scan<'_, '_>, count: usize, separator: u8) -> bool {
        let joined = |left: Option<&Group>, right: Option<&Group>| match (left, right) {
            (Some(left), Some(right)) => {
                right.start - left.end == 1 && scan.byte(left.end) == separator
            }
            _ => false,
        };
        let before = self.index.checked_sub(1).and_then(|before| self.groups.get(before));
        let rest = self.rest();
        let last = count.checked_sub(1).and_then(|last| rest.get(last));
        joined(before, rest.first()) || joined(last, rest.get(count))
    }

    /// What the surroundings say of a number that begins with this group.
    pub(super) fn hints(&self, scan: &Scan<'_, '_>, start: usize, end: usize) -> Hints {
        let first = if self.index == 0 { First::Yes } else { First::No };
        scan.hints(start, end, first)
    }

    /// What the words before a number suggest that begins with this group.
    pub(super) fn lead(&self, scan: &Scan<'_, '_>, start: usize) -> Hints {
        if self.index == 0 { scan.before(start) } else { Hints::NONE }
    }

    /// Whether a dot joins this group to digits before it.
    pub(super) fn is_dotted_before(&self, scan: &Scan<'_, '_>) -> bool {
        let start = self.rest().first().map_or(0, |first| first.start);
        self.index > 0 && scan.byte_before(start, 1) == b'.' && {
            scan.byte_before(start, 2).is_ascii_digit()
        }
    }

    fn judge(&self, scan: &mut Scan<'_, '_>, group: Group) -> Option<usize> {
        let rest = self.rest().iter().take(WINDOW_GROUPS);
        let digits = rest.map(Group::length).fold(0, usize::saturating_add);
        if digits < BARE_DIGITS_MIN && self.rest().len() < 4 {
            return None;
        }
        let left = Left::of(scan, group.start, self.index);
        if left == Left::Inside {
            if group.length() > 2 {
                scan.findings.pass_over(group.start, group.end);
            }
            return None;
        }
        if let Some(end) = net::v4(scan, self, left).or_else(|| phone::international(scan, self)) {
            return Some(end);
        }
        let numbered = tokens::numbered(scan, self, left);
        if let Some(named) = numbered.filter(|numbered| numbered.named) {
            return Some(named.found(scan));
        }
        ssn(scan, self, left)
            .or_else(|| card(scan, self, left))
            .or_else(|| phone::north_american(scan, self, left))
            .or_else(|| bare(scan, self))
            .or_else(|| numbered.map(|numbered| numbered.found(scan)))
            .or_else(|| {
                undecided(scan, &[group]);
                None
            })
    }
}

/// How a number begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing is joined to it.
    Free,
    /// A dash, dot or slash joins it to a word: `pkg-123`, part of an identifier.
    Joined,
    /// Directly after a letter: `a123`.
    Inside,
}

impl Left {
    fn of(scan: &Scan<'_, '_>, start: usize, index: usize) -> Left {
        if index > 0 {
            return Left::Free;
        }
        match (scan.byte_before(start, 2), scan.byte_before(start, 1)) {
            // A percent-encoded plus, and line ends that a log writer has escaped.
            (b'2', b'B' | b'b') if scan.byte_before(start, 3) == b'%' => Left::Free,
            (b'\\', b'n' | b'r' | b't') => Left::Free,
            (_, b'_') => Left::Joined,
            (_, before) if before.is_ascii_alphanumeric() => Left::Inside,
            (before, b'-' | b'.') if before.is_ascii_alphanumeric() => Left::Joined,
            _ => Left::Free,
        }
    }
}

/// Whether a number can end at `end`: no letter, and no joined word or decimals follow.
pub(super) fn ends_number(scan: &mut Scan<'_, '_>, end: usize) -> bool {
    let (next, after) = (scan.byte(end), scan.byte(end + 1));
    let inside = next.is_ascii_alphanumeric() || next == b'_';
    let joined = matches!(next, b'-' | b'.' | b'@') && after.is_ascii_alphanumeric();
    // A sentence may end with a number, and the next begin without a space.
    let joined = joined && !(next == b'.' && after.is_ascii_alphabetic());
    if inside || joined {
        scan.findings.pass_over(end, end);
    }
    !inside && !joined
}

/// What stands between the first two groups, if it is one byte, blanks around it not counted.
pub(super) fn separator(scan: &Scan<'_, '_>, groups: &[Group]) -> Option<u8> {
    let [first, second, ..] = groups else {
        return None;
    };
    between(scan, first, second)
}

/// The one byte between two groups, blanks around it not counted; a blank where there are only
/// blanks.
fn between(scan: &Scan<'_, '_>, first: &Group, second: &Group) -> Option<u8> {
    match scan.text.get(first.end..second.start)?.trim_ascii() {
        [] => Some(b' '),
        [byte] => Some(*byte),
        _ => None,
    }
}

/// A social security number in three groups: 20 CFR 422.103 and the SSA's rules since
/// 2011: area not 000, 666 or 9xx, group not 00, serial not 0000.
fn ssn(scan: &mut Scan<'_, '_>, window: &Window<'_>, left: Left) -> Option<usize> {
    let [area, group, serial] = *window.rest().first_chunk::<3>()?;
    let shape = (area.length(), group.length(), serial.length());
    if !scan.is_on(Class::UsSsn) || shape != (3, 2, 4) {
        return None;
    }
    let between = separator(scan, window.rest())?;
    let same = self::between(scan, &group, &serial) == Some(between);
    let digits = Number::of(scan, &[area, group, serial])?;
    if !same || !matches!(between, b'-' | b' ' | b'.') || !is_ssn(digits) {
        return None;
    }
    let alone = left == Left::Free && !window.is_part_of_more(scan, 3, between);
    let alone = alone && ends_number(scan, serial.end);
    if !alone && !window.hints(scan, area.start, serial.end).names(Class::UsSsn) {
        scan.findings.pass_over(area.start, serial.end);
        return None;
    }
    let named = window.hints(scan, area.start, serial.end).names(Class::UsSsn);
    let confidence = if named { Confidence::Certain } else { Confidence::Likely };
    Some(scan.found(Class::UsSsn, confidence, area.start, serial.end))
}

fn is_ssn(digits: Number) -> bool {
    let (area, rest) = (digits.value / 1_000_000, digits.value % 1_000_000);
    digits.length <= 9
        && (1..900).contains(&area)
        && area != 666
        && rest / 10_000 != 0
        && rest % 10_000 != 0
}

/// A payment card number: 12 to 19 digits (ISO/IEC 7812) of a known issuer with the
/// right check digit, in one piece or in the groups that are printed on cards.
fn card(scan: &mut Scan<'_, '_>, window: &Window<'_>, left: Left) -> Option<usize> {
    let groups = window.rest();
    let first = groups.first()?;
    if !scan.is_on(Class::Card) || !(4..=CARD_DIGITS_MAX).contains(&first.length()) {
        return None;
    }
    if !matches!(scan.byte(first.start), b'2'..=b'6') {
        return None;
    }
    let mut best = None;
    let mut digits = Number { length: 0, value: 0 };
    for (index, group) in groups.iter().enumerate() {
        // A long first group is a number of its own; what follows it is another.
        let printed = first.length() < 12
            && (group.length() >= 3 || (index == 4 && (1..=3).contains(&group.length())));
        if index > 0 && !printed {
            break;
        }
        let Some(longer) = digits.and(scan, group) else {
            break;
        };
        digits = longer;
        // A short number whose groups go on is the begin of a longer one.
        let goes_on = digits.length < 16
            && index > 0
            && groups.get(index + 1).is_some_and(|next| {
                next.length() >= 3 && between(scan, group, next) == separator(scan, groups)
            });
        if digits.length >= 12 && !goes_on && is_card(digits) {
            best = Some((*group, digits, index));
        }
    }
    let (last, digits, index) = best?;
    let (start, end, grouped) = (first.start, last.end, index > 0);
    // Decimals before or after: a measurement that happens to fit.
    let decimal = (window.index > 0 && scan.byte_before(start, 1) == b'.')
        || (scan.byte(end) == b'.' && scan.byte(end + 1).is_ascii_digit());
    if scan.byte(end).is_ascii_alphanumeric() || (decimal && !grouped) {
        scan.findings.pass_over(start, end);
        return None;
    }
    let shown = grouped || (left == Left::Free && is_telling(digits));
    let hints = window.hints(scan, start, end);
    let named = hints.names(Class::Card);
    // A name of another kind of number beside digits in one piece says what they are.
    let other = hints.has(Hints::SERIAL) || !hints.classes.is_empty();
    if !grouped && !named && (!shown || other) {
        return None;
    }
    let sure = named || grouped;
    let confidence = if sure { Confidence::Certain } else { Confidence::Likely };
    Some(scan.found(Class::Card, confidence, start, end))
}

/// Whether bare digits of this length and issuer are common enough as cards to need no
/// word beside them: 13 digits that begin with 4 are also German article numbers, 12 to
/// 15 that begin with 5 or 6 are also serials.
fn is_telling(digits: Number) -> bool {
    let leading = digits.value / 10_u64.pow(u32::from(digits.length) - 2);
    match digits.length {
        0..14 => false,
        14..16 => (30..40).contains(&leading),
        16.. => true,
    }
}

/// Issuer ranges with their lengths, and the check digit of ISO/IEC 7812-1 annex B.
fn is_card(digits: Number) -> bool {
    let leading = digits.value / 10_u64.pow(u32::from(digits.length).saturating_sub(6));
    let length = digits.length;
    let known = match leading {
        // Visa.
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        // Mastercard.
        510_000..=559_999 | 222_100..=272_099 => length == 16,
        // American Express.
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        // Diners Club.
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            (14..=19).contains(&length)
        }
        // JCB.
        352_800..=358_999 => (16..=19).contains(&length),
        // Mir.
        220_000..=220_499 => (16..=19).contains(&length),
        // Discover, UnionPay, Maestro, RuPay and others.
        500_000..=509_999 | 560_000..=699_999 => (12..=19).contains(&length),
        _ => false,
    };
    known && luhn(digits)
}

fn luhn(digits: Number) -> bool {
    let (mut rest, mut sum, mut double) = (digits.value, 0, false);
    while rest > 0 {
        let digit = rest % 10;
        sum += match (double, digit) {
            (false, digit) => digit,
            (true, digit @ 0..5) => digit * 2,
            (true, digit) => digit * 2 - 9,
        };
        double = !double;
        rest /= 10;
    }
    sum % 10 == 0
}

/// Numbers that only a name or a word beside them explains.
fn bare(scan: &mut Scan<'_, '_>, window: &Window<'_>) -> Option<usize> {
    let first = *window.rest().first()?;
    let single = first.length();
    let whole = phone::national_extent(scan, window.rest());
    if single > PHONE_DIGITS_MAX || (single < BARE_DIGITS_MIN && whole.is_empty()) {
        return None;
    }
    let is_bare_ssn = single == 9 || (scan.numeric && (7..9).contains(&single));
    let end = whole.last().map_or(first.end, |last| last.end);
    let hints = window.hints(scan, first.start, if is_bare_ssn { first.end } else { end });
    if is_bare_ssn && hints.names(Class::UsSsn) && scan.is_on(Class::UsSsn) {
        let digits = Number::of(scan, &[first]).filter(|digits| is_ssn(*digits));
        if digits.is_some() && ends_number(scan, first.end) {
            return Some(scan.found(Class::UsSsn, Confidence::Certain, first.start, first.end));
        }
    }
    let is_phone = hints.names(Class::Phone) && !whole.is_empty() && scan.is_on(Class::Phone);
    if is_phone && ends_number(scan, end) {
        let start = phone::opening(scan, first.start);
        return Some(scan.found(Class::Phone, Confidence::Likely, start, end));
    }
    if window.index == 0 && whole.len() > 1 {
        undecided(scan, whole);
    }
    None
}

/// Remembers a number in case the same one is found elsewhere in the message.
fn undecided(scan: &mut Scan<'_, '_>, groups: &[Group]) {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return };
    let (start, end) = (first.start, last.end);
    if end - start < BARE_DIGITS_MIN || end - start > UNDECIDED_BYTES_MAX {
        return;
    }
    let same = Same::of(scan.text.get(start..end).unwrap_or_default());
    scan.findings.undecided.extend(same.map(|same| Undecided { start, end, same }));
}

impl Number {
    /// The digits of some groups; none when there are more than 19.
    pub(super) fn of(scan: &Scan<'_, '_>, groups: &[Group]) -> Option<Number> {
        let none = Number { length: 0, value: 0 };
        groups.iter().try_fold(none, |number, group| number.and(scan, group))
    }

    /// The digits with those of one more group.
    fn and(mut self, scan: &Scan<'_, '_>, group: &Group) -> Option<Number> {
        if group.length() + usize::from(self.length) > CARD_DIGITS_MAX {
            return None;
        }
        for digit in scan.text.get(group.start..group.end).unwrap_or_default() {
            self.value = self.value * 10 + u64::from(digit.wrapping_sub(b'0'));
            self.length += 1;
        }
        Some(self)
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// Digits of the longest card number (ISO/IEC 7812), and what fits a [`Number`].
const CARD_DIGITS_MAX: usize = 19;

/// Digits of the longest phone number (ITU-T E.164).
pub(super) const PHONE_DIGITS_MAX: usize = 15;

/// Digits of the shortest number that is looked at without separators.
const BARE_DIGITS_MIN: usize = 7;

/// Bytes that may stand between two groups: `) `, ` - `.
const SEPARATOR_BYTES: usize = 3;

/// Groups read at once.
const GROUPS_MAX: usize = 16;

/// Groups that one number may have.
const WINDOW_GROUPS: usize = 8;

/// Unit: bytes. The longest card number with what may separate its groups.
const UNDECIDED_BYTES_MAX: usize = 32;
