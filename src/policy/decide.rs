//! Decides questions.
//!
//! Guarantees: what no policy permits is denied; one forbid outweighs every permit; a policy that
//! fails, and a question that cannot be written exactly, are denials (the evaluator itself would
//! skip the policy, and a forbid that fails would allow); answers that depend on nothing but
//! who asks for what are remembered, all others are not.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cedar_policy::{Context, Decision, Entities, Request};

use super::Policies;
use super::expr::Facet;
use super::facts::{Act, Circumstances, Question, Subject, Target, Thing};
use super::slices::Slice;
use super::text::Rule;
use super::verdict::{Ruling, Verdict, Why};
use crate::call::Name;
use crate::principal::Principal;

/// A question without circumstances: what answers are remembered by.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    who: Known,
    act: Act,
    server: Box<str>,
    kind: u8,
    name: Box<str>,
    tool: Option<Box<str>>,
}

/// What a question is about, in parts of keys.
pub(super) struct About<'a> {
    pub(super) kind: u8,
    pub(super) name: &'a str,
    pub(super) tool: Option<&'a str>,
}

impl<'a> About<'a> {
    pub(super) fn of(target: Target<'a>) -> Self {
        let (kind, name, tool) = match target {
            Target::Name(Name::Server) => (0, "", None),
            Target::Name(Name::Tool(name)) => (1, name, None),
            Target::Name(Name::Uri(name)) => (2, name, None),
            Target::Name(Name::Prompt(name)) => (3, name, None),
            Target::Name(Name::Namespace(name)) => (4, name, None),
            Target::Class { class, tool } => (5, class, tool),
        };
        Self { kind, name, tool }
    }
}

/// A server, a kind, a name, and the tool of a class.
pub(super) type ThingKey = (Box<str>, u8, Box<str>, Option<Box<str>>);

/// A principal that is held, so that its address belongs to nobody else.
#[derive(Debug, Clone)]
pub(super) struct Known(pub(super) Arc<Principal>);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// What is remembered of a question.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) thing: Arc<Thing>,
    pub(super) slice: Arc<Slice>,
    /// The answer, where no circumstance can change it.
    settled: Option<Arc<Verdict>>,
}

impl Prepared {
    /// The same question to other policies.
    pub(super) fn with(&self, slice: Arc<Slice>) -> Self {
        Self { thing: Arc::clone(&self.thing), slice, settled: None }
    }
}

impl Policies {
    /// Decides one question.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Arc<Verdict> {
        let Some(prepared) = self.prepare(question) else {
            let why = Why::Undecidable("a name that no policy can hold".into());
            return Arc::new(Verdict::denied(why));
        };
        match &prepared.settled {
            Some(settled) => Arc::clone(settled),
            None => Arc::new(self.evaluate(&prepared, question)),
        }
    }

    /// What of a question is the same whatever the circumstances.
    pub(super) fn prepare(&self, question: &Question<'_>) -> Option<Arc<Prepared>> {
        let About { kind, name, tool } = About::of(question.target);
        let key = Key {
            who: Known(Arc::clone(question.principal)),
            act: question.act,
            server: question.server.into(),
            kind,
            name: name.into(),
            tool: tool.map(Box::from),
        };
        self.questions.of(key, || self.make(question).map(Arc::new))
    }

    fn make(&self, question: &Question<'_>) -> Option<Prepared> {
        let subject = self.subject(question)?;
        let thing = self.thing(question)?;
        let fitting = self.index.fitting(question.act, &subject.stands_in, &thing.stands_in);
        let slice = self.index.slice(fitting, &self.rules);
        let mut prepared = Prepared { thing, slice, settled: None };
        let fixed = |facet: &Facet| matches!(facet, Facet::Server | Facet::Tool);
        let expires = self.expires(&prepared.slice);
        if prepared.slice.uses.facets.iter().all(fixed) && !expires {
            prepared.settled = Some(Arc::new(self.evaluate(&prepared, question)));
        }
        Some(prepared)
    }

    /// Kept apart from questions, of which one caller has many.
    pub(super) fn subject(&self, question: &Question<'_>) -> Option<Arc<Subject>> {
        self.subjects.of(Known(Arc::clone(question.principal)), || {
            self.world.subject(&self.types, question.principal).map(Arc::new)
        })
    }

    pub(super) fn thing(&self, question: &Question<'_>) -> Option<Arc<Thing>> {
        let About { kind, name, tool } = About::of(question.target);
        let key = (question.server.into(), kind, name.into(), tool.map(Box::from));
        self.things.of(key, || {
            self.world.thing(&self.types, question.server, question.target).map(Arc::new)
        })
    }

    /// Whether a requirement of time stands on one of the policies.
    fn expires(&self, slice: &Slice) -> bool {
        self.chosen(slice).any(|rule| rule.notes.fresh_s.is_some())
    }

    fn chosen<'p>(&'p self, slice: &'p Slice) -> impl Iterator<Item = &'p Rule> {
        let at = |number: &u32| usize::try_from(*number).unwrap_or(usize::MAX);
        slice.rules.iter().filter_map(move |number| self.rules.get(at(number)))
    }

    pub(super) fn evaluate(&self, prepared: &Prepared, question: &Question<'_>) -> Verdict {
        let Prepared { thing, slice, settled: _ } = prepared;
        if slice.rules.is_empty() {
            return Verdict::denied(Why::NoPermit);
        }
        if slice.set.num_of_policies() != slice.rules.len() {
            return Verdict::denied(Why::Failed("a policy was lost".into()));
        }
        let context = match self.world.context(&self.types, question, &slice.uses) {
            Ok(Some(context)) => context,
            Ok(None) => return Verdict::denied(Why::Undecidable("the circumstances".into())),
            Err(error) => return Verdict::denied(Why::Undecidable(error.to_string().into())),
        };
        let Some(subject) = self.subject(question) else {
            return Verdict::denied(Why::Undecidable("a name that no policy can hold".into()));
        };
        self.ask(&subject, thing, slice, question, context)
    }

    fn ask(
        &self,
        subject: &Subject,
        thing: &Thing,
        slice: &Slice,
        question: &Question<'_>,
        context: Context,
    ) -> Verdict {
        let failed = |why: String| Verdict::denied(Why::Failed(why.into()));
        let Some(act) = self.acts.get(question.act.index()) else {
            return failed("an unknown action".to_owned());
        };
        let entities = [subject.entity.clone(), thing.entity.clone(), act.clone()];
        let entities = match Entities::from_entities(entities, None) {
            Ok(entities) => entities,
            Err(error) => return failed(error.to_string()),
        };
        let request =
            Request::new(subject.entity.uid(), act.uid(), thing.entity.uid(), context, None);
        let request = match request {
            Ok(request) => request,
            Err(error) => return failed(error.to_string()),
        };
        let response = self.authorizer.is_authorized(&request, &slice.set, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            let mut verdict = failed(error.to_string());
            let failed = response.diagnostics().errors().map(|error| match error {
                cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                    AsRef::<str>::as_ref(error.policy_id()).into()
                }
            });
            verdict.policies = failed.collect();
            verdict.policies.sort_unstable();
            return verdict;
        }
        let reasons: Vec<&str> =
            response.diagnostics().reason().map(AsRef::<str>::as_ref).collect();
        let because: Vec<&Rule> =
            self.chosen(slice).filter(|rule| reasons.contains(&&*rule.id)).collect();
        match response.decision() {
            Decision::Deny => forbidden(&because),
            Decision::Allow => permitted(&because, question.principal, question.circumstances),
        }
    }
}

fn forbidden(because: &[&Rule]) -> Verdict {
    let why = if because.is_empty() { Why::NoPermit } else { Why::Forbidden };
    // The way that tells least.
    let denial =
        because.iter().filter_map(|rule| rule.notes.denial).max_by_key(|denial| *denial as u8);
    let reason = because.iter().find_map(|rule| rule.notes.reason.clone());
    told(Ruling::Forbid { why, denial, reason }, because)
}

/// One permit without open requirements is enough; obligations come from all such permits.
fn permitted(because: &[&Rule], principal: &Principal, around: &Circumstances) -> Verdict {
    let lacking = |rule: &Rule| -> Vec<Box<str>> {
        let all = rule.notes.step_up.iter();
        all.filter(|scope| !principal.scopes.contains(scope)).cloned().collect()
    };
    let stale = |rule: &Rule| {
        let age = principal.authenticated_at_s.map(|then| around.now_s.saturating_sub(then));
        rule.notes.fresh_s.is_some_and(|max| age.is_none_or(|age| age > max))
    };
    let met: Vec<&Rule> =
        because.iter().copied().filter(|rule| lacking(rule).is_empty() && !stale(rule)).collect();
    if !met.is_empty() {
        let rate = met.iter().find_map(|rule| rule.notes.rate.clone());
        let redact = met.iter().find_map(|rule| rule.notes.redact.clone());
        return told(Ruling::Permit { rate, redact }, &met);
    }
    // The permit that asks least: no new sign-in before one, then fewer scopes.
    let nearest = because.iter().copied().min_by_key(|rule| (stale(rule), lacking(rule).len()));
    match nearest {
        Some(rule) if !lacking(rule).is_empty() => {
            told(Ruling::StepUp { scopes: rule.notes.step_up.clone() }, &[rule])
        }
        Some(rule) => {
            told(Ruling::Stale { max_age_s: rule.notes.fresh_s.unwrap_or_default() }, &[rule])
        }
        None => Verdict::denied(Why::NoPermit),
    }
}

fn told(ruling: Ruling, because: &[&Rule]) -> Verdict {
    Verdict {
        ruling,
        policies: because.iter().map(|rule| Arc::clone(&rule.id)).collect(),
        alerts: because.iter().filter_map(|rule| rule.notes.alert.clone()).collect(),
        audit: because.iter().filter_map(|rule| rule.notes.audit.clone()).collect(),
    }
}
