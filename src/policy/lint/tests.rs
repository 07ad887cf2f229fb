//! What lint finds, and what it leaves alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::roles::{self, Role};
use super::super::tests::{known, world};
use super::super::text::Source;
use super::super::{Parts, Policies};
use super::{Around, Governed, Names, lint};

fn around() -> Around {
    let server = |name: &str, rates: &[&str], profiles: &[&str]| Governed {
        name: name.into(),
        rates: rates.iter().copied().map(Box::from).collect(),
        profiles: profiles.iter().copied().map(Box::from).collect(),
    };
    Around {
        roles: Names::Any,
        groups: Names::Any,
        tenants: Names::Any,
        kinds: BTreeSet::from(["User", "Service"]),
        servers: vec![server("crm", &["slow"], &["strict"]), server("notes", &[], &["strict"])],
    }
}

fn policies(text: &str, roles: &[Role]) -> Policies {
    let mut sources = vec![Source { name: "a.cedar".into(), text: text.into() }];
    sources.push(roles::compile("crm", roles));
    let parts = Parts { sources, world: world(), known: known() };
    Policies::compile(parts).map_err(|p| format!("{p:#?}")).unwrap().0
}

/// `level line message`, without what is said of tools that nobody may call.
fn found_in(around: &Around, text: &str) -> Vec<String> {
    let shown = lint(&policies(text, &[]), around);
    let shown = shown
        .iter()
        .filter(|p| *p.place.file == *"a.cedar")
        .map(|p| format!("{}{} {}", if p.warning { "w" } else { "e" }, p.place.line, p.message));
    shown.collect()
}

fn found(text: &str) -> Vec<String> {
    found_in(&around(), text)
}

const INVOKE: &str = "action == Action::\"tools.invoke\"";

#[test]
fn sound_policies_are_left_alone() {
    let text = format!(
        "permit (principal in Role::\"support\", {INVOKE}, resource in Server::\"crm\") when {{ context.time.hour < 18 }};\n\
         forbid (principal, {INVOKE}, resource == Tool::\"crm/refund\") when {{ context.args.amount > 100 }};\n\
         permit (principal, action in Action::\"read\", resource);\n\
         @rate(\"slow\") @redact(\"strict\") permit (principal in Group::\"g\", {INVOKE}, resource in Server::\"crm\");\n\
         permit (principal, action == Action::\"reveal\", resource == Class::\"email\") when {{ principal.scopes.contains(\"pii\") }};"
    );
    assert_eq!(found(&text), [""; 0]);
}

#[test]
fn policy_that_can_never_match_is_an_error() {
    for text in [
        "permit (principal in Role::\"a\", action == Action::\"tools.invoke\", resource is Tool) when { resource is Prompt };",
        "permit (principal in Role::\"a\", action == Action::\"tools.invoke\", resource is Prompt);",
        "forbid (principal in Role::\"a\", action == Action::\"tools.invoke\", resource) when { false };",
    ] {
        let found = found(text);
        assert!(found.len() == 1 && found[0].starts_with("e1"), "{text}: {found:?}");
    }
}

#[test]
fn caller_that_nobody_can_be_is_warned_about() {
    let nobody = Around { kinds: BTreeSet::from(["Service"]), ..Around::default() };
    let text = format!(
        "permit (principal in Role::\"support\", {INVOKE}, resource in Server::\"crm\");\n\
         permit (principal in Group::\"g\", {INVOKE}, resource in Server::\"notes\");\n\
         permit (principal == User::\"i#u\", {INVOKE}, resource in Server::\"notes\");"
    );
    let expected = [
        "w1 nobody can be `Role::\"support\"`",
        "w2 nobody can be `Group::\"g\"`",
        "w3 nobody can be `User::\"i#u\"`",
    ];
    assert_eq!(found_in(&nobody, &text), expected);
    // A manager stands in support.
    let manager = Names::These(BTreeSet::from([Arc::from("manager")]));
    let some = Around { roles: manager, ..nobody };
    assert_eq!(found_in(&some, &text).len(), 2);
}

#[test]
fn permit_to_everybody_is_found() {
    let everything = found("permit (principal, action, resource);");
    assert_eq!(everything, ["e1 everybody may do everything"]);
    let text = format!("permit (principal, {INVOKE}, resource == Tool::\"crm/get_x\");");
    assert_eq!(found(&text), ["w1 this permits tools.invoke to everybody"]);
    let text = format!(
        "permit (principal, {INVOKE}, resource) when {{ context.args has a && context.time.hour < 5 }};"
    );
    assert!(found(&text).iter().any(|one| one.contains("to everybody")), "{:?}", found(&text));
    let text = format!(
        "permit (principal, {INVOKE}, resource is Tool) when {{ context.token.proof == \"dpop\" }};"
    );
    assert!(!found(&text).iter().any(|one| one.contains("everybody")), "{:?}", found(&text));
    let text = "permit (principal, action == Action::\"reveal\", resource in ClassSet::\"pii\");";
    assert_eq!(found(text), ["w1 this permits reveal to everybody"]);
}

#[test]
fn obligation_without_effect_is_found() {
    let role = "principal in Role::\"a\"";
    let of = |policy: &str| found(policy);
    assert_eq!(
        of(&format!(
            "@rate(\"slow\") permit ({role}, action == Action::\"reveal\", resource == Class::\"email\");"
        )),
        ["e1 `@rate` has no effect: the policy speaks of no call"]
    );
    assert_eq!(
        of(&format!("@rate(\"slow\") permit ({role}, {INVOKE}, resource in Server::\"notes\");")),
        ["e1 `@rate` has no effect on notes: there is no `slow`"]
    );
    assert_eq!(
        of(&format!("@rate(\"slow\") permit ({role}, {INVOKE}, resource);")),
        ["w1 `@rate` has no effect on notes: there is no `slow`"]
    );
    assert_eq!(of(&format!("@redact(\"strict\") permit ({role}, {INVOKE}, resource);")), [""; 0]);
}

#[test]
fn obligation_behind_another_of_its_kind_is_found() {
    let of = |first: &str, second: &str| {
        let around = around();
        let more =
            Governed { rates: vec!["slow".into(), "fast".into()], ..around.servers[0].clone() };
        let around = Around { servers: vec![more], ..around };
        let who = "principal in Role::\"a\"";
        let text = format!(
            "@id(\"one\") {first} permit ({who}, {INVOKE}, resource in Server::\"crm\");\n\
             {second} permit ({who}, {INVOKE}, resource == Tool::\"crm/get_x\");"
        );
        found_in(&around, &text)
    };
    let behind = ["e2 `@rate` has no effect: that of `one` comes first (a.cedar:1)"];
    assert_eq!(of("@rate(\"slow\")", "@rate(\"fast\")"), behind);
    assert_eq!(of("@rate(\"slow\")", "@redact(\"strict\")"), [""; 0]);
    assert_eq!(of("@rate(\"slow\") @step_up(\"x\")", "@rate(\"fast\")"), [""; 0]);
}

#[test]
fn policy_inside_another_one_is_found() {
    let broad = format!(
        "@id(\"broad\") permit (principal in Role::\"support\", {INVOKE}, resource in Server::\"crm\");\n"
    );
    let of = |policy: &str| found(&format!("{broad}{policy}"));
    let inside = ["w2 permits nothing more than `broad` (a.cedar:1)"];
    assert_eq!(
        of(&format!(
            "permit (principal in Role::\"manager\", {INVOKE}, resource == Tool::\"crm/get_x\") when {{ context.time.hour < 5 }};"
        )),
        inside
    );
    assert_eq!(
        of(&format!(
            "permit (principal in Role::\"support\", {INVOKE}, resource is Tool in Server::\"crm\");"
        )),
        inside
    );
    assert_eq!(
        of(&format!(
            "@rate(\"slow\") permit (principal in Role::\"support\", {INVOKE}, resource == Tool::\"crm/get_x\");"
        )),
        [""; 0]
    );
    assert_eq!(
        of(&format!(
            "permit (principal in Role::\"other\", {INVOKE}, resource == Tool::\"crm/get_x\");"
        )),
        [""; 0]
    );
    assert_eq!(
        of("permit (principal in Role::\"support\", action, resource in Server::\"crm\");"),
        ["w1 permits nothing more than `a#2` (a.cedar:2)"]
    );
    // A policy that asks for more before it permits covers nothing.
    assert_eq!(
        of(&format!(
            "@step_up(\"x\") permit (principal in Role::\"support\", {INVOKE}, resource == Tool::\"crm/get_x\");"
        )),
        ["e2 asks for more in vain: `broad` permits all of it (a.cedar:1)"]
    );
    let stepped = format!(
        "@step_up(\"x\") {broad}permit (principal in Role::\"support\", {INVOKE}, resource == Tool::\"crm/get_x\");"
    );
    assert_eq!(found(&stepped), [""; 0]);
}

#[test]
fn permit_that_is_wholly_forbidden_is_an_error() {
    let text = format!(
        "@id(\"no\") forbid (principal, action, resource in ToolSet::\"reads\");\n\
         @rate(\"slow\") permit (principal in Role::\"a\", {INVOKE}, resource == Tool::\"crm/get_x\");\n\
         permit (principal in Role::\"a\", {INVOKE}, resource == Tool::\"crm/refund\");"
    );
    assert_eq!(found(&text), ["e2 never permits: `no` forbids all of it (a.cedar:1)"]);
}

#[test]
fn policies_that_say_the_same_are_found_whatever_their_names() {
    let one = format!(
        "permit (principal in Role::\"a\", {INVOKE}, resource) when {{ context.time.hour < 5 }};\n"
    );
    let text = format!("@id(\"x\") {one}@description(\"d\") {one}@audit(\"w\") {one}");
    assert_eq!(found(&text), ["w2 says the same as `x` (a.cedar:1)"]);
}

#[test]
fn condition_that_always_holds_is_found() {
    let of = |condition: &str| {
        found(&format!(
            "permit (principal in Role::\"a\", {INVOKE}, resource == Tool::\"crm/refund\") {condition};"
        ))
    };
    for (condition, shown) in [
        ("when { true }", "true"),
        ("when { context.args.amount < 5 && resource is Tool }", "resource is Tool"),
        ("when { context has time }", "context has time"),
        ("unless { principal is Anonymous && false }", "principal is Anonymous && false"),
    ] {
        let found = of(condition);
        let expected = [format!("w1 this condition always holds: `{shown}`")];
        let holds = condition.starts_with("when").then_some(expected);
        match holds {
            Some(expected) => assert_eq!(found, expected, "{condition}"),
            None => assert!(found[0].contains("always holds"), "{condition}: {found:?}"),
        }
    }
    assert_eq!(of("when { context.args.amount < 5 && context has client }"), [""; 0]);
    assert_eq!(
        of("when { context.args has price && context.args.price.lessThan(decimal(\"1.0\")) }"),
        [""; 0]
    );
}

#[test]
fn tool_that_no_policy_permits_is_found() {
    let unnamed = |text: &str, roles: &[Role]| {
        let shown = lint(&policies(text, roles), &around());
        let shown = shown.iter().filter(|p| *p.place.file == *"tools of crm");
        shown.map(|p| p.message.clone()).collect::<Vec<_>>()
    };
    let of = |tool: &str| format!("no policy permits `Tool::\"crm/{tool}\"` to anybody");
    assert_eq!(unnamed("", &[]), [of("get_x"), of("refund")]);
    let role = Role { name: "r".into(), tools: vec!["get_*".into()], ..Role::default() };
    assert_eq!(unnamed("", &[role]), [of("refund")]);
    let text = format!(
        "permit (principal in Role::\"a\", {INVOKE}, resource) when {{ resource in ToolSet::\"reads\" }};"
    );
    assert_eq!(unnamed(&text, &[]), [of("refund")]);
    let text = format!(
        "permit (principal in Role::\"a\", {INVOKE}, resource) when {{ [Tool::\"crm/refund\"].contains(resource) }};"
    );
    assert_eq!(unnamed(&text, &[]), [of("get_x")]);
    let text = format!(
        "permit (principal in Role::\"a\", {INVOKE}, resource) when {{ !resource.destructive }};"
    );
    assert_eq!(unnamed(&text, &[]), [""; 0], "hints may say either");
    let text = format!("forbid (principal, {INVOKE}, resource == Tool::\"crm/refund\");");
    assert_eq!(unnamed(&text, &[]), [of("get_x")], "a forbid says that it is meant");
}
