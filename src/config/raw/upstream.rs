//! The keys that say where calls go.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CertificateFiles, ClientAuthentication, Duration, FilePath, Pairs, SecretRef, Size, Url,
};

/// Where calls go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Upstream {
    /// The address alone.
    Url(Url),
    /// The address or the command, and how to talk to it.
    Keys(Box<UpstreamKeys>),
}

/// Where calls go, and how. Exactly one of `url` and `command`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamKeys {
    /// Address of the server's endpoint; HTTP+SSE: of its event stream; REST: the base to which
    /// paths are appended. Default: none, and then there is a `command`.
    #[schemars(example = "http://127.0.0.1:8080/mcp")]
    pub url: Option<Url>,
    /// Program and arguments of a server that speaks over its standard input and output. No shell
    /// sees them, and nothing of a request reaches them. Each caller has a process of its own.
    /// Default: none, and then there is a `url`.
    #[schemars(example = ["npx", "-y", "@modelcontextprotocol/server-everything"])]
    pub command: Option<Vec<String>>,
    /// How messages reach the server: `streamable-http`, `http-sse` (MCP 2024-11-05) or `stdio`.
    /// Default: `streamable-http` with a `url`, `stdio` with a `command`.
    pub transport: Option<TransportName>,
    /// Which era of the protocol the server speaks: `legacy` (2024-11-05 to 2025-11-25),
    /// `modern` (2026-07-28 and later), or `auto` to find it out once. Default: `auto`.
    pub era: Option<EraName>,
    /// Absolute path of a Unix domain socket to connect to; host and port of the `url` are then
    /// only the `Host` that the server sees. Default: none.
    #[schemars(example = "/run/mcp.sock")]
    pub socket: Option<String>,
    /// Environment of the process besides `PATH`, `HOME`, `LANG`, `LC_ALL`, `TZ` and `TMPDIR` of
    /// the gateway's own, which it has where they are set: plain texts, or references to secrets.
    /// Default: nothing else.
    pub env: Option<Pairs<EnvValue>>,
    /// Names of variables that are passed on from the gateway's own environment. Default: none.
    #[schemars(example = ["GITHUB_TOKEN"])]
    pub env_pass: Option<Vec<String>>,
    /// Working directory of the process. Default: the folder of the configuration file.
    pub dir: Option<FilePath>,
    /// Processes at once; a caller that would need another one is refused. Default: `64`.
    pub processes_max: Option<u32>,
    /// The gateway's own credential towards the server; a caller's token is never passed on.
    /// Default: none.
    pub credential: Option<Credential>,
    /// The certificate that the gateway shows to an `https` server. Default: none.
    pub client_certificate: Option<CertificateFiles>,
    /// Certificate authorities of an `https` upstream, PEM. Default: the system's.
    pub ca: Option<FilePath>,
    /// Time to connect. Default: `3s`.
    pub connect_timeout: Option<Duration>,
    /// Time to the head of the answer; a process has it to take a message. Default: `60s`.
    pub head_timeout: Option<Duration>,
    /// Longest silence in a JSON answer. Default: `30s`.
    pub idle_timeout: Option<Duration>,
    /// Longest silence in an event stream. Default: `15m`.
    pub stream_idle_timeout: Option<Duration>,
    /// Largest JSON answer, single event or line of a process. Default: `16MiB`.
    pub answer_bytes_max: Option<Size>,
}

/// How messages reach a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum TransportName {
    /// Streamable HTTP, of either era.
    StreamableHttp,
    /// HTTP+SSE of 2024-11-05.
    HttpSse,
    /// Standard input and output of a process.
    Stdio,
}

/// Which era of the protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EraName {
    /// Found out once.
    Auto,
    /// With handshake and sessions.
    Legacy,
    /// Stateless.
    Modern,
}

/// The value of a variable of a process.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, extend("x-kind" = "text or secret"))]
pub enum EnvValue {
    /// As it is.
    Plain(String),
    /// A reference to a secret.
    Secret(SecretRef),
}

/// A credential towards a server: a header, and exactly one way to its value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Name of the request header. Default: `authorization`.
    #[schemars(example = "x-api-key")]
    pub header: Option<String>,
    /// The whole value of the header, such as `Bearer` and a token. Default: none.
    pub value: Option<SecretRef>,
    /// A token for the gateway itself (OAuth 2.0 client credentials). Default: none.
    pub client_credentials: Option<TokenRequest>,
    /// A token for each caller, in exchange for the caller's own (RFC 8693). Only callers with a
    /// token reach the server. Default: none.
    pub token_exchange: Option<TokenRequest>,
    /// A short-lived JWT in which the gateway says who calls, signed with its own key. The public
    /// key is served as `/.well-known/jwks` before the path of `public_url`. Default: none.
    pub assertion: Option<Assertion>,
}

/// What an authorization server is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Its token endpoint; `https` unless on loopback.
    #[schemars(example = "https://idp.example.com/token")]
    pub token_endpoint: Url,
    /// The gateway's `client_id` there.
    #[schemars(example = &"sallyport")]
    pub client_id: String,
    /// How the gateway proves itself there.
    pub client: ClientAuthentication,
    /// Scopes that are asked for. Default: none, and the server chooses.
    pub scopes: Option<Vec<String>>,
    /// `resource`: for which server the token is to be good (RFC 8707). Default: none.
    pub resource: Option<String>,
    /// `audience`, for authorization servers that know no `resource`. Default: none.
    pub audience: Option<String>,
}

/// What the gateway says about its callers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// Private key, PKCS#8 PEM: P-256 (signs ES256), P-384 (ES384) or Ed25519 (EdDSA).
    pub key: FilePath,
    /// For whom the JWT is, its `aud`. Default: the `url` of the upstream.
    pub audience: Option<String>,
    /// How long it counts, at most `5m`. Default: `60s`.
    pub lifetime: Option<Duration>,
}
