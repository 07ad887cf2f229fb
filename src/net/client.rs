//! Which address a request comes from.
//!
//! Owns the reading of `X-Forwarded-For`. Guarantees (S-47): only a peer whose socket address is a
//! configured trusted proxy is believed; everybody else is who the socket says. `Forwarded`
//! (RFC 7239) is never read.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::limits::FORWARDED_HOPS_MAX;
use crate::reject::{Code, Rejection};

/// Why the client's address cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// More than one field: two readers could take different ones.
    #[error("`X-Forwarded-For` of a trusted proxy is repeated")]
    Repeated,
    /// A hop that had to be looked at is not an IP address.
    #[error("`X-Forwarded-For` of a trusted proxy holds something else than an address")]
    Malformed,
    /// More trusted hops than a chain of proxies has.
    #[error("`X-Forwarded-For` of a trusted proxy names more than {FORWARDED_HOPS_MAX} hops")]
    TooLong,
}

impl From<ClientError> for Rejection {
    fn from(error: ClientError) -> Self {
        Self::new(Code::HeaderInvalid, error.to_string())
    }
}

/// The client's address: the socket's, or, where the socket is a trusted proxy's, the rightmost
/// hop of its one `X-Forwarded-For` that is not itself a trusted proxy. Where all hops are, the
/// leftmost of them made the request.
///
/// Hops to the left of the answer were written by the client or by somebody unknown and are not
/// looked at. IPv4-mapped IPv6 addresses become IPv4, so that a list of networks matches both.
///
/// # Errors
/// [`ClientError`]: a trusted proxy that sends what it never should is misconfigured or tricked.
pub fn client_ip(
    socket: SocketAddr,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Result<IpAddr, ClientError> {
    let socket = socket.ip().to_canonical();
    if !is_in(trusted, socket) {
        return Ok(socket);
    }
    let mut fields = headers.get_all(X_FORWARDED_FOR).iter();
    let Some(field) = fields.next() else { return Ok(socket) };
    if fields.next().is_some() {
        return Err(ClientError::Repeated);
    }
    let list = field.to_str().map_err(|_| ClientError::Malformed)?;
    let mut client = socket;
    for (index, hop) in list.rsplit(',').enumerate() {
        if index >= FORWARDED_HOPS_MAX {
            return Err(ClientError::TooLong);
        }
        client = address(hop).ok_or(ClientError::Malformed)?;
        if !is_in(trusted, client) {
            break;
        }
    }
    Ok(client)
}

/// Whether one of the networks holds the address.
#[must_use]
pub fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// One hop: an address, in brackets or not, with a port or without (some load balancers add it).
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches([' ', '\t']);
    let parsed = hop
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|a| a.ip()))
        .or_else(|_| hop.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>());
    parsed.ok().map(|address| address.to_canonical())
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";
