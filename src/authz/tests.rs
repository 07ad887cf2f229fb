//! The promises of the decision.

use std::sync::Arc;

use super::CHALLENGE_SCOPE_BYTES_MAX;
use super::engine::Lack;
use super::{Asker, Asking, Authorizer, Decision, Engine, Grant, Name, Query, Reason, Rules, Says};
use crate::call::{Action, Resource};
use crate::class::{Class, ClassSet, Form};
use crate::clock::Clock;
use crate::config::{Access, Choice, CustomClass, FoundBy, Redact, Rule};
use crate::hygiene::testing;
use crate::policy::facts::{self, Circumstances};
use crate::principal::{AuthMethod, Principal, PrincipalKey, Scopes};
use crate::reject::{Code, Rejection};

const INVOKE: &str = "mcp.tools.invoke";

fn caller(scopes: &[&str], roles: &[&str]) -> Principal {
    Principal {
        scopes: Scopes::from_names(scopes.iter().copied()),
        roles: roles.iter().copied().map(Arc::from).collect(),
        key: PrincipalKey([1; 16]),
        ..Principal::new(AuthMethod::Bearer, "https://issuer.example".into(), "alice".into())
    }
}

fn rule(pattern: &str, scopes: &[&str]) -> Rule {
    Rule { pattern: pattern.into(), scopes: names(scopes), roles: Vec::new(), deny: false }
}

fn names(of: &[&str]) -> Vec<Box<str>> {
    of.iter().copied().map(Box::from).collect()
}

fn authorizer(access: Access, redact: Redact) -> Authorizer {
    let mut server = testing::server("crm", "https://gw.example/mcp");
    server.access = access;
    server.redact = redact;
    Authorizer::new(&server, &Clock::manual(1_000), None)
}

fn tools(rules: Vec<Rule>) -> Authorizer {
    authorizer(Access { tools: rules, ..Access::default() }, Redact::default())
}

fn query<'a>(principal: &'a Principal, action: Action, resource: Name<'a>) -> Query<'a> {
    Query { principal, action, resource, now_s: 1_000 }
}

fn call(authorizer: &Authorizer, principal: &Principal, tool: &str) -> Result<Grant, Rejection> {
    call_as(Asking::Repeats, authorizer, principal, tool)
}

fn call_as(
    asking: Asking,
    authorizer: &Authorizer,
    principal: &Principal,
    tool: &str,
) -> Result<Grant, Rejection> {
    let held = Arc::new(principal.clone());
    let around = Circumstances::default();
    let asker = Asker { principal: &held, around: &around };
    let query = query(principal, Action::ToolsInvoke, Name::Tool(tool));
    authorizer.judge(&query, asker, facts::Arguments::None, asking)
}

fn visible(authorizer: &Authorizer, principal: &Principal, action: Action, name: &str) -> bool {
    let (held, around) = (Arc::new(principal.clone()), Circumstances::default());
    authorizer.visible(Asker { principal: &held, around: &around }, action, name)
}

fn decide(access: &Access, principal: &Principal, action: Action, on: Name<'_>) -> Decision {
    Rules::new(access, &Redact::default()).decide(&query(principal, action, on))
}

// --- the small model --------------------------------------------------------------------------

const PATTERNS: [&str; 3] = ["a", "a*", "*"];
const NAMES: [&str; 3] = ["a", "ab", "c"];
const SCOPES: [&str; 3] = [INVOKE, "s1", "s2"];

fn small_rules() -> Vec<Rule> {
    let mut all = Vec::new();
    for pattern in PATTERNS {
        for scopes in [&[][..], &["s1"], &["s1", "s2"], &[INVOKE]] {
            for roles in [&[][..], &["r"]] {
                for deny in [false, true] {
                    all.push(Rule { roles: names(roles), deny, ..rule(pattern, scopes) });
                }
            }
        }
    }
    all
}

/// What the documentation of [`Access`] says, in other words than the engine's.
fn allowed_by_definition(access: &Access, granted: &[&str], roles: &[&str], name: &str) -> bool {
    let fits = |pattern: &str| match pattern {
        "a" => name == "a",
        "a*" => name.starts_with('a'),
        _ => true,
    };
    let held = |scopes: &[Box<str>]| scopes.iter().all(|s| granted.contains(&&**s));
    let of_action = match access.scopes.as_slice() {
        [] => granted.contains(&INVOKE),
        [(_, scopes), ..] => held(scopes),
    };
    let by_rule = match access.tools.iter().find(|r| fits(&r.pattern)) {
        None => access.tools.is_empty(),
        Some(r) => {
            let role = r.roles.is_empty() || r.roles.iter().any(|r| roles.contains(&&**r));
            !r.deny && role && held(&r.scopes)
        }
    };
    of_action && by_rule
}

fn each_small_case(mut judge: impl FnMut(&Access, &Authorizer, &[&str], &[&str])) {
    let rules = small_rules();
    let mut lists = vec![Vec::new()];
    lists.extend(rules.iter().map(|r| vec![r.clone()]));
    for first in rules.iter().step_by(3) {
        lists.extend(rules.iter().step_by(2).map(|second| vec![first.clone(), second.clone()]));
    }
    for list in lists {
        for of_action in [None, Some(&[][..]), Some(&["s2"])] {
            let scopes = of_action.map(|s| (Action::ToolsInvoke, names(s))).into_iter().collect();
            let access = Access { scopes, tools: list.clone(), ..Access::default() };
            let authorizer = authorizer(access.clone(), Redact::default());
            for bits in 0..8_usize {
                let granted: Vec<&str> =
                    (0..3).filter(|i| bits >> i & 1 == 1).map(|i| SCOPES[i]).collect();
                for roles in [&[][..], &["r"]] {
                    judge(&access, &authorizer, &granted, roles);
                }
            }
        }
    }
}

#[test]
fn s30_a_tool_is_listed_exactly_when_calling_it_is_allowed_and_only_as_defined() {
    let mut allowed = 0;
    let mut refused = 0;
    each_small_case(|access, authorizer, granted, roles| {
        let principal = caller(granted, roles);
        for name in NAMES {
            let called = call(authorizer, &principal, name).is_ok();
            let shown = visible(authorizer, &principal, Action::ToolsInvoke, name);
            let defined = allowed_by_definition(access, granted, roles, name);
            assert_eq!(
                (called, shown),
                (defined, defined),
                "{access:?} {granted:?} {roles:?} {name}"
            );
            allowed += usize::from(called);
            refused += usize::from(!called);
        }
    });
    assert!(allowed > 1_000 && refused > 1_000, "{allowed} {refused}");
}

#[test]
fn shortfall_names_exactly_the_scopes_that_turn_it_into_a_yes() {
    let mut shortfalls = 0;
    each_small_case(|access, _, granted, roles| {
        let rules = Rules::new(access, &Redact::default());
        let decide = |scopes: &[&str], name| {
            rules.decide(&query(&caller(scopes, roles), Action::ToolsInvoke, Name::Tool(name)))
        };
        for name in NAMES {
            match decide(granted, name) {
                Decision::Allow { .. } => {}
                Decision::Deny { reason } => {
                    assert_eq!(decide(&SCOPES, name), Decision::Deny { reason }, "no scope helps");
                }
                Decision::NeedScopes { missing, all } => {
                    shortfalls += 1;
                    let missing: Vec<&str> = missing.iter().map(|s| &**s).collect();
                    let with = [granted, &missing].concat();
                    assert!(decide(&with, name).is_allow());
                    for left_out in &missing {
                        let less: Vec<_> = with.iter().copied().filter(|s| s != left_out).collect();
                        assert!(!decide(&less, name).is_allow(), "{left_out} is not needed");
                    }
                    let named: Vec<&str> = all.iter().map(|s| &**s).collect();
                    assert!(decide(&named, name).is_allow(), "the challenge alone is enough");
                }
            }
        }
    });
    assert!(shortfalls > 1_000, "{shortfalls}");
}

// --- default deny --------------------------------------------------------------------------

#[test]
fn s33_every_use_of_the_server_needs_its_scope_by_default() {
    let nobody = caller(&[], &[]);
    for action in Action::ALL {
        let resource = Name::of(action, "x").unwrap_or(Name::Server);
        let decision = decide(&Access::default(), &nobody, action, resource);
        match action.default_scope() {
            None => assert!(decision.is_allow(), "{action:?}"),
            Some(scope) => {
                let needed = names(&[scope]);
                let expected = Decision::NeedScopes { missing: needed.clone(), all: needed };
                assert_eq!(decision, expected, "{action:?}");
                let some = caller(&[scope], &[]);
                assert!(decide(&Access::default(), &some, action, resource).is_allow());
            }
        }
    }
}

#[test]
fn s33_name_that_no_rule_matches_is_denied_whatever_the_scopes() {
    let authorizer = tools(vec![rule("read_*", &[])]);
    let all = caller(&[INVOKE, "admin"], &["admin"]);
    assert!(call(&authorizer, &all, "read_file").is_ok());
    let refused = call(&authorizer, &all, "write_file").unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::Denied, Some("no_rule")));
    assert!(refused.challenge.is_none(), "no scope would help");
}

#[test]
fn s26_look_alikes_of_an_allowed_name_are_other_names() {
    let authorizer = tools(vec![rule("read_file", &[])]);
    let alice = caller(&[INVOKE], &[]);
    for name in ["Read_file", "read_file ", "read_file\0", "read\u{200b}_file", "ｒead_file", ""] {
        assert_eq!(call(&authorizer, &alice, name).unwrap_err().code, Code::Denied, "{name:?}");
    }
}

#[test]
fn first_rule_that_matches_decides() {
    let deny = Rule { deny: true, ..rule("drop_*", &[]) };
    let alice = caller(&[INVOKE], &[]);
    let deny_first = tools(vec![deny.clone(), rule("*", &[])]);
    assert_eq!(call(&deny_first, &alice, "drop_table").unwrap_err().reason, Some("rule_denies"));
    assert!(call(&deny_first, &alice, "list_tables").is_ok());
    let allow_first = tools(vec![rule("*", &[]), deny]);
    assert!(call(&allow_first, &alice, "drop_table").is_ok());
}

#[test]
fn call_without_a_name_does_not_slip_past_rules_for_names() {
    let namespaces = Access { namespaces: vec![rule("team", &[])], ..Access::default() };
    let alice = caller(&["mcp.memory.read", INVOKE, "mcp.completion"], &[]);
    let unnamed = Decision::Deny { reason: Reason::Unnamed };
    assert_eq!(decide(&namespaces, &alice, Action::MemoryRead, Name::Server), unnamed);
    assert!(decide(&Access::default(), &alice, Action::MemoryRead, Name::Server).is_allow());
    let prompts = Access { prompts: vec![rule("p", &[])], ..Access::default() };
    assert_eq!(decide(&prompts, &alice, Action::Completion, Name::Server), unnamed);
}

#[test]
fn action_on_the_wrong_kind_of_name_is_denied() {
    let alice = caller(&[INVOKE, "mcp.resources.read"], &[]);
    let mismatch = Decision::Deny { reason: Reason::Mismatch };
    for (action, on) in [
        (Action::ToolsInvoke, Name::Uri("x")),
        (Action::ResourcesRead, Name::Tool("x")),
        (Action::SessionOpen, Name::Tool("x")),
        (Action::ToolsList, Name::Prompt("x")),
    ] {
        assert_eq!(decide(&Access::default(), &alice, action, on), mismatch, "{action:?}");
    }
}

#[test]
fn completion_and_subscription_obey_the_rules_of_what_they_complete_or_watch() {
    let access = Access {
        prompts: vec![rule("public_*", &[])],
        resources: vec![rule("file:///public/*", &[])],
        ..Access::default()
    };
    let alice = caller(&["mcp.completion", "mcp.resources.subscribe"], &[]);
    let no_rule = Decision::Deny { reason: Reason::NoRule };
    let on = |action, name| decide(&access, &alice, action, name);
    assert!(on(Action::Completion, Name::Prompt("public_x")).is_allow());
    assert_eq!(on(Action::Completion, Name::Prompt("secret")), no_rule);
    assert_eq!(on(Action::Completion, Name::Uri("file:///etc/passwd")), no_rule);
    assert!(on(Action::ResourcesSubscribe, Name::Uri("file:///public/a")).is_allow());
    assert_eq!(on(Action::ResourcesSubscribe, Name::Uri("file:///private")), no_rule);
}

#[test]
fn any_one_of_the_rules_roles_is_enough_and_none_is_not() {
    let authorizer = tools(vec![Rule { roles: names(&["ops", "admin"]), ..rule("*", &[]) }]);
    assert!(call(&authorizer, &caller(&[INVOKE], &["admin", "x"]), "a").is_ok());
    let refused = call(&authorizer, &caller(&[INVOKE], &["Admin"]), "a").unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::Denied, Some("role_missing")));
}

#[test]
fn configured_scopes_replace_the_default_ones() {
    let access = Access {
        scopes: vec![
            (Action::ToolsInvoke, names(&["crm.use"])),
            (Action::MemoryRead, Vec::new()),
            (Action::ToolsInvoke, names(&["crm.more"])),
        ],
        ..Access::default()
    };
    let on = |scopes: &[&str], action| {
        decide(&access, &caller(scopes, &[]), action, Name::of(action, "x").unwrap()).is_allow()
    };
    assert!(on(&["crm.use", "crm.more"], Action::ToolsInvoke));
    assert!(!on(&["crm.use"], Action::ToolsInvoke), "named twice, both are needed");
    assert!(!on(&[INVOKE], Action::ToolsInvoke));
    assert!(on(&[], Action::MemoryRead), "an empty list needs none, by name");
}

// --- refusals ------------------------------------------------------------------------------

#[test]
fn challenge_names_all_scopes_of_action_and_rule_at_once() {
    let authorizer = tools(vec![rule("export_*", &["crm.export", "crm.read"])]);
    let refused = call(&authorizer, &caller(&["crm.read"], &[]), "export_all").unwrap_err();
    assert_eq!(refused.code, Code::ScopeInsufficient);
    assert_eq!(refused.code.row().status, 403);
    let challenge = refused.challenge.unwrap();
    assert_eq!(challenge.error, Some("insufficient_scope"));
    assert_eq!(challenge.scope.unwrap(), "mcp.tools.invoke crm.export crm.read");
    assert_eq!(
        challenge.resource_metadata.as_deref(),
        Some("https://gw.example/.well-known/oauth-protected-resource/mcp")
    );
}

#[test]
fn challenge_repeats_granted_scopes_that_mean_something_here_and_no_others() {
    let authorizer = tools(vec![rule("a", &["crm.a"]), rule("b", &["crm.b"])]);
    let alice = caller(&["crm.b", "mcp.prompts.get", "mail.send", "openid"], &[]);
    let challenge = call(&authorizer, &alice, "a").unwrap_err().challenge.unwrap();
    assert_eq!(challenge.scope.unwrap(), "mcp.tools.invoke crm.a crm.b mcp.prompts.get");
}

#[test]
fn challenge_of_the_current_era_names_what_is_needed_and_nothing_else() {
    let authorizer = tools(vec![rule("a", &["crm.a"]), rule("b", &["crm.b"])]);
    let alice = caller(&["crm.b", "mcp.prompts.get"], &[]);
    let refused = call_as(Asking::Unites, &authorizer, &alice, "a").unwrap_err();
    assert_eq!(refused.challenge.unwrap().scope.unwrap(), "mcp.tools.invoke crm.a");
}

#[test]
fn challenge_stays_within_challenge_scope_bytes_max_and_keeps_what_is_needed() {
    let long: Vec<String> = (0..2_000).map(|n| format!("crm.scope.{n}")).collect();
    let held: Vec<&str> = long.iter().map(String::as_str).collect();
    let authorizer = tools(vec![rule("a", &["crm.needed"]), rule("b", &held)]);
    let challenge = call(&authorizer, &caller(&held, &[]), "a").unwrap_err().challenge.unwrap();
    let scope = challenge.scope.unwrap();
    assert!(scope.len() <= CHALLENGE_SCOPE_BYTES_MAX);
    assert!(scope.starts_with("mcp.tools.invoke crm.needed crm.scope."));
}

#[test]
fn caller_without_a_token_is_denied_without_a_challenge() {
    for method in [AuthMethod::Anonymous, AuthMethod::Certificate] {
        let principal = Principal { method, ..caller(&[], &[]) };
        let refused = call(&tools(Vec::new()), &principal, "a").unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::Denied, Some("scope_missing")));
        assert!(refused.challenge.is_none());
    }
}

#[test]
fn grant_names_the_rule_that_allowed_the_call() {
    let by_rule = call(&tools(vec![rule("read_*", &[])]), &caller(&[INVOKE], &[]), "read_x");
    assert_eq!(by_rule.unwrap().rule.as_deref(), Some("tools `read_*`"));
    let by_scope = call(&tools(Vec::new()), &caller(&[INVOKE], &[]), "read_x");
    assert_eq!(by_scope.unwrap().rule, None);
}

#[test]
fn open_stream_is_allowed_exactly_while_its_call_is() {
    let authorizer = tools(vec![rule("read_*", &["crm.read"])]);
    let tool = Resource::Tool("read_x".into());
    let around = Circumstances::default();
    let may = |p: &Principal| {
        let principal = Arc::new(p.clone());
        let asker = Asker { principal: &principal, around: &around };
        authorizer.allows(asker, Action::ToolsInvoke, &tool)
    };
    assert!(may(&caller(&[INVOKE, "crm.read"], &[])));
    assert!(!may(&caller(&[INVOKE], &[])));
}

#[test]
fn lists_show_nothing_for_actions_that_use_no_single_thing() {
    let authorizer = tools(Vec::new());
    assert!(!visible(&authorizer, &caller(&[INVOKE], &[]), Action::ToolsList, "a"));
}

// --- reveal --------------------------------------------------------------------------------

fn redact() -> Redact {
    Redact {
        choice: Choice {
            forms: vec![
                (Class::Email, Form::Mask),
                (Class::UsSsn, Form::Label),
                (Class::Custom(0), Form::Mask),
            ],
            ..Choice::default()
        },
        custom: vec![CustomClass {
            name: "badge".to_owned(),
            found: FoundBy::Pattern("B[0-9]+".to_owned()),
        }],
        reveal: vec![
            (Class::Email, names(&["pii.email", "pii.all"])),
            (Class::Custom(0), names(&["pii.all"])),
            (Class::UsSsn, Vec::new()),
        ],
        ..Redact::default()
    }
}

#[test]
fn classes_are_revealed_by_any_one_of_their_scopes() {
    let authorizer = authorizer(Access::default(), redact());
    let reveal = |scopes: &[&str]| {
        call(&authorizer, &caller(&[&[INVOKE], scopes].concat(), &[]), "a").unwrap().reveal
    };
    assert_eq!(reveal(&[]), ClassSet::empty());
    assert_eq!(reveal(&["pii.email"]), ClassSet::from_iter([Class::Email]));
    let both = ClassSet::from_iter([Class::Email, Class::Custom(0)]);
    assert_eq!(reveal(&["pii.all"]), both);
    assert_eq!(reveal(&["pii.emails", "pii"]), ClassSet::empty());
}

// --- engines -------------------------------------------------------------------------------

#[derive(Debug)]
struct Broken;

impl Engine for Broken {
    fn lacking(&self, _: Action, _: &Principal) -> Option<Lack> {
        None
    }

    fn says(&self, _: &Principal, _: &str) -> Says {
        Says::No
    }

    fn decide(&self, _: &Query<'_>) -> Decision {
        Decision::Deny { reason: Reason::EngineFailed }
    }

    fn reveal(&self, _: &Principal) -> ClassSet {
        ClassSet::empty()
    }
}

#[test]
fn engine_that_fails_denies_and_hides() {
    let mut authorizer = tools(Vec::new());
    authorizer.rules = Box::new(Broken);
    let alice = caller(&[INVOKE], &[]);
    let refused = call(&authorizer, &alice, "a").unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::Denied, Some("engine_failed")));
    assert!(!visible(&authorizer, &alice, Action::ToolsInvoke, "a"));
}
