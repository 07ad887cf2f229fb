//! What operators see: health, readiness, metrics, drain.

use std::time::Duration;

use crate::support::{World, call, list_tools, plain, post};
use crate::upstream::Upstream;

#[tokio::test]
async fn health_readiness_and_metrics_answer_on_their_own_listener() {
    let world = World::new(Upstream::tool(plain()).await).await;
    assert_eq!(world.admin("/healthz").await.0, 200);
    assert_eq!(world.admin("/readyz").await.0, 200);
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call("echo")).await;
    world.send(post(None, list_tools().to_string())).await;
    world.closed_records(2).await;
    let (status, text) = world.admin("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "sallyport_requests_total{action=\"tools.invoke\",decision=\"allow\",server=\"crm\"} 1",
        "sallyport_requests_total{action=\"_none\",decision=\"token_missing\",server=\"crm\"} 1",
        "sallyport_authn_total{result=\"ok\",server=\"crm\"} 1",
        "sallyport_authn_total{result=\"missing\",server=\"crm\"} 1",
        "sallyport_audit_healthy 1",
        "sallyport_config_generation 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for name in [
        "stage_duration_seconds",
        "request_duration_seconds",
        "tls_certificate_not_after",
        "audit_queue_depth",
    ] {
        assert!(text.contains(&format!("sallyport_{name}")), "{name}");
    }
    assert_eq!(world.admin("/mcp").await.0, 404);
}

#[tokio::test]
async fn a_caller_cannot_make_metric_labels() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call("echo")).await;
    world.closed_records(1).await;
    let before = world.gateway().metrics_text().lines().count();
    for n in 0..50 {
        world.post(&token, &call(&format!("random-tool-{n}"))).await;
    }
    world.closed_records(51).await;
    let text = world.gateway().metrics_text();
    assert!(!text.contains("random-tool"));
    assert!(text.lines().count() <= before + 5, "{before} -> {}", text.lines().count());
}

#[tokio::test]
async fn stopping_lets_open_exchanges_finish_and_flushes_the_trail() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    for _ in 0..3 {
        assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    }
    let report = tokio::time::timeout(Duration::from_secs(20), world.finish()).await.unwrap();
    assert_eq!((report.exit_code(), report.completions), (0, 3), "{report}");
    assert!(report.open_intents.is_empty());
}
