//! Retention while the gateway runs: a thread beside the writer.
//!
//! The writer starts it once in a while, and goes on. It
//! appends its `purge` records as any caller does, waits until a checkpoint covers
//! them, and rewrites finished segments, which nobody else writes. At most one runs;
//! it is joined before the directory's lock is given up.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::merkle::Frontier;
use super::purge::{self, Order, Purged};
use super::queue::{AppendError, Shared};
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

/// What the last saved checkpoint covers, for the thread that waits for it.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// The last record, and the segment that the saved state stands in.
    at: Mutex<(u64, u64)>,
    moved: Condvar,
}

impl Covered {
    fn lock(&self) -> MutexGuard<'_, (u64, u64)> {
        // A pair of numbers is always whole.
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, seq: u64, segment: u64) {
        *self.lock() = (seq, segment);
        self.moved.notify_all();
    }

    /// Waits until record `seq` is covered; false when that takes too long or `stop` is set.
    fn reaches(&self, seq: u64, stop: &AtomicBool) -> bool {
        let until = Instant::now() + Duration::from_millis(AUDIT_RETENTION_WAIT_MS);
        let mut at = self.lock();
        while at.0 < seq {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.load(Ordering::Acquire) {
                return false;
            }
            at = self.moved.wait_timeout(at, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// Starts purges, one at a time.
#[derive(Debug)]
pub(super) struct Keeper {
    dir: PathBuf,
    retention: Retention,
    shared: Arc<Shared>,
    covered: Arc<Covered>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<Duration>>,
    due: Instant,
    /// Nothing can be due before: the last purge saw how old all records are.
    rest_until: Instant,
}

impl Keeper {
    pub(super) fn new(dir: PathBuf, retention: Retention, shared: Arc<Shared>) -> Self {
        Self {
            dir,
            retention,
            shared,
            covered: Arc::default(),
            stop: Arc::default(),
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

    /// A checkpoint covers the records up to `seq`, and the saved state stands in `segment`.
    pub(super) fn covered(&self, seq: u64, segment: u64) {
        self.covered.set(seq, segment);
    }

    /// Whether the saved state stands behind all segments that a purge would rewrite.
    pub(super) fn is_behind(&self, place: Place) -> bool {
        self.covered.lock().1 == place.segment
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
            shared: self.shared.clone(),
            covered: self.covered.clone(),
            stop: self.stop.clone(),
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
        self.stop.store(true, Ordering::Release);
        drop(self.covered.lock());
        self.covered.moved.notify_all();
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

/// One purge.
struct Job {
    dir: PathBuf,
    retention: Retention,
    shared: Arc<Shared>,
    covered: Arc<Covered>,
    stop: Arc<AtomicBool>,
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
        let mut tell = |bodies: &[Vec<u8>]| self.tell(bodies);
        let stop = || self.stop.load(Ordering::Acquire);
        let purged = purge::run_beside(&self.dir, tree, present, &order, &mut tell, &stop);
        purged.map_err(|error| error.to_string())
    }

    /// Appends records and waits until they are durable and covered.
    fn tell(&self, bodies: &[Vec<u8>]) -> Result<Vec<u64>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let wait = Duration::from_millis(AUDIT_RETENTION_WAIT_MS);
        let mut numbers = Vec::new();
        for body in bodies {
            let stored: Result<_, AppendError> = runtime.block_on(async {
                let until = tokio::time::Instant::now() + wait;
                self.shared.append_until(body, until).await?.durable().await
            });
            numbers.push(stored.map_err(|error| error.to_string())?.seq());
        }
        let last = numbers.last().copied().unwrap_or_default();
        if self.covered.reaches(last, &self.stop) {
            Ok(numbers)
        } else {
            Err("no checkpoint covers its records yet; the next purge goes on".to_owned())
        }
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
