//! Anchors: where checkpoints go, one kind each, nothing that can be changed on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::model::{Anchor, AnchorTarget, RemoteAnchor, SinkHttp, SinkTls};
use super::super::raw;
use super::{At, Context, duration, name_key, s3, sinks};
use crate::limits::{ANCHOR_TIMEOUT_MS, ANCHOR_TIMEOUT_MS_MAX, AUDIT_ANCHORS_MAX};

pub(super) fn anchors(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: Option<Vec<raw::Anchor>>,
) -> Option<Vec<Anchor>> {
    let Some(typed) = typed else { return Some(vec![Anchor::Log]) };
    if typed.is_empty() {
        let message = "checkpoints stay where the log is: who holds the machine can rewrite both";
        cx.weak(at, message, "write `[log]`, or `[{ file: PATH }]` on another machine");
    }
    if typed.len() > AUDIT_ANCHORS_MAX {
        cx.error(at, "too many anchors", format!("keep at most {AUDIT_ANCHORS_MAX}"));
        return None;
    }
    let (mut names, mut all) = (BTreeMap::new(), Vec::new());
    let mut whole = true;
    for (position, raw) in typed.into_iter().enumerate() {
        let at = at.item(position);
        match anchor(cx, &at, raw, &mut names) {
            Some(anchor) if all.contains(&anchor) => {
                cx.warn(&at, "the same anchor twice", "remove one");
            }
            Some(anchor) => all.push(anchor),
            None => whole = false,
        }
    }
    whole.then_some(all)
}

fn anchor(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Anchor,
    names: &mut BTreeMap<String, usize>,
) -> Option<Anchor> {
    let place = match raw {
        raw::Anchor::Stream(raw::StreamAnchor::Log) => return Some(Anchor::Log),
        raw::Anchor::Stream(raw::StreamAnchor::Stdout) => return Some(Anchor::Stdout),
        raw::Anchor::Place(place) => *place,
    };
    let raw::AnchorPlace {
        file,
        name,
        timeout,
        ca,
        client_certificate,
        plain_http,
        witness,
        webhook,
        s3,
    } = place;
    let typed = [
        ("file", file.is_some()),
        ("witness", witness.is_some()),
        ("webhook", webhook.is_some()),
        ("s3", s3.is_some()),
    ];
    let kind = one_kind(cx, at, &typed)?;
    let without = [
        ("name", name.is_some()),
        ("timeout", timeout.is_some()),
        ("ca", ca.is_some()),
        ("client_certificate", client_certificate.is_some()),
        ("plain_http", plain_http.is_some()),
    ];
    if let Some(file) = file {
        for (key, _) in without.into_iter().filter(|(_, typed)| *typed) {
            let message = format!("`{key}` has no effect on a file");
            cx.error(&at.key(key), message, "remove it");
        }
        return Some(Anchor::File(cx.resolve(&file.0)));
    }
    let name = named(cx, at, name, names);
    let plain = matches!(plain_http, Some(raw::PlainHttp::Allowed));
    let common = Common { tls: sinks::tls(cx, at, ca, client_certificate)?, plain };
    let at_kind = at.key(kind);
    let target = match (witness, webhook, s3) {
        (Some(raw), ..) => witness_of(cx, &at_kind, common, raw),
        (_, Some(raw), _) => webhook_of(cx, &at_kind, common, raw),
        (_, _, Some(raw)) => s3_of(cx, &at_kind, common, raw),
        (None, None, None) => None,
    };
    let ms = Duration::from_millis;
    let (default, bound) = (ms(ANCHOR_TIMEOUT_MS), ms(ANCHOR_TIMEOUT_MS_MAX));
    let timeout = duration(cx, &at.key("timeout"), timeout, default, bound)?;
    let remote = RemoteAnchor { name: name?.into(), timeout, target: target? };
    Some(Anchor::Remote(Box::new(remote)))
}

/// What every kind over the network has.
struct Common {
    tls: SinkTls,
    plain: bool,
}

fn one_kind(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: &[(&'static str, bool)],
) -> Option<&'static str> {
    let mut kinds = typed.iter().filter(|(_, typed)| *typed).map(|(kind, _)| *kind);
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Some(kind),
        (None, _) => {
            let all: Vec<String> = typed.iter().map(|(kind, _)| format!("`{kind}`")).collect();
            let help = format!("add one of {}, or write `log` or `stdout`", all.join(", "));
            cx.absent(at, "the anchor does not say where checkpoints go", help);
            None
        }
        (Some(_), Some(second)) => {
            let help = "make it an anchor of its own";
            cx.error(&at.key(second).named(), "an anchor has one kind", help);
            None
        }
    }
}

fn named(
    cx: &mut Context<'_>,
    at: &At<'_>,
    name: Option<String>,
    names: &mut BTreeMap<String, usize>,
) -> Option<String> {
    let Some(name) = name else {
        let help = "add `name: witness-1`: it names the place in metrics, and its files";
        cx.absent(at, "an anchor over the network has a name", help);
        return None;
    };
    let at = at.key("name");
    name_key(cx, &at, &name);
    if let Some(line) = names.insert(name.clone(), at.line()) {
        let message = format!("the name `{}` is taken in line {line}", at.shown());
        cx.error(&at, message, "names are unique: each anchor has files of its own");
        return None;
    }
    Some(name)
}

fn http(cx: &mut Context<'_>, at: &At<'_>, common: Common, url: &raw::Url) -> Option<SinkHttp> {
    let message = "who sits between could answer in the place of the anchor";
    let url = sinks::guarded(cx, &at.key("url"), &url.0, common.plain, message)?;
    Some(SinkHttp { url, tls: common.tls })
}

fn witness_of(
    cx: &mut Context<'_>,
    at: &At<'_>,
    common: Common,
    raw: raw::WitnessAnchor,
) -> Option<AnchorTarget> {
    let raw::WitnessAnchor { url, key } = raw;
    let http = http(cx, at, common, &url);
    let Ok(key) = key.parse() else {
        let at = at.key("key");
        let message = "this is not the key of a witness";
        let help =
            "write it as its operator publishes it: `NAME+HASH+KEY`, where KEY begins with `B`";
        cx.error(&at, message, help);
        return None;
    };
    Some(AnchorTarget::Witness { http: http?, key })
}

fn webhook_of(
    cx: &mut Context<'_>,
    at: &At<'_>,
    common: Common,
    raw: raw::WebhookAnchor,
) -> Option<AnchorTarget> {
    let raw::WebhookAnchor { url, secret } = raw;
    let http = http(cx, at, common, &url);
    let secret = sinks::webhook_secret(cx, &at.key("secret"), &secret)?;
    Some(AnchorTarget::Webhook { http: http?, secret })
}

fn s3_of(cx: &mut Context<'_>, at: &At<'_>, common: Common, raw: raw::S3) -> Option<AnchorTarget> {
    if raw.retention.is_none() {
        let help = "add `retention: 365d`: who has the machine has the keys to delete, too";
        cx.absent(at, "an anchor says how long its objects are locked", help);
        return None;
    }
    let message = "who sits between could answer in the place of the anchor";
    let bucket = s3::bucket(cx, at, raw, (common.tls, common.plain), message)?;
    Some(AnchorTarget::S3(Box::new(bucket)))
}
