//! One sink at work: read, send, settle, move the cursor.
//!
//! Owns the order of things. Guarantees: the cursor passes a record only when the receiver has
//! it, or when its rejection is on the disk; so every record goes out at least once, in order,
//! also over a crash. A record that a receiver refuses is found among its neighbours and put
//! aside; a receiver that is gone is tried for ever. Nothing here is waited for by a call.

pub use crate::limits::{SINK_LINGER_MS, SINK_POLL_MS};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, SINK_BACKOFF_MAX_MS, SINK_BACKOFF_MIN_MS};
use super::delivery::{Deliver, Delivery, Fate, Item};
use super::files::{Cursor, Files, line_hash};
use super::format;
use super::source::{Batch, Record, Source, Want};
use super::state::State;
use crate::audit::Sealer;
use crate::config::SinkFormat;

/// How long a sink waits, and for what.
#[derive(Debug, Clone)]
pub struct Pace {
    /// For more records before a batch leaves that is not full.
    pub linger: Duration,
    /// For records, before it looks for itself.
    pub poll: Duration,
    /// After the first failure.
    pub backoff_min: Duration,
    /// After many.
    pub backoff_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(SINK_LINGER_MS),
            poll: Duration::from_millis(SINK_POLL_MS),
            backoff_min: Duration::from_millis(SINK_BACKOFF_MIN_MS),
            backoff_max: Duration::from_millis(SINK_BACKOFF_MAX_MS),
        }
    }
}

/// One sink.
pub(super) struct Worker<S, D> {
    pub(super) name: Arc<str>,
    pub(super) files: Files,
    pub(super) source: Arc<Mutex<S>>,
    pub(super) target: D,
    pub(super) format: SinkFormat,
    /// What opens sealed names, where the receiver is to have them.
    pub(super) opens: Option<Arc<Sealer>>,
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
    pub(super) pace: Pace,
    /// The last durable record.
    pub(super) durable: watch::Receiver<u64>,
    /// Ends the sink when it has shipped what is durable.
    pub(super) drain: CancellationToken,
    pub(super) state: Arc<State>,
}

impl<S: Source, D: Deliver> Worker<S, D> {
    /// Runs until it is drained. Dropping it is safe at any point: what was not settled goes out
    /// again.
    pub(super) async fn run(mut self) {
        let mut cursor = self.resume().await;
        let mut backoff = self.backoff();
        loop {
            self.state.at(cursor.seq);
            cursor = self.obey(cursor).await;
            let durable = *self.durable.borrow_and_update();
            if cursor.seq >= durable {
                if self.drain.is_cancelled() {
                    return;
                }
                self.wait_for_more().await;
                continue;
            }
            self.gather(cursor.seq).await;
            match self.take(cursor.seq + 1).await {
                Ok(batch) => {
                    backoff.reset();
                    self.report_missing(&batch);
                    cursor = self.ship(cursor, batch.records).await;
                }
                Err(error) => {
                    tracing::error!(sink = &*self.name, %error, "a sink cannot read the audit log");
                    tokio::time::sleep(backoff.wait(None)).await;
                }
            }
        }
    }

    /// Where the last run ended, if this is still the same log.
    async fn resume(&self) -> Cursor {
        let files = self.files.clone();
        let cursor = match blocking(move || files.cursor()).await {
            Ok(Some(cursor)) => cursor,
            Ok(None) => return Cursor::beginning(),
            Err(error) => {
                let sink = &*self.name;
                tracing::error!(sink, %error, "a sink's cursor is unreadable: it begins anew");
                return Cursor::beginning();
            }
        };
        // After an order to send again only the number is known.
        if cursor.seq == 0 || cursor.sha256.is_empty() {
            return cursor;
        }
        let durable = *self.durable.borrow();
        let same = match self.take(cursor.seq).await {
            _ if cursor.seq > durable => false,
            // What was purged cannot be compared.
            Ok(batch) => batch.records.first().is_none_or(|record| {
                record.seq != cursor.seq || line_hash(&record.line) == cursor.sha256
            }),
            Err(_) => true,
        };
        if same {
            return cursor;
        }
        let (sink, seq) = (&*self.name, cursor.seq);
        tracing::error!(sink, seq, durable, "a sink's cursor is of another log: it begins anew");
        Cursor::beginning()
    }

    /// Goes back where somebody ordered so.
    async fn obey(&self, cursor: Cursor) -> Cursor {
        let files = self.files.clone();
        let at = cursor.seq;
        let order = blocking(move || {
            let Some(from) = files.ordered()? else { return Ok(None) };
            // Forward would lose records.
            let back = Some(from.saturating_sub(1)).filter(|seq| *seq < at);
            let back = back.map(|seq| Cursor { seq, sha256: String::new() });
            if let Some(back) = &back {
                files.save(back)?;
            }
            files.order_done()?;
            Ok(back)
        });
        let sink = &*self.name;
        match order.await {
            Ok(None) => cursor,
            Ok(Some(back)) => {
                tracing::warn!(sink, from = back.seq + 1, "a sink sends records again");
                self.state.at(back.seq);
                back
            }
            Err(error) => {
                tracing::error!(sink, %error, "an order to send again cannot be carried out");
                cursor
            }
        }
    }

    async fn wait_for_more(&mut self) {
        tokio::select! {
            // Without anybody who could tell there is still the order to drain.
            changed = self.durable.changed() => if changed.is_err() { self.drain.cancelled().await },
            () = tokio::time::sleep(self.pace.poll) => {}
            () = self.drain.cancelled() => {}
        }
    }

    /// Lets a batch behind record `at` fill.
    async fn gather(&mut self, at: u64) {
        let until = Instant::now() + self.pace.linger;
        loop {
            let durable = *self.durable.borrow_and_update();
            if durable.saturating_sub(at) >= self.records_max as u64 {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.drain.cancelled() => return,
                changed = self.durable.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn take(&self, from: u64) -> std::io::Result<Batch> {
        let durable = *self.durable.borrow();
        let (records_max, bytes_max) = (self.records_max, self.bytes_max);
        let want = Want { from, durable, records_max, bytes_max };
        let source = Arc::clone(&self.source);
        blocking(move || source.lock().unwrap_or_else(PoisonError::into_inner).take(want)).await
    }

    fn report_missing(&self, batch: &Batch) {
        if batch.missing > 0 {
            let (sink, missing) = (&*self.name, batch.missing);
            tracing::error!(sink, missing, "records are gone from the log before a sink had them");
        }
    }

    /// Sends until every record is settled; the cursor follows.
    async fn ship(&mut self, mut cursor: Cursor, records: Vec<Record>) -> Cursor {
        let mut open = self.in_format(&records).await;
        let mut backoff = self.backoff();
        // Fewer at a time while a record is looked for that the receiver refuses.
        let mut portion = open.len();
        loop {
            cursor = self.settled(cursor, &records, open.first()).await;
            portion = portion.clamp(1, open.len().max(1));
            let Some(part) = open.get(..portion).filter(|part| !part.is_empty()) else {
                return cursor;
            };
            match self.target.deliver(part).await {
                Delivery::Settled { fates, after } => {
                    let again = self.sort(&mut open, fates).await;
                    portion = portion.saturating_mul(2);
                    match again {
                        None => backoff.reset(),
                        Some(reason) => self.pause(&mut backoff, &reason, after).await,
                    }
                }
                Delivery::Again { reason, after } => {
                    self.pause(&mut backoff, &reason, after).await;
                }
                Delivery::Refused { reason } if portion == 1 => {
                    self.sort(&mut open, vec![Fate::Rejected(reason)]).await;
                }
                Delivery::Refused { reason: _ } => portion /= 2,
            }
        }
    }

    /// Turns records into what the receiver reads; one that cannot be turned is put aside.
    async fn in_format(&self, records: &[Record]) -> Vec<Item> {
        let mut items = Vec::with_capacity(records.len());
        let mut rejected = Vec::new();
        for record in records {
            // What is put aside, and what the cursor remembers, is the line of the log.
            let line = match &self.opens {
                Some(sealer) => Bytes::from(sealer.open(&record.line)),
                None => record.line.clone(),
            };
            match format::convert(self.format, &line) {
                Ok(text) => items.push(Item { record: record.clone(), text }),
                Err(error) => rejected.push((record.clone(), error.to_string())),
            }
        }
        self.reject(rejected).await;
        items
    }

    /// Takes settled records out of the open ones; says why others stay, if any do.
    async fn sort(&self, open: &mut Vec<Item>, fates: Vec<Fate>) -> Option<String> {
        let mut fates = fates.into_iter();
        let (mut taken, mut rejected, mut again) = (0, Vec::new(), None);
        let mut left = Vec::new();
        for item in open.drain(..) {
            match fates.next() {
                Some(Fate::Taken) => taken += 1,
                Some(Fate::Rejected(reason)) => rejected.push((item.record, reason)),
                Some(Fate::Again(reason)) => {
                    again.get_or_insert(reason);
                    left.push(item);
                }
                None => left.push(item),
            }
        }
        *open = left;
        self.state.delivered(taken);
        self.reject(rejected).await;
        again
    }

    /// Keeps what will never be taken; tries until it is kept.
    async fn reject(&self, rejected: Vec<(Record, String)>) {
        let Some((first, reason)) = rejected.first() else { return };
        let (sink, count) = (&*self.name, rejected.len());
        tracing::error!(sink, count, seq = first.seq, "a sink's receiver rejects records");
        tracing::debug!(sink, reason, "what it said of the first");
        let mut backoff = self.backoff();
        let rejected = Arc::new(rejected);
        loop {
            let (files, list) = (self.files.clone(), Arc::clone(&rejected));
            let kept = blocking(move || {
                let list: Vec<_> =
                    list.iter().map(|(record, why)| (record, why.as_str())).collect();
                files.reject(&list)
            });
            match kept.await {
                Ok(()) => return self.state.rejected(count as u64),
                Err(error) => {
                    tracing::error!(sink, %error, "rejected records cannot be kept");
                    tokio::time::sleep(backoff.wait(None)).await;
                }
            }
        }
    }

    /// Moves the cursor before the first record that is open.
    async fn settled(&self, cursor: Cursor, records: &[Record], open: Option<&Item>) -> Cursor {
        self.state.oldest(open.and_then(|item| format::unix_ms(&item.record.line)));
        let last = match open {
            None => records.last(),
            Some(item) => records.iter().take_while(|r| r.seq < item.record.seq).last(),
        };
        let Some(last) = last.filter(|last| last.seq > cursor.seq) else { return cursor };
        let new = Cursor::at(last);
        let (files, saved) = (self.files.clone(), new.clone());
        if let Err(error) = blocking(move || files.save(&saved)).await {
            // It goes on: after a crash some records go out twice.
            tracing::error!(sink = &*self.name, %error, "a sink's cursor cannot be saved");
        }
        self.state.at(new.seq);
        new
    }

    async fn pause(&self, backoff: &mut Backoff, reason: &str, after: Option<Duration>) {
        let wait = backoff.wait(after);
        self.state.retried();
        let (sink, wait_ms) = (&*self.name, wait.as_millis());
        tracing::warn!(sink, reason, wait_ms, "a sink's receiver does not take records");
        tokio::time::sleep(wait).await;
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(self.pace.backoff_min, self.pace.backoff_max)
    }
}

/// Runs what blocks on the disk beside the tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// The texts of a batch, each on its line.
pub(super) fn joined(items: &[Item]) -> Bytes {
    let bytes = items.iter().map(|item| item.text.len() + 1).sum();
    let mut out = Vec::with_capacity(bytes);
    for item in items {
        out.extend_from_slice(&item.text);
        out.push(b'\n');
    }
    out.into()
}

#[cfg(test)]
mod tests;
