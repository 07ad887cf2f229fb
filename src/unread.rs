//! A request body that nobody has read yet.
//!
//! Owns what becomes of a body whose request was answered without it. Under HTTP/1 the connection
//! sees to that. Under HTTP/2 a stream that is left with its body open is reset after the answer
//! (RFC 9113 section 8.1), and clients that see the reset beside the answer while they still send
//! drop the answer: curl 7.88, which Debian 12 has, ended one in three refused calls with error 92.
//! So a short body is read and dropped, beside the answer, which does not wait for it.
//!
//! Guarantees: at most [`UNREAD_BODY_BYTES_MAX`] and [`UNREAD_BODY_MS`] are spent on it, and none
//! of it is kept.

use std::time::Duration;

use http::Version;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::limits::{UNREAD_BODY_BYTES_MAX, UNREAD_BODY_MS};

/// A body from a client's connection.
#[derive(Debug)]
pub struct Unread {
    body: Option<Incoming>,
    version: Version,
}

impl Unread {
    /// The body of a request in this version of HTTP.
    #[must_use]
    pub fn new(body: Incoming, version: Version) -> Self {
        Self { body: Some(body), version }
    }

    /// Whether the client may still be sending.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.body.as_ref().is_some_and(|body| !body.is_end_stream())
    }

    /// For who reads it.
    #[must_use]
    pub fn into_inner(mut self) -> Option<Incoming> {
        self.body.take()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        let announced = body.size_hint().lower();
        let leave = body.is_end_stream() || announced > UNREAD_BODY_BYTES_MAX;
        if self.version != Version::HTTP_2 || leave {
            return;
        }
        // Without a runtime the connection is gone too.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime
                .spawn(tokio::time::timeout(Duration::from_millis(UNREAD_BODY_MS), discard(body)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut left = UNREAD_BODY_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
