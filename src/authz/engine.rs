//! The seam behind which rules stand.
//!
//! Owns [`Engine`] and the question that it is asked: may this call be made, and may this caller
//! see that class of data. The declarative rules of [`super::rules`] are the engine of every route;
//! policies, which see arguments and circumstances, stand beside it (see [`super::governed`]).

use std::fmt;

use super::{Decision, Says};
use crate::call::{Action, Name};
use crate::class::ClassSet;
use crate::principal::Principal;

/// Scopes that are missing, and all that are needed.
pub type Lack = (Vec<Box<str>>, Vec<Box<str>>);

/// Decides. Pure: the same question has the same answer for the lifetime of the engine, which is
/// that of one configuration. Errors inside are [`Decision::Deny`] and `false`, never a panic.
pub trait Engine: fmt::Debug + Send + Sync {
    /// May this be done?
    fn decide(&self, query: &Query<'_>) -> Decision;

    /// The scopes that an action itself needs and the caller lacks, and all that it needs; `None`
    /// where none is lacking.
    fn lacking(&self, action: Action, principal: &Principal) -> Option<Lack>;

    /// What is said of a namespace by its own name, the scopes of actions apart.
    fn says(&self, principal: &Principal, namespace: &str) -> Says;

    /// Classes whose values this caller may see as they are.
    fn reveal(&self, principal: &Principal) -> ClassSet;
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for.
    pub action: Action,
    /// On what.
    pub resource: Name<'a>,
    /// When, in seconds since the Unix epoch.
    pub now_s: u64,
}
