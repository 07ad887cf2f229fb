//! Policies through the front door: who may call what, with which arguments, when, and what they
//! see of the answer.

use std::time::Duration;

use sallyport::clock::Clock;
use serde_json::{Value, json};

use crate::support::{RESOURCE, Reply, Setup, World, call, call_with, list_tools, plain};
use crate::upstream::{Upstream, rpc, status};

pub const REFUNDS: &str = r#"
@id("refunds.small")
permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"crm/refund")
when { context.args.amount <= 100 };
@id("refunds.large")
permit (principal in Role::"manager", action == Action::"tools.invoke", resource == Tool::"crm/refund")
when { context.time.weekday <= 5 && context.time.hour >= 9 && context.time.hour < 17 };
@id("reads")
permit (principal in Role::"support", action == Action::"tools.invoke", resource in ToolSet::"reads");
"#;
pub const ENTITIES: &str = "roles: { manager: [support] }\ntool_sets: { reads: [crm/find_*] }\n";
pub const TOOLS: &str = r#"{"tools": [
  {"name": "refund", "inputSchema": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}}},
  {"name": "find_customer", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}},
  {"name": "wipe", "inputSchema": {"type": "object"}}]}"#;
const TOP: &str = "policy: { files: [refunds.cedar], entities: entities.yaml }\n";
const SERVER: &str = "    tool_schemas: tools.json\n";
/// 2026-11-23, a Monday, 12:00 UTC.
pub const NOON: u64 = 1_795_435_200;

pub async fn upstream(result: Value) -> Upstream {
    Upstream::answering(move |seen| {
        let message = seen.json();
        let Some(id) = message.get("id").cloned() else { return status(202) };
        let listed: Value = serde_json::from_str(TOOLS).unwrap();
        match (message["method"].as_str(), message["params"]["name"].as_str()) {
            (Some("initialize"), _) => rpc(&id, &json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "mock", "version": "1"}})),
            (Some("tools/list"), _) => rpc(&id, &listed),
            (Some("tools/call"), Some("refund" | "find_customer" | "wipe")) => rpc(&id, &result),
            _ => crate::upstream::json_answer(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "Unknown tool: the server's own words"}})),
        }
    })
    .await
}

async fn world_of(files: &[(&str, &str)], top: &str, server: &str, result: Value) -> World {
    let setup = Setup {
        top: top.to_owned(),
        server: server.to_owned(),
        clock: Some(Clock::manual(NOON)),
        ..Setup::default()
    };
    World::with_files(upstream(result).await, setup, files).await
}

async fn world() -> World {
    let files = [("refunds.cedar", REFUNDS), ("entities.yaml", ENTITIES), ("tools.json", TOOLS)];
    world_of(&files, TOP, SERVER, plain()).await
}

pub fn token(world: &World, roles: &[&str], scope: &str) -> String {
    let roles: Vec<Value> = roles.iter().map(|role| json!(role)).collect();
    let token = world.issuer.token().audience(RESOURCE).scope(scope).claim("roles", json!(roles));
    let now = world.clock().unix_s();
    token.claim("iat", now).claim("exp", now + 36_000).sign()
}

async fn names(world: &World, token: &str) -> Vec<String> {
    let reply = world.post(token, &list_tools()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let tools = reply.json()["result"]["tools"].clone();
    tools.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
}

async fn refund(world: &World, roles: &[&str], amount: Value) -> Reply {
    let token = token(world, roles, "mcp.tools.invoke");
    world.post(&token, &call_with("refund", &json!({ "amount": amount }))).await
}

#[tokio::test]
async fn refunds_up_to_100_by_support_and_above_by_a_manager_in_working_hours() {
    let world = world().await;
    assert_eq!(refund(&world, &["support"], json!(100)).await.status, 200);
    let refused = refund(&world, &["support"], json!(101)).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "denied"));
    assert_eq!(refund(&world, &["manager"], json!(5000)).await.status, 200);
    world.clock().advance(Duration::from_secs(6 * 3600));
    assert_eq!(refund(&world, &["manager"], json!(5000)).await.status, 403, "after hours");
    assert_eq!(refund(&world, &["manager"], json!(5)).await.status, 200, "as support");
    assert_eq!(refund(&world, &[], json!(5)).await.status, 403);
    assert_eq!(world.upstream.seen().len(), 3);
}

#[tokio::test]
async fn arguments_that_no_policy_can_judge_are_denied_and_recorded() {
    let world = world().await;
    let odd = [json!("5"), json!(null), json!([5]), json!({"a": 5}), json!(5.5), json!(true)];
    for amount in &odd {
        assert_eq!(refund(&world, &["support"], amount.clone()).await.status, 403, "{amount}");
    }
    assert!(world.upstream.seen().is_empty());
    let records = world.closed_records(odd.len()).await;
    for record in records {
        assert_eq!(record["decision"], "deny", "{record}");
        let why = record["policy"]["why"].as_str().unwrap();
        assert!(["policy_failed", "policy_undecidable", "no_policy"].contains(&why), "{record}");
    }
}

#[tokio::test]
async fn lists_show_what_some_call_could_be_allowed_for() {
    let world = world().await;
    let scope = "mcp.tools.invoke";
    assert_eq!(
        names(&world, &token(&world, &["support"], scope)).await,
        ["refund", "find_customer"]
    );
    assert_eq!(names(&world, &token(&world, &["other"], scope)).await, [""; 0]);
    assert_eq!(names(&world, &token(&world, &["support"], "x")).await, [""; 0], "scopes count too");
}

#[tokio::test]
async fn scopes_are_asked_for_only_where_they_would_help() {
    let world = world().await;
    let reply = world.post(&token(&world, &["support"], "x"), &call("find_customer")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "insufficient_scope"));
    let reply = world.post(&token(&world, &["support"], "x"), &call("wipe")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "denied"));
    assert_eq!(reply.header("www-authenticate"), "");
}

#[tokio::test]
async fn records_say_which_policies_decided_on_which_facts() {
    let world = world().await;
    refund(&world, &["manager"], json!(50)).await;
    refund(&world, &["other"], json!(50)).await;
    world.closed_records(2).await;
    let records = world.records();
    let intent = records.iter().find(|r| r["phase"] == "intent").unwrap();
    let policy = &intent["policy"];
    assert_eq!(policy["decision"], "permit", "{intent}");
    assert_eq!(policy["policies"], json!(["refunds.small", "refunds.large"]));
    assert_eq!(policy["set"].as_str().unwrap().len(), 16);
    assert_eq!(intent["policy_input"]["roles"], json!(["manager"]));
    assert_eq!(intent["policy_input"]["now"], NOON);
    let refused = records.iter().find(|r| r["phase"] == "refused").unwrap();
    assert_eq!(refused["policy"]["decision"], "deny", "{refused}");
    assert_eq!(refused["policy"]["why"], "no_policy");
    let metrics = world.gateway().metrics_text();
    let counted = |decision: &str| {
        metrics.contains(&format!(
            "policy_decisions_total{{decision=\"{decision}\",server=\"crm\"}} 1"
        ))
    };
    assert!(counted("permit") && counted("deny"), "{metrics}");
}

const OBLIGATIONS: &str = r#"
@id("slow") @rate("slow") @alert("bulk") @audit("bulk")
permit (principal, action == Action::"tools.invoke", resource == Tool::"crm/find_customer");
@id("approved") @step_up("mcp.approve")
permit (principal, action == Action::"tools.invoke", resource == Tool::"crm/wipe");
@id("recent") @fresh("5m") @redact("strict")
permit (principal, action == Action::"tools.invoke", resource == Tool::"crm/refund");
"#;

#[tokio::test]
async fn obligations_become_limits_challenges_masks_and_alerts() {
    let server = "    limits: { classes: { slow: 2/m } }\n    redact: { classes: { email: mask }, profiles: { strict: { reveal: false } } }\n";
    let person = json!({"content": [{"type": "text", "text": "ada.byron@example.com"}]});
    let world =
        world_of(&[("p.cedar", OBLIGATIONS)], "policy: { files: [p.cedar] }\n", server, person)
            .await;
    let scope = "mcp.tools.invoke pii:email.read";
    let plain = token(&world, &[], scope);
    for expected in [200, 200, 429] {
        assert_eq!(world.post(&plain, &call("find_customer")).await.status, expected);
    }
    assert!(
        world
            .gateway()
            .metrics_text()
            .contains("policy_alerts_total{policy=\"slow\",server=\"crm\"} 3")
    );
    let reply = world.post(&plain, &call("wipe")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "insufficient_scope"));
    assert!(reply.header("www-authenticate").contains("mcp.approve"));
    let approved = token(&world, &[], &format!("{scope} mcp.approve"));
    assert!(world.post(&approved, &call("wipe")).await.text().contains("ada.byron"));

    let reply = world.post(&plain, &call("refund")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "authentication_stale"));
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
    assert!(challenge.contains("max_age=\"300\""), "{challenge}");
    let token = world.issuer.token().audience(RESOURCE).scope(scope);
    let signed_in =
        token.claim("auth_time", NOON - 100).claim("iat", NOON).claim("exp", NOON + 36_000).sign();
    let reply = world.post(&signed_in, &call("refund")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.text().contains("ada.byron"), "the profile reveals nothing");
    world.closed_records(7).await;
    let records = world.records();
    let alerts: Vec<_> = records.iter().filter(|r| r["policy"]["alerts"][0] == "bulk").collect();
    assert!(alerts.len() == 3 && alerts[0]["policy"]["audit"][0] == "bulk", "{alerts:#?}");
}

const REVEAL: &str = r#"
@id("all") permit (principal, action == Action::"tools.invoke", resource);
@id("see") permit (principal in Role::"support", action == Action::"reveal", resource == Class::"email")
when { context has tool && context.tool == Tool::"crm/find_customer" };
@id("never") forbid (principal in Role::"agent", action == Action::"reveal", resource);
"#;

#[tokio::test]
async fn policies_say_who_sees_which_class_in_whose_answer() {
    let person = json!({"content": [{"type": "text", "text": "ada.byron@example.com"}]});
    let top = "policy: { files: [p.cedar] }\n";
    let world = world_of(&[("p.cedar", REVEAL)], top, "", person).await;
    let sees = async |roles: &[&str], scope: &str, tool: &str| {
        let token = token(&world, roles, &format!("mcp.tools.invoke {scope}"));
        world.post(&token, &call(tool)).await.text().contains("ada.byron")
    };
    assert!(sees(&["support"], "", "find_customer").await);
    assert!(!sees(&["support"], "", "refund").await, "of another tool");
    assert!(!sees(&[], "", "find_customer").await);
    assert!(sees(&[], "pii:email.read", "refund").await, "scopes reveal by default");
    assert!(!sees(&["agent"], "pii:email.read", "refund").await, "a forbid outweighs them");
}

const HIDDEN: &str = r#"
permit (principal, action == Action::"tools.invoke", resource);
@denial("hidden") forbid (principal, action == Action::"tools.invoke", resource == Tool::"crm/wipe");
@denial("honest") @reason("refunds are closed on Mondays")
forbid (principal, action == Action::"tools.invoke", resource == Tool::"crm/refund");
"#;

#[tokio::test]
async fn hidden_tool_cannot_be_told_from_one_that_does_not_exist() {
    let server = "    limits: { per_principal: { rate: 6/m, burst: 6 } }\n";
    let top = "policy: { files: [p.cedar] }\n";
    let told = async |tool: &str| {
        let world = world_of(&[("p.cedar", HIDDEN)], top, server, plain()).await;
        let token = token(&world, &[], "mcp.tools.invoke");
        let mut all = Vec::new();
        for _ in 0..8 {
            let reply = world.post(&token, &call(tool)).await;
            let mut json = reply.json();
            json["error"]["data"]["request_id"] = Value::Null;
            all.push((reply.status, json, reply.headers.len()));
        }
        let reached =
            world.upstream.seen().iter().filter(|s| s.json()["method"] == "tools/call").count();
        (all, reached)
    };
    let hidden = told("wipe").await;
    assert_eq!(hidden, told("no_such_tool").await);
    assert_eq!((hidden.0[0].0.as_u16(), hidden.1), (400, 0));
    assert_eq!(hidden.0[0].1["error"]["code"], -32602);
    assert_eq!(hidden.0[7].0.as_u16(), 429, "it costs as much");

    let world = world_of(&[("p.cedar", HIDDEN)], top, "", plain()).await;
    let token = token(&world, &[], "mcp.tools.invoke");
    let honest = world.post(&token, &call("refund")).await;
    assert_eq!((honest.status.as_u16(), honest.code().as_str()), (403, "denied"));
    assert_eq!(honest.json()["error"]["data"]["reason"], "refunds are closed on Mondays");
    assert_eq!(names(&world, &token).await, ["find_customer"]);
}

#[tokio::test]
async fn candidates_are_asked_and_never_decide() {
    let candidate = "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/wipe\");\npermit (principal, action == Action::\"reveal\", resource == Class::\"email\");";
    let top = "policy: { files: [p.cedar], shadow: { files: [next.cedar] } }\n";
    let person = json!({"content": [{"type": "text", "text": "ada.byron@example.com"}]});
    let live =
        "permit (principal, action == Action::\"tools.invoke\", resource == Tool::\"crm/refund\");";
    let world = world_of(&[("p.cedar", live), ("next.cedar", candidate)], top, "", person).await;
    let token = token(&world, &[], "mcp.tools.invoke");
    let reply = world.post(&token, &call("refund")).await;
    assert!(reply.status == 200 && !reply.text().contains("ada.byron"), "{}", reply.text());
    assert_eq!(world.post(&token, &call("wipe")).await.status, 403);
    assert_eq!(names(&world, &token).await, ["refund"]);
    world.closed_records(3).await;
    let records = world.records();
    let intent =
        records.iter().find(|r| r["phase"] == "intent" && r["resource"] == "refund").unwrap();
    assert_eq!(intent["policy"]["shadow"]["decision"], "deny", "{intent}");
    let done = records.iter().find(|r| r["shadow_revealed"].is_object()).unwrap();
    assert_eq!(done["shadow_revealed"]["email"], 1);
    let refused = records.iter().find(|r| r["phase"] == "refused").unwrap();
    assert_eq!(refused["policy"]["shadow"]["decision"], "permit");
    let metrics = world.gateway().metrics_text();
    for line in [
        "shadow_decisions_total{live=\"permit\",server=\"crm\",shadow=\"deny\"} 1",
        "shadow_decisions_total{live=\"deny\",server=\"crm\",shadow=\"permit\"} 1",
        "shadow_values_total{change=\"revealed\",server=\"crm\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_policy_that_breaks_or_disappears_leaves_the_last_good_set_serving() {
    let world = world().await;
    let yaml = world.yaml(SERVER);
    world.dir.write("refunds.cedar", "permit (principal, action, resource) when { context.arg };");
    let problems = world.check(&yaml).unwrap_err();
    assert!(problems.contains("refunds.cedar:1:") && problems.contains("help:"), "{problems}");
    std::fs::remove_file(world.dir.path().join("refunds.cedar")).unwrap();
    assert!(world.check(&yaml).unwrap_err().contains("refunds.cedar"));
    assert_eq!(refund(&world, &["support"], json!(1)).await.status, 200);
    world.dir.write("refunds.cedar", "forbid (principal, action, resource);");
    let before = world.records().len();
    world.gateway().reload(world.check(&yaml).unwrap()).unwrap();
    assert_eq!(refund(&world, &["support"], json!(1)).await.status, 403);
    world.closed_records(2).await;
    let records = world.records();
    let sets: Vec<_> = records.iter().filter_map(|r| r["policy"]["set"].as_str()).collect();
    assert!(before > 0 && sets.len() == 2 && sets[0] != sets[1], "{records:#?}");
}

#[tokio::test]
async fn roles_in_yaml_govern_without_any_policy_file() {
    let server = "    roles: { support: { tools: [\"find_*\"] } }\n";
    let world = world_of(&[], "", server, plain()).await;
    let support = token(&world, &["support"], "mcp.tools.invoke");
    assert_eq!(world.post(&support, &call("find_customer")).await.status, 200);
    assert_eq!(world.post(&support, &call("refund")).await.status, 403);
    assert_eq!(names(&world, &support).await, ["find_customer"]);
    let other = token(&world, &["x"], "mcp.tools.invoke");
    assert_eq!(world.post(&other, &call("find_customer")).await.status, 403);
}
