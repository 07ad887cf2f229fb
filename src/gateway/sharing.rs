//! Shared rates within a running gateway: their Redis is asked before anybody is served, and
//! measured.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::limit::Store;
use crate::observe::Metrics;
use crate::shared_state::SharedState;

/// The store of shared rates, where the configuration shares any.
pub(super) async fn start(config: &Config, redis: Option<&SharedState>) -> Option<Arc<Store>> {
    let (settings, redis) = config.shared_limits.zip(redis)?;
    let store = Store::new(redis.clone(), settings);
    store.start().await;
    Some(store)
}

/// Keeps the heartbeat until `stop`.
pub(super) fn run(store: Option<&Arc<Store>>, helpers: &TaskTracker, stop: &CancellationToken) {
    if let Some(store) = store {
        helpers.spawn(Arc::clone(store).run(stop.clone()));
    }
}

/// Sets the metrics of shared rates; there are none where nothing is shared.
pub(super) fn measure(store: Option<&Store>, metrics: &Metrics) {
    let Some(status) = store.map(Store::status) else { return };
    let name = "redis";
    metrics.limit_store_up.with_label_values(&[name]).set(i64::from(status.up));
    metrics.limit_store_replicas.with_label_values(&[name]).set(i64::from(status.replicas));
    let calls = &metrics.limit_store_calls;
    for (counter, now) in [
        (calls.with_label_values(&[name, "leased"]), status.leased),
        (calls.with_label_values(&[name, "asked"]), status.asked),
        (calls.with_label_values(&[name, "degraded"]), status.degraded),
        (metrics.limit_store_failures.with_label_values(&[name]), status.failed),
    ] {
        counter.inc_by(now.saturating_sub(counter.get()));
    }
}
