//! Reads the syntax tree of a policy, as Cedar writes it in JSON: what a condition looks at, and
//! with what it compares.
//!
//! Pure. What is not understood here is treated as looking at everything.

use std::collections::BTreeSet;

use serde_json::Value;

/// Which circumstances a policy looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Members of `context`, first level.
    pub facets: BTreeSet<Facet>,
    /// First names of the arguments; meaningless where [`Uses::all_arguments`].
    pub arguments: BTreeSet<Box<str>>,
    /// `context` or `context.args` as a whole.
    pub all_arguments: bool,
}

/// A member of `context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// `context.time`
    Time,
    /// `context.client`
    Client,
    /// `context.connection`
    Connection,
    /// `context.token`
    Token,
    /// `context.session`
    Session,
    /// `context.risk`
    Risk,
    /// `context.subject`
    Subject,
    /// `context.args`
    Args,
    /// `context.server`
    Server,
    /// `context.tool`
    Tool,
}

impl Facet {
    /// Every facet.
    pub const ALL: [Self; 10] = [
        Self::Time,
        Self::Client,
        Self::Connection,
        Self::Token,
        Self::Session,
        Self::Risk,
        Self::Subject,
        Self::Args,
        Self::Server,
        Self::Tool,
    ];

    /// The name in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Client => "client",
            Self::Connection => "connection",
            Self::Token => "token",
            Self::Session => "session",
            Self::Risk => "risk",
            Self::Subject => "subject",
            Self::Args => "args",
            Self::Server => "server",
            Self::Tool => "tool",
        }
    }
}

impl Uses {
    /// What a policy looks at.
    #[must_use]
    pub fn of(tree: &Value) -> Self {
        let mut uses = Self::default();
        uses.walk(tree);
        uses
    }

    /// Adds what another policy looks at.
    pub fn join(&mut self, other: &Self) {
        self.facets.extend(other.facets.iter().copied());
        self.arguments.extend(other.arguments.iter().cloned());
        self.all_arguments |= other.all_arguments;
    }

    /// Whether the arguments of the call matter.
    #[must_use]
    pub fn looks_at_arguments(&self) -> bool {
        self.facets.contains(&Facet::Args)
    }

    fn walk(&mut self, node: &Value) {
        if let Some(path) = context_path(node) {
            return self.note(&path);
        }
        match node {
            Value::Object(members) => members.values().for_each(|member| self.walk(member)),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn note(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            self.facets.extend(Facet::ALL);
            self.all_arguments = true;
            return;
        };
        let facet = Facet::ALL.into_iter().find(|facet| facet.name() == *first);
        self.facets.extend(facet);
        if facet == Some(Facet::Args) {
            match rest.first() {
                Some(name) => {
                    self.arguments.insert((*name).into());
                }
                None => self.all_arguments = true,
            }
        }
    }
}

/// Visits every node, parents first.
pub fn each<'n>(node: &'n Value, visit: &mut impl FnMut(&'n Value)) {
    visit(node);
    match node {
        Value::Object(members) => members.values().for_each(|member| each(member, visit)),
        Value::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names behind `variable`, for `variable.a.b` and for `variable.a has b`; empty for the
/// variable alone, `None` for everything else.
pub(super) fn path<'n>(node: &'n Value, variable: &str) -> Option<Vec<&'n str>> {
    let (name, inside) = node.as_object().filter(|node| node.len() == 1)?.iter().next()?;
    match name.as_str() {
        "Var" => (inside.as_str()? == variable).then(Vec::new),
        "." | "has" => {
            let mut names = path(inside.get("left")?, variable)?;
            match inside.get("attr")? {
                Value::String(name) => names.push(name),
                // `context has client.networks`
                Value::Array(steps) => {
                    for step in steps {
                        names.push(step.as_str()?);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
            }
            Some(names)
        }
        _other => None,
    }
}

fn context_path(node: &Value) -> Option<Vec<&str>> {
    path(node, "context")
}

/// The names behind `context.args`, at least one.
#[must_use]
pub fn argument(node: &Value) -> Option<Vec<&str>> {
    let names = context_path(node)?;
    match names.split_first() {
        Some((&"args", rest)) if !rest.is_empty() => Some(rest.to_vec()),
        Some(_) | None => None,
    }
}

/// The name behind `principal`, for `principal.name`.
#[must_use]
pub fn of_principal(node: &Value) -> Option<&str> {
    match path(node, "principal")?.as_slice() {
        [name] => Some(*name),
        _other => None,
    }
}

/// The name behind `resource`, for `resource.name`.
#[must_use]
pub fn of_resource(node: &Value) -> Option<&str> {
    match path(node, "resource")?.as_slice() {
        [name] => Some(*name),
        _other => None,
    }
}

/// The value of a literal node.
#[must_use]
pub fn literal(node: &Value) -> Option<&Value> {
    node.as_object().filter(|node| node.len() == 1)?.get("Value")
}

/// The text of a `like` pattern, with NUL for each `*`.
#[must_use]
pub fn pattern(node: &Value) -> Option<String> {
    let mut text = String::new();
    for piece in node.as_array()? {
        match piece {
            Value::String(wildcard) if wildcard == "Wildcard" => text.push('\0'),
            other => text.push_str(other.get("Literal")?.as_str()?),
        }
    }
    Some(text)
}

/// The conditions of a policy that must all hold, taken apart at `&&`: each with whether it stands
/// under `unless`.
#[must_use]
pub fn conjuncts(tree: &Value) -> Vec<(&Value, bool)> {
    let mut all = Vec::new();
    for condition in tree.get("conditions").and_then(Value::as_array).into_iter().flatten() {
        let unless = condition.get("kind").and_then(Value::as_str) == Some("unless");
        let Some(body) = condition.get("body") else { continue };
        if unless {
            all.push((body, true));
            continue;
        }
        all.extend(both(body).into_iter().map(|node| (node, false)));
    }
    all
}

/// What an expression demands together, taken apart at `&&`, in the order in which it is evaluated.
#[must_use]
pub fn both(node: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node.get("&&") {
            Some(both) => {
                open.extend([both.get("right"), both.get("left")].into_iter().flatten());
            }
            None => all.push(node),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::{Facet, Uses, conjuncts};

    fn tree(condition: &str) -> serde_json::Value {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        Policy::parse(None, text).unwrap().to_json().unwrap()
    }

    fn facets(condition: &str) -> Vec<Facet> {
        Uses::of(&tree(condition)).facets.into_iter().collect()
    }

    #[test]
    fn what_a_condition_looks_at_is_found_wherever_it_stands() {
        assert_eq!(facets("principal.subject == \"a\""), []);
        assert_eq!(facets("context.time.hour < 5 || context has risk"), [Facet::Time, Facet::Risk]);
        assert_eq!(
            facets("[1].contains(context.args.a) && !(context.token has age)"),
            [Facet::Token, Facet::Args]
        );
        assert_eq!(facets("if context.session.open then true else false"), [Facet::Session]);
        assert_eq!(facets("context.client.address.isInRange(ip(\"10.0.0.0/8\"))"), [Facet::Client]);
    }

    #[test]
    fn arguments_are_told_by_their_first_name() {
        let uses = Uses::of(&tree(
            "context.args has a && context.args.b.c == 1 && context.args[\"d e\"] == 2",
        ));
        let names: Vec<&str> = uses.arguments.iter().map(AsRef::as_ref).collect();
        assert_eq!((names, uses.all_arguments), (vec!["a", "b", "d e"], false));
    }

    #[test]
    fn whole_context_means_everything() {
        let uses = Uses::of(&tree("context == {}"));
        assert!(uses.all_arguments && uses.facets.len() == Facet::ALL.len());
        assert_eq!(facets("context has client.networks"), [Facet::Client]);
        assert!(!Uses::of(&tree("context has args.a.b")).all_arguments);
        assert!(Uses::of(&tree("context.args == {}")).all_arguments);
    }

    #[test]
    fn conditions_are_taken_apart_at_and() {
        let tree = tree("context.session.open && principal.subject == \"a\" && (1 == 1 || 2 == 2)");
        assert_eq!(conjuncts(&tree).len(), 3);
    }
}
