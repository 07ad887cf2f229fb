//! Plants a value at every place of every message that anybody can fill, in every writing, and
//! looks for it in what a reader without the scope gets.
//!
//! Guarantees: a failure names message, place, writing and value. What the engine is known not
//! to hide stands in [`KNOWN_HOLES`] with a reason, and a row there that is no longer needed
//! fails too.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::Value;

use sallyport::class::{Class, ClassSet, Form};
use sallyport::inspect::{Detector, Settings};
use sallyport::json::{ANSWER, Document};

#[path = "canary/messages.rs"]
pub mod messages;
#[path = "canary/readers.rs"]
mod readers;
#[path = "canary/values.rs"]
pub mod values;
#[path = "canary/writings.rs"]
mod writings;

use messages::{FIXED, MESSAGES};
use readers::readings;
use values::Kind;
use writings::{At, WRITINGS, Writing};

/// What of the planted values is known to survive.
const KNOWN_HOLES: &[Hole] = &[];

/// What goes wrong with a value in one writing.
struct Hole {
    writing: &'static str,
    kind: Kind,
    /// How the place ends, such as `/size`; empty for every place.
    place: &'static str,
    /// [`SURVIVES`] or [`HARMS`].
    what: &'static str,
}

/// The value can still be read. Seen where values stand at every place.
const SURVIVES: &str = "survives";

/// Something else changed. Seen where a value stands alone.
const HARMS: &str = "harms";

/// A message, and the places in it where something can be planted.
pub struct Template {
    name: &'static str,
    message: Value,
    places: Vec<(At, String)>,
}

/// A value that was to be hidden and is not, or a message that was harmed.
struct Failure {
    message: &'static str,
    place: String,
    writing: &'static str,
    kind: Kind,
    what: String,
}

impl Template {
    fn new(name: &'static str, text: &str) -> Template {
        let message = serde_json::from_str(text).expect("a message");
        let mut places = Vec::new();
        find_places(&message, String::new(), &mut places);
        Template { name, message, places }
    }

    /// The message with the JSON texts of `plants` at their places.
    fn with(&self, plants: &BTreeMap<usize, String>) -> String {
        let mut out = String::new();
        write(&self.message, false, &mut 0, plants, &mut out);
        out
    }
}

/// Every message.
pub fn templates() -> Vec<Template> {
    MESSAGES.iter().map(|(name, text)| Template::new(name, text)).collect()
}

/// All messages in which a value stands at every place that takes it in this writing.
pub fn planted() -> impl Iterator<Item = String> {
    templates().into_iter().flat_map(|template| {
        let kinds = WRITINGS.iter().flat_map(|w| Kind::ALL.into_iter().map(move |kind| (w, kind)));
        kinds.map(|(w, kind)| template.with(&plants(&template, w, kind))).collect::<Vec<_>>()
    })
}

/// A detector of everything.
pub fn detector() -> Detector {
    let forms = Class::BUILTIN.iter().map(|class| (*class, Form::Label)).collect();
    Detector::new(&Settings { forms, ..Settings::default() }).expect("a detector")
}

/// What a reader who may see these classes gets.
pub fn redacted(detector: &Detector, message: &str, reveal: ClassSet) -> Bytes {
    let document = Document::parse(Bytes::from(message.to_owned()), &ANSWER).expect("JSON");
    detector.plan(document.root(), reveal).apply(document.bytes())
}

#[test]
fn messages_that_hold_nothing_stay_as_they_are() {
    let detector = detector();
    for template in templates() {
        let message = template.with(&BTreeMap::new());
        let out = redacted(&detector, &message, ClassSet::empty());
        assert_eq!(out, message.as_bytes(), "{}", template.name);
    }
}

#[test]
fn every_writing_is_read_where_nothing_is_hidden() {
    let found = each_message(|template, failures| {
        for (writing, kind) in WRITINGS.iter().flat_map(|w| Kind::ALL.map(|kind| (w, kind))) {
            let plants = plants(template, writing, kind);
            let message = serde_json::from_str(&template.with(&plants)).expect("JSON");
            let left = readings(&message);
            for number in plants.keys().filter(|n| !left.contains(&kind.number(**n).core)) {
                let (place, what) = (number.to_string(), String::from("not read"));
                let (message, writing) = (template.name, writing.name);
                failures.push(Failure { message, place, writing, kind, what });
            }
        }
    });
    let found: Vec<String> = found.iter().map(told).collect();
    assert!(found.is_empty(), "{} failures:\n{}", found.len(), found.join("\n"));
}

#[test]
fn planted_value_survives_at_no_place_in_no_writing() {
    let detector = detector();
    let checked = AtomicUsize::new(0);
    let found = each_message(|template, failures| {
        for (writing, kind) in WRITINGS.iter().flat_map(|w| Kind::ALL.map(|kind| (w, kind))) {
            let plants = plants(template, writing, kind);
            checked.fetch_add(plants.len(), Ordering::Relaxed);
            check(&detector, template, writing, kind, &plants, failures);
        }
    });
    println!("{} planted values", checked.load(Ordering::Relaxed));
    assert_only_known_holes(&found, SURVIVES);
}

#[test]
fn value_that_stands_alone_in_a_message_is_hidden_and_the_rest_stays() {
    let detector = detector();
    let checked = AtomicUsize::new(0);
    let found = each_message(|template, failures| {
        for (turn, writing) in WRITINGS.iter().enumerate() {
            for (number, (at, _)) in template.places.iter().enumerate() {
                let kinds = Kind::ALL.into_iter().cycle().skip(turn + number).take(Kind::ALL.len());
                let mut plants = kinds
                    .filter(|_| *at == writing.at)
                    .filter_map(|kind| Some((kind, (writing.write)(&kind.number(number))?)));
                if let Some((kind, plant)) = plants.next() {
                    let plants = BTreeMap::from([(number, plant)]);
                    checked.fetch_add(1, Ordering::Relaxed);
                    check(&detector, template, writing, kind, &plants, failures);
                }
            }
        }
    });
    println!("{} messages", checked.load(Ordering::Relaxed));
    assert_only_known_holes(&found, HARMS);
}

#[test]
fn reader_with_the_scope_gets_every_message_byte_for_byte() {
    let detector = detector();
    let found = each_message(|template, failures| {
        for (writing, kind) in WRITINGS.iter().flat_map(|w| Kind::ALL.map(|kind| (w, kind))) {
            let plants = plants(template, writing, kind);
            let message = template.with(&plants);
            let out = redacted(&detector, &message, ClassSet::from_iter([kind.class()]));
            if out != message.as_bytes() {
                let (place, what) = (String::new(), difference(message.as_bytes(), &out));
                let (message, writing) = (template.name, writing.name);
                failures.push(Failure { message, place, writing, kind, what });
            }
        }
    });
    let found: Vec<String> = found.iter().map(told).collect();
    assert!(found.is_empty(), "{} failures:\n{}", found.len(), found.join("\n"));
}

/// A value at every place that takes it, each with a number of its own.
fn plants(template: &Template, writing: &Writing, kind: Kind) -> BTreeMap<usize, String> {
    let places = template.places.iter().enumerate().filter(|(_, (at, _))| *at == writing.at);
    let plants =
        places.filter_map(|(number, _)| Some((number, (writing.write)(&kind.number(number))?)));
    plants.collect()
}

/// Redacts a message with planted values and looks at what is left.
fn check(
    detector: &Detector,
    template: &Template,
    writing: &Writing,
    kind: Kind,
    plants: &BTreeMap<usize, String>,
    failures: &mut Vec<Failure>,
) {
    let Some(first) = plants.keys().next() else { return };
    let message = template.with(plants);
    let out = redacted(detector, &message, ClassSet::empty());
    let mut fail = |number: usize, what: String| {
        let place = template.places.get(number).map(|(_, path)| path.clone()).unwrap_or_default();
        let (message, writing) = (template.name, writing.name);
        failures.push(Failure { message, place, writing, kind, what });
    };
    let value: Value = match serde_json::from_slice(&out) {
        Ok(value) => value,
        Err(error) => return fail(*first, format!("no JSON ({error}): {message}")),
    };
    let planted = |number: usize| plants.contains_key(&number);
    if let Err(path) = same(&template.message, &value, false, &mut 0, &planted) {
        let out = String::from_utf8_lossy(&out);
        fail(*first, format!("{HARMS} `{path}`: {message} became {out}"));
    }
    let left = readings(&value);
    for (number, plant) in plants {
        if left.contains(&kind.number(*number).core) {
            fail(*number, format!("{SURVIVES} as {plant}"));
        }
    }
}

/// Does something for each message, on as many threads as there are.
fn each_message(work: impl Fn(&Template, &mut Vec<Failure>) + Sync) -> Vec<Failure> {
    let (templates, next, found) = (templates(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut failures = Vec::new();
                while let Some(template) = templates.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(template, &mut failures);
                }
                found.lock().expect("no thread failed").append(&mut failures);
            });
        }
    });
    found.into_inner().expect("no thread failed")
}

/// `what` tells which of the known holes this run shows.
fn assert_only_known_holes(found: &[Failure], what: &str) {
    let unknown: Vec<String> = found.iter().filter(|f| hole_of(f).is_none()).map(told).collect();
    assert!(unknown.is_empty(), "{} failures:\n{}", unknown.len(), unknown.join("\n"));
    let shown = KNOWN_HOLES.iter().enumerate().filter(|(_, hole)| hole.what == what);
    for (number, Hole { writing, kind, place, .. }) in shown {
        let needed = found.iter().any(|failure| hole_of(failure) == Some(number));
        assert!(needed, "{kind:?}, {writing}, {place}: mended, so take the row out");
    }
}

fn hole_of(failure: &Failure) -> Option<usize> {
    KNOWN_HOLES.iter().position(|hole| {
        hole.writing == failure.writing
            && hole.kind == failure.kind
            && failure.place.ends_with(hole.place)
            && failure.what.starts_with(hole.what)
    })
}

fn told(failure: &Failure) -> String {
    let Failure { message, place, writing, kind, what } = failure;
    format!("{message} · {place} · {writing} · {kind:?}: {what}")
}

/// Where two texts part.
fn difference(before: &[u8], after: &[u8]) -> String {
    let at = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let around = |text: &[u8]| {
        let window = text.get(at.saturating_sub(60)..(at + 80).min(text.len()));
        String::from_utf8_lossy(window.unwrap_or_default()).into_owned()
    };
    format!("{} became {}", around(before), around(after))
}

fn is_fixed(fixed: bool, name: &str) -> bool {
    fixed || FIXED.contains(&name)
}

fn find_places(value: &Value, path: String, places: &mut Vec<(At, String)>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) => places.push((At::Number, path)),
        Value::String(_) => places.push((At::Text, path)),
        Value::Array(items) => {
            let paths = (0..items.len()).map(|number| format!("{path}/{number}"));
            items.iter().zip(paths).for_each(|(item, path)| find_places(item, path, places));
        }
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !is_fixed(false, name)) {
                find_places(value, format!("{path}/{name}"), places);
            }
            places.push((At::Member, format!("{path}/+")));
        }
    }
}

/// Writes a message with what is planted in it. Counts places as [`find_places`] does.
fn write(
    value: &Value,
    fixed: bool,
    at: &mut usize,
    plants: &BTreeMap<usize, String>,
    out: &mut String,
) {
    match value {
        _ if fixed => out.push_str(&value.to_string()),
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
        Value::Number(_) | Value::String(_) => {
            let plain = || value.to_string();
            out.push_str(&plants.get(at).cloned().unwrap_or_else(plain));
            *at += 1;
        }
        Value::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                write(item, fixed, at, plants, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (number, (name, value)) in members.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                out.push_str(&format!("\"{name}\":"));
                write(value, is_fixed(fixed, name), at, plants, out);
            }
            if let Some(plant) = plants.get(at) {
                out.push_str(if members.is_empty() { "" } else { "," });
                out.push_str(plant);
            }
            *at += 1;
            out.push('}');
        }
    }
}

/// Whether all that was not planted is what it was; the path of the first difference.
fn same(
    before: &Value,
    after: &Value,
    fixed: bool,
    at: &mut usize,
    planted: &dyn Fn(usize) -> bool,
) -> Result<(), String> {
    let differs = || Err(String::new());
    match (before, after) {
        _ if fixed => {
            if before == after {
                Ok(())
            } else {
                differs()
            }
        }
        (Value::Number(_) | Value::String(_), _) => {
            *at += 1;
            let alike = match planted(*at - 1) {
                true => before.is_number() == after.is_number(),
                false => before == after,
            };
            if alike { Ok(()) } else { differs() }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (number, (item, other)) in items.iter().zip(others).enumerate() {
                let below = same(item, other, fixed, at, planted);
                below.map_err(|path| format!("/{number}{path}"))?;
            }
            Ok(())
        }
        (Value::Object(members), Value::Object(others)) => {
            for ((name, value), (other_name, other)) in members.iter().zip(others) {
                if name != other_name {
                    return Err(format!("/{name}"));
                }
                let below = same(value, other, is_fixed(fixed, name), at, planted);
                below.map_err(|path| format!("/{name}{path}"))?;
            }
            *at += 1;
            let more = usize::from(planted(*at - 1));
            if others.len() == members.len() + more { Ok(()) } else { differs() }
        }
        _ => {
            if before == after {
                Ok(())
            } else {
                differs()
            }
        }
    }
}
