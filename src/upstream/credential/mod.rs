//! How the gateway proves itself to a server, and on whose behalf.
//!
//! Owns the credentials towards one server. Guarantees (S-12): a caller's own token never goes to
//! a server, and nothing of a request can choose or replace a credential; one that stands for a
//! caller is used for this caller alone; each is asked for once at a time, whoever waits, kept
//! until shortly before it ends, and asked for again when the server refuses it. The caller's
//! token is shown to one party only, the authorization server that exchanges it (RFC 8693).

mod issue;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::UpstreamError;
use super::client::ClientError;
use crate::clock::Clock;
use crate::config::{self, CredentialSource as Source};
use crate::limits::{CREDENTIAL_CALLERS_MAX, CREDENTIAL_IDLE_S};
use crate::outbound::Outbound;
use crate::principal::{Principal, PrincipalKey};

use issue::Issuer;
pub use issue::key_set;
use slot::Slot;

/// What a forwarder needs to get credentials.
#[derive(Debug, Clone)]
pub struct Services {
    /// Time.
    pub clock: Clock,
    /// The client for authorization servers.
    pub outbound: Arc<Outbound>,
}

/// The credentials towards one server.
#[derive(Debug)]
pub(super) struct Authority {
    header: HeaderName,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Static(HeaderValue),
    /// One for the gateway as a whole.
    Own(Issuer, Arc<Slot>),
    /// One for each caller.
    Callers(Issuer, Callers),
}

/// For whom a request is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Badge(Option<Arc<Slot>>);

impl Authority {
    /// The credentials that the configuration asks for.
    ///
    /// # Errors
    /// When a secret cannot stand in a header, or a key cannot be used.
    pub(super) fn new(
        credential: &config::Credential,
        services: &Services,
    ) -> Result<Self, ClientError> {
        let header = credential.header.clone();
        let issued = |source| {
            Issuer::new(source, &header, services.clone()).map_err(|_| ClientError::Credential)
        };
        let kind = match &credential.source {
            Source::Static(value) => {
                let value = HeaderValue::from_bytes(value.expose());
                let mut value = value.map_err(|_| ClientError::Credential)?;
                value.set_sensitive(true);
                Kind::Static(value)
            }
            Source::ClientCredentials(_) => Kind::Own(issued(&credential.source)?, Arc::default()),
            Source::TokenExchange(_) | Source::Assertion(_) => {
                let callers = Callers::new(services.clock.clone());
                Kind::Callers(issued(&credential.source)?, callers)
            }
        };
        Ok(Self { header, kind })
    }

    /// Whether each caller has a credential of their own.
    pub(super) fn per_caller(&self) -> bool {
        matches!(self.kind, Kind::Callers(..))
    }

    /// Whether a caller's token is needed to get one.
    pub(super) fn wants_tokens(&self) -> bool {
        matches!(&self.kind, Kind::Callers(issuer, _) if issuer.exchanges())
    }

    /// The badge of a caller. Empty, and so of no use, where there is no room for another one.
    pub(super) fn badge(&self, who: &Principal) -> Badge {
        match &self.kind {
            Kind::Static(_) | Kind::Own(..) => Badge::default(),
            Kind::Callers(_, callers) => Badge(callers.slot(who)),
        }
    }

    /// Takes the token that a caller came with; the newest one is exchanged.
    pub(super) fn note(&self, who: &Principal, token: &[u8]) {
        if let Kind::Callers(_, callers) = &self.kind
            && let Some(slot) = callers.slot(who)
        {
            slot.note(token, who.expires_at_s);
        }
    }

    /// The header that proves the gateway. Cancel-safe.
    ///
    /// # Errors
    /// [`UpstreamError::Credential`] when there is none to be had.
    pub(super) async fn present(
        &self,
        badge: &Badge,
    ) -> Result<(HeaderName, HeaderValue), UpstreamError> {
        let value = match (&self.kind, &badge.0) {
            (Kind::Static(value), _) => value.clone(),
            (Kind::Own(issuer, own), _) => own.value(issuer).await?,
            (Kind::Callers(issuer, _), Some(slot)) => slot.value(issuer).await?,
            (Kind::Callers(..), None) => {
                return Err(UpstreamError::Credential("nobody whom it could stand for"));
            }
        };
        Ok((self.header.clone(), value))
    }

    /// The server refused the credential: the next call gets a new one.
    pub(super) fn refused(&self, badge: &Badge) {
        match (&self.kind, &badge.0) {
            (Kind::Static(_), _) | (Kind::Callers(..), None) => {}
            (Kind::Own(_, slot), _) | (Kind::Callers(..), Some(slot)) => slot.forget(),
        }
    }

    /// Forgets callers who have not come for a while.
    pub(super) fn sweep(&self) {
        if let Kind::Callers(_, callers) = &self.kind {
            callers.sweep();
        }
    }
}

/// Who has a credential.
#[derive(Debug)]
struct Callers {
    clock: Clock,
    slots: Mutex<HashMap<PrincipalKey, Arc<Slot>>>,
}

impl Callers {
    fn new(clock: Clock) -> Self {
        Self { clock, slots: Mutex::default() }
    }

    fn slot(&self, who: &Principal) -> Option<Arc<Slot>> {
        let now = self.clock.monotonic();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CREDENTIAL_CALLERS_MAX && !slots.contains_key(&who.key) {
            let unused = slots.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
            let oldest = unused.min_by_key(|(_, slot)| slot.used_at()).map(|(key, _)| *key);
            slots.remove(&oldest?);
        }
        let slot = slots.entry(who.key).or_default();
        slot.meet(who, now);
        Some(Arc::clone(slot))
    }

    fn sweep(&self) {
        let (now, idle) = (self.clock.monotonic(), Duration::from_secs(CREDENTIAL_IDLE_S));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || now.saturating_sub(slot.used_at()) < idle
        });
    }
}
