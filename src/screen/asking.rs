//! Requests from server to client: calls in the other direction.
//!
//! Owns what the judge asks before it lets one pass: whether the route allows the kind, whether a
//! person may be sent to the address that it names, and that the answer will be expected
//! ([`crate::session::Outstanding`]). A request that is not delivered is answered to the server
//! with an error, by an errand of the gateway, so that it need not wait for ever.

use std::sync::Arc;

use super::{Screener, Tally};
use crate::call::Action;
use crate::config::ServerRequest;
use crate::json::Document;
use crate::mcp::elicitation::UrlHosts;
use crate::mcp::message::Message;
use crate::mcp::version::Revision;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::session::{Book, Caller, Errand, Hash};

/// What is known of the stream on which a server may ask.
#[derive(Debug)]
pub(super) struct Asking {
    book: Arc<Book>,
    url_hosts: UrlHosts,
    principal: Arc<crate::principal::Principal>,
    client: std::net::IpAddr,
    peer: Arc<crate::peer::Peer>,
    server: Arc<str>,
    session: Option<(Hash, Box<str>)>,
    revision: Option<Revision>,
    is_handshake: bool,
}

impl Asking {
    pub(super) fn new(screener: &Screener, request: &Recorded) -> Self {
        let Caller { principal, client, peer, server } = request.caller();
        Self {
            book: Arc::clone(screener.sessions.book()),
            url_hosts: screener.url_hosts.clone(),
            principal: Arc::clone(principal),
            client,
            peer: Arc::clone(peer),
            server: Arc::clone(server),
            session: request.session().map(|s| (s.key(), s.sealed().into())),
            revision: request.revision(),
            is_handshake: request.call().action == Action::SessionOpen
                && &*request.call().operation == "initialize",
        }
    }

    /// Lets a request of the server pass and expects its answer.
    ///
    /// # Errors
    /// Why it is not delivered; the server is told by an errand.
    pub(super) fn let_through(
        &self,
        document: &Document,
        message: &Message,
        kind: ServerRequest,
        allowed: bool,
    ) -> Result<(), &'static str> {
        let Some(id) = message.id() else { return Err("server_request_without_id") };
        let outcome = if !allowed {
            Err("server_request")
        } else if kind == ServerRequest::Elicitation
            && self.url_hosts.check(document.root().get("params")).is_err()
        {
            Err("elicitation_url")
        } else {
            let whose = self.caller().whose(self.session.as_ref().map(|(hash, _)| *hash));
            let now_s = self.book.clock().unix_s();
            let registered = self.book.outstanding().register(&whose, &id.key(), kind, now_s);
            registered.map_err(|_full| "server_requests_full")
        };
        // Within the handshake there is no session yet in which the refusal could be told.
        if outcome.is_err() && !self.is_handshake {
            let sealed = self.session.as_ref().map(|(_, sealed)| &**sealed);
            let errand = Errand::refuse(self.caller(), sealed, self.revision, id.raw().clone());
            self.book.errands().run(errand);
        }
        outcome
    }

    /// Refuses an error that sends a person to an address that is not allowed.
    pub(super) fn check_error(&self, document: &Document) -> Result<(), Rejection> {
        let Some(error) = document.root().get("error") else { return Ok(()) };
        self.url_hosts
            .check_error(error)
            .map_err(|why| Rejection::new(Code::ElicitationRefused, why.to_string()))
    }

    /// Notes the revision that the answer to a handshake names.
    pub(super) fn agree(&self, document: &Document, tally: &Tally) {
        if !self.is_handshake {
            return;
        }
        let named = document.root().get("result").and_then(|result| result.get("protocolVersion"));
        let named = named.and_then(|version| version.as_str());
        let agreed = named.and_then(|date| Revision::from_date(&date));
        tally.note(|deeds| deeds.agreed = agreed);
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            principal: &self.principal,
            client: self.client,
            peer: &self.peer,
            server: &self.server,
        }
    }
}

/// The name in records.
pub(super) fn kind_name(kind: ServerRequest) -> &'static str {
    match kind {
        ServerRequest::Sampling => "sampling",
        ServerRequest::Elicitation => "elicitation",
        ServerRequest::Roots => "roots",
        ServerRequest::Ping => "ping",
    }
}
