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

#[tokio::test]
async fn reload_names_every_part_that_only_a_restart_can_change_and_keeps_serving() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let token = world.token("mcp.tools.invoke");
    let before = world.yaml("");
    let again = || world.check(&before).unwrap();
    type Change = fn(&mut sallyport::config::Config);
    let each: [(&str, Change); 15] = [
        ("listen (127.0.0.1:0)", |c| c.listeners[0].bind.set_port(1)),
        ("listen (more)", |c| {
            let mut more = c.listeners[0].clone();
            more.name = "more".into();
            c.listeners.push(more);
        }),
        ("admin.listen", |c| c.admin = None),
        ("revocation", |c| c.revocation.file = Some("revoked.jsonl".into())),
        ("redis", |c| {
            let url = "redis://127.0.0.1:1".parse().unwrap();
            c.redis =
                Some(sallyport::config::Redis { url, username: None, password: None, ca: None });
        }),
        ("log", |c| c.log.json = !c.log.json),
        ("audit.dir", |c| c.audit.dir.push("other")),
        ("audit.origin", |c| c.audit.origin = Some("other.test".into())),
        ("audit.signing_key", |c| c.audit.signing_key = Some("other.key".into())),
        ("audit.checkpoint", |c| c.audit.checkpoint_records += 1),
        ("audit.segment", |c| c.audit.segment_bytes += 1),
        ("audit.anchors", |c| c.audit.anchors = vec![sallyport::config::Anchor::Stdout]),
        ("audit.legal_holds", |c| c.audit.legal_holds = Some("holds".into())),
        ("audit.durability", |c| {
            use sallyport::config::Durability;
            c.audit.durability = match c.audit.durability {
                Durability::Durable => Durability::Written,
                Durability::Written => Durability::Durable,
            };
        }),
        ("audit.retention", |c| {
            let older_than = std::time::Duration::from_secs(86_400);
            let name = "short".into();
            let rule = sallyport::config::Retention {
                name,
                older_than,
                kind: None,
                server: None,
                phase: None,
            };
            c.audit.retention.push(rule);
        }),
    ];
    let mut all = again();
    for (name, change) in each {
        let mut config = again();
        change(&mut config);
        change(&mut all);
        let error = world.gateway().reload(config).unwrap_err().to_string();
        assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
        assert_eq!(error.matches('`').count(), 2, "{name} alone: {error}");
    }
    let error = world.gateway().reload(all).unwrap_err().to_string();
    for (name, _) in each.iter().filter(|(name, _)| !name.starts_with("listen")) {
        assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
    }
    assert!(world.gateway().metrics_text().contains("sallyport_config_restart_needed 1"));
    assert_eq!(world.gateway().generation(), 1);
    assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    world.gateway().reload(again()).unwrap();
    assert!(world.gateway().metrics_text().contains("sallyport_config_restart_needed 0"));
}
