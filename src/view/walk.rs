//! The way through one copy of the data: what may pass of each value, and what goes.

use crate::json::Edit;
use crate::json::{Kind, Value};

use super::namespace::Verdict;
use super::projection::{Projection, Step};
use super::{View, sift};

/// What may pass of a value.
pub(super) enum Spot<'v> {
    /// It is on the way to places, with so much of the way left; other things may pass beside.
    Way { to: Vec<&'v [Box<str>]>, beside: Option<Step<'v>> },
    /// The cuts speak of it, or what may pass beside.
    Data { step: Step<'v>, spaces: Spaces },
}

/// What namespaces say of a value.
pub(super) enum Spaces {
    /// Nothing (any more).
    Free,
    /// It is an object whose members are namespaces, below this one.
    Tree(String),
    /// It is an array of records.
    Records,
}

impl<'v> View<'v> {
    /// What may pass of the root of a copy.
    pub(super) fn root(&self, root: Value<'_>) -> Option<Spot<'v>> {
        match self.places {
            None => self.target(root),
            Some(places) => {
                self.way(places.paths().collect(), self.beside.map(Projection::root), root)
            }
        }
    }

    /// Adds the edits below a value, if anything of it may pass.
    pub(super) fn pass(
        &self,
        spot: Option<Spot<'v>>,
        value: Value<'_>,
        edits: &mut Vec<Edit>,
    ) -> bool {
        let Some(spot) = spot else { return false };
        if spot.is_free() {
            return true;
        }
        match value.kind() {
            Kind::Object => sift::members(value, edits, |name, member, edits| {
                self.pass(self.member(&spot, name, member), member, edits)
            }),
            Kind::Array => {
                let mut room = spot.items_max();
                let mut index = 0;
                sift::items(value, edits, |item, edits| {
                    let next = if room == 0 { None } else { self.item(&spot, index, item) };
                    index += 1;
                    let kept = self.pass(next, item, edits);
                    room -= usize::from(kept);
                    kept
                });
            }
            Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => {}
        }
        true
    }

    fn member(&self, of: &Spot<'v>, name: &str, value: Value<'_>) -> Option<Spot<'v>> {
        match of {
            Spot::Way { to, beside } => self.onward(to, *beside, name, value),
            Spot::Data { step, spaces } => {
                let spaces = match spaces {
                    Spaces::Free => Spaces::Free,
                    Spaces::Tree(outer) => match self.namespaces?.below(outer, name) {
                        (Verdict::Whole, _) => Spaces::Free,
                        (Verdict::Each, _) if value.kind() != Kind::Object => Spaces::Free,
                        (Verdict::Each | Verdict::Descend, full) => Spaces::Tree(full),
                        (Verdict::Nothing, _) => return None,
                    },
                    Spaces::Records => return None,
                };
                data(step.member(name)?, spaces, value)
            }
        }
    }

    fn item(&self, of: &Spot<'v>, index: usize, value: Value<'_>) -> Option<Spot<'v>> {
        match of {
            Spot::Way { to, beside } => self.onward(to, *beside, &index.to_string(), value),
            Spot::Data { step, spaces } => {
                let may_pass = match spaces {
                    Spaces::Free => true,
                    Spaces::Records => self.namespaces?.record(value) == Verdict::Whole,
                    Spaces::Tree(_) => false,
                };
                data(step.item(index).filter(|_| may_pass)?, Spaces::Free, value)
            }
        }
    }

    /// One step on the way to places.
    fn onward(
        &self,
        to: &[&'v [Box<str>]],
        beside: Option<Step<'v>>,
        name: &str,
        value: Value<'_>,
    ) -> Option<Spot<'v>> {
        let ways = to.iter().filter_map(|way| way.split_first());
        let left = ways.filter(|(first, _)| ***first == *name).map(|(_, left)| left).collect();
        self.way(left, beside.and_then(|step| step.member(name)), value)
    }

    fn way(
        &self,
        to: Vec<&'v [Box<str>]>,
        beside: Option<Step<'v>>,
        value: Value<'_>,
    ) -> Option<Spot<'v>> {
        if to.iter().any(|left| left.is_empty()) {
            return self.target(value);
        }
        if to.is_empty() || !is_container(value) {
            return data(beside?, Spaces::Free, value);
        }
        Some(Spot::Way { to, beside })
    }

    /// What may pass of the value at a place.
    fn target(&self, value: Value<'_>) -> Option<Spot<'v>> {
        let spaces = match self.namespaces {
            None => Spaces::Free,
            Some(_) if value.kind() == Kind::Array => Spaces::Records,
            Some(_) => Spaces::Tree(String::new()),
        };
        data(self.projection.map_or(Step::ALL, Projection::root), spaces, value)
    }
}

/// A value may pass in part only where it has parts of the kind that is spoken of.
fn data<'v>(step: Step<'v>, spaces: Spaces, value: Value<'_>) -> Option<Spot<'v>> {
    let fits = match value.kind() {
        Kind::Object => matches!(spaces, Spaces::Free | Spaces::Tree(_)),
        Kind::Array => matches!(spaces, Spaces::Free | Spaces::Records),
        Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => {
            matches!((&step, &spaces), (Step::Whole { .. }, Spaces::Free))
        }
    };
    fits.then_some(Spot::Data { step, spaces })
}

pub(super) fn is_container(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Object | Kind::Array => true,
        Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => false,
    }
}

impl Spot<'_> {
    /// Whether all of the value passes as it is.
    fn is_free(&self) -> bool {
        matches!(self, Self::Data { step: Step::Whole { items_max: None }, spaces: Spaces::Free })
    }

    /// How many items of an array pass at most. An array on the way to a place is not cut: the
    /// place may stand behind.
    fn items_max(&self) -> usize {
        match self {
            Self::Way { .. } => usize::MAX,
            Self::Data { step, .. } => step.items_max().unwrap_or(usize::MAX),
        }
    }
}
