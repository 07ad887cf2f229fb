//! The promises of the policy language.

mod model;
mod reveal;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::arguments::Fields;
use super::facts::{Act, Arguments, Circumstances, Question, Target, ToolShape, World};
use super::hierarchy::Hierarchy;
use super::roles::{self, Role};
use super::text::Source;
use super::time::Zone;
use super::verdict::{Ruling, Why};
use super::{Known, Parts, Policies};
use crate::call::{Action, Name};
use crate::json::Document;
use crate::limits::{
    POLICIES_MAX, POLICY_ANSWERS_MAX, POLICY_BYTES_MAX, POLICY_DEPTH_MAX, POLICY_SLICES_MAX,
    POLICY_SUBJECTS_MAX, POLICY_THINGS_MAX, POLICY_TRIAL_VALUES_MAX, POLICY_TRIALS_MAX,
};
use crate::principal::{AuthMethod, Principal, Scopes};

pub(super) fn world() -> World {
    let file =
        "roles: {manager: [support]}\ntool_sets: {reads: [crm/get_*]}\nclass_sets: {pii: [email]}";
    let refund = json!({"type": "object", "required": ["amount"], "properties": {
        "amount": {"type": "integer"}, "price": {"type": "number"}, "mode": {"type": "string"}}});
    let tool = |arguments| ToolShape { arguments, ..ToolShape::default() };
    World {
        hierarchy: Hierarchy::read(file).unwrap(),
        networks: vec![("office".into(), vec!["10.0.0.0/8".parse().unwrap()])],
        zone: Zone::utc(),
        tools: HashMap::from([
            ("crm/refund".into(), tool(Fields::of_schema(&refund))),
            ("crm/get_x".into(), tool(Fields::default())),
        ]),
    }
}

pub(super) fn known() -> Known {
    Known {
        claims: vec!["department".into()],
        servers: vec!["crm".into(), "notes".into()],
        classes: vec!["email".into(), "card".into()],
        complete: vec!["crm".into()],
    }
}

pub(super) fn compile(text: &str) -> Policies {
    match Policies::compile(parts(text)) {
        Ok((policies, _)) => policies,
        Err(problems) => panic!("{}", shown(&problems)),
    }
}

fn parts(text: &str) -> Parts {
    let sources = vec![Source { name: "a.cedar".into(), text: text.into() }];
    Parts { sources, world: world(), known: known() }
}

fn shown(problems: &[super::Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

fn refused(text: &str) -> String {
    shown(&Policies::compile(parts(text)).map(|(_, warnings)| warnings).unwrap_err())
}

fn warned(text: &str) -> String {
    shown(
        &Policies::compile(parts(text))
            .map(|(_, warnings)| warnings)
            .map_err(|p| shown(&p))
            .unwrap(),
    )
}

pub(super) fn caller(roles: &[&str]) -> Arc<Principal> {
    Arc::new(Principal {
        roles: roles.iter().copied().map(Arc::from).collect(),
        scopes: Scopes::from_names(["a"]),
        attributes: vec![("department".into(), vec!["sales".into()])],
        ..Principal::new(AuthMethod::Bearer, "https://idp".into(), "alice".into())
    })
}

struct Asked<'a> {
    policies: &'a Policies,
    principal: Arc<Principal>,
    around: Circumstances,
}

impl<'a> Asked<'a> {
    fn of(policies: &'a Policies, roles: &[&str]) -> Self {
        // 2026-11-23, a Monday, 09:30.
        let around = Circumstances { now_s: 1_795_426_200, ..Circumstances::default() };
        Self { policies, principal: caller(roles), around }
    }

    fn question<'q>(&'q self, tool: &'q str, arguments: Arguments<'q>) -> Question<'q> {
        Question {
            principal: &self.principal,
            act: Act::Call(Action::ToolsInvoke),
            server: "crm",
            target: Target::Name(Name::Tool(tool)),
            circumstances: &self.around,
            arguments,
        }
    }

    fn ruling(&self, tool: &str, arguments: &str) -> Ruling {
        let bytes = Bytes::copy_from_slice(arguments.as_bytes());
        let document = Document::parse(bytes, &crate::mcp::REQUEST).unwrap();
        let arguments = Arguments::Json(document.root());
        self.policies.decide(&self.question(tool, arguments)).ruling.clone()
    }

    fn permits(&self, tool: &str, arguments: &str) -> bool {
        matches!(self.ruling(tool, arguments), Ruling::Permit { .. })
    }

    fn could(&self, tool: &str) -> bool {
        self.policies.could(&self.question(tool, Arguments::None))
    }
}

const REFUNDS: &str = r#"
permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"crm/refund")
when { context.args.amount <= 100 };
permit (principal in Role::"manager", action == Action::"tools.invoke", resource == Tool::"crm/refund")
when { context.time.weekday <= 5 && context.time.hour >= 9 && context.time.hour < 17 };
"#;

#[test]
fn refunds_up_to_100_by_support_and_above_by_a_manager_in_working_hours() {
    let policies = compile(REFUNDS);
    let support = Asked::of(&policies, &["support"]);
    assert!(support.permits("refund", r#"{"amount": 100}"#));
    assert!(!support.permits("refund", r#"{"amount": 101}"#));
    let mut manager = Asked::of(&policies, &["manager"]);
    assert!(manager.permits("refund", r#"{"amount": 5000}"#));
    manager.around.now_s += 10 * 3600;
    assert!(!manager.permits("refund", r#"{"amount": 5000}"#), "after hours");
    assert!(manager.permits("refund", r#"{"amount": 5}"#), "a manager is in support");
    assert!(!Asked::of(&policies, &["other"]).permits("refund", r#"{"amount": 1}"#));
}

#[test]
fn arguments_that_are_not_what_the_schema_says_are_denied() {
    let policies = compile(REFUNDS);
    let support = Asked::of(&policies, &["support"]);
    for arguments in [
        "{}",
        r#"{"amount": "5"}"#,
        r#"{"amount": null}"#,
        r#"{"amount": 5.5}"#,
        r#"{"amount": 1e400}"#,
        r#"{"amount": [5]}"#,
        r#"{"amount": {"a": 5}}"#,
        r#"{"amount": true}"#,
        r#"{"amount": 0.00001}"#,
        r#"{"amount": 9223372036854775808}"#,
    ] {
        assert!(!support.permits("refund", arguments), "{arguments}");
    }
    assert!(
        support.permits("refund", r#"{"amount": 1e2, "other": 1e400}"#),
        "what no policy looks at"
    );
}

#[test]
fn forbid_that_fails_denies() {
    let policies = compile(
        "permit (principal, action, resource);\n@id(\"cap\") forbid (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args.amount > 100 };",
    );
    let asked = Asked::of(&policies, &[]);
    assert!(asked.permits("refund", r#"{"amount": 1}"#));
    let Ruling::Forbid { why: Why::Failed(_), .. } = asked.ruling("refund", r#"{"amount": "x"}"#)
    else {
        panic!("a failing forbid allowed");
    };
    assert!(asked.permits("get_x", r#"{"amount": "x"}"#), "it does not speak of this tool");
}

#[test]
fn numbers_are_decimals_where_the_schema_says_number() {
    let policies = compile(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args has price && context.args.price.lessThanOrEqual(decimal(\"99.95\")) };",
    );
    let asked = Asked::of(&policies, &[]);
    for (arguments, allowed) in [
        (r#"{"price": 99.95}"#, true),
        (r#"{"price": 99}"#, true),
        (r#"{"price": 99.96}"#, false),
        (r#"{"price": 1e9}"#, false),
        ("{}", false),
    ] {
        assert_eq!(asked.permits("refund", arguments), allowed, "{arguments}");
    }
}

#[test]
fn list_shows_what_some_call_could_be_allowed_for() {
    let policies = compile(REFUNDS);
    assert!(Asked::of(&policies, &["support"]).could("refund"));
    assert!(!Asked::of(&policies, &["other"]).could("refund"));
    assert!(!Asked::of(&policies, &["support"]).could("get_x"));
    let contradiction = compile(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args.amount > 100 };\nforbid (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") unless { context.args.amount < 100 };",
    );
    assert!(!Asked::of(&contradiction, &[]).could("refund"));
}

#[test]
fn what_a_list_shows_follows_the_clock_the_address_and_the_risk() {
    let policies = compile(
        r#"permit (principal, action == Action::"tools.invoke", resource == Tool::"crm/refund")
           when { context.args.amount <= 100 && context.time.hour < 17
                  && context has client && context.client.networks.contains("office") }
           unless { context has risk && context.risk.level > 2 };"#,
    );
    let mut asked = Asked::of(&policies, &[]);
    assert!(!asked.could("refund"), "from nowhere");
    asked.around.client = Some("10.1.2.3".parse().unwrap());
    assert!(asked.could("refund") && asked.could("refund"));
    asked.around.own_risk = Some(3);
    assert!(!asked.could("refund"));
    asked.around.own_risk = Some(2);
    // 09:30 and 7:29:59 more.
    asked.around.now_s += 7 * 3600 + 29 * 60 + 59;
    assert!(asked.could("refund"));
    asked.around.now_s += 1;
    assert!(!asked.could("refund"), "five o'clock");
}

#[test]
fn obligations_come_from_permits_whose_requirements_are_met() {
    let policies = compile(
        "@step_up(\"crm:big\") @rate(\"slow\") permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\");\n@fresh(\"5m\") @alert(\"x\") permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/get_x\");",
    );
    let mut asked = Asked::of(&policies, &[]);
    assert_eq!(asked.ruling("refund", "{}"), Ruling::StepUp { scopes: vec!["crm:big".into()] });
    assert_eq!(asked.ruling("get_x", "{}"), Ruling::Stale { max_age_s: 300 });
    let signed_in = Principal {
        authenticated_at_s: Some(asked.around.now_s - 300),
        scopes: Scopes::from_names(["crm:big"]),
        ..Principal::clone(&asked.principal)
    };
    asked.principal = Arc::new(signed_in);
    assert_eq!(
        asked.ruling("refund", "{}"),
        Ruling::Permit { rate: Some("slow".into()), redact: None }
    );
    assert!(asked.permits("get_x", "{}"));
    asked.around.now_s += 1;
    assert!(!asked.permits("get_x", "{}"), "the answer is not remembered beyond its time");
}

#[test]
fn circumstances_are_seen() {
    for (condition, holds) in [
        ("context has client && context.client.networks.contains(\"office\")", true),
        ("context has client && context.client.address.isInRange(ip(\"192.168.0.0/16\"))", false),
        (
            "principal.claims has department && principal.claims.department.contains(\"sales\")",
            true,
        ),
        ("context.time.now < datetime(\"2027-01-01\")", true),
        ("context.session.open", false),
        ("context has risk", false),
        ("resource in ToolSet::\"reads\"", true),
        ("resource.destructive", true),
        ("context.token.proof == \"none\"", true),
        ("principal is User && principal == User::\"https://idp#alice\"", true),
        ("principal == User::\"https://other#alice\"", false),
    ] {
        let policies = compile(&format!(
            "permit (principal, action == Action::\"tools.invoke\", resource is Tool) when {{ {condition} }};"
        ));
        let mut asked = Asked::of(&policies, &[]);
        asked.around.client = Some("10.1.2.3".parse().unwrap());
        assert_eq!(asked.permits("get_x", "{}"), holds, "{condition}");
    }
}

#[test]
fn mistakes_are_refused_with_line_column_and_help() {
    for (text, says) in [
        ("permit (principal, action == Action::\"tools.call\", resource);", "tools.call"),
        (
            "permit (principal, action, resource == Tool::\"crn/x\");",
            "there is no `Tool::\"crn/x\"`",
        ),
        ("permit (principal, action, resource == Tool::\"x\");", "<server>/<name>"),
        ("permit (principal, action, resource in ToolSet::\"writes\");", "policy.entities"),
        ("permit (principal, action, resource == Class::\"emial\");", "the classes are"),
        ("permit (principal, action, resource) when { principal.rolls.contains(\"a\") };", "rolls"),
        ("permit (principal, action, resource) when { principal.tenant == \"a\" };", "tenant"),
        (
            "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args.amuont < 1 };",
            "amuont",
        ),
        (
            "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args.amount == \"x\" };",
            "crm/refund",
        ),
        (
            "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args.price < 1 };",
            "decimal",
        ),
        (
            "permit (principal, action == Action::\"tools.invoke\", resource) when { context.args.amount < 1 };",
            "for tool `crm/get_x`",
        ),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            "is taken",
        ),
    ] {
        let found = refused(text);
        assert!(found.contains(says) && found.contains("a.cedar:"), "{text}\n{found}");
    }
    let at = refused("\n\npermit (principal, action, resource)\n  when { principal.rolls == 1 };");
    assert!(at.contains("a.cedar:4:10"), "{at}");
}

#[test]
fn unknown_tool_or_arguments_are_warned_about() {
    let warning = warned(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"notes/x\") when { context.args.a.b > 5 };",
    );
    assert!(warning.contains("not checked"), "{warning}");
    let warning = warned(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/nope\");",
    );
    assert!(warning.contains("no tool of this name"), "{warning}");
    let warning = warned(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\") when { context.args has amuont && context.args.amuont < 1 };",
    );
    assert!(warning.contains("warning"), "{warning}");
}

#[test]
fn roles_in_yaml_and_their_print_decide_alike() {
    let role = Role {
        name: "support".into(),
        tools: vec!["get_*".into(), "we\"ird\\".into()],
        namespaces: vec!["session.*".into()],
        prompts: vec!["p".into()],
        reveal: vec!["email".into()],
        ..Role::default()
    };
    let printed = roles::compile("crm", &[role]).text;
    let policies = compile(&printed);
    let ask = |asked: &Asked<'_>, act, target| {
        policies.decide(&Question { act, target, ..asked.question("", Arguments::None) }).permits()
    };
    let name = |name| Target::Name(name);
    for (roles, expected) in [(&["support"][..], true), (&["manager"], true), (&["x"], false)] {
        let asked = Asked::of(&policies, roles);
        let invoke = Act::Call(Action::ToolsInvoke);
        assert_eq!(ask(&asked, invoke, name(Name::Tool("get_it"))), expected);
        assert_eq!(ask(&asked, invoke, name(Name::Tool("we\"ird\\"))), expected);
        assert!(!ask(&asked, invoke, name(Name::Tool("set_it"))));
        let read = Act::Call(Action::MemoryRead);
        assert_eq!(ask(&asked, read, name(Name::Namespace("session.a.b"))), expected);
        assert!(!ask(&asked, read, name(Name::Namespace("user"))));
        assert!(!ask(&asked, read, name(Name::Server)));
        assert!(!ask(&asked, Act::Call(Action::MemoryWrite), name(Name::Namespace("session.a"))));
        let class = Target::Class { class: "email", tool: None };
        assert_eq!(ask(&asked, Act::Reveal, class), expected);
        let complete = Act::Call(Action::Completion);
        assert_eq!(ask(&asked, complete, name(Name::Prompt("p"))), expected);
        assert!(!ask(&asked, complete, name(Name::Server)));
    }
}

#[test]
fn base_lets_everybody_open_sessions_and_list_and_nothing_else() {
    let policies = compile("");
    let asked = Asked::of(&policies, &[]);
    for action in Action::ALL {
        let act = Act::Call(action);
        let target = Target::Name(Name::of(action, "x").unwrap_or(Name::Server));
        let verdict =
            policies.decide(&Question { act, target, ..asked.question("", Arguments::None) });
        assert_eq!(verdict.permits(), action.default_scope().is_none(), "{action:?}");
    }
}

#[test]
fn mistakes_of_policies_about_other_things_deny_nothing() {
    let policies = compile(
        "permit (principal, action, resource);\nforbid (principal in Role::\"x\", action == Action::\"tools.invoke\", resource in Server::\"notes\") when { context.args.a > 1 };",
    );
    assert!(Asked::of(&policies, &["x"]).permits("get_x", "{}"));
}

#[test]
fn files_and_sets_beyond_their_bounds_are_refused() {
    let one = "forbid(principal,action,resource);\n";
    assert!(refused(&" ".repeat(POLICY_BYTES_MAX + 1)).contains("larger than"));
    assert!(refused(&one.repeat(POLICIES_MAX + 1)).contains("more than"));
    let deep = format!(
        "permit(principal,action,resource) when {{ {}1==1{} }};",
        "(".repeat(POLICY_DEPTH_MAX),
        ")".repeat(POLICY_DEPTH_MAX)
    );
    assert!(refused(&deep).contains("nested deeper"));
}

#[test]
fn what_is_remembered_and_tried_is_bounded() {
    // Memory of questions, callers and choices of policies: see `memo`; here their sizes fit.
    for part in [POLICY_THINGS_MAX, POLICY_SUBJECTS_MAX, POLICY_SLICES_MAX] {
        assert!(part <= POLICY_ANSWERS_MAX);
    }
    // More arguments than combinations allow: the name is shown rather than hidden.
    let names: Vec<String> = (0..12).map(|n| format!("context.args.a{n} == \"x\"")).collect();
    let policies = compile(&format!(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"notes/x\") when {{ {} }};",
        names.join(" && ")
    ));
    let asked = Asked::of(&policies, &[]);
    let question = Question { server: "notes", ..asked.question("x", Arguments::None) };
    assert!(3_usize.pow(12) > POLICY_TRIALS_MAX && policies.could(&question));
    // One argument with more values than are tried is still found possible.
    let values: Vec<String> =
        (0..POLICY_TRIAL_VALUES_MAX * 2).map(|n| format!("\"v{n}\"")).collect();
    let policies = compile(&format!(
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"notes/x\") when {{ [{}].contains(context.args.a) }};",
        values.join(",")
    ));
    let asked = Asked::of(&policies, &[]);
    assert!(policies.could(&Question { server: "notes", ..asked.question("x", Arguments::None) }));
}
