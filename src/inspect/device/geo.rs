//! Coordinates in text.

use crate::class::Class;
use crate::inspect::candidate::Around;

/// The end of the pair of coordinates that begins at `at`: decimal degrees
/// (`52.520008, 13.404954`), degrees with minutes and seconds (`52°31'12"N 13°24'18"E`),
/// ISO 6709 (`+52.5200+013.4050/`) or a URI (`geo:52.52,13.40`, RFC 5870).
///
/// Decimal pairs need four places each (a dozen metres) unless hemispheres or a name say
/// what they are, and are no part of a longer list, as vectors of numbers are.
pub(in crate::inspect) fn geo(text: &[u8], at: usize, around: Around) -> Option<usize> {
    let (before, rest) = text.split_at_checked(at)?;
    let inside = before.last().is_some_and(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'%') || *byte >= 0x80
    });
    if inside || !around.on.contains(Class::Geo) {
        return None;
    }
    let named = around.named.contains(Class::Geo);
    let mut reader = Reader { rest };
    if reader.eat(&[b"geo:", b"GEO:"]) {
        uri(&mut reader)?;
    } else {
        let first = reader.angle()?;
        let separator = reader.separator(&first)?;
        let second = reader.angle()?;
        let pair = Pair { first, second, separator };
        if !(pair.is_sure() || pair.is_within() && (named || pair.is_precise(before, reader))) {
            return None;
        }
    }
    reader.is_over().then(|| text.len() - reader.rest.len())
}

/// The end of the single coordinate with which the text begins; for places that a name
/// explains. At least two decimal places or minutes.
pub(in crate::inspect) fn measure(text: &[u8]) -> Option<usize> {
    let mut reader = Reader { rest: text };
    let angle = reader.angle()?;
    let sound = angle.is_within(180) && (angle.is_sexagesimal() || angle.places >= 2);
    (sound && reader.is_over()).then(|| text.len() - reader.rest.len())
}

/// RFC 5870, 3.3: latitude, longitude and perhaps altitude.
fn uri(reader: &mut Reader<'_>) -> Option<()> {
    let latitude = reader.plain()?;
    let comma = reader.eat(&[b","]);
    let longitude = reader.plain()?;
    let altitude = *reader;
    if !reader.eat(&[b","]) || reader.plain().is_none() {
        *reader = altitude;
    }
    (comma && latitude.is_within(90) && longitude.is_within(180)).then_some(())
}

/// One coordinate as written.
#[derive(Clone, Copy, Default)]
struct Angle {
    degrees: u32,
    /// Anything but zero behind the degrees.
    fraction: bool,
    /// How many decimal places the degrees have.
    places: usize,
    minutes: bool,
    seconds: bool,
    signed: bool,
    axis: Option<Axis>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Latitude,
    Longitude,
}

impl Angle {
    fn is_sexagesimal(&self) -> bool {
        self.minutes
    }

    fn is_within(&self, degrees: u32) -> bool {
        let bound = if self.axis == Some(Axis::Latitude) { 90 } else { degrees };
        self.degrees < bound || (self.degrees == bound && !self.fraction)
    }
}

/// What stands between two coordinates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    Comma,
    Space,
    /// The second one's sign (ISO 6709).
    Sign,
}

struct Pair {
    first: Angle,
    second: Angle,
    separator: Separator,
}

impl Pair {
    /// In either order: standards write longitude first as often as last.
    fn is_within(&self) -> bool {
        let (first, second) = (&self.first, &self.second);
        (first.is_within(90) && second.is_within(180))
            || (first.is_within(180) && second.is_within(90))
    }

    /// Hemispheres, or minutes and seconds: nothing else is written so.
    fn is_sure(&self) -> bool {
        let (first, second) = (&self.first, &self.second);
        if !self.is_within() || first.is_sexagesimal() != second.is_sexagesimal() {
            return false;
        }
        match (first.axis, second.axis) {
            (Some(one), Some(other)) => {
                one != other && (first.is_sexagesimal() || first.places.min(second.places) >= 2)
            }
            (None, None) => first.seconds && second.seconds,
            _ => false,
        }
    }

    /// Decimals that are as precise as coordinates are, and stand alone.
    fn is_precise(&self, before: &[u8], after: Reader<'_>) -> bool {
        let (first, second) = (&self.first, &self.second);
        let point = || {
            let opening = before.trim_ascii_end().strip_suffix(b"(").unwrap_or_default();
            opening.trim_ascii_end().to_ascii_lowercase().ends_with(b"point")
        };
        let separated = match self.separator {
            Separator::Comma => true,
            Separator::Space => point(),
            Separator::Sign => first.signed,
        };
        // Shares and probabilities.
        let small = first.degrees == 0 && second.degrees == 0;
        let alone = !ends_in_list(before) && !after.begins_list();
        separated && alone && !small && first.places.min(second.places) >= PLACES_MIN
    }
}

/// Whether a number as precise and a comma end the text: `0.25113, `.
fn ends_in_list(before: &[u8]) -> bool {
    let tail = before.get(before.len().saturating_sub(LIST_BYTES)..).unwrap_or_default();
    let Some(number) = tail.trim_ascii_end().strip_suffix(b",") else { return false };
    let mut parts = number.trim_ascii_end().rsplitn(2, |byte| *byte == b'.');
    let places = parts.next().unwrap_or_default();
    let digits = places.iter().all(u8::is_ascii_digit) && places.len() >= PLACES_MIN;
    // The point may be further away than it was looked for.
    let whole = parts.next().and_then(<[u8]>::last).copied();
    digits && (whole.is_some_and(|byte| byte.is_ascii_digit()) || places.len() > PLACES_MAX)
}

/// What has not been read yet.
#[derive(Clone, Copy)]
struct Reader<'t> {
    rest: &'t [u8],
}

impl<'t> Reader<'t> {
    fn eat(&mut self, choices: &[&[u8]]) -> bool {
        let rest = choices.iter().find_map(|choice| self.rest.strip_prefix(*choice));
        rest.inspect(|rest| self.rest = rest).is_some()
    }

    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or_default()
    }

    /// Up to `max` digits; nothing if there are more, or none.
    fn digits(&mut self, max: usize) -> Option<&'t [u8]> {
        let length = self.rest.iter().take(max + 1).take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (1..=max).contains(&length).then_some(digits)
    }

    /// Digits and perhaps decimal places; how many, and whether any is not zero.
    fn decimal(&mut self, max: usize) -> Option<(u32, usize, bool)> {
        let digits = self.digits(max)?;
        let whole = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        let point = *self;
        if !self.eat(&[b"."]) {
            return Some((whole, 0, false));
        }
        let Some(places) = self.digits(PLACES_MAX) else {
            // A full stop.
            *self = point;
            return Some((whole, 0, false));
        };
        Some((whole, places.len(), places.iter().any(|digit| *digit != b'0')))
    }

    /// A number with a sign and nothing else.
    fn plain(&mut self) -> Option<Angle> {
        let signed = self.eat(&[b"-", b"+"]);
        let (degrees, places, fraction) = self.decimal(5)?;
        Some(Angle { degrees, places, fraction, signed, ..Angle::default() })
    }

    fn angle(&mut self) -> Option<Angle> {
        let leading = self.hemisphere();
        if leading.is_some() {
            self.eat(&[b" "]);
        }
        let mut angle = self.plain()?;
        let after = *self;
        self.eat(&[b" "]);
        if !self.eat(&DEGREES) {
            *self = after;
        } else if angle.places == 0 {
            self.sexagesimal(&mut angle)?;
        }
        let after = *self;
        angle.axis = leading.or_else(|| {
            self.eat(&[b" "]);
            let letter = self.hemisphere().filter(|_| !self.peek().is_ascii_alphanumeric());
            if letter.is_none() {
                *self = after;
            }
            letter
        });
        Some(angle)
    }

    /// Minutes and seconds, the last of them with decimal places.
    fn sexagesimal(&mut self, angle: &mut Angle) -> Option<()> {
        angle.minutes = self.part(&MINUTES, &mut angle.fraction)?;
        angle.seconds = angle.minutes && self.part(&SECONDS, &mut angle.fraction)?;
        Some(())
    }

    /// A number below 60 with its mark, if one stands here; `None` if it is out of range.
    fn part(&mut self, marks: &[&[u8]], fraction: &mut bool) -> Option<bool> {
        let start = *self;
        self.eat(&[b" "]);
        let Some((value, _, places)) = self.decimal(2).filter(|_| self.eat(marks)) else {
            *self = start;
            return Some(false);
        };
        *fraction |= value != 0 || places;
        (value < 60).then_some(true)
    }

    /// The letter of a hemisphere: west is also written O in Romance languages, and east in
    /// German ones.
    fn hemisphere(&mut self) -> Option<Axis> {
        if self.eat(&[b"N", b"S"]) {
            Some(Axis::Latitude)
        } else {
            self.eat(&[b"E", b"W", b"O"]).then_some(Axis::Longitude)
        }
    }

    fn separator(&mut self, first: &Angle) -> Option<Separator> {
        let start = self.rest.len();
        self.eat(&[b" "]);
        let comma = self.eat(&[b",", b";", b"/"]);
        self.eat(&[b" "]);
        match (comma, start != self.rest.len()) {
            (true, _) => Some(Separator::Comma),
            (false, true) => Some(Separator::Space),
            (false, false) => {
                let sign = matches!(self.peek(), b'+' | b'-') || first.axis.is_some();
                sign.then_some(Separator::Sign)
            }
        }
    }

    /// Whether the number ends here.
    fn is_over(&self) -> bool {
        match self.rest {
            [b'.', next, ..] => !next.is_ascii_digit(),
            [next, ..] => !next.is_ascii_alphanumeric() && !matches!(next, b'_' | b'%'),
            [] => true,
        }
    }

    /// Whether a comma and a number as precise come next.
    fn begins_list(mut self) -> bool {
        self.eat(&[b" "]);
        let comma = self.eat(&[b","]);
        self.eat(&[b" "]);
        comma && self.plain().is_some_and(|number| number.places >= PLACES_MIN)
    }
}

/// Decimal places of a degree: the fourth is eleven metres.
const PLACES_MIN: usize = 4;

/// More than any number of double precision has.
const PLACES_MAX: usize = 20;

/// How far a number before a pair is looked for. Unit: bytes.
const LIST_BYTES: usize = 28;

/// A degree sign, what stands for it in other fonts and under NFKC, and `d`.
const DEGREES: [&[u8]; 5] = ["°".as_bytes(), "º".as_bytes(), "˚".as_bytes(), b"deg", b"d"];

const MINUTES: [&[u8]; 5] = ["′".as_bytes(), "’".as_bytes(), b"'", b"min", b"m"];

const SECONDS: [&[u8]; 7] =
    ["″".as_bytes(), "”".as_bytes(), "′′".as_bytes(), "’’".as_bytes(), b"''", b"\"", b"s"];
