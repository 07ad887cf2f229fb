//! Copies of the audit records for other systems: SIEMs, files, webhooks.
//!
//! Owns one task for each configured sink, and the folder `sinks` in the directory of the log,
//! where each keeps its cursor. Assumes a log that another part writes; reads it from the disk
//! and knows of it only how far it is durable.
//!
//! Guarantees: every durable record reaches every sink at least once and in order, or is written
//! to the sink's file of rejected records with the reason; a sink that is slow or dead delays no
//! call, loses nothing and holds one batch in memory; what a sink has is known over a restart.

pub(crate) mod backoff;
pub(crate) mod bucket;
mod datadog;
pub(crate) mod delivery;
mod elasticsearch;
mod file;
mod files;
pub mod format;
pub(crate) mod http;
mod otlp;
mod s3;
mod sigv4;
mod source;
mod splunk;
mod state;
mod syslog;
mod target;
pub(crate) mod webhook;
mod worker;

#[cfg(test)]
mod testing;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::limits::SINK_DRAIN_MS;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::Sealer;
use crate::config::{Sink, SinkSubjects};
pub use files::{Cursor, Files};
pub use source::{Batch, Follower, Record, Source, Want, number};
use state::State;
pub use state::Status;
use target::Target;
pub use worker::Pace;
use worker::Worker;

/// Why a sink cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The file of authorities holds something else.
    #[error("the certificate authorities of a sink are not PEM certificates")]
    Authorities,
    /// The client certificate or its key cannot be used.
    #[error("the client certificate or key of a sink cannot be used")]
    Identity,
    /// A secret is no header value.
    #[error("a credential of a sink cannot stand in a header field")]
    Credential,
    /// The host is neither a name nor an address.
    #[error("the host of a sink is neither a name nor an address")]
    Address,
    /// The TLS library refused its own settings.
    #[error("TLS towards a sink cannot be set up")]
    Tls,
    /// The system gave no thread.
    #[error("no thread for a sink that writes to the standard output")]
    Thread,
}

/// The running sinks of one log.
#[derive(Debug)]
pub struct Sinks {
    dir: PathBuf,
    pace: Pace,
    /// What opens sealed names; used by the sinks that are to have them.
    sealer: Option<Arc<Sealer>>,
    durable: watch::Sender<u64>,
    running: Mutex<Vec<Running>>,
    tasks: TaskTracker,
    drain: CancellationToken,
}

/// Sinks that were built and do not run yet.
pub struct Prepared(Vec<(Sink, Option<Target>)>);

struct Running {
    sink: Sink,
    state: Arc<State>,
    /// Ends it at once.
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Sinks {
    /// None yet, of the log in `dir`, whose last durable record is `durable`.
    #[must_use]
    pub fn new(dir: &Path, durable: u64, pace: Pace) -> Self {
        Self {
            dir: dir.to_path_buf(),
            pace,
            sealer: None,
            durable: watch::Sender::new(durable),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
        }
    }

    /// With what opens sealed names for sinks that are to have them.
    #[must_use]
    pub fn opening(mut self, sealer: Option<Arc<Sealer>>) -> Self {
        self.sealer = sealer;
        self
    }

    /// Builds what a configuration adds or changes; nothing of it runs yet.
    ///
    /// # Errors
    /// [`SinkError`]; what runs goes on.
    pub fn prepare(&self, sinks: &[Sink]) -> Result<Prepared, SinkError> {
        let running = self.running();
        let prepared = sinks.iter().map(|sink| {
            let same = running.iter().any(|running| running.sink == *sink);
            let target = if same { None } else { Some(Target::new(sink)?) };
            Ok((sink.clone(), target))
        });
        prepared.collect::<Result<_, _>>().map(Prepared)
    }

    /// Starts what was prepared and ends what is not in it. An unchanged sink goes on; a changed
    /// one ends before its successor begins, which goes on from its cursor.
    pub fn install(&self, prepared: Prepared) {
        let mut running = self.running();
        let mut before = std::mem::take(&mut *running);
        for (sink, target) in prepared.0 {
            let at = before.iter().position(|running| running.sink.name == sink.name);
            let old = at.map(|at| before.swap_remove(at));
            match (target, old) {
                (None, Some(old)) => running.push(old),
                (Some(target), old) => running.push(self.spawn(sink, target, old)),
                // Prepared while it ran, and gone since: the next reload brings it back.
                (None, None) => {}
            }
        }
        for gone in before {
            gone.end.cancel();
        }
    }

    fn spawn(&self, sink: Sink, target: Target, old: Option<Running>) -> Running {
        let (state, end) = (Arc::new(State::default()), CancellationToken::new());
        let worker = Worker {
            name: Arc::clone(&sink.name),
            files: Files::new(&self.dir, &sink.name),
            source: Arc::new(Mutex::new(Follower::new(&self.dir))),
            target,
            format: sink.format,
            opens: match sink.subjects {
                SinkSubjects::Open => self.sealer.clone(),
                SinkSubjects::Sealed => None,
            },
            records_max: sink.batch_records,
            bytes_max: sink.batch_bytes,
            pace: Pace { linger: sink.batch_wait.unwrap_or(self.pace.linger), ..self.pace.clone() },
            durable: self.durable.subscribe(),
            drain: self.drain.clone(),
            state: Arc::clone(&state),
        };
        let stop = end.clone();
        let task = self.tasks.spawn(async move {
            if let Some(old) = old {
                old.end.cancel();
                // However it ended: it moves the cursor no more.
                let _ = old.task.await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = worker.run() => {}
            }
        });
        Running { sink, state, end, task }
    }

    /// The log is durable up to here.
    pub fn durable(&self, seq: u64) {
        self.durable.send_if_modified(|known| {
            let more = seq > *known;
            *known = seq.max(*known);
            more
        });
    }

    /// The figures of every sink.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let durable = *self.durable.borrow();
        self.running().iter().map(|r| r.state.status(&r.sink.name, durable)).collect()
    }

    /// Ships what is left, at most for `wait`, then ends every sink. What is left then goes out
    /// after the next start.
    pub async fn close(&self, wait: Duration) {
        self.tasks.close();
        self.drain.cancel();
        if tokio::time::timeout(wait, self.tasks.wait()).await.is_err() {
            for status in self.status().iter().filter(|status| status.lag_records > 0) {
                let (sink, records) = (&*status.name, status.lag_records);
                tracing::warn!(sink, records, "a sink goes on after the next start");
            }
            self.running().iter().for_each(|running| running.end.cancel());
            self.tasks.wait().await;
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sinks {
    /// As a crash would: nothing is shipped any more.
    fn drop(&mut self) {
        self.running().iter().for_each(|running| running.end.cancel());
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.sink.name)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({})", self.0.len())
    }
}
