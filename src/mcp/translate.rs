//! From a JSON-RPC message to the one vocabulary, [`Call`].
//!
//! Assumes a [`Message`] and the [`Revision`] it speaks. Guarantees default deny (S-33): only a
//! method that the table knows, in a revision that has it, in the form it has there, about a
//! resource with one readable name, becomes a call.

use crate::call::{Action, Arguments, Call, Resource};
use crate::json::{Document, Kind as JsonKind, Value};
use crate::limits::{FILTER_NAMES_MAX, NAME_BYTES_MAX};
use crate::reject::{Code, Rejection};

use super::message::{Kind, Message};
use super::method::{Form, Place};
use super::redeem::Redeemed;
use super::uri::{self, Braces, UriError};
use super::version::Revision;

/// Why a message is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// No such method, not in this revision, or not served by this gateway.
    #[error("no such method in this revision")]
    MethodUnknown,
    /// A request sent without an id, or a notification sent with one.
    #[error("a request without an id, or a notification with one")]
    Form,
    /// Modern clients send no responses (MCP 2026-07-28, Streamable HTTP, "Sending Messages").
    #[error("a response in a revision in which clients send none")]
    Response,
    /// A parameter is missing or has the wrong type.
    #[error("`{0}` is missing or malformed")]
    Param(&'static str),
    /// A resource's URI is not one that policy can decide on.
    #[error("`{member}`: {source}")]
    Uri {
        /// Where it stood.
        member: &'static str,
        /// What is wrong with it.
        source: UriError,
    },
    /// The filter of `subscriptions/listen` names more than is judged in one call.
    #[error("a subscription to more than {FILTER_NAMES_MAX} resources")]
    Filter,
    /// The experimental tasks of 2025-11-25 are not offered: a server that made one would answer
    /// with a handle that nothing here can redeem.
    #[error("a call as an experimental task")]
    ExperimentalTask,
}

/// Turns a message into a call. The document moves into it.
///
/// # Errors
/// See [`TranslateError`].
pub fn to_call(
    message: &Message,
    revision: Revision,
    redeemed: Redeemed,
) -> Result<Call, TranslateError> {
    let Redeemed { document, tools } = redeemed;
    let mut also = Vec::new();
    let (action, resource, operation) = match message.kind() {
        Kind::Request | Kind::Notification => {
            let (action, resource) = judge(message, revision, &document, &tools, &mut also)?;
            (action, resource, message.method())
        }
        Kind::Result | Kind::Error if revision.is_modern() => {
            return Err(TranslateError::Response);
        }
        Kind::Result | Kind::Error => (Action::SessionAnswer, Resource::Server, "response"),
    };
    let arguments = arguments(message, &document)?;
    let operation = Box::from(operation);
    let message = Some(document);
    Ok(Call { action, resource, also, operation, subject: None, message, arguments })
}

impl From<TranslateError> for Rejection {
    fn from(error: TranslateError) -> Self {
        let code = match error {
            TranslateError::MethodUnknown => Code::MethodUnknown,
            TranslateError::Form | TranslateError::Response => Code::MessageInvalid,
            TranslateError::Param(_)
            | TranslateError::Uri { .. }
            | TranslateError::Filter
            | TranslateError::ExperimentalTask => Code::ParamsInvalid,
        };
        Self::new(code, error.to_string())
    }
}

fn judge(
    message: &Message,
    revision: Revision,
    document: &Document,
    tools: &[Box<str>],
    also: &mut Vec<(Action, Resource)>,
) -> Result<(Action, Resource), TranslateError> {
    let row =
        message.row().filter(|row| row.exists_in(revision)).ok_or(TranslateError::MethodUnknown)?;
    let action = row.action.ok_or(TranslateError::MethodUnknown)?;
    let form = match message.kind() {
        Kind::Request => Form::Request,
        Kind::Notification | Kind::Result | Kind::Error => Form::Notification,
    };
    if form != row.form {
        return Err(TranslateError::Form);
    }
    let params = document.root().get("params");
    let resource = match row.place {
        Place::Server => Resource::Server,
        Place::Tool => Resource::Tool(name(params, "name")?),
        Place::Prompt => Resource::Prompt(name(params, "name")?),
        Place::Uri => Resource::Uri(canonical(params, "uri", Braces::Refused)?),
        Place::Reference => reference(params)?,
        Place::Filter => {
            let first = filter(params, also)?;
            also.extend(
                tools.iter().map(|tool| (Action::ToolsInvoke, Resource::Tool(tool.clone()))),
            );
            return Ok(first);
        }
        // Redeeming the ticket told which tool made the task.
        Place::Task => {
            Resource::Tool(tools.first().cloned().ok_or(TranslateError::Param("taskId"))?)
        }
    };
    if !revision.is_modern() && row.place == Place::Tool && has(params, "task") {
        return Err(TranslateError::ExperimentalTask);
    }
    Ok((action, resource))
}

fn name(params: Option<Value<'_>>, member: &'static str) -> Result<Box<str>, TranslateError> {
    params
        .and_then(|params| params.get(member)?.as_str())
        .filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len()))
        .map(|name| name.into_owned().into_boxed_str())
        .ok_or(TranslateError::Param(member))
}

fn canonical(
    params: Option<Value<'_>>,
    member: &'static str,
    braces: Braces,
) -> Result<Box<str>, TranslateError> {
    let uri = params
        .and_then(|params| params.get(member)?.as_str())
        .ok_or(TranslateError::Param(member))?;
    decided(&uri, member, braces)
}

fn decided(uri: &str, member: &'static str, braces: Braces) -> Result<Box<str>, TranslateError> {
    uri::canonical(uri, braces)
        .map(|uri| uri.into_owned().into_boxed_str())
        .map_err(|source| TranslateError::Uri { member, source })
}

fn reference(params: Option<Value<'_>>) -> Result<Resource, TranslateError> {
    let reference = params.and_then(|params| params.get("ref"));
    let kind = reference.and_then(|reference| reference.get("type"));
    match kind {
        Some(kind) if kind.is_str("ref/prompt") => Ok(Resource::Prompt(name(reference, "name")?)),
        Some(kind) if kind.is_str("ref/resource") => {
            Ok(Resource::Uri(canonical(reference, "uri", Braces::Allowed)?))
        }
        Some(_) | None => Err(TranslateError::Param("ref")),
    }
}

fn has(params: Option<Value<'_>>, member: &str) -> bool {
    params.and_then(|params| params.get(member)).is_some_and(|value| !value.is_null())
}

/// `subscriptions/listen` is a subscription to the resources that it names, else a stream.
fn filter(
    params: Option<Value<'_>>,
    also: &mut Vec<(Action, Resource)>,
) -> Result<(Action, Resource), TranslateError> {
    let Some(filter) = params.and_then(|params| params.get("notifications")) else {
        return Ok((Action::SessionListen, Resource::Server));
    };
    if filter.kind() != JsonKind::Object {
        return Err(TranslateError::Param("notifications"));
    }
    let Some(uris) = filter.get("resourceSubscriptions") else {
        return Ok((Action::SessionListen, Resource::Server));
    };
    if uris.kind() != JsonKind::Array {
        return Err(TranslateError::Param("resourceSubscriptions"));
    }
    let member = "resourceSubscriptions";
    for uri in uris.items() {
        if also.len() >= FILTER_NAMES_MAX {
            return Err(TranslateError::Filter);
        }
        let uri = uri.as_str().ok_or(TranslateError::Param(member))?;
        let uri = decided(&uri, member, Braces::Refused)?;
        also.push((Action::ResourcesSubscribe, Resource::Uri(uri)));
    }
    Ok(if also.is_empty() { (Action::SessionListen, Resource::Server) } else { also.remove(0) })
}

fn arguments(message: &Message, document: &Document) -> Result<Arguments, TranslateError> {
    let place = message.row().map(|row| row.place);
    let takes = matches!(place, Some(Place::Tool | Place::Prompt));
    let given = document.root().get("params").and_then(|params| params.get("arguments"));
    match given.filter(|_| takes) {
        Some(given) if given.kind() == JsonKind::Object => Ok(Arguments::Rpc),
        Some(given) if given.is_null() => Ok(Arguments::None),
        Some(_) => Err(TranslateError::Param("arguments")),
        None => Ok(Arguments::None),
    }
}

#[cfg(test)]
mod tests;
