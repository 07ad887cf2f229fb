//! Selective context: callers name what they want and see of it what they may, whatever the server
//! sends.

use http_body_util::Full;
use sallyport::clock::Clock;
use serde_json::{Value, json};

use crate::policies::{NOON, token as tool_token};
use crate::support::{HOST, RESOURCE, Reply, Setup, World, call_with};
use crate::upstream::{Upstream, json_answer, rpc};

fn everything() -> Value {
    json!({
        "version": 3,
        "internal": {"host": "db-7"},
        "context": {
            "session": {"chathistory": ["hello"], "prefs": {"lang": "en"}},
            "user": {"profile": {"name": "Ada"}, "paymentinfo": {"card": "on file"}},
            "tenant": {"plan": "gold"},
        },
    })
}

const REST: &str = "    profile: rest\n    views:\n      - { action: context.read, namespaces: {}, at: [/context], beside: [/version] }\n";
const NAMESPACES: &str = "    namespaces:\n      - { match: \"user.paymentinfo*\", scopes: [pay:read] }\n      - { match: user }\n      - { match: \"session.*\" }\n";

async fn rest(extra: &str, top: &str, files: &[(&str, &str)]) -> World {
    rest_with(REST, extra, top, files).await
}

async fn rest_with(rest: &str, extra: &str, top: &str, files: &[(&str, &str)]) -> World {
    let upstream = Upstream::answering(|_| json_answer(&everything())).await;
    let lines = format!("    upstream: http://{}\n{rest}{extra}", upstream.address);
    let setup = Setup {
        server_replaces_upstream: Some(lines),
        public_url: Some("https://gateway.test".to_owned()),
        top: top.to_owned(),
        clock: Some(Clock::manual(NOON)),
        ..Setup::default()
    };
    World::with_files(upstream, setup, files).await
}

async fn read(world: &World, scope: &str, roles: &[&str], query: &str) -> Reply {
    let roles: Vec<Value> = roles.iter().map(|role| json!(role)).collect();
    let token = world.issuer.token().audience("https://gateway.test").scope(scope);
    let token =
        token.claim("roles", json!(roles)).claim("iat", NOON).claim("exp", NOON + 3600).sign();
    let request = http::Request::get(format!("/mcp/context{query}"))
        .header("host", HOST)
        .header("authorization", format!("Bearer {token}"));
    world.send(request.body(Full::default()).unwrap()).await
}

const READ: &str = "mcp.context.read";

#[tokio::test]
async fn caller_gets_the_intersection_of_what_is_wanted_and_what_is_allowed() {
    let world = rest(NAMESPACES, "", &[]).await;
    let all = read(&world, READ, &[], "?namespace=session,user").await;
    assert_eq!(all.status, 200, "{}", all.text());
    let user = json!({"profile": {"name": "Ada"}});
    let session = json!({"chathistory": ["hello"], "prefs": {"lang": "en"}});
    assert_eq!(all.json(), json!({"version": 3, "context": {"session": session, "user": user}}));
    let one = read(&world, READ, &[], "?namespace=session.chathistory").await;
    assert_eq!(
        one.json(),
        json!({"version": 3, "context": {"session": {"chathistory": ["hello"]}}})
    );
    let paid = read(&world, &format!("{READ} pay:read"), &[], "?namespace=user.paymentinfo").await;
    let card = json!({"paymentinfo": {"card": "on file"}});
    assert_eq!(paid.json(), json!({"version": 3, "context": {"user": card}}));
}

#[tokio::test]
async fn view_without_namespaces_leaves_the_rules_on_them_to_decide() {
    let manager = "      - { action: context.read, roles: [manager], allow: [\"/**\"] }\n";
    let lines = REST.replacen("    views:\n", &format!("    views:\n{manager}"), 1);
    let world = rest_with(&lines, NAMESPACES, "", &[]).await;
    for (query, code) in
        [("?namespace=tenant", "denied"), ("?namespace=user.paymentinfo", "insufficient_scope")]
    {
        let reply = read(&world, READ, &["manager"], query).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, code), "{query}");
    }
    assert!(world.upstream.seen().is_empty());
    let allowed = read(&world, READ, &["manager"], "?namespace=user").await;
    assert_eq!((allowed.status.as_u16(), allowed.json()), (200, everything()));
}

#[tokio::test]
async fn what_is_not_allowed_at_all_is_refused_before_the_server_is_asked() {
    let world = rest(NAMESPACES, "", &[]).await;
    for query in ["?namespace=tenant", "?namespace=user.paymentinfo", "?namespace=tenant,nothing"] {
        let reply = read(&world, READ, &[], query).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "denied"), "{query}");
    }
    for query in ["?namespace=a..b", "?namespace=a,,b"] {
        assert_eq!(read(&world, READ, &[], query).await.status, 400, "{query}");
    }
    let reply = read(&world, "other", &[], "?namespace=session").await;
    assert_eq!(reply.code(), "insufficient_scope");
    assert!(world.upstream.seen().is_empty());
}

const POLICY: &str = r#"
permit (principal in Role::"bot", action == Action::"context.read", resource in Namespace::"crm/session");
permit (principal in Role::"bot", action == Action::"context.read", resource in Namespace::"crm/user");
forbid (principal, action == Action::"context.read", resource in Namespace::"crm/user.paymentinfo")
unless { principal in Role::"billing" };
"#;

#[tokio::test]
async fn policies_decide_by_the_hierarchy_of_namespaces() {
    let world = rest("", "policy: { files: [p.cedar] }\n", &[("p.cedar", POLICY)]).await;
    let bot = read(&world, READ, &["bot"], "?namespace=user").await;
    assert_eq!(
        bot.json()["context"],
        json!({"user": {"profile": {"name": "Ada"}}}),
        "{}",
        bot.text()
    );
    let billing = read(&world, READ, &["bot", "billing"], "?namespace=user").await;
    assert_eq!(billing.json()["context"]["user"], everything()["context"]["user"]);
    assert_eq!(read(&world, READ, &["other"], "?namespace=user").await.status, 403);
}

const TOOL: &str = r#"    scopes: { tools.invoke: [] }
    namespaces:
      - { match: "session.*" }
      - { match: "user.profile*" }
    views:
      - { tool: get_context, namespaces: { wanted: /want }, at: [/context] }
      - { tool: find_customer, roles: [manager], allow: ["/**"], items_max: 2 }
      - { tool: find_customer, roles: [support], allow: ["/customers/*/{id,name}"], items_max: 1 }
"#;

async fn tools() -> World {
    let upstream = Upstream::answering(|seen| {
        let message = seen.json();
        let data = match message["params"]["name"].as_str() {
            Some("get_context") => everything(),
            _ => json!({"customers": [
                {"id": 1, "name": "Ada", "debt": 5}, {"id": 2, "name": "Bob", "debt": 6},
                {"id": 3, "name": "Cy", "debt": 7}], "secret": true}),
        };
        let text = json!({"type": "text", "text": data.to_string()});
        let prose = json!({"type": "text", "text": "Ada owes 5"});
        rpc(&message["id"], &json!({"content": [text, prose], "structuredContent": data}))
    })
    .await;
    let setup =
        Setup { server: TOOL.to_owned(), clock: Some(Clock::manual(NOON)), ..Setup::default() };
    World::with(upstream, setup).await
}

async fn ask(world: &World, roles: &[&str], tool: &str, arguments: &Value) -> Reply {
    world.post(&tool_token(world, roles, ""), &call_with(tool, arguments)).await
}

/// Both copies, which have to be the same.
fn data(reply: &Reply) -> Value {
    let result = &reply.json()["result"];
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"], "{}", reply.text());
    assert_eq!(result["content"][1]["text"], "[withheld]");
    text
}

#[tokio::test]
async fn tool_answers_are_cut_in_every_copy() {
    let world = tools().await;
    let reply = ask(&world, &[], "get_context", &json!({"want": ["session.prefs", "user"]})).await;
    let expected =
        json!({"session": {"prefs": {"lang": "en"}}, "user": {"profile": {"name": "Ada"}}});
    assert_eq!(data(&reply), json!({ "context": expected }));
    let support = ask(&world, &["support"], "find_customer", &json!({})).await;
    // The name of a customer is masked on top of it.
    assert_eq!(data(&support), json!({"customers": [{"id": 1, "name": "A***"}]}));
    let manager = data(&ask(&world, &["manager"], "find_customer", &json!({})).await);
    assert_eq!(manager["customers"].as_array().unwrap().len(), 2);
    assert_eq!(manager["secret"], true);
}

#[tokio::test]
async fn caller_whom_no_view_fits_gets_nothing() {
    let world = tools().await;
    let reply = ask(&world, &["other"], "find_customer", &json!({})).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "denied"));
    let reply = ask(&world, &[], "get_context", &json!({"want": 5})).await;
    assert_eq!(reply.status, 400);
    assert!(world.upstream.seen().is_empty());
    assert_eq!(RESOURCE, "https://gateway.test/mcp");
}

#[tokio::test]
async fn views_that_can_have_no_effect_are_refused() {
    let world = tools().await;
    for (lines, says) in [
        ("      - { tool: a }\n", "shows everything"),
        ("      - { allow: [/a] }\n", "about nothing"),
        ("      - { tool: a, action: context.read, allow: [/a] }\n", "not both"),
        ("      - { action: context.read, allow: [/a] }\n", "REST"),
        ("      - { tool: a, allow: [a] }\n", "expected `/`"),
        ("      - { tool: a, allow: [/a], beside: [/b] }\n", "no effect without `at`"),
        (
            "      - { tool: \"a*\", allow: [/a] }\n      - { tool: ab, allow: [/a] }\n",
            "never used",
        ),
        ("      - { tool: a, namespaces: { wanted: x } }\n", "JSON pointer"),
    ] {
        let problems = world.check(&world.yaml(&format!("    views:\n{lines}"))).unwrap_err();
        assert!(problems.contains(says), "{lines}\n{problems}");
    }
}
