//! The key ring of one issuer: loads its key set, keeps it fresh, and never asks too often.
//!
//! Owns the cached key set. Guarantees: one load at a time, whoever asks (single flight); at most
//! one load per interval because of unknown key ids (S-09); keys that can still be used are used
//! while the issuer cannot be reached, up to [`JWKS_STALE_S`], then nobody is let in; a load goes
//! on when the caller who caused it goes away; the generation moves when a key is gone, so that
//! tokens that it signed end with it (S-10).
//!
//! No lock is held across an await.

pub use crate::limits::JWKS_RETRY_S;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::error::TokenError;
use super::keys::{Alg, KeySet};
use super::source::{KeysError, Loaded, Source};
use crate::clock::Clock;
use crate::limits::{JWKS_REFRESH_MIN_S, JWKS_STALE_S};
use crate::outbound::Outbound;

/// What every ring needs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    /// Ages are measured by it.
    pub clock: Clock,
    /// Fetches go through it.
    pub outbound: Arc<Outbound>,
    /// Owns the loads in flight.
    pub tasks: TaskTracker,
    /// Numbers of generations, never given twice, not even to two rings.
    pub generations: Arc<AtomicU64>,
}

/// The keys of one issuer from one source.
#[derive(Debug)]
pub struct KeyRing {
    issuer: Arc<str>,
    source: Source,
    services: Services,
    held: ArcSwapOption<Held>,
    generation: AtomicU64,
    progress: Mutex<Progress>,
}

/// A key set in use.
#[derive(Debug)]
pub struct Held {
    /// The keys.
    pub set: KeySet,
    /// Moves when a key of an earlier set is gone.
    pub generation: u64,
    loaded_at: Duration,
    fresh_for: Duration,
}

#[derive(Debug, Default)]
struct Progress {
    attempted_at: Option<Duration>,
    unknown_key_at: Option<Duration>,
    error: Option<KeysError>,
    /// Closed when the load in flight has ended.
    flight: Option<watch::Receiver<()>>,
}

/// Why keys are loaded.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// A token names a key that is not here. Anybody can cause it, so it has an interval of its
    /// own; loads for other reasons do not count, or a rotation just after one would be missed.
    UnknownKey,
    /// The keys are due, and the last attempt for any reason is at least this old.
    Due(Duration),
}

/// A load to wait for.
struct Load {
    flight: watch::Receiver<()>,
    begun: Begun,
}

/// Whether a load began because of who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Now,
    Earlier,
}

impl Load {
    async fn ended(&self) {
        // Ends by error when the load drops its end: that is the signal.
        let _ = self.flight.clone().changed().await;
    }
}

/// How a ring is doing, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// The issuer.
    pub issuer: Arc<str>,
    /// Keys that can be used now; zero when there are none or they are too old.
    pub keys: usize,
    /// Seconds since the keys were loaded.
    pub age_s: Option<u64>,
    /// Why the last load failed, if it did.
    pub error: Option<String>,
}

impl KeyRing {
    /// An empty ring; the first token or the first sweep fills it.
    #[must_use]
    pub fn new(issuer: Arc<str>, source: Source, services: Services) -> Self {
        let generation = AtomicU64::new(services.generations.fetch_add(1, Ordering::Relaxed));
        let (held, progress) = (ArcSwapOption::empty(), Mutex::default());
        Self { issuer, source, services, held, generation, progress }
    }

    /// Whether this ring holds the keys of `issuer` from `source`.
    #[must_use]
    pub fn is_of(&self, issuer: &str, source: &Source) -> bool {
        *self.issuer == *issuer && self.source == *source
    }

    /// The generation of the keys now; a token verified under another one is to be verified again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keys among which one answers to `alg` and `kid`. Loads the key set when there is none, when
    /// it is too old, or, at most once per [`JWKS_REFRESH_MIN_S`], when the id is unknown.
    ///
    /// Cancel-safe: the load goes on for others.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the current keys do not answer, [`TokenError::KeysUnavailable`]
    /// when there are no current keys, or when the load that could have told failed.
    pub async fn keys_for(
        self: &Arc<Self>,
        alg: Alg,
        kid: Option<&str>,
    ) -> Result<Arc<Held>, TokenError> {
        // A load that was under way already may have read the key set before the issuer added the
        // key that the token names: then it is no answer to this token, and the next one is.
        for _ in 0..2 {
            let cause = match self.usable() {
                Some(held) if held.set.knows(alg, kid) => return Ok(held),
                Some(_) => Cause::UnknownKey,
                None => Cause::Due(Duration::from_secs(JWKS_RETRY_S)),
            };
            let Some(load) = self.load_unless_recent(cause) else { break };
            load.ended().await;
            if load.begun == Begun::Now {
                break;
            }
        }
        match self.usable() {
            Some(held) if held.set.knows(alg, kid) => Ok(held),
            Some(_) if self.progress().error.is_none() => Err(TokenError::Key),
            Some(_) | None => Err(TokenError::KeysUnavailable),
        }
    }

    /// Starts a load when the keys are due for one; waits for its end.
    pub async fn refresh_if_due(self: &Arc<Self>) {
        let now = self.services.clock.monotonic();
        let wait = match self.held.load_full() {
            Some(held) if now.saturating_sub(held.loaded_at) < held.fresh_for => return,
            Some(held) => held.fresh_for.min(Duration::from_secs(JWKS_REFRESH_MIN_S)),
            None => Duration::from_secs(JWKS_RETRY_S),
        };
        if let Some(load) = self.load_unless_recent(Cause::Due(wait)) {
            load.ended().await;
        }
    }

    /// Time for which `held` may still be used.
    #[must_use]
    pub fn remaining(&self, held: &Held) -> Duration {
        let age = self.services.clock.monotonic().saturating_sub(held.loaded_at);
        Duration::from_secs(JWKS_STALE_S).saturating_sub(age)
    }

    /// How the ring is doing.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let now = self.services.clock.monotonic();
        let age = self.held.load().as_ref().map(|h| now.saturating_sub(h.loaded_at).as_secs());
        KeyStatus {
            issuer: Arc::clone(&self.issuer),
            keys: self.usable().map_or(0, |held| held.set.len()),
            age_s: age,
            error: self.progress().error.as_ref().map(ToString::to_string),
        }
    }

    fn usable(&self) -> Option<Arc<Held>> {
        self.held.load_full().filter(|held| !self.remaining(held).is_zero())
    }

    /// Joins the load in flight, or starts one, or does neither when the last one is too young.
    fn load_unless_recent(self: &Arc<Self>, cause: Cause) -> Option<Load> {
        let mut progress = self.progress();
        if let Some(flight) = progress.flight.as_ref().filter(|f| f.has_changed().is_ok()) {
            return Some(Load { flight: flight.clone(), begun: Begun::Earlier });
        }
        let now = self.services.clock.monotonic();
        let (last, wait) = match cause {
            Cause::UnknownKey => {
                (&mut progress.unknown_key_at, Duration::from_secs(JWKS_REFRESH_MIN_S))
            }
            Cause::Due(wait) => (&mut progress.attempted_at, wait),
        };
        if last.is_some_and(|at| now.saturating_sub(at) < wait) {
            return None;
        }
        *last = Some(now);
        progress.attempted_at = Some(now);
        let (done, flight) = watch::channel(());
        progress.flight = Some(flight.clone());
        let ring = Arc::clone(self);
        self.services.tasks.spawn(async move {
            ring.load().await;
            drop(done);
        });
        Some(Load { flight, begun: Begun::Now })
    }

    async fn load(&self) {
        let loaded = self.source.load(&self.services.outbound).await;
        let issuer = &*self.issuer;
        match loaded {
            Ok(Loaded { set, fresh_for }) => {
                tracing::debug!(issuer, keys = set.len(), ignored = set.ignored(), "keys loaded");
                self.progress().error = None;
                self.publish(set, fresh_for);
            }
            Err(error) => {
                tracing::warn!(issuer, %error, "keys of an issuer cannot be loaded");
                self.progress().error = Some(error);
            }
        }
    }

    fn publish(&self, set: KeySet, fresh_for: Duration) {
        let generation = match self.held.load_full() {
            Some(old) if set.keeps_all_of(&old.set) => old.generation,
            Some(_) => {
                tracing::info!(issuer = &*self.issuer, "an issuer removed a key");
                self.services.generations.fetch_add(1, Ordering::Relaxed)
            }
            None => self.generation(),
        };
        // First the number, then the keys: a token verified in between with the old keys carries
        // the old number and is verified again.
        self.generation.store(generation, Ordering::Release);
        let loaded_at = self.services.clock.monotonic();
        self.held.store(Some(Arc::new(Held { set, generation, loaded_at, fresh_for })));
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // A panic while the lock was held cannot leave these plain fields half-written.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
