//! The promises of explanations.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Detail, Explanation, State};
use crate::call::Action;
use crate::policy::Policies;
use crate::policy::facts::{Act, Circumstances};
use crate::policy::given::{Given, On};
use crate::policy::tests::{caller, compile};

fn given(roles: &[&str], tool: &str, arguments: &str) -> Given {
    Given {
        principal: caller(roles),
        act: Act::Call(Action::ToolsInvoke),
        server: "crm".into(),
        on: On::Tool(tool.into()),
        // 2026-11-23, a Monday, 09:30.
        around: Circumstances { now_s: 1_795_426_200, ..Circumstances::default() },
        arguments: Some(Bytes::copy_from_slice(arguments.as_bytes())),
    }
}

fn changes(policies: &Policies, given: &Given) -> String {
    given.with(|question| policies.explain(question).changes.join("\n"))
}

fn refund(effect: &str, condition: &str) -> String {
    format!(
        "@id(\"it\") {effect} (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when {{ {condition} }};"
    )
}

#[test]
fn denial_names_the_attribute_that_is_otherwise() {
    for (condition, says) in [
        ("context.args.amount <= 100", "context.args.amount = 150"),
        (
            "principal.claims has department && principal.claims.department.contains(\"hr\")",
            "principal.claims.department = [\"sales\"]",
        ),
        ("context.time.hour >= 17", "context.time.hour = 9"),
        ("context.session.open", "context.session.open = false"),
        ("resource.readOnly", "resource.readOnly = false"),
        ("context has risk && context.risk.level < 3", "context.risk = absent"),
        ("principal in Role::\"manager\"", "User::\"https://idp#alice\" in Role::\"support\""),
        ("principal.scopes.contains(\"big\")", "principal.scopes = [\"a\"]"),
    ] {
        let policies = compile(&refund("permit", condition));
        let said = changes(&policies, &given(&["support"], "refund", r#"{"amount": 150}"#));
        assert!(said.contains(says) && said.contains("`it` (a.cedar:1)"), "{condition}\n{said}");
    }
}

#[test]
fn condition_that_is_met_is_not_named_as_missing() {
    let policies =
        compile(&refund("permit", "context.args.amount <= 100 && context.time.hour > 17"));
    let said = changes(&policies, &given(&[], "refund", r#"{"amount": 50}"#));
    assert!(said.contains("context.time.hour = 9") && !said.contains("amount"), "{said}");
}

#[test]
fn nearest_permit_is_the_one_of_which_least_is_missing() {
    let policies = compile(
        "@id(\"far\") permit (principal in Role::\"manager\", action, resource is Tool) when { context.session.open };\n@id(\"near\") permit (principal in Role::\"support\", action, resource is Tool);",
    );
    let said = changes(&policies, &given(&["sales"], "get_x", "{}"));
    assert!(said.starts_with("`near` (a.cedar:2)") && !said.contains("far"), "{said}");
    assert!(said.contains("it asks for role `support`, and the caller has `sales`"), "{said}");
    let said = changes(&compile(""), &given(&["sales"], "get_x", "{}"));
    assert!(said.contains("to anybody: write one"), "{said}");
}

#[test]
fn forbid_tells_which_condition_would_end_it_and_what_then() {
    let text = format!(
        "permit (principal, action, resource);\n{}",
        refund("forbid", "context.args.amount > 100 && context.args.amount < 1000")
    );
    let said = changes(&compile(&text), &given(&[], "refund", r#"{"amount": 150}"#));
    assert!(said.contains("until `context.args.amount > 100` does not hold"), "{said}");
    assert!(said.ends_with("then `a#1` (a.cedar:1) permits it"), "{said}");
    let unless = "forbid (principal, action, resource is Tool) unless { context.session.open && resource.destructive };";
    let said = changes(&compile(unless), &given(&[], "refund", "{}"));
    assert!(said.contains("until `context.session.open` holds as well"), "{said}");
    assert!(said.contains("then still: no policy permits"), "{said}");
}

#[test]
fn policy_that_fails_says_where_and_conditions_behind_a_guard_do_not() {
    let policies = compile(&refund("permit", "context.args.amount <= 100"));
    let said = changes(&policies, &given(&[], "refund", r#"{"amount": "x"}"#));
    assert!(said.contains("fails at `context.args.amount <= 100`"), "{said}");
    let policies =
        compile(&refund("permit", "context.args has mode && context.args.mode == \"x\""));
    given(&[], "refund", "{}").with(|question| {
        let explained = policies.explain(question);
        let states: Vec<&State> =
            explained.readings[0].conditions.iter().map(|one| &one.state).collect();
        assert_eq!(states, [&State::Unmet, &State::Unread]);
    });
}

#[test]
fn argument_that_cannot_be_judged_is_named() {
    let policies = compile(&refund("permit", "context.args.amount <= 100"));
    let said = changes(&policies, &given(&[], "refund", r#"{"amount": 1e400}"#));
    assert!(said.contains("`amount`"), "{said}");
}

#[test]
fn requirements_of_a_permit_are_told() {
    let policies = compile(
        "@step_up(\"crm:big\") @fresh(\"5m\") permit (principal, action, resource is Tool);",
    );
    let said = changes(&policies, &given(&[], "get_x", "{}"));
    assert!(said.contains("scope `crm:big`") && said.contains("within 300 s"), "{said}");
}

#[test]
fn text_and_json_say_what_decided_with_its_place() {
    let policies = compile(&refund("permit", "context.args.amount <= 100"));
    given(&[], "refund", r#"{"amount": 5}"#).with(|question| {
        let explained: Explanation<'_> = policies.explain(question);
        let text = explained.text(Detail::Full);
        assert!(text.starts_with("permit: tools.invoke on Tool::\"crm/refund\""), "{text}");
        assert!(text.contains("it  permit  a.cedar:1\n    | @id(\"it\")"), "{text}");
        assert!(text.contains("met     context.args.amount <= 100"), "{text}");
        let json = explained.json();
        assert_eq!(json["readings"][0]["conditions"][0]["values"][0]["value"], "5");
        assert_eq!(json["decision"], "permit");
    });
}

const MANY: &str = r#"
@id("a") permit (principal in Role::"r1", action, resource is Tool) when { context.args has mode && context.args.mode == "x" };
@id("b") permit (principal is User, action == Action::"tools.invoke", resource in Server::"crm") unless { context.session.open };
@id("c") forbid (principal in Role::"r2", action in Action::"invoke", resource == Tool::"crm/refund") when { context.args.amount > 5 } unless { context.time.hour < 9 };
@id("d") @fresh("5m") permit (principal in Group::"g", action, resource) when { principal.subject == "alice" };
"#;

proptest! {
    /// What is told of a policy agrees with what it did.
    #[test]
    fn readings_agree_with_the_verdict(
        roles in prop::sample::subsequence(vec!["r1", "r2"], 0..=2),
        group in any::<bool>(),
        tool in prop::sample::select(vec!["refund", "get_x"]),
        arguments in prop::sample::select(vec!["{}", r#"{"amount": 9}"#, r#"{"amount": 1, "mode": "x"}"#, r#"{"mode": 1e400}"#]),
        open in any::<bool>(),
        hour in 0_u64..24,
    ) {
        let policies = compile(MANY);
        let mut given = given(&roles, tool, arguments);
        given.around.now_s += hour * 3600;
        given.around.session_opened_s = open.then_some(1);
        if group {
            let mut principal = (*given.principal).clone();
            principal.groups.push("g".into());
            given.principal = Arc::new(principal);
        }
        given.with(|question| {
            let explained = policies.explain(question);
            prop_assert_eq!(&*explained.verdict, &*policies.decide(question));
            let failed = explained.verdict.why().is_some_and(|why| why != "no_policy" && why != "policy_forbids");
            for reading in explained.readings.iter().filter(|_| !failed) {
                let fits = reading.lacks.is_none()
                    && reading.conditions.iter().all(|one| one.state == State::Met);
                if reading.decided {
                    prop_assert!(fits, "{}", explained.text(Detail::Full));
                }
                if fits && reading.rule.permits() && reading.needs.is_empty() {
                    prop_assert!(explained.verdict.why() != Some("no_policy"));
                }
                if fits && !reading.rule.permits() {
                    prop_assert_eq!(explained.verdict.why(), Some("policy_forbids"));
                }
            }
            prop_assert_eq!(explained.changes.is_empty(), explained.verdict.permits());
            Ok(())
        })?;
    }
}
