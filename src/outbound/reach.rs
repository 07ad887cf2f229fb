//! Whether somebody is there: a connection, a TLS handshake, at most one plain question.
//!
//! For checks by people, not for traffic: which addresses may be reached is not judged here.
//! Guarantees that each attempt ends within its time.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::ADDRESSES_MAX;
use crate::limits::POST_ANSWER_BYTES_MAX;

/// Who was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The address that accepted.
    pub address: SocketAddr,
}

/// Why nobody was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// The name does not resolve.
    #[error("the name `{0}` cannot be resolved")]
    Resolve(String),
    /// Nobody accepts the connection.
    #[error("no connection to {0}: {1}")]
    Connect(String, io::ErrorKind),
    /// The handshake failed.
    #[error("no TLS connection to {0}: {1}")]
    Tls(SocketAddr, String),
    /// Somebody is there who does not speak HTTP.
    #[error("{0} does not speak HTTP")]
    Http(SocketAddr),
    /// No answer in time.
    #[error("no answer from {0} in time")]
    Late(String),
}

impl ReachError {
    /// Whether nobody accepts connections there at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Resolve(_) | Self::Connect(..) | Self::Late(_) => true,
            Self::Tls(..) | Self::Http(_) => false,
        }
    }
}

/// Connects to `host` (a name, or an address without brackets), and shakes hands where `tls` says
/// how and for which name. The first address that accepts decides.
///
/// # Errors
/// See [`ReachError`].
pub async fn reach(
    host: &str,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    within: Duration,
) -> Result<Reached, ReachError> {
    let end = Instant::now() + within;
    let place = format!("{host}:{port}");
    let found = timeout_at(end, tokio::net::lookup_host((host, port))).await;
    let unknown = || ReachError::Resolve(host.to_owned());
    let found = found.map_err(|_| unknown())?.map_err(|_| unknown())?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    let share = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut why = unknown();
    for address in addresses {
        let attempt = timeout_at(end.min(Instant::now() + share), TcpStream::connect(address));
        let stream = match attempt.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                why = ReachError::Connect(address.to_string(), error.kind());
                continue;
            }
            Err(_) => {
                why = ReachError::Late(address.to_string());
                continue;
            }
        };
        let Some((config, name)) = tls else { return Ok(Reached { address }) };
        let shaken = timeout_at(end, TlsConnector::from(config).connect(name, stream)).await;
        return match shaken {
            Ok(Ok(_)) => Ok(Reached { address }),
            Ok(Err(error)) => Err(ReachError::Tls(address, error.to_string())),
            Err(_) => Err(ReachError::Late(place)),
        };
    }
    Err(why)
}

/// Connects to a Unix domain socket.
///
/// # Errors
/// See [`ReachError`].
pub async fn reach_socket(path: &Path, within: Duration) -> Result<(), ReachError> {
    let place = path.display().to_string();
    match tokio::time::timeout(within, UnixStream::connect(path)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ReachError::Connect(place, error.kind())),
        Err(_) => Err(ReachError::Late(place)),
    }
}

/// One GET over plain HTTP, to an address of this machine's own: status, and up to
/// [`POST_ANSWER_BYTES_MAX`] bytes of body.
///
/// # Errors
/// See [`ReachError`].
pub async fn get_plain(
    address: SocketAddr,
    path: &'static str,
    within: Duration,
) -> Result<(u16, Bytes), ReachError> {
    let place = address.to_string();
    let asked = async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| ReachError::Connect(address.to_string(), error.kind()))?;
        let broken = |_| ReachError::Http(address);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let talk = async move {
            let request = Request::builder()
                .uri(path)
                .header(HOST, address.to_string())
                .body(Empty::<Bytes>::new())
                .map_err(|_| ReachError::Http(address))?;
            let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            let body = Limited::new(body, POST_ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|_| ReachError::Http(address))?;
            Ok((head.status.as_u16(), body.to_bytes()))
        };
        // Driven beside the talk, so that giving up leaves nothing behind.
        let (mut talk, mut connection) = (std::pin::pin!(talk), std::pin::pin!(connection));
        let mut open = true;
        loop {
            tokio::select! {
                done = &mut talk => return done,
                _ = &mut connection, if open => open = false,
            }
        }
    };
    tokio::time::timeout(within, asked).await.unwrap_or(Err(ReachError::Late(place)))
}
