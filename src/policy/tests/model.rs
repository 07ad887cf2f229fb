//! The small model: every set of a few policies, every caller, every call, against the plain
//! meaning of the words.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Asked, caller, compile};
use crate::json::Document;
use crate::policy::Policies;
use crate::policy::facts::Arguments;
use crate::policy::verdict::Ruling;

/// A condition over two arguments, as text and as what it means.
#[derive(Debug, Clone)]
enum Condition {
    Always,
    Compare(&'static str, i64),
    Is(&'static str),
    Like(&'static str),
    Has(&'static str),
    OneOf(Vec<&'static str>),
    Not(Box<Condition>),
    Both(Box<Condition>, Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
}

/// The arguments of a call.
#[derive(Debug, Clone, Copy)]
struct Call {
    a: Option<i64>,
    s: Option<&'static str>,
}

impl Condition {
    /// Guarded by `has`, so that it never fails: what fails denies, which is tested elsewhere.
    fn text(&self) -> String {
        match self {
            Self::Always => "true".into(),
            Self::Compare(operator, value) => {
                format!("(context.args has a && context.args.a {operator} {value})")
            }
            Self::Is(text) => format!("(context.args has s && context.args.s == \"{text}\")"),
            Self::Like(pattern) => {
                format!("(context.args has s && context.args.s like \"{pattern}\")")
            }
            Self::Has(name) => format!("(context.args has {name})"),
            Self::OneOf(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
                format!("(context.args has s && [{}].contains(context.args.s))", texts.join(","))
            }
            Self::Not(inner) => format!("!{}", inner.text()),
            Self::Both(one, other) => format!("({} && {})", one.text(), other.text()),
            Self::Either(one, other) => format!("({} || {})", one.text(), other.text()),
        }
    }

    fn holds(&self, call: Call) -> bool {
        match self {
            Self::Always => true,
            Self::Compare(operator, value) => call.a.is_some_and(|a| match *operator {
                "<" => a < *value,
                "<=" => a <= *value,
                ">" => a > *value,
                ">=" => a >= *value,
                _ => a == *value,
            }),
            Self::Is(text) => call.s == Some(text),
            Self::Like(pattern) => {
                call.s.is_some_and(|s| crate::glob::Glob::new(pattern).matches(s))
            }
            Self::Has("a") => call.a.is_some(),
            Self::Has(_) => call.s.is_some(),
            Self::OneOf(texts) => call.s.is_some_and(|s| texts.contains(&s)),
            Self::Not(inner) => !inner.holds(call),
            Self::Both(one, other) => one.holds(call) && other.holds(call),
            Self::Either(one, other) => one.holds(call) || other.holds(call),
        }
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        Just(Condition::Always),
        (prop::sample::select(vec!["<", "<=", ">", ">=", "=="]), 0..3_i64)
            .prop_map(|(operator, value)| Condition::Compare(operator, value)),
        prop::sample::select(vec!["x", "y"]).prop_map(Condition::Is),
        prop::sample::select(vec!["x*", "*y", "x*y"]).prop_map(Condition::Like),
        prop::sample::select(vec!["a", "s"]).prop_map(Condition::Has),
        prop::sample::subsequence(vec!["x", "y", "q"], 1..3).prop_map(Condition::OneOf),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Condition::Not(Box::new(one))),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| Condition::Both(Box::new(one), Box::new(other))),
            (inner.clone(), inner)
                .prop_map(|(one, other)| Condition::Either(Box::new(one), Box::new(other))),
        ]
    })
}

#[derive(Debug, Clone)]
struct Rule {
    permits: bool,
    role: Option<&'static str>,
    tool: Option<&'static str>,
    condition: Condition,
}

impl Rule {
    fn text(&self) -> String {
        let effect = if self.permits { "permit" } else { "forbid" };
        let principal = self
            .role
            .map_or("principal".to_owned(), |role| format!("principal in Role::\"{role}\""));
        let resource = self.tool.map_or("resource in Server::\"notes\"".to_owned(), |tool| {
            format!("resource == Tool::\"notes/{tool}\"")
        });
        let condition = self.condition.text();
        format!(
            "{effect} ({principal}, action == Action::\"tools.invoke\", {resource}) when {{ {condition} }};\n"
        )
    }

    fn fits(&self, roles: &[&str], tool: &str, call: Call) -> bool {
        // `world` says that a manager is in support.
        let held =
            |role: &str| roles.contains(&role) || (role == "support" && roles.contains(&"manager"));
        self.role.is_none_or(held)
            && self.tool.is_none_or(|own| own == tool)
            && self.condition.holds(call)
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let role = prop::option::of(prop::sample::select(vec!["support", "manager"]));
    let tool = prop::option::of(prop::sample::select(vec!["p", "q"]));
    (prop::bool::weighted(0.7), role, tool, condition())
        .prop_map(|(permits, role, tool, condition)| Rule { permits, role, tool, condition })
}

fn defined(rules: &[Rule], roles: &[&str], tool: &str, call: Call) -> bool {
    let fits = |permits: bool| {
        rules.iter().any(|rule| rule.permits == permits && rule.fits(roles, tool, call))
    };
    fits(true) && !fits(false)
}

fn permits(policies: &Policies, roles: &[&str], tool: &str, call: Call) -> bool {
    let mut members = Vec::new();
    members.extend(call.a.map(|a| format!("\"a\": {a}")));
    members.extend(call.s.map(|s| format!("\"s\": \"{s}\"")));
    let text = Bytes::from(format!("{{{}}}", members.join(",")));
    let document = Document::parse(text, &crate::json::ANSWER).unwrap();
    let asked = Asked { principal: caller(roles), ..Asked::of(policies, &[]) };
    let question = asked.question(tool, Arguments::Json(document.root()));
    let question = super::Question { server: "notes", ..question };
    matches!(policies.decide(&question).ruling, Ruling::Permit { .. })
}

/// Values on either side of every constant that a condition can hold.
fn calls() -> Vec<Call> {
    let numbers = [None].into_iter().chain((-1..5).map(Some));
    let texts = [
        None,
        Some("x"),
        Some("y"),
        Some("q"),
        Some("xy"),
        Some("xay"),
        Some("ay"),
        Some("xa"),
        Some("zz"),
    ];
    numbers.flat_map(|a| texts.map(|s| Call { a, s })).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn calls_are_allowed_as_defined_and_lists_show_exactly_what_some_call_is_allowed_for(
        rules in prop::collection::vec(rule(), 0..5),
    ) {
        let policies = compile(&rules.iter().map(Rule::text).collect::<String>());
        for roles in [&[][..], &["support"], &["manager"]] {
            for tool in ["p", "q"] {
                let mut some = false;
                for call in calls() {
                    let expected = defined(&rules, roles, tool, call);
                    some |= expected;
                    prop_assert_eq!(permits(&policies, roles, tool, call), expected, "{:?} {} {:?}", roles, tool, call);
                }
                let asked = Asked::of(&policies, roles);
                let question = super::Question { server: "notes", ..asked.question(tool, Arguments::None) };
                prop_assert_eq!(policies.could(&question), some, "{:?} {}", roles, tool);
            }
        }
    }

    #[test]
    fn a_set_beside_itself_says_the_same_of_every_call(rules in prop::collection::vec(rule(), 0..5)) {
        let text: String = rules.iter().map(Rule::text).collect();
        let (live, shadow) = (compile(&text), compile(&text));
        prop_assert_eq!(live.hash(), shadow.hash());
        for call in calls() {
            let one = permits(&live, &["support"], "p", call);
            prop_assert_eq!(one, permits(&shadow, &["support"], "p", call));
        }
    }
}

#[test]
fn what_is_remembered_of_one_caller_says_nothing_of_another() {
    let policies = compile(
        "permit (principal in Role::\"support\", action == Action::\"tools.invoke\", resource in Server::\"notes\");",
    );
    let call = Call { a: None, s: None };
    for _ in 0..3 {
        assert!(permits(&policies, &["support"], "p", call));
        assert!(!permits(&policies, &["other"], "p", call));
    }
    // Equal callers that are two values: each is judged.
    let (one, other) = (caller(&["support"]), caller(&["support"]));
    assert!(!Arc::ptr_eq(&one, &other));
}
