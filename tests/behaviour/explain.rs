//! What the trail says of a decision is enough to ask for it again, and to say why.

use std::process::Command;

use sallyport::policy::given::Given;
use serde_json::{Value, json};

use crate::support::{Setup, World, call_with, plain};
use crate::upstream::Upstream;

const POLICIES: &str = r#"
@id("small") permit (principal is User, action == Action::"tools.invoke", resource == Tool::"crm/echo")
when { context.args has amount && context.args.amount <= 100 && context.connection.tls };
@id("elsewhere") forbid (principal, action == Action::"tools.invoke", resource is Tool)
unless { context has client && context.client.networks.contains("here") };
"#;

async fn world() -> World {
    let setup = Setup {
        top: "policy: { files: [a.cedar], networks: { here: [127.0.0.0/8] } }\n".into(),
        ..Setup::default()
    };
    World::with_files(Upstream::tool(plain()).await, setup, &[("a.cedar", POLICIES)]).await
}

fn explained(world: &World, id: &str) -> (Option<i32>, String) {
    world.dir.write("sallyport.yaml", &world.yaml(""));
    let out = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["policy", "explain", "--config", "sallyport.yaml", "--audit", "audit", id])
        .current_dir(world.dir.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), format!("{}{}", text(&out.stdout), text(&out.stderr)))
}

#[tokio::test]
async fn recorded_calls_are_asked_again_and_answered_alike() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    for arguments in [json!({"amount": 5}), json!({"amount": 500}), json!({"amount": "5"})] {
        world.post(&token, &call_with("echo", &arguments)).await;
    }
    world.closed_records(3).await;
    let config = world.check(&world.yaml("")).unwrap();
    let governance = config.servers[0].policy.clone().unwrap();
    let judged: Vec<Value> = world.records();
    let judged: Vec<&Value> = judged.iter().filter(|r| !r["policy"].is_null()).collect();
    let decisions: Vec<&str> =
        judged.iter().map(|r| r["policy"]["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["permit", "deny", "deny"]);
    for record in judged {
        let (given, exactness) = Given::of_record(record).unwrap();
        assert!(exactness.is_exact(), "{record}");
        let verdict = given.ask(&governance.live);
        assert_eq!(record["policy"]["decision"], verdict.name(), "{record}");
        assert_eq!(record["policy"]["why"].as_str(), verdict.why(), "{record}");
        let id = record["request_id"].as_str().unwrap();
        let (code, text) = explained(&world, id);
        assert_eq!(code, Some(0), "{text}");
        let says = format!("the present policies say\n{}", verdict.name());
        assert!(text.contains(&says) && text.contains("by the gateway"), "{text}");
    }
}

#[tokio::test]
async fn recorded_denial_is_explained_by_the_argument_that_was_too_large() {
    let world = world().await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call_with("echo", &json!({"amount": 500}))).await;
    let closed = world.closed_records(1).await;
    let (code, text) = explained(&world, closed[0]["request_id"].as_str().unwrap());
    assert_eq!(code, Some(0), "{text}");
    for says in ["deny (no_policy) by the policies", "`small`", "context.args.amount = 500"] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    let (code, text) = explained(&world, "no-such-request");
    assert_eq!(code, Some(1));
    assert!(text.contains("no record of request `no-such-request`"), "{text}");
}
