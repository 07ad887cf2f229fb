//! A protected route for tests: its configuration, its judge, its clock.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use sallyport::authn::{Authenticator, Authn, RequestHead};
use sallyport::clock::Clock;
use sallyport::config::{
    Access, Auth, Claims, Endpoint, EraPin, Guard, GuardMode, Issuer as Trust, KeySource, Profile,
    Proof, Redact, RouteLimits, Server, TokenType, Transport, Upstream,
};
use sallyport::outbound::{Outbound, Settings};
use sallyport::principal::{CertificateIdentity, Principal};
use sallyport::reject::Rejection;
use url::Url;

use crate::issuer::{AUDIENCE, Issuer, NOW};

/// The process-wide part with a manual clock that shows [`NOW`].
pub struct Process {
    pub clock: Clock,
    pub authn: Arc<Authn>,
}

impl Process {
    pub fn start() -> Self {
        Self::by(Clock::manual(NOW))
    }

    pub fn by(clock: Clock) -> Self {
        Self::of(clock, Outbound::new(None, Vec::new()).unwrap())
    }

    /// Whose requests have these settings.
    pub fn with(outbound: Settings) -> Self {
        Self::of(Clock::manual(NOW), Outbound::with(outbound))
    }

    fn of(clock: Clock, outbound: Outbound) -> Self {
        let outbound = Arc::new(outbound);
        let authn = Authn::new(clock.clone(), outbound).unwrap();
        Self { clock, authn }
    }

    pub fn route(&self, auth: Auth) -> Route {
        self.route_of(&server(AUDIENCE, auth))
    }

    pub fn route_of(&self, server: &Server) -> Route {
        Route { judge: Authenticator::new(&self.authn, server).unwrap() }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub struct Route {
    judge: Authenticator,
}

impl Route {
    pub async fn call(&self, token: &str) -> Result<Arc<Principal>, Rejection> {
        self.call_with(&headers(&[&format!("Bearer {token}")])).await
    }

    /// The label under which a token is refused.
    pub async fn reason(&self, token: &str) -> Option<&'static str> {
        self.call(token).await.err().and_then(|refused| refused.reason)
    }

    pub async fn call_with(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Rejection> {
        self.call_from(headers, None).await
    }

    pub async fn call_from(
        &self,
        headers: &HeaderMap,
        certificate: Option<&Arc<CertificateIdentity>>,
    ) -> Result<Arc<Principal>, Rejection> {
        let (method, path) = (&Method::POST, "/mcp");
        self.judge
            .identify(&RequestHead {
                method,
                path,
                headers,
                client: CLIENT,
                certificate,
                proven: None,
            })
            .await
    }

    /// Another request than `POST /mcp`.
    pub async fn identify(&self, head: &RequestHead<'_>) -> Result<Arc<Principal>, Rejection> {
        self.judge.identify(head).await
    }
}

pub fn headers(authorization: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append("authorization", HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// Trust in an issuer by the address of its keys, ES256 only, the route's own audience.
pub fn trust(issuer: &Issuer) -> Trust {
    Trust {
        issuer: Arc::from(issuer.url()),
        keys: KeySource::Url(Url::parse(&issuer.jwks_url()).unwrap()),
        algorithms: vec!["ES256".to_owned()],
        audiences: Vec::new(),
        token_type: TokenType::AccessToken,
        clock_skew: Duration::from_secs(30),
        roles_claim: None,
        tenant_claim: None,
        introspection: None,
        claims: Claims::default(),
        development_key: None,
    }
}

pub fn tokens(trust: impl IntoIterator<Item = Trust>) -> Auth {
    Auth::Tokens(trust.into_iter().map(Arc::new).collect())
}

pub fn server(public_url: &str, auth: Auth) -> Server {
    Server {
        name: Arc::from("crm"),
        public_url: Url::parse(public_url).unwrap(),
        resource: Arc::from(public_url),
        path: "/mcp".to_owned(),
        hosts: vec!["mcp.example".to_owned()],
        origins: Vec::new(),
        client_identities: Vec::new(),
        profile: Profile::Mcp,
        upstream: Upstream {
            transport: Transport::Streamable(Endpoint {
                url: Url::parse("http://127.0.0.1:9/mcp").unwrap(),
                socket: None,
            }),
            era: EraPin::Auto,
            credential: None,
            identity: None,
            ca: None,
            connect_timeout: Duration::from_secs(1),
            head_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            stream_idle_timeout: Duration::from_secs(1),
            answer_bytes_max: 1024,
        },
        auth,
        proof: Proof::default(),
        access: Access::default(),
        limits: RouteLimits::default(),
        guard: Guard {
            path: GuardMode::Off,
            url: GuardMode::Off,
            sql: GuardMode::Off,
            shell: GuardMode::Off,
            hidden_text: GuardMode::Off,
        },
        redact: Redact::default(),
        allow_networks: Vec::new(),
        body_bytes_max: 1024,
        batches: false,
        http_sse: None,
        url_hosts: Vec::new(),
        tool_pins: None,
        facade: None,
        roles: Vec::new(),
        views: Vec::new(),
        tool_shapes: None,
        policy: None,
    }
}

/// Where requests come from.
pub const CLIENT: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
