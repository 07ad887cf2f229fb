//! The flow: everything Sallyport does to an exchange, in order, on one page.
//!
//! ```text
//! client ─▶ net ─▶ hygiene ─▶ authn ─▶ decode ─▶ authz ─▶ limit ─▶ guard ─▶ record ─▶ upstream ─┐
//!          Vetted Wellformed Authenticated Decoded Permitted Admitted Cleared Recorded           │
//! client ◀─ reply ◀──────────────── Answer<Screened> ◀── screen ◀── Answer<Raw> ◀────────────────┘
//! ```
//!
//! Each stage consumes the exchange in one state and returns it in the next; a state is a witness
//! that only its own stage can make. Leaving a stage out, or changing the order, does not compile.
//! Nothing is forwarded unless it is authenticated, understood, permitted, admitted, screened and
//! recorded; nothing is answered unless it was screened.
//!
//! One [`Snapshot`] of the configuration serves an exchange from its first stage to its last byte.
//! One [`Record`] accounts for it and closes exactly once, when the answer's body ends.

mod batches;
mod errands;
mod facade;
mod old_clients;
mod standing;
mod unseen;

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use crate::audit::Log;
use crate::authn::Authn;
use crate::authz::Asker;
use crate::body::ReplyBody;
use crate::call::Action;
use crate::clock::Clock;
use crate::decode::{Batch, Read};
use crate::exchange::{Exchange, Received};
use crate::face::{Hub, Hubs};
use crate::hygiene::{self, Target};
use crate::json::Document;
use crate::observe::{Metrics, Record, Stage, Telemetry};
use crate::peer::Peer;
use crate::policy::facts::Circumstances;
use crate::record::{self, Recorded};
use crate::reject::{Code, Rejection};
use crate::reply;
use crate::revocation::Wake;
use crate::screen::{Recheck, Screened};
use crate::snapshot::{Gates, Shared, Snapshot};
use crate::upstream::Answer;
use standing::Standing;

/// The gateway's heart: one configuration at a time, one log, one set of metrics.
#[derive(Debug)]
pub struct Pipeline {
    live: Arc<ArcSwap<Snapshot>>,
    log: Log,
    metrics: Metrics,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    authn: Arc<Authn>,
    hubs: Hubs,
    /// What runs for HTTP+SSE clients beside their requests.
    tasks: TaskTracker,
    /// For whom servers were asked for their tools.
    askers: unseen::Askers,
}

/// What the flow knows of an exchange, whatever becomes of it.
struct Context {
    reply: reply::Context,
    /// The stream to which a posted message belongs.
    hub: Option<Arc<Hub>>,
}

/// What leaves.
enum Outgoing {
    /// A screened answer.
    Answer(Box<Answer<Screened>>),
    /// A document that needs no caller.
    Document(Option<&'static str>, Bytes),
    /// What the authorization-server facade says.
    Facade(Box<crate::facade::Reply>),
    /// The stream of an HTTP+SSE client.
    Stream(Box<Exchange<Recorded>>),
    /// Several messages, each with an answer of its own.
    Batch(Box<Batch>),
    /// Nothing yet: the answer comes on the client's stream.
    Later(Box<Exchange<Recorded>>),
}

impl Pipeline {
    /// Joins the parts.
    #[must_use]
    pub fn new(live: Arc<ArcSwap<Snapshot>>, shared: &Shared) -> Self {
        let (hubs, tasks, askers) = (Hubs::default(), TaskTracker::new(), Default::default());
        let Shared {
            clock,
            log,
            metrics,
            authn,
            telemetry,
            budget: _,
            sessions: _,
            outbound: _,
            rates: _,
        } = shared.clone();
        Self { live, log, metrics, telemetry, clock, authn, hubs, tasks, askers }
    }

    /// Takes one request from the connection to the response.
    pub async fn handle(
        self: &Arc<Self>,
        peer: Arc<Peer>,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        self.serve(Exchange::open(request, peer)).await
    }

    /// Takes one exchange to its response, whoever began it.
    async fn serve(self: &Arc<Self>, ex: Exchange<Received>) -> Response<ReplyBody> {
        let snap = self.live.load_full();
        let mut record = Record::open(ex.peer(), snap.configured(), self.clock.wall(), &self.log);
        let own = record.trace(&self.telemetry, ex.headers());
        let ex = ex.traced(own);
        record.part_of(ex.part().map(|part| &part.batch));
        let mut cx = Context { reply: reply::Context::new(ex.peer().tls.is_some()), hub: None };
        cx.reply.leaves_body = ex.leaves_body();
        let outcome = self.flow(&snap, &mut record, &mut cx, ex).await;
        match outcome {
            Ok(Outgoing::Answer(answer)) => answered(*answer, record, &cx.reply),
            Ok(Outgoing::Document(media, body)) => {
                let response = reply::document(media, body, &cx.reply);
                record.close_document(response.status().as_u16(), response.body().known_length());
                response
            }
            Ok(Outgoing::Facade(said)) => facade::answered(*said, record, &cx.reply),
            Ok(Outgoing::Stream(ex)) => self.open_stream(&snap, *ex, record, &cx.reply).await,
            Ok(Outgoing::Batch(batch)) => self.each(*batch, record, &cx.reply).await,
            Ok(Outgoing::Later(ex)) => self.answer_later(snap, *ex, record, cx),
            Err(rejection) => {
                record.refuse(&rejection).await;
                self.count_early(&record, &rejection);
                snap.note_refusal(record.server(), record.principal(), rejection.code);
                let rpc_id = record.rpc_id().or_else(|| rejection.rpc_id.clone());
                if let (Some(hub), Some(rpc_id)) = (&cx.hub, &rpc_id) {
                    self.refuse_on_stream(hub, &rejection, record.request_id(), rpc_id);
                    return old_clients::accepted(&cx.reply);
                }
                reply::refusal(&rejection, record.request_id(), rpc_id.as_ref(), &cx.reply)
            }
        }
    }

    /// The request gate, in order; what is to be answered at once is answered.
    async fn flow(
        self: &Arc<Self>,
        snap: &Arc<Snapshot>,
        record: &mut Record,
        cx: &mut Context,
        ex: Exchange<Received>,
    ) -> Result<Outgoing, Rejection> {
        // Where from: the client's own address, and whether it knocks too often.
        let ex = record.step(Stage::Net, snap.vet().vet(ex))?;
        record.client(ex.client_ip());

        // Is the head unambiguous, and which server is meant?
        if let Some((_, shape)) = snap.edge().locate(ex.uri(), ex.headers()) {
            cx.reply.shape = shape;
        }
        let ex = record.step(Stage::Hygiene, snap.edge().check(ex))?;
        cx.reply.cors = ex.cors().clone();
        let gates = snap.gates(ex.server_index())?;
        match ex.target() {
            Target::Mcp | Target::Sse | Target::Rest => {}
            Target::Metadata(hygiene::Document::AuthorizationServer) => {
                let document = facade::document(gates, ex.uri().path()).await?;
                return Ok(Outgoing::Document(Some("application/json"), document));
            }
            Target::Metadata(document) => {
                let document = gates.document(document)?;
                return Ok(Outgoing::Document(Some("application/json"), document));
            }
            Target::Oauth(endpoint) => return facade::ask(gates, record, ex, endpoint).await,
            Target::Preflight => return Ok(Outgoing::Document(None, Bytes::new())),
        }
        record.route(&ex.server().name, &gates.metrics);

        // Who: on the headers alone; anonymous callers get neither our parser nor our buffers.
        let ex = record.step(Stage::Authn, gates.authn.authenticate(ex).await)?;
        record.caller(ex.principal());
        cx.reply.dpop_nonce = ex.dpop_nonce().map(Box::from);
        cx.hub = self.stream_of(snap, &ex)?;

        // What: the whole body, read strictly, once.
        cx.reply.leaves_body = false;
        let read = record.step(Stage::Decode, gates.decode.decode(ex, cx.hub.as_deref()).await)?;
        let ex = match read {
            Read::Message(ex) => ex,
            Read::Batch(batch) => return Ok(Outgoing::Batch(batch)),
        };
        record.continued(ex.continued());
        record.call(gates.facts(&ex));
        let stands = standing::session_stands(self.authn.revocations(), &ex);
        record.step(Stage::Decode, stands)?;

        // May they, how often, is it clean.
        let knock = gates.authz.hides().then(|| gates.limit.knock(&ex));
        let authorized = match (gates.authz.authorize(ex), knock) {
            // A hidden name costs what an unknown one does, or its cost would tell.
            (Err(refusal), Some(knock)) if refusal.code == Code::NameUnknown => {
                Err(gates.limit.charge(&knock).await.err().unwrap_or(refusal))
            }
            (authorized, _) => authorized,
        };
        let ex = record.step(Stage::Authz, authorized)?;
        record.permitted(ex.grant());
        let ex = record.step(Stage::Limit, gates.limit.admit(ex).await)?;
        // A pinned tool is judged by its definition, for which the server may have to be asked.
        self.show_tools(gates, &ex).await;
        record.step(Stage::Guard, unseen::is_listed(gates, &ex))?;
        let cleared = gates.guard.clear(ex).inspect_err(|refusal| record.guarded(refusal));
        let ex = record.step(Stage::Guard, cleared)?;
        for hit in ex.hits().iter() {
            record.guard_hit(hit.check, hit.mode);
        }
        record.in_arguments(ex.found());

        // No durable record, no call.
        let intent = record.intent();
        let ex = record.step(Stage::Record, record::commit(ex, &self.log, intent).await)?;
        record.committed();

        if ex.target() == Target::Sse {
            return self.for_old_client(snap, record, cx, ex).await;
        }
        let answer = self.answer(snap, gates, record, ex).await?;
        Ok(Outgoing::Answer(Box::new(answer)))
    }

    /// The server behind, then the response gate; a stream goes on being screened inside its body.
    async fn answer(
        &self,
        snap: &Arc<Snapshot>,
        gates: &Gates,
        record: &mut Record,
        ex: Exchange<Recorded>,
    ) -> Result<Answer<Screened>, Rejection> {
        if let Some(claim) = ex.claim() {
            claim.settle();
        }
        let session = ex.session().map(|session| session.key());
        let closes = ex.call().action == Action::SessionClose;
        let recheck = self.recheck(snap, &ex);
        // Whoever is revoked while the server works gets no answer, and the server no more time.
        let standing = Standing::of(&self.authn, &ex);
        let forwarded = while_standing(standing.as_ref(), gates.upstream.forward(ex)).await;
        let challenged = |refusal| gates.authn.challenge(refusal);
        let raw = record.step(Stage::Upstream, forwarded.map_err(challenged))?;
        let screened = gates.screen.screen(raw, recheck, record.request_id());
        let screened = while_standing(standing.as_ref(), screened).await.map_err(challenged);
        let lost = screened.as_ref().is_err_and(|error| error.code == Code::SessionUnknown);
        if let Some(session) = session.filter(|_| lost || (closes && screened.is_ok())) {
            snap.sessions().ended(session);
        }
        record.step(Stage::Screen, screened)
    }

    /// Refuses a message that never became a request; recorded and counted all the same.
    #[must_use]
    pub fn refused_on_the_wire(
        &self,
        peer: &Peer,
        code: Code,
        detail: &'static str,
    ) -> Response<Bytes> {
        let snap = self.live.load();
        let peer = Arc::new(peer.clone());
        let mut record = Record::open(&peer, snap.configured(), self.clock.wall(), &self.log);
        record.client(peer.address.ip());
        let rejection = Rejection::new(code, detail);
        record.refuse_now(&rejection);
        self.count_early(&record, &rejection);
        let cx = reply::Context::new(peer.tls.is_some());
        reply::wire_refusal(&rejection, record.request_id(), &cx)
    }

    /// Refusals before a route was known have no route's metrics.
    fn count_early(&self, record: &Record, rejection: &Rejection) {
        if !record.has_route() {
            self.metrics.refused_early.with_label_values(&[rejection.code.row().code]).inc();
        }
    }

    /// What an open stream asks again: token, revocation, session, policy, route.
    fn recheck(&self, snap: &Arc<Snapshot>, request: &Exchange<Recorded>) -> Recheck {
        let live = Arc::clone(&self.live);
        let clock = self.clock.clone();
        let session = request.session().map(|session| session.key());
        let book = Arc::clone(snap.sessions().book());
        // The gateway's own errands end a session that has ended here already.
        let was_open = session.is_some_and(|session| !book.has_ended(session));
        let principal = Arc::clone(request.principal());
        let peer = Arc::clone(request.peer());
        let server = Arc::clone(&request.server().name);
        // As it was judged, whatever became of its arguments since.
        let call = request.asked();
        let mut asked = vec![(call.action, call.resource.clone())];
        asked.extend(call.also.iter().cloned());
        let arguments = call.argument_bytes();
        let around = request.grant().around.clone();
        let governed = request.server().policy.is_some();
        let generation = snap.generation();
        let standing = Standing::of(&self.authn, request);
        let wake = standing.as_ref().map_or_else(Wake::never, Standing::wake);
        let ask = move || {
            if principal.expires_at_s.is_some_and(|exp| exp <= clock.unix_s()) {
                return Err(Rejection::new(Code::StreamRevoked, "the token expired"));
            }
            if !peer.still_stands() {
                return Err(Rejection::new(Code::StreamRevoked, "the certificate has ended"));
            }
            if let Some(standing) = &standing {
                standing.judge()?;
            }
            if session.is_some_and(|session| was_open && book.has_ended(session)) {
                return Err(Rejection::new(Code::StreamRevoked, "the session has ended"));
            }
            let now = live.load();
            // Policies look at the clock too.
            if now.generation() == generation && !governed {
                return Ok(());
            }
            let around = Circumstances { now_s: clock.unix_s(), ..around.clone() };
            let asker = Asker { principal: &principal, around: &around };
            let sent = arguments.clone().map(|bytes| Document::parse(bytes, &crate::mcp::REQUEST));
            let Ok(sent) = sent.transpose() else {
                return Err(Rejection::new(Code::Internal, "arguments cannot be read again"));
            };
            let mut arguments = sent.as_ref();
            asked
                .iter()
                // The arguments are those of the first; the others have none.
                .all(|(action, resource)| {
                    now.still_allows(&server, asker, *action, resource, arguments.take())
                })
                .then_some(())
                .ok_or_else(|| Rejection::new(Code::StreamRevoked, "the policy changed"))
        };
        Recheck::new(ask).woken_by(wake)
    }
}

/// Runs until the caller may not go on. What is dropped then ends as when a client goes away.
async fn while_standing<T>(
    standing: Option<&Standing>,
    work: impl Future<Output = Result<T, Rejection>>,
) -> Result<T, Rejection> {
    let Some(standing) = standing else { return work.await };
    tokio::select! {
        biased;
        rejection = standing.lost() => Err(rejection),
        done = work => done,
    }
}

/// A screened answer leaves; its record closes when its body ends.
fn answered(
    answer: Answer<Screened>,
    mut record: Record,
    cx: &reply::Context,
) -> Response<ReplyBody> {
    let (request, screened) = answer.into_parts();
    let (status, mut headers, body, tally) = screened.into_parts();
    reply::common_headers(&mut headers, cx);
    let body = body.on_close(move |closed| {
        record.close(status.as_u16(), closed, &tally.take());
        // With the request its concurrency slot goes, and not before.
        drop(request);
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
