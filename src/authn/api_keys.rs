//! The method `API key`: from a key to a [`Principal`].
//!
//! Pure: time and address are arguments. Guarantees: a principal exists only if the secret's keyed
//! hash is that of the id, in constant time, and the key is enabled, in time, for this server and
//! from this network; an unknown id and a wrong secret take the same steps and are answered alike;
//! a request with a second credential is refused, so that no two gates read different ones (S-11).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use super::bearer::{self, Credentials};
use super::error::{KeyError, TokenError};
use crate::api_key::{self, ApiKey, Entry, KeyHash, KeyId, Pepper, Previous};
use crate::config::ApiKeys;
use crate::principal::{AuthMethod, Principal, PrincipalKey, Scopes};
use crate::reject::Scheme;

/// What a route needs to judge API keys.
#[derive(Debug)]
pub(super) struct Keys {
    known: HashMap<KeyId, Known>,
    pepper: Pepper,
    header: Option<HeaderName>,
    server: Arc<str>,
}

/// A key and who its holder is.
#[derive(Debug)]
struct Known {
    entry: Arc<Entry>,
    current: Arc<Principal>,
    /// With the secret before the last rotation.
    before: Option<(Previous, Arc<Principal>)>,
}

impl Keys {
    pub(super) fn new(keys: &ApiKeys, server: &Arc<str>) -> Self {
        let ApiKeys { header, pepper, keys } = keys;
        Self {
            known: keys.entries().iter().map(|entry| (entry.id, Known::new(entry))).collect(),
            pepper: pepper.clone(),
            header: header.clone(),
            server: Arc::clone(server),
        }
    }

    /// The caller behind the key of these header fields.
    ///
    /// # Errors
    /// [`TokenError::Missing`] where no key was sent, else what is wrong with it.
    pub(super) fn principal(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
        now_s: u64,
    ) -> Result<Arc<Principal>, TokenError> {
        let key = ApiKey::parse(self.credential(headers)?).map_err(KeyError::from)?;
        let hash = key.hash(&self.pepper);
        let known = self.known.get(&key.id());
        let (current, before) = known.map_or((&KeyHash::NONE, None), Known::hashes);
        // Both are compared whatever the first says.
        let is_current = hash.matches(current);
        let is_before = hash.matches(before.unwrap_or(&KeyHash::NONE));
        let Some(known) = known else { return Err(KeyError::UnknownId.into()) };
        let principal = match &known.before {
            _ if is_current => &known.current,
            Some((previous, principal)) if is_before => {
                if previous.until_s <= now_s {
                    return Err(KeyError::Replaced(key.id()).into());
                }
                principal
            }
            Some(_) | None => return Err(KeyError::WrongSecret.into()),
        };
        self.check(&known.entry, client, now_s)?;
        Ok(Arc::clone(principal))
    }

    /// Whether this caller, who came in with a key before, would still come in: the same secret
    /// counts, and for the same.
    pub(super) fn still_accept(&self, principal: &Principal, now_s: u64) -> bool {
        let id = principal.client_id.as_ref().and_then(|id| KeyId::parse(id.as_bytes()));
        let Some(known) = id.and_then(|id| self.known.get(&id)) else { return false };
        let counts = |now: &Principal| {
            now.token_id_hash == principal.token_id_hash
                && now.scopes == principal.scopes
                && now.roles == principal.roles
                && now.tenant == principal.tenant
                && now.expires_at_s.is_none_or(|at_s| now_s < at_s)
        };
        let before = known.before.as_ref().is_some_and(|(_, principal)| counts(principal));
        (counts(&known.current) || before)
            && !known.entry.disabled
            && known.entry.opens(&self.server)
    }

    /// What is good for more than one holder is asked after the secret is proven, so that nobody
    /// else learns it.
    fn check(&self, entry: &Entry, client: IpAddr, now_s: u64) -> Result<(), KeyError> {
        let id = entry.id;
        if entry.disabled {
            return Err(KeyError::Disabled(id));
        }
        if let Some(at_s) = entry.expires_at_s.filter(|at_s| *at_s <= now_s) {
            return Err(KeyError::Expired { id, seconds_ago: now_s.saturating_sub(at_s) });
        }
        if !entry.opens(&self.server) {
            return Err(KeyError::OtherServer(id));
        }
        if !entry.counts_from(client) {
            return Err(KeyError::OtherNetwork(id));
        }
        Ok(())
    }

    /// Where a key stands: in its own header, or behind the scheme `Bearer`; never in both.
    fn credential<'h>(&self, headers: &'h HeaderMap) -> Result<&'h [u8], TokenError> {
        let own = self.header.as_ref().map(|name| headers.get_all(name));
        let mut own = own.iter().flat_map(|values| values.iter());
        if let Some(value) = own.next() {
            if own.next().is_some() || headers.contains_key(AUTHORIZATION) {
                return Err(KeyError::Several.into());
            }
            return Ok(value.as_bytes());
        }
        let Credentials { scheme, token } = bearer::presented(headers)?;
        match (api_key::is_key_like(token), scheme) {
            (true, Scheme::Bearer) => Ok(token),
            // Nobody proves a key of their own for an API key.
            (true, Scheme::Dpop) => Err(KeyError::NotAccepted.into()),
            (false, _) => Err(TokenError::Missing),
        }
    }
}

impl Known {
    fn new(entry: &Arc<Entry>) -> Self {
        let before = entry.previous.map(|previous| {
            let until_s =
                entry.expires_at_s.map_or(previous.until_s, |at| at.min(previous.until_s));
            (previous, Arc::new(principal(entry, &previous.hash, Some(until_s))))
        });
        let current = Arc::new(principal(entry, &entry.hash, entry.expires_at_s));
        Self { entry: Arc::clone(entry), current, before }
    }

    fn hashes(&self) -> (&KeyHash, Option<&KeyHash>) {
        (&self.entry.hash, self.before.as_ref().map(|(previous, _)| &previous.hash))
    }
}

/// The holder of a key. Sessions and limits are the key's, whatever its secret: they survive a
/// rotation.
fn principal(entry: &Entry, hash: &KeyHash, expires_at_s: Option<u64>) -> Principal {
    let id = entry.id.as_str();
    Principal {
        client_id: Some(Arc::from(id)),
        scopes: Scopes::from_names(entry.scopes.iter().map(String::as_str)),
        roles: entry.roles.iter().map(|role| Arc::from(role.as_str())).collect(),
        tenant: entry.tenant.as_deref().map(Arc::from),
        expires_at_s,
        token_id_hash: Some(Arc::from(hash.fingerprint())),
        // No issuer's name begins with NUL: a token can never get the key of an API key's holder.
        key: PrincipalKey::of("\0api_key", id, None),
        ..Principal::new(AuthMethod::ApiKey, Arc::from(""), Arc::from(entry.name.as_str()))
    }
}
