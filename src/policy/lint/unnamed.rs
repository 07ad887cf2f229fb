//! Tools that no policy permits to anybody.

use serde_json::Value;

use super::super::expr::{self, of_resource, pattern};
use super::super::facts::{Act, Target, Thing};
use super::super::problem::{Place, Problem};
use super::super::text::Rule;
use super::super::{Policies, quoted};
use super::Around;
use crate::call::{Action, Name};
use crate::glob::Glob;

/// Known tools of governed servers that no permit can be about.
pub(super) fn tools(policies: &Policies, around: &Around) -> Vec<Problem> {
    let governed = |server: &str| around.servers.iter().any(|one| *one.name == *server);
    let mut names: Vec<&str> = policies.world().tools.keys().map(AsRef::as_ref).collect();
    names.sort_unstable();
    let mut problems = Vec::new();
    for full in names {
        let Some((server, name)) = full.split_once('/') else { continue };
        if governed(server) && !permitted(policies, server, name) {
            let file = format!("tools of {server}").into();
            let message = format!("no policy permits `Tool::{}` to anybody", quoted(full));
            let help = "name it in a policy or a role, or in a forbid, which says that it is meant";
            problems
                .push(Problem::error(Place::of(&file, full, 0..full.len()), message, help).warn());
        }
    }
    problems
}

/// Whether somebody may call it, or somebody said that nobody shall.
fn permitted(policies: &Policies, server: &str, name: &str) -> bool {
    let target = Target::Name(Name::Tool(name));
    let Some(thing) = policies.world().thing(&policies.types, server, target) else {
        return false;
    };
    let about = policies.index.about(Act::Call(Action::ToolsInvoke), &thing.stands_in);
    let rules =
        about.iter().filter_map(|number| policies.rules.get(usize::try_from(*number).ok()?));
    let mut rules = rules.filter(|rule| can_hold(rule, name, &thing));
    rules.any(|rule| rule.permits() || names_it(rule, &thing))
}

/// Whether a forbid names this very tool.
fn names_it(rule: &Rule, thing: &Thing) -> bool {
    let own = thing.entity.uid();
    rule.policy.entity_literals().contains(&own)
}

fn can_hold(rule: &Rule, name: &str, thing: &Thing) -> bool {
    let known = Resource { name, thing };
    expr::conjuncts(&rule.tree).into_iter().all(|(node, unless)| known.holds(node) != Some(unless))
}

/// What is known of a resource without asking anybody.
struct Resource<'r> {
    name: &'r str,
    thing: &'r Thing,
}

impl Resource<'_> {
    /// Whether an expression is true; `None` where more than the resource has to be known.
    fn holds(&self, node: &Value) -> Option<bool> {
        let (operator, inside) = node.as_object()?.iter().next()?;
        let side = |name: &str| inside.get(name);
        match operator.as_str() {
            "Value" => inside.as_bool(),
            "!" => self.holds(side("arg")?).map(|truth| !truth),
            "&&" => match (self.holds(side("left")?), self.holds(side("right")?)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                (None, _) | (_, None) => None,
            },
            "||" => match (self.holds(side("left")?), self.holds(side("right")?)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                (None, _) | (_, None) => None,
            },
            "==" => self.equal(side("left")?, side("right")?),
            "!=" => self.equal(side("left")?, side("right")?).map(|truth| !truth),
            "like" if side("left").and_then(of_resource) == Some("name") => {
                self.like(side("pattern")?)
            }
            "is" if is_resource(side("left")?) && side("in").is_none() => {
                Some(side("entity_type")?.as_str()? == "Tool")
            }
            "in" if is_resource(side("left")?) => self.within(side("right")?),
            "contains" if is_resource(side("right")?) => {
                let items = side("left")?.get("Set")?.as_array()?;
                let own = items.iter().map(|item| Some(self.is(entity(item)?)));
                own.collect::<Option<Vec<bool>>>().map(|all| all.contains(&true))
            }
            _other => None,
        }
    }

    fn equal(&self, left: &Value, right: &Value) -> Option<bool> {
        for (own, other) in [(left, right), (right, left)] {
            if of_resource(own) == Some("name") {
                return Some(expr::literal(other)?.as_str()? == self.name);
            }
            if is_resource(own) {
                return Some(self.is(entity(other)?));
            }
        }
        None
    }

    /// A glob says the same as a pattern whose text has no star and no question mark.
    fn like(&self, like: &Value) -> Option<bool> {
        let text = pattern(like)?;
        let plain = !text.contains(['*', '?']);
        plain.then(|| Glob::new(&text.replace('\0', "*")).matches(self.name))
    }

    fn within(&self, node: &Value) -> Option<bool> {
        match node.get("Set") {
            Some(items) => {
                let own = items.as_array()?.iter().map(|item| self.within(item));
                own.collect::<Option<Vec<bool>>>().map(|all| all.contains(&true))
            }
            None => {
                let (kind, id) = entity(node)?;
                let fits = |uid: &cedar_policy::EntityUid| {
                    uid.type_name().basename() == kind && uid.id().unescaped() == id
                };
                Some(self.thing.stands_in.iter().any(fits))
            }
        }
    }

    fn is(&self, (kind, id): (&str, &str)) -> bool {
        let uid = self.thing.entity.uid();
        uid.type_name().basename() == kind && uid.id().unescaped() == id
    }
}

fn is_resource(node: &Value) -> bool {
    node.get("Var").and_then(Value::as_str) == Some("resource")
}

/// Type and name of a literal entity.
fn entity(node: &Value) -> Option<(&str, &str)> {
    let uid = expr::literal(node)?.get("__entity")?;
    Some((uid.get("type")?.as_str()?, uid.get("id")?.as_str()?))
}
