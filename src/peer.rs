//! Who is at the other end of the connection.
//!
//! Owns [`Peer`], the facts that the transport layer proved, made once per connection.

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
    /// Names in the client's certificate, verified against the listener's client CA.
    pub certificate: Option<Arc<CertificateIdentity>>,
}
