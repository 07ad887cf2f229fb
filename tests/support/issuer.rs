//! An authorization server for tests: real keys, real HTTP on loopback, and tokens of every kind,
//! good ones and forged ones.
//!
//! Include it with `#[path = "../support/issuer.rs"] mod issuer;`. It knows nothing of the gateway.
#![allow(dead_code, reason = "each test binary uses its own part of the helper")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A moment for tests on a manual clock: 2027-01-15T08:00:00Z.
pub const NOW: u64 = 1_800_000_000;

pub const CLIENT: &str = "test-client";
pub const SUBJECT: &str = "alice";
pub const AUDIENCE: &str = "https://mcp.example/mcp";

/// base64url without padding.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

// --- keys ---------------------------------------------------------------------------------

/// A private key, the algorithm that it signs with and its id.
#[derive(Clone)]
pub struct SigningKey {
    pub alg: &'static str,
    pub kid: Option<String>,
    pair: Arc<Pair>,
}

enum Pair {
    Ec(EcdsaKeyPair, &'static str),
    Rsa(RsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    pub fn es256(kid: &str) -> Self {
        Self::ec("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, kid)
    }

    pub fn es384(kid: &str) -> Self {
        Self::ec("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, kid)
    }

    pub fn es512(kid: &str) -> Self {
        Self::ec("ES512", "P-521", &ECDSA_P521_SHA512_FIXED_SIGNING, kid)
    }

    pub fn rsa(alg: &'static str, kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self { alg, kid: Some(kid.to_owned()), pair: Arc::new(Pair::Rsa(pair)) }
    }

    pub fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        Self { alg: "EdDSA", kid: Some(kid.to_owned()), pair: Arc::new(Pair::Ed(pair)) }
    }

    fn ec(
        alg: &'static str,
        curve: &'static str,
        algorithm: &'static EcdsaSigningAlgorithm,
        kid: &str,
    ) -> Self {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        Self { alg, kid: Some(kid.to_owned()), pair: Arc::new(Pair::Ec(pair, curve)) }
    }

    /// The same private key under another algorithm, as RSA keys allow.
    pub fn using(&self, alg: &'static str) -> Self {
        Self { alg, ..self.clone() }
    }

    /// The same private key under another id, or none.
    pub fn named(&self, kid: Option<&str>) -> Self {
        Self { kid: kid.map(str::to_owned), ..self.clone() }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self.pair.as_ref() {
            Pair::Ec(pair, _) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match self.alg {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    other => panic!("an RSA key does not sign {other}"),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// The public key as a JWK with `use`, `alg` and `kid`.
    pub fn jwk(&self) -> Value {
        let mut jwk = match self.pair.as_ref() {
            Pair::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key())})
            }
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": b64(n), "e": b64(e)})
            }
        };
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.alg);
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// What an attacker has of the key: its public half, in the forms that were used as HMAC
    /// secrets in known attacks.
    pub fn public_bytes(&self) -> Vec<u8> {
        match self.pair.as_ref() {
            Pair::Ec(pair, _) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }
}

/// Modulus and exponent out of an RSAPublicKey structure (RFC 8017, A.1.1).
fn rsa_numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn value(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, header) = match der[1] {
            0x81 => (usize::from(der[2]), 3),
            0x82 => (usize::from(der[2]) * 256 + usize::from(der[3]), 4),
            short => (usize::from(short), 2),
        };
        (&der[header..header + length], &der[header + length..])
    }
    let (n, rest) = value(value(der).0);
    let (e, _) = value(rest);
    (n.iter().copied().skip_while(|b| *b == 0).collect(), e.to_vec())
}

// --- tokens -------------------------------------------------------------------------------

/// A token in the making. Starts as a good access token; each call bends one thing.
#[derive(Clone)]
pub struct TokenBuilder {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    header_text: Option<String>,
    claims_text: Option<String>,
    key: SigningKey,
}

impl TokenBuilder {
    pub fn new(issuer: &str, key: &SigningKey, now: u64) -> Self {
        let mut header = json!({"typ": "at+jwt", "alg": key.alg});
        if let Some(kid) = &key.kid {
            header["kid"] = json!(kid);
        }
        let claims = json!({
            "iss": issuer,
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "client_id": CLIENT,
            "iat": now,
            "exp": now + 600,
            "jti": b64(now.to_be_bytes()),
        });
        let object = |value: Value| value.as_object().unwrap().clone();
        Self {
            header: object(header),
            claims: object(claims),
            header_text: None,
            claims_text: None,
            key: key.clone(),
        }
    }

    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    pub fn client(self, client: &str) -> Self {
        self.claim("client_id", client)
    }

    /// Seconds from `iat`; negative is in the past.
    pub fn expires_in(self, seconds: i64) -> Self {
        let issued = self.claims["iat"].as_u64().unwrap();
        self.claim("exp", issued.saturating_add_signed(seconds))
    }

    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Replaces the header by this text, whatever it is.
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        self.header_text = Some(text.into());
        self
    }

    /// Replaces the claims by this text, whatever it is.
    pub fn claims_text(mut self, text: impl Into<String>) -> Self {
        self.claims_text = Some(text.into());
        self
    }

    /// The claims as they stand, for bending their text.
    pub fn claims_json(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The header as it stands, for bending its text.
    pub fn header_json(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    /// Signs with another key, leaving the header as it is.
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.key = key.clone();
        self
    }

    /// Header and claims, encoded: what is signed.
    pub fn message(&self) -> String {
        let header = self.header_text.clone().unwrap_or_else(|| self.header_json());
        let claims = self.claims_text.clone().unwrap_or_else(|| self.claims_json());
        format!("{}.{}", b64(header), b64(claims))
    }

    pub fn sign(&self) -> String {
        let message = self.message();
        let signature = self.key.sign(message.as_bytes());
        self.with_signature(signature)
    }

    /// With these bytes for a signature.
    pub fn with_signature(&self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.message(), b64(signature))
    }
}

// --- the server ---------------------------------------------------------------------------

/// A running authorization server on loopback. Ends when dropped.
pub struct Issuer {
    url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    /// When tokens are issued; `None` is the system's time.
    now: Option<u64>,
    keys: Mutex<Vec<SigningKey>>,
    documents: Mutex<Documents>,
    /// Answers wait while this holds `true`.
    held: watch::Sender<bool>,
    arrived: watch::Sender<usize>,
    jwks_fetches: AtomicUsize,
    fetches: AtomicUsize,
}

#[derive(Default)]
struct Documents {
    status: Option<u16>,
    jwks: Option<String>,
    metadata: Option<String>,
    oauth_missing: bool,
}

impl Issuer {
    /// Starts with one ES256 key called `key-1`; tokens are issued at the system's time.
    pub async fn start() -> Self {
        Self::with(vec![SigningKey::es256("key-1")], None).await
    }

    /// As [`Issuer::start`], but tokens are issued at this time.
    pub async fn start_at(now: u64) -> Self {
        Self::with(vec![SigningKey::es256("key-1")], Some(now)).await
    }

    /// With these keys, the first of which signs.
    pub async fn with(keys: Vec<SigningKey>, now: Option<u64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            now,
            keys: Mutex::new(keys),
            documents: Mutex::default(),
            held: watch::channel(false).0,
            arrived: watch::channel(0).0,
            jwks_fetches: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, url.clone(), Arc::clone(&state)));
        Self { url, state, task }
    }

    /// The `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// The first key.
    pub fn key(&self) -> SigningKey {
        self.state.keys.lock().unwrap()[0].clone()
    }

    /// A good access token of [`SUBJECT`] for [`AUDIENCE`], issued now for ten minutes.
    pub fn token(&self) -> TokenBuilder {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        TokenBuilder::new(&self.url, &self.key(), self.state.now.unwrap_or_else(system))
    }

    /// Publishes other keys; the first signs from now on.
    pub fn set_keys(&self, keys: Vec<SigningKey>) {
        *self.state.keys.lock().unwrap() = keys;
    }

    pub fn jwks(&self) -> Value {
        json!({"keys": self.state.keys.lock().unwrap().iter().map(SigningKey::jwk).collect::<Vec<_>>()})
    }

    /// Publishes this text as the key set, whatever it is.
    pub fn set_jwks(&self, text: &str) {
        self.state.documents.lock().unwrap().jwks = Some(text.to_owned());
    }

    /// Publishes this text as the metadata, whatever it is.
    pub fn set_metadata(&self, text: &str) {
        self.state.documents.lock().unwrap().metadata = Some(text.to_owned());
    }

    /// Answers the RFC 8414 form with 404, the OpenID form as always.
    pub fn hide_oauth_metadata(&self) {
        self.state.documents.lock().unwrap().oauth_missing = true;
    }

    /// Answers everything with this status; `None` ends that.
    pub fn fail_with(&self, status: Option<u16>) {
        self.state.documents.lock().unwrap().status = status;
    }

    /// Requests wait for their answers until [`Issuer::release`].
    pub fn hold(&self) {
        self.state.held.send_replace(true);
    }

    pub fn release(&self) {
        self.state.held.send_replace(false);
    }

    /// Waits until this many requests have arrived since the start.
    pub async fn arrived(&self, count: usize) {
        self.state.arrived.subscribe().wait_for(|n| *n >= count).await.unwrap();
    }

    /// Requests for the key set since the start.
    pub fn jwks_fetches(&self) -> usize {
        self.state.jwks_fetches.load(Ordering::SeqCst)
    }

    /// All requests since the start.
    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, url: String, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (url, state) = (url.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(request, &url, &state));
            // The gateway may hang up in the middle; that is its right.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    url: &str,
    state: &State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    state.fetches.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path();
    if path == "/jwks" {
        state.jwks_fetches.fetch_add(1, Ordering::SeqCst);
    }
    state.arrived.send_modify(|n| *n += 1);
    let (status, body) = document(path, url, state);
    // What was published when the request came is what it is answered with, however late.
    state.held.subscribe().wait_for(|held| !held).await.unwrap();
    Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
}

fn document(path: &str, url: &str, state: &State) -> (u16, String) {
    let documents = state.documents.lock().unwrap();
    let metadata = || {
        documents.metadata.clone().unwrap_or_else(|| {
            json!({
                "issuer": url,
                "jwks_uri": format!("{url}/jwks"),
                "token_endpoint": format!("{url}/token"),
                "response_types_supported": ["code"],
            })
            .to_string()
        })
    };
    let found = match path {
        "/jwks" => Some(documents.jwks.clone().unwrap_or_else(|| {
            let keys: Vec<_> = state.keys.lock().unwrap().iter().map(SigningKey::jwk).collect();
            json!({ "keys": keys }).to_string()
        })),
        "/.well-known/oauth-authorization-server" if !documents.oauth_missing => Some(metadata()),
        "/.well-known/openid-configuration" => Some(metadata()),
        _ => None,
    };
    match (documents.status, found) {
        (Some(status), _) => (status, String::new()),
        (None, Some(body)) => (200, body),
        (None, None) => (404, String::new()),
    }
}
