//! What of a listener can change while it serves: certificates, client CA, revocation lists,
//! trusted proxies.
//!
//! Owns [`Live`], read once per connection, and its replacement in two steps: preparing may fail
//! and changes nothing, installing cannot fail. So a broken file keeps the old certificate, and a
//! reload of the whole configuration happens altogether or not at all (S-66). Connections that
//! are open keep what they were opened with, but their certificates are verified anew (see
//! [`tls::Presented`]).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use rustls::ServerConfig;

use super::{BindError, tls};
use crate::config::Listener;

/// The changeable part of one listener.
#[derive(Debug)]
pub(super) struct Live {
    /// Different for each reading, so that open connections see a change.
    pub(super) generation: u64,
    /// `None` is plain HTTP.
    pub(super) tls: Option<tls::Ready>,
    proxy_protocol: bool,
    trusted: Arc<[IpNet]>,
}

impl Live {
    pub(super) fn read(listener: &Listener, trusted: &Arc<[IpNet]>) -> Result<Self, BindError> {
        let tls = listener.tls.as_ref().map(tls::build).transpose();
        let name = || Arc::clone(&listener.name);
        let tls = tls.map_err(|source| BindError::Tls { listener: name(), source })?;
        let trusted = Arc::clone(trusted);
        let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { generation, tls, proxy_protocol: listener.proxy_protocol, trusted })
    }

    /// Whether a connection from here begins with a PROXY protocol header. Everybody else speaks
    /// for himself, and such a header is to him no more than malformed TLS or HTTP.
    pub(super) fn expects_proxy_header(&self, from: IpAddr) -> bool {
        self.proxy_protocol && self.trusted.iter().any(|net| net.contains(&from))
    }
}

/// One listener: what is fixed, and what is live.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    bind: SocketAddr,
    reuse_port: bool,
    live: ArcSwap<Live>,
}

impl Slot {
    pub(super) fn new(listener: &Listener, live: Live) -> Self {
        let name = Arc::clone(&listener.name);
        let reuse_port = listener.reuse_port;
        Self { name, bind: listener.bind, reuse_port, live: ArcSwap::from_pointee(live) }
    }

    pub(super) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    pub(super) fn replace(&self, live: Arc<Live>) {
        self.live.store(live);
    }
}

/// Replaces the live part of all listeners. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reloader {
    slots: Arc<[Arc<Slot>]>,
}

impl Reloader {
    pub(super) fn new(slots: Vec<Arc<Slot>>) -> Self {
        Self { slots: slots.into() }
    }

    /// Reads every file again. Blocks on files. Changes nothing yet.
    pub fn prepare(
        &self,
        listeners: &[Listener],
        trusted: &[IpNet],
    ) -> Result<Prepared, BindError> {
        let gone = self.slots.iter().find(|slot| !listeners.iter().any(|l| slot.is_of(l)));
        if let Some(slot) = gone {
            return Err(BindError::Moved { listener: Arc::clone(&slot.name) });
        }
        let trusted: Arc<[IpNet]> = trusted.into();
        let mut next = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let slot = self.slots.iter().find(|slot| slot.is_of(listener));
            let moved = || BindError::Moved { listener: Arc::clone(&listener.name) };
            let slot = slot.ok_or_else(moved)?;
            next.push((Arc::clone(slot), Arc::new(Live::read(listener, &trusted)?)));
        }
        Ok(Prepared { next })
    }

    /// Name and end of validity, in seconds since the Unix epoch, of the certificate that ends
    /// first, for each listener with TLS.
    #[must_use]
    pub fn certificate_ends_s(&self) -> Vec<(Arc<str>, u64)> {
        let ends = |slot: &Arc<Slot>| {
            let ends_s = slot.live.load().tls.as_ref()?.not_after_s;
            Some((Arc::clone(&slot.name), ends_s))
        };
        self.slots.iter().filter_map(ends).collect()
    }

    /// Name and next update, in seconds since the Unix epoch, of the revocation list that ends
    /// first, for each listener that has one.
    #[must_use]
    pub fn crl_ends_s(&self) -> Vec<(Arc<str>, u64)> {
        let ends = |slot: &Arc<Slot>| {
            let ends_s = slot.live.load().tls.as_ref()?.crl_until_s?;
            Some((Arc::clone(&slot.name), ends_s))
        };
        self.slots.iter().filter_map(ends).collect()
    }
}

impl Slot {
    fn is_of(&self, listener: &Listener) -> bool {
        self.name == listener.name
            && self.bind == listener.bind
            && self.reuse_port == listener.reuse_port
    }
}

/// New live parts that were read and checked in full.
#[derive(Debug)]
#[must_use = "nothing changes before `install`"]
pub struct Prepared {
    next: Vec<(Arc<Slot>, Arc<Live>)>,
}

impl Prepared {
    /// Swaps them in; the next handshake of each listener uses them.
    pub fn install(self) {
        for (slot, live) in self.next {
            slot.replace(live);
        }
    }
}

/// One more than the readings so far.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

impl tls::Ready {
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}
