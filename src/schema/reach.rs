//! Which parts of a schema judge which value of a result, and how much work that is.
//!
//! Goes through the result once and counts how often the validator will look at each value,
//! before the validator looks at any. Guarantees: what a server can make expensive by its schema,
//! its result or both ends here, in less work than it would have cost.

use std::collections::HashMap;
use std::ops::Range;

use super::graph::{Graph, Part};
use crate::json::{Kind, Value};
use crate::limits::{SCHEMA_NESTING_MAX, SCHEMA_STEPS_MAX};

/// A value, or a name, of which bytes are replaced.
#[derive(Debug, Clone)]
pub struct Leaf<'d> {
    /// The value as the server said it; of a renamed member its name.
    pub value: Value<'d>,
    /// Whether it is a member's name.
    pub is_name: bool,
    /// The name of the nearest member that it is, or is in.
    pub key: Option<Value<'d>>,
    /// The parts of the schema that judge it.
    pub(super) parts: Vec<usize>,
}

/// The work is more than one result may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooCostly;

/// How often a part judges a value.
#[derive(Debug, Clone, Copy)]
struct Reached {
    times: u64,
    /// How many parts stand around it.
    nesting: usize,
}

type Applied = HashMap<usize, Reached>;

/// Finds what judges the values in which something is replaced. `replaced` is in order and apart.
pub(super) fn leaves<'d>(
    graph: &Graph,
    root: Value<'d>,
    replaced: &[Range<usize>],
) -> Result<(Vec<Leaf<'d>>, u64), TooCostly> {
    let mut walk = Walk { graph, replaced, steps: 0, leaves: Vec::new() };
    let whole = HashMap::from([(0, Reached { times: 1, nesting: 0 })]);
    walk.value(root, None, &whole)?;
    Ok((walk.leaves, walk.steps))
}

struct Walk<'g, 'd> {
    graph: &'g Graph,
    replaced: &'g [Range<usize>],
    steps: u64,
    leaves: Vec<Leaf<'d>>,
}

impl<'d> Walk<'_, 'd> {
    /// Recursion is bounded by the reader of messages.
    fn value(
        &mut self,
        value: Value<'d>,
        key: Option<Value<'d>>,
        applied: &Applied,
    ) -> Result<(), TooCostly> {
        let judged = self.judged(value, applied)?;
        match value.kind() {
            Kind::Object => self.members(value, &judged),
            Kind::Array => self.items(value, key, &judged),
            Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => {
                self.leaf(value, key, &judged, None);
                Ok(())
            }
        }
    }

    fn leaf(
        &mut self,
        value: Value<'d>,
        key: Option<Value<'d>>,
        judged: &Applied,
        name: Option<Vec<usize>>,
    ) {
        let span = value.span();
        let next = self.replaced.partition_point(|range| range.end <= span.start);
        if self.replaced.get(next).is_some_and(|range| range.start < span.end) {
            let is_name = name.is_some();
            let mut parts: Vec<usize> = judged.keys().copied().collect();
            parts.extend(name.into_iter().flatten());
            parts.sort_unstable();
            self.leaves.push(Leaf { value, is_name, key, parts });
        }
    }

    /// All parts that judge a value, those behind references and in unions among them.
    fn judged(&mut self, value: Value<'d>, applied: &Applied) -> Result<Applied, TooCostly> {
        let mut judged = Applied::with_capacity(applied.len());
        let mut open: Vec<_> = applied.iter().map(|(part, reached)| (*part, *reached)).collect();
        while let Some((at, Reached { times, nesting })) = open.pop() {
            let Some(part) = self.graph.parts.get(at) else { continue };
            if nesting > SCHEMA_NESTING_MAX {
                return Err(TooCostly);
            }
            self.spend(times.saturating_mul(weight(part, value)))?;
            let again = match value.kind() {
                Kind::Object if part.looks_again => len(value.members().count()) + 2,
                Kind::Array if part.looks_again => len(value.items().count()) + 2,
                _ => 1,
            };
            let reached =
                Reached { times: times.saturating_mul(again), nesting: nesting.saturating_add(1) };
            open.extend(part.same.iter().map(|same| (*same, reached)));
            add(&mut judged, at, Reached { times, nesting });
        }
        Ok(judged)
    }

    fn members(&mut self, object: Value<'d>, judged: &Applied) -> Result<(), TooCostly> {
        for (name, value) in object.members() {
            let text = name.as_str().unwrap_or_default();
            let (mut applied, mut of_name) = (Applied::new(), Applied::new());
            let mut matched = Vec::new();
            for (at, reached) in judged {
                let Some(part) = self.graph.parts.get(*at) else { continue };
                let inner =
                    Reached { times: reached.times, nesting: reached.nesting.saturating_add(1) };
                let mut named = part.members.get(text.as_ref()).copied();
                named.into_iter().for_each(|to| add(&mut applied, to, inner));
                for pattern in &part.matching {
                    self.spend(reached.times.saturating_mul(run(pattern.states, text.len())))?;
                    if pattern.regex.is_match(&text) {
                        named = Some(pattern.value);
                        add(&mut applied, pattern.value, inner);
                        matched.push(pattern.name);
                    }
                }
                // Whether other parts saw the member depends on what holds: count it in.
                if named.is_none() || part.looks_again {
                    part.others.iter().for_each(|to| add(&mut applied, *to, inner));
                }
                part.names.into_iter().for_each(|to| add(&mut of_name, to, inner));
            }
            let of_name = self.judged(name, &of_name)?;
            self.leaf(name, Some(name), &of_name, Some(matched));
            self.value(value, Some(name), &applied)?;
        }
        Ok(())
    }

    fn items(
        &mut self,
        array: Value<'d>,
        key: Option<Value<'d>>,
        judged: &Applied,
    ) -> Result<(), TooCostly> {
        for (index, item) in array.items().enumerate() {
            let mut applied = Applied::new();
            for (at, reached) in judged {
                let Some(part) = self.graph.parts.get(*at) else { continue };
                let inner =
                    Reached { times: reached.times, nesting: reached.nesting.saturating_add(1) };
                part.first.get(index).into_iter().for_each(|to| add(&mut applied, *to, inner));
                // `contains` judges the first items as well.
                part.items.iter().for_each(|to| add(&mut applied, *to, inner));
            }
            self.value(item, key, &applied)?;
        }
        Ok(())
    }

    fn spend(&mut self, steps: u64) -> Result<(), TooCostly> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > SCHEMA_STEPS_MAX { Err(TooCostly) } else { Ok(()) }
    }
}

/// What it takes a part to judge one value by its own keywords.
fn weight(part: &Part, value: Value<'_>) -> u64 {
    let length = value.span().len();
    let own = part.weight.saturating_add(1);
    match value.kind() {
        Kind::String => own.saturating_add(run(part.states, length)),
        // Items are hashed to compare them.
        Kind::Array if part.compares_items => own.saturating_add(len(length) / BYTES_A_STEP),
        Kind::Object | Kind::Array | Kind::Number | Kind::True | Kind::False | Kind::Null => own,
    }
}

/// What it takes to run an automaton over a text: at worst every state at every byte.
fn run(states: u64, bytes: usize) -> u64 {
    states.saturating_mul(len(bytes)) / STATES_A_STEP
}

fn add(applied: &mut Applied, part: usize, reached: Reached) {
    let known = applied.entry(part).or_insert(Reached { times: 0, nesting: 0 });
    known.times = known.times.saturating_add(reached.times);
    known.nesting = known.nesting.max(reached.nesting);
}

fn len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A step is about 50 ns: the time of so many bytes hashed, or states entered.
const BYTES_A_STEP: u64 = 16;
const STATES_A_STEP: u64 = 16;
