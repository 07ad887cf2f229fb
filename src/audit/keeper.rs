//! Retention while the gateway runs: a thread beside the writer.
//!
//! The writer starts it once in a while, and goes on. It
//! appends its `purge` records as any caller does, waits until a checkpoint covers
//! them, and rewrites finished segments, which nobody else writes. At most one runs;
//! it is joined before the directory's lock is given up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::beside::{Beside, Pace};
use super::merkle::Frontier;
use super::purge::{self, Order, Purged};
use super::retention::{Rule, load_holds};
use super::state::Place;
use crate::limits::{AUDIT_RETENTION_MS, AUDIT_RETENTION_REST_MS, AUDIT_RETENTION_WAIT_MS};

/// What a running log does about records that need not be kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// The rules; the first that fits counts.
    pub rules: Vec<Rule>,
    /// The file of legal holds, read before each purge.
    pub holds: PathBuf,
    /// Nobody named this file: it may be missing.
    pub holds_may_be_missing: bool,
    /// What time it is.
    pub now: Now,
}

/// What says the time.
#[derive(Clone)]
pub struct Now(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Now {
    /// A clock.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now(..)")
    }
}

/// Starts purges, one at a time.
#[derive(Debug)]
pub(super) struct Keeper {
    dir: PathBuf,
    retention: Retention,
    beside: Beside,
    running: Option<JoinHandle<Duration>>,
    due: Instant,
    /// Nothing can be due before: the last purge saw how old all records are.
    rest_until: Instant,
}

impl Keeper {
    pub(super) fn new(dir: PathBuf, retention: Retention, beside: Beside) -> Self {
        Self {
            dir,
            retention,
            beside,
            running: None,
            // At once: a purge that was cut short is finished.
            due: Instant::now(),
            rest_until: Instant::now(),
        }
    }

    /// How long until the next purge.
    pub(super) fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Nothing to do yet.
    pub(super) fn later(&mut self) {
        self.due = Instant::now() + Duration::from_millis(AUDIT_RETENTION_MS);
    }

    /// Starts a purge of the segments before `place`, if none is running.
    pub(super) fn start(&mut self, tree: Frontier, place: Place) {
        self.later();
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        if let Some(rest) = self.running.take().and_then(|running| running.join().ok()) {
            self.rest_until = Instant::now() + rest;
        }
        if Instant::now() < self.rest_until {
            return;
        }
        let job = Job {
            dir: self.dir.clone(),
            retention: self.retention.clone(),
            beside: self.beside.clone(),
        };
        let started = thread::Builder::new()
            .name("audit-retention".to_owned())
            .spawn(move || job.run(&tree, place.segment));
        match started {
            Ok(thread) => self.running = Some(thread),
            Err(error) => tracing::warn!(%error, "the audit log's retention cannot be started"),
        }
    }

    /// Ends what is running, after the segment that it is at.
    pub(super) fn close(&mut self) {
        self.beside.stop();
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

/// One purge.
struct Job {
    dir: PathBuf,
    retention: Retention,
    beside: Beside,
}

impl Job {
    /// Returns how long nothing more can be due.
    fn run(self, tree: &Frontier, present: u64) -> Duration {
        let purged = match self.purge(tree, present) {
            Ok(purged) => purged,
            Err(why) => {
                tracing::warn!(why, "the audit log's retention purged nothing, or not all");
                return Duration::ZERO;
            }
        };
        let Purged { records, torn, held, more, .. } = purged;
        if records > 0 || torn > 0 {
            tracing::info!(records, torn, held, "the audit log's retention purged records");
        }
        if more { Duration::ZERO } else { rest(&purged, &self.retention) }
    }

    fn purge(&self, tree: &Frontier, present: u64) -> Result<Purged, String> {
        let Retention { rules, holds, holds_may_be_missing, now } = &self.retention;
        let holds = load_holds(holds, *holds_may_be_missing).map_err(|error| error.to_string())?;
        let rules = rules.clone();
        let order = Order { rules, holds, now: now.now(), asked_by: "retention", dry_run: false };
        let wait = Duration::from_millis(AUDIT_RETENTION_WAIT_MS);
        let mut tell = |bodies: &[Vec<u8>]| self.beside.tell(bodies, Pace::Usual, wait);
        let stop = || self.beside.is_stopped();
        let purged = purge::run_beside(&self.dir, tree, present, &order, &mut tell, &stop);
        purged.map_err(|error| error.to_string())
    }
}

/// How long a log can be left alone that was just purged: reading all of it every hour
/// would keep a disk busy. What the present segment holds was not looked at.
fn rest(purged: &Purged, retention: &Retention) -> Duration {
    let longest = Duration::from_millis(AUDIT_RETENTION_REST_MS);
    let shortest_rule = retention.rules.iter().map(|rule| rule.older_than).min();
    let longest = shortest_rule.unwrap_or(longest).min(longest);
    let next = purged.next.map(|next| next.duration_since(retention.now.now()).unwrap_or_default());
    next.unwrap_or(longest).min(longest)
}
