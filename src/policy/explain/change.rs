//! What would change an answer, in sentences.

use cedar_policy::{EntityUid, PrincipalConstraint};

use super::{Condition, Reading, State};
use crate::policy::facts::Question;
use crate::policy::text::Rule;
use crate::policy::verdict::{Ruling, Verdict, Why};

/// What would make the answer to a question another one.
pub(super) fn changes(
    verdict: &Verdict,
    readings: &[Reading<'_>],
    question: &Question<'_>,
    resource: &EntityUid,
) -> Vec<String> {
    let decided = || readings.iter().filter(|reading| reading.decided);
    match &verdict.ruling {
        Ruling::Permit { .. } => Vec::new(),
        Ruling::StepUp { .. } | Ruling::Stale { .. } => {
            decided().flat_map(|reading| &reading.needs).cloned().collect()
        }
        Ruling::Forbid { why, .. } => match why {
            Why::NoPermit => nearest(readings, question, resource),
            Why::Forbidden => {
                let mut all: Vec<String> = decided().map(forbids).collect();
                let permits = |reading: &&Reading<'_>| reading.rule.permits();
                match readings.iter().filter(permits).find(|reading| reading.distance() == 0) {
                    Some(reading) => all.push(format!("then {} permits it", named(reading.rule))),
                    None => {
                        let more = nearest(readings, question, resource);
                        all.extend(more.into_iter().map(|line| format!("then still: {line}")));
                    }
                }
                all
            }
            Why::Failed(_) => decided().filter_map(fails).collect(),
            Why::Undecidable(what) => {
                vec![format!("{what}; leave it out, or write it as the tool's schema says")]
            }
        },
    }
}

/// The permits of which least is missing.
fn nearest(readings: &[Reading<'_>], question: &Question<'_>, resource: &EntityUid) -> Vec<String> {
    let permits = || readings.iter().filter(|reading| reading.rule.permits());
    let Some(least) = permits().map(Reading::distance).min() else {
        let act = question.act.name();
        return vec![format!("no policy permits `{act}` on `{resource}` to anybody: write one")];
    };
    let mut near: Vec<_> = permits().filter(|reading| reading.distance() == least).collect();
    // What speaks to the caller is nearer than what speaks to others.
    near.sort_by_key(|reading| reading.lacks.is_some());
    let near = near.into_iter().take(NEAREST_MAX);
    near.map(|reading| format!("{} would permit it: {}", named(reading.rule), missing(reading)))
        .collect()
}

fn missing(reading: &Reading<'_>) -> String {
    let mut all: Vec<String> = reading.lacks.iter().cloned().collect();
    for condition in reading.conditions.iter().filter(|one| one.state != State::Met) {
        let text = &condition.text;
        let demand = match (&condition.state, condition.unless) {
            (State::Broken(why), _) => format!("`{text}` cannot be evaluated: {why}"),
            (_, false) => format!("`{text}` must hold"),
            (_, true) => format!("`{text}` must not hold"),
        };
        all.push(format!("{demand}{}", told(condition)));
    }
    all.extend(reading.needs.iter().map(|need| format!("it needs {need}")));
    all.join("; ")
}

fn forbids(reading: &Reading<'_>) -> String {
    let mut ways = Vec::new();
    for condition in &reading.conditions {
        let (text, told) = (&condition.text, told(condition));
        ways.push(match (condition.unless, condition.open.as_slice()) {
            (false, _) => format!("`{text}` does not hold{told}"),
            (true, []) => format!("`{text}` holds{told}"),
            (true, open) => format!("`{}` holds as well{told}", open.join("` and `")),
        });
    }
    if ways.is_empty() {
        let whom = match reading.rule.policy.principal_constraint() {
            PrincipalConstraint::Any => "everybody".to_owned(),
            PrincipalConstraint::Is(kind) => format!("every `{kind}`"),
            PrincipalConstraint::In(uid)
            | PrincipalConstraint::Eq(uid)
            | PrincipalConstraint::IsIn(_, uid) => format!("`{uid}`"),
        };
        return format!("{} forbids it to {whom}, without a condition", named(reading.rule));
    }
    format!("{} forbids it, until {}", named(reading.rule), ways.join(", or "))
}

fn fails(reading: &Reading<'_>) -> Option<String> {
    let broken = reading.conditions.iter().find_map(|one| match &one.state {
        State::Broken(why) => Some((one, why)),
        State::Met | State::Unmet | State::Unread => None,
    });
    let (condition, why) = broken?;
    let (name, text) = (named(reading.rule), &condition.text);
    Some(format!("{name} fails at `{text}`: {why}{}", told(condition)))
}

fn told(condition: &Condition) -> String {
    let values = condition.values.iter().map(|(path, value)| format!("{path} = {value}"));
    let values: Vec<String> = values.collect();
    if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) }
}

fn named(rule: &Rule) -> String {
    format!("`{}` ({}:{})", rule.id, rule.place.file, rule.place.line)
}

/// More that are equally near help nobody.
const NEAREST_MAX: usize = 3;
