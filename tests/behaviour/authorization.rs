//! What a caller may do, and that lists tell the same truth.

use serde_json::json;

use crate::support::{World, call, list_tools, plain};
use crate::upstream::Upstream;

const TOOLS: &str = "    tools:\n      - { match: echo }\n      - { match: \"crm.*\", scopes: [crm:read, crm:basic] }\n      - { match: \"admin.*\", roles: [admin] }\n";

async fn world() -> World {
    World::server(Upstream::tool(plain()).await, TOOLS).await
}

#[tokio::test]
async fn s17_p38_a_missing_scope_is_403_naming_every_needed_scope_at_once() {
    let world = world().await;
    let reply = world.post(&world.token("unrelated"), &call("crm.read")).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.code(), "insufficient_scope");
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    for scope in ["mcp.tools.invoke", "crm:read", "crm:basic"] {
        assert!(challenge.contains(scope), "{challenge} lacks {scope}");
    }
    assert_eq!(reply.json()["id"], 7);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p36_a_tool_list_shows_each_caller_what_that_caller_may_call() {
    let world = world().await;
    let names = async |token: &str| {
        let reply = world.post(token, &list_tools()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let tools = reply.json()["result"]["tools"].clone();
        tools
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&world.token("mcp.tools.invoke")).await, ["echo"]);
    assert_eq!(
        names(&world.token("mcp.tools.invoke crm:read crm:basic")).await,
        ["echo", "crm.read"]
    );
    assert_eq!(names(&world.token("crm:read")).await, Vec::<String>::new());
}

#[tokio::test]
async fn s30_p37_what_is_hidden_is_refused_and_unknown_names_get_the_same_answer() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let hidden = world.post(&token, &call("admin.wipe")).await;
    let unknown = world.post(&token, &call("no.such.tool")).await;
    assert_eq!(hidden.status, 403);
    assert_eq!(hidden.code(), "denied");
    assert_eq!(unknown.status, hidden.status);
    assert_eq!(unknown.json()["error"]["message"], hidden.json()["error"]["message"]);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn s26_lookalike_tool_names_are_other_names() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    for name in ["Echo", "echo ", "ec\u{200b}ho", "\u{ff45}cho", "echo\u{0}"] {
        let reply = world.post(&token, &call(name)).await;
        assert!(reply.status == 403 || reply.status == 400, "{name:?}: {}", reply.status);
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
}

#[tokio::test]
async fn s33_p39_unknown_methods_and_notifications_are_denied() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/delete"});
    let reply = world.post(&token, &request).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"]["code"].as_i64()),
        (404, Some(-32601))
    );
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/whatever"});
    assert!(world.post(&token, &notification).await.status.is_client_error());
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p35_a_role_opens_what_scopes_alone_do_not() {
    let world = world().await;
    let admin = world
        .issuer
        .token()
        .audience(crate::support::RESOURCE)
        .scope("mcp.tools.invoke")
        .claim("roles", json!(["admin"]))
        .sign();
    assert_eq!(world.post(&admin, &call("admin.wipe")).await.status, 200);
}

#[tokio::test]
async fn a_client_may_not_answer_requests_that_no_server_may_send() {
    let world = world().await;
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"roots": []}});
    let reply = world.post(&world.token("mcp.tools.invoke"), &answer).await;
    assert_eq!(reply.status, 400);
    assert!(world.upstream.seen().is_empty());
}
