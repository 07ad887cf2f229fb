//! Where an issuer's keys come from: a file, an address, or discovery.
//!
//! Owns the loading of key sets. Assumes that [`Outbound`] keeps the rules for fetches. Guarantees
//! that discovery believes a metadata document only if it names exactly the configured issuer
//! (RFC 8414 section 3.3), and that a public issuer cannot send the gateway to loopback.

pub use crate::limits::KEY_FILE_FRESH_S;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use bytes::Bytes;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;
use url::Url;

use super::keys::{KeySet, KeySetError};
use crate::config::{Issuer, KeySource};
use crate::json::{self, Document, JsonError};
use crate::limits::{JWKS_BYTES_MAX, JWKS_FRESH_S, JWKS_REFRESH_MIN_S};
use crate::outbound::{FetchError, Outbound, names_loopback};

/// Where an issuer's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A JWKS file, read again when it changes.
    File(PathBuf),
    /// A JWKS at an address.
    Url(Url),
    /// A JWKS that the issuer's metadata names.
    Discover {
        /// `issuer` that the metadata must name.
        issuer: Arc<str>,
        /// Where the metadata may be, in the order in which it is looked for.
        documents: [Url; 2],
    },
    /// The public half of a development key, from its private key file.
    Development(PathBuf),
}

/// A loaded key set.
#[derive(Debug)]
pub struct Loaded {
    /// The keys.
    pub set: KeySet,
    /// After which time it is to be loaded again.
    pub fresh_for: Duration,
}

/// Why an issuer's addresses cannot be looked for at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be discovered from issuer `{issuer}`: it is not a plain https URL")]
pub struct SourceError {
    /// The issuer.
    pub issuer: Arc<str>,
}

/// Why loading keys failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The fetch failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    File(ErrorKind),
    /// The file or document is longer than the limit in bytes.
    #[error("the key file is longer than {0} bytes")]
    TooLong(usize),
    /// The document is not a key set.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The metadata is not strict JSON.
    #[error("the issuer's metadata is not acceptable JSON: {0}")]
    Metadata(JsonError),
    /// The metadata names another issuer (RFC 8414 section 3.3: MUST NOT be used).
    #[error("the issuer's metadata names another issuer")]
    OtherIssuer,
    /// The metadata does not name a usable address where it should.
    #[error("the issuer's metadata has no usable {0}")]
    NoAddress(&'static str),
    /// The development key file holds no P-256 key in PKCS#8.
    #[error("the development key is not a P-256 key in PKCS#8 PEM")]
    DevelopmentKey,
}

impl Source {
    /// The source of an issuer's keys, or `None` for one that is asked about each token. A
    /// development key stands for itself, so that no key set has to be written beside it.
    ///
    /// # Errors
    /// When keys are to be discovered from an issuer that is not a URL to start from.
    pub fn of(issuer: &Issuer) -> Result<Option<Self>, SourceError> {
        if let Some(key) = &issuer.development_key {
            return Ok(Some(Self::Development(key.clone())));
        }
        Ok(match &issuer.keys {
            KeySource::File(path) => Some(Self::File(path.clone())),
            KeySource::Url(url) => Some(Self::Url(url.clone())),
            KeySource::Discover => {
                let issuer = Arc::clone(&issuer.issuer);
                Some(Self::Discover { documents: metadata_urls(&issuer)?, issuer })
            }
            KeySource::None => None,
        })
    }

    /// Loads the keys once. Bounded in time and size by [`Outbound`] and the limits.
    ///
    /// # Errors
    /// [`KeysError`].
    pub async fn load(&self, outbound: &Outbound) -> Result<Loaded, KeysError> {
        let file = Duration::from_secs(KEY_FILE_FRESH_S);
        match self {
            Self::File(path) => {
                Ok(Loaded { set: KeySet::parse(read_file(path).await?)?, fresh_for: file })
            }
            Self::Development(path) => {
                Ok(Loaded { set: development(&read_file(path).await?)?, fresh_for: file })
            }
            Self::Url(url) => fetch_set(outbound, url).await,
            Self::Discover { issuer, documents } => {
                let url = discover(outbound, issuer, documents, Member::KeySet).await?;
                fetch_set(outbound, &url).await
            }
        }
    }
}

async fn fetch_set(outbound: &Outbound, url: &Url) -> Result<Loaded, KeysError> {
    let fetched = outbound.get_json(url).await?;
    // A longer lifetime than ours would delay the end of a removed key.
    let shortest = Duration::from_secs(JWKS_REFRESH_MIN_S);
    let longest = Duration::from_secs(JWKS_FRESH_S);
    let fresh_for = fetched.max_age.unwrap_or(longest).clamp(shortest, longest);
    Ok(Loaded { set: KeySet::parse(fetched.body)?, fresh_for })
}

/// An address that metadata names (RFC 8414 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// `jwks_uri`
    KeySet,
    /// `introspection_endpoint`
    Introspection,
}

impl Member {
    fn name(self) -> &'static str {
        match self {
            Self::KeySet => "jwks_uri",
            Self::Introspection => "introspection_endpoint",
        }
    }
}

/// Finds an address in the issuer's metadata. Tries the documents in turn; one that is there and
/// wrong tells more than one that is not there.
pub(super) async fn discover(
    outbound: &Outbound,
    issuer: &str,
    documents: &[Url; 2],
    member: Member,
) -> Result<Url, KeysError> {
    let [first, second] = documents;
    let first = match metadata(outbound, issuer, first, member).await {
        Ok(url) => return Ok(url),
        Err(error) => error,
    };
    let second = metadata(outbound, issuer, second, member).await;
    second.map_err(|second| if matches!(first, KeysError::Fetch(_)) { second } else { first })
}

async fn metadata(
    outbound: &Outbound,
    issuer: &str,
    at: &Url,
    member: Member,
) -> Result<Url, KeysError> {
    let found = Metadata::read(outbound, issuer, at).await?;
    found.address(member.name()).ok_or(KeysError::NoAddress(member.name()))
}

/// What an issuer says of itself.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// The document; it names the issuer that it was asked for.
    pub document: Document,
    /// Where it stands.
    at: Url,
    /// How long it may be kept, by its own word.
    pub max_age: Option<Duration>,
    /// What time it was there, seconds since the Unix epoch.
    pub date_s: Option<u64>,
}

impl Metadata {
    /// Reads one metadata document.
    ///
    /// # Errors
    /// When it cannot be fetched or read, or names another issuer (RFC 8414 section 3.3).
    pub async fn read(outbound: &Outbound, issuer: &str, at: &Url) -> Result<Self, KeysError> {
        let fetched = outbound.get_json(at).await?;
        let document =
            Document::parse(fetched.body, &METADATA_JSON).map_err(KeysError::Metadata)?;
        if !document.root().get("issuer").is_some_and(|found| found.is_str(issuer)) {
            return Err(KeysError::OtherIssuer);
        }
        Ok(Self { document, at: at.clone(), max_age: fetched.max_age, date_s: fetched.date_s })
    }

    /// An address that the document names, if the gateway may go there.
    #[must_use]
    pub fn address(&self, member: &str) -> Option<Url> {
        let named = self.document.root().get(member)?.as_str()?;
        Url::parse(&named).ok().filter(|url| may_point_to(&self.at, url))
    }
}

/// Loopback is reachable only for those whom the configuration put there: the metadata of a public
/// issuer may not send the gateway to itself.
fn may_point_to(metadata: &Url, address: &Url) -> bool {
    !names_loopback(address) || names_loopback(metadata)
}

/// Where the metadata of an issuer may stand, in the order in which it is looked for.
///
/// RFC 8414 section 3.1 inserts the well-known path before the issuer's own, OpenID Connect
/// Discovery section 4 appends it.
/// # Errors
/// When the issuer is no URL to start from.
pub fn metadata_urls(issuer: &Arc<str>) -> Result<[Url; 2], SourceError> {
    let wrong = || SourceError { issuer: Arc::clone(issuer) };
    let url = Url::parse(issuer).map_err(|_| wrong())?;
    if url.cannot_be_a_base() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let path = url.path().trim_end_matches('/');
    let (mut oauth, mut openid) = (url.clone(), url.clone());
    oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    openid.set_path(&format!("{path}/.well-known/openid-configuration"));
    Ok([oauth, openid])
}

fn development(pem: &[u8]) -> Result<KeySet, KeysError> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeysError::DevelopmentKey)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der())
        .map_err(|_| KeysError::DevelopmentKey)?;
    Ok(KeySet::of_p256(pair.public_key().as_ref()))
}

async fn read_file(path: &PathBuf) -> Result<Bytes, KeysError> {
    let failed = |e: std::io::Error| KeysError::File(e.kind());
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    let bound = (JWKS_BYTES_MAX as u64).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > JWKS_BYTES_MAX {
        return Err(KeysError::TooLong(JWKS_BYTES_MAX));
    }
    Ok(bytes.into())
}

/// What a metadata document may cost its reader.
const METADATA_JSON: json::Limits = json::Limits::of_issuer(JWKS_BYTES_MAX);

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{may_point_to, metadata_urls};

    #[test]
    fn s54_public_issuer_cannot_send_the_gateway_to_loopback() {
        let url = |text: &str| Url::parse(text).unwrap();
        let public = url("https://as.example/.well-known/openid-configuration");
        let local = url("http://127.0.0.1:9/.well-known/openid-configuration");
        let elsewhere = url("https://keys.example/jwks");
        for loopback in ["http://127.0.0.1:9/keys", "http://localhost/", "https://[::1]/"] {
            assert!(!may_point_to(&public, &url(loopback)), "{loopback}");
            assert!(may_point_to(&local, &url(loopback)), "{loopback}");
        }
        assert!(may_point_to(&public, &elsewhere) && may_point_to(&local, &elsewhere));
    }

    #[test]
    fn metadata_is_looked_for_where_the_specifications_put_it() {
        for (issuer, oauth, openid) in [
            (
                "https://as.example",
                "https://as.example/.well-known/oauth-authorization-server",
                "https://as.example/.well-known/openid-configuration",
            ),
            (
                "https://as.example/",
                "https://as.example/.well-known/oauth-authorization-server",
                "https://as.example/.well-known/openid-configuration",
            ),
            (
                "https://as.example:8443/realms/a",
                "https://as.example:8443/.well-known/oauth-authorization-server/realms/a",
                "https://as.example:8443/realms/a/.well-known/openid-configuration",
            ),
        ] {
            let [first, second] = metadata_urls(&issuer.into()).unwrap();
            assert_eq!((first.as_str(), second.as_str()), (oauth, openid));
        }
    }

    #[test]
    fn issuer_that_is_no_plain_url_cannot_be_discovered() {
        for issuer in ["joe", "mailto:a@b", "https://as.example?x=1", "https://as.example#x"] {
            assert!(metadata_urls(&issuer.into()).is_err(), "{issuer}");
        }
    }
}
