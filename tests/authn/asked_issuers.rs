//! Which issuer is asked about which token, where, and by whom.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use sallyport::config::{ClientProof, IntrospectWhen, Introspection, Issuer as Trust, OauthClient};
use sallyport::limits::JWKS_FRESH_S;
use sallyport::outbound::Settings;
use sallyport::reject::Code;
use sallyport::secret::Secret;
use serde_json::{Value, json};

use crate::authority::{Answer, Authority};
use crate::introspection::{CACHE_S, TOKEN, asking, asking_with, code, facts, good, how};
use crate::issuer::{AUDIENCE, Issuer, NOW};
use crate::route::{Process, tokens, trust};

#[tokio::test]
async fn address_is_found_in_the_metadata_and_kept() {
    let authority = Authority::start().await;
    authority.says(good());
    let process = Process::start();
    let route = process.route(tokens([asking_with(&authority, how(None))]));
    let callers: Vec<String> = (0..20).map(|n| format!("token-{n}")).collect();
    let answers = join_all(callers.iter().map(|token| route.call(token))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!((authority.lookups(), authority.count()), (1, 20));
    process.advance(JWKS_FRESH_S);
    authority.set_metadata(json!({"issuer": "https://evil.example"}));
    assert!(route.call("later").await.is_ok(), "the known address goes on serving");
    assert_eq!(authority.lookups(), 3);
}

#[tokio::test]
async fn metadata_without_a_usable_address_lets_nobody_in() {
    let authority = Authority::start().await;
    authority.says(good());
    let (url, endpoint) = (authority.url(), authority.endpoint());
    for metadata in [
        json!({"issuer": url}),
        json!({"issuer": "https://evil.example", "introspection_endpoint": endpoint}),
        json!({"issuer": url, "introspection_endpoint": 7}),
        json!({"issuer": url, "introspection_endpoint": "http://issuer.example/i"}),
        json!({"issuer": url, "introspection_endpoint": "https://169.254.169.254/i"}),
    ] {
        authority.set_metadata(metadata.clone());
        let route = Process::start().route(tokens([asking_with(&authority, how(None))]));
        assert_eq!(code(route.call(TOKEN).await), Code::IntrospectionUnavailable, "{metadata}");
    }
    assert_eq!(authority.count(), 0);
}

#[tokio::test]
async fn p31_issuers_are_asked_in_order_and_the_first_that_knows_the_token_decides() {
    let (one, two, three) =
        (Authority::start().await, Authority::start().await, Authority::start().await);
    two.says(good());
    three.says(good());
    let process = Process::start();
    let route = process.route(tokens([asking(&one), asking(&two), asking(&three)]));
    let caller = route.call(TOKEN).await.unwrap();
    assert_eq!(&*caller.issuer, two.url());
    assert_eq!((one.count(), two.count(), three.count()), (1, 1, 0));
    // What the first that knows it says is not made good by another.
    two.says(Answer::json(facts().to_string().replace(AUDIENCE, "https://other.example")));
    assert_eq!(route.reason("second").await, Some("wrong_audience"));
    assert_eq!(three.count(), 0);
    // One that is silent may be the one that knows it.
    one.says(Answer { status: 500, ..good() });
    two.says(Answer::json(r#"{"active":false}"#));
    three.says(Answer::json(r#"{"active":false}"#));
    assert_eq!(code(route.call("third").await), Code::IntrospectionUnavailable);
}

#[tokio::test]
async fn jwts_go_to_no_issuer_but_their_own_and_refused_ones_to_none() {
    let (jwts, authority) = (Issuer::start_at(NOW).await, Authority::start().await);
    authority.says(good());
    let process = Process::start();
    let route = process.route(tokens([asking(&authority), trust(&jwts)]));
    assert!(route.call(&jwts.token().sign()).await.is_ok());
    for token in [
        jwts.token().audience("x").sign(),
        jwts.token().claim("iss", "https://evil.example").sign(),
        jwts.token().header("alg", "none").sign(),
        jwts.token().header_text(r#"       {"alg":"none","alg":"none"}"#).sign(),
    ] {
        assert_eq!(code(route.call(&token).await), Code::TokenInvalid);
    }
    assert_eq!(authority.count(), 0);
    // Its own issuer has no keys, and is asked.
    let own = jwts.token().claim("iss", authority.url()).sign();
    assert!(route.call(&own).await.is_ok());
    assert_eq!(authority.count(), 1);
    // What has dots and is no JWT is opaque.
    assert!(route.call("v2.local.payload").await.is_ok());
}

#[tokio::test]
async fn revocation_at_the_issuer_ends_jwts_that_are_always_asked_about() {
    let (jwts, authority) = (Issuer::start_at(NOW).await, Authority::start().await);
    let said = json!({"active": true, "scope": "mcp.tools.invoke"}).to_string();
    authority.says(Answer::json(said));
    let endpoint = authority.endpoint();
    let always = Introspection { when: IntrospectWhen::Always, ..how(Some(&endpoint)) };
    let process = Process::start();
    let route = process.route(tokens([Trust { introspection: Some(always), ..trust(&jwts) }]));
    let token = jwts.token().scope("mcp.tools.invoke mcp.admin").sign();
    let caller = route.call(&token).await.unwrap();
    assert_eq!(caller.scopes.iter().collect::<Vec<_>>(), ["mcp.tools.invoke"]);
    assert_eq!(code(route.call(&jwts.token().audience("x").sign()).await), Code::TokenInvalid);
    assert_eq!(authority.count(), 1, "what does not hold here is not asked about");
    authority.says(Answer::json(r#"{"active":false}"#));
    assert!(route.call(&token).await.is_ok(), "the answer still counts");
    process.advance(CACHE_S);
    assert_eq!(route.reason(&token).await, Some("inactive"));
}

#[tokio::test]
async fn p30_slow_issuer_is_given_up_within_the_time_limit() {
    let authority = Authority::start().await;
    authority.says(good());
    authority.hold();
    let outbound = Settings::new(None, Vec::new(), Duration::from_millis(50));
    let process = Process::with(outbound.unwrap());
    let route = process.route(tokens([asking(&authority)]));
    assert_eq!(code(route.call(TOKEN).await), Code::IntrospectionUnavailable);
    authority.release();
    assert!(route.call(TOKEN).await.is_ok(), "a slow answer is not held against others");
}

#[tokio::test]
async fn every_way_of_proving_the_gateway_reaches_the_issuer() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let key = ClientProof::PrivateKeyJwt {
        key: Secret::new(pem.into_bytes()),
        kid: None,
        audience: None,
    };
    let authority = Authority::start().await;
    authority.says(good());
    let process = Process::start();
    for proof in [ClientProof::SecretPost(Secret::new(b"pw".to_vec())), key] {
        let client = OauthClient { id: Arc::from(format!("{}", authority.count())), proof };
        let how = Introspection { client, ..how(Some(&authority.endpoint())) };
        let route = process.route(tokens([asking_with(&authority, how)]));
        assert!(route.call(TOKEN).await.is_ok());
    }
    let [first, second] = &authority.asked()[..] else { panic!("two questions") };
    assert_eq!(first.field("client_secret"), Some("pw"));
    assert_eq!((first.field("client_id"), second.field("client_id")), (Some("0"), Some("1")));
    let assertion = second.field("client_assertion").unwrap().split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(assertion).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], authority.url());
    assert!(!first.headers.contains_key("authorization"));
}
