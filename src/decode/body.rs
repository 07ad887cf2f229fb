//! Request bodies: complete, bounded in size and time, within a budget of the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::exchange::{Exchange, RequestBody};
use crate::limits;
use crate::reject::{Code, Rejection};
use crate::unread::Unread;

/// How many body bytes the process may hold at once.
#[derive(Debug, Clone, Default)]
pub struct BodyBudget(Arc<AtomicUsize>);

/// A share of the budget; given back when the exchange ends.
#[derive(Debug)]
pub struct Lease {
    budget: BodyBudget,
    bytes: usize,
}

impl BodyBudget {
    /// Takes `bytes` of the budget.
    fn lease(&self, bytes: usize) -> Option<Lease> {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let lease = Lease { budget: self.clone(), bytes };
        // Over the budget: the lease is dropped at once and gives back what it took.
        (before + bytes <= limits::IN_FLIGHT_BODY_BYTES_MAX).then_some(lease)
    }

    /// Bytes that are leased now.
    #[must_use]
    pub fn leased(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Takes the body of a request and reads it to its end. The lease lives as long as the bytes do.
///
/// # Errors
/// 413 above `bytes_max`, 408 after [`limits::BODY_MS`], 400 when it breaks off, 503 when the
/// process holds too many bodies.
pub async fn whole<S>(
    ex: &mut Exchange<S>,
    bytes_max: usize,
    budget: &BodyBudget,
) -> Result<(Bytes, Option<Lease>), Rejection> {
    match ex.take_body() {
        Some(RequestBody::Whole(bytes)) => Ok((bytes, None)),
        Some(RequestBody::Incoming(body)) => read(body, ex.headers(), bytes_max, budget).await,
        None => Ok((Bytes::new(), None)),
    }
}

/// Reads a body to its end.
///
/// # Errors
/// 413 above `bytes_max`, 408 after [`limits::BODY_MS`], 400 when it breaks off, 503 when the
/// process holds too many bodies.
async fn read(
    body: Unread,
    headers: &HeaderMap,
    bytes_max: usize,
    budget: &BodyBudget,
) -> Result<(Bytes, Option<Lease>), Rejection> {
    if !body.has_more() {
        return Ok((Bytes::new(), None));
    }
    let announced = announced(headers);
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    // An unannounced length may reach the limit, so that is what it costs.
    let cost = announced.and_then(|n| usize::try_from(n).ok()).unwrap_or(bytes_max);
    let lease = budget.lease(cost).ok_or_else(|| {
        Rejection::new(Code::Busy, "too many body bytes in flight").retry_after(1)
    })?;
    let Some(body) = body.into_inner() else { return Ok((Bytes::new(), None)) };
    let deadline = Duration::from_millis(limits::BODY_MS);
    match tokio::time::timeout(deadline, collect(body, bytes_max)).await {
        Err(_) => Err(Rejection::new(Code::BodyTimeout, "the body took too long")),
        Ok(result) => result.map(|bytes| (bytes, Some(lease))),
    }
}

/// A body that comes in one piece, as almost all do, is not copied.
async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Rejection> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Rejection::new(Code::BodyInterrupted, "the body broke off"))?;
        let Ok(data) = frame.into_data() else {
            return Err(Rejection::new(Code::FramingInvalid, "a body with trailers"));
        };
        if first.len().max(rest.len()) + data.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: usize) -> Rejection {
    Rejection::new(Code::BodyTooLarge, format!("the body exceeds {bytes_max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::BodyBudget;
    use crate::limits::IN_FLIGHT_BODY_BYTES_MAX;

    #[test]
    fn budget_is_given_back_and_never_exceeded() {
        let budget = BodyBudget::default();
        let held = budget.lease(IN_FLIGHT_BODY_BYTES_MAX - 1).unwrap();
        assert!(budget.lease(2).is_none());
        assert!(budget.lease(1).is_some());
        drop(held);
        assert_eq!(budget.leased(), 0);
    }
}
