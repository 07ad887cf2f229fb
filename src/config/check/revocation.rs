//! Revocations, the Redis that replicas share, and the token of the admin listener.

use std::path::{Path, PathBuf};

use url::{Host, Url};

use super::super::files::is_writable_by_others;
use super::super::model::{OnUnreadable, Redis, Revocation, Server};
use super::super::raw::{self, FilePath, SecretRef};
use super::super::secrets;
use super::listeners::is_loopback;
use super::{At, Context};
use crate::limits::{ADMIN_TOKEN_BYTES_MIN, FILE_BYTES_MAX, NAME_BYTES_MAX};
use crate::secret::Secret;

/// The two sections, which know of each other.
pub(super) fn both(
    cx: &mut Context<'_>,
    at: &At<'_>,
    redis: Option<raw::Redis>,
    revocation: Option<raw::Revocation>,
    admin_has_token: bool,
) -> (Option<Option<Redis>>, Option<Revocation>) {
    let (redis_at, redis_there) = (at.key("redis"), redis.is_some());
    let redis = self::redis(cx, &redis_at, redis);
    let shared = redis_there.then_some(redis_at);
    let revocation = self::revocation(cx, &at.key("revocation"), revocation, shared.as_ref());
    if let Some(revocation) = &revocation {
        unstored(cx, &at.key("admin"), admin_has_token, revocation);
    }
    (redis, revocation)
}

/// Names a Redis that holds neither revocations nor used proofs of possession, which come with
/// tokens alone, and for which there is no other use.
pub(super) fn unused(
    cx: &mut Context<'_>,
    at: &At<'_>,
    stores: (Option<&Option<Redis>>, Option<&Revocation>),
    servers: &[Option<Server>],
    other_use: bool,
) {
    let (Some(Some(_)), Some(revocation)) = stores else { return };
    let proofs =
        || servers.iter().any(|s| s.as_ref().is_none_or(|server| server.auth.issuers().is_some()));
    if !revocation.redis && !other_use && !proofs() {
        let message =
            "nothing uses this Redis: it holds no revocations, and no server takes tokens";
        cx.warn(at, message, "remove it, or `revocation.redis`");
    }
}

pub(super) fn redis(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Redis>,
) -> Option<Option<Redis>> {
    let Some(raw::Redis { url, username, password, ca }) = raw else { return Some(None) };
    let url = address(cx, &at.key("url"), &url);
    let username_at = at.key("username");
    let named = username.is_some();
    let plain = |name: &String| !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    if username.as_ref().is_some_and(|name| !plain(name)) {
        cx.error(&username_at, "this is not the name of an ACL user", "write its name");
    }
    if named && password.is_none() {
        let message = "`username` has no effect: without `password` nobody logs in";
        cx.absent(&username_at, message, "add `password: { file: … }`, or remove it");
    }
    let password = match password {
        Some(reference) => Some(redis_password(cx, &at.key("password"), &reference)?),
        None => None,
    };
    let secure = url.as_ref().is_none_or(|url| url.scheme() == "rediss");
    if ca.is_some() && !secure {
        let help = "write `rediss://` in `url`, or remove it";
        cx.absent(&at.key("ca"), "`ca` has no effect without TLS", help);
    }
    let ca = match ca {
        Some(path) => Some(authorities(cx, &at.key("ca"), &path)?),
        None => None,
    };
    Some(Some(Redis { url: url?, username, password, ca }))
}

/// What a Redis password has to be: text.
fn redis_password(cx: &mut Context<'_>, at: &At<'_>, reference: &SecretRef) -> Option<Secret> {
    let password = secrets::secret(cx, at, reference)?;
    if std::str::from_utf8(password.expose()).is_err() {
        cx.error(at, "the password is not UTF-8 text", "is it the right file?");
        return None;
    }
    Some(password)
}

fn authorities(cx: &mut Context<'_>, at: &At<'_>, path: &FilePath) -> Option<Vec<u8>> {
    let (path, _) = super::certificates::authorities(cx, at, path)?;
    cx.read(at, &path, FILE_BYTES_MAX)
}

fn address(cx: &mut Context<'_>, at: &At<'_>, raw::Url(text): &raw::Url) -> Option<Url> {
    let help = "write `rediss://redis.internal:6379`, and the number of a database as its path";
    let Ok(url) = Url::parse(text) else {
        cx.hide(at);
        cx.error(at, "this is not the address of a Redis", help);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        cx.hide(at);
        let help = "move them to `username` and `password: { file: … }`";
        cx.error(at, "an address with a name or a password", help);
        return None;
    }
    let database = url.path().trim_start_matches('/');
    let numbered = database.len() <= 5 && database.bytes().all(|b| b.is_ascii_digit());
    let more = url.query().is_some() || url.fragment().is_some();
    if !matches!(url.scheme(), "redis" | "rediss") || url.host().is_none() || !numbered || more {
        let message = format!("`{}` is not the address of a Redis", at.shown());
        cx.error(at, message, help);
        return None;
    }
    let near = match url.host() {
        Some(Host::Ipv4(ip)) => is_loopback(ip.into()),
        Some(Host::Ipv6(ip)) => is_loopback(ip.into()),
        // Of schemes that the web does not know, addresses are read as names.
        Some(Host::Domain(name)) => name == "localhost" || name.parse().is_ok_and(is_loopback),
        None => false,
    };
    if url.scheme() == "redis" && !near {
        let message = "whoever is on the way to this Redis reads and writes what it holds";
        cx.weak(at, message, "write `rediss://`");
    }
    Some(url)
}

pub(super) fn revocation(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Revocation>,
    redis: Option<&At<'_>>,
) -> Option<Revocation> {
    let none = raw::Revocation { file: None, redis: None, on_unreadable: None };
    let typed = raw.is_some();
    let raw::Revocation { file, redis: shared, on_unreadable } = raw.unwrap_or(none);
    let there = redis.is_some();
    match (shared, redis) {
        (Some(true), None) => {
            let help = "add `redis: { url: … }` to the file, or remove it";
            cx.absent(&at.key("redis"), "there is no `redis` in this file", help);
        }
        (Some(false), None) => {
            let message = "this has no effect: there is no `redis` in this file";
            cx.warn(&at.key("redis"), message, "remove it");
        }
        // Whether used proofs go there is known once the servers are: `unused`.
        (Some(false), Some(_)) | (Some(true) | None, _) => {}
    }
    let shared = shared.unwrap_or(there) && there;
    let file = match file {
        Some(path) => Some(journal(cx, &at.key("file"), &path)?),
        None => None,
    };
    let unreadable_at = at.key("on_unreadable");
    let stored = file.is_some() || shared;
    if typed && !stored && on_unreadable.is_some() {
        let message = "`on_unreadable` has no effect: there is nothing to read";
        cx.absent(&unreadable_at, message, "add `file`, or `redis` to the file");
    }
    let on_unreadable = match on_unreadable {
        None | Some(raw::OnUnreadable::Deny) => OnUnreadable::Deny,
        Some(raw::OnUnreadable::LastKnown) => {
            let message = "while revocations cannot be read, newly revoked callers go on calling";
            cx.weak(&unreadable_at, message, "write `deny`, or accept it");
            OnUnreadable::LastKnown
        }
    };
    Some(Revocation { file, redis: shared, on_unreadable })
}

/// The file does not have to exist; its folder does.
fn journal(cx: &mut Context<'_>, at: &At<'_>, path: &FilePath) -> Option<PathBuf> {
    let path = cx.resolve(&path.0);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let shown = path.display();
    if !folder.is_dir() {
        cx.error(at, format!("the folder of `{shown}` does not exist"), "make it");
        return None;
    }
    match std::fs::metadata(&path) {
        Ok(facts) if !facts.is_file() => {
            cx.error(at, format!("`{shown}` is not a regular file"), "name a file");
            return None;
        }
        Ok(_) if is_writable_by_others(&path) => {
            let message = format!("other users of this machine may undo revocations in `{shown}`");
            cx.weak(at, message, format!("chmod go-w {shown}"));
        }
        Ok(_) | Err(_) => {}
    }
    Some(path)
}

/// The token of the admin listener, behind which one may change something.
pub(super) fn admin_token(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<SecretRef>,
) -> Option<Option<Secret>> {
    let Some(reference) = raw else { return Some(None) };
    let token = secrets::secret(cx, at, &reference)?;
    let visible = token.expose().iter().all(u8::is_ascii_graphic);
    if token.expose().len() < ADMIN_TOKEN_BYTES_MIN || !visible {
        let message = format!("the token has not {ADMIN_TOKEN_BYTES_MIN} visible characters");
        cx.error(at, message, "make one with `openssl rand -hex 32`");
        return None;
    }
    Some(Some(token))
}

/// Revocations that nobody keeps.
pub(super) fn unstored(cx: &mut Context<'_>, at: &At<'_>, admin: bool, revocation: &Revocation) {
    if admin && revocation.file.is_none() && !revocation.redis {
        let message = "what is revoked here is forgotten when the gateway restarts";
        cx.weak(at, message, "add `revocation: { file: revoked.jsonl }`");
    }
}
