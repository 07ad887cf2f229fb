//! One request and its answer on one connection.
//!
//! Owns how requests look on the wire. Guarantees that an answer is read only up to its bound, and
//! that one with a redirect, another content coding or an unexpected status is none.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, DATE, HOST,
    USER_AGENT,
};
use http::request::Builder;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::{Answer, FetchError, Post};

/// A request for a document.
pub(super) fn get(url: &Url) -> Result<Request<Full<Bytes>>, FetchError> {
    head(Method::GET, url)?.body(Full::default()).map_err(|_| FetchError::Url)
}

/// A request with a body.
pub(super) fn post(url: &Url, post: Post<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let Post { media_type, accept, body, headers, identity: _ } = post;
    let request = head(Method::POST, url)?.header(CONTENT_TYPE, media_type);
    let mut request = request.body(Full::new(body)).map_err(|_| FetchError::Url)?;
    if let Some(accept) = accept {
        request.headers_mut().insert(ACCEPT, accept);
    }
    for (name, value) in headers {
        // What the request says of itself is not the caller's to change.
        if let Some(name) = name.filter(|name| !request.headers().contains_key(name)) {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

/// What every request says: where it goes and who asks.
fn head(method: Method, url: &Url) -> Result<Builder, FetchError> {
    super::check_url(url)?;
    let host = url.host_str().ok_or(FetchError::Url)?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok(Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("sallyport/", env!("CARGO_PKG_VERSION"))))
}

/// Sends one request on a fresh connection and reads its answer.
pub(super) async fn converse<I>(
    stream: I,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, FetchError>
where
    I: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Http)?;
    let talk = async move {
        let answer = sender.send_request(request).await.map_err(|_| FetchError::Http)?;
        read(answer, bytes_max).await
    };
    // The connection's own future is driven beside the talk instead of in a task, so that giving
    // up on a fetch leaves nothing behind.
    let (mut talk, mut connection) = (std::pin::pin!(talk), std::pin::pin!(connection));
    let mut open = true;
    loop {
        tokio::select! {
            done = &mut talk => return done,
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn read(answer: Response<Incoming>, bytes_max: usize) -> Result<Answer, FetchError> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(FetchError::Redirect(status.as_u16()));
    }
    if status != StatusCode::OK && !status.is_client_error() {
        return Err(FetchError::Status(status.as_u16()));
    }
    let (head, body) = answer.into_parts();
    if head.headers.get_all(CONTENT_ENCODING).iter().any(|v| v != "identity") {
        return Err(FetchError::Encoded);
    }
    let body = Limited::new(body, bytes_max).collect().await.map_err(|e| {
        if e.is::<LengthLimitError>() { FetchError::TooLarge(bytes_max) } else { FetchError::Http }
    })?;
    Ok(Answer { status, headers: head.headers, body: body.to_bytes() })
}

/// The answer's lifetime by `Cache-Control`; the shortest one where it names several.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut shortest = None;
    for value in headers.get_all(CACHE_CONTROL).iter().filter_map(|v| v.to_str().ok()) {
        for directive in value.split(',').map(|d| d.trim().to_ascii_lowercase()) {
            let seconds = match directive.split_once('=') {
                Some(("max-age", seconds)) => seconds.trim_matches('"').parse().ok(),
                Some(_) => None,
                None => (directive == "no-store" || directive == "no-cache").then_some(0),
            };
            shortest = match (shortest, seconds) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
    }
    shortest.map(Duration::from_secs)
}

/// What time it was where an answer was made, seconds since the Unix epoch (RFC 9110 section
/// 6.6.1). A cache says how long ago that was (RFC 9111 section 5.1).
#[must_use]
pub fn date_s(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    Some(u64::try_from(date.as_second()).ok()?.saturating_add(age.unwrap_or(0)))
}

/// Header fields of an answer to a fetch. Real ones have 10 to 30.
const HEADERS_MAX: usize = crate::limits::HEADERS_MAX;

/// Bytes of the head of an answer to a fetch.
const HEAD_BYTES_MAX: usize = crate::limits::UPSTREAM_HEAD_BYTES_MAX;
