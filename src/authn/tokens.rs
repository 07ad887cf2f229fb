//! The method `bearer token`: from a token to a [`Principal`], remembered or verified.
//!
//! Owns the order of the checks: form, issuer, algorithm, key, signature, claims, and at last what
//! the issuer itself says, where it is asked. Nothing that a
//! token says is believed before its signature held, except the name of the issuer whose keys are
//! to be asked, and that only among the issuers of the route. No fetch happens for a token that
//! fails before the key is looked up (S-01, S-02).

use std::sync::Arc;

use aws_lc_rs::digest;
use url::Url;
use zeroize::Zeroizing;

use super::cache::{CacheKey, Realm, Remembered};
use super::claims::Rules;
use super::error::TokenError;
use super::introspect::{self, Asked, Asker, Question, Verified};
use super::jwks::{Held, KeyRing};
use super::jwt::{self, Unverified};
use super::keys::Alg;
use super::source::{Source, SourceError};
use super::{Authn, bearer};
use crate::config::{self, Issuer, KeySource, TokenType};
use crate::limits::TOKEN_CACHE_S;
use crate::principal::Principal;

/// Why a route's issuers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// No issuer: nobody could ever call.
    #[error("no issuer is configured")]
    NoIssuer,
    /// Two entries for one `iss`: which one decides would be an accident.
    #[error("issuer `{0}` is configured twice on one route")]
    IssuerTwice(Arc<str>),
    /// No algorithm is pinned.
    #[error("no algorithm is configured for issuer `{0}`")]
    NoAlgorithm(Arc<str>),
    /// Unknown, symmetric, or `none`.
    #[error("`{0}` is not an asymmetric signature algorithm that is supported")]
    Algorithm(String),
    /// Several methods of which one is several itself, or nobody's.
    #[error("a list of methods holds a list, or `none`")]
    Nested,
    /// Keys cannot be discovered.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Neither keys nor introspection: no token could ever be verified.
    #[error("issuer `{0}` has neither keys nor introspection")]
    NoWay(Arc<str>),
    /// The gateway cannot prove itself to an issuer.
    #[error("issuer `{issuer}` cannot be asked about tokens: {why}")]
    Client {
        /// The issuer.
        issuer: Arc<str>,
        /// What is wrong, in words.
        why: String,
    },
}

/// What a route needs to judge tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    issuers: Vec<Trusted>,
    realm: Realm,
}

#[derive(Debug)]
struct Trusted {
    issuer: Arc<str>,
    algorithms: Vec<Alg>,
    rules: Arc<Rules>,
    /// None for an issuer that is asked about each token.
    ring: Option<Arc<KeyRing>>,
    /// None for an issuer that is never asked.
    asker: Option<Arc<Asker>>,
}

impl Tokens {
    pub(super) fn new(
        authn: &Authn,
        issuers: &[Arc<Issuer>],
        resource: &Arc<str>,
    ) -> Result<Self, SetupError> {
        let mut trusted: Vec<Trusted> = Vec::new();
        for issuer in issuers {
            if trusted.iter().any(|t| t.issuer == issuer.issuer) {
                return Err(SetupError::IssuerTwice(Arc::clone(&issuer.issuer)));
            }
            trusted.push(Trusted::new(authn, issuer, resource)?);
        }
        if trusted.is_empty() {
            return Err(SetupError::NoIssuer);
        }
        Ok(Self { issuers: trusted, realm: realm(issuers, resource) })
    }

    /// The caller that a token names. What it is bound to is not proven yet.
    pub(super) async fn principal(
        &self,
        authn: &Arc<Authn>,
        credentials: &[u8],
    ) -> Result<Arc<Principal>, TokenError> {
        let key = authn.cache.key(self.realm, credentials);
        if let Some(principal) = key.and_then(|key| self.remembered(authn, &key)) {
            return Ok(principal);
        }
        let token = bearer::token(credentials)?;
        if self.issuers.iter().any(|t| t.asker.is_some()) && !jwt::is_one(token) {
            return self
                .introspected(authn, key, token, self.issuers.iter().enumerate(), None)
                .await;
        }
        let read = jwt::read(token)?;
        let (index, trusted) = self.issuer_of(&read)?;
        let Some(ring) = &trusted.ring else {
            let only = std::iter::once((index, trusted));
            return self.introspected(authn, key, token, only, None).await;
        };
        if !trusted.algorithms.contains(&read.alg) {
            return Err(TokenError::Algorithm);
        }
        let kid = read.kid.as_deref();
        let held = ring.keys_for(read.alg, kid).await?;
        held.set.verify(read.alg, kid, read.signed, &read.signature)?;
        let now_s = authn.services.clock.unix_s();
        let principal = trusted.rules.judge(read.typ.as_deref(), read.claims(), now_s)?;
        let principal = Arc::new(principal);
        let until_s = trusted.trusted_until(ring, &held, &principal, now_s);
        if trusted.asker.as_ref().is_some_and(|asker| asker.confirms_jwts()) {
            let verified = Verified { principal, until_s, generation: held.generation };
            let only = std::iter::once((index, trusted));
            return self.introspected(authn, key, token, only, Some(verified)).await;
        }
        if let Some(key) = key {
            authn.cache.insert(
                key,
                Remembered {
                    principal: Arc::clone(&principal),
                    trusted_until_s: until_s,
                    generation: held.generation,
                    issuer: index,
                },
            );
        }
        Ok(principal)
    }

    /// The caller of whom the first of these issuers says that the token is active.
    async fn introspected<'a>(
        &self,
        authn: &Arc<Authn>,
        key: Option<CacheKey>,
        token: &str,
        issuers: impl Iterator<Item = (usize, &'a Trusted)>,
        verified: Option<Verified>,
    ) -> Result<Arc<Principal>, TokenError> {
        let asked = issuers.filter_map(|(index, trusted)| {
            let asker = Arc::clone(trusted.asker.as_ref()?);
            let generation = match &verified {
                Some(verified) => verified.generation,
                None => trusted.generation(),
            };
            Some(Asked { index, asker, rules: Arc::clone(&trusted.rules), generation })
        });
        let question = Question {
            // Without a place in the cache there is no bound on how often a token is asked about.
            key: key.ok_or(TokenError::Unconfirmed)?,
            realm: self.realm,
            token: Zeroizing::new(token.to_owned()),
            asked: asked.collect(),
            verified,
        };
        introspect::confirm(authn, question).await
    }

    /// A token that was verified before, if that still counts: by time, and because every key
    /// that was there when it was verified is still there.
    fn remembered(&self, authn: &Authn, key: &CacheKey) -> Option<Arc<Principal>> {
        let found = authn.cache.get(key)?;
        let trusted = self.issuers.get(found.issuer)?;
        let counts = authn.services.clock.unix_s() < found.trusted_until_s
            && trusted.generation() == found.generation;
        if counts {
            return Some(found.principal);
        }
        authn.cache.remove(key);
        None
    }

    fn issuer_of(&self, read: &Unverified<'_>) -> Result<(usize, &Trusted), TokenError> {
        let iss = read.claims().get("iss").ok_or(TokenError::Issuer)?;
        self.issuers
            .iter()
            .enumerate()
            .find(|(_, trusted)| iss.is_str(&trusted.issuer))
            .ok_or(TokenError::Issuer)
    }
}

impl Trusted {
    fn new(authn: &Authn, issuer: &Issuer, resource: &Arc<str>) -> Result<Self, SetupError> {
        let known =
            |name: &String| Alg::from_name(name).ok_or_else(|| SetupError::Algorithm(name.clone()));
        let algorithms: Vec<Alg> = issuer.algorithms.iter().map(known).collect::<Result<_, _>>()?;
        if algorithms.is_empty() {
            return Err(SetupError::NoAlgorithm(Arc::clone(&issuer.issuer)));
        }
        let ring = Source::of(issuer)?.map(|source| authn.ring(&issuer.issuer, source));
        let asker = match &issuer.introspection {
            None => None,
            Some(how) => Some(Arc::new(Asker::new(&issuer.issuer, how)?)),
        };
        if ring.is_none() && asker.is_none() {
            return Err(SetupError::NoWay(Arc::clone(&issuer.issuer)));
        }
        let rules = Arc::new(Rules::of(issuer, resource));
        Ok(Self { issuer: Arc::clone(&issuer.issuer), algorithms, rules, ring, asker })
    }

    /// That of the keys; zero where there are none, and nothing depends on them.
    fn generation(&self) -> u64 {
        self.ring.as_ref().map_or(0, |ring| ring.generation())
    }

    /// No longer than the token lives, than a cached check may count, and than the keys count.
    fn trusted_until(&self, ring: &KeyRing, held: &Held, principal: &Principal, now_s: u64) -> u64 {
        let expiry = principal.expires_at_s.unwrap_or(0).saturating_add(self.rules.skew_s());
        let keys_s = ring.remaining(held).as_secs();
        expiry.min(now_s.saturating_add(TOKEN_CACHE_S.min(keys_s)))
    }
}

/// Digest over everything that decides whether a token is accepted and what it then means. Routes
/// and configurations that agree in all of it share what they remember; others never do.
fn realm(issuers: &[Arc<Issuer>], resource: &str) -> Realm {
    let mut facts = Facts(digest::Context::new(&digest::SHA256));
    facts.add(resource);
    for issuer in issuers {
        let Issuer {
            issuer,
            keys,
            algorithms,
            audiences,
            token_type,
            clock_skew,
            roles_claim,
            tenant_claim,
            introspection,
            claims,
            development_key,
        } = issuer.as_ref();
        facts.add(issuer);
        match keys {
            KeySource::Discover => facts.add("discover"),
            KeySource::Url(url) => facts.add(url.as_str()),
            KeySource::File(path) => facts.add(&format!("file {}", path.display())),
            KeySource::None => facts.add("no keys"),
        }
        facts.all(algorithms.iter());
        facts.all(audiences.iter());
        facts.add(match token_type {
            TokenType::AccessToken => "access token",
            TokenType::PlainJwt => "plain jwt",
        });
        facts.add(&clock_skew.as_secs().to_string());
        facts.all(roles_claim.iter());
        facts.all(tenant_claim.iter());
        facts.all(introspection.iter().map(described));
        // Its derived text quotes names and values, so that no two of them read the same.
        facts.add(&format!("{claims:?}"));
        facts.all(development_key.iter().map(|path| path.display().to_string()));
    }
    facts.finish()
}

/// What an issuer is asked, of which its answer and its life in the cache depend. The proof is
/// left out: whoever proves another way asks the same.
fn described(how: &config::Introspection) -> String {
    let config::Introspection {
        endpoint,
        when,
        client,
        cache,
        negative_cache,
        grace,
        audience_optional,
    } = how;
    let endpoint = endpoint.as_ref().map(Url::as_str);
    let waits = (cache, negative_cache, grace);
    format!("{endpoint:?} {when:?} {:?} {waits:?} {audience_optional}", client.id)
}

/// Hashes texts with their lengths, so that no two lists of them run together.
struct Facts(digest::Context);

impl Facts {
    fn add(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn all<T: AsRef<str>>(&mut self, texts: impl Iterator<Item = T>) {
        let texts: Vec<T> = texts.collect();
        self.add(&texts.len().to_string());
        for text in &texts {
            self.add(text.as_ref());
        }
    }

    fn finish(self) -> Realm {
        let mut realm = [0; 16];
        for (to, from) in realm.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        Realm(realm)
    }
}
