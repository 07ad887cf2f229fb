//! An answer on its way through the response gate.
//!
//! `Answer<Raw>` is what the upstream sent, unread; `Answer<S>` keeps the judged request's facts
//! beside it, so that the response gate knows who asked what. Only [`super::Forwarder::forward`]
//! makes a raw answer, only `screen` turns it into one that may leave.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::record::Recorded;

/// An answer in state `S`, with the facts of its request.
#[derive(Debug)]
pub struct Answer<S> {
    request: Box<Recorded>,
    state: S,
}

/// What the upstream sent: head read, body unread, nothing judged.
#[derive(Debug)]
pub struct Raw {
    /// Status of the upstream.
    pub(crate) status: StatusCode,
    /// Header fields of the upstream: none is relayed without being named.
    pub(crate) headers: HeaderMap,
    /// The unread body.
    pub(crate) body: RawBody,
}

/// A body as the response gate reads it, wherever it comes from.
///
/// A transport that speaks HTTP hands over the connection's own body; a bridge composes one, an
/// event stream or a single message, in the caller's vocabulary. Dropping it ends the work behind
/// it: the connection is closed, or the bridge cancels the call.
pub(crate) enum RawBody {
    /// From an HTTP connection.
    Http(Incoming),
    /// Composed by a bridge, piece by piece.
    Composed(PieceStream),
    /// Composed by a bridge, in one piece; `None` once it was handed over.
    Whole(Option<Bytes>),
}

/// The pieces of a composed body.
pub(crate) type PieceStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyBroken>> + Send>>;

/// The body broke off before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's body broke off")]
pub struct BodyBroken;

impl RawBody {
    /// The next bytes, never empty; `None` at the end. Cancel-safe.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, BodyBroken>> {
        loop {
            let data = match self {
                Self::Http(body) => match body.frame().await? {
                    Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
                    Err(_) => Err(BodyBroken),
                },
                Self::Composed(pieces) => pieces.next().await?,
                Self::Whole(bytes) => Ok(bytes.take()?),
            };
            if data.as_ref().is_ok_and(Bytes::is_empty) {
                continue;
            }
            return Some(data);
        }
    }
}

impl RawBody {
    /// Whether a bridge makes it. A bridge answers every request but one that its client cancelled.
    pub(crate) fn is_composed(&self) -> bool {
        match self {
            Self::Http(_) => false,
            Self::Composed(_) | Self::Whole(_) => true,
        }
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "RawBody::Http",
            Self::Composed(_) => "RawBody::Composed",
            Self::Whole(_) => "RawBody::Whole",
        })
    }
}

impl Answer<Raw> {
    pub(super) fn raw(request: Recorded, state: Raw) -> Self {
        Self { request: Box::new(request), state }
    }
}

impl<S> Answer<S> {
    /// The judged request.
    #[must_use]
    pub fn request(&self) -> &Recorded {
        &self.request
    }

    /// What is known of the answer.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Hands the answer to the next state; the closure is the stage's own constructor.
    pub(crate) fn into_parts(self) -> (Box<Recorded>, S) {
        (self.request, self.state)
    }

    /// Joins facts and a new state: the one door of the response gate.
    pub(crate) fn advanced(request: Box<Recorded>, state: S) -> Self {
        Self { request, state }
    }
}
