//! How a caller proves that a token is its own.

use std::time::Duration;

use crate::limits::DPOP_AGE_S;

/// What is asked of the tokens of a server. A token that is bound to a key is checked in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which proof every token must carry.
    pub required: RequiredProof,
    /// Whether some listener asks its clients for certificates.
    pub certificates: bool,
    /// What is accepted as a DPoP proof.
    pub dpop: Dpop,
}

/// Which proof of possession every token must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredProof {
    /// None: plain bearer tokens are taken too.
    None,
    /// A DPoP proof, RFC 9449.
    Dpop,
    /// The client certificate of the connection, RFC 8705 section 3.
    Certificate,
    /// Either of the two.
    Any,
}

/// What is accepted as a DPoP proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dpop {
    /// Accepted signature algorithms, by their JWA names; at least one.
    pub algorithms: Vec<String>,
    /// Age up to which a proof is accepted, in whole seconds.
    pub max_age: Duration,
    /// Whether a proof must hold a nonce.
    pub nonce: NonceRule,
}

/// Whether a proof must hold a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceRule {
    /// It need not.
    Off,
    /// It must.
    Required,
}

impl Default for Proof {
    fn default() -> Self {
        Self { required: RequiredProof::None, certificates: false, dpop: Dpop::default() }
    }
}

impl Default for Dpop {
    fn default() -> Self {
        Self {
            algorithms: ["ES256", "ES384", "EdDSA", "PS256", "RS256"].map(String::from).to_vec(),
            max_age: Duration::from_secs(DPOP_AGE_S),
            nonce: NonceRule::Off,
        }
    }
}
