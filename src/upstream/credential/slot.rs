//! One credential in use, and what is needed to get the next one.
//!
//! Guarantees: one request for it at a time; while it is good, nobody waits for its successor; a
//! failure is not repeated at once; tokens are wiped when they are replaced.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use super::issue::{Issued, Issuer};
use crate::limits::CREDENTIAL_RETRY_MS;
use crate::principal::Principal;
use crate::secret::Secret;
use crate::upstream::UpstreamError;

/// A credential, held or to be had.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    caller: Option<Caller>,
    subject: Option<Subject>,
    held: Option<Issued>,
    failed_at: Option<Duration>,
    used_at: Duration,
    /// Moves when what is held, or being got, is of no use any more.
    round: u64,
}

impl State {
    fn begin_anew(&mut self) {
        self.held = None;
        self.round = self.round.wrapping_add(1);
    }
}

/// What of a caller an assertion says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) subject: Arc<str>,
    pub(super) issuer: Arc<str>,
    pub(super) client_id: Option<Arc<str>>,
    pub(super) tenant: Option<Arc<str>>,
    pub(super) method: &'static str,
}

/// The token that a caller came with.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) token: Secret,
    pub(super) expires_at_s: Option<u64>,
}

impl Slot {
    /// The caller came, with these facts.
    pub(super) fn meet(&self, who: &Principal, now: Duration) {
        let mut state = self.state();
        state.used_at = now;
        let caller = Caller {
            subject: Arc::clone(&who.subject),
            issuer: Arc::clone(&who.issuer),
            client_id: who.client_id.clone(),
            tenant: who.tenant.clone(),
            method: who.method.name(),
        };
        if state.caller.as_ref() != Some(&caller) {
            state.caller = Some(caller);
            state.begin_anew();
        }
    }

    /// The caller came with this token. What was got for another one is not used any more.
    pub(super) fn note(&self, token: &[u8], expires_at_s: Option<u64>) {
        let mut state = self.state();
        if state.subject.as_ref().is_none_or(|known| !known.token.matches(token)) {
            let token = Secret::new(token.to_vec());
            state.subject = Some(Subject { token, expires_at_s });
            state.failed_at = None;
            state.begin_anew();
        }
    }

    /// When the caller last came.
    pub(super) fn used_at(&self) -> Duration {
        self.state().used_at
    }

    /// What was got is of no use.
    pub(super) fn forget(&self) {
        self.state().begin_anew();
    }

    pub(super) fn caller(&self) -> Option<Caller> {
        self.state().caller.clone()
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        self.state().subject.clone()
    }

    /// The credential, got anew where it is due.
    pub(super) async fn value(&self, issuer: &Issuer) -> Result<HeaderValue, UpstreamError> {
        let now_s = issuer.clock().unix_s();
        let good = match self.good(now_s) {
            Some((value, false)) => return Ok(value),
            Some((value, true)) => Some(value),
            None => None,
        };
        let _turn = match &good {
            // Somebody else is asking; what there is serves meanwhile.
            Some(value) => match self.asking.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(value.clone()),
            },
            None => self.asking.lock().await,
        };
        if let Some((value, false)) = self.good(now_s) {
            return Ok(value);
        }
        let now = issuer.clock().monotonic();
        let pause = Duration::from_millis(CREDENTIAL_RETRY_MS);
        let (failed_at, round) = {
            let state = self.state();
            (state.failed_at, state.round)
        };
        if failed_at.is_some_and(|at| now.saturating_sub(at) < pause) {
            return good.ok_or(UpstreamError::Credential("it could not be had a moment ago"));
        }
        match issuer.issue(self).await {
            Ok(issued) => {
                let value = issued.value.clone();
                let mut state = self.state();
                state.failed_at = None;
                // For a caller who came with another token meanwhile it is not kept.
                state.held = Some(issued).filter(|_| state.round == round);
                Ok(value)
            }
            Err(error) => {
                tracing::warn!(%error, "a credential towards a server cannot be had");
                self.state().failed_at = Some(now);
                good.ok_or(error)
            }
        }
    }

    /// What is held and has not ended, and whether its successor is due.
    fn good(&self, now_s: u64) -> Option<(HeaderValue, bool)> {
        let state = self.state();
        let held = state.held.as_ref().filter(|held| held.expires_at_s > now_s)?;
        Some((held.value.clone(), held.refresh_at_s <= now_s))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
