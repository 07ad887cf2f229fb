//! What somebody waits for: the answer of a call, and what the server says unasked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::Item;
use super::table::Found;
use super::{ServerRequestId, Shared};
use crate::upstream::link::LinkError;

/// What a server says to a call, or unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The answer, the whole message; nothing comes after it. Never unasked.
    Answer(Bytes),
    /// A notification.
    Notification(Bytes),
    /// The server asks something and waits for [`super::Conversation::answer`].
    Request {
        /// Which request.
        id: ServerRequestId,
        /// The whole message.
        message: Bytes,
    },
}

/// A request under way. Dropping it before its answer cancels it at the server and forgets it.
#[derive(Debug)]
pub struct Call {
    shared: Arc<Shared>,
    tag: u64,
    wake: Arc<Notify>,
    over: bool,
}

/// What the server says unasked. Dropping it lets somebody else listen.
#[derive(Debug)]
pub struct Unasked {
    shared: Arc<Shared>,
    number: u64,
    wake: Arc<Notify>,
}

impl From<Item> for Told {
    fn from(item: Item) -> Self {
        match item {
            Item::Notification(message) => Self::Notification(message),
            Item::Request { id, message } => Self::Request { id, message },
        }
    }
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, tag: u64, wake: Arc<Notify>) -> Self {
        Self { shared, tag, wake, over: false }
    }

    /// What the server says next; `None` after the answer, after an error, and when the call was
    /// cancelled by a notification. Cancel-safe.
    ///
    /// # Errors
    /// Why no answer comes; nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<Told, LinkError>> {
        while !self.over {
            let found = self.shared.table().next(self.tag);
            self.over = !matches!(found, Found::Item(_) | Found::Wait);
            match found {
                Found::Item(item) => return Some(Ok(item.into())),
                Found::Answer(answer) => return Some(Ok(Told::Answer(answer))),
                Found::Failed(error) => return Some(Err(error)),
                Found::Over => return None,
                Found::Wait => self.wake.notified().await,
            }
        }
        None
    }

    /// The caller is gone, which is no cancellation in the legacy revisions (MCP 2025-11-25,
    /// Transports, "Sending Messages to the Server"): the call goes on for a while, its answer is
    /// dropped, and what else the server says to it is said unasked.
    pub fn leave(mut self, within: Duration) {
        if !std::mem::replace(&mut self.over, true) {
            let effects = self.shared.table().leave(self.tag, Instant::now() + within);
            self.shared.perform(effects);
        }
    }

    /// The request never left: there is nothing to cancel.
    pub(super) fn unsent(mut self) {
        self.over = true;
        self.shared.table().unsent(self.tag);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.over {
            let effects = self.shared.table().abandon(self.tag);
            self.shared.perform(effects);
        }
    }
}

impl Unasked {
    pub(super) fn new(shared: Arc<Shared>, number: u64, wake: Arc<Notify>) -> Self {
        Self { shared, number, wake }
    }

    /// What is said next; `None` when the conversation is over, or somebody else listens instead.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            let wake = Arc::clone(&self.wake);
            let mut woken = std::pin::pin!(wake.notified());
            // Before looking: who takes over wakes those only that are known to wait.
            woken.as_mut().enable();
            match self.shared.table().next_unasked(self.number) {
                Found::Item(item) => return Some(item.into()),
                Found::Answer(_) | Found::Failed(_) | Found::Over => return None,
                Found::Wait => {}
            }
            woken.await;
        }
    }
}

impl Drop for Unasked {
    fn drop(&mut self) {
        let mut table = self.shared.table();
        if table.listener == Some(self.number) {
            table.listener = None;
        }
    }
}
