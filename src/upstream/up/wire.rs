//! One request to a modern server and what comes back on its own stream.
//!
//! Owns the reading of a modern answer, JSON or event stream, as one sequence of messages.
//! Guarantees that every wait and every message is bounded, and that dropping [`Answers`] closes
//! the request's stream, which a modern server takes for its cancellation (MCP 2026-07-28,
//! Streamable HTTP, "Cancellation").

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::timeout;

use super::lines::{Lines, Reader};

use crate::config;
use crate::decode::Plan;
use crate::limits;
use crate::mcp::headers;
use crate::mcp::sse::Decoder;
use crate::mcp::version::Revision;
use crate::principal::Principal;
use crate::reject::{Code, Rejection};
use crate::upstream::UpstreamError;
use crate::upstream::answer::{Raw, RawBody};
use crate::upstream::era::{self, Shows};
use crate::upstream::http::Http;
use crate::upstream::link::LinkError;

/// The way to one modern server.
#[derive(Debug, Clone)]
pub(in crate::upstream) struct Wire {
    way: Way,
    bounds: Bounds,
}

#[derive(Debug, Clone)]
enum Way {
    /// Streamable HTTP: each request has a stream of its own.
    Http(Arc<Http>),
    /// A process: all share one stream.
    Lines(Arc<Lines>),
}

/// How long and how much.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    idle: Duration,
    stream_idle: Duration,
    answer_bytes_max: usize,
    event_bytes_max: usize,
}

/// One request, ready to be sent.
#[derive(Debug, Clone)]
pub(in crate::upstream) struct Question {
    /// The message.
    pub(in crate::upstream) message: Bytes,
    /// `MCP-Protocol-Version` and `Mcp-*`.
    pub(in crate::upstream) headers: Vec<(HeaderName, HeaderValue)>,
}

/// What comes back, message by message.
#[derive(Debug)]
pub(in crate::upstream) struct Answers {
    source: Source,
    bounds: Bounds,
}

#[derive(Debug)]
enum Source {
    Whole(Option<Bytes>),
    Events { body: RawBody, decoder: Box<Decoder> },
    Lines(Reader),
}

/// One thing heard.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::upstream) enum Heard {
    /// A message.
    Message(Bytes),
    /// A sign of life.
    Alive,
}

/// Why a modern server gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::upstream) enum WireError {
    /// The transport failed.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The conversation failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The gateway's own credential was refused; the caller can do nothing about it.
    #[error("the upstream refused the gateway's credential")]
    Credential,
    /// Refused in words that are not those of a modern server.
    #[error("the upstream answered with status {0} and no message of a modern server")]
    NotModern(u16),
    /// Something that no answer may be.
    #[error("the upstream's answer is unusable: {0}")]
    Unusable(&'static str),
    /// It stopped in the middle.
    #[error("the upstream's answer stalled")]
    Stalled,
}

impl From<WireError> for Rejection {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Upstream(error) => error.into(),
            WireError::Link(error) => error.into(),
            WireError::Stalled => Self::new(Code::UpstreamTimeout, error.to_string()),
            WireError::Credential | WireError::NotModern(_) | WireError::Unusable(_) => {
                Self::new(Code::UpstreamInvalid, error.to_string())
            }
        }
    }
}

impl Wire {
    /// Over Streamable HTTP.
    pub(in crate::upstream) fn http(http: Arc<Http>, upstream: &config::Upstream) -> Self {
        Self { way: Way::Http(http), bounds: Bounds::of(upstream) }
    }

    /// To a process.
    pub(in crate::upstream) fn lines(lines: Arc<Lines>, upstream: &config::Upstream) -> Self {
        Self { way: Way::Lines(lines), bounds: Bounds::of(upstream) }
    }

    /// Closes the conversations that nobody uses.
    pub(in crate::upstream) fn sweep(&self) {
        match &self.way {
            Way::Http(_) => {}
            Way::Lines(lines) => lines.sweep(),
        }
    }

    /// Sends the request and waits for the head of its answer, where it has one.
    ///
    /// Cancel-safe: dropping the future gives the request up.
    ///
    /// # Errors
    /// See [`WireError`].
    pub(in crate::upstream) async fn ask(
        &self,
        who: &Principal,
        question: Question,
    ) -> Result<Answers, WireError> {
        let Question { message, headers } = question;
        let bounds = self.bounds;
        let http = match &self.way {
            Way::Http(http) => http,
            Way::Lines(lines) => {
                let source = Source::Lines(lines.ask(who, message).await?);
                return Ok(Answers { source, bounds });
            }
        };
        let plan = Plan { method: Method::POST, path_and_query: None, headers, body: message };
        let Raw { status, headers, body } = http.acting_for(who).send(&plan).await?;
        let source = match (status.as_u16(), media(&headers)) {
            (401 | 403 | 407, _) => return Err(WireError::Credential),
            (200, Media::Events) => {
                let decoder = Box::new(Decoder::new(bounds.event_bytes_max));
                Source::Events { body, decoder }
            }
            (200..=299 | 400..=499, Media::Json) => {
                Source::Whole(Some(read_whole(body, bounds).await?))
            }
            (status @ 400..=499, _) => return Err(WireError::NotModern(status)),
            (200..=299, _) => return Err(WireError::Unusable("its media type")),
            _ => return Err(WireError::Unusable("its status")),
        };
        Ok(Answers { source, bounds })
    }
}

impl Wire {
    /// Asks for `server/discover` and looks at who answers. Any answer that is not a modern
    /// server's is one of another server; only none at all is an error.
    ///
    /// # Errors
    /// See [`WireError`].
    pub(in crate::upstream) async fn is_modern(
        &self,
        who: &Principal,
        meta: &[u8],
    ) -> Result<bool, Rejection> {
        let question = own_question("server/discover", meta, b"");
        let mut answers = match self.ask(who, question).await {
            Ok(answers) => answers,
            Err(WireError::NotModern(_) | WireError::Unusable(_)) => return Ok(false),
            Err(
                error @ (WireError::Upstream(_)
                | WireError::Link(_)
                | WireError::Credential
                | WireError::Stalled),
            ) => return Err(error.into()),
        };
        let first = async {
            while let Some(Ok(heard)) = answers.next().await {
                if let Heard::Message(message) = heard {
                    return era::shown_by(&message) == Shows::Modern;
                }
            }
            false
        };
        // A legacy process may say nothing before its handshake, or end.
        let patience = Duration::from_millis(limits::ERA_SILENCE_MS);
        let modern = timeout(patience, first).await.unwrap_or(false);
        if let (false, Way::Lines(lines)) = (modern, &self.way) {
            lines.close(who.key);
        }
        Ok(modern)
    }
}

impl Bounds {
    fn of(upstream: &config::Upstream) -> Self {
        Self {
            idle: upstream.idle_timeout,
            stream_idle: upstream.stream_idle_timeout,
            answer_bytes_max: upstream.answer_bytes_max,
            event_bytes_max: upstream.answer_bytes_max.min(limits::EVENT_BYTES_MAX),
        }
    }
}

/// A request of the gateway's own, about the server as a whole. `meta` are the members of
/// `_meta`, `params` further ones of `params`, each behind a comma.
pub(in crate::upstream) fn own_question(
    method: &'static str,
    meta: &[u8],
    params: &[u8],
) -> Question {
    let mut message = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    message.extend_from_slice(OWN_ID.as_bytes());
    message.extend_from_slice(b",\"method\":\"");
    message.extend_from_slice(method.as_bytes());
    message.extend_from_slice(b"\",\"params\":{\"_meta\":{");
    message.extend_from_slice(meta);
    message.push(b'}');
    message.extend_from_slice(params);
    message.extend_from_slice(b"}}");
    let headers = vec![
        (headers::PROTOCOL_VERSION, HeaderValue::from_static(Revision::V2026_07_28.date())),
        (headers::METHOD, HeaderValue::from_static(method)),
    ];
    Question { message: message.into(), headers }
}

/// The id of the gateway's own requests.
pub(super) const OWN_ID: &str = "\"sallyport\"";

impl Answers {
    /// The next thing heard; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// See [`WireError`].
    pub(in crate::upstream) async fn next(&mut self) -> Option<Result<Heard, WireError>> {
        let (body, decoder) = match &mut self.source {
            Source::Whole(bytes) => return bytes.take().map(|bytes| Ok(Heard::Message(bytes))),
            Source::Lines(reader) => {
                return match timeout(self.bounds.stream_idle, reader.next()).await {
                    Err(_) => Some(Err(WireError::Stalled)),
                    Ok(message) => message.map(|message| Ok(Heard::Message(message))),
                };
            }
            Source::Events { body, decoder } => (body, decoder),
        };
        loop {
            match decoder.next_event() {
                Some(Ok(event)) => {
                    let data = event.data.filter(|data| !data.is_empty());
                    return Some(Ok(data.map_or(Heard::Alive, Heard::Message)));
                }
                Some(Err(_)) => return Some(Err(WireError::Unusable("an event's size"))),
                None => {}
            }
            match timeout(self.bounds.stream_idle, body.data()).await {
                Err(_) => return Some(Err(WireError::Stalled)),
                Ok(None) => return None,
                Ok(Some(Err(_))) => return Some(Err(WireError::Unusable("it broke off"))),
                Ok(Some(Ok(data))) => decoder.push(data),
            }
        }
    }

    /// Whether the server chose a stream, on which more than the answer will come.
    pub(in crate::upstream) fn is_stream(&self) -> bool {
        matches!(self.source, Source::Events { .. })
    }
}

async fn read_whole(mut body: RawBody, bounds: Bounds) -> Result<Bytes, WireError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        match timeout(bounds.idle, body.data()).await {
            Err(_) => return Err(WireError::Stalled),
            Ok(Some(Err(_))) => return Err(WireError::Unusable("it broke off")),
            Ok(None) => return Ok(if rest.is_empty() { first } else { rest.freeze() }),
            Ok(Some(Ok(data))) => {
                if first.len().max(rest.len()) + data.len() > bounds.answer_bytes_max {
                    return Err(WireError::Unusable("its size"));
                }
                if first.is_empty() {
                    first = data;
                    continue;
                }
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

fn media(headers: &HeaderMap) -> Media {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") {
        Media::Json
    } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
        Media::Events
    } else {
        Media::Other
    }
}
