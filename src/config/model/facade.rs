//! The authorization-server facade as it is meant.

use std::sync::Arc;

use super::{Rate, Server};

/// The facade of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facade {
    /// Identifier of the authorization server behind it.
    pub issuer: Arc<str>,
    /// What becomes of `resource` (RFC 8707).
    pub resource: ResourceShim,
    /// What is put before scopes.
    pub scope_prefix: Option<String>,
    /// Whether answers of the authorization server come through the gateway.
    pub proxies_responses: bool,
    /// `client_id` with which registrations are answered.
    pub client_id: Option<String>,
    /// Where answers may be sent. Empty: what the authorization server allows.
    pub redirect_uris: Vec<RedirectUri>,
    /// S256 is supported although the metadata does not say so.
    pub assume_pkce: bool,
    /// Whether client credentials are a grant type here.
    pub client_credentials: bool,
    /// Requests of one address to the facade's endpoints.
    pub per_address: Option<Rate>,
}

/// What becomes of the `resource` that clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceShim {
    /// It is passed on.
    Keep,
    /// It is taken out.
    Strip,
    /// `audience` stands in its place.
    Audience(String),
    /// A scope stands in its place.
    Scope(String),
}

/// Where an authorization server's answer may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectUri {
    /// A program on the user's machine, any port and path (RFC 8252 section 7.3).
    Loopback,
    /// The same with this host and path, any port.
    LoopbackAt {
        /// `127.0.0.1`, `[::1]` or `localhost`.
        host: &'static str,
        /// With its leading slash.
        path: String,
    },
    /// Exactly this.
    Exact(String),
}

impl Facade {
    /// Whether authorization and token requests come to the gateway. Otherwise clients make them
    /// where the authorization server says.
    #[must_use]
    pub fn forwards(&self) -> bool {
        self.resource != ResourceShim::Keep || self.scope_prefix.is_some() || self.proxies_responses
    }
}

/// An endpoint of the facade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OauthEndpoint {
    /// Browsers begin here (RFC 6749 section 3.1).
    Authorize,
    /// Answers of the authorization server come here.
    Callback,
    /// Clients redeem codes and refresh tokens here (RFC 6749 section 3.2).
    Token,
    /// Clients register here (RFC 7591 section 3).
    Register,
}

impl OauthEndpoint {
    /// Every endpoint.
    pub const ALL: [Self; 4] = [Self::Authorize, Self::Callback, Self::Token, Self::Register];

    /// The last segment of its path.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Callback => "callback",
            Self::Token => "token",
            Self::Register => "register",
        }
    }

    /// What records call a request to it.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::Authorize => "oauth/authorize",
            Self::Callback => "oauth/callback",
            Self::Token => "oauth/token",
            Self::Register => "oauth/register",
        }
    }

    /// Its path on a server: the endpoint's own and `/oauth/` and the name. `None` where the
    /// server's facade does without it.
    #[must_use]
    pub fn path_on(self, server: &Server) -> Option<String> {
        let facade = server.facade.as_ref()?;
        let exists = match self {
            Self::Authorize | Self::Token => facade.forwards(),
            Self::Callback => facade.proxies_responses,
            Self::Register => facade.client_id.is_some(),
        };
        let base = server.public_url.path().trim_end_matches('/');
        exists.then(|| format!("{base}/oauth/{}", self.name()))
    }
}
