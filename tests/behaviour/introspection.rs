//! Opaque tokens through the front door, and what is written down of them.

use std::time::{Duration, Instant};

use sallyport::clock::Clock;
use serde_json::json;

use crate::authority::{Answer, Authority};
use crate::issuer::NOW;
use crate::support::{RESOURCE, Setup, World, call, plain};
use crate::upstream::Upstream;

const TOKEN: &str = "opaque-token-s3cr3t";

fn good() -> Answer {
    let said = json!({"active": true, "sub": "alice", "client_id": "app", "aud": RESOURCE,
                      "scope": "mcp.tools.invoke", "exp": NOW + 600});
    Answer::json(said.to_string())
}

/// A gateway that trusts one more issuer, which has no keys.
async fn world(authority: &Authority, clock: &Clock) -> World {
    let setup = Setup { clock: Some(clock.clone()), ..Setup::default() };
    let world = World::with(Upstream::tool(plain()).await, setup).await;
    world.dir.write("secret", "pw");
    let config = world.check(&yaml(&world, authority, "")).unwrap();
    world.gateway().reload(config).unwrap();
    world
}

fn yaml(world: &World, authority: &Authority, top: &str) -> String {
    let own = format!(
        "    roles_claim: roles\n  - issuer: {}\n    keys: off\n    introspection:\n      client_id: me\n      \
         auth: {{ client_secret_basic: {{ file: secret }} }}\n      grace: 100s\n{top}",
        authority.url()
    );
    world.yaml("").replacen("    roles_claim: roles\n", &own, 1)
}

#[tokio::test]
async fn p30_call_with_an_opaque_token_is_recorded_and_marked_when_it_passes_by_grace() {
    let authority = Authority::start().await;
    authority.says(good());
    let clock = Clock::manual(NOW);
    let world = world(&authority, &clock).await;
    assert_eq!(world.post(TOKEN, &call("echo")).await.status, 200);
    assert_eq!(world.post("unknown", &call("nothing")).await.status, 200);
    authority.stop().await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(world.post(TOKEN, &call("echo")).await.status, 200);
    let refused = world.post("another", &call("echo")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (503, "introspection_unavailable")
    );
    assert_eq!(refused.header("retry-after"), "2");
    world.closed_records(4).await;
    let records = world.records();
    let of = |phase: &str| -> Vec<_> {
        records.iter().filter(|r| r["phase"] == phase).map(|r| r["token_check"].clone()).collect()
    };
    assert_eq!(of("intent"), [json!(null), json!(null), json!("grace")]);
    assert!(records.iter().any(|r| r["user_id"] == "alice" && r["issuer"].is_string()));
    let metrics = world.gateway().metrics_text();
    assert!(metrics.contains(r#"sallyport_authn_total{result="grace",server="crm"} 1"#));
    assert!(metrics.contains(r#"sallyport_authn_total{result="ok",server="crm"} 2"#));
    // S-12: neither the server nor the trail sees the token.
    let trail = format!("{records:?}");
    assert!(!trail.contains(TOKEN));
    assert!(
        world.upstream.seen().iter().all(|seen| !format!("{:?}", seen.headers).contains(TOKEN))
    );
}

#[tokio::test]
async fn time_limit_of_own_requests_changes_by_reload() {
    let authority = Authority::start().await;
    authority.says(good());
    authority.hold();
    let world = world(&authority, &Clock::manual(NOW)).await;
    let config = world.check(&yaml(&world, &authority, "outbound: { timeout: 50ms }\n")).unwrap();
    world.gateway().reload(config).unwrap();
    let began = Instant::now();
    assert_eq!(world.post(TOKEN, &call("echo")).await.code(), "introspection_unavailable");
    assert!(began.elapsed() < Duration::from_millis(sallyport::limits::FETCH_MS));
    authority.release();
    assert_eq!(world.post(TOKEN, &call("echo")).await.status, 200);
}
