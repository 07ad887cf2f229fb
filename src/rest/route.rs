//! Routes: templates, which of them fits a path, and the built-in ones.

use http::Method;

use crate::call::Action;
use crate::config::{Lookup, RestRoute};

use super::RestError;
use super::encoding::{decode_segment, is_unreserved};

/// Why a table of routes makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A template is not a path of plain segments and `{variables}`.
    #[error("template `{template}` is not a path of plain segments and `{{variables}}`")]
    Template {
        /// The template.
        template: String,
    },
    /// A variable stands twice in one template.
    #[error("template `{template}` has a variable twice")]
    Repeated {
        /// The template.
        template: String,
    },
    /// A lookup names a variable that the template does not have.
    #[error("template `{template}` has no variable `{name}`")]
    Variable {
        /// The template.
        template: String,
        /// The missing variable.
        name: String,
    },
    /// A lookup looks into the body of a GET.
    #[error("`GET {template}` looks into a body that it does not have")]
    Body {
        /// The template.
        template: String,
    },
    /// Two routes fit the same requests.
    #[error("`{method} {template}` can never be reached: an earlier route fits the same requests")]
    Shadowed {
        /// The method of the later one.
        method: Method,
        /// The template of the later one.
        template: String,
    },
    /// The action needs the name of a resource, and no lookup finds it.
    #[error("`{method} {template}` must say where the name of its resource stands")]
    Nameless {
        /// The method.
        method: Method,
        /// The template.
        template: String,
    },
}

/// The route of a request and the values of its variables.
#[derive(Debug)]
pub(super) struct Match<'r> {
    pub(super) route: &'r RestRoute,
    pub(super) variables: Vec<(&'r str, String)>,
}

impl Match<'_> {
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }
}

/// Refuses a table in which a route could not mean what it says.
///
/// # Errors
/// The first problem, in the order of the table.
pub fn check(routes: &[RestRoute]) -> Result<(), RouteError> {
    for (index, route) in routes.iter().enumerate() {
        let template = route.template.clone();
        let names = variables(route).ok_or(RouteError::Template { template: template.clone() })?;
        let repeated =
            names.iter().enumerate().any(|(i, name)| names.iter().skip(i + 1).any(|n| n == name));
        if repeated {
            return Err(RouteError::Repeated { template });
        }
        for lookup in route.resource.iter().chain(&route.subject) {
            match lookup {
                Lookup::Path(name) if !names.contains(&name.as_str()) => {
                    return Err(RouteError::Variable { template, name: name.clone() });
                }
                Lookup::Body(_) if route.method == Method::GET => {
                    return Err(RouteError::Body { template });
                }
                Lookup::Path(_) | Lookup::Query(_) | Lookup::Body(_) => {}
            }
        }
        if route.resource.is_none() && needs_name(route.action) {
            return Err(RouteError::Nameless { method: route.method.clone(), template });
        }
        let same =
            |other: &RestRoute| other.method == route.method && shape(other).eq(shape(route));
        if routes.iter().take(index).any(same) {
            return Err(RouteError::Shadowed { method: route.method.clone(), template });
        }
    }
    Ok(())
}

/// The route that fits; where several do, the one with more literal segments, then the first.
pub(super) fn find<'r>(
    routes: &'r [RestRoute],
    method: &Method,
    path: &str,
) -> Result<Match<'r>, RestError> {
    let fitting = || routes.iter().filter(|route| fits(route, path));
    let best = fitting().filter(|route| route.method == *method).min_by_key(|route| {
        route.template.split('/').filter(|segment| variable(segment).is_some()).count()
    });
    let Some(route) = best else {
        let methods = fitting().fold(0, |mask, route| mask | bit(&route.method));
        return Err(match ALLOW.get(methods) {
            Some(allow) if !allow.is_empty() => RestError::MethodNotAllowed { allow },
            Some(_) | None => RestError::RouteUnknown,
        });
    };
    let mut variables = Vec::new();
    for (wanted, found) in route.template.split('/').zip(path.split('/')) {
        if let Some(name) = variable(wanted) {
            variables.push((name, decode_segment(found).ok_or(RestError::Path)?));
        }
    }
    Ok(Match { route, variables })
}

/// The name of a variable segment.
pub(super) fn variable(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Literal segments are compared as they were sent: there is no second spelling of a route (S-45).
fn fits(route: &RestRoute, path: &str) -> bool {
    let mut found = path.split('/');
    let all = route.template.split('/').all(|wanted| {
        found.next().is_some_and(|found| match variable(wanted) {
            Some(_) => !found.is_empty(),
            None => wanted == found,
        })
    });
    all && found.next().is_none()
}

fn variables(route: &RestRoute) -> Option<Vec<&str>> {
    let path = route.template.strip_prefix('/')?;
    let mut names = Vec::new();
    for segment in path.split('/') {
        let (name, text) = match variable(segment) {
            Some(name) => (Some(name), name),
            None => (None, segment),
        };
        if !is_unreserved(text) || matches!(text, "" | "." | "..") {
            return None;
        }
        names.extend(name);
    }
    Some(names)
}

/// The template with its variables' names forgotten.
fn shape(route: &RestRoute) -> impl Iterator<Item = Option<&str>> {
    route.template.split('/').map(|segment| match variable(segment) {
        Some(_) => None,
        None => Some(segment),
    })
}

fn needs_name(action: Action) -> bool {
    match action {
        Action::ToolsInvoke
        | Action::ResourcesRead
        | Action::ResourcesSubscribe
        | Action::PromptsGet
        | Action::Completion => true,
        Action::ToolsList
        | Action::ResourcesList
        | Action::PromptsList
        | Action::ContextRead
        | Action::MemoryRead
        | Action::MemoryWrite
        | Action::MemoryDelete
        | Action::SessionOpen
        | Action::SessionListen
        | Action::SessionClose
        | Action::SessionAnswer => false,
    }
}

fn bit(method: &Method) -> usize {
    match *method {
        Method::GET => 1,
        Method::POST => 2,
        Method::PUT => 4,
        Method::DELETE => 8,
        _ => 0,
    }
}

/// `Allow` by the set of methods, see [`bit`].
const ALLOW: [&str; 16] = [
    "",
    "GET",
    "POST",
    "GET, POST",
    "PUT",
    "GET, PUT",
    "POST, PUT",
    "GET, POST, PUT",
    "DELETE",
    "GET, DELETE",
    "POST, DELETE",
    "GET, POST, DELETE",
    "PUT, DELETE",
    "GET, PUT, DELETE",
    "POST, PUT, DELETE",
    "GET, POST, PUT, DELETE",
];

#[cfg(test)]
mod tests {
    use super::{Action, Lookup, Method, RestError, RestRoute, RouteError, check, find};

    fn route(method: Method, template: &str, resource: Option<Lookup>) -> RestRoute {
        let action = Action::MemoryWrite;
        RestRoute { method, template: template.into(), action, resource, subject: None }
    }

    #[test]
    fn default_routes_make_sense() {
        assert_eq!(check(&crate::config::rest_routes("/mcp")), Ok(()));
    }

    #[test]
    fn templates_out_of_form_are_refused() {
        for template in
            ["", "x", "/", "/a/", "/a//b", "/a/{}", "/a/..", "/a b", "/{a", "/a/{b}c", "/é"]
        {
            let error = check(&[route(Method::POST, template, None)]).unwrap_err();
            assert!(matches!(error, RouteError::Template { .. }), "{template}");
        }
    }

    #[test]
    fn routes_that_cannot_mean_what_they_say_are_refused() {
        let path = |name: &str| Some(Lookup::Path(name.into()));
        let body = Some(Lookup::Body("/x".into()));
        let nameless = RestRoute { action: Action::ToolsInvoke, ..route(Method::POST, "/t", None) };
        for (routes, word) in [
            (vec![route(Method::POST, "/{a}/{a}", None)], "twice"),
            (vec![route(Method::POST, "/{a}", path("b"))], "no variable"),
            (vec![route(Method::GET, "/a", body)], "body"),
            (vec![nameless], "must say where"),
            (
                vec![route(Method::PUT, "/a/{x}", None), route(Method::PUT, "/a/{y}", None)],
                "never be reached",
            ),
        ] {
            let error = check(&routes).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let two = [route(Method::PUT, "/a/{x}", None), route(Method::POST, "/a/{y}", None)];
        assert_eq!(check(&two), Ok(()));
    }

    #[test]
    fn literal_segments_win_over_variables() {
        let routes = [route(Method::GET, "/a/{x}", None), route(Method::GET, "/a/b", None)];
        assert_eq!(find(&routes, &Method::GET, "/a/b").unwrap().route.template, "/a/b");
        assert_eq!(find(&routes, &Method::GET, "/a/c").unwrap().variable("x"), Some("c"));
    }

    #[test]
    fn s45_paths_have_one_spelling() {
        for path in [
            "/mcp/Context",
            "/mcp/context/",
            "//mcp/context",
            "/mcp/%63ontext",
            "/mcp/./context",
            "/mcp",
        ] {
            let error = find(&crate::config::rest_routes("/mcp"), &Method::GET, path)
                .map(|_| ())
                .unwrap_err();
            assert_eq!(error, RestError::RouteUnknown, "{path}");
        }
    }

    #[test]
    fn known_path_with_another_method_names_the_allowed_ones() {
        let routes = crate::config::rest_routes("/mcp");
        let error = find(&routes, &Method::PATCH, "/mcp/memory").map(|_| ()).unwrap_err();
        assert_eq!(error, RestError::MethodNotAllowed { allow: "GET, POST, PUT, DELETE" });
        let error = find(&routes, &Method::GET, "/mcp/tools/x").map(|_| ()).unwrap_err();
        assert_eq!(error, RestError::MethodNotAllowed { allow: "POST" });
    }
}
