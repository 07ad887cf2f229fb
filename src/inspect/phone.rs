//! Phone numbers: international by ITU-T E.164, North American by its numbering plan;
//! other national forms only where a name or word calls them so.

use super::digits::{Group, Left, PHONE_DIGITS_MAX, Window, ends_number, separator};
use super::scan::{Same, Scan};
use crate::class::{Class, Confidence};

/// `+44 20 7946 0958`: a plus, a country code and as many digits as numbers there have.
pub(super) fn international(scan: &mut Scan<'_, '_>, window: &Window<'_>) -> Option<usize> {
    let first = window.rest().first()?;
    let start = plus(scan, first.start)?;
    if !scan.is_on(Class::Phone) || start < scan.floor {
        return None;
    }
    let mut digits = [0; PHONE_DIGITS_MAX];
    let (mut length, mut best) = (0, None);
    for (index, group) in window.rest().iter().enumerate().take(GROUPS_MAX) {
        // The trunk zero in `+44 (0)20 …` is not dialled from abroad.
        let trunk = index > 0 && group.length() == 1 && scan.byte_before(group.start, 1) == b'(';
        if !trunk {
            let more = scan.text.get(group.start..group.end).unwrap_or_default();
            let Some(place) = digits.get_mut(length..length + more.len()) else {
                break;
            };
            place.copy_from_slice(more);
            length += more.len();
        }
        if is_e164(digits.get(..length).unwrap_or_default()) {
            best = Some((group.end, length));
        }
    }
    let (end, length) = best?;
    if !ends_phone(scan, end) {
        return None;
    }
    let same = Same::of(digits.get(..length).unwrap_or_default());
    Some(scan.found_as(Class::Phone, Confidence::Certain, start..end, same))
}

/// `(212) 555-0147`, `212-555-0147`, `1.212.555.0147`: three, three and four digits, the
/// first two groups beginning with 2 to 9. With spaces only where a word calls it a
/// phone number, or where it is all of a text.
pub(super) fn north_american(
    scan: &mut Scan<'_, '_>,
    window: &Window<'_>,
    left: Left,
) -> Option<usize> {
    let groups = window.rest();
    let trunk = groups.first().is_some_and(|g| g.length() == 1 && scan.byte(g.start) == b'1');
    let local = groups.get(usize::from(trunk)..).unwrap_or_default();
    let [area, exchange, line] = *local.first_chunk::<3>()?;
    let shape = (area.length(), exchange.length(), line.length());
    if !scan.is_on(Class::Phone) || shape != (3, 3, 4) {
        return None;
    }
    let begins = |group: Group| matches!(scan.byte(group.start), b'2'..=b'9');
    // Codes that end in 11 are services: 911, 411.
    let service = scan.text.get(area.start + 1..area.end) == Some(b"11");
    let tight = line.start - exchange.end == 1 && exchange.start - area.end <= 2;
    let between = scan.byte(exchange.end);
    if !begins(area) || !begins(exchange) || service || !tight {
        return None;
    }
    let first = groups.first()?.start;
    let start = opening(scan, first);
    let spaced = between == b' ' && separator(scan, local) == Some(b' ');
    let parenthesis = scan.byte(area.end) == b')' && scan.byte_before(area.start, 1) == b'(';
    let same = separator(scan, local) == Some(between) || parenthesis;
    let fits = same && matches!(between, b'-' | b'.' | b' ');
    let alone =
        left == Left::Free && !window.is_part_of_more(scan, 3 + usize::from(trunk), between);
    let alone = fits && alone && ends_phone(scan, line.end);
    if !alone {
        scan.findings.pass_over(start, line.end);
        return None;
    }
    // Three numbers with spaces between them are no phone number by themselves.
    let whole = scan.text.trim_ascii().len() == line.end - start;
    let hints = window.hints(scan, start, line.end);
    if spaced && !whole && !hints.names(Class::Phone) {
        return None;
    }
    // Another name for a number beside it says what it is.
    if !hints.classes.is_empty() && !hints.names(Class::Phone) {
        return None;
    }
    // With or without the trunk digit it is the same number.
    let same = Same::of(scan.text.get(area.start..line.end).unwrap_or_default());
    Some(scan.found_as(Class::Phone, Confidence::Likely, start..line.end, same))
}

/// The first groups of a run that together have as many digits as a phone number.
/// Dates have as many too.
pub(super) fn national_extent<'r>(scan: &Scan<'_, '_>, groups: &'r [Group]) -> &'r [Group] {
    let one_piece = groups.first().is_some_and(|first| first.length() >= ONE_PIECE_DIGITS);
    let most = if one_piece { 1 } else { GROUPS_MAX };
    let (mut total, mut taken) = (0, 0);
    for (index, group) in groups.iter().enumerate().take(most) {
        total += group.length();
        if total > PHONE_DIGITS_MAX {
            break;
        }
        if total >= NATIONAL_DIGITS_MIN {
            taken = index + 1;
        }
    }
    if is_date(scan, groups) {
        taken = 0;
    }
    groups.get(..taken).unwrap_or_default()
}

/// `2024-11-22`, `22.11.2024`, `1/2/1999`.
fn is_date(scan: &Scan<'_, '_>, groups: &[Group]) -> bool {
    let Some([first, second, third]) = groups.first_chunk::<3>() else {
        return false;
    };
    let short = |group: &Group| group.length() <= 2;
    let year = |group: &Group| {
        let century = scan.text.get(group.start..group.start + 2);
        group.length() == 4 && matches!(century, Some(b"19" | b"20"))
    };
    short(second) && ((year(first) && short(third)) || (short(first) && year(third)))
}

/// Where a number that begins with a parenthesis begins.
pub(super) fn opening(scan: &Scan<'_, '_>, start: usize) -> usize {
    if scan.byte_before(start, 1) == b'(' { start - 1 } else { start }
}

/// Where the plus before `start` stands, also percent-encoded or before a parenthesis.
fn plus(scan: &Scan<'_, '_>, start: usize) -> Option<usize> {
    let start = opening(scan, start);
    if scan.byte_before(start, 1) == b'+' {
        return start.checked_sub(1);
    }
    let encoded = start.checked_sub(3).and_then(|from| scan.text.get(from..start))?;
    encoded.eq_ignore_ascii_case(b"%2B").then(|| start - 3)
}

/// As [`ends_number`], but an extension may follow: `212-555-0147x12`.
fn ends_phone(scan: &mut Scan<'_, '_>, end: usize) -> bool {
    let extension = matches!(scan.byte(end), b'x' | b'X') && scan.byte(end + 1).is_ascii_digit();
    extension || ends_number(scan, end)
}

/// Whether digits are a country code and as many as numbers of that country have.
fn is_e164(digits: &[u8]) -> bool {
    // In zone 1 area and exchange begin with 2 to 9.
    if let [b'1', area, _, _, exchange, ..] = digits {
        return digits.len() == 11 && *area >= b'2' && *exchange >= b'2';
    }
    if digits.len() < E164_DIGITS_MIN {
        return false;
    }
    // No country code is the begin of another, so the first that is listed is the one.
    let mut code = 0_u16;
    for (index, digit) in digits.iter().enumerate().take(3) {
        code = code * 10 + u16::from(digit.wrapping_sub(b'0'));
        let row = COUNTRIES.binary_search_by_key(&code, |row| row.0);
        if let Some((_, shortest, longest)) = row.ok().and_then(|row| COUNTRIES.get(row)) {
            let national = digits.len() - index - 1;
            return (usize::from(*shortest)..=usize::from(*longest)).contains(&national);
        }
        if code == 0 {
            return false;
        }
    }
    false
}

/// Digits of the shortest number with its country code.
const E164_DIGITS_MIN: usize = 8;

/// Digits of the shortest national number that a telling name makes one.
const NATIONAL_DIGITS_MIN: usize = 7;

/// A group of so many digits is a number of its own; what follows is another.
const ONE_PIECE_DIGITS: usize = 9;

/// Groups a phone number may be written in.
const GROUPS_MAX: usize = 7;

/// Country code, shortest and longest national significant number, from the national
/// numbering plans published by the ITU. Sorted by code; zone 1 is judged by its plan.
#[rustfmt::skip]
const COUNTRIES: [(u16, u8, u8); 207] = [
    (7, 10, 10), (20, 8, 10), (27, 9, 9), (30, 10, 10), (31, 9, 9), (32, 8, 9), (33, 9, 9),
    (34, 9, 9), (36, 8, 9), (39, 6, 12), (40, 9, 9), (41, 9, 9), (43, 6, 13), (44, 9, 10),
    (45, 8, 8), (46, 7, 10), (47, 8, 8), (48, 9, 9), (49, 6, 13), (51, 8, 9), (52, 10, 11),
    (53, 8, 8), (54, 10, 11), (55, 10, 11), (56, 9, 9), (57, 8, 10), (58, 10, 10), (60, 8, 10),
    (61, 9, 9), (62, 8, 12), (63, 8, 10), (64, 8, 10), (65, 8, 8), (66, 8, 9), (81, 9, 10),
    (82, 8, 10), (84, 9, 10), (86, 10, 11), (90, 10, 10), (91, 10, 10), (92, 9, 10), (93, 9, 9),
    (94, 9, 9), (95, 7, 10), (98, 10, 10), (211, 9, 9), (212, 9, 9), (213, 8, 9), (216, 8, 8),
    (218, 8, 9), (220, 7, 7), (221, 9, 9), (222, 8, 8), (223, 8, 8), (224, 8, 9), (225, 10, 10),
    (226, 8, 8), (227, 8, 8), (228, 8, 8), (229, 8, 10), (230, 7, 8), (231, 7, 9), (232, 8, 8),
    (233, 9, 9), (234, 8, 10), (235, 8, 8), (236, 8, 8), (237, 9, 9), (238, 7, 7), (239, 7, 7),
    (240, 9, 9), (241, 7, 8), (242, 9, 9), (243, 9, 9), (244, 9, 9), (245, 7, 9), (246, 7, 7),
    (248, 7, 7), (249, 9, 9), (250, 9, 9), (251, 9, 9), (252, 7, 9), (253, 8, 8), (254, 9, 10),
    (255, 9, 9), (256, 9, 9), (257, 8, 8), (258, 8, 9), (260, 9, 9), (261, 9, 9), (262, 9, 9),
    (263, 8, 10), (264, 8, 9), (265, 7, 9), (266, 8, 8), (267, 7, 8), (268, 8, 8), (269, 7, 7),
    (291, 7, 7), (297, 7, 7), (298, 6, 6), (299, 6, 6), (350, 8, 8), (351, 9, 9), (352, 6, 11),
    (353, 7, 9), (354, 7, 9), (355, 8, 9), (356, 8, 8), (357, 8, 8), (358, 6, 12), (359, 7, 9),
    (370, 8, 8), (371, 8, 8), (372, 7, 8), (373, 8, 8), (374, 8, 8), (375, 9, 9), (376, 6, 9),
    (377, 8, 9), (378, 6, 10), (380, 9, 9), (381, 8, 9), (382, 8, 8), (383, 8, 9), (385, 8, 9),
    (386, 8, 8), (387, 8, 9), (389, 8, 8), (420, 9, 9), (421, 9, 9), (423, 7, 9), (501, 7, 7),
    (502, 8, 8), (503, 8, 8), (504, 8, 8), (505, 8, 8), (506, 8, 8), (507, 7, 8), (508, 6, 9),
    (509, 8, 8), (590, 9, 9), (591, 8, 8), (592, 7, 7), (593, 8, 9), (594, 9, 9), (595, 7, 9),
    (596, 9, 9), (597, 6, 7), (598, 8, 8), (599, 7, 8), (670, 7, 8), (672, 6, 6), (673, 7, 7),
    (674, 7, 7), (675, 7, 8), (676, 5, 7), (677, 5, 7), (678, 5, 7), (679, 7, 7), (680, 7, 7),
    (681, 6, 6), (682, 5, 5), (685, 5, 7), (686, 5, 8), (687, 6, 6), (688, 5, 6), (689, 8, 8),
    (691, 7, 7), (692, 7, 7), (800, 8, 8), (808, 8, 8), (850, 8, 10), (852, 8, 8), (853, 8, 8),
    (855, 8, 9), (856, 8, 10), (870, 9, 9), (880, 8, 10), (881, 8, 9), (882, 7, 12), (883, 7, 12),
    (886, 8, 9), (888, 8, 12), (960, 7, 7), (961, 7, 8), (962, 8, 9), (963, 8, 9), (964, 8, 10),
    (965, 8, 8), (966, 9, 9), (967, 7, 9), (968, 8, 8), (970, 8, 9), (971, 8, 9), (972, 8, 9),
    (973, 8, 8), (974, 7, 8), (975, 8, 8), (976, 8, 8), (977, 8, 10), (992, 9, 9), (993, 8, 8),
    (994, 9, 9), (995, 9, 9), (996, 9, 9), (998, 9, 9),
];
