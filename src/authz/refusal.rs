//! How a refusal reads: challenges that name what would help, and denials that tell what their
//! policy lets them tell.

use std::sync::Arc;

use super::{Asking, Authorizer, CHALLENGE_SCOPE_BYTES_MAX, Grant, Query};
use crate::policy::text::Denial;
use crate::policy::verdict::Why;
use crate::principal::{AuthMethod, Confirmation, Principal};
use crate::reject::{Challenge, Code, Rejection, Scheme};

impl Authorizer {
    /// RFC 9470 section 3. Who has no token cannot sign in again.
    pub(super) fn stale(&self, query: &Query<'_>, max_age_s: u64) -> Rejection {
        let story = format!("{} needs a sign-in of at most {max_age_s} s ago", query.action.name());
        match query.principal.method {
            AuthMethod::Bearer => {
                refused(Code::AuthenticationStale, story, STALE).with_challenge(Challenge {
                    error: Some("insufficient_user_authentication"),
                    max_age_s: Some(max_age_s),
                    ..self.challenge(query.principal)
                })
            }
            AuthMethod::Anonymous | AuthMethod::Certificate | AuthMethod::ApiKey => {
                refused(Code::Denied, story, STALE)
            }
        }
    }

    fn challenge(&self, principal: &Principal) -> Challenge {
        Challenge {
            schemes: self.schemes.clone(),
            used: match principal.confirmation {
                Some(Confirmation { dpop_key: Some(_), .. }) => Scheme::Dpop,
                Some(Confirmation { dpop_key: None, .. }) | None => Scheme::Bearer,
            },
            resource_metadata: self.metadata_url.clone(),
            ..Challenge::default()
        }
    }

    /// The `insufficient_scope` challenge of RFC 6750 section 3.1. A caller whose identity came
    /// from something that carries no scopes cannot get any and is denied plainly.
    pub(super) fn step_up(
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
                    error: Some("insufficient_scope"),
                    scope: Some(match asking {
                        Asking::Unites => all.join(" "),
                        Asking::Repeats => self.required_and_held(query.principal, all),
                    }),
                    ..self.challenge(query.principal)
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
pub(super) fn both(
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

/// A denial by policy. What the caller reads is what the policy lets them read.
pub(super) fn forbidden(
    query: &Query<'_>,
    why: &Why,
    denial: Option<Denial>,
    reason: Option<&Arc<str>>,
) -> Rejection {
    let story = match why {
        Why::NoPermit | Why::Forbidden => format!("{}: {}", query.action.name(), why.name()),
        Why::Failed(what) | Why::Undecidable(what) => {
            format!("{}: {}: {what}", query.action.name(), why.name())
        }
    };
    match denial {
        Some(Denial::Hidden) => refused(Code::NameUnknown, story, why.name()),
        Some(Denial::Honest) | None => {
            let mut rejection = refused(Code::Denied, story, why.name());
            rejection.data =
                reason.map(|reason| Box::new(serde_json::json!({ "reason": **reason })));
            rejection
        }
    }
}

pub(super) fn refused(code: Code, story: String, reason: &'static str) -> Rejection {
    let mut rejection = Rejection::new(code, story);
    rejection.reason = Some(reason);
    rejection
}

const SCOPE_MISSING: &str = "scope_missing";
const STALE: &str = "authentication_stale";
