//! Callers: tokens seen before and tokens seen for the first time, and sealed sessions.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method};
use sallyport::authn::keys::KeySet;
use sallyport::authn::{Authenticator, Authn, RequestHead, jwt};
use sallyport::clock::Clock;
use sallyport::mcp::version::Revision;
use sallyport::outbound::Outbound;
use sallyport::principal::PrincipalKey;
use sallyport::session::{Facts, Purpose, Sealer};

use super::{ISSUER, RESOURCE, World};
use crate::keys::Signer;

pub fn measure(criterion: &mut Criterion) {
    verify(criterion);
    remembered(criterion);
    proven(criterion);
    sessions(criterion);
}

/// Form, strict JSON, key and signature: what a token costs that was not seen before.
fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("authn, a new token");
    for (alg, signer) in [
        ("ES256", Signer::es256()),
        ("ES384", Signer::es384()),
        ("ES512", Signer::es512()),
        ("RS256", Signer::rs256()),
        ("PS256", Signer::ps256()),
        ("EdDSA", Signer::eddsa()),
    ] {
        let keys = KeySet::parse(Bytes::from(signer.jwks())).unwrap();
        let token = token(&signer, alg);
        group.bench_function(alg, |b| {
            b.iter(|| {
                let read = jwt::read(black_box(&token)).unwrap();
                keys.verify(read.alg, read.kid.as_deref(), read.signed, &read.signature).unwrap();
                read
            });
        });
    }
}

/// From header fields to a principal, out of the cache.
fn remembered(criterion: &mut Criterion) {
    let signer = Signer::es256();
    let world = World::new(&signer.jwks());
    let outbound = Arc::new(Outbound::new(None, Vec::new()).unwrap());
    let authn = Authn::new(Clock::system(), outbound).unwrap();
    let judge = Authenticator::new(&authn, world.server()).unwrap();
    let mut headers = HeaderMap::new();
    let value = format!("Bearer {}", token(&signer, "ES256"));
    headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let head = head(&headers);
    runtime.block_on(judge.identify(&head)).unwrap();
    assert_eq!(authn.cached_tokens(), 1);
    criterion.bench_function("authn, a remembered token", |b| {
        b.iter(|| judge.identify(black_box(&head)).now_or_never().unwrap().unwrap());
    });
}

pub fn head(headers: &HeaderMap) -> RequestHead<'_> {
    RequestHead {
        method: &Method::POST,
        path: "/mcp",
        headers,
        client: CLIENT,
        certificate: None,
        proven: None,
    }
}

/// A remembered token that is bound to a key: form, key, signature, address, token and memory of
/// the proof that comes with it, each time another one.
fn proven(criterion: &mut Criterion) {
    let issuer = Signer::es256();
    let world = World::new(&issuer.jwks());
    let outbound = Arc::new(Outbound::new(None, Vec::new()).unwrap());
    let clock = Clock::manual(1_800_000_000);
    let authn = Authn::new(clock.clone(), outbound).unwrap();
    let judge = Authenticator::new(&authn, world.server()).unwrap();
    let mut group = criterion.benchmark_group("authn, a DPoP proof");
    for (alg, signer) in
        [("ES256", Signer::es256()), ("RS256", Signer::rs256()), ("EdDSA", Signer::eddsa())]
    {
        let (jwk, thumbprint) = signer.public();
        let bound = format!(r#","cnf":{{"jkt":"{thumbprint}"}}}}"#);
        let token = token_with(&issuer, "ES256", "user-00001", &bound);
        let hash = B64.encode(digest(&SHA256, token.as_bytes()));
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{alg}","jwk":{jwk}}}"#);
        let header = B64.encode(header);
        let mut number = 0_u64;
        let mut proof = || {
            number += 1;
            // The memory of proofs is swept as time goes on.
            clock.advance(Duration::from_millis(10));
            let claims = format!(
                r#"{{"jti":"019aab7e-5c1f-{number:016x}","htm":"POST","htu":"{RESOURCE}","iat":{},"ath":"{hash}"}}"#,
                clock.unix_s()
            );
            let mut headers = HeaderMap::new();
            let value = format!("DPoP {token}");
            headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
            let value = signer.sign(&header, &claims);
            headers.insert("dpop", HeaderValue::from_str(&value).unwrap());
            headers
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(judge.identify(&head(&proof()))).unwrap();
        group.bench_function(alg, |b| {
            b.iter_batched(
                &mut proof,
                |headers| judge.identify(&head(&headers)).now_or_never().unwrap().unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

fn sessions(criterion: &mut Criterion) {
    let sealer = Sealer::new(&[]).unwrap();
    let caller = PrincipalKey([7; 16]);
    let facts = Facts {
        purpose: Purpose::Session,
        upstream_id: "1868a90c-5c1f-4d3a-9a70-2f6f1c8e9b00",
        revision: Some(Revision::V2025_11_25),
        caller,
        server: "bench",
    };
    let day = Duration::from_secs(86_400);
    let sealed = sealer.seal(&facts, 1_000, day).unwrap().id;
    let mut group = criterion.benchmark_group("session");
    group.bench_function("seal", |b| {
        b.iter(|| sealer.seal(black_box(&facts), 1_000, day).unwrap());
    });
    group.bench_function("open", |b| {
        let open = |id| sealer.open(Purpose::Session, id, caller, "bench", 2_000);
        b.iter(|| open(black_box(&sealed)).unwrap());
    });
}

/// As issuers send them: about 400 bytes of claims.
pub fn token(signer: &Signer, alg: &str) -> String {
    token_of(signer, alg, "user-00001")
}

pub fn token_of(signer: &Signer, alg: &str, subject: &str) -> String {
    token_with(signer, alg, subject, "}")
}

fn token_with(signer: &Signer, alg: &str, subject: &str, end: &str) -> String {
    let header = B64.encode(format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"1"}}"#));
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{RESOURCE}","sub":"{subject}","client_id":"client-1","jti":"019aab7e-5c1f-7d3a","iat":1790000000,"nbf":1790000000,"exp":4000000000,"scope":"mcp.tools.list mcp.tools.invoke crm:read","roles":["analyst","support"],"tenant":"acme-1","email":"user-00001@example.com"{end}"#
    );
    signer.sign(&header, &claims)
}

/// Where requests come from.
const CLIENT: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
