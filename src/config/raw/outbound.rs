//! The keys of the gateway's own requests: whom it trusts, where they may go, how it proves itself.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CertificateFiles, Duration, FilePath, Network, SecretRef};

/// The gateway's own requests: keys and metadata of issuers, and what it asks of them. They go to
/// public addresses, or to loopback where the URL itself says so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// Certificate authorities that are trusted besides the system's, PEM. Default: none.
    pub ca: Option<FilePath>,
    /// Networks besides the public internet that may be reached, such as that of an issuer inside.
    /// Default: none.
    pub networks: Option<Vec<Network>>,
    /// Time for one whole request, at most `30s`. Default: `5s`.
    pub timeout: Option<Duration>,
}

/// How the gateway proves itself to an authorization server. Exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientAuthentication {
    /// A secret in the `Authorization` header (RFC 6749 section 2.3.1). Default: none.
    pub client_secret_basic: Option<SecretRef>,
    /// A secret in the form, for servers that take it nowhere else. Default: none.
    pub client_secret_post: Option<SecretRef>,
    /// A signed assertion (RFC 7523 section 2.2). Default: none.
    pub private_key_jwt: Option<PrivateKeyJwt>,
    /// A client certificate (RFC 8705 section 2). Default: none.
    pub tls_client_auth: Option<CertificateFiles>,
}

/// The key that signs assertions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivateKeyJwt {
    /// Private key, PKCS#8 PEM: P-256 (signs ES256), P-384 (ES384), Ed25519 (EdDSA) or RSA (RS256).
    pub key: FilePath,
    /// Name of the key, the `kid` of the assertion. Default: none.
    pub kid: Option<String>,
    /// `aud` of the assertion, where the server asks for another value. Default: the issuer.
    pub audience: Option<String>,
}
