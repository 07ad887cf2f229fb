//! An event stream of a server, event by event.
//!
//! Guarantees: an event is bounded, so is the silence before the next bytes, and comments and
//! events that are not JSON-RPC messages are left out; where the stream was is remembered, so that
//! it can be taken up again.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;

use super::LinkError;
use crate::limits::{EVENT_ID_BYTES_MAX, LINK_RETRY_MAX_MS, LINK_RETRY_MIN_MS, LINK_RETRY_MS};
use crate::mcp::sse::{Decoder, Event, SseError};
use crate::upstream::answer::RawBody;

/// One stream that is being read.
#[derive(Debug)]
pub(super) struct Events {
    body: RawBody,
    decoder: Decoder,
    idle: Duration,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// In order.
    Complete,
    /// The connection broke off.
    Broken,
}

impl Events {
    pub(super) fn new(body: RawBody, event_bytes_max: usize, idle: Duration) -> Self {
        Self { body, decoder: Decoder::new(event_bytes_max), idle }
    }

    /// The next event that is more than a comment. Cancel-safe.
    ///
    /// # Errors
    /// When an event is too large or nothing came for too long.
    pub(super) async fn next(&mut self) -> Result<Result<Event, End>, LinkError> {
        loop {
            while let Some(event) = self.decoder.next_event() {
                let event = event.map_err(|SseError::TooLarge { .. }| {
                    LinkError::Malformed("an event that is too large")
                })?;
                if !event.comment_only {
                    return Ok(Ok(event));
                }
            }
            match tokio::time::timeout(self.idle, self.body.data()).await {
                Err(_) => return Err(LinkError::Timeout),
                Ok(None) => return Ok(Err(End::Complete)),
                Ok(Some(Err(_))) => return Ok(Err(End::Broken)),
                Ok(Some(Ok(data))) => self.decoder.push(data),
            }
        }
    }
}

/// The JSON-RPC message of an event. Events of other types and priming events have none.
pub(super) fn message(event: &Event) -> Option<Bytes> {
    let named = event.event.as_deref().is_none_or(|name| name.is_empty() || name == b"message");
    event.data.clone().filter(|data| named && !data.trim_ascii().is_empty())
}

/// Where a stream was, and when to come back.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    /// The last event id, as it goes into `Last-Event-ID`.
    pub(super) last_id: Option<HeaderValue>,
    /// How long to wait before coming back.
    pub(super) retry: Duration,
}

impl Cursor {
    pub(super) fn new() -> Self {
        Self { last_id: None, retry: Duration::from_millis(LINK_RETRY_MS) }
    }

    /// Takes in `id` and `retry` of an event. An id that no header can carry is as good as none
    /// (WHATWG HTML, section 9.2: an empty one resets it).
    pub(super) fn note(&mut self, event: &Event) {
        if let Some(id) = &event.id {
            self.last_id = HeaderValue::from_maybe_shared(id.clone())
                .ok()
                .filter(|id| !id.is_empty() && id.len() <= EVENT_ID_BYTES_MAX);
        }
        if let Some(retry) = &event.retry {
            let typed = std::str::from_utf8(retry).ok().and_then(|text| text.parse::<u64>().ok());
            let ms = typed.unwrap_or(LINK_RETRY_MAX_MS);
            self.retry = Duration::from_millis(ms.clamp(LINK_RETRY_MIN_MS, LINK_RETRY_MAX_MS));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::stream;

    use super::{Cursor, End, Events, message};
    use crate::limits::{EVENT_ID_BYTES_MAX, LINK_RETRY_MAX_MS, LINK_RETRY_MIN_MS, LINK_RETRY_MS};
    use crate::upstream::answer::{BodyBroken, RawBody};
    use crate::upstream::link::LinkError;

    fn events(pieces: Vec<Result<&'static [u8], BodyBroken>>) -> Events {
        let pieces = pieces.into_iter().map(|piece| piece.map(Bytes::from_static));
        let body = RawBody::Composed(Box::pin(stream::iter(pieces)));
        Events::new(body, 64, Duration::from_secs(1))
    }

    async fn only(bytes: &'static [u8]) -> crate::mcp::sse::Event {
        events(vec![Ok(bytes)]).next().await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn comments_are_left_out_and_the_end_says_how_it_came() {
        let mut stream = events(vec![Ok(b": ping\n\nda"), Ok(b"ta: {}\r\n\r\n"), Err(BodyBroken)]);
        let event = stream.next().await.unwrap().unwrap();
        assert_eq!(message(&event).unwrap(), "{}");
        assert_eq!(stream.next().await.unwrap(), Err(End::Broken));
        assert_eq!(events(Vec::new()).next().await.unwrap(), Err(End::Complete));
    }

    #[tokio::test]
    async fn events_that_are_no_messages_have_none() {
        for bytes in [&b"event: ping\ndata: {}\n\n"[..], b"id: 1\ndata:\n\n", b"id: 2\n\n"] {
            assert_eq!(message(&only(bytes).await), None);
        }
        for bytes in [&b"data: {}\n\n"[..], b"event: message\ndata: {}\n\n"] {
            assert!(message(&only(bytes).await).is_some());
        }
    }

    #[tokio::test]
    async fn huge_event_is_an_error() {
        let mut stream = events(vec![Ok(&[b'x'; 65])]);
        let error = stream.next().await.unwrap_err();
        assert_eq!(error, LinkError::Malformed("an event that is too large"));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_stream_is_given_up() {
        let body = RawBody::Composed(Box::pin(stream::pending()));
        let mut stream = Events::new(body, 64, Duration::from_secs(900));
        assert_eq!(stream.next().await.unwrap_err(), LinkError::Timeout);
    }

    #[tokio::test]
    async fn cursor_keeps_the_last_id_and_a_bounded_retry() {
        let mut cursor = Cursor::new();
        assert_eq!(cursor.retry, Duration::from_millis(LINK_RETRY_MS));
        for (bytes, id, retry_ms) in [
            (&b"id: a/1\nretry: 5000\ndata:\n\n"[..], Some("a/1"), 5000),
            (b"data: {}\nretry: 0\n\n", Some("a/1"), LINK_RETRY_MIN_MS),
            (b"id:\nretry: 99999999999999999999\n\n", None, LINK_RETRY_MAX_MS),
        ] {
            cursor.note(&only(bytes).await);
            assert_eq!(cursor.last_id.as_ref().map(|id| id.to_str().unwrap()), id);
            assert_eq!(cursor.retry, Duration::from_millis(retry_ms));
        }
        let mut event = only(b"data: x\n\n").await;
        event.id = Some(Bytes::from(vec![b'x'; EVENT_ID_BYTES_MAX + 1]));
        cursor.note(&event);
        assert_eq!(cursor.last_id, None);
    }
}
