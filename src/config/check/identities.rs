//! Whose certificates are accepted: the rules of routes, and the proxies of a mesh.

use super::super::model::{Auth, ClientAuth, IdentityKind, IdentityRule, TrustedMesh};
use super::super::raw;
use super::listeners::{self, Checked as Listener};
use super::{At, Context, glob};
use crate::limits::RULES_MAX;
use crate::principal::spiffe;

/// Where client certificates can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    /// From a listener that asks for them, or from a mesh; also where that is unreadable.
    Possible,
    /// From nowhere.
    Never,
}

impl Certificates {
    pub(super) fn of(listeners: &[Listener<'_>], mesh: Mesh) -> Self {
        if mesh == Mesh::Typed || asked_for(listeners) { Self::Possible } else { Self::Never }
    }
}

/// Whether the file names a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mesh {
    Typed,
    Absent,
}

/// Whether a listener asks for client certificates. Unreadable ones count: their problem is known.
fn asked_for(listeners: &[Listener<'_>]) -> bool {
    listeners.iter().any(|listener| {
        let tls = listener.listener.as_ref().map(|listener| &listener.tls);
        tls.is_none_or(|tls| tls.as_ref().is_some_and(|t| t.client_auth != ClientAuth::Off))
    })
}

pub(super) fn mesh(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::TrustedMesh>,
    listeners: &[Listener<'_>],
) -> Option<Option<TrustedMesh>> {
    let Some(raw::TrustedMesh { networks, identities }) = raw else { return Some(None) };
    let (networks_at, identities_at) = (at.key("networks"), at.key("identities"));
    if networks.is_empty() {
        cx.absent(&networks_at, "no proxy is trusted", "name their networks, or remove the key");
        return None;
    }
    let networks = listeners::networks(cx, &networks_at, Some(networks))?;
    let named = identities.is_some();
    for (i, network) in networks.iter().enumerate() {
        let at = networks_at.item(i);
        if network.prefix_len() == 0 {
            let message = format!("`{network}` lets every client choose its own certificate");
            cx.error(&at, message, "name the networks of your proxies only");
        } else if !named && !listeners::is_loopback(network.network()) {
            let message = format!("everybody in `{network}` may say whose certificate he has");
            cx.weak(&at, message, "name the proxies' own certificates in `identities`");
        }
    }
    let identities = match identities {
        Some(list) => rules(cx, &identities_at, list)?,
        None => Vec::new(),
    };
    if named && !asked_for(listeners) {
        let message = "no listener asks for certificates: no proxy can have one of these";
        cx.absent(&identities_at, message, "add `client_ca: mesh.pem` to `tls`");
    }
    Some(Some(TrustedMesh { networks, identities }))
}

/// The rules of one route; `at` has the key `client_identities`.
pub(super) fn of_route(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<String>>,
    auth: Option<&Auth>,
    certificates: Certificates,
) -> Option<Vec<IdentityRule>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    let at = &at.key("client_identities");
    if matches!(auth, Some(Auth::None)) {
        let message = "`auth: none` asks nobody who they are, and this list asks everybody";
        cx.error(at, message, "write `auth: certificate` or `auth: tokens`");
    }
    if certificates == Certificates::Never {
        let message = "nobody can call: no listener asks for client certificates";
        cx.absent(at, message, "add `client_ca: clients.pem` to `tls`, or a `trusted_mesh`");
    }
    rules(cx, at, raw)
}

fn rules(cx: &mut Context<'_>, at: &At<'_>, raw: Vec<String>) -> Option<Vec<IdentityRule>> {
    if raw.is_empty() {
        let help = "name identities, or remove the key to accept every verified certificate";
        cx.absent(at, "an empty list accepts nobody", help);
        return None;
    }
    if raw.len() > RULES_MAX {
        cx.error(at, format!("more than {RULES_MAX} identities"), "use globs");
        return None;
    }
    let count = raw.len();
    let mut all: Vec<IdentityRule> = Vec::new();
    for (i, text) in raw.iter().enumerate() {
        let at = at.item(i);
        match rule(text) {
            Ok(rule) => {
                let covers = |one: &&IdentityRule| {
                    one.kind == rule.kind && glob::covers(&one.pattern, &rule.pattern)
                };
                if let Some(earlier) = all.iter().find(covers) {
                    let message =
                        format!("this has no effect: `{}` accepts it already", earlier.pattern);
                    cx.warn(&at, message, "remove one of the two");
                }
                all.push(rule);
            }
            Err((message, help)) => {
                cx.error(&at, format!("`{}`: {message}", at.shown()), help);
            }
        }
    }
    (all.len() == count).then_some(all)
}

/// What is wrong, and the way out.
type Wrong = (String, &'static str);

fn rule(text: &str) -> Result<IdentityRule, Wrong> {
    let new = |kind, pattern: &str| Ok(IdentityRule { kind, pattern: pattern.into() });
    let wrong = |message: &str, help| Err((message.to_owned(), help));
    if spiffe::is_claimed(text) {
        let domain = text.split('/').nth(2).unwrap_or_default();
        if domain.contains(['*', '?']) {
            let help = "write the trust domain in full: `spiffe://corp.example/*`";
            return wrong("a trust domain is not a pattern", help);
        }
        // What is left when every glob is a letter must be an id.
        return match spiffe::check(&text.replace(['*', '?'], "a")) {
            Ok(()) => new(IdentityKind::Spiffe, text),
            Err(why) => Err((format!("not a SPIFFE id: {why}"), FORMS)),
        };
    }
    let Some((kind, name)) = text.split_once(':') else {
        return wrong("not an identity", FORMS);
    };
    let plain = !name.is_empty() && name.bytes().all(|b| (b' '..=b'~').contains(&b));
    match kind {
        _ if !plain => wrong("a name is printable ASCII", FORMS),
        "uri" if spiffe::is_claimed(name) => {
            wrong("a SPIFFE id stands without `uri:`", "write `spiffe://…`")
        }
        "uri" => new(IdentityKind::Uri, name),
        "dns" if name.bytes().all(is_of_dns) => new(IdentityKind::Dns, &name.to_ascii_lowercase()),
        "dns" => wrong("not a DNS name", "write `dns:agent.example.com` or `dns:*.example.com`"),
        "email" if name.contains('@') => new(IdentityKind::Email, name),
        "email" => wrong("not an e-mail address", "write `email:*@example.com`"),
        "cn" => new(IdentityKind::CommonName, name),
        "sha256" => match fingerprint(name) {
            Some(hex) => new(IdentityKind::Fingerprint, &hex),
            None => wrong("not a SHA-256", "write 64 hex digits, with colons or without"),
        },
        _ => wrong("not an identity", FORMS),
    }
}

fn is_of_dns(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b".-_*?".contains(&b)
}

fn fingerprint(text: &str) -> Option<String> {
    let hex = text.replace(':', "").to_ascii_lowercase();
    (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hex)
}

const FORMS: &str = "write `spiffe://corp.example/ns/agents/*`, `dns:`, `uri:`, `email:`, `cn:` or \
                     `sha256:` and a name";
