//! The first gate: where a request comes from, and how many come from there.
//!
//! Owns [`Vet`] and its witness [`Vetted`]. Assumes nothing. Guarantees that the client's address
//! is known (see [`super::client`]) and that this address has not used up its share, before a
//! path, a token or a body is looked at. Every request counts, metadata and preflights included.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::client::client_ip;
use crate::bucket::{Bucket, Wait};
use crate::clock::Clock;
use crate::config::Config;
use crate::exchange::{Exchange, Received};
use crate::reject::{Code, Rejection};

/// The gate's settings and the buckets of all addresses.
#[derive(Debug)]
pub struct Vet {
    trusted_proxies: Vec<IpNet>,
    per_address: Option<Arc<Bucket<AddressKey>>>,
}

/// Proof that the client's address is known and within its rate.
#[derive(Debug)]
pub struct Vetted {
    client: IpAddr,
}

impl Vetted {
    /// The address of the client, not of a trusted proxy before it. IPv4-mapped addresses are IPv4.
    #[must_use]
    pub fn client_ip(&self) -> IpAddr {
        self.client
    }
}

/// What one share of the address limit belongs to: an IPv4 address, or an IPv6 /64, which is what
/// one household or one virtual machine gets (RFC 6177 section 2) and can walk through at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum AddressKey {
    V4([u8; 4]),
    V6Net64([u16; 4]),
}

impl AddressKey {
    fn of(address: IpAddr) -> Self {
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
        Self { trusted_proxies: config.trusted_proxies.clone(), per_address }
    }

    /// Finds the client's address and counts the request against it.
    ///
    /// # Errors
    /// [`Code::HeaderInvalid`] when a trusted proxy's `X-Forwarded-For` cannot be read,
    /// [`Code::RateLimited`] with `Retry-After` when the address is over its rate.
    pub fn vet(&self, ex: Exchange<Received>) -> Result<Exchange<Vetted>, Rejection> {
        let client = client_ip(ex.peer().address, ex.headers(), &self.trusted_proxies)?;
        self.count(client)?;
        Ok(ex.advance(|_| Vetted { client }))
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
    rejection.rate_limit = Some(wait.headers("address"));
    rejection
}
