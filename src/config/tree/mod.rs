//! YAML text as a tree in which every key and value knows where it stands.
//!
//! Reads the events of serde-saphyr's YAML 1.2 parser itself, because a deserializer stops at the
//! first mistake and this module must not: duplicate keys and tags are collected, only broken
//! syntax ends the reading. Guarantees: depth, values and alias copies are bounded; only `true`
//! and `false` are booleans (YAML 1.2 core schema, section 10.3), so `off`, `no` and `yes` stay
//! text; one document.

use crate::limits::CONFIG_DEPTH_MAX;
use crate::limits::CONFIG_NODES_MAX;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{self as granit, Event, Options, Parser, ScalarStyle};

use super::problem::Problem;

mod syntax;

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column in characters, from 1.
    pub(super) column: usize,
    /// Characters on that line, at least 1.
    pub(super) length: usize,
}

impl Span {
    /// The first character of the text.
    pub(super) const START: Self = Self { line: 1, column: 1, length: 1 };
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Text),
    List(Vec<Item>),
    Map(Vec<Entry>),
    /// A text whose `${…}` could not be replaced; the problem is known already.
    Unset,
}

/// A text, and what was typed where `${…}` was replaced in it.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) typed: Option<String>,
    /// Lines that it takes.
    pub(super) lines: usize,
}

/// One item of a list; its number stays the same when items before it are taken out.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) number: usize,
    pub(super) node: Node,
}

/// One key of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Node {
    /// The entry of a key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Unset => None,
        }
    }

    /// The place that stands for the value as a whole: its first key, where it is a mapping.
    pub(super) fn first(&self) -> Span {
        match &self.value {
            Value::Map(entries) => entries.first().map_or(self.span, |entry| entry.key_span),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Unset => self.span,
        }
    }

    /// All places at which a part of the value is written, line by line.
    pub(super) fn written(&self, places: &mut Vec<Span>) {
        match &self.value {
            Value::List(items) => items.iter().for_each(|item| item.node.written(places)),
            Value::Map(entries) => entries.iter().for_each(|entry| entry.node.written(places)),
            Value::Text(text) if text.lines > 1 => {
                let Span { line, column, .. } = self.span;
                places.push(Span { line, column, length: usize::MAX });
                let more = (1..text.lines).map(|below| line + below);
                places.extend(more.map(|line| Span { line, column: 1, length: usize::MAX }));
            }
            Value::Text(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Unset => places.push(self.span),
        }
    }

    /// The item at a position.
    pub(super) fn item(&self, position: usize) -> Option<&Item> {
        match &self.value {
            Value::List(items) => items.get(position),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_)
            | Value::Unset => None,
        }
    }

    /// The same without places.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null | Value::Unset => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Text(text) => Json::String(text.text.clone()),
            Value::List(items) => items.iter().map(|item| item.node.to_json()).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    fn size(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(|item| item.node.size()).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|e| e.node.size()).sum::<usize>(),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Unset => 1,
        }
    }
}

/// Reads a text. `None` where its syntax is broken; the problems then say why.
pub(super) fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut options = Options::default();
    options.flow_nesting_limit = CONFIG_DEPTH_MAX;
    options.block_nesting_limit = CONFIG_DEPTH_MAX;
    options.disallow_directives = true;
    options.set_emit_comments(false);
    let source: Vec<&str> = text.lines().collect();
    let mut builder = Builder::default();
    let mut state = Ok(());
    for next in Parser::new_from_str_with_options(text, options) {
        state = match next {
            Ok((event, span)) => {
                let lines = lines_of(&span, &source);
                builder.take(event, place(&span, &source), lines)
            }
            Err(error) => {
                let marker = error.marker();
                let span = Span { line: marker.line(), column: marker.col() + 1, length: 1 };
                builder.fail(syntax::problem(span, error.kind(), &error.info(), text))
            }
        };
        if state.is_err() {
            break;
        }
    }
    problems.append(&mut builder.problems);
    let empty = Node { span: Span::START, value: Value::Null };
    state.ok().map(|()| builder.root.unwrap_or(empty))
}

/// The reading cannot go on; the problem is known.
struct Broken;

/// Puts events together. A stack, not recursion: depth is bounded by the parser's options.
#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

/// A list or mapping whose end has not come yet.
struct Frame {
    span: Span,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Item>),
    Map { entries: Vec<Entry>, key: Option<(String, Span)> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span, lines: usize) -> Result<(), Broken> {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(..) if self.root.is_some() => self.fail(Problem::error(
                String::new(),
                span,
                "a second document begins here",
                "keep one configuration in one file; remove the line `---`",
            )),
            Event::DocumentStart(..) | Event::Anchor(..) => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.count(1, span)?;
                let value = scalar(text.into_owned(), style, lines);
                self.attach(Node { span, value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.open(Frame { span, anchor, body: Body::List(Vec::new()) })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let body = Body::Map { entries: Vec::new(), key: None };
                self.open(Frame { span, anchor, body })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let copy = Node { span, value: node.value.clone() };
                    self.count(copy.size(), span)?;
                    self.attach(copy, 0)
                }
                None => self.fail(self.unknown_alias(span)),
            },
            // Comments are switched off, unresolved aliases are errors of the parser; whatever a
            // newer parser adds is refused here.
            _ => self.fail(Problem::error(
                self.path(),
                span,
                "this YAML construct is not supported",
                "use plain mappings, lists and values",
            )),
        }
    }

    fn count(&mut self, values: usize, span: Span) -> Result<(), Broken> {
        self.nodes = self.nodes.saturating_add(values);
        if self.nodes > CONFIG_NODES_MAX {
            let message = format!("more than {CONFIG_NODES_MAX} values");
            let help = "split the configuration; aliases count as often as they are used";
            return self.fail(Problem::error(self.path(), span, message, help));
        }
        Ok(())
    }

    fn fail(&mut self, problem: Problem) -> Result<(), Broken> {
        self.problems.push(problem);
        Err(Broken)
    }

    fn unknown_alias(&self, span: Span) -> Problem {
        let message = "this alias points at a value that is not complete yet";
        Problem::error(self.path(), span, message, "define the anchor `&name` before the alias")
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            let help = "remove the `!…` before the value; put a text in quotes instead";
            let problem = Problem::error(self.path(), span, "YAML tags are not supported", help);
            self.problems.push(problem);
        }
    }

    fn open(&mut self, frame: Frame) -> Result<(), Broken> {
        self.count(1, frame.span)?;
        if self.expects_key() {
            return self.fail(self.not_a_key(frame.span));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Broken> {
        let Some(Frame { span, anchor, body }) = self.stack.pop() else { return Ok(()) };
        let value = match body {
            Body::List(items) => Value::List(items),
            Body::Map { entries, .. } => Value::Map(entries),
        };
        self.attach(Node { span, value }, anchor)
    }

    fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { body: Body::Map { key: None, .. }, .. }))
    }

    fn not_a_key(&self, span: Span) -> Problem {
        let help = "in `{ … }`, put `${NAME}` in quotes";
        Problem::error(self.path(), span, "a key must be a text", help)
    }

    /// Puts a complete value where it belongs: as a key, after its key, into a list, at the root.
    fn attach(&mut self, node: Node, anchor: usize) -> Result<(), Broken> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        if self.expects_key() {
            return self.set_key(node);
        }
        match self.stack.last_mut().map(|frame| &mut frame.body) {
            None => self.root = Some(node),
            Some(Body::List(items)) => items.push(Item { number: items.len(), node }),
            Some(Body::Map { entries, key }) => {
                let Some((name, key_span)) = key.take() else { return Ok(()) };
                match entries.iter().find(|entry| entry.key == name) {
                    None => entries.push(Entry { key: name, key_span, node }),
                    Some(first) => {
                        let line = first.key_span.line;
                        let message = format!("the key `{name}` stands here for the second time");
                        let help = format!("it already stands on line {line}; remove one of them");
                        let path = join(&self.path(), &name);
                        self.problems.push(Problem::error(path, key_span, message, help));
                    }
                }
            }
        }
        Ok(())
    }

    fn set_key(&mut self, node: Node) -> Result<(), Broken> {
        let text = match node.value {
            Value::Text(text) => text.text,
            Value::Null => String::new(),
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Float(_) | Value::List(_) | Value::Map(_) | Value::Unset => {
                return self.fail(self.not_a_key(node.span));
            }
        };
        if let Some(Frame { body: Body::Map { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some((text, node.span));
        }
        Ok(())
    }

    /// Where the builder stands, for problems.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.body {
                Body::List(items) => path = format!("{path}[{}]", items.len()),
                Body::Map { key: Some((key, _)), .. } => path = join(&path, key),
                Body::Map { key: None, .. } => {}
            }
        }
        path
    }
}

/// Appends a key to a path. A key that is not a plain word stands in quotes.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let key = if plain && !key.is_empty() { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The value of a scalar by the core schema, without its octal, hexadecimal and infinite numbers:
/// none of our keys has such a value.
fn scalar(text: String, style: ScalarStyle, lines: usize) -> Value {
    if style == ScalarStyle::Plain {
        match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            _ => {}
        }
        if is_decimal(&text) {
            if let Ok(number) = text.parse::<i64>() {
                return Value::Integer(number);
            }
            if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
                return Value::Float(number);
            }
        }
    }
    Value::Text(Text { text, typed: None, lines })
}

/// Digits with a sign, a point, an exponent; no leading zero, which YAML 1.1 reads as octal.
fn is_decimal(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let zero = digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    digits.len() + 1 >= text.len()
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && !zero
}

/// What goes over several lines is marked to the end of its first.
fn place(span: &granit::Span, source: &[&str]) -> Span {
    let (start, end) = (span.start, span.end);
    let until = if end.line() == start.line() {
        end.col()
    } else {
        line_of(source, start.line()).chars().count()
    };
    let length = until.saturating_sub(start.col()).max(1);
    Span { line: start.line(), column: start.col() + 1, length }
}

/// Lines that a value takes. A block text ends where the next key begins, on a line that is not
/// its own.
fn lines_of(span: &granit::Span, source: &[&str]) -> usize {
    let lines = span.end.line().saturating_sub(span.start.line()) + 1;
    if lines == 1 {
        return 1;
    }
    let blank =
        line_of(source, span.end.line()).chars().take(span.end.col()).all(char::is_whitespace);
    lines - usize::from(blank)
}

fn line_of<'s>(source: &[&'s str], line: usize) -> &'s str {
    source.get(line.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
