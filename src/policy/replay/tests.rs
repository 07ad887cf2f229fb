//! Recorded calls asked again.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Policies;
use super::super::facts::{Act, Circumstances, written};
use super::super::given::{Given, On};
use super::super::tests::{caller, compile};
use super::super::verdict::Verdict;
use super::{Coverage, Diff, Reader, Replay, Said, Set, Side, Unasked};
use crate::call::Action;
use crate::limits::{AUDIT_ROLES_MAX, POLICIES_NAMED_MAX, POLICY_CHANGES_MAX, POLICY_SUBJECTS_MAX};
use crate::principal::Principal;

/// A call in the shape in which the gateway records it.
pub(in crate::policy) fn record(
    number: usize,
    principal: &Principal,
    (action, server, resource): (Action, &str, &str),
    params: Option<&Value>,
    verdict: Option<&Verdict>,
) -> Value {
    let allowed = verdict.is_none_or(Verdict::permits);
    let mut record = json!({
        "timestamp": format!("2026-11-23T09:30:{:02}.000000Z", number % 60), "kind": "call",
        "phase": if allowed { "intent" } else { "refused" }, "request_id": format!("r{number}"),
        "server": server, "client": &*principal.subject, "user_id": &*principal.subject,
        "operation": "tools/call", "action": action.name(), "resource": resource,
        "auth_method": principal.method.name(), "issuer": &*principal.issuer,
        "roles": principal.roles.iter().map(|r| &**r).collect::<Vec<_>>(),
        "decision": if allowed { "allow" } else { "deny" },
    });
    let members = record.as_object_mut().unwrap();
    if let Some(params) = params {
        members.insert("params".into(), params.clone());
    }
    if let Some(verdict) = verdict {
        let mut policy = json!({ "set": "0011223344556677", "decision": verdict.name() });
        let put = |policy: &mut Value, name: &str, list: Vec<&str>| {
            if !list.is_empty() {
                policy[name] = json!(list);
            }
        };
        if let Some(why) = verdict.why() {
            policy["why"] = json!(why);
        }
        let named = verdict.policies.iter().take(POLICIES_NAMED_MAX);
        put(&mut policy, "policies", named.map(AsRef::as_ref).collect());
        let obligations = verdict.obligations();
        put(&mut policy, "obligations", obligations.iter().map(String::as_str).collect());
        members.insert("policy".into(), policy);
        let around = Circumstances { now_s: NOW_S, ..Circumstances::default() };
        let input = serde_json::from_slice(&written(principal, &around)).unwrap();
        members.insert("policy_input".into(), input);
    }
    record
}

fn ask(
    policies: &Policies,
    principal: &Arc<Principal>,
    tool: &str,
    params: &Value,
) -> Arc<Verdict> {
    let given = Given {
        principal: Arc::clone(principal),
        act: Act::Call(Action::ToolsInvoke),
        server: "crm".into(),
        on: On::of(Act::Call(Action::ToolsInvoke), tool),
        around: Circumstances { now_s: NOW_S, ..Circumstances::default() },
        arguments: Some(params.to_string().into()),
    };
    given.ask(policies)
}

/// Calls of `crm`, each decided by these policies.
fn trail(policies: &Policies, calls: &[(&[&str], &str, Value)]) -> Vec<Value> {
    let each = calls.iter().enumerate().map(|(number, (roles, tool, params))| {
        let principal = caller(roles);
        let verdict = ask(policies, &principal, tool, params);
        let call = (Action::ToolsInvoke, "crm", *tool);
        record(number, &principal, call, Some(params), Some(&verdict))
    });
    each.collect()
}

pub(in crate::policy) fn side(policies: &Policies) -> Side<'_> {
    Side { policies, governs: BTreeSet::from(["crm".into()]) }
}

fn replay(policies: &Policies, set: Set, records: &[Value]) -> super::Compared {
    let mut replay = Replay::new(side(policies), set);
    records.iter().for_each(|record| replay.take(record));
    replay.done()
}

fn diff(before: &Policies, after: &Policies, records: &[Value]) -> super::Compared {
    let mut diff = Diff::new(side(before), side(after));
    records.iter().for_each(|record| diff.take(record));
    diff.done()
}

const OLD: &str = r#"
@id("small") permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"crm/refund") when { context.args.amount <= 100 };
@id("read") permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"crm/get_x");
"#;

fn calls() -> Vec<(&'static [&'static str], &'static str, Value)> {
    vec![
        (&["support"], "refund", json!({"amount": 5})),
        (&["support"], "refund", json!({"amount": 500})),
        (&["support"], "get_x", json!({})),
        (&["x"], "get_x", json!({})),
        (&[], "get_x", json!({})),
    ]
}

#[test]
fn what_a_set_decided_it_decides_again() {
    let policies = compile(OLD);
    let found = replay(&policies, Set::Live, &trail(&policies, &calls()));
    assert_eq!((found.same, found.different, found.left.len()), (5, 0, 0));
}

#[test]
fn another_answer_is_told_with_its_policies_and_an_example() {
    let old = compile(OLD);
    let new = compile(&OLD.replace("100", "1000").replace("\"read\"", "\"reads\""));
    let found = replay(&new, Set::Live, &trail(&old, &calls()));
    assert_eq!((found.same, found.different), (3, 2));
    let kinds: Vec<String> = found.changes.keys().map(super::Change::kind).collect();
    assert_eq!(kinds, ["deny → permit", "policies"]);
    let text = found.text();
    for says in [
        "5 calls were asked: 3 with the same answer, 2 with another",
        "deny → permit: 1 call, such as r1",
        "before: deny (no_policy)",
        "after:  permit by small",
        "after:  permit by reads",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    // Candidates have names of their own.
    let found = replay(&new, Set::Shadow, &trail(&old, &calls()));
    assert_eq!((found.same, found.different), (4, 1));
}

#[test]
fn diff_tells_flips_obligations_and_what_would_be_shown() {
    let old = compile(OLD);
    let new = compile(
        &(OLD
            .replace("amount <= 100", "amount <= 4")
            .replace("@id(\"read\")", "@id(\"read\") @rate(\"slow\")")
            + "permit (principal in Role::\"support\", action == Action::\"reveal\", resource == Class::\"email\") when { context has tool && context.tool == Tool::\"crm/get_x\" };"),
    );
    let found = diff(&old, &new, &trail(&old, &calls()));
    let kinds: Vec<String> = found.changes.keys().map(super::Change::kind).collect();
    assert_eq!(kinds, ["obligations", "permit → deny", "email: masked → shown"]);
    assert_eq!((found.same, found.different), (3, 2));
    let json = found.json();
    assert_eq!(json["changes"][1]["before"]["policies"], json!(["small"]));
    assert_eq!(json["changes"][1]["example"], "r0");
    assert_eq!(json["changes"][0]["after"]["obligations"], json!(["rate=slow"]));
    assert_eq!(diff(&old, &old, &trail(&old, &calls())).different, 0);
}

#[test]
fn masked_arguments_matter_only_where_a_policy_looks_at_them() {
    let policies = compile(OLD);
    let mut records = trail(&policies, &calls());
    for record in &mut records {
        record["params_masked"] = json!(true);
    }
    let found = replay(&policies, Set::Live, &records);
    assert_eq!((found.same, found.different), (3, 0));
    let left: Vec<(&str, u64)> = found.left.iter().map(|(why, (n, _))| (why.name(), *n)).collect();
    assert_eq!(left, [("arguments", 2)]);
    assert!(
        found.text().contains("cannot be asked exactly: 2 calls, such as r0"),
        "{}",
        found.text()
    );
}

#[test]
fn calls_that_cannot_be_asked_are_counted_each_with_its_reason() {
    let policies = compile(OLD);
    let record = |change: &dyn Fn(&mut Value)| {
        let mut record = trail(&policies, &calls()[..1]).remove(0);
        change(&mut record);
        record
    };
    let records = [
        record(&|r| r["server"] = json!("notes")),
        record(&|r| r["resource"] = json!("cust[EMAIL]")),
        record(&|r| r["resource"] = json!("x".repeat(256))),
        record(&|r| r["policy_input"]["now"] = json!("x")),
        record(&|r| {
            r.as_object_mut().unwrap().remove("policy");
        }),
        record(&|r| {
            r["phase"] = json!("refused");
            r["operation"] = json!("subscriptions/listen");
        }),
    ];
    let found = replay(&policies, Set::Live, &records);
    let left: Vec<&str> = found.left.keys().map(|why| why.name()).collect();
    assert_eq!(left, ["name", "cut", "several", "unjudged", "ungoverned", "malformed"]);
    assert_eq!(found.asked(), 0);
    let none = [
        record(&|r| r["phase"] = json!("completion")),
        record(&|r| r["kind"] = json!("start")),
        record(&|r| {
            r.as_object_mut().unwrap().remove("action");
        }),
    ];
    assert!(replay(&policies, Set::Live, &none).left.is_empty());
}

#[test]
fn trail_of_a_server_that_was_not_governed_is_asked_where_nothing_is_missing() {
    let bare = |policies: &Policies, count: usize| {
        let roles: Vec<String> = (0..count).map(|n| format!("r{n}")).collect();
        let mut roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        roles.insert(0, "support");
        roles.truncate(count);
        let call = (Action::ToolsInvoke, "crm", "get_x");
        let records = [record(0, &caller(&roles), call, None, None)];
        let found = diff(policies, &compile(""), &records);
        (found.different, found.left.keys().next().copied())
    };
    let doubt = Some(Unasked::Doubt(super::Doubt::Circumstances));
    assert_eq!(bare(&compile(OLD), 1), (1, None));
    assert_eq!(bare(&compile(OLD), AUDIT_ROLES_MAX), (0, doubt), "there may have been more");
    for lost in [
        "when { principal.scopes.contains(\"a\") }",
        "when { principal in Group::\"g\" }",
        "when { context.token.proof == \"dpop\" }",
        "unless { principal is Service }",
    ] {
        let forbid = format!("{OLD} forbid (principal, action, resource) {lost};");
        assert_eq!(bare(&compile(&forbid), 1), (0, doubt), "{lost}");
    }
    let told = format!(
        "{OLD} forbid (principal, action, resource) when {{ principal.subject == \"x\" && principal in Role::\"y\" }};"
    );
    assert_eq!(bare(&compile(&told), 1), (1, None));
}

#[test]
fn coverage_counts_what_decided_and_names_what_never_did() {
    let policies = compile(
        &(OLD.to_owned()
            + "@id(\"dead\") permit (principal in Role::\"nobody\", action == Action::\"tools.invoke\", resource);\n\
               @id(\"shown\") permit (principal in Role::\"support\", action == Action::\"reveal\", resource == Class::\"email\");"),
    );
    let mut coverage = Coverage::new(side(&policies));
    trail(&policies, &calls()).iter().for_each(|record| coverage.take(record));
    let counts: Vec<(&str, u64)> = coverage.policies().map(|(rule, n)| (&*rule.id, n)).collect();
    assert_eq!(
        counts,
        [
            ("sallyport.session", 0),
            ("sallyport.list", 0),
            ("small", 1),
            ("read", 1),
            ("dead", 0),
            ("shown", 2)
        ]
    );
    let unused: Vec<&str> = coverage.unused().iter().map(|rule| &*rule.id).collect();
    assert_eq!(unused, ["dead"]);
    assert!(coverage.unused_text().starts_with("a.cedar:4: `dead` decided no call\n"));
}

#[test]
fn record_of_the_same_set_tells_what_masked_arguments_do_not() {
    let policies = compile(OLD);
    let mut records = trail(&policies, &calls()[..1]);
    records[0]["params_masked"] = json!(true);
    let count = |records: &[Value]| {
        let mut coverage = Coverage::new(side(&policies));
        records.iter().for_each(|record| coverage.take(record));
        (coverage.by_record, coverage.left.len(), coverage.unused().len())
    };
    assert_eq!(count(&records), (0, 1, 2));
    records[0]["policy"]["set"] = json!(&**policies.hash());
    assert_eq!(count(&records), (1, 0, 1));
}

#[test]
fn more_changes_than_policy_changes_max_are_counted_only() {
    let policies = compile(OLD);
    let mut replay = Replay::new(side(&policies), Set::Live);
    let mut record = trail(&policies, &calls()[..1]).remove(0);
    for number in 0..POLICY_CHANGES_MAX + 3 {
        record["policy"]["policies"] = json!([format!("p{number}")]);
        replay.take(&record);
    }
    let found = replay.done();
    assert_eq!((found.changes.len(), found.more), (POLICY_CHANGES_MAX, 3));
}

#[test]
fn said_and_recorded_agree_however_many_policies_decide() {
    let many: String = (0..POLICIES_NAMED_MAX + 9)
        .map(|n| format!("permit (principal, action == Action::\"tools.invoke\", resource) when {{ context.time.hour < {} }};\n", 24 + n))
        .collect();
    let policies = compile(&many);
    let found = replay(&policies, Set::Live, &trail(&policies, &calls()));
    assert_eq!((found.same, found.different), (5, 0));
    let verdict = ask(&policies, &caller(&[]), "get_x", &json!({}));
    assert_eq!(Said::of(&verdict).policies.len(), POLICIES_NAMED_MAX);
}

#[test]
fn callers_that_come_again_are_the_same_up_to_policy_subjects_max() {
    let mut reader = Reader::default();
    let mut read = |subject: &str| {
        let who = Principal { subject: subject.into(), ..Principal::clone(&caller(&["x"])) };
        let record = record(0, &who, (Action::ToolsInvoke, "crm", "t"), None, None);
        reader.read(&record).unwrap().unwrap().given.principal
    };
    let first = read("a");
    assert!(Arc::ptr_eq(&first, &read("a")));
    assert!(!Arc::ptr_eq(&first, &read("b")));
    for n in 0..POLICY_SUBJECTS_MAX {
        read(&n.to_string());
    }
    assert!(reader.callers.len() <= POLICY_SUBJECTS_MAX);
}

fn policy() -> impl Strategy<Value = String> {
    let effects =
        prop::sample::select(vec!["permit", "permit", "forbid", "@rate(\"slow\") permit"]);
    let principals = prop::sample::select(vec![
        "principal",
        "principal in Role::\"support\"",
        "principal in Role::\"x\"",
    ]);
    let resources = prop::sample::select(vec![
        "resource",
        "resource == Tool::\"crm/refund\"",
        "resource in ToolSet::\"reads\"",
    ]);
    let conditions = prop::sample::select(vec![
        "",
        "when { context.time.hour < 12 }",
        "when { principal.scopes.contains(\"a\") }",
        "when { resource.destructive }",
        "when { context.session.open }",
    ]);
    (effects, principals, resources, conditions).prop_map(|(effect, who, what, when)| {
        format!("{effect} ({who}, action == Action::\"tools.invoke\", {what}) {when};\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// The candidates are the live policies: no call differs, in the trail and between the sets.
    #[test]
    fn shadow_equals_live_for_the_same_set(texts in prop::collection::vec(policy(), 0..6)) {
        let live = compile(&texts.concat());
        let shown = super::super::show::text(&live, None);
        let shadow = compile(&shown);
        let records = trail(&live, &calls());
        for set in [Set::Live, Set::Shadow] {
            for policies in [&live, &shadow] {
                let found = replay(policies, set, &records);
                prop_assert_eq!((found.same, found.different, found.left.len()), (5, 0, 0));
            }
        }
        let found = diff(&live, &shadow, &records);
        prop_assert_eq!((found.same, found.different), (5, 0));
    }
}

/// 2026-11-23, a Monday, 09:30.
const NOW_S: u64 = 1_795_426_200;
