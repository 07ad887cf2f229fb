//! Traces: where they go, in what, and how many.

use std::time::Duration;

use super::super::model::{SinkHttp, SinkTls, Telemetry, Traces};
use super::super::raw;
use super::{At, Context, certificates, duration, listeners, urls};
use crate::limits::{FILE_BYTES_MAX, TRACE_TIMEOUT_MS, TRACE_TIMEOUT_MS_MAX};

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
    let url = urls::http_url(cx, &url_at, &otlp.0)?;
    if url.scheme() == "http" && !urls::is_loopback(&url) {
        let message = "spans and the credential of the collector would travel in plain text";
        if matches!(plain_http, Some(raw::PlainHttp::Allowed)) {
            cx.weak(&url_at, message, "write `https://…`, and name its authority in `ca`");
        } else {
            let help = "write `https://…`; `plain_http: allowed` takes the risk";
            cx.error(&url_at, message, help);
            return None;
        }
    }
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
    let ca_pem = match ca {
        None => None,
        Some(path) => {
            let at = at.key("ca");
            let (path, _) = certificates::authorities(cx, &at, &path)?;
            Some(cx.read(&at, &path, FILE_BYTES_MAX)?.into())
        }
    };
    let headers = super::sinks::header_fields(cx, &at.key("headers"), headers)?;
    let networks = listeners::networks(cx, &at.key("trusted_parents"), trusted_parents)?;
    let ms = Duration::from_millis;
    let (default, bound) = (ms(TRACE_TIMEOUT_MS), ms(TRACE_TIMEOUT_MS_MAX));
    let timeout = duration(cx, &at.key("timeout"), timeout, default, bound)?;
    let tls = SinkTls { ca_pem, identity: None };
    let http = SinkHttp { url, tls };
    Some(Traces { http, headers, sample, trusted_parents: networks, timeout })
}
