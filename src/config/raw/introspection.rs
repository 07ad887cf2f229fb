//! The keys of token introspection.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ClientAuthentication, Duration, Url};

/// Asking an issuer about tokens that are not JWTs, or about all of them (RFC 7662).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Introspection {
    /// Where the issuer is asked; `https` unless on loopback. Default: `introspection_endpoint` of
    /// the issuer's metadata.
    #[schemars(example = "https://idp.example.com/introspect")]
    pub url: Option<Url>,
    /// Which tokens the issuer is asked about: those that are not JWTs (`opaque`), or also JWTs
    /// whose signature held (`always`), so that what the issuer revoked ends here too.
    /// Default: `opaque`.
    pub when: Option<IntrospectWhen>,
    /// The gateway's own `client_id` at the issuer.
    #[schemars(example = &"sallyport")]
    pub client_id: String,
    /// How the gateway proves itself to the issuer.
    pub auth: ClientAuthentication,
    /// How long an answer counts, at most `5m` and never beyond the token's `exp`: a token that is
    /// revoked may be used that long. Default: `60s`.
    pub cache: Option<Duration>,
    /// How long a token that was refused is refused without asking again, at most `60s`.
    /// Default: `10s`.
    pub negative_cache: Option<Duration>,
    /// How much longer than `cache` a token that was accepted before passes while the issuer cannot
    /// be asked, at most `1h` and never beyond its `exp`. Such calls are marked in the audit trail.
    /// Default: `0s`, and then nobody passes.
    pub grace: Option<Duration>,
    /// Whether an answer about an opaque token may lack `aud`, for issuers that never send it. Any
    /// token of the issuer then passes here, whomever it was issued for. Default: `false`.
    pub audience_optional: Option<bool>,
}

/// Which tokens the issuer is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum IntrospectWhen {
    /// Those that are not JWTs.
    Opaque,
    /// All.
    Always,
}
