//! Opens conversations with one server.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stdio::Spawner;
use super::wire::Wire;
use super::{Dial, Dialing, Link, LinkError, sse, streamable};
use crate::clock::Clock;
use crate::config::{self, Transport};
use crate::limits::LINKS_MAX;
use crate::principal::Principal;
use crate::upstream::http::Http;
use crate::upstream::{ClientError, Services};

/// Opens conversations with one server, by the transport that the configuration names.
///
/// Conversations are bounded: [`LINKS_MAX`] over HTTP, `processes_max` of the configuration for
/// processes. Dropping a connector ends none of them; [`Connector::stop`] ends all.
#[derive(Debug)]
pub struct Connector {
    kind: Kind,
    /// Places of conversations over HTTP.
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug)]
enum Kind {
    Stdio(Arc<Spawner>),
    Sse(Arc<Wire>),
    Streamable(Arc<Wire>),
}

impl Dial for Connector {
    fn dial<'d>(&'d self, who: &'d Principal) -> Dialing<'d> {
        Box::pin(self.open(who))
    }
}

impl Connector {
    /// A connector with a connection pool of its own.
    ///
    /// # Errors
    /// When the CA file, the credential or the address cannot be used.
    pub fn new(upstream: &config::Upstream, services: &Services) -> Result<Self, ClientError> {
        let http = match upstream.endpoint() {
            Some(endpoint) => Some(Arc::new(Http::new(upstream, endpoint, services)?)),
            None => None,
        };
        Self::with_http(upstream, http)
    }

    /// A connector that shares the client of the straight way.
    ///
    /// # Errors
    /// When there is no client and the transport needs one.
    pub(in crate::upstream) fn with_http(
        upstream: &config::Upstream,
        http: Option<Arc<Http>>,
    ) -> Result<Self, ClientError> {
        let wire = || {
            let http = http.ok_or(ClientError::Address)?;
            Ok::<_, ClientError>(Arc::new(Wire::new(upstream, http)))
        };
        let kind = match &upstream.transport {
            Transport::Streamable(_) => Kind::Streamable(wire()?),
            Transport::HttpSse(_) => Kind::Sse(wire()?),
            Transport::Stdio(command) => {
                let spawner = Spawner::new(upstream, command, Clock::system());
                Kind::Stdio(Arc::new(spawner.map_err(|_| ClientError::Scrubber)?))
            }
        };
        Ok(Self {
            kind,
            slots: Arc::new(Semaphore::new(LINKS_MAX)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Opens a conversation for a caller.
    ///
    /// A process starts, an event stream is opened; over Streamable HTTP nothing is sent before
    /// the first message. One conversation per caller is the business of who keeps them. Dropping
    /// the future leaves nothing behind.
    ///
    /// # Errors
    /// When the server cannot be reached or as many conversations are open as may be.
    pub async fn open(&self, who: &Principal) -> Result<Link, LinkError> {
        if self.stop.is_cancelled() {
            return Err(LinkError::Closed("the gateway is stopping"));
        }
        let slot = || {
            let slot = Arc::clone(&self.slots).try_acquire_owned();
            slot.map_err(|_| LinkError::Full("too many conversations"))
        };
        match &self.kind {
            Kind::Stdio(spawner) => spawner.open(who.key, &self.tasks, &self.stop),
            Kind::Sse(wire) => {
                sse::open(wire.acting_for(who), &self.tasks, &self.stop, slot()?).await
            }
            Kind::Streamable(wire) => {
                Ok(streamable::open(wire.acting_for(who), &self.tasks, &self.stop, slot()?))
            }
        }
    }

    /// Whether the server is reached over HTTP: messages have headers.
    #[must_use]
    pub fn is_http(&self) -> bool {
        match &self.kind {
            Kind::Stdio(_) => false,
            Kind::Sse(_) | Kind::Streamable(_) => true,
        }
    }

    /// Whether all messages of the server come on one stream: they bear no tag, a request's own
    /// end is heard only where it was refused, and [`Transport::forget`](super::Transport::forget)
    /// does nothing.
    #[must_use]
    pub fn shares_stream(&self) -> bool {
        match &self.kind {
            Kind::Stdio(_) | Kind::Sse(_) => true,
            Kind::Streamable(_) => false,
        }
    }

    /// Ends all conversations and waits until no process and no connection is left. Bounded by the
    /// time that a process has to end.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
