//! The one thread that writes: group commit, checkpoints, failure, and the way back.
//!
//! No timer makes a batch: while a commit waits for the disk, the next batch
//! gathers. After a failure nothing is taken until a `gap` record has become
//! durable, on a fresh handle and behind the last durable record.

pub use crate::limits::AUDIT_BACKOFF_MAX_MS;
pub use crate::limits::AUDIT_BACKOFF_MIN_MS;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::anchor::Publisher;
use super::beside::Covered;
use super::chain::End;
use super::eraser::Eraser;
use super::keeper::Keeper;
use super::queue::{AppendError, Batch, Shared, Work};
use super::recover::{AUDIT_TAIL_BYTES, Note, Recovered, last_hash, timestamp};
use super::signer::Signer;
use super::state::Place;
use super::storage::Storage;
use crate::config::Durability;

/// When checkpoints are made and segments end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rhythm {
    /// Records after which a checkpoint is made.
    pub checkpoint_records: u64,
    /// Time after which one is made that covers every record.
    pub checkpoint_interval: Duration,
    /// Bytes after which a segment ends.
    pub segment_bytes: u64,
    /// Age at which a segment ends.
    pub segment_age: Duration,
}

/// Owns the storage and the end of the chain.
#[derive(Debug)]
pub(super) struct Writer<S> {
    shared: Arc<Shared>,
    storage: S,
    durability: Durability,
    signer: Signer,
    publisher: Publisher,
    rhythm: Rhythm,
    /// The last durable record.
    end: End,
    /// Where it ends in the log.
    place: Place,
    /// When the present segment was begun.
    since: SystemTime,
    batch: Batch,
    outage: Option<Outage>,
    /// The wait before the next repair. Only a commit brings it down again: a
    /// disk with room for a gap record may have none for more.
    backoff: Duration,
    saved: Saved,
    /// The present segment is not to be ended before: the last attempt failed.
    segment_due: Instant,
    covered: Arc<Covered>,
    keeper: Option<Keeper>,
    eraser: Option<Eraser>,
}

/// A failure that lasts.
#[derive(Debug)]
struct Outage {
    reason: Arc<str>,
    since: SystemTime,
}

/// What is known about the last checkpoint.
#[derive(Debug)]
struct Saved {
    seq: u64,
    /// Not to be made again before, unless there are many records.
    due: Instant,
    /// The last attempt failed: many records alone do not bring the next.
    failed: bool,
}

/// What failed, in words.
struct Fault(String);

impl Fault {
    fn new(what: &str, error: impl Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

/// What a writer is made of, beside what was found.
#[derive(Debug)]
pub(super) struct Parts<S> {
    pub(super) shared: Arc<Shared>,
    pub(super) storage: S,
    pub(super) durability: Durability,
    pub(super) signer: Signer,
    pub(super) publisher: Publisher,
    pub(super) rhythm: Rhythm,
    pub(super) covered: Arc<Covered>,
    pub(super) keeper: Option<Keeper>,
    pub(super) eraser: Option<Eraser>,
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(parts: Parts<S>, found: &Recovered) -> Self {
        let Parts {
            shared,
            storage,
            durability,
            signer,
            publisher,
            rhythm,
            covered,
            keeper,
            eraser,
        } = parts;
        Self {
            shared,
            storage,
            durability,
            signer,
            publisher,
            rhythm,
            end: found.end.clone(),
            place: found.place,
            since: found.since,
            batch: Batch::new(),
            outage: None,
            backoff: BACKOFF_MIN,
            saved: Saved { seq: found.saved, due: Instant::now(), failed: false },
            segment_due: Instant::now(),
            covered,
            keeper,
            eraser,
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
            // A state stands behind a record: there is none without one.
            Work::Timer if self.saved.seq != self.end.head.seq => drop(self.checkpoint()),
            Work::Timer => {}
            Work::Stop => return false,
        }
        self.retain();
        true
    }

    /// How long to wait for records at most: there may be something else to do.
    pub(super) fn wait(&self) -> Option<Duration> {
        let retention = self.keeper.as_ref().map(Keeper::wait);
        match &self.outage {
            Some(_) => Some(self.backoff),
            None if self.saved.seq == self.end.head.seq => retention,
            None => {
                let checkpoint = self.saved.due.saturating_duration_since(Instant::now());
                Some(retention.map_or(checkpoint, |retention| retention.min(checkpoint)))
            }
        }
    }

    /// Lets the retention begin where it is due. It reads and rewrites beside us.
    fn retain(&mut self) {
        let Some(keeper) = &self.keeper else { return };
        if self.outage.is_some() || !keeper.wait().is_zero() {
            return;
        }
        // A state in a segment that shrinks would lead nowhere.
        let ready = self.end.head.seq > 0
            && (self.covered.is_behind(self.place) || self.checkpoint().is_ok());
        let Some(keeper) = self.keeper.as_mut() else { return };
        if ready {
            keeper.start(self.end.tree.clone(), self.place);
        } else {
            keeper.later();
        }
    }

    /// Writes and syncs the batch once, then tells all who wait.
    fn commit(&mut self) {
        let began = self.shared.meter.begin();
        // The present end stays until the new one is durable: its MAC key too.
        let mut end = self.end.clone();
        self.batch.seal(&mut end);
        match self.store() {
            Ok(bytes) => {
                self.end = end;
                self.place.bytes += bytes;
                self.backoff = BACKOFF_MIN;
                self.shared.meter.stored(began, self.batch.records(), bytes);
                self.batch.ack.set(Ok(()));
                self.batch.reset();
                self.keep_rhythm();
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Checkpoints and segments that are due. Nobody waits for them but the next batch.
    fn keep_rhythm(&mut self) {
        let uncovered = self.end.head.seq.saturating_sub(self.saved.seq);
        let many = uncovered >= self.rhythm.checkpoint_records || self.covered.is_hurried();
        let many = many && !self.saved.failed;
        if many || self.saved.due <= Instant::now() {
            let _ = self.checkpoint();
        }
        let old = self.since.elapsed().is_ok_and(|age| age >= self.rhythm.segment_age);
        let full = self.place.bytes >= self.rhythm.segment_bytes;
        if (old || full)
            && self.segment_due <= Instant::now()
            && let Err(fault) = self.end_segment()
        {
            tracing::warn!(reason = fault.0, "the audit log's segment cannot be ended yet");
            self.segment_due = Instant::now() + self.rhythm.checkpoint_interval;
        }
    }

    /// A segment ends with a checkpoint that covers it.
    fn end_segment(&mut self) -> Result<(), Fault> {
        if self.saved.seq != self.end.head.seq {
            self.checkpoint()?;
        }
        self.begin()
    }

    fn begin(&mut self) -> Result<(), Fault> {
        let segment = self.end.head.seq + 1;
        self.storage.begin(segment).map_err(|error| Fault::new("segment", error))?;
        self.place = Place { segment, bytes: 0 };
        self.since = SystemTime::now();
        Ok(())
    }

    /// Returns how many bytes became durable.
    fn store(&mut self) -> Result<u64, Fault> {
        let lines = &self.batch.lines;
        let bytes = lines.len() as u64;
        self.storage.write(lines).map_err(|error| Fault::new("write", error))?;
        self.sync()?;
        // After the sync: what was acknowledged was in its place.
        let end = self.place.bytes + bytes;
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
        let ours = self.place.bytes + self.batch.lines.len() as u64;
        let found = self.storage.bytes().unwrap_or_default();
        if found > self.place.bytes && found <= ours {
            let _ = self.storage.truncate(self.place.bytes);
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
                let late = self.shared.resume(told, self.end.head);
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
        let there = self.storage.reopen().map_err(|error| Fault::new("open", error))?;
        let found = match there {
            true => self.storage.bytes().map_err(|error| Fault::new("open", error))?,
            false => 0,
        };
        let mut lost_with_file = 0;
        if !there || (found == 0 && self.place.bytes > 0) {
            // Moved or removed by somebody: go on in a new segment, under the old
            // numbers, so that what is missing stays visible.
            lost_with_file = (self.end.head.seq + 1).saturating_sub(self.place.segment);
            self.begin()?;
        }
        let cut_bytes = self.trim(if lost_with_file > 0 || !there { 0 } else { found })?;
        let (reason, since) = (&*outage.reason, timestamp(outage.since));
        let note = Note::Gap { refused: told, reason, since, cut_bytes, lost_with_file };
        let mut end = self.end.clone();
        let line = note.line(&mut end);
        self.batch.lines.extend_from_slice(&line);
        let stored = self.store();
        if stored.is_err() {
            self.cut_back();
        }
        self.batch.reset();
        let bytes = stored?;
        self.end = end;
        self.place.bytes += bytes;
        if lost_with_file > 0 {
            // The state and the checkpoints may be gone too.
            let _ = self.checkpoint();
        }
        Ok(bytes)
    }

    /// Makes sure that the segment of `found` bytes ends in the last durable record.
    fn trim(&mut self, found: u64) -> Result<u64, Fault> {
        let Place { segment, bytes } = self.place;
        if found < bytes {
            let text = format!("{found} bytes are left of {bytes}");
            return Err(Fault::new("the file was cut from outside", text));
        }
        if bytes > 0 {
            let hash = last_hash(&mut self.storage, segment, bytes);
            let hash = hash.map_err(|error| Fault::new("tail", error))?;
            if hash != Some(self.end.head.hash) {
                return Err(Fault::new("tail", "it is not the record written last"));
            }
        }
        let cut_bytes = found - bytes;
        if cut_bytes > 0 {
            let end = found.min(bytes + AUDIT_TAIL_BYTES);
            let read = self.storage.read(segment, bytes, end);
            let surplus = read.map_err(|error| Fault::new("read", error))?;
            let kept = self.storage.keep_torn(self.end.head.seq + 1, &surplus);
            kept.map_err(|error| Fault::new("copy", error))?;
            let cut = self.storage.truncate(bytes);
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

    /// Signs the tree, keeps the checkpoint and the state, and hands the checkpoint
    /// to the anchors. No record is lost where this fails: it is tried again.
    fn checkpoint(&mut self) -> Result<(), Fault> {
        let made = self.make_checkpoint();
        if let Err(fault) = &made {
            tracing::warn!(reason = fault.0, "the audit log's checkpoint cannot be kept");
        } else {
            self.saved.seq = self.end.head.seq;
            self.covered.set(self.saved.seq, self.place.segment);
        }
        self.saved.failed = made.is_err();
        self.shared.meter.checkpoint(made.is_ok());
        self.saved.due = Instant::now() + self.rhythm.checkpoint_interval;
        made
    }

    fn make_checkpoint(&mut self) -> Result<(), Fault> {
        if self.durability == Durability::Written {
            // What a checkpoint covers is on the disk, so that a power loss never
            // looks like a log that was cut.
            self.storage.sync().map_err(|error| Fault::new("sync", error))?;
        }
        let note = self.signer.checkpoint(&self.end.tree);
        self.storage.add_checkpoint(&note).map_err(|error| Fault::new("checkpoint", error))?;
        let state = self.signer.state(&self.end, self.place);
        self.storage.save_state(&state.encode()).map_err(|error| Fault::new("state", error))?;
        self.publisher.publish(note, self.end.head.seq);
        Ok(())
    }

    /// The last act: one more try if it was failing, then the checkpoint.
    fn finish(&mut self) {
        if self.outage.is_some() {
            self.repair();
        }
        if self.saved.seq != self.end.head.seq {
            let _ = self.checkpoint();
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.close();
        }
        if let Some(eraser) = &mut self.eraser {
            eraser.close();
        }
        self.publisher.close();
    }
}

const BACKOFF_MIN: Duration = Duration::from_millis(AUDIT_BACKOFF_MIN_MS);
const BACKOFF_MAX: Duration = Duration::from_millis(AUDIT_BACKOFF_MAX_MS);
