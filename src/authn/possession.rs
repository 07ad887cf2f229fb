//! Whether the one who sends a token is the one it was made for.
//!
//! Assumes that the token was verified, now or before: nothing here is remembered with it, because
//! each request has to prove anew. Guarantees that a caller is let in only if every key to which
//! the token is bound was proven by this request on this connection, and the route's own demand is
//! met (S-08).

use std::sync::Arc;

use super::bearer::Credentials;
use super::dpop::{Dpop, Nonces, Subject};
use super::error::TokenError;
use super::tokens::SetupError;
use super::{Authn, RequestHead};
use crate::config::{RequiredProof, Server};
use crate::hex::hex;
use crate::principal::{CertificateIdentity, Confirmation};
use crate::reject::Scheme;

/// What one server asks of bound tokens.
#[derive(Debug)]
pub(super) struct Possession {
    required: RequiredProof,
    dpop: Dpop,
}

impl Possession {
    pub(super) fn new(authn: &Authn, server: &Server) -> Result<Self, SetupError> {
        let now_s = authn.services.clock.unix_s();
        let dpop = Dpop::new(server, &authn.nonces, &authn.replay, now_s)?;
        Ok(Self { required: server.proof.required, dpop })
    }

    pub(super) fn set_nonces(&mut self, nonces: &Arc<Nonces>) {
        self.dpop.set_nonces(nonces);
    }

    /// The nonce for the next proof, where one is asked for.
    pub(super) fn nonce(&self, now_s: u64) -> Option<Box<str>> {
        self.dpop.nonce(now_s)
    }

    /// Proves every key of `bound`, what the token is bound to.
    ///
    /// `head.proven` are keys that the caller proved in the request for which the gateway itself
    /// runs this one; there they need no proof again.
    pub(super) async fn check(
        &self,
        bound: Option<Confirmation>,
        credentials: Credentials<'_>,
        head: &RequestHead<'_>,
        now_s: u64,
    ) -> Result<(), TokenError> {
        let Confirmation { dpop_key, certificate } =
            bound.unwrap_or(Confirmation { dpop_key: None, certificate: None });
        match (credentials.scheme, dpop_key) {
            (Scheme::Bearer, Some(_)) => return Err(TokenError::Bound),
            (Scheme::Dpop, None) => return Err(TokenError::NotBound),
            (Scheme::Bearer, None) | (Scheme::Dpop, Some(_)) => {}
        }
        let lacking = match self.required {
            RequiredProof::None => None,
            RequiredProof::Dpop => dpop_key.is_none().then_some("a DPoP key"),
            RequiredProof::Certificate => certificate.is_none().then_some("a certificate"),
            RequiredProof::Any => bound.is_none().then_some("a DPoP key or a certificate"),
        };
        if let Some(what) = lacking {
            return Err(TokenError::ProofRequired(what));
        }
        if let Some(expected) = certificate {
            check_certificate(&expected, head.certificate)?;
        }
        if let Some(key) = dpop_key.filter(|_| head.proven.is_none() || head.proven != bound) {
            let token = credentials.token;
            let subject = Subject { method: head.method, path: head.path, token, key };
            let checked = self.dpop.check(head.headers, subject, now_s).await;
            checked.map_err(TokenError::Proof)?;
        }
        Ok(())
    }
}

/// RFC 8705 section 3: the certificate of this very connection, whatever proved it before.
fn check_certificate(
    expected: &[u8; 32],
    presented: Option<&Arc<CertificateIdentity>>,
) -> Result<(), TokenError> {
    let presented = presented.ok_or(TokenError::Certificate("none"))?;
    if presented.fingerprint == hex(expected) {
        Ok(())
    } else {
        Err(TokenError::Certificate("one"))
    }
}
