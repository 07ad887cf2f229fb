//! The certificate that the gateway shows as a TLS client.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::OutboundError;

/// A certificate chain and its private key.
#[derive(Clone)]
pub struct Identity(Arc<SingleCertAndKey>);

impl Identity {
    /// From PEM texts, the leaf first.
    ///
    /// # Errors
    /// [`OutboundError::Identity`] when one of them cannot be used, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, OutboundError> {
        let wrong = OutboundError::Identity;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(wrong)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| OutboundError::Identity)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider);
        let pair = pair.map_err(|_| OutboundError::Identity)?;
        Ok(Self(Arc::new(SingleCertAndKey::from(pair))))
    }

    /// `tls` for one server alone, with this identity.
    #[must_use]
    pub fn over(&self, mut tls: ClientConfig) -> ClientConfig {
        tls.client_auth_cert_resolver = Arc::clone(&self.0) as _;
        tls
    }

    /// `tls` with this identity. Sessions are not resumed: one that was opened as somebody else
    /// would speak for them.
    pub(super) fn beside(&self, tls: &ClientConfig) -> Arc<ClientConfig> {
        let mut own = tls.clone();
        own.client_auth_cert_resolver = Arc::clone(&self.0) as _;
        own.resumption = Resumption::disabled();
        Arc::new(own)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}
