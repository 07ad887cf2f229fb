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
    resource: &str,
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
        client_certificate,
        ca,
        connect_timeout,
        head_timeout,
        idle_timeout,
        stream_idle_timeout,
        answer_bytes_max,
    } = keys;
    let of_http = Typed::of([
        ("socket", socket.is_some()),
        ("credential", credential.is_some()),
        ("client_certificate", client_certificate.is_some()),
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
            process(cx, at, words, raw_command, profile)
        }
        Some(Way::Http(name, url)) => {
            let why = "has no effect without a `command`";
            of_process(&raw_command).useless(cx, at, why, "remove it");
            endpoint(cx, at, &url_at, &url, socket, profile).map(name.transport())
        }
    };
    let endpoint = transport.as_ref().and_then(Transport::endpoint);
    let credential = credential::credential(cx, at, credential, endpoint, resource);
    let identity = credential::identity(cx, at, client_certificate, endpoint);
    let ca = ca.map(|path| self::authorities(cx, &at.key("ca"), &path, endpoint));
    let waits = waits(cx, at, [connect_timeout, head_timeout, idle_timeout, stream_idle_timeout]);
    let answer_at = at.key("answer_bytes_max");
    let answer = size(cx, &answer_at, answer_bytes_max, ANSWER_BYTES_MAX, ANSWER_BYTES_BOUND);
    let [connect_timeout, head_timeout, idle_timeout, stream_idle_timeout] = waits;
    Some(Upstream {
        transport: transport?,
        era: era?,
        // A part that was typed and is wrong leaves no upstream.
        credential: credential?,
        identity: identity?,
        ca: ca.map_or(Some(None), |found| found.map(Some))?,
        connect_timeout: connect_timeout?,
        head_timeout: head_timeout?,
        idle_timeout: idle_timeout?,
        stream_idle_timeout: stream_idle_timeout?,
        answer_bytes_max: answer?,
    })
}

/// The four waits of an upstream, in the order of [`WAITS`].
fn waits(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: [Option<raw::Duration>; 4],
) -> [Option<Duration>; 4] {
    let bound = Duration::from_secs(TIMEOUT_S_MAX);
    let mut keys = WAITS.into_iter();
    typed.map(|typed| {
        let (key, default_ms) = keys.next()?;
        duration(cx, &at.key(key), typed, Duration::from_millis(default_ms), bound)
    })
}

fn process(
    cx: &mut Context<'_>,
    at: &At<'_>,
    words: Vec<String>,
    raw: RawCommand,
    profile: Option<&Profile>,
) -> Option<Transport> {
    if matches!(profile, Some(Profile::Rest(_))) {
        let message = "a REST server is reached by `url`, not by `command`";
        cx.error(&at.key("command"), message, "write `url:`, or `profile: mcp`");
    }
    command::command(cx, at, words, raw).map(Transport::Stdio)
}

fn of_process(raw: &RawCommand) -> Typed {
    let RawCommand { env, env_pass, dir, processes_max } = raw;
    Typed::of([
        ("env", env.is_some()),
        ("env_pass", env_pass.is_some()),
        ("dir", dir.is_some()),
        ("processes_max", processes_max.is_some()),
    ])
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

impl HttpName {
    fn transport(&self) -> fn(Endpoint) -> Transport {
        match self {
            Self::Streamable => Transport::Streamable,
            Self::Sse => Transport::HttpSse,
        }
    }
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
    certificates::authorities(cx, at, path).map(|(path, _)| path)
}

/// Keys that were typed, by name.
struct Typed(Vec<&'static str>);

impl Typed {
    fn of<const N: usize>(keys: [(&'static str, bool); N]) -> Self {
        Self(keys.into_iter().filter_map(|(key, typed)| typed.then_some(key)).collect())
    }

    /// What has no effect is an error, and never a silent one.
    fn useless(&self, cx: &mut Context<'_>, at: &At<'_>, why: &str, help: &str) {
        for key in &self.0 {
            cx.error(&at.key(key), format!("`{key}` {why}"), help);
        }
    }
}

/// Keys of the waits and their defaults in milliseconds.
const WAITS: [(&str, u64); 4] = [
    ("connect_timeout", CONNECT_MS),
    ("head_timeout", UPSTREAM_HEAD_MS),
    ("idle_timeout", UPSTREAM_IDLE_MS),
    ("stream_idle_timeout", STREAM_IDLE_MS),
];
