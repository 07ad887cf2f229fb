//! A set of policies as text: everything that decides, each policy with where it comes from.
//!
//! Guarantees: the text is Cedar, and compiled again it decides as the set does, under the same
//! ids.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::text::Rule;
use super::{Policies, expr, quoted};

/// The policies of a set; with a server, without those that only speak of others.
pub fn chosen<'p>(
    policies: &'p Policies,
    server: Option<&'p str>,
) -> impl Iterator<Item = &'p Rule> {
    policies.rules().iter().filter(move |rule| server.is_none_or(|server| concerns(rule, server)))
}

/// Cedar.
#[must_use]
pub fn text(policies: &Policies, server: Option<&str>) -> String {
    let mut out = String::new();
    for rule in chosen(policies, server) {
        let _ = writeln!(out, "// {}:{}", one_line(&rule.place.file), rule.place.line);
        // What is counted in its file would have another number here.
        if rule.policy.annotation("id").is_none() {
            let _ = writeln!(out, "@id({})", quoted(&rule.id));
        }
        let _ = writeln!(out, "{}\n", rule.text());
    }
    out
}

/// The same for programs.
#[must_use]
pub fn json(policies: &Policies, server: Option<&str>) -> Value {
    let shown = chosen(policies, server).map(|rule| {
        json!({
            "id": &*rule.id,
            "effect": if rule.permits() { "permit" } else { "forbid" },
            "file": &*rule.place.file,
            "line": rule.place.line,
            "text": rule.text(),
        })
    });
    json!({ "set": &**policies.hash(), "policies": shown.collect::<Vec<_>>() })
}

/// Whether a policy can have a say on a server: it names no other one.
fn concerns(rule: &Rule, server: &str) -> bool {
    use cedar_policy::ResourceConstraint as On;
    let about = match rule.policy.resource_constraint() {
        On::Any | On::Is(_) => None,
        On::In(uid) | On::Eq(uid) | On::IsIn(_, uid) => Some(uid),
    };
    let elsewhere = about.is_some_and(|uid| {
        let name = uid.id().unescaped();
        match uid.type_name().basename() {
            "Server" => name != server,
            "Tool" | "Resource" | "Prompt" | "Namespace" => name.split('/').next() != Some(server),
            _other => false,
        }
    });
    !elsewhere
        && !expr::conjuncts(&rule.tree)
            .iter()
            .any(|(node, unless)| !unless && named_server(node).is_some_and(|name| name != server))
}

/// The name in `context.server == Server::"name"`.
fn named_server(node: &Value) -> Option<&str> {
    let equal = node.get("==")?;
    let (left, right) = (equal.get("left")?, equal.get("right")?);
    let is_server = |side: &Value| {
        side.get(".").is_some_and(|of| {
            of.get("attr").and_then(Value::as_str) == Some("server")
                && of.get("left").and_then(|left| left.get("Var")?.as_str()) == Some("context")
        })
    };
    let other = match (is_server(left), is_server(right)) {
        (true, false) => right,
        (false, true) => left,
        (true, true) | (false, false) => return None,
    };
    let uid = expr::literal(other)?.get("__entity")?;
    (uid.get("type")?.as_str()? == "Server").then(|| uid.get("id")?.as_str()).flatten()
}

/// A file name may hold a line end, which would end the comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::facts::{Act, Circumstances};
    use super::super::given::{Given, On};
    use super::super::roles::{self, Role};
    use super::super::tests::{caller, known, world};
    use super::super::text::Source;
    use super::super::verdict::Verdict;
    use super::super::{Parts, Policies};
    use super::text;
    use crate::call::Action;
    use crate::glob::Glob;

    fn compile(sources: Vec<Source>) -> Policies {
        let parts = Parts { sources, world: world(), known: known() };
        Policies::compile(parts).map_err(|p| format!("{p:#?}")).unwrap().0
    }

    fn source(name: &str, text: &str) -> Source {
        Source { name: name.into(), text: text.into() }
    }

    fn ask(policies: &Policies, roles: &[&str], act: Act, on: &On) -> Arc<Verdict> {
        let given = Given {
            principal: caller(roles),
            act,
            server: "crm".into(),
            on: on.clone(),
            around: Circumstances::default(),
            arguments: None,
        };
        given.ask(policies)
    }

    #[test]
    fn print_says_where_each_policy_stands_and_names_those_without_a_name() {
        let policies = compile(vec![source(
            "dir/a.cedar",
            "// first\n@id(\"x\") permit (principal, action == Action::\"tools.invoke\", resource);\nforbid (principal, action, resource == Tool::\"crm/refund\"); // why",
        )]);
        let printed = text(&policies, None);
        assert!(printed.contains("// dir/a.cedar:2\n@id(\"x\") permit"), "{printed}");
        assert!(printed.contains("// dir/a.cedar:3\n@id(\"a#2\")\nforbid"), "{printed}");
        assert!(printed.starts_with("// base.cedar:4\n@id(\"sallyport.session\")"), "{printed}");
        let again = compile(vec![source("b.cedar", &printed)]);
        let ids = |of: &Policies| of.rules().iter().map(|r| r.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(&policies), ids(&again));
        assert_eq!(text(&again, None).matches("// ").count(), ids(&again).len());
    }

    #[test]
    fn other_policies_under_a_name_of_the_base_are_still_refused() {
        let text = "@id(\"sallyport.list\") forbid (principal, action, resource);";
        let parts = Parts { sources: vec![source("a", text)], world: world(), known: known() };
        assert!(Policies::compile(parts).is_err());
    }

    #[test]
    fn one_server_is_shown_without_what_only_speaks_of_others() {
        let role = |name: &str| Role {
            name: name.into(),
            tools: vec!["t".into()],
            reveal: vec!["email".into()],
            ..Role::default()
        };
        let policies = compile(vec![
            source(
                "a.cedar",
                "@id(\"all\") forbid (principal, action, resource) when { principal.subject == \"x\" };\n@id(\"one\") permit (principal, action, resource == Tool::\"notes/a\");",
            ),
            roles::compile("crm", &[role("r")]),
            roles::compile("notes", &[role("r")]),
        ]);
        let of = |server| {
            let shown = super::chosen(&policies, Some(server)).map(|rule| rule.id.to_string());
            shown.filter(|id| !id.starts_with("sallyport.")).collect::<Vec<_>>()
        };
        assert_eq!(of("crm"), ["all", "roles.crm.r.tools", "roles.crm.r.reveal.email"]);
        assert_eq!(
            of("notes"),
            ["all", "one", "roles.notes.r.tools", "roles.notes.r.reveal.email"]
        );
    }

    fn names() -> impl Strategy<Value = Vec<Box<str>>> {
        let name = prop::sample::select(vec!["a", "a*", "*b", "*", "a\"b", "a\\b", "x.y", "x.*"]);
        prop::collection::vec(name.prop_map(Box::from), 0..3)
    }

    fn role() -> impl Strategy<Value = Role> {
        let all = (names(), names(), names(), names(), names(), any::<bool>());
        all.prop_map(|(tools, resources, prompts, namespaces, writes, reveal)| Role {
            name: "".into(),
            tools,
            resources,
            prompts,
            namespaces,
            writes,
            reveal: if reveal { vec!["email".into()] } else { Vec::new() },
        })
    }

    /// What a role says, without any policy language.
    fn may(role: &Role, action: Action, name: &str) -> bool {
        let has = |globs: &[Box<str>]| globs.iter().any(|glob| Glob::new(glob).matches(name));
        match action {
            Action::ToolsInvoke => has(&role.tools),
            Action::ResourcesRead | Action::ResourcesSubscribe => has(&role.resources),
            Action::PromptsGet => has(&role.prompts),
            Action::ContextRead | Action::MemoryRead => has(&role.namespaces),
            Action::MemoryWrite | Action::MemoryDelete => has(&role.writes),
            _other => action.default_scope().is_none(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn roles_their_print_and_their_meaning_agree(first in role(), second in role()) {
            let first = Role { name: "support".into(), ..first };
            let second = Role { name: "we\"ird\\".into(), ..second };
            let both = [first, second];
            let policies = compile(vec![roles::compile("crm", &both)]);
            let again = compile(vec![source("a.cedar", &text(&policies, None))]);
            // A manager stands in support.
            let callers: [(&[&str], &[usize]); 4] =
                [(&[], &[]), (&["manager"], &[0]), (&["we\"ird\\"], &[1]), (&["support", "we\"ird\\"], &[0, 1])];
            for (held, which) in callers {
                for action in Action::ALL.into_iter().filter(|a| *a != Action::Completion) {
                    for name in ["a", "ab", "a\"b", "a\\b", "b", "x.y", "x.y.z", "*"] {
                        let on = On::of(Act::Call(action), name);
                        let now = ask(&policies, held, Act::Call(action), &on);
                        prop_assert_eq!(&now, &ask(&again, held, Act::Call(action), &on));
                        let meant = which.iter().any(|one| may(&both[*one], action, name))
                            || action.default_scope().is_none();
                        prop_assert_eq!(now.permits(), meant, "{:?} {} {:?}", action, name, held);
                    }
                }
                let class = On::Class("email".into(), Some("a".into()));
                let shown = ask(&policies, held, Act::Reveal, &class);
                prop_assert_eq!(&shown, &ask(&again, held, Act::Reveal, &class));
                prop_assert_eq!(shown.permits(), which.iter().any(|one| !both[*one].reveal.is_empty()));
            }
        }
    }
}
