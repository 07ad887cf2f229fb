//! Time bounds of a byte stream: its first bytes, and writes that do not progress.
//!
//! Owns [`Paced`]. Guarantees that a peer which neither reads nor speaks loses its connection:
//! hyper bounds only the HTTP/1.1 head, nothing in HTTP/2's preface and no write at all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// A connection with deadlines.
#[derive(Debug)]
pub(super) struct Paced<IO> {
    io: IO,
    first: Option<FirstBytes>,
    stall: Duration,
    /// Made at the first write that has to wait, then kept.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

#[derive(Debug)]
struct FirstBytes {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

impl<IO> Paced<IO> {
    /// Bounds writes: an error after `stall` without progress.
    pub(super) fn new(io: IO, stall: Duration) -> Self {
        Self { io, first: None, stall, timer: None, waiting: false }
    }

    /// Bounds also the arrival of the first `bytes`: an error when they are not there `within`.
    pub(super) fn with_first_bytes(mut self, bytes: usize, within: Duration) -> Self {
        self.first = Some(FirstBytes { missing: bytes, deadline: Box::pin(sleep(within)) });
        self
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }

    /// Turns waiting for too long into an error.
    fn paced<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = false;
            return result;
        }
        let deadline = Instant::now() + self.stall;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Paced<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.io).poll_read(cx, buf);
        let Some(first) = &mut this.first else { return result };
        if result.is_pending() {
            ready!(first.deadline.as_mut().poll(cx));
            let late = io::Error::new(io::ErrorKind::TimedOut, "the client does not speak");
            return Poll::Ready(Err(late));
        }
        let read = buf.filled().len().saturating_sub(before);
        first.missing = first.missing.saturating_sub(read);
        if first.missing == 0 {
            this.first = None;
        }
        result
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Paced<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.paced(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.paced(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.paced(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_shutdown(cx);
        this.paced(cx, result)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::Paced;

    const STALL: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn write_without_progress_fails_after_the_stall_time() {
        let (near, _far) = duplex(8);
        let mut near = Paced::new(near, STALL);
        let started = tokio::time::Instant::now();
        let error = near.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_that_progresses_keeps_its_connection() {
        let (near, mut far) = duplex(8);
        let mut near = Paced::new(near, STALL);
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            let mut piece = [0; 8];
            while all.len() < 64 {
                tokio::time::sleep(Duration::from_secs(50)).await;
                let n = far.read(&mut piece).await.unwrap();
                all.extend_from_slice(&piece[..n]);
            }
            all.len()
        });
        near.write_all(&[0; 64]).await.unwrap();
        assert_eq!(reader.await.unwrap(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn first_bytes_must_all_arrive_in_time() {
        let (near, mut far) = duplex(64);
        let mut near = Paced::new(near, STALL).with_first_bytes(24, Duration::from_secs(10));
        far.write_all(&[0; 23]).await.unwrap();
        let error = near.read_exact(&mut [0; 24]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_after_the_first_bytes_is_not_this_module_s_business() {
        let (near, mut far) = duplex(64);
        let mut near = Paced::new(near, STALL).with_first_bytes(24, Duration::from_secs(10));
        far.write_all(&[0; 24]).await.unwrap();
        near.read_exact(&mut [0; 24]).await.unwrap();
        let more = tokio::time::timeout(Duration::from_secs(1000), near.read_u8()).await;
        assert!(more.is_err(), "still waiting");
    }
}
