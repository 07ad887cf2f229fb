//! An answer on its way through the response gate.
//!
//! `Answer<Raw>` is what the upstream sent, unread; `Answer<S>` keeps the judged request's facts
//! beside it, so that the response gate knows who asked what. Only [`super::Forwarder::forward`]
//! makes a raw answer, only `screen` turns it into one that may leave.

use http::{HeaderMap, StatusCode};
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
    pub(crate) body: Incoming,
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
