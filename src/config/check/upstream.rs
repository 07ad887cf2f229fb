//! Where calls go: over HTTP to an address, or to a child process.

use std::path::PathBuf;
use std::time::Duration;

use super::super::model::{Endpoint, EraPin, Profile, Transport, Upstream};
use super::super::raw::{self, EraName, TransportName};
use super::command::{self, RawCommand};
use super::{At, Context, certificates, credential, duration, size, urls};
use crate::limits::{
    ANSWER_BYTES_BOUND, ANSWER_BYTES_MAX, CONNECT_MS, SOCKET_PATH_BYTES_MAX, STREAM_IDLE_MS,
    TIMEOUT_S_MAX, UPSTREAM_HEAD_MS, UPSTREAM_IDLE_MS,
};

pub(super) fn upstream(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Upstream,
    profile: Option<&Profile>,
) -> Option<Upstream> {
    let (url_at, keys) = match raw {
        raw::Upstream::Url(url) => {
            (at.clone(), raw::UpstreamKeys { url: Some(url), ..raw::UpstreamKeys::default() })
        }
        raw::Upstream::Keys(keys) => (at.key("url"), *keys),
    };
    let raw::UpstreamKeys {
        url,
        command,
        transport,
        era,
        socket,
        env,
        env_pass,
        dir,
        processes_max,
        credential,
        ca,
        connect_timeout,
        head_timeout,
        idle_timeout,
        stream_idle_timeout,
        answer_bytes_max,
    } = keys;
    let of_process = Typed::of([
        ("env", env.is_some()),
        ("env_pass", env_pass.is_some()),
        ("dir", dir.is_some()),
        ("processes_max", processes_max.is_some()),
    ]);
    let of_http = Typed::of([
        ("socket", socket.is_some()),
        ("credential", credential.is_some()),
        ("ca", ca.is_some()),
        ("connect_timeout", connect_timeout.is_some()),
    ]);
    let raw_command = RawCommand { env, env_pass, dir, processes_max };
    let way = way(cx, at, url, command, transport);
    let era = self::era(cx, at, era, way.as_ref(), profile);
    let transport = match way {
        None => None,
        Some(Way::Stdio(words)) => {
            of_http.useless(cx, at, "has no effect on a process", "remove it");
            if matches!(profile, Some(Profile::Rest(_))) {
                let message = "a REST server is reached by `url`, not by `command`";
                cx.error(&at.key("command"), message, "write `url:`, or `profile: mcp`");
            }
            command::command(cx, at, words, raw_command).map(Transport::Stdio)
        }
        Some(Way::Http(name, url)) => {
            of_process.useless(cx, at, "has no effect without a `command`", "remove it");
            let endpoint = endpoint(cx, at, &url_at, &url, socket, profile);
            endpoint.map(match name {
                HttpName::Streamable => Transport::Streamable,
                HttpName::Sse => Transport::HttpSse,
            })
        }
    };
    let endpoint = match &transport {
        Some(Transport::Streamable(endpoint) | Transport::HttpSse(endpoint)) => Some(endpoint),
        Some(Transport::Stdio(_)) | None => None,
    };
    let credential =
        credential.map(|raw| credential::credential(cx, &at.key("credential"), raw, endpoint));
    let ca = ca.map(|path| self::authorities(cx, &at.key("ca"), &path, endpoint));
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
        transport: transport?,
        era: era?,
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

/// What leads to the server, before its parts were looked at.
enum Way {
    Http(HttpName, raw::Url),
    Stdio(Vec<String>),
}

enum HttpName {
    Streamable,
    Sse,
}

/// Exactly one of `url` and `command`, and a transport that fits it.
fn way(
    cx: &mut Context<'_>,
    at: &At<'_>,
    url: Option<raw::Url>,
    command: Option<Vec<String>>,
    transport: Option<TransportName>,
) -> Option<Way> {
    match (url, command, transport) {
        (Some(_), Some(_), _) => {
            let message = "`url` and `command` exclude each other";
            cx.error(&at.key("command"), message, "remove the one or the other");
            None
        }
        (None, None, _) => {
            let help = "add `url: http://127.0.0.1:8080/mcp`, or `command: [program, argument]`";
            cx.absent(at, "`upstream` names neither a `url` nor a `command`", help);
            None
        }
        (Some(_), None, Some(TransportName::Stdio)) => {
            let message = "`stdio` is spoken with a process, and this is a `url`";
            cx.error(&at.key("transport"), message, "write `command: [program, argument]`");
            None
        }
        (None, Some(_), Some(TransportName::StreamableHttp | TransportName::HttpSse)) => {
            let message = format!("a process does not speak `{}`", at.key("transport").shown());
            cx.error(&at.key("transport"), message, "write `stdio`, or a `url`");
            None
        }
        (Some(url), None, None | Some(TransportName::StreamableHttp)) => {
            Some(Way::Http(HttpName::Streamable, url))
        }
        (Some(url), None, Some(TransportName::HttpSse)) => Some(Way::Http(HttpName::Sse, url)),
        (None, Some(words), None | Some(TransportName::Stdio)) => Some(Way::Stdio(words)),
    }
}

fn era(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<EraName>,
    way: Option<&Way>,
    profile: Option<&Profile>,
) -> Option<EraPin> {
    let sse = matches!(way, Some(Way::Http(HttpName::Sse, _)));
    if matches!(profile, Some(Profile::Rest(_))) {
        if sse {
            let message = "a REST server does not speak `http-sse`";
            cx.error(&at.key("transport"), message, "remove it, or write `profile: mcp`");
        }
        if raw.is_some() {
            let message = "`era` has no effect on a REST server";
            cx.error(&at.key("era"), message, "remove it, or write `profile: mcp`");
        }
        return Some(EraPin::Auto);
    }
    match raw {
        Some(EraName::Modern) if sse => {
            let message = "HTTP+SSE belongs to MCP 2024-11-05, which is `legacy`";
            cx.error(&at.key("era"), message, "remove it, or write `transport: streamable-http`");
            None
        }
        // There is nothing to find out.
        None | Some(EraName::Auto | EraName::Legacy) if sse => Some(EraPin::Legacy),
        None | Some(EraName::Auto) => Some(EraPin::Auto),
        Some(EraName::Legacy) => Some(EraPin::Legacy),
        Some(EraName::Modern) => Some(EraPin::Modern),
    }
}

fn endpoint(
    cx: &mut Context<'_>,
    at: &At<'_>,
    url_at: &At<'_>,
    url: &raw::Url,
    socket: Option<String>,
    profile: Option<&Profile>,
) -> Option<Endpoint> {
    let url = urls::http_url(cx, url_at, &url.0);
    if url.as_ref().is_some_and(|url| url.query().is_some())
        && matches!(profile, Some(Profile::Rest(_)))
    {
        cx.error(url_at, "paths are appended to this URL, so it has no query", "remove the `?…`");
    }
    let socket = match socket {
        None => None,
        Some(path) => Some(self::socket(cx, &at.key("socket"), path)?),
    };
    Some(Endpoint { url: url?, socket })
}

fn socket(cx: &mut Context<'_>, at: &At<'_>, path: String) -> Option<PathBuf> {
    if !path.starts_with('/') {
        let message = format!("`{}` is not an absolute path", at.shown());
        cx.error(at, message, "write the whole path, such as `/run/mcp.sock`");
        return None;
    }
    if path.len() > SOCKET_PATH_BYTES_MAX || path.contains('\0') {
        let message = "no socket can have this path";
        cx.error(at, message, format!("use one of at most {SOCKET_PATH_BYTES_MAX} bytes"));
        return None;
    }
    Some(path.into())
}

fn authorities(
    cx: &mut Context<'_>,
    at: &At<'_>,
    path: &raw::FilePath,
    endpoint: Option<&Endpoint>,
) -> Option<PathBuf> {
    if endpoint.is_some_and(|endpoint| endpoint.url.scheme() != "https") {
        cx.error(at, "`ca` has no effect on an `http` upstream", "use `https`, or remove it");
    }
    certificates::authorities(cx, at, path)
}

/// Keys that were typed, by name.
struct Typed(Vec<&'static str>);

impl Typed {
    fn of(keys: [(&'static str, bool); 4]) -> Self {
        Self(keys.into_iter().filter_map(|(key, typed)| typed.then_some(key)).collect())
    }

    /// What has no effect is an error, and never a silent one.
    fn useless(&self, cx: &mut Context<'_>, at: &At<'_>, why: &str, help: &str) {
        for key in &self.0 {
            cx.error(&at.key(key), format!("`{key}` {why}"), help);
        }
    }
}
