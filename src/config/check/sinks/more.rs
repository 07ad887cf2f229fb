//! Sinks that are not asked by a POST: buckets.

use std::time::Duration;

use super::super::super::model::SinkTarget;
use super::super::super::raw;
use super::super::{At, Context, duration, s3 as buckets};
use super::Common;
use crate::limits::{SINK_LINGER_MS_MAX, SINK_LINGER_S3_MS};

/// The outer `None`: it could not be read. The inner one: the worker's own.
pub(super) fn batch_wait(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: Option<raw::Duration>,
    kind: &str,
) -> Option<Option<Duration>> {
    let default = match (kind, &typed) {
        ("s3", _) => Duration::from_millis(SINK_LINGER_S3_MS),
        (_, None) => return Some(None),
        (_, Some(_)) => Duration::ZERO,
    };
    let bound = Duration::from_millis(SINK_LINGER_MS_MAX);
    duration(cx, at, typed, default, bound).map(Some)
}

pub(super) fn s3(cx: &mut Context<'_>, common: Common<'_, '_>, raw: raw::S3) -> Option<SinkTarget> {
    let message = "records would travel in plain text";
    let bucket = buckets::bucket(cx, common.at, raw, (common.tls, common.plain), message)?;
    Some(SinkTarget::S3(Box::new(bucket)))
}
