//! What OAuth clients look for before they have a token, and what they are told when theirs is not
//! enough: answers that they can act on.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::support::{HOST, World, call, plain, post, with_header};
use crate::upstream::Upstream;

const TOOLS: &str =
    "    tools: [ { match: read, scopes: [crm:read] }, { match: write, scopes: [crm:write] } ]\n";

/// What clients look for at a resource's own address, in the hope of an authorization server.
const PROBED: [&str; 5] = [
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/mcp",
    "/.well-known/openid-configuration",
    "/mcp/.well-known/openid-configuration",
];

async fn world() -> World {
    World::server(Upstream::tool(plain()).await, TOOLS).await
}

fn ask(method: &str, path: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(path).header("host", HOST).body(Full::default()).unwrap()
}

#[tokio::test]
async fn p27_looking_for_an_authorization_server_here_is_a_404_that_pages_can_read() {
    let world = world().await;
    for path in PROBED {
        let request = with_header(ask("GET", path), "origin", "https://inspector.example");
        let reply = world.send(with_header(request, "mcp-protocol-version", "2025-11-25")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (404, "route_unknown"),
            "{path}"
        );
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(reply.header("www-authenticate"), "", "{path}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p27_pages_may_ask_for_every_document_with_the_fields_that_sdks_send() {
    let world = world().await;
    let documents =
        ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"];
    for path in documents.into_iter().chain(PROBED) {
        let request = with_header(ask("OPTIONS", path), "origin", "https://inspector.example");
        let request = with_header(request, "access-control-request-method", "GET");
        let request =
            with_header(request, "access-control-request-headers", "mcp-protocol-version");
        let reply = world.send(request).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert!(reply.header("access-control-allow-methods").contains("GET"), "{path}");
        let fields = reply.header("access-control-allow-headers");
        assert!(fields.contains("mcp-protocol-version"), "{path}: {fields}");
    }
}

#[tokio::test]
async fn endpoints_of_an_authorization_server_are_404_whatever_is_sent() {
    let world = world().await;
    let form = "grant_type=authorization_code&code=secret-code";
    let registration = r#"{"redirect_uris":["http://127.0.0.1:1/cb"]}"#;
    for (method, path, body) in [
        ("POST", "/register", registration),
        ("GET", "/authorize?response_type=code&client_id=x", ""),
        ("POST", "/token", form),
        ("POST", "/mcp/register", registration),
        ("POST", "/mcp/token", form),
    ] {
        let request = ask(method, path).map(|_| Full::new(Bytes::from(body)));
        let reply = world.send(request).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (404, "route_unknown"),
            "{path}"
        );
        assert_eq!(reply.header("www-authenticate"), "", "{path}");
        assert!(!reply.text().contains("secret-code"));
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn looking_around_is_no_failed_authentication() {
    let world = world().await;
    for path in PROBED {
        assert_eq!(world.send(ask("GET", path)).await.status, 404);
    }
    assert_eq!(world.send(ask("POST", "/token")).await.status, 404);
    let (_, metrics) = world.admin("/metrics").await;
    let failed = |line: &&str| line.starts_with("sallyport_authn_total") && !line.ends_with(" 0");
    assert_eq!(metrics.lines().find(failed), None);
    let counted = "sallyport_refused_early_total{code=\"route_unknown\"} 6";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn get_without_a_token_is_401_whatever_it_accepts() {
    let world = world().await;
    for accept in [None, Some("text/event-stream"), Some("application/json"), Some("text/html")] {
        let request = ask("GET", "/mcp");
        let request = match accept {
            Some(accept) => with_header(request, "accept", accept),
            None => request,
        };
        let reply = world.send(request).await;
        assert_eq!(reply.status, 401, "{accept:?}: {}", reply.text());
        let challenge = reply.header("www-authenticate");
        assert!(challenge.contains("resource_metadata=\"https://gateway.test/"), "{challenge}");
        assert!(!challenge.contains("error="), "{accept:?}: {challenge}");
    }
    let token = format!("Bearer {}", world.token("mcp.tools.invoke"));
    let request = with_header(ask("GET", "/mcp"), "accept", "application/json");
    let reply = world.send(with_header(request, "authorization", &token)).await;
    assert_eq!(reply.code(), "not_acceptable", "with a token it is about the stream");
}

#[tokio::test]
async fn p38_step_up_repeats_what_is_held_for_older_clients_and_asks_for_the_rest_of_newer_ones() {
    let world = world().await;
    // One that means nothing here is nobody's business.
    let token = world.token("mcp.tools.invoke crm:read openid");
    let message = call("write");
    let legacy = world.post(&token, &message).await;
    assert_eq!(scope(legacy.header("www-authenticate")), "mcp.tools.invoke crm:write crm:read");

    let mut message = message;
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let request = post(Some(&token), message.to_string());
    let request = with_header(request, "mcp-protocol-version", "2026-07-28");
    let request =
        with_header(with_header(request, "mcp-method", "tools/call"), "mcp-name", "write");
    let modern = world.send(request).await;
    assert_eq!((modern.status.as_u16(), modern.code().as_str()), (403, "insufficient_scope"));
    assert_eq!(scope(modern.header("www-authenticate")), "mcp.tools.invoke crm:write");
    for challenge in [legacy.header("www-authenticate"), modern.header("www-authenticate")] {
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(
            challenge.contains(
                "resource_metadata=\"https://gateway.test/.well-known/oauth-protected-resource/mcp\""
            ),
            "{challenge}"
        );
    }
    assert!(world.upstream.calls("tools/call").is_empty());
}

/// The `scope` of a challenge.
#[track_caller]
fn scope(challenge: &str) -> &str {
    let (_, rest) = challenge.split_once("scope=\"").unwrap_or_else(|| panic!("{challenge}"));
    rest.split_once('"').unwrap().0
}
