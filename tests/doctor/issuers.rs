//! Issuers.

use crate::support::{World, issuing, mcp};
use crate::upstream::{Upstream, status};

async fn with(authority: Upstream) -> World {
    World::with(Upstream::answering(mcp).await, authority).await
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_whose_metadata_names_another_fails() {
    let world = with(issuing(Some("http://127.0.0.1:1/"), 0).await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "issuer-metadata", "names another issuer", "exactly as its metadata does");
    seen.says('✗', "issuer-keys", "names another issuer", "curl");
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_whose_clock_is_ten_minutes_off_fails_and_ten_seconds_are_warned_about() {
    let world = with(issuing(None, -600).await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "issuer-clock", "s behind this machine's; tokens are accepted up to", "NTP");
    let world = with(issuing(None, 10).await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "issuer-clock", "s ahead of this machine's", "NTP");
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_that_nobody_reaches_fails() {
    let world = with(Upstream::dead().await).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "issuer-metadata", "no connection", "curl");
    seen.says('✗', "issuer-keys", "no connection", "curl");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_set_without_a_key_for_the_configured_algorithm_fails() {
    let mut world = World::healthy().await;
    world.issuer = world.issuer.replace("ES256", "RS256");
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "issuer-keys", "none of its 1 key(s) is for RS256", "`algorithms`");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_only_clients_need_is_warned_about() {
    let authority = Upstream::answering(|_| status(404)).await;
    let mut world = with(authority).await;
    world.pki.write_file("jwks.json", r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#);
    world.issuer = world.issuer.replace("algorithms", "keys: { file: jwks.json }, algorithms");
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    seen.says('!', "issuer-metadata", "status 404", "curl");
    seen.line('✓', "issuer-keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_that_refuses_the_gateway_fails_and_no_secret_is_shown() {
    for (secret, code, mark) in [("right", 0, '✓'), ("wrong-secret", 1, '✗')] {
        let mut world = World::healthy().await;
        world.pki.write_file("client.secret", secret);
        crate::support::close(&world.pki.path("client.secret"));
        let asks = "introspection: { client_id: gateway, auth: { client_secret_basic: { file: client.secret } } }";
        world.issuer = world.issuer.replace("algorithms", &format!("{asks}, algorithms"));
        let seen = world.doctor(&[]).await;
        assert_eq!(seen.code, code, "{}\n{}", seen.text, seen.talk);
        seen.line(mark, "issuer-introspection");
        assert!(!seen.text.contains(secret) || secret == "right", "{}", seen.text);
        if code == 1 {
            seen.says('✗', "issuer-introspection", "status 401", "its id, its secret");
        }
    }
}
