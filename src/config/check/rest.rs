//! Routes of the REST profile: method and path template to action.

use crate::limits::ROUTES_MAX;
use http::Method;

use super::super::model::{Lookup, Profile, RestRoute, rest_routes};
use super::super::raw::{self, ProfileName, RestMethod};
use super::{At, Context, access};
use crate::call::Action;
use crate::limits::{NAME_BYTES_MAX, TARGET_BYTES_MAX};

/// The vocabulary of a server whose `public_url` has this path.
pub(super) fn profile(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Profile>,
    base: Option<&str>,
) -> Option<Profile> {
    let list = match raw {
        None | Some(raw::Profile::Named(ProfileName::Mcp)) => return Some(Profile::Mcp),
        Some(raw::Profile::Named(ProfileName::Rest)) => {
            return base.map(|base| Profile::Rest(rest_routes(base)));
        }
        Some(raw::Profile::Rest(raw::RestProfile { rest })) => rest,
    };
    let at = at.key("rest");
    if list.is_empty() {
        cx.absent(
            &at,
            "no route: every request would be refused",
            "write `profile: rest` for the built-in ones",
        );
        return None;
    }
    if list.len() > ROUTES_MAX {
        cx.error(&at, format!("more than {ROUTES_MAX} routes"), "use variables in path templates");
        return None;
    }
    let mut all: Vec<Option<RestRoute>> = Vec::new();
    for (i, raw) in list.into_iter().enumerate() {
        let at = at.item(i);
        let route = route(cx, &at, raw, base);
        let same = |other: &&RestRoute| {
            route.as_ref().is_some_and(|r| {
                r.method == other.method && shape(&r.template) == shape(&other.template)
            })
        };
        if let Some(first) = all.iter().flatten().find(same) {
            let message = format!("`{} {}` can never match", first.method, at.key("path").shown());
            cx.error(
                &at.key("path"),
                message,
                format!("`{}` matches the same requests first", first.template),
            );
        }
        all.push(route);
    }
    all.into_iter().collect::<Option<_>>().map(Profile::Rest)
}

/// Actions that a request to a server of this profile can become.
pub(super) fn actions(profile: &Profile) -> Vec<Action> {
    match profile {
        Profile::Mcp => {
            let rest_only = [
                Action::ContextRead,
                Action::MemoryRead,
                Action::MemoryWrite,
                Action::MemoryDelete,
            ];
            Action::ALL.into_iter().filter(|action| !rest_only.contains(action)).collect()
        }
        Profile::Rest(routes) => routes.iter().map(|route| route.action).collect(),
    }
}

/// A template with its variables' names left out: two of one shape match the same paths.
pub(super) fn shape(template: &str) -> String {
    let segments = template.split('/').map(|s| if s.starts_with('{') { "{}" } else { s });
    segments.collect::<Vec<_>>().join("/")
}

fn route(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::RestRoute,
    base: Option<&str>,
) -> Option<RestRoute> {
    let raw::RestRoute { method, path, action, resource, subject } = raw;
    let method = match method {
        RestMethod::Get => Method::GET,
        RestMethod::Post => Method::POST,
        RestMethod::Put => Method::PUT,
        RestMethod::Delete => Method::DELETE,
    };
    let variables = template(cx, &at.key("path"), &path, base);
    let action_at = at.key("action");
    let action = access::action(cx, &action_at, &action);
    let about_requests = action.filter(|action| !REST_ACTIONS.contains(action));
    if let Some(action) = about_requests {
        let names = REST_ACTIONS.map(Action::name).join(", ");
        let message = format!("a REST request cannot be a `{}`", action.name());
        cx.error(&action_at, message, format!("write one of {names}"));
    }
    let names = variables.as_deref();
    let resource_at = at.key("resource");
    let needs_tool = action == Some(Action::ToolsInvoke) && resource.is_none();
    if needs_tool {
        let message = "this route does not say where the name of the tool stands";
        cx.absent(&resource_at, message, "add `resource: path:name`");
    }
    let resource = resource.map(|text| lookup(cx, &resource_at, &text, names, &method));
    let subject = subject.map(|text| lookup(cx, &at.key("subject"), &text, names, &method));
    // Transposed by hand: an absent lookup is fine, an unreadable one is not.
    let resource = match resource {
        Some(lookup) => Some(lookup?),
        None => None,
    };
    let subject = match subject {
        Some(lookup) => Some(lookup?),
        None => None,
    };
    variables?;
    Some(RestRoute { method, template: path, action: action?, resource, subject })
}

/// Checks a path template and returns its variables.
fn template(
    cx: &mut Context<'_>,
    at: &At<'_>,
    text: &str,
    base: Option<&str>,
) -> Option<Vec<String>> {
    let mut refuse = |why: &str, help: String| -> Option<Vec<String>> {
        cx.error(at, format!("`{}`: {why}", at.shown()), help);
        None
    };
    if !text.starts_with('/')
        || text.len() > 1 && text.ends_with('/')
        || text.len() > TARGET_BYTES_MAX
    {
        return refuse("this is not a path template", "write `/mcp/tools/{name}`".into());
    }
    let below = base.is_none_or(|base| {
        base == "/" || text == base || text.strip_prefix(base).is_some_and(|t| t.starts_with('/'))
    });
    if !below {
        let base = base.unwrap_or_default();
        return refuse("the route is not below `public_url`", format!("begin it with `{base}/`"));
    }
    let mut variables: Vec<String> = Vec::new();
    for segment in text.split('/').skip(1) {
        let variable = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
        match variable {
            Some(name)
                if !name.is_empty() && plain(name) && !variables.iter().any(|v| v == name) =>
            {
                variables.push(name.into());
            }
            Some(_) => {
                let help = "give each variable its own name of letters, digits and `_`".into();
                return refuse("a variable has no name, or one that stands twice", help);
            }
            None if segment.is_empty() || !plain(segment) || matches!(segment, "." | "..") => {
                let help = "a segment is letters, digits and `-_.~`, or one whole `{variable}`";
                return refuse(
                    "a segment is empty or has a character that is not allowed",
                    help.into(),
                );
            }
            None => {}
        }
    }
    Some(variables)
}

/// `path:name`, `query:name`, `body:/json/pointer`.
fn lookup(
    cx: &mut Context<'_>,
    at: &At<'_>,
    text: &str,
    variables: Option<&[String]>,
    method: &Method,
) -> Option<Lookup> {
    let shown = at.shown();
    let (kind, name) = text.split_once(':').unwrap_or(("", text));
    let (message, help) = match kind {
        _ if name.is_empty() || name.len() > NAME_BYTES_MAX => {
            (format!("`{shown}` names nothing"), "write `query:namespace`".to_owned())
        }
        "path" if variables.is_none_or(|all| all.iter().any(|v| v == name)) => {
            return Some(Lookup::Path(name.into()));
        }
        "path" => {
            let known = variables.unwrap_or_default().join(", ");
            let known = if known.is_empty() { "none".into() } else { known };
            let message = format!("`{name}` is not a variable of the path");
            (message, format!("its variables are: {known}"))
        }
        "query" => return Some(Lookup::Query(name.into())),
        "body" if matches!(*method, Method::GET | Method::DELETE) => {
            let message = format!("a {method} request has no body that could be looked at");
            (message, "use `query:` or `path:`".to_owned())
        }
        // RFC 6901 section 3.
        "body" if name.starts_with('/') => return Some(Lookup::Body(name.into())),
        "body" => (format!("`{shown}` is not a JSON pointer"), format!("write `body:/{name}`")),
        _ => (
            format!("`{shown}` does not say where to look"),
            "write `path:name`, `query:name` or `body:/json/pointer`".to_owned(),
        ),
    };
    cx.error(at, message, help);
    None
}

/// What a REST request can mean.
const REST_ACTIONS: [Action; 5] = [
    Action::ContextRead,
    Action::MemoryRead,
    Action::MemoryWrite,
    Action::MemoryDelete,
    Action::ToolsInvoke,
];
