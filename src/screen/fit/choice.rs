//! Chooses what replaces a value whose ordinary replacement does not fit.
//!
//! The order is: what its class is replaced by elsewhere, what its format and its pattern allow, a
//! text of the right length, a member of the enumeration, the number nearest to zero, `null`.
//! Guarantees: nothing that is chosen holds what it hides, or looks like somebody's data; the same
//! value gets the same replacement wherever that fits.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::wanted::Wanted;
use crate::class::{Class, ClassSet};
use crate::inspect::Detector;
use crate::json::{ANSWER, Document, Edit, write_string};
use crate::limits::SCHEMA_STEPS_MAX;
use crate::schema::{Asks, Length, Schema};
use crate::surrogate;

/// How near to the original a replacement must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It satisfies whatever the original satisfied.
    AsAsked,
    /// It also fails whatever the original failed, as `oneOf` and `not` may want.
    Same,
}

pub(super) struct Chooser<'c> {
    detector: &'c Detector,
    schema: &'c Schema,
    /// What all this may still cost.
    steps: u64,
    /// The values of each class, in the order in which they were met.
    numbers: HashMap<Option<Class>, HashMap<String, u32>>,
    /// What replaced a value before.
    chosen: HashMap<String, Vec<Value>>,
    /// Wire texts that say nothing but what the schema says.
    made: HashSet<Vec<u8>>,
}

/// Something that could stand in a value's place.
struct Candidate {
    value: Value,
    /// Whether it is made from the schema's pattern, of zeros and the like.
    made: bool,
}

impl<'c> Chooser<'c> {
    /// After `spent` steps of checking.
    pub(super) fn new(detector: &'c Detector, schema: &'c Schema, spent: u64) -> Self {
        Self {
            detector,
            schema,
            steps: SCHEMA_STEPS_MAX.saturating_sub(spent),
            numbers: HashMap::new(),
            chosen: HashMap::new(),
            made: HashSet::new(),
        }
    }

    /// Replacements of all leaves whose ordinary one does not do, in order. `None` when there is
    /// one for which none does.
    pub(super) fn all(&mut self, wanted: &[Wanted<'_>], likeness: Likeness) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        for wanted in wanted {
            let asks: Vec<_> = self.schema.asks(wanted.leaf).collect();
            let before: Vec<_> = asks.iter().map(|ask| ask.accepts(&wanted.original)).collect();
            let stays = !wanted.is_formatted(self.schema) || wanted.planned.is_null();
            if stays && satisfies(&asks, &before, &wanted.planned, likeness) {
                continue;
            }
            let value = self.choose(wanted, &asks, &before, likeness)?;
            let mut with = Vec::new();
            match value.as_str() {
                Some(text) => write_string(&mut with, text),
                None => with.extend_from_slice(value.to_string().as_bytes()),
            }
            edits.push(Edit { span: wanted.leaf.value.span(), with: with.into() });
        }
        edits.sort_by_key(|edit| edit.span.start);
        Some(edits)
    }

    /// Whether a replacement, in which a value of `class` was found, is nobody's for all that.
    pub(super) fn is_harmless(&self, wire: &[u8], class: Class) -> bool {
        let text = serde_json::from_slice::<String>(wire);
        text.is_ok_and(|text| surrogate::is_reserved(&text))
            || (matches!(class, Class::Custom(_)) && self.made.contains(wire))
    }

    fn choose(
        &mut self,
        wanted: &Wanted<'_>,
        asks: &[Asks<'_>],
        before: &[bool],
        likeness: Likeness,
    ) -> Option<Value> {
        let original = wanted.original.to_string();
        let numbers = self.numbers.entry(wanted.classes.first().copied()).or_default();
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(original.clone()).or_insert(next);
        let kept: Vec<_> =
            asks.iter().zip(before).filter(|(_, held)| **held).map(|(ask, _)| *ask).collect();
        let known = self.chosen.get(&original).cloned().unwrap_or_default();
        let known = known.into_iter().map(given);
        for candidate in known.chain(candidates(wanted, &kept, number)) {
            let Candidate { value, made } = candidate;
            let cost = u64::try_from(asks.len()).unwrap_or(u64::MAX).saturating_add(LOOK_STEPS);
            self.steps = self.steps.checked_sub(cost)?;
            if wanted.is_kept_by(&value)
                && satisfies(asks, before, &value, likeness)
                && self.is_nobodys(wanted, &value, made)
            {
                self.chosen.entry(original).or_default().push(value.clone());
                return Some(value);
            }
        }
        None
    }

    /// Whether nothing is found in a value, under the name that it has.
    fn is_nobodys(&mut self, wanted: &Wanted<'_>, value: &Value, made: bool) -> bool {
        let mut wire = Vec::new();
        match value.as_str() {
            Some(text) => write_string(&mut wire, text),
            None => wire.extend_from_slice(value.to_string().as_bytes()),
        }
        let key = wanted.leaf.key.filter(|_| !wanted.leaf.is_name);
        let key: &[u8] = key.map_or(b"\"\"", |key| key.raw());
        let (start, end) = (key.len() + 2, key.len() + 2 + wire.len());
        let text = [b"{", key, b":", &wire, b"}"].concat();
        if made {
            self.made.insert(wire.clone());
        }
        let Ok(document) = Document::parse(text.into(), &ANSWER) else { return false };
        let plan = self.detector.plan(document.root(), ClassSet::empty());
        plan.edits_with_class().all(|(range, _, class)| {
            range.end <= start || end <= range.start || self.is_harmless(&wire, class)
        })
    }
}

/// Whether a value is to the parts of the schema what the original was.
fn satisfies(asks: &[Asks<'_>], before: &[bool], value: &Value, likeness: Likeness) -> bool {
    asks.iter().zip(before).all(|(ask, before)| match (before, likeness) {
        (true, _) => ask.accepts(value),
        (false, Likeness::AsAsked) => true,
        (false, Likeness::Same) => !ask.accepts(value),
    })
}

/// What could stand in the place of a value, the best first.
fn candidates(wanted: &Wanted<'_>, asks: &[Asks<'_>], number: u32) -> Vec<Candidate> {
    let mut all = Vec::new();
    match &wanted.original {
        Value::String(_) => texts(wanted, asks, number, &mut all),
        Value::Number(original) => all.extend(numbers(asks, original.is_f64()).map(given)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
    }
    all.extend(asks.iter().flat_map(Asks::named).take(NAMED_MAX).cloned().map(given));
    if wanted.leaf.is_name {
        all.retain(|candidate| candidate.value.is_string());
    } else {
        all.push(given(Value::Null));
    }
    all
}

fn given(value: Value) -> Candidate {
    Candidate { value, made: false }
}

fn texts(wanted: &Wanted<'_>, asks: &[Asks<'_>], number: u32, all: &mut Vec<Candidate>) {
    // Stars are no address.
    let formatted = asks.iter().any(|ask| ask.format().is_some());
    all.extend(wanted.starred.clone().filter(|_| !formatted).map(given));
    let length = asks
        .iter()
        .map(Asks::length)
        .fold(Length::default(), |a, b| Length { min: a.min.max(b.min), max: a.max.min(b.max) });
    let of_classes =
        wanted.classes.iter().filter_map(|class| surrogate::of_class(class.name(), number));
    let of_formats = asks.iter().filter_map(|ask| surrogate::of_format(ask.format()?, number));
    let short = asks.iter().filter_map(|ask| surrogate::short_of_format(ask.format()?, number));
    all.extend(of_classes.chain(of_formats).chain(short).map(|text| given(Value::String(text))));
    for variation in [0, number, number.saturating_add(1), number.saturating_add(2)] {
        let samples = asks.iter().filter_map(|ask| ask.sample(length, variation));
        all.extend(
            samples.map(|text| Candidate { value: Value::String(text), made: variation == 0 }),
        );
    }
    if number > 0 {
        // Values that differ stay apart where the pattern has room for it.
        let made = |candidate: &Candidate| candidate.made;
        let (zeros, rest): (Vec<_>, Vec<_>) = all.drain(..).partition(made);
        all.extend(rest.into_iter().chain(zeros));
    }
    all.extend(filler(length).map(|text| given(Value::String(text))));
}

/// A text of a length that is asked for.
fn filler(length: Length) -> Option<String> {
    let full = LABEL.len().max(length.min);
    if full <= length.max {
        return (full <= Length::default().max).then(|| format!("{LABEL:*<full$}"));
    }
    (length.min <= length.max).then(|| "*".repeat(length.max))
}

/// Zero, and the numbers nearest to it that the bounds allow.
fn numbers(asks: &[Asks<'_>], fractions: bool) -> impl Iterator<Item = Value> {
    let all = |keyword: &'static str| asks.iter().filter_map(move |ask| ask.number(keyword));
    let least = all("minimum").chain(all("exclusiveMinimum")).fold(f64::MIN, f64::max);
    let most = all("maximum").chain(all("exclusiveMaximum")).fold(f64::MAX, f64::min);
    let step = all("multipleOf").fold(1.0, f64::max);
    let near = if least > 0.0 {
        (least / step).ceil() * step
    } else if most < 0.0 {
        (most / step).floor() * step
    } else {
        0.0
    };
    let away = if near < 0.0 || most <= 0.0 { -step } else { step };
    let whole = (0..NUMBERS).map(move |times| near + f64::from(times) * away);
    let between = if fractions { vec![least, most, least / 2.0 + most / 2.0] } else { Vec::new() };
    whole.chain(between).filter_map(json_number)
}

/// A number, written without a fraction where it has none.
fn json_number(number: f64) -> Option<Value> {
    if number.fract() == 0.0 && number.abs() < INTEGER_BOUND {
        return format!("{number:.0}").parse::<i64>().ok().map(Value::from);
    }
    serde_json::Number::from_f64(number).map(Value::Number)
}

const LABEL: &str = "[REDACTED]";
/// Members of enumerations that are tried.
const NAMED_MAX: usize = 64;
/// Whole numbers that are tried.
const NUMBERS: u32 = 4;
/// What it takes to look for data in one candidate.
const LOOK_STEPS: u64 = 32;
/// Integers that every reader of JSON agrees on: 2^53.
const INTEGER_BOUND: f64 = 9_007_199_254_740_992.0;
