//! Policies: their files, what they know, and whether they fit.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;

use super::super::model::{Auth, CustomClass, Governance, Server};
use super::super::problem::Problem;
use super::super::raw::{self, Pairs};
use super::issuers::Checked as Issuer;
use super::{At, Context, lints, listeners, name_key};
use crate::class::Class;
use crate::limits::{
    ENTITIES_BYTES_MAX, NAME_BYTES_MAX, PINS_FILE_BYTES_MAX, POLICY_BYTES_MAX, POLICY_FILES_MAX,
    RULES_MAX, URI_BYTES_MAX,
};
use crate::policy::facts::{ToolShape, World};
use crate::policy::hierarchy::Hierarchy;
use crate::policy::roles::{self, Role};
use crate::policy::text::{Denial, Source};
use crate::policy::time::Zone;
use crate::policy::tools::shapes;
use crate::policy::{Known, Parts, Policies};

/// The section, read as far as it stands alone.
struct Section {
    files: Vec<Source>,
    hierarchy: Hierarchy,
    zone: Zone,
    networks: Vec<(Arc<str>, Vec<ipnet::IpNet>)>,
    denial: Denial,
    risk_header: Option<HeaderName>,
    shadow: Option<Candidate>,
}

struct Candidate {
    files: Vec<Source>,
    hierarchy: Hierarchy,
    roles: bool,
}

/// The section. The outer `None`: it has mistakes; the inner: there is none.
fn section(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Policy>,
    trusts_peers: bool,
) -> Option<Option<Section>> {
    let Some(raw) = raw else { return Some(None) };
    let raw::Policy { files, entities, time_zone, networks, denial, risk_header, shadow } = raw;
    let files = self::files(cx, &at.key("files"), files.unwrap_or_default());
    let hierarchy = match entities {
        Some(path) => self::entities(cx, &at.key("entities"), &path),
        None => Some(Hierarchy::default()),
    };
    let zone = match time_zone {
        None => Some(Zone::utc()),
        Some(name) => {
            let zone = Zone::named(&name);
            if zone.is_none() {
                let at = at.key("time_zone");
                let message = format!("`{}` is no time zone", at.shown());
                cx.error(&at, message, "write a name such as `Europe/Berlin`, or `UTC`");
            }
            zone
        }
    };
    let networks = self::networks(cx, &at.key("networks"), networks);
    let denial = match denial {
        None | Some(raw::DenialName::Honest) => Denial::Honest,
        Some(raw::DenialName::Hidden) => Denial::Hidden,
    };
    let header = self::risk_header(cx, &at.key("risk_header"), risk_header, trusts_peers);
    let shadow = match shadow {
        None => Some(None),
        Some(raw) => candidate(cx, &at.key("shadow"), raw, hierarchy.as_ref()).map(Some),
    };
    Some(Some(Section {
        files: files?,
        hierarchy: hierarchy?,
        zone: zone?,
        networks: networks?,
        denial,
        risk_header: header?,
        shadow: shadow?,
    }))
}

fn candidate(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Shadow,
    live: Option<&Hierarchy>,
) -> Option<Candidate> {
    let raw::Shadow { files, entities, roles } = raw;
    let files = self::files(cx, &at.key("files"), files);
    let hierarchy = match entities {
        Some(path) => self::entities(cx, &at.key("entities"), &path),
        None => live.cloned(),
    };
    Some(Candidate { files: files?, hierarchy: hierarchy?, roles: roles.unwrap_or(true) })
}

fn files(cx: &mut Context<'_>, at: &At<'_>, raw: Vec<raw::FilePath>) -> Option<Vec<Source>> {
    if raw.len() > POLICY_FILES_MAX {
        cx.error(at, format!("more than {POLICY_FILES_MAX} files"), "join some of them");
        return None;
    }
    let mut all: Vec<Option<Source>> = Vec::new();
    for (i, file) in raw.iter().enumerate() {
        let at = at.item(i);
        let path = cx.resolve(&file.0);
        let text = cx.read(&at, &path, POLICY_BYTES_MAX).and_then(|bytes| utf8(cx, &at, bytes));
        let name: Arc<str> = path.display().to_string().into();
        if all.iter().flatten().any(|other| other.name == name) {
            cx.error(&at, "this file is named twice", "remove one of them");
            all.push(None);
            continue;
        }
        all.push(text.map(|text| Source { name, text: text.into() }));
    }
    all.into_iter().collect()
}

fn utf8(cx: &mut Context<'_>, at: &At<'_>, bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        cx.error(at, "this file is not UTF-8 text", "save it as UTF-8");
    }
    text
}

fn entities(cx: &mut Context<'_>, at: &At<'_>, file: &raw::FilePath) -> Option<Hierarchy> {
    let path = cx.resolve(&file.0);
    let bytes = cx.read(at, &path, ENTITIES_BYTES_MAX)?;
    let text = utf8(cx, at, bytes)?;
    match Hierarchy::read(&text) {
        Ok(hierarchy) => Some(hierarchy),
        Err(error) => {
            let (line, column) = (error.line, error.column);
            let excerpt = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let help = "its keys are `roles`, `groups`, `tool_sets` and `class_sets`";
            let file = path.display().to_string();
            cx.problems.push(Problem::of_other(
                file,
                (line, column, 1),
                excerpt,
                error.message,
                help,
            ));
            None
        }
    }
}

fn networks(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Pairs<Vec<raw::Network>>>,
) -> Option<Vec<(Arc<str>, Vec<ipnet::IpNet>)>> {
    let mut all = Vec::new();
    for (name, raw) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        name_key(cx, &at, &name);
        let networks = listeners::networks(cx, &at, Some(raw));
        all.push(networks.map(|networks| (Arc::from(name), networks)));
    }
    all.into_iter().collect()
}

fn risk_header(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<String>,
    trusts_peers: bool,
) -> Option<Option<HeaderName>> {
    let Some(name) = raw else { return Some(None) };
    if !trusts_peers {
        let message = "nobody's header is believed: there is no trusted proxy and no trusted mesh";
        cx.absent(at, message, "name the proxy in `trusted_proxies`");
    }
    match HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()) {
        Ok(name) if name.as_str().starts_with("x-") => Some(Some(name)),
        Ok(_) | Err(_) => {
            let message = format!("`{}` cannot be this header field", at.shown());
            cx.error(at, message, "write a name that begins with `x-`");
            None
        }
    }
}

/// The roles of a server.
pub(super) fn roles(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Pairs<raw::Role>>,
    auth: Option<&Auth>,
) -> Option<Vec<Role>> {
    let Some(Pairs(pairs)) = raw else { return Some(Vec::new()) };
    if pairs.is_empty() {
        cx.absent(at, "there is no role, so nobody may do anything", "name one, or remove the key");
        return None;
    }
    if pairs.len() > RULES_MAX {
        cx.error(at, format!("more than {RULES_MAX} roles"), "write policies instead");
        return None;
    }
    let known = auth.is_none_or(|auth| {
        let claimed = |issuers: &[Arc<super::super::model::Issuer>]| {
            issuers.iter().any(|i| i.roles_claim.is_some() || i.claims.groups.is_some())
        };
        auth.issuers().is_some_and(claimed) || auth.api_keys().is_some()
    });
    if !known {
        let message = "no caller of this server can have a role";
        cx.absent(at, message, "add `roles_claim: roles` to the issuer whose tokens carry them");
    }
    let mut all = Vec::new();
    for (name, raw) in pairs {
        let at = at.key(&name);
        let raw::Role { tools, resources, prompts, namespaces, writes, reveal } = raw;
        let blank = name.trim() != name || name.chars().any(char::is_control);
        if blank || name.is_empty() || name.len() > NAME_BYTES_MAX {
            cx.error(&at.named(), "this is not a role", "write it as the claim has it");
        }
        let mut globs = |key: &str, raw: Option<Vec<String>>, bytes_max: usize| {
            let at = at.key(key);
            let mut all = Vec::new();
            for (i, text) in raw.unwrap_or_default().iter().enumerate() {
                let at = at.item(i);
                if text.contains('?') {
                    let help = "`?` matches itself nowhere here; write `*`, or a policy";
                    cx.error(&at, "only `*` stands for other characters in a role", help);
                }
                all.push(super::access::pattern(cx, &at, text, bytes_max));
            }
            all.into_iter().collect::<Option<Vec<_>>>()
        };
        let (tools, prompts) =
            (globs("tools", tools, NAME_BYTES_MAX), globs("prompts", prompts, NAME_BYTES_MAX));
        let resources = globs("resources", resources, URI_BYTES_MAX);
        let namespaces = globs("namespaces", namespaces, NAME_BYTES_MAX);
        let writes = globs("writes", writes, NAME_BYTES_MAX);
        let role = Role {
            name: name.into(),
            tools: tools?,
            resources: resources?,
            prompts: prompts?,
            namespaces: namespaces?,
            writes: writes?,
            reveal: reveal.unwrap_or_default().into_iter().map(Box::from).collect(),
        };
        let grants = [&role.tools, &role.resources, &role.prompts, &role.namespaces, &role.writes];
        if grants.iter().all(|names| names.is_empty()) && role.reveal.is_empty() {
            cx.absent(&at, "this role may do nothing", "name what it may use, or remove it");
        }
        all.push(role);
    }
    Some(all)
}

/// Definitions of tools by name.
type Shapes = Vec<(Box<str>, ToolShape)>;

/// Definitions of tools, out of a file with the server's `tools/list`.
pub(super) fn tool_schemas(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::FilePath>,
) -> Option<Option<Shapes>> {
    let Some(file) = raw else { return Some(None) };
    let path = cx.resolve(&file.0);
    let bytes = cx.read(at, &path, PINS_FILE_BYTES_MAX)?;
    let shapes = serde_json::from_slice::<serde_json::Value>(&bytes).ok().and_then(|v| shapes(&v));
    if shapes.is_none() {
        let message = format!("`{}` holds no list of tools", path.display());
        cx.error(at, message, "save the answer to `tools/list`: `{\"tools\": [...]}`");
        return None;
    }
    Some(shapes)
}

/// Reads the section and gives each server the policies that govern it. `None` where something has
/// mistakes.
pub(super) fn governed(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Policy>,
    servers: Vec<Option<Server>>,
    (issuers, trusts_peers): (&[Issuer<'_>], bool),
) -> Option<Vec<Arc<Server>>> {
    let section = section(cx, &at.key("policy"), raw, trusts_peers);
    let mut servers = servers.into_iter().collect::<Option<Vec<_>>>()?;
    govern(cx, section?, (&at.key("servers"), &mut servers), issuers);
    Some(servers.into_iter().map(Arc::new).collect())
}

/// Compiles the policies of all servers and gives each server those that govern it.
///
/// With the section every server is governed; without it those that have `roles`.
fn govern(
    cx: &mut Context<'_>,
    section: Option<Section>,
    (servers_at, servers): (&At<'_>, &mut [Server]),
    issuers: &[Issuer<'_>],
) {
    let everywhere = section.is_some();
    let governed = |server: &Server| everywhere || !server.roles.is_empty();
    lints::ungoverned(cx, servers_at, servers.iter().map(|server| (server, governed(server))));
    if !servers.iter().any(governed) {
        return;
    }
    let section = section.unwrap_or_else(|| Section {
        files: Vec::new(),
        hierarchy: Hierarchy::default(),
        zone: Zone::utc(),
        networks: Vec::new(),
        denial: Denial::Honest,
        risk_header: None,
        shadow: None,
    });
    let known = known(servers, issuers);
    let mut tools = HashMap::new();
    for server in servers.iter() {
        let shapes = server.tool_shapes.iter().flatten();
        tools
            .extend(shapes.map(|(name, shape)| {
                (Box::from(format!("{}/{name}", server.name)), shape.clone())
            }));
    }
    let generated = |roles: bool| {
        let mut sources = Vec::new();
        for server in servers.iter().filter(|server| governed(server)) {
            if roles && !server.roles.is_empty() {
                sources.push(roles::compile(&server.name, &server.roles));
            }
        }
        let all: Vec<_> = servers.iter().filter(|server| governed(server)).map(reveals).collect();
        sources.extend(roles::reveals(&all));
        sources
    };
    let parts = |files: Vec<Source>, hierarchy: Hierarchy, roles: bool| {
        let mut sources = files;
        sources.extend(generated(roles));
        let (networks, zone, tools) =
            (section.networks.clone(), section.zone.clone(), tools.clone());
        Parts { sources, world: World { hierarchy, networks, zone, tools }, known: known.clone() }
    };
    let live = compile(cx, parts(section.files, section.hierarchy, true));
    let shadow = match section.shadow {
        None => Some(None),
        Some(Candidate { files, hierarchy, roles }) => {
            compile(cx, parts(files, hierarchy, roles)).map(Some)
        }
    };
    let (Some(live), Some(shadow)) = (live, shadow) else { return };
    let (denial, risk_header) = (section.denial, section.risk_header);
    references(cx, &live, servers, governed);
    if let Some(shadow) = &shadow {
        references(cx, shadow, servers, governed);
    }
    let governance = Arc::new(Governance { live, shadow, denial, risk_header });
    for server in servers.iter_mut().filter(|server| governed(server)) {
        server.policy = Some(Arc::clone(&governance));
    }
    lints::warn(cx, &governance.live, servers);
    lints::unused(cx, servers_at, &governance, servers);
}

/// Which classes of a server are shown for which scopes.
fn reveals(server: &Server) -> roles::Shows<'_> {
    let name = |class: &Class| CustomClass::class_name(&server.redact.custom, *class);
    let reveal = server.redact.reveal.iter();
    let classes = reveal.map(|(class, scopes)| (name(class), scopes.as_slice())).collect();
    roles::Shows { server: &server.name, classes }
}

fn known(servers: &[Server], issuers: &[Issuer<'_>]) -> Known {
    let mut claims: Vec<Arc<str>> = Vec::new();
    for (name, _) in
        issuers.iter().filter_map(|i| i.issuer.as_ref()).flat_map(|i| &i.claims.attributes)
    {
        if !claims.contains(name) {
            claims.push(Arc::clone(name));
        }
    }
    let mut classes: Vec<Arc<str>> = Class::BUILTIN.iter().map(|c| c.name().into()).collect();
    for custom in servers.iter().flat_map(|server| &server.redact.custom) {
        if !classes.iter().any(|one| **one == *custom.name) {
            classes.push(custom.name.as_str().into());
        }
    }
    let complete = servers.iter().filter(|server| server.tool_shapes.is_some());
    Known {
        claims,
        servers: servers.iter().map(|server| Arc::clone(&server.name)).collect(),
        classes,
        complete: complete.map(|server| Arc::clone(&server.name)).collect(),
    }
}

fn compile(cx: &mut Context<'_>, parts: Parts) -> Option<Arc<Policies>> {
    let (policies, problems) = match Policies::compile(parts) {
        Ok((policies, warnings)) => (Some(Arc::new(policies)), warnings),
        Err(problems) => (None, problems),
    };
    for found in problems {
        let place = found.place;
        let at = (place.line, place.column, place.length);
        let file = place.file.to_string();
        let problem = Problem::of_other(file, at, &place.excerpt, found.message, found.help);
        cx.problems.push(if found.warning { problem.warning() } else { problem });
    }
    policies
}

/// Rate classes and redaction profiles that policies name have to be there.
fn references(
    cx: &mut Context<'_>,
    policies: &Policies,
    servers: &[Server],
    governed: impl Fn(&Server) -> bool,
) {
    let governed: Vec<&Server> = servers.iter().filter(|server| governed(server)).collect();
    for rule in policies.rules() {
        let rates =
            |server: &&&Server, name: &str| server.limits.classes.iter().any(|(n, _)| **n == *name);
        let profiles =
            |server: &&&Server, name: &str| server.redact.profiles.iter().any(|p| *p.name == *name);
        let mut missing = Vec::new();
        if let Some(name) = &rule.notes.rate
            && !governed.iter().any(|server| rates(&server, name))
        {
            missing.push(("rate", name, "limits.classes"));
        }
        if let Some(name) = &rule.notes.redact
            && !governed.iter().any(|server| profiles(&server, name))
        {
            missing.push(("redact", name, "redact.profiles"));
        }
        for (note, name, key) in missing {
            let place = &rule.place;
            let at = (place.line, place.column, place.length);
            let message = format!("`@{note}` names `{name}`, which no server has");
            let help = format!("add it to `{key}` of the server");
            let file = place.file.to_string();
            cx.problems.push(Problem::of_other(file, at, &place.excerpt, message, help));
        }
    }
}
