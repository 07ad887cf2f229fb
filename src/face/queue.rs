//! What waits for one client: events in order, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::limits::STREAM_QUEUE_BYTES_MAX;

/// A queue with many writers and one reader. A writer waits while [`STREAM_QUEUE_BYTES_MAX`] are
/// taken; an event that is larger than that waits until the queue is empty.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Bytes>,
    bytes: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), came: Notify::new(), room: Notify::new() }
    }

    /// Adds the first event, for which there is room.
    pub(super) fn put_first(&self, event: Bytes) {
        self.lock().push(event);
    }

    /// Adds an event when there is room. Cancel-safe: an event is in whole or not at all.
    pub(super) async fn put(&self, event: Bytes) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // Enabled before the look, so that room that is made in between is not missed.
            room.as_mut().enable();
            {
                let mut waiting = self.lock();
                if waiting.fits(&event) {
                    waiting.push(event);
                    self.came.notify_one();
                    return;
                }
            }
            room.await;
        }
    }

    /// Takes the next event. Cancel-safe.
    pub(super) async fn take(&self) -> Bytes {
        loop {
            if let Some(event) = self.lock().pop() {
                self.room.notify_waiters();
                return event;
            }
            self.came.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn fits(&self, event: &Bytes) -> bool {
        self.events.is_empty() || self.bytes.saturating_add(event.len()) <= STREAM_QUEUE_BYTES_MAX
    }

    fn push(&mut self, event: Bytes) {
        self.bytes = self.bytes.saturating_add(event.len());
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<Bytes> {
        let event = self.events.pop_front()?;
        self.bytes = self.bytes.saturating_sub(event.len());
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::Queue;
    use crate::limits::STREAM_QUEUE_BYTES_MAX;

    #[tokio::test]
    async fn writer_waits_at_stream_queue_bytes_max_and_goes_on_when_somebody_reads() {
        let queue = Queue::new();
        let half = Bytes::from(vec![0; STREAM_QUEUE_BYTES_MAX / 2]);
        queue.put(half.clone()).await;
        queue.put(half.clone()).await;
        let mut third = Box::pin(queue.put(Bytes::from_static(b"x")));
        assert!(third.as_mut().now_or_never().is_none());
        assert_eq!(queue.take().await, half);
        third.await;
        assert_eq!(queue.take().await, half);
        assert_eq!(queue.take().await, "x");
        assert!(queue.take().now_or_never().is_none());
    }

    #[tokio::test]
    async fn event_larger_than_the_queue_waits_alone() {
        let queue = Queue::new();
        queue.put(Bytes::from_static(b"a")).await;
        let large = Bytes::from(vec![1; STREAM_QUEUE_BYTES_MAX + 1]);
        let mut put = Box::pin(queue.put(large.clone()));
        assert!(put.as_mut().now_or_never().is_none());
        assert_eq!(queue.take().await, "a");
        put.await;
        assert_eq!(queue.take().await, large);
    }
}
