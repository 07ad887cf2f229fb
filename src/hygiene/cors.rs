//! Which web pages may talk to an endpoint.
//!
//! Owns the check of `Origin` and the fields of CORS answers (Fetch standard, "CORS protocol").
//! Browsers enforce CORS only for reading; the refusal of unlisted origins is what stops DNS
//! rebinding and is made here for every method.

use http::{HeaderMap, HeaderValue, header};

use super::routes::Place;
use crate::config::OauthEndpoint;
use crate::reject::{Code, Rejection};

/// Which page may read the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    /// No page asked.
    Off,
    /// Any: the document is public.
    Any,
    /// Any, and it may post: an OAuth endpoint that pages use without cookies.
    AnyPost,
    /// This listed origin.
    Origin(HeaderValue),
}

impl Cors {
    /// Adds what lets the page read an answer. Every answer that depends on the origin says so.
    pub fn apply(&self, answer: &mut HeaderMap) {
        match self {
            Self::Off => {}
            Self::Any | Self::AnyPost => {
                answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::Origin(origin) => {
                answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
                answer.append(header::VARY, HeaderValue::from_static("origin"));
            }
        }
    }

    /// Adds what answers a preflight, [`Cors::apply`] included. Credentials are never allowed:
    /// tokens travel in `Authorization`, which the page sets itself.
    pub fn apply_preflight(&self, answer: &mut HeaderMap) {
        self.apply(answer);
        let (methods, fields) = match self {
            Self::Off => return,
            Self::Any => ("GET, HEAD, OPTIONS", METADATA_FIELDS),
            Self::AnyPost => ("POST, OPTIONS", OAUTH_FIELDS),
            Self::Origin(_) => ("GET, POST, PUT, DELETE, OPTIONS", REQUEST_FIELDS),
        };
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(fields));
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

/// Refuses an `Origin` that is present and not listed for this server (S-44).
/// MCP 2026-07-28, Streamable HTTP, "Security & Endpoint": MUST answer 403 (DNS rebinding).
///
/// # Errors
/// [`Code::OriginRefused`], also for `null` and for a list of several.
pub fn listed_origin(headers: &HeaderMap, listed: &[String]) -> Result<Cors, Rejection> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(Cors::Off) };
    if listed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
        return Ok(Cors::Origin(origin.clone()));
    }
    Err(Rejection::new(Code::OriginRefused, "`Origin` is not listed for this server"))
}

/// Pages post to the token and the registration endpoint. The authorization endpoint is for
/// navigation alone: CORS must not be supported there (RFC 9700 section 2.6).
pub fn of_endpoint(endpoint: OauthEndpoint) -> Cors {
    match endpoint {
        OauthEndpoint::Token | OauthEndpoint::Register => Cors::AnyPost,
        OauthEndpoint::Authorize | OauthEndpoint::Callback => Cors::Off,
    }
}

/// Whether an `OPTIONS` request asks in a page's name whether another may follow. On a public
/// document every `OPTIONS` gets that answer.
pub fn is_preflight(place: Place, cors: &Cors, headers: &HeaderMap) -> bool {
    match (place, cors) {
        (Place::Metadata(_), _) | (Place::Oauth(_), Cors::AnyPost) => true,
        (Place::Mcp | Place::Sse | Place::Rest, Cors::Origin(_)) => {
            headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        }
        (Place::Oauth(_), Cors::Off | Cors::Any | Cors::Origin(_))
        | (Place::Mcp | Place::Sse | Place::Rest, Cors::Off | Cors::Any | Cors::AnyPost) => false,
    }
}

/// What a page may send to an endpoint. `Mcp-Param-*` fields cannot be listed without their names;
/// `*` covers them and does not cover `Authorization`, which is therefore named.
const REQUEST_FIELDS: &str = "*, authorization, dpop, content-type, accept, mcp-protocol-version, \
                              mcp-session-id, mcp-method, mcp-name, last-event-id";

const METADATA_FIELDS: &str = "*, mcp-protocol-version";

/// A client may prove itself in `Authorization`, which `*` does not cover.
const OAUTH_FIELDS: &str = "*, authorization, content-type, accept, mcp-protocol-version";

/// What a page may read of an answer besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "www-authenticate, dpop-nonce, mcp-session-id, mcp-protocol-version, retry-after, ratelimit, \
     ratelimit-policy, x-request-id",
);
