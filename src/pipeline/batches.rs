//! Requests that bring several messages (MCP 2025-03-26), on servers that say `batches: each`.
//!
//! Each message runs through the whole pipeline as an exchange of its own, one after the other, so
//! that a batch is never more calls at once than its caller may have. What the client waits for
//! comes as an event stream, each answer as soon as it is there; where it waits for nothing, the
//! status says whether every message was taken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::BodyExt;

use super::{Pipeline, old_clients};
use crate::body::{Closed, End, ReplyBody, StreamCut};
use crate::decode::{Batch, One};
use crate::mcp::sse;
use crate::observe::Record;
use crate::reply;

impl Pipeline {
    /// Serves the messages of a batch, each alone.
    pub(super) async fn each(
        self: &Arc<Self>,
        mut batch: Batch,
        mut record: Record,
        cx: &reply::Context,
    ) -> Response<ReplyBody> {
        let (id, messages): (Arc<str>, _) = (record.request_id().into(), batch.count());
        if !batch.awaits() {
            let mut refusal = None;
            while let Some(one) = batch.next(&id) {
                let response = self.alone(one).await;
                refusal = refusal.or(Some(response).filter(|r| !r.status().is_success()));
            }
            let response = refusal.unwrap_or_else(|| old_clients::accepted(cx));
            let closed = Closed { bytes: response.body().known_length(), end: End::Complete };
            record.close_batch(response.status().as_u16(), closed, messages);
            return response;
        }
        let answers = Answers { pipeline: Arc::clone(self), batch, id, events: None };
        let body = stream::unfold(answers, |mut answers| async move {
            let next = answers.next().await?;
            Some((next, answers))
        });
        let body = ReplyBody::stream(Box::pin(body)).on_close(move |closed| {
            record.close_batch(StatusCode::OK.as_u16(), closed, messages);
        });
        reply::events(body, cx)
    }

    /// Boxed, because the pipeline that serves a batch serves its messages.
    fn alone(
        self: &Arc<Self>,
        one: One,
    ) -> Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>> {
        let pipeline = Arc::clone(self);
        Box::pin(async move { pipeline.serve(one.exchange).await })
    }
}

/// The answers to a batch as one event stream.
struct Answers {
    pipeline: Arc<Pipeline>,
    batch: Batch,
    id: Arc<str>,
    /// The stream with which a message is being answered.
    events: Option<ReplyBody>,
}

impl Answers {
    /// The next piece. Cancel-safe: dropped, the message that is being served is given up like any
    /// request whose client went away, and those behind it are never begun.
    async fn next(&mut self) -> Option<Result<Bytes, StreamCut>> {
        loop {
            if let Some(events) = &mut self.events {
                match events.frame().await {
                    // An answer that is cut cuts the whole: the client cannot tell whose it was.
                    Some(Err(cut)) => return Some(Err(cut)),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => return Some(Ok(data)),
                        Err(_) => continue,
                    },
                    None => self.events = None,
                }
            }
            let one = self.batch.next(&self.id)?;
            let awaits = one.awaits;
            let (head, body) = self.pipeline.alone(one).await.into_parts();
            if head.headers.get(CONTENT_TYPE).is_some_and(is_events) {
                self.events = Some(body);
                continue;
            }
            let Ok(whole) = body.collect().await else { return Some(Err(StreamCut)) };
            if awaits {
                return Some(Ok(sse::message(&whole.to_bytes())));
            }
        }
    }
}

fn is_events(media: &HeaderValue) -> bool {
    media.as_bytes().starts_with(b"text/event-stream")
}
