//! The configuration as it is meant: parsed, checked, complete.
//!
//! Made only by [`super::check`] from what was typed. Stages take the sections they need; a value
//! here is valid by construction, so no stage checks it again. Files that it names were read.

mod audit;
mod claims;
mod facade;
mod identities;
mod introspection;
mod issuer;
mod outbound;
mod pins;
mod policy;
mod proof;
mod redact;
mod revocation;
mod s3;
mod shared;
mod sinks;
mod telemetry;
mod upstream;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::api_key::{Pepper, Table};
use crate::call::Action;
use crate::policy::facts::ToolShape;
use crate::policy::roles::Role;
use crate::secret::Secret;

pub use audit::{Anchor, AnchorTarget, Audit, Durability, RemoteAnchor, SubjectKeys};
pub use claims::{Circle, ClaimValue, Claims, RequiredClaim, ScopeHierarchy};
pub use facade::{Facade, OauthEndpoint, RedirectUri, ResourceShim};
pub use identities::{IdentityKind, IdentityRule, TrustedMesh};
pub use introspection::{IntrospectWhen, Introspection};
pub use issuer::{Issuer, KeySource, TokenType};
pub use outbound::{ClientProof, OauthClient, Outbound};
pub use pins::{Approval, Approved, NewTools, NotAHash, ToolHash, ToolPins};
pub use policy::Governance;
pub use proof::{Dpop, NonceRule, Proof, RequiredProof};
pub use redact::{
    AllowRule, Choice, CustomClass, FoundBy, PseudonymKey, Redact, RedactProfile, RedactTool,
};
pub use revocation::{OnUnreadable, Redis, Revocation};
pub use s3::{AwsCredentials, S3};
pub use shared::{Allowance, OnStoreLoss, SharedLimits};
pub use sinks::{Sink, SinkFormat, SinkHttp, SinkSubjects, SinkTarget, SinkTls};
pub use telemetry::{Telemetry, Traces};
pub use upstream::{
    Assertion, ClientIdentity, Command, Credential, CredentialSource, Endpoint, EraPin,
    TokenRequest, Transport, Upstream,
};
pub use view::{View, ViewNamespaces, ViewOf};

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect. At least one.
    pub listeners: Vec<Listener>,
    /// Health, readiness and metrics; `None` switches it off.
    pub admin: Option<Admin>,
    /// The audit trail.
    pub audit: Audit,
    /// What records say of the gateway that wrote them, as JSON.
    pub gateway: Option<Arc<str>>,
    /// The protected servers, each with its endpoint path.
    pub servers: Vec<Arc<Server>>,
    /// All issuers that any server trusts.
    pub issuers: Vec<Arc<Issuer>>,
    /// Peers whose `X-Forwarded-For` and PROXY headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Peers whose `X-Forwarded-Client-Cert` is believed.
    pub trusted_mesh: Option<TrustedMesh>,
    /// Calls per client address, before any token is looked at.
    pub per_address: Option<Rate>,
    /// That replicas share the rates of servers; then there is a Redis.
    pub shared_limits: Option<SharedLimits>,
    /// Sealed sessions.
    pub sessions: Sessions,
    /// Whether the process confines itself.
    pub confinement: Confinement,
    /// The gateway's own requests.
    pub outbound: Outbound,
    /// Where revocations are kept.
    pub revocation: Revocation,
    /// The Redis that replicas share.
    pub redis: Option<Redis>,
    /// How log lines look.
    pub log: Log,
    /// Traces and access lines.
    pub telemetry: Telemetry,
    /// SHA-256 over the configuration text, lower-case hex, for records and metrics.
    pub hash: String,
    /// Every file that was read: watched for hot reload.
    pub files: Vec<PathBuf>,
    /// What weakens security, in words, logged at every start.
    pub warnings: Vec<String>,
}

/// Whether the process confines itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// As far as the kernel can enforce it.
    On,
    /// Not at all.
    Off,
}

/// Sealed sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Keys of 32 bytes: the first seals, all open. None draws one at start, so that a restart
    /// ends all sessions.
    pub keys: Vec<Secret>,
    /// Longest life of a session.
    pub lifetime: Duration,
    /// Longest time without use.
    pub idle: Duration,
    /// Sessions of one caller on one server.
    pub per_principal: usize,
}

/// Log settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A `tracing` filter, such as `info` or `sallyport=debug`.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
}

/// One address on which clients connect.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Name in records and metrics.
    pub name: Arc<str>,
    /// Address; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// TLS; `None` is plain HTTP, which [`super::check`] allows only on loopback or by name.
    pub tls: Option<Tls>,
    /// Whether a PROXY protocol header must precede each connection from trusted proxies.
    pub proxy_protocol: bool,
    /// Whether other processes of the same user may listen there too.
    pub reuse_port: bool,
}

/// TLS of a listener. The PEM texts were read; files are read again when they change.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificates; the first is the default, others are chosen by SNI.
    pub certificates: Vec<CertificateFiles>,
    /// Certificate authorities of clients, PEM file.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of client certificates, PEM or DER files; empty checks none.
    pub crl: Vec<PathBuf>,
    /// Whether clients must present a certificate.
    pub client_auth: ClientAuth,
    /// Refuse TLS 1.2.
    pub tls13_only: bool,
}

/// A certificate chain and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Chain, leaf first.
    pub cert: PathBuf,
    /// Private key: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// What is asked of a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// None is asked for.
    Off,
    /// Verified where presented.
    Optional,
    /// No handshake without one.
    Required,
}

/// The admin listener.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Address; loopback unless the configuration says otherwise by name.
    pub bind: SocketAddr,
    /// Behind which one may revoke.
    pub token: Option<Secret>,
}

/// One protected MCP server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Name in records and metrics; unique.
    pub name: Arc<str>,
    /// What clients type. No query, no fragment, no trailing slash (RFC 9728 section 3).
    pub public_url: Url,
    /// `public_url` exactly as configured: the `resource` of the metadata and the default audience.
    pub resource: Arc<str>,
    /// The exact path of the MCP endpoint, such as `/mcp`.
    pub path: String,
    /// Accepted `Host` values, lower case, with port where it is not the scheme's own.
    pub hosts: Vec<String>,
    /// Accepted `Origin` values. Empty refuses every request that has one.
    pub origins: Vec<String>,
    /// Which vocabulary clients speak.
    pub profile: Profile,
    /// Where calls go.
    pub upstream: Upstream,
    /// Who may authenticate.
    pub auth: Auth,
    /// Whose certificates may call; empty asks for none.
    pub client_identities: Vec<IdentityRule>,
    /// How they prove that a token is theirs.
    pub proof: Proof,
    /// What they may do.
    pub access: Access,
    /// How often.
    pub limits: RouteLimits,
    /// Which injection guards run.
    pub guard: Guard,
    /// What is masked in answers.
    pub redact: Redact,
    /// Client networks; empty allows all.
    pub allow_networks: Vec<IpNet>,
    /// Largest request body in bytes.
    pub body_bytes_max: usize,
    /// Whether an array of messages is taken apart; otherwise it is refused.
    pub batches: bool,
    /// The exact path for clients of HTTP+SSE; `None` serves none.
    pub http_sse: Option<String>,
    /// Globs of hosts to which the server may send people; empty refuses all.
    pub url_hosts: Vec<Box<str>>,
    /// Which definitions of its tools may be used; `None` where none are pinned.
    pub tool_pins: Option<ToolPins>,
    /// The facade before its authorization server.
    pub facade: Option<Facade>,
    /// What callers see of the answers to some calls; empty shows all.
    pub views: Vec<View>,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Its tools, where their definitions are known.
    pub tool_shapes: Option<Vec<(Box<str>, ToolShape)>>,
    /// The policies that govern it.
    pub policy: Option<Arc<Governance>>,
}

/// Which vocabulary clients and server speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// MCP: one endpoint, JSON-RPC.
    Mcp,
    /// An older REST context API; each route is mapped to an action.
    Rest(Vec<RestRoute>),
}

/// One route of the REST profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRoute {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: http::Method,
    /// Path template, such as `/mcp/tools/{name}`. A variable matches one segment.
    pub template: String,
    /// What it means.
    pub action: Action,
    /// Where the namespace, tool or subject is found: `path:name`, `query:namespace`, `body:/a/b`.
    pub resource: Option<Lookup>,
    /// Where the person is found whose data is touched.
    pub subject: Option<Lookup>,
}

/// Where a value stands in a REST request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// A path variable.
    Path(String),
    /// A query parameter.
    Query(String),
    /// A JSON pointer into the body (RFC 6901).
    Body(String),
}

/// Who may authenticate on a route.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody is asked: audited, warned about, refused by `check --strict`.
    None,
    /// A bearer token of one of these issuers.
    Tokens(Vec<Arc<Issuer>>),
    /// A verified client certificate alone.
    Certificate,
    /// An API key of this table.
    ApiKeys(Arc<ApiKeys>),
    /// Any one of several of the above, each at most once and never [`Auth::None`], in the order
    /// in which they are asked: API keys, tokens, certificate.
    Any(Vec<Self>),
}

impl Auth {
    /// Each accepted method, in the order in which they are asked.
    #[must_use]
    pub fn methods(&self) -> &[Self] {
        match self {
            Self::Any(all) => all,
            Self::None | Self::Tokens(_) | Self::Certificate | Self::ApiKeys(_) => {
                std::slice::from_ref(self)
            }
        }
    }

    /// The issuers whose tokens count; `None` where no token does.
    #[must_use]
    pub fn issuers(&self) -> Option<&[Arc<Issuer>]> {
        self.methods().iter().find_map(|method| match method {
            Self::Tokens(issuers) => Some(issuers.as_slice()),
            Self::None | Self::Certificate | Self::ApiKeys(_) | Self::Any(_) => None,
        })
    }

    /// The keys that count; `None` where no API key does.
    #[must_use]
    pub fn api_keys(&self) -> Option<&Arc<ApiKeys>> {
        self.methods().iter().find_map(|method| match method {
            Self::ApiKeys(keys) => Some(keys),
            Self::None | Self::Certificate | Self::Tokens(_) | Self::Any(_) => None,
        })
    }
}

/// The API keys of all servers.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    /// The header that may carry one besides `Authorization`.
    pub header: Option<http::HeaderName>,
    /// What the hashes are keyed with.
    pub pepper: Pepper,
    /// The keys.
    pub keys: Table,
}

/// What callers may do on a route. Everything that no rule names is denied.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Scopes per action; replaces [`Action::default_scope`].
    pub scopes: Vec<(Action, Vec<Box<str>>)>,
    /// Rules for tools. Empty: every tool, by the action's scopes alone.
    pub tools: Vec<Rule>,
    /// Rules for resources by URI.
    pub resources: Vec<Rule>,
    /// Rules for prompts.
    pub prompts: Vec<Rule>,
    /// Rules for context and memory namespaces.
    pub namespaces: Vec<Rule>,
    /// Requests that the server may send to the client on its streams; empty refuses all.
    pub server_requests: Vec<ServerRequest>,
}

/// One rule for names of a kind. The first rule that matches decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// A glob: `*` is any run of characters, `?` any one.
    pub pattern: Box<str>,
    /// Scopes that are needed besides the action's own.
    pub scopes: Vec<Box<str>>,
    /// Any one of these roles is needed; empty asks for none.
    pub roles: Vec<Box<str>>,
    /// Refuse, whatever the scopes.
    pub deny: bool,
}

/// A request from server to client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRequest {
    /// `sampling/createMessage`
    Sampling,
    /// `elicitation/create`
    Elicitation,
    /// `roots/list`
    Roots,
    /// `ping`
    Ping,
}

/// A rate: `count` calls per `window`, at most `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls.
    pub count: u32,
    /// Per this time.
    pub window: Duration,
    /// At once.
    pub burst: u32,
}

/// How often a route may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteLimits {
    /// Calls of one principal.
    pub per_principal: Option<Allowance>,
    /// Calls of one principal on tools that match the glob.
    pub per_tool: Vec<(Box<str>, Allowance)>,
    /// Calls of all principals together.
    pub per_route: Option<Allowance>,
    /// Calls of one principal that policies put into a class.
    pub classes: Vec<(Arc<str>, Allowance)>,
    /// Calls in flight of one principal.
    pub concurrency_per_principal: Option<u32>,
    /// Calls in flight of all principals.
    pub concurrency: Option<u32>,
}

/// What a guard rule does on a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardMode {
    /// Nothing is looked at.
    Off,
    /// A hit is counted and recorded.
    Monitor,
    /// A hit refuses the call.
    Block,
}

/// Injection guards for tool arguments, typed by the parameter's name and form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Path parameters: traversal, NUL, absolute system paths.
    pub path: GuardMode,
    /// URL parameters: other schemes than http(s), private and metadata addresses, credentials.
    pub url: GuardMode,
    /// SQL fragments in parameters that are not SQL.
    pub sql: GuardMode,
    /// Shell metacharacters in parameters that name files, hosts or ids.
    pub shell: GuardMode,
    /// Invisible and direction-changing characters that hide text from people.
    pub hidden_text: GuardMode,
}

/// The REST context API of older servers, below the path `base`; below `/mcp` where that is `/`.
///
/// Memory is always somebody's: a request that does not say whose is refused.
#[must_use]
pub fn rest_routes(base: &str) -> Vec<RestRoute> {
    let base = if base == "/" { "/mcp" } else { base };
    let query = |name: &str| Some(Lookup::Query(name.to_owned()));
    let user = || Some(Lookup::Body("/user_id".to_owned()));
    let tool = Some(Lookup::Path("name".to_owned()));
    let route = |method, below: &str, action, resource, subject| RestRoute {
        method,
        template: format!("{base}{below}"),
        action,
        resource,
        subject,
    };
    vec![
        route(http::Method::GET, "/context", Action::ContextRead, query("namespace"), None),
        route(http::Method::GET, "/memory", Action::MemoryRead, None, query("user_id")),
        route(http::Method::POST, "/memory", Action::MemoryWrite, None, user()),
        route(http::Method::PUT, "/memory", Action::MemoryWrite, None, user()),
        route(http::Method::DELETE, "/memory", Action::MemoryDelete, None, query("user_id")),
        route(http::Method::POST, "/tools/{name}", Action::ToolsInvoke, tool, None),
    ]
}
