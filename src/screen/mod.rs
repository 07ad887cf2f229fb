//! The response gate: nothing leaves unread.
//!
//! Owns the witness [`Screened`]. Assumes an `Answer<Raw>` whose head the upstream stage accepted.
//! Guarantees: a JSON answer is read whole (bounded), matched to its request, filtered to what the
//! caller may use and redacted; an event stream goes through the same judge, event by event, with
//! one event in memory; what cannot be read is not passed on; header fields leave by name only.

mod asking;
pub mod deltas;
mod filter;
pub mod fit;
mod judge;
mod listening;
mod looks;
mod results;
mod stream;
mod tally;
mod unfinished;
mod whole;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

pub use judge::{Judge, Verdict};
pub use looks::{Looks, Profile, ToolRules};
pub use tally::{Deeds, Tally};
pub use unfinished::Unfinished;

use crate::authz::Authorizer;
use crate::body::ReplyBody;
use crate::call::Resource;
use crate::class::ClassSet;
use crate::clock::Clock;
use crate::config;
use crate::decode::Expect;
use crate::inspect::Detector;
use crate::limits::LOST_SESSION_BYTES_MAX;
use crate::mcp::elicitation::UrlHosts;
use crate::mcp::outputs::Outputs;
use crate::mcp::params::Known;
use crate::mcp::version::Revision;
use crate::pins::Pins;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};
use crate::revocation::Wake;
use crate::session::Sessions;
use crate::ticket::Tickets;
use crate::upstream::{Answer, Raw, RawBody};

/// The response gate of one route.
#[derive(Debug)]
pub struct Screener {
    pub(crate) server: Arc<config::Server>,
    pub(crate) looks: Looks,
    pub(crate) authz: Arc<Authorizer>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) mirrors: Arc<Known>,
    pub(crate) outputs: Arc<Outputs>,
    pub(crate) pins: Arc<Pins>,
    pub(crate) url_hosts: UrlHosts,
    pub(crate) unfinished: Arc<Unfinished>,
    pub(crate) clock: Clock,
}

/// An answer that may leave. Made only here.
#[derive(Debug)]
pub struct Screened {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
    tally: Tally,
}

impl Screened {
    /// The header fields that leave.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Gives the parts to the pipeline.
    #[must_use]
    pub fn into_parts(self) -> (StatusCode, HeaderMap, ReplyBody, Tally) {
        (self.status, self.headers, self.body, self.tally)
    }
}

/// Asks whether an open stream may go on.
pub struct Recheck {
    ask: Box<dyn Fn() -> Result<(), Rejection> + Send + Sync>,
    wake: Wake,
}

impl Recheck {
    /// From the pipeline, which knows token, policy and route.
    pub fn new(ask: impl Fn() -> Result<(), Rejection> + Send + Sync + 'static) -> Self {
        Self { ask: Box::new(ask), wake: Wake::never() }
    }

    /// With what says that it is time to ask, so that a silent stream need not wait for its turn.
    #[must_use]
    pub fn woken_by(self, wake: Wake) -> Self {
        Self { wake, ..self }
    }

    /// The same for a stream of another kind.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Waits until it is time to ask. Cancel-safe.
    pub async fn woken(&mut self) {
        self.wake.changed().await;
    }

    /// `Err` when the stream must end.
    ///
    /// # Errors
    /// The refusal with which it ends.
    pub fn ask(&self) -> Result<(), Rejection> {
        (self.ask)()
    }
}

impl fmt::Debug for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recheck(..)")
    }
}

impl Screener {
    /// What looks at the answer to a call.
    fn detector(&self, request: &Recorded) -> Arc<Detector> {
        self.looks.detector(request.grant().redact.as_deref(), tool(request))
    }

    /// What of it its caller sees as it is.
    fn reveal(&self, request: &Recorded) -> ClassSet {
        let grant = request.grant();
        if self.looks.reveals(grant.redact.as_deref(), tool(request)) {
            grant.reveal
        } else {
            ClassSet::empty()
        }
    }

    /// Screens an answer. JSON is finished when this returns; a stream goes on being screened
    /// inside its body.
    ///
    /// # Errors
    /// [`Code::UpstreamInvalid`] for answers that cannot be read, matched or bounded,
    /// [`Code::AnswerBlocked`] for data that may not leave, [`Code::AnswerUnfit`] where its schema
    /// leaves no room to hide it, [`Code::SessionUnknown`] when the upstream has lost the session.
    pub async fn screen(
        &self,
        answer: Answer<Raw>,
        recheck: Recheck,
        request_id: &str,
    ) -> Result<Answer<Screened>, Rejection> {
        let (request, mut raw) = answer.into_parts();
        let status = self.status(&request, raw.status)?;
        let mut headers = HeaderMap::with_capacity(HEADERS);
        let media = media(&raw.headers);
        if status == StatusCode::BAD_REQUEST
            && request.session().is_some()
            && matches!(media, Media::Json | Media::Text)
        {
            let bytes = whole::read(raw.body, &self.server.upstream).await?;
            if speaks_of_a_session(&bytes) {
                let why = "the upstream refused the session, with status 400";
                return Err(Rejection::new(Code::SessionUnknown, why));
            }
            raw.body = RawBody::Whole(Some(bytes));
        }
        let tally = Tally::of(self.detector(&request));
        let judge = Judge::new(self, &request);
        let session = self.new_session(&request, &raw.headers)?;
        let body = match (media, request.expect()) {
            (Media::Json, Expect::Response { .. }) | (Media::Json, Expect::Rest) => {
                headers.insert(CONTENT_TYPE, JSON);
                let bytes = whole::read(raw.body, &self.server.upstream).await?;
                whole::json(bytes, judge, request.expect(), &tally)?
            }
            (Media::Text, Expect::Rest) => {
                headers.insert(CONTENT_TYPE, TEXT);
                let bytes = whole::read(raw.body, &self.server.upstream).await?;
                whole::text(&bytes, &judge, &tally)?
            }
            (Media::Events, Expect::Response { .. } | Expect::Stream) => {
                headers.insert(CONTENT_TYPE, EVENTS);
                headers.insert(ACCEL_BUFFERING, NO);
                let limits = stream::Bounds::of(&self.server.upstream);
                let limits = if session.is_some() { limits.until_answered() } else { limits };
                stream::relay(raw.body, judge, recheck, tally.clone(), limits, request_id).await
            }
            // 202 and its like carry nothing; whatever the upstream put there stays here.
            (_, Expect::Accepted | Expect::Ended) => ReplyBody::whole(Bytes::new()),
            (Media::None, Expect::Rest) => {
                whole::none(raw.body, &self.server.upstream).await?;
                ReplyBody::whole(Bytes::new())
            }
            (Media::None | Media::Text | Media::Other | Media::Json | Media::Events, _) => {
                return Err(invalid("the answer's media type does not fit the request"));
            }
        };
        if let Some(id) = session {
            headers.insert(SESSION, self.seal(&request, &id, tally.agreed())?);
        }
        Ok(Answer::advanced(request, Screened { status, headers, body, tally }))
    }

    /// Which of the upstream's statuses mean something to the caller.
    fn status(&self, request: &Recorded, status: StatusCode) -> Result<StatusCode, Rejection> {
        match (status.as_u16(), request.expect()) {
            (404, Expect::Response { .. } | Expect::Accepted | Expect::Stream | Expect::Ended)
                if request.session().is_some() =>
            {
                Err(Rejection::new(Code::SessionUnknown, "the upstream has lost the session"))
            }
            (409, Expect::Stream) => {
                Err(Rejection::new(Code::StreamConflict, "the upstream has a stream already"))
            }
            // A server that keeps sessions without ending them says 405 (Streamable HTTP).
            (405, Expect::Stream | Expect::Ended) => {
                let mut refusal =
                    Rejection::new(Code::MethodNotAllowed, "the upstream does not offer this");
                refusal.allow = Some("POST");
                Err(refusal)
            }
            // The gateway's own credential was refused: the caller can do nothing about it, and
            // the upstream's challenge is not for them (S-17).
            (401 | 403 | 407, _) => Err(invalid("the upstream refused the gateway's credential")),
            (200..=299 | 400 | 404 | 409 | 422, _) => Ok(status),
            _ => Err(Rejection::new(
                Code::UpstreamInvalid,
                format!("the upstream answered with status {}", status.as_u16()),
            )),
        }
    }

    /// The id of a session that the upstream opened for this request. All other header fields of
    /// the upstream stay behind.
    fn new_session(
        &self,
        request: &Recorded,
        upstream: &HeaderMap,
    ) -> Result<Option<String>, Rejection> {
        let Some(id) = upstream.get(SESSION) else { return Ok(None) };
        if request.session().is_some() || request.is_modern() {
            // The caller has its sealed id already; modern servers have no sessions.
            return Ok(None);
        }
        let id = id.to_str().map_err(|_| invalid("the session id is not visible ASCII"))?;
        Ok(Some(id.to_owned()))
    }

    /// The session id leaves sealed, with the revision that the handshake agreed on.
    fn seal(
        &self,
        request: &Recorded,
        id: &str,
        agreed: Option<Revision>,
    ) -> Result<HeaderValue, Rejection> {
        let sealed = self
            .sessions
            .issue(id, agreed, request.caller())
            .map_err(|error| invalid(error.to_string()))?;
        HeaderValue::from_str(&sealed.id)
            .map_err(|_| Rejection::new(Code::Internal, "a sealed id is not a header value"))
    }
}

/// The tool that was called.
fn tool(request: &Recorded) -> Option<&str> {
    match &request.call().resource {
        Resource::Tool(name) => Some(name),
        Resource::Server | Resource::Uri(_) | Resource::Prompt(_) | Resource::Namespace(_) => None,
    }
}

/// What the upstream says its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    None,
    Json,
    Events,
    Text,
    Other,
}

fn media(headers: &HeaderMap) -> Media {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Media::None };
    let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json")
        || essence.eq_ignore_ascii_case(b"application/problem+json")
    {
        Media::Json
    } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
        Media::Events
    } else if essence.eq_ignore_ascii_case(b"text/plain") {
        Media::Text
    } else {
        Media::Other
    }
}

/// Whether a refusal says that the session is unknown: some servers, the reference server among
/// them, answer 400 where 404 is prescribed (MCP 2025-03-26 and later, Transports, "Session
/// Management"), and clients start anew on 404 only (checklist 25).
fn speaks_of_a_session(bytes: &Bytes) -> bool {
    let text = bytes.get(..bytes.len().min(LOST_SESSION_BYTES_MAX)).unwrap_or_default();
    text.to_ascii_lowercase().windows(WORD.len()).any(|window| window == WORD)
}

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(Code::UpstreamInvalid, why)
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO: HeaderValue = HeaderValue::from_static("no");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const WORD: &[u8] = b"session";
/// Content type, session, length, and the four that every reply says.
const HEADERS: usize = 8;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::speaks_of_a_session;
    use crate::limits::LOST_SESSION_BYTES_MAX;

    #[test]
    fn p25_a_refusal_that_names_the_session_is_told_from_others() {
        for text in [
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}"#,
            "Session not found",
        ] {
            assert!(speaks_of_a_session(&Bytes::from(text)), "{text}");
        }
        assert!(!speaks_of_a_session(&Bytes::from_static(b"no such tool")));
        // A long answer that speaks of one somewhere is an answer.
        let late = format!("{}session", " ".repeat(LOST_SESSION_BYTES_MAX));
        assert!(!speaks_of_a_session(&Bytes::from(late)));
    }
}
