//! What the gateway asks servers of itself: each errand is an exchange that passes every gate and
//! leaves its own record, with the principal that the session belongs to.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use http::request::Parts;
use http::{Method, Request};
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::config::Server;
use crate::exchange::Exchange;
use crate::limits::ERRANDS_AT_ONCE_MAX;
use crate::mcp::headers;
use crate::session::{Errand, Runner, Task};

impl Pipeline {
    /// Runs errands until the end, a few at a time. What still waits then is left undone: servers
    /// forget unused sessions by themselves.
    pub async fn run_errands(self: Arc<Self>, mut runner: Runner, stop: CancellationToken) {
        let mut running = FuturesUnordered::new();
        loop {
            let room = running.len() < ERRANDS_AT_ONCE_MAX;
            tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = running.next() => {}
                errand = runner.next(), if room => match errand {
                    Some(errand) => running.push(self.errand(errand).boxed()),
                    None => return,
                },
            }
        }
    }

    async fn errand(self: &Arc<Self>, errand: Errand) {
        let snap = self.live.load_full();
        let mut servers = snap.config().servers.iter();
        let Some(server) = servers.find(|server| server.name == errand.server) else { return };
        let Some((head, body)) = request(server, &errand) else { return };
        let ex = Exchange::of_gateway(head, body, errand.peer, Some(errand.principal));
        // The answer is of interest to the record alone.
        drop(self.serve(ex).await);
    }
}

/// The request of an errand; `None` when a part of it is no header, which cannot happen.
fn request(server: &Server, errand: &Errand) -> Option<(Parts, Bytes)> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.uri = server.path.parse().ok()?;
    let fields = &mut head.headers;
    fields.insert(HOST, HeaderValue::from_str(server.hosts.first()?).ok()?);
    if let Some(session) = &errand.session {
        fields.insert(headers::SESSION_ID, HeaderValue::from_str(session).ok()?);
    }
    if let Some(revision) = errand.revision.filter(|r| r.has_version_header() && !r.is_modern()) {
        fields.insert(headers::PROTOCOL_VERSION, HeaderValue::from_static(revision.date()));
    }
    match &errand.task {
        Task::End => {
            head.method = Method::DELETE;
            Some((head, Bytes::new()))
        }
        Task::Refuse { id } => {
            head.method = Method::POST;
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let both = HeaderValue::from_static("application/json, text/event-stream");
            head.headers.insert(ACCEPT, both);
            let mut body = Vec::with_capacity(REFUSAL.len() + id.len() + 32);
            body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
            body.extend_from_slice(id);
            body.extend_from_slice(REFUSAL);
            Some((head, body.into()))
        }
    }
}

/// What a server reads whose request was not delivered.
const REFUSAL: &[u8] = br#","error":{"code":-32601,"message":"not delivered: the gateway does not allow this request"}}"#;
