//! Where calls go, and the gateway's own credential.

use crate::limits::ANSWER_BYTES_BOUND;
use crate::limits::TIMEOUT_S_MAX;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

use super::super::model::{Credential, Profile, Upstream};
use super::super::{raw, secrets};
use super::{At, Context, certificates, duration, size, urls};
use crate::limits::{
    ANSWER_BYTES_MAX, CONNECT_MS, STREAM_IDLE_MS, UPSTREAM_HEAD_MS, UPSTREAM_IDLE_MS,
};

pub(super) fn upstream(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Upstream,
    profile: Option<&Profile>,
) -> Option<Upstream> {
    let (url_at, keys) = match raw {
        raw::Upstream::Url(url) => (at.clone(), plain(url)),
        raw::Upstream::Keys(keys) => (at.key("url"), keys),
    };
    let raw::UpstreamKeys {
        url,
        credential,
        ca,
        connect_timeout,
        head_timeout,
        idle_timeout,
        stream_idle_timeout,
        answer_bytes_max,
    } = keys;
    let url = urls::http_url(cx, &url_at, &url.0);
    if url.as_ref().is_some_and(|url| url.query().is_some())
        && matches!(profile, Some(Profile::Rest(_)))
    {
        cx.error(&url_at, "paths are appended to this URL, so it has no query", "remove the `?…`");
    }
    let secure = url.as_ref().is_none_or(|url| url.scheme() == "https");
    if let Some(url) =
        url.as_ref().filter(|url| !secure && !urls::is_loopback(url) && credential.is_some())
    {
        let message = format!("the credential is sent in plain text to `{}`", urls::authority(url));
        cx.weak(&at.key("credential"), message, "use `https`, or a network that nobody else is on");
    }
    let credential = credential.map(|raw| self::credential(cx, &at.key("credential"), raw));
    let ca = ca.map(|path| certificates::authorities(cx, &at.key("ca"), &path));
    if ca.is_some() && !secure {
        cx.error(
            &at.key("ca"),
            "`ca` has no effect on an `http` upstream",
            "use `https`, or remove it",
        );
    }
    let mut time = |key: &str, raw: Option<raw::Duration>, default_ms: u64| {
        let bound = Duration::from_secs(TIMEOUT_S_MAX);
        duration(cx, &at.key(key), raw, Duration::from_millis(default_ms), bound)
    };
    let connect_timeout = time("connect_timeout", connect_timeout, CONNECT_MS);
    let head_timeout = time("head_timeout", head_timeout, UPSTREAM_HEAD_MS);
    let idle_timeout = time("idle_timeout", idle_timeout, UPSTREAM_IDLE_MS);
    let stream_idle = time("stream_idle_timeout", stream_idle_timeout, STREAM_IDLE_MS);
    let answer_at = at.key("answer_bytes_max");
    let answer = size(cx, &answer_at, answer_bytes_max, ANSWER_BYTES_MAX, ANSWER_BYTES_BOUND);
    Some(Upstream {
        url: url?,
        credential: match credential {
            Some(credential) => Some(credential?),
            None => None,
        },
        ca: match ca {
            Some(ca) => Some(ca?),
            None => None,
        },
        connect_timeout: connect_timeout?,
        head_timeout: head_timeout?,
        idle_timeout: idle_timeout?,
        stream_idle_timeout: stream_idle?,
        answer_bytes_max: answer?,
    })
}

fn plain(url: raw::Url) -> raw::UpstreamKeys {
    raw::UpstreamKeys {
        url,
        credential: None,
        ca: None,
        connect_timeout: None,
        head_timeout: None,
        idle_timeout: None,
        stream_idle_timeout: None,
        answer_bytes_max: None,
    }
}

fn credential(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Credential) -> Option<Credential> {
    let raw::Credential { header, value } = raw;
    let header_at = at.key("header");
    let name = header.as_deref().unwrap_or(header::AUTHORIZATION.as_str());
    let parsed = HeaderName::try_from(name.to_ascii_lowercase()).ok();
    let header =
        parsed.filter(|name| !FRAMING.contains(name) && !name.as_str().starts_with("mcp-"));
    if header.is_none() {
        let message = format!("`{}` cannot carry a credential", header_at.shown());
        cx.error(
            &header_at,
            message,
            "write `authorization`, `x-api-key` or the server's own name",
        );
    }
    let value_at = at.key("value");
    let value = secrets::secret(cx, &value_at, &value)?;
    if HeaderValue::from_bytes(value.expose()).is_err() {
        let message = "the secret has characters that no header can carry";
        cx.error(&value_at, message, "is it one line of text?");
        return None;
    }
    // RFC 9110 section 11.6.2: a scheme, a space, the credentials.
    let has_scheme = value.expose().contains(&b' ');
    if header == Some(header::AUTHORIZATION) && !has_scheme {
        let message = "an `authorization` value begins with its scheme, and this one has none";
        cx.warn(&value_at, message, "put `Bearer ` before the token, or name another `header`");
    }
    Some(Credential { header: header?, value })
}

/// Headers that frame or route a message; they are never set from a configuration.
const FRAMING: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::ACCEPT,
];
