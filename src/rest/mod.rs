//! The REST profile: routes of older context servers, mapped to the one vocabulary.
//!
//! Owns the reading of a REST request into a [`Call`] and the writing of the request that goes
//! upstream. Assumes a body that [`crate::json`] parsed. Guarantees one interpretation: a route
//! matches on the segments as they were sent, every value is decoded once and strictly, whatever
//! names the resource or the person stands in exactly one place, and the upstream's target is
//! rebuilt from the decoded parts with every value encoded (S-35).

mod encoding;
mod query;
mod route;

#[cfg(test)]
mod tests;

use http::{Method, Uri};

use crate::call::{Action, Arguments, Call, Resource};
use crate::config::{Lookup, RestRoute};
use crate::json::{Document, Kind};
use crate::limits::NAME_BYTES_MAX;
use crate::mcp::uri::{self, Braces};
use crate::reject::{Code, Rejection};

pub use query::QUERY_PARAMETERS_MAX;
pub use route::{RouteError, check};

use query::Query;
use route::Match;

/// A REST request, understood.
#[derive(Debug)]
pub struct Read {
    /// What it asks for; holds the body.
    pub call: Call,
    /// Path and query for the upstream, below its base.
    pub upstream_target: String,
}

/// Why a request is no call. Holds nothing of its values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// No template fits the path.
    #[error("no route has this path")]
    RouteUnknown,
    /// Templates fit, but none with this method.
    #[error("no route has this method")]
    MethodNotAllowed {
        /// The methods that the path has.
        allow: &'static str,
    },
    /// A path variable that readers decode differently.
    #[error("a path segment that readers decode differently")]
    Path,
    /// A query that readers split or decode differently.
    #[error("a query {0}")]
    Query(&'static str),
    /// A body where the route takes none.
    #[error("a body where none is expected")]
    Body,
    /// What names the resource or the person is missing, empty, too long or not a name.
    #[error("the {what} is missing or malformed")]
    Value {
        /// `resource` or `subject`.
        what: &'static str,
    },
    /// A value that no later gate would see and that is not plain.
    #[error("a value in a place that the route does not name")]
    Unseen,
}

impl From<RestError> for Rejection {
    fn from(error: RestError) -> Self {
        let internal = error.to_string();
        match error {
            RestError::RouteUnknown => Self::new(Code::RouteUnknown, internal),
            RestError::MethodNotAllowed { allow } => {
                let mut rejection = Self::new(Code::MethodNotAllowed, internal);
                rejection.allow = Some(allow);
                rejection
            }
            RestError::Path
            | RestError::Query(_)
            | RestError::Body
            | RestError::Value { .. }
            | RestError::Unseen => Self::new(Code::ParamsInvalid, internal),
        }
    }
}

/// A query with other values of some parameters, all encoded; `None` where one of them is not in it.
#[must_use]
pub fn with_values(query: &str, values: &[(String, String)]) -> Option<String> {
    query::with_values(query, values)
}

/// Understands one request of the REST profile; `document` is its body, where it had one.
///
/// # Errors
/// See [`RestError`].
pub fn read(
    routes: &[RestRoute],
    method: &Method,
    uri: &Uri,
    document: Option<Document>,
) -> Result<Read, RestError> {
    let found = route::find(routes, method, uri.path())?;
    let query = Query::parse(uri.query().unwrap_or_default())?;
    let route = found.route;
    let takes_body = match *method {
        Method::GET => false,
        // Servers disagree on whether the body of a DELETE counts: only where a route says so.
        Method::DELETE => lookups(route).any(|lookup| matches!(lookup, Lookup::Body(_))),
        _ => true,
    };
    if document.is_some() && !takes_body {
        return Err(RestError::Body);
    }
    refuse_second_places(&found, &query)?;
    let place = Places { found: &found, query: &query, document: document.as_ref() };
    let named =
        route.resource.as_ref().map(|lookup| place.value(lookup, "resource")).transpose()?;
    let subject =
        route.subject.as_ref().map(|lookup| place.value(lookup, "subject")).transpose()?;
    let resource = resource(route.action, named)?;
    let upstream_target = target(&found, &query);
    let operation = format!("{method} {}", route.template).into_boxed_str();
    let arguments = arguments(&found, query, document.is_some())?;
    let subject = subject.map(String::into_boxed_str);
    let call = Call {
        action: route.action,
        resource,
        also: Vec::new(),
        operation,
        subject,
        message: document,
        arguments,
    };
    Ok(Read { call, upstream_target })
}

/// Where values may stand in one request.
struct Places<'a> {
    found: &'a Match<'a>,
    query: &'a Query,
    document: Option<&'a Document>,
}

impl Places<'_> {
    fn value(&self, lookup: &Lookup, what: &'static str) -> Result<String, RestError> {
        let found = match lookup {
            Lookup::Path(name) => self.found.variable(name).map(str::to_owned),
            Lookup::Query(name) => self.query.value(name).map(str::to_owned),
            Lookup::Body(pointer) => self.in_body(pointer),
        };
        found
            .filter(|value| (1..=NAME_BYTES_MAX).contains(&value.len()))
            .filter(|value| !value.chars().any(char::is_control))
            .ok_or(RestError::Value { what })
    }

    /// Names are strings; ids may be integers, which keep their spelling.
    fn in_body(&self, pointer: &str) -> Option<String> {
        let value = self.document?.root().pointer(pointer)?;
        match value.kind() {
            Kind::String => value.as_str().map(|text| text.into_owned()),
            Kind::Number if value.is_integer() => {
                std::str::from_utf8(value.raw()).ok().map(str::to_owned)
            }
            Kind::Number | Kind::Object | Kind::Array | Kind::True | Kind::False | Kind::Null => {
                None
            }
        }
    }
}

fn lookups(route: &RestRoute) -> impl Iterator<Item = &Lookup> {
    route.resource.iter().chain(&route.subject)
}

/// A name that the route finds in the path or the body may not stand in the query as well: the
/// server might prefer that one.
fn refuse_second_places(found: &Match<'_>, query: &Query) -> Result<(), RestError> {
    let in_body = lookups(found.route).filter_map(|lookup| match lookup {
        Lookup::Body(pointer) => pointer.rsplit('/').next(),
        Lookup::Path(_) | Lookup::Query(_) => None,
    });
    let mut elsewhere = found.variables.iter().map(|(name, _)| *name).chain(in_body);
    if elsewhere.any(|name| query.has_like(name)) {
        return Err(RestError::Query("repeats a name that stands elsewhere"));
    }
    Ok(())
}

fn resource(action: Action, name: Option<String>) -> Result<Resource, RestError> {
    let Some(name) = name else {
        return Ok(Resource::Server);
    };
    let malformed = RestError::Value { what: "resource" };
    match action {
        Action::ToolsInvoke => Ok(Resource::Tool(name.into_boxed_str())),
        Action::PromptsGet => Ok(Resource::Prompt(name.into_boxed_str())),
        Action::ResourcesRead | Action::ResourcesSubscribe | Action::Completion => {
            let uri = uri::canonical(&name, Braces::Refused).map_err(|_| malformed)?;
            Ok(Resource::Uri(uri.into_owned().into_boxed_str()))
        }
        Action::ContextRead | Action::MemoryRead | Action::MemoryWrite | Action::MemoryDelete => {
            Ok(Resource::Namespace(name.into_boxed_str()))
        }
        // These concern the server; a name would be one that no rule is asked for.
        Action::ToolsList
        | Action::ResourcesList
        | Action::PromptsList
        | Action::SessionOpen
        | Action::SessionListen
        | Action::SessionClose
        | Action::SessionAnswer => Err(malformed),
    }
}

/// Path and query from the decoded parts, every value encoded.
fn target(found: &Match<'_>, query: &Query) -> String {
    let mut out = String::new();
    for segment in found.route.template.split('/').skip(1) {
        out.push('/');
        match route::variable(segment).and_then(|name| found.variable(name)) {
            Some(value) => encoding::push_encoded(&mut out, value),
            None => out.push_str(segment),
        }
    }
    let mut joint = '?';
    for (name, value) in query.pairs() {
        out.push(joint);
        out.push_str(name);
        out.push('=');
        encoding::push_encoded(&mut out, value);
        joint = '&';
    }
    out
}

/// What policy and guards see as arguments. A request with a body has its arguments there; what
/// else it carries must be named by the route, or be too plain to matter.
fn arguments(found: &Match<'_>, query: Query, has_body: bool) -> Result<Arguments, RestError> {
    let named = |name: &str| {
        lookups(found.route).any(|lookup| match lookup {
            Lookup::Path(other) | Lookup::Query(other) => other == name,
            Lookup::Body(_) => false,
        })
    };
    let mut unnamed = found.variables.iter().filter(|(name, _)| !named(name));
    if has_body {
        let unseen = query.pairs().any(|(name, _)| !named(name))
            || unnamed.any(|(_, value)| !encoding::is_unreserved(value));
        return if unseen { Err(RestError::Unseen) } else { Ok(Arguments::Body) };
    }
    let mut pairs: Vec<_> =
        unnamed.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    pairs.extend(query.into_pairs());
    Ok(if pairs.is_empty() { Arguments::None } else { Arguments::Query(pairs) })
}
