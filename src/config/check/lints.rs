//! What is probably not meant in policies, told where the configuration is checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::model::{Auth, Server};
use super::super::problem::Problem;
use super::Context;
use crate::policy::Policies;
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
