//! What callers see of answers.

use crate::call::Action;
use crate::view::{Places, Projection};

/// What of the answers to some calls some callers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Which calls.
    pub of: ViewOf,
    /// Roles of callers of which one is needed; empty asks for none.
    pub roles: Vec<Box<str>>,
    /// Fields that pass; `None` for all.
    pub projection: Option<Projection>,
    /// How the answer holds namespaces.
    pub namespaces: Option<ViewNamespaces>,
    /// Where the data stands; `None` for the whole answer.
    pub at: Option<Places>,
    /// Fields that pass beside it.
    pub beside: Option<Projection>,
}

/// Which calls a view is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewOf {
    /// Calls of tools, by glob.
    Tool(Box<str>),
    /// Requests of a REST server.
    Action(Action),
}

/// How an answer holds namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewNamespaces {
    /// JSON pointer into the arguments of a tool to what is wanted.
    pub wanted: Option<Box<str>>,
    /// The member of a record that names its namespace.
    pub member: Box<str>,
}
