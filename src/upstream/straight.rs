//! The straight way: the judged bytes to a Streamable HTTP server of the caller's own era, and the
//! server's answer as it is.
//!
//! Owns what the answers on this way show of the server's era. Guarantees that an answer that has
//! to be looked at for that is bounded and passes byte for byte all the same.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::UpstreamError;
use super::answer::{Raw, RawBody};
use super::era::{self, Era, Shows, Speaks};
use super::http::Http;
use super::mirror::Mirror;
use crate::config;
use crate::mcp::outputs::Outputs;
use crate::mcp::params::Known;
use crate::record::Recorded;
use crate::reject::{Code, Rejection};

/// The straight way to one server.
#[derive(Debug)]
pub(super) struct Straight {
    http: Arc<Http>,
    mirror: Mirror,
    idle: Duration,
    answer_bytes_max: usize,
}

/// How a server took a legacy handshake.
#[derive(Debug)]
pub(super) enum Greeted {
    /// It answered it, or failed in a way that says nothing.
    Answered(Raw),
    /// It refused it in the words of a modern server.
    RefusedByModern,
    /// It refused it in words that servers of both eras have.
    Refused(Raw),
}

impl Straight {
    /// The way to the server at the end of `http`.
    pub(super) fn new(
        http: Arc<Http>,
        upstream: &config::Upstream,
        (mirrors, outputs): (&Arc<Known>, &Arc<Outputs>),
    ) -> Self {
        let (idle, answer_bytes_max) = (upstream.idle_timeout, upstream.answer_bytes_max);
        Self {
            http,
            mirror: Mirror::new(upstream, Arc::clone(mirrors), Arc::clone(outputs)),
            idle,
            answer_bytes_max,
        }
    }

    /// Sends the call.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub(super) async fn send(&self, call: &Recorded) -> Result<Raw, UpstreamError> {
        self.http.acting_for(call.principal()).send(call.plan()).await
    }

    /// Sends a modern call to a server that is known to be modern. An error in words that no
    /// modern server has brings that knowledge into doubt.
    ///
    /// # Errors
    /// As [`Straight::send`], and when the refusal cannot be read.
    pub(super) async fn modern(&self, call: &Recorded, era: &Era) -> Result<Raw, Rejection> {
        let http = self.http.acting_for(call.principal());
        let mirrored = self.mirror.headers(&http, call).await?;
        let raw = http.send_with(call.plan(), &mirrored).await?;
        if !raw.status.is_client_error() {
            return Ok(raw);
        }
        let (raw, message) = self.look(raw).await?;
        if message.is_none_or(|message| era::shown_by(&message) == Shows::Foreign) {
            era.doubt();
        }
        Ok(raw)
    }

    /// Sends a legacy handshake and looks at how it was taken.
    ///
    /// # Errors
    /// As [`Straight::modern`].
    pub(super) async fn greet(&self, call: &Recorded, era: &Era) -> Result<Greeted, Rejection> {
        let raw = self.send(call).await?;
        if !(raw.status.is_success() || raw.status.is_client_error()) {
            return Ok(Greeted::Answered(raw));
        }
        let refused = raw.status.is_client_error();
        // An event stream that begins well is an answer: a refusal has no need of a stream.
        let (raw, message) = self.look(raw).await?;
        match message.as_ref().map(era::shown_by) {
            Some(Shows::Modern) => Ok(Greeted::RefusedByModern),
            Some(Shows::Legacy) => {
                era.saw(Speaks { modern: None, legacy: Some(true) });
                Ok(Greeted::Answered(raw))
            }
            Some(Shows::Either) => Ok(Greeted::Refused(raw)),
            Some(Shows::Foreign) | None if refused => Ok(Greeted::Refused(raw)),
            Some(Shows::Foreign) | None => Ok(Greeted::Answered(raw)),
        }
    }

    /// The message of an answer that is not a stream, and the answer as it was.
    async fn look(&self, raw: Raw) -> Result<(Raw, Option<Bytes>), Rejection> {
        let Raw { status, headers, body } = raw;
        if !is_json(&headers) {
            return Ok((Raw { status, headers, body }, None));
        }
        let message = self.whole(body).await?;
        let body = RawBody::Whole(Some(message.clone()));
        Ok((Raw { status, headers, body }, Some(message)))
    }

    async fn whole(&self, mut body: RawBody) -> Result<Bytes, Rejection> {
        let invalid = |why: &'static str| Rejection::new(Code::UpstreamInvalid, why);
        let mut whole = BytesMut::new();
        loop {
            match timeout(self.idle, body.data()).await {
                Err(_) => {
                    let why = "the answer's body stalled";
                    return Err(Rejection::new(Code::UpstreamTimeout, why));
                }
                Ok(None) => return Ok(whole.freeze()),
                Ok(Some(Err(_))) => return Err(invalid("the answer was cut short")),
                Ok(Some(Ok(data))) => {
                    if whole.len() + data.len() > self.answer_bytes_max {
                        return Err(invalid("the answer is larger than the limit"));
                    }
                    whole.extend_from_slice(&data);
                }
            }
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
}
