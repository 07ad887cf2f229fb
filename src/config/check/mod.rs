//! From what was typed to what is meant.
//!
//! Assumes that [`super::structure`] found the shape sound, or took out what is not. Guarantees:
//! every problem of meaning is found in one run; a [`Config`] is complete and its files were
//! read. Raw structs are destructured without `..`: a new key does not compile until it is placed.

mod access;
mod anchors;
mod api_keys;
mod audit;
mod auth;
mod certificates;
mod claims;
mod command;
mod confinement;
mod context;
mod credential;
mod crl;
mod facade;
mod gateway;
mod glob;
mod guard;
mod identities;
mod introspection;
mod issuers;
mod limits;
mod lints;
mod listeners;
mod outbound;
mod pins;
mod policy;
mod proof;
mod redact;
mod rest;
mod retention;
mod revocation;
mod s3;
mod servers;
mod sessions;
mod shared;
mod sinks;
mod telemetry;
mod upstream;
mod urls;
mod views;

pub(super) use api_keys::pepper;
pub(super) use context::{At, Context};
pub use lints::policy_surroundings;

use crate::limits::NAME_CHARS_MAX;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::model::{Config, Log};
use super::raw::{self, Raw};
use super::structure::short;
use super::values;
use identities::Mesh;
use listeners::Listeners;

/// Everything that a [`Config`] holds, except what is known only at the end of the check.
pub(super) fn configuration(cx: &mut Context<'_>, raw: Raw, at: &At<'_>) -> Option<Config> {
    let Raw {
        // There is one version, and its type admits no other.
        version: None | Some(raw::Version),
        listen,
        tls,
        plain_http,
        admin,
        trusted_proxies,
        trusted_mesh,
        limits,
        sessions,
        revocation,
        redis,
        log,
        telemetry,
        audit,
        gateway,
        confinement,
        outbound,
        issuers,
        api_keys,
        policy,
        servers,
    } = raw;
    let trusted_proxies =
        listeners::trusted_proxies(cx, &at.key("trusted_proxies"), trusted_proxies);
    let proxies_known = trusted_proxies.as_ref().is_none_or(|list| !list.is_empty());
    let listeners =
        listeners::listeners(cx, at, Listeners { listen, tls, plain_http, proxies_known });
    let mesh = if trusted_mesh.is_some() { Mesh::Typed } else { Mesh::Absent };
    let trusted_mesh = identities::mesh(cx, &at.key("trusted_mesh"), trusted_mesh, &listeners);
    let admin = listeners::admin(cx, &at.key("admin"), admin);
    listeners::conflicts(cx, listeners.iter().map(|l| (&l.bind_at, l.bind)).chain(admin.bound()));
    let limits = shared::of_all(cx, &at.key("limits"), limits, redis.is_some());
    let sessions = sessions::sessions(cx, &at.key("sessions"), sessions);
    let (redis, revocation) = revocation::both(cx, at, redis, revocation, admin.has_token());
    let (log, telemetry) = told(cx, at, log, telemetry);
    let audit = audit::audit(cx, &at.key("audit"), audit);
    let gateway = gateway::named(cx, &at.key("gateway"), gateway);
    let outbound = outbound::outbound(cx, &at.key("outbound"), outbound);
    let issuers = issuers::issuers(cx, &at.key("issuers"), issuers, &listeners);
    let api_keys = api_keys::api_keys(cx, &at.key("api_keys"), api_keys);
    let around = servers::Around::of(&issuers, api_keys.as_ref(), &listeners, mesh, limits.sharing);
    let servers = servers::servers(cx, &at.key("servers"), servers, &around);
    issuers::unused(cx, &issuers, &servers);
    shared::unused(cx, at, (redis.as_ref(), revocation.as_ref()), limits.sharing, &servers);
    api_keys::unused(cx, &at.key("api_keys"), api_keys.as_ref().and_then(Option::as_ref), &servers);
    let known = (issuers.as_slice(), mesh == Mesh::Typed || proxies_known);
    let servers = policy::governed(cx, at, policy, servers, known);
    Some(Config {
        listeners: listeners.into_iter().map(|l| l.listener).collect::<Option<Vec<_>>>()?,
        admin: admin.value?,
        audit: audit?,
        gateway: gateway?,
        servers: servers?,
        issuers: issuers.into_iter().map(|i| i.issuer).collect::<Option<_>>()?,
        trusted_proxies: trusted_proxies?,
        trusted_mesh: trusted_mesh?,
        per_address: limits.per_address?,
        shared_limits: limits.shared?,
        sessions: sessions?,
        confinement: confinement::confinement(cx, &at.key("confinement"), confinement),
        outbound: outbound?,
        revocation: revocation?,
        redis: redis?,
        log: log?,
        telemetry: telemetry?,
        hash: String::new(),
        files: Vec::new(),
        warnings: Vec::new(),
    })
}

/// What the gateway tells of itself while it runs.
fn told(
    cx: &mut Context<'_>,
    at: &At<'_>,
    log: Option<raw::Log>,
    telemetry: Option<raw::Telemetry>,
) -> (Option<Log>, Option<super::model::Telemetry>) {
    let log = log_of(cx, &at.key("log"), log);
    (log, telemetry::telemetry(cx, &at.key("telemetry"), telemetry))
}

fn log_of(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Log>) -> Option<Log> {
    let raw::Log { filter, format } = raw.unwrap_or(raw::Log { filter: None, format: None });
    let filter = filter.unwrap_or_else(|| "info".into());
    let json = match format {
        None | Some(raw::LogFormat::Json) => true,
        Some(raw::LogFormat::Text) => false,
    };
    if EnvFilter::try_new(&filter).is_err() || filter.trim().is_empty() {
        let at = at.key("filter");
        let message = format!("`{}` is not a log filter", at.shown());
        cx.error(&at, message, "write a level such as `info`, or `warn,sallyport=debug`");
        return None;
    }
    Some(Log { filter, json })
}

/// A duration of at least 1 ms and at most `bound`; a default where none was typed.
fn duration(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Duration>,
    default: Duration,
    bound: Duration,
) -> Option<Duration> {
    let Some(raw::Duration(text)) = raw else { return Some(default) };
    let value = cx.take(at, values::duration(&text))?;
    if value.is_zero() || value > bound {
        let message = format!("`{}` is not a possible duration here", at.shown());
        cx.error(at, message, format!("write more than 0 and at most `{}s`", bound.as_secs()));
        return None;
    }
    Some(value)
}

/// A size of at least 1 byte and at most `bound`; a default where none was typed.
fn size(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Size>,
    default: usize,
    bound: usize,
) -> Option<usize> {
    let Some(raw::Size(text)) = raw else { return Some(default) };
    let value = cx.take(at, values::size(&text))?;
    if value == 0 || value > bound {
        let message = format!("`{}` is not a possible size here", at.shown());
        cx.error(at, message, format!("write more than 0 and at most `{}MiB`", bound >> 20));
        return None;
    }
    Some(value)
}

/// Lower-case letters, digits, `-` and `_`, beginning with a letter or digit.
fn is_name(text: &str) -> bool {
    text.len() <= NAME_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// Reports a key that its owner chose, and that is no name.
fn name_key(cx: &mut Context<'_>, at: &At<'_>, name: &str) {
    if !is_name(name) {
        let help = "use lower-case letters, digits, `-` and `_`";
        cx.error(&at.named(), "this is not a name", help);
    }
}
