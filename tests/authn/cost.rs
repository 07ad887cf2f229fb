//! What authentication costs. Prints figures and judges none: run it by hand, in release,
//! `cargo test --release --test authn -- --ignored --nocapture cost`.

use std::time::{Duration, Instant};

use http::HeaderMap;
use sallyport::authn::keys::Alg;
use sallyport::clock::Clock;
use sallyport::config::Issuer as Trust;

use crate::issuer::{Issuer, SigningKey, TokenBuilder};
use crate::route::{Process, Route, headers, tokens, trust};

const TOKENS: usize = 10;
const HITS: u32 = 1_000;
const ROUNDS: u32 = 300;

/// The best of many rounds, each shorter than the scheduler's slice: what else runs on the machine
/// does not count.
async fn best(label: &str, calls: u32, mut round: impl AsyncFnMut()) {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        round().await;
        least = least.min(begin.elapsed());
    }
    println!("{label:<34} {:>8.3} us", least.as_secs_f64() * 1e6 / f64::from(calls));
}

async fn misses(process: &Process, issuer: &Issuer, key: &SigningKey) {
    let algorithms = Alg::ALL.iter().map(|a| a.name().to_owned()).collect();
    let trusted = Trust { algorithms, ..trust(issuer) };
    let now = process.clock.unix_s();
    let requests: Vec<HeaderMap> = (0..TOKENS)
        .map(|n| {
            let token = TokenBuilder::new(issuer.url(), key, now).scope("mcp.tools.invoke");
            headers(&[&format!("Bearer {}", token.subject(&n.to_string()).sign())])
        })
        .collect();
    let label = format!("verify {}, not cached", key.alg);
    let mut resource = 0;
    best(&label, u32::try_from(TOKENS).unwrap(), async || {
        // A route that differs in its facts shares nothing of the cache.
        resource += 1;
        let mut trusted = trusted.clone();
        trusted.tenant_claim = Some(format!("t{resource}"));
        let route = process.route(tokens([trusted]));
        for request in &requests {
            route.call_with(request).await.unwrap();
        }
    })
    .await;
}

async fn hits(label: &str, route: &Route, requests: &[HeaderMap]) {
    for request in requests {
        route.call_with(request).await.unwrap();
    }
    let mut next = requests.iter().cycle();
    best(label, HITS, async || {
        for request in next.by_ref().take(usize::try_from(HITS).unwrap()) {
            std::hint::black_box(route.call_with(request).await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "a measurement, to be run by hand in release"]
async fn cost_of_a_hit_and_of_a_verification() {
    let rsa = SigningKey::rsa("RS256", "RS256");
    let keys = vec![
        SigningKey::es256("ES256"),
        SigningKey::es384("ES384"),
        SigningKey::es512("ES512"),
        SigningKey::ed25519("EdDSA"),
        rsa.using("PS256").named(Some("PS256")),
        rsa,
    ];
    let issuer = Issuer::with(keys.clone(), None).await;
    let process = Process::by(Clock::system());
    let route = process.route(tokens([trust(&issuer)]));
    let requests: Vec<HeaderMap> = (0..20_000)
        .map(|n| {
            let token = issuer.token().scope("mcp.tools.invoke crm:read").subject(&n.to_string());
            headers(&[&format!("Bearer {}", token.sign())])
        })
        .collect();
    let bytes = requests[0]["authorization"].len();
    hits(&format!("hit, one token of {bytes} bytes"), &route, &requests[..1]).await;
    hits("hit, 20,000 tokens in turn", &route, &requests).await;
    let long = issuer.token().claim("groups", "g".repeat(4096)).sign();
    hits("hit, one token of 6 KiB", &route, &[headers(&[&format!("Bearer {long}")])]).await;
    for key in &keys {
        misses(&process, &issuer, key).await;
    }
}
