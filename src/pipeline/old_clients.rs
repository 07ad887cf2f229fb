//! Clients of HTTP+SSE: what differs from the flow of all others, and only that.
//!
//! Both the stream (GET) and each message (POST) passed the whole request gate before anything
//! here runs, each with its own record. A posted request is answered 202 once it is recorded or
//! refused; its screened answer, or the refusal, goes onto the stream: real clients end their whole
//! session at any other status. What was refused before a request was read in it (no token, a
//! foreign stream, no JSON), and what awaits no answer, keeps its status.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode};

use super::{Context, Outgoing, Pipeline, answered};
use crate::authn::Authenticated;
use crate::body::ReplyBody;
use crate::decode::Expect;
use crate::exchange::Exchange;
use crate::face::{Carried, Ended, Hub, Learnt, Media};
use crate::hygiene::{self, Target};
use crate::limits;
use crate::mcp::headers;
use crate::mcp::version::Revision;
use crate::observe::Record;
use crate::peer::Peer;
use crate::principal::Confirmation;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::reply;
use crate::screen::{Deeds, Screened};
use crate::session::{Caller, Purpose};
use crate::snapshot::Snapshot;
use crate::upstream::Answer;

impl Pipeline {
    /// The stream that a posted message names; none for all other requests.
    pub(super) fn stream_of(
        &self,
        snap: &Snapshot,
        ex: &Exchange<Authenticated>,
    ) -> Result<Option<Arc<Hub>>, Rejection> {
        let query = ex.uri().query().filter(|_| ex.target() == Target::Sse);
        let Some(id) = query.and_then(hygiene::stream_of) else { return Ok(None) };
        let caller = Caller {
            principal: ex.principal(),
            client: ex.client_ip(),
            peer: ex.peer(),
            server: &ex.server().name,
        };
        self.hubs.find(id, snap.sessions(), caller).map(Some)
    }

    /// A recorded exchange of an HTTP+SSE client.
    pub(super) async fn for_old_client(
        self: &Arc<Self>,
        snap: &Arc<Snapshot>,
        record: &mut Record,
        cx: &Context,
        ex: Exchange<Recorded>,
    ) -> Result<Outgoing, Rejection> {
        let Some(hub) = &cx.hub else { return Ok(Outgoing::Stream(Box::new(ex))) };
        if matches!(ex.expect(), Expect::Response { .. }) {
            return Ok(Outgoing::Later(Box::new(ex)));
        }
        // Notifications keep their order: the next message is read when this one has arrived.
        let initialized = &*ex.call().operation == "notifications/initialized";
        let listening = initialized.then(|| Listening::of(&ex));
        let gates = snap.gates(ex.server_index())?;
        let answer = self.answer(snap, gates, record, ex).await?;
        if let Some(listening) = listening.filter(|_| hub.begins_to_listen()) {
            self.spawn_listening(Arc::clone(hub), listening);
        }
        Ok(Outgoing::Answer(Box::new(answer)))
    }

    /// Opens the stream.
    pub(super) async fn open_stream(
        self: &Arc<Self>,
        snap: &Arc<Snapshot>,
        ex: Exchange<Recorded>,
        mut record: Record,
        cx: &reply::Context,
    ) -> Response<ReplyBody> {
        let path = ex.server().http_sse.clone().unwrap_or_default();
        let hub = match self.hubs.open(&path, snap.sessions(), ex.caller()) {
            Ok(hub) => hub,
            Err(rejection) => {
                record.refuse(&rejection).await;
                return reply::refusal(&rejection, record.request_id(), None, cx);
            }
        };
        let recheck = self.recheck(snap, &ex);
        let wake = recheck.wake();
        let id: Box<str> = record.request_id().into();
        let (book, own) = (Arc::clone(snap.sessions().book()), Arc::clone(&hub));
        let may_go_on = move || {
            let ended = own.session_hash().is_some_and(|session| book.has_ended(session));
            let over = || Rejection::new(Code::StreamRevoked, "the session has ended");
            let asked = if ended { Err(over()) } else { recheck.ask() };
            asked.map_err(|why| reply::error_event(&why, &id, None))
        };
        let body = ReplyBody::stream(hub.bytes(may_go_on, wake));
        let pipeline = Arc::clone(self);
        let body = body.on_close(move |closed| {
            record.close(StatusCode::OK.as_u16(), closed, &Deeds::default());
            pipeline.stream_ended(&hub);
            // With the exchange its concurrency slot goes, and not before.
            drop(ex);
        });
        reply::events(body, cx)
    }

    /// The client went away, or lost its stream: what works for it stops, and its session upstream
    /// ends.
    fn stream_ended(&self, hub: &Hub) {
        if let Some(Learnt { hash, in_use, .. }) = self.hubs.close(hub) {
            drop(in_use);
            self.live.load().sessions().end(hash);
        }
    }

    /// Accepts a recorded request; its answer follows on the stream.
    pub(super) fn answer_later(
        self: &Arc<Self>,
        snap: Arc<Snapshot>,
        ex: Exchange<Recorded>,
        record: Record,
        cx: Context,
    ) -> Response<ReplyBody> {
        let Context { reply: cx, hub } = cx;
        if let Some(hub) = hub {
            let (pipeline, cx) = (Arc::clone(self), cx.clone());
            self.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = hub.ended() => {}
                    () = pipeline.deliver(snap, &hub, ex, record, cx) => {}
                }
            });
        }
        accepted(&cx)
    }

    /// Waits for the answer and carries it onto the stream. Cancel-safe: dropped, it closes the
    /// upstream connection and the record.
    async fn deliver(
        &self,
        snap: Arc<Snapshot>,
        hub: &Hub,
        ex: Exchange<Recorded>,
        mut record: Record,
        cx: reply::Context,
    ) {
        let (id, rpc_id): (Box<str>, _) = (record.request_id().into(), record.rpc_id());
        let outcome = match snap.gates(ex.server_index()) {
            Ok(gates) => self.answer(&snap, gates, &mut record, ex).await,
            Err(rejection) => Err(rejection),
        };
        let carried = match outcome {
            Ok(answer) => {
                self.learn(&snap, hub, &answer);
                carry(hub, answered(answer, record, &cx)).await
            }
            Err(rejection) => {
                record.refuse(&rejection).await;
                let _ended = say_refusal(hub, &rejection, &id, rpc_id.as_ref()).await;
                return;
            }
        };
        if carried == Ok(Carried::Cut) {
            let cut = Rejection::new(Code::UpstreamInvalid, "the answer broke off");
            let _ended = say_refusal(hub, &cut, &id, rpc_id.as_ref()).await;
        }
    }

    /// Keeps the session that a handshake opened: the client of this transport never sees its id.
    fn learn(&self, snap: &Snapshot, hub: &Hub, answer: &Answer<Screened>) {
        let sealed = answer.state().headers().get(headers::SESSION_ID);
        let Some(sealed) = sealed.and_then(|value| value.to_str().ok()) else { return };
        let (sessions, caller) = (snap.sessions(), answer.request().caller());
        let (book, key) = (sessions.book(), caller.principal.key);
        let now_s = book.clock().unix_s();
        let opened = sessions.sealer().open(Purpose::Session, sealed, key, caller.server, now_s);
        let Ok(opened) = opened else { return };
        let (hash, revision) = (opened.hash, opened.revision);
        let in_use = book.hold(hash);
        let before = hub.learn(Learnt { sealed: sealed.into(), hash, revision, in_use });
        if let Some(before) = before {
            drop(before.in_use);
            sessions.end(before.hash);
        }
    }

    /// A refused message: what it asked for will not be answered, and the stream says so.
    pub(super) fn refuse_on_stream(
        &self,
        hub: &Arc<Hub>,
        rejection: &Rejection,
        request_id: &str,
        rpc_id: &Bytes,
    ) {
        let (hub, rejection, rpc_id) = (Arc::clone(hub), rejection.clone(), rpc_id.clone());
        let id: Box<str> = request_id.into();
        self.tasks.spawn(async move {
            let _ended = say_refusal(&hub, &rejection, &id, Some(&rpc_id)).await;
        });
    }

    /// Opens the stream on which the server speaks unasked, as the caller itself would, and again
    /// when the server closes it; until the client's stream ends, or the answer is no.
    fn spawn_listening(self: &Arc<Self>, hub: Arc<Hub>, listening: Listening) {
        let pipeline = Arc::clone(self);
        // Boxed, because listening is served by the pipeline that spawns it.
        let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            tokio::select! {
                biased;
                () = hub.ended() => {}
                () = pipeline.listen(&hub, listening) => {}
            }
        });
        self.tasks.spawn(task);
    }

    async fn listen(self: &Arc<Self>, hub: &Hub, listening: Listening) {
        for attempt in 0_u32.. {
            let head = listening.head.clone();
            let ex = Exchange::of_gateway(head, Bytes::new(), Arc::clone(&listening.peer), None)
                .with_proven(listening.proven);
            let response = self.serve(ex).await;
            if response.status() != StatusCode::OK || carry(hub, response).await.is_err() {
                return;
            }
            tokio::time::sleep(relisten_after(attempt)).await;
        }
    }

    /// Ends what works for clients of streams, once their connections are closed.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// How long a server that closed its own stream is left alone.
fn relisten_after(attempt: u32) -> Duration {
    let factor = 2_u64.saturating_pow(attempt);
    Duration::from_millis(limits::RELISTEN_MS.saturating_mul(factor).min(limits::RELISTEN_MS_MAX))
}

/// What the gateway asks a server with, to hear what it says unasked.
struct Listening {
    head: Parts,
    peer: Arc<Peer>,
    /// A proof of possession is good for one request; the keys were proven in the client's own.
    proven: Option<Confirmation>,
}

impl Listening {
    /// With the caller's own head: its token, its address, its origin.
    fn of(ex: &Exchange<Recorded>) -> Self {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::GET;
        // A path of the configuration is a target; the fallback would be refused as unknown.
        head.uri = ex.server().path.parse().unwrap_or_default();
        head.version = ex.version();
        head.headers = ex.headers().clone();
        let posts: [HeaderName; 7] = [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            TRANSFER_ENCODING,
            headers::METHOD,
            headers::NAME,
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("dpop"),
        ];
        for name in posts {
            head.headers.remove(name);
        }
        head.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if head.uri.authority().is_none()
            && let Some(host) = ex.uri().authority()
            && let Ok(host) = HeaderValue::from_str(host.as_str())
        {
            // HTTP/2 names the host in `:authority`.
            head.headers.insert(HOST, host);
        }
        if let Some(session) = ex.session() {
            if let Ok(id) = HeaderValue::from_str(session.sealed()) {
                head.headers.insert(headers::SESSION_ID, id);
            }
            if let Some(revision) = session.revision().filter(Revision::has_version_header) {
                let date = HeaderValue::from_static(revision.date());
                head.headers.insert(headers::PROTOCOL_VERSION, date);
            }
        }
        Self { head, peer: Arc::clone(ex.peer()), proven: ex.principal().confirmation }
    }
}

/// The answer to a posted request: what it asked for comes on the stream.
pub(super) fn accepted(cx: &reply::Context) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    reply::common_headers(response.headers_mut(), cx);
    response
}

/// Carries the body of a response onto the stream.
async fn carry(hub: &Hub, response: Response<ReplyBody>) -> Result<Carried, Ended> {
    let media = response.headers().get(CONTENT_TYPE);
    let events = media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"));
    let media = if events { Media::Events } else { Media::Json };
    hub.carry(response.into_body(), media).await
}

async fn say_refusal(
    hub: &Hub,
    rejection: &Rejection,
    request_id: &str,
    rpc_id: Option<&Bytes>,
) -> Result<(), Ended> {
    hub.say(&reply::error_message(rejection, request_id, rpc_id)).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::relisten_after;
    use crate::limits::{RELISTEN_MS, RELISTEN_MS_MAX};

    #[test]
    fn waits_grow_from_relisten_ms_to_relisten_ms_max() {
        assert_eq!(relisten_after(0), Duration::from_millis(RELISTEN_MS));
        assert_eq!(relisten_after(1), Duration::from_millis(RELISTEN_MS * 2));
        assert_eq!(relisten_after(u32::MAX), Duration::from_millis(RELISTEN_MS_MAX));
    }
}
