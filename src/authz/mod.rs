//! May they: decides every call, and what of an answer its caller may see.
//!
//! Owns the witness [`Permitted`] and the [`Authorizer`] of a route. Assumes a verified principal
//! and one unambiguous [`crate::call::Call`]. Guarantees default deny (S-33), one decision for using a thing and for
//! showing it in a list (S-30), and that a shortfall of scopes is answered with all of them at
//! once. How a decision is reached is the business of an [`Engine`].

mod decision;
mod engine;
mod governed;
mod refusal;
mod rules;
mod scopes;
mod score;
mod views;

#[cfg(test)]
mod tests;

pub use crate::limits::CHALLENGE_SCOPE_BYTES_MAX;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

pub use crate::call::Name;
pub use decision::{Decision, Reason};
pub use engine::{Engine, Query};
pub use governed::Asker;
pub use rules::Rules;
pub use score::Scores;
pub use views::{Chosen, Says};

use governed::Governor;
use refusal::{both, forbidden, refused};
use views::Views;

use crate::authn::metadata::schemes;
use crate::call::{Action, Resource};
use crate::class::{Class, ClassSet};
use crate::clock::Clock;
use crate::config::{Redact, Server};
use crate::decode::Decoded;
use crate::exchange::Exchange;
use crate::glob::Glob;
use crate::hygiene::metadata_url;
use crate::policy::Judgement;
use crate::policy::facts::{self, Circumstances};
use crate::policy::verdict::Ruling;
use crate::principal::Principal;
use crate::reject::{Code, Rejection, Schemes};

/// Proof that the caller may make this call.
#[derive(Debug)]
pub struct Permitted {
    base: Decoded,
    grant: Grant,
}

/// What was allowed, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// The rule that allowed the call, in the configuration's words; `None` where the action's
    /// scopes alone decided.
    pub rule: Option<Arc<str>>,
    /// Classes whose values this caller may see as they are.
    pub reveal: ClassSet,
    /// The class of `limits.classes` that a policy puts the call into.
    pub rate: Option<Arc<str>>,
    /// The profile of `redact.profiles` that a policy asks for.
    pub redact: Option<Arc<str>>,
    /// What the policies said, where any govern the route.
    pub judgement: Option<Box<Judgement>>,
    /// Under which circumstances.
    pub around: Circumstances,
    /// What of the answer the caller sees; `None` for all of it.
    pub view: Option<Chosen>,
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
    rules: Box<dyn Engine>,
    governor: Option<Governor>,
    views: Views,
    /// Names that stand for the ways in which namespaces are told apart.
    namespaces: Vec<String>,
    /// Whether namespaces are told apart by the ends of their names.
    tells_by_end: bool,
    clock: Clock,
    scores: Arc<Scores>,
    /// Classes that this route looks for.
    classes: ClassSet,
    /// Scopes that mean something on this route.
    known: HashSet<Box<str>>,
    /// URIs that stand for the ways in which rules and policies tell resources apart.
    uris: Vec<String>,
    /// What a challenge points to.
    metadata_url: Option<String>,
    /// How a token may be sent.
    schemes: Schemes,
}

impl Authorizer {
    /// The authorizer of a route, over its rules and its policies; what trouble its callers made is
    /// kept over reloads.
    #[must_use]
    pub fn new(server: &Server, clock: &Clock, before: Option<&Self>) -> Self {
        let rules = Rules::new(&server.access, &server.redact);
        let classes = classes(&server.redact);
        let governor = Governor::new(server, &classes);
        let asked = governor.iter().flat_map(Governor::scopes);
        let known = rules.scopes().chain(asked).map(Box::from).collect();
        let samples = governor.iter().flat_map(Governor::uris);
        let patterns = server.access.resources.iter().map(|rule| rule.pattern.as_ref());
        let patterns =
            patterns.flat_map(|text| ["", "x", "x/x"].map(|fill| text.replace('*', fill)));
        let uris = samples.chain(patterns.map(|text| text.replace('?', "x"))).collect();
        Self {
            rules: Box::new(rules),
            views: Views::new(&server.views),
            namespaces: views::samples(&server.access.namespaces, governor.as_ref()),
            tells_by_end: views::tell_by_end(&server.access.namespaces, governor.as_ref()),
            governor,
            clock: clock.clone(),
            scores: before.map_or_else(Arc::default, |before| Arc::clone(&before.scores)),
            classes: classes.into_iter().collect(),
            known,
            uris,
            metadata_url: server.auth.issuers().map(|_| metadata_url(server)),
            schemes: schemes(server),
        }
    }

    /// Decides the call of an exchange.
    ///
    /// # Errors
    /// [`Code::ScopeInsufficient`] or [`Code::AuthenticationStale`] with its challenge, or
    /// [`Code::Denied`]: the same for names that are forbidden and names that do not exist. Where a
    /// denial is hidden, [`Code::NameUnknown`].
    pub fn authorize(&self, ex: Exchange<Decoded>) -> Result<Exchange<Permitted>, Rejection> {
        let call = ex.call();
        let now_s = self.clock.unix_s();
        let around = match &self.governor {
            Some(governor) => Circumstances {
                own_risk: self.scores.level(ex.principal(), now_s),
                ..governor.around(&ex, now_s)
            },
            None => Circumstances { now_s, ..Circumstances::default() },
        };
        let query = Query {
            principal: ex.principal(),
            action: call.action,
            resource: Name::from(&call.resource),
            now_s,
        };
        let asking = if ex.is_modern() { Asking::Unites } else { Asking::Repeats };
        let asker = Asker { principal: ex.principal(), around: &around };
        let arguments = governed::arguments(call);
        let chosen = self.views.choose(call, ex.principal())?;
        let mut grant = match &chosen {
            Some(chosen) if self.views.selects(chosen) => {
                self.select(&query, asker, chosen, asking)
            }
            Some(_) | None => self.judge(&query, asker, arguments, asking),
        };
        for (action, resource) in &call.also {
            let more = Query { action: *action, resource: Name::from(resource), ..query };
            let none = facts::Arguments::None;
            grant = both(grant, self.judge(&more, asker, none, asking));
        }
        let mut grant = grant?;
        grant.around = around;
        grant.view = chosen;
        Ok(ex.advance(|base| Permitted { base, grant }))
    }

    /// Whether a list shows `name` to this caller: exactly whether some call of `action`, the one
    /// that uses such a thing, could be allowed on it (S-30). `false` for actions that use no
    /// single thing.
    #[must_use]
    pub fn visible(&self, asker: Asker<'_>, action: Action, name: &str) -> bool {
        let Some(name) = Name::of(action, name) else { return false };
        self.by_rules(asker.principal, action, name)
            && self.governor.as_ref().is_none_or(|governor| governor.could(asker, action, name))
    }

    /// Whether a list shows a template of URIs: whether one of the URIs that it makes is shown, or
    /// the template itself as a URI.
    #[must_use]
    pub fn shows_template(&self, asker: Asker<'_>, template: &str) -> bool {
        let shows = |uri: &str| self.visible(asker, Action::ResourcesRead, uri);
        let makes = template_glob(template);
        shows(template)
            || shows(&makes.pattern().replace('*', "x"))
            || self.uris.iter().filter(|uri| makes.matches(uri)).any(|uri| shows(uri))
    }

    /// Whether the caller may still do what an open stream was allowed for.
    #[must_use]
    pub fn allows(&self, asker: Asker<'_>, action: Action, resource: &Resource) -> bool {
        self.still(asker, action, resource, facts::Arguments::None)
    }

    /// The same with the arguments of the call.
    #[must_use]
    pub fn still(
        &self,
        asker: Asker<'_>,
        action: Action,
        resource: &Resource,
        arguments: facts::Arguments<'_>,
    ) -> bool {
        let name = Name::from(resource);
        self.by_rules(asker.principal, action, name)
            && self
                .governor
                .as_ref()
                .is_none_or(|governor| governor.permits(asker, (action, name), arguments))
    }

    /// Notes that a caller was refused, for what policies see of risk.
    pub fn refused(&self, principal: &Principal, code: Code) {
        if self.governor.is_some() {
            self.scores.note(principal, code, self.clock.unix_s());
        }
    }

    /// Whether some denial must look like an unknown name.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.governor.as_ref().is_some_and(Governor::hides)
    }

    fn by_rules(&self, principal: &Principal, action: Action, resource: Name<'_>) -> bool {
        let now_s = self.clock.unix_s();
        self.rules.decide(&Query { principal, action, resource, now_s }).is_allow()
    }

    /// Rules first, because they name scopes; but a caller whom a policy denies is not sent for
    /// scopes that would not help.
    fn judge(
        &self,
        query: &Query<'_>,
        asker: Asker<'_>,
        arguments: facts::Arguments<'_>,
        asking: Asking,
    ) -> Result<Grant, Rejection> {
        let ruled = self.rules.decide(query);
        let Some(governor) = &self.governor else { return self.ruled(query, ruled, asking) };
        let judged = governor.judge(asker, (query.action, query.resource), arguments);
        let verdict = Arc::clone(&judged.verdict);
        let judgement = Some(Box::new(judged));
        let with = |mut refusal: Rejection| {
            refusal.judgement = judgement.clone();
            refusal
        };
        match (&verdict.ruling, ruled) {
            (_, Decision::Deny { reason }) => {
                let refused = self.ruled(query, Decision::Deny { reason }, asking);
                // Where every denial is hidden, so is that of a rule.
                refused.map_err(|mut refusal| {
                    if governor.hides_all() {
                        refusal.code = Code::NameUnknown;
                    }
                    with(refusal)
                })
            }
            (Ruling::Forbid { why, denial, reason }, _) => {
                Err(with(forbidden(query, why, *denial, reason.as_ref())))
            }
            (Ruling::StepUp { scopes }, ruled) => {
                let (mut missing, mut all) = match ruled {
                    Decision::NeedScopes { missing, all } => (missing, all),
                    Decision::Allow { .. } | Decision::Deny { .. } => (Vec::new(), Vec::new()),
                };
                let open = scopes.iter().filter(|scope| !query.principal.scopes.contains(scope));
                let lacking: Vec<Box<str>> = open.cloned().collect();
                scopes::add(&mut missing, &lacking);
                scopes::add(&mut all, scopes);
                Err(with(self.step_up(query, &missing, &all, asking)))
            }
            (_, Decision::NeedScopes { missing, all }) => {
                Err(with(self.step_up(query, &missing, &all, asking)))
            }
            (Ruling::Stale { max_age_s }, Decision::Allow { .. }) => {
                Err(with(self.stale(query, *max_age_s)))
            }
            (Ruling::Permit { rate, redact }, Decision::Allow { rule }) => Ok(Grant {
                rule,
                reveal: governor.reveal(asker, query.resource),
                rate: rate.clone(),
                redact: redact.clone(),
                judgement,
                around: Circumstances::default(),
                view: None,
            }),
        }
    }

    /// A request whose answer is cut by namespace: it may be sent if its caller has the scopes of
    /// the action and something of what is asked for could pass.
    fn select(
        &self,
        query: &Query<'_>,
        asker: Asker<'_>,
        chosen: &Chosen,
        asking: Asking,
    ) -> Result<Grant, Rejection> {
        if let Some((missing, all)) = self.rules.lacking(query.action, query.principal) {
            return Err(self.step_up(query, &missing, &all, asking));
        }
        if !self.selects_something(asker, query.action, chosen) {
            let story = format!("{}: no namespace that was asked for", query.action.name());
            return Err(refused(Code::Denied, story, "no_namespace"));
        }
        let reveal = match &self.governor {
            Some(governor) => governor.reveal(asker, query.resource),
            None => self.reveal(query.principal),
        };
        Ok(Grant { reveal, ..Grant::default() })
    }

    fn ruled(
        &self,
        query: &Query<'_>,
        ruled: Decision,
        asking: Asking,
    ) -> Result<Grant, Rejection> {
        match ruled {
            Decision::Allow { rule } => {
                Ok(Grant { rule, reveal: self.reveal(query.principal), ..Grant::default() })
            }
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
        self.rules.reveal(principal).intersection(self.classes)
    }
}

/// A template of URIs (RFC 6570) as the pattern of what it makes.
fn template_glob(template: &str) -> Glob {
    let mut out = String::new();
    let mut inside = false;
    for c in template.chars() {
        match c {
            '{' if !inside => {
                inside = true;
                out.push('*');
            }
            '}' if inside => inside = false,
            c if !inside => out.push(c),
            _variable => {}
        }
    }
    Glob::new(&out)
}

/// Everything that a route looks for, its own patterns included.
fn classes(redact: &Redact) -> Vec<Class> {
    let own = (0..=u8::MAX).zip(&redact.custom).map(|(number, _)| Class::Custom(number));
    let mut classes: Vec<Class> = redact.classes().chain(own).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}
