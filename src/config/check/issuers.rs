//! The authorization servers whose tokens are trusted.

use std::sync::Arc;
use std::time::Duration;

use super::super::model::{Issuer, KeySource, Server, TokenType};
use super::super::raw;
use super::super::structure::nearest;
use super::claims::{self, RawClaims};
use super::listeners::Checked as Listener;
use super::{At, Context, certificates, duration, introspection, urls};
use crate::limits::{CLOCK_SKEW_S, CLOCK_SKEW_S_MAX, JWKS_BYTES_MAX, JWKS_KEYS_MAX};

/// One issuer as far as it could be read.
pub(super) struct Checked<'t> {
    at: At<'t>,
    /// Its identifier as typed.
    pub(super) name: String,
    pub(super) issuer: Option<Arc<Issuer>>,
}

pub(super) fn issuers<'t>(
    cx: &mut Context<'_>,
    at: &At<'t>,
    raw: Option<Vec<raw::Issuer>>,
    listeners: &[Listener<'_>],
) -> Vec<Checked<'t>> {
    let mut all: Vec<Checked<'_>> = Vec::new();
    for (i, raw) in raw.into_iter().flatten().enumerate() {
        let at = at.item(i);
        let name = raw.issuer.0.clone();
        if let Some(first) = all.iter().find(|first| first.name == name) {
            let help = format!("it already stands on line {}; remove one", first.at.line());
            let place = at.key("issuer");
            cx.error(&place, format!("the issuer `{}` stands twice", place.shown()), help);
        }
        let issuer = issuer(cx, &at, raw, listeners).map(Arc::new);
        all.push(Checked { at, name, issuer });
    }
    all
}

fn issuer(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Issuer,
    listeners: &[Listener<'_>],
) -> Option<Issuer> {
    let raw::Issuer {
        issuer,
        keys,
        algorithms,
        audience,
        token_type,
        clock_skew,
        required_claims,
        roles_claim,
        groups_claim,
        tenant_claim,
        introspection,
        client_claim,
        scopes_claim,
        session_claim,
        risk_claim,
        attributes,
        scope_hierarchy,
        development_key,
    } = raw;
    let identifier = identifier(cx, &at.key("issuer"), &issuer.0);
    if development_key.is_some() {
        beside_development_key(cx, at, keys.as_ref(), algorithms.as_deref());
    }
    if matches!(keys, Some(raw::Keys::Off(_))) {
        let idle = [("algorithms", algorithms.is_some()), ("token_type", token_type.is_some())];
        introspection::without_keys(cx, at, introspection.is_some(), idle);
    }
    let keys = key_source(cx, &at.key("keys"), keys);
    let introspection_at = at.key("introspection");
    let introspection =
        introspection::introspection(cx, &introspection_at, introspection, keys.as_ref());
    let algorithms = self::algorithms(cx, &at.key("algorithms"), algorithms);
    let audiences = audiences(cx, &at.key("audience"), audience);
    let (default, bound) =
        (Duration::from_secs(CLOCK_SKEW_S), Duration::from_secs(CLOCK_SKEW_S_MAX));
    let clock_skew = duration(cx, &at.key("clock_skew"), clock_skew, default, bound);
    let roles_claim = claims::name(cx, &at.key("roles_claim"), roles_claim);
    let tenant_claim = claims::name(cx, &at.key("tenant_claim"), tenant_claim);
    let claims = RawClaims {
        required_claims,
        groups_claim,
        client_claim,
        scopes_claim,
        session_claim,
        risk_claim,
        attributes,
        scope_hierarchy,
    };
    let claims = claims::claims(cx, at, claims);
    let development_key = development(cx, &at.key("development_key"), development_key, listeners);
    let token_type = match token_type {
        None | Some(raw::TokenType::AccessToken) => TokenType::AccessToken,
        Some(raw::TokenType::Any) => TokenType::PlainJwt,
    };
    identifier?;
    Some(Issuer {
        issuer: issuer.0.into(),
        keys: keys?,
        algorithms: algorithms?,
        audiences: audiences?,
        token_type,
        clock_skew: clock_skew?,
        roles_claim: roles_claim?,
        tenant_claim: tenant_claim?,
        introspection: introspection?,
        claims: claims?,
        development_key: development_key?,
    })
}

/// RFC 8414 section 2: https, no query, no fragment.
fn identifier(cx: &mut Context<'_>, at: &At<'_>, text: &str) -> Option<()> {
    let url = urls::http_url(cx, at, text)?;
    if url.query().is_some() {
        cx.error(at, "an issuer's identifier has no query", "copy `issuer` from its metadata");
        return None;
    }
    urls::require_https(cx, at, &url, "an issuer")
}

fn key_source(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Keys>) -> Option<KeySource> {
    match raw {
        Some(raw::Keys::Off(raw::Off::Off)) => Some(KeySource::None),
        None | Some(raw::Keys::Discover(raw::Discover::Discover)) => Some(KeySource::Discover),
        Some(raw::Keys::Url(raw::Url(text))) => {
            if !text.contains("://") {
                let message = format!("`{}` is not `discover` and not a URL", at.shown());
                cx.error(at, message, "write `discover`, `https://…`, or `{ file: jwks.json }`");
                return None;
            }
            let url = urls::http_url(cx, at, &text)?;
            urls::require_https(cx, at, &url, "a key set")?;
            Some(KeySource::Url(url))
        }
        Some(raw::Keys::File(raw::KeysFile { file })) => {
            let path = cx.resolve(&file.0);
            let at = at.key("file");
            let text = cx.read(&at, &path, JWKS_BYTES_MAX)?;
            key_set(cx, &at, &text)?;
            Some(KeySource::File(path))
        }
    }
}

/// RFC 7517 section 5: an object with a list `keys`.
fn key_set(cx: &mut Context<'_>, at: &At<'_>, text: &[u8]) -> Option<()> {
    let set: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    let keys = set.as_ref().and_then(|set| set.get("keys")).and_then(|keys| keys.as_array());
    let Some(keys) = keys.filter(|keys| !keys.is_empty() && keys.len() <= JWKS_KEYS_MAX) else {
        let message = format!("the file is not a key set of 1 to {JWKS_KEYS_MAX} keys");
        cx.error(at, message, "it must look like `{ \"keys\": [ … ] }` (RFC 7517)");
        return None;
    };
    // RFC 7518 section 6: `d` is the private part of every asymmetric key, `k` a symmetric key.
    if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        let message = "the key set holds a private or symmetric key";
        cx.weak(at, message, "keep public keys only; whoever reads the file can mint tokens");
    }
    Some(())
}

pub(super) fn algorithms(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<String>>,
) -> Option<Vec<String>> {
    let Some(list) = raw else {
        return Some(DEFAULT_ALGORITHMS.map(String::from).to_vec());
    };
    if list.is_empty() {
        cx.absent(at, "no algorithm: every token would be refused", "name one, such as `ES256`");
        return None;
    }
    let mut sound = true;
    for (i, name) in
        list.iter().enumerate().filter(|(_, name)| !ALGORITHMS.contains(&name.as_str()))
    {
        let at = at.item(i);
        let (message, help) = if name.eq_ignore_ascii_case("none") {
            ("`none` means tokens without a signature, which anybody can write".to_owned(), None)
        } else if name.to_ascii_uppercase().starts_with("HS") {
            let message = format!(
                "`{}` signs with a shared secret: whoever can verify a token can mint one",
                at.shown()
            );
            (message, None)
        } else {
            (format!("`{}` is not a known algorithm", at.shown()), nearest(name, &ALGORITHMS))
        };
        let help = match help {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("use {}", ALGORITHMS.join(", ")),
        };
        cx.error(&at, message, help);
        sound = false;
    }
    sound.then_some(list)
}

fn audiences(cx: &mut Context<'_>, at: &At<'_>, raw: Option<Vec<String>>) -> Option<Vec<String>> {
    let Some(list) = raw else { return Some(Vec::new()) };
    if list.is_empty() || list.iter().any(|audience| audience.trim().is_empty()) {
        let help = "name the values that `aud` may have, or remove the key for `public_url` alone";
        cx.absent(at, "an empty audience matches no token", help);
        return None;
    }
    Some(list)
}

/// The key of a development issuer stands for its whole key set, and signs with ES256.
fn beside_development_key(
    cx: &mut Context<'_>,
    at: &At<'_>,
    keys: Option<&raw::Keys>,
    algorithms: Option<&[String]>,
) {
    if keys.is_some() {
        let message =
            "`keys` has no effect beside `development_key`, whose public half is the only key";
        cx.error(&at.key("keys"), message, "remove one of the two");
    }
    if algorithms.is_some_and(|names| !names.iter().any(|name| name == "ES256")) {
        let message = "tokens of a development issuer are signed with ES256, which is not accepted";
        cx.error(&at.key("algorithms"), message, "add `ES256`, or remove `algorithms`");
    }
}

/// The outer `None`: it could not be read, or may not be used.
fn development(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::FilePath>,
    listeners: &[Listener<'_>],
) -> Option<Option<std::path::PathBuf>> {
    let Some(path) = raw else { return Some(None) };
    if let Some(open) = listeners.iter().find(|listener| !listener.is_loopback()) {
        let help = format!("use a real issuer, or bind `127.0.0.1` on line {}", open.at.line());
        cx.error(at, "a development issuer is refused where other machines reach a listener", help);
        return None;
    }
    let message = "development issuer: whoever reads this key can mint any token";
    cx.weak(at, message, "never use it in production");
    certificates::development_key(cx, at, &path).map(Some)
}

/// Names issuers that no server trusts.
pub(super) fn unused(cx: &mut Context<'_>, issuers: &[Checked<'_>], servers: &[Option<Server>]) {
    if !cx.complete || servers.iter().any(Option::is_none) {
        return;
    }
    for checked in issuers {
        let trusted = servers
            .iter()
            .flatten()
            .filter_map(|server| server.auth.issuers())
            .any(|list| list.iter().any(|issuer| *issuer.issuer == *checked.name));
        if !trusted {
            let message =
                format!("no server accepts tokens of `{}`", checked.at.key("issuer").shown());
            cx.warn(
                &checked.at.key("issuer"),
                message,
                "name it in the `auth` of a server, or remove it",
            );
        }
    }
}

/// Signature algorithms that can be verified, by their JWA names (RFC 7518 section 3.1, RFC 8037
/// section 3.1); `Ed25519` is the newer name of `EdDSA` (RFC 9864).
const ALGORITHMS: [&str; 11] = [
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "RS256", "RS384", "RS512", "PS256", "PS384",
    "PS512",
];

const DEFAULT_ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
