//! API keys: the file of hashes, what they are keyed with, and where keys may stand.

use std::sync::Arc;

use http::{HeaderName, header};

use super::super::model::{ApiKeys, Server};
use super::super::{raw, secrets};
use super::{At, Context};
use crate::api_key::{API_KEYS_BYTES_MAX, Pepper, Servers, Table};

/// `Some(None)` where no key is configured, `None` where what is configured has mistakes.
pub(super) fn api_keys(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::ApiKeys>,
) -> Option<Option<Arc<ApiKeys>>> {
    let Some(raw::ApiKeys { file, pepper, header }) = raw else { return Some(None) };
    let keys = table(cx, &at.key("file"), &file);
    let pepper = self::pepper(cx, &at.key("pepper"), &pepper);
    let header = self::header(cx, &at.key("header"), header);
    Some(Some(Arc::new(ApiKeys { header: header?, pepper: pepper?, keys: keys? })))
}

fn table(cx: &mut Context<'_>, at: &At<'_>, file: &raw::FilePath) -> Option<Table> {
    let path = cx.resolve(&file.0);
    if !path.exists() {
        // Noted, so that the file is seen when it comes.
        let _ = cx.files.read(&path, API_KEYS_BYTES_MAX);
        let message = format!("`{}`: the file does not exist", path.display());
        cx.error(at, message, "make the first key: `sallyport keys create`");
        return None;
    }
    let bytes = cx.read(at, &path, API_KEYS_BYTES_MAX)?;
    match Table::parse(&bytes) {
        Ok(table) => Some(table),
        Err(why) => {
            let message = format!("`{}`: {why}", path.display());
            cx.error(at, message, "write the file with `sallyport keys` alone");
            None
        }
    }
}

/// S-15: neither a missing nor an example pepper.
pub(in crate::config) fn pepper(
    cx: &mut Context<'_>,
    at: &At<'_>,
    reference: &raw::SecretRef,
) -> Option<Pepper> {
    let bytes = secrets::key32(cx, at, reference)?;
    match Pepper::new(bytes.expose()) {
        Ok(pepper) => Some(pepper),
        Err(why) => {
            cx.error(at, format!("this is no pepper: {why}"), "make one: `sallyport keys pepper`");
            None
        }
    }
}

fn header(cx: &mut Context<'_>, at: &At<'_>, name: Option<String>) -> Option<Option<HeaderName>> {
    let Some(name) = name else { return Some(None) };
    if name.eq_ignore_ascii_case(header::AUTHORIZATION.as_str()) {
        let help = "remove it: `Authorization: Bearer` always carries a key";
        cx.error(at, "`authorization` carries keys anyway", help);
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let taken =
        TAKEN.contains(&lower.as_str()) || TAKEN_PREFIXES.iter().any(|p| lower.starts_with(p));
    let parsed = HeaderName::try_from(lower).ok().filter(|_| !taken);
    if parsed.is_none() {
        let message = format!("`{}` cannot carry an API key", at.shown());
        cx.error(at, message, "write a name that means nothing else, such as `x-api-key`");
    }
    parsed.map(Some)
}

/// Names what can have no effect: a section that no server uses, keys for no server.
pub(super) fn unused(
    cx: &mut Context<'_>,
    at: &At<'_>,
    api_keys: Option<&Arc<ApiKeys>>,
    servers: &[Option<Server>],
) {
    let Some(api_keys) = api_keys else { return };
    if !cx.complete || servers.iter().any(Option::is_none) {
        return;
    }
    let accepting: Vec<&str> = servers
        .iter()
        .flatten()
        .filter(|server| server.auth.api_keys().is_some())
        .map(|server| server.name.as_ref())
        .collect();
    if accepting.is_empty() {
        let help = "write `auth: api_keys` or `auth: { any: [api_keys, tokens] }` for a server, or remove the section";
        cx.error(&at.named(), "no server accepts API keys", help);
        return;
    }
    for entry in api_keys.keys.entries() {
        let Servers::Named(names) = &entry.servers else { continue };
        for name in names.iter().filter(|name| !accepting.contains(&name.as_str())) {
            let shown = super::super::structure::short(name);
            let message =
                format!("key `{}` is for `{shown}`, and no such server accepts API keys", entry.id);
            cx.warn(&at.key("file"), message, "correct the name in the file, or remove the key");
        }
    }
}

/// Fields that have a meaning of their own.
const TAKEN: [&str; 22] = [
    "baggage",
    "connection",
    "cookie",
    "date",
    "dpop",
    "expect",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "last-event-id",
    "origin",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

/// Beginnings of such fields.
const TAKEN_PREFIXES: [&str; 8] =
    ["accept", "content-", "if-", "mcp-", "proxy-", "sec-", "x-forwarded", "access-control-"];
