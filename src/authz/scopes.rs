//! Which scopes an action needs.
//!
//! Owns the table action → scopes: the configuration's where it names the action, else the
//! action's default. Scopes are compared byte for byte (RFC 6749 section 3.3) and needed
//! whatever proved the identity: only tokens and API keys carry any, so a route without both
//! must say by name which actions need none.

use crate::call::Action;
use crate::config::Access;
use crate::principal::Scopes;

/// Scopes by action.
#[derive(Debug)]
pub struct ActionScopes([Vec<Box<str>>; Action::ALL.len()]);

impl ActionScopes {
    /// The table of a route. An action that is named twice needs the scopes of both.
    #[must_use]
    pub fn new(access: &Access) -> Self {
        Self(Action::ALL.map(|action| {
            let mut named = access.scopes.iter().filter(|(a, _)| *a == action).peekable();
            if named.peek().is_none() {
                return action.default_scope().map(Box::from).into_iter().collect();
            }
            let mut needed = Vec::new();
            named.for_each(|(_, scopes)| add(&mut needed, scopes));
            needed
        }))
    }

    /// What the action needs.
    #[must_use]
    pub fn of(&self, action: Action) -> Option<&[Box<str>]> {
        Action::ALL
            .iter()
            .position(|a| *a == action)
            .and_then(|at| self.0.get(at))
            .map(Vec::as_slice)
    }

    /// Every scope of the table.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(AsRef::as_ref)
    }
}

/// Adds scopes that are not there yet, in order.
pub fn add(to: &mut Vec<Box<str>>, scopes: &[Box<str>]) {
    for scope in scopes {
        if !to.contains(scope) {
            to.push(scope.clone());
        }
    }
}

/// Whether all of them were granted.
#[must_use]
pub fn are_granted(scopes: &[Box<str>], granted: &Scopes) -> bool {
    scopes.iter().all(|scope| granted.contains(scope))
}
