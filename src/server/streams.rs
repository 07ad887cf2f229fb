//! The streams of one HTTP/2 connection: counted, owned, and ended when their reader stalls.
//!
//! Assumes that hyper runs each stream as one task on [`Streams`] and that every answer's body is
//! a [`Pieces`]. Guarantees: an answer that the client's flow control holds up for too long is
//! reset, so that it does not hold its upstream; what is buffered for one stream stays within the
//! send buffer, because bodies are handed over in pieces; every task is tracked.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::task::TaskTracker;

use crate::body::{ReplyBody, StreamCut};
use crate::limits::H2_SEND_BUFFER_BYTES_MAX;

/// Runs the streams of one connection.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    tracker: TaskTracker,
    stall: Duration,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    ever: AtomicU64,
}

impl Streams {
    pub(super) fn new(tracker: TaskTracker, stall: Duration) -> Self {
        Self { tracker, stall, counts: Arc::default() }
    }

    /// Ends when no stream was open or opened for `idle`, or up to twice as long.
    pub(super) async fn idle(&self, idle: Duration) {
        let mut ever = self.counts.ever.load(Ordering::Acquire);
        loop {
            tokio::time::sleep(idle).await;
            let now = self.counts.ever.load(Ordering::Acquire);
            if now == ever && self.counts.open.load(Ordering::Acquire) == 0 {
                return;
            }
            ever = now;
        }
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.counts.ever.fetch_add(1, Ordering::AcqRel);
        let open = Open::new(Arc::clone(&self.counts));
        let stall = self.stall;
        self.tracker.spawn(HANDED.scope(Cell::new(Handed::default()), async move {
            let _open = open;
            until_stalled(stream, stall).await;
        }));
    }
}

/// One open stream.
struct Open(Arc<Counts>);

impl Open {
    fn new(counts: Arc<Counts>) -> Self {
        counts.open.fetch_add(1, Ordering::AcqRel);
        Self(counts)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What the stream of this task has handed to HTTP/2 so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Handed {
    pieces: u64,
    /// The last piece was handed over, and no further one has been asked for: the client's turn.
    waiting: bool,
}

tokio::task_local! {
    static HANDED: Cell<Handed>;
}

/// Runs a stream to its end, or until its client took no piece for `stall`. Dropping it then
/// resets the stream.
async fn until_stalled(stream: impl Future<Output = ()>, stall: Duration) {
    let mut stream = pin!(stream);
    let mut timer: Option<(u64, Pin<Box<Sleep>>)> = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let handed = HANDED.with(Cell::get);
        if !handed.waiting {
            timer = None;
            return Poll::Pending;
        }
        let deadline = || Instant::now() + stall;
        let (pieces, timer) =
            timer.get_or_insert_with(|| (handed.pieces, Box::pin(sleep_until(deadline()))));
        if *pieces != handed.pieces {
            *pieces = handed.pieces;
            timer.as_mut().reset(deadline());
        }
        timer.as_mut().poll(cx)
    })
    .await;
}

/// The body of an HTTP/2 answer, in pieces that fit the send buffer.
#[derive(Debug)]
pub(super) struct Pieces {
    body: ReplyBody,
    rest: Bytes,
}

impl Pieces {
    pub(super) fn new(body: ReplyBody) -> Self {
        Self { body, rest: Bytes::new() }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return other,
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        let next = self.get_mut().next(cx);
        // Outside a stream's task, in tests, nobody watches.
        let _unwatched = HANDED.try_with(|handed| {
            let before = handed.get();
            let waiting = matches!(next, Poll::Ready(Some(Ok(_))));
            let pieces = before.pieces.saturating_add(u64::from(waiting));
            handed.set(Handed { pieces, waiting });
        });
        next
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// Largest piece handed to HTTP/2 at once.
const PIECE_BYTES: usize = H2_SEND_BUFFER_BYTES_MAX / 2;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::stream;
    use http_body::Body;
    use http_body_util::BodyExt;
    use hyper::rt::Executor;
    use tokio_util::task::TaskTracker;

    use super::{HANDED, Handed, PIECE_BYTES, Pieces, Streams, until_stalled};
    use crate::body::ReplyBody;
    use crate::limits::H2_SEND_BUFFER_BYTES_MAX;

    const STALL: Duration = Duration::from_secs(60);

    async fn watched(stream: impl Future<Output = ()>) -> Duration {
        let started = tokio::time::Instant::now();
        HANDED.scope(Cell::new(Handed::default()), until_stalled(stream, STALL)).await;
        started.elapsed()
    }

    /// Asks for a piece every `every` until the body ends, then hangs up.
    async fn read(body: ReplyBody, every: Duration) {
        let mut body = Pieces::new(body);
        while body.frame().await.is_some() {
            tokio::time::sleep(every).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stream_whose_client_takes_nothing_ends_after_the_stall_time() {
        let body = ReplyBody::whole(Bytes::from(vec![0; PIECE_BYTES * 4]));
        assert_eq!(watched(read(body, Duration::from_secs(100_000))).await, STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn stream_whose_client_is_slow_but_reads_goes_on_to_its_end() {
        let body = ReplyBody::whole(Bytes::from(vec![0; PIECE_BYTES * 4]));
        assert_eq!(watched(read(body, Duration::from_secs(50))).await, Duration::from_secs(200));
    }

    #[tokio::test(start_paused = true)]
    async fn stream_whose_upstream_is_silent_is_not_the_client_s_fault() {
        let silence = stream::once(async {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok(Bytes::from_static(b"event"))
        });
        let body = ReplyBody::stream(Box::pin(silence));
        let took = watched(read(body, Duration::from_secs(1))).await;
        assert_eq!(took, Duration::from_secs(601));
    }

    #[tokio::test]
    async fn pieces_give_the_same_bytes_and_the_exact_length() {
        let bytes: Vec<u8> = (0..PIECE_BYTES * 2 + 7).map(|i| i.to_le_bytes()[0]).collect();
        let body = Pieces::new(ReplyBody::whole(Bytes::from(bytes.clone())));
        assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        assert_eq!(body.collect().await.unwrap().to_bytes(), bytes);
        let mut body = Pieces::new(ReplyBody::whole(Bytes::from(bytes)));
        while let Some(frame) = body.frame().await {
            assert!(frame.unwrap().data_ref().unwrap().len() <= H2_SEND_BUFFER_BYTES_MAX);
        }
        assert!(Pieces::new(ReplyBody::whole(Bytes::new())).is_end_stream());
    }

    #[tokio::test(start_paused = true)]
    async fn connection_is_idle_only_while_no_stream_is_open() {
        let streams = Streams::new(TaskTracker::new(), STALL);
        streams.execute(tokio::time::sleep(Duration::from_secs(500)));
        let started = tokio::time::Instant::now();
        streams.idle(Duration::from_secs(100)).await;
        let waited = started.elapsed().as_secs();
        assert!((500..=700).contains(&waited), "{waited}");
    }
}
