//! Roles in plain YAML, compiled to the policy language.
//!
//! Guarantees: what is compiled says exactly what was typed; the texts are those that
//! `sallyport policy show` prints.

use std::fmt::Write as _;
use std::sync::Arc;

use super::quoted;
use super::text::Source;

/// What a role may do on one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name, as the roles claim has it.
    pub name: Arc<str>,
    /// Tools that it may call.
    pub tools: Vec<Box<str>>,
    /// Resources that it may read and subscribe to.
    pub resources: Vec<Box<str>>,
    /// Prompts that it may render.
    pub prompts: Vec<Box<str>>,
    /// Namespaces that it may read.
    pub namespaces: Vec<Box<str>>,
    /// Namespaces that it may write and delete.
    pub writes: Vec<Box<str>>,
    /// Classes that it may see.
    pub reveal: Vec<Box<str>>,
}

/// How sources begin that [`reveals`] makes, for every class that there is: nobody wrote them.
pub(super) const REVEAL_OF: &str = "reveal of ";
const ROLES_OF: &str = "roles of ";

/// The roles of a server as policies.
#[must_use]
pub fn compile(server: &str, roles: &[Role]) -> Source {
    let mut out = String::new();
    for role in roles {
        let Role { name, tools, resources, prompts, namespaces, writes, reveal } = role;
        let kinds = [
            ("tools", tools, &["tools.invoke"][..], "name"),
            ("resources", resources, &["resources.read", "resources.subscribe"], "uri"),
            ("prompts", prompts, &["prompts.get"], "name"),
            ("namespaces", namespaces, &["context.read", "memory.read"], "name"),
            ("writes", writes, &["memory.write", "memory.delete"], "name"),
        ];
        for (kind, names, actions, attribute) in kinds {
            if !names.is_empty() {
                let id = format!("roles.{server}.{name}.{kind}");
                permit(&mut out, &id, (server, name), actions, &named(names, attribute, kind));
            }
        }
        // Who may read or render something may also have its arguments completed.
        if !prompts.is_empty() || !resources.is_empty() {
            let id = format!("roles.{server}.{name}.completion");
            let mut names = Vec::new();
            names.extend(prompts.iter().map(|name| completes("Prompt", "name", name)));
            names.extend(resources.iter().map(|name| completes("Resource", "uri", name)));
            permit(&mut out, &id, (server, name), &["completion"], &Some(names.join("\n  || ")));
        }
        for class in reveal {
            let id = format!("roles.{server}.{name}.reveal.{class}");
            let _ = writeln!(
                out,
                "@id({})\npermit (principal in Role::{}, action == Action::\"reveal\", resource == Class::{})\nwhen {{ context.server == Server::{} }};\n",
                quoted(&id),
                quoted(name),
                quoted(class),
                quoted(server),
            );
        }
    }
    Source { name: format!("{ROLES_OF}{server}").into(), text: out.into() }
}

/// Who sees which classes by scope.
#[must_use]
pub fn reveals<'r>(
    server: &str,
    by_scope: impl IntoIterator<Item = (&'r str, &'r [Box<str>])>,
) -> Source {
    let mut out = String::new();
    for (class, scopes) in by_scope {
        let scopes: Vec<String> = scopes.iter().map(|scope| quoted(scope)).collect();
        if scopes.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "@id({})\npermit (principal, action == Action::\"reveal\", resource == Class::{})\nwhen {{ context.server == Server::{} && principal.scopes.containsAny([{}]) }};\n",
            quoted(&format!("reveal.{server}.{class}")),
            quoted(class),
            quoted(server),
            scopes.join(", "),
        );
    }
    Source { name: format!("{REVEAL_OF}{server}").into(), text: out.into() }
}

/// Of which part of the configuration a source was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The roles of a server.
    Roles,
    /// Its `redact.reveal`, which has a default.
    Reveal,
}

impl Made {
    /// By the name of the source; `None` for a file.
    #[must_use]
    pub fn of(source: &str, servers: &[Arc<str>]) -> Option<Self> {
        let known = |server: &str| servers.iter().any(|one| **one == *server);
        let of = |before: &str, made: Self| source.strip_prefix(before).map(|of| (of, made));
        let (server, made) = of(ROLES_OF, Self::Roles).or_else(|| of(REVEAL_OF, Self::Reveal))?;
        known(server).then_some(made)
    }
}

fn permit(
    out: &mut String,
    id: &str,
    (server, role): (&str, &str),
    actions: &[&str],
    condition: &Option<String>,
) {
    let actions: Vec<String> =
        actions.iter().map(|action| format!("Action::{}", quoted(action))).collect();
    let action = match actions.as_slice() {
        [one] => format!("action == {one}"),
        many => format!("action in [{}]", many.join(", ")),
    };
    let _ = write!(
        out,
        "@id({})\npermit (principal in Role::{}, {action}, resource in Server::{})",
        quoted(id),
        quoted(role),
        quoted(server),
    );
    if let Some(condition) = condition {
        let _ = write!(out, "\nwhen {{\n  {condition}\n}}");
    }
    out.push_str(";\n\n");
}

/// `None` where every name fits.
fn named(names: &[Box<str>], attribute: &str, kind: &str) -> Option<String> {
    if names.iter().any(|name| &**name == "*") && kind != "namespaces" && kind != "writes" {
        return None;
    }
    let one = |name: &str| {
        let test = test("resource", attribute, name);
        // A call without a namespace is about the server, which has no name.
        if kind == "namespaces" || kind == "writes" {
            if name == "*" {
                "true".to_owned()
            } else {
                format!("(resource is Namespace && {test})")
            }
        } else {
            test
        }
    };
    let tests: Vec<String> = names.iter().map(|name| one(name)).collect();
    (!tests.iter().any(|test| test == "true")).then(|| tests.join("\n  || "))
}

fn completes(kind: &str, attribute: &str, name: &str) -> String {
    format!("(resource is {kind} && {})", test("resource", attribute, name))
}

/// A glob with `*` as the language knows it.
fn test(variable: &str, attribute: &str, glob: &str) -> String {
    if glob.contains('*') {
        // In a pattern of the language only the star is special, and a glob has no other.
        format!("{variable}.{attribute} like {}", quoted(glob))
    } else {
        format!("{variable}.{attribute} == {}", quoted(glob))
    }
}
