//! Methods and header fields: what each kind of target takes.
//!
//! Owns the rules about upgrade, repetition, media types and codings. Values that only one stage
//! understands (tokens, session ids) are judged there.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::config::OauthEndpoint;
use crate::reject::{Code, Rejection};

/// Refuses everything that would turn the connection into something else (S-42): `CONNECT`,
/// `Upgrade`, and `Connection: upgrade` without it. RFC 9110 section 7.8 lets a server ignore
/// `Upgrade`; a gateway that ignores it has neighbours that do not.
///
/// # Errors
/// [`Code::UpgradeRefused`].
pub fn refuse_upgrade(method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    let asks = || {
        headers.get_all(header::CONNECTION).iter().any(|value| {
            value.as_bytes().split(|b| *b == b',').any(|option| {
                let option = option.trim_ascii();
                option.eq_ignore_ascii_case(b"upgrade")
                    || option.eq_ignore_ascii_case(b"http2-settings")
            })
        })
    };
    if method == Method::CONNECT || headers.contains_key(header::UPGRADE) || asks() {
        return Err(Rejection::new(Code::UpgradeRefused, "the request asks for another protocol"));
    }
    Ok(())
}

/// Refuses a repeated field of which two readers could take different ones (S-46). Lists that may
/// be split over several fields and decide nothing here (`Accept`, `Cookie`, ..) may repeat.
///
/// # Errors
/// [`Code::HeaderInvalid`], [`Code::HeaderMismatch`] for `MCP-Protocol-Version` and `Mcp-*`.
pub fn refuse_repeated(headers: &HeaderMap) -> Result<(), Rejection> {
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    let repeated = headers
        .keys()
        .find(|name| is_single(name) && headers.get_all(*name).iter().nth(1).is_some());
    match repeated {
        Some(name) => {
            // Repeated claims about a message are answered like false ones (checklist 14). A
            // session id is no claim about the message.
            let claim = name.as_str().starts_with("mcp-") && *name != SESSION_ID;
            let code = if claim { Code::HeaderMismatch } else { Code::HeaderInvalid };
            Err(Rejection::new(code, format!("`{name}` is repeated")))
        }
        None => Ok(()),
    }
}

/// What an MCP endpoint takes: `POST` with one JSON message for a client that reads both kinds of
/// answers, `GET` for a stream, `DELETE` for the end of a session (MCP 2025-11-25, Streamable HTTP;
/// revisions that have fewer are told apart by the decode stage).
///
/// Clients look with a plain `GET` whether an endpoint wants a token, so the `Accept` of one that
/// is `anonymous` says nothing: the answer is 401 with the challenge.
///
/// # Errors
/// [`Code::MethodNotAllowed`], [`Code::EncodingRefused`], [`Code::MediaTypeRefused`],
/// [`Code::NotAcceptable`], [`Code::HeaderInvalid`] for a body where none belongs.
pub fn check_mcp(method: &Method, headers: &HeaderMap, anonymous: bool) -> Result<(), Rejection> {
    match *method {
        Method::POST => {
            plain_json(headers)?;
            accepts(headers, JSON)?;
            accepts(headers, EVENT_STREAM)
        }
        Method::GET if anonymous => bodiless(headers),
        Method::GET => {
            bodiless(headers)?;
            accepts(headers, EVENT_STREAM)
        }
        Method::DELETE => bodiless(headers),
        _ => Err(method_not_allowed("GET, POST, DELETE")),
    }
}

/// What the address of HTTP+SSE clients takes: `GET` for the stream, `POST` with the query that the
/// stream's `endpoint` event named. Answers come on the stream, so `Accept` of a POST says nothing.
///
/// # Errors
/// As [`check_mcp`], and [`Code::RouteUnknown`] for another query.
pub fn check_sse(
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Rejection> {
    match (method, query) {
        (&Method::POST, Some(query)) if stream_of(query).is_some() => plain_json(headers),
        (&Method::GET, None) => {
            bodiless(headers)?;
            accepts(headers, EVENT_STREAM)
        }
        (&Method::POST | &Method::GET, _) => {
            Err(Rejection::new(Code::RouteUnknown, "not the query of a stream's address"))
        }
        _ => Err(method_not_allowed("GET, POST")),
    }
}

/// The id of a stream in the query of its POST address: the whole query, in the one spelling that
/// the `endpoint` event has.
#[must_use]
pub fn stream_of(query: &str) -> Option<&str> {
    let id = query.strip_prefix("session=")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (!id.is_empty() && id.bytes().all(plain)).then_some(id)
}

/// What REST routes take. Which of them a path has is decided by the decode stage.
///
/// # Errors
/// [`Code::MethodNotAllowed`], [`Code::EncodingRefused`], [`Code::MediaTypeRefused`],
/// [`Code::HeaderInvalid`].
pub fn check_rest(method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    match *method {
        Method::POST | Method::PUT if is_empty(headers) => Ok(()),
        Method::POST | Method::PUT => plain_json(headers),
        Method::GET => bodiless(headers),
        Method::DELETE if has_body(headers) => plain_json(headers),
        Method::DELETE => Ok(()),
        _ => Err(method_not_allowed("GET, POST, PUT, DELETE")),
    }
}

/// Public documents are read, nothing else.
///
/// # Errors
/// [`Code::MethodNotAllowed`].
pub fn check_metadata(method: &Method) -> Result<(), Rejection> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(method_not_allowed("GET, HEAD, OPTIONS")),
    }
}

/// What the endpoints of the facade take: `GET` where browsers are sent, `POST` of a form at the
/// token endpoint (RFC 6749 section 3.2), of JSON for a registration (RFC 7591 section 3.1).
///
/// # Errors
/// [`Code::MethodNotAllowed`], [`Code::EncodingRefused`], [`Code::MediaTypeRefused`],
/// [`Code::HeaderInvalid`].
pub fn check_oauth(
    endpoint: OauthEndpoint,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Rejection> {
    match (endpoint, method) {
        (OauthEndpoint::Authorize | OauthEndpoint::Callback, &Method::GET) => bodiless(headers),
        (OauthEndpoint::Authorize | OauthEndpoint::Callback, _) => Err(method_not_allowed("GET")),
        (OauthEndpoint::Token, &Method::POST) => {
            not_encoded(headers)?;
            if headers.get(header::CONTENT_TYPE).is_some_and(|value| is_utf8(value, FORM)) {
                return Ok(());
            }
            Err(Rejection::new(Code::MediaTypeRefused, "`Content-Type` is not that of a form"))
        }
        (OauthEndpoint::Register, &Method::POST) => plain_json(headers),
        (OauthEndpoint::Token | OauthEndpoint::Register, _) => {
            Err(method_not_allowed("POST, OPTIONS"))
        }
    }
}

/// Fields of which a request has at most one.
fn is_single(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 12] = [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::HOST,
        header::ORIGIN,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::ACCESS_CONTROL_REQUEST_METHOD,
        HeaderName::from_static("x-forwarded-for"),
        HeaderName::from_static("last-event-id"),
        HeaderName::from_static("dpop"),
    ];
    NAMES.contains(name) || name.as_str().starts_with("mcp-")
}

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// A body that everybody reads the same way: JSON in UTF-8, not encoded.
fn plain_json(headers: &HeaderMap) -> Result<(), Rejection> {
    not_encoded(headers)?;
    if headers.get(header::CONTENT_TYPE).is_some_and(|value| is_utf8(value, JSON.whole)) {
        return Ok(());
    }
    Err(Rejection::new(Code::MediaTypeRefused, "`Content-Type` is not application/json in UTF-8"))
}

fn bodiless(headers: &HeaderMap) -> Result<(), Rejection> {
    not_encoded(headers)?;
    if has_body(headers) {
        return Err(Rejection::new(Code::HeaderInvalid, "a body with a method that has none"));
    }
    Ok(())
}

/// Refuses every coding but `identity` (S-52): what is judged is what the server reads.
fn not_encoded(headers: &HeaderMap) -> Result<(), Rejection> {
    match headers.get(header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(coding) if coding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => Err(Rejection::new(Code::EncodingRefused, "the body has a content coding")),
    }
}

/// The media type, with at most `charset=utf-8` (RFC 8259 section 11 defines no parameter;
/// clients send this one, and it says nothing but the truth).
fn is_utf8(value: &HeaderValue, wanted: &str) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(|part| part.trim_matches(OWS));
    let named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case(wanted));
    named
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.eq_ignore_ascii_case("charset")
                && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// Whether the head announces body bytes.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// Whether the head says that there are none. HTTP/2 may say neither.
fn is_empty(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_TYPE)
        && !has_body(headers)
        && headers.contains_key(header::CONTENT_LENGTH)
}

/// A media type that the client must be able to read.
#[derive(Clone, Copy)]
struct Media {
    whole: &'static str,
    any_subtype: &'static str,
}

/// Content negotiation by RFC 9110 section 12.5.1: the most specific range that matches decides;
/// no `Accept` at all accepts everything.
fn accepts(headers: &HeaderMap, media: Media) -> Result<(), Rejection> {
    let Some(first) = headers.get(header::ACCEPT) else { return Ok(()) };
    // What MCP prescribes for clients, and nearly all of them send to the letter.
    if first == "application/json, text/event-stream" {
        return Ok(());
    }
    let mut best = (0, false);
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let (specific, wanted) = rank(range, media);
            if specific > best.0 {
                best = (specific, wanted);
            } else if specific == best.0 {
                best.1 |= wanted;
            }
        }
    }
    if best.0 > 0 && best.1 {
        return Ok(());
    }
    Err(Rejection::new(Code::NotAcceptable, format!("`Accept` excludes {}", media.whole)))
}

/// How specifically a range matches (0: not at all), and whether its weight is above zero.
fn rank(range: &str, media: Media) -> (u8, bool) {
    let mut parts = range.split(';').map(|part| part.trim_matches(OWS));
    let name = parts.next().unwrap_or_default();
    let specific = if name.eq_ignore_ascii_case(media.whole) {
        3
    } else if name.eq_ignore_ascii_case(media.any_subtype) {
        2
    } else {
        u8::from(name == "*/*")
    };
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("q").then_some(value)
    });
    let wanted = match weight {
        None => true,
        Some(weight) => weight.parse::<f32>().is_ok_and(|q| q > 0.0 && q <= 1.0),
    };
    (specific, wanted)
}

fn method_not_allowed(allow: &'static str) -> Rejection {
    let mut rejection = Rejection::new(Code::MethodNotAllowed, "this target has no such method");
    rejection.allow = Some(allow);
    rejection
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: Media = Media { whole: "application/json", any_subtype: "application/*" };
const EVENT_STREAM: Media = Media { whole: "text/event-stream", any_subtype: "text/*" };

/// Optional white space, RFC 9110 section 5.6.3.
const OWS: [char; 2] = [' ', '\t'];
