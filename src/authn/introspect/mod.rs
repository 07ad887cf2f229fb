//! Introspection: the issuer itself says whether a token is good (RFC 7662).
//!
//! Owns what is under way, what was refused a moment ago, and what passes while an issuer cannot be
//! asked; what was accepted is kept in [`TokenCache`], like every verified token. Guarantees: one
//! question for a token at a time, whoever asks; never more of them than [`INTROSPECTIONS_MAX`]; no
//! token goes to an issuer that is not one of the route's, and to none after the first that calls
//! it active; a token that nobody confirms is refused, except within the configured grace, and then
//! never beyond its `exp` and marked as such.

mod answer;
mod ask;
mod flights;
mod refused;
#[cfg(test)]
mod tests;
mod trial;

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

use super::Authn;
use super::cache::{CacheKey, Realm, Remembered, TokenCache};
use super::claims::Rules;
use super::error::TokenError;
use crate::limits::{INTROSPECTION_REFUSED_MAX, INTROSPECTIONS_MAX, JWKS_RETRY_S};
use crate::principal::Principal;

use answer::Said;
use flights::{Flights, NoResult};
use refused::Refused;

pub(super) use ask::Asker;
pub use trial::try_introspection;

/// What introspection keeps for the life of the process.
#[derive(Debug)]
pub(super) struct Introspection {
    flights: Flights<CacheKey, Result<Arc<Principal>, TokenError>>,
    refused: Refused,
    /// Tokens that were accepted, as long as grace could let them pass.
    graced: TokenCache,
}

/// A token in question.
pub(super) struct Question {
    /// Its place in the cache.
    pub(super) key: CacheKey,
    pub(super) realm: Realm,
    pub(super) token: Zeroizing<String>,
    /// Who is asked, in this order.
    pub(super) asked: Vec<Asked>,
    /// What a JWT proved already.
    pub(super) verified: Option<Verified>,
}

/// One issuer that is asked.
pub(super) struct Asked {
    /// Its place among the issuers of the route.
    pub(super) index: usize,
    pub(super) asker: Arc<Asker>,
    pub(super) rules: Arc<Rules>,
    /// Generation of the keys, which ends what is remembered when it moves.
    pub(super) generation: u64,
}

/// What a verified JWT proved, and how long that counts.
pub(super) struct Verified {
    pub(super) principal: Arc<Principal>,
    pub(super) until_s: u64,
    pub(super) generation: u64,
}

impl Introspection {
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn new() -> Result<Self, Unspecified> {
        Ok(Self {
            flights: Flights::new(INTROSPECTIONS_MAX),
            refused: Refused::new(INTROSPECTION_REFUSED_MAX),
            graced: TokenCache::new()?,
        })
    }

    /// Forgets what no longer counts.
    pub(super) fn sweep(&self, now_s: u64) {
        self.refused.sweep(now_s);
        self.graced.sweep(now_s);
    }
}

/// The caller behind a token, by the word of its issuer.
///
/// Cancel-safe: the question goes on for others.
///
/// # Errors
/// Why the token is refused; [`TokenError::Unconfirmed`] and [`TokenError::Crowded`] say nothing of
/// the token itself.
pub(super) async fn confirm(
    authn: &Arc<Authn>,
    question: Question,
) -> Result<Arc<Principal>, TokenError> {
    let (key, state) = (question.key, &authn.introspection);
    if let Some(why) = state.refused.get(&key, authn.services.clock.unix_s()) {
        return Err(why);
    }
    let own = Arc::clone(authn);
    let answer = state
        .flights
        .join(&authn.services.tasks, key, move || async move { settle(&own, &question).await });
    match answer.await {
        Ok(settled) => settled,
        Err(NoResult::Full) => Err(TokenError::Crowded),
        Err(NoResult::Lost) => Err(TokenError::Unconfirmed),
    }
}

/// Asks, and remembers what was said.
async fn settle(authn: &Authn, question: &Question) -> Result<Arc<Principal>, TokenError> {
    let settled = ask_in_turn(authn, question).await;
    let now_s = authn.services.clock.unix_s();
    match settled {
        Ok((asked, principal)) => {
            let principal = Arc::new(principal);
            remember(authn, question, asked, &principal, now_s);
            Ok(principal)
        }
        Err(TokenError::Unconfirmed) => graced(authn, question, now_s),
        Err(why) => {
            if let Some(key) = graced_key(authn, question) {
                authn.introspection.graced.remove(&key);
            }
            let negative_s = question.asked.iter().map(|asked| asked.asker.negative_s).min();
            let until_s = now_s.saturating_add(negative_s.unwrap_or(0));
            authn.introspection.refused.insert(question.key, until_s, why.clone());
            Err(why)
        }
    }
}

/// The first issuer that calls the token active decides; the others never see it.
async fn ask_in_turn<'q>(
    authn: &Authn,
    question: &'q Question,
) -> Result<(&'q Asked, Principal), TokenError> {
    let mut silent = false;
    for asked in &question.asked {
        match asked.asker.ask(&authn.services, &question.token).await {
            None => silent = true,
            Some(Said::Inactive) => {}
            Some(Said::Active(document)) => {
                let (said, now_s) = (document.root(), authn.services.clock.unix_s());
                let judged = match &question.verified {
                    Some(own) => answer::confirmed(&asked.rules, said, own, now_s),
                    None => answer::opaque(&asked.rules, said, asked.asker.audience, now_s),
                };
                return judged.map(|principal| (asked, principal));
            }
        }
    }
    // An issuer that did not answer may be the one that knows the token.
    Err(if silent { TokenError::Unconfirmed } else { TokenError::Inactive })
}

/// Never beyond `exp`, whatever skew its check tolerated: the issuer can be asked again.
fn remember(
    authn: &Authn,
    question: &Question,
    asked: &Asked,
    principal: &Arc<Principal>,
    now_s: u64,
) {
    let end_s = principal.expires_at_s.unwrap_or(now_s);
    let counts_s = now_s.saturating_add(asked.asker.cache_s).min(end_s);
    let verified_s = question.verified.as_ref().map_or(u64::MAX, |verified| verified.until_s);
    let entry = Remembered {
        principal: Arc::clone(principal),
        trusted_until_s: counts_s.min(verified_s),
        generation: asked.generation,
        issuer: asked.index,
    };
    if asked.asker.grace_s > 0
        && let Some(key) = graced_key(authn, question)
    {
        let trusted_until_s = counts_s.saturating_add(asked.asker.grace_s).min(end_s);
        authn.introspection.graced.insert(key, Remembered { trusted_until_s, ..entry.clone() });
    }
    if entry.trusted_until_s > now_s {
        authn.cache.insert(question.key, entry);
    }
}

/// The caller of a token that was accepted before, while nobody can be asked about it.
fn graced(authn: &Authn, question: &Question, now_s: u64) -> Result<Arc<Principal>, TokenError> {
    let found = graced_key(authn, question).and_then(|key| authn.introspection.graced.get(&key));
    let found = found.ok_or(TokenError::Unconfirmed)?;
    let holds = question
        .asked
        .iter()
        .any(|asked| asked.index == found.issuer && asked.generation == found.generation);
    if !holds || now_s >= found.trusted_until_s {
        return Err(TokenError::Unconfirmed);
    }
    let mut principal = Principal::clone(&found.principal);
    if let Some(own) = &question.verified {
        // What the JWT proves now counts as well, if it ends earlier.
        principal.expires_at_s = principal.expires_at_s.min(own.principal.expires_at_s);
    }
    principal.unconfirmed = true;
    let principal = Arc::new(principal);
    let entry = Remembered {
        principal: Arc::clone(&principal),
        // The issuer is asked again as soon as it may be back.
        trusted_until_s: now_s.saturating_add(JWKS_RETRY_S).min(found.trusted_until_s),
        ..found
    };
    authn.cache.insert(question.key, entry);
    Ok(principal)
}

fn graced_key(authn: &Authn, question: &Question) -> Option<CacheKey> {
    authn.introspection.graced.key(question.realm, question.token.as_bytes())
}
