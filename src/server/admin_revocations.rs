//! `/revocations` on the admin listener: list, revoke, undo.
//!
//! Assumes that the configuration holds an admin token, and that the name asked for is a local one
//! where that counts. Guarantees: nothing happens without the token, compared in constant time; no
//! web page reaches it (an `Origin` is refused, a body must say that it is JSON); bodies are small,
//! read within a bounded time, and read strictly; no answer repeats what was refused.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::admin::text;
use crate::limits::{BODY_MS, REVOCATION_BODY_BYTES_MAX};
use crate::revocation::{Desk, DeskError, Entry, Store, Undone, time};
use crate::secret::Secret;

/// Answers one request below `/revocations`.
pub(super) async fn answer(
    token: &Secret,
    desk: &Desk,
    request: Request<Incoming>,
) -> Response<Bytes> {
    if request.headers().contains_key(ORIGIN) {
        return said(StatusCode::FORBIDDEN, "no web page may ask here");
    }
    if !is_authorized(request.headers(), token) {
        let mut answer = said(StatusCode::UNAUTHORIZED, "the admin token is required");
        let challenge = HeaderValue::from_static("Bearer realm=\"admin\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        return answer;
    }
    let path = request.uri().path().to_owned();
    let id = path.strip_prefix("/revocations/").filter(|id| !id.is_empty());
    match (request.method().clone(), id) {
        (Method::GET, None) => json_of(StatusCode::OK, &list(desk)),
        (Method::POST, None) => revoke(desk, request).await,
        (Method::DELETE, Some(id)) => undo(desk, id, request.uri().query()).await,
        (_, id) => {
            let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, "not with this method");
            let allow = if id.is_some() { "DELETE" } else { "GET, POST" };
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
            answer
        }
    }
}

fn is_authorized(headers: &HeaderMap, token: &Secret) -> bool {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return false };
    let value = only.as_bytes();
    let (scheme, rest) = value.split_at_checked(SCHEME.len()).unwrap_or_default();
    scheme.eq_ignore_ascii_case(SCHEME) && token.matches(rest)
}

async fn revoke(desk: &Desk, request: Request<Incoming>) -> Response<Bytes> {
    let media = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !media.is_some_and(|media| media.eq_ignore_ascii_case(JSON.as_bytes())) {
        return said(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json");
    }
    let body = Limited::new(request.into_body(), REVOCATION_BODY_BYTES_MAX).collect();
    let order = match tokio::time::timeout(Duration::from_millis(BODY_MS), body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return said(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or cut"),
        Err(_) => return said(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    match desk.revoke(&order).await {
        Ok(revoked) => {
            let mut shown = shown(revoked.store, &revoked.entry);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("recorded".into(), revoked.recorded.into());
            }
            json_of(StatusCode::CREATED, &shown)
        }
        Err(error @ DeskError::NotStored(_)) => {
            let mut body = json!({ "error": error.to_string() });
            if let (DeskError::NotStored(entry), Some(body)) = (&error, body.as_object_mut()) {
                body.insert("entry".into(), shown(Store::Memory, entry));
            }
            json_of(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
        Err(error) => refused(&error),
    }
}

/// `?by=NAME` says who undoes it.
async fn undo(desk: &Desk, id: &str, query: Option<&str>) -> Response<Bytes> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let by = pairs.into_iter().find(|(name, _)| name == "by").map(|(_, by)| by);
    let by = by.as_deref().filter(|by| !by.chars().any(char::is_control));
    match desk.undo(id, by).await {
        Ok(Undone::Yes) => text(StatusCode::NO_CONTENT, String::new()),
        Ok(Undone::Unknown) => said(StatusCode::NOT_FOUND, "there is no such revocation"),
        Err(error) => refused(&error),
    }
}

fn list(desk: &Desk) -> Value {
    let (entries, count) = desk.list();
    let entries: Vec<Value> = entries.iter().map(|(store, entry)| shown(*store, entry)).collect();
    let stores: Vec<Value> = desk
        .stores()
        .into_iter()
        .map(|state| {
            let read = state.last_read_s.map(time);
            json!({ "store": state.store.name(), "last_read": read, "fault": state.fault })
        })
        .collect();
    json!({ "count": count, "stores": stores, "entries": entries })
}

fn shown(store: Store, entry: &Entry) -> Value {
    let mut shown = entry.json();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("store".into(), store.name().into());
    }
    shown
}

fn refused(error: &DeskError) -> Response<Bytes> {
    let status = match error {
        DeskError::Order(_) => StatusCode::BAD_REQUEST,
        DeskError::Full(_)
        | DeskError::NotStored(_)
        | DeskError::NotUndone
        | DeskError::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
    };
    said(status, &error.to_string())
}

fn said(status: StatusCode, error: &str) -> Response<Bytes> {
    json_of(status, &json!({ "error": error }))
}

fn json_of(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut answer = text(status, format!("{body}\n"));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    answer
}

const SCHEME: &[u8] = b"Bearer ";
const JSON: &str = "application/json";
