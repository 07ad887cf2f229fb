//! Certificates of the listeners.

use crate::pki::{Use, valid};
use crate::support::{World, close};

async fn with_certificate(names: &[&str], hours: (i64, i64)) -> World {
    let world = World::healthy().await;
    let made = world.pki.issue_with(names, Use::Server, |params| valid(params, hours.0, hours.1));
    world.pki.write("server", &made);
    close(&world.pki.path("server.key"));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_that_expired_fails_and_the_rest_is_looked_at_all_the_same() {
    let world = with_certificate(&["localhost"], (-24 * 30, -72)).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}", seen.text);
    seen.says('✗', "tls-dates", "expired 3 days ago", "renew it");
    seen.line('✓', "upstream-handshake");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_that_does_not_count_yet_fails() {
    let world = with_certificate(&["localhost"], (40, 24 * 90)).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "tls-dates", "not yet valid, for", "check the clock");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_that_ends_within_doctor_expiry_s_is_warned_about() {
    let days = i64::try_from(sallyport::limits::DOCTOR_EXPIRY_S / 86_400).unwrap();
    let world = with_certificate(&["localhost"], (-24 * 60, 24 * (days - 1) + 1)).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "tls-dates", "expires in 13 days", "renew it");
    assert_eq!(world.doctor(&["--strict"]).await.code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_for_another_name_fails_with_the_name_to_put_in() {
    let world = with_certificate(&["other.test"], (-1, 24 * 90)).await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "tls-names", "covers `localhost`; there is other.test", "name `localhost`");
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_whose_authority_nobody_knows_is_warned_about_unless_it_is_named() {
    let world = World::healthy().await;
    let seen = crate::support::doctor(&world.write(), &[]).await;
    assert_eq!(seen.code, 0, "{}", seen.text);
    seen.says('!', "tls-chain", "no authority that this system knows", "--ca FILE");
    world.doctor(&[]).await.line('✓', "tls-chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_in_the_wrong_order_fails() {
    let world = World::healthy().await;
    let other = crate::pki::Pki::new();
    let stranger = std::fs::read_to_string(other.ca_file()).unwrap();
    let own = std::fs::read_to_string(world.pki.ca_file()).unwrap();
    let leaf = std::fs::read_to_string(world.pki.path("server.pem")).unwrap();
    world.pki.write_file("server.pem", format!("{leaf}{stranger}{own}"));
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "tls-chain", "certificate 1 is not signed by certificate 2", "put the server's");
}
