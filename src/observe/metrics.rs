//! Every metric of the gateway.
//!
//! Owns the registry. Guarantees that labels come from closed sets or from the configuration:
//! handles of a route are resolved once, when a configuration is loaded, so that an exchange
//! neither hashes label values nor can invent one.

mod kinds;
mod trail;

use std::fmt;
use std::sync::{Arc, Mutex};

use prometheus::{
    Counter, Encoder, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use kinds::{
    counter, counters, float_counter, float_gauge, float_gauges, gauge, gauges, lines_of, register,
    requests_histogram, stages_histogram,
};

use super::process;
use super::record::Stage;
use crate::call::Action;
use crate::config::Server;
use crate::policy::Judgement;

/// One row a metric: field, kind, name, help, labels.
macro_rules! registered {
    ($r:ident, $kind:ident, $name:literal, $help:literal, $($label:literal),*) => {
        register(&$r, $kind($name, $help, &[$($label),*]))?
    };
    ($r:ident; $($field:ident: $kind:ident $name:literal $help:literal [$($label:literal),*];)+) => {
        Self {
            $($field: register(&$r, $kind($name, $help, &[$($label),*]))?,)+
            rows: const {
                &[$(Row { name: $name, labels: &[$($label),*], lines: lines_of(stringify!($kind)) },)+]
            },
            registry: $r,
            audit_told: Arc::default(),
        }
    };
}

/// A metric and its labels, for who wants to know how many series there can be.
#[derive(Debug)]
pub(super) struct Row {
    /// Without the prefix.
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    /// Of one series: a histogram has one for each bucket, a sum and a count.
    pub(super) lines: usize,
}

/// The registry and the handles that are not of one route.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// The table of them.
    pub(super) rows: &'static [Row],
    /// Refusals before a route was known, and wire violations.
    pub refused_early: IntCounterVec,
    /// `sallyport_authn_total`
    pub authn: IntCounterVec,
    /// `sallyport_rate_limited_total`
    pub rate_limited: IntCounterVec,
    /// `sallyport_guard_hits_total`
    pub guard_hits: IntCounterVec,
    /// `sallyport_redactions_total`
    pub redactions: IntCounterVec,
    /// `sallyport_argument_values_total`
    pub in_arguments: IntCounterVec,
    /// `sallyport_revealed_total`
    pub revealed: IntCounterVec,
    /// `sallyport_dropped_messages_total`
    pub dropped_messages: IntCounterVec,
    /// `sallyport_structured_results_total`
    pub structured_results: IntCounterVec,
    /// `sallyport_tools_quarantined_total`
    pub tools_quarantined: IntCounterVec,
    /// `sallyport_tools_changed_total`
    pub tools_changed: IntCounterVec,
    /// `sallyport_audit_records_total`
    pub audit_records: IntCounterVec,
    /// `sallyport_anchor_size`
    pub anchor_size: IntGaugeVec,
    /// `sallyport_anchor_lag_records`
    pub anchor_lag_records: IntGaugeVec,
    /// `sallyport_anchor_lag_seconds`
    pub anchor_lag_s: GaugeVec,
    /// `sallyport_anchor_last_success_timestamp_seconds`
    pub anchor_last_success: IntGaugeVec,
    /// `sallyport_anchor_contradicted`
    pub anchor_contradicted: IntGaugeVec,
    /// `sallyport_anchor_failures_total`
    pub anchor_failures: IntCounterVec,
    /// `sallyport_sink_lag_records`
    pub sink_lag_records: IntGaugeVec,
    /// `sallyport_sink_lag_seconds`
    pub sink_lag_s: GaugeVec,
    /// `sallyport_sink_delivered_total`
    pub sink_delivered: IntCounterVec,
    /// `sallyport_sink_retries_total`
    pub sink_retries: IntCounterVec,
    /// `sallyport_sink_rejected_total`
    pub sink_rejected: IntCounterVec,
    /// `sallyport_tls_certificate_not_after_timestamp_seconds`
    pub certificate_not_after: IntGaugeVec,
    /// `sallyport_tls_crl_next_update_timestamp_seconds`
    pub crl_next_update: IntGaugeVec,
    /// `sallyport_config_last_reload_successful`
    pub reload_successful: IntGauge,
    /// `sallyport_config_last_reload_timestamp_seconds`
    pub reload_timestamp: IntGauge,
    /// `sallyport_confined`
    pub confined: IntGaugeVec,
    /// `sallyport_config_restart_needed`
    pub restart_needed: IntGauge,
    /// `sallyport_config_generation`
    pub generation: IntGauge,
    /// `sallyport_jwks_last_success_timestamp_seconds`
    pub jwks_last_success: GaugeVec,
    /// `sallyport_revocations`
    pub revocations: IntGaugeVec,
    /// `sallyport_revocation_readable`
    pub revocation_readable: IntGaugeVec,
    /// `sallyport_revocation_last_read_timestamp_seconds`
    pub revocation_last_read: IntGaugeVec,
    /// `sallyport_revocation_refusals`
    pub revocation_refusals: IntGauge,
    /// `sallyport_limit_store_up`
    pub limit_store_up: IntGaugeVec,
    /// `sallyport_limit_store_replicas`
    pub limit_store_replicas: IntGaugeVec,
    /// `sallyport_limit_store_calls_total`
    pub limit_store_calls: IntCounterVec,
    /// `sallyport_limit_store_failures_total`
    pub limit_store_failures: IntCounterVec,
    /// `sallyport_traces_exported_total`
    pub traces_exported: IntCounterVec,
    /// `sallyport_traces_dropped_total`
    pub traces_dropped: IntCounterVec,
    /// `sallyport_traces_failed_total`
    pub traces_failed: IntCounterVec,
    /// `sallyport_connections_total`
    pub connections: IntCounterVec,
    policy_decisions: IntCounterVec,
    policy_alerts: IntCounterVec,
    shadow_decisions: IntCounterVec,
    shadow_values: IntCounterVec,
    requests: IntCounterVec,
    tool_calls: IntCounterVec,
    duration: HistogramVec,
    stage: HistogramVec,
    in_flight: IntGaugeVec,
    received_bytes: IntCounterVec,
    sent_bytes: IntCounterVec,
    config_info: IntGaugeVec,
    audit_queue_depth: IntGauge,
    audit_queue_capacity: IntGauge,
    audit_lag_s: Gauge,
    audit_healthy: IntGauge,
    audit_last_checkpoint: IntGauge,
    audit_commits: IntCounter,
    audit_commit_s: Counter,
    audit_bytes: IntCounter,
    audit_told: Arc<Mutex<trail::Told>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}

/// The handles of one route, resolved when the configuration was loaded.
#[derive(Debug)]
pub struct RouteMetrics {
    server: Arc<str>,
    allowed: Vec<IntCounter>,
    duration: Histogram,
    stages: Vec<Histogram>,
    /// Exchanges between the first stage and the end of the answer's body.
    pub in_flight: IntGauge,
    received_bytes: IntCounter,
    sent_bytes: IntCounter,
    tools: Vec<(Box<str>, IntCounter)>,
    other_tools: IntCounter,
    all: Metrics,
}

impl Metrics {
    /// Makes and registers every metric.
    ///
    /// # Errors
    /// Only when a name is registered twice, which a test excludes.
    pub fn new() -> Result<Self, prometheus::Error> {
        let r = Registry::new();
        let build = registered!(r, gauges, "build_info", "Version of the gateway.", "version");
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = registered! { r;
            refused_early: counters "refused_early_total" "Refusals before a route was known, by code." ["code"];
            authn: counters "authn_total" "Authentications by result." ["server", "result"];
            rate_limited: counters "rate_limited_total" "Calls refused by a limit." ["server", "limit"];
            guard_hits: counters "guard_hits_total" "Hits of guard rules." ["server", "guard", "mode"];
            redactions: counters "redactions_total" "Values masked in answers, by class." ["server", "class"];
            in_arguments: counters "argument_values_total" "Personal data and secrets in arguments, by class." ["server", "class"];
            revealed: counters "revealed_total" "Values shown because a scope allowed it, by class." ["server", "class"];
            policy_decisions: counters "policy_decisions_total" "What policies said of calls." ["server", "decision"];
            policy_alerts: counters "policy_alerts_total" "Calls of which a policy wants to be told, by policy." ["server", "policy"];
            shadow_decisions: counters "shadow_decisions_total" "What the policies said and what the candidates would have said." ["server", "live", "shadow"];
            shadow_values: counters "shadow_values_total" "Values that the candidates would have masked or shown instead." ["server", "change"];
            dropped_messages: counters "dropped_messages_total" "Messages of upstreams that were not passed on." ["server", "reason"];
            structured_results: counters "structured_results_total" "Structured results in which something was hidden, by what fits their schema." ["server", "fit"];
            tools_quarantined: counters "tools_quarantined_total" "Tool definitions that were put into quarantine, by reason." ["server", "reason"];
            tools_changed: counters "tools_changed_total" "Tool definitions that changed and are not pinned." ["server"];
            audit_records: counters "audit_records_total" "Audit records by phase and result." ["phase", "result"];
            audit_queue_depth: gauge "audit_queue_depth" "Audit records waiting for the writer." [];
            audit_queue_capacity: gauge "audit_queue_capacity" "Audit records that may wait." [];
            audit_commits: counter "audit_commits_total" "Commits of audit records: one write and one sync each." [];
            audit_commit_s: float_counter "audit_commit_seconds_total" "Time spent in them." [];
            audit_bytes: counter "audit_written_bytes_total" "Bytes of audit records written." [];
            audit_lag_s: float_gauge "audit_lag_seconds" "Age of the oldest audit record that is not durable." [];
            audit_healthy: gauge "audit_healthy" "1 when audit records can be written." [];
            audit_last_checkpoint: gauge "audit_last_checkpoint_timestamp_seconds" "When the audit trail was signed last; 0 for not since the start." [];
            anchor_size: gauges "anchor_size" "Records under the last checkpoint that an anchor has." ["anchor"];
            anchor_lag_records: gauges "anchor_lag_records" "Durable audit records that no checkpoint covers that an anchor has." ["anchor"];
            anchor_lag_s: float_gauges "anchor_lag_seconds" "For how long there is a checkpoint that an anchor has not." ["anchor"];
            anchor_last_success: gauges "anchor_last_success_timestamp_seconds" "When an anchor took a checkpoint last; 0 for never." ["anchor"];
            anchor_contradicted: gauges "anchor_contradicted" "1 when an anchor knows another audit trail than this one." ["anchor"];
            anchor_failures: counters "anchor_failures_total" "Attempts to bring a checkpoint to an anchor that failed." ["anchor"];
            sink_lag_records: gauges "sink_lag_records" "Durable audit records that a sink has not settled." ["sink"];
            sink_lag_s: float_gauges "sink_lag_seconds" "Age of the oldest of them that was read." ["sink"];
            sink_delivered: counters "sink_delivered_total" "Audit records that a sink's receiver has." ["sink"];
            sink_retries: counters "sink_retries_total" "Tries of a sink that failed for reasons outside the records." ["sink"];
            sink_rejected: counters "sink_rejected_total" "Audit records that a sink's receiver will never take; they are kept in a file." ["sink"];
            certificate_not_after: gauges "tls_certificate_not_after_timestamp_seconds" "End of validity of served certificates." ["listener"];
            crl_next_update: gauges "tls_crl_next_update_timestamp_seconds" "Next update of the revocation list that ends first." ["listener"];
            reload_successful: gauge "config_last_reload_successful" "1 when the last reload was accepted." [];
            restart_needed: gauge "config_restart_needed" "1 when the last configuration asked for what only a restart can change." [];
            confined: gauges "confined" "1 where the kernel keeps the process from what it does not need." ["part"];
            reload_timestamp: gauge "config_last_reload_timestamp_seconds" "Time of the last accepted configuration." [];
            config_info: gauges "config_info" "1 for the hash of the configuration that serves." ["hash"];
            generation: gauge "config_generation" "Number of configurations accepted since start." [];
            jwks_last_success: float_gauges "jwks_last_success_timestamp_seconds" "Last successful fetch of an issuer's keys." ["issuer"];
            revocations: gauges "revocations" "Revocations in force." ["kind"];
            revocation_readable: gauges "revocation_readable" "1 when the store of revocations can be read." ["store"];
            revocation_last_read: gauges "revocation_last_read_timestamp_seconds" "Last successful reading of the store." ["store"];
            revocation_refusals: gauge "revocation_refusals" "Questions since the start that found a caller revoked, or a store unreadable." [];
            limit_store_up: gauges "limit_store_up" "1 while the store of shared rates answers." ["store"];
            limit_store_replicas: gauges "limit_store_replicas" "Replicas that share rates, counted last." ["store"];
            limit_store_calls: counters "limit_store_calls_total" "Questions about shared rates, by how they were answered." ["store", "answered"];
            limit_store_failures: counters "limit_store_failures_total" "Questions and heartbeats that the store of shared rates did not answer in time." ["store"];
            traces_exported: counters "traces_exported_total" "Traced exchanges that the collector has." [];
            traces_dropped: counters "traces_dropped_total" "Traced exchanges for which the queue had no room." [];
            traces_failed: counters "traces_failed_total" "Traced exchanges that the collector did not take." [];
            connections: counters "connections_total" "What happened to client connections." ["listener", "event"];
            requests: counters "requests_total" "Exchanges by action and decision code." ["server", "action", "decision"];
            tool_calls: counters "tool_calls_total" "Allowed tool calls; only configured names become labels." ["server", "tool"];
            duration: requests_histogram "request_duration_seconds" "From the request head to the end of the answer." ["server"];
            stage: stages_histogram "stage_duration_seconds" "Time spent in each stage." ["server", "stage"];
            in_flight: gauges "requests_in_flight" "Exchanges in flight." ["server"];
            received_bytes: counters "received_bytes_total" "Body bytes of requests that were understood." ["server"];
            sent_bytes: counters "sent_bytes_total" "Body bytes sent to clients." ["server"];
        };
        Ok(metrics)
    }

    /// Resolves the handles of one route.
    #[must_use]
    pub fn route(&self, server: &Server) -> RouteMetrics {
        let name = server.name.as_ref();
        // Only names that stand in the configuration as they are can become labels.
        let tools = server
            .access
            .tools
            .iter()
            .filter(|rule| !rule.pattern.contains(['*', '?']))
            .take(crate::limits::METRIC_TOOLS_MAX)
            .map(|rule| {
                let counter = self.tool_calls.with_label_values(&[name, rule.pattern.as_ref()]);
                (rule.pattern.clone(), counter)
            })
            .collect();
        RouteMetrics {
            server: Arc::clone(&server.name),
            allowed: Action::ALL
                .iter()
                .map(|a| self.requests.with_label_values(&[name, a.name(), "allow"]))
                .collect(),
            duration: self.duration.with_label_values(&[name]),
            stages: Stage::ALL
                .iter()
                .map(|s| self.stage.with_label_values(&[name, s.name()]))
                .collect(),
            in_flight: self.in_flight.with_label_values(&[name]),
            received_bytes: self.received_bytes.with_label_values(&[name]),
            sent_bytes: self.sent_bytes.with_label_values(&[name]),
            tools,
            other_tools: self.tool_calls.with_label_values(&[name, "_other"]),
            all: self.clone(),
        }
    }

    /// The configuration that serves from now on.
    pub fn configured(&self, hash: &str) {
        self.config_info.reset();
        self.config_info.with_label_values(&[hash]).set(1);
    }

    /// The text that Prometheus scrapes (exposition format 0.0.4).
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            tracing::error!(%error, "metrics cannot be encoded");
        }
        let mut text = String::from_utf8(out).unwrap_or_default();
        process::write(&mut text);
        text
    }
}

impl RouteMetrics {
    /// Books an allowed call.
    pub(super) fn allowed(&self, action: Action, tool: Option<&str>) {
        if let Some(counter) = self.allowed.get(action as usize) {
            counter.inc();
        }
        if let Some(tool) = tool {
            let known = self.tools.iter().find(|(name, _)| name.as_ref() == tool);
            known.map_or(&self.other_tools, |(_, counter)| counter).inc();
        }
    }

    /// Books a refused call.
    pub(super) fn refused(&self, action: Option<Action>, code: &str) {
        let action = action.map_or("_none", Action::name);
        self.all.requests.with_label_values(&[&self.server, action, code]).inc();
    }

    /// Books a request that needs no caller and was answered.
    pub(super) fn visited(&self) {
        self.refused(None, "allow");
    }

    /// Books the result of an authentication.
    pub(super) fn authn(&self, result: &str) {
        self.all.authn.with_label_values(&[self.server.as_ref(), result]).inc();
    }

    /// Books a call that a limit refused.
    pub(super) fn rate_limited(&self, limit: &str) {
        self.all.rate_limited.with_label_values(&[self.server.as_ref(), limit]).inc();
    }

    /// Books the time of each stage.
    pub(super) fn stages(&self, micros: &[u32]) {
        for (histogram, micros) in self.stages.iter().zip(micros) {
            if *micros > 0 {
                histogram.observe(f64::from(*micros) / 1e6);
            }
        }
    }

    /// Books the end of an exchange.
    pub(super) fn closed(&self, seconds: f64, received: u64, sent: u64) {
        self.duration.observe(seconds);
        self.received_bytes.inc_by(received);
        self.sent_bytes.inc_by(sent);
    }

    /// Books what the guard saw.
    pub(super) fn guard_hit(&self, guard: &str, mode: &str) {
        self.all.guard_hits.with_label_values(&[self.server.as_ref(), guard, mode]).inc();
    }

    /// Books values in arguments.
    pub(super) fn in_arguments(&self, class: &str, count: u64) {
        self.all.in_arguments.with_label_values(&[self.server.as_ref(), class]).inc_by(count);
    }

    /// Books masked values.
    pub(super) fn redacted(&self, class: &str, count: u64) {
        self.all.redactions.with_label_values(&[self.server.as_ref(), class]).inc_by(count);
    }

    /// Books revealed values.
    pub(super) fn revealed(&self, class: &str, count: u64) {
        self.all.revealed.with_label_values(&[self.server.as_ref(), class]).inc_by(count);
    }

    /// Books what policies said. Ids of policies come from their files, never from callers.
    pub(super) fn judged(&self, judgement: &Judgement) {
        let (server, live) = (self.server.as_ref(), judgement.verdict.name());
        self.all.policy_decisions.with_label_values(&[server, live]).inc();
        if !judgement.verdict.alerts.is_empty() {
            for policy in &judgement.verdict.policies {
                self.all.policy_alerts.with_label_values(&[server, policy]).inc();
            }
        }
        if let Some(tried) = &judgement.shadow {
            let labels = [server, live, tried.verdict.name()];
            self.all.shadow_decisions.with_label_values(&labels).inc();
        }
    }

    /// Books values that the candidates would have treated otherwise.
    pub(super) fn tried(&self, masked: u64, shown: u64) {
        let server = self.server.as_ref();
        for (change, count) in [("masked", masked), ("revealed", shown)] {
            if count > 0 {
                self.all.shadow_values.with_label_values(&[server, change]).inc_by(count);
            }
        }
    }

    /// Books messages of the upstream that were not passed on.
    pub(super) fn dropped(&self, reason: &str, count: u64) {
        self.all.dropped_messages.with_label_values(&[self.server.as_ref(), reason]).inc_by(count);
    }

    /// Books structured results in which something was hidden.
    pub(super) fn fitted(&self, fit: &str, count: u64) {
        self.all.structured_results.with_label_values(&[self.server.as_ref(), fit]).inc_by(count);
    }

    /// Books tool definitions that were put into quarantine.
    pub(super) fn quarantined(&self, reason: &str, count: u64) {
        self.all.tools_quarantined.with_label_values(&[self.server.as_ref(), reason]).inc_by(count);
    }

    /// Books tool definitions that changed.
    pub(super) fn changed_tools(&self, count: u64) {
        self.all.tools_changed.with_label_values(&[self.server.as_ref()]).inc_by(count);
    }

    /// Books an audit record.
    pub(super) fn audit_record(&self, phase: &str, result: &str) {
        self.all.audit_records.with_label_values(&[phase, result]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn every_metric_registers_once_and_has_the_prefix() {
        let metrics = Metrics::new().unwrap();
        let text = metrics.text();
        assert!(text.contains("sallyport_build_info{version="));
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            assert!(line.starts_with("sallyport_") || line.starts_with("process_"), "{line}");
        }
    }
}
