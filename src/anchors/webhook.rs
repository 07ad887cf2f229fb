//! A signed HTTP POST of each checkpoint, as the note stands.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};

use super::worker::{Outcome, Place};
use crate::audit::{Anchored, Latest};
use crate::config::SinkHttp;
use crate::limits::ANCHOR_ANSWER_BYTES_MAX;
use crate::secret::Secret;
use crate::sinks::SinkError;
use crate::sinks::http::Http;
use crate::sinks::webhook::Signer;

pub(super) struct Webhook {
    http: Http,
    name: String,
    signer: Signer,
}

impl Webhook {
    pub(super) fn new(
        name: &str,
        http: &SinkHttp,
        secret: &Secret,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let http = Http::new(http, timeout)?.answers_up_to(ANCHOR_ANSWER_BYTES_MAX);
        Ok(Self { http, name: name.to_owned(), signer: Signer::new(secret) })
    }
}

impl Place for Webhook {
    // It only keeps what it is sent.
    const CONFIRMS: bool = false;

    async fn take(&mut self, latest: &Latest, _had: Option<&Anchored>) -> Outcome {
        let now = SystemTime::now();
        // A checkpoint that is sent twice has one id twice.
        let id = format!("{}-{}", self.name, latest.size);
        let Some(mut headers) = self.signer.headers(&id, latest.note.as_bytes(), now) else {
            return Outcome::again("the checkpoint cannot be signed");
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let body = Bytes::from(latest.note.clone());
        match self.http.send(Method::POST, &self.http.url(""), headers, body).await {
            Err(reason) => Outcome::again(reason),
            Ok(answer) if answer.status.is_success() => Outcome::Taken(taken(latest, now)),
            Ok(answer) => Outcome::Again {
                reason: format!("status {}", answer.status.as_u16()),
                after: answer.retry_after(),
            },
        }
    }
}

/// What a place has that took a checkpoint now.
pub(super) fn taken(latest: &Latest, now: SystemTime) -> Anchored {
    let at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Anchored { size: latest.size, root: latest.root, peaks: Vec::new(), at }
}
