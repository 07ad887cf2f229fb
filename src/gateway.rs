//! A running gateway: listeners, pipeline, audit trail, admin listener and reload, joined.
//!
//! Owns start and stop. Guarantees: a configuration is built whole before anything of it serves;
//! a reload that fails changes nothing and says why; stopping turns readiness off first, lets
//! open exchanges finish, then flushes the audit trail; every task is owned and joined.

mod anchoring;
mod fixed;
mod pages;
mod revoking;
mod sharing;
mod shipping;
mod trail;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::anchors::{AnchorError, Anchors};
use crate::audit::{self, Health};
use crate::authn::Authn;
use crate::body::ReplyBody;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::confine::Confined;
use crate::decode::BodyBudget;
use crate::limits;
use crate::observe::{Metrics, Telemetry};
use crate::outbound::{self, Outbound, OutboundError};
use crate::peer::Peer;
use crate::pipeline::Pipeline;
use crate::reject::Code;
use crate::revocation::{Desk, Revocations};
use crate::server::{self, BindError, Bound, Bounds, Inherited, InheritedError, Reloader};
use crate::session::Book;
use crate::shared_state::{SharedState, SharedStateError};
use crate::sinks::{SINK_DRAIN_MS, SinkError, Sinks};
use crate::snapshot::{BuildError, Shared, Snapshot};
use revoking::Revoking;

/// What a test or an embedder may set; the defaults serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time.
    pub clock: Clock,
    /// Bounds of connections.
    pub bounds: Bounds,
    /// Sockets that the service manager handed over.
    pub inherited: Inherited,
    /// How long to wait for another gateway to let go of the audit trail.
    pub audit_wait: Duration,
    /// What this process has let go.
    pub confined: Confined,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            bounds: Bounds::default(),
            inherited: Inherited::default(),
            audit_wait: Duration::ZERO,
            confined: Confined::default(),
        }
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The audit trail.
    #[error("the audit trail cannot be opened: {0}")]
    Audit(#[from] audit::OpenError),
    /// A listener.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A socket that was handed over.
    #[error(transparent)]
    Inherited(#[from] InheritedError),
    /// A part of the configuration.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The metrics, a defect of ours.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The client for keys and metadata.
    #[error("the client for keys and metadata cannot be set up: {0}")]
    Outbound(#[from] OutboundError),
    /// The system has no randomness.
    #[error("the system has no randomness")]
    Randomness,
    /// The Redis that replicas share.
    #[error(transparent)]
    SharedState(#[from] SharedStateError),
    /// A sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// An anchor of the audit trail.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
}

/// Why a reload was refused; the old configuration keeps serving.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Listeners: certificates, addresses.
    #[error(transparent)]
    Listeners(#[from] BindError),
    /// Any other part.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The client for keys and metadata.
    #[error("the client for keys and metadata cannot be set up: {0}")]
    Outbound(#[from] OutboundError),
    /// A sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Parts that only a restart can change, all of them.
    #[error("only a restart can change `{}`; nothing of this configuration was taken over", .0.join("`, `"))]
    Fixed(Vec<String>),
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    core: Arc<Core>,
    addresses: Vec<Bound>,
    admin: Option<SocketAddr>,
    /// Ends the listeners.
    stop: CancellationToken,
    /// Ends the rest, after the drain, so that readiness can be seen to be off.
    end: CancellationToken,
    listening: TaskTracker,
    helpers: TaskTracker,
    pipeline: Arc<Pipeline>,
}

#[derive(Debug)]
struct Core {
    live: Arc<ArcSwap<Snapshot>>,
    shared: Shared,
    reloader: Reloader,
    /// Where operators revoke.
    desk: Desk,
    /// Copies of the records for other systems.
    sinks: Sinks,
    /// Places that keep its checkpoints.
    anchors: Anchors,
    stopping: AtomicBool,
    confined: Confined,
    /// One reload at a time.
    reloading: Mutex<()>,
}

impl Gateway {
    /// Builds everything, then serves.
    ///
    /// # Errors
    /// See [`StartError`]; nothing serves then.
    pub async fn start(config: Config, options: Options) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let metrics = Metrics::new()?;
        let log = trail::open(&config.audit, &options.clock, options.audit_wait).await?;
        let (sinks, shipped) = shipping::prepare(&config, &log)?;
        let outbound = Arc::new(Outbound::with(requests(&config.outbound)?));
        let (sessions, errands) = Book::new(options.clock.clone());
        // Who is revoked is known before anybody is served.
        let redis = config.redis.as_ref().map(SharedState::new).transpose()?;
        let revoking = Revoking::start(&config, redis.as_ref(), &options.clock, &log).await;
        let rates = sharing::start(&config, redis.as_ref()).await;
        let (clock, revocations) = (options.clock.clone(), Arc::clone(&revoking.revocations));
        let authn = Authn::with_revocations(clock, Arc::clone(&outbound), revocations, redis);
        let shared = Shared {
            authn: authn.map_err(|_| StartError::Randomness)?,
            clock: options.clock,
            log,
            metrics,
            budget: BodyBudget::default(),
            sessions,
            outbound,
            telemetry: Arc::new(Telemetry::default()),
            rates,
        };
        let told = shared.telemetry.prepare(&config.telemetry)?;
        let snapshot = Snapshot::build(Arc::clone(&config), &shared, None)?;
        let live = Arc::new(ArcSwap::from_pointee(snapshot));
        let (proxies, inherited) = (&config.trusted_proxies, &options.inherited);
        let listeners =
            server::bind_with(&config.listeners, proxies, options.bounds, inherited).await?;
        let pipeline = Arc::new(Pipeline::new(Arc::clone(&live), &shared));
        let core = Arc::new(Core {
            live,
            shared,
            desk: revoking.desk,
            sinks,
            anchors: anchoring::start(&config)?,
            reloader: listeners.reloader(),
            stopping: AtomicBool::new(false),
            confined: options.confined,
            reloading: Mutex::new(()),
        });
        core.shared.telemetry.install(told);
        core.accepted();
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let helpers = TaskTracker::new();
        let admin = match &config.admin {
            None => None,
            Some(admin) => {
                let bound = server::admin::bind(admin, Bounds::default(), inherited).await?;
                Some(pages::serve(&core, admin, bound, &helpers, &end))
            }
        };
        inherited.all_taken()?;
        helpers.spawn(Arc::clone(&core).keep_house(end.clone()));
        helpers.spawn(Arc::clone(&core).keep_keys(end.clone()));
        revoking::run(&core, revoking.stores, &helpers, &end);
        sharing::run(core.shared.rates.as_ref(), &helpers, &end);
        helpers.spawn(Arc::clone(&core).keep_pins(end.clone()));
        helpers.spawn(shipping::run(Arc::clone(&core), shipped, end.clone()));
        helpers.spawn(Arc::clone(&pipeline).run_errands(errands, end.clone()));
        let addresses = listeners.addresses().to_vec();
        let edge = Edge { pipeline: Arc::clone(&pipeline), metrics: core.shared.metrics.clone() };
        let listening = TaskTracker::new();
        listening.spawn(listeners.serve(Arc::new(edge), stop.clone()));
        Ok(Self { core, addresses, admin, stop, end, listening, helpers, pipeline })
    }

    /// Where clients connect, port 0 resolved.
    #[must_use]
    pub fn addresses(&self) -> &[Bound] {
        &self.addresses
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The metrics, as scraped.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.core.metrics()
    }

    /// How many configurations were accepted.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.core.live.load().generation()
    }

    /// A new configuration did not even pass its check.
    pub fn reload_failed(&self) {
        self.core.shared.metrics.reload_successful.set(0);
    }

    /// Takes over a new configuration, whole or not at all (S-66).
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let result = self.core.reload(config);
        let metrics = &self.core.shared.metrics;
        metrics.reload_successful.set(i64::from(result.is_ok()));
        result
    }

    /// Begins to stop: readiness off, no new connections, open exchanges may finish.
    pub fn stop(&self) {
        self.core.stopping.store(true, Ordering::SeqCst);
        self.stop.cancel();
    }

    /// Waits until everything has stopped and the audit trail is flushed.
    pub async fn stopped(self) {
        self.listening.close();
        self.listening.wait().await;
        self.pipeline.finish().await;
        // Nobody calls any more: what we started for callers ends with them.
        self.core.live.load_full().stop().await;
        self.core.shared.log.close().await;
        shipping::close_traces(&self.core.shared.telemetry).await;
        self.core.sinks.durable(shipping::durable(&self.core.shared.log));
        let sinks = self.core.sinks.close(Duration::from_millis(SINK_DRAIN_MS));
        tokio::join!(sinks, anchoring::close(&self.core.anchors));
        self.end.cancel();
        self.helpers.close();
        self.helpers.wait().await;
    }
}

impl Core {
    fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.live.load_full();
        let mut fixed = fixed::changed(old.config(), &config);
        // Not what is fixed anyway, twice.
        let beyond = self.confined.beyond(&config).into_iter();
        let beyond: Vec<_> = beyond.filter(|name| !fixed.contains(name)).collect();
        fixed.extend(beyond);
        self.shared.metrics.restart_needed.set(i64::from(!fixed.is_empty()));
        if !fixed.is_empty() {
            return Err(ReloadError::Fixed(fixed));
        }
        let outbound = match &config.outbound {
            same if *same == old.config().outbound => None,
            changed => Some(requests(changed)?),
        };
        let prepared = self.reloader.prepare(&config.listeners, &config.trusted_proxies)?;
        let shipped = self.sinks.prepare(&config.audit.sinks)?;
        let told = self.shared.telemetry.prepare(&config.telemetry)?;
        let snapshot = Snapshot::build(Arc::new(config), &self.shared, Some(&old))?;
        prepared.install();
        self.sinks.install(shipped);
        self.shared.telemetry.install(told);
        if let Some(settings) = outbound {
            self.shared.outbound.replace(settings);
        }
        self.live.store(Arc::new(snapshot));
        self.accepted();
        Ok(())
    }

    /// Says which configuration serves now.
    fn accepted(&self) {
        let snap = self.live.load();
        let metrics = &self.shared.metrics;
        metrics.reload_successful.set(1);
        metrics.reload_timestamp.set(signed(self.shared.clock.unix_s()));
        metrics.generation.set(signed(snap.generation()));
        metrics.configured(snap.hash());
        for warning in &snap.config().warnings {
            tracing::warn!(warning = warning.as_str(), "configuration");
        }
    }

    /// Keeps the issuers' keys fresh until the end.
    async fn keep_keys(self: Arc<Self>, stop: CancellationToken) {
        self.shared.authn.run(stop).await;
    }

    /// Writes what waits for approval, and once more at the end.
    async fn keep_pins(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_millis(limits::PINS_SAVE_MS));
        loop {
            let last = tokio::select! {
                () = stop.cancelled() => true,
                _ = tick.tick() => false,
            };
            let snapshot = self.live.load_full();
            if snapshot.has_pins() {
                // One that fails was logged; it is tried again when more waits.
                let _ = tokio::task::spawn_blocking(move || snapshot.save_pins()).await;
            }
            if last {
                return;
            }
        }
    }

    /// Sweeps idle keys of limiters until the end.
    async fn keep_house(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_millis(limits::LIMITER_SWEEP_MS));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {
                    self.live.load().sweep();
                    self.revocations().sweep();
                }
            }
        }
    }

    fn revocations(&self) -> &Revocations {
        self.shared.authn.revocations()
    }
}

impl Core {
    fn metrics(&self) -> String {
        let metrics = &self.shared.metrics;
        let is_healthy = matches!(self.shared.log.health(), Health::Ok);
        metrics.audit(&self.shared.log.stats(), is_healthy);
        for status in self.shared.authn.key_status() {
            if let Some(age_s) = status.age_s {
                let at = self.shared.clock.unix_s().saturating_sub(age_s);
                metrics.jwks_last_success.with_label_values(&[&*status.issuer]).set(seconds(at));
            }
        }
        revoking::measure(self.revocations(), metrics);
        sharing::measure(self.shared.rates.as_deref(), metrics);
        shipping::measure(&self.sinks, metrics);
        anchoring::measure(&self.anchors, &self.shared.log, metrics);
        shipping::measure_traces(&self.shared.telemetry, metrics);
        for (part, enforced) in self.confined.parts() {
            metrics.confined.with_label_values(&[part]).set(i64::from(enforced));
        }
        for (listener, ends_s) in self.reloader.certificate_ends_s() {
            metrics.certificate_not_after.with_label_values(&[&listener]).set(signed(ends_s));
        }
        for (listener, ends_s) in self.reloader.crl_ends_s() {
            metrics.crl_next_update.with_label_values(&[&listener]).set(signed(ends_s));
        }
        metrics.text()
    }

    fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping.load(Ordering::SeqCst) {
            reasons.push("stopping".to_owned());
        }
        if let Health::Failing { reason, .. } = self.shared.log.health() {
            reasons.push(format!("audit: {reason}"));
        }
        for state in self.revocations().stores() {
            if let Some(fault) = state.fault {
                reasons.push(format!("revocations ({}): {fault}", state.store.name()));
            }
        }
        reasons
    }
}

/// How the connection layer reaches the pipeline, which knows nothing of connections.
#[derive(Debug)]
struct Edge {
    pipeline: Arc<Pipeline>,
    metrics: Metrics,
}

impl server::Handler for Edge {
    fn handle(
        self: &Arc<Self>,
        peer: Arc<Peer>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ReplyBody>> + Send {
        let pipeline = Arc::clone(&self.pipeline);
        // In a box of its own, which is gone once the response has begun. A connection keeps the
        // room of its handler for as long as it lives, and a stream may live for hours.
        async move { Box::pin(pipeline.handle(peer, request)).await }
    }

    fn refused_on_the_wire(
        &self,
        peer: &Peer,
        code: Code,
        detail: &'static str,
    ) -> Response<Bytes> {
        self.pipeline.refused_on_the_wire(peer, code, detail)
    }

    fn observe(&self, listener: &str, event: server::Event) {
        self.metrics.connections.with_label_values(&[listener, event.name()]).inc();
    }
}

/// How the gateway makes its own requests.
fn requests(config: &config::Outbound) -> Result<outbound::Settings, OutboundError> {
    let config::Outbound { ca_pem, networks, timeout } = config;
    outbound::Settings::new(ca_pem.as_deref(), networks.clone(), *timeout)
}

/// Seconds as Prometheus takes them: exact far beyond any date.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay below 2^53")]
fn seconds(value: u64) -> f64 {
    value as f64
}

/// Prometheus counts in signed numbers; ours are far from the border.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
