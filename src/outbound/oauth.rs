//! The gateway as an OAuth client: how it proves itself to an authorization server.
//!
//! Owns the four methods: `client_secret_basic` and `client_secret_post` (RFC 6749 section 2.3.1),
//! `private_key_jwt` (RFC 7523 section 2.2) and `tls_client_auth` (RFC 8705 section 2). Everything
//! that is asked of an authorization server goes through [`OauthClient::post`]. Guarantees that a
//! secret is sent over TLS or to loopback only, as every outbound request is, and that no
//! assertion is used twice.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{Answer, FetchError, Form, Identity, Outbound, OutboundError, Post};
use crate::config::{self, ClientProof};
use crate::limits::CLIENT_ASSERTION_S;
use crate::secret::Secret;

/// A registered client of an authorization server.
#[derive(Debug)]
pub struct OauthClient {
    id: String,
    proof: Proof,
}

/// How a client proves itself.
#[derive(Debug)]
pub enum Proof {
    /// A secret in the `Authorization` header.
    SecretBasic(Secret),
    /// A secret in the form.
    SecretPost(Secret),
    /// A signed assertion in the form.
    PrivateKeyJwt {
        /// Signs it.
        key: SigningKey,
        /// `kid` of its header.
        kid: Option<String>,
        /// Its `aud`: the issuer identifier of the authorization server, or what that server asks
        /// for.
        audience: String,
    },
    /// The certificate of the connection.
    Tls(Identity),
}

/// Why a request to an authorization server failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OauthError {
    /// The request.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The secret cannot be sent in this form.
    #[error("the client secret is not text")]
    Secret,
    /// The assertion cannot be made.
    #[error("the client assertion cannot be signed")]
    Assertion,
}

impl OauthClient {
    /// A client with this identifier.
    #[must_use]
    pub fn new(id: impl Into<String>, proof: Proof) -> Self {
        Self { id: id.into(), proof }
    }

    /// The client that a configuration describes. Assertions are meant for `issuer`, unless the
    /// configuration names another audience.
    ///
    /// # Errors
    /// [`OutboundError`] when a key or certificate cannot be used.
    pub fn of(config: &config::OauthClient, issuer: &str) -> Result<Self, OutboundError> {
        let proof = match &config.proof {
            ClientProof::SecretBasic(secret) => Proof::SecretBasic(secret.clone()),
            ClientProof::SecretPost(secret) => Proof::SecretPost(secret.clone()),
            ClientProof::PrivateKeyJwt { key, kid, audience } => Proof::PrivateKeyJwt {
                key: SigningKey::from_pem(key.expose())?,
                kid: kid.clone(),
                audience: audience.clone().unwrap_or_else(|| issuer.to_owned()),
            },
            ClientProof::Tls { chain, key } => Proof::Tls(Identity::from_pem(chain, key.expose())?),
        };
        Ok(Self::new(&*config.id, proof))
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Posts `form` to `url` as this client. `now_s` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`OauthError`]; an answer of 400 to 499 is an answer.
    pub async fn post(
        &self,
        outbound: &Outbound,
        url: &Url,
        mut form: Form,
        now_s: u64,
    ) -> Result<Answer, OauthError> {
        let mut authorization = None;
        let mut identity = None;
        match &self.proof {
            Proof::SecretBasic(secret) => authorization = Some(basic(&self.id, secret)?),
            Proof::SecretPost(secret) => {
                form.add("client_id", &self.id);
                let secret = std::str::from_utf8(secret.expose());
                form.add("client_secret", secret.map_err(|_| OauthError::Secret)?);
            }
            Proof::PrivateKeyJwt { key, kid, audience } => {
                let assertion = assertion(&self.id, key, kid.as_deref(), audience, now_s)?;
                form.add("client_id", &self.id);
                form.add("client_assertion_type", ASSERTION_TYPE);
                form.add("client_assertion", &assertion);
            }
            Proof::Tls(own) => {
                // RFC 8705 section 2: the server has to know whose certificate to expect.
                form.add("client_id", &self.id);
                identity = Some(own);
            }
        }
        let mut post = Post::form(form);
        post.identity = identity;
        if let Some(value) = authorization {
            post.headers.insert(AUTHORIZATION, value);
        }
        Ok(outbound.post(url, post).await?)
    }
}

/// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined, so that a colon in
/// the identifier does not end it.
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, OauthError> {
    let encoded = |bytes: &[u8]| -> Zeroizing<String> {
        Zeroizing::new(form_urlencoded::byte_serialize(bytes).collect())
    };
    let (id, secret) = (encoded(id.as_bytes()), encoded(secret.expose()));
    let joined = Zeroizing::new(format!("{}:{}", *id, *secret));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(joined.as_bytes())));
    let mut value = HeaderValue::from_str(&value).map_err(|_| OauthError::Secret)?;
    value.set_sensitive(true);
    Ok(value)
}

/// RFC 7523 section 3: a token about itself, for one use, that lives a minute.
fn assertion(
    id: &str,
    key: &SigningKey,
    kid: Option<&str>,
    audience: &str,
    now_s: u64,
) -> Result<Zeroizing<String>, OauthError> {
    let mut jti = [0_u8; 16];
    SystemRandom::new().fill(&mut jti).map_err(|_| OauthError::Assertion)?;
    let mut header = json!({"typ": "JWT", "alg": key.alg()});
    if let (Some(kid), Some(members)) = (kid, header.as_object_mut()) {
        members.insert("kid".to_owned(), kid.into());
    }
    let claims = json!({
        "iss": id,
        "sub": id,
        "aud": audience,
        "jti": URL_SAFE_NO_PAD.encode(jti),
        "iat": now_s,
        "exp": now_s.saturating_add(CLIENT_ASSERTION_S),
    });
    key.jws(&header, &claims).ok_or(OauthError::Assertion)
}

/// A private key that signs in the form of JWS, with the one algorithm that its kind stands for.
pub struct SigningKey(Pair);

enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// From a PKCS#8 PEM text: P-256, P-384, Ed25519 or RSA of at least 2048 bits.
    ///
    /// # Errors
    /// [`OutboundError::SigningKey`] for anything else.
    pub fn from_pem(pem: &[u8]) -> Result<Self, OutboundError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| OutboundError::SigningKey)?;
        let der = der.secret_pkcs8_der();
        let p256 = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok();
        let p384 = || EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).ok();
        let ed = || Ed25519KeyPair::from_pkcs8(der).ok();
        let rsa = || RsaKeyPair::from_pkcs8(der).ok();
        let pair = p256().map(Pair::P256);
        let pair = pair.or_else(|| p384().map(Pair::P384));
        let pair = pair.or_else(|| ed().map(Pair::Ed25519));
        let pair = pair.or_else(|| rsa().map(Pair::Rsa));
        pair.map(Self).ok_or(OutboundError::SigningKey)
    }

    /// Its JWA name (RFC 7518 section 3.1, RFC 8037 section 3.1).
    #[must_use]
    pub fn alg(&self) -> &'static str {
        match &self.0 {
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// Its public half (RFC 7517, RFC 8037); none for RSA, whose keys are only used towards those
    /// who have the public half already.
    #[must_use]
    pub fn public_jwk(&self) -> Option<serde_json::Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let curve = |name: &str, point: &[u8]| {
            // SEC 1 section 2.3.3: an uncompressed point is 4, x, y.
            let (_, halves) = point.split_first()?;
            let (x, y) = halves.split_at_checked(halves.len() / 2)?;
            Some(json!({"crv": name, "kty": "EC", "x": text(x), "y": text(y)}))
        };
        match &self.0 {
            Pair::P256(pair) => curve("P-256", pair.public_key().as_ref()),
            Pair::P384(pair) => curve("P-384", pair.public_key().as_ref()),
            Pair::Ed25519(pair) => {
                Some(json!({"crv": "Ed25519", "kty": "OKP", "x": text(pair.public_key().as_ref())}))
            }
            Pair::Rsa(_) => None,
        }
    }

    /// The RFC 7638 thumbprint of its public half: members in alphabetical order, which is how
    /// [`SigningKey::public_jwk`] writes them.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        let text = self.public_jwk()?.to_string();
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Some(URL_SAFE_NO_PAD.encode(hash))
    }

    /// A compact JWS (RFC 7515 section 7.1); `None` when the cryptographic library fails.
    #[must_use]
    pub fn jws(
        &self,
        header: &serde_json::Value,
        claims: &serde_json::Value,
    ) -> Option<Zeroizing<String>> {
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.sign(message.as_bytes())?;
        Some(Zeroizing::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.0 {
            Pair::P256(pair) | Pair::P384(pair) => {
                pair.sign(&random, message).ok().map(|s| s.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.alg())
    }
}

/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
