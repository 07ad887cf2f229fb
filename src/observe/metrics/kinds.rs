//! The kinds of metrics: how each is made, and how many lines one series of it has.

use prometheus::core::Collector;
use prometheus::{
    Counter, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("sallyport_{name}"), help)
}

/// Registers a collector and hands it back.
pub(super) fn register<C: Collector + Clone + 'static>(
    r: &Registry,
    made: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let made = made?;
    r.register(Box::new(made.clone()))?;
    Ok(made)
}

pub(super) fn counters(
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(opts(name, help), labels)
}

pub(super) fn counter(name: &str, help: &str, _none: &[&str]) -> prometheus::Result<IntCounter> {
    IntCounter::with_opts(opts(name, help))
}

pub(super) fn float_counter(name: &str, help: &str, _none: &[&str]) -> prometheus::Result<Counter> {
    Counter::with_opts(opts(name, help))
}

pub(super) fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(opts(name, help), labels)
}

pub(super) fn float_gauges(
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<GaugeVec> {
    GaugeVec::new(opts(name, help), labels)
}

pub(super) fn gauge(name: &str, help: &str, _none: &[&str]) -> prometheus::Result<IntGauge> {
    IntGauge::with_opts(opts(name, help))
}

pub(super) fn float_gauge(name: &str, help: &str, _none: &[&str]) -> prometheus::Result<Gauge> {
    Gauge::with_opts(opts(name, help))
}

pub(super) fn requests_histogram(
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(
        HistogramOpts::from(opts(name, help)).buckets(REQUEST_BUCKETS.to_vec()),
        labels,
    )
}

pub(super) fn stages_histogram(
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(HistogramOpts::from(opts(name, help)).buckets(STAGE_BUCKETS.to_vec()), labels)
}

/// How many lines one series of this kind has.
pub(super) const fn lines_of(kind: &str) -> usize {
    // Besides its buckets a histogram has one for all, a sum and a count.
    match kind.as_bytes() {
        b"requests_histogram" => REQUEST_BUCKETS.len() + 3,
        b"stages_histogram" => STAGE_BUCKETS.len() + 3,
        _ => 1,
    }
}

/// The OpenTelemetry MCP buckets, and 1, 2 and 5 ms, where a gateway lives.
const REQUEST_BUCKETS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0,
    300.0,
];
/// 5 µs to 1 s: stages take microseconds, except where they wait for a disk or an upstream.
const STAGE_BUCKETS: &[f64] =
    &[0.000_005, 0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.02, 0.1, 1.0];
