//! The authorization-server facade of one server.

use std::sync::Arc;
use std::time::Duration;

use super::super::model::{
    Auth, Facade, Issuer, Profile, Proof, Rate, RedirectUri, RequiredProof, ResourceShim,
};
use super::super::raw::{self, ResourceName, Responses};
use super::{At, Context, limits};
use crate::limits::{
    FACADE_BURST, FACADE_REQUESTS_PER_MINUTE, NAME_BYTES_MAX, REDIRECT_URI_BYTES_MAX,
    REDIRECT_URIS_MAX,
};

/// The outer `None`: it could not be read, or may not be so.
pub(super) fn facade(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Facade>,
    (auth, profile): (Option<&Auth>, Option<&Profile>),
    resource: &str,
) -> Option<Option<Facade>> {
    let Some(raw) = raw else { return Some(None) };
    let at = &at.key("authorization_server");
    let raw::Facade {
        issuer,
        resource: shim,
        scope_prefix,
        responses,
        registration,
        redirect_uris,
        assume_pkce,
        client_credentials,
        per_address,
    } = raw;
    if matches!(profile, Some(Profile::Rest(_))) {
        cx.absent(at, "this has no effect: the server does not speak MCP", "remove it");
        return None;
    }
    let issuer = self::issuer(cx, &at.key("issuer"), at, issuer.as_ref(), auth?)?;
    let shim = self::shim(cx, &at.key("resource"), shim)?;
    let scope_prefix = text(cx, &at.key("scope_prefix"), scope_prefix)?;
    let typed = Typed {
        redirect_uris: redirect_uris.is_some(),
        client_credentials: client_credentials == Some(true),
        per_address: per_address.is_some(),
    };
    let client_id = match registration {
        None => None,
        Some(raw::Registration { client_id }) => {
            text(cx, &at.key("registration").key("client_id"), Some(client_id))?
        }
    };
    let facade = Facade {
        issuer: Arc::clone(&issuer.issuer),
        resource: shim,
        scope_prefix,
        proxies_responses: responses == Some(Responses::Proxy),
        client_id,
        redirect_uris: self::redirect_uris(cx, &at.key("redirect_uris"), redirect_uris)?,
        assume_pkce: assume_pkce == Some(true),
        client_credentials: typed.client_credentials,
        per_address: self::per_address(cx, &at.key("per_address"), per_address)?,
    };
    effects(cx, at, &facade, &typed);
    audience(cx, &at.key("resource"), &facade, issuer, resource);
    Some(Some(facade))
}

/// Tokens that a facade passes on are bound to nothing: it can prove no client's key.
pub(super) fn against(cx: &mut Context<'_>, at: &At<'_>, facade: &Facade, proof: &Proof) {
    if facade.forwards() && proof.required != RequiredProof::None {
        let message = "every token would be refused: those that come through this facade are bare";
        let help = "remove it, or let clients go to the issuer: `authorization_server: {}`";
        cx.absent(&at.key("proof"), message, help);
    }
}

/// Which keys were written whose absence means the same as a value.
struct Typed {
    redirect_uris: bool,
    client_credentials: bool,
    per_address: bool,
}

fn issuer<'a>(
    cx: &mut Context<'_>,
    at: &At<'_>,
    section: &At<'_>,
    raw: Option<&raw::Url>,
    auth: &'a Auth,
) -> Option<&'a Arc<Issuer>> {
    let Some(issuers) = auth.issuers() else {
        let message = "this has no effect: the server takes no tokens";
        cx.absent(section, message, "write `auth: tokens`, or remove it");
        return None;
    };
    let found = match (raw, issuers) {
        (None, [only]) => Some(only),
        (None, _) => {
            let message = "this server accepts tokens of several issuers";
            cx.absent(section, message, "say which one is meant: `issuer: https://…`");
            return None;
        }
        (Some(raw::Url(name)), issuers) => issuers.iter().find(|i| *i.issuer == **name),
    };
    if found.is_none() {
        let message = format!("`{}` is no issuer whose tokens this server accepts", at.shown());
        cx.absent(at, message, "name one of its issuers, byte for byte");
    }
    let found = found?;
    if found.development_key.is_some() {
        let message = "there is no authorization server behind a development issuer";
        cx.error(section, message, "name a real issuer, or remove the section");
        return None;
    }
    Some(found)
}

fn shim(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::ResourceShim>) -> Option<ResourceShim> {
    match raw {
        None | Some(raw::ResourceShim::Named(ResourceName::Keep)) => Some(ResourceShim::Keep),
        Some(raw::ResourceShim::Named(ResourceName::Strip)) => Some(ResourceShim::Strip),
        Some(raw::ResourceShim::Instead(raw::ResourceInstead { audience, scope })) => {
            match (audience, scope) {
                (Some(audience), None) => {
                    text(cx, &at.key("audience"), Some(audience))?.map(ResourceShim::Audience)
                }
                (None, Some(scope)) => {
                    text(cx, &at.key("scope"), Some(scope))?.map(ResourceShim::Scope)
                }
                (None, None) | (Some(_), Some(_)) => {
                    let help = "write `{ audience: … }` or `{ scope: … }`, or `strip`";
                    cx.error(at, "exactly one thing stands in the place of `resource`", help);
                    None
                }
            }
        }
    }
}

/// Text that can stand in a scope, an audience or a client identifier: visible ASCII without the
/// quotation mark and the backslash (RFC 6749 appendix A).
fn text(cx: &mut Context<'_>, at: &At<'_>, raw: Option<String>) -> Option<Option<String>> {
    let Some(text) = raw else { return Some(None) };
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(plain) {
        let message = format!("`{}` cannot be sent as such a value", at.shown());
        cx.error(at, message, format!("write 1 to {NAME_BYTES_MAX} visible characters, no space"));
        return None;
    }
    Some(Some(text))
}

fn redirect_uris(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<String>>,
) -> Option<Vec<RedirectUri>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() || raw.len() > REDIRECT_URIS_MAX {
        let message = "nobody could be answered with this list";
        cx.error(at, message, format!("write 1 to {REDIRECT_URIS_MAX} addresses, or `loopback`"));
        return None;
    }
    let mut all = Vec::new();
    for (i, text) in raw.into_iter().enumerate() {
        let parsed = redirect_uri(&text);
        if parsed.is_none() {
            let at = at.item(i);
            let message = format!("`{}` is no address for answers", at.shown());
            let help = "write `loopback`, `http://127.0.0.1/path`, or a whole `https://…` address";
            cx.error(&at, message, help);
        }
        all.push(parsed);
    }
    all.into_iter().collect()
}

/// RFC 8252 section 7: loopback, https, and schemes of applications.
fn redirect_uri(text: &str) -> Option<RedirectUri> {
    if text == "loopback" {
        return Some(RedirectUri::Loopback);
    }
    let plain = |b: u8| b.is_ascii_graphic() && !b"\"\\<>^`{|}#*@".contains(&b);
    if text.len() > REDIRECT_URI_BYTES_MAX || !text.bytes().all(plain) {
        return None;
    }
    let (scheme, rest) = text.split_once(':')?;
    match scheme {
        "https" => {
            let host = url::Url::parse(text).ok()?.host_str()?.len();
            (host > 0 && rest.starts_with("//")).then(|| RedirectUri::Exact(text.to_owned()))
        }
        "http" => {
            let rest = rest.strip_prefix("//")?;
            let host = LOOPBACK.into_iter().find(|host| rest.starts_with(host))?;
            let path = rest.strip_prefix(host)?;
            let sound = path.starts_with('/') && !path.contains('?');
            sound.then(|| RedirectUri::LoopbackAt { host, path: path.to_owned() })
        }
        other => {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
            let own = other.len() > 2
                && other.starts_with(|c: char| c.is_ascii_lowercase())
                && other.bytes().all(plain)
                && !NOT_AN_APPLICATION.contains(&other);
            (own && !rest.is_empty()).then(|| RedirectUri::Exact(text.to_owned()))
        }
    }
}

fn per_address(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Rate>) -> Option<Option<Rate>> {
    let Some(raw) = raw else {
        let window = Duration::from_secs(60);
        return Some(Some(Rate { count: FACADE_REQUESTS_PER_MINUTE, window, burst: FACADE_BURST }));
    };
    let rate = limits::rate(cx, at, raw)?;
    if rate.is_none() {
        let message = "endpoints that need no token may be asked as often as anybody likes";
        cx.weak(at, message, "write a rate such as `60/m`");
    }
    Some(rate)
}

/// Keys that change nothing, and what is missing beside others.
fn effects(cx: &mut Context<'_>, at: &At<'_>, facade: &Facade, typed: &Typed) {
    let registers = facade.client_id.is_some();
    if typed.client_credentials && !facade.forwards() {
        let message = "`client_credentials` has no effect: token requests do not come here";
        cx.error(&at.key("client_credentials"), message, "remove it");
    }
    if typed.per_address && !facade.forwards() && !registers {
        let message = "`per_address` has no effect: the facade has no endpoints but its document";
        cx.error(&at.key("per_address"), message, "remove it");
    }
    if typed.redirect_uris && !facade.forwards() && !registers {
        let message = "`redirect_uris` has no effect: no request that names one comes here";
        cx.error(&at.key("redirect_uris"), message, "remove it");
    }
    if !typed.redirect_uris && (registers || facade.proxies_responses) {
        let place = at.key(if registers { "registration" } else { "responses" });
        let message = "`redirect_uris` is missing: codes could be sent to anybody";
        cx.absent(&place, message, "add `redirect_uris: [loopback]`, or exact addresses");
    }
}

/// A provider that does not learn the resource puts something else into `aud`.
fn audience(cx: &mut Context<'_>, at: &At<'_>, facade: &Facade, issuer: &Issuer, resource: &str) {
    let accepted = |audience: &str| match issuer.audiences.as_slice() {
        [] => audience == resource,
        listed => listed.iter().any(|one| one == audience),
    };
    match &facade.resource {
        ResourceShim::Keep => {}
        ResourceShim::Audience(audience) if !accepted(audience) => {
            let message = format!("tokens for the audience `{audience}` are refused here");
            cx.error(at, message, format!("add `audience: [{audience}]` to the issuer"));
        }
        ResourceShim::Audience(_) => {}
        ResourceShim::Strip | ResourceShim::Scope(_) if issuer.audiences.is_empty() => {
            let message = "the provider does not learn for which server a token is, and only \
                           `public_url` is accepted as its audience";
            cx.warn(at, message, "add `audience: […]` to the issuer: what stands in `aud`");
        }
        ResourceShim::Strip | ResourceShim::Scope(_) => {}
    }
}

/// RFC 8252 section 7.3; `localhost` too, which many clients use (section 8.3).
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Schemes that a browser itself reads.
const NOT_AN_APPLICATION: [&str; 11] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "vbscript",
    "view-source",
    "wss",
    "mailto",
];
