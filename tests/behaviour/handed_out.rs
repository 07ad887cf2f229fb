//! What modern servers give into clients' hands: tasks and request states belong to whom they
//! were given.

use sallyport::clock::Clock;
use sallyport::gateway::{Gateway, Options};
use serde_json::{Value, json};

use crate::straight::{TASKS, ask, invoke, message, request, server, world};
use crate::support::{RESOURCE, Setup, World, plain, post};
use crate::upstream::Upstream;

const MAIL: &str = "ada.byron@example.com";

/// A server whose tool `slow` makes a task, and which tells its state to whoever asks.
async fn tasks() -> Upstream {
    server(|method, params| {
        let task = |status: &str| {
            json!({"taskId": "task-1", "status": status, "ttlMs": null,
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z"})
        };
        match method {
            "tools/call" => {
                let mut result = task("working");
                result["resultType"] = json!("task");
                result
            }
            "tasks/get" if params["taskId"] == "task-1" => {
                let mut result = task("completed");
                result["resultType"] = json!("complete");
                result["result"] =
                    json!({"content": [{"type": "text", "text": format!("ask {MAIL}")}]});
                result
            }
            "tasks/get" => task("working"),
            _ => json!({"resultType": "complete"}),
        }
    })
    .await
}

async fn handle(world: &World, token: &str) -> String {
    let reply = world.send(invoke(token, "slow", json!({}))).await;
    assert_eq!(reply.json()["result"]["resultType"], "task", "{}", reply.text());
    reply.json()["result"]["taskId"].as_str().unwrap().to_owned()
}

fn other(world: &World) -> String {
    world.issuer.token().audience(RESOURCE).subject("mallory").scope("mcp.tools.invoke").sign()
}

#[tokio::test]
async fn s19_p20_a_task_is_its_owners_and_its_result_is_masked() {
    let world = world(tasks().await, "").await;
    let token = world.token("mcp.tools.invoke");
    let id = handle(&world, &token).await;
    assert!(!id.contains("task-1"));
    assert_eq!(handle(&world, &token).await, id, "clients compare ids");
    let reply = world.send(ask(&token, "tasks/get", json!({"taskId": id}))).await;
    let result = &reply.json()["result"];
    assert_eq!((&result["taskId"], &result["status"]), (&json!(id), &json!("completed")));
    assert!(!reply.text().contains(MAIL), "{}", reply.text());
    for method in ["tasks/update", "tasks/cancel"] {
        let reply =
            world.send(ask(&token, method, json!({"taskId": id, "inputResponses": {}}))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for seen in ["tasks/get", "tasks/update", "tasks/cancel"].map(|m| world.upstream.calls(m)) {
        assert_eq!(seen[0].json()["params"]["taskId"], "task-1");
        assert_eq!(seen[0].headers["mcp-name"], "task-1");
    }
}

#[tokio::test]
async fn s19_p20_a_foreign_and_an_unknown_task_get_the_same_answer() {
    let world = world(tasks().await, "").await;
    let token = world.token("mcp.tools.invoke");
    let id = handle(&world, &token).await;
    let mut answers = Vec::new();
    for (token, id) in [(&other(&world), id.as_str()), (&token, "task-1"), (&token, "x")] {
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let reply = world.send(ask(token, method, json!({"taskId": id}))).await;
            let mut json = reply.json();
            assert_eq!((reply.status.as_u16(), &json["error"]["code"]), (400, &json!(-32602)));
            json["error"]["data"]["request_id"] = Value::Null;
            answers.push(json);
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert!(world.upstream.calls("tasks/get").is_empty());
}

#[tokio::test]
async fn s19_a_task_ends_for_its_owner_with_the_permission_of_its_tool() {
    let world = world(tasks().await, "").await;
    let token = world.token("mcp.tools.invoke");
    let id = handle(&world, &token).await;
    let yaml = world.yaml("    tools: [ { match: 'crm.*' } ]\n");
    world.gateway().reload(world.check(&yaml).unwrap()).unwrap();
    let reply = world.send(ask(&token, "tasks/get", json!({"taskId": id}))).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "denied"));
    assert!(world.upstream.calls("tasks/get").is_empty());
}

#[tokio::test]
async fn s19_any_replica_with_the_key_opens_a_ticket_and_no_other_does() {
    let upstream = tasks().await;
    let way = format!("    upstream: {{ url: '{}', era: modern }}\n", upstream.url());
    let top = "sessions: { key: { file: seal.key } }\n".to_owned();
    let setup = Setup { top, server_replaces_upstream: Some(way), ..Setup::default() };
    let mut world = World::with_key(upstream, setup, KEY).await;
    let token = world.token("mcp.tools.invoke");
    let id = handle(&world, &token).await;
    for (replica, key, status) in [(1, KEY, 200), (2, OTHER_KEY, 400)] {
        world.dir.write("seal.key", key);
        let home = world.yaml("").replace("/audit }", &format!("/audit-{replica} }}"));
        let options = Options { clock: Clock::manual(crate::issuer::NOW), ..Options::default() };
        let other = Gateway::start(world.check(&home).unwrap(), options).await.unwrap();
        world.gateway = Some(other);
        let reply = world.send(ask(&token, "tasks/get", json!({"taskId": id}))).await;
        assert_eq!(reply.status, status, "replica {replica}: {}", reply.text());
    }
}

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn p20_a_task_that_the_client_did_not_ask_for_does_not_leave() {
    let world = world(tasks().await, "").await;
    let token = world.token("mcp.tools.invoke");
    let mut undeclared = message("tools/call", json!({"name": "slow"}));
    undeclared["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let reply = world.send(request(&token, &undeclared)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_invalid"));

    let mut undeclared = message("tasks/get", json!({"taskId": "x"}));
    undeclared["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let reply = world.send(request(&token, &undeclared)).await;
    let error = &reply.json()["error"];
    assert_eq!((reply.status.as_u16(), &error["code"]), (400, &json!(-32021)));
    assert_eq!(error["data"]["requiredCapabilities"], json!({"extensions": {TASKS: {}}}));
}

/// A server that asks back, and answers a retry with what it got.
async fn asking(method: &'static str) -> Upstream {
    server(move |_, params| match params.get("requestState") {
        Some(state) => json!({"resultType": "complete", "content": [{"type": "text", "text": format!("{state}")}]}),
        None => json!({"resultType": "input_required", "requestState": STATE,
            "inputRequests": {"name": {"method": method, "params": {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}}}}}),
    })
    .await
}

/// A state that any change would spoil.
const STATE: &str = "{\"mail\":\"ada.byron@example.com\",\"é\":\"\\u0000 \u{1F511}\"}";

#[tokio::test]
async fn s19_p17_request_state_comes_back_byte_for_byte_and_from_its_owner_alone() {
    let lines = "    server_requests: [ elicitation ]\n";
    let world = world(asking("elicitation/create").await, lines).await;
    let token = world.token("mcp.tools.invoke");
    let asked = world.send(invoke(&token, "echo", json!({}))).await;
    assert_eq!(asked.json()["result"]["resultType"], "input_required", "{}", asked.text());
    assert!(!asked.text().contains("ada.byron"), "{}", asked.text());
    let state = asked.json()["result"]["requestState"].as_str().unwrap().to_owned();
    let retry = |token: &str, tool: &str, state: &str| {
        let params = json!({"name": tool, "requestState": state,
            "inputResponses": {"name": {"action": "accept", "content": {"name": "Ada"}}}});
        ask(token, "tools/call", params)
    };
    for (token, tool, state) in [
        (&other(&world), "echo", state.clone()),
        (&token, "crm.read", state.clone()),
        (&token, "echo", format!("{state}-TAMPERED")),
        (&token, "echo", STATE.to_owned()),
    ] {
        let reply = world.send(retry(token, tool, &state)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "state_unknown"));
    }
    assert_eq!(world.upstream.calls("tools/call").len(), 1);
    assert_eq!(world.send(retry(&token, "echo", &state)).await.status, 200);
    let sent = world.upstream.calls("tools/call")[1].json();
    assert_eq!(sent["params"]["requestState"], STATE);
    assert_eq!(sent["params"]["inputResponses"]["name"]["content"]["name"], "Ada");
}

#[tokio::test]
async fn s33_p17_a_server_asks_for_what_the_route_allows_and_nothing_else() {
    for (method, allowed, status) in [
        ("sampling/createMessage", "elicitation", 403),
        ("roots/list", "sampling", 403),
        ("elicitation/create", "elicitation", 200),
        ("tools/call", "elicitation", 403),
    ] {
        let lines = format!("    server_requests: [ {allowed} ]\n");
        let world = world(asking(method).await, &lines).await;
        let reply = world.send(invoke(&world.token("mcp.tools.invoke"), "echo", json!({}))).await;
        assert_eq!(reply.status, status, "{method}: {}", reply.text());
        if status == 403 {
            assert_eq!(reply.code(), "input_refused");
            assert!(!reply.text().contains("Who?"));
        }
    }
}

#[tokio::test]
async fn p17_a_question_where_none_may_be_does_not_leave() {
    let lines = "    server_requests: [ elicitation ]\n";
    let world = world(asking("elicitation/create").await, lines).await;
    let reply = world.send(ask(&world.token(""), "tools/list", json!({}))).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_invalid"));
}

#[tokio::test]
async fn p17_answers_to_a_server_are_screened_like_arguments() {
    let world = world(server(|_, _| plain()).await, "").await;
    let params = json!({"name": "echo", "inputResponses":
        {"a": {"action": "accept", "content": {"path": "../../etc/passwd"}}}});
    let reply = world.send(ask(&world.token("mcp.tools.invoke"), "tools/call", params)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "guard_blocked"));
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn p17_a_modern_server_sends_people_to_allowed_hosts_alone() {
    for (url, status) in [
        ("https://login.example.com/a", 200),
        ("https://evil.example/a", 403),
        ("http://login.example.com/a", 403),
    ] {
        let upstream = server(move |_, _| {
            let params = json!({"mode": "url", "url": url, "message": "go"});
            json!({"resultType": "input_required",
                   "inputRequests": {"go": {"method": "elicitation/create", "params": params}}})
        })
        .await;
        let lines = "    server_requests: [ elicitation ]\n    elicitation: { url_hosts: [ login.example.com ] }\n";
        let world = world(upstream, lines).await;
        let reply = world.send(invoke(&world.token("mcp.tools.invoke"), "echo", json!({}))).await;
        assert_eq!(reply.status, status, "{url}: {}", reply.text());
    }
}

/// A server with two pages of tools, which gives the second to whoever names its cursor.
async fn pages() -> Upstream {
    server(|method, params| {
        let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
        match (method, params["cursor"].as_str()) {
            ("tools/list", None) => {
                json!({"tools": [tool("a")], "nextCursor": "page-2", "resultType": "complete"})
            }
            ("tools/list", Some("page-2")) => {
                json!({"tools": [tool("b")], "nextCursor": null, "resultType": "complete"})
            }
            _ => json!({"prompts": [], "nextCursor": "page-2", "resultType": "complete"}),
        }
    })
    .await
}

#[tokio::test]
async fn s19_cursor_of_a_list_is_its_owners_and_of_this_list_alone() {
    let worlds = [world(pages().await, "").await, World::new(pages().await).await];
    let modern = |token: &str, method: &str, cursor: Value| {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        ask(token, method, params)
    };
    let legacy = |token: &str, method: &str, cursor: Value| {
        let text =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"cursor": cursor}});
        let mut text = text;
        if text["params"]["cursor"].is_null() {
            text["params"] = json!({});
        }
        post(Some(token), text.to_string())
    };
    type Ask<'a> =
        &'a dyn Fn(&str, &str, Value) -> http::Request<http_body_util::Full<bytes::Bytes>>;
    let eras = [("modern", &modern as Ask<'_>), ("legacy", &legacy as Ask<'_>)];
    for ((era, send), world) in eras.into_iter().zip(&worlds) {
        let token = world.token("mcp.tools.invoke mcp.prompts.get");
        let first = world.send(send(&token, "tools/list", Value::Null)).await.json();
        let cursor = first["result"]["nextCursor"].clone();
        assert!(cursor.is_string() && cursor != "page-2", "{era}: {first}");
        let second = world.send(send(&token, "tools/list", cursor.clone())).await.json();
        assert_eq!(second["result"]["tools"][0]["name"], "b", "{era}: {second}");
        assert_eq!(second["result"]["nextCursor"], Value::Null);
        let before = world.upstream.seen().len();
        let refused = [
            send(&token, "tools/list", json!("page-2")),
            send(&token, "prompts/list", cursor.clone()),
            send(&other(world), "tools/list", cursor.clone()),
            send(&token, "tools/list", json!(2)),
        ];
        for request in refused {
            let reply = world.send(request).await;
            assert_eq!(reply.json()["error"]["code"], -32602, "{era}: {}", reply.text());
        }
        assert_eq!(world.upstream.seen().len(), before, "{era}");
    }
}
