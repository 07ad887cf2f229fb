//! Whether the caller of an exchange still stands as it did when it was let in.
//!
//! Authentication asked once. What lasts (a stream, a call that waits for its server) is asked
//! again here: when somebody is revoked anywhere, when a session ends, and on a timer. The
//! gateway's own errands are not asked: ending a revoked session needs one.

use std::sync::Arc;

use crate::authn::Authn;
use crate::decode::Decoded;
use crate::exchange::Exchange;
use crate::principal::Principal;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::revocation::{Refused, Revocations, Wake};

/// The caller of one exchange, and its session.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    revocations: Arc<Revocations>,
    principal: Arc<Principal>,
    /// Its session, as records show it.
    session: Option<Box<str>>,
}

impl Standing {
    /// Of an exchange that passed the request gate; `None` for the gateway's own errands.
    pub(super) fn of(authn: &Authn, ex: &Exchange<Recorded>) -> Option<Self> {
        if ex.vouched().is_some() {
            return None;
        }
        Some(Self {
            revocations: Arc::clone(authn.revocations()),
            principal: Arc::clone(ex.principal()),
            session: ex.session().map(|session| session.hash().into()),
        })
    }

    /// Whether it may go on.
    pub(super) fn judge(&self) -> Result<(), Rejection> {
        self.revocations.judge(&self.principal).map_err(cut)?;
        match &self.session {
            None => Ok(()),
            Some(session) => self.revocations.judge_session(session).map_err(cut),
        }
    }

    /// What says that it is time to ask.
    pub(super) fn wake(&self) -> Wake {
        self.revocations.wake()
    }

    /// Waits until it may not go on. Cancel-safe.
    pub(super) async fn lost(&self) -> Rejection {
        let mut wake = self.wake();
        loop {
            if let Err(rejection) = self.judge() {
                return rejection;
            }
            wake.changed().await;
        }
    }
}

/// Whether a decoded request may use its session.
///
/// # Errors
/// [`Code::SessionUnknown`], as for every session that has ended.
pub(super) fn session_stands(
    revocations: &Revocations,
    ex: &Exchange<Decoded>,
) -> Result<(), Rejection> {
    let Some(session) = ex.session().filter(|_| ex.vouched().is_none()) else { return Ok(()) };
    revocations
        .judge_session(session.hash())
        .map_err(|refused| Rejection::new(Code::SessionUnknown, said(&refused)))
}

fn cut(refused: Refused) -> Rejection {
    let code = match refused {
        Refused::Revoked { .. } => Code::StreamRevoked,
        Refused::Unreadable => Code::RevocationUnavailable,
    };
    Rejection::new(code, said(&refused))
}

fn said(refused: &Refused) -> String {
    match refused {
        Refused::Revoked { id, kind } => format!("revoked by entry `{id}`, by its {}", kind.name()),
        Refused::Unreadable => "a store of revocations cannot be read".to_owned(),
    }
}
