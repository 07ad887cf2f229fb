//! Key sets: reads a JWKS (RFC 7517) and verifies signatures with what fits.
//!
//! Owns the table of algorithms and the reading of keys. Pure: bytes in, keys out. Guarantees that
//! a key is used only with algorithms of its own type and curve, only for signatures, and that
//! private and symmetric keys are never taken; a key that cannot be used is left out without
//! harm to its neighbours (RFC 7517 section 5).

mod brought;

pub use crate::limits::KEYS_TRIED_MAX;
pub use brought::BroughtKey;
use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey};

use super::error::TokenError;
use super::sound::{sound_ed25519, sound_exponent, sound_modulus};
use crate::json::{self, Document, JsonError, Kind, Value};
use crate::limits::{JWKS_BYTES_MAX, JWKS_KEYS_MAX};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037). Asymmetric only: `none` and HMAC have
/// no variant, so no configuration and no token can ask for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, by its old and its new name (RFC 9864).
    EdDsa,
}

impl Alg {
    /// Every algorithm.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The name that `jsonwebtoken` has for it; `None` for what it cannot verify.
    fn jws(self) -> Option<Algorithm> {
        match self {
            Self::Rs256 => Some(Algorithm::RS256),
            Self::Rs384 => Some(Algorithm::RS384),
            Self::Rs512 => Some(Algorithm::RS512),
            Self::Ps256 => Some(Algorithm::PS256),
            Self::Ps384 => Some(Algorithm::PS384),
            Self::Ps512 => Some(Algorithm::PS512),
            Self::Es256 => Some(Algorithm::ES256),
            Self::Es384 => Some(Algorithm::ES384),
            Self::Es512 => None,
            Self::EdDsa => Some(Algorithm::EdDSA),
        }
    }

    /// The algorithm of a JWA name, byte for byte.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            other => Self::ALL.into_iter().find(|a| a.name() == other),
        }
    }

    /// The JWA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::Es512 | Self::EdDsa => None,
        }
    }
}

/// Why a key set was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not strict JSON.
    #[error("the key set is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but not an object with an array `keys` (RFC 7517 section 5).
    #[error("the key set has no array `keys`")]
    Shape,
}

/// The usable keys of one issuer.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    ignored: usize,
}

#[derive(Debug)]
struct Key {
    kid: Option<Box<str>>,
    /// Each algorithm that the key may be used with, ready to verify.
    verifiers: Vec<(Alg, Verifier)>,
    /// SHA-256 over id, algorithms and public key: tells whether a later set still has this key.
    fingerprint: [u8; 32],
}

/// A public key that was found sound, and who checks signatures with it.
struct Verifier {
    /// The key as the cryptography library accepted it: off-curve points never get here.
    parsed: ParsedPublicKey,
    /// The same key for `jsonwebtoken`, which checks every signature that it knows how to; it
    /// has no P-521.
    jws: Option<(DecodingKey, Algorithm)>,
}

impl Verifier {
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.jws {
            Some((key, alg)) => {
                let text = URL_SAFE_NO_PAD.encode(signature);
                jsonwebtoken::crypto::verify(&text, message, key, *alg).unwrap_or(false)
            }
            None => self.parsed.verify_sig(message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("jws", &self.jws.is_some()).finish_non_exhaustive()
    }
}

impl KeySet {
    /// Reads a JWKS. Keys that cannot be used are counted and left out; a set in which nothing is
    /// left is a valid set that verifies nothing.
    ///
    /// # Errors
    /// [`KeySetError`], when the document as a whole is not a key set.
    pub fn parse(json: Bytes) -> Result<Self, KeySetError> {
        let document = Document::parse(json, &KEY_SET_JSON)?;
        let list = document.root().get("keys").filter(|k| k.kind() == Kind::Array);
        let mut set = Self { keys: Vec::new(), ignored: 0 };
        for value in list.ok_or(KeySetError::Shape)?.items() {
            // What is beyond the bound is not even read: a key costs more than its bytes.
            let room = set.keys.len() < JWKS_KEYS_MAX;
            match room.then(|| Key::read(value)).flatten() {
                Some(key) => set.keys.push(key),
                None => set.ignored = set.ignored.saturating_add(1),
            }
        }
        Ok(set)
    }

    /// A set of one ES256 key, from its uncompressed point; its id is [`p256_thumbprint`].
    #[must_use]
    pub fn of_p256(point: &[u8]) -> Self {
        let kid = p256_thumbprint(point).map(Into::into);
        let verifiers: Vec<_> = ec("P-256", point).into_iter().collect();
        let keys = if verifiers.is_empty() { Vec::new() } else { vec![Key::new(kid, verifiers)] };
        Self { keys, ignored: 0 }
    }

    /// Usable keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing can be verified with this set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keys that were left out.
    #[must_use]
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// Whether every key of `older` is still here, unchanged.
    #[must_use]
    pub fn keeps_all_of(&self, older: &Self) -> bool {
        older.keys.iter().all(|k| self.keys.iter().any(|own| own.fingerprint == k.fingerprint))
    }

    /// Whether some key answers to this algorithm and id, so that verifying makes sense.
    ///
    /// A token without an id is answered only where exactly one key fits: guessing among several
    /// would make the signer the attacker's choice.
    #[must_use]
    pub fn knows(&self, alg: Alg, kid: Option<&str>) -> bool {
        let mut fitting = self.fitting(alg, kid);
        fitting.next().is_some() && (kid.is_some() || fitting.next().is_none())
    }

    /// Whether some key is for this algorithm.
    #[must_use]
    pub fn has(&self, alg: Alg) -> bool {
        self.fitting(alg, None).next().is_some()
    }

    /// Verifies a signature in the form that JWS gives it: ECDSA as the plain pair of numbers
    /// (RFC 7518 section 3.4), never DER.
    ///
    /// # Errors
    /// [`TokenError::Key`] when no key fits, [`TokenError::Signature`] when none verifies.
    pub fn verify(
        &self,
        alg: Alg,
        kid: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        if !self.knows(alg, kid) {
            return Err(TokenError::Key);
        }
        self.fitting(alg, kid)
            .take(KEYS_TRIED_MAX)
            .any(|key| key.verifies(message, signature))
            .then_some(())
            .ok_or(TokenError::Signature)
    }

    fn fitting<'a>(&'a self, alg: Alg, kid: Option<&'a str>) -> impl Iterator<Item = &'a Verifier> {
        self.keys
            .iter()
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
            .filter_map(move |key| key.verifiers.iter().find(|(a, _)| *a == alg).map(|(_, v)| v))
    }
}

impl Key {
    /// One member of `keys`; `None` when it is not a public signature key that we can use.
    fn read(jwk: Value<'_>) -> Option<Self> {
        // A set that publishes a private key has lost it: the key proves nothing any more.
        if jwk.kind() != Kind::Object || jwk.get("d").is_some() || jwk.get("k").is_some() {
            return None;
        }
        let kid = optional_text(jwk, "kid")?;
        let usage = optional_text(jwk, "use")?;
        if usage.is_some_and(|u| u != "sig") || !may_verify(jwk) {
            return None;
        }
        let mut verifiers = match jwk.get("kty")?.as_str()?.as_ref() {
            "RSA" => rsa(&field(jwk, "n")?, &field(jwk, "e")?),
            "EC" => ec(&text(jwk, "crv")?, &point(jwk)?).into_iter().collect(),
            "OKP" if text(jwk, "crv")? == "Ed25519" => ed25519(&field(jwk, "x")?),
            // RFC 7517 section 5: keys of unknown type are to be ignored.
            _ => return None,
        };
        if let Some(name) = optional_text(jwk, "alg")? {
            let only = Alg::from_name(&name)?;
            verifiers.retain(|(alg, _)| *alg == only);
        }
        (!verifiers.is_empty()).then(|| Self::new(kid.map(Into::into), verifiers))
    }

    fn new(kid: Option<Box<str>>, verifiers: Vec<(Alg, Verifier)>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        let id = kid.as_deref().unwrap_or_default();
        hash.update(&[u8::from(kid.is_some())]);
        hash.update(&(id.len() as u64).to_be_bytes());
        hash.update(id.as_bytes());
        for (alg, key) in &verifiers {
            hash.update(alg.name().as_bytes());
            let key = key.parsed.as_ref();
            hash.update(&(key.len() as u64).to_be_bytes());
            hash.update(key);
        }
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Self { kid, verifiers, fingerprint }
    }
}

/// The id of a P-256 key: its JWK thumbprint (RFC 7638). `None` for what is not an uncompressed
/// point.
#[must_use]
pub fn p256_thumbprint(point: &[u8]) -> Option<String> {
    let (x, y) = point.strip_prefix(&[UNCOMPRESSED_POINT])?.split_at_checked(32)?;
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y));
    Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes())))
}

/// RFC 7517 section 4.3: `key_ops`, where present, must allow verifying.
fn may_verify(jwk: Value<'_>) -> bool {
    jwk.get("key_ops").is_none_or(|ops| ops.items().any(|op| op.is_str("verify")))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<(Alg, Verifier)> {
    // Some encoders write a sign byte before the modulus; the number is the same.
    let n = modulus.iter().position(|b| *b != 0).and_then(|at| modulus.get(at..));
    let Some(n) = n.filter(|n| sound_rsa(n, exponent)) else { return Vec::new() };
    Alg::ALL
        .into_iter()
        .filter_map(|alg| {
            let parsed = rsa_key(n, exponent, alg.rsa()?)?;
            let key = DecodingKey::from_rsa_raw_components(n, exponent);
            Some((alg, Verifier { parsed, jws: Some((key, alg.jws()?)) }))
        })
        .collect()
}

fn rsa_key(n: &[u8], e: &[u8], parameters: &'static RsaParameters) -> Option<ParsedPublicKey> {
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).ok()
}

fn sound_rsa(n: &[u8], e: &[u8]) -> bool {
    sound_modulus(n) && sound_exponent(e)
}

fn point(jwk: Value<'_>) -> Option<Vec<u8>> {
    let (x, y) = (field(jwk, "x")?, field(jwk, "y")?);
    // A short and a long coordinate must not make up for each other.
    (x.len() == y.len()).then(|| [vec![UNCOMPRESSED_POINT], x, y].concat())
}

fn ec_key(curve: &str, point: &[u8]) -> Option<(Alg, ParsedPublicKey)> {
    // RFC 7518 section 6.2.1.2: coordinates have the full length of the curve's field.
    let (alg, algorithm, bytes) = match curve {
        "P-256" => (Alg::Es256, &signature::ECDSA_P256_SHA256_FIXED, 32),
        "P-384" => (Alg::Es384, &signature::ECDSA_P384_SHA384_FIXED, 48),
        "P-521" => (Alg::Es512, &signature::ECDSA_P521_SHA512_FIXED, 66),
        // Other curves have no algorithm here.
        _ => return None,
    };
    if point.len() != 1 + 2 * bytes {
        return None;
    }
    Some((alg, ParsedPublicKey::new(algorithm, point).ok()?))
}

fn ec(curve: &str, point: &[u8]) -> Option<(Alg, Verifier)> {
    let (alg, parsed) = ec_key(curve, point)?;
    let (x, y) = point.get(1..)?.split_at_checked(point.len() / 2)?;
    let jws = match alg.jws() {
        None => None,
        Some(jws) => {
            let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
            Some((DecodingKey::from_ec_components(&x, &y).ok()?, jws))
        }
    };
    Some((alg, Verifier { parsed, jws }))
}

fn ed25519_key(public: &[u8]) -> Option<ParsedPublicKey> {
    let key = Some(public).filter(|key| sound_ed25519(key))?;
    ParsedPublicKey::new(&signature::ED25519, key).ok()
}

fn ed25519(public: &[u8]) -> Vec<(Alg, Verifier)> {
    let parsed = ed25519_key(public);
    let key = DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(public)).ok();
    let verifier = parsed
        .zip(key)
        .map(|(parsed, key)| Verifier { parsed, jws: Some((key, Algorithm::EdDSA)) });
    verifier.map(|verifier| (Alg::EdDsa, verifier)).into_iter().collect()
}

fn text(jwk: Value<'_>, name: &str) -> Option<String> {
    Some(jwk.get(name)?.as_str()?.into_owned())
}

/// `None` for a member of the wrong type, `Some(None)` for an absent one.
fn optional_text(jwk: Value<'_>, name: &str) -> Option<Option<String>> {
    match jwk.get(name) {
        Some(value) => Some(Some(value.as_str()?.into_owned())),
        None => Some(None),
    }
}

fn field(jwk: Value<'_>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?.as_bytes()).ok()
}

/// What a key set may cost its reader.
const KEY_SET_JSON: json::Limits = json::Limits::of_issuer(JWKS_BYTES_MAX);

/// SEC 1 section 2.3.3: the first byte of an uncompressed point.
const UNCOMPRESSED_POINT: u8 = 4;
