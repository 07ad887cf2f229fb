//! Roles in plain YAML, compiled to the policy language.
//!
//! Guarantees: what is compiled says exactly what was typed; the texts are those that
//! `sallyport policy show` prints.

use std::collections::BTreeMap;
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

/// In the place of a server: no name of one has a blank.
const SEVERAL: &str = "several servers";

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

/// What a server shows by scope.
#[derive(Debug)]
pub struct Shows<'s> {
    /// Its name.
    pub server: &'s str,
    /// Classes, each with the scopes of which any one shows it.
    pub classes: Vec<(&'s str, &'s [Box<str>])>,
}

/// Who sees which classes by scope: what servers have in common is one policy for all of them, so
/// that there are not as many as classes times servers.
#[must_use]
pub fn reveals(servers: &[Shows<'_>]) -> Vec<Source> {
    let mut groups: BTreeMap<(&str, &[Box<str>]), Vec<&str>> = BTreeMap::new();
    for Shows { server, classes } in servers {
        for (class, scopes) in classes.iter().filter(|(_, scopes)| !scopes.is_empty()) {
            groups.entry((class, scopes)).or_default().push(server);
        }
    }
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    for ((class, _), of) in &groups {
        let count = most.entry(class).or_default();
        *count = of.len().max(*count);
    }
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    for ((class, scopes), of) in &groups {
        let Some(first) = of.first() else { continue };
        let shared = of.len() > 1;
        // Of a class most servers have one way; names of servers hold no star.
        let usual = shared && most.get(class) == Some(&of.len());
        most.entry(class).and_modify(|most| *most += usize::from(usual));
        let id = format!("reveal.{}.{class}", if usual { "*" } else { first });
        let home = if shared { SEVERAL } else { first };
        reveal(sources.entry(home).or_default(), (&id, class), of, scopes);
    }
    let source = |(of, text): (&str, String)| Source {
        name: format!("{REVEAL_OF}{of}").into(),
        text: text.into(),
    };
    sources.into_iter().map(source).collect()
}

fn reveal(out: &mut String, (id, class): (&str, &str), servers: &[&str], scopes: &[Box<str>]) {
    let names: Vec<String> =
        servers.iter().map(|server| format!("Server::{}", quoted(server))).collect();
    let there = match names.as_slice() {
        [only] => format!("context.server == {only}"),
        several => format!("[{}].contains(context.server)", several.join(", ")),
    };
    let scopes: Vec<String> = scopes.iter().map(|scope| quoted(scope)).collect();
    let _ = writeln!(
        out,
        "@id({})\npermit (principal, action == Action::\"reveal\", resource == Class::{})\nwhen {{ {there} && principal.scopes.containsAny([{}]) }};\n",
        quoted(id),
        quoted(class),
        scopes.join(", "),
    );
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
        (known(server) || server == SEVERAL).then_some(made)
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
