//! Traces: where they go, in what, and how many.

use std::time::Duration;

use super::super::model::{SinkHttp, Telemetry, Traces};
use super::super::raw;
use super::{At, Context, duration, listeners, sinks};
use crate::limits::{TRACE_TIMEOUT_MS, TRACE_TIMEOUT_MS_MAX};

pub(super) fn telemetry(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Telemetry>,
) -> Option<Telemetry> {
    let Some(raw::Telemetry { traces, access_log }) = raw else {
        return Some(Telemetry::default());
    };
    let traces = match traces {
        None => None,
        Some(raw) => Some(traces_of(cx, &at.key("traces"), raw)?),
    };
    Some(Telemetry { traces, access_log: access_log.unwrap_or(false) })
}

fn traces_of(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Traces) -> Option<Traces> {
    let raw::Traces { otlp, headers, ca, plain_http, sample, trusted_parents, timeout } = raw;
    let url_at = at.key("otlp");
    let plain = matches!(plain_http, Some(raw::PlainHttp::Allowed));
    let message = "spans and the credential of the collector would travel in plain text";
    let url = sinks::guarded(cx, &url_at, &otlp.0, plain, message)?;
    if matches!(url.path(), "" | "/") {
        let message = "the URL has no path, and nothing is added to it";
        cx.error(&url_at, message, "collectors take traces at `/v1/traces`");
        return None;
    }
    let sample = sample.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&sample) {
        let at = at.key("sample");
        let message = format!("`{}` is not a part of a whole", at.shown());
        cx.error(&at, message, "write a number from 0 to 1, such as `0.1`");
        return None;
    }
    let tls = sinks::tls(cx, at, ca, None)?;
    let headers = sinks::header_fields(cx, &at.key("headers"), headers)?;
    let networks = listeners::networks(cx, &at.key("trusted_parents"), trusted_parents)?;
    let ms = Duration::from_millis;
    let (default, bound) = (ms(TRACE_TIMEOUT_MS), ms(TRACE_TIMEOUT_MS_MAX));
    let timeout = duration(cx, &at.key("timeout"), timeout, default, bound)?;
    let http = SinkHttp { url, tls };
    Some(Traces { http, headers, sample, trusted_parents: networks, timeout })
}
