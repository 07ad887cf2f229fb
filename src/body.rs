//! The only body that the gateway sends.
//!
//! Owns [`ReplyBody`]. Guarantees: its hook runs exactly once, when the last byte was handed over,
//! when the stream failed, or when the client went away and the body was dropped. The exchange's
//! record, its concurrency slot and its metrics ride in that hook.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every byte was handed to the connection.
    Complete,
    /// The source failed or was cut; the client sees an aborted transfer.
    Failed,
    /// The client went away before the end.
    Dropped,
}

/// What the hook is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Body bytes handed to the connection.
    pub bytes: u64,
    /// How it ended.
    pub end: End,
}

/// A source of body bytes that may fail; a failure aborts the transfer visibly.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StreamCut>> + Send>>;

/// The stream was cut; the reason is in the record, not on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stream cut by the gateway")]
pub struct StreamCut;

type Hook = Box<dyn FnOnce(Closed) + Send>;

/// A body with a hook for its end.
pub struct ReplyBody {
    source: Source,
    sent: u64,
    hook: Option<Hook>,
}

enum Source {
    Whole(Option<Bytes>),
    Stream(ByteStream),
}

impl ReplyBody {
    /// A body known in full; may be empty.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let bytes = Some(bytes).filter(|b| !b.is_empty());
        Self { source: Source::Whole(bytes), sent: 0, hook: None }
    }

    /// A body that comes piece by piece.
    #[must_use]
    pub fn stream(stream: ByteStream) -> Self {
        Self { source: Source::Stream(stream), sent: 0, hook: None }
    }

    /// Length in bytes of a whole body; 0 for a stream.
    #[must_use]
    pub fn known_length(&self) -> u64 {
        self.size_hint().exact().unwrap_or(0)
    }

    /// Sets what happens at the end; replaces nothing, because it is called once, by the pipeline.
    #[must_use]
    pub fn on_close(mut self, hook: impl FnOnce(Closed) + Send + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    fn close(&mut self, end: End) {
        if let Some(hook) = self.hook.take() {
            hook(Closed { bytes: self.sent, end });
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        let this = self.get_mut();
        let next = match &mut this.source {
            Source::Whole(bytes) => bytes.take().map(Ok),
            Source::Stream(stream) => match stream.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => next,
            },
        };
        match next {
            Some(Ok(bytes)) => {
                this.sent = this.sent.saturating_add(bytes.len() as u64);
                if this.is_end_stream() {
                    this.close(End::Complete);
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(cut)) => {
                this.close(End::Failed);
                Poll::Ready(Some(Err(cut)))
            }
            None => {
                this.close(End::Complete);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.source, Source::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Source::Stream(_) => SizeHint::default(),
        }
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        // An empty body is never polled by hyper: it is complete as it stands.
        let end = if self.is_end_stream() { End::Complete } else { End::Dropped };
        self.close(end);
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyBody").field("sent", &self.sent).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::{Closed, End, ReplyBody, StreamCut};

    fn watched(body: ReplyBody) -> (ReplyBody, Arc<Mutex<Vec<Closed>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        (body.on_close(move |c| into.lock().unwrap().push(c)), seen)
    }

    #[tokio::test]
    async fn whole_body_closes_once_and_complete() {
        let (body, seen) = watched(ReplyBody::whole(Bytes::from_static(b"hello")));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
        assert_eq!(*seen.lock().unwrap(), [Closed { bytes: 5, end: End::Complete }]);
    }

    #[tokio::test]
    async fn failing_stream_closes_as_failed() {
        let parts = [Ok(Bytes::from_static(b"ab")), Err(StreamCut)];
        let (body, seen) = watched(ReplyBody::stream(Box::pin(stream::iter(parts))));
        assert!(body.collect().await.is_err());
        assert_eq!(*seen.lock().unwrap(), [Closed { bytes: 2, end: End::Failed }]);
    }

    #[test]
    fn body_dropped_unread_closes_as_dropped_and_empty_as_complete() {
        let (body, seen) = watched(ReplyBody::whole(Bytes::from_static(b"x")));
        drop(body);
        let (empty, seen_empty) = watched(ReplyBody::whole(Bytes::new()));
        drop(empty);
        assert_eq!(seen.lock().unwrap()[0].end, End::Dropped);
        assert_eq!(seen_empty.lock().unwrap()[0].end, End::Complete);
    }
}
