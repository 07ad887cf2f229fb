//! One HTTP request to a server and the head of its answer.
//!
//! Assumes a [`Plan`] that decode or a bridge made from parsed parts; adds the gateway's own
//! headers and credential, the credential last. Guarantees that redirects, upgrades, encoded and
//! doubly framed answers are refused (S-12, S-52, S-53, S-54), that the wait for the head is
//! bounded, and that a request is sent at most once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, TRANSFER_ENCODING,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};

use super::UpstreamError;
use super::answer::{Raw, RawBody};
use super::client::{self, ClientError};
use super::credential::{Authority, Badge, Services};
use crate::config;
use crate::decode::Plan;
use crate::principal::Principal;

/// The HTTP client of one upstream; keeps the connection pool.
#[derive(Debug)]
pub(super) struct Http {
    client: client::Client,
    endpoint: Uri,
    host: HeaderValue,
    authority: Option<Arc<Authority>>,
    badge: Badge,
    head_timeout: Duration,
}

impl Http {
    /// Builds the client of one upstream.
    ///
    /// # Errors
    /// When the CA file, the credential or the address cannot be used.
    pub(super) fn new(
        upstream: &config::Upstream,
        endpoint: &config::Endpoint,
        services: &Services,
    ) -> Result<Self, ClientError> {
        let client = client::build(upstream, endpoint)?;
        let endpoint: Uri = endpoint.url.as_str().parse().map_err(|_| ClientError::Address)?;
        let authority = endpoint.authority().ok_or(ClientError::Address)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| ClientError::Address)?;
        let authority = match &upstream.credential {
            None => None,
            Some(credential) => Some(Arc::new(Authority::new(credential, services)?)),
        };
        let (badge, head_timeout) = (Badge::default(), upstream.head_timeout);
        Ok(Self { client, endpoint, host, authority, badge, head_timeout })
    }

    /// The same client, sending for this caller; the very same where callers have no credentials
    /// of their own.
    pub(super) fn acting_for(self: &Arc<Self>, who: &Principal) -> Arc<Self> {
        let Some(authority) = self.authority.as_ref().filter(|it| it.per_caller()) else {
            return Arc::clone(self);
        };
        Arc::new(Self {
            client: self.client.clone(),
            endpoint: self.endpoint.clone(),
            host: self.host.clone(),
            authority: Some(Arc::clone(authority)),
            badge: authority.badge(who),
            head_timeout: self.head_timeout,
        })
    }

    /// What proves the gateway, where anything does.
    pub(super) fn authority(&self) -> Option<&Arc<Authority>> {
        self.authority.as_ref()
    }

    /// Sends one request and waits for the head of the answer.
    ///
    /// Cancel-safe: dropping the future closes the upstream connection.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub(super) async fn send(&self, plan: &Plan) -> Result<Raw, UpstreamError> {
        self.send_with(plan, &[]).await
    }

    /// As [`Http::send`], with headers that were not yet known when the plan was made.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub(super) async fn send_with(
        &self,
        plan: &Plan,
        more: &[(HeaderName, HeaderValue)],
    ) -> Result<Raw, UpstreamError> {
        let Plan { method, path_and_query, headers, body } = plan;
        let uri = match path_and_query {
            None => self.endpoint.clone(),
            Some(path) => self.below(path).ok_or(UpstreamError::Request)?,
        };
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        let out = request.headers_mut();
        out.reserve(headers.len() + OWN_HEADERS);
        for (name, value) in headers.iter().chain(more) {
            out.insert(name.clone(), value.clone());
        }
        self.dispatch(request, self.head_timeout).await
    }

    /// The server's endpoint.
    pub(super) fn endpoint(&self) -> &Uri {
        &self.endpoint
    }

    /// Sends a request that a link made, with the gateway's own headers and credential put in, and
    /// waits for the head of the answer.
    ///
    /// Cancel-safe: dropping the future closes the upstream connection.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub(super) async fn dispatch(
        &self,
        mut request: Request<Full<Bytes>>,
        head_timeout: Duration,
    ) -> Result<Raw, UpstreamError> {
        let has_body = !request.body().is_end_stream();
        let out = request.headers_mut();
        out.insert(HOST, self.host.clone());
        out.insert(ACCEPT_ENCODING, IDENTITY);
        if has_body {
            out.insert(CONTENT_TYPE, JSON);
        }
        if !out.contains_key(ACCEPT) {
            out.insert(ACCEPT, JSON_AND_EVENTS);
        }
        // Last, so that nothing which came with the call can take its place (S-12).
        if let Some(authority) = &self.authority {
            let (name, value) = authority.present(&self.badge).await?;
            request.headers_mut().insert(name, value);
        }
        let sent = tokio::time::timeout(head_timeout, self.client.request(request)).await;
        match sent {
            Err(_) => Err(UpstreamError::Timeout(head_timeout)),
            Ok(Err(error)) => Err(client_error(&error)),
            Ok(Ok(response)) => {
                if let (StatusCode::UNAUTHORIZED, Some(authority)) =
                    (response.status(), &self.authority)
                {
                    authority.refused(&self.badge);
                }
                accept_head(response)
            }
        }
    }

    /// The endpoint's own path is the base to which a REST path is appended.
    fn below(&self, path: &str) -> Option<Uri> {
        let base = self.endpoint.path().trim_end_matches('/');
        let mut parts = self.endpoint.clone().into_parts();
        parts.path_and_query = Some(format!("{base}{path}").parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// Refuses what cannot be screened or what would turn the gateway into a relay.
fn accept_head(response: Response<Incoming>) -> Result<Raw, UpstreamError> {
    let (head, body) = response.into_parts();
    let status = head.status;
    if status.is_informational() {
        return Err(UpstreamError::Malformed("a protocol switch was offered"));
    }
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Err(UpstreamError::Malformed("a redirect"));
    }
    let headers = head.headers;
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(UpstreamError::Malformed("an encoded body, although identity was asked for"));
    }
    if ambiguous_framing(&headers) {
        return Err(UpstreamError::Malformed("two framings at once"));
    }
    Ok(Raw { status, headers, body: RawBody::Http(body) })
}

fn ambiguous_framing(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    lengths > 1 || (lengths > 0 && headers.contains_key(TRANSFER_ENCODING))
}

fn client_error(error: &hyper_util::client::legacy::Error) -> UpstreamError {
    if error.is_connect() {
        return UpstreamError::Connect;
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>()
            && (hyper.is_parse() || hyper.is_parse_status() || hyper.is_parse_too_large())
        {
            return UpstreamError::Malformed("its head cannot be parsed");
        }
        source = cause.source();
    }
    UpstreamError::Closed
}

/// Host, accept, accept-encoding, content-type, content-length, credential.
const OWN_HEADERS: usize = 6;
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_AND_EVENTS: HeaderValue =
    HeaderValue::from_static("application/json, text/event-stream");
