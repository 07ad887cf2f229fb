//! The keys about identities of certificates.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Network;

/// Proxies of a service mesh that verify client certificates before this gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedMesh {
    /// Networks of the proxies: `127.0.0.1/32` for a sidecar.
    pub networks: Vec<Network>,
    /// Whose certificate a proxy must present itself, in the form of `servers[].client_identities`.
    /// Default: none, so that everybody in `networks` counts as a proxy.
    #[schemars(example = ["spiffe://corp.example/ns/mesh/sa/ingress"])]
    pub identities: Option<Vec<String>>,
}
