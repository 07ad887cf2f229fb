//! What a caller sends is looked at too: a server gets no value that it may not have.

use serde_json::{Value, json};

use crate::straight;
use crate::support::{Reply, Setup, World, call_with, plain, with_header};
use crate::upstream::{Upstream, json_answer};

const MAIL: &str = "ada.byron@example.com";
const CARD: &str = "4111 1111 1111 1111";
const BOTH: &str = "    redact:\n      arguments: { secrets: block, email: mask, card: report }\n";

/// A fixed form that no scanner of sources takes for a key.
fn key() -> String {
    format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE")
}

/// What the server received, after the handshake.
fn received(world: &World) -> Vec<String> {
    let seen = world.upstream.seen();
    seen.iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect()
}

fn record_of(world: &World, phase: &str) -> Value {
    world.records().into_iter().find(|record| record["phase"] == phase).unwrap()
}

#[tokio::test]
async fn a_masked_argument_reaches_the_server_masked_and_everything_else_as_it_was() {
    let world = World::server(Upstream::tool(plain()).await, BOTH).await;
    let token = world.token("mcp.tools.invoke");
    let body = format!(
        r#"{{"jsonrpc":"2.0", "id":7,"method":"tools/call","params":{{"name":"echo",
        "arguments":{{"to":["{MAIL}"],"text":"write to \u0061da.byron@example.com, {CARD}","n":1e2}}}}}}"#
    );
    let reply = world.send(crate::support::post(Some(&token), body.clone())).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let masked = "a***@***.com";
    let expected = body.replace(MAIL, masked).replace(r"\u0061da.byron@example.com", masked);
    assert_eq!(received(&world), [expected]);
    world.closed_records(1).await;
    let intent = record_of(&world, "intent");
    assert_eq!(
        intent["argument_places"],
        json!([{"class": "email", "path": "/arguments/to/*", "count": 1},
            {"class": "email", "path": "/arguments/text", "count": 1},
            {"class": "card", "path": "/arguments/text", "count": 1}])
    );
    let (_, metrics) = world.admin("/metrics").await;
    assert!(
        metrics.contains("sallyport_argument_values_total{class=\"email\",server=\"crm\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_secret_in_an_argument_refuses_the_call_and_names_its_place_alone() {
    let world = World::server(Upstream::tool(plain()).await, BOTH).await;
    let arguments = json!({"note": {"text": format!("use {}", key())}});
    let reply = world.post(&world.token("mcp.tools.invoke"), &call_with("echo", &arguments)).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (403, "guard_blocked".to_owned()));
    assert!(!reply.text().contains(&key()), "{}", reply.text());
    assert!(world.upstream.calls("tools/call").is_empty());
    world.closed_records(1).await;
    let refused = record_of(&world, "refused");
    let reason = "a value of class `api_key` at `/arguments/note/text` is blocked";
    assert_eq!(refused["reason"], reason, "{refused}");
    assert_eq!(refused["guard_hits"], json!(["arguments"]));
    assert!(!refused.to_string().contains(&key()), "{refused}");
    let (_, metrics) = world.admin("/metrics").await;
    let hit = r#"sallyport_guard_hits_total{guard="arguments",mode="block",server="crm"} 1"#;
    assert!(metrics.contains(hit), "{metrics}");
}

#[tokio::test]
async fn arguments_pass_as_they_are_where_nothing_is_said_of_them() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let message = call_with("echo", &json!({"to": MAIL, "key": key()}));
    assert_eq!(world.post(&world.token("mcp.tools.invoke"), &message).await.status, 200);
    assert_eq!(received(&world), [message.to_string()]);
    world.closed_records(1).await;
    assert!(record_of(&world, "intent")["argument_places"].is_null());
}

#[tokio::test]
async fn mirrored_headers_say_what_the_masked_arguments_say() {
    let tools = json!({"tools": [{"name": "send", "inputSchema": {"type": "object",
        "properties": {"to": {"type": "string", "x-mcp-header": "To"}}}}]});
    let upstream = straight::server(move |method, _| match method {
        "tools/list" => tools.clone(),
        _other => plain(),
    })
    .await;
    let world = straight::world(upstream, BOTH).await;
    let token = world.token("mcp.tools.invoke");
    // The first call is of a tool that no list told of, the second of one that is known.
    for calls in 1..=2 {
        let request = straight::invoke(&token, "send", json!({"to": MAIL}));
        let reply = world.send(with_header(request, "mcp-param-to", MAIL)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let sent = world.upstream.calls("tools/call");
        assert_eq!(sent.len(), calls);
        let sent = sent.last().unwrap();
        assert_eq!(sent.headers["mcp-param-to"], "a***@***.com");
        assert_eq!(sent.json()["params"]["arguments"]["to"], "a***@***.com");
    }
    let contradiction = straight::invoke(&token, "send", json!({"to": MAIL}));
    let reply = world.send(with_header(contradiction, "mcp-param-to", "a***@***.com")).await;
    assert_eq!(reply.status, 400, "the caller's own words are compared with the caller's own");
}

#[tokio::test]
async fn what_is_completed_is_looked_at_and_what_is_read_cannot_be_changed() {
    let world = World::server(Upstream::tool(plain()).await, BOTH).await;
    let token = world.token("mcp.completion mcp.resources.read");
    let ask = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let complete = json!({"ref": {"type": "ref/prompt", "name": "mail"},
        "argument": {"name": "to", "value": MAIL}, "context": {"arguments": {"cc": MAIL}}});
    let reply = world.post(&token, &ask("completion/complete", complete)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!received(&world).concat().contains(MAIL), "{:?}", received(&world));
    let uri = format!("crm://people/{MAIL}");
    let reply = world.post(&token, &ask("resources/read", json!({"uri": uri}))).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (403, "guard_blocked".to_owned()));
    world.closed_records(2).await;
    assert!(!world.records().iter().any(|record| record.to_string().contains(MAIL)));
}

/// A gateway in front of a REST server.
async fn rest() -> World {
    let upstream = Upstream::answering(|_| json_answer(&json!({"ok": true}))).await;
    let lines = format!("    upstream: http://{}\n    profile: rest\n{BOTH}", upstream.address);
    let setup = Setup {
        server_replaces_upstream: Some(lines),
        public_url: Some("https://gateway.test".to_owned()),
        ..Setup::default()
    };
    World::with(upstream, setup).await
}

async fn send(world: &World, method: &str, target: &str, body: &str) -> Reply {
    let scope = "mcp.memory.read mcp.memory.write mcp.context.read";
    crate::rest::send(world, scope, method, target, body).await
}

#[tokio::test]
async fn parameters_and_bodies_of_the_rest_profile_are_masked_and_subjects_refuse() {
    let world = rest().await;
    let target = "/mcp/memory?user_id=u-17&q=ada.byron%40example.com+x&n=1";
    let reply = send(&world, "GET", target, "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let masked = "/mcp/memory?user_id=u-17&q=a%2A%2A%2A%40%2A%2A%2A.com%20x&n=1";
    assert_eq!(world.upstream.seen()[0].target, masked);

    let body = format!(r#"{{"user_id":"u-17","value":"mail {MAIL}"}}"#);
    let reply = send(&world, "POST", "/mcp/memory", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(received(&world)[1], body.replace(MAIL, "a***@***.com"));

    // The person by whom the call is judged cannot be another for the server.
    for (method, target, body) in [
        ("GET", "/mcp/memory?user_id=ada.byron%40example.com", String::new()),
        ("POST", "/mcp/memory", format!(r#"{{"user_id":"{MAIL}","value":"x"}}"#)),
    ] {
        let reply = send(&world, method, target, &body).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (403, "guard_blocked".to_owned()));
    }
    assert_eq!(world.upstream.seen().len(), 2);
}
