//! The older REST context API, mapped to the same calls.

use http_body_util::Full;
use serde_json::json;

use crate::support::{HOST, Reply, Setup, World};
use crate::upstream::{Upstream, json_answer};

async fn world() -> World {
    let upstream = Upstream::answering(|_| {
        json_answer(
            &json!({"user": "ada", "email": "ada.byron@example.com", "order": "20261122-000417"}),
        )
    })
    .await;
    let lines = format!("    upstream: http://{}\n    profile: rest\n", upstream.address);
    let setup = Setup {
        server_replaces_upstream: Some(lines),
        public_url: Some("https://gateway.test".to_owned()),
        ..Setup::default()
    };
    World::with(upstream, setup).await
}

pub async fn send(world: &World, scope: &str, method: &str, target: &str, body: &str) -> Reply {
    let token = world.issuer.token().audience("https://gateway.test").scope(scope).sign();
    let mut request = http::Request::builder()
        .method(method)
        .uri(target)
        .header("host", HOST)
        .header("authorization", format!("Bearer {token}"));
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    world.send(request.body(Full::new(body.to_owned().into())).unwrap()).await
}

#[tokio::test]
async fn context_is_read_with_its_scope_and_masked() {
    let world = world().await;
    let refused =
        send(&world, "mcp.memory.read", "GET", "/mcp/context?namespace=session", "").await;
    assert_eq!(refused.status, 403, "{:?}", world.records());
    assert!(refused.header("www-authenticate").contains("mcp.context.read"));
    assert!(world.upstream.seen().is_empty());
    let reply = send(&world, "mcp.context.read", "GET", "/mcp/context?namespace=session", "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.text().contains("ada.byron") && reply.text().contains("20261122-000417"));
    assert_eq!(world.upstream.seen()[0].target, "/mcp/context?namespace=session");
}

#[tokio::test]
async fn memory_is_deleted_by_subject_and_the_trail_names_it() {
    let world = world().await;
    let reply = send(&world, "mcp.memory.delete", "DELETE", "/mcp/memory?user_id=u-17", "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    world.closed_records(1).await;
    let intent = world.records().into_iter().find(|r| r["phase"] == "intent").unwrap();
    assert_eq!(
        (intent["action"].as_str(), intent["subject"].as_str()),
        (Some("memory.delete"), Some("u-17"))
    );
}

#[tokio::test]
async fn tools_are_invoked_by_path_and_paths_cannot_be_smuggled() {
    let world = world().await;
    let reply = send(&world, "mcp.tools.invoke", "POST", "/mcp/tools/search", r#"{"q":"x"}"#).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    for target in [
        "/mcp/tools/a%2fb",
        "/mcp/tools/..%2f..%2fadmin",
        "/mcp/memory/../tools/x",
        "/mcp/context?namespace=a&namespace=b",
        "/mcp/tools/",
        "/mcp/other",
    ] {
        let method = if target.contains("context") { "GET" } else { "POST" };
        let reply = send(&world, "mcp.tools.invoke mcp.context.read", method, target, "").await;
        assert!(reply.status.is_client_error(), "{target}: {}", reply.status);
    }
    assert_eq!(world.upstream.seen().len(), 1);
}
