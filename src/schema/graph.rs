//! The parts of a schema and how they lead to each other.
//!
//! Read once, when a schema is first needed. Guarantees: a schema whose parts judge one value in
//! too many ways, without an end, or by patterns that have no small automaton, is not read; nor
//! is one that refers to other documents.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::Unusable;
use super::sample::Pattern;
use crate::limits::{
    CUSTOM_PATTERN_BYTES_MAX, SCHEMA_HEIGHT_MAX, SCHEMA_PATTERNS_MAX, SCHEMA_STATES_MAX,
    SCHEMA_WAYS_MAX,
};

/// All parts; the first one is the whole.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) parts: Vec<Part>,
}

/// A schema inside the schema.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// What it asks of a value that has no parts itself.
    pub(super) own: Map<String, Value>,
    /// About how many comparisons its own keywords take.
    pub(super) weight: u64,
    /// States of its own pattern.
    pub(super) states: u64,
    /// Whether it compares the items of an array with each other.
    pub(super) compares_items: bool,
    /// Whether it looks at its parts again for each member, to know what they left out.
    pub(super) looks_again: bool,
    /// Parts that judge the same value.
    pub(super) same: Vec<usize>,
    /// Parts that judge the members of these names.
    pub(super) members: HashMap<String, usize>,
    /// Parts that judge the members whose names match.
    pub(super) matching: Vec<Matching>,
    /// Parts that judge the other members.
    pub(super) others: Vec<usize>,
    /// The part that judges the names of members.
    pub(super) names: Option<usize>,
    /// Parts that judge the first items, one each.
    pub(super) first: Vec<usize>,
    /// Parts that judge all items, or all after those.
    pub(super) items: Vec<usize>,
}

/// One of `patternProperties`.
#[derive(Debug)]
pub(super) struct Matching {
    pub(super) regex: Regex,
    pub(super) states: u64,
    /// What judges the member.
    pub(super) value: usize,
    /// A part that asks nothing but that a text matches.
    pub(super) name: usize,
}

/// Reads a schema.
pub(super) fn read(root: &Value) -> Result<Graph, Unusable> {
    let mut reader = Reader {
        root,
        parts: Vec::new(),
        places: HashMap::new(),
        anchors: HashMap::new(),
        references: Vec::new(),
        patterns: 0,
        states: 0,
    };
    reader.part(root)?;
    // Reading what is referred to may find more references.
    while let Some((from, reference)) = reader.references.pop() {
        let to = reader.resolve(reference)?;
        if let Some(part) = reader.parts.get_mut(from) {
            part.same.push(to);
        }
    }
    let graph = Graph { parts: reader.parts };
    let mut ways = vec![None; graph.parts.len()];
    for part in 0..graph.parts.len() {
        graph.ways(part, 0, &mut ways)?;
    }
    Ok(graph)
}

impl Graph {
    /// In how many ways a value that this part judges is judged, by itself and all parts that
    /// judge the same value.
    fn ways(
        &self,
        at: usize,
        height: usize,
        known: &mut [Option<(u64, usize)>],
    ) -> Result<(u64, usize), Unusable> {
        if let Some(Some(known)) = known.get(at) {
            return Ok(*known);
        }
        // References in a circle end here too.
        if height > SCHEMA_HEIGHT_MAX {
            return Err(Unusable::Expansive);
        }
        let Some(part) = self.parts.get(at) else { return Ok((0, 0)) };
        let (mut ways, mut tallest) = (1_u64, 0);
        for same in &part.same {
            let (more, below) = self.ways(*same, height + 1, known)?;
            let times = if part.looks_again { 2 } else { 1 };
            ways = ways.saturating_add(more.saturating_mul(times));
            tallest = tallest.max(below + 1);
        }
        if ways > SCHEMA_WAYS_MAX || tallest > SCHEMA_HEIGHT_MAX {
            return Err(Unusable::Expansive);
        }
        if let Some(slot) = known.get_mut(at) {
            *slot = Some((ways, tallest));
        }
        Ok((ways, tallest))
    }
}

struct Reader<'s> {
    root: &'s Value,
    parts: Vec<Part>,
    /// Where in the document a part stands; addresses, because a document does not move.
    places: HashMap<*const Value, usize>,
    anchors: HashMap<&'s str, &'s Value>,
    references: Vec<(usize, &'s str)>,
    patterns: usize,
    states: u64,
}

impl<'s> Reader<'s> {
    fn part(&mut self, schema: &'s Value) -> Result<usize, Unusable> {
        let place = std::ptr::from_ref(schema);
        if let Some(known) = self.places.get(&place) {
            return Ok(*known);
        }
        let at = self.parts.len();
        self.parts.push(Part::default());
        self.places.insert(place, at);
        let mut part = Part::default();
        match schema {
            // `false` judges nothing that a value could be made to fit.
            Value::Bool(_) => {}
            Value::Object(keywords) => {
                for name in ["$anchor", "$dynamicAnchor"] {
                    let name = keywords.get(name).and_then(Value::as_str);
                    self.anchors.extend(name.map(|name| (name, schema)));
                }
                for (keyword, value) in keywords {
                    self.keyword(at, &mut part, keyword, value)?;
                }
            }
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(Unusable::NoSchema);
            }
        }
        if let Some(slot) = self.parts.get_mut(at) {
            // A reference may have been resolved meanwhile.
            part.same.append(&mut slot.same);
            *slot = part;
        }
        Ok(at)
    }

    fn keyword(
        &mut self,
        at: usize,
        part: &mut Part,
        keyword: &str,
        value: &'s Value,
    ) -> Result<(), Unusable> {
        match keyword {
            "$ref" => {
                let reference = value.as_str().and_then(|text| text.strip_prefix('#'));
                self.references.push((at, reference.ok_or(Unusable::Reference)?));
            }
            "$dynamicRef" | "$recursiveRef" => return Err(Unusable::Reference),
            // References inside a document of its own mean something else.
            "$id" if at > 0 => return Err(Unusable::Reference),
            "allOf" | "anyOf" | "oneOf" => self.list(value, &mut part.same)?,
            "not" | "if" | "then" | "else" => part.same.push(self.part(value)?),
            "dependentSchemas" | "dependencies" => {
                for (_, schema) in value.as_object().into_iter().flatten() {
                    if schema.is_object() || schema.is_boolean() {
                        part.same.push(self.part(schema)?);
                    }
                }
            }
            "definitions" | "$defs" => {
                // Judges nothing by itself, but may hold anchors.
                for (_, schema) in value.as_object().into_iter().flatten() {
                    self.part(schema)?;
                }
            }
            "properties" => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    part.members.insert(name.clone(), self.part(schema)?);
                }
            }
            "patternProperties" => self.matching(part, value)?,
            "additionalProperties" => part.others.push(self.part(value)?),
            "propertyNames" => part.names = Some(self.part(value)?),
            "prefixItems" => self.list(value, &mut part.first)?,
            "items" if value.is_array() => self.list(value, &mut part.first)?,
            "items" | "additionalItems" | "contains" => part.items.push(self.part(value)?),
            "unevaluatedItems" => {
                part.looks_again = true;
                part.items.push(self.part(value)?);
            }
            "unevaluatedProperties" => {
                part.looks_again = true;
                part.others.push(self.part(value)?);
            }
            other => self.own(part, other, value)?,
        }
        Ok(())
    }

    /// A keyword that leads to no other part.
    fn own(&mut self, part: &mut Part, keyword: &str, value: &'s Value) -> Result<(), Unusable> {
        if ANNOTATIONS.contains(&keyword) {
            return Ok(());
        }
        part.weight = part.weight.saturating_add(values(value));
        part.compares_items |= keyword == "uniqueItems";
        if keyword == "pattern" {
            let pattern = value.as_str().ok_or(Unusable::NoSchema)?;
            part.states = self.pattern(pattern)?.states;
        }
        if SCALAR.contains(&keyword) {
            part.own.insert(keyword.to_owned(), value.clone());
        }
        Ok(())
    }

    fn matching(&mut self, part: &mut Part, value: &'s Value) -> Result<(), Unusable> {
        for (pattern, schema) in value.as_object().into_iter().flatten() {
            let states = self.pattern(pattern)?.states;
            let translated =
                jsonschema_regex::to_rust_regex(pattern).map_err(|()| Unusable::Pattern)?;
            let regex = RegexBuilder::new(&translated)
                .size_limit(CUSTOM_PATTERN_BYTES_MAX)
                .dfa_size_limit(CUSTOM_PATTERN_BYTES_MAX)
                .build()
                .map_err(|_| Unusable::Pattern)?;
            let name = self.parts.len();
            let own = Map::from_iter([("pattern".to_owned(), Value::String(pattern.clone()))]);
            self.parts.push(Part { own, weight: 1, states, ..Part::default() });
            let value = self.part(schema)?;
            part.matching.push(Matching { regex, states, value, name });
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<Pattern, Unusable> {
        let read = Pattern::read(pattern).ok_or(Unusable::Pattern)?;
        self.patterns += 1;
        self.states = self.states.saturating_add(read.states);
        if self.patterns > SCHEMA_PATTERNS_MAX || self.states > SCHEMA_STATES_MAX {
            return Err(Unusable::Pattern);
        }
        Ok(read)
    }

    fn list(&mut self, value: &'s Value, into: &mut Vec<usize>) -> Result<(), Unusable> {
        for schema in value.as_array().ok_or(Unusable::NoSchema)? {
            into.push(self.part(schema)?);
        }
        Ok(())
    }

    /// What follows the `#` of a reference: nothing, a pointer, or an anchor.
    fn resolve(&mut self, reference: &'s str) -> Result<usize, Unusable> {
        if reference.contains('%') {
            return Err(Unusable::Reference);
        }
        let target = if reference.is_empty() || reference.starts_with('/') {
            self.root.pointer(reference)
        } else {
            self.anchors.get(reference).copied()
        };
        self.part(target.ok_or(Unusable::Reference)?)
    }
}

/// How many values a value holds, itself included.
fn values(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(values).fold(1, u64::saturating_add),
        Value::Object(members) => members.values().map(values).fold(1, u64::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// Keywords that ask something of a string, a number, a boolean or null (JSON Schema 2020-12,
/// Validation, section 6 and 7).
const SCALAR: &[&str] = &[
    "type",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Keywords that judge nothing (section 9).
const ANNOTATIONS: &[&str] = &[
    "$anchor",
    "$dynamicAnchor",
    "$id",
    "$schema",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];
