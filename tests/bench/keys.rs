//! Throw-away signing keys, their key sets and tokens.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

/// An issuer's key.
pub enum Signer {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    #[allow(dead_code, reason = "one of the two benches measures ES256 alone")]
    pub fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    #[allow(dead_code, reason = "one of the two benches measures ES256 alone")]
    pub fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    /// A compact JWS: `header` is encoded already, `claims` is not.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{header}.{}", B64.encode(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
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
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = (B64.encode(&point[1..33]), B64.encode(&point[33..65]));
                format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#)
            }
            Self::EdDsa(key) => {
                let x = B64.encode(key.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
            Self::Rs256(key) => {
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
