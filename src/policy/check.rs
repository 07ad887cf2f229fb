//! Whether policies fit the schema, and what they name exists.
//!
//! A policy that looks at arguments is checked against the arguments of every tool that it speaks
//! of and whose input schema is known. Where none is known, its arguments are taken to be of the
//! types with which it uses them, and a warning says so.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use super::arguments::{Fields, Type};
use super::expr::{argument, each, literal};
use super::facts::{Act, Target, Types, World};
use super::problem::Problem;
use super::schema_text;
use super::slices::Scope;
use super::text::{Rule, label};
use crate::call::{Action, Name};

/// What a configuration knows beyond the base schema.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names of claims that issuers map.
    pub claims: Vec<Arc<str>>,
    /// Names of servers.
    pub servers: Vec<Arc<str>>,
    /// Names of classes, those of the configuration's own patterns among them.
    pub classes: Vec<Arc<str>>,
    /// Servers of which every tool is known.
    pub complete: Vec<Arc<str>>,
}

/// Every problem of a set.
pub(super) fn check(rules: &[Rule], known: &Known, world: &World) -> Vec<Problem> {
    let mut checker = Checker::new(known, world);
    let mut problems = Vec::new();
    for rule in rules {
        checker.names(rule, &mut problems);
        checker.types(rule, &mut problems);
    }
    problems
}

/// The problems of each of several policies, as far as types go.
pub(super) fn types<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    known: &Known,
    world: &World,
) -> Vec<Vec<Problem>> {
    let mut checker = Checker::new(known, world);
    let each = rules.map(|rule| {
        let mut problems = Vec::new();
        checker.types(rule, &mut problems);
        problems
    });
    each.collect()
}

struct Checker<'a> {
    known: &'a Known,
    world: &'a World,
    types: Types,
    groups: super::ActGroups,
    /// Validators by the text of the arguments' type.
    validators: HashMap<String, Option<Validator>>,
}

impl<'a> Checker<'a> {
    fn new(known: &'a Known, world: &'a World) -> Self {
        let types = Types::new();
        let groups = super::actions(&types).map(|actions| actions.groups).unwrap_or_default();
        Self { known, world, types, groups, validators: HashMap::new() }
    }

    /// What a policy names must be able to be there.
    fn names(&self, rule: &Rule, problems: &mut Vec<Problem>) {
        let has = |all: &[Arc<str>], name: &str| all.iter().any(|one| **one == *name);
        for uid in rule.policy.entity_literals() {
            let (kind, name) = (uid.type_name().to_string(), uid.id().unescaped().to_owned());
            let server = name.split('/').next().unwrap_or_default();
            let unknown = match kind.as_str() {
                "Server" => !has(&self.known.servers, &name),
                "Tool" | "Resource" | "Prompt" | "Namespace" => {
                    !name.contains('/') || !has(&self.known.servers, server)
                }
                "ToolSet" => !self.world.hierarchy.tool_set_names().any(|one| one == name),
                "ClassSet" => !self.world.hierarchy.class_set_names().any(|one| one == name),
                "Class" => !has(&self.known.classes, &name),
                _other => false,
            };
            if unknown {
                let message = format!("there is no `{kind}::{}`", super::quoted(&name));
                problems.push(Problem::error(rule.name_place(&name), message, self.help(&kind)));
                continue;
            }
            let complete = kind == "Tool" && has(&self.known.complete, server);
            if complete && !self.world.tools.contains_key(name.as_str()) {
                let message = format!("server `{server}` has no tool of this name");
                let help = "see its `tool_schemas`; names are compared byte for byte";
                problems.push(Problem::error(rule.name_place(&name), message, help).warn());
            }
        }
    }

    fn help(&self, kind: &str) -> String {
        let list = |all: &[Arc<str>]| all.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        match kind {
            "ToolSet" | "ClassSet" => "name it in the file of `policy.entities`".to_owned(),
            "Class" => format!("the classes are {}", list(&self.known.classes)),
            "Server" => format!("the servers are {}", list(&self.known.servers)),
            other => format!(
                "write `{other}::\"<server>/<name>\"`; the servers are {}",
                list(&self.known.servers)
            ),
        }
    }

    fn types(&mut self, rule: &Rule, problems: &mut Vec<Problem>) {
        if !rule.uses.looks_at_arguments() {
            problems.extend(self.validate(rule, &Fields::default(), None));
            return;
        }
        let covered = self.covered(rule);
        if covered.is_empty() {
            return self.infer(rule, problems);
        }
        let mut each: Vec<(String, Vec<Problem>)> = Vec::new();
        for (tool, fields) in covered {
            let found = self.validate(rule, &fields, Some(&tool));
            each.push((tool, found));
        }
        // A condition that cannot hold for one tool may hold for another.
        let impossible = each.iter().all(|(_, found)| found.iter().any(|one| one.warning));
        for (_, found) in each {
            for problem in found.into_iter().filter(|one| !one.warning || impossible) {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }

    /// Known tools of which a policy speaks.
    fn covered(&self, rule: &Rule) -> Vec<(String, Fields)> {
        let scope = Scope::of(rule, &self.groups);
        if !scope.speaks_of(Act::Call(Action::ToolsInvoke)) {
            return Vec::new();
        }
        let tools = self.world.tools.iter().filter_map(|(full, shape)| {
            let (server, name) = full.split_once('/')?;
            let target = Target::Name(Name::Tool(name));
            let thing = self.world.thing(&self.types, server, target)?;
            let covers = scope.covers(&thing.stands_in);
            covers.then(|| (full.to_string(), shape.arguments.clone()))
        });
        let mut tools: Vec<_> = tools.collect();
        tools.sort_by(|one, other| one.0.cmp(&other.0));
        tools
    }

    fn infer(&mut self, rule: &Rule, problems: &mut Vec<Problem>) {
        if rule.uses.all_arguments {
            let message = "`context.args` as a whole is compared with nothing that is known";
            let help = "name the arguments: `context.args.amount`";
            problems.push(Problem::error(rule.place.clone(), message, help));
            return;
        }
        let guessed = guess(rule);
        let first = self.validate(rule, &typed(&guessed), None);
        if first.iter().all(|problem| problem.warning) {
            problems.extend(first);
        } else if !self.other_types(rule, &guessed) {
            problems.extend(first);
            return;
        }
        let message =
            "its arguments are not checked: no input schema of a tool that it speaks of is known";
        let help = "name a file with the server's `tools/list` in `tool_schemas`";
        if Scope::of(rule, &self.groups).speaks_of(Act::Call(Action::ToolsInvoke)) {
            problems.push(Problem::error(rule.place.clone(), message, help).warn());
        }
    }

    /// Whether some other types fit, for few arguments.
    fn other_types(&mut self, rule: &Rule, guessed: &BTreeMap<Vec<String>, Type>) -> bool {
        if guessed.len() > GUESSED_MAX {
            return false;
        }
        let kinds =
            [Type::Text, Type::Long, Type::Decimal, Type::Truth, Type::Set(Box::new(Type::Text))];
        let all = kinds.len().pow(u32::try_from(guessed.len()).unwrap_or(0));
        (0..all).any(|mut number| {
            let mut trial = guessed.clone();
            for kind in trial.values_mut() {
                if let Some(other) = kinds.get(number % kinds.len()) {
                    *kind = other.clone();
                }
                number /= kinds.len();
            }
            self.validate(rule, &typed(&trial), None).iter().all(|problem| problem.warning)
        })
    }

    fn validate(&mut self, rule: &Rule, fields: &Fields, tool: Option<&str>) -> Vec<Problem> {
        let claims = &self.known.claims;
        let make = || {
            let text = schema_text(claims, Some(fields));
            let (schema, _) = Schema::from_cedarschema_str(&text).ok()?;
            Some(Validator::new(schema))
        };
        let validator = self.validators.entry(fields.to_cedar()).or_insert_with(make);
        let Some(validator) = validator else {
            let message = "the arguments cannot be written in the language of schemas";
            let help = "name them with letters, digits and `_`";
            return vec![Problem::error(rule.place.clone(), message, help)];
        };
        let mut set = PolicySet::new();
        if set.add(rule.policy.clone()).is_err() {
            return Vec::new();
        }
        let result = validator.validate(&set, ValidationMode::Strict);
        let of = |error: &dyn Diagnostic, text: String| {
            // The validator names the policy; the place says it already.
            let text = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
            let text = match tool {
                Some(tool) => format!("for tool `{tool}`: {text}"),
                None => text.to_owned(),
            };
            let help = error.help().map(|help| help.to_string());
            let help = help.unwrap_or_else(|| help_for(&text));
            let place = match label(error) {
                Some(at) => rule.at(at),
                None => rule.place.clone(),
            };
            Problem::error(place, text, help)
        };
        let errors = result.validation_errors().map(|error| of(error, error.to_string()));
        let warnings = result.validation_warnings().map(|one| of(one, one.to_string()).warn());
        errors.chain(warnings).collect()
    }
}

fn help_for(text: &str) -> String {
    if text.contains("decimal") {
        "a `number` is a decimal: `context.args.amount.lessThanOrEqual(decimal(\"100.0\"))`".into()
    } else if text.contains("optional") || text.contains("attribute") {
        "see `sallyport policy schema`; ask with `has` before you use what may be absent".into()
    } else {
        "see `sallyport policy schema`".into()
    }
}

/// The types of arguments by how they are used.
fn guess(rule: &Rule) -> BTreeMap<Vec<String>, Type> {
    let mut types: BTreeMap<Vec<String>, Type> = BTreeMap::new();
    let mut prefixes: BTreeSet<Vec<String>> = BTreeSet::new();
    each(&rule.tree, &mut |node| {
        if let Some(path) = argument(node) {
            let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            for end in 1..path.len() {
                prefixes.insert(path.get(..end).unwrap_or_default().to_vec());
            }
            types.entry(path).or_insert(Type::Text);
        }
    });
    each(&rule.tree, &mut |node| {
        let Some((operator, inside)) = node.as_object().and_then(|node| node.iter().next()) else {
            return;
        };
        let sides = match inside {
            serde_json::Value::Array(both) => [both.first(), both.get(1)],
            other => [other.get("left"), other.get("right")],
        };
        let [Some(left), right] = sides else { return };
        for (own, other) in [(Some(left), right), (right, Some(left))] {
            let Some(path) = own.and_then(argument) else { continue };
            let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            let kind = match (operator.as_str(), other.and_then(literal)) {
                ("lessThan" | "lessThanOrEqual" | "greaterThan" | "greaterThanOrEqual", _) => {
                    Some(Type::Decimal)
                }
                ("<" | "<=" | ">" | ">=" | "+" | "-" | "*", _) => Some(Type::Long),
                ("contains" | "containsAll" | "containsAny", _) if own == Some(left) => {
                    Some(Type::Set(Box::new(Type::Text)))
                }
                ("==" | "!=", Some(serde_json::Value::Number(_))) => Some(Type::Long),
                ("==" | "!=", Some(serde_json::Value::Bool(_))) | ("&&" | "||", _) => {
                    Some(Type::Truth)
                }
                (_, _) => None,
            };
            if let Some(kind) = kind {
                types.insert(path, kind);
            }
        }
    });
    types.retain(|path, _| !prefixes.contains(path));
    types
}

/// Nested records out of paths.
fn typed(types: &BTreeMap<Vec<String>, Type>) -> Fields {
    let mut fields = Fields::default();
    for (path, kind) in types {
        put(&mut fields, path, kind);
    }
    fields
}

fn put(fields: &mut Fields, path: &[String], kind: &Type) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        fields.0.insert(first.clone(), (kind.clone(), true));
        return;
    }
    let inner = fields.0.entry(first.clone()).or_insert((Type::Record(Fields::default()), true));
    if let (Type::Record(inner), _) = inner {
        put(inner, rest, kind);
    }
}

/// More arguments have too many combinations of types.
const GUESSED_MAX: usize = 4;
