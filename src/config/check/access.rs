//! Who may do what: scopes per action, rules by name, requests of the server.

use std::sync::Arc;

use super::super::model::{Access, Auth, Issuer, Rule, ServerRequest};
use super::super::raw::{self, Pairs};
use super::super::structure::nearest;
use super::{At, Context, glob};
use crate::call::Action;
use crate::limits::RULES_MAX;
use crate::limits::{NAME_BYTES_MAX, URI_BYTES_MAX};
use crate::principal::is_scope;

/// The keys of a server that say who may do what.
pub(super) struct RawAccess {
    pub(super) scopes: Option<Pairs<Vec<String>>>,
    pub(super) tools: Option<Vec<raw::Rule>>,
    pub(super) resources: Option<Vec<raw::Rule>>,
    pub(super) prompts: Option<Vec<raw::Rule>>,
    pub(super) namespaces: Option<Vec<raw::Rule>>,
    pub(super) server_requests: Option<Vec<raw::ServerRequest>>,
    /// Whether answers of tools are looked at for namespaces.
    pub(super) namespaces_of_tools: bool,
}

/// What is known of a server's callers before its rules are read.
pub(super) struct Callers<'a> {
    /// `None` where `auth` could not be read.
    pub(super) auth: Option<&'a Auth>,
    /// Actions that a request to this server can become; `None` where `profile` could not be read.
    pub(super) actions: Option<&'a [Action]>,
}

impl Callers<'_> {
    pub(super) fn can(&self, wanted: &[Action]) -> bool {
        self.actions.is_none_or(|actions| actions.iter().any(|a| wanted.contains(a)))
    }
}

pub(super) fn access(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: RawAccess,
    callers: &Callers<'_>,
) -> Option<Access> {
    let RawAccess {
        scopes,
        tools,
        resources,
        prompts,
        namespaces,
        server_requests,
        namespaces_of_tools,
    } = raw;
    let mut kind = |key: &str, raw: Option<Vec<raw::Rule>>, actions: &[Action], bytes_max| {
        let at = at.key(key);
        let used = namespaces_of_tools && key == "namespaces";
        if raw.is_some() && !callers.can(actions) && !used {
            let message = format!("`{key}` has no effect: no request to this server is about them");
            cx.absent(&at, message, "remove it, or change `profile`");
        }
        rules(cx, &at, raw, callers, bytes_max)
    };
    let tools = kind("tools", tools, &[Action::ToolsInvoke], NAME_BYTES_MAX);
    let of_resources = [Action::ResourcesRead, Action::ResourcesSubscribe];
    let resources = kind("resources", resources, &of_resources, URI_BYTES_MAX);
    let prompts = kind("prompts", prompts, &[Action::PromptsGet], NAME_BYTES_MAX);
    let namespaces = kind("namespaces", namespaces, &OF_NAMESPACES, NAME_BYTES_MAX);
    let scopes = action_scopes(cx, &at.key("scopes"), scopes, callers);
    let server_requests = requests(cx, &at.key("server_requests"), server_requests, callers);
    Some(Access {
        scopes: scopes?,
        tools: tools?,
        resources: resources?,
        prompts: prompts?,
        namespaces: namespaces?,
        server_requests,
    })
}

/// Scopes are needed whatever proved the identity, and only tokens and API keys carry them:
/// without both some action must need none by name, or nobody can do anything.
pub(super) fn open_without_tokens(
    cx: &mut Context<'_>,
    at: &At<'_>,
    access: &Access,
    callers: &Callers<'_>,
) {
    let Some((actions, Auth::None | Auth::Certificate)) = callers.actions.zip(callers.auth) else {
        return;
    };
    let open = |action: &Action| {
        let own = access.scopes.iter().find(|(other, _)| other == action);
        action.default_scope().is_some() && own.is_some_and(|(_, scopes)| scopes.is_empty())
    };
    if !actions.iter().any(open) {
        let auth = at.key("auth");
        let message = format!(
            "nobody can call anything: with `auth: {}` there are no scopes, and every action needs one",
            auth.shown()
        );
        let help = "add `scopes: { tools.invoke: [] }`, and the same for other actions that are meant to be open";
        cx.absent(&auth, message, help);
    }
}

fn action_scopes(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Pairs<Vec<String>>>,
    callers: &Callers<'_>,
) -> Option<Vec<(Action, Vec<Box<str>>)>> {
    let mut all = Vec::new();
    for (name, scopes) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        let action = action(cx, &at, &name);
        if let Some(action) = action.filter(|action| !callers.can(&[*action])) {
            let message = format!("no request to this server is a `{}`", action.name());
            cx.absent(&at, message, "remove it, or change `profile`");
        }
        let scopes = self::scopes(cx, &at, Some(scopes), callers);
        all.push(action.zip(scopes));
    }
    all.into_iter().collect()
}

/// The action of a name.
pub(super) fn action(cx: &mut Context<'_>, at: &At<'_>, name: &str) -> Option<Action> {
    let action = Action::from_name(name);
    if action.is_none() {
        let names = Action::ALL.map(Action::name);
        let help = match nearest(name, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the actions are {}", names.join(", ")),
        };
        let shown = super::super::structure::short(name);
        cx.error(at, format!("`{shown}` is not an action"), help);
    }
    action
}

fn rules(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Rule>>,
    callers: &Callers<'_>,
    pattern_bytes_max: usize,
) -> Option<Vec<Rule>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() {
        cx.absent(
            at,
            "an empty list of rules allows nothing and denies nothing",
            "to deny all write `- { match: \"*\", deny: true }`, to allow all remove the key",
        );
        return None;
    }
    if raw.len() > RULES_MAX {
        cx.error(at, format!("more than {RULES_MAX} rules"), "use globs");
        return None;
    }
    let count = raw.len();
    let mut all: Vec<Rule> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let Some(rule) = rule(cx, &at, raw, callers, pattern_bytes_max) else { continue };
        if let Some(first) =
            all.iter().position(|first| glob::covers(&first.pattern, &rule.pattern))
        {
            let earlier = all.get(first).map(|rule| rule.pattern.as_ref()).unwrap_or_default();
            let message =
                format!("this rule can never match: an earlier rule for `{earlier}` decides first");
            cx.error(&at.key("match"), message, "move it before that rule, or remove it");
        }
        all.push(rule);
    }
    if all.len() < count {
        return None;
    }
    if all.iter().all(|rule| rule.deny) {
        let help = "end the list with `- match: \"*\"` to allow what no rule denies";
        cx.warn(at, "no rule allows anything: what no rule names is denied", help);
    }
    Some(all)
}

fn rule(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Rule,
    callers: &Callers<'_>,
    pattern_bytes_max: usize,
) -> Option<Rule> {
    let raw::Rule { r#match, scopes, roles, deny } = raw;
    let deny = deny.unwrap_or(false);
    let pattern = pattern(cx, &at.key("match"), &r#match, pattern_bytes_max);
    if deny && (scopes.is_some() || roles.is_some()) {
        let key = if scopes.is_some() { "scopes" } else { "roles" };
        let message = format!("`{key}` has no effect beside `deny: true`");
        cx.error(&at.key(key), message, "a denying rule refuses everybody; remove one of the two");
    }
    let scopes = self::scopes(cx, &at.key("scopes"), scopes, callers);
    let roles = self::roles(cx, &at.key("roles"), roles, callers);
    Some(Rule { pattern: pattern?, scopes: scopes?, roles: roles?, deny })
}

/// A glob that some name can match.
pub(super) fn pattern(
    cx: &mut Context<'_>,
    at: &At<'_>,
    text: &str,
    bytes_max: usize,
) -> Option<Box<str>> {
    let blank = text.trim() != text || text.chars().any(char::is_control);
    let message = match text {
        "" => "an empty pattern matches no name".to_owned(),
        _ if blank => "the pattern begins or ends with a space".to_owned(),
        _ if text.len() > bytes_max => format!("the pattern is longer than {bytes_max} bytes"),
        _ => return Some(text.into()),
    };
    cx.error(at, message, "write a name or a glob such as `crm.*`; `*` alone matches every name");
    None
}

/// Scopes by the grammar of RFC 6749 section 3.3.
pub(super) fn scopes(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<String>>,
    callers: &Callers<'_>,
) -> Option<Vec<Box<str>>> {
    let raw = raw.unwrap_or_default();
    let held = |auth: &Auth| auth.issuers().is_some() || auth.api_keys().is_some();
    if !raw.is_empty() && !callers.auth.is_none_or(held) {
        let message = "no caller of this server can hold a scope: `auth` asks for no token";
        cx.absent(at, message, "remove the scopes, or write `auth: tokens`");
    }
    let mut all = Vec::new();
    for (i, scope) in raw.iter().enumerate() {
        let at = at.item(i);
        if !is_scope(scope) {
            let message = format!("`{}` is not a scope", at.shown());
            cx.error(&at, message, "one scope an item, of visible ASCII without `\"` and `\\`");
            return None;
        }
        all.push(scope.as_str().into());
    }
    Some(all)
}

pub(super) fn roles(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<String>>,
    callers: &Callers<'_>,
) -> Option<Vec<Box<str>>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() {
        cx.absent(at, "an empty list of roles asks for none", "remove the key, or name a role");
    }
    let known = match callers.auth {
        Some(auth) => {
            let claimed = |issuers: &[Arc<Issuer>]| issuers.iter().any(|i| i.roles_claim.is_some());
            auth.issuers().is_some_and(claimed) || auth.api_keys().is_some()
        }
        None => true,
    };
    if !known && !raw.is_empty() {
        let message = "no caller of this server can have a role";
        cx.absent(at, message, "add `roles_claim: roles` to the issuer whose tokens carry them");
    }
    let mut all = Vec::new();
    for (i, role) in raw.iter().enumerate() {
        let at = at.item(i);
        let blank = role.trim() != role || role.chars().any(char::is_control);
        if role.is_empty() || role.len() > NAME_BYTES_MAX || blank {
            cx.error(
                &at,
                format!("`{}` is not a role", at.shown()),
                "write it as the claim has it",
            );
            return None;
        }
        all.push(role.as_str().into());
    }
    Some(all)
}

fn requests(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::ServerRequest>>,
    callers: &Callers<'_>,
) -> Vec<ServerRequest> {
    let raw = raw.unwrap_or_default();
    if !raw.is_empty() && !callers.can(&[Action::SessionAnswer]) {
        let message = "this has no effect: a server of the REST profile sends no requests";
        cx.absent(at, message, "remove it");
    }
    let mut all = Vec::new();
    for request in raw {
        let request = match request {
            raw::ServerRequest::Sampling => ServerRequest::Sampling,
            raw::ServerRequest::Elicitation => ServerRequest::Elicitation,
            raw::ServerRequest::Roots => ServerRequest::Roots,
            raw::ServerRequest::Ping => ServerRequest::Ping,
        };
        if !all.contains(&request) {
            all.push(request);
        }
    }
    all
}

/// Actions on namespaces.
const OF_NAMESPACES: [Action; 4] =
    [Action::ContextRead, Action::MemoryRead, Action::MemoryWrite, Action::MemoryDelete];
