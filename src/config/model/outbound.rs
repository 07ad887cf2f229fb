//! The gateway's own requests: whom it trusts, where they may go, how it proves itself.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::secret::Secret;

/// The gateway's own requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Certificate authorities besides the system's, PEM, as they were read.
    pub ca_pem: Option<Arc<[u8]>>,
    /// Networks besides the public internet that may be reached.
    pub networks: Vec<IpNet>,
    /// Time for one whole request.
    pub timeout: Duration,
}

/// The gateway as a client of an authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthClient {
    /// `client_id`.
    pub id: Arc<str>,
    /// How it proves itself.
    pub proof: ClientProof,
}

/// How a client proves itself to an authorization server. Keys are PEM, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// A secret in the `Authorization` header.
    SecretBasic(Secret),
    /// A secret in the form.
    SecretPost(Secret),
    /// A signed assertion.
    PrivateKeyJwt {
        /// PKCS#8 PEM.
        key: Secret,
        /// `kid`.
        kid: Option<String>,
        /// `aud`, where it is not the issuer.
        audience: Option<String>,
    },
    /// A client certificate.
    Tls {
        /// Chain, leaf first.
        chain: Arc<[u8]>,
        /// Private key.
        key: Secret,
    },
}
