//! Every exchange leaves its record, and no call goes without one.

use std::time::Duration;

use sallyport::audit;
use sallyport::clock::Clock;
use serde_json::json;

use crate::support::{World, call, call_with, list_tools, plain, post, with_header};
use crate::upstream::Upstream;

#[tokio::test]
async fn p47_an_allowed_call_leaves_an_intent_and_a_completion_with_every_seed_field() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call_with("echo", &json!({"q": "weather"}))).await;
    world.closed_records(1).await;
    let records = world.records();
    let intent = records.iter().find(|r| r["phase"] == "intent").unwrap();
    let done = records.iter().find(|r| r["phase"] == "completion").unwrap();
    assert_eq!(intent["request_id"], done["request_id"]);
    assert!(intent["seq"].as_u64() < done["seq"].as_u64());
    for field in [
        "timestamp",
        "client",
        "operation",
        "resource",
        "user_id",
        "params",
        "decision",
        "client_ip",
        "issuer",
    ] {
        assert!(!intent[field].is_null(), "intent lacks {field}: {intent}");
    }
    assert_eq!(
        (intent["operation"].as_str(), intent["resource"].as_str()),
        (Some("tools/call"), Some("echo"))
    );
    assert_eq!(intent["params"]["q"], "weather");
    for field in [
        "timestamp",
        "client",
        "operation",
        "resource",
        "user_id",
        "status_code",
        "latency_ms",
        "bytes_out",
        "end",
    ] {
        assert!(!done[field].is_null(), "completion lacks {field}: {done}");
    }
    assert_eq!(done["status_code"], 200);
    let report = world.finish().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!((report.intents, report.completions), (1, 1));
}

#[tokio::test]
async fn p47_every_refusal_leaves_one_record_with_its_reason() {
    let world = World::server(
        Upstream::tool(plain()).await,
        "    tools: [ { match: echo, scopes: [extra] } ]\n",
    )
    .await;
    let token = world.token("mcp.tools.invoke");
    world.send(post(None, list_tools().to_string())).await;
    world.post("a.b.c", &list_tools()).await;
    world.post(&token, &call("echo")).await;
    world.post(&token, &call("other")).await;
    world.send(post(Some(&token), "not json")).await;
    let closed = world.closed_records(5).await;
    let codes: Vec<&str> = closed.iter().map(|r| r["code"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        ["token_missing", "token_invalid", "insufficient_scope", "denied", "json_invalid"]
    );
    for record in &closed {
        assert_eq!(record["decision"], "deny");
        assert_eq!(record["phase"], "refused");
        assert!(!record["reason"].as_str().unwrap().is_empty(), "{record}");
    }
    let report = world.finish().await;
    assert_eq!((report.exit_code(), report.refusals), (0, 5), "{report}");
}

#[tokio::test]
async fn s60_p47_when_the_record_cannot_be_written_nothing_is_forwarded_and_readiness_goes_red() {
    // A directory that takes no byte more: the smallest file system that mount(8) makes.
    let Some(full) = crate::support::FullDisk::mount() else {
        // Without the right to mount, the same promise is kept by the fault injector's tests in
        // `src/audit/tests`; say so rather than pass in silence.
        eprintln!(
            "no right to mount a small file system: the disk-full test ran on the injector only"
        );
        return;
    };
    let setup =
        crate::support::Setup { audit_dir: Some(full.path().to_owned()), ..Default::default() };
    let world = World::with(Upstream::tool(plain()).await, setup).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    let before = world.upstream.calls("tools/call").len();
    full.fill();
    // The last page of the log still has room for a few records.
    let mut served = 0;
    while world.post(&token, &call("echo")).await.status == 200 {
        served += 1;
        assert!(served < 20, "a full disk takes no more records");
    }
    for _ in 0..5 {
        let reply = world.post(&token, &call("echo")).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "audit_unavailable"));
        assert!(!reply.header("retry-after").is_empty());
    }
    assert_eq!(world.upstream.calls("tools/call").len(), before + served);
    assert_eq!(world.admin("/readyz").await.0, 503);
    full.empty();
    let mut recovered = false;
    for _ in 0..100 {
        recovered = world.post(&token, &call("echo")).await.status == 200;
        if recovered {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(recovered, "the gateway recovers without a restart");
    assert_eq!(world.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn records_name_the_caller_s_trace_and_the_time_of_every_stage() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let message = call("echo").to_string();
    let bytes = message.len();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    world.send(with_header(post(Some(&token), message), "traceparent", &parent)).await;
    world.send(with_header(post(None, "{}"), "traceparent", "not a trace")).await;
    let closed = world.closed_records(2).await;
    let intent = world.records().into_iter().find(|r| r["phase"] == "intent").unwrap();
    assert_eq!((&intent["trace_id"], &closed[0]["trace_id"]), (&json!(TRACE), &json!(TRACE)));
    assert_eq!((&intent["bytes_in"], &intent["generation"]), (&json!(bytes), &json!(1)));
    let stages = closed[0]["stages_ms"].as_object().unwrap();
    let sum: f64 = stages.values().filter_map(serde_json::Value::as_f64).sum();
    assert!(stages.contains_key("upstream") && stages.contains_key("record"), "{stages:?}");
    assert!(sum <= closed[0]["latency_ms"].as_f64().unwrap() + 0.02, "{}", closed[0]);
    assert!(closed[1]["trace_id"].is_null(), "{}", closed[1]);
    assert!(closed[1]["stages_ms"]["upstream"].is_null(), "{}", closed[1]);
}

#[tokio::test]
async fn every_record_of_a_call_names_the_gateway_that_wrote_it() {
    let top = "gateway: { id: gw-7, pod: notes-5d9f-x2, namespace: team-a, node: node-1 }\n";
    let setup = crate::support::Setup { top: top.into(), ..Default::default() };
    let world = World::with(Upstream::tool(plain()).await, setup).await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call("echo")).await;
    world.post("a.b.c", &call("echo")).await;
    world.closed_records(2).await;
    let records = world.records();
    let phases: Vec<&str> = records.iter().filter_map(|r| r["phase"].as_str()).collect();
    assert_eq!(phases.len(), 3, "an intent, a completion, a refusal: {phases:?}");
    for record in records.iter().filter(|record| record["kind"] == "call") {
        let named = json!({
            "id": "gw-7", "pod": "notes-5d9f-x2", "namespace": "team-a", "node": "node-1"
        });
        assert_eq!(record["gateway"], named, "{record}");
    }
}

/// Every byte of every file of a trail. A file that a purge renames over another while they are
/// read is read under that name.
fn all_bytes(dir: &std::path::Path) -> Vec<u8> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |file| match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.unwrap(),
    };
    files.flat_map(read).collect()
}

#[tokio::test]
async fn what_need_not_be_kept_any_more_is_gone_and_the_trail_still_verifies() {
    let setup = crate::support::Setup {
        clock: Some(Clock::manual(crate::issuer::NOW)),
        audit: ", segment: { size: 64KiB }, checkpoint: { interval: 20ms }, \
                retention: [{ name: calls-90d, older_than: 90d, kind: call, server: crm }]"
            .to_owned(),
        ..Default::default()
    };
    let mut world = World::with(Upstream::tool(plain()).await, setup).await;
    let token = world.token("mcp.tools.invoke");
    for n in 0..40 {
        let q = format!("planted-{n}-{}", "weather ".repeat(400));
        world.post(&token, &call_with("echo", &json!({ "q": q }))).await;
    }
    let dir = world.audit_dir();
    let planted = |text: &str| memchr::memmem::find(&all_bytes(&dir), text.as_bytes()).is_some();
    world.restart().await;
    let kept = audit::verify(&dir, &audit::Trust::default(), |_| {}).unwrap();
    assert_eq!((kept.purged, planted("planted-0-")), (0, true), "{kept}");
    assert!(kept.segments > 2, "{kept}");

    world.clock().advance(Duration::from_secs(100 * 86_400));
    world.restart().await;
    for _ in 0..500 {
        // The first two segments are finished whatever the length of a record.
        if !planted("planted-0-") && !planted("planted-15-") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!planted("planted-0-") && !planted("planted-15-"));
    assert!(planted("planted-39-"), "the present segment is not finished");
    let report = world.finish().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(report.purged > 20, "{report}");
    let text = report.to_string();
    assert!(text.contains("rule `calls-90d`") && text.contains("asked by retention"), "{text}");
}
