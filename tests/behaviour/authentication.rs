//! Who calls is proven before anything is read.

use serde_json::json;

use crate::support::{RESOURCE, World, call, initialize, list_tools, plain, post, with_header};
use crate::upstream::Upstream;

async fn world() -> World {
    World::new(Upstream::tool(plain()).await).await
}

#[tokio::test]
async fn no_token_is_401_with_a_challenge_that_names_the_metadata_and_no_error() {
    let world = world().await;
    let reply = world.send(post(None, list_tools().to_string())).await;
    assert_eq!(reply.status, 401);
    let challenge = reply.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(
        challenge.contains(
            "resource_metadata=\"https://gateway.test/.well-known/oauth-protected-resource/mcp\""
        ),
        "{challenge}"
    );
    assert!(!challenge.contains("error="), "{challenge}");
    assert_eq!(reply.code(), "token_missing");
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p34_a_valid_token_reaches_the_upstream_and_its_token_does_not() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let reply = world.post(&token, &call("echo")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = world.upstream.calls("tools/call");
    assert_eq!(seen.len(), 1);
    // S-12: the caller's token never reaches the upstream.
    assert!(seen[0].headers.get("authorization").is_none());
    assert!(
        seen[0]
            .headers
            .values()
            .all(|v| !v.as_bytes().windows(20).any(|w| token.as_bytes().starts_with(w)))
    );
}

#[tokio::test]
async fn s05_p29_tokens_of_other_audiences_issuers_and_times_are_refused() {
    let world = world().await;
    let issuer = &world.issuer;
    let bad = [
        (
            "audience",
            issuer.token().audience("https://gateway.test/mcp/").scope("mcp.tools.invoke").sign(),
        ),
        (
            "audience case",
            issuer.token().audience("https://GATEWAY.test/mcp").scope("mcp.tools.invoke").sign(),
        ),
        (
            "expired",
            issuer.token().audience(RESOURCE).scope("mcp.tools.invoke").expires_in(-120).sign(),
        ),
        ("garbage", "a.b.c".to_owned()),
    ];
    for (why, token) in bad {
        let reply = world.post(&token, &call("echo")).await;
        assert_eq!(reply.status, 401, "{why}");
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{why}");
        assert_eq!(reply.code(), "token_invalid", "{why}");
    }
    assert!(world.upstream.calls("tools/call").is_empty());
}

#[tokio::test]
async fn s11_tokens_in_query_cookie_or_twice_are_not_tokens() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let cookie = with_header(
        post(None, call("echo").to_string()),
        "cookie",
        &format!("access_token={token}"),
    );
    assert_eq!(world.send(cookie).await.status, 401);
    let mut twice = post(Some(&token), call("echo").to_string());
    twice.headers_mut().append("authorization", format!("Bearer {token}").parse().unwrap());
    let reply = world.send(twice).await;
    assert!(reply.status == 400 || reply.status == 401, "{}", reply.status);
    let basic = with_header(
        post(None, call("echo").to_string()),
        "authorization",
        &format!("Basic {token}"),
    );
    assert_eq!(world.send(basic).await.status, 401);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s14_no_protocol_step_skips_authentication() {
    let world = world().await;
    for message in [
        initialize(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover"}),
    ] {
        assert_eq!(world.send(post(None, message.to_string())).await.status, 401, "{message}");
    }
    for method in ["GET", "DELETE"] {
        let request = http::Request::builder()
            .method(method)
            .uri("/mcp")
            .header("host", "gateway.test")
            .header("accept", "text/event-stream")
            .body(http_body_util::Full::default())
            .unwrap();
        assert_eq!(world.send(request).await.status, 401, "{method}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p27_metadata_is_public_at_both_paths_and_names_the_resource_exactly() {
    let world = world().await;
    for path in
        ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]
    {
        let request = http::Request::get(path)
            .header("host", "gateway.test")
            .body(http_body_util::Full::default())
            .unwrap();
        let reply = world.send(request).await;
        assert_eq!(reply.status, 200, "{path}");
        let document = reply.json();
        assert_eq!(document["resource"], RESOURCE);
        assert_eq!(document["authorization_servers"][0], world.issuer.url());
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn p34_the_gateway_uses_its_own_credential_and_no_header_overrides_it() {
    let upstream = Upstream::tool(plain()).await;
    let lines = format!(
        "    upstream: {{ url: '{}', credential: {{ header: x-api-key, value: {{ file: upstream.key }} }} }}\n",
        upstream.url()
    );
    let dir = crate::support::Dir::new();
    dir.write("upstream.key", "sesame");
    let lines = lines.replace("upstream.key", dir.path().join("upstream.key").to_str().unwrap());
    let world = World::with(
        upstream,
        crate::support::Setup { server_replaces_upstream: Some(lines), ..Default::default() },
    )
    .await;
    let token = world.token("mcp.tools.invoke");
    let mut request = post(Some(&token), call("echo").to_string());
    for (name, value) in [
        ("x-api-key", "mine"),
        ("x-upstream-authorization", "Bearer mine"),
        ("x-forwarded-user", "root"),
    ] {
        request = with_header(request, name, value);
    }
    assert_eq!(world.send(request).await.status, 200);
    let seen = &world.upstream.calls("tools/call")[0];
    assert_eq!(seen.headers["x-api-key"], "sesame");
    assert!(seen.headers.get("x-upstream-authorization").is_none());
    assert!(seen.headers.get("x-forwarded-user").is_none());
}
