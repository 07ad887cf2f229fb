//! What is probably not meant in policies, told where the configuration is checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::model::{Auth, Governance, RedactProfile, Server};
use super::super::problem::Problem;
use super::{At, Context};
use crate::policy::Policies;
use crate::policy::facts::ToolShape;
use crate::policy::lint::{Around, Governed, Names, cheap};

/// Warns of policies without effect, of policies with more than anybody wants, and of tools that no
/// policy names. What was told of a line before is not told again.
pub(super) fn warn(cx: &mut Context<'_>, policies: &Policies, servers: &[Server]) {
    for found in cheap(policies, &policy_surroundings(servers.iter())) {
        let place = found.place;
        let told = cx.problems.iter().any(|one| *one.file == *place.file && one.line == place.line);
        if !told {
            let at = (place.line, place.column, place.length);
            let file = place.file.to_string();
            let problem = Problem::of_other(file, at, &place.excerpt, found.message, found.help);
            cx.problems.push(problem.warning());
        }
    }
}

/// Keys that only policies make use of, on servers that none govern.
pub(super) fn ungoverned<'s>(
    cx: &mut Context<'_>,
    at: &At<'_>,
    servers: impl Iterator<Item = (&'s Server, bool)>,
) {
    for (number, (server, governed)) in servers.enumerate() {
        let at = at.item(number);
        // What is hidden in results keeps to their schemas, with policies or without.
        let alone = |tools: &Vec<(_, ToolShape)>| tools.iter().all(|(_, it)| it.output.is_none());
        let keys = [
            (server.tool_shapes.as_ref().is_some_and(alone), at.key("tool_schemas")),
            (!server.limits.classes.is_empty(), at.key("limits").key("classes")),
            (unchosen(server).next().is_some(), at.key("redact").key("profiles")),
        ];
        for (_, at) in keys.into_iter().filter(|(typed, _)| *typed && !governed) {
            let message = "this has no effect: no policies govern this server";
            cx.absent(
                &at,
                message,
                "add `policy` to the file or `roles` to the server, or remove it",
            );
        }
    }
}

/// Profiles that no rule for tools chooses.
fn unchosen(server: &Server) -> impl Iterator<Item = &RedactProfile> {
    let tools = &server.redact.tools;
    let chosen = |profile: &&RedactProfile| tools.iter().any(|rule| rule.profile == profile.name);
    server.redact.profiles.iter().filter(move |profile| !chosen(profile))
}

/// Rates and profiles that no policy chooses.
pub(super) fn unused(
    cx: &mut Context<'_>,
    at: &At<'_>,
    governance: &Governance,
    servers: &[Server],
) {
    let sets = [Some(&governance.live), governance.shadow.as_ref()];
    let rules = || sets.into_iter().flatten().flat_map(|set| set.rules());
    let rated = |name: &str| rules().any(|rule| rule.notes.rate.as_deref() == Some(name));
    let chosen = |name: &str| rules().any(|rule| rule.notes.redact.as_deref() == Some(name));
    for (number, server) in servers.iter().enumerate().filter(|(_, s)| s.policy.is_some()) {
        let at = at.item(number);
        for (name, _) in server.limits.classes.iter().filter(|(name, _)| !rated(name)) {
            let at = at.key("limits").key("classes").key(name);
            let help = format!("write `@rate(\"{name}\")` on a permit, or remove it");
            cx.warn(&at, "no policy puts a call into this class", help);
        }
        for profile in unchosen(server).filter(|profile| !chosen(&profile.name)) {
            let at = at.key("redact").key("profiles").key(&profile.name);
            let help = format!("write `@redact(\"{}\")` on a permit, or remove it", profile.name);
            cx.warn(&at, "no policy chooses this profile", help);
        }
    }
}

/// What a configuration gives to policies: who can come, and what obligations can name.
#[must_use]
pub fn policy_surroundings<'s>(servers: impl Iterator<Item = &'s Server>) -> Around {
    let mut around = Around::default();
    for server in servers.filter(|server| server.policy.is_some()) {
        callers(server, &mut around);
        around.servers.push(Governed {
            name: Arc::clone(&server.name),
            rates: server.limits.classes.iter().map(|(name, _)| (&**name).into()).collect(),
            profiles: server.redact.profiles.iter().map(|p| (&*p.name).into()).collect(),
        });
    }
    around
}

fn callers(server: &Server, around: &mut Around) {
    for method in server.auth.methods() {
        match method {
            Auth::None => {
                around.kinds.insert("Anonymous");
            }
            Auth::Certificate => {
                around.kinds.insert("Service");
            }
            Auth::ApiKeys(keys) => {
                around.kinds.insert("Service");
                let held = keys.keys.entries().iter().flat_map(|entry| &entry.roles);
                let held: BTreeSet<Arc<str>> = held.map(|role| role.as_str().into()).collect();
                if let Names::These(roles) = &mut around.roles {
                    roles.extend(held);
                }
            }
            Auth::Tokens(issuers) => {
                around.kinds.extend(["User", "Service"]);
                for issuer in issuers {
                    let names = [
                        (issuer.roles_claim.is_some(), &mut around.roles),
                        (issuer.claims.groups.is_some(), &mut around.groups),
                        (issuer.tenant_claim.is_some(), &mut around.tenants),
                    ];
                    for (brings, of) in names {
                        if brings {
                            *of = Names::Any;
                        }
                    }
                }
            }
            // `methods` has taken it apart.
            Auth::Any(_) => {}
        }
    }
}
