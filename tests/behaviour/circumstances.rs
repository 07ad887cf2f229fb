//! What policies see besides the call: hours while a stream runs, risk, networks, claims, sessions,
//! the person whose data is asked for, templates of resources.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use sallyport::clock::Clock;
use serde_json::{Value, json};

use crate::policies::{NOON, token};
use crate::streaming::fed;
use crate::support::{
    HOST, RESOURCE, Setup, World, call, call_with, initialize, plain, post, with_header,
};
use crate::upstream::{Upstream, json_answer, rpc};

async fn governed(upstream: Upstream, policy: &str, top: &str, issuer: &str) -> World {
    let setup = Setup {
        top: format!(
            "{top}policy: {{ files: [p.cedar], risk_header: x-risk, networks: {{ home: [127.0.0.0/8] }} }}\n"
        ),
        issuer: issuer.to_owned(),
        clock: Some(Clock::manual(NOON)),
        ..Setup::default()
    };
    World::with_files(upstream, setup, &[("p.cedar", policy)]).await
}

const PROXIED: &str = "trusted_proxies: [127.0.0.1/32]\n";
const HOURS: &str = "permit (principal, action == Action::\"tools.invoke\", resource) when { context.time.hour < 17 };";

#[tokio::test]
async fn stream_ends_when_the_hours_of_its_policy_do() {
    let (upstream, senders) = fed().await;
    let world = governed(upstream, HOURS, PROXIED, "").await;
    let response = world
        .open(post(Some(&token(&world, &[], "mcp.tools.invoke")), call("echo").to_string()))
        .await;
    assert_eq!(response.status(), 200);
    world.clock().advance(Duration::from_secs(4 * 3600));
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}});
    assert!(world.clock().unix_s() < NOON + 5 * 3600);
    senders.lock().unwrap()[0].send(format!("data: {progress}\n\n").into()).unwrap();
    world.clock().advance(Duration::from_secs(3600));
    senders.lock().unwrap()[0].send(format!("data: {progress}\n\n").into()).unwrap();
    senders.lock().unwrap().clear();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("stream_revoked"), "{text:?}");
}

const AMOUNT: &str = "permit (principal, action == Action::\"tools.invoke\", resource) when { context.args has amount && context.args.amount <= 100 };";

#[tokio::test]
async fn open_stream_is_judged_with_the_arguments_of_its_call() {
    let (upstream, senders) = fed().await;
    let world = governed(upstream, AMOUNT, PROXIED, "").await;
    let message = call_with("pay", &json!({"amount": 80})).to_string();
    let response = world.open(post(Some(&token(&world, &[], "mcp.tools.invoke")), message)).await;
    let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [], "paid": true}});
    // A reload that changes nothing for 80, and then one that does.
    world.gateway().reload(world.check(&world.yaml("")).unwrap()).unwrap();
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}});
    senders.lock().unwrap()[0].send(format!("data: {progress}\n\n").into()).unwrap();
    let mut body = response.into_body();
    let mut seen = String::new();
    while !seen.contains("progressToken") {
        let frame = body.frame().await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    world.dir.write("p.cedar", &AMOUNT.replace("100", "50"));
    world.gateway().reload(world.check(&world.yaml("")).unwrap()).unwrap();
    senders.lock().unwrap()[0].send(format!("data: {answer}\n\n").into()).unwrap();
    let rest = body.collect().await.unwrap().to_bytes();
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("stream_revoked") && !rest.contains("paid"), "{rest}");
}

const RISK: &str = "permit (principal, action == Action::\"tools.invoke\", resource) unless { context has risk && context.risk.level >= 3 };";

#[tokio::test]
async fn risk_is_believed_of_a_trusted_proxy_alone_and_the_highest_counts() {
    let status = async |world: &World, header: Option<&str>, claim: Option<&str>| {
        let mut builder = world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
        builder = builder.claim("iat", NOON).claim("exp", NOON + 3600);
        if let Some(claim) = claim {
            builder = builder.claim("risk", claim);
        }
        let mut request = post(Some(&builder.sign()), call("echo").to_string());
        if let Some(header) = header {
            request = with_header(request, "x-risk", header);
        }
        world.send(request).await.status.as_u16()
    };
    let issuer = "    risk_claim: risk\n";
    let world = governed(Upstream::tool(plain()).await, RISK, PROXIED, issuer).await;
    for (header, claim, expected) in [
        (None, None, 200),
        (Some("low"), None, 200),
        (Some("HIGH"), None, 403),
        (Some("whatever"), None, 403),
        (Some("low"), Some("critical"), 403),
        (Some("medium"), Some("low"), 200),
    ] {
        assert_eq!(status(&world, header, claim).await, expected, "{header:?} {claim:?}");
    }
    let elsewhere = "trusted_proxies: [192.0.2.0/24]\n";
    let world = governed(Upstream::tool(plain()).await, RISK, elsewhere, issuer).await;
    assert_eq!(status(&world, Some("critical"), None).await, 200, "anybody could write it");
}

const CLAIMS: &str = r#"
permit (principal is User, action == Action::"tools.invoke", resource == Tool::"crm/echo")
when { principal.claims has department && principal.claims.department.contains("sales")
       && context has client && context.client.networks.contains("home") };
permit (principal, action == Action::"tools.invoke", resource == Tool::"crm/crm.read")
when { context.session has age && context.session.age < 600 };
"#;

#[tokio::test]
async fn claims_networks_and_sessions_are_seen() {
    let issuer = "    attributes: { department: org.department }\n";
    let world = governed(Upstream::tool(plain()).await, CLAIMS, PROXIED, issuer).await;
    let with = |department: Value| {
        let token = world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
        let token = token.claim("iat", NOON).claim("exp", NOON + 3600);
        token.claim("org", json!({ "department": department })).sign()
    };
    assert_eq!(world.post(&with(json!(["sales", "it"])), &call("echo")).await.status, 200);
    assert_eq!(world.post(&with(json!("it")), &call("echo")).await.status, 403);
    assert_eq!(world.post(&with(json!({"a": 1})), &call("echo")).await.status, 403);

    let token = with(json!("it"));
    let session = world.post(&token, &initialize()).await.header("mcp-session-id").to_owned();
    let read = || {
        with_header(post(Some(&token), call("crm.read").to_string()), "mcp-session-id", &session)
    };
    assert_eq!(world.send(read()).await.status, 200);
    assert_eq!(world.post(&token, &call("crm.read")).await.status, 403, "without a session");
    world.clock().advance(Duration::from_secs(601));
    assert_eq!(world.send(read()).await.status, 403, "too old");
}

const OWN: &str = r#"
permit (principal, action in [Action::"memory.read", Action::"memory.delete"], resource)
when { context has subject && context.subject == principal.subject };
"#;

#[tokio::test]
async fn people_reach_their_own_memory_alone() {
    let upstream = Upstream::answering(|_| json_answer(&json!({"notes": []}))).await;
    let lines = format!("    upstream: http://{}\n    profile: rest\n", upstream.address);
    let setup = Setup {
        top: "policy: { files: [p.cedar] }\n".to_owned(),
        server_replaces_upstream: Some(lines),
        public_url: Some("https://gateway.test".to_owned()),
        ..Setup::default()
    };
    let world = World::with_files(upstream, setup, &[("p.cedar", OWN)]).await;
    let token = world.issuer.token().audience("https://gateway.test").subject("ada");
    let token = token.scope("mcp.memory.read mcp.memory.delete").sign();
    for (method, user, expected) in
        [("GET", "ada", 200), ("GET", "bob", 403), ("DELETE", "bob", 403), ("DELETE", "ada", 200)]
    {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/mcp/memory?user_id={user}"))
            .header("host", HOST)
            .header("authorization", format!("Bearer {token}"));
        let reply = world.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(reply.status.as_u16(), expected, "{method} {user}");
    }
}

const FILES: &str = r#"
permit (principal in Role::"reader", action == Action::"resources.read", resource in Server::"crm")
when { resource.uri like "file:///public/*" };
permit (principal in Role::"one", action == Action::"resources.read", resource == Resource::"crm/db://orders/7");
"#;

#[tokio::test]
async fn templates_are_shown_where_one_of_their_resources_could_be_read() {
    let upstream = Upstream::answering(|seen| {
        rpc(&seen.json()["id"], &json!({"resourceTemplates": [
            {"name": "a", "uriTemplate": "file:///{+path}"}, {"name": "b", "uriTemplate": "file:///private/{name}"},
            {"name": "c", "uriTemplate": "db://orders/{id}"}, {"name": "d", "uriTemplate": "db://people/{id}"}]}))
    })
    .await;
    let world = governed(upstream, FILES, PROXIED, "").await;
    let shown = async |roles: &[&str]| {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/templates/list"});
        let reply = world.post(&token(&world, roles, "mcp.resources.read"), &list).await;
        let all = reply.json()["result"]["resourceTemplates"].clone();
        let names = all.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned());
        names.collect::<String>()
    };
    assert_eq!(shown(&["reader"]).await, "a");
    assert_eq!(shown(&["one"]).await, "c");
    assert_eq!(shown(&["reader", "one"]).await, "ac");
    assert_eq!(shown(&[]).await, "");
}

#[tokio::test]
async fn caller_who_tries_many_doors_is_risky_for_a_while() {
    let policy = r#"
permit (principal, action == Action::"tools.invoke", resource == Tool::"crm/echo");
forbid (principal, action, resource) when { context has risk && context.risk.source == "gateway" && context.risk.level >= 2 };
"#;
    let world = governed(Upstream::tool(plain()).await, policy, PROXIED, "").await;
    let (nosy, honest) = (token(&world, &["a"], "mcp.tools.invoke"), {
        let token =
            world.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke").subject("bob");
        token.claim("iat", NOON).claim("exp", NOON + 36_000).sign()
    });
    for door in 0..5 {
        assert_eq!(world.post(&nosy, &call("echo")).await.status, 200, "{door}");
        assert_eq!(world.post(&nosy, &call(&format!("door-{door}"))).await.status, 403);
    }
    assert_eq!(world.post(&nosy, &call("echo")).await.status, 403, "five refusals");
    assert_eq!(world.post(&honest, &call("echo")).await.status, 200);
    world.clock().advance(Duration::from_secs(1_200));
    assert_eq!(world.post(&nosy, &call("echo")).await.status, 200, "twenty minutes later");
}
