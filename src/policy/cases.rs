//! Cases: what policies are expected to say, written by those who write the policies.
//!
//! Owns the form of a file of cases. Pure: whoever runs them brings the files that they name.
//! Guarantees: a key that means nothing is a mistake with its line; a case depends on nothing but
//! its text and the policies, so it passes or fails the same on every machine and day.

mod parts;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::Policies;
use super::given::{Given, Setting, Who};
use super::problem::{Place, Problem};
use super::text::Source;
use crate::limits::{CASES_BYTES_MAX, CASES_MAX};

pub use parts::{Files, Opened};
pub use run::{Coverage, Failure, Outcome, run};

/// A file of cases, read.
#[derive(Debug)]
pub struct CaseFile {
    source: Source,
    /// Where each line stands.
    lines: Vec<Range<usize>>,
    setup: Setup,
    defaults: Setting,
    cases: Vec<(Typed, Location)>,
}

/// A case that can be asked.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What is asked.
    pub given: Given,
    /// What the answer must be.
    pub expected: Expected,
}

/// What the answer must be; `None` where everything is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `permit`, `deny`, `step_up` or `stale`.
    pub decision: String,
    /// The policies that decide, in order.
    pub policies: Option<Vec<String>>,
    /// Why it is a denial.
    pub why: Option<String>,
    /// As `name=value`, in order.
    pub obligations: Option<Vec<String>>,
    /// What policies want told, in order.
    pub alerts: Option<Vec<String>>,
    /// Whether lists show what is asked about.
    pub listed: Option<bool>,
}

/// The file as it is typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    policies: Option<Vec<String>>,
    entities: Option<String>,
    servers: Option<Vec<String>>,
    #[serde(default)]
    tool_schemas: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<String, BTreeMap<String, TypedRole>>,
    claims: Option<Vec<String>>,
    #[serde(default)]
    classes: Vec<String>,
    time_zone: Option<String>,
    #[serde(default)]
    networks: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    defaults: Setting,
    cases: Vec<Spanned<Typed>>,
}

/// What policies a file tests, where no configuration says.
#[derive(Debug)]
struct Setup {
    policies: Option<Vec<String>>,
    entities: Option<String>,
    servers: Option<Vec<String>>,
    tool_schemas: BTreeMap<String, String>,
    roles: BTreeMap<String, BTreeMap<String, TypedRole>>,
    claims: Option<Vec<String>>,
    classes: Vec<String>,
    time_zone: Option<String>,
    networks: BTreeMap<String, Vec<String>>,
}

/// What a role may do, as in a configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedRole {
    tools: Vec<String>,
    resources: Vec<String>,
    prompts: Vec<String>,
    namespaces: Vec<String>,
    writes: Vec<String>,
    reveal: Vec<String>,
}

/// A case as it is typed: a setting and what is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    name: String,
    server: Option<String>,
    #[serde(default)]
    who: Who,
    action: Option<String>,
    on: Option<String>,
    tool: Option<String>,
    args: Option<Value>,
    from: Option<String>,
    tls: Option<String>,
    session: Option<String>,
    risk: Option<String>,
    subject: Option<String>,
    at: Option<String>,
    expect: String,
    policies: Option<Vec<String>>,
    why: Option<String>,
    obligations: Option<Vec<String>>,
    alerts: Option<Vec<String>>,
    listed: Option<bool>,
}

impl CaseFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Its mistakes.
    pub fn read(source: &Source) -> Result<Self, Vec<Problem>> {
        let whole = |message: String, help: &str| {
            vec![Problem::error(Place::of(&source.name, &source.text, 0..1), message, help)]
        };
        if source.text.len() > CASES_BYTES_MAX {
            let message = format!("a file of cases larger than {CASES_BYTES_MAX} bytes");
            return Err(whole(message, "split it into several files"));
        }
        // `on` and `no` are texts here, as they are in configurations.
        let options = serde_saphyr::options! { strict_booleans: true };
        let typed: Whole = serde_saphyr::from_str_with_options(&source.text, options)
            .map_err(|error| vec![unreadable(source, &error)])?;
        let Whole { policies, entities, servers, tool_schemas, roles, claims, .. } = typed;
        let (classes, time_zone, networks) = (typed.classes, typed.time_zone, typed.networks);
        if typed.cases.is_empty() {
            return Err(whole("there is no case".into(), "write one below `cases:`"));
        }
        if typed.cases.len() > CASES_MAX {
            let message = format!("more than {CASES_MAX} cases");
            return Err(whole(message, "split the file"));
        }
        let setup = Setup {
            policies,
            entities,
            servers,
            tool_schemas,
            roles,
            claims,
            classes,
            time_zone,
            networks,
        };
        let cases = typed.cases.into_iter().map(|case| (case.value, case.referenced)).collect();
        let source = source.clone();
        let lines = lines(&source.text);
        let file = Self { source, lines, setup, defaults: typed.defaults, cases };
        match file.repeated() {
            Some(problem) => Err(vec![problem]),
            None => Ok(file),
        }
    }

    /// Whether it says itself what it tests.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        self.setup.policies.is_some() || !self.setup.roles.is_empty()
    }

    /// The cases as questions to a set of policies.
    ///
    /// # Errors
    /// What cannot be asked, or can never be answered as it is expected.
    pub fn cases(&self, policies: &Policies) -> Result<Vec<Case>, Vec<Problem>> {
        let mut cases = Vec::new();
        let mut problems = Vec::new();
        for number in 0..self.cases.len() {
            match self.case(number, policies) {
                Some(Ok(case)) => cases.push(case),
                Some(Err(problem)) => problems.push(*problem),
                None => {}
            }
        }
        if problems.is_empty() { Ok(cases) } else { Err(problems) }
    }

    fn case(&self, number: usize, policies: &Policies) -> Option<Result<Case, Box<Problem>>> {
        let (typed, _) = self.cases.get(number)?;
        let wrong = |member: &str, message: String, help: &str| {
            let message = format!("case `{}`: {message}", typed.name);
            Some(Err(Box::new(Problem::error(self.place(number, Some(member)), message, help))))
        };
        let setting = typed.setting().over(&self.defaults);
        let given = match setting.given(&policies.world().zone) {
            Ok(given) => given,
            Err(mistake) => return wrong(mistake.member, mistake.message, mistake.help),
        };
        if let Some((member, message)) = given.unknown(policies) {
            return wrong(member, message, "names are compared byte for byte");
        }
        let decisions = ["permit", "deny", "step_up", "stale"];
        if !decisions.contains(&typed.expect.as_str()) {
            let message = format!("`{}` is no decision", typed.expect);
            return wrong("expect", message, "write `permit`, `deny`, `step_up` or `stale`");
        }
        if let Some(why) = &typed.why
            && !(REASONS.contains(&why.as_str()) && typed.expect == "deny")
        {
            let message = format!("`{why}` is never the reason of this decision");
            let help = "a `deny` is for `no_policy`, `policy_forbids`, `policy_failed` or \
                        `policy_undecidable`";
            return wrong("why", message, help);
        }
        let named = typed.policies.iter().flatten();
        if let Some(id) = named.into_iter().find(|id| policies.rule(id).is_none()) {
            let help = "a policy is called by its `@id`, or by the file's name and its number";
            return wrong("policies", format!("there is no policy `{id}`"), help);
        }
        let (name, place) = (typed.name.clone(), self.place(number, None));
        Some(Ok(Case { name, place, given, expected: typed.expected() }))
    }

    /// Where a case stands, or a member of it.
    fn place(&self, number: usize, member: Option<&str>) -> Place {
        let line = |number: usize| {
            let (_, at) = self.cases.get(number)?;
            usize::try_from(at.line()).ok()?.checked_sub(1)
        };
        let first = line(number).unwrap_or_default();
        // The last case ends with the file, a case in one line with the line.
        let end = line(number + 1).unwrap_or(self.lines.len()).max(first + 1);
        let text = |at: usize| {
            let range = self.lines.get(at).cloned().unwrap_or_default();
            self.source.text.get(range).unwrap_or_default()
        };
        let found = member.and_then(|member| {
            let named = |at: usize| Some((at, key(text(at), member)?, member.len()));
            (first..end).find_map(named)
        });
        let whole = text(first).trim_end();
        let indent = whole.len() - whole.trim_start().len();
        let (at, start, length) = found.unwrap_or((first, indent, whole.len() - indent));
        let before = text(at).get(..start).unwrap_or_default();
        Place {
            file: Arc::clone(&self.source.name),
            line: at + 1,
            column: before.chars().count() + 1,
            length: length.max(1),
            excerpt: text(at).trim_end().into(),
        }
    }

    /// Names tell cases apart in reports.
    fn repeated(&self) -> Option<Problem> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, (case, at)) in self.cases.iter().enumerate() {
            let line = usize::try_from(at.line()).unwrap_or_default();
            if let Some(first) = seen.insert(&case.name, line) {
                let message = format!("two cases are called `{}`", case.name);
                let help = format!("the first stands in line {first}; choose another name");
                return Some(Problem::error(self.place(number, Some("name")), message, help));
            }
        }
        None
    }
}

impl Typed {
    fn setting(&self) -> Setting {
        Setting {
            server: self.server.clone(),
            who: self.who.clone(),
            action: self.action.clone(),
            on: self.on.clone(),
            tool: self.tool.clone(),
            args: self.args.clone(),
            from: self.from.clone(),
            tls: self.tls.clone(),
            session: self.session.clone(),
            risk: self.risk.clone(),
            subject: self.subject.clone(),
            at: self.at.clone(),
        }
    }

    fn expected(&self) -> Expected {
        let sorted = |list: &Option<Vec<String>>| {
            let mut list = list.clone();
            list.iter_mut().for_each(|list| list.sort_unstable());
            list
        };
        Expected {
            decision: self.expect.clone(),
            policies: sorted(&self.policies),
            why: self.why.clone(),
            obligations: sorted(&self.obligations),
            alerts: sorted(&self.alerts),
            listed: self.listed,
        }
    }
}

fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let line = |line: &str| {
        let from = start;
        start += line.len();
        from..start
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Where a line begins the value of a key.
fn key(line: &str, name: &str) -> Option<usize> {
    let before = |at: usize| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || matches!(c, '{' | ','))
    };
    let after = |at: usize| line.get(at + name.len()..).is_some_and(|rest| rest.starts_with(':'));
    line.match_indices(name).map(|(at, _)| at).find(|at| before(*at) && after(*at))
}

fn unreadable(source: &Source, error: &serde_saphyr::Error) -> Problem {
    let at = error.location();
    let number = |n: Option<u64>| usize::try_from(n.unwrap_or(1)).unwrap_or(1).max(1);
    let (line, column) = (number(at.map(|at| at.line())), number(at.map(|at| at.column())));
    let text = error.without_snippet().to_string();
    let message = text.lines().next().unwrap_or_default();
    // The place is told beside it.
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let excerpt = source.text.lines().nth(line - 1).unwrap_or_default().into();
    let place = Place { file: Arc::clone(&source.name), line, column, length: 1, excerpt };
    Problem::error(place, message, "see `policies/README.md` for the form of such a file")
}

const REASONS: [&str; 4] = ["no_policy", "policy_forbids", "policy_failed", "policy_undecidable"];
