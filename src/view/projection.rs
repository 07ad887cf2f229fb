//! Which fields of an answer may pass.

use std::collections::{BTreeSet, HashMap};

use crate::limits::{PROJECTION_PATTERNS_MAX, PROJECTION_STEPS_MAX};

use super::error::{ViewError, shown};
use super::pattern::Tree;

/// Compiled patterns. A value may pass that at least one of them names.
///
/// - `/customer/name` names one value **and everything below it**, as in a field mask:
///   `/customer/address` keeps the whole address.
/// - `*` is any member of an object or any item of an array: `/orders/*/total`. A number is one
///   item of an array: `/orders/0`.
/// - `/summary/**` and `/summary/*` name all that is below `summary`, whatever it is called; a
///   `summary` that is no object or array is not named by them.
/// - Braces hold alternatives, which may be paths and hold braces: `/orders/*/{id,items/*/sku}`,
///   `/{billing,shipping}/city`.
/// - `~1` is a slash in a name, `~0` a tilde (RFC 6901). A name with `*`, `,` or braces in it
///   cannot be written; `*` is the way to it.
///
/// Objects and arrays on the way to what is named stay, however little of them is left; what
/// stands in the place of one and is none is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The first one is the root. None is reached in two ways that differ in what they allow, so
    /// that each name is looked up once.
    nodes: Vec<Node>,
    items_max: Option<usize>,
}

impl Projection {
    /// Compiles patterns.
    ///
    /// # Errors
    /// [`ViewError::Pattern`] with the offending one, and [`ViewError::Empty`],
    /// [`ViewError::TooMany`] or [`ViewError::Together`] for the list.
    pub fn parse(patterns: &[String]) -> Result<Self, ViewError> {
        if patterns.is_empty() {
            return Err(ViewError::Empty);
        }
        if patterns.len() > PROJECTION_PATTERNS_MAX {
            return Err(ViewError::TooMany);
        }
        let mut tree = Tree::new();
        for pattern in patterns {
            tree.add(pattern).map_err(|(at, fault)| ViewError::Pattern {
                pattern: shown(pattern),
                at,
                fault,
            })?;
        }
        Ok(Self { nodes: Compiler::new(&tree).run()?, items_max: None })
    }

    /// Cuts every array that passes to its first items: the first of those that may pass.
    #[must_use]
    pub fn with_items_max(self, items_max: usize) -> Self {
        Self { items_max: Some(items_max), ..self }
    }

    /// What may pass of a root.
    pub(super) fn root(&self) -> Step<'_> {
        self.step(Next::Node(0))
    }

    fn step(&self, next: Next) -> Step<'_> {
        match next {
            Next::Whole => Step::Whole { items_max: self.items_max },
            Next::Node(node) => Step::Part { projection: self, node },
        }
    }
}

/// What may pass of a value that is reached.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'p> {
    /// All of it, but for arrays that are too long.
    Whole { items_max: Option<usize> },
    /// Some of what is below it.
    Part { projection: &'p Projection, node: usize },
}

impl<'p> Step<'p> {
    /// For a view that has no projection.
    pub(super) const ALL: Step<'static> = Step::Whole { items_max: None };

    /// What may pass of a member.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        match self {
            Self::Whole { .. } => Some(self),
            Self::Part { projection, node } => {
                let node = projection.nodes.get(node)?;
                let next = node.members.get(name).copied().or(node.any)?;
                Some(projection.step(next))
            }
        }
    }

    /// What may pass of an item.
    pub(super) fn item(self, index: usize) -> Option<Self> {
        match self {
            Self::Whole { .. } => Some(self),
            Self::Part { projection, node } => {
                let node = projection.nodes.get(node)?;
                // Most arrays are named by a star: no index has to be written for those.
                let named = (!node.members.is_empty()).then(|| index.to_string());
                let named = named.and_then(|name| node.members.get(name.as_str()).copied());
                Some(projection.step(named.or(node.any)?))
            }
        }
    }

    pub(super) fn items_max(self) -> Option<usize> {
        match self {
            Self::Whole { items_max } => items_max,
            Self::Part { projection, .. } => projection.items_max,
        }
    }
}

/// Some patterns lead to this place and further.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    members: HashMap<Box<str>, Next>,
    /// For every other name.
    any: Option<Next>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Whole,
    Node(usize),
}

/// Joins what several patterns say of one place: under `/*/id` and `/a/name`, `a` has both.
struct Compiler<'t> {
    tree: &'t Tree,
    /// The places of the tree that a node stands for.
    nodes: Vec<Box<[usize]>>,
    known: HashMap<Box<[usize]>, usize>,
    steps: usize,
}

impl<'t> Compiler<'t> {
    fn new(tree: &'t Tree) -> Self {
        let root: Box<[usize]> = Box::new([0]);
        Self { tree, nodes: vec![root.clone()], known: HashMap::from([(root, 0)]), steps: 0 }
    }

    fn run(mut self) -> Result<Vec<Node>, ViewError> {
        let mut done = Vec::new();
        while let Some(places) = self.nodes.get(done.len()).cloned() {
            let drafts = || places.iter().filter_map(|at| self.tree.draft(*at));
            let any: Vec<usize> = drafts().filter_map(|draft| draft.any).collect();
            let names: BTreeSet<&str> =
                drafts().flat_map(|draft| draft.members.keys()).map(|name| &**name).collect();
            let named: Vec<(Box<str>, Vec<usize>)> = names
                .into_iter()
                .map(|name| {
                    let own = drafts().filter_map(|draft| draft.members.get(name).copied());
                    (name.into(), own.chain(any.iter().copied()).collect())
                })
                .collect();
            let any = if any.is_empty() { None } else { Some(self.next(any)?) };
            let mut members = HashMap::with_capacity(named.len());
            for (name, places) in named {
                members.insert(name, self.next(places)?);
            }
            done.push(Node { members, any });
        }
        Ok(done)
    }

    /// The node that stands for all of these places.
    fn next(&mut self, mut places: Vec<usize>) -> Result<Next, ViewError> {
        self.steps += places.len();
        if self.steps > PROJECTION_STEPS_MAX {
            return Err(ViewError::Together);
        }
        if places.iter().any(|at| self.tree.draft(*at).is_some_and(|draft| draft.whole)) {
            return Ok(Next::Whole);
        }
        places.sort_unstable();
        places.dedup();
        let places = places.into_boxed_slice();
        let fresh = self.nodes.len();
        let at = *self.known.entry(places.clone()).or_insert(fresh);
        if at == fresh {
            self.nodes.push(places);
        }
        Ok(Next::Node(at))
    }
}
