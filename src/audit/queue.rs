//! The bounded queue between the callers and the writer.
//!
//! A caller writes its line straight into the batch that the writer will take
//! as a whole, so a record costs one copy and no allocation, and the writer has
//! nothing left to do but to chain and to store. The lock is held for that copy
//! and for the writer's swap, never for I/O and never across an await.

pub use crate::limits::AUDIT_LINE_BYTES_MAX;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::chain::{self, End, Head, Span};
use super::latch::Latch;
use super::stats::Meter;

/// Why a record was not taken, or not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue has no room: the disk is slower than the calls. Worth a wait.
    #[error("the audit queue is full")]
    Full,
    /// The log cannot be written at the moment; it keeps trying by itself.
    #[error("the audit log cannot be written: {reason}")]
    Failed {
        /// What failed, as the system said it.
        reason: Arc<str>,
    },
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
    /// The record was taken but not durable in time. It may still become so.
    #[error("the audit record was not durable in time")]
    Late,
    /// The record exceeds the bound of one line or of the whole queue.
    #[error("an audit record of {bytes} bytes is too long")]
    TooLong {
        /// Length of the line that it would have made.
        bytes: usize,
    },
    /// The body is not one JSON object on one line.
    #[error("an audit record must be one JSON object without line breaks")]
    Malformed,
}

/// What became of one commit.
pub(super) type Outcome = Result<(), AppendError>;

/// A record that was taken. Dropping it changes nothing: the record is written
/// all the same, nobody just learns about it.
#[derive(Debug)]
pub struct Pending {
    seq: u64,
    outcome: Arc<Latch<Outcome>>,
}

impl Pending {
    /// Waits until the record is durable.
    ///
    /// Has no bound of its own: [`super::Log::append_durable`] has. Cancel-safe.
    ///
    /// # Errors
    /// [`AppendError::Failed`] when the commit failed: the record is not in the log.
    pub async fn durable(self) -> Result<Receipt, AppendError> {
        self.outcome.wait().await.clone().map(|()| Receipt { seq: self.seq })
    }

    #[cfg(test)]
    pub(super) fn outcome(&self) -> Option<Result<u64, AppendError>> {
        self.outcome.get().map(|outcome| outcome.clone().map(|()| self.seq))
    }
}

/// Proof that a record is in the log and as durable as the log was told to make
/// it. Made by [`Pending::durable`] alone, after the commit's sync.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    seq: u64,
}

impl Receipt {
    /// The record's number in the log.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// The sender's side of a commit's outcome. Dropped without a word (the writer
/// died), it tells the waiters that nothing was stored.
#[derive(Debug)]
pub(super) struct Ack(Arc<Latch<Outcome>>);

impl Ack {
    fn new() -> Self {
        Self(Arc::new(Latch::new()))
    }

    pub(super) fn set(&self, outcome: Outcome) {
        self.0.set(outcome);
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        self.0.set(Err(AppendError::Closed));
    }
}

/// Lines that will be committed together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) lines: Vec<u8>,
    pub(super) spans: Vec<Span>,
    pub(super) ack: Ack,
    due: Due,
    /// When the first of them was taken.
    since: Option<std::time::Instant>,
}

/// When a batch is to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing is in it.
    Never,
    /// All in it may wait for company until then.
    Soon(std::time::Instant),
    Now,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { lines: Vec::new(), spans: Vec::new(), ack: Ack::new(), due: Due::Never, since: None }
    }

    /// How many records it holds.
    pub(super) fn records(&self) -> u64 {
        u64::try_from(self.spans.len()).unwrap_or(u64::MAX)
    }

    /// Seals the records at the end of the log.
    pub(super) fn seal(&mut self, end: &mut End) {
        chain::seal(&mut self.lines, &self.spans, end);
    }

    /// Empties it for reuse, keeping the buffers.
    pub(super) fn reset(&mut self) {
        self.lines.clear();
        self.lines.shrink_to(KEPT_BYTES);
        self.spans.clear();
        self.ack = Ack::new();
        self.due = Due::Never;
        self.since = None;
    }
}

/// What the writer has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// The batch was filled.
    Commit,
    /// The wait it asked for is over.
    Timer,
    /// Closed, and everything that was taken has been handed out.
    Stop,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Open,
    Failing { reason: Arc<str>, since: SystemTime },
    Closed,
}

#[derive(Debug)]
struct Queue {
    batch: Batch,
    state: State,
    /// Number of the next record taken.
    seq_next: u64,
    /// Appends refused because of failure that no gap record tells of yet.
    refused: u64,
    /// The writer sleeps on the condition variable: without it, no wake-up call.
    writer_sleeps: bool,
}

/// What a queue may hold, and for how long what nobody waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
    pub(super) linger: Duration,
}

/// What the callers and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    room: Notify,
    records_max: usize,
    bytes_max: usize,
    linger: Duration,
    pub(super) meter: Meter,
    /// Set as the writer's last act.
    pub(super) finished: Latch<()>,
}

impl Shared {
    pub(super) fn new(bounds: Bounds, head: Head) -> Self {
        let Bounds { records_max, bytes_max, linger } = bounds;
        Self {
            queue: Mutex::new(Queue {
                batch: Batch::new(),
                state: State::Open,
                seq_next: head.seq + 1,
                refused: 0,
                writer_sleeps: false,
            }),
            work: Condvar::new(),
            room: Notify::new(),
            records_max,
            bytes_max,
            linger,
            meter: Meter::default(),
            finished: Latch::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every critical section leaves the queue whole, so a poisoned lock is sound.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record, or says at once why not.
    pub(super) fn append(&self, body: &[u8]) -> Result<Pending, AppendError> {
        self.take(body, Due::Now)
    }

    /// Takes a record that nobody waits for: it is committed with the next that somebody does, or
    /// after a while. A commit of its own would make that next one wait for two.
    pub(super) fn append_soon(&self, body: &[u8]) -> Result<Pending, AppendError> {
        self.take(body, Due::Soon(std::time::Instant::now() + self.linger))
    }

    fn take(&self, body: &[u8], due: Due) -> Result<Pending, AppendError> {
        let members = chain::members(body).ok_or(AppendError::Malformed)?;
        let bytes = chain::line_bytes_max(body);
        if bytes > self.bytes_max.min(AUDIT_LINE_BYTES_MAX) {
            return Err(AppendError::TooLong { bytes });
        }
        let mut guard = self.lock();
        let queue = &mut *guard;
        match &queue.state {
            State::Open => {}
            State::Failing { reason, .. } => {
                let reason = reason.clone();
                queue.refused += 1;
                self.meter.refused(1);
                return Err(AppendError::Failed { reason });
            }
            State::Closed => return Err(AppendError::Closed),
        }
        let batch = &mut queue.batch;
        if batch.spans.len() >= self.records_max || batch.lines.len() + bytes > self.bytes_max {
            return Err(AppendError::Full);
        }
        batch.since.get_or_insert_with(std::time::Instant::now);
        let seq = queue.seq_next;
        queue.seq_next += 1;
        batch.spans.push(chain::push_line(&mut batch.lines, seq, members));
        let outcome = batch.ack.0.clone();
        // A batch that grows while all in it can wait would fill the queue.
        let half =
            batch.spans.len() > self.records_max / 2 || batch.lines.len() > self.bytes_max / 2;
        let due = if half { Due::Now } else { due };
        let sooner = matches!((batch.due, due), (Due::Never, _) | (Due::Soon(_), Due::Now));
        if sooner {
            batch.due = due;
        }
        let wake = sooner && std::mem::take(&mut queue.writer_sleeps);
        drop(guard);
        if wake {
            self.work.notify_one();
        }
        Ok(Pending { seq, outcome })
    }

    /// Takes a record, waiting for room until `deadline`. Cancel-safe: a
    /// cancelled call has taken nothing.
    pub(super) async fn append_until(
        &self,
        body: &[u8],
        deadline: Instant,
    ) -> Result<Pending, AppendError> {
        match self.append(body) {
            Err(AppendError::Full) => {}
            done => return done,
        }
        loop {
            // Registered before trying: room made in between still wakes us.
            let room = self.room.notified();
            match self.append(body) {
                Err(AppendError::Full) => {}
                done => return done,
            }
            if timeout_at(deadline, room).await.is_err() {
                return Err(AppendError::Full);
            }
        }
    }

    /// Waits for work, at most for `wait` if there is one, and swaps the waiting
    /// records for the writer's empty batch.
    pub(super) fn next(&self, batch: &mut Batch, wait: Option<Duration>) -> Work {
        let until = wait.map(|wait| std::time::Instant::now() + wait);
        let mut queue = self.lock();
        loop {
            let now = std::time::Instant::now();
            let closed = matches!(queue.state, State::Closed);
            let soon = match queue.batch.due {
                Due::Never => None,
                Due::Soon(soon) if soon > now && !closed => Some(soon),
                Due::Soon(_) | Due::Now => {
                    std::mem::swap(&mut queue.batch, batch);
                    drop(queue);
                    self.room.notify_waiters();
                    return Work::Commit;
                }
            };
            if closed {
                return Work::Stop;
            }
            if until.is_some_and(|until| until <= now) {
                return Work::Timer;
            }
            queue.writer_sleeps = true;
            queue = match soon.into_iter().chain(until).min() {
                Some(until) => {
                    let woken = self.work.wait_timeout(queue, until - now);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
            queue.writer_sleeps = false;
        }
    }

    /// Refuses everything from now on, and what was waiting. `lost` records of
    /// the failed commit are counted with them.
    pub(super) fn fail(&self, reason: &Arc<str>, lost: u64) {
        let mut queue = self.lock();
        let lost = lost + queue.batch.records();
        queue.batch.ack.set(Err(AppendError::Failed { reason: reason.clone() }));
        queue.batch.reset();
        queue.refused += lost;
        if !matches!(queue.state, State::Closed) {
            queue.state = State::Failing { reason: reason.clone(), since: SystemTime::now() };
        }
        drop(queue);
        self.meter.refused(lost);
        self.room.notify_waiters();
    }

    /// How many refusals no gap record tells of yet.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Takes records again, numbered from behind `head`. `told` refusals stand
    /// in the gap record; returns how many came after it was made.
    pub(super) fn resume(&self, told: u64, head: Head) -> u64 {
        let mut queue = self.lock();
        queue.seq_next = head.seq + 1;
        queue.refused = queue.refused.saturating_sub(told);
        if matches!(queue.state, State::Failing { .. }) {
            queue.state = State::Open;
        }
        queue.refused
    }

    /// `told` more refusals stand in a record.
    pub(super) fn told(&self, told: u64) {
        let mut queue = self.lock();
        queue.refused = queue.refused.saturating_sub(told);
    }

    /// The writer is gone: what still waits will never be written.
    pub(super) fn abandon(&self) {
        let mut queue = self.lock();
        queue.state = State::Closed;
        queue.batch.reset();
        drop(queue);
        self.room.notify_waiters();
    }

    /// Refuses everything from now on; what was taken is still written.
    pub(super) fn close(&self) {
        self.lock().state = State::Closed;
        self.work.notify_one();
        self.room.notify_waiters();
    }

    pub(super) fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// Records and bytes that wait, and for how long the first of them does.
    pub(super) fn depth(&self) -> (usize, usize, Duration) {
        let Batch { spans, lines, since, .. } = &self.lock().batch;
        (spans.len(), lines.len(), since.map(|since| since.elapsed()).unwrap_or_default())
    }

    /// Bounds of the queue: records and bytes.
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.records_max, self.bytes_max)
    }
}

/// What a batch's buffer keeps after a burst, so that memory comes back.
const KEPT_BYTES: usize = 4 * 1024 * 1024;
