//! Accepts connections, up to a bound, until told to stop.
//!
//! Owns the listening sockets and the life of all connection tasks. Guarantees: at most
//! [`Bounds::connections_max`] connections are open, further ones wait in the kernel's queue; a
//! system out of file descriptors is waited out, not spun on; [`Listeners::serve`] returns only
//! when no task is left.

use crate::limits::ACCEPT_PAUSE_MS;
use crate::limits::BACKLOG;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Shared};
use super::reload::{Live, Slot};
use super::{BindError, Bound, Bounds, Event, Handler, Inherited, Reloader};
use crate::config;

/// Sockets that listen, but do not accept yet.
#[derive(Debug)]
pub struct Listeners {
    open: Vec<(Arc<Slot>, TcpListener, Origin)>,
    addresses: Vec<Bound>,
    bounds: Bounds,
}

/// Who opened a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This process: what waits in its queue when it closes is lost.
    Bound,
    /// The service manager: what waits is served by the successor.
    HandedOver,
}

/// [`bind_with`] nothing that was handed over.
pub async fn bind(
    listeners: &[config::Listener],
    trusted: &[IpNet],
    bounds: Bounds,
) -> Result<Listeners, BindError> {
    bind_with(listeners, trusted, bounds, &Inherited::default()).await
}

/// Reads certificates and binds every listener, or none. Must run inside a runtime.
///
/// Asynchronous only in name: binding and reading files block for a moment, at start. A listener
/// whose socket was handed over takes that one.
pub async fn bind_with(
    listeners: &[config::Listener],
    trusted: &[IpNet],
    bounds: Bounds,
    inherited: &Inherited,
) -> Result<Listeners, BindError> {
    let trusted: Arc<[IpNet]> = trusted.into();
    let mut open = Vec::with_capacity(listeners.len());
    let mut addresses = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let name = || Arc::clone(&listener.name);
        let live = Live::read(listener, &trusted)?;
        let failed =
            |source| BindError::Address { listener: name(), address: listener.bind, source };
        let (socket, origin) = match inherited.take(&listener.name, listener.bind)? {
            Some(socket) => (TcpListener::from_std(socket).map_err(failed)?, Origin::HandedOver),
            None => (listen(listener).map_err(failed)?, Origin::Bound),
        };
        let address = socket.local_addr().map_err(failed)?;
        addresses.push(Bound { name: name(), address });
        open.push((Arc::new(Slot::new(listener, live)), socket, origin));
    }
    Ok(Listeners { open, addresses, bounds })
}

impl Listeners {
    /// The addresses as they really are.
    #[must_use]
    pub fn addresses(&self) -> &[Bound] {
        &self.addresses
    }

    /// Replaces certificates and trusted proxies while [`Listeners::serve`] runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader::new(self.open.iter().map(|(slot, _, _)| Arc::clone(slot)).collect())
    }

    /// Accepts and serves until `shutdown`, then drains: see [the module](super).
    pub async fn serve<H: Handler>(self, handler: Arc<H>, shutdown: CancellationToken) {
        let tracker = TaskTracker::new();
        // A child: whoever waits for a drain does not touch the whole process's token.
        let shared = Arc::new(Shared {
            handler,
            bounds: self.bounds,
            tracker: tracker.clone(),
            draining: shutdown.child_token(),
            cut: CancellationToken::new(),
        });
        let permits = Arc::new(Semaphore::new(shared.bounds.connections_max));
        for (slot, socket, origin) in self.open {
            let (shared, permits) = (Arc::clone(&shared), Arc::clone(&permits));
            tracker.spawn(async move {
                accept(&shared, &slot, &socket, &permits).await;
                if origin == Origin::Bound {
                    empty(&shared, &slot, socket, &permits);
                }
            });
        }
        tracker.close();
        shutdown.cancelled().await;
        if tokio::time::timeout(shared.bounds.drain, tracker.wait()).await.is_err() {
            tracing::warn!(connections = tracker.len(), "drain time is over, cutting connections");
            shared.cut.cancel();
            tracker.wait().await;
        }
    }
}

/// Accepts on one socket until the drain begins.
async fn accept<H: Handler>(
    shared: &Arc<Shared<H>>,
    slot: &Arc<Slot>,
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) {
    let mut full = Full::No;
    loop {
        // A permit first: a connection that may not be served is not accepted either.
        let next = async {
            let permit = permit(shared, slot, permits, &mut full).await?;
            Some((permit, listener.accept().await))
        };
        let accepted = tokio::select! {
            () = shared.draining.cancelled() => return,
            accepted = next => accepted,
        };
        match accepted {
            None => return,
            Some((permit, Ok((socket, from)))) => {
                serve(shared, slot, socket, from, permit);
            }
            Some((_permit, Err(error))) => {
                let Some(pause) = pause_after(&error) else { continue };
                tracing::warn!(listener = %slot.name, %error, "cannot accept connections");
                shared.handler.observe(&slot.name, Event::AcceptFailed);
                tokio::select! {
                    () = shared.draining.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

fn serve<H: Handler>(
    shared: &Arc<Shared<H>>,
    slot: &Arc<Slot>,
    socket: TcpStream,
    from: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    let connection = connection::run(Arc::clone(shared), Arc::clone(slot), socket, from);
    shared.tracker.spawn(async move {
        connection.await;
        drop(permit);
    });
}

/// Accepts what waits in the queue, then closes the socket: the kernel resets what it finds there.
/// Asks the system itself, because readiness that the runtime was not told of yet counts too.
fn empty<H: Handler>(
    shared: &Arc<Shared<H>>,
    slot: &Arc<Slot>,
    listener: TcpListener,
    permits: &Arc<Semaphore>,
) {
    let Ok(listener) = listener.into_std() else { return };
    for _ in 0..BACKLOG {
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else { return };
        match listener.accept() {
            Ok((socket, from)) => {
                let socket =
                    socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
                if let Ok(socket) = socket {
                    serve(shared, slot, socket, from, permit);
                }
            }
            Err(error) if pause_after(&error).is_none() => {}
            Err(_none_waits) => return,
        }
    }
}

/// Whether the last connection had to wait for another one to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Full {
    No,
    Yes,
}

/// Waits for room. `None` cannot happen: the semaphore is never closed.
async fn permit<H: Handler>(
    shared: &Shared<H>,
    slot: &Slot,
    permits: &Arc<Semaphore>,
    full: &mut Full,
) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        *full = Full::No;
        return Some(permit);
    }
    // Counted each time, logged once: the log must not grow with a flood.
    if *full == Full::No {
        tracing::warn!(listener = %slot.name, "connection limit reached");
    }
    *full = Full::Yes;
    shared.handler.observe(&slot.name, Event::Full);
    Arc::clone(permits).acquire_owned().await.ok()
}

fn listen(listener: &config::Listener) -> io::Result<TcpListener> {
    let address = listener.bind;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of its predecessor to be forgotten.
    socket.set_reuseaddr(true)?;
    if listener.reuse_port {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How long not to accept after an error; `None` where only that one connection is lost.
fn pause_after(error: &io::Error) -> Option<Duration> {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::Interrupted => None,
        // EMFILE, ENFILE, ENOBUFS, ENOMEM: the waiting connection stays readable, so that an
        // immediate retry would spin.
        _ => Some(Duration::from_millis(ACCEPT_PAUSE_MS)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::pause_after;

    #[test]
    fn exhausted_file_descriptors_are_waited_out_and_lost_connections_are_not() {
        let (emfile, enfile, econnaborted) = (24, 23, 103);
        assert!(pause_after(&io::Error::from_raw_os_error(emfile)).is_some());
        assert!(pause_after(&io::Error::from_raw_os_error(enfile)).is_some());
        assert!(pause_after(&io::Error::from_raw_os_error(econnaborted)).is_none());
    }
}
