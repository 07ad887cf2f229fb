//! What waits to be heard: bounded by messages and by bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::ServerRequestId;
use crate::limits::{TALK_QUEUE_BYTES_MAX, TALK_QUEUE_MESSAGES_MAX};

/// One thing that a server said, other than an answer.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Notification(Bytes),
    Request { id: ServerRequestId, message: Bytes },
}

/// A bounded queue with one reader.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    wake: Arc<Notify>,
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Notification(message) | Self::Request { message, .. } => message.len(),
        }
    }
}

impl Queue {
    /// Whether one more fits; the first always does.
    pub(super) fn has_room(&self, item: &Item) -> bool {
        let bytes = self.bytes.saturating_add(item.len());
        self.items.is_empty()
            || (self.items.len() < TALK_QUEUE_MESSAGES_MAX && bytes <= TALK_QUEUE_BYTES_MAX)
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes = self.bytes.saturating_add(item.len());
        self.items.push_back(item);
        self.wake.notify_one();
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.len());
        Some(item)
    }

    /// All that waits; the reader stays.
    pub(super) fn take(&mut self) -> VecDeque<Item> {
        self.bytes = 0;
        std::mem::take(&mut self.items)
    }

    /// What the one reader waits on; a wake-up that comes before the wait is kept.
    pub(super) fn wake(&self) -> &Arc<Notify> {
        &self.wake
    }
}
