//! Who calls: the facts that authentication proved, and nothing a caller merely claims.
//!
//! Owns the vocabulary of identity. Assumes that only [`crate::authn`] fills it from verified
//! tokens and from the TLS layer.

mod certificate;
pub mod spiffe;

use std::net::IpAddr;
use std::sync::Arc;

use crate::limits::NAME_BYTES_MAX;

pub use certificate::{CertificateIdentity, CertificateSource, Names};

/// Claims for policies: names, each with its values.
pub type Attributes = Vec<(Arc<str>, Vec<Arc<str>>)>;

/// An authenticated caller. Immutable and shared, because verified tokens are cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// How the identity was proven.
    pub method: AuthMethod,
    /// `iss` of the token; empty where no token was used.
    pub issuer: Arc<str>,
    /// `sub` of the token, the certificate's identity, the API key's name, or `anonymous`.
    pub subject: Arc<str>,
    /// `client_id` or `azp` of the token; the id of the API key.
    pub client_id: Option<Arc<str>>,
    /// Granted scopes.
    pub scopes: Scopes,
    /// Values of the issuer's roles claim.
    pub roles: Vec<Arc<str>>,
    /// Values of the issuer's groups claim.
    pub groups: Vec<Arc<str>>,
    /// Value of the issuer's tenant claim.
    pub tenant: Option<Arc<str>>,
    /// Value of the issuer's session claim, such as `sid`: what a sign-out names.
    pub session: Option<Arc<str>>,
    /// Value of the issuer's risk claim.
    pub risk: Option<Arc<str>>,
    /// Values of the claims that the issuer's `attributes` name, for policies.
    pub attributes: Attributes,
    /// The keys that the token is bound to. Authentication lets a caller in only when each of them
    /// was proven for this very request.
    pub confirmation: Option<Confirmation>,
    /// Identity of the client certificate, where one was presented and verified.
    pub certificate: Option<Arc<CertificateIdentity>>,
    /// `exp` of the token, seconds since the Unix epoch. `None` lives as long as its connection.
    pub expires_at_s: Option<u64>,
    /// `iat` of the token, seconds since the Unix epoch: what was issued later than a revocation
    /// says may be used again.
    pub issued_at_s: Option<u64>,
    /// `auth_time` of the token, seconds since the Unix epoch: when the user signed in.
    pub authenticated_at_s: Option<u64>,
    /// Whether the token passes by the grace of the configuration: its issuer confirmed it before,
    /// and cannot be asked now.
    pub unconfirmed: bool,
    /// First 16 hex digits of SHA-256 over the token's `jti`, or 16 that tell the secrets of one
    /// API key apart, for the audit trail.
    pub token_id_hash: Option<Arc<str>>,
    /// Identifies issuer, subject and client together; see [`PrincipalKey`].
    pub key: PrincipalKey,
}

/// The keys that a token is bound to (RFC 7800 section 3). At least one is there; where both are,
/// both have to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Confirmation {
    /// `cnf.jkt`: SHA-256 thumbprint of the key of DPoP proofs (RFC 9449 section 6.1).
    pub dpop_key: Option<[u8; 32]>,
    /// `cnf.x5t#S256`: SHA-256 of the client's DER certificate (RFC 8705 section 3.1).
    pub certificate: Option<[u8; 32]>,
}

impl Confirmation {
    /// What was proven, for records: `dpop`, `certificate` or `dpop+certificate`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.dpop_key, self.certificate) {
            (Some(_), Some(_)) => "dpop+certificate",
            (Some(_), None) => "dpop",
            (None, Some(_)) => "certificate",
            (None, None) => "none",
        }
    }
}

impl Principal {
    /// A caller of whom no more is known than a name; the rest is filled in by struct update.
    #[must_use]
    pub fn new(method: AuthMethod, issuer: Arc<str>, subject: Arc<str>) -> Self {
        let key = PrincipalKey::of(&issuer, &subject, None);
        Self {
            method,
            issuer,
            subject,
            client_id: None,
            scopes: Scopes::default(),
            roles: Vec::new(),
            groups: Vec::new(),
            tenant: None,
            session: None,
            risk: None,
            attributes: Vec::new(),
            confirmation: None,
            certificate: None,
            expires_at_s: None,
            unconfirmed: false,
            issued_at_s: None,
            authenticated_at_s: None,
            token_id_hash: None,
            key,
        }
    }
}

/// How an identity was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// The route says `auth: none`: nobody was asked. Audited, and warned about at start-up.
    Anonymous,
    /// An access token, RFC 6750 or RFC 9449; [`Principal::confirmation`] says what was proven
    /// besides.
    Bearer,
    /// A client certificate alone.
    Certificate,
    /// An API key.
    ApiKey,
}

impl AuthMethod {
    /// The name in records and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Bearer => "bearer",
            Self::Certificate => "certificate",
            Self::ApiKey => "api_key",
        }
    }

    /// The method of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Anonymous, Self::Bearer, Self::Certificate, Self::ApiKey];
        all.into_iter().find(|method| method.name() == name)
    }
}

/// 128 bits over (issuer, subject, client id): equal for every token of the same caller, so that
/// sessions and limits survive a token refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrincipalKey(pub [u8; 16]);

impl PrincipalKey {
    /// Hashes the three names; lengths are hashed too, so that no two triples run together.
    #[must_use]
    pub fn of(issuer: &str, subject: &str, client_id: Option<&str>) -> Self {
        let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in [issuer, subject, client_id.unwrap_or("")] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Self(key)
    }
}

impl PrincipalKey {
    /// Of somebody of whom nothing is proven: the client's address has to tell callers apart. No
    /// issuer's name begins with NUL.
    #[must_use]
    pub fn of_address(client: IpAddr) -> Self {
        Self::of("\0address", &client.to_string(), None)
    }
}

/// The scopes of a token. Small, sorted, compared byte for byte (RFC 6749 section 3.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Box<str>>);

impl Scopes {
    /// From names in any order; empty names are dropped, repeated ones kept once.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<Box<str>> =
            names.into_iter().filter(|n| !n.is_empty()).map(Box::from).collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// Whether `name` was granted.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|s| s.as_ref().cmp(name)).is_ok()
    }

    /// The granted names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

/// Whether a text is one scope: the grammar of RFC 6749 section 3.3, at most [`NAME_BYTES_MAX`]
/// bytes.
#[must_use]
pub fn is_scope(text: &str) -> bool {
    let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{PrincipalKey, Scopes};

    #[test]
    fn names_that_run_together_give_different_keys() {
        assert_ne!(PrincipalKey::of("a", "bc", None), PrincipalKey::of("ab", "c", None));
        assert_eq!(PrincipalKey::of("a", "b", Some("c")), PrincipalKey::of("a", "b", Some("c")));
    }

    #[test]
    fn scopes_match_whole_names_only() {
        let scopes = Scopes::from_names(["mcp.tools.invoke", "a", "a", ""]);
        assert!(scopes.contains("mcp.tools.invoke"));
        assert!(!scopes.contains("mcp.tools"));
        assert_eq!(scopes.iter().count(), 2);
    }
}
