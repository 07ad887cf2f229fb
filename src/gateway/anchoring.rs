//! Anchors over the network within a running gateway: started with the log, measured, asked once
//! more at the end.

use std::time::Duration;

use crate::anchors::{AnchorError, Anchors, Pace};
use crate::audit::Log;
use crate::config::{Anchor, Config};
use crate::limits::AUDIT_ANCHOR_CLOSE_MS;
use crate::observe::Metrics;

use super::shipping;

/// Starts the anchors of a gateway that starts.
pub(super) fn start(config: &Config) -> Result<Anchors, AnchorError> {
    let remote = config.audit.anchors.iter().filter_map(|anchor| match anchor {
        Anchor::Remote(anchor) => Some((**anchor).clone()),
        Anchor::Log | Anchor::Stdout | Anchor::File(_) => None,
    });
    Anchors::start(&config.audit.dir, &remote.collect::<Vec<_>>(), &Pace::default())
}

/// Sets the metrics of anchors. Labels are names of the configuration.
pub(super) fn measure(anchors: &Anchors, log: &Log, metrics: &Metrics) {
    for status in anchors.status(shipping::durable(log)) {
        let anchor = [&*status.name];
        let signed = super::signed;
        metrics.anchor_size.with_label_values(&anchor).set(signed(status.size));
        metrics.anchor_lag_records.with_label_values(&anchor).set(signed(status.lag_records));
        metrics.anchor_lag_s.with_label_values(&anchor).set(status.lag_s);
        metrics.anchor_last_success.with_label_values(&anchor).set(signed(status.at));
        let contradicted = i64::from(status.contradicted);
        metrics.anchor_contradicted.with_label_values(&anchor).set(contradicted);
        let failures = metrics.anchor_failures.with_label_values(&anchor);
        failures.inc_by(status.failures.saturating_sub(failures.get()));
    }
}

/// Offers the last checkpoint once more, for a bounded time.
pub(super) async fn close(anchors: &Anchors) {
    anchors.close(Duration::from_millis(AUDIT_ANCHOR_CLOSE_MS)).await;
}
