//! TLS of the listeners: what is offered, which certificate, who the client is.
//!
//! Owns the rustls configuration, made from the files that the configuration names. Assumes that
//! nobody installed a process-wide crypto provider; aws-lc-rs is named explicitly. Guarantees:
//! TLS 1.3 and, unless refused, 1.2; AEAD suites with ephemeral key exchange only, post-quantum
//! hybrid first; no 0-RTT (its data can be replayed: RFC 8446 section 8); HTTP/2 and HTTP/1.1 by
//! ALPN; a certificate without its own key is refused before anybody is served with it.

mod names;
mod standing;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, cipher_suite, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion, version,
};

use self::names::Certificates;
pub(super) use self::standing::Presented;
use super::reload::{Live, Slot};
use crate::config::{self, CertificateFiles, ClientAuth, Tls};
use crate::limits::FILE_BYTES_MAX;
use crate::net::TlsFacts;
use crate::net::certificate::server_names;
pub use crate::net::certificate::{IdentityError, identity};
use crate::peer::Standing;
use crate::principal::CertificateSource;

/// Why TLS of a listener cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than [`FILE_BYTES_MAX`].
    #[error("`{path}` is too large")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// A file holds no certificate.
    #[error("`{path}` holds no PEM certificate")]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A file holds no private key.
    #[error("`{path}` holds no PEM private key")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("`{path}` cannot be used with its key: {source}")]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// The names or the validity of a certificate cannot be read.
    #[error("`{path}` has unusable names: {source}")]
    Names {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: IdentityError,
    },
    /// Client certificates are asked for, but no authority is configured that could verify them.
    #[error("client certificates are asked for without a client CA")]
    NoClientCa,
    /// The client CA cannot be used.
    #[error("`{path}` cannot verify client certificates: {detail}")]
    ClientCa {
        /// The CA's file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// A revocation list cannot be used.
    #[error("`{path}` cannot be used as a revocation list: {detail}")]
    Crl {
        /// The list's file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// No certificate is configured.
    #[error("TLS without a certificate")]
    Empty,
    /// rustls refused the settings.
    #[error("TLS settings: {0}")]
    Settings(#[from] rustls::Error),
}

/// TLS settings that are ready to serve.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) config: Arc<ServerConfig>,
    /// End of validity of the certificate that ends first, seconds since the Unix epoch.
    pub(super) not_after_s: u64,
    /// Next update of the revocation list that ends first, seconds since the Unix epoch.
    pub(super) crl_until_s: Option<u64>,
    /// Whether the log was told that a list has ended.
    told: Arc<AtomicBool>,
    /// `None` where no client certificates are asked for.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

impl Ready {
    /// Judges a chain, leaf first, as a handshake at `now` would.
    fn verify(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), rustls::Error> {
        let verifier = self.verifier.as_ref().ok_or_else(no_verifier)?;
        let (leaf, rest) = chain.split_first().ok_or_else(no_verifier)?;
        verifier.verify_client_cert(leaf, rest, now).map(|_verified| ())
    }

    /// Whether a handshake failed for want of a current revocation list, for the first time under
    /// these settings: the log must not grow with each client that tries.
    pub(super) fn says_list_has_ended(&self, error: &io::Error) -> bool {
        let behind = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        let ended = matches!(
            behind,
            Some(rustls::Error::InvalidCertificate(
                CertificateError::ExpiredRevocationList
                    | CertificateError::ExpiredRevocationListContext { .. }
                    | CertificateError::UnknownRevocationStatus
            ))
        );
        ended && !self.told.swap(true, Ordering::Relaxed)
    }
}

fn no_verifier() -> rustls::Error {
    rustls::Error::General("client certificates are no longer asked for".to_owned())
}

/// Reads the files and builds the settings. Blocks on files.
pub(super) fn build(tls: &Tls) -> Result<Ready, TlsError> {
    let provider = Arc::new(provider());
    let mut certificates = Vec::new();
    let mut not_after_s = u64::MAX;
    for files in &tls.certificates {
        let (key, names, ends_s) = certificate(files, &provider)?;
        not_after_s = not_after_s.min(ends_s);
        certificates.push((key, names));
    }
    if certificates.is_empty() {
        return Err(TlsError::Empty);
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(tls))?;
    let (verifier, crl_until_s) = match client_verifier(tls, &provider)? {
        Some(Asking { verifier, until_s }) => (Some(verifier), until_s),
        None => (None, None),
    };
    let builder = match verifier.clone() {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Certificates::new(certificates)));
    config.alpn_protocols = vec![H2.to_vec(), HTTP_11.to_vec()];
    config.max_early_data_size = 0;
    // RFC 7627: without it a TLS 1.2 session can be confused with another one.
    config.require_ems = true;
    if verifier.is_some() {
        // A resumed session is not verified again: it would outlive its certificate and its CA.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new()?;
    }
    Ok(Ready { config: Arc::new(config), not_after_s, crl_until_s, told: Arc::default(), verifier })
}

/// What a finished handshake settled.
pub(super) fn facts(
    connection: &ServerConnection,
    slot: &Arc<Slot>,
    live: &Live,
) -> Result<TlsFacts, IdentityError> {
    let chain = connection.peer_certificates().unwrap_or_default();
    let presented = match chain.first() {
        Some(leaf) => Some(Arc::new(identity(leaf, CertificateSource::Tls)?)),
        None => None,
    };
    let standing: Option<Arc<dyn Standing>> = match &presented {
        Some(_) => Some(Arc::new(Presented::new(slot, live, chain))),
        None => None,
    };
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    let group = connection.negotiated_key_exchange_group().and_then(|g| g.name().as_str());
    Ok(TlsFacts {
        version,
        group: group.unwrap_or("unknown"),
        server_name: connection.server_name().map(Box::from),
        presented,
        standing,
    })
}

/// aws-lc-rs with the suites that are offered, stated here so that no update adds one.
fn provider() -> CryptoProvider {
    CryptoProvider { cipher_suites: SUITES.to_vec(), ..default_provider() }
}

fn versions(tls: &Tls) -> &'static [&'static SupportedProtocolVersion] {
    if tls.tls13_only { ONLY_TLS_13 } else { BOTH }
}

/// How client certificates are judged.
struct Asking {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Next update of the revocation list that ends first, seconds since the Unix epoch.
    until_s: Option<u64>,
}

/// The verifier of client certificates (S-20): chain to the configured authorities alone, purpose
/// clientAuth, name constraints, and, where there are revocation lists, a current one for each
/// certificate of the chain.
fn client_verifier(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Option<Asking>, TlsError> {
    let optional = match tls.client_auth {
        ClientAuth::Off => return Ok(None),
        ClientAuth::Optional => true,
        ClientAuth::Required => false,
    };
    let path = tls.client_ca.as_deref().ok_or(TlsError::NoClientCa)?;
    let refused = |detail: String| TlsError::ClientCa { path: path.to_owned(), detail };
    let mut roots = RootCertStore::empty();
    for authority in chain(path)? {
        roots.add(authority).map_err(|e| refused(e.to_string()))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if optional { builder.allow_unauthenticated() } else { builder };
    let (lists, until_s) = revocation_lists(&tls.crl)?;
    let builder = if lists.is_empty() {
        builder
    } else {
        // A list that has ended proves nothing: without it rustls would go on believing it.
        builder.with_crls(lists).enforce_revocation_expiration()
    };
    let verifier = builder.build().map_err(|e| refused(e.to_string()))?;
    Ok(Some(Asking { verifier, until_s }))
}

/// All revocation lists, and the next update of the one that ends first.
fn revocation_lists(
    files: &[PathBuf],
) -> Result<(Vec<CertificateRevocationListDer<'static>>, Option<u64>), TlsError> {
    let mut all = Vec::new();
    let mut until_s: Option<u64> = None;
    for path in files {
        let refused =
            |detail: &str| TlsError::Crl { path: path.clone(), detail: detail.to_owned() };
        let lists = config::crl::lists(&read(path)?);
        if lists.is_empty() {
            return Err(refused("it holds none"));
        }
        for list in &lists {
            let facts = config::crl::facts(list).ok_or_else(|| refused("it cannot be read"))?;
            let ends = facts.until_s.and_then(|s| u64::try_from(s).ok());
            let ends = ends.ok_or_else(|| refused("it has no next update"))?;
            until_s = Some(until_s.map_or(ends, |other| other.min(ends)));
        }
        all.extend(lists);
    }
    Ok((all, until_s))
}

/// One certificate with its key, its names and the end of its validity.
fn certificate(
    files: &CertificateFiles,
    provider: &CryptoProvider,
) -> Result<(Arc<CertifiedKey>, Vec<String>, u64), TlsError> {
    let path = || files.cert.clone();
    let chain = chain(&files.cert)?;
    let leaf = chain.first().ok_or_else(|| TlsError::NoCertificate { path: path() })?;
    let (names, ends_s) =
        server_names(leaf).map_err(|source| TlsError::Names { path: path(), source })?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
    // Checks that the key is the certificate's own.
    let key = CertifiedKey::from_der(chain, key, provider)
        .map_err(|source| TlsError::Certificate { path: path(), source })?;
    Ok((Arc::new(key), names, ends_s))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let none = || TlsError::NoCertificate { path: path.to_owned() };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(none)
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Sized once: a vector that grows would leave pieces of a key behind in freed memory.
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(READ_BYTES));
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

/// ALPN identifier of HTTP/2 (RFC 9113 section 3.1).
pub(super) const H2: &[u8] = b"h2";
/// ALPN identifier of HTTP/1.1 (RFC 7301 section 6).
const HTTP_11: &[u8] = b"http/1.1";

static ONLY_TLS_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
static BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// S-55: AEAD with ephemeral keys only.
const SUITES: &[SupportedCipherSuite] = &[
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Room for a usual PEM file.
const READ_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::provider;

    #[test]
    fn s55_post_quantum_key_exchange_is_offered_first() {
        let groups: Vec<_> = provider().kx_groups.iter().map(|g| g.name()).collect();
        assert_eq!(groups.first(), Some(&rustls::NamedGroup::X25519MLKEM768));
    }

    #[test]
    fn s55_every_suite_is_aead() {
        for suite in provider().cipher_suites {
            let name = format!("{:?}", suite.suite());
            assert!(name.contains("GCM") || name.contains("POLY1305"), "{name}");
        }
    }
}
