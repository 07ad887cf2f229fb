//! Who calls: turns an access token, an API key or a client certificate into a [`Principal`].
//!
//! Owns the authentication methods, the issuers' keys and the cache of verified tokens. Assumes
//! that [`crate::hygiene`] checked the header fields and that the TLS layer verified certificates.
//! Guarantees that an [`Authenticated`] exists only if the route's method proved the caller, or
//! the route says `auth: none`; every error inside denies (S-13), and nothing a request says
//! skips the check (S-14). A token that is bound to a key counts only with a proof of that key,
//! asked for on every request (S-08); whoever is revoked is refused, whatever was remembered of
//! the token (S-10).
//!
//! [`Authn`] lives as long as the process and keeps keys and verified tokens over reloads; one
//! [`Authenticator`] per server lives as long as its configuration.

mod api_keys;
pub mod bearer;
pub mod cache;
mod callers;
pub mod claims;
pub mod dpop;
mod error;
mod introspect;
pub mod jwks;
pub mod jwt;
pub mod keys;
mod mapping;
pub mod metadata;
mod possession;
mod sound;
pub mod source;
mod tokens;

pub use crate::limits::KEYS_SWEEP_MS;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use http::{HeaderMap, Method as HttpMethod};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::{Auth, Server};
use crate::exchange::Exchange;
use crate::hygiene::Wellformed;
use crate::limits::{DPOP_REPLAY_BUCKET_S, JWKS_REFRESH_MIN_S, JWKS_RETRY_S};
use crate::net::identities::Identities;
use crate::outbound::Outbound;
use crate::principal::{AuthMethod, CertificateIdentity, Confirmation, Principal};
use crate::reject::{Challenge, Code, Rejection};
use crate::revocation::{Refused, Revocations};
use crate::shared_state::SharedState;

pub use error::{KeyError, Reason, TokenError};
pub use introspect::try_introspection;
pub use jwks::KeyStatus;
pub use tokens::SetupError;

use api_keys::Keys;
use cache::TokenCache;
use callers::{anonymous, certificate_refused, certified, told_apart, with_certificate};
use dpop::{Nonces, Replay};
use introspect::Introspection;
use jwks::{KeyRing, Services};
use possession::Possession;
use source::Source;
use tokens::Tokens;

/// What authentication keeps for the life of the process: the keys of all issuers, and the tokens
/// that were verified with them.
#[derive(Debug)]
pub struct Authn {
    services: Services,
    cache: TokenCache,
    introspection: Introspection,
    /// Nonces of this process, where no configured key makes them.
    nonces: Arc<Nonces>,
    /// Proofs of possession that were used.
    replay: Arc<Replay>,
    rings: Mutex<Vec<Weak<KeyRing>>>,
    revocations: Arc<Revocations>,
}

/// Judges the callers of one server.
#[derive(Debug)]
pub struct Authenticator {
    authn: Arc<Authn>,
    /// Asked in order; the first whose credential is there decides.
    methods: Vec<Method>,
    possession: Possession,
    challenge: Challenge,
    /// Which certificates may call at all; empty asks for none.
    identities: Identities,
}

/// What of a request's head says who calls.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'r> {
    /// Its method.
    pub method: &'r HttpMethod,
    /// Its path, without the query.
    pub path: &'r str,
    /// Its header fields.
    pub headers: &'r HeaderMap,
    /// The client's address.
    pub client: IpAddr,
    /// The caller's verified certificate.
    pub certificate: Option<&'r Arc<CertificateIdentity>>,
    /// Keys that the caller proved before, where the gateway runs the request in its name.
    pub proven: Option<Confirmation>,
}

/// The table of authentication methods. A new method is a variant, and a row in
/// [`Authenticator::new`].
#[derive(Debug)]
enum Method {
    /// `auth: none`.
    Anonymous(Arc<Principal>),
    /// An access token in the form of a JWT.
    Token(Tokens),
    /// An API key.
    ApiKey(Keys),
    /// The client certificate of the connection alone.
    Certificate,
}

/// The witness that the caller is known.
#[derive(Debug)]
pub struct Authenticated {
    base: Wellformed,
    principal: Arc<Principal>,
    dpop_nonce: Option<Box<str>>,
}

impl Authenticated {
    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The nonce for the caller's next proof of possession, for the answer.
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.dpop_nonce.as_deref()
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
        let revocations = Revocations::without_stores(clock.clone());
        Self::with_revocations(clock, outbound, revocations, None)
    }

    /// The same, and whoever is among `revocations` is refused, and used proofs are known to all
    /// who share `redis`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn with_revocations(
        clock: Clock,
        outbound: Arc<Outbound>,
        revocations: Arc<Revocations>,
        redis: Option<SharedState>,
    ) -> Result<Arc<Self>, Unspecified> {
        let replay = redis.map_or_else(|| Replay::local(clock.unix_s()), Replay::shared);
        let (tasks, generations) = (TaskTracker::new(), Arc::default());
        let services = Services { clock, outbound, tasks, generations };
        Ok(Arc::new(Self {
            cache: TokenCache::new()?,
            introspection: Introspection::new()?,
            nonces: Arc::new(Nonces::drawn()?),
            replay: Arc::new(replay),
            services,
            rings: Mutex::default(),
            revocations,
        }))
    }

    /// Who may no longer call.
    #[must_use]
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
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
        let now_s = self.services.clock.unix_s();
        self.cache.sweep(now_s);
        self.introspection.sweep(now_s);
        self.replay.sweep(now_s);
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
        let method = |auth: &Auth| {
            Ok(match auth {
                Auth::None => Method::Anonymous(Arc::new(anonymous())),
                Auth::Certificate => Method::Certificate,
                Auth::ApiKeys(keys) => Method::ApiKey(Keys::new(keys, &server.name)),
                Auth::Tokens(issuers) => {
                    Method::Token(Tokens::new(authn, issuers, &server.resource)?)
                }
                Auth::Any(_) => return Err(SetupError::Nested),
            })
        };
        let methods: Vec<Method> =
            server.auth.methods().iter().map(method).collect::<Result<_, _>>()?;
        if methods.len() > 1 && methods.iter().any(|m| matches!(m, Method::Anonymous(_))) {
            return Err(SetupError::Nested);
        }
        let challenge = metadata::challenge_for(server, None, &metadata::basic_scopes(server));
        let identities = Identities::new(&server.client_identities);
        let possession = Possession::new(authn, server)?;
        Ok(Self { authn: Arc::clone(authn), methods, possession, challenge, identities })
    }

    /// With nonces that other replicas know too, in place of the process's own.
    #[must_use]
    pub fn with_nonces(mut self, nonces: Option<&Arc<Nonces>>) -> Self {
        if let Some(nonces) = nonces {
            self.possession.set_nonces(nonces);
        }
        self
    }

    /// Whether a caller who was let in before would be let in now: an open stream asks when the
    /// configuration changed. Tokens and certificates were judged by what they say of themselves;
    /// what an API key is good for stands in the configuration.
    #[must_use]
    pub fn still_accepts(&self, principal: &Principal) -> bool {
        let now_s = self.authn.services.clock.unix_s();
        match principal.method {
            AuthMethod::Anonymous | AuthMethod::Bearer | AuthMethod::Certificate => true,
            AuthMethod::ApiKey => self.methods.iter().any(|method| match method {
                Method::ApiKey(keys) => keys.still_accept(principal, now_s),
                Method::Anonymous(_) | Method::Token(_) | Method::Certificate => false,
            }),
        }
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
        let head = RequestHead {
            method: ex.method(),
            path: ex.uri().path(),
            headers: ex.headers(),
            client: ex.client_ip(),
            certificate: ex.certificate(),
            proven: ex.proven(),
        };
        let principal = match (ex.vouched(), ex.part()) {
            // The gateway's own errand: who opened the session was proven then.
            (Some(principal), _) => Arc::clone(principal),
            (None, _) if !ex.peer().still_stands() => {
                let why = "the connection's certificate is no longer accepted";
                return Err(certificate_refused(why, "certificate_ended"));
            }
            // Of these very header fields, when the batch came: a proof of possession counts once.
            (None, Some(part)) => {
                self.not_revoked(&part.principal, &head)?;
                Arc::clone(&part.principal)
            }
            (None, None) => {
                let known = told_apart(self.identify(&head).await?, ex.client_ip());
                self.not_revoked(&known, &head)?;
                known
            }
        };
        let proves = principal.confirmation.is_some_and(|bound| bound.dpop_key.is_some());
        let dpop_nonce = if proves { self.nonce() } else { None };
        Ok(ex.advance(|base| Authenticated { base, principal, dpop_nonce }))
    }

    /// A refusal of somebody who was let in and may not go on, as one who has to authenticate anew
    /// reads it (RFC 6750 section 3.1).
    #[must_use]
    pub fn challenge(&self, refusal: Rejection) -> Rejection {
        match refusal.code {
            Code::StreamRevoked => {
                let error = Some("invalid_token");
                refusal.with_challenge(Challenge { error, ..self.challenge.clone() })
            }
            _ => refusal,
        }
    }

    /// The caller behind this head. Proves an identity; the witness is made only by
    /// [`Authenticator::authenticate`].
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn identify(&self, head: &RequestHead<'_>) -> Result<Arc<Principal>, Rejection> {
        let certificate = head.certificate;
        // Before the token: whoever is not of the mesh does not learn whether his token is good.
        self.admit(certificate)?;
        let mut refusal = certificate_refused("no client certificate", "certificate_missing");
        for method in &self.methods {
            match method {
                Method::Anonymous(principal) => return Ok(Arc::clone(principal)),
                Method::Certificate => {
                    if let Some(certificate) = certificate {
                        return Ok(Arc::new(certified(certificate)));
                    }
                }
                Method::ApiKey(keys) => {
                    let now_s = self.authn.services.clock.unix_s();
                    match keys.principal(head.headers, head.client, now_s) {
                        Ok(principal) => return Ok(with_certificate(principal, certificate)),
                        Err(error @ TokenError::Missing) => refusal = self.refuse(&error, head),
                        Err(error) => return Err(self.refuse(&error, head)),
                    }
                }
                Method::Token(tokens) => match self.by_token(tokens, head).await {
                    Ok(principal) => return Ok(with_certificate(principal, certificate)),
                    Err(error @ TokenError::Missing) => refusal = self.refuse(&error, head),
                    Err(error) => return Err(self.refuse(&error, head)),
                },
            }
        }
        Err(refusal)
    }

    /// Whether the list of identities of this route still names the caller's certificate.
    #[must_use]
    pub fn still_admits(&self, principal: &Principal) -> bool {
        self.admit(principal.certificate.as_ref()).is_ok()
    }

    fn admit(&self, certificate: Option<&Arc<CertificateIdentity>>) -> Result<(), Rejection> {
        if self.identities.is_empty() {
            return Ok(());
        }
        match certificate {
            None => Err(certificate_refused("no client certificate", "certificate_missing")),
            Some(certificate) if self.identities.name(certificate) => Ok(()),
            Some(_) => {
                let why = "`client_identities` does not name this certificate";
                Err(certificate_refused(why, "certificate_unlisted"))
            }
        }
    }

    /// Also of a token that was remembered: the cache never outlives a revocation (S-10).
    fn not_revoked(&self, principal: &Principal, head: &RequestHead<'_>) -> Result<(), Rejection> {
        match self.authn.revocations.judge(principal) {
            Ok(()) => Ok(()),
            Err(Refused::Unreadable) => Err(self.refuse(&TokenError::RevocationUnavailable, head)),
            Err(Refused::Revoked { id, kind }) => {
                let error = TokenError::Revoked { id, kind: kind.name() };
                Err(match principal.method {
                    AuthMethod::Bearer | AuthMethod::ApiKey => self.refuse(&error, head),
                    AuthMethod::Certificate => {
                        let code = Code::CertificateRequired;
                        let mut refusal = Rejection::new(code, error.to_string());
                        refusal.reason = Some(error.reason().name());
                        refusal
                    }
                    // Nobody was asked, so that no other credential would help.
                    AuthMethod::Anonymous => {
                        let mut refusal = Rejection::new(Code::Denied, error.to_string());
                        refusal.reason = Some(error.reason().name());
                        refusal
                    }
                })
            }
        }
    }

    /// The token first, from the cache or anew; then, every time, what it is bound to.
    async fn by_token(
        &self,
        tokens: &Tokens,
        head: &RequestHead<'_>,
    ) -> Result<Arc<Principal>, TokenError> {
        let credentials = bearer::credentials(head.headers)?;
        let principal = tokens.principal(&self.authn, credentials.token).await?;
        let now_s = self.authn.services.clock.unix_s();
        self.possession.check(principal.confirmation, credentials, head, now_s).await?;
        Ok(principal)
    }

    fn nonce(&self) -> Option<Box<str>> {
        self.possession.nonce(self.authn.services.clock.unix_s())
    }

    /// RFC 6750 section 3: `error` only when a token was sent.
    fn refuse(&self, error: &TokenError, head: &RequestHead<'_>) -> Rejection {
        let code = error.code();
        let mut rejection = Rejection::new(code, error.to_string());
        rejection.reason = Some(error.reason().name());
        let unreachable = matches!(error, TokenError::Proof(why) if why.is_unreachable());
        match code {
            Code::KeysUnavailable => return rejection.retry_after(JWKS_REFRESH_MIN_S),
            Code::IntrospectionUnavailable => return rejection.retry_after(JWKS_RETRY_S),
            Code::RevocationUnavailable => return rejection.retry_after(STORE_RETRY_S),
            Code::Busy if unreachable => return rejection.retry_after(STORE_RETRY_S),
            _ => {}
        }
        let error = match code {
            Code::TokenInvalid => Some("invalid_token"),
            Code::ProofInvalid => Some("invalid_dpop_proof"),
            Code::ProofNonce => Some("use_dpop_nonce"),
            // The memory of used proofs; it has room again when the oldest are forgotten.
            Code::Busy => return rejection.retry_after(DPOP_REPLAY_BUCKET_S),
            // Nothing was sent.
            _ => None,
        };
        let used = bearer::scheme(head.headers);
        let nonce = self.nonce();
        rejection.with_challenge(Challenge { error, used, nonce, ..self.challenge.clone() })
    }
}

/// Stores are asked several times a second, or with every request.
const STORE_RETRY_S: u64 = 2;
