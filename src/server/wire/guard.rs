//! Puts the [`Scanner`] between a connection and hyper's HTTP/1.1 parser.
//!
//! Assumes that one task polls both directions, as hyper does, and that every response body is
//! wrapped in [`Answered`]. Guarantees: bytes pass unchanged and uncopied up to the first
//! violation and never beyond it; exchanges that came before a refused head are answered first;
//! the connection stays open for the refusal, which its owner writes after hyper let go.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Place, Scanner, Violation};
use crate::body::{ReplyBody, StreamCut};

/// A connection whose client's bytes are scanned before they are read.
#[derive(Debug)]
pub struct Guarded<IO> {
    io: IO,
    scanner: Scanner,
    violation: Option<Violation>,
    answers: Answers,
    /// The last write or flush could not finish: part of an answer may be unsent.
    unsent: bool,
}

impl<IO> Guarded<IO> {
    /// Guards a connection that is at the first byte of its first request.
    pub fn new(io: IO, answers: Answers) -> Self {
        Self { io, scanner: Scanner::default(), violation: None, answers, unsent: false }
    }

    /// The violation that is still to be answered: a head was refused and nothing of an earlier
    /// answer is under way.
    #[must_use]
    pub fn unanswered(&self) -> Option<Violation> {
        self.violation.filter(|v| v.place == Place::Head && self.is_quiet())
    }

    /// The connection itself.
    pub fn into_inner(self) -> IO {
        self.io
    }

    /// Whether every request that went through has got its whole answer.
    fn is_quiet(&self) -> bool {
        !self.unsent && self.answers.ended() >= self.scanner.heads()
    }

    /// What hyper reads instead of a refused byte.
    fn refuse(&self, violation: Violation) -> Poll<io::Result<()>> {
        match violation.place {
            // The request is being judged: its body ends in an error.
            Place::Body => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation))),
            // An error now would cut off the answers before it. No waker is needed: this task
            // wakes for the answer's own progress, and hyper reads again when it is done.
            Place::Head if !self.is_quiet() => Poll::Pending,
            Place::Head => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation))),
        }
    }

    fn wrote<T>(&mut self, result: Poll<T>) -> Poll<T> {
        self.unsent = result.is_pending();
        result
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guarded<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(violation) = this.violation {
            return this.refuse(violation);
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        let scan = this.scanner.scan(buf.filled().get(before..).unwrap_or_default());
        let Some(violation) = scan.violation else { return Poll::Ready(Ok(())) };
        this.violation = Some(violation);
        buf.set_filled(before.saturating_add(scan.pass).min(buf.filled().len()));
        if scan.pass > 0 { Poll::Ready(Ok(())) } else { this.refuse(violation) }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guarded<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.wrote(result)
    }

    /// Only flushes. hyper takes an error between two requests for the end of the connection and
    /// shuts it down, but a refusal may have to be written; the owner closes it afterwards.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Counts the answers of one connection that have come to their end.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<AtomicU64>);

impl Answers {
    /// Wraps the body of the next answer.
    pub fn wrap(&self, body: ReplyBody) -> Answered {
        Answered { body, answers: self.clone() }
    }

    fn ended(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The body of an answer; counted when hyper has taken all of it, or given it up.
#[derive(Debug)]
pub struct Answered {
    body: ReplyBody,
    answers: Answers,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.answers.0.fetch_add(1, Ordering::AcqRel);
    }
}
