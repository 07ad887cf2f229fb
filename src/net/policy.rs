//! The first gate: where a request comes from, and how many come from there.
//!
//! Owns [`Vet`] and its witness [`Vetted`]. Assumes nothing. Guarantees that the client's address
//! is known (see [`super::client`]), whose certificate it comes with (see [`super::mesh`]), and that
//! this address has not used up its share, before a
//! path, a token or a body is looked at. Every request counts, metadata and preflights included.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::client::{client_ip, is_in};
use super::mesh::{self, Mesh};
use crate::bucket::{Bucket, Wait};
use crate::clock::Clock;
use crate::config::Config;
use crate::exchange::{Exchange, Received};
use crate::principal::CertificateIdentity;
use crate::reject::{Code, Rejection};

/// The gate's settings and the buckets of all addresses.
#[derive(Debug)]
pub struct Vet {
    trusted_proxies: Vec<IpNet>,
    mesh: Option<Mesh>,
    per_address: Option<Arc<Bucket<AddressKey>>>,
}

/// Proof that the client's address is known and within its rate.
#[derive(Debug)]
pub struct Vetted {
    client: IpAddr,
    certificate: Option<Arc<CertificateIdentity>>,
    trusted: bool,
}

impl Vetted {
    /// Whether the other end of the connection is a trusted proxy, or one of the trusted mesh.
    #[must_use]
    pub fn comes_by_a_trusted_peer(&self) -> bool {
        self.trusted
    }

    /// The address of the client, not of a trusted proxy before it. IPv4-mapped addresses are IPv4.
    #[must_use]
    pub fn client_ip(&self) -> IpAddr {
        self.client
    }

    /// The certificate of the client, not of a proxy of the mesh before it.
    #[must_use]
    pub fn certificate(&self) -> Option<&Arc<CertificateIdentity>> {
        self.certificate.as_ref()
    }
}

/// What one share of the address limit belongs to: an IPv4 address, or an IPv6 /64, which is what
/// one household or one virtual machine gets (RFC 6177 section 2) and can walk through at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKey {
    /// One IPv4 address.
    V4([u8; 4]),
    /// The upper half of an IPv6 address.
    V6Net64([u16; 4]),
}

impl AddressKey {
    /// The share that an address falls into.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, _, _, _, _] = v6.segments();
                Self::V6Net64([a, b, c, d])
            }
        }
    }
}

impl Vet {
    /// The gate of a configuration. Buckets of `before` live on where the rate is the same.
    #[must_use]
    pub fn new(config: &Config, clock: &Clock, before: Option<&Self>) -> Self {
        let per_address = config.per_address.map(|rate| {
            before
                .and_then(|vet| vet.per_address.as_ref())
                .filter(|bucket| bucket.same_as(&rate))
                .map_or_else(|| Arc::new(Bucket::new(rate, clock)), Arc::clone)
        });
        let mesh = config.trusted_mesh.as_ref().map(Mesh::new);
        Self { trusted_proxies: config.trusted_proxies.clone(), mesh, per_address }
    }

    /// Finds the client's address, counts the request against it, and finds its certificate.
    ///
    /// # Errors
    /// [`Code::HeaderInvalid`] when a trusted proxy's `X-Forwarded-For` cannot be read, or an
    /// `X-Forwarded-Client-Cert` is not to be believed; [`Code::RateLimited`] with `Retry-After` when the address is over its rate.
    pub fn vet(&self, ex: Exchange<Received>) -> Result<Exchange<Vetted>, Rejection> {
        let client = client_ip(ex.peer().address, ex.headers(), &self.trusted_proxies)?;
        // An errand of the gateway itself is nobody's knock.
        if ex.vouched().is_none() {
            self.count(client)?;
        }
        let certificate = mesh::certificate(self.mesh.as_ref(), ex.peer(), ex.headers())?;
        let socket = ex.peer().address.ip().to_canonical();
        let trusted = is_in(&self.trusted_proxies, socket)
            || self.mesh.as_ref().is_some_and(|mesh| mesh.is_proxy(ex.peer()));
        Ok(ex.advance(|_| Vetted { client, certificate, trusted }))
    }

    /// Forgets addresses whose share is full again.
    pub fn sweep(&self) {
        if let Some(bucket) = &self.per_address {
            bucket.sweep();
        }
    }

    fn count(&self, client: IpAddr) -> Result<(), Rejection> {
        let Some(bucket) = &self.per_address else { return Ok(()) };
        match bucket.take(&AddressKey::of(client)) {
            Ok(_) => Ok(()),
            Err(wait) => Err(over_rate(wait)),
        }
    }
}

fn over_rate(wait: Wait) -> Rejection {
    let mut rejection = Rejection::new(Code::RateLimited, format!("client address: {wait}"))
        .retry_after(wait.seconds);
    rejection.reason = Some("address");
    rejection.rate_limit = Some(wait.headers("address"));
    rejection
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{AddressKey, Vet};
    use crate::clock::Clock;
    use crate::config::Rate;
    use crate::hygiene::testing;
    use crate::reject::Code;

    fn vet(count: u32, clock: &Clock, before: Option<&Vet>) -> Vet {
        let mut config = testing::config(Vec::new());
        config.per_address = Some(Rate { count, window: Duration::from_secs(60), burst: 2 });
        Vet::new(&config, clock, before)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn s56_address_over_its_rate_is_refused_with_429_and_retry_after() {
        let vet = vet(30, &Clock::manual(0), None);
        let client = ip("198.51.100.7");
        assert!(vet.count(client).is_ok());
        assert!(vet.count(client).is_ok());
        let refused = vet.count(client).unwrap_err();
        assert_eq!(refused.code, Code::RateLimited);
        assert_eq!(refused.retry_after_s, Some(2));
        let headers = refused.rate_limit.unwrap();
        assert_eq!((headers.policy, headers.quota, headers.window_s), ("address", 30, 60));
        assert!(vet.count(ip("198.51.100.8")).is_ok(), "its neighbour is not");
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_bucket() {
        let key = |text| AddressKey::of(ip(text));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn without_a_rate_nobody_is_refused() {
        let vet = Vet::new(&testing::config(Vec::new()), &Clock::manual(0), None);
        assert!((0..1000).all(|_| vet.count(ip("192.0.2.1")).is_ok()));
    }

    #[test]
    fn reload_keeps_the_buckets_of_an_equal_rate_only() {
        let clock = Clock::manual(0);
        let before = vet(30, &clock, None);
        let same = vet(30, &clock, Some(&before));
        let other = vet(31, &clock, Some(&before));
        let bucket = |vet: &Vet| Arc::clone(vet.per_address.as_ref().unwrap());
        assert!(Arc::ptr_eq(&bucket(&before), &bucket(&same)));
        assert!(!Arc::ptr_eq(&bucket(&before), &bucket(&other)));
    }
}
