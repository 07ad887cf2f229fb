//! Who is at the other end of the connection.
//!
//! Owns [`Peer`], the facts that the transport layer proved, made once per connection.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::principal::CertificateIdentity;

/// The other end of one client connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Name of the listener that accepted it.
    pub listener: Arc<str>,
    /// Its socket address; that of the PROXY protocol header where a trusted proxy sent one.
    pub address: SocketAddr,
    /// What the TLS handshake settled; `None` on plain HTTP.
    pub tls: Option<TlsFacts>,
}

/// What a TLS handshake settled.
#[derive(Debug, Clone)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// Key exchange group, such as `X25519MLKEM768`.
    pub group: &'static str,
    /// Server name that the client asked for.
    pub server_name: Option<Box<str>>,
    /// Names in the certificate of the other end, verified against the listener's client CA. The
    /// other end may be a proxy: who calls is [`crate::net::Vetted::certificate`].
    pub presented: Option<Arc<CertificateIdentity>>,
    /// Whether that certificate is still accepted; `None` where none was presented.
    pub standing: Option<Arc<dyn Standing>>,
}

/// Whether what a handshake proved still holds: authorities, revocation lists and the time change
/// while a connection is open.
pub trait Standing: Debug + Send + Sync {
    /// Whether a new handshake would still accept the certificate. Cheap; asked for each request.
    fn holds(&self) -> bool;
}

impl Peer {
    /// Whether the certificate of this connection, if it has one, is still accepted.
    #[must_use]
    pub fn still_stands(&self) -> bool {
        let standing = self.tls.as_ref().and_then(|tls| tls.standing.as_ref());
        standing.is_none_or(|standing| standing.holds())
    }

    /// Names in the certificate that this connection presented.
    #[must_use]
    pub fn presented(&self) -> Option<&Arc<CertificateIdentity>> {
        self.tls.as_ref().and_then(|tls| tls.presented.as_ref())
    }
}
