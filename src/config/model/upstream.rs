//! Where calls go: the server behind the gateway and how it is reached.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::OauthClient;
use crate::secret::Secret;

/// Where calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// How messages reach the server.
    pub transport: Transport,
    /// Which era of the protocol the server speaks.
    pub era: EraPin,
    /// What authenticates the gateway, or its caller, to the upstream. HTTP only.
    pub credential: Option<Credential>,
    /// The certificate that the gateway shows to an `https` upstream.
    pub identity: Option<ClientIdentity>,
    /// Extra certificate authorities for `https` upstreams, PEM file.
    pub ca: Option<PathBuf>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time to the head of the answer; for a process, to take a message.
    pub head_timeout: Duration,
    /// Longest silence in a JSON answer.
    pub idle_timeout: Duration,
    /// Longest silence in an event stream.
    pub stream_idle_timeout: Duration,
    /// Largest JSON answer, single event or line in bytes.
    pub answer_bytes_max: usize,
}

impl Upstream {
    /// Where the server is reached over HTTP; `None` for a process.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.transport.endpoint()
    }
}

/// How messages reach a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP of either era, and the plain HTTP of the REST profile.
    Streamable(Endpoint),
    /// HTTP+SSE, MCP 2024-11-05.
    HttpSse(Endpoint),
    /// A child process, one JSON-RPC message in a line.
    Stdio(Command),
}

impl Transport {
    /// Where the server is reached over HTTP; `None` for a process.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Streamable(endpoint) | Self::HttpSse(endpoint) => Some(endpoint),
            Self::Stdio(_) => None,
        }
    }
}

/// An address that speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The server's endpoint. REST profile: the base to which paths are appended.
    pub url: Url,
    /// A Unix domain socket to connect to instead of the URL's host and port.
    pub socket: Option<PathBuf>,
}

/// A program and everything that it is started with. Nothing of it comes from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, by its whole path.
    pub program: PathBuf,
    /// Its arguments; no shell sees them.
    pub args: Vec<String>,
    /// Its whole environment: what is not here, it does not have.
    pub env: Vec<(String, Secret)>,
    /// Its working directory, by its whole path.
    pub dir: PathBuf,
    /// Processes at once.
    pub processes_max: usize,
}

/// Which era of the protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EraPin {
    /// It is found out, once.
    Auto,
    /// With handshake and sessions: 2024-11-05 to 2025-11-25.
    Legacy,
    /// Stateless: 2026-07-28 and later.
    Modern,
}

/// A credential towards an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Header name, `authorization` by default.
    pub header: http::HeaderName,
    /// Where its value comes from.
    pub source: CredentialSource,
}

/// Where a credential comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// The whole header value.
    Static(Secret),
    /// A token for the gateway (RFC 6749 section 4.4).
    ClientCredentials(TokenRequest),
    /// A token for the caller, in exchange for the caller's own (RFC 8693).
    TokenExchange(TokenRequest),
    /// A statement of the gateway about its caller.
    Assertion(Assertion),
}

/// What an authorization server is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Its token endpoint.
    pub endpoint: Url,
    /// The gateway as its client.
    pub client: OauthClient,
    /// `scope`; empty leaves it out.
    pub scopes: Vec<String>,
    /// `resource` (RFC 8707).
    pub resource: Option<String>,
    /// `audience` (RFC 8693 section 2.1, and servers that know no `resource`).
    pub audience: Option<String>,
}

/// A statement of the gateway about its caller, as a signed JWT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Private key, PKCS#8 PEM.
    pub key: Secret,
    /// `iss`.
    pub issuer: Arc<str>,
    /// `aud`.
    pub audience: Arc<str>,
    /// How long it counts.
    pub lifetime: Duration,
}

/// The certificate that the gateway shows. PEM, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Chain, leaf first.
    pub chain: Arc<[u8]>,
    /// Private key.
    pub key: Secret,
}
