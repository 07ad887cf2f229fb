//! What the service manager is told of this process: `sd_notify(3)`, without its library.
//!
//! Assumes nothing: without a service manager every word goes nowhere. One that cannot be delivered
//! is logged and changes nothing else, since the gateway serves with or without listeners to it.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior};

/// It serves.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It reads its configuration anew; [`ready`] ends that, however it went.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager cannot be told of the reload"),
    }
}

/// It ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("letting open exchanges finish")]);
}

/// What it does before it serves.
pub(super) fn starting(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// Says that the process is alive, twice in the time after which it is taken for dead.
pub(super) struct Heart(Option<Interval>);

impl Heart {
    pub(super) fn new() -> Self {
        let half = sd_notify::watchdog_enabled().map(|time| time / 2);
        Self(half.filter(|half| *half > Duration::ZERO).map(|half| {
            let mut interval = tokio::time::interval(half);
            interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
            interval
        }))
    }

    /// Beats for ever. Cancel safe.
    pub(super) async fn beat(&mut self) {
        let Some(interval) = &mut self.0 else { return std::future::pending().await };
        loop {
            interval.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }
}
