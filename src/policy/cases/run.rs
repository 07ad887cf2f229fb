//! Asks the cases and compares.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Case, Expected};
use crate::policy::Policies;
use crate::policy::facts::{Arguments, Question};
use crate::policy::roles::REVEAL_OF;
use crate::policy::verdict::{Ruling, Verdict, Why};

/// What came of a case.
#[derive(Debug)]
pub struct Outcome<'c> {
    /// The case.
    pub case: &'c Case,
    /// What the policies said.
    pub verdict: Arc<Verdict>,
    /// What is not as expected; nothing, where the case passes.
    pub failures: Vec<Failure>,
}

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The member of the case.
    pub member: &'static str,
    /// What it says.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// Which policies the cases reached.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    decided: BTreeSet<Arc<str>>,
}

/// Asks every case.
#[must_use]
pub fn run<'c>(cases: &'c [Case], policies: &Policies) -> Vec<Outcome<'c>> {
    cases.iter().map(|case| outcome(case, policies)).collect()
}

fn outcome<'c>(case: &'c Case, policies: &Policies) -> Outcome<'c> {
    let verdict = case.given.ask(policies);
    let Expected { decision, policies: named, why, obligations, alerts, listed } = &case.expected;
    let mut failures = Vec::new();
    let mut compare = |member, expected: String, found: String| {
        if expected != found {
            failures.push(Failure { member, expected, found });
        }
    };
    compare("expect", decision.clone(), verdict.name().to_owned());
    if let Some(why) = why {
        compare("why", why.clone(), verdict.why().unwrap_or("none").to_owned());
    }
    let lists = [
        ("policies", named, texts(&verdict.policies)),
        ("obligations", obligations, verdict.obligations()),
        ("alerts", alerts, texts(&verdict.alerts)),
    ];
    for (member, expected, mut found) in lists {
        if let Some(expected) = expected {
            found.sort_unstable();
            compare(member, shown(expected), shown(&found));
        }
    }
    if let Some(expected) = listed {
        let could = case
            .given
            .with(|question| policies.could(&Question { arguments: Arguments::None, ..*question }));
        compare("listed", expected.to_string(), could.to_string());
    }
    Outcome { case, verdict, failures }
}

fn texts(of: &[Arc<str>]) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

fn shown(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

impl Outcome<'_> {
    /// Whether everything is as expected.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Coverage {
    /// Counts what decided. A policy that failed decided nothing.
    pub fn add(&mut self, outcomes: &[Outcome<'_>]) {
        let failed = |verdict: &Verdict| {
            matches!(verdict.ruling, Ruling::Forbid { why: Why::Failed(_), .. })
        };
        let verdicts = outcomes.iter().map(|outcome| &outcome.verdict);
        let decided = verdicts.filter(|verdict| !failed(verdict)).flat_map(|v| &v.policies);
        self.decided.extend(decided.cloned());
    }

    /// The policies of a set that count: those that somebody wrote, as a policy or as a role.
    #[must_use]
    pub fn counted(policies: &Policies) -> Vec<&str> {
        let own = policies.own_rules().iter();
        own.filter(|rule| !rule.place.file.starts_with(REVEAL_OF)).map(|rule| &*rule.id).collect()
    }

    /// Those of them that decided no case, in order.
    #[must_use]
    pub fn never<'p>(&self, policies: &'p Policies) -> Vec<&'p str> {
        let mut counted = Self::counted(policies);
        counted.retain(|id| !self.decided.contains(*id));
        counted
    }
}
