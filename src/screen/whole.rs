//! Answers that are read in full before a byte of them leaves.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::judge::{Judge, Verdict};
use super::{Tally, invalid};
use crate::body::ReplyBody;
use crate::config::Upstream;
use crate::decode::Expect;
use crate::reject::{Code, Rejection};
use crate::upstream::RawBody;

/// Reads a body whole, within the route's size and silence bounds.
///
/// A body that comes in one piece, as small answers do, is not copied.
pub(super) async fn read(mut body: RawBody, upstream: &Upstream) -> Result<Bytes, Rejection> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(data) = next_data(&mut body, upstream.idle_timeout).await? {
        if first.len() + rest.len() + data.len() > upstream.answer_bytes_max {
            return Err(invalid("the answer is larger than the limit"));
        }
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve(first.len() + data.len());
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Reads a body that should be empty.
pub(super) async fn none(mut body: RawBody, upstream: &Upstream) -> Result<(), Rejection> {
    match next_data(&mut body, upstream.idle_timeout).await? {
        None => Ok(()),
        Some(_) => Err(invalid("a body without a media type")),
    }
}

async fn next_data(body: &mut RawBody, idle: Duration) -> Result<Option<Bytes>, Rejection> {
    match tokio::time::timeout(idle, body.data()).await {
        Err(_) => Err(Rejection::new(Code::UpstreamTimeout, "the answer's body stalled")),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) => Err(invalid("the answer was cut short")),
        Ok(Some(Ok(data))) => Ok(Some(data)),
    }
}

/// Screens one JSON answer.
pub(super) fn json(
    bytes: Bytes,
    mut judge: Judge,
    expect: &Expect,
    tally: &Tally,
) -> Result<ReplyBody, Rejection> {
    let verdict = match expect {
        Expect::Rest => judge.document(bytes, tally)?,
        Expect::Response { .. } | Expect::Accepted | Expect::Stream | Expect::Ended => {
            judge.message(bytes, tally)?
        }
    };
    match verdict {
        Verdict::Pass(bytes) => Ok(ReplyBody::whole(bytes)),
        Verdict::Drop(reason) => Err(invalid(reason)),
    }
}

/// Screens one text answer of the REST profile.
pub(super) fn text(bytes: &Bytes, judge: &Judge, tally: &Tally) -> Result<ReplyBody, Rejection> {
    if judge.is_partial() {
        let why = "the answer is text, of which no part can be told from another";
        return Err(Rejection::new(Code::AnswerBlocked, why));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("the text is not UTF-8"))?;
    Ok(ReplyBody::whole(judge.text(text, tally)))
}
