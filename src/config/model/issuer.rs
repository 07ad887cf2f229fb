//! Who issues tokens, and what its tokens look like.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Claims, Introspection};

/// One trusted issuer of tokens.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`, compared byte for byte.
    pub issuer: Arc<str>,
    /// Where its keys are.
    pub keys: KeySource,
    /// Accepted signature algorithms, by their JWA names (RFC 7518 section 3.1); never `none`,
    /// never HMAC.
    pub algorithms: Vec<String>,
    /// Accepted audiences. Empty: the route's own `resource` alone.
    pub audiences: Vec<String>,
    /// What `typ` must say.
    pub token_type: TokenType,
    /// Tolerated clock skew.
    pub clock_skew: Duration,
    /// Claim that holds roles.
    pub roles_claim: Option<String>,
    /// Claim that holds the tenant.
    pub tenant_claim: Option<String>,
    /// How the issuer is asked about tokens; `None` never asks.
    pub introspection: Option<Introspection>,
    /// What other claims mean, and which must be there.
    pub claims: Claims,
    /// Private key file of a local development issuer; only on loopback listeners.
    pub development_key: Option<PathBuf>,
}

/// Where an issuer's keys are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// RFC 8414 or OpenID Connect discovery below the issuer's URL.
    Discover,
    /// A key set at this address.
    Url(Url),
    /// A key set in this file.
    File(PathBuf),
    /// Nowhere: the issuer is asked about each token, and [`Issuer::introspection`] says how.
    None,
}

/// What the `typ` header of a token must say (RFC 9068 section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` or `application/at+jwt`.
    AccessToken,
    /// Also `JWT` or absent, for issuers that emit plain JWTs; such a token must carry `scope` or
    /// `client_id`, and none of the claims of an ID token (`nonce`, `at_hash`, `c_hash`).
    PlainJwt,
}
