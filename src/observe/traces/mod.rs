//! Traces: two spans for an exchange, one for what the gateway did and one for the server behind.
//!
//! Owns sampling, the queue and the task that sends it to a collector. Assumes a record that has
//! measured every stage already; nothing is measured again. Guarantees: no call ever waits for a
//! collector; queue, batch, tries and waits are bounded, and what is lost is counted; a caller
//! decides neither whether it is traced nor, by a name that nobody allowed, what a span is called.

mod export;
#[cfg(test)]
mod tests;
mod wire;

mod span;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::limits::TRACE_QUEUE_MAX;
use crate::mcp::trace::Parent;
use crate::sinks::SinkError;
use export::Exporter;
pub(super) use span::Outcome;

/// What the gateway tells of single exchanges, besides its records.
#[derive(Debug, Default)]
pub struct Telemetry {
    live: ArcSwapOption<Running>,
    access_log: AtomicBool,
    figures: Arc<Figures>,
    tasks: TaskTracker,
    drain: CancellationToken,
}

/// What became of traced exchanges.
#[derive(Debug, Default)]
pub struct Figures {
    /// The collector has them.
    pub exported: AtomicU64,
    /// The queue was full.
    pub dropped: AtomicU64,
    /// The collector did not take them.
    pub failed: AtomicU64,
}

#[derive(Debug)]
struct Running {
    config: config::Traces,
    queue: mpsc::Sender<Bytes>,
}

/// What was built and does not run yet.
pub struct Prepared {
    access_log: bool,
    traces: Option<(config::Traces, Option<Exporter>)>,
}

/// One exchange that is in a trace.
#[derive(Debug)]
pub struct Traced {
    /// Where its spans go; `None` where the dice said no.
    queue: Option<mpsc::Sender<Bytes>>,
    figures: Arc<Figures>,
    /// The trace, and our span towards the client.
    own: Parent,
    /// Our span towards the server.
    towards: [u8; 8],
    parent: Option<Parent>,
    /// The context of the connection, where the message names another.
    link: Option<Parent>,
}

impl Telemetry {
    /// Builds what a configuration asks for; nothing of it runs yet.
    ///
    /// # Errors
    /// [`SinkError`]; what runs goes on.
    pub fn prepare(&self, config: &config::Telemetry) -> Result<Prepared, SinkError> {
        let running = self.live.load();
        let traces = config.traces.as_ref().map(|traces| {
            let same = running.as_ref().is_some_and(|running| running.config == *traces);
            let exporter = if same { None } else { Some(Exporter::new(traces)?) };
            Ok((traces.clone(), exporter))
        });
        Ok(Prepared { access_log: config.access_log, traces: traces.transpose()? })
    }

    /// Takes over what was prepared. What waits for a collector of before still goes there.
    pub fn install(&self, prepared: Prepared) {
        self.access_log.store(prepared.access_log, Ordering::Relaxed);
        match prepared.traces {
            None => self.live.store(None),
            Some((_, None)) => {}
            Some((config, Some(exporter))) => {
                let (queue, spans) = mpsc::channel(TRACE_QUEUE_MAX);
                let (figures, drain) = (Arc::clone(&self.figures), self.drain.clone());
                self.tasks.spawn(exporter.run(spans, figures, drain));
                self.live.store(Some(Arc::new(Running { config, queue })));
            }
        }
    }

    /// Begins the spans of an exchange, where there is somebody who wants them. Malformed contexts
    /// were left behind: then a trace begins here.
    #[must_use]
    pub fn begin(&self, parent: Option<Parent>, peer: IpAddr) -> Option<Traced> {
        let running = self.live.load_full()?;
        let Running { config, queue } = &*running;
        let mut dice = [0; 40];
        // Without randomness there are no ids, and no spans.
        SystemRandom::new().fill(&mut dice).ok()?;
        let (trace, rest) = dice.split_first_chunk::<16>()?;
        let (span, rest) = rest.split_first_chunk::<8>()?;
        let (towards, rest) = rest.split_first_chunk::<8>()?;
        let chance = rest.first_chunk::<4>().map(|four| f64::from(u32::from_le_bytes(*four)))?;
        let peer = peer.to_canonical();
        let told = parent.filter(|_| config.trusted_parents.iter().any(|net| net.contains(&peer)));
        let sampled = match told {
            Some(parent) => parent.sampled,
            None => chance < config.sample * (f64::from(u32::MAX) + 1.0),
        };
        let trace = parent.map_or(*trace, |parent| parent.trace);
        Some(Traced {
            queue: sampled.then(|| queue.clone()),
            figures: Arc::clone(&self.figures),
            own: Parent { trace, span: *span, sampled },
            towards: *towards,
            parent,
            link: None,
        })
    }

    /// Whether every exchange that closes writes a line to the log.
    #[must_use]
    pub fn has_access_log(&self) -> bool {
        self.access_log.load(Ordering::Relaxed)
    }

    /// What became of traced exchanges.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Sends what is left, at most for `wait`.
    pub async fn close(&self, wait: Duration) {
        self.live.store(None);
        self.tasks.close();
        self.drain.cancel();
        if tokio::time::timeout(wait, self.tasks.wait()).await.is_err() {
            tracing::warn!("spans were lost: the collector did not take them in time");
        }
    }
}

impl Traced {
    /// Our span towards the server, as it is told.
    #[must_use]
    pub fn towards(&self) -> Parent {
        Parent { span: self.towards, ..self.own }
    }

    /// The trace.
    pub(super) fn id(&self) -> [u8; 16] {
        self.own.trace
    }

    /// The message names a context of its own: it is the parent, and that of the connection a
    /// link (MCP 2026-07-28, "Trace Context").
    pub(super) fn continued(&mut self, parent: Parent) {
        self.own.trace = parent.trace;
        self.link = self.parent.replace(parent);
    }

    /// Hands the spans over, or drops them: nobody waits.
    pub(super) fn close(self, outcome: &Outcome<'_>) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(self.encode(outcome)).is_err() {
            self.figures.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared(traces: {})", self.traces.is_some())
    }
}
