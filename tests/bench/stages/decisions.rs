//! Decisions: one call, and a list of a thousand tools for one caller.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use sallyport::authz::{Asker, Authorizer};
use sallyport::call::{Action, Resource};
use sallyport::clock::Clock;
use sallyport::json::Document;
use sallyport::mcp::catalogue::{self, Listing};
use sallyport::policy::facts::Circumstances;
use sallyport::principal::{AuthMethod, Principal, PrincipalKey, Scopes};

use super::messages::ANSWER;
use super::{ISSUER, World};
use crate::keys::Signer;
use crate::samples;

pub fn measure(criterion: &mut Criterion) {
    let world = World::new(&Signer::es256().jwks());
    let authz = Authorizer::new(world.server(), &Clock::system(), None);
    let (caller, around) = (Arc::new(caller()), Circumstances::default());
    let asker = Asker { principal: &caller, around: &around };
    let (crm, admin) = (tool("crm.find_customer"), tool("admin.drop_table"));
    assert!(authz.allows(asker, Action::ToolsInvoke, &crm));
    assert!(!authz.allows(asker, Action::ToolsInvoke, &admin));
    let mut group = criterion.benchmark_group("authz, five rules");
    for (name, resource) in [("allow", &crm), ("deny", &admin)] {
        group.bench_function(name, |b| {
            b.iter(|| authz.allows(asker, Action::ToolsInvoke, black_box(resource)));
        });
    }

    let list = Document::parse(Bytes::from(samples::tool_list(TOOLS)), &ANSWER).unwrap();
    let result = list.root().get("result").unwrap();
    let visible = |name: &str| authz.visible(asker, Action::ToolsInvoke, name);
    let filtered = catalogue::filter(Listing::Tools, result, visible).unwrap();
    assert!(filtered.shown > 0 && filtered.hidden > 0);
    group.throughput(Throughput::Elements(TOOLS as u64));
    group.bench_function("filter a list of 1,000 tools", |b| {
        b.iter(|| catalogue::filter(Listing::Tools, black_box(result), visible).unwrap());
    });
}

fn tool(name: &str) -> Resource {
    Resource::Tool(name.into())
}

/// May use three of the four areas.
fn caller() -> Principal {
    Principal {
        client_id: Some(Arc::from("client-1")),
        scopes: Scopes::from_names(["mcp.tools.list", "mcp.tools.invoke", "crm:read"]),
        roles: vec![Arc::from("analyst"), Arc::from("support")],
        tenant: Some(Arc::from("acme-1")),
        expires_at_s: Some(4_000_000_000),
        key: PrincipalKey([7; 16]),
        ..Principal::new(AuthMethod::Bearer, Arc::from(ISSUER), Arc::from("user-00001"))
    }
}

const TOOLS: usize = 1_000;
