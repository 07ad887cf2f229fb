//! What the server behind gets in place of the caller's token: one of a real provider, for the
//! gateway itself or for the caller.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::behind::{Behind, status_and_code};
use crate::http::exchange;
use crate::stage::{Client, Provider, Stage};

const SCOPE: &str = "mcp.tools.invoke";
const ONWARD: &str = "crm.read";
/// The name of the server behind at the provider.
const CRM: &str = "https://crm.internal.example/mcp";

/// The claims of an access token, as the server behind verifies it.
#[track_caller]
fn verified(provider: &Provider, token: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let keys = exchange("GET", provider.told("jwks_uri"), &[], "").body;
    let keys: JwkSet = serde_json::from_str(&keys).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[provider.issuer()]);
    rules.set_audience(&[CRM]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    jsonwebtoken::decode(token, &key, &rules).unwrap().claims
}

/// The credential that the provider gives the gateway, as `way`.
fn credential(stage: &Stage, provider: &Provider, way: &str, lines: &str) -> String {
    std::fs::write(stage.dir.path("gateway.secret"), provider.secret("gateway")).unwrap();
    format!(
        "{{ {way}: {{ token_endpoint: '{}', client_id: gateway, client: {{ client_secret_post: \
         {{ file: gateway.secret }} }}, resource: '{CRM}'{lines} }} }}",
        provider.told("token_endpoint")
    )
}

/// Token requests of the gateway, by their grant type.
fn grants(provider: &Provider) -> Vec<Value> {
    let requests = provider.seen("token").into_iter();
    requests
        .filter(|each| each["client"] == "gateway")
        .map(|each| each["params"]["grant_type"].clone())
        .collect()
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s12_server_behind_sees_a_token_for_the_gateway_that_the_providers_keys_prove() {
    let stage = Stage::new();
    let options = json!({
        "scopes": [SCOPE, ONWARD],
        "clients": { "machine": { "scopes": [SCOPE] }, "gateway": { "scopes": [ONWARD] } },
    });
    let provider = Provider::start(&stage.dir, &options);
    let behind = Behind::start();
    let url = stage.plain_url("/mcp");
    let own = credential(&stage, &provider, "client_credentials", &format!(", scopes: [{ONWARD}]"));
    let _gateway = stage.plain_gateway(
        &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
        &behind.entry(&url, &own, ""),
    );
    let callers = provider.token("machine", SCOPE, &url);
    for _ in 0..2 {
        assert_eq!(status_and_code(&url, &callers), (200, String::new()));
    }
    let seen: Vec<String> = behind.bearers().into_iter().map(Option::unwrap).collect();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1], "kept while it is good");
    assert_ne!(seen[0], callers);
    let claims = verified(&provider, &seen[0]);
    assert_eq!(claims["client_id"], "gateway", "{claims:#}");
    assert_eq!(claims["scope"], ONWARD, "{claims:#}");
    assert_eq!(claims["aud"], CRM, "for this server and no other: {claims:#}");
    assert_eq!(grants(&provider), ["client_credentials"], "asked for once");
    // It opens nothing at the gateway.
    assert_eq!(status_and_code(&url, &seen[0]), (401, "token_invalid".to_owned()));
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s12_server_behind_sees_a_token_that_was_exchanged_for_the_users_and_carries_the_subject() {
    let stage = Stage::new();
    let options = json!({ "scopes": [SCOPE], "clients": { "gateway": { "scopes": [SCOPE] } } });
    let provider = Provider::start(&stage.dir, &options);
    let behind = Behind::start();
    let url = stage.url("/mcp");
    let own = credential(&stage, &provider, "token_exchange", "");
    let _gateway = stage.gateway(
        &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
        &behind.entry(&url, &own, ""),
    );
    let call = json!({ "op": "call", "name": "echo", "arguments": {} });
    for user in ["alice", "bob"] {
        provider.control("user", &json!({ "name": user }));
        let before = behind.bearers().len();
        let visit = Client::Ts1.visit(&url, &stage.ca, &json!([call, call]));
        assert_eq!((visit.text(0), visit.text(1)), ("called", "called"), "{user}");
        let seen = behind.bearers().split_off(before);
        assert_eq!(seen.len(), 2, "{user}");
        for token in seen {
            let claims = verified(&provider, &token.unwrap());
            assert_eq!(claims["sub"], user, "{claims:#}");
            assert_eq!(claims["aud"], CRM, "{claims:#}");
            assert_eq!(claims["scope"], SCOPE, "{claims:#}");
            assert_eq!(claims["act"], json!({ "sub": "gateway" }), "{claims:#}");
        }
    }
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(grants(&provider), [exchange, exchange], "once for each of them");
}
