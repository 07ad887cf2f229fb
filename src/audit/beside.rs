//! What threads beside the writer share with it: they append records of the log about itself as
//! any caller does, and wait until a checkpoint covers them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::queue::{AppendError, Shared};
use super::state::Place;

/// What the last saved checkpoint covers.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// The last record, and the segment that the saved state stands in.
    at: Mutex<(u64, u64)>,
    moved: Condvar,
    /// How many wait for a checkpoint that is not to wait for its time.
    hurried: AtomicU32,
}

impl Covered {
    fn lock(&self) -> MutexGuard<'_, (u64, u64)> {
        // A pair of numbers is always whole.
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A checkpoint covers the records up to `seq`, and the saved state stands in `segment`.
    pub(super) fn set(&self, seq: u64, segment: u64) {
        *self.lock() = (seq, segment);
        self.moved.notify_all();
    }

    /// Whether the saved state stands behind all segments that a purge would rewrite.
    pub(super) fn is_behind(&self, place: Place) -> bool {
        self.lock().1 == place.segment
    }

    /// Whether each commit is to be followed by a checkpoint.
    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire) > 0
    }
}

/// When a checkpoint has to cover what is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// When the log makes its next one.
    Usual,
    /// At once.
    Hurried,
}

/// One thread's side.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    shared: Arc<Shared>,
    covered: Arc<Covered>,
    stop: Arc<AtomicBool>,
}

impl Beside {
    pub(super) fn new(shared: Arc<Shared>, covered: Arc<Covered>) -> Self {
        Self { shared, covered, stop: Arc::default() }
    }

    /// Whether the log is being closed.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Ends every wait.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        drop(self.covered.lock());
        self.covered.moved.notify_all();
    }

    /// Waits, or until the log is closed.
    pub(super) fn pause(&self, wait: Duration) {
        self.until(wait, |_| false);
    }

    /// Appends records and waits, `wait` for each and for the last checkpoint, until they are
    /// durable and covered.
    pub(super) fn tell(
        &self,
        bodies: &[Vec<u8>],
        pace: Pace,
        wait: Duration,
    ) -> Result<Vec<u64>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let _hurry = (pace == Pace::Hurried).then(|| Hurry::new(&self.covered));
        let mut numbers = Vec::new();
        for body in bodies {
            let stored: Result<_, AppendError> = runtime.block_on(async {
                let until = tokio::time::Instant::now() + wait;
                self.shared.append_until(body, until).await?.durable().await
            });
            numbers.push(stored.map_err(|error| error.to_string())?.seq());
        }
        let last = numbers.last().copied().unwrap_or_default();
        if self.until(wait, |covered| covered >= last) {
            Ok(numbers)
        } else {
            Err("no checkpoint covers its records yet; it is tried again".to_owned())
        }
    }

    /// Waits until what is covered is enough; false when that takes too long or the log is closed.
    fn until(&self, wait: Duration, enough: impl Fn(u64) -> bool) -> bool {
        let until = Instant::now() + wait;
        let mut at = self.covered.lock();
        while !enough(at.0) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_stopped() {
                return false;
            }
            let woken = self.covered.moved.wait_timeout(at, left);
            at = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// Held while somebody waits for a checkpoint.
struct Hurry<'a>(&'a Covered);

impl<'a> Hurry<'a> {
    fn new(covered: &'a Covered) -> Self {
        covered.hurried.fetch_add(1, Ordering::AcqRel);
        Self(covered)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.hurried.fetch_sub(1, Ordering::AcqRel);
    }
}
