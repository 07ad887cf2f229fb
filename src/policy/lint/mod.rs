//! What is probably not meant: policies without effect, and policies with more than anybody wants.
//!
//! Pure. Looks at the policies of files only: those of the base and those made of YAML are right by
//! construction, but they count as what others may stand inside. Guarantees that a finding is never
//! a matter of taste: an error is a policy that does nothing, or permits everything.

mod always;
mod reach;
mod unnamed;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::expr::{self, Facet};
use super::facts::Act;
use super::problem::Problem;
use super::roles::Made;
use super::text::{Notes, Rule};
use super::{Policies, check};
use crate::call::Action;
use reach::Reaches;

/// What a configuration gives to policies, beyond what they are compiled with.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Roles that a caller can bring.
    pub roles: Names,
    /// Groups that a caller can bring.
    pub groups: Names,
    /// Tenants that a caller can bring.
    pub tenants: Names,
    /// Kinds of callers that there can be: `User`, `Service`, `Anonymous`.
    pub kinds: BTreeSet<&'static str>,
    /// The servers that policies govern.
    pub servers: Vec<Governed>,
}

/// Names that something gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// An issuer chooses them.
    Any,
    /// These alone.
    These(BTreeSet<Arc<str>>),
}

impl Default for Names {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

/// A server that policies govern, and what obligations can name there.
#[derive(Debug, Clone, Default)]
pub struct Governed {
    /// Its name.
    pub name: Arc<str>,
    /// Names of `limits.classes`.
    pub rates: Vec<Box<str>>,
    /// Names of `redact.profiles`.
    pub profiles: Vec<Box<str>>,
}

/// Everything that is found, by place.
#[must_use]
pub fn lint(policies: &Policies, around: &Around) -> Vec<Problem> {
    let mut problems = cheap(policies, around);
    let dead: BTreeSet<(usize, Arc<str>)> =
        problems.iter().map(|p| (p.place.line, Arc::clone(&p.place.file))).collect();
    // A policy that cannot hold holds conditions that always hold, trivially.
    let alive = |rule: &&Rule| !dead.contains(&(rule.place.line, Arc::clone(&rule.place.file)));
    problems.extend(always::conditions(policies, typed(policies).filter(alive)));
    ordered(problems)
}

/// What is found without asking the validator about each condition.
#[must_use]
pub fn cheap(policies: &Policies, around: &Around) -> Vec<Problem> {
    let mut problems = validated(policies);
    problems.extend(unnamed::tools(policies, around));
    let reaches = Reaches::new(policies);
    problems.extend(duplicates(policies));
    for rule in typed(policies) {
        problems.extend(nobody(rule, policies, around));
        problems.extend(everything(rule, &reaches));
        problems.extend(obligations(rule, &reaches, around));
        problems.extend(second(rule, policies, &reaches));
        problems.extend(inside(rule, policies, &reaches));
    }
    ordered(problems)
}

fn ordered(mut problems: Vec<Problem>) -> Vec<Problem> {
    let key = |p: &Problem| (Arc::clone(&p.place.file), p.place.line, p.place.column, p.warning);
    problems.sort_by_key(key);
    problems.dedup();
    problems
}

/// The policies that somebody typed.
fn typed(policies: &Policies) -> impl Iterator<Item = &Rule> {
    policies.own_rules().iter().filter(|rule| is_typed(policies, rule))
}

fn is_typed(policies: &Policies, rule: &Rule) -> bool {
    Made::of(&rule.place.file, &policies.known().servers).is_none()
}

/// What the validator warns about. What can never hold is an error here.
fn validated(policies: &Policies) -> Vec<Problem> {
    let rules: Vec<Rule> = typed(policies).cloned().collect();
    let found = check::check(&rules, policies.known(), policies.world());
    let mut problems: Vec<Problem> = Vec::new();
    for problem in found {
        let Some(message) = never(&problem.message) else {
            problems.push(problem);
            continue;
        };
        // The same may be said twice, of the scope and of the conditions, or of each tool.
        let at = |other: &Problem| !other.warning && other.place.line == problem.place.line;
        if !problems.iter().any(|other| at(other) && other.place.file == problem.place.file) {
            let help = "see `sallyport policy schema` for what each action is about";
            problems.push(Problem::error(problem.place, message, help));
        }
    }
    problems
}

/// What the validator means where it says that a policy never matches.
fn never(message: &str) -> Option<&'static str> {
    if message.contains("unable to find an applicable action") {
        Some("this can never match: no such action is done by such a caller on such a thing")
    } else if message.contains("evaluates to false for all valid requests") {
        Some("this can never match: its conditions cannot all hold")
    } else {
        None
    }
}

/// A caller that a policy names and that cannot be there.
fn nobody(rule: &Rule, policies: &Policies, around: &Around) -> Vec<Problem> {
    let hierarchy = &policies.world().hierarchy;
    let held = |names: &Names| match names {
        Names::Any => None,
        Names::These(names) => Some(names.iter().cloned().collect::<Vec<_>>()),
    };
    let (roles, groups) = (held(&around.roles), held(&around.groups));
    let given_role = |name: &str| match (&roles, &groups) {
        (None, _) => true,
        (Some(roles), Some(groups)) => hierarchy.roles(roles, groups).contains(&name),
        (Some(roles), None) => {
            let groups: Vec<Arc<str>> = hierarchy.group_names().map(Arc::from).collect();
            hierarchy.roles(roles, &groups).contains(&name)
        }
    };
    let among = |names: &Names, name: &str| match names {
        Names::Any => true,
        Names::These(names) => names.contains(name),
    };
    let mut problems = Vec::new();
    for uid in rule.policy.entity_literals() {
        let (kind, name) = (uid.type_name().basename(), uid.id().unescaped());
        let (given, help) = match kind {
            "Role" => (given_role(name), "no token and no API key brings it; see `roles_claim`"),
            "Group" => (among(&around.groups, name), "no token brings it; see `claims.groups`"),
            "Tenant" => (among(&around.tenants, name), "no token brings it; see `claims.tenant`"),
            "User" | "Service" | "Anonymous" => {
                (around.kinds.contains(kind), "no server accepts callers of this kind; see `auth`")
            }
            _other => continue,
        };
        if !given {
            let message = format!("nobody can be `{kind}::{}`", super::quoted(name));
            problems.push(Problem::error(rule.name_place(name), message, help).warn());
        }
    }
    problems
}

/// Permits that ask nothing.
fn everything(rule: &Rule, reaches: &Reaches) -> Option<Problem> {
    let reach = reaches.of(rule)?;
    if !rule.permits() || !reach.anybody() {
        return None;
    }
    let conditional = !expr::conjuncts(&rule.tree).is_empty();
    if reach.anything() && reach.any_action() && !conditional {
        let message = "everybody may do everything";
        let help = "name who, what or on what: `principal in Role::\"..\"`";
        return Some(Problem::error(rule.place.clone(), message, help));
    }
    let changes = [Action::ToolsInvoke, Action::MemoryWrite, Action::MemoryDelete];
    let acts: Vec<&str> = changes
        .into_iter()
        .map(Act::Call)
        .chain([Act::Reveal])
        .filter(|act| reach.speaks_of(*act))
        .map(Act::name)
        .collect();
    if acts.is_empty() || asks_who(rule) {
        return None;
    }
    let message = format!("this permits {} to everybody", acts.join(", "));
    let help = "name who: `principal in Role::\"..\"`, or ask for a scope or claim";
    Some(Problem::error(rule.place.clone(), message, help).warn())
}

/// Whether the conditions look at the caller, the token or where both come from.
fn asks_who(rule: &Rule) -> bool {
    let of = [Facet::Client, Facet::Connection, Facet::Token];
    let mut found = of.iter().any(|facet| rule.uses.facets.contains(facet));
    for (node, _) in expr::conjuncts(&rule.tree) {
        expr::each(node, &mut |node| {
            found |= node.get("Var").and_then(Value::as_str) == Some("principal");
        });
    }
    found
}

/// `@rate` and `@redact` that nothing follows.
fn obligations(rule: &Rule, reaches: &Reaches, around: &Around) -> Vec<Problem> {
    let Some(reach) = reaches.of(rule) else { return Vec::new() };
    let Notes { rate, redact, .. } = &rule.notes;
    let mut problems = Vec::new();
    let notes = [("rate", rate, "limits.classes"), ("redact", redact, "redact.profiles")];
    for (note, name, key) in notes {
        let Some(name) = name else { continue };
        if !Action::ALL.into_iter().any(|action| reach.speaks_of(Act::Call(action))) {
            let message = format!("`@{note}` has no effect: the policy speaks of no call");
            let help = "put it on the permit of the call";
            problems.push(Problem::error(rule.place.clone(), message, help));
            continue;
        }
        let about: Vec<&Governed> =
            around.servers.iter().filter(|server| reach.concerns(&server.name)).collect();
        let lacks = |server: &&&Governed| {
            let names = if note == "rate" { &server.rates } else { &server.profiles };
            !names.iter().any(|one| **one == **name)
        };
        let lacking: Vec<&str> = about.iter().filter(lacks).map(|s| &*s.name).collect();
        if !lacking.is_empty() {
            let message =
                format!("`@{note}` has no effect on {}: there is no `{name}`", lacking.join(", "));
            let help = format!("add it to `{key}` of each server that the policy speaks of");
            let problem = Problem::error(rule.place.clone(), message, help);
            let everywhere = lacking.len() == about.len();
            problems.push(if everywhere { problem } else { problem.warn() });
        }
    }
    problems
}

/// `@rate` and `@redact` where another one's always comes first.
fn second(rule: &Rule, policies: &Policies, reaches: &Reaches) -> Vec<Problem> {
    let Some(own) = reaches.of(rule) else { return Vec::new() };
    let notes: [(&str, Note); 2] =
        [("rate", |n| n.rate.as_ref()), ("redact", |n| n.redact.as_ref())];
    let mut problems = Vec::new();
    for (name, note) in notes {
        let Some(value) = note(&rule.notes) else { continue };
        let before = policies.rules().iter().take_while(|other| other.id != rule.id);
        let mut always = before.filter(|other| {
            let broad = reaches.of(other).filter(|reach| reach.unconditional());
            let differs = note(&other.notes).is_some_and(|other| other != value);
            differs && !demands(other) && broad.is_some_and(|broad| broad.covers(own))
        });
        if let Some(first) = always.next() {
            let at = format!("{}:{}", first.place.file, first.place.line);
            let message =
                format!("`@{name}` has no effect: that of `{}` comes first ({at})", first.id);
            let help = "the first of a set counts: move this one up, or make the other narrower";
            problems.push(Problem::error(rule.place.clone(), message, help));
        }
    }
    problems
}

/// A note that names something.
type Note = fn(&Notes) -> Option<&Arc<str>>;

/// A policy whose every case another one decides already.
fn inside(rule: &Rule, policies: &Policies, reaches: &Reaches) -> Option<Problem> {
    let own = reaches.of(rule)?;
    let bare = rule.notes.clone();
    let silent = Notes { description: None, ..bare } == Notes::default();
    for other in policies.rules() {
        let Some(broad) = reaches.of(other).filter(|_| other.id != rule.id) else { continue };
        // Two of the same scope are each inside the other: the earlier one stays.
        let covers = broad.unconditional() && broad.covers(own);
        if !covers || (own.unconditional() && own.covers(broad) && !reaches.earlier(other, rule)) {
            continue;
        }
        let other_at = format!("{}:{}", other.place.file, other.place.line);
        let problem =
            |message: String, help: &str| Problem::error(rule.place.clone(), message, help);
        match (rule.permits(), other.permits()) {
            (true, false) => {
                let message =
                    format!("never permits: `{}` forbids all of it ({other_at})", other.id);
                return Some(problem(message, "remove it, or make the forbid narrower"));
            }
            (true, true) if silent && !demands(other) => {
                let message = format!("permits nothing more than `{}` ({other_at})", other.id);
                let help = "remove it, or make the other one narrower";
                return Some(problem(message, help).warn());
            }
            (true, true) if demands(rule) && !demands(other) => {
                let message =
                    format!("asks for more in vain: `{}` permits all of it ({other_at})", other.id);
                return Some(problem(message, "make the other one narrower"));
            }
            (false, false) if silent => {
                let message = format!("forbids nothing more than `{}` ({other_at})", other.id);
                return Some(problem(message, "remove it").warn());
            }
            (true, true) | (false, true | false) => {}
        }
    }
    None
}

/// Whether a permit asks for more scopes or a new sign-in.
fn demands(rule: &Rule) -> bool {
    !rule.notes.step_up.is_empty() || rule.notes.fresh_s.is_some()
}

/// Policies that say the same.
fn duplicates(policies: &Policies) -> Vec<Problem> {
    let mut seen: HashMap<String, &Rule> = HashMap::new();
    let mut problems = Vec::new();
    for rule in policies.own_rules() {
        let mut tree = Value::clone(&rule.tree);
        if let Some(annotations) = tree.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| name != "id" && name != "description");
        }
        match seen.entry(tree.to_string()) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(rule);
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                let first = entry.get();
                let at = format!("{}:{}", first.place.file, first.place.line);
                let message = format!("says the same as `{}` ({at})", first.id);
                let help = "remove one of them";
                if is_typed(policies, rule) {
                    problems.push(Problem::error(rule.place.clone(), message, help).warn());
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests;
