//! What is learned permits what happened, and nothing else that the same callers could try.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::facts::{Act, Circumstances};
use super::super::given::{Given, On};
use super::super::replay::{Replay, Set};
use super::super::tests::{known, world};
use super::super::text::Source;
use super::super::{Parts, Policies};
use super::{By, LearnError, Learner};
use crate::call::Action;
use crate::limits::{
    LEARN_CALLERS_MAX, LEARN_GROUPS_MAX, LEARN_NAMES_MAX, LEARN_OPEN_MAX, LEARN_URIS_MAX,
    POLICY_BYTES_MAX,
};
use crate::policy::replay::tests::{record, side};
use crate::principal::{AuthMethod, Principal};

fn somebody(subject: &str, roles: &[&str]) -> Arc<Principal> {
    Arc::new(Principal {
        roles: roles.iter().copied().map(Arc::from).collect(),
        client_id: Some("app".into()),
        ..Principal::new(AuthMethod::Bearer, "https://idp".into(), subject.into())
    })
}

/// A call of a server that no policy governed.
fn call(number: usize, who: &Principal, action: Action, name: &str) -> Value {
    let mut record = record(number, who, (action, "crm", name), None, None);
    record["client"] = json!(who.client_id.as_deref().unwrap_or(&who.subject));
    record
}

fn completion(number: usize, revealed: &Value) -> Value {
    json!({"timestamp": "2026-11-23T09:31:00.000000Z", "kind": "call", "phase": "completion",
        "request_id": format!("r{number}"), "server": "crm", "revealed": revealed})
}

fn learn(by: By, records: &[Value]) -> String {
    let mut learner = Learner::new(by, None);
    records.iter().for_each(|record| learner.take(record).unwrap());
    learner.write().unwrap()
}

fn compiled(text: &str) -> Policies {
    let sources = vec![Source { name: "learned.cedar".into(), text: text.into() }];
    let parts = Parts { sources, world: world(), known: known() };
    match Policies::compile(parts) {
        Ok((policies, _)) => policies,
        Err(problems) => panic!("{text}\n{problems:#?}"),
    }
}

fn permits(policies: &Policies, who: &Arc<Principal>, act: Act, on: On) -> bool {
    let given = Given {
        principal: Arc::clone(who),
        act,
        server: "crm".into(),
        on,
        around: Circumstances::default(),
        arguments: None,
    };
    given.ask(policies).permits()
}

fn may(policies: &Policies, who: &Arc<Principal>, action: Action, name: &str) -> bool {
    permits(policies, who, Act::Call(action), On::of(Act::Call(action), name))
}

#[test]
fn one_policy_a_server_action_and_set_of_roles_says_how_often_and_when() {
    let (alice, bob) = (somebody("alice", &["support"]), somebody("bob", &["support"]));
    let records = [
        call(0, &alice, Action::ToolsInvoke, "get_x"),
        call(1, &bob, Action::ToolsInvoke, "get_x"),
        call(2, &alice, Action::ToolsInvoke, "refund"),
        call(3, &alice, Action::ToolsList, ""),
    ];
    let text = learn(By::Role, &records);
    let expected = "\
// The least that would have allowed 3 calls of the audit trail.
// Review it: what should not have happened is learned as well.

// 3 calls by 2 callers, from 2026-11-23T09:30:00.000000Z to 2026-11-23T09:30:02.000000Z
@id(\"learned.crm.tools.invoke.Tool.support\")
permit (
  principal in Role::\"support\",
  action == Action::\"tools.invoke\",
  resource is Tool in Server::\"crm\"
)
when {
  [
    Tool::\"crm/get_x\",
    Tool::\"crm/refund\"
  ].contains(resource)
};
";
    assert_eq!(text, expected);
    let by_subject = learn(By::Subject, &records);
    for says in [
        "principal == User::\"https://idp#alice\"",
        "principal == User::\"https://idp#bob\",\n  action == Action::\"tools.invoke\",\n  resource == Tool::\"crm/get_x\"\n);",
    ] {
        assert!(by_subject.contains(says), "{by_subject}");
    }
    compiled(&by_subject);
}

#[test]
fn caller_of_unknown_type_without_roles_is_named_by_what_is_known() {
    let key = Arc::new(Principal::new(AuthMethod::ApiKey, "".into(), "ci".into()));
    let unsure = Arc::new(Principal::new(AuthMethod::Bearer, "https://idp".into(), "job".into()));
    let nobody = Arc::new(Principal::new(AuthMethod::Anonymous, "".into(), "anonymous".into()));
    let records = [
        call(0, &key, Action::ToolsInvoke, "a"),
        call(1, &unsure, Action::ToolsInvoke, "b"),
        call(2, &nobody, Action::ToolsInvoke, "c"),
    ];
    let text = learn(By::Role, &records);
    let policies = compiled(&text);
    // It may be a client that acts for itself, and it may be a user.
    let client = Principal { client_id: Some("job".into()), ..Principal::clone(&unsure) };
    let client = Arc::new(client);
    for (who, tool) in [(&key, "a"), (&unsure, "b"), (&client, "b"), (&nobody, "c")] {
        for name in ["a", "b", "c"] {
            assert_eq!(may(&policies, who, Action::ToolsInvoke, name), name == tool, "{text}");
        }
    }
    let other = Arc::new(Principal::new(AuthMethod::Bearer, "https://other".into(), "job".into()));
    assert!(!may(&policies, &other, Action::ToolsInvoke, "b"));
}

#[test]
fn what_was_shown_is_learned_by_class_and_tool() {
    let (alice, bob) = (somebody("alice", &["support"]), somebody("bob", &["x"]));
    let records = [
        call(0, &alice, Action::ToolsInvoke, "get_x"),
        completion(0, &json!({"email": 2})),
        call(1, &bob, Action::ToolsInvoke, "get_x"),
        completion(1, &json!({})),
        call(2, &alice, Action::ResourcesRead, "crm://a"),
        completion(2, &json!({"card": 1})),
        completion(9, &json!({"card": 1})),
    ];
    let text = learn(By::Role, &records);
    assert!(text.contains("// Not learned from 1 record: what was shown cannot be told"), "{text}");
    let policies = compiled(&text);
    let shown = |who, class: &str, tool: Option<&str>| {
        let on = On::Class(class.into(), tool.map(Box::from));
        permits(&policies, who, Act::Reveal, on)
    };
    assert!(shown(&alice, "email", Some("get_x")));
    assert!(!shown(&alice, "email", Some("refund")) && !shown(&alice, "email", None));
    assert!(shown(&alice, "card", None) && !shown(&alice, "card", Some("get_x")));
    assert!(!shown(&bob, "email", Some("get_x")));
}

#[test]
fn masked_and_cut_names_are_counted_and_not_learned() {
    let alice = somebody("alice", &["support"]);
    let records = [
        call(0, &alice, Action::ResourcesRead, "crm://customers/[EMAIL]"),
        call(1, &alice, Action::ToolsInvoke, &"x".repeat(256)),
    ];
    let text = learn(By::Role, &records);
    assert!(text.contains("name of the resource may be masked"), "{text}");
    assert!(text.contains("a name may be cut") && !text.contains("permit"), "{text}");
}

#[test]
fn names_that_fool_a_reviewer_are_spelled_out_and_still_fit() {
    let alice = somebody("alice", &["we\"ird\\"]);
    let names = ["a\"b", "c\\d", "e\u{202e}f", "g h", "i*j", "k\nl"];
    let mut records: Vec<Value> = Vec::new();
    for (number, name) in names.iter().enumerate().filter(|(_, name)| !name.contains('*')) {
        records.push(call(number, &alice, Action::ToolsInvoke, name));
    }
    let text = learn(By::Role, &records);
    assert!(!text.contains('\u{202e}') && text.contains("\\u{202e}"), "{text}");
    let policies = compiled(&text);
    for name in names {
        assert_eq!(
            may(&policies, &alice, Action::ToolsInvoke, name),
            !name.contains('*'),
            "{name}"
        );
    }
}

#[test]
fn more_uris_than_learn_uris_max_become_patterns_with_a_comment() {
    let alice = somebody("alice", &["support"]);
    let uri = |n: usize| format!("crm://docs/{n}");
    let records: Vec<Value> =
        (0..LEARN_URIS_MAX + 1).map(|n| call(n, &alice, Action::ResourcesRead, &uri(n))).collect();
    let text = learn(By::Role, &records);
    assert!(text.contains("// \"crm://docs/*\" stands for 65 URIs."), "{text}");
    let policies = compiled(&text);
    assert!(may(&policies, &alice, Action::ResourcesRead, &uri(7)));
    assert!(!may(&policies, &alice, Action::ResourcesRead, "crm://other/7"));
    assert!(compiled(&learn(By::Role, &records[1..])).rules().len() == 3);
}

#[test]
fn bounds_hold() {
    let learner = || Learner::new(By::Subject, Some("crm"));
    let mut many = learner();
    let group = |n: usize| call(n, &somebody(&format!("u{n}"), &[]), Action::ToolsInvoke, "t");
    (0..LEARN_GROUPS_MAX).for_each(|n| many.take(&group(n)).unwrap());
    many.take(&group(0)).unwrap();
    assert_eq!(many.take(&group(LEARN_GROUPS_MAX)), Err(LearnError::Groups));
    let alice = somebody("alice", &["r"]);
    let mut many = learner();
    let name = |n: usize| call(n, &alice, Action::ToolsInvoke, &format!("t{n}"));
    (0..LEARN_NAMES_MAX).for_each(|n| many.take(&name(n)).unwrap());
    assert_eq!(many.take(&name(LEARN_NAMES_MAX)), Err(LearnError::Names));
    assert_eq!(many.left_out(), 1, "more than LEARN_OPEN_MAX {LEARN_OPEN_MAX} calls are open");
    let mut many = Learner::new(By::Role, None);
    let same = |n: usize| call(n, &somebody(&format!("u{n}"), &["r"]), Action::ToolsInvoke, "t");
    (0..LEARN_CALLERS_MAX + 1).for_each(|n| many.take(&same(n)).unwrap());
    assert!(many.write().unwrap().contains("4096 callers or more"));
    let mut long = Learner::new(By::Role, None);
    for n in 0..POLICY_BYTES_MAX / 200 {
        let name = format!("{n:0>200}");
        long.take(&call(n, &alice, Action::ToolsInvoke, &name)).unwrap();
    }
    assert_eq!(long.write(), Err(LearnError::Bytes(POLICY_BYTES_MAX)));
}

fn calls() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0_usize..7, 0_usize..4, 0_usize..5), 1..24)
}

const ROLES: [&[&str]; 7] = [&["x"], &["y"], &["z"], &["x", "y"], &["y", "z"], &[], &[]];
const ACTIONS: [Action; 4] =
    [Action::ToolsInvoke, Action::ResourcesRead, Action::MemoryRead, Action::PromptsGet];
const NAMES: [&str; 5] = ["a", "a.b", "b", "crm://a", "x\"y"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn learned_is_what_happened(trail in calls()) {
        let callers: Vec<Arc<Principal>> =
            ROLES.iter().enumerate().map(|(n, roles)| somebody(&format!("u{n}"), roles)).collect();
        let record = |(number, (who, action, name)): (usize, &(usize, usize, usize))| {
            call(number, &callers[*who], ACTIONS[*action], NAMES[*name])
        };
        let records: Vec<Value> = trail.iter().enumerate().map(record).collect();
        let policies = compiled(&learn(By::Role, &records));
        for (who, caller) in callers.iter().enumerate() {
            for (action, asked) in ACTIONS.into_iter().enumerate() {
                for (name, text) in NAMES.iter().enumerate() {
                    let held: BTreeSet<&&str> = ROLES[who].iter().collect();
                    let meant = trail.iter().any(|(by, how, what)| {
                        let theirs: BTreeSet<&&str> = ROLES[*by].iter().collect();
                        let fits = if theirs.is_empty() { *by == who } else { theirs.is_subset(&held) };
                        fits && *how == action && *what == name
                    });
                    prop_assert_eq!(may(&policies, caller, asked, text), meant, "{} {:?} {}", who, asked, text);
                }
            }
        }
    }

    /// The trail that was learned from, had these policies governed: nothing of it is refused.
    #[test]
    fn replayed_trail_is_the_same(trail in calls()) {
        let callers: Vec<Arc<Principal>> =
            ROLES.iter().enumerate().map(|(n, roles)| somebody(&format!("u{n}"), roles)).collect();
        let of = |n: usize, (who, action, name): (usize, usize, usize)| {
            call(n, &callers[who], ACTIONS[action], NAMES[name])
        };
        let records: Vec<Value> = trail.iter().enumerate().map(|(n, one)| of(n, *one)).collect();
        let policies = compiled(&learn(By::Role, &records));
        let governed: Vec<Value> = trail.iter().enumerate().map(|(n, (who, action, name))| {
            let act = Act::Call(ACTIONS[*action]);
            let given = Given {
                principal: Arc::clone(&callers[*who]),
                act,
                server: "crm".into(),
                on: On::of(act, NAMES[*name]),
                around: Circumstances { now_s: 1_795_426_200, ..Circumstances::default() },
                arguments: None,
            };
            let verdict = given.ask(&policies);
            record(n, &callers[*who], (ACTIONS[*action], "crm", NAMES[*name]), None, Some(&verdict))
        }).collect();
        prop_assert!(governed.iter().all(|record| record["decision"] == "allow"));
        let mut replay = Replay::new(side(&policies), Set::Live);
        governed.iter().for_each(|record| replay.take(record));
        let found = replay.done();
        prop_assert_eq!((found.same, found.different), (trail.len() as u64, 0));
    }
}
