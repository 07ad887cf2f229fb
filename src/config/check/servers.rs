//! The protected servers: their public face, who may authenticate, and that they differ.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::super::model::{
    Access, ApiKeys, Auth, IdentityRule, OauthEndpoint, Profile, Proof, Server, ToolPins, View,
    ViewOf,
};
use super::super::raw;
use super::access::{self, Callers, RawAccess};
use super::identities::{self, Certificates, Mesh};
use super::issuers::Checked as Issuer;
use super::limits::{self, Tools};
use super::listeners::{self, Checked as Listener};
use super::proof::RawProof;
use super::shared::Sharing;
use super::{
    At, Context, auth, facade, guard, is_name, pins, policy, proof, redact, rest, sessions, size,
    upstream, urls, views,
};
use crate::call::Action;
use crate::limits::{BODY_BYTES_MAX, IN_FLIGHT_BODY_BYTES_MAX};

/// What of the rest of the file servers depend on.
#[derive(Clone, Copy)]
pub(super) struct Around<'a, 't> {
    pub(super) issuers: &'a [Issuer<'t>],
    /// `None` where the section has mistakes, `Some(None)` where there is none.
    pub(super) api_keys: Option<&'a Option<Arc<ApiKeys>>>,
    pub(super) listeners: &'a [Listener<'t>],
    pub(super) certificates: Certificates,
    pub(super) sharing: Sharing,
}

impl<'a, 't> Around<'a, 't> {
    pub(super) fn of(
        issuers: &'a [Issuer<'t>],
        api_keys: Option<&'a Option<Arc<ApiKeys>>>,
        listeners: &'a [Listener<'t>],
        mesh: Mesh,
        sharing: Sharing,
    ) -> Self {
        let certificates = Certificates::of(listeners, mesh);
        Self { issuers, api_keys, listeners, certificates, sharing }
    }
}

pub(super) fn servers(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Server>>,
    around: &Around<'_, '_>,
) -> Vec<Option<Server>> {
    let raw = raw.unwrap_or_default();
    if raw.is_empty() {
        cx.absent(at, "no server is protected", "add one with `name`, `public_url` and `upstream`");
    }
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut routes: Vec<(String, usize)> = Vec::new();
    let mut pin_files: Vec<(PathBuf, usize)> = Vec::new();
    let mut all = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let name = raw.name.clone();
        if let Some((_, line)) = names.iter().find(|(other, _)| *other == name) {
            let name_at = at.key("name");
            let message = format!("the name `{}` is taken", name_at.shown());
            cx.error(&name_at, message, format!("line {line} has it already; choose another"));
        }
        names.push((name, at.line()));
        let server = server(cx, &at, raw, around);
        let own = server.as_ref().map(occupied).unwrap_or_default();
        for route in &own {
            if let Some((_, line)) = routes.iter().find(|(other, _)| other == route) {
                let message = format!("`{route}` is served by another server");
                let help = format!("the one on line {line}; give this one its own path");
                cx.error(&at.key("public_url"), message, help);
            }
        }
        routes.extend(own.into_iter().map(|route| (route, at.line())));
        if let Some(file) = server.as_ref().and_then(|it| it.tool_pins.as_ref()).map(|it| &it.file)
        {
            if let Some((_, line)) = pin_files.iter().find(|(other, _)| other == file) {
                let message = format!("`{}` holds the tools of another server", file.display());
                let help = format!("the one on line {line}; give this one its own file");
                cx.error(&at.key("tool_pins").key("file"), message, help);
            }
            pin_files.push((file.clone(), at.line()));
        }
        all.push(server);
    }
    all
}

/// What a server answers to, in a form that two servers must not share.
fn occupied(server: &Server) -> Vec<String> {
    match &server.profile {
        Profile::Mcp => {
            let own = std::iter::once(&server.path).chain(&server.http_sse).cloned();
            own.chain(OauthEndpoint::ALL.iter().filter_map(|e| e.path_on(server))).collect()
        }
        Profile::Rest(routes) => {
            let one = |r: &super::super::model::RestRoute| {
                format!("{} {}", r.method, rest::shape(&r.template))
            };
            routes.iter().map(one).collect()
        }
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "a line for each key, twice: taken apart, so that none is forgotten, and put together"
)]
fn server(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Server,
    around: &Around<'_, '_>,
) -> Option<Server> {
    let listeners = around.listeners;
    let raw::Server {
        name,
        public_url,
        profile,
        upstream,
        hosts,
        origins,
        auth,
        client_identities,
        proof,
        dpop,
        authorization_server,
        scopes,
        tools,
        tool_pins,
        resources,
        prompts,
        namespaces,
        roles,
        tool_schemas,
        server_requests,
        elicitation,
        batches,
        http_sse,
        limits,
        guard,
        redact,
        views,
        allow_networks,
        body_max,
    } = raw;
    let name = self::name(cx, &at.key("name"), name);
    let url = self::public_url(cx, &at.key("public_url"), &public_url.0, listeners);
    let base = url.as_ref().map(Url::path);
    let profile = rest::profile(cx, &at.key("profile"), profile, base);
    let upstream_at = at.key("upstream");
    let upstream = upstream::upstream(cx, &upstream_at, upstream, profile.as_ref(), &public_url.0);
    let hosts = self::hosts(cx, &at.key("hosts"), hosts, url.as_ref(), listeners);
    let origins = self::origins(cx, &at.key("origins"), origins);
    let auth = auth::auth(cx, &at.key("auth"), auth, around);
    let raw_evidence = RawEvidence { client_identities, proof: RawProof { proof, dpop } };
    let evidence = self::evidence(cx, at, raw_evidence, auth.as_ref(), around.certificates);
    let actions = profile.as_ref().map(rest::actions);
    let beside = (auth.as_ref(), profile.as_ref());
    let facade = facade::facade(cx, at, authorization_server, beside, &public_url.0);
    if let (Some(Some(facade)), Some(evidence)) = (&facade, &evidence) {
        facade::against(cx, at, facade, &evidence.proof);
    }
    let callers = Callers { auth: auth.as_ref(), actions: actions.as_deref() };
    let views_at = at.key("views");
    let views = views::views(cx, &views_at, views, (profile.as_ref(), &callers));
    let looks = |view: &View| view.namespaces.is_some() && matches!(view.of, ViewOf::Tool(_));
    let raw_access = RawAccess {
        scopes,
        tools,
        resources,
        prompts,
        namespaces,
        server_requests,
        namespaces_of_tools: views.iter().flatten().any(looks),
    };
    let access = self::access(cx, at, raw_access, &callers);
    let roles = policy::roles(cx, &at.key("roles"), roles, auth.as_ref());
    let shapes = policy::tool_schemas(cx, &at.key("tool_schemas"), tool_schemas);
    let tools = self::tools(actions.as_deref(), access.as_ref());
    let limits = limits::route(cx, &at.key("limits"), limits, tools, around.sharing);
    let guard = guard::guard(cx, &at.key("guard"), guard);
    let redact = redact::redact(
        cx,
        &at.key("redact"),
        redact,
        &redact::Home { name: name.as_deref().unwrap_or_default(), callers: &callers },
    );
    let url_hosts = sessions::url_hosts(cx, at, elicitation, access.as_ref());
    let raw_mcp = RawMcp { batches, http_sse, tool_pins };
    let mcp = self::mcp(cx, at, raw_mcp, profile.as_ref(), url.as_ref());
    let allow_networks = listeners::networks(cx, &at.key("allow_networks"), allow_networks);
    let body_at = at.key("body_max");
    let body_bytes_max = size(cx, &body_at, body_max, BODY_BYTES_MAX, IN_FLIGHT_BODY_BYTES_MAX);
    let (url, evidence, mcp) = (url?, evidence?, mcp?);
    Some(Server {
        name: name?,
        resource: public_url.0.into(),
        path: url.path().to_owned(),
        public_url: url,
        hosts: hosts?,
        origins: origins?,
        profile: profile?,
        upstream: upstream?,
        auth: auth?,
        client_identities: evidence.identities,
        proof: evidence.proof,
        access: access?,
        limits: limits?,
        guard,
        redact: redact?,
        allow_networks: allow_networks?,
        body_bytes_max: body_bytes_max?,
        batches: mcp.batches,
        http_sse: mcp.http_sse,
        url_hosts: url_hosts?,
        tool_pins: mcp.tool_pins,
        facade: facade?,
        views: views?,
        roles: roles?,
        tool_shapes: shapes?,
        policy: None,
    })
}

/// What callers show besides their credential, as it is typed and as it is meant.
struct RawEvidence {
    client_identities: Option<Vec<String>>,
    proof: RawProof,
}

struct Evidence {
    identities: Vec<IdentityRule>,
    proof: Proof,
}

fn evidence(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: RawEvidence,
    auth: Option<&Auth>,
    certificates: Certificates,
) -> Option<Evidence> {
    let RawEvidence { client_identities, proof } = raw;
    let identities = identities::of_route(cx, at, client_identities, auth, certificates);
    let proof = proof::proof(cx, at, proof, auth, certificates);
    Some(Evidence { identities: identities?, proof: proof? })
}

/// What only servers of MCP have, as it is typed and as it is meant.
struct RawMcp {
    batches: Option<raw::Batches>,
    http_sse: Option<raw::HttpSse>,
    tool_pins: Option<raw::ToolPins>,
}

struct Mcp {
    batches: bool,
    http_sse: Option<String>,
    tool_pins: Option<ToolPins>,
}

fn mcp(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: RawMcp,
    profile: Option<&Profile>,
    url: Option<&Url>,
) -> Option<Mcp> {
    let RawMcp { batches, http_sse, tool_pins } = raw;
    let batches = sessions::batches(cx, at, batches, profile);
    let http_sse = sessions::http_sse(cx, at, http_sse, profile, url);
    let tool_pins = pins::tool_pins(cx, &at.key("tool_pins"), tool_pins, profile);
    Some(Mcp { batches: batches?, http_sse: http_sse?, tool_pins: tool_pins? })
}

/// What callers may do, and whether that is anything.
fn access(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: RawAccess,
    callers: &Callers<'_>,
) -> Option<Access> {
    let access = access::access(cx, at, raw, callers)?;
    access::open_without_tokens(cx, at, &access, callers);
    Some(access)
}

/// Which tools a limit can bite on.
fn tools<'a>(actions: Option<&[Action]>, access: Option<&'a Access>) -> Tools<'a> {
    match (actions, access) {
        (Some(actions), _) if !actions.contains(&Action::ToolsInvoke) => Tools::Never,
        (Some(_), Some(access)) => Tools::By(&access.tools),
        (None, _) | (_, None) => Tools::Unknown,
    }
}

fn name(cx: &mut Context<'_>, at: &At<'_>, name: String) -> Option<Arc<str>> {
    if is_name(&name) {
        return Some(name.into());
    }
    let message = format!("`{}` is not a name", at.shown());
    cx.error(at, message, "use lower-case letters, digits, `-` and `_`, at most 64");
    None
}

/// RFC 9728 section 3: the resource has no fragment; here also no query and no trailing slash, so
/// that one endpoint has one name.
fn public_url(
    cx: &mut Context<'_>,
    at: &At<'_>,
    text: &str,
    listeners: &[Listener<'_>],
) -> Option<Url> {
    let url = urls::http_url(cx, at, text)?;
    if url.query().is_some() {
        cx.error(at, "`public_url` has no query", "remove the `?` and what follows it");
        return None;
    }
    if text.ends_with('/') {
        let help = format!("write `{}`", text.trim_end_matches('/'));
        cx.error(at, "`public_url` has no slash at its end", help);
        return None;
    }
    // Clients compare the text; a second spelling would be a second audience.
    if url.as_str().trim_end_matches('/') != text {
        let help = format!("write `{}`", url.as_str().trim_end_matches('/'));
        cx.error(at, "`public_url` is not in its normal form", help);
        return None;
    }
    urls::require_https(cx, at, &url, "`public_url`")?;
    if url.path().starts_with(WELL_KNOWN) {
        let message = format!("`{WELL_KNOWN}` belongs to the gateway's own metadata");
        cx.error(at, message, "choose another path, such as `/mcp`");
        return None;
    }
    if url.scheme() == "http" && !listeners.is_empty() && listeners.iter().all(|l| l.secure) {
        let help = format!("write `https{}`", text.trim_start_matches("http"));
        cx.error(at, "`public_url` is `http`, but every listener speaks TLS", help);
        return None;
    }
    Some(url)
}

/// The accepted `Host` values: that of `public_url`, those typed, and loopback names where a
/// listener is on loopback.
fn hosts(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<String>>,
    url: Option<&Url>,
    listeners: &[Listener<'_>],
) -> Option<Vec<String>> {
    let mut all: Vec<String> = url.map(urls::authority).into_iter().collect();
    let mut sound = true;
    // Read with the scheme of `public_url`, so that its own port is left out as clients do.
    let scheme = url.map_or("https", Url::scheme);
    for (i, host) in raw.into_iter().flatten().enumerate() {
        let parsed = Url::parse(&format!("{scheme}://{host}/")).ok().filter(|_| {
            !host.contains(['/', '*', '@', '#', '?', '\\', '%'])
                && !host.contains(char::is_whitespace)
        });
        match parsed {
            Some(url) => all.push(urls::authority(&url)),
            None => {
                let at = at.item(i);
                let message = format!("`{}` is not a host", at.shown());
                cx.error(&at, message, "write `notes.internal` or `notes.internal:8443`, no `*`");
                sound = false;
            }
        }
    }
    for listener in listeners.iter().filter(|listener| listener.is_loopback()) {
        let own = listener.bind.map(|bind| (bind.port(), listener.secure));
        let public =
            url.and_then(|url| Some((url.port_or_known_default()?, url.scheme() == "https")));
        for (port, secure) in own.into_iter().chain(public).filter(|(port, _)| *port != 0) {
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                let default = if secure { 443 } else { 80 };
                all.push(if port == default { name.into() } else { format!("{name}:{port}") });
            }
        }
    }
    let mut unique: Vec<String> = Vec::new();
    for host in all {
        if !unique.contains(&host) {
            unique.push(host);
        }
    }
    sound.then_some(unique)
}

/// RFC 6454 section 6.2: scheme, host, port; lower case.
fn origins(cx: &mut Context<'_>, at: &At<'_>, raw: Option<Vec<String>>) -> Option<Vec<String>> {
    let raw = raw.unwrap_or_default();
    let mut sound = true;
    for (i, origin) in raw.iter().enumerate() {
        let normal = Url::parse(origin).ok().map(|url| url.origin().ascii_serialization());
        if normal.as_ref() == Some(origin) || is_app_origin(origin) {
            continue;
        }
        sound = false;
        let at = at.item(i);
        let (message, help) = match origin.as_str() {
            "*" => ("`*` would let every web page call".to_owned(), None),
            "null" => ("`null` is the origin of every sandboxed page".to_owned(), None),
            _ => (format!("`{}` is not an origin", at.shown()), normal.filter(|o| o != "null")),
        };
        let help = match help {
            Some(normal) => format!("did you mean `{normal}`?"),
            None => "write the pages that may call: `https://app.example.com`".into(),
        };
        cx.error(&at, message, help);
    }
    sound.then_some(raw)
}

/// Pages inside applications have schemes of their own, such as `vscode-webview://id`.
fn is_app_origin(text: &str) -> bool {
    let plain = |part: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        !part.is_empty() && part.bytes().all(allowed)
    };
    text.split_once("://").is_some_and(|(scheme, host)| {
        !matches!(scheme, "http" | "https" | "file") && plain(scheme) && plain(host)
    })
}

/// RFC 8615: where the metadata of the gateway stands.
pub(super) const WELL_KNOWN: &str = "/.well-known";
