//! How often: limits answer 429 with a way back, and free what they held.

use std::time::Duration;

use sallyport::clock::Clock;

use crate::support::{RESOURCE, Setup, World, call, plain};
use crate::upstream::Upstream;

fn clock() -> Clock {
    Clock::manual(crate::issuer::NOW)
}

async fn world(limits: &str, clock: &Clock) -> World {
    let setup = Setup {
        server: format!("    limits: {limits}\n"),
        clock: Some(clock.clone()),
        ..Setup::default()
    };
    World::with(Upstream::tool(plain()).await, setup).await
}

#[tokio::test]
async fn p41_a_principal_over_its_rate_is_429_and_is_served_again_later() {
    let clock = clock();
    let world = world("{ per_principal: { rate: 2/m, burst: 2 } }", &clock).await;
    let token = world.token("mcp.tools.invoke");
    for _ in 0..2 {
        assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    }
    let reply = world.post(&token, &call("echo")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (429, "rate_limited"));
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert!(reply.header("ratelimit").contains("principal"), "{}", reply.header("ratelimit"));
    assert_eq!(world.upstream.calls("tools/call").len(), 2);
    clock.advance(Duration::from_secs(wait));
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
}

#[tokio::test]
async fn s56_one_principal_does_not_use_up_anothers_share() {
    let clock = clock();
    let world = world("{ per_principal: { rate: 1/m, burst: 1 } }", &clock).await;
    let a = world.token("mcp.tools.invoke");
    let b = world
        .issuer
        .token()
        .audience(RESOURCE)
        .subject("somebody-else")
        .scope("mcp.tools.invoke")
        .sign();
    assert_eq!(world.post(&a, &call("echo")).await.status, 200);
    assert_eq!(world.post(&a, &call("echo")).await.status, 429);
    assert_eq!(world.post(&b, &call("echo")).await.status, 200);
}

#[tokio::test]
async fn p41_a_tool_has_its_own_limit() {
    let clock = clock();
    let world = world("{ per_tool: { \"crm.*\": { rate: 1/m, burst: 1 } } }", &clock).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.post(&token, &call("crm.read")).await.status, 200);
    let reply = world.post(&token, &call("crm.read")).await;
    assert_eq!(reply.status, 429);
    assert!(reply.header("ratelimit-policy").contains("tool"));
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
}

#[tokio::test]
async fn an_address_is_limited_before_its_token_is_looked_at() {
    let clock = clock();
    let setup = Setup {
        top: "limits: { per_address: { rate: 3/m, burst: 3 } }\n".to_owned(),
        clock: Some(clock.clone()),
        ..Setup::default()
    };
    let world = World::with(Upstream::tool(plain()).await, setup).await;
    for _ in 0..3 {
        assert_eq!(world.post("a.b.c", &call("echo")).await.status, 401);
    }
    assert_eq!(world.post("a.b.c", &call("echo")).await.status, 429);
}
