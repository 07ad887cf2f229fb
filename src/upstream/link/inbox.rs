//! Where the messages of a server wait to be heard, and the end of the conversation.
//!
//! Owns the sending half of [`Link::heard`] and the reason why a conversation is over. Guarantees:
//! the first reason stands, the channel closes once the link is over and its tasks have let go,
//! and no task waits for a listener that is gone.
//!
//! [`Link::heard`]: super::Link::heard

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Heard, LinkError};
use crate::limits::LINK_INBOX_MAX;

/// The way to the listener. Cheap to clone; all clones end together.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    /// `None` once the link is over, so that the channel closes.
    sender: Arc<Mutex<Option<mpsc::Sender<Heard>>>>,
    token: CancellationToken,
    why: Arc<OnceLock<LinkError>>,
}

/// The conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

impl Inbox {
    /// A link that also ends when `all` is cancelled.
    pub(super) fn new(all: &CancellationToken) -> (Self, mpsc::Receiver<Heard>) {
        let (sender, heard) = mpsc::channel(LINK_INBOX_MAX);
        let sender = Arc::new(Mutex::new(Some(sender)));
        (Self { sender, token: all.child_token(), why: Arc::default() }, heard)
    }

    /// Hands one thing to the listener; waits while the inbox is full. Cancel-safe: what was not
    /// handed over is lost with the future, and nothing else.
    pub(super) async fn hear(&self, heard: Heard) -> Result<(), Over> {
        let sender = self.sender().ok_or(Over)?;
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(Over),
            sent = sender.send(heard) => sent.map_err(|_| {
                self.end(DROPPED);
                Over
            }),
        }
    }

    /// Ends the conversation; the first reason stands.
    pub(super) fn end(&self, why: LinkError) {
        let _ = self.why.set(why);
        self.token.cancel();
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(sender);
    }

    /// Waits until the conversation is over, or nobody listens any more.
    pub(super) async fn over(&self) {
        let Some(sender) = self.sender() else { return };
        tokio::select! {
            () = self.token.cancelled() => {}
            () = sender.closed() => {}
        }
        drop(sender);
        // Also when every link was told to end: the channel must close.
        self.end(DROPPED);
    }

    /// Cancelled with the conversation.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// What a message gets that comes too late.
    pub(super) fn check(&self) -> Result<(), LinkError> {
        if self.token.is_cancelled() { Err(self.why()) } else { Ok(()) }
    }

    /// Why it is over.
    pub(super) fn why(&self) -> LinkError {
        self.why.get().cloned().unwrap_or(DROPPED)
    }

    fn sender(&self) -> Option<mpsc::Sender<Heard>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Nobody listens, or the gateway stops.
pub(super) const DROPPED: LinkError = LinkError::Closed("it was closed on our side");

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::{DROPPED, Inbox, Over};
    use crate::limits::LINK_INBOX_MAX;
    use crate::upstream::link::{Heard, LinkError};

    const ENDED: Heard = Heard::Ended { tag: 1, error: None };

    #[tokio::test]
    async fn first_reason_stands_and_the_channel_closes() {
        let (inbox, mut heard) = Inbox::new(&CancellationToken::new());
        inbox.end(LinkError::Timeout);
        inbox.end(DROPPED);
        assert!(heard.recv().await.is_none());
        assert_eq!(inbox.why(), LinkError::Timeout);
        assert_eq!(inbox.hear(ENDED).await, Err(Over));
    }

    #[tokio::test]
    async fn inbox_of_link_inbox_max_makes_the_server_wait() {
        let (inbox, mut heard) = Inbox::new(&CancellationToken::new());
        for _ in 0..LINK_INBOX_MAX {
            inbox.hear(ENDED).await.unwrap();
        }
        let mut waiting = tokio_test_task(inbox.hear(ENDED));
        assert!(waiting.poll());
        heard.recv().await.unwrap();
        assert!(!waiting.poll());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_listener_that_is_gone() {
        let (inbox, heard) = Inbox::new(&CancellationToken::new());
        drop(heard);
        inbox.over().await;
        assert_eq!(inbox.check(), Err(DROPPED));
    }

    #[tokio::test]
    async fn end_of_all_ends_each_one() {
        let all = CancellationToken::new();
        let (inbox, mut heard) = Inbox::new(&all);
        all.cancel();
        inbox.over().await;
        assert!(heard.recv().await.is_none());
    }

    /// A future that is polled by hand.
    fn tokio_test_task<F: Future>(future: F) -> ByHand<F> {
        ByHand(Box::pin(future))
    }

    struct ByHand<F>(std::pin::Pin<Box<F>>);

    impl<F: Future> ByHand<F> {
        /// Whether it still waits.
        fn poll(&mut self) -> bool {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            self.0.as_mut().poll(&mut cx).is_pending()
        }
    }
}
