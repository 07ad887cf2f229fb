//! Tokens that a provider bound to a key or a certificate: who has only the token has nothing.

use std::path::PathBuf;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use serde_json::{Value, json};

use crate::http::exchange;
use crate::stage::{Provider, Stage};
use crate::support::{node, run};

const SCOPE: &str = "mcp.tools.invoke";

/// The claims of a JWT that nobody has verified.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// The token of a job for `bound-token.mjs`.
fn token(job: &Value) -> String {
    let answer = run(&node("bound-token.mjs"), None, job);
    assert_eq!(answer["status"], 200, "{answer:#}");
    answer["body"]["access_token"].as_str().unwrap().to_owned()
}

fn status_as_bearer(url: &str, token: &str) -> u16 {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("accept", "application/json, text/event-stream"),
    ];
    exchange("POST", url, &headers, &call.to_string()).status
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s08_token_that_a_provider_bound_to_a_key_is_refused_as_a_bearer_token() {
    for nonce in [false, true] {
        let stage = Stage::new();
        let options = json!({
            "scopes": [SCOPE], "clients": { "m": { "scopes": [SCOPE] } }, "nonce": nonce,
        });
        let provider = Provider::start(&stage.dir, &options);
        let url = stage.plain_url("/mcp");
        let _gateway = stage.plain_gateway(
            &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
            &format!(
                "  - name: crm\n    public_url: {url}\n    upstream: http://127.0.0.1:9/mcp\n"
            ),
        );
        let job = json!({
            "token_endpoint": provider.told("token_endpoint"), "client": "m",
            "secret": provider.secret("m"), "scope": SCOPE, "resource": url, "dpop": true,
        });
        let bound = token(&job);
        assert!(claims(&bound)["cnf"]["jkt"].is_string(), "{:#}", claims(&bound));
        assert_eq!(status_as_bearer(&url, &bound), 401, "nonce: {nonce}");
        // The control: the same token without a binding is one of a known caller.
        assert_ne!(status_as_bearer(&url, &provider.token("m", SCOPE, &url)), 401);
    }
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s08_token_that_a_provider_bound_to_a_certificate_is_refused_without_it() {
    let stage = Stage::new();
    let (cert, key) = client_certificate(&stage);
    let file = |name: &str| stage.dir.path(name);
    let options = json!({
        "scopes": [SCOPE],
        "tls": { "cert": file("tls.crt"), "key": file("tls.key") },
        "clients": {
            "m": { "scopes": [SCOPE], "tls_client_certificate_bound_access_tokens": true },
            "plain": { "scopes": [SCOPE] },
        },
    });
    let provider = Provider::start(&stage.dir, &options);
    let url = stage.plain_url("/mcp");
    let job = json!({
        "token_endpoint": provider.told("token_endpoint"), "client": "m",
        "secret": provider.secret("m"), "scope": SCOPE, "resource": url,
        "tls": { "cert": cert, "key": key, "ca": stage.ca },
    });
    let bound = token(&job);
    assert!(claims(&bound)["cnf"]["x5t#S256"].is_string(), "{:#}", claims(&bound));

    // The provider's own certificate is vouched for by the tests' authority.
    let _gateway = stage.trusting_gateway(
        &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
        &format!("  - name: crm\n    public_url: {url}\n    upstream: http://127.0.0.1:9/mcp\n"),
    );
    assert_eq!(status_as_bearer(&url, &bound), 401);
    assert!(!provider.seen("jwks").is_empty(), "its key was looked for, over TLS");
    assert_ne!(status_as_bearer(&url, &unbound(&provider, &stage, &url)), 401, "the control");
}

/// A token of the client that has no certificate.
fn unbound(provider: &Provider, stage: &Stage, url: &str) -> String {
    token(&json!({
        "token_endpoint": provider.told("token_endpoint"), "client": "plain",
        "secret": provider.secret("plain"), "scope": SCOPE, "resource": url,
        "tls": { "ca": stage.ca },
    }))
}

/// A certificate that nobody vouches for, as two PEM files.
fn client_certificate(stage: &Stage) -> (PathBuf, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "machine");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let files = (stage.dir.path("client.crt"), stage.dir.path("client.key"));
    std::fs::write(&files.0, certificate.pem()).unwrap();
    std::fs::write(&files.1, key.serialize_pem()).unwrap();
    files
}
