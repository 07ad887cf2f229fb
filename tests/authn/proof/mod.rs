//! Promises about tokens that are bound to a key (S-08): the key is proven on every request, or
//! nobody is let in.

mod certificate;
mod checks;
mod door;
mod front;
mod stealing;

use http::{HeaderMap, HeaderValue, Method};
use sallyport::authn::RequestHead;
use sallyport::config::{Dpop, NonceRule, Proof, Server};
use sallyport::principal::{CertificateIdentity, Confirmation, Principal};
use sallyport::reject::Rejection;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use crate::issuer::{AUDIENCE, Issuer, NOW, SigningKey, TokenBuilder, b64};
use crate::route::{CLIENT, Process, Route, server, tokens, trust};

pub fn sha256(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes.as_ref()).as_ref().to_vec()
}

/// The members that make a key, and nothing else.
pub fn public(key: &SigningKey) -> Value {
    let mut jwk = key.jwk();
    for name in ["use", "alg", "kid"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

/// RFC 7638, written once more: the members in the order of their names.
pub fn thumbprint(key: &SigningKey) -> String {
    let jwk = public(key);
    let mut members: Vec<_> = jwk.as_object().unwrap().iter().collect();
    members.sort_by_key(|(name, _)| name.as_str());
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    b64(sha256(format!("{{{}}}", members.join(","))))
}

pub fn bound(token: TokenBuilder, key: &SigningKey) -> TokenBuilder {
    token.claim("cnf", json!({"jkt": thumbprint(key)}))
}

/// A proof in the making. Starts as a good one; each call bends one thing.
#[derive(Clone)]
pub struct ProofBuilder {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    header_text: Option<String>,
    claims_text: Option<String>,
    key: SigningKey,
}

impl ProofBuilder {
    /// For `POST` to the usual address at [`NOW`].
    pub fn new(key: &SigningKey, token: &str) -> Self {
        let header = json!({"typ": "dpop+jwt", "alg": key.alg, "jwk": public(key)});
        let claims = json!({
            "jti": uuid::Uuid::now_v7().to_string(),
            "htm": "POST",
            "htu": AUDIENCE,
            "iat": NOW,
            "ath": b64(sha256(token)),
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

    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
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

    /// One more member of the key.
    pub fn jwk(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header["jwk"][name] = value.into();
        self
    }

    /// Signs with another key, leaving the header as it is.
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.key = key.clone();
        self
    }

    pub fn header_text(mut self, bend: impl Fn(String) -> String) -> Self {
        self.header_text = Some(bend(Value::Object(self.header.clone()).to_string()));
        self
    }

    pub fn claims_text(mut self, bend: impl Fn(String) -> String) -> Self {
        self.claims_text = Some(bend(Value::Object(self.claims.clone()).to_string()));
        self
    }

    pub fn message(&self) -> String {
        let header = self.header_text.clone();
        let header = header.unwrap_or_else(|| Value::Object(self.header.clone()).to_string());
        let claims = self.claims_text.clone();
        let claims = claims.unwrap_or_else(|| Value::Object(self.claims.clone()).to_string());
        format!("{}.{}", b64(header), b64(claims))
    }

    pub fn sign(&self) -> String {
        let message = self.message();
        let signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", b64(signature))
    }
}

/// An issuer, a route of its tokens, and a client with a key and a token that is bound to it.
pub struct Scene {
    pub process: Process,
    pub issuer: Issuer,
    pub route: Route,
    pub key: SigningKey,
    pub token: String,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// On a route that differs from the usual one.
    pub async fn with(bend: impl Fn(&mut Server)) -> Self {
        let issuer = Issuer::start_at(NOW).await;
        let process = Process::start();
        let key = SigningKey::es256("client");
        let token = bound(issuer.token(), &key).sign();
        let mut server = server(AUDIENCE, tokens([trust(&issuer)]));
        bend(&mut server);
        let route = process.route_of(&server);
        Self { process, issuer, route, key, token }
    }

    pub async fn with_proof(proof: Proof) -> Self {
        Self::with(|server| server.proof = proof.clone()).await
    }

    pub fn proof(&self) -> ProofBuilder {
        ProofBuilder::new(&self.key, &self.token)
    }

    pub async fn call(&self, proof: &str) -> Result<Arc<Principal>, Rejection> {
        self.send(&format!("DPoP {}", self.token), &[proof]).await
    }

    pub async fn send(
        &self,
        authorization: &str,
        proofs: &[&str],
    ) -> Result<Arc<Principal>, Rejection> {
        self.send_from(authorization, proofs, None).await
    }

    pub async fn send_from(
        &self,
        authorization: &str,
        proofs: &[&str],
        certificate: Option<&Arc<CertificateIdentity>>,
    ) -> Result<Arc<Principal>, Rejection> {
        let headers = headers(authorization, proofs);
        let (method, path, proven) = (&Method::POST, "/mcp", None);
        self.route
            .identify(&RequestHead {
                method,
                path,
                headers: &headers,
                client: CLIENT,
                certificate,
                proven,
            })
            .await
    }
}

pub fn headers(authorization: &str, proofs: &[&str]) -> HeaderMap {
    let mut headers = crate::route::headers(&[authorization]);
    for proof in proofs {
        headers.append("dpop", HeaderValue::from_bytes(proof.as_bytes()).unwrap());
    }
    headers
}

pub fn nonces() -> Proof {
    Proof { dpop: Dpop { nonce: NonceRule::Required, ..Dpop::default() }, ..Proof::default() }
}

/// What is proven of a caller, in the words of the record.
pub fn proven(principal: &Principal) -> Option<&'static str> {
    principal.confirmation.as_ref().map(Confirmation::name)
}

/// `error` of the challenge, and the label of the refusal.
pub fn said(refused: &Rejection) -> (Option<&'static str>, Option<&'static str>) {
    (refused.challenge.as_ref().and_then(|challenge| challenge.error), refused.reason)
}
