//! What an issuer's claims mean, through the front door: required claims, mapped claims, scopes
//! that stand for others.

use serde_json::json;

use crate::issuer::TokenBuilder;
use crate::support::{RESOURCE, Setup, World, call, list_tools, plain};
use crate::upstream::Upstream;

async fn world(issuer: &str, server: &str, upstream: Upstream) -> World {
    let setup = Setup { issuer: issuer.to_owned(), server: server.to_owned(), ..Setup::default() };
    World::with(upstream, setup).await
}

fn token(world: &World) -> TokenBuilder {
    world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke")
}

#[tokio::test]
async fn required_claims_are_asked_of_every_token() {
    let lines = "    required_claims: { acr: [gold, silver], amr: mfa, 'https://idp.example/level': 3, email_verified: true, org.unit: present }\n";
    let world = world(lines, "", Upstream::tool(plain()).await).await;
    let good = token(&world)
        .claim("acr", "gold")
        .claim("amr", json!(["pwd", "mfa"]))
        .claim("https://idp.example/level", 3)
        .claim("email_verified", true)
        .claim("org", json!({"unit": "x"}));
    assert_eq!(world.post(&good.sign(), &call("echo")).await.status, 200);
    let bad = [
        good.clone().claim("acr", "bronze"),
        good.clone().claim("acr", "GOLD"),
        good.clone().without("acr"),
        good.clone().claim("amr", json!(["pwd"])),
        good.clone().claim("amr", "mfa pwd"),
        good.clone().claim("https://idp.example/level", "3"),
        good.clone().claim("https://idp.example/level", 30),
        good.clone().claim("email_verified", "true"),
        good.clone().claim("email_verified", false),
        good.clone().claim("org", json!({"unit": null})),
        good.clone().claim("org", "unit"),
        good.clone().without("org").claim("Org", json!({"unit": "x"})),
    ];
    for (at, token) in bad.iter().enumerate() {
        let reply = world.post(&token.sign(), &call("echo")).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "token_invalid"), "{at}");
    }
    assert_eq!(world.upstream.calls("tools/call").len(), 1);
    let records = world.closed_records(1 + bad.len()).await;
    let named = records.iter().filter(|r| r["reason"].as_str().is_some_and(|r| r.contains("acr")));
    assert_eq!(named.count(), 3, "the record names the claim: {records:#?}");
    let metrics = world.admin("/metrics").await.1;
    assert!(metrics.contains("result=\"required_claim\""), "{metrics}");
}

#[tokio::test]
async fn client_and_scopes_come_from_the_claims_that_the_issuer_uses() {
    let lines =
        "    client_claim: ctx.cid\n    scopes_claim: permissions\n    groups_claim: groups\n";
    let world = world(lines, "", Upstream::tool(plain()).await).await;
    let mapped = token(&world)
        .without("scope")
        .claim("ctx", json!({"cid": "portal"}))
        .claim("permissions", json!(["mcp.tools.invoke"]));
    assert_eq!(world.post(&mapped.sign(), &call("echo")).await.status, 200);
    // The usual claim means nothing any more.
    let usual = token(&world).claim("permissions", json!([]));
    assert_eq!(world.post(&usual.sign(), &call("echo")).await.status, 403);
    for bad in [
        mapped.clone().claim("ctx", json!({"cid": 7})),
        mapped.clone().claim("groups", vec!["g"; 513]),
        mapped.clone().claim("_claim_names", json!({"groups": "src1"})),
        mapped.clone().claim("sid", json!(["s"])),
    ] {
        assert_eq!(world.post(&bad.sign(), &call("echo")).await.status, 401);
    }
    let records = world.closed_records(6).await;
    assert_eq!(records[0]["client"], "portal", "{}", records[0]);
}

const HIERARCHY: &str = "    scope_hierarchy: { mcp.admin: [mcp.tools.list, mcp.tools.invoke, crm], crm: ['crm:read', 'pii:email.read'] }\n";
const RULES: &str = "    tools: [ { match: 'crm.read', scopes: ['crm:read'] }, { match: 'admin.*', scopes: [mcp.admin] }, { match: 'other', scopes: [other] } ]\n";

async fn hierarchical() -> World {
    let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    let tools = json!({"tools": [tool("crm.read"), tool("admin.x"), tool("other")]});
    let upstream = Upstream::answering(move |seen| {
        let asked = seen.json();
        let result = if asked["method"] == "tools/list" {
            tools.clone()
        } else {
            json!({"content": [{"type": "text", "text": "ada.byron@example.com"}], "isError": false})
        };
        crate::upstream::json_answer(
            &json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}),
        )
    });
    world(HIERARCHY, RULES, upstream.await).await
}

#[tokio::test]
async fn scope_that_stands_for_others_allows_shows_and_reveals_what_they_do() {
    let world = hierarchical().await;
    let admin = token(&world).scope("mcp.admin").sign();
    let reply = world.post(&admin, &call("crm.read")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("ada.byron@example.com"), "revealed: {}", reply.text());
    let listed = world.post(&admin, &list_tools()).await.text();
    assert!(listed.contains("crm.read") && listed.contains("admin.x"), "{listed}");
    assert!(!listed.contains("\"other\""), "{listed}");
    // A step further down: `crm` reveals and reads, and does not rule.
    let crm = token(&world).scope("crm mcp.tools.list mcp.tools.invoke").sign();
    assert_eq!(world.post(&crm, &call("crm.read")).await.status, 200);
    let narrow = token(&world).scope("crm:read mcp.tools.invoke").sign();
    let reply = world.post(&narrow, &call("crm.read")).await;
    assert!(reply.status == 200 && !reply.text().contains("ada.byron"), "{}", reply.text());
    assert_eq!(world.post(&crm, &call("admin.x")).await.status, 403);
    let listed = world.post(&crm, &list_tools()).await.text();
    assert!(listed.contains("crm.read") && !listed.contains("admin.x"), "{listed}");
}

#[tokio::test]
async fn narrow_scopes_never_make_a_wide_one_and_look_alikes_mean_nothing() {
    let world = hierarchical().await;
    for scope in [
        "mcp.tools.invoke crm:read mcp.tools.list crm",
        "mcp.tools.invoke MCP.ADMIN",
        "mcp.admin.x",
    ] {
        let token = token(&world).scope(scope).sign();
        assert_eq!(world.post(&token, &call("admin.x")).await.status, 403, "{scope}");
    }
    let none = token(&world).scope("mcp.tools.invoke").sign();
    let reply = world.post(&none, &call("crm.read")).await;
    assert_eq!(reply.status, 403);
    let challenge = reply.header("www-authenticate");
    assert!(
        challenge.contains("scope=\"mcp.tools.invoke crm:read\""),
        "the scope itself: {challenge}"
    );
}

#[tokio::test]
async fn cached_token_keeps_its_implied_scopes_and_a_changed_hierarchy_is_not_remembered() {
    let world = hierarchical().await;
    let admin = token(&world).scope("mcp.admin").sign();
    for _ in 0..3 {
        assert_eq!(world.post(&admin, &call("crm.read")).await.status, 200);
    }
    let other = world.yaml(RULES).replace("['crm:read', ", "[");
    let config = world.check(&other).unwrap();
    world.gateway().reload(config).unwrap();
    assert_eq!(world.post(&admin, &call("crm.read")).await.status, 403);
}
