//! Anchors over the network: places that take the checkpoints of the audit trail and keep them
//! where whoever holds this machine cannot change them.
//!
//! Owns one task for each. Assumes a log that another part writes; reads its checkpoints from the
//! disk. Guarantees: nothing here is waited for by a call, a commit or a checkpoint; every request
//! ends within its time and a failed one is tried again for ever, ever more slowly; what a place
//! has is known over a restart; and a place that knows another log than ours is told of in the log,
//! in a metric, and in a file beside the log, where `verify` finds it.

mod s3;
mod state;
mod webhook;
mod witness;
mod worker;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{AnchorTarget, RemoteAnchor};
use crate::sinks::SinkError;
use s3::Objects;
use state::State;
pub use state::Status;
use webhook::Webhook;
use witness::Witness;
pub use worker::Pace;
use worker::{Place, Worker};

/// Why an anchor cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the anchor `{name}`: {source}")]
pub struct AnchorError {
    name: String,
    source: SinkError,
}

/// The running anchors of one log.
pub struct Anchors {
    running: Vec<(Arc<str>, Arc<State>)>,
    tasks: TaskTracker,
    /// Lets each make one more attempt, and end.
    drain: CancellationToken,
    /// Ends them at once.
    end: CancellationToken,
}

impl Anchors {
    /// Builds and starts the anchors of the log in `dir`. Call it within the runtime.
    ///
    /// # Errors
    /// [`AnchorError`]; none of them runs then.
    pub fn start(dir: &Path, list: &[RemoteAnchor], pace: &Pace) -> Result<Self, AnchorError> {
        let built = list.iter().map(|anchor| {
            let RemoteAnchor { name, timeout, target } = anchor;
            let place = built(dir, name, target, *timeout);
            let failed = |source| AnchorError { name: name.to_string(), source };
            Ok((Arc::clone(name), place.map_err(failed)?))
        });
        let built = built.collect::<Result<Vec<_>, AnchorError>>()?;
        let mut anchors = Self {
            running: Vec::new(),
            tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
            end: CancellationToken::new(),
        };
        for (name, place) in built {
            match place {
                Built::Witness(place) => anchors.spawn(dir, name, *place, pace),
                Built::Webhook(place) => anchors.spawn(dir, name, *place, pace),
                Built::Objects(place) => anchors.spawn(dir, name, *place, pace),
            }
        }
        Ok(anchors)
    }

    fn spawn(&mut self, dir: &Path, name: Arc<str>, place: impl Place + 'static, pace: &Pace) {
        let state = Arc::new(State::default());
        let (drain, end) = (self.drain.clone(), self.end.clone());
        let worker = Worker::new(dir, &name, place, pace.clone(), Arc::clone(&state), drain);
        self.tasks.spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = worker.run() => {}
            }
        });
        self.running.push((name, state));
    }

    /// The figures of every anchor of a log whose last durable record is `durable`.
    #[must_use]
    pub fn status(&self, durable: u64) -> Vec<Status> {
        self.running.iter().map(|(name, state)| state.status(name, durable)).collect()
    }

    /// Offers the last checkpoint once more, at most for `wait`, then ends every anchor.
    pub async fn close(&self, wait: Duration) {
        self.tasks.close();
        self.drain.cancel();
        if tokio::time::timeout(wait, self.tasks.wait()).await.is_err() {
            tracing::warn!("the last audit checkpoint may not have reached every anchor");
            self.end.cancel();
            self.tasks.wait().await;
        }
    }
}

/// A place that was built and does not run yet.
enum Built {
    Witness(Box<Witness>),
    Webhook(Box<Webhook>),
    Objects(Box<Objects>),
}

fn built(
    dir: &Path,
    name: &str,
    target: &AnchorTarget,
    timeout: Duration,
) -> Result<Built, SinkError> {
    Ok(match target {
        AnchorTarget::Witness { http, key } => {
            Built::Witness(Box::new(Witness::new(dir, name, http, key, timeout)?))
        }
        AnchorTarget::Webhook { http, secret } => {
            Built::Webhook(Box::new(Webhook::new(name, http, secret, timeout)?))
        }
        AnchorTarget::S3(config) => Built::Objects(Box::new(Objects::new(config, timeout)?)),
    })
}

impl Drop for Anchors {
    /// As a crash would: nothing is offered any more.
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.running.len())
    }
}
