//! Where clients connect: addresses, TLS, the admin listener, trusted proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::super::model::{Admin, ClientAuth, Listener, Tls};
use super::super::raw::{self, PlainHttp};
use super::super::values;
use super::{At, Context, certificates, crl as lists, is_name, revocation};

/// The keys of the file that describe listeners.
pub(super) struct Listeners {
    pub(super) listen: Option<raw::Listen>,
    pub(super) tls: Option<raw::Tls>,
    pub(super) plain_http: Option<PlainHttp>,
    /// Whether there are trusted proxies, or their list is unreadable.
    pub(super) proxies_known: bool,
}

/// One listener as far as it could be read.
pub(super) struct Checked<'t> {
    pub(super) at: At<'t>,
    pub(super) bind_at: At<'t>,
    pub(super) bind: Option<SocketAddr>,
    /// Whether it was meant to speak TLS.
    pub(super) secure: bool,
    pub(super) listener: Option<Listener>,
}

impl Checked<'_> {
    /// Unreadable addresses count as loopback: their problem is known already.
    pub(super) fn is_loopback(&self) -> bool {
        self.bind.is_none_or(|bind| is_loopback(bind.ip()))
    }
}

/// TLS of the whole file: whether it was typed, and what it is.
struct SharedTls {
    typed: bool,
    tls: Option<Tls>,
    used: bool,
}

pub(super) fn listeners<'t>(cx: &mut Context<'_>, at: &At<'t>, raw: Listeners) -> Vec<Checked<'t>> {
    let Listeners { listen, tls, plain_http, proxies_known } = raw;
    let tls_at = at.key("tls");
    let typed = tls.is_some();
    let tls = tls.and_then(|raw| self::tls(cx, &tls_at, raw));
    let mut shared = SharedTls { typed, tls, used: false };
    let all_at = at.key("listen");
    let default = || raw::Listen::One(raw::Address(LISTEN.to_string()));
    let checked: Vec<Checked<'_>> = match listen.unwrap_or_else(default) {
        raw::Listen::One(bind) => {
            let raw = raw::Listener {
                name: None,
                bind,
                tls: None,
                proxy_protocol: None,
                reuse_port: None,
                plain_http,
            };
            vec![listener(
                cx,
                Place { at: all_at.clone(), bind: all_at },
                raw,
                &mut shared,
                proxies_known,
            )]
        }
        raw::Listen::Many(list) => {
            if list.is_empty() {
                cx.absent(&all_at, "no client can connect anywhere", "add a `bind: 0.0.0.0:8443`");
            }
            let one = |(i, mut raw): (usize, raw::Listener)| {
                let at = all_at.item(i);
                raw.plain_http = raw.plain_http.or(plain_http);
                let bind = at.key("bind");
                listener(cx, Place { at, bind }, raw, &mut shared, proxies_known)
            };
            list.into_iter().enumerate().map(one).collect()
        }
    };
    if typed && !shared.used {
        let help = "remove it, or one of the listeners' own";
        cx.absent(&tls_at, "no listener uses this certificate", help);
    }
    let exposed = |l: &Checked<'_>| !l.secure && !l.is_loopback();
    if plain_http == Some(PlainHttp::Allowed) && !checked.iter().any(exposed) {
        let help = "remove `plain_http`";
        cx.warn(
            &at.key("plain_http"),
            "this has no effect: every listener has TLS or is on loopback",
            help,
        );
    }
    names(cx, &checked);
    checked
}

/// A listener's place and that of its address.
struct Place<'t> {
    at: At<'t>,
    bind: At<'t>,
}

fn listener<'t>(
    cx: &mut Context<'_>,
    place: Place<'t>,
    raw: raw::Listener,
    shared: &mut SharedTls,
    proxies_known: bool,
) -> Checked<'t> {
    let Place { at, bind: bind_at } = place;
    let raw::Listener { name, bind, tls, proxy_protocol, reuse_port, plain_http } = raw;
    let bind = cx.take(&bind_at, values::address(&bind.0));
    let (secure, tls) = match tls {
        None => {
            shared.used = true;
            (shared.typed, shared.tls.clone())
        }
        Some(raw::ListenerTls::Off(raw::Off::Off)) => (false, None),
        Some(raw::ListenerTls::On(raw)) => (true, self::tls(cx, &at.key("tls"), raw)),
    };
    let remote = bind.filter(|bind| !secure && !is_loopback(bind.ip()));
    match (remote, plain_http) {
        (None, _) => {}
        (Some(bind), Some(PlainHttp::Allowed)) => cx.weak(
            &bind_at,
            format!("`{bind}` speaks plain HTTP: tokens and data can be read on the way"),
            "give it `tls`, unless a TLS proxy on the same machine stands before it",
        ),
        (Some(bind), None | Some(PlainHttp::Loopback)) => cx.absent(
            &bind_at,
            format!("plain HTTP on `{bind}`, which other machines reach"),
            "add `tls: { cert: …, key: … }`, bind `127.0.0.1`, or write `plain_http: allowed`",
        ),
    }
    let proxy_protocol = proxy_protocol.unwrap_or(false);
    if proxy_protocol && !proxies_known {
        let message = "PROXY headers are believed from nobody: there are no `trusted_proxies`";
        cx.absent(&at.key("proxy_protocol"), message, "name the load balancer's network");
    }
    let reuse_port = reuse_port.unwrap_or(false);
    if reuse_port && bind.is_some_and(|bind| bind.port() == 0) {
        let message = "this has no effect: no other process asks for a port that the system chose";
        cx.absent(&at.key("reuse_port"), message, "name a port in `bind`");
    }
    let name = match name {
        Some(name) if !is_name(&name) => {
            let at = at.key("name");
            let message = format!("`{}` is not a name", at.shown());
            cx.error(&at, message, "use lower-case letters, digits, `-` and `_`");
            None
        }
        name => name.or_else(|| bind.map(|bind| bind.to_string())),
    };
    let complete = !secure || tls.is_some();
    let listener = name.zip(bind).filter(|_| complete).map(|(name, bind)| Listener {
        name: Arc::from(name),
        bind,
        tls,
        proxy_protocol,
        reuse_port,
    });
    Checked { at, bind_at, bind, secure, listener }
}

fn names(cx: &mut Context<'_>, all: &[Checked<'_>]) {
    for (i, second) in all.iter().enumerate() {
        let Some(name) = second.listener.as_ref().map(|l| &l.name) else { continue };
        let same = |first: &&Checked<'_>| first.listener.as_ref().is_some_and(|l| l.name == *name);
        // Default names are addresses; that one is used twice is a problem of its own.
        let typed = !second.at.key("name").shown().is_empty();
        if let Some(first) = all.iter().take(i).find(same).filter(|_| typed) {
            let message = format!("two listeners have the name `{name}`");
            let help = format!("the other one stands on line {}; rename one", first.at.line());
            cx.error(&second.at.key("name"), message, help);
        }
    }
}

fn tls(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Tls) -> Option<Tls> {
    let raw::Tls { cert, key, client_ca, client_auth, crl, tls13_only, more } = raw;
    let mut certificates = vec![certificates::pair(cx, at, &cert, &key)];
    for (i, raw) in more.into_iter().flatten().enumerate() {
        let raw::CertificateFiles { cert, key } = raw;
        certificates.push(certificates::pair(cx, &at.key("more").item(i), &cert, &key));
    }
    let client_auth_at = at.key("client_auth");
    let client_auth = match (client_auth, &client_ca) {
        (None, None) | (Some(raw::ClientAuth::Off), None) => ClientAuth::Off,
        (None | Some(raw::ClientAuth::Optional), Some(_)) => ClientAuth::Optional,
        (Some(raw::ClientAuth::Required), Some(_)) => ClientAuth::Required,
        (Some(raw::ClientAuth::Off), Some(_)) => {
            let message = "`client_ca` has no effect while client certificates are not asked for";
            cx.error(
                &client_auth_at,
                message,
                "write `optional` or `required`, or remove `client_ca`",
            );
            ClientAuth::Off
        }
        (Some(raw::ClientAuth::Optional | raw::ClientAuth::Required), None) => {
            let message = "client certificates cannot be verified without `client_ca`";
            cx.absent(&client_auth_at, message, "add `client_ca: clients.pem`");
            ClientAuth::Off
        }
    };
    let crl_at = at.key("crl");
    let (client_ca, crl) = match (client_ca, crl) {
        (Some(path), crl) => {
            let (path, chain) = certificates::authorities(cx, &at.key("client_ca"), &path)?;
            let crl = match crl {
                Some(crl) => lists::files(cx, &crl_at, &crl, &chain)?,
                None => Vec::new(),
            };
            (Some(path), crl)
        }
        (None, Some(_)) => {
            let message = "revocation lists have no effect without `client_ca`";
            cx.absent(&crl_at, message, "add `client_ca: clients.pem`, or remove `crl`");
            (None, Vec::new())
        }
        (None, None) => (None, Vec::new()),
    };
    let certificates = certificates.into_iter().collect::<Option<Vec<_>>>()?;
    let tls13_only = tls13_only.unwrap_or(false);
    Some(Tls { certificates, client_ca, crl, client_auth, tls13_only })
}

/// The admin listener as far as it could be read.
pub(super) struct CheckedAdmin<'t> {
    at: At<'t>,
    bind: Option<SocketAddr>,
    /// `None` where it could not be read, `Some(None)` where it is off.
    pub(super) value: Option<Option<Admin>>,
}

impl<'t> CheckedAdmin<'t> {
    /// Whether one may revoke there.
    pub(super) fn has_token(&self) -> bool {
        self.value.iter().flatten().any(|admin| admin.token.is_some())
    }

    /// Its address, for the search of conflicts.
    pub(super) fn bound(&self) -> Option<(&At<'t>, Option<SocketAddr>)> {
        Some((&self.at, self.bind))
    }
}

pub(super) fn admin<'t>(
    cx: &mut Context<'_>,
    at: &At<'t>,
    raw: Option<raw::Admin>,
) -> CheckedAdmin<'t> {
    let default = raw::AdminListener { listen: None, exposed: None, token: None };
    let raw = match raw {
        Some(raw::Admin::Off(raw::Off::Off)) => {
            return CheckedAdmin { at: at.clone(), bind: None, value: Some(None) };
        }
        Some(raw::Admin::On(raw)) => raw,
        None => default,
    };
    let raw::AdminListener { listen, exposed, token } = raw;
    let listen_at = at.key("listen");
    let bind = match listen {
        Some(raw::Address(text)) => cx.take(&listen_at, values::address(&text)),
        None => Some(ADMIN),
    };
    let exposed = exposed.unwrap_or(false);
    let token_at = at.key("token");
    if token.is_some() && exposed && bind.is_some_and(|bind| !is_loopback(bind.ip())) {
        let message = "the token of the admin listener crosses the network unencrypted";
        cx.weak(&token_at, message, "bind `127.0.0.1`, and revoke from this machine");
    }
    let token = revocation::admin_token(cx, &token_at, token);
    match bind.map(|bind| (bind, is_loopback(bind.ip()))) {
        Some((bind, false)) if !exposed => cx.absent(
            &listen_at,
            format!(
                "other machines reach `{bind}`, and the admin listener asks nobody who they are"
            ),
            "bind `127.0.0.1`, or add `exposed: true` and keep others out by other means",
        ),
        Some((bind, false)) => cx.warn(
            &listen_at,
            format!("other machines reach the admin listener on `{bind}` without authentication"),
            "bind `127.0.0.1` unless the network keeps others out",
        ),
        Some((_, true)) if exposed => cx.warn(
            &at.key("exposed"),
            "this has no effect: the admin listener is on loopback",
            "remove `exposed`",
        ),
        Some((_, true)) | None => {}
    }
    let value = bind.zip(token).map(|(bind, token)| Some(Admin { bind, token }));
    CheckedAdmin { at: listen_at, bind, value }
}

/// Names addresses that two listeners cannot share.
pub(super) fn conflicts<'a, 't: 'a>(
    cx: &mut Context<'_>,
    all: impl Iterator<Item = (&'a At<'t>, Option<SocketAddr>)>,
) {
    let mut seen: Vec<(SocketAddr, usize)> = Vec::new();
    for (at, bind) in all {
        let Some(bind) = bind.filter(|bind| bind.port() != 0) else { continue };
        let overlaps = |(other, _): &&(SocketAddr, usize)| {
            let any = other.ip().is_unspecified() || bind.ip().is_unspecified();
            other.port() == bind.port()
                && (other.ip() == bind.ip() || any && other.is_ipv4() == bind.is_ipv4())
        };
        match seen.iter().find(overlaps) {
            Some((other, line)) => {
                let message = format!("`{bind}` is taken by another listener of this file");
                cx.error(at, message, format!("`{other}` is used on line {line}; change one port"));
            }
            None => seen.push((bind, at.line())),
        }
    }
}

pub(super) fn trusted_proxies(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Network>>,
) -> Option<Vec<IpNet>> {
    let networks = networks(cx, at, raw)?;
    for (i, network) in networks.iter().enumerate() {
        if network.prefix_len() == 0 {
            let message = format!("`{network}` lets every client choose its own address");
            cx.error(&at.item(i), message, "name the networks of your load balancers only");
        }
    }
    Some(networks)
}

/// A list of networks.
pub(super) fn networks(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Network>>,
) -> Option<Vec<IpNet>> {
    let list = raw.unwrap_or_default();
    let one = |(i, raw::Network(text)): (usize, &raw::Network)| {
        cx.take(&at.item(i), values::network(text))
    };
    let all: Vec<Option<IpNet>> = list.iter().enumerate().map(one).collect();
    all.into_iter().collect()
}

/// Whether only this machine reaches the address.
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Where clients connect by default.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// Where the admin listener is by default; 9464 is the port of Prometheus exporters of
/// OpenTelemetry.
const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
