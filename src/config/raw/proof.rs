//! The keys that say how a caller proves that a token is its own.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Duration;

/// Which proof of possession a token must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ProofName {
    /// None: what a token is bound to is checked, and plain bearer tokens are taken too.
    None,
    /// A DPoP proof.
    Dpop,
    /// The client certificate of the connection.
    Certificate,
    /// Either of the two.
    Any,
}

/// What is accepted as a DPoP proof (RFC 9449).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dpop {
    /// Accepted signature algorithms of proofs, by their JWA names; `none` and HMAC are never
    /// accepted. Default: `[ES256, ES384, EdDSA, PS256, RS256]`.
    #[schemars(example = ["ES256"])]
    pub algorithms: Option<Vec<String>>,
    /// Age up to which a proof is accepted, `1s` to `5m`; no proof is accepted twice meanwhile.
    /// Default: `60s`.
    pub max_age: Option<Duration>,
    /// Whether a proof must hold a nonce that this server gave out a minute or two ago at most:
    /// `required` or `off`. Replicas accept each other's if they share `sessions.key`.
    /// Default: `off`.
    pub nonce: Option<NonceName>,
}

/// Whether a proof must hold a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum NonceName {
    /// It need not.
    Off,
    /// It must.
    Required,
}
