//! May they: decides every call, and what of an answer its caller may see.
//!
//! Owns the witness [`Permitted`] and the [`Authorizer`] of a route. Assumes a verified principal
//! and one unambiguous [`crate::call::Call`]. Guarantees default deny (S-33), one decision for using a thing and for
//! showing it in a list (S-30), and that a shortfall of scopes is answered with all of them at
//! once. How a decision is reached is the business of an [`Engine`].

mod decision;
mod engine;
mod rules;
mod scopes;

#[cfg(test)]
mod tests;

pub use crate::limits::CHALLENGE_SCOPE_BYTES_MAX;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

pub use crate::call::Name;
pub use decision::{Decision, Reason};
pub use engine::{Engine, Origin, Query};
pub use rules::Rules;

use crate::authn::metadata::schemes;
use crate::call::{Action, Resource};
use crate::class::{Class, ClassSet};
use crate::clock::Clock;
use crate::config::{Redact, Server};
use crate::decode::Decoded;
use crate::exchange::Exchange;
use crate::hygiene::metadata_url;
use crate::principal::{AuthMethod, Confirmation, Principal};
use crate::reject::{Challenge, Code, Rejection, Scheme, Schemes};

/// Proof that the caller may make this call.
#[derive(Debug)]
pub struct Permitted {
    base: Decoded,
    grant: Grant,
}

/// What was allowed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The rule that allowed the call, in the configuration's words; `None` where the action's
    /// scopes alone decided.
    pub rule: Option<Arc<str>>,
    /// Classes whose values this caller may see as they are.
    pub reveal: ClassSet,
}

impl Permitted {
    /// What was allowed, and why.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

impl Deref for Permitted {
    type Target = Decoded;

    fn deref(&self) -> &Decoded {
        &self.base
    }
}

/// What a client makes of the `scope` of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// Adds it to what it has (MCP 2026-07-28, authorization, "Scope Selection Strategy"). The
    /// challenge names all scopes of the operation and no others.
    Unites,
    /// Asks for exactly that and loses what it had (MCP 2025-11-25 and before, and callers of REST
    /// routes, for whom no text says anything). The challenge repeats what is held.
    Repeats,
}

/// Decides for one route.
#[derive(Debug)]
pub struct Authorizer {
    engine: Box<dyn Engine>,
    clock: Clock,
    /// Classes that this route looks for.
    classes: Vec<Class>,
    /// Scopes that mean something on this route.
    known: HashSet<Box<str>>,
    /// What a challenge points to.
    metadata_url: Option<String>,
    /// How a token may be sent.
    schemes: Schemes,
}

impl Authorizer {
    /// The authorizer of a route, over its declarative rules.
    #[must_use]
    pub fn new(server: &Server, clock: &Clock) -> Self {
        let rules = Rules::new(&server.access, &server.redact);
        let known = rules.scopes().map(Box::from).collect();
        Self {
            engine: Box::new(rules),
            clock: clock.clone(),
            classes: classes(&server.redact),
            known,
            metadata_url: server.auth.issuers().map(|_| metadata_url(server)),
            schemes: schemes(server),
        }
    }

    /// Decides the call of an exchange.
    ///
    /// # Errors
    /// [`Code::ScopeInsufficient`] with its challenge, or [`Code::Denied`]: the same for names that
    /// are forbidden and names that do not exist.
    pub fn authorize(&self, ex: Exchange<Decoded>) -> Result<Exchange<Permitted>, Rejection> {
        let call = ex.call();
        let query = Query {
            principal: ex.principal(),
            action: call.action,
            resource: Name::from(&call.resource),
            arguments: call.json_arguments(),
            origin: Some(Origin { client: ex.client_ip(), peer: ex.peer() }),
            now_s: self.clock.unix_s(),
        };
        let asking = if ex.is_modern() { Asking::Unites } else { Asking::Repeats };
        let mut grant = self.judge(&query, asking);
        for (action, resource) in &call.also {
            let more = Query { action: *action, resource: Name::from(resource), ..query };
            grant = both(grant, self.judge(&more, asking));
        }
        let grant = grant?;
        Ok(ex.advance(|base| Permitted { base, grant }))
    }

    /// Whether a list shows `name` to this caller: exactly whether `action`, the one that uses such
    /// a thing, is allowed on it (S-30). `false` for actions that use no single thing.
    #[must_use]
    pub fn visible(&self, principal: &Principal, action: Action, name: &str) -> bool {
        Name::of(action, name).is_some_and(|resource| self.ask(principal, action, resource))
    }

    /// Whether the caller may still do what an open stream was allowed for.
    #[must_use]
    pub fn allows(&self, principal: &Principal, action: Action, resource: &Resource) -> bool {
        self.ask(principal, action, Name::from(resource))
    }

    fn ask(&self, principal: &Principal, action: Action, resource: Name<'_>) -> bool {
        let now_s = self.clock.unix_s();
        let query = Query { principal, action, resource, arguments: None, origin: None, now_s };
        self.engine.decide(&query).is_allow()
    }

    fn judge(&self, query: &Query<'_>, asking: Asking) -> Result<Grant, Rejection> {
        match self.engine.decide(query) {
            Decision::Allow { rule } => Ok(Grant { rule, reveal: self.reveal(query.principal) }),
            Decision::NeedScopes { missing, all } => {
                Err(self.step_up(query, &missing, &all, asking))
            }
            Decision::Deny { reason } => {
                let story = format!("{}: {}", query.action.name(), reason.name());
                Err(refused(Code::Denied, story, reason.name()))
            }
        }
    }

    fn reveal(&self, principal: &Principal) -> ClassSet {
        let may = |class: &Class| self.engine.reveals(principal, *class);
        self.classes.iter().copied().filter(may).collect()
    }

    /// The `insufficient_scope` challenge of RFC 6750 section 3.1. A caller whose identity came
    /// from something that carries no scopes cannot get any and is denied plainly.
    fn step_up(
        &self,
        query: &Query<'_>,
        missing: &[Box<str>],
        all: &[Box<str>],
        asking: Asking,
    ) -> Rejection {
        let story = format!("{} lacks scopes `{}`", query.action.name(), missing.join(" "));
        match query.principal.method {
            AuthMethod::Bearer | AuthMethod::ApiKey => {
                refused(Code::ScopeInsufficient, story, SCOPE_MISSING).with_challenge(Challenge {
                    schemes: self.schemes.clone(),
                    used: match query.principal.confirmation {
                        Some(Confirmation { dpop_key: Some(_), .. }) => Scheme::Dpop,
                        Some(Confirmation { dpop_key: None, .. }) | None => Scheme::Bearer,
                    },
                    error: Some("insufficient_scope"),
                    scope: Some(match asking {
                        Asking::Unites => all.join(" "),
                        Asking::Repeats => self.required_and_held(query.principal, all),
                    }),
                    resource_metadata: self.metadata_url.clone(),
                    nonce: None,
                })
            }
            AuthMethod::Anonymous | AuthMethod::Certificate => {
                refused(Code::Denied, story, SCOPE_MISSING)
            }
        }
    }

    /// All scopes that the operation needs, then those of the caller's that mean something here.
    fn required_and_held(&self, principal: &Principal, all: &[Box<str>]) -> String {
        let mut scope = all.join(" ");
        let held = principal.scopes.iter().filter(|held| self.known.contains(*held));
        for held in held.filter(|held| !all.iter().any(|needed| **needed == **held)) {
            if scope.len() + 1 + held.len() > CHALLENGE_SCOPE_BYTES_MAX {
                break;
            }
            scope.push(' ');
            scope.push_str(held);
        }
        scope
    }
}

/// The outcome of one message that asks for two things: one refusal refuses both, and a shortfall
/// of scopes names those of both, so that a client asks its user only once.
fn both(
    one: Result<Grant, Rejection>,
    other: Result<Grant, Rejection>,
) -> Result<Grant, Rejection> {
    match (one, other) {
        (Ok(grant), Ok(_)) => Ok(grant),
        (Ok(_), Err(refusal)) | (Err(refusal), Ok(_)) => Err(refusal),
        (Err(one), Err(other)) => match (one.challenge.clone(), other.challenge.clone()) {
            (Some(mut challenge), Some(more)) => {
                let have = challenge.scope.unwrap_or_default();
                let mut scopes: Vec<&str> = have.split(' ').collect();
                let more = more.scope.unwrap_or_default();
                for scope in more.split(' ') {
                    if !scopes.contains(&scope) {
                        scopes.push(scope);
                    }
                }
                challenge.scope = Some(scopes.join(" "));
                Err(one.with_challenge(challenge))
            }
            // What no scope can mend is the answer.
            (Some(_), None) => Err(other),
            (None, _) => Err(one),
        },
    }
}

fn refused(code: Code, story: String, reason: &'static str) -> Rejection {
    let mut rejection = Rejection::new(code, story);
    rejection.reason = Some(reason);
    rejection
}

/// Everything that a route looks for, its own patterns included.
fn classes(redact: &Redact) -> Vec<Class> {
    let own = (0..=u8::MAX).zip(&redact.custom).map(|(number, _)| Class::Custom(number));
    let mut classes: Vec<Class> = redact.forms.iter().map(|(class, _)| *class).chain(own).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

const SCOPE_MISSING: &str = "scope_missing";
