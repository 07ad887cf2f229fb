//! One anchor at work: look for a checkpoint, offer it, remember what became of it.
//!
//! Only the newest checkpoint is offered: it covers what those before it covered.

pub use crate::limits::{ANCHOR_BACKOFF_MAX_MS, ANCHOR_BACKOFF_MIN_MS, ANCHOR_POLL_MS};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::state::State;
use crate::audit::{self, AnchorFiles, Anchored, Latest, Refusal};
use crate::sinks::backoff::Backoff;

/// How long an anchor waits, and for what.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Between two looks for a checkpoint.
    pub poll: Duration,
    /// After the first failure.
    pub backoff_min: Duration,
    /// After many.
    pub backoff_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(ANCHOR_POLL_MS),
            backoff_min: Duration::from_millis(ANCHOR_BACKOFF_MIN_MS),
            backoff_max: Duration::from_millis(ANCHOR_BACKOFF_MAX_MS),
        }
    }
}

/// What became of a checkpoint.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The place has it.
    Taken(Anchored),
    /// The place knows another log than this one.
    Contradicted {
        /// Records that it knows, where it said so.
        known: Option<u64>,
        /// What was said, in words; holds nothing of a record.
        reason: String,
    },
    /// Not now.
    Again {
        /// Why; holds nothing of a record.
        reason: String,
        /// How long the place wants to be left alone, if it said so.
        after: Option<Duration>,
    },
}

impl Outcome {
    pub(super) fn again(reason: impl Into<String>) -> Self {
        Self::Again { reason: reason.into(), after: None }
    }
}

/// Brings a checkpoint to a place.
pub(super) trait Place: Send + Sync {
    /// Whether it is asked at the start although it has the last checkpoint: it can tell then that
    /// the log is another one.
    const CONFIRMS: bool;

    /// Brings it there. `had` is what the place has of this log, as far as we know.
    fn take(
        &mut self,
        latest: &Latest,
        had: Option<&Anchored>,
    ) -> impl Future<Output = Outcome> + Send;
}

/// One anchor.
pub(super) struct Worker<P> {
    dir: PathBuf,
    name: Arc<str>,
    files: AnchorFiles,
    place: P,
    pace: Pace,
    state: Arc<State>,
    drain: CancellationToken,
    had: Option<Anchored>,
}

impl<P: Place> Worker<P> {
    pub(super) fn new(
        dir: &Path,
        name: &Arc<str>,
        place: P,
        pace: Pace,
        state: Arc<State>,
        drain: CancellationToken,
    ) -> Self {
        let files = AnchorFiles::new(dir, name);
        let (dir, name) = (dir.to_path_buf(), Arc::clone(name));
        Self { dir, name, files, place, pace, state, drain, had: None }
    }

    /// Runs until it is drained. Dropping it is safe at any point: a place that took what we do
    /// not know of says so when it is asked next.
    pub(super) async fn run(mut self) {
        self.remember().await;
        let mut backoff = Backoff::new(self.pace.backoff_min, self.pace.backoff_max);
        let mut confirmed = !P::CONFIRMS;
        loop {
            let last = self.drain.is_cancelled();
            let wait = match self.step(confirmed).await {
                Ok(asked) => {
                    confirmed |= asked;
                    backoff.reset();
                    self.pace.poll
                }
                Err(after) => backoff.wait(after),
            };
            if last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.drain.cancelled() => {}
            }
        }
    }

    /// What the last run left.
    async fn remember(&mut self) {
        let files = self.files.clone();
        let anchor = &*self.name;
        match blocking(move || Ok((files.state()?, files.refusal()?))).await {
            Ok((had, refusal)) => {
                if let Some(had) = &had {
                    self.state.has(had.size, had.at);
                }
                if let Some(refusal) = refusal {
                    let (time, reason) = (refusal.time, refusal.reason);
                    tracing::error!(anchor, time, reason, "an anchor knew another audit trail");
                    self.state.contradicted(true);
                }
                self.had = had;
            }
            Err(error) => {
                tracing::error!(anchor, %error, "what an anchor has is not known: it is asked");
            }
        }
    }

    /// Offers the last checkpoint, if there is one that the place has not; whether it was asked.
    async fn step(&mut self, confirmed: bool) -> Result<bool, Option<Duration>> {
        let dir = self.dir.clone();
        let latest = match blocking(move || audit::latest(&dir)).await {
            Ok(Some(latest)) => latest,
            Ok(None) => return Ok(false),
            Err(error) => {
                let reason = format!("the checkpoints cannot be read: {error}");
                return self.failed(&reason, None);
            }
        };
        let had = self.had.as_ref().map_or(0, |had| had.size);
        if latest.size == had && confirmed {
            return Ok(false);
        }
        if latest.size > had {
            self.state.behind();
        }
        if latest.size < had {
            let reason = "the log ends before what the anchor has of it";
            return self.contradicted(latest.size, Some(had), reason).await;
        }
        match self.place.take(&latest, self.had.as_ref()).await {
            Outcome::Taken(now) => self.taken(now).await,
            Outcome::Contradicted { known, reason } => {
                self.contradicted(latest.size, known, &reason).await
            }
            Outcome::Again { reason, after } => self.failed(&reason, after),
        }
    }

    async fn taken(&mut self, now: Anchored) -> Result<bool, Option<Duration>> {
        let (files, saved) = (self.files.clone(), now.clone());
        let kept = blocking(move || {
            files.save(&saved)?;
            Ok(files.refusal()?.is_some())
        });
        let (anchor, size) = (&*self.name, now.size);
        match kept.await {
            // Evidence stays until somebody takes it away.
            Ok(refused) => self.state.contradicted(refused),
            // It goes on: after a crash the place is asked what it has.
            Err(error) => tracing::error!(anchor, %error, "what an anchor has cannot be kept"),
        }
        tracing::debug!(anchor, size, "an anchor has the audit checkpoint");
        self.state.has(now.size, now.at);
        self.had = Some(now);
        Ok(true)
    }

    fn failed(&self, reason: &str, after: Option<Duration>) -> Result<bool, Option<Duration>> {
        self.state.failed();
        let anchor = &*self.name;
        tracing::warn!(anchor, reason, "an anchor does not take the audit checkpoint");
        Err(after)
    }

    async fn contradicted(
        &self,
        size: u64,
        known: Option<u64>,
        reason: &str,
    ) -> Result<bool, Option<Duration>> {
        self.state.failed();
        self.state.contradicted(true);
        let anchor = &*self.name;
        tracing::error!(
            anchor,
            size,
            known,
            reason,
            "an anchor knows another audit trail than this one: it was rolled back or rewritten"
        );
        let (files, refusal) = (self.files.clone(), Refusal::now(size, known, reason));
        if let Err(error) = blocking(move || files.add_refusal(&refusal)).await {
            tracing::error!(anchor, %error, "what an anchor said cannot be kept");
        }
        Err(None)
    }
}

/// Runs what blocks on the disk beside the tasks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
