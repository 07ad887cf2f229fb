//! Conditions that always hold: they read as if they asked something.
//!
//! The validator knows which policies can never apply. A condition always holds where the policy
//! with its contrary is such a one.

use cedar_policy::{Policy, PolicyId};
use serde_json::{Value, json};
use std::sync::Arc;

use super::super::expr::{self, Uses};
use super::super::problem::Problem;
use super::super::text::Rule;
use super::super::{Policies, check};
use super::never;

/// A condition to ask the validator about.
struct Trial {
    rule: Rule,
    contrary: Rule,
    shown: String,
}

pub(super) fn conditions<'r>(
    policies: &Policies,
    rules: impl Iterator<Item = &'r Rule>,
) -> Vec<Problem> {
    let trials: Vec<Trial> = rules.flat_map(trials).collect();
    let contraries = trials.iter().map(|trial| &trial.contrary);
    let found = check::types(contraries, policies.known(), policies.world());
    let mut problems = Vec::new();
    for (trial, found) in trials.into_iter().zip(found) {
        if found.iter().any(|problem| never(&problem.message).is_some())
            && found.iter().all(|problem| problem.warning)
        {
            let message = format!("this condition always holds: `{}`", trial.shown);
            let help = "remove it, or ask what you mean to ask; see `sallyport policy schema`";
            problems.push(Problem::error(trial.rule.place, message, help).warn());
        }
    }
    problems
}

/// Each condition of a policy turned round, behind all that stand before it: they may be what makes
/// it well-typed.
fn trials(rule: &Rule) -> Vec<Trial> {
    let conditions = expr::conjuncts(&rule.tree);
    let mut trials = Vec::new();
    let mut before: Vec<Value> = Vec::new();
    for (body, unless) in conditions {
        let plain = if unless { json!({"!": {"arg": body}}) } else { body.clone() };
        let contrary = if unless { body.clone() } else { json!({"!": {"arg": body}}) };
        let all: Vec<&Value> = before.iter().chain([&contrary]).collect();
        if let (Some(contrary), Some(shown)) = (with(rule, &all), shown(rule, body)) {
            trials.push(Trial { rule: rule.clone(), contrary, shown });
        }
        before.push(plain);
    }
    trials
}

fn with(rule: &Rule, conditions: &[&Value]) -> Option<Rule> {
    let when = conditions.iter().map(|body| json!({"kind": "when", "body": body}));
    let mut tree = Value::clone(&rule.tree);
    tree.as_object_mut()?.insert("conditions".to_owned(), when.collect());
    let policy = Policy::from_json(Some(PolicyId::new(&rule.id)), tree.clone()).ok()?;
    let mut rule = rule.clone();
    (rule.policy, rule.uses, rule.tree) = (policy, Uses::of(&tree), Arc::new(tree));
    Some(rule)
}

/// The condition as it would be typed.
fn shown(rule: &Rule, body: &Value) -> Option<String> {
    let text = with(rule, &[body])?.policy.to_cedar()?;
    let (_, inside) = text.split_once("when {")?;
    let inside = inside.trim_end().trim_end_matches(';').trim_end().strip_suffix('}')?;
    let words: Vec<&str> = inside.split_whitespace().collect();
    Some(words.join(" ").chars().take(SHOWN_CHARS).collect())
}

const SHOWN_CHARS: usize = 80;
