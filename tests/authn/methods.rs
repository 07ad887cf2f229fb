//! Promises about the methods: where a credential may stand, what is said to those who lack one,
//! and what is known of those who have one.

use std::sync::Arc;

use http::HeaderValue;
use sallyport::authn::source::KEY_FILE_FRESH_S;
use sallyport::authn::{Authenticator, Authn, KEYS_SWEEP_MS, SetupError, metadata};
use sallyport::call::Action;
use sallyport::config::{Auth, Issuer as Trust, Rule, Server, TokenType};
use sallyport::exchange::Exchange;
use sallyport::hygiene::Wellformed;
use sallyport::principal::{
    AuthMethod, CertificateIdentity, CertificateSource, Names, PrincipalKey,
};
use sallyport::reject::{Code, Rejection};
use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, CLIENT, Issuer, NOW, SUBJECT};
use crate::route::{Process, headers, server, tokens, trust};

const METADATA: &str = "https://mcp.example/.well-known/oauth-protected-resource/mcp";

#[tokio::test]
async fn good_token_gives_a_principal_with_its_facts() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let trusted = Trust {
        roles_claim: Some("realm_access.roles".to_owned()),
        tenant_claim: Some("tid".to_owned()),
        ..trust(&issuer)
    };
    let token = issuer
        .token()
        .scope("mcp.tools.invoke mcp.resources.read")
        .claim("realm_access", json!({"roles": ["support"]}))
        .claim("tid", "acme")
        .sign();
    let caller = process.route(tokens([trusted])).call(&token).await.unwrap();
    assert_eq!(caller.method, AuthMethod::Bearer);
    assert_eq!((&*caller.issuer, &*caller.subject), (issuer.url(), SUBJECT));
    assert_eq!(caller.client_id.as_deref(), Some(CLIENT));
    assert!(caller.scopes.contains("mcp.tools.invoke"));
    assert_eq!(caller.roles, [Arc::from("support")]);
    assert_eq!(caller.tenant.as_deref(), Some("acme"));
    assert_eq!(caller.expires_at_s, Some(NOW + 600));
    assert_eq!(caller.key, PrincipalKey::of(issuer.url(), SUBJECT, Some(CLIENT)));
    assert!(caller.certificate.is_none() && caller.token_id_hash.is_some());
}

fn assert_no_token(refused: &Rejection) {
    assert_eq!(refused.code, Code::TokenMissing);
    let challenge = refused.challenge.as_ref().unwrap();
    assert_eq!(challenge.error, None);
    assert_eq!(challenge.scope.as_deref(), Some("mcp.tools.invoke"));
    assert_eq!(challenge.resource_metadata.as_deref(), Some(METADATA));
}

#[tokio::test]
async fn s17_p28_request_without_a_token_gets_a_challenge_without_an_error() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    for authorization in [&[][..], &["Basic YWxpY2U6cHc="], &["DPoPabc"]] {
        let refused = route.call_with(&headers(authorization)).await.unwrap_err();
        assert_no_token(&refused);
        assert_eq!(refused.reason, Some("missing"));
    }
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn s17_p28_bad_token_gets_a_challenge_with_the_error() {
    let issuer = Issuer::start_at(NOW).await;
    let route = Process::start().route(tokens([trust(&issuer)]));
    let refused = route.call(&issuer.token().audience("x").sign()).await.unwrap_err();
    let challenge = refused.challenge.unwrap();
    assert_eq!(challenge.error, Some("invalid_token"));
    assert_eq!(challenge.scope.as_deref(), Some("mcp.tools.invoke"));
    assert_eq!(challenge.resource_metadata.as_deref(), Some(METADATA));
    assert_eq!(refused.internal, "the audience is not this resource");
}

#[tokio::test]
async fn s11_p28_token_counts_only_in_one_authorization_header() {
    let issuer = Issuer::start_at(NOW).await;
    let route = Process::start().route(tokens([trust(&issuer)]));
    let bearer = format!("Bearer {}", issuer.token().sign());
    assert!(route.call_with(&headers(&[&bearer])).await.is_ok());
    let twice = route.call_with(&headers(&[&bearer, &bearer])).await.unwrap_err();
    assert_eq!(twice.code, Code::TokenInvalid);
    let joined = route.call_with(&headers(&[&format!("{bearer}, {bearer}")])).await.unwrap_err();
    assert_eq!(joined.code, Code::TokenInvalid);
    for name in [
        "cookie",
        "proxy-authorization",
        "x-authorization",
        "authorization_",
        "x-forwarded-authorization",
        "x-forwarded-access-token",
        "access-token",
        "x-upstream-authorization",
        "authentication",
        "x-forwarded-user",
        "x-client-cert",
    ] {
        let mut elsewhere = headers(&[]);
        elsewhere.insert(name, HeaderValue::from_str(&bearer).unwrap());
        assert_no_token(&route.call_with(&elsewhere).await.unwrap_err());
    }
}

#[tokio::test]
async fn token_with_several_audiences_is_accepted_when_ours_is_one() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let token = issuer.token().claim("aud", json!(["https://other.example", AUDIENCE])).sign();
    assert!(process.route(tokens([trust(&issuer)])).call(&token).await.is_ok());
    let named = Trust { audiences: vec!["api://crm".to_owned()], ..trust(&issuer) };
    let route = process.route(tokens([named]));
    assert!(route.call(&issuer.token().audience("api://crm").sign()).await.is_ok());
    assert!(route.call(&token).await.is_err(), "the resource counts only where none is named");
}

#[tokio::test]
async fn s10_token_cached_on_one_route_says_nothing_about_another() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let one = process.route(tokens([trust(&issuer)]));
    let two = process.route_of(&server("https://mcp.example/other", tokens([trust(&issuer)])));
    let strict = Trust { algorithms: vec!["EdDSA".to_owned()], ..trust(&issuer) };
    let three = process.route(tokens([strict]));
    let token = issuer.token().sign();
    assert!(one.call(&token).await.is_ok());
    assert!(two.call(&token).await.is_err());
    assert!(three.call(&token).await.is_err());
    assert!(one.call(&token).await.is_ok());
}

#[tokio::test]
async fn reload_without_changes_keeps_keys_and_cached_tokens() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let before = process.route(tokens([trust(&issuer)]));
    let token = issuer.token().sign();
    let first = before.call(&token).await.unwrap();
    let after = process.route(tokens([trust(&issuer)]));
    drop(before);
    let second = after.call(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn issuer_that_was_dropped_and_added_again_starts_without_trust() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let before = process.route(tokens([trust(&issuer)]));
    let token = issuer.token().sign();
    assert!(before.call(&token).await.is_ok());
    drop(before);
    issuer.set_jwks(r#"{"keys":[]}"#);
    let after = process.route(tokens([trust(&issuer)]));
    assert!(after.call(&token).await.is_err());
}

#[tokio::test]
async fn p31_issuers_of_one_route_do_not_sign_for_each_other() {
    let (one, two, stranger) =
        (Issuer::start_at(NOW).await, Issuer::start_at(NOW).await, Issuer::start_at(NOW).await);
    let process = Process::start();
    let route = process.route(tokens([trust(&one), trust(&two)]));
    for issuer in [&one, &two] {
        let caller = route.call(&issuer.token().sign()).await.unwrap();
        assert_eq!(&*caller.issuer, issuer.url());
    }
    let crossed = one.token().signed_by(&two.key()).sign();
    assert_eq!(route.reason(&crossed).await, Some("bad_signature"));
    assert_eq!(route.reason(&stranger.token().sign()).await, Some("wrong_issuer"));
    assert_eq!(stranger.fetches(), 0);
}

#[tokio::test]
async fn s06_plain_jwt_is_accepted_where_configured_and_only_as_an_access_token() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let plain = Trust { token_type: TokenType::PlainJwt, ..trust(&issuer) };
    let route = process.route(tokens([plain]));
    let jwt = || issuer.token().header("typ", "JWT");
    let bare = || jwt().without("client_id");
    for good in [
        issuer.token(),
        jwt(),
        issuer.token().without_header("typ"),
        bare().scope("a"),
        bare().claim("scp", json!(["a"])),
    ] {
        assert!(route.call(&good.sign()).await.is_ok());
    }
    for bad in [
        bare(),
        bare().claim("azp", "test-client"),
        jwt().claim("nonce", "n"),
        jwt().claim("at_hash", "h"),
        jwt().claim("c_hash", "h"),
        jwt().claim("events", json!({})),
        jwt().header("typ", "logout+jwt"),
        jwt().header("typ", "dpop+jwt"),
        jwt().header("typ", "oauth-id-jag+jwt"),
        jwt().header("typ", "id+jwt"),
    ] {
        assert_eq!(route.reason(&bad.sign()).await, Some("bad_type"));
    }
}

fn certificate(name: &str) -> Arc<CertificateIdentity> {
    let names = Names { dns: vec![name.to_owned()], ..Names::default() };
    Arc::new(CertificateIdentity::new(names, "00".repeat(32), CertificateSource::Tls))
}

#[tokio::test]
async fn s20_certificate_alone_is_an_identity_only_from_the_tls_layer() {
    let route = Process::start().route(Auth::Certificate);
    let agent = certificate("agent.example");
    let caller = route.call_from(&headers(&[]), Some(&agent)).await.unwrap();
    assert_eq!((caller.method, &*caller.subject), (AuthMethod::Certificate, "agent.example"));
    assert_eq!(caller.certificate.as_ref().unwrap().fingerprint.len(), 64);
    let mut claimed = headers(&["Bearer abc"]);
    claimed.insert("x-client-cert", HeaderValue::from_static("agent.example"));
    claimed.insert("x-forwarded-client-cert", HeaderValue::from_static("Subject=agent"));
    let refused = route.call_from(&claimed, None).await.unwrap_err();
    assert_eq!(refused.code, Code::CertificateRequired);
}

#[tokio::test]
async fn certificate_beside_a_token_is_recorded_for_that_connection_only() {
    let issuer = Issuer::start_at(NOW).await;
    let route = Process::start().route(tokens([trust(&issuer)]));
    let bearer = headers(&[&format!("Bearer {}", issuer.token().sign())]);
    let plain = route.call_from(&bearer, None).await.unwrap();
    let with = route.call_from(&bearer, Some(&certificate("a"))).await.unwrap();
    let again = route.call_from(&bearer, None).await.unwrap();
    assert_eq!(with.certificate.as_ref().unwrap().name.as_ref(), "a");
    assert_eq!((with.method, &with.subject), (AuthMethod::Bearer, &plain.subject));
    assert_eq!(with.key, plain.key);
    assert!(plain.certificate.is_none() && again.certificate.is_none());
    let without_token = route.call_from(&headers(&[]), Some(&certificate("a"))).await;
    assert_no_token(&without_token.unwrap_err());
}

#[tokio::test]
async fn s13_only_the_route_that_says_so_lets_anonymous_callers_in() {
    let process = Process::start();
    let open = process.route(Auth::None);
    for authorization in [&[][..], &["Bearer nonsense"], &["Basic YTpi"]] {
        let caller = open.call_with(&headers(authorization)).await.unwrap();
        assert_eq!((caller.method, &*caller.subject), (AuthMethod::Anonymous, "anonymous"));
        assert_eq!(caller.scopes.iter().count(), 0);
    }
}

#[tokio::test]
async fn callers_of_different_methods_never_share_a_key() {
    let process = Process::start();
    let anonymous = process.route(Auth::None).call_with(&headers(&[])).await.unwrap();
    let named = certificate("anonymous");
    let certified = process.route(Auth::Certificate).call_from(&headers(&[]), Some(&named)).await;
    assert_ne!(anonymous.key, certified.unwrap().key);
    assert_ne!(anonymous.key, PrincipalKey::of("", "anonymous", None));
}

#[test]
fn issuers_that_cannot_be_judged_are_refused_at_set_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let issuer = runtime.block_on(Issuer::start_at(NOW));
    let process = Process::start();
    let problem = |auth: Auth| {
        Authenticator::new(&process.authn, &server(AUDIENCE, auth)).map(|_| ()).unwrap_err()
    };
    let with = |algorithms: &[&str]| Trust {
        algorithms: algorithms.iter().map(|a| (*a).to_owned()).collect(),
        ..trust(&issuer)
    };
    for name in ["none", "HS256", "RS1", "es256", ""] {
        let refused = problem(tokens([with(&["ES256", name])]));
        assert_eq!(refused, SetupError::Algorithm(name.to_owned()));
    }
    assert!(matches!(problem(tokens([with(&[])])), SetupError::NoAlgorithm(_)));
    assert_eq!(problem(tokens([])), SetupError::NoIssuer);
    let twice = problem(tokens([trust(&issuer), trust(&issuer)]));
    assert!(matches!(twice, SetupError::IssuerTwice(_)));
}

fn document(server: &Server) -> Value {
    serde_json::from_slice(&metadata::document(server).unwrap()).unwrap()
}

#[tokio::test]
async fn metadata_names_resource_issuers_and_the_scopes_of_basic_use() {
    let issuer = Issuer::start_at(NOW).await;
    let mut server = server("https://mcp.example/team/mcp", tokens([trust(&issuer)]));
    let expected = json!({
        "resource": "https://mcp.example/team/mcp",
        "authorization_servers": [issuer.url()],
        "bearer_methods_supported": ["header"],
        "resource_name": "crm",
        "scopes_supported": ["mcp.tools.invoke"],
        "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "PS256", "RS256"],
    });
    assert_eq!(document(&server), expected);
    server.access.scopes = vec![
        (Action::ToolsInvoke, vec!["tools".into()]),
        (Action::PromptsGet, vec!["prompts".into(), "tools".into()]),
        (Action::SessionOpen, vec!["connect".into()]),
    ];
    server.access.resources = vec![Rule {
        pattern: "*".into(),
        scopes: vec!["elevated".into()],
        roles: Vec::new(),
        deny: false,
    }];
    let expected = json!(["connect", "mcp.resources.read", "prompts", "tools"]);
    assert_eq!(document(&server)["scopes_supported"], expected);
}

#[test]
fn server_without_tokens_has_no_metadata() {
    for auth in [Auth::None, Auth::Certificate] {
        assert!(metadata::document(&server(AUDIENCE, auth)).is_none());
    }
}

#[test]
fn challenge_names_all_scopes_at_once() {
    let server = server(AUDIENCE, Auth::None);
    let challenge = metadata::challenge_for(&server, Some("insufficient_scope"), &["a", "b"]);
    assert_eq!(challenge.scope.as_deref(), Some("a b"));
    assert_eq!(challenge.error, Some("insufficient_scope"));
    assert_eq!(metadata::challenge_for(&server, None, &[]).scope, None);
}

#[tokio::test]
async fn token_of_another_implementation_is_accepted() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "foreign",
        "x": crate::issuer::b64(x), "y": crate::issuer::b64(y),
    });
    let issuer = Issuer::start_at(NOW).await;
    issuer.set_jwks(&json!({"keys": [jwk]}).to_string());
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some("foreign".to_owned());
    let claims = json!({"iss": issuer.url(), "sub": "alice", "aud": AUDIENCE, "exp": NOW + 60});
    let key = jsonwebtoken::EncodingKey::from_ec_der(pkcs8.as_ref());
    let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let route = Process::start().route(tokens([trust(&issuer)]));
    assert_eq!(&*route.call(&token).await.unwrap().subject, "alice");
}

#[tokio::test]
async fn run_loads_keys_before_the_first_caller_and_ends_when_told() {
    let issuer = Issuer::start_at(NOW).await;
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    let stop = tokio_util::sync::CancellationToken::new();
    let work = {
        let (authn, stop) = (Arc::clone(&process.authn), stop.clone());
        tokio::spawn(async move { authn.run(stop).await })
    };
    issuer.arrived(1).await;
    assert!(route.call(&issuer.token().sign()).await.is_ok());
    assert_eq!(issuer.fetches(), 1);
    stop.cancel();
    work.await.unwrap();
}

#[test]
fn keys_are_looked_at_at_least_as_often_as_files_may_change() {
    const { assert!(KEYS_SWEEP_MS <= KEY_FILE_FRESH_S * 1000) };
}

/// The pipeline runs on a multi-threaded runtime: its futures must be able to move.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn futures_can_move_between_threads(
    authn: &'static Authn,
    judge: &'static Authenticator,
    ex: Exchange<Wellformed>,
) {
    fn moves<T: Send>(_: T) {}
    moves(judge.authenticate(ex));
    moves(authn.refresh_due());
}
