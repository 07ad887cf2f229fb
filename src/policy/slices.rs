//! Which policies can have a say in a question.
//!
//! Owns the index over the scopes of policies. Guarantees: every policy whose scope fits a question
//! is in its slice; a policy whose scope does not fit is in none, so that its mistakes deny nothing
//! that it does not speak of.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, PolicySet, PrincipalConstraint, ResourceConstraint,
};

use super::expr::Uses;
use super::facts::Act;
use super::memo::Memo;
use super::text::Rule;
use crate::limits::POLICY_SLICES_MAX;

/// The policies that fit one kind of question, ready to be evaluated.
#[derive(Debug)]
pub struct Slice {
    /// Which, in order.
    pub rules: Vec<u32>,
    /// For the evaluator.
    pub set: PolicySet,
    /// What they look at together.
    pub uses: Uses,
}

/// The index of a set.
#[derive(Debug)]
pub struct Index {
    scopes: Vec<Scope>,
    by_principal: HashMap<EntityUid, Vec<u32>>,
    by_resource: HashMap<EntityUid, Vec<u32>>,
    /// Neither a principal nor a resource is named.
    anywhere: Vec<u32>,
    slices: Memo<Vec<u32>, Arc<Slice>>,
}

/// The scope of a policy.
#[derive(Debug)]
pub(super) struct Scope {
    principal: Part,
    resource: Part,
    /// One bit for each act.
    acts: u32,
}

#[derive(Debug)]
struct Part {
    kind: Option<EntityTypeName>,
    /// In it, or it itself: an entity stands in itself.
    within: Option<EntityUid>,
}

impl Index {
    /// Indexes policies. `groups` tells the acts that stand in an action entity, itself included.
    #[must_use]
    pub fn new(rules: &[Rule], acts: &ActGroups) -> Self {
        let mut index = Self {
            scopes: Vec::with_capacity(rules.len()),
            by_principal: HashMap::new(),
            by_resource: HashMap::new(),
            anywhere: Vec::new(),
            slices: Memo::new(POLICY_SLICES_MAX),
        };
        for (number, rule) in (0_u32..).zip(rules) {
            let scope = Scope::of(rule, acts);
            // The rarer of the two is looked up; the other is compared.
            let list = match (&scope.principal.within, &scope.resource.within) {
                (_, Some(resource)) if *resource.type_name().basename() != *"Server" => {
                    index.by_resource.entry(resource.clone()).or_default()
                }
                (Some(principal), _) => index.by_principal.entry(principal.clone()).or_default(),
                (None, Some(resource)) => index.by_resource.entry(resource.clone()).or_default(),
                (None, None) => &mut index.anywhere,
            };
            list.push(number);
            index.scopes.push(scope);
        }
        index
    }

    /// The policies whose scope fits, in the order of the set. Entities come with all in which they
    /// stand; the entity itself is the last.
    #[must_use]
    pub fn fitting(&self, act: Act, principal: &[EntityUid], resource: &[EntityUid]) -> Vec<u32> {
        let named = principal.iter().filter_map(|one| self.by_principal.get(one));
        let about = resource.iter().filter_map(|one| self.by_resource.get(one));
        let candidates = named.chain(about).chain([&self.anywhere]).flatten();
        let fits = |number: &&u32| {
            let at = usize::try_from(**number).unwrap_or(usize::MAX);
            let scope = self.scopes.get(at);
            scope.is_some_and(|scope| scope.speaks_of(act) && scope.fits(principal, resource))
        };
        let mut found: Vec<u32> = candidates.filter(fits).copied().collect();
        found.sort_unstable();
        found
    }

    /// Which policies speak of an act and of something, whoever asks.
    #[must_use]
    pub fn about(&self, act: Act, resource: &[EntityUid]) -> Vec<u32> {
        let fits = |scope: &Scope| scope.speaks_of(act) && scope.covers(resource);
        (0_u32..).zip(&self.scopes).filter(|(_, scope)| fits(scope)).map(|(n, _)| n).collect()
    }

    /// The scope of a policy, by its number.
    #[must_use]
    pub(super) fn scope(&self, rule: usize) -> Option<&Scope> {
        self.scopes.get(rule)
    }

    /// Makes fitting policies ready.
    #[must_use]
    pub fn slice(&self, fitting: Vec<u32>, rules: &[Rule]) -> Arc<Slice> {
        let make = || {
            let mut uses = Uses::default();
            let mut set = PolicySet::new();
            for number in &fitting {
                let at = usize::try_from(*number).unwrap_or(usize::MAX);
                let Some(rule) = rules.get(at) else { continue };
                uses.join(&rule.uses);
                // Ids are unique, which is why this cannot fail; the engine counts all the same.
                let _ = set.add(rule.policy.clone());
            }
            Arc::new(Slice { rules: fitting.clone(), set, uses })
        };
        self.slices.of(fitting.clone(), make)
    }
}

/// The acts that stand in each action.
pub type ActGroups = HashMap<EntityUid, u32>;

impl Scope {
    /// Whether it speaks of an act.
    pub(super) fn speaks_of(&self, act: Act) -> bool {
        self.acts & (1 << act.index()) != 0
    }

    /// Who it speaks of: of which type, and in what.
    pub(super) fn principal(&self) -> (Option<&EntityTypeName>, Option<&EntityUid>) {
        (self.principal.kind.as_ref(), self.principal.within.as_ref())
    }

    /// What it speaks of: of which type, and in what.
    pub(super) fn resource(&self) -> (Option<&EntityTypeName>, Option<&EntityUid>) {
        (self.resource.kind.as_ref(), self.resource.within.as_ref())
    }

    /// Whether it speaks of someone and something, each given with all in which it stands.
    pub(super) fn fits(&self, principal: &[EntityUid], resource: &[EntityUid]) -> bool {
        self.principal.fits(principal) && self.resource.fits(resource)
    }

    /// Whether it speaks of something, given with all in which it stands.
    pub(super) fn covers(&self, resource: &[EntityUid]) -> bool {
        self.resource.fits(resource)
    }

    pub(super) fn of(rule: &Rule, acts: &ActGroups) -> Self {
        let principal = match rule.policy.principal_constraint() {
            PrincipalConstraint::Any => Part { kind: None, within: None },
            PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) => {
                Part { kind: None, within: Some(uid) }
            }
            PrincipalConstraint::Is(kind) => Part { kind: Some(kind), within: None },
            PrincipalConstraint::IsIn(kind, uid) => Part { kind: Some(kind), within: Some(uid) },
        };
        let resource = match rule.policy.resource_constraint() {
            ResourceConstraint::Any => Part { kind: None, within: None },
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) => {
                Part { kind: None, within: Some(uid) }
            }
            ResourceConstraint::Is(kind) => Part { kind: Some(kind), within: None },
            ResourceConstraint::IsIn(kind, uid) => Part { kind: Some(kind), within: Some(uid) },
        };
        let of = |uid: &EntityUid| acts.get(uid).copied().unwrap_or(0);
        let acts = match rule.policy.action_constraint() {
            ActionConstraint::Any => u32::MAX,
            ActionConstraint::In(uids) => uids.iter().fold(0, |bits, uid| bits | of(uid)),
            ActionConstraint::Eq(uid) => of(&uid),
        };
        Self { principal, resource, acts }
    }
}

impl Part {
    fn fits(&self, stands_in: &[EntityUid]) -> bool {
        let kind = self.kind.as_ref();
        kind.is_none_or(|kind| stands_in.last().is_some_and(|own| own.type_name() == kind))
            && self.within.as_ref().is_none_or(|within| stands_in.contains(within))
    }
}
