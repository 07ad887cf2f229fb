//! Listening sockets that the service manager opened and hands over (`sd_listen_fds(3)`).
//!
//! Owns them until a listener takes its own. Guarantees: a socket goes to the listener with its
//! name or its address, never to one whose configured address differs, because what the check said
//! of that address (plain HTTP on loopback alone, say) must be true of the socket; one that nobody
//! takes is an error, not a port that looks open and answers nobody.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::SockRef;

use super::BindError;

/// Sockets that were handed over and not taken yet. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Inherited(Arc<Mutex<Vec<Socket>>>);

#[derive(Debug)]
struct Socket {
    /// `FileDescriptorName=` of the socket unit.
    name: String,
    address: SocketAddr,
    listener: TcpListener,
}

/// Why sockets that were handed over cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// Not a listening TCP socket.
    #[error("socket {number} of the service manager is not a listening TCP socket: {source}")]
    Unusable {
        /// Its place in the list, from 1.
        number: usize,
        /// What the system said.
        source: io::Error,
    },
    /// No listener is configured for it.
    #[error(
        "socket `{name}` of the service manager on `{address}` belongs to no listener: give one that \
         address, or name the socket after a listener with `FileDescriptorName=`"
    )]
    Unclaimed {
        /// What the service manager calls it.
        name: String,
        /// Where it listens.
        address: SocketAddr,
    },
}

impl Inherited {
    /// Takes what the environment says. To be called before there are threads: the variables are
    /// taken out, so that no child believes they are meant for it.
    ///
    /// # Errors
    /// [`InheritedError::Unusable`].
    pub fn from_environment() -> Result<Self, InheritedError> {
        // Without a process id they may be meant for somebody who started us.
        if std::env::var_os("LISTEN_PID").is_none() {
            return Ok(Self::default());
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = listenfd::ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..fds.len() {
            let number = index.saturating_add(1);
            let unusable = |source| InheritedError::Unusable { number, source };
            // A name for each place, also where there is no socket in it.
            let name = names.next().unwrap_or_default().to_owned();
            let listener = fds.take_tcp_listener(index).map_err(unusable)?;
            let Some(listener) = listener else { continue };
            sockets.push(Socket::new(name, listener).map_err(unusable)?);
        }
        Ok(Self(Arc::new(Mutex::new(sockets))))
    }

    /// Whether any are left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The socket of a listener.
    pub(super) fn take(
        &self,
        name: &Arc<str>,
        bind: SocketAddr,
    ) -> Result<Option<TcpListener>, BindError> {
        let mut sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = sockets.iter().position(|socket| *socket.name == **name);
        let found = named.or_else(|| sockets.iter().position(|socket| socket.address == bind));
        let Some(index) = found else { return Ok(None) };
        let Socket { address, listener, .. } = sockets.swap_remove(index);
        let fits = address.ip() == bind.ip() && (bind.port() == 0 || bind.port() == address.port());
        if !fits {
            return Err(BindError::Elsewhere { listener: Arc::clone(name), bind, address });
        }
        Ok(Some(listener))
    }

    /// Says that all sockets were taken.
    ///
    /// # Errors
    /// [`InheritedError::Unclaimed`] names the first that was not.
    pub fn all_taken(&self) -> Result<(), InheritedError> {
        let sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sockets.first() {
            Some(Socket { name, address, .. }) => {
                Err(InheritedError::Unclaimed { name: name.clone(), address: *address })
            }
            None => Ok(()),
        }
    }
}

impl Socket {
    fn new(name: String, listener: TcpListener) -> io::Result<Self> {
        if !SockRef::from(&listener).is_listener()? {
            return Err(io::Error::other("it does not listen"));
        }
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { name, address, listener })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::{Inherited, Socket};

    fn handed(name: &str) -> (Inherited, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::new(name.to_owned(), listener).unwrap();
        (Inherited(Arc::new(Mutex::new(vec![socket]))), address)
    }

    #[test]
    fn socket_goes_to_the_listener_of_its_name_or_its_address() {
        let (by_name, address) = handed("public");
        assert!(by_name.take(&"other".into(), "127.0.0.1:0".parse().unwrap()).unwrap().is_none());
        assert!(by_name.take(&"public".into(), "127.0.0.1:0".parse().unwrap()).unwrap().is_some());
        by_name.all_taken().unwrap();
        let (by_address, other) = handed("sallyport.socket");
        assert!(by_address.take(&"public".into(), address).unwrap().is_none());
        assert!(by_address.take(&"public".into(), other).unwrap().is_some());
    }

    #[test]
    fn socket_elsewhere_than_its_listener_says_is_refused() {
        let (sockets, _) = handed("public");
        let error = sockets.take(&"public".into(), "10.0.0.1:8443".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("handed over"), "{error}");
    }

    #[test]
    fn socket_that_nobody_takes_is_an_error_with_the_way_out() {
        let (sockets, _) = handed("metrics");
        let error = sockets.all_taken().unwrap_err().to_string();
        assert!(error.contains("`metrics`") && error.contains("FileDescriptorName="), "{error}");
    }
}
