//! Sinks within a running gateway: told how far the log is durable, measured, drained at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Core;
use crate::audit::Log;
use crate::config::Config;
use crate::limits::{SINK_TICK_MS, TRACE_DRAIN_MS};
use crate::observe::{Metrics, Telemetry};
use crate::sinks::{Pace, Prepared, SinkError, Sinks};

/// The last record that is durable: what was there at the start, and what was stored since.
pub(super) fn durable(log: &Log) -> u64 {
    log.opened().last_seq.saturating_add(log.stats().records)
}

/// Builds the sinks of a gateway that starts; none of them runs yet.
pub(super) fn prepare(config: &Config, log: &Log) -> Result<(Sinks, Prepared), SinkError> {
    let sinks = Sinks::new(&config.audit.dir, durable(log), Pace::default());
    let sinks = sinks.opening(log.sealer());
    let prepared = sinks.prepare(&config.audit.sinks)?;
    Ok((sinks, prepared))
}

/// Starts the sinks and tells them how far they may read, until `stop`: one look at a counter
/// each time. They start before this returns, so that a reload finds them.
pub(super) fn run(
    core: Arc<Core>,
    first: Prepared,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send {
    core.sinks.install(first);
    follow(core, stop)
}

async fn follow(core: Arc<Core>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_millis(SINK_TICK_MS));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => core.sinks.durable(durable(&core.shared.log)),
        }
    }
}

/// Sets the metrics of sinks. Labels are names of the configuration.
pub(super) fn measure(sinks: &Sinks, metrics: &Metrics) {
    for status in sinks.status() {
        let sink = [&*status.name];
        metrics.sink_lag_records.with_label_values(&sink).set(super::signed(status.lag_records));
        metrics.sink_lag_s.with_label_values(&sink).set(status.lag_s);
        for (counter, now) in [
            (&metrics.sink_delivered, status.delivered),
            (&metrics.sink_retries, status.retries),
            (&metrics.sink_rejected, status.rejected),
        ] {
            // A sink that was configured anew counts from zero; the metric never goes back.
            let counter = counter.with_label_values(&sink);
            counter.inc_by(now.saturating_sub(counter.get()));
        }
    }
}

/// Sets the metrics of traces.
pub(super) fn measure_traces(telemetry: &Telemetry, metrics: &Metrics) {
    let figures = telemetry.figures();
    for (counter, now) in [
        (&metrics.traces_exported, &figures.exported),
        (&metrics.traces_dropped, &figures.dropped),
        (&metrics.traces_failed, &figures.failed),
    ] {
        let counter = counter.with_label_values::<&str>(&[]);
        counter.inc_by(now.load(Ordering::Relaxed).saturating_sub(counter.get()));
    }
}

/// Sends the spans that are left, for a bounded time.
pub(super) async fn close_traces(telemetry: &Telemetry) {
    telemetry.close(Duration::from_millis(TRACE_DRAIN_MS)).await;
}
