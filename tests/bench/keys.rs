//! Throw-away signing keys, their key sets and tokens.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

/// An issuer's key, with the name of its curve or the padding of its signatures.
pub enum Signer {
    Ec(EcdsaKeyPair, &'static str),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    EdDsa(Ed25519KeyPair),
}

#[allow(dead_code, reason = "one of the two benches measures ES256 alone")]
impl Signer {
    pub fn es256() -> Self {
        Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")
    }

    pub fn es384() -> Self {
        Self::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")
    }

    pub fn es512() -> Self {
        Self::ec(&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521")
    }

    pub fn rs256() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PKCS1_SHA256)
    }

    pub fn ps256() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PSS_SHA256)
    }

    pub fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &'static str) -> Self {
        Self::Ec(EcdsaKeyPair::generate(algorithm).unwrap(), curve)
    }

    /// A compact JWS: `header` is encoded already, `claims` is not.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{header}.{}", B64.encode(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ec(key, _) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rsa(key, padding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*padding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", B64.encode(signature))
    }

    /// The public key as a JWK with nothing but what makes it, in the order of RFC 7638, and its
    /// thumbprint.
    #[allow(dead_code, reason = "one of the two benches measures proofs")]
    pub fn public(&self) -> (String, String) {
        let members = self.members();
        let mut pairs: Vec<&str> = members.split(',').collect();
        pairs.sort_unstable();
        let jwk = format!("{{{}}}", pairs.join(","));
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, jwk.as_bytes());
        let thumbprint = B64.encode(hash);
        (jwk, thumbprint)
    }

    /// The JWKS with the public key, `kid` 1.
    pub fn jwks(&self) -> String {
        format!(r#"{{"keys":[{{{},"use":"sig","kid":"1"}}]}}"#, self.members())
    }

    fn members(&self) -> String {
        match self {
            Self::Ec(key, curve) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (B64.encode(x), B64.encode(y));
                format!(r#""kty":"EC","crv":"{curve}","x":"{x}","y":"{y}""#)
            }
            Self::EdDsa(key) => {
                let x = B64.encode(key.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
            Self::Rsa(key, _) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(key.public_key());
                format!(
                    r#""kty":"RSA","n":"{}","e":"{}""#,
                    B64.encode(parts.n),
                    B64.encode(parts.e)
                )
            }
        }
    }
}
