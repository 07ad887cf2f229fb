//! What is known of the provider: its metadata, mirrored, cached and kept fresh.
//!
//! Guarantees: one load at a time, whoever asks (single flight); no load sooner than
//! [`JWKS_RETRY_S`] after one that failed; metadata that can still be used is used while the
//! provider cannot be reached, up to [`JWKS_STALE_S`], then nobody is sent there. No lock is held
//! across an await, and no task is left behind: whoever waits drives the load.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use url::Url;

use super::mirror::{MirrorError, Mirrored, mirror};
use super::{Services, unreached};
use crate::authn::source::{KeysError, Metadata, metadata_urls};
use crate::clock::Clock;
use crate::config::{self, Server};
use crate::limits::{JWKS_FRESH_S, JWKS_REFRESH_MIN_S, JWKS_RETRY_S, JWKS_STALE_S};
use crate::outbound::Outbound;
use crate::reject::{Code, Rejection};

/// The provider behind one facade.
pub struct Provider {
    clock: Clock,
    plan: Arc<Plan>,
    held: ArcSwapOption<Held>,
    progress: Mutex<Progress>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.plan.settings.issuer)
    }
}

/// What a load needs.
struct Plan {
    server: Arc<Server>,
    settings: config::Facade,
    documents: [Url; 2],
    outbound: Arc<Outbound>,
    clock: Clock,
}

struct Held {
    known: Arc<Mirrored>,
    loaded_at: Duration,
    fresh_for: Duration,
}

#[derive(Default)]
struct Progress {
    attempted_at: Option<Duration>,
    error: Option<LoadError>,
    /// The load under way.
    flight: Option<Flight>,
}

type Flight = Shared<BoxFuture<'static, Result<Arc<Held>, LoadError>>>;

/// Why a load failed.
#[derive(Debug, Clone, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Read(#[from] KeysError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl From<&LoadError> for Rejection {
    fn from(error: &LoadError) -> Self {
        match error {
            LoadError::Read(KeysError::Fetch(error)) => unreached(error),
            LoadError::Read(_) | LoadError::Mirror(_) => {
                Self::new(Code::UpstreamInvalid, error.to_string())
            }
        }
    }
}

impl Provider {
    /// Nothing is known yet; the first who asks loads it. `None` for an issuer whose name is no
    /// address, which the configuration check excludes.
    pub fn new(
        server: &Arc<Server>,
        settings: &config::Facade,
        services: &Services,
    ) -> Option<Self> {
        let plan = Plan {
            server: Arc::clone(server),
            settings: settings.clone(),
            documents: metadata_urls(&settings.issuer).ok()?,
            outbound: Arc::clone(&services.outbound),
            clock: services.clock.clone(),
        };
        Some(Self {
            clock: services.clock.clone(),
            plan: Arc::new(plan),
            held: ArcSwapOption::empty(),
            progress: Mutex::default(),
        })
    }

    /// What is known of the provider now. Loads it when there is nothing or it is due.
    ///
    /// Cancel-safe: whoever asks next goes on with the load.
    ///
    /// # Errors
    /// 502 or 504 when nothing that can be used is there.
    pub async fn current(&self) -> Result<Arc<Mirrored>, Rejection> {
        let now = self.clock.monotonic();
        let held = self.held.load_full();
        let held = held.filter(|held| now.saturating_sub(held.loaded_at).as_secs() < JWKS_STALE_S);
        if let Some(held) = &held
            && now.saturating_sub(held.loaded_at) < held.fresh_for
        {
            return Ok(Arc::clone(&held.known));
        }
        if let Some((flight, own)) = self.take_off(now) {
            // Who has something to go on with does not wait for another's load, and moves it on a
            // little: the one who began it may have gone.
            let landed = match held.is_some() && !own {
                true => flight.clone().now_or_never(),
                false => Some(flight.clone().await),
            };
            if let Some(landed) = landed {
                self.land(&flight, &landed);
                if let Ok(new) = landed {
                    return Ok(Arc::clone(&new.known));
                }
            }
        }
        match (held, &self.progress().error) {
            (Some(held), _) => Ok(Arc::clone(&held.known)),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Err(Rejection::new(Code::UpstreamUnreachable, "no metadata yet")),
        }
    }

    /// The load under way, or one of the caller's own, or none because it would be too soon.
    fn take_off(&self, now: Duration) -> Option<(Flight, bool)> {
        let mut progress = self.progress();
        if let Some(flight) = &progress.flight {
            return Some((flight.clone(), false));
        }
        let pause = Duration::from_secs(JWKS_RETRY_S);
        if progress.attempted_at.is_some_and(|at| now.saturating_sub(at) < pause) {
            return None;
        }
        progress.attempted_at = Some(now);
        let plan = Arc::clone(&self.plan);
        let flight: Flight = async move { plan.load().await }.boxed().shared();
        progress.flight = Some(flight.clone());
        Some((flight, true))
    }

    /// Takes over what a load brought; the first of those who waited does.
    fn land(&self, flight: &Flight, landed: &Result<Arc<Held>, LoadError>) {
        let mut progress = self.progress();
        if !progress.flight.as_ref().is_some_and(|own| own.ptr_eq(flight)) {
            return;
        }
        progress.flight = None;
        match landed {
            Ok(held) => {
                progress.error = None;
                self.held.store(Some(Arc::clone(held)));
            }
            Err(error) => {
                let issuer = &*self.plan.settings.issuer;
                tracing::warn!(issuer, %error, "metadata of an issuer cannot be mirrored");
                progress.error = Some(error.clone());
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // A panic while the lock was held cannot leave these plain fields half-written.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    async fn load(&self) -> Result<Arc<Held>, LoadError> {
        let found = self.read().await?;
        let known = Arc::new(mirror(&self.server, &self.settings, &found)?);
        if known.names_itself && !self.settings.proxies_responses {
            tracing::warn!(
                issuer = &*self.settings.issuer,
                server = &*self.server.name,
                "answers of the issuer name the issuer, and clients that check it (RFC 9207) \
                 expect the facade: set `responses: proxy`"
            );
        }
        let shortest = Duration::from_secs(JWKS_REFRESH_MIN_S);
        let longest = Duration::from_secs(JWKS_FRESH_S);
        let fresh_for = found.max_age.unwrap_or(longest).clamp(shortest, longest);
        Ok(Arc::new(Held { known, loaded_at: self.clock.monotonic(), fresh_for }))
    }

    /// A document that is there and wrong tells more than one that is not there.
    async fn read(&self) -> Result<Metadata, KeysError> {
        let [first, second] = &self.documents;
        let issuer = &self.settings.issuer;
        let first = match Metadata::read(&self.outbound, issuer, first).await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let second = Metadata::read(&self.outbound, issuer, second).await;
        second.map_err(|second| if matches!(first, KeysError::Fetch(_)) { second } else { first })
    }
}
