//! Revocation within a running gateway: its stores are read before anybody is served, followed
//! until the end, and measured; what was revoked of sessions is ended.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Core;
use crate::audit::Log;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::observe::Metrics;
use crate::revocation::{Desk, FileStore, RedisStore, Revocations, Store};
use crate::session::Hash;
use crate::shared_state::SharedState;

/// Revocation as it starts.
pub(super) struct Revoking {
    pub(super) revocations: Arc<Revocations>,
    pub(super) desk: Desk,
    pub(super) stores: Vec<RevocationStore>,
}

/// What keeps one store's revocations in force.
pub(super) enum RevocationStore {
    File(Box<FileStore>),
    Redis(Box<RedisStore>),
}

impl RevocationStore {
    /// Follows the store until `stop`.
    async fn run(self, stop: CancellationToken) {
        match self {
            Self::File(store) => store.run(stop).await,
            Self::Redis(store) => store.run(stop).await,
        }
    }
}

impl Revoking {
    /// Reads every store. One that cannot be read does not keep the gateway from starting: it
    /// serves, and refuses until the store was read.
    pub(super) async fn start(
        config: &Config,
        redis: Option<&SharedState>,
        clock: &Clock,
        log: &Log,
    ) -> Self {
        let config::Revocation { file, redis: shared, on_unreadable } = &config.revocation;
        let redis = redis.filter(|_| *shared).cloned();
        let mut names = Vec::new();
        names.extend(file.as_ref().map(|_| Store::File));
        names.extend(redis.as_ref().map(|_| Store::Redis));
        let revocations = Revocations::new(clock.clone(), *on_unreadable, &names);
        let mut stores = Vec::new();
        if let Some(path) = file {
            let store = FileStore::open(path, Arc::clone(&revocations), log.clone());
            stores.push(RevocationStore::File(Box::new(store)));
        }
        if let Some(redis) = &redis {
            let mut store = RedisStore::new(redis.clone(), Arc::clone(&revocations), log.clone());
            store.start().await;
            stores.push(RevocationStore::Redis(Box::new(store)));
        }
        let desk = Desk::new(Arc::clone(&revocations), file.clone(), redis, log.clone());
        Self { revocations, desk, stores }
    }
}

/// Follows the stores and ends revoked sessions until `stop`.
pub(super) fn run(
    core: &Arc<Core>,
    stores: Vec<RevocationStore>,
    helpers: &TaskTracker,
    stop: &CancellationToken,
) {
    helpers.spawn(end_sessions(Arc::clone(core), stop.clone()));
    for store in stores {
        helpers.spawn(store.run(stop.clone()));
    }
}

/// Ends revoked sessions until `stop`, so that their servers forget them too.
async fn end_sessions(core: Arc<Core>, stop: CancellationToken) {
    let mut wake = core.revocations().wake();
    loop {
        for hash in core.revocations().take_sessions() {
            if let Some(hash) = Hash::parse(&hash) {
                core.live.load().sessions().end(hash);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.changed() => {}
        }
    }
}

/// Sets the metrics of revocation.
pub(super) fn measure(revocations: &Revocations, metrics: &Metrics) {
    for (kind, count) in revocations.counts() {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        metrics.revocations.with_label_values(&[kind.name()]).set(super::signed(count));
    }
    for state in revocations.stores() {
        let store = [state.store.name()];
        metrics.revocation_readable.with_label_values(&store).set(i64::from(state.fault.is_none()));
        let last = metrics.revocation_last_read.with_label_values(&store);
        last.set(super::signed(state.last_read_s.unwrap_or(0)));
    }
    metrics.revocation_refusals.set(super::signed(revocations.refusals()));
}
