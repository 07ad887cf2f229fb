//! Sealed sessions: keys, lifetimes, how many; and what belongs to sessions of one server: the old
//! transport's address, and where a server may send people.

use std::time::Duration;

use url::Url;

use super::super::model::{Access, Profile, ServerRequest, Sessions};
use super::super::raw::{self, SecretRef};
use super::super::secrets;
use super::servers::WELL_KNOWN;
use super::{At, Context, duration};
use crate::limits::{
    NAME_BYTES_MAX, SESSION_IDLE_S, SESSION_KEYS_MAX, SESSION_S, SESSION_S_MAX,
    SESSIONS_PER_PRINCIPAL, SESSIONS_PER_PRINCIPAL_MAX, URL_HOSTS_MAX,
};
use crate::secret::Secret;

pub(super) fn sessions(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Sessions>,
) -> Option<Sessions> {
    let none =
        raw::Sessions { key: None, keys: None, lifetime: None, idle: None, per_principal: None };
    let raw::Sessions { key, keys, lifetime, idle, per_principal } = raw.unwrap_or(none);
    let keys = self::keys(cx, at, key, keys);
    let bound = Duration::from_secs(SESSION_S_MAX);
    let default = Duration::from_secs(SESSION_S);
    let lifetime = duration(cx, &at.key("lifetime"), lifetime, default, bound);
    let typed = idle.is_some();
    let default = Duration::from_secs(SESSION_IDLE_S);
    let idle_at = at.key("idle");
    let idle = duration(cx, &idle_at, idle, default, bound);
    if let (true, Some(idle), Some(lifetime)) = (typed, idle, lifetime)
        && idle > lifetime
    {
        let message = "`idle` has no effect: a session never lives that long";
        cx.error(&idle_at, message, "write less than `lifetime`");
    }
    Some(Sessions {
        keys: keys?,
        lifetime: lifetime?,
        idle: idle?,
        per_principal: count(cx, &at.key("per_principal"), per_principal)?,
    })
}

fn keys(
    cx: &mut Context<'_>,
    at: &At<'_>,
    key: Option<SecretRef>,
    keys: Option<Vec<SecretRef>>,
) -> Option<Vec<Secret>> {
    let references = match (key, keys) {
        (None, None) => return Some(Vec::new()),
        (Some(one), None) => return Some(vec![secrets::key32(cx, &at.key("key"), &one)?]),
        (None, Some(several)) => several,
        (Some(_), Some(_)) => {
            let help = "put the key that seals first in `keys`, and remove `key`";
            cx.error(&at.key("key"), "`key` and `keys` both name the key that seals", help);
            return None;
        }
    };
    let at = &at.key("keys");
    if references.is_empty() || references.len() > SESSION_KEYS_MAX {
        let message = format!("{} keys", references.len());
        cx.error(at, message, format!("name 1 to {SESSION_KEYS_MAX}; the first seals, all open"));
        return None;
    }
    let mut keys: Vec<Option<Secret>> = Vec::new();
    for (i, reference) in references.iter().enumerate() {
        let at = at.item(i);
        let key = secrets::key32(cx, &at, reference);
        let twice = |other: &Option<Secret>| {
            other.as_ref().zip(key.as_ref()).is_some_and(|(a, b)| a.expose() == b.expose())
        };
        if keys.iter().any(twice) {
            cx.error(&at, "the same key twice", "remove one of the two");
        }
        keys.push(key);
    }
    keys.into_iter().collect()
}

fn count(cx: &mut Context<'_>, at: &At<'_>, raw: Option<u32>) -> Option<usize> {
    let count = raw.unwrap_or(SESSIONS_PER_PRINCIPAL);
    if !(1..=SESSIONS_PER_PRINCIPAL_MAX).contains(&count) {
        let message = format!("`{}` is not a possible number of sessions", at.shown());
        cx.error(at, message, format!("write 1 to {SESSIONS_PER_PRINCIPAL_MAX}"));
        return None;
    }
    usize::try_from(count).ok()
}

/// Only MCP knows batches.
pub(super) fn batches(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Batches>,
    profile: Option<&Profile>,
) -> Option<bool> {
    let Some(raw) = raw else { return Some(false) };
    if matches!(profile, Some(Profile::Rest(_))) {
        let at = at.key("batches");
        cx.absent(&at, "`batches` has no effect: this server does not speak MCP", "remove it");
        return None;
    }
    Some(match raw {
        raw::Batches::Refuse => false,
        raw::Batches::Each => true,
    })
}

/// The address for clients of HTTP+SSE: a path of its own beside the endpoint's.
pub(super) fn http_sse(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::HttpSse>,
    profile: Option<&Profile>,
    endpoint: Option<&Url>,
) -> Option<Option<String>> {
    let Some(raw::HttpSse { path }) = raw else { return Some(None) };
    let at = at.key("http_sse");
    if matches!(profile, Some(Profile::Rest(_))) {
        cx.absent(&at, "`http_sse` has no effect: this server does not speak MCP", "remove it");
        return None;
    }
    let at = at.key("path");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let sound = path.len() > 1
        && path.len() <= NAME_BYTES_MAX
        && path.starts_with('/')
        && path.bytes().all(plain)
        && path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."));
    let message = format!("`{}` is not a path of its own", at.shown());
    if !sound || path.starts_with(WELL_KNOWN) {
        cx.error(&at, message, "write one such as `/sse`");
        return None;
    }
    if endpoint.is_some_and(|url| url.path() == path) {
        cx.error(&at, message, "`public_url` has it already; write one such as `/sse`");
        return None;
    }
    Some(Some(path))
}

/// Hosts to which a server may send people.
pub(super) fn url_hosts(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Elicitation>,
    access: Option<&Access>,
) -> Option<Vec<Box<str>>> {
    let Some(raw::Elicitation { url_hosts }) = raw else { return Some(Vec::new()) };
    let at = at.key("elicitation");
    let hosts = url_hosts.unwrap_or_default();
    let may_ask = |access: &Access| access.server_requests.contains(&ServerRequest::Elicitation);
    if !hosts.is_empty() && !access.is_none_or(may_ask) {
        let message = "`elicitation` has no effect: the server may not ask anybody";
        cx.absent(&at, message, "add `elicitation` to `server_requests`, or remove it");
    }
    let at = at.key("url_hosts");
    if hosts.len() > URL_HOSTS_MAX {
        cx.error(&at, "too many hosts", format!("write at most {URL_HOSTS_MAX}"));
        return None;
    }
    let mut sound = true;
    for (i, host) in hosts.iter().enumerate() {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-*?[]:".contains(&b);
        if host.is_empty() || host.len() > NAME_BYTES_MAX || !host.bytes().all(plain) {
            let at = at.item(i);
            let message = format!("`{}` is not a host", at.shown());
            let help =
                "write `login.example.com` or `*.example.com`: lower case, no scheme, no port";
            cx.error(&at, message, help);
            sound = false;
        } else if host.bytes().all(|b| matches!(b, b'*' | b'?' | b'.')) {
            let message = "a server may send people anywhere";
            cx.weak(&at.item(i), message, "name the hosts, such as `*.example.com`");
        }
    }
    sound.then(|| hosts.into_iter().map(String::into_boxed_str).collect())
}
