//! The conditions of a policy, each asked alone, and what they looked at.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, EvalResult, Expression, Policy,
    PolicyId, PolicySet, Request, eval_expression,
};
use serde_json::{Value, json};

use super::print::{step, text};
use crate::policy::Policies;
use crate::policy::expr::{Uses, both, conjuncts, path};
use crate::policy::facts::Question;
use crate::policy::text::Rule;

/// One condition of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As it is written.
    pub text: String,
    /// Whether it stands under `unless`, so that it is met where it does not hold.
    pub unless: bool,
    /// What came of it.
    pub state: State,
    /// What it looked at: a path and its value, `absent` where there is none.
    pub values: Vec<(String, String)>,
    /// Of an `unless` that demands several things together: those that do not hold.
    pub open: Vec<String>,
}

/// What came of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It lets the policy have its effect.
    Met,
    /// It keeps the policy from having its effect.
    Unmet,
    /// It makes sense only where the ones before it are met, and they are not.
    Unread,
    /// It cannot be evaluated, which denies.
    Broken(String),
}

impl State {
    /// The name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Unread => "unread",
            Self::Broken(_) => "broken",
        }
    }
}

/// A question in the words of the evaluator.
pub(super) struct Scene<'s> {
    policies: &'s Policies,
    question: &'s Question<'s>,
    entities: Entities,
    /// Principal, resource and action.
    uids: [EntityUid; 3],
}

impl<'s> Scene<'s> {
    /// Entities are principal, resource and action.
    pub(super) fn new(
        policies: &'s Policies,
        question: &'s Question<'s>,
        entities: [Entity; 3],
    ) -> Option<Self> {
        let uids = entities.each_ref().map(Entity::uid);
        let entities = Entities::from_entities(entities, None).ok()?;
        Some(Self { policies, question, entities, uids })
    }

    /// Every condition of a policy, in order.
    pub(super) fn conditions(&self, rule: &Rule) -> Vec<Condition> {
        let mut all: Vec<Condition> = Vec::new();
        for (node, unless) in conjuncts(&rule.tree) {
            let guarded = all.iter().any(|before| before.state != State::Met);
            let state = match self.holds(node) {
                Ok(holds) if holds != unless => State::Met,
                Ok(_) => State::Unmet,
                // What stands before it was there to prevent this.
                Err(_) if guarded => State::Unread,
                Err(error) => State::Broken(error),
            };
            let parts = if unless { both(node) } else { Vec::new() };
            let open = match parts.len() {
                0 | 1 => Vec::new(),
                _several => {
                    let open = parts.into_iter().filter(|part| self.holds(part) != Ok(true));
                    open.map(text).collect()
                }
            };
            let values = self.values(node);
            all.push(Condition { text: text(node), unless, state, values, open });
        }
        all
    }

    /// Whether an expression holds.
    fn holds(&self, node: &Value) -> Result<bool, String> {
        let scope = json!({ "op": "All" });
        let tree = json!({
            "effect": "permit", "principal": scope, "action": scope, "resource": scope,
            "conditions": [{ "kind": "when", "body": node }],
        });
        let policy = Policy::from_json(Some(PolicyId::new("condition")), tree);
        let policy = policy.map_err(|error| error.to_string())?;
        let mut set = PolicySet::new();
        set.add(policy).map_err(|error| error.to_string())?;
        let request = self.request(node)?;
        let response = Authorizer::new().is_authorized(&request, &set, &self.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            let said = error.to_string();
            // The evaluator names the policy, which has no name here.
            let said = said.split_once("`condition`: ").map_or(said.as_str(), |(_, why)| why);
            return Err(said.to_owned());
        }
        Ok(response.decision() == Decision::Allow)
    }

    /// With the circumstances that an expression looks at, and no others: what cannot be written of
    /// the others must not keep it from being told.
    fn request(&self, node: &Value) -> Result<Request, String> {
        let context = self.context(node)?;
        let [principal, resource, action] = self.uids.clone();
        Request::new(principal, action, resource, context, None).map_err(|error| error.to_string())
    }

    fn context(&self, node: &Value) -> Result<Context, String> {
        let Policies { world, types, .. } = self.policies;
        match world.context(types, self.question, &Uses::of(node)) {
            Ok(Some(context)) => Ok(context),
            Ok(None) => Err("the circumstances cannot be written".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What an expression looks at.
    fn values(&self, node: &Value) -> Vec<(String, String)> {
        let mut paths = BTreeSet::new();
        collect(node, &mut paths);
        paths.into_iter().map(|path| (path.clone(), self.value(node, &path))).collect()
    }

    fn value(&self, node: &Value, path: &str) -> String {
        let request = match self.request(node) {
            Ok(request) => request,
            Err(error) => return error,
        };
        let Ok(expression) = Expression::from_str(path) else { return "unknown".to_owned() };
        let found = match eval_expression(&request, &self.entities, &expression) {
            Ok(EvalResult::EntityUid(uid)) => self.entity(&uid),
            Ok(EvalResult::ExtensionValue(value)) => value,
            Ok(value) => value.to_string(),
            Err(_) => "absent".to_owned(),
        };
        match found.char_indices().nth(VALUE_CHARS) {
            Some((end, _)) => format!("{}…", found.get(..end).unwrap_or_default()),
            None => found,
        }
    }

    fn entity(&self, uid: &EntityUid) -> String {
        let above = self.entities.ancestors(uid).into_iter().flatten();
        let above: BTreeSet<String> = above.map(ToString::to_string).collect();
        if above.is_empty() {
            return uid.to_string();
        }
        format!("{uid} in {}", above.into_iter().collect::<Vec<_>>().join(", "))
    }
}

/// The longest paths in an expression, as policies write them.
fn collect(node: &Value, paths: &mut BTreeSet<String>) {
    for variable in ["principal", "resource", "context"] {
        if let Some(names) = path(node, variable) {
            let steps = names.iter().map(|name| step(name));
            let found = format!("{variable}{}", steps.collect::<String>());
            // `context` alone is everything, and says nothing.
            if found != "context" {
                paths.insert(found);
            }
            return;
        }
    }
    match node {
        Value::Object(members) => members.values().for_each(|member| collect(member, paths)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, paths)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Longer values are cut.
const VALUE_CHARS: usize = 200;
