//! Policies: one question, remembered and not, and a list of a thousand tools.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use sallyport::call::{Action, Name};
use sallyport::json::{Document, Value};
use sallyport::policy::arguments::Fields;
use sallyport::policy::facts::{Act, Arguments, Circumstances, Question, Target, ToolShape, World};
use sallyport::policy::hierarchy::Hierarchy;
use sallyport::policy::text::Source;
use sallyport::policy::time::Zone;
use sallyport::policy::{Known, Parts, Policies};
use sallyport::principal::{AuthMethod, Principal, Scopes};

use super::ISSUER;

pub fn measure(criterion: &mut Criterion) {
    for count in [20, 200, 2_000] {
        let policies = policies(count);
        let (asked, around) = (caller(), around());
        let arguments = Document::parse(
            Bytes::from_static(br#"{"amount": 80, "note": "late"}"#),
            &sallyport::mcp::REQUEST,
        )
        .unwrap();
        let with = (&around, arguments.root());
        assert!(policies.decide(&question(&asked, "area1.tool1", with)).permits());
        assert!(policies.decide(&question(&asked, "refund.1", with)).permits());
        assert!(!policies.decide(&question(&asked, "area19.tool1", with)).permits());

        let mut group = criterion.benchmark_group(format!("policy, {count} policies"));
        group.bench_function("remembered", |b| {
            b.iter(|| policies.decide(black_box(&question(&asked, "area1.tool1", with))));
        });
        group.bench_function("by role, caller and question new", |b| {
            b.iter_batched(
                caller,
                |new| policies.decide(black_box(&question(&new, "area1.tool1", with))),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("by arguments and time", |b| {
            b.iter(|| policies.decide(black_box(&question(&asked, "refund.1", with))));
        });
        let names: Vec<String> = (0..TOOLS).map(name).collect();
        group.throughput(Throughput::Elements(TOOLS as u64));
        let list = |principal: &Arc<Principal>| {
            names.iter().filter(|name| policies.could(&question(principal, name, with))).count()
        };
        let shown = list(&asked);
        assert!(shown > 0 && shown < TOOLS, "{shown}");
        group.bench_function("a list of 1,000 tools, remembered", |b| b.iter(|| list(&asked)));
        group.sample_size(10);
        group.bench_function("a list of 1,000 tools, caller new", |b| {
            b.iter_batched(caller, |new| list(&new), BatchSize::PerIteration);
        });
        group.finish();
    }
}

fn question<'a>(
    principal: &'a Arc<Principal>,
    tool: &'a str,
    (circumstances, arguments): (&'a Circumstances, Value<'a>),
) -> Question<'a> {
    Question {
        principal,
        act: Act::Call(Action::ToolsInvoke),
        server: "crm",
        target: Target::Name(Name::Tool(tool)),
        circumstances,
        arguments: Arguments::Json(arguments),
    }
}

/// Of ten policies six are permits by role over an area of tools, two are about one tool and its
/// arguments, one forbids by risk, one by address and time.
fn policies(count: usize) -> Policies {
    let mut text = String::new();
    for n in 0..count {
        let line = match n % 10 {
            0..=5 => format!(
                "permit (principal in Role::\"role{n}\", action == Action::\"tools.invoke\", resource in ToolSet::\"area{}\");",
                n % AREAS
            ),
            6 | 7 => format!(
                "permit (principal in Role::\"support\", action == Action::\"tools.invoke\", resource == Tool::\"crm/refund.{n}\") when {{ context.args.amount <= 100 && context.time.hour >= 0 }};"
            ),
            8 => format!(
                "forbid (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/area{}.tool{n}\") when {{ context has risk && context.risk.level >= 3 }};",
                n % AREAS
            ),
            _ => format!(
                "forbid (principal in Role::\"role{n}\", action in Action::\"write\", resource) when {{ context has client && context.client.address.isInRange(ip(\"192.0.2.0/24\")) }};"
            ),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str("permit (principal in Role::\"support\", action == Action::\"tools.invoke\", resource == Tool::\"crm/refund.1\") when { context.args.amount <= 100 && context.time.hour >= 0 };\n");
    let sets: String = (0..AREAS).map(|n| format!("  area{n}: ['crm/area{n}.*']\n")).collect();
    let schema =
        serde_json::json!({"properties": {"amount": {"type": "integer"}}, "required": ["amount"]});
    let shape = ToolShape { arguments: Fields::of_schema(&schema), ..ToolShape::default() };
    let refunds = (0..count).map(|n| (format!("crm/refund.{n}").into(), shape.clone()));
    let world = World {
        hierarchy: Hierarchy::read(&format!("tool_sets:\n{sets}")).unwrap(),
        networks: Vec::new(),
        zone: Zone::utc(),
        tools: refunds.collect::<HashMap<_, _>>(),
    };
    let known = Known { servers: vec!["crm".into()], ..Known::default() };
    let sources = vec![Source { name: "bench".into(), text: text.into() }];
    Policies::compile(Parts { sources, world, known }).unwrap().0
}

fn name(n: usize) -> String {
    if n.is_multiple_of(50) { format!("refund.{n}") } else { format!("area{}.tool{n}", n % AREAS) }
}

fn around() -> Circumstances {
    Circumstances {
        now_s: 1_795_435_200,
        client: Some([10, 1, 2, 3].into()),
        ..Circumstances::default()
    }
}

fn caller() -> Arc<Principal> {
    Arc::new(Principal {
        client_id: Some(Arc::from("client-1")),
        scopes: Scopes::from_names(["mcp.tools.invoke", "crm:read", "openid"]),
        roles: ["role1", "role2", "role3", "support"].map(Arc::from).to_vec(),
        tenant: Some(Arc::from("acme-1")),
        ..Principal::new(AuthMethod::Bearer, Arc::from(ISSUER), Arc::from("user-00001"))
    })
}

const TOOLS: usize = 1_000;
const AREAS: usize = 20;
