//! Proofs of possession by DPoP (RFC 9449): is the one who sends this token the one it was made for?
//!
//! Owns the checks of a proof, the nonces and the memory of proofs that were used. Assumes that the
//! token was verified and that `cnf.jkt` of it is the thumbprint given here. Guarantees that a
//! proof is accepted only if all twelve checks of section 4.3 held for this method, this address,
//! this token and this key, and only once (S-08).
//!
//! The address is that of the configuration, never of a `Host` header: a proof for the same path
//! of another server is a proof for another server.

mod error;
mod nonce;
mod replay;
mod target;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method};

pub use error::ProofError;
pub use nonce::Nonces;
pub use replay::{Replay, ReplayError, ReplayStore, Use, Used};

use super::claims::numeric_date;
use super::jwt::{self, Unverified};
use super::keys::{Alg, BroughtKey};
use super::tokens::SetupError;
use crate::config::{NonceRule, Server};
use crate::json::Value;
use crate::limits::{DPOP_AHEAD_S, DPOP_JTI_BYTES_MAX, DPOP_PROOF_BYTES_MAX};
use target::Target;

/// What one server accepts as a proof.
#[derive(Debug)]
pub struct Dpop {
    algorithms: Vec<Alg>,
    max_age_s: u64,
    target: Target,
    nonces: Option<Arc<Nonces>>,
    replay: Arc<Replay>,
}

/// What a proof has to be about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'r> {
    /// The method of the request.
    pub method: &'r Method,
    /// The path of the request.
    pub path: &'r str,
    /// The access token that comes with it.
    pub token: &'r [u8],
    /// `cnf.jkt` of that token.
    pub key: [u8; 32],
}

impl Dpop {
    /// For the callers of `server`; `now_s` is when this configuration begins to count.
    ///
    /// # Errors
    /// [`SetupError::Algorithm`].
    pub fn new(
        server: &Server,
        nonces: &Arc<Nonces>,
        replay: &Arc<Replay>,
        now_s: u64,
    ) -> Result<Self, SetupError> {
        let rules = &server.proof.dpop;
        let known =
            |name: &String| Alg::from_name(name).ok_or_else(|| SetupError::Algorithm(name.clone()));
        let max_age_s = rules.max_age.as_secs();
        replay.remember_for(max_age_s, now_s);
        Ok(Self {
            algorithms: rules.algorithms.iter().map(known).collect::<Result<_, _>>()?,
            max_age_s,
            target: Target::of(server),
            nonces: match rules.nonce {
                NonceRule::Off => None,
                NonceRule::Required => Some(Arc::clone(nonces)),
            },
            replay: Arc::clone(replay),
        })
    }

    /// Replaces the source of nonces, if nonces are asked for at all.
    pub fn set_nonces(&mut self, nonces: &Arc<Nonces>) {
        self.nonces = self.nonces.as_ref().map(|_| Arc::clone(nonces));
    }

    /// The nonce for the next proof; `None` where none is asked for.
    #[must_use]
    pub fn nonce(&self, now_s: u64) -> Option<Box<str>> {
        self.nonces.as_ref().map(|nonces| nonces.current(self.target.origin(), now_s))
    }

    /// Checks the proof in these header fields, and uses it up.
    ///
    /// # Errors
    /// The first check that does not hold; nothing is remembered then.
    pub async fn check(
        &self,
        headers: &HeaderMap,
        subject: Subject<'_>,
        now_s: u64,
    ) -> Result<(), ProofError> {
        let used = self.judge(proof(headers)?, subject, now_s)?;
        match self.replay.use_once(&used, now_s).await {
            Ok(Use::First) => Ok(()),
            Ok(Use::Again) => Err(ProofError::Replayed),
            Err(error) => Err(ProofError::Store(error)),
        }
    }

    /// Everything but whether it was used before. Pure; time is an argument.
    fn judge(&self, proof: &str, subject: Subject<'_>, now_s: u64) -> Result<Used, ProofError> {
        let read = jwt::read_proof(proof)?;
        if read.typ.as_deref() != Some("dpop+jwt") {
            return Err(ProofError::Type);
        }
        if !self.algorithms.contains(&read.alg) {
            return Err(ProofError::Algorithm);
        }
        let jwk = read.jwk().ok_or(ProofError::Key)?;
        let key = BroughtKey::read(jwk, read.alg).ok_or(ProofError::Key)?;
        // Before the signature: whoever has another key need not cost us one.
        if key.thumbprint != subject.key {
            return Err(ProofError::OtherKey);
        }
        if !key.verifies(read.signed, &read.signature) {
            return Err(ProofError::Signature);
        }
        let claims = read.claims();
        if text(claims, "htm")? != subject.method.as_str() {
            return Err(ProofError::Method);
        }
        if !self.target.is(&text(claims, "htu")?, subject.path) {
            return Err(ProofError::Target);
        }
        let issued_s = self.check_times(claims, now_s)?;
        let hash = digest(&SHA256, subject.token);
        if text(claims, "ath")? != URL_SAFE_NO_PAD.encode(hash) {
            return Err(ProofError::Token);
        }
        self.check_nonce(claims, now_s)?;
        self.used(&read, subject, issued_s)
    }

    /// RFC 9449 section 11.1: a small window before now, a smaller one behind. Gives `iat`.
    fn check_times(&self, claims: Value<'_>, now_s: u64) -> Result<u64, ProofError> {
        let time = |name, expected| numeric_date(claims, name).map_err(|_| (name, expected));
        let wrong = |(name, expected)| ProofError::Claim { name, expected };
        let issued_s = time("iat", "a number of seconds").map_err(wrong)?;
        let issued_s = issued_s.ok_or(wrong(("iat", "present")))?;
        if issued_s > now_s.saturating_add(DPOP_AHEAD_S) {
            return Err(ProofError::Ahead { seconds: issued_s.saturating_sub(now_s) });
        }
        if issued_s.saturating_add(self.max_age_s) < now_s || self.replay.forgot(issued_s) {
            return Err(ProofError::Old { seconds: now_s.saturating_sub(issued_s) });
        }
        // A proof needs neither; its maker means them where they are (RFC 7519 section 4.1).
        let ends_s = time("exp", "a number of seconds").map_err(wrong)?;
        if let Some(ends_s) = ends_s.filter(|end| now_s >= end.saturating_add(DPOP_AHEAD_S)) {
            return Err(ProofError::Old { seconds: now_s.saturating_sub(ends_s) });
        }
        let begins_s = time("nbf", "a number of seconds").map_err(wrong)?.unwrap_or(0);
        if begins_s > now_s.saturating_add(DPOP_AHEAD_S) {
            return Err(ProofError::Ahead { seconds: begins_s.saturating_sub(now_s) });
        }
        Ok(issued_s)
    }

    /// RFC 9449 section 9.
    fn check_nonce(&self, claims: Value<'_>, now_s: u64) -> Result<(), ProofError> {
        let Some(nonces) = &self.nonces else { return Ok(()) };
        let nonce = claims.get("nonce").and_then(|nonce| nonce.as_str());
        let known = nonce.is_some_and(|n| nonces.accepts(self.target.origin(), &n, now_s));
        known.then_some(()).ok_or(ProofError::Nonce)
    }

    fn used(
        &self,
        read: &Unverified<'_>,
        subject: Subject<'_>,
        issued_s: u64,
    ) -> Result<Used, ProofError> {
        let jti = text(read.claims(), "jti")?;
        if jti.is_empty() || jti.len() > DPOP_JTI_BYTES_MAX {
            let expected = "a text of 1 to 256 bytes";
            return Err(ProofError::Claim { name: "jti", expected });
        }
        Ok(self.replay.used(subject.key, self.target.origin(), &jti, issued_s))
    }
}

/// The one proof of a request (RFC 9449 section 4.3, check 1).
fn proof(headers: &HeaderMap) -> Result<&str, ProofError> {
    let mut values = headers.get_all("dpop").iter();
    let value = values.next().ok_or(ProofError::Missing)?;
    if values.next().is_some() {
        return Err(ProofError::Repeated);
    }
    if value.len() > DPOP_PROOF_BYTES_MAX {
        return Err(ProofError::TooLong(DPOP_PROOF_BYTES_MAX));
    }
    value.to_str().map_err(|_| ProofError::NotText)
}

fn text<'c>(
    claims: Value<'c>,
    name: &'static str,
) -> Result<std::borrow::Cow<'c, str>, ProofError> {
    let text = claims.get(name).and_then(|value| value.as_str());
    text.ok_or(ProofError::Claim { name, expected: "a text" })
}
