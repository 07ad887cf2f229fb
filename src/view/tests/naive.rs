//! The definitions, written down a second time without any thought of speed: patterns as lists of
//! paths, paths as lists of names, every value judged by its whole path.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::Verdict;

/// A pattern as a tree, from which its text and its meaning are made apart from each other.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Name(String),
    Star,
    Group(Vec<Vec<Segment>>),
}

/// What one segment of a written-out path fits.
#[derive(Debug, Clone)]
pub(super) enum Fits {
    Name(String),
    Any,
}

pub(super) fn text_of(path: &[Segment], closed: bool) -> String {
    format!("/{}{}", inner(path), if closed { "/**" } else { "" })
}

fn inner(path: &[Segment]) -> String {
    let segments: Vec<_> = path
        .iter()
        .map(|segment| match segment {
            Segment::Name(name) => name.replace('~', "~0").replace('/', "~1"),
            Segment::Star => "*".to_owned(),
            Segment::Group(paths) => {
                format!(
                    "{{{}}}",
                    paths.iter().map(|path| inner(path)).collect::<Vec<_>>().join(",")
                )
            }
        })
        .collect();
    segments.join("/")
}

/// The pattern with its alternatives multiplied out.
pub(super) fn paths_of(path: &[Segment], closed: bool) -> Vec<Vec<Fits>> {
    let mut paths = vec![Vec::new()];
    for segment in path {
        let ways = match segment {
            Segment::Name(name) => vec![vec![Fits::Name(name.clone())]],
            Segment::Star => vec![vec![Fits::Any]],
            Segment::Group(inner) => inner.iter().flat_map(|path| paths_of(path, false)).collect(),
        };
        paths = paths
            .iter()
            .flat_map(|path| ways.iter().map(|way| [path.clone(), way.clone()].concat()))
            .collect();
    }
    if closed {
        paths.iter_mut().for_each(|path| path.push(Fits::Any));
    }
    paths
}

/// What the paths let pass of a value.
pub(super) fn project(
    value: &Value,
    at: &mut Vec<String>,
    paths: &[Vec<Fits>],
    items_max: Option<usize>,
) -> Option<Value> {
    let agrees = |path: &&Vec<Fits>| {
        path.iter().zip(at.iter()).all(|(fits, name)| match fits {
            Fits::Name(fits) => fits == name,
            Fits::Any => true,
        })
    };
    let named = paths.iter().filter(agrees).any(|path| path.len() <= at.len());
    let on_the_way = paths.iter().filter(agrees).any(|path| path.len() > at.len());
    if !named && !on_the_way {
        return None;
    }
    let mut below = |name: String, value: &Value| {
        at.push(name);
        let left = project(value, at, paths, items_max);
        at.pop();
        left
    };
    match value {
        Value::Object(members) => Some(Value::Object(
            members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), below(name.clone(), value)?)))
                .collect(),
        )),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let left = items.filter_map(|(at, value)| below(at.to_string(), value));
            Some(Value::Array(left.take(items_max.unwrap_or(usize::MAX)).collect()))
        }
        scalar => named.then(|| scalar.clone()),
    }
}

/// What is said of a namespace by its whole list of names: the first that is not gone through
/// decides, else the last.
pub(super) fn verdict_of(names: &[String], allowed: &dyn Fn(&str) -> Verdict) -> Verdict {
    let all: Vec<Verdict> =
        (1..=names.len()).map(|count| allowed(&names[..count].join("."))).collect();
    let ends = |verdict: &&Verdict| matches!(verdict, Verdict::Whole | Verdict::Nothing);
    *all.iter().find(ends).or(all.last()).unwrap_or(&Verdict::Descend)
}

fn names_of(name: &str) -> Vec<String> {
    name.split('.').map(str::to_owned).collect()
}

fn are_names(names: &[String]) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
    names.join(".").len() <= 256
        && names.iter().all(|name| !name.is_empty() && name.chars().all(fine))
}

/// What is left of a tree of namespaces.
pub(super) fn tree(
    members: &Map<String, Value>,
    outer: &[String],
    allowed: &dyn Fn(&str) -> Verdict,
) -> Value {
    let left = members.iter().filter_map(|(name, value)| {
        let names = [outer, &names_of(name)].concat();
        if !are_names(&names) {
            return None;
        }
        let value = match (verdict_of(&names, allowed), value) {
            (Verdict::Whole, value) => value.clone(),
            (Verdict::Descend | Verdict::Each, Value::Object(members)) => {
                tree(members, &names, allowed)
            }
            (Verdict::Each, value) => value.clone(),
            (Verdict::Descend | Verdict::Nothing, _) => return None,
        };
        Some((name.clone(), value))
    });
    Value::Object(left.collect())
}

/// What is left of a list of records.
pub(super) fn records(items: &[Value], allowed: &dyn Fn(&str) -> Verdict) -> Value {
    let passes = |item: &&Value| {
        let name = item.get("namespace").and_then(Value::as_str);
        name.map(names_of)
            .is_some_and(|names| are_names(&names) && verdict_of(&names, allowed) == Verdict::Whole)
    };
    Value::Array(items.iter().filter(passes).cloned().collect())
}

/// JSON as a hostile printer would write it: white space everywhere, some characters escaped.
pub(super) fn written(value: &Value, dice: &mut impl FnMut() -> usize) -> String {
    let mut space = || ["", "", " ", "\n", "\t ", "\r\n"][dice() % 6];
    let (open, close) = (space(), space());
    match value {
        Value::Object(members) => {
            let mut texts = Vec::new();
            for (name, value) in members {
                let (name, value) = (string(name, dice), written(value, dice));
                texts.push(format!("{name}{open}:{value}"));
            }
            format!("{close}{{{open}{}{close}}}{open}", texts.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(item, dice)).collect();
            format!("{open}[{close}{}{open}]{close}", items.join(","))
        }
        Value::String(text) => format!("{open}{}{close}", string(text, dice)),
        scalar => format!("{open}{scalar}{close}"),
    }
}

fn string(text: &str, dice: &mut impl FnMut() -> usize) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if dice().is_multiple_of(4) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            let plain = json!(c).to_string();
            out.push_str(&plain[1..plain.len() - 1]);
        }
    }
    out + "\""
}

/// A sequence that is the same for the same seed.
pub(super) fn dice(mut seed: u64) -> impl FnMut() -> usize {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    }
}

pub(super) fn names() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES).prop_map(str::to_owned)
}

const NAMES: &[&str] =
    &["a", "b", "c", "0", "1", "a.b", "s", "t", "~", "x/y", "~1", "", "é", "namespace"];

pub(super) fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..100_i32).prop_map(Value::from),
        prop::sample::select(&["", "a", "s.t", "{\"a\":1}", "\"\\\u{7}", "é\u{1F600}"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            container_of(inner),
        ]
    })
}

fn container_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let members = prop::collection::vec((names(), inner), 0..5);
    members.prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// An object or an array.
pub(super) fn container() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => container_of(json_value()),
        1 => prop::collection::vec(json_value(), 0..5).prop_map(Value::Array),
    ]
}

pub(super) fn pattern() -> impl Strategy<Value = (Vec<Segment>, bool)> {
    let name = names().prop_filter("an empty segment", |name| !name.is_empty());
    let leaf = prop_oneof![4 => name.prop_map(Segment::Name), 1 => Just(Segment::Star)];
    let segment = leaf.prop_recursive(2, 12, 3, |inner| {
        let path = prop::collection::vec(inner, 1..3);
        prop::collection::vec(path, 1..3).prop_map(Segment::Group)
    });
    (prop::collection::vec(segment, 1..4), prop::bool::weighted(0.2))
}
