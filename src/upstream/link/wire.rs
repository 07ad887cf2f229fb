//! What the HTTP transports share: requests, the reading of answers, and how failures are named.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::Full;

use super::LinkError;
use crate::limits::{LINK_DRAIN_BYTES_MAX, LINK_DRAIN_MS};
use crate::principal::Principal;
use crate::upstream::answer::{Raw, RawBody};
use crate::upstream::{UpstreamError, http::Http};
use crate::{config, limits};

/// The client of one server and the bounds of its answers.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) http: Arc<Http>,
    /// To the head of an answer.
    pub(super) head: Duration,
    /// Silence in a JSON answer.
    pub(super) idle: Duration,
    /// Silence in an event stream.
    pub(super) stream_idle: Duration,
    pub(super) answer_bytes_max: usize,
}

impl Wire {
    pub(super) fn new(upstream: &config::Upstream, http: Arc<Http>) -> Self {
        Self {
            http,
            head: upstream.head_timeout,
            idle: upstream.idle_timeout,
            stream_idle: upstream.stream_idle_timeout,
            answer_bytes_max: upstream.answer_bytes_max,
        }
    }

    /// The same for one caller, where callers have credentials of their own.
    pub(super) fn acting_for(self: &Arc<Self>, who: &Principal) -> Arc<Self> {
        let http = self.http.acting_for(who);
        if Arc::ptr_eq(&http, &self.http) {
            return Arc::clone(self);
        }
        let Self { http: _, head, idle, stream_idle, answer_bytes_max } = **self;
        Arc::new(Self { http, head, idle, stream_idle, answer_bytes_max })
    }

    /// Largest event of a stream in bytes.
    pub(super) fn event_bytes_max(&self) -> usize {
        self.answer_bytes_max.min(limits::EVENT_BYTES_MAX)
    }

    /// Sends a request and waits for the head of its answer. Cancel-safe: dropping the future
    /// closes the connection.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        head: Duration,
    ) -> Result<Raw, LinkError> {
        self.http.dispatch(request, head).await.map_err(link_error)
    }

    /// A whole JSON answer.
    pub(super) async fn whole(&self, body: RawBody, max: usize) -> Result<Bytes, LinkError> {
        whole(body, self.idle, max).await
    }
}

/// A request with the headers of a message; the gateway's own come later.
pub(super) fn request(
    method: Method,
    uri: Uri,
    headers: &[(HeaderName, HeaderValue)],
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    request
}

/// A GET for an event stream.
pub(super) fn stream_request(uri: Uri) -> Request<Full<Bytes>> {
    request(Method::GET, uri, &[(ACCEPT, EVENTS)], Bytes::new())
}

/// What an answer's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Events,
    /// It does not say.
    Absent,
    Other,
}

impl Media {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::Absent };
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        match essence.trim_ascii() {
            name if name.eq_ignore_ascii_case(b"application/json") => Self::Json,
            name if name.eq_ignore_ascii_case(b"text/event-stream") => Self::Events,
            _other => Self::Other,
        }
    }
}

/// Reads and forgets what a server says where it has nothing to say, so that the connection can be
/// used again; what is longer or slower than it is worth ends the connection.
pub(super) async fn drain(mut body: RawBody) {
    let read = async {
        let mut left = LINK_DRAIN_BYTES_MAX;
        while let Some(Ok(data)) = body.data().await {
            match left.checked_sub(data.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(LINK_DRAIN_MS), read).await;
}

async fn whole(mut body: RawBody, idle: Duration, max: usize) -> Result<Bytes, LinkError> {
    let mut all: Option<BytesMut> = None;
    let mut first = Bytes::new();
    loop {
        let data = match tokio::time::timeout(idle, body.data()).await {
            Err(_) => return Err(LinkError::Timeout),
            Ok(None) => return Ok(all.map_or(first, BytesMut::freeze)),
            Ok(Some(Err(_))) => return Err(BROKEN),
            Ok(Some(Ok(data))) => data,
        };
        let length = all.as_ref().map_or(first.len(), BytesMut::len);
        if length.saturating_add(data.len()) > max {
            return Err(LinkError::Malformed("an answer that is too large"));
        }
        // One piece, as nearly every answer comes, is not copied.
        match &mut all {
            None if first.is_empty() => first = data,
            None => {
                let mut joined = BytesMut::from(&*first);
                joined.extend_from_slice(&data);
                all = Some(joined);
            }
            Some(joined) => joined.extend_from_slice(&data),
        }
    }
}

/// Whether a status says that the message was taken.
pub(super) fn accepted(status: StatusCode) -> Result<(), LinkError> {
    if status.is_success() { Ok(()) } else { Err(LinkError::Status(status)) }
}

pub(super) fn link_error(error: UpstreamError) -> LinkError {
    match error {
        UpstreamError::Request => LinkError::Unreachable("the request could not be built"),
        UpstreamError::Connect => LinkError::Unreachable("no connection"),
        UpstreamError::Closed => BROKEN,
        UpstreamError::Malformed(why) => LinkError::Malformed(why),
        UpstreamError::Timeout(_) => LinkError::Timeout,
        UpstreamError::Credential(why) => LinkError::Credential(why),
    }
}

pub(super) const BROKEN: LinkError = LinkError::Closed("the connection broke off");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::stream;
    use http::HeaderMap;

    use super::{BROKEN, Media, drain, whole};
    use crate::limits::{LINK_DRAIN_BYTES_MAX, LINK_DRAIN_MS};
    use crate::upstream::answer::{BodyBroken, RawBody};
    use crate::upstream::link::LinkError;

    fn body(pieces: Vec<Result<Bytes, BodyBroken>>) -> RawBody {
        RawBody::Composed(Box::pin(stream::iter(pieces)))
    }

    #[test]
    fn media_type_is_read_without_regard_to_case_and_parameters() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", text.parse().unwrap());
            Media::of(&headers)
        };
        assert_eq!(of("Application/JSON; charset=utf-8"), Media::Json);
        assert_eq!(of("text/event-stream;charset=utf-8"), Media::Events);
        assert_eq!(of("application/json-seq"), Media::Other);
        assert_eq!(Media::of(&HeaderMap::new()), Media::Absent);
    }

    #[tokio::test]
    async fn whole_answer_is_bounded_and_must_be_complete() {
        let second = Duration::from_secs(1);
        let pieces = || vec![Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"c"))];
        assert_eq!(whole(body(pieces()), second, 3).await.unwrap(), "abc");
        assert!(matches!(
            whole(body(pieces()), second, 2).await,
            Err(LinkError::Malformed("an answer that is too large"))
        ));
        let broken = vec![Ok(Bytes::from_static(b"ab")), Err(BodyBroken)];
        assert_eq!(whole(body(broken), second, 9).await, Err(BROKEN));
    }

    #[tokio::test(start_paused = true)]
    async fn body_without_a_meaning_is_read_for_link_drain_bytes_max_and_link_drain_ms() {
        let before = tokio::time::Instant::now();
        let piece = || Ok(Bytes::from(vec![b'x'; LINK_DRAIN_BYTES_MAX]));
        drain(RawBody::Composed(Box::pin(stream::repeat_with(piece)))).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        drain(RawBody::Composed(Box::pin(stream::pending()))).await;
        assert_eq!(before.elapsed(), Duration::from_millis(LINK_DRAIN_MS));
        let silent = RawBody::Composed(Box::pin(stream::pending()));
        let waited = whole(silent, Duration::from_secs(7), 9).await;
        assert_eq!(waited, Err(LinkError::Timeout));
    }
}
