//! Sessions of stateful servers, sealed and bound to who opened them.

use http_body_util::Full;
use serde_json::json;

use crate::support::{HOST, RESOURCE, World, call, initialize, plain, post, with_header};
use crate::upstream::Upstream;

async fn opened(world: &World, token: &str) -> String {
    let reply = world.post(token, &initialize()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("mcp-session-id").to_owned()
}

#[tokio::test]
async fn the_client_gets_a_sealed_id_and_the_upstream_its_own() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &token).await;
    assert!(!sealed.is_empty() && !sealed.contains("upstream-session-1"));
    let request =
        with_header(post(Some(&token), call("echo").to_string()), "mcp-session-id", &sealed);
    assert_eq!(world.send(request).await.status, 200);
    let seen = &world.upstream.calls("tools/call")[0];
    assert_eq!(seen.headers["mcp-session-id"], "upstream-session-1");
}

#[tokio::test]
async fn s18_a_foreign_a_forged_and_an_unknown_id_get_the_same_404() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let owner = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &owner).await;
    let thief =
        world.issuer.token().audience(RESOURCE).subject("thief").scope("mcp.tools.invoke").sign();
    let mut forged = sealed.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let mut answers = Vec::new();
    for (token, id) in [
        (&thief, sealed.as_str()),
        (&owner, forged.as_str()),
        (&owner, "upstream-session-1"),
        (&owner, "x"),
    ] {
        let reply = world
            .send(with_header(post(Some(token), call("echo").to_string()), "mcp-session-id", id))
            .await;
        assert_eq!(reply.status, 404, "{id}");
        let mut json = reply.json();
        json["error"]["data"]["request_id"] = json!(null);
        answers.push(json);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert!(world.upstream.calls("tools/call").is_empty());
}

#[tokio::test]
async fn a_refreshed_token_of_the_same_caller_keeps_the_session() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let sealed = opened(&world, &world.token("mcp.tools.invoke")).await;
    let refreshed = world
        .issuer
        .token()
        .audience(RESOURCE)
        .scope("mcp.tools.invoke extra")
        .expires_in(7200)
        .sign();
    let request =
        with_header(post(Some(&refreshed), call("echo").to_string()), "mcp-session-id", &sealed);
    assert_eq!(world.send(request).await.status, 200);
}

#[tokio::test]
async fn the_trail_knows_the_session_by_a_hash_only() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &token).await;
    let request =
        with_header(post(Some(&token), call("echo").to_string()), "mcp-session-id", &sealed);
    world.send(request).await;
    let closed = world.closed_records(2).await;
    let hash = closed[1]["session_id"].as_str().unwrap();
    assert!(hash.len() >= 16 && !sealed.contains(hash));
    assert!(!serde_json::to_string(&world.records()).unwrap().contains(&sealed));
}

#[tokio::test]
async fn closing_a_session_reaches_the_upstream() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let sealed = opened(&world, &token).await;
    let request = http::Request::delete("/mcp")
        .header("host", HOST)
        .header("authorization", format!("Bearer {token}"))
        .header("mcp-session-id", &sealed)
        .body(Full::default())
        .unwrap();
    let reply = world.send(request).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    let seen = world.upstream.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.method, "DELETE");
    assert_eq!(last.headers["mcp-session-id"], "upstream-session-1");
}
