//! Asks one issuer about one token (RFC 7662 section 2.1).
//!
//! Owns where the issuer is asked and when it is left alone. Assumes that [`crate::outbound`] keeps
//! the rules for requests. Guarantees that a token goes to this issuer only, and into no log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use url::Url;

use super::super::SetupError;
use super::super::jwks::Services;
use super::super::source::{KeysError, Member, discover, metadata_urls};
use super::answer::{self, AnswerError, Audience, Said};
use super::flights::Flights;
use crate::config::{self, IntrospectWhen};
use crate::limits::{JWKS_FRESH_S, JWKS_RETRY_S};
use crate::outbound::oauth::{OauthClient, OauthError};
use crate::outbound::{FetchError, Form};

/// Asks one issuer, with the settings of one route.
#[derive(Debug)]
pub(in crate::authn) struct Asker {
    issuer: Arc<str>,
    client: OauthClient,
    when: IntrospectWhen,
    pub(super) audience: Audience,
    pub(super) cache_s: u64,
    pub(super) negative_s: u64,
    pub(super) grace_s: u64,
    endpoint: Endpoint,
    /// The issuer is not asked before this moment.
    left_alone_until: Mutex<Duration>,
}

#[derive(Debug)]
enum Endpoint {
    Fixed(Url),
    Discovered(Arc<Discovered>),
}

#[derive(Debug)]
struct Discovered {
    issuer: Arc<str>,
    documents: [Url; 2],
    /// The address, and when it is to be looked up again.
    known: Mutex<Option<(Url, Duration)>>,
    flights: Flights<(), Result<Url, KeysError>>,
}

/// Why an issuer gave no answer. Holds nothing of the token.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("it is left alone for a moment")]
    LeftAlone,
    #[error(transparent)]
    Discovery(#[from] KeysError),
    #[error("its metadata cannot be looked up now")]
    Lookup,
    #[error(transparent)]
    Request(#[from] OauthError),
    #[error("it refuses the gateway as a client (status {0})")]
    Refused(u16),
    #[error("its answer has status {0}")]
    Status(u16),
    #[error("its answer is not application/json")]
    MediaType,
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Asker {
    pub(in crate::authn) fn new(
        issuer: &Arc<str>,
        how: &config::Introspection,
    ) -> Result<Self, SetupError> {
        let endpoint = match &how.endpoint {
            Some(url) => Endpoint::Fixed(url.clone()),
            None => Endpoint::Discovered(Arc::new(Discovered {
                issuer: Arc::clone(issuer),
                documents: metadata_urls(issuer)?,
                known: Mutex::default(),
                flights: Flights::new(1),
            })),
        };
        let client = OauthClient::of(&how.client, issuer).map_err(|error| SetupError::Client {
            issuer: Arc::clone(issuer),
            why: error.to_string(),
        })?;
        let audience = if how.audience_optional { Audience::Optional } else { Audience::Required };
        Ok(Self {
            issuer: Arc::clone(issuer),
            client,
            when: how.when,
            audience,
            cache_s: how.cache.as_secs(),
            negative_s: how.negative_cache.as_secs(),
            grace_s: how.grace.as_secs(),
            endpoint,
            left_alone_until: Mutex::default(),
        })
    }

    /// Whether the issuer is asked about JWTs too.
    pub(in crate::authn) fn confirms_jwts(&self) -> bool {
        self.when == IntrospectWhen::Always
    }

    /// What the issuer says, or `None` where it says nothing that counts; why is logged.
    pub(super) async fn ask(&self, services: &Services, token: &str) -> Option<Said> {
        let error = match self.question(services, token).await {
            Ok(said) => return Some(said),
            Err(AskError::LeftAlone) => return None,
            Err(error) => error,
        };
        tracing::warn!(issuer = &*self.issuer, %error, "an issuer cannot be asked about a token");
        if error.is_of_the_issuer() {
            let until = services.clock.monotonic() + Duration::from_secs(JWKS_RETRY_S);
            *lock(&self.left_alone_until) = until;
        }
        None
    }

    /// Asks about a text that is no token: whoever answers at all says that it is not active.
    pub(super) async fn try_out(&self, services: &Services, text: &str) -> Result<(), AskError> {
        self.question(services, text).await.map(drop)
    }

    async fn question(&self, services: &Services, token: &str) -> Result<Said, AskError> {
        if services.clock.monotonic() < *lock(&self.left_alone_until) {
            return Err(AskError::LeftAlone);
        }
        let url = match &self.endpoint {
            Endpoint::Fixed(url) => url.clone(),
            Endpoint::Discovered(discovered) => discovered.url(services).await?,
        };
        let form = Form::default().with("token", token).with("token_type_hint", "access_token");
        let now_s = services.clock.unix_s();
        let answer = self.client.post(&services.outbound, &url, form, now_s).await?;
        match answer.status {
            StatusCode::OK => {}
            // RFC 7662 section 2.3: the gateway's own credential was not accepted.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(AskError::Refused(answer.status.as_u16()));
            }
            other => return Err(AskError::Status(other.as_u16())),
        }
        // A signed answer (RFC 9701) would have to be verified; it is not asked for.
        if !answer.is("application/json") {
            return Err(AskError::MediaType);
        }
        Ok(answer::read(answer.body)?)
    }
}

impl AskError {
    /// Whether asking about another token would fail the same way. What a single token may have
    /// caused does not count: somebody who finds such a token could shut out everybody else.
    fn is_of_the_issuer(&self) -> bool {
        match self {
            Self::Discovery(_) | Self::Refused(_) => true,
            Self::Request(OauthError::Fetch(error)) => match error {
                FetchError::Scheme
                | FetchError::Url
                | FetchError::Resolve
                | FetchError::Address(_)
                | FetchError::Connect
                | FetchError::Tls(_) => true,
                FetchError::Http
                | FetchError::Redirect(_)
                | FetchError::Status(_)
                | FetchError::Encoded
                | FetchError::TooLarge(_)
                | FetchError::Timeout(_) => false,
            },
            Self::Request(OauthError::Secret | OauthError::Assertion)
            | Self::Lookup
            | Self::LeftAlone
            | Self::Status(_)
            | Self::MediaType
            | Self::Answer(_) => false,
        }
    }
}

impl Discovered {
    /// The address, looked up again from time to time. One that is known goes on serving while the
    /// metadata cannot be had.
    async fn url(self: &Arc<Self>, services: &Services) -> Result<Url, AskError> {
        let known = lock(&self.known).clone();
        if let Some((url, _)) = known.filter(|(_, until)| services.clock.monotonic() < *until) {
            return Ok(url);
        }
        let (own, with) = (Arc::clone(self), services.clone());
        let found =
            self.flights.join(&services.tasks, (), move || async move { own.look_up(&with).await });
        Ok(found.await.map_err(|_| AskError::Lookup)??)
    }

    async fn look_up(&self, services: &Services) -> Result<Url, KeysError> {
        let member = Member::Introspection;
        let found = discover(&services.outbound, &self.issuer, &self.documents, member).await;
        let mut known = lock(&self.known);
        let until = services.clock.monotonic() + Duration::from_secs(JWKS_FRESH_S);
        match (found, known.as_ref()) {
            (Ok(url), _) => {
                *known = Some((url.clone(), until));
                Ok(url)
            }
            (Err(error), Some((url, _))) => {
                let (issuer, url) = (&*self.issuer, url.clone());
                tracing::warn!(issuer, %error, "metadata of an issuer cannot be looked up again");
                *known = Some((url.clone(), until));
                Ok(url)
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave these plain values half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
