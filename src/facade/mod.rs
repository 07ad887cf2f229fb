//! The authorization-server facade: what MCP clients need of an authorization server and the
//! provider behind a route lacks.
//!
//! Owns the mirrored metadata and the four endpoints below a server's `/oauth/`. Assumes that
//! [`crate::hygiene`] judged host, path, method and media type. Guarantees: the gateway issues
//! nothing itself; a browser is sent to the configured provider's authorization endpoint, or, with
//! an answer of that provider, to an address that the configuration lists, and nowhere else;
//! requests go to the provider's token endpoint and nowhere else; what is passed on consists of
//! known parameters, each once, for this server's resource; sizes, times and rates are bounded;
//! no code, token or secret stands in an error or a record. Nothing is kept between requests.

mod authorize;
mod callback;
mod mirror;
mod parameters;
mod provider;
mod redirect;
mod register;
mod scopes;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::config::{self, OauthEndpoint, Server};
use crate::decode::BodyBudget;
use crate::exchange::Exchange;
use crate::hygiene::{Wellformed, facade_paths};
use crate::limits::FACADE_AT_ONCE_MAX;
use crate::net::policy::AddressKey;
use crate::outbound::{FetchError, Outbound};
use crate::reject::{Code, Rejection};
use crate::ticket::Tickets;
use provider::Provider;

/// The facade of one server.
#[derive(Debug)]
pub struct Facade {
    server: Arc<Server>,
    settings: config::Facade,
    services: Services,
    provider: Arc<Provider>,
    per_address: Option<Arc<Bucket<AddressKey>>>,
    slots: Arc<Semaphore>,
    published_at: Vec<String>,
}

/// What a facade needs of the process.
#[derive(Debug, Clone)]
pub struct Services {
    /// Time.
    pub clock: Clock,
    /// Requests to the provider go through it.
    pub outbound: Arc<Outbound>,
    /// Seals `state`.
    pub tickets: Arc<Tickets>,
    /// Memory of request bodies.
    pub budget: BodyBudget,
}

/// What an endpoint answers.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Header fields of its own.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// `client_id` of the request, for the record.
    pub client: Option<Box<str>>,
}

/// Status and size only: answers hold codes and tokens.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

impl Facade {
    /// The facade of a server that has one. What `before` learned of the provider, and its
    /// buckets, live on where their settings are the same.
    #[must_use]
    pub fn new(server: &Arc<Server>, services: Services, before: Option<&Self>) -> Option<Self> {
        let settings = server.facade.clone()?;
        let same = before
            .filter(|old| old.settings == settings && old.server.public_url == server.public_url);
        let provider = match same {
            Some(old) => Arc::clone(&old.provider),
            None => Arc::new(Provider::new(server, &settings, &services)?),
        };
        let per_address = settings.per_address.map(|rate| {
            let kept = before.and_then(|old| old.per_address.as_ref());
            let kept = kept.filter(|bucket| bucket.same_as(&rate)).map(Arc::clone);
            kept.unwrap_or_else(|| Arc::new(Bucket::new(rate, &services.clock)))
        });
        let slots = before.map_or_else(
            || Arc::new(Semaphore::new(FACADE_AT_ONCE_MAX)),
            |old| Arc::clone(&old.slots),
        );
        let published_at = facade_paths(&server.public_url);
        let server = Arc::clone(server);
        Some(Self { server, settings, services, provider, per_address, slots, published_at })
    }

    /// Whether the facade's metadata stands at this path.
    #[must_use]
    pub fn is_published_at(&self, path: &str) -> bool {
        self.published_at.iter().any(|own| own == path)
    }

    /// The metadata (RFC 8414).
    ///
    /// # Errors
    /// 502 or 504 when that of the provider cannot be had, or cannot be mirrored.
    pub async fn document(&self) -> Result<Bytes, Rejection> {
        Ok(self.provider.current().await?.document.clone())
    }

    /// Asks an endpoint.
    ///
    /// # Errors
    /// 4xx for what is refused, 429 above a limit, 502, 503 and 504 when the provider cannot be
    /// asked; each with the `error` that OAuth has for it.
    pub async fn ask(
        &self,
        ex: Exchange<Wellformed>,
        endpoint: OauthEndpoint,
    ) -> Result<Reply, Rejection> {
        self.count(&ex)?;
        match endpoint {
            OauthEndpoint::Authorize => self.authorize(ex.uri().query().unwrap_or_default()).await,
            OauthEndpoint::Callback => self.callback(ex.uri().query().unwrap_or_default()).await,
            OauthEndpoint::Token => self.token(ex).await,
            OauthEndpoint::Register => self.register(ex).await,
        }
    }

    /// Forgets addresses whose share is full again.
    pub fn sweep(&self) {
        if let Some(bucket) = &self.per_address {
            bucket.sweep();
        }
    }

    /// Anybody may ask, so each address has a share.
    fn count(&self, ex: &Exchange<Wellformed>) -> Result<(), Rejection> {
        let Some(bucket) = &self.per_address else { return Ok(()) };
        match bucket.take(&AddressKey::of(ex.client_ip())) {
            Ok(_) => Ok(()),
            Err(wait) => {
                let story = format!("endpoints of the facade, client address: {wait}");
                let mut refused =
                    Rejection::new(Code::RateLimited, story).retry_after(wait.seconds);
                refused.rate_limit = Some(wait.headers("oauth"));
                Err(refused)
            }
        }
    }

    /// A place among the requests to the provider.
    fn slot(&self) -> Result<SemaphorePermit<'_>, Rejection> {
        let full = "too many requests to the authorization server under way";
        self.slots.try_acquire().map_err(|_| Rejection::new(Code::Busy, full).retry_after(1))
    }

    /// The address of one of its own endpoints, from the public URL alone.
    fn address(&self, endpoint: OauthEndpoint) -> String {
        address(&self.server, endpoint)
    }

    /// Whether a `resource` is this server. URL libraries write an origin with a slash behind it.
    fn is_own(&self, resource: &str) -> bool {
        let own = &*self.server.resource;
        resource == own
            || (self.server.public_url.path() == "/" && resource.strip_suffix('/') == Some(own))
    }
}

fn address(server: &Server, endpoint: OauthEndpoint) -> String {
    let origin = server.public_url.origin().ascii_serialization();
    let path = endpoint.path_on(server).unwrap_or_default();
    format!("{origin}{path}")
}

/// A refusal in the words of OAuth. The story names no value.
fn refused(error: &'static str, story: &'static str) -> Rejection {
    let mut rejection = Rejection::new(Code::ParamsInvalid, story);
    rejection.oauth = Some(error);
    rejection
}

/// A refusal because of how the provider could be reached.
fn unreached(error: &FetchError) -> Rejection {
    let code = match error {
        FetchError::Timeout(_) => Code::UpstreamTimeout,
        FetchError::Resolve | FetchError::Address(_) | FetchError::Connect | FetchError::Tls(_) => {
            Code::UpstreamUnreachable
        }
        FetchError::Scheme
        | FetchError::Url
        | FetchError::Http
        | FetchError::Redirect(_)
        | FetchError::Status(_)
        | FetchError::Encoded
        | FetchError::TooLarge(_) => Code::UpstreamInvalid,
    };
    Rejection::new(code, format!("the authorization server: {error}"))
}

/// Sends a browser on.
fn see(location: &str, client: Option<Box<str>>) -> Result<Reply, Rejection> {
    let mut value = HeaderValue::from_str(location)
        .map_err(|_| Rejection::new(Code::Internal, "an address cannot be sent"))?;
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(LOCATION, value)]);
    Ok(Reply { status: StatusCode::FOUND, headers, body: Bytes::new(), client })
}

/// An answer in JSON.
fn json(status: StatusCode, body: Bytes, client: Option<Box<str>>) -> Reply {
    let media_type = HeaderValue::from_static("application/json");
    Reply { status, headers: HeaderMap::from_iter([(CONTENT_TYPE, media_type)]), body, client }
}

/// Adds parameters to an address, which may have some already (RFC 6749 section 3.1).
fn with_query<'a>(
    address: &Url,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut address = address.clone();
    address.query_pairs_mut().extend_pairs(parameters);
    address.into()
}
