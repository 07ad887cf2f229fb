//! Whether somebody could get to a server past the gateway.
//!
//! A server on this machine should listen on loopback alone. Whether it does is asked the way a
//! neighbour would: by connecting to this machine's other addresses.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::upstreams::bare_host;
use super::{Check, Finding, Ward};
use crate::config::Endpoint;
use crate::limits::{DOCTOR_ADDRESSES_MAX, DOCTOR_CONNECT_MS, DOCTOR_LOCAL_CONNECT_MS};
use crate::outbound::is_loopback;

pub(super) async fn judged(ward: &Ward, endpoint: &Endpoint, about: &str) -> Finding {
    let check = Check::UpstreamClosed;
    let host = bare_host(endpoint.url.host());
    let port = endpoint.url.port_or_known_default().unwrap_or(80);
    let found = resolved(&host, port).await;
    let Ok(interfaces) = if_addrs::get_if_addrs() else {
        return Finding::skipped(check, about, "this machine does not tell its addresses");
    };
    let own: Vec<IpAddr> = interfaces.iter().map(if_addrs::Interface::ip).collect();
    let local = found.iter().any(|address| is_loopback(address.ip()));
    if !local && !found.iter().any(|address| own.contains(&address.ip())) {
        let why = "it runs elsewhere: see to it that nobody but the gateway reaches its port \
                   (NetworkPolicy, firewall)";
        return Finding::skipped(check, about, why);
    }
    let others = others(own, |ip| serves(ward, ip, port));
    let tried = others.len();
    let attempts = others.iter().map(|ip| accepts(SocketAddr::new(*ip, port)));
    let open: Vec<String> = futures_util::future::join_all(attempts)
        .await
        .into_iter()
        .flatten()
        .map(|address| address.to_string())
        .collect();
    if open.is_empty() {
        let message =
            format!("none of {tried} other address(es) of this machine accepts port {port}");
        return Finding::passed(check, about, message);
    }
    let message =
        format!("{} accepts connections too: callers can get past the gateway", open.join(", "));
    let advice = "let the server listen on 127.0.0.1 alone; where it cannot, close its port to \
                  others (NetworkPolicy, firewall), which cannot be seen from here: --firewalled \
                  says that it is done";
    if ward.options.firewalled {
        Finding::warning(check, about, message, advice)
    } else {
        Finding::failed(check, about, message, advice)
    }
}

async fn resolved(host: &str, port: u16) -> Vec<SocketAddr> {
    let within = Duration::from_millis(DOCTOR_CONNECT_MS);
    match timeout(within, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => found.take(DOCTOR_ADDRESSES_MAX).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Whether the gateway itself listens at this port of this address.
fn serves(ward: &Ward, ip: IpAddr, port: u16) -> bool {
    let admin = ward.config.admin.iter().map(|admin| admin.bind);
    let mut own = ward.config.listeners.iter().map(|listener| listener.bind).chain(admin);
    own.any(|bind| bind.port() == port && (bind.ip() == ip || bind.ip().is_unspecified()))
}

/// Addresses that a neighbour could use, without those at which the gateway itself listens there.
fn others(own: Vec<IpAddr>, serves: impl Fn(IpAddr) -> bool) -> Vec<IpAddr> {
    let neighbours = own.into_iter().filter(|ip| !is_loopback(*ip) && !serves(*ip));
    neighbours.take(DOCTOR_ADDRESSES_MAX).collect()
}

async fn accepts(address: SocketAddr) -> Option<SocketAddr> {
    accepted(TcpStream::connect(address)).await.then_some(address)
}

/// Silence is no: a filter drops what comes.
async fn accepted<T>(connecting: impl Future<Output = std::io::Result<T>>) -> bool {
    let within = Duration::from_millis(DOCTOR_LOCAL_CONNECT_MS);
    timeout(within, connecting).await.is_ok_and(|connected| connected.is_ok())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::{accepted, others};
    use crate::limits::{DOCTOR_ADDRESSES_MAX, DOCTOR_LOCAL_CONNECT_MS};

    #[test]
    fn doctor_addresses_max_are_tried_and_neither_loopback_nor_the_gateway_s_own() {
        let own = (0..=255).map(|n| IpAddr::V4(Ipv4Addr::new(127 - n % 2, 0, 0, n))).collect();
        let gateway = IpAddr::V4(Ipv4Addr::new(126, 0, 0, 1));
        let tried = others(own, |ip| ip == gateway);
        assert_eq!(tried.len(), DOCTOR_ADDRESSES_MAX);
        assert!(!tried.contains(&gateway) && tried.iter().all(|ip| !ip.is_loopback()));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_waited_for_within_doctor_local_connect_ms() {
        let begun = tokio::time::Instant::now();
        assert!(!accepted(std::future::pending::<std::io::Result<()>>()).await);
        assert_eq!(begun.elapsed(), Duration::from_millis(DOCTOR_LOCAL_CONNECT_MS));
        assert!(accepted(async { Ok(()) }).await);
    }
}
