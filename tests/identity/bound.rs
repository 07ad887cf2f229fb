//! Tokens that a provider bound to a key or a certificate: who has only the token has nothing.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use serde_json::{Value, json};

use crate::behind::{ACCEPT, Behind, CALL, call};
use crate::http::{Answer, Tls, exchange, exchange_over};
use crate::stage::{Provider, Stage};
use crate::support::{node, run};

const SCOPE: &str = "mcp.tools.invoke";

/// A token that is bound to a key, and two proofs for calls of its resource.
pub struct Bound {
    pub token: String,
    pub proofs: [String; 2],
}

impl Bound {
    /// A token for `resource`; the proofs hold `nonce`, if there is one.
    pub fn to_a_key(
        provider: &Provider,
        client: &str,
        resource: &str,
        nonce: Option<&str>,
    ) -> Self {
        let mut proof = json!({ "htm": "POST", "htu": resource });
        if let Some(nonce) = nonce {
            proof["nonce"] = nonce.into();
        }
        let job = json!({
            "token_endpoint": provider.told("token_endpoint"), "client": client,
            "secret": provider.secret(client), "scope": SCOPE, "resource": resource,
            "dpop": true, "proof": proof,
        });
        let answer = run(&node("bound-token.mjs"), None, &job);
        assert_eq!(answer["body"]["token_type"], "DPoP", "{answer:#}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            token: text(&answer["body"]["access_token"]),
            proofs: [0, 1].map(|index| text(&answer["proofs"][index])),
        }
    }
}

/// The claims of a JWT that nobody has verified.
fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
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

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s08_token_that_a_provider_bound_to_a_key_opens_with_a_proof_that_counts_once() {
    // Provider and gateway ask for nonces, or neither does.
    for nonces in [false, true] {
        let stage = Stage::new();
        let options = json!({
            "scopes": [SCOPE], "clients": { "m": { "scopes": [SCOPE] } }, "nonce": nonces,
        });
        let provider = Provider::start(&stage.dir, &options);
        let behind = Behind::start();
        let url = stage.plain_url("/mcp");
        let rule = if nonces { "    proof: dpop\n    dpop: { nonce: required }\n" } else { "" };
        let _gateway = stage.plain_gateway(
            &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
            &behind.entry(&url, "", rule),
        );
        let mut nonce = None;
        if nonces {
            let bound = Bound::to_a_key(&provider, "m", &url, None);
            let refused = with_proof(&url, &bound.token, &bound.proofs[0]);
            assert_refused(&refused, "DPoP", "use_dpop_nonce");
            nonce = Some(refused.header("dpop-nonce"));
        }
        let mine = Bound::to_a_key(&provider, "m", &url, nonce.as_deref());
        let thief = Bound::to_a_key(&provider, "m", &url, nonce.as_deref());
        let answer = with_proof(&url, &mine.token, &mine.proofs[0]);
        assert_eq!(answer.status, 200, "nonces: {nonces}: {answer:#?}");
        let again = with_proof(&url, &mine.token, &mine.proofs[0]);
        assert_refused(&again, "DPoP", "invalid_dpop_proof");
        let stolen = with_proof(&url, &mine.token, &thief.proofs[0]);
        assert_refused(&stolen, "DPoP", "invalid_token");
        assert_eq!(status_as_bearer(&url, &mine.token), 401, "nonces: {nonces}");
        let bearer = call(&url, &format!("Bearer {}", mine.token), &[("dpop", &mine.proofs[1])]);
        assert_eq!(bearer.status, 401, "nonces: {nonces}: as a bearer token, with a proof");
        let next = with_proof(&url, &thief.token, &thief.proofs[1]);
        assert_eq!(next.status, 200, "nonces: {nonces}: its own token, a new proof: {next:#?}");
        assert_eq!(behind.bearers().len(), 2, "nonces: {nonces}");
    }
}

fn with_proof(url: &str, token: &str, proof: &str) -> Answer {
    call(url, &format!("DPoP {token}"), &[("dpop", proof)])
}

#[track_caller]
fn assert_refused(answer: &Answer, scheme: &str, error: &str) {
    assert_eq!(answer.status, 401, "{answer:#?}");
    let challenges = answer.header("www-authenticate");
    let error = format!("error=\"{error}\"");
    let named = |line: &str| line.starts_with(scheme) && line.contains(&error);
    assert!(challenges.lines().any(named), "{challenges}");
}

/// The client proves itself to the provider by the certificate that its tokens are then bound to.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s08_token_that_a_provider_bound_to_a_certificate_opens_over_that_certificate_alone() {
    let stage = Stage::new();
    let authority = Authority::new(&stage);
    let (mine, other) = (authority.client(&stage, "mine"), authority.client(&stage, "other"));
    let file = |name: &str| stage.dir.path(name);
    let client = |shown: &Shown| {
        json!({
            "scopes": [SCOPE], "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "tls_client_certificate_bound_access_tokens": true, "jwks": { "keys": [shown.jwk] },
        })
    };
    let options = json!({
        "scopes": [SCOPE], "tls": { "cert": file("tls.crt"), "key": file("tls.key") },
        "clients": { "mine": client(&mine), "other": client(&other) },
    });
    let provider = Provider::start(&stage.dir, &options);
    let url = stage.url("/mcp");
    let job = |name: &str, shown: &Shown| {
        json!({
            "token_endpoint": provider.told("token_endpoint"), "client": name, "scope": SCOPE,
            "resource": url, "tls": { "cert": shown.cert, "key": shown.key, "ca": stage.ca },
        })
    };
    // The control of the provider: nobody is who holds no such key.
    let impostor = run(&node("bound-token.mjs"), None, &job("mine", &other));
    assert_eq!(impostor["status"], 401, "{impostor:#}");
    let (token, others) = (token(&job("mine", &mine)), token(&job("other", &other)));

    let behind = Behind::start();
    let _gateway = stage.gateway_for_clients_of(
        &authority.file,
        &format!("outbound: {{ ca: ca.pem }}\nissuers: [ {{ issuer: {} }} ]", provider.issuer()),
        &behind.entry(&url, "", "    proof: certificate\n"),
    );
    let answer = |token: &str, shown: Option<&Shown>| {
        let shown = shown.map(|shown| (shown.cert.as_path(), shown.key.as_path()));
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ACCEPT];
        exchange_over(Tls { ca: &stage.ca, shown }, "POST", &url, &headers, CALL)
    };
    let accepted = answer(&token, Some(&mine));
    assert_eq!(accepted.status, 200, "{accepted:#?}");
    assert_refused(&answer(&token, Some(&other)), "Bearer", "invalid_token");
    assert_refused(&answer(&token, None), "Bearer", "invalid_token");
    assert_refused(&answer(&others, Some(&mine)), "Bearer", "invalid_token");
    assert_eq!(answer(&others, Some(&other)).status, 200, "the control");
    assert_eq!(answer(&token, Some(&mine)).status, 200, "refusals changed nothing");
    assert_eq!(behind.bearers().len(), 3);
}

/// Who vouches for client certificates.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

/// A client certificate as files, and as a provider registers it.
struct Shown {
    cert: PathBuf,
    key: PathBuf,
    jwk: Value,
}

impl Authority {
    fn new(stage: &Stage) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "authority of clients");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = stage.dir.path("clients.pem");
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    fn client(&self, stage: &Stage, name: &str) -> Shown {
        let key = KeyPair::generate().unwrap();
        let params = client_params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |extension: &str| stage.dir.path(&format!("{name}.{extension}"));
        let shown =
            Shown { cert: file("crt"), key: file("key"), jwk: jwk(&key, certificate.der()) };
        write_pair(&shown.cert, &certificate.pem(), &shown.key, &key);
        shown
    }
}

/// RFC 7517 section 4.7: the key of a certificate, and the certificate itself.
fn jwk(key: &KeyPair, certificate: &[u8]) -> Value {
    let point = key.der_bytes();
    let (x, y) = point.strip_prefix(&[4]).unwrap().split_at(32);
    json!({
        "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        "x5c": [STANDARD.encode(certificate)],
    })
}

fn client_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![format!("{name}.test")]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn write_pair(cert: &Path, pem: &str, file: &Path, key: &KeyPair) {
    std::fs::write(cert, pem).unwrap();
    std::fs::write(file, key.serialize_pem()).unwrap();
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
    let key = KeyPair::generate().unwrap();
    let certificate = client_params("machine").self_signed(&key).unwrap();
    let files = (stage.dir.path("client.crt"), stage.dir.path("client.key"));
    write_pair(&files.0, &certificate.pem(), &files.1, &key);
    files
}
