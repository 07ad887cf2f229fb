//! Opaque tokens of a real provider: the gateway asks it what they are (RFC 7662).

use std::time::{Duration, Instant};

use serde_json::json;

use crate::behind::{Behind, call, status_and_code};
use crate::http::exchange;
use crate::stage::{Client, Gateway, Provider, Stage};
use crate::support::eventually;

const SCOPE: &str = "mcp.tools.invoke";
const ELSEWHERE: &str = "https://elsewhere.example/mcp";

/// A gateway that asks about every token, in front of a server without further rules.
struct Scene {
    stage: Stage,
    provider: Option<Provider>,
    behind: Behind,
    url: String,
    _gateway: Gateway,
}

impl Scene {
    fn new(cache: &str) -> Self {
        let stage = Stage::new();
        let url = stage.plain_url("/mcp");
        let options = json!({
            "scopes": [SCOPE], "opaque": [url, ELSEWHERE],
            "clients": { "machine": { "scopes": [SCOPE] }, "gateway": {} },
        });
        let provider = Provider::start(&stage.dir, &options);
        let behind = Behind::start();
        let issuer = asking(&stage, &provider, cache);
        let gateway = stage.plain_gateway(&issuer, &behind.entry(&url, "", ""));
        Self { stage, provider: Some(provider), behind, url, _gateway: gateway }
    }

    fn provider(&self) -> &Provider {
        self.provider.as_ref().unwrap()
    }

    fn token(&self, resource: &str) -> String {
        let token = self.provider().token("machine", SCOPE, resource);
        assert!(!token.contains('.'), "it has become a JWT: {token}");
        token
    }
}

/// The lines about an issuer that is asked about every token.
fn asking(stage: &Stage, provider: &Provider, cache: &str) -> String {
    std::fs::write(stage.dir.path("gateway.secret"), provider.secret("gateway")).unwrap();
    format!(
        "issuers:\n  - issuer: {}\n    keys: off\n    introspection:\n      client_id: gateway\n      \
         auth: {{ client_secret_post: {{ file: gateway.secret }} }}\n      cache: {cache}\n",
        provider.issuer()
    )
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s05_opaque_token_is_accepted_by_introspection_and_one_for_another_resource_refused() {
    let scene = Scene::new("60s");
    let (mine, other) = (scene.token(&scene.url), scene.token(ELSEWHERE));
    for _ in 0..2 {
        assert_eq!(status_and_code(&scene.url, &mine), (200, String::new()));
        assert_eq!(status_and_code(&scene.url, &other), (401, "token_invalid".to_owned()));
        let invented = (401, "token_invalid".to_owned());
        assert_eq!(status_and_code(&scene.url, "invented"), invented);
    }
    assert_eq!(scene.behind.bearers(), [None, None], "the caller's token went no further");
    let asked = scene.provider().seen("introspection");
    assert_eq!(asked.len(), 3, "once about each: {asked:#?}");
    for each in asked {
        assert_eq!((&each["status"], &each["client"]), (&json!(200), &json!("gateway")));
    }
    assert!(scene.provider().seen("jwks").is_empty(), "keys: off");
    let trail =
        || std::fs::read_to_string(scene.stage.dir.path("audit/000000000001.jsonl")).unwrap();
    assert!(eventually(|| trail().lines().count() >= 6), "{}", trail());
    for token in [&mine, &other] {
        assert!(!trail().contains(token.as_str()), "no token in the trail");
    }
    // Client credentials: the client is its own subject.
    assert!(trail().contains("\"machine\""), "{}", trail());
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn opaque_token_that_the_provider_revoked_is_refused_when_the_cache_time_is_over() {
    let cache = Duration::from_secs(2);
    let scene = Scene::new("2s");
    let (revoked, kept) = (scene.token(&scene.url), scene.token(&scene.url));
    for token in [&revoked, &kept] {
        assert_eq!(status_and_code(&scene.url, token), (200, String::new()));
    }
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "machine")
        .append_pair("client_secret", scene.provider().secret("machine"))
        .append_pair("token", &revoked)
        .finish();
    let answer = exchange("POST", scene.provider().told("revocation_endpoint"), &[], &form);
    assert_eq!(answer.status, 200, "{answer:#?}");
    let gone = Instant::now();
    let mut passed_last = gone;
    let refused = eventually(|| {
        let begun = Instant::now();
        match status_and_code(&scene.url, &revoked) {
            (200, _) => passed_last = begun,
            refused => return refused == (401, "token_invalid".to_owned()),
        }
        false
    });
    assert!(refused, "revoked, and it passes");
    let passed = passed_last.duration_since(gone);
    // The gateway counts whole seconds.
    assert!(passed <= cache + Duration::from_secs(1), "it passed for {passed:?}");
    assert_eq!(status_and_code(&scene.url, &kept), (200, String::new()), "the control");
    println!("a revoked token passed for {passed:?}, with a cache of {cache:?}");
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn provider_that_stopped_lets_nobody_in_once_the_cache_time_is_over() {
    let mut scene = Scene::new("2s");
    let (known, unknown) = (scene.token(&scene.url), scene.token(&scene.url));
    assert_eq!(status_and_code(&scene.url, &known), (200, String::new()));
    scene.provider = None;
    let unavailable = (503, "introspection_unavailable".to_owned());
    assert_eq!(status_and_code(&scene.url, &unknown), unavailable);
    let mut others = Vec::new();
    let ended = eventually(|| match status_and_code(&scene.url, &known) {
        (200, _) => false,
        answer if answer == unavailable => true,
        answer => {
            others.push(answer);
            true
        }
    });
    assert!(ended && others.is_empty(), "neither accepted for ever nor called invalid: {others:?}");
}

/// This provider answers questions about JWTs with an error, and anybody can make up a JWT.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn token_about_which_the_provider_says_nothing_is_refused_and_shuts_nobody_else_out() {
    let scene = Scene::new("60s");
    let claims = json!({
        "iss": scene.provider().issuer(), "aud": scene.url, "sub": "mallory", "exp": 4_000_000_000_u64,
    });
    let made_up = scene.provider().control("sign", &json!({ "claims": claims }));
    let unavailable = (503, "introspection_unavailable".to_owned());
    assert_eq!(status_and_code(&scene.url, made_up["token"].as_str().unwrap()), unavailable);
    let token = scene.token(&scene.url);
    assert_eq!(status_and_code(&scene.url, &token), (200, String::new()));
}

/// The SDK signs its user in and knows nothing of the form of its tokens.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn client_whose_tokens_are_opaque_signs_in_and_its_user_is_the_caller() {
    let stage = Stage::new();
    let url = stage.url("/mcp");
    let options = json!({ "scopes": [SCOPE], "opaque": [url], "clients": { "gateway": {} } });
    let provider = Provider::start(&stage.dir, &options);
    let behind = Behind::start();
    let issuer = asking(&stage, &provider, "60s");
    let _gateway = stage.gateway(&issuer, &behind.entry(&url, "", ""));
    let steps = json!([{ "op": "call", "name": "echo", "arguments": {} }]);
    let visit = Client::Ts1.visit(&url, &stage.ca, &steps);
    assert_eq!(visit.text(0), "called");
    let trail =
        || std::fs::read_to_string(stage.dir.path("audit/000000000001.jsonl")).unwrap_or_default();
    assert!(eventually(|| trail().contains("\"alice\"")), "{}", trail());
    assert!(!provider.seen("introspection").is_empty());
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s08_opaque_token_that_the_provider_bound_to_a_key_needs_its_proof() {
    let scene = Scene::new("60s");
    let provider = scene.provider();
    let bound = crate::bound::Bound::to_a_key(provider, "machine", &scene.url, None);
    assert!(!bound.token.contains('.'), "it has become a JWT");
    assert_eq!(status_and_code(&scene.url, &bound.token), (401, "token_invalid".to_owned()));
    let dpop = format!("DPoP {}", bound.token);
    assert_eq!(call(&scene.url, &dpop, &[]).status, 401, "no proof");
    let proof = [("dpop", bound.proofs[0].as_str())];
    assert_eq!(call(&scene.url, &dpop, &proof).status, 200);
    assert_eq!(call(&scene.url, &dpop, &proof).status, 401, "the same proof again");
    // Another key proves nothing.
    let thief = crate::bound::Bound::to_a_key(provider, "machine", &scene.url, None);
    assert_eq!(call(&scene.url, &dpop, &[("dpop", &thief.proofs[0])]).status, 401);
    assert_eq!(scene.behind.bearers(), [None]);
}
