//! Values that a name or label explains: whole values under a telling member name, and
//! `label: value`, `label=value`, `<label>value</label>` in running text.
//!
//! Owns where such a value begins and who judges it; what it may look like is asked of
//! [`super::labelled`] and [`super::secrets`].

use super::context::Hints;
use super::labelled::{self, Extent, Labelled};
use super::scan::Scan;
use super::secrets;
use crate::class::{Class, ClassSet, Confidence};

/// Judges a text that is all of a value, by the member names over it.
pub(super) fn whole(scan: &mut Scan<'_, '_>) {
    let named = scan.named;
    let text = scan.text.trim_ascii();
    if named.has(Hints::ABOUT) || text.is_empty() {
        return;
    }
    let start = scan.text.len() - scan.text.trim_ascii_start().len();
    if let Some((class, hit)) = best(scan, named.classes, text, Extent::Whole) {
        let floor = scan.floor;
        scan.found(class, hit.confidence, start, start + hit.length);
        // What stands in the value may be a value of another class as well.
        scan.floor = floor;
    }
}

/// Judges the value behind a colon or an equals sign that ends a label.
pub(super) fn at_sign(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let ends_label = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'"' | b'\'' | b'`' | b')' | b']' | b'*' | b'.' | b' ' | 0x80..)
    };
    let before_sign = scan.byte_before(at, 1);
    if !ends_label(before_sign) || !scan.looks_for_labelled() {
        return None;
    }
    // Times, ports and ratios.
    if before_sign.is_ascii_digit() && scan.byte(at + 1).is_ascii_digit() {
        return None;
    }
    let mut hints = scan.before(at);
    let mut from = at + 1;
    if hints.classes.is_empty()
        && let Some(of_property) = property(scan, at)
    {
        hints = of_property;
        // The first parts of an address are mostly empty.
        from += scan.count(from, OPENING_BYTES_MAX, |byte| matches!(byte, b';' | b':'));
    }
    behind(scan, from, hints)
}

/// What the property of a vCard says, whose parameters end with the colon at `at` (RFC 6350
/// section 3.3): `ADR;TYPE=home:`.
fn property(scan: &Scan<'_, '_>, at: usize) -> Option<Hints> {
    let from = at.saturating_sub(TAG_BYTES_MAX);
    let line = scan.text.get(from..at)?;
    // Few texts have one at all.
    memchr::memchr(b';', line)?;
    let line = line.rsplit(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let name = line.get(..line.iter().position(|byte| *byte == b';')?)?;
    name.iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'.')
        .then(|| scan.findings.labels.of(name))
}

/// Judges the value that begins at a place without a sign before it: `passport X1234567`.
pub(super) fn at_value(scan: &mut Scan<'_, '_>, start: usize) -> Option<usize> {
    let opens = matches!(
        scan.byte_before(start, 1),
        b' ' | b'(' | b'"' | b'\'' | b'[' | b'#' | b'>' | b'`'
    );
    if !opens || start < scan.floor || !scan.looks_for_labelled() {
        return None;
    }
    let hints = scan.before(start);
    if hints.has(Hints::ABOUT) || hints.classes.is_empty() {
        return None;
    }
    let text = scan.text.get(start..)?;
    let text = text.get(..text.len().min(VALUE_BYTES_MAX)).unwrap_or_default();
    // A word before a secret is not enough: prose speaks of passwords.
    let secret = |class: &Class| class.is_secret() && *class != Class::CardCode;
    let bracket = matches!(scan.byte_before(start, 1), b'(' | b'[' | b'"' | b'`');
    let named = hints.classes.iter().filter(|class| bracket || !secret(class)).collect();
    let (class, hit) = best(scan, named, text, Extent::Begin)?;
    Some(scan.found(class, hit.confidence, start, start + hit.length))
}

/// Judges the value behind an element's start tag, whose `>` is at `at`.
pub(super) fn at_tag(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    if !scan.looks_for_labelled() {
        return None;
    }
    let from = at.saturating_sub(TAG_BYTES_MAX);
    let head = scan.text.get(from..at)?;
    let open = head.iter().rposition(|byte| *byte == b'<')?;
    let tag = head.get(open + 1..)?;
    let name = tag.split(|byte| *byte == b' ').next().unwrap_or_default();
    let letter = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
    let plain = name.iter().all(|b| letter(b) || b"_-:.".contains(b));
    if !plain || !name.first().is_some_and(|b| letter(b) && !b.is_ascii_digit()) {
        return None;
    }
    // What stands in an element ends with a tag; `<password>` by itself is a placeholder.
    let rest = scan.text.get(at + 1..)?;
    let length = rest.iter().take(VALUE_BYTES_MAX).position(|byte| *byte == b'<')?;
    let data = rest.starts_with(b"<![CDATA[");
    if !data && rest.get(length + 1) != Some(&b'/') {
        return None;
    }
    let hints = scan.findings.labels.of(name);
    // `<td>` says nothing: the cell before it does.
    let hints = if hints.classes.is_empty() { scan.before(at + 1) } else { hints };
    behind(scan, if data { at + 1 + b"<![CDATA[".len() } else { at + 1 }, hints)
}

/// Judges the value that begins behind its label.
fn behind(scan: &mut Scan<'_, '_>, from: usize, hints: Hints) -> Option<usize> {
    if hints.has(Hints::ABOUT) || hints == Hints::NONE {
        return None;
    }
    let skip = scan.count(from, OPENING_BYTES_MAX, |b| OPENING.contains(&b));
    let start = from + skip;
    if start < scan.floor {
        return None;
    }
    let text = scan.text.get(start..)?;
    let text = text.get(..text.len().min(VALUE_BYTES_MAX)).unwrap_or_default();
    let text = if scan.byte(from.saturating_sub(1)) == b'=' { until_next_pair(text) } else { text };
    if let Some((class, hit)) = best(scan, hints.classes, text, Extent::Begin) {
        return Some(scan.found(class, hit.confidence, start, start + hit.length));
    }
    if hints.has(Hints::NAME) && !hints.has(Hints::SOMETHING) {
        let hit = labelled::judge(Class::PersonName, text, Extent::Begin)?;
        scan.findings.perhaps(start, start + hit.length);
    }
    None
}

/// The value of a pair as far as the next pair: `&city=…`, ` city=…`.
fn until_next_pair(text: &[u8]) -> &[u8] {
    let line = memchr::memchr3(b'&', b'\n', b'"', text).unwrap_or(text.len());
    let line = text.get(..line).unwrap_or_default();
    let Some(sign) = memchr::memchr(b'=', line) else { return line };
    let before = line.get(..sign).unwrap_or_default();
    let name = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
    let end = sign - name.count();
    match line.get(..end) {
        Some(value) if value.ends_with(b" ") => value.trim_ascii_end(),
        _ => line,
    }
}

/// The class of those named that the value fits best.
fn best(
    scan: &Scan<'_, '_>,
    named: ClassSet,
    text: &[u8],
    extent: Extent,
) -> Option<(Class, Labelled)> {
    let named = scan.labelled(named);
    if named.is_empty() {
        return None;
    }
    let asked = LABELLED.into_iter().filter(|class| named.contains(*class));
    let judged = asked.filter_map(|class| Some((class, judge(class, text, extent)?)));
    let wanted = judged.filter(|(class, hit)| scan.wants(*class, hit.confidence));
    wanted.max_by_key(|(_, hit)| (hit.confidence, hit.length))
}

fn judge(class: Class, text: &[u8], extent: Extent) -> Option<Labelled> {
    if SELF_EVIDENT.iter().any(|begin| text.starts_with(begin)) {
        return None;
    }
    if class.is_secret() && class != Class::CardCode {
        let (length, confidence) = secrets::labelled(class, text, extent == Extent::Whole)?;
        return Some(Labelled { length, confidence });
    }
    let hit = labelled::judge(class, text, extent).filter(|hit| hit.length > 0)?;
    // Their name is all that is known of them: authorities write them in many ways.
    let number = text.get(..hit.length).unwrap_or_default();
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let telling = matches!(class, Class::NationalId | Class::TaxId) && digits >= TELLING_DIGITS;
    let confidence = if telling { hit.confidence.max(Confidence::Likely) } else { hit.confidence };
    Some(Labelled { confidence, ..hit })
}

/// Whether a text that is all of a value looks like a person's name.
pub(super) fn is_name(text: &[u8]) -> bool {
    let hit = labelled::judge(Class::PersonName, text.trim_ascii(), Extent::Whole);
    hit.is_some_and(|hit| hit.confidence >= Confidence::Likely)
}

/// Classes that only a name or label explains.
pub(super) const LABELLED: [Class; 19] = [
    Class::PersonName,
    Class::PostalAddress,
    Class::DateOfBirth,
    Class::LicencePlate,
    Class::CardCode,
    Class::BankAccount,
    Class::Passport,
    Class::DriverLicence,
    Class::NationalId,
    Class::TaxId,
    Class::MedicalRecord,
    Class::HealthPlan,
    Class::Geo,
    Class::Password,
    Class::Secret,
    Class::ApiKey,
    Class::AuthHeader,
    Class::Cookie,
    Class::ConnectionString,
];

/// Digits of a number that its name alone explains.
const TELLING_DIGITS: usize = 7;

/// How values begin that detectors of their own know better than their label does.
const SELF_EVIDENT: [&[u8]; 4] = [b"eyJ", b"-----BEGIN", b"https://", b"http://"];

/// Unit: bytes. How far before `>` an element's name may begin.
const TAG_BYTES_MAX: usize = 64;

/// What may stand between a label and its value: blanks, quotes, brackets.
const OPENING: &[u8] = b" \t\"'`=*\\>([";

/// Unit: bytes.
const OPENING_BYTES_MAX: usize = 8;

/// Unit: bytes. How much of a text is looked at for the end of a labelled value.
const VALUE_BYTES_MAX: usize = 4096;
