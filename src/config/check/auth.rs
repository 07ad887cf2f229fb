//! Who may authenticate on a server: one method, or any of several.

use super::super::model::Auth;
use super::super::raw::{self, AuthName};
use super::super::structure::nearest;
use super::identities::Certificates;
use super::issuers::Checked as Issuer;
use super::servers::Around;
use super::{At, Context};

pub(super) fn auth(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Auth>,
    known: &Around<'_, '_>,
) -> Option<Auth> {
    match raw {
        None => method(cx, at, AuthName::Tokens, known),
        Some(raw::Auth::Named(AuthName::None)) => {
            let message = "everybody may call this server: nobody is asked who they are";
            cx.weak(at, message, "write `auth: tokens`");
            Some(Auth::None)
        }
        Some(raw::Auth::Named(name)) => method(cx, at, name, known),
        Some(raw::Auth::Some(raw::AuthSome { any: None, issuers: None })) => {
            cx.absent(at, "this accepts nobody", "write `auth: tokens` or `auth: api_keys`");
            None
        }
        Some(raw::Auth::Some(raw::AuthSome { any: None, issuers: Some(wanted) })) => {
            some_issuers(cx, &at.key("issuers"), &wanted, known.issuers)
        }
        Some(raw::Auth::Some(raw::AuthSome { any: Some(any), issuers })) => {
            several(cx, at, &any, issuers, known)
        }
    }
}

/// Any one of several methods. The order is ours, so that two files that list the same methods
/// mean the same.
fn several(
    cx: &mut Context<'_>,
    at: &At<'_>,
    any: &[AuthName],
    issuers: Option<Vec<String>>,
    known: &Around<'_, '_>,
) -> Option<Auth> {
    let any_at = at.key("any");
    if any.is_empty() {
        cx.absent(&any_at, "an empty list accepts nobody", "name methods, or write `auth: tokens`");
        return None;
    }
    let mut sound = true;
    for (i, name) in any.iter().enumerate() {
        let (message, help) = match name {
            AuthName::None => (
                "`none` accepts everybody, whatever else is listed",
                "remove it, or write `auth: none`",
            ),
            _ if any.iter().take(i).any(|other| other == name) => {
                ("this method is listed already", "remove it")
            }
            AuthName::Tokens | AuthName::Certificate | AuthName::ApiKeys => continue,
        };
        cx.error(&any_at.item(i), message, help);
        sound = false;
    }
    if issuers.is_some() && !any.contains(&AuthName::Tokens) {
        let message = "`issuers` has no effect: no token is accepted here";
        cx.absent(&at.key("issuers"), message, "add `tokens` to `any`, or remove `issuers`");
        sound = false;
    }
    let mut all = Vec::new();
    for name in IN_ORDER.into_iter().filter(|name| any.contains(name)) {
        let place = any.iter().position(|other| *other == name).unwrap_or_default();
        all.push(match (&issuers, name) {
            (Some(wanted), AuthName::Tokens) => {
                some_issuers(cx, &at.key("issuers"), wanted, known.issuers)
            }
            _ => method(cx, &any_at.item(place), name, known),
        });
    }
    let mut all = all.into_iter().collect::<Option<Vec<Auth>>>().filter(|_| sound)?;
    if all.len() > 1 { Some(Auth::Any(all)) } else { all.pop() }
}

fn method(
    cx: &mut Context<'_>,
    at: &At<'_>,
    name: AuthName,
    known: &Around<'_, '_>,
) -> Option<Auth> {
    match name {
        AuthName::None => None,
        AuthName::Tokens => {
            if known.issuers.is_empty() {
                let message = "tokens are required, and no issuer of tokens is trusted";
                cx.absent(at, message, "add `issuers: [ { issuer: https://… } ]` to the file");
                return None;
            }
            let all = known.issuers.iter().map(|issuer| issuer.issuer.clone());
            all.collect::<Option<_>>().map(Auth::Tokens)
        }
        AuthName::Certificate => {
            if known.certificates == Certificates::Never {
                let message = "no listener asks for client certificates";
                cx.absent(at, message, "add `client_ca: clients.pem` to `tls`");
            }
            Some(Auth::Certificate)
        }
        AuthName::ApiKeys => {
            let keys = known.api_keys?;
            if keys.is_none() {
                let message = "API keys are accepted here, and the file has no `api_keys`";
                let help = "add `api_keys: { file: api-keys.jsonl, pepper: { file: pepper.key } }`";
                cx.absent(at, message, help);
            }
            keys.clone().map(Auth::ApiKeys)
        }
    }
}

fn some_issuers(
    cx: &mut Context<'_>,
    at: &At<'_>,
    wanted: &[String],
    issuers: &[Issuer<'_>],
) -> Option<Auth> {
    if wanted.is_empty() {
        cx.absent(at, "an empty list trusts nobody", "name issuers, or write `auth: tokens`");
        return None;
    }
    let mut all = Vec::new();
    for (i, name) in wanted.iter().enumerate() {
        let found = issuers.iter().find(|issuer| issuer.name == *name);
        if found.is_none() {
            let at = at.item(i);
            let names: Vec<&str> = issuers.iter().map(|issuer| issuer.name.as_str()).collect();
            let help = match nearest(name, &names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "name one of the `issuers` of this file, byte for byte".into(),
            };
            cx.absent(&at, format!("`{}` is not an issuer of this file", at.shown()), help);
        }
        all.push(found.and_then(|issuer| issuer.issuer.clone()));
    }
    all.into_iter().collect::<Option<_>>().map(Auth::Tokens)
}

/// The order in which several methods are asked: what is most plainly meant for one method first.
const IN_ORDER: [AuthName; 3] = [AuthName::ApiKeys, AuthName::Tokens, AuthName::Certificate];
