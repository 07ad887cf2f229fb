//! The pooled HTTP/1.1 client of one upstream, over TCP or a Unix domain socket.
//!
//! Owns connection bounds and TLS towards the upstream. Guarantees: no redirects, no HTTP/2, no
//! proxy from the environment, `TCP_NODELAY`, a bounded pool, certificates verified against the
//! system's roots or the configured CA.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tower_service::Service;

use crate::outbound::Identity;
use crate::{config, limits};

/// The client type of every upstream.
pub type Client = legacy::Client<HttpsConnector<Connector>, Full<Bytes>>;

/// Why the client of an upstream cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address has no authority.
    #[error("the upstream address has no host")]
    Address,
    /// The credential is not a header value.
    #[error("the upstream credential is not a valid header value")]
    Credential,
    /// The client certificate or its key cannot be used.
    #[error("the client certificate towards the upstream cannot be used")]
    Identity,
    /// The CA file cannot be read or holds no certificate.
    #[error("the upstream CA file `{0}` holds no usable certificate")]
    Ca(String),
    /// The detectors of the log cannot be built.
    #[error("the detectors that mask what a process writes cannot be built")]
    Scrubber,
    /// The system has no random numbers.
    #[error("no random numbers for the keys of the upstream's bridge")]
    Random,
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
    let connector = match &endpoint.socket {
        None => Connector::Tcp(http),
        Some(path) => Connector::Unix { path: path.clone(), timeout: upstream.connect_timeout },
    };
    let tls = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(upstream, endpoint)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_millis(limits::UPSTREAM_IDLE_CONNECTION_MS))
        .pool_max_idle_per_host(limits::UPSTREAM_IDLE_CONNECTIONS_MAX)
        .http1_max_buf_size(limits::UPSTREAM_HEAD_BYTES_MAX)
        // Only a request of which no byte was written is ever sent again.
        .retry_canceled_requests(true)
        .build(tls))
}

/// Connects to the address of a URL, or to one socket whatever the URL says.
#[derive(Debug, Clone)]
pub enum Connector {
    /// To host and port of the URL.
    Tcp(HttpConnector),
    /// To this socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Time to connect: a socket whose queue is full makes callers wait.
        timeout: Duration,
    },
}

impl Service<http::Uri> for Connector {
    type Response = Stream;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Tcp(tcp) => tcp.poll_ready(cx).map_err(Into::into),
            Self::Unix { .. } => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        match self {
            Self::Tcp(tcp) => {
                let connecting = tcp.call(uri);
                Box::pin(async move { Ok(Stream::Tcp(connecting.await?)) })
            }
            Self::Unix { path, timeout } => {
                let (path, timeout) = (path.clone(), *timeout);
                Box::pin(async move {
                    let connected =
                        tokio::time::timeout(timeout, UnixStream::connect(path)).await?;
                    Ok(Stream::Unix(TokioIo::new(connected?)))
                })
            }
        }
    }
}

/// A connection of either kind.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TokioIo<TcpStream>),
    /// A Unix domain socket.
    Unix(TokioIo<UnixStream>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Tcp(stream) => stream.connected(),
            Self::Unix(_) => Connected::new(),
        }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }
}

pub(super) fn tls_config(
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
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(match &upstream.identity {
        None => tls,
        Some(identity) => {
            let own = Identity::from_pem(&identity.chain, identity.key.expose());
            own.map_err(|_| ClientError::Identity)?.over(tls)
        }
    })
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), ClientError> {
    let bad = || ClientError::Ca(path.display().to_string());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|_| bad())?;
    for certificate in certificates {
        roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
    }
    if roots.is_empty() { Err(bad()) } else { Ok(()) }
}
