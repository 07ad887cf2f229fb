//! The one thread that writes: group commit, failure, and the way back.
//!
//! No timer makes a batch: while a commit waits for the disk, the next batch
//! gathers. After a failure nothing is taken until a `gap` record has become
//! durable, on a fresh handle and behind the last durable record.

pub use crate::limits::AUDIT_BACKOFF_MAX_MS;
pub use crate::limits::AUDIT_BACKOFF_MIN_MS;
pub use crate::limits::AUDIT_HEAD_INTERVAL_MS;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::chain::Head;
use super::queue::{AppendError, Batch, Shared, Work};
use super::recover::{AUDIT_TAIL_BYTES, Note, Recovered, inspect, timestamp};
use super::storage::Storage;
use crate::config::Durability;

/// Owns the storage and the end of the chain.
#[derive(Debug)]
pub(super) struct Writer<S> {
    shared: Arc<Shared>,
    storage: S,
    durability: Durability,
    /// The last durable record.
    head: Head,
    /// Where it ends in the file.
    bytes: u64,
    batch: Batch,
    outage: Option<Outage>,
    /// The wait before the next repair. Only a commit brings it down again: a
    /// disk with room for a gap record may have none for more.
    backoff: Duration,
    saved: SavedHead,
}

/// A failure that lasts.
#[derive(Debug)]
struct Outage {
    reason: Arc<str>,
    since: SystemTime,
}

/// What is known about the saved head.
#[derive(Debug)]
struct SavedHead {
    seq: u64,
    /// Not to be written again before.
    due: Instant,
}

/// What failed, in words.
struct Fault(String);

impl Fault {
    fn new(what: &str, error: impl Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(
        shared: Arc<Shared>,
        storage: S,
        durability: Durability,
        found: &Recovered,
    ) -> Self {
        Self {
            shared,
            storage,
            durability,
            head: found.head,
            bytes: found.bytes,
            batch: Batch::new(),
            outage: None,
            backoff: BACKOFF_MIN,
            saved: SavedHead { seq: 0, due: Instant::now() },
        }
    }

    /// Runs until the log is closed and everything taken is written.
    pub(super) fn run(mut self) {
        while self.turn(self.wait()) {}
        self.finish();
    }

    /// Waits for a piece of work, at most for `wait` if there is one, and does
    /// it; false when there will be no more.
    pub(super) fn turn(&mut self, wait: Option<Duration>) -> bool {
        match self.shared.next(&mut self.batch, wait) {
            Work::Commit => self.commit(),
            Work::Timer if self.outage.is_some() => self.repair(),
            Work::Timer => self.save_head(),
            Work::Stop => return false,
        }
        true
    }

    /// How long to wait for records at most: there may be something else to do.
    pub(super) fn wait(&self) -> Option<Duration> {
        match &self.outage {
            Some(_) => Some(self.backoff),
            None if self.saved.seq == self.head.seq => None,
            None => Some(self.saved.due.saturating_duration_since(Instant::now())),
        }
    }

    /// Writes and syncs the batch once, then tells all who wait.
    fn commit(&mut self) {
        let began = self.shared.meter.begin();
        let head = self.batch.seal(self.head);
        match self.store() {
            Ok(bytes) => {
                self.head = head;
                self.bytes += bytes;
                self.backoff = BACKOFF_MIN;
                self.shared.meter.stored(began, self.batch.records(), bytes);
                self.batch.ack.set(Ok(()));
                self.batch.reset();
                if self.saved.due <= Instant::now() {
                    self.save_head();
                }
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Returns how many bytes became durable.
    fn store(&mut self) -> Result<u64, Fault> {
        let lines = &self.batch.lines;
        let bytes = lines.len() as u64;
        self.storage.write(lines).map_err(|error| Fault::new("write", error))?;
        self.sync()?;
        // After the sync: what was acknowledged was in its place.
        let end = self.bytes + bytes;
        self.storage.check(end).map_err(|error| Fault::new("check", error))?;
        Ok(bytes)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        match self.durability {
            Durability::Durable => self.storage.sync().map_err(|error| Fault::new("sync", error)),
            Durability::Written => Ok(()),
        }
    }

    /// The batch is lost: refuse, tell, and leave no half of it in the file.
    fn fail(&mut self, fault: Fault) {
        let reason: Arc<str> = fault.0.into();
        tracing::error!(%reason, "the audit log cannot be written: calls are refused");
        self.shared.meter.failed();
        // Refuse first, so that whoever learns of the failure finds it stated.
        self.shared.fail(&reason, self.batch.records());
        self.batch.ack.set(Err(AppendError::Failed { reason: reason.clone() }));
        self.cut_back();
        self.batch.reset();
        self.outage = Some(Outage { reason, since: SystemTime::now() });
    }

    /// Takes back what the batch left in the file, unless somebody else wrote
    /// too: then the repair keeps a copy. If this fails, the repair cuts it.
    fn cut_back(&mut self) {
        let ours = self.bytes + self.batch.lines.len() as u64;
        let found = self.storage.bytes().unwrap_or_default();
        if found > self.bytes && found <= ours {
            let _ = self.storage.truncate(self.bytes);
        }
    }

    /// Tries to continue behind the last durable record.
    fn repair(&mut self) {
        let began = self.shared.meter.begin();
        let Some(outage) = self.outage.take() else { return };
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        let told = self.shared.refused();
        match self.reopen_and_tell(&outage, told) {
            Ok(bytes) => {
                self.shared.meter.stored(began, 1, bytes);
                tracing::warn!(refused = told, "the audit log is written again");
                let late = self.shared.resume(told, self.head);
                self.tell_late(&outage, late);
            }
            Err(fault) => {
                self.shared.meter.failed();
                tracing::warn!(reason = fault.0, "the audit log still cannot be written");
                self.outage = Some(outage);
            }
        }
    }

    /// The handle that failed is not trusted: after a failed sync the system may
    /// have dropped the pages and forgotten the error. So the file is opened
    /// anew, must end in the record that we know, and takes one more record.
    fn reopen_and_tell(&mut self, outage: &Outage, told: u64) -> Result<u64, Fault> {
        self.storage.reopen().map_err(|error| Fault::new("open", error))?;
        let found = self.storage.bytes().map_err(|error| Fault::new("open", error))?;
        let mut lost_with_file = 0;
        if found == 0 && self.bytes > 0 {
            // Moved or removed by somebody: go on in the new file, under the old
            // numbers, so that what is missing stays visible.
            lost_with_file = self.head.seq;
            self.bytes = 0;
        }
        let cut_bytes = self.trim(found)?;
        let (reason, since) = (&*outage.reason, timestamp(outage.since));
        let note = Note::Gap { refused: told, reason, since, cut_bytes, lost_with_file };
        let (line, head) = note.line(self.head);
        self.batch.lines.extend_from_slice(&line);
        let stored = self.store();
        if stored.is_err() {
            self.cut_back();
        }
        self.batch.reset();
        let bytes = stored?;
        self.head = head;
        self.bytes += bytes;
        Ok(bytes)
    }

    /// Makes sure that the file of `found` bytes ends in the last durable record.
    fn trim(&mut self, found: u64) -> Result<u64, Fault> {
        let tail = match self.bytes {
            0 => None,
            _ if found < self.bytes => {
                let text = format!("{found} bytes are left of {}", self.bytes);
                return Err(Fault::new("the file was cut from outside", text));
            }
            bytes => Some(inspect(&mut self.storage, bytes, None)),
        };
        match tail {
            None => {}
            Some(Ok(tail)) if tail.head == self.head && tail.surplus.is_empty() => {}
            Some(Ok(_)) => return Err(Fault::new("tail", "it is not the record written last")),
            Some(Err(error)) => return Err(Fault::new("tail", error)),
        }
        let cut_bytes = found - self.bytes;
        if cut_bytes > 0 {
            let end = found.min(self.bytes + AUDIT_TAIL_BYTES);
            let read = self.storage.read(self.bytes, end);
            let surplus = read.map_err(|error| Fault::new("read", error))?;
            let kept = self.storage.keep_torn(self.head.seq + 1, &surplus);
            kept.map_err(|error| Fault::new("copy", error))?;
            let cut = self.storage.truncate(self.bytes);
            cut.map_err(|error| Fault::new("truncate", error))?;
        }
        Ok(cut_bytes)
    }

    /// Refusals between the making of the gap record and the reopening of the
    /// queue get a record of their own.
    fn tell_late(&self, outage: &Outage, late: u64) {
        if late == 0 {
            return;
        }
        let (reason, since) = (&*outage.reason, timestamp(outage.since));
        let note = Note::Gap { refused: late, reason, since, cut_bytes: 0, lost_with_file: 0 };
        if self.shared.append(&note.body()).is_ok() {
            self.shared.told(late);
        }
    }

    /// Saves the head; that this fails loses nothing but a hint.
    fn save_head(&mut self) {
        if let Err(error) = self.storage.save_head(self.head) {
            tracing::warn!(%error, "the audit log's head cannot be saved");
        }
        self.saved = SavedHead { seq: self.head.seq, due: Instant::now() + HEAD_INTERVAL };
    }

    /// The last act: one more try if it was failing, then the head.
    fn finish(&mut self) {
        if self.outage.is_some() {
            self.repair();
        }
        if self.durability == Durability::Written
            && let Err(error) = self.storage.sync()
        {
            tracing::warn!(%error, "the audit log could not be synced at its end");
        }
        if self.saved.seq != self.head.seq {
            self.save_head();
        }
    }
}

const BACKOFF_MIN: Duration = Duration::from_millis(AUDIT_BACKOFF_MIN_MS);
const BACKOFF_MAX: Duration = Duration::from_millis(AUDIT_BACKOFF_MAX_MS);
const HEAD_INTERVAL: Duration = Duration::from_millis(AUDIT_HEAD_INTERVAL_MS);
