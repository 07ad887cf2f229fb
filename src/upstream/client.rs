//! The pooled HTTP/1.1 client of one upstream.
//!
//! Owns connection bounds and TLS towards the upstream. Guarantees: no redirects, no HTTP/2, no
//! proxy from the environment, `TCP_NODELAY`, a bounded pool, certificates verified against the
//! system's roots or the configured CA.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::{config, limits};

/// The client type of every upstream.
pub type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why the client of an upstream cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address has no authority.
    #[error("the upstream address has no host")]
    Address,
    /// The credential is not a header value.
    #[error("the upstream credential is not a valid header value")]
    Credential,
    /// The CA file cannot be read or holds no certificate.
    #[error("the upstream CA file `{0}` holds no usable certificate")]
    Ca(String),
    /// The TLS library refused its own settings.
    #[error("TLS towards the upstream cannot be set up")]
    Tls,
}

pub(super) fn build(
    upstream: &config::Upstream,
    endpoint: &config::Endpoint,
) -> Result<Client, ClientError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(upstream.connect_timeout));
    let tls = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(upstream, endpoint)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_millis(limits::UPSTREAM_IDLE_CONNECTION_MS))
        .pool_max_idle_per_host(limits::UPSTREAM_IDLE_CONNECTIONS_MAX)
        .http1_max_buf_size(limits::UPSTREAM_HEAD_BYTES_MAX)
        // Only a request of which no byte was written is ever sent again.
        .retry_canceled_requests(true)
        .build(tls))
}

fn tls_config(
    upstream: &config::Upstream,
    endpoint: &config::Endpoint,
) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    match &upstream.ca {
        Some(path) => add_file(&mut roots, path)?,
        // The system's roots cost milliseconds to read: only where they are needed.
        None if endpoint.url.scheme() == "https" => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        None => {}
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), ClientError> {
    let bad = || ClientError::Ca(path.display().to_string());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|_| bad())?;
    for certificate in certificates {
        roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
    }
    if roots.is_empty() { Err(bad()) } else { Ok(()) }
}
