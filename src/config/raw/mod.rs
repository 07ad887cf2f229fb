//! The configuration file as it is typed.
//!
//! Owns the shape: which keys exist, what each means, its unit and its default. The JSON Schema,
//! the structural check and the manual's reference chapter are all made from these types, so a
//! description is written once. Guarantees nothing about values: [`super::check`] does.
//!
//! Each comment ends with "Default: …." where a key may be left out; the reference chapter cuts
//! the sentence out and shows it in its own column.

mod api_keys;
mod audit;
mod claims;
mod confinement;
mod facade;
mod gateway;
mod identities;
mod introspection;
mod outbound;
mod pins;
mod policy;
mod proof;
mod redact;
mod revocation;
mod s3;
mod server;
mod shared;
mod sinks;
mod telemetry;
mod text;
mod upstream;
mod view;

use schemars::JsonSchema;
use serde::Deserialize;

pub use api_keys::*;
pub use audit::*;
pub use claims::*;
pub use confinement::*;
pub use facade::*;
pub use gateway::*;
pub use identities::*;
pub use introspection::*;
pub use outbound::*;
pub use pins::*;
pub use policy::*;
pub use proof::*;
pub use redact::*;
pub use revocation::*;
pub use s3::*;
pub use server::*;
pub use shared::*;
pub use sinks::*;
pub use telemetry::*;
pub use text::*;
pub use upstream::*;
pub use view::*;

/// The configuration of a Sallyport gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Version of this format. Default: `1`.
    pub version: Option<Version>,
    /// Where clients connect: one address, or a list of listeners. Default: `127.0.0.1:8443`.
    pub listen: Option<Listen>,
    /// Certificate and key of every listener that has no `tls` of its own.
    /// Default: plain HTTP, which only a loopback address may speak.
    pub tls: Option<Tls>,
    /// Whether a listener without TLS may have an address that other machines reach.
    /// Default: `loopback`.
    pub plain_http: Option<PlainHttp>,
    /// The listener for health, readiness and metrics, or `off`. Default: `127.0.0.1:9464`.
    pub admin: Option<Admin>,
    /// Networks of the load balancers whose `X-Forwarded-For` and PROXY headers are believed.
    /// Default: none, so the peer's own address counts.
    pub trusted_proxies: Option<Vec<Network>>,
    /// Proxies of a service mesh whose `X-Forwarded-Client-Cert` is believed. Default: none, so that
    /// the header means nothing.
    pub trusted_mesh: Option<TrustedMesh>,
    /// Limits of the whole gateway.
    pub limits: Option<GlobalLimits>,
    /// Sealed session ids.
    pub sessions: Option<Sessions>,
    /// Who may no longer call.
    pub revocation: Option<Revocation>,
    /// The Redis that replicas share: for revocations, for rates with `limits.shared`, and for used
    /// DPoP proofs, which it always holds. Default: none, each replica is on its own.
    pub redis: Option<Redis>,
    /// How log lines look.
    pub log: Option<Log>,
    /// Traces and access lines.
    pub telemetry: Option<Telemetry>,
    /// The audit trail.
    pub audit: Option<Audit>,
    /// By which name the gateway signs its records. Default: records name no gateway.
    pub gateway: Option<GatewayName>,
    /// Whether the process gives up, for good, what it does not need: files that the configuration
    /// does not name, ports, programs, system calls. Default: `on`.
    pub confinement: Option<Confinement>,
    /// The gateway's own requests, to issuers and other services.
    pub outbound: Option<Outbound>,
    /// The authorization servers whose tokens are trusted. Default: none.
    pub issuers: Option<Vec<Issuer>>,
    /// The API keys of callers that cannot get tokens. Default: none.
    pub api_keys: Option<ApiKeys>,
    /// Policies in Cedar. With this section every server is governed: what no policy permits is
    /// denied. Default: none; servers with `roles` are governed by these alone.
    pub policy: Option<Policy>,
    /// The protected servers. At least one.
    // Required by the schema; read as optional, so that a file without it is checked for the rest.
    #[schemars(required)]
    pub servers: Option<Vec<Server>>,
}

/// One address, or several listeners.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Listen {
    /// One address.
    One(Address),
    /// Several listeners.
    Many(Vec<Listener>),
}

/// One address on which clients connect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Name in records and metrics; unique. Default: the address.
    pub name: Option<String>,
    /// Address and port; port 0 lets the system choose.
    pub bind: Address,
    /// Certificate and key of this listener, or `off` for plain HTTP. Default: the `tls` of the
    /// whole file.
    pub tls: Option<ListenerTls>,
    /// Whether a PROXY protocol header (v1 or v2) from one of `trusted_proxies` must precede each
    /// connection. Default: `false`.
    pub proxy_protocol: Option<bool>,
    /// Whether a second gateway may listen on the same address (`SO_REUSEPORT`), so that the next
    /// one serves before this one ends. Every process of the same user may then take a share of the
    /// connections. Default: `false`.
    pub reuse_port: Option<bool>,
    /// Whether this listener may speak plain HTTP on an address that other machines reach.
    /// Default: the `plain_http` of the whole file.
    pub plain_http: Option<PlainHttp>,
}

/// TLS of one listener.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ListenerTls {
    /// No TLS.
    Off(Off),
    /// Its own certificate.
    On(Tls),
}

/// Certificates of a listener, and what it asks of its clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain, PEM, leaf first.
    pub cert: FilePath,
    /// Private key of the leaf, PEM: PKCS#8, SEC1 or PKCS#1.
    pub key: FilePath,
    /// Certificate authorities of client certificates, PEM. Default: no client certificates.
    pub client_ca: Option<FilePath>,
    /// Whether a client must present a certificate. Default: `optional` with `client_ca`,
    /// otherwise `off`.
    pub client_auth: Option<ClientAuth>,
    /// Revocation lists (CRL, PEM or DER) of all authorities in the chains of clients. A certificate
    /// without a current list of its authority is refused. Default: none, so that revoked
    /// certificates count until they expire.
    #[schemars(example = ["clients.crl"])]
    pub crl: Option<Vec<FilePath>>,
    /// Refuse TLS 1.2. Default: `false`.
    pub tls13_only: Option<bool>,
    /// Further certificates, chosen by the server name that the client asks for. Default: none.
    pub more: Option<Vec<CertificateFiles>>,
}

/// A certificate chain and its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// Certificate chain, PEM, leaf first.
    pub cert: FilePath,
    /// Private key of the leaf, PEM: PKCS#8, SEC1 or PKCS#1.
    pub key: FilePath,
}

/// Whether a client must present a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ClientAuth {
    /// None is asked for.
    Off,
    /// Verified where presented.
    Optional,
    /// No handshake without one.
    Required,
}

/// Where plain HTTP is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum PlainHttp {
    /// Only on loopback addresses.
    Loopback,
    /// On every address.
    Allowed,
}

/// The admin listener, or none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Admin {
    /// No admin listener.
    Off(Off),
    /// Its settings.
    On(AdminListener),
}

/// The listener for health, readiness and metrics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminListener {
    /// Address and port. Default: `127.0.0.1:9464`.
    pub listen: Option<Address>,
    /// Must be `true` for an address that other machines reach: what is shown there has no
    /// authentication. Default: `false`.
    pub exposed: Option<bool>,
    /// Bearer token for revoking by `/revocations`, at least 32 characters. Default: none, and
    /// nothing can be revoked there.
    pub token: Option<SecretRef>,
}

/// Limits of the whole gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalLimits {
    /// Requests of one client address, counted before any token is looked at, or `off`.
    /// Default: `50/s burst 200`.
    pub per_address: Option<Rate>,
    /// Whether replicas share the rates of `servers` through `redis`, or with which settings; the
    /// limits of addresses and of calls in flight stay each replica's own. Default: `false`.
    pub shared: Option<SharedLimits>,
}

/// Sealed session ids.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Key that seals session ids, 32 bytes, as they are or in hex or base64; replicas share it.
    /// Default: a new key at each start, so that a restart ends all sessions.
    pub key: Option<SecretRef>,
    /// Several keys in place of `key`: the first seals, all open. To change a key, add the new one
    /// as the second, then make it the first, and take the old one out when `lifetime` has passed.
    /// Default: `key` alone.
    pub keys: Option<Vec<SecretRef>>,
    /// Longest life of a session. Default: `24h`.
    pub lifetime: Option<Duration>,
    /// Time without use after which a session ends; an open stream is use. Each replica counts
    /// for itself. Default: `4h`.
    pub idle: Option<Duration>,
    /// Sessions of one caller on one server; over it the oldest idle one ends. Each replica counts
    /// for itself. Default: `64`.
    pub per_principal: Option<u32>,
}

/// How log lines look.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Which lines are written, such as `info` or `warn,sallyport=debug`. Default: `info`.
    pub filter: Option<String>,
    /// Lines as JSON or as text. Default: `json`.
    pub format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// One trusted authorization server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The issuer's identifier, compared with `iss` byte for byte; `https` unless on loopback.
    pub issuer: Url,
    /// Where its keys are: `discover` (RFC 8414, OpenID Connect), the address of a key set,
    /// `{ file: jwks.json }`, or `off` for an issuer that is asked about every token.
    /// Default: `discover`.
    pub keys: Option<Keys>,
    /// Accepted signature algorithms, by their JWA names; `none` and HMAC are never accepted.
    /// Default: `[RS256, PS256, ES256, ES384, EdDSA]`.
    #[schemars(example = ["ES256"])]
    pub algorithms: Option<Vec<String>>,
    /// Accepted audiences, compared byte for byte. Default: the server's `public_url`.
    #[schemars(example = ["https://notes.example.com/mcp"])]
    pub audience: Option<Vec<String>>,
    /// What the `typ` of a token must say: `at+jwt` (RFC 9068), or `any` for issuers that send
    /// plain JWTs. Default: `at+jwt`.
    pub token_type: Option<TokenType>,
    /// Tolerated difference between the issuer's clock and ours, at most `5m`. Default: `30s`.
    pub clock_skew: Option<Duration>,
    /// Claims that every token must have, and what each must hold: a value, a list of values of
    /// which it must hold one, or `present`. Strings, whole numbers and truth values are compared
    /// exactly and with their type; a claim that is a list must hold one of the values. A claim is
    /// named by its whole name, or by a path such as `realm_access.roles`, in which `\.` is a dot
    /// of a name; the same holds for every claim named here. Default: none.
    #[schemars(example = serde_json::json!({ "acr": ["gold", "silver"], "amr": "mfa" }))]
    pub required_claims: Option<Pairs<RequiredClaim>>,
    /// Claim that holds the caller's roles. Default: none, and then no rule may ask for roles.
    #[schemars(example = &"roles")]
    pub roles_claim: Option<String>,
    /// Claim that holds the caller's groups. Default: none.
    #[schemars(example = &"groups")]
    pub groups_claim: Option<String>,
    /// Claim that holds the caller's tenant. Default: none.
    #[schemars(example = &"tenant")]
    pub tenant_claim: Option<String>,
    /// Asking the issuer about tokens (RFC 7662). Default: it is not asked, and tokens that are not
    /// JWTs are refused.
    pub introspection: Option<Introspection>,
    /// Claim that holds the client. Default: `client_id`, else `azp`.
    #[schemars(example = &"cid")]
    pub client_claim: Option<String>,
    /// Claim that holds the scopes, as a list or as a text with spaces. Default: `scope`, else
    /// `scp`.
    #[schemars(example = &"permissions")]
    pub scopes_claim: Option<String>,
    /// Claim that holds the caller's session at the issuer. Default: `sid`.
    #[schemars(example = &"session_state")]
    pub session_claim: Option<String>,
    /// Claim that holds how risky the issuer finds the caller. Default: none.
    #[schemars(example = &"risk")]
    pub risk_claim: Option<String>,
    /// Claims that policies may ask for as `principal.claims.<name>`, a set of texts: names and
    /// the claims that hold them. Default: none.
    pub attributes: Option<Pairs<String>>,
    /// Scopes of this issuer that stand for others, and those again for others: who was granted
    /// one holds them all. Default: none.
    #[schemars(example = serde_json::json!({ "mcp.admin": ["mcp.tools.list", "mcp.tools.invoke"] }))]
    pub scope_hierarchy: Option<Pairs<Vec<String>>>,
    /// Private key, P-256 in PKCS#8 PEM, with which `sallyport token` signs; its public half is the
    /// issuer's only key. A development issuer is refused unless every listener is on loopback.
    /// Default: none.
    pub development_key: Option<FilePath>,
}

/// Where the keys of an issuer are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Keys {
    /// Nowhere.
    Off(Off),
    /// `discover`.
    Discover(Discover),
    /// Address of a key set.
    Url(Url),
    /// A key set in a file.
    File(KeysFile),
}

/// A key set in a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// A JSON Web Key Set (RFC 7517), read again when it changes.
    pub file: FilePath,
}

/// The word `discover`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Discover {
    /// By the issuer's metadata.
    Discover,
}

/// What the `typ` of a token must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TokenType {
    /// `at+jwt` or `application/at+jwt`.
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// Also `JWT`, or nothing.
    #[serde(rename = "any")]
    Any,
}

/// The word `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Off {
    /// Switched off.
    Off,
}
