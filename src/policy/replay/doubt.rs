//! Whether what a record does not tell could change what policies say.

use std::sync::Arc;

use cedar_policy::PrincipalConstraint;
use serde_json::Value;

use super::super::Policies;
use super::super::expr::{self, Facet};
use super::super::given::{Doubt, Exactness, Given};
use super::super::text::Rule;
use crate::limits::{AUDIT_ROLES_MAX, AUDIT_TEXT_BYTES_MAX};

impl Policies {
    /// A doubt about a question that these policies could answer otherwise without it.
    #[must_use]
    pub(super) fn doubt(&self, given: &Given, exactness: &Exactness) -> Option<Doubt> {
        let matters = |doubt: &Doubt| match doubt {
            Doubt::Name | Doubt::Cut => true,
            Doubt::Arguments => self.about(given).any(|rule| rule.uses.looks_at_arguments()),
            // What a group gives is lost with the group.
            Doubt::Circumstances => {
                let roles = &given.principal.roles;
                let cut = |role: &Arc<str>| role.len() + 4 > AUDIT_TEXT_BYTES_MAX;
                self.world.hierarchy.group_names().next().is_some()
                    || roles.len() >= AUDIT_ROLES_MAX
                    || roles.iter().any(cut)
                    || !self.about(given).all(asks_what_every_record_tells)
            }
        };
        exactness.doubts().find(matters)
    }

    /// The policies that speak of something, whoever asks: who asks may be in doubt too.
    fn about(&self, given: &Given) -> impl Iterator<Item = &Rule> {
        let thing = self.world.thing(&self.types, &given.server, given.on.target());
        let stands_in = thing.map(|thing| thing.stands_in).unwrap_or_default();
        let about = self.index.about(given.act, &stands_in).into_iter();
        about.filter_map(|number| self.rules.get(usize::try_from(number).ok()?))
    }
}

/// Whether a policy asks for nothing but issuer, subject, method, roles, address and arguments:
/// every record tells them, also of servers that no policy governed.
fn asks_what_every_record_tells(rule: &Rule) -> bool {
    let told = [Facet::Server, Facet::Tool, Facet::Args, Facet::Subject, Facet::Client];
    let scope = match rule.policy.principal_constraint() {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) => {
            uid.type_name().basename() == "Role"
        }
        // The type of a caller follows from the client's id, which a record may not tell.
        PrincipalConstraint::Is(_) | PrincipalConstraint::IsIn(..) => false,
    };
    let (mut named, mut harmless) = (0_usize, 0_usize);
    for (node, _) in expr::conjuncts(&rule.tree) {
        expr::each(node, &mut |node| {
            named += usize::from(is_principal(node));
            let attribute = expr::of_principal(node);
            let told = attribute.is_some_and(|name| ATTRIBUTES.contains(&name));
            harmless += usize::from(told || is_in_role(node));
        });
    }
    scope
        && named == harmless
        && rule.notes.step_up.is_empty()
        && rule.notes.fresh_s.is_none()
        && rule.uses.facets.iter().all(|facet| told.contains(facet))
}

fn is_principal(node: &Value) -> bool {
    node.get("Var").and_then(Value::as_str) == Some("principal")
}

/// `principal in Role::"x"`
fn is_in_role(node: &Value) -> bool {
    node.get("in").is_some_and(|both| {
        let kind = both.get("right").and_then(expr::literal);
        let kind = kind.and_then(|uid| uid.get("__entity")?.get("type")?.as_str());
        both.get("left").is_some_and(is_principal) && kind == Some("Role")
    })
}

const ATTRIBUTES: &[&str] = &["subject", "issuer", "method", "roles"];
