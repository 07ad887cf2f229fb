//! A new configuration serves whole or not at all.

use crate::support::{World, call, plain};
use crate::upstream::Upstream;

#[tokio::test]
async fn s66_a_reload_changes_what_is_allowed_and_a_bad_one_changes_nothing() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    assert_eq!(world.gateway().generation(), 1);
    let stricter = world.check(&world.yaml("    tools: [ { match: \"crm.*\" } ]\n")).unwrap();
    world.gateway().reload(stricter).unwrap();
    assert_eq!(world.gateway().generation(), 2);
    assert_eq!(world.post(&token, &call("echo")).await.status, 403);
    assert_eq!(world.post(&token, &call("crm.read")).await.status, 200);
    let problems = world.check(&world.yaml("    toools: []\n")).unwrap_err();
    assert!(problems.contains("toools") && problems.contains("tools"), "{problems}");
    let broken = world.check(&world.yaml("")).unwrap();
    world.dir.write("tls.pem", "not a certificate");
    assert!(world.gateway().reload(broken).is_err());
    assert_eq!(world.gateway().generation(), 2);
    assert_eq!(world.post(&token, &call("crm.read")).await.status, 200);
    assert!(world.gateway().metrics_text().contains("sallyport_config_last_reload_successful 0"));
}

#[tokio::test]
async fn sessions_and_rate_limits_survive_a_reload_that_does_not_touch_them() {
    let lines = "    limits: { per_principal: { rate: 3/m, burst: 3 } }\n";
    let world = World::server(Upstream::tool(plain()).await, lines).await;
    let token = world.token("mcp.tools.invoke");
    let reply = world.post(&token, &crate::support::initialize()).await;
    let sealed = reply.header("mcp-session-id").to_owned();
    world.gateway().reload(world.check(&world.yaml(lines)).unwrap()).unwrap();
    let request = crate::support::with_header(
        crate::support::post(Some(&token), call("echo").to_string()),
        "mcp-session-id",
        &sealed,
    );
    assert_eq!(world.send(request).await.status, 200);
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    assert_eq!(world.post(&token, &call("echo")).await.status, 429);
}
