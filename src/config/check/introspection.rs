//! How an issuer is asked about tokens.

use std::time::Duration;

use super::super::model::{IntrospectWhen, Introspection, KeySource, OauthClient};
use super::super::{raw, values};
use super::{At, Context, duration, outbound, urls};
use crate::limits::{
    INTROSPECTION_CACHE_S, INTROSPECTION_GRACE_S_MAX, INTROSPECTION_NEGATIVE_S,
    INTROSPECTION_NEGATIVE_S_MAX, TOKEN_CACHE_S,
};

/// The outer `None`: it could not be read.
pub(super) fn introspection(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Introspection>,
    keys: Option<&KeySource>,
) -> Option<Option<Introspection>> {
    let Some(raw) = raw else { return Some(None) };
    let raw::Introspection {
        url,
        when,
        client_id,
        auth,
        cache,
        negative_cache,
        grace,
        audience_optional,
    } = raw;
    let endpoint = match url {
        None => Some(None),
        Some(raw::Url(text)) => endpoint(cx, &at.key("url"), &text).map(Some),
    };
    if when.is_some() && matches!(keys, Some(KeySource::None)) {
        let message = "`when` has no effect on an issuer without keys, which is asked about all";
        cx.error(&at.key("when"), message, "remove it");
    }
    let when = match when {
        None | Some(raw::IntrospectWhen::Opaque) => IntrospectWhen::Opaque,
        Some(raw::IntrospectWhen::Always) => IntrospectWhen::Always,
    };
    if client_id.trim().is_empty() {
        cx.error(&at.key("client_id"), "an empty client id", "copy it from the issuer");
    }
    let proof = outbound::client(cx, &at.key("auth"), auth);
    let seconds = Duration::from_secs;
    let cache = {
        let (default, bound) = (seconds(INTROSPECTION_CACHE_S), seconds(TOKEN_CACHE_S));
        duration(cx, &at.key("cache"), cache, default, bound)
    };
    let negative_cache = {
        let default = seconds(INTROSPECTION_NEGATIVE_S);
        let bound = seconds(INTROSPECTION_NEGATIVE_S_MAX);
        duration(cx, &at.key("negative_cache"), negative_cache, default, bound)
    };
    let grace = self::grace(cx, &at.key("grace"), grace);
    let audience_optional = audience_optional.unwrap_or(false);
    if audience_optional {
        let message = "any token of this issuer passes, whomever it was issued for";
        cx.weak(&at.key("audience_optional"), message, "let the issuer send `aud`");
    }
    Some(Some(Introspection {
        endpoint: endpoint?,
        when,
        client: OauthClient { id: client_id.into(), proof: proof? },
        cache: cache?,
        negative_cache: negative_cache?,
        grace: grace?,
        audience_optional,
    }))
}

fn endpoint(cx: &mut Context<'_>, at: &At<'_>, text: &str) -> Option<url::Url> {
    let url = urls::http_url(cx, at, text)?;
    urls::require_https(cx, at, &url, "an introspection endpoint")?;
    Some(url)
}

/// Unlike other durations it may be zero, which is its default.
fn grace(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Duration>) -> Option<Duration> {
    let Some(raw::Duration(text)) = &raw else { return Some(Duration::ZERO) };
    if values::duration(text).is_ok_and(|grace| grace.is_zero()) {
        return Some(Duration::ZERO);
    }
    let bound = Duration::from_secs(INTROSPECTION_GRACE_S_MAX);
    let grace = duration(cx, at, raw, Duration::ZERO, bound)?;
    let message = "a revoked token may pass while its issuer cannot be asked";
    cx.weak(at, message, "remove `grace`, or keep it short");
    Some(grace)
}

/// Issuers without keys have tokens that nobody but they can judge.
pub(super) fn without_keys(
    cx: &mut Context<'_>,
    at: &At<'_>,
    introspected: bool,
    without_effect: [(&str, bool); 2],
) {
    if !introspected {
        let help = "add `introspection`, or let the keys be found";
        cx.error(&at.key("keys"), "without keys no token of this issuer can be verified", help);
    }
    for (key, _) in without_effect.into_iter().filter(|(_, typed)| *typed) {
        let message = format!("`{key}` has no effect on an issuer without keys");
        cx.error(&at.key(key), message, "remove it");
    }
}
