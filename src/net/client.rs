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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use http::{HeaderMap, HeaderValue};
    use ipnet::IpNet;
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{ClientError, FORWARDED_HOPS_MAX, X_FORWARDED_FOR, client_ip};

    const PROXY: &str = "10.0.0.1:4000";

    fn seen(socket: &str, fields: &[&str]) -> Result<IpAddr, ClientError> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(field).unwrap());
        }
        let trusted: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_ip(socket.parse().unwrap(), &headers, &trusted)
    }

    fn ip(text: &str) -> Result<IpAddr, ClientError> {
        Ok(text.parse().unwrap())
    }

    #[test]
    fn s47_forwarded_address_of_an_untrusted_peer_is_ignored() {
        assert_eq!(seen("203.0.113.9:1", &["198.51.100.7"]), ip("203.0.113.9"));
        assert_eq!(seen("203.0.113.9:1", &["x", "y"]), ip("203.0.113.9"));
    }

    #[test]
    fn trusted_proxy_names_the_client() {
        assert_eq!(seen(PROXY, &["198.51.100.7"]), ip("198.51.100.7"));
        assert_eq!(seen(PROXY, &["198.51.100.7:55000"]), ip("198.51.100.7"));
        assert_eq!(seen(PROXY, &["[2001:db8::1]:55000"]), ip("2001:db8::1"));
        assert_eq!(seen(PROXY, &["[2001:db8::1]"]), ip("2001:db8::1"));
        assert_eq!(seen(PROXY, &[]), ip("10.0.0.1"));
    }

    #[test]
    fn s47_hops_that_the_client_wrote_itself_are_not_looked_at() {
        assert_eq!(seen(PROXY, &["127.0.0.1, 198.51.100.7"]), ip("198.51.100.7"));
        assert_eq!(seen(PROXY, &["<script>, 198.51.100.7 ,10.9.9.9"]), ip("198.51.100.7"));
    }

    #[test]
    fn request_made_by_a_trusted_proxy_itself_is_the_leftmost_hop() {
        assert_eq!(seen(PROXY, &["10.1.1.1, 10.2.2.2"]), ip("10.1.1.1"));
    }

    #[test]
    fn mapped_addresses_are_ipv4_on_both_sides() {
        assert_eq!(seen("[::ffff:10.0.0.1]:1", &["::ffff:198.51.100.7"]), ip("198.51.100.7"));
    }

    #[test]
    fn malformed_or_repeated_field_of_a_trusted_proxy_is_refused() {
        for bad in ["", "unknown", "198.51.100.7,", "198.51.100.7 10.0.0.2", "1.2.3", "01.2.3.4"] {
            assert_eq!(seen(PROXY, &[bad]), Err(ClientError::Malformed), "{bad}");
        }
        assert_eq!(seen(PROXY, &["198.51.100.7", "198.51.100.7"]), Err(ClientError::Repeated));
    }

    #[test]
    fn chain_longer_than_forwarded_hops_max_is_refused() {
        let longest = ["10.0.0.2"; FORWARDED_HOPS_MAX];
        assert_eq!(seen(PROXY, &[&longest.join(",")]), ip("10.0.0.2"));
        let longer = format!("198.51.100.7,{}", longest.join(","));
        assert_eq!(seen(PROXY, &[&longer]), Err(ClientError::TooLong));
    }

    proptest! {
        #[test]
        fn s47_untrusted_peer_is_always_its_socket(field in "[ -~]{0,80}") {
            prop_assert_eq!(seen("203.0.113.9:1", &[&field]), ip("203.0.113.9"));
        }

        #[test]
        fn rightmost_untrusted_hop_wins_whatever_stands_before_it(prefix in "[ -~]{0,80}", a: u32) {
            let client = IpAddr::from((a | 0x8000_0000).to_be_bytes());
            prop_assert_eq!(seen(PROXY, &[&format!("{prefix},{client}, 10.3.3.3")]), Ok(client));
        }
    }

    #[test]
    fn socket_address_without_proxies_is_the_client() {
        let socket: SocketAddr = "192.0.2.1:5".parse().unwrap();
        assert_eq!(client_ip(socket, &HeaderMap::new(), &[]), ip("192.0.2.1"));
    }
}
