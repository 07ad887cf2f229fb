//! Stand-in for the stage that checks request heads, until it is merged.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Server;

/// The witness that the request head is well-formed.
#[derive(Debug)]
pub struct Wellformed {
    server: Arc<Server>,
    client_ip: IpAddr,
}

impl Wellformed {
    /// The server that the request is for.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The client's address.
    #[must_use]
    pub fn client_ip(&self) -> IpAddr {
        self.client_ip
    }
}
