//! The one client for the gateway's own fetches: key sets and discovery documents.
//!
//! Owns every outgoing request that is not a forwarded call. Guarantees (S-54): https only, unless
//! the URL itself names loopback; redirects are never followed; a name is resolved once, every
//! address it gives is judged, and the connection goes to one of exactly these addresses; answer
//! size and total time are bounded.
//!
//! Each fetch opens its own connection. Fetches are minutes apart, so a pool would save nothing,
//! and without one the address that was judged is plainly the address that is spoken to.

mod address;
#[cfg(test)]
mod tests;

pub use crate::limits::ADDRESSES_MAX;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::limits::{FETCH_MS, JWKS_BYTES_MAX};

pub use address::{is_loopback, is_public};

/// The client. Immutable and shared.
#[derive(Debug)]
pub struct Outbound {
    tls: Arc<ClientConfig>,
    allow_networks: Vec<IpNet>,
    timeout: Duration,
}

/// What a fetch gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The whole body, at most [`JWKS_BYTES_MAX`] bytes; nobody has read it yet.
    pub body: Bytes,
    /// How long it may be kept (RFC 9111 section 5.2.2.1); zero for `no-store` and `no-cache`.
    pub max_age: Option<Duration>,
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The extra certificate authorities are not PEM certificates.
    #[error("the certificate authorities for outbound connections are not PEM certificates")]
    Authorities,
    /// The TLS configuration was refused.
    #[error("TLS for outbound connections cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why a fetch failed. Holds no URL, because a URL may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Neither https nor a URL that names loopback.
    #[error("only https is fetched, except from loopback")]
    Scheme,
    /// The URL has no host, or carries a user name or password.
    #[error("the URL has no host or carries credentials")]
    Url,
    /// The name does not resolve.
    #[error("the host name cannot be resolved")]
    Resolve,
    /// The name resolves to an address that must not be fetched from.
    #[error("the host resolves to `{0}`, which is not a public address")]
    Address(IpAddr),
    /// No address accepted a connection.
    #[error("no connection to the host")]
    Connect,
    /// The TLS handshake failed, most often because of the certificate.
    #[error("no TLS connection to the host: `{0}`")]
    Tls(String),
    /// The answer is not HTTP/1.1, or was cut.
    #[error("the answer is not complete HTTP")]
    Http,
    /// The answer redirects; redirects are never followed.
    #[error("the answer redirects (status {0})")]
    Redirect(u16),
    /// The answer's status is not 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The answer has a content coding, although none was accepted.
    #[error("the answer is encoded")]
    Encoded,
    /// The answer is larger than the limit.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The whole fetch did not finish in time.
    #[error("no complete answer within {0} ms")]
    Timeout(u128),
}

impl Outbound {
    /// A client that trusts the system's certificate authorities and those of `extra_ca_pem`, and
    /// may reach public addresses and `allow_networks`.
    ///
    /// # Errors
    /// When `extra_ca_pem` holds something other than certificates, or none.
    pub fn new(
        extra_ca_pem: Option<&[u8]>,
        allow_networks: Vec<IpNet>,
    ) -> Result<Self, OutboundError> {
        let mut roots = RootCertStore::empty();
        // A host without a certificate store can still reach loopback and its own authorities.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(pem) = extra_ca_pem {
            let extra: Vec<_> = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|_| OutboundError::Authorities)?;
            let (added, ignored) = roots.add_parsable_certificates(extra);
            if added == 0 || ignored > 0 {
                return Err(OutboundError::Authorities);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Arc::new(tls), allow_networks, timeout: Duration::from_millis(FETCH_MS) })
    }

    /// Fetches a JSON document by GET. The body is not parsed here.
    ///
    /// # Errors
    /// [`FetchError`]; nothing is retried.
    pub async fn get_json(&self, url: &Url) -> Result<Fetched, FetchError> {
        tokio::time::timeout(self.timeout, self.fetch(url))
            .await
            .unwrap_or_else(|_| Err(FetchError::Timeout(self.timeout.as_millis())))
    }

    async fn fetch(&self, url: &Url) -> Result<Fetched, FetchError> {
        let host = check_url(url)?;
        let port = url.port_or_known_default().ok_or(FetchError::Url)?;
        let found = resolve(&host, port).await?;
        let admitted = admit(names_loopback(url), found, &self.allow_networks)?;
        let stream = self.connect(&admitted).await?;
        let request = request(url)?;
        if url.scheme() == "http" {
            return converse(stream, request).await;
        }
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(server_name(&host)?, stream)
            .await
            .map_err(|e| FetchError::Tls(e.to_string()))?;
        converse(stream, request).await
    }

    /// Tries each address in turn; together they stay within the time of the fetch.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
        let share = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        for address in addresses {
            let attempt = tokio::time::timeout(self.timeout / share, TcpStream::connect(address));
            if let Ok(Ok(stream)) = attempt.await {
                return Ok(stream);
            }
        }
        Err(FetchError::Connect)
    }
}

/// Whether a URL names loopback by itself: `localhost`, 127.0.0.0/8 or `[::1]`.
#[must_use]
pub fn names_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => is_loopback(IpAddr::V6(v6)),
        None => false,
    }
}

fn check_url(url: &Url) -> Result<Host<String>, FetchError> {
    match url.scheme() {
        "https" => {}
        "http" if names_loopback(url) => {}
        // Any other scheme, and http to elsewhere.
        _ => return Err(FetchError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Url);
    }
    url.host().map(|h| h.to_owned()).ok_or(FetchError::Url)
}

async fn resolve(host: &Host<String>, port: u16) -> Result<Vec<SocketAddr>, FetchError> {
    match host {
        Host::Ipv4(v4) => Ok(vec![SocketAddr::from((*v4, port))]),
        Host::Ipv6(v6) => Ok(vec![SocketAddr::from((*v6, port))]),
        Host::Domain(name) => {
            let found = tokio::net::lookup_host((name.as_str(), port)).await;
            Ok(found.map_err(|_| FetchError::Resolve)?.collect())
        }
    }
}

/// Judges every address of a name. One refused address refuses them all: a name that points both
/// outside and inside is how DNS rebinding looks.
fn admit(
    loopback: bool,
    mut found: Vec<SocketAddr>,
    allow: &[IpNet],
) -> Result<Vec<SocketAddr>, FetchError> {
    for address in &found {
        let ip = address.ip();
        let admitted = if loopback {
            is_loopback(ip)
        } else {
            is_public(ip) || allow.iter().any(|net| net.contains(&ip.to_canonical()))
        };
        if !admitted {
            return Err(FetchError::Address(ip));
        }
    }
    found.truncate(ADDRESSES_MAX);
    if found.is_empty() { Err(FetchError::Resolve) } else { Ok(found) }
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, FetchError> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| FetchError::Url),
        Host::Ipv4(v4) => Ok(ServerName::from(IpAddr::V4(*v4))),
        Host::Ipv6(v6) => Ok(ServerName::from(IpAddr::V6(*v6))),
    }
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, FetchError> {
    let host = url.host_str().ok_or(FetchError::Url)?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Request::get(target)
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("sallyport/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|_| FetchError::Url)
}

async fn converse<I>(stream: I, request: Request<Empty<Bytes>>) -> Result<Fetched, FetchError>
where
    I: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Http)?;
    let talk = async move {
        let answer = sender.send_request(request).await.map_err(|_| FetchError::Http)?;
        read(answer).await
    };
    // The connection's own future is driven beside the talk instead of in a task, so that giving
    // up on a fetch leaves nothing behind.
    let (mut talk, mut connection) = (std::pin::pin!(talk), std::pin::pin!(connection));
    let mut open = true;
    loop {
        tokio::select! {
            done = &mut talk => return done,
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn read(answer: Response<Incoming>) -> Result<Fetched, FetchError> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(FetchError::Redirect(status.as_u16()));
    }
    if status != http::StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let (head, body) = answer.into_parts();
    if head.headers.get_all(CONTENT_ENCODING).iter().any(|v| v != "identity") {
        return Err(FetchError::Encoded);
    }
    let body = Limited::new(body, JWKS_BYTES_MAX).collect().await.map_err(|e| {
        if e.is::<LengthLimitError>() {
            FetchError::TooLarge(JWKS_BYTES_MAX)
        } else {
            FetchError::Http
        }
    })?;
    Ok(Fetched { body: body.to_bytes(), max_age: max_age(&head.headers) })
}

/// The answer's lifetime by `Cache-Control`; the shortest one where it names several.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut shortest = None;
    for value in headers.get_all(CACHE_CONTROL).iter().filter_map(|v| v.to_str().ok()) {
        for directive in value.split(',').map(|d| d.trim().to_ascii_lowercase()) {
            let seconds = match directive.split_once('=') {
                Some(("max-age", seconds)) => seconds.trim_matches('"').parse().ok(),
                Some(_) => None,
                None => (directive == "no-store" || directive == "no-cache").then_some(0),
            };
            shortest = match (shortest, seconds) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
    }
    shortest.map(Duration::from_secs)
}

/// Header fields of an answer to a fetch. Real ones have 10 to 30.
const HEADERS_MAX: usize = crate::limits::HEADERS_MAX;

/// Bytes of the head of an answer to a fetch.
const HEAD_BYTES_MAX: usize = crate::limits::UPSTREAM_HEAD_BYTES_MAX;
