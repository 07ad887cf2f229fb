//! The official conformance suite of MCP, through the gateway: TLS, tokens, scopes, masking and
//! the audit trail on, and not one failure allowed.
//!
//! The suite and a Node that is new enough for it are installed by `tests/peers/install`;
//! `tests/run` does that and runs these. The server behind is [`fixture`], on crate `rmcp`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[cfg(test)]
#[path = "conformance/fixture/mod.rs"]
mod fixture;
#[cfg(test)]
#[path = "support/issuer.rs"]
mod issuer;
#[cfg(test)]
#[path = "support/pki.rs"]
mod pki;
#[cfg(test)]
#[path = "conformance/site.rs"]
mod site;
#[cfg(test)]
#[path = "conformance/suite.rs"]
mod suite;

use site::Site;
use suite::{Revision, assert_whole, run};

/// If this fails, no other failure here says anything about the gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the conformance suite from npm: tests/run installs it"]
async fn the_fixture_itself_fails_no_check() {
    let url = site::fixture().await;
    let (old, new) = tokio::join!(
        run(Revision::Legacy, &url, "nobody looks at it"),
        run(Revision::Modern, &url, "nobody looks at it")
    );
    assert_whole("fixture", &[old, new]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the conformance suite from npm: tests/run installs it"]
async fn p49_both_requirement_sets_pass_through_the_gateway_with_tls_and_tokens() {
    let site = Site::start().await;
    assert_eq!(site.status_without_token().await, 401, "the gateway must ask for a token");
    let token = site.token();
    let (old, new) = tokio::join!(
        run(Revision::Legacy, &site.url, &token),
        run(Revision::Modern, &site.url, &token)
    );
    let trail = site.finish().await;
    assert_whole("gateway", &[old, new]);
    assert!(trail.findings.is_empty(), "{:#?}", trail.findings);
    // Hundreds of checks are hundreds of exchanges, each with an intent and an end.
    assert!(trail.intents > 300 && trail.refusals > 20, "{trail:?}");
}

#[test]
fn no_failure_is_expected() {
    let text = include_str!("conformance/expected-failures.yml");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.collect::<Vec<_>>(), ["{}"]);
}
