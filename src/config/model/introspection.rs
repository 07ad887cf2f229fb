//! Asking an issuer about tokens (RFC 7662).

use std::time::Duration;

use url::Url;

use super::OauthClient;

/// How an issuer is asked about tokens.
#[derive(Debug, Clone)]
pub struct Introspection {
    /// Where; `None` asks the issuer's metadata.
    pub endpoint: Option<Url>,
    /// Which tokens.
    pub when: IntrospectWhen,
    /// Who asks.
    pub client: OauthClient,
    /// How long an answer counts.
    pub cache: Duration,
    /// How long a refusal counts.
    pub negative_cache: Duration,
    /// How much longer than `cache` a token passes while the issuer cannot be asked.
    pub grace: Duration,
    /// Whether an answer about an opaque token may lack `aud`.
    pub audience_optional: bool,
}

/// Which tokens an issuer is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectWhen {
    /// Those that are not JWTs.
    Opaque,
    /// Also JWTs whose signature held.
    Always,
}
