//! Who calls: turns a bearer token or a client certificate into a [`Principal`].
//!
//! Owns the authentication methods, the issuers' keys and the cache of verified tokens. Assumes
//! that [`crate::hygiene`] checked the header fields and that the TLS layer verified certificates.
//! Guarantees that an [`Authenticated`] exists only if the route's method proved the caller, or
//! the route says `auth: none`; every error inside denies (S-13), and nothing a request says
//! skips the check (S-14).
//!
//! [`Authn`] lives as long as the process and keeps keys and verified tokens over reloads; one
//! [`Authenticator`] per server lives as long as its configuration.

pub mod bearer;
pub mod cache;
pub mod claims;
mod error;
pub mod jwks;
pub mod jwt;
pub mod keys;
mod mapping;
pub mod metadata;
mod sound;
pub mod source;
mod tokens;

pub use crate::limits::KEYS_SWEEP_MS;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use http::HeaderMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::{Auth, Server};
use crate::exchange::Exchange;
use crate::hygiene::Wellformed;
use crate::limits::JWKS_REFRESH_MIN_S;
use crate::net::Peer;
use crate::outbound::Outbound;
use crate::principal::{AuthMethod, CertificateIdentity, Principal, PrincipalKey};
use crate::reject::{Challenge, Code, Rejection};

pub use error::{Reason, TokenError};
pub use jwks::KeyStatus;
pub use tokens::SetupError;

use cache::TokenCache;
use jwks::{KeyRing, Services};
use source::Source;
use tokens::Tokens;

/// What authentication keeps for the life of the process: the keys of all issuers, and the tokens
/// that were verified with them.
#[derive(Debug)]
pub struct Authn {
    services: Services,
    cache: TokenCache,
    rings: Mutex<Vec<Weak<KeyRing>>>,
}

/// Judges the callers of one server.
#[derive(Debug)]
pub struct Authenticator {
    authn: Arc<Authn>,
    /// Asked in order; the first whose credential is there decides.
    methods: Vec<Method>,
    challenge: Challenge,
}

/// The table of authentication methods. A new method is a variant, and a row in
/// [`Authenticator::new`].
#[derive(Debug)]
enum Method {
    /// `auth: none`.
    Anonymous(Arc<Principal>),
    /// A bearer token in the form of a JWT.
    Token(Tokens),
    /// The client certificate of the connection alone.
    Certificate,
}

/// The witness that the caller is known.
#[derive(Debug)]
pub struct Authenticated {
    base: Wellformed,
    principal: Arc<Principal>,
}

impl Authenticated {
    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

impl Deref for Authenticated {
    type Target = Wellformed;

    fn deref(&self) -> &Wellformed {
        &self.base
    }
}

impl Authn {
    /// Empty; keys are loaded by [`Authn::run`] or by the first token that needs them.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(clock: Clock, outbound: Arc<Outbound>) -> Result<Arc<Self>, Unspecified> {
        let (tasks, generations) = (TaskTracker::new(), Arc::default());
        let services = Services { clock, outbound, tasks, generations };
        Ok(Arc::new(Self { services, cache: TokenCache::new()?, rings: Mutex::default() }))
    }

    /// Keeps keys fresh and the cache clean until `stop`, then waits for loads in flight. The
    /// server owns this task; without it a removed key would live as long as the process.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.refresh_due() => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(KEYS_SWEEP_MS)) => {}
            }
        }
        self.services.tasks.close();
        self.services.tasks.wait().await;
    }

    /// Loads the keys that are due, all issuers at once, and forgets tokens that have expired.
    pub async fn refresh_due(&self) {
        let rings = self.live_rings();
        futures_util::future::join_all(rings.iter().map(KeyRing::refresh_if_due)).await;
        self.cache.sweep(self.services.clock.unix_s());
    }

    /// How each issuer's keys are doing, for readiness and metrics.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.live_rings().iter().map(|ring| ring.status()).collect()
    }

    /// Verified tokens in the cache.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.cache.len()
    }

    /// The ring of an issuer and source, shared by all routes that name both.
    fn ring(&self, issuer: &Arc<str>, source: Source) -> Arc<KeyRing> {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.retain(|ring| ring.strong_count() > 0);
        let found = rings.iter().filter_map(Weak::upgrade).find(|r| r.is_of(issuer, &source));
        found.unwrap_or_else(|| {
            let ring = KeyRing::new(Arc::clone(issuer), source, self.services.clone());
            let ring = Arc::new(ring);
            rings.push(Arc::downgrade(&ring));
            ring
        })
    }

    fn live_rings(&self) -> Vec<Arc<KeyRing>> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Authenticator {
    /// The judge for the callers of `server`.
    ///
    /// # Errors
    /// [`SetupError`]; the configuration check finds the same problems with their lines.
    pub fn new(authn: &Arc<Authn>, server: &Server) -> Result<Self, SetupError> {
        let method = match &server.auth {
            Auth::None => Method::Anonymous(Arc::new(anonymous())),
            Auth::Certificate => Method::Certificate,
            Auth::Tokens(issuers) => Method::Token(Tokens::new(authn, issuers, &server.resource)?),
        };
        let challenge = metadata::challenge_for(server, None, &metadata::basic_scopes(server));
        Ok(Self { authn: Arc::clone(authn), methods: vec![method], challenge })
    }

    /// Authenticates the caller of an exchange, before its body is read.
    ///
    /// Cancel-safe: nothing is lost but the exchange itself.
    ///
    /// # Errors
    /// 401 with a challenge, or 503 when the issuer's keys cannot be had.
    pub async fn authenticate(
        &self,
        ex: Exchange<Wellformed>,
    ) -> Result<Exchange<Authenticated>, Rejection> {
        let principal = match (ex.vouched(), ex.part()) {
            // The gateway's own errand: who opened the session was proven then.
            (Some(principal), _) => Arc::clone(principal),
            // Of these very header fields, when the batch came: a proof of possession counts once.
            (None, Some(part)) => Arc::clone(&part.principal),
            (None, None) => {
                told_apart(self.identify(ex.headers(), ex.peer()).await?, ex.client_ip())
            }
        };
        Ok(ex.advance(|base| Authenticated { base, principal }))
    }

    /// The caller behind these header fields on this connection. Proves an identity; the witness
    /// is made only by [`Authenticator::authenticate`].
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<Arc<Principal>, Rejection> {
        let certificate = peer.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        let mut refusal = Rejection::new(Code::CertificateRequired, "no client certificate");
        for method in &self.methods {
            match method {
                Method::Anonymous(principal) => return Ok(Arc::clone(principal)),
                Method::Certificate => {
                    if let Some(certificate) = certificate {
                        return Ok(Arc::new(certified(certificate)));
                    }
                }
                Method::Token(tokens) => match tokens.principal(&self.authn, headers).await {
                    Ok(principal) => return Ok(with_certificate(principal, certificate)),
                    Err(error @ TokenError::Missing) => refusal = self.refuse(&error),
                    Err(error) => return Err(self.refuse(&error)),
                },
            }
        }
        Err(refusal)
    }

    /// RFC 6750 section 3: `error` only when a token was sent.
    fn refuse(&self, error: &TokenError) -> Rejection {
        let code = error.code();
        let mut rejection = Rejection::new(code, error.to_string());
        rejection.reason = Some(error.reason().name());
        if code == Code::KeysUnavailable {
            return rejection.retry_after(JWKS_REFRESH_MIN_S);
        }
        let said = (code == Code::TokenInvalid).then_some("invalid_token");
        rejection.with_challenge(Challenge { error: said, ..self.challenge.clone() })
    }
}

/// A certificate that came along with a token is recorded beside it. The cached principal stays
/// as it is, because the same token may come over another connection.
fn with_certificate(
    principal: Arc<Principal>,
    certificate: Option<&Arc<CertificateIdentity>>,
) -> Arc<Principal> {
    match certificate {
        None => principal,
        Some(certificate) => Arc::new(Principal {
            certificate: Some(Arc::clone(certificate)),
            ..Principal::clone(&principal)
        }),
    }
}

/// Where nobody is asked who they are, what is kept for a caller (sessions, conversations with the
/// server, calls that wait) is kept for the client's address, never for all callers together.
fn told_apart(principal: Arc<Principal>, client: IpAddr) -> Arc<Principal> {
    match principal.method {
        AuthMethod::Bearer | AuthMethod::Certificate => principal,
        AuthMethod::Anonymous => Arc::new(Principal {
            key: PrincipalKey::of_address(client),
            ..Principal::clone(&principal)
        }),
    }
}

fn anonymous() -> Principal {
    without_token(AuthMethod::Anonymous, Arc::from("anonymous"), None)
}

fn certified(certificate: &Arc<CertificateIdentity>) -> Principal {
    let name = Arc::clone(&certificate.name);
    without_token(AuthMethod::Certificate, name, Some(Arc::clone(certificate)))
}

fn without_token(
    method: AuthMethod,
    subject: Arc<str>,
    certificate: Option<Arc<CertificateIdentity>>,
) -> Principal {
    // No issuer's name begins with NUL: a token can never get the key of another method's caller.
    let namespace = format!("\0{}", method.name());
    let key = PrincipalKey::of(&namespace, &subject, None);
    Principal { certificate, key, ..Principal::new(method, Arc::from(""), subject) }
}
