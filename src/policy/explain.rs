//! Why policies say what they say, and what would make them say something else.
//!
//! Pure. Asks every condition of every policy that speaks of a question alone, in the order in
//! which it is evaluated. Guarantees that it decides nothing: the verdict is that of
//! [`Policies::decide`], and what is told beside it is for people.

mod change;
mod condition;
mod print;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{EntityUid, PrincipalConstraint};

use super::Policies;
use super::facts::{Question, Subject};
use super::text::Rule;
use super::verdict::Verdict;
use condition::Scene;

pub use condition::{Condition, State};
pub use shown::Detail;

/// Why a question was answered as it was.
#[derive(Debug)]
pub struct Explanation<'p> {
    /// The answer.
    pub verdict: Arc<Verdict>,
    /// Who asks, as the policies see it.
    pub caller: Caller,
    /// What for.
    pub action: &'static str,
    /// On what, as policies name it; empty where they cannot.
    pub resource: String,
    /// Every policy that speaks of this action and this thing: first those that decided.
    pub readings: Vec<Reading<'p>>,
    /// What would change the answer, in sentences.
    pub changes: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The entity; empty where none can be written.
    pub name: String,
    /// What it stands in.
    pub stands_in: Vec<String>,
}

/// How one policy reads the question.
#[derive(Debug)]
pub struct Reading<'p> {
    /// The policy.
    pub rule: &'p Rule,
    /// Whether it is among those that made the answer.
    pub decided: bool,
    /// Why its scope does not fit the caller.
    pub lacks: Option<String>,
    /// Its conditions, asked even where the scope does not fit: they tell how far off it is.
    pub conditions: Vec<Condition>,
    /// What its annotations ask for and the caller does not have.
    pub needs: Vec<String>,
}

impl Policies {
    /// Decides a question and says why.
    #[must_use]
    pub fn explain(&self, question: &Question<'_>) -> Explanation<'_> {
        let verdict = self.decide(question);
        let action = question.act.name();
        let known = self.subject(question).zip(self.thing(question));
        let Some((subject, thing)) = known else {
            let changes = vec![UNWRITABLE.to_owned()];
            let (caller, resource, readings) = (Caller::default(), String::new(), Vec::new());
            return Explanation { verdict, caller, action, resource, readings, changes };
        };
        let scene = self.acts.get(question.act.index()).and_then(|act| {
            let entities = [subject.entity.clone(), thing.entity.clone(), act.clone()];
            Scene::new(self, question, entities)
        });
        let mut readings = Vec::new();
        for number in self.index.about(question.act, &thing.stands_in) {
            let at = usize::try_from(number).unwrap_or(usize::MAX);
            let Some(rule) = self.rules.get(at) else { continue };
            readings.push(Reading {
                rule,
                decided: verdict.policies.contains(&rule.id),
                lacks: lacks(rule, &subject),
                conditions: scene.as_ref().map(|scene| scene.conditions(rule)).unwrap_or_default(),
                needs: needs(rule, question),
            });
        }
        readings.sort_by_key(|reading| !reading.decided);
        let changes = change::changes(&verdict, &readings, question, &thing.entity.uid());
        let caller = caller(&subject);
        let resource = thing.entity.uid().to_string();
        Explanation { verdict, caller, action, resource, readings, changes }
    }
}

impl Reading<'_> {
    /// How much would have to be otherwise for the policy to have its effect.
    #[must_use]
    pub fn distance(&self) -> usize {
        let unmet = self.conditions.iter().filter(|one| one.state != State::Met).count();
        usize::from(self.lacks.is_some()) + unmet + self.needs.len()
    }
}

fn caller(subject: &Subject) -> Caller {
    let name = subject.entity.uid().to_string();
    let above: BTreeSet<String> = subject.stands_in.iter().map(ToString::to_string).collect();
    let stands_in = above.into_iter().filter(|one| *one != name).collect();
    Caller { name, stands_in }
}

/// Why the scope of a policy does not fit a caller.
fn lacks(rule: &Rule, subject: &Subject) -> Option<String> {
    let own = subject.entity.uid();
    let other_kind = |kind: &cedar_policy::EntityTypeName| {
        let asks =
            format!("it speaks of every `{kind}`, and the caller is a `{}`", own.type_name());
        (own.type_name() != kind).then_some(asks)
    };
    let outside = |uid: &EntityUid| {
        (!subject.stands_in.contains(uid)).then(|| {
            let kind = uid.type_name().basename();
            let same = subject.stands_in.iter().filter(|one| one.type_name().basename() == kind);
            let held: BTreeSet<String> =
                same.map(|one| format!("`{}`", one.id().unescaped())).collect();
            let held = match held.len() {
                0 => "none".to_owned(),
                _some => held.into_iter().collect::<Vec<_>>().join(", "),
            };
            let name = uid.id().unescaped();
            match kind {
                "Role" | "Group" | "Tenant" => {
                    let kind = kind.to_ascii_lowercase();
                    format!("it asks for {kind} `{name}`, and the caller has {held}")
                }
                _other => format!("it speaks of `{uid}` alone, and the caller is `{own}`"),
            }
        })
    };
    match rule.policy.principal_constraint() {
        PrincipalConstraint::Any => None,
        PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) => outside(&uid),
        PrincipalConstraint::Is(kind) => other_kind(&kind),
        PrincipalConstraint::IsIn(kind, uid) => other_kind(&kind).or_else(|| outside(&uid)),
    }
}

/// What annotations ask for beyond the conditions.
fn needs(rule: &Rule, question: &Question<'_>) -> Vec<String> {
    let principal = question.principal;
    let missing = rule.notes.step_up.iter().filter(|scope| !principal.scopes.contains(scope));
    let mut needs: Vec<String> =
        missing.map(|scope| format!("a token with the scope `{scope}`")).collect();
    let now_s = question.circumstances.now_s;
    let age_s = principal.authenticated_at_s.map(|then| now_s.saturating_sub(then));
    if let Some(max_s) = rule.notes.fresh_s
        && age_s.is_none_or(|age| age > max_s)
    {
        let told = match age_s {
            Some(age_s) => format!("the last one was {age_s} s ago"),
            None => "the token does not say when the last one was".to_owned(),
        };
        needs.push(format!("a sign-in within {max_s} s: {told}"));
    }
    needs
}

const UNWRITABLE: &str = "the name of the caller or of the resource cannot be written in the \
                          language of policies, so no policy can permit it";
