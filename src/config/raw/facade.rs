//! The keys of the authorization-server facade of one server.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Rate, Url};

/// A facade before an authorization server that lacks what MCP clients need: the gateway publishes
/// its metadata (RFC 8414) under the server's own `public_url`, and stands in for what is missing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facade {
    /// The authorization server behind it, one of the issuers whose tokens this server accepts.
    /// Default: the only one of them.
    pub issuer: Option<Url>,
    /// What becomes of the `resource` that clients send (RFC 8707): `keep` passes it on, `strip`
    /// takes it out, `{ audience: … }` or `{ scope: … }` puts that in its place. Default: `keep`.
    pub resource: Option<ResourceShim>,
    /// What is put before each scope that clients ask for, except those of `OpenID` Connect and
    /// those that begin with it already. Default: nothing.
    #[schemars(example = "api://notes/")]
    pub scope_prefix: Option<String>,
    /// Where the authorization server sends its answers: to the client itself (`direct`), or
    /// through the gateway, which puts its own `iss` into them (`proxy`). Default: `direct`.
    pub responses: Option<Responses>,
    /// Answers dynamic registrations (RFC 7591) with a client that is registered already.
    /// Default: clients register where the authorization server says.
    pub registration: Option<Registration>,
    /// Where answers may be sent: `loopback` for programs on the user's machine with any port and
    /// path, `http://127.0.0.1/path` with any port, and exact addresses. Default: what the
    /// authorization server allows.
    #[schemars(example = ["loopback", "https://app.example.com/callback"])]
    pub redirect_uris: Option<Vec<String>>,
    /// Must be `true` where the authorization server supports PKCE with S256 and its metadata does
    /// not say so. Default: `false`.
    pub assume_pkce: Option<bool>,
    /// Whether the token endpoint of the facade also takes client credentials. Default: `false`.
    pub client_credentials: Option<bool>,
    /// Requests of one client address to the endpoints of the facade, or `off`.
    /// Default: `60/m burst 60`.
    pub per_address: Option<Rate>,
}

/// What becomes of `resource`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ResourceShim {
    /// By name.
    Named(ResourceName),
    /// Something in its place.
    Instead(ResourceInstead),
}

/// What becomes of `resource`, without anything in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ResourceName {
    /// It is passed on.
    Keep,
    /// It is taken out.
    Strip,
}

/// What is put in the place of `resource`. Exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceInstead {
    /// The parameter `audience` with this value. Default: none.
    #[schemars(example = "api://notes")]
    pub audience: Option<String>,
    /// This scope, beside those that are asked for. Default: none.
    #[schemars(example = "notes-audience")]
    pub scope: Option<String>,
}

/// The way of the authorization server's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Responses {
    /// To the client itself.
    Direct,
    /// Through the gateway.
    Proxy,
}

/// What registrations are answered with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Identifier of a public client (without a secret) of the authorization server.
    #[schemars(example = "sallyport-notes")]
    pub client_id: String,
}
