//! What need not be asked about classes is denied if it is asked.

use std::sync::Arc;

use proptest::prelude::*;

use super::{caller, known, world};
use crate::policy::facts::{Act, Arguments, Circumstances, Question, Target};
use crate::policy::reveal::Shown;
use crate::policy::text::Source;
use crate::policy::{Parts, Policies, roles};
use crate::principal::{Principal, Scopes};

const CLASSES: [&str; 2] = ["email", "card"];

fn policies(rules: &[usize], own: &[Shown], other: &[Shown]) -> Policies {
    let text: String = rules.iter().map(|rule| format!("{}\n", RULES[*rule])).collect();
    let mut sources = vec![Source { name: "a.cedar".into(), text: text.into() }];
    sources.extend(roles::reveals(&[shows("crm", own), shows("notes", other)]));
    Policies::compile(Parts { sources, world: world(), known: known() }).unwrap().0
}

fn shows<'s>(server: &'s str, classes: &'s [Shown]) -> roles::Shows<'s> {
    let classes = classes.iter().map(|class| (&*class.name, class.scopes.as_slice())).collect();
    roles::Shows { server, classes }
}

const RULES: [&str; 7] = [
    "permit (principal, action == Action::\"reveal\", resource == Class::\"card\");",
    "permit (principal in Role::\"support\", action == Action::\"reveal\", resource);",
    "permit (principal, action == Action::\"reveal\", resource in ClassSet::\"pii\") when { principal.scopes.contains(\"b\") };",
    "permit (principal, action, resource) when { context.server == Server::\"notes\" };",
    "forbid (principal, action == Action::\"reveal\", resource == Class::\"email\");",
    "forbid (principal in Role::\"support\", action, resource);",
    "permit (principal, action == Action::\"tools.invoke\", resource);",
];

fn classes() -> impl Strategy<Value = Vec<Shown>> {
    let scopes = || prop::sample::subsequence(vec!["a", "b", "c"], 0..3);
    (scopes(), scopes()).prop_map(|(email, card)| {
        let shown = |name: &str, scopes: Vec<&str>| Shown {
            name: name.into(),
            scopes: scopes.into_iter().map(Box::from).collect(),
        };
        vec![shown(CLASSES[0], email), shown(CLASSES[1], card)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn class_that_is_not_asked_about_is_shown_by_no_policy(
        rules in prop::sample::subsequence((0..RULES.len()).collect::<Vec<_>>(), 0..5),
        own in classes(),
        other in classes(),
        scopes in prop::sample::subsequence(vec!["a", "b", "c"], 0..3),
        support in any::<bool>(),
    ) {
        let policies = policies(&rules, &own, &other);
        let roles: &[&str] = if support { &["support"] } else { &[] };
        let principal =
            Arc::new(Principal { scopes: Scopes::from_names(scopes), ..(*caller(roles)).clone() });
        let around = Circumstances { now_s: 1_795_426_200, ..Circumstances::default() };
        for (server, classes) in [("crm", &own), ("notes", &other)] {
            for tool in [None, Some("get_x")] {
                let question = |class| Question {
                    principal: &principal,
                    act: Act::Reveal,
                    server,
                    target: Target::Class { class, tool },
                    circumstances: &around,
                    arguments: Arguments::None,
                };
                let could = policies.could_show(&question(CLASSES[0]), classes);
                for (at, class) in CLASSES.into_iter().enumerate() {
                    let shown = policies.decide(&question(class)).permits();
                    prop_assert!(could.contains(&at) || !shown, "{class} on {server}");
                }
            }
        }
    }
}

#[test]
fn caller_without_scopes_is_asked_about_nothing() {
    let shown =
        |name: &str| Shown { name: name.into(), scopes: vec![format!("pii:{name}.read").into()] };
    let own: Vec<Shown> = CLASSES.map(shown).to_vec();
    let policies = policies(&[6], &own, &own);
    let around = Circumstances::default();
    let could = |principal: &Arc<Principal>| {
        let target = Target::Class { class: "email", tool: None };
        let arguments = Arguments::None;
        let server = "crm";
        let circumstances = &around;
        let question =
            Question { principal, act: Act::Reveal, server, target, circumstances, arguments };
        policies.could_show(&question, &own).to_vec()
    };
    assert_eq!(could(&caller(&["support"])), Vec::<usize>::new());
    let scopes = Scopes::from_names(["pii:card.read"]);
    assert_eq!(could(&Arc::new(Principal { scopes, ..(*caller(&[])).clone() })), [1]);
}

#[test]
fn servers_with_the_same_scopes_share_a_policy() {
    let of = |email: &str, card: &str| {
        [("email", email), ("card", card)]
            .map(|(name, scope)| Shown { name: name.into(), scopes: vec![scope.into()] })
    };
    let servers =
        [("a", of("x", "y")), ("b", of("x", "z")), ("c", of("x", "z")), ("d", of("own", "v"))];
    let typed: Vec<_> = servers.iter().map(|(server, classes)| shows(server, classes)).collect();
    let sources = roles::reveals(&typed);
    let names: Vec<&str> = sources.iter().map(|source| &*source.name).collect();
    assert_eq!(names, ["reveal of a", "reveal of d", "reveal of several servers"]);
    let shared = &sources[2].text;
    assert!(
        shared.contains("@id(\"reveal.*.email\")") && shared.contains("@id(\"reveal.*.card\")")
    );
    assert!(
        shared.contains("[Server::\"a\", Server::\"b\", Server::\"c\"].contains(context.server)")
    );
    assert_eq!(shared.matches("permit").count(), 2);
    assert!(sources[1].text.contains("@id(\"reveal.d.email\")"));
}
