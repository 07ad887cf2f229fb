//! The second gate: is this a request that can be read in only one way, for something served here?
//!
//! Owns [`Edge`], the table of host names and paths, and the witness [`Wellformed`]. Assumes that
//! the wire guard refused malformed framing and that [`crate::net`] found the client's address.
//! Guarantees, before any token is looked at: one host name out of the list, one exact path with no
//! normalisation, an allowed client network, an absent or listed `Origin`, a method that this path
//! has, no repeated field that matters for security, and a body that is declared as plain JSON.
//!
//! What a request may do is decided later; here only its outside is judged.

mod cors;
mod fields;
mod host;
mod routes;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri, header};

pub use cors::Cors;
pub use fields::stream_of;
pub use routes::{facade_paths, metadata_url};

use crate::config::{Auth, Config, OauthEndpoint, Server};
use crate::exchange::Exchange;
use crate::net::Vetted;
use crate::net::client::is_in;
use crate::reject::{Code, Rejection};
use routes::{Place, Site, Sites};

/// Everything that is served: which server stands behind which host name and path.
#[derive(Debug)]
pub struct Edge {
    servers: Vec<Arc<Server>>,
    sites: Sites,
}

/// What a request is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The MCP endpoint of the server; the method is POST, GET or DELETE.
    Mcp,
    /// The address of HTTP+SSE clients: GET opens a stream, POST with the stream's id in the query
    /// sends a message (MCP 2024-11-05).
    Sse,
    /// A path of the server's REST routes. Its segments are plain (see [`Edge::check`]); method and
    /// template are matched by the decode stage.
    Rest,
    /// A public document about the server; needs no token, and any origin may read it.
    Metadata(Document),
    /// An endpoint of the authorization-server facade; needs no token.
    Oauth(OauthEndpoint),
    /// A CORS preflight, which has no meaning of its own: answered with [`Wellformed::cors`].
    Preflight,
}

/// Public documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Protected resource metadata, RFC 9728.
    ProtectedResource,
    /// The keys with which the server behind checks the gateway's assertions, RFC 7517.
    Keys,
    /// Metadata of an authorization server, RFC 8414 or OpenID Connect Discovery. The gateway is
    /// none, unless the server has a facade; but clients look for it here before they ask
    /// elsewhere, and pages among them can only read an answer that CORS opens to them, a 404 too.
    AuthorizationServer,
}

/// How a refusal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON-RPC 2.0 error object: what clients of an MCP endpoint can read.
    JsonRpc,
    /// `application/problem+json`, RFC 9457.
    Problem,
    /// An error of OAuth, RFC 6749 section 5.2.
    Oauth,
}

impl Target {
    /// How refusals are written for this target.
    #[must_use]
    pub fn shape(self) -> Shape {
        match self {
            Self::Mcp | Self::Sse => Shape::JsonRpc,
            Self::Rest | Self::Metadata(_) | Self::Preflight => Shape::Problem,
            Self::Oauth(_) => Shape::Oauth,
        }
    }
}

/// Proof that the outside of the request is sound, and for which server it is.
#[derive(Debug)]
pub struct Wellformed {
    base: Vetted,
    server: Arc<Server>,
    judged: Judged,
}

impl Wellformed {
    /// The server whose endpoint, route or document is asked for.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The place of that server in [`Config::servers`]: where per-server tables keep its entry.
    #[must_use]
    pub fn server_index(&self) -> usize {
        self.judged.server
    }

    /// What of it is asked for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.judged.target
    }

    /// How refusals are written from here on.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.judged.target.shape()
    }

    /// Which page may read the answer.
    #[must_use]
    pub fn cors(&self) -> &Cors {
        &self.judged.cors
    }
}

impl Deref for Wellformed {
    type Target = Vetted;

    fn deref(&self) -> &Vetted {
        &self.base
    }
}

/// What was found out about one request head.
#[derive(Debug, PartialEq, Eq)]
struct Judged {
    server: usize,
    target: Target,
    cors: Cors,
}

impl Edge {
    /// The table of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { servers: config.servers.clone(), sites: Sites::new(&config.servers) }
    }

    /// Judges the outside of a request (S-42 to S-46, S-52).
    ///
    /// # Errors
    /// [`Code::UpgradeRefused`], [`Code::HeaderInvalid`], [`Code::HostRefused`],
    /// [`Code::RouteUnknown`], [`Code::AddressRefused`], [`Code::OriginRefused`],
    /// [`Code::MethodNotAllowed`], [`Code::EncodingRefused`], [`Code::MediaTypeRefused`],
    /// [`Code::NotAcceptable`]: checked in this order.
    pub fn check(&self, ex: Exchange<Vetted>) -> Result<Exchange<Wellformed>, Rejection> {
        let judged = self.judge(ex.method(), ex.uri(), ex.headers(), ex.client_ip())?;
        let server = Arc::clone(self.server(judged.server)?);
        Ok(ex.advance(|base| Wellformed { base, server, judged }))
    }

    /// For which server a request seems to be, and how a refusal of it is best written.
    ///
    /// For the record and the answer of requests that are refused before [`Edge::check`] let them
    /// through. Proves nothing.
    #[must_use]
    pub fn locate(&self, uri: &Uri, headers: &HeaderMap) -> Option<(&Arc<Server>, Shape)> {
        let (server, place) = self.site(uri, headers).ok()?.find(uri, &self.servers)?;
        Some((self.servers.get(server)?, place.target().shape()))
    }

    fn judge(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Result<Judged, Rejection> {
        fields::refuse_upgrade(method, headers)?;
        fields::refuse_repeated(headers)?;
        let (index, place) = self
            .site(uri, headers)?
            .find(uri, &self.servers)
            .ok_or_else(|| Rejection::new(Code::RouteUnknown, "no server has exactly this path"))?;
        let server = self.server(index)?;
        if !server.allow_networks.is_empty() && !is_in(&server.allow_networks, client) {
            return Err(Rejection::new(
                Code::AddressRefused,
                format!("the client's address `{client}` is in no allowed network"),
            ));
        }
        let cors = match place {
            Place::Mcp | Place::Sse | Place::Rest => cors::listed_origin(headers, &server.origins)?,
            Place::Metadata(_) => Cors::Any,
            Place::Oauth(endpoint) => cors::of_endpoint(endpoint),
        };
        if method == Method::OPTIONS && cors::is_preflight(place, &cors, headers) {
            return Ok(Judged { server: index, target: Target::Preflight, cors });
        }
        match place {
            Place::Mcp => fields::check_mcp(method, headers, anonymous(server, headers))?,
            Place::Sse => fields::check_sse(method, uri.query(), headers)?,
            Place::Rest => fields::check_rest(method, headers)?,
            Place::Metadata(_) => fields::check_metadata(method)?,
            Place::Oauth(endpoint) => fields::check_oauth(endpoint, method, headers)?,
        }
        Ok(Judged { server: index, target: place.target(), cors })
    }

    /// The site of the one host name that the request names.
    fn site(&self, uri: &Uri, headers: &HeaderMap) -> Result<&Site, Rejection> {
        let name = host::name(uri, headers)?;
        self.sites.of(&name).ok_or_else(|| {
            Rejection::new(Code::HostRefused, "the host name is not one of this gateway's")
        })
    }

    fn server(&self, index: usize) -> Result<&Arc<Server>, Rejection> {
        // Indexes come from the table itself.
        self.servers
            .get(index)
            .ok_or_else(|| Rejection::new(Code::Internal, "the route table names no such server"))
    }
}

/// Whether authentication will refuse this request for want of a token, whatever else it says.
fn anonymous(server: &Server, headers: &HeaderMap) -> bool {
    matches!(server.auth, Auth::Tokens(_)) && !headers.contains_key(header::AUTHORIZATION)
}
