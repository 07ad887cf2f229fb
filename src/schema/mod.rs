//! Output schemas of tools: whether a result fits one, and what a value in it may be.
//!
//! Owns what JSON Schema means here. Pure. Assumes nothing about a schema but its size: servers
//! write them. Guarantees: a schema that could stall or fill the gateway is not read, and a result
//! whose check would is not checked ([`TooCostly`]); nothing is fetched; patterns run in linear
//! time; formats are asserted, as the validators of the MCP SDKs do.

mod graph;
mod reach;
mod sample;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::OnceLock;

use jsonschema::{PatternOptions, ValidationOptions, Validator};
use serde_json::{Map, Value};

pub use reach::{Leaf, TooCostly};
pub use sample::Length;

use crate::json;
use crate::limits::CUSTOM_PATTERN_BYTES_MAX;
use graph::Graph;
use sample::Pattern;

/// Why a schema cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no JSON.
    #[error("it is not JSON")]
    Json,
    /// A keyword holds what it cannot hold.
    #[error("it is no schema")]
    NoSchema,
    /// It refers to another document, or by a reference that depends on the way to it.
    #[error("it refers to what is not in it")]
    Reference,
    /// Its parts judge one value in too many ways, or without an end.
    #[error("its parts refer to each other too often")]
    Expansive,
    /// A pattern has no automaton, or too large a one.
    #[error("a pattern in it is too large, or looks around itself")]
    Pattern,
    /// The validator does not take it.
    #[error("it is not valid")]
    Invalid,
}

/// A schema, ready to check with.
#[derive(Debug)]
pub struct Schema {
    graph: Graph,
    whole: Validator,
    /// The own keywords of each part, made when first needed.
    own: Vec<OnceLock<Option<Validator>>>,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn read(text: &[u8]) -> Result<Self, Unusable> {
        let root: Value = serde_json::from_slice(text).map_err(|_| Unusable::Json)?;
        let graph = graph::read(&root)?;
        let whole = options().build(&root).map_err(|_| Unusable::Invalid)?;
        let own = graph.parts.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { graph, whole, own })
    }

    /// The values and names in which something is replaced, each with what judges it, and the
    /// steps that a check takes.
    ///
    /// # Errors
    /// [`TooCostly`], and then [`Schema::accepts`] must not be asked about this result.
    pub fn leaves<'d>(
        &self,
        result: json::Value<'d>,
        replaced: &[Range<usize>],
    ) -> Result<(Vec<Leaf<'d>>, u64), TooCostly> {
        reach::leaves(&self.graph, result, replaced)
    }

    /// Whether a result fits.
    #[must_use]
    pub fn accepts(&self, result: &Value) -> bool {
        self.whole.is_valid(result)
    }

    /// What the schema says of a leaf, part by part.
    pub fn asks<'s>(&'s self, leaf: &'s Leaf<'_>) -> impl Iterator<Item = Asks<'s>> {
        leaf.parts.iter().filter_map(|at| {
            let own = &self.graph.parts.get(*at)?.own;
            (!own.is_empty()).then_some(Asks { schema: self, at: *at, own })
        })
    }
}

/// What one part of a schema asks of a value.
#[derive(Debug, Clone, Copy)]
pub struct Asks<'s> {
    schema: &'s Schema,
    at: usize,
    own: &'s Map<String, Value>,
}

impl<'s> Asks<'s> {
    /// Whether a value is what it asks for.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        let own = self.schema.own.get(self.at).and_then(|slot| {
            slot.get_or_init(|| options().build(&Value::Object(self.own.clone())).ok()).as_ref()
        });
        own.is_none_or(|own| own.is_valid(value))
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Option<&'s str> {
        self.own.get("format")?.as_str()
    }

    /// The values that are allowed, where they are named.
    pub fn named(&self) -> impl Iterator<Item = &'s Value> + use<'s> {
        let values = self.own.get("enum").and_then(Value::as_array);
        values.into_iter().flatten().chain(self.own.get("const"))
    }

    /// A bound or step of numbers.
    #[must_use]
    pub fn number(&self, keyword: &str) -> Option<f64> {
        self.own.get(keyword)?.as_f64()
    }

    /// The length of strings.
    #[must_use]
    pub fn length(&self) -> Length {
        let bound = |keyword: &str| {
            // Lengths are written as `7.0` too.
            let bound = self.own.get(keyword)?.as_f64()?;
            Some(format!("{bound:.0}").parse().unwrap_or(usize::MAX))
        };
        let any = Length::default();
        Length {
            min: bound("minLength").unwrap_or(any.min),
            max: bound("maxLength").unwrap_or(any.max),
        }
    }

    /// A text that the pattern matches.
    #[must_use]
    pub fn sample(&self, length: Length, variation: u32) -> Option<String> {
        let pattern = self.own.get("pattern")?.as_str()?;
        Pattern::read(pattern)?.sample(length, variation)
    }
}

/// How schemas are read where they do not say it themselves: as of 2020-12 (MCP 2025-11-25,
/// "JSON Schema Usage").
fn options() -> ValidationOptions<'static> {
    let patterns = PatternOptions::regex()
        .size_limit(CUSTOM_PATTERN_BYTES_MAX)
        .dfa_size_limit(CUSTOM_PATTERN_BYTES_MAX);
    jsonschema::options()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(patterns)
        // A text that says which patterns to compile is nothing to compile here.
        .with_format("regex", |_: &str| true)
        .offline()
}
