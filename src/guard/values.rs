//! Personal data and secrets among the arguments of a call, on their way to the server.
//!
//! Owns [`Values`]. Assumes a decoded call. Guarantees that what leaves is the call as it was
//! judged, or the same call with values replaced in its arguments alone: the action, the resource
//! and the person by which it was judged never change. A value that is to be hidden where nothing
//! can be replaced (in a URI, a namespace, the name of a person, a path) refuses the call.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use crate::call::{Action, Arguments, Call, Resource};
use crate::class::{Class, ClassSet};
use crate::config::{Profile, RestRoute};
use crate::decode::Plan;
use crate::exchange::Exchange;
use crate::inspect::{self, Detector, Seen};
use crate::json::{Document, Value};
use crate::limit::Admitted;
use crate::limits::FOUND_PLACES_MAX;
use crate::mcp::{self, params};
use crate::reject::{Code, Rejection};
use crate::rest;

/// Looks at the values among arguments.
#[derive(Debug)]
pub struct Values(Arc<Detector>);

/// Where values of which class stood, never the values.
#[derive(Debug, Default)]
pub struct Found {
    detector: Option<Arc<Detector>>,
    places: Vec<Seen>,
}

/// A call with other values than those it was judged by.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) call: Call,
    pub(super) plan: Plan,
}

impl Found {
    /// Class, path and number of values; at most [`FOUND_PLACES_MAX`].
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u32)> {
        self.places.iter().map(|seen| (self.name_of(seen.class), seen.path.as_str(), seen.count))
    }

    fn name_of(&self, class: Class) -> &str {
        self.detector.as_ref().map_or(class.name(), |detector| detector.custom_name(class))
    }

    /// Books what was found in one value.
    ///
    /// # Errors
    /// [`Code::GuardBlocked`] for a value that the server may not have at all.
    fn book(&mut self, place: &str, plan: &inspect::Plan) -> Result<(), Rejection> {
        for seen in plan.places() {
            if self.places.len() < FOUND_PLACES_MAX {
                self.places.push(seen.below(place));
            }
        }
        match plan.blocked {
            Some(class) => Err(self.refusal(class, place, "is blocked")),
            None => Ok(()),
        }
    }

    /// As [`Found::book`], where nothing can be replaced.
    fn book_fixed(&mut self, place: &str, plan: &inspect::Plan) -> Result<(), Rejection> {
        self.book(place, plan)?;
        match plan.edits_with_class().next() {
            Some((_, _, class)) => Err(self.refusal(class, place, "cannot be hidden there")),
            None => Ok(()),
        }
    }

    fn refusal(&self, class: Class, place: &str, why: &str) -> Rejection {
        let at = self.places.iter().rev().find(|seen| seen.class == class);
        let at = at.map_or(place, |seen| &seen.path);
        let name = self.name_of(class);
        let mut refusal = Rejection::new(
            Code::GuardBlocked,
            format!("a value of class `{name}` at `{at}` {why}"),
        );
        refusal.reason = Some(REASON);
        refusal
    }
}

impl Values {
    /// Looks for what this detector looks for.
    #[must_use]
    pub fn new(detector: Arc<Detector>) -> Self {
        Self(detector)
    }

    /// Looks at everything of a call that its caller chose freely; with what leaves in its place,
    /// where something is hidden.
    ///
    /// # Errors
    /// [`Code::GuardBlocked`] for a value that is blocked, or that is to be hidden and cannot.
    pub(super) fn judge(
        &self,
        ex: &Exchange<Admitted>,
    ) -> Result<(Found, Option<Rewritten>), Rejection> {
        let mut found = Found { detector: Some(Arc::clone(&self.0)), places: Vec::new() };
        let call = ex.call();
        for (name, text) in fixed(call) {
            let plan = self.0.plan_named(name, text, ClassSet::empty());
            found.book_fixed(&format!("/{name}"), &plan)?;
        }
        let body = self.body(call, &mut found)?;
        let query = match &call.arguments {
            Arguments::Query(pairs) => self.query(pairs, &mut found)?,
            Arguments::None | Arguments::Rpc | Arguments::Answer | Arguments::Body => Vec::new(),
        };
        if body.is_none() && query.is_empty() {
            return Ok((found, None));
        }
        let rewritten = match &ex.server().profile {
            Profile::Rest(routes) => rest_anew(routes, ex, body, &query)?,
            Profile::Mcp => mcp_anew(ex, body)?,
        };
        // Hidden and yet what the call was judged by: a subject in the body, say.
        let (asked, sent) = (call, &rewritten.call);
        if asked.resource != sent.resource || asked.subject != sent.subject {
            let why = "a value by which the call is judged is to be hidden";
            let mut refusal = Rejection::new(Code::GuardBlocked, why);
            refusal.reason = Some(REASON);
            return Err(refusal);
        }
        Ok((found, Some(rewritten)))
    }

    /// The message with what is hidden replaced; `None` where nothing is.
    fn body(&self, call: &Call, found: &mut Found) -> Result<Option<Bytes>, Rejection> {
        let Some(message) = &call.message else { return Ok(None) };
        let mut edits: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
        for (place, value) in free(call) {
            let plan = self.0.plan(value, ClassSet::empty());
            found.book(place, &plan)?;
            edits.extend(plan.edits().map(|(range, with)| (range, with.to_vec())));
        }
        if edits.is_empty() {
            return Ok(None);
        }
        edits.sort_by_key(|(range, _)| range.start);
        let bytes = message.bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (range, with) in &edits {
            out.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = range.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Ok(Some(Bytes::from(out)))
    }

    /// The parameters whose values are hidden, as they are to leave.
    fn query(
        &self,
        pairs: &[(String, String)],
        found: &mut Found,
    ) -> Result<Vec<(String, String)>, Rejection> {
        let mut hidden = Vec::new();
        for (name, value) in pairs {
            let plan = self.0.plan_named(name, value, ClassSet::empty());
            found.book(&format!("/{name}"), &plan)?;
            if plan.edits().next().is_some() {
                let text = plan.apply(&Bytes::copy_from_slice(value.as_bytes()));
                hidden.push((name.clone(), String::from_utf8_lossy(&text).into_owned()));
            }
        }
        Ok(hidden)
    }
}

/// What a call names that cannot be another without being another call: MCP's URIs, and what the
/// REST profile takes out of path, query or body. Names of tools and prompts are the server's own.
fn fixed(call: &Call) -> impl Iterator<Item = (&'static str, &str)> {
    let resource = match &call.resource {
        Resource::Uri(uri) => Some(("uri", &**uri)),
        Resource::Namespace(namespace) => Some(("namespace", &**namespace)),
        Resource::Server | Resource::Tool(_) | Resource::Prompt(_) => None,
    };
    resource.into_iter().chain(call.subject.as_deref().map(|subject| ("subject", subject)))
}

/// The JSON values that a caller fills in: arguments; what a person answered; what is to be
/// completed, with what is known already; answers to the server's questions.
fn free(call: &Call) -> Vec<(&'static str, Value<'_>)> {
    let place = match call.arguments {
        Arguments::Rpc => "/arguments",
        Arguments::Answer => "/content",
        Arguments::Body | Arguments::None | Arguments::Query(_) => "",
    };
    let mut all: Vec<_> = call.json_arguments().map(|value| (place, value)).into_iter().collect();
    let message = call.message.as_ref().filter(|_| call.arguments != Arguments::Body);
    if let Some(params) = message.and_then(|message| message.root().get("params")) {
        if call.action == Action::Completion {
            let value = params.get("argument").and_then(|argument| argument.get("value"));
            all.extend(value.map(|value| ("/argument/value", value)));
            all.extend(params.get("context").map(|value| ("/context", value)));
        }
        all.extend(params.get("inputResponses").map(|value| ("/inputResponses", value)));
    }
    all
}

/// An MCP message with other arguments. Headers that mirror arguments are left to the forwarder.
fn mcp_anew(ex: &Exchange<Admitted>, body: Option<Bytes>) -> Result<Rewritten, Rejection> {
    let body = body.ok_or_else(|| defect("arguments of MCP outside a message"))?;
    let message = Document::parse(body.clone(), &mcp::REQUEST)
        .map_err(|_| defect("a rewritten message cannot be read"))?;
    let (call, plan) = (ex.call(), ex.plan());
    let call = Call {
        action: call.action,
        resource: call.resource.clone(),
        also: call.also.clone(),
        operation: call.operation.clone(),
        subject: call.subject.clone(),
        message: Some(message),
        arguments: call.arguments.clone(),
    };
    let kept = plan.headers.iter().filter(|(name, _)| !params::mirrors(name));
    let plan = Plan {
        method: plan.method.clone(),
        path_and_query: plan.path_and_query.clone(),
        headers: kept.cloned().collect(),
        body,
    };
    Ok(Rewritten { call, plan })
}

/// A REST request with other parameters or another body, read as if it had come so.
fn rest_anew(
    routes: &[RestRoute],
    ex: &Exchange<Admitted>,
    body: Option<Bytes>,
    hidden: &[(String, String)],
) -> Result<Rewritten, Rejection> {
    let body = body.unwrap_or_else(|| ex.plan().body.clone());
    let document = (!body.is_empty()).then(|| Document::parse(body.clone(), &mcp::REQUEST));
    let document = document.transpose().map_err(|_| defect("a rewritten body cannot be read"))?;
    let uri = match hidden {
        [] => ex.uri().clone(),
        hidden => with_parameters(ex.uri(), hidden)?,
    };
    let read = rest::read(routes, ex.method(), &uri, document)
        .map_err(|_| defect("a rewritten request cannot be read"))?;
    let plan = Plan {
        method: ex.plan().method.clone(),
        path_and_query: Some(read.upstream_target),
        headers: ex.plan().headers.clone(),
        body,
    };
    Ok(Rewritten { call: read.call, plan })
}

/// A request target with other values of some parameters.
fn with_parameters(uri: &Uri, hidden: &[(String, String)]) -> Result<Uri, Rejection> {
    let Some(query) = rest::with_values(uri.query().unwrap_or_default(), hidden) else {
        let mut refusal =
            Rejection::new(Code::GuardBlocked, "a value in a path cannot be hidden there");
        refusal.reason = Some(REASON);
        return Err(refusal);
    };
    Uri::try_from(format!("{}?{query}", uri.path()))
        .map_err(|_| defect("a rewritten target is none"))
}

fn defect(why: &'static str) -> Rejection {
    Rejection::new(Code::Internal, why)
}

const REASON: &str = "arguments";
