//! Answers, cut down to what their caller may see.
//!
//! Owns two cuts, which can be used together: a [`Projection`] says which fields may pass, and
//! [`Namespaces`] say which parts of a context. A [`View`] is one cut, or both, and the places of
//! an answer at which they begin. Pure: a parsed answer in, edits of its bytes out.
//!
//! Assumes an answer that [`crate::json`] parsed. Guarantees:
//!
//! - What no cut names does not leave: unknown members, all that stands beside the places, and
//!   whatever has another shape than the one that was named.
//! - Every copy in the result of a tool is cut alike: `structuredContent`, JSON in text blocks and
//!   in embedded resources. What cannot be told apart (plain text, images, links) does not leave.
//! - What stays does not change by one byte, also within a text that holds JSON.
//! - The edits are in order and apart, and valid JSON stays valid JSON.
//! - Time is linear in the answer. The depth of recursion is that of the reader.
//!
//! A copy that lays the same data out in another way than the cuts expect is left with empty
//! containers, so that what names fields for one copy can never open another one.

mod error;
mod namespace;
mod pattern;
mod place;
mod projection;
mod result;
mod sift;
mod walk;

#[cfg(test)]
mod tests;

use crate::json::Edit;
use crate::json::Value;

pub use error::{Fault, ViewError};
pub use namespace::{Namespaces, Verdict, Wanted, is_namespace};
pub use place::Places;
pub use projection::Projection;

/// What one caller may see of one answer.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    projection: Option<&'v Projection>,
    namespaces: Option<Namespaces<'v>>,
    places: Option<&'v Places>,
    beside: Option<&'v Projection>,
}

impl<'v> View<'v> {
    /// Lets the fields pass that the projection names.
    #[must_use]
    pub fn of_projection(projection: &'v Projection) -> Self {
        Self { projection: Some(projection), namespaces: None, places: None, beside: None }
    }

    /// Lets the namespaces pass that are allowed.
    #[must_use]
    pub fn of_namespaces(namespaces: Namespaces<'v>) -> Self {
        Self { projection: None, namespaces: Some(namespaces), places: None, beside: None }
    }

    /// Lets pass what both let pass.
    #[must_use]
    pub fn of_both(projection: &'v Projection, namespaces: Namespaces<'v>) -> Self {
        Self { namespaces: Some(namespaces), ..Self::of_projection(projection) }
    }

    /// Begins the cuts at these places of each copy instead of at its root. Patterns and
    /// namespaces then count from there; what stands beside the places is dropped, and the
    /// containers on the way to them stay.
    #[must_use]
    pub fn at(self, places: &'v Places) -> Self {
        Self { places: Some(places), ..self }
    }

    /// Lets something pass beside the places: its patterns count from the root of each copy and
    /// have no say at the places or below them. Without [`View::at`] nothing is beside.
    #[must_use]
    pub fn beside(self, projection: &'v Projection) -> Self {
        Self { beside: Some(projection), ..self }
    }

    /// What to remove from a REST answer. A root that is neither object nor array is no data that
    /// could be told apart: `null` stands in its place.
    #[must_use]
    pub fn cut_rest(&self, root: Value<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        if !self.pass(self.root(root), root, &mut edits) {
            edits.push(Edit { span: root.span(), with: b"null".into() });
        }
        edits
    }

    /// What to remove from the result of `tools/call` (the member of the answer): see
    /// [`View::cut_rest`], for each copy of the data in it.
    ///
    /// The caller makes `cacheScope` private, as for every answer that depends on who asks, and
    /// uses this for complete results: a result that asks back loses `requestState` and
    /// `inputRequests` like all that holds no data of the tool.
    ///
    /// # Errors
    /// [`ViewError::Unreadable`] when the result is no object; it must not leave.
    pub fn cut_result(&self, result: Value<'_>) -> Result<Vec<Edit>, ViewError> {
        result::cut(self, result)
    }
}
