//! One record per exchange, owned by the pipeline.
//!
//! Assumes that the pipeline tells it each thing once. Guarantees that an exchange leaves one
//! *intent* before it is forwarded and one *completion* when its answer's body ends, however that
//! happens, or one *refused* record; that it closes exactly once, also when the client goes away
//! and the exchange is dropped half-way; and that no record holds a token, a session id, or a
//! value that the detector knows.

mod batch;
mod judged;
mod lines;
mod places;
mod told;
mod visit;
mod words;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::line::Line;
use super::metrics::RouteMetrics;
use crate::audit::Log;
use crate::body::{Closed, End};
use crate::call::{Action, Resource};
use crate::class::ClassSet;
use crate::limits;
use crate::peer::Peer;
use crate::principal::Principal;
use crate::reject::Rejection;
use crate::screen::Deeds;
use judged::Judged;
use places::InArguments;
use visit::Visit;
use words::queued_name;

/// JSON Schema (2020-12) of every record of the trail.
pub const SCHEMA: &str = include_str!("record/schema.json");

/// A stage of the pipeline, for time and for who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Client address and its bucket.
    Net,
    /// Head rules and route.
    Hygiene,
    /// Who.
    Authn,
    /// What.
    Decode,
    /// May they.
    Authz,
    /// How often.
    Limit,
    /// Is it clean.
    Guard,
    /// Durable intent.
    Record,
    /// The server behind.
    Upstream,
    /// The response gate.
    Screen,
}

impl Stage {
    /// In the order of the pipeline.
    pub const ALL: [Self; 10] = [
        Self::Net,
        Self::Hygiene,
        Self::Authn,
        Self::Decode,
        Self::Authz,
        Self::Limit,
        Self::Guard,
        Self::Record,
        Self::Upstream,
        Self::Screen,
    ];

    /// The label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Hygiene => "hygiene",
            Self::Authn => "authn",
            Self::Decode => "decode",
            Self::Authz => "authz",
            Self::Limit => "limit",
            Self::Guard => "guard",
            Self::Record => "record",
            Self::Upstream => "upstream",
            Self::Screen => "screen",
        }
    }
}

/// What was asked, in the words of the record.
#[derive(Debug)]
pub struct CallFacts {
    /// The protocol's own word.
    pub operation: Box<str>,
    /// What.
    pub action: Action,
    /// On what.
    pub resource: Resource,
    /// The resource's name with personal data masked: URIs carry them.
    pub resource_name: Box<str>,
    /// Whose data.
    pub subject: Option<Box<str>>,
    /// Redacted arguments, JSON.
    pub params: Option<Bytes>,
    /// Whether something in them was masked or cut.
    pub params_masked: bool,
    /// Keyed hash of the session.
    pub session: Option<Box<str>>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Raw JSON-RPC id, for refusals.
    pub rpc_id: Option<Bytes>,
}

/// The configuration by which an exchange is judged.
#[derive(Debug, Clone, Copy)]
pub struct Configured<'a> {
    /// Hash of its files.
    pub hash: &'a Arc<str>,
    /// Number of the configuration since the start, from 1.
    pub generation: u64,
    /// How the gateway names itself, as JSON.
    pub gateway: Option<&'a Arc<str>>,
}

/// The record of one exchange.
#[derive(Debug)]
pub struct Record {
    request_id: Box<str>,
    /// Request id of the batch that this exchange is a part of.
    batch: Option<Arc<str>>,
    /// Of the caller's trace, in 32 hexadecimal digits.
    trace_id: Option<Box<str>>,
    started: Instant,
    mark: Instant,
    at: SystemTime,
    config_hash: Arc<str>,
    generation: u64,
    gateway: Option<Arc<str>>,
    peer: Arc<Peer>,
    stages: [u32; Stage::ALL.len()],
    client_ip: Option<IpAddr>,
    server: Option<Arc<str>>,
    route: Option<Arc<RouteMetrics>>,
    principal: Option<Arc<Principal>>,
    call: Option<CallFacts>,
    rule: Option<Arc<str>>,
    judged: Option<Judged>,
    guard_hits: Vec<(&'static str, &'static str)>,
    in_arguments: InArguments,
    visit: Option<Visit>,
    told: told::Told,
    log: Log,
    state: State,
}

/// How far the record came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was written.
    Open,
    /// The intent was written: the call may have been forwarded.
    Intended,
    /// The last record was written.
    Closed,
}

impl Record {
    /// Begins a record.
    #[must_use]
    pub fn open(peer: &Arc<Peer>, config: Configured<'_>, at: SystemTime, log: &Log) -> Self {
        let started = Instant::now();
        Self {
            request_id: uuid::Uuid::now_v7().to_string().into_boxed_str(),
            batch: None,
            trace_id: None,
            started,
            mark: started,
            at,
            config_hash: Arc::clone(config.hash),
            generation: config.generation,
            gateway: config.gateway.cloned(),
            peer: Arc::clone(peer),
            stages: [0; Stage::ALL.len()],
            client_ip: None,
            server: None,
            route: None,
            principal: None,
            call: None,
            rule: None,
            judged: None,
            guard_hits: Vec::new(),
            in_arguments: InArguments::default(),
            visit: None,
            told: told::Told::default(),
            log: log.clone(),
            state: State::Open,
        }
    }

    /// The id that joins record, log and answer.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Books the time since the last step on `stage` and hands the result through.
    ///
    /// # Errors
    /// The stage's own refusal, unchanged.
    pub fn step<T>(&mut self, stage: Stage, result: Result<T, Rejection>) -> Result<T, Rejection> {
        let now = Instant::now();
        let micros = now.duration_since(self.mark).as_micros();
        if let Some(slot) = self.stages.get_mut(stage as usize) {
            *slot = u32::try_from(micros).unwrap_or(u32::MAX);
        }
        self.mark = now;
        result
    }

    /// The client's address is known.
    pub fn client(&mut self, ip: IpAddr) {
        self.client_ip = Some(ip);
    }

    /// The route is known.
    pub fn route(&mut self, server: &Arc<str>, metrics: &Arc<RouteMetrics>) {
        self.server = Some(Arc::clone(server));
        metrics.in_flight.inc();
        self.route = Some(Arc::clone(metrics));
    }

    /// The caller is known.
    pub fn caller(&mut self, principal: &Arc<Principal>) {
        self.principal = Some(Arc::clone(principal));
        if let Some(route) = &self.route {
            route.authn(if principal.unconfirmed { "grace" } else { "ok" });
        }
    }

    /// The call is known.
    pub fn call(&mut self, call: CallFacts) {
        self.call = Some(call);
    }

    /// The raw JSON-RPC id, once the call was decoded.
    #[must_use]
    pub fn rpc_id(&self) -> Option<Bytes> {
        self.call.as_ref()?.rpc_id.clone()
    }

    /// Whether a route was found.
    #[must_use]
    pub fn has_route(&self) -> bool {
        self.route.is_some()
    }

    /// A guard rule saw something.
    pub fn guard_hit(&mut self, guard: &'static str, mode: &'static str) {
        self.guard_hits.push((guard, mode));
        if let Some(route) = &self.route {
            route.guard_hit(guard, mode);
        }
    }

    /// The record that must be durable before anything is forwarded.
    pub fn intent(&mut self) -> Bytes {
        self.state = State::Intended;
        self.intended()
    }

    /// The intent is durable.
    pub fn committed(&self) {
        if let Some(route) = &self.route {
            route.audit_record("intent", "durable");
        }
    }

    /// Closes an exchange that was refused: record, log line, metrics. Waits for room in the
    /// audit queue, for a bounded time.
    pub async fn refuse(&mut self, rejection: &Rejection) {
        if let (Some(judgement), None) = (&rejection.judgement, &self.judged) {
            self.judge(judgement.clone(), ClassSet::empty());
        }
        let line = self.refusal(rejection);
        let wait = Duration::from_millis(limits::AUDIT_WAIT_MS);
        let queued = self.log.append_wait(&line, wait).await.is_ok();
        self.refused(rejection, queued);
    }

    /// The same without waiting, for messages that never became requests.
    pub fn refuse_now(&mut self, rejection: &Rejection) {
        let queued = self.log.append(self.refusal(rejection)).is_ok();
        self.refused(rejection, queued);
    }

    /// Closes an exchange that was answered.
    pub fn close(&mut self, status: u16, closed: Closed, outcome: &Deeds) {
        let queued = self.log.append_soon(self.completion(status, closed, outcome)).is_ok();
        self.tell(&told::End::Answered { status, closed, deeds: outcome });
        self.state = State::Closed;
        let Some(route) = &self.route else { return };
        route.audit_record("completion", queued_name(queued));
        if let Some(call) = &self.call {
            let tool = match &call.resource {
                Resource::Tool(name) => Some(name.as_ref()),
                Resource::Server
                | Resource::Uri(_)
                | Resource::Prompt(_)
                | Resource::Namespace(_) => None,
            };
            route.allowed(call.action, tool);
        }
        for (class, count) in outcome.redacted.iter() {
            route.redacted(outcome.name_of(class), u64::from(count));
        }
        for (class, count) in outcome.revealed.iter() {
            route.revealed(outcome.name_of(class), u64::from(count));
        }
        for (reason, count) in &outcome.dropped {
            route.dropped(reason, *count);
        }
        for (fit, count) in &outcome.fits {
            route.fitted(fit, *count);
        }
        for (reason, count) in &outcome.alarms {
            route.quarantined(reason, *count);
        }
        route.changed_tools(outcome.changed_tools);
        self.finish_metrics(route, closed.bytes);
    }

    /// Closes an exchange that ended in a document which needs no caller: metadata, preflight.
    pub fn close_document(&mut self, status: u16, bytes: u64) {
        let outcome = Deeds::default();
        let closed = Closed { bytes, end: End::Complete };
        let line = self.ended("document", status, closed, &outcome);
        // A lost record of a public document is counted by the log itself.
        let _ = self.log.append_soon(&line);
        self.tell(&told::End::Answered { status, closed, deeds: &outcome });
        self.state = State::Closed;
    }

    fn refused(&mut self, rejection: &Rejection, queued: bool) {
        self.tell(&told::End::Refused(rejection));
        self.state = State::Closed;
        self.log_refusal(rejection, queued);
        let Some(route) = &self.route else { return };
        let row = rejection.code.row();
        route.audit_record("refused", queued_name(queued));
        route.refused(self.call.as_ref().map(|c| c.action), row.code);
        if self.principal.is_none()
            && let Some(reason) = rejection.reason
        {
            route.authn(reason);
        }
        if let Some(limit) = rejection.rate_limit {
            route.rate_limited(limit.policy);
        }
        self.finish_metrics(route, 0);
    }

    fn finish_metrics(&self, route: &RouteMetrics, bytes: u64) {
        route.stages(&self.stages);
        let received = self.call.as_ref().map_or(0, |call| call.bytes_in);
        route.closed(self.started.elapsed().as_secs_f64(), received, bytes);
        route.in_flight.dec();
    }
}

/// The client went away before there was an answer: the exchange still gets its last record.
impl Drop for Record {
    fn drop(&mut self) {
        if self.state == State::Closed {
            return;
        }
        let closed = Closed { bytes: 0, end: End::Dropped };
        if self.visit.is_some() {
            return self.close_visit(CLIENT_CLOSED_REQUEST, closed);
        }
        self.close(CLIENT_CLOSED_REQUEST, closed, &Deeds::default());
    }
}

/// The status that nginx made usual for "the client closed the request"; it is never sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;
