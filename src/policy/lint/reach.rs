//! How far the scope of a policy goes, and whether that of another goes at least as far.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{EntityTypeName, EntityUid};

use super::super::Policies;
use super::super::expr;
use super::super::facts::{Act, Target, World};
use super::super::slices::Scope;
use super::super::text::Rule;
use crate::call::Name;

/// The scopes of a set.
pub(super) struct Reaches(HashMap<Arc<str>, Reach>);

/// The scope of one policy.
pub(super) struct Reach {
    principal: Side,
    resource: Side,
    acts: u32,
    unconditional: bool,
    number: usize,
}

/// Who, or on what.
struct Side {
    kind: Option<EntityTypeName>,
    within: Option<EntityUid>,
    /// All in which that stands, itself included.
    above: Vec<EntityUid>,
}

impl Reaches {
    pub(super) fn new(policies: &Policies) -> Self {
        let rules = policies.rules().iter().enumerate();
        let reach = |(number, rule): (usize, &Rule)| {
            let scope = policies.index.scope(number)?;
            Some((Arc::clone(&rule.id), Reach::new(number, rule, scope, policies)))
        };
        Self(rules.filter_map(reach).collect())
    }

    pub(super) fn of(&self, rule: &Rule) -> Option<&Reach> {
        self.0.get(&rule.id)
    }

    pub(super) fn earlier(&self, one: &Rule, other: &Rule) -> bool {
        let number = |rule: &Rule| self.of(rule).map(|reach| reach.number);
        number(one) < number(other)
    }
}

impl Reach {
    fn new(number: usize, rule: &Rule, scope: &Scope, policies: &Policies) -> Self {
        let side = |(kind, within): (Option<&EntityTypeName>, Option<&EntityUid>)| Side {
            kind: kind.cloned(),
            within: within.cloned(),
            above: within.map(|uid| above(uid, policies)).unwrap_or_default(),
        };
        let all = Act::all().fold(0, |bits, act| bits | (1 << act.index()));
        Self {
            principal: side(scope.principal()),
            resource: side(scope.resource()),
            acts: Act::all()
                .filter(|act| scope.speaks_of(*act))
                .fold(0, |bits, act| bits | (1 << act.index()))
                & all,
            unconditional: expr::conjuncts(&rule.tree).is_empty(),
            number,
        }
    }

    pub(super) fn unconditional(&self) -> bool {
        self.unconditional
    }

    pub(super) fn anybody(&self) -> bool {
        self.principal.is_all()
    }

    pub(super) fn anything(&self) -> bool {
        self.resource.is_all()
    }

    pub(super) fn any_action(&self) -> bool {
        Act::all().all(|act| self.speaks_of(act))
    }

    pub(super) fn speaks_of(&self, act: Act) -> bool {
        let named = self.acts & (1 << act.index()) != 0;
        // A class is all that is revealed, and nothing else is about one.
        let kind = self.resource.kind.as_ref().or(self
            .resource
            .within
            .as_ref()
            .map(|uid| uid.type_name()));
        named
            && kind.is_none_or(|kind| {
                let class = matches!(kind.basename(), "Class" | "ClassSet");
                class == (act == Act::Reveal)
            })
    }

    /// Whether it can have a say on a server.
    pub(super) fn concerns(&self, server: &str) -> bool {
        self.resource.within.as_ref().is_none_or(|uid| {
            let name = uid.id().unescaped();
            match uid.type_name().basename() {
                "Server" => name == server,
                "Tool" | "Resource" | "Prompt" | "Namespace" => {
                    name.split('/').next() == Some(server)
                }
                _other => true,
            }
        })
    }

    /// Whether every question that fits the other one fits this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.acts & !self.acts == 0
            && self.principal.covers(&other.principal)
            && self.resource.covers(&other.resource)
    }
}

impl Side {
    fn is_all(&self) -> bool {
        self.kind.is_none() && self.within.is_none()
    }

    fn covers(&self, other: &Self) -> bool {
        let kind = self.kind.as_ref().is_none_or(|kind| {
            // What stands in a leaf is the leaf itself.
            let leaf =
                |uid: &EntityUid| uid.type_name() == kind && LEAVES.contains(&kind.basename());
            other.kind.as_ref() == Some(kind) || other.within.as_ref().is_some_and(leaf)
        });
        kind && self.within.as_ref().is_none_or(|uid| other.above.contains(uid))
    }
}

/// All in which something stands that a policy names.
fn above(uid: &EntityUid, policies: &Policies) -> Vec<EntityUid> {
    let Policies { world, types, .. } = policies;
    let World { hierarchy, .. } = world;
    let name = uid.id().unescaped();
    let own = Arc::from(name);
    let roles = |held: &[Arc<str>], groups: &[Arc<str>]| -> Vec<EntityUid> {
        let names = hierarchy.roles(held, groups);
        names.into_iter().filter_map(|role| types.uid("Role", role)).collect()
    };
    let thing = |target: Target<'_>, server: &str| {
        world.thing(types, server, target).map(|thing| thing.stands_in).unwrap_or_default()
    };
    let on = name.split_once('/');
    let mut all = match (uid.type_name().basename(), on) {
        ("Role", _) => roles(&[own], &[]),
        ("Group", _) => roles(&[], &[own]),
        ("Class", _) => thing(Target::Class { class: name, tool: None }, ""),
        ("Tool", Some((server, name))) => thing(Target::Name(Name::Tool(name)), server),
        ("Resource", Some((server, name))) => thing(Target::Name(Name::Uri(name)), server),
        ("Prompt", Some((server, name))) => thing(Target::Name(Name::Prompt(name)), server),
        ("Namespace", Some((server, name))) => thing(Target::Name(Name::Namespace(name)), server),
        (_other, _) => Vec::new(),
    };
    all.push(uid.clone());
    all
}

const LEAVES: &[&str] =
    &["Tool", "Resource", "Prompt", "Namespace", "Class", "User", "Service", "Anonymous"];
