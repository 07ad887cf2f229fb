//! The one client for the gateway's own requests: key sets, discovery documents, and what it asks
//! of authorization servers and other services.
//!
//! Owns every outgoing request that is not a forwarded call. Guarantees (S-54): https only, unless
//! the URL itself names loopback; redirects are never followed; a name is resolved once, every
//! address it gives is judged, and the connection goes to one of exactly these addresses; answer
//! size and total time are bounded. No error holds a URL, a header or a byte of a body.
//!
//! Each request opens its own connection: the address that was judged is plainly the address that
//! is spoken to, and no answer can belong to another request. What is asked often is cached by
//! whoever asks.

mod address;
mod identity;
pub mod oauth;
mod post;
mod reach;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::limits::ADDRESSES_MAX;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use ipnet::IpNet;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::limits::{FETCH_MS, JWKS_BYTES_MAX, POST_ANSWER_BYTES_MAX};

pub use address::{is_loopback, is_public};
pub use identity::Identity;
pub use post::{Answer, Form, Post};
pub use reach::{ReachError, Reached, get_plain, reach, reach_socket};
pub use wire::date_s;

/// The client. Shared; its settings can be replaced while it runs.
#[derive(Debug)]
pub struct Outbound {
    settings: ArcSwap<Settings>,
}

/// Whom the client trusts, what it may reach and how long it waits.
#[derive(Debug)]
pub struct Settings {
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
    /// What time it was there, seconds since the Unix epoch.
    pub date_s: Option<u64>,
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
    /// A client's certificate or key cannot be read or used, or they do not belong together.
    #[error("the client certificate or key for outbound connections cannot be used")]
    Identity,
    /// A client's signing key is of no kind that is supported, or cannot be read.
    #[error("the key that signs client assertions cannot be used")]
    SigningKey,
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
    /// The answer's status is none that is expected.
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

impl Settings {
    /// Trusts the system's certificate authorities and those of `extra_ca_pem`; may reach public
    /// addresses and `allow_networks`; ends each request after `timeout`.
    ///
    /// # Errors
    /// When `extra_ca_pem` holds something other than certificates, or none.
    pub fn new(
        extra_ca_pem: Option<&[u8]>,
        allow_networks: Vec<IpNet>,
        timeout: Duration,
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
        Ok(Self { tls: Arc::new(tls), allow_networks, timeout })
    }
}

impl Outbound {
    /// A client with [`Settings::new`] and the default time limit.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub fn new(
        extra_ca_pem: Option<&[u8]>,
        allow_networks: Vec<IpNet>,
    ) -> Result<Self, OutboundError> {
        let timeout = Duration::from_millis(FETCH_MS);
        Settings::new(extra_ca_pem, allow_networks, timeout).map(Self::with)
    }

    /// A client with these settings.
    #[must_use]
    pub fn with(settings: Settings) -> Self {
        Self { settings: ArcSwap::from_pointee(settings) }
    }

    /// Replaces the settings. Requests under way end with the old ones.
    pub fn replace(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Fetches a JSON document by GET. The body is not parsed here.
    ///
    /// # Errors
    /// [`FetchError`]; nothing is retried.
    pub async fn get_json(&self, url: &Url) -> Result<Fetched, FetchError> {
        let request = wire::get(url)?;
        let answer = self.ask(url, request, None, JWKS_BYTES_MAX).await?;
        if answer.status != http::StatusCode::OK {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        let max_age = wire::max_age(&answer.headers);
        let date_s = date_s(&answer.headers);
        Ok(Fetched { body: answer.body, max_age, date_s })
    }

    /// Sends `post` and gives the answer, if its status is 200 or one of 400 to 499: OAuth says
    /// what is wrong in the body of the latter (RFC 6749 section 5.2). The body, at most
    /// [`POST_ANSWER_BYTES_MAX`] bytes, is not parsed here.
    ///
    /// Cancel-safe: dropping the future closes the connection, and leaves open whether the other
    /// side has acted.
    ///
    /// # Errors
    /// [`FetchError`]; nothing is retried.
    pub async fn post(&self, url: &Url, post: Post<'_>) -> Result<Answer, FetchError> {
        let identity = post.identity;
        let request = wire::post(url, post)?;
        self.ask(url, request, identity, POST_ANSWER_BYTES_MAX).await
    }

    async fn ask(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        identity: Option<&Identity>,
        bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let settings = self.settings.load_full();
        tokio::time::timeout(settings.timeout, settings.ask(url, request, identity, bytes_max))
            .await
            .unwrap_or_else(|_| Err(FetchError::Timeout(settings.timeout.as_millis())))
    }
}

impl Settings {
    async fn ask(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        identity: Option<&Identity>,
        bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let host = check_url(url)?;
        let port = url.port_or_known_default().ok_or(FetchError::Url)?;
        let found = resolve(&host, port).await?;
        let admitted = admit(names_loopback(url), found, &self.allow_networks)?;
        let stream = self.connect(&admitted).await?;
        if url.scheme() == "http" {
            return wire::converse(stream, request, bytes_max).await;
        }
        let tls = match identity {
            None => Arc::clone(&self.tls),
            Some(identity) => identity.beside(&self.tls),
        };
        let stream = TlsConnector::from(tls)
            .connect(server_name(&host)?, stream)
            .await
            .map_err(|e| FetchError::Tls(e.to_string()))?;
        wire::converse(stream, request, bytes_max).await
    }

    /// Tries each address in turn; together they stay within the time of the request.
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
