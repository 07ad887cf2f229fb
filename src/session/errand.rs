//! What the gateway does of itself for a caller: it ends a session upstream, and it tells a server
//! that its request was not delivered.
//!
//! Owns the bounded queue between the place where the need is seen, often inside the body of an
//! answer, and the pipeline, which runs each errand as an exchange of its own: judged, recorded,
//! forwarded. Best effort: what finds no room is dropped and counted, because a server forgets an
//! unused session by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Caller;
use crate::limits::ERRANDS_MAX;
use crate::mcp::version::Revision;
use crate::peer::Peer;
use crate::principal::Principal;

/// One errand.
#[derive(Debug, Clone)]
pub struct Errand {
    /// For whom: proven when the session was opened.
    pub principal: Arc<Principal>,
    /// Over which connection the caller came.
    pub peer: Arc<Peer>,
    /// To which server.
    pub server: Arc<str>,
    /// The sealed id of the session; none with servers that keep none.
    pub session: Option<Box<str>>,
    /// The revision of the session.
    pub revision: Option<Revision>,
    /// What.
    pub task: Task,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// End the session: DELETE.
    End,
    /// Answer a request of the server that was not delivered with an error: POST.
    Refuse {
        /// The request's id as the server wrote it.
        id: Bytes,
    },
}

impl Errand {
    /// Ends a session of this caller.
    #[must_use]
    pub fn end(caller: Caller<'_>, sealed: &str, revision: Option<Revision>) -> Self {
        Self::new(caller, Some(sealed), revision, Task::End)
    }

    /// Tells a server that its request was not delivered to this caller.
    #[must_use]
    pub fn refuse(
        caller: Caller<'_>,
        sealed: Option<&str>,
        revision: Option<Revision>,
        id: Bytes,
    ) -> Self {
        Self::new(caller, sealed, revision, Task::Refuse { id })
    }

    fn new(
        caller: Caller<'_>,
        sealed: Option<&str>,
        revision: Option<Revision>,
        task: Task,
    ) -> Self {
        // The errand has no `X-Forwarded-For`: what a proxy said of the client stands here.
        let address = SocketAddr::new(caller.client, caller.peer.address.port());
        let peer = if address == caller.peer.address {
            Arc::clone(caller.peer)
        } else {
            Arc::new(Peer { address, ..Peer::clone(caller.peer) })
        };
        Self {
            principal: Arc::clone(caller.principal),
            peer,
            server: Arc::clone(caller.server),
            session: sealed.map(Box::from),
            revision,
            task,
        }
    }
}

/// Where errands are handed over.
#[derive(Debug, Clone)]
pub struct Errands {
    to: mpsc::Sender<Errand>,
    dropped: Arc<AtomicU64>,
}

/// Where errands are taken over, once per process.
#[derive(Debug)]
pub struct Runner(mpsc::Receiver<Errand>);

/// Both ends.
pub(super) fn channel() -> (Errands, Runner) {
    let (to, from) = mpsc::channel(ERRANDS_MAX);
    (Errands { to, dropped: Arc::default() }, Runner(from))
}

impl Errands {
    /// Queues an errand, if there is room.
    pub fn run(&self, errand: Errand) {
        if self.to.try_send(errand).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("an errand towards a server was dropped: too many wait");
        }
    }

    /// How many found no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Runner {
    /// The next errand. Cancel-safe.
    pub async fn next(&mut self) -> Option<Errand> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Errand, Task, channel};
    use crate::limits::ERRANDS_MAX;
    use crate::peer::Peer;
    use crate::principal::{AuthMethod, Principal, PrincipalKey};

    #[tokio::test]
    async fn queue_holds_errands_max_and_counts_what_found_no_room() {
        let (errands, mut runner) = channel();
        let principal = Arc::new(Principal {
            key: PrincipalKey([0; 16]),
            ..Principal::new(AuthMethod::Anonymous, Arc::from(""), Arc::from("a"))
        });
        let address = "127.0.0.1:1".parse().unwrap();
        let peer = Arc::new(Peer { listener: Arc::from("l"), address, tls: None });
        let server = Arc::from("crm");
        let task = Task::End;
        let errand = Errand { principal, peer, server, session: None, revision: None, task };
        for _ in 0..=ERRANDS_MAX {
            errands.run(errand.clone());
        }
        assert_eq!(errands.dropped(), 1);
        assert!(runner.next().await.is_some());
    }
}
