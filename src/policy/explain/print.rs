//! Conditions as people write them, out of the syntax tree.
//!
//! Pure. Cedar's own printer writes every bracket there is; a reader looks for the sentence that
//! somebody wrote. What is not known here is printed as JSON, never left out.

use serde_json::Value;

use crate::policy::expr::pattern;
use crate::policy::quoted;

/// The text of a condition.
#[must_use]
pub(super) fn text(node: &Value) -> String {
    print(node, Binding::Loosest)
}

/// How tightly the place binds in which a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Loosest,
    Or,
    And,
    Compare,
    Add,
    Multiply,
    Sign,
    Member,
}

fn print(node: &Value, place: Binding) -> String {
    let Some((operator, inside)) = only(node) else { return node.to_string() };
    let side = |name: &str, place| inside.get(name).map(|side| print(side, place));
    let both = |word: &str, own: Binding, left: Binding, right: Binding| {
        let text = format!("{} {word} {}", side("left", left)?, side("right", right)?);
        Some(grouped(text, own, place))
    };
    let compare = Binding::Add;
    let printed = match operator {
        "Value" => Some(literal(inside)),
        "Var" => inside.as_str().map(str::to_owned),
        "Set" => inside.as_array().map(|items| format!("[{}]", list(items))),
        "Record" => record(inside),
        "&&" => both("&&", Binding::And, Binding::And, Binding::And),
        "||" => both("||", Binding::Or, Binding::Or, Binding::Or),
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" => {
            both(operator, Binding::Compare, compare, compare)
        }
        "+" | "-" => both(operator, Binding::Add, Binding::Add, Binding::Multiply),
        "*" => both("*", Binding::Multiply, Binding::Multiply, Binding::Sign),
        "!" => {
            side("arg", Binding::Sign).map(|text| grouped(format!("!{text}"), Binding::Sign, place))
        }
        "neg" => {
            side("arg", Binding::Sign).map(|text| grouped(format!("-{text}"), Binding::Sign, place))
        }
        "." => member(inside),
        "has" => has(inside).map(|text| grouped(text, Binding::Compare, place)),
        "like" => like(inside).map(|text| grouped(text, Binding::Compare, place)),
        "is" => is(inside).map(|text| grouped(text, Binding::Compare, place)),
        "contains" | "containsAll" | "containsAny" | "getTag" | "hasTag" => {
            let (left, right) = (side("left", Binding::Member), side("right", Binding::Loosest));
            left.zip(right).map(|(left, right)| format!("{left}.{operator}({right})"))
        }
        "isEmpty" => side("arg", Binding::Member).map(|text| format!("{text}.isEmpty()")),
        "if-then-else" => choice(inside).map(|text| grouped(text, Binding::Loosest, place)),
        call => called(call, inside),
    };
    printed.unwrap_or_else(|| node.to_string())
}

fn only(node: &Value) -> Option<(&str, &Value)> {
    let (name, inside) = node.as_object().filter(|node| node.len() == 1)?.iter().next()?;
    Some((name, inside))
}

fn grouped(text: String, own: Binding, place: Binding) -> String {
    if own < place { format!("({text})") } else { text }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Object(members) => match members.get("__entity") {
            Some(uid) => {
                let part = |name: &str| uid.get(name).and_then(Value::as_str).unwrap_or_default();
                format!("{}::{}", part("type"), quoted(part("id")))
            }
            None => value.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

fn list(items: &[Value]) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn record(inside: &Value) -> Option<String> {
    let members = inside.as_object()?.iter();
    let members = members.map(|(name, value)| format!("{}: {}", quoted(name), text(value)));
    Some(format!("{{{}}}", members.collect::<Vec<_>>().join(", ")))
}

/// `.name`, or `["odd name"]`.
pub(super) fn step(name: &str) -> String {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let plain = name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit());
    if plain && !RESERVED.contains(&name) {
        format!(".{name}")
    } else {
        format!("[{}]", quoted(name))
    }
}

fn member(inside: &Value) -> Option<String> {
    let left = print(inside.get("left")?, Binding::Member);
    Some(format!("{left}{}", step(inside.get("attr")?.as_str()?)))
}

fn has(inside: &Value) -> Option<String> {
    let left = print(inside.get("left")?, Binding::Add);
    let name = |name: &str| match step(name).strip_prefix('.') {
        Some(plain) => plain.to_owned(),
        None => quoted(name),
    };
    let names = match inside.get("attr")? {
        Value::Array(steps) => {
            let steps: Option<Vec<&str>> = steps.iter().map(Value::as_str).collect();
            steps?.into_iter().map(name).collect::<Vec<_>>().join(".")
        }
        one => name(one.as_str()?),
    };
    Some(format!("{left} has {names}"))
}

fn like(inside: &Value) -> Option<String> {
    let left = print(inside.get("left")?, Binding::Add);
    let text = pattern(inside.get("pattern")?)?;
    let pieces: Vec<String> = text
        .split('\0')
        .map(|piece| {
            let piece = quoted(piece);
            let piece = piece.strip_prefix('"').and_then(|piece| piece.strip_suffix('"'));
            piece.unwrap_or_default().replace('*', "\\*")
        })
        .collect();
    Some(format!("{left} like \"{}\"", pieces.join("*")))
}

fn is(inside: &Value) -> Option<String> {
    let left = print(inside.get("left")?, Binding::Add);
    let kind = inside.get("entity_type")?.as_str()?;
    match inside.get("in") {
        None => Some(format!("{left} is {kind}")),
        Some(within) => Some(format!("{left} is {kind} in {}", print(within, Binding::Add))),
    }
}

fn choice(inside: &Value) -> Option<String> {
    let part = |name: &str| inside.get(name).map(text);
    Some(format!("if {} then {} else {}", part("if")?, part("then")?, part("else")?))
}

/// A function such as `ip("10.0.0.0/8")`, or a method such as `address.isInRange(…)`.
fn called(name: &str, inside: &Value) -> Option<String> {
    let items = inside.as_array()?;
    if FUNCTIONS.contains(&name) {
        return Some(format!("{name}({})", list(items)));
    }
    let (own, rest) = items.split_first()?;
    Some(format!("{}.{name}({})", print(own, Binding::Member), list(rest)))
}

const FUNCTIONS: [&str; 4] = ["ip", "decimal", "datetime", "duration"];
const RESERVED: [&str; 9] = ["true", "false", "if", "then", "else", "in", "is", "like", "has"];

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::text;
    use crate::policy::expr::conjuncts;

    fn tree(condition: &str) -> serde_json::Value {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        Policy::parse(None, text).unwrap().to_json().unwrap()
    }

    fn printed(condition: &str) -> String {
        let tree = tree(condition);
        text(&tree["conditions"][0]["body"])
    }

    #[test]
    fn conditions_are_printed_as_they_are_written() {
        for condition in [
            "context.args.amount <= 100",
            "context.args[\"odd name\"] == \"a\\\"b\"",
            "context has client && context.client.networks.contains(\"office\")",
            "context.client.address.isInRange(ip(\"10.0.0.0/8\"))",
            "context.args.price.lessThanOrEqual(decimal(\"99.95\"))",
            "principal in Role::\"support\" || !(resource is Tool && resource.readOnly)",
            "(context.time.hour < 9 || context.time.hour >= 17) && context.time.weekday <= 5",
            "resource.name like \"crm.*\\*x\"",
            "context.args has \"in\" && context.args.tags.containsAny([\"a\", \"b\"])",
            "(context.args.a + 1) * 2 - -3 > 4",
            "if context.session.open then context.session.age < 5 else false",
            "(if context.session.open then 1 else 2) == 1",
            "principal is User in Tenant::\"acme\"",
            "(1 == 2) == false",
            "{\"a\": 1} == context.args",
        ] {
            assert_eq!(printed(condition), condition);
        }
    }

    #[test]
    fn what_is_printed_means_the_same() {
        for condition in [
            "!(!(context.session.open))",
            "((1 + 2) - (3 - 4)) < -(context.args.a)",
            "(true && false) || (true && (false || true))",
            "\"\\u{1}\\n\" like \"*\\n\"",
            "context.time.now < datetime(\"2027-01-01\")",
            "principal has claims.department",
        ] {
            let again = tree(&printed(condition));
            assert_eq!(conjuncts(&again).len(), conjuncts(&tree(condition)).len());
            assert_eq!(text(&again["conditions"][0]["body"]), printed(condition), "{condition}");
            assert_eq!(again["conditions"], tree(condition)["conditions"], "{condition}");
        }
    }
}
