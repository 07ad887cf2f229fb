//! Compares the tree with the JSON Schema and names every difference.
//!
//! Guarantees: all unknown keys, wrong types, missing keys and unknown words are found in one
//! walk, each with its place and with the way out; and what [`prune`] leaves can be read into
//! [`super::raw`], so that the meaning of the sound parts is checked in the same run.

use crate::limits::SHOWN_CHARS_MAX;
use serde_json::Value as Schema;

use super::problem::Problem;
use super::reference;
use super::schema::{alternatives, resolve};
use super::tree::{Entry, Node, Span, Value, join};

/// What a walk found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    /// Places of secrets that stand in the file as they are.
    pub(super) literal_secrets: Vec<Span>,
    /// What must be taken out of the tree so that the rest can be read.
    faulty: Vec<Vec<Step>>,
}

/// Compares a tree with the schema of the configuration.
pub(super) fn compare(root: &Node) -> Findings {
    let schema = super::schema::shared();
    let mut walk = Walk { schema, found: Findings::default(), steps: Vec::new() };
    walk.node(root, schema, &Here { path: String::new(), span: root.span });
    walk.found
}

/// Takes everything faulty out of the tree. `None` where nothing readable is left.
pub(super) fn prune(mut root: Node) -> Option<Node> {
    // What misses a key goes as a whole, and then its parent may miss one: at most one round for
    // each level.
    loop {
        let mut faulty = compare(&root).faulty;
        faulty.sort();
        faulty.dedup();
        if !matches!(root.value, Value::Map(_)) {
            return None;
        }
        // The root itself stays: the check of what it lacks is over, the rest can be read.
        if faulty.iter().all(Vec::is_empty) {
            return Some(root);
        }
        // From the end and inside first, so that the positions still to come stay true.
        for steps in faulty.iter().rev() {
            remove(&mut root, steps);
        }
    }
}

/// One step down, by position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step(usize);

fn remove(root: &mut Node, steps: &[Step]) {
    let Some((Step(last), above)) = steps.split_last() else { return };
    let mut node = root;
    for Step(position) in above {
        let below = match &mut node.value {
            Value::List(items) => items.get_mut(*position).map(|item| &mut item.node),
            Value::Map(entries) => entries.get_mut(*position).map(|entry| &mut entry.node),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Unset => None,
        };
        let Some(below) = below else { return };
        node = below;
    }
    match &mut node.value {
        Value::List(items) if *last < items.len() => drop(items.remove(*last)),
        Value::Map(entries) if *last < entries.len() => drop(entries.remove(*last)),
        Value::List(_)
        | Value::Map(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Unset => {}
    }
}

/// Where the walk stands: the path, and the place that stands for a value without a good one.
struct Here {
    path: String,
    span: Span,
}

struct Walk<'s> {
    schema: &'s Schema,
    found: Findings,
    steps: Vec<Step>,
}

impl<'s> Walk<'s> {
    fn node(&mut self, node: &Node, schema: &'s Schema, here: &Here) {
        if matches!(node.value, Value::Unset) {
            return self.found.faulty.push(self.steps.clone());
        }
        let choices = alternatives(self.schema, schema);
        if is_secret(resolve(self.schema, schema)) && !matches!(node.value, Value::Map(_)) {
            return self.literal_secret(node, here);
        }
        if is_secret(resolve(self.schema, schema)) {
            self.misplaced_secrets(node);
        }
        let fitting: Vec<&Schema> =
            choices.iter().copied().filter(|choice| admits(choice, &node.value)).collect();
        match &node.value {
            _ if fitting.is_empty() => self.wrong_type(node, &choices, here),
            Value::Map(entries) => {
                if let Some(choice) = closest(&fitting, entries) {
                    self.map(entries, choice, here);
                }
            }
            Value::List(items) => {
                let Some(inner) = fitting.first().and_then(|choice| choice.get("items")) else {
                    return;
                };
                for (position, item) in items.iter().enumerate() {
                    let path = format!("{}[{}]", here.path, item.number);
                    self.steps.push(Step(position));
                    self.node(&item.node, inner, &Here { path, span: item.node.first() });
                    self.steps.pop();
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Unset => self.word(node, &fitting, &choices, here),
        }
    }

    fn map(&mut self, entries: &[Entry], schema: &'s Schema, here: &Here) {
        let known = schema.get("properties").and_then(Schema::as_object);
        let any = schema.get("additionalProperties").filter(|schema| schema.is_object());
        // Keys that are there, spelled wrongly: they are not also missing.
        let mut meant: Vec<&str> = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let path = join(&here.path, &entry.key);
            let inner = known.and_then(|known| known.get(&entry.key)).or(any);
            self.steps.push(Step(position));
            match inner {
                Some(inner) => {
                    let place = Here { path, span: entry.key_span };
                    self.node(&entry.node, inner, &place);
                }
                None => {
                    let keys = known.into_iter().flat_map(|known| known.keys());
                    let keys: Vec<&str> = keys.map(String::as_str).collect();
                    meant.extend(nearest(&entry.key, &keys));
                    let help = self.key_help(&entry.key, keys);
                    let message = format!("unknown key `{}`", short(&entry.key));
                    self.report(Problem::error(path, entry.key_span, message, help));
                }
            }
            self.steps.pop();
        }
        let required = schema.get("required").and_then(Schema::as_array);
        for key in required.into_iter().flatten().filter_map(Schema::as_str) {
            if entries.iter().any(|entry| entry.key == key) {
                continue;
            }
            if meant.contains(&key) {
                self.found.faulty.push(self.steps.clone());
            } else {
                let field = known.and_then(|known| known.get(key));
                self.missing(key, field, here);
            }
        }
    }

    /// A key that must be there and is not.
    fn missing(&mut self, key: &str, field: Option<&Schema>, here: &Here) {
        let parent = if here.path.is_empty() { "the file" } else { &format!("`{}`", here.path) };
        let message = format!("{parent} lacks the key `{key}`");
        let help = match field.and_then(|field| example(resolve(self.schema, field))) {
            Some(example) => format!("add `{key}: {example}`"),
            None => format!("add `{key}:` ({})", field.map(meaning).unwrap_or_default()),
        };
        self.report(Problem::error(join(&here.path, key), here.span, message, help));
    }

    fn wrong_type(&mut self, node: &Node, choices: &[&Schema], here: &Here) {
        let expected = expected(choices);
        let found = match &node.value {
            Value::Null | Value::Unset => {
                let message = format!("`{}` has no value", here.path);
                let message =
                    if here.path.is_empty() { "the file is empty".into() } else { message };
                let help = format!("give it {expected}, or remove the key");
                let help = if here.path.is_empty() { SMALLEST.into() } else { help };
                return self.report(Problem::error(here.path.clone(), here.span, message, help));
            }
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(text) => {
                format!("the text `{}`", short(text.typed.as_ref().unwrap_or(&text.text)))
            }
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        let scalar = !matches!(node.value, Value::List(_) | Value::Map(_));
        let span = if scalar { node.span } else { here.span };
        let example = choices.iter().find_map(|choice| example(choice));
        let text = choices.iter().any(|c| admits_type(c, "string") && words(c).is_empty());
        let help = match example {
            Some(example) => format!("write it like `{example}`"),
            None if scalar && text => "put it in quotes".to_owned(),
            None => format!("write {expected}"),
        };
        let message = format!("expected {expected}, found {found}");
        self.report(Problem::error(here.path.clone(), span, message, help));
    }

    /// A scalar of the right type; where only some words are allowed, whether it is one of them.
    fn word(&mut self, node: &Node, fitting: &[&Schema], choices: &[&Schema], here: &Here) {
        let json = node.to_json();
        let allowed: Vec<Schema> = fitting.iter().flat_map(|choice| words(choice)).collect();
        let free = fitting.iter().any(|choice| words(choice).is_empty());
        let outside = fitting.iter().all(|choice| !in_range(choice, &node.value));
        if !outside && (free || allowed.contains(&json)) {
            return;
        }
        let found = match &node.value {
            Value::Text(text) => short(text.typed.as_ref().unwrap_or(&text.text)),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Unset => json.to_string(),
        };
        let names: Vec<&str> = allowed.iter().filter_map(Schema::as_str).collect();
        let list = allowed.iter().map(plain).collect::<Vec<_>>().join(", ");
        let others: Vec<&Schema> =
            choices.iter().copied().filter(|choice| words(choice).is_empty()).collect();
        let help = match nearest(&found, &names) {
            Some(name) => format!("did you mean `{name}`? (one of {list})"),
            None if outside => format!("write a number from 0 to {}", u32::MAX),
            None if others.is_empty() => format!("write one of {list}"),
            None => format!("write one of {list}, or {}", expected(&others)),
        };
        let message = format!("`{found}` is not accepted here");
        self.report(Problem::error(here.path.clone(), node.span, message, help));
    }

    fn literal_secret(&mut self, node: &Node, here: &Here) {
        node.written(&mut self.found.literal_secrets);
        let scalar = !matches!(node.value, Value::List(_) | Value::Null);
        let message = format!("`{}` must not hold the secret itself", here.path);
        let help =
            "write `{ file: path }` or `{ env: NAME }`; change a secret that stood in a file";
        let span = if scalar { node.span } else { here.span };
        self.report(Problem::error(here.path.clone(), span, message, help));
    }

    /// A value under a key that is none of a reference's may be the secret: it is not shown.
    fn misplaced_secrets(&mut self, node: &Node) {
        if let Value::Map(entries) = &node.value {
            let odd = entries.iter().filter(|e| !matches!(e.key.as_str(), "file" | "env"));
            odd.for_each(|entry| entry.node.written(&mut self.found.literal_secrets));
        }
    }

    /// What to do about an unknown key: the right spelling, or the right place.
    fn key_help(&self, key: &str, mut known: Vec<&str>) -> String {
        if let Some(name) = nearest(key, &known) {
            return format!("did you mean `{name}`?");
        }
        known.sort_unstable();
        let places = reference::places_of(key);
        let listed = known.join(", ");
        match places.as_slice() {
            [] => format!("the keys here are {listed}"),
            places => format!(
                "`{}` is a key of {}; the keys here are {listed}",
                short(key),
                places.join(" and ")
            ),
        }
    }

    fn report(&mut self, problem: Problem) {
        self.found.problems.push(problem);
        if self.found.faulty.last() != Some(&self.steps) {
            self.found.faulty.push(self.steps.clone());
        }
    }
}

/// The alternative whose keys the mapping uses most.
fn closest<'s>(choices: &[&'s Schema], entries: &[Entry]) -> Option<&'s Schema> {
    let uses = |choice: &Schema| {
        let known = choice.get("properties").and_then(Schema::as_object);
        entries.iter().filter(|e| known.is_some_and(|known| known.contains_key(&e.key))).count()
    };
    // The first of equals: `max_by_key` would take the last.
    choices.iter().copied().rev().max_by_key(|choice| uses(choice))
}

fn is_secret(schema: &Schema) -> bool {
    schema.get("x-kind").is_some_and(|kind| kind == "secret")
}

fn admits(choice: &Schema, value: &Value) -> bool {
    match value {
        Value::Null | Value::Unset => false,
        Value::Bool(_) => admits_type(choice, "boolean"),
        Value::Integer(_) => admits_type(choice, "integer") || admits_type(choice, "number"),
        Value::Float(_) => admits_type(choice, "number"),
        Value::Text(_) => admits_type(choice, "string"),
        Value::List(_) => admits_type(choice, "array"),
        Value::Map(_) => admits_type(choice, "object"),
    }
}

/// The only range among our keys is that of a count.
fn in_range(choice: &Schema, value: &Value) -> bool {
    let count = choice.get("format").is_some_and(|format| format == "uint32");
    match value {
        Value::Integer(number) => !count || u32::try_from(*number).is_ok(),
        Value::Null
        | Value::Bool(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Unset => true,
    }
}

fn admits_type(choice: &Schema, kind: &str) -> bool {
    choice.get("type").is_some_and(|found| found == kind)
}

/// The only values that an alternative allows; empty where it does not say.
fn words(choice: &Schema) -> Vec<Schema> {
    if let Some(word) = choice.get("const") {
        return vec![word.clone()];
    }
    choice.get("enum").and_then(Schema::as_array).cloned().unwrap_or_default()
}

/// The alternatives in words: ``one of `a`, `b`, or a list``.
fn expected(choices: &[&Schema]) -> String {
    let words: Vec<String> =
        choices.iter().flat_map(|choice| words(choice)).map(|word| plain(&word)).collect();
    let mut parts = match words.as_slice() {
        [] => Vec::new(),
        [only] => vec![only.clone()],
        [..] => vec![format!("one of {}", words.join(", "))],
    };
    for choice in choices.iter().filter(|choice| self::words(choice).is_empty()) {
        let kind = choice.get("x-kind").and_then(Schema::as_str);
        let part = match (choice.get("type").and_then(Schema::as_str), kind) {
            (_, Some("address")) => "an address with a port",
            (_, Some("network")) => "a network",
            (_, Some("URL")) => "a URL",
            (_, Some("path")) => "a path",
            (_, Some("duration")) => "a duration",
            (_, Some("size")) => "a size",
            (_, Some("rate")) => "a rate",
            (Some("string"), _) => "a text",
            (Some("integer"), _) => "a whole number",
            (Some("boolean"), _) => "`true` or `false`",
            (Some("array"), _) => "a list",
            _ => "a mapping",
        };
        let keys = choice.get("required").and_then(Schema::as_array).into_iter().flatten();
        let keys: Vec<String> = keys.map(plain).collect();
        let part = if part == "a mapping" && !keys.is_empty() {
            format!("{part} with {}", keys.join(" and "))
        } else {
            part.to_owned()
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(", or ")
}

fn plain(word: &Schema) -> String {
    word.as_str().map_or_else(|| format!("`{word}`"), |text| format!("`{text}`"))
}

fn example(schema: &Schema) -> Option<String> {
    let example = schema.get("examples")?.get(0)?;
    Some(match example {
        Schema::String(text) => text.clone(),
        Schema::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Schema::as_str).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    })
}

/// The first sentence of a description.
fn meaning(schema: &Schema) -> &str {
    let text = schema.get("description").and_then(Schema::as_str).unwrap_or_default();
    text.split_once(['.', ':', ';']).map_or(text, |(first, _)| first)
}

/// The known name that was most likely meant.
pub(super) fn nearest<'n>(typed: &str, names: &[&'n str]) -> Option<&'n str> {
    let lower = typed.chars().take(SHOWN_CHARS_MAX).collect::<String>().to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let (name, errors) =
        names.iter().map(|name| (*name, distance(name))).min_by_key(|(_, errors)| *errors)?;
    // One slip in three characters, at least one; a word with the same beginning also counts.
    let close = errors <= 1.max(lower.chars().count() / 3);
    let beginning = |name: &&str| {
        lower.len() >= 3 && name.starts_with(&lower) || name.len() >= 3 && lower.starts_with(*name)
    };
    if close { Some(name) } else { names.iter().copied().find(beginning) }
}

/// A typed text, bounded for a message.
pub(super) fn short(text: &str) -> String {
    let mut shown: String =
        text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

const SMALLEST: &str = "the smallest configuration names `listen`, `issuers` and one of `servers`";
