//! The declarative engine: scopes per action, and rules per name.
//!
//! Owns the meaning of [`Access`]. Guarantees default deny: where rules for a kind of name exist,
//! a name that none of them matches is denied, and so is a call that brings no name; the first rule
//! that matches decides. A shortfall of scopes names all scopes of action and rule at once, so that
//! a client asks its user only once (MCP 2026-07-28, authorization, "Scope Challenge").

use std::collections::HashMap;
use std::sync::Arc;

use super::decision::Reason;
use super::engine::{Engine, Lack, Query};
use super::scopes::{ActionScopes, add, are_granted};
use super::{Decision, Says};
use crate::call::{Action, Name};
use crate::class::ClassSet;
use crate::config::{Access, Redact, Rule};
use crate::glob::Glob;
use crate::principal::Principal;

/// The rules of one route, compiled.
#[derive(Debug)]
pub struct Rules {
    scopes: ActionScopes,
    tools: Vec<Compiled>,
    resources: Vec<Compiled>,
    prompts: Vec<Compiled>,
    namespaces: Vec<Compiled>,
    /// What each scope shows.
    reveal: HashMap<Box<str>, ClassSet>,
}

#[derive(Debug)]
struct Compiled {
    glob: Glob,
    rule: Rule,
    /// What the record says, such as ``tools `read_*` ``.
    label: Arc<str>,
}

/// What the rules say before scopes are compared.
enum Found<'r> {
    /// There are no rules for this kind: the action's scopes decide.
    Unruled,
    /// The first rule that matches.
    Rule(&'r Compiled),
    /// Nothing can allow it.
    Refused(Reason),
}

impl Rules {
    /// Compiles the rules of a route.
    #[must_use]
    pub fn new(access: &Access, redact: &Redact) -> Self {
        // What servers may ask of clients is judged on the way back.
        let Access { scopes: _, tools, resources, prompts, namespaces, server_requests: _ } =
            access;
        Self {
            scopes: ActionScopes::new(access),
            tools: compile("tools", tools),
            resources: compile("resources", resources),
            prompts: compile("prompts", prompts),
            namespaces: compile("namespaces", namespaces),
            reveal: shown(redact),
        }
    }

    /// Every scope that this route knows.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let rules = [&self.tools, &self.resources, &self.prompts, &self.namespaces];
        let of_rules = rules.into_iter().flatten().flat_map(|compiled| &compiled.rule.scopes);
        self.scopes.iter().chain(of_rules.chain(self.reveal.keys()).map(AsRef::as_ref))
    }

    /// Exhaustive over both enums on purpose: a new action has no rules until it is placed here.
    fn find(&self, action: Action, resource: Name<'_>) -> Found<'_> {
        match action {
            Action::ToolsInvoke => match resource {
                Name::Tool(name) => first(&self.tools, name),
                Name::Server => unnamed(&[&self.tools]),
                Name::Uri(_) | Name::Prompt(_) | Name::Namespace(_) => MISMATCH,
            },
            Action::ResourcesRead | Action::ResourcesSubscribe => match resource {
                Name::Uri(name) => first(&self.resources, name),
                Name::Server => unnamed(&[&self.resources]),
                Name::Tool(_) | Name::Prompt(_) | Name::Namespace(_) => MISMATCH,
            },
            Action::PromptsGet => match resource {
                Name::Prompt(name) => first(&self.prompts, name),
                Name::Server => unnamed(&[&self.prompts]),
                Name::Tool(_) | Name::Uri(_) | Name::Namespace(_) => MISMATCH,
            },
            Action::Completion => match resource {
                Name::Prompt(name) => first(&self.prompts, name),
                Name::Uri(name) => first(&self.resources, name),
                Name::Server => unnamed(&[&self.prompts, &self.resources]),
                Name::Tool(_) | Name::Namespace(_) => MISMATCH,
            },
            Action::ContextRead
            | Action::MemoryRead
            | Action::MemoryWrite
            | Action::MemoryDelete => match resource {
                Name::Namespace(name) => first(&self.namespaces, name),
                Name::Server => unnamed(&[&self.namespaces]),
                Name::Tool(_) | Name::Uri(_) | Name::Prompt(_) => MISMATCH,
            },
            Action::ToolsList
            | Action::ResourcesList
            | Action::PromptsList
            | Action::SessionOpen
            | Action::SessionListen
            | Action::SessionClose
            | Action::SessionAnswer => match resource {
                Name::Server => Found::Unruled,
                Name::Tool(_) | Name::Uri(_) | Name::Prompt(_) | Name::Namespace(_) => MISMATCH,
            },
        }
    }
}

impl Engine for Rules {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let Some(of_action) = self.scopes.of(query.action) else {
            return Decision::Deny { reason: Reason::EngineFailed };
        };
        let rule = match self.find(query.action, query.resource) {
            Found::Refused(reason) => return Decision::Deny { reason },
            Found::Unruled => None,
            Found::Rule(compiled) => Some(compiled),
        };
        if let Some(compiled) = rule
            && let Some(reason) = refusal(&compiled.rule, query.principal)
        {
            return Decision::Deny { reason };
        }
        let of_rule = rule.map_or(&[][..], |compiled| compiled.rule.scopes.as_slice());
        let granted = &query.principal.scopes;
        if are_granted(of_action, granted) && are_granted(of_rule, granted) {
            return Decision::Allow { rule: rule.map(|compiled| Arc::clone(&compiled.label)) };
        }
        let mut all = Vec::with_capacity(of_action.len() + of_rule.len());
        add(&mut all, of_action);
        add(&mut all, of_rule);
        let missing = all.iter().filter(|scope| !granted.contains(scope)).cloned().collect();
        Decision::NeedScopes { missing, all }
    }

    fn lacking(&self, action: Action, principal: &Principal) -> Option<Lack> {
        // An action that is not in the table has nothing that could be granted for it.
        let all = self.scopes.of(action).unwrap_or_default();
        let missing: Vec<Box<str>> =
            all.iter().filter(|scope| !principal.scopes.contains(scope)).cloned().collect();
        (!missing.is_empty()).then(|| (missing, all.to_vec()))
    }

    fn says(&self, principal: &Principal, namespace: &str) -> Says {
        match first(&self.namespaces, namespace) {
            Found::Unruled => Says::Yes,
            Found::Rule(compiled) => {
                let granted = are_granted(&compiled.rule.scopes, &principal.scopes);
                if granted && refusal(&compiled.rule, principal).is_none() {
                    Says::Yes
                } else {
                    Says::No
                }
            }
            Found::Refused(_) => Says::Nothing,
        }
    }

    fn reveal(&self, principal: &Principal) -> ClassSet {
        let held = principal.scopes.iter().filter_map(|scope| self.reveal.get(scope));
        held.fold(ClassSet::empty(), |all, classes| all.union(*classes))
    }
}

/// Which classes each scope shows.
fn shown(redact: &Redact) -> HashMap<Box<str>, ClassSet> {
    let mut all: HashMap<Box<str>, ClassSet> = HashMap::new();
    for (class, scopes) in &redact.reveal {
        for scope in scopes {
            all.entry(scope.clone()).or_default().insert(*class);
        }
    }
    all
}

fn compile(kind: &str, rules: &[Rule]) -> Vec<Compiled> {
    let compiled = |rule: &Rule| Compiled {
        glob: Glob::new(&rule.pattern),
        label: format!("{kind} `{}`", rule.pattern).into(),
        rule: rule.clone(),
    };
    rules.iter().map(compiled).collect()
}

fn first<'r>(rules: &'r [Compiled], name: &str) -> Found<'r> {
    if rules.is_empty() {
        return Found::Unruled;
    }
    let found = rules.iter().find(|compiled| compiled.glob.matches(name));
    found.map_or(Found::Refused(Reason::NoRule), Found::Rule)
}

/// A call without a name would slip past every rule for names.
fn unnamed(lists: &[&Vec<Compiled>]) -> Found<'static> {
    if lists.iter().all(|rules| rules.is_empty()) {
        Found::Unruled
    } else {
        Found::Refused(Reason::Unnamed)
    }
}

/// What no scope can mend.
fn refusal(rule: &Rule, principal: &Principal) -> Option<Reason> {
    let Rule { pattern: _, scopes: _, roles, deny } = rule;
    if *deny {
        return Some(Reason::RuleDenies);
    }
    let held = |role: &str| principal.roles.iter().any(|held| **held == *role);
    (!roles.is_empty() && !roles.iter().any(|role| held(role))).then_some(Reason::RoleMissing)
}

const MISMATCH: Found<'static> = Found::Refused(Reason::Mismatch);
