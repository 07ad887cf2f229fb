//! Which addresses the gateway's own fetches may reach.
//!
//! Owns one pure judgement over addresses, from the IANA special-purpose registries (RFC 6890).
//! Guarantees that nothing inside a host, a site or a cloud's link-local services counts as
//! public, also not through a transition mechanism that hides an IPv4 address in an IPv6 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet.
///
/// S-54: loopback, private, link-local, shared, documentation, multicast and reserved ranges do
/// not, nor do NAT64 (RFC 6052), 6to4 (RFC 3056) and Teredo (RFC 4380) addresses, nor the
/// platform address of a cloud that lies outside every special range.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        // The mapped form reaches the same host as the plain one.
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

/// Loopback, also in its IPv4-mapped spelling.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let value = u32::from(address);
    !SPECIAL_V4.iter().any(|(network, prefix)| {
        let network = u32::from(Ipv4Addr::from(*network));
        // A prefix of zero does not occur in the table, so the shift is below 32.
        (value ^ network).checked_shr(32 - prefix) == Some(0)
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let value = u128::from(address);
    let within = |network: Ipv6Addr, prefix: u32| {
        (value ^ u128::from(network)).checked_shr(128 - prefix) == Some(0)
    };
    // Only 2000::/3 is assigned to global unicast (RFC 4291 section 2.4): everything else,
    // unique-local, link-local, NAT64, multicast, is not public without being listed.
    within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
        && !SPECIAL_V6.iter().any(|(network, prefix)| within(Ipv6Addr::from(*network), *prefix))
}

/// IPv4 ranges that are not the public internet, and the platform address of Azure.
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([168, 63, 129, 16], 32),
    ([224, 0, 0, 0], 3),
];

/// Ranges inside 2000::/3 that are not the public internet: IETF protocol assignments with
/// Teredo, documentation (two), 6to4.
const SPECIAL_V6: &[([u16; 8], u32)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{is_loopback, is_public};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn s54_private_local_and_disguised_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "168.63.129.16",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
        ] {
            assert!(!is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        assert!(is_loopback(ip("127.8.8.8")) && is_loopback(ip("::1")));
        assert!(is_loopback(ip("::ffff:127.0.0.1")));
        assert!(!is_loopback(ip("126.0.0.1")) && !is_loopback(ip("::2")));
    }
}
